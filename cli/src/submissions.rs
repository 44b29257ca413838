//! Trained experts on disk, so that a miner's work survives whatever ends between training and upload.
//!
//! ```text
//! $BLYAN_HOME/submissions/<genesis>/<tensor root>-<miner>.tblk    the TensorBlock
//! $BLYAN_HOME/submissions/<genesis>/<tensor root>-<miner>.json    what it is for; written after the block
//! ```
//!
//! A record therefore always has its block. Both are written whole or not at all.

use crate::{
	client,
	failure::{Context, Failure, Outcome},
	home::{is_temporary, write_private, Home},
};
use blyan_primitives::{BlockRef, ExpertSlot, SubmissionId, VersionIndex};
use blyan_runtime_api::{SubmissionInfo, SubmissionOutcome, SubmissionState};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sp_core::H256;
use std::{
	fs,
	path::{Path, PathBuf},
	time::SystemTime,
};

/// Directory of all submissions below the home directory.
const FOLDER: &str = "submissions";
/// Version of the record.
const VERSION: u32 = 1;
/// Records of decided submissions that are kept; the oldest beyond go, with their blocks.
const CLOSED_MAX: usize = 32;

/// Record of a kept TensorBlock: the network, slot and submission it belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubmissionRecord {
	/// Version of this format.
	pub version: u32,
	/// Address of the node it was trained for.
	pub url: String,
	/// Hash of block 0, which names the network.
	pub genesis: H256,
	/// The miner's address.
	pub miner: String,
	/// The slot it was trained for.
	pub slot: ExpertSlot,
	/// Version of the head it was trained from.
	pub parent: VersionIndex,
	/// Its tensor root, and hash and size of its bytes.
	pub block: BlockRef,
	/// Hash of the training manifest, as the chain keeps it.
	pub manifest_hash: H256,
	/// The training manifest itself, where it is known.
	#[serde(default)]
	pub manifest: Value,
	/// Salt of the commitment, which is on disk before the commitment is sent; `None` in records that are older than
	/// commitments.
	#[serde(default)]
	pub salt: Option<H256>,
	/// Number on the chain; `None` until the submission is in a block.
	#[serde(default)]
	pub submission: Option<SubmissionId>,
	/// True once something about it may have been sent: an earlier run may have left a transaction in the node's pool.
	#[serde(default)]
	pub sent: bool,
	/// True once a run has handed it in whole and was told not to wait: the miner knows that it is open, and goes on.
	#[serde(default)]
	pub left: bool,
	/// True once the network has judged it, or its miner has withdrawn it.
	#[serde(default)]
	pub closed: bool,
}

/// Next step for a kept block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
	/// It is open on chain, and the node lacks its bytes.
	Upload,
	/// It is not on chain, or it expired unjudged, and the head is still the one it was trained from.
	Submit,
	/// It is open on chain, and the node has its bytes.
	Wait,
	/// Another expert fills the slot since.
	Stale,
	/// It was judged or withdrawn.
	Close,
}

impl NextStep {
	/// Decides by what the chain says of the submission, the slot's head, and the node's store.
	pub fn of(
		record: &SubmissionRecord,
		found: Option<&SubmissionState>,
		head: VersionIndex,
		node_has_bytes: bool,
	) -> Self {
		let outcome = match found {
			// Operators attest once a node has the bytes.
			Some(
				SubmissionState::Announced { .. }
				| SubmissionState::Queued { .. }
				| SubmissionState::Evaluating(_),
			) => {
				return if node_has_bytes { Self::Wait } else { Self::Upload };
			}
			Some(SubmissionState::Decided(decided)) => Some(decided.outcome),
			Some(SubmissionState::Closed { outcome, .. }) => Some(*outcome),
			// It was on chain, and the chain has forgotten it: it was judged long ago.
			None if record.submission.is_some() => return Self::Close,
			None => None,
		};
		match outcome {
			Some(SubmissionOutcome::Expired(_)) | None if record.closed => Self::Close,
			Some(SubmissionOutcome::Expired(_)) | None if record.parent == head => Self::Submit,
			Some(SubmissionOutcome::Expired(_)) | None => Self::Stale,
			Some(_) => Self::Close,
		}
	}
}

/// Reports whether a submission still waits for its decision.
pub fn is_open(info: &SubmissionInfo) -> bool {
	matches!(
		info.state,
		SubmissionState::Announced { .. } | SubmissionState::Queued { .. } | SubmissionState::Evaluating(_)
	)
}

/// The kept blocks of one network.
#[derive(Clone, Debug)]
pub struct SubmissionStore {
	home: Home,
	genesis: H256,
}

impl SubmissionStore {
	/// The blocks kept below `home` for the network with this genesis hash.
	pub fn new(home: &Home, genesis: [u8; 32]) -> Self {
		Self { home: home.clone(), genesis: H256(genesis) }
	}

