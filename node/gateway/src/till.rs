//! The door to what is paid: a request is authorised before it is computed, and charged when its answer is over.
//!
//! The gateway knows no account, no chain and no key. It counts tokens and asks a [`Till`], which reads the credentials of a
//! request, holds what an answer may cost, and signs a receipt of what it did cost. [`Free`] is the till of a server that
//! charges nothing.
//!
//! ```text
//! order --authorise--> lease --deliver, deliver, ..--> finish --> bill
//!           |            `--dropped: nothing is charged
//!           |--> again: an answer that was paid for already
//!           `--> refusal: 401, 402, 429, ..
//! ```

pub use axum::http;

use axum::http::{header::HeaderName, HeaderMap, HeaderValue, StatusCode};
use blyan_open_model::GenerationRecord;
use futures::{future::BoxFuture, FutureExt};
use serde_json::{json, Value};
use std::{net::IpAddr, sync::Arc};

/// Tokens that a price is for.
const PRICED_TOKENS: u128 = 1_000;

/// Prices in planck per 1,000 tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prices {
	/// Of tokens that are read.
	pub input: u128,
	/// Of tokens that are written.
	pub output: u128,
}

impl Prices {
	/// Reports whether nothing costs anything.
	pub fn are_free(&self) -> bool {
		*self == Self::default()
	}

	/// Returns the cost of so many tokens, in planck. Each of both terms rounds up by itself. What no number holds costs
	/// the largest number, which no payer has.
	pub fn cost(&self, prompt_tokens: u32, answer_tokens: u32) -> u128 {
		let term = |price: u128, tokens: u32| match price.checked_mul(tokens.into()) {
			Some(product) => product.div_ceil(PRICED_TOKENS),
			None => u128::MAX,
		};
		term(self.input, prompt_tokens).saturating_add(term(self.output, answer_tokens))
	}
}

/// A request, as far as it has a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
	/// Identifier of the answer, and of the receipt of its first choice.
	pub id: String,
	/// Path of the route that was asked.
	pub route: &'static str,
	/// Client that asks: an address, or under IPv6 the network of 64 bits that it chooses addresses from.
	pub client: IpAddr,
	/// Last words of the prompt: of a conversation the user's last message; empty for token ids. They are in no log.
	pub words: Arc<str>,
	/// Blake2b-256 of the request's body.
	pub body: [u8; 32],
	/// Tokens of the prompt.
	pub prompt_tokens: u32,
	/// Tokens that each answer may have.
	pub answer_tokens_max: u32,
	/// Answers to the prompt; the first of them pays for reading it.
	pub answers: u32,
	/// Seed of the first answer; each further one has the next number.
	pub seed: u64,
}

impl Order {
	/// Returns the most that one of the answers can cost.
	pub fn ceiling_of(&self, index: u32, prices: &Prices) -> u128 {
		prices.cost(self.paid_prompt_tokens(index), self.answer_tokens_max)
	}

	/// Returns the tokens of the prompt that an answer pays for: the first pays for all.
	pub fn paid_prompt_tokens(&self, index: u32) -> u32 {
		if index == 0 {
			self.prompt_tokens
		} else {
			0
		}
	}

	/// Returns the most that all answers can cost together.
	pub fn ceiling(&self, prices: &Prices) -> u128 {
		(0..self.answers).fold(0, |sum: u128, index| sum.saturating_add(self.ceiling_of(index, prices)))
	}
}

/// Cost of one answer by its tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meter {
	/// Prices.
	pub prices: Prices,
	/// Tokens of the prompt, as far as this answer pays for them.
	pub prompt_tokens: u32,
	/// Planck charged for an earlier attempt at the same answer, which broke off. Only the rest is charged.
	pub credit: u128,
}

impl Meter {
	/// Returns what is charged for the prompt and so many tokens of the answer.
	pub fn charge(&self, answer_tokens: u32) -> u128 {
		self.prices.cost(self.prompt_tokens, answer_tokens).saturating_sub(self.credit)
	}
}

