//! Text generation: what is answered, and how it gets to the client.

use super::{
	answer::{answer, Next, Reader},
	error::{self, BUSY},
	request::GenerateParams,
	text::TextStream,
};
use crate::{
	ml::{model_root, EngineService},
	places::{Bounds, Full, Place, Places},
};
use blyan_engine::decode::GenerationSummary;
use blyan_primitives::{EngineError, ModelInfo};
use jsonrpsee::{types::ErrorObjectOwned, SendTimeoutError, SubscriptionMessage, SubscriptionSink};
use serde::Serialize;
use sp_core::H256;
use std::{
	sync::Arc,
	time::{Duration, Instant},
};

/// Answers that the engine works on or has waiting: 32, of which a connection has at most 4. A quarter is kept for
/// connections that have none.
const ENGINE: Bounds = Bounds { all: 32, each: 4, kept: 8, few: 1 };
/// Answers that a connection has not read to their end, each at most 4 KiB.
const UNREAD: Bounds = Bounds { all: 1_024, each: 16, kept: 256, few: 2 };
/// Of those that the engine works on, such that are wanted at once: over HTTP each call is a connection of its own.
const AT_ONCE: Bounds = Bounds { all: 8, each: 4, kept: 0, few: 1 };
/// Longest time that a connection may take nothing before its answer is given up.
const STALLED_MAX: Duration = Duration::from_secs(30);

/// One message of an answer that is streamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum GenerateEvent {
	/// One byte.
	Byte {
		/// The byte as two hexadecimal digits.
		byte_hex: String,
		/// The text it completes; empty inside a character of several bytes.
		text: String,
		/// Its position in the answer, counted from zero.
		index: u32,
	},
	/// The end.
	Done(GenerateSummary),
	/// The end, before its time.
	Failed {
		/// Why.
		error: String,
	},
}

/// Summary of a generation, and its price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GenerateSummary {
	/// Always true.
	pub done: bool,
	/// Text of an incomplete last character.
	pub text: String,
	/// Bytes of the prompt.
	pub prompt_bytes: u64,
	/// Bytes at its end that the model read: as many as its context holds.
	pub prompt_bytes_seen: u64,
	/// True if the model read less than all of it.
	pub truncated: bool,
	/// Bytes of the answer.
	pub generated_bytes: u64,
	/// Multiply-accumulate operations that it took.
	pub operations: u64,
	/// Time from the request to the last byte, waiting included.
	pub seconds: Seconds,
	/// Root of the model's exact state, which with the seed determines the answer.
	pub model_root: H256,
	/// The quoted price of the bytes that were read and written, in the smallest unit of BLY, in decimal digits: it may
	/// exceed what a JSON number keeps.
	pub price_planck: String,
	/// Always false: the price is a quote, and nothing is charged.
	pub charged: bool,
}

/// An answer that is given at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GenerateAnswer {
	/// Its bytes as hexadecimal digits.
	pub bytes_hex: String,
	/// Summary of the work; `text` is all of the text.
	#[serde(flatten)]
	pub summary: GenerateSummary,
}

/// A duration that serialises as seconds with three decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub Duration);

impl Serialize for Seconds {
	fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
		serializer.serialize_f64((self.0.as_secs_f64() * 1_000.0).round() / 1_000.0)
	}
}

/// Answers under way on this node, over all of its listeners. Holders are connections.
pub struct Generations {
	engine: Arc<Places<usize>>,
	unread: Arc<Places<usize>>,
	at_once: Arc<Places<usize>>,
}

impl Default for Generations {
	fn default() -> Self {
		Self { engine: Places::new(ENGINE), unread: Places::new(UNREAD), at_once: Places::new(AT_ONCE) }
	}
}

/// The places that one answer takes up.
pub struct Taken {
	/// Until the engine is done with it.
	pub engine: Place<usize>,
	/// Until it is read.
	pub unread: Place<usize>,
}

impl Generations {
	/// Places for an answer that is streamed to a connection.
	pub fn stream(&self, connection: usize) -> Result<Taken, ErrorObjectOwned> {
		let unread = self.unread.take(connection).map_err(|full| match full {
			Full::Each => busy(format!(
				"{} answers of this connection are not read to their end; read or unsubscribe them first",
				UNREAD.each
			)),
			Full::All => busy(format!("{} answers of this node are not read to their end", UNREAD.all)),
		})?;
		Ok(Taken { engine: self.engine(connection)?, unread })
	}

