//! Invariants of this pallet's storage, one function each.

use crate::{
	BusyModels, ClosedCount, ClosedRing, ClosedSubmissions, Config, HoldReason, Miners, NextSubmission,
	OpenBlobs, OpenRoots, OpenSubmissions, Pallet, Phase, Queues,
};
use alloc::{
	collections::{BTreeMap, BTreeSet},
	vec::Vec,
};
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
				ensure!(queued.insert(id), "a submission is queued twice");
			}
		}
		let open: BTreeSet<_> = OpenSubmissions::<T>::iter_keys().collect();
		ensure!(open == queued, "an open submission stands in no queue");
		ensure!(
			OpenSubmissions::<T>::count() as usize == open.len()
				&& OpenSubmissions::<T>::count() <= T::MaxOpen::get(),
			"the count of open submissions is wrong or too large"
		);
		let busy = BusyModels::<T>::get();
		ensure!(
			busy.len() == models.len() && busy.iter().all(|model| models.contains(model)),
			"the busy models are not those with a queue"
		);
		Ok(())
	}

	/// Only the first of a queue has a committee; no member sits twice, and none is the miner.
	fn check_committees() -> Result<(), TryRuntimeError> {
		for (id, open) in OpenSubmissions::<T>::iter() {
			let Phase::Evaluating(evaluation) = open.phase else { continue };
			let queue = Queues::<T>::get(open.claim.slot.model);
			ensure!(queue.first() == Some(&id), "a submission has a committee before its turn");
			let members: BTreeSet<_> = evaluation.seats.iter().map(|seat| &seat.operator).collect();
			ensure!(members.len() == evaluation.seats.len(), "a member sits twice");
			ensure!(!members.is_empty(), "a committee is empty");
			ensure!(!members.contains(&open.claim.miner), "a miner judges itself");
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

	/// Miners' counts are right and their bonds are on hold.
	fn check_miners() -> Result<(), TryRuntimeError> {
		let mut expected: BTreeMap<T::AccountId, (u32, crate::BalanceOf<T>)> = BTreeMap::new();
		for open in OpenSubmissions::<T>::iter_values() {
			let (count, bonds) = expected.entry(open.claim.miner).or_insert((0, Zero::zero()));
			*count = count.saturating_add(1);
			*bonds = bonds.saturating_add(open.bond);
		}
		for (miner, record) in Miners::<T>::iter() {
			let (count, bonds) = expected.remove(&miner).unwrap_or((0, Zero::zero()));
			ensure!(record.open == count, "a miner's count of open submissions is wrong");
			let held = T::Currency::balance_on_hold(&HoldReason::SubmissionBond.into(), &miner);
			ensure!(held == bonds, "a miner's bonds are not what is on hold");
			let slots: Vec<_> = record.attempts.iter().map(|(slot, _)| slot).collect();
			let distinct: BTreeSet<_> = slots.iter().collect();
			ensure!(slots.len() == distinct.len(), "a slot's attempts are counted twice");
		}
		ensure!(expected.is_empty(), "a miner of an open submission has no record");
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
