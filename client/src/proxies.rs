//! Calls in the name of another account, whose proxy signs them.

use super::{events, transaction::Receipt, Client};
use crate::{
	account::Account,
	failure::{Failure, Kind, Outcome},
};
use codec::Encode;
use serde_json::Value as Json;
use sp_core::crypto::AccountId32;
use subxt::dynamic::{self, Value};

/// Variant of an address that is an account.
const ADDRESS_OF_ACCOUNT: u8 = 0;

impl Client {
	/// Reports whether an account may make calls in another's name, at once, as a proxy of one of these types.
	pub async fn is_proxy(
		&self,
		real: &AccountId32,
		delegate: &AccountId32,
		types: &[&str],
	) -> Outcome<bool> {
		let account: [u8; 32] = *real.as_ref();
		let address = dynamic::storage::<([u8; 32],), Value>("Proxy", "Proxies");
		let at = self.here().await?;
		let found = at.storage().try_fetch(address, (account,)).await?;
		let Some(value) = found else { return Ok(false) };
		Ok(is_listed(&events::to_json(&value.decode()?), delegate, types))
	}

	/// Makes a call in another account's name, and fails as the call does.
	pub async fn submit_as_proxy(
		&self,
		account: &Account,
		real: &AccountId32,
		(pallet, call): (&str, &str),
		arguments: &[u8],
	) -> Outcome<Receipt> {
		let inner = self.call_bytes(pallet, call, arguments).await?;
		let real: &[u8; 32] = real.as_ref();
		// No type is forced: any that allows the call will do.
		let outer = [(ADDRESS_OF_ACCOUNT, real, None::<u8>).encode(), inner].concat();
		let receipt = self.submit_encoded(account, "Proxy", "proxy", &outer).await?;
		match receipt.event("Proxy", "ProxyExecuted").map(|fields| &fields["result"]) {
			Some(result) if result.get("Err").is_none() => Ok(receipt),
			result => Err(Failure::new(format!(
				"{pallet}.{call} in the operator's name: {}",
				result.cloned().unwrap_or_default()
			))
			.kind(Kind::Refused)),
		}
	}
}

/// Looks for a delegate without delay in the record of an account's proxies. A list of one is shown as its only entry.
fn is_listed(record: &Json, delegate: &AccountId32, types: &[&str]) -> bool {
	let list = &record[0];
	let entries = list.as_array().map_or(std::slice::from_ref(list), Vec::as_slice);
	let delegate: &[u8] = delegate.as_ref();
	let delegate = format!("0x{}", hex::encode(delegate));
	entries.iter().any(|entry| {
		entry["delegate"] == delegate.as_str()
			&& entry["delay"] == 0
			&& entry["proxy_type"].as_str().is_some_and(|name| types.contains(&name))
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde_json::json;

	#[test]
	fn a_proxy_counts_if_its_type_allows_the_call_and_it_may_act_at_once() {
		let entry = |byte: u8, kind: &str, delay: u32| json!({ "delegate": format!("0x{}", hex::encode([byte; 32])), "proxy_type": kind, "delay": delay });
		let one = json!([entry(1, "Operator", 0), "100"]);
		let who = |byte: u8| AccountId32::new([byte; 32]);
		assert!(is_listed(&one, &who(1), &["Any", "Operator"]));
		assert!(!is_listed(&one, &who(2), &["Any", "Operator"]));
		assert!(!is_listed(&one, &who(1), &["Any"]));
		let two = json!([[entry(1, "Operator", 9), entry(2, "Any", 0)], "100"]);
		assert!(!is_listed(&two, &who(1), &["Any", "Operator"]), "it is delayed");
		assert!(is_listed(&two, &who(2), &["Any", "Operator"]));
	}
}
