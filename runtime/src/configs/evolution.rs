//! Evolution: on a schedule the best proposed architecture is tried.

use super::data::Committees;
use crate::{
	governance::{
		bounds::{AtLeast, AtMost, CommitteeMin},
		origins::{EnsureModelAdmin, RootOr},
	},
	parameters::evolution,
	*,
};
use alloc::vec::Vec;
use blyan_primitives::{evolution::TASKS_MAX, traits::EligibleOperator, MILLIONTHS};
use frame_support::{
	parameter_types,
	traits::{tokens::imbalance::ResolveTo, ConstU32, Get},
};
use sp_core::H256;

/// Committees of evaluators are drawn as those of scores are: by weight, one seat an owner.
impl pallet_evolution::Sortition<AccountId> for Committees {
	fn draw(
		seed: &H256,
		candidates: Vec<EligibleOperator<AccountId>>,
		count: u32,
		is_present: impl Fn(&AccountId) -> bool,
	) -> Vec<AccountId> {
		<Self as pallet_datasets::Sortition<AccountId>>::draw(seed, candidates, count, is_present)
	}
}

/// Blocks of an epoch, in days of governance, which are minutes on a development chain.
pub struct EpochLength;

impl Get<BlockNumber> for EpochLength {
	fn get() -> BlockNumber {
		match evolution::EpochDays::get() {
			0 => 0,
			days => RankedCollective::days(days, 1),
		}
	}
}

parameter_types! {
	/// Most tasks of a suite that engines take.
	pub const TasksBound: u32 = TASKS_MAX;
	/// Fewest tasks of a suite: with less, luck alone would promote.
	pub const TasksLeast: u32 = 20;
	/// A third of all voices, and the others measure.
	pub const EndorsementsBound: u32 = MILLIONTHS / 3;
	/// A block of a candidate takes six entries: a head, a version, a blob, and the tree over them. The registry keeps them for ever.
	pub const DepositPerBlock: Balance = deposit(6, 600);
}

impl pallet_evolution::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type OnSlash = ResolveTo<configs::TreasuryAccount, Balances>;
	type Models = Experts;
	type Operators = Operators;
	type Electorates = RankedCollective;
	type Sortition = Committees;
	type Rewards = Ledger;
	type Randomness = RelayRandomness;
	type WorkingTime = Stopwatch;
	type TokenizerOrigin = RootOr<EnsureModelAdmin>;
	type EpochOrigin = RootOr<EnsureModelAdmin>;
	type EpochLength = EpochLength;
	type WindowMin = ConstU32<10>;
	type TasksMin = AtMost<AtLeast<evolution::TasksMin, TasksLeast>, TasksBound>;
	type TasksMax = AtMost<evolution::TasksMax, TasksBound>;
	type EndorsementsMin = AtMost<evolution::EndorsementsMin, EndorsementsBound>;
	type Evaluators = AtLeast<evolution::Evaluators, CommitteeMin>;
	type MinEvaluators = AtLeast<evolution::MinEvaluators, CommitteeMin>;
	type ProposalDeposit = evolution::ProposalDeposit;
	type EndorsementBond = evolution::EndorsementBond;
	type DepositPerBlock = DepositPerBlock;
	type ProposerLoss = evolution::ProposerLoss;
	type EndorserLoss = evolution::EndorserLoss;
	type MaxProposals = ConstU32<32>;
	type MaxSeats = ConstU32<8>;
	// As many operators as there may be.
	type MaxVoices = <Runtime as pallet_operators::Config>::MaxOperators;
	type MaxHeads = <Runtime as pallet_experts::Config>::MaxSlots;
	type MaxHistory = ConstU32<128>;
	// Estimates; scripts/weights measures them.
	type WeightInfo = ();
}
