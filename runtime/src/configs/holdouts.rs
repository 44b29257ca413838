//! Sealed holdouts: what keepers have at stake, and how long they have.

use crate::{
	governance::{
		bounds::{AtLeast, CommitteeMin},
		origins::{EnsureModelAdmin, RootOr},
	},
	parameters::learning,
	*,
};
use frame_support::{parameter_types, traits::ConstU32};
use sp_runtime::Perbill;

parameter_types! {
	/// The stake of five basic operators. Being silent once costs a tenth of it.
	pub const KeeperBond: Balance = 500 * UNIT;
	pub const ChunkDeposit: Balance = UNIT;
	/// A keeper's program sees an appointment within a minute of its finality, and its call is in a block a few later.
	pub const ChunkRevealWindow: BlockNumber = 10 * MINUTES;
	/// As long as the bytes of a candidate may take.
	pub const ChunkAttestWindow: BlockNumber = 10 * MINUTES;
	pub const KeeperPenalty: Perbill = Perbill::from_percent(10);
	/// Half: what a buyer of a chunk gets for reporting its seller, and less than what the seller itself would lose by doing so.
	pub const LeakShare: Perbill = Perbill::from_percent(50);
	pub const KeeperSuspension: BlockNumber = DAYS;
	pub const ChunkNotice: BlockNumber = DAYS;
	pub const StarvedPause: BlockNumber = HOURS;
}

impl pallet_holdouts::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type OnSlash = frame_support::traits::tokens::imbalance::ResolveTo<configs::TreasuryAccount, Balances>;
	type Models = Experts;
	type Operators = Operators;
	type Randomness = RelayRandomness;
	type WorkingTime = Stopwatch;
	type SealOrigin = RootOr<EnsureModelAdmin>;
	type MinBond = KeeperBond;
	type ChunkDeposit = ChunkDeposit;
	// A coalition of keepers with a share f of all bonds passes a worthless expert with chance f on one look, and f cubed on three: below
	// a tenth of the bonds the fees of its tries are more than what an acceptance pays (docs/holdouts.md).
	type Looks = ConstU32<3>;
	type MinKeepers = ConstU32<3>;
	type RevealWindow = ChunkRevealWindow;
	type AttestWindow = ChunkAttestWindow;
	// As of a candidate, and never none: a committee that has no bytes holds up all others.
	type MinAttestations = AtLeast<learning::MinAttestations, CommitteeMin>;
	type Penalty = KeeperPenalty;
	type ReporterShare = LeakShare;
	type Suspension = KeeperSuspension;
	type Notice = ChunkNotice;
	type MaxTries = ConstU32<4>;
	type Pause = StarvedPause;
	type MaxKeepers = ConstU32<128>;
	type MaxChunks = ConstU32<64>;
	// 256 sequences of 1,024 bytes.
	type MaxChunkBytes = ConstU32<{ 256 * 1024 }>;
	type MaxActive = ConstU32<256>;
	type StepsPerBlock = ConstU32<4>;
	type WeightInfo = weights::pallet_holdouts::WeightInfo<Runtime>;
}
