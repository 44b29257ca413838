//! `chat`: text from the model on the chain, byte by byte.

use crate::{
	amount,
	args::{ChatArgs, ChatModel},
	client::Client,
	failure::{Context, Failure, Outcome},
	records::{self, AnswerRecord, ModelRecord, Record, Text},
	session::Session,
};
use blyan_rpc_api::{GenerateEvent, GenerateRequest, GenerateSummary};
use serde_json::json;
use std::{
	io::{BufRead, IsTerminal, Write},
	path::Path,
};
use subxt::rpcs::client::RpcParams;

/// Highest temperature that nodes accept.
const TEMPERATURE_MAX: f32 = 8.0;

/// The text that the model continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
	/// Text, whatever it looks like.
	Text(String),
	/// Bytes that need not be text.
	Bytes(Vec<u8>),
}

impl Prompt {
	fn bytes(&self) -> &[u8] {
		match self {
			Self::Text(text) => text.as_bytes(),
			Self::Bytes(bytes) => bytes,
		}
	}

	/// Text for people; bytes that are none become the replacement character.
	fn shown(&self) -> String {
		String::from_utf8_lossy(self.bytes()).into_owned()
	}

	/// The field of a request, and of what is printed for programs.
	fn field(&self) -> (&'static str, String) {
		match self {
			Self::Text(text) => ("prompt", text.clone()),
			Self::Bytes(bytes) => ("prompt_hex", format!("0x{}", hex::encode(bytes))),
		}
	}
}

/// Generates once, or until the user has had enough.
pub async fn run(session: &Session, args: ChatArgs) -> Outcome<()> {
	if args.local.is_given() {
		return Err(Failure::new(
			"--system, --stop, --max-tokens and --threads belong to a model on this machine",
		)
		.next("name its directory: blyan chat --model DIR"));
	}
	let client = session.connect().await?;
	let given = args.prompt.clone().map(Prompt::Text);
	let given = given.or_else(|| args.prompt_hex.clone().map(|bytes| Prompt::Bytes(bytes.0)));
	if let Some(prompt) = given {
		return continue_text(session, &client, &args, &prompt).await;
	}
	let stdin = std::io::stdin();
	if stdin.is_terminal() {
		session.output.say("Write the beginning of a text; the model continues it. An empty line ends.");
	}
	let mut input = stdin.lock();
	while let Some(line) = read_prompt(&mut input)? {
		match line {
			Ok(prompt) if prompt.is_empty() => break,
			Ok(prompt) => continue_text(session, &client, &args, &Prompt::Text(prompt)).await?,
			Err(reason) => session.output.warn(reason),
		}
	}
	Ok(())
}

/// Longest line that is read; nodes take no longer prompt.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// The next line without its end; `None` at the end of the input. A line that is not text says why, and ends nothing.
pub fn read_prompt(input: &mut impl BufRead) -> Outcome<Option<Result<String, String>>> {
	use std::io::Read;
	let mut line = Vec::new();
	if input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
		return Ok(None);
	}
	while line.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
		line.pop();
	}
	let text = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line);
	Ok(Some(String::from_utf8(text.to_vec()).map_err(|error| {
		let at = error.utf8_error().valid_up_to();
		format!(
			"that line was not sent: its byte {} is 0x{:02x}, which is not UTF-8; for bytes there is --prompt-hex",
			at + 1,
			error.as_bytes()[at]
		)
	})))
}

/// Shows the prompt and, as it comes, what the model adds.
async fn continue_text(session: &Session, client: &Client, args: &ChatArgs, prompt: &Prompt) -> Outcome<()> {
	let shown = prompt.shown();
	let mut not_shown = Some(shown.as_str());
	let mut on_text = |text: &str| {
		not_shown.take().into_iter().chain([text]).for_each(|part| show(session, part));
	};
	let answer = generate(client, args, prompt, &mut on_text).await?;
	let (field, text) = prompt.field();
	let value = json!({ field: text, "text": answer.text, "cost": answer.cost });
	session.output.result(&value, format!("\n-- {}", answer.cost_line()));
	if let Some(note) = truncation(&answer.cost) {
		session.output.say(format!("-- {note}"));
	}
	match &args.save {
		Some(path) => save(session, client, args, prompt, &answer, path).await,
		None => Ok(()),
	}
}

