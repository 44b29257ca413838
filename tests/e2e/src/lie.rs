//! A wrong score that can be defended for a while: the truth, bent at one place, with a tree over all of it.

use crate::{wait_until, Chain};
use blyan_engine::{
	blobs::BlobStore,
	eval::{computation, never_stop, outcome, positions, Evaluator, Finding, JobLimits, Need},
	kernel::Kernel,
	model::ModelStore,
};
use blyan_exact::{
	blake2_256,
	definition2::{Role, Slot},
	tree::{trace_root, Item},
	Operator, Shape,
};
use blyan_primitives::{
	Computation, EvaluationJob, EvaluationOutcome, Opening, PartIndex, Query, Score, Subject, SubmissionId,
	Verdict,
};
use blyan_runtime_api::disputes::{GameId, GameInfo};
use codec::Encode;
use std::{path::Path, sync::Arc};
use subxt_signer::sr25519::Keypair;

/// The first sequence that is lied about. All before it are right, so a dispute must find it.
const ITEM: u32 = 37;
/// The operator that is lied about: what the expert of the first rank says in the second layer.
const OPERATOR: Operator = Operator::Down(1, 0);
/// The row of it, which is the byte of the sequence.
const ROW: usize = 9;

/// An operator that evaluated a submission and claims something else.
///
/// From the 37th sequence on, the candidate is said to need three quarters of the bits that the model needs now. The
/// expert's output is changed in one byte there, and that is where a dispute ends.
pub struct Lie {
	/// The right verdict.
	pub truth: Verdict,
	/// The claimed verdict.
	pub verdict: Verdict,
	job: EvaluationJob,
	items: Finding,
	item: Finding,
	output: Finding,
	operator: u16,
}

struct Engine {
	models: ModelStore,
	evaluator: Evaluator,
}

impl Engine {
	fn new<'a>(dir: &Path, files: impl Iterator<Item = &'a Vec<u8>>) -> Self {
		let blobs = BlobStore::open(dir, 1 << 30).expect("the test's directory can be written");
		for file in files {
			blobs.put(file).expect("the store has room");
		}
		let evaluator = Evaluator::new(Kernel::best(), 1).expect("threads can be started");
		Self { models: ModelStore::new(Arc::new(blobs), 1 << 30), evaluator }
	}

	fn find(&self, job: &EvaluationJob, need: Need) -> Finding {
		need.find(job, &JobLimits::default(), &self.models, &self.evaluator, &never_stop)
			.expect("the candidate is an expert, and everything is here")
	}

	fn items(&self, job: &EvaluationJob) -> Vec<Item> {
		match self.find(job, Need::Items) {
			Finding::Items(items) => items,
			other => panic!("items were needed, not {other:?}"),
		}
	}
}

/// Returns the operator that is lied about, and the shape of its output. Of an open model it is the one of the same place: what the
/// expert of the first rank says in the candidate's layer.
fn place(job: &EvaluationJob) -> (u16, Shape) {
	let computation = computation(job).expect("the job is in bounds");
	let operator = match &computation {
		Computation::First(program) => Some(program.index_of(OPERATOR)),
		Computation::Second(program) => program.index_of(Role::Down(job.layer, Slot::Rank(0))),
	};
	let operator = operator.expect("the candidate's layer has experts");
	let shape = computation.shape_at(operator).expect("the program has the operator");
	(u16::try_from(operator).expect("programs are short"), shape)
}

fn flatter(item: &mut Item) {
	item.candidate = item.baseline / 4 * 3;
}

impl Lie {
	/// Bends the score of a submission whose committee is at work.
	///
	/// - `dir`: where the engine may keep its blobs.
	/// - `model`, `candidate`: the model's directory, and the bytes that were submitted.
	pub async fn about(chain: &Chain, id: SubmissionId, dir: &Path, model: &Path, candidate: &[u8]) -> Self {
		let read = |path: std::path::PathBuf| std::fs::read(path).expect("the model can be read");
		let files = std::fs::read_dir(model).expect("the model is there").flatten();
		let files: Vec<Vec<u8>> = files.map(|file| read(file.path())).chain([candidate.to_vec()]).collect();
		Self::about_blobs(chain, id, dir, files.iter()).await
	}

