//! Sizes that follow from an architecture alone.

use blyan_exact::definition2::{
	block::{tensor_bytes, Layout},
	Architecture, ArchitectureError, Kind, Name, Part, Program, Role, Source, TensorShape, WeightKind,
};
use blyan_kernel::definition2::{HeadCache, Packed};
use serde::Serialize;

/// Products of one token with all matrices of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Products {
	/// Storage of the weights.
	#[serde(serialize_with = "kind_name")]
	pub kind: WeightKind,
	/// Bits of the activations.
	pub bits: u8,
	/// Multiply-adds.
	pub multiplies: u64,
	/// Bytes of weights in memory that are read for them.
	pub bytes: u64,
}

/// Sizes of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
	/// Weights.
	pub parameters: u64,
	/// Weights that one token is multiplied with, the head's included.
	pub active_parameters: u64,
	/// Bytes of the parts' files.
	pub disk_bytes: u64,
	/// Bytes of the weights in memory, in the order of execution.
	pub memory_bytes: u64,
	/// Bytes of keys and values in memory, of one position.
	pub position_bytes: u64,
	/// Longest sequence in positions.
	pub context: u64,
	/// Products of one token in the layers, by kind.
	pub layers: Vec<Products>,
	/// Product of one token with the head.
	pub head: Products,
	/// Multiply-adds of attention, of one token for each position that it sees.
	pub attention_multiplies: u64,
}

fn kind_name<S: serde::Serializer>(kind: &WeightKind, to: S) -> Result<S::Ok, S::Error> {
	to.serialize_str(name(*kind))
}

/// Returns the name of a kind of weights.
pub fn name(kind: WeightKind) -> &'static str {
	match kind {
		WeightKind::Ternary => "ternary",
		WeightKind::Int8 => "int8",
		WeightKind::Int4By32 => "int4",
		WeightKind::Int4By64 => "int4 by 64",
	}
}

impl Sizes {
	/// Computes the sizes of a model.
	pub fn of(architecture: &Architecture) -> Result<Self, ArchitectureError> {
		let program = Program::new(architecture, 1)?;
		let parts = crate::directory::parts(architecture);
		let tensors = || parts.iter().flat_map(|part| architecture.tensors(*part));
		let layouts = parts.iter().filter_map(|part| Layout::of(architecture, *part));
		let (layers, head) = products(&program);
		let head_size = usize::from(architecture.head_size);
		let kv_heads = architecture.layers.len() * usize::from(architecture.kv_heads);
		let heads = architecture.layers.len() * usize::from(architecture.heads);
		Ok(Self {
			parameters: tensors().map(|(_, shape)| weights(&shape)).sum(),
			active_parameters: layers.iter().chain([&head]).map(|products| products.multiplies).sum(),
			disk_bytes: layouts.map(|layout| layout.file_bytes()).sum(),
			memory_bytes: tensors().map(|(_, shape)| memory_bytes(&shape)).sum(),
			position_bytes: (kv_heads * HeadCache::position_bytes(head_size)) as u64,
			context: architecture.context.into(),
			layers,
			head,
			// A score, and a weighted value.
			attention_multiplies: (2 * heads * head_size) as u64,
		})
	}

	/// Returns the bytes of weights that are read for one token, the head's included.
	pub fn token_bytes(&self) -> u64 {
		self.layers.iter().chain([&self.head]).map(|products| products.bytes).sum()
	}

	/// Returns the bytes of the keys and values of a conversation that fills the context.
	pub fn context_bytes(&self) -> u64 {
		self.context * self.position_bytes
	}
}

/// Returns the numbers of a tensor that a checkpoint has: frequencies follow from the architecture.
fn weights(shape: &TensorShape) -> u64 {
	match *shape {
		TensorShape::Matrix { rows, cols, .. } => (rows * cols) as u64,
		TensorShape::Gain(len) | TensorShape::Bias(len) => len as u64,
		TensorShape::Frequencies(_) => 0,
		// What is left has a byte for each weight, or none.
		other => tensor_bytes(&other),
	}
}

fn memory_bytes(shape: &TensorShape) -> u64 {
	match *shape {
		TensorShape::Matrix { rows, cols, kind } => Packed::bytes_of(kind, rows, cols) as u64,
		other => tensor_bytes(&other),
	}
}

/// Returns the products of one token in the layers, by kind, and that with the head.
fn products(program: &Program) -> (Vec<Products>, Products) {
	let (mut layers, mut head) = (Vec::<Products>::new(), None);
	for operator in program.operators() {
		let bits = match operator.kind {
			Kind::Linear { width, .. } | Kind::LinearAdd { width } => width,
			_ => continue,
		};
		for (source, name) in &operator.tensors {
			let Some((kind, rows, columns)) = matrix(program.architecture(), *source, *name) else {
				continue;
			};
			let (multiplies, bytes) = ((rows * columns) as u64, Packed::bytes_of(kind, rows, columns) as u64);
			let new = Products { kind, bits, multiplies, bytes };
			if operator.role == Role::Logits {
				head = Some(new);
				continue;
			}
			match layers.iter_mut().find(|known| (known.kind, known.bits) == (kind, bits)) {
				Some(known) => {
					known.multiplies += multiplies;
					known.bytes += bytes;
				}
				None => layers.push(new),
			}
		}
	}
	// Every program has a head.
	let none = Products { kind: WeightKind::Int8, bits: 8, multiplies: 0, bytes: 0 };
	(layers, head.unwrap_or(none))
}

/// Returns kind, rows and columns of a matrix that an operator reads; `None` of a bias.
fn matrix(architecture: &Architecture, source: Source, name: Name) -> Option<(WeightKind, usize, usize)> {
	let part = match source {
		Source::Part(part) => part,
		// All experts of a layer have one shape.
		Source::Chosen { layer, .. } => Part::Expert { layer, expert: 0 },
	};
	let find = |part, name| architecture.tensors(part).into_iter().find(|(other, _)| *other == name);
	match find(part, name)?.1 {
		TensorShape::Matrix { rows, cols, kind } => Some((kind, rows, cols)),
		// A head that is the embedding.
		TensorShape::Scale => matrix(architecture, Source::Part(Part::Embedding), Name::Embedding),
		_ => None,
	}
}
