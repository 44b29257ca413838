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
mod electorate;
mod queries;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod turnout;
mod types;
mod votes;
pub mod weights;

pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

/// Votes of operators: electorates that are fixed before a poll begins, and one voice for each operator or owner of operators.
#[frame_support::pallet]
pub mod pallet {
	use super::{types::*, weights::WeightInfo};
	use blyan_primitives::voting::{ElectorateId, Voters};
	use frame_support::{pallet_prelude::*, traits::Polling, BoundedBTreeMap};
	use frame_system::pallet_prelude::*;
	use sp_runtime::traits::Zero;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// Polls that operators vote in.
		type Polls: Polling<
			TallyOf<Self>,
			Index = PollNumber,
			Votes = VoiceCount,
			Moment = BlockNumberFor<Self>,
		>;

		/// Polls that were ever submitted; they are numbered from zero.
		type PollCount: Get<PollNumber>;

		/// Operators that may vote.
		type Voters: Voters<Self::AccountId, BlockNumberFor<Self>>;

		/// Operators at any one time.
		#[pallet::constant]
		type MaxOperators: Get<u32>;

		/// Blocks in a day, where genesis sets no other length.
		#[pallet::constant]
		type UsualDay: Get<BlockNumberFor<Self>>;

		/// Days for which an operator must be registered before it is in an electorate.
		#[pallet::constant]
		type VoterAgeDays: Get<u32>;

		/// Days for which an electorate is kept after the last poll that began with it. Longer than any poll.
		#[pallet::constant]
		type ElectorateDays: Get<u32>;

