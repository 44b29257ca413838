//! `chat --model DIR`: a conversation with a model on this machine. No node is asked.

use super::chat::read_prompt;
use crate::{
	args::ChatArgs,
	failure::{Failure, Outcome},
	local_model::LocalModel,
	output::Output,
	records::{self, Record},
	session::Session,
};
use blyan_exact::Sampling;
use blyan_open_model::{
	conversation::{Answer, Conversation, End, Settings},
	text::{Chat, Message},
	GenerationRecord, Manifest,
};
use serde_json::json;
use std::{
	io::{IsTerminal, Write},
	path::{Path, PathBuf},
};

/// Tokens of an answer, unless the user says otherwise.
const TOKENS_MAX: usize = 512;

/// Answers once, or talks until the user has had enough.
pub async fn run(session: &Session, args: ChatArgs, dir: PathBuf) -> Outcome<()> {
	if args.prompt_hex.is_some() {
		return Err(Failure::new("--prompt-hex belongs to a model on the chain")
			.next("leave it out, or name the model by its number"));
	}
	let output = session.output.clone();
	tokio::task::spawn_blocking(move || talk(&output, &args, &dir)).await?
}

fn talk(output: &Output, args: &ChatArgs, dir: &Path) -> Outcome<()> {
	let sampling = super::chat::settings(args)?;
	let settings = Settings {
		sampling: Sampling {
			temperature: sampling.temperature_q8,
			top_p: sampling.top_p_q8,
			seed: Sampling::key_of(sampling.seed),
		},
		tokens_max: args.local.max_tokens.unwrap_or(TOKENS_MAX),
		stop: args.local.stop.clone(),
	};
	let spinner = output.spinner("loading");
	let LocalModel { manifest, tokenizer, runner, .. } = LocalModel::open(dir, args.local.threads)?;
	drop(spinner);
	let conversation =
		Conversation::new(runner, Chat::new(tokenizer)?, manifest.ends.clone(), args.local.system.clone());
	if conversation.has_default_template() {
		output.warn(
			"the checkpoint has no chat template: ChatML is used, which it may not have been trained on",
		);
	}
	let save = args.save.as_deref();
	let mut talk = Talk { output, dir, conversation, manifest, settings, seed: sampling.seed, save };
	if let Some(prompt) = &args.prompt {
		return talk.answer(prompt.clone());
	}
	let stdin = std::io::stdin();
	if stdin.is_terminal() {
		output.say("Write a message; an empty line ends the conversation.");
	}
	let mut input = stdin.lock();
	while let Some(line) = read_prompt(&mut input)? {
		match line {
			Ok(message) if message.is_empty() => break,
			Ok(message) => talk.answer(message)?,
			Err(reason) => output.warn(reason),
		}
	}
	Ok(())
}

/// A conversation at the terminal, and what its records say.
struct Talk<'a> {
	output: &'a Output,
	/// Directory of the model.
	dir: &'a Path,
	conversation: Conversation,
	manifest: Manifest,
	settings: Settings,
	/// Number that the key of the settings was made of.
	seed: u64,
	/// File of the records.
	save: Option<&'a Path>,
}

impl Talk<'_> {
	/// Answers a message, shows the answer as it comes, and keeps a record if one is wanted.
	fn answer(&mut self, message: String) -> Outcome<()> {
		self.conversation.push(Message::user(message.clone()));
		let answer = self.conversation.answer(&self.settings, |text| {
			if !self.output.is_json() {
				let mut stdout = std::io::stdout();
				let _ = write!(stdout, "{text}").and_then(|()| stdout.flush());
			}
		})?;
		show(self.output, &message, &answer, self.seed);
		match self.save {
			Some(path) => self.save(path, &answer),
			None => Ok(()),
		}
	}

	fn save(&self, path: &Path, answer: &Answer) -> Outcome<()> {
		let record = GenerationRecord::new(&self.manifest, &self.settings, self.seed, answer);
		records::append(path, &Record::Generation(Box::new(record)))?;
		let root = format!("0x{}", self.manifest.model_root);
		let (shown, dir) = (path.display(), self.dir.display());
		let text =
			format!("-- saved; check it with: blyan audit replay {shown} --model-dir {dir} (model {root})");
		self.output.event("saved", json!({ "file": path, "model_root": root }), text);
		Ok(())
	}
}

/// Shows what an answer cost, and what was left out of it.
fn show(output: &Output, message: &str, answer: &Answer, seed: u64) {
	let value = json!({
		"prompt": message,
		"text": answer.text,
		"end": answer.end.name(),
		"seed": seed,
		"prompt_tokens": answer.prompt_tokens,
		"prompt_tokens_cut": answer.prompt_tokens_cut,
		"generated_tokens": answer.tokens.len(),
		"reading_seconds": answer.reading.as_secs_f64(),
		"generating_seconds": answer.generating.as_secs_f64(),
	});
	output.result(&value, format!("\n-- {}", cost_line(answer, seed)));
	if answer.prompt_tokens_cut > 0 {
		output.say(format!(
			"-- the conversation does not fit the model's context: {} tokens of it ({} messages) were left out",
			answer.prompt_tokens_cut, answer.messages_cut
		));
	}
	match answer.end {
		End::ContextFull => output.say("-- the answer ends here because the model's context is full"),
		End::Finished(_) | End::Cancelled => {}
	}
}

fn cost_line(answer: &Answer, seed: u64) -> String {
	let read = answer.prompt_tokens - answer.prompt_tokens_known;
	let rate = |tokens: usize, seconds: f64| tokens as f64 / seconds.max(1e-9);
	format!(
		"{read} tokens read ({:.0} a second), {} generated ({:.1} a second), seed {seed}",
		rate(read, answer.reading.as_secs_f64()),
		answer.tokens.len(),
		rate(answer.tokens.len(), answer.generating.as_secs_f64())
	)
}
