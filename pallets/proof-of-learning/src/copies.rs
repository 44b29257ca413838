//! Near copies: a report proves them to the chain, tile by tile, and they earn nothing.
//!
//! ```text
//!  report_copy(copy, original, tiles)   paths to the roots on chain right?   changes alike?
//!      |
//!      | copy open        leaves its queue; bond lost, fee to those who have sealed, else lost
//!      | copy accepted    head reverted, reward taken, bond lost; the committee is paid when the decision matures
//! ```

use crate::{
	copy_types::{Compared, EvidenceFault},
	BalanceOf, ClaimOf, ClosedSubmissions, Conduct, Config, DecisionRecordOf, Decisions, Error, Event,
	FirstCommitments, HoldReason, OpenSubmissions, Pallet, Phase, SubmissionRecordOf,
};
use alloc::vec::Vec;
use blyan_exact::similarity::Overlap;
use blyan_primitives::{
	traits::ExpertRegistry, BlockRef, CopyEvidence, ExpertSlot, Original, SubmissionId, VersionIndex,
};
use blyan_runtime_api::{RejectReason, SubmissionOutcome};
use frame_support::{
	ensure,
	traits::{
		fungible::{Balanced, BalancedHold},
		Get, Imbalance, OnUnbalanced,
	},
};
use sp_runtime::{
	traits::{CheckedDiv, SaturatedConversion, Saturating, Zero},
	DispatchResult,
};

/// Returns whether a submission ended as a copy: it is the original of nothing.
pub(crate) fn is_copied(outcome: &SubmissionOutcome) -> bool {
	matches!(outcome, SubmissionOutcome::Rejected(RejectReason::Copied))
}

/// A submission that can still be reported.
pub(crate) enum Accused<T: Config> {
	Open(SubmissionRecordOf<T>),
	Accepted(DecisionRecordOf<T>, VersionIndex),
}

impl<T: Config> Accused<T> {
	pub(crate) fn claim(&self) -> &ClaimOf<T> {
		match self {
			Self::Open(record) => &record.claim,
			Self::Accepted(decision, _) => &decision.claim,
		}
	}
}

impl<T: Config> Pallet<T> {
	pub(crate) fn do_report_copy(
		reporter: T::AccountId,
		copy: SubmissionId,
		original: Original,
		evidence: &CopyEvidence,
	) -> DispatchResult {
		let (accused, blocks) = Self::accusation(copy, original)?;
		let claim = accused.claim();
		let overlap = Self::proven_overlap(claim.slot, &blocks, evidence)?;
		let likeness = overlap.likeness_milli().unsigned_abs();
		Self::end_copy(copy, original, accused, reporter, likeness);
		Ok(())
	}

	/// Takes from a copy that was proven all that it has or would earn.
	pub(crate) fn end_copy(
		copy: SubmissionId,
		original: Original,
		accused: Accused<T>,
		reporter: T::AccountId,
		likeness: u32,
	) {
		let claim = accused.claim();
		let (miner, slot) = (claim.miner.clone(), claim.slot);
		let bounty = match accused {
			Accused::Open(record) => Self::close_copy(copy, record, &reporter),
			Accused::Accepted(decision, version) => Self::take_back_copy(copy, decision, version, &reporter),
		};
		Self::deposit_event(Event::CopyProven { submission: copy, original, reporter, likeness, bounty });
		let reason = RejectReason::Copied;
		Self::deposit_event(Event::Rejected { submission: copy, miner, slot, reason });
	}

	/// Everything about a report but its evidence, at the cost of a few reads.
	pub(crate) fn accusation(
		copy: SubmissionId,
		original: Original,
	) -> Result<(Accused<T>, Compared), Error<T>> {
		let accused = Self::accused(copy)?;
		let is_measured = T::Experts::config(accused.claim().slot.model).is_some();
		ensure!(is_measured, Error::<T>::CopiesNotMeasured);
		let blocks = Self::compared(copy, accused.claim(), original)?;
		Ok((accused, blocks))
	}

