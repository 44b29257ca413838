//! The architecture of a model: eight small numbers from which every shape follows.

use core::fmt;

/// Architecture of a byte-level Mixture-of-Experts transformer.
///
/// Everything else (tensor shapes, file layouts, loop bounds) is derived from these numbers, so two
/// parties that agree on a configuration agree on every shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
	feature = "codec",
	derive(
		codec::Encode,
		codec::Decode,
		codec::DecodeWithMemTracking,
		codec::MaxEncodedLen,
		scale_info::TypeInfo
	),
	scale_info(capture_docs = "always")
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ModelConfig {
	/// Width of the residual stream, a multiple of 64, at most 512.
	pub d_model: u16,
	/// Width of an expert's hidden layer, a multiple of 64, at most 2,048.
	pub d_ff: u16,
	/// Transformer layers, 1 to 32.
	pub layers: u8,
	/// Attention heads; `d_model / heads` is the head size: even, at most 64.
	pub heads: u8,
	/// Experts in every layer, 1 to 512.
	pub experts: u16,
	/// Experts a token is routed to in every layer: 1 or 2, never more than `experts`.
	pub top_k: u8,
	/// Longest sequence in tokens (bytes), 1 to 256.
	pub context: u16,
}

/// Coordinates of an expert within its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotIndex {
	/// Layer of the slot, counted from 0.
	pub layer: u8,
	/// Expert in that layer, counted from 0.
	pub expert: u16,
}

/// Size of the vocabulary: one token is one byte.
pub const VOCAB: usize = 256;

/// Reason why a configuration is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
	/// `d_model` is zero, above 512 or not a multiple of 64.
	ModelWidth,
	/// `d_ff` is zero, above 2,048 or not a multiple of 64.
	HiddenWidth,
	/// `layers` is zero or above 32.
	Layers,
	/// `heads` is zero, does not divide `d_model`, or leaves an odd head size or one above 64.
	Heads,
	/// `experts` is zero or above 512.
	Experts,
	/// `top_k` is neither 1 nor 2, or exceeds `experts`.
	TopK,
	/// `context` is zero or above 256.
	Context,
}

impl fmt::Display for ConfigError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::ModelWidth => "d_model must be a multiple of 64 between 64 and 512",
			Self::HiddenWidth => "d_ff must be a multiple of 64 between 64 and 2048",
			Self::Layers => "layers must be between 1 and 32",
			Self::Heads => "heads must divide d_model into even heads of at most 64",
			Self::Experts => "experts must be between 1 and 512",
			Self::TopK => "top_k must be 1 or 2 and at most the number of experts",
			Self::Context => "context must be between 1 and 256",
		})
	}
}

impl core::error::Error for ConfigError {}

impl ModelConfig {
	/// Checks every bound that the integer arithmetic relies on.
	pub fn validate(&self) -> Result<(), ConfigError> {
		let in_steps = |n: u16, max: u16| n != 0 && n <= max && n.is_multiple_of(64);
		if !in_steps(self.d_model, 512) {
			return Err(ConfigError::ModelWidth);
		}
		if !in_steps(self.d_ff, 2_048) {
			return Err(ConfigError::HiddenWidth);
		}
		if self.layers == 0 || self.layers > 32 {
			return Err(ConfigError::Layers);
		}
		let heads = u16::from(self.heads);
		if heads == 0 || !self.d_model.is_multiple_of(heads) {
			return Err(ConfigError::Heads);
		}
		let head_size = self.d_model / heads;
		if !head_size.is_multiple_of(2) || head_size > 64 {
			return Err(ConfigError::Heads);
		}
		if self.experts == 0 || self.experts > 512 {
			return Err(ConfigError::Experts);
		}
		if !matches!(self.top_k, 1 | 2) || u16::from(self.top_k) > self.experts {
			return Err(ConfigError::TopK);
		}
		if self.context == 0 || self.context > 256 {
			return Err(ConfigError::Context);
		}
		Ok(())
	}

	/// Returns the number of expert slots of the whole model: `layers * experts`, at most 16,384.
	pub fn slots(&self) -> u32 {
		u32::from(self.layers).saturating_mul(u32::from(self.experts))
	}

