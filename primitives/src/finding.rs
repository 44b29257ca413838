//! Findings that earn a share, committed to before they are shown.

use codec::Encode;
use sp_core::H256;

/// Domain separator of commitments to findings.
pub const FINDING_CONTEXT: &[u8] = b"blyan/finding/1";

/// Commits an account to a finding that no one else can show in its place.
///
/// - `who`: the account that will show it.
/// - `call`: the name of the call that shows it, and `arguments`: the arguments of that call.
///
/// The hash says nothing about the arguments to an account that does not know them, so they need no salt where they contain
/// something that takes work to find out: a verdict, or two signatures.
pub fn finding_hash(who: &impl Encode, call: &str, arguments: &impl Encode) -> H256 {
	H256(sp_crypto_hashing::blake2_256(&(FINDING_CONTEXT, who, call, arguments).encode()))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn commitments_tell_apart_who_finds_what() {
		let hash = finding_hash(&[1u8; 32], "challenge", &(7u64, H256([2; 32])));
		assert_ne!(hash, finding_hash(&[3u8; 32], "challenge", &(7u64, H256([2; 32]))));
		assert_ne!(hash, finding_hash(&[1u8; 32], "report", &(7u64, H256([2; 32]))));
		assert_ne!(hash, finding_hash(&[1u8; 32], "challenge", &(8u64, H256([2; 32]))));
		assert_eq!(hash, finding_hash(&[1u8; 32], "challenge", &(7u64, H256([2; 32]))));
	}
}
