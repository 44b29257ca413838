//! Keepers and their sealed chunks.

use crate::{
	BalanceOf, ChunkRecord, ChunkRecordOf, Chunks, Config, Error, Event, HoldReason, KeeperRecord, Keepers,
	Pallet, Sealed, LOG_TARGET,
};
use blyan_primitives::{
	is_disputable,
	traits::{ArchitectureRegistry, ExpertRegistry},
	ModelBody, ModelId, SealingRules,
};
use frame_support::{
	ensure,
	traits::{fungible::MutateHold, tokens::Precision, Get},
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::{
	traits::{BlockNumberProvider, Saturating, Zero},
	DispatchResult,
};

impl<T: Config> Pallet<T> {
	/// The time that windows are in.
	pub(crate) fn now() -> BlockNumberFor<T> {
		T::WorkingTime::current_block_number()
	}

	pub(crate) fn do_seal_model(model: ModelId, rules: Option<SealingRules>) -> DispatchResult {
		match rules {
			Some(rules) => {
				Self::ensure_rules(model, &rules)?;
				Sealed::<T>::insert(model, rules);
			}
			None => Sealed::<T>::remove(model),
		}
		Self::deposit_event(Event::ModelSealed { model, rules });
		Ok(())
	}

	/// Refuses rules that no chunk of text could meet, or by which scores could not be disputed.
	fn ensure_rules(model: ModelId, rules: &SealingRules) -> Result<(), Error<T>> {
		let body = T::Models::body(model).ok_or(Error::<T>::ModelUnknown)?;
		let len = u32::from(rules.sequence_len);
		let (context, positions, bytes, architecture) = match &body {
			ModelBody::First { config, .. } => (u32::from(config.context), len, rules.chunk_bytes(), None),
			ModelBody::Second { architecture, .. } => {
				let architecture = T::Models::architecture(architecture).ok_or(Error::<T>::ModelUnknown)?;
				(architecture.context, len.saturating_sub(1), rules.token_chunk_bytes(), Some(architecture))
			}
		};
		// Below two sequences there is no variance, so nothing could ever be accepted.
		ensure!(
			rules.sequences >= 2
				&& (1..=context).contains(&positions)
				&& bytes <= u64::from(T::MaxChunkBytes::get())
				&& rules.loss_min < rules.loss_max,
			Error::<T>::RulesMalformed
		);
		let is_disputable = architecture.is_none_or(|architecture| is_disputable(&architecture, positions));
		ensure!(is_disputable, Error::<T>::NotDisputable);
		Ok(())
	}

	pub(crate) fn do_join(keeper: T::AccountId, amount: BalanceOf<T>) -> DispatchResult {
		let known = Keepers::<T>::get(&keeper);
		ensure!(known.is_some() || Keepers::<T>::count() < T::MaxKeepers::get(), Error::<T>::TooManyKeepers);
		let mut record = known.unwrap_or(KeeperRecord {
			bond: Zero::zero(),
			chunks: 0,
			faults: 0,
			suspended_until: Zero::zero(),
			bonded_at: Zero::zero(),
		});
		record.bond = record.bond.saturating_add(amount);
		ensure!(record.bond >= T::MinBond::get(), Error::<T>::BondTooSmall);
		T::Currency::hold(&HoldReason::KeeperBond.into(), &keeper, amount)?;
		record.bonded_at = frame_system::Pallet::<T>::block_number();
		let bond = record.bond;
		Keepers::<T>::insert(&keeper, record);
		Self::deposit_event(Event::KeeperJoined { keeper, bond });
		Ok(())
	}

	pub(crate) fn do_leave(keeper: T::AccountId) -> DispatchResult {
		let record = Keepers::<T>::get(&keeper).ok_or(Error::<T>::NotKeeper)?;
		ensure!(record.chunks == 0, Error::<T>::HasChunks);
		Keepers::<T>::remove(&keeper);
		Self::release(HoldReason::KeeperBond, &keeper, record.bond);
		Self::deposit_event(Event::KeeperLeft { keeper });
		Ok(())
	}

	/// Commits to a chunk. With `cut_by` only while these are the model's rules.
	pub(crate) fn do_commit(
		keeper: T::AccountId,
		model: ModelId,
		commitment: H256,
		cut_by: Option<SealingRules>,
	) -> DispatchResult {
		let rules = Sealed::<T>::get(model).ok_or(Error::<T>::NotSealed)?;
		ensure!(cut_by.is_none_or(|cut_by| cut_by == rules), Error::<T>::RulesChanged);
		let mut record = Keepers::<T>::get(&keeper).ok_or(Error::<T>::NotKeeper)?;
		ensure!(record.bond >= T::MinBond::get(), Error::<T>::BondTooSmall);
		let mut chunks = Chunks::<T>::get(model, &keeper);
		ensure!(chunks.iter().all(|chunk| chunk.commitment != commitment), Error::<T>::ChunkKnown);
		let deposit = T::ChunkDeposit::get();
		let chunk = ChunkRecord {
			commitment,
			committed_at: frame_system::Pallet::<T>::block_number(),
			deposit,
			sequences: rules.sequences,
			sequence_len: rules.sequence_len,
			free_at: None,
		};
		chunks.try_push(chunk).map_err(|_| Error::<T>::TooManyChunks)?;
		T::Currency::hold(&HoldReason::Chunk.into(), &keeper, deposit)?;
		Chunks::<T>::insert(model, &keeper, chunks);
		record.chunks = record.chunks.saturating_add(1);
		Keepers::<T>::insert(&keeper, record);
		Self::deposit_event(Event::ChunkCommitted { keeper, model, commitment });
		Ok(())
	}

	/// Gives notice, or takes a chunk back whose notice is over. Between the two it can be reported: a keeper that sees a report of its
	/// leak in the pool could otherwise take the chunk away from under it.
	pub(crate) fn do_withdraw(keeper: T::AccountId, model: ModelId, commitment: H256) -> DispatchResult {
		let now = Self::now();
		let mut chunks = Chunks::<T>::get(model, &keeper);
		let known = chunks.iter_mut().find(|chunk| chunk.commitment == commitment);
		let chunk = known.ok_or(Error::<T>::ChunkUnknown)?;
		let Some(free_at) = chunk.free_at else {
			let free_at = now.saturating_add(T::Notice::get());
			chunk.free_at = Some(free_at);
			Chunks::<T>::insert(model, &keeper, chunks);
			Self::deposit_event(Event::NoticeGiven { keeper, model, commitment, free_at });
			return Ok(());
		};
		ensure!(now >= free_at, Error::<T>::NoticeNotOver);
		let is_meant = |chunk: &ChunkRecordOf<T>| chunk.commitment == commitment;
		let chunk = Self::take_chunk(model, &keeper, is_meant).ok_or(Error::<T>::ChunkUnknown)?;
		Self::release(HoldReason::Chunk, &keeper, chunk.deposit);
		Self::note_chunk_gone(&keeper);
		Self::deposit_event(Event::ChunkWithdrawn { keeper, model, commitment });
		Ok(())
	}

	/// Takes the oldest sealed chunk for which `is_meant` from its keeper. Its deposit stays on hold, and it still counts as the keeper's.
	pub(crate) fn take_chunk(
		model: ModelId,
		keeper: &T::AccountId,
		is_meant: impl Fn(&ChunkRecordOf<T>) -> bool,
	) -> Option<ChunkRecordOf<T>> {
		let mut chunks = Chunks::<T>::get(model, keeper);
		let place = chunks.iter().position(is_meant)?;
		let chunk = chunks.remove(place);
		if chunks.is_empty() {
			Chunks::<T>::remove(model, keeper);
		} else {
			Chunks::<T>::insert(model, keeper, chunks);
		}
		Some(chunk)
	}

	/// Gives an appointed chunk that was not opened back to its keeper.
	pub(crate) fn return_chunk(model: ModelId, keeper: &T::AccountId, chunk: ChunkRecordOf<T>) {
		let deposit = chunk.deposit;
		let returned = Chunks::<T>::try_mutate(model, keeper, |chunks| {
			// The oldest stand first.
			let place = chunks.partition_point(|other| other.committed_at <= chunk.committed_at);
			chunks.try_insert(place, chunk)
		});
		if returned.is_err() {
			// Another one has taken its place meanwhile.
			Self::release(HoldReason::Chunk, keeper, deposit);
			Self::note_chunk_gone(keeper);
		}
	}

	/// Counts one chunk less of a keeper.
	pub(crate) fn note_chunk_gone(keeper: &T::AccountId) {
		Keepers::<T>::mutate(keeper, |record| {
			if let Some(record) = record {
				record.chunks = record.chunks.saturating_sub(1);
			}
		});
	}

	/// Returns money that is on hold to its keeper.
	pub(crate) fn release(reason: HoldReason, keeper: &T::AccountId, amount: BalanceOf<T>) {
		if amount.is_zero() {
			return;
		}
		let released = T::Currency::release(&reason.into(), keeper, amount, Precision::BestEffort);
		if released != Ok(amount) {
			log::error!(target: LOG_TARGET, "hold of keeper {keeper:?}: released {released:?} of {amount:?}");
		}
	}
}
