//! The local engine as a judge of claims: what a submission's verdict should be, and the opening of every value in it.

use crate::{
	failure::{Failure, Outcome},
	home::Home,
};
use blyan_engine::{
	blobs::BlobStore,
	eval::{computation, outcome, positions, Checkpoint, Evaluator, Finding, JobLimits, Need},
	kernel::Kernel,
	model::ModelStore,
};
use blyan_exact::tree::{self, Item};
use blyan_primitives::{
	BlobRef, BlockRef, Computation, EngineError, EvaluationJob, EvaluationOutcome, JobBody, Opening,
	PartIndex, Query, Score, Verdict,
};
use std::{
	collections::HashMap,
	sync::{
		atomic::{AtomicU64, Ordering},
		Arc, Mutex,
	},
};

/// Parts of a verdict: the target sample and the guard sample.
pub const PARTS: PartIndex = 2;
/// Most that blobs of audits may take on this machine.
const STORE_BYTES_MAX: u64 = 4 << 30;
/// Blocks that are kept ready.
const CACHE_BYTES_MAX: u64 = 1 << 30;

/// Openings of what a right claim commits to, computed by this machine.
pub trait Openings: Send + Sync {
	/// Computes the right opening at a place of one part's computation.
	fn open(&self, part: PartIndex, query: &Query) -> Outcome<Opening>;

	/// Describes a place; `None` if the computation has none such.
	fn place(&self, part: PartIndex, query: &Query) -> Option<Place>;
}

/// A submission's jobs and an engine to do them with.
pub struct Referee {
	jobs: Vec<EvaluationJob>,
	models: ModelStore,
	evaluator: Evaluator,
	limits: JobLimits,
	/// Findings behind openings; one answers many queries.
	found: Mutex<HashMap<(PartIndex, Need), Arc<Finding>>>,
}

/// The blobs of audits, kept below `home`.
pub fn open_store(home: &Home) -> Outcome<Arc<BlobStore>> {
	Ok(Arc::new(BlobStore::open(home.create_dir("audits")?, STORE_BYTES_MAX)?))
}

impl Referee {
	/// An engine for these jobs, one a part, on blobs from this store.
	pub fn new(blobs: Arc<BlobStore>, jobs: Vec<EvaluationJob>) -> Outcome<Self> {
		Ok(Self {
			jobs,
			models: ModelStore::new(blobs, CACHE_BYTES_MAX),
			evaluator: Evaluator::new(Kernel::best(), 0).map_err(|error| failure(&error))?,
			limits: JobLimits::default(),
			found: Mutex::default(),
		})
	}

	/// The jobs, one a part.
	pub fn jobs(&self) -> &[EvaluationJob] {
		&self.jobs
	}

	/// Models and experts, as far as their blobs are here.
	pub fn models(&self) -> &ModelStore {
		&self.models
	}

	/// Blobs that the jobs need and that are not here.
	pub fn missing(&self) -> Vec<BlobRef> {
		let mut blobs: Vec<BlobRef> = Vec::new();
		for job in &self.jobs {
			let body: &[BlockRef] = match &job.body {
				JobBody::First { trunk, .. } => std::slice::from_ref(trunk),
				JobBody::Second { parts, .. } => parts,
			};
			let parts = job.heads.iter().chain(body).chain([&job.candidate]).map(|block| block.blob);
			for blob in parts.chain([job.holdout.blob]) {
				if !blobs.iter().any(|known| known.hash == blob.hash) {
					blobs.push(blob);
				}
			}
		}
		blobs.retain(|blob| !self.models.blobs().has(&blob.hash));
		blobs
	}

	/// The verdict that is right. `progress` hears how many sequences are done, over all parts.
	pub fn verdict(&self, progress: impl Fn(u64) + Sync) -> Outcome<Verdict> {
		let done = AtomicU64::new(0);
		let checkpoint = |count: u32| {
			progress(done.fetch_add(count.into(), Ordering::Relaxed) + u64::from(count));
			Ok(())
		};
		let mut outcomes = Vec::new();
		for (part, job) in (0..).zip(&self.jobs) {
			match self.find_items(part, &checkpoint)? {
				Some(items) => outcomes.push(outcome(&items, positions(job))),
				None => return Ok(Verdict::Invalid),
			}
		}
		let target = *outcomes.first().ok_or_else(|| failure(&EngineError::Internal))?;
		Ok(Verdict::Scored(Score { target, guard: outcomes.get(1).copied() }))
	}

