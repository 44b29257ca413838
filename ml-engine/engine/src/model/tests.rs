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

/// What one expert of the golden model takes.
fn expert_bytes(world: &World) -> u64 {
	let before = world.store.cached_bytes();
	world.store.load_expert(&world.golden.config, &world.heads[0]).unwrap();
	world.store.cached_bytes() - before
}

#[test]
fn the_cache_forgets_what_was_used_least() {
	let bytes = expert_bytes(&world(1 << 24));
	let World { store, golden, heads, .. } = &world(3 * bytes);
	for head in heads {
		store.load_expert(&golden.config, head).unwrap();
		assert!(store.cached_bytes() <= 3 * bytes);
	}
	let last = store.load_expert(&golden.config, &heads[7]).unwrap();
	assert!(Arc::ptr_eq(&last, &store.load_expert(&golden.config, &heads[7]).unwrap()));
	let metrics = store.metrics();
	assert_eq!((metrics.blocks, metrics.hits, metrics.misses, metrics.evictions), (3, 2, 8, 5));
	assert_eq!(store.heat(&heads[7].tensor_root).round(), 3.0);
	assert_eq!(store.hottest(1)[0].0, heads[7].tensor_root);
}

#[test]
fn what_is_in_use_is_never_dropped_and_what_does_not_fit_is_refused() {
	let bytes = expert_bytes(&world(1 << 24));
	let World { store, golden, trunk, heads, .. } = &world(2 * bytes);
	let config = &golden.config;
	let held: Vec<_> = heads[..2].iter().map(|head| store.load_expert(config, head).unwrap()).collect();
	let refused = store.load_expert(config, &heads[2]).unwrap_err();
	assert!(matches!(refused, LoadError::NoRoom { needed, in_use, bytes_max, .. }
		if needed == bytes && in_use == 2 * bytes && bytes_max == 2 * bytes));
	assert_eq!(refused.as_engine_error(), blyan_primitives::EngineError::Busy);
	assert!(Arc::ptr_eq(&held[0], &store.load_expert(config, &heads[0]).unwrap()));
	drop(held);
	store.load_expert(config, &heads[2]).unwrap();
	// The trunk alone is larger than all of this.
	let refused = store.load_trunk(config, trunk).unwrap_err();
	assert_eq!(refused.as_engine_error(), blyan_primitives::EngineError::ModelTooLarge);
	assert!(refused.to_string().contains("raise the budget"));
	assert_eq!(store.metrics().refusals, 2);
	assert_eq!(store.drop_idle(), 2 * bytes);
	assert_eq!(store.cached_bytes(), 0);
}

#[test]
fn many_threads_load_a_block_once() {
	let World { store, golden, heads, .. } = &world(1 << 24);
	let loaded: Vec<_> = std::thread::scope(|scope| {
		let threads: Vec<_> =
			(0..8).map(|_| scope.spawn(|| store.load_expert(&golden.config, &heads[0]).unwrap())).collect();
		threads.into_iter().map(|thread| thread.join().unwrap()).collect()
	});
	assert!(loaded.iter().all(|expert| Arc::ptr_eq(expert, &loaded[0])));
	assert_eq!((store.metrics().misses, store.metrics().hits), (1, 7));
}

#[test]
fn a_failure_to_load_leaves_no_trace() {
	let World { store, golden, heads, .. } = &world(1 << 24);
	let lying = BlockRef { tensor_root: H256([1; 32]), ..heads[0] };
	for _ in 0..2 {
		assert!(store.load_expert(&golden.config, &lying).is_err());
		assert_eq!((store.cached_bytes(), store.metrics().blocks), (0, 0));
	}
}

#[test]
fn experts_that_follow_each_other_are_loaded_ahead() {
	let World { store, golden, heads, .. } = &world(1 << 24);
	let experts = StoredExperts::new(store.clone(), golden.config, heads.to_vec());
	// Four experts in each of two layers; tokens go from the first to the third of the next.
	let walk = |slots: &[usize]| slots.iter().for_each(|&slot| drop(experts.expert(slot).unwrap()));
	for _ in 0..6 {
		walk(&[0, 6]);
	}
	assert_eq!(store.metrics().prefetches, 0);
	store.drop_idle();
	walk(&[0]);
	let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
	while store.metrics().prefetches == 0 {
		assert!(std::time::Instant::now() < deadline, "nothing was loaded ahead");
		std::thread::yield_now();
	}
	walk(&[6]);
	let metrics = store.metrics();
	assert_eq!((metrics.prefetches, metrics.prefetches_used, metrics.misses), (1, 1, 3));
	assert!(experts.expert(8).is_err());
}

#[test]
fn experts_that_are_used_often_run_packed_and_say_the_same() {
	use crate::{
		kernel::{rows::ActivationRows, Kernel},
		packed::PackedCache,
	};
	let World { _dir, store, golden, heads, .. } = &world(1 << 24);
	let config = &golden.config;
	let open = || PackedCache::open(_dir.path().join("packed"), Kernel::best(), 1 << 24).unwrap();
	let with = ModelStore::with_packed(store.blobs().clone(), 1 << 24, open());
	let stream: Vec<i32> = (0..i32::from(config.d_model) * 3).map(|i| i * 7_919 % 4_001 - 2_000).collect();
	let inputs = ActivationRows::norm_quant(Kernel::PORTABLE, &stream, &vec![256; config.d_model.into()]);
	let expected = store.load_expert(config, &heads[0]).unwrap().steps(Kernel::PORTABLE, &inputs);
	let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
	while with.metrics().packed == 0 {
		assert!(std::time::Instant::now() < deadline, "nothing was packed");
		with.load_expert(config, &heads[0]).unwrap();
	}
	let ensure_same = |store: &ModelStore| {
		let expert = store.load_expert(config, &heads[0]).unwrap();
		assert!(expert.is_packed());
		let (hidden, normalised, down) = expert.steps(Kernel::best(), &inputs);
		assert_eq!(
			(hidden, normalised.values, down),
			(expected.0.clone(), expected.1.values.clone(), expected.2.clone())
		);
		assert_eq!(expert.verified_block().unwrap().to_expert().unwrap(), golden.experts[0]);
	};
	ensure_same(&with);
	drop(with);
	// After a restart it is packed from the first use on, and what nobody uses often is not.
	let again = ModelStore::with_packed(store.blobs().clone(), 1 << 24, open());
	ensure_same(&again);
	assert!(!again.load_expert(config, &heads[1]).unwrap().is_packed());
	assert_eq!(again.metrics().packed, 1);
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
