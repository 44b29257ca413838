//! A computation over one sequence as a list of operators, each with an output of known shape: the evaluation of its ids, or the
//! check that they are what a model answers.
//!
//! A [`Program`] follows from the architecture and the number of positions; that of an [`Answer`], from its settings besides. Operators name what they read, earlier
//! operators and tensors alike, so that executing, tracing and judging a model is walking the list.
//!
//! | kind | inputs, in order | rows | a row |
//! |---|---|---|---|
//! | `Embed` | none | positions | `i32[d_model]` |
//! | `Norm`, `Quantise` | a row of `i32` | positions | activations: `i16[n]`, mantissa `u32`, exponent `i16` |
//! | `Linear` | activations | positions | `i32[rows of the matrix]` |
//! | `LinearAdd` | activations, stream | positions | stream: `i32[d_model]` |
//! | `AdapterIn` | activations | positions | `i64[rank of the adapter]` |
//! | `AdaptedLinear` | activations, `AdapterIn` | positions | `i32[rows of the matrix]` |
//! | `QueryHeads` | `Linear` | positions | a head after the other: `i8[head_size]`, maximum `i32` |
//! | `KeyHeads`, `ValueHeads` | `Linear` | kv heads | a position after the other: `i8[head_size]`, maximum or step `i32` |
//! | `Attention` | query, key, value heads | positions | `i32[heads * head_size]` |
//! | `Hidden` | gate, up | positions | activations |
//! | `Route` | router logits | positions | a choice a rank: expert `u16`, gate `u32` |
//! | `Mix` | stream, route, a down a rank, shared down | positions | stream |
//! | `LogitPeaks` | logits | positions | `i32` for each 4,096 logits |
//! | `LogitSums` | logits, peaks | positions | `u64` for each 4,096 logits |
//! | `Loss` | logits, peaks, sums | positions | `u64` |
//! | `Buckets` | logits, peaks, the narrowing of the round before | positions | `u64[64]` for each 4,096 logits |
//! | `Narrow` | buckets, the narrowing of the round before | positions | prefix `u32`, sum in front `u64`, sum needed `u64` |
//! | `Cut` | buckets, narrowing | positions | gap, chunk, count: `u32` each |
//! | `Best` | logits, peaks, cut | positions | for each 4,096 logits: score `i64`, token `u32` |
//! | `Miss` | best | positions | `u64`: 1 if the token that comes next was not chosen |
//! | `Total` | losses or misses | one | `u64` |
//!
//! Of an answer, the operators from the buckets on stand in the place of sums and losses ([`answer`](super::answer)).
//! Operators that read an expert's tensors have the route behind these inputs. All numbers are little endian. A row is
//! cut into blocks; rows that normalise are one block, since each of their entries depends on all others.

mod layers;
mod network;

use super::{
	answer::{Answer, Favourite},
	architecture::{Architecture, ArchitectureError, QkNorm, WeightKind},
	heads::Head,
	linear::{LOGIT_BITS, LOGIT_MAX, PROJECTION_BITS, PROJECTION_MAX, RESIDUAL_MAX},
	loss::CHUNK,
	nucleus::{Cut, Narrowing, BUCKET_BYTES, ROUNDS},
	quantise::Activations,
	routing::CHOICE_BYTES,
	tensors::{Name, Part},
};
pub use crate::program::Shape;
use alloc::{vec, vec::Vec};

/// Columns of a block, at most.
const BLOCK_COLUMNS: usize = 64;
/// Positions of a block where a row is one head's keys or values, at most.
const BLOCK_POSITIONS: usize = 16;
/// Bytes of rows of a matrix that computing one block may read; bytes of keys, where a norm reads them whole.
const BLOCK_READS: usize = 114 * 1024;

