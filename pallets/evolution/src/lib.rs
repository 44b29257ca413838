#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
	not(test),
	deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

use frame_support::pallet_macros::import_section;

pub use feasibility::Infeasibility;
pub use neighbours::Sortition;
pub use pallet::*;
pub use record::RecordViolation;
pub use types::*;
pub use weights::WeightInfo;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod bonds;
mod candidate;
mod evaluation;
mod events;
pub mod feasibility;
mod integrity;
mod messages;
mod neighbours;
pub mod network;
mod nomination;
mod phases;
mod queries;
mod record;
mod refusals;
pub mod reservations;
pub mod rules;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod types;
pub mod weights;
mod worker;

#[cfg(test)]
mod tests;

/// Target of this pallet's log lines.
pub const LOG_TARGET: &str = "blyan::evolution";

/// Evolution: on a schedule the best proposed architecture is tried, and kept if it is measurably better.
#[import_section(events::events)]
#[frame_support::pallet]
pub mod pallet {
	use super::{
		feasibility::Infeasibility, neighbours::*, record::RecordViolation, types::*, weights::WeightInfo,
	};
	use alloc::vec::Vec;
	use blyan_primitives::{
		evolution::{
			BenchmarkFinding, EpochId, EpochOutcome, ModelRecord, Proposal, ProposalId, TokenizerRef,
		},
		randomness::AppointedRandomness,
		traits::{ExpertRegistry, OpenModels, OperatorSet, Rewards},
		voting::Electorates,
		BlockRef, ModelId, OperatorId, OperatorSignature,
	};
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
		/// The money that deposits and bonds are held in.
		type Currency: MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>
			+ BalancedHold<Self::AccountId>;
		/// Why money is held, over the whole runtime.
		type RuntimeHoldReason: From<HoldReason>;
		/// Where deposits and bonds go that are lost.
		type OnSlash: OnUnbalanced<CreditOf<Self>>;
		/// Models and their registration.
		type Models: ExpertRegistry<Self::AccountId> + OpenModels;
		/// Operators, of whom evaluators are drawn.
		type Operators: OperatorSet<Self::AccountId>;
		/// Lists of operators that may endorse: one voice an owner.
		type Electorates: Electorates<Self::AccountId>;
		/// Drawing of committees.
		type Sortition: Sortition<Self::AccountId>;
		/// Reward source of evaluators.
		type Rewards: Rewards<Self::AccountId, BalanceOf<Self>>;
		/// Randomness by appointment: a draw is committed to before its seed exists.
		type Randomness: AppointedRandomness;
		/// Blocks in which transactions were admitted, counted: the time that phases are in.
		type WorkingTime: BlockNumberProvider<BlockNumber = BlockNumberFor<Self>>;
		/// May name a model's tokenizer, and say how its successors may differ from it.
		type TokenizerOrigin: EnsureOrigin<Self::RuntimeOrigin>;
		/// May have the next epoch begin before its time.
		type EpochOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// Blocks from an epoch's beginning to that of the next. Zero: no epoch begins.
		type EpochLength: Get<BlockNumberFor<Self>>;
		/// Least blocks of any window, however short an epoch is.
		type WindowMin: Get<BlockNumberFor<Self>>;
		/// Least tasks of a suite. Fewer leave more to luck.
		type TasksMin: Get<u32>;
		/// Most tasks of a suite.
		type TasksMax: Get<u32>;
		/// Share of all voices, in millionths, that a proposal needs to be selected; one voice at least. At most a third.
		type EndorsementsMin: Get<u32>;
		/// Evaluators, where that many unrelated operators are eligible. At most `MaxSeats`.
		type Evaluators: Get<u32>;
		/// Evaluators without whom nothing is measured.
		type MinEvaluators: Get<u32>;
		/// Deposit of a proposal.
		type ProposalDeposit: Get<BalanceOf<Self>>;
		/// Bond of an endorsement.
		type EndorsementBond: Get<BalanceOf<Self>>;
		/// Deposit for each block of a candidate, which the registry keeps for ever.
		type DepositPerBlock: Get<BalanceOf<Self>>;
		/// Share of a deposit that is lost by a candidate that failed, and by a proposal that no voice endorsed.
		type ProposerLoss: Get<Perbill>;
		/// Share of a bond that is lost by a candidate that failed.
		type EndorserLoss: Get<Perbill>;

