//! Speed of evaluations, with and without commitments to their traces, in turns in one process:
//! `evaluate FILE.gguf TEXT [--layer 29] [--sequences 256]`.
//!
//! One layer of the imported checkpoint is turned into a routed one: every expert is the layer's own network, and so is the
//! candidate but for the scale of its down-projection. Losses and products are those of a real candidate.

use blyan_checkpoint::Checkpoint;
use blyan_exact::{
	definition2::{
		block::{part_file, LoadedPart, PartView},
		golden::Stream,
		model::View,
		Architecture, LayerShape, Name, Network, OwnedPart, OwnedTensor, Part, PartTensors, Real, Routing,
		WeightKind,
	},
	tree::Item,
};
use blyan_kernel::Kernel;
use blyan_open_model::{
	directory::PartFile,
	evaluate::{never_stop, outcome, Candidate, Evaluator, Holdout, HoldoutWriter, Losses, Subject},
	import, load,
	run::Weights,
	Directory, Manifest, Precision,
};
use clap::Parser;
use std::{
	error::Error,
	fs::File,
	io::{BufReader, Cursor},
	path::PathBuf,
	sync::atomic::{AtomicUsize, Ordering},
	time::{Duration, Instant},
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Parser)]
struct Arguments {
	/// Checkpoint.
	checkpoint: PathBuf,
	/// Text of the holdout.
	text: PathBuf,
	/// Directory of the imported model; it is made if it is not there.
	#[arg(long, default_value = "imported-model")]
	model: PathBuf,
	/// Layer of the candidate's slot.
	#[arg(long, default_value_t = 29)]
	layer: u8,
	/// Experts of that layer.
	#[arg(long, default_value_t = 8)]
	experts: u16,
	/// Experts of a token.
	#[arg(long, default_value_t = 2)]
	top_k: u8,
	/// Sequences of the sample.
	#[arg(long, default_value_t = 256)]
	sequences: u32,
	/// Positions of a sequence.
	#[arg(long, default_value_t = 256)]
	positions: u32,
	/// Threads.
	#[arg(long, default_value_t = 2)]
	threads: usize,
	/// Instruction set; the best one if absent.
	#[arg(long)]
	kernel: Option<String>,
	/// Turns in which the sample is divided: in each, both sides take the same sequences.
	#[arg(long, default_value_t = 8)]
	turns: usize,
}

fn main() -> Result<()> {
	let arguments = Arguments::parse();
	let kernel = arguments.kernel.as_deref().map_or(Some(Kernel::best()), Kernel::by_name);
	let kernel = kernel.ok_or("this processor has no such kernel")?;
	let directory = Directory::new(&arguments.model);
	if !directory.is_complete() {
		import(
			&Checkpoint::open(&arguments.checkpoint)?,
			Precision::default(),
			&arguments.model,
			&|_, _| {},
		)?;
	}
	let manifest = directory.manifest()?;
	let dense = directory.architecture(&manifest)?;
	let upcycled = Upcycled::new(&directory, &dense, &arguments)?;
	let holdout = holdout(&directory, &manifest, &arguments)?;
	let subject = Subject {
		architecture: &upcycled.architecture,
		weights: &upcycled.weights,
		candidate: Some(&upcycled.candidate),
	};
	println!(
		"{} sequences of {} positions, {kernel}, {} threads",
		holdout.sequences(),
		holdout.positions(),
		arguments.threads
	);
	let evaluator = Evaluator::new(kernel, arguments.threads)?;
	measure(&evaluator, subject, &holdout, &arguments)
}

/// Compares both sides in turns.
fn measure(
	evaluator: &Evaluator,
	subject: Subject<'_>,
	holdout: &Holdout<Vec<u8>>,
	arguments: &Arguments,
) -> Result<()> {
	let indices: Vec<u32> = (0..holdout.sequences().min(arguments.sequences)).collect();
	let (mut plain, mut traced) = (Duration::ZERO, Duration::ZERO);
	let (mut losses, mut items) = (Vec::<Losses>::new(), Vec::<Item>::new());
	let done = AtomicUsize::new(0);
	let count = |sequence: u32| {
		let done = done.fetch_add(1, Ordering::Relaxed) + 1;
		if done.is_multiple_of(16) {
			eprintln!("{done} done, the last one sequence {sequence}");
		}
	};
	for some in indices.chunks(indices.len().div_ceil(arguments.turns.max(1)).max(1)) {
		let started = Instant::now();
		losses
			.extend(evaluator.losses(subject, holdout, some, &never_stop, &|losses| count(losses.sequence))?);
		plain += started.elapsed();
		let started = Instant::now();
		items.extend(evaluator.items(subject, holdout, some, &never_stop, &|item| count(item.sequence))?);
		traced += started.elapsed();
	}
	let agree = losses.iter().zip(&items).all(|(losses, item)| {
		(losses.sequence, losses.baseline, losses.candidate) == (item.sequence, item.baseline, item.candidate)
	});
	if !agree {
		return Err("losses with traces are not those without: please report this".into());
	}
	let outcome = outcome(holdout, &items)?;
	let tokens = items.len() as f64 * f64::from(holdout.positions());
	let bits = |loss: u64| loss as f64 / 65_536.0 / outcome.text_bytes as f64;
	let totals = outcome.root.totals;
	println!("bits a byte: {:.4}, with the candidate {:.4}", bits(totals.baseline), bits(totals.candidate));
	let minutes = |time: Duration| time.as_secs_f64() / 60.0;
	let speed = |time: Duration| tokens / time.as_secs_f64();
	println!("losses:           {:.2} min, {:.0} tokens/s", minutes(plain), speed(plain));
	println!("items and traces: {:.2} min, {:.0} tokens/s", minutes(traced), speed(traced));
	println!("traces keep {:.1} % of the speed", 100.0 * plain.as_secs_f64() / traced.as_secs_f64());
	println!("plain : traced = 1 : {:.3}", traced.as_secs_f64() / plain.as_secs_f64());
	let scaled = |time: Duration| time.as_secs_f64() * 256.0 / items.len() as f64;
	println!("256 sequences: {:.1} s plain, {:.1} s with traces", scaled(plain), scaled(traced));
	println!("largest resident set: {} MB", peak_memory().unwrap_or_default() >> 10);
	Ok(())
}

