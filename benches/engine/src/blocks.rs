//! Opening and reading TensorBlock files, against safetensors and pickle.
//!
//! Every side holds the same bytes, 512 experts with their matrices in 2 bits a weight: a TensorBlock each, one
//! safetensors file of all (and, for the most even comparison, one of each), one pickle of all as numpy arrays. What
//! is measured is the time from a path to an open file, and from a path to the product of one expert's `up` with a
//! vector, by the same kernel in Rust and by numpy in Python. Each time it is another expert, warm or cold: cold
//! means that its file's pages were dropped from the page cache just before.

use crate::Options;
use blyan_engine::{
	block::{write_expert, BlockShape, TensorBlock},
	kernel::{
		activations::ActivationRows,
		ternary::{multiply, TernaryView},
		Kernel,
	},
};
use blyan_exact::{golden, Expert, ModelConfig};
use memmap2::Mmap;
use nix::fcntl::{posix_fadvise, PosixFadviseAdvice};
use safetensors::{tensor::TensorView, Dtype, SafeTensors};
use serde_json::{json, Value};
use std::{
	collections::BTreeMap,
	error::Error,
	fs::File,
	hint::black_box,
	io::{BufRead, BufReader, Write},
	path::{Path, PathBuf},
	process::{Child, ChildStdin, ChildStdout, Command, Stdio},
	time::{Duration, Instant},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const EXPERTS: usize = 512;
/// Experts of different weights; drawing more takes long, and no side looks for equal ones.
const DISTINCT: usize = 16;
/// Level to which [`ActivationRows`] quantises a vector of equal entries.
const LEVEL: i64 = 127;
const CONFIG: ModelConfig =
	ModelConfig { d_model: 512, d_ff: 2_048, layers: 1, heads: 8, experts: 512, top_k: 2, context: 256 };
const SHAPE: BlockShape = BlockShape::Expert { d_model: CONFIG.d_model, d_ff: CONFIG.d_ff };
/// Sections of an expert.
const PARTS: [&str; 4] = ["scales", "up", "gain", "down"];
/// Rounds in which each side is measured at least and at most; `--seconds` decides in between.
const ROUNDS_MIN: usize = 7;
const ROUNDS_MAX: usize = 400;

/// The files of every side.
struct Files {
	dir: tempfile::TempDir,
	/// Sums of the weights of each expert's `up`.
	checksums: Vec<i64>,
	/// A vector of equal entries.
	flat: ActivationRows,
}

impl Files {
	/// Writes all but the pickle. On the disk of the build and not in memory, where nothing is ever cold.
	fn write() -> Outcome<Self> {
		let parent = std::env::current_exe()?.parent().map_or_else(|| PathBuf::from("."), PathBuf::from);
		let dir = tempfile::tempdir_in(parent)?;
		let width = usize::from(CONFIG.d_model);
		let flat = ActivationRows::norm_quant(Kernel::best(), &vec![1 << 12; width], &vec![1 << 8; width]);
		let mut files = Self { dir, checksums: Vec::new(), flat };
		let mut all = Vec::new();
		let experts: Vec<Expert> =
			(0..DISTINCT).map(|index| golden::random_expert(&CONFIG, &[index as u8])).collect();
		for index in 0..EXPERTS {
			let expert = &experts[index % DISTINCT];
			files.checksums.push(expert.up.weights.iter().map(|&weight| i64::from(weight)).sum());
			let file = write_expert(expert, &CONFIG)?;
			write_synced(&files.block(index), &file)?;
			let block = TensorBlock::from_bytes(file, SHAPE)?;
			let parts: Vec<(&str, Vec<u8>)> = PARTS
				.iter()
				.zip(&block.layout().sections)
				.map(|(name, range)| (*name, block.bytes()[range.clone()].to_vec()))
				.collect();
			write_synced(&files.single(index), &safetensors_of(parts.clone())?)?;
			all.extend(parts.into_iter().map(|(name, bytes)| (format!("{index}.{name}"), bytes)));
		}
		write_synced(&files.all(), &safetensors_of(all)?)?;
		Ok(files)
	}

	fn block(&self, index: usize) -> PathBuf {
		self.dir.path().join(format!("{index}.tblk"))
	}

	fn single(&self, index: usize) -> PathBuf {
		self.dir.path().join(format!("{index}.safetensors"))
	}

	fn all(&self) -> PathBuf {
		self.dir.path().join("experts.safetensors")
	}

	fn pickle(&self) -> PathBuf {
		self.dir.path().join("experts.pickle")
	}

	/// The product with `up`, by the fastest kernel; the sum of its entries, which is that of the weights.
	fn product(&self, codes: &[u8]) -> i64 {
		let (rows, cols) = (usize::from(CONFIG.d_ff), usize::from(CONFIG.d_model));
		let out = multiply(Kernel::best(), TernaryView { codes, rows, cols }, &self.flat);
		out.iter().map(|&product| i64::from(product)).sum::<i64>() / LEVEL
	}
}

fn write_synced(path: &Path, bytes: &[u8]) -> Outcome<()> {
	let mut file = File::create(path)?;
	file.write_all(bytes)?;
	// Only clean pages can be dropped.
	Ok(file.sync_all()?)
}

fn safetensors_of<S: AsRef<str> + Ord + std::fmt::Display>(parts: Vec<(S, Vec<u8>)>) -> Outcome<Vec<u8>> {
	let views = parts
		.iter()
		.map(|(name, bytes)| Ok((name.as_ref(), TensorView::new(Dtype::U8, vec![bytes.len()], bytes)?)))
		.collect::<Outcome<Vec<_>>>()?;
	Ok(safetensors::serialize(views, None)?)
}

/// One way to an expert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
	/// A TensorBlock; the tiles of `up` and the index are hashed.
	TensorBlock,
	/// The same with every tile and every value checked, as a model's store does before the first use.
	TensorBlockWhole,
	/// The same read without hashing, as after the store has verified it.
	TensorBlockUnhashed,
	/// The crate, one file of all experts.
	Safetensors,
	/// The crate, one file of this expert.
	SafetensorsSingle,
	/// Python, one file of all experts.
	SafetensorsPython,
	/// Python, one file of all experts.
	Pickle,
}

