//! Interfaces to the neighbours that the runtime wires.

use alloc::vec::Vec;
use blyan_primitives::traits::EligibleOperator;
use sp_core::H256;

/// Weighted sampling of a committee.
pub trait Sortition<AccountId> {
	/// Draws up to `count` of `candidates` by weight, no two of one owner or one machine. One for which `is_present` does not
	/// hold takes no seat and changes no other.
	fn draw(
		seed: &H256,
		candidates: Vec<EligibleOperator<AccountId>>,
		count: u32,
		is_present: impl Fn(&AccountId) -> bool,
	) -> Vec<AccountId>;
}
