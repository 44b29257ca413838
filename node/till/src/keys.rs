//! API keys: random bits that an operator gives to a client, with a budget a day and a limit an hour.
//!
//! The file holds a keyed hash of each key and never a key, so it lets nothing be computed. It is written as a whole beside its place and
//! moved there, which is safe while a server reads it; the server reads it again when it has changed. What a key has used is
//! in the server's store.

use crate::credentials::KEY_PREFIX;
use base64::{engine::general_purpose::URL_SAFE_NO_PAD, Engine as _};
use blyan_exact::blake2_256;
use rand::{rngs::OsRng, RngCore};
use serde::{Deserialize, Serialize};
use std::{
	collections::HashMap,
	fs, io,
	io::Write,
	path::{Path, PathBuf},
	time::SystemTime,
};

/// Context of the hash of a key.
const CONTEXT: &[u8] = b"blyan/api-key/1";
/// Version of the file.
const VERSION: u32 = 1;
/// Keys of one file.
const KEYS_MAX: usize = 10_000;
/// Bytes of a label.
const LABEL_BYTES_MAX: usize = 64;

/// Limits of a key. One that is absent does not bound it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
	/// Tokens a day, those that are read and those that are written together.
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub tokens_per_day: Option<u64>,
	/// Planck a day, at the server's prices.
	#[serde(default, skip_serializing_if = "Option::is_none", with = "decimal")]
	pub planck_per_day: Option<u128>,
	/// Requests an hour.
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub requests_per_hour: Option<u32>,
}

/// Amounts as strings, since a number of JSON does not hold them.
mod decimal {
	use serde::{de::Error, Deserialize, Deserializer, Serializer};

	pub fn serialize<S: Serializer>(amount: &Option<u128>, serializer: S) -> Result<S::Ok, S::Error> {
		match amount {
			Some(amount) => serializer.serialize_str(&amount.to_string()),
			None => serializer.serialize_none(),
		}
	}

	pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u128>, D::Error> {
		let text = Option::<String>::deserialize(deserializer)?;
		text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
	}
}

/// A key as the file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
	/// Identifier, by which it is listed and revoked: the beginning of the hash.
	pub id: String,
	/// Label that the operator gave.
	pub label: String,
	/// Keyed hash, 64 hexadecimal digits.
	pub hash: String,
	/// Limits.
	pub budget: Budget,
	/// Seconds since 1970 at which it was made.
	pub created: u64,
}

/// The file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
	version: u32,
	/// Key of the hashes, 64 hexadecimal digits.
	salt: String,
	keys: Vec<ApiKey>,
}

/// Reason why keys cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
	/// The file cannot be read or written.
	#[error("{0:?}: {1}")]
	File(PathBuf, io::Error),
	/// The file is not one of keys.
	#[error("{0:?} is not a file of API keys: {1}; move it away to begin with none")]
	Format(PathBuf, String),
	/// No key has this identifier.
	#[error("no API key has the identifier {0:?}: list them to see which there are")]
	Unknown(String),
	/// The label is too long or has other characters than printable ones.
	#[error("the label {0:?} has more than {LABEL_BYTES_MAX} bytes or control characters")]
	Label(String),
	/// There are too many keys.
	#[error("there are {KEYS_MAX} API keys, which is the most: revoke those that are not used")]
	Full,
}

/// API keys of a server.
#[derive(Debug)]
pub struct ApiKeys {
	path: PathBuf,
	contents: Contents,
	by_hash: HashMap<String, usize>,
	modified: Option<(SystemTime, u64)>,
}

impl ApiKeys {
	/// Reads a file; one that is not there has no keys.
	pub fn open(path: &Path) -> Result<Self, KeysError> {
		let mut keys = Self {
			path: path.into(),
			contents: Contents { version: VERSION, salt: hex::encode(random()), keys: Vec::new() },
			by_hash: HashMap::new(),
			modified: None,
		};
		keys.reload()?;
		Ok(keys)
	}

	/// Reads the file again if it has changed, and reports whether it has.
	pub fn reload(&mut self) -> Result<bool, KeysError> {
		let failed = |error| KeysError::File(self.path.clone(), error);
		let modified = match fs::metadata(&self.path) {
			Ok(metadata) => Some((metadata.modified().map_err(failed)?, metadata.len())),
			Err(error) if error.kind() == io::ErrorKind::NotFound => None,
			Err(error) => return Err(failed(error)),
		};
		if modified == self.modified {
			return Ok(false);
		}
		if modified.is_some() {
			let text = fs::read_to_string(&self.path).map_err(failed)?;
			let malformed = |reason: String| KeysError::Format(self.path.clone(), reason);
			let contents: Contents =
				serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
			if contents.version != VERSION {
				return Err(malformed(format!("its version is {}, not {VERSION}", contents.version)));
			}
			self.contents = contents;
		} else {
			self.contents.keys.clear();
		}
		self.modified = modified;
		let hashes = self.contents.keys.iter().enumerate();
		self.by_hash = hashes.map(|(index, key)| (key.hash.clone(), index)).collect();
		Ok(true)
	}

