//! Refusals of accounts, in words and in numbers.
//!
//! | status, code | when |
//! |---|---|
//! | 400 `invalid_body`, `invalid_address`, `invalid_message` | what was sent is not what the route reads |
//! | 401 `sign_in_required`, `invalid_session` | no account, or a token that is not valid any more; `get_key` names the way to one |
//! | 401 `nonce_unknown`, `wrong_domain`, `wrong_message`, `invalid_signature` | a message to sign in |
//! | 401 `session_revoked` | a refresh token that was used before |
//! | 403 `account_quarantined`, `account_banned` | the account is put aside |
//! | 409 `already_appealed` | its owner has said something already |
//! | 429 `inferences_used`, `free_requests_used`, `free_tokens_used`, `proof_of_work_required`, `captcha_required`, `too_many_accounts` | a limit, with the way out |
//! | 503 `captcha_unavailable` | the service of the CAPTCHA cannot be asked |
//! | 503 `free_room_used` | what is left of the room for signed answers is for those that are paid for |

use crate::{
	captcha::{Widget, CAPTCHA},
	challenge::{Challenge, PROOF},
	record::Reached,
};
use blyan_gateway::till::{
	http::{HeaderName, HeaderValue, StatusCode},
	Refusal,
};
use serde_json::json;

/// Header by which official clients are kept from trying again what cannot pass.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// Seconds after which the service of the CAPTCHA may answer again.
const CAPTCHA_RETRY_SECONDS: u32 = 5;
/// Route that makes an account, for programs that look for the way to credentials.
const GET_KEY: &str = "/account/demo";

/// Refuses a body.
pub fn body(message: impl Into<String>) -> Refusal {
	Refusal::new(StatusCode::BAD_REQUEST, "invalid_body", message)
}

/// Refuses an address.
pub fn address(error: &dyn std::fmt::Display) -> Refusal {
	Refusal::new(StatusCode::BAD_REQUEST, "invalid_address", error.to_string())
}

/// Refuses a message that is none.
pub fn message(error: &dyn std::fmt::Display) -> Refusal {
	Refusal::new(StatusCode::BAD_REQUEST, "invalid_message", error.to_string())
}

/// Refuses a signature or what was signed.
pub fn sign_in(code: &'static str, message: impl Into<String>) -> Refusal {
	Refusal::new(StatusCode::UNAUTHORIZED, code, message)
}

fn unauthorised(code: &'static str, message: &str) -> Refusal {
	let details = Some(json!({ "get_key": GET_KEY }));
	Refusal { details, ..Refusal::new(StatusCode::UNAUTHORIZED, code, message) }
}

/// Refuses a request without an account.
pub fn sign_in_required() -> Refusal {
	unauthorised(
		"sign_in_required",
		"this gateway answers accounts only: make a demo account with POST /account/demo, sign in with POST /wallet/request_nonce and \
		/wallet/authenticate, or use its page; then send Authorization: Bearer TOKEN",
	)
}

/// Refuses a token.
pub fn invalid_session() -> Refusal {
	unauthorised(
		"invalid_session",
		"the session is over or not known here: renew it with POST /wallet/refresh, or sign in again",
	)
}

/// Refuses a refresh token that was used before.
pub fn revoked() -> Refusal {
	unauthorised(
		"session_revoked",
		"this refresh token was used before, so it may be in other hands: the session has ended, sign in again",
	)
}

/// Refuses an account that the ladder has put aside.
pub fn quarantined(reasons: &[String], has_appealed: bool) -> Refusal {
	let next = match has_appealed {
		true => "your appeal waits for the operator",
		false => {
			"if you are a person, say so with POST /account/appeal {\"text\": ..}, and the operator looks at it"
		}
	};
	let message =
		format!("this account looks like a program ({}), and is put aside: {next}", reasons.join("; "));
	let details = Some(json!({ "reasons": reasons, "has_appealed": has_appealed }));
	Refusal { details, ..Refusal::new(StatusCode::FORBIDDEN, "account_quarantined", message) }
}

/// Refuses an account that the operator has put aside.
pub fn banned() -> Refusal {
	let message = "the operator of this gateway has put this account aside: ask the operator, or pay for requests by a session";
	Refusal::new(StatusCode::FORBIDDEN, "account_banned", message)
}

