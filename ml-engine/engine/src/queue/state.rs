//! State of the queue, and the transitions of a job. No thread is started or blocked here.

use super::{
	asked::Asked,
	findings::{Findings, Key},
	generation::{Flags, Generation, Stage},
	metrics::Durations,
	share::Share,
	turns::Turns,
	QueueConfig, QueueMetrics, TrainingTask,
};
use crate::eval::{Finding, Need};
use blyan_exact::tree::Item;
use blyan_primitives::{
	evolution::{BenchmarkJob, BenchmarkOutcome},
	AuditFinding, Comparison, CopyQuery, DatasetAuditJob, EngineError, EvaluationJob, EvaluationOutcome,
	JobId, JobStatus, OpenComparison, OpenCopyQuery,
};
use sp_core::H256;
use std::{
	collections::{HashMap, VecDeque},
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
	time::Duration,
};

pub(super) struct Task(pub(super) TrainingTask);

/// Progress of a comparison of two models.
#[derive(Debug, Default)]
pub(super) struct BenchmarkProgress {
	/// Tasks done so far, of both models together.
	pub(super) done: u32,
	/// It was given up.
	pub(super) is_cancelled: bool,
	/// Flag that ends the task under way.
	stop: Option<Arc<AtomicBool>>,
}

impl BenchmarkProgress {
	/// Gives up on it.
	fn cancel(&mut self) {
		self.is_cancelled = true;
		if let Some(stop) = &self.stop {
			stop.store(true, Ordering::Relaxed);
		}
	}
}

#[derive(Default)]
pub(super) struct State {
	pub(super) stopping: bool,
	/// Generations that wait for their turn.
	pub(super) line: Turns<Generation>,
	/// Generations that wait for their readers, for longest first.
	parked: Vec<Generation>,
	/// Generations that have their turn.
	pub(super) generating: usize,
	generated_bytes: u64,
	/// Shares of serving and evaluation.
	pub(super) share: Share,
	pub(super) trainings: VecDeque<Task>,
	pub(super) training: bool,
	/// Every job that is waiting, running or remembered. Waiting jobs are in `waiting`, ended ones in `ended`.
	jobs: HashMap<JobId, JobStatus>,
	waiting: VecDeque<(JobId, Arc<EvaluationJob>)>,
	/// The running job, and whether it has been cancelled.
	running: Option<(JobId, bool)>,
	/// Ended jobs, oldest first; all of them are in `jobs`.
	ended: VecDeque<JobId>,
	/// Jobs that ended for want of a blob, and which. They are in `jobs` too.
	lacking: HashMap<JobId, H256>,
	done: u64,
	failed: u64,
	put_off: u64,
	sequences: u64,
	evaluations: Durations,
	generations_done: Durations,
	openings_done: Durations,
	findings: Findings,
	/// Openings to be computed, oldest first.
	openings: VecDeque<(Key, Arc<EvaluationJob>)>,
	opening: Option<Key>,
	/// Errors of openings; returned to the next query, after which a new search may begin.
	refusals: VecDeque<(Key, EngineError)>,
	opened: u64,
	openings_failed: u64,
	pub(super) comparisons: Asked<CopyQuery, Comparison>,
	pub(super) open_comparisons: Asked<OpenCopyQuery, OpenComparison>,
	pub(super) dataset_audits: Asked<DatasetAuditJob, AuditFinding>,
	pub(super) benchmarks: Asked<BenchmarkJob, BenchmarkOutcome>,
	/// Progress of the comparison that is under way.
	pub(super) benchmark: BenchmarkProgress,
}

impl State {
	/// Reports whether serving has work. Generations that are parked are none.
	pub(super) fn is_serving(&self) -> bool {
		self.generating > 0 || !self.line.is_empty()
	}

	/// Returns the count of generations, parked ones included.
	pub(super) fn generations(&self) -> usize {
		self.line.len() + self.generating + self.parked.len()
	}

	/// Reports whether evaluation has work, openings included.
	pub(super) fn is_evaluating(&self) -> bool {
		self.running.is_some()
			|| !self.waiting.is_empty()
			|| self.opening.is_some()
			|| !self.openings.is_empty()
	}

	pub(super) fn submit(
		&mut self,
		id: JobId,
		job: EvaluationJob,
		jobs_max: usize,
	) -> Result<(), EngineError> {
		match self.jobs.get(&id) {
			Some(JobStatus::Failed(error)) if error.is_retryable() => {}
			Some(_) => return Ok(()),
			None => {}
		}
		if self.waiting.len() >= jobs_max {
			return Err(EngineError::Busy);
		}
		self.ended.retain(|ended| *ended != id);
		self.jobs.insert(id, JobStatus::Queued);
		self.waiting.push_back((id, Arc::new(job)));
		Ok(())
	}

	pub(super) fn status(&self, id: &JobId) -> Option<JobStatus> {
		self.jobs.get(id).cloned()
	}

