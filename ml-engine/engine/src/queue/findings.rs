//! Cache of findings computed for openings, within a bound.

use crate::eval::{Finding, Need};
use blyan_primitives::JobId;
use std::{collections::HashMap, sync::Arc};

/// A job, and what of it.
pub(super) type Key = (JobId, Need);

/// Findings by use: those not used for longest make room for new ones.
#[derive(Default)]
pub(super) struct Findings {
	entries: HashMap<Key, (Arc<Finding>, u64)>,
	bytes: usize,
	clock: u64,
}

impl Findings {
	/// A finding, which counts as used.
	pub(super) fn get(&mut self, key: &Key) -> Option<Arc<Finding>> {
		self.clock += 1;
		let (finding, last_used) = self.entries.get_mut(key)?;
		*last_used = self.clock;
		Some(finding.clone())
	}

	/// Keeps a finding; all others go, if need be, and this one alone may be larger than the bound.
	pub(super) fn insert(&mut self, key: Key, finding: Finding, bytes_max: usize) {
		self.clock += 1;
		self.bytes += finding.size();
		if let Some((old, _)) = self.entries.insert(key, (Arc::new(finding), self.clock)) {
			self.bytes -= old.size();
		}
		while self.bytes > bytes_max && self.entries.len() > 1 {
			let oldest =
				self.entries.iter().min_by_key(|(_, (_, last_used))| *last_used).map(|(key, _)| *key);
			let Some((finding, _)) = oldest.and_then(|key| self.entries.remove(&key)) else { return };
			self.bytes -= finding.size();
		}
	}

	/// Bytes of all findings.
	pub(super) fn bytes(&self) -> usize {
		self.bytes
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_core::H256;

	#[test]
	fn what_was_not_used_for_longest_goes_first() {
		let key = |n: u8| (H256([n; 32]), Need::Items);
		let mut findings = Findings::default();
		findings.insert(key(1), Finding::Output(vec![1; 40]), 100);
		findings.insert(key(2), Finding::Output(vec![2; 40]), 100);
		assert!(findings.get(&key(1)).is_some());
		findings.insert(key(3), Finding::Output(vec![3; 40]), 100);
		assert!(findings.get(&key(2)).is_none());
		assert!(findings.get(&key(1)).is_some() && findings.get(&key(3)).is_some());
		findings.insert(key(3), Finding::Output(vec![3; 50]), 100);
		assert_eq!(findings.bytes(), 90);
		findings.insert(key(4), Finding::Output(vec![4; 400]), 100);
		assert_eq!((findings.bytes(), findings.entries.len()), (400, 1));
	}
}
