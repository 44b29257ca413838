//! Comparisons of candidates, through the queue.

use super::*;
use blyan_exact::golden::copies::{family, Family, CONFIG};
use blyan_primitives::{Comparand, Comparison, CopyQuery};

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