	/// Returns the position of a slot in row-major order (layer, then expert); `None` if there is no such slot.
	pub fn slot_index(&self, layer: u8, expert: u16) -> Option<u32> {
		(layer < self.layers && expert < self.experts)
			.then(|| u32::from(layer) * u32::from(self.experts) + u32::from(expert))
	}

	/// Returns the slot at a position in row-major order, the inverse of [`Self::slot_index`]; `None` past the last.
	pub fn slot_at(&self, index: u32) -> Option<SlotIndex> {
		let experts = u32::from(self.experts);
		let layer = u8::try_from(index.checked_div(experts)?).ok().filter(|layer| *layer < self.layers)?;
		let expert = u16::try_from(index.checked_rem(experts)?).ok()?;
		Some(SlotIndex { layer, expert })
	}

	/// Returns the fields in order, little endian: the same bytes as the SCALE encoding.
	pub fn to_bytes(&self) -> [u8; 11] {
		let [a, b] = self.d_model.to_le_bytes();
		let [c, d] = self.d_ff.to_le_bytes();
		let [e, f] = self.experts.to_le_bytes();
		let [g, h] = self.context.to_le_bytes();
		[a, b, c, d, self.layers, self.heads, e, f, self.top_k, g, h]
	}

	/// Returns the entries of one attention head. Zero only for a configuration that [`Self::validate`] refuses.
	pub fn head_size(&self) -> usize {
		usize::from(self.d_model).checked_div(usize::from(self.heads)).unwrap_or(0)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const GOOD: ModelConfig =
		ModelConfig { d_model: 64, d_ff: 128, layers: 2, heads: 2, experts: 4, top_k: 2, context: 32 };

	#[test]
	fn validate_refuses_each_number_outside_its_bound() {
		assert_eq!(GOOD.validate(), Ok(()));
		let refused = [
			(ModelConfig { d_model: 576, ..GOOD }, ConfigError::ModelWidth),
			(ModelConfig { d_model: 65, ..GOOD }, ConfigError::ModelWidth),
			(ModelConfig { d_ff: 0, ..GOOD }, ConfigError::HiddenWidth),
			(ModelConfig { d_ff: 2_112, ..GOOD }, ConfigError::HiddenWidth),
			(ModelConfig { layers: 0, ..GOOD }, ConfigError::Layers),
			(ModelConfig { layers: 33, ..GOOD }, ConfigError::Layers),
			(ModelConfig { heads: 0, ..GOOD }, ConfigError::Heads),
			(ModelConfig { heads: 3, ..GOOD }, ConfigError::Heads),
			(ModelConfig { d_model: 128, heads: 1, ..GOOD }, ConfigError::Heads),
			(ModelConfig { heads: 64, ..GOOD }, ConfigError::Heads),
			(ModelConfig { experts: 513, ..GOOD }, ConfigError::Experts),
			(ModelConfig { top_k: 3, ..GOOD }, ConfigError::TopK),
			(ModelConfig { experts: 1, ..GOOD }, ConfigError::TopK),
			(ModelConfig { context: 257, ..GOOD }, ConfigError::Context),
		];
		for (config, error) in refused {
			assert_eq!(config.validate(), Err(error), "{config:?}");
		}
	}

	#[cfg(feature = "codec")]
	#[test]
	fn to_bytes_is_the_scale_encoding() {
		use codec::Encode;
		assert_eq!(GOOD.to_bytes().to_vec(), GOOD.encode());
	}

	#[test]
	fn slot_index_counts_row_major_and_stops_at_the_edges() {
		assert_eq!(GOOD.slot_index(1, 3), Some(7));
		assert_eq!(GOOD.slot_index(2, 0), None);
		assert_eq!(GOOD.slot_index(0, 4), None);
		assert_eq!(GOOD.slots(), 8);
	}

	#[test]
	fn slot_at_is_the_inverse_of_slot_index() {
		for index in 0..GOOD.slots() {
			let SlotIndex { layer, expert } = GOOD.slot_at(index).unwrap();
			assert_eq!(GOOD.slot_index(layer, expert), Some(index));
		}
		assert_eq!(GOOD.slot_at(8), None);
		assert_eq!(GOOD.slot_at(u32::MAX), None);
		assert_eq!(ModelConfig { experts: 0, ..GOOD }.slot_at(0), None);
	}
}
