//! Which messages of evaluators may enter a block without a fee.
//!
//! The cheap checks come first and the signature last, because any account may send these for free.

use crate::{phases::Window, Config, Error, Evaluation, Pallet};
use blyan_primitives::{
	evolution::{BenchmarkFinding, EpochId, EvolutionMessage},
	OperatorId, OperatorSignature,
};
use blyan_support::{genesis_hash, message::Admission};
use frame_support::pallet_prelude::{TransactionSource, TransactionValidityWithRefund};
use sp_core::H256;
use sp_runtime::{
	traits::Saturating,
	transaction_validity::{InvalidTransaction, TransactionValidityError},
};

impl<T: Config> Pallet<T> {
	pub(crate) fn authorize_seal(
		_source: TransactionSource,
		epoch: &EpochId,
		seal: &H256,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		let message = EvolutionMessage::Seal { epoch: *epoch, seal: *seal };
		Self::authorize(&message, key, signature, Window::Seal)
	}

	pub(crate) fn authorize_reveal(
		_source: TransactionSource,
		epoch: &EpochId,
		finding: &BenchmarkFinding,
		salt: &H256,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		let message = EvolutionMessage::Reveal { epoch: *epoch, finding: finding.clone(), salt: *salt };
		Self::authorize(&message, key, signature, Window::Reveal)
	}

	fn authorize(
		message: &EvolutionMessage,
		key: &OperatorId,
		signature: &OperatorSignature,
		window: Window,
	) -> TransactionValidityWithRefund {
		Self::ensure_may_say(message, key).map_err(invalidity)?;
		let tag = (message.epoch(), message.kind(), key);
		let blocks = Self::window_end(window).saturating_sub(Self::now());
		Admission::new("blyan/evolution", blocks).admit_signed(
			tag,
			&Self::signing_payload(message),
			key,
			signature,
		)
	}

	/// Returns the bytes that an evaluator signs, bound to this chain and to the draw on this fork.
	pub fn signing_payload(message: &EvolutionMessage) -> alloc::vec::Vec<u8> {
		let draw = Evaluation::<T>::get().map_or_else(H256::zero, |evaluation| evaluation.draw);
		message.signing_payload(&genesis_hash::<T>(), &draw)
	}
}

/// Reason for which the pool refuses the message.
fn invalidity<T>(error: Error<T>) -> TransactionValidityError {
	match error {
		Error::WrongPhase | Error::AlreadySaid => InvalidTransaction::Stale,
		Error::NotAnEvaluator => InvalidTransaction::BadSigner,
		_ => InvalidTransaction::Call,
	}
	.into()
}
