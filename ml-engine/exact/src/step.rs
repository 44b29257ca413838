//! One block of one operator, computed again from proven inputs: how the chain settles a dispute.
//!
//! [`compute`] says what a block is; it asks for its inputs through [`Inputs`] and trusts nothing they say. Behind
//! that trait stands either a whole execution ([`Prover`]), whose answers are noted down as a [`Witness`], or that
//! witness, each answer of which is checked against what the two parties agree on and against the statement's
//! roots. So prover and judge cannot disagree about what is read, in which order, or what it means.
//!
//! Inputs that both parties agree on may still be nonsense, if both lie. Every number is therefore held against the
//! bound that the definition gives it, and a number outside of it condemns both ([`StepError::InputImpossible`]).

mod judge;
mod prover;

pub use prover::{ExpertFiles, Prover};

use crate::{
	attention::{attend, quantise_head, quantise_value},
	block::{unpack, BlockShape, Layout},
	hash::{blake2_256, Hash},
	linear::{add_residual, Matrix, LOGIT_MAX, PROJECTION_MAX, RESIDUAL_MAX},
	loss::loss,
	norm::{norm_quant, norm_quant_squared_relu, Activations},
	number::Scale,
	program::{Operator, Program, Shape},
	rotary::rotate,
	routing::{mix, route, Choice, GATE_ONE},
	trace::{activation_bytes, choice_bytes, integer_bytes, token_before},
};
use alloc::{collections::BTreeMap, vec, vec::Vec};
use core::ops::Range;
use judge::Judge;

/// Slot in which the candidate takes the place of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CandidateSlot {
	/// Layer of the slot.
	pub layer: u8,
	/// Expert index of the slot.
	pub expert: u16,
	/// Tensor root of the candidate.
	pub tensor_root: Hash,
}

/// Commitments against which the inputs of a trace are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitments {
	/// Root of the model: [`model_root`](crate::model_root).
	pub model_root: Hash,
	/// The candidate, in a trace of the model with it.
	pub candidate: Option<CandidateSlot>,
	/// Merkle root over the sequences of the holdout.
	pub holdout_root: Hash,
	/// Sequences in the holdout.
	pub holdout_sequences: u32,
	/// Index of the sequence in it.
	pub sequence: u32,
}

/// A block of a program's execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
	/// The operator's place in the program.
	pub operator: usize,
	/// The row of its output.
	pub row: usize,
	/// The block of the row.
	pub block: usize,
}

/// Everything that computing one block reads, with proofs, in the order in which it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
	feature = "codec",
	derive(codec::Encode, codec::Decode, codec::DecodeWithMemTracking, scale_info::TypeInfo),
	scale_info(capture_docs = "always")
)]
pub struct Witness(pub Vec<Evidence>);

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
	feature = "codec",
	derive(codec::Encode, codec::Decode, codec::DecodeWithMemTracking, scale_info::TypeInfo),
	scale_info(capture_docs = "always")
)]
pub enum Evidence {
	/// Consecutive blocks of a row of an earlier operator.
	Blocks {
		/// Their bytes.
		bytes: Vec<u8>,
		/// Hashes of the row's other blocks, in order.
		others: Vec<Hash>,
		/// Path of the row to the operator's root: [`tree::prove`](crate::tree::prove).
		path: Vec<Hash>,
	},
	/// The whole output of an earlier operator.
	Output(Vec<u8>),
	/// Preimage of the model root.
	Model {
		/// Tensor root of the trunk.
		trunk: Hash,
		/// Merkle root over the tensor roots of the heads.
		heads: Hash,
	},
	/// A head of the model.
	Head {
		/// Its tensor root.
		tensor_root: Hash,
		/// Its path to the root over the heads: [`merkle::prove`](crate::merkle::prove).
		path: Vec<Hash>,
	},
	/// A tile of a TensorBlock.
	Tile {
		/// Its bytes.
		bytes: Vec<u8>,
		/// Merkle root over the block's tiles.
		tiles: Hash,
		/// The tile's path to it: [`merkle::prove`](crate::merkle::prove).
		path: Vec<Hash>,
	},
	/// The sequence.
	Sequence {
		/// Its bytes.
		bytes: Vec<u8>,
		/// Its path to the root of the holdout: [`merkle::prove`](crate::merkle::prove).
		path: Vec<Hash>,
	},
}

