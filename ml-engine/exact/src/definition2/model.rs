//! A model as borrowed tensors: nothing of its files is copied.

use super::{
	adapter::{Adapter, Codes, OwnedAdapter, OwnedCodes},
	architecture::{Architecture, ArchitectureError},
	linear::PROJECTION_MAX,
	matrix::{Matrix, MatrixError, OwnedMatrix},
	real::Real,
	tensors::{Name, Part, TensorShape},
};
use crate::{
	hash::{blake2_256, Hash},
	merkle,
};
use alloc::vec::Vec;
use core::fmt;

/// Bound of a gain's entries.
pub const GAIN_MAX: i32 = (1 << 24) - 1;
/// Domain separator of [`model_root`].
const ROOT_CONTEXT: &[u8] = b"blyan/model/2";

/// Gain of a norm: real entries are `values * scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gain<'a> {
	/// Entries of at most [`GAIN_MAX`] in magnitude.
	pub values: &'a [i32],
	/// Real value of one step.
	pub scale: Real,
}

/// A tensor in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View<'a> {
	/// A matrix.
	Matrix(Matrix<'a>),
	/// A gain.
	Gain(Gain<'a>),
	/// A bias, Q12, at most 2^26 in magnitude.
	Bias(&'a [i32]),
	/// Turns a position, 2^64 being one turn.
	Frequencies(&'a [u64]),
	/// The scale of a tied head.
	Scale(Real),
	/// A matrix of an adapter.
	Codes(Codes<'a>),
}

/// Tensors of a part, in the order of [`Architecture::tensors`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartTensors<'a>(pub Vec<(Name, View<'a>)>);

/// A tensor that owns its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnedTensor {
	/// A matrix.
	Matrix(OwnedMatrix),
	/// Entries and scale of a gain.
	Gain(Vec<i32>, Real),
	/// A bias.
	Bias(Vec<i32>),
	/// Frequencies.
	Frequencies(Vec<u64>),
	/// The scale of a tied head.
	Scale(Real),
	/// A matrix of an adapter.
	Codes(OwnedCodes),
}

/// A part that owns its tensors, in the order of [`Architecture::tensors`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedPart(pub Vec<(Name, OwnedTensor)>);

/// Reason why tensors are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelError {
	/// The architecture is out of bounds.
	Architecture(ArchitectureError),
	/// There are not as many parts or experts as the architecture says.
	PartCount,
	/// A part has other tensors, or of other shapes, than the architecture says.
	Shape(Part, Option<Name>),
	/// The matrix of this name holds what none may hold.
	Matrix(Part, Name, MatrixError),
	/// Entries of the gain or bias of this name, or a scale, are out of bounds.
	Range(Part, Name),
	/// There are fewer than two ids, or more than the context and one.
	SequenceLength(usize),
	/// An id that the vocabulary does not have.
	Token(u32),
}

impl fmt::Display for ModelError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Architecture(error) => write!(f, "{error}"),
			Self::PartCount => f.write_str("the number of parts is not what the architecture says"),
			Self::Shape(part, name) => {
				write!(f, "{part:?} has other tensors than the architecture says: {name:?}")
			}
			Self::Matrix(part, name, error) => write!(f, "{name:?} of {part:?} is invalid: {error:?}"),
			Self::Range(part, name) => write!(f, "{name:?} of {part:?} has entries out of bounds"),
			Self::SequenceLength(n) => {
				write!(f, "{n} tokens: a sequence has at least one and at most the context")
			}
			Self::Token(id) => write!(f, "token {id} is not in the vocabulary"),
		}
	}
}

impl core::error::Error for ModelError {}

impl From<ArchitectureError> for ModelError {
	fn from(error: ArchitectureError) -> Self {
		Self::Architecture(error)
	}
}

impl OwnedTensor {
	/// Borrows the tensor.
	pub fn view(&self) -> View<'_> {
		match self {
			Self::Matrix(matrix) => View::Matrix(matrix.view()),
			Self::Gain(values, scale) => View::Gain(Gain { values, scale: *scale }),
			Self::Bias(values) => View::Bias(values),
			Self::Frequencies(values) => View::Frequencies(values),
			Self::Scale(scale) => View::Scale(*scale),
			Self::Codes(codes) => View::Codes(codes.view()),
		}
	}
}

impl OwnedPart {
	/// Makes the part of an expert of adapters. That they fit a model is checked when the part joins one.
	pub fn of_adapters(gate: OwnedAdapter, up: OwnedAdapter, down: OwnedAdapter) -> Self {
		use Name::{DownIn, DownOut, GateIn, GateOut, UpIn, UpOut};
		let names = [(GateIn, GateOut), (UpIn, UpOut), (DownIn, DownOut)];
		let tensors = names.into_iter().zip([gate, up, down]).flat_map(|((first, second), adapter)| {
			[
				(first, OwnedTensor::Codes(adapter.input().clone())),
				(second, OwnedTensor::Codes(adapter.output().clone())),
			]
		});
		Self(tensors.collect())
	}