	/// Checks the evidence, which takes some milliseconds. Returns what the experts have in common, if one is a copy.
	pub(crate) fn proven_overlap(
		slot: ExpertSlot,
		blocks: &Compared,
		evidence: &CopyEvidence,
	) -> Result<Overlap, Error<T>> {
		let config = T::Experts::config(slot.model).ok_or(Error::<T>::ModelUnknown)?;
		let overlap = blocks.overlap(&config, evidence).map_err(|fault| match fault {
			EvidenceFault::Unproven => Error::<T>::TileUnproven,
			EvidenceFault::Malformed => Error::<T>::EvidenceMalformed,
		})?;
		ensure!(overlap.is_enough(), Error::<T>::SampleTooSmall);
		ensure!(overlap.is_copy(), Error::<T>::NotACopy);
		Ok(overlap)
	}

	/// Refuses to compare what can never be found a copy: the cheap checks of a report.
	pub(crate) fn ensure_comparable(copy: SubmissionId, original: Original) -> Result<(), Error<T>> {
		Self::accusation(copy, original).map(|_| ())
	}

	/// Refuses what can earn nothing any more, or never could.
	pub(crate) fn accused(copy: SubmissionId) -> Result<Accused<T>, Error<T>> {
		if let Some(record) = OpenSubmissions::<T>::get(copy) {
			return Ok(Accused::Open(record));
		}
		let decision = Decisions::<T>::get(copy).ok_or(Error::<T>::SubmissionUnknown)?;
		let now = Self::now();
		match decision.outcome {
			SubmissionOutcome::Accepted { version, .. } if decision.is_disputable(now) => {
				Ok(Accused::Accepted(decision, version))
			}
			_ => Err(Error::<T>::NothingToTakeBack),
		}
	}

	/// The four blocks, if the original came first, is for the same slot, and is another miner's.
	pub(crate) fn compared(
		copy: SubmissionId,
		claim: &ClaimOf<T>,
		original: Original,
	) -> Result<Compared, Error<T>> {
		let slot = claim.slot;
		let block_of = |version| T::Experts::version(slot, version).map(|(block, _)| block);
		let (block, author, parent) = match original {
			Original::Submission(original) => {
				ensure!(original < copy, Error::<T>::OriginalNotEarlier);
				let found = Self::claim_of(original).filter(|(first, _)| first.slot == slot);
				let (first, outcome) = found.ok_or(Error::<T>::OriginalUnknown)?;
				ensure!(Self::is_senior(&first, claim), Error::<T>::OriginalNotEarlier);
				// Otherwise the author's next try, a little changed, would be a copy of its own copy.
				ensure!(outcome.is_none_or(|outcome| !is_copied(&outcome)), Error::<T>::OriginalUnknown);
				ensure!(!Self::is_author(&claim.miner, &first), Error::<T>::SameMiner);
				(first.block, Some(first.miner), Some(first.parent))
			}
			Original::Version(version) => {
				ensure!(version <= claim.parent, Error::<T>::OriginalNotEarlier);
				let (block, owner): (BlockRef, _) =
					T::Experts::version(slot, version).ok_or(Error::<T>::OriginalUnknown)?;
				// Otherwise the author's second try would be a copy of its own copy that was accepted, and taken back.
				ensure!(!Self::is_reverted(slot, version), Error::<T>::OriginalUnknown);
				(block, owner, version.checked_sub(1))
			}
		};
		ensure!(author.as_ref() != Some(&claim.miner), Error::<T>::SameMiner);
		Ok(Compared {
			original: block,
			original_parent: parent.and_then(block_of),
			copy_parent: Self::parent_of(slot, claim.parent)?,
			copy: claim.block,
		})
	}

	/// Returns whether the tensors of `first` were committed to no later than those of `second`. The lower number alone says
	/// little: a squatter on an author's root may have it, and a copy of a submission whose author had to try again.
	pub(crate) fn is_senior(first: &ClaimOf<T>, second: &ClaimOf<T>) -> bool {
		Self::committed_at(first) <= Self::committed_at(second)
	}

	/// Returns whether a version was taken back: the one after it holds the tensors of the one before it, which no submission may.
	pub(crate) fn is_reverted(slot: ExpertSlot, version: VersionIndex) -> bool {
		let root = |number: Option<VersionIndex>| {
			let (block, _) = T::Experts::version(slot, number?)?;
			Some(block.tensor_root)
		};
		let before = root(version.checked_sub(1));
		before.is_some() && before == root(version.checked_add(1))
	}