	/// Places for an answer that is given at once.
	pub fn at_once(&self, connection: usize) -> Result<Taken, ErrorObjectOwned> {
		let unread = self.at_once.take(connection).map_err(|_| {
			busy(format!(
				"{} answers are being generated for calls of blyan_generateOnce; or use blyan_subscribeGenerate",
				AT_ONCE.all
			))
		})?;
		Ok(Taken { engine: self.engine(connection)?, unread })
	}

	fn engine(&self, connection: usize) -> Result<Place<usize>, ErrorObjectOwned> {
		self.engine.take(connection).map_err(|full| match full {
			Full::Each => busy(format!("{} generations of this connection are under way", ENGINE.each)),
			Full::All => busy(format!("{} generations are under way on this node", ENGINE.all)),
		})
	}
}

fn busy(what: String) -> ErrorObjectOwned {
	error::error(BUSY, format!("{what}; try again shortly"))
}

/// A generation that was accepted.
pub struct Generation {
	reader: Reader,
	text: TextStream,
	model_root: H256,
	price_per_byte: u128,
	began: Instant,
	_unread: Place<usize>,
}

impl Generation {
	/// Has the engine begin.
	pub fn start(
		engine: &EngineService,
		model: &ModelInfo,
		params: GenerateParams,
		price_per_byte: u128,
		places: Taken,
	) -> Result<Self, EngineError> {
		let text = TextStream::after(&params.request.prompt);
		let (mut writer, mut reader) = answer(places.engine);
		let handle = engine.generate(model, params.request, Box::new(move |event| writer.take(event)))?;
		reader.cancels(handle);
		Ok(Self {
			reader,
			text,
			model_root: model_root(model),
			price_per_byte,
			began: Instant::now(),
			_unread: places.unread,
		})
	}

	/// Streams the answer until it ends, or the client goes or reads nothing for too long.
	pub async fn stream(mut self, sink: SubscriptionSink) {
		loop {
			let index = self.reader.position();
			let next = tokio::select! {
				next = self.reader.next() => next,
				() = sink.closed() => return,
			};
			let (event, is_last) = match next {
				Next::Byte(byte) => {
					let text = self.text.push(byte);
					(GenerateEvent::Byte { byte_hex: hex::encode([byte]), text, index }, false)
				}
				Next::End(Ok(done)) => (GenerateEvent::Done(self.summary(&done)), true),
				Next::End(Err(cause)) => (GenerateEvent::Failed { error: explain(cause) }, true),
			};
			match send(&sink, &event).await {
				Ok(()) if !is_last => {}
				Ok(()) | Err(Unsent::Gone) => return,
				Err(Unsent::Stalled) => {
					// Nothing more is generated, and if the client reads on after all, it learns why.
					drop(self);
					let error = format!(
						"given up at byte {index}: this connection took nothing for {} seconds",
						STALLED_MAX.as_secs()
					);
					let _ = send(&sink, &GenerateEvent::Failed { error }).await;
					return;
				}
			}
		}
	}

	/// Waits for all of the answer.
	pub async fn collect(mut self) -> Result<GenerateAnswer, ErrorObjectOwned> {
		let (mut bytes, mut text) = (Vec::new(), String::new());
		loop {
			match self.reader.next().await {
				Next::Byte(byte) => {
					bytes.push(byte);
					text.push_str(&self.text.push(byte));
				}
				Next::End(Ok(done)) => {
					let mut summary = self.summary(&done);
					summary.text.insert_str(0, &text);
					return Ok(GenerateAnswer { bytes_hex: hex::encode(bytes), summary });
				}
				Next::End(Err(cause)) => return Err(refusal(cause)),
			}
		}
	}

	fn summary(&mut self, done: &GenerationSummary) -> GenerateSummary {
		let generated_bytes = done.generated.len() as u64;
		let priced = u128::from(done.prompt_bytes_seen + generated_bytes);
		GenerateSummary {
			done: true,
			text: std::mem::take(&mut self.text).finish(),
			prompt_bytes: done.prompt_bytes,
			prompt_bytes_seen: done.prompt_bytes_seen,
			truncated: done.prompt_bytes_seen < done.prompt_bytes,
			generated_bytes,
			operations: done.operations,
			seconds: Seconds(self.began.elapsed()),
			model_root: self.model_root,
			price_planck: self.price_per_byte.saturating_mul(priced).to_string(),
			charged: false,
		}
	}
}

