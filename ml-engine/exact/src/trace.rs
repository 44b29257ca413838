//! The reference trace: every operator's output for one sequence, in plain loops, and the roots over them.

use crate::{
	attention::{attend, quantise_head, quantise_value},
	forward::Model,
	hash::Hash,
	linear::{add_residual, PROJECTION_MAX, RESIDUAL_MAX},
	loss::loss,
	norm::{norm_quant, norm_quant_squared_relu, Activations},
	program::{Operator, Program},
	rotary::rotate,
	routing::{mix, route, Choice},
	tree,
	weights::ModelError,
};
use alloc::{vec, vec::Vec};

/// Outputs of every operator of a program for one sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
	program: Program,
	outputs: Vec<Vec<u8>>,
	roots: Vec<Hash>,
	loss: u64,
}

impl Trace {
	/// Runs `model` over the bytes of a sequence, from one byte to the context, and keeps everything.
	pub fn of(model: &Model<'_>, sequence: &[u8]) -> Result<Self, ModelError> {
		let positions = u16::try_from(sequence.len()).map_err(|_| ModelError::SequenceLength)?;
		let program = Program::new(*model.config(), positions).ok_or(ModelError::SequenceLength)?;
		let mut writer = Writer { program, outputs: vec![Vec::new(); program.operators()] };
		let loss = writer.run(model, sequence);
		Ok(Self::new(program, writer.outputs, loss))
	}

	/// Makes a trace of outputs that a faster path computed. Each must have the length its shape says.
	pub fn new(program: Program, outputs: Vec<Vec<u8>>, loss: u64) -> Self {
		let shapes = (0..).map_while(|index| program.shape_at(index));
		let roots = shapes.zip(&outputs).map(|(shape, output)| shape.root(output)).collect();
		Self { program, outputs, roots, loss }
	}

	/// Returns the operators.
	pub fn program(&self) -> &Program {
		&self.program
	}

	/// Returns the roots of all operators' outputs, in order.
	pub fn operators(&self) -> &[Hash] {
		&self.roots
	}

	/// Returns the root that names the trace: the hash over [`Self::operators`].
	pub fn root(&self) -> Hash {
		tree::trace_root(&self.roots)
	}

	/// Returns the sequence's loss in bits, Q16.
	pub fn loss(&self) -> u64 {
		self.loss
	}

	/// Returns an operator's output, rows one after another.
	pub fn output(&self, operator: usize) -> Option<&[u8]> {
		self.outputs.get(operator).map(Vec::as_slice)
	}

	/// Returns a row of an operator's output.
	pub fn row(&self, operator: usize, row: usize) -> Option<&[u8]> {
		let shape = self.program.shape_at(operator)?;
		self.outputs.get(operator)?.chunks(shape.row_bytes).nth(row)
	}

	/// Changes bytes of an output and everything that hangs on it but later operators: a liar's trace, for tests of
	/// disputes.
	pub fn plant(&mut self, operator: usize, at: usize, byte: u8) {
		let Some(shape) = self.program.shape_at(operator) else { return };
		let Some(place) = self.outputs.get_mut(operator).and_then(|output| output.get_mut(at)) else {
			return;
		};
		*place = byte;
		self.roots[operator] = shape.root(&self.outputs[operator]);
	}
}

/// Returns the bytes of activations: entries, then the scale.
pub(crate) fn activation_bytes(activations: &Activations) -> Vec<u8> {
	let entries = activations.values.iter().map(|&q| q as u8);
	entries.chain(activations.scale.to_le_bytes()).collect()
}

