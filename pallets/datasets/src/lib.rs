#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
	not(test),
	deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

pub use neighbours::{DatasetRewards, PeoplesReview, Sortition, SubmissionFacts, Submissions};
pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

mod agenda;
mod audit;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod contributor;
mod errors;
mod events;
mod integrity;
mod lineage;
mod messages;
mod neighbours;
mod offer;
mod queries;
mod refusals;
mod rescan;
pub mod rules;
mod stages;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod types;
mod vote;
pub mod weights;
mod worker;

#[cfg(test)]
mod tests;

use frame_support::pallet_macros::import_section;

/// Target of this pallet's log lines.
pub const LOG_TARGET: &str = "blyan::datasets";

/// Datasets: offered without a stake, audited by drawn operators, voted on, used, and named by what was trained on them.
#[import_section(errors::errors)]
#[import_section(events::events)]
#[frame_support::pallet]
pub mod pallet {
	use super::{neighbours::*, types::*, weights::WeightInfo};
	use alloc::vec::Vec;
	use blyan_primitives::{
		conduct::{ConductRecord, ConductRules},
		randomness::AppointedRandomness,
		traits::OperatorSet,
		AuditFinding, AuditReport, Ballot, BlobChunk, DatasetId, DatasetOffer, DatasetReason, DatasetRef,
		DatasetTier, OperatorId, OperatorSignature, PowStamp, SubmissionId, TrainingManifest, VoterProof,
	};
	use frame_support::pallet_prelude::*;
	use frame_system::{offchain::CreateAuthorizedTransaction, pallet_prelude::*};
	use sp_core::H256;
	use sp_runtime::traits::BlockNumberProvider;

	/// The storage layout this code reads and writes.
	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config:
		frame_system::Config<Hash = H256, RuntimeEvent: From<Event<Self>>>
		+ CreateAuthorizedTransaction<Call<Self>>
	{
		/// Amounts of the coin, as the reward source names them.
		type Balance: frame_support::traits::tokens::Balance;
		/// Operators, of whom auditors are drawn, and whose owners vote.
		type Operators: OperatorSet<Self::AccountId>;
		/// Drawing of committees.
		type Sortition: Sortition<Self::AccountId>;
		/// Submissions of experts.
		type Submissions: Submissions<Self::AccountId>;
		/// Reward source of auditors.
		type Rewards: DatasetRewards<Self::AccountId, Self::Balance>;
		/// Review of records by people.
		type Review: PeoplesReview<Self::AccountId>;
		/// Randomness by appointment: a draw is committed to before its seed exists.
		type Randomness: AppointedRandomness;
		/// Blocks in which transactions were admitted, counted: the time that stages are in.
		type WorkingTime: BlockNumberProvider<BlockNumber = BlockNumberFor<Self>>;
		/// May take an approved dataset out of use.
		type QuarantineOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// Leading zero bits of an offer's proof of work.
		type PowBits: Get<u32>;
		/// Quotas, levels and flags.
		type Conduct: Get<ConductRules>;
		/// Limits beyond which a report rejects without a vote.
		type RejectLimits: Get<RejectLimits>;
		/// Limits of the tiers.
		type TierRules: Get<TierRules>;
		/// Shares of records refused by people that the tiers bear.
		type ReviewLimits: Get<ReviewLimits>;
		/// Blocks in which a dataset's blobs are named and uploaded.
		type PendingWindow: Get<BlockNumberFor<Self>>;
		/// Blocks in which a committee must be drawn; beyond them it is drawn again.
		type DrawWindow: Get<BlockNumberFor<Self>>;
		/// Blocks auditors have to examine the sample and to seal their findings.
		type SealWindow: Get<BlockNumberFor<Self>>;
		/// Blocks auditors have to open their seals.
		type RevealWindow: Get<BlockNumberFor<Self>>;
		/// Auditors of a dataset, where that many unrelated operators are eligible. At most `MaxSeats`.
		type Auditors: Get<u32>;
		/// Auditors without whom no audit begins.
		type MinAuditors: Get<u32>;
		/// Blocks of a vote.
		type VoteWindow: Get<BlockNumberFor<Self>>;
		/// Blocks by which a vote with little participation is extended, once.
		type VoteExtension: Get<BlockNumberFor<Self>>;
		/// Participation, in millionths, below which a vote is extended.
		type ParticipationMin: Get<u32>;
		/// Participation, in millionths, without which a vote decides nothing.
		type QuorumMin: Get<u32>;
		/// Blocks in which a contributor may appeal.
		type AppealWindow: Get<BlockNumberFor<Self>>;
		/// Blocks for which a rejected dataset, and the refusal of its root, are remembered. Not shorter than `AppealWindow`.
		type RejectedFor: Get<BlockNumberFor<Self>>;
		/// Blocks of use after which a dataset is examined again.
		type RescanEvery: Get<BlockNumberFor<Self>>;

		/// Blocks for which a proof of work is recent.
		#[pallet::constant]
		type PowWindow: Get<BlockNumberFor<Self>>;
		/// Age from which a list of voters is not used for further votes.
		#[pallet::constant]
		type ElectorateAge: Get<BlockNumberFor<Self>>;
		/// Datasets that are pending, in an audit or in a vote at a time.
		#[pallet::constant]
		type MaxOpen: Get<u32>;
		/// Rescans that are under way at a time; more wait.
		#[pallet::constant]
		type MaxRescans: Get<u32>;
		/// Largest committee.
		#[pallet::constant]
		type MaxSeats: Get<u32>;
		/// Most operators, thus most voters.
		#[pallet::constant]
		type MaxVoters: Get<u32>;
		/// Datasets that may be due in one block of the agenda; more are due a block later.
		#[pallet::constant]
		type MaxDue: Get<u32>;
		/// Datasets that are moved on in one block without being asked.
		#[pallet::constant]
		type StepsPerBlock: Get<u32>;

		/// Weights of the calls and of what happens without being asked.
		type WeightInfo: WeightInfo;
	}

