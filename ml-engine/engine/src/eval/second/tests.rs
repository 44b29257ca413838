//! Jobs about golden models, through the queue: what the definition computes, to the bit.

use crate::{
	blobs::BlobStore,
	block::blob_ref,
	eval::{outcome, positions},
	model::ModelStore,
	queue::{JobQueue, QueueConfig},
};
use blyan_exact::{
	definition2::{
		block::part_file,
		golden::{self, OwnedModel, Stream},
		model::architecture_hash,
		step::{execute, proves_tile, Place, Witness},
		OwnedPart, Part, Program, Trace, REVISION,
	},
	merkle,
	step::{CandidateSlot, Commitments},
	tree::{self, sum_node, trace_root, Item},
};
use blyan_open_model::evaluate::HoldoutWriter;
use blyan_primitives::{
	draw_indices, BlockRef, BlockWitness, EngineError, EvaluationJob, HoldoutRef, JobBody, JobStatus,
	Opening, Query, Statement,
};
use sp_core::H256;
use std::{
	io::Cursor,
	sync::Arc,
	time::{Duration, Instant},
};

const SEQUENCES: u32 = 20;
const POSITIONS: u32 = 19;

struct World {
	_dir: tempfile::TempDir,
	models: Arc<ModelStore>,
	/// The model as it is, and with the candidate.
	golden: [OwnedModel; 2],
	sequences: Vec<Vec<u32>>,
	job: EvaluationJob,
}

fn put(blobs: &BlobStore, file: &[u8]) -> BlockRef {
	blobs.put(file).unwrap();
	let root = blyan_exact::definition2::block::claimed_root(file).unwrap_or_default();
	BlockRef { tensor_root: H256(root), blob: blob_ref(file) }
}

/// A holdout of random ids, and its sequences.
fn holdout(vocabulary: u32) -> (Vec<u8>, Vec<Vec<u32>>) {
	let mut stream = Stream::new(b"holdout");
	let mut sequence = || (0..=POSITIONS).map(|_| stream.below(vocabulary as usize) as u32).collect();
	let sequences: Vec<Vec<u32>> = (0..SEQUENCES).map(|_| sequence()).collect();
	let mut file = Cursor::new(Vec::new());
	let mut writer = HoldoutWriter::of_vocabulary(&mut file, [1; 32], vocabulary, POSITIONS).unwrap();
	for ids in &sequences {
		writer.sequence(ids, 7).unwrap();
	}
	writer.finish().unwrap();
	(file.into_inner(), sequences)
}

impl World {
	fn new(family: &str) -> Self {
		let index = golden::ARCHITECTURES.iter().position(|(name, _)| *name == family).unwrap();
		let model = golden::model(index);
		let architecture = &model.architecture;
		let slot = architecture.expert_parts().last().unwrap();
		let Part::Expert { layer, expert } = slot else { panic!("it is an expert") };
		let dir = tempfile::tempdir().unwrap();
		let blobs = Arc::new(BlobStore::open(dir.path(), 1 << 26).unwrap());
		let block = |part: Part, tensors: &OwnedPart| {
			put(&blobs, &part_file(architecture, part, &tensors.view()).unwrap())
		};
		let parts = architecture.parts().into_iter().zip(&model.parts).map(|(part, own)| block(part, own));
		let heads = architecture.expert_parts().zip(&model.experts).map(|(part, own)| block(part, own));
		let (parts, heads): (Vec<_>, Vec<_>) = (parts.collect(), heads.collect());
		let tensors = Stream::new(b"candidate").part(architecture, slot);
		let candidate = block(slot, &tensors);
		let (file, sequences) = holdout(architecture.vocabulary);
		blobs.put(&file).unwrap();
		let leaves: Vec<Vec<u8>> =
			sequences.iter().map(|ids| blyan_exact::definition2::step::sequence_bytes(ids)).collect();
		let root = H256(merkle::root_of(leaves.iter().map(Vec::as_slice)));
		let job = EvaluationJob {
			definition: REVISION,
			model: 0,
			body: JobBody::Second { architecture: architecture.to_bytes(), parts },
			heads,
			layer,
			expert,
			candidate,
			holdout: HoldoutRef {
				root,
				blob: blob_ref(&file),
				sequences: SEQUENCES,
				sequence_len: POSITIONS as u16 + 1,
			},
			seed: H256([9; 32]),
			sample: 18,
		};
		let mut changed = model.clone();
		*changed.experts.last_mut().unwrap() = tensors;
		let models = Arc::new(ModelStore::new(blobs, 1 << 24));
		Self { _dir: dir, models, golden: [model, changed], sequences, job }
	}