	/// The same, from all blobs that the job names.
	pub async fn about_blobs<'a>(
		chain: &Chain,
		id: SubmissionId,
		dir: &Path,
		blobs: impl Iterator<Item = &'a Vec<u8>>,
	) -> Self {
		let ask = |part: PartIndex| async move {
			let job: Option<EvaluationJob> = chain.runtime_api("LearningApi_job", &(id, part).encode()).await;
			job
		};
		let job = ask(0).await.expect("a drawn submission has a job");
		let guard_job = ask(1).await;
		let engine = Engine::new(dir, blobs);

		let honest = engine.items(&job);
		let mut items = honest.clone();
		for item in items.iter_mut().skip(ITEM as usize) {
			// Nobody will ask for the traces of any but the first.
			flatter(item);
		}
		let (operator, shape) = place(&job);
		let Finding::Output(mut output) = engine.find(&job, Need::Output { item: ITEM, trace: 1, operator })
		else {
			panic!("an output was needed")
		};
		output[ROW * shape.row_bytes] ^= 1;
		let Finding::Traces { baseline, mut candidate, .. } = engine.find(&job, Need::Traces { item: ITEM })
		else {
			panic!("traces were needed")
		};
		let item = &mut items[ITEM as usize];
		candidate[usize::from(operator)] = shape.root(&output);
		let total = candidate.last_mut().expect("programs end with the total");
		*total = blake2_256(&[&item.candidate.to_le_bytes()]);
		item.candidate_trace = trace_root(&candidate);
		let item = *item;

		let score = |items: &[Item], guard: Option<EvaluationOutcome>| {
			Verdict::Scored(Score { target: outcome(items, positions(&job)), guard })
		};
		let guard = guard_job.map(|job| {
			let honest = engine.items(&job);
			let mut items = honest.clone();
			items.iter_mut().for_each(flatter);
			[honest, items].map(|items| outcome(&items, positions(&job)))
		});
		Self {
			truth: score(&honest, guard.map(|[honest, _]| honest)),
			verdict: score(&items, guard.map(|[_, bent]| bent)),
			items: Finding::Items(items),
			item: Finding::Traces { item, baseline, candidate },
			output: Finding::Output(output),
			operator,
			job,
		}
	}

	/// Returns the opening that this liar shows; `None` where only the truth would be taken.
	pub fn open(&self, query: &Query) -> Option<Opening> {
		let finding = match *query {
			Query::Items { .. } => &self.items,
			Query::Item { item: ITEM } => &self.item,
			Query::Rows { item: ITEM, trace: 1, operator, .. }
			| Query::Blocks { item: ITEM, trace: 1, operator, .. }
			| Query::BlockNodes { item: ITEM, trace: 1, operator, .. }
				if operator == self.operator =>
			{
				&self.output
			}
			_ => return None,
		};
		finding.answer(&self.job, query).ok()
	}

	/// Waits for a game against this claim.
	pub async fn wait_for_game(&self, chain: &Chain, id: SubmissionId) -> GameInfo {
		let digest = self.verdict.digest();
		let ask = || async {
			let subject = Subject::Submission(id, chain.draw(id).await);
			let games: Vec<GameInfo> = chain.runtime_api("DisputesApi_games", &subject.encode()).await;
			games.into_iter().find(|game| game.digests.contains(&digest))
		};
		wait_until("a game against the lie", ask).await
	}

	/// Answers for the lie, with moves that `mover` signs, until there is nothing left that a liar could show.
	///
	/// Returns what it was asked.
	pub async fn defend(&self, chain: &Chain, game: GameId, mover: &Keypair) -> Vec<Query> {
		let digest = self.verdict.digest();
		let mut answered = Vec::new();
		loop {
			let ask = || async {
				let info = chain.game(game).await?;
				let side = info.digests.iter().position(|claim| *claim == digest)?;
				let is_over = info.ended.is_some() || info.executing;
				(is_over || info.owes[side]).then_some((info, side))
			};
			let (info, side) = wait_until("the liar's turn", ask).await;
			let opening = info.query.and_then(|query| self.open(&query).map(|opening| (query, opening)));
			let Some((query, opening)) = opening.filter(|_| info.ended.is_none()) else { return answered };
			let call = chain.call("Disputes", "descend", &(game, side as u8, opening).encode()).await;
			chain.send(mover, &call).await.unwrap_or_else(|error| panic!("{query:?} was refused: {error}"));
			answered.push(query);
		}
	}
}