/// Purpose of an operator. Layers and ranks count from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
	/// Rows of the embedding.
	Embed,
	/// The stream, normalised for attention.
	AttentionInput(u8),
	/// Queries before norm and rotation.
	Query(u8),
	/// Keys before norm and rotation.
	Key(u8),
	/// Values before quantisation.
	Value(u8),
	/// Queries, rotated and quantised.
	QueryHeads(u8),
	/// Keys, rotated and quantised, by head.
	KeyHeads(u8),
	/// Values, quantised, by head.
	ValueHeads(u8),
	/// Output of the heads.
	Attention(u8),
	/// The same, quantised.
	AttentionOutput(u8),
	/// The stream behind attention.
	AttentionResidual(u8),
	/// The stream, normalised for the feed-forward network or the router.
	FeedForwardInput(u8),
	/// Router's logits for every expert.
	RouterLogits(u8),
	/// Chosen experts and their gates.
	Route(u8),
	/// First matrix of an adapter of the gates.
	GateIn(u8, Slot),
	/// Gates of a hidden layer.
	Gate(u8, Slot),
	/// First matrix of an adapter of the ups.
	UpIn(u8, Slot),
	/// Ups of a hidden layer.
	Up(u8, Slot),
	/// A hidden layer.
	Hidden(u8, Slot),
	/// First matrix of an adapter of the output.
	DownIn(u8, Slot),
	/// Output of a network; of a dense layer's, the stream behind the layer.
	Down(u8, Slot),
	/// The stream behind a routed layer.
	Mix(u8),
	/// The stream, normalised for the head.
	HeadInput,
	/// Logits of the next token.
	Logits,
	/// Largest logits.
	LogitPeaks,
	/// Sums of the logits' powers of two.
	LogitSums,
	/// Bits that the token that came next costs.
	Loss,
	/// Their sum.
	Total,
	/// Sums of the terms that a round of a descent looks at, by bucket.
	Buckets(u8),
	/// Bucket that a round of a descent goes on in.
	Narrow(u8),
	/// Last of the tokens that are kept.
	Cut,
	/// Best tokens.
	Best,
	/// Reports of whether the token that came next is another than the best.
	Miss,
}

/// Feed-forward network of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
	/// The only one.
	Dense,
	/// The expert chosen at a rank.
	Rank(u8),
	/// The one that every token passes besides.
	Shared,
}

/// Computation of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
	/// Reads a row of the embedding.
	Embed,
	/// Divides by the root mean square and quantises.
	Norm {
		/// Fraction bits of the input.
		unit: u8,
		/// Bits of the activations.
		width: u8,
	},
	/// Quantises.
	Quantise {
		/// Fraction bits of the input.
		unit: u8,
		/// Bits of the activations.
		width: u8,
	},
	/// Multiplies by a matrix, and adds a bias where a second tensor is listed.
	Linear {
		/// Bits of the activations.
		width: u8,
		/// Fraction bits of the output.
		fraction: u8,
		/// Bound of the output.
		bound: i32,
	},
	/// Multiplies by a matrix and adds to the stream.
	LinearAdd {
		/// Bits of the activations.
		width: u8,
	},
	/// Multiplies by the first matrix of an expert's adapter.
	AdapterIn {
		/// Bits of the activations.
		width: u8,
	},
	/// Multiplies by a matrix that experts share, and adds what the chosen one's adapter comes to. The tensors are the
	/// matrix, the adapter's second matrix, and its first one for the shift.
	AdaptedLinear {
		/// Bits of the activations.
		width: u8,
		/// Fraction bits of the output.
		fraction: u8,
		/// Bound of the output.
		bound: i32,
	},
	/// Normalises if there is a gain, rotates and quantises queries.
	QueryHeads,
	/// Normalises if there is a gain, rotates and quantises keys.
	KeyHeads,
	/// Quantises values.
	ValueHeads,
	/// Attends.
	Attention,
	/// Applies the activation function, normalises if there is a gain, and quantises.
	Hidden {
		/// Bits of the activations.
		width: u8,
	},
	/// Chooses experts.
	Route {
		/// Experts to choose from.
		experts: u16,
		/// Experts to choose.
		top_k: u8,
		/// The gates of the chosen add up to one.
		normalised: bool,
	},
	/// Adds the outputs of the chosen experts, and of the shared network, to the stream.
	Mix {
		/// Experts chosen.
		top_k: u8,
		/// The last input is the shared network's.
		shared: bool,
	},
	/// Finds the largest logit of each chunk.
	LogitPeaks,
	/// Sums powers of two of the logits of each chunk.
	LogitSums,
	/// Computes the loss of a position.
	Loss,
	/// Adds the losses, or the misses.
	Total,
	/// Sums the terms of each chunk by the next bits of their gaps.
	Buckets {
		/// Round of the descent.
		round: u8,
	},
	/// Finds the bucket that reaches top-p.
	Narrow {
		/// Round of the descent.
		round: u8,
	},
	/// Finds the last token that is kept.
	Cut,
	/// Chooses the best kept token of each chunk.
	Best,
	/// Compares the best token with the one that comes next.
	Miss,
}