	/// All sequences of one part in the order of the draw; `None` if the candidate is no expert. [`Self::verdict`] has
	/// computed them already.
	pub fn items(&self, part: PartIndex) -> Outcome<Option<Vec<Item>>> {
		self.find_items(part, &|_| Ok(()))
	}

	fn find_items(&self, part: PartIndex, checkpoint: Checkpoint<'_>) -> Outcome<Option<Vec<Item>>> {
		match self.find(part, Need::Items, checkpoint) {
			Ok(finding) => match finding.as_ref() {
				Finding::Items(items) => Ok(Some(items.clone())),
				_ => Err(failure(&EngineError::Internal)),
			},
			Err(EngineError::CandidateInvalid) => Ok(None),
			Err(error) => Err(failure(&error)),
		}
	}

	fn find(
		&self,
		part: PartIndex,
		need: Need,
		checkpoint: Checkpoint<'_>,
	) -> Result<Arc<Finding>, EngineError> {
		let key = (part, need);
		if let Some(finding) = self.found.lock().ok().and_then(|found| found.get(&key).cloned()) {
			return Ok(finding);
		}
		let job = self.jobs.get(usize::from(part)).ok_or(EngineError::JobMalformed)?;
		let finding = Arc::new(need.find(job, &self.limits, &self.models, &self.evaluator, checkpoint)?);
		if let Ok(mut found) = self.found.lock() {
			found.insert(key, finding.clone());
		}
		Ok(finding)
	}
}

impl Openings for Referee {
	fn open(&self, part: PartIndex, query: &Query) -> Outcome<Opening> {
		let job = self.jobs.get(usize::from(part)).ok_or_else(|| failure(&EngineError::JobMalformed))?;
		let opened = Need::of(job, query)
			.and_then(|need| self.find(part, need, &|_| Ok(())))
			.and_then(|finding| finding.answer(job, query));
		opened.map_err(|error| failure(&error))
	}

	fn place(&self, part: PartIndex, query: &Query) -> Option<Place> {
		Place::of(self.jobs.get(usize::from(part))?, query)
	}
}

fn failure(error: &EngineError) -> Failure {
	let failure = Failure::new(format!("the engine of this machine cannot compute that: {error:?}"));
	match error {
		EngineError::BlobMissing(_) => failure.next("run the command again; a damaged blob was dropped"),
		_ => failure,
	}
}

/// Where a claim first differs from what is right; `None` if nowhere.
pub fn difference(claimed: &Verdict, right: &Verdict) -> Option<String> {
	match (claimed, right) {
		(Verdict::Invalid, Verdict::Invalid) => None,
		(Verdict::Invalid, Verdict::Scored(_)) => Some("says that the bytes are no expert; they are".into()),
		(Verdict::Scored(_), Verdict::Invalid) => Some("scores bytes that are no expert".into()),
		(Verdict::Scored(_), Verdict::Scored(_)) => (0..PARTS).find_map(|part| {
			let name = if part == 0 { "target" } else { "guard" };
			match (claimed.part(part), right.part(part)) {
				(Some(claimed), Some(right)) => {
					first_number(claimed, right).map(|what| format!("{name}: {what}"))
				}
				(None, None) => None,
				(Some(_), None) => Some(format!("has a {name} part, and there is none")),
				(None, Some(_)) => Some(format!("has no {name} part")),
			}
		}),
	}
}

fn first_number(claimed: &EvaluationOutcome, right: &EvaluationOutcome) -> Option<String> {
	let numbers = |outcome: &EvaluationOutcome| {
		[
			("loss of the baseline", outcome.baseline_loss.to_string()),
			("loss with the candidate", outcome.candidate_loss.to_string()),
			("sum of differences", outcome.sum_diff.to_string()),
			("sum of squares", outcome.sum_diff_sq.to_string()),
			("sequences", outcome.sequences.to_string()),
			("positions", outcome.bytes.to_string()),
			("job root", format!("{:?}", outcome.job_root)),
		]
	};
	let mut pairs = numbers(claimed).into_iter().zip(numbers(right));
	pairs.find(|(claimed, right)| claimed != right).map(|((what, claimed), (_, right))| match what {
		"job root" => {
			format!("the totals are right, the values behind them are not: job root {claimed}, not {right}")
		}
		what => format!("{what} {claimed}, not {right}"),
	})
}

