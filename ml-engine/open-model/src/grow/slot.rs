//! Places of experts.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Slot of an expert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
	/// Layer, counted from 0.
	pub layer: u8,
	/// Index in the layer, counted from 0.
	pub expert: u16,
}

impl fmt::Display for Slot {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{}.{}", self.layer, self.expert)
	}
}
