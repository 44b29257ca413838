//! Events: changes of the chain's state, for those who follow it.

use frame_support::pallet_macros::pallet_section;

/// Section of the pallet.
#[pallet_section]
mod events {
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An account became an operator.
		Registered {
			/// The account.
			who: T::AccountId,
			/// Its session key.
			key: OperatorId,
			/// What is on hold as its stake.
			stake: BalanceOf<T>,
			/// Its number.
			uid: OperatorUid,
			/// What is on hold as its registration bond.
			bond: BalanceOf<T>,
		},
		/// An operator's machine changed.
		CapabilitiesUpdated {
			/// The operator.
			who: T::AccountId,
			/// What the machine can do now.
			capabilities: Capabilities,
			/// Root over its components.
			hardware: H256,
			/// What is on hold now.
			stake: BalanceOf<T>,
		},
		/// An operator signs with another key from now on.
		KeyRotated {
			/// The operator.
			who: T::AccountId,
			/// The new key.
			key: OperatorId,
		},
		/// An operator is there.
		HeartbeatReceived {
			/// The operator.
			who: T::AccountId,
			/// The period.
			period: PeriodIndex,
		},
		/// An operator takes no more work.
		ExitStarted {
			/// The operator.
			who: T::AccountId,
			/// First block in which the stake can be withdrawn.
			withdrawable_at: BlockNumberFor<T>,
		},
		/// An account is no operator any more; its stake and its bond are free.
		Withdrawn {
			/// The account.
			who: T::AccountId,
			/// What was left of the stake.
			stake: BalanceOf<T>,
			/// The registration bond.
			bond: BalanceOf<T>,
		},
		/// An operator put more on hold.
		ToppedUp {
			/// The operator.
			who: T::AccountId,
			/// Its stake now.
			stake: BalanceOf<T>,
		},
		/// An operator lost stake.
		Slashed {
			/// The operator.
			who: T::AccountId,
			/// What was taken.
			amount: BalanceOf<T>,
			/// What is left.
			stake: BalanceOf<T>,
		},
		/// An operator is not drawn any more.
		Quarantined {
			/// The operator.
			who: T::AccountId,
			/// First block in which it can return, if its stake suffices and nothing is pending.
			until: BlockNumberFor<T>,
		},
		/// An operator may be drawn again.
		QuarantineEnded {
			/// The operator.
			who: T::AccountId,
		},
		/// An account may never be an operator again.
		Banned {
			/// The account.
			who: T::AccountId,
		},
		/// An operator was silent for too long.
		SilenceReported {
			/// The operator.
			who: T::AccountId,
			/// The last of the periods in a row.
			period: PeriodIndex,
		},
		/// An account asked an operator to open its hardware.
		HardwareChallenged {
			/// The operator.
			who: T::AccountId,
			/// Who asked.
			challenger: T::AccountId,
		},
		/// It was drawn what has to be opened.
		HardwareDrawn {
			/// The operator.
			who: T::AccountId,
			/// The component.
			component: u8,
			/// The last block for the answer.
			deadline: BlockNumberFor<T>,
		},
		/// A hardware challenge ended before anything was drawn, for want of randomness.
		HardwareChallengeLapsed {
			/// The operator.
			who: T::AccountId,
		},
		/// An operator opened its hardware as it had committed to it.
		HardwareProven {
			/// The operator.
			who: T::AccountId,
			/// The component.
			component: u8,
		},
		/// An operator did not open its hardware in time, or not as it did before.
		HardwareRefuted {
			/// The operator.
			who: T::AccountId,
			/// The component.
			component: u8,
		},
		/// An operator missed too many seals in a row. [`Event::Quarantined`] says until when it is not drawn.
		Chilled {
			/// The operator.
			who: T::AccountId,
			/// Seals missed in a row.
			missed: u32,
		},
		/// An operator named the account that it belongs to.
		OwnerDeclared {
			/// The operator.
			who: T::AccountId,
			/// The account, which has to accept.
			owner: T::AccountId,
		},
		/// An operator belongs to an account.
		OwnerAccepted {
			/// The operator.
			who: T::AccountId,
			/// The account.
			owner: T::AccountId,
		},
		/// An operator will belong to itself again.
		OwnershipDissolved {
			/// The operator.
			who: T::AccountId,
			/// Whom it belonged to, or had named.
			owner: T::AccountId,
			/// First block in which it belongs to itself.
			ends_at: BlockNumberFor<T>,
		},
		/// An operator lost its place to one with more at stake.
		Displaced {
			/// The operator.
			who: T::AccountId,
			/// The newcomer.
			by: T::AccountId,
		},
		/// An operator missed a heartbeat: a warning. From now on [`Config::SilencePeriod`] runs, after which silence costs stake.
		HeartbeatMissed {
			/// The operator.
			who: T::AccountId,
			/// The period that it missed first.
			period: PeriodIndex,
		},
		/// An account is banned for a time: it is neither drawn, nor serves, nor registers.
		BannedUntil {
			/// The account.
			who: T::AccountId,
			/// First block in which it is not banned any more.
			until: BlockNumberFor<T>,
		},
	}
}
