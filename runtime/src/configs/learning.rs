//! The chain's purpose: models, the operators who judge, and the proof that learning happened.

use crate::{
	configs::justice::{OpenClaims, OpenClaimsWeight},
	governance::{
		bounds::{AtLeast, AtMost, CommitteeMin, OneMinute, SubmissionBondMax, TenMinutes},
		origins::{EnsureModelAdmin, RootOr},
	},
	parameters::learning,
	*,
};
use alloc::vec::Vec;
use blyan_primitives::traits::OffenceKind;
use frame_support::{
	parameter_types,
	traits::{ConstU32, Get},
};
use sp_runtime::{traits::Convert, transaction_validity::TransactionPriority, Perbill, Permill};

impl pallet_experts::Config for Runtime {
	type RegisterOrigin = RootOr<EnsureModelAdmin>;
	type MaxModels = ConstU32<256>;
	// 32 layers of 64 experts. Reading a whole model stays below a megabyte of proof.
	type MaxSlots = ConstU32<2_048>;
	type MaxBlockBytes = ConstU32<MAX_EXPERT_BYTES>;
	type MaxPartBytes = ConstU32<MAX_PART_BYTES>;
	type MaxHistory = ConstU32<16>;
	// Decisions and draws that can be disputed are at most 256, audits as many, and one evaluation a model. The rest is
	// for cases, which cost a stake each.
	type MaxKept = ConstU32<1_024>;
	type WeightInfo = weights::pallet_experts::WeightInfo<Runtime>;
}

/// Operators that sit in a committee that has not decided, or take part in an audit that is open.
///
/// What they decided before keeps their stake at risk as long as they unbond, and they need no place for that.
pub struct OpenDuties;

impl Get<Vec<AccountId>> for OpenDuties {
	fn get() -> Vec<AccountId> {
		use pallet_audits::{Agenda, Audits};
		use pallet_proof_of_learning::{BusyModels, OpenSubmissions, Phase, Queues};
		// The first of each queue is the only one with a committee.
		let evaluated = BusyModels::<Runtime>::get()
			.into_iter()
			.filter_map(|model| Queues::<Runtime>::get(model).first().copied())
			.filter_map(OpenSubmissions::<Runtime>::get)
			.filter_map(|record| match record.phase {
				Phase::Evaluating(evaluation) => Some(evaluation.seats),
				Phase::Announced { .. } | Phase::Queued { .. } => None,
			})
			.flat_map(|seats| seats.into_iter().map(|seat| seat.operator));
		let audited = Agenda::<Runtime>::get()
			.into_iter()
			.filter_map(|(audit, _)| Audits::<Runtime>::get(audit))
			.flat_map(|audit| {
				audit.seats.into_iter().map(|seat| seat.operator).chain(core::iter::once(audit.setter))
			});
		evaluated.chain(audited).collect()
	}
}

parameter_types! {
	/// The stake of a basic operator. What an acceptance pays at most is what those who agreed would lose: with eight basic
	/// operators half of eight stakes.
	pub const StakeUnit: Balance = 100 * UNIT;
	pub const HeartbeatPeriod: BlockNumber = HOURS;
	// A machine that is down is no lie, but its places and seats are missing: a thousandth of the stake a day.
	pub const SilencePeriod: BlockNumber = DAYS;
	// Longer than a full queue takes to be judged, too: 256 submissions of twelve minutes are two days. So an owner
	// that parts with its operators when it submits still cannot be judged by them.
	pub const UnbondingPeriod: BlockNumber = 7 * DAYS;
	// The challenge window, a game in which both sides use up their clocks, and the time for an appeal. Parameters and a crowd of
	// games can make it longer; then `OpenClaims` holds the stake.
	pub const LongestDispute: BlockNumber = 3 * DAYS;
	// Also what an operator that misses its seals stays out of draws.
	pub const QuarantinePeriod: BlockNumber = DAYS;
	// The last fifty events count for about two thirds of a measure.
	pub const MeasureStep: Permill = Permill::from_percent(2);
	pub const RegistrationBase: Balance = UNIT / 10;
	pub const RegistrationHalfLife: BlockNumber = DAYS;
	pub const HardwareBond: Balance = UNIT / 10;
	// Longer than tolerated silence.
	pub const HardwareWindow: BlockNumber = 4 * HOURS;
	/// A newcomer is drawn a minute later, and an operator that is gone leaves a seat empty for no longer than that.
	pub const ElectoratePeriod: BlockNumber = MINUTES;
	/// As many minutes as an evaluation takes whose windows all pass, which is what the next in the queue waits for: 30 KB each
	/// with 256 operators, 762 KB together.
	pub const ElectoratesKept: u32 = 25;
	/// Heartbeats are small and rare; they pass before calls that pay no tip.
	pub const HeartbeatPriority: TransactionPriority = TransactionPriority::MAX / 2;
}

