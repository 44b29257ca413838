//! Comparisons of candidates with earlier experts.

use super::{background::run_behind_serving, contained, give_way, JobQueue, Shared};
use crate::copies;
use blyan_exact::blake2_256;
use blyan_primitives::{Comparison, CopyFinding, CopyQuery, EngineError};
use codec::Encode;
use sp_core::H256;
use std::{
	collections::{HashMap, VecDeque},
	sync::Arc,
};

/// Comparisons that wait, run or are remembered, by what is compared.
#[derive(Default)]
pub(super) struct Comparisons {
	waiting: VecDeque<(H256, Arc<CopyQuery>)>,
	running: Option<H256>,
	ended: HashMap<H256, Result<Comparison, EngineError>>,
	/// Keys of `ended`, the oldest first.
	order: VecDeque<H256>,
}

impl Comparisons {
	/// Returns where a comparison stands. It begins with the first call; an error is returned once, and the next call begins
	/// again.
	fn find(&mut self, key: H256, query: CopyQuery, waiting_max: usize) -> Result<Comparison, EngineError> {
		match self.ended.get(&key) {
			Some(Ok(comparison)) => return Ok(comparison.clone()),
			Some(Err(error)) => {
				let error = *error;
				self.ended.remove(&key);
				self.order.retain(|ended| *ended != key);
				return Err(error);
			}
			None => {}
		}
		if self.running == Some(key) || self.waiting.iter().any(|(waiting, _)| *waiting == key) {
			return Ok(Comparison::Running);
		}
		if self.waiting.len() >= waiting_max {
			return Err(EngineError::Busy);
		}
		self.waiting.push_back((key, Arc::new(query)));
		Ok(Comparison::Running)
	}

	/// Takes the next comparison to make.
	fn start_next(&mut self) -> Option<(H256, Arc<CopyQuery>)> {
		let next = self.waiting.pop_front()?;
		self.running = Some(next.0);
		Some(next)
	}

	/// Ends the one under way; the oldest results make room.
	fn finish(&mut self, key: H256, found: Result<Option<CopyFinding>, EngineError>, ended_max: usize) {
		self.running = None;
		let comparison = found.map(|found| match found {
			Some(finding) => Comparison::Copy(Box::new(finding)),
			None => Comparison::Distinct,
		});
		self.ended.insert(key, comparison);
		self.order.push_back(key);
		while self.order.len() > ended_max.max(1) {
			if let Some(oldest) = self.order.pop_front() {
				self.ended.remove(&oldest);
			}
		}
	}

	/// Forgets what waits.
	pub(super) fn clear(&mut self) {
		self.waiting.clear();
	}
}

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
		comparison
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
		shared.state.lock().comparisons.finish(key, found, shared.config.comparisons_max);
		shared.changed.notify_all();
	}
}