fn limit(code: &'static str, message: String) -> Refusal {
	let mut refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, code, message);
	refusal.kind = "insufficient_quota";
	refusal.headers.push((SHOULD_RETRY, HeaderValue::from_static("false")));
	refusal
}

/// Refuses a request beyond a limit of its account.
pub fn reached(reached: Reached, is_demo: bool) -> Refusal {
	match reached {
		Reached::Hour { limit: requests, retry_after } => {
			let mut refusal = limit(
				"inferences_used",
				format!(
					"the {requests} requests of this hour are used up: ask again in {retry_after} seconds; whole answers on several days earn more"
				),
			);
			refusal.kind = "rate_limit_error";
			refusal.retry_after = Some(retry_after);
			refusal
		}
		Reached::Free { limit: requests, left } => {
			let next = match is_demo {
				true => {
					"sign in with a wallet to have some every day, without losing your history; or pay by a session"
				}
				false => {
					"there are more tomorrow (UTC); whole answers on several days earn more of them; or pay by a session"
				}
			};
			let details = json!({ "free_requests": requests, "free_requests_left": left });
			let message = format!(
				"{left} of {requests} free requests are left, which this one needs more than: {next}"
			);
			Refusal { details: Some(details), ..limit("free_requests_used", message) }
		}
	}
}

/// Refuses a free request because the operator gives away no more.
pub fn free_tokens(message: &str) -> Refusal {
	limit(
		"free_tokens_used",
		format!("{message}: ask for fewer tokens, ask tomorrow (UTC), or pay by a session"),
	)
}

/// Refuses a free request because what is left of the room for signed answers is for those that are paid for.
pub fn free_room() -> Refusal {
	let message = "this gateway keeps the room that it has left for answers that are paid for: ask later, or pay by a session";
	Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "free_room_used", message)
}

/// Refuses a second appeal.
pub fn appealed() -> Refusal {
	let message =
		"an appeal of this account waits for the operator already: there is one for each quarantine";
	Refusal::new(StatusCode::CONFLICT, "already_appealed", message)
}

/// Refuses a free request for a long answer.
pub fn too_long(tokens: u32, most: u32) -> Refusal {
	let message = format!(
		"a free answer has at most {most} tokens, and {tokens} are asked for: set max_tokens, or pay by a session"
	);
	Refusal::new(StatusCode::BAD_REQUEST, "free_answer_too_long", message)
}

/// Refuses a further account, of a block of addresses or at all.
pub fn too_many_accounts() -> Refusal {
	limit(
		"too_many_accounts",
		"many accounts were made from your network today, or there are too many in all: use one that you have, or ask tomorrow (UTC)"
			.into(),
	)
}

/// Asks for work.
pub fn challenge(challenge: &Challenge) -> Refusal {
	let (token, bits) = (hex::encode(challenge.token), challenge.bits);
	let message = format!(
		"your requests look like a program's: send the header {PROOF} with {token}:NUMBER, so that blake2b-256 of blyan/account-pow/1, the \
		challenge's 16 bytes and the number as u64 LE has {bits} leading zero bits. The page does so by itself"
	);
	let details = Some(json!({ "challenge": token, "bits": bits, "header": PROOF }));
	Refusal { details, ..limit("proof_of_work_required", message) }
}

/// Asks for a person.
pub fn captcha(widget: &Widget) -> Refusal {
	let Widget { service, site_key } = widget;
	let message = format!(
		"your requests look like a program's, again: solve a task of {service} on the page of this gateway, which sends the solution in the header {CAPTCHA}"
	);
	let details = Some(json!({ "service": service, "site_key": site_key, "header": CAPTCHA }));
	Refusal { details, ..limit("captcha_required", message) }
}

/// Refuses a request because nothing is known about its solution, which is still good.
pub fn captcha_unavailable() -> Refusal {
	let message = "the service of the CAPTCHA cannot be asked at the moment: send the request again, or pay for it without an account";
	let retry_after = Some(CAPTCHA_RETRY_SECONDS);
	Refusal { retry_after, ..Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "captcha_unavailable", message) }
}
