//! Availability first: a submission waits in nobody's way until operators have its bytes.
//!
//! A committee that is drawn for bytes that nobody has can do nothing for a whole window, and the model stands still. So
//! a submission enters its queue only when some operators have attested that they hold its bytes. Its place there is that of
//! its number: uploading slowly costs no rank against whoever submitted later.

use crate::{
	Announced, Config, Error, Event, OpenSubmissions, Pallet, Phase, Queues, SubmissionRecordOf, WeightInfo,
};
use blyan_primitives::{
	randomness::AppointedRandomness, traits::OperatorSet, Attestation, ModelId, OperatorId, SubmissionId,
};
use blyan_runtime_api::{ExpiryReason, SubmissionOutcome};
use frame_support::{
	ensure,
	traits::Get,
	weights::{Weight, WeightMeter},
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::{
	traits::{SaturatedConversion, Saturating, Zero},
	DispatchResult,
};

impl<T: Config> Pallet<T> {
	/// Has a new submission wait for its bytes, or for its draw where no attestations are asked for.
	pub(crate) fn announce(
		submission: SubmissionId,
		model: ModelId,
		now: BlockNumberFor<T>,
	) -> DispatchResult {
		if T::MinAttestations::get().is_zero() {
			return Ok(Self::enqueue(model, submission)?);
		}
		let until = now.saturating_add(T::BytesWindow::get());
		// By deadline: the window is a parameter, so a later submission may have an earlier one.
		Announced::<T>::try_mutate(|announced| {
			let place = announced.partition_point(|(_, other)| *other <= until);
			announced.try_insert(place, (submission, until)).map_err(|_| Error::<T>::TooManyOpen)
		})?;
		OpenSubmissions::<T>::mutate(submission, |record| {
			if let Some(record) = record {
				record.phase = Phase::Announced { until };
			}
		});
		Ok(())
	}

	/// Everything that must hold before an attestation counts, but the signature. Returns the attesting operator.
	pub(crate) fn ensure_may_attest(
		attestation: &Attestation,
		key: &OperatorId,
	) -> Result<(T::AccountId, SubmissionRecordOf<T>), Error<T>> {
		let record = OpenSubmissions::<T>::get(attestation.submission).ok_or(Error::SubmissionUnknown)?;
		let Phase::Announced { until } = record.phase else { return Err(Error::NothingToAttest) };
		ensure!(Self::now() <= until, Error::<T>::WindowClosed);
		ensure!(record.claim.block.blob.hash == attestation.blob, Error::<T>::NothingToAttest);
		let operator = T::Operators::owner_of(key).ok_or(Error::<T>::NotInCommittee)?;
		ensure!(operator != record.claim.miner, Error::<T>::NotInCommittee);
		ensure!(!record.attested.contains(&operator), Error::<T>::AlreadyAttested);
		Ok((operator, record))
	}

	pub(crate) fn do_attest_bytes(attestation: Attestation, key: OperatorId) -> DispatchResult {
		let (operator, mut record) = Self::ensure_may_attest(&attestation, &key)?;
		let submission = attestation.submission;
		// As many as are needed fit: `integrity_test` says so.
		let _ = record.attested.try_push(operator.clone());
		let count: u32 = record.attested.len().saturated_into();
		Self::deposit_event(Event::BytesAttested { submission, operator });
		if count < T::MinAttestations::get() {
			OpenSubmissions::<T>::insert(submission, record);
			return Ok(());
		}
		Announced::<T>::mutate(|announced| announced.retain(|(id, _)| *id != submission));
		let now = Self::now();
		let model = record.claim.slot.model;
		record.appointment = T::Randomness::appoint();
		record.phase = Phase::Queued { draw_from: now.saturating_add(T::Delay::get()) };
		OpenSubmissions::<T>::insert(submission, record);
		Self::enqueue_in_order(model, submission)?;
		Ok(())
	}

	/// Puts a submission into its model's queue, in front of those with a larger number, but behind one that is being
	/// evaluated.
	fn enqueue_in_order(model: ModelId, submission: SubmissionId) -> Result<(), Error<T>> {
		let is_busy = Queues::<T>::get(model)
			.first()
			.and_then(OpenSubmissions::<T>::get)
			.is_some_and(|first| matches!(first.phase, Phase::Evaluating(_)));
		Self::enqueue(model, submission)?;
		Queues::<T>::mutate(model, |queue| {
			if let Some(waiting) = queue.get_mut(usize::from(is_busy)..) {
				waiting.sort_unstable();
			}
		});
		Ok(())
	}

	/// Closes submissions whose bytes did not come in time, the earliest first, as far as `remaining` allows.
	pub(crate) fn expire_announced(now: BlockNumberFor<T>, remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		let step = T::WeightInfo::draw().saturating_add(Self::sealed_weight());
		for (submission, until) in Announced::<T>::get() {
			if now <= until || meter.try_consume(step).is_err() {
				break;
			}
			let Some(record) = OpenSubmissions::<T>::get(submission) else { continue };
			let miner = record.claim.miner.clone();
			let reason = ExpiryReason::BytesMissing;
			// It took a place, and nobody else can have been the reason.
			Self::forfeit_fee(submission, &miner, record.fee);
			let record = SubmissionRecordOf::<T> { fee: Zero::zero(), ..record };
			Self::close(submission, record, SubmissionOutcome::Expired(reason));
			Self::deposit_event(Event::Expired { submission, miner, reason });
		}
		meter.consumed()
	}
}
