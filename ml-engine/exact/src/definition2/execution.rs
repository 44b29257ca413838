//! The reference execution: a program's list of operators, walked for one position after another.
//!
//! Outputs are kept as the bytes that a trace commits to, so what an operator reads is what a dispute would prove. Only
//! keys and values of earlier positions are read later: causality is a matter of the list, not of the order here.

use super::{
	adapter::{low_rank, low_rank_bytes, low_rank_from_bytes, Codes, Correction},
	answer::{best, chosen, Answer},
	attention::{attend, Past},
	gate, heads,
	linear::{adapted_linear, add, embed, linear, RESIDUAL_MAX},
	loss::{loss_from, peaks, sum, CHUNK},
	matrix::Matrix,
	model::{Gain, Model, ModelError, PartTensors, View},
	norm::norm,
	nucleus::{bucket_bytes, buckets, buckets_from_bytes, cut, narrow, Cut, Narrowing, ROUNDS},
	program::{Kind, Operator, Program, Role, Source},
	quantise::{quantise, Activations},
	routing::{choice_bytes, choices_from_bytes, mix, route, Choice},
	tensors::{Name, Part},
};
use alloc::{vec, vec::Vec};

/// A model on its way through a sequence.
#[derive(Clone, Debug)]
pub struct Execution<'m, 'a> {
	model: &'m Model<'a>,
	program: Program,
	/// Of each operator: its last row, or the rows of all heads so far.
	rows: Vec<Rows>,
	position: u32,
}

/// Output of an operator as far as later ones read it.
#[derive(Clone, Debug)]
enum Rows {
	/// The row of the last position.
	Last(Vec<u8>),
	/// One row a key/value head: the entries of all positions.
	Heads(Vec<Vec<u8>>),
}

impl<'m, 'a> Execution<'m, 'a> {
	/// Begins a sequence of at most this many positions.
	pub fn new(model: &'m Model<'a>, positions: u32) -> Result<Self, ModelError> {
		Ok(Self::of(model, Program::new(model.architecture(), positions)?))
	}

	/// Begins a sequence, as a program of the model's architecture lists it.
	pub fn of(model: &'m Model<'a>, program: Program) -> Self {
		let kv_heads = usize::from(model.architecture().kv_heads);
		let empty = |operator: &Operator| match operator.kind {
			Kind::KeyHeads | Kind::ValueHeads => Rows::Heads(vec![Vec::new(); kv_heads]),
			_ => Rows::Last(Vec::new()),
		};
		let rows = program.operators().iter().map(empty).collect();
		Self { model, program, rows, position: 0 }
	}

	/// Returns the operators.
	pub fn program(&self) -> &Program {
		&self.program
	}

	/// Takes the next token and returns the logits of the one behind it: `[vocabulary]`, Q16, base-2 units.
	pub fn push(&mut self, token: u32) -> Result<Vec<i32>, ModelError> {
		let logits = self.program.index_of(Role::Logits).ok_or(ModelError::PartCount)?;
		self.run(token, None, logits + 1)?;
		Ok(integers(self.last(logits)))
	}

	/// Takes the next token and executes all operators of its position, up to the loss or miss of the token behind it.
	pub(super) fn push_with_target(&mut self, token: u32, target: u32) -> Result<(), ModelError> {
		// The total is the sequence's and not a position's.
		self.run(token, Some(target), self.program.operators().len() - 1)
	}

	/// Executes the first `count` operators for the next position.
	fn run(&mut self, token: u32, target: Option<u32>, count: usize) -> Result<(), ModelError> {
		let vocabulary = self.model.architecture().vocabulary;
		if let Some(id) = [Some(token), target].into_iter().flatten().find(|&id| id >= vocabulary) {
			return Err(ModelError::Token(id));
		}
		if self.position as usize >= self.program.positions() {
			return Err(ModelError::SequenceLength(self.program.positions() + 2));
		}
		for index in 0..count {
			let Some(operator) = self.program.operator(index) else { break };
			let step = Step { execution: self, operator };
			let row = step.run(token, target)?;
			match &mut self.rows[index] {
				Rows::Last(last) => *last = row,
				Rows::Heads(all) => {
					let entry = row.len() / all.len();
					all.iter_mut().zip(row.chunks(entry)).for_each(|(head, entry)| head.extend(entry));
				}
			}
		}
		self.position += 1;
		Ok(())
	}