/// Permission to compute one answer, and the money that is held for it. Dropping it gives that back.
pub struct Lease {
	/// Number by which the till knows it.
	pub number: u64,
	/// Index of the answer among those of its order.
	pub index: u32,
	/// Seed of the answer: that of the first attempt, if this is another one.
	pub seed: u64,
	/// Cost by its tokens.
	pub meter: Meter,
	release: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Lease {
	/// Makes a lease. `release` runs if it is dropped before it is [finished](Self::finish).
	pub fn new(number: u64, index: u32, seed: u64, meter: Meter) -> Self {
		Self { number, index, seed, meter, release: None }
	}

	/// Sets what gives the held money back.
	pub fn releasing(mut self, release: impl FnOnce() + Send + Sync + 'static) -> Self {
		self.release = Some(Box::new(release));
		self
	}

	/// Ends the lease without giving anything back, and returns its number.
	pub fn finish(mut self) -> u64 {
		self.release = None;
		self.number
	}
}

impl Drop for Lease {
	fn drop(&mut self) {
		if let Some(release) = self.release.take() {
			release();
		}
	}
}

/// An answer that was paid for before, as [`Outcome`] had it then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repeat {
	/// The answer.
	pub answer: Vec<u8>,
	/// Scores of its tokens; empty if none were wanted.
	pub scores: Vec<u8>,
}

/// Room for answers that are signed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
	/// Bytes that are taken.
	pub taken: u64,
	/// Most that may be.
	pub max: u64,
	/// Bytes that are left, by that bound and by the disk.
	pub left: u64,
}

/// Decision about one answer of an order.
pub enum Permit {
	/// It is computed.
	Serve(Lease),
	/// It was computed and paid for before.
	Again(Repeat, Bill),
}

/// An answer that is over.
pub struct Outcome {
	/// Identifier of the receipt.
	pub id: String,
	/// Everything the answer follows from, up to the last token that was delivered; `None` if there was no answer, which
	/// costs nothing.
	pub record: Option<GenerationRecord>,
	/// Tokens of the prompt, as sent.
	pub prompt_tokens: u32,
	/// Reports whether the reader took the answer to its end. One that broke off may be asked for again.
	pub is_whole: bool,
	/// The answer as the gateway sends it again; the till does not read it.
	pub answer: Vec<u8>,
	/// Scores of its tokens, to be kept apart: they may take a thousand times as much. Empty if none were wanted.
	pub scores: Vec<u8>,
}

/// Bill of one answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bill {
	/// Planck charged.
	pub charged: u128,
	/// Receipt with its signature, for programs; `None` if the till signs none.
	pub receipt: Option<Value>,
	/// Payment in the words of x402: the object of the header `PAYMENT-RESPONSE`, but for the amount.
	pub payment: Option<Value>,
}

/// Refusal of a request by the till.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
	/// Status.
	pub status: StatusCode,
	/// Name for programs.
	pub code: &'static str,
	/// Type, by which clients group refusals.
	pub kind: &'static str,
	/// Description, with what to do.
	pub message: String,
	/// Numbers for programs, beside the description.
	pub details: Option<Value>,
	/// Headers.
	pub headers: Vec<(HeaderName, HeaderValue)>,
	/// Seconds after which the same request may succeed.
	pub retry_after: Option<u32>,
}

impl Refusal {
	/// A refusal that the request is the reason of.
	pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
		let kind = if status.is_server_error() { "server_error" } else { "invalid_request_error" };
		Self {
			status,
			code,
			kind,
			message: message.into(),
			details: None,
			headers: Vec::new(),
			retry_after: None,
		}
	}
}

