//! Answers on their way to a client: passed on byte by byte, and read along.

use super::pieces::Pieces;
use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use serde_json::Value;
use std::{
	collections::BTreeMap,
	pin::Pin,
	task::{ready, Context, Poll},
};

/// Bytes of an answer that are read along. A longer one passes, and its text is not compared.
const READ_BYTES_MAX: usize = 32 << 20;

/// Part of an answer that came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
	/// Text of each choice; empty once the answer was too long to read along.
	pub texts: BTreeMap<u64, String>,
	/// Tokens that were read and written, as the answer says.
	pub usage: Option<(u64, u64)>,
	/// Identifiers of receipts that the answer names.
	pub receipts: Vec<String>,
	/// True if the answer came to its end.
	pub is_whole: bool,
	/// True if the operator's side broke off.
	pub is_broken: bool,
	/// True if the client left before the operator's side ended it.
	pub has_left: bool,
	/// True if the text was followed to the end of what came.
	pub is_read: bool,
}

impl Delivered {
	/// Returns a choice that came although so many were asked for.
	pub fn choice_beyond(&self, count: u64) -> Option<u64> {
		self.texts.keys().copied().find(|index| *index >= count)
	}
}

/// Reads an answer along.
#[derive(Debug)]
pub struct Reader {
	is_stream: bool,
	/// Line that has not ended, or all of an answer that is no stream.
	pieces: Pieces,
	read: usize,
	delivered: Delivered,
}

impl Reader {
	/// Begins an answer of this content type.
	pub fn new(is_stream: bool) -> Self {
		let delivered = Delivered { is_read: true, ..Delivered::default() };
		Self { is_stream, pieces: Pieces::default(), read: 0, delivered }
	}

	/// Reads the next bytes.
	pub fn push(&mut self, bytes: &[u8]) {
		self.read = self.read.saturating_add(bytes.len());
		if self.read > READ_BYTES_MAX {
			self.delivered.is_read = false;
			self.pieces.clear();
			self.delivered.texts.clear();
			return;
		}
		if !self.is_stream {
			self.pieces.extend(bytes);
			return;
		}
		for line in self.pieces.push(bytes, b"\n") {
			self.line(&line);
		}
	}

	/// Returns the text of a choice so far.
	pub fn text(&self, index: u64) -> &str {
		self.delivered.texts.get(&index).map_or("", String::as_str)
	}

	/// Ends the answer, and returns what came. `is_whole` if the connection ended it.
	pub fn finish(mut self, is_whole: bool) -> Delivered {
		if !self.is_stream {
			self.delivered.is_whole = is_whole;
			let value = serde_json::from_slice(self.pieces.rest()).unwrap_or_default();
			self.value(&value);
		}
		self.delivered
	}

	fn line(&mut self, line: &[u8]) {
		let line = line.strip_suffix(b"\n").unwrap_or(line);
		let line = line.strip_suffix(b"\r").unwrap_or(line);
		let Some(data) = line.strip_prefix(b"data:") else { return };
		let data = data.strip_prefix(b" ").unwrap_or(data);
		if data == b"[DONE]" {
			self.delivered.is_whole = true;
			return;
		}
		if let Ok(value) = serde_json::from_slice(data) {
			self.value(&value);
		}
	}

	fn value(&mut self, value: &Value) {
		for choice in value["choices"].as_array().into_iter().flatten() {
			let index = choice["index"].as_u64().unwrap_or_default();
			let text = [&choice["delta"]["content"], &choice["message"]["content"], &choice["text"]];
			if let Some(text) = text.into_iter().find_map(Value::as_str) {
				self.delivered.texts.entry(index).or_default().push_str(text);
			}
		}
		let usage = &value["usage"];
		if let (Some(prompt), Some(answer)) =
			(usage["prompt_tokens"].as_u64(), usage["completion_tokens"].as_u64())
		{
			self.delivered.usage = Some((prompt, answer));
		}
		let named = &usage["blyan"]["receipts"];
		self.delivered
			.receipts
			.extend(named.as_array().into_iter().flatten().filter_map(Value::as_str).map(Into::into));
	}
}

/// Body of an answer that is read along. `over` gets what came, when the answer has ended or its reader has left.
pub struct ReadAlong {
	body: Incoming,
	reader: Option<Reader>,
	over: Option<Box<dyn FnOnce(Delivered) + Send>>,
}

impl ReadAlong {
	/// Wraps the body of an answer.
	pub fn new(body: Incoming, is_stream: bool, over: impl FnOnce(Delivered) + Send + 'static) -> Self {
		Self { body, reader: Some(Reader::new(is_stream)), over: Some(Box::new(over)) }
	}

	fn end(&mut self, is_whole: bool, is_broken: bool, has_left: bool) {
		if let (Some(reader), Some(over)) = (self.reader.take(), self.over.take()) {
			over(Delivered { is_broken, has_left, ..reader.finish(is_whole) });
		}
	}
}

impl Drop for ReadAlong {
	fn drop(&mut self) {
		let has_ended = self.body.is_end_stream();
		self.end(has_ended, false, !has_ended);
	}
}

impl Body for ReadAlong {
	type Data = Bytes;
	type Error = hyper::Error;

	fn poll_frame(
		mut self: Pin<&mut Self>,
		context: &mut Context<'_>,
	) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
		let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
		match &frame {
			Some(Ok(frame)) => {
				if let (Some(bytes), Some(reader)) = (frame.data_ref(), self.reader.as_mut()) {
					reader.push(bytes);
				}
			}
			Some(Err(_)) => self.end(false, true, false),
			None => self.end(true, false, false),
		}
		Poll::Ready(frame)
	}

	fn is_end_stream(&self) -> bool {
		self.body.is_end_stream()
	}

	fn size_hint(&self) -> SizeHint {
		self.body.size_hint()
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const STREAM: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n\
		: still here\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"h\u{e9}\"}}]}\r\n\r\n\
		data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"y\"}}]}\n\n\
		data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":3}}\n\ndata: [DONE]\n\n";

	#[test]
	fn a_stream_is_read_alike_wherever_it_is_cut() {
		for size in [1, 2, 3, 7, 10_000] {
			let mut reader = Reader::new(true);
			STREAM.as_bytes().chunks(size).for_each(|bytes| reader.push(bytes));
			let delivered = reader.finish(true);
			assert_eq!(delivered.texts[&0], "h\u{e9}y", "{size}");
			assert_eq!(delivered.texts[&1], "b");
			assert_eq!((delivered.choice_beyond(2), delivered.choice_beyond(1)), (None, Some(1)));
			assert_eq!(delivered.usage, Some((5, 3)));
			assert!(delivered.is_whole && delivered.is_read);
		}
	}

	#[test]
	fn a_stream_without_its_end_is_not_whole() {
		let mut reader = Reader::new(true);
		reader.push(&STREAM.as_bytes()[..STREAM.len() - 20]);
		assert!(!reader.finish(true).is_whole);
	}

	#[test]
	fn a_whole_answer_is_read_at_its_end() {
		let mut reader = Reader::new(false);
		let answer = r#"{"choices":[{"index":0,"message":{"content":"hi"}}],"usage":{"prompt_tokens":5,"completion_tokens":1}}"#;
		answer.as_bytes().chunks(5).for_each(|bytes| reader.push(bytes));
		let delivered = reader.finish(true);
		assert_eq!((delivered.texts[&0].as_str(), delivered.usage), ("hi", Some((5, 1))));
		let mut reader = Reader::new(false);
		reader.push(b"{\"choi");
		assert_eq!(reader.finish(false).texts.len(), 0);
	}
}
