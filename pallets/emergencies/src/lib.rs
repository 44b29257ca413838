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
mod measures;
mod proposals;
mod refusals;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod types;
pub mod weights;

pub use measures::Measures;
pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

/// Emergencies: measures of a closed list that a large majority of operators decides at once, and that end by themselves.
#[frame_support::pallet]
pub mod pallet {
	use super::{measures::Measures, types::*, weights::WeightInfo};
	use blyan_primitives::voting::Electorates;
	use frame_support::{
		pallet_prelude::*,
		traits::{
			fungible::{Inspect, InspectFreeze, MutateFreeze},
			Contains,
		},
	};
	use frame_system::pallet_prelude::*;
	use sp_runtime::traits::Zero;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// The runtime's freeze reasons.
		type RuntimeFreezeReason: From<FreezeReason>;

		/// The coin that accounts are kept from moving.
		type Currency: Inspect<Self::AccountId, Balance = Balance>
			+ InspectFreeze<Self::AccountId, Id = Self::RuntimeFreezeReason>
			+ MutateFreeze<Self::AccountId>;

		/// Electorates that vote.
		type Electorates: Electorates<Self::AccountId>;

		/// Measures that the runtime takes.
		type Measures: Measures<Self::AccountId, BlockNumberFor<Self>>;

		/// Origin that pauses single calls.
		type PauseOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// Accounts that cannot be frozen: those of the chain itself.
		type Exempt: Contains<Self::AccountId>;

		/// Blocks in a day.
		type Day: Get<BlockNumberFor<Self>>;

		/// Amount that a frozen account can still move: fees, and the bonds of appeals.
		#[pallet::constant]
		type FreezeAllowance: Get<Balance>;

		/// Voices in an electorate at most.
		#[pallet::constant]
		type MaxVoices: Get<u32>;

		/// Measures in effect at the same time.
		#[pallet::constant]
		type MaxActive: Get<u32>;

