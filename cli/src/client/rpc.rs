//! The questions a client may ask: the runtime's answers as SCALE, the node's as JSON.

use super::{AtBlock, Client};
use crate::failure::{Context, Failure, Kind, Outcome};
use blyan_primitives::{ModelId, ModelInfo, SubmissionId};
use blyan_runtime_api::{CommitmentInfo, OperatorInfo, SubmissionInfo, SubmissionTerms};
use blyan_status::PAGE;
use codec::{Decode, Encode};
use serde::{de::Error as _, Deserialize, Deserializer, Serialize};
use sp_core::{crypto::AccountId32, H256};
use subxt::rpcs::client::{rpc_params, RpcParams, RpcSubscription};

/// One message of a generation: a byte, or the end with what it cost.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Generated {
	/// The end.
	Done(GenerationCost),
	/// The node gave up.
	Failed {
		/// Why.
		error: String,
	},
	/// A byte.
	Byte {
		/// The byte, two hexadecimal digits.
		byte_hex: String,
		/// Characters that this byte completes.
		text: String,
		/// Its position in the answer.
		index: u32,
	},
}

// By hand: serde's untagged enums cannot read a fraction once any crate of the build asks serde_json for
// numbers of arbitrary precision.
impl<'de> Deserialize<'de> for Generated {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		#[derive(Deserialize)]
		struct Failed {
			error: String,
		}
		#[derive(Deserialize)]
		struct Byte {
			byte_hex: String,
			text: String,
			index: u32,
		}
		let message = serde_json::Value::deserialize(deserializer)?;
		let read = if message.get("error").is_some() {
			serde_json::from_value(message).map(|Failed { error }| Self::Failed { error })
		} else if message.get("done").is_some() {
			serde_json::from_value(message).map(Self::Done)
		} else {
			serde_json::from_value(message).map(|Byte { byte_hex, text, index }| Self::Byte {
				byte_hex,
				text,
				index,
			})
		};
		read.map_err(D::Error::custom)
	}
}

/// Cost of a generation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GenerationCost {
	/// Always true.
	pub done: bool,
	/// Bytes of the prompt.
	pub prompt_bytes: u64,
	/// Bytes at its end that the model read; absent from nodes that do not say.
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub prompt_bytes_seen: Option<u64>,
	/// True if the model read less than all of the prompt.
	#[serde(default)]
	pub truncated: bool,
	/// Bytes written.
	pub generated_bytes: u64,
	/// Multiplications and additions.
	pub operations: serde_json::Value,
	/// Time it took.
	pub seconds: f64,
	/// Commitment to the model that answered.
	pub model_root: String,
	/// The price, in the smallest unit.
	pub price_planck: serde_json::Value,
	/// True if anything was paid.
	pub charged: bool,
}

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

	/// The latest `count` submissions, oldest first.
	pub async fn submissions(&self, count: u32) -> Outcome<Vec<SubmissionInfo>> {
		let end: SubmissionId = self.ask("LearningApi", "submission_count", ()).await?;
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

	/// The node's engine, in its own words.
	pub async fn engine_status(&self) -> Outcome<serde_json::Value> {
		self.request("blyan_engineStatus", RpcParams::new()).await
	}

	/// Reports whether the node has a blob.
	pub async fn has_blob(&self, hash: &H256) -> Outcome<bool> {
		self.request("blyan_hasBlob", rpc_params![hash]).await
	}

	/// Reports whether a model, a holdout or an open submission names a blob.
	pub async fn is_announced(&self, hash: &H256) -> Outcome<bool> {
		Ok(self.ask::<Option<u32>>("ModelsApi", "blob_announced", hash).await?.is_some())
	}

	/// Starts a generation.
	pub async fn generate(&self, request: &serde_json::Value) -> Outcome<RpcSubscription<Generated>> {
		self.rpc
			.subscribe("blyan_subscribeGenerate", rpc_params![request], "blyan_unsubscribeGenerate")
			.await
			.map_err(|error| match error {
				subxt::rpcs::Error::User(error) => {
					Failure::new(format!("the node does not generate: {}", error.message)).kind(Kind::Refused)
				}
				error => Failure::new(format!("the node does not generate: {error}")).kind(Kind::Unreachable),
			})
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn messages_of_a_generation_are_told_apart() {
		let byte: Generated = serde_json::from_str(r#"{"byte_hex":"61","text":"a","index":0}"#).unwrap();
		assert!(matches!(byte, Generated::Byte { index: 0, .. }));
		let done = r#"{"done":true,"prompt_bytes":3,"generated_bytes":1,"operations":12,"seconds":0.5,
			"model_root":"0x00","price_planck":"4","charged":false}"#;
		assert!(
			matches!(serde_json::from_str(done).unwrap(), Generated::Done(GenerationCost { seconds, .. })
			if seconds == 0.5)
		);
		let cut = done.replace(
			"\"prompt_bytes\":3",
			"\"prompt_bytes\":300,\"prompt_bytes_seen\":255,\"truncated\":true",
		);
		assert!(matches!(
			serde_json::from_str(&cut).unwrap(),
			Generated::Done(GenerationCost { prompt_bytes_seen: Some(255), truncated: true, .. })
		));
	}
}
