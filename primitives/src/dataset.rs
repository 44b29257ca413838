//! Datasets as the chain names them: what is offered, what auditors find, what a vote says, which data taught an expert.
//!
//! Shares are in parts per million of the records in a sample, so that every machine writes the same bytes.

use crate::{
	model::{wire, BlobRef},
	score::seal_hash,
};
use alloc::vec::Vec;
use blyan_exact::merkle;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::{bounded::BoundedVec, ConstU32, H256};

/// A dataset's number, given out in order. Versions of a dataset share it.
pub type DatasetId = u32;
/// A version of a dataset, counted from zero.
pub type DatasetVersion = u16;
/// Share in millionths.
pub type Millionths = u32;

/// The whole, in [`Millionths`].
pub const MILLIONTHS: Millionths = 1_000_000;
/// Longest licence, in bytes of an SPDX expression.
pub const LICENCE_BYTES_MAX: u32 = 128;
/// Longest source, in bytes of UTF-8: where the data comes from, in the contributor's words or as an address.
pub const SOURCE_BYTES_MAX: u32 = 256;
/// Blobs that one call names.
pub const BLOBS_PER_CALL: u32 = 64;
/// Blobs of one dataset: at 64 MiB each, 256 GiB.
pub const BLOBS_MAX: u32 = 4_096;
/// Bytes of the records in an audit's sample.
pub const SAMPLE_BYTES_MAX: u32 = 4 * 1024 * 1024;
/// Languages that a report names.
pub const LANGUAGES: usize = 4;
/// Datasets that one training manifest lists.
pub const MANIFEST_DATASETS_MAX: u32 = 100;
/// Epochs of one training manifest.
pub const MANIFEST_EPOCHS_MAX: u32 = 64;
/// Siblings on the way from a voter to the root: room for 65,536 voters.
pub const VOTER_PATH_MAX: u32 = 16;
/// Domain separator of what an auditor of datasets signs.
pub const DATASET_AUDIT_CONTEXT: &[u8] = b"blyan/dataset/audit/1";
/// Domain separator of a training manifest's hash.
pub const TRAINING_MANIFEST_CONTEXT: &[u8] = b"blyan/training-manifest/1";

/// Licence of an offer.
pub type Licence = BoundedVec<u8, ConstU32<LICENCE_BYTES_MAX>>;
/// Source of an offer.
pub type DataSource = BoundedVec<u8, ConstU32<SOURCE_BYTES_MAX>>;
/// Blobs that one call names.
pub type BlobChunk = BoundedVec<BlobRef, ConstU32<BLOBS_PER_CALL>>;

macro_rules! wire_enum {
	($(#[$meta:meta])* pub enum $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(
			Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
			Serialize, Deserialize,
		)]
		#[scale_info(capture_docs = "always")]
		pub enum $($rest)*
	};
}

wire! {
	/// One version of a dataset.
	#[derive(Copy, Hash, PartialOrd, Ord, MaxEncodedLen)]
	pub struct DatasetRef {
		/// The dataset.
		pub dataset: DatasetId,
		/// Its version.
		pub version: DatasetVersion,
	}
}

wire! {
	/// Argument of `offer`: a dataset whose blobs are not named yet.
	#[derive(MaxEncodedLen)]
	pub struct DatasetOffer {
		/// The contributor's dataset that this is a new version of; `None` for a new one.
		pub series: Option<DatasetId>,
		/// SPDX expression. Its syntax is checked by auditors, not by the chain.
		pub licence: Licence,
		/// Where the data comes from.
		pub source: DataSource,
		/// The manifest's canonical bytes.
		pub manifest: BlobRef,
		/// Merkle root over the blobs' roots, as in the manifest.
		pub root: H256,
		/// Records in all blobs.
		pub records: u64,
		/// Bytes of all blobs together.
		pub bytes: u64,
		/// Number of blobs.
		pub blobs: u32,
	}
}

