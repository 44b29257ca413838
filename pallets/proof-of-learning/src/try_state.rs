//! Invariants of this pallet's storage, one function each.

use crate::{
	Announced, BusyModels, ClosedCount, ClosedRing, ClosedSubmissions, CommitmentQueue, CommitmentQueueEnds,
	Commitments, Config, Decisions, FirstCommitments, Forgetting, GuardHoldouts, GuardLosses, HoldReason,
	Inconclusive, Maturing, Miners, NextSubmission, OpenBlobs, OpenRoots, OpenSubmissions, Pallet, Phase,
	Queues, Retrials, Stage,
};
use alloc::collections::{BTreeMap, BTreeSet};
use blyan_runtime_api::SubmissionOutcome;
use frame_support::{
	ensure,
	traits::{fungible::InspectHold, Get},
};
use sp_runtime::{
	traits::{Saturating, Zero},
	TryRuntimeError,
};

impl<T: Config> Pallet<T> {
	/// Checks everything below.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_queues()?;
		Self::check_committees()?;
		Self::check_indices()?;
		Self::check_miners()?;
		Self::check_guards()?;
		Self::check_decisions()?;
		Self::check_inconclusive()?;
		Self::check_commitments()?;
		Self::check_first_commitments()?;
		Self::check_closed()
	}

	/// Every open submission stands in its model's queue exactly once; nothing else does, and the busy models are
	/// those with a queue.
	fn check_queues() -> Result<(), TryRuntimeError> {
		let mut queued = BTreeSet::new();
		let mut models = BTreeSet::new();
		for (model, queue) in Queues::<T>::iter() {
			ensure!(!queue.is_empty(), "a queue is empty and still there");
			models.insert(model);
			for id in queue {
				let open =
					OpenSubmissions::<T>::get(id).ok_or("a queue holds a submission that is not open")?;
				ensure!(open.claim.slot.model == model, "a submission stands in another model's queue");
				ensure!(
					!matches!(open.phase, Phase::Announced { .. }),
					"a submission is queued without its bytes"
				);
				ensure!(queued.insert(id), "a submission is queued twice");
			}
		}
		let announced = Announced::<T>::get();
		ensure!(
			announced.windows(2).all(|pair| matches!(pair, [(_, a), (_, b)] if a <= b)),
			"the announced submissions have no order"
		);
		for (id, until) in announced {
			let open = OpenSubmissions::<T>::get(id).ok_or("something is announced that is not open")?;
			ensure!(open.phase == Phase::Announced { until }, "what is announced waits for something else");
			ensure!(queued.insert(id), "a submission is announced twice, or queued");
		}
		let open: BTreeSet<_> = OpenSubmissions::<T>::iter_keys().collect();
		ensure!(open == queued, "an open submission stands in no queue");
		ensure!(
			OpenSubmissions::<T>::count() as usize == open.len()
				&& OpenSubmissions::<T>::count() <= T::MaxOpen::get(),
			"the count of open submissions is wrong or too large"
		);
		ensure!(
			Retrials::<T>::iter_keys().all(|id| open.contains(&id)),
			"a submission is to be judged again that is not open"
		);
		let busy = BusyModels::<T>::get();
		ensure!(
			busy.len() == models.len() && busy.iter().all(|model| models.contains(model)),
			"the busy models are not those with a queue"
		);
		Ok(())
	}

	/// Only the first of a queue has a committee; no member sits twice, and none is the miner. Nothing is revealed that
	/// was not sealed, or before the seals are complete.
	fn check_committees() -> Result<(), TryRuntimeError> {
		for (id, open) in OpenSubmissions::<T>::iter() {
			let Phase::Evaluating(evaluation) = open.phase else { continue };
			let queue = Queues::<T>::get(open.claim.slot.model);
			ensure!(queue.first() == Some(&id), "a submission has a committee before its turn");
			ensure!(
				(1..=evaluation.seats.len()).contains(&(evaluation.first as usize)),
				"the first committee is larger than both"
			);
			ensure!(
				evaluation.stage == Stage::Last || evaluation.first as usize == evaluation.seats.len(),
				"a second committee sits before its time"
			);
			let members: BTreeSet<_> = evaluation.seats.iter().map(|seat| &seat.operator).collect();
			ensure!(members.len() == evaluation.seats.len(), "a member sits twice");
			ensure!(!members.is_empty(), "a committee is empty");
			ensure!(!members.contains(&open.claim.miner), "a miner judges itself");
			ensure!(
				evaluation.seats.iter().all(|seat| seat.seal.is_some() || seat.verdict.is_none()),
				"a verdict was revealed that was not sealed"
			);
			let is_revealing = evaluation.is_revealing(Self::now());
			ensure!(
				is_revealing || evaluation.seats.iter().all(|seat| seat.verdict.is_none()),
				"a verdict was revealed too early"
			);
		}
		Ok(())
	}

	/// Tensor roots and blobs of open submissions are indexed, one entry each.
	fn check_indices() -> Result<(), TryRuntimeError> {
		let next = NextSubmission::<T>::get();
		for (id, open) in OpenSubmissions::<T>::iter() {
			ensure!(id < next, "a submission's number was not given out");
			let block = open.claim.block;
			ensure!(OpenRoots::<T>::get(block.tensor_root) == Some(id), "a tensor root is not indexed");
			ensure!(OpenBlobs::<T>::get(block.blob.hash) == Some(id), "a blob is not indexed");
		}
		let open = OpenSubmissions::<T>::count() as usize;
		ensure!(
			OpenRoots::<T>::iter_keys().count() == open && OpenBlobs::<T>::iter_keys().count() == open,
			"an index has entries of no open submission"
		);
		Ok(())
	}

	/// Miners' counts are right, and their bonds and rewards are on hold.
	fn check_miners() -> Result<(), TryRuntimeError> {
		#[derive(Default)]
		struct Expected<Balance> {
			open: u32,
			bonds: Balance,
			rewards: Balance,
		}
		let mut expected: BTreeMap<T::AccountId, Expected<crate::BalanceOf<T>>> = BTreeMap::new();
		for open in OpenSubmissions::<T>::iter_values() {
			let miner = expected.entry(open.claim.miner).or_default();
			miner.open = miner.open.saturating_add(1);
			miner.bonds = miner.bonds.saturating_add(open.bond).saturating_add(open.fee);
		}
		for decision in Decisions::<T>::iter_values() {
			let miner = expected.entry(decision.claim.miner).or_default();
			miner.bonds = miner.bonds.saturating_add(decision.bond).saturating_add(decision.fee);
			miner.rewards = miner.rewards.saturating_add(decision.held);
		}
		for (miner, record) in Miners::<T>::iter() {
			let Expected { open, bonds, rewards } = expected.remove(&miner).unwrap_or_default();
			ensure!(record.open == open, "a miner's count of open submissions is wrong");
			let held = |reason: HoldReason| T::Currency::balance_on_hold(&reason.into(), &miner);
			ensure!(held(HoldReason::SubmissionBond) == bonds, "a miner's bonds are not what is on hold");
			ensure!(held(HoldReason::Reward) == rewards, "a miner's rewards are not what is on hold");
		}
		ensure!(expected.is_empty(), "a miner of a submission has no record");
		Ok(())
	}

	/// Losses are counted where there is a guard and something was lost.
	fn check_guards() -> Result<(), TryRuntimeError> {
		for (model, (_, loss)) in GuardLosses::<T>::iter() {
			ensure!(loss.0 > 0, "a loss of nothing is remembered");
			ensure!(GuardHoldouts::<T>::contains_key(model), "a loss is counted without a guard");
		}
		Ok(())
	}

	/// Decisions without a dispute wait in order, each once, and nothing else does; a decision has a verdict, holds
	/// what its outcome says, and is neither open nor closed.
	fn check_decisions() -> Result<(), TryRuntimeError> {
		let maturing = Maturing::<T>::get();
		ensure!(
			maturing.windows(2).all(|pair| matches!(pair, [(_, a), (_, b)] if a <= b)),
			"maturity has no order"
		);
		let waiting: BTreeMap<_, _> = maturing.iter().copied().collect();
		ensure!(waiting.len() == maturing.len(), "a decision waits twice");
		let mut undisputed = 0usize;
		let mut count = 0usize;
		for (id, decision) in Decisions::<T>::iter() {
			count = count.saturating_add(1);
			let expected = decision.disputes.is_zero().then_some(decision.matures_at);
			ensure!(waiting.get(&id).copied() == expected, "a decision does not wait as it should");
			undisputed = undisputed.saturating_add(usize::from(expected.is_some()));
			ensure!(decision.seats.iter().any(|seat| seat.verdict.is_some()), "a decision rests on nothing");
			ensure!(
				decision.digest.is_none() || decision.agreeing().next().is_some(),
				"nobody revealed the verdict that decided"
			);
			let is_accepted = matches!(decision.outcome, SubmissionOutcome::Accepted { .. });
			ensure!(is_accepted || decision.held.is_zero(), "a reward is held without an acceptance");
			ensure!(!(is_accepted && decision.refuted), "an acceptance is refuted and stands");
			ensure!(
				!OpenSubmissions::<T>::contains_key(id) && !ClosedSubmissions::<T>::contains_key(id),
				"a submission is decided, and open or closed"
			);
		}
		ensure!(undisputed == maturing.len(), "something waits that is no decision");
		ensure!(
			Decisions::<T>::count() as usize == count && Decisions::<T>::count() <= T::MaxMaturing::get(),
			"the count of decisions is wrong or too large"
		);
		Ok(())
	}

	/// Draws that came to nothing, and about which nobody disputes, wait in order, each once, and nothing else does.
	fn check_inconclusive() -> Result<(), TryRuntimeError> {
		let forgetting = Forgetting::<T>::get();
		ensure!(
			forgetting.windows(2).all(|pair| matches!(pair, [(_, a), (_, b)] if a <= b)),
			"forgetting has no order"
		);
		let waiting: BTreeMap<_, _> = forgetting.iter().copied().collect();
		ensure!(waiting.len() == forgetting.len(), "a draw waits twice");
		let mut undisputed = 0usize;
		for (draw, record) in Inconclusive::<T>::iter() {
			ensure!(
				record.terms.draw_id(&record.claim.slot, &record.claim.block) == draw,
				"a draw has another's name"
			);
			let expected = record.disputes.is_zero().then_some(record.until);
			ensure!(waiting.get(&draw).copied() == expected, "a draw does not wait as it should");
			undisputed = undisputed.saturating_add(usize::from(expected.is_some()));
			ensure!(record.seats.iter().any(|seat| seat.verdict.is_some()), "a draw without claims is kept");
		}
		ensure!(undisputed == forgetting.len(), "something waits that is no draw");
		let kept = Inconclusive::<T>::count().saturating_add(Decisions::<T>::count());
		ensure!(kept <= T::MaxMaturing::get(), "more is open to disputes than may be");
		Ok(())
	}

	/// Commitments and their queue name each other, and deposits are on hold.
	fn check_commitments() -> Result<(), TryRuntimeError> {
		let (first, next) = CommitmentQueueEnds::<T>::get();
		let mut count = 0usize;
		for (miner, records) in Commitments::<T>::iter() {
			ensure!(!records.is_empty(), "an account has an entry without a commitment");
			let hashes: BTreeSet<_> = records.iter().map(|record| record.commitment).collect();
			ensure!(hashes.len() == records.len(), "a commitment is kept twice");
			let mut deposits = crate::BalanceOf::<T>::zero();
			for record in &records {
				ensure!((first..next).contains(&record.place), "a commitment has no place");
				ensure!(
					CommitmentQueue::<T>::get(record.place).as_ref() == Some(&miner),
					"a commitment's place is another account's"
				);
				deposits = deposits.saturating_add(record.deposit);
			}
			count = count.saturating_add(records.len());
			let held = T::Currency::balance_on_hold(&HoldReason::Commitment.into(), &miner);
			ensure!(held == deposits, "a miner's deposits are not what is on hold");
		}
		ensure!(CommitmentQueue::<T>::iter_keys().count() == count, "a place belongs to no commitment");
		Ok(())
	}

	/// Priority belongs to submissions that are remembered, and to their tensors.
	fn check_first_commitments() -> Result<(), TryRuntimeError> {
		for (root, first) in FirstCommitments::<T>::iter() {
			let id = first.submission;
			let claim = OpenSubmissions::<T>::get(id)
				.map(|open| open.claim)
				.or_else(|| Decisions::<T>::get(id).map(|decision| decision.claim))
				.or_else(|| ClosedSubmissions::<T>::get(id).map(|closed| closed.claim));
			let claim = claim.ok_or("a forgotten submission has priority")?;
			ensure!(claim.block.tensor_root == root, "a submission has priority over other tensors");
			ensure!(claim.miner == first.miner, "priority belongs to another miner");
		}
		Ok(())
	}

	/// The ring and the closed submissions name each other; nothing is open and closed.
	fn check_closed() -> Result<(), TryRuntimeError> {
		let ring: BTreeSet<_> = ClosedRing::<T>::iter_values().collect();
		let closed: BTreeSet<_> = ClosedSubmissions::<T>::iter_keys().collect();
		ensure!(ring == closed, "the ring and the closed submissions disagree");
		let expected = ClosedCount::<T>::get().min(T::MaxClosed::get().into());
		ensure!(ring.len() as u64 == expected, "the ring has the wrong length");
		ensure!(
			closed.iter().all(|id| !OpenSubmissions::<T>::contains_key(id)),
			"a submission is open and closed"
		);
		Ok(())
	}
}
