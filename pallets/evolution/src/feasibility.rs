//! Automatic feasibility of a target architecture: plain integers, the same on every machine.
//!
//! A target that breaks a bound, or is not what its kind says, is refused. Otherwise its feasibility is the least room that it leaves
//! below a bound: of the registry, or of growth over the base. It says how much a proposal asks of the network's machines, and nothing about
//! whether training will succeed.

use blyan_exact::definition2::{Architecture, Network};
use blyan_primitives::{evolution::EvolutionKind, expert_bytes, part_bytes, traits::ModelLimits, MILLIONTHS};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::PalletError;
use scale_info::TypeInfo;

/// Largest target in bytes, as a multiple of the base: from a dense model to eight experts a layer stays below.
pub const GROWTH_MAX: u64 = 8;
/// A smaller model has at most so many quarters of the base's bytes.
const SMALLER_QUARTERS: u64 = 3;

/// Reason why a target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, PalletError)]
#[scale_info(capture_docs = "always")]
pub enum Infeasibility {
	/// The bytes are no canonical record of an architecture that the definition admits. `blyan evolution propose` takes it from a model's folder.
	Record,
	/// The target is the base's own architecture. Propose a change.
	Unchanged,
	/// Another vocabulary: the two models could not be compared with one tokenizer. Keep the base's.
	Vocabulary,
	/// The context is shorter than the base's. Keep it, or lengthen it.
	Context,
	/// The change is not of the kind that the proposal names. Name another kind, or change the target.
	Kind,
	/// More expert slots than a model may have.
	Slots,
	/// A part is larger than a part may be.
	PartBytes,
	/// An expert is larger than an expert may be.
	ExpertBytes,
	/// More than [`GROWTH_MAX`] times the base's bytes. Grow in several epochs.
	Growth,
}

/// Bytes of an architecture's blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
	/// All of them.
	pub total: u64,
	/// Those that a token passes: all parts, and `top_k` experts of each routed layer.
	pub active: u64,
	/// The largest part.
	pub part: u64,
	/// The largest expert.
	pub expert: u64,
	/// Expert slots.
	pub slots: u32,
}

impl Sizes {
	/// Returns the sizes of a valid architecture.
	pub fn of(architecture: &Architecture) -> Self {
		let mut sizes = Self::default();
		for part in architecture.parts() {
			let bytes = part_bytes(architecture, part).unwrap_or(u64::MAX);
			sizes.total = sizes.total.saturating_add(bytes);
			sizes.active = sizes.active.saturating_add(bytes);
			sizes.part = sizes.part.max(bytes);
		}
		// There are at most 128 layers.
		for layer in 0..u8::try_from(architecture.layers.len()).unwrap_or(u8::MAX) {
			let Some(routing) = architecture.routing(layer) else { continue };
			let bytes = expert_bytes(architecture, layer).unwrap_or(u64::MAX);
			sizes.total = sizes.total.saturating_add(bytes.saturating_mul(routing.experts.into()));
			sizes.active = sizes.active.saturating_add(bytes.saturating_mul(routing.top_k.into()));
			sizes.expert = sizes.expert.max(bytes);
			sizes.slots = sizes.slots.saturating_add(routing.experts.into());
		}
		sizes
	}
}

/// Reads a canonical record of an architecture that the definition admits.
pub fn read(record: &[u8]) -> Result<Architecture, Infeasibility> {
	let architecture = Architecture::from_bytes(record).map_err(|_| Infeasibility::Record)?;
	architecture.validate().map_err(|_| Infeasibility::Record)?;
	if architecture.to_bytes() != record {
		return Err(Infeasibility::Record);
	}
	Ok(architecture)
}

/// Feasibility of `target` in millionths, at least one.
///
/// # Errors
///
/// Returns the first reason against it, in the order of [`Infeasibility`].
pub fn feasibility(
	kind: EvolutionKind,
	base: &Architecture,
	target: &Architecture,
	limits: &ModelLimits,
) -> Result<u32, Infeasibility> {
	use Infeasibility as Reason;
	let ensure = |holds: bool, reason: Reason| if holds { Ok(()) } else { Err(reason) };
	ensure(base != target, Reason::Unchanged)?;
	ensure(base.vocabulary == target.vocabulary, Reason::Vocabulary)?;
	ensure(base.context <= target.context, Reason::Context)?;
	let (old, new) = (Sizes::of(base), Sizes::of(target));
	ensure(is_of_kind(kind, (base, &old), (target, &new)), Reason::Kind)?;
	// What the target adds to the base, out of what it may add.
	let added = new.total.saturating_sub(old.total);
	let room = old.total.saturating_mul(GROWTH_MAX.saturating_sub(1));
	let bounds = [
		(u64::from(new.slots), u64::from(limits.slots), Reason::Slots),
		(new.part, u64::from(limits.part_bytes), Reason::PartBytes),
		(new.expert, u64::from(limits.expert_bytes), Reason::ExpertBytes),
		(added, room, Reason::Growth),
	];
	let mut least = MILLIONTHS;
	for (value, limit, reason) in bounds {
		let left = limit.checked_sub(value).ok_or(reason)?;
		least = least.min(share(left, limit).max(1));
	}
	Ok(least)
}

/// `part` of `whole` in millionths, rounded down; all of it if `whole` is nothing.
fn share(part: u64, whole: u64) -> u32 {
	let share = u128::from(part).saturating_mul(MILLIONTHS.into()).checked_div(whole.into());
	share.and_then(|share| u32::try_from(share).ok()).unwrap_or(MILLIONTHS).min(MILLIONTHS)
}

/// Reports whether the change from `base` to `target` is of this kind.
fn is_of_kind(
	kind: EvolutionKind,
	(base, old): (&Architecture, &Sizes),
	(target, new): (&Architecture, &Sizes),
) -> bool {
	let is_as_deep = target.layers.len() == base.layers.len();
	let is_as_wide = target.d_model == base.d_model;
	let is_smaller = |new: u64, old: u64| new.saturating_mul(4) <= old.saturating_mul(SMALLER_QUARTERS);
	match kind {
		EvolutionKind::ScaleExperts => is_as_deep && is_as_wide && new.slots > old.slots,
		EvolutionKind::Widen => {
			let (before, after) = (hidden(base), hidden(target));
			let is_wider = target.d_model > base.d_model || after > before;
			is_as_deep && target.d_model >= base.d_model && after >= before && is_wider
		}
		EvolutionKind::Deepen => is_as_wide && target.layers.len() > base.layers.len(),
		EvolutionKind::Efficiency => is_smaller(new.active, old.active),
		EvolutionKind::Memory => is_smaller(new.total, old.total),
		EvolutionKind::Multimodal => false,
	}
}

/// Widths of all hidden layers together, of a routed layer those of one expert and of the shared network.
fn hidden(architecture: &Architecture) -> u64 {
	let width = |network: &Network| match network {
		Network::Dense(network) => u64::from(network.hidden),
		Network::Routed(routing) => {
			let shared = routing.shared.map_or(0, |shared| u64::from(shared.hidden));
			u64::from(routing.expert.hidden).saturating_add(shared)
		}
	};
	architecture.layers.iter().fold(0, |sum: u64, layer| sum.saturating_add(width(&layer.network)))
}
