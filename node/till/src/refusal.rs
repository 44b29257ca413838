//! Refusals for want of money, in words and in numbers.
//!
//! | status, code | when |
//! |---|---|
//! | 402 `payment_required` | no credentials |
//! | 402 `voucher_too_small` | a smaller voucher than one that is known |
//! | 402 `insufficient_voucher` | the voucher does not cover what was served and what is asked |
//! | 402 `insufficient_deposit` | the session does not hold enough |
//! | 402 `session_unknown`, `session_closing`, `wrong_operator`, `wrong_offer` | the session |
//! | 401 `invalid_voucher`, `invalid_api_key` | the credentials are not what they say |
//! | 400 `invalid_credentials`, `idempotency_key_reused` | the headers |
//! | 409 `request_in_progress` | the same request is computed at this moment; `retry-after` |
//! | 429 `insufficient_quota`, `rate_limit_exceeded` | the budget or the limit of a key |
//! | 503 `chain_unreachable`, `store_failed`, `operator_store_full` | what is known of the chain is too old; the disk; no room for what would be signed |

use crate::{account::Shortage, allowance::Exhausted, config::Config, desk::Denied, x402};
use blyan_gateway::till::{
	http::{HeaderName, HeaderValue, StatusCode},
	Refusal,
};
use serde_json::{json, Value};

/// Header by which official clients are kept from trying again what cannot pass.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Makes a refusal 402, with the header of x402. `amount`: what the request may cost; `details`: which voucher would do.
pub fn payment(
	config: &Config,
	resource: &str,
	code: &'static str,
	message: String,
	amount: u128,
	mut details: Value,
) -> Refusal {
	if let Value::Object(fields) = &mut details {
		fields.insert("ceiling".into(), amount.to_string().into());
		fields.insert("offer".into(), config.offer.into());
		fields.insert("input_price".into(), config.prices.input.to_string().into());
		fields.insert("output_price".into(), config.prices.output.to_string().into());
	}
	let mut refusal = Refusal::new(StatusCode::PAYMENT_REQUIRED, code, message);
	let header =
		x402::required(&config.genesis, resource, &config.operator, amount, &refusal.message, &details);
	refusal.headers.extend(header);
	refusal.details = Some(details);
	refusal
}

/// Refuses a request without credentials.
pub fn no_credentials(config: &Config, resource: &str, ceiling: u128) -> Refusal {
	if config.offer.is_none() {
		return unknown_key();
	}
	let message = format!(
		"this request may cost up to {ceiling} planck: open a session with blyan session open and send a voucher in \
		x-blyan-voucher, or ask through blyan connect"
	);
	payment(config, resource, "payment_required", message, ceiling, json!({}))
}

/// Refuses an API key.
pub fn unknown_key() -> Refusal {
	let message = "the API key is not known here: ask the operator of this server for one, and send it as Authorization: Bearer KEY";
	Refusal::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
}

/// Refuses a voucher that another key signed, or for another chain.
pub fn wrong_signature(session: u64) -> Refusal {
	let message = format!(
		"the voucher of session {session} is not signed by the session's voucher key for this chain: sign the payload with it"
	);
	Refusal::new(StatusCode::UNAUTHORIZED, "invalid_voucher", message)
}

/// Refuses a session for what it is.
pub fn session(
	config: &Config,
	resource: &str,
	code: &'static str,
	id: u64,
	reason: &str,
	ceiling: u128,
) -> Refusal {
	let message = format!("session {id} {reason}");
	payment(config, resource, code, message, ceiling, json!({ "session": id.to_string() }))
}

/// Refuses because the chain cannot be read.
pub fn chain(error: &dyn std::fmt::Display) -> Refusal {
	let message = format!("what this server knows of the session is too old to serve by it: {error}");
	let retry_after = Some(6);
	Refusal { retry_after, ..Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "chain_unreachable", message) }
}

/// Refuses because a voucher cannot be kept.
pub fn store(error: &dyn std::fmt::Display) -> Refusal {
	tracing::error!("a voucher cannot be kept: {error}");
	let message =
		"the server cannot keep your voucher at this moment, so nothing is charged: try again later";
	Refusal { retry_after: Some(5), ..Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "store_failed", message) }
}

