//! Datasets, as the chain knows them.

use super::Client;
use crate::failure::{Failure, Outcome};
use blyan_primitives::{BlobRef, DatasetRef, SubmissionId, VoterProof};
use blyan_runtime_api::datasets::{DatasetAudit, DatasetInfo, Lineage, OfferTerms};
use sp_core::{crypto::AccountId32, H256};

const API: &str = "DatasetsApi";
/// Numbers, and submissions, of one question.
const PAGE: u32 = 100;

/// A dataset in a user's words: `NUMBER`, or `NUMBER.VERSION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatasetName {
	/// Its number.
	pub dataset: u32,
	/// Its version; `None` for the newest.
	pub version: Option<u16>,
}

impl std::str::FromStr for DatasetName {
	type Err = String;

	fn from_str(text: &str) -> Result<Self, String> {
		let read = || match text.split_once('.') {
			None => Some(Self { dataset: text.parse().ok()?, version: None }),
			Some((dataset, version)) => {
				Some(Self { dataset: dataset.parse().ok()?, version: Some(version.parse().ok()?) })
			}
		};
		read().ok_or_else(|| "a dataset is NUMBER or NUMBER.VERSION, such as 7 or 7.1".to_string())
	}
}

impl std::fmt::Display for DatasetName {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		match self.version {
			None => write!(f, "{}", self.dataset),
			Some(version) => write!(f, "{}.{version}", self.dataset),
		}
	}
}

impl Client {
	/// One version of a dataset; `None` if it never existed or was forgotten.
	pub async fn find_dataset(&self, dataset: DatasetRef) -> Outcome<Option<DatasetInfo>> {
		self.ask(API, "dataset", dataset).await
	}

	/// A dataset by its name; the newest version if it names none.
	pub async fn dataset(&self, name: DatasetName) -> Outcome<DatasetInfo> {
		let found = match name.version {
			Some(version) => self.find_dataset(DatasetRef { dataset: name.dataset, version }).await?,
			None => self.dataset_page(name.dataset, 1).await?.pop(),
		};
		match found {
			Some(info) => Ok(info),
			None => {
				let unknown = Failure::new(format!(
					"there is no dataset {name}, or it was rejected long ago and forgotten"
				))
				.next("list the latest with: blyan dataset list");
				Err(self.blame_sync(unknown).await)
			}
		}
	}

	async fn dataset_page(&self, start: u32, count: u32) -> Outcome<Vec<DatasetInfo>> {
		self.ask(API, "datasets", (start, count)).await
	}

	/// All versions of the latest `count` datasets, oldest first.
	pub async fn datasets(&self, count: u32) -> Outcome<Vec<DatasetInfo>> {
		let end: u32 = self.ask(API, "dataset_count", ()).await?;
		let mut all = Vec::new();
		let mut start = end.saturating_sub(count);
		while start < end {
			all.extend(self.dataset_page(start, PAGE.min(end - start)).await?);
			start = start.saturating_add(PAGE);
		}
		Ok(all)
	}

	/// The dataset that a root stands for, while no other may be offered with it.
	pub async fn dataset_of_root(&self, root: &H256) -> Outcome<Option<DatasetInfo>> {
		match self.ask::<Option<DatasetRef>>(API, "dataset_of_root", root).await? {
			Some(dataset) => self.find_dataset(dataset).await,
			None => Ok(None),
		}
	}

	/// All named blobs of a dataset.
	pub async fn dataset_blobs(&self, info: &DatasetInfo) -> Outcome<Vec<BlobRef>> {
		let mut all: Vec<BlobRef> = Vec::new();
		loop {
			let start = u32::try_from(all.len()).unwrap_or(u32::MAX);
			if start >= info.blobs_named {
				return Ok(all);
			}
			let page: Vec<BlobRef> = self.ask(API, "blobs", (info.dataset, start)).await?;
			if page.is_empty() {
				return Ok(all);
			}
			all.extend(page);
		}
	}

	/// The audit of a dataset that is under way.
	pub async fn dataset_audit(&self, dataset: DatasetRef) -> Outcome<Option<DatasetAudit>> {
		self.ask(API, "audit", dataset).await
	}

	/// The proof by which an account votes; `None` if there is no vote, or not for this account.
	pub async fn voter_proof(&self, dataset: DatasetRef, who: &AccountId32) -> Outcome<Option<VoterProof>> {
		self.ask(API, "voter_proof", (dataset, who)).await
	}

	/// Terms on which the chain takes this account's next offer.
	pub async fn offer_terms(&self, who: &AccountId32) -> Outcome<OfferTerms> {
		self.ask(API, "offer_terms", who).await
	}

	/// Data that taught a submission's expert, as its miner declared.
	pub async fn lineage(&self, submission: SubmissionId) -> Outcome<Option<Lineage>> {
		self.ask(API, "lineage", submission).await
	}

	/// The submissions whose manifests list a dataset, in the order of their declaration.
	pub async fn submissions_of(&self, info: &DatasetInfo) -> Outcome<Vec<SubmissionId>> {
		let mut all: Vec<SubmissionId> = Vec::new();
		loop {
			let start = u32::try_from(all.len()).unwrap_or(u32::MAX);
			if start >= info.uses {
				return Ok(all);
			}
			let page: Vec<SubmissionId> =
				self.ask(API, "submissions_of", (info.dataset, start, PAGE)).await?;
			if page.is_empty() {
				return Ok(all);
			}
			all.extend(page);
		}
	}
}
