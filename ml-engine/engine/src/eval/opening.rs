//! Openings of what a job's outcome commits to: computed again from the job alone, whichever operator's outcome it was.
//!
//! A [`Query`] is answered from a [`Finding`], which is what has to be computed for it: all items of the job, both
//! traces of one of them, or a single operator's output; or the candidate's own bytes. One finding answers many queries, as a dispute descends.

use super::{
	finding::candidate,
	job::{computation, Subject},
	second, Candidate, Checkpoint, Evaluator, Finding, JobLimits, Need,
};
use crate::{
	blobs::BlobStore,
	block::TensorBlock,
	model::{ExpertWeights, LoadError, Model, ModelStore},
	tiles::{ProvenTile, TileError},
};
use blyan_exact::{
	block::{BlockShape, Layout},
	step::{CandidateSlot, Evidence, ExpertFiles, Place, Prover, Witness},
	tree::{self, trace_root, Item, SumNode},
	Program, Shape, SlotIndex, Trace,
};
use blyan_primitives::{
	BlockRef, BlockWitness, EngineError, EvaluationJob, JobBody, ModelConfig, Opening, Query, TraceIndex,
};
use std::{
	cell::{Cell, OnceCell},
	sync::Arc,
};

impl Need {
	/// Returns what is needed to answer `query`; [`EngineError::JobMalformed`] if the job has no such place. Computes
	/// nothing, and expects a job that [`JobLimits::check`] has passed.
	pub fn of(job: &EvaluationJob, query: &Query) -> Result<Self, EngineError> {
		let malformed = EngineError::JobMalformed;
		let program = computation(job).ok_or(malformed)?;
		let has_item = |item| item < job.sample;
		let has_node = |count: usize, level: u8, index: u32| {
			!tree::children(count, level.into(), index as usize).is_empty()
		};
		let shape = |item, trace: TraceIndex, operator: u16| {
			program.shape_at(operator.into()).filter(|_| has_item(item) && trace < 2)
		};
		let has_row = |shape: &Shape, row: u32| (row as usize) < shape.rows;
		let found = match *query {
			Query::Items { level, index } => {
				has_node(job.sample as usize, level, index).then_some(Self::Items)
			}
			Query::Item { item } => has_item(item).then_some(Self::Traces { item }),
			Query::Rows { item, trace, operator, level, index } => shape(item, trace, operator)
				.filter(|shape| has_node(shape.rows, level, index))
				.map(|_| Self::Output { item, trace, operator }),
			// Wider rows are opened node by node.
			Query::Blocks { item, trace, operator, row } => shape(item, trace, operator)
				.filter(|shape| has_row(shape, row) && shape.blocks() <= tree::ARITY)
				.map(|_| Self::Output { item, trace, operator }),
			Query::BlockNodes { item, trace, operator, row, level, index } => shape(item, trace, operator)
				.filter(|shape| has_row(shape, row) && has_node(shape.blocks(), level, index))
				.map(|_| Self::Output { item, trace, operator }),
			Query::Witness { item, trace, operator, row, block } => shape(item, trace, operator)
				.filter(|shape| has_row(shape, row) && (block as usize) < shape.blocks())
				.map(|_| Self::Witness { item, trace, operator, row, block }),
			Query::Candidate => Some(Self::Candidate),
			Query::Tile { tile } => {
				let tiles = candidate_tiles(job).ok_or(malformed)?;
				((tile as usize) < tiles).then_some(Self::Tile { tile })
			}
		};
		found.ok_or(malformed)
	}