	/// Borrows the part.
	pub fn view(&self) -> PartTensors<'_> {
		PartTensors(self.0.iter().map(|(name, tensor)| (*name, tensor.view())).collect())
	}
}

impl<'a> View<'a> {
	/// Returns the shape, as [`Architecture::tensors`] would say it.
	pub fn shape(&self) -> TensorShape {
		match self {
			Self::Matrix(Matrix { kind, rows, cols, .. }) => {
				TensorShape::Matrix { kind: *kind, rows: *rows, cols: *cols }
			}
			Self::Gain(gain) => TensorShape::Gain(gain.values.len()),
			Self::Bias(values) => TensorShape::Bias(values.len()),
			Self::Frequencies(values) => TensorShape::Frequencies(values.len()),
			Self::Scale(_) => TensorShape::Scale,
			Self::Codes(Codes { rows, cols, .. }) => TensorShape::Codes { rows: *rows, cols: *cols },
		}
	}

	fn validate(&self, part: Part, name: Name) -> Result<(), ModelError> {
		let within = |values: &[i32], bound: i32| values.iter().all(|v| (-bound..=bound).contains(v));
		let fits = match self {
			Self::Matrix(matrix) => {
				return matrix.validate().map_err(|error| ModelError::Matrix(part, name, error));
			}
			Self::Gain(gain) => within(gain.values, GAIN_MAX) && gain.scale.is_storable(),
			Self::Bias(values) => within(values, PROJECTION_MAX),
			Self::Frequencies(_) => true,
			Self::Scale(scale) => scale.is_storable(),
			Self::Codes(codes) => {
				codes.bytes.len() == codes.rows * codes.cols && codes.shift <= name.shift_max()
			}
		};
		if fits {
			Ok(())
		} else {
			Err(ModelError::Range(part, name))
		}
	}
}

impl<'a> PartTensors<'a> {
	/// Checks that the tensors are those of the architecture's part, and every number of theirs.
	pub fn validate(&self, architecture: &Architecture, part: Part) -> Result<(), ModelError> {
		let expected = architecture.tensors(part);
		if self.0.len() != expected.len() {
			return Err(ModelError::Shape(part, None));
		}
		for ((name, view), (expected, shape)) in self.0.iter().zip(expected) {
			if (*name, view.shape()) != (expected, shape) {
				return Err(ModelError::Shape(part, Some(expected)));
			}
			view.validate(part, *name)?;
		}
		Ok(())
	}

	/// Returns a tensor.
	pub fn get(&self, name: Name) -> Option<View<'a>> {
		self.0.iter().find(|(own, _)| *own == name).map(|(_, view)| *view)
	}

	/// Returns a matrix.
	pub fn matrix(&self, name: Name) -> Option<Matrix<'a>> {
		match self.get(name)? {
			View::Matrix(matrix) => Some(matrix),
			_ => None,
		}
	}

	/// Returns a gain.
	pub fn gain(&self, name: Name) -> Option<Gain<'a>> {
		match self.get(name)? {
			View::Gain(gain) => Some(gain),
			_ => None,
		}
	}

	/// Returns the adapter of a projection, which is named by the matrix that it stands on: gate, up or down.
	pub fn adapter(&self, base: Name) -> Option<Adapter<'a>> {
		let (input, output) = base.adapter()?;
		let codes = |name| match self.get(name)? {
			View::Codes(codes) => Some(codes),
			_ => None,
		};
		Adapter::new(codes(input)?, codes(output)?)
	}

	/// Returns a bias.
	pub fn bias(&self, name: Name) -> Option<&'a [i32]> {
		match self.get(name)? {
			View::Bias(bias) => Some(bias),
			_ => None,
		}
	}
}

/// A validated model, borrowed so that a baseline and a candidate can share tensors.
#[derive(Clone, Debug)]
pub struct Model<'a> {
	architecture: &'a Architecture,
	parts: Vec<PartTensors<'a>>,
	experts: Vec<PartTensors<'a>>,
	/// Index of each layer's first expert.
	firsts: Vec<usize>,
}

impl<'a> Model<'a> {
	/// Takes all parts in the order of [`Architecture::parts`] and all experts in that of
	/// [`Architecture::expert_parts`], and checks them all.
	pub fn new(
		architecture: &'a Architecture,
		parts: Vec<PartTensors<'a>>,
		experts: Vec<PartTensors<'a>>,
	) -> Result<Self, ModelError> {
		architecture.validate()?;
		let model = Self::assemble(architecture, parts, experts)?;
		let named = architecture.parts().into_iter().zip(&model.parts);
		for (part, tensors) in named.chain(architecture.expert_parts().zip(&model.experts)) {
			tensors.validate(architecture, part)?;
		}
		Ok(model)
	}

