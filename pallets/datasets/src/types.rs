//! Records. No storage access.

use blyan_primitives::{
	randomness::RelayNumber, AuditFinding, AuditReport, BlobRef, DataSource, DatasetReason, DatasetStage,
	DatasetTier, DatasetVersion, Licence, TrainingManifest,
};
use blyan_runtime_api::datasets::AuditStep;
use blyan_support::commit_reveal::{self, Commitment};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	pallet_prelude::Get, BoundedVec, CloneNoBound, DebugNoBound, EqNoBound, PartialEqNoBound,
};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_core::H256;

/// [`DatasetRecord`] of a runtime.
pub type DatasetRecordOf<T> = DatasetRecord<<T as frame_system::Config>::AccountId, BlockNumberFor<T>>;
/// [`AuditRecord`] of a runtime.
pub type AuditRecordOf<T> =
	AuditRecord<<T as frame_system::Config>::AccountId, BlockNumberFor<T>, <T as crate::Config>::MaxSeats>;
/// [`ElectorateRecord`] of a runtime.
pub type ElectorateRecordOf<T> = ElectorateRecord<
	<T as frame_system::Config>::AccountId,
	BlockNumberFor<T>,
	<T as crate::Config>::MaxVoters,
>;

/// Number of a list of voters, given out in order.
pub type ElectorateId = u32;

