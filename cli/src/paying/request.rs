//! Requests as far as their price goes.
//!
//! A client has no tokenizer, so it bounds: a token of a prompt stands for a byte of the request at least, but for those of the template. What an
//! operator asks for beyond that bound is refused, whatever its reason.

use super::channel::SessionTerms;
use serde_json::Value;

/// Tokens that a template may add to a prompt: roles, separators, and a system message of its own.
const TEMPLATE_TOKENS_MAX: usize = 512;
/// Tokens of a completion whose request names no number, as in OpenAI's interface.
const COMPLETION_TOKENS: u64 = 16;

/// Answers of one request, as in OpenAI's interface.
const ANSWERS_MAX: u64 = 128;

/// Routes that cost something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
	/// `/v1/chat/completions`.
	Chat,
	/// `/v1/completions`.
	Completion,
}

impl Route {
	/// Returns the route of a path; `None` for those that are free.
	pub fn of(path: &str) -> Option<Self> {
		match path {
			"/v1/chat/completions" => Some(Self::Chat),
			"/v1/completions" => Some(Self::Completion),
			_ => None,
		}
	}
}

/// A request that costs something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
	/// Most that its answers can cost, in planck.
	pub ceiling: u128,
	/// Answers that it asks for.
	pub count: u64,
	/// Hash of its body.
	pub hash: [u8; 32],
}

impl Asked {
	/// Reads a request's body. One that is not JSON is priced as the longest there is: the operator says what is wrong with it.
	pub fn read(route: Route, body: &[u8], terms: &SessionTerms) -> Self {
		let fields: Value = serde_json::from_slice(body).unwrap_or_default();
		let context = terms.context;
		let prompt = u32::try_from(body.len().saturating_add(TEMPLATE_TOKENS_MAX)).unwrap_or(u32::MAX);
		let number = |name: &str| fields[name].as_u64();
		let wanted = number("max_completion_tokens").or_else(|| number("max_tokens"));
		let wanted = match route {
			Route::Chat => wanted,
			Route::Completion => Some(wanted.unwrap_or(COMPLETION_TOKENS)),
		};
		let answer = wanted.and_then(|wanted| u32::try_from(wanted).ok()).unwrap_or(context);
		let cost = terms.prices.cost(prompt.min(context), answer.min(context));
		let count = number("n").unwrap_or(1).clamp(1, ANSWERS_MAX);
		let ceiling = cost.and_then(|cost| cost.checked_mul(count.into())).unwrap_or(u128::MAX);
		Self { ceiling, count, hash: sp_crypto_hashing::blake2_256(body) }
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::paying::channel::tests::terms;

	fn ceiling(route: Route, body: &str) -> u128 {
		Asked::read(route, body.as_bytes(), &SessionTerms { context: 4_000, ..terms() }).ceiling
	}

	#[test]
	fn the_bound_counts_bytes_of_the_prompt_and_tokens_of_the_answer() {
		// One planck for each token that is read, two for each that is chosen.
		let body = r#"{"prompt": "abc", "max_tokens": 5}"#;
		assert_eq!(ceiling(Route::Completion, body), (body.len() as u128 + 512) + 10);
		let body = r#"{"prompt": "abc"}"#;
		assert_eq!(ceiling(Route::Completion, body), (body.len() as u128 + 512) + 32);
		let body = r#"{"messages": []}"#;
		assert_eq!(ceiling(Route::Chat, body), (body.len() as u128 + 512) + 8_000);
		let body = r#"{"messages": [], "max_completion_tokens": 1, "n": 3}"#;
		assert_eq!(ceiling(Route::Chat, body), 3 * ((body.len() as u128 + 512) + 2));
	}

	#[test]
	fn no_request_costs_more_than_a_full_context() {
		let long = format!(r#"{{"prompt": "{}", "max_tokens": 99999999999}}"#, "x".repeat(9_000));
		assert_eq!(ceiling(Route::Completion, &long), 4_000 + 8_000);
		assert_eq!(ceiling(Route::Chat, "no JSON"), (7 + 512) + 8_000);
		let many = Asked::read(Route::Chat, br#"{"n": 18446744073709551615}"#, &terms());
		assert_eq!(many.count, 128, "receipts are looked for by this number");
	}
}