	/// The next dataset's number.
	#[pallet::storage]
	pub type NextDataset<T: Config> = StorageValue<_, DatasetId, ValueQuery>;

	/// Contributors and versions. One for each number below [`NextDataset`]; kept for ever, so that no number changes hands.
	// Twox64Concat: the pallet counts the keys up, so they cannot be ground.
	#[pallet::storage]
	pub type Series<T: Config> = StorageMap<_, Twox64Concat, DatasetId, SeriesRecord<T::AccountId>>;

	/// Datasets by number and version. Rejected ones leave after `RejectedFor`, unless a training manifest lists them.
	// Twox64Concat: as above.
	#[pallet::storage]
	pub type Datasets<T: Config> = StorageMap<_, Twox64Concat, DatasetRef, DatasetRecordOf<T>>;

	/// The dataset that a root stands for, while no other may be offered with it: open, approved, or rejected not long ago for
	/// what is in it.
	// Blake2_128Concat: roots can be ground.
	#[pallet::storage]
	pub type Roots<T: Config> = StorageMap<_, Blake2_128Concat, H256, DatasetRef>;

	/// Named blobs of datasets that are not forgotten, in chunks as they were named. A manifest blob is not among them.
	#[pallet::storage]
	pub type Blobs<T: Config> = StorageDoubleMap<_, Twox64Concat, DatasetRef, Twox64Concat, u32, BlobChunk>;

	/// Chunks of [`Blobs`] of each dataset.
	#[pallet::storage]
	pub type BlobChunks<T: Config> = StorageMap<_, Twox64Concat, DatasetRef, u32, ValueQuery>;

	/// Blobs that nodes accept, with the number of times that [`Blobs`] and manifests name them.
	// Blake2_128Concat: hashes can be ground.
	#[pallet::storage]
	pub type AnnouncedBlobs<T: Config> = StorageMap<_, Blake2_128Concat, H256, AnnouncedBlob>;

	/// Conduct of those who offer. One for each account that ever did.
	// Blake2_128Concat: accounts can be ground.
	#[pallet::storage]
	pub type Conducts<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, ConductRecord, ValueQuery>;

	/// Number of datasets that are pending, in an audit or in a vote. At most `MaxOpen`.
	#[pallet::storage]
	pub type OpenCount<T: Config> = StorageValue<_, u32, ValueQuery>;

	/// Moment at which each dataset that waits for one stands in [`Agenda`].
	#[pallet::storage]
	pub type Due<T: Config> = StorageMap<_, Twox64Concat, DatasetRef, BlockNumberFor<T>>;

	/// Datasets by the moment at which they are looked at again.
	// Twox64Concat: moments are the chain's.
	#[pallet::storage]
	pub type Agenda<T: Config> =
		StorageMap<_, Twox64Concat, BlockNumberFor<T>, BoundedVec<DatasetRef, T::MaxDue>, ValueQuery>;

	/// The first moment of [`Agenda`] that may not be empty.
	#[pallet::storage]
	pub type Cursor<T: Config> = StorageValue<_, BlockNumberFor<T>, ValueQuery>;

