use super::*;
use crate::blobs::BlobStore;
use blyan_exact::golden;
use blyan_primitives::BlockRef;

struct World {
	_dir: tempfile::TempDir,
	store: ModelStore,
	golden: golden::OwnedModel,
	trunk: BlockRef,
	heads: Vec<BlockRef>,
}

fn world(cache_bytes_max: u64) -> World {
	let dir = tempfile::tempdir().unwrap();
	let blobs = Arc::new(BlobStore::open(dir.path(), 1 << 24).unwrap());
	let golden = golden::model();
	let put = |file: Vec<u8>| {
		blobs.put(&file).unwrap();
		block::block_ref(&file)
	};
	let trunk = put(block::write_trunk(&golden.trunk, &golden.config).unwrap());
	let heads = golden
		.experts
		.iter()
		.map(|expert| put(block::write_expert(expert, &golden.config).unwrap()))
		.collect();
	World { _dir: dir, store: ModelStore::new(blobs, cache_bytes_max), golden, trunk, heads }
}

#[test]
fn load_gives_the_model_that_was_stored() {
	let World { store, golden, trunk, heads, .. } = &world(1 << 24);
	let model = store.load(&golden.config, trunk, heads).unwrap();
	assert_eq!(&model.to_exact().unwrap(), golden);
	let roots: Vec<_> = heads.iter().map(|head| head.tensor_root.0).collect();
	assert_eq!(model.root().0, model_root(&golden.config, &trunk.tensor_root.0, &roots));
	assert!(Arc::ptr_eq(model.trunk(), store.load(&golden.config, trunk, heads).unwrap().trunk()));
}

#[test]
fn the_cache_forgets_what_was_used_least() {
	let World { store, golden, trunk, heads, .. } = &world(20_000);
	store.load(&golden.config, trunk, heads).unwrap();
	assert!(store.cached_bytes() <= 20_000);
	let last = store.load_expert(&golden.config, &heads[7]).unwrap();
	assert!(Arc::ptr_eq(&last, &store.load_expert(&golden.config, &heads[7]).unwrap()));
}

#[test]
fn load_says_which_blob_is_at_fault() {
	let World { store, golden, trunk, heads, .. } = &world(1 << 24);
	let config = &golden.config;
	assert!(matches!(store.load(config, trunk, &heads[1..]), Err(LoadError::Malformed)));
	let lying = BlockRef { tensor_root: H256([1; 32]), ..heads[0] };
	assert!(matches!(store.load_expert(config, &lying), Err(LoadError::TensorRoot { .. })));
	let mut resized = heads[0];
	resized.blob.size += 1;
	assert!(matches!(store.load_expert(config, &resized), Err(LoadError::BlobSize { .. })));
	assert!(matches!(store.load_expert(config, trunk), Err(LoadError::Block { .. })));
	store.blobs().remove(&heads[2].blob.hash).unwrap();
	let missing = store.load(config, trunk, heads).unwrap_err();
	assert_eq!(missing.as_engine_error(), blyan_primitives::EngineError::BlobMissing(heads[2].blob.hash));
}

#[test]
fn with_expert_refuses_slots_and_widths_that_are_not_there() {
	let golden = golden::model();
	let model = Model::from_weights(&golden.config, &golden.trunk, &golden.experts).unwrap();
	let wider = ModelConfig { d_ff: 192, ..golden.config };
	let other = expert_from_weights(&wider, &golden::random_expert(&wider, b"wide")).unwrap();
	assert!(model.with_expert(0, 0, Arc::new(other)).is_none());
	let fits = Arc::new(expert_from_weights(&golden.config, &golden.experts[3]).unwrap());
	assert!(model.with_expert(2, 0, fits.clone()).is_none());
	assert!(model.with_expert(0, 4, fits.clone()).is_none());
	assert_ne!(model.with_expert(0, 0, fits).unwrap().root(), model.root());
}
