//! Near copies among adapters of open models: a report proves them to the chain by whole adapters, and they earn nothing.
//!
//! Accusations, and their costs, are as in [`copies`](crate::copies). Only the measure differs: products of matrices
//! are compared, in which a mixture of the two has nothing to hide.

use crate::{
	copies::Accused,
	copy_types::{Compared, EvidenceFault},
	messages::invalidity,
	Config, Error, Pallet,
};
use alloc::boxed::Box;
use blyan_exact::definition2::{
	block::Layout,
	similarity::{open, tiles_of, Overlap, Shown},
	Adapter, Architecture, Name, Part,
};
use blyan_primitives::{
	open_copy_report_payload,
	traits::{ArchitectureRegistry, ExpertRegistry, OperatorSet},
	BlockRef, ExpertSlot, ModelBody, OpenCopyEvidence, OperatorId, OperatorSignature, Original, Projection,
	ShownAdapter, SubmissionId,
};
use blyan_support::{genesis_hash, message::ensure_signed};
use frame_support::{
	ensure,
	pallet_prelude::{TransactionSource, TransactionValidityWithRefund},
};
use sp_runtime::DispatchResult;

impl<T: Config> Pallet<T> {
	pub(crate) fn do_report_open_copy(
		reporter: T::AccountId,
		copy: SubmissionId,
		original: Original,
		evidence: &OpenCopyEvidence,
	) -> DispatchResult {
		let (accused, blocks, layout) = Self::open_accusation(copy, original)?;
		let overlap = Self::proven_open_overlap(&blocks, &layout, evidence)?;
		Self::end_copy(copy, original, accused, reporter, overlap.likeness_milli().unsigned_abs());
		Ok(())
	}

	/// Checks all that dispatch does, the cheapest first: the reads, the signature, the adapters.
	// The macro passes each argument by reference, the box as well.
	#[allow(clippy::borrowed_box)]
	pub(crate) fn authorize_report_open_copy(
		_source: TransactionSource,
		copy: &SubmissionId,
		original: &Original,
		evidence: &Box<OpenCopyEvidence>,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		let (_, blocks, layout) = Self::open_accusation(*copy, *original).map_err(invalidity)?;
		T::Operators::owner_of(key).ok_or_else(|| invalidity(Error::<T>::NotInCommittee))?;
		let payload = open_copy_report_payload(&genesis_hash::<T>(), *copy, original, evidence);
		ensure_signed(&payload, key, signature)?;
		Self::proven_open_overlap(&blocks, &layout, evidence).map_err(invalidity)?;
		Self::admit_copy_report(*copy)
	}

	/// Checks the evidence, which takes up to a third of a second. Returns what the adapters have in common, if one is a copy.
	pub(crate) fn proven_open_overlap(
		blocks: &Compared,
		layout: &Layout,
		evidence: &OpenCopyEvidence,
	) -> Result<Overlap, Error<T>> {
		let overlap = blocks.open_overlap(layout, evidence).map_err(|fault| match fault {
			EvidenceFault::Unproven => Error::<T>::TileUnproven,
			EvidenceFault::Malformed => Error::<T>::EvidenceMalformed,
		})?;
		ensure!(overlap.is_enough(), Error::<T>::SampleTooSmall);
		ensure!(overlap.is_copy(), Error::<T>::NotACopy);
		Ok(overlap)
	}

	/// Everything about a report but its evidence: a few reads, and the layout of the experts.
	pub(crate) fn open_accusation(
		copy: SubmissionId,
		original: Original,
	) -> Result<(Accused<T>, Compared, Layout), Error<T>> {
		let accused = Self::accused(copy)?;
		let layout = Self::adapter_layout(accused.claim().slot).ok_or(Error::<T>::CopiesNotMeasured)?;
		let blocks = Self::compared(copy, accused.claim(), original)?;
		Ok((accused, blocks, layout))
	}

	/// Layout of a slot's experts, if they are adapters of which one projection at least can be shown.
	fn adapter_layout(slot: ExpertSlot) -> Option<Layout> {
		Self::adapters(slot).map(|(_, layout)| layout)
	}

	/// The same with the architecture of their model.
	pub(crate) fn adapters(slot: ExpertSlot) -> Option<(Architecture, Layout)> {
		let ModelBody::Second { architecture, .. } = T::Experts::body(slot.model)? else { return None };
		let architecture = T::Experts::architecture(&architecture)?;
		let layout = Layout::of(&architecture, Part::Expert { layer: slot.layer, expert: 0 })?;
		let is_measured =
			Projection::ALL.into_iter().any(|projection| tiles_of(&layout, projection.name()).is_some());
		is_measured.then_some((architecture, layout))
	}
}

impl Compared {
	/// Checks every adapter against its block's tensor root, and counts what their changes have in common.
	pub(crate) fn open_overlap(
		&self,
		layout: &Layout,
		evidence: &OpenCopyEvidence,
	) -> Result<Overlap, EvidenceFault> {
		let projection = evidence.projection.name();
		let original_parent = match (&evidence.original_parent, self.original_parent) {
			(None, _) => None,
			(Some(shown), Some(block)) => Some(adapter_of(layout, projection, shown, block)?),
			(Some(_), None) => return Err(EvidenceFault::Unproven),
		};
		let original = adapter_of(layout, projection, &evidence.original, self.original)?;
		let copy_parent = adapter_of(layout, projection, &evidence.copy_parent, self.copy_parent)?;
		let copy = adapter_of(layout, projection, &evidence.copy, self.copy)?;
		let own_parent = original_parent.as_ref().unwrap_or(&copy_parent);
		Overlap::of(&original, own_parent, &copy_parent, &copy).ok_or(EvidenceFault::Malformed)
	}
}

/// Reads the adapter that is shown of a block.
fn adapter_of<'a>(
	layout: &Layout,
	projection: Name,
	shown: &'a ShownAdapter,
	block: BlockRef,
) -> Result<Adapter<'a>, EvidenceFault> {
	let leaves = shown.hashes();
	let parts = Shown { scales: &shown.scales, leaves: &leaves, bytes: &shown.bytes };
	open(layout, projection, &parts, &block.tensor_root.0).ok_or(EvidenceFault::Unproven)
}