/// Reason why a block cannot be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepError {
	/// The program has no such operator, row or block, or fewer operators are agreed on than it reads.
	NoSuchPlace,
	/// The witness ends early, goes on too long, or holds another kind of evidence than is read next.
	WitnessMalformed,
	/// Bytes of the witness do not lead to what both parties agreed on, or to the statement's roots.
	WitnessUnproven,
	/// Proven bytes are not a valid tensor: any score claimed over them is wrong.
	TensorInvalid,
	/// A number that both parties agree on lies outside of the bound that the definition gives it: both are wrong.
	InputImpossible,
}

impl StepError {
	/// Returns whether the error is proven against both parties, rather than against the witness.
	pub fn condemns_both(&self) -> bool {
		matches!(self, Self::TensorInvalid | Self::InputImpossible)
	}
}

/// TensorBlock of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tensors {
	/// The trunk.
	Trunk,
	/// Expert that fills a slot in this trace: the candidate or the head.
	Expert {
		/// Layer of the slot.
		layer: u8,
		/// Expert index of the slot.
		expert: u16,
	},
}

/// Source of the inputs of a block. Each method returns exactly as many bytes as were asked for.
pub trait Inputs {
	/// Reads consecutive blocks of a row of an earlier operator's output.
	fn blocks(&mut self, operator: usize, row: usize, blocks: Range<usize>) -> Result<Vec<u8>, StepError>;
	/// Reads the whole output of an earlier operator.
	fn output(&mut self, operator: usize) -> Result<Vec<u8>, StepError>;
	/// Reads bytes of a TensorBlock's payload, by their place in the file.
	fn tensor(&mut self, tensors: Tensors, range: Range<usize>) -> Result<Vec<u8>, StepError>;
	/// Reads the sequence.
	fn sequence(&mut self) -> Result<Vec<u8>, StepError>;
}

/// Computes the block at `place` from a witness and returns its hash.
///
/// `agreed` are the roots of the outputs of all operators in front of it, which both parties share.
/// Reads nothing but its arguments; takes time and memory in proportion to the witness.
pub fn execute(
	program: &Program,
	commitments: &Commitments,
	agreed: &[Hash],
	place: Place,
	witness: &Witness,
) -> Result<Hash, StepError> {
	if agreed.len() < place.operator {
		return Err(StepError::NoSuchPlace);
	}
	let mut judge = Judge {
		program,
		commitments,
		agreed: &agreed[..place.operator],
		evidence: witness.0.iter(),
		model: None,
		heads: BTreeMap::new(),
		tiles: BTreeMap::new(),
		sequence: None,
	};
	let block = compute(program, place, &mut judge)?;
	match judge.evidence.next() {
		None => Ok(blake2_256(&[&block])),
		Some(_) => Err(StepError::WitnessMalformed),
	}
}

/// Computes the bytes of a block.
pub fn compute(program: &Program, place: Place, inputs: &mut impl Inputs) -> Result<Vec<u8>, StepError> {
	let Place { operator: index, row, block } = place;
	let operator = program.operator(index).ok_or(StepError::NoSuchPlace)?;
	let shape = program.shape(operator);
	if row >= shape.rows || block >= shape.blocks() {
		return Err(StepError::NoSuchPlace);
	}
	Step { program, inputs, index, row, block, shape }.run(operator)
}

/// One block on its way.
struct Step<'a, I> {
	program: &'a Program,
	inputs: &'a mut I,
	index: usize,
	row: usize,
	block: usize,
	shape: Shape,
}

/// The matrices of a trunk, by their places in its file.
struct TrunkMatrix {
	section: usize,
	scale: usize,
	ternary: bool,
	cols: usize,
}

