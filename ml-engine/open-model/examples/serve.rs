//! Speed of a server: one conversation against several at a time, prompts with the same beginning, and a full context.
//! `serve MODEL` prints one line of JSON. Sides take turns, and the fastest turn counts.

use blyan_exact::Sampling;
use blyan_kernel::Kernel;
use blyan_open_model::{
	conversation::Settings,
	load,
	run::{FeedForward, Head, Weights},
	serve::{Event, Limits, Metrics, Request, Server},
	Directory, Runner,
};
use clap::Parser;
use serde_json::{json, Map, Value};
use std::{error::Error, path::PathBuf, sync::Arc, time::Instant};

#[derive(Parser)]
struct Arguments {
	/// Directory of the model.
	model: PathBuf,
	/// Threads.
	#[arg(long, default_value_t = 2)]
	threads: usize,
	/// Instruction set; the best one if absent.
	#[arg(long)]
	kernel: Option<String>,
	/// Conversations at a time, besides one.
	#[arg(long, value_delimiter = ',', default_values_t = [2, 4, 8, 16, 32])]
	conversations: Vec<usize>,
	/// Tokens of a prompt.
	#[arg(long, default_value_t = 64)]
	prompt: usize,
	/// Tokens of an answer.
	#[arg(long, default_value_t = 128)]
	tokens: usize,
	/// Turns of each side.
	#[arg(long, default_value_t = 3)]
	turns: usize,
	/// Temperature, 256 for one.
	#[arg(long, default_value_t = 256)]
	temperature_q8: u16,
	/// Share of the probability to choose from, 256 for all.
	#[arg(long, default_value_t = 230)]
	top_p_q8: u16,
	/// Tokens that prompts share in the measurement of the cache.
	#[arg(long, default_value_t = 1_024)]
	shared: usize,
	/// Positions of the longest conversation; the model's context if that is shorter.
	#[arg(long, default_value_t = 8_192)]
	long: usize,
}

/// Means of all measurements.
struct Bench {
	arguments: Arguments,
	weights: Arc<Weights>,
	kernel: Kernel,
}

/// Seconds of one run.
#[derive(Clone, Copy)]
struct Times {
	/// Until every conversation had a token.
	reading: f64,
	/// From then on.
	writing: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
	let arguments = Arguments::parse();
	let kernel = match &arguments.kernel {
		Some(name) => Kernel::by_name(name).ok_or("this processor has no such kernel")?,
		None => Kernel::best(),
	};
	let directory = Directory::new(&arguments.model);
	let manifest = directory.manifest()?;
	let weights = Arc::new(load(&directory, &manifest, &directory.architecture(&manifest)?)?);
	let bench = Bench { arguments, weights, kernel };
	let mut report = Map::new();
	report.insert("kernel".into(), kernel.name().into());
	report.insert("threads".into(), bench.arguments.threads.into());
	report.insert("writing".into(), bench.writing()?);
	report.insert("shared_prompt".into(), bench.cache()?);
	report.insert("long".into(), bench.long()?);
	report.insert("memory".into(), bench.memory(manifest.bytes())?);
	println!("{}", Value::Object(report));
	Ok(())
}

impl Bench {
	fn server(&self, limits: Limits) -> Result<Server, Box<dyn Error>> {
		Ok(Server::new(Runner::new(self.weights.clone(), self.kernel, self.arguments.threads)?, limits)?)
	}

	/// A question of ids that no model can know: the first `shared` the same in every one.
	fn request(&self, number: usize, shared: usize, prompt: usize, tokens: usize) -> Request {
		let vocabulary = self.weights.shape.vocabulary;
		let id = |position: usize| {
			let number = if position < shared { 0 } else { number + 1 };
			(3 + position * 7_919 + number * 104_729) % vocabulary
		};
		let Arguments { temperature_q8, top_p_q8, .. } = self.arguments;
		let seed = Sampling::key_of(number as u64);
		let sampling = Sampling { temperature: temperature_q8, top_p: top_p_q8, seed };
		Request {
			prompt: (0..prompt).map(|position| id(position) as u32).collect(),
			settings: Settings { sampling, tokens_max: tokens, stop: Vec::new() },
			ends: Vec::new(),
			tokenizer: None,
			scores: None,
		}
	}

	/// Answers some questions at a time.
	fn run(&self, requests: Vec<Request>, limits: Limits) -> Result<(Times, Metrics), Box<dyn Error>> {
		let mut server = self.server(limits)?;
		let count = requests.len();
		let started = Instant::now();
		for request in requests {
			server.submit(request)?;
		}
		let (mut begun, mut reading) = (std::collections::HashSet::new(), 0.0);
		while !server.is_idle() {
			server.step(&mut |id, event| {
				if let Event::Token(_) = event {
					begun.insert(id);
				}
			})?;
			if reading == 0.0 && begun.len() == count {
				reading = started.elapsed().as_secs_f64();
			}
		}
		Ok((Times { reading, writing: started.elapsed().as_secs_f64() - reading }, server.metrics()))
	}

