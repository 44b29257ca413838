//! A key file as polkadot.js exports and imports it ("JSON keystore", version 3).
//!
//! `encoded` is base64 of
//! ```text
//! salt 32 | N u32 | p u32 | r u32 | nonce 24 | xsalsa20-poly1305(header 16 | secret 64 | divider 5 | public 32)
//! ```
//! where the key of the box is scrypt(password, salt, N, r, p) and integers are little endian.

use crate::failure::{Context, Failure, Outcome};
use base64::{engine::general_purpose::STANDARD, Engine};
use crypto_secretbox::{aead::Aead, Key, KeyInit, Nonce, XSalsa20Poly1305};
use rand::{rngs::OsRng, RngCore};
use serde::{Deserialize, Serialize};
use sp_core::{crypto::AccountId32, sr25519, Pair};
use std::time::{SystemTime, UNIX_EPOCH};
use subxt_signer::{polkadot_js_compat, sr25519::Keypair};

/// scrypt's cost: 2^17 rounds of 1 KiB, 128 MiB in all, as OWASP asks. The costliest that polkadot.js opens.
const SCRYPT_LOG_N: u8 = 17;
const SCRYPT_R: u32 = 8;
const SCRYPT_P: u32 = 1;
const HEADER: [u8; 16] = [48, 83, 2, 1, 1, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
const DIVIDER: [u8; 5] = [161, 35, 3, 33, 0];

/// The file's JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyFile {
	encoded: String,
	encoding: Encoding,
	/// The account's address.
	pub address: String,
	/// Facts about the key, in the clear.
	#[serde(default)]
	pub meta: Meta,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Encoding {
	content: Vec<String>,
	r#type: Vec<String>,
	version: String,
}

/// Facts about a key that its file holds unencrypted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
	/// The key's name.
	#[serde(default)]
	pub name: String,
	/// Genesis hash of the only network the key is for, 0x-hex; empty or absent for any.
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub genesis_hash: Option<String>,
	/// Milliseconds since 1970.
	#[serde(default)]
	pub when_created: u64,
}

impl KeyFile {
	/// Encrypts `pair` under `password`.
	pub fn encrypt(pair: &sr25519::Pair, name: &str, password: &str) -> Outcome<Self> {
		let secret: &schnorrkel::Keypair = pair.as_ref();
		let mut plain = Vec::with_capacity(117);
		plain.extend(HEADER);
		plain.extend(secret.secret.to_ed25519_bytes());
		plain.extend(DIVIDER);
		plain.extend(pair.public().0);

		let (mut salt, mut nonce) = ([0u8; 32], [0u8; 24]);
		OsRng.fill_bytes(&mut salt);
		OsRng.fill_bytes(&mut nonce);
		let params = scrypt::Params::new(SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P, 32).context("scrypt")?;
		let mut key = Key::default();
		scrypt::scrypt(password.as_bytes(), &salt, &params, &mut key).context("scrypt")?;
		let sealed = XSalsa20Poly1305::new(&key)
			.encrypt(Nonce::from_slice(&nonce), plain.as_slice())
			.map_err(|_| Failure::new("the key cannot be encrypted"))?;
		plain.fill(0);

		let mut bytes = Vec::with_capacity(68 + sealed.len());
		bytes.extend(salt);
		for number in [1u32 << SCRYPT_LOG_N, SCRYPT_P, SCRYPT_R] {
			bytes.extend(number.to_le_bytes());
		}
		bytes.extend(nonce);
		bytes.extend(sealed);
		let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
		Ok(Self {
			encoded: STANDARD.encode(bytes),
			encoding: Encoding {
				content: vec!["pkcs8".into(), "sr25519".into()],
				r#type: vec!["scrypt".into(), "xsalsa20-poly1305".into()],
				version: "3".into(),
			},
			address: super::address(&AccountId32::new(pair.public().0)),
			meta: Meta {
				name: name.into(),
				genesis_hash: None,
				when_created: u64::try_from(now).unwrap_or_default(),
			},
		})
	}

	/// Reads a file's JSON and checks that a key of the right shape can be inside.
	pub fn parse(json: &str) -> Outcome<Self> {
		let file: Self = serde_json::from_str(json)
			.context_next("no key file", "export the key from polkadot.js as JSON")?;
		// The library that decrypts slices off the first 68 bytes unchecked.
		if STANDARD.decode(&file.encoded).map_or(0, |bytes| bytes.len()) < 68 {
			return Err(Failure::new("the key file is cut short").next("restore it from its phrase"));
		}
		Ok(file)
	}