impl<I: Inputs> Step<'_, I> {
	fn run(mut self, operator: Operator) -> Result<Vec<u8>, StepError> {
		use Operator::*;
		let (row, config) = (self.row, *self.program.config());
		let layers = usize::from(config.layers);
		match operator {
			Embed => self.embed(),
			AttentionInput(layer) => {
				let h = self.stream(self.program.stream_before(layer), row)?;
				self.normalised(&h, 3 + 8 * usize::from(layer))
			}
			Query(layer) => self.projected(layer, 0),
			Key(layer) => self.projected(layer, 1),
			Value(layer) => self.projected(layer, 2),
			QueryHeads(layer) => self.query_heads(layer),
			KeyHeads(layer) => self.key_heads(layer),
			ValueHeads(layer) => self.value_heads(layer),
			Attention(layer) => self.attention(layer),
			AttentionOutput(layer) => {
				// |attention| <= 127 * 256.
				let said = self.integers(Attention(layer), row, 127 * 256)?;
				self.normalised(&said, 8 + 8 * usize::from(layer))
			}
			AttentionResidual(layer) => self.attention_residual(layer),
			MixtureInput(layer) => {
				let h = self.stream(AttentionResidual(layer), row)?;
				self.normalised(&h, 9 + 8 * usize::from(layer))
			}
			RouterLogits(layer) => {
				let input = self.activations(MixtureInput(layer), row)?;
				let layer = usize::from(layer);
				let router = TrunkMatrix {
					section: 10 + 8 * layer,
					scale: 5 + 5 * layer,
					ternary: false,
					cols: usize::from(config.d_model),
				};
				let matrix = self.trunk_rows(&router)?;
				Ok(integer_bytes(&matrix.logits(&input)))
			}
			Route(layer) => {
				let logits = self.integers(RouterLogits(layer), row, LOGIT_MAX)?;
				Ok(choice_bytes(&route(&logits, usize::from(config.top_k))))
			}
			Up(layer, rank) => self.up(layer, rank),
			Hidden(layer, rank) => self.hidden(layer, rank),
			Down(layer, rank) => self.down(layer, rank),
			Mix(layer) => self.mix(layer),
			HeadInput => {
				let h = self.stream(self.program.stream_before(config.layers), row)?;
				self.normalised(&h, 3 + 8 * layers)
			}
			Logits => {
				let input = self.activations(HeadInput, row)?;
				let head = TrunkMatrix {
					section: 4 + 8 * layers,
					scale: 1 + 5 * layers,
					ternary: false,
					cols: usize::from(config.d_model),
				};
				let matrix = self.trunk_rows(&head)?;
				Ok(integer_bytes(&matrix.logits(&input)))
			}
			Loss => {
				let logits = self.integers(Logits, row, LOGIT_MAX)?;
				let target = self.inputs.sequence()?.get(row).copied().ok_or(StepError::NoSuchPlace)?;
				Ok(loss(&logits, target).to_le_bytes().to_vec())
			}
			Total => self.total(),
		}
	}

	/// Columns of this block, four bytes each.
	fn columns(&self) -> Range<usize> {
		let start = self.block * self.shape.block_bytes;
		start / 4..(start + self.shape.block_bytes).min(self.shape.row_bytes) / 4
	}

	/// Reads all blocks of a row of an earlier operator.
	fn whole_row(&mut self, operator: Operator, row: usize) -> Result<Vec<u8>, StepError> {
		let blocks = self.program.shape(operator).blocks();
		self.inputs.blocks(self.earlier(operator)?, row, 0..blocks)
	}

	/// Returns the place of an operator that this one reads.
	fn earlier(&self, operator: Operator) -> Result<usize, StepError> {
		let index = self.program.index_of(operator);
		if index < self.index {
			Ok(index)
		} else {
			Err(StepError::NoSuchPlace)
		}
	}

	/// Reads a row of integers of at most `bound` in magnitude.
	fn integers(&mut self, operator: Operator, row: usize, bound: i32) -> Result<Vec<i32>, StepError> {
		bounded(&self.whole_row(operator, row)?, -bound..=bound)
	}

	/// Reads a row of the residual stream.
	fn stream(&mut self, operator: Operator, row: usize) -> Result<Vec<i32>, StepError> {
		self.integers(operator, row, RESIDUAL_MAX)
	}

	/// Reads the entries of the same columns as this block's, in a row of the same width.
	fn same_columns(&mut self, operator: Operator) -> Result<Vec<i32>, StepError> {
		let (operator, block) = (self.earlier(operator)?, self.block);
		let bytes = self.inputs.blocks(operator, self.row, block..block + 1)?;
		bounded(&bytes, -RESIDUAL_MAX..=RESIDUAL_MAX)
	}

	/// Reads a row of activations.
	fn activations(&mut self, operator: Operator, row: usize) -> Result<Activations, StepError> {
		let bytes = self.whole_row(operator, row)?;
		let (entries, scale) = bytes.split_last_chunk().ok_or(StepError::WitnessMalformed)?;
		let scale = u32::from_le_bytes(*scale);
		let values = eight_bit(entries)?;
		// Below 2^22: `peak_over_rms`.
		if scale >= 1 << 22 {
			return Err(StepError::InputImpossible);
		}
		Ok(Activations { values, scale })
	}

	/// Reads gains, or any 16-bit numbers, of a section.
	fn gains(&mut self, tensors: Tensors, section: usize) -> Result<Vec<i16>, StepError> {
		let range = self.layout(tensors)?.sections.get(section).cloned().ok_or(StepError::NoSuchPlace)?;
		Ok(sixteen_bit(&self.inputs.tensor(tensors, range)?))
	}

	fn layout(&self, tensors: Tensors) -> Result<Layout, StepError> {
		layout_of(self.program, tensors)
	}

	fn scale(&mut self, tensors: Tensors, index: usize) -> Result<Scale, StepError> {
		let start = self.layout(tensors)?.sections[0].start + index * Scale::BYTES;
		let bytes = self.inputs.tensor(tensors, start..start + Scale::BYTES)?;
		let bytes = bytes.as_slice().try_into().map_err(|_| StepError::WitnessMalformed)?;
		Scale::from_bytes(bytes).ok_or(StepError::TensorInvalid)
	}

	/// Reads the rows of an expert's matrix that give this block's columns.
	fn expert_rows(
		&mut self,
		tensors: Tensors,
		section: usize,
		scale: usize,
		cols: usize,
	) -> Result<Matrix, StepError> {
		let rows = self.columns();
		let start = self.layout(tensors)?.sections.get(section).ok_or(StepError::NoSuchPlace)?.start;
		let range = start + rows.start * cols / 4..start + rows.end * cols / 4;
		let weights = unpack(&self.inputs.tensor(tensors, range)?).ok_or(StepError::TensorInvalid)?;
		let scale = self.scale(tensors, scale)?;
		Ok(Matrix { rows: rows.len(), cols, weights, scale })
	}

	/// Reads the rows of a trunk's matrix that give this block's columns.
	fn trunk_rows(&mut self, matrix: &TrunkMatrix) -> Result<Matrix, StepError> {
		let &TrunkMatrix { section, scale, ternary, cols } = matrix;
		if ternary {
			return self.expert_rows(Tensors::Trunk, section, scale, cols);
		}
		let rows = self.columns();
		let start = self.layout(Tensors::Trunk)?.sections.get(section).ok_or(StepError::NoSuchPlace)?.start;
		let range = start + rows.start * cols..start + rows.end * cols;
		let weights = signed(&self.inputs.tensor(Tensors::Trunk, range)?);
		let scale = self.scale(Tensors::Trunk, scale)?;
		Ok(Matrix { rows: rows.len(), cols, weights, scale })
	}

	fn embed(mut self) -> Result<Vec<u8>, StepError> {
		let token = usize::from(token_before(&self.inputs.sequence()?, self.row));
		let (d, columns) = (usize::from(self.program.config().d_model), self.columns());
		let start = self.layout(Tensors::Trunk)?.sections[1].start + token * d;
		let bytes = self.inputs.tensor(Tensors::Trunk, start + columns.start..start + columns.end)?;
		let scale = self.scale(Tensors::Trunk, 0)?;
		let row = Matrix { rows: 1, cols: columns.len(), weights: signed(&bytes), scale };
		Ok(integer_bytes(&row.embed(0)))
	}

	fn normalised(&mut self, row: &[i32], section: usize) -> Result<Vec<u8>, StepError> {
		let gains = self.gains(Tensors::Trunk, section)?;
		Ok(activation_bytes(&norm_quant(row, &gains)))
	}

	/// Computes queries, keys or values: the product with the matrix at `place` (0, 1, 2) of a layer's attention.
	fn projected(mut self, layer: u8, place: usize) -> Result<Vec<u8>, StepError> {
		let input = self.activations(Operator::AttentionInput(layer), self.row)?;
		let layer = usize::from(layer);
		let matrix = self.trunk_rows(&TrunkMatrix {
			section: 4 + 8 * layer + place,
			scale: 1 + 5 * layer + place,
			ternary: true,
			cols: input.values.len(),
		})?;
		Ok(integer_bytes(&matrix.project(&input, PROJECTION_MAX)))
	}

	/// Reads the rotary angles of some positions, one after another.
	fn angles(&mut self, positions: Range<usize>) -> Result<Vec<[i16; 2]>, StepError> {
		let bytes = 2 * self.program.config().head_size();
		let start = self.layout(Tensors::Trunk)?.sections[2].start;
		let range = start + positions.start * bytes..start + positions.end * bytes;
		let numbers = sixteen_bit(&self.inputs.tensor(Tensors::Trunk, range)?);
		Ok(numbers.as_chunks().0.to_vec())
	}

	fn query_heads(mut self, layer: u8) -> Result<Vec<u8>, StepError> {
		let size = self.program.config().head_size();
		let mut query = self.integers(Operator::Query(layer), self.row, PROJECTION_MAX)?;
		let angles = self.angles(self.row..self.row + 1)?;
		rotate(&mut query, &angles);
		let (mut bytes, mut maxima) = (Vec::new(), Vec::new());
		for head in query.chunks(size) {
			let mut quantised = vec![0; size];
			maxima.push(quantise_head(head, &mut quantised));
			bytes.extend(quantised.iter().map(|&q| q as u8));
		}
		bytes.extend(integer_bytes(&maxima));
		Ok(bytes)
	}

	/// Returns the positions of this block, where a row is one head's entries.
	fn positions(&self) -> Range<usize> {
		let entry = self.shape.row_bytes / self.program.positions();
		let start = self.block * self.shape.block_bytes;
		start / entry..(start + self.shape.block_bytes).min(self.shape.row_bytes) / entry
	}

	/// Reads one head's columns of a row of keys or values.
	fn head_columns(&mut self, operator: Operator, position: usize) -> Result<Vec<i32>, StepError> {
		let size = self.program.config().head_size();
		let columns = self.row * size..(self.row + 1) * size;
		let width = self.program.shape(operator).block_bytes / 4;
		let blocks = columns.start / width..columns.end.div_ceil(width);
		let first = blocks.start * width;
		let bytes = self.inputs.blocks(self.earlier(operator)?, position, blocks)?;
		let entries = bounded(&bytes, -PROJECTION_MAX..=PROJECTION_MAX)?;
		entries
			.get(columns.start - first..columns.end - first)
			.map(<[i32]>::to_vec)
			.ok_or(StepError::NoSuchPlace)
	}

	fn key_heads(mut self, layer: u8) -> Result<Vec<u8>, StepError> {
		let size = self.program.config().head_size();
		let positions = self.positions();
		let angles = self.angles(positions.clone())?;
		let mut bytes = Vec::new();
		for (position, angles) in positions.zip(angles.chunks(size / 2)) {
			let mut key = self.head_columns(Operator::Key(layer), position)?;
			rotate(&mut key, angles);
			let mut quantised = vec![0; size];
			let maximum = quantise_head(&key, &mut quantised);
			bytes.extend(quantised.iter().map(|&k| k as u8));
			bytes.extend(maximum.to_le_bytes());
		}
		Ok(bytes)
	}

	fn value_heads(mut self, layer: u8) -> Result<Vec<u8>, StepError> {
		let mut bytes = Vec::new();
		for position in self.positions() {
			let value = self.head_columns(Operator::Value(layer), position)?;
			bytes.extend(value.iter().map(|&v| quantise_value(v) as u8));
		}
		Ok(bytes)
	}

	fn attention(mut self, layer: u8) -> Result<Vec<u8>, StepError> {
		let (d, size) = (usize::from(self.program.config().d_model), self.program.config().head_size());
		let (columns, row) = (self.columns(), self.row);
		let bytes = self.whole_row(Operator::QueryHeads(layer), row)?;
		let query = eight_bit(bytes.get(..d).ok_or(StepError::WitnessMalformed)?)?;
		let maxima = maxima(bytes.get(d..).ok_or(StepError::WitnessMalformed)?)?;
		let heads = columns.start / size..columns.end.div_ceil(size);
		let mut said = Vec::new();
		for head in heads.clone() {
			let keys = self.past(Operator::KeyHeads(layer), head)?;
			let (mut past_keys, mut past_maxima) = (Vec::new(), Vec::new());
			for entry in keys.chunks_exact(size + 4).take(row + 1) {
				let (key, maximum) = entry.split_at(size);
				past_keys.push(eight_bit(key)?);
				past_maxima.extend(self::maxima(maximum)?);
			}
			let values = self.past(Operator::ValueHeads(layer), head)?;
			let values: Vec<Vec<i8>> =
				values.chunks_exact(size).take(row + 1).map(eight_bit).collect::<Result<_, _>>()?;
			let keys: Vec<&[i8]> = past_keys.iter().map(Vec::as_slice).collect();
			let values: Vec<&[i8]> = values.iter().map(Vec::as_slice).collect();
			let query = &query[head * size..(head + 1) * size];
			said.extend(attend(query, maxima[head], &keys, &past_maxima, &values));
		}
		let first = heads.start * size;
		let said = said.get(columns.start - first..columns.end - first).ok_or(StepError::NoSuchPlace)?;
		Ok(integer_bytes(said))
	}

	/// Reads the entries of one head, up to this row's position and the end of its block.
	fn past(&mut self, operator: Operator, head: usize) -> Result<Vec<u8>, StepError> {
		let shape = self.program.shape(operator);
		let entry = shape.row_bytes / self.program.positions();
		let blocks = ((self.row + 1) * entry).div_ceil(shape.block_bytes);
		self.inputs.blocks(self.earlier(operator)?, head, 0..blocks)
	}

	fn attention_residual(mut self, layer: u8) -> Result<Vec<u8>, StepError> {
		let mut h = self.same_columns(self.program.stream_before(layer))?;
		let input = self.activations(Operator::AttentionOutput(layer), self.row)?;
		let layer = usize::from(layer);
		let matrix = self.trunk_rows(&TrunkMatrix {
			section: 7 + 8 * layer,
			scale: 4 + 5 * layer,
			ternary: true,
			cols: input.values.len(),
		})?;
		add_residual(&mut h, &matrix.project(&input, RESIDUAL_MAX));
		Ok(integer_bytes(&h))
	}

	/// Reads the choices of this row's token.
	fn choices(&mut self, layer: u8) -> Result<Vec<Choice>, StepError> {
		let bytes = self.whole_row(Operator::Route(layer), self.row)?;
		let choice = |&[a, b, c, d, e, f]: &[u8; 6]| {
			let (expert, gate) = (u16::from_le_bytes([a, b]), u32::from_le_bytes([c, d, e, f]));
			let is_possible = expert < self.program.config().experts && gate <= GATE_ONE;
			is_possible.then_some(Choice { expert: expert.into(), gate }).ok_or(StepError::InputImpossible)
		};
		bytes.as_chunks().0.iter().map(choice).collect()
	}

	/// Reads the expert that this row's token goes to at a rank.
	fn expert(&mut self, layer: u8, rank: u8) -> Result<Tensors, StepError> {
		let choices = self.choices(layer)?;
		let choice = choices.get(usize::from(rank)).ok_or(StepError::NoSuchPlace)?;
		// Experts are below 512.
		Ok(Tensors::Expert { layer, expert: choice.expert as u16 })
	}

	fn up(mut self, layer: u8, rank: u8) -> Result<Vec<u8>, StepError> {
		let input = self.activations(Operator::MixtureInput(layer), self.row)?;
		let expert = self.expert(layer, rank)?;
		let matrix = self.expert_rows(expert, 1, 0, input.values.len())?;
		Ok(integer_bytes(&matrix.accumulate(&input.values)))
	}

	fn hidden(mut self, layer: u8, rank: u8) -> Result<Vec<u8>, StepError> {
		// |accumulator| <= 127 * 512.
		let accumulators = self.integers(Operator::Up(layer, rank), self.row, 127 * 512)?;
		let expert = self.expert(layer, rank)?;
		let gains = self.gains(expert, 2)?;
		Ok(activation_bytes(&norm_quant_squared_relu(&accumulators, &gains)))
	}

	fn down(mut self, layer: u8, rank: u8) -> Result<Vec<u8>, StepError> {
		let hidden = self.activations(Operator::Hidden(layer, rank), self.row)?;
		let expert = self.expert(layer, rank)?;
		let matrix = self.expert_rows(expert, 3, 1, hidden.values.len())?;
		Ok(integer_bytes(&matrix.project(&hidden, RESIDUAL_MAX)))
	}

	fn mix(mut self, layer: u8) -> Result<Vec<u8>, StepError> {
		let mut h = self.same_columns(Operator::AttentionResidual(layer))?;
		let choices = self.choices(layer)?;
		let mut outputs = Vec::new();
		for rank in 0..self.program.config().top_k {
			outputs.push(self.same_columns(Operator::Down(layer, rank))?);
		}
		mix(&mut h, &choices, &outputs);
		Ok(integer_bytes(&h))
	}

	fn total(self) -> Result<Vec<u8>, StepError> {
		let losses = self.inputs.output(self.earlier(Operator::Loss)?)?;
		let mut total = 0_u64;
		for loss in losses.as_chunks().0 {
			let loss = u64::from_le_bytes(*loss);
			// A byte costs below 2^31 + 2^19.
			if loss >= 1 << 32 {
				return Err(StepError::InputImpossible);
			}
			total += loss;
		}
		Ok(total.to_le_bytes().to_vec())
	}
}

