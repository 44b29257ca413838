//! One generation from its first event to its receipt.
//!
//! A task of its own follows it, so that place and memory are given back when the engine is done, whether or not the reader
//! reads. The reader's end of the channel is the other way round: when it is dropped, the generation is cancelled.

use crate::{
	engine::{Event, Generation},
	error::ApiError,
	gateway::{Gateway, Phase, Place},
	piece::{Piece, Summary, Usage},
};
use blyan_open_model::{
	conversation::{Answer, End, Settings},
	GenerationRecord,
};
use std::{
	sync::Arc,
	time::{Duration, Instant},
};
use tokio::sync::{mpsc, watch};

/// Everything that a receipt says besides the answer.
#[derive(Clone, Debug)]
pub struct Inputs {
	/// Identifier of the answer and of its receipt.
	pub id: String,
	/// Tokens of the prompt.
	pub prompt_tokens: usize,
	/// Settings.
	pub settings: Settings,
	/// Number that the key of the settings was made of.
	pub seed: u64,
	/// Time of the request.
	pub began_at: Instant,
}

/// Follows a generation to its end, hands its text over, and keeps the receipt.
pub async fn follow(
	gateway: Arc<Gateway>,
	mut generation: Generation,
	inputs: Inputs,
	pieces: mpsc::UnboundedSender<Piece>,
	place: Place,
) {
	let mut seen = Seen::default();
	let ended = record(&mut seen, &gateway, &mut generation, &inputs, &pieces).await;
	drop(generation);
	let mut usage = Usage { prompt: inputs.prompt_tokens, known: 0, answer: seen.tokens };
	// An answer that its reader cut short has a receipt as well.
	if let Some(answer) = &ended.answer {
		usage.known = answer.prompt_tokens_known;
		keep(&gateway, &inputs, answer);
	}
	let duration = inputs.began_at.elapsed();
	let summary = Summary { outcome: ended.outcome, usage, first_token: seen.first_token, duration };
	gateway.metrics().note_generation(&summary);
	drop(place);
	// A reader that is gone needs no end.
	let _ = pieces.send(Piece::Done(summary));
}

/// Events so far.
#[derive(Default)]
struct Seen {
	tokens: usize,
	first_token: Option<Duration>,
}

/// End of the events.
struct Ended {
	/// The answer, if the engine came to an end.
	answer: Option<Box<Answer>>,
	/// Result for the reader.
	outcome: Result<End, ApiError>,
}

impl Ended {
	fn failed(error: ApiError) -> Self {
		Self { answer: None, outcome: Err(error) }
	}
}

/// Takes all events. A reader that has gone, and a server that stops, cancel the generation.
async fn record(
	seen: &mut Seen,
	gateway: &Gateway,
	generation: &mut Generation,
	inputs: &Inputs,
	pieces: &mpsc::UnboundedSender<Piece>,
) -> Ended {
	let mut phase = gateway.phase();
	let (mut has_reader, mut is_stopped) = (true, false);
	loop {
		let event = tokio::select! {
			event = generation.next() => event,
			() = pieces.closed(), if has_reader => {
				has_reader = false;
				generation.cancel();
				continue;
			}
			() = stopped(&mut phase), if !is_stopped => {
				is_stopped = true;
				generation.cancel();
				continue;
			}
		};
		match event {
			Some(Event::Token(_)) => {
				seen.first_token.get_or_insert_with(|| inputs.began_at.elapsed());
				seen.tokens += 1;
			}
			// A reader that is gone is noticed above.
			Some(Event::Text(text)) => drop(pieces.send(Piece::Text(text))),
			Some(Event::Ended(answer)) => {
				let outcome = match answer.end {
					End::Cancelled if is_stopped => Err(ApiError::shutting_down()),
					end => Ok(end),
				};
				return Ended { answer: Some(answer), outcome };
			}
			Some(Event::Failed(error)) => return Ended::failed(ApiError::failed(error)),
			None => {
				let reason = "the engine has ended; start the server again";
				return Ended::failed(ApiError::failed(reason));
			}
		}
	}
}

/// Waits until generations are cancelled.
async fn stopped(phase: &mut watch::Receiver<Phase>) {
	// The gateway holds the sender for as long as it is followed here.
	drop(phase.wait_for(|phase| *phase == Phase::Stopped).await);
}

fn keep(gateway: &Gateway, inputs: &Inputs, answer: &Answer) {
	let manifest = gateway.model().manifest();
	let record = GenerationRecord::new(manifest, &inputs.settings, inputs.seed, answer);
	if let Err(error) = gateway.receipts().put(inputs.id.clone(), &record) {
		tracing::error!("the receipt {} cannot be written: {error}", inputs.id);
	}
}
