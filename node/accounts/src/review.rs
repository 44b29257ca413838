//! Files between the server and its operator, so that the server needs no route that only the operator may ask.
//!
//! ```text
//! review.json       the server writes it    accounts that are put aside, why, and what their owners say
//! decisions.json    the operator writes it  the newest decision about each account; the server reads it again when it has changed
//! ```

use crate::record::{AccountRecord, Standing};
use serde::{Deserialize, Serialize};
use std::{
	fs, io,
	io::Write,
	path::{Path, PathBuf},
	time::SystemTime,
};

/// File that the server writes.
const REVIEW: &str = "review.json";
/// File that the operator writes.
const DECISIONS: &str = "decisions.json";
/// Decisions that are kept, the newest ones.
const DECISIONS_MAX: usize = 10_000;

/// Account that is put aside, as the operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
	/// Name of the account.
	pub account: String,
	/// `quarantined` or `banned`.
	pub standing: String,
	/// Milliseconds since 1970.
	pub since: u64,
	/// Reasons of the ladder.
	pub reasons: Vec<String>,
	/// Words of its owner.
	pub appeal: Option<String>,
	/// Milliseconds since 1970 at which the account was made.
	pub created_at: u64,
	/// Times that it failed: challenges and quarantines.
	pub failures: u32,
}

/// Decision of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
	/// The account may ask again.
	Release,
	/// The account may not ask.
	Ban,
}

/// Decision about an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
	/// Name of the account.
	pub account: String,
	/// Decision.
	pub verdict: Verdict,
	/// Milliseconds since 1970 at which it was made.
	pub at: u64,
}

/// Reason why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
	/// It cannot be read or written.
	#[error("{0:?}: {1}")]
	File(PathBuf, io::Error),
	/// It is another file.
	#[error("{0:?} is not a file of accounts: {1}; move it away to begin with none")]
	Format(PathBuf, serde_json::Error),
}

/// Returns accounts that are put aside, with those first whose owners have said something.
pub fn reviewed<'a>(accounts: impl Iterator<Item = (&'a String, &'a AccountRecord)>) -> Vec<Reviewed> {
	let mut all: Vec<Reviewed> = accounts.filter_map(|(name, record)| entry(name, record)).collect();
	all.sort_by_key(|reviewed| (reviewed.appeal.is_none(), reviewed.since));
	all
}

fn entry(name: &str, record: &AccountRecord) -> Option<Reviewed> {
	let (standing, since, reasons, appeal) = match &record.standing {
		Standing::Good => return None,
		Standing::Quarantined { since, reasons, appeal } => {
			("quarantined", *since, reasons.clone(), appeal.clone())
		}
		Standing::Banned { since } => ("banned", *since, Vec::new(), None),
	};
	let (account, standing) = (name.to_owned(), standing.to_owned());
	let AccountRecord { created_at, failures, .. } = *record;
	Some(Reviewed { account, standing, since, reasons, appeal, created_at, failures })
}

/// Writes the list for the operator.
pub fn write_review(folder: &Path, reviewed: &[Reviewed]) -> Result<(), ReviewError> {
	write(&folder.join(REVIEW), &reviewed)
}

/// Reads the list for the operator; empty if the server has written none.
pub fn read_review(folder: &Path) -> Result<Vec<Reviewed>, ReviewError> {
	read(&folder.join(REVIEW))
}

/// Adds a decision, in the place of an earlier one about the same account.
pub fn decide(folder: &Path, decision: Decision) -> Result<(), ReviewError> {
	let path = folder.join(DECISIONS);
	let mut decisions: Vec<Decision> = read(&path)?;
	decisions.retain(|earlier| earlier.account != decision.account);
	let too_many = (decisions.len() + 1).saturating_sub(DECISIONS_MAX);
	decisions.drain(..too_many);
	decisions.push(decision);
	write(&path, &decisions)
}

/// Decisions of the operator, as the server reads them.
#[derive(Debug, Default)]
pub struct Decisions {
	modified: Option<(SystemTime, u64)>,
	read: Vec<Decision>,
}

impl Decisions {
	/// Returns all decisions if the file has changed since it was read last.
	pub fn read_again(&mut self, folder: &Path) -> Result<Option<Vec<Decision>>, ReviewError> {
		let path = folder.join(DECISIONS);
		let failed = |error| ReviewError::File(path.clone(), error);
		let modified = match fs::metadata(&path) {
			Ok(metadata) => Some((metadata.modified().map_err(failed)?, metadata.len())),
			Err(error) if error.kind() == io::ErrorKind::NotFound => None,
			Err(error) => return Err(failed(error)),
		};
		if modified == self.modified {
			return Ok(None);
		}
		self.read = read(&path)?;
		self.modified = modified;
		Ok(Some(self.read.clone()))
	}

