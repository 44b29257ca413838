//! Headers and refusals of paid requests, as operators' gateways read and write them (docs/gateway.md).

use crate::output::printable;
use base64::{engine::general_purpose::STANDARD, Engine};
use blyan_primitives::{SessionId, Voucher};
use blyan_till::{credentials, x402};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use sp_core::{sr25519, Pair, H256};

/// Header of a voucher: `session:amount:signature`.
pub const VOUCHER: HeaderName = HeaderName::from_static(credentials::VOUCHER);
/// Header of the name under which a request may be tried again.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static(credentials::IDEMPOTENCY_KEY);
/// Header of a retry by OpenAI's clients: the number of attempts before this one.
pub const RETRY_COUNT: HeaderName = HeaderName::from_static(credentials::RETRY_COUNT);
/// Header of the identifier of an answer's receipt.
pub const RECEIPT_ID: HeaderName = HeaderName::from_static("x-receipt-id");
/// Header of what has to be paid, of x402.
pub const PAYMENT_REQUIRED: HeaderName = HeaderName::from_static("payment-required");

/// Characters of an operator's message that are passed on.
const MESSAGE_MAX: usize = 1_000;
/// Characters of a body that holds none.
const BODY_MAX: usize = 200;

/// Signs a voucher and writes its header.
pub fn voucher(genesis: &H256, session: SessionId, amount: u128, key: &sr25519::Pair) -> HeaderValue {
	let voucher = Voucher { session, amount };
	let signature = key.sign(&voucher.payload(genesis));
	let text = credentials::write(&voucher, &signature);
	// Digits, colons and hexadecimal digits are always a header.
	HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Demand of an operator: the amount that a voucher must be over, in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
	/// Cumulative amount.
	pub amount: u128,
	/// The operator's words.
	pub message: String,
}

/// Reads what a refusal with status 402 asks for; `None` if no voucher would do, or the scheme is another.
///
/// The amount of x402 is the cost of one request; what the voucher must be over is beside it, `extra.voucher`.
pub fn demand(headers: &HeaderMap, body: &[u8]) -> Option<Demand> {
	let encoded = headers.get(PAYMENT_REQUIRED)?.as_bytes();
	let required: Value = serde_json::from_slice(&STANDARD.decode(encoded).ok()?).ok()?;
	let accepts = required["accepts"].as_array()?;
	let accepted = accepts.iter().find(|accepted| accepted["scheme"] == x402::SCHEME)?;
	let amount = accepted["extra"]["voucher"].as_str()?.parse().ok()?;
	Some(Demand { amount, message: words(body) })
}

/// Returns the words of an error in OpenAI's shape, fit for a terminal: the operator chose them.
pub fn words(body: &[u8]) -> String {
	let value: Value = serde_json::from_slice(body).unwrap_or_default();
	let said = match value["error"]["message"].as_str() {
		Some(message) => message.chars().take(MESSAGE_MAX).collect::<String>(),
		None => String::from_utf8_lossy(body).chars().take(BODY_MAX).collect(),
	};
	printable(&said)
}

/// Returns the identifiers of the receipts of all answers to a request, by that of the first.
pub fn receipt_ids(first: &str, count: u64) -> Vec<String> {
	let further = (1..count).map(|index| format!("{first}-{index}"));
	std::iter::once(first.to_owned()).chain(further).collect()
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::paying::check::tests::{pair, GENESIS};
	use serde_json::json;

	#[test]
	fn a_voucher_carries_what_was_signed() {
		let header = voucher(&GENESIS, 7, 12, &pair());
		let parts: Vec<&str> = header.to_str().unwrap().split(':').collect();
		assert_eq!(parts[..2], ["7", "12"]);
		let bytes: [u8; 64] = hex::decode(&parts[2][2..]).unwrap().try_into().unwrap();
		let signature = sr25519::Signature::from_raw(bytes);
		assert!(Voucher { session: 7, amount: 12 }.is_signed(&GENESIS, &pair().public(), &signature));
	}

	#[test]
	fn attack_write_to_the_terminal_of_a_payer_by_the_words_of_a_refusal() {
		let body =
			json!({ "error": { "message": format!("no\u{1b}[2J\r{}", "!".repeat(9_000)) } }).to_string();
		let said = words(body.as_bytes());
		assert!(said.starts_with("no\u{fffd}[2J\u{fffd}!!"), "{said}");
		assert_eq!(said.chars().count(), MESSAGE_MAX);
		assert_eq!(words(b"\x07plain"), "\u{fffd}plain");
	}

	#[test]
	fn a_demand_is_read_from_the_words_of_x402() {
		let required = json!({ "x402Version": 2, "accepts": [{ "scheme": "exact", "amount": "1" },
			{ "scheme": x402::SCHEME, "amount": "5", "extra": { "voucher": u128::MAX.to_string() } }] });
		let mut headers = HeaderMap::new();
		let body = br#"{"error": {"message": "pay more"}}"#;
		assert_eq!(demand(&headers, body), None);
		headers.insert(PAYMENT_REQUIRED, STANDARD.encode(required.to_string()).parse().unwrap());
		let expected = Demand { amount: u128::MAX, message: "pay more".into() };
		assert_eq!(demand(&headers, body), Some(expected));
	}
}
