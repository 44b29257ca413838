//! Directories of a miner's runs, so that a training that was interrupted goes on.
//!
//! ```text
//! $BLYAN_HOME/mining/<genesis>/<model>-<layer>.<expert>-<parent>-<miner>/    cache, checkpoint, seed and adapter of a run
//!                                                                  run.json  the model that it began with
//! ```
//!
//! A run goes on with the model that it began with, as long as the slot's head is the one that it improves: experts that other slots
//! get meanwhile do not stop it.

use crate::{
	failure::{Context, Outcome},
	home::{create_private_dir, write_private, Home},
};
use blyan_open_model::Directory;
use blyan_primitives::{ExpertSlot, VersionIndex};
use blyan_training::ensure_checkpoint_is_free;
use serde::{Deserialize, Serialize};
use sp_core::H256;
use std::{
	fs,
	path::{Path, PathBuf},
};

/// Directory of all runs below the home directory.
const FOLDER: &str = "mining";
/// Record of a run, in its directory.
const RECORD: &str = "run.json";
/// File whose lock a run holds while it is under way.
const LOCKED: &str = "tokens.cache";

/// Record of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
	/// Slot that it trains for.
	pub slot: ExpertSlot,
	/// Version of the head that it improves.
	pub parent: VersionIndex,
	/// The miner's address.
	pub miner: String,
	/// Directory of the model that it began with.
	pub model: PathBuf,
	/// Root of that model.
	pub model_root: H256,
}

/// Runs of one network on this machine.
#[derive(Clone, Debug)]
pub struct Runs(PathBuf);

impl Runs {
	/// Names the runs below `home` for the network with this genesis hash; creates their directory.
	pub fn open(home: &Home, genesis: [u8; 32]) -> Outcome<Self> {
		let folder = home.create_dir(FOLDER)?.join(&hex::encode(genesis)[..16]);
		create_private_dir(&folder)?;
		Ok(Self(folder))
	}

	/// Returns the path of a file beside the directories of runs.
	pub fn beside(&self, name: &str) -> PathBuf {
		self.0.join(name)
	}

	/// Returns the directory of a run.
	pub fn folder(&self, run: &RunRecord) -> PathBuf {
		let RunRecord { slot: ExpertSlot { model, layer, expert }, parent, miner, .. } = run;
		self.0.join(format!("{model}-{layer}.{expert}-{parent}-{miner}"))
	}

	/// Lists the runs of a miner for a model. Directories without a record are not runs.
	pub fn of(&self, miner: &str, model: u32) -> Outcome<Vec<RunRecord>> {
		let mut runs = Vec::new();
		for entry in fs::read_dir(&self.0).context(self.0.display())? {
			let path = entry?.path();
			let read = fs::read(path.join(RECORD)).ok().and_then(|json| serde_json::from_slice(&json).ok());
			let Some(run): Option<RunRecord> = read else { continue };
			if run.miner == miner && run.slot.model == model && self.folder(&run) == path {
				runs.push(run);
			}
		}
		runs.sort_by_key(|run| (run.slot, run.parent));
		Ok(runs)
	}

	/// Begins a run, or goes on with one: returns its directory.
	pub fn begin(&self, run: &RunRecord) -> Outcome<PathBuf> {
		let folder = self.folder(run);
		create_private_dir(&folder)?;
		write_private(&folder.join(RECORD), serde_json::to_string_pretty(run)?.as_bytes())?;
		Ok(folder)
	}

	/// Removes a run and all that it has learned; refuses one that is under way.
	pub fn remove(&self, run: &RunRecord) -> Outcome<()> {
		let folder = self.folder(run);
		if !folder.exists() {
			return Ok(());
		}
		ensure_checkpoint_is_free(&folder.join(LOCKED))?;
		fs::remove_dir_all(&folder).context(folder.display())
	}
}

impl RunRecord {
	/// Reports whether the model that the run began with is still where it was.
	pub fn has_model(&self) -> bool {
		model_root(&self.model).is_some_and(|root| root == self.model_root)
	}
}

/// Returns the root in the manifest of a model's directory, if there is one.
pub fn model_root(dir: &Path) -> Option<H256> {
	let manifest = Directory::new(dir).manifest().ok()?;
	let mut root = H256::zero();
	hex::decode_to_slice(&manifest.model_root, root.as_bytes_mut()).ok()?;
	Some(root)
}

#[cfg(test)]
mod tests {
	use super::*;

	fn run(layer: u8, parent: u32, miner: &str) -> RunRecord {
		let slot = ExpertSlot { model: 1, layer, expert: 3 };
		RunRecord { slot, parent, miner: miner.into(), model: "nowhere".into(), model_root: H256([7; 32]) }
	}

	fn runs(dir: &Path) -> Runs {
		Runs::open(&Home::find(Some(dir.join("home"))).unwrap(), [9; 32]).unwrap()
	}

	#[test]
	fn runs_are_found_by_miner_and_model_and_are_gone_once_removed() {
		let dir = tempfile::tempdir().unwrap();
		let runs = runs(dir.path());
		assert_eq!(runs.of("5Dave", 1).unwrap(), []);
		let (first, second, other) = (run(2, 0, "5Dave"), run(0, 4, "5Dave"), run(2, 0, "5Eve"));
		for run in [&first, &second, &other] {
			runs.begin(run).unwrap();
		}
		// Begun again, it is the same one, with what it has learned.
		let folder = runs.begin(&first).unwrap();
		fs::write(folder.join("adapter.ckpt"), b"learned").unwrap();
		assert_eq!(fs::read(runs.begin(&first).unwrap().join("adapter.ckpt")).unwrap(), b"learned");
		// What is not a run is left alone.
		fs::create_dir(folder.with_file_name("notes")).unwrap();
		assert_eq!(runs.of("5Dave", 1).unwrap(), [second.clone(), first.clone()]);
		assert_eq!(runs.of("5Dave", 2).unwrap(), []);
		runs.remove(&first).unwrap();
		runs.remove(&first).unwrap();
		assert_eq!(runs.of("5Dave", 1).unwrap(), [second]);
		assert_eq!(runs.of("5Eve", 1).unwrap(), [other]);
		assert!(folder.with_file_name("notes").exists());
	}

	#[test]
	fn a_run_that_is_under_way_is_not_removed() {
		let dir = tempfile::tempdir().unwrap();
		let runs = runs(dir.path());
		let run = run(1, 0, "5Dave");
		let folder = runs.begin(&run).unwrap();
		let lock = fs::File::create(folder.join(LOCKED).with_extension("lock")).unwrap();
		lock.try_lock().unwrap();
		let failure = runs.remove(&run).unwrap_err();
		assert!(failure.message.contains("under way"), "{}", failure.message);
		assert!(folder.exists());
		drop(lock);
		runs.remove(&run).unwrap();
		assert!(!folder.exists());
	}

	#[test]
	fn a_run_whose_model_is_gone_cannot_go_on() {
		assert!(!run(1, 0, "5Dave").has_model());
	}
}
