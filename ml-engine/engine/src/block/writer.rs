//! From weights to files.

use super::{
	layout::{BlockShape, Layout, HEADER_BYTES},
	BlockError,
};
use blyan_exact::{blake2_256, merkle, Expert, Hash, Matrix, ModelConfig, Scale, Trunk};
use blyan_primitives::{BlobRef, BlockRef};
use sp_core::H256;

/// Domain separator of [`tensor_root`].
const ROOT_CONTEXT: &[u8] = b"blyan/tensorblock/1";

/// The root that names a block's tensors: over what the header says of their shape, and over the tiles.
pub(super) fn tensor_root(descriptor: &[u8], tiles_root: &Hash) -> Hash {
	blake2_256(&[ROOT_CONTEXT, descriptor, tiles_root])
}

/// The TensorBlock of a trunk.
pub fn write_trunk(trunk: &Trunk, config: &ModelConfig) -> Result<Vec<u8>, BlockError> {
	trunk.validate(config)?;
	let mut scales = vec![trunk.embedding.scale];
	for layer in &trunk.layers {
		scales.extend([&layer.wq, &layer.wk, &layer.wv, &layer.wo, &layer.router].map(|m| m.scale));
	}
	scales.push(trunk.head.scale);
	let angles = trunk.rotary.iter().flatten().copied().collect::<Vec<i16>>();
	let mut sections = vec![scale_bytes(&scales), table_bytes(&trunk.embedding), integer_bytes(&angles)];
	for layer in &trunk.layers {
		sections.push(integer_bytes(&layer.attn_gain));
		sections.extend([&layer.wq, &layer.wk, &layer.wv, &layer.wo].map(pack));
		sections.push(integer_bytes(&layer.attn_out_gain));
		sections.push(integer_bytes(&layer.ffn_gain));
		sections.push(table_bytes(&layer.router));
	}
	sections.extend([integer_bytes(&trunk.final_gain), table_bytes(&trunk.head)]);
	assemble(BlockShape::Trunk(*config), &sections)
}

/// The TensorBlock of an expert.
pub fn write_expert(expert: &Expert, config: &ModelConfig) -> Result<Vec<u8>, BlockError> {
	expert.validate(config)?;
	let sections = [
		scale_bytes(&[expert.up.scale, expert.down.scale]),
		pack(&expert.up),
		integer_bytes(&expert.gain),
		pack(&expert.down),
	];
	assemble(BlockShape::expert_of(config), &sections)
}

/// How the chain names a block, given the bytes of its file. The tensor root is read from the header.
pub fn block_ref(file: &[u8]) -> BlockRef {
	let mut root = [0; 32];
	if let Some(stored) = file.get(HEADER_BYTES - 32..HEADER_BYTES) {
		root.copy_from_slice(stored);
	}
	BlockRef { tensor_root: H256(root), blob: blob_ref(file) }
}

/// How the chain names bytes. Files of 4 GiB and more do not exist here.
pub fn blob_ref(bytes: &[u8]) -> BlobRef {
	BlobRef { hash: H256(blake2_256(&[bytes])), size: u32::try_from(bytes.len()).unwrap_or(u32::MAX) }
}

fn assemble(shape: BlockShape, sections: &[Vec<u8>]) -> Result<Vec<u8>, BlockError> {
	let layout = Layout::new(shape)?;
	let mut file = vec![0; layout.file_len()];
	for (section, range) in sections.iter().zip(&layout.sections) {
		file[range.clone()].copy_from_slice(section);
	}
	seal(&layout, &mut file);
	Ok(file)
}

/// Writes header and index for the payload that is already in `file`.
pub(super) fn seal(layout: &Layout, file: &mut [u8]) {
	let leaves: Vec<Hash> = (0..layout.tiles).map(|tile| merkle::leaf(&file[layout.tile(tile)])).collect();
	let root = merkle::root(&leaves);
	let descriptor = layout.descriptor();
	file[..64].copy_from_slice(&descriptor);
	file[64..96].copy_from_slice(&root);
	file[96..128].copy_from_slice(&tensor_root(&descriptor, &root));
	for (entry, leaf) in file[layout.index_offset()..].chunks_exact_mut(32).zip(&leaves) {
		entry.copy_from_slice(leaf);
	}
}

fn scale_bytes(scales: &[Scale]) -> Vec<u8> {
	scales.iter().flat_map(|scale| scale.to_bytes()).collect()
}

fn integer_bytes(entries: &[i16]) -> Vec<u8> {
	entries.iter().flat_map(|entry| entry.to_le_bytes()).collect()
}

fn table_bytes(matrix: &Matrix) -> Vec<u8> {
	matrix.weights.iter().map(|&weight| weight as u8).collect()
}

/// Four weights a byte, the first in the lowest bits, each as `weight + 1`. Columns are a multiple of 64.
fn pack(matrix: &Matrix) -> Vec<u8> {
	matrix
		.weights
		.chunks_exact(4)
		.map(|four| four.iter().rev().fold(0, |byte, &weight| (byte << 2) | (weight + 1) as u8))
		.collect()
}