	/// Takes what [`Self::new`] takes without reading a tensor: for parts whose files were validated when they were
	/// written, and whose hashes were checked. The architecture must be valid.
	pub fn assemble(
		architecture: &'a Architecture,
		parts: Vec<PartTensors<'a>>,
		experts: Vec<PartTensors<'a>>,
	) -> Result<Self, ModelError> {
		if parts.len() != architecture.layers.len() + 2 || experts.len() != architecture.experts() as usize {
			return Err(ModelError::PartCount);
		}
		let counts = (0..architecture.layers.len())
			.map(|layer| architecture.routing(layer as u8).map_or(0, |routing| usize::from(routing.experts)));
		let firsts = counts.scan(0, |next, count| Some(core::mem::replace(next, *next + count))).collect();
		Ok(Self { architecture, parts, experts, firsts })
	}

	/// Returns the architecture.
	pub fn architecture(&self) -> &'a Architecture {
		self.architecture
	}

	/// Returns the tensors of a part; `None` if the model has no such part.
	pub fn part(&self, part: Part) -> Option<&PartTensors<'a>> {
		match part {
			Part::Embedding => self.parts.first(),
			Part::Layer(layer) if usize::from(layer) < self.firsts.len() => {
				self.parts.get(usize::from(layer) + 1)
			}
			Part::Layer(_) => None,
			Part::Head => self.parts.last(),
			Part::Expert { .. } => self.experts.get(self.expert_index(part)?),
		}
	}

	/// Returns the model with another expert in one slot, checked.
	pub fn with_expert(&self, part: Part, tensors: PartTensors<'a>) -> Result<Self, ModelError> {
		tensors.validate(self.architecture, part)?;
		let index = self.expert_index(part).ok_or(ModelError::PartCount)?;
		let mut model = self.clone();
		model.experts[index] = tensors;
		Ok(model)
	}

	fn expert_index(&self, part: Part) -> Option<usize> {
		let Part::Expert { layer, expert } = part else { return None };
		self.architecture.routing(layer).filter(|routing| expert < routing.experts)?;
		Some(self.firsts.get(usize::from(layer))? + usize::from(expert))
	}

	/// Returns the embedding.
	pub fn embedding(&self) -> Option<Matrix<'a>> {
		self.part(Part::Embedding)?.matrix(Name::Embedding)
	}

	/// Returns the turns a position of each pair of a head.
	pub fn frequencies(&self) -> Option<&'a [u64]> {
		match self.part(Part::Embedding)?.get(Name::Frequencies)? {
			View::Frequencies(frequencies) => Some(frequencies),
			_ => None,
		}
	}

	/// Returns the matrix of the head: its own, or the embedding with the head's scale.
	pub fn head(&self) -> Option<Matrix<'a>> {
		match self.part(Part::Head)?.get(Name::Head)? {
			View::Matrix(matrix) => Some(matrix),
			View::Scale(scale) => Some(Matrix { scale, ..self.embedding()? }),
			_ => None,
		}
	}

	/// Checks that ids are those of a sequence with at least one position, and returns its positions.
	pub fn positions(&self, ids: &[u32]) -> Result<u32, ModelError> {
		let context = self.architecture.context;
		let positions = u32::try_from(ids.len()).ok().and_then(|ids| ids.checked_sub(1));
		if let Some(&id) = ids.iter().find(|&&id| id >= self.architecture.vocabulary) {
			return Err(ModelError::Token(id));
		}
		positions
			.filter(|positions| (1..=context).contains(positions))
			.ok_or(ModelError::SequenceLength(ids.len()))
	}
}

/// Returns the root by which receipts name a model: its architecture, all parts but the experts, and the experts.
pub fn model_root(architecture: &Architecture, parts: &[Hash], experts: &[Hash]) -> Hash {
	let root = |hashes: &[Hash]| merkle::root_of(hashes.iter().map(Hash::as_slice));
	model_root_over(&architecture_hash(architecture), &root(parts), &root(experts))
}

/// Returns the hash of an architecture's canonical bytes.
pub fn architecture_hash(architecture: &Architecture) -> Hash {
	blake2_256(&[&architecture.to_bytes()])
}

/// Returns [`model_root`] from the hash of the architecture and the Merkle roots over parts and experts.
pub fn model_root_over(architecture: &Hash, parts: &Hash, experts: &Hash) -> Hash {
	blake2_256(&[ROOT_CONTEXT, architecture, parts, experts])
}
