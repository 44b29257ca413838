//! From weights to files.

use super::{BlockError, HEADER_BYTES};
use blyan_exact::{blake2_256, block, Expert, ModelConfig, Trunk};
use blyan_primitives::{BlobRef, BlockRef};
use sp_core::H256;

/// Writes the TensorBlock of a trunk.
pub fn write_trunk(trunk: &Trunk, config: &ModelConfig) -> Result<Vec<u8>, BlockError> {
	Ok(block::write_trunk(trunk, config)?)
}

/// Writes the TensorBlock of an expert.
pub fn write_expert(expert: &Expert, config: &ModelConfig) -> Result<Vec<u8>, BlockError> {
	Ok(block::write_expert(expert, config)?)
}

/// Returns the reference by which the chain names a block, given the bytes of its file. The tensor root is read from the header.
pub fn block_ref(file: &[u8]) -> BlockRef {
	let mut root = [0; 32];
	if let Some(stored) = file.get(HEADER_BYTES - 32..HEADER_BYTES) {
		root.copy_from_slice(stored);
	}
	BlockRef { tensor_root: H256(root), blob: blob_ref(file) }
}

/// Returns the reference by which the chain names bytes. Files of 4 GiB and more do not exist here.
pub fn blob_ref(bytes: &[u8]) -> BlobRef {
	BlobRef { hash: H256(blake2_256(&[bytes])), size: u32::try_from(bytes.len()).unwrap_or(u32::MAX) }
}
