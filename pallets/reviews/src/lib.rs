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
mod refusals;
mod reviewers;
mod reviews;
pub mod rules;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod types;
pub mod weights;

pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

/// Reward source of reviewers. It decides how much, and may be empty; nothing is minted anywhere else.
pub trait ReviewRewards<AccountId> {
	/// Pays a reviewer for `records` records on which it agreed with the decision. Returns what was paid.
	fn pay_review(who: &AccountId, records: u32) -> Balance;
}

/// Reviews of datasets by people: drawn from those who put up a bond, sealed, and scored against each other.
#[frame_support::pallet]
pub mod pallet {
	use super::{types::*, weights::WeightInfo, ReviewRewards};
	use blyan_primitives::{randomness::AppointedRandomness, DatasetRef};
	use frame_support::{
		pallet_prelude::*,
		traits::fungible::{Inspect, MutateHold},
	};
	use frame_system::pallet_prelude::*;
	use sp_core::H256;
	use sp_runtime::traits::{BlockNumberProvider, Zero};

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// The runtime's hold reasons.
		type RuntimeHoldReason: From<HoldReason>;

		/// The coin of bonds.
		type Currency: Inspect<Self::AccountId, Balance = Balance>
			+ MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

		/// Account that half of a lost bond goes to.
		type Treasury: Get<Self::AccountId>;

		/// Reward source of reviewers.
		type Rewards: ReviewRewards<Self::AccountId>;

		/// Randomness by appointment: a draw is committed to before its seed exists.
		type Randomness: AppointedRandomness;

		/// Blocks in which transactions were admitted, counted: the time that reviews are in.
		type WorkingTime: BlockNumberProvider<BlockNumber = BlockNumberFor<Self>>;

		/// Bond of a reviewer; it comes back when the reviewer leaves.
		type Bond: Get<Balance>;

		/// Blocks for which a reviewer has to be one when a review is appointed, and for which the bond of one that lost its right
		/// stays on hold.
		type Patience: Get<BlockNumberFor<Self>>;

		/// Blocks in which reviewers must be drawn.
		type DrawWindow: Get<BlockNumberFor<Self>>;

		/// Blocks reviewers have to read and to seal their answers.
		type SealWindow: Get<BlockNumberFor<Self>>;

		/// Blocks reviewers have to open their seals.
		type RevealWindow: Get<BlockNumberFor<Self>>;

		/// Reviewers of a dataset, at most [`SEATS_MAX`].
		type Seats: Get<u32>;

		/// Reviewers without whom there is no review.
		type MinSeats: Get<u32>;

		/// Records that a review looks at, at most [`RECORDS_MAX`].
		type Records: Get<u32>;

		/// Rules of reputation.
		type Repute: Get<ReputeRules>;

		/// Reviews that are under way at a time.
		#[pallet::constant]
		type MaxReviews: Get<u32>;

		/// Reviewers at a time.
		#[pallet::constant]
		type MaxReviewers: Get<u32>;

		/// Reviews that are moved on in one block without being asked.
		#[pallet::constant]
		type StepsPerBlock: Get<u32>;

