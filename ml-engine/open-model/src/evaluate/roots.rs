//! Commitments to everything that an evaluation computes.

use super::{
	batch::Side,
	recorder::{Recorder, RowPlace},
};
use blyan_exact::{
	blake2_256,
	definition2::{
		program::{Kind, Shape},
		Program,
	},
	tree::{self, ARITY},
	Hash,
};
use blyan_kernel::{hash::hash_all, Kernel};
use std::collections::BTreeMap;

/// Messages that are hashed at a time, so that the list of them stays small.
const MESSAGES: usize = 1_024;

/// Recorder that hashes: the roots of all operators' outputs for one sequence, of both sides.
///
/// Rows of the baseline are hashed once, and serve the candidate wherever it has no row of its own.
#[derive(Debug)]
pub struct Roots<'a> {
	kernel: Kernel,
	program: &'a Program,
	/// Hashes of the baseline's rows: `[operators, positions]`.
	rows: Vec<Hash>,
	/// Hashes of the candidate's rows where they differ, by operator.
	differing: BTreeMap<usize, Vec<(usize, Hash)>>,
	/// Operators whose rows are heads.
	heads: BTreeMap<usize, [Option<HeadRows>; 2]>,
	digests: Vec<Hash>,
}

/// Rows of one key/value head each, on their way.
#[derive(Clone, Debug)]
struct HeadRows {
	/// Hashes of the blocks of each row.
	blocks: Vec<Vec<Hash>>,
	/// Bytes behind the last block of each row.
	rest: Vec<Vec<u8>>,
}

impl<'a> Roots<'a> {
	/// Creates a recorder for one run of a program.
	pub fn new(kernel: Kernel, program: &'a Program) -> Self {
		let rows = vec![Hash::default(); program.operators().len() * program.positions()];
		let (differing, heads) = (BTreeMap::new(), BTreeMap::new());
		Self { kernel, program, rows, differing, heads, digests: Vec::new() }
	}

	/// Returns the roots of the operators of both sides, in order. `losses`: each side's total.
	pub fn finish(mut self, losses: [u64; 2]) -> [Vec<Hash>; 2] {
		let mut candidates = self.candidate_roots();
		let rows = std::mem::take(&mut self.rows);
		let baselines = self.roots_over(rows);
		let mut roots = [Vec::new(), Vec::new()];
		for (index, operator) in self.program.operators().iter().enumerate() {
			let [baseline, candidate] = match operator.kind {
				Kind::Total => losses.map(|loss| blake2_256(&[&loss.to_le_bytes()])),
				Kind::KeyHeads | Kind::ValueHeads => self.head_roots(index),
				_ => [baselines[index], candidates.remove(&index).unwrap_or(baselines[index])],
			};
			roots[0].push(baseline);
			roots[1].push(candidate);
		}
		roots
	}

	/// Returns the roots of the candidate's rows, of the operators at which some of them differ.
	fn candidate_roots(&self) -> BTreeMap<usize, Hash> {
		let positions = self.program.positions();
		let mut rows = Vec::with_capacity(self.differing.len() * positions);
		for (operator, differing) in &self.differing {
			let first = rows.len();
			rows.extend_from_slice(&self.rows[operator * positions..(operator + 1) * positions]);
			for (position, hash) in differing {
				rows[first + position] = *hash;
			}
		}
		self.differing.keys().copied().zip(self.roots_over(rows)).collect()
	}

	/// Returns the roots of trees over as many rows as there are positions, one tree behind the other: a level of all trees
	/// is hashed together, in all lanes.
	fn roots_over(&self, mut nodes: Vec<Hash>) -> Vec<Hash> {
		let mut width = self.program.positions();
		while width > 1 {
			nodes = self.level_above(&nodes, width);
			width = width.div_ceil(ARITY);
		}
		nodes
	}