/// Keeper of money between requests and answers.
///
/// A till decides in one step, whatever other requests it is asked about at the same time: what it has permitted, it has money for.
pub trait Till: Send + Sync + 'static {
	/// Returns the prices that a new payer gets, as the page and quotes show them.
	fn prices(&self) -> Prices;

	/// Holds what the answers of an order may cost, by the credentials in the headers of its request, and returns a permit
	/// for each. What is needed to be paid is durable when it returns.
	fn authorise<'a>(
		&'a self,
		headers: &'a HeaderMap,
		order: &'a Order,
	) -> BoxFuture<'a, Result<Vec<Permit>, Refusal>>;

	/// Notes that the reader has taken so many tokens, and reports whether to go on.
	fn deliver(&self, lease: &Lease, tokens: u32) -> bool;

	/// Charges an answer, and keeps it for a client that asks for the same again.
	fn finish(&self, lease: Lease, outcome: Outcome) -> BoxFuture<'_, Bill>;

	/// Returns the state of the account that the credentials belong to; takes a voucher that they bring.
	fn account<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Value, Refusal>>;

	/// Signs an offer to answer for a price, for what the header of the request says who pays; `None` if the till signs none.
	fn quote(&self, headers: &HeaderMap, order: &Order) -> Option<Value>;

	/// Reads a receipt that this till signed, also before it was started again, as [`receipt_line`](crate::receipt_line) wrote it; `None` if it has
	/// none of this identifier. Reads the disk.
	fn receipt(&self, id: &str) -> Option<Vec<u8>>;

	/// Returns the room for answers that are signed for; `None` if none are.
	fn room(&self) -> Option<Room> {
		None
	}
}

/// Till of a server that charges nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Free;

impl Till for Free {
	fn prices(&self) -> Prices {
		Prices::default()
	}

	fn authorise<'a>(
		&'a self,
		_: &'a HeaderMap,
		order: &'a Order,
	) -> BoxFuture<'a, Result<Vec<Permit>, Refusal>> {
		let lease = |index: u32| {
			Permit::Serve(Lease::new(0, index, order.seed.wrapping_add(index.into()), Meter::default()))
		};
		async move { Ok((0..order.answers).map(lease).collect()) }.boxed()
	}

	fn deliver(&self, _: &Lease, _: u32) -> bool {
		true
	}

	fn finish(&self, lease: Lease, _: Outcome) -> BoxFuture<'_, Bill> {
		lease.finish();
		async { Bill::default() }.boxed()
	}

	fn account<'a>(&'a self, _: &'a HeaderMap) -> BoxFuture<'a, Result<Value, Refusal>> {
		async { Ok(json!({ "object": "account", "kind": "free" })) }.boxed()
	}

	fn quote(&self, _: &HeaderMap, _: &Order) -> Option<Value> {
		None
	}

	fn receipt(&self, _: &str) -> Option<Vec<u8>> {
		None
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;
	use std::sync::atomic::{AtomicU32, Ordering};

	fn order(answers: u32) -> Order {
		let (id, body, client) = ("id".into(), [0; 32], [127, 0, 0, 1].into());
		Order {
			id,
			route: "/",
			client,
			words: "".into(),
			body,
			prompt_tokens: 1_001,
			answer_tokens_max: 10,
			answers,
			seed: 7,
		}
	}

	#[test]
	fn the_prompt_is_paid_once_whatever_the_number_of_answers() {
		let prices = Prices { input: 1_000, output: 2_000 };
		assert_eq!(order(1).ceiling(&prices), 1_001 + 20);
		assert_eq!(order(8).ceiling(&prices), 1_001 + 8 * 20);
	}

	#[test]
	fn a_lease_that_is_dropped_gives_back_and_one_that_is_finished_does_not() {
		let given_back = Arc::new(AtomicU32::new(0));
		let lease = || {
			let given_back = given_back.clone();
			Lease::new(1, 0, 0, Meter::default()).releasing(move || {
				given_back.fetch_add(1, Ordering::SeqCst);
			})
		};
		drop(lease());
		assert_eq!(lease().finish(), 1);
		assert_eq!(given_back.load(Ordering::SeqCst), 1);
	}

	proptest! {
		#[test]
		fn a_cost_never_wraps_and_never_falls_with_more_tokens(
			input: u128, output: u128, prompt in 0..u32::MAX, answer in 0..u32::MAX,
		) {
			let prices = Prices { input, output };
			let cost = prices.cost(prompt, answer);
			prop_assert!(cost <= prices.cost(prompt + 1, answer) && cost <= prices.cost(prompt, answer + 1));
			let meter = Meter { prices, prompt_tokens: prompt, credit: cost };
			prop_assert_eq!(meter.charge(answer), 0);
		}
	}
}
