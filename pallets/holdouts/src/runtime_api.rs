//! Runtime API implementation, and the blobs that nodes take.

use crate::{
	BalanceOf, ChunkRecordOf, Chunks, Config, Keepers, Pallet, Phase, RoundRecordOf, Rounds, Sealed,
};
use alloc::vec::Vec;
use blyan_primitives::{traits::BlobAnnouncements, HoldoutRef, ModelId, SealingRules, SubmissionId};
use blyan_runtime_api::{
	holdouts::{ChunkInfo, KeeperInfo, KeepingTerms, RoundInfo, RoundPhase},
	AccountId,
};
use frame_support::traits::Get;
use sp_core::H256;
use sp_runtime::traits::SaturatedConversion;

impl<T: Config> Pallet<T> {
	/// Rules of a model whose candidates are measured on sealed chunks.
	pub fn sealing(model: ModelId) -> Option<SealingRules> {
		Sealed::<T>::get(model)
	}

	/// The chunk that a model's next candidate is measured on, once it is open: its bytes are to reach every operator. Asked from
	/// outside of blocks only.
	pub fn in_force(model: ModelId) -> Option<HoldoutRef> {
		let of_model = Rounds::<T>::iter().filter(|(_, round)| round.model == model);
		let open = of_model.filter_map(|(submission, round)| {
			round.phase.revealed().map(|holdout| (!round.phase.is_ready(), submission, *holdout))
		});
		// One whose bytes are missing comes first, then the latest.
		open.max_by_key(|(is_missing, submission, _)| (*is_missing, *submission))
			.map(|(_, _, holdout)| holdout)
	}

	/// Terms on which accounts keep chunks.
	pub fn keeping_terms() -> KeepingTerms {
		let (bond, deposit): (BalanceOf<T>, BalanceOf<T>) = (T::MinBond::get(), T::ChunkDeposit::get());
		KeepingTerms {
			now: Self::now().saturated_into(),
			bond_min: bond.saturated_into(),
			deposit: deposit.saturated_into(),
			chunks_max: T::MaxChunks::get(),
			looks: T::Looks::get(),
			reveal_window: T::RevealWindow::get().saturated_into(),
			attest_window: T::AttestWindow::get().saturated_into(),
		}
	}
}

impl<T: Config<AccountId = AccountId>> Pallet<T> {
	/// All keepers.
	pub fn keepers_list() -> Vec<KeeperInfo> {
		let info = |(keeper, record): (AccountId, crate::KeeperRecordOf<T>)| KeeperInfo {
			keeper,
			bond: record.bond.saturated_into(),
			chunks: record.chunks,
			faults: record.faults,
			suspended_until: record.suspended_until.saturated_into(),
		};
		Keepers::<T>::iter().map(info).collect()
	}

	/// A keeper's sealed chunks for a model, the oldest first.
	pub fn chunks_of(keeper: &AccountId, model: ModelId) -> Vec<ChunkInfo> {
		let info = |chunk: &ChunkRecordOf<T>| ChunkInfo {
			commitment: chunk.commitment,
			committed_at: chunk.committed_at.saturated_into(),
			sequences: chunk.sequences,
			sequence_len: chunk.sequence_len,
		};
		Chunks::<T>::get(model, keeper).iter().map(info).collect()
	}

	/// Rounds of submissions that are not closed for good, by number.
	pub fn rounds() -> Vec<RoundInfo> {
		let mut rounds: Vec<_> =
			Rounds::<T>::iter().map(|(submission, round)| Self::round_info(submission, round)).collect();
		rounds.sort_unstable_by_key(|round| round.submission);
		rounds
	}

	fn round_info(submission: SubmissionId, round: RoundRecordOf<T>) -> RoundInfo {
		let phase = match round.phase {
			Phase::Drawing { .. } => RoundPhase::Drawing,
			Phase::Revealing { keeper, chunk, until } => {
				RoundPhase::Revealing { keeper, commitment: chunk.commitment, until: until.saturated_into() }
			}
			Phase::Attesting { keeper, holdout, attested, until, .. } => RoundPhase::Attesting {
				keeper,
				holdout,
				attested: attested.len().saturated_into(),
				needed: Self::attestations_needed(),
				until: until.saturated_into(),
			},
			Phase::Ready { keeper, holdout, .. } => RoundPhase::Ready { keeper, holdout },
			Phase::Starved { until } => RoundPhase::Starved { until: until.saturated_into() },
		};
		RoundInfo { submission, model: round.model, looks: round.looked.len().saturated_into(), phase }
	}
}

/// Chunks that were opened, while submissions are measured on them. Asked from outside of blocks only.
impl<T: Config> BlobAnnouncements for Pallet<T> {
	fn announced(hash: &H256) -> Option<u32> {
		Rounds::<T>::iter_values()
			.filter_map(|round| round.phase.revealed().map(|holdout| holdout.blob))
			.find(|blob| blob.hash == *hash)
			.map(|blob| blob.size)
	}
}
