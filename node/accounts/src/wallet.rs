//! Accounts of wallets, and their signatures.
//!
//! | wallet | signs | by |
//! |---|---|---|
//! | Ethereum | `keccak256("\x19Ethereum Signed Message:\n" ++ length ++ message)` (EIP-191) | secp256k1, the key recovered from the signature |
//! | Substrate | the message, bare or as `<Bytes>message</Bytes>`, which is what extensions do | sr25519, ed25519, or secp256k1 over Blake2b-256 |

use blyan_exact::blake2_256;
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use sp_core::{
	crypto::{AccountId32, Ss58AddressFormat, Ss58Codec},
	ed25519, sr25519, Pair,
};
use sp_crypto_hashing::keccak_256;
use std::{fmt, str::FromStr};

/// Prefix of the addresses that are shown; any is read.
const SS58_PREFIX: u16 = 42;

/// Account of a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wallet {
	/// Of Ethereum: the end of the key's hash.
	Ethereum([u8; 20]),
	/// Of a Substrate chain: a key of sr25519 or ed25519, or the hash of one of secp256k1.
	Substrate([u8; 32]),
}

/// Reason why an address is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
	/// Neither form fits.
	#[error("{0:?} is not an address: give 0x and 40 hexadecimal digits of Ethereum, or an SS58 address of a Substrate account")]
	Unknown(String),
	/// The case of the letters is not that of the checksum.
	#[error("{0:?} has another checksum (EIP-55) than its address: copy it from the wallet again")]
	Checksum(String),
}

impl FromStr for Wallet {
	type Err = AddressError;

	fn from_str(text: &str) -> Result<Self, AddressError> {
		let unknown = || AddressError::Unknown(text.chars().take(64).collect());
		let Some(digits) = text.strip_prefix("0x") else {
			let account = AccountId32::from_ss58check(text).map_err(|_| unknown())?;
			return Ok(Self::Substrate(account.into()));
		};
		let mut bytes = [0; 20];
		hex::decode_to_slice(digits, &mut bytes).map_err(|_| unknown())?;
		let wallet = Self::Ethereum(bytes);
		let has_both_cases = digits.contains(|letter: char| letter.is_ascii_uppercase())
			&& digits.contains(|letter: char| letter.is_ascii_lowercase());
		match has_both_cases && wallet.to_string() != text {
			true => Err(AddressError::Checksum(text.into())),
			false => Ok(wallet),
		}
	}
}

impl fmt::Display for Wallet {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Ethereum(bytes) => {
				let digits = hex::encode(bytes);
				let hash = hex::encode(keccak_256(digits.as_bytes()));
				f.write_str("0x")?;
				for (digit, weight) in digits.chars().zip(hash.chars()) {
					let is_upper = weight >= '8';
					write!(f, "{}", if is_upper { digit.to_ascii_uppercase() } else { digit })?;
				}
				Ok(())
			}
			Self::Substrate(bytes) => {
				let format = Ss58AddressFormat::custom(SS58_PREFIX);
				f.write_str(&AccountId32::new(*bytes).to_ss58check_with_version(format))
			}
		}
	}
}

impl Wallet {
	/// Reports whether the wallet has signed a message.
	pub fn has_signed(&self, message: &str, signature: &[u8]) -> bool {
		match self {
			Self::Ethereum(address) => {
				let prefix = format!("\x19Ethereum Signed Message:\n{}", message.len());
				let hash = keccak_256(&[prefix.as_bytes(), message.as_bytes()].concat());
				let key = recover(&hash, signature).map(|key| key.to_encoded_point(false));
				// The first byte says that the point is whole.
				let hash = key.as_ref().and_then(|key| key.as_bytes().get(1..)).map(keccak_256);
				hash.is_some_and(|hash| hash.ends_with(address))
			}
			Self::Substrate(account) => {
				let wrapped = format!("<Bytes>{message}</Bytes>");
				[message, wrapped.as_str()].iter().any(|text| substrate(account, text.as_bytes(), signature))
			}
		}
	}
}

