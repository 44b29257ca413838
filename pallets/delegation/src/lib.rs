#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
	not(test),
	deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

mod backing;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod pools;
pub mod pot;
mod refusals;
mod runtime_api;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod types;
pub mod weights;

pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

const LOG_TARGET: &str = "runtime::delegation";

/// Delegation: holders back the stakes of operators, share their income less a commission, and share their slashes.
#[frame_support::pallet]
pub mod pallet {
	use super::{types::*, weights::WeightInfo};
	use blyan_primitives::{traits::BackedOperators, Millionths, MILLIONTHS};
	use frame_support::{
		pallet_prelude::*,
		traits::{
			fungible::{hold, Mutate},
			OnUnbalanced,
		},
	};
	use frame_system::pallet_prelude::*;
	use sp_runtime::traits::{BlockNumberProvider, Zero};

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// The runtime's hold reasons.
		type RuntimeHoldReason: From<HoldReason>;

		/// The coin that operators are backed with and paid in.
		type Currency: Mutate<Self::AccountId, Balance = Balance>
			+ hold::Mutate<Self::AccountId, Reason = Self::RuntimeHoldReason>
			+ hold::Balanced<Self::AccountId>;

		/// The operators.
		type Operators: BackedOperators<Self::AccountId>;

		/// Where what is slashed goes. All of it: a reporter has no share in what others staked.
		type OnSlash: OnUnbalanced<CreditOf<Self>>;

		/// Blocks in which transactions were admitted, counted: while a migration bars them no backer can leave, so no notice runs.
		type WorkingTime: BlockNumberProvider<BlockNumber = BlockNumberFor<Self>>;

		/// Most that may back an operator, in multiples of its own stake.
		#[pallet::constant]
		type BackingMax: Get<u32>;

		/// Least that an account backs an operator with. Also bounds the income by share.
		#[pallet::constant]
		type MinBacking: Get<Balance>;

		/// Deposit of an entry: that of a backer, and that of an operator that takes backing.
		#[pallet::constant]
		type EntryDeposit: Get<Balance>;

		/// Highest commission, in millionths of the backers' income.
		#[pallet::constant]
		type CommissionMax: Get<Millionths>;

		/// Most that one raise adds to a commission, in millionths.
		#[pallet::constant]
		type CommissionStepMax: Get<Millionths>;

		/// Blocks from the announcement of a higher commission until it is taken. Longer than `UnbondingPeriod`.
		#[pallet::constant]
		type CommissionNotice: Get<BlockNumberFor<Self>>;

		/// Blocks for which a backing that was taken out can still be slashed: as many as an operator's own stake.
		#[pallet::constant]
		type UnbondingPeriod: Get<BlockNumberFor<Self>>;

		/// Parts of one backing that are on their way out at the same time.
		#[pallet::constant]
		type MaxChunks: Get<u32>;

		/// Blocks of a period whose income is kept for those who compare operators.
		#[pallet::constant]
		type IncomePeriod: Get<BlockNumberFor<Self>>;