/// Returns the bytes of integers.
pub(crate) fn integer_bytes(integers: &[i32]) -> Vec<u8> {
	integers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Returns the bytes of a token's choices.
pub(crate) fn choice_bytes(choices: &[Choice]) -> Vec<u8> {
	let choice = |choice: &Choice| {
		// Experts are below 512.
		let [a, b] = (choice.expert as u16).to_le_bytes();
		let [c, d, e, f] = choice.gate.to_le_bytes();
		[a, b, c, d, e, f]
	};
	choices.iter().flat_map(choice).collect()
}

/// Returns the token in front of each byte of a sequence.
pub(crate) fn token_before(sequence: &[u8], position: usize) -> u8 {
	position.checked_sub(1).and_then(|before| sequence.get(before)).copied().unwrap_or(0)
}

struct Writer {
	program: Program,
	outputs: Vec<Vec<u8>>,
}

impl Writer {
	fn put(&mut self, operator: Operator, bytes: &[u8]) {
		let index = self.program.index_of(operator);
		self.outputs[index].extend_from_slice(bytes);
	}

	fn run(&mut self, model: &Model<'_>, sequence: &[u8]) -> u64 {
		let (config, trunk) = (*model.config(), model.trunk());
		let mut stream: Vec<Vec<i32>> = (0..sequence.len())
			.map(|position| trunk.embedding.embed(token_before(sequence, position)))
			.collect();
		for h in &stream {
			self.put(Operator::Embed, &integer_bytes(h));
		}
		for index in 0..config.layers {
			self.attention(model, index, &mut stream);
			self.mixture(model, index, &mut stream);
		}
		let mut total = 0;
		for (h, &byte) in stream.iter().zip(sequence) {
			let input = norm_quant(h, &trunk.final_gain);
			self.put(Operator::HeadInput, &activation_bytes(&input));
			let logits = trunk.head.logits(&input);
			self.put(Operator::Logits, &integer_bytes(&logits));
			let loss = loss(&logits, byte);
			self.put(Operator::Loss, &loss.to_le_bytes());
			total += loss;
		}
		self.put(Operator::Total, &total.to_le_bytes());
		total
	}

	fn attention(&mut self, model: &Model<'_>, index: u8, stream: &mut [Vec<i32>]) {
		let (config, trunk) = (*model.config(), model.trunk());
		let layer = &trunk.layers[usize::from(index)];
		let (heads, size) = (usize::from(config.heads), config.head_size());
		// By head, then by position.
		let mut keys: Vec<Vec<Vec<i8>>> = vec![Vec::new(); heads];
		let mut maxima: Vec<Vec<i32>> = vec![Vec::new(); heads];
		let mut values: Vec<Vec<Vec<i8>>> = vec![Vec::new(); heads];
		for (position, h) in stream.iter_mut().enumerate() {
			let input = norm_quant(h, &layer.attn_gain);
			self.put(Operator::AttentionInput(index), &activation_bytes(&input));
			let mut query = layer.wq.project(&input, PROJECTION_MAX);
			self.put(Operator::Query(index), &integer_bytes(&query));
			let mut key = layer.wk.project(&input, PROJECTION_MAX);
			self.put(Operator::Key(index), &integer_bytes(&key));
			let value = layer.wv.project(&input, PROJECTION_MAX);
			self.put(Operator::Value(index), &integer_bytes(&value));
			let angles = &trunk.rotary[position * size / 2..(position + 1) * size / 2];
			rotate(&mut query, angles);
			rotate(&mut key, angles);
			let (mut entries, mut query_maxima) = (Vec::new(), Vec::new());
			let mut output = Vec::new();
			for head in 0..heads {
				let range = head * size..(head + 1) * size;
				let mut quantised = vec![0; size];
				maxima[head].push(quantise_head(&key[range.clone()], &mut quantised));
				keys[head].push(quantised);
				values[head].push(value[range.clone()].iter().map(|&v| quantise_value(v)).collect());
				let mut quantised = vec![0; size];
				let maximum = quantise_head(&query[range], &mut quantised);
				let (past_keys, past_values): (Vec<&[i8]>, Vec<&[i8]>) =
					keys[head].iter().zip(&values[head]).map(|(k, v)| (k.as_slice(), v.as_slice())).unzip();
				output.extend(attend(&quantised, maximum, &past_keys, &maxima[head], &past_values));
				entries.extend(quantised.iter().map(|&q| q as u8));
				query_maxima.push(maximum);
			}
			entries.extend(integer_bytes(&query_maxima));
			self.put(Operator::QueryHeads(index), &entries);
			self.put(Operator::Attention(index), &integer_bytes(&output));
			let mixed = norm_quant(&output, &layer.attn_out_gain);
			self.put(Operator::AttentionOutput(index), &activation_bytes(&mixed));
			add_residual(h, &layer.wo.project(&mixed, RESIDUAL_MAX));
			self.put(Operator::AttentionResidual(index), &integer_bytes(h));
		}
		for head in 0..heads {
			for (key, maximum) in keys[head].iter().zip(&maxima[head]) {
				let mut entry: Vec<u8> = key.iter().map(|&k| k as u8).collect();
				entry.extend(maximum.to_le_bytes());
				self.put(Operator::KeyHeads(index), &entry);
			}
			for value in &values[head] {
				let entry: Vec<u8> = value.iter().map(|&v| v as u8).collect();
				self.put(Operator::ValueHeads(index), &entry);
			}
		}
	}

	fn mixture(&mut self, model: &Model<'_>, index: u8, stream: &mut [Vec<i32>]) {
		let layer = &model.trunk().layers[usize::from(index)];
		let top_k = usize::from(model.config().top_k);
		for h in stream {
			let input = norm_quant(h, &layer.ffn_gain);
			self.put(Operator::MixtureInput(index), &activation_bytes(&input));
			let logits = layer.router.logits(&input);
			self.put(Operator::RouterLogits(index), &integer_bytes(&logits));
			let choices = route(&logits, top_k);
			self.put(Operator::Route(index), &choice_bytes(&choices));
			let mut outputs = Vec::new();
			for (rank, choice) in choices.iter().enumerate() {
				// Ranks are below 2.
				let rank = rank as u8;
				let expert = model.layer_experts(index)[choice.expert];
				let accumulators = expert.up.accumulate(&input.values);
				self.put(Operator::Up(index, rank), &integer_bytes(&accumulators));
				let hidden = norm_quant_squared_relu(&accumulators, &expert.gain);
				self.put(Operator::Hidden(index, rank), &activation_bytes(&hidden));
				let said = expert.down.project(&hidden, RESIDUAL_MAX);
				self.put(Operator::Down(index, rank), &integer_bytes(&said));
				outputs.push(said);
			}
			mix(h, &choices, &outputs);
			self.put(Operator::Mix(index), &integer_bytes(h));
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		config::ModelConfig,
		golden::{self, random_model},
	};

	#[test]
	fn a_trace_ends_in_the_loss_of_the_definition() {
		let odd = ModelConfig { d_model: 192, heads: 4, top_k: 1, ..golden::CONFIG };
		for (config, text) in
			[(golden::CONFIG, golden::TEXT), (odd, b"x".as_slice()), (odd, b"seventeen bytes.!")]
		{
			let model = random_model(config, b"trace");
			let trace = Trace::of(&model.view(), text).unwrap();
			assert_eq!(trace.loss(), model.view().sequence_loss(text).unwrap());
			for index in 0..trace.program().operators() {
				let shape = trace.program().shape_at(index).unwrap();
				let len = trace.output(index).unwrap().len();
				assert_eq!(len, shape.rows * shape.row_bytes, "{:?}", trace.program().operator(index));
			}
			let total = trace.operators().last().unwrap();
			assert_eq!(*total, crate::blake2_256(&[&trace.loss().to_le_bytes()]));
		}
	}

	#[test]
	fn the_golden_trace_is_what_every_machine_computes() {
		let trace = Trace::of(&golden::model().view(), golden::TEXT).unwrap();
		assert_eq!(trace.root(), golden::TRACE_ROOT);
	}

	#[test]
	fn sequences_outside_the_context_are_refused() {
		let model = golden::model();
		assert_eq!(Trace::of(&model.view(), &[]), Err(ModelError::SequenceLength));
		assert_eq!(Trace::of(&model.view(), &[1; 65]), Err(ModelError::SequenceLength));
	}
}