macro_rules! record {
	($(#[$meta:meta])* pub $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
		#[scale_info(capture_docs = "always")]
		pub $($rest)*
	};
}

record! {
	/// A dataset over its versions.
	pub struct SeriesRecord<AccountId> {
		/// The contributor, who alone offers further versions.
		pub creator: AccountId,
		/// Versions offered so far.
		pub versions: DatasetVersion,
	}
}

record! {
	/// One version of a dataset.
	pub struct DatasetRecord<AccountId, BlockNumber> {
		/// The contributor.
		pub creator: AccountId,
		/// SPDX expression.
		pub licence: Licence,
		/// Where the data comes from.
		pub source: DataSource,
		/// The manifest.
		pub manifest: BlobRef,
		/// Merkle root over the blobs' roots.
		pub root: H256,
		/// Records in all blobs.
		pub records: u64,
		/// Bytes of all blobs.
		pub bytes: u64,
		/// Number of blobs.
		pub blobs: u32,
		/// Blobs that are named.
		pub named: u32,
		/// Bytes of the named blobs.
		pub named_bytes: u64,
		/// Block of the offer, which says which day's quota it used.
		pub offered_at: BlockNumber,
		/// Stage.
		pub stage: DatasetStage,
		/// Last moment of the stage, where it has one of its own: pending, vote, rejected, quarantined.
		pub until: BlockNumber,
		/// Last moment of the present or last audit.
		pub audit_window_end: Option<BlockNumber>,
		/// Combined report of the last audit that had a quorum.
		pub report: Option<AuditReport>,
		/// The present or last vote.
		pub vote: Option<Tally>,
		/// True once an appeal was made: the next rejection is final.
		pub is_final: bool,
	}
}

record! {
	/// Count of a vote.
	#[derive(Copy)]
	pub struct Tally {
		/// The list of those who may vote.
		pub electorate: ElectorateId,
		/// Their number.
		pub voters: u32,
		/// Root over them.
		pub voter_root: H256,
		/// Votes for use.
		pub yes: u32,
		/// Votes against, by reason, in the order of [`DatasetReason`].
		pub no: [u32; REASONS],
		/// Sum of the stars given.
		pub stars: u32,
		/// Votes that gave stars.
		pub rated: u32,
		/// True if it was extended.
		pub extended: bool,
	}
}

/// Reasons that a vote may give.
pub const REASONS: usize = 5;

impl Tally {
	/// Votes against.
	pub fn against(&self) -> u32 {
		self.no.iter().fold(0, |sum, votes| sum.saturating_add(*votes))
	}

	/// All votes.
	pub fn votes(&self) -> u32 {
		self.yes.saturating_add(self.against())
	}

	/// The reason that most opponents gave; of several, the first in the order of the list.
	pub fn main_reason(&self) -> DatasetReason {
		let most = self.no.iter().max().copied().unwrap_or(0);
		let named = DatasetReason::ALL.iter().zip(&self.no).find(|(_, votes)| **votes == most);
		named.map_or(DatasetReason::Quality, |(reason, _)| *reason)
	}
}

record! {
	/// Reason why an audit takes place.
	#[derive(Copy)]
	pub enum AuditKind {
		/// The dataset was offered.
		First,
		/// Its contributor appealed a rejection for this reason.
		Appeal(DatasetReason),
		/// Its contributor appealed a quarantine.
		Release(DatasetTier, DatasetReason),
		/// It has been in use for `RescanEvery` since it was last examined.
		Rescan,
	}
}

impl AuditKind {
	/// Reports whether the contributor appealed: earlier auditors of the dataset have no seat then.
	pub fn is_appeal(self) -> bool {
		matches!(self, Self::Appeal(_) | Self::Release(..))
	}
}

record! {
	/// State of an auditor's finding.
	#[derive(Copy)]
	#[allow(clippy::large_enum_variant)]
	pub enum SeatState {
		/// Nothing was sealed.
		Waiting,
		/// A finding is sealed.
		Sealed(H256),
		/// The finding is open.
		Revealed(AuditFinding),
	}
}

record! {
	/// An auditor.
	pub struct Seat<AccountId> {
		/// The operator.
		pub operator: AccountId,
		/// State of its finding.
		pub state: SeatState,
	}
}

impl<AccountId: PartialEq> commit_reveal::Seat for Seat<AccountId> {
	type Member = AccountId;
	fn member(&self) -> &AccountId {
		&self.operator
	}
	fn commitment(&self) -> Commitment {
		match self.state {
			SeatState::Waiting => Commitment::Waiting,
			SeatState::Sealed(seal) => Commitment::Committed(seal),
			SeatState::Revealed(_) => Commitment::Revealed,
		}
	}
}

/// An audit that is under way.
#[derive(
	CloneNoBound,
	DebugNoBound,
	PartialEqNoBound,
	EqNoBound,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
#[scale_info(capture_docs = "always")]
#[scale_info(skip_type_params(MaxSeats))]
pub struct AuditRecord<AccountId, BlockNumber, MaxSeats>
where
	AccountId: Clone + core::fmt::Debug + Eq,
	BlockNumber: Clone + core::fmt::Debug + Eq,
	MaxSeats: Get<u32>,
{
	/// Reason.
	pub kind: AuditKind,
	/// The appointment of its draw.
	pub appointment: RelayNumber,
	/// 0, or 1 if it was drawn again; 2 and 3 for the committee that confirms what a rescan found.
	pub round: u8,
	/// Names the draw and draws the sample; zero before.
	pub draw: H256,
	/// Step.
	pub step: AuditStep,
	/// Last moment of the step.
	pub until: BlockNumber,
	/// The auditors.
	pub seats: BoundedVec<Seat<AccountId>, MaxSeats>,
}

impl<AccountId, BlockNumber, MaxSeats> AuditRecord<AccountId, BlockNumber, MaxSeats>
where
	AccountId: Clone + core::fmt::Debug + Eq,
	BlockNumber: Clone + core::fmt::Debug + Eq,
	MaxSeats: Get<u32>,
{
	/// Reports whether every auditor has sealed a finding.
	pub fn is_sealed(&self) -> bool {
		!self.seats.is_empty() && commit_reveal::is_sealed(&self.seats)
	}

	/// Reports whether every seal is open.
	pub fn is_open(&self) -> bool {
		commit_reveal::is_open(&self.seats)
	}

	/// Findings that are open, in the order of the seats.
	pub fn findings(&self) -> impl Iterator<Item = (&AccountId, &AuditFinding)> {
		self.seats.iter().filter_map(|seat| match &seat.state {
			SeatState::Revealed(finding) => Some((&seat.operator, finding)),
			_ => None,
		})
	}
}

/// Accounts that may vote: one for each owner of operators at that moment.
#[derive(
	CloneNoBound,
	DebugNoBound,
	PartialEqNoBound,
	EqNoBound,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
#[scale_info(capture_docs = "always")]
#[scale_info(skip_type_params(MaxVoters))]
pub struct ElectorateRecord<AccountId, BlockNumber, MaxVoters>
where
	AccountId: Clone + core::fmt::Debug + Eq,
	BlockNumber: Clone + core::fmt::Debug + Eq,
	MaxVoters: Get<u32>,
{
	/// When the list was made.
	pub taken_at: BlockNumber,
	/// Root over the accounts.
	pub root: H256,
	/// The accounts, ascending.
	pub voters: BoundedVec<AccountId, MaxVoters>,
	/// Open votes that refer to it.
	pub votes: u32,
}

record! {
	/// A blob that is announced.
	#[derive(Copy)]
	pub struct AnnouncedBlob {
		/// Its length in bytes.
		pub size: u32,
		/// Datasets that name it.
		pub datasets: u32,
	}
}

record! {
	/// A training manifest that a miner declared.
	pub struct DeclaredManifest {
		/// Hash that the submission carries.
		pub hash: H256,
		/// The manifest.
		pub manifest: TrainingManifest,
	}
}

/// Limits of figures, in millionths of records, beyond which a dataset is rejected without a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectLimits {
	/// Personal data and secrets.
	pub pii: u32,
	/// Toxicity.
	pub toxicity: u32,
	/// Duplicates.
	pub duplicate_rate: u32,
	/// Records of a form that the filter leaves out.
	pub malformed: u32,
}

/// Limits of one tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierLimits {
	/// Least share of yes among the votes, in millionths.
	pub yes: u32,
	/// Toxicity must be below this, in millionths.
	pub toxicity: u32,
	/// The rate of duplicates must be below this, in millionths.
	pub duplicate_rate: u32,
}

/// Limits of the tiers, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierRules {
	/// Besides: no personal data, licence verified, rating above `rating`.
	pub gold: TierLimits,
	/// Besides: licence verified.
	pub silver: TierLimits,
	/// Besides: no copyrighted text.
	pub experimental: TierLimits,
	/// Mean of the stars that gold must exceed, in millionths of a star.
	pub rating: u32,
}

/// Share of records, in millionths, that people may refuse: up to it a dataset can have the tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReviewLimits {
	/// For gold.
	pub gold: u32,
	/// For silver.
	pub silver: u32,
	/// For experimental; beyond it a dataset is rejected for quality.
	pub experimental: u32,
}
