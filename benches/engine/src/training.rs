//! Training a whole model, and one expert of a finished one, against the same in PyTorch.
//!
//! Both sides start from the same weights and learn from the same bytes, so their first losses must agree; a side
//! that computes something else is not compared with. They take turns of a few steps on the same threads.

use crate::{subject::Subject, Options};
use blyan_engine::quantise::rotary_table;
use blyan_exact::{Expert, Matrix, ModelConfig, SlotIndex, Trunk};
use blyan_training::{
	base, expert, parameter_specs, Corpus, Format, Latent, OptimiserConfig, Progress, Schedule,
};
use burn_flex::Flex;
use serde_json::{json, Value};
use std::{
	error::Error,
	fs,
	io::{BufRead, BufReader, Write},
	ops::ControlFlow,
	path::Path,
	process::{Child, ChildStdin, ChildStdout, Command, Stdio},
	sync::mpsc,
	time::Instant,
};

/// Steps each side makes before any is measured.
const WARM_UP: u64 = 2;
/// Steps of one turn.
const TURN: u64 = 2;
/// Turns at least, whatever the time.
const TURNS_MIN: usize = 5;
/// Batches that are drawn for the other side, which repeats them after that.
const BATCHES: u64 = 64;
/// Seed of weights and sequences.
const SEED: u64 = 1;
/// Largest difference of the two first losses, in bits per byte: single precision, sums in other orders.
const LOSS_TOLERANCE: f64 = 2e-3;

/// Network that is trained.
#[derive(Clone, Copy, PartialEq)]
enum What {
	Base,
	Expert,
}

/// Seconds and losses of one turn.
struct Turn {
	seconds: f64,
	losses: Vec<f64>,
}

/// The engine, on a thread of its own, which trains a few steps when told to.
struct Engine {
	go: mpsc::Sender<u64>,
	done: mpsc::Receiver<Turn>,
}

/// Pauses a run after every turn, and ends it when no other is asked for.
struct Pace {
	go: mpsc::Receiver<u64>,
	done: mpsc::Sender<Turn>,
	left: u64,
	began: Instant,
	losses: Vec<f64>,
}

impl Pace {
	fn wait(&mut self) -> ControlFlow<()> {
		match self.go.recv() {
			Ok(count) => {
				self.left = count;
				self.began = Instant::now();
				ControlFlow::Continue(())
			}
			Err(_) => ControlFlow::Break(()),
		}
	}

	fn note(&mut self, progress: &Progress) -> ControlFlow<()> {
		self.losses.push(progress.loss_bits);
		self.left -= 1;
		if self.left > 0 {
			return ControlFlow::Continue(());
		}
		let seconds = self.began.elapsed().as_secs_f64();
		let turn = Turn { seconds, losses: std::mem::take(&mut self.losses) };
		match self.done.send(turn) {
			Ok(()) => self.wait(),
			Err(_) => ControlFlow::Break(()),
		}
	}
}

impl Engine {
	/// Starts `run`, which ends when this is dropped.
	fn start(run: impl FnOnce(&mut Pace) -> Result<(), String> + Send + 'static) -> Self {
		let (go, told) = mpsc::channel();
		let (tell, done) = mpsc::channel();
		std::thread::spawn(move || {
			let mut pace = Pace { go: told, done: tell, left: 0, began: Instant::now(), losses: Vec::new() };
			if pace.wait().is_continue() {
				if let Err(error) = run(&mut pace) {
					eprintln!("training ended: {error}");
				}
			}
		});
		Self { go, done }
	}

	fn steps(&mut self, count: u64) -> Result<Turn, Box<dyn Error>> {
		self.go.send(count).map_err(|_| "the run has ended")?;
		Ok(self.done.recv()?)
	}
}

/// PyTorch, in a process of its own.
struct Rival {
	child: Child,
	input: Option<ChildStdin>,
	output: BufReader<ChildStdout>,
}

