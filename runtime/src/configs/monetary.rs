//! Money: balances, fees, the ledger that alone mints it, and the treasury.

use crate::{
	governance::origins::{EnsureBudgetAdmin, EnsureTreasurer, RootOr, RootOrTreasurer},
	parameters::ledger,
	*,
};
use frame_support::{
	parameter_types,
	traits::{
		fungible::Credit,
		tokens::{imbalance::ResolveTo, PayFromAccount, UnityAssetBalanceConversion},
		ConstU32, ConstU8, Imbalance, OnUnbalanced, VariantCountOf,
	},
	weights::{constants::ExtrinsicBaseWeight, ConstantMultiplier, Weight},
	PalletId,
};
use pallet_collator_selection::StakingPotAccountId;
use polkadot_runtime_common::SlowAdjustingFeeUpdate;
use sp_runtime::{
	traits::{AccountIdConversion, IdentityLookup},
	Permill,
};

parameter_types! {
	pub const ExistentialDeposit: Balance = EXISTENTIAL_DEPOSIT;
}

impl pallet_balances::Config for Runtime {
	type Balance = Balance;
	type DustRemoval = ();
	type RuntimeEvent = RuntimeEvent;
	type ExistentialDeposit = ExistentialDeposit;
	type AccountStore = System;
	type WeightInfo = pallet_balances::weights::SubstrateWeight<Runtime>;
	type MaxLocks = ConstU32<50>;
	type MaxReserves = ConstU32<50>;
	type ReserveIdentifier = [u8; 8];
	type RuntimeHoldReason = RuntimeHoldReason;
	type RuntimeFreezeReason = RuntimeFreezeReason;
	type FreezeIdentifier = RuntimeFreezeReason;
	type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
	type DoneSlashHandler = ();
}

parameter_types! {
	/// Price of one byte of a transaction.
	pub const TransactionByteFee: Balance = 10 * MICROUNIT;
}

/// Price of weight: the higher of computation's and the proof's.
///
/// The smallest transaction's computation costs a tenth of a thousandth BLY, and so do 10 kB of proof.
pub struct WeightToFee;

impl frame_support::weights::WeightToFee for WeightToFee {
	type Balance = Balance;

	fn weight_to_fee(weight: &Weight) -> Balance {
		const STEP: Balance = MILLIUNIT / 10;
		let base_time = Balance::from(ExtrinsicBaseWeight::get().ref_time()).max(1);
		let time = Balance::from(weight.ref_time()).saturating_mul(STEP) / base_time;
		let proof = Balance::from(weight.proof_size()).saturating_mul(STEP) / 10_000;
		time.max(proof)
	}
}

/// Halves what is left of the fees, and the tips, between the collators' pot and the treasury.
pub struct PotAndTreasury;

impl OnUnbalanced<Credit<AccountId, Balances>> for PotAndTreasury {
	fn on_nonzero_unbalanced(amount: Credit<AccountId, Balances>) {
		let (to_pot, to_treasury) = amount.ration(50, 50);
		ResolveTo::<StakingPotAccountId<Runtime>, Balances>::on_unbalanced(to_pot);
		ResolveTo::<TreasuryAccount, Balances>::on_unbalanced(to_treasury);
	}
}

parameter_types! {
	/// A thousand million BLY, for ever.
	pub const SupplyCap: Balance = 1_000_000_000 * UNIT;
	pub const BlocksPerYear: BlockNumber = 365 * DAYS;
	pub const EraLength: BlockNumber = HOURS;
	pub const FeeBurn: Permill = Permill::from_percent(1);
}

impl pallet_ledger::Config for Runtime {
	type Currency = Balances;
	type BudgetOrigin = RootOr<EnsureBudgetAdmin>;
	type SupplyCap = SupplyCap;
	// Ten per cent a year.
	type InflationMax = ConstU32<100_000>;
	type BlocksPerYear = BlocksPerYear;
	type EraLength = EraLength;
	type LearningBase = ledger::LearningBase;
	type LearningMultipleMax = ledger::LearningMultipleMax;
	type ValidationReward = ledger::ValidationReward;
	type TreasuryAccount = TreasuryAccount;
	type FeeBurn = FeeBurn;
	type FeeRecipient = PotAndTreasury;
	type JournalLength = ConstU32<1_024>;
	type WeightInfo = weights::pallet_ledger::WeightInfo<Runtime>;
}

impl pallet_transaction_payment::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type OnChargeTransaction =
		pallet_transaction_payment::FungibleAdapter<Balances, pallet_ledger::DealWithFees<Runtime>>;
	type OperationalFeeMultiplier = ConstU8<5>;
	type WeightToFee = WeightToFee;
	type LengthToFee = ConstantMultiplier<Balance, TransactionByteFee>;
	type FeeMultiplierUpdate = SlowAdjustingFeeUpdate<Self>;
	type WeightInfo = pallet_transaction_payment::weights::SubstrateWeight<Runtime>;
}

impl pallet_skip_feeless_payment::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
}

parameter_types! {
	pub const TreasuryPalletId: PalletId = PalletId(*b"py/trsry");
	/// Where the treasury keeps its money.
	pub TreasuryAccount: AccountId = TreasuryPalletId::get().into_account_truncating();
	pub const SpendPeriod: BlockNumber = DAYS;
	pub const PayoutPeriod: BlockNumber = 30 * DAYS;
	pub const TreasuryBurn: Permill = Permill::zero();
	pub const MaxSpend: Balance = Balance::MAX;
}

impl pallet_treasury::Config for Runtime {
	type Currency = Balances;
	type RejectOrigin = RootOr<EnsureTreasurer>;
	type RuntimeEvent = RuntimeEvent;
	type SpendPeriod = SpendPeriod;
	type Burn = TreasuryBurn;
	type PalletId = TreasuryPalletId;
	type BurnDestination = ();
	type WeightInfo = pallet_treasury::weights::SubstrateWeight<Runtime>;
	type SpendFunds = ();
	type MaxApprovals = ConstU32<100>;
	type SpendOrigin = RootOrTreasurer<MaxSpend>;
	type AssetKind = ();
	type Beneficiary = AccountId;
	type BeneficiaryLookup = IdentityLookup<AccountId>;
	type Paymaster = PayFromAccount<Balances, TreasuryAccount>;
	type BalanceConverter = UnityAssetBalanceConversion;
	type PayoutPeriod = PayoutPeriod;
	type BlockNumberProvider = System;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = benchmarks::TreasuryArguments;
}
