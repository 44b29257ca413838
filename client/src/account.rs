//! Accounts: who signs, and how they are written.

use crate::failure::{Context, Failure, Outcome};
use sp_core::crypto::{AccountId32, Ss58AddressFormat, Ss58Codec};
use std::str::FromStr;
use subxt_signer::{sr25519::Keypair, SecretUri};

/// Address format of the network.
const SS58_PREFIX: u16 = 42;

/// An account that can sign.
pub struct Account {
	/// The user's name for it: a key's name or a development secret such as `//Alice`.
	pub name: String,
	/// Its key pair.
	pub signer: Keypair,
	/// Genesis hash of the only network it may sign for, if it is pinned to one.
	pub genesis: Option<[u8; 32]>,
}

impl Account {
	/// An account from a secret URI: `//Alice`, a phrase or a 0x seed, with derivations.
	pub fn from_suri(suri: &str) -> Outcome<Self> {
		let hint = "write //Alice, a twelve-word phrase in quotes, or a 0x seed of 32 bytes";
		let uri = SecretUri::from_str(suri).context_next("the secret URI is malformed", hint)?;
		let signer = Keypair::from_uri(&uri).context_next("the secret URI is malformed", hint)?;
		// Only development secrets are names; a phrase must not show up in any output.
		let name = if suri.starts_with("//") { suri } else { "secret" };
		Ok(Self { name: name.into(), signer, genesis: None })
	}

	/// Its public key, which is its account.
	pub fn id(&self) -> AccountId32 {
		AccountId32::new(self.signer.public_key().0)
	}

	/// Its address.
	pub fn address(&self) -> String {
		address(&self.id())
	}
}

/// The address of an account.
pub fn address(id: &AccountId32) -> String {
	id.to_ss58check_with_version(Ss58AddressFormat::custom(SS58_PREFIX))
}

/// Reads an account from an address, 0x and 32 bytes of hex, or a development secret.
pub fn parse_account(text: &str) -> Outcome<AccountId32> {
	if text.starts_with("//") {
		return Account::from_suri(text).map(|account| account.id());
	}
	if let Some(digits) = text.strip_prefix("0x") {
		let mut bytes = [0u8; 32];
		hex::decode_to_slice(digits, &mut bytes).context(text)?;
		return Ok(AccountId32::new(bytes));
	}
	AccountId32::from_ss58check(text).map_err(|_| {
		Failure::new(format!("\"{text}\" is neither an address nor one of your keys"))
			.next("list your keys with: blyan keys list")
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

	#[test]
	fn accounts_are_read_from_every_form() {
		let alice = Account::from_suri("//Alice").unwrap();
		assert_eq!(alice.address(), ALICE);
		let hex = format!("0x{}", hex::encode(alice.signer.public_key().0));
		for text in ["//Alice", ALICE, &hex] {
			assert_eq!(parse_account(text).unwrap(), alice.id());
		}
		assert!(parse_account("no address").is_err());
		assert!(parse_account("0x12").is_err());
	}
}