impl Rival {
	fn start(python: &Path, run: &Value) -> Result<Self, Box<dyn Error>> {
		let script = Path::new("benches/rivals/training.py");
		if !script.exists() {
			return Err(
				format!("there is no {}; run this from the repository's root", script.display()).into()
			);
		}
		let mut command = Command::new(python);
		let mut child = command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
		let mut input = child.stdin.take().ok_or("no standard input")?;
		let output = BufReader::new(child.stdout.take().ok_or("no standard output")?);
		writeln!(input, "{run}")?;
		Ok(Self { child, input: Some(input), output })
	}

	fn answer(&mut self) -> Result<Value, Box<dyn Error>> {
		let mut line = String::new();
		if self.output.read_line(&mut line)? == 0 {
			return Err("PyTorch's side ended; its error is above".into());
		}
		Ok(serde_json::from_str(&line)?)
	}

	fn steps(&mut self, count: u64) -> Result<Turn, Box<dyn Error>> {
		let input = self.input.as_mut().ok_or("already ended")?;
		writeln!(input, "{count}")?;
		let answer = self.answer()?;
		let seconds = answer["seconds"].as_f64().ok_or("no seconds")?;
		let losses = serde_json::from_value(answer["losses"].clone())?;
		Ok(Turn { seconds, losses })
	}

	/// Ends it and asks for the peak of its memory.
	fn end(mut self) -> Result<Value, Box<dyn Error>> {
		drop(self.input.take());
		let memory = self.answer()?;
		self.child.wait()?;
		Ok(memory)
	}
}

impl Drop for Rival {
	fn drop(&mut self) {
		// Its input is closed, which ends it; one that hangs must not outlive the measurement.
		if self.input.take().is_some() {
			let _ = self.child.kill();
			let _ = self.child.wait();
		}
	}
}

/// A process's largest memory since it was last forgotten, in MiB.
fn peak_mib() -> Result<u64, Box<dyn Error>> {
	let status = fs::read_to_string("/proc/self/status")?;
	let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak of memory")?;
	Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1_024)
}

/// Forgets the peak of the memory so far.
fn forget_peak() -> Result<(), Box<dyn Error>> {
	Ok(fs::write("/proc/self/clear_refs", "5")?)
}

/// A run that both sides can make.
#[derive(Clone, Copy)]
struct Run {
	what: What,
	config: ModelConfig,
	threads: usize,
	batch: usize,
	tokens: usize,
	optimiser: OptimiserConfig,
	slot: SlotIndex,
}

impl Run {
	fn engine(self, trunk: Trunk, experts: Vec<Expert>, corpus: Corpus) -> Engine {
		let Self { what, config, threads, batch, tokens, optimiser, slot } = self;
		Engine::start(move |pace| {
			let device = Default::default();
			let note = &mut |progress: &Progress| pace.note(progress);
			let ended = match what {
				What::Base => {
					let options = base::Options {
						steps: u64::MAX,
						batch,
						tokens,
						optimiser,
						seed: SEED,
						threads,
						..base::Options::default()
					};
					base::train_base::<Flex>(&config, &corpus, &[], options, &device, note).map(drop)
				}
				What::Expert => {
					let options = expert::Options {
						steps: u64::MAX,
						seconds_max: None,
						batch,
						tokens,
						optimiser,
						seed: SEED,
						threads,
						..expert::Options::default()
					};
					let all = experts.iter().collect::<Vec<_>>();
					expert::train_expert::<Flex>(
						&config,
						&trunk,
						&all,
						slot,
						&corpus,
						&[],
						options,
						&device,
						note,
					)
					.map(drop)
				}
			};
			ended.map_err(|error| error.to_string())
		})
	}