	fn queue(&self) -> JobQueue {
		let config = QueueConfig { evaluation_threads: 1, ..QueueConfig::default() };
		JobQueue::new(config, self.models.clone()).unwrap()
	}

	/// Items by the definition's own traces.
	fn items(&self) -> Vec<Item> {
		let item = |sequence: u32| {
			let ids = &self.sequences[sequence as usize];
			let [baseline, candidate] =
				self.golden.each_ref().map(|model| Trace::of(&model.view().unwrap(), ids).unwrap());
			Item {
				sequence,
				baseline: baseline.loss(),
				candidate: candidate.loss(),
				baseline_trace: baseline.root(),
				candidate_trace: candidate.root(),
			}
		};
		draw_indices(&self.job.seed, SEQUENCES, self.job.sample).into_iter().map(item).collect()
	}

	fn ending(&self, job: EvaluationJob) -> JobStatus {
		let queue = self.queue();
		let id = queue.submit(job).unwrap();
		wait(&queue, id)
	}
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
	let deadline = Instant::now() + Duration::from_secs(60);
	loop {
		if let Some(found) = look() {
			return found;
		}
		assert!(Instant::now() < deadline, "the queue is stuck");
		std::thread::sleep(Duration::from_millis(1));
	}
}

fn wait(queue: &JobQueue, id: H256) -> JobStatus {
	until(|| match queue.poll(id).unwrap() {
		status @ (JobStatus::Done(_) | JobStatus::Failed(_)) => Some(status),
		_ => None,
	})
}

/// Asks until there is an answer.
fn ask(queue: &JobQueue, job: &EvaluationJob, query: Query) -> Result<Opening, EngineError> {
	until(|| queue.open(job.clone(), query).transpose())
}

fn hashes(queue: &JobQueue, job: &EvaluationJob, query: Query) -> Vec<[u8; 32]> {
	match ask(queue, job, query) {
		Ok(Opening::Hashes(hashes)) => hashes,
		other => panic!("{query:?} has no hashes: {other:?}"),
	}
}

/// Families with experts: networks of their own, a shared one beside them, and adapters.
fn families() -> impl Iterator<Item = &'static str> {
	let routed = golden::ARCHITECTURES.iter().filter(|(_, architecture)| architecture().experts() > 0);
	routed.map(|(name, _)| *name)
}

#[test]
fn a_job_gives_what_the_definition_computes_for_every_family_with_experts() {
	assert!(families().count() >= 3);
	for family in families() {
		let world = World::new(family);
		let JobStatus::Done(got) = world.ending(world.job.clone()) else { panic!("{family}: no outcome") };
		assert_eq!(got, outcome(&world.items(), positions(&world.job)), "{family}");
		assert_eq!((got.sequences, got.bytes), (18, 18 * u64::from(POSITIONS)), "{family}");
	}
}

#[test]
fn openings_lead_from_an_outcome_to_a_block_that_the_chain_computes() {
	for family in families() {
		let world = World::new(family);
		let (queue, job) = (world.queue(), &world.job);
		let id = queue.submit(job.clone()).unwrap();
		let JobStatus::Done(outcome) = wait(&queue, id) else { panic!("{family}: no outcome") };
		let Ok(Opening::Items(top)) = ask(&queue, job, Query::Items { level: 2, index: 0 }) else {
			panic!("{family}: no items")
		};
		assert_eq!(sum_node(&top), outcome.root(), "{family}");
		let (item, statement) = (11, job.statement().unwrap());
		assert!(matches!(statement, Statement::TokenEvaluation(_)));
		let Ok(Opening::Item { item: leaf, baseline, candidate }) = ask(&queue, job, Query::Item { item })
		else {
			panic!("{family}: no item")
		};
		assert_eq!(leaf, world.items()[item as usize], "{family}");
		for (trace, roots) in [(0, baseline), (1, candidate)] {
			let whole = [leaf.baseline_trace, leaf.candidate_trace][usize::from(trace)];
			assert_eq!(trace_root(&roots), whole, "{family}");
			witnesses_hold(&world, &queue, (item, trace), &roots);
		}
	}
}