	/// Returns the row of the last position of an operator whose rows are positions.
	pub(super) fn last(&self, index: usize) -> &[u8] {
		match self.rows.get(index) {
			Some(Rows::Last(row)) => row,
			_ => &[],
		}
	}

	/// Returns all rows of an operator whose rows are heads.
	pub(super) fn heads(&self, index: usize) -> &[Vec<u8>] {
		match self.rows.get(index) {
			Some(Rows::Heads(all)) => all,
			_ => &[],
		}
	}
}

/// One operator at the next position.
struct Step<'s, 'm, 'a> {
	execution: &'s Execution<'m, 'a>,
	operator: &'s Operator,
}

impl<'a> Step<'_, '_, 'a> {
	/// Computes the row of the position; of keys and values, the entries of all heads.
	fn run(&self, token: u32, target: Option<u32>) -> Result<Vec<u8>, ModelError> {
		let architecture = self.execution.model.architecture();
		let eps = architecture.eps;
		let bytes = match self.operator.kind {
			Kind::Embed => {
				let row = embed(&self.matrix()?, token as usize, architecture.fraction);
				integer_bytes(&row)
			}
			Kind::Norm { unit, width } => {
				norm(&self.integers(0), unit.into(), self.first_gain()?, eps, width).to_bytes()
			}
			Kind::Quantise { unit, width } => {
				let t: Vec<i64> = self.integers(0).into_iter().map(i64::from).collect();
				quantise(&t, unit.into(), width).to_bytes()
			}
			Kind::Linear { width, fraction, bound } => {
				let mut y = linear(&self.activations(width), width, &self.matrix()?, fraction, bound);
				if self.operator.tensors.len() > 1 {
					add(&mut y, self.bias()?, bound);
				}
				integer_bytes(&y)
			}
			Kind::LinearAdd { width } => {
				let (fraction, bound) = (architecture.fraction, RESIDUAL_MAX);
				let mut h = linear(&self.activations(width), width, &self.matrix()?, fraction, bound);
				add(&mut h, &self.integers(1), bound);
				integer_bytes(&h)
			}
			Kind::AdapterIn { width } => {
				low_rank_bytes(&low_rank(&self.codes(0)?, &self.activations(width).values))
			}
			Kind::AdaptedLinear { width, fraction, bound } => {
				let sums = low_rank_from_bytes(self.input(1)).unwrap_or_default();
				let correction =
					Correction { output: self.codes(1)?, sums: &sums, shift: self.codes(2)?.shift };
				let input = self.activations(width);
				integer_bytes(&adapted_linear(&input, width, &self.matrix()?, &correction, fraction, bound))
			}
			Kind::QueryHeads | Kind::KeyHeads => self.rotated_heads()?,
			Kind::ValueHeads => {
				let row = self.integers(0);
				let heads = row.chunks(architecture.head_size.into()).map(heads::value_head);
				heads.flat_map(|head| head.to_bytes()).collect()
			}
			Kind::Attention => self.attention(),
			Kind::Hidden { width } => {
				let gain = if self.operator.tensors.is_empty() { None } else { Some(self.first_gain()?) };
				let (gate, up) = (self.integers(0), self.integers(1));
				gate::hidden(architecture.activation, &gate, &up, gain, eps, width).to_bytes()
			}
			Kind::Route { top_k, normalised, .. } => {
				choice_bytes(&route(&self.integers(0), top_k.into(), normalised))
			}
			Kind::Mix { top_k, shared } => self.mix(top_k.into(), shared),
			Kind::LogitPeaks => integer_bytes(&peaks(&self.integers(0))),
			Kind::LogitSums => {
				let largest = self.integers(1).into_iter().max().unwrap_or(0);
				let logits = self.integers(0);
				logits.chunks(CHUNK).flat_map(|chunk| sum(chunk, largest).to_le_bytes()).collect()
			}
			Kind::Loss => self.loss(target.unwrap_or(0) as usize).to_le_bytes().to_vec(),
			// Not a position's.
			Kind::Total => Vec::new(),
			Kind::Buckets { .. } | Kind::Narrow { .. } | Kind::Cut | Kind::Best | Kind::Miss => {
				self.choice(target.unwrap_or(0))
			}
		};
		Ok(bytes)
	}

