//! `chat --model DIR`: a conversation with a model on this machine. No node is asked.

use super::chat::read_prompt;
use crate::{
	args::ChatArgs,
	failure::{Failure, Outcome},
	output::Output,
	session::Session,
};
use blyan_exact::Sampling;
use blyan_open_model::{
	conversation::{Answer, Conversation, End, Settings},
	load,
	text::{Chat, Message},
	Directory, Runner,
};
use serde_json::json;
use std::{
	io::{IsTerminal, Write},
	path::{Path, PathBuf},
	sync::Arc,
};

/// Tokens of an answer, unless the user says otherwise.
const TOKENS_MAX: usize = 512;

/// Answers once, or talks until the user has had enough.
pub async fn run(session: &Session, args: ChatArgs, dir: PathBuf) -> Outcome<()> {
	if args.prompt_hex.is_some() || args.save.is_some() {
		return Err(Failure::new("--prompt-hex and --save belong to a model on the chain")
			.next("leave them out, or name the model by its number"));
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
	let mut conversation = open(dir, args)?;
	drop(spinner);
	if conversation.has_default_template() {
		output.warn(
			"the checkpoint has no chat template: ChatML is used, which it may not have been trained on",
		);
	}
	if let Some(prompt) = &args.prompt {
		return answer(output, &mut conversation, &settings, prompt.clone(), sampling.seed);
	}
	let stdin = std::io::stdin();
	if stdin.is_terminal() {
		output.say("Write a message; an empty line ends the conversation.");
	}
	let mut input = stdin.lock();
	while let Some(line) = read_prompt(&mut input)? {
		match line {
			Ok(message) if message.is_empty() => break,
			Ok(message) => answer(output, &mut conversation, &settings, message, sampling.seed)?,
			Err(reason) => output.warn(reason),
		}
	}
	Ok(())
}

fn open(dir: &Path, args: &ChatArgs) -> Outcome<Conversation> {
	let directory = Directory::new(dir);
	let manifest = directory.manifest()?;
	let architecture = directory.architecture(&manifest)?;
	let chat = Chat::new(Arc::new(directory.tokenizer(&manifest)?))?;
	let weights = load(&directory, &manifest, &architecture)?;
	let runner = Runner::on_this_machine(Arc::new(weights), args.local.threads)?;
	Ok(Conversation::new(runner, chat, manifest.ends, args.local.system.clone()))
}

fn answer(
	output: &Output,
	conversation: &mut Conversation,
	settings: &Settings,
	message: String,
	seed: u64,
) -> Outcome<()> {
	conversation.push(Message::user(message.clone()));
	let answer = conversation.answer(settings, |text| {
		if !output.is_json() {
			let mut stdout = std::io::stdout();
			let _ = write!(stdout, "{text}").and_then(|()| stdout.flush());
		}
	})?;
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
	output.result(&value, format!("\n-- {}", cost_line(&answer, seed)));
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
	Ok(())
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