	fn rival(
		&self,
		python: &Path,
		files: &Path,
		weights: &[Vec<f32>],
		corpus: &Corpus,
		compiled: bool,
	) -> Result<Rival, Box<dyn Error>> {
		let (weights_path, batches_path) = (files.join("weights"), files.join("batches"));
		let bytes = weights.iter().flatten().flat_map(|weight| weight.to_le_bytes()).collect::<Vec<_>>();
		fs::write(&weights_path, bytes)?;
		let batches: Result<Vec<_>, _> =
			(0..BATCHES).map(|step| corpus.batch(SEED, step, self.batch, self.tokens)).collect();
		fs::write(&batches_path, batches?.concat())?;
		let parameters = parameter_specs(&self.config)
			.into_iter()
			.map(|spec| {
				let format = match spec.format {
					Format::Ternary { groups } => json!(groups),
					Format::I8 => json!("i8"),
					Format::Gain => json!("gain"),
				};
				json!([format, spec.shape])
			})
			.collect::<Vec<_>>();
		let slot = match self.what {
			What::Base => Value::Null,
			What::Expert => json!([self.slot.layer, self.slot.expert]),
		};
		Rival::start(
			python,
			&json!({
				"config": self.config,
				"threads": self.threads,
				"batch": self.batch,
				"tokens": self.tokens,
				"optimiser": self.optimiser,
				"balance": base::Options::default().balance,
				"slot": slot,
				"parameters": parameters,
				"rotary": rotary_table(&self.config),
				"compile": compiled,
				"weights": weights_path,
				"batches": batches_path,
			}),
		)
	}
}

fn reals(matrix: &Matrix, unit: f64) -> Vec<f32> {
	let scale = f64::from(matrix.scale.mantissa()) * 0.5f64.powi(i32::from(matrix.scale.exponent())) / unit;
	matrix.weights.iter().map(|w| f32::from(*w) * scale as f32).collect()
}

/// The floats that a finished model stands for, in the order of `parameter_specs`.
fn floats(config: &ModelConfig, trunk: &Trunk, experts: &[Expert]) -> Vec<Vec<f32>> {
	const LOG2_E: f64 = std::f64::consts::LOG2_E;
	let gains = |gains: &[i16]| gains.iter().map(|g| f32::from(*g) / 256.0).collect::<Vec<_>>();
	let mut all = vec![reals(&trunk.embedding, 1.0)];
	for (layer, experts) in trunk.layers.iter().zip(experts.chunks(usize::from(config.experts))) {
		let join = |part: &dyn Fn(&Expert) -> Vec<f32>| experts.iter().flat_map(part).collect::<Vec<_>>();
		all.extend([
			gains(&layer.attn_gain),
			[&layer.wq, &layer.wk, &layer.wv].iter().flat_map(|w| reals(w, 1.0)).collect(),
			gains(&layer.attn_out_gain),
			reals(&layer.wo, 1.0),
			gains(&layer.ffn_gain),
			reals(&layer.router, LOG2_E),
			join(&|expert| reals(&expert.up, 1.0)),
			join(&|expert| gains(&expert.gain)),
			join(&|expert| reals(&expert.down, 1.0)),
		]);
	}
	all.extend([gains(&trunk.final_gain), reals(&trunk.head, LOG2_E)]);
	all
}

fn median(mut values: Vec<f64>) -> f64 {
	values.sort_by(f64::total_cmp);
	values[values.len() / 2]
}

