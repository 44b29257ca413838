//! Which messages of operators may enter a block without a fee.
//!
//! The cheap checks come first and the signature last, because anyone may send these for free.

use crate::{Audits, Config, Error, Message, Overdue, Pallet, Revelation, Vote};
use blyan_primitives::{AuditId, EvaluationOutcome, OperatorId, OperatorSignature};
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

/// A message of this runtime.
pub(crate) type MessageOf<T> = Message<BlockNumberFor<T>>;

impl<T: Config> Pallet<T> {
	pub(crate) fn authorize_enrol(
		_source: TransactionSource,
		commitment: &H256,
		at: &BlockNumberFor<T>,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		Self::authorize(Message::Enrol { commitment: *commitment, at: *at }, key, signature)
	}

	pub(crate) fn authorize_present(
		_source: TransactionSource,
		audit: &AuditId,
		outcome: &EvaluationOutcome,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		Self::authorize(Message::Present { audit: *audit, outcome: *outcome }, key, signature)
	}

	pub(crate) fn authorize_vote(
		_source: TransactionSource,
		audit: &AuditId,
		seal: &H256,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		Self::authorize(Message::Vote { audit: *audit, seal: *seal }, key, signature)
	}

	pub(crate) fn authorize_reveal_setter(
		_source: TransactionSource,
		audit: &AuditId,
		revelation: &Revelation,
		next: &H256,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		let message = Message::RevealSetter { audit: *audit, revelation: *revelation, next: *next };
		Self::authorize(message, key, signature)
	}

	pub(crate) fn authorize_reveal_vote(
		_source: TransactionSource,
		audit: &AuditId,
		vote: &Vote,
		salt: &H256,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		Self::authorize(Message::RevealVote { audit: *audit, vote: *vote, salt: *salt }, key, signature)
	}

	fn authorize(
		message: MessageOf<T>,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		if let Err(error) = Self::ensure_may_say(&message, key) {
			return Err(match error {
				Error::AuditUnknown | Error::WrongPhase | Error::AlreadySaid | Error::EnrolmentStale => {
					InvalidTransaction::Stale
				}
				Error::NotAnOperator | Error::NotTheSetter | Error::NotAnAuditor => {
					InvalidTransaction::BadSigner
				}
				_ => InvalidTransaction::Call,
			}
			.into());
		}
		if !key.verify(&Self::signing_payload(&message), signature) {
			return Err(InvalidTransaction::BadProof.into());
		}
		let longevity = match &message {
			Message::Enrol { .. } => crate::dispatch::ENROL_VALID.into(),
			Message::Present { .. } => T::PresentWindow::get().saturated_into(),
			Message::Vote { .. } => T::VoteWindow::get().saturated_into(),
			Message::RevealSetter { .. } | Message::RevealVote { .. } => {
				T::RevealWindow::get().saturated_into()
			}
		};
		ValidTransaction::with_tag_prefix("blyan/audit")
			.priority(u64::MAX)
			.and_provides((message.audit(), message.kind(), key))
			.longevity(longevity)
			.propagate(true)
			.build()
			.map(|valid| (valid, Weight::zero()))
	}

	/// Returns the bytes that an operator signs, bound to this chain and to the audit as it is on this fork.
	pub(crate) fn signing_payload(message: &MessageOf<T>) -> alloc::vec::Vec<u8> {
		let known = |audit: AuditId| Audits::<T>::get(audit).or_else(|| Overdue::<T>::get(audit));
		let record = message.audit().and_then(known);
		let binding = record.map_or_else(H256::zero, |record| record.binding());
		message.signing_payload(&Self::genesis_hash(), &binding)
	}

	/// Hash of block zero, which names the network in signed messages.
	pub(crate) fn genesis_hash() -> H256 {
		frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero())
	}
}
