//! Imports an open checkpoint, gives it experts, measures it and talks to it, without a chain: `model import FILE --out DIR`,
//! `model upcycle DIR --out DIR2 --first 26 --end 30 --experts 8 --top-k 2`, `model measure DIR TEXT`, `model chat DIR`, `model speed DIR` (the other side of benches/rivals/open_model.py).

use blyan_checkpoint::{reference::Reference, Checkpoint};
use blyan_kernel::Kernel;
use blyan_open_model::{
	conversation::{Conversation, Settings},
	derive::Parent,
	import, load,
	measure::{self, Cut},
	upcycle::{upcycle, Upcycling},
	Directory, Precision, Runner,
};
use blyan_text::{Chat, Message};
use clap::{Parser, Subcommand};
use std::{
	error::Error,
	io::{self, BufRead, Write},
	path::{Path, PathBuf},
	sync::Arc,
	time::Instant,
};

#[derive(Parser)]
struct Arguments {
	/// Threads.
	#[arg(long, global = true, default_value_t = 2)]
	threads: usize,
	/// Instruction set; the best one if absent.
	#[arg(long, global = true)]
	kernel: Option<String>,
	#[command(subcommand)]
	command: Command,
}

#[derive(Subcommand)]
enum Command {
	/// Import a checkpoint.
	Import {
		checkpoint: PathBuf,
		#[arg(long)]
		out: PathBuf,
	},
	/// Turn dense layers into layers of experts.
	Upcycle {
		model: PathBuf,
		#[arg(long)]
		out: PathBuf,
		/// First layer.
		#[arg(long)]
		first: u8,
		/// Layer behind the last one.
		#[arg(long)]
		end: u8,
		#[arg(long)]
		experts: u16,
		#[arg(long)]
		top_k: u8,
		/// Rank of adapters; full copies if absent.
		#[arg(long)]
		rank: Option<u8>,
	},
	/// Bits per byte of a text; with a checkpoint, in floats too.
	Measure {
		model: PathBuf,
		text: PathBuf,
		#[arg(long)]
		checkpoint: Option<PathBuf>,
		#[arg(long, default_value_t = 256)]
		positions: usize,
		#[arg(long, default_value_t = 8)]
		sequences: usize,
	},
	/// Read token ids from standard input, `{"read": [id], "then": [id]}` a line, and say how many seconds it took to read
	/// the first all at once and the others one by one.
	Speed { model: PathBuf },
	/// Talk.
	Chat {
		model: PathBuf,
		#[arg(long)]
		prompt: Option<String>,
		#[arg(long)]
		system: Option<String>,
		#[arg(long, default_value_t = 200)]
		tokens: usize,
		#[arg(long, default_value_t = 0)]
		temperature_q8: u16,
		#[arg(long, default_value_t = 230)]
		top_p_q8: u16,
		#[arg(long, default_value_t = 0)]
		seed: u64,
	},
}

fn main() -> Result<(), Box<dyn Error>> {
	let Arguments { threads, kernel, command } = Arguments::parse();
	let kernel = kernel.map_or(Some(Kernel::best()), |name| Kernel::by_name(&name));
	let kernel = kernel.ok_or("this processor has no such kernel")?;
	match command {
		Command::Import { checkpoint, out } => {
			let started = Instant::now();
			let checkpoint = Checkpoint::open(&checkpoint)?;
			let manifest = import(&checkpoint, Precision::default(), &out, &|_, _| {})?;
			let bytes: u64 = manifest.parts.iter().map(|part| part.bytes).sum();
			println!("model root 0x{}, {bytes} bytes, {:?}", manifest.model_root, started.elapsed());
			Ok(())
		}
		Command::Upcycle { model, out, first, end, experts, top_k, rank } => {
			let started = Instant::now();
			let settings = Upcycling { layers: first..end, experts, top_k, rank };
			let derived = upcycle(&Parent::open(&model)?, &settings, &out, Some(threads), &|_, _| {})?;
			let (bytes, written) = (derived.manifest.bytes(), derived.written_bytes);
			let root = derived.manifest.model_root;
			println!(
				"model root 0x{root}, {bytes} bytes, {written} of them written, {:?}",
				started.elapsed()
			);
			Ok(())
		}
		Command::Measure { model, text, checkpoint, positions, sequences } => {
			let cut = Cut { positions, sequences_max: sequences };
			measure(&model, &text, checkpoint.as_deref(), cut, kernel, threads)
		}
		Command::Speed { model } => speed(open(&model, kernel, threads)?.0),
		Command::Chat { model, prompt, system, tokens, temperature_q8, top_p_q8, seed } => {
			let (runner, chat, ends) = open(&model, kernel, threads)?;
			let mut conversation = Conversation::new(runner, chat, ends, system);
			let sampling = blyan_exact::Sampling {
				temperature: temperature_q8,
				top_p: top_p_q8,
				seed: blyan_exact::Sampling::key_of(seed),
			};
			let settings = Settings { sampling, tokens_max: tokens, stop: Vec::new() };
			match prompt {
				Some(prompt) => say(&mut conversation, &settings, prompt),
				None => {
					io::stdin().lock().lines().try_for_each(|line| say(&mut conversation, &settings, line?))
				}
			}
		}
	}
}

