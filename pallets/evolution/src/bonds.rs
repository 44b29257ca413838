//! Deposits, bonds and credits.

use crate::{BalanceOf, Config, Credits, Event, HoldReason, Pallet, LOG_TARGET};
use frame_support::traits::{
	fungible::{BalancedHold, MutateHold},
	tokens::Precision,
	OnUnbalanced,
};
use sp_runtime::{
	traits::{Saturating, Zero},
	Perbill,
};

/// Credits of a proposer whose candidate was promoted.
pub const PROPOSER_CREDITS: u32 = 200;
/// Credits of an evaluator whose finding the committee agreed on.
pub const EVALUATOR_CREDITS: u32 = 50;
/// Credits of a voice that endorsed what was promoted.
pub const ENDORSER_CREDITS: u32 = 25;

impl<T: Config> Pallet<T> {
	/// Returns a held amount, less the share of it that is lost. Shares are rounded down.
	pub(crate) fn settle(reason: HoldReason, who: &T::AccountId, amount: BalanceOf<T>, loss: Perbill) {
		if amount.is_zero() {
			return;
		}
		let lost = loss.mul_floor(amount);
		let returned = amount.saturating_sub(lost);
		if !lost.is_zero() {
			let (credit, missing) = T::Currency::slash(&reason.into(), who, lost);
			if !missing.is_zero() {
				log::error!(target: LOG_TARGET, "bond of {who:?}: {missing:?} of {lost:?} is missing");
			}
			T::OnSlash::on_unbalanced(credit);
		}
		if !returned.is_zero() {
			// Nothing else takes from this hold, so it is whole; if it were not, the rest is all there is.
			let released = T::Currency::release(&reason.into(), who, returned, Precision::BestEffort);
			if released != Ok(returned) {
				log::error!(target: LOG_TARGET, "bond of {who:?}: released {released:?} of {returned:?}");
			}
		}
		Self::deposit_event(Event::BondSettled { who: who.clone(), returned, lost });
	}

	/// Grants credits.
	pub(crate) fn grant(who: &T::AccountId, amount: u32) {
		Credits::<T>::mutate(who, |credits| *credits = credits.saturating_add(amount));
		Self::deposit_event(Event::CreditsGranted { who: who.clone(), amount });
	}
}