	/// Computes the finding. Everything but [`Self::Items`] takes the time of one sequence or two.
	pub fn find(
		&self,
		job: &EvaluationJob,
		limits: &JobLimits,
		store: &ModelStore,
		evaluator: &Evaluator,
		checkpoint: Checkpoint<'_>,
	) -> Result<Finding, EngineError> {
		// These are about the candidate's bytes alone: whether they are an expert is what a dispute may be about.
		match *self {
			Self::Candidate => return candidate(job, store.blobs()).map(Finding::Candidate),
			Self::Tile { tile } => return candidate_tile(job, store.blobs(), tile).map(Finding::Witness),
			_ => {}
		}
		limits.check(job)?;
		if let JobBody::Second { .. } = job.body {
			return second::find(self, job, store, evaluator, checkpoint);
		}
		let subject = Subject::load(job, store)?;
		checkpoint(0)?;
		match *self {
			Self::Candidate | Self::Tile { .. } => Err(EngineError::Internal),
			Self::Items => subject.items(evaluator, checkpoint).map(Finding::Items),
			Self::Traces { item } => {
				let (sequence, bytes) = subject.sequence(item).ok_or(EngineError::JobMalformed)?;
				let (loss, baseline) = evaluator.operator_roots(&subject.model, bytes)?;
				let (other_loss, candidate) = evaluator.operator_roots(&subject.changed()?, bytes)?;
				let item = Item {
					sequence,
					baseline: loss,
					candidate: other_loss,
					baseline_trace: trace_root(&baseline),
					candidate_trace: trace_root(&candidate),
				};
				Ok(Finding::Traces { item, baseline, candidate })
			}
			Self::Output { item, trace, operator } => {
				let (_, bytes) = subject.sequence(item).ok_or(EngineError::JobMalformed)?;
				let output = evaluator.operator_output(&subject.traced(trace)?, bytes, operator.into())?;
				Ok(Finding::Output(output))
			}
			Self::Witness { item, trace, operator, row, block } => {
				let place = Place { operator: operator.into(), row: row as usize, block: block as usize };
				let witness = witness(&subject, evaluator, (item, trace), place)?;
				Ok(Finding::Witness(BlockWitness::First(witness)))
			}
		}
	}
}

impl Finding {
	/// Answers a query that [`Need::of`] accepted; [`EngineError::Internal`] if this is not what it needs.
	pub fn answer(&self, job: &EvaluationJob, query: &Query) -> Result<Opening, EngineError> {
		let shape = |operator: u16| {
			let program = computation(job).ok_or(EngineError::JobMalformed)?;
			program.shape_at(operator.into()).ok_or(EngineError::JobMalformed)
		};
		match (self, query) {
			(Self::Items(items), &Query::Items { level, index }) => {
				let leaves: Vec<SumNode> = items.iter().map(Item::node).collect();
				let below = tree::sum_level(&leaves, u32::from(level).saturating_sub(1));
				let children = tree::children(leaves.len(), level.into(), index as usize);
				Ok(Opening::Items(below[children].to_vec()))
			}
			(Self::Traces { item, baseline, candidate }, Query::Item { .. }) => {
				Ok(Opening::Item { item: *item, baseline: baseline.clone(), candidate: candidate.clone() })
			}
			(Self::Output(output), &Query::Rows { operator, level, index, .. }) => {
				let rows = shape(operator)?.row_hashes(output);
				let below = tree::level(&rows, u32::from(level).saturating_sub(1));
				let children = tree::children(rows.len(), level.into(), index as usize);
				Ok(Opening::Hashes(below[children].to_vec()))
			}
			(Self::Output(output), &Query::Blocks { operator, row, .. }) => {
				let shape = shape(operator)?;
				let row = output.chunks_exact(shape.row_bytes).nth(row as usize);
				Ok(Opening::Hashes(shape.block_hashes(row.ok_or(EngineError::JobMalformed)?)))
			}
			(Self::Output(output), &Query::BlockNodes { operator, row, level, index, .. }) => {
				let shape = shape(operator)?;
				let row = output.chunks_exact(shape.row_bytes).nth(row as usize);
				let blocks = shape.block_hashes(row.ok_or(EngineError::JobMalformed)?);
				let below = tree::level(&blocks, u32::from(level).saturating_sub(1));
				let children = tree::children(blocks.len(), level.into(), index as usize);
				Ok(Opening::Hashes(below[children].to_vec()))
			}
			(Self::Witness(witness), Query::Witness { .. } | Query::Tile { .. }) => {
				Ok(Opening::Witness(witness.clone()))
			}
			(Self::Candidate(bytes), Query::Candidate) => Ok(Opening::Candidate(bytes.clone())),
			_ => Err(EngineError::Internal),
		}
	}
}

/// Returns the number of tiles of the candidate's block; `None` if the job has no such slot.
fn candidate_tiles(job: &EvaluationJob) -> Option<usize> {
	match &job.body {
		JobBody::First { config, .. } => {
			Layout::new(BlockShape::expert_of(config)).ok().map(|layout| layout.tiles)
		}
		JobBody::Second { architecture, .. } => {
			second::candidate_layout(job, architecture).map(|layout| layout.tiles())
		}
	}
}

