//! Blake2b-256, the only hash of the project.

use blake2::{digest::consts::U32, Blake2b, Digest};

/// A Blake2b-256 digest.
pub type Hash = [u8; 32];

/// Returns Blake2b-256 of the concatenation of `parts`.
pub fn blake2_256(parts: &[&[u8]]) -> Hash {
	let mut hasher = Blake2b::<U32>::new();
	for part in parts {
		hasher.update(part);
	}
	hasher.finalize().into()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn blake2_256_depends_on_the_bytes_and_not_on_how_they_are_cut() {
		assert_eq!(blake2_256(&[b"ab", b"", b"c"]), blake2_256(&[b"abc"]));
		// The digest of the empty string, as every other implementation gives it.
		assert_eq!(blake2_256(&[])[..4], [0x0e, 0x57, 0x51, 0xc0]);
	}
}
