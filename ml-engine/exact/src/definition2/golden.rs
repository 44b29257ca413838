//! Tiny models made of hashes, one a family of checkpoints, and what they must compute.

mod architectures;
#[cfg(test)]
pub(crate) use architectures::smollm2;
pub(super) use architectures::wide;

use super::{
	adapter::OwnedCodes,
	architecture::{Architecture, WeightKind},
	matrix::{stored_rows, OwnedMatrix, INT8_PEAK},
	model::{Model, ModelError, OwnedPart, OwnedTensor},
	real::Real,
	tensors::{Part, TensorShape},
};
use crate::hash::{blake2_256, Hash};
use alloc::vec::Vec;

/// Values that a golden model comes to for [`ids`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Golden {
	/// Blake2b-256 over the logits (little endian) after each id but the last.
	pub logits: Hash,
	/// Root of the trace.
	pub trace: Hash,
	/// Bits, Q16.
	pub loss: u64,
	/// The 8 tokens sampled one after another behind the first four ids, at temperature 1 (Q8: 256), top-p 230, seed of
	/// 32 sevens.
	pub sampled: [u32; 8],
}

/// Families by name, with the architecture of their golden model.
pub const ARCHITECTURES: [(&str, fn() -> Architecture); 8] = [
	("llama", architectures::llama),
	("qwen2", architectures::qwen2),
	("qwen3", architectures::qwen3),
	("olmoe", architectures::olmoe),
	("mixtral", architectures::mixtral),
	("shared", architectures::shared),
	("bitnet", architectures::bitnet),
	("adapters", architectures::adapters),
];

/// Values of the golden models, in the order of [`ARCHITECTURES`].
pub const GOLDEN: [Golden; 8] = [
	include!("../../golden/definition2/llama.in"),
	include!("../../golden/definition2/qwen2.in"),
	include!("../../golden/definition2/qwen3.in"),
	include!("../../golden/definition2/olmoe.in"),
	include!("../../golden/definition2/mixtral.in"),
	include!("../../golden/definition2/shared.in"),
	include!("../../golden/definition2/bitnet.in"),
	include!("../../golden/definition2/adapters.in"),
];

/// Returns the ids that the golden values are about: 20 of a vocabulary.
pub fn ids(architecture: &Architecture) -> Vec<u32> {
	let mut stream = Stream::new(b"ids");
	(0..20).map(|_| stream.below(architecture.vocabulary as usize) as u32).collect()
}

/// A model that owns its tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedModel {
	/// Architecture.
	pub architecture: Architecture,
	/// All parts but the experts, in the order of [`Architecture::parts`].
	pub parts: Vec<OwnedPart>,
	/// Experts, layer by layer.
	pub experts: Vec<OwnedPart>,
}

impl OwnedModel {
	/// Borrows the model and checks it.
	pub fn view(&self) -> Result<Model<'_>, ModelError> {
		let experts = self.experts.iter().map(OwnedPart::view).collect();
		let parts = self.parts.iter().map(OwnedPart::view).collect();
		Model::new(&self.architecture, parts, experts)
	}
}

/// Returns the golden model of a family, a place in [`ARCHITECTURES`].
pub fn model(family: usize) -> OwnedModel {
	let (name, architecture) = ARCHITECTURES[family % ARCHITECTURES.len()];
	random_model(architecture(), name.as_bytes())
}

/// Generates a model whose every number comes from a stream; the architecture must be valid.
///
/// Weights are those of a plausible model, so that attention and routing decide something.
pub fn random_model(architecture: Architecture, seed: &[u8]) -> OwnedModel {
	let mut stream = Stream::new(seed);
	let parts = architecture.parts().into_iter().map(|part| stream.part(&architecture, part)).collect();
	let experts = architecture.expert_parts().map(|part| stream.part(&architecture, part)).collect();
	OwnedModel { parts, experts, architecture }
}

/// Random numbers from a seed: SplitMix64 (Steele, Lea and Flood, 2014) from its hash.
#[derive(Clone, Debug)]
pub struct Stream(u64);

impl Stream {
	/// Begins a stream.
	pub fn new(seed: &[u8]) -> Self {
		let [a, b, c, d, e, f, g, h, ..] = blake2_256(&[seed]);
		Self(u64::from_le_bytes([a, b, c, d, e, f, g, h]))
	}

	/// Draws a number.
	pub fn draw(&mut self) -> u64 {
		self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let mut z = self.0;
		z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		z ^ (z >> 31)
	}

	/// Draws a number below `end`.
	pub fn below(&mut self, end: usize) -> usize {
		(self.draw() % end.max(1) as u64) as usize
	}