/// Loads a tile of the candidate's block with its path.
fn candidate_tile(job: &EvaluationJob, blobs: &BlobStore, tile: u32) -> Result<BlockWitness, EngineError> {
	match &job.body {
		JobBody::First { config, .. } => {
			first_tile(&job.candidate, config, blobs, tile).map(BlockWitness::First)
		}
		JobBody::Second { architecture, .. } => second::candidate_tile(job, architecture, blobs, tile),
	}
}

fn first_tile(
	candidate: &BlockRef,
	config: &ModelConfig,
	blobs: &BlobStore,
	tile: u32,
) -> Result<Witness, EngineError> {
	let BlockRef { tensor_root, blob } = candidate;
	let proven = ProvenTile::read(blobs, &blob.hash, tile).and_then(|proven| {
		proven.verify(BlockShape::expert_of(config), tensor_root, tile)?;
		Ok(proven)
	});
	match proven {
		Ok(ProvenTile { bytes, tiles, path }) => {
			let path = path.into_iter().map(|hash| hash.0).collect();
			Ok(Witness(vec![Evidence::Tile { bytes, tiles: tiles.0, path }]))
		}
		Err(TileError::Blob(error)) => Err(LoadError::from(error).as_engine_error()),
		Err(error) => {
			log::info!("the candidate has no such tile: {error}");
			Err(EngineError::CandidateInvalid)
		}
	}
}

/// Records everything that computing one block reads.
fn witness(
	subject: &Subject,
	evaluator: &Evaluator,
	(item, trace): (u32, TraceIndex),
	place: Place,
) -> Result<Witness, EngineError> {
	let (sequence, bytes) = subject.sequence(item).ok_or(EngineError::JobMalformed)?;
	let model = subject.traced(trace)?;
	let positions = u16::try_from(bytes.len()).map_err(|_| EngineError::JobMalformed)?;
	let program = Program::new(*model.config(), positions).ok_or(EngineError::JobMalformed)?;
	let (loss, outputs) = evaluator.outputs(&model, bytes)?;
	let heads = subject.model.expert_roots();
	let experts = Experts::of(&model);
	let Candidate { slot: SlotIndex { layer, expert }, ref weights } = subject.candidate;
	let prover = Prover {
		trace: &Trace::new(program, outputs, loss),
		trunk: model.trunk().block().bytes(),
		heads: &heads,
		experts: &experts,
		candidate: (trace == 1).then(|| CandidateSlot {
			layer,
			expert,
			tensor_root: weights.block().tensor_root().0,
		}),
		holdout: subject.holdout(),
		sequence,
	};
	prover.record(place).map_err(|error| {
		experts.failure.take().unwrap_or_else(|| {
			log::error!("cannot record what {place:?} reads: {error:?}");
			EngineError::Internal
		})
	})
}

/// Experts of a model, each loaded when a prover asks for its file.
struct Experts<'a> {
	model: &'a Model,
	loaded: Vec<OnceCell<Arc<ExpertWeights>>>,
	/// Reason why one could not be loaded.
	failure: Cell<Option<EngineError>>,
}

impl<'a> Experts<'a> {
	fn of(model: &'a Model) -> Self {
		let loaded = vec![OnceCell::new(); model.config().slots() as usize];
		Self { model, loaded, failure: Cell::new(None) }
	}

	fn load(&self, slot: usize) -> Result<&[u8], EngineError> {
		let place = self.loaded.get(slot).ok_or(EngineError::Internal)?;
		let weights = match place.get() {
			Some(weights) => weights,
			None => {
				let weights = self.model.expert_at(slot)?;
				place.get_or_init(|| weights)
			}
		};
		weights.verified_block().map(TensorBlock::bytes).map_err(|error| {
			log::error!("an expert that ran from its packed form cannot be opened: {error}");
			EngineError::Internal
		})
	}
}

impl ExpertFiles for Experts<'_> {
	fn file(&self, slot: usize) -> Option<&[u8]> {
		self.load(slot).map_err(|error| self.failure.set(Some(error))).ok()
	}
}
