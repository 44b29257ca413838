#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
	not(test),
	deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

mod answers;
mod appeal;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod decide;
mod refusals;
mod report;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod types;
pub mod weights;

pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

const LOG_TARGET: &str = "runtime::slashing";

/// Penalties: offences that are proven on chain, the cut they cost after the time for appeals, and the reporter's share.
#[frame_support::pallet]
pub mod pallet {
	use super::{types::*, weights::WeightInfo};
	use blyan_primitives::{
		traits::{Appeals, Contested, OffenceKind, OperatorStakes},
		Subject,
	};
	use frame_support::{
		pallet_prelude::*,
		traits::{
			fungible::{hold, Balanced, Mutate},
			OnUnbalanced,
		},
	};
	use frame_system::pallet_prelude::*;
	use sp_core::H256;
	use sp_runtime::{
		traits::{BlockNumberProvider, Convert, Zero},
		Perbill,
	};

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// The runtime's hold reasons.
		type RuntimeHoldReason: From<HoldReason>;

		/// The coin that stakes are in, that the bonds of appeals are held in, and that reporters are paid in.
		type Currency: Mutate<Self::AccountId>
			+ Balanced<Self::AccountId>
			+ hold::Mutate<Self::AccountId, Reason = Self::RuntimeHoldReason>
			+ hold::Balanced<Self::AccountId>;

		/// Whose stakes are taken.
		type Stakes: OperatorStakes<Self::AccountId, BalanceOf<Self>, Credit = CreditOf<Self>>;

		/// Blocks in which transactions were admitted, counted: the time that windows are in. While a migration bars
		/// transactions no operator can appeal, so no window runs.
		type WorkingTime: BlockNumberProvider<BlockNumber = BlockNumberFor<Self>>;

		/// Pallet that has a claim computed again.
		type Appeals: Appeals<Self::AccountId>;

		/// Where the treasury's part of what is taken goes.
		type OnSlash: OnUnbalanced<CreditOf<Self>>;

		/// Origin that may report without evidence on chain.
		type ReportOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// Origin that decides appeals that no computation decides, and may pardon anything.
		type JudgeOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// Penalty of each kind of offence.
		type Penalties: Convert<OffenceKind, Penalty>;

		/// Blocks in a day, for bans.
		type BlocksPerDay: Get<BlockNumberFor<Self>>;

		/// Part of what is taken that the reporter gets.
		#[pallet::constant]
		type ReporterShare: Get<Perbill>;

		/// Blocks from a report to its application, in which it may be appealed.
		#[pallet::constant]
		type AppealWindow: Get<BlockNumberFor<Self>>;

		/// Blocks in which the judge decides an appeal that is not computed. After that it has failed.
		#[pallet::constant]
		type JudgementWindow: Get<BlockNumberFor<Self>>;

		/// Price of an appeal that fails.
		#[pallet::constant]
		type AppealBond: Get<BalanceOf<Self>>;

		/// The offence of weight that bans: it takes the whole stake.
		#[pallet::constant]
		type StrikesMax: Get<u32>;

		/// Blocks for which an applied offence counts towards the ban.
		#[pallet::constant]
		type StrikeMemory: Get<BlockNumberFor<Self>>;

		/// Pending offences of one offender. Further ones are dropped; light ones when half as many are pending.
		#[pallet::constant]
		type MaxPending: Get<u32>;

		/// Decided offences that are remembered.
		#[pallet::constant]
		type MaxClosed: Get<u32>;