		/// Weights of the calls and of the end of a measure.
		type WeightInfo: WeightInfo;
	}

	/// Why coins are frozen.
	#[pallet::composite_enum]
	pub enum FreezeReason {
		/// Operators voted for it.
		#[codec(index = 0)]
		Emergency,
	}

	/// Number of the next proposal or pause of a call.
	#[pallet::storage]
	pub type NextProposal<T: Config> = StorageValue<_, ProposalId, ValueQuery>;

	/// Open proposals and expired ones that were not closed: at most one for each voice, see [`ProposedBy`].
	// Twox64Concat: the pallet counts the proposals.
	#[pallet::storage]
	pub type Proposals<T: Config> = StorageMap<_, Twox64Concat, ProposalId, ProposalOf<T>>;

	/// The proposal that each voice made last, until it is enacted or closed.
	// Blake2_128Concat: accounts are chosen by those who own them.
	#[pallet::storage]
	pub type ProposedBy<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, ProposalId>;

	/// Voices for each proposal, that of its author included; as long as the proposal is in [`Proposals`].
	// Twox64Concat: the pallet counts the proposals.
	#[pallet::storage]
	pub type Supporters<T: Config> =
		StorageMap<_, Twox64Concat, ProposalId, BoundedVec<T::AccountId, T::MaxVoices>, ValueQuery>;

	/// Measures in effect: one for each entry of [`Agenda`].
	// Twox64Concat: the pallet counts the proposals.
	#[pallet::storage]
	pub type Active<T: Config> = StorageMap<_, Twox64Concat, ProposalId, ActiveOf<T>>;

	/// Ends of the measures in effect: the first block without each.
	#[pallet::storage]
	pub type Agenda<T: Config> =
		StorageValue<_, BoundedVec<(BlockNumberFor<T>, ProposalId), T::MaxActive>, ValueQuery>;

	/// Accounts that are frozen, and the proposal that did it, as long as it is in effect.
	// Blake2_128Concat: accounts are chosen by those who own them.
	#[pallet::storage]
	pub type Frozen<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, ProposalId>;

	/// First block in which a measure may be taken again that has been in effect. At most one entry for each [`Rest`].
	// Twox64Concat: there are few keys.
	#[pallet::storage]
	pub type RestsUntil<T: Config> = StorageMap<_, Twox64Concat, Rest, BlockNumberFor<T>>;

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A voice called an emergency.
		Proposed {
			/// Number of the proposal.
			proposal: ProposalId,
			/// Account whose voice it is.
			who: T::AccountId,
			/// Kind of emergency.
			kind: Kind,
			/// Last block in which it can be supported.
			expires_at: BlockNumberFor<T>,
		},
		/// A voice supports a proposal.
		Supported {
			/// The proposal.
			proposal: ProposalId,
			/// Account whose voice it is.
			who: T::AccountId,
			/// Voices for it.
			votes: u32,
			/// Voices that it needs.
			needed: u32,
		},
		/// Enough voices support a proposal, and it was done.
		Enacted {
			/// The proposal.
			proposal: ProposalId,
			/// Kind of emergency.
			kind: Kind,
			/// First block without it; none if it was done once and for all.
			ends_at: Option<BlockNumberFor<T>>,
		},
		/// A measure ended.
		Ended {
			/// Its proposal.
			proposal: ProposalId,
		},
		/// A proposal found too few voices in its time.
		Closed {
			/// The proposal.
			proposal: ProposalId,
		},
		/// A call cannot be made for a while.
		CallPaused {
			/// Number of the measure.
			proposal: ProposalId,
			/// Name of the pallet.
			pallet: CallName,
			/// Name of the call.
			call: CallName,
			/// First block in which it can be made again.
			ends_at: BlockNumberFor<T>,
		},
	}

	#[pallet::error]
	pub enum Error<T> {
		/// This kind of emergency does not allow this action; the README lists what each allows.
		ActionNotAllowed,
		/// The account has no voice in the electorate: operators vote that were registered long enough when the proposal was made.
		NotElector,
		/// The voice has an open proposal; close it when it has expired.
		ProposalOpen,
		/// A reason is missing: say what happened.
		JustificationMissing,
		/// No account is named.
		NoAccounts,
		/// There is no such proposal; it may have been enacted or closed.
		UnknownProposal,
		/// The voice supports the proposal already.
		AlreadySupported,
		/// The time of the proposal is over; propose again.
		Expired,
		/// The time of the proposal is not over.
		NotExpired,
		/// The measure is in effect, or was until recently: it may be taken again after as long as it lasted.
		Resting,
		/// The account is frozen already.
		AlreadyFrozen,
		/// The account belongs to the chain itself and cannot be frozen.
		Exempt,
		/// As many measures are in effect as there may be; wait for one to end.
		TooManyActive,
		/// A call can be paused for one block at least, and for `PAUSE_DAYS_MAX` days at most.
		PauseLength,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(now: BlockNumberFor<T>) -> Weight {
			Self::end_due(now)
		}

		fn integrity_test() {
			assert!(T::MaxVoices::get() > 0, "there is a voice");
			assert!(T::MaxActive::get() > 0, "some measure can be taken");
			assert!(!T::FreezeAllowance::get().is_zero(), "frozen accounts can pay for appeals");
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call(weight(<T as Config>::WeightInfo))]
	impl<T: Config> Pallet<T> {
		/// Call an emergency, and support what is proposed about it.
		///
		/// - `origin`: an operator of the newest electorate, signed, or the account that it belongs to, without another open proposal.
		/// - `kind`: what happened; it says how many voices are needed and what is allowed.
		/// - `action`: what shall be done.
		/// - `justification`: why, in words, for the other operators.
		///
		/// Emits [`Event::Proposed`] and [`Event::Supported`], and [`Event::Enacted`] if one voice suffices.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::propose().saturating_add(T::WeightInfo::enact()))]
		pub fn propose(
			origin: OriginFor<T>,
			kind: Kind,
			action: ActionOf<T>,
			justification: Justification,
		) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			let is_enacted = Self::do_propose(&who, kind, action, justification)?;
			let weight = T::WeightInfo::propose();
			Ok(Some(if is_enacted { weight.saturating_add(T::WeightInfo::enact()) } else { weight }).into())
		}

		/// Support a proposal. Free; the voice that makes it enough enacts it.
		///
		/// - `origin`: an operator of the proposal's electorate, signed, or the account that it belonged to when that was taken.
		/// - `proposal`: a proposal that has not expired.
		///
		/// Emits [`Event::Supported`], and [`Event::Enacted`] if it is enough.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::support().saturating_add(T::WeightInfo::enact()))]
		pub fn support(origin: OriginFor<T>, proposal: ProposalId) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			let is_enacted = Self::do_support(&who, proposal)?;
			let weight = T::WeightInfo::support();
			let weight = if is_enacted { weight.saturating_add(T::WeightInfo::enact()) } else { weight };
			Ok((Some(weight), Pays::No).into())
		}

		/// Forget a proposal that has expired. Free.
		///
		/// - `origin`: anyone, signed.
		/// - `proposal`: the proposal.
		///
		/// Emits [`Event::Closed`].
		#[pallet::call_index(2)]
		pub fn close(origin: OriginFor<T>, proposal: ProposalId) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			Self::do_close(proposal)?;
			Ok(Pays::No.into())
		}

		/// Pause one call for a while. Calls of governance, disputes, appeals and exits cannot be paused.
		///
		/// - `origin`: `PauseOrigin`.
		/// - `pallet`, `call`: names, as in the metadata.
		/// - `blocks`: for how long, at most `PAUSE_DAYS_MAX` days.
		///
		/// Emits [`Event::CallPaused`].
		#[pallet::call_index(3)]
		pub fn pause_call(
			origin: OriginFor<T>,
			pallet: CallName,
			call: CallName,
			blocks: BlockNumberFor<T>,
		) -> DispatchResult {
			T::PauseOrigin::ensure_origin(origin)?;
			Self::do_pause_call(pallet, call, blocks)
		}
	}
}
