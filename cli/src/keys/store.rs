//! The directory of key files, one a key, named after the key.

use super::{pair_from_suri, Account, KeyFile, PasswordSource};
use crate::{
	failure::{Context, Failure, Outcome},
	home::{write_private, Home},
};
use sp_core::sr25519;
use std::{fs, path::PathBuf};

/// The key used when none is named; made when it is first needed.
pub const DEFAULT_KEY: &str = "default";

/// The user's keys.
pub struct KeyStore {
	home: Home,
	passwords: PasswordSource,
}

impl KeyStore {
	/// The keys in `home`. Nothing is created until a key is.
	pub fn new(home: Home, passwords: PasswordSource) -> Self {
		Self { home, passwords }
	}

	fn path(&self, name: &str) -> Outcome<PathBuf> {
		let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
		if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(is_plain) {
			return Err(Failure::new(format!("\"{name}\" is no name for a key"))
				.next("use letters, digits, - and _ only"));
		}
		Ok(self.home.path("keys").join(format!("{name}.json")))
	}

	/// Reports whether there is a key of that name.
	pub fn contains(&self, name: &str) -> bool {
		self.path(name).is_ok_and(|path| path.exists())
	}

	/// Names and files, by name.
	pub fn list(&self) -> Outcome<Vec<(String, KeyFile)>> {
		let mut keys = Vec::new();
		let Ok(entries) = fs::read_dir(self.home.path("keys")) else { return Ok(keys) };
		for entry in entries {
			let path = entry?.path();
			let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
			if let Some(name) = name.strip_suffix(".json") {
				keys.push((name.to_string(), self.read(name)?));
			}
		}
		keys.sort_by(|(a, _), (b, _)| a.cmp(b));
		Ok(keys)
	}

	/// The file of one key.
	pub fn read(&self, name: &str) -> Outcome<KeyFile> {
		let path = self.path(name)?;
		let json = fs::read_to_string(&path).map_err(|error| {
			if error.kind() != std::io::ErrorKind::NotFound {
				return Failure::new(format!("{}: {error}", path.display()));
			}
			Failure::new(format!("there is no key named \"{name}\""))
				.next(format!("make it: blyan keys new {name}   or list yours: blyan keys list"))
		})?;
		KeyFile::parse(&json).context(path.display())
	}

	/// Encrypts and stores a key under a name that is still free.
	pub fn insert(&self, name: &str, pair: &sr25519::Pair, genesis: Option<String>) -> Outcome<KeyFile> {
		let path = self.path(name)?;
		if path.exists() {
			return Err(Failure::new(format!("there is a key named \"{name}\" already"))
				.next(format!("choose another name, or move {} away", path.display())));
		}
		let password = self.passwords.ask_new(name)?;
		let mut file = KeyFile::encrypt(pair, name, password.as_str())?;
		file.meta.genesis_hash = genesis;
		self.home.create_dir("keys")?;
		write_private(&path, serde_json::to_string_pretty(&file)?.as_bytes())?;
		Ok(file)
	}

	/// Stores a file exported from polkadot.js, after proving that its password is known.
	pub fn insert_file(&self, name: &str, file: KeyFile) -> Outcome<KeyFile> {
		let path = self.path(name)?;
		if path.exists() {
			return Err(
				Failure::new(format!("there is a key named \"{name}\" already")).next("choose another name")
			);
		}
		file.decrypt(self.passwords.ask(name)?.as_str())?;
		self.home.create_dir("keys")?;
		write_private(&path, serde_json::to_string_pretty(&file)?.as_bytes())?;
		Ok(file)
	}

	/// Opens a key for signing.
	pub fn open(&self, name: &str) -> Outcome<Account> {
		let file = self.read(name)?;
		let signer = file.decrypt(self.passwords.ask(name)?.as_str())?;
		Ok(Account { name: name.into(), signer, genesis: file.genesis()? })
	}

	/// The account in `--suri`, the key in `--key`, or the default key.
	///
	/// The default key is made if it is missing; its phrase then comes back to be shown once.
	pub fn account(&self, suri: Option<&str>, key: Option<&str>) -> Outcome<(Account, Option<String>)> {
		if let Some(suri) = suri {
			return Ok((Account::from_suri(suri)?, None));
		}
		let name = key.unwrap_or(DEFAULT_KEY);
		if name == DEFAULT_KEY && !self.contains(name) {
			let (pair, phrase) = super::generate();
			self.insert(name, &pair, None)?;
			return Ok((Account { name: name.into(), ..Account::from_suri(&phrase)? }, Some(phrase)));
		}
		Ok((self.open(name)?, None))
	}

	/// The account of a key's file, an address, hex, or a development secret.
	pub fn resolve(&self, text: &str) -> Outcome<sp_core::crypto::AccountId32> {
		if self.contains(text) {
			return super::parse_account(&self.read(text)?.address);
		}
		super::parse_account(text)
	}

	/// Stores the key behind a secret URI.
	pub fn insert_suri(&self, name: &str, suri: &str, genesis: Option<String>) -> Outcome<KeyFile> {
		self.insert(name, &pair_from_suri(suri)?, genesis)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn store(dir: &std::path::Path) -> KeyStore {
		let password = dir.join("password");
		fs::write(&password, "words\n").unwrap();
		let home = Home::find(Some(dir.join("home"))).unwrap();
		KeyStore::new(home, PasswordSource { file: Some(password), may_be_empty: false })
	}

	#[test]
	fn the_default_key_is_made_once_and_found_again() {
		let dir = tempfile::tempdir().unwrap();
		let store = store(dir.path());
		assert!(store.list().unwrap().is_empty());
		let (made, phrase) = store.account(None, None).unwrap();
		assert!(phrase.is_some());
		let (found, phrase) = store.account(None, None).unwrap();
		assert!(phrase.is_none());
		assert_eq!(made.address(), found.address());
		assert_eq!(store.list().unwrap().len(), 1);
		assert_eq!(store.resolve("default").unwrap(), made.id());
	}

	#[test]
	fn a_name_is_never_overwritten_and_never_leaves_the_directory() {
		let dir = tempfile::tempdir().unwrap();
		let store = store(dir.path());
		store.insert_suri("a", "//Alice", None).unwrap();
		assert!(store.insert_suri("a", "//Bob", None).unwrap_err().message.contains("already"));
		for name in ["", "../x", "a/b", ".hidden"] {
			assert!(store.insert_suri(name, "//Bob", None).is_err(), "{name}");
		}
		assert!(store.open("missing").is_err());
	}
}
