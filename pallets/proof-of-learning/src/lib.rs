#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
	not(test),
	deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

pub use blyan_primitives::{CopyEvidence, OpenCopyEvidence, Original, TileProof};
pub use commitment::{CommitmentRecord, CommitmentRecordOf};
pub use pallet::*;
pub use priority::{FirstCommitment, FirstCommitmentOf};
pub use types::*;
pub use weights::WeightInfo;

mod answers;
mod availability;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod claims;
mod commitment;
mod comparisons;
mod copies;
mod copy_reports;
mod copy_types;
mod decide;
pub mod draw;
mod errors;
mod evaluation;
mod events;
mod guard;
mod integrity;
mod late;
pub mod math;
mod mature;
mod messages;
mod open_copies;
mod priority;
mod redraw;
mod refusals;
mod sealed;
mod second;
mod submissions;
mod time;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod types;
pub mod weights;
mod worker;

#[cfg(test)]
mod tests;

use frame_support::pallet_macros::import_section;

/// Target of this pallet's log lines.
pub const LOG_TARGET: &str = "blyan::learning";

// The generated `Call` carries a verdict of some 200 bytes, well below what a runtime's calls may take.
#[allow(clippy::large_enum_variant)]
/// Proof of learning: a miner commits to an expert and submits it; a committee measures it by commit and reveal; improvement decides.
#[import_section(errors::errors)]
#[import_section(events::events)]
#[frame_support::pallet]
pub mod pallet {
	use super::{math::GuardLoss, types::*, weights::WeightInfo, CommitmentRecordOf, FirstCommitmentOf};
	use alloc::{boxed::Box, vec::Vec};
	use blyan_primitives::{
		randomness::AppointedRandomness,
		traits::{BlobAnnouncements, ExpertRegistry, Offences, OperatorSet, Rewards, SealedHoldouts},
		Attestation, BlockRef, CopyEvidence, DrawId, ExpertSlot, HoldoutRef, ModelId, OpenCopyEvidence,
		OperatorId, OperatorSignature, Original, PowStamp, ScoreReport, ScoreSeal, SubmissionId, Verdict,
		VersionIndex,
	};
	use blyan_runtime_api::{ExpiryReason, RejectReason};
	use frame_support::{
		pallet_prelude::*,
		traits::{
			fungible::{BalancedHold, MutateHold},
			OnUnbalanced,
		},
	};
	use frame_system::{offchain::CreateAuthorizedTransaction, pallet_prelude::*};
	use sp_core::H256;
	use sp_runtime::{traits::BlockNumberProvider, Perbill};

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
		/// The money that bonds are held in.
		type Currency: MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>
			+ BalancedHold<Self::AccountId>;
		/// Why money is held, over the whole runtime.
		type RuntimeHoldReason: From<HoldReason>;
		/// Where the bond of a miner goes whose bytes were no expert, and a reward that was paid for a false score.
		type OnSlash: OnUnbalanced<CreditOf<Self>>;
		/// Models and their experts.
		type Experts: ExpertRegistry<Self::AccountId>;
		/// Blobs that models are made of now; submitting one of them is a duplicate.
		type KnownBlobs: BlobAnnouncements;
		/// Operators, from whom committees are drawn.
		type Operators: OperatorSet<Self::AccountId>;
		/// Where members are reported that sealed a verdict and did not reveal it.
		type Offences: Offences<Self::AccountId>;
		/// The purse.
		type Rewards: Rewards<Self::AccountId, BalanceOf<Self>>;
		/// Randomness that is named before it is known: a draw's when a submission is queued, the second draw's when the first has sealed.
		type Randomness: AppointedRandomness;
		/// Test sequences that stay sealed until a submission is measured on them, of the models that have any.
		type SealedHoldouts: SealedHoldouts<Self::AccountId, BlockNumberFor<Self>>;
		/// Who may set the test sequences of a model.
		type HoldoutOrigin: EnsureOrigin<Self::RuntimeOrigin>;
		/// Least mean improvement that is accepted, in bits per byte, Q16.
		type Delta: Get<u32>;
		/// Permitted chance, over all attempts, of accepting from a miner that never improves, in millionths: see [`crate::math`].
		type Alpha: Get<u32>;
		/// Failed attempts with which an account starts; without any, a new account would be worth more than one that failed.
		type NewcomerAttempts: Get<u32>;
		/// How much worse on the guard sample is tolerable, in bits per byte, Q16.
		type GuardTolerance: Get<u32>;
		/// Loss on the guard sample, from a model's best there, that all acceptances may cost together: bits per byte, Q16.
		type GuardBudget: Get<u32>;
		/// Sequences in a sample; a smaller holdout is used whole.
		type SampleSize: Get<u32>;
		/// Blocks so far in which transactions were admitted. All windows of this pallet are in this time, so that none of them passes
		/// while no one can act.
		type WorkingTime: BlockNumberProvider<BlockNumber = BlockNumberFor<Self>>;
		/// Blocks between submission and draw: long enough that nobody knows the draw's randomness before.
		type Delay: Get<BlockNumberFor<Self>>;
		/// Blocks a submission waits at the front of its queue for a draw.
		type DrawWindow: Get<BlockNumberFor<Self>>;
		/// Blocks a committee has to evaluate and to seal what it found.
		type SealWindow: Get<BlockNumberFor<Self>>;
		/// Blocks it has to open its seals, once all have sealed or had their time.
		type RevealWindow: Get<BlockNumberFor<Self>>;
		/// Blocks in which a decision may be disputed; rewards wait as long.
		type ChallengeWindow: Get<BlockNumberFor<Self>>;
		/// Members of a first committee, where that many are eligible. At most `MaxCommittee` are drawn.
		type CommitteeSize: Get<u32>;
		/// Members of a second committee, drawn from strangers when the first has sealed. With the first at most `MaxCommittee`.
		type SecondCommitteeSize: Get<u32>;
		/// Share of all eligible operators' stake that those have together who may judge a submission: its miner's own
		/// operators may not, and where too little is left there is no draw.
		type QuorumStake: Get<Perbill>;
		/// Draws after the first one, where one came to no decision.
		type MaxRedraws: Get<u32>;
		/// Operators that must attest that they have a candidate's bytes before it is queued. At most `MaxCommittee`.
		type MinAttestations: Get<u32>;
		/// Blocks in which they must have them.
		type BytesWindow: Get<BlockNumberFor<Self>>;
		/// Share of its stake that a false verdict costs a member; bounds what an acceptance pays.
		type StakeAtRisk: Get<Perbill>;
		/// Share of a copy's bond that goes to the account that proved it.
		type ReporterShare: Get<Perbill>;
		/// What an evaluation costs where nothing waits in front of it; see [`crate::math::evaluation_fee`].
		type EvaluationFee: Get<BalanceOf<Self>>;
		/// Seats that operators of one owner may have in a committee.
		type MaxSeatsPerOwner: Get<u32>;
		/// Members without whom there is no draw.
		type MinCommittee: Get<u32>;
		/// Leading zero bits of a newcomer's proof of work.
		type PowBits: Get<u32>;
		/// Leading zero bits of a trusted miner's proof of work.
		type TrustedPowBits: Get<u32>;
		/// Bond of one submission.
		type Bond: Get<BalanceOf<Self>>;
		/// Submissions a newcomer may make in a day. At most `MaxUploadsPerDay`.
		type NewcomerQuota: Get<u32>;
		/// Submissions a trusted miner may make in a day. At most `MaxUploadsPerDay`.
		type TrustedQuota: Get<u32>;
		/// Acceptances in a row that make a miner trusted.
		type TrustAfter: Get<u32>;
		/// Failures in a row that make it a newcomer again.
		type DistrustAfter: Get<u32>;
		/// Blocks that a commitment must be old to be opened: longer than a collator can keep the author's submission out.
		type CommitAge: Get<BlockNumberFor<Self>>;
		/// Blocks after which a commitment can no longer be opened: longer than an evaluation that the author has to wait for.
		type CommitLifetime: Get<BlockNumberFor<Self>>;
		/// Deposit of a commitment. It returns when the commitment is opened, and is lost when it expires.
		type CommitDeposit: Get<BalanceOf<Self>>;

