//! Credentials of a request, as its headers have them.
//!
//! ```text
//! x-blyan-voucher: SESSION:AMOUNT:0xSIGNATURE
//! payment-signature: base64 {"x402Version": 2, "payload": {"session", "amount", "signature"}, "accepted": {"scheme": "blyan-voucher", ..}}
//! authorization: Bearer blyan-..
//! idempotency-key: ..
//! x-stainless-retry-count: 1          official clients count their attempts so
//! ```

use crate::x402;
use base64::{engine::general_purpose::STANDARD, Engine as _};
use blyan_gateway::till::http::HeaderMap;
use blyan_primitives::serving::{ServingSignature, Voucher};
use serde_json::Value;

/// Header with a voucher.
pub const VOUCHER: &str = "x-blyan-voucher";
/// Header of x402 with a payment.
pub const PAYMENT_SIGNATURE: &str = "payment-signature";
/// Header by which a client says that two requests are one.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Header by which official clients count their attempts.
pub const RETRY_COUNT: &str = "x-stainless-retry-count";
/// Header with an API key.
const AUTHORIZATION: &str = "authorization";
/// Beginning of every API key.
pub const KEY_PREFIX: &str = "blyan-";
/// Bytes of an idempotency key.
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// A voucher with its signature, which is not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
	/// The voucher.
	pub voucher: Voucher,
	/// Its signature.
	pub signature: ServingSignature,
}

/// The payer by its own account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
	/// A session, by a voucher.
	Voucher(Presented),
	/// An API key.
	Key(String),
	/// None that means anything here.
	None,
}

/// Reason why credentials cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
	/// The voucher is malformed.
	#[error("the header {VOUCHER} is {0:?}: write SESSION:AMOUNT:SIGNATURE, both numbers in decimals and 64 bytes in hexadecimals")]
	Voucher(String),
	/// The payment of x402 is malformed.
	#[error("the header {PAYMENT_SIGNATURE} is not a payment: {0}")]
	Payment(&'static str),
	/// A header is there twice or has other bytes than text.
	#[error("the header {0} is there more than once, or is not text")]
	Header(&'static str),
	/// The idempotency key is too long.
	#[error("the header {IDEMPOTENCY_KEY} has more than {IDEMPOTENCY_KEY_BYTES_MAX} bytes")]
	IdempotencyKey,
}

/// Reads the payer of a request. A voucher comes before a payment of x402, and that before a key: clients of OpenAI's interface send some key with
/// everything.
pub fn read(headers: &HeaderMap) -> Result<Credentials, CredentialsError> {
	if let Some(text) = one(headers, VOUCHER)? {
		let presented = parse(text).ok_or_else(|| CredentialsError::Voucher(text.into()))?;
		return Ok(Credentials::Voucher(presented));
	}
	if let Some(text) = one(headers, PAYMENT_SIGNATURE)? {
		return payment(text).map(Credentials::Voucher).map_err(CredentialsError::Payment);
	}
	let key = one(headers, AUTHORIZATION)?.and_then(|text| text.strip_prefix("Bearer "));
	match key.map(str::trim).filter(|key| key.starts_with(KEY_PREFIX)) {
		Some(key) => Ok(Credentials::Key(key.into())),
		None => Ok(Credentials::None),
	}
}

/// Reads the key by which a client says that two requests are one.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, CredentialsError> {
	match one(headers, IDEMPOTENCY_KEY)? {
		Some(key) if key.len() > IDEMPOTENCY_KEY_BYTES_MAX => Err(CredentialsError::IdempotencyKey),
		key => Ok(key.filter(|key| !key.is_empty())),
	}
}

/// Reports whether a client says that it has sent this request before.
pub fn is_retry(headers: &HeaderMap) -> bool {
	let count = headers.get(RETRY_COUNT).and_then(|count| count.to_str().ok());
	count.and_then(|count| count.parse::<u32>().ok()).is_some_and(|count| count > 0)
}

fn one<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, CredentialsError> {
	let mut values = headers.get_all(name).iter();
	match (values.next(), values.next()) {
		(None, _) => Ok(None),
		(Some(value), None) => value.to_str().map(Some).map_err(|_| CredentialsError::Header(name)),
		_ => Err(CredentialsError::Header(name)),
	}
}

/// Reads a voucher as the header has it.
pub fn parse(text: &str) -> Option<Presented> {
	let mut parts = text.trim().split(':');
	let (session, amount, signature) = (parts.next()?, parts.next()?, parts.next()?);
	if parts.next().is_some() {
		return None;
	}
	let voucher = Voucher { session: number(session)?, amount: number(amount)? };
	Some(Presented { voucher, signature: signature_of(signature)? })
}

/// Writes a voucher as the header has it.
pub fn write(voucher: &Voucher, signature: &ServingSignature) -> String {
	format!("{}:{}:0x{}", voucher.session, voucher.amount, hex::encode(signature.0))
}

