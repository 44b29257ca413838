//! The operator's side: attest that this node has the bytes of a chunk that was opened.

use crate::{Active, Call, Config, Pallet, Rounds, LOG_TARGET};
use blyan_primitives::{Attestation, OperatorId, SubmissionId};
use blyan_support::{
	genesis_hash,
	worker::{send_unless_recent, sign, Sending},
};
use codec::Encode;
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::RuntimeAppPublic;

impl<T: Config> Pallet<T> {
	/// Attests to the bytes that this node has, for each of its operators, at a new best block.
	pub(crate) fn attest_chunks(now: BlockNumberFor<T>) {
		let active = Active::<T>::get();
		if active.is_empty() {
			return;
		}
		for key in OperatorId::all() {
			for submission in &active {
				Self::attest_chunk(*submission, &key, now);
			}
		}
	}

	fn attest_chunk(submission: SubmissionId, key: &OperatorId, now: BlockNumberFor<T>) {
		let Some(round) = Rounds::<T>::get(submission) else { return };
		let Some(holdout) = round.phase.revealed() else { return };
		let attestation = Attestation { submission, blob: holdout.blob.hash };
		// An attestation that is not due, or was made by this operator, costs no look at the disk.
		if Self::ensure_may_attest(&attestation, key).is_err() {
			return;
		}
		if blyan_host::has_blob(attestation.blob) != Ok(true) {
			return;
		}
		let place = (b"blyan/holdouts/attested", attestation, key).encode();
		let call = || {
			let payload = attestation.signing_payload(&genesis_hash::<T>());
			let signature = sign(LOG_TARGET, format_args!("submission {submission}"), key, &payload)?;
			Some(Call::attest { attestation, key: key.clone(), signature })
		};
		match send_unless_recent::<T, Call<T>, ()>(&place, (), now, call) {
			Sending::Taken => log::info!(target: LOG_TARGET, "submission {submission}: attested its chunk"),
			Sending::Refused => {
				log::debug!(target: LOG_TARGET, "submission {submission}: the pool did not take the attestation")
			}
			Sending::OnItsWay | Sending::Withheld => {}
		}
	}
}