	/// Computes the row of an operator of an answer's choices; zeros in front of the answer.
	fn choice(&self, target: u32) -> Vec<u8> {
		let (program, position) = (&self.execution.program, self.execution.position);
		match program.answer() {
			Some(answer) if answer.has_chosen_behind(position as usize) => {
				// Rows that an operator of this execution wrote are always a descent's.
				self.chosen_row(answer, position, target).unwrap_or_default()
			}
			_ => vec![0; self.operator.shape.row_bytes],
		}
	}

	fn chosen_row(&self, answer: &Answer, position: u32, target: u32) -> Option<Vec<u8>> {
		let sampling = answer.sampling;
		let earlier =
			|round: u8| round.checked_sub(1).and_then(|last| Narrowing::from_bytes(self.last(), last));
		let bytes = match self.operator.kind {
			Kind::Buckets { round } => {
				let (logits, largest) = (self.integers(0), self.integers(1).into_iter().max()?);
				let prefix = earlier(round).map_or(0, |narrowing| narrowing.prefix);
				let chunks = logits
					.chunks(CHUNK)
					.map(|chunk| bucket_bytes(&buckets(chunk, largest, sampling.temperature, round, prefix)));
				chunks.flatten().collect()
			}
			Kind::Narrow { round } => {
				let chunks = buckets_from_bytes(self.input(0))?;
				narrow(&chunks, earlier(round).as_ref(), sampling.top_p)?.to_bytes().to_vec()
			}
			Kind::Cut => {
				let chunks = buckets_from_bytes(self.input(0))?;
				let earlier = earlier(ROUNDS - 1)?;
				cut(&chunks, &earlier, sampling.temperature)?.to_bytes().to_vec()
			}
			Kind::Best => {
				let (logits, peaks) = (self.integers(0), self.integers(1));
				let largest = peaks.iter().copied().max()?;
				let cut = Cut::from_bytes(self.input(2), peaks.len());
				let chunks = logits.chunks(CHUNK).enumerate().map(|(chunk, logits)| {
					best(answer, logits, largest, cut.as_ref(), chunk, position).to_bytes()
				});
				chunks.flatten().collect()
			}
			_ => {
				let token = chosen(self.input(0), self.execution.model.architecture().vocabulary)?;
				u64::from(token != target).to_le_bytes().to_vec()
			}
		};
		Some(bytes)
	}

	/// Returns the row of the last input.
	fn last(&self) -> &[u8] {
		self.input(self.operator.inputs.len().saturating_sub(1))
	}

	/// Returns the row of an input at the position.
	fn input(&self, place: usize) -> &[u8] {
		self.operator.inputs.get(place).map_or(&[], |&index| self.execution.last(index))
	}

	fn integers(&self, place: usize) -> Vec<i32> {
		integers(self.input(place))
	}

	/// Returns the first input, which an operator of this execution wrote as activations of `width` bits.
	fn activations(&self, width: u8) -> Activations {
		Activations::from_bytes(self.input(0), width).unwrap_or_default()
	}

	/// Returns the choices of a route among the inputs.
	fn choices(&self, place: usize) -> Vec<Choice> {
		choices_from_bytes(self.input(place), u16::MAX).unwrap_or_default()
	}

	/// Returns the part that the operator's tensors are of, and the part's name.
	fn part(&self, source: Source) -> Result<(Part, &PartTensors<'a>), ModelError> {
		let part = match source {
			Source::Part(part) => part,
			Source::Chosen { layer, rank } => {
				let choices = self.choices(self.operator.inputs.len() - 1);
				let choice = choices.get(usize::from(rank)).ok_or(ModelError::PartCount)?;
				// Experts are below 1,024.
				Part::Expert { layer, expert: choice.expert as u16 }
			}
		};
		self.execution.model.part(part).map(|tensors| (part, tensors)).ok_or(ModelError::PartCount)
	}

