//! Which messages of auditors may enter a block without a fee.
//!
//! The cheap checks come first and the signature last, because any account may send these for free.

use crate::{Audits, Config, Error, Pallet};
use blyan_primitives::{AuditFinding, DatasetAuditMessage, DatasetRef, OperatorId, OperatorSignature};
use blyan_support::{genesis_hash, message::Admission};
use frame_support::{
	pallet_prelude::{TransactionSource, TransactionValidityWithRefund},
	traits::Get,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};

impl<T: Config> Pallet<T> {
	pub(crate) fn authorize_seal(
		_source: TransactionSource,
		dataset: &DatasetRef,
		seal: &H256,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		let message = DatasetAuditMessage::Seal { dataset: *dataset, seal: *seal };
		Self::authorize(&message, key, signature, T::SealWindow::get())
	}

	pub(crate) fn authorize_reveal(
		_source: TransactionSource,
		dataset: &DatasetRef,
		finding: &AuditFinding,
		salt: &H256,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		let message = DatasetAuditMessage::Reveal { dataset: *dataset, finding: *finding, salt: *salt };
		Self::authorize(&message, key, signature, T::RevealWindow::get())
	}

	fn authorize(
		message: &DatasetAuditMessage,
		key: &OperatorId,
		signature: &OperatorSignature,
		window: BlockNumberFor<T>,
	) -> TransactionValidityWithRefund {
		Self::ensure_may_say(message, key).map_err(invalidity)?;
		let tag = (message.dataset(), message.kind(), key);
		Admission::new("blyan/dataset", window).admit_signed(
			tag,
			&Self::signing_payload(message),
			key,
			signature,
		)
	}

	/// Returns the bytes that an auditor signs, bound to this chain and to the draw on this fork.
	pub fn signing_payload(message: &DatasetAuditMessage) -> alloc::vec::Vec<u8> {
		let draw = Audits::<T>::get(message.dataset()).map_or_else(H256::zero, |audit| audit.draw);
		message.signing_payload(&genesis_hash::<T>(), &draw)
	}
}

/// Reason for which the pool refuses the message.
fn invalidity<T>(error: Error<T>) -> TransactionValidityError {
	match error {
		Error::WrongStage | Error::AlreadySaid => InvalidTransaction::Stale,
		Error::NotAnAuditor => InvalidTransaction::BadSigner,
		_ => InvalidTransaction::Call,
	}
	.into()
}
