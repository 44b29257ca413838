//! Seeds of keys that programs sign with unattended: serving keys and keys of vouchers.
//!
//! A file holds `0x` and 64 hexadecimal digits, and only its owner may read it. It is not encrypted: a server that starts by itself
//! has no user to ask for a password. Such a key answers for receipts, or for the deposit of one session; it is never the key of an account.

use crate::{
	failure::{Failure, Outcome},
	home::{create_private_dir, read_private, write_private},
};
use rand::{rngs::OsRng, RngCore};
use sp_core::{sr25519, Pair};
use std::path::Path;

/// Draws a key and writes its seed to a file that is not there yet. The file is on disk when this returns.
pub fn make(path: &Path) -> Outcome<sr25519::Pair> {
	let mut seed = [0; 32];
	OsRng.fill_bytes(&mut seed);
	let pair = sr25519::Pair::from_seed(&seed);
	write(path, &seed)?;
	seed.fill(0);
	Ok(pair)
}

/// Writes a seed to a file that is not there yet.
pub fn write(path: &Path, seed: &[u8; 32]) -> Outcome<()> {
	if path.exists() {
		return Err(Failure::new(format!("{} is there already", path.display()))
			.next("use it as it is, or name another file; a key that is overwritten cannot be restored"));
	}
	if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
		create_private_dir(folder)?;
	}
	write_private(path, format!("0x{}\n", hex::encode(seed)).as_bytes())
}

/// Reads the key of a file. Refuses one that other users of the machine can read.
pub fn read(path: &Path) -> Outcome<sr25519::Pair> {
	Ok(sr25519::Pair::from_seed(&read_seed(path)?))
}

/// Reads the seed of a file, as [`read`] does.
pub fn read_seed(path: &Path) -> Outcome<[u8; 32]> {
	let shown = path.display();
	let text = read_private(path, "make a key with: blyan offer make, or name another file")?;
	let mut seed = [0; 32];
	hex::decode_to_slice(text.trim().trim_start_matches("0x"), &mut seed)
		.map_err(|_| Failure::new(format!("{shown} does not hold a seed: 0x and 64 hexadecimal digits")))?;
	Ok(seed)
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::{fs, os::unix::fs::PermissionsExt};

	#[test]
	fn a_key_is_read_as_it_was_made_and_never_overwritten() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("keys/serving.seed");
		let made = make(&path).unwrap();
		assert_eq!(read(&path).unwrap().public(), made.public());
		assert!(make(&path).err().unwrap().message.contains("there already"));
		assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
	}

	#[test]
	fn a_file_that_others_can_read_and_one_that_is_not_a_seed_are_refused() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("serving.seed");
		make(&path).unwrap();
		fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
		assert!(read(&path).err().unwrap().next.unwrap().contains("chmod 600"));
		for text in ["", "0x12", "words of a phrase"] {
			write_private(&path, text.as_bytes()).unwrap();
			assert!(read(&path).err().unwrap().message.contains("does not hold a seed"), "{text}");
		}
	}
}
