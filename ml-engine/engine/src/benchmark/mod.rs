//! Comparisons of two open models in generated suites: what evolution's evaluators owe.
//!
//! The suites, their tasks and how answers are counted are those of [`blyan_benchmarks`], so `blyan benchmark run --held-out`
//! computes one side of a comparison again, to the root. One model is in memory at a time: the base goes through all suites, then
//! the candidate. Results are journalled task by task, and a comparison that was interrupted goes on behind the last one.

mod journal;
#[cfg(test)]
mod tests;

use crate::{
	blobs::{BlobError, BlobStore},
	eval::open_model_weights,
	kernel::Kernel,
	model::LoadError,
};
use blyan_benchmarks::{
	generated::{held_out_seed, run_generated, Generated, RunGeneratedError},
	EvaluationError, OpenModel, Report, SubjectError, TaskResult,
};
use blyan_exact::Hash;
use blyan_open_model::{RunError, Runner};
use blyan_primitives::{
	evolution::{BenchmarkJob, BenchmarkModel, BenchmarkOutcome, SuiteOutcome, Tally},
	BlockRef, EngineError, JobBody,
};
use blyan_text::Tokenizer;
use journal::Journal;
use sp_core::H256;
use std::sync::{atomic::AtomicBool, Arc};

/// Callback behind each task, with the number of tasks done so far: blocks to pause, returns an error to stop.
pub type Progress<'a> = &'a dyn Fn(u32) -> Result<(), EngineError>;

/// Means by which a job is run.
#[derive(Clone, Copy)]
pub struct Means<'a> {
	/// Instruction set.
	pub kernel: Kernel,
	/// Threads.
	pub threads: usize,
	/// Callback behind each task.
	pub progress: Progress<'a>,
	/// Receives the flag of each model that is started: setting it ends the task that is under way in front of the next layer.
	pub watch: &'a dyn Fn(&Arc<AtomicBool>),
}

/// Side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
	/// The model that is to be surpassed.
	Base,
	/// The model that is to surpass it.
	Candidate,
}

impl Side {
	fn of(self, job: &BenchmarkJob) -> &BenchmarkModel {
		match self {
			Self::Base => &job.base,
			Self::Candidate => &job.candidate,
		}
	}

	/// Error for a model that no machine can measure.
	fn malformed(self) -> EngineError {
		match self {
			Self::Base => EngineError::JobMalformed,
			Self::Candidate => EngineError::CandidateInvalid,
		}
	}
}

/// Returns the tasks of both models together.
pub fn tasks(job: &BenchmarkJob) -> u32 {
	let of_one: u32 = job.suites.iter().map(|choice| choice.tasks).fold(0, u32::saturating_add);
	of_one.saturating_mul(2)
}

/// Returns every blob of a job that is not in the store.
pub fn missing(job: &BenchmarkJob, blobs: &BlobStore) -> Vec<H256> {
	let models = [&job.base, &job.candidate].into_iter().flat_map(blocks);
	let hashes = models.map(|block| block.blob.hash).chain([job.tokenizer.blob.hash]);
	hashes.filter(|hash| !blobs.has(hash)).collect()
}

fn blocks(model: &BenchmarkModel) -> impl Iterator<Item = &BlockRef> {
	let fixed = match &model.body {
		JobBody::First { trunk, .. } => std::slice::from_ref(trunk),
		JobBody::Second { parts, .. } => parts.as_slice(),
	};
	fixed.iter().chain(&model.heads)
}

/// Measures both models of a job that [`JobLimits::check_benchmark`](crate::eval::JobLimits::check_benchmark) has passed.
pub fn run(job: &BenchmarkJob, blobs: &BlobStore, means: Means<'_>) -> Result<BenchmarkOutcome, EngineError> {
	if let Some(missing) = missing(job, blobs).first() {
		return Err(EngineError::BlobMissing(*missing));
	}
	let tokenizer = Arc::new(tokenizer(job, blobs)?);
	let work = Work { job, blobs, means, tokenizer };
	let (base, done) = work.measure(Side::Base, 0)?;
	let (candidate, _) = work.measure(Side::Candidate, done)?;
	let measured = job.suites.iter().zip(base.iter().zip(&candidate));
	let suites: Vec<SuiteOutcome> = measured
		.map(|(choice, (base, candidate))| SuiteOutcome {
			suite: choice.suite,
			base: base.tally,
			candidate: candidate.tally,
			base_root: base.root,
			candidate_root: candidate.root,
		})
		.collect();
	work.forget();
	Ok(BenchmarkOutcome { suites: suites.try_into().map_err(|_| EngineError::JobMalformed)? })
}

/// Result of one model in one suite.
struct Measured {
	tally: Tally,
	root: H256,
}

impl Measured {
	fn of(report: &Report) -> Result<Self, EngineError> {
		let mut root = H256::zero();
		hex::decode_to_slice(&report.root, root.as_bytes_mut()).map_err(|_| EngineError::Internal)?;
		let count = |number: u64| u32::try_from(number).map_err(|_| EngineError::Internal);
		Ok(Self { tally: Tally { right: count(report.right)?, total: count(report.tasks)? }, root })
	}
}

/// Everything that both sides share.
struct Work<'a> {
	job: &'a BenchmarkJob,
	blobs: &'a BlobStore,
	means: Means<'a>,
	tokenizer: Arc<Tokenizer>,
}