/// The last block of the last row of every operator of a trace, opened and computed again.
fn witnesses_hold(world: &World, queue: &JobQueue, (item, trace): (u32, u8), agreed: &[[u8; 32]]) {
	let job = &world.job;
	let program = Program::new(&world.golden[0].architecture, POSITIONS).unwrap();
	let commitments = job.statement().unwrap().commitments(item, trace).unwrap();
	assert_eq!(commitments, expected_commitments(world, item, trace));
	for (operator, listed) in (0..).zip(program.operators()) {
		let shape = listed.shape;
		let (row, block) = (shape.rows as u32 - 1, shape.blocks() as u32 - 1);
		let levels = tree::levels(shape.blocks());
		let hash = match shape.blocks() {
			blocks if blocks <= tree::ARITY => {
				hashes(queue, job, Query::Blocks { item, trace, operator, row })[blocks - 1]
			}
			blocks => {
				let refused = queue.open(job.clone(), Query::Blocks { item, trace, operator, row });
				assert_eq!(refused, Err(EngineError::JobMalformed), "wide rows descend");
				let mut node = [0; 32];
				for level in (1..=levels).rev() {
					let index = ((blocks - 1) / tree::ARITY.pow(level)) as u32;
					let level = level as u8;
					let children =
						hashes(queue, job, Query::BlockNodes { item, trace, operator, row, level, index });
					node = *children.last().unwrap();
				}
				node
			}
		};
		let query = Query::Witness { item, trace, operator, row, block };
		let Ok(Opening::Witness(BlockWitness::Second(witness))) = ask(queue, job, query) else {
			panic!("no witness of {:?}", listed.role)
		};
		let place = Place { operator: operator.into(), row: row as usize, block: block as usize };
		let computed = execute(&program, &commitments, &agreed[..operator.into()], place, &witness).unwrap();
		assert_eq!(computed, hash, "{:?}", listed.role);
	}
}

fn expected_commitments(world: &World, item: u32, trace: u8) -> Commitments {
	let JobBody::Second { parts, .. } = &world.job.body else { panic!("it is of the second definition") };
	let roots =
		|blocks: &[BlockRef]| merkle::root_of(blocks.iter().map(|block| block.tensor_root.as_bytes()));
	let architecture = architecture_hash(&world.golden[0].architecture);
	let model_root = blyan_exact::definition2::model::model_root_over(
		&architecture,
		&roots(parts),
		&roots(&world.job.heads),
	);
	let EvaluationJob { layer, expert, candidate, holdout, seed, sample, .. } = &world.job;
	let slot = CandidateSlot { layer: *layer, expert: *expert, tensor_root: candidate.tensor_root.0 };
	Commitments {
		model_root,
		candidate: (trace == 1).then_some(slot),
		holdout_root: holdout.root.0,
		holdout_sequences: SEQUENCES,
		sequence: draw_indices(seed, SEQUENCES, *sample)[item as usize],
	}
}

#[test]
fn malformed_and_oversized_jobs_are_refused_at_the_door() {
	let world = World::new("olmoe");
	let queue = world.queue();
	let mutations: [fn(&mut EvaluationJob); 9] = [
		|job| job.heads.truncate(1),
		|job| job.layer = 200,
		|job| job.expert = 1_000,
		|job| job.sample = 0,
		|job| job.sample = SEQUENCES + 1,
		|job| job.holdout.sequence_len = 1,
		|job| job.holdout.sequence_len = u16::MAX,
		|job| job.holdout.blob.size += 1,
		|job| {
			if let JobBody::Second { architecture, .. } = &mut job.body {
				architecture.push(0);
			}
		},
	];
	for (place, mutate) in mutations.into_iter().enumerate() {
		let mut job = world.job.clone();
		mutate(&mut job);
		assert_eq!(queue.submit(job), Err(EngineError::JobMalformed), "mutation {place}");
	}
	let other = EvaluationJob { definition: REVISION + 1, ..world.job.clone() };
	assert_eq!(queue.submit(other), Err(EngineError::DefinitionUnknown));
	let limits = crate::eval::JobLimits { open_model_bytes_max: 1_000, ..Default::default() };
	let queue =
		JobQueue::new(QueueConfig { limits, ..QueueConfig::default() }, world.models.clone()).unwrap();
	assert_eq!(queue.submit(world.job), Err(EngineError::ModelTooLarge));
}

#[test]
fn missing_blobs_are_named_and_the_job_can_be_tried_again() {
	let blobs: [fn(&EvaluationJob) -> H256; 4] = [
		|job| match &job.body {
			JobBody::Second { parts, .. } => parts[1].blob.hash,
			JobBody::First { .. } => H256::zero(),
		},
		|job| job.heads[0].blob.hash,
		|job| job.candidate.blob.hash,
		|job| job.holdout.blob.hash,
	];
	for blob in blobs {
		let world = World::new("adapters");
		let hash = blob(&world.job);
		let bytes = world.models.blobs().get(&hash).unwrap();
		world.models.blobs().remove(&hash).unwrap();
		let queue = world.queue();
		let id = queue.submit(world.job.clone()).unwrap();
		assert_eq!(wait(&queue, id), JobStatus::Failed(EngineError::BlobMissing(hash)));
		world.models.blobs().put(&bytes).unwrap();
		queue.submit(world.job.clone()).unwrap();
		assert!(matches!(wait(&queue, id), JobStatus::Done(_)));
	}
}

