//! Training loop, one for every problem: steps, learning rate, held-out loss, checkpoints.

use super::{
	checkpoint::{self, Header},
	lock::lock,
	ops::TrainBackend,
	optimiser::{AdamW, OptimiserConfig},
	progress::{Clock, Progress},
	quantiser::Format,
	workers::Workers,
	TrainError,
};
use burn::tensor::{backend::Backend, Tensor};
use core::{f64::consts::LN_2, ops::ControlFlow};
use std::{fs::File, path::Path};

/// Something to train: what a step learns from, and how well it goes.
pub(crate) trait Problem<B: TrainBackend> {
	/// Returns the formats of the parameters, in order.
	fn formats(&self) -> &[Format];

	/// Returns the threads that share a step.
	fn workers(&self) -> &Workers;

	/// Goes back to the state that a checkpoint describes: parts of a batch, and remembered steps.
	fn resume(&mut self, header: &Header) -> Result<(), TrainError>;

	/// Returns the steps whose batches are remembered, in the order in which they are kept.
	fn remembered(&self) -> &[u64];

	/// Computes the gradients of a step.
	fn gradients(&mut self, step: u64, latent: &[Tensor<B, 2>]) -> Result<StepGradients<B>, TrainError>;

	/// Measures the held-out loss, bits per byte; `None` if there is no held-out text.
	fn measure(&self, latent: &[Tensor<B, 2>]) -> Option<f64>;
}

/// Gradients of one step.
pub(crate) struct StepGradients<B: Backend> {
	/// Gradients of the parts of the batch, each with its share in the sum; empty if the batch teaches nothing.
	pub(crate) parts: Vec<(Vec<Tensor<B, 2>>, f32)>,
	/// Mean loss, nats per byte.
	pub(crate) loss: f64,
	/// Bytes of text that the step learns from.
	pub(crate) bytes: u64,
}

/// Length of a run, and how often it measures and saves.
pub(crate) struct Run<'a> {
	/// Updates to make.
	pub(crate) steps: u64,
	/// Seconds after which the run ends even if steps are left.
	pub(crate) seconds_max: Option<f64>,
	/// Steps between two measurements of the held-out loss; 0 never measures.
	pub(crate) evaluate_every: u64,
	/// File of the checkpoint.
	pub(crate) checkpoint: Option<&'a Path>,
	/// Steps between two checkpoints.
	pub(crate) checkpoint_every: u64,
	/// Settings of the optimiser.
	pub(crate) optimiser: OptimiserConfig,
}

/// Run in progress.
pub(crate) struct Trainer<'a, B: TrainBackend, P> {
	problem: P,
	run: Run<'a>,
	header: Header,
	latent: Vec<Tensor<B, 2>>,
	optimiser: AdamW<B>,
	clock: Clock,
	/// True if the step just made is the last. Found out once a step, so that the last one is measured and saved.
	is_over: bool,
	/// Held as long as the run may write its checkpoint.
	_checkpoint_lock: Option<File>,
}

/// Result of a run.
pub(crate) struct Finished<B: Backend> {
	/// Latent weights.
	pub(crate) latent: Vec<Tensor<B, 2>>,
	/// Updates made.
	pub(crate) steps: u64,
	/// Bytes learned from, repetitions counted.
	pub(crate) bytes: u64,
	/// Seconds spent, over all resumed parts.
	pub(crate) seconds: f64,
	/// Step and value of the last measurement of the held-out loss.
	pub(crate) measured: Option<(u64, f64)>,
}

