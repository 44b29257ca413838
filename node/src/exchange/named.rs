//! Blobs that the chain works with now, and how their pieces are proven.

use super::need::Need;
use crate::{
	chain_view,
	service::{Client, Hash},
};
use blyan_engine::blobs::Tier;
use blyan_primitives::{
	BlockRef, EvaluationJob, HoldoutRef, JobBody, ModelBody, ModelConfig, ModelId, PartIndex,
};
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
		let mut bodies: HashMap<ModelId, ModelBody> = HashMap::new();
		for id in api.models(at)? {
			let Some(model) = chain_view::model(&*api, at, id)? else { continue };
			bodies.insert(id, model.body);
			let heads = model.heads.iter().map(|head| &head.block);
			match &model.body {
				ModelBody::First { config, trunk } => named.add_first(config, trunk, heads),
				ModelBody::Second { .. } => named.add_second(model.parts.iter().chain(heads)),
			}
			let holdouts = [api.holdout(at, id)?, api.guard_holdout(at, id)?];
			holdouts.iter().flatten().for_each(|holdout| named.add_holdout(holdout));
		}
		// Whatever can still be judged, disputed or appealed about, however long ago it was submitted and however much came
		// after it. What it is measured against may have been replaced meanwhile.
		for id in api.open_submissions(at)? {
			let Some(info) = api.submission(at, id)? else { continue };
			match bodies.get(&info.slot.model) {
				Some(ModelBody::First { config, .. }) => named.add(Need::expert(config, &info.block)),
				Some(ModelBody::Second { .. }) => named.add_second([&info.block].into_iter()),
				None => {}
			}
			if matches!(info.state, SubmissionState::Evaluating(_)) {
				named.add_jobs(|part| chain_view::job(&*api, at, id, part))?;
			}
		}
		for subject in api.answerable(at)? {
			named.add_jobs(|part| chain_view::disputed_job(&*api, at, subject, part))?;
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
		let experts = job.heads.iter().chain([&job.candidate]);
		match &job.body {
			JobBody::First { config, trunk } => self.add_first(config, trunk, experts),
			JobBody::Second { parts, .. } => self.add_second(parts.iter().chain(experts)),
		}
		self.add_holdout(&job.holdout);
	}

	fn add_first<'a>(
		&mut self,
		config: &ModelConfig,
		trunk: &BlockRef,
		experts: impl Iterator<Item = &'a BlockRef>,
	) {
		self.add(Need::trunk(config, trunk));
		experts.for_each(|block| self.add(Need::expert(config, block)));
	}

	/// Parts and experts of the second definition are verified as wholes: what proves their tiles lies at both ends of a file.
	fn add_second<'a>(&mut self, blocks: impl Iterator<Item = &'a BlockRef>) {
		blocks.for_each(|block| self.add(Need::whole(block.blob)));
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
