//! An operator's account of a session, as its gateway gives it: how much it has charged, and the newest voucher that it holds.

use super::{
	upstream::{Upstream, UpstreamError},
	wire::{self, VOUCHER},
};
use crate::failure::{Failure, Kind, Outcome};
use blyan_primitives::SessionId;
use blyan_till::credentials::{self, Presented};
use hyper::header::HeaderMap;
use serde_json::Value;
use sp_core::{sr25519, Pair, H256};

/// An operator's account of a session, as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorAccount {
	/// Amount of the newest voucher that it holds.
	pub promised: u128,
	/// True if it has shown that voucher, with its signature.
	pub is_shown: bool,
	/// Charged for all answers.
	pub charged: u128,
	/// Held for answers that it computes now.
	pub held: u128,
}

/// Asks for a session's account, with a voucher over what is promised already.
pub async fn ask(
	upstream: &Upstream,
	genesis: &H256,
	session: SessionId,
	promised: u128,
	key: &sr25519::Pair,
) -> Outcome<OperatorAccount> {
	let mut headers = HeaderMap::new();
	headers.insert(VOUCHER, wire::voucher(genesis, session, promised, key));
	let unreachable = |error: UpstreamError| Failure::new(error).kind(Kind::Unreachable);
	let (status, body) = upstream.get("/v1/account", headers).await.map_err(unreachable)?;
	if status != 200 {
		return Err(Failure::new(format!("status {status}: {}", wire::words(&body))).kind(Kind::Refused));
	}
	let value: Value = serde_json::from_slice(&body)?;
	read(&value, genesis, session, key)
}

/// Reads an account, and checks the voucher if it shows one.
fn read(value: &Value, genesis: &H256, session: SessionId, key: &sr25519::Pair) -> Outcome<OperatorAccount> {
	let number = |name: &str| {
		let digits = value[name].as_str().and_then(|digits| digits.parse::<u128>().ok());
		digits.ok_or_else(|| Failure::new(format!("its account of session {session} names no {name}")))
	};
	let (charged, held, known) = (number("served")?, number("held")?, number("known")?);
	let Some(shown) = value["voucher"].as_str() else {
		return Ok(OperatorAccount { promised: known, is_shown: false, charged, held });
	};
	let promised = amount_of(shown, genesis, session, key).ok_or_else(|| {
		Failure::new(format!("the voucher that it shows was not signed for session {session} by this key"))
	})?;
	Ok(OperatorAccount { promised, is_shown: true, charged, held })
}

/// Returns the amount of a voucher that this key signed for this session, in the form of its header.
fn amount_of(header: &str, genesis: &H256, session: SessionId, key: &sr25519::Pair) -> Option<u128> {
	let Presented { voucher, signature } = credentials::parse(header)?;
	let is_ours = voucher.session == session && voucher.is_signed(genesis, &key.public(), &signature);
	is_ours.then_some(voucher.amount)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::paying::check::tests::{pair, GENESIS};
	use serde_json::json;

	#[test]
	fn a_promise_is_believed_as_far_as_it_is_shown() {
		let shown = wire::voucher(&GENESIS, 7, 12, &pair());
		let shown = shown.to_str().unwrap();
		let account = json!({ "served": "5", "held": "1", "known": "99", "voucher": shown });
		let read_of = |value: &Value, session| read(value, &GENESIS, session, &pair());
		let expected = OperatorAccount { promised: 12, is_shown: true, charged: 5, held: 1 };
		assert_eq!(read_of(&account, 7).unwrap(), expected);
		assert!(read_of(&account, 8).is_err(), "a voucher of another session");
		let raised = json!({ "served": "5", "held": "1", "known": "99", "voucher": shown.replacen(":12:", ":13:", 1) });
		assert!(read_of(&raised, 7).unwrap_err().message.contains("was not signed"));
		let bare = json!({ "served": "5", "held": "1", "known": "99" });
		assert_eq!(read_of(&bare, 7).unwrap(), OperatorAccount { promised: 99, is_shown: false, ..expected });
		for value in [json!({}), json!({ "served": 5, "held": "1", "known": "9" }), json!({ "served": "5" })]
		{
			assert!(read_of(&value, 7).is_err(), "{value}");
		}
	}
}
