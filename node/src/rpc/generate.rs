//! Text generation: what is answered, and how it gets to the client.

use super::{
	answer::{answer, Next, Reader},
	error,
	request::GenerateParams,
	text::TextStream,
};
use crate::{
	ml::EngineService,
	places::{Bounds, Full, Place, Places},
};
use blyan_engine::decode::GenerationSummary;
use blyan_primitives::{EngineError, ModelInfo};
use blyan_rpc_api::{
	code::{BUSY, ENGINE},
	GenerateAnswer, GenerateEvent, GenerateSummary, Seconds,
};
use jsonrpsee::{types::ErrorObjectOwned, SendTimeoutError, SubscriptionMessage, SubscriptionSink};
use sp_core::H256;
use std::{
	pin::pin,
	sync::Arc,
	task::Poll,
	time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// Answers that are streamed and not read to their end. A quarter is kept for connections that have none. Each costs the
/// engine a prompt, and a few hundred bytes beyond what was read; KV caches have a bound of their own.
const STREAMED: Bounds = Bounds { all: 256, each: 4, kept: 64, few: 1 };
/// Answers that are wanted at once: over HTTP each call is a connection of its own.
const AT_ONCE: Bounds = Bounds { all: 8, each: 4, kept: 0, few: 1 };
/// Messages of an answer that are sent at once. Later ones take turns with those of all other answers, so that the threads
/// which accept connections and answer calls do not find many readers' messages before them.
const UNTURNED: u32 = 16;
/// Longest time that a connection may take nothing before its answer is given up.
pub const STALLED_MAX: Duration = Duration::from_secs(30);

/// Answers under way on this node, over all of its listeners. Holders are connections.
pub struct Generations {
	streamed: Arc<Places<usize>>,
	at_once: Arc<Places<usize>>,
	/// The turn to send a message.
	turn: Arc<Semaphore>,
}

impl Default for Generations {
	fn default() -> Self {
		let turn = Arc::new(Semaphore::new(1));
		Self { streamed: Places::new(STREAMED), at_once: Places::new(AT_ONCE), turn }
	}
}

impl Generations {
	/// Takes a place for an answer that is streamed to a connection.
	pub fn stream(&self, connection: usize) -> Result<Place<usize>, ErrorObjectOwned> {
		self.streamed.take(connection).map_err(|full| match full {
			Full::Each => busy(format!(
				"{} answers of this connection are not read to their end; read or unsubscribe them first",
				STREAMED.each
			)),
			Full::All => busy("answers of this node that are not read to their end take all places".into()),
		})
	}

	/// Returns what all answers that are streamed share: the turn to send a message.
	pub fn turn(&self) -> Arc<Semaphore> {
		self.turn.clone()
	}

	/// Takes a place for an answer that is given at once.
	pub fn at_once(&self, connection: usize) -> Result<Place<usize>, ErrorObjectOwned> {
		self.at_once.take(connection).map_err(|_| {
			busy(format!(
				"{} answers are being generated for calls of blyan_generateOnce; or use blyan_subscribeGenerate",
				AT_ONCE.all
			))
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
	/// Until the answer is read.
	_place: Place<usize>,
}

impl Generation {
	/// Has the engine begin.
	pub fn start(
		engine: &EngineService,
		model: &ModelInfo,
		params: GenerateParams,
		price_per_byte: u128,
		place: Place<usize>,
	) -> Result<Self, EngineError> {
		let text = TextStream::after(&params.request.prompt);
		let (mut writer, mut reader) = answer();
		let client = place.holder() as u64;
		let sink = Box::new(move |event| writer.take(event));
		reader.controls(engine.generate(client, model, params.request, sink)?);
		Ok(Self {
			reader,
			text,
			model_root: model.model_root(),
			price_per_byte,
			began: Instant::now(),
			_place: place,
		})
	}

	/// Streams the answer until it ends, or the client goes or reads nothing for too long. Answers that have the same `turn`
	/// send their messages one after another.
	pub async fn stream(mut self, sink: SubscriptionSink, turn: Arc<Semaphore>) {
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
			let sent = match index < UNTURNED {
				true => send(&sink, &event).await,
				false => send_in_turn(&turn, &sink, &event).await,
			};
			match sent {
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

/// The same when it is this message's turn, which a message that must wait for its connection passes on.
async fn send_in_turn(
	turn: &Semaphore,
	sink: &SubscriptionSink,
	event: &GenerateEvent,
) -> Result<(), Unsent> {
	let turn = turn.acquire().await.map_err(|_| Unsent::Gone)?;
	let mut sending = pin!(send(sink, event));
	match futures::poll!(sending.as_mut()) {
		Poll::Ready(sent) => sent,
		Poll::Pending => {
			drop(turn);
			sending.await
		}
	}
}

/// An engine's refusal as an error of the call.
pub fn refusal(cause: EngineError) -> ErrorObjectOwned {
	let code = match cause {
		EngineError::Busy | EngineError::BlobMissing(_) => BUSY,
		_ => ENGINE,
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
	fn a_connection_has_few_answers_that_are_not_read_and_leaves_room_for_others() {
		let generations = Generations::default();
		let mut held = Vec::new();
		for connection in 0..STREAMED.all {
			while let Ok(place) = generations.stream(connection) {
				held.push(place);
			}
		}
		assert_eq!(held.len(), STREAMED.all);
		held.truncate(STREAMED.all - STREAMED.kept);
		let error = generations.stream(0).expect_err("full");
		assert!(error.code() == BUSY && error.message().contains("4 answers of this connection"));
		assert!(generations.stream(999).is_ok(), "a newcomer is served");
	}

	#[test]
	fn calls_that_want_an_answer_at_once_do_not_take_all_places() {
		let generations = Generations::default();
		let calls: Vec<_> = (0..100).filter_map(|connection| generations.at_once(connection).ok()).collect();
		assert_eq!(calls.len(), AT_ONCE.all);
		assert!(generations.stream(1_000).is_ok());
	}
}