/// Checks a signature of whatever kind its length allows. Extensions write the kind in front of it or not: 0 for ed25519, 1 for sr25519, 2 for secp256k1.
fn substrate(account: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
	let is_sr25519 = |signature: &[u8]| {
		<[u8; 64]>::try_from(signature).is_ok_and(|signature| {
			let (signature, key) =
				(sr25519::Signature::from_raw(signature), sr25519::Public::from_raw(*account));
			sr25519::Pair::verify(&signature, message, &key)
		})
	};
	let is_ed25519 = |signature: &[u8]| {
		<[u8; 64]>::try_from(signature).is_ok_and(|signature| {
			let (signature, key) =
				(ed25519::Signature::from_raw(signature), ed25519::Public::from_raw(*account));
			ed25519::Pair::verify(&signature, message, &key)
		})
	};
	let is_secp256k1 = |signature: &[u8]| {
		let key = recover(&blake2_256(&[message]), signature).map(|key| key.to_encoded_point(true));
		key.is_some_and(|key| blake2_256(&[key.as_bytes()]) == *account)
	};
	match signature {
		[0, rest @ ..] if rest.len() == 64 && is_ed25519(rest) => true,
		[1, rest @ ..] if rest.len() == 64 && is_sr25519(rest) => true,
		[2, rest @ ..] if rest.len() == 65 => is_secp256k1(rest),
		bare if bare.len() == 64 => is_sr25519(bare) || is_ed25519(bare),
		bare => is_secp256k1(bare),
	}
}

/// Recovers the key of a signature of 65 bytes, whose last byte is the recovery's, or 27 more by Ethereum's custom.
fn recover(hash: &[u8; 32], signature: &[u8]) -> Option<VerifyingKey> {
	let (last, rest) = signature.split_last()?;
	let recovery = RecoveryId::from_byte(last.checked_sub(27).unwrap_or(*last))?;
	let signature = Signature::from_slice(rest).ok()?;
	VerifyingKey::recover_from_prehash(hash, &signature, recovery).ok()
}

#[cfg(test)]
mod tests {
	use super::*;
	use k256::ecdsa::SigningKey;
	use proptest::prelude::*;

	fn ethereum(seed: u8) -> (SigningKey, Wallet) {
		let key = SigningKey::from_slice(&[seed; 32]).unwrap();
		let point = key.verifying_key().to_encoded_point(false);
		let hash = keccak_256(&point.as_bytes()[1..]);
		(key, Wallet::Ethereum(hash[12..].try_into().unwrap()))
	}

	fn signed(key: &SigningKey, hash: &[u8; 32], first: u8) -> Vec<u8> {
		let (signature, recovery) = key.sign_prehash_recoverable(hash).unwrap();
		[signature.to_bytes().as_slice(), &[first + recovery.to_byte()]].concat()
	}

	/// The examples of EIP-55.
	#[test]
	fn addresses_of_ethereum_have_their_checksum() {
		for text in
			["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"]
		{
			assert_eq!(text.parse::<Wallet>().unwrap().to_string(), text);
			assert_eq!(text.to_lowercase().parse::<Wallet>().unwrap().to_string(), text);
		}
		let wrong = "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
		assert!(matches!(wrong.parse::<Wallet>(), Err(AddressError::Checksum(_))));
	}

