//! Comparisons of candidates, through the queue.

use super::*;
use blyan_exact::definition2::{
	block::{part_file, Layout},
	golden::{Stream, ARCHITECTURES},
	OwnedTensor, Part,
};
use blyan_exact::golden::copies::{family, Family, CONFIG};
use blyan_primitives::{BlockRef, Comparand, Comparison, CopyQuery, OpenComparison, OpenCopyQuery};

/// Asks until there is an answer.
fn answer(queue: &JobQueue, query: &CopyQuery) -> Result<Comparison, EngineError> {
	wait_until(|| queue.find_copy(query.clone()) != Ok(Comparison::Running));
	queue.find_copy(query.clone())
}

#[test]
fn a_comparison_runs_beside_the_queue_and_is_made_again_when_bytes_have_come() {
	let world = World::new();
	let queue = world.queue();
	let Family { parent, original, copy, .. } = family();
	let files = [parent, original, copy].map(|expert| block::write_expert(&expert, &CONFIG).unwrap());
	let [parent, original, candidate] = files.each_ref().map(|file| block_ref(file));
	let blobs = world.models.blobs();
	let originals = vec![Comparand { block: original, parent: None }];
	let query = CopyQuery { config: CONFIG, candidate, parent, originals };

	let missing = queue.find_copy(query.clone());
	assert_eq!(missing, Err(EngineError::BlobMissing(candidate.blob.hash)));
	blobs.put(&files[2]).unwrap();
	assert_eq!(queue.find_copy(query.clone()), Err(EngineError::BlobMissing(parent.blob.hash)));
	blobs.put(&files[0]).unwrap();
	assert_eq!(answer(&queue, &query), Ok(Comparison::Distinct), "the original is not here");
	blobs.put(&files[1]).unwrap();
	let Ok(Comparison::Copy(finding)) = answer(&queue, &query) else { panic!("it is a copy") };
	assert_eq!(finding.original, 0);
	assert_eq!(queue.find_copy(query), Ok(Comparison::Copy(finding)), "it is remembered");
}

#[test]
fn comparisons_that_wait_are_bounded_and_the_oldest_results_go() {
	let world = World::new();
	let config = QueueConfig { comparisons_max: 1, ..small() };
	let queue = JobQueue::new(config, world.models.clone()).unwrap();
	let EvaluationJob { heads, candidate, .. } = world.job.clone();
	let config = world.config;
	let query = |place: usize| {
		let originals = vec![Comparand { block: heads[place], parent: None }];
		CopyQuery { config, candidate, parent: heads[3], originals }
	};
	for place in [0, 1, 2, 0] {
		assert_eq!(answer(&queue, &query(place)), Ok(Comparison::Distinct));
	}
}

#[test]
fn adapters_are_compared_beside_experts_of_the_first_definition() {
	let world = World::new();
	let queue = world.queue();
	let (_, adapters) = ARCHITECTURES.into_iter().find(|(name, _)| *name == "adapters").unwrap();
	let (adapters, part) = (adapters(), Part::Expert { layer: 0, expert: 0 });
	let layout = Layout::of(&adapters, part).unwrap();
	let put = |seed: &[u8], flips: u8| {
		let mut expert = Stream::new(seed).part(&adapters, part);
		for (_, tensor) in &mut expert.0 {
			let OwnedTensor::Codes(codes) = tensor else { continue };
			codes.bytes[0] ^= flips;
		}
		let file = part_file(&adapters, part, &expert.view()).unwrap();
		world.models.blobs().put(&file).unwrap();
		BlockRef { tensor_root: H256(layout.check(&file).unwrap()), blob: blob_ref(&file) }
	};
	let (parent, original, candidate) = (put(b"parent", 0), put(b"original", 0), put(b"original", 1));
	let originals =
		vec![Comparand { block: parent, parent: None }, Comparand { block: original, parent: None }];
	let architecture = adapters.to_bytes();
	let query = OpenCopyQuery { architecture, layer: 0, candidate, parent, originals };

	let missing = BlockRef { blob: blob_ref(b"elsewhere"), ..parent };
	let lacking = queue.find_open_copy(OpenCopyQuery { candidate: missing, ..query.clone() });
	assert_eq!(lacking, Err(EngineError::BlobMissing(missing.blob.hash)));
	wait_until(|| queue.find_open_copy(query.clone()) != Ok(OpenComparison::Running));
	let Ok(OpenComparison::Copy(finding)) = queue.find_open_copy(query.clone()) else {
		panic!("it is a copy")
	};
	assert_eq!(finding.original, 1);
	let alone = OpenCopyQuery { originals: query.originals[..1].to_vec(), ..query };
	wait_until(|| queue.find_open_copy(alone.clone()) != Ok(OpenComparison::Running));
	assert_eq!(queue.find_open_copy(alone), Ok(OpenComparison::Distinct));
}
