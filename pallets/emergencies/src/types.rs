//! Kinds, actions, records. No storage access.

use blyan_primitives::{voting::ElectorateId, ExpertSlot, ModelId, VersionIndex};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_runtime::Permill;

/// Amounts in the smallest unit.
pub type Balance = u128;
/// Number of a proposal.
pub type ProposalId = u32;
/// Words for the other operators.
pub type Justification = BoundedVec<u8, ConstU32<JUSTIFICATION_MAX>>;
/// Name of a pallet or of a call.
pub type CallName = BoundedVec<u8, ConstU32<CALL_NAME_MAX>>;
/// Accounts that one action names.
pub type Accounts<AccountId> = BoundedVec<AccountId, ConstU32<ACCOUNTS_MAX>>;
/// [`Action`] of a runtime.
pub type ActionOf<T> = Action<<T as frame_system::Config>::AccountId>;
/// [`ProposalRecord`] of a runtime.
pub type ProposalOf<T> = ProposalRecord<<T as frame_system::Config>::AccountId, BlockNumberFor<T>>;
/// [`ActiveRecord`] of a runtime.
pub type ActiveOf<T> = ActiveRecord<<T as frame_system::Config>::AccountId, BlockNumberFor<T>>;

/// Bytes of a justification.
pub const JUSTIFICATION_MAX: u32 = 1_024;
/// Bytes of a pallet's or a call's name.
pub const CALL_NAME_MAX: u32 = 64;
/// Accounts that one action names.
pub const ACCOUNTS_MAX: u32 = 32;
/// Days for which a call can be paused.
pub const PAUSE_DAYS_MAX: u32 = 3;

macro_rules! wire {
	($(#[$meta:meta])* pub $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(
			Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
		)]
		#[scale_info(capture_docs = "always")]
		pub $($rest)*
	};
}

wire! {
	/// Kind of an emergency.
	#[derive(Copy)]
	pub enum Kind {
		/// Keys, nodes or a model were broken into.
		Breach,
		/// Money is taken or made in a way that no rule means to allow.
		EconomicAttack,
		/// Blocks, or what they agree on, cannot be relied on.
		ConsensusFailure,
	}
}

impl Kind {
	/// Every kind.
	pub const ALL: [Self; 3] = [Self::Breach, Self::EconomicAttack, Self::ConsensusFailure];

	/// Share of all voices that it takes: numerator and denominator.
	pub fn threshold(self) -> (u32, u32) {
		match self {
			Self::Breach => (2, 3),
			Self::EconomicAttack => (3, 4),
			Self::ConsensusFailure => (4, 5),
		}
	}

	/// Voices that it takes of `voices`: the threshold, rounded up, and never none.
	pub fn needed(self, voices: u32) -> u32 {
		let (numerator, denominator) = self.threshold();
		let product = u64::from(voices).saturating_mul(numerator.into());
		u32::try_from(product.div_ceil(denominator.into())).unwrap_or(u32::MAX).max(1)
	}

	/// Hours that a measure against it lasts.
	pub fn hours(self) -> u32 {
		match self {
			Self::Breach => 72,
			Self::EconomicAttack => 48,
			Self::ConsensusFailure => 24,
		}
	}

	/// Reports whether an action is on the list of this kind.
	pub fn allows<AccountId>(self, action: &Action<AccountId>) -> bool {
		match self {
			Self::Breach => {
				matches!(action, Action::Pause | Action::RevertHead { .. } | Action::Quarantine { .. })
			}
			Self::EconomicAttack => {
				matches!(
					action,
					Action::FreezeAccounts { .. } | Action::LowerRewards { .. } | Action::Mint { .. }
				)
			}
			Self::ConsensusFailure => {
				matches!(action, Action::Pause | Action::RevertHead { .. } | Action::Checkpoint { .. })
			}
		}
	}
}

wire! {
	/// Action against an emergency.
	pub enum Action<AccountId> {
		/// Enter the safe mode.
		Pause,
		/// Make the parent of a slot's head the head again.
		RevertHead {
			/// The slot.
			slot: ExpertSlot,
			/// Version of the head that is taken back.
			version: VersionIndex,
		},
		/// Keep operators out of draws.
		Quarantine {
			/// The operators.
			operators: Accounts<AccountId>,
		},
		/// Keep accounts from moving what they have.
		FreezeAccounts {
			/// The accounts.
			accounts: Accounts<AccountId>,
		},
		/// Emit less than the budget says.
		LowerRewards {
			/// Part that is still emitted.
			keep: Permill,
		},
		/// Put coins of the year's emission into the treasury's envelope now.
		Mint {
			/// Number of coins, in the smallest unit.
			amount: Balance,
		},
		/// Keep a model readable as it is.
		Checkpoint {
			/// The model.
			model: ModelId,
		},
	}
}

wire! {
	/// A proposal that is open, or has expired.
	pub struct ProposalRecord<AccountId, BlockNumber> {
		/// Kind of emergency.
		pub kind: Kind,
		/// Action that is proposed.
		pub action: Action<AccountId>,
		/// Why.
		pub justification: Justification,
		/// Account whose voice proposed it.
		pub author: AccountId,
		/// Electorate that decides.
		pub electorate: ElectorateId,
		/// Voices that it needs.
		pub needed: u32,
		/// Last block in which it can be supported.
		pub expires_at: BlockNumber,
	}
}

wire! {
	/// Effect of a measure, as it is undone when the measure ends.
	pub enum Effect<AccountId> {
		/// The safe mode ends by itself.
		Paused,
		/// Accounts to set free.
		Frozen {
			/// The accounts.
			accounts: Accounts<AccountId>,
		},
		/// Rewards to raise again.
		RewardsLowered {
			/// Inflation before, in parts per million.
			before: u32,
			/// Inflation during the measure.
			during: u32,
		},
		/// Generation of a model to release.
		Kept {
			/// The model.
			model: ModelId,
			/// The generation.
			generation: u32,
		},
		/// Call to make possible again.
		CallPaused {
			/// Name of the pallet.
			pallet: CallName,
			/// Name of the call.
			call: CallName,
		},
	}
}

wire! {
	/// A measure in effect.
	pub struct ActiveRecord<AccountId, BlockNumber> {
		/// Effect to undo.
		pub effect: Effect<AccountId>,
		/// First block without it.
		pub ends_at: BlockNumber,
	}
}

wire! {
	/// Measure that may not be taken again for as long as it lasted.
	#[derive(Copy)]
	pub enum Rest {
		/// The safe mode.
		Pause,
		/// Lower rewards.
		LowerRewards,
	}
}
