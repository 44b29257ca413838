//! Model record: how a model may change in one epoch.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::{bounded::BoundedVec, ConstU32};

/// Most layers that a record has bounds for: as many as a model of the second definition may have.
pub const RECORD_LAYERS_MAX: u32 = 128;

/// Bounds of each layer, in order.
pub type LayerBounds = BoundedVec<ExpertBounds, ConstU32<RECORD_LAYERS_MAX>>;

/// Version of a model in its line. Ordered by major, then by minor.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[scale_info(capture_docs = "always")]
#[serde(deny_unknown_fields)]
pub struct LineVersion {
	/// Goes up by one where depth or width of the residual stream changes.
	pub major: u16,
	/// Goes up by one with every other change, and starts again with a new major version.
	pub minor: u16,
}

impl LineVersion {
	/// Returns the version after a change; `None` if the numbers are used up.
	pub fn next(self, is_major: bool) -> Option<Self> {
		if is_major {
			Some(Self { major: self.major.checked_add(1)?, minor: 0 })
		} else {
			Some(Self { major: self.major, minor: self.minor.checked_add(1)? })
		}
	}
}

/// Bounds of the experts of one layer. A dense layer has none.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[scale_info(capture_docs = "always")]
#[serde(deny_unknown_fields)]
pub struct ExpertBounds {
	/// Fewest experts.
	pub min: u16,
	/// Most experts.
	pub max: u16,
}

impl ExpertBounds {
	/// Reports whether a layer may have so many experts.
	pub fn contains(&self, experts: u16) -> bool {
		(self.min..=self.max).contains(&experts)
	}
}

/// Rules of a model about its successors. How many experts a layer has now is in the architecture.
#[derive(
	Clone,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[scale_info(capture_docs = "always")]
#[serde(deny_unknown_fields)]
pub struct ModelRecord {
	/// The model's own version.
	pub version: LineVersion,
	/// Oldest version that belongs together with this one.
	pub compatible_from: LineVersion,
	/// Newest version that a successor may have.
	pub compatible_to: LineVersion,
	/// Bounds of each layer's experts.
	pub layers: LayerBounds,
	/// A successor may have more layers.
	pub allow_layer_addition: bool,
	/// A successor may have more experts in a layer.
	pub allow_expert_multiplication: bool,
	/// A successor may have a wider residual stream, wider attention or wider hidden layers.
	pub allow_dimension_scaling: bool,
}

impl ModelRecord {
	/// Reports whether a version lies in the range of compatibility, both ends included.
	pub fn is_compatible(&self, version: LineVersion) -> bool {
		(self.compatible_from..=self.compatible_to).contains(&version)
	}

	/// Returns the bounds of a layer's experts. Layers that a successor adds have those of the last one.
	pub fn bounds(&self, layer: usize) -> Option<ExpertBounds> {
		self.layers.get(layer).or_else(|| self.layers.last()).copied()
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	proptest! {
		#[test]
		fn every_change_moves_the_version_upwards(major: u16, minor: u16, is_major: bool) {
			let version = LineVersion { major, minor };
			if let Some(next) = version.next(is_major) {
				prop_assert!(next > version);
			} else {
				prop_assert_eq!(if is_major { major } else { minor }, u16::MAX);
			}
		}
	}
}
