//! Which calls go without a fee, and why that cannot be abused.
//!
//! A move in an operator's name is valid only while it is owed and leads to what its side has committed to; closing a
//! game is valid only while it is due. Each can happen once, so nothing is gained by sending it often. The cheap checks come
//! first, then the signature, then what costs more than a signature: bytes of a candidate, an execution, and whatever needs the program
//! of a statement, which has thousands of operators under the second definition. So only operators can make a node list one.

use crate::{
	game::Side, pair, Config, Error, GameId, Games, Pallet, Word, TILE_EVIDENCE_BYTES_MAX, WITNESS_BYTES_MAX,
};
use blyan_primitives::{
	traits::OperatorSet, BlockWitness, Opening, OperatorId, OperatorSignature, Subject, TileEvidence,
};
use blyan_support::{
	genesis_hash,
	message::{ensure_signed, Admission},
};
use codec::Encode;
use frame_support::{
	ensure,
	pallet_prelude::{TransactionSource, TransactionValidityWithRefund},
	traits::Get,
	BoundedVec,
};
use frame_system::ensure_signed_or_root;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
	traits::SaturatedConversion,
	transaction_validity::{InvalidTransaction, TransactionValidityError, UnknownTransaction},
	DispatchError,
};

/// What the pool makes of a refusal.
fn invalid<T>(error: Error<T>) -> TransactionValidityError {
	match error {
		Error::GameUnknown
		| Error::NotOwed
		| Error::ClockRanOut
		| Error::NotExecuting
		| Error::AlreadyPlaying
		| Error::AlreadyRefuted
		| Error::NotDisputable
		| Error::DefinitionChanged
		| Error::AlreadyDemanded
		| Error::DemandUnknown
		| Error::NothingRefuted => InvalidTransaction::Stale,
		Error::KeyUnknown | Error::NotEligible => InvalidTransaction::BadSigner,
		_ => InvalidTransaction::Call,
	}
	.into()
}

/// What the pool makes of a call without signature that is not due.
///
/// Not invalid but unknown: pools ban the hash of what is invalid for a while, and anybody can send these bytes, the only ones
/// there are for this game, before their time.
fn not_due<T>(_: Error<T>) -> TransactionValidityError {
	UnknownTransaction::CannotLookup.into()
}

impl<T: Config> Pallet<T> {
	/// Anyone may do this: with a signature, or by being right.
	pub(crate) fn ensure_anyone(origin: T::RuntimeOrigin) -> Result<(), DispatchError> {
		if frame_system::ensure_authorized(origin.clone()).is_ok() {
			return Ok(());
		}
		ensure_signed_or_root(origin).map(|_| ()).map_err(Into::into)
	}

	/// The operator behind a session key.
	pub(crate) fn operator(key: &OperatorId) -> Result<T::AccountId, Error<T>> {
		T::Operators::owner_of(key).ok_or(Error::KeyUnknown)
	}

	/// Blocks for which a move may wait in the pool.
	pub(crate) fn longevity() -> u64 {
		T::Clock::get().saturated_into::<u64>().max(1)
	}