	/// Tokens a second of all conversations together.
	fn writing(&self) -> Result<Value, Box<dyn Error>> {
		let Arguments { prompt, tokens, turns, .. } = self.arguments;
		let mut sides = vec![1];
		sides.extend(&self.arguments.conversations);
		let mut best = vec![(f64::INFINITY, f64::INFINITY); sides.len()];
		for _ in 0..turns {
			for (count, best) in sides.iter().zip(&mut best) {
				let requests = (0..*count).map(|number| self.request(number, 0, prompt, tokens)).collect();
				let (times, _) = self.run(requests, Limits::default())?;
				best.0 = best.0.min(times.writing);
				best.1 = best.1.min(times.reading + times.writing);
			}
		}
		let speeds = |count: usize, (writing, all): (f64, f64)| {
			// The first token of each comes of reading.
			((count * (tokens - 1)) as f64 / writing, (count * tokens) as f64 / all)
		};
		let one = speeds(1, best[0]);
		let report = sides.iter().zip(&best).map(|(count, best)| {
			let (writing, all) = speeds(*count, *best);
			let side = json!({
				"tokens_per_s": rounded(writing), "ratio": rounded(writing / one.0),
				"with_prompts_tokens_per_s": rounded(all), "with_prompts_ratio": rounded(all / one.1),
			});
			(count.to_string(), side)
		});
		Ok(Value::Object(report.collect()))
	}

	/// Sixteen prompts with the same beginning against sixteen without.
	fn cache(&self) -> Result<Value, Box<dyn Error>> {
		let Arguments { shared, turns, .. } = self.arguments;
		let mut best = [f64::INFINITY; 2];
		let mut hits = [0.0; 2];
		for _ in 0..turns {
			for (side, shared_of_side) in [0, shared].into_iter().enumerate() {
				let request = |number| self.request(number, shared_of_side, shared + 64, 2);
				let (times, metrics) = self.run((0..16).map(request).collect(), Limits::default())?;
				best[side] = best[side].min(times.reading);
				hits[side] = metrics.hit_ratio().unwrap_or(0.0);
			}
		}
		Ok(json!({
			"prompts": 16, "prompt_tokens": shared + 64, "shared_tokens": shared,
			"hit_ratio": rounded(hits[1]), "hit_ratio_without": rounded(hits[0]),
			"seconds": rounded(best[1]), "seconds_without": rounded(best[0]),
			"ratio": rounded(best[0] / best[1]),
		}))
	}

	/// Bytes a second that reading memory takes, and that one conversation's weights take, in turns; for dense models, which read
	/// all of them for every token.
	fn memory(&self, model_bytes: u64) -> Result<Value, Box<dyn Error>> {
		let is_dense =
			|layer: &blyan_open_model::run::Layer| matches!(layer.feed_forward, FeedForward::Dense(_));
		if !self.weights.layers.iter().all(is_dense) {
			return Ok(Value::Null);
		}
		let Arguments { prompt, tokens, turns, threads, .. } = self.arguments;
		// A head of its own is read for every token, an embedding of its own is not.
		let unread = match self.weights.head {
			Head::Own(_) => self.weights.embedding.bytes() as u64,
			Head::Tied(_) => 0,
		};
		let (mut bandwidth, mut weights) = (0.0_f64, 0.0_f64);
		for _ in 0..turns {
			bandwidth = bandwidth.max(read_bandwidth(threads));
			let (times, _) = self.run(vec![self.request(0, 0, prompt, tokens)], Limits::default())?;
			weights = weights.max((model_bytes - unread) as f64 * (tokens - 1) as f64 / times.writing);
		}
		Ok(json!({
			"read_gb_per_s": rounded(bandwidth / 1e9), "weights_gb_per_s": rounded(weights / 1e9),
			"share": rounded(weights / bandwidth),
		}))
	}

	/// One conversation of the longest kind.
	fn long(&self) -> Result<Value, Box<dyn Error>> {
		let positions = self.arguments.long.min(self.weights.shape.context);
		let tokens = 65.min(positions);
		let request = self.request(0, 0, positions + 1 - tokens, tokens);
		let (times, metrics) = self.run(vec![request], Limits::default())?;
		Ok(json!({
			"positions": positions,
			"kv_bytes": metrics.kv_bytes(),
			"process_peak_bytes": peak_bytes()?,
			"prompt_tokens_per_s": rounded((positions + 1 - tokens) as f64 / times.reading),
			"tokens_per_s": rounded((tokens - 1) as f64 / times.writing),
		}))
	}
}

/// Returns the bytes a second at which threads read memory that no cache holds, the best of five times.
fn read_bandwidth(threads: usize) -> f64 {
	const WORDS: usize = 1 << 27;
	let words = vec![1_u64; WORDS];
	let mut best = f64::INFINITY;
	for _ in 0..5 {
		let started = Instant::now();
		let sums = std::thread::scope(|scope| {
			let parts = words.chunks(WORDS.div_ceil(threads));
			let readers: Vec<_> = parts
				.map(|part| scope.spawn(move || part.iter().fold(0_u64, |sum, word| sum.wrapping_add(*word))))
				.collect();
			readers.into_iter().filter_map(|reader| reader.join().ok()).sum::<u64>()
		});
		assert_eq!(sums, WORDS as u64, "every word was read");
		best = best.min(started.elapsed().as_secs_f64());
	}
	(WORDS * size_of::<u64>()) as f64 / best
}

/// Returns the largest resident set of this process so far.
fn peak_bytes() -> Result<u64, Box<dyn Error>> {
	let status = std::fs::read_to_string("/proc/self/status")?;
	let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
	let kilobytes =
		line.and_then(|line| line.split_whitespace().next()).ok_or("no VmHWM in /proc/self/status")?;
	Ok(kilobytes.parse::<u64>()? << 10)
}

fn rounded(number: f64) -> f64 {
	(number * 100.0).round() / 100.0
}
