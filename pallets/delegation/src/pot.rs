//! Shares of a pool, and income by share. Plain integers, rounded against those who claim.

use blyan_primitives::MILLIONTHS;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_runtime::{helpers_128bit::multiply_by_rational_with_rounding, Perbill, Rounding};

/// Fixed point of income by share: the value that stands for one planck a share.
///
/// A pool that is not empty has at least `MinBacking` shares, a million million, so all coins that there can ever be (10^21 planck),
/// paid a thousand million times, stay within 128 bits: 10^21 x 10^9 x 10^18 / 10^12 = 10^36.
pub const PER_SHARE: u128 = 1_000_000_000_000_000_000;

/// `amount * numerator / denominator`, rounded down; `None` if the denominator is zero, or on overflow.
fn part(amount: u128, numerator: u128, denominator: u128) -> Option<u128> {
	multiply_by_rational_with_rounding(amount, numerator, denominator, Rounding::Down)
}

/// The same, rounded up.
fn part_up(amount: u128, numerator: u128, denominator: u128) -> Option<u128> {
	multiply_by_rational_with_rounding(amount, numerator, denominator, Rounding::Up)
}

/// Coins that belong to many accounts in proportion to their shares.
///
/// A slash lowers the coins and leaves the shares, so it costs the same whether there is one account or a million. Coins never
/// outnumber shares: nothing but a slash moves the worth of a share, and for new coins as many shares are issued as are
/// worth them.
#[derive(
	Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub struct Pot {
	/// Coins in it, in planck.
	pub coins: u128,
	/// Shares of them.
	pub shares: u128,
}

impl Pot {
	/// Reports whether there are shares, and nothing that they are shares of: all was slashed.
	pub fn is_lost(&self) -> bool {
		self.coins == 0 && self.shares > 0
	}

	/// Coins that `shares` are worth, rounded down.
	pub fn worth(&self, shares: u128) -> u128 {
		part(shares, self.coins, self.shares).unwrap_or(0)
	}

	/// Shares that are given up for `coins`, rounded up; all of `at_most` if that is less.
	pub fn shares_for(&self, coins: u128, at_most: u128) -> u128 {
		part_up(coins, self.shares, self.coins).unwrap_or(at_most).min(at_most)
	}

	/// With `coins` more, and the shares that were issued for them, rounded down; `None` if it is lost, or on overflow.
	pub fn put(self, coins: u128) -> Option<(Self, u128)> {
		let issued = match self.shares {
			0 => coins,
			shares => part(coins, shares, self.coins)?,
		};
		let put = Self { coins: self.coins.checked_add(coins)?, shares: self.shares.checked_add(issued)? };
		Some((put, issued))
	}

	/// With `shares` and `coins` less; `None` if there are not as many.
	pub fn take(self, shares: u128, coins: u128) -> Option<Self> {
		Some(Self { coins: self.coins.checked_sub(coins)?, shares: self.shares.checked_sub(shares)? })
	}

	/// With `share` of its coins less, and what that is.
	pub fn cut(self, share: Perbill) -> (Self, u128) {
		let taken = share.mul_floor(self.coins).min(self.coins);
		(Self { coins: self.coins.saturating_sub(taken), ..self }, taken)
	}
}

/// Part of an income of `amount` that goes to backers of `backed` beside an own stake of `own`, less `commission` in millionths.
///
/// The backers' part is rounded down and the commission up.
pub fn backers_part(amount: u128, own: u128, backed: u128, commission: u32) -> u128 {
	let all = own.saturating_add(backed);
	let gross = part(amount, backed, all).unwrap_or(0);
	let kept = part_up(gross, commission.min(MILLIONTHS).into(), MILLIONTHS.into()).unwrap_or(gross);
	gross.saturating_sub(kept)
}

/// Growth of the income by share for an income of `amount` to `shares`, and what is put aside for it: no more than `amount`, and no
/// less than all claims to it together. `None` without shares, or on overflow.
pub fn spread(amount: u128, shares: u128) -> Option<(u128, u128)> {
	let growth = part(amount, PER_SHARE, shares)?;
	Some((growth, part_up(growth, shares, PER_SHARE)?))
}

