//! Records of use: of models at operators, and of users.

use crate::{Balance, Config, Event, Pallet, ServedModel, Usage, UsageRecord, UserRecordOf, Users};
use blyan_primitives::traits::Servers;

/// One payment, as it is counted.
pub(crate) enum Paid {
	/// For one answer: tokens read and chosen.
	Answer(u32, u32),
	/// For answers of a session.
	Settlement,
}

impl<T: Config> Pallet<T> {
	/// Counts a payment.
	///
	/// Usage between accounts that belong together by their own declaration counts for nothing. Those that hide it pay the
	/// network's share for each unit that they count up.
	pub(crate) fn count(
		payer: &T::AccountId,
		operator: &T::AccountId,
		served: ServedModel,
		charged: Balance,
		paid: Paid,
	) {
		Users::<T>::mutate(payer, |user| {
			user.spent = user.spent.saturating_add(charged);
			user.interactions = user.interactions.saturating_add(1);
			user.last = frame_system::Pallet::<T>::block_number();
		});
		if T::Servers::are_related(payer, operator) {
			return;
		}
		Usage::<T>::mutate(served, operator, |usage: &mut UsageRecord| {
			usage.charged = usage.charged.saturating_add(charged);
			match paid {
				Paid::Answer(read, chosen) => {
					usage.answers = usage.answers.saturating_add(1);
					usage.prompt_tokens = usage.prompt_tokens.saturating_add(read.into());
					usage.answer_tokens = usage.answer_tokens.saturating_add(chosen.into());
				}
				Paid::Settlement => usage.settlements = usage.settlements.saturating_add(1),
			}
		});
	}

	/// Turns the privacy of `who` on or off. See [`Pallet::toggle_privacy`].
	pub fn do_toggle_privacy(who: T::AccountId) {
		let mut user: UserRecordOf<T> = Users::<T>::get(&who);
		user.is_private = !user.is_private;
		let is_private = user.is_private;
		if user == UserRecordOf::<T>::default() {
			Users::<T>::remove(&who);
		} else {
			Users::<T>::insert(&who, user);
		}
		Self::deposit_event(Event::PrivacyToggled { who, is_private });
	}
}