	/// Decrypts the key.
	pub fn decrypt(&self, password: &str) -> Outcome<Keypair> {
		let json = serde_json::to_string(self)?;
		polkadot_js_compat::decrypt_json(&json, password).map_err(|error| match error {
			polkadot_js_compat::Error::Secretbox(_) => Failure::new(
				"wrong password, or the key file is damaged",
			)
			.next("try again; a lost password means restoring the key from its phrase: blyan keys import"),
			// A foreign file names its own cost, which is refused before anything is computed.
			polkadot_js_compat::Error::UnsupportedScryptParameters { n, p, r } => Failure::new(format!(
				"the key file asks for scrypt with N = {n}, p = {p}, r = {r}, which polkadot.js never writes"
			))
			.next("do not trust this file; restore the key from its phrase: blyan keys import"),
			error => Failure::new(format!("the key file cannot be read: {error}"))
				.next("only sr25519 keys of polkadot.js (version 3) are supported"),
		})
	}

	/// The network the key is pinned to.
	pub fn genesis(&self) -> Outcome<Option<[u8; 32]>> {
		let Some(text) = self.meta.genesis_hash.as_deref().filter(|text| !text.is_empty()) else {
			return Ok(None);
		};
		let mut hash = [0u8; 32];
		hex::decode_to_slice(text.trim_start_matches("0x"), &mut hash)
			.context_next("genesisHash in the key file", "it must be 0x and 64 hexadecimal digits")?;
		Ok(Some(hash))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn round_trip_through_json() {
		let (pair, _) = crate::keys::generate();
		let file = KeyFile::encrypt(&pair, "miner", "hunter2").unwrap();
		let json = serde_json::to_string(&file).unwrap();
		let read = KeyFile::parse(&json).unwrap();
		assert_eq!(read.meta.name, "miner");
		assert_eq!(read.decrypt("hunter2").unwrap().public_key().0, pair.public().0);
		assert!(read.decrypt("hunter3").unwrap_err().message.contains("wrong password"));
		assert_eq!(read.genesis().unwrap(), None);
	}

	#[test]
	fn rejects_a_file_cut_short() {
		let (pair, _) = crate::keys::generate();
		let mut file = KeyFile::encrypt(&pair, "miner", "x").unwrap();
		file.encoded.truncate(40);
		assert!(KeyFile::parse(&serde_json::to_string(&file).unwrap()).is_err());
		assert!(KeyFile::parse("{}").is_err());
	}

	#[test]
	fn new_files_cost_what_they_should_and_a_foreign_one_no_more_than_polkadot_js_allows() {
		let (pair, _) = crate::keys::generate();
		let mut file = KeyFile::encrypt(&pair, "miner", "x").unwrap();
		let mut bytes = STANDARD.decode(&file.encoded).unwrap();
		assert_eq!(bytes[32..36], (1u32 << 17).to_le_bytes());
		// 2^31 KiB of memory, or four thousand million rounds over little of it.
		for (place, number) in [(32, 1u32 << 31), (36, u32::MAX), (40, u32::MAX), (32, 1), (32, 0)] {
			let before = bytes.clone();
			bytes[place..place + 4].copy_from_slice(&number.to_le_bytes());
			file.encoded = STANDARD.encode(&bytes);
			let refused = file.decrypt("x").unwrap_err();
			assert!(refused.message.contains("polkadot.js never writes"), "{}", refused.message);
			bytes = before;
		}
	}

	#[test]
	fn opens_what_polkadot_js_wrote() {
		let file = KeyFile::parse(BOB).unwrap();
		let opened = file.decrypt("whoisbob").unwrap();
		assert_eq!(crate::keys::address(&AccountId32::new(opened.public_key().0)), file.address);
	}

	// Exported by the polkadot.js extension, from the test vectors of subxt-signer.
	const BOB: &str = r#"{
		"encoded": "J2FFcPHAY11Pmq/38eqbwfUv9OPitYJs+oYgahBvlagAAAIAAQAAAAgAAAB5o0DwXCWDblsH+9pc++RaBO4fpHBHzUirHFHFE9yS3sDzgAIQjhgvPqJ3ODrMR2gy7vk0VZg1fyirIvmsrfjGbWnOI8YU0joX0tYytroyWaykFKtZJMmE0pNKcJ5dJmDxscbK53Ac+7ld2UdH07yKPXxmPuYNNw3vKx8cg9CdQgifKfzQxHnC+EUpOoHPLwGlHsFEYtIlQtngqd9n",
		"encoding": { "content": ["pkcs8", "sr25519"], "type": ["scrypt", "xsalsa20-poly1305"], "version": "3" },
		"address": "5CfWTDh7XxJ2yrayqQ2aJnnZAH5v5XaF1oJFfH5QCpbfP9v8",
		"meta": { "genesisHash": "", "name": "Bob (Dev)", "whenCreated": 1768916488918 }
	}"#;
}
