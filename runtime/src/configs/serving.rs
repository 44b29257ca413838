//! Paid serving: what operators sell, and how payments wait.

use crate::{
	governance::bounds::{AtLeast, AtMost, NetworkShareMax, OneMinute, TenMinutes},
	parameters::serving,
	*,
};
use blyan_primitives::{traits::ExpertRegistry, ModelId};
use frame_support::{
	parameter_types,
	traits::{ConstU32, Contains},
};
use sp_core::H256;
use sp_runtime::traits::Convert;

/// Newest generation of a registered model.
pub struct NewestGeneration;

impl Convert<ModelId, Option<u32>> for NewestGeneration {
	fn convert(model: ModelId) -> Option<u32> {
		<Experts as ExpertRegistry<AccountId>>::generation(model)
	}
}

/// Receipts that are challenged: nothing is paid for them meanwhile.
pub struct ChallengedReceipts;

impl Contains<H256> for ChallengedReceipts {
	fn contains(receipt: &H256) -> bool {
		pallet_answers::Challenges::<Runtime>::contains_key(receipt)
	}
}

/// Receipts that were proven wrong, or not defended: nothing is charged for them.
pub struct RefutedReceipts;

impl Contains<H256> for RefutedReceipts {
	fn contains(receipt: &H256) -> bool {
		pallet_answers::Refuted::<Runtime>::contains_key(receipt)
	}
}

parameter_types! {
	/// An idempotency key works for a day after its request is over.
	pub const RequestMemory: BlockNumber = DAYS;
	/// As long as the stake of an operator that leaves.
	pub KeyMemory: BlockNumber = <Runtime as pallet_operators::Config>::UnbondingPeriod::get();
}

impl pallet_inference::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Servers = Operators;
	type Generations = NewestGeneration;
	type Disputed = ChallengedReceipts;
	type Refuted = RefutedReceipts;
	type WorkingTime = Stopwatch;
	type NetworkShare = AtMost<serving::NetworkShare, NetworkShareMax>;
	// A hundredth of it is burned, the rest is halved between the collators' pot and the treasury, as of every fee.
	type OnShare = pallet_ledger::DealWithFees<Runtime>;
	type QuoteDeposit = serving::QuoteDeposit;
	type SessionDepositMin = serving::SessionDepositMin;
	type QuoteWindow = AtLeast<serving::QuoteWindow, OneMinute>;
	type CaptureWindow = AtLeast<serving::CaptureWindow, OneMinute>;
	type CancelWindow = AtLeast<serving::CancelWindow, OneMinute>;
	type ChallengeWindow = AtLeast<serving::ReceiptWindow, TenMinutes>;
	type RequestMemory = RequestMemory;
	type SessionClosing = AtLeast<serving::SessionClosing, TenMinutes>;
	type KeyMemory = KeyMemory;
	type MaxOffers = ConstU32<16>;
	type MaxKeys = ConstU32<24>;
	type MaxOpenRequests = ConstU32<32>;
	type MaxSessions = ConstU32<64>;
	type WeightInfo = weights::pallet_inference::WeightInfo<Runtime>;
}
