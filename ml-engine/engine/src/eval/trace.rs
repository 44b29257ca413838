//! Commitments to everything an evaluation computes, and single outputs of it.

use super::recorder::Recorder;
use crate::kernel::{hash::hash_all, Kernel};
use blyan_exact::{
	tree::{trace_root, ARITY},
	Hash, Operator, Program, Shape,
};
use std::collections::BTreeMap;

/// Recorder that hashes: the roots of all operators' outputs, for a batch of sequences.
#[derive(Clone, Debug)]
pub struct Roots {
	kernel: Kernel,
	program: Program,
	sequences: usize,
	/// `[operators, sequences]`
	roots: Vec<Hash>,
	/// Row hashes of operators whose rows come in several sets, `[sequences * rows]` each.
	partial: BTreeMap<usize, Vec<Hash>>,
}

impl Roots {
	/// Creates a recorder for `sequences` runs of `program` side by side.
	pub fn new(kernel: Kernel, program: Program, sequences: usize) -> Self {
		let roots = vec![Hash::default(); program.operators() * sequences];
		Self { kernel, program, sequences, roots, partial: BTreeMap::new() }
	}

	/// Returns the roots of the operators of one sequence, in order.
	pub fn operators(&self, sequence: usize) -> Vec<Hash> {
		self.roots.iter().skip(sequence).step_by(self.sequences).copied().collect()
	}

	/// Returns the root of every sequence's trace.
	pub fn traces(&self) -> Vec<Hash> {
		(0..self.sequences).map(|sequence| trace_root(&self.operators(sequence))).collect()
	}

	/// Computes the hash of every row.
	fn row_hashes(&self, shape: Shape, bytes: &[u8]) -> Vec<Hash> {
		let rows = bytes.chunks_exact(shape.row_bytes);
		let blocks: Vec<&[u8]> = rows.flat_map(|row| row.chunks(shape.block_bytes)).collect();
		let mut hashes = Vec::with_capacity(blocks.len());
		hash_all(self.kernel, &blocks, &mut hashes);
		self.level_above(&hashes, shape.blocks())
	}

	/// Computes the nodes over trees of `width` leaves each; a single leaf is its own tree.
	fn level_above(&self, leaves: &[Hash], width: usize) -> Vec<Hash> {
		if width == 1 {
			return leaves.to_vec();
		}
		let trees = leaves.chunks_exact(width);
		let families: Vec<&[u8]> =
			trees.flat_map(|tree| tree.chunks(ARITY)).map(<[Hash]>::as_flattened).collect();
		let mut nodes = Vec::with_capacity(families.len());
		hash_all(self.kernel, &families, &mut nodes);
		nodes
	}

	fn finish(&mut self, operator: usize, shape: Shape, rows: Vec<Hash>) {
		let (mut level, mut width) = (rows, shape.rows);
		while width > 1 {
			level = self.level_above(&level, width);
			width = width.div_ceil(ARITY);
		}
		self.roots[operator * self.sequences..][..self.sequences].copy_from_slice(&level);
	}
}

impl Recorder for Roots {
	const IS_ACTIVE: bool = true;

	fn whole(&mut self, operator: Operator, bytes: &[u8]) {
		for (index, rows) in std::mem::take(&mut self.partial) {
			if let Some(shape) = self.program.shape_at(index) {
				self.finish(index, shape, rows);
			}
		}
		let shape = self.program.shape(operator);
		let rows = self.row_hashes(shape, bytes);
		self.finish(self.program.index_of(operator), shape, rows);
	}

	fn some(&mut self, operator: Operator, tokens: &[u32], bytes: &[u8]) {
		let shape = self.program.shape(operator);
		let hashes = self.row_hashes(shape, bytes);
		let rows = self.sequences * shape.rows;
		let all = self.partial.entry(self.program.index_of(operator));
		let all = all.or_insert_with(|| vec![Hash::default(); rows]);
		for (&token, hash) in tokens.iter().zip(hashes) {
			all[token as usize] = hash;
		}
	}
}

/// Recorder that keeps the output of one operator for one sequence.
#[derive(Clone, Debug)]
pub struct Output {
	shape: Shape,
	operator: Operator,
	bytes: Vec<u8>,
}

impl Output {
	/// Creates a recorder for the operator at a place in the program; `None` past its end.
	pub fn new(program: &Program, index: usize) -> Option<Self> {
		let operator = program.operator(index)?;
		let shape = program.shape(operator);
		Some(Self { shape, operator, bytes: vec![0; shape.rows * shape.row_bytes] })
	}

	/// Returns the bytes, row after row.
	pub fn into_bytes(self) -> Vec<u8> {
		self.bytes
	}
}

impl Recorder for Output {
	const IS_ACTIVE: bool = true;

	fn whole(&mut self, operator: Operator, bytes: &[u8]) {
		if operator == self.operator {
			self.bytes.copy_from_slice(bytes);
		}
	}

	fn some(&mut self, operator: Operator, tokens: &[u32], bytes: &[u8]) {
		if operator == self.operator {
			for (&token, row) in tokens.iter().zip(bytes.chunks_exact(self.shape.row_bytes)) {
				self.bytes[token as usize * self.shape.row_bytes..][..row.len()].copy_from_slice(row);
			}
		}
	}
}

/// Recorder that keeps all outputs for one sequence: some 30 KiB for each byte of it with the first model, far more
/// with large ones.
#[derive(Clone, Debug)]
pub struct Outputs {
	program: Program,
	outputs: Vec<Output>,
}

impl Outputs {
	/// Creates a recorder for all operators of a program.
	pub fn new(program: Program) -> Self {
		let outputs = (0..).map_while(|index| Output::new(&program, index)).collect();
		Self { program, outputs }
	}

	/// Returns the outputs in the order of the program.
	pub fn into_bytes(self) -> Vec<Vec<u8>> {
		self.outputs.into_iter().map(Output::into_bytes).collect()
	}
}

impl Recorder for Outputs {
	const IS_ACTIVE: bool = true;

	fn whole(&mut self, operator: Operator, bytes: &[u8]) {
		self.outputs[self.program.index_of(operator)].whole(operator, bytes);
	}

	fn some(&mut self, operator: Operator, tokens: &[u32], bytes: &[u8]) {
		self.outputs[self.program.index_of(operator)].some(operator, tokens, bytes);
	}
}
