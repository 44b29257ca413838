//! Attestations that enter a block without a fee.
//!
//! The cheap checks come first and the signature last, because any account may send these for free.

use crate::{Config, Error, Pallet};
use blyan_primitives::{Attestation, OperatorId, OperatorSignature};
use blyan_support::{genesis_hash, message::Admission};
use frame_support::{
	pallet_prelude::{TransactionSource, TransactionValidityWithRefund},
	traits::Get,
};
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};

impl<T: Config> Pallet<T> {
	pub(crate) fn authorize_attest(
		_source: TransactionSource,
		attestation: &Attestation,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		Self::ensure_may_attest(attestation, key).map_err(invalidity)?;
		let payload = attestation.signing_payload(&genesis_hash::<T>());
		// The blob's hash is in the tag: a round has several chunks, one after another.
		Admission::new("blyan/chunk", T::AttestWindow::get()).admit_signed(
			(attestation.submission, attestation.blob, key),
			&payload,
			key,
			signature,
		)
	}
}

/// Fate of a refused message in the pool.
fn invalidity<T: Config>(error: Error<T>) -> TransactionValidityError {
	match error {
		Error::RoundUnknown | Error::NothingToAttest | Error::WindowClosed | Error::AlreadyAttested => {
			InvalidTransaction::Stale
		}
		Error::NotOperator => InvalidTransaction::BadSigner,
		_ => InvalidTransaction::Call,
	}
	.into()
}
