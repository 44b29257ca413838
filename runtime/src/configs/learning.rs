//! What the chain is for: models, the operators who judge, and the proof that learning happened.

use crate::{parameters::learning, *};
use frame_support::{parameter_types, traits::ConstU32};
use frame_system::EnsureRoot;
use sp_runtime::transaction_validity::TransactionPriority;

impl pallet_experts::Config for Runtime {
	type RegisterOrigin = EnsureRoot<AccountId>;
	type MaxModels = ConstU32<256>;
	// 32 layers of 64 experts. Reading a whole model stays below a megabyte of proof.
	type MaxSlots = ConstU32<2_048>;
	type MaxHistory = ConstU32<16>;
	type WeightInfo = weights::pallet_experts::WeightInfo<Runtime>;
}

parameter_types! {
	/// The stake of a basic operator.
	pub const StakeUnit: Balance = UNIT;
	pub const HeartbeatPeriod: BlockNumber = HOURS;
	// An evaluation is over after the report window, which governance keeps below a day.
	pub const UnbondingPeriod: BlockNumber = 7 * DAYS;
	/// Heartbeats are small and rare; they pass before calls that pay no tip.
	pub const HeartbeatPriority: TransactionPriority = TransactionPriority::MAX / 2;
}

impl pallet_operators::Config for Runtime {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type RequiredStake = pallet_operators::TieredStake<StakeUnit>;
	type MaxOperators = ConstU32<256>;
	type HeartbeatPeriod = HeartbeatPeriod;
	type UnbondingPeriod = UnbondingPeriod;
	// A hundred reports against the majority use up the best reputation.
	type ReputationStep = ConstU32<10_000>;
	type HeartbeatPriority = HeartbeatPriority;
	type WeightInfo = weights::pallet_operators::WeightInfo<Runtime>;
}

parameter_types! {
	pub const BlocksPerDay: BlockNumber = DAYS;
	/// Long enough for a miner on a slow link to find a stamp and be included.
	pub const PowWindow: BlockNumber = 256;
}

impl pallet_proof_of_learning::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type OnSlash = frame_support::traits::tokens::imbalance::ResolveTo<configs::TreasuryAccount, Balances>;
	type Experts = Experts;
	type KnownBlobs = Experts;
	type Operators = Operators;
	type Rewards = Ledger;
	type Randomness = RelayRandomness;
	type HoldoutOrigin = EnsureRoot<AccountId>;
	type Delta = learning::Delta;
	type ZMilli = learning::ZMilli;
	type SampleSize = learning::SampleSize;
	type Delay = learning::Delay;
	type ReportWindow = learning::ReportWindow;
	type CommitteeSize = learning::CommitteeSize;
	type MinCommittee = learning::MinCommittee;
	type PowBits = learning::PowBits;
	type TrustedPowBits = learning::TrustedPowBits;
	type Bond = learning::Bond;
	type NewcomerQuota = learning::NewcomerQuota;
	type TrustedQuota = learning::TrustedQuota;
	type TrustAfter = learning::TrustAfter;
	type DistrustAfter = learning::DistrustAfter;
	type BlocksPerDay = BlocksPerDay;
	type PowWindow = PowWindow;
	// The largest expert, 512 x 2,048 twice, packs into half a mebibyte.
	type MaxBlockBytes = ConstU32<{ 1024 * 1024 }>;
	type MaxCommittee = ConstU32<16>;
	type MaxOpen = ConstU32<256>;
	type MaxOpenPerMiner = ConstU32<8>;
	type MaxClosed = ConstU32<4_096>;
	type MaxUploadsPerDay = ConstU32<256>;
	type ModelsPerBlock = ConstU32<4>;
	type WeightInfo = weights::pallet_proof_of_learning::WeightInfo<Runtime>;
}
