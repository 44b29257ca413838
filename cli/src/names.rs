//! Accounts in words: the development accounts have names, others are cut short.

use crate::keys::{self, Account};
use sp_core::crypto::AccountId32;

const DEVELOPMENT: [&str; 6] = ["Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie"];

/// "Alice" for a development account, else the first and last characters of the address.
pub fn short(id: &AccountId32) -> String {
	let is_of = |name: &str| Account::from_suri(&format!("//{name}")).is_ok_and(|known| known.id() == *id);
	if let Some(name) = DEVELOPMENT.into_iter().find(|name| is_of(name)) {
		return name.into();
	}
	let address = keys::address(id);
	format!("{}..{}", &address[..6], &address[address.len() - 4..])
}

/// The first characters of a hash.
pub fn short_hash(hash: &sp_core::H256) -> String {
	format!("0x{}..", hex::encode(&hash.as_bytes()[..4]))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn development_accounts_have_names() {
		assert_eq!(short(&Account::from_suri("//Bob").unwrap().id()), "Bob");
		assert_eq!(short(&AccountId32::new([7; 32])).len(), 12);
	}
}
