//! Openings: a party of a dispute queries its queue.

use super::*;
use blyan_exact::{
	block::{BlockShape, Layout},
	step::{execute, Evidence, Place, Witness},
	tree::{self, sum_node, trace_root},
	Program,
};
use blyan_primitives::BlockWitness;

/// Asks until there is an answer.
fn ask(queue: &JobQueue, job: &EvaluationJob, query: Query) -> Result<Opening, EngineError> {
	let mut answer = None;
	wait_until(|| {
		answer = queue.open(job.clone(), query).transpose();
		answer.is_some()
	});
	answer.unwrap()
}

fn sums(queue: &JobQueue, job: &EvaluationJob, level: u8, index: u32) -> Vec<tree::SumNode> {
	let Ok(Opening::Items(nodes)) = ask(queue, job, Query::Items { level, index }) else {
		panic!("no items")
	};
	nodes
}

fn hashes(queue: &JobQueue, job: &EvaluationJob, query: Query) -> Vec<[u8; 32]> {
	let Ok(Opening::Hashes(hashes)) = ask(queue, job, query) else { panic!("no hashes") };
	hashes
}

/// Twenty sequences, so that the tree over them has two levels.
fn deep(world: &World) -> EvaluationJob {
	EvaluationJob { sample: 20, ..world.job.clone() }
}

#[test]
fn openings_lead_from_an_outcome_to_the_blocks_of_every_operator() {
	let world = World::new();
	let (queue, job) = (world.queue(), deep(&world));
	let id = queue.submit(job.clone()).unwrap();
	let JobStatus::Done(outcome) = wait(&queue, id) else { panic!("no outcome") };

	let top = sums(&queue, &job, 2, 0);
	assert_eq!((top.len(), sum_node(&top)), (2, outcome.root()));
	let below = sums(&queue, &job, 1, 1);
	assert_eq!((below.len(), sum_node(&below)), (4, top[1]));

	let (index, sequence) = (17, draw_indices(&job.seed, 32, 20)[17]);
	let opened = ask(&queue, &job, Query::Item { item: index });
	let Ok(Opening::Item { item, baseline, candidate }) = opened else { panic!("no item") };
	assert_eq!((item.node(), item.sequence), (below[1], sequence));
	assert_eq!(item.baseline_trace, trace_root(&baseline));
	assert_eq!(item.candidate_trace, trace_root(&candidate));

	let mut changed = world.golden.clone();
	changed.experts[6] = golden::random_expert(&changed.config, b"candidate");
	let bytes = &world.holdout[sequence as usize * 48..][..48];
	let program = Program::new(world.config, 48).unwrap();
	for (trace, model, roots) in [(0, &world.golden, baseline), (1, &changed, candidate)] {
		let reference = Trace::of(&model.view(), bytes).unwrap();
		for (operator, root) in roots.iter().enumerate() {
			let output = reference.output(operator).unwrap();
			let shape = program.shape_at(operator).unwrap();
			let rows = shape.row_hashes(output);
			let number = operator as u16;
			let levels = tree::levels(shape.rows) as u8;
			let mut upper = vec![*root];
			for level in (1..=levels).rev() {
				let mut lower = Vec::new();
				for (index, node) in upper.iter().enumerate() {
					let query = Query::Rows { item: 17, trace, operator: number, level, index: index as u32 };
					let children = hashes(&queue, &job, query);
					assert_eq!(tree::node(&children), *node, "operator {operator}");
					lower.extend(children);
				}
				upper = lower;
			}
			assert_eq!(upper, rows, "operator {operator}");
			let last = shape.rows as u32 - 1;
			let query = Query::Blocks { item: 17, trace, operator: number, row: last };
			assert_eq!(tree::root(&hashes(&queue, &job, query)), rows[shape.rows - 1], "operator {operator}");
		}
	}
	let metrics = queue.metrics();
	assert_eq!((metrics.openings_queued, metrics.openings_failed), (0, 0));
	assert!(metrics.openings > 100 && metrics.findings_bytes > 0);
}

/// The chain executes what a party sent, knowing nothing but the statement and the agreed roots.
#[test]
fn witnesses_of_every_operator_lead_to_the_blocks_that_were_opened() {
	witnesses_lead_to_blocks(&World::new());
}