	/// Returns whether a miner committed to another one's tensors first: the other one squatted on them.
	pub(crate) fn is_author(miner: &T::AccountId, claim: &ClaimOf<T>) -> bool {
		FirstCommitments::<T>::get(claim.block.tensor_root).is_some_and(|first| first.miner == *miner)
	}

	fn parent_of(slot: ExpertSlot, version: VersionIndex) -> Result<BlockRef, Error<T>> {
		T::Experts::version(slot, version).map(|(block, _)| block).ok_or(Error::<T>::OriginalUnknown)
	}

	/// The claim of a submission that is on record, and its outcome, if it has one.
	fn claim_of(submission: SubmissionId) -> Option<(ClaimOf<T>, Option<SubmissionOutcome>)> {
		if let Some(record) = OpenSubmissions::<T>::get(submission) {
			return Some((record.claim, None));
		}
		if let Some(decision) = Decisions::<T>::get(submission) {
			return Some((decision.claim, Some(decision.outcome)));
		}
		ClosedSubmissions::<T>::get(submission).map(|closed| (closed.claim, Some(closed.outcome)))
	}

	/// Ends an open copy. Returns the reporter's share.
	fn close_copy(
		copy: SubmissionId,
		record: SubmissionRecordOf<T>,
		reporter: &T::AccountId,
	) -> BalanceOf<T> {
		let miner = record.claim.miner.clone();
		let at_work: Vec<T::AccountId> = match &record.phase {
			Phase::Evaluating(evaluation) => {
				let sealed = evaluation.seats.iter().filter(|seat| seat.seal.is_some());
				sealed.map(|seat| seat.operator.clone()).collect()
			}
			Phase::Announced { .. } | Phase::Queued { .. } => Vec::new(),
		};
		let members: u32 = at_work.len().saturated_into();
		let each = record.fee.checked_div(&members.into()).unwrap_or_else(Zero::zero);
		let rest = Self::share_fee(&miner, record.fee, each, at_work.iter());
		Self::forfeit_fee(copy, &miner, rest);
		if !each.is_zero() {
			Self::deposit_event(Event::FeePaid { submission: copy, each, members });
		}
		let bounty = Self::take_bond(copy, &miner, record.bond, reporter);
		let record = SubmissionRecordOf::<T> { bond: Zero::zero(), fee: Zero::zero(), ..record };
		Self::close(copy, record, SubmissionOutcome::Rejected(RejectReason::Copied));
		Self::note_conduct(&miner, Conduct::Failure);
		bounty
	}

	/// Takes back a copy that was accepted. Its committee measured it right and is paid its fee at maturity. Returns the
	/// reporter's share.
	fn take_back_copy(
		copy: SubmissionId,
		mut decision: DecisionRecordOf<T>,
		version: VersionIndex,
		reporter: &T::AccountId,
	) -> BalanceOf<T> {
		let (reverted_to, cancelled) = Self::cancel(&mut decision, version, RejectReason::Copied);
		let bond = core::mem::take(&mut decision.bond);
		let bounty = Self::take_bond(copy, &decision.claim.miner, bond, reporter);
		Decisions::<T>::insert(copy, decision);
		Self::deposit_event(Event::AcceptanceCancelled { submission: copy, reverted_to, cancelled });
		bounty
	}

	/// Takes a copy's bond; a share goes to the reporter. Returns that share.
	fn take_bond(
		submission: SubmissionId,
		miner: &T::AccountId,
		bond: BalanceOf<T>,
		reporter: &T::AccountId,
	) -> BalanceOf<T> {
		if bond.is_zero() {
			return bond;
		}
		let (credit, missing) = T::Currency::slash(&HoldReason::SubmissionBond.into(), miner, bond);
		let share = T::ReporterShare::get().mul_floor(credit.peek());
		let (bounty, rest) = credit.split(share);
		T::OnSlash::on_unbalanced(rest);
		let paid = match T::Currency::resolve(reporter, bounty) {
			Ok(()) => share,
			Err(unpaid) => {
				// An account too small to receive it.
				T::OnSlash::on_unbalanced(unpaid);
				Zero::zero()
			}
		};
		let amount = bond.saturating_sub(missing);
		Self::deposit_event(Event::BondSlashed { submission, miner: miner.clone(), amount });
		paid
	}
}
