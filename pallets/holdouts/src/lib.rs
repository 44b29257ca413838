#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
	not(test),
	deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod integrity;
mod keepers;
mod messages;
mod penalties;
mod requests;
mod reveals;
mod rounds;
mod runtime_api;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod types;
pub mod weights;
mod worker;

#[cfg(test)]
mod tests;

/// Target of this pallet's log lines.
pub const LOG_TARGET: &str = "blyan::holdouts";

/// Sealed holdouts: keepers commit to chunks of test sequences, and show one when the chain appoints it.
#[frame_support::pallet]
pub mod pallet {
	use super::{types::*, weights::WeightInfo};
	use blyan_primitives::{
		randomness::AppointedRandomness,
		traits::{ExpertRegistry, OperatorSet},
		Attestation, DrawId, HoldoutRef, ModelId, OperatorId, OperatorSignature, SealingRules, SubmissionId,
	};
	use frame_support::{
		pallet_prelude::*,
		traits::{
			fungible::{BalancedHold, MutateHold},
			OnUnbalanced,
		},
	};
	use frame_system::{offchain::CreateAuthorizedTransaction, pallet_prelude::*};
	use sp_core::H256;
	use sp_runtime::{traits::BlockNumberProvider, Perbill};

	/// The storage layout this code reads and writes.
	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config:
		frame_system::Config<Hash = H256, RuntimeEvent: From<Event<Self>>>
		+ CreateAuthorizedTransaction<Call<Self>>
	{
		/// The money that bonds are held in.
		type Currency: MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>
			+ BalancedHold<Self::AccountId>;
		/// Reasons for which money is held, over the whole runtime.
		type RuntimeHoldReason: From<HoldReason>;
		/// Where penalties go.
		type OnSlash: OnUnbalanced<CreditOf<Self>>;
		/// Models, whose context bounds a sequence.
		type Models: ExpertRegistry<Self::AccountId>;
		/// Operators, who attest that they have a chunk's bytes, and which accounts belong together.
		type Operators: OperatorSet<Self::AccountId>;
		/// Randomness by appointment: keepers are drawn with a seed that was named before it existed.
		type Randomness: AppointedRandomness;
		/// Blocks in which transactions were admitted, counted: the time that windows are in.
		type WorkingTime: BlockNumberProvider<BlockNumber = BlockNumberFor<Self>>;
		/// May have a model measured on sealed chunks, and on its public holdout again.
		type SealOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// Least bond of a keeper that may be appointed. The chance of an appointment is in proportion to the bond.
		type MinBond: Get<BalanceOf<Self>>;
		/// Deposit of a chunk. It returns when operators have its bytes, or when the chunk is withdrawn.
		type ChunkDeposit: Get<BalanceOf<Self>>;
		/// Chunks of different keepers on which a candidate must convince, one after another. At most [`LOOKS_MAX`].
		type Looks: Get<u32>;
		/// Unrelated keepers with a chunk, without whom none is appointed: it would be known which.
		type MinKeepers: Get<u32>;
		/// Blocks in which an appointed keeper must open its chunk.
		type RevealWindow: Get<BlockNumberFor<Self>>;
		/// Blocks in which operators must have its bytes.
		type AttestWindow: Get<BlockNumberFor<Self>>;
		/// Operators of different owners that must have its bytes. At most [`ATTESTATIONS_MAX`].
		type MinAttestations: Get<u32>;
		/// Share of its bond that a fault costs a keeper.
		type Penalty: Get<Perbill>;
		/// Share of a penalty for a leaked chunk that goes to the account that proved it.
		type ReporterShare: Get<Perbill>;
		/// Blocks for which a keeper is not appointed after a fault.
		type Suspension: Get<BlockNumberFor<Self>>;
		/// Blocks between the notice for a chunk and taking it back: longer than a report of its leak waits in pools.
		type Notice: Get<BlockNumberFor<Self>>;
		/// Appointments in a row that may come to nothing before a round pauses.
		type MaxTries: Get<u32>;
		/// Blocks for which it pauses.
		type Pause: Get<BlockNumberFor<Self>>;

		/// Most keepers.
		#[pallet::constant]
		type MaxKeepers: Get<u32>;
		/// Most sealed chunks of a keeper for a model.
		#[pallet::constant]
		type MaxChunks: Get<u32>;
		/// Largest chunk, in bytes: what a call carries and every committee member must have.
		#[pallet::constant]
		type MaxChunkBytes: Get<u32>;
		/// Rounds that wait for a chunk at a time: a model has one.
		#[pallet::constant]
		type MaxActive: Get<u32>;
		/// Rounds that are moved on in one block without being asked.
		#[pallet::constant]
		type StepsPerBlock: Get<u32>;

		/// Weights of the calls and of the work in `on_idle`.
		type WeightInfo: WeightInfo;
	}