/// Part that an operator reads a tensor of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
	/// Always this one.
	Part(Part),
	/// The expert that the row's route, the last of the inputs, has at a rank.
	Chosen {
		/// Its layer.
		layer: u8,
		/// The rank.
		rank: u8,
	},
}

/// One step of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
	/// Its purpose.
	pub role: Role,
	/// Its computation.
	pub kind: Kind,
	/// Places of the operators that it reads, in the order of its kind.
	pub inputs: Vec<usize>,
	/// Tensors that it reads: a matrix before its bias, a gain before the frequencies.
	pub tensors: Vec<(Source, Name)>,
	/// Shape of its output.
	pub shape: Shape,
}

/// The operators of one sequence's evaluation, or of the check of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
	architecture: Architecture,
	positions: usize,
	answer: Option<Answer>,
	operators: Vec<Operator>,
}

impl Program {
	/// Lists the operators for sequences of this many positions: one less than their ids. Refuses architectures that
	/// are out of bounds, and positions beyond the context.
	pub fn new(architecture: &Architecture, positions: u32) -> Result<Self, ArchitectureError> {
		Self::build(architecture, positions, None)
	}

	/// Lists the operators that check an answer: sequences of the ids that the model read and those that it chose, of which there are one
	/// more than positions. The total is the number of tokens that it would not have chosen. Refuses what [`Self::new`] refuses.
	pub fn answer_check(
		architecture: &Architecture,
		positions: u32,
		answer: Answer,
	) -> Result<Self, ArchitectureError> {
		Self::build(architecture, positions, Some(answer))
	}

	fn build(
		architecture: &Architecture,
		positions: u32,
		answer: Option<Answer>,
	) -> Result<Self, ArchitectureError> {
		architecture.validate()?;
		if !(1..=architecture.context).contains(&positions) {
			return Err(ArchitectureError::Context(positions));
		}
		let positions = positions as usize;
		let mut builder = Builder { architecture, positions, operators: Vec::new() };
		builder.run(answer.as_ref());
		let operators = builder.operators;
		Ok(Self { architecture: architecture.clone(), positions, answer, operators })
	}

	/// Returns the architecture.
	pub fn architecture(&self) -> &Architecture {
		&self.architecture
	}

	/// Returns the positions of the sequence.
	pub fn positions(&self) -> usize {
		self.positions
	}

	/// Returns the settings of the answer that is checked; `None` of an evaluation.
	pub fn answer(&self) -> Option<&Answer> {
		self.answer.as_ref()
	}

	/// Returns the operators in order; each reads only earlier ones.
	pub fn operators(&self) -> &[Operator] {
		&self.operators
	}

	/// Returns the operator at a place in the list.
	pub fn operator(&self, index: usize) -> Option<&Operator> {
		self.operators.get(index)
	}

	/// Returns the place of an operator by its purpose.
	pub fn index_of(&self, role: Role) -> Option<usize> {
		self.operators.iter().position(|operator| operator.role == role)
	}
}

/// Returns the columns of a block of a matrix's output: the largest power of two up to 64 whose rows fit
/// 114 KiB.
pub fn block_columns(kind: WeightKind, cols: usize) -> usize {
	block_rows(kind.row_bytes(cols))
}

/// Returns the rows of a matrix that a block reads: the largest power of two up to 64 of which so many bytes each fit
/// 114 KiB.
fn block_rows(row_bytes: usize) -> usize {
	let mut rows = BLOCK_COLUMNS;
	while rows > 1 && rows * row_bytes > BLOCK_READS {
		rows /= 2;
	}
	rows
}

/// A list of operators on its way.
struct Builder<'a> {
	architecture: &'a Architecture,
	positions: usize,
	operators: Vec<Operator>,
}

