//! One generation from its first event to its receipt.
//!
//! A task of its own follows it, so that place and memory are given back when the engine is done, whether or not the reader
//! reads. The reader's end of the channel is the other way round: when it is dropped, the generation is cancelled.
//!
//! An answer is charged when the reader has taken its text or has left: what it has not taken is neither charged nor in the
//! receipt.

use crate::{
	engine::{Event, Generation, Scores},
	error::ApiError,
	gateway::{Gateway, Phase, Place},
	piece::{Summary, Usage, Writer},
	stored::Stored,
	till::{Bill, Lease, Outcome},
};
use blyan_open_model::{
	conversation::{Answer, End, Settings},
	GenerationRecord,
};
use std::{
	sync::Arc,
	time::{Duration, Instant},
};
use tokio::{sync::watch, time::sleep};

/// Time between two questions to the till while a reader takes the rest of its answer.
const LOOK: Duration = Duration::from_secs(1);

/// Everything that a receipt says besides the answer.
#[derive(Clone, Debug)]
pub struct Inputs {
	/// Identifier of the receipt.
	pub id: String,
	/// Seconds since 1970 at which the answer began.
	pub created: u64,
	/// Tokens of the prompt.
	pub prompt_tokens: usize,
	/// Settings.
	pub settings: Settings,
	/// Number that the key of the settings was made of.
	pub seed: u64,
	/// Time of the request.
	pub began_at: Instant,
}

/// Follows a generation to its end, hands its text over, charges it, and keeps the receipt.
pub async fn follow(
	gateway: Arc<Gateway>,
	mut generation: Generation,
	inputs: Inputs,
	lease: Lease,
	mut writer: Writer,
	place: Place,
) {
	let mut seen = Seen::default();
	let ended = record(&mut seen, &gateway, &mut generation, &inputs, &lease, &mut writer).await;
	drop(generation);
	let mut summary = Summary {
		outcome: ended.outcome,
		usage: Usage { prompt: inputs.prompt_tokens, known: 0, answer: seen.tokens },
		first_token: seen.first_token,
		duration: inputs.began_at.elapsed(),
		receipt: inputs.id.clone(),
		bill: Bill::default(),
	};
	if let Some(answer) = &ended.answer {
		summary.usage.known = answer.prompt_tokens_known;
	}
	let scores = seen.all_scores;
	let over = Over { answer: ended.answer, has_reader: ended.has_reader, usage: summary.usage, scores };
	if !ended.has_reader {
		charge(&gateway, &inputs, lease, &mut writer, over).await;
		gateway.metrics().note_generation(&summary);
		return;
	}
	// The engine is done, so the place is free, however long the reader takes.
	gateway.metrics().note_generation(&summary);
	drop(place);
	summary.bill = charge(&gateway, &inputs, lease, &mut writer, over).await;
	if writer.is_cut() {
		summary.outcome = Err(ApiError::payment_ended());
	}
	writer.done(summary);
}

/// Events so far.
#[derive(Default)]
struct Seen {
	tokens: usize,
	first_token: Option<Duration>,
	/// Scores of tokens that have not come to text yet.
	scores: Vec<Scores>,
	/// Scores of all others.
	all_scores: Vec<Scores>,
}

/// End of the events.
struct Ended {
	/// The answer, if the engine came to an end.
	answer: Option<Box<Answer>>,
	/// Result for the reader.
	outcome: Result<End, ApiError>,
	/// Reports whether the reader was still there.
	has_reader: bool,
}