	/// Returns the operator's matrix: its first tensor.
	fn matrix(&self) -> Result<Matrix<'a>, ModelError> {
		let &(source, name) = self.operator.tensors.first().ok_or(ModelError::PartCount)?;
		let (part, tensors) = self.part(source)?;
		let matrix = if name == Name::Head { self.execution.model.head() } else { tensors.matrix(name) };
		matrix.ok_or(ModelError::Shape(part, Some(name)))
	}

	fn first_gain(&self) -> Result<Gain<'a>, ModelError> {
		let &(source, name) = self.operator.tensors.first().ok_or(ModelError::PartCount)?;
		let (part, tensors) = self.part(source)?;
		tensors.gain(name).ok_or(ModelError::Shape(part, Some(name)))
	}

	fn bias(&self) -> Result<&'a [i32], ModelError> {
		let &(source, name) = self.operator.tensors.get(1).ok_or(ModelError::PartCount)?;
		let (part, tensors) = self.part(source)?;
		tensors.bias(name).ok_or(ModelError::Shape(part, Some(name)))
	}

	/// Returns a matrix of an adapter.
	fn codes(&self, index: usize) -> Result<Codes<'a>, ModelError> {
		let &(source, name) = self.operator.tensors.get(index).ok_or(ModelError::PartCount)?;
		let (part, tensors) = self.part(source)?;
		match tensors.get(name) {
			Some(View::Codes(codes)) => Ok(codes),
			_ => Err(ModelError::Shape(part, Some(name))),
		}
	}

	/// Normalises, rotates and quantises all heads of a query or a key.
	fn rotated_heads(&self) -> Result<Vec<u8>, ModelError> {
		let architecture = self.execution.model.architecture();
		let (mut row, size) = (self.integers(0), usize::from(architecture.head_size));
		if self.operator.tensors.len() > 1 {
			heads::normalise_heads(
				&mut row,
				architecture.qk_norm,
				size,
				self.first_gain()?,
				architecture.eps,
			);
		}
		let missing = ModelError::Shape(Part::Embedding, Some(Name::Frequencies));
		let frequencies = self.execution.model.frequencies().ok_or(missing)?;
		let position = self.execution.position;
		let heads = row.chunks(size).map(|head| heads::rotated_head(head, frequencies, position));
		Ok(heads.flat_map(|head| head.to_bytes()).collect())
	}

	/// Attends with all heads of the position's query.
	fn attention(&self) -> Vec<u8> {
		let architecture = self.execution.model.architecture();
		let entry = heads::Head::bytes(architecture.head_size.into());
		let &[_, keys, values] = self.operator.inputs.as_slice() else { return Vec::new() };
		let group = usize::from(architecture.heads / architecture.kv_heads);
		let key_heads = self.execution.heads(keys).iter().map(|row| split(row, entry));
		let value_heads = self.execution.heads(values).iter().map(|row| split(row, entry));
		let queries = self.input(0).chunks(group * entry);
		let mut output = Vec::new();
		for (queries, (key, value)) in queries.zip(key_heads.zip(value_heads)) {
			let past = Past { keys: &key.0, key_maxima: &key.1, values: &value.0, value_steps: &value.1 };
			for query in queries.chunks(entry) {
				let (query, maximum) = split(query, entry);
				output.extend(integer_bytes(&attend(&query, maximum.first().copied().unwrap_or(0), &past)));
			}
		}
		output
	}

	fn mix(&self, top_k: usize, shared: bool) -> Vec<u8> {
		let (mut h, choices) = (self.integers(0), self.choices(1));
		let outputs: Vec<Vec<i32>> = (2..2 + top_k).map(|place| self.integers(place)).collect();
		let shared = shared.then(|| self.integers(2 + top_k));
		mix(&mut h, &choices, &outputs, shared.as_deref());
		integer_bytes(&h)
	}

	fn loss(&self, target: usize) -> u64 {
		let sums = self.input(2).as_chunks().0.iter().map(|sum| u64::from_le_bytes(*sum));
		let target = self.integers(0).get(target).copied().unwrap_or(0);
		loss_from(&self.integers(1), &sums.collect::<Vec<_>>(), target)
	}
}

/// Returns the entries and the scales of a row of heads.
fn split(row: &[u8], entry: usize) -> (Vec<i8>, Vec<i32>) {
	let (mut values, mut scales) = (Vec::new(), Vec::new());
	for head in row.chunks(entry) {
		let Some((entries, scale)) = head.split_last_chunk() else { break };
		values.extend(entries.iter().map(|&c| c as i8));
		scales.push(i32::from_le_bytes(*scale));
	}
	(values, scales)
}

/// Returns the bytes of integers, little endian.
pub fn integer_bytes(integers: &[i32]) -> Vec<u8> {
	integers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Reads what [`integer_bytes`] writes.
pub fn integers(bytes: &[u8]) -> Vec<i32> {
	bytes.as_chunks().0.iter().map(|x| i32::from_le_bytes(*x)).collect()
}
