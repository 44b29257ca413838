//! Comparisons of candidates with earlier experts, of either definition.

use super::{background::run_behind_serving, contained, give_way, JobQueue, Shared};
use crate::{blobs::BlobStore, copies, open_copies};
use blyan_exact::blake2_256;
use blyan_primitives::{
	BlockRef, Comparand, Comparison, CopyQuery, EngineError, OpenComparison, OpenCopyQuery,
};
use codec::Encode;
use sp_core::H256;
use std::sync::Arc;

impl JobQueue {
	/// Compares a candidate with earlier experts. Begins and answers [`Comparison::Running`] while that lasts; asking again
	/// gives the answer. When bytes of an earlier expert have come or gone since, it is another comparison.
	pub fn find_copy(&self, query: CopyQuery) -> Result<Comparison, EngineError> {
		let blobs = self.shared.models.blobs();
		let here = present(blobs, [&query.candidate, &query.parent], &query.originals)?;
		let key = H256(blake2_256(&[&(&query, here).encode()]));
		let waiting_max = self.shared.config.comparisons_max;
		let comparison = self.shared.state.lock().comparisons.find(key, query, waiting_max);
		self.shared.changed.notify_all();
		Ok(comparison?.unwrap_or(Comparison::Running))
	}

	/// Compares a candidate of an open model with earlier experts, as [`Self::find_copy`] does for the first definition.
	pub fn find_open_copy(&self, query: OpenCopyQuery) -> Result<OpenComparison, EngineError> {
		let blobs = self.shared.models.blobs();
		let here = present(blobs, [&query.candidate, &query.parent], &query.originals)?;
		let key = H256(blake2_256(&[&(&query, here).encode()]));
		let waiting_max = self.shared.config.comparisons_max;
		let comparison = self.shared.state.lock().open_comparisons.find(key, query, waiting_max);
		self.shared.changed.notify_all();
		Ok(comparison?.unwrap_or(OpenComparison::Running))
	}
}

/// Returns which bytes of earlier experts and their parents are here; fails if those of `required` are not.
fn present(
	blobs: &BlobStore,
	required: [&BlockRef; 2],
	originals: &[Comparand],
) -> Result<Vec<bool>, EngineError> {
	if let Some(block) = required.into_iter().find(|block| !blobs.has(&block.blob.hash)) {
		return Err(EngineError::BlobMissing(block.blob.hash));
	}
	let blocks = originals.iter().flat_map(|original| [Some(original.block), original.parent]);
	Ok(blocks.map(|block| block.is_some_and(|block| blobs.has(&block.blob.hash))).collect())
}

/// A comparison that is due.
enum Next {
	First(H256, Arc<CopyQuery>),
	Open(H256, Arc<OpenCopyQuery>),
}

/// Waits for the next comparison; `None` when the queue ends.
fn next(shared: &Shared) -> Option<Next> {
	let mut state = shared.state.lock();
	loop {
		if state.stopping {
			return None;
		}
		if let Some((key, query)) = state.comparisons.start_next() {
			return Some(Next::First(key, query));
		}
		if let Some((key, query)) = state.open_comparisons.start_next() {
			return Some(Next::Open(key, query));
		}
		shared.changed.wait(&mut state);
	}
}

/// The comparing thread.
pub(super) fn compare(shared: &Shared) {
	run_behind_serving();
	let (blobs, answers_max) = (shared.models.blobs(), shared.config.comparisons_max);
	while let Some(next) = next(shared) {
		let checkpoint = || give_way(shared, |state| state.stopping);
		match next {
			Next::First(key, query) => {
				let found = searched(&query.candidate, || copies::find(&query, blobs, checkpoint));
				let comparison = found.map(|found| match found {
					Some(finding) => Comparison::Copy(Box::new(finding)),
					None => Comparison::Distinct,
				});
				shared.state.lock().comparisons.finish(key, comparison, answers_max);
			}
			Next::Open(key, query) => {
				let found = searched(&query.candidate, || open_copies::find(&query, blobs, checkpoint));
				let comparison = found.map(|found| match found {
					Some(finding) => OpenComparison::Copy(Box::new(finding)),
					None => OpenComparison::Distinct,
				});
				shared.state.lock().open_comparisons.finish(key, comparison, answers_max);
			}
		}
		shared.changed.notify_all();
	}
}

/// Searches; a panic is an error of this search, and errors are logged.
fn searched<T>(
	candidate: &BlockRef,
	search: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
	contained(search)
		.unwrap_or(Err(EngineError::Internal))
		.inspect_err(|error| log::info!("cannot compare candidate {:?}: {error:?}", candidate.blob.hash))
}
