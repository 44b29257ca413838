//! One error type: what went wrong, what to do next, and of which kind it was.

use std::fmt::Display;

/// An obstacle, in the words that its user sees.
#[derive(Debug)]
pub struct Failure {
	/// The obstacle.
	pub message: String,
	/// The way out, as an instruction.
	pub next: Option<String>,
	/// Which kind of failure it is.
	pub kind: Kind,
}

/// Kinds of failure, so that programs need not read messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
	/// Anything not listed below.
	General,
	/// Undecidable: something that the check needs is missing or unreadable.
	Undecided,
	/// The node cannot be reached or does not answer.
	Unreachable,
	/// The chain refused a transaction, or the network refused a submission.
	Refused,
	/// The node is on another network than expected, or on one without this project's pallets.
	WrongNetwork,
	/// This program and the chain's runtime are of different releases.
	Outdated,
	/// The node does not know the chain's present state: it is syncing, or has no peers.
	NotSynced,
	/// An upload did not get through; the same command goes on with it.
	Incomplete,
	/// The answer is larger than the node sends in one message.
	Oversized,
	/// The user pressed Ctrl-C.
	Interrupted,
}

/// Result of every fallible function of this crate.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
	/// A failure of the general kind.
	pub fn new(message: impl Display) -> Self {
		Self { message: message.to_string(), next: None, kind: Kind::General }
	}

	/// Says what to do next.
	pub fn next(mut self, next: impl Display) -> Self {
		self.next = Some(next.to_string());
		self
	}

	/// Sets the kind.
	pub fn kind(mut self, kind: Kind) -> Self {
		self.kind = kind;
		self
	}

	/// The user pressed Ctrl-C.
	pub fn interrupted() -> Self {
		Self::new("interrupted").kind(Kind::Interrupted)
	}
}

/// Phrases by which nodes report that an answer, or a batch of them, does not fit into one message.
const OVERSIZED: [&str; 4] = ["Response is too big", "-32008", "-32011", "-32702"];

/// Reports whether an error says that an answer does not fit into one message.
pub fn is_oversized(message: &str) -> bool {
	OVERSIZED.iter().any(|mark| message.contains(mark))
}

impl Failure {
	/// An answer of the node that does not fit into one message, with the way out.
	pub fn oversized(what: impl Display) -> Self {
		Self::new(format!("{what}: the answer is larger than the node sends in one message"))
			.kind(Kind::Oversized)
			.next(
				"start the node with a larger --rpc-max-response-size (MiB; 15 if absent), or name another with --url",
			)
	}
}

// `Failure` is no `std::error::Error`, which is what makes this conversion possible.
impl<E: std::error::Error> From<E> for Failure {
	fn from(error: E) -> Self {
		let message = error.to_string();
		if is_oversized(&message) {
			return Self::oversized("a question to the node");
		}
		Self::new(message)
	}
}

/// Adds what was being done to an error.
pub trait Context<T> {
	/// "`what`: error".
	fn context(self, what: impl Display) -> Outcome<T>;
	/// The same, with the way out.
	fn context_next(self, what: impl Display, next: impl Display) -> Outcome<T>;
}

impl<T, E: Into<Failure>> Context<T> for Result<T, E> {
	fn context(self, what: impl Display) -> Outcome<T> {
		self.map_err(|error| {
			let failure = error.into();
			Failure { message: format!("{what}: {}", failure.message), ..failure }
		})
	}

	fn context_next(self, what: impl Display, next: impl Display) -> Outcome<T> {
		self.context(what).map_err(|failure| failure.next(next))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn context_keeps_the_kind_and_adds_the_way_out() {
		let failed: Outcome<()> = Err(Failure::new("no answer").kind(Kind::Unreachable));
		let failure = failed.context_next("ws://x", "start the node").unwrap_err();
		assert_eq!(failure.message, "ws://x: no answer");
		assert_eq!(failure.next.as_deref(), Some("start the node"));
		assert_eq!(failure.kind, Kind::Unreachable);
	}

	#[test]
	fn an_oversized_answer_names_the_flag_and_never_its_bare_code() {
		let error = std::io::Error::other("RPC error: ServerError(-32702): Response is too big");
		let failure = Err::<(), _>(error).context("ModelsApi.model").unwrap_err();
		assert_eq!(failure.kind, Kind::Oversized);
		assert!(failure.message.starts_with("ModelsApi.model: "), "{}", failure.message);
		assert!(!failure.message.contains("-32702"), "{}", failure.message);
		assert!(failure.next.unwrap().contains("--rpc-max-response-size"));
	}
}
