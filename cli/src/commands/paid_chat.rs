//! `chat --session N`: a conversation with an operator, of which every answer is paid, checked, and shown with its cost.

use super::{
	chat::{read_prompt, settings},
	connect::{self, Paying},
};
use crate::{
	args::ChatArgs,
	failure::{Failure, Kind, Outcome},
	local_model::LocalModel,
	output::Output,
	paying::{
		channel::Channel,
		check::Billed,
		delivery::Reader,
		payer::{Bill, Paid, Patience, PayError, Payer, Request},
		request::Route,
		wire,
	},
	records::{self, Record},
	session::Session,
};
use axum::body::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{
	header::{HeaderMap, HeaderValue, CONTENT_LENGTH, CONTENT_TYPE},
	http::uri::PathAndQuery,
};
use serde_json::{json, Value};
use sp_core::H256;
use std::{
	io::{IsTerminal, Write},
	path::{Path, PathBuf},
	sync::Arc,
};

/// Tokens of an answer, unless the user says otherwise.
const TOKENS_MAX: usize = 512;
/// Route of a conversation.
const PATH: &str = "/v1/chat/completions";
/// Time in which the operator takes a voucher for exactly what it charged, at the end.
const SQUARE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3);
/// Largest body of a refusal.
const REFUSAL_BYTES_MAX: usize = 1 << 20;

/// Answers once, or talks until the user has had enough.
pub async fn run(session: &Session, args: ChatArgs) -> Outcome<()> {
	let Some(id) = args.session else { return Err(Failure::new("no session is named")) };
	settings(&args)?;
	// Each answer's bill comes with it.
	let (reports, _) = tokio::sync::mpsc::unbounded_channel();
	let Paying { payer, .. } = connect::pay(session, id, args.verify.as_deref(), reports).await?;
	let verifier = match &args.verify {
		Some(dir) => Some(Verifier::load(&session.output, dir.clone()).await?),
		None => None,
	};
	let mut messages = Vec::new();
	if let Some(system) = &args.local.system {
		messages.push(json!({ "role": "system", "content": system }));
	}
	let mut talk = Talk { output: &session.output, args: &args, payer, verifier, messages };
	let talked = talk.run().await;
	drop(tokio::time::timeout(SQUARE_TIMEOUT, talk.payer.square()).await);
	talked
}

impl Talk<'_> {
	/// Answers the message of the command line, or all that the user types.
	async fn run(&mut self) -> Outcome<()> {
		if let Some(prompt) = &self.args.prompt {
			return self.answer(prompt.clone()).await;
		}
		let stdin = std::io::stdin();
		if stdin.is_terminal() {
			self.output.say("Write a message; an empty line ends the conversation.");
		}
		while let Some(line) = read_prompt(&mut stdin.lock())? {
			match line {
				Ok(message) if message.is_empty() => break,
				Ok(message) => self.answer(message).await?,
				Err(reason) => self.output.warn(reason),
			}
		}
		Ok(())
	}
}

/// A conversation at the terminal.
struct Talk<'a> {
	output: &'a Output,
	args: &'a ChatArgs,
	payer: Arc<Payer>,
	verifier: Option<Verifier>,
	/// All messages so far, as the interface names them.
	messages: Vec<Value>,
}

impl Talk<'_> {
	/// Asks for an answer, shows it as it comes, waits for its bill, and computes it again if that is wanted.
	async fn answer(&mut self, message: String) -> Outcome<()> {
		self.messages.push(json!({ "role": "user", "content": message }));
		let model_root = self.payer.channel().await.terms.model_root;
		let request = request(self.args, &model_root, &self.messages)?;
		let Paid { response, bill } = self.payer.ask(request).await.map_err(failure)?;
		let (head, mut body) = response.into_parts();
		if !head.status.is_success() {
			let read = Limited::new(body, REFUSAL_BYTES_MAX).collect().await;
			let words = read.map_or_else(|error| error.to_string(), |read| wire::words(&read.to_bytes()));
			return Err(
				Failure::new(format!("the operator refused ({}): {words}", head.status)).kind(Kind::Refused)
			);
		}
		let (mut reader, mut text) = (Reader::new(true), String::new());
		while let Some(frame) = body.frame().await {
			let Ok(frame) = frame else { break };
			let Some(bytes) = frame.data_ref() else { continue };
			reader.push(bytes);
			let written = reader.text(0);
			if let Some(new) = written.get(text.len()..).filter(|new| !new.is_empty()) {
				show(self.output, new);
				text.push_str(new);
			}
		}
		drop(body);
		let bill = bill.await.map_err(|_| Failure::new("the answer has no bill"))?;
		self.messages.push(json!({ "role": "assistant", "content": text }));
		self.output.say("");
		self.report(&message, &text, &bill);
		if let Some(path) = &self.args.save {
			for billed in &bill.billed {
				records::append(path, &Record::Generation(Box::new(billed.generation.clone())))?;
			}
		}
		match (&bill.fault, self.verifier.as_mut()) {
			(Some(fault), _) => Err(Failure::new(fault).kind(Kind::Refused).next(format!(
				"the answer may be right all the same; look at the session: blyan session status {}",
				bill.channel.session
			))),
			(None, Some(verifier)) => verifier.verify(self.output, &bill).await,
			(None, None) => Ok(()),
		}
	}

	fn report(&self, message: &str, text: &str, bill: &Bill) {
		let genesis = bill.channel.genesis;
		let receipt = bill.billed.first();
		let value = json!({
			"prompt": message,
			"text": text,
			"receipt": receipt.map(|billed| format!("{:?}", billed.signed.id(&genesis))),
			"seed": receipt.map(|billed| billed.generation.seed.to_string()),
			"charged": bill.charged.to_string(),
			"charged_in_all": bill.channel.charged.to_string(),
			"fault": bill.fault,
		});
		self.output.result(&value, format!("-- {}", connect::cost_line(bill)));
	}
}