	/// Written by `@polkadot/util-crypto` 14.0.3, which shares no code with this crate; keys from seeds of sevens and of ones.
	#[test]
	fn signatures_of_another_implementation_are_taken() {
		let cases = [
			("0x4a62316623ad457F02cDC5D997deD67a383EC569", "3bec60515e55dde04df73fb8583955ab62739c7e861d021f08bbbe98421c75826fe631634acaeb766e2a1319e647a5c8791302dfbcb3f45efd8bf5bda3accff001"),
			("5CcyqxXnJucaCnQQvvUg5EPzj1uoNAxACZvzArHw5aVDvgNH", "508ec9e6ab5f3657f3adfa1eb7637a63feb7885dce69a703ef154e46f075bd5ce35174327de0cf74849f8315b862689551d5e0872e6ae0a7e5fea8520351208b"),
			("5DmrxRHDTLW45AsWXGuTjXRNpipn9pA8hbBb4ZVEExgs2SiB", "51cd2cc6e2039062cc7fbc17bd667537b2112453a9750db9f54b024997a4870d4058c2ff7a4c9e2da9bce59f4caf668577e3f00ff928d45da5b5695ef21b8e8b00"),
		];
		for (address, signature) in cases {
			let (wallet, signature) = (address.parse::<Wallet>().unwrap(), hex::decode(signature).unwrap());
			assert!(wallet.has_signed("hello", &signature), "{address}");
			assert!(!wallet.has_signed("hello ", &signature), "{address}");
		}
	}

	#[test]
	fn what_is_no_address_is_refused() {
		for text in ["", "0x", "0x12", "5Grwva", "alice", "0xzz5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"] {
			assert!(matches!(text.parse::<Wallet>(), Err(AddressError::Unknown(_))), "{text}");
		}
		let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
		assert_eq!(alice.parse::<Wallet>().unwrap().to_string(), alice);
	}

	#[test]
	fn a_wallet_of_ethereum_signs_with_either_custom_for_the_last_byte() {
		let (key, wallet) = ethereum(7);
		let hash = keccak_256(b"\x19Ethereum Signed Message:\n5hello");
		assert!(wallet.has_signed("hello", &signed(&key, &hash, 0)));
		assert!(wallet.has_signed("hello", &signed(&key, &hash, 27)));
		assert!(!wallet.has_signed("hallo", &signed(&key, &hash, 27)));
		assert!(!ethereum(8).1.has_signed("hello", &signed(&key, &hash, 27)));
		assert!(!wallet.has_signed("hello", &[]));
	}

	#[test]
	fn a_substrate_account_signs_with_any_of_its_kinds_of_keys_bare_or_wrapped() {
		let (sr, ed) = (sr25519::Pair::from_seed(&[1; 32]), ed25519::Pair::from_seed(&[2; 32]));
		let (key, _) = ethereum(3);
		let compressed = key.verifying_key().to_encoded_point(true);
		let hashed = Wallet::Substrate(blake2_256(&[compressed.as_bytes()]));
		for text in ["hello", "<Bytes>hello</Bytes>"] {
			let bytes = text.as_bytes();
			let signatures = [
				(Wallet::Substrate(sr.public().0), 1, sr.sign(bytes).0.to_vec()),
				(Wallet::Substrate(ed.public().0), 0, ed.sign(bytes).0.to_vec()),
				(hashed, 2, signed(&key, &blake2_256(&[bytes]), 0)),
			];
			for (wallet, kind, signature) in signatures {
				assert!(wallet.has_signed("hello", &signature), "{kind} bare");
				assert!(
					wallet.has_signed("hello", &[[kind].as_slice(), signature.as_slice()].concat()),
					"{kind} typed"
				);
				assert!(!wallet.has_signed("hello!", &signature), "{kind}, other words");
				assert!(!Wallet::Substrate([9; 32]).has_signed("hello", &signature), "{kind}, other account");
			}
		}
	}

	proptest! {
		#[test]
		fn no_bytes_are_a_signature(bytes in prop::collection::vec(any::<u8>(), 0..70), message: String) {
			prop_assert!(!Wallet::Ethereum([1; 20]).has_signed(&message, &bytes));
			prop_assert!(!Wallet::Substrate([5; 32]).has_signed(&message, &bytes));
		}

		#[test]
		fn addresses_round_trip(short: [u8; 20], long: [u8; 32]) {
			for wallet in [Wallet::Ethereum(short), Wallet::Substrate(long)] {
				prop_assert_eq!(wallet.to_string().parse::<Wallet>(), Ok(wallet));
			}
		}
	}
}
