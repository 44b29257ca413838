//! Findings are committed to before they are shown, and nothing is paid for carrying a message.
//!
//! Calls wait in the pool for everyone to read, and who pays a higher tip is included first. So whatever a call earns its
//! sender, it earns the one who copies it. Two things follow. What takes work to find out, a recomputed verdict or a pair of
//! contradicting signatures, is bound to its finder by a hash that is some blocks old when it is shown: a copier would have to
//! have committed to it before it could see it. And moves, witnesses, tiles and bytes, which anyone may send for either
//! side, earn their sender nothing: shares go to those whose claim was right.

use crate::{Commitments, Config, Error, Event, Games, HoldReason, Pairs, Pallet};
use blyan_primitives::{finding_hash, traits::Games as OpensGames, Subject, Verdict};
use codec::Encode;
use frame_support::{
	ensure,
	traits::{fungible::MutateHold, Get},
};
use sp_core::H256;
use sp_runtime::{traits::Saturating, DispatchResult};

impl<T: Config> OpensGames<T::AccountId> for Pallet<T> {
	fn show_finding(who: &T::AccountId, call: &str, arguments: &impl Encode) -> DispatchResult {
		Self::use_commitment(who, call, arguments)
	}

	fn has_fallen(subject: Subject, verdict: &Verdict) -> bool {
		Self::is_refuted(subject, verdict)
	}

	fn challenge(backer: &T::AccountId, subject: Subject, against: H256, verdict: Verdict) -> DispatchResult {
		let rival = Self::ensure_may_challenge(subject, against, &verdict)?;
		Self::put_forward(backer.clone(), subject, rival, verdict)
	}
}

impl<T: Config> Pallet<T> {
	pub(crate) fn do_commit(who: T::AccountId, hash: H256) -> DispatchResult {
		ensure!(!Commitments::<T>::contains_key(&who, hash), Error::<T>::AlreadyCommitted);
		let deposit = T::Bond::get();
		T::Currency::hold(&HoldReason::CommitmentDeposit.into(), &who, deposit)?;
		let now = frame_system::Pallet::<T>::block_number();
		Commitments::<T>::insert(&who, hash, (now, deposit));
		Self::deposit_event(Event::FindingCommitted { who, hash, deposit });
		Ok(())
	}

	pub(crate) fn do_withdraw_commitment(who: T::AccountId, hash: H256) -> DispatchResult {
		let (_, deposit) = Commitments::<T>::take(&who, hash).ok_or(Error::<T>::NotCommitted)?;
		Self::release(HoldReason::CommitmentDeposit, &who, deposit);
		Self::deposit_event(Event::CommitmentWithdrawn { who, hash });
		Ok(())
	}

	/// Uses the commitment of `who` to what it shows with `call`; fails if there is none, or it is too young.
	pub(crate) fn use_commitment(who: &T::AccountId, call: &str, arguments: &impl Encode) -> DispatchResult {
		let hash = finding_hash(who, call, arguments);
		let (since, deposit) = Commitments::<T>::get(who, hash).ok_or(Error::<T>::NotCommitted)?;
		let now = frame_system::Pallet::<T>::block_number();
		let is_old = now >= since.saturating_add(T::CommitmentAge::get());
		ensure!(is_old, Error::<T>::CommitmentTooYoung);
		Commitments::<T>::remove(who, hash);
		Self::release(HoldReason::CommitmentDeposit, who, deposit);
		Ok(())
	}

	/// The first of those on the chain who made this claim: seats are in the order of a draw, so that is a lot.
	pub(crate) fn claimant(subject: Subject, digest: H256) -> Option<T::AccountId> {
		let claims = Self::claims(subject);
		claims.into_iter().find(|(_, claimed)| claimed.digest() == digest).map(|(who, _)| who)
	}

	/// Returns the account that complained that the candidate of a score is no expert, when it turns out to be none: the
	/// challenger of that score, or a member that found the same.
	pub(crate) fn complainant(subject: Subject, score: &Verdict) -> Option<T::AccountId> {
		let complaint = Verdict::Invalid.digest();
		let game = Pairs::<T>::get(subject, crate::pair(score.digest(), complaint)).and_then(Games::<T>::get);
		let backed = game.and_then(|game| {
			let mut sides = game.sides.into_iter();
			sides.find(|side| side.verdict == Verdict::Invalid)?.backer.map(|backer| backer.account)
		});
		backed.or_else(|| Self::claimant(subject, complaint))
	}

	/// A member that found a score where others said that there is no expert.
	pub(crate) fn scorer(subject: Subject) -> Option<T::AccountId> {
		let claims = Self::claims(subject);
		claims.into_iter().find(|(_, claimed)| matches!(claimed, Verdict::Scored(_))).map(|(who, _)| who)
	}
}
