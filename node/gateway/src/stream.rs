//! Server-sent events of one answer.
//!
//! ```text
//! data: {"choices": [{"delta": {"role": "assistant", ..}}], ..}
//! data: {"choices": [{"delta": {"content": ".."}}], ..}            one for each piece of text
//! data: {"choices": [{"delta": {}, "finish_reason": "stop"}], ..}
//! data: {"choices": [], "usage": {..}, ..}                         if it is asked for
//! data: [DONE]
//! ```
//!
//! A stream that fails ends with an event that holds an error, without `[DONE]`. Comments keep a silent connection alive.

use crate::{
	answer::Head,
	error::ApiError,
	piece::{Piece, Summary},
};
use axum::response::{
	sse::{Event, KeepAlive, Sse},
	IntoResponse, Response,
};
use futures::{stream, StreamExt};
use serde_json::Value;
use std::{convert::Infallible, time::Duration};
use tokio::sync::mpsc;

/// Silence after which a comment is sent.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Sends pieces as they come.
pub fn respond(head: Head, pieces: mpsc::UnboundedReceiver<Piece>) -> Response {
	let opening = stream::iter(head.opening().map(|chunk| vec![event(&chunk)]).unwrap_or_default());
	// Behind the end nothing is waited for; and a stream that stops without one has failed.
	let pieces = stream::unfold(Some(pieces), |pieces| async move {
		let mut pieces = pieces?;
		match pieces.recv().await {
			Some(done @ Piece::Done(_)) => Some((Some(done), None)),
			Some(text) => Some((Some(text), Some(pieces))),
			None => Some((None, None)),
		}
	});
	let events = pieces.flat_map(move |piece| stream::iter(events(&head, piece)));
	let events = opening.chain(events).map(Ok::<Event, Infallible>);
	Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

fn events(head: &Head, piece: Option<Piece>) -> Vec<Event> {
	match piece {
		Some(Piece::Text(text)) => vec![event(&head.text(&text))],
		Some(Piece::Done(Summary { outcome: Ok(end), usage, .. })) => {
			let chunks = head.closing(end, &usage);
			chunks.iter().map(event).chain([Event::default().data("[DONE]")]).collect()
		}
		Some(Piece::Done(Summary { outcome: Err(error), .. })) => vec![event(&error.body())],
		None => vec![event(&ApiError::failed("the generation was given up").body())],
	}
}

fn event(value: &Value) -> Event {
	// JSON has no line breaks but escaped ones, so one line holds it.
	Event::default().data(value.to_string())
}
