#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
	not(test),
	deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod dispatch;
mod fees;
pub mod math;
mod payout;
mod refusals;
#[cfg(test)]
mod tests;
mod tick;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod types;
pub mod weights;

pub use fees::DealWithFees;
pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

/// Rewards and fees: what is minted for improvement, held while it can be disputed, and released or cancelled.
#[frame_support::pallet]
pub mod pallet {
	use super::{types::*, weights::WeightInfo};
	use frame_support::{
		pallet_prelude::*,
		traits::{
			fungible::{Balanced, Mutate},
			OnUnbalanced,
		},
	};
	use frame_system::pallet_prelude::*;
	use sp_runtime::{traits::Zero, Permill};

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// The coin. Dropping a credit of it must lower the issuance, which is how fees are burned.
		type Currency: Mutate<Self::AccountId, Balance = Balance> + Balanced<Self::AccountId>;

		/// Origin that may change inflation and shares.
		type BudgetOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// Most coins that may ever exist at once, in the smallest unit.
		#[pallet::constant]
		type SupplyCap: Get<Balance>;

		/// Highest yearly inflation that `set_budget` accepts, in parts per million of the issuance at
		/// the beginning of the year.
		#[pallet::constant]
		type InflationMax: Get<PartsPerMillion>;

		/// Blocks in a year of emission.
		#[pallet::constant]
		type BlocksPerYear: Get<BlockNumberFor<Self>>;

		/// Blocks in an era; emission happens in its last block. Not longer than a year.
		#[pallet::constant]
		type EraLength: Get<BlockNumberFor<Self>>;

		/// Reward of an improvement of exactly the acceptance threshold, in the smallest unit.
		type LearningBase: Get<Balance>;

		/// Largest learning reward, in multiples of `LearningBase`.
		type LearningMultipleMax: Get<u32>;

		/// Reward of one report that agreed with the decision, in the smallest unit.
		type ValidationReward: Get<Balance>;

		/// The account that the treasury's envelope is paid to.
		type TreasuryAccount: Get<Self::AccountId>;

		/// Share of every transaction fee that is burned.
		#[pallet::constant]
		type FeeBurn: Get<Permill>;

		/// Recipient of the rest of the fees, and of the tips.
		type FeeRecipient: OnUnbalanced<CreditOf<Self>>;

		/// Journal entries that are kept.
		#[pallet::constant]
		type JournalLength: Get<u32>;