impl Side {
	const RUST: [Self; 5] = [
		Self::TensorBlock,
		Self::TensorBlockWhole,
		Self::TensorBlockUnhashed,
		Self::Safetensors,
		Self::SafetensorsSingle,
	];
	const PYTHON: [Self; 2] = [Self::SafetensorsPython, Self::Pickle];

	fn name(self) -> &'static str {
		match self {
			Self::TensorBlock => "tensorblock",
			Self::TensorBlockWhole => "tensorblock_all_tiles",
			Self::TensorBlockUnhashed => "tensorblock_unhashed",
			Self::Safetensors => "safetensors_512",
			Self::SafetensorsSingle => "safetensors_1",
			Self::SafetensorsPython => "safetensors_python_512",
			Self::Pickle => "pickle_512",
		}
	}

	fn path(self, files: &Files, index: usize) -> PathBuf {
		match self {
			Self::TensorBlock | Self::TensorBlockWhole | Self::TensorBlockUnhashed => files.block(index),
			Self::Safetensors | Self::SafetensorsPython => files.all(),
			Self::SafetensorsSingle => files.single(index),
			Self::Pickle => files.pickle(),
		}
	}
}

// Five and seven are prime, so any stride below visits every side once.
const _: () = assert!(Side::RUST.len() == 5 && Side::RUST.len() + Side::PYTHON.len() == 7);

/// Goal of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Goal {
	Open,
	Use,
}

impl Goal {
	fn name(self) -> &'static str {
		match self {
			Self::Open => "open",
			Self::Use => "use",
		}
	}
}

/// Time of one side, and the sum of the products if it went so far.
fn run(side: Side, goal: Goal, index: usize, files: &Files) -> Outcome<(Duration, i64)> {
	let path = side.path(files, index);
	let began_at = Instant::now();
	let sum = match side {
		Side::TensorBlock | Side::TensorBlockWhole | Side::TensorBlockUnhashed => {
			let block = TensorBlock::open(&path, SHAPE)?;
			match (goal, side) {
				(Goal::Open, _) => 0,
				(Goal::Use, Side::TensorBlockUnhashed) => {
					files.product(&block.bytes()[block.layout().sections[1].clone()])
				}
				(Goal::Use, _) => {
					if side == Side::TensorBlockWhole {
						block.verify_all()?;
					}
					files.product(block.section(1).ok_or("an expert has four sections")??)
				}
			}
		}
		_ => {
			// SAFETY: the file is this program's own, and nobody changes it.
			let map = unsafe { Mmap::map(&File::open(&path)?)? };
			let tensors = SafeTensors::deserialize(&map)?;
			let name = match side {
				Side::SafetensorsSingle => "up".to_string(),
				_ => format!("{index}.up"),
			};
			match goal {
				Goal::Open => 0,
				Goal::Use => files.product(tensors.tensor(&name)?.data()),
			}
		}
	};
	Ok((began_at.elapsed(), black_box(sum)))
}

/// The process of the Python sides.
struct Python {
	child: Child,
	commands: ChildStdin,
	answers: BufReader<ChildStdout>,
}

