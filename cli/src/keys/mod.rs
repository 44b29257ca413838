//! Accounts: development secrets, and key files encrypted at rest in the format of polkadot.js.

mod file;
mod password;
mod store;

pub use blyan_client::account::{address, parse_account, Account};
pub use file::KeyFile;
pub use password::PasswordSource;
pub use store::{KeyStore, DEFAULT_KEY};

use crate::failure::{Failure, Outcome};
use sp_core::{sr25519, Pair};

/// A new secret and the phrase that restores it.
pub fn generate() -> (sr25519::Pair, String) {
	let (pair, phrase, _) = sr25519::Pair::generate_with_phrase(None);
	(pair, phrase)
}

/// The pair behind a secret URI.
pub fn pair_from_suri(suri: &str) -> Outcome<sr25519::Pair> {
	sr25519::Pair::from_string(suri, None).map_err(|error| {
		Failure::new(format!("the secret URI is malformed: {error:?}"))
			.next("write //Alice, a twelve-word phrase in quotes, or a 0x seed of 32 bytes")
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_phrase_never_becomes_a_name() {
		let (_, phrase) = generate();
		assert_eq!(Account::from_suri(&phrase).unwrap().name, "secret");
	}

	#[test]
	fn both_libraries_derive_the_same_account() {
		let (pair, phrase) = generate();
		assert_eq!(Account::from_suri(&phrase).unwrap().signer.public_key().0, pair.public().0);
		for suri in [format!("{phrase}//hard/soft"), "//Bob".into()] {
			let account = Account::from_suri(&suri).unwrap();
			assert_eq!(account.signer.public_key().0, pair_from_suri(&suri).unwrap().public().0);
		}
	}
}