fn compare(options: &Options, subject: &Subject, what: What) -> Result<Value, Box<dyn Error>> {
	let Subject { config, trunk, experts, sequences } = subject;
	let tokens = usize::from(config.context);
	let flat = |optimiser| OptimiserConfig { schedule: Schedule::Constant, warmup: 0.0, ..optimiser };
	let (name, batch, optimiser) = match what {
		What::Base => ("base", base::Options::default().batch, base::Options::default().optimiser),
		What::Expert => ("expert", 4_096 / tokens, expert::Options::default().optimiser),
	};
	let run = Run {
		what,
		config: *config,
		threads: options.threads,
		batch,
		tokens,
		optimiser: flat(optimiser),
		slot: SlotIndex { layer: 0, expert: 0 },
	};
	let corpus = Corpus::new(sequences.iter().map(Vec::as_slice));
	let weights = match what {
		What::Base => {
			let latent = Latent::<Flex>::init(config, SEED, &Default::default());
			latent.tensors.iter().map(|tensor| tensor.to_data().iter::<f32>().collect()).collect()
		}
		What::Expert => floats(config, trunk, experts),
	};
	let files = tempfile::tempdir()?;
	let mut rivals = Vec::new();
	if let Some(python) = &options.python {
		for compiled in [false, true] {
			let mut rival = run.rival(python, files.path(), &weights, &corpus, compiled)?;
			match rival.steps(WARM_UP) {
				Ok(turn) => rivals.push((compiled, rival, turn.losses, Vec::new())),
				Err(error) if compiled => eprintln!("PyTorch cannot compile here: {error}"),
				Err(error) => return Err(error),
			}
		}
	}

	forget_peak()?;
	let before_mib = peak_mib()?;
	let mut engine = run.engine(trunk.clone(), experts.clone(), corpus);
	let first = engine.steps(WARM_UP)?.losses;
	for (_, _, theirs, _) in &rivals {
		if (first[0] - theirs[0]).abs() > LOSS_TOLERANCE {
			return Err(
				format!("the first losses are {} and {}: not the same model", first[0], theirs[0]).into()
			);
		}
	}
	let rate = |turn: &Turn| (TURN as usize * batch * tokens) as f64 / turn.seconds;
	let (mut ours, mut last) = (Vec::new(), 0.0);
	let mut spent = 0.0;
	while ours.len() < TURNS_MIN || spent < options.seconds {
		let turn = engine.steps(TURN)?;
		ours.push(rate(&turn));
		spent += turn.seconds;
		last = turn.losses[turn.losses.len() - 1];
		for (_, rival, _, rates) in &mut rivals {
			rates.push(rate(&rival.steps(TURN)?));
		}
	}
	let peak = peak_mib()?;
	drop(engine);

	let turns = ours.len();
	let ours = median(ours);
	eprintln!("{name}, engine: {ours:.0} tokens/s, peak {peak} MiB, {turns} turns");
	let (mut best, mut others) = (0.0f64, json!({}));
	for (compiled, rival, losses, rates) in rivals {
		let theirs = median(rates);
		best = best.max(theirs);
		let memory = rival.end()?;
		let kind = if compiled { "pytorch_compiled" } else { "pytorch" };
		eprintln!("{name}, {kind}: {theirs:.0} tokens/s, peak {} MiB", memory["peak_mib"]);
		others[kind] =
			json!({ "tokens_per_second": theirs.round(), "memory": memory, "first_losses": losses });
	}
	let ratio = (best > 0.0).then(|| (ours / best * 100.0).round() / 100.0);
	if let Some(ratio) = ratio {
		eprintln!("{name}: the engine is {ratio} times as fast as the faster PyTorch");
	}
	Ok(json!({
		"ratio_to_pytorch": ratio,
		"engine": {
			"tokens_per_second": ours.round(),
			"memory": { "peak_mib": peak, "before_mib": before_mib },
			"first_losses": first,
			"last_loss": last,
		},
		"others": others,
		"batch": batch,
		"turns": turns,
	}))
}

/// Measures both and reports.
pub fn measure(options: &Options) -> Result<Value, Box<dyn Error>> {
	let subject = Subject::load(&options.model)?;
	let base = compare(options, &subject, What::Base)?;
	let expert = compare(options, &subject, What::Expert)?;
	Ok(json!({
		"base_ratio": base["ratio_to_pytorch"],
		"expert_ratio": expert["ratio_to_pytorch"],
		"config": subject.config,
		"sequence_len": subject.config.context,
		"threads": options.threads,
		"base": base,
		"expert": expert,
	}))
}
