use super::*;
use crate::HoldoutRef;
use blyan_exact::definition2::golden;

const CONFIG: ModelConfig =
	ModelConfig { d_model: 64, d_ff: 64, layers: 1, heads: 1, experts: 2, top_k: 1, context: 32 };

fn block(n: u8) -> BlockRef {
	let blob = BlobRef { hash: H256::repeat_byte(n), size: 7 };
	BlockRef { tensor_root: H256::repeat_byte(n), blob }
}

fn info(body: ModelBody, parts: Vec<BlockRef>) -> ModelInfo {
	ModelInfo {
		id: 3,
		name: b"tiny".to_vec(),
		body,
		version: ModelVersion { major: 1, minor: 0, patch: 0 },
		generation: 0,
		parts,
		heads: [1, 2].map(|n| ExpertHead { version: 0, block: block(n) }).to_vec(),
	}
}

fn second() -> ModelInfo {
	let parts: Vec<BlockRef> = (3..6).map(block).collect();
	let body = ModelBody::Second { architecture: H256::repeat_byte(9), parts: blocks_root(&parts) };
	info(body, parts)
}

fn holdout(sequences: u32, sequence_len: u16) -> HoldoutRef {
	HoldoutRef { root: H256::zero(), blob: block(1).blob, sequences, sequence_len }
}

#[test]
fn json_names_the_fields_of_either_body_beside_the_others() {
	let first = info(ModelBody::First { config: CONFIG, trunk: block(3) }, Vec::new());
	for model in [first, second()] {
		let json = serde_json::to_value(&model).unwrap();
		let has = |name: &str| json.get(name).is_some();
		let is_second = model.body.is_second();
		assert_eq!((has("config"), has("trunk")), (!is_second, !is_second), "{json}");
		assert_eq!([has("architecture"), has("parts"), has("parts_root")], [is_second; 3], "{json}");
		assert!(!has("body"), "{json}");
		assert_eq!(serde_json::from_value::<ModelInfo>(json).unwrap(), model);
	}
}

#[test]
fn roots_are_those_of_the_definitions() {
	let heads = [[1; 32], [2; 32]];
	let first = info(ModelBody::First { config: CONFIG, trunk: block(3) }, Vec::new());
	assert_eq!(first.model_root().0, blyan_exact::model_root(&CONFIG, &[3; 32], &heads));
	let (_, architecture) = golden::ARCHITECTURES.first().unwrap();
	let architecture = architecture();
	let parts: Vec<BlockRef> = (3..6).map(block).collect();
	let id = H256(definition2::model::architecture_hash(&architecture));
	let model = info(ModelBody::Second { architecture: id, parts: blocks_root(&parts) }, parts);
	let roots = [[3; 32], [4; 32], [5; 32]];
	assert_eq!(model.model_root().0, definition2::model_root(&architecture, &roots, &heads));
}

#[test]
fn a_holdout_of_token_ids_has_a_header_and_counts_and_predicts_all_ids_but_the_first() {
	let first = ModelBody::First { config: CONFIG, trunk: block(3) };
	let second = second().body;
	assert_eq!((first.positions(&holdout(10, 32)), first.holdout_bytes(&holdout(10, 32))), (32, 320));
	assert_eq!((second.positions(&holdout(10, 32)), second.holdout_bytes(&holdout(10, 32))), (31, 1_416));
	assert_eq!(second.positions(&holdout(10, 0)), 0);
	// Whatever a caller writes into a reference, nothing overflows.
	assert_eq!(second.holdout_bytes(&holdout(u32::MAX, u16::MAX)), 96 + 262_144 * u64::from(u32::MAX));
}
