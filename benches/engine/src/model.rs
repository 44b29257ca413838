//! Prefill and decode against llama.cpp, and what more experts cost.
//!
//! Prefill is a prompt that fills the context; decode is single bytes behind a short prompt, the favourite each time on
//! our side and no choice at all on the other. Both sides take turns, and medians are compared.

mod experts;
mod rival;

use crate::{subject::Subject, Options};
use blyan_engine::{decode::Generator, kernel::Kernel, model::Model};
use blyan_exact::{golden, ModelConfig, Sampling};
use rival::Rival;
use serde_json::{json, Value};
use std::{
	error::Error,
	sync::Arc,
	time::{Duration, Instant},
};

/// A model that still fits the definition's bounds, and takes a hundred times the genesis model's work.
pub const LARGE: ModelConfig =
	ModelConfig { d_model: 512, d_ff: 2_048, layers: 8, heads: 8, experts: 8, top_k: 2, context: 256 };
/// Positions of the prompt that decode begins behind, and bytes it then generates.
const DECODE: (usize, usize) = (32, 192);
/// Quantisations of the other side's matrices.
const QUANTISATIONS: [&str; 4] = ["Q8_0", "Q4_0", "TQ2_0", "TQ1_0"];
/// Turns that are always taken, however long they last.
const TURNS_MIN: usize = 3;

/// Before each side's turn. Threads of OpenMP, and for a moment rayon's, wait awake for more work and would take cores from
/// whoever comes next.
const PAUSE: Duration = Duration::from_millis(50);