/// An operator can defend its score of a model that has more experts than fit its memory.
#[test]
fn witnesses_can_be_had_where_the_model_is_larger_than_memory() {
	let (all, four) = {
		let World { models, job, config, trunk, .. } = &World::new();
		models.load_trunk(config, trunk).unwrap();
		let trunk_bytes = models.cached_bytes();
		for head in &job.heads {
			models.load_expert(config, head).unwrap();
		}
		let expert = (models.cached_bytes() - trunk_bytes) / job.heads.len() as u64;
		(models.cached_bytes(), trunk_bytes + 4 * expert)
	};
	let world = World::with_model_memory(four);
	witnesses_lead_to_blocks(&world);
	assert!(world.models.cached_bytes() <= four && four < all);
}

fn witnesses_lead_to_blocks(world: &World) {
	let (queue, job) = (world.queue(), deep(world));
	let statement = job.statement().unwrap();
	let program = Program::new(world.config, 48).unwrap();
	for trace in [0, 1] {
		let item = 11;
		let opened = ask(&queue, &job, Query::Item { item });
		let Ok(Opening::Item { baseline, candidate, .. }) = opened else { panic!("no item") };
		let agreed = if trace == 0 { baseline } else { candidate };
		let commitments = statement.commitments(item, trace).unwrap();
		for operator in 0..program.operators() as u16 {
			let shape = program.shape_at(operator.into()).unwrap();
			let (row, block) = (shape.rows as u32 - 1, shape.blocks() as u32 - 1);
			let blocks = hashes(&queue, &job, Query::Blocks { item, trace, operator, row });
			let query = Query::Witness { item, trace, operator, row, block };
			let Ok(Opening::Witness(BlockWitness::First(witness))) = ask(&queue, &job, query) else {
				panic!("no witness")
			};
			let place = Place { operator: operator.into(), row: row as usize, block: block as usize };
			let executed =
				execute(&program, &commitments, &agreed[..operator.into()], place, &witness).unwrap();
			assert_eq!(executed, blocks[block as usize], "operator {operator}");
		}
	}
}

#[test]
fn the_candidate_shows_its_bytes_and_its_tiles_and_needs_no_model_for_it() {
	let world = World::new();
	let (queue, mut job) = (world.queue(), deep(&world));
	world.models.blobs().remove(&world.trunk.blob.hash).unwrap();
	let bytes = world.models.blobs().get(&job.candidate.blob.hash).unwrap();
	assert_eq!(ask(&queue, &job, Query::Candidate), Ok(Opening::Candidate(bytes.clone())));
	let opened = ask(&queue, &job, Query::Tile { tile: 0 });
	let Ok(Opening::Witness(BlockWitness::First(Witness(evidence)))) = opened else { panic!("no tile") };
	let [Evidence::Tile { bytes, tiles, path }] = evidence.as_slice() else { panic!("no tile") };
	let layout = Layout::new(BlockShape::expert_of(&world.config)).unwrap();
	assert!(layout.proves_tile(&job.candidate.tensor_root.0, 0, bytes, tiles, path));
	assert_eq!(queue.open(job.clone(), Query::Tile { tile: 1 }), Err(EngineError::JobMalformed));

	// Bytes that are no expert can be shown, and have no tiles.
	world.models.blobs().put(b"noise").unwrap();
	job.candidate = block_ref(b"noise");
	assert_eq!(ask(&queue, &job, Query::Candidate), Ok(Opening::Candidate(b"noise".to_vec())));
	assert_eq!(ask(&queue, &job, Query::Tile { tile: 0 }), Err(EngineError::CandidateInvalid));
	let hash = H256([9; 32]);
	job.candidate.blob.hash = hash;
	assert_eq!(ask(&queue, &job, Query::Candidate), Err(EngineError::BlobMissing(hash)));
	assert_eq!(ask(&queue, &job, Query::Tile { tile: 0 }), Err(EngineError::BlobMissing(hash)));
}

#[test]
fn a_job_that_nobody_submitted_is_opened_all_the_same() {
	let world = World::new();
	let job = deep(&world);
	let (queue, other) = (world.queue(), world.queue());
	let id = other.submit(job.clone()).unwrap();
	let JobStatus::Done(outcome) = wait(&other, id) else { panic!("no outcome") };
	assert_eq!(queue.open(job.clone(), Query::Items { level: 2, index: 0 }), Ok(None));
	assert_eq!(sum_node(&sums(&queue, &job, 2, 0)), outcome.root());
	assert_eq!(queue.poll(id), Err(EngineError::UnknownJob));
}