/// Takes all events. A reader that has gone, a server that stops, and a till that revokes the lease cancel the generation.
async fn record(
	seen: &mut Seen,
	gateway: &Gateway,
	generation: &mut Generation,
	inputs: &Inputs,
	lease: &Lease,
	writer: &mut Writer,
) -> Ended {
	let mut phase = gateway.phase();
	let (mut has_reader, mut is_stopped, mut is_revoked) = (true, false, false);
	loop {
		let event = tokio::select! {
			event = generation.next() => event,
			() = writer.left(), if has_reader => {
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
		let failed = |error| Ended { answer: None, outcome: Err(error), has_reader };
		match event {
			Some(Event::Token(_)) => {
				seen.first_token.get_or_insert_with(|| inputs.began_at.elapsed());
				seen.tokens += 1;
				let delivered = u32::try_from(writer.tokens_taken()).unwrap_or(u32::MAX);
				if !is_revoked && !gateway.till().deliver(lease, delivered) {
					is_revoked = true;
					generation.cancel();
				}
			}
			// A reader that is gone is noticed above.
			Some(Event::Text(text)) => {
				let scores = std::mem::take(&mut seen.scores);
				seen.all_scores.extend(scores.iter().cloned());
				writer.text(text, seen.tokens, scores);
			}
			Some(Event::Scores(scores)) => seen.scores.push(*scores),
			Some(Event::Ended(answer)) => {
				let outcome = match answer.end {
					End::Cancelled if is_stopped => Err(ApiError::shutting_down()),
					End::Cancelled if is_revoked => Err(ApiError::payment_ended()),
					end => Ok(end),
				};
				return Ended { answer: Some(answer), outcome, has_reader };
			}
			Some(Event::Failed(error)) => return failed(ApiError::failed(error)),
			None => return failed(ApiError::failed("the engine has ended; start the server again")),
		}
	}
}

/// Waits until generations are cancelled.
async fn stopped(phase: &mut watch::Receiver<Phase>) {
	// The gateway holds the sender for as long as it is followed here.
	drop(phase.wait_for(|phase| *phase == Phase::Stopped).await);
}

/// An answer that the engine is done with.
struct Over {
	answer: Option<Box<Answer>>,
	has_reader: bool,
	usage: Usage,
	scores: Vec<Scores>,
}

/// Waits until the reader has taken all text or has left, and reports whether it has taken all. A reader whose payer has ended the session is not
/// waited for: by reading slowly it could keep its charge open until nothing can be settled any more.
async fn is_drained(gateway: &Gateway, lease: &Lease, writer: &mut Writer) -> bool {
	loop {
		tokio::select! {
			is_drained = writer.drained() => return is_drained,
			() = sleep(LOOK) => {}
		}
		let delivered = u32::try_from(writer.tokens_taken()).unwrap_or(u32::MAX);
		if !gateway.till().deliver(lease, delivered) {
			writer.cut();
			return false;
		}
	}
}

/// Waits for what the reader takes, charges that, and keeps the receipt.
async fn charge(gateway: &Gateway, inputs: &Inputs, lease: Lease, writer: &mut Writer, over: Over) -> Bill {
	let Over { answer, has_reader, usage, scores } = over;
	let prompt_tokens = u32::try_from(inputs.prompt_tokens).unwrap_or(u32::MAX);
	let id = inputs.id.clone();
	let Some(mut answer) = answer else {
		let (answer, scores) = (Vec::new(), Vec::new());
		let outcome = Outcome { id, record: None, prompt_tokens, is_whole: false, answer, scores };
		return gateway.till().finish(lease, outcome).await;
	};
	// Before the first token the prompt may not have been read, and nothing is charged for it.
	let is_read = !answer.tokens.is_empty();
	let is_drained = is_drained(gateway, &lease, writer).await;
	// Tokens without text yet, at the end of an answer that its reader has cut short, are not delivered either.
	if !is_drained || (!has_reader && answer.end == End::Cancelled) {
		answer.tokens.truncate(writer.tokens_taken());
		answer.end = End::Cancelled;
	}
	let is_whole = is_drained && answer.end != End::Cancelled;
	let manifest = gateway.model().manifest();
	let record = GenerationRecord::new(manifest, &inputs.settings, inputs.seed, &answer);
	let stored =
		Stored { id: id.clone(), created: inputs.created, text: answer.text, end: answer.end, usage, scores };
	let (answer, scores) = if is_whole { stored.bytes() } else { (Vec::new(), Vec::new()) };
	let record_charged = is_read.then(|| record.clone());
	let outcome = Outcome { id: id.clone(), record: record_charged, prompt_tokens, is_whole, answer, scores };
	let bill = gateway.till().finish(lease, outcome).await;
	// An answer that its reader cut short has a receipt as well.
	if let Err(error) = gateway.receipts().put(id, &record, bill.receipt.as_ref()) {
		tracing::error!("the receipt {} cannot be written: {error}", inputs.id);
	}
	bill
}