impl Work<'_> {
	/// Puts all suites to one side's model, and returns the results in their order, and the number of tasks that are done.
	fn measure(&self, side: Side, mut done: u32) -> Result<(Vec<Measured>, u32), EngineError> {
		let mut model = self.load(side)?;
		let seed = held_out_seed(&self.job.entropy.0);
		let mut all = Vec::with_capacity(self.job.suites.len());
		for choice in self.job.suites.iter() {
			let generated = Generated::by_name(choice.suite.name()).ok_or(EngineError::JobMalformed)?;
			let report =
				self.suite(&mut model, side, generated, (&seed, choice.tasks as usize), &mut done)?;
			all.push(Measured::of(&report)?);
		}
		Ok((all, done))
	}

	fn suite(
		&self,
		model: &mut OpenModel,
		side: Side,
		generated: Generated,
		tasks: (&Hash, usize),
		done: &mut u32,
	) -> Result<Report, EngineError> {
		let name = format!("{side:?}-{}", generated.name()).to_lowercase();
		let (journal, known) = self.journal(&name);
		*done = done.saturating_add(known.len() as u32);
		let mut stopped = (self.means.progress)(*done).err();
		if let Some(error) = stopped {
			return Err(error);
		}
		let report = run_generated(model, generated, tasks, known, |result| {
			if let Some(journal) = &journal {
				journal.add(result);
			}
			*done = done.saturating_add(1);
			(self.means.progress)(*done).map_err(|error| {
				stopped = Some(error);
				"stopped".into()
			})
		});
		report.map_err(|error| stopped.unwrap_or_else(|| self.failed(side, &error)))
	}

	/// Opens the journal of one side's suite. Without one, a restart begins at its first task.
	fn journal(&self, name: &str) -> (Option<Journal>, Vec<TaskResult>) {
		match Journal::open(self.blobs.dir(), self.job.id(), name) {
			Ok((journal, known)) => (Some(journal), known),
			Err(error) => {
				log::warn!("benchmark {:?} cannot be resumed after a restart: {error}", self.job.id());
				(None, Vec::new())
			}
		}
	}

	/// Removes the journals of a job that has ended.
	fn forget(&self) {
		if let Err(error) = Journal::remove_all(self.blobs.dir(), self.job.id()) {
			log::debug!("the journals of benchmark {:?} are not removed: {error}", self.job.id());
		}
	}

	/// Loads a side's model, every byte checked.
	fn load(&self, side: Side) -> Result<OpenModel, EngineError> {
		let BenchmarkModel { body, heads, .. } = side.of(self.job);
		let JobBody::Second { architecture, parts } = body else { return Err(EngineError::JobMalformed) };
		let Means { kernel, threads, watch, .. } = self.means;
		let load = || open_model_weights(architecture, parts, heads, self.blobs, threads);
		// A damaged copy may have been replaced by a good one since it was read, and what is said of a model costs a bond if it is wrong.
		let loaded = load().or_else(|error| match error {
			EngineError::BlobCorrupt(_) => load(),
			other => Err(other),
		});
		let (weights, root) = loaded.map_err(|error| self.unloaded(side, error))?;
		let runner = Runner::new(Arc::new(weights), kernel, threads).map_err(|error| {
			log::error!("a benchmark cannot be run: {error}");
			EngineError::Internal
		})?;
		watch(runner.cancelled());
		let ends = self.job.tokenizer.ends.to_vec();
		Ok(OpenModel::new(hex::encode(root), runner, self.tokenizer.clone(), ends))
	}

	/// Tells a candidate that is no model on any machine from a copy of it that was damaged on this one. The store has dropped the
	/// copy, so a good one can be fetched.
	fn unloaded(&self, side: Side, error: EngineError) -> EngineError {
		match error {
			EngineError::BlobCorrupt(hash) if !self.blobs.has(&hash) => EngineError::BlobMissing(hash),
			EngineError::BlobCorrupt(_) => side.malformed(),
			other => other,
		}
	}

	/// Translates the reason why a suite was not run. A model that cannot read or write what the suite asks for cannot on any machine.
	fn failed(&self, side: Side, error: &RunGeneratedError) -> EngineError {
		let id = self.job.id();
		match error {
			RunGeneratedError::Evaluation(EvaluationError::Subject { source, .. }) => match source {
				SubjectError::Run(RunError::Cancelled) => EngineError::Cancelled,
				SubjectError::Run(RunError::Threads { .. }) => {
					log::error!("benchmark {id:?} failed: {error}");
					EngineError::Internal
				}
				_ => {
					log::info!("the {side:?} of benchmark {id:?} cannot be measured: {error}");
					side.malformed()
				}
			},
			RunGeneratedError::Evaluation(EvaluationError::OtherResults { .. }) => {
				// Another build of this version left them. The next attempt begins without them.
				log::warn!("benchmark {id:?} begins again without kept results: {error}");
				self.forget();
				EngineError::Internal
			}
			_ => {
				log::error!("benchmark {id:?} failed: {error}");
				EngineError::Internal
			}
		}
	}
}

/// Reads the tokenizer of both models.
fn tokenizer(job: &BenchmarkJob, blobs: &BlobStore) -> Result<Tokenizer, EngineError> {
	let bytes = blobs.get(&job.tokenizer.blob.hash).map_err(|error| match error {
		BlobError::Corrupt(hash) => EngineError::BlobMissing(hash),
		error => LoadError::from(error).as_engine_error(),
	})?;
	Tokenizer::from_canonical(&bytes).map_err(|error| {
		log::info!("the tokenizer of benchmark {:?} is none: {error}", job.id());
		EngineError::JobMalformed
	})
}