/// Integers within a range.
fn bounded(bytes: &[u8], range: core::ops::RangeInclusive<i32>) -> Result<Vec<i32>, StepError> {
	let integer = |bytes: &[u8; 4]| Some(i32::from_le_bytes(*bytes)).filter(|x| range.contains(x));
	bytes.as_chunks().0.iter().map(integer).collect::<Option<_>>().ok_or(StepError::InputImpossible)
}

/// Decodes the largest entries of heads: from 0 to 2^21, the bound of a rotated projection.
fn maxima(bytes: &[u8]) -> Result<Vec<i32>, StepError> {
	bounded(bytes, 0..=1 << 21)
}

/// Decodes quantised entries, from -127 to 127.
fn eight_bit(bytes: &[u8]) -> Result<Vec<i8>, StepError> {
	let entries = signed(bytes);
	if entries.contains(&i8::MIN) {
		return Err(StepError::InputImpossible);
	}
	Ok(entries)
}

fn signed(bytes: &[u8]) -> Vec<i8> {
	bytes.iter().map(|&byte| byte as i8).collect()
}

fn sixteen_bit(bytes: &[u8]) -> Vec<i16> {
	bytes.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

fn layout_of(program: &Program, tensors: Tensors) -> Result<Layout, StepError> {
	let config = program.config();
	let shape = match tensors {
		Tensors::Trunk => BlockShape::Trunk(*config),
		Tensors::Expert { .. } => BlockShape::expert_of(config),
	};
	// The program's configuration is valid, and with it every shape of its blocks.
	Layout::new(shape).map_err(|_| StepError::NoSuchPlace)
}

#[cfg(test)]
mod tests;
