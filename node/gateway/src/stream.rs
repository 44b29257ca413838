//! Server-sent events of the answers to one request.
//!
//! ```text
//! data: {"choices": [{"index": 0, "delta": {"role": "assistant", ..}}], ..}     one for each answer
//! data: {"choices": [{"index": 0, "delta": {"content": ".."}}], ..}             one for each piece of text
//! data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], ..}   one for each answer
//! data: {"choices": [], "usage": {..}, ..}                                      if it is asked for
//! : charged 1234 receipt chatcmpl-..                                            if it is paid
//! data: [DONE]
//! ```
//!
//! A stream that fails ends with an event that holds an error, without `[DONE]`. Comments keep a silent connection alive.

use crate::{
	answer::{self, Head},
	error::ApiError,
	piece::{Piece, Reader, Summary},
};
use axum::response::{
	sse::{Event, KeepAlive, Sse},
	IntoResponse, Response,
};
use futures::{
	stream::{self, BoxStream, SelectAll},
	Stream, StreamExt,
};
use serde_json::Value;
use std::{convert::Infallible, time::Duration};

/// Silence after which a comment is sent. Payers take three seconds without one for the end of this server, and ask another.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// Sends answers as they come.
pub fn respond(head: Head, readers: Vec<Reader>) -> Response {
	let openings: Vec<Event> =
		(0..readers.len()).filter_map(|index| head.opening(index)).map(|chunk| event(&chunk)).collect();
	let count = readers.len();
	let state = Streaming {
		head,
		summaries: vec![None; count],
		offsets: vec![0; count],
		pieces: Some(interleave(readers)),
	};
	let events = stream::unfold(state, |mut state| async move {
		let events = state.next().await?;
		Some((stream::iter(events), state))
	});
	send(stream::iter(openings).chain(events.flatten()))
}

/// Sends events, and comments where there are none for a while.
pub fn send(events: impl Stream<Item = Event> + Send + 'static) -> Response {
	let events = events.map(Ok::<Event, Infallible>);
	Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// Pieces of several answers with their indices, as they come. Behind its end nothing of an answer is waited for; `None` stands for
/// one that stopped without an end.
pub fn interleave(readers: Vec<Reader>) -> SelectAll<BoxStream<'static, (usize, Option<Piece>)>> {
	let pieces = |(index, reader): (usize, Reader)| {
		stream::unfold(Some(reader), move |reader| async move {
			let mut reader = reader?;
			match reader.next().await {
				Some(done @ Piece::Done(_)) => Some(((index, Some(done)), None)),
				Some(text) => Some(((index, Some(text)), Some(reader))),
				None => Some(((index, None), None)),
			}
		})
		.boxed()
	};
	stream::select_all(readers.into_iter().enumerate().map(pieces))
}

/// Answers on their way.
struct Streaming {
	head: Head,
	/// Ends so far.
	summaries: Vec<Option<Summary>>,
	/// Characters of each answer so far.
	offsets: Vec<usize>,
	/// Pieces; `None` behind the last event.
	pieces: Option<SelectAll<BoxStream<'static, (usize, Option<Piece>)>>>,
}

impl Streaming {
	/// Waits for the next events; `None` behind the last.
	async fn next(&mut self) -> Option<Vec<Event>> {
		match self.pieces.as_mut()?.next().await {
			Some((index, Some(Piece::Text { text, scores, .. }))) => {
				let mut none = 0;
				let offset = self.offsets.get_mut(index).unwrap_or(&mut none);
				Some(vec![event(&self.head.text(index, &text, &scores, offset))])
			}
			Some((index, Some(Piece::Done(summary)))) => match &summary.outcome {
				Ok(end) => {
					let closing = event(&self.head.closing(index, *end));
					if let Some(place) = self.summaries.get_mut(index) {
						*place = Some(*summary);
					}
					Some(vec![closing])
				}
				Err(error) => Some(self.fail(error)),
			},
			Some((_, None)) => Some(self.fail(&ApiError::failed("the generation was given up"))),
			None => {
				self.pieces = None;
				let summaries: Vec<Summary> = self.summaries.drain(..).flatten().collect();
				let counted = self.head.counted(&summaries).as_ref().map(event);
				let paid = answer::has_bill(&summaries).then(|| paid(&summaries));
				let last = [counted, paid, Some(Event::default().data("[DONE]"))];
				Some(last.into_iter().flatten().collect())
			}
		}
	}

	/// Gives all answers up, and says why.
	fn fail(&mut self, error: &ApiError) -> Vec<Event> {
		self.pieces = None;
		vec![event(&error.body())]
	}
}

/// Returns the comment with the charge, for readers that have asked for no figures.
fn paid(summaries: &[Summary]) -> Event {
	let receipts: Vec<&str> = summaries.iter().map(|summary| summary.receipt.as_str()).collect();
	Event::default().comment(format!("charged {} receipt {}", answer::charged(summaries), receipts.join(" ")))
}

/// Makes an event of a value.
pub fn event(value: &Value) -> Event {
	// JSON has no line breaks but escaped ones, so one line holds it.
	Event::default().data(value.to_string())
}