impl DatasetOffer {
	/// The hash that the proof of work is made over: of all that is offered, so that a stamp is good for one root only.
	pub fn work_subject(&self) -> H256 {
		H256(sp_crypto_hashing::blake2_256(&self.encode()))
	}
}

wire_enum! {
	/// Why a dataset is not in use. The list is closed, and the numbers never change.
	pub enum DatasetReason {
		/// Known copyrighted text, a notice that forbids copying, or a licence that is unknown or does not allow use.
		Copyright,
		/// Damaged, malformed or worthless, or not what its manifest says.
		Quality,
		/// Personal data, secrets, or toxic text.
		Safety,
		/// One-sided about people.
		Bias,
		/// Nearly all of it is in it twice, or elsewhere on the chain.
		Duplicate,
		/// Taken back by its contributor, or its bytes were withheld.
		Withdrawn,
		/// No quorum of auditors reported, or no quorum voted, in time.
		AuditTimeout,
	}
}

impl DatasetReason {
	/// Every reason, in the order of the wire.
	pub const ALL: [Self; 7] = [
		Self::Copyright,
		Self::Quality,
		Self::Safety,
		Self::Bias,
		Self::Duplicate,
		Self::Withdrawn,
		Self::AuditTimeout,
	];

	/// Reports whether it is about the data: a vote may give it, and the contributor may appeal.
	pub fn is_about_data(self) -> bool {
		!matches!(self, Self::Withdrawn | Self::AuditTimeout)
	}
}

wire_enum! {
	/// Tier of an approved dataset, the best first.
	#[derive(PartialOrd, Ord)]
	pub enum DatasetTier {
		/// For every training.
		Gold,
		/// For mixtures.
		Silver,
		/// For experiments.
		Experimental,
	}
}

wire_enum! {
	/// Stage of a dataset.
	pub enum DatasetStage {
		/// Its blobs are being named and uploaded; `begin_audit` ends it.
		Pending,
		/// A committee is drawn, or at work.
		Audit,
		/// Operators vote.
		Vote,
		/// In use.
		Approved(DatasetTier),
		/// Not in use, and why.
		Rejected(DatasetReason),
		/// Taken out of use for now: it was in this tier, and this is why.
		Quarantined(DatasetTier, DatasetReason),
	}
}

impl DatasetStage {
	/// Reports whether miners may train on it.
	pub fn is_approved(self) -> bool {
		matches!(self, Self::Approved(_))
	}
}

wire_enum! {
	/// Finding about a licence, the best first: the order counts for the median.
	#[derive(PartialOrd, Ord)]
	pub enum LicenceFinding {
		/// An SPDX expression that permits use, confirmed by a licence text, a header or the records' own licences.
		Verified,
		/// An SPDX expression that permits use, which nothing in the sample confirms or contradicts.
		Stated,
		/// Not an SPDX expression, one that does not permit use, or contradicted by the sample.
		Unknown,
	}
}

wire! {
	/// Share of a language in a sample.
	#[derive(Copy, Default, MaxEncodedLen)]
	pub struct LanguageShare {
		/// Code of ISO 639-1, two small letters; zeros stand for "no further one".
		pub code: [u8; 2],
		/// Share of the records.
		pub share: Millionths,
	}
}

wire! {
	/// Figures of an audit over a sample.
	///
	/// All but the last are exact: they follow from the manifest, the sample's records and the rules of the filter, on every
	/// machine alike.
	#[derive(Copy, MaxEncodedLen)]
	pub struct AuditReport {
		/// Version of the filter's rules.
		pub rules: u32,
		/// Records in the sample.
		pub records: u32,
		/// Bytes of these records.
		pub bytes: u32,
		/// Licence.
		pub licence: LicenceFinding,
		/// Records under a notice that forbids copying, or known to be copyrighted.
		pub copyright_hits: u32,
		/// Share of records with personal data or secrets.
		pub pii: Millionths,
		/// Share of toxic records.
		pub toxicity: Millionths,
		/// Share of records that are in the sample before, exactly or nearly.
		pub duplicate_rate: Millionths,
		/// Share of records that the filter leaves out for their form: encoding, length, letters, repetition.
		pub malformed: Millionths,
		/// The most frequent languages, the largest share first; equal shares in the order of their codes.
		pub languages: [LanguageShare; LANGUAGES],
		/// Expected gain of perplexity, bits per byte in Q16; `None` where no model measured it.
		pub perplexity_improvement: Option<i32>,
	}
}

