//! Rule: delayed calls, tunable parameters, and the brakes.

use crate::*;
use frame_support::{
	parameter_types,
	traits::{
		fungible::HoldConsideration, CallMetadata, ConstU32, Contains, EqualPrivilegeOnly, GetCallMetadata,
		LinearStoragePrice, NeverEnsureOrigin, QueryPreimage,
	},
	weights::Weight,
};
use frame_system::{EnsureRoot, EnsureRootWithSuccess};
use sp_runtime::{
	traits::{BlakeTwo256, Hash as _},
	Perbill,
};

parameter_types! {
	pub const PreimageBaseDeposit: Balance = deposit(2, 64);
	pub const PreimageByteDeposit: Balance = deposit(0, 1);
	pub const PreimageHoldReason: RuntimeHoldReason =
		RuntimeHoldReason::Preimage(pallet_preimage::HoldReason::Preimage);
}

impl pallet_preimage::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type WeightInfo = pallet_preimage::weights::SubstrateWeight<Runtime>;
	type Currency = Balances;
	type ManagerOrigin = EnsureRoot<AccountId>;
	type Consideration = HoldConsideration<
		AccountId,
		Balances,
		PreimageHoldReason,
		LinearStoragePrice<PreimageBaseDeposit, PreimageByteDeposit, Balance>,
	>;
}

/// Calls but those that give a preimage again which was asked for and is there. The SDK takes such a preimage any number of times
/// without a fee; a call that is filtered out is an error, and an error pays.
pub struct NewPreimages;

impl Contains<RuntimeCall> for NewPreimages {
	fn contains(call: &RuntimeCall) -> bool {
		let RuntimeCall::Preimage(pallet_preimage::Call::note_preimage { bytes }) = call else { return true };
		let hash = BlakeTwo256::hash(bytes);
		<Preimage as QueryPreimage>::len(&hash).is_none() || !Preimage::is_requested(&hash)
	}
}

parameter_types! {
	pub MaximumSchedulerWeight: Weight =
		Perbill::from_percent(80) * configs::RuntimeBlockWeights::get().max_block;
}

impl pallet_scheduler::Config for Runtime {
	type RuntimeOrigin = RuntimeOrigin;
	type RuntimeEvent = RuntimeEvent;
	type PalletsOrigin = OriginCaller;
	type RuntimeCall = RuntimeCall;
	type MaximumWeight = MaximumSchedulerWeight;
	type ScheduleOrigin = EnsureRoot<AccountId>;
	type OriginPrivilegeCmp = EqualPrivilegeOnly;
	// Each referendum that is decided has one alarm: a hundred at most, and what was approved.
	type MaxScheduledPerBlock = ConstU32<128>;
	type WeightInfo = pallet_scheduler::weights::SubstrateWeight<Runtime>;
	type Preimages = Preimage;
	type BlockNumberProvider = System;
}

impl pallet_parameters::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeParameters = parameters::RuntimeParameters;
	type AdminOrigin = parameters::EnsureAdmin;
	// The pallet keeps its measured weights private and offers them as `()` for a slower database.
	type WeightInfo = ();
}

impl pallet_sudo::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeCall = RuntimeCall;
	type WeightInfo = pallet_sudo::weights::SubstrateWeight<Runtime>;
}

/// Calls that run even in safe mode.
pub struct SafeModeWhitelist;

impl Contains<RuntimeCall> for SafeModeWhitelist {
	fn contains(call: &RuntimeCall) -> bool {
		let CallMetadata { pallet_name, function_name } = call.get_call_metadata();
		governance::is_unstoppable(pallet_name, function_name)
	}
}

parameter_types! {
	pub const EnterDuration: BlockNumber = 4 * HOURS;
	// Safe mode cannot be bought: it is entered by the chain's rule only.
	pub const NoDeposit: Option<Balance> = None;
	pub const NoRelease: Option<BlockNumber> = None;
}

impl pallet_safe_mode::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type WhitelistedCalls = SafeModeWhitelist;
	type EnterDuration = EnterDuration;
	type ExtendDuration = EnterDuration;
	type EnterDepositAmount = NoDeposit;
	type ExtendDepositAmount = NoDeposit;
	type ForceEnterOrigin = EnsureRootWithSuccess<AccountId, EnterDuration>;
	// The pallet knows no longest time, so an extension would be one without end.
	type ForceExtendOrigin = NeverEnsureOrigin<BlockNumber>;
	type ForceExitOrigin = EnsureRoot<AccountId>;
	type ForceDepositOrigin = EnsureRoot<AccountId>;
	type Notify = ();
	type ReleaseDelay = NoRelease;
	type WeightInfo = pallet_safe_mode::weights::SubstrateWeight<Runtime>;
}

/// Calls that cannot be paused: pausing them would stop the chain, make the pause permanent, or cost an account its stake.
pub struct TxPauseWhitelist;

impl Contains<pallet_tx_pause::RuntimeCallNameOf<Runtime>> for TxPauseWhitelist {
	fn contains((pallet, call): &pallet_tx_pause::RuntimeCallNameOf<Runtime>) -> bool {
		match (core::str::from_utf8(pallet), core::str::from_utf8(call)) {
			(Ok(pallet), Ok(call)) => governance::is_unstoppable(pallet, call),
			_ => false,
		}
	}
}

impl pallet_tx_pause::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeCall = RuntimeCall;
	// A pause of this pallet has no end, and may be one of a call that does not exist: `Emergencies::pause_call` knows better.
	type PauseOrigin = NeverEnsureOrigin<()>;
	type UnpauseOrigin = EnsureRoot<AccountId>;
	type WhitelistedCalls = TxPauseWhitelist;
	type MaxNameLen = ConstU32<256>;
	type WeightInfo = pallet_tx_pause::weights::SubstrateWeight<Runtime>;
}
