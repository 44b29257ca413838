//! Instruction set, threads and memory of a pass.

use super::batch::Content;
use blyan_kernel::{
	definition2::{linear, Inputs, PackedView, TOKENS},
	Kernel,
};
use rayon::prelude::*;
use std::ops::ControlFlow;

/// Callback in front of every layer of every piece: may block, and stops the work with [`ControlFlow::Break`].
pub type Checkpoint<'a> = &'a (dyn Fn() -> ControlFlow<()> + Sync);

/// Instruction set and threads of a pass.
#[derive(Clone, Copy, Debug)]
pub struct Means {
	/// Instruction set.
	pub kernel: Kernel,
	/// Threads that share the products of a piece.
	pub threads: usize,
}

impl Means {
	/// Computes a product of all rows.
	pub fn product(
		&self,
		matrix: PackedView<'_>,
		inputs: &Inputs,
		(fraction, bound): (u8, i32),
		bias: Option<&[i32]>,
		out: &mut [i32],
	) {
		let (kernel, tokens, fraction) = (self.kernel, inputs.tokens(), u32::from(fraction));
		let share = tokens.div_ceil(self.threads.max(1)).next_multiple_of(TOKENS);
		if share >= tokens {
			return linear(kernel, matrix, inputs.view(), fraction, bound, bias, out);
		}
		out.par_chunks_mut(share * matrix.rows()).enumerate().for_each(|(index, out)| {
			let part = inputs.part(index * share..tokens.min((index + 1) * share));
			linear(kernel, matrix, part, fraction, bound, bias, out);
		});
	}
}

/// Buffers that a finished pass leaves to the next.
#[derive(Default)]
pub struct Buffers {
	integers: Vec<Vec<i32>>,
	inputs: Vec<Inputs>,
	/// Logits of some rows.
	pub logits: Vec<i32>,
	/// Accumulators of a matrix that experts adapt.
	pub sums: Vec<i64>,
}

impl Buffers {
	/// Returns a buffer of so many integers, whatever they are.
	pub fn integers(&mut self, len: usize) -> Vec<i32> {
		let mut buffer = self.integers.pop().unwrap_or_default();
		buffer.resize(len, 0);
		buffer
	}

	/// Returns a batch of activations, whatever they are.
	pub fn inputs(&mut self) -> Inputs {
		self.inputs.pop().unwrap_or_default()
	}

	/// Takes back a buffer.
	pub fn keep_integers(&mut self, values: Vec<i32>) {
		self.integers.push(values);
	}

	/// Takes back the buffers of an output.
	pub fn keep(&mut self, content: Content) {
		match content {
			Content::Integers(values) | Content::ExpertIntegers(values) => self.integers.push(values),
			Content::Activations(inputs) => self.inputs.push(inputs),
			Content::ExpertActivations(groups) => self.inputs.extend(groups),
			Content::Heads(_) | Content::Choices(_) | Content::ExpertSums(_) | Content::Nothing => {}
		}
	}
}