	/// A record of a block that is not on chain yet.
	pub fn record(
		&self,
		url: &str,
		miner: String,
		slot: ExpertSlot,
		parent: VersionIndex,
		block: BlockRef,
		manifest_hash: H256,
		manifest: Value,
	) -> SubmissionRecord {
		SubmissionRecord {
			version: VERSION,
			url: url.into(),
			genesis: self.genesis,
			miner,
			slot,
			parent,
			block,
			manifest_hash,
			manifest,
			salt: None,
			submission: None,
			sent: false,
			left: false,
			closed: false,
		}
	}

	/// Where the network's blocks are.
	pub fn folder(&self) -> PathBuf {
		self.home.path(FOLDER).join(&hex::encode(self.genesis)[..16])
	}

	/// Where a record's block is.
	pub fn block_path(&self, record: &SubmissionRecord) -> PathBuf {
		self.folder().join(format!("{}.tblk", name(record)))
	}

	/// Writes the block, then its record, and forgets decided ones of long ago.
	pub fn save(&self, record: &SubmissionRecord, bytes: &[u8]) -> Outcome<()> {
		self.home.create_dir(FOLDER)?;
		crate::home::create_private_dir(&self.folder())?;
		let path = self.block_path(record);
		if !fs::read(&path).is_ok_and(|kept| kept == bytes) {
			write_private(&path, bytes)?;
		}
		self.update(record)?;
		self.prune()
	}

	/// Writes the record of a block that is on disk already.
	pub fn update(&self, record: &SubmissionRecord) -> Outcome<()> {
		let path = self.folder().join(format!("{}.json", name(record)));
		write_private(&path, serde_json::to_string_pretty(record)?.as_bytes())
	}

	/// The block of a record, checked against its hash.
	pub fn read(&self, record: &SubmissionRecord) -> Outcome<Vec<u8>> {
		let path = self.block_path(record);
		let bytes = fs::read(&path).context(path.display())?;
		if client::hash(&bytes) != record.block.blob.hash {
			return Err(Failure::new(format!("{} is damaged: it does not match its hash", path.display()))
				.next("delete it and its .json, and train again"));
		}
		Ok(bytes)
	}

	/// Records of this network, the newest first. Files that are none are left alone.
	pub fn all(&self) -> Outcome<Vec<SubmissionRecord>> {
		Ok(self.dated()?.into_iter().map(|(_, record)| record).collect())
	}

	fn dated(&self) -> Outcome<Vec<(SystemTime, SubmissionRecord)>> {
		let folder = self.folder();
		let mut all = Vec::new();
		for path in paths(&folder)? {
			if path.extension().is_none_or(|extension| extension != "json") {
				continue;
			}
			let read = fs::read(&path).ok().and_then(|json| serde_json::from_slice(&json).ok());
			let Some(record): Option<SubmissionRecord> = read else { continue };
			if record.version == VERSION
				&& record.genesis == self.genesis
				&& self.block_path(&record).is_file()
			{
				let when = fs::metadata(&path).and_then(|metadata| metadata.modified());
				all.push((when.unwrap_or(SystemTime::UNIX_EPOCH), record));
			}
		}
		all.sort_by_key(|(when, _)| std::cmp::Reverse(*when));
		Ok(all)
	}

	/// Removes decided blocks beyond the newest, and what killed writings left more than a day ago.
	fn prune(&self) -> Outcome<()> {
		let closed = self.dated()?.into_iter().filter(|(_, record)| record.closed).skip(CLOSED_MAX);
		for (_, record) in closed {
			let block = self.block_path(&record);
			// The record first: a record always has its block.
			let _ = fs::remove_file(block.with_extension("json")).and_then(|()| fs::remove_file(block));
		}
		const DAY_SECS: u64 = 24 * 60 * 60;
		for path in paths(&self.folder())?.iter().filter(|path| is_temporary(path)) {
			let modified = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
			let age = modified.and_then(|modified| modified.elapsed().ok());
			if age.is_some_and(|age| age.as_secs() > DAY_SECS) {
				let _ = fs::remove_file(path);
			}
		}
		Ok(())
	}
}

fn paths(folder: &Path) -> Outcome<Vec<PathBuf>> {
	match fs::read_dir(folder) {
		Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
		Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
		Err(error) => Err(error).context(folder.display()),
	}
}

