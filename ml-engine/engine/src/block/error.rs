//! Why a TensorBlock is refused.

use blyan_exact::{block::BlockFault, ConfigError, ModelError};

/// Reason why a TensorBlock is refused. Everything but [`BlockError::Io`] is a fact about the bytes.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
	/// The file cannot be opened or mapped.
	#[error("cannot read the block: {0}")]
	Io(#[from] std::io::Error),
	/// The file is not a TensorBlock at all.
	#[error("the file is not a TensorBlock, which begins with TBLOCK01, a kind and a configuration")]
	NotABlock,
	/// The shape asked for is outside the bounds of the architecture.
	#[error("no such shape: {0}")]
	Config(ConfigError),
	/// The weights to be written do not fit the shape.
	#[error("not a valid tensor: {0}")]
	Model(#[from] ModelError),
	/// The file is shorter or longer than a block of this shape.
	#[error("the file has {found} bytes, a block of this shape has {expected}")]
	Length {
		/// Bytes there are.
		found: u64,
		/// Bytes there must be.
		expected: u64,
	},
	/// The header says something else than it must for this shape.
	#[error("header field `{field}` is not what the shape demands")]
	Header {
		/// The first field that differs.
		field: &'static str,
	},
	/// A tile does not match its entry in the index.
	#[error("tile {0} does not match the index")]
	Tile(usize),
	/// The index does not match the root in the header.
	#[error("the index does not match its root")]
	Index,
	/// The tensor root in the header is not that of header and index.
	#[error("the tensor root does not match header and index")]
	TensorRoot,
	/// A ternary section holds the code 3, which stands for no weight.
	#[error("section {0} holds a code that is not a ternary weight")]
	NotTernary(usize),
	/// A scale is not normalised.
	#[error("scale {0} is not normalised")]
	Scale(usize),
	/// Bytes between sections are not zero.
	#[error("the padding behind section {0} is not zero")]
	Padding(usize),
}

impl From<ConfigError> for BlockError {
	fn from(error: ConfigError) -> Self {
		Self::Config(error)
	}
}

/// The faults of values; the others have errors that say more.
impl From<BlockFault> for BlockError {
	fn from(fault: BlockFault) -> Self {
		match fault {
			BlockFault::Length => Self::Length { found: 0, expected: 0 },
			BlockFault::Header(_) => Self::Header { field: "descriptor" },
			BlockFault::Index => Self::Index,
			BlockFault::TensorRoot => Self::TensorRoot,
			BlockFault::Tile(tile) => Self::Tile(tile),
			BlockFault::Padding(section) => Self::Padding(section),
			BlockFault::Scale(scale) => Self::Scale(scale),
			BlockFault::NotTernary(section) => Self::NotTernary(section),
		}
	}
}
