//! Blobs that the chain works with now, and how their pieces are proven.

use super::need::Need;
use crate::service::{Block, Client, Hash};
use blyan_engine::blobs::Tier;
use blyan_primitives::{BlockRef, EvaluationJob, HoldoutRef, ModelConfig, ModelId, PartIndex};
use blyan_runtime_api::{disputes::DisputesApi, LearningApi, ModelsApi, SubmissionState};
use sp_api::{ApiError, ProvideRuntimeApi};
use sp_core::H256;
use std::collections::HashMap;

/// Parts that a verdict has at most.
const PARTS_MAX: PartIndex = 2;

/// Blobs that the chain works with now: its models and holdouts, the candidates that are not decided, and everything that
/// is needed to judge them, to dispute claims, and to play appeals.
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
		// Whatever can still be judged, disputed or appealed about, however long ago it was submitted and however much came
		// after it. What it is measured against may have been replaced meanwhile.
		for id in api.open_submissions(at)? {
			let Some(info) = api.submission(at, id)? else { continue };
			if let Some(config) = configs.get(&info.slot.model) {
				named.add(Need::expert(config, &info.block));
			}
			if matches!(info.state, SubmissionState::Evaluating(_)) {
				named.add_jobs(|part| LearningApi::job(&*api, at, id, part))?;
			}
		}
		for subject in api.answerable(at)? {
			named.add_jobs(|part| DisputesApi::job(&*api, at, subject, part))?;
		}
		Ok(named)
	}

	/// The jobs of all parts of a verdict.
	fn add_jobs(
		&mut self,
		job: impl Fn(PartIndex) -> Result<Option<EvaluationJob>, ApiError>,
	) -> Result<(), ApiError> {
		for part in 0..PARTS_MAX {
			if let Some(job) = job(part)? {
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
