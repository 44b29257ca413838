//! Rules: states, tolerances, amounts. Plain values in, plain values out.

use crate::types::{Action, Balance, State};
use blyan_primitives::{Prices, Receipt, RECEIPT_VERSION};

/// Price of a private request, in hundredths of the usual one.
pub const PRIVATE_PERCENT: u32 = 120;
/// Most by which the tokens of a prompt may differ from the quote, in hundredths of the quote.
pub const TOLERANCE_PERCENT: u32 = 10;

/// A step that a state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Impossible;

/// Returns the state after `action`. These are all transitions that there are.
///
/// ```text
/// pending --quote--> quoted --authorise--> authorised --capture--> captured --credit--> credited
///    |                  |                       |                     |
///    +------fail--------+---------fail----------+                  reverse
///                       v                                             v
///                     failed                                       reversed
/// ```
pub fn transition(state: State, action: Action) -> Result<State, Impossible> {
	match (state, action) {
		(State::Pending, Action::Quote) => Ok(State::Quoted),
		(State::Quoted, Action::Authorise) => Ok(State::Authorised),
		(State::Authorised, Action::Capture) => Ok(State::Captured),
		(State::Captured, Action::Credit) => Ok(State::Credited),
		(State::Pending | State::Quoted | State::Authorised, Action::Fail) => Ok(State::Failed),
		(State::Captured, Action::Reverse) => Ok(State::Reversed),
		_ => Err(Impossible),
	}
}

/// Reports whether a prompt's tokens are within a tenth of those that were quoted.
pub fn is_near(quoted: u32, counted: u32) -> bool {
	let difference = u64::from(quoted.abs_diff(counted)).saturating_mul(100);
	difference <= u64::from(quoted).saturating_mul(TOLERANCE_PERCENT.into())
}

/// Reports whether a prompt and its longest answer fit into a context.
pub fn fits(context: u32, prompt_tokens: u32, max_answer_tokens: u32) -> bool {
	u64::from(prompt_tokens).saturating_add(max_answer_tokens.into()) <= u64::from(context)
}

/// Reports whether no answer's cost at these prices overflows, a private one's included.
pub fn are_payable(prices: &Prices) -> bool {
	prices.scaled(PRIVATE_PERCENT).and_then(|prices| prices.cost(u32::MAX, u32::MAX)).is_some()
}

/// Prices for a payer; `None` if they overflow.
pub fn prices_for(prices: &Prices, is_private: bool) -> Option<Prices> {
	if is_private {
		prices.scaled(PRIVATE_PERCENT)
	} else {
		Some(*prices)
	}
}

/// Reports whether the numbers of a receipt agree with each other. A model chooses nothing before it has read something, and a receipt that says
/// so could not be disputed.
pub fn is_consistent(receipt: &Receipt) -> bool {
	receipt.version == RECEIPT_VERSION
		&& receipt.prompt_tokens_seen <= receipt.prompt_tokens
		&& (receipt.prompt_tokens_seen > 0 || receipt.answer_tokens == 0)
}

/// Reports whether a receipt charges no more than its tokens cost, and no more than the ceiling.
pub fn is_charge_due(receipt: &Receipt, prices: &Prices, ceiling: Balance) -> bool {
	let cost = prices.cost(receipt.prompt_tokens_seen, receipt.answer_tokens);
	receipt.charged <= ceiling && cost.is_some_and(|cost| receipt.charged <= cost)
}

/// Returns what a voucher over `amount` adds to what a session has paid; zero for one that was paid before.
pub fn payable(amount: Balance, deposit: Balance, reversed: Balance, settled: Balance) -> Balance {
	amount.saturating_sub(reversed).min(deposit).saturating_sub(settled)
}