/// Reads a decimal number that is written in one way only: no sign, no blank.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
	text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn signature_of(text: &str) -> Option<ServingSignature> {
	let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text)).ok()?;
	Some(ServingSignature::from_raw(bytes.try_into().ok()?))
}

/// Reads a payment of x402.
fn payment(text: &str) -> Result<Presented, &'static str> {
	let bytes = STANDARD.decode(text.trim()).map_err(|_| "it is not base64")?;
	let value: Value = serde_json::from_slice(&bytes).map_err(|_| "it is not JSON")?;
	if value.get("x402Version").and_then(Value::as_u64) != Some(x402::VERSION) {
		return Err("x402Version is not 2");
	}
	let scheme = value.get("accepted").and_then(|accepted| accepted.get("scheme"));
	if scheme.and_then(Value::as_str) != Some(x402::SCHEME) {
		return Err("its scheme is not blyan-voucher");
	}
	let payload = value.get("payload").ok_or("it has no payload")?;
	let field = |name: &str| {
		payload.get(name).and_then(|field| match field {
			Value::String(text) => Some(text.clone()),
			Value::Number(number) => Some(number.to_string()),
			_ => None,
		})
	};
	let session = field("session").and_then(|text| number(&text)).ok_or("its payload has no session")?;
	let amount = field("amount").and_then(|text| number(&text)).ok_or("its payload has no amount")?;
	let signature = field("signature").and_then(|text| signature_of(&text));
	let signature = signature.ok_or("its payload has no signature of 64 bytes")?;
	Ok(Presented { voucher: Voucher { session, amount }, signature })
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;
	use serde_json::json;

	fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
		pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
	}

	#[test]
	fn a_voucher_comes_before_a_key_and_a_foreign_key_means_nothing() {
		let text = format!("3:500:0x{}", "ab".repeat(64));
		let both = headers(&[(VOUCHER, &text), ("authorization", "Bearer blyan-1")]);
		let Credentials::Voucher(presented) = read(&both).unwrap() else { panic!("no voucher") };
		assert_eq!(presented.voucher, Voucher { session: 3, amount: 500 });
		assert_eq!(read(&headers(&[("authorization", "Bearer sk-none")])), Ok(Credentials::None));
		assert_eq!(
			read(&headers(&[("authorization", "Bearer blyan-1")])),
			Ok(Credentials::Key("blyan-1".into()))
		);
		let mut twice = headers(&[(VOUCHER, &text)]);
		twice.append(VOUCHER, text.parse().unwrap());
		assert_eq!(read(&twice), Err(CredentialsError::Header(VOUCHER)));
	}

	#[test]
	fn a_payment_of_x402_is_a_voucher_of_our_scheme_and_of_version_two() {
		let payment = |version: u64, scheme: &str, amount: Value| {
			let payload = json!({ "session": 7, "amount": amount, "signature": "cd".repeat(64) });
			let value =
				json!({ "x402Version": version, "payload": payload, "accepted": { "scheme": scheme } });
			read(&headers(&[(PAYMENT_SIGNATURE, &STANDARD.encode(value.to_string()))]))
		};
		let Ok(Credentials::Voucher(presented)) =
			payment(2, "blyan-voucher", json!("340282366920938463463374607431768211455"))
		else {
			panic!("no voucher")
		};
		assert_eq!(presented.voucher, Voucher { session: 7, amount: u128::MAX });
		assert!(payment(2, "blyan-voucher", json!(5)).is_ok());
		for refused in [
			payment(1, "blyan-voucher", json!("5")),
			payment(2, "exact", json!("5")),
			payment(2, "blyan-voucher", json!("-5")),
			payment(2, "blyan-voucher", json!(1.5)),
		] {
			assert!(matches!(refused, Err(CredentialsError::Payment(_))), "{refused:?}");
		}
	}

	#[test]
	fn a_retry_says_so_by_its_count() {
		assert!(!is_retry(&headers(&[])));
		assert!(!is_retry(&headers(&[(RETRY_COUNT, "0")])));
		assert!(is_retry(&headers(&[(RETRY_COUNT, "2")])));
	}

	proptest! {
		#[test]
		fn vouchers_round_trip_and_nothing_else_is_read(session: u64, amount: u128, byte: u8, text: String) {
			let voucher = Voucher { session, amount };
			let signature = ServingSignature::from_raw([byte; 64]);
			prop_assert_eq!(parse(&write(&voucher, &signature)), Some(Presented { voucher, signature }));
			if let Some(read) = parse(&text) {
				prop_assert_eq!(text.trim().split(':').count(), 3);
				prop_assert_eq!(text.trim().split(':').nth(1).unwrap().parse::<u128>(), Ok(read.voucher.amount));
			}
		}
	}
}
