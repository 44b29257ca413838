//! Moving blobs between this machine and a node, in chunks that can be resumed, every byte verified.

use super::Client;
use crate::{
	failure::{Failure, Kind, Outcome},
	output::Output,
};
use base64::{engine::general_purpose::STANDARD, Engine};
use blyan_primitives::BlobRef;
use serde::Deserialize;
use sp_core::H256;
use std::time::Duration;
use subxt::rpcs::client::rpc_params;

/// Bytes in one message; the node takes at most 1 MiB.
const CHUNK: usize = 512 * 1024;
/// Attempts at one chunk while the node is busy with others' uploads.
const ATTEMPTS: u32 = 5;

/// Blake2b-256, which names a blob.
pub fn hash(bytes: &[u8]) -> H256 {
	H256(sp_crypto_hashing::blake2_256(bytes))
}

#[derive(Deserialize)]
struct Uploaded {
	received: u64,
	complete: bool,
}

/// Hands a blob to the node, which takes only what the chain has announced.
pub async fn upload(client: &Client, output: &Output, bytes: &[u8]) -> Outcome<()> {
	let hash = hash(bytes);
	if client.has_blob(&hash).await? {
		return Ok(());
	}
	let bar = output.byte_bar("upload", bytes.len() as u64);
	let (mut offset, mut attempt) = (0usize, 0);
	while offset < bytes.len() {
		let chunk = &bytes[offset..bytes.len().min(offset + CHUNK)];
		let params = rpc_params![hash, offset, bytes.len(), STANDARD.encode(chunk)];
		match client.request::<Uploaded>("blyan_uploadBlob", params).await {
			Ok(answer) if answer.complete => return Ok(()),
			Ok(answer) => {
				attempt = 0;
				offset = usize::try_from(answer.received).unwrap_or(usize::MAX).min(bytes.len());
				bar.set(offset as u64);
			}
			Err(failure) if failure.kind == Kind::Refused && attempt < ATTEMPTS => {
				// The node may not have seen the block that announces the blob, or be full; from the start
				// again is always right, since chunks it already has are answered at once.
				attempt += 1;
				offset = 0;
				tokio::time::sleep(Duration::from_millis(500 << attempt)).await;
			}
			Err(failure) => return Err(failure),
		}
	}
	if client.has_blob(&hash).await? {
		return Ok(());
	}
	Err(Failure::new(format!("the node took {} bytes and still lacks blob {hash:?}", bytes.len()))
		.kind(Kind::Refused)
		.next("run the command again; the upload starts afresh"))
}

#[derive(Deserialize)]
struct Chunk {
	#[serde(alias = "data")]
	data_base64: String,
}

/// Fetches a blob and verifies it.
pub async fn download(client: &Client, output: &Output, blob: &BlobRef) -> Outcome<Vec<u8>> {
	let size = blob.size as usize;
	let bar = output.byte_bar("download", size as u64);
	let mut bytes = Vec::with_capacity(size);
	while bytes.len() < size {
		let params = rpc_params![blob.hash, bytes.len(), CHUNK.min(size - bytes.len())];
		let chunk: Chunk = client.request("blyan_blob", params).await?;
		let chunk = STANDARD.decode(chunk.data_base64)?;
		if chunk.is_empty() || chunk.len() > size - bytes.len() {
			return Err(Failure::new(format!("the node's copy of blob {:?} has another length", blob.hash))
				.next("fetch it from another node with --url"));
		}
		bytes.extend(chunk);
		bar.set(bytes.len() as u64);
	}
	if hash(&bytes) != blob.hash {
		return Err(Failure::new(format!("the node's copy of blob {:?} is corrupt", blob.hash))
			.next("fetch it from another node with --url"));
	}
	Ok(bytes)
}
