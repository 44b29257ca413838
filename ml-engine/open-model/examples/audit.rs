//! Generates answers and verifies their records, in turns on the same threads, and prints one line of JSON: seconds of both and
//! the ratio. `audit MODEL_DIR [--threads 2] [--turns 5]`

use blyan_exact::Sampling;
use blyan_kernel::Kernel;
use blyan_open_model::{
	conversation::{Conversation, Settings},
	load, Directory, GenerationRecord, Manifest, Runner, Weights,
};
use blyan_text::{Chat, Message, Tokenizer};
use clap::Parser;
use serde_json::{json, Value};
use std::{error::Error, path::PathBuf, sync::Arc, time::Instant};

/// Words of the prompt, and tokens of the answer.
const CASES: [(usize, usize); 4] = [(10, 64), (10, 256), (10, 1_024), (700, 256)];
/// Settings of `blyan chat` unless others are given: 0.7 and 0.9.
const TEMPERATURE_AND_TOP_P: (u16, u16) = (179, 230);
const SEED: u64 = 7;

#[derive(Parser)]
struct Arguments {
	/// Directory of the model.
	model: PathBuf,
	/// Threads of both sides.
	#[arg(long, default_value_t = 2)]
	threads: usize,
	/// Turns, of which the fastest of each side counts.
	#[arg(long, default_value_t = 5)]
	turns: usize,
	/// Instruction set; the best one if absent.
	#[arg(long)]
	kernel: Option<String>,
}

/// A model, and how it is run.
struct Subject {
	manifest: Manifest,
	tokenizer: Arc<Tokenizer>,
	weights: Arc<Weights>,
	kernel: Kernel,
	threads: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
	let Arguments { model, threads, turns, kernel } = Arguments::parse();
	let kernel = kernel.map_or(Some(Kernel::best()), |name| Kernel::by_name(&name));
	let kernel = kernel.ok_or("this processor has no such kernel")?;
	let directory = Directory::new(&model);
	let mut manifest = directory.manifest()?;
	let architecture = directory.architecture(&manifest)?;
	let weights = Arc::new(load(&directory, &manifest, &architecture)?);
	let tokenizer = Arc::new(directory.tokenizer(&manifest)?);
	// Nothing ends an answer before it is as long as it is meant to be.
	manifest.ends.clear();
	let subject = Subject { manifest, tokenizer, weights, kernel, threads };
	let cases = CASES.map(|(words, tokens)| subject.measure(words, tokens, turns));
	let cases = cases.into_iter().collect::<Result<Vec<Value>, _>>()?;
	let report = json!({ "kernel": kernel.to_string(), "threads": threads, "cases": cases });
	println!("{report}");
	Ok(())
}

impl Subject {
	fn runner(&self) -> Result<Runner, Box<dyn Error>> {
		Ok(Runner::new(self.weights.clone(), self.kernel, self.threads)?)
	}

	/// Takes turns: an answer to a new conversation, and the verification of its record.
	fn measure(&self, words: usize, tokens: usize, turns: usize) -> Result<Value, Box<dyn Error>> {
		let (temperature, top_p) = TEMPERATURE_AND_TOP_P;
		let sampling = Sampling { temperature, top_p, seed: Sampling::key_of(SEED) };
		let settings = Settings { sampling, tokens_max: tokens, stop: Vec::new() };
		let prompt = format!("Tell me a story about {}.", "a ship and the sea and ".repeat(words / 6));
		let mut verifier = self.runner()?;
		let (mut generated, mut decoded, mut verified) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
		let mut read = 0;
		for _ in 0..turns.max(1) {
			let chat = Chat::new(self.tokenizer.clone())?;
			let mut conversation = Conversation::new(self.runner()?, chat, Vec::new(), None);
			conversation.push(Message::user(prompt.clone()));
			let answer = conversation.answer(&settings, |_| {})?;
			generated = generated.min((answer.reading + answer.generating).as_secs_f64());
			decoded = decoded.min(answer.generating.as_secs_f64());
			let record = GenerationRecord::new(&self.manifest, &settings, SEED, &answer);
			let started = Instant::now();
			let difference = record.difference(&mut verifier, &self.tokenizer)?;
			verified = verified.min(started.elapsed().as_secs_f64());
			if let Some(difference) = difference {
				return Err(format!("an honest record differs: {difference:?}").into());
			}
			read = record.prompt.len();
		}
		Ok(json!({ "prompt_tokens": read, "answer_tokens": tokens, "generated_seconds": generated,
			"decoded_tokens_per_second": tokens as f64 / decoded, "verified_seconds": verified,
			"ratio": generated / verified }))
	}
}