	fn ensure_said(
		word: Word,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> Result<(), TransactionValidityError> {
		ensure_signed(&word.signing_payload(&genesis_hash::<T>()), key, signature)
	}

	fn valid(tag: impl Encode) -> TransactionValidityWithRefund {
		Admission::new("blyan/dispute", Self::longevity()).admit(tag)
	}

	pub(crate) fn authorize_confront(
		_source: TransactionSource,
		subject: &Subject,
		first: &H256,
		second: &H256,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		Self::operator(key).map_err(invalid)?;
		Self::ensure_said(Word::Confront(*subject, *first, *second), key, signature)?;
		Self::ensure_may_confront(*subject, *first, *second).map_err(invalid)?;
		Self::valid(("confront", subject, pair(*first, *second)))
	}

	pub(crate) fn authorize_descend(
		_source: TransactionSource,
		game: &GameId,
		side: &Side,
		opening: &Opening,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		Self::operator(key).map_err(invalid)?;
		let record = Self::ensure_owed(*game, *side, opening).map_err(invalid)?;
		let hash = H256(blake2_256(&opening.encode()));
		Self::ensure_said(Word::Descend(*game, *side, hash), key, signature)?;
		Self::ensure_committed(&record, *side, opening).map_err(invalid)?;
		Self::valid(("descend", game, side, record.position.query()))
	}

	pub(crate) fn authorize_execute(
		_source: TransactionSource,
		game: &GameId,
		witness: &BlockWitness,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		Self::operator(key).map_err(invalid)?;
		let record = Games::<T>::get(game).ok_or(InvalidTransaction::Stale)?;
		ensure!(record.position.block().is_some(), InvalidTransaction::Stale);
		let bytes = witness.encode();
		ensure!(bytes.len() <= WITNESS_BYTES_MAX as usize, InvalidTransaction::ExhaustsResources);
		Self::ensure_said(Word::Execute(*game, H256(blake2_256(&bytes))), key, signature)?;
		Self::execution(*game, &record, witness).map_err(invalid)?;
		Self::valid(("execute", game))
	}

	pub(crate) fn authorize_claim_timeout(
		_source: TransactionSource,
		game: &GameId,
	) -> TransactionValidityWithRefund {
		Self::ensure_timed_out(*game).map_err(not_due)?;
		Self::valid(("end", game))
	}

	pub(crate) fn authorize_settle(
		_source: TransactionSource,
		game: &GameId,
	) -> TransactionValidityWithRefund {
		Self::ensure_settled(*game).map_err(not_due)?;
		Self::valid(("end", game))
	}

	pub(crate) fn authorize_prove_blob(
		_source: TransactionSource,
		subject: &Subject,
		blob: &BoundedVec<u8, T::MaxBlobBytes>,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		Self::operator(key).map_err(invalid)?;
		Self::ensure_said(Word::Show(*subject, H256(blake2_256(blob))), key, signature)?;
		let (valid, _) = Self::ensure_refutes(*subject, blob).map_err(invalid)?;
		Self::valid(("show", subject, valid))
	}

	pub(crate) fn authorize_demand_tile(
		_source: TransactionSource,
		subject: &Subject,
		digest: &H256,
		tile: &u32,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		let operator = Self::operator(key).map_err(invalid)?;
		Self::ensure_said(Word::Demand(*subject, *digest, *tile), key, signature)?;
		Self::ensure_operator_may_demand(&operator, *subject, *digest, *tile).map_err(invalid)?;
		Self::valid(("demand", subject, digest, tile))
	}

	pub(crate) fn authorize_supply_tile(
		_source: TransactionSource,
		subject: &Subject,
		digest: &H256,
		tile: &u32,
		evidence: &TileEvidence,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		Self::operator(key).map_err(invalid)?;
		Self::ensure_demanded(*subject, *digest, *tile).map_err(invalid)?;
		let bytes = evidence.encode();
		ensure!(bytes.len() <= TILE_EVIDENCE_BYTES_MAX as usize, InvalidTransaction::ExhaustsResources);
		let word = Word::Supply(*subject, *digest, *tile, H256(blake2_256(&bytes)));
		Self::ensure_said(word, key, signature)?;
		Self::ensure_tile(*subject, *tile, evidence).map_err(invalid)?;
		Self::valid(("supply", subject, digest, tile))
	}

	pub(crate) fn authorize_close_demand(
		_source: TransactionSource,
		subject: &Subject,
		digest: &H256,
		tile: &u32,
	) -> TransactionValidityWithRefund {
		Self::ensure_may_close(*subject, *digest, *tile).map_err(not_due)?;
		Self::valid(("close", subject, digest, tile))
	}
}
