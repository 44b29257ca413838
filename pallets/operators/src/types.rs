//! Profiles, records, signed payloads. No storage access.

use alloc::vec::Vec;
use blyan_primitives::{
	randomness::RelayNumber, HardwareOpening, Measurement, Measures, OperatorId, OperatorUid,
};
pub use blyan_primitives::{Region, Role};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::marker::PhantomData;
use frame_support::traits::{
	fungible::{Credit, Inspect},
	Get,
};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::traits::{AtLeast32BitUnsigned, Convert, Zero};

/// A heartbeat period, counted from genesis.
pub type PeriodIndex = u32;
/// A reputation, from 0 to [`REPUTATION_MAX`].
pub type Reputation = u32;
/// Amounts of a runtime's coin.
pub type BalanceOf<T> =
	<<T as crate::Config>::Currency as Inspect<<T as frame_system::Config>::AccountId>>::Balance;
/// Money taken from a stake, on its way to where slashes go.
pub type CreditOf<T> = Credit<<T as frame_system::Config>::AccountId, <T as crate::Config>::Currency>;
/// [`OperatorRecord`] of a runtime.
pub type OperatorRecordOf<T> =
	OperatorRecord<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;
/// [`Ownership`] of a runtime.
pub type OwnershipOf<T> = Ownership<<T as frame_system::Config>::AccountId, BlockNumberFor<T>>;
/// [`RetiredKey`] of a runtime.
pub type RetiredKeyOf<T> = RetiredKey<<T as frame_system::Config>::AccountId, BlockNumberFor<T>>;
/// [`PriceRecord`] of a runtime.
pub type PriceRecordOf<T> = PriceRecord<BalanceOf<T>, BlockNumberFor<T>>;
/// [`ChallengeRecord`] of a runtime.
pub type ChallengeRecordOf<T> =
	ChallengeRecord<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;

/// The best reputation.
pub const REPUTATION_MAX: Reputation = 1_000_000;
/// The reputation of an operator of which nothing is known.
pub const REPUTATION_INITIAL: Reputation = 500_000;
/// Violations that do not raise what an operator needs: silence, however long, or a seal or two that were not opened, is no lie.
pub const VIOLATIONS_TOLERATED: u32 = 100_000;
/// Domain separator of heartbeats.
pub const HEARTBEAT_CONTEXT: &[u8] = b"blyan/heartbeat/2";
/// Domain separator of answers to hardware challenges.
pub const HARDWARE_CONTEXT: &[u8] = b"blyan/hardware-answer/1";
/// Seals missed in a row, where the operator was drawn, after which it is not drawn for a while.
pub const MISSED_SEALS_MAX: u32 = 3;
/// The same for an operator with the capability `priority`, which promises to be ready.
pub const MISSED_SEALS_MAX_PRIORITY: u32 = 1;
/// What a newcomer has to stake to displace an operator, in thousandths of what that operator has at stake.
pub const OUTBID_MILLI: u32 = 1_100;
/// Session keys that an operator may have replaced within an unbonding period.
pub const RETIRED_KEYS_MAX: u32 = 8;

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

/// [`Elector`] of a runtime.
pub type ElectorOf<T> = Elector<<T as frame_system::Config>::AccountId>;
/// [`ElectorateDate`] of a runtime.
pub type ElectorateDateOf<T> = ElectorateDate<BlockNumberFor<T>>;

macro_rules! wire {
	($(#[$meta:meta])* pub $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(
			Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
		)]
		#[scale_info(capture_docs = "always")]
		pub $($rest)*
	};
}

wire! {
	/// What an operator's machine can do: a set of bits.
	pub struct Capabilities(pub u32);
}

