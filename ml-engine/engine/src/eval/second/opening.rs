//! Openings of what a job's outcome commits to.

use super::{engine_error, files::BlobFiles, job::Subject, model::ModelBlocks, pause::Pause};
use crate::{
	blobs::BlobStore,
	eval::{finding, Checkpoint, Evaluator, Finding, Need},
	model::ModelStore,
};
use blyan_exact::definition2::{
	block::Layout,
	step::{prove_tile, proves_tile, Place, Witness},
	Part,
};
use blyan_open_model::evaluate::{EvaluateError, Opener, Side, Traces};
use blyan_primitives::{BlockWitness, EngineError, EvaluationJob, JobBody, TraceIndex};

/// Computes what a query about a job needs, but for the candidate's bytes and tiles.
pub(in crate::eval) fn find(
	need: &Need,
	job: &EvaluationJob,
	store: &ModelStore,
	evaluator: &Evaluator,
	checkpoint: Checkpoint<'_>,
) -> Result<Finding, EngineError> {
	let second = evaluator.second()?;
	let subject = Subject::load(job, store.blobs(), evaluator, &second)?;
	checkpoint(0)?;
	let pause = Pause::new(checkpoint);
	let wait = || pause.wait();
	let opener = Opener {
		evaluator: &second.evaluator,
		subject: subject.subject(),
		holdout: &subject.holdout,
		checkpoint: &wait,
	};
	let failed = |error: EvaluateError| pause.error(&error);
	match *need {
		Need::Candidate | Need::Tile { .. } => Err(EngineError::Internal),
		Need::Items => subject.items((job.id(), store.blobs()), &second, checkpoint).map(Finding::Items),
		Need::Traces { item } => {
			let Traces { item, baseline, candidate } =
				opener.traces(subject.sequence(item)?).map_err(failed)?;
			Ok(Finding::Traces { item, baseline, candidate })
		}
		Need::Output { item, trace, operator } => {
			let output = opener.output(subject.sequence(item)?, side(trace), operator.into());
			Ok(Finding::Output(output.map_err(failed)?.bytes))
		}
		Need::Witness { item, trace, operator, row, block } => {
			let place = Place { operator: operator.into(), row: row as usize, block: block as usize };
			let candidate = (trace != 0).then(|| subject.candidate());
			let model = &subject.model;
			let blocks = blocks(job)?;
			let files = BlobFiles::new(store.blobs(), &model.architecture, blocks.iter(), candidate);
			let witness = opener.witness(subject.sequence(item)?, side(trace), place, (&files, &model.roots));
			match witness {
				Ok(witness) => Ok(Finding::Witness(BlockWitness::Second(witness))),
				Err(error @ EvaluateError::Files { .. }) => {
					Err(files.failure().unwrap_or_else(|| engine_error(&error)))
				}
				Err(error) => Err(failed(error)),
			}
		}
	}
}

fn side(trace: TraceIndex) -> Side {
	match trace {
		0 => Side::Baseline,
		_ => Side::Candidate,
	}
}

fn blocks(job: &EvaluationJob) -> Result<ModelBlocks<'_>, EngineError> {
	match &job.body {
		JobBody::Second { architecture, parts } => {
			Ok(ModelBlocks { record: architecture, parts, heads: &job.heads })
		}
		JobBody::First { .. } => Err(EngineError::Internal),
	}
}

/// Returns the layout of a job's candidate; `None` if the job has no such slot.
pub(in crate::eval) fn candidate_layout(job: &EvaluationJob, record: &[u8]) -> Option<Layout> {
	let part = Part::Expert { layer: job.layer, expert: job.expert };
	Layout::of(&super::architecture(record)?, part)
}

/// Loads a tile of the candidate's block with its path. A file that does not prove its own tile has none that could be shown.
pub(in crate::eval) fn candidate_tile(
	job: &EvaluationJob,
	record: &[u8],
	blobs: &BlobStore,
	tile: u32,
) -> Result<BlockWitness, EngineError> {
	let layout = candidate_layout(job, record).ok_or(EngineError::JobMalformed)?;
	let file = finding::candidate(job, blobs)?;
	let tile = tile as usize;
	let evidence = prove_tile(&layout, &file, tile)
		.filter(|evidence| proves_tile(&layout, &job.candidate.tensor_root.0, tile, evidence));
	evidence.map(|evidence| BlockWitness::Second(Witness(vec![evidence]))).ok_or_else(|| {
		log::info!("the candidate has no tile {tile}: its file is not what its tensor root names");
		EngineError::CandidateInvalid
	})
}