/// Returns a warning if the prompt is longer than the model's context window.
fn truncation(cost: &GenerateSummary) -> Option<String> {
	cost.truncated.then(|| {
		format!(
			"the prompt was truncated: the model has seen the last {} bytes of {}; it sees no more at once (its context)",
			cost.prompt_bytes_seen, cost.prompt_bytes
		)
	})
}

/// Adds the answer to a file, with everything that it follows from.
async fn save(
	session: &Session,
	client: &Client,
	args: &ChatArgs,
	prompt: &Prompt,
	answer: &Answer,
	path: &Path,
) -> Outcome<()> {
	let root = answer.cost.model_root;
	let model = ModelRecord::new(root, &client.model(number(args)?).await?);
	if model.parts.is_none() {
		session.output.warn(
			"the model has changed since it answered; to check this answer, name a folder of it with --model-dir",
		);
	}
	let node: String = client.request("system_version", RpcParams::new()).await?;
	let record = AnswerRecord {
		model,
		prompt: Text::new(prompt.bytes()),
		seed: answer.settings.seed,
		temperature_q8: answer.settings.temperature_q8,
		top_p_q8: answer.settings.top_p_q8,
		answer: Text::new(&answer.bytes),
		max_bytes: args.max_bytes,
		engine: format!("blyan-node {node}"),
	};
	records::append(path, &Record::Answer(Box::new(record)))?;
	let (shown, root) = (path.display(), crate::names::short_hash(&root));
	let text = format!("-- saved; check it with: blyan audit replay {shown} (model {root})");
	session.output.event("saved", json!({ "file": path, "model_root": answer.cost.model_root }), text);
	Ok(())
}

fn show(session: &Session, text: &str) {
	if !session.output.is_json() {
		let mut stdout = std::io::stdout();
		let _ = write!(stdout, "{text}").and_then(|()| stdout.flush());
	}
}

/// Sampling settings, in the units of the request.
#[derive(Clone, Copy)]
pub struct Settings {
	/// Seed.
	pub seed: u64,
	/// Temperature; 256 stands for one.
	pub temperature_q8: u16,
	/// Share of the probability mass; 256 stands for all of it.
	pub top_p_q8: u16,
}

/// A generated answer.
pub struct Answer {
	/// The text, without the prompt.
	pub text: String,
	/// The same as it was sent.
	bytes: Vec<u8>,
	/// The settings it was asked for with.
	settings: Settings,
	/// Its cost.
	pub cost: GenerateSummary,
}

impl Answer {
	/// The cost in one line.
	pub fn cost_line(&self) -> String {
		let cost = &self.cost;
		let seconds = cost.seconds.0.as_secs_f64();
		let rate = cost.generated_bytes as f64 / seconds.max(1e-9);
		let price = cost.price_planck.parse().unwrap_or_default();
		let charged = if cost.charged { "charged" } else { "a quote, nothing was charged" };
		format!(
			"{} bytes in, {} out, {seconds:.2} s ({rate:.0} bytes/s), {} operations, {} ({charged}), model {}",
			cost.prompt_bytes,
			cost.generated_bytes,
			cost.operations,
			amount::show(price),
			crate::names::short_hash(&cost.model_root)
		)
	}
}

/// Generates, handing over text as it comes.
pub async fn generate(
	client: &Client,
	args: &ChatArgs,
	prompt: &Prompt,
	mut on_text: impl FnMut(&str),
) -> Outcome<Answer> {
	let settings = settings(args)?;
	let request = request(args, settings, prompt)?;
	let mut stream = client.generate(&request).await?;
	let mut bytes = Vec::new();
	while let Some(message) = stream.next().await {
		match message.context("the node's answer")? {
			GenerateEvent::Byte { byte_hex, text, .. } => {
				bytes.extend(hex::decode(&byte_hex)?);
				on_text(&text);
			}
			GenerateEvent::Done(cost) => {
				on_text(&cost.text);
				return Ok(Answer {
					text: String::from_utf8_lossy(&bytes).into_owned(),
					bytes,
					settings,
					cost,
				});
			}
			GenerateEvent::Failed { error } => {
				return Err(Failure::new(format!("the node gave up: {error}")).next("look at its log"))
			}
		}
	}
	Err(Failure::new("the node stopped in the middle of its answer").next("try again, or look at its log"))
}

