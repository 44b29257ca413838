//! Opening of appointed chunks, and the attestations that their bytes are there.

use crate::{
	Config, Error, Event, HoldReason, Pallet, Phase, Revealed, RoundRecordOf, Rounds, ATTESTATIONS_MAX,
};
use blyan_primitives::{
	chunk_commitment,
	randomness::AppointedRandomness,
	traits::{ArchitectureRegistry, ExpertRegistry, OperatorSet},
	Attestation, HoldoutRef, ModelBody, ModelId, OperatorId, SealingRules, SubmissionId,
};
use blyan_support::genesis_hash;
use frame_support::{ensure, traits::Get, BoundedVec};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
	traits::{SaturatedConversion, Saturating},
	DispatchResult,
};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_reveal(
		who: T::AccountId,
		submission: SubmissionId,
		bytes: &[u8],
		salt: H256,
	) -> DispatchResult {
		let mut round = Rounds::<T>::get(submission).ok_or(Error::<T>::RoundUnknown)?;
		let Phase::Revealing { keeper, chunk, until } = round.phase else {
			return Err(Error::<T>::NotAppointed.into());
		};
		ensure!(keeper == who, Error::<T>::NotAppointed);
		ensure!(Self::now() <= until, Error::<T>::WindowClosed);
		let hash = H256(blake2_256(bytes));
		let opened = chunk_commitment(&genesis_hash::<T>(), &who, round.model, &hash, &salt);
		ensure!(opened == chunk.commitment, Error::<T>::CommitmentMismatch);
		ensure!(!Revealed::<T>::contains_key(hash), Error::<T>::AlreadyPublic);
		let holdout =
			Self::holdout_of(round.model, &chunk.shape(), bytes).ok_or(Error::<T>::ChunkMalformed)?;
		Revealed::<T>::insert(hash, submission);
		round.phase = Phase::Attesting {
			keeper: who.clone(),
			deposit: chunk.deposit,
			holdout,
			attested: BoundedVec::new(),
			until: Self::now().saturating_add(T::AttestWindow::get()),
		};
		Rounds::<T>::insert(submission, round);
		Self::deposit_event(Event::ChunkRevealed { submission, keeper: who, holdout });
		Ok(())
	}

	/// The holdout that a chunk's bytes are; `None` if they do not have this shape.
	fn holdout_of(model: ModelId, shape: &SealingRules, bytes: &[u8]) -> Option<HoldoutRef> {
		match T::Models::body(model)? {
			ModelBody::First { .. } => shape.holdout_of(bytes),
			ModelBody::Second { architecture, .. } => {
				let vocabulary = T::Models::architecture(&architecture)?.vocabulary;
				shape.token_holdout_of(bytes, vocabulary)
			}
		}
	}

	/// Everything that must hold before an attestation counts, but the signature. Returns the attesting operator, and the round.
	pub(crate) fn ensure_may_attest(
		attestation: &Attestation,
		key: &OperatorId,
	) -> Result<(T::AccountId, RoundRecordOf<T>), Error<T>> {
		let round = Rounds::<T>::get(attestation.submission).ok_or(Error::<T>::RoundUnknown)?;
		let Phase::Attesting { keeper, holdout, attested, until, .. } = &round.phase else {
			return Err(Error::NothingToAttest);
		};
		ensure!(Self::now() <= *until, Error::<T>::WindowClosed);
		ensure!(holdout.blob.hash == attestation.blob, Error::<T>::NothingToAttest);
		let operator = T::Operators::owner_of(key).ok_or(Error::<T>::NotOperator)?;
		let owner = T::Operators::belongs_to(&operator);
		ensure!(owner != T::Operators::belongs_to(keeper), Error::<T>::NotOperator);
		// One operator of an owner: many registrations on one disk are no more copies.
		let is_counted = attested.iter().any(|other| T::Operators::belongs_to(other) == owner);
		ensure!(!is_counted, Error::<T>::AlreadyAttested);
		Ok((operator, round))
	}

	pub(crate) fn do_attest(attestation: Attestation, key: OperatorId) -> DispatchResult {
		let (operator, mut round) = Self::ensure_may_attest(&attestation, &key)?;
		let submission = attestation.submission;
		let Phase::Attesting { keeper, deposit, holdout, attested, .. } = &mut round.phase else {
			return Err(Error::<T>::NothingToAttest.into());
		};
		// As many as are needed fit.
		let _ = attested.try_push(operator.clone());
		let count: u32 = attested.len().saturated_into();
		let (keeper, deposit, holdout) = (keeper.clone(), *deposit, *holdout);
		Self::deposit_event(Event::ChunkAttested { submission, operator });
		if count >= Self::attestations_needed() {
			Self::release(HoldReason::Chunk, &keeper, deposit);
			Self::make_ready(submission, &mut round, keeper, holdout);
		}
		Rounds::<T>::insert(submission, round);
		Ok(())
	}

	/// Attestations that a chunk's bytes need. The parameter may be raised while the chain runs: with more than a round remembers no
	/// chunk would ever be ready, and its keeper would pay for it.
	pub(crate) fn attestations_needed() -> u32 {
		T::MinAttestations::get().clamp(1, ATTESTATIONS_MAX)
	}

	/// Lets a submission be measured on a chunk. The draw's seed is one that could not be known when the chunk was opened, so the
	/// keeper chose neither committee nor sample by being slow.
	fn make_ready(
		submission: SubmissionId,
		round: &mut RoundRecordOf<T>,
		keeper: T::AccountId,
		holdout: HoldoutRef,
	) {
		round.phase = Phase::Ready { keeper, holdout, draw: T::Randomness::appoint() };
		round.tries = 0;
		Self::deactivate(submission);
		Self::deposit_event(Event::ChunkReady { submission, holdout });
	}
}
