//! Comparisons of candidates with earlier experts.

use super::{background::run_behind_serving, contained, give_way, JobQueue, Shared};
use crate::copies;
use blyan_exact::blake2_256;
use blyan_primitives::{Comparison, CopyQuery, EngineError};
use codec::Encode;
use sp_core::H256;

impl JobQueue {
	/// Compares a candidate with earlier experts. Begins and answers [`Comparison::Running`] while that lasts; asking again
	/// gives the answer. When bytes of an earlier expert have come or gone since, it is another comparison.
	pub fn find_copy(&self, query: CopyQuery) -> Result<Comparison, EngineError> {
		let blobs = self.shared.models.blobs();
		for block in [&query.candidate, &query.parent] {
			if !blobs.has(&block.blob.hash) {
				return Err(EngineError::BlobMissing(block.blob.hash));
			}
		}
		let originals = query.originals.iter().flat_map(|original| [Some(original.block), original.parent]);
		let here: Vec<bool> =
			originals.map(|block| block.is_some_and(|block| blobs.has(&block.blob.hash))).collect();
		let key = H256(blake2_256(&[&(&query, here).encode()]));
		let waiting_max = self.shared.config.comparisons_max;
		let comparison = self.shared.state.lock().comparisons.find(key, query, waiting_max);
		self.shared.changed.notify_all();
		Ok(comparison?.unwrap_or(Comparison::Running))
	}
}

/// The comparing thread.
pub(super) fn compare(shared: &Shared) {
	run_behind_serving();
	loop {
		let (key, query) = {
			let mut state = shared.state.lock();
			loop {
				if state.stopping {
					return;
				}
				if let Some(next) = state.comparisons.start_next() {
					break next;
				}
				shared.changed.wait(&mut state);
			}
		};
		let checkpoint = || give_way(shared, |state| state.stopping);
		let search = || copies::find(&query, shared.models.blobs(), checkpoint);
		let found = contained(search).unwrap_or(Err(EngineError::Internal));
		if let Err(error) = &found {
			log::info!("cannot compare candidate {:?}: {error:?}", query.candidate.blob.hash);
		}
		let comparison = found.map(|found| match found {
			Some(finding) => Comparison::Copy(Box::new(finding)),
			None => Comparison::Distinct,
		});
		shared.state.lock().comparisons.finish(key, comparison, shared.config.comparisons_max);
		shared.changed.notify_all();
	}
}