	/// Makes a key, and returns it with its record. It is shown here and never again.
	pub fn create(&mut self, label: &str, budget: Budget, now: u64) -> Result<(String, ApiKey), KeysError> {
		if label.len() > LABEL_BYTES_MAX || label.chars().any(char::is_control) {
			return Err(KeysError::Label(label.into()));
		}
		self.reload()?;
		if self.contents.keys.len() >= KEYS_MAX {
			return Err(KeysError::Full);
		}
		let key = format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(random()));
		let hash = self.hash(&key);
		let id = hash.get(..12).unwrap_or(&hash).to_owned();
		let record = ApiKey { id, label: label.into(), hash, budget, created: now };
		let mut contents = self.contents.clone();
		contents.keys.push(record.clone());
		self.write(contents)?;
		Ok((key, record))
	}

	/// Takes a key back.
	pub fn revoke(&mut self, id: &str) -> Result<ApiKey, KeysError> {
		self.reload()?;
		let mut contents = self.contents.clone();
		let index = contents.keys.iter().position(|key| key.id == id);
		let index = index.ok_or_else(|| KeysError::Unknown(id.into()))?;
		let revoked = contents.keys.remove(index);
		self.write(contents)?;
		Ok(revoked)
	}

	/// Returns all keys, the oldest first.
	pub fn list(&self) -> &[ApiKey] {
		&self.contents.keys
	}

	/// Returns the record of a key.
	pub fn find(&self, key: &str) -> Option<&ApiKey> {
		// By the hash: the time of the look-up says nothing about the key.
		self.contents.keys.get(*self.by_hash.get(&self.hash(key))?)
	}

	fn hash(&self, key: &str) -> String {
		hex::encode(blake2_256(&[CONTEXT, self.contents.salt.as_bytes(), key.as_bytes()]))
	}

	/// Writes the file as a whole.
	fn write(&mut self, contents: Contents) -> Result<(), KeysError> {
		let failed = |error: io::Error| KeysError::File(self.path.clone(), error);
		let text = serde_json::to_string_pretty(&contents).map_err(|error| failed(error.into()))?;
		write_secret(&self.path, text.as_bytes()).map_err(failed)?;
		self.modified = None;
		self.reload()?;
		Ok(())
	}
}

/// Writes a file that only its owner reads, whole or not at all.
pub fn write_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
	let mut beside = path.as_os_str().to_owned();
	beside.push(".new");
	let beside = PathBuf::from(beside);
	let mut options = fs::OpenOptions::new();
	options.write(true).create(true).truncate(true);
	#[cfg(unix)]
	{
		use std::os::unix::fs::OpenOptionsExt;
		options.mode(0o600);
	}
	let mut file = options.open(&beside)?;
	file.write_all(bytes)?;
	file.sync_all()?;
	fs::rename(&beside, path)?;
	// The name is durable when its directory is.
	let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
	fs::File::open(dir)?.sync_all()
}

fn random() -> [u8; 32] {
	let mut bytes = [0; 32];
	OsRng.fill_bytes(&mut bytes);
	bytes
}

#[cfg(test)]
mod tests {
	use super::*;

	fn budget() -> Budget {
		Budget { tokens_per_day: Some(5), planck_per_day: Some(u128::MAX), requests_per_hour: None }
	}

	#[test]
	fn a_key_is_found_by_itself_and_is_not_in_the_file() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("api-keys.json");
		let mut keys = ApiKeys::open(&path).unwrap();
		let (key, record) = keys.create("laptop", budget(), 7).unwrap();
		assert!(key.starts_with("blyan-") && key.len() > 40, "{key}");
		let text = fs::read_to_string(&path).unwrap();
		assert!(!text.contains(key.strip_prefix("blyan-").unwrap()));
		let again = ApiKeys::open(&path).unwrap();
		assert_eq!(again.find(&key), Some(&record));
		assert_eq!(again.find("blyan-other"), None);
		assert_eq!(again.list(), [record]);
		#[cfg(unix)]
		{
			use std::os::unix::fs::PermissionsExt;
			assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
		}
	}

	#[test]
	fn a_server_sees_keys_that_come_and_go_while_it_runs() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("api-keys.json");
		let mut server = ApiKeys::open(&path).unwrap();
		let mut command = ApiKeys::open(&path).unwrap();
		let (key, record) = command.create("a", budget(), 1).unwrap();
		assert_eq!(server.find(&key), None);
		assert!(server.reload().unwrap());
		assert!(server.find(&key).is_some());
		assert!(!server.reload().unwrap());
		command.revoke(&record.id).unwrap();
		assert!(server.reload().unwrap());
		assert_eq!(server.find(&key), None);
		assert!(matches!(command.revoke(&record.id), Err(KeysError::Unknown(_))));
	}

	#[test]
	fn a_file_of_something_else_is_not_overwritten() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("api-keys.json");
		fs::write(&path, "[]").unwrap();
		assert!(matches!(ApiKeys::open(&path), Err(KeysError::Format(..))));
		assert_eq!(fs::read_to_string(&path).unwrap(), "[]");
	}
}