/// Why a message did not get to the connection.
enum Unsent {
	Gone,
	Stalled,
}

/// Hands one message to the connection.
async fn send(sink: &SubscriptionSink, event: &GenerateEvent) -> Result<(), Unsent> {
	let message = SubscriptionMessage::from_json(event).map_err(|_| Unsent::Gone)?;
	sink.send_timeout(message, STALLED_MAX).await.map_err(|error| match error {
		SendTimeoutError::Timeout(_) => Unsent::Stalled,
		SendTimeoutError::Closed(_) => Unsent::Gone,
	})
}

/// An engine's refusal as an error of the call.
pub fn refusal(cause: EngineError) -> ErrorObjectOwned {
	let code = match cause {
		EngineError::Busy | EngineError::BlobMissing(_) => BUSY,
		_ => error::ENGINE,
	};
	error::error(code, explain(cause))
}

/// Explains an engine's refusal to a client.
fn explain(cause: EngineError) -> String {
	match cause {
		EngineError::BlobMissing(hash) => {
			format!("this node lacks the model's blob {hash:?} and fetches it now; try again shortly, or ask another node")
		}
		EngineError::Busy => "the engine's queue is full; try again shortly".into(),
		EngineError::Cancelled => "the node is shutting down".into(),
		EngineError::ModelTooLarge => "the model is larger than this node accepts; ask another node".into(),
		other => format!("the engine failed ({other:?}); the node's log says how"),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_connection_has_few_generations_and_leaves_room_for_others() {
		let generations = Generations::default();
		let mut held = Vec::new();
		for connection in 0..10 {
			while let Ok(places) = generations.stream(connection) {
				held.push(places);
			}
		}
		assert!(held.len() < ENGINE.all, "greedy connections do not take everything");
		let error = generations.stream(0).err().expect("full");
		assert!(error.code() == BUSY && error.message().contains("4 generations of this connection"));
		assert!(generations.stream(99).is_ok(), "a newcomer is served");
	}

	#[test]
	fn answers_that_are_not_read_are_bounded_when_the_engine_is_done_with_them() {
		let generations = Generations::default();
		let unread: Vec<_> = (0..UNREAD.each)
			.map(|_| generations.stream(1).expect("the engine is done with the last one").unread)
			.collect();
		let error = generations.stream(1).err().expect("full");
		assert!(error.message().contains("not read to their end"), "{}", error.message());
		drop(unread);
		assert!(generations.stream(1).is_ok());
	}

	#[test]
	fn calls_that_want_an_answer_at_once_do_not_take_all_places() {
		let generations = Generations::default();
		let calls: Vec<_> = (0..100).filter_map(|connection| generations.at_once(connection).ok()).collect();
		assert_eq!(calls.len(), AT_ONCE.all);
		assert!(generations.stream(1_000).is_ok());
	}

	fn summary(text: &str) -> GenerateSummary {
		GenerateSummary {
			done: true,
			text: text.into(),
			prompt_bytes: 300,
			prompt_bytes_seen: 255,
			truncated: true,
			generated_bytes: 3,
			operations: 5,
			seconds: Seconds(Duration::from_micros(1_234_567)),
			model_root: H256::zero(),
			price_planck: "10".into(),
			charged: false,
		}
	}

	#[test]
	fn events_serialise_as_documented() {
		let byte = GenerateEvent::Byte { byte_hex: "61".into(), text: "a".into(), index: 0 };
		assert_eq!(
			serde_json::to_value(byte).expect("serialises"),
			serde_json::json!({ "byte_hex": "61", "text": "a", "index": 0 })
		);
		let json = serde_json::to_value(GenerateEvent::Done(summary(""))).expect("serialises");
		assert_eq!((&json["done"], &json["seconds"]), (&true.into(), &1.235.into()));
		assert_eq!((&json["prompt_bytes_seen"], &json["truncated"]), (&255.into(), &true.into()));
		let answer = GenerateAnswer { bytes_hex: "616263".into(), summary: summary("abc") };
		let json = serde_json::to_value(answer).expect("serialises");
		assert_eq!((&json["bytes_hex"], &json["text"]), (&"616263".into(), &"abc".into()));
	}
}