impl Capabilities {
	/// Evaluates candidates on its CPU. Only operators that had it at their last heartbeat are drawn.
	pub const EVALUATE: Self = Self(1);
	/// Has a GPU. A claim; clients read it, draws do not.
	pub const GPU: Self = Self(1 << 1);
	/// Computes in a trusted execution environment. A claim until something attests it.
	pub const TEE: Self = Self(1 << 2);
	/// Promises to be ready: its stake weighs twice in draws, and it is kept out of them after
	/// [`MISSED_SEALS_MAX_PRIORITY`] missed seals instead of [`MISSED_SEALS_MAX`].
	pub const PRIORITY: Self = Self(1 << 3);
	/// Serves inference. A claim; clients read it, draws do not. So are those below.
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

impl Capabilities {
	/// The capability without which a role is empty.
	pub const fn of(role: Role) -> Self {
		match role {
			Role::Evaluator => Self::EVALUATE,
			Role::Server => Self::SERVE,
			Role::Keeper => Self::DISK,
		}
	}
}

wire! {
	/// What an operator says about itself.
	#[derive(Default)]
	pub struct OperatorProfile {
		/// Its main work: one of its capabilities.
		pub role: Role,
		/// Where it is.
		pub region: Region,
		/// What its machine can do.
		pub capabilities: Capabilities,
		/// Root over the components of its machine: `blyan_primitives::hardware_root`. Zero if it commits to none.
		pub hardware: H256,
	}
}

wire! {
	/// Relation of an operator to the account it belongs to.
	pub enum Ownership<AccountId, BlockNumber> {
		/// Named by the operator, not accepted: without effect.
		Declared {
			/// The account.
			owner: AccountId,
		},
		/// Named by the operator and accepted by the owner.
		Accepted {
			/// The account.
			owner: AccountId,
		},
		/// Dissolved by one of the two, and in effect until the delay is over.
		Ending {
			/// The account.
			owner: AccountId,
			/// First block in which the operator belongs to itself.
			ends_at: BlockNumber,
		},
	}
}

wire! {
	/// Silence of an operator.
	pub struct SilenceRecord<BlockNumber> {
		/// When it was noticed, in working time.
		pub since: BlockNumber,
		/// Offences that it has been so far.
		pub reports: u32,
	}
}

wire! {
	/// A session key that was replaced.
	pub struct RetiredKey<AccountId, BlockNumber> {
		/// The operator that signed with it.
		pub who: AccountId,
		/// First block in which what it signed is evidence no more.
		pub until: BlockNumber,
	}
}

/// A registered operator.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct OperatorRecord<AccountId, Balance, BlockNumber> {
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
	/// What weighed of its stake at its last heartbeat, and before the first a basic stake; zero if it did not evaluate
	/// then. No more than that weighs in draws, so that no account that already knows the randomness of a draw can still buy
	/// weight in it, or step aside for others.
	pub weighed_stake: Balance,
	/// What is on hold as its registration bond.
	pub bond: Balance,
	/// What its reputation is made of.
	pub measures: Measures,
	/// Reports and audits that were found right, up to [`crate::standing::VERIFIED_MAX`].
	pub verified: u32,
	/// Seals missed in a row, where it was drawn.
	pub missed_seals: u32,
	/// The account it belongs to.
	pub ownership: Option<Ownership<AccountId, BlockNumber>>,
	/// When it registered.
	pub registered_at: BlockNumber,
	/// The last period in which it was heard; registering counts.
	pub heard_in: PeriodIndex,
	/// True if the silence since then was reported as an offence.
	pub silence_reported: bool,
	/// First block in which it can return to duty, if it is in quarantine.
	pub quarantined_until: Option<BlockNumber>,
	/// First block in which it can withdraw, if it is leaving.
	pub withdrawable_at: Option<BlockNumber>,
}

impl<AccountId, Balance: Zero, BlockNumber: PartialOrd> OperatorRecord<AccountId, Balance, BlockNumber> {
	/// Its reputation.
	pub fn reputation(&self) -> Reputation {
		crate::reputation::reputation(&self.measures)
	}

	/// Whether it was heard in `period` or in the one before.
	pub fn is_heard(&self, period: PeriodIndex) -> bool {
		self.heard_in.saturating_add(1) >= period
	}

	/// Whether it may be drawn in `period`: it evaluated when it was last heard, which is not long ago, is neither in
	/// quarantine nor leaving, and has some reputation left.
	pub fn is_eligible(&self, period: PeriodIndex) -> bool {
		!self.weighed_stake.is_zero()
			&& self.withdrawable_at.is_none()
			&& self.quarantined_until.is_none()
			&& self.is_heard(period)
			&& self.reputation() > 0
	}

	/// Whether it missed as many seals in a row as it may.
	pub fn is_chilled(&self) -> bool {
		let is_priority = self.profile.capabilities.contains(Capabilities::PRIORITY);
		let most = if is_priority { MISSED_SEALS_MAX_PRIORITY } else { MISSED_SEALS_MAX };
		self.missed_seals >= most
	}

	/// The account that it belongs to in block `now` beside itself.
	pub fn owner(&self, now: BlockNumber) -> Option<&AccountId> {
		match &self.ownership {
			Some(Ownership::Accepted { owner }) => Some(owner),
			Some(Ownership::Ending { owner, ends_at }) if now < *ends_at => Some(owner),
			_ => None,
		}
	}

	/// Reports whether it missed a whole period and should not have, in `period`.
	pub fn is_silent(&self, period: PeriodIndex) -> bool {
		self.withdrawable_at.is_none() && !self.is_heard(period)
	}
}

wire! {
	/// An operator as draws take it: see `blyan_primitives::traits::EligibleOperator`.
	pub struct Elector<AccountId> {
		/// Its account.
		pub account: AccountId,
		/// Its weight.
		pub weight: u32,
		/// The account it belongs to beside itself.
		pub owner: Option<AccountId>,
		/// Root over the components of its machine.
		pub hardware: H256,
		/// Its stake at that time.
		pub stake: u128,
		/// Its country.
		pub region: Region,
	}
}

wire! {
	/// When an electorate was taken, and where it is kept.
	pub struct ElectorateDate<BlockNumber> {
		/// The appointment that a commitment in the same block gets: no seed of this appointment or a later one could be known.
		pub appointment: RelayNumber,
		/// The block.
		pub taken_at: BlockNumber,
		/// Its key in [`crate::Electorates`].
		pub place: u32,
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
		/// The last block for the answer, counted in blocks that admitted transactions.
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