	/// Returns the decision about an account, as it was read last: one that is new here may have been decided about before.
	pub fn of(&self, account: &str) -> Option<&Decision> {
		self.read.iter().rev().find(|decision| decision.account == account)
	}
}

/// Changes the standing of an account by a decision, and reports whether that changes anything. A release is about what was before it.
pub fn apply(record: &mut AccountRecord, decision: &Decision) -> bool {
	let (is_banned, since) = match &record.standing {
		Standing::Good => (false, None),
		Standing::Quarantined { since, .. } => (false, Some(*since)),
		Standing::Banned { since } => (true, Some(*since)),
	};
	let standing = match decision.verdict {
		Verdict::Ban if !is_banned => Standing::Banned { since: decision.at },
		Verdict::Release if since.is_some_and(|since| since <= decision.at) => Standing::Good,
		Verdict::Ban | Verdict::Release => return false,
	};
	record.standing = standing;
	true
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>, ReviewError> {
	match fs::read(path) {
		Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| ReviewError::Format(path.into(), error)),
		Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
		Err(error) => Err(ReviewError::File(path.into(), error)),
	}
}

/// Writes a file that only its owner reads, whole or not at all.
fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), ReviewError> {
	let failed = |error: io::Error| ReviewError::File(path.into(), error);
	let text = serde_json::to_vec_pretty(value).map_err(|error| failed(error.into()))?;
	let beside = path.with_extension("new");
	let mut options = fs::OpenOptions::new();
	options.write(true).create(true).truncate(true);
	#[cfg(unix)]
	{
		use std::os::unix::fs::OpenOptionsExt;
		options.mode(0o600);
	}
	let mut file = options.open(&beside).map_err(failed)?;
	file.write_all(&text).map_err(failed)?;
	file.sync_all().map_err(failed)?;
	fs::rename(&beside, path).map_err(failed)
}

#[cfg(test)]
mod tests {
	use super::*;

	fn decision(verdict: Verdict, at: u64) -> Decision {
		Decision { account: "a".into(), verdict, at }
	}

	#[test]
	fn a_release_is_about_what_was_before_it_and_a_ban_holds_until_a_release() {
		let mut record = AccountRecord::new(false, 0);
		assert!(!apply(&mut record, &decision(Verdict::Release, 9)));
		record.quarantine(&["signs"], 10);
		assert!(!apply(&mut record, &decision(Verdict::Release, 9)), "a quarantine that is newer");
		assert!(apply(&mut record, &decision(Verdict::Release, 11)));
		assert_eq!(record.standing, Standing::Good);
		assert!(apply(&mut record, &decision(Verdict::Ban, 12)));
		assert!(!apply(&mut record, &decision(Verdict::Ban, 12)));
		assert!(apply(&mut record, &decision(Verdict::Release, 13)));
	}

	#[test]
	fn decisions_are_read_when_they_change_and_the_newest_of_an_account_counts() {
		let dir = tempfile::tempdir().unwrap();
		let mut decisions = Decisions::default();
		assert_eq!(decisions.read_again(dir.path()).unwrap(), None);
		decide(dir.path(), decision(Verdict::Ban, 1)).unwrap();
		assert_eq!(decisions.read_again(dir.path()).unwrap(), Some(vec![decision(Verdict::Ban, 1)]));
		assert_eq!(decisions.read_again(dir.path()).unwrap(), None);
		assert_eq!(decisions.of("a"), Some(&decision(Verdict::Ban, 1)));
		assert_eq!(decisions.of("b"), None);
		decide(dir.path(), decision(Verdict::Release, 22)).unwrap();
		assert_eq!(decisions.read_again(dir.path()).unwrap(), Some(vec![decision(Verdict::Release, 22)]));
		fs::write(dir.path().join(DECISIONS), "{}").unwrap();
		assert!(matches!(decisions.read_again(dir.path()), Err(ReviewError::Format(..))));
	}

	#[test]
	fn the_operator_reads_appeals_first() {
		let dir = tempfile::tempdir().unwrap();
		assert!(read_review(dir.path()).unwrap().is_empty());
		let (mut silent, mut said) = (AccountRecord::new(false, 0), AccountRecord::new(true, 0));
		silent.quarantine(&["a"], 1);
		said.quarantine(&["b"], 2);
		if let Standing::Quarantined { appeal, .. } = &mut said.standing {
			*appeal = Some("I type fast".into());
		}
		let (one, other, good) = ("one".to_owned(), "other".to_owned(), "good".to_owned());
		let accounts = [(&one, &silent), (&other, &said), (&good, &AccountRecord::new(false, 0))];
		let listed = reviewed(accounts.into_iter());
		write_review(dir.path(), &listed).unwrap();
		let read = read_review(dir.path()).unwrap();
		assert_eq!(read, listed);
		let names: Vec<&str> = read.iter().map(|reviewed| reviewed.account.as_str()).collect();
		assert_eq!(names, ["other", "one"]);
	}
}
