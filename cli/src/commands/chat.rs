//! `chat`: text from the model on the chain, byte by byte.

use crate::{
	amount,
	args::ChatArgs,
	client::{Client, Generated, GenerationCost},
	failure::{Context, Failure, Outcome},
	session::Session,
};
use serde_json::{json, Value};
use std::io::{BufRead, IsTerminal, Write};

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
	Ok(())
}

fn show(session: &Session, text: &str) {
	if !session.output.is_json() {
		let mut stdout = std::io::stdout();
		let _ = write!(stdout, "{text}").and_then(|()| stdout.flush());
	}
}

/// What came back.
pub struct Answer {
	/// The text, without the prompt.
	pub text: String,
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
	let request = request(args, prompt)?;
	let mut stream = client.generate(&request).await?;
	let mut bytes = Vec::new();
	while let Some(message) = stream.next().await {
		match message.context("the node's answer")? {
			Generated::Byte { byte_hex, text, .. } => {
				bytes.extend(hex::decode(&byte_hex)?);
				on_text(&text);
			}
			Generated::Done(cost) => {
				return Ok(Answer { text: String::from_utf8_lossy(&bytes).into_owned(), cost })
			}
			Generated::Failed { error } => {
				return Err(Failure::new(format!("the node gave up: {error}")).next("look at its log"))
			}
		}
	}
	Err(Failure::new("the node stopped in the middle of its answer").next("try again, or look at its log"))
}

fn request(args: &ChatArgs, prompt: &str) -> Outcome<Value> {
	if !(0.0..=TEMPERATURE_MAX).contains(&args.temperature) || !(0.0..=1.0).contains(&args.top_p) {
		return Err(Failure::new("temperature or top-p out of range")
			.next(format!("--temperature takes 0 to {TEMPERATURE_MAX}, --top-p 0 to 1")));
	}
	let seed = args.seed.unwrap_or_else(rand::random);
	// The network samples in integers: 256 stands for one.
	let q8 = |value: f32| (value * 256.0).round() as u32;
	Ok(json!({
		"model": args.model,
		"prompt": prompt,
		"max_bytes": args.max_bytes,
		"temperature_q8": q8(args.temperature),
		"top_p_q8": q8(args.top_p),
		"seed": seed,
	}))
}
