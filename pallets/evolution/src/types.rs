//! Records. No storage access.

use blyan_primitives::{
	evolution::{
		BenchmarkFinding, BenchmarkOutcome, EpochId, EpochOutcome, EpochPhase, EvaluationStep, Proposal,
		ProposalId,
	},
	randomness::RelayNumber,
	voting::ElectorateId,
	ArchitectureId, BlockRef, ModelId,
};
use blyan_support::commit_reveal::{self, Commitment};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	pallet_prelude::Get,
	traits::{
		fungible::{Credit, Inspect},
		ConstU32,
	},
	BoundedVec, CloneNoBound, DebugNoBound, EqNoBound, PartialEqNoBound,
};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_core::H256;

/// Amount of the coin of a runtime.
pub type BalanceOf<T> =
	<<T as crate::Config>::Currency as Inspect<<T as frame_system::Config>::AccountId>>::Balance;
/// Money of a runtime that was taken and is not spent yet.
pub type CreditOf<T> = Credit<<T as frame_system::Config>::AccountId, <T as crate::Config>::Currency>;
/// [`EpochRecord`] of a runtime.
pub type EpochRecordOf<T> = EpochRecord<BlockNumberFor<T>>;
/// [`ProposalRecord`] of a runtime.
pub type ProposalRecordOf<T> = ProposalRecord<<T as frame_system::Config>::AccountId, BalanceOf<T>>;
/// [`EndorsementRecord`] of a runtime.
pub type EndorsementRecordOf<T> = EndorsementRecord<<T as frame_system::Config>::AccountId, BalanceOf<T>>;
/// [`GpuOfferRecord`] of a runtime.
pub type GpuOfferRecordOf<T> = GpuOfferRecord<BlockNumberFor<T>>;
/// [`EvaluationRecord`] of a runtime.
pub type EvaluationRecordOf<T> = EvaluationRecord<
	<T as frame_system::Config>::AccountId,
	BlockNumberFor<T>,
	<T as crate::Config>::MaxSeats,
>;
/// [`SummaryRecord`] of a runtime.
pub type SummaryRecordOf<T> = SummaryRecord<<T as frame_system::Config>::AccountId, BlockNumberFor<T>>;

/// Most bytes of the record of an architecture of the second definition: 35, and 25 for each of 128 layers.
pub const ARCHITECTURE_BYTES_MAX: u32 = 35 + 128 * 25;
/// Most parts of a model of the second definition: embedding, 128 layers, head.
pub const PARTS_MAX: u32 = 130;

/// Record of an architecture: `Architecture::to_bytes`.
pub type ArchitectureBytes = BoundedVec<u8, ConstU32<ARCHITECTURE_BYTES_MAX>>;
/// Parts of a candidate: embedding, layers, head.
pub type CandidateParts = BoundedVec<BlockRef, ConstU32<PARTS_MAX>>;

