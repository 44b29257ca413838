//! Datasets: what is offered, what auditors owe, who may vote, which data taught what.

use crate::{AccountId, BlockNumber};
use alloc::vec::Vec;
use blyan_primitives::{
	conduct::{Flags, Level},
	AuditReport, BlobRef, DatasetId, DatasetRef, DatasetStage, SubmissionId, TrainingManifest, VoterProof,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

macro_rules! answer {
	($(#[$meta:meta])* pub $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
		#[scale_info(capture_docs = "always")]
		pub $($rest)*
	};
}

answer! {
	/// State of a vote.
	pub struct VoteInfo {
		/// Accounts that may vote: one for each owner of operators when the vote opened.
		pub voters: u32,
		/// Root over them.
		pub voter_root: H256,
		/// Votes for use.
		pub yes: u32,
		/// Votes against.
		pub no: u32,
		/// Sum of the stars given.
		pub stars: u32,
		/// Votes that gave stars.
		pub rated: u32,
		/// Last block for votes; of a vote that is over, the block in which it ended.
		pub until: BlockNumber,
		/// True if it was extended for want of participation.
		pub extended: bool,
	}
}

/// Step of an audit.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[scale_info(capture_docs = "always")]
pub enum AuditStep {
	/// Its committee is drawn as soon as the seed is known.
	Appointed,
	/// Auditors examine the sample and seal what they find.
	Sealing,
	/// Auditors open what they sealed.
	Revealing,
}

answer! {
	/// An auditor's seat.
	pub struct AuditorSeat {
		/// The operator.
		pub operator: AccountId,
		/// True once it sealed a finding.
		pub sealed: bool,
		/// True once its seal is open.
		pub revealed: bool,
	}
}

answer! {
	/// Audit that is under way.
	pub struct DatasetAudit {
		/// Names the draw, and draws the sample; zero before it is drawn.
		pub draw: H256,
		/// Its step.
		pub step: AuditStep,
		/// Last block of the step.
		pub until: BlockNumber,
		/// 0, or 1 if it was drawn again because no quorum reported; 2 and 3 for the committee that confirms what a rescan found.
		pub round: u8,
		/// True if it was opened by an appeal.
		pub is_appeal: bool,
		/// Its auditors.
		pub seats: Vec<AuditorSeat>,
	}
}

answer! {
	/// One version of a dataset.
	pub struct DatasetInfo {
		/// Its name.
		pub dataset: DatasetRef,
		/// Its contributor.
		pub creator: AccountId,
		/// SPDX expression.
		#[serde(with = "blyan_primitives::json::text")]
		pub licence: Vec<u8>,
		/// Where the data comes from.
		#[serde(with = "blyan_primitives::json::text")]
		pub source: Vec<u8>,
		/// The manifest.
		pub manifest: BlobRef,
		/// Merkle root over the blobs' roots.
		pub root: H256,
		/// Records.
		pub records: u64,
		/// Bytes of all blobs.
		pub bytes: u64,
		/// Number of blobs.
		pub blobs: u32,
		/// Blobs that are named so far.
		pub blobs_named: u32,
		/// When it was offered.
		pub offered_at: BlockNumber,
		/// Stage.
		pub stage: DatasetStage,
		/// Last block of the present or last audit.
		pub audit_window_end: Option<BlockNumber>,
		/// Combined report of the last audit that had a quorum.
		pub report: Option<AuditReport>,
		/// The vote, while it is open and after.
		pub vote: Option<VoteInfo>,
		/// Last block for an appeal, if there may be one.
		pub appeal_until: Option<BlockNumber>,
		/// Submissions whose manifests list it.
		pub uses: u32,
	}
}

answer! {
	/// Work that an auditor owes.
	pub struct AuditDuty {
		/// The dataset.
		pub dataset: DatasetRef,
		/// Names the draw; seed of the sample, and part of what is sealed and signed.
		pub draw: H256,
		/// [`AuditStep::Sealing`] or [`AuditStep::Revealing`].
		pub step: AuditStep,
		/// Last block of the step.
		pub until: BlockNumber,
		/// Seal that is on the chain.
		pub seal: Option<H256>,
		/// SPDX expression that was offered.
		#[serde(with = "blyan_primitives::json::text")]
		pub licence: Vec<u8>,
		/// The manifest.
		pub manifest: BlobRef,
		/// Root that the manifest must have.
		pub root: H256,
		/// Records that it must count.
		pub records: u64,
		/// Bytes of its blobs.
		pub bytes: u64,
		/// Its blobs.
		pub blobs: u32,
		/// Bytes of the sample's records at most.
		pub sample_bytes_max: u32,
	}
}

answer! {
	/// Terms on which the chain takes an account's next offer.
	pub struct OfferTerms {
		/// Level of the account.
		pub level: Level,
		/// Offers a day at this level.
		pub quota: u32,
		/// Offers that were made today.
		pub offered: u32,
		/// Flags of today.
		pub flags: Flags,
		/// True if two flags block the account for today.
		pub is_blocked: bool,
		/// Blocks until the next day.
		pub renews_in: BlockNumber,
		/// Leading zero bits of the proof of work, over the hash of the manifest blob.
		pub pow_bits: u32,
		/// Blocks for which a stamp's block is recent.
		pub pow_window: BlockNumber,
	}
}

answer! {
	/// Data that taught a submission's expert.
	pub struct Lineage {
		/// Hash that the submission carries.
		pub hash: H256,
		/// The manifest.
		pub manifest: TrainingManifest,
	}
}

sp_api::decl_runtime_apis! {
	/// Datasets.
	#[api_version(1)]
	pub trait DatasetsApi {
		/// One version of a dataset; `None` if it never existed or was forgotten.
		fn dataset(dataset: DatasetRef) -> Option<DatasetInfo>;
		/// All versions of the datasets `start..start + count`, ascending. At most 100 numbers are looked at in one question.
		fn datasets(start: DatasetId, count: u32) -> Vec<DatasetInfo>;
		/// Datasets ever offered, which is also the next number.
		fn dataset_count() -> DatasetId;
		/// The dataset that a root stands for, while no other may be offered with it.
		fn dataset_of_root(root: H256) -> Option<DatasetRef>;
		/// Named blobs of a dataset, from the `start`th; at most 64.
		fn blobs(dataset: DatasetRef, start: u32) -> Vec<BlobRef>;
		/// The audit of a dataset that is under way.
		fn audit(dataset: DatasetRef) -> Option<DatasetAudit>;
		/// Returns what an operator owes as an auditor, the most urgent first.
		fn duties(operator: AccountId) -> Vec<AuditDuty>;
		/// Returns the proof by which an account votes; `None` if there is no vote, or not for this account.
		fn voter_proof(dataset: DatasetRef, who: AccountId) -> Option<VoterProof>;
		/// Returns the terms on which the chain takes this account's next offer.
		fn offer_terms(who: AccountId) -> OfferTerms;
		/// Returns the datasets that taught a submission's expert, as its miner declared.
		fn lineage(submission: SubmissionId) -> Option<Lineage>;
		/// Returns the submissions whose manifests list a dataset, from the `start`th in the order of declaration; at most 100.
		fn submissions_of(dataset: DatasetRef, start: u32, count: u32) -> Vec<SubmissionId>;
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_primitives::{DatasetReason, DatasetTier};

	#[test]
	fn answers_round_trip_through_json_and_scale() {
		let info = DatasetInfo {
			dataset: DatasetRef { dataset: 3, version: 1 },
			creator: AccountId::new([7; 32]),
			licence: b"CC0-1.0".to_vec(),
			source: "https://example.org/b\u{fc}cher".as_bytes().to_vec(),
			manifest: BlobRef { hash: H256([1; 32]), size: 900 },
			root: H256([2; 32]),
			records: 10,
			bytes: 5_000,
			blobs: 1,
			blobs_named: 1,
			offered_at: 12,
			stage: DatasetStage::Quarantined(DatasetTier::Silver, DatasetReason::Safety),
			audit_window_end: Some(400),
			report: None,
			vote: Some(VoteInfo {
				voters: 9,
				voter_root: H256([3; 32]),
				yes: 5,
				no: 1,
				stars: 20,
				rated: 5,
				until: 900,
				extended: true,
			}),
			appeal_until: Some(1_000),
			uses: 2,
		};
		let json = serde_json::to_string(&info).unwrap();
		assert!(json.contains("\"licence\":\"CC0-1.0\""), "{json}");
		assert_eq!(serde_json::from_str::<DatasetInfo>(&json).unwrap(), info);
		assert_eq!(DatasetInfo::decode(&mut &info.encode()[..]).unwrap(), info);
	}
}
