//! The words of x402, version 2, for a prepaid session.
//!
//! A client that speaks x402 reads the header `PAYMENT-REQUIRED` of an answer 402, sends the request again with `PAYMENT-SIGNATURE`, and finds
//! `PAYMENT-RESPONSE` in the answer. The scheme `blyan-voucher` is of this project: its payload is a cumulative voucher of a session.

use base64::{engine::general_purpose::STANDARD, Engine as _};
use blyan_gateway::till::http::{HeaderName, HeaderValue};
use serde_json::{json, Value};
use sp_core::H256;

/// Version of x402.
pub const VERSION: u64 = 2;
/// Scheme of payment.
pub const SCHEME: &str = "blyan-voucher";
/// Name of the coin.
const ASSET: &str = "BLY";
/// Seconds for which a client may expect an answer to take.
const TIMEOUT_SECONDS: u64 = 600;
/// Digits of a genesis hash in the name of a chain.
const CHAIN_DIGITS: usize = 32;

/// Returns the name of a chain by CAIP-2.
pub fn network(genesis: &H256) -> String {
	let digits = hex::encode(genesis.0);
	format!("polkadot:{}", digits.get(..CHAIN_DIGITS).unwrap_or(&digits))
}

/// Returns the header of an answer 402. `extra` says which voucher would do.
pub fn required(
	genesis: &H256,
	resource: &str,
	operator: &[u8; 32],
	amount: u128,
	error: &str,
	extra: &Value,
) -> Option<(HeaderName, HeaderValue)> {
	let value = json!({
		"x402Version": VERSION,
		"error": error,
		"resource": { "url": resource },
		"accepts": [{
			"scheme": SCHEME, "network": network(genesis), "asset": ASSET, "amount": amount.to_string(),
			"payTo": format!("0x{}", hex::encode(operator)), "maxTimeoutSeconds": TIMEOUT_SECONDS, "extra": extra,
		}],
	});
	let value = HeaderValue::from_str(&STANDARD.encode(value.to_string())).ok()?;
	Some((HeaderName::from_static("payment-required"), value))
}

/// Returns the object of the header `PAYMENT-RESPONSE`.
pub fn response(genesis: &H256, payer: &str, receipt: &H256, amount: u128) -> Value {
	json!({
		"success": true, "transaction": format!("0x{}", hex::encode(receipt.0)), "network": network(genesis),
		"payer": payer, "amount": amount.to_string(),
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_chain_is_named_by_half_of_its_genesis_hash() {
		let name = network(&H256::repeat_byte(0xab));
		assert_eq!(name, format!("polkadot:{}", "ab".repeat(16)));
	}

	#[test]
	fn a_402_names_amount_and_chain_in_strings() {
		let genesis = H256::repeat_byte(1);
		let (name, value) = required(
			&genesis,
			"/v1/chat/completions",
			&[2; 32],
			u128::MAX,
			"pay",
			&json!({ "session": "5" }),
		)
		.unwrap();
		assert_eq!(name, "payment-required");
		let value: Value = serde_json::from_slice(&STANDARD.decode(value.as_bytes()).unwrap()).unwrap();
		assert_eq!(value["x402Version"], 2);
		let accepted = &value["accepts"][0];
		assert_eq!(accepted["amount"], u128::MAX.to_string());
		assert_eq!((&accepted["scheme"], &accepted["network"]), (&json!(SCHEME), &json!(network(&genesis))));
		assert_eq!(accepted["extra"]["session"], "5");
	}
}