		/// Weights of the calls and of what happens without being asked.
		type WeightInfo: WeightInfo;
	}

	/// Why coins are on hold.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// A reviewer's bond.
		#[codec(index = 0)]
		Bond,
	}

	/// Reviewers, and those that lost the right and have not taken their bond back. Each has a bond on hold.
	// Blake2_128Concat: accounts are chosen by those who own them.
	#[pallet::storage]
	pub type Reviewers<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, ReviewerOf<T>>;

	/// The list that draws choose from, without gaps.
	// Twox64Concat: the pallet counts the places.
	#[pallet::storage]
	pub type Roster<T: Config> = StorageMap<_, Twox64Concat, u32, T::AccountId>;

	/// Length of [`Roster`]. At most `MaxReviewers`.
	#[pallet::storage]
	pub type RosterSize<T: Config> = StorageValue<_, u32, ValueQuery>;

	/// Reviews that are under way, and concluded ones until the dataset's vote ends.
	// Twox64Concat: datasets are counted up.
	#[pallet::storage]
	pub type Reviews<T: Config> = StorageMap<_, Twox64Concat, DatasetRef, ReviewOf<T>>;

	/// Datasets with a review that is not concluded, the next to be looked at first.
	#[pallet::storage]
	pub type Open<T: Config> = StorageValue<_, BoundedVec<DatasetRef, T::MaxReviews>, ValueQuery>;

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An account became a reviewer.
		Joined {
			/// The account.
			who: T::AccountId,
			/// Amount on hold.
			bond: Balance,
		},
		/// A reviewer left, and has its bond back.
		Left {
			/// The account.
			who: T::AccountId,
			/// Amount that came back.
			bond: Balance,
		},
		/// A reviewer is drawn no more.
		RightLost {
			/// The account.
			who: T::AccountId,
			/// Since then, the time after which it gets its bond back.
			since: BlockNumberFor<T>,
		},
		/// A review will be drawn.
		Appointed {
			/// The dataset.
			dataset: DatasetRef,
		},
		/// Reviewers and records were drawn.
		Drawn {
			/// The dataset.
			dataset: DatasetRef,
			/// Number of reviewers.
			seats: u32,
			/// Last moment for seals.
			until: BlockNumberFor<T>,
		},
		/// A reviewer sealed its answers.
		Sealed {
			/// The dataset.
			dataset: DatasetRef,
			/// The reviewer.
			who: T::AccountId,
		},
		/// Seals can be opened.
		RevealBegan {
			/// The dataset.
			dataset: DatasetRef,
			/// Last moment for it.
			until: BlockNumberFor<T>,
		},
		/// A reviewer opened its seal.
		Revealed {
			/// The dataset.
			dataset: DatasetRef,
			/// The reviewer.
			who: T::AccountId,
			/// Its answers.
			answers: Answers,
		},
		/// A reviewer told its answers while they were sealed, and lost its bond and its right.
		LeakProven {
			/// The dataset.
			dataset: DatasetRef,
			/// The reviewer.
			who: T::AccountId,
			/// The account that proved it, which has half of the bond.
			by: T::AccountId,
		},
		/// A reviewer was paid.
		Paid {
			/// The dataset.
			dataset: DatasetRef,
			/// The reviewer.
			who: T::AccountId,
			/// Amount.
			amount: Balance,
		},
		/// A review ended.
		Concluded {
			/// The dataset.
			dataset: DatasetRef,
			/// Share of refused records in millionths of the decided ones; none without a quorum.
			refused: Option<u32>,
		},
	}

	#[pallet::error]
	pub enum Error<T> {
		/// The account is a reviewer, or was one and has not taken its bond back.
		AlreadyReviewer,
		/// As many reviewers are there as there may be; wait for one to leave.
		TooManyReviewers,
		/// The account is no reviewer.
		NotReviewer,
		/// The reviewer has a seat in a review that is under way; answer it first.
		HasSeat,
		/// The bond of one that lost its right stays on hold for `Patience`; wait.
		TooEarly,
		/// There is no review of this dataset.
		ReviewUnknown,
		/// The review is in another step, or its time is over.
		WrongStep,
		/// The account has no seat in this review.
		NoSeat,
		/// The reviewer has said this already, or has nothing sealed.
		AlreadySaid,
		/// Answers and salt are not those that were sealed.
		SealMismatch,
		/// There has to be one answer for each drawn record.
		AnswersMiscounted,
		/// A reviewer cannot accuse itself.
		OwnLeak,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_idle(_: BlockNumberFor<T>, remaining: Weight) -> Weight {
			Self::tick(remaining)
		}

		fn integrity_test() {
			assert!((1..=SEATS_MAX).contains(&T::Seats::get()), "a review has seats");
			assert!((1..=T::Seats::get()).contains(&T::MinSeats::get()), "reviews can take place");
			assert!((1..=RECORDS_MAX).contains(&T::Records::get()), "a review looks at records");
			assert!(!T::Bond::get().is_zero(), "a reviewer has something to lose");
			assert!(!T::SealWindow::get().is_zero() && !T::RevealWindow::get().is_zero(), "there is time");
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call(weight(<T as Config>::WeightInfo))]
	impl<T: Config> Pallet<T> {
		/// Become a reviewer.
		///
		/// - `origin`: any signed account that has `Bond` and is no reviewer.
		///
		/// Emits [`Event::Joined`].
		#[pallet::call_index(0)]
		pub fn join(origin: OriginFor<T>) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_join(who)
		}

		/// Stop being a reviewer and take the bond back.
		///
		/// - `origin`: a reviewer without a seat; one that lost its right waits for `Patience`.
		///
		/// Emits [`Event::Left`].
		#[pallet::call_index(1)]
		pub fn leave(origin: OriginFor<T>) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_leave(who)
		}

		/// Seal answers. Free.
		///
		/// - `origin`: a reviewer with a seat in the review.
		/// - `dataset`, `seal`: the dataset, and [`seal`](crate::seal) of the answers.
		///
		/// Emits [`Event::Sealed`].
		#[pallet::call_index(2)]
		pub fn seal(origin: OriginFor<T>, dataset: DatasetRef, seal: H256) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			Self::do_seal(who, dataset, seal)?;
			Ok(Pays::No.into())
		}

		/// Open sealed answers. Free. Never send it while the review is still in its step of seals: it is refused, and the answers
		/// in it let everyone take the bond by [`Call::report_leak`].
		///
		/// - `origin`: a reviewer that sealed answers.
		/// - `dataset`, `answers`, `salt`: the dataset, and what the seal was made of.
		///
		/// Emits [`Event::Revealed`].
		#[pallet::call_index(3)]
		pub fn reveal(
			origin: OriginFor<T>,
			dataset: DatasetRef,
			answers: Answers,
			salt: H256,
		) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			Self::do_reveal(who, dataset, answers, salt)?;
			Ok(Pays::No.into())
		}

		/// Prove that a reviewer told its answers while they were sealed: it loses bond and right.
		///
		/// - `origin`: any other signed account; it gets half of the bond.
		/// - `dataset`, `reviewer`: the dataset and the reviewer, which sealed and may not open yet.
		/// - `answers`, `salt`: what its seal is made of, which nothing but its own word can have told.
		///
		/// Emits [`Event::LeakProven`] and [`Event::RightLost`].
		#[pallet::call_index(4)]
		pub fn report_leak(
			origin: OriginFor<T>,
			dataset: DatasetRef,
			reviewer: T::AccountId,
			answers: Answers,
			salt: H256,
		) -> DispatchResult {
			let by = ensure_signed(origin)?;
			Self::do_report_leak(by, dataset, reviewer, &answers, &salt)
		}

		/// Move a review on whose step is over, where blocks had no room for it.
		///
		/// - `origin`: any signed account.
		/// - `dataset`: the dataset.
		///
		/// Emits what the step emits.
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::step())]
		pub fn advance(origin: OriginFor<T>, dataset: DatasetRef) -> DispatchResult {
			ensure_signed(origin)?;
			Self::do_advance(dataset)
		}
	}
}
