//! Which messages of auditors may enter a block without a fee.
//!
//! The cheap checks come first and the signature last, because any account may send these for free.

use crate::{Audits, Config, Error, Pallet};
use blyan_primitives::{AuditFinding, DatasetAuditMessage, DatasetRef, OperatorId, OperatorSignature};
use frame_support::{
	pallet_prelude::{TransactionSource, TransactionValidityWithRefund, Weight},
	traits::Get,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::{
	traits::{SaturatedConversion, Zero},
	transaction_validity::{InvalidTransaction, ValidTransaction},
	RuntimeAppPublic,
};

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
		if let Err(error) = Self::ensure_may_say(message, key) {
			return Err(match error {
				Error::WrongStage | Error::AlreadySaid => InvalidTransaction::Stale,
				Error::NotAnAuditor => InvalidTransaction::BadSigner,
				_ => InvalidTransaction::Call,
			}
			.into());
		}
		if !key.verify(&Self::signing_payload(message), signature) {
			return Err(InvalidTransaction::BadProof.into());
		}
		ValidTransaction::with_tag_prefix("blyan/dataset")
			.priority(u64::MAX)
			.and_provides((message.dataset(), message.kind(), key))
			.longevity(window.saturated_into())
			.propagate(true)
			.build()
			.map(|valid| (valid, Weight::zero()))
	}

	/// Returns the bytes that an auditor signs, bound to this chain and to the draw on this fork.
	pub fn signing_payload(message: &DatasetAuditMessage) -> alloc::vec::Vec<u8> {
		let draw = Audits::<T>::get(message.dataset()).map_or_else(H256::zero, |audit| audit.draw);
		message.signing_payload(&Self::genesis_hash(), &draw)
	}

	/// Hash of block zero, which names the network in signed messages.
	pub(crate) fn genesis_hash() -> H256 {
		frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero())
	}
}
