use super::*;
use crate::{
	blobs::BlobStore,
	decode::Generator,
	eval::{never_stop, Evaluator},
	kernel::Kernel,
};
use blyan_exact::golden;
use blyan_exact::Sampling;
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

/// Returns the bytes that one expert of the golden model takes.
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
		kernel::{activations::ActivationRows, Kernel},
		packed::PackedCache,
	};
	let World { _dir, store, golden, heads, .. } = &world(1 << 24);
	let config = &golden.config;
	let open = || PackedCache::open(_dir.path().join("packed"), Kernel::best(), 1 << 24).unwrap();
	if !open().is_worth_it() {
		return;
	}
	let with = ModelStore::with_packed(store.blobs().clone(), 1 << 24, open());
	let stream: Vec<i32> = (0..i32::from(config.d_model) * 3).map(|i| i * 7_919 % 4_001 - 2_000).collect();
	let inputs = ActivationRows::norm_quant(Kernel::PORTABLE, &stream, &vec![256; config.d_model.into()]);
	let expected = store.load_expert(config, &heads[0]).unwrap().steps(Kernel::PORTABLE, &inputs);
	let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
	while with.metrics().packed == 0 {
		assert!(std::time::Instant::now() < deadline, "nothing was packed");
		(0..64).for_each(|_| drop(with.load_expert(config, &heads[0]).unwrap()));
		// Idle for a moment, so that it can be exchanged.
		std::thread::sleep(std::time::Duration::from_millis(1));
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
	// It takes its packed form when it is idle at last, however long it was in use and as hot as can be.
	std::fs::remove_dir_all(_dir.path().join("packed")).unwrap();
	let busy = ModelStore::with_packed(store.blobs().clone(), 1 << 24, open());
	let in_use = busy.load_expert(config, &heads[0]).unwrap();
	(0..50_000).for_each(|_| drop(busy.load_expert(config, &heads[0]).unwrap()));
	assert_eq!(busy.metrics().packed, 0);
	drop(in_use);
	let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
	while busy.metrics().packed == 0 {
		assert!(std::time::Instant::now() < deadline, "nothing was packed later");
		(0..64).for_each(|_| drop(busy.load_expert(config, &heads[0]).unwrap()));
		std::thread::sleep(std::time::Duration::from_millis(1));
	}
	drop(busy);
	// After a restart it is packed from the first use on, and rarely used experts are not.
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

/// A source that counts what it is asked for, and has lost one expert.
#[derive(Debug)]
struct Counting {
	experts: Vec<Arc<ExpertWeights>>,
	asked: Vec<std::sync::atomic::AtomicUsize>,
	lost: Option<usize>,
}

impl ExpertSource for Counting {
	fn expert(&self, slot: usize) -> Result<Arc<ExpertWeights>, LoadError> {
		self.asked[slot].fetch_add(1, std::sync::atomic::Ordering::Relaxed);
		if self.lost == Some(slot) {
			return Err(LoadError::BlobMissing(H256([9; 32])));
		}
		Ok(self.experts[slot].clone())
	}
}

/// A model of many experts, all in memory.
fn many_experts() -> Model {
	let config =
		ModelConfig { d_model: 64, d_ff: 64, layers: 2, heads: 2, experts: 40, top_k: 2, context: 32 };
	let exact = golden::random_model(config, b"many");
	Model::from_weights(&config, &exact.trunk, &exact.experts).unwrap()
}

/// The same model with a source that counts.
fn counting(model: &Model, lost: Option<usize>) -> (Model, Arc<Counting>) {
	let experts = model.all_experts().unwrap();
	let asked = experts.iter().map(|_| 0.into()).collect();
	let roots = experts.iter().map(|expert| expert.block().tensor_root()).collect();
	let source = Arc::new(Counting { experts, asked, lost });
	(Model::with_source(model.trunk().clone(), roots, source.clone()).unwrap(), source)
}

#[test]
fn only_experts_that_tokens_are_routed_to_are_asked_for() {
	let eager = many_experts();
	let (lazy, source) = counting(&eager, None);
	assert_eq!(lazy.root(), eager.root());
	let asked =
		|| source.asked.iter().filter(|count| count.load(std::sync::atomic::Ordering::Relaxed) > 0).count();
	assert_eq!(asked(), 0);
	let evaluator = Evaluator::new(Kernel::best(), 1).unwrap();
	let losses = |model: &Model, bytes: &[u8]| evaluator.losses(model, &[bytes], &never_stop).unwrap();
	assert_eq!(losses(&lazy, b"a"), losses(&eager, b"a"));
	// One token, two layers, two experts each.
	assert_eq!(asked(), 4);
	assert_eq!(losses(&lazy, b"many more experts"), losses(&eager, b"many more experts"));
	assert!((5..80).contains(&asked()), "{}", asked());
	assert_eq!(lazy.to_exact().unwrap(), eager.to_exact().unwrap());
	assert_eq!(asked(), 80);
}

#[test]
fn an_expert_that_is_lost_fails_what_needs_it_and_nothing_else() {
	let eager = many_experts();
	let experts = eager.all_experts().unwrap();
	let evaluator = Evaluator::new(Kernel::best(), 2).unwrap();
	let text = b"text that goes through some of them";
	let sequences: Vec<&[u8]> = vec![&text[..17], &text[17..34]];
	let missing = blyan_primitives::EngineError::BlobMissing(H256([9; 32]));
	let expected = evaluator.losses(&eager, &sequences, &never_stop).unwrap();
	let sampling = Sampling { temperature: 0, top_p: 256, seed: [1; 32] };
	let mut failures = 0;
	for slot in (0..80).step_by(3) {
		let (lazy, source) = counting(&eager, Some(slot));
		let asked = |slot: usize| source.asked[slot].load(std::sync::atomic::Ordering::Relaxed) > 0;
		match evaluator.losses(&lazy, &sequences, &never_stop) {
			Ok(losses) => assert!(losses == expected && !asked(slot), "slot {slot}"),
			Err(error) => {
				failures += 1;
				assert!(error == missing && asked(slot), "slot {slot}: {error:?}");
			}
		}
		let lazy = Arc::new(lazy);
		let generated = Generator::new(lazy, Kernel::best(), text, sampling)
			.and_then(|generator| generator.take(9).collect::<Result<Vec<u8>, _>>());
		assert!(generated.is_ok() || generated == Err(missing));
		// Another expert in the slot heals the model.
		let (lazy, _) = counting(&eager, Some(slot));
		let own = experts[slot].clone();
		let healed = lazy.with_expert((slot / 40) as u8, (slot % 40) as u16, own).unwrap();
		assert_eq!(evaluator.losses(&healed, &sequences, &never_stop).unwrap(), expected);
	}
	assert!(failures > 0);
}

#[test]
fn a_failed_generation_keeps_failing() {
	let eager = Arc::new(many_experts());
	let sampling = Sampling { temperature: 0, top_p: 256, seed: [1; 32] };
	let expected: Vec<u8> = Generator::new(eager.clone(), Kernel::best(), b"go", sampling)
		.unwrap()
		.take(20)
		.map(Result::unwrap)
		.collect();
	let mut broke_off = 0;
	for slot in 0..80 {
		let (lazy, _) = counting(&eager, Some(slot));
		let Ok(mut generator) = Generator::new(Arc::new(lazy), Kernel::best(), b"go", sampling) else {
			continue;
		};
		let bytes: Vec<_> = generator.by_ref().take(20).collect();
		let good = bytes.iter().take_while(|byte| byte.is_ok()).count();
		assert!(bytes[..good].iter().flatten().eq(&expected[..good]));
		assert!(bytes[good..].iter().all(Result::is_err), "slot {slot}");
		broke_off += usize::from(good < 20);
	}
	assert!(broke_off > 0);
}

#[test]
fn a_stored_model_runs_as_one_in_memory_and_says_what_is_damaged_when_it_gets_there() {
	let room = world(1 << 24);
	room.store.load_trunk(&room.golden.config, &room.trunk).unwrap();
	let bytes = room.store.cached_bytes() + 3 * expert_bytes(&room);
	let World { store, golden, trunk, heads, _dir } = &world(bytes);
	let evaluator = Evaluator::new(Kernel::best(), 1).unwrap();
	let stored = store.load(&golden.config, trunk, heads).unwrap();
	// The cache holds fewer experts than the model has, so some are opened again and again.
	assert_eq!(evaluator.losses(&stored, &[golden::TEXT], &never_stop).unwrap(), [golden::LOSS]);
	assert!(store.metrics().evictions > 0 && store.cached_bytes() <= bytes);
	let hash = heads[5].blob.hash;
	let path = _dir.path().join(format!("{hash:x}"));
	let mut bytes = std::fs::read(&path).unwrap();
	bytes[200] ^= 1;
	std::fs::write(&path, bytes).unwrap();
	let fresh = ModelStore::new(store.blobs().clone(), 1 << 24);
	let damaged = fresh.load(&golden.config, trunk, heads).unwrap();
	let error = evaluator.losses(&damaged, &[golden::TEXT], &never_stop).unwrap_err();
	assert_eq!(error, blyan_primitives::EngineError::BlobCorrupt(hash));
	// The damaged copy is gone, so the next attempt knows what to fetch.
	let error = evaluator.losses(&damaged, &[golden::TEXT], &never_stop).unwrap_err();
	assert_eq!(error, blyan_primitives::EngineError::BlobMissing(hash));
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
