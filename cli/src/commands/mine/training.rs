//! Trainings of rounds for models of the first definition, which go on after an interruption.

use super::kept::Miner;
use crate::{
	chain_model::ChainModel,
	failure::Outcome,
	mining::adapter_run::{RunRecord, Runs},
	slot::SlotName,
};
use blyan_primitives::ExpertSlot;
use std::path::PathBuf;

/// Checkpoint of a training in its directory.
const CHECKPOINT: &str = "expert.ckpt";

/// Training of an expert of the first definition that goes on after an interruption.
pub struct Training {
	runs: Runs,
	/// Record of the run.
	pub record: RunRecord,
	/// Its checkpoint.
	pub checkpoint: PathBuf,
}

impl Training {
	/// Finds a training that can go on. Those of another model or of another head are removed.
	pub fn unfinished(miner: Miner<'_>, chain: &ChainModel) -> Outcome<Option<Self>> {
		let Miner { session, client, account, args, .. } = miner;
		let runs = Runs::open(&session.home, client.genesis())?;
		let mut found = None;
		for record in runs.of(&account.address(), chain.info.id)? {
			let ExpertSlot { layer, expert, .. } = record.slot;
			let is_wanted = args.slot.is_none_or(|name| name == SlotName { layer, expert });
			let is_of_head = chain.head(record.slot).is_ok_and(|head| head.version == record.parent);
			let is_of_model = is_of_head && record.model_root == chain.info.model_root();
			if is_of_model && !(is_wanted && miner.is_fresh()) {
				if is_wanted && found.is_none() {
					found = Some(record);
				}
			} else if let Err(failure) = runs.remove(&record) {
				session.output.warn(failure.message);
			}
		}
		found.map(|record| Self::begin(runs, record)).transpose()
	}

	/// Begins a training, or goes on with it.
	pub fn of(miner: Miner<'_>, chain: &ChainModel, slot: ExpertSlot) -> Outcome<Self> {
		let Miner { session, client, account, .. } = miner;
		let runs = Runs::open(&session.home, client.genesis())?;
		let record = RunRecord {
			slot,
			parent: chain.head(slot)?.version,
			miner: account.address(),
			// The model is the chain's, and is fetched.
			model: PathBuf::new(),
			model_root: chain.info.model_root(),
		};
		Self::begin(runs, record)
	}

	fn begin(runs: Runs, record: RunRecord) -> Outcome<Self> {
		let checkpoint = runs.begin(&record)?.join(CHECKPOINT);
		Ok(Self { runs, record, checkpoint })
	}

	/// Removes the training once its expert is kept.
	pub fn remove(&self) -> Outcome<()> {
		self.runs.remove(&self.record)
	}
}
