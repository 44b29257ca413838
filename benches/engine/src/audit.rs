//! Verifying an answer, against generating it: the same answer, the same core, in turns.

use crate::{subject::Subject, Options};
use blyan_engine::{
	decode::{verify, Generator, Sampler},
	eval::forward::{self, KvCache, Workspace},
	kernel::{
		activations::ActivationRows,
		ternary::{multiply, TernaryView},
		Kernel,
	},
	model::Model,
};
use blyan_exact::{golden, ModelConfig, Sampling};
use blyan_primitives::EngineError;
use serde_json::{json, Map, Value};
use std::{
	error::Error,
	hint::black_box,
	sync::Arc,
	time::{Duration, Instant},
};

/// A model as large as the definition allows, but for its layers.
const LARGE: ModelConfig =
	ModelConfig { d_model: 512, d_ff: 2_048, layers: 8, heads: 8, experts: 8, top_k: 2, context: 256 };
/// Bytes of the answers.
const ANSWERS: [usize; 3] = [64, 200, 1_000];
/// Bytes of the prompt.
const PROMPT: usize = 32;
/// Turns, at least.
const TURNS: usize = 3;

/// Settings of `blyan chat` where the user asks for nothing else.
fn chat() -> Sampling {
	Sampling { temperature: 179, top_p: 230, seed: Sampling::key_of(7) }
}

/// Median seconds of each, taking turns until `seconds` have passed.
fn medians<const N: usize>(seconds: f64, mut work: [&mut dyn FnMut(); N]) -> [f64; N] {
	// One turn unmeasured: tables, caches and the allocator are warm afterwards.
	work.iter_mut().for_each(|work| work());
	let mut times: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
	let limit = Duration::from_secs_f64(seconds);
	let began_at = Instant::now();
	while began_at.elapsed() < limit || times[0].len() < TURNS {
		for (times, work) in times.iter_mut().zip(&mut work) {
			let began_at = Instant::now();
			work();
			times.push(began_at.elapsed().as_secs_f64());
		}
	}
	times.map(|mut times| {
		times.sort_by(f64::total_cmp);
		times[times.len() / 2]
	})
}

fn round(number: f64, digits: i32) -> f64 {
	(number * 10_f64.powi(digits)).round() / 10_f64.powi(digits)
}

/// Measures and reports.
pub fn measure(options: &Options) -> Result<Value, Box<dyn Error>> {
	let Subject { config, trunk, experts, sequences } = Subject::load(&options.model)?;
	let served = Arc::new(Model::from_weights(&config, &trunk, &experts)?);
	let prompt =
		sequences.first().ok_or("the holdout is empty")?.get(..PROMPT).ok_or("too short a holdout")?;
	let random = golden::random_model(LARGE, b"audit");
	let large = Arc::new(Model::from_weights(&LARGE, &random.trunk, &random.experts)?);
	drop(random);
	// Six answers and two looks behind them share the time.
	let seconds = options.seconds / 4.0;
	let kernel = Kernel::best();
	// Verifying takes the global pool.
	let pool = match options.threads {
		1 => None,
		threads => Some(Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build()?)),
	};
	let (mut ratios, mut models) = (Map::new(), Map::new());
	for (name, model) in [("served", &served), ("large", &large)] {
		let mut answers = Vec::new();
		let mut of_model = Map::new();
		for bytes in ANSWERS {
			let generate = || -> Result<Vec<u8>, EngineError> {
				Generator::on_threads(model.clone(), kernel, prompt, chat(), pool.clone())?
					.take(bytes)
					.collect()
			};
			let answer = generate().map_err(|error| format!("{error:?}"))?;
			// A fast verifier that accepts anything is worth nothing.
			let mut wrong = answer.clone();
			wrong[bytes - 1] ^= 1;
			let found = verify(model, kernel, prompt, &wrong, chat());
			assert_eq!(
				found.map(|found| found.map(|difference| difference.index)),
				Ok(Some(bytes - 1)),
				"the last byte counts"
			);
			let [generating, verifying] = medians(
				seconds,
				[&mut || drop(black_box(generate())), &mut || {
					assert_eq!(
						verify(model, kernel, prompt, &answer, chat()),
						Ok(None),
						"the answer is right"
					);
				}],
			);
			let ratio = round(generating / verifying, 2);
			eprintln!(
				"{name}, {bytes} bytes: generated in {:.2} ms, verified in {:.2} ms: {ratio} times as fast",
				1e3 * generating,
				1e3 * verifying
			);
			of_model.insert(bytes.to_string(), json!(ratio));
			answers.push(json!({
				"bytes": bytes,
				"generate_us_per_byte": round(1e6 * generating / bytes as f64, 2),
				"verify_us_per_byte": round(1e6 * verifying / bytes as f64, 2),
			}));
		}
		ratios.insert(name.into(), Value::Object(of_model));
		models.insert(
			name.into(),
			json!({ "config": model.config(), "answers": answers, "limits": limits(model, kernel, seconds) }),
		);
	}
	Ok(json!({
		"ratio_verify_to_generate": ratios,
		"threads": options.threads,
		"kernel": kernel.name(),
		"prompt_bytes": PROMPT,
		"temperature_q8": chat().temperature,
		"top_p_q8": chat().top_p,
		"models": models,
	}))
}