	/// Reasons for which this pallet holds money.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Bond of a keeper, and penalties of it that rest on scores which can be disputed still.
		KeeperBond,
		/// Deposits of its chunks.
		Chunk,
		/// Deposit of the notice of a leak.
		LeakNotice,
	}

	/// Rules of the models whose candidates are measured on sealed chunks. A model without an entry is measured on its public holdout.
	// Twox64Concat: only registered models get here.
	#[pallet::storage]
	pub type Sealed<T: Config> = StorageMap<_, Twox64Concat, ModelId, SealingRules>;

	/// Keepers. At most `MaxKeepers`; `leave` removes them.
	// Blake2_128Concat: accounts can be ground.
	#[pallet::storage]
	pub type Keepers<T: Config> = CountedStorageMap<_, Blake2_128Concat, T::AccountId, KeeperRecordOf<T>>;

	/// Sealed chunks of each model by keeper, the oldest first. At most `MaxChunks` each, none of accounts that are not in [`Keepers`].
	// Twox64Concat: only registered models get here. Blake2_128Concat: accounts can be ground.
	#[pallet::storage]
	pub type Chunks<T: Config> = StorageDoubleMap<
		_,
		Twox64Concat,
		ModelId,
		Blake2_128Concat,
		T::AccountId,
		BoundedVec<ChunkRecordOf<T>, T::MaxChunks>,
		ValueQuery,
	>;

	/// Rounds of submissions that are not closed for good. As many as `proof-of-learning` has of those at most.
	// Twox64Concat: the keys are counted up.
	#[pallet::storage]
	pub type Rounds<T: Config> = CountedStorageMap<_, Twox64Concat, SubmissionId, RoundRecordOf<T>>;

	/// [`Rounds`] whose chunk is not ready, so that each block can look after some of them.
	#[pallet::storage]
	pub type Active<T: Config> = StorageValue<_, BoundedVec<SubmissionId, T::MaxActive>, ValueQuery>;

	/// Chunks that were ever opened, by the hash of their bytes, with the submission: none counts as unseen again. Kept for good, one
	/// entry for each look.
	// Blake2_128Concat: keepers choose the bytes.
	#[pallet::storage]
	pub type Revealed<T: Config> = StorageMap<_, Blake2_128Concat, H256, SubmissionId>;

	/// Notices of leaks that are not reported yet, one for each account: a deposit is on hold for each.
	// Blake2_128Concat: accounts can be ground.
	#[pallet::storage]
	pub type LeakNotices<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, LeakNoticeOf<T>>;

	/// Penalties for chunks that are no text, by the draw whose score says so, while that can be disputed. As many as `proof-of-learning`
	/// has of such draws at most. Their amounts are on hold beside the bonds, of accounts that may have left meanwhile.
	// Twox64Concat: draws have names that cannot be known before they are made.
	#[pallet::storage]
	pub type HeldPenalties<T: Config> = StorageMap<_, Twox64Concat, DrawId, HeldPenaltyOf<T>>;

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A model's candidates are measured on sealed chunks from now on; without rules on its public holdout.
		ModelSealed {
			/// The model.
			model: ModelId,
			/// Its rules.
			rules: Option<SealingRules>,
		},
		/// An account keeps chunks, or raised its bond.
		KeeperJoined {
			/// The keeper.
			keeper: T::AccountId,
			/// Its bond.
			bond: BalanceOf<T>,
		},
		/// A keeper has left, with its bond.
		KeeperLeft {
			/// The keeper.
			keeper: T::AccountId,
		},
		/// A keeper committed to a chunk.
		ChunkCommitted {
			/// The keeper.
			keeper: T::AccountId,
			/// The model.
			model: ModelId,
			/// The commitment.
			commitment: H256,
		},
		/// A keeper wants a sealed chunk back: it is not appointed any more.
		NoticeGiven {
			/// The keeper.
			keeper: T::AccountId,
			/// The model.
			model: ModelId,
			/// The commitment.
			commitment: H256,
			/// First moment of working time in which the keeper may take it.
			free_at: BlockNumberFor<T>,
		},
		/// A keeper took a sealed chunk back.
		ChunkWithdrawn {
			/// The keeper.
			keeper: T::AccountId,
			/// The model.
			model: ModelId,
			/// The commitment.
			commitment: H256,
		},
		/// Keepers were asked for a chunk that a submission is measured on.
		RoundOpened {
			/// The submission.
			submission: SubmissionId,
			/// Its model.
			model: ModelId,
		},
		/// A keeper is to open a chunk now.
		KeeperAppointed {
			/// The submission.
			submission: SubmissionId,
			/// The keeper.
			keeper: T::AccountId,
			/// The chunk's commitment.
			commitment: H256,
			/// Last moment of working time for that.
			until: BlockNumberFor<T>,
		},
		/// A chunk was opened; its bytes may be uploaded to any node now.
		ChunkRevealed {
			/// The submission.
			submission: SubmissionId,
			/// The keeper.
			keeper: T::AccountId,
			/// The chunk.
			holdout: HoldoutRef,
		},
		/// An operator has a chunk's bytes.
		ChunkAttested {
			/// The submission.
			submission: SubmissionId,
			/// The operator.
			operator: T::AccountId,
		},
		/// Enough operators have a chunk's bytes: a committee may be drawn.
		ChunkReady {
			/// The submission.
			submission: SubmissionId,
			/// The chunk.
			holdout: HoldoutRef,
		},
		/// A candidate convinced on a chunk, and is measured on another keeper's.
		LookPassed {
			/// The submission.
			submission: SubmissionId,
			/// The keeper of the chunk.
			keeper: T::AccountId,
			/// Looks so far.
			looks: u32,
		},
		/// A keeper lost a part of its bond.
		KeeperPenalised {
			/// The keeper.
			keeper: T::AccountId,
			/// Its fault.
			fault: Fault,
			/// Amount of bond and deposit that was taken. For losses outside of the bounds it stays on hold until the score cannot be
			/// disputed any more.
			amount: BalanceOf<T>,
		},
		/// A round pauses: there are too few unrelated keepers, or too many were silent.
		RoundStarved {
			/// The submission.
			submission: SubmissionId,
			/// Moment of working time in which it is tried again.
			until: BlockNumberFor<T>,
		},
		/// An account announced that it will report a leak.
		LeakAnnounced {
			/// The account.
			reporter: T::AccountId,
		},
		/// An account took its notice of a leak back.
		LeakNoticeWithdrawn {
			/// The account.
			reporter: T::AccountId,
		},
		/// A keeper's penalty was taken for good: the score that it rests on stands.
		PenaltyCollected {
			/// The keeper.
			keeper: T::AccountId,
			/// The draw.
			draw: DrawId,
			/// Amount.
			amount: BalanceOf<T>,
		},
		/// A keeper has its penalty back: the score that it rested on fell.
		PenaltyReturned {
			/// The keeper.
			keeper: T::AccountId,
			/// The draw.
			draw: DrawId,
			/// Amount.
			amount: BalanceOf<T>,
		},
	}

	#[pallet::error]
	pub enum Error<T> {
		/// The registry has no such model.
		ModelUnknown,
		/// Of earlier runtimes, in which only models of the first definition could be sealed.
		DefinitionUnsupported,
		/// Sequences, their length and the losses do not fit together, the model, or the largest chunk.
		RulesMalformed,
		/// The model is measured on its public holdout: no chunks are needed.
		NotSealed,
		/// The bond is too small. Call `join` with more.
		BondTooSmall,
		/// There are as many keepers as there may be. Wait until one leaves.
		TooManyKeepers,
		/// The account is not a keeper. Call `join` first.
		NotKeeper,
		/// Chunks of this keeper are sealed or in a round. Withdraw them, and wait until the others are closed.
		HasChunks,
		/// As many chunks of this keeper are sealed for the model as one may have. Withdraw one, or wait until one is opened.
		TooManyChunks,
		/// This keeper has made this commitment already.
		ChunkKnown,
		/// This keeper has no such sealed chunk.
		ChunkUnknown,
		/// Notice was given, and its time is not over. Call `withdraw` again later.
		NoticeNotOver,
		/// No chunk is being looked for on behalf of this submission.
		RoundUnknown,
		/// This account is not to open a chunk for this submission now.
		NotAppointed,
		/// The time for it is over.
		WindowClosed,
		/// These bytes with this salt are not what was committed to.
		CommitmentMismatch,
		/// The bytes are not the number of sequences that was committed to, or a sequence occurs twice.
		ChunkMalformed,
		/// A chunk of these bytes was opened before.
		AlreadyPublic,
		/// No bytes of this hash are to be attested for this submission.
		NothingToAttest,
		/// This operator, or another one of its owner, has attested to these bytes already.
		AlreadyAttested,
		/// This key is not that of an operator who is unrelated to the keeper.
		NotOperator,
		/// Nothing is due for this submission.
		NothingDue,
		/// This account has not announced this leak. Call `announce_leak` first, and report ten blocks later.
		LeakNotAnnounced,
		/// The leak was announced less than ten blocks ago. Report it when they are over.
		LeakNoticeTooNew,
		/// The model's rules are others by now. Cut a chunk by the present ones, and commit to that.
		RulesChanged,
		/// Scores over sequences of this length could not be disputed. Use shorter ones.
		NotDisputable,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_idle(now: BlockNumberFor<T>, remaining: Weight) -> Weight {
			Self::advance_rounds(now, remaining)
		}

		fn offchain_worker(now: BlockNumberFor<T>) {
			Self::attest_chunks(now);
		}

		fn integrity_test() {
			Self::check_config();
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Have candidates for a model measured on sealed chunks, or on its public holdout again.
		///
		/// - `origin`: `SealOrigin`.
		/// - `model`: a registered model.
		/// - `rules`: the shape of its chunks and the bounds of losses on them; none for the public holdout. Chunks of another shape
		///   are not appointed any more. An evaluation on its way keeps its sequences.
		///
		/// Emits [`Event::ModelSealed`].
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::seal_model())]
		pub fn seal_model(
			origin: OriginFor<T>,
			model: ModelId,
			rules: Option<SealingRules>,
		) -> DispatchResult {
			T::SealOrigin::ensure_origin(origin)?;
			Self::do_seal_model(model, rules)
		}

		/// Become a keeper, or raise a keeper's bond.
		///
		/// - `origin`: the keeper, signed.
		/// - `amount`: put on hold. Together with what is there at least `MinBond`.
		///
		/// Emits [`Event::KeeperJoined`].
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::join())]
		pub fn join(origin: OriginFor<T>, amount: BalanceOf<T>) -> DispatchResult {
			let keeper = ensure_signed(origin)?;
			Self::do_join(keeper, amount)
		}

		/// Stop keeping. The bond returns.
		///
		/// - `origin`: a keeper without sealed chunks, and without any in a round.
		///
		/// Emits [`Event::KeeperLeft`].
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::leave())]
		pub fn leave(origin: OriginFor<T>) -> DispatchResult {
			let keeper = ensure_signed(origin)?;
			Self::do_leave(keeper)
		}

		/// Commit to a chunk. Its bytes and the salt must stay with the keeper until it is appointed.
		///
		/// It is one of the shape that the model's rules ask for in this block: [`Pallet::commit_under`] is safe from rules that change
		/// before the call is in a block.
		///
		/// - `origin`: a keeper, signed. A deposit is put on hold.
		/// - `model`: a sealed model.
		/// - `commitment`: the [`blyan_primitives::chunk_commitment`] of the bytes with a salt that only the keeper knows.
		///
		/// Emits [`Event::ChunkCommitted`].
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::commit())]
		pub fn commit(origin: OriginFor<T>, model: ModelId, commitment: H256) -> DispatchResult {
			let keeper = ensure_signed(origin)?;
			Self::do_commit(keeper, model, commitment, None)
		}

		/// Give notice that a sealed chunk is wanted back, or take it when the notice is over. Then its deposit returns.
		///
		/// - `origin`: its keeper, signed.
		/// - `model`, `commitment`: a chunk that is not appointed.
		///
		/// Emits [`Event::NoticeGiven`], or [`Event::ChunkWithdrawn`].
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::withdraw())]
		pub fn withdraw(origin: OriginFor<T>, model: ModelId, commitment: H256) -> DispatchResult {
			let keeper = ensure_signed(origin)?;
			Self::do_withdraw(keeper, model, commitment)
		}

		/// Open the chunk that the chain has appointed. Upload its bytes next.
		///
		/// - `origin`: the appointed keeper, signed. Success is free.
		/// - `submission`: the submission that the chunk is for.
		/// - `bytes`: the sequences, one after another; or a holdout file of token ids.
		/// - `salt`: the salt that they were committed to with.
		///
		/// Emits [`Event::ChunkRevealed`].
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::reveal(bytes.len() as u32))]
		pub fn reveal(
			origin: OriginFor<T>,
			submission: SubmissionId,
			bytes: BoundedVec<u8, T::MaxChunkBytes>,
			salt: H256,
		) -> DispatchResultWithPostInfo {
			let keeper = ensure_signed(origin)?;
			Self::do_reveal(keeper, submission, &bytes, salt)?;
			Ok(Pays::No.into())
		}

		/// Attest that an operator has all bytes of an opened chunk. Off-chain workers do.
		///
		/// - `origin`: authorised by the signature, so it costs nothing and needs no account.
		/// - `attestation`: the submission, and the hash of the chunk's bytes.
		/// - `key`: the operator's session key.
		/// - `signature`: by that key over [`Attestation::signing_payload`] of this chain.
		///
		/// Emits [`Event::ChunkAttested`].
		#[pallet::call_index(6)]
		#[pallet::weight(T::WeightInfo::attest())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_attest())]
		#[pallet::authorize(Self::authorize_attest)]
		pub fn attest(
			origin: OriginFor<T>,
			attestation: Attestation,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_attest(attestation, key)
		}

		/// Prove that the opening of a sealed chunk is known beyond its keeper. The chunk is void.
		///
		/// - `origin`: an account that announced it [`LEAK_NOTICE`] blocks ago, signed. Its deposit returns, and it gets a share of what the
		///   keeper loses.
		/// - `keeper`, `model`: the keeper, and the model of a chunk that is not appointed.
		/// - `bytes`: Blake2b-256 of its bytes.
		/// - `salt`: its salt.
		///
		/// Emits [`Event::KeeperPenalised`].
		#[pallet::call_index(7)]
		#[pallet::weight(T::WeightInfo::report_leak())]
		pub fn report_leak(
			origin: OriginFor<T>,
			keeper: T::AccountId,
			model: ModelId,
			bytes: H256,
			salt: H256,
		) -> DispatchResult {
			let reporter = ensure_signed(origin)?;
			Self::do_report_leak(&reporter, &keeper, model, bytes, salt)
		}

		/// Do now what is due for a round.
		///
		/// Blocks do this by themselves when they have room left; this call is for when they have not.
		///
		/// - `origin`: any account, signed. It is work done for the chain, so success is free.
		/// - `submission`: a submission that waits for a chunk.
		#[pallet::call_index(8)]
		#[pallet::weight(T::WeightInfo::step(T::MaxKeepers::get()))]
		pub fn advance(origin: OriginFor<T>, submission: SubmissionId) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			ensure!(Self::step(submission), Error::<T>::NothingDue);
			Ok(Pays::No.into())
		}

		/// Announce the report of a leak, so that no copy of it from the pool can come before it; or take the notice back.
		///
		/// - `origin`: the reporter, signed. A deposit is put on hold, until it reports or takes the notice back.
		/// - `notice`: [`leak_notice`] of this chain, the reporter, the bytes' hash and the salt. It takes the place of an earlier one;
		///   none takes that back.
		///
		/// Emits [`Event::LeakAnnounced`], or [`Event::LeakNoticeWithdrawn`].
		#[pallet::call_index(9)]
		#[pallet::weight(T::WeightInfo::announce_leak())]
		pub fn announce_leak(origin: OriginFor<T>, notice: Option<H256>) -> DispatchResult {
			let reporter = ensure_signed(origin)?;
			Self::do_announce_leak(reporter, notice)
		}

		/// Commit to a chunk, if the model's rules are still those that it was cut by: it could not be opened under others.
		///
		/// - `origin`: a keeper, signed. A deposit is put on hold.
		/// - `model`: a sealed model.
		/// - `commitment`: as for [`Pallet::commit`].
		/// - `rules`: the rules that the chunk was cut by.
		///
		/// Emits [`Event::ChunkCommitted`].
		#[pallet::call_index(10)]
		#[pallet::weight(T::WeightInfo::commit_under())]
		pub fn commit_under(
			origin: OriginFor<T>,
			model: ModelId,
			commitment: H256,
			rules: SealingRules,
		) -> DispatchResult {
			let keeper = ensure_signed(origin)?;
			Self::do_commit(keeper, model, commitment, Some(rules))
		}
	}
}