		/// Blocks in a day, which is what quotas count in.
		#[pallet::constant]
		type BlocksPerDay: Get<BlockNumberFor<Self>>;
		/// A proof of work may name one of the last so many blocks. At most `BlockHashCount` of the system.
		#[pallet::constant]
		type PowWindow: Get<BlockNumberFor<Self>>;
		/// Largest block a miner may submit, in bytes: what every committee member must fetch. See also `FIRST_BLOCK_BYTES_MAX`.
		#[pallet::constant]
		type MaxBlockBytes: Get<u32>;
		/// Largest committee; bounds a submission's record.
		#[pallet::constant]
		type MaxCommittee: Get<u32>;
		/// Submissions open at a time, over all miners.
		#[pallet::constant]
		type MaxOpen: Get<u32>;
		/// Submissions open at a time by one miner, and its commitments that wait to be opened.
		#[pallet::constant]
		type MaxOpenPerMiner: Get<u32>;
		/// Decisions that have not matured. While there are as many, no further one is made.
		#[pallet::constant]
		type MaxMaturing: Get<u32>;
		/// Closed submissions that are remembered.
		#[pallet::constant]
		type MaxClosed: Get<u32>;
		/// Bounds both quotas.
		#[pallet::constant]
		type MaxUploadsPerDay: Get<u32>;
		/// Models whose queue may advance in one block without being asked.
		#[pallet::constant]
		type ModelsPerBlock: Get<u32>;