impl AuditReport {
	/// Reports whether the numbers fit each other: shares within the whole, the sample within its bounds.
	pub fn is_plausible(&self) -> bool {
		let shares = [self.pii, self.toxicity, self.duplicate_rate, self.malformed];
		let spoken = self.languages.iter().fold(0u32, |sum, language| sum.saturating_add(language.share));
		self.records > 0
			&& self.bytes <= SAMPLE_BYTES_MAX
			&& self.copyright_hits <= self.records
			&& shares.iter().all(|share| *share <= MILLIONTHS)
			&& spoken <= MILLIONTHS
			&& self.languages.is_sorted_by(|one, next| one.share >= next.share)
	}

	/// The report without what honest machines may differ in.
	pub fn exact_part(&self) -> Self {
		Self { perplexity_improvement: None, ..*self }
	}
}

/// An auditor's finding about a dataset.
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
// Nearly every finding is a report, and a box would only move its bytes.
#[allow(clippy::large_enum_variant)]
pub enum AuditFinding {
	/// The sample was examined.
	Examined(AuditReport),
	/// A blob that the sample needs could not be had until shortly before the window ended.
	Unavailable,
	/// The manifest, or a blob of the sample, is not what the offer says: hashes, root, counts, format.
	Malformed,
}

impl AuditFinding {
	/// Hash of the finding about the draw `draw`: a seal of another draw cannot be opened with it.
	pub fn digest(&self, draw: &H256) -> H256 {
		H256(sp_crypto_hashing::blake2_256(&(draw, self).encode()))
	}

	/// The seal of this finding: a hash with an unpredictable salt and the auditor's account, so that a copied seal cannot be
	/// opened by another operator.
	pub fn seal(&self, draw: &H256, salt: &H256, auditor: &impl Encode) -> H256 {
		seal_hash(&self.digest(draw), salt, auditor)
	}
}

/// Message that an auditor's session key signs.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
#[allow(clippy::large_enum_variant)]
pub enum DatasetAuditMessage {
	/// Seals a finding.
	Seal {
		/// The dataset.
		dataset: DatasetRef,
		/// [`AuditFinding::seal`].
		seal: H256,
	},
	/// Opens a seal.
	Reveal {
		/// The dataset.
		dataset: DatasetRef,
		/// The finding.
		finding: AuditFinding,
		/// The salt that was sealed with it.
		salt: H256,
	},
}

impl DatasetAuditMessage {
	/// The dataset that it is about.
	pub fn dataset(&self) -> DatasetRef {
		match self {
			Self::Seal { dataset, .. } | Self::Reveal { dataset, .. } => *dataset,
		}
	}

	/// Number of the kind, which tells messages of one auditor apart.
	pub fn kind(&self) -> u8 {
		match self {
			Self::Seal { .. } => 0,
			Self::Reveal { .. } => 1,
		}
	}

	/// The bytes that the session key signs: context, genesis hash of the chain, draw, message.
	pub fn signing_payload(&self, genesis: &H256, draw: &H256) -> Vec<u8> {
		(DATASET_AUDIT_CONTEXT, genesis, draw, self).encode()
	}
}

wire_enum! {
	/// A vote on a dataset.
	pub enum Ballot {
		/// It should be used.
		Yes {
			/// Rating from 1 to 5.
			stars: Option<u8>,
		},
		/// It should not, and why: one of the reasons about data.
		No {
			/// The reason.
			reason: DatasetReason,
		},
	}
}

impl Ballot {
	/// Reports whether stars and reason are within their bounds.
	pub fn is_valid(self) -> bool {
		match self {
			Self::Yes { stars } => stars.is_none_or(|stars| (1..=5).contains(&stars)),
			Self::No { reason } => reason.is_about_data(),
		}
	}
}