/// Makes a request of the messages so far. A gateway refuses one that names no model; every gateway knows its own by its root.
fn request(args: &ChatArgs, model_root: &H256, messages: &[Value]) -> Outcome<Request> {
	let sampling = settings(args)?;
	let mut body = json!({
		"model": format!("0x{}", hex::encode(model_root.0)),
		"messages": messages,
		"stream": true,
		"stream_options": { "include_usage": true },
		"temperature": f64::from(sampling.temperature_q8) / 256.0,
		"top_p": f64::from(sampling.top_p_q8) / 256.0,
		// JavaScript's numbers have 53 bits; a string has all of them.
		"seed": sampling.seed.to_string(),
		"max_tokens": args.local.max_tokens.unwrap_or(TOKENS_MAX),
	});
	if !args.local.stop.is_empty() {
		body["stop"] = json!(args.local.stop);
	}
	let body = Bytes::from(body.to_string());
	let mut headers = HeaderMap::new();
	headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
	headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
	let path = PathAndQuery::from_static(PATH);
	Ok(Request { route: Route::Chat, path, headers, body, patience: Patience::ALONE })
}

fn show(output: &Output, text: &str) {
	if !output.is_json() {
		let mut stdout = std::io::stdout();
		let _ = write!(stdout, "{text}").and_then(|()| stdout.flush());
	}
}

/// A request that has no answer, as a command says it.
fn failure(error: PayError) -> Failure {
	match error {
		PayError::Channel(error) => Failure::new(error).kind(Kind::Refused),
		PayError::Disk(failure) => failure,
		PayError::Upstream(error) => Failure::new(error)
			.kind(Kind::Unreachable)
			.next("try again; what was charged for is asked for again and not charged twice"),
		PayError::Demand(words) => {
			Failure::new(format!("the operator does not take this session's voucher: {words}"))
				.kind(Kind::Refused)
		}
	}
}

/// Returns the command that has the chain prove an answer wrong.
fn challenge(channel: &Channel, billed: &Billed, dir: &Path) -> String {
	format!(
		"have the chain prove it, and get the charge back: blyan audit challenge-answer {}:{:?} --model {}",
		channel.session,
		billed.signed.id(&channel.genesis),
		dir.display()
	)
}

/// The model on this machine.
struct Verifier {
	dir: PathBuf,
	model: Option<LocalModel>,
}

impl Verifier {
	async fn load(output: &Output, dir: PathBuf) -> Outcome<Self> {
		let spinner = output.spinner("loading");
		let path = dir.clone();
		let model = tokio::task::spawn_blocking(move || LocalModel::open(&path, None)).await??;
		drop(spinner);
		Ok(Self { dir, model: Some(model) })
	}

	/// Computes answers again; that they are about what was asked, the payer has seen. One that differs is a failure: its receipt proves it.
	async fn verify(&mut self, output: &Output, bill: &Bill) -> Outcome<()> {
		for billed in &bill.billed {
			let model = self.model.take();
			let Some(mut model) = model else { return Err(Failure::new("the model is not loaded")) };
			let generation = billed.generation.clone();
			let check = move || {
				let found = generation
					.ensure_about(&model.manifest)
					.and_then(|()| generation.difference(&mut model.runner, &model.tokenizer));
				(model, found)
			};
			let (model, found) = tokio::task::spawn_blocking(check).await?;
			self.model = Some(model);
			let difference = found.map_err(|error| Failure::new(error).kind(Kind::Undecided))?;
			let is_equal = difference.is_none();
			let tokens = billed.generation.answer.len();
			let text = match &difference {
				None => format!(
					"-- verified: all {tokens} tokens are what the model in {} says",
					self.dir.display()
				),
				Some(difference) => format!("-- differs: {difference:?}"),
			};
			output.event("verified", json!({ "equal": is_equal, "tokens": tokens }), text);
			if !is_equal {
				return Err(Failure::new(
					"the operator's answer is not what its model says, and it has signed it",
				)
				.next(challenge(&bill.channel, billed, &self.dir)));
			}
		}
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::args::{ChatModel, LocalChatArgs};

	#[test]
	fn a_request_names_the_model_by_its_root_and_everything_else_that_a_gateway_asks_for() {
		let args = ChatArgs {
			model: ChatModel::Chain(0),
			prompt: None,
			prompt_hex: None,
			max_bytes: 0,
			temperature: 0.5,
			top_p: 1.0,
			seed: Some(u64::MAX),
			save: None,
			session: Some(3),
			verify: None,
			local: LocalChatArgs::default(),
		};
		let messages = [json!({ "role": "user", "content": "hello" })];
		let request = request(&args, &H256([4; 32]), &messages).unwrap();
		let body: Value = serde_json::from_slice(&request.body).unwrap();
		assert_eq!(body["model"], format!("0x{}", "04".repeat(32)));
		assert_eq!((&body["seed"], &body["temperature"]), (&json!(u64::MAX.to_string()), &json!(0.5)));
		assert_eq!(body["messages"], json!(messages));
		assert_eq!(request.headers[CONTENT_LENGTH], request.body.len().to_string());
	}
}
