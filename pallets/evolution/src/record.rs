//! Model record: rules of a model about its successors, checked when a change is proposed.
//!
//! A record does not change while a proposal of the epoch names its model as the base, and a candidate has exactly the proposed
//! architecture: what was allowed when it was proposed is allowed when it is promoted.

use crate::{Config, Error, Event, ModelRecords, Pallet, Proposals};
use blyan_exact::definition2::{Architecture, LayerShape, Network};
use blyan_primitives::{
	evolution::{LineVersion, ModelRecord},
	traits::{ArchitectureRegistry, ExpertRegistry},
	ModelId,
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::{ensure, pallet_prelude::DispatchResult, PalletError};
use scale_info::TypeInfo;

/// Rule of a model record that a proposed architecture breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, PalletError)]
#[scale_info(capture_docs = "always")]
pub enum RecordViolation {
	/// The record allows no more layers. Keep the base's depth.
	LayerAddition,
	/// The record allows no more experts. Keep as many in each layer as the base has.
	ExpertMultiplication,
	/// The record allows no wider stream, attention or hidden layer. Keep the base's dimensions.
	DimensionScaling,
	/// A layer has fewer or more experts than its bounds allow. `ModelRecords` has the bounds.
	ExpertsOutOfBounds,
	/// The successor's version would lie outside the range of compatibility. A referendum about models can widen the range.
	VersionOutOfRange,
}

/// Experts of a layer; a dense one has none.
fn experts(layer: &LayerShape) -> u16 {
	match layer.network {
		Network::Dense(_) => 0,
		Network::Routed(routing) => routing.experts,
	}
}

/// Width of a layer's hidden layer: of each expert, or of the dense network.
fn hidden(layer: &LayerShape) -> u32 {
	match layer.network {
		Network::Dense(network) => network.hidden,
		Network::Routed(routing) => routing.expert.hidden,
	}
}

/// Width of the hidden layer that all tokens pass beside the experts; 0 where there is none.
fn shared(layer: &LayerShape) -> u32 {
	match layer.network {
		Network::Dense(_) => 0,
		Network::Routed(routing) => routing.shared.map_or(0, |shared| shared.hidden),
	}
}

/// Reports whether a measure is larger in some layer of `target` than in the same one of `base`. A layer that `base` has not is compared
/// with its largest.
fn is_larger<Measure: Ord + Default + Copy>(
	base: &Architecture,
	target: &Architecture,
	measure: impl Fn(&LayerShape) -> Measure,
) -> bool {
	let largest = base.layers.iter().map(&measure).max().unwrap_or_default();
	target
		.layers
		.iter()
		.enumerate()
		.any(|(place, layer)| measure(layer) > base.layers.get(place).map_or(largest, &measure))
}

/// Version of a successor with the architecture `target`; `None` if the numbers are used up.
pub(crate) fn version_after(
	version: LineVersion,
	base: &Architecture,
	target: &Architecture,
) -> Option<LineVersion> {
	version.next(base.d_model != target.d_model || base.layers.len() != target.layers.len())
}

/// Holds a change against the base's record.
///
/// # Errors
///
/// Returns the first rule that the change breaks, in the order of [`RecordViolation`].
pub(crate) fn check(
	record: &ModelRecord,
	base: &Architecture,
	target: &Architecture,
) -> Result<(), RecordViolation> {
	use RecordViolation as Reason;
	let ensure = |holds: bool, reason: Reason| if holds { Ok(()) } else { Err(reason) };
	ensure(record.allow_layer_addition || target.layers.len() <= base.layers.len(), Reason::LayerAddition)?;
	ensure(
		record.allow_expert_multiplication || !is_larger(base, target, experts),
		Reason::ExpertMultiplication,
	)?;
	let width = |heads: u16, one: &Architecture| u32::from(heads).saturating_mul(one.head_size.into());
	let is_wider = target.d_model > base.d_model
		|| width(target.heads, target) > width(base.heads, base)
		|| width(target.kv_heads, target) > width(base.kv_heads, base)
		|| is_larger(base, target, hidden)
		|| is_larger(base, target, shared);
	ensure(record.allow_dimension_scaling || !is_wider, Reason::DimensionScaling)?;
	ensure(is_within_bounds(record, target), Reason::ExpertsOutOfBounds)?;
	let version = version_after(record.version, base, target);
	ensure(version.is_some_and(|version| record.is_compatible(version)), Reason::VersionOutOfRange)
}

/// Reports whether each layer has as many experts as the record allows.
fn is_within_bounds(record: &ModelRecord, architecture: &Architecture) -> bool {
	let mut layers = architecture.layers.iter().enumerate();
	layers.all(|(place, layer)| record.bounds(place).is_some_and(|bounds| bounds.contains(experts(layer))))
}

/// Reports whether a record describes a model of this architecture.
fn fits(record: &ModelRecord, architecture: &Architecture) -> bool {
	record.layers.len() == architecture.layers.len()
		&& record.is_compatible(record.version)
		&& is_within_bounds(record, architecture)
}

/// Record of a successor: its base's, with a version of its own and bounds for each of its layers.
fn inherited(record: &ModelRecord, base: &Architecture, target: &Architecture) -> Option<ModelRecord> {
	let mut layers = record.layers.clone();
	layers.truncate(target.layers.len());
	while layers.len() < target.layers.len() {
		layers.try_push(record.bounds(layers.len())?).ok()?;
	}
	let version = version_after(record.version, base, target)?;
	Some(ModelRecord { version, layers, ..record.clone() })
}

impl<T: Config> Pallet<T> {
	/// Architecture of a model of the second definition.
	pub(crate) fn architecture_of(model: ModelId) -> Option<Architecture> {
		let body = T::Models::body(model)?;
		T::Models::architecture(&body.architecture()?)
	}

	/// Refuses a change that the base's record does not allow.
	pub(crate) fn ensure_allowed(
		model: ModelId,
		base: &Architecture,
		target: &Architecture,
	) -> Result<(), Error<T>> {
		let Some(record) = ModelRecords::<T>::get(model) else { return Ok(()) };
		check(&record, base, target).map_err(|reason| Error::<T>::Forbidden { reason })
	}

	pub(crate) fn do_set_model_record(model: ModelId, record: ModelRecord) -> DispatchResult {
		let architecture = Self::architecture_of(model).ok_or(Error::<T>::BaseUnknown)?;
		ensure!(fits(&record, &architecture), Error::<T>::RecordInvalid);
		let is_base = Proposals::<T>::iter_values().any(|kept| kept.proposal.base == model);
		ensure!(!is_base, Error::<T>::RecordInUse);
		ModelRecords::<T>::insert(model, &record);
		Self::deposit_event(Event::ModelRecordSet { model, record });
		Ok(())
	}

	/// Gives a successor its base's record, if the base has one.
	pub(crate) fn inherit_record(base: ModelId, successor: ModelId) {
		let Some(record) = ModelRecords::<T>::get(base) else { return };
		// The chain's rule gave it one of its own.
		if ModelRecords::<T>::contains_key(successor) {
			return;
		}
		let architectures = Self::architecture_of(base).zip(Self::architecture_of(successor));
		let Some(record) = architectures.and_then(|(base, target)| inherited(&record, &base, &target)) else {
			log::error!(target: crate::LOG_TARGET, "model {successor} cannot inherit the record of {base}");
			return;
		};
		ModelRecords::<T>::insert(successor, &record);
		Self::deposit_event(Event::ModelRecordSet { model: successor, record });
	}

	/// Every record fits its own model.
	#[cfg(any(feature = "try-runtime", test))]
	pub(crate) fn check_records() -> Result<(), sp_runtime::TryRuntimeError> {
		for (model, record) in ModelRecords::<T>::iter() {
			let architecture = Self::architecture_of(model).ok_or("a record is of no model")?;
			ensure!(fits(&record, &architecture), "a record does not fit its model");
		}
		Ok(())
	}
}