	/// Audits that are under way. At most one for each dataset.
	#[pallet::storage]
	pub type Audits<T: Config> = StorageMap<_, Twox64Concat, DatasetRef, AuditRecordOf<T>>;

	/// Auditors of earlier audits of a dataset, who do not judge an appeal. Cleared with the dataset's approval or removal.
	#[pallet::storage]
	pub type FormerAuditors<T: Config> =
		StorageMap<_, Twox64Concat, DatasetRef, BoundedVec<T::AccountId, T::MaxVoters>, ValueQuery>;

	/// Lists of those who may vote. One leaves with its last vote, unless it is the newest.
	// Twox64Concat: the pallet counts the keys up.
	#[pallet::storage]
	pub type Electorates<T: Config> = StorageMap<_, Twox64Concat, ElectorateId, ElectorateRecordOf<T>>;

	/// Number of the next list of voters. The newest list is the one before, if it is kept.
	#[pallet::storage]
	pub type NextElectorate<T: Config> = StorageValue<_, ElectorateId, ValueQuery>;

	/// Places in the electorate that have voted, one bit each, of open votes.
	#[pallet::storage]
	pub type Voted<T: Config> =
		StorageMap<_, Twox64Concat, DatasetRef, BoundedVec<u8, T::MaxVoters>, ValueQuery>;

	/// Training manifests that miners declared, by submission. Each is paid for by a fee and belongs to one submission.
	// Twox64Concat: submissions are counted up.
	#[pallet::storage]
	pub type Manifests<T: Config> = StorageMap<_, Twox64Concat, SubmissionId, DeclaredManifest>;

	/// Submissions whose manifests list a dataset, in the order of their declaration.
	#[pallet::storage]
	pub type Uses<T: Config> = StorageDoubleMap<_, Twox64Concat, DatasetRef, Twox64Concat, u32, SubmissionId>;

	/// Entries of [`Uses`] of each dataset.
	#[pallet::storage]
	pub type UseCount<T: Config> = StorageMap<_, Twox64Concat, DatasetRef, u32, ValueQuery>;

	/// Last moment before a dataset in use is examined again. Cleared by a quarantine; datasets that were approved before there were
	/// rescans have none until their first.
	#[pallet::storage]
	pub type FreshUntil<T: Config> = StorageMap<_, Twox64Concat, DatasetRef, BlockNumberFor<T>>;

	/// Number of [`Audits`] that are rescans. At most `MaxRescans`.
	#[pallet::storage]
	pub type RescanCount<T: Config> = StorageValue<_, u32, ValueQuery>;

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_idle(_: BlockNumberFor<T>, remaining: Weight) -> Weight {
			Self::tick(Self::now(), remaining)
		}

		fn offchain_worker(now: BlockNumberFor<T>) {
			Self::work(now);
		}