	fn head_roots(&mut self, operator: usize) -> [Hash; 2] {
		let [baseline, candidate] = self.heads.remove(&operator).unwrap_or_default();
		let root = |rows: HeadRows| {
			let row = |(mut blocks, rest): (Vec<Hash>, Vec<u8>)| {
				if !rest.is_empty() {
					blocks.push(blake2_256(&[&rest]));
				}
				tree::root(&blocks)
			};
			let rows: Vec<Hash> = rows.blocks.into_iter().zip(rows.rest).map(row).collect();
			tree::root(&rows)
		};
		let baseline = baseline.map(root).unwrap_or_default();
		[baseline, candidate.map_or(baseline, root)]
	}

	/// Computes the hash of every row into the digests.
	fn hash_rows(&mut self, shape: Shape, bytes: &[u8]) {
		self.digests.clear();
		let rows = (MESSAGES / shape.blocks()).max(1) * shape.row_bytes;
		for bytes in bytes.chunks(rows) {
			let mut hashes = Vec::with_capacity(bytes.len().div_ceil(shape.block_bytes));
			let blocks = bytes.chunks_exact(shape.row_bytes).flat_map(|row| row.chunks(shape.block_bytes));
			hash_all(self.kernel, &blocks.collect::<Vec<_>>(), &mut hashes);
			let mut width = shape.blocks();
			while width > 1 {
				hashes = self.level_above(&hashes, width);
				width = width.div_ceil(ARITY);
			}
			self.digests.append(&mut hashes);
		}
	}

	/// Computes the nodes over trees of `width` leaves each.
	fn level_above(&self, leaves: &[Hash], width: usize) -> Vec<Hash> {
		let families = leaves.chunks_exact(width).flat_map(|tree| tree.chunks(ARITY));
		let families: Vec<&[u8]> = families.map(<[Hash]>::as_flattened).collect();
		let mut nodes = Vec::with_capacity(families.len());
		hash_all(self.kernel, &families, &mut nodes);
		nodes
	}
}

impl HeadRows {
	fn new(rows: usize) -> Self {
		Self { blocks: vec![Vec::new(); rows], rest: vec![Vec::new(); rows] }
	}

	/// Appends entries of all rows, position after position, and hashes the blocks that they complete.
	fn push(&mut self, kernel: Kernel, entry: usize, block: usize, entries: &[u8]) {
		let rows = self.rest.len();
		for (index, bytes) in entries.chunks_exact(entry).enumerate() {
			self.rest[index % rows].extend_from_slice(bytes);
		}
		let whole = self.rest.first().map_or(0, |rest| rest.len() / block);
		let complete: Vec<&[u8]> = self.rest.iter().flat_map(|rest| rest.chunks_exact(block)).collect();
		let mut hashes = Vec::with_capacity(complete.len());
		hash_all(kernel, &complete, &mut hashes);
		for (row, blocks) in self.blocks.iter_mut().enumerate() {
			blocks.extend_from_slice(&hashes[row * whole..(row + 1) * whole]);
			self.rest[row].drain(..whole * block);
		}
	}
}

impl Recorder for Roots<'_> {
	const IS_ACTIVE: bool = true;

	fn rows(&mut self, places: &[RowPlace], bytes: &[u8]) {
		let operator = places.first().and_then(|place| self.program.operator(place.operator));
		let Some(shape) = operator.map(|operator| operator.shape) else { return };
		self.hash_rows(shape, bytes);
		let positions = self.program.positions();
		for (place, hash) in places.iter().zip(&self.digests) {
			match place.side {
				Side::Baseline => self.rows[place.operator * positions + place.position] = *hash,
				Side::Candidate => {
					self.differing.entry(place.operator).or_default().push((place.position, *hash));
				}
			}
		}
	}

	fn heads(&mut self, operator: usize, baseline: &[u8], candidate: Option<&[u8]>) {
		let Some(shape) = self.program.operator(operator).map(|operator| operator.shape) else { return };
		let entry = shape.row_bytes / self.program.positions();
		let [own, others] = self.heads.entry(operator).or_default();
		let own = own.get_or_insert_with(|| HeadRows::new(shape.rows));
		if let Some(entries) = candidate {
			// Until now it had the same.
			let others = others.get_or_insert_with(|| own.clone());
			others.push(self.kernel, entry, shape.block_bytes, entries);
		}
		own.push(self.kernel, entry, shape.block_bytes, baseline);
	}
}