		/// Weights of the calls.
		type WeightInfo: WeightInfo;
	}

	/// Why coins are on hold.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// All that backs an operator, on the operator's account. It is the backers'.
		#[codec(index = 0)]
		Backing,
		/// Income that is put aside for backers, on the operator's account.
		#[codec(index = 1)]
		Income,
		/// The deposit of an entry.
		#[codec(index = 2)]
		Deposit,
	}

	/// Operators that take backing, or have some left: from `set_commission` to `close`, or until the last backer has left.
	/// Each has its deposit, its backing and its unclaimed income on hold.
	// Blake2_128Concat: any account can be one.
	#[pallet::storage]
	pub type Pools<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, PoolRecordOf<T>>;

	/// Backings, by backer and operator. Each has a deposit on hold; it goes when nothing is left of it.
	// Blake2_128Concat: any account can be one.
	#[pallet::storage]
	pub type Backings<T: Config> = StorageDoubleMap<
		_,
		Blake2_128Concat,
		T::AccountId,
		Blake2_128Concat,
		T::AccountId,
		BackingRecordOf<T>,
	>;

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An account backs an operator with more.
		Delegated {
			/// The account.
			backer: T::AccountId,
			/// The operator.
			operator: T::AccountId,
			/// Amount that was added.
			amount: Balance,
			/// All that backs the operator now.
			backed: Balance,
		},
		/// An account backs an operator with less.
		Undelegated {
			/// The account.
			backer: T::AccountId,
			/// The operator.
			operator: T::AccountId,
			/// Amount that it takes out.
			amount: Balance,
			/// First block in which it can withdraw that.
			ready_at: BlockNumberFor<T>,
		},
		/// An account has coins back that backed an operator.
		Withdrawn {
			/// The account.
			backer: T::AccountId,
			/// The operator.
			operator: T::AccountId,
			/// Amount that was left of them.
			amount: Balance,
		},
		/// An account was paid its part of an operator's income.
		Claimed {
			/// The account.
			backer: T::AccountId,
			/// The operator.
			operator: T::AccountId,
			/// The amount.
			amount: Balance,
		},
		/// An operator set its commission, and takes backing.
		CommissionSet {
			/// The operator.
			operator: T::AccountId,
			/// The commission, in millionths.
			commission: Millionths,
			/// First block from which on it is taken, if not at once. Later by as many blocks as bar transactions until then.
			effective_at: Option<BlockNumberFor<T>>,
		},
		/// An operator takes no more backing.
		Closed {
			/// The operator.
			operator: T::AccountId,
		},
		/// Part of an operator's income was put aside for its backers.
		IncomeShared {
			/// The operator.
			operator: T::AccountId,
			/// The amount.
			amount: Balance,
		},
		/// The backing of an operator was slashed with its own stake.
		BackingSlashed {
			/// The operator.
			operator: T::AccountId,
			/// Taken of what backs it.
			active: Balance,
			/// Taken of what is on its way out.
			unbonding: Balance,
		},
	}

	#[pallet::error]
	pub enum Error<T> {
		/// The operator takes no backing: it has set no commission, or closed its pool. Choose another one.
		NotOpen,
		/// The account is not an operator, or one that is leaving.
		NotStaying,
		/// An operator adds to its own stake with `Operators::top_up`.
		OwnOperator,
		/// Less than `MinBacking`.
		TooLittle,
		/// As much backs the operator as its own stake allows. Choose another one, or a smaller amount.
		BackingFull,
		/// A grave offence of the operator awaits its decision: wait for it.
		OffencePending,
		/// Everything that backed the operator was slashed. Its entries have to be cleared first, by `claim` for each.
		PoolLost,
		/// The account does not back this operator.
		NotBacking,
		/// Too many parts are on their way out: withdraw those that are ready.
		TooManyChunks,
		/// No part is ready to be withdrawn.
		NothingReady,
		/// There is nothing to pay out, and nothing to clear.
		NothingToClaim,
		/// The commission is above `CommissionMax`.
		CommissionTooHigh,
		/// The commission rises by more than `CommissionStepMax`.
		StepTooHigh,
		/// A number is out of range.
		Overflow,
		/// An emergency has frozen the operator's account. Try again when the freeze has ended.
		OperatorFrozen,
		/// The commission, or a higher one that is announced, is above what the backer accepts. Look at it again.
		CommissionAboveAccepted,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn integrity_test() {
			assert!(
				T::CommissionNotice::get() > T::UnbondingPeriod::get(),
				"backers can leave before a commission rises"
			);
			assert!(T::CommissionMax::get() <= MILLIONTHS, "a commission is a part of the income");
			assert!(!T::MinBacking::get().is_zero(), "an entry is worth something");
			assert!(T::MaxChunks::get() > 0, "a backing can be taken out");
			assert!(!T::IncomePeriod::get().is_zero(), "a period has blocks");
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call(weight(<T as Config>::WeightInfo))]
	impl<T: Config> Pallet<T> {
		/// Back an operator: earn a part of its income, less its commission, and lose what it loses.
		///
		/// The coins are held on the operator's account, which cannot move them. They weigh in draws from the operator's next
		/// heartbeat on. A first backing takes a deposit, which comes back with the last coin.
		///
		/// - `origin`: anyone but the operator, signed.
		/// - `operator`: an operator that takes backing, is not leaving and is not accused of anything.
		/// - `amount`: at least `MinBacking`.
		/// - `commission_max`: the highest commission that the backer accepts, in millionths. Neither the one in force nor one that is
		///   announced may be above it.
		///
		/// Emits [`Event::Delegated`].
		#[pallet::call_index(0)]
		pub fn delegate(
			origin: OriginFor<T>,
			operator: T::AccountId,
			#[pallet::compact] amount: Balance,
			#[pallet::compact] commission_max: Millionths,
		) -> DispatchResult {
			let backer = ensure_signed(origin)?;
			Self::do_delegate(&backer, &operator, amount, commission_max)
		}

		/// Take backing out. It earns nothing from now on, and can be slashed until it is withdrawn.
		///
		/// - `origin`: a backer, signed.
		/// - `operator`: the operator, whatever became of it.
		/// - `amount`: what is taken out; everything, if less than `MinBacking` would be left.
		///
		/// Emits [`Event::Undelegated`].
		#[pallet::call_index(1)]
		pub fn undelegate(
			origin: OriginFor<T>,
			operator: T::AccountId,
			#[pallet::compact] amount: Balance,
		) -> DispatchResult {
			let backer = ensure_signed(origin)?;
			Self::do_undelegate(&backer, &operator, amount)
		}

		/// Get back what was taken out and has waited for `UnbondingPeriod`.
		///
		/// - `origin`: a backer, signed.
		/// - `operator`: the operator. Nothing grave may be pending against it.
		///
		/// Emits [`Event::Withdrawn`].
		#[pallet::call_index(2)]
		pub fn withdraw_unbonded(origin: OriginFor<T>, operator: T::AccountId) -> DispatchResult {
			let backer = ensure_signed(origin)?;
			Self::do_withdraw_unbonded(&backer, &operator)
		}

		/// Pay a backer its part of an operator's income. Also clears an entry of which everything was slashed.
		///
		/// - `origin`: anyone, signed. The backer is paid, and not the caller.
		/// - `operator`: the operator.
		/// - `backer`: the backer.
		///
		/// Emits [`Event::Claimed`].
		#[pallet::call_index(3)]
		pub fn claim(origin: OriginFor<T>, operator: T::AccountId, backer: T::AccountId) -> DispatchResult {
			ensure_signed(origin)?;
			Self::do_claim(&backer, &operator)
		}

		/// Take backing, for a commission.
		///
		/// A lower commission is taken at once. A higher one is taken after `CommissionNotice`, and is no more than
		/// `CommissionStepMax` higher; it replaces one that was announced before. Without backers any commission is taken at once.
		///
		/// - `origin`: an operator that is not leaving, signed. The first time takes a deposit.
		/// - `commission`: in millionths of the backers' income, at most `CommissionMax`.
		///
		/// Emits [`Event::CommissionSet`].
		#[pallet::call_index(4)]
		pub fn set_commission(origin: OriginFor<T>, commission: Millionths) -> DispatchResult {
			let operator = ensure_signed(origin)?;
			Self::do_set_commission(&operator, commission)
		}

		/// Take no more backing. What there is stays until its backers leave; the deposit comes back with the last of them.
		///
		/// - `origin`: an operator that takes backing, or did, signed.
		///
		/// Emits [`Event::Closed`].
		#[pallet::call_index(5)]
		pub fn close(origin: OriginFor<T>) -> DispatchResult {
			let operator = ensure_signed(origin)?;
			Self::do_close(&operator)
		}
	}
}
