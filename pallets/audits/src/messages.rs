//! Which messages of operators may enter a block without a fee.
//!
//! The cheap checks come first and the signature last, because anyone may send these for free.

use crate::{
	rules::ENROL_VALID, Audits, Config, Error, Message, MessageOf, Overdue, Pallet, Revelation, Vote,
};
use blyan_primitives::{AuditId, EvaluationOutcome, OperatorId, OperatorSignature};
use blyan_support::{genesis_hash, message::Admission};
use frame_support::{
	pallet_prelude::{TransactionSource, TransactionValidityWithRefund},
	traits::Get,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};

/// Tells this pallet's messages apart from all others in a pool.
const POOL_TAG: &str = "blyan/audit";

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
		Self::ensure_may_say(&message, key).map_err(invalidity)?;
		let admission = match &message {
			Message::Enrol { .. } => Admission::new(POOL_TAG, ENROL_VALID),
			Message::Present { .. } => Admission::new(POOL_TAG, T::PresentWindow::get()),
			Message::Vote { .. } => Admission::new(POOL_TAG, T::VoteWindow::get()),
			Message::RevealSetter { .. } | Message::RevealVote { .. } => {
				Admission::new(POOL_TAG, T::RevealWindow::get())
			}
		};
		let tag = (message.audit(), message.kind(), key);
		admission.admit_signed(tag, &Self::signing_payload(&message), key, signature)
	}

	/// Returns the bytes that an operator signs, bound to this chain and to the audit as it is on this fork.
	pub(crate) fn signing_payload(message: &MessageOf<T>) -> alloc::vec::Vec<u8> {
		let known = |audit: AuditId| Audits::<T>::get(audit).or_else(|| Overdue::<T>::get(audit));
		let record = message.audit().and_then(known);
		let binding = record.map_or_else(H256::zero, |record| record.binding());
		message.signing_payload(&genesis_hash::<T>(), &binding)
	}
}

/// Reason for which the pool refuses the message.
fn invalidity<T>(error: Error<T>) -> TransactionValidityError {
	match error {
		Error::AuditUnknown | Error::WrongPhase | Error::AlreadySaid | Error::EnrolmentStale => {
			InvalidTransaction::Stale
		}
		Error::NotAnOperator | Error::NotTheSetter | Error::NotAnAuditor => InvalidTransaction::BadSigner,
		_ => InvalidTransaction::Call,
	}
	.into()
}
