//! What is known about a subject, and for how long.
//!
//! The keepers of claims forget a subject when its time is over. Offences outlive that: an operator may be about to lose stake
//! because its claim was not defended, and has the right to defend it now. So what a computation needs is kept here as a
//! [`Case`] from the first such offence until the last one is decided. A case does not hold up any decision or payout.

use crate::{
	end::take,
	game::{Disputed, Side},
	BalanceOf, Case, CaseOf, Cases, Config, Error, Event, GameRecordOf, HoldReason, Loads, Pallet,
};
use alloc::vec::Vec;
use blyan_primitives::{
	traits::{Claims, Offences},
	BlockRef, EvaluationJob, ExpertShape, PartIndex, Statement, Subject, Verdict,
};
use frame_support::{
	traits::{Get, OnUnbalanced},
	BoundedVec,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::traits::{BlockNumberProvider, Saturating, Zero};

impl<T: Config> Pallet<T> {
	/// The time that clocks and windows are in.
	pub(crate) fn now() -> BlockNumberFor<T> {
		T::WorkingTime::current_block_number()
	}

	/// The block of a working time, unless transactions are barred again before.
	pub(crate) fn block_at(time: BlockNumberFor<T>) -> BlockNumberFor<T> {
		let barred = frame_system::Pallet::<T>::block_number().saturating_sub(Self::now());
		time.saturating_add(barred)
	}

	/// How many times more slowly than usual each side's clock runs. Claims of the chain do not choose how many games
	/// they stand in; the account that puts a claim forward does.
	pub(crate) fn loads(game: &GameRecordOf<T>) -> [u32; 2] {
		Side::BOTH.map(|side| {
			let side = side.of(&game.sides);
			if side.backer.is_some() {
				return 1;
			}
			Loads::<T>::get(game.subject, side.digest()).factor(T::GamesPerClock::get())
		})
	}

	/// Who claims, or claimed, what about a subject.
	pub(crate) fn claims(subject: Subject) -> Vec<(T::AccountId, Verdict)> {
		let claims = T::Claims::claims(subject);
		if !claims.is_empty() {
			return claims;
		}
		Cases::<T>::get(subject).map(|case| case.claims.into_inner()).unwrap_or_default()
	}

	/// What a part of the subject's verdicts claims to have computed.
	pub(crate) fn statement(subject: Subject, part: PartIndex) -> Option<Statement> {
		T::Claims::statement(subject, part)
			.or_else(|| *Cases::<T>::get(subject)?.statements.get(usize::from(part))?)
	}

	/// Returns the computation that a statement is about, if a game can be played about it.
	pub(crate) fn disputed(statement: &Statement) -> Result<Disputed, Error<T>> {
		Disputed::new::<T::Architectures>(statement).ok_or(Error::ComputationTooLarge)
	}

	/// The candidate's block and the shape that it must have.
	pub(crate) fn candidate(subject: Subject) -> Option<(BlockRef, ExpertShape)> {
		T::Claims::candidate(subject).or_else(|| Cases::<T>::get(subject)?.candidate)
	}

	/// The job of a part, for off-chain workers.
	pub(crate) fn job(subject: Subject, part: PartIndex) -> Option<EvaluationJob> {
		T::Claims::job(subject, part).or_else(|| {
			let case = Cases::<T>::get(subject)?;
			let statement = case.statements.get(usize::from(part))?.as_ref()?;
			let origin = case.origins.get(usize::from(part))?.as_ref()?;
			let (candidate, _) = case.candidate?;
			T::Claims::job_from(statement, origin, &candidate)
		})
	}

	/// Whether this runtime computes as the claims about the subject do.
	pub(crate) fn is_current(subject: Subject) -> bool {
		Self::statement(subject, 0).is_none_or(|statement| statement.is_current())
	}

	/// Whether games about a subject are played, or may be asked for by an appeal.
	pub(crate) fn is_answerable(subject: Subject) -> bool {
		T::Claims::is_disputable(subject) || Cases::<T>::contains_key(subject)
	}

	/// Writes down what an appeal needs, before anybody acts on the news that a claim fell.
	pub(crate) fn keep_case(subject: Subject) {
		if Cases::<T>::contains_key(subject) {
			return;
		}
		let parts: [PartIndex; crate::game::PARTS as usize] = [0, 1];
		// Both parts have the same baseline.
		let mut origins = parts.map(|part| T::Claims::origin(subject, part));
		if !origins.iter().flatten().next().is_some_and(T::Claims::keep) {
			origins = [None, None];
		}
		let case = CaseOf::<T> {
			statements: parts.map(|part| T::Claims::statement(subject, part)),
			origins,
			claims: BoundedVec::truncate_from(T::Claims::claims(subject)),
			candidate: T::Claims::candidate(subject),
			offences: 0,
			pledges: BoundedVec::new(),
		};
		Cases::<T>::insert(subject, case);
		// What is kept of a fallen claim is swept after the case.
		Self::touch(subject);
	}

	/// Notes that an offence about a subject awaits its decision.
	pub(crate) fn note_offence(subject: Subject) {
		Self::keep_case(subject);
		Self::mutate_case(subject, |case| case.offences = case.offences.saturating_add(1));
	}

	/// Notes that an offence about a subject was decided; with the last one the case is closed.
	pub(crate) fn note_decided(subject: Subject) {
		Self::mutate_case(subject, |case| case.offences = case.offences.saturating_sub(1));
		Self::close_if_decided(subject);
	}

	/// Forgets a case in which nothing is left to decide. Bonds that waited for it return.
	pub(crate) fn close_if_decided(subject: Subject) {
		let Some(case) = Cases::<T>::get(subject).filter(|case| case.offences == 0) else { return };
		Cases::<T>::remove(subject);
		if let Some(origin) = case.origins.iter().flatten().next() {
			T::Claims::release(origin);
		}
		for (_, backer) in case.pledges {
			Self::release(HoldReason::ChallengeBond, &backer.account, backer.bond);
		}
	}

	/// Takes the bonds behind a claim that had won by the clock, and has fallen now.
	pub(crate) fn forfeit_pledges(subject: Subject, digest: H256) {
		let Some(mut case) = Cases::<T>::get(subject) else { return };
		let (lost, kept): (Vec<_>, Vec<_>) =
			case.pledges.into_iter().partition(|(claim, _)| *claim == digest);
		if lost.is_empty() {
			return;
		}
		case.pledges = BoundedVec::truncate_from(kept);
		Cases::<T>::insert(subject, case);
		for (_, backer) in lost {
			let credit = take::<T>(HoldReason::ChallengeBond, &backer.account, backer.bond);
			T::OnSlash::on_unbalanced(credit);
			let paid = BalanceOf::<T>::zero();
			Self::deposit_event(Event::BondLost { who: backer.account, amount: backer.bond, paid });
		}
	}

	/// Tells what an appeal of each of these operators came to.
	pub(crate) fn end_appeals(subject: Subject, appellants: &[T::AccountId], cleared: bool) {
		for appellant in appellants {
			T::Offences::note_appeal_ended(appellant, subject, cleared);
		}
	}

	pub(crate) fn mutate_case(subject: Subject, change: impl FnOnce(&mut Case<T::AccountId, BalanceOf<T>>)) {
		Cases::<T>::mutate(subject, |case| {
			if let Some(case) = case {
				change(case);
			}
		});
	}
}