macro_rules! record {
	($(#[$meta:meta])* pub $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
		#[scale_info(capture_docs = "always")]
		pub $($rest)*
	};
}

record! {
	/// The present epoch.
	#[derive(Copy)]
	pub struct EpochRecord<BlockNumber> {
		/// Its number.
		pub id: EpochId,
		/// When it began.
		pub opened_at: BlockNumber,
		/// Its phase.
		pub phase: EpochPhase,
		/// Last moment of the phase; of an evaluation, its steps have their own.
		pub until: BlockNumber,
		/// When the next epoch begins, if this one is over.
		pub next_at: BlockNumber,
		/// The operators that may endorse, as they were when the first one did.
		pub electorate: Option<ElectorateId>,
		/// Number of their voices.
		pub voices: u32,
		/// The proposal that is tried.
		pub selected: Option<ProposalId>,
		/// The comparison, once the candidate is delivered.
		pub comparison: Option<Comparison>,
		/// Its outcome, once it is decided.
		pub outcome: Option<EpochOutcome>,
	}
}

record! {
	/// Two models that are compared.
	#[derive(Copy)]
	pub struct Comparison {
		/// The candidate.
		pub candidate: ModelId,
		/// Generation of the base that the candidate has to surpass.
		pub base_generation: u32,
		/// True if the registry keeps that generation for this epoch.
		pub is_base_kept: bool,
	}
}

record! {
	/// A proposal of the present epoch.
	pub struct ProposalRecord<AccountId, Balance> {
		/// The proposer.
		pub proposer: AccountId,
		/// The proposal.
		pub proposal: Proposal,
		/// The target architecture.
		pub architecture: ArchitectureId,
		/// Automatic feasibility, in millionths.
		pub feasibility: u32,
		/// Voices that endorse it.
		pub endorsements: u32,
		/// The proposer's deposit on hold.
		pub deposit: Balance,
		/// The proposer's deposit on hold for the candidate's place in the registry.
		pub candidate_deposit: Balance,
	}
}

impl<AccountId, Balance> ProposalRecord<AccountId, Balance> {
	/// Measure of selection: feasibility times endorsements, so that neither can replace the other.
	pub fn merit(&self) -> u64 {
		u64::from(self.feasibility).saturating_mul(self.endorsements.into())
	}
}

record! {
	/// An endorsement by one voice.
	pub struct EndorsementRecord<AccountId, Balance> {
		/// The proposal.
		pub proposal: ProposalId,
		/// The account that endorsed, and whose bond is on hold.
		pub endorser: AccountId,
		/// The bond.
		pub bond: Balance,
	}
}

record! {
	/// State of an evaluator's finding.
	pub enum SeatState {
		/// Nothing was sealed.
		Waiting,
		/// A finding is sealed.
		Sealed(H256),
		/// The finding is open.
		Revealed(BenchmarkFinding),
	}
}

record! {
	/// An evaluator.
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

/// The evaluation that is under way.
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
pub struct EvaluationRecord<AccountId, BlockNumber, MaxSeats>
where
	AccountId: Clone + core::fmt::Debug + Eq,
	BlockNumber: Clone + core::fmt::Debug + Eq,
	MaxSeats: Get<u32>,
{
	/// The appointment of its draw.
	pub appointment: RelayNumber,
	/// 0, or 1 if it was drawn again.
	pub round: u8,
	/// Names the draw, and is what the tasks follow from; zero before.
	pub draw: H256,
	/// Step.
	pub step: EvaluationStep,
	/// Last moment of the step.
	pub until: BlockNumber,
	/// The evaluators.
	pub seats: BoundedVec<Seat<AccountId>, MaxSeats>,
}

impl<AccountId, BlockNumber, MaxSeats> EvaluationRecord<AccountId, BlockNumber, MaxSeats>
where
	AccountId: Clone + core::fmt::Debug + Eq,
	BlockNumber: Clone + core::fmt::Debug + Eq,
	MaxSeats: Get<u32>,
{
	/// Reports whether every evaluator has sealed a finding.
	pub fn is_sealed(&self) -> bool {
		!self.seats.is_empty() && commit_reveal::is_sealed(&self.seats)
	}

	/// Reports whether every seal is open.
	pub fn is_open(&self) -> bool {
		commit_reveal::is_open(&self.seats)
	}

	/// Findings that are open, in the order of the seats.
	pub fn findings(&self) -> impl Iterator<Item = (&AccountId, &BenchmarkFinding)> {
		self.seats.iter().filter_map(|seat| match &seat.state {
			SeatState::Revealed(finding) => Some((&seat.operator, finding)),
			_ => None,
		})
	}
}

record! {
	/// An epoch that is over.
	pub struct SummaryRecord<AccountId, BlockNumber> {
		/// Its outcome.
		pub outcome: EpochOutcome,
		/// When it was decided.
		pub decided_at: BlockNumber,
		/// The proposal that was tried.
		pub tried: Option<TriedProposal<AccountId>>,
		/// The candidate, if it was delivered.
		pub candidate: Option<ModelId>,
		/// Names the draw, if there was one: `blyan benchmark run --held-out` computes its tasks again.
		pub draw: Option<H256>,
		/// The results that the evaluators agreed on.
		pub benchmark: Option<BenchmarkOutcome>,
	}
}

record! {
	/// A proposal that was tried.
	pub struct TriedProposal<AccountId> {
		/// Its number.
		pub id: ProposalId,
		/// The proposer.
		pub proposer: AccountId,
		/// The proposal.
		pub proposal: Proposal,
		/// The target architecture.
		pub architecture: ArchitectureId,
		/// Voices that endorsed it.
		pub endorsements: u32,
	}
}

record! {
	/// A model's successor.
	#[derive(Copy)]
	pub struct SuccessorRecord {
		/// The successor.
		pub model: ModelId,
		/// The epoch that promoted it.
		pub epoch: EpochId,
		/// Its mean gain, in parts per million.
		pub gain_ppm: i32,
	}
}

record! {
	/// State of the hours that are reserved of an offer.
	#[derive(Copy)]
	pub enum ReservationState {
		/// The operator has claimed none yet, and more may be reserved.
		Open,
		/// The operator claimed those that are reserved still.
		Claimed,
		/// Their credits are paid, returned or burned.
		Settled,
	}
}

record! {
	/// GPU hours that an operator offers in an epoch.
	#[derive(Copy)]
	pub struct GpuOfferRecord<BlockNumber> {
		/// Its GPUs.
		pub gpus: u16,
		/// Hours of all of them together.
		pub hours: u32,
		/// Credits an hour.
		pub price: u32,
		/// Hours that are reserved, less those that the operator did not claim.
		pub reserved: u32,
		/// When the first of them were reserved.
		pub reserved_at: BlockNumber,
		/// State of the reserved hours.
		pub state: ReservationState,
	}
}

impl<BlockNumber> GpuOfferRecord<BlockNumber> {
	/// Reports whether nothing was ever reserved of it.
	pub fn is_untouched(&self) -> bool {
		self.reserved == 0 && self.state == ReservationState::Open
	}

	/// Hours that can be reserved still.
	pub fn hours_left(&self) -> u32 {
		match self.state {
			ReservationState::Open => self.hours.saturating_sub(self.reserved),
			ReservationState::Claimed | ReservationState::Settled => 0,
		}
	}

	/// Credits of the reserved hours; in escrow until they are settled.
	pub fn escrow(&self) -> u32 {
		self.reserved.saturating_mul(self.price)
	}
}