/// Claim of `shares` to an income by share that has grown by `growth`, rounded down.
pub fn claim(shares: u128, growth: u128) -> u128 {
	part(shares, growth, PER_SHARE).unwrap_or(0)
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	const COIN: u128 = 1_000_000_000_000;
	/// All coins that there can be.
	const CAP: u128 = 1_000_000_000 * COIN;

	#[test]
	fn a_commission_of_a_tenth_leaves_nine_tenths_of_the_backers_part() {
		// Own 100, backed 200: two thirds of 30, less a tenth.
		assert_eq!(backers_part(30, 100, 200, 100_000), 18);
		assert_eq!(backers_part(30, 100, 0, 100_000), 0);
		assert_eq!(backers_part(30, 0, 0, 0), 0);
		assert_eq!(backers_part(30, 100, 200, MILLIONTHS), 0);
		// Rounding is the operator's.
		assert_eq!(backers_part(1, 100, 200, 0), 0);
		assert_eq!(backers_part(2, 1, 1, 1), 0);
	}

	#[test]
	fn a_pot_that_lost_everything_issues_no_shares() {
		let (pot, issued) = Pot::default().put(5 * COIN).unwrap();
		assert_eq!((pot.coins, issued), (5 * COIN, 5 * COIN));
		let (lost, taken) = pot.cut(Perbill::one());
		assert_eq!((taken, lost.is_lost(), lost.worth(issued)), (5 * COIN, true, 0));
		assert_eq!(lost.put(COIN), None);
		assert_eq!(lost.take(issued, 0), Some(Pot::default()));
		assert!(!Pot::default().is_lost());
	}

	fn pots() -> impl Strategy<Value = Pot> {
		(1..=CAP, 0..=CAP).prop_map(|(coins, lost)| Pot { coins, shares: coins.saturating_add(lost) })
	}

	proptest! {
		#[test]
		fn going_in_and_out_gains_nothing(pot in pots(), coins in 1..=CAP) {
			let Some((after, issued)) = pot.put(coins) else { return Ok(()) };
			prop_assert!(after.worth(issued) <= coins);
			prop_assert!(after.coins <= after.shares);
			// Rounding costs two planck at most: a share, and a fraction of a planck.
			prop_assert!(after.worth(issued) + 2 >= coins);
			let out = after.take(issued, after.worth(issued)).unwrap();
			prop_assert!(out.coins >= pot.coins, "those who stay lose nothing");
		}

		#[test]
		fn taking_a_part_leaves_the_others_what_they_had(pot in pots(), of in 1u128..1_000, coins in 1..=CAP) {
			let own = pot.shares / of;
			let coins = coins.min(pot.worth(own));
			let burned = pot.shares_for(coins, own);
			let others = pot.shares - own;
			let before = pot.worth(others);
			let after = pot.take(burned, coins).unwrap();
			prop_assert!(after.worth(others) >= before);
			prop_assert!(after.worth(own - burned) + coins <= pot.worth(own) + 1);
			prop_assert!(after.coins <= after.shares);
		}

		#[test]
		fn a_slash_takes_the_same_share_of_everyone(pot in pots(), parts in 0u32..=1_000_000_000) {
			let share = Perbill::from_parts(parts);
			let (after, taken) = pot.cut(share);
			prop_assert_eq!(after.coins + taken, pot.coins);
			prop_assert_eq!(after.shares, pot.shares);
			let half = pot.shares / 2;
			let expected = Perbill::from_parts(1_000_000_000 - parts).mul_floor(pot.worth(half));
			prop_assert!(after.worth(half).abs_diff(expected) <= 2);
		}

		#[test]
		fn claims_never_exceed_what_was_put_aside(
			amount in 0..=CAP, shares in proptest::collection::vec(COIN..=CAP, 1..8),
		) {
			let total: u128 = shares.iter().sum();
			let (growth, aside) = spread(amount, total).unwrap();
			prop_assert!(aside <= amount);
			let claimed: u128 = shares.iter().map(|shares| claim(*shares, growth)).sum();
			prop_assert!(claimed <= aside);
			// The dust is a planck a claim, and what the fixed point cannot show.
			prop_assert!(amount - claimed <= shares.len() as u128 + 2 + total / PER_SHARE);
		}

		#[test]
		fn backers_never_get_more_than_their_part(
			amount in 0..=CAP, own in 1..=CAP, backed in 0..=CAP, commission in 0u32..=MILLIONTHS,
		) {
			let net = backers_part(amount, own, backed, commission);
			prop_assert!(net <= part(amount, backed, own + backed).unwrap());
			prop_assert!(backers_part(amount, own, backed, 0) >= net);
		}
	}
}
