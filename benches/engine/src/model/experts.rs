//! A token's time, and resident memory, with ever more experts a layer.

use super::{favourite, DECODE, TURNS_MIN};
use blyan_engine::{
	blobs::BlobStore,
	block::{block_ref, write_expert, write_trunk},
	decode::Generator,
	kernel::{activations::ActivationRows, rowwise, Kernel},
	model::{Model, ModelStore},
};
use blyan_exact::{golden, Expert, Matrix, ModelConfig, Scale};
use serde_json::{json, Value};
use std::{
	error::Error,
	sync::Arc,
	time::{Duration, Instant},
};

/// Experts a layer.
const EXPERTS: [u16; 3] = [8, 64, 512];
/// Shapes that are given so many experts: the genesis model's, and layers as wide as layers can be.
const SHAPES: [(&str, ModelConfig); 2] = [
	(
		"genesis",
		ModelConfig { d_model: 128, d_ff: 256, layers: 4, heads: 4, experts: 8, top_k: 2, context: 256 },
	),
	(
		"widest",
		ModelConfig { d_model: 512, d_ff: 2_048, layers: 2, heads: 8, experts: 8, top_k: 2, context: 256 },
	),
];
/// Memory bound of the store of models: more than all of them take.
const CACHE_BYTES_MAX: u64 = 8 << 30;

/// Pages of files, and others, that this process has in memory, in bytes.
fn resident() -> Result<[u64; 2], Box<dyn Error>> {
	let status = std::fs::read_to_string("/proc/self/status")?;
	let field = |name: &str| {
		let line = status.lines().find(|line| line.starts_with(name));
		let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
		kilobytes.map(|kilobytes| kilobytes << 10).ok_or("the system does not say what is resident")
	};
	Ok([field("RssFile:")?, field("RssAnon:")?])
}

/// An expert of hashed numbers; as random as need be, and quickly made.
fn expert(config: &ModelConfig, state: &mut u64) -> Expert {
	let mut next = || {
		*state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
		*state >> 33
	};
	let (d, hidden) = (usize::from(config.d_model), usize::from(config.d_ff));
	let scale = Scale::new(1 << 31, 35).unwrap_or_default();
	let mut ternary = |rows, cols| {
		let weights = (0..rows * cols).map(|_| (next() % 3) as i8 - 1).collect();
		Matrix { rows, cols, weights, scale }
	};
	Expert { up: ternary(hidden, d), gain: vec![256; hidden], down: ternary(d, hidden) }
}

/// One model in a store of its own.
struct Crowd {
	store: ModelStore,
	model: Arc<Model>,
	/// Bytes of one expert's file.
	expert_bytes: u64,
	_dir: tempfile::TempDir,
}

impl Crowd {
	fn new(config: ModelConfig) -> Result<Self, Box<dyn Error>> {
		let dir = tempfile::tempdir()?;
		let blobs = Arc::new(BlobStore::open(dir.path(), CACHE_BYTES_MAX)?);
		let put = |file: Vec<u8>| -> Result<_, Box<dyn Error>> {
			blobs.put(&file)?;
			Ok(block_ref(&file))
		};
		// Only the trunk is taken, so its experts may be as narrow as they get.
		let trunk = golden::random_model(ModelConfig { d_ff: 64, ..config }, b"crowd").trunk;
		let trunk = put(write_trunk(&trunk, &config)?)?;
		let mut state = 1;
		let heads = (0..config.slots())
			.map(|_| put(write_expert(&expert(&config, &mut state), &config)?))
			.collect::<Result<Vec<_>, _>>()?;
		let expert_bytes = heads.first().map_or(0, |head| u64::from(head.blob.size));
		let store = ModelStore::new(blobs, CACHE_BYTES_MAX);
		let model = store.load(&config, &trunk, &heads)?;
		Ok(Self { store, model, expert_bytes, _dir: dir })
	}

	/// Experts that have been opened.
	fn opened(&self) -> u64 {
		// The trunk is one of the blocks.
		self.store.metrics().blocks - 1
	}