impl<'a, B: TrainBackend, P: Problem<B>> Trainer<'a, B, P> {
	/// Starts a run, or resumes the one in the checkpoint if that file exists.
	///
	/// `subject` is what is trained, `settings` everything else that the outcome depends on; `shapes` are those of the
	/// parameters, and `initial` makes them for a run that starts.
	pub(crate) fn start(
		subject: serde_json::Value,
		settings: String,
		mut problem: P,
		run: Run<'a>,
		shapes: &[[usize; 2]],
		initial: impl FnOnce() -> Vec<Tensor<B, 2>>,
		device: &B::Device,
	) -> Result<Self, TrainError> {
		let checkpoint_lock = run.checkpoint.map(lock).transpose()?;
		let (header, latent, optimiser);
		match run.checkpoint.filter(|path| path.exists()) {
			Some(path) => {
				let saved = checkpoint::read(path, &subject, Some(&settings), shapes, device)?;
				let (first, second, updates) = (saved.first, saved.second, saved.header.updates);
				optimiser = AdamW { config: run.optimiser, first, second, updates };
				latent = saved.weights;
				header = saved.header;
				problem.resume(&header)?;
			}
			None => {
				latent = initial();
				optimiser = AdamW::new(run.optimiser, &latent);
				header = Header {
					subject,
					settings,
					parts: problem.workers().parts(),
					step: 0,
					bytes: 0,
					seconds: 0.0,
					remembered: Vec::new(),
					updates: 0,
				};
			}
		}
		let clock = Clock::resume(header.seconds);
		let mut trainer = Self {
			problem,
			run,
			header,
			latent,
			optimiser,
			clock,
			is_over: false,
			_checkpoint_lock: checkpoint_lock,
		};
		trainer.is_over = trainer.has_ended();
		Ok(trainer)
	}

	/// Returns the part of the run that is over, from 0 to 1; by time if that is further.
	fn done(&self) -> f64 {
		let by_steps = self.header.step as f64 / self.run.steps.max(1) as f64;
		self.run.seconds_max.map_or(by_steps, |limit| by_steps.max(self.clock.seconds() / limit))
	}

	/// Returns whether steps or time are used up.
	fn has_ended(&self) -> bool {
		self.header.step >= self.run.steps || self.done() >= 1.0
	}

	/// Runs to the end, or until `progress` stops it. It is called after every step, and its time is no part of the run's.
	pub(crate) fn train(
		mut self,
		progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
	) -> Result<Finished<B>, TrainError> {
		let mut measured = None;
		while !self.is_over {
			let report = self.step()?;
			measured = report.holdout_bits.map(|bits| (report.step, bits)).or(measured);
			self.is_over |= self.clock.exclude(|| progress(&report)).is_break();
			self.save_if_due()?;
		}
		let Self { header, latent, clock, .. } = self;
		let (steps, bytes, seconds) = (header.step, header.bytes, clock.seconds());
		Ok(Finished { latent, steps, bytes, seconds, measured })
	}

	/// Makes one update.
	fn step(&mut self) -> Result<Progress, TrainError> {
		let StepGradients { parts, loss, bytes } = self.problem.gradients(self.header.step, &self.latent)?;
		if !loss.is_finite() {
			return Err(TrainError::Diverged { step: self.header.step });
		}
		let learning_rate = self.run.optimiser.learning_rate_at(self.done());
		let gradient_norm = if parts.is_empty() { 0.0 } else { self.update(parts, learning_rate) };
		self.header.step += 1;
		self.header.bytes += bytes;
		self.is_over = self.has_ended();
		let (step, every) = (self.header.step, self.run.evaluate_every);
		let is_due = every != 0 && (step % every == 0 || self.is_over);
		let holdout_bits = if is_due { self.problem.measure(&self.latent) } else { None };
		Ok(Progress {
			step,
			steps: self.run.steps,
			done: self.done().min(1.0),
			loss_bits: loss / LN_2,
			holdout_bits,
			learning_rate,
			gradient_norm,
			bytes: self.header.bytes,
			seconds: self.clock.seconds(),
		})
	}

	/// Moves the latent weights; returns the gradient's norm before clipping.
	fn update(&mut self, parts: Vec<(Vec<Tensor<B, 2>>, f32)>, learning_rate: f64) -> f64 {
		let Self { problem, latent, optimiser, .. } = self;
		let formats = problem.formats();
		problem
			.workers()
			.share(|| B::update(optimiser, latent, formats, B::sum_gradients(parts), learning_rate))
	}

	/// Writes a checkpoint after every so many steps, and after the last.
	fn save_if_due(&mut self) -> Result<(), TrainError> {
		let Some(path) = self.run.checkpoint else { return Ok(()) };
		if !self.header.step.is_multiple_of(self.run.checkpoint_every) && !self.is_over {
			return Ok(());
		}
		self.header.seconds = self.clock.seconds();
		self.header.updates = self.optimiser.updates;
		self.header.remembered = self.problem.remembered().to_vec();
		checkpoint::write(path, &self.header, &self.latent, &self.optimiser)
	}
}
