//! Messages of operators that enter a block without a fee.
//!
//! The cheap checks come first and the signature last, because anyone may send these for free.

use crate::{Config, Error, Pallet};
use blyan_primitives::{
	Attestation, DrawId, OperatorId, OperatorSignature, ScoreReport, ScoreSeal, SubmissionId,
};
use blyan_support::{genesis_hash, message::Admission};
use frame_support::{
	pallet_prelude::{TransactionSource, TransactionValidityWithRefund},
	traits::Get,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};

/// A kind of message: its tag in pools, and the blocks for which it can be of use.
type Kind<T> = (&'static str, BlockNumberFor<T>);

impl<T: Config> Pallet<T> {
	pub(crate) fn authorize_commit_score(
		_source: TransactionSource,
		seal: &ScoreSeal,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		let (_, draw) = Self::ensure_may_seal(seal.submission, key).map_err(invalidity)?;
		let payload = seal.signing_payload(&genesis_hash::<T>(), &draw);
		Self::admit(("blyan/seal", T::SealWindow::get()), seal.submission, &payload, key, signature)
	}

	pub(crate) fn authorize_attest_bytes(
		_source: TransactionSource,
		attestation: &Attestation,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		Self::ensure_may_attest(attestation, key).map_err(invalidity)?;
		let payload = attestation.signing_payload(&genesis_hash::<T>());
		let kind = ("blyan/attestation", T::BytesWindow::get());
		Self::admit(kind, attestation.submission, &payload, key, signature)
	}

	/// The seal itself costs two short hashes.
	pub(crate) fn authorize_reveal_score(
		_source: TransactionSource,
		report: &ScoreReport,
		salt: &H256,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		let (_, draw) = Self::ensure_may_reveal(report, salt, key).map_err(invalidity)?;
		let payload = report.signing_payload(&genesis_hash::<T>(), &draw);
		Self::admit(("blyan/score", T::RevealWindow::get()), report.submission, &payload, key, signature)
	}

	pub(crate) fn authorize_reveal_late(
		_source: TransactionSource,
		draw: &DrawId,
		report: &ScoreReport,
		salt: &H256,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		Self::ensure_may_reveal_late(draw, report, salt, key).map_err(invalidity)?;
		let payload = report.signing_payload(&genesis_hash::<T>(), draw);
		Self::admit(("blyan/late", T::SealWindow::get()), report.submission, &payload, key, signature)
	}

	pub(crate) fn authorize_object(
		_source: TransactionSource,
		draw: &DrawId,
		report: &ScoreReport,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		Self::ensure_may_object(draw, report, key).map_err(invalidity)?;
		let payload = report.signing_payload(&genesis_hash::<T>(), draw);
		Self::admit(("blyan/objection", T::SealWindow::get()), report.submission, &payload, key, signature)
	}

	/// One transaction of a kind for each member of each committee, as long as it can be of use.
	fn admit(
		(tag, window): Kind<T>,
		submission: SubmissionId,
		payload: &[u8],
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		Admission::new(tag, window).admit_signed((submission, key), payload, key, signature)
	}
}

/// What the pool makes of a refusal.
pub(crate) fn invalidity<T: Config>(error: Error<T>) -> TransactionValidityError {
	match error {
		Error::SubmissionUnknown
		| Error::NotEvaluating
		| Error::WindowClosed
		| Error::AlreadySealed
		| Error::AlreadyAttested
		| Error::NothingToAttest
		| Error::NothingToObject
		| Error::DecisionUnknown
		| Error::TooLateToReveal
		| Error::NothingToTakeBack
		| Error::AlreadyRevealed => InvalidTransaction::Stale,
		Error::StillSealing => InvalidTransaction::Future,
		Error::NotInCommittee => InvalidTransaction::BadSigner,
		_ => InvalidTransaction::Call,
	}
	.into()
}