/// Says why a desk grants nothing. `account`: what was served in the session, and the largest voucher.
pub fn denied(
	config: &Config,
	resource: &str,
	denied: Denied,
	(session, served, promised, deposit): (u64, u128, u128, u128),
) -> Refusal {
	match denied {
		Denied::Short(shortage, ceiling) => {
			let mut details = json!({
				"session": session.to_string(), "served": served.to_string(), "known": promised.to_string(),
				"deposit": deposit.to_string(),
			});
			let mut insert = |name: &str, amount: u128| {
				if let Value::Object(fields) = &mut details {
					fields.insert(name.into(), amount.to_string().into());
				}
			};
			let (code, message) = match shortage {
				Shortage::Smaller { known } => {
					let needed = known.max(served.saturating_add(ceiling));
					insert("voucher", needed);
					("voucher_too_small", format!(
						"the voucher is smaller than one of {known} planck that session {session} has sent before: sign one for \
						{needed}"
					))
				}
				Shortage::Amount { needed } => {
					insert("voucher", needed);
					let missing = needed.saturating_sub(promised.max(served));
					insert("missing", missing);
					(
						"insufficient_voucher",
						format!(
						"this request may cost up to {ceiling} planck, and {served} were served in session {session}: sign a \
						voucher for {needed} ({missing} more than is promised or served)"
					),
					)
				}
				Shortage::Deposit { needed } => {
					let missing = needed.saturating_sub(deposit);
					insert("missing_deposit", missing);
					("insufficient_deposit", format!(
						"session {session} holds {deposit} planck and this request needs {needed}: top it up by {missing}, or ask \
						for fewer tokens"
					))
				}
			};
			payment(config, resource, code, message, ceiling, details)
		}
		Denied::Exhausted(exhausted) => self::exhausted(exhausted),
		Denied::NoRoom => store_full(),
		Denied::InProgress => {
			let message = "the same request is being computed at this moment: ask again in a second, and its answer is sent";
			Refusal {
				retry_after: Some(1),
				..Refusal::new(StatusCode::CONFLICT, "request_in_progress", message)
			}
		}
		Denied::OtherRequest => Refusal::new(
			StatusCode::BAD_REQUEST,
			"idempotency_key_reused",
			"this Idempotency-Key was sent with another request: give each request a key of its own",
		),
	}
}

/// Refuses because what would be signed could not be kept, and so not be defended.
pub fn store_full() -> Refusal {
	let message = "this operator has no room to keep more signed answers, so it gives none that are paid: ask another operator, or come back when \
		it has made room";
	let mut refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "operator_store_full", message);
	refusal.retry_after = Some(600);
	refusal.headers.push((SHOULD_RETRY, HeaderValue::from_static("false")));
	refusal
}

fn exhausted(exhausted: Exhausted) -> Refusal {
	let quota = |message: String| {
		let mut refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "insufficient_quota", message);
		refusal.kind = "insufficient_quota";
		refusal.headers.push((SHOULD_RETRY, HeaderValue::from_static("false")));
		refusal
	};
	match exhausted {
		Exhausted::Requests { limit, retry_after } => {
			let message =
				format!("the key's {limit} requests of this hour are used up: ask again in {retry_after} seconds");
			let mut refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", message);
			refusal.kind = "rate_limit_error";
			refusal.retry_after = Some(retry_after);
			refusal.headers = vec![
				(HeaderName::from_static("x-ratelimit-limit-requests"), limit.into()),
				(HeaderName::from_static("x-ratelimit-remaining-requests"), 0_u32.into()),
				(HeaderName::from_static("x-ratelimit-reset-requests"), retry_after.into()),
			];
			refusal
		}
		Exhausted::Tokens { left } => quota(format!(
			"the key has {left} tokens left for today, and this request may take more: ask for fewer, or tomorrow (UTC)"
		)),
		Exhausted::Planck { left } => quota(format!(
			"the key has {left} planck left for today, and this request may cost more: ask for fewer tokens, or tomorrow (UTC)"
		)),
	}
}
