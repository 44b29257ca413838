//! Why weights cannot be streamed.

use crate::block::BlockError;

/// Why weights cannot be streamed.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
	/// A file cannot be read or written.
	#[error("cannot read or write tiles: {0}")]
	Io(#[from] std::io::Error),
	/// The file is no file of tiles, or one of another length; the field that says so.
	#[error("`{0}` of the file of tiles is not what it must be; write it again from its block")]
	Format(&'static str),
	/// The file holds other tiles than the root names.
	#[error("the file of tiles belongs to another root; write it again from its block")]
	Root,
	/// A tile is not the one that the root names, or cannot be decompressed.
	#[error("tile {0} is not the one that the root names; write the file again from its block")]
	Tile(usize),
	/// The tiles are those of the root, and they are no block.
	#[error(transparent)]
	Block(#[from] BlockError),
	/// A matrix of this shape does not fill the file.
	#[error("a matrix of {rows} by {cols} has another length than the file's {payload} bytes, or a width that is no multiple of 64")]
	Shape {
		/// Outputs.
		rows: usize,
		/// Inputs.
		cols: usize,
		/// Bytes there are.
		payload: u64,
	},
	/// The budget does not hold two buffers on either side of a decoder.
	#[error("a budget of {budget} bytes is too small to stream in: raise it to {least}")]
	Budget {
		/// The budget.
		budget: usize,
		/// The least that will do.
		least: usize,
	},
	/// A thread of the stream ended early.
	#[error("the stream's threads ended early")]
	Interrupted,
}
