//! Versions of experts that the registry remembers.

use super::{events, Client};
use crate::failure::{Failure, Outcome};
use blyan_primitives::{BlobRef, BlockRef, ExpertSlot, VersionIndex};
use serde_json::Value as Json;
use sp_core::H256;
use subxt::dynamic::{self, Value};

impl Client {
	/// The block of one version of a slot's expert; `None` if it is forgotten.
	pub async fn version(&self, slot: ExpertSlot, version: VersionIndex) -> Outcome<Option<BlockRef>> {
		let address = dynamic::storage::<(Value, u32), Value>("Experts", "Versions");
		let key = Value::named_composite([
			("model", Value::u128(slot.model.into())),
			("layer", Value::u128(slot.layer.into())),
			("expert", Value::u128(slot.expert.into())),
		]);
		let at = self.here().await?;
		let Some(value) = at.storage().try_fetch(address, (key, version)).await? else { return Ok(None) };
		let block = &events::to_json(&value.decode()?)["block"];
		let unreadable = || Failure::new("the node's record of a version is not readable");
		block_of(block).map(Some).ok_or_else(unreadable)
	}
}

fn block_of(block: &Json) -> Option<BlockRef> {
	let hash = |value: &Json| value.as_str()?.parse::<H256>().ok();
	let size = u32::try_from(events::as_u128(&block["blob"]["size"])?).ok()?;
	let blob = BlobRef { hash: hash(&block["blob"]["hash"])?, size };
	Some(BlockRef { tensor_root: hash(&block["tensor_root"])?, blob })
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde_json::json;

	#[test]
	fn a_record_of_a_version_names_its_block() {
		let (root, hash) = (H256([1; 32]), H256([2; 32]));
		let record = json!({ "tensor_root": root, "blob": { "hash": hash, "size": 17_120 } });
		let block = BlockRef { tensor_root: root, blob: BlobRef { hash, size: 17_120 } };
		assert_eq!(block_of(&record), Some(block));
		assert_eq!(block_of(&json!({ "tensor_root": root })), None);
	}
}
