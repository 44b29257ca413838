//! Governance: referenda of operators, the technical council's whitelist, emergencies.

use crate::{
	governance::{
		origins::{self, EnsureCanceller, EnsureCouncilAdmin, EnsureKiller, EnsureWhitelistedCaller, RootOr},
		Day, Tracks, UndecidingTimeout,
	},
	*,
};
use blyan_primitives::{
	traits::{ExpertRegistry, OperatorStakes},
	ExpertSlot, ModelId, VersionIndex,
};
use frame_support::{
	parameter_types,
	traits::{AsEnsureOriginWithArg, ConstU32, Contains, Get, GetCallMetadata, TransactionPause},
	weights::Weight,
};
use frame_system::{EnsureRoot, EnsureSigned};
use pallet_collective::{EnsureProportionAtLeast, Instance1, PrimeDefaultVote};
use pallet_emergencies::{CallName, Measures};
use pallet_ledger::{Budget, Budgets, Envelope};
use sp_runtime::{DispatchError, DispatchResult, Perbill, Permill};

impl origins::Config for Runtime {}

parameter_types! {
	/// Deposit of a referendum, lost if it is rejected.
	pub const SubmissionDeposit: Balance = 10 * UNIT;
}

impl pallet_referenda::Config for Runtime {
	type RuntimeCall = RuntimeCall;
	type RuntimeEvent = RuntimeEvent;
	type WeightInfo = pallet_referenda::weights::SubstrateWeight<Runtime>;
	type Scheduler = Scheduler;
	type Currency = Balances;
	// Any account proposes; operators decide. The queue of a track is ordered by approvals, so spam waits behind what is wanted.
	type SubmitOrigin = AsEnsureOriginWithArg<EnsureSigned<AccountId>>;
	type CancelOrigin = RootOr<EnsureCanceller>;
	type KillOrigin = RootOr<EnsureKiller>;
	type Slash = Treasury;
	type Votes = pallet_operator_voting::VoiceCount;
	type Tally = pallet_operator_voting::TallyOf<Runtime>;
	type SubmissionDeposit = SubmissionDeposit;
	type MaxQueued = ConstU32<20>;
	type UndecidingTimeout = UndecidingTimeout;
	type AlarmInterval = ConstU32<1>;
	type Tracks = Tracks;
	type Preimages = Preimage;
	type BlockNumberProvider = System;
}

/// Referenda that were ever submitted.
pub struct ReferendaSubmitted;

impl Get<u32> for ReferendaSubmitted {
	fn get() -> u32 {
		pallet_referenda::ReferendumCount::<Runtime>::get()
	}
}

impl pallet_operator_voting::Config for Runtime {
	type Polls = RankedPolls;
	type PollCount = ReferendaSubmitted;
	type Voters = Operators;
	type MaxOperators = <Runtime as pallet_operators::Config>::MaxOperators;
	type UsualDay = ConstU32<DAYS>;
	// As long as an operator that leaves has its stake on hold.
	type VoterAgeDays = ConstU32<7>;
	// A test proves that no poll takes longer.
	type ElectorateDays = ConstU32<90>;
	// Estimates; scripts/weights measures them.
	type WeightInfo = ();
}

parameter_types! {
	pub const WhitelistExpiration: BlockNumber = 28 * DAYS;
	pub const MotionDuration: BlockNumber = 3 * DAYS;
	pub MaxMotionWeight: Weight = Perbill::from_percent(50) * configs::RuntimeBlockWeights::get().max_block;
}

impl pallet_whitelist::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeCall = RuntimeCall;
	type WhitelistOrigin = RootOr<EnsureProportionAtLeast<AccountId, Instance1, 2, 3>>;
	type DispatchWhitelistedOrigin = RootOr<EnsureWhitelistedCaller>;
	type Preimages = Preimage;
	type DeferredDispatchExpiration = WhitelistExpiration;
	type BlockNumberProvider = System;
	type WeightInfo = pallet_whitelist::weights::SubstrateWeight<Runtime>;
}

impl pallet_collective::Config<Instance1> for Runtime {
	type RuntimeOrigin = RuntimeOrigin;
	type Proposal = RuntimeCall;
	type RuntimeEvent = RuntimeEvent;
	type MotionDuration = MotionDuration;
	type MaxProposals = ConstU32<20>;
	type MaxMembers = ConstU32<32>;
	type DefaultVote = PrimeDefaultVote;
	type WeightInfo = pallet_collective::weights::SubstrateWeight<Runtime>;
	type SetMembersOrigin = RootOr<EnsureCouncilAdmin>;
	type MaxProposalWeight = MaxMotionWeight;
	type DisapproveOrigin = EnsureRoot<AccountId>;
	type KillOrigin = EnsureRoot<AccountId>;
	type Consideration = ();
}