wire! {
	/// Proof that an account may vote.
	#[derive(MaxEncodedLen)]
	pub struct VoterProof {
		/// Place among the voters.
		pub index: u32,
		/// Siblings from the leaf to the root.
		pub path: BoundedVec<H256, ConstU32<VOTER_PATH_MAX>>,
	}
}

impl VoterProof {
	/// Proof for the voter at `index`; `None` if there is no such one.
	pub fn of<AccountId: Encode>(voters: &[AccountId], index: u32) -> Option<Self> {
		let leaves: Vec<_> = voters.iter().map(voter_leaf).collect();
		let path = merkle::prove(&leaves, usize::try_from(index).ok()?)?;
		let path: Vec<H256> = path.into_iter().map(H256).collect();
		Some(Self { index, path: path.try_into().ok()? })
	}

	/// Reports whether this proves that `who` is one of `voters` accounts under `root`.
	pub fn proves(&self, root: &H256, voters: u32, who: &impl Encode) -> bool {
		let (Ok(index), Ok(voters)) = (usize::try_from(self.index), usize::try_from(voters)) else {
			return false;
		};
		let path: Vec<[u8; 32]> = self.path.iter().map(|sibling| sibling.0).collect();
		index < voters && merkle::verify(&root.0, voters, index, &voter_leaf(who), &path)
	}
}

/// Root over those who may vote.
pub fn voter_root<AccountId: Encode>(voters: &[AccountId]) -> H256 {
	H256(merkle::root(&voters.iter().map(voter_leaf).collect::<Vec<_>>()))
}

fn voter_leaf(who: &impl Encode) -> [u8; 32] {
	merkle::leaf(&(b"blyan/voter/1", who).encode())
}

wire! {
	/// A dataset in a training mixture.
	#[derive(Copy, MaxEncodedLen)]
	pub struct DatasetShare {
		/// The dataset.
		pub dataset: DatasetRef,
		/// Its share of the samples.
		pub share: Millionths,
	}
}

wire! {
	/// Record of how an expert was trained. Its canonical bytes are SCALE; being named in the miner's submission signs it.
	#[derive(MaxEncodedLen)]
	pub struct TrainingManifest {
		/// Root of the expert's tensors.
		pub expert: H256,
		/// Datasets in ascending order. Their shares add up to the whole.
		pub datasets: BoundedVec<DatasetShare, ConstU32<MANIFEST_DATASETS_MAX>>,
		/// Seed from which, with the datasets and the step, the order of batches follows.
		pub seed: u64,
		/// Samples used.
		pub samples: u64,
		/// Merkle roots over the batches' hashes, one an epoch.
		pub batch_roots: BoundedVec<H256, ConstU32<MANIFEST_EPOCHS_MAX>>,
		/// Seconds of processors.
		pub cpu_seconds: u32,
		/// Seconds of GPUs.
		pub gpu_seconds: u32,
		/// Hash of the full log.
		pub log: H256,
		/// Unix time of the beginning, in seconds.
		pub started_at: u64,
		/// Unix time of the end, in seconds.
		pub ended_at: u64,
	}
}

impl TrainingManifest {
	/// The hash that a submission carries.
	pub fn hash(&self) -> H256 {
		H256(sp_crypto_hashing::blake2_256(&(TRAINING_MANIFEST_CONTEXT, self).encode()))
	}

	/// Reports whether datasets are listed once each, in order, with shares that add up to the whole, and the times in order.
	pub fn is_valid(&self) -> bool {
		let total = self.datasets.iter().fold(0u32, |sum, one| sum.saturating_add(one.share));
		!self.datasets.is_empty()
			&& !self.batch_roots.is_empty()
			&& self.datasets.is_sorted_by(|one, next| one.dataset < next.dataset)
			&& self.datasets.iter().all(|one| one.share > 0)
			&& total == MILLIONTHS
			&& self.started_at <= self.ended_at
	}
}

#[cfg(test)]
mod tests;
