//! Proof of work: a number that makes a hash small, for a challenge that only this account was given.
//!
//! ```text
//! blake2b-256("blyan/account-pow/1" ++ challenge, 16 bytes ++ number u64 LE) has so many leading zero bits
//! x-blyan-proof: CHALLENGE in hexadecimals:NUMBER in decimals
//! ```
//!
//! It prices requests that look like a program's; a program can pay the price. It does not tell people from programs.

use crate::session::random;
use blyan_exact::blake2_256;
use blyan_primitives::leading_zero_bits;
use sp_core::H256;

/// Header with a proof.
pub const PROOF: &str = "x-blyan-proof";
/// Context of the hash.
const CONTEXT: &[u8] = b"blyan/account-pow/1";

/// A challenge that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
	/// Random bytes, so that no work is done ahead and none is done twice.
	pub token: [u8; 16],
	/// Leading zero bits that are asked for.
	pub bits: u32,
}

impl Challenge {
	/// Draws a challenge.
	pub fn draw(bits: u32) -> Self {
		Self { token: random(), bits }
	}

	/// Reports whether a proof is one of this challenge.
	pub fn is_solved_by(&self, proof: &str) -> bool {
		let Some((token, number)) = proof.split_once(':') else { return false };
		let is_this = hex::encode(self.token) == token;
		is_this && number.parse().is_ok_and(|number| self.hash_bits(number) >= self.bits)
	}

	fn hash_bits(&self, number: u64) -> u32 {
		leading_zero_bits(&H256(blake2_256(&[CONTEXT, &self.token, &number.to_le_bytes()])))
	}

	/// Searches a proof, which takes `2^bits` hashes on average.
	pub fn solve(&self) -> String {
		let number = (0..u64::MAX).find(|number| self.hash_bits(*number) >= self.bits).unwrap_or_default();
		format!("{}:{number}", hex::encode(self.token))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_proof_is_for_one_challenge_and_costs_its_hashes() {
		let (challenge, other) = (Challenge::draw(8), Challenge::draw(8));
		let proof = challenge.solve();
		assert!(challenge.is_solved_by(&proof));
		assert!(!other.is_solved_by(&proof));
		for text in ["", ":", "0", "ab:1", &proof.replace(':', ":-"), &proof.replace(':', " ")] {
			assert!(!challenge.is_solved_by(text), "{text}");
		}
		assert!(!Challenge { bits: 200, ..challenge }.is_solved_by(&proof));
	}

	/// The page computes the same: `dashboard/tests/unit/account.test.ts`.
	#[test]
	fn hashes_of_a_known_challenge_stay_what_they_are() {
		let challenge = Challenge { token: [7; 16], bits: 12 };
		assert_eq!(challenge.solve(), format!("{}:5948", "07".repeat(16)));
	}
}
