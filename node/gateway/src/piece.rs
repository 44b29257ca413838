//! Parts of an answer on their way to the reader, and the count of those that it has taken.
//!
//! An answer that its reader cuts short is charged to the token delivered. A part is delivered when the connection has taken it from
//! here; the side that writes learns of it and of a reader that has left.

use crate::{engine::Scores, error::ApiError, till::Bill};
use blyan_open_model::End;
use std::{
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
	time::Duration,
};
use tokio::sync::{mpsc, watch};

/// Part of an answer on its way to the reader.
#[derive(Clone, Debug)]
pub enum Piece {
	/// Text that is certain.
	Text {
		/// The text.
		text: String,
		/// Tokens of the answer so far.
		tokens: usize,
		/// Scores of those that came since the text before, if they are wanted.
		scores: Vec<Scores>,
	},
	/// The end.
	Done(Box<Summary>),
}

/// Numbers of tokens, as they are charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
	/// Tokens of the prompt.
	pub prompt: usize,
	/// Those of them that were known from earlier conversations.
	pub known: usize,
	/// Tokens of the answer, the one that ended it included.
	pub answer: usize,
}

/// End of a generation.
#[derive(Clone, Debug)]
pub struct Summary {
	/// Reason of the end, or of the failure.
	pub outcome: Result<End, ApiError>,
	/// Tokens.
	pub usage: Usage,
	/// Time to the first token, if there was one.
	pub first_token: Option<Duration>,
	/// Time to the end.
	pub duration: Duration,
	/// Identifier of the receipt.
	pub receipt: String,
	/// Money.
	pub bill: Bill,
}

/// Parts that the reader has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Taken {
	pieces: usize,
	tokens: usize,
}

/// End of the channel at which an answer is written.
pub struct Writer {
	pieces: mpsc::UnboundedSender<Piece>,
	sent: usize,
	taken: watch::Receiver<Taken>,
	is_cut: Arc<AtomicBool>,
}

/// End of the channel at which it is read. Dropping it tells the other side that the reader has left.
pub struct Reader {
	pieces: mpsc::UnboundedReceiver<Piece>,
	taken: watch::Sender<Taken>,
	is_cut: Arc<AtomicBool>,
}

/// Makes a channel for one answer. It needs no bound: an answer has no more parts than the context has positions.
pub fn channel() -> (Writer, Reader) {
	let (sender, pieces) = mpsc::unbounded_channel();
	let (taken, seen) = watch::channel(Taken::default());
	let is_cut = Arc::new(AtomicBool::new(false));
	(
		Writer { pieces: sender, sent: 0, taken: seen, is_cut: is_cut.clone() },
		Reader { pieces, taken, is_cut },
	)
}

impl Writer {
	/// Sends text that so many tokens of the answer have come to. A reader that has left is noticed elsewhere.
	pub fn text(&mut self, text: String, tokens: usize, scores: Vec<Scores>) {
		self.sent += 1;
		drop(self.pieces.send(Piece::Text { text, tokens, scores }));
	}

	/// Sends the end.
	pub fn done(self, summary: Summary) {
		// A reader that has left needs no end.
		drop(self.pieces.send(Piece::Done(Box::new(summary))));
	}

	/// Takes text back that the reader has not taken: what is charged from here on is all that it gets.
	pub fn cut(&self) {
		self.is_cut.store(true, Ordering::SeqCst);
	}

	/// Reports whether text was taken back.
	pub fn is_cut(&self) -> bool {
		self.is_cut.load(Ordering::SeqCst)
	}

	/// Returns the tokens whose text the reader has taken.
	pub fn tokens_taken(&self) -> usize {
		self.taken.borrow().tokens
	}

	/// Waits until the reader leaves.
	pub async fn left(&self) {
		self.pieces.closed().await;
	}

	/// Waits until the reader has taken all text, and returns whether it has: it may leave before.
	pub async fn drained(&mut self) -> bool {
		let sent = self.sent;
		self.taken.wait_for(|taken| taken.pieces >= sent).await.is_ok()
	}
}

impl Reader {
	/// Waits for the next part; `None` if the other side was given up.
	pub async fn next(&mut self) -> Option<Piece> {
		loop {
			let piece = self.pieces.recv().await;
			if let Some(Piece::Text { tokens, .. }) = &piece {
				if self.is_cut.load(Ordering::SeqCst) {
					continue;
				}
				self.taken.send_modify(|taken| {
					taken.pieces += 1;
					taken.tokens = *tokens;
				});
			}
			return piece;
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[tokio::test]
	async fn text_is_delivered_when_it_is_taken_and_not_when_it_is_sent() {
		let (mut writer, mut reader) = channel();
		writer.text("a".into(), 1, Vec::new());
		writer.text("bc".into(), 3, Vec::new());
		assert_eq!(writer.tokens_taken(), 0);
		assert!(reader.next().await.is_some());
		assert_eq!(writer.tokens_taken(), 1);
		drop(reader);
		assert!(!writer.drained().await, "the second part was not taken");
		assert_eq!(writer.tokens_taken(), 1);
		writer.left().await;
	}

	#[tokio::test]
	async fn text_that_was_taken_back_is_not_read_and_the_end_is() {
		let (mut writer, mut reader) = channel();
		writer.text("a".into(), 1, Vec::new());
		writer.text("b".into(), 2, Vec::new());
		assert!(reader.next().await.is_some());
		writer.cut();
		assert_eq!((writer.tokens_taken(), writer.is_cut()), (1, true));
		drop(writer);
		assert!(reader.next().await.is_none(), "the second part was not charged");
	}

	#[tokio::test]
	async fn a_reader_that_leaves_behind_the_last_text_has_taken_all_of_it() {
		let (mut writer, mut reader) = channel();
		writer.text("a".into(), 2, Vec::new());
		reader.next().await;
		drop(reader);
		assert!(writer.drained().await);
		assert_eq!(writer.tokens_taken(), 2);
	}
}
