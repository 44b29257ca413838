//! Bytes of a candidate, shown to prove that it is an expert, or that it is not one.

use crate::{BlockCheck, Config, Error, Event, Fall, NoExpert, Pallet};
use alloc::vec::Vec;
use blyan_primitives::{BlockRef, ExpertShape, Subject, Verdict};
use frame_support::ensure;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::DispatchResult;

impl<T: Config> Pallet<T> {
	pub(crate) fn do_prove_blob(subject: Subject, blob: &[u8]) -> DispatchResult {
		let (valid, fallen) = Self::ensure_refutes(subject, blob)?;
		Self::show(subject, valid, fallen);
		Ok(())
	}

	/// Draws the consequences of a candidate's bytes. Showing them earns nothing: they are public, and a look at them is no work.
	pub(crate) fn show(subject: Subject, valid: bool, fallen: Vec<Verdict>) {
		Self::touch(subject);
		if !valid {
			NoExpert::<T>::insert(subject, ());
		}
		Self::deposit_event(Event::CandidateShown { subject, valid });
		for verdict in fallen {
			let reporter = if valid { Self::scorer(subject) } else { Self::complainant(subject, &verdict) };
			Self::refute(subject, &verdict, Fall::Proven, reporter.as_ref());
		}
	}

	/// The candidate's block, where claims about it may be disputed.
	fn disputed_candidate(subject: Subject) -> Result<(BlockRef, ExpertShape), Error<T>> {
		ensure!(Self::is_answerable(subject), Error::<T>::NotDisputable);
		ensure!(Self::is_current(subject), Error::<T>::DefinitionChanged);
		Self::candidate(subject).ok_or(Error::CandidateUnknown)
	}

	/// Whether a candidate's bytes are an expert, and which claims on the chain fall by that.
	pub(crate) fn ensure_refutes(subject: Subject, blob: &[u8]) -> Result<(bool, Vec<Verdict>), Error<T>> {
		let (block, shape) = Self::disputed_candidate(subject)?;
		let valid = Self::judge(blob, block.blob.hash, block.tensor_root, &shape)?;
		// A challenger's claim in a game is not among those on the chain, but falls too when its game is settled.
		if valid {
			let invalid = Verdict::Invalid;
			ensure!(!Self::is_refuted(subject, &invalid), Error::<T>::NothingRefuted);
			return Ok((true, alloc::vec![invalid]));
		}
		ensure!(!NoExpert::<T>::contains_key(subject), Error::<T>::NothingRefuted);
		let scores = Self::claims(subject).into_iter().map(|(_, verdict)| verdict);
		Ok((false, scores.filter(|verdict| matches!(verdict, Verdict::Scored(_))).collect()))
	}

	/// Refuses bytes that are not the candidate's, of a subject that may be disputed: the cheap checks of a proof.
	pub(crate) fn ensure_shows(subject: Subject, blob: &[u8]) -> Result<(), Error<T>> {
		let (block, _) = Self::disputed_candidate(subject)?;
		Self::ensure_bytes(blob, block.blob.hash)
	}

	/// Refuses bytes of another hash.
	fn ensure_bytes(blob: &[u8], hash: H256) -> Result<(), Error<T>> {
		ensure!(blake2_256(blob) == hash.0, Error::<T>::WrongBytes);
		Ok(())
	}

	/// Reports whether bytes of this hash are an expert of this shape with this tensor root.
	pub(crate) fn judge(
		blob: &[u8],
		hash: H256,
		tensor_root: H256,
		shape: &ExpertShape,
	) -> Result<bool, Error<T>> {
		Self::ensure_bytes(blob, hash)?;
		Ok(T::BlockCheck::is_valid(blob, tensor_root, shape))
	}
}
