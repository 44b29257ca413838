//! Challenges of an operator's hardware: asked for by anybody, drawn by the chain, answered by the node.

use crate::{
	ChallengeRecord, ChallengeRecordOf, Challenges, Config, Drawn, Error, Event, HoldReason, KeyOwners,
	Opened, Operators, Pallet,
};
use blyan_primitives::{
	randomness::{Appointed, AppointedRandomness},
	traits::{OffenceKind, Offences},
	HardwareOpening, OperatorId, HARDWARE_COMPONENTS,
};
use codec::Encode;
use frame_support::{
	ensure,
	traits::{
		fungible::MutateHold,
		tokens::{Fortitude, Precision, Restriction},
		Get,
	},
};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
	traits::{BlockNumberProvider, Saturating},
	DispatchResult,
};

impl<T: Config> Pallet<T> {
	/// Asks for a component. See [`Pallet::challenge_hardware`].
	pub fn do_challenge_hardware(challenger: &T::AccountId, who: &T::AccountId) -> DispatchResult {
		Self::ensure_not_own(challenger, who)?;
		let record = Operators::<T>::get(who).ok_or(Error::<T>::NotRegistered)?;
		ensure!(record.withdrawable_at.is_none(), Error::<T>::Exiting);
		ensure!(!record.profile.hardware.is_zero(), Error::<T>::NoHardware);
		ensure!(!Challenges::<T>::contains_key(who), Error::<T>::ChallengeOpen);
		let bond = T::HardwareBond::get();
		T::Currency::hold(&HoldReason::HardwareChallenge.into(), challenger, bond)?;
		let asked_at = frame_system::Pallet::<T>::block_number();
		let appointment = T::Randomness::appoint();
		let challenge =
			ChallengeRecord { challenger: challenger.clone(), bond, asked_at, appointment, drawn: None };
		Challenges::<T>::insert(who, challenge);
		Self::deposit_event(Event::HardwareChallenged { who: who.clone(), challenger: challenger.clone() });
		Ok(())
	}

	/// Refuses a challenge of the challenger's own hardware.
	pub(crate) fn ensure_not_own(challenger: &T::AccountId, who: &T::AccountId) -> Result<(), Error<T>> {
		ensure!(challenger != who, Error::<T>::OwnHardware);
		Ok(())
	}

	/// Takes an answer. See [`Pallet::answer_hardware`].
	///
	/// The signature was checked when the transaction was authorised.
	pub fn do_answer_hardware(key: &OperatorId, component: u8, opening: &HardwareOpening) -> DispatchResult {
		let who = KeyOwners::<T>::get(key).ok_or(Error::<T>::NotRegistered)?;
		let record = Operators::<T>::get(&who).ok_or(Error::<T>::NotRegistered)?;
		let challenge = Challenges::<T>::get(&who).ok_or(Error::<T>::NotChallenged)?;
		let is_drawn = challenge.drawn.as_ref().is_some_and(|drawn| drawn.component == component);
		ensure!(is_drawn, Error::<T>::NotChallenged);
		ensure!(opening.opens(&record.profile.hardware, component), Error::<T>::OpeningInvalid);

		let mut opened = Opened::<T>::get(&who);
		let known = opened.get_mut(usize::from(component)).ok_or(Error::<T>::NotChallenged)?;
		let identifier = opening.component.identifier;
		if *known.get_or_insert(identifier) != identifier {
			Self::refute_hardware(&who, challenge, component);
			return Ok(());
		}
		Opened::<T>::insert(&who, opened);
		Challenges::<T>::remove(&who);
		let reason = HoldReason::HardwareChallenge.into();
		let paid = T::Currency::transfer_on_hold(
			&reason,
			&challenge.challenger,
			&who,
			challenge.bond,
			Precision::BestEffort,
			Restriction::Free,
			Fortitude::Force,
		);
		if paid.is_err() {
			// Whoever cannot receive it leaves it to the challenger.
			Self::release_bond(&challenge);
		}
		Self::deposit_event(Event::HardwareProven { who, component });
		Ok(())
	}

	/// Does what is due about the challenge of `who`: draws, or notes that the answer was missed. Returns whether
	/// anything was.
	pub(crate) fn settle_challenge(who: &T::AccountId) -> bool {
		let Some(challenge) = Challenges::<T>::get(who) else { return false };
		let now = frame_system::Pallet::<T>::block_number();
		match &challenge.drawn {
			None if Self::draw_component(who, &challenge) => true,
			None if now <= challenge.asked_at.saturating_add(T::HardwareWindow::get()) => false,
			None => {
				// Without randomness there is no question, and nobody is held for one that was not asked.
				Challenges::<T>::remove(who);
				Self::release_bond(&challenge);
				Self::deposit_event(Event::HardwareChallengeLapsed { who: who.clone() });
				true
			}
			Some(Drawn { deadline, .. }) if T::WorkingTime::current_block_number() <= *deadline => false,
			Some(Drawn { component, .. }) => {
				let component = *component;
				Self::refute_hardware(who, challenge, component);
				true
			}
		}
	}

	/// Draws the component with the seed that the challenge appointed: the same in whatever block it is drawn. `false` if
	/// there is none yet, or none any more.
	fn draw_component(who: &T::AccountId, challenge: &ChallengeRecordOf<T>) -> bool {
		let Appointed::Seed(seed) = T::Randomness::seed_of(challenge.appointment, b"blyan/hardware") else {
			return false;
		};
		let [first, ..] = blake2_256(&(seed, who).encode());
		// 256 is a multiple of the eight components, so all are equally likely.
		let component = usize::from(first).checked_rem(HARDWARE_COMPONENTS).unwrap_or_default();
		let component = u8::try_from(component).unwrap_or_default();
		// In working time: while transactions are barred no operator can answer.
		let deadline = T::WorkingTime::current_block_number().saturating_add(T::HardwareWindow::get());
		let drawn = Some(Drawn { component, deadline });
		Challenges::<T>::insert(who, ChallengeRecord { drawn, ..challenge.clone() });
		let deadline = frame_system::Pallet::<T>::block_number().saturating_add(T::HardwareWindow::get());
		Self::deposit_event(Event::HardwareDrawn { who: who.clone(), component, deadline });
		true
	}

	/// Closes a challenge that was not answered as it should have been.
	fn refute_hardware(who: &T::AccountId, challenge: ChallengeRecordOf<T>, component: u8) {
		Challenges::<T>::remove(who);
		Self::release_bond(&challenge);
		let evidence = blake2_256(&(b"blyan/hardware/false/1", who, challenge.asked_at).encode());
		let reporter = Some(&challenge.challenger);
		T::Offences::report(who, OffenceKind::HardwareFalse, H256(evidence), reporter);
		Self::deposit_event(Event::HardwareRefuted { who: who.clone(), component });
	}

	/// Gives the challenger its bond back.
	fn release_bond(challenge: &ChallengeRecordOf<T>) {
		let reason = HoldReason::HardwareChallenge.into();
		let released =
			T::Currency::release(&reason, &challenge.challenger, challenge.bond, Precision::BestEffort);
		if let Err(error) = released {
			log::error!(target: "operators", "The bond of a hardware challenge stays on hold: {error:?}.");
		}
	}
}
