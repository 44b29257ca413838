#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
	not(test),
	deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

mod answers;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod dispatch;
mod displacement;
mod electorate;
mod errors;
mod events;
mod hardware;
mod integrity;
mod messages;
mod ownership;
pub mod price;
mod refusals;
pub mod reputation;
mod set;
mod stakes;
pub mod standing;
#[cfg(test)]
mod tests;
mod tick;
// Neighbours that test against the real operators check these invariants too.
#[cfg(any(feature = "try-runtime", feature = "std"))]
mod try_state;
mod types;
pub mod weights;
mod worker;

use frame_support::pallet_macros::import_section;

// What a session key signs is part of the wire, and clients build it without this pallet.
pub use blyan_primitives::{possession_payload, POSSESSION_CONTEXT};
pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

/// Operators: registration with a stake, capabilities, heartbeats, ownership and the electorate that committees are drawn from.
#[import_section(errors::errors)]
#[import_section(events::events)]
#[frame_support::pallet]
pub mod pallet {
	use super::{types::*, weights::WeightInfo};
	use alloc::vec::Vec;
	use blyan_primitives::{
		randomness::AppointedRandomness,
		traits::{Backing, Offences},
		HardwareOpening, Measurement, OperatorId, OperatorSignature, OperatorUid,
	};
	use frame_support::{
		pallet_prelude::*,
		traits::fungible::{hold, Mutate},
	};
	use frame_system::{offchain::CreateAuthorizedTransaction, pallet_prelude::*};
	use sp_core::H256;
	use sp_runtime::{
		traits::{BlockNumberProvider, Convert, Zero},
		Permill,
	};

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config:
		CreateAuthorizedTransaction<Call<Self>> + frame_system::Config<RuntimeEvent: From<Event<Self>>>
	{
		/// The runtime's hold reasons.
		type RuntimeHoldReason: From<HoldReason>;

		/// The coin that stakes and bonds are held in.
		type Currency: Mutate<Self::AccountId>
			+ hold::Mutate<Self::AccountId, Reason = Self::RuntimeHoldReason>
			+ hold::Balanced<Self::AccountId>;

		/// The stake that a set of capabilities needs of an operator without a record: see [`crate::standing::required_milli`].
		type RequiredStake: Convert<Capabilities, BalanceOf<Self>>;

		/// Coins of others behind the stakes: they count in draws, and share incomes and slashes.
		type Backing: Backing<Self::AccountId>;

		/// Blocks in which transactions were admitted, counted: while a migration bars heartbeats no operator is silent.
		type WorkingTime: BlockNumberProvider<BlockNumber = BlockNumberFor<Self>>;

		/// Operators that have something left to do: they sit in a committee that has not finished. None of them is
		/// displaced. May name accounts twice.
		type Duties: Get<Vec<Self::AccountId>>;

		/// Operators that claimed something which can still be disputed: what they did may yet cost stake, however long ago
		/// they left. None of them withdraws.
		type OpenClaims: frame_support::traits::Contains<Self::AccountId>;

		/// Weight of looking through all that can be disputed, for [`Config::OpenClaims`].
		type OpenClaimsWeight: Get<Weight>;

		/// Where silence and false hardware are reported.
		type Offences: Offences<Self::AccountId>;

		/// Randomness by appointment, which a challenge makes when it is asked.
		type Randomness: AppointedRandomness;

		/// Places: operators at any one time, without those that were displaced. Every draw reads all of them.
		#[pallet::constant]
		type MaxOperators: Get<u32>;

		/// Blocks in a period: an operator is heard once in each.
		#[pallet::constant]
		type HeartbeatPeriod: Get<BlockNumberFor<Self>>;

		/// Blocks of silence that are an offence, and after which they are one again: a day.
		#[pallet::constant]
		type SilencePeriod: Get<BlockNumberFor<Self>>;

		/// Blocks between `exit` and `withdraw`, and those for which a retired key stays known and a dissolved ownership in
		/// effect. Longer than `LongestDispute`.
		#[pallet::constant]
		type UnbondingPeriod: Get<BlockNumberFor<Self>>;

		/// Blocks from an operator's work to the last moment at which it can cost stake: the challenge window, the
		/// longest game, and the time for an appeal.
		#[pallet::constant]
		type LongestDispute: Get<BlockNumberFor<Self>>;

		/// Blocks that a quarantine lasts at least.
		#[pallet::constant]
		type QuarantinePeriod: Get<BlockNumberFor<Self>>;

		/// What one event moves a measure of reputation by, of the way that is left.
		#[pallet::constant]
		type MeasureStep: Get<Permill>;

		/// Smallest registration bond.
		#[pallet::constant]
		type RegistrationBase: Get<BalanceOf<Self>>;

		/// What each registration multiplies the next one's bond by, in thousandths. At least 1,000.
		#[pallet::constant]
		type RegistrationFactorMilli: Get<u32>;

		/// Blocks after which the bond has halved, while no operator registers.
		#[pallet::constant]
		type RegistrationHalfLife: Get<BlockNumberFor<Self>>;

		/// Bond of a hardware challenge: paid to the operator that answers it.
		#[pallet::constant]
		type HardwareBond: Get<BalanceOf<Self>>;

		/// Blocks to draw a component in, and as many to open it in: longer than an honest operator may be silent.
		#[pallet::constant]
		type HardwareWindow: Get<BlockNumberFor<Self>>;

		/// Blocks after which the operators that draws may take are copied again.
		#[pallet::constant]
		type ElectoratePeriod: Get<BlockNumberFor<Self>>;

		/// Copies that are kept. With `ElectoratePeriod` as long as what is drawn next waits, or it needs another appointment.
		#[pallet::constant]
		type ElectoratesKept: Get<u32>;

		/// Indices that one block looks at, for silence and for hardware challenges that are due.
		#[pallet::constant]
		type SweepPerBlock: Get<u32>;

		/// Priority of heartbeats and of answers to challenges in the transaction pool.
		#[pallet::constant]
		type HeartbeatPriority: Get<TransactionPriority>;

		/// Weights of the calls and of the sweep.
		type WeightInfo: WeightInfo;
	}

