#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
	not(test),
	deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

mod authorization;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod dispatch;
mod set;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod types;
pub mod weights;
mod worker;

pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

#[frame_support::pallet]
pub mod pallet {
	use super::{types::*, weights::WeightInfo};
	use alloc::vec::Vec;
	use blyan_primitives::{OperatorId, OperatorSignature};
	use frame_support::{
		pallet_prelude::*,
		traits::fungible::{hold, Mutate},
	};
	use frame_system::{offchain::CreateAuthorizedTransaction, pallet_prelude::*};
	use sp_core::H256;
	use sp_runtime::traits::{Convert, Zero};

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

		/// The coin that stakes are held in.
		type Currency: Mutate<Self::AccountId>
			+ hold::Mutate<Self::AccountId, Reason = Self::RuntimeHoldReason>;

		/// The stake that a set of capabilities needs.
		type RequiredStake: Convert<Capabilities, BalanceOf<Self>>;

		/// Operators at any one time. Every draw reads all of them.
		#[pallet::constant]
		type MaxOperators: Get<u32>;

		/// Blocks in a period: an operator is heard once in each.
		#[pallet::constant]
		type HeartbeatPeriod: Get<BlockNumberFor<Self>>;

		/// Blocks between `exit` and `withdraw`. Longer than anything that an operator is drawn for.
		#[pallet::constant]
		type UnbondingPeriod: Get<BlockNumberFor<Self>>;

		/// What one report moves the reputation by.
		#[pallet::constant]
		type ReputationStep: Get<Reputation>;

		/// Priority of heartbeats in the transaction pool.
		#[pallet::constant]
		type HeartbeatPriority: Get<TransactionPriority>;

		/// Weights of the calls.
		type WeightInfo: WeightInfo;
	}

	/// Why coins are on hold.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// The stake of an operator.
		#[codec(index = 0)]
		Stake,
	}

	/// The operators: at most `MaxOperators`, from `register` to `withdraw`.
	/// Each has its key in [`KeyOwners`] and its stake on hold.
	// Blake2_128Concat: anybody who can pay the stake chooses a key here.
	#[pallet::storage]
	pub type Operators<T: Config> = CountedStorageMap<_, Blake2_128Concat, T::AccountId, OperatorRecordOf<T>>;

	/// Whose session key it is: exactly one entry for each operator.
	// Blake2_128Concat: operators choose their keys.
	#[pallet::storage]
	pub type KeyOwners<T: Config> = StorageMap<_, Blake2_128Concat, OperatorId, T::AccountId>;

	/// The operators that the chain starts with.
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
				// A chain specification that contradicts itself must not start a chain.
				Pallet::<T>::insert(who, OperatorProfile::default(), key.clone(), *stake)
					.expect("the genesis operators have different keys and can pay their stakes");
			}
		}
	}

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An account became an operator.
		Registered {
			/// The account.
			who: T::AccountId,
			/// Its session key.
			key: OperatorId,
			/// What is on hold.
			stake: BalanceOf<T>,
		},
		/// An operator's machine changed.
		CapabilitiesUpdated {
			/// The operator.
			who: T::AccountId,
			/// What the machine can do now.
			capabilities: Capabilities,
			/// Hash of the hardware's identifier.
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
		/// An account is no operator any more; its stake is free.
		Withdrawn {
			/// The account.
			who: T::AccountId,
			/// What was on hold.
			stake: BalanceOf<T>,
		},
	}

	#[pallet::error]
	pub enum Error<T> {
		/// The account is an operator already.
		AlreadyRegistered,
		/// The account is no operator; `register` makes it one.
		NotRegistered,
		/// As many operators are registered as the chain has room for.
		TooManyOperators,
		/// Another operator has this session key, or had it first; generate a new one.
		KeyTaken,
		/// The proof is no signature of the session key over the account on this chain.
		ProofInvalid,
		/// A capability bit has no meaning, or none is set.
		CapabilitiesInvalid,
		/// The region is no two capital letters of ISO 3166-1.
		RegionInvalid,
		/// The operator is leaving; it can only withdraw.
		Exiting,
		/// The operator has not called `exit`.
		NotExiting,
		/// The unbonding period is not over.
		StillUnbonding,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn offchain_worker(now: BlockNumberFor<T>) {
			Self::send_heartbeats(now);
		}

		fn integrity_test() {
			assert!(T::MaxOperators::get() > 0, "there is room for an operator");
			assert!(!T::HeartbeatPeriod::get().is_zero(), "a period has blocks");
			assert!(T::ReputationStep::get() <= REPUTATION_MAX, "a step is not longer than the scale");
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
		/// - `origin`: anyone, signed, who can pay what `RequiredStake` asks for the capabilities.
		/// - `profile`: what the operator offers and where.
		/// - `key`: the session key of its node.
		/// - `proof`: the session key's signature over [`possession_payload`].
		///
		/// Emits [`Event::Registered`].
		#[pallet::call_index(0)]
		pub fn register(
			origin: OriginFor<T>,
			profile: OperatorProfile,
			key: OperatorId,
			proof: OperatorSignature,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_register(&who, profile, key, &proof)
		}

		/// Say that the machine changed.
		///
		/// More stake is held if the new capabilities need more. It never shrinks before `withdraw`, or an
		/// operator could free it just before it is needed.
		///
		/// - `origin`: an operator, signed.
		/// - `capabilities`: what the machine can do.
		/// - `hardware`: hash of its identifier.
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

		/// Replace the session key; the old one is worth nothing from this moment.
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
		/// - `signature`: its signature over [`heartbeat_payload`].
		///
		/// Emits [`Event::HeartbeatReceived`].
		#[pallet::call_index(3)]
		#[pallet::authorize(Self::authorize_heartbeat)]
		pub fn heartbeat(
			origin: OriginFor<T>,
			period: PeriodIndex,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_heartbeat(period, &key)
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

		/// Take the stake back and be forgotten, after the unbonding period.
		///
		/// - `origin`: an operator that has called `exit`, signed.
		///
		/// Emits [`Event::Withdrawn`].
		#[pallet::call_index(5)]
		pub fn withdraw(origin: OriginFor<T>) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_withdraw(&who)
		}
	}
}