/// Returns the largest resident set of this process in KiB, where the system says it.
fn peak_memory() -> Option<u64> {
	let status = std::fs::read_to_string("/proc/self/status").ok()?;
	let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
	line.split_whitespace().next()?.parse().ok()
}

fn holdout(directory: &Directory, manifest: &Manifest, arguments: &Arguments) -> Result<Holdout<Vec<u8>>> {
	let tokenizer = directory.tokenizer(manifest)?;
	let mut file = Cursor::new(Vec::new());
	let mut writer = HoldoutWriter::new(&mut file, &tokenizer, arguments.positions)?;
	writer.text(&tokenizer, BufReader::new(File::open(&arguments.text)?))?;
	writer.finish()?;
	let holdout = Holdout::read(file.into_inner())?;
	holdout.ensure_text(&tokenizer)?;
	Ok(holdout)
}

/// A dense model of which one layer has experts: copies of its network.
struct Upcycled {
	architecture: Architecture,
	weights: Weights,
	candidate: Candidate,
}

impl Upcycled {
	fn new(directory: &Directory, dense: &Architecture, arguments: &Arguments) -> Result<Self> {
		let layer = arguments.layer;
		let shape = dense.layers.get(usize::from(layer)).ok_or("the model has no such layer")?;
		let Network::Dense(expert) = shape.network else { return Err("the layer is routed already".into()) };
		let routing = Routing {
			experts: arguments.experts,
			top_k: arguments.top_k,
			normalised: true,
			router: WeightKind::Int8,
			expert,
			shared: None,
			adapter_rank: None,
		};
		let mut architecture = dense.clone();
		architecture.layers[usize::from(layer)] = LayerShape { network: Network::Routed(routing), ..*shape };
		let files: Vec<PartFile> = dense
			.parts()
			.into_iter()
			.map(|part| directory.open(dense, part))
			.collect::<std::result::Result<_, _>>()?;
		let loaded: Vec<LoadedPart<'_>> = files
			.iter()
			.map(|file| {
				Ok(LoadedPart::new(
					PartView::new(file.layout(), file.bytes()).map_err(|fault| file.fault(fault))?,
				))
			})
			.collect::<Result<_>>()?;
		let mut parts: Vec<PartTensors<'_>> = loaded
			.iter()
			.map(|part| part.tensors().ok_or("a scale is not valid"))
			.collect::<std::result::Result<_, _>>()?;
		let own = parts[usize::from(layer) + 1].clone();
		let is_network = |name: &Name| matches!(name, Name::Gate | Name::Up | Name::HiddenGain | Name::Down);
		let (network, mut rest): (Vec<_>, Vec<_>) = own.0.into_iter().partition(|(name, _)| is_network(name));
		let router =
			Stream::new(b"router").matrix(WeightKind::Int8, routing.experts.into(), dense.d_model.into());
		let router = OwnedPart(vec![(Name::Router, OwnedTensor::Matrix(router))]);
		rest.extend(router.view().0);
		parts[usize::from(layer) + 1] = PartTensors(rest);
		let experts = vec![PartTensors(network.clone()); routing.experts.into()];
		let model = blyan_exact::definition2::Model::new(&architecture, parts, experts)?;
		let weights = load::weights(&model).ok_or("the model lacks tensors")?;
		let candidate = candidate(&architecture, layer, network)?;
		Ok(Self { architecture: architecture.clone(), weights, candidate })
	}
}

/// Makes a candidate of a network: its output is a little smaller.
fn candidate(
	architecture: &Architecture,
	layer: u8,
	mut network: Vec<(Name, View<'_>)>,
) -> Result<Candidate> {
	for (name, view) in &mut network {
		if let (Name::Down, View::Matrix(matrix)) = (&name, view) {
			matrix.scale = matrix.scale.times(Real::quotient(63, 64));
		}
	}
	let part = Part::Expert { layer, expert: 0 };
	let file = part_file(architecture, part, &PartTensors(network)).map_err(|error| format!("{error:?}"))?;
	Ok(Candidate::from_file(architecture, layer, 0, &file)?)
}
