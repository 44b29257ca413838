//! Training of an adapter of an open model, with the run's progress.

use super::{idle::Gate, on_training_thread, Meter};
use crate::{failure::Outcome, output::Output};
use blyan_exact::definition2::Part;
use blyan_open_model::{derive::Parent, Runner, Weights};
use blyan_training::{
	open::{train_adapter, Sequence, Settings, Slot, Stage, Texts, TrainedAdapter},
	TrainBackend, TrainError,
};
use burn_flex::Flex;
use serde_json::json;
use std::{
	ops::ControlFlow,
	sync::Arc,
	time::{Duration, Instant},
};

/// Part of a run's time that the exact model has.
const PREFIX: f64 = 0.6;
/// Part of that time for slots with other layers behind them: their updates cost more, and their tokens are more.
const PREFIX_IN_FRONT: f64 = 0.3;
/// Sequences of the held-out text that floats are measured on.
const CHECKED: usize = 32;

/// A run.
pub struct AdapterRun {
	/// The model.
	pub parent: Parent,
	/// Its weights.
	pub weights: Arc<Weights>,
	/// Layer and expert.
	pub slot: (u8, u16),
	/// Sequences to learn from.
	pub text: Vec<Sequence>,
	/// Sequences that are held out.
	pub held_out: Vec<Sequence>,
	/// Sequences of the guard that training watches. The verdict takes others.
	pub watched: Vec<Sequence>,
	/// Settings, without the limit of the exact model's time.
	pub settings: Settings,
	/// Threads; all cores if absent.
	pub threads: Option<usize>,
	/// Use only what everything else leaves of the processors.
	pub background: bool,
	/// Passed after every step and every sequence.
	pub gate: Option<Gate>,
}

/// Adapter and the run that it came from.
pub struct AdapterOfRun {
	/// The run.
	pub run: AdapterRun,
	/// The adapter.
	pub trained: TrainedAdapter,
	/// File of the expert.
	pub file: Vec<u8>,
	/// Seconds of this process, everything included but pauses.
	pub seconds: f64,
}

/// Trains the adapter of a slot, showing the progress.
pub async fn train(output: &Output, run: AdapterRun) -> Outcome<AdapterOfRun> {
	let (output, background) = (output.clone(), run.background);
	on_training_thread(background, move || {
		let started = Instant::now();
		let mut run = run;
		let (layer, expert) = run.slot;
		let slot = Slot::open(run.parent.directory(), run.parent.manifest(), layer, expert)?;
		share_time(&mut run);
		let mut runner = Runner::on_this_machine(run.weights.clone(), run.threads)?;
		let mut stages = Stages::new(&output, &run.settings);
		let (gate, mut paused) = (run.gate.clone(), Duration::ZERO);
		let mut note = |stage: &Stage| {
			if let Some(gate) = &gate {
				paused = paused.saturating_add(gate.pass(&output));
			}
			stages.note(stage)
		};
		let trained = on_best_device!(&output, adapter_on(&mut runner, &slot, &run, &mut note))?;
		let file = trained.file(run.parent.architecture(), Part::Expert { layer, expert })?;
		let seconds = started.elapsed().saturating_sub(paused).as_secs_f64();
		Ok(AdapterOfRun { run, trained, file, seconds })
	})
	.await
}

/// Divides a run's time between the exact model and updates.
fn share_time(run: &mut AdapterRun) {
	let last = run.parent.architecture().layers.len().saturating_sub(1);
	let part = if usize::from(run.slot.0) == last { PREFIX } else { PREFIX_IN_FRONT };
	if let Some(seconds) = run.settings.seconds_max {
		run.settings.prefix_seconds_max = Some(seconds * part);
		run.settings.seconds_max = Some(seconds * (1.0 - part));
	}
}

fn adapter_on<B: TrainBackend>(
	device: &B::Device,
	runner: &mut Runner,
	slot: &Slot,
	run: &AdapterRun,
	note: &mut dyn FnMut(&Stage) -> ControlFlow<()>,
) -> Result<TrainedAdapter, TrainError> {
	let checked = &run.held_out[..run.held_out.len().min(CHECKED)];
	let texts = Texts { learn: &run.text, held_out: checked, guard: &run.watched };
	train_adapter::<B>(runner, slot, texts, &run.settings, device, note)
}

/// Shows the stages of a run one after the other.
struct Stages {
	output: Output,
	steps: u64,
	seconds_max: Option<f64>,
	prefix_seconds_max: Option<f64>,
	prefix: Option<crate::progress::Bar>,
	updates: Option<Meter>,
	reported: Instant,
}

impl Stages {
	fn new(output: &Output, settings: &Settings) -> Self {
		Self {
			output: output.clone(),
			steps: settings.steps,
			seconds_max: settings.seconds_max,
			prefix_seconds_max: settings.prefix_seconds_max,
			prefix: None,
			updates: None,
			reported: Instant::now(),
		}
	}

	fn note(&mut self, stage: &Stage) -> ControlFlow<()> {
		match stage {
			Stage::Prefix { sequences, of, tokens, seconds } => self.read(*sequences, *of, *tokens, *seconds),
			Stage::Update(progress) => {
				self.prefix = None;
				let (output, steps, seconds_max) = (&self.output, self.steps, self.seconds_max);
				self.updates.get_or_insert_with(|| Meter::new(output, steps, seconds_max)).note(progress)
			}
		}
	}

	/// Shows how far the exact model is: by time where that limits it, else by sequences.
	fn read(&mut self, sequences: usize, of: usize, tokens: usize, seconds: f64) -> ControlFlow<()> {
		let by_sequences = sequences as f64 / of.max(1) as f64;
		let done = self.prefix_seconds_max.map_or(0.0, |most| seconds / most).max(by_sequences).min(1.0);
		let bar = self.prefix.get_or_insert_with(|| self.output.bar("reading", 1_000));
		bar.set((done * 1_000.0) as u64);
		bar.note(format!("{sequences} sequences, {tokens} tokens to learn from"));
		if !self.output.has_bars() && self.reported.elapsed() >= super::REPORT_EVERY {
			self.reported = Instant::now();
			let fields = json!({ "sequences": sequences, "of": of, "tokens": tokens, "seconds": seconds });
			let text = format!(
				"reading    {:>3.0} %  {sequences} sequences, {tokens} tokens to learn from",
				done * 100.0
			);
			self.output.event("reading", fields, text);
		}
		ControlFlow::Continue(())
	}
}