		/// Proposals of one epoch.
		#[pallet::constant]
		type MaxProposals: Get<u32>;
		/// Largest committee.
		#[pallet::constant]
		type MaxSeats: Get<u32>;
		/// Most operators, thus most voices.
		#[pallet::constant]
		type MaxVoices: Get<u32>;
		/// Expert slots of a candidate, over all its layers.
		#[pallet::constant]
		type MaxHeads: Get<u32>;
		/// Epochs that are remembered.
		#[pallet::constant]
		type MaxHistory: Get<u32>;

		/// Weights of the calls and of what happens without being asked.
		type WeightInfo: WeightInfo;
	}

	/// Why this pallet holds money.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Deposit of a proposal.
		#[codec(index = 0)]
		Proposal,
		/// Bond of an endorsement.
		#[codec(index = 1)]
		Endorsement,
		/// Deposit for a candidate's blocks.
		#[codec(index = 2)]
		Candidate,
	}

	/// The next epoch's number.
	#[pallet::storage]
	pub type NextEpoch<T: Config> = StorageValue<_, EpochId, ValueQuery>;

	/// The present epoch; none before the first.
	#[pallet::storage]
	pub type Current<T: Config> = StorageValue<_, EpochRecordOf<T>>;

	/// The next proposal's number.
	#[pallet::storage]
	pub type NextProposal<T: Config> = StorageValue<_, ProposalId, ValueQuery>;

	/// Proposals of the present epoch, at most `MaxProposals`. Clean-up removes them.
	// Twox64Concat: the pallet counts the keys up, so they cannot be ground.
	#[pallet::storage]
	pub type Proposals<T: Config> = CountedStorageMap<_, Twox64Concat, ProposalId, ProposalRecordOf<T>>;

	/// Endorsements of the present epoch by voice, at most `MaxVoices`: one voice endorses one proposal. Clean-up removes them.
	// Blake2_128Concat: accounts are chosen by those who own them.
	#[pallet::storage]
	pub type Endorsements<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, EndorsementRecordOf<T>>;

	/// The evaluation of the present epoch, in its phase.
	#[pallet::storage]
	pub type Evaluation<T: Config> = StorageValue<_, EvaluationRecordOf<T>>;

	/// Evaluators of the present epoch's first committee, once there is a second. Clean-up removes them.
	#[pallet::storage]
	pub type FormerEvaluators<T: Config> = StorageValue<_, BoundedVec<T::AccountId, T::MaxSeats>, ValueQuery>;

	/// The last `MaxHistory` epochs that were decided.
	// Twox64Concat: the pallet counts the epochs.
	#[pallet::storage]
	pub type History<T: Config> = StorageMap<_, Twox64Concat, EpochId, SummaryRecordOf<T>>;

	/// The newest successor of each model that has one. Never removed; the model itself stays served and judged.
	// Twox64Concat: models are counted up.
	#[pallet::storage]
	pub type Successors<T: Config> = StorageMap<_, Twox64Concat, ModelId, SuccessorRecord>;

	/// Tokenizers of models. A successor has its base's.
	// Twox64Concat: as above.
	#[pallet::storage]
	pub type Tokenizers<T: Config> = StorageMap<_, Twox64Concat, ModelId, TokenizerRef>;

	/// Rules of models about their successors. A model without a record has none, and a successor inherits its base's. Never removed.
	// Twox64Concat: as above.
	#[pallet::storage]
	pub type ModelRecords<T: Config> = StorageMap<_, Twox64Concat, ModelId, ModelRecord>;

	/// Lengths in bytes of tokenizers that were ever named, so that nodes accept them. Never removed.
	// Blake2_128Concat: hashes can be ground.
	#[pallet::storage]
	pub type TokenizerBlobs<T: Config> = StorageMap<_, Blake2_128Concat, H256, u32>;

	/// Credits: what an account earned by evolution. Granted by this pallet alone; they cannot be bought or transferred, and pay
	/// for GPU hours in evolution.
	// Blake2_128Concat: accounts can be ground.
	#[pallet::storage]
	pub type Credits<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, u32, ValueQuery>;

	/// GPU hours that operators offer in the present epoch, and what is reserved of them; at most `MaxVoices`. The credits of reserved hours
	/// that are not settled are in no balance. Clean-up removes them.
	// Blake2_128Concat: as above.
	#[pallet::storage]
	pub type GpuOffers<T: Config> = CountedStorageMap<_, Blake2_128Concat, T::AccountId, GpuOfferRecordOf<T>>;

	/// The network's own proposal of the present epoch, if it was filed. Clean-up removes it.
	#[pallet::storage]
	pub type NetworkProposal<T: Config> = StorageValue<_, ProposalId>;

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_idle(_: BlockNumberFor<T>, remaining: Weight) -> Weight {
			Self::tick(remaining)
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
		/// Propose an architecture that is to surpass a model.
		///
		/// - `origin`: the proposer, who trains and delivers the candidate. The deposit is held until clean-up.
		/// - `proposal`: the change, and the gain by which it is judged.
		/// - `architecture`: canonical record of the target architecture.
		///
		/// Emits [`Event::Proposed`].
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::propose())]
		pub fn propose(
			origin: OriginFor<T>,
			proposal: Proposal,
			architecture: ArchitectureBytes,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_propose(who, proposal, &architecture)
		}

		/// Endorse a proposal. An endorsement is final, and one voice has one in an epoch.
		///
		/// - `origin`: an operator or its owner. The bond is held until clean-up; a share of it is lost if the candidate fails.
		/// - `proposal`: the proposal.
		///
		/// Emits [`Event::Endorsed`].
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::endorse())]
		pub fn endorse(origin: OriginFor<T>, proposal: ProposalId) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_endorse(who, proposal)
		}

		/// Deliver the candidate of the selected proposal: it is registered as a model of its own and measured.
		///
		/// - `origin`: its proposer. A deposit for every block is held until clean-up, and lost if the candidate fails.
		/// - `architecture`: the record that was proposed.
		/// - `parts`: embedding, layers, head.
		/// - `heads`: one expert a slot, layer by layer.
		///
		/// Evaluators fetch the blobs from nodes, so upload them. Emits [`Event::CandidateSubmitted`].
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::submit_candidate(parts.len() as u32, heads.len() as u32))]
		pub fn submit_candidate(
			origin: OriginFor<T>,
			architecture: ArchitectureBytes,
			parts: CandidateParts,
			heads: BoundedVec<BlockRef, T::MaxHeads>,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_submit_candidate(who, architecture, parts, heads.into_inner())
		}

		/// Seal a finding.
		///
		/// - `origin`: authorised by the signature, so it costs nothing.
		/// - `epoch`, `seal`: the epoch, and `BenchmarkFinding::seal`.
		/// - `key`, `signature`: by the evaluator's session key over `EvolutionMessage::Seal`.
		///
		/// Emits [`Event::FindingSealed`].
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::seal())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_seal())]
		#[pallet::authorize(Self::authorize_seal)]
		pub fn seal(
			origin: OriginFor<T>,
			epoch: EpochId,
			seal: H256,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_seal(epoch, seal, key)
		}

		/// Open a sealed finding.
		///
		/// - `origin`: authorised by the signature.
		/// - `epoch`, `finding`, `salt`: the epoch, and what the seal was made of.
		/// - `key`, `signature`: by the evaluator's session key over `EvolutionMessage::Reveal`.
		///
		/// Emits [`Event::FindingRevealed`].
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::reveal())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_reveal())]
		#[pallet::authorize(Self::authorize_reveal)]
		pub fn reveal(
			origin: OriginFor<T>,
			epoch: EpochId,
			finding: BenchmarkFinding,
			salt: H256,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_reveal(epoch, finding, salt, key)
		}

		/// Name the tokenizer that a model reads and writes with.
		///
		/// - `origin`: `TokenizerOrigin`. A proposer that named its base's tokenizer could choose one that the base cannot read.
		/// - `model`, `tokenizer`: the model of the second definition, and its tokenizer.
		///
		/// Emits [`Event::TokenizerSet`].
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::set_tokenizer())]
		pub fn set_tokenizer(
			origin: OriginFor<T>,
			model: ModelId,
			tokenizer: TokenizerRef,
		) -> DispatchResult {
			T::TokenizerOrigin::ensure_origin(origin)?;
			Self::do_set_tokenizer(model, tokenizer)
		}

		/// Do now what is due in the present epoch.
		///
		/// Blocks do this by themselves when they have room left; this call is for when they have not.
		///
		/// - `origin`: any account, signed. It is work done for the chain, so success is free.
		#[pallet::call_index(6)]
		#[pallet::weight(T::WeightInfo::step())]
		pub fn advance(origin: OriginFor<T>) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			Self::do_advance()?;
			Ok(Pays::No.into())
		}

		/// Have the next epoch begin now, when the one before is over.
		///
		/// - `origin`: `EpochOrigin`. It chooses when models are tried, and not what comes of it.
		///
		/// Emits [`Event::EpochOpened`].
		#[pallet::call_index(7)]
		#[pallet::weight(T::WeightInfo::begin_epoch())]
		pub fn begin_epoch(origin: OriginFor<T>) -> DispatchResult {
			T::EpochOrigin::ensure_origin(origin)?;
			Self::do_begin_epoch()
		}

		/// Say how a model's successors may differ from it.
		///
		/// - `origin`: `TokenizerOrigin`. A record narrows what may be proposed; it neither selects a proposal nor promotes one.
		/// - `model`, `record`: the model of the second definition, which no proposal of this epoch names as its base, and its record.
		///
		/// Emits [`Event::ModelRecordSet`].
		#[pallet::call_index(8)]
		#[pallet::weight(T::WeightInfo::set_model_record())]
		pub fn set_model_record(origin: OriginFor<T>, model: ModelId, record: ModelRecord) -> DispatchResult {
			T::TokenizerOrigin::ensure_origin(origin)?;
			Self::do_set_model_record(model, record)
		}

		/// Offer hours of GPUs for the training of what is tried in this epoch, instead of an earlier offer.
		///
		/// - `origin`: an operator that may be drawn. The offer stands until the epoch is over once hours of it are reserved.
		/// - `gpus`, `hours`, `price`: GPUs, hours of all of them together, and credits an hour.
		///
		/// Emits [`Event::GpusOffered`].
		#[pallet::call_index(9)]
		#[pallet::weight(T::WeightInfo::offer_gpus())]
		pub fn offer_gpus(origin: OriginFor<T>, gpus: u16, hours: u32, price: u32) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_offer_gpus(who, gpus, hours, price)
		}

		/// Reserve hours of the cheapest offers, and pay their credits into escrow.
		///
		/// - `origin`: the proposer of what is tried, in the training.
		/// - `hours`, `price_max`: hours, and the highest price an hour to take.
		///
		/// Emits [`Event::HoursReserved`] for each offer.
		#[pallet::call_index(10)]
		#[pallet::weight(T::WeightInfo::reserve_hours())]
		pub fn reserve_hours(origin: OriginFor<T>, hours: u32, price_max: u32) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_reserve_hours(who, hours, price_max)
		}

		/// Claim hours as worked, once and finally. What is not claimed returns to the proposer.
		///
		/// - `origin`: the operator, until the epoch is decided. Zero costs nothing, and silence credits.
		/// - `hours`: at most as many as were reserved of it.
		///
		/// Emits [`Event::HoursClaimed`].
		#[pallet::call_index(11)]
		#[pallet::weight(T::WeightInfo::claim_hours())]
		pub fn claim_hours(origin: OriginFor<T>, hours: u32) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_claim_hours(who, hours)
		}

		/// Confirm the hours that an operator claimed. Any other number denies them: their credits are then burned.
		///
		/// - `origin`: the proposer, until the epoch is decided. Silence denies them too.
		/// - `operator`, `hours`: the operator, and the hours that it claimed.
		///
		/// Emits [`Event::HoursSettled`].
		#[pallet::call_index(12)]
		#[pallet::weight(T::WeightInfo::confirm_hours())]
		pub fn confirm_hours(origin: OriginFor<T>, operator: T::AccountId, hours: u32) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_confirm_hours(who, operator, hours)
		}

		/// File the network's own proposal, which follows from the chain's state.
		///
		/// - `origin`: any account, signed. It chooses nothing and holds nothing; success is free, once an epoch.
		///
		/// Emits [`Event::NetworkProposed`].
		#[pallet::call_index(13)]
		#[pallet::weight(T::WeightInfo::file_proposal())]
		pub fn file_proposal(origin: OriginFor<T>) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			Self::do_file_proposal()?;
			Ok(Pays::No.into())
		}

		/// Become the proposer of the network's own proposal, which is not tried before.
		///
		/// - `origin`: the account that trains and delivers the candidate, and did not endorse it. The deposit is held until clean-up.
		///
		/// Emits [`Event::Adopted`].
		#[pallet::call_index(14)]
		#[pallet::weight(T::WeightInfo::adopt())]
		pub fn adopt(origin: OriginFor<T>) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_adopt(who)
		}
	}
}