/// The middle one.
fn median(mut seconds: Vec<f64>) -> f64 {
	seconds.sort_by(f64::total_cmp);
	seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Always the favourite, so that nothing but the model is measured.
fn favourite() -> Sampling {
	Sampling { temperature: 0, top_p: 256, seed: [0; 32] }
}

/// One of our models, on some threads.
struct Own {
	model: Arc<Model>,
	pool: Option<Arc<rayon::ThreadPool>>,
	prompt: Vec<u8>,
}

impl Own {
	fn new(model: Arc<Model>, threads: usize) -> Result<Self, Box<dyn Error>> {
		let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
		let prompt = (0..usize::from(model.config().context) - 1).map(|i| (i * 7_919) as u8).collect();
		Ok(Self { model, pool: (threads > 1).then(|| Arc::new(pool)), prompt })
	}

	/// A generation behind `positions` of the prompt, one of which is the begin-of-sequence token.
	fn begin(&self, positions: usize) -> Result<Generator, Box<dyn Error>> {
		let prompt = &self.prompt[..positions - 1];
		let generator =
			Generator::on_threads(self.model.clone(), Kernel::best(), prompt, favourite(), self.pool.clone());
		generator.map_err(|error| format!("{error:?}").into())
	}

	/// Seconds for a prompt as long as the context.
	fn prefill(&self) -> Result<f64, Box<dyn Error>> {
		let began_at = Instant::now();
		std::hint::black_box(self.begin(self.prompt.len() + 1)?);
		Ok(began_at.elapsed().as_secs_f64())
	}

	/// Seconds for [`DECODE`]: as many tokens are read as bytes are counted.
	fn decode(&self) -> Result<f64, Box<dyn Error>> {
		let mut generator = self.begin(DECODE.0)?;
		generator.next_byte().map_err(|error| format!("{error:?}"))?;
		let began_at = Instant::now();
		for _ in 0..DECODE.1 {
			std::hint::black_box(generator.next_byte().map_err(|error| format!("{error:?}"))?);
		}
		Ok(began_at.elapsed().as_secs_f64())
	}
}

/// Tokens a second of prefill and decode, from medians of seconds.
fn speeds(context: usize, prefills: Vec<f64>, decodes: Vec<f64>) -> [f64; 2] {
	[context as f64 / median(prefills), DECODE.1 as f64 / median(decodes)]
}

fn two_digits(ratio: f64) -> f64 {
	(ratio * 100.0).round() / 100.0
}

/// Ours and, one after another, every quantisation of the other side's model of this shape.
fn compare(
	model: &Arc<Model>,
	threads: usize,
	seconds: f64,
	mut rival: Option<&mut Rival>,
) -> Result<Value, Box<dyn Error>> {
	let config = *model.config();
	let context = usize::from(config.context);
	let own = Own::new(model.clone(), threads)?;
	let mut others = serde_json::Map::new();
	let mut all = (Vec::new(), Vec::new());
	let names: &[&str] = if rival.is_some() { &QUANTISATIONS } else { &[""] };
	for &name in names {
		let mut opened = None;
		if let Some(rival) = rival.as_deref_mut() {
			opened = rival.open(&config, name, threads)?;
			if opened.is_none() {
				others.insert(name.into(), json!("rows are no whole number of blocks"));
				continue;
			}
		}
		let (mut prefills, mut decodes) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
		let (began_at, limit) = (Instant::now(), Duration::from_secs_f64(seconds));
		let mut turn = 0;
		// One turn unmeasured: caches and allocators are warm afterwards.
		while turn <= TURNS_MIN || began_at.elapsed() < limit {
			std::thread::sleep(PAUSE);
			let (prefill, decode) = (own.prefill()?, own.decode()?);
			if turn > 0 {
				prefills.0.push(prefill);
				decodes.0.push(decode);
			}
			if let Some(rival) = rival.as_deref_mut() {
				std::thread::sleep(PAUSE);
				let (prefill, decode) = (rival.prefill(context)?, rival.decode(DECODE)?);
				if turn > 0 {
					prefills.1.push(prefill);
					decodes.1.push(decode);
				}
			}
			turn += 1;
		}
		all.0.extend_from_slice(&prefills.0);
		all.1.extend_from_slice(&decodes.0);
		let Some(opened) = opened else { continue };
		let ours = speeds(context, prefills.0, decodes.0);
		let theirs = speeds(context, prefills.1, decodes.1);
		let [prefill, decode] = [0, 1].map(|i| two_digits(ours[i] / theirs[i]));
		eprintln!(
			"  {name}, {threads} threads: prefill {prefill} x ({:.0} against {:.0} tokens/s), decode {decode} x ({:.0} against {:.0})",
			ours[0], theirs[0], ours[1], theirs[1]
		);
		others.insert(
			name.into(),
			json!({
				"prefill_ratio": prefill, "decode_ratio": decode,
				"prefill_tokens_per_second": theirs[0].round(), "decode_tokens_per_second": theirs[1].round(),
				"turns": turn - 1, "model": opened,
			}),
		);
	}
	let [prefill, decode] = speeds(context, all.0, all.1);
	eprintln!("  ours, {threads} threads: prefill {prefill:.0}, decode {decode:.0} tokens/s");
	Ok(json!({
		"threads": threads,
		"prefill_tokens_per_second": prefill.round(),
		"decode_tokens_per_second": decode.round(),
		"llama_cpp": others,
	}))
}

/// Weights of a model, whatever each is stored in.
fn parameters(config: &ModelConfig) -> u64 {
	let (d, hidden) = (u64::from(config.d_model), u64::from(config.d_ff));
	let layer = 4 * d * d + 3 * d + u64::from(config.experts) * (2 * d * hidden + hidden + d);
	u64::from(config.layers) * layer + 2 * 256 * d + d
}

/// Measures and reports.
pub fn measure(options: &Options) -> Result<Value, Box<dyn Error>> {
	let all = std::thread::available_parallelism()?.get();
	let threads = if all > 1 { vec![1, all] } else { vec![1] };
	let mut rival = options.python.as_deref().map(Rival::start).transpose()?;
	let versions = rival.as_mut().map(Rival::versions).transpose()?;
	let subject = Subject::load(&options.model)?;
	let large = golden::random_model(LARGE, b"large");
	let models = [
		("genesis", Model::from_weights(&subject.config, &subject.trunk, &subject.experts)?),
		("large", Model::from_weights(&LARGE, &large.trunk, &large.experts)?),
	];
	drop(large);
	let mut shapes = serde_json::Map::new();
	for (name, model) in models {
		let model = Arc::new(model);
		eprintln!("{name}: {} parameters", parameters(model.config()));
		let runs: Result<Vec<Value>, _> = threads
			.iter()
			.map(|&threads| compare(&model, threads, options.seconds, rival.as_mut()))
			.collect();
		shapes.insert(
			name.into(),
			json!({ "config": model.config(), "parameters": parameters(model.config()), "runs": runs? }),
		);
	}
	drop(rival);
	Ok(json!({
		"shapes": shapes,
		"experts": experts::measure(options.seconds)?,
		"kernel": Kernel::best().name(),
		"decode": { "after": DECODE.0, "tokens": DECODE.1 },
		"llama_cpp": versions,
	}))
}