fn open(model: &Path, kernel: Kernel, threads: usize) -> Result<(Runner, Chat, Vec<u32>), Box<dyn Error>> {
	let started = Instant::now();
	let directory = Directory::new(model);
	let manifest = directory.manifest()?;
	let architecture = directory.architecture(&manifest)?;
	let weights = load(&directory, &manifest, &architecture)?;
	let tokenizer = directory.tokenizer(&manifest)?;
	eprintln!("loaded in {:?}", started.elapsed());
	let runner = Runner::new(Arc::new(weights), kernel, threads)?;
	Ok((runner, Chat::new(Arc::new(tokenizer))?, manifest.ends))
}

fn measure(
	model: &Path,
	text: &Path,
	checkpoint: Option<&Path>,
	cut: Cut,
	kernel: Kernel,
	threads: usize,
) -> Result<(), Box<dyn Error>> {
	let (mut runner, chat, _) = open(model, kernel, threads)?;
	let tokenizer = chat.tokenizer().clone();
	let sequences = measure::sequences(&tokenizer, &std::fs::read_to_string(text)?, cut)?;
	let started = Instant::now();
	let cost = measure::cost(&mut runner, &tokenizer, &sequences, |_| {})?;
	println!("integers {:.5} bits a byte, {cost:?}, {:?}", cost.bits_per_byte(), started.elapsed());
	if let Some(path) = checkpoint {
		let started = Instant::now();
		let checkpoint = Checkpoint::open(path)?;
		let reference = Reference::new(&checkpoint);
		let bits =
			sequences.iter().map(|ids| Ok(reference.loss_bits(ids)?)).sum::<Result<f64, Box<dyn Error>>>()?;
		let float = bits / cost.bytes as f64;
		let more = 100.0 * (cost.bits / bits - 1.0);
		println!("floats   {float:.5} bits a byte, {:?}: integers cost {more:+.3} %", started.elapsed());
	}
	Ok(())
}

/// A question to [`speed`].
#[derive(serde::Deserialize)]
struct Turn {
	/// Ids that are read all at once.
	read: Vec<u32>,
	/// Ids that follow, each a step of its own with logits behind it.
	then: Vec<u32>,
}

fn speed(mut runner: Runner) -> Result<(), Box<dyn Error>> {
	for line in io::stdin().lock().lines() {
		let Turn { read, then } = serde_json::from_str(&line?)?;
		let (mut sequence, mut logits) = (runner.sequence(), Vec::new());
		let started = Instant::now();
		runner.read(&mut sequence, &read, &mut logits)?;
		let reading = started.elapsed();
		for id in then {
			runner.read(&mut sequence, &[id], &mut logits)?;
		}
		let stepping = started.elapsed() - reading;
		println!("{}", serde_json::json!({ "read": reading.as_secs_f64(), "then": stepping.as_secs_f64() }));
	}
	Ok(())
}

fn say(conversation: &mut Conversation, settings: &Settings, line: String) -> Result<(), Box<dyn Error>> {
	conversation.push(Message::user(line));
	let answer = conversation.answer(settings, |text| {
		print!("{text}");
		drop(io::stdout().flush());
	})?;
	println!();
	eprintln!(
		"-- {} tokens read ({} known) in {:?}, {} generated in {:?}, {:?}, keys and values {} bytes",
		answer.prompt_tokens,
		answer.prompt_tokens_known,
		answer.reading,
		answer.tokens.len(),
		answer.generating,
		answer.end,
		conversation.cache_bytes()
	);
	Ok(())
}