parameter_types! {
	/// Amount that a frozen account can still move: ten appeals.
	pub const FreezeAllowance: Balance = 10 * UNIT;
}

impl pallet_emergencies::Config for Runtime {
	type RuntimeFreezeReason = RuntimeFreezeReason;
	type Currency = Balances;
	type Electorates = RankedCollective;
	type Measures = EmergencyMeasures;
	type PauseOrigin = EnsureRoot<AccountId>;
	type Exempt = AccountsOfTheChain;
	type Day = Day;
	type FreezeAllowance = FreezeAllowance;
	type MaxVoices = <Runtime as pallet_operators::Config>::MaxOperators;
	type MaxActive = ConstU32<32>;
	// Estimates; scripts/weights measures them.
	type WeightInfo = ();
}

/// Accounts without a key, which the chain itself pays from.
pub struct AccountsOfTheChain;

impl Contains<AccountId> for AccountsOfTheChain {
	fn contains(who: &AccountId) -> bool {
		*who == configs::TreasuryAccount::get() || *who == CollatorSelection::account_id()
	}
}

/// Measures against an emergency, by the pallets that they are about.
pub struct EmergencyMeasures;

impl Measures<AccountId, BlockNumber> for EmergencyMeasures {
	fn pause(blocks: BlockNumber) -> DispatchResult {
		<SafeMode as frame_support::traits::SafeMode>::enter(blocks)
			.map_err(|_| pallet_safe_mode::Error::<Runtime>::Entered.into())
	}

	fn revert_head(slot: ExpertSlot, version: VersionIndex) -> DispatchResult {
		<Experts as ExpertRegistry<AccountId>>::revert(slot, version).map(|_| ())
	}

	fn quarantine(who: &AccountId) -> DispatchResult {
		<Operators as OperatorStakes<AccountId, Balance>>::stake(who)
			.ok_or(pallet_operators::Error::<Runtime>::NotRegistered)?;
		<Operators as OperatorStakes<AccountId, Balance>>::quarantine(who);
		Ok(())
	}

	fn lower_rewards(keep: Permill) -> Result<(u32, u32), DispatchError> {
		let budget = Budgets::<Runtime>::get();
		let during = keep.mul_floor(budget.inflation);
		Ledger::do_set_budget(Budget { inflation: during, ..budget })?;
		Ok((budget.inflation, during))
	}

	fn restore_rewards(before: u32, during: u32) {
		let budget = Budgets::<Runtime>::get();
		if budget.inflation == during {
			// It was valid when it was lowered, and only an upgrade changes what is.
			let _ = Ledger::do_set_budget(Budget { inflation: before, ..budget });
		}
	}

	fn mint(amount: Balance) -> DispatchResult {
		Ledger::advance(Envelope::Treasury, amount)
	}

	fn checkpoint(model: ModelId) -> Result<u32, DispatchError> {
		let generation =
			<Experts as ExpertRegistry<AccountId>>::generation(model).ok_or(DispatchError::CannotLookup)?;
		if !<Experts as ExpertRegistry<AccountId>>::keep(model, generation) {
			return Err(DispatchError::Exhausted);
		}
		Ok(generation)
	}

	fn release(model: ModelId, generation: u32) {
		<Experts as ExpertRegistry<AccountId>>::release(model, generation);
	}

	fn pause_call(pallet: &CallName, call: &CallName) -> DispatchResult {
		let exists = call_exists(pallet, call).unwrap_or(false);
		if !exists {
			return Err(pallet_tx_pause::Error::<Runtime>::NotFound.into());
		}
		<TxPause as TransactionPause>::pause(full_name(pallet, call)?)
			.map_err(|_| pallet_tx_pause::Error::<Runtime>::Unpausable.into())
	}

	fn unpause_call(pallet: &CallName, call: &CallName) {
		if let Ok(name) = full_name(pallet, call) {
			// Root may have ended it earlier.
			let _ = <TxPause as TransactionPause>::unpause(name);
		}
	}
}

/// Reports whether the runtime has a call of this name.
fn call_exists(pallet: &CallName, call: &CallName) -> Option<bool> {
	let (pallet, call) = (core::str::from_utf8(pallet).ok()?, core::str::from_utf8(call).ok()?);
	let is_pallet = RuntimeCall::get_module_names().contains(&pallet);
	Some(is_pallet && RuntimeCall::get_call_names(pallet).contains(&call))
}

/// The name of a call as `pallet-tx-pause` keeps it.
fn full_name(
	pallet: &CallName,
	call: &CallName,
) -> Result<pallet_tx_pause::RuntimeCallNameOf<Runtime>, DispatchError> {
	let name = |name: &CallName| -> Result<_, DispatchError> {
		name.to_vec().try_into().map_err(|_| pallet_tx_pause::Error::<Runtime>::NotFound.into())
	};
	Ok((name(pallet)?, name(call)?))
}
