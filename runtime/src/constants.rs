//! Units and limits that more than one concern needs.

use crate::{Balance, BlockNumber};
use frame_support::weights::{constants::WEIGHT_REF_TIME_PER_SECOND, Weight};
use sp_runtime::Perbill;

/// One BLY.
pub const UNIT: Balance = 1_000_000_000_000;
/// A thousandth of a BLY.
pub const MILLIUNIT: Balance = UNIT / 1_000;
/// A millionth of a BLY.
pub const MICROUNIT: Balance = UNIT / 1_000_000;

/// The least an account may hold.
pub const EXISTENTIAL_DEPOSIT: Balance = MILLIUNIT;

/// The deposit for `items` storage items of `bytes` bytes together.
pub const fn deposit(items: u32, bytes: u32) -> Balance {
	items as Balance * 10 * MILLIUNIT + bytes as Balance * 100 * MICROUNIT
}

/// Target time between blocks.
pub const MILLISECS_PER_BLOCK: u64 = 6_000;
/// Aura's slot. One block a slot.
pub const SLOT_DURATION: u64 = MILLISECS_PER_BLOCK;

/// Blocks in a minute.
pub const MINUTES: BlockNumber = 60_000 / (MILLISECS_PER_BLOCK as BlockNumber);
/// Blocks in an hour.
pub const HOURS: BlockNumber = MINUTES * 60;
/// Blocks in a day.
pub const DAYS: BlockNumber = HOURS * 24;

/// Slots of the relay chain are six seconds long.
pub const RELAY_CHAIN_SLOT_DURATION_MILLIS: u32 = 6_000;
/// Parachain blocks the relay chain processes for one of its parents.
pub const BLOCK_PROCESSING_VELOCITY: u32 = 1;
/// Blocks that may wait for inclusion into the relay chain.
pub const UNINCLUDED_SEGMENT_CAPACITY: u32 = 3;
/// Relay parents that may be older than the relay chain's tip when a block is backed, at most: the largest scheduling lookahead
/// that a relay chain sets.
pub const RELAY_ANCESTRY: u32 = 5;
/// Relay-chain blocks from a commitment's relay parent to the one whose seed its draw takes.
///
/// A block on relay parent R is fixed once it is backed, which the relay chain does up to `RELAY_ANCESTRY` blocks
/// after R; the velocity hook admits one block more than `BLOCK_PROCESSING_VELOCITY` on one relay parent, and
/// `UNINCLUDED_SEGMENT_CAPACITY` blocks may be withheld in a row. So no seed up to R + 5 + 1 + 3 is one that an author
/// could not have seen; the next is: R + 10, a minute later.
pub const APPOINTMENT_LEAD: u32 =
	RELAY_ANCESTRY + BLOCK_PROCESSING_VELOCITY + UNINCLUDED_SEGMENT_CAPACITY + 1;
/// Relay parents whose seeds make a draw's.
///
/// The author of a relay block knows its own VRF output as soon as the epoch's randomness is known, hours before. With
/// a tenth of the validators, all five are its own once in 100,000 relay blocks; with a hundredth, once in ten
/// thousand million.
pub const DRAW_PARENTS: u32 = 5;
/// Seeds of relay parents that are kept: more than a day of them, the longest that anything waits for its draw, in
/// 16,384 records of 36 bytes.
pub const SEED_HISTORY: u32 = 1 << 14;
/// Blocks are built on the newest relay parent.
pub const RELAY_PARENT_OFFSET: u32 = 0;

/// Share of a block that `on_initialize` hooks are expected to take.
pub const AVERAGE_ON_INITIALIZE_RATIO: Perbill = Perbill::from_percent(5);
/// Two seconds of computation, and 85 % of the proof a candidate may carry: the rest is left to the
/// relay chain's own part of the proof.
pub const MAXIMUM_BLOCK_WEIGHT: Weight = Weight::from_parts(
	WEIGHT_REF_TIME_PER_SECOND.saturating_mul(2),
	cumulus_primitives_core::relay_chain::MAX_POV_SIZE as u64 * 85 / 100,
);

/// Share of a block's bytes that normal extrinsics may fill.
pub const NORMAL_LENGTH_RATIO: Perbill = Perbill::from_percent(75);
/// The part of a block that normal extrinsics may fill: three quarters of its computation, three fifths of its proof.
pub const NORMAL_BLOCK_WEIGHT: Weight = Weight::from_parts(
	MAXIMUM_BLOCK_WEIGHT.ref_time() / 100 * 75,
	MAXIMUM_BLOCK_WEIGHT.proof_size() / 100 * 60,
);
/// The part of a block that operational extrinsics may fill: 15 % of its computation, and 30 % of its proof, because a new runtime comes
/// in one extrinsic, whose bytes count as proof.
///
/// A call that fails with `BadOrigin` keeps the weight that its caller declared, so a signed `System::kill_prefix` could fill any
/// block. The tenth that neither class may have belongs to what the chain does by itself in `on_idle`: draws, decisions,
/// maturity, penalties, audits.
pub const OPERATIONAL_BLOCK_WEIGHT: Weight = Weight::from_parts(
	MAXIMUM_BLOCK_WEIGHT.ref_time() / 100 * 15,
	MAXIMUM_BLOCK_WEIGHT.proof_size() / 100 * 30,
);