		/// Weights of the calls and of what happens without being asked.
		type WeightInfo: WeightInfo;
	}

	/// Why this pallet holds money.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Bond of an open submission.
		SubmissionBond,
		/// Reward for an expert whose acceptance can still be disputed.
		Reward,
		/// Deposit of a commitment that has not been opened.
		Commitment,
	}

	/// The next submission's number.
	#[pallet::storage]
	pub type NextSubmission<T: Config> = StorageValue<_, SubmissionId, ValueQuery>;

	/// Submissions that are not decided. At most `MaxOpen`; `withdraw`, the draw and the decision remove them.
	/// Each stands in [`Announced`] or in exactly one of [`Queues`], and only the first of a queue may have a committee.
	// Twox64Concat: the pallet counts the keys up, so nobody can grind them.
	#[pallet::storage]
	pub type OpenSubmissions<T: Config> =
		CountedStorageMap<_, Twox64Concat, SubmissionId, SubmissionRecordOf<T>>;

	/// Submissions whose bytes have not been attested, by the last block for that, the earliest first.
	#[pallet::storage]
	pub type Announced<T: Config> =
		StorageValue<_, BoundedVec<(SubmissionId, BlockNumberFor<T>), T::MaxOpen>, ValueQuery>;

	/// Open submissions to each model, oldest first. A model without any has no entry.
	// Twox64Concat: only registered models get here.
	#[pallet::storage]
	pub type Queues<T: Config> =
		StorageMap<_, Twox64Concat, ModelId, BoundedVec<SubmissionId, T::MaxOpen>, ValueQuery>;

	/// Models that have an entry in [`Queues`], so that each block can look after some of them.
	#[pallet::storage]
	pub type BusyModels<T: Config> = StorageValue<_, BoundedVec<ModelId, T::MaxOpen>, ValueQuery>;

	/// Which open submission brought a tensor root. As many entries as [`OpenSubmissions`].
	// Blake2_128Concat: miners choose the keys.
	#[pallet::storage]
	pub type OpenRoots<T: Config> = StorageMap<_, Blake2_128Concat, H256, SubmissionId>;

	/// Which open submission announced a blob. As many entries as [`OpenSubmissions`].
	// Blake2_128Concat: miners choose the keys.
	#[pallet::storage]
	pub type OpenBlobs<T: Config> = StorageMap<_, Blake2_128Concat, H256, SubmissionId>;

	/// Decisions that can still be disputed. At most `MaxMaturing`; they mature into [`ClosedSubmissions`], or return
	/// to [`OpenSubmissions`] if what they rest on is refuted. No submission is in two of the three.
	// Twox64Concat: the pallet counts the keys up.
	#[pallet::storage]
	pub type Decisions<T: Config> = CountedStorageMap<_, Twox64Concat, SubmissionId, DecisionRecordOf<T>>;

	/// [`Decisions`] without an open dispute, each once, by the block in which they mature, the earliest first.
	#[pallet::storage]
	pub type Maturing<T: Config> =
		StorageValue<_, BoundedVec<(SubmissionId, BlockNumberFor<T>), T::MaxMaturing>, ValueQuery>;

	/// Draws without a decision, while claims made in them can be disputed. With [`Decisions`] at most `MaxMaturing`; they end by themselves.
	// Twox64Concat: hashes over randomness that nobody chooses.
	#[pallet::storage]
	pub type Inconclusive<T: Config> = CountedStorageMap<_, Twox64Concat, DrawId, InconclusiveRecordOf<T>>;

	/// Draws in [`Inconclusive`] without an open dispute, by the block in which they are forgotten, the earliest first.
	#[pallet::storage]
	pub type Forgetting<T: Config> =
		StorageValue<_, BoundedVec<(DrawId, BlockNumberFor<T>), T::MaxMaturing>, ValueQuery>;

	/// The most recently closed submissions, at most `MaxClosed`; the oldest gives way to the newest.
	// Twox64Concat: the pallet counts the keys up.
	#[pallet::storage]
	pub type ClosedSubmissions<T: Config> = StorageMap<_, Twox64Concat, SubmissionId, ClosedRecordOf<T>>;

	/// Submissions ever closed.
	#[pallet::storage]
	pub type ClosedCount<T: Config> = StorageValue<_, u64, ValueQuery>;

	/// Ring of the identifiers in [`ClosedSubmissions`], by the order of closing modulo `MaxClosed`.
	// Twox64Concat: keys below `MaxClosed`.
	#[pallet::storage]
	pub type ClosedRing<T: Config> = StorageMap<_, Twox64Concat, u32, SubmissionId>;

	/// Test sequences of each model. At most one entry a model; `register_holdout` replaces it.
	// Twox64Concat: only registered models get here.
	#[pallet::storage]
	pub type Holdouts<T: Config> = StorageMap<_, Twox64Concat, ModelId, HoldoutRef>;

	/// Mixed-domain test sequences on which candidates must not be worse. At most one a model; `register_guard` replaces it.
	// Twox64Concat: only registered models get here.
	#[pallet::storage]
	pub type GuardHoldouts<T: Config> = StorageMap<_, Twox64Concat, ModelId, HoldoutRef>;

	/// Distance that each model has fallen behind on the guard sample that the hash names; only of models that have. Registering a
	/// guard, the same one too, starts over. At most one entry a model.
	// Twox64Concat: only registered models get here.
	#[pallet::storage]
	pub type GuardLosses<T: Config> = StorageMap<_, Twox64Concat, ModelId, (H256, GuardLoss)>;

	/// Quota, trust and attempts of every account that ever submitted: 21 bytes each, paid for with a fee and a proof of work.
	/// Never removed: a miner could otherwise leave and return to shed its failures and its attempts.
	// Blake2_128Concat: accounts can be ground.
	#[pallet::storage]
	pub type Miners<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, MinerRecord, ValueQuery>;

	/// Commitments of each account that have not been opened. At most `MaxOpenPerMiner` an account, and none without its
	/// deposit; `submit` removes what it opens, and blocks remove what expired. An account without any has no entry.
	// Blake2_128Concat: accounts can be ground.
	#[pallet::storage]
	pub type Commitments<T: Config> = StorageMap<
		_,
		Blake2_128Concat,
		T::AccountId,
		BoundedVec<CommitmentRecordOf<T>, T::MaxOpenPerMiner>,
		ValueQuery,
	>;

	/// Accounts of the [`Commitments`] by their places, which are those of their making. One entry a commitment, between
	/// the two [`CommitmentQueueEnds`]; an opened one leaves a gap.
	// Twox64Concat: the pallet counts the keys up.
	#[pallet::storage]
	pub type CommitmentQueue<T: Config> = StorageMap<_, Twox64Concat, u64, T::AccountId>;

	/// The first place in [`CommitmentQueue`] that may be taken, and the next one to be given out.
	#[pallet::storage]
	pub type CommitmentQueueEnds<T: Config> = StorageValue<_, (u64, u64), ValueQuery>;

	/// Oldest commitment to each tensor root that was submitted, while the chain remembers the submission: at most one entry
	/// for each open, decided or closed one. See [`crate::priority`].
	// Blake2_128Concat: miners choose the keys.
	#[pallet::storage]
	pub type FirstCommitments<T: Config> = StorageMap<_, Blake2_128Concat, H256, FirstCommitmentOf<T>>;

	/// Open submissions whose acceptance was refuted: judged again, with the bond on hold, and not to be withdrawn.
	// Twox64Concat: the pallet counts the keys up.
	#[pallet::storage]
	pub type Retrials<T: Config> = StorageMap<_, Twox64Concat, SubmissionId, ()>;

	/// Holdouts that a chain starts with.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// Test sequences of the genesis models.
		pub holdouts: Vec<(ModelId, HoldoutRef)>,
		/// Guard sequences of the genesis models.
		pub guards: Vec<(ModelId, HoldoutRef)>,
		/// Binds the configuration to its runtime.
		#[serde(skip)]
		pub _config: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			for (model, holdout) in &self.holdouts {
				Holdouts::<T>::insert(model, holdout);
			}
			for (model, guard) in &self.guards {
				GuardHoldouts::<T>::insert(model, guard);
			}
		}
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_idle(_: BlockNumberFor<T>, remaining: Weight) -> Weight {
			Self::do_on_idle(Self::now(), remaining)
		}

		fn offchain_worker(_: BlockNumberFor<T>) {
			Self::do_offchain_work(Self::now());
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
		/// Submit an expert for a slot, to which the miner has committed.
		///
		/// The same block with a younger commitment makes way, and its place in the queue is lost.
		///
		/// - `origin`: the miner, signed. The bond is held until the submission is closed.
		/// - `slot`, `parent`: the slot and the version of its head that the expert was trained from.
		/// - `block`: the expert. Its blob may be uploaded from now on.
		/// - `manifest`: hash of the training manifest; the chain only keeps it.
		/// - `stamp`: the proof of work.
		/// - `salt`: opens the commitment; see [`blyan_primitives::commitment_hash`]. Its deposit returns.
		///
		/// Emits [`Event::Submitted`].
		#[pallet::call_index(0)]
		// One submission may have the same tensors, and another one the same bytes.
		#[pallet::weight(T::WeightInfo::submit().saturating_add(Pallet::<T>::withdrawal_weight().saturating_mul(2)))]
		pub fn submit(
			origin: OriginFor<T>,
			slot: ExpertSlot,
			parent: VersionIndex,
			block: BlockRef,
			manifest: H256,
			stamp: PowStamp<BlockNumberFor<T>>,
			salt: H256,
		) -> DispatchResultWithPostInfo {
			let miner = ensure_signed(origin)?;
			let displaced = Self::do_submit(miner, slot, parent, block, manifest, stamp, salt)?;
			let displacing = Self::withdrawal_weight().saturating_mul(displaced.into());
			Ok(Some(T::WeightInfo::submit().saturating_add(displacing)).into())
		}

		/// Reveal the verdict that a committee member has sealed.
		///
		/// - `origin`: authorised by the signature, so it costs nothing and needs no account.
		/// - `report`: the finding.
		/// - `salt`: what it was sealed with.
		/// - `key`: the member's session key.
		/// - `signature`: by that key over [`ScoreReport::signing_payload`] of this chain.
		///
		/// Emits [`Event::ScoreRevealed`].
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::reveal_score())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_reveal_score())]
		#[pallet::authorize(Self::authorize_reveal_score)]
		pub fn reveal_score(
			origin: OriginFor<T>,
			report: ScoreReport,
			salt: H256,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_reveal_score(report, salt, key)
		}

		/// Set the test sequences that candidates for a model are measured on.
		///
		/// - `origin`: `HoldoutOrigin`.
		/// - `model`, `holdout`: the model and its sequences. An evaluation on its way keeps the old ones.
		///
		/// Emits [`Event::HoldoutRegistered`].
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::register_holdout())]
		pub fn register_holdout(origin: OriginFor<T>, model: ModelId, holdout: HoldoutRef) -> DispatchResult {
			T::HoldoutOrigin::ensure_origin(origin)?;
			Self::do_register_holdout(model, holdout)
		}

		/// Do now what is due for a submission: its draw, or its decision.
		///
		/// Blocks do this by themselves when they have room left; this call is for when they have not.
		///
		/// - `origin`: anyone, signed. It is work done for the chain, so success is free.
		/// - `submission`: an open one, first of its model's queue.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::draw().max(T::WeightInfo::decide()).saturating_add(Pallet::<T>::sealed_weight()))]
		pub fn finalise(origin: OriginFor<T>, submission: SubmissionId) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			Self::do_finalise(submission)?;
			Ok(Pays::No.into())
		}

		/// Take a submission back before its draw. The bond returns; the day's upload does not.
		///
		/// - `origin`: its miner, signed.
		/// - `submission`: an open one without a committee, of which no acceptance was refuted.
		///
		/// Emits [`Event::Withdrawn`].
		#[pallet::call_index(4)]
		#[pallet::weight(Pallet::<T>::withdrawal_weight())]
		pub fn withdraw(origin: OriginFor<T>, submission: SubmissionId) -> DispatchResult {
			let miner = ensure_signed(origin)?;
			Self::do_withdraw(miner, submission)
		}

		/// Seal a committee member's finding, before anybody knows anybody's.
		///
		/// - `origin`: authorised by the signature, so it costs nothing and needs no account.
		/// - `seal`: `seal_hash` of the verdict's digest, a salt and the member's account.
		/// - `key`: the member's session key.
		/// - `signature`: by that key over [`ScoreSeal::signing_payload`] of this chain.
		///
		/// Emits [`Event::ScoreSealed`].
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::commit_score())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_commit_score())]
		#[pallet::authorize(Self::authorize_commit_score)]
		pub fn commit_score(
			origin: OriginFor<T>,
			seal: ScoreSeal,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_commit_score(seal, key)
		}

		/// Set the mixed-domain sequences on which candidates for a model must not be worse.
		///
		/// - `origin`: `HoldoutOrigin`.
		/// - `model`, `holdout`: the model and its sequences. An evaluation on its way keeps the old ones, or none. The model
		///   as it is now is what its successors are held against: the whole guard budget is there again.
		///
		/// Emits [`Event::GuardRegistered`].
		#[pallet::call_index(6)]
		#[pallet::weight(T::WeightInfo::register_guard())]
		pub fn register_guard(origin: OriginFor<T>, model: ModelId, holdout: HoldoutRef) -> DispatchResult {
			T::HoldoutOrigin::ensure_origin(origin)?;
			Self::do_register_guard(model, holdout)
		}

		/// Do now what is due for a decision that nobody disputes any more: rewards are released and paid.
		///
		/// Blocks do this by themselves when they have room left; this call is for when they have not.
		///
		/// - `origin`: anyone, signed. It is work done for the chain, so success is free.
		/// - `submission`: one whose challenge window is over.
		///
		/// Emits [`Event::Matured`].
		#[pallet::call_index(7)]
		#[pallet::weight(T::WeightInfo::settle().saturating_add(Pallet::<T>::sealed_weight()))]
		pub fn settle(origin: OriginFor<T>, submission: SubmissionId) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			Self::do_settle(submission)?;
			Ok(Pays::No.into())
		}

		/// Attest that an operator has all bytes of a candidate. With enough attestations it is queued.
		///
		/// - `origin`: authorised by the signature, so it costs nothing and needs no account.
		/// - `attestation`: the submission, and the hash of its bytes.
		/// - `key`: the operator's session key.
		/// - `signature`: by that key over [`Attestation::signing_payload`] of this chain.
		///
		/// Emits [`Event::BytesAttested`].
		#[pallet::call_index(8)]
		#[pallet::weight(T::WeightInfo::commit_score())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_commit_score())]
		#[pallet::authorize(Self::authorize_attest_bytes)]
		pub fn attest_bytes(
			origin: OriginFor<T>,
			attestation: Attestation,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_attest_bytes(attestation, key)
		}

		/// Open a seal after its time, so that it does not cost the member what a false verdict costs.
		///
		/// - `origin`: authorised by the signature, so it costs nothing and needs no account.
		/// - `draw`: the draw that was sealed for.
		/// - `report`: the finding. It must be the one that stood, or must still be disputable.
		/// - `salt`: what it was sealed with.
		/// - `key`: the member's session key.
		/// - `signature`: by that key over [`ScoreReport::signing_payload`] of this chain.
		///
		/// Emits [`Event::ScoreRevealedLate`].
		#[pallet::call_index(9)]
		#[pallet::weight(T::WeightInfo::reveal_score().saturating_add(T::WeightInfo::settle()))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_reveal_score())]
		#[pallet::authorize(Self::authorize_reveal_late)]
		pub fn reveal_late(
			origin: OriginFor<T>,
			draw: DrawId,
			report: ScoreReport,
			salt: H256,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_reveal_late(draw, report, salt, key)
		}

		/// Object to an acceptance as a member that could not seal: what it finds becomes a claim that can be disputed.
		///
		/// - `origin`: authorised by the signature, free, without an account. A false objection costs what a false verdict does.
		/// - `draw`: the draw that was decided.
		/// - `report`: the finding, another one than the verdict that decided.
		/// - `key`: the member's session key.
		/// - `signature`: by that key over [`ScoreReport::signing_payload`] of this chain.
		///
		/// Emits [`Event::Objected`].
		#[pallet::call_index(10)]
		#[pallet::weight(T::WeightInfo::reveal_score())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_reveal_score())]
		#[pallet::authorize(Self::authorize_object)]
		pub fn object(
			origin: OriginFor<T>,
			draw: DrawId,
			report: ScoreReport,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_object(draw, report, key)
		}

		/// Commit to a submission without revealing it. [`Pallet::submit`] opens the commitment `CommitAge` blocks later.
		///
		/// - `origin`: the miner, signed. The deposit is held until the commitment is opened, and lost when it expires.
		/// - `commitment`: the [`blyan_primitives::commitment_hash`] of the block with a salt that only the miner knows.
		///
		/// Emits [`Event::Committed`].
		#[pallet::call_index(11)]
		#[pallet::weight(T::WeightInfo::commit())]
		pub fn commit(origin: OriginFor<T>, commitment: H256) -> DispatchResult {
			let miner = ensure_signed(origin)?;
			Self::do_commit(miner, commitment)
		}

		/// Prove that a submission is a near copy of another miner's expert: it earns nothing, and its bond is lost.
		///
		/// - `origin`: anyone, signed. A true report is free and pays a share of the bond.
		/// - `copy`: an open submission, or one whose acceptance can still be disputed.
		/// - `original`: the expert that it is a copy of.
		/// - `evidence`: a tile of each, and of what they were trained from.
		///
		/// Emits [`Event::CopyProven`].
		#[pallet::call_index(20)]
		#[pallet::weight(T::WeightInfo::report_copy().saturating_add(Pallet::<T>::sealed_weight()))]
		pub fn report_copy(
			origin: OriginFor<T>,
			copy: SubmissionId,
			original: Original,
			evidence: Box<CopyEvidence>,
		) -> DispatchResultWithPostInfo {
			let reporter = ensure_signed(origin)?;
			Self::do_report_copy(reporter, copy, original, &evidence)?;
			Ok(Pays::No.into())
		}

		/// Prove as an operator that a submission is a near copy of another miner's expert. Off-chain workers do, of what they
		/// find.
		///
		/// - `origin`: authorised by the signature and the evidence, so it costs nothing, and a report that is not true is in
		///   no block. The operator is paid the reporter's share.
		/// - `copy`, `original`, `evidence`: as in [`Pallet::report_copy`].
		/// - `key`: the operator's session key.
		/// - `signature`: by that key over the [`blyan_primitives::copy_report_payload`] of this chain.
		///
		/// Emits [`Event::CopyProven`].
		#[pallet::call_index(21)]
		#[pallet::weight(T::WeightInfo::report_copy().saturating_add(Pallet::<T>::sealed_weight()))]
		// The evidence is checked twice; the ending that the figure counts too covers the hash that is signed.
		#[pallet::weight_of_authorize(
			T::WeightInfo::report_copy().saturating_add(T::WeightInfo::authorize_reveal_score())
		)]
		#[pallet::authorize(Self::authorize_report_copy)]
		pub fn report_copy_as_operator(
			origin: OriginFor<T>,
			copy: SubmissionId,
			original: Original,
			evidence: Box<CopyEvidence>,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			let reporter = T::Operators::owner_of(&key).ok_or(Error::<T>::NotInCommittee)?;
			Self::do_report_copy(reporter, copy, original, &evidence)
		}

		/// Prove that a submission to an open model is a near copy of another miner's adapters: it earns nothing, and its bond is lost.
		///
		/// - `origin`: anyone, signed. A true report is free and pays a share of the bond.
		/// - `copy`, `original`: as in [`Pallet::report_copy`].
		/// - `evidence`: one projection's adapter of each, and of what they were trained from.
		///
		/// Emits [`Event::CopyProven`].
		#[pallet::call_index(22)]
		#[pallet::weight(
			T::WeightInfo::report_open_copy(evidence.shown_bytes()).saturating_add(Pallet::<T>::sealed_weight())
		)]
		pub fn report_open_copy(
			origin: OriginFor<T>,
			copy: SubmissionId,
			original: Original,
			evidence: Box<OpenCopyEvidence>,
		) -> DispatchResultWithPostInfo {
			let reporter = ensure_signed(origin)?;
			Self::do_report_open_copy(reporter, copy, original, &evidence)?;
			Ok(Pays::No.into())
		}

		/// Prove as an operator that a submission to an open model is a near copy of another miner's adapters. Off-chain workers do, of
		/// what they find.
		///
		/// - `origin`: authorised as in [`Pallet::report_copy_as_operator`], so it costs nothing.
		/// - `copy`, `original`, `evidence`: as in [`Pallet::report_open_copy`].
		/// - `key`: the operator's session key.
		/// - `signature`: by that key over the [`blyan_primitives::open_copy_report_payload`] of this chain.
		///
		/// Emits [`Event::CopyProven`].
		#[pallet::call_index(23)]
		#[pallet::weight(
			T::WeightInfo::report_open_copy(evidence.shown_bytes()).saturating_add(Pallet::<T>::sealed_weight())
		)]
		// As for `report_copy_as_operator`; the hash that is signed is one of five of each byte.
		#[pallet::weight_of_authorize(
			T::WeightInfo::report_open_copy(evidence.shown_bytes())
				.saturating_add(T::WeightInfo::authorize_reveal_score())
		)]
		#[pallet::authorize(Self::authorize_report_open_copy)]
		pub fn report_open_copy_as_operator(
			origin: OriginFor<T>,
			copy: SubmissionId,
			original: Original,
			evidence: Box<OpenCopyEvidence>,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			let reporter = T::Operators::owner_of(&key).ok_or(Error::<T>::NotInCommittee)?;
			Self::do_report_open_copy(reporter, copy, original, &evidence)
		}
	}
}
