//! Profiles, records, signed payloads. No storage access.

use alloc::vec::Vec;
use blyan_primitives::{
	randomness::RelayNumber, HardwareOpening, Measurement, Measures, OperatorId, OperatorUid,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::marker::PhantomData;
use frame_support::traits::{
	fungible::{Credit, Inspect},
	Get,
};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::traits::{AtLeast32BitUnsigned, Convert};

/// A heartbeat period, counted from genesis.
pub type PeriodIndex = u32;
/// A weight in draws, from 0 to [`REPUTATION_MAX`].
pub type Reputation = u32;
/// Amounts of a runtime's coin.
pub type BalanceOf<T> =
	<<T as crate::Config>::Currency as Inspect<<T as frame_system::Config>::AccountId>>::Balance;
/// Money taken from a stake, on its way to where slashes go.
pub type CreditOf<T> = Credit<<T as frame_system::Config>::AccountId, <T as crate::Config>::Currency>;
/// [`OperatorRecord`] of a runtime.
pub type OperatorRecordOf<T> = OperatorRecord<BalanceOf<T>, BlockNumberFor<T>>;
/// [`PriceRecord`] of a runtime.
pub type PriceRecordOf<T> = PriceRecord<BalanceOf<T>, BlockNumberFor<T>>;
/// [`ChallengeRecord`] of a runtime.
pub type ChallengeRecordOf<T> =
	ChallengeRecord<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;

/// The best reputation.
pub const REPUTATION_MAX: Reputation = 1_000_000;
/// The reputation of somebody of whom nothing is known.
pub const REPUTATION_INITIAL: Reputation = 500_000;
/// Domain separator of heartbeats.
pub const HEARTBEAT_CONTEXT: &[u8] = b"blyan/heartbeat/2";
/// Domain separator of answers to hardware challenges.
pub const HARDWARE_CONTEXT: &[u8] = b"blyan/hardware-answer/1";
/// Periods in a row without a heartbeat that are an offence.
pub const SILENCE_PERIODS: PeriodIndex = 3;

/// What a session key signs to be heard in `period` on the chain with this genesis hash.
pub fn heartbeat_payload(genesis: &impl Encode, period: PeriodIndex, measurement: &Measurement) -> Vec<u8> {
	(HEARTBEAT_CONTEXT, genesis, period, measurement).encode()
}

/// What a session key signs to open component `component` of the hardware of `who`, as asked in block `asked_at`.
pub fn hardware_payload(
	genesis: &impl Encode,
	who: &impl Encode,
	asked_at: &impl Encode,
	component: u8,
	opening: &HardwareOpening,
) -> Vec<u8> {
	(HARDWARE_CONTEXT, genesis, who, asked_at, component, opening).encode()
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
	/// Computes in a trusted execution environment. A claim until something attests it.
	pub const TEE: Self = Self(1 << 2);
	/// Offers to be preferred for paid work.
	pub const PRIORITY: Self = Self(1 << 3);
	/// Serves inference.
	pub const SERVE: Self = Self(1 << 4);
	/// Offers disk: stores blobs for others.
	pub const DISK: Self = Self(1 << 5);
	/// Offers bandwidth beyond what its own work needs.
	pub const BANDWIDTH: Self = Self(1 << 6);
	/// Offers compute units beyond evaluation, such as training.
	pub const COMPUTE: Self = Self(1 << 7);

	/// Every bit that has a meaning.
	const KNOWN: u32 = (1 << 8) - 1;

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

/// The usual stakes, in units of `Unit`: 1, with a GPU 10, with a trusted environment 50, preferred 100.
pub struct TieredStake<Unit>(PhantomData<Unit>);

impl<Balance: AtLeast32BitUnsigned, Unit: Get<Balance>> Convert<Capabilities, Balance> for TieredStake<Unit> {
	fn convert(capabilities: Capabilities) -> Balance {
		let units: u32 = if capabilities.contains(Capabilities::PRIORITY) {
			100
		} else if capabilities.contains(Capabilities::TEE) {
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
		/// Root over the components of its machine: `blyan_primitives::hardware_root`. Zero if it commits to none.
		pub hardware: H256,
	}
}

/// A registered operator.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct OperatorRecord<Balance, BlockNumber> {
	/// Its number.
	pub uid: OperatorUid,
	/// What it says about itself.
	pub profile: OperatorProfile,
	/// What its node measured, as of the last heartbeat.
	pub measurement: Measurement,
	/// The key its node signs with.
	pub key: OperatorId,
	/// What is on hold as its stake.
	pub stake: Balance,
	/// What is on hold as its registration bond.
	pub bond: Balance,
	/// What its reputation is made of.
	pub measures: Measures,
	/// When it registered.
	pub registered_at: BlockNumber,
	/// The last period in which it was heard; registering counts.
	pub heard_in: PeriodIndex,
	/// Whether the silence since then was reported.
	pub silence_reported: bool,
	/// First block in which it can return to duty, if it is in quarantine.
	pub quarantined_until: Option<BlockNumber>,
	/// First block in which it can withdraw, if it is leaving.
	pub withdrawable_at: Option<BlockNumber>,
}

impl<Balance, BlockNumber> OperatorRecord<Balance, BlockNumber> {
	/// Its weight in draws.
	pub fn reputation(&self) -> Reputation {
		crate::reputation::reputation(&self.measures)
	}

	/// Whether it may be drawn in `period`: heard in it or the one before, neither in quarantine nor leaving, of some
	/// repute.
	pub fn is_eligible(&self, period: PeriodIndex) -> bool {
		self.withdrawable_at.is_none()
			&& self.quarantined_until.is_none()
			&& self.heard_in.saturating_add(1) >= period
			&& self.reputation() > 0
	}

	/// The last of the periods whose silence is an offence, if all of them are over in `period` and nobody has
	/// reported it.
	pub fn silent_until(&self, period: PeriodIndex) -> Option<PeriodIndex> {
		let last = self.heard_in.saturating_add(SILENCE_PERIODS);
		(self.withdrawable_at.is_none() && !self.silence_reported && period > last).then_some(last)
	}
}

wire! {
	/// One index of [`OperatorUid`].
	pub struct UidSlot<AccountId> {
		/// Of the holder, or of the last one.
		pub generation: u32,
		/// The operator, while there is one.
		pub holder: Option<AccountId>,
	}
}

wire! {
	/// What a registration cost, right after one.
	pub struct PriceRecord<Balance, BlockNumber> {
		/// The price for the next.
		pub price: Balance,
		/// The block of the registration.
		pub at: BlockNumber,
	}
}

wire! {
	/// The component that a challenged operator has to open.
	pub struct Drawn<BlockNumber> {
		/// Which one.
		pub component: u8,
		/// The last block for the answer.
		pub deadline: BlockNumber,
	}
}

wire! {
	/// A challenge of an operator's hardware.
	pub struct ChallengeRecord<AccountId, Balance, BlockNumber> {
		/// Who asked.
		pub challenger: AccountId,
		/// What it has on hold for asking.
		pub bond: Balance,
		/// When.
		pub asked_at: BlockNumber,
		/// Relay-chain block whose seed the draw takes, not known when the challenge was made.
		pub appointment: RelayNumber,
		/// What has to be opened, once it is drawn.
		pub drawn: Option<Drawn<BlockNumber>>,
	}
}

/// Identifiers of the components that an operator has opened.
pub type OpenedComponents = [Option<H256>; blyan_primitives::HARDWARE_COMPONENTS];