/// A place in a game: which round it is, of how many at most, and where that is, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
	/// Counted from one.
	pub round: u32,
	/// Rounds of the longest game about this job.
	pub rounds_max: u32,
	/// Which value is in question.
	pub name: String,
}

impl Place {
	/// Where a query is; `None` if the job has no such place.
	pub fn of(job: &EvaluationJob, query: &Query) -> Option<Self> {
		Self::in_program(&computation(job)?, Items::Sample(job.sample), query)
	}

	/// Where a query about an answer is; `None` if the check of it has no such place.
	pub fn of_answer(program: &Computation, query: &Query) -> Option<Self> {
		Self::in_program(program, Items::Answer, query)
	}

	fn in_program(program: &Computation, of: Items, query: &Query) -> Option<Self> {
		let items = tree::levels(of.count() as usize);
		let below = |operator: usize| {
			let shape = program.shape_at(operator)?;
			Some((tree::levels(shape.rows), tree::levels(shape.blocks())))
		};
		// The item, the block itself, and the levels between them.
		let longest =
			(0..program.operators()).filter_map(below).map(|(rows, blocks)| rows + blocks).max().unwrap_or(0);
		let rounds_max = items + 1 + longest + 1;
		let operator = |item: u32, trace: u8, index: u16| {
			let name = operator_name(program, index.into()).unwrap_or_default();
			format!("{}, operator {name}", of.name(item, trace))
		};
		let sequences = |level: u8, index: u32| {
			let span = (tree::ARITY as u32).saturating_pow(level.into());
			let first = index.saturating_mul(span);
			let last = first.saturating_add(span).min(of.count()).saturating_sub(1);
			format!("sequences {first} to {last}")
		};
		let (round, name) = match *query {
			Query::Items { level, index } => {
				((items + 1).saturating_sub(level.into()), sequences(level, index))
			}
			Query::Item { item } => (items + 1, of.item(item)),
			Query::Rows { item, trace, operator: at, level, .. } => {
				let (rows, _) = below(at.into())?;
				(items + 2 + rows.saturating_sub(level.into()), operator(item, trace, at))
			}
			Query::Blocks { item, trace, operator: at, row } => {
				let (rows, _) = below(at.into())?;
				(items + 2 + rows, format!("{}, row {row}", operator(item, trace, at)))
			}
			Query::BlockNodes { item, trace, operator: at, row, level, .. } => {
				let (rows, blocks) = below(at.into())?;
				let name = format!("{}, row {row}", operator(item, trace, at));
				(items + 2 + rows + blocks.saturating_sub(level.into()), name)
			}
			Query::Witness { item, trace, operator: at, row, block } => {
				let (rows, blocks) = below(at.into())?;
				let name = format!("{}, row {row}, block {block}", operator(item, trace, at));
				(items + 2 + rows + blocks, name)
			}
			Query::Candidate => (1, "the candidate's bytes".into()),
			Query::Tile { tile } => (1, format!("tile {tile} of the candidate")),
		};
		Some(Self { round, rounds_max, name })
	}
}

/// Items of a computation, as a game names them.
#[derive(Clone, Copy)]
enum Items {
	/// Sequences of a sample, each with two traces.
	Sample(u32),
	/// An answer, whose traces are the same.
	Answer,
}

impl Items {
	fn count(self) -> u32 {
		match self {
			Self::Sample(count) => count,
			Self::Answer => 1,
		}
	}

	fn item(self, item: u32) -> String {
		match self {
			Self::Sample(_) => format!("sequence {item}"),
			Self::Answer => "the answer".into(),
		}
	}

	fn name(self, item: u32, trace: u8) -> String {
		match self {
			Self::Sample(_) => {
				format!("{}, {}", self.item(item), if trace == 0 { "baseline" } else { "candidate" })
			}
			Self::Answer => self.item(item),
		}
	}
}