impl Builder<'_> {
	fn run(&mut self, answer: Option<&Answer>) {
		let architecture = self.architecture;
		let (fraction, vocabulary) = (architecture.fraction, architecture.vocabulary as usize);
		let d = usize::from(architecture.d_model);
		let shape = self.columns(d, BLOCK_COLUMNS);
		let mut stream =
			self.put(Role::Embed, Kind::Embed, &[], &[own(Part::Embedding, Name::Embedding)], shape);
		for layer in 0..architecture.layers.len() {
			stream = self.layer(layer as u8, stream);
		}
		let width = architecture.bits.input;
		let gain = own(Part::Head, Name::HeadGain);
		let norm = Kind::Norm { unit: fraction, width };
		let input = self.put(Role::HeadInput, norm, &[stream], &[gain], self.whole(Activations::bytes(d)));
		let linear = Kind::Linear { width, fraction: LOGIT_BITS, bound: LOGIT_MAX };
		let block = block_columns(architecture.head.unwrap_or(architecture.embedding), d);
		let head = own(Part::Head, Name::Head);
		let logits = self.put(Role::Logits, linear, &[input], &[head], self.columns(vocabulary, block));
		let peaks = self.put(Role::LogitPeaks, Kind::LogitPeaks, &[logits], &[], self.chunks(4));
		let counted = match answer {
			None => {
				let sums = self.put(Role::LogitSums, Kind::LogitSums, &[logits, peaks], &[], self.chunks(8));
				self.put(Role::Loss, Kind::Loss, &[logits, peaks, sums], &[], self.whole(8))
			}
			Some(answer) => self.choices(answer, logits, peaks),
		};
		let one = Shape { rows: 1, row_bytes: 8, block_bytes: 8 };
		self.put(Role::Total, Kind::Total, &[counted], &[], one);
	}

	/// Appends the choices of an answer and returns the place of the misses.
	fn choices(&mut self, answer: &Answer, logits: usize, peaks: usize) -> usize {
		let mut read = vec![logits, peaks];
		if answer.has_nucleus() {
			let mut narrowing: Option<usize> = None;
			for round in 0..ROUNDS {
				let inputs: Vec<usize> = [logits, peaks].into_iter().chain(narrowing).collect();
				let shape = self.chunks(BUCKET_BYTES);
				let buckets = self.put(Role::Buckets(round), Kind::Buckets { round }, &inputs, &[], shape);
				let inputs: Vec<usize> = [buckets].into_iter().chain(narrowing).collect();
				if round + 1 < ROUNDS {
					let shape = self.whole(Narrowing::BYTES);
					let kind = Kind::Narrow { round };
					narrowing = Some(self.put(Role::Narrow(round), kind, &inputs, &[], shape));
				} else {
					read.push(self.put(Role::Cut, Kind::Cut, &inputs, &[], self.whole(Cut::BYTES)));
				}
			}
		}
		let best = self.put(Role::Best, Kind::Best, &read, &[], self.chunks(Favourite::BYTES));
		self.put(Role::Miss, Kind::Miss, &[best], &[], self.whole(8))
	}

	/// Appends an operator and returns its place.
	fn put(
		&mut self,
		role: Role,
		kind: Kind,
		inputs: &[usize],
		tensors: &[(Source, Name)],
		shape: Shape,
	) -> usize {
		let (inputs, tensors) = (inputs.to_vec(), tensors.to_vec());
		self.operators.push(Operator { role, kind, inputs, tensors, shape });
		self.operators.len() - 1
	}

	/// Returns the shape of rows that are one block.
	fn whole(&self, row_bytes: usize) -> Shape {
		Shape { rows: self.positions, row_bytes, block_bytes: row_bytes }
	}

	/// Returns the shape of rows that have an entry for each chunk of logits, in blocks of one.
	fn chunks(&self, entry: usize) -> Shape {
		let chunks = (self.architecture.vocabulary as usize).div_ceil(CHUNK);
		Shape { rows: self.positions, row_bytes: chunks * entry, block_bytes: entry }
	}

	/// Returns the shape of rows of `i32` in blocks of columns.
	fn columns(&self, columns: usize, block: usize) -> Shape {
		Shape { rows: self.positions, row_bytes: 4 * columns, block_bytes: 4 * block }
	}
}

fn own(part: Part, name: Name) -> (Source, Name) {
	(Source::Part(part), name)
}

#[cfg(test)]
mod tests;