/// Returns the settings in the network's units; the seed is random unless one is given.
pub fn settings(args: &ChatArgs) -> Outcome<Settings> {
	if !(0.0..=TEMPERATURE_MAX).contains(&args.temperature) || !(0.0..=1.0).contains(&args.top_p) {
		return Err(Failure::new("temperature or top-p out of range")
			.next(format!("--temperature takes 0 to {TEMPERATURE_MAX}, --top-p 0 to 1")));
	}
	// The network samples in integers: 256 stands for one.
	let q8 = |value: f32| (value * 256.0).round() as u16;
	Ok(Settings {
		seed: args.seed.unwrap_or_else(rand::random),
		temperature_q8: q8(args.temperature),
		top_p_q8: q8(args.top_p),
	})
}

/// Returns the number of a model on the chain.
fn number(args: &ChatArgs) -> Outcome<u32> {
	match &args.model {
		ChatModel::Chain(number) => Ok(*number),
		ChatModel::Directory(dir) => {
			Err(Failure::new(format!("{} is a model on this machine", dir.display()))
				.next("name a model on the chain by its number"))
		}
	}
}

fn request(args: &ChatArgs, settings: Settings, prompt: &Prompt) -> Outcome<GenerateRequest> {
	let mut request = GenerateRequest {
		model: Some(number(args)?),
		max_bytes: Some(args.max_bytes),
		temperature_q8: Some(settings.temperature_q8),
		top_p_q8: Some(settings.top_p_q8),
		seed: Some(settings.seed),
		..Default::default()
	};
	match prompt {
		Prompt::Text(text) => request.prompt = Some(text.clone()),
		Prompt::Bytes(bytes) => request.prompt_hex = Some(hex::encode(bytes)),
	}
	Ok(request)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::args::LocalChatArgs;
	use blyan_rpc_api::Seconds;
	use std::time::Duration;

	fn prompts(mut input: &[u8]) -> Vec<Result<String, String>> {
		std::iter::from_fn(|| read_prompt(&mut input).unwrap()).collect()
	}

	#[test]
	fn a_line_that_is_not_text_is_named_and_the_next_one_is_read() {
		let read = prompts(b"one\n\xff\xfe\ntw\xc3\r\n\xef\xbb\xbfthree\r\nfour");
		assert_eq!(read.len(), 5);
		assert_eq!(
			(&read[0], &read[3], &read[4]),
			(&Ok("one".into()), &Ok("three".into()), &Ok("four".into()))
		);
		assert!(read[1].as_ref().is_err_and(|said| said.contains("its byte 1 is 0xff")));
		assert!(read[2].as_ref().is_err_and(|said| said.contains("its byte 3 is 0xc3")));
	}

	#[test]
	fn text_is_sent_as_text_and_bytes_in_their_own_field() {
		let args = ChatArgs { seed: Some(1), ..no_prompt() };
		let settings = settings(&args).unwrap();
		for text in ["0xdeadbeef", "0x", "0xTaylor", "fn main"] {
			let request = request(&args, settings, &Prompt::Text(text.into())).unwrap();
			assert_eq!((request.prompt.as_deref(), request.prompt_hex), (Some(text), None));
		}
		let request = request(&args, settings, &Prompt::Bytes(vec![0xf0, 0x9f])).unwrap();
		assert_eq!((request.prompt, request.prompt_hex.as_deref()), (None, Some("f09f")));
	}

	#[test]
	fn a_truncated_prompt_is_told() {
		let mut cost = GenerateSummary {
			done: true,
			text: String::new(),
			prompt_bytes: 300,
			prompt_bytes_seen: 300,
			truncated: false,
			generated_bytes: 1,
			operations: 12,
			seconds: Seconds(Duration::from_millis(500)),
			model_root: Default::default(),
			price_planck: "4".into(),
			charged: false,
		};
		assert_eq!(truncation(&cost), None);
		(cost.prompt_bytes_seen, cost.truncated) = (255, true);
		let note = truncation(&cost).unwrap();
		assert!(note.contains("the last 255 bytes of 300"), "{note}");
	}

	fn no_prompt() -> ChatArgs {
		ChatArgs {
			model: ChatModel::Chain(0),
			prompt: None,
			prompt_hex: None,
			max_bytes: 1,
			temperature: 0.0,
			top_p: 1.0,
			seed: None,
			save: None,
			session: None,
			verify: None,
			local: LocalChatArgs::default(),
		}
	}
}