/// A forward pass whose memory is kept.
struct Pass<'a> {
	model: &'a Model,
	kernel: Kernel,
	work: Workspace,
	stream: Vec<i32>,
	logits: Vec<i32>,
}

impl Pass<'_> {
	/// Logits after each of `tokens`, which follow what `pasts` hold.
	fn run(&mut self, tokens: &[u8], pasts: &mut [KvCache]) -> &[i32] {
		let Self { model, kernel, work, stream, logits } = self;
		let (kernel, trunk) = (*kernel, model.trunk());
		forward::embed(kernel, trunk, tokens.iter().copied(), stream, &mut ());
		for (index, past) in pasts.iter_mut().enumerate() {
			forward::attention(kernel, trunk, index, stream, std::slice::from_mut(past), work, &mut ());
			forward::mixture(kernel, model, index, stream, work, &mut ()).expect("experts are in memory");
		}
		forward::head(kernel, trunk, stream, work, logits, &mut ());
		logits
	}
}

/// Measures the parts of the ratio: the cost of a token alone and among many, of its products alone, and of its choice.
fn limits(model: &Model, kernel: Kernel, seconds: f64) -> Value {
	const TOKENS: usize = 128;
	let config = model.config();
	let d = usize::from(config.d_model);
	let new = || Pass { model, kernel, work: Workspace::new(1), stream: Vec::new(), logits: Vec::new() };
	let (mut single, mut batch) = (new(), new());
	let text: Vec<u8> = (0..TOKENS).map(|i| b"fn main() { let x = 1; }"[i % 24]).collect();
	let empty = vec![KvCache::new(config, TOKENS); model.trunk().layers.len()];
	let logits = batch.run(&text, &mut empty.clone()).to_vec();
	let rows: Vec<&[i32]> = logits.chunks_exact(256).collect();
	// One matrix of an expert, and the activations of one token and of many.
	let hidden = usize::from(config.d_ff);
	let codes = vec![0b01_10_00_01; hidden * d / 4];
	let weights = TernaryView { codes: &codes, rows: hidden, cols: d };
	let stream: Vec<i32> = (0..TOKENS * d).map(|i| (i * i % 8_191) as i32 - 4_095).collect();
	let gain = vec![256; d];
	let [many, one] =
		[TOKENS, 1].map(|tokens| ActivationRows::norm_quant(kernel, &stream[..tokens * d], &gain));
	let mut sampler = Sampler::new(kernel, chat());
	let mut position = 0;
	let [alone, among, gemv, gemm, choice, defined] = medians(
		seconds,
		[
			&mut || {
				let mut pasts = empty.clone();
				for byte in &text {
					black_box(single.run(std::slice::from_ref(byte), &mut pasts));
				}
			},
			&mut || {
				black_box(batch.run(&text, &mut empty.clone()));
			},
			&mut || (0..TOKENS).for_each(|_| drop(black_box(multiply(kernel, weights, &one)))),
			&mut || drop(black_box(multiply(kernel, weights, &many))),
			&mut || {
				for logits in &rows {
					position += 1;
					black_box(sampler.sample(logits, position));
				}
			},
			&mut || {
				for (position, logits) in (0..).zip(&rows) {
					black_box(chat().sample(logits, position));
				}
			},
		],
	);
	let each = |total: f64| round(1e6 * total / TOKENS as f64, 2);
	eprintln!(
		"  a token alone {} us, among {TOKENS} {} us; an expert's first product {} and {} us; a choice {} us, as defined {} us",
		each(alone),
		each(among),
		each(gemv),
		each(gemm),
		each(choice),
		each(defined)
	);
	json!({
		"token_ratio": round(alone / among, 2),
		"product_ratio": round(gemv / gemm, 2),
		"token_alone_us": each(alone),
		"token_among_128_us": each(among),
		"product_alone_us": each(gemv),
		"product_among_128_us": each(gemm),
		"choice_us": each(choice),
		"choice_as_defined_us": each(defined),
	})
}