impl pallet_operators::Config for Runtime {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type RequiredStake = pallet_operators::TieredStake<StakeUnit>;
	type Backing = Delegation;
	type WorkingTime = Stopwatch;
	type SilencePeriod = SilencePeriod;
	type Duties = OpenDuties;
	type OpenClaims = OpenClaims;
	type OpenClaimsWeight = OpenClaimsWeight;
	type Offences = Slashing;
	type Randomness = RelayRandomness;
	type MaxOperators = ConstU32<256>;
	type HeartbeatPeriod = HeartbeatPeriod;
	type UnbondingPeriod = UnbondingPeriod;
	type LongestDispute = LongestDispute;
	type QuarantinePeriod = QuarantinePeriod;
	type MeasureStep = MeasureStep;
	type RegistrationBase = RegistrationBase;
	type RegistrationFactorMilli = ConstU32<1_250>;
	type RegistrationHalfLife = RegistrationHalfLife;
	type HardwareBond = HardwareBond;
	type HardwareWindow = HardwareWindow;
	type ElectoratePeriod = ElectoratePeriod;
	type ElectoratesKept = ElectoratesKept;
	type SweepPerBlock = ConstU32<4>;
	type HeartbeatPriority = HeartbeatPriority;
	type WeightInfo = weights::pallet_operators::WeightInfo<Runtime>;
}

parameter_types! {
	/// A tenth of a basic stake: ten backers fill half of a basic operator's room.
	pub const MinBacking: Balance = 10 * UNIT;
	/// Two entries of some 200 bytes, keys included.
	pub const EntryDeposit: Balance = deposit(1, 256);
	// Twice as long as leaving takes.
	pub const CommissionNotice: BlockNumber = 14 * DAYS;
	pub const IncomePeriod: BlockNumber = 7 * DAYS;
}

impl pallet_delegation::Config for Runtime {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Operators = Operators;
	type OnSlash = frame_support::traits::tokens::imbalance::ResolveTo<configs::TreasuryAccount, Balances>;
	type WorkingTime = Stopwatch;
	// A third of all weight takes a seventh of all own stake at least: see docs/economics.md.
	type BackingMax = ConstU32<2>;
	type MinBacking = MinBacking;
	type EntryDeposit = EntryDeposit;
	// Half of what backers earn, raised by five points a fortnight at most.
	type CommissionMax = ConstU32<500_000>;
	type CommissionStepMax = ConstU32<50_000>;
	type CommissionNotice = CommissionNotice;
	type UnbondingPeriod = UnbondingPeriod;
	type MaxChunks = ConstU32<8>;
	type IncomePeriod = IncomePeriod;
	type WeightInfo = ();
}

/// Bytes of any expert's block with which a model is registered; candidates are smaller (`justice::MAX_SHOWN_BYTES`). A committee of five fetches it from the miner and each other: at 10 MB/s in two seconds. Adapters of
/// rank 64 in a layer of Llama 2 7B's width take 8 MiB, a full network of it 76 MiB in four bits.
pub const MAX_EXPERT_BYTES: u32 = 16 * 1024 * 1024;
/// Bytes of the block of a trunk or a part. The largest part of a 7B model is its embedding of 32,000 x 4,096, 125 MiB in eight bits; a
/// vocabulary of 262,144 takes a gibibyte at that width.
pub const MAX_PART_BYTES: u32 = 1024 * 1024 * 1024;

