//! Answers that are over, as a till keeps them for a client that asks again.

use crate::{
	engine::Scores,
	piece::{self, Reader, Summary, Usage},
	till::{Bill, Repeat},
};
use blyan_open_model::End;
use serde_json::{json, Value};
use std::time::Duration;

/// An answer that its reader took to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
	/// Identifier of its receipt.
	pub id: String,
	/// Seconds since 1970 at which it began.
	pub created: u64,
	/// Text.
	pub text: String,
	/// Reason of its end.
	pub end: End,
	/// Tokens.
	pub usage: Usage,
	/// Scores of its tokens, if they were wanted.
	pub scores: Vec<Scores>,
}

impl Stored {
	/// Writes it down, and its scores beside it, which are empty if there are none.
	pub fn bytes(&self) -> (Vec<u8>, Vec<u8>) {
		let Usage { prompt, known, answer } = self.usage;
		let value = json!({
			"id": self.id, "created": self.created, "text": self.text, "end": self.end.name(),
			"prompt": prompt, "known": known, "answer": answer,
		});
		let scores: Vec<_> =
			self.scores.iter().map(|Scores { token, loss, best }| (token, loss, best)).collect();
		let scores = if scores.is_empty() { String::new() } else { json!(scores).to_string() };
		(value.to_string().into_bytes(), scores.into_bytes())
	}

	/// Reads it; `None` if these bytes are something else.
	pub fn read(repeat: &Repeat) -> Option<Self> {
		let value: Value = serde_json::from_slice(&repeat.answer).ok()?;
		let tokens = |name: &str| value.get(name)?.as_u64().and_then(|number| usize::try_from(number).ok());
		let text = |name: &str| value.get(name)?.as_str().map(String::from);
		// Answers of earlier versions have theirs in them.
		let scores = match repeat.scores.is_empty() {
			true => value.get("scores").cloned().unwrap_or_else(|| json!([])),
			false => serde_json::from_slice(&repeat.scores).ok()?,
		};
		let scores: Vec<(u32, u64, Vec<(u32, u64)>)> = serde_json::from_value(scores).ok()?;
		Some(Self {
			id: text("id")?,
			created: value.get("created")?.as_u64()?,
			text: text("text")?,
			end: End::try_from(text("end")?).ok()?,
			usage: Usage { prompt: tokens("prompt")?, known: tokens("known")?, answer: tokens("answer")? },
			scores: scores.into_iter().map(|(token, loss, best)| Scores { token, loss, best }).collect(),
		})
	}

	/// Returns a channel that holds all of it, as if it were computed at this moment.
	pub fn reader(self, bill: Bill) -> Reader {
		let (mut writer, reader) = piece::channel();
		writer.text(self.text, self.usage.answer, self.scores);
		let (outcome, usage, receipt) = (Ok(self.end), self.usage, self.id);
		writer.done(Summary { outcome, usage, first_token: None, duration: Duration::ZERO, receipt, bill });
		reader
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::piece::Piece;
	use blyan_text::FinishReason;
	use proptest::prelude::*;

	fn scores() -> Vec<Scores> {
		vec![Scores { token: 7, loss: u64::MAX, best: vec![(3, 5), (7, 9)] }]
	}

	#[test]
	fn an_answer_of_an_earlier_version_has_its_scores_in_it() {
		let usage = Usage::default();
		let stored = Stored {
			id: "id".into(),
			created: 5,
			text: "hi".into(),
			end: End::ContextFull,
			usage,
			scores: scores(),
		};
		let (answer, scores) = stored.bytes();
		let mut value: Value = serde_json::from_slice(&answer).unwrap();
		value["scores"] = serde_json::from_slice(&scores).unwrap();
		let repeat = Repeat { answer: value.to_string().into_bytes(), scores: Vec::new() };
		assert_eq!(Stored::read(&repeat), Some(stored));
	}

	#[test]
	fn scores_lie_beside_their_answer_and_take_none_of_its_room() {
		let usage = Usage { prompt: 3, known: 1, answer: 1_000 };
		let with = |scores| Stored {
			id: "id".into(),
			created: 5,
			text: "x".repeat(1_000),
			end: End::ContextFull,
			usage,
			scores,
		};
		let (bare, none) = with(Vec::new()).bytes();
		let (answer, scores) = with(vec![scores().remove(0); 1_000]).bytes();
		assert_eq!((bare, none.len()), (answer, 0));
		assert!(scores.len() > 20_000);
	}

	#[tokio::test]
	async fn a_stored_answer_is_read_like_one_that_is_computed() {
		let usage = Usage { prompt: 3, known: 1, answer: 2 };
		let end = End::Finished(FinishReason::Length);
		let stored = Stored { id: "id".into(), created: 5, text: "hi".into(), end, usage, scores: scores() };
		let mut reader = stored.reader(Bill { charged: 9, ..Bill::default() });
		let Some(Piece::Text { text, tokens: 2, scores: read }) = reader.next().await else {
			panic!("no text")
		};
		assert_eq!((text.as_str(), read), ("hi", scores()));
		let Some(Piece::Done(summary)) = reader.next().await else { panic!("no end") };
		assert_eq!((summary.outcome, summary.usage, summary.bill.charged), (Ok(end), usage, 9));
		assert_eq!(summary.receipt, "id");
	}

	proptest! {
		#[test]
		fn stored_answers_round_trip_and_anything_else_is_refused(
			id: String, created: u64, text: String, prompt in 0..9_usize, bytes in prop::collection::vec(any::<u8>(), 0..60),
		) {
			let usage = Usage { prompt, known: 0, answer: 7 };
			let stored = Stored { id, created, text, end: End::ContextFull, usage, scores: scores() };
			let (answer, scores) = stored.bytes();
			let repeat = Repeat { answer, scores };
			prop_assert_eq!(Stored::read(&repeat), Some(stored));
			prop_assert_eq!(Stored::read(&Repeat { answer: bytes, ..repeat }), None);
		}
	}
}
