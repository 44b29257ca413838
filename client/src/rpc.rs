//! The questions a client may ask: the runtime's answers as SCALE, the node's as JSON.

use super::{AtBlock, Client};
use crate::{
	chain_model::ChainModel,
	failure::{Context, Failure, Kind, Outcome},
};
use blyan_primitives::{ArchitectureId, HoldoutRef, ModelId, ModelInfo, SubmissionId};
use blyan_rpc_api::{BlyanApiClient, EngineStatus, GenerateEvent, GenerateRequest, Subscription};
use blyan_runtime_api::{CommitmentInfo, OperatorInfo, SubmissionInfo, SubmissionTerms};
use blyan_status::PAGE;
use codec::{Decode, Encode};
use sp_core::{crypto::AccountId32, H256};

impl Client {
	/// Asks the runtime, at the latest block.
	pub(super) async fn ask<T: Decode>(&self, api: &str, method: &str, arguments: impl Encode) -> Outcome<T> {
		self.ask_at(self.here().await?, api, method, arguments).await
	}

	/// Asks the runtime at a block.
	pub(super) async fn ask_at<T: Decode>(
		&self,
		at: AtBlock,
		api: &str,
		method: &str,
		arguments: impl Encode,
	) -> Outcome<T> {
		self.ensure_fits(&at, api).await?;
		let what = format!("{api}.{method}");
		let answer = at
			.runtime_apis()
			.call_raw(&format!("{api}_{method}"), Some(&arguments.encode()))
			.await
			.context(&what)?;
		T::decode(&mut answer.as_slice())
			.context_next(what, "this program and the chain differ in age; update the older of the two")
			.map_err(|failure| failure.kind(Kind::Outdated))
	}

	/// Numbers of all models.
	pub async fn models(&self) -> Outcome<Vec<ModelId>> {
		self.ask("ModelsApi", "models", ()).await
	}

	/// One model with its heads.
	pub async fn model(&self, id: ModelId) -> Outcome<ModelInfo> {
		match self.ask::<Option<ModelInfo>>("ModelsApi", "model", id).await? {
			Some(model) => Ok(model),
			None => {
				let unknown =
					Failure::new(format!("there is no model {id}")).next("list them with: blyan models");
				Err(self.blame_sync(unknown).await)
			}
		}
	}

	/// One model with the shape of its experts.
	pub async fn chain_model(&self, id: ModelId) -> Outcome<ChainModel> {
		let info = self.model(id).await?;
		let record = match info.body.architecture() {
			Some(architecture) => self.architecture(architecture).await?,
			None => None,
		};
		ChainModel::new(info, record.as_deref())
	}

	/// Record of an architecture of the second definition; `None` if the chain has none of this identifier.
	pub async fn architecture(&self, id: ArchitectureId) -> Outcome<Option<Vec<u8>>> {
		self.ask("ModelsApi", "architecture", id).await
	}

	/// Sequences that candidates for a model are measured on; `None` if it has none yet.
	pub async fn holdout(&self, id: ModelId) -> Outcome<Option<HoldoutRef>> {
		self.ask("ModelsApi", "holdout", id).await
	}

	/// Sequences on which candidates for a model must not be worse; `None` if it has none.
	pub async fn guard_holdout(&self, id: ModelId) -> Outcome<Option<HoldoutRef>> {
		self.ask("ModelsApi", "guard_holdout", id).await
	}

	/// One submission.
	pub async fn submission(&self, id: SubmissionId) -> Outcome<SubmissionInfo> {
		match self.find_submission(id).await? {
			Some(submission) => Ok(submission),
			None => {
				let unknown = Failure::new(format!("there is no submission {id}, or it was closed long ago"))
					.next("list the latest with: blyan submissions");
				Err(self.blame_sync(unknown).await)
			}
		}
	}

	/// One submission; `None` if it never existed or was closed long ago.
	pub async fn find_submission(&self, id: SubmissionId) -> Outcome<Option<SubmissionInfo>> {
		self.ask("LearningApi", "submission", id).await
	}

	/// One submission as it was after a block; `None` if it was not there.
	pub async fn submission_at(&self, id: SubmissionId, block: u64) -> Outcome<Option<SubmissionInfo>> {
		self.ask_at(self.at(block).await?, "LearningApi", "submission", id).await
	}

	/// Number of submissions so far, which is the next one's number.
	pub async fn submission_count(&self) -> Outcome<SubmissionId> {
		self.ask("LearningApi", "submission_count", ()).await
	}

	/// The latest `count` submissions, oldest first.
	pub async fn submissions(&self, count: u32) -> Outcome<Vec<SubmissionInfo>> {
		let end = self.submission_count().await?;
		let mut start = end.saturating_sub(count.into());
		let mut all = Vec::new();
		let mut page_len = PAGE;
		while start < end {
			let page: Vec<SubmissionInfo> =
				match self.ask("LearningApi", "submissions", (start, page_len)).await {
					// The node's limit is not known before it refuses.
					Err(failure) if failure.kind == Kind::Oversized && page_len > 1 => {
						page_len /= 2;
						continue;
					}
					answer => answer?,
				};
			all.extend(page);
			start = start.saturating_add(page_len.into());
		}
		Ok(all)
	}

	/// Terms on which the chain takes this miner's next submission.
	pub async fn terms(&self, miner: &AccountId32) -> Outcome<SubmissionTerms> {
		self.ask("LearningApi", "terms", miner).await
	}

	/// Commitments of a miner that can be opened now or later.
	pub async fn commitments(&self, miner: &AccountId32) -> Outcome<Vec<CommitmentInfo>> {
		self.ask("LearningApi", "commitments", miner).await
	}

	/// All operators.
	pub async fn operators(&self) -> Outcome<Vec<OperatorInfo>> {
		self.ask("OperatorsApi", "operators", ()).await
	}

	/// Status of the node's engine.
	pub async fn engine_status(&self) -> Outcome<EngineStatus> {
		self.answer("blyan_engineStatus", self.node.engine_status()).await
	}

	/// Reports whether the node has a blob.
	pub async fn has_blob(&self, hash: &H256) -> Outcome<bool> {
		self.answer("blyan_hasBlob", self.node.has_blob(*hash)).await
	}

	/// Reports whether a model, a holdout or an open submission names a blob.
	pub async fn is_announced(&self, hash: &H256) -> Outcome<bool> {
		Ok(self.ask::<Option<u32>>("ModelsApi", "blob_announced", hash).await?.is_some())
	}

	/// Starts a generation.
	pub async fn generate(&self, request: &GenerateRequest) -> Outcome<Subscription<GenerateEvent>> {
		self.node.subscribe_generate(request.to_argument()).await.map_err(|error| match error.into() {
			subxt::rpcs::Error::User(error) => {
				Failure::new(format!("the node does not generate: {}", error.message)).kind(Kind::Refused)
			}
			error => Failure::new(format!("the node does not generate: {error}")).kind(Kind::Unreachable),
		})
	}
}