parameter_types! {
	/// Penalty for a false score: see `pallet_slashing::UsualPenalties`.
	pub StakeAtRisk: Perbill = pallet_slashing::UsualPenalties::convert(OffenceKind::FalseScore).share;
	pub const BlocksPerDay: BlockNumber = DAYS;
	/// Long enough for a miner on a slow link to find a stamp and be included.
	pub const PowWindow: BlockNumber = 256;
}

impl pallet_proof_of_learning::Config for Runtime {
	type WorkingTime = Stopwatch;
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type OnSlash = frame_support::traits::tokens::imbalance::ResolveTo<configs::TreasuryAccount, Balances>;
	type Experts = Experts;
	type KnownBlobs = pallet_experts::CurrentBlobs<Runtime>;
	type Operators = Operators;
	type Offences = Slashing;
	type Rewards = Ledger;
	type Randomness = RelayRandomness;
	type SealedHoldouts = Holdouts;
	type HoldoutOrigin = RootOr<EnsureModelAdmin>;
	type Delta = learning::Delta;
	type Alpha = learning::Alpha;
	// About as many as an honest miner has between two acceptances: see docs/economics.md.
	type NewcomerAttempts = ConstU32<20>;
	type GuardTolerance = learning::GuardTolerance;
	type GuardBudget = learning::GuardBudget;
	type SampleSize = learning::SampleSize;
	type Delay = learning::Delay;
	type DrawWindow = learning::DrawWindow;
	type SealWindow = AtLeast<learning::SealWindow, OneMinute>;
	type RevealWindow = AtLeast<learning::RevealWindow, OneMinute>;
	type ChallengeWindow = AtLeast<learning::ChallengeWindow, TenMinutes>;
	type CommitteeSize = learning::CommitteeSize;
	type SecondCommitteeSize = learning::SecondCommitteeSize;
	type QuorumStake = learning::QuorumStake;
	type MaxRedraws = learning::MaxRedraws;
	type MinAttestations = learning::MinAttestations;
	type BytesWindow = learning::BytesWindow;
	type StakeAtRisk = StakeAtRisk;
	type ReporterShare = super::justice::ReporterShare;
	type EvaluationFee = learning::EvaluationFee;
	type CommitAge = learning::CommitAge;
	type CommitLifetime = learning::CommitLifetime;
	type CommitDeposit = learning::CommitDeposit;
	type MaxSeatsPerOwner = learning::MaxSeatsPerOwner;
	type MinCommittee = AtLeast<learning::MinCommittee, CommitteeMin>;
	type PowBits = learning::PowBits;
	type TrustedPowBits = learning::TrustedPowBits;
	type Bond = AtMost<learning::Bond, SubmissionBondMax>;
	type NewcomerQuota = learning::NewcomerQuota;
	type TrustedQuota = learning::TrustedQuota;
	type TrustAfter = learning::TrustAfter;
	type DistrustAfter = learning::DistrustAfter;
	type BlocksPerDay = BlocksPerDay;
	type PowWindow = PowWindow;
	// A committee that calls a candidate no expert must be refutable, so a call must be able to show it.
	type MaxBlockBytes = ConstU32<{ super::justice::MAX_SHOWN_BYTES }>;
	type MaxCommittee = ConstU32<16>;
	type MaxOpen = ConstU32<256>;
	type MaxOpenPerMiner = ConstU32<8>;
	type MaxMaturing = ConstU32<256>;
	type MaxClosed = ConstU32<4_096>;
	type MaxUploadsPerDay = ConstU32<256>;
	type ModelsPerBlock = ConstU32<4>;
	type WeightInfo = weights::pallet_proof_of_learning::WeightInfo<Runtime>;
}