#[test]
fn bytes_that_are_not_an_expert_make_the_candidate_invalid() {
	let world = World::new("mixtral");
	let good = world.models.blobs().get(&world.job.candidate.blob.hash).unwrap();
	let mut flipped = good.clone();
	flipped[1_100] ^= 1;
	for bytes in [b"noise".to_vec(), flipped, good[..good.len() - 1].to_vec()] {
		let mut job = world.job.clone();
		job.candidate = BlockRef { blob: blob_ref(&bytes), ..job.candidate };
		world.models.blobs().put(&bytes).unwrap();
		assert_eq!(world.ending(job), JobStatus::Failed(EngineError::CandidateInvalid));
	}
	let mut other_root = world.job.clone();
	other_root.candidate.tensor_root = H256([1; 32]);
	assert_eq!(world.ending(other_root), JobStatus::Failed(EngineError::CandidateInvalid));
	let mut other_size = world.job.clone();
	other_size.candidate.blob.size += 1;
	assert_eq!(world.ending(other_size), JobStatus::Failed(EngineError::CandidateInvalid));
	// A part of the model that is sound and another than the chain names.
	let mut other_part = world.job.clone();
	other_part.heads[0].tensor_root = H256([1; 32]);
	let hash = other_part.heads[0].blob.hash;
	assert_eq!(world.ending(other_part), JobStatus::Failed(EngineError::BlobCorrupt(hash)));
}

#[test]
fn a_tile_of_the_candidate_leads_to_its_tensor_root() {
	let world = World::new("olmoe");
	let (queue, job) = (world.queue(), &world.job);
	let bytes = world.models.blobs().get(&job.candidate.blob.hash).unwrap();
	assert_eq!(ask(&queue, job, Query::Candidate), Ok(Opening::Candidate(bytes.clone())));
	let part = Part::Expert { layer: job.layer, expert: job.expert };
	let layout = blyan_exact::definition2::block::Layout::of(&world.golden[0].architecture, part).unwrap();
	let tile = layout.tiles() - 1;
	let opened = ask(&queue, job, Query::Tile { tile: tile as u32 });
	let Ok(Opening::Witness(BlockWitness::Second(Witness(evidence)))) = opened else { panic!("no tile") };
	let [evidence] = evidence.as_slice() else { panic!("one piece of evidence is a tile") };
	assert!(proves_tile(&layout, &job.candidate.tensor_root.0, tile, evidence));
	assert!(!proves_tile(&layout, &[1; 32], tile, evidence));
	let beyond = Query::Tile { tile: layout.tiles() as u32 };
	assert_eq!(queue.open(job.clone(), beyond), Err(EngineError::JobMalformed));
}

#[test]
fn a_cancelled_evaluation_ends_with_the_callers_reason() {
	let world = World::new("olmoe");
	let evaluator = crate::eval::Evaluator::new(crate::kernel::Kernel::best(), 1).unwrap();
	let calls = std::sync::atomic::AtomicU32::new(0);
	let checkpoint = |_: u32| match calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
		0..3 => Ok(()),
		_ => Err(EngineError::Busy),
	};
	let limits = crate::eval::JobLimits::default();
	let ended = crate::eval::evaluate_job(&world.job, &limits, &world.models, &evaluator, &checkpoint);
	assert_eq!(ended, Err(EngineError::Busy));
}

#[test]
fn an_evaluation_that_was_interrupted_goes_on_with_the_sequences_that_are_missing() {
	use std::sync::atomic::{AtomicU32, Ordering};
	let world = World::new("mixtral");
	let evaluator = crate::eval::Evaluator::new(crate::kernel::Kernel::best(), 1).unwrap();
	let limits = crate::eval::JobLimits::default();
	let evaluate = |checkpoint: crate::eval::Checkpoint<'_>| {
		crate::eval::evaluate_job(&world.job, &limits, &world.models, &evaluator, checkpoint)
	};
	let finished = AtomicU32::new(0);
	let stop = |newly: u32| match finished.fetch_add(newly, Ordering::Relaxed) + newly {
		0..5 => Ok(()),
		_ => Err(EngineError::Cancelled),
	};
	assert_eq!(evaluate(&stop), Err(EngineError::Cancelled));
	let (kept, again) = (finished.load(Ordering::Relaxed), AtomicU32::new(0));
	// What is there counts at once, and nothing of it is computed again.
	let count = |newly: u32| {
		again.fetch_max(newly, Ordering::Relaxed);
		Ok(())
	};
	assert_eq!(evaluate(&count).unwrap(), world.items());
	assert_eq!(again.load(Ordering::Relaxed), kept);
	assert!((1..18).contains(&kept));
}
