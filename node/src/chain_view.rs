//! Reading the chain after new best blocks.
//!
//! The chain's runtime may be older than this node, which is updated first. Records that it has in another encoding are read by
//! the functions here, and never by the method of the API itself.

use blyan_exact::definition2::Architecture;
use blyan_primitives::{
	EvaluationJob, ModelBody, ModelId, ModelInfo, PartIndex, Slots, Subject, SubmissionId,
};
use blyan_runtime::opaque::Block;
use blyan_runtime_api::{disputes::DisputesApi, LearningApi, ModelsApi};
use codec::Decode;
use futures::{FutureExt, StreamExt};
use sc_client_api::{Backend, ImportNotifications, StorageKey, StorageProvider};
use sp_api::{ApiError, ApiExt};
use sp_core::H256;

/// Waits for a new best block; all that came meanwhile count as one. `None` if the node ends.
pub async fn next_best(blocks: &mut ImportNotifications<Block>) -> Option<()> {
	let mut is_new = false;
	while let Some(Some(block)) = blocks.next().now_or_never() {
		is_new |= block.is_new_best;
	}
	while !is_new {
		is_new = blocks.next().await?.is_new_best;
	}
	Some(())
}

/// Reads a storage value of which every explorer knows the place and the layout. The outer `None` if the state is not here, or
/// has another layout; the inner one if it has no such value.
pub fn item<T: Decode, B: Backend<Block>>(
	client: &impl StorageProvider<Block, B>,
	at: H256,
	[pallet, item]: [&str; 2],
) -> Option<Option<T>> {
	let key = [pallet, item].map(|name| sp_crypto_hashing::twox_128(name.as_bytes())).concat();
	let Some(data) = client.storage(at, &StorageKey(key)).ok()? else { return Some(None) };
	let mut bytes = &data.0[..];
	T::decode(&mut bytes).ok().filter(|_| bytes.is_empty()).map(Some)
}

/// Returns the layout of a model's expert slots. That of a model of the second definition follows from the record of its
/// architecture, which the chain keeps.
pub fn slots<A: ModelsApi<Block>>(api: &A, at: H256, model: &ModelInfo) -> Result<Slots, ApiError> {
	let architecture = match &model.body {
		ModelBody::First { config, .. } => return Ok(Slots::first(config)),
		ModelBody::Second { architecture, .. } => *architecture,
	};
	let record = api.architecture(at, architecture)?;
	let record = record.and_then(|record| Architecture::from_bytes(&record).ok());
	record.map(|record| Slots::second(&record)).ok_or_else(|| {
		let text =
			format!("the chain has no record of architecture {architecture:?}, which model {} has", model.id);
		ApiError::Application(text.into())
	})
}

/// Returns a model.
pub fn model<A: ModelsApi<Block> + ApiExt<Block>>(
	api: &A,
	at: H256,
	id: ModelId,
) -> Result<Option<ModelInfo>, ApiError> {
	let version = api.api_version::<dyn ModelsApi<Block>>(at)?;
	model_of(api, at, id, version)
}

fn model_of<A: ModelsApi<Block>>(
	api: &A,
	at: H256,
	id: ModelId,
	version: Option<u32>,
) -> Result<Option<ModelInfo>, ApiError> {
	if version.is_none_or(|version| version >= 2) {
		return api.model(at, id);
	}
	#[allow(deprecated)] // the runtime is of that version
	let model = api.model_before_version_2(at, id)?;
	Ok(model.map(Into::into))
}

/// Returns the job of one part of the verdicts on a submission.
pub fn job<A: LearningApi<Block> + ApiExt<Block>>(
	api: &A,
	at: H256,
	id: SubmissionId,
	part: PartIndex,
) -> Result<Option<EvaluationJob>, ApiError> {
	let version = api.api_version::<dyn LearningApi<Block>>(at)?;
	if version.is_none_or(|version| version >= 3) {
		return api.job(at, id, part);
	}
	#[allow(deprecated)] // the runtime is of that version
	let job = api.job_before_version_3(at, id, part)?;
	Ok(job.map(Into::into))
}

/// Returns the job of one part of the claims about a subject of disputes.
pub fn disputed_job<A: DisputesApi<Block> + ApiExt<Block>>(
	api: &A,
	at: H256,
	subject: Subject,
	part: PartIndex,
) -> Result<Option<EvaluationJob>, ApiError> {
	let version = api.api_version::<dyn DisputesApi<Block>>(at)?;
	if version.is_none_or(|version| version >= 3) {
		return api.job(at, subject, part);
	}
	#[allow(deprecated)] // the runtime is of that version
	let job = api.job_before_version_3(at, subject, part)?;
	Ok(job.map(Into::into))
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_primitives::{legacy, BlobRef, BlockRef, ExpertHead, ModelConfig, ModelVersion};
	use codec::Encode;
	use sp_api::Core;
	use sp_version::RuntimeVersion;

	/// A runtime that answers every question with the same bytes.
	struct Answers(Vec<u8>);

	impl Core<Block> for Answers {
		fn __runtime_api_internal_call_api_at(
			&self,
			_: H256,
			_: Vec<u8>,
			_: &dyn Fn(RuntimeVersion) -> &'static str,
		) -> Result<Vec<u8>, ApiError> {
			Ok(self.0.clone())
		}
	}

	impl ModelsApi<Block> for Answers {
		fn __runtime_api_internal_call_api_at(
			&self,
			_: H256,
			_: Vec<u8>,
			_: &dyn Fn(RuntimeVersion) -> &'static str,
		) -> Result<Vec<u8>, ApiError> {
			Ok(self.0.clone())
		}
	}

	#[test]
	fn a_model_is_read_from_a_runtime_that_is_older_than_this_node() {
		let blob = BlobRef { hash: H256([1; 32]), size: 8 };
		let trunk = BlockRef { tensor_root: H256([2; 32]), blob };
		let config =
			ModelConfig { d_model: 64, d_ff: 64, layers: 1, heads: 1, experts: 1, top_k: 1, context: 8 };
		let old = legacy::Model {
			id: 3,
			name: b"tiny".to_vec(),
			config,
			version: ModelVersion { major: 1, minor: 0, patch: 0 },
			generation: 5,
			trunk,
			heads: vec![ExpertHead { version: 2, block: trunk }],
		};
		let new: ModelInfo = old.clone().into();
		let read = |answer: Vec<u8>, version| model_of(&Answers(answer), H256::zero(), 3, Some(version));
		let (of_old, of_new) = (Some(old).encode(), Some(&new).encode());
		assert_eq!(read(of_old.clone(), 1).expect("it is read as that version wrote it"), Some(new.clone()));
		assert_eq!(read(of_new, 2).expect("it is read as this version writes it"), Some(new));
		assert!(read(of_old, 2).is_err(), "without the version it would be an error");
	}
}