	/// Seconds a token.
	fn decode(&self) -> Result<f64, Box<dyn Error>> {
		let prompt: Vec<u8> = (1..DECODE.0).map(|i| (i * 7_919) as u8).collect();
		let generator = Generator::new(self.model.clone(), Kernel::best(), &prompt, favourite());
		let mut generator = generator.map_err(|error| format!("{error:?}"))?;
		generator.next_byte().map_err(|error| format!("{error:?}"))?;
		let began_at = Instant::now();
		for _ in 0..DECODE.1 {
			std::hint::black_box(generator.next_byte().map_err(|error| format!("{error:?}"))?);
		}
		Ok(began_at.elapsed().as_secs_f64() / DECODE.1 as f64)
	}

	/// Seconds a token that the routers take: their products, and finding the two largest logits.
	fn routers(&self) -> f64 {
		const RUNS: u32 = 2_000;
		let (kernel, trunk) = (Kernel::best(), self.model.trunk());
		let d = usize::from(trunk.config.d_model);
		let stream: Vec<i32> = (0..d).map(|i| (i * 7_919 % 8_191) as i32 - 4_095).collect();
		let inputs = ActivationRows::norm_quant(kernel, &stream, &vec![256; d]);
		let mut logits = vec![0; usize::from(trunk.config.experts)];
		let began_at = Instant::now();
		for _ in 0..RUNS {
			for layer in &trunk.layers {
				layer.router.logits(kernel, &inputs, &mut logits);
				for _ in 0..2 {
					std::hint::black_box(rowwise::largest(kernel, &logits));
				}
			}
		}
		began_at.elapsed().as_secs_f64() / f64::from(RUNS)
	}
}

/// The least: these differ by a few percent, and whatever else the machine does only adds.
fn fastest(seconds: &[f64]) -> f64 {
	seconds.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Measures and reports, each shape for about `seconds`.
pub fn measure(seconds: f64) -> Result<Value, Box<dyn Error>> {
	let mut report = serde_json::Map::new();
	for (name, shape) in SHAPES {
		let mut crowds = Vec::new();
		let mut memory = Vec::new();
		for experts in EXPERTS {
			let crowd = Crowd::new(ModelConfig { experts, ..shape })?;
			let [before, before_other] = resident()?;
			crowd.decode()?;
			let [after, after_other] = resident()?;
			memory.push(json!({
				"experts": experts,
				"slots": crowd.model.config().slots(),
				"opened": crowd.opened(),
				"opened_bytes": crowd.opened() * crowd.expert_bytes,
				"resident_growth": after.saturating_sub(before) + after_other.saturating_sub(before_other),
			}));
			crowds.push((crowd, Vec::new(), Vec::new(), before));
		}
		let (began_at, limit) = (Instant::now(), Duration::from_secs_f64(seconds));
		while crowds[0].1.len() < TURNS_MIN || began_at.elapsed() < limit {
			for (crowd, tokens, routers, _) in &mut crowds {
				tokens.push(crowd.decode()?);
				routers.push(crowd.routers());
			}
		}
		let mut runs = Vec::new();
		let mut fewest = None;
		for ((crowd, tokens, routers, _), mut memory) in crowds.into_iter().zip(memory) {
			let [before, _] = resident()?;
			drop(crowd.model.all_experts().map_err(|error| format!("{error:?}"))?);
			let [after, _] = resident()?;
			let (turns, token, router) = (tokens.len(), fastest(&tokens), fastest(&routers));
			let (first_token, first_router) = *fewest.get_or_insert((token, router));
			let (ratio, ratio_without) =
				(token / first_token, (token - router) / (first_token - first_router));
			eprintln!(
				"{name}, {} experts: {:.1} us a token ({ratio:.2} x), of which routers {:.1}; without them {ratio_without:.2} x; {} of {} experts opened",
				memory["experts"], token * 1e6, router * 1e6, memory["opened"], memory["slots"],
			);
			memory["resident_growth_of_all"] = json!(after.saturating_sub(before));
			memory["bytes_of_all"] = json!(u64::from(crowd.model.config().slots()) * crowd.expert_bytes);
			memory["token_nanoseconds"] = json!((token * 1e9).round());
			memory["token_ratio"] = json!(super::two_digits(ratio));
			memory["router_nanoseconds"] = json!((router * 1e9).round());
			memory["router_share"] = json!(super::two_digits(router / token));
			memory["token_ratio_without_routers"] = json!(super::two_digits(ratio_without));
			memory["turns"] = json!(turns);
			runs.push(memory);
		}
		report.insert(name.into(), json!({ "config": shape, "runs": runs }));
	}
	Ok(Value::Object(report))
}