		fn integrity_test() {
			Self::check_config();
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Offer a dataset, or a new version of an own one.
		///
		/// - `origin`: the contributor. It needs no stake; the day's quota counts.
		/// - `offer`: what the manifest says, and the first blobs' number and bytes.
		/// - `blobs`: the first blobs, in the manifest's order. [`Call::name_blobs`] names more.
		/// - `stamp`: proof of work over `DatasetOffer::work_subject` (`pow_hash`).
		///
		/// Emits [`Event::Offered`] and [`Event::BlobsNamed`].
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::offer(blobs.len() as u32))]
		pub fn offer(
			origin: OriginFor<T>,
			offer: DatasetOffer,
			blobs: BlobChunk,
			stamp: PowStamp<BlockNumberFor<T>>,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_offer(who, offer, blobs, stamp)
		}

		/// Name further blobs of a pending dataset, in the manifest's order.
		///
		/// - `origin`: its contributor.
		/// - `dataset`, `blobs`: the dataset, and its next blobs.
		///
		/// Emits [`Event::BlobsNamed`].
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::name_blobs(blobs.len() as u32))]
		pub fn name_blobs(origin: OriginFor<T>, dataset: DatasetRef, blobs: BlobChunk) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_name_blobs(&who, dataset, blobs)
		}

		/// Have a pending dataset audited: its blobs are named and uploaded.
		///
		/// - `origin`: its contributor.
		/// - `dataset`: the dataset. Auditors that cannot get a blob of the sample report so, and that rejects it.
		///
		/// Emits [`Event::AuditAppointed`].
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::begin_audit())]
		pub fn begin_audit(origin: OriginFor<T>, dataset: DatasetRef) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_begin_audit(&who, dataset)
		}

		/// Seal a finding.
		///
		/// - `origin`: authorised by the signature, so it costs nothing.
		/// - `dataset`, `seal`: the dataset, and `AuditFinding::seal`.
		/// - `key`, `signature`: by the auditor's session key over `DatasetAuditMessage::Seal`.
		///
		/// Emits [`Event::FindingSealed`].
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::seal())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_seal())]
		#[pallet::authorize(Self::authorize_seal)]
		pub fn seal(
			origin: OriginFor<T>,
			dataset: DatasetRef,
			seal: H256,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_seal(dataset, seal, key)
		}

		/// Open a sealed finding.
		///
		/// - `origin`: authorised by the signature.
		/// - `dataset`, `finding`, `salt`: the dataset, and what the seal was made of.
		/// - `key`, `signature`: by the auditor's session key over `DatasetAuditMessage::Reveal`.
		///
		/// Emits [`Event::FindingRevealed`].
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::reveal())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_reveal())]
		#[pallet::authorize(Self::authorize_reveal)]
		pub fn reveal(
			origin: OriginFor<T>,
			dataset: DatasetRef,
			finding: AuditFinding,
			salt: H256,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_reveal(dataset, finding, salt, key)
		}

		/// Vote on a dataset. A vote is final.
		///
		/// - `origin`: the owner of an operator when the vote opened.
		/// - `dataset`, `ballot`: the dataset and the vote.
		/// - `proof`: that the account is one of the voters; `DatasetsApi::voter_proof` makes it.
		///
		/// Emits [`Event::Voted`].
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::vote())]
		pub fn vote(
			origin: OriginFor<T>,
			dataset: DatasetRef,
			ballot: Ballot,
			proof: VoterProof,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_vote(who, dataset, ballot, &proof)
		}

		/// Appeal a rejection for what is in the data, or a quarantine, once: other auditors are drawn, and it is final.
		///
		/// - `origin`: the contributor. It costs one offer of the day's quota.
		/// - `dataset`: the dataset.
		///
		/// Emits [`Event::Appealed`] and [`Event::AuditAppointed`].
		#[pallet::call_index(6)]
		#[pallet::weight(T::WeightInfo::appeal())]
		pub fn appeal(origin: OriginFor<T>, dataset: DatasetRef) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_appeal(&who, dataset)
		}

		/// Take an own dataset back before it is decided. From `begin_audit` on this counts as a rejection.
		///
		/// - `origin`: the contributor.
		/// - `dataset`: a dataset that is pending, in an audit or in a vote.
		///
		/// Emits [`Event::Rejected`].
		#[pallet::call_index(7)]
		#[pallet::weight(T::WeightInfo::withdraw())]
		pub fn withdraw(origin: OriginFor<T>, dataset: DatasetRef) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_withdraw(&who, dataset)
		}

		/// Take an approved dataset out of use. Its contributor may appeal.
		///
		/// - `origin`: `QuarantineOrigin`.
		/// - `dataset`, `reason`: the dataset, and a reason about the data.
		///
		/// Emits [`Event::Quarantined`].
		#[pallet::call_index(8)]
		#[pallet::weight(T::WeightInfo::quarantine())]
		pub fn quarantine(
			origin: OriginFor<T>,
			dataset: DatasetRef,
			reason: DatasetReason,
		) -> DispatchResult {
			T::QuarantineOrigin::ensure_origin(origin)?;
			Self::do_quarantine(dataset, reason)
		}

		/// Declare which data taught the expert of an own submission.
		///
		/// - `origin`: the submission's miner.
		/// - `submission`: a submission that the chain knows.
		/// - `manifest`: the manifest whose hash the submission carries. Every dataset in it must be approved.
		///
		/// Emits [`Event::ManifestDeclared`].
		#[pallet::call_index(9)]
		#[pallet::weight(T::WeightInfo::declare_manifest(manifest.datasets.len() as u32))]
		pub fn declare_manifest(
			origin: OriginFor<T>,
			submission: SubmissionId,
			manifest: TrainingManifest,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_declare_manifest(&who, submission, manifest)
		}

		/// Do now what is due for a dataset.
		///
		/// Blocks do this by themselves when they have room left; this call is for when they have not.
		///
		/// - `origin`: any account, signed. It is work done for the chain, so success is free.
		/// - `dataset`: a dataset whose step is over.
		#[pallet::call_index(10)]
		#[pallet::weight(T::WeightInfo::step())]
		pub fn advance(origin: OriginFor<T>, dataset: DatasetRef) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			Self::do_advance(dataset)?;
			Ok(Pays::No.into())
		}
	}
}
