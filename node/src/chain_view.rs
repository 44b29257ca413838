//! Reading the chain after new best blocks.

use blyan_runtime::opaque::Block;
use codec::Decode;
use futures::{FutureExt, StreamExt};
use sc_client_api::{Backend, ImportNotifications, StorageKey, StorageProvider};
use sp_core::H256;

/// Waits for a new best block; all that came meanwhile count as one. `None` if the node ends.
pub async fn next_best(blocks: &mut ImportNotifications<Block>) -> Option<()> {
	let mut is_new = false;
	while let Some(Some(block)) = blocks.next().now_or_never() {
		is_new |= block.is_new_best;
	}
	while !is_new {
		is_new = blocks.next().await?.is_new_best;
	}
	Some(())
}

/// Reads a storage value of which every explorer knows the place and the layout. The outer `None` if the state is not here, or
/// has another layout; the inner one if it has no such value.
pub fn item<T: Decode, B: Backend<Block>>(
	client: &impl StorageProvider<Block, B>,
	at: H256,
	[pallet, item]: [&str; 2],
) -> Option<Option<T>> {
	let key = [pallet, item].map(|name| sp_crypto_hashing::twox_128(name.as_bytes())).concat();
	let Some(data) = client.storage(at, &StorageKey(key)).ok()? else { return Some(None) };
	let mut bytes = &data.0[..];
	T::decode(&mut bytes).ok().filter(|_| bytes.is_empty()).map(Some)
}