impl Python {
	fn start(program: &Path, files: &Files) -> Outcome<Self> {
		let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rivals/blocks.py");
		let mut child = Command::new(program)
			.arg(script)
			.arg(files.dir.path())
			.arg(CONFIG.d_model.to_string())
			// One thread, like the other side.
			.envs(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"].map(|name| (name, "1")))
			.stdin(Stdio::piped())
			.stdout(Stdio::piped())
			.spawn()?;
		let commands = child.stdin.take().ok_or("the child has a standard input")?;
		let answers = BufReader::new(child.stdout.take().ok_or("the child has a standard output")?);
		let mut python = Self { child, commands, answers };
		match python.ask("write")?.as_str() {
			"ok" => Ok(python),
			answer => Err(format!("the pickle was not written: {answer:?}").into()),
		}
	}

	fn ask(&mut self, command: &str) -> Outcome<String> {
		writeln!(self.commands, "{command}")?;
		let mut line = String::new();
		if self.answers.read_line(&mut line)? == 0 {
			return Err("the Python side ended; its last words are above".into());
		}
		Ok(line.trim().to_string())
	}

	fn run(&mut self, side: Side, goal: Goal, index: usize) -> Outcome<(Duration, i64)> {
		let name = if side == Side::Pickle { "pickle" } else { "safetensors" };
		let answer = self.ask(&format!("{name} {} {index}", goal.name()))?;
		let (seconds, sum) = answer.split_once(' ').ok_or("an answer has two numbers")?;
		Ok((Duration::from_secs_f64(seconds.parse()?), sum.parse::<f64>()? as i64))
	}
}

impl Drop for Python {
	fn drop(&mut self) {
		let _ = self.child.kill();
		let _ = self.child.wait();
	}
}

/// Drops a file's pages from the page cache.
fn cool(path: &Path) -> Outcome<()> {
	Ok(posix_fadvise(&File::open(path)?, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?)
}

/// Brings a file's pages there.
fn warm(path: &Path) -> Outcome<()> {
	black_box(std::fs::read(path)?);
	Ok(())
}

/// Medians in microseconds of every side, which take turns.
fn medians(
	files: &Files,
	python: &mut Option<Python>,
	goal: Goal,
	is_cold: bool,
	seconds: f64,
) -> Outcome<BTreeMap<&'static str, f64>> {
	let mut sides = Side::RUST.to_vec();
	if python.is_some() {
		sides.extend(Side::PYTHON);
	}
	let mut times: BTreeMap<Side, Vec<Duration>> = BTreeMap::new();
	if !is_cold {
		for side in &sides {
			for index in 0..if side.path(files, 0) == side.path(files, 1) { 1 } else { EXPERTS } {
				warm(&side.path(files, index))?;
			}
		}
	}
	let began_at = Instant::now();
	for round in 0..ROUNDS_MAX {
		if round >= ROUNDS_MIN && began_at.elapsed().as_secs_f64() > seconds {
			break;
		}
		// Another expert each time, from all over the file.
		let index = (round * 197 + 31) % EXPERTS;
		// Nobody always comes behind the same other side, whose work leaves caches as it likes.
		let stride = 1 + round % (sides.len() - 1);
		for turn in 0..sides.len() {
			let side = sides[(round + turn * stride) % sides.len()];
			if is_cold {
				cool(&side.path(files, index))?;
			}
			let (time, sum) = match python {
				Some(python) if Side::PYTHON.contains(&side) => python.run(side, goal, index)?,
				_ => run(side, goal, index, files)?,
			};
			// A fast wrong answer is worth nothing.
			if goal == Goal::Use && sum != files.checksums[index] {
				return Err(format!("{}: expert {index} gives {sum}", side.name()).into());
			}
			times.entry(side).or_default().push(time);
		}
	}
	let median = |mut times: Vec<Duration>| {
		times.sort();
		(times[times.len() / 2].as_secs_f64() * 1e7).round() / 10.0
	};
	Ok(times.into_iter().map(|(side, times)| (side.name(), median(times))).collect())
}

/// Measures and reports.
pub fn measure(options: &Options) -> Outcome<Value> {
	eprintln!("writing {EXPERTS} experts three times");
	let files = Files::write()?;
	let mut python = match &options.python {
		Some(program) => Some(Python::start(program, &files)?),
		None => None,
	};
	let (mut ratios, mut micros) = (serde_json::Map::new(), serde_json::Map::new());
	for (goal, is_cold) in [(Goal::Use, false), (Goal::Use, true), (Goal::Open, false), (Goal::Open, true)] {
		let case = format!("{}_{}", goal.name(), if is_cold { "cold" } else { "warm" });
		let medians = medians(&files, &mut python, goal, is_cold, options.seconds)?;
		let ours = medians.get(Side::TensorBlock.name()).copied().unwrap_or(f64::NAN);
		let rivals = medians.iter().filter(|(name, _)| !name.starts_with("tensorblock"));
		let rivals: serde_json::Map<String, Value> = rivals
			.map(|(name, time)| (name.to_string(), json!((time / ours * 100.0).round() / 100.0)))
			.collect();
		eprintln!("{case}: microseconds {medians:?}");
		eprintln!("{case}: times as long as a TensorBlock {}", Value::from(rivals.clone()));
		ratios.insert(case.clone(), rivals.into());
		micros.insert(case, json!(medians));
	}
	Ok(json!({
		"ratios_to_tensorblock": ratios,
		"median_us": micros,
		"experts": EXPERTS,
		"d_model": CONFIG.d_model,
		"d_ff": CONFIG.d_ff,
		"kernel": Kernel::best().name(),
		"first_use": "one product of up [2048, 512] with a vector; in Python by numpy in float32 after unpacking",
	}))
}