	/// Draws a number between `-bound` and `bound`.
	pub fn within(&mut self, bound: i32) -> i32 {
		(self.draw() % (2 * u64::from(bound.unsigned_abs()) + 1)) as i32 - bound
	}

	/// Draws all tensors of a part.
	pub fn part(&mut self, architecture: &Architecture, part: Part) -> OwnedPart {
		let tensors = architecture.tensors(part).into_iter();
		let named = tensors.map(|(name, shape)| {
			let mut tensor = self.tensor(shape);
			match &mut tensor {
				// Products of a plausible size beside weights of any kind.
				OwnedTensor::Codes(codes) if name.shift_max() > 0 => codes.shift = self.below(4) as u8,
				_ => {}
			}
			(name, tensor)
		});
		OwnedPart(named.collect())
	}

	/// Draws a tensor.
	pub fn tensor(&mut self, shape: TensorShape) -> OwnedTensor {
		match shape {
			TensorShape::Matrix { kind, rows, cols } => OwnedTensor::Matrix(self.matrix(kind, rows, cols)),
			// Between one half and three halves.
			TensorShape::Gain(len) => {
				let values = (0..len).map(|_| (1 << 23) + self.within(1 << 22)).collect();
				OwnedTensor::Gain(values, Real::quotient(1, 1 << 23))
			}
			TensorShape::Bias(len) => OwnedTensor::Bias((0..len).map(|_| self.within(1 << 11)).collect()),
			TensorShape::Codes { rows, cols } => {
				let bytes = self.codes(rows * cols, Self::byte);
				OwnedTensor::Codes(OwnedCodes { rows, cols, bytes, shift: 0 })
			}
			// One radian a position for the first pair, half of it for the next.
			TensorShape::Frequencies(len) => {
				OwnedTensor::Frequencies((0..len).map(|pair| 0x28be_60db_9391_054a >> pair.min(32)).collect())
			}
			TensorShape::Scale => OwnedTensor::Scale(self.scale(9)),
		}
	}

	/// Draws a matrix of weights of about one eighth, if it has the 64 columns of a golden model.
	pub fn matrix(&mut self, kind: WeightKind, rows: usize, cols: usize) -> OwnedMatrix {
		let codes = rows * kind.code_bytes(cols);
		let (codes, scales) = match kind {
			WeightKind::Ternary => (self.codes(codes, Self::ternary), Vec::new()),
			WeightKind::Int8 => {
				let scales =
					(0..rows).flat_map(|_| (32_768 + self.below(32_768) as u16).to_le_bytes()).collect();
				(self.codes(codes, Self::byte), scales)
			}
			WeightKind::Int4By32 | WeightKind::Int4By64 => {
				let groups = rows * kind.scale_bytes(cols) / 4;
				let scales = (0..groups).flat_map(|_| self.group()).collect();
				(self.codes(codes, Self::byte), scales)
			}
		};
		let (scale, peak) = match kind {
			WeightKind::Ternary => (self.scale(3), 1),
			WeightKind::Int8 => (self.scale(9), INT8_PEAK),
			WeightKind::Int4By32 | WeightKind::Int4By64 => (self.scale(0), 0),
		};
		let bytes = stored_rows(kind, cols, &codes, &scales);
		let mut matrix = OwnedMatrix { kind, rows, cols, bytes, scale, peak };
		if kind.group().is_some() {
			matrix.peak = matrix.view().group_peak().unwrap_or(0) as u32;
		}
		matrix
	}

	fn codes(&mut self, bytes: usize, mut code: impl FnMut(&mut Self) -> u8) -> Vec<u8> {
		(0..bytes).map(|_| code(self)).collect()
	}

	fn byte(&mut self) -> u8 {
		self.draw() as u8
	}

	/// Draws four ternary weights.
	fn ternary(&mut self) -> u8 {
		(0..4).fold(0, |byte, _| byte << 2 | self.below(3) as u8)
	}

	/// Draws a group's factor, between 1/64 and 1/16, and its minimum, about -8 times the factor.
	fn group(&mut self) -> [u8; 4] {
		let factor = 0x2400 + self.below(0x800) as u16;
		let [a, b] = factor.to_le_bytes();
		let [c, d] = (0x8c00 + factor - self.below(0x80) as u16).to_le_bytes();
		[a, b, c, d]
	}

	/// Draws a scale between `2^-shift` and `2^(1 - shift)`.
	fn scale(&mut self, shift: i16) -> Real {
		let mantissa = (1 << 31) | self.draw() as u32;
		Real::new(mantissa, 31 + shift).unwrap_or_default()
	}
}

#[cfg(test)]
mod extremes;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod upcycling;
