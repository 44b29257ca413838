//! What the queue remembers, and the transitions of a job. No thread is started or blocked here.

use super::{GenerationSink, ModelParts, QueueMetrics, TrainingTask};
use crate::decode::GenerationRequest;
use blyan_primitives::{EngineError, EvaluationJob, EvaluationOutcome, JobId, JobStatus};
use std::{
	collections::{HashMap, VecDeque},
	sync::Arc,
	time::Duration,
};

pub(super) struct Generation {
	pub(super) model: ModelParts,
	pub(super) request: GenerationRequest,
	pub(super) sink: GenerationSink,
}

pub(super) struct Task(pub(super) TrainingTask);

#[derive(Default)]
pub(super) struct State {
	pub(super) stopping: bool,
	pub(super) generations: VecDeque<Generation>,
	pub(super) generating: usize,
	pub(super) generated_bytes: u64,
	pub(super) trainings: VecDeque<Task>,
	pub(super) training: bool,
	/// Every job that is waiting, running or remembered. Waiting jobs are in `waiting`, ended ones in `ended`.
	jobs: HashMap<JobId, JobStatus>,
	waiting: VecDeque<(JobId, Arc<EvaluationJob>)>,
	/// The running job, and whether it has been cancelled.
	running: Option<(JobId, bool)>,
	/// Ended jobs, oldest first; all of them are in `jobs`.
	ended: VecDeque<JobId>,
	done: u64,
	failed: u64,
	sequences: u64,
	evaluation_time: Duration,
}

impl State {
	/// Whether serving has work.
	pub(super) fn is_serving(&self) -> bool {
		self.generating > 0 || !self.generations.is_empty()
	}

	/// Whether evaluation has work.
	pub(super) fn is_evaluating(&self) -> bool {
		self.running.is_some() || !self.waiting.is_empty()
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

	/// Ends the running job.
	pub(super) fn finish(
		&mut self,
		id: &JobId,
		result: Result<EvaluationOutcome, EngineError>,
		took: Duration,
		results_max: usize,
	) {
		self.running = None;
		self.evaluation_time += took;
		self.end(id, result, results_max);
	}

	fn end(&mut self, id: &JobId, result: Result<EvaluationOutcome, EngineError>, results_max: usize) {
		let status = match result {
			Ok(outcome) => {
				self.done += 1;
				JobStatus::Done(outcome)
			}
			Err(error) => {
				self.failed += 1;
				JobStatus::Failed(error)
			}
		};
		self.jobs.insert(*id, status);
		self.ended.push_back(*id);
		while self.ended.len() > results_max.max(1) {
			if let Some(oldest) = self.ended.pop_front() {
				self.jobs.remove(&oldest);
			}
		}
	}

	/// Refuses everything from now on; what runs ends at its next checkpoint.
	pub(super) fn stop(&mut self) {
		self.stopping = true;
		self.waiting.clear();
		self.trainings.clear();
		for mut generation in self.generations.drain(..) {
			let _ = (generation.sink)(super::GenerationEvent::Failed(EngineError::Cancelled));
		}
	}

	pub(super) fn metrics(&self) -> QueueMetrics {
		let evaluation_seconds = self.evaluation_time.as_secs_f64();
		QueueMetrics {
			queued: self.waiting.len() as u64,
			running: u64::from(self.running.is_some()),
			done: self.done,
			failed: self.failed,
			sequences: self.sequences,
			evaluation_seconds,
			sequences_per_second: if evaluation_seconds > 0.0 {
				self.sequences as f64 / evaluation_seconds
			} else {
				0.0
			},
			generations_queued: self.generations.len() as u64,
			generating: self.generating as u64,
			generated_bytes: self.generated_bytes,
			trainings: self.trainings.len() as u64 + u64::from(self.training),
		}
	}
}
