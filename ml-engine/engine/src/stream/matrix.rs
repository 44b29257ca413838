//! A ternary matrix of any size that is never in memory as a whole.

use super::{StreamError, Streamer, TileFile};
use crate::{
	block::BlockError,
	kernel::{
		activations::ActivationRows,
		ternary::{self, TernaryView},
		Kernel,
	},
};
use blyan_exact::{block::holds_no_weight, Hash};
use std::path::Path;

/// Whole rows out of bytes that end anywhere.
#[derive(Debug)]
pub(super) struct RowFeed {
	row_bytes: usize,
	/// The beginning of a row whose end has not come.
	begun: Vec<u8>,
}

impl RowFeed {
	pub fn new(row_bytes: usize) -> Self {
		Self { row_bytes, begun: Vec::with_capacity(row_bytes) }
	}

	/// Hands on all rows that are whole now, as few times as possible.
	pub fn feed(&mut self, mut bytes: &[u8], mut rows: impl FnMut(&[u8])) {
		if !self.begun.is_empty() {
			let missing = self.row_bytes - self.begun.len();
			let (now, later) = bytes.split_at(missing.min(bytes.len()));
			self.begun.extend_from_slice(now);
			bytes = later;
			if self.begun.len() == self.row_bytes {
				rows(&self.begun);
				self.begun.clear();
			}
		}
		let (whole, rest) = bytes.split_at(bytes.len() - bytes.len() % self.row_bytes);
		if !whole.is_empty() {
			rows(whole);
		}
		self.begun.extend_from_slice(rest);
	}
}

/// The products of a matrix with some rows of activations, growing as its rows come in.
#[derive(Debug)]
pub(super) struct Products {
	kernel: Kernel,
	feed: RowFeed,
	rows: usize,
	done: usize,
	/// `[tokens, rows]`
	pub out: Vec<i32>,
}

impl Products {
	pub fn new(kernel: Kernel, rows: usize, cols: usize, tokens: usize) -> Self {
		Self { kernel, feed: RowFeed::new(cols / 4), rows, done: 0, out: vec![0; tokens * rows] }
	}

	/// Takes the next codes and the same inputs every time; says whether all codes are weights.
	pub fn feed(&mut self, inputs: &ActivationRows, codes: &[u8]) -> bool {
		let (kernel, rows) = (self.kernel, self.rows);
		let (done, out) = (&mut self.done, &mut self.out);
		self.feed.feed(codes, |codes| {
			let some = codes.len() / (inputs.width / 4);
			let products =
				ternary::multiply(kernel, TernaryView { codes, rows: some, cols: inputs.width }, inputs);
			for (products, out) in products.chunks_exact(some).zip(out.chunks_exact_mut(rows)) {
				out[*done..*done + some].copy_from_slice(products);
			}
			*done += some;
		});
		// Without a branch in it the loop is vectorised.
		!codes.iter().fold(false, |found, &byte| found | holds_no_weight(byte))
	}
}

/// A ternary matrix in a [`TileFile`]: its codes, row by row, and nothing else.
#[derive(Debug)]
pub struct StreamedMatrix {
	file: TileFile,
	rows: usize,
	cols: usize,
}

impl StreamedMatrix {
	/// Opens the matrix of this shape whose tiles have this Merkle root.
	pub fn open(path: &Path, rows: usize, cols: usize, root: &Hash) -> Result<Self, StreamError> {
		let payload = rows as u64 * (cols / 4) as u64;
		if rows == 0 || cols == 0 || !cols.is_multiple_of(64) {
			return Err(StreamError::Shape { rows, cols, payload });
		}
		Ok(Self { file: TileFile::open(path, payload, root)?, rows, cols })
	}

	/// The file.
	pub fn file(&self) -> &TileFile {
		&self.file
	}

	/// [`ternary::multiply`] in one pass over the file.
	///
	/// # Shapes
	/// `inputs: [tokens, cols]`, output: `[tokens, rows]`.
	pub fn multiply(
		&self,
		streamer: &mut Streamer,
		kernel: Kernel,
		inputs: &ActivationRows,
	) -> Result<Vec<i32>, StreamError> {
		if inputs.width != self.cols {
			let payload = self.file.payload_len();
			return Err(StreamError::Shape { rows: self.rows, cols: inputs.width, payload });
		}
		let mut products = Products::new(kernel, self.rows, self.cols, inputs.tokens());
		streamer.run(&[&self.file], |slab| {
			let is_ternary = products.feed(inputs, slab.bytes);
			is_ternary.then_some(()).ok_or(StreamError::Block(BlockError::NotTernary(0)))
		})?;
		Ok(products.out)
	}
}