#[test]
fn places_that_the_job_does_not_have_are_refused() {
	let world = World::new();
	let (queue, job) = (world.queue(), deep(&world));
	let last = Program::new(world.config, 48).unwrap().operators() as u16;
	let rows = |item, trace, operator, level, index| Query::Rows { item, trace, operator, level, index };
	for query in [
		Query::Items { level: 0, index: 0 },
		Query::Items { level: 3, index: 0 },
		Query::Items { level: 255, index: u32::MAX },
		Query::Items { level: 2, index: 1 },
		Query::Item { item: 20 },
		rows(20, 0, 0, 1, 0),
		rows(0, 2, 0, 1, 0),
		rows(0, 0, last, 1, 0),
		rows(0, 0, u16::MAX, 1, 0),
		rows(0, 0, 0, 0, 0),
		rows(0, 0, 0, 3, 0),
		rows(0, 0, 0, 1, 3),
		Query::Blocks { item: 0, trace: 0, operator: 0, row: 48 },
		Query::BlockNodes { item: 0, trace: 0, operator: 0, row: 48, level: 1, index: 0 },
		Query::BlockNodes { item: 0, trace: 0, operator: 0, row: 0, level: 9, index: 0 },
		Query::Blocks { item: 0, trace: 0, operator: last - 1, row: 1 },
		Query::Witness { item: 0, trace: 0, operator: 0, row: 0, block: 1 },
		Query::Witness { item: 0, trace: 0, operator: 0, row: u32::MAX, block: 0 },
	] {
		assert_eq!(queue.open(job.clone(), query), Err(EngineError::JobMalformed), "{query:?}");
	}
	let malformed = EvaluationJob { sample: 0, ..job };
	assert_eq!(queue.open(malformed, Query::Item { item: 0 }), Err(EngineError::JobMalformed));
	assert_eq!(queue.metrics().openings_queued, 0);
}

#[test]
fn a_missing_blob_is_named_once_and_the_opening_can_be_tried_again() {
	let world = World::new();
	let (queue, job) = (world.queue(), deep(&world));
	let hash = job.heads[1].blob.hash;
	let bytes = world.models.blobs().get(&hash).unwrap();
	world.models.blobs().remove(&hash).unwrap();
	for query in [
		Query::Items { level: 1, index: 0 },
		Query::Item { item: 3 },
		Query::Blocks { item: 3, trace: 1, operator: 5, row: 0 },
	] {
		assert_eq!(ask(&queue, &job, query), Err(EngineError::BlobMissing(hash)));
	}
	assert_eq!(queue.metrics().openings_failed, 3);
	world.models.blobs().put(&bytes).unwrap();
	assert!(ask(&queue, &job, Query::Item { item: 3 }).is_ok());
}

/// A queue whose searches wait for a signal and then panic or find something.
fn searching(world: &World) -> (JobQueue, mpsc::Sender<bool>) {
	let (release, gate) = mpsc::channel();
	let gate = Mutex::new(gate);
	let search: Search = Box::new(move |_, _, checkpoint| loop {
		match gate.lock().recv_timeout(Duration::from_millis(1)) {
			Ok(true) => panic!("this panic belongs to the test"),
			Ok(false) => return Ok(Finding::Output(Vec::new())),
			Err(_) => checkpoint(0)?,
		}
	});
	let config = QueueConfig { openings_max: 2, ..small() };
	let work: Work = Box::new(|_, _| Ok(Vec::new()));
	(JobQueue::with_work(config, world.models.clone(), work, search).unwrap(), release)
}

#[test]
fn a_panic_fails_its_opening_and_nothing_else() {
	let world = World::new();
	let (queue, release) = searching(&world);
	release.send(true).unwrap();
	assert_eq!(ask(&queue, &world.job, Query::Item { item: 0 }), Err(EngineError::Internal));
	release.send(false).unwrap();
	// What was found is not what the query needs.
	assert_eq!(ask(&queue, &world.job, Query::Item { item: 1 }), Err(EngineError::Internal));
	let id = queue.submit(world.job.clone()).unwrap();
	assert!(matches!(wait(&queue, id), JobStatus::Done(_)));
}

#[test]
fn waiting_openings_are_bounded_and_end_with_the_queue() {
	let world = World::new();
	let (queue, _release) = searching(&world);
	let open = |item| queue.open(world.job.clone(), Query::Item { item });
	assert_eq!(open(0), Ok(None));
	wait_until(|| queue.shared.state.lock().is_opening());
	assert_eq!((open(1), open(2), open(1), open(0)), (Ok(None), Ok(None), Ok(None), Ok(None)));
	assert_eq!(open(3), Err(EngineError::Busy));
	assert_eq!(queue.metrics().openings_queued, 3);
	drop(queue);
}