	/// Why coins are on hold.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// The stake of an operator.
		#[codec(index = 0)]
		Stake,
		/// The bond of a registration.
		#[codec(index = 1)]
		Registration,
		/// The bond of a hardware challenge.
		#[codec(index = 2)]
		HardwareChallenge,
	}

	/// The operators: at most `MaxOperators`, from `register` to `withdraw`, or until another one displaces them.
	/// Each has its key in [`KeyOwners`], its number in [`UidSlots`], and stake and bond on hold.
	// Blake2_128Concat: anybody who can pay the stake chooses a key here.
	#[pallet::storage]
	pub type Operators<T: Config> = CountedStorageMap<_, Blake2_128Concat, T::AccountId, OperatorRecordOf<T>>;

	/// Operators that lost their place, until `withdraw`: bounded by the stakes and bonds that they have on hold. Each has
	/// its key in [`KeyOwners`] and is leaving. No draw reads them. None is in [`Operators`].
	// Blake2_128Concat: anybody who can pay the stake chooses a key here.
	#[pallet::storage]
	pub type Displaced<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, OperatorRecordOf<T>>;

	/// Whose session key it is: exactly one entry for each operator, displaced ones included.
	// Blake2_128Concat: operators choose their keys.
	#[pallet::storage]
	pub type KeyOwners<T: Config> = StorageMap<_, Blake2_128Concat, OperatorId, T::AccountId>;

	/// Session keys that were replaced and can still cost their operators stake. Those of an operator are listed in
	/// [`RetiredOf`]. No key is here and in [`KeyOwners`].
	// Blake2_128Concat: operators choose their keys.
	#[pallet::storage]
	pub type RetiredKeys<T: Config> = StorageMap<_, Blake2_128Concat, OperatorId, RetiredKeyOf<T>>;

	/// Keys of an operator in [`RetiredKeys`]: at most [`RETIRED_KEYS_MAX`], until the sweep, the next `rotate_key` or
	/// `withdraw` forgets them.
	// Blake2_128Concat: keys are those of `Operators`.
	#[pallet::storage]
	pub type RetiredOf<T: Config> = StorageMap<
		_,
		Blake2_128Concat,
		T::AccountId,
		BoundedVec<OperatorId, ConstU32<RETIRED_KEYS_MAX>>,
		ValueQuery,
	>;

	/// Operators that belong to an account: those whose [`Ownership`] it has accepted, until that has ended. An account
	/// with an entry belongs to no other.
	// Blake2_128Concat: operators choose whom they name.
	#[pallet::storage]
	pub type Owned<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, u32, ValueQuery>;

	/// Whose hardware identifier it is: one entry for each operator that commits to hardware, and those of banned
	/// operators for good.
	// Blake2_128Concat: operators choose their identifiers.
	#[pallet::storage]
	pub type HardwareOwners<T: Config> = StorageMap<_, Blake2_128Concat, H256, T::AccountId>;

	/// Who holds which index. At most `MaxOperators`; never removed, so that generations only grow.
	// Twox64Concat: the pallet gives out the indices.
	#[pallet::storage]
	pub type UidSlots<T: Config> = StorageMap<_, Twox64Concat, u32, UidSlot<T::AccountId>>;

	/// Indices in [`UidSlots`]: all below this number.
	#[pallet::storage]
	pub type NextIndex<T: Config> = StorageValue<_, u32, ValueQuery>;

	/// Indices of [`UidSlots`] without a holder; the last one is given out next.
	#[pallet::storage]
	pub type FreeIndices<T: Config> = StorageValue<_, BoundedVec<u32, T::MaxOperators>, ValueQuery>;

	/// The bond right after the last registration; none before the first.
	#[pallet::storage]
	pub type LastPrice<T: Config> = StorageValue<_, PriceRecordOf<T>>;

	/// Offences that await their decision, for each account with some. While there are any, the account can neither
	/// withdraw nor register.
	// Blake2_128Concat: accounts are anybody's choice.
	#[pallet::storage]
	pub type PendingOffences<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, u32, ValueQuery>;

	/// Accounts that may never register again. Grows by one for each operator that lost its whole stake.
	// Blake2_128Concat: accounts are anybody's choice.
	#[pallet::storage]
	pub type Banned<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, ()>;

	/// First block in which an account is not banned any more, for those banned for a time: see [`Banned`] for those banned for good.
	/// Removed when the account registers, or when the sweep finds that it is over. One small entry for each account that was
	/// punished so and did not come back.
	// Blake2_128Concat: any account can be one.
	#[pallet::storage]
	pub type BannedUntil<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, BlockNumberFor<T>>;

	/// Operators that missed a heartbeat and have not been heard since: until a heartbeat or `exit`.
	// Blake2_128Concat: keys are those of `Operators`.
	#[pallet::storage]
	pub type Silences<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, SilenceRecord<BlockNumberFor<T>>>;

	/// Violations of accounts that withdrew with more than [`crate::VIOLATIONS_TOLERATED`]: a new registration begins with
	/// them. One small entry for each account that was punished, withdrew and did not come back.
	// Blake2_128Concat: any account can be one.
	#[pallet::storage]
	pub type PastViolations<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, u32>;

	/// The open hardware challenge of an operator: at most one each, until it is answered or missed.
	// Blake2_128Concat: keys are those of `Operators`.
	#[pallet::storage]
	pub type Challenges<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, ChallengeRecordOf<T>>;

	/// What each operator's opened components turned out to be, until `withdraw`.
	// Blake2_128Concat: keys are those of `Operators`.
	#[pallet::storage]
	pub type Opened<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, OpenedComponents, ValueQuery>;

	/// The index that the sweep looks at next.
	#[pallet::storage]
	pub type SweepCursor<T: Config> = StorageValue<_, u32, ValueQuery>;

	/// Operators that draws take, by the places of [`ElectorateDates`]: at most `ElectoratesKept` lists of at most
	/// `MaxOperators`, each ordered by account.
	// Twox64Concat: the pallet picks the keys, so no one can grind them.
	#[pallet::storage]
	pub type Electorates<T: Config> =
		StorageMap<_, Twox64Concat, u32, BoundedVec<ElectorOf<T>, T::MaxOperators>>;

	/// Which electorates there are, the oldest first. The oldest gives its place to the next.
	#[pallet::storage]
	pub type ElectorateDates<T: Config> =
		StorageValue<_, BoundedVec<ElectorateDateOf<T>, T::ElectoratesKept>, ValueQuery>;

	/// The operators that the chain starts with. They post no registration bond.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// Account, session key, and stake, which is held from the account's balance.
		pub operators: Vec<(T::AccountId, OperatorId, BalanceOf<T>)>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			for (who, key, stake) in &self.operators {
				// They evaluate, or the first submission would wait for operators that do.
				let profile = OperatorProfile { capabilities: Capabilities::EVALUATE, ..Default::default() };
				// A chain specification that contradicts itself must not start a chain.
				Pallet::<T>::insert(who, profile, key.clone(), *stake, Zero::zero())
					.expect("the genesis operators have different keys and can pay their stakes");
				// No draw is known yet, so all of it weighs.
				Pallet::<T>::mutate_known(who, |record| record.weighed_stake = *stake);
			}
		}
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_idle(now: BlockNumberFor<T>, remaining: Weight) -> Weight {
			let spent = Self::renew_electorate(now, remaining);
			spent.saturating_add(Self::sweep(remaining.saturating_sub(spent)))
		}

		fn offchain_worker(now: BlockNumberFor<T>) {
			Self::send_heartbeats(now);
			Self::answer_challenges(T::WorkingTime::current_block_number());
		}

		fn integrity_test() {
			Self::check_config();
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call(weight(<T as Config>::WeightInfo))]
	impl<T: Config> Pallet<T> {
		/// Become an operator: put the stake on hold and name the session key.
		///
		/// - `origin`: anyone, signed, who can pay what `RequiredStake` asks for the capabilities, and the registration
		///   bond of the moment, which `withdraw` gives back.
		/// - `profile`: what the operator offers and where.
		/// - `key`: the session key of its node.
		/// - `proof`: the session key's signature over [`possession_payload`].
		/// - `bond_max`: the highest registration bond that the caller accepts, since others may register first.
		///
		/// Emits [`Event::Registered`].
		#[pallet::call_index(0)]
		pub fn register(
			origin: OriginFor<T>,
			profile: OperatorProfile,
			key: OperatorId,
			proof: OperatorSignature,
			#[pallet::compact] bond_max: BalanceOf<T>,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_register(&who, profile, key, &proof, bond_max)
		}

		/// Say that the machine changed.
		///
		/// More stake is held if the new capabilities need more. It never shrinks before `withdraw`, or an
		/// operator could free it just before it is needed.
		///
		/// - `origin`: an operator, signed.
		/// - `capabilities`: what the machine can do.
		/// - `hardware`: root over its components, `blyan_primitives::hardware_root`; zero for none. Components that
		///   were opened stay what they are until `withdraw`.
		///
		/// Emits [`Event::CapabilitiesUpdated`].
		#[pallet::call_index(1)]
		pub fn update_capabilities(
			origin: OriginFor<T>,
			capabilities: Capabilities,
			hardware: H256,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_update_capabilities(&who, capabilities, hardware)
		}

		/// Replace the session key. The old one signs nothing any more, but for the unbonding period what it signed is
		/// evidence against the operator, and no other operator can have it.
		///
		/// - `origin`: an operator, signed.
		/// - `key`: the new key.
		/// - `proof`: its signature over [`possession_payload`].
		///
		/// Emits [`Event::KeyRotated`].
		#[pallet::call_index(2)]
		pub fn rotate_key(origin: OriginFor<T>, key: OperatorId, proof: OperatorSignature) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_rotate_key(&who, key, &proof)
		}

		/// Say that the operator is there. Without fee, once in a period; off-chain workers send it.
		///
		/// - `origin`: authorised by the signature.
		/// - `period`: the current period.
		/// - `key`: an operator's session key.
		/// - `measurement`: what its node measured about the machine.
		/// - `signature`: its signature over [`heartbeat_payload`].
		///
		/// Emits [`Event::HeartbeatReceived`].
		#[pallet::call_index(3)]
		#[pallet::authorize(Self::authorize_heartbeat)]
		pub fn heartbeat(
			origin: OriginFor<T>,
			period: PeriodIndex,
			key: OperatorId,
			measurement: Measurement,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_heartbeat(period, &key, measurement)
		}

		/// Stop being drawn. The stake stays on hold for the unbonding period.
		///
		/// - `origin`: an operator, signed.
		///
		/// Emits [`Event::ExitStarted`].
		#[pallet::call_index(4)]
		pub fn exit(origin: OriginFor<T>) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_exit(&who)
		}

		/// Take stake and bond back and be forgotten, after the unbonding period. The number goes to another operator, with
		/// a higher generation; nothing is inherited.
		///
		/// - `origin`: an operator that has called `exit`, signed, with no offence pending, no challenge open, and nothing
		///   claimed that can still be disputed.
		///
		/// Emits [`Event::Withdrawn`].
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::withdraw().saturating_add(T::OpenClaimsWeight::get()))]
		pub fn withdraw(origin: OriginFor<T>) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_withdraw(&who)
		}

		/// Put more on hold.
		///
		/// - `origin`: an operator, signed.
		/// - `amount`: what is added to the stake.
		///
		/// Emits [`Event::ToppedUp`].
		#[pallet::call_index(6)]
		pub fn top_up(origin: OriginFor<T>, amount: BalanceOf<T>) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_top_up(&who, amount)
		}

		/// End one's quarantine.
		///
		/// - `origin`: an operator, signed, whose quarantine is over, whose stake suffices, and against whom nothing is
		///   pending.
		///
		/// Emits [`Event::QuarantineEnded`].
		#[pallet::call_index(7)]
		pub fn return_to_duty(origin: OriginFor<T>) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_return_to_duty(&who)
		}

		/// Note that an operator missed a heartbeat, or report that it has been silent for another `SilencePeriod` since then. Free if it
		/// is so, and earns nothing: the chain itself looks at every operator within some minutes, and this is for when its
		/// blocks have no room for that.
		///
		/// - `origin`: anyone, signed.
		/// - `who`: the silent operator.
		///
		/// Emits [`Event::HeartbeatMissed`] or [`Event::SilenceReported`].
		#[pallet::call_index(8)]
		pub fn report_silence(origin: OriginFor<T>, who: T::AccountId) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			Self::do_report_silence(&who)?;
			Ok(Pays::No.into())
		}

		/// Ask an operator to open a component of its hardware, which the chain draws in a later block.
		///
		/// - `origin`: anyone, signed, with `HardwareBond`, which goes to the operator if it answers and comes back if it
		///   does not.
		/// - `who`: an operator that commits to hardware.
		///
		/// Emits [`Event::HardwareChallenged`].
		#[pallet::call_index(9)]
		pub fn challenge_hardware(origin: OriginFor<T>, who: T::AccountId) -> DispatchResult {
			let challenger = ensure_signed(origin)?;
			Self::do_challenge_hardware(&challenger, &who)
		}

		/// Open the drawn component. Without fee; off-chain workers send it.
		///
		/// - `origin`: authorised by the signature.
		/// - `key`: the challenged operator's session key.
		/// - `component`: what was drawn.
		/// - `opening`: the component and the way to the committed root.
		/// - `signature`: the key's signature over [`hardware_payload`].
		///
		/// Emits [`Event::HardwareProven`], or [`Event::HardwareRefuted`] if the component was another one before.
		#[pallet::call_index(10)]
		#[pallet::authorize(Self::authorize_answer)]
		pub fn answer_hardware(
			origin: OriginFor<T>,
			key: OperatorId,
			component: u8,
			opening: HardwareOpening,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_answer_hardware(&key, component, &opening)
		}

		/// Do what is due about a hardware challenge: draw the component, give up the draw, or note that the answer was
		/// missed. The sweep does the same, later. Free if there was something to do.
		///
		/// - `origin`: anyone, signed.
		/// - `who`: the challenged operator.
		///
		/// Emits [`Event::HardwareDrawn`], [`Event::HardwareChallengeLapsed`] or [`Event::HardwareRefuted`].
		#[pallet::call_index(11)]
		pub fn settle_hardware(origin: OriginFor<T>, who: T::AccountId) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			ensure!(Self::settle_challenge(&who), Error::<T>::NothingDue);
			Ok(Pays::No.into())
		}

		/// Name the account that the operator belongs to. Without effect until that account accepts; naming another one
		/// takes the first back.
		///
		/// Operators of one owner share its seats in a committee and never judge what the owner submits, nor each other.
		///
		/// - `origin`: an operator, signed, that has no owner and owns no operators.
		/// - `owner`: the account.
		///
		/// Emits [`Event::OwnerDeclared`].
		#[pallet::call_index(12)]
		pub fn declare_owner(origin: OriginFor<T>, owner: T::AccountId) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_declare_owner(&who, &owner)
		}

		/// Accept an operator that named the caller as its owner.
		///
		/// - `origin`: the named account, signed, which has no owner itself.
		/// - `operator`: the operator.
		///
		/// Emits [`Event::OwnerAccepted`].
		#[pallet::call_index(13)]
		pub fn accept_operator(origin: OriginFor<T>, operator: T::AccountId) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_accept_operator(&owner, &operator)
		}

		/// Let an operator belong to itself, after the unbonding period; at once if the owner has not accepted yet.
		///
		/// - `origin`: the operator or its owner, signed.
		/// - `operator`: the operator.
		///
		/// Emits [`Event::OwnershipDissolved`].
		#[pallet::call_index(14)]
		pub fn dissolve_ownership(origin: OriginFor<T>, operator: T::AccountId) -> DispatchResult {
			let caller = ensure_signed(origin)?;
			Self::do_dissolve_ownership(&caller, &operator)
		}

		/// Become an operator with a stake of one's choice, if need be in the place of another one.
		///
		/// While there is room this is `register` with more at stake. When all places are taken the operator with the
		/// least at stake gives way, if the new stake is at least a tenth higher: it exits at once, and its stake and bond
		/// come back after the unbonding period. An operator that is leaving anyway gives way to any stake. None does
		/// while an offence of it is pending, its hardware is challenged, or a committee that it sits in has not finished.
		///
		/// - `origin`: anyone, signed, who can pay the stake and the registration bond of the moment.
		/// - `profile`, `key`, `proof`, `bond_max`: as for `register`.
		/// - `stake`: what is put on hold, at least what the capabilities need.
		///
		/// Emits [`Event::Registered`], and [`Event::Displaced`] if another operator gave way.
		#[pallet::call_index(15)]
		pub fn outbid(
			origin: OriginFor<T>,
			profile: OperatorProfile,
			key: OperatorId,
			proof: OperatorSignature,
			#[pallet::compact] stake: BalanceOf<T>,
			#[pallet::compact] bond_max: BalanceOf<T>,
		) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			let has_displaced = Self::do_outbid(&who, profile, key, &proof, stake, bond_max)?;
			// Nobody else was looked at.
			let weight = (!has_displaced).then(T::WeightInfo::register);
			Ok(weight.into())
		}
	}
}
