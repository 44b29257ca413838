//! From a job, all hashes, to its items.

use super::{
	journal::Journal,
	model::{ModelBlocks, OpenModel},
	pause::Pause,
	SecondEvaluator,
};
use crate::{
	blobs::{BlobError, BlobStore},
	eval::{Checkpoint, Evaluator},
	model::{LoadError, ModelStore},
};
use blyan_exact::{definition2::Part, tree::Item};
use blyan_open_model::evaluate::{self, Candidate, Holdout};
use blyan_primitives::{draw_indices, EngineError, EvaluationJob, HoldoutRef, JobBody, JobId};
use std::{collections::HashMap, sync::Arc};

/// Evaluates a job that [`JobLimits::check`](crate::eval::JobLimits::check) has passed.
pub(in crate::eval) fn evaluate_job(
	job: &EvaluationJob,
	store: &ModelStore,
	evaluator: &Evaluator,
	checkpoint: Checkpoint<'_>,
) -> Result<Vec<Item>, EngineError> {
	let second = evaluator.second()?;
	let subject = Subject::load(job, store.blobs(), evaluator, &second)?;
	subject.items((job.id(), store.blobs()), &second, checkpoint)
}

/// Everything that a job is about, verified.
pub(super) struct Subject {
	/// The baseline.
	pub(super) model: Arc<OpenModel>,
	candidate: Candidate,
	/// The candidate's file.
	candidate_file: Vec<u8>,
	/// The holdout.
	pub(super) holdout: Holdout<Vec<u8>>,
	/// Indices of the drawn sequences.
	indices: Vec<u32>,
}

impl Subject {
	/// Loads what a job names.
	pub(super) fn load(
		job: &EvaluationJob,
		blobs: &BlobStore,
		evaluator: &Evaluator,
		second: &SecondEvaluator,
	) -> Result<Self, EngineError> {
		let JobBody::Second { architecture, parts } = &job.body else { return Err(EngineError::Internal) };
		let holdout = holdout(blobs, &job.holdout)?;
		let blocks = ModelBlocks { record: architecture, parts, heads: &job.heads };
		let model = second.model(blocks, blobs, evaluator)?;
		let (candidate, candidate_file) = candidate(job, blobs, &model)?;
		let indices = draw_indices(&job.seed, job.holdout.sequences, job.sample);
		Ok(Self { model, candidate, candidate_file, holdout, indices })
	}

	/// Returns the model and the candidate.
	pub(super) fn subject(&self) -> evaluate::Subject<'_> {
		evaluate::Subject {
			architecture: &self.model.architecture,
			weights: &self.model.weights,
			candidate: Some(&self.candidate),
		}
	}

	/// Returns the index in the holdout of an item's sequence.
	pub(super) fn sequence(&self, item: u32) -> Result<u32, EngineError> {
		self.indices.get(item as usize).copied().ok_or(EngineError::JobMalformed)
	}

	/// Returns the candidate's slot and file.
	pub(super) fn candidate(&self) -> (Part, &[u8]) {
		(self.candidate.part(), &self.candidate_file)
	}

	/// Computes all items, in the order of the draw: those that an earlier attempt left in its journal are taken from there.
	pub(super) fn items(
		&self,
		(id, blobs): (JobId, &BlobStore),
		second: &SecondEvaluator,
		checkpoint: Checkpoint<'_>,
	) -> Result<Vec<Item>, EngineError> {
		let (journal, mut known) = journal(id, blobs);
		let pause = Pause::new(checkpoint);
		let rest: Vec<u32> =
			self.indices.iter().copied().filter(|index| !known.contains_key(index)).collect();
		let _ = pause.note(known.len() as u32);
		let finished = |item: &Item| {
			if let Some(journal) = &journal {
				journal.add(item);
			}
			// An evaluation that is given up here ends at the next layer.
			let _ = pause.note(1);
		};
		let wait = || pause.wait();
		let items = second.evaluator.items(self.subject(), &self.holdout, &rest, &wait, &finished);
		let items = items.map_err(|error| pause.error(&error))?;
		known.extend(items.into_iter().map(|item| (item.sequence, item)));
		if let Some(journal) = journal {
			journal.remove();
		}
		let all = self.indices.iter().map(|index| known.get(index).copied());
		all.collect::<Option<Vec<Item>>>().ok_or(EngineError::Internal)
	}
}

/// Opens the journal of the evaluation, and returns its items by their sequences. Without one, a restart begins at the first.
fn journal(id: JobId, blobs: &BlobStore) -> (Option<Journal>, HashMap<u32, Item>) {
	match Journal::open(blobs.dir(), id) {
		Ok((journal, items)) => {
			if !items.is_empty() {
				log::info!("evaluation {id:?} goes on: {} sequences are there", items.len());
			}
			(Some(journal), items.into_iter().map(|item| (item.sequence, item)).collect())
		}
		Err(error) => {
			log::warn!("evaluation {id:?} cannot be resumed after a restart: {error}");
			(None, HashMap::new())
		}
	}
}

/// Reads the candidate, and checks that it is an expert for its slot.
fn candidate(
	job: &EvaluationJob,
	blobs: &BlobStore,
	model: &OpenModel,
) -> Result<(Candidate, Vec<u8>), EngineError> {
	let block = &job.candidate;
	let file = blobs.get(&block.blob.hash).map_err(|error| match error {
		// A damaged copy says nothing about the candidate. It was dropped, so a good one can be fetched.
		BlobError::Corrupt(hash) => EngineError::BlobMissing(hash),
		error => LoadError::from(error).as_engine_error(),
	})?;
	let invalid = |reason: &dyn std::fmt::Display| {
		log::info!("the candidate is invalid: {reason}");
		EngineError::CandidateInvalid
	};
	if file.len() as u64 != u64::from(block.blob.size) {
		return Err(invalid(&format!("it has {} bytes, {} were announced", file.len(), block.blob.size)));
	}
	let candidate = Candidate::from_file(&model.architecture, job.layer, job.expert, &file);
	let candidate = candidate.map_err(|error| super::engine_error(&error))?;
	if candidate.tensor_root() != block.tensor_root.0 {
		return Err(invalid(&"its tensor root is another than announced"));
	}
	Ok((candidate, file))
}

/// Reads a holdout, checked against the hash of its blob and the root over its sequences.
fn holdout(blobs: &BlobStore, announced: &HoldoutRef) -> Result<Holdout<Vec<u8>>, EngineError> {
	let hash = announced.blob.hash;
	let bytes = blobs.get(&hash).map_err(|error| LoadError::from(error).as_engine_error())?;
	let holdout = Holdout::read(bytes).map_err(|error| {
		log::error!("blob {hash:?} is not the holdout that the chain names: {error}");
		EngineError::BlobCorrupt(hash)
	})?;
	let is_announced = holdout.root() == announced.root.0
		&& holdout.sequences() == announced.sequences
		&& holdout.positions() + 1 == u32::from(announced.sequence_len);
	match is_announced {
		true => Ok(holdout),
		false => {
			log::error!(
				"blob {hash:?} is another holdout than the chain names: root, sequences or length differ"
			);
			Err(EngineError::BlobCorrupt(hash))
		}
	}
}