		/// Weights of the calls and of the end of an era.
		type WeightInfo: WeightInfo;
	}

	/// Inflation and shares. Changed by `set_budget` only.
	#[pallet::storage]
	pub type Budgets<T: Config> = StorageValue<_, Budget, ValueQuery>;

	/// Rest that may still be paid from each envelope. Together with the issuance at most `SupplyCap`.
	#[pallet::storage]
	pub type Envelopes<T: Config> = StorageValue<_, EnvelopeAmounts, ValueQuery>;

	/// Total ever put into each envelope: [`Envelopes`] plus [`Paid`].
	#[pallet::storage]
	pub type Credited<T: Config> = StorageValue<_, EnvelopeAmounts, ValueQuery>;

	/// Total ever paid from each envelope.
	#[pallet::storage]
	pub type Paid<T: Config> = StorageValue<_, EnvelopeAmounts, ValueQuery>;

	/// Fees burned so far.
	#[pallet::storage]
	pub type FeesBurned<T: Config> = StorageValue<_, Balance, ValueQuery>;

	/// The current year of emission; none before the end of the first era.
	#[pallet::storage]
	pub type Year<T: Config> = StorageValue<_, YearRecordOf<T>>;

	/// Contents of the envelopes at genesis: an advance on the emission of the first year. Removed when that is over.
	#[pallet::storage]
	pub type Advance<T: Config> = StorageValue<_, Balance, ValueQuery>;

	/// Number of entries ever made, and the running hash over them.
	#[pallet::storage]
	pub type JournalHead<T: Config> = StorageValue<_, JournalRoot, ValueQuery>;

	/// The newest `JournalLength` entries, under their numbers; each new one removes the oldest.
	// Twox64Concat: the pallet counts the entries, so nobody can grind their numbers.
	#[pallet::storage]
	pub type Journal<T: Config> = StorageMap<_, Twox64Concat, EntryIndex, JournalEntryOf<T>>;

	/// Budget and envelopes that the chain starts with.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// Inflation and shares.
		pub budget: Budget,
		/// Contents of the envelopes before the first era, so that the first miners can be paid. The first year emits so much
		/// less.
		pub envelopes: EnvelopeAmounts,
		/// Marker of the runtime.
		#[serde(skip)]
		pub _runtime: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			// A chain specification that contradicts itself must not start a chain.
			assert!(self.budget.is_valid(T::InflationMax::get()), "the genesis budget is valid");
			let promised = self.envelopes.total().expect("the genesis envelopes have a sum");
			assert!(promised <= T::SupplyCap::get(), "the genesis envelopes fit under the cap");
			Budgets::<T>::put(self.budget);
			Envelopes::<T>::put(self.envelopes);
			Credited::<T>::put(self.envelopes);
			Advance::<T>::put(promised);
		}
	}

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// Inflation and shares changed.
		BudgetSet {
			/// The new ones.
			budget: Budget,
		},
		/// An account turned coins into budget.
		EnvelopeFunded {
			/// Whose coins were burned.
			who: T::AccountId,
			/// The envelope that grew.
			envelope: Envelope,
			/// By how much.
			amount: Balance,
		},
		/// An era ended and its emission was divided.
		EraEmitted {
			/// Amount that each envelope received.
			amounts: EnvelopeAmounts,
		},
		/// Coins were minted for an account.
		PaidOut {
			/// Number of the journal entry.
			entry: EntryIndex,
			/// The envelope that was debited.
			envelope: Envelope,
			/// The account that was credited.
			who: T::AccountId,
			/// The amount.
			amount: Balance,
		},
		/// The pay for something that was undone is in its envelope again.
		EnvelopeRefunded {
			/// The envelope.
			envelope: Envelope,
			/// The amount; as many coins were burned.
			amount: Balance,
		},
		/// A part of the year's emission came earlier.
		EmissionAdvanced {
			/// The envelope that grew.
			envelope: Envelope,
			/// By how much; the rest of the year emits as much less.
			amount: Balance,
		},
	}

	#[pallet::error]
	pub enum Error<T> {
		/// Inflation is above its maximum, or the shares exceed the whole, or the data share its limit.
		BudgetInvalid,
		/// Nothing was given.
		AmountZero,
		/// The envelope cannot hold so much.
		Overflow,
		/// The year emits less than that, or the supply cap leaves less; ask for less.
		YearExhausted,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(now: BlockNumberFor<T>) -> Weight {
			if Self::is_end_of_era(now) {
				Self::end_era(now);
				T::WeightInfo::end_era()
			} else {
				Weight::zero()
			}
		}

		fn integrity_test() {
			assert!(!T::EraLength::get().is_zero(), "an era has blocks");
			assert!(T::EraLength::get() <= T::BlocksPerYear::get(), "an era fits into a year");
			assert!(T::InflationMax::get() <= MILLION, "inflation is a share of the issuance");
			assert!(T::JournalLength::get() > 0, "the newest entry is always kept");
			assert!(!T::SupplyCap::get().is_zero(), "there are coins");
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call(weight(T::WeightInfo))]
	impl<T: Config> Pallet<T> {
		/// Set inflation and shares, from the next end of an era on.
		///
		/// - `origin`: `BudgetOrigin`.
		/// - `budget`: at most `InflationMax`, shares at most the whole, data at most a fifth.
		///
		/// Emits [`Event::BudgetSet`].
		#[pallet::call_index(0)]
		pub fn set_budget(origin: OriginFor<T>, budget: Budget) -> DispatchResult {
			T::BudgetOrigin::ensure_origin(origin)?;
			Self::do_set_budget(budget)
		}

		/// Turn coins of your own into budget: they are burned and the envelope grows by as much.
		///
		/// - `origin`: anyone, signed, whose account survives it.
		/// - `envelope`: what the coins are for.
		/// - `amount`: how many, in the smallest unit.
		///
		/// Emits [`Event::EnvelopeFunded`].
		#[pallet::call_index(1)]
		pub fn fund(
			origin: OriginFor<T>,
			envelope: Envelope,
			#[pallet::compact] amount: Balance,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_fund(&who, envelope, amount)
		}
	}
}