		/// Weights of the calls and of what happens without being asked.
		type WeightInfo: WeightInfo;
	}

	/// Default of [`DayLength`].
	#[pallet::type_value]
	pub fn UsualDayLength<T: Config>() -> BlockNumberFor<T> {
		T::UsualDay::get()
	}

	/// Blocks in a day of governance. All periods of polls are parts and multiples of it. Set at genesis only.
	#[pallet::storage]
	pub type DayLength<T: Config> = StorageValue<_, BlockNumberFor<T>, ValueQuery, UsualDayLength<T>>;

	/// Electorates: the newest one, and those with which polls began in the last `ElectorateDays`.
	// Twox64Concat: the pallet counts the electorates.
	#[pallet::storage]
	pub type Electorates<T: Config> = StorageMap<_, Twox64Concat, ElectorateId, ElectorateRecordOf<T>>;

	/// Number of the newest electorate; none before the first.
	#[pallet::storage]
	pub type NewestElectorate<T: Config> = StorageValue<_, ElectorateId>;

	/// First number that [`Electorates`] may have an entry of.
	#[pallet::storage]
	pub type OldestElectorate<T: Config> = StorageValue<_, ElectorateId, ValueQuery>;

	/// Last block in which a poll began with an electorate; no entry if none did.
	// Twox64Concat: the pallet counts the electorates.
	#[pallet::storage]
	pub type LastUses<T: Config> = StorageMap<_, Twox64Concat, ElectorateId, BlockNumberFor<T>>;

	/// First block in which the operators are looked at again for another electorate.
	#[pallet::storage]
	pub type NextRenewal<T: Config> = StorageValue<_, BlockNumberFor<T>, ValueQuery>;

	/// Accounts that may vote in a poll that begins now: operators of the newest electorate, and the accounts whose voices they have.
	// Blake2_128Concat: accounts are chosen by those who own them.
	#[pallet::storage]
	pub type Members<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, MemberRecord>;

	/// Votes in each poll, by the account whose voice it is. At most one for each voice, until `cleanup_poll`.
	// Twox64Concat: the referenda count the polls. Blake2_128Concat: accounts are chosen by those who own them.
	#[pallet::storage]
	pub type Voting<T: Config> = StorageDoubleMap<
		_,
		Twox64Concat,
		PollIndexOf<T>,
		Blake2_128Concat,
		T::AccountId,
		VoteRecord,
		OptionQuery,
	>;

	/// First poll that was not looked at since it was submitted. At most `PollCount`.
	#[pallet::storage]
	pub type NextPoll<T: Config> = StorageValue<_, PollNumber, ValueQuery>;

	/// Polls that run, and polls that have ended and are not counted yet. At most one for each poll that has its deposit on hold;
	/// `on_idle` and `cleanup_poll` remove them.
	// Twox64Concat: the referenda count the polls.
	#[pallet::storage]
	pub type Watched<T: Config> = StorageMap<_, Twox64Concat, PollNumber, PollRecord<ClassOf<T>>>;

	/// Entry of [`Watched`] behind which the next look begins; none for the first one.
	#[pallet::storage]
	pub type LastLook<T: Config> = StorageValue<_, PollNumber>;

	/// Polls that have ended and votes in them, by class. At most one entry for each class of the referenda.
	// Twox64Concat: the runtime names the classes.
	#[pallet::storage]
	pub type Turnouts<T: Config> = StorageMap<_, Twox64Concat, ClassOf<T>, TurnoutRecord, ValueQuery>;

	/// Votes of operators in the decided polls that they could vote in. Where there is no room for all, those are forgotten that
	/// could vote in none for the longest.
	#[pallet::storage]
	pub type Participations<T: Config> =
		StorageValue<_, BoundedBTreeMap<T::AccountId, ParticipationRecord, T::MaxOperators>, ValueQuery>;

	/// Length of a day that the chain starts with.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// Blocks in a day of governance; zero for `UsualDay`.
		pub day_length: BlockNumberFor<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			if !self.day_length.is_zero() {
				DayLength::<T>::put(self.day_length);
			}
		}
	}

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An account may vote in polls that begin from now on.
		MemberAdded {
			/// The account.
			who: T::AccountId,
		},
		/// An account may not vote in polls that begin from now on.
		MemberRemoved {
			/// The account.
			who: T::AccountId,
			/// Always zero.
			rank: u16,
		},
		/// A vote was cast, or replaced.
		Voted {
			/// Account whose voice it is.
			who: T::AccountId,
			/// The poll.
			poll: PollIndexOf<T>,
			/// The vote.
			vote: VoteRecord,
			/// Tally with it.
			tally: TallyOf<T>,
		},
		/// The vote of a voice without a standing operator was removed.
		VoteStruck {
			/// Account whose voice it was.
			who: T::AccountId,
			/// The poll.
			poll: PollIndexOf<T>,
			/// Tally without it.
			tally: TallyOf<T>,
		},
		/// Polls that begin from now on are voted in by this electorate.
		ElectorateTaken {
			/// Its number.
			electorate: ElectorateId,
			/// Number of its voices.
			voices: VoiceCount,
		},
	}

	#[pallet::error]
	pub enum Error<T> {
		/// There is no such poll, or it has ended.
		NotPolling,
		/// The poll has not ended; its votes are removed afterwards.
		Ongoing,
		/// The account had no voice when the poll was submitted: operators vote that were registered long enough then, and owners of
		/// such operators.
		NotElector,
		/// The operators of this voice withdrew or were banned since the poll was submitted.
		NotStanding,
		/// The poll is older than any may be, and its electorate is forgotten.
		ElectorateForgotten,
		/// There is no such vote.
		NoVote,
		/// An operator of this voice is registered and not banned; its vote counts.
		StillStanding,
		/// The poll has no votes left to remove.
		NoneRemaining,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_idle(now: BlockNumberFor<T>, remaining: Weight) -> Weight {
			let renewing = Self::renew_electorate(now, remaining);
			renewing.saturating_add(Self::follow_polls(remaining.saturating_sub(renewing)))
		}

		fn integrity_test() {
			assert!(!T::UsualDay::get().is_zero(), "a day has blocks");
			assert!(T::ElectorateDays::get() > 0, "an electorate outlives the block it was taken in");
			assert!(T::MaxOperators::get() > 0, "some operator can vote");
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call(weight(<T as Config>::WeightInfo))]
	impl<T: Config> Pallet<T> {
		/// Vote in a poll, or change the vote. The first vote of a voice in a poll is free.
		///
		/// - `origin`: an operator of the poll's electorate, signed, or the account that it belonged to when the poll was submitted.
		/// - `poll`: a poll that has not ended.
		/// - `aye`: true to approve.
		///
		/// Emits [`Event::Voted`].
		#[pallet::call_index(0)]
		pub fn vote(origin: OriginFor<T>, poll: PollIndexOf<T>, aye: bool) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			let is_first = Self::do_vote(&who, poll, aye)?;
			Ok(if is_first { Pays::No } else { Pays::Yes }.into())
		}

		/// Remove votes of a poll that has ended, once they are counted in the turnout. Free if there were some.
		///
		/// - `origin`: anyone, signed.
		/// - `poll`: the poll.
		/// - `max`: votes to remove at most.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::cleanup_poll(*max).saturating_add(T::WeightInfo::count_poll()))]
		pub fn cleanup_poll(
			origin: OriginFor<T>,
			poll: PollIndexOf<T>,
			max: u32,
		) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			let (removed, counted) = Self::do_cleanup_poll(poll, max)?;
			let counting = if counted { T::WeightInfo::count_poll() } else { Weight::zero() };
			let used = T::WeightInfo::cleanup_poll(removed).saturating_add(counting);
			Ok((Some(used), Pays::No).into())
		}

		/// Remove a vote of a voice without operators: all of them withdrew or were banned. Free.
		///
		/// - `origin`: anyone, signed.
		/// - `poll`: a poll that has not ended.
		/// - `voice`: account whose voice it was.
		///
		/// Emits [`Event::VoteStruck`].
		#[pallet::call_index(2)]
		pub fn strike(
			origin: OriginFor<T>,
			poll: PollIndexOf<T>,
			voice: T::AccountId,
		) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			Self::do_strike(poll, &voice)?;
			Ok(Pays::No.into())
		}
	}
}
