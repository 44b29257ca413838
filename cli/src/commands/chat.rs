//! `chat`: text from the model on the chain, byte by byte.

use crate::{
	amount,
	args::ChatArgs,
	client::{Client, Generated, GenerationCost},
	failure::{Context, Failure, Outcome},
	records::{self, prompt_bytes, AnswerRecord, ModelRecord, Record, Text},
	session::Session,
};
use serde_json::{json, Value};
use sp_core::H256;
use std::{
	io::{BufRead, IsTerminal, Write},
	path::Path,
};
use subxt::rpcs::client::RpcParams;

/// Highest temperature that nodes accept.
const TEMPERATURE_MAX: f32 = 8.0;

/// Generates once, or until the user has had enough.
pub async fn run(session: &Session, args: ChatArgs) -> Outcome<()> {
	let client = session.connect().await?;
	if let Some(prompt) = &args.prompt {
		return continue_text(session, &client, &args, prompt).await;
	}
	let stdin = std::io::stdin();
	if stdin.is_terminal() {
		session.output.say("Write the beginning of a text; the model continues it. An empty line ends.");
	}
	for line in stdin.lock().lines() {
		let prompt = line?;
		if prompt.is_empty() {
			break;
		}
		continue_text(session, &client, &args, &prompt).await?;
	}
	Ok(())
}

/// Shows the prompt and, as it comes, what the model adds.
async fn continue_text(session: &Session, client: &Client, args: &ChatArgs, prompt: &str) -> Outcome<()> {
	let mut not_shown = Some(prompt);
	let mut on_text = |text: &str| {
		not_shown.take().into_iter().chain([text]).for_each(|part| show(session, part));
	};
	let answer = generate(client, args, prompt, &mut on_text).await?;
	let value = json!({ "prompt": prompt, "text": answer.text, "cost": answer.cost });
	session.output.result(&value, format!("\n-- {}", answer.cost_line()));
	match &args.save {
		Some(path) => save(session, client, args, prompt, &answer, path).await,
		None => Ok(()),
	}
}

/// Adds the answer to a file, with everything that it follows from.
async fn save(
	session: &Session,
	client: &Client,
	args: &ChatArgs,
	prompt: &str,
	answer: &Answer,
	path: &Path,
) -> Outcome<()> {
	let root: H256 = serde_json::from_value(answer.cost.model_root.as_str().into())
		.context("the node's name for its model")?;
	let model = ModelRecord::new(root, &client.model(args.model).await?);
	if model.parts.is_none() {
		session.output.warn(
			"the model has changed since it answered; to check this answer, name a folder of it with --model-dir",
		);
	}
	let node: String = client.request("system_version", RpcParams::new()).await?;
	let record = AnswerRecord {
		model,
		prompt: Text::new(&prompt_bytes(prompt)),
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

/// How bytes were chosen, as the request says it.
#[derive(Clone, Copy)]
pub struct Settings {
	seed: u64,
	temperature_q8: u16,
	top_p_q8: u16,
}

/// What came back.
pub struct Answer {
	/// The text, without the prompt.
	pub text: String,
	/// The same as it was sent.
	bytes: Vec<u8>,
	/// How it was asked for.
	settings: Settings,
	/// What it took.
	pub cost: GenerationCost,
}

impl Answer {
	/// The cost in one line.
	pub fn cost_line(&self) -> String {
		let cost = &self.cost;
		let rate = cost.generated_bytes as f64 / cost.seconds.max(1e-9);
		let price = crate::client::as_u128(&cost.price_planck).unwrap_or_default();
		let charged = if cost.charged { "charged" } else { "a quote, nothing was charged" };
		format!(
			"{} bytes in, {} out, {:.2} s ({rate:.0} bytes/s), {} operations, {} ({charged}), model {}",
			cost.prompt_bytes,
			cost.generated_bytes,
			cost.seconds,
			cost.operations,
			amount::show(price),
			&cost.model_root[..cost.model_root.len().min(10)]
		)
	}
}

/// Generates, handing over text as it comes.
pub async fn generate(
	client: &Client,
	args: &ChatArgs,
	prompt: &str,
	mut on_text: impl FnMut(&str),
) -> Outcome<Answer> {
	let settings = settings(args)?;
	let request = request(args, settings, prompt);
	let mut stream = client.generate(&request).await?;
	let mut bytes = Vec::new();
	while let Some(message) = stream.next().await {
		match message.context("the node's answer")? {
			Generated::Byte { byte_hex, text, .. } => {
				bytes.extend(hex::decode(&byte_hex)?);
				on_text(&text);
			}
			Generated::Done(cost) => {
				return Ok(Answer {
					text: String::from_utf8_lossy(&bytes).into_owned(),
					bytes,
					settings,
					cost,
				})
			}
			Generated::Failed { error } => {
				return Err(Failure::new(format!("the node gave up: {error}")).next("look at its log"))
			}
		}
	}
	Err(Failure::new("the node stopped in the middle of its answer").next("try again, or look at its log"))
}

fn settings(args: &ChatArgs) -> Outcome<Settings> {
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

fn request(args: &ChatArgs, settings: Settings, prompt: &str) -> Value {
	json!({
		"model": args.model,
		"prompt": prompt,
		"max_bytes": args.max_bytes,
		"temperature_q8": settings.temperature_q8,
		"top_p_q8": settings.top_p_q8,
		"seed": settings.seed,
	})
}