	pub(super) fn cancel(&mut self, id: &JobId, results_max: usize) -> Result<(), EngineError> {
		match self.jobs.get(id) {
			None => return Err(EngineError::UnknownJob),
			Some(JobStatus::Queued) => {
				self.waiting.retain(|(waiting, _)| waiting != id);
				self.end(id, Err(EngineError::Cancelled), results_max);
			}
			Some(JobStatus::Running { .. }) => {
				if let Some((running, cancelled)) = &mut self.running {
					*cancelled |= running == id;
				}
			}
			Some(JobStatus::Done(_) | JobStatus::Failed(_)) => {}
		}
		Ok(())
	}

	/// Gives up on a comparison of two models; returns whether there is one of this identifier.
	pub(super) fn cancel_benchmark(&mut self, id: &H256) -> bool {
		let is_known = self.benchmarks.is_known(id);
		self.benchmarks.forget(id);
		if self.benchmarks.running() == Some(*id) {
			self.benchmark.cancel();
		}
		is_known
	}

	/// Keeps the flag that ends the task under way of a comparison of two models.
	pub(super) fn watch_benchmark(&mut self, flag: &Arc<AtomicBool>) {
		self.benchmark.stop = Some(flag.clone());
		if self.stopping || self.benchmark.is_cancelled {
			self.benchmark.cancel();
		}
	}

	/// Takes a generation that waits or is parked out of the queue; returns it, and whether it waited.
	pub(super) fn take_generation(&mut self, flags: &Arc<Flags>) -> Option<(Generation, bool)> {
		if let Some(generation) = self.line.take(|waiting| Arc::ptr_eq(&waiting.flags, flags)) {
			return Some((generation, true));
		}
		self.take_parked(flags).map(|generation| (generation, false))
	}

	fn take_parked(&mut self, flags: &Arc<Flags>) -> Option<Generation> {
		let at = self.parked.iter().position(|parked| Arc::ptr_eq(&parked.flags, flags))?;
		Some(self.parked.remove(at))
	}

	/// Has a generation wait for its next turn.
	pub(super) fn wait_for_turn(&mut self, mut generation: Generation, cache_bytes_max: usize) {
		self.bound_caches(&mut generation, cache_bytes_max);
		self.line.push(generation.client, generation);
	}

	/// Has a generation wait for its reader, unless the reader has caught up meanwhile. Returns whether it was parked.
	pub(super) fn park(&mut self, mut generation: Generation, cache_bytes_max: usize) -> bool {
		if generation.flags.is_wanted.swap(false, Ordering::Relaxed) {
			self.wait_for_turn(generation, cache_bytes_max);
			return false;
		}
		self.bound_caches(&mut generation, cache_bytes_max);
		self.parked.push(generation);
		true
	}

	/// Ends the wait for a reader; returns whether there was one.
	pub(super) fn unpark(&mut self, flags: &Arc<Flags>) -> bool {
		let Some(generation) = self.take_parked(flags) else { return false };
		self.line.push(generation.client, generation);
		true
	}

	/// Keeps the memory of KV caches within its bound: those of parked generations go first, then that of the generation
	/// which comes from its turn, so that the others need not read their windows again.
	fn bound_caches(&mut self, last: &mut Generation, bytes_max: usize) {
		let all = self.line.iter().chain(&self.parked).chain([&*last]);
		let mut bytes: usize = all.map(Generation::cache_bytes).sum();
		for generation in self.parked.iter_mut().chain([last]) {
			if bytes <= bytes_max {
				return;
			}
			bytes -= generation.cache_bytes();
			generation.forget();
		}
	}

	/// The blob for want of which a job last ended.
	pub(super) fn lack_of(&self, id: &JobId) -> Option<H256> {
		self.lacking.get(id).copied()
	}

	/// Notes that the running job lacks a blob; returns whether that is news.
	pub(super) fn note_lack(&mut self, id: &JobId, blob: H256) -> bool {
		self.lacking.insert(*id, blob) != Some(blob)
	}

	/// Notes the end of a turn that gave so many bytes.
	pub(super) fn note_turn(&mut self, bytes: u64) {
		self.generating -= 1;
		self.generated_bytes += bytes;
	}

	/// Notes the end of a generation.
	pub(super) fn note_generation(&mut self, took: Duration) {
		self.generations_done.note(took);
	}

	/// Takes the next job to run.
	pub(super) fn start_next(&mut self) -> Option<(JobId, Arc<EvaluationJob>)> {
		let (id, job) = self.waiting.pop_front()?;
		self.jobs.insert(id, JobStatus::Running { done: 0, total: job.sample });
		self.running = Some((id, false));
		Some((id, job))
	}

	pub(super) fn note_progress(&mut self, id: &JobId, finished: u32) {
		if let Some(JobStatus::Running { done, .. }) = self.jobs.get_mut(id) {
			*done += finished;
			self.sequences += u64::from(finished);
		}
	}

	pub(super) fn is_cancelled(&self, id: &JobId) -> bool {
		self.stopping || self.running.is_some_and(|(running, cancelled)| running == *id && cancelled)
	}

	/// Ends the running job, whose items are kept for openings.
	pub(super) fn finish(
		&mut self,
		id: &JobId,
		result: Result<(EvaluationOutcome, Vec<Item>), EngineError>,
		took: Duration,
		config: &QueueConfig,
	) {
		self.running = None;
		self.evaluations.note(took);
		let result = result.map(|(outcome, items)| {
			self.findings.insert((*id, Need::Items), Finding::Items(items), config.findings_bytes_max);
			outcome
		});
		self.end(id, result, config.results_max);
	}

