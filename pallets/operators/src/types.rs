//! Profiles, records, signed payloads. No storage access.

use alloc::vec::Vec;
use blyan_primitives::OperatorId;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::marker::PhantomData;
use frame_support::traits::{fungible::Inspect, Get};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_runtime::traits::{AtLeast32BitUnsigned, Convert};

/// A heartbeat period, counted from genesis.
pub type PeriodIndex = u32;
/// A weight in draws, from 0 to [`REPUTATION_MAX`].
pub type Reputation = u32;
/// Amounts of a runtime's coin.
pub type BalanceOf<T> =
	<<T as crate::Config>::Currency as Inspect<<T as frame_system::Config>::AccountId>>::Balance;
/// [`OperatorRecord`] of a runtime.
pub type OperatorRecordOf<T> = OperatorRecord<BalanceOf<T>, BlockNumberFor<T>>;

/// The best reputation.
pub const REPUTATION_MAX: Reputation = 1_000_000;
/// The reputation of somebody of whom nothing is known.
pub const REPUTATION_INITIAL: Reputation = 500_000;
/// Domain separator of the proof that an operator has the session key.
pub const POSSESSION_CONTEXT: &[u8] = b"blyan/possession/1";
/// Domain separator of heartbeats.
pub const HEARTBEAT_CONTEXT: &[u8] = b"blyan/heartbeat/1";

/// What a session key signs to be accepted for `who` on the chain with this genesis hash.
///
/// Naming the account keeps a proof from being copied out of the pool by somebody else.
pub fn possession_payload(genesis: &impl Encode, who: &impl Encode) -> Vec<u8> {
	(POSSESSION_CONTEXT, genesis, who).encode()
}

/// What a session key signs to be heard in `period` on the chain with this genesis hash.
pub fn heartbeat_payload(genesis: &impl Encode, period: PeriodIndex) -> Vec<u8> {
	(HEARTBEAT_CONTEXT, genesis, period).encode()
}

macro_rules! wire {
	($(#[$meta:meta])* pub $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(
			Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
		)]
		pub $($rest)*
	};
}

wire! {
	/// What an operator mainly does.
	#[derive(Default)]
	pub enum Role {
		/// Evaluates candidates.
		#[default]
		Evaluator,
		/// Serves inference.
		Server,
		/// Stores blobs.
		Keeper,
	}
}

wire! {
	/// Where an operator is: a country code of ISO 3166-1 alpha-2, two capital letters.
	///
	/// `ZZ` is one of the codes that the standard leaves to its users; here it means "not said".
	pub struct Region(pub [u8; 2]);
}

impl Default for Region {
	fn default() -> Self {
		Self(*b"ZZ")
	}
}

impl Region {
	/// Whether these are two capital letters.
	pub fn is_valid(&self) -> bool {
		self.0.iter().all(u8::is_ascii_uppercase)
	}
}

wire! {
	/// What an operator's machine can do: a set of bits.
	pub struct Capabilities(pub u32);
}

impl Capabilities {
	/// Evaluates candidates on its CPU.
	pub const EVALUATE: Self = Self(1);
	/// Has a GPU.
	pub const GPU: Self = Self(1 << 1);
	/// Its hardware is attested.
	pub const ATTESTED: Self = Self(1 << 2);
	/// Offers to be preferred for paid work.
	pub const PRIORITY: Self = Self(1 << 3);
	/// Serves inference.
	pub const SERVE: Self = Self(1 << 4);
	/// Stores blobs for others.
	pub const STORE: Self = Self(1 << 5);

	/// Every bit that has a meaning.
	const KNOWN: u32 = (1 << 6) - 1;

	/// Whether all bits of `other` are set.
	pub fn contains(self, other: Self) -> bool {
		self.0 & other.0 == other.0
	}

	/// Whether some bits are set and all of them have a meaning.
	pub fn is_valid(self) -> bool {
		self.0 != 0 && self.0 & !Self::KNOWN == 0
	}
}

impl core::ops::BitOr for Capabilities {
	type Output = Self;
	fn bitor(self, other: Self) -> Self {
		Self(self.0 | other.0)
	}
}

impl Default for Capabilities {
	fn default() -> Self {
		Self::EVALUATE
	}
}

/// The usual stakes, in units of `Unit`: 1, with a GPU 10, attested 50, preferred 100.
pub struct TieredStake<Unit>(PhantomData<Unit>);

impl<Balance: AtLeast32BitUnsigned, Unit: Get<Balance>> Convert<Capabilities, Balance> for TieredStake<Unit> {
	fn convert(capabilities: Capabilities) -> Balance {
		let units: u32 = if capabilities.contains(Capabilities::PRIORITY) {
			100
		} else if capabilities.contains(Capabilities::ATTESTED) {
			50
		} else if capabilities.contains(Capabilities::GPU) {
			10
		} else {
			1
		};
		Unit::get().saturating_mul(units.into())
	}
}

wire! {
	/// What an operator says about itself.
	#[derive(Default)]
	pub struct OperatorProfile {
		/// What it mainly does.
		pub role: Role,
		/// Where it is.
		pub region: Region,
		/// What its machine can do.
		pub capabilities: Capabilities,
		/// Blake2b-256 of its hardware's identifier, as claimed.
		pub hardware: sp_core::H256,
	}
}

/// A registered operator.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct OperatorRecord<Balance, BlockNumber> {
	/// What it says about itself.
	pub profile: OperatorProfile,
	/// The key its node signs with.
	pub key: OperatorId,
	/// What is on hold.
	pub stake: Balance,
	/// Its weight in draws.
	pub reputation: Reputation,
	/// When it registered.
	pub registered_at: BlockNumber,
	/// The last period in which it was heard; registering counts.
	pub heard_in: PeriodIndex,
	/// First block in which it can withdraw, if it is leaving.
	pub withdrawable_at: Option<BlockNumber>,
}

impl<Balance, BlockNumber> OperatorRecord<Balance, BlockNumber> {
	/// Whether it may be drawn in `period`: heard in it or the one before, not leaving, of some repute.
	pub fn is_eligible(&self, period: PeriodIndex) -> bool {
		self.withdrawable_at.is_none() && self.reputation > 0 && self.heard_in.saturating_add(1) >= period
	}
}
