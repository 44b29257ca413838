//! Tiles that are demanded of a claim's side: from accounts for a bond, from operators once.

use crate::{
	Backer, BlockCheck, Config, DemandRecord, Demander, DemanderOf, Demands, Error, Event, Fall, HoldReason,
	NoExpert, OperatorDemands, Pallet, Refuted, TILE_EVIDENCE_BYTES_MAX,
};
use blyan_primitives::{
	traits::{Claims, OperatorSet},
	ExpertShape, Subject, TileEvidence, Verdict,
};
use codec::Encode;
use frame_support::{
	ensure,
	traits::{fungible::MutateHold, Get},
};
use sp_core::H256;
use sp_runtime::{traits::Saturating, DispatchResult};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_demand_tile(
		demander: T::AccountId,
		subject: Subject,
		digest: H256,
		tile: u32,
	) -> DispatchResult {
		Self::ensure_may_demand(subject, digest, tile)?;
		let bond = Self::next_bond(subject);
		T::Currency::hold(&HoldReason::DemandBond.into(), &demander, bond)?;
		Self::open_demand(subject, digest, tile, Demander::Bonded(Backer { account: demander, bond }));
		Ok(())
	}

	pub(crate) fn do_demand_tile_authorized(
		operator: T::AccountId,
		subject: Subject,
		digest: H256,
		tile: u32,
	) -> DispatchResult {
		Self::ensure_operator_may_demand(&operator, subject, digest, tile)?;
		OperatorDemands::<T>::insert(subject, &operator, tile);
		Self::open_demand(subject, digest, tile, Demander::Operator(operator));
		Ok(())
	}

	/// Everything that must hold before a tile is demanded.
	pub(crate) fn ensure_may_demand(subject: Subject, digest: H256, tile: u32) -> Result<(), Error<T>> {
		let claims = Self::openable_claims(subject)?;
		let verdict = Self::claimed(&claims, digest)?;
		ensure!(matches!(verdict, Verdict::Scored(_)), Error::<T>::NotAScore);
		ensure!(!Self::is_refuted(subject, &verdict), Error::<T>::AlreadyRefuted);
		let (_, shape) = T::Claims::candidate(subject).ok_or(Error::<T>::CandidateUnknown)?;
		ensure!(tile < T::BlockCheck::tiles(&shape), Error::<T>::TileUnknown);
		ensure!(!Demands::<T>::contains_key(subject, (digest, tile)), Error::<T>::AlreadyDemanded);
		Ok(())
	}

	/// Everything that must hold before an operator demands a tile without a bond, but the signature.
	pub(crate) fn ensure_operator_may_demand(
		operator: &T::AccountId,
		subject: Subject,
		digest: H256,
		tile: u32,
	) -> Result<(), Error<T>> {
		Self::ensure_may_demand(subject, digest, tile)?;
		// No more entries than the candidate has tiles, and than there are operators.
		let mut asked = OperatorDemands::<T>::iter_prefix(subject);
		ensure!(asked.all(|(who, other)| who != *operator && other != tile), Error::<T>::AlreadyDemanded);
		ensure!(T::Operators::is_eligible(operator), Error::<T>::NotEligible);
		Ok(())
	}

	/// Opens a demand; what must hold has been checked.
	pub(crate) fn open_demand(subject: Subject, digest: H256, tile: u32, demander: DemanderOf<T>) {
		let until = Self::now().saturating_add(T::DemandWindow::get());
		let holds = T::Claims::may_open(subject);
		Demands::<T>::insert(subject, (digest, tile), DemandRecord { demander, until, holds });
		Self::note_opened(subject, holds);
		let until = Self::block_at(until);
		Self::deposit_event(Event::TileDemanded { subject, digest, tile, until });
	}

	pub(crate) fn do_supply_tile(
		supplier: T::AccountId,
		subject: Subject,
		digest: H256,
		tile: u32,
		evidence: TileEvidence,
	) -> DispatchResult {
		Self::ensure_demanded(subject, digest, tile)?;
		Self::ensure_tile(subject, tile, &evidence)?;
		Self::accept_tile(supplier, subject, digest, tile)
	}

	/// Meets a demand.
	pub(crate) fn accept_tile(
		supplier: T::AccountId,
		subject: Subject,
		digest: H256,
		tile: u32,
	) -> DispatchResult {
		let demand = Demands::<T>::take(subject, (digest, tile)).ok_or(Error::<T>::DemandUnknown)?;
		match demand.demander {
			Demander::Bonded(backer) => Self::forfeit_demand(backer),
			// Whoever made it necessary to ask earns nothing by answering.
			Demander::Operator(_) => {}
			Demander::Appellants(appellants) => Self::end_appeals(subject, &appellants, true),
		}
		Self::note_closed(subject, demand.holds);
		Self::deposit_event(Event::TileSupplied { subject, digest, tile, supplier });
		Ok(())
	}

	/// A demand that is open.
	pub(crate) fn ensure_demanded(
		subject: Subject,
		digest: H256,
		tile: u32,
	) -> Result<crate::DemandRecordOf<T>, Error<T>> {
		Demands::<T>::get(subject, (digest, tile)).ok_or(Error::DemandUnknown)
	}

	/// Refuses evidence that is not that tile of the subject's candidate.
	pub(crate) fn ensure_tile(subject: Subject, tile: u32, evidence: &TileEvidence) -> Result<(), Error<T>> {
		let (block, shape) = Self::candidate(subject).ok_or(Error::CandidateUnknown)?;
		let is_tile = Self::proves_tile(evidence, tile, block.tensor_root, &shape);
		ensure!(is_tile, Error::<T>::TileUnproven);
		Ok(())
	}

	/// Reports whether `evidence` is that tile of the block with this tensor root.
	pub(crate) fn proves_tile(
		evidence: &TileEvidence,
		tile: u32,
		tensor_root: H256,
		shape: &ExpertShape,
	) -> bool {
		evidence.encoded_size() <= TILE_EVIDENCE_BYTES_MAX as usize
			&& T::BlockCheck::is_tile(evidence, tile, tensor_root, shape)
	}

	pub(crate) fn do_close_demand(subject: Subject, digest: H256, tile: u32) -> DispatchResult {
		let demand = Self::ensure_may_close(subject, digest, tile)?;
		Demands::<T>::remove(subject, (digest, tile));
		let is_current = Self::is_current(subject);
		let demander = match demand.demander {
			Demander::Bonded(Backer { account, bond }) => {
				Self::release(HoldReason::DemandBond, &account, bond);
				Some(account)
			}
			Demander::Operator(operator) => Some(operator),
			Demander::Appellants(appellants) => {
				// Where a changed definition keeps everybody from proving anything, nothing is taken for want of proof.
				Self::end_appeals(subject, &appellants, !is_current);
				None
			}
		};
		let verdict = Self::claims(subject).into_iter().find(|(_, verdict)| verdict.digest() == digest);
		if let (Some(demander), Some((_, verdict)), true) = (demander, verdict, is_current) {
			Self::refute(subject, &verdict, Fall::Withheld { tile }, Some(&demander));
		}
		Self::note_closed(subject, demand.holds);
		Self::deposit_event(Event::DemandClosed { subject, digest, tile });
		Ok(())
	}

	/// A demand that was not met in time, or whose claim has fallen.
	pub(crate) fn ensure_may_close(
		subject: Subject,
		digest: H256,
		tile: u32,
	) -> Result<crate::DemandRecordOf<T>, Error<T>> {
		let demand = Self::ensure_demanded(subject, digest, tile)?;
		let is_over = Self::now() > demand.until;
		// Only scores are asked for tiles.
		let has_fallen = match (NoExpert::<T>::contains_key(subject), Refuted::<T>::get(subject, digest)) {
			(true, _) | (_, Some(Fall::Proven)) => true,
			// Whoever appeals has fallen because nothing was proven, and proves it now.
			(_, Some(_)) => !matches!(demand.demander, Demander::Appellants(_)),
			(_, None) => false,
		};
		ensure!(is_over || has_fallen || !Self::is_current(subject), Error::<T>::DemandStillRuns);
		Ok(demand)
	}
}