	/// Returns the finding, or `None` while it is being computed, which begins with the first call.
	pub(super) fn find(
		&mut self,
		key: Key,
		job: &EvaluationJob,
		openings_max: usize,
	) -> Result<Option<Arc<Finding>>, EngineError> {
		if let Some(finding) = self.findings.get(&key) {
			self.opened += 1;
			return Ok(Some(finding));
		}
		if let Some(at) = self.refusals.iter().position(|(refused, _)| *refused == key) {
			return self.refusals.remove(at).map_or(Ok(None), |(_, error)| Err(error));
		}
		let (id, need) = key;
		let is_evaluated = matches!(self.jobs.get(&id), Some(JobStatus::Queued | JobStatus::Running { .. }));
		let is_known = self.opening == Some(key) || self.openings.iter().any(|(waiting, _)| *waiting == key);
		// The items of a job under way come with its result.
		if is_known || (need == Need::Items && is_evaluated) {
			return Ok(None);
		}
		if self.openings.len() >= openings_max {
			return Err(EngineError::Busy);
		}
		self.openings.push_back((key, Arc::new(job.clone())));
		Ok(None)
	}

	/// Takes the next thing to look for.
	pub(super) fn start_opening(&mut self) -> Option<(Key, Arc<EvaluationJob>)> {
		let next = self.openings.pop_front()?;
		self.opening = Some(next.0);
		Some(next)
	}

	/// Reports whether an opening is being computed.
	#[cfg(test)]
	pub(super) fn is_opening(&self) -> bool {
		self.opening.is_some()
	}

	/// Ends the search that was under way.
	pub(super) fn finish_opening(
		&mut self,
		key: Key,
		result: Result<Finding, EngineError>,
		took: Duration,
		config: &QueueConfig,
	) {
		self.opening = None;
		self.openings_done.note(took);
		match result {
			Ok(finding) => self.findings.insert(key, finding, config.findings_bytes_max),
			Err(error) => {
				self.openings_failed += 1;
				self.refusals.push_back((key, error));
				if self.refusals.len() > config.openings_max.max(1) {
					self.refusals.pop_front();
				}
			}
		}
	}

	fn end(&mut self, id: &JobId, result: Result<EvaluationOutcome, EngineError>, results_max: usize) {
		if !matches!(result, Err(EngineError::BlobMissing(_))) {
			self.lacking.remove(id);
		}
		let status = match result {
			Ok(outcome) => {
				self.done += 1;
				JobStatus::Done(outcome)
			}
			Err(error) => {
				// The miner has not shown its bytes: that is no fault of this machine.
				match error {
					EngineError::BlobMissing(_) => self.put_off += 1,
					_ => self.failed += 1,
				}
				JobStatus::Failed(error)
			}
		};
		self.jobs.insert(*id, status);
		self.ended.push_back(*id);
		while self.ended.len() > results_max.max(1) {
			if let Some(oldest) = self.ended.pop_front() {
				self.jobs.remove(&oldest);
				self.lacking.remove(&oldest);
			}
		}
	}

	/// Refuses everything from now on; what runs ends at its next checkpoint.
	pub(super) fn stop(&mut self) {
		self.stopping = true;
		self.waiting.clear();
		self.openings.clear();
		self.comparisons.clear();
		self.open_comparisons.clear();
		self.dataset_audits.clear();
		self.benchmarks.clear();
		self.benchmark.cancel();
		self.trainings.clear();
		for mut generation in self.line.drain().chain(self.parked.drain(..)) {
			generation.fail(EngineError::Cancelled);
		}
	}

	pub(super) fn metrics(&self) -> QueueMetrics {
		let evaluation_seconds = self.evaluations.sum_seconds;
		let generations_queued =
			self.line.iter().filter(|waiting| matches!(waiting.stage, Stage::New(..))).count();
		QueueMetrics {
			queued: self.waiting.len() as u64,
			running: u64::from(self.running.is_some()),
			done: self.done,
			failed: self.failed,
			put_off: self.put_off,
			sequences: self.sequences,
			evaluation_seconds,
			sequences_per_second: if evaluation_seconds > 0.0 {
				self.sequences as f64 / evaluation_seconds
			} else {
				0.0
			},
			generations_queued: generations_queued as u64,
			generating: (self.generating + self.line.len() - generations_queued) as u64,
			generations_parked: self.parked.len() as u64,
			generated_bytes: self.generated_bytes,
			rested_seconds: self.share.rested().as_secs_f64(),
			openings_queued: self.openings.len() as u64 + u64::from(self.opening.is_some()),
			openings: self.opened,
			openings_failed: self.openings_failed,
			findings_bytes: self.findings.bytes() as u64,
			trainings: self.trainings.len() as u64 + u64::from(self.training),
			evaluation_durations: self.evaluations,
			generation_durations: self.generations_done,
			opening_durations: self.openings_done,
		}
	}
}