/// One name a tensor root and miner.
fn name(record: &SubmissionRecord) -> String {
	let miner = hex::encode(sp_crypto_hashing::blake2_256(record.miner.as_bytes()));
	format!("{}-{}", hex::encode(record.block.tensor_root), &miner[..8])
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_primitives::BlobRef;
	use blyan_runtime_api::{ExpiryReason, RejectReason};

	fn store(dir: &Path) -> SubmissionStore {
		SubmissionStore::new(&Home::find(Some(dir.join("home"))).unwrap(), [7; 32])
	}

	fn record(store: &SubmissionStore, root: u8, bytes: &[u8]) -> SubmissionRecord {
		let blob = BlobRef { hash: client::hash(bytes), size: bytes.len() as u32 };
		let block = BlockRef { tensor_root: H256([root; 32]), blob };
		let slot = ExpertSlot { model: 0, layer: 1, expert: 2 };
		store.record("ws://x", "5Eve".into(), slot, 3, block, H256::zero(), Value::Null)
	}

	#[test]
	fn save_keeps_block_and_record_of_each_network_apart() {
		let dir = tempfile::tempdir().unwrap();
		let store = store(dir.path());
		assert!(store.all().unwrap().is_empty());
		let mut kept = record(&store, 1, b"block");
		kept.salt = Some(H256([5; 32]));
		store.save(&kept, b"block").unwrap();
		kept.submission = Some(9);
		store.update(&kept).unwrap();
		assert_eq!(store.all().unwrap(), [kept.clone()]);
		assert_eq!(store.read(&kept).unwrap(), b"block");
		let elsewhere = SubmissionStore::new(&Home::find(Some(dir.path().join("home"))).unwrap(), [8; 32]);
		assert!(elsewhere.all().unwrap().is_empty());

		fs::write(store.block_path(&kept), b"blocc").unwrap();
		assert!(store.read(&kept).unwrap_err().message.contains("damaged"));
	}

	#[test]
	fn all_leaves_out_what_is_no_record_and_records_without_a_block() {
		let dir = tempfile::tempdir().unwrap();
		let store = store(dir.path());
		let (whole, lost) = (record(&store, 1, b"a"), record(&store, 2, b"b"));
		store.save(&whole, b"a").unwrap();
		store.save(&lost, b"b").unwrap();
		fs::remove_file(store.block_path(&lost)).unwrap();
		fs::write(store.folder().join("torn.json"), b"{\"version\":").unwrap();
		fs::write(store.folder().join("x.json.tmp12"), b"{}").unwrap();
		assert_eq!(store.all().unwrap(), [whole]);
	}

	#[test]
	fn save_forgets_decided_blocks_beyond_the_newest_and_never_an_open_one() {
		let dir = tempfile::tempdir().unwrap();
		let store = store(dir.path());
		let open = record(&store, 255, b"open");
		store.save(&open, b"open").unwrap();
		for root in 0..CLOSED_MAX as u8 + 3 {
			let record = SubmissionRecord { closed: true, ..record(&store, root, &[root]) };
			store.save(&record, &[root]).unwrap();
		}
		let all = store.all().unwrap();
		assert_eq!(all.len(), CLOSED_MAX + 1);
		assert!(all.contains(&open));
		assert_eq!(fs::read_dir(store.folder()).unwrap().count(), 2 * (CLOSED_MAX + 1));
	}

	#[test]
	fn the_next_step_uploads_what_is_open_and_submits_what_was_never_judged() {
		let dir = tempfile::tempdir().unwrap();
		let kept = record(&store(dir.path()), 1, b"a");
		let queued = SubmissionState::Queued { ahead: 0, draw_from: 1 };
		let closed = |outcome| SubmissionState::Closed { outcome, at: 9 };
		let expired = closed(SubmissionOutcome::Expired(ExpiryReason::NoReports));
		let refused = closed(SubmissionOutcome::Rejected(RejectReason::Stale));
		let withdrawn = closed(SubmissionOutcome::Withdrawn);
		let head = kept.parent;
		for (found, head, has, step) in [
			(Some(&queued), head, false, NextStep::Upload),
			(Some(&queued), head + 1, false, NextStep::Upload),
			(Some(&queued), head, true, NextStep::Wait),
			(None, head, false, NextStep::Submit),
			(None, head + 1, false, NextStep::Stale),
			(Some(&expired), head, true, NextStep::Submit),
			(Some(&expired), head + 1, true, NextStep::Stale),
			(Some(&refused), head, true, NextStep::Close),
			(Some(&withdrawn), head, false, NextStep::Close),
		] {
			assert_eq!(NextStep::of(&kept, found, head, has), step, "{found:?} {head} {has}");
		}
		let forgotten = SubmissionRecord { submission: Some(4), ..kept.clone() };
		assert_eq!(NextStep::of(&forgotten, None, head, false), NextStep::Close);
		assert_eq!(NextStep::of(&forgotten, Some(&expired), head, false), NextStep::Submit);
		let done = SubmissionRecord { closed: true, ..kept };
		assert_eq!(NextStep::of(&done, None, head, false), NextStep::Close);
	}
}