		/// Weights of the calls and of what happens without being asked.
		type WeightInfo: WeightInfo;
	}

	/// Why coins are on hold.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// The bond of an appeal.
		#[codec(index = 0)]
		Appeal,
	}

	/// The next offence's number.
	#[pallet::storage]
	pub type NextOffence<T: Config> = StorageValue<_, OffenceId, ValueQuery>;

	/// The first offence that may still be open. All before it are decided or appealed.
	#[pallet::storage]
	pub type NextDue<T: Config> = StorageValue<_, OffenceId, ValueQuery>;

	/// Pending offences, at most `MaxPending` for each offender, and the `MaxClosed` that were decided last.
	// Twox64Concat: the pallet counts the offences.
	#[pallet::storage]
	pub type OffenceRecords<T: Config> = StorageMap<_, Twox64Concat, OffenceId, OffenceOf<T>>;

	/// The offence with this [`fingerprint`]: one entry for each in [`OffenceRecords`].
	// Identity: the key is a hash.
	#[pallet::storage]
	pub type Fingerprints<T: Config> = StorageMap<_, Identity, H256, OffenceId>;

	/// Pending offences of each offender, in order; no entry if there are none.
	// Blake2_128Concat: accounts are anybody's choice.
	#[pallet::storage]
	pub type PendingOf<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, BoundedVec<OffenceId, T::MaxPending>, ValueQuery>;

	/// Offences that await the end of a dispute: the offender's about this subject.
	// Blake2_128Concat: accounts are anybody's choice.
	#[pallet::storage]
	pub type Computed<T: Config> = StorageMap<
		_,
		Blake2_128Concat,
		(T::AccountId, Subject),
		BoundedVec<OffenceId, T::MaxPending>,
		ValueQuery,
	>;

	/// When each account was punished with weight, for the last `StrikeMemory` blocks as of the last time; the block of
	/// the oldest first. Survives a withdrawal, so that a new registration is no new innocence. One small entry for
	/// each account that was ever punished with weight and not banned.
	// Blake2_128Concat: accounts are anybody's choice.
	#[pallet::storage]
	pub type Strikes<T: Config> = StorageMap<
		_,
		Blake2_128Concat,
		T::AccountId,
		BoundedVec<BlockNumberFor<T>, T::StrikesMax>,
		ValueQuery,
	>;

	/// Offences decided so far.
	#[pallet::storage]
	pub type ClosedCount<T: Config> = StorageValue<_, u64, ValueQuery>;

	/// The offences that were decided last, at their number of decision modulo `MaxClosed`.
	// Twox64Concat: the pallet counts the decisions.
	#[pallet::storage]
	pub type ClosedRing<T: Config> = StorageMap<_, Twox64Concat, u32, OffenceId>;

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An operator did something that costs stake.
		OffenceReported {
			/// Its number.
			offence: OffenceId,
			/// The accused operator.
			offender: T::AccountId,
			/// Kind of offence.
			kind: OffenceKind,
			/// Evidence that proves it.
			evidence: H256,
			/// First block in which it is applied.
			applies_at: BlockNumberFor<T>,
		},
		/// So much is pending against an offender that one more report was dropped.
		ReportDropped {
			/// The accused operator.
			offender: T::AccountId,
			/// Kind of offence.
			kind: OffenceKind,
			/// Evidence that proves it.
			evidence: H256,
		},
		/// An offender appealed.
		Appealed {
			/// The offence.
			offence: OffenceId,
			/// True if the claim is computed again.
			is_computed: bool,
		},
		/// An offence was punished.
		OffenceApplied {
			/// The offence.
			offence: OffenceId,
			/// The operator that paid.
			offender: T::AccountId,
			/// Share of the stake that was taken.
			share: Perbill,
			/// The amount taken.
			taken: BalanceOf<T>,
			/// The reporter's part of it.
			rewarded: BalanceOf<T>,
		},
		/// An offence was forgiven.
		OffencePardoned {
			/// The offence.
			offence: OffenceId,
		},
		/// An appeal failed, and cost its bond.
		AppealFailed {
			/// The offence.
			offence: OffenceId,
			/// The bond.
			bond: BalanceOf<T>,
		},
	}

	#[pallet::error]
	pub enum Error<T> {
		/// There is no such offence, or it was decided long ago.
		UnknownOffence,
		/// The offence was decided.
		Decided,
		/// The offence is appealed already.
		AlreadyAppealed,
		/// The offence is another operator's.
		NotOffender,
		/// The time for an appeal is over; the offence is about to be applied.
		TooLateToAppeal,
		/// The chain itself has computed what proves this offence; there is nothing to compute again.
		AlreadyExecuted,
		/// The offence may still be appealed, or its appeal decided.
		TooEarlyToApply,
		/// The same was reported before.
		AlreadyReported,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_idle(_: BlockNumberFor<T>, remaining: Weight) -> Weight {
			Self::apply_due(remaining)
		}

		fn integrity_test() {
			assert!(T::StrikesMax::get() > 0, "the ban comes after some offence");
			assert!(T::MaxPending::get() > 1, "there is room for light and for grave offences");
			assert!(T::MaxClosed::get() > 0, "the last decision is remembered");
			assert!(!T::AppealWindow::get().is_zero(), "there is time for an appeal");
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call(weight(<T as Config>::WeightInfo))]
	impl<T: Config> Pallet<T> {
		/// Report what no evidence on chain proves: the outcome of a vote.
		///
		/// - `origin`: `ReportOrigin`.
		/// - `offender`: who did it.
		/// - `kind`: what.
		/// - `evidence`: what proves it, such as the hash of the proposal.
		/// - `contested`: the claim it is about, if an appeal can have that computed again.
		///
		/// Emits [`Event::OffenceReported`].
		#[pallet::call_index(0)]
		pub fn report(
			origin: OriginFor<T>,
			offender: T::AccountId,
			kind: OffenceKind,
			evidence: H256,
			contested: Option<Contested>,
		) -> DispatchResult {
			T::ReportOrigin::ensure_origin(origin)?;
			Self::do_report(&offender, kind, evidence, None, contested)
		}

		/// Contest an offence.
		///
		/// If it is about a claim that can be computed again, a dispute is opened about that and decides. If not, or if no
		/// dispute can be opened any more, the judge has `JudgementWindow` blocks to do so. Nothing is taken before.
		///
		/// - `origin`: the offender, signed, with `AppealBond`, which comes back if the offence is pardoned.
		/// - `offence`: an offence that is not applied yet.
		///
		/// Emits [`Event::Appealed`].
		#[pallet::call_index(1)]
		pub fn appeal(origin: OriginFor<T>, offence: OffenceId) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_appeal(&who, offence)
		}

		/// Apply an offence whose time for appeals, or for judgement, is over. Blocks do that by themselves where they
		/// have room, except after an appeal that was not judged. Free.
		///
		/// - `origin`: anyone, signed.
		/// - `offence`: the offence.
		///
		/// Emits [`Event::OffenceApplied`].
		#[pallet::call_index(2)]
		pub fn apply(origin: OriginFor<T>, offence: OffenceId) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			Self::do_apply(offence)?;
			Ok(Pays::No.into())
		}

		/// Forgive a pending offence.
		///
		/// - `origin`: `JudgeOrigin`.
		/// - `offence`: the offence, appealed or not.
		///
		/// Emits [`Event::OffencePardoned`].
		#[pallet::call_index(3)]
		pub fn pardon(origin: OriginFor<T>, offence: OffenceId) -> DispatchResult {
			T::JudgeOrigin::ensure_origin(origin)?;
			Self::do_pardon(offence)
		}

		/// Apply a pending offence now.
		///
		/// - `origin`: `JudgeOrigin`.
		/// - `offence`: the offence, appealed or not.
		///
		/// Emits [`Event::OffenceApplied`].
		#[pallet::call_index(4)]
		pub fn uphold(origin: OriginFor<T>, offence: OffenceId) -> DispatchResult {
			T::JudgeOrigin::ensure_origin(origin)?;
			Self::do_uphold(offence)
		}
	}
}
