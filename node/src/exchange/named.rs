//! Blobs that the chain works with now, and how their pieces are proven.

use super::need::Need;
use crate::service::{Block, Client, Hash};
use blyan_engine::blobs::Tier;
use blyan_primitives::{BlockRef, EvaluationJob, HoldoutRef, ModelConfig, ModelId, PartIndex};
use blyan_runtime_api::{LearningApi, ModelsApi, SubmissionInfo, SubmissionState};
use sp_api::{ApiError, ProvideRuntimeApi};
use sp_core::H256;
use std::collections::HashMap;

/// Submissions that are looked through for open ones, from the latest back.
const SUBMISSIONS_MAX: u64 = 2_000;
/// Submissions in one question to the runtime.
const SUBMISSIONS_PER_QUESTION: u32 = 100;
/// Parts that a verdict has at most.
const PARTS_MAX: PartIndex = 2;

/// Blobs that the chain works with now: its models and holdouts, and everything that a submission which is not closed
/// is, was or can be judged with.
#[derive(Clone, Debug, Default)]
pub struct Named(HashMap<H256, Need>);

impl Named {
	/// Returns the blobs that the chain names at a block.
	pub fn at(client: &Client, at: Hash) -> Result<Self, ApiError> {
		let api = client.runtime_api();
		let mut named = Self::default();
		let mut configs: HashMap<ModelId, ModelConfig> = HashMap::new();
		for id in api.models(at)? {
			let Some(model) = api.model(at, id)? else { continue };
			configs.insert(id, model.config);
			named.add(Need::trunk(&model.config, &model.trunk));
			named.add_experts(&model.config, model.heads.iter().map(|head| &head.block));
			let holdouts = [api.holdout(at, id)?, api.guard_holdout(at, id)?];
			holdouts.iter().flatten().for_each(|holdout| named.add_holdout(holdout));
		}
		let end = api.submission_count(at)?;
		let mut next = end.saturating_sub(SUBMISSIONS_MAX);
		while next < end {
			for info in api.submissions(at, next, SUBMISSIONS_PER_QUESTION)? {
				named.add_submission(&api, at, &configs, &info)?;
			}
			next = next.saturating_add(SUBMISSIONS_PER_QUESTION.into());
		}
		Ok(named)
	}

	fn add_submission(
		&mut self,
		api: &<Client as ProvideRuntimeApi<Block>>::Api,
		at: Hash,
		configs: &HashMap<ModelId, ModelConfig>,
		info: &SubmissionInfo,
	) -> Result<(), ApiError> {
		if matches!(info.state, SubmissionState::Closed { .. }) {
			return Ok(());
		}
		if let Some(config) = configs.get(&info.slot.model) {
			self.add(Need::expert(config, &info.block));
		}
		if matches!(info.state, SubmissionState::Announced { .. } | SubmissionState::Queued { .. }) {
			return Ok(());
		}
		// What it is measured against may have been replaced meanwhile.
		for part in 0..PARTS_MAX {
			if let Some(job) = api.job(at, info.id, part)? {
				self.add_job(&job);
			}
		}
		Ok(())
	}

	fn add_job(&mut self, job: &EvaluationJob) {
		self.add(Need::trunk(&job.config, &job.trunk));
		self.add_experts(&job.config, job.heads.iter().chain([&job.candidate]));
		self.add_holdout(&job.holdout);
	}

	fn add_experts<'a>(&mut self, config: &ModelConfig, blocks: impl Iterator<Item = &'a BlockRef>) {
		blocks.for_each(|block| self.add(Need::expert(config, block)));
	}

	fn add_holdout(&mut self, holdout: &HoldoutRef) {
		self.add(Need::whole(holdout.blob));
	}

	/// The first to name a blob is who is believed about it: models come before submissions.
	fn add(&mut self, need: Need) {
		self.0.entry(need.blob.hash).or_insert(need);
	}

	/// A blob, if it is named.
	pub fn get(&self, hash: &H256) -> Option<&Need> {
		self.0.get(hash)
	}

	/// All of them.
	pub fn iter(&self) -> impl Iterator<Item = &Need> {
		self.0.values()
	}

	/// Returns the retention tier of a blob at a block.
	pub fn tier(&self, client: &Client, at: Hash, hash: &H256) -> Tier {
		if self.0.contains_key(hash) {
			return Tier::Pinned;
		}
		// If the runtime does not answer, nothing is known, and what may be needed is kept longer.
		match client.runtime_api().blob_announced(at, *hash) {
			Ok(None) => Tier::History,
			Ok(Some(_)) | Err(_) => Tier::Recent,
		}
	}
}