/// Returns the name of an operator of a program; `None` past its end.
fn operator_name(program: &Computation, index: usize) -> Option<String> {
	match program {
		Computation::First(program) => program.operator(index).map(|operator| format!("{operator:?}")),
		Computation::Second(program) => {
			program.operator(index).map(|operator| format!("{:?}", operator.role))
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::definition2::{golden, Program, Role};
	use blyan_primitives::{HoldoutRef, ModelConfig};
	use sp_core::H256;

	fn scored(target: EvaluationOutcome, guard: Option<EvaluationOutcome>) -> Verdict {
		Verdict::Scored(Score { target, guard })
	}

	#[test]
	fn difference_names_the_first_number_that_is_wrong() {
		let right =
			EvaluationOutcome { baseline_loss: 9, candidate_loss: 7, sum_diff: 2, ..Default::default() };
		let guard = Some(right);
		assert_eq!(difference(&scored(right, guard), &scored(right, guard)), None);
		assert_eq!(difference(&Verdict::Invalid, &Verdict::Invalid), None);
		let lower = EvaluationOutcome { candidate_loss: 6, sum_diff: 3, ..right };
		assert_eq!(
			difference(&scored(lower, guard), &scored(right, guard)).unwrap(),
			"target: loss with the candidate 6, not 7"
		);
		let other = EvaluationOutcome { job_root: H256([1; 32]), ..right };
		let said = difference(&scored(right, Some(other)), &scored(right, guard)).unwrap();
		assert!(said.starts_with("guard: the totals are right"), "{said}");
		assert!(difference(&scored(right, None), &scored(right, guard)).unwrap().contains("no guard part"));
		assert!(difference(&Verdict::Invalid, &scored(right, guard)).is_some());
		assert!(difference(&scored(right, guard), &Verdict::Invalid).is_some());
	}

	const BLOCK: BlockRef =
		BlockRef { tensor_root: H256::zero(), blob: BlobRef { hash: H256::zero(), size: 1 } };

	fn job(definition: u32, body: JobBody) -> EvaluationJob {
		EvaluationJob {
			definition,
			model: 0,
			body,
			heads: vec![BLOCK; 8],
			layer: 0,
			expert: 0,
			candidate: BLOCK,
			holdout: HoldoutRef { root: H256::zero(), blob: BLOCK.blob, sequences: 512, sequence_len: 64 },
			seed: H256::zero(),
			sample: 256,
		}
	}

	/// The logits of an open model have more blocks than a node has children: two rounds, one a level.
	#[test]
	fn places_of_an_open_model_descend_its_rows_level_by_level() {
		let (_, architecture) = golden::ARCHITECTURES.iter().find(|(name, _)| *name == "qwen2").unwrap();
		let architecture = architecture();
		let body = JobBody::Second { architecture: architecture.to_bytes(), parts: vec![BLOCK; 4] };
		let job = job(blyan_exact::definition2::REVISION, body);
		let program = Program::new(&architecture, 63).unwrap();
		let operator = program.index_of(Role::Logits).unwrap() as u16;
		let of = |level, index| {
			let query = Query::BlockNodes { item: 37, trace: 0, operator, row: 9, level, index };
			Place::of(&job, &query).unwrap()
		};
		let (first, second) = (of(2, 0), of(1, 4));
		assert_eq!(first.name, "sequence 37, baseline, operator Logits, row 9");
		// Two rounds of sequences, the lists, two of rows.
		assert_eq!((first.round, second.round, first.rounds_max), (6, 7, 8));
		let last = Query::Witness { item: 37, trace: 0, operator, row: 9, block: 70 };
		assert_eq!(Place::of(&job, &last).unwrap().round, 8);
	}

	#[test]
	fn places_count_rounds_and_name_the_value() {
		let config =
			ModelConfig { d_model: 64, d_ff: 64, layers: 2, heads: 2, experts: 4, top_k: 2, context: 64 };
		let job = job(blyan_exact::DEFINITION, JobBody::First { config, trunk: BLOCK });
		let of = |query| Place::of(&job, &query).unwrap();
		let first = of(Query::Items { level: 2, index: 0 });
		assert_eq!((first.round, first.name.as_str()), (1, "sequences 0 to 255"));
		assert_eq!(of(Query::Items { level: 1, index: 2 }).name, "sequences 32 to 47");
		assert_eq!(of(Query::Item { item: 37 }).round, 3);
		let rows = of(Query::Rows { item: 37, trace: 1, operator: 0, level: 2, index: 0 });
		assert_eq!((rows.round, rows.name.as_str()), (4, "sequence 37, candidate, operator Embed"));
		let last = of(Query::Witness { item: 37, trace: 1, operator: 0, row: 9, block: 0 });
		assert_eq!(last.name, "sequence 37, candidate, operator Embed, row 9, block 0");
		assert!(last.round > rows.round && last.round <= last.rounds_max);
		assert_eq!(Place::of(&job, &Query::Blocks { item: 0, trace: 0, operator: 9_999, row: 0 }), None);
	}
}
