//! Decisions in integers: plain numbers in, plain numbers out. The acceptance rule itself is
//! [`blyan_primitives::acceptance`], so that programs know a decision before they ask the chain for it.

pub use blyan_primitives::acceptance::{
	guard_budget, is_consistent, judge, mean_per_byte, standard_errors, GuardLoss, Judgement, Rule,
};

use sp_runtime::{traits::AtLeast32BitUnsigned, Perbill};

/// Least number of equal verdicts that decide for a committee of `members`: two thirds, rounded up.
pub fn two_thirds(members: u32) -> u32 {
	members.saturating_mul(2).div_ceil(3)
}

/// What an evaluation costs its miner when `ahead` submissions wait in front: `base (1 + ahead / 16)^2`, rounded down.
///
/// An evaluation takes a serial resource, the one committee that a model has at a time. A place in an empty queue is nearly
/// free, so that a newcomer can afford it; whoever wants to fill the queue pays the square of its length for each place.
pub fn evaluation_fee<Balance>(base: Balance, ahead: u32) -> Balance
where
	Balance: AtLeast32BitUnsigned + Copy,
{
	const UNIT: u32 = 16;
	let factor = UNIT.saturating_add(ahead);
	let square = factor.saturating_mul(factor);
	base.saturating_mul(square.into()).checked_div(&UNIT.saturating_mul(UNIT).into()).unwrap_or(base)
}

/// The most that an acceptance may pay: what those who agreed lose together if their verdict is false.
///
/// - `stakes`: of those who agreed, at the draw.
/// - `share`: of its stake that a false verdict costs.
pub fn reward_cap(stakes: impl Iterator<Item = u128>, share: Perbill) -> u128 {
	share.mul_floor(stakes.fold(0u128, u128::saturating_add))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn two_thirds_are_rounded_up() {
		let needed: Vec<u32> = (0..=7).map(two_thirds).collect();
		assert_eq!(needed, [0, 1, 2, 2, 3, 4, 4, 5]);
	}
}
