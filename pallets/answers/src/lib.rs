#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
// Calls and records hold one receipt and one outcome at a time: a box would only move their bytes.
#![allow(clippy::large_enum_variant)]
#![cfg_attr(
	not(test),
	deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod challenges;
mod hooks;
mod roots;
pub mod rules;
#[cfg(test)]
mod tests;
mod traits_impl;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod types;
pub mod weights;

pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

/// Target of this pallet's log lines.
pub const LOG_TARGET: &str = "blyan::answers";

/// Answers that operators signed for: challenged, defended, and judged by disputes.
#[frame_support::pallet]
pub mod pallet {
	use super::{types::*, weights::WeightInfo};
	use blyan_primitives::{
		traits::{ExpertRegistry, Games, Offences, ServingKeys},
		ArchitectureId, EvaluationOutcome, ModelId, SignedReceipt,
	};
	use frame_support::{pallet_prelude::*, traits::fungible::MutateHold};
	use frame_system::pallet_prelude::*;
	use sp_core::H256;
	use sp_runtime::traits::{BlockNumberProvider, Zero};

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config: frame_system::Config<Hash = H256, RuntimeEvent: From<Event<Self>>> {
		/// The money that bonds are held in.
		type Currency: MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;
		/// Reasons for which money is held, over the whole runtime.
		type RuntimeHoldReason: From<HoldReason>;
		/// Serving keys, and the operators that answer for them.
		type Keys: ServingKeys<Self::AccountId>;
		/// Models, and the architectures from which the programs of answers follow.
		type Models: ExpertRegistry<Self::AccountId>;
		/// Disputes: games about answers, and commitments to challenges.
		type Games: Games<Self::AccountId>;
		/// Where silent operators are reported.
		type Offences: Offences<Self::AccountId>;
		/// Blocks that admitted transactions, counted: no window runs while a migration bars them.
		type WorkingTime: BlockNumberProvider<BlockNumber = BlockNumberFor<Self>>;

		/// Bond of a challenge: at least the bond of a game, which takes its place when the operator defends.
		type Bond: Get<BalanceOf<Self>>;
		/// Challenges against an operator that may stand before the next ones cost a bond more each.
		#[pallet::constant]
		type BondStep: Get<u32>;
		/// Silences of an operator that count as offences at a time; further ones wait. Fewer than the offences that can be pending against it: a silence can be taken
		/// back, and must not keep out what cannot.
		#[pallet::constant]
		type MaxSilent: Get<u32>;
		/// Blocks in which an operator must defend: its engine reads the answer once.
		type DefenceWindow: Get<BlockNumberFor<Self>>;
		/// Blocks in which an operator that was silent may still defend. At most the time for an appeal against the offence.
		type LateWindow: Get<BlockNumberFor<Self>>;
		/// Blocks in which other games about a defended answer may begin.
		type DisputeWindow: Get<BlockNumberFor<Self>>;
		/// Blocks for which receipts can be challenged after no model has their root any more: operators keep the bytes so long.
		type ReceiptPeriod: Get<BlockNumberFor<Self>>;

		/// Weights of the calls and of the work in `on_idle`.
		type WeightInfo: WeightInfo;
		/// Makes receipts that benchmarks are about.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkHelper: BenchmarkHelper<Self::AccountId>;
	}

	/// Makes receipts that benchmarks are about.
	#[cfg(feature = "runtime-benchmarks")]
	pub trait BenchmarkHelper<AccountId> {
		/// Registers an architecture, and makes a receipt about a model of it, signed by a key that an operator answers for. Returns the
		/// receipt, the architecture and the operator.
		fn signed_receipt() -> (SignedReceipt, ArchitectureId, AccountId);
		/// Commits an account with money to a finding, and lets the commitment become old enough.
		fn commit(who: &AccountId, hash: H256);
	}

	/// Reasons for which this pallet holds money.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Bond of a challenge that waits for the operator.
		ChallengeBond,
	}

	/// Challenged receipts, by their name on chain. Not bounded in number: each has a bond, which costs more the more stand against the same
	/// operator, and nothing in a block walks over them. Removed when no dispute about them can begin or is open.
	// Blake2_128Concat: operators choose what they sign.
	#[pallet::storage]
	pub type Challenges<T: Config> = CountedStorageMap<_, Blake2_128Concat, H256, ChallengeRecordOf<T>>;

	/// Receipts that were proven wrong, or that an operator did not defend. Kept for good, so that none is punished twice; each has cost
	/// its operator a share of its stake.
	// Hasher as in `Challenges`.
	#[pallet::storage]
	pub type Refuted<T: Config> = StorageMap<_, Blake2_128Concat, H256, ()>;

	/// Number of [`Challenges`] against each operator. Removed at zero.
	// Blake2_128Concat: accounts are any account's choice.
	#[pallet::storage]
	pub type Accused<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, u32, ValueQuery>;

	/// Number of [`Challenges`] of each operator that it has been silent about and may still defend. Removed at zero.
	// Hasher as in `Accused`.
	#[pallet::storage]
	pub type Silent<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, u32, ValueQuery>;

	/// Things that become due, with the working time in which they do, at the places `Ends.0..Ends.1` of each line. One for each phase
	/// that a challenge has been in, and for each time that a root was given up.
	// Twox64Concat, twice: lines are few, and the pallet counts the places up.
	#[pallet::storage]
	pub type Queued<T: Config> =
		StorageDoubleMap<_, Twox64Concat, Line, Twox64Concat, u64, (BlockNumberFor<T>, H256)>;

	/// First place of each line in [`Queued`], and one past the last.
	// Twox64Concat: lines are few.
	#[pallet::storage]
	pub type Ends<T: Config> = StorageMap<_, Twox64Concat, Line, (u64, u64), ValueQuery>;

	/// Roots that receipts can be about. As many as there are models of the second definition, and those that they had within
	/// `ReceiptPeriod`.
	// Twox64Concat: only roots of registered models are keys.
	#[pallet::storage]
	pub type Roots<T: Config> = StorageMap<_, Twox64Concat, H256, RootRecordOf<T>>;

	/// Generation in which each model was seen last, and its root, if it is of the second definition.
	// Twox64Concat: numbers of registered models.
	#[pallet::storage]
	pub type Seen<T: Config> = StorageMap<_, Twox64Concat, ModelId, (u32, Option<H256>)>;

	/// Model that is looked at next.
	#[pallet::storage]
	pub type NextModel<T: Config> = StorageValue<_, ModelId, ValueQuery>;

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A receipt was challenged.
		ReceiptChallenged {
			/// Its name on chain.
			receipt: H256,
			/// Operator that answers for it.
			operator: T::AccountId,
			/// Account that challenged it.
			challenger: T::AccountId,
			/// Tokens that the model would not have chosen, by the challenger's count.
			misses: u64,
			/// Bond on hold for it.
			bond: BalanceOf<T>,
		},
		/// The operator committed to how it came to the answer.
		AnswerDefended {
			/// The receipt.
			receipt: H256,
			/// Operator that answers for it.
			operator: T::AccountId,
			/// Digest of its claim.
			digest: H256,
			/// A game about it began. Otherwise the challenger's claim could not be played about, and its bond is free.
			plays: bool,
		},
		/// The operator was silent: its answer counts as wrong.
		DefenceMissed {
			/// The receipt.
			receipt: H256,
			/// Operator that answers for it.
			operator: T::AccountId,
		},
		/// The answer is wrong, by a game.
		ReceiptRefuted {
			/// The receipt.
			receipt: H256,
			/// Operator that answers for it.
			operator: T::AccountId,
		},
		/// A challenge is over.
		ChallengeClosed {
			/// The receipt.
			receipt: H256,
			/// Operator that answers for it.
			operator: T::AccountId,
		},
		/// A challenge ended without a finding: another revision of the definition holds now. The bond is free.
		ChallengeVoid {
			/// The receipt.
			receipt: H256,
		},
		/// A model has another root than before.
		RootSeen {
			/// The model.
			model: ModelId,
			/// Its root.
			root: H256,
			/// Its architecture.
			architecture: ArchitectureId,
		},
	}

	#[pallet::error]
	pub enum Error<T> {
		/// The receipt is of another version than this runtime knows. Wait for an upgrade, or ask for an answer again.
		VersionUnknown,
		/// The serving key did not sign this receipt for this chain.
		BadSignature,
		/// No operator answers for this serving key, or not any more.
		KeyUnknown,
		/// No model has this root, or had it within `ReceiptPeriod`: there is nothing to compute the answer with.
		ModelUnknown,
		/// Nothing was chosen, or the answer is too long for a game: see `is_disputable_answer`.
		NotDisputable,
		/// The receipt is challenged already. When its operator has defended it, challenge that claim in a dispute.
		AlreadyChallenged,
		/// The receipt was refuted already.
		AlreadyRefuted,
		/// The numbers of the outcome cannot be about this answer.
		OutcomeInconsistent,
		/// The outcome has no miss, so it does not contradict the receipt.
		NoMiss,
		/// No challenge of this receipt is open.
		NotChallenged,
		/// Only the operator that answers for the receipt can defend it.
		NotOperator,
		/// The outcome has a miss, so it does not defend the receipt.
		NotADefence,
		/// The answer was defended already.
		AlreadyDefended,
		/// The operator was silent, and its offence has been decided.
		TooLate,
		/// The receipt follows another revision of the definition than this runtime.
		DefinitionChanged,
		/// This outcome fell in a game about the receipt not long ago. Compute the answer again, and bring what that comes to.
		OutcomeRefuted,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_idle(_: BlockNumberFor<T>, remaining: Weight) -> Weight {
			Self::tick(remaining)
		}

		fn integrity_test() {
			assert!(T::BondStep::get() > 0, "challenges are counted in steps");
			assert!(T::MaxSilent::get() > 0, "silence has consequences");
			assert!(!T::DefenceWindow::get().is_zero(), "an operator has time to defend");
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call(weight(T::WeightInfo))]
	impl<T: Config> Pallet<T> {
		/// Challenges a receipt: its operator must show how it came to the answer, and one of both is wrong.
		///
		/// - `origin`: any account that committed to this call `CommitmentAge` blocks before, with the `finding_hash` of itself,
		///   "challenge_answer", and the arguments. Its bond is held.
		/// - `signed`: the receipt, of a model whose root the chain knows.
		/// - `outcome`: the result of checking the answer: at least one token is another than the model chooses.
		///
		/// Emits [`Event::ReceiptChallenged`].
		#[pallet::call_index(0)]
		pub fn challenge(
			origin: OriginFor<T>,
			signed: SignedReceipt,
			outcome: EvaluationOutcome,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_challenge(who, signed, outcome)
		}

		/// Defends a challenged answer: commits to how the model came to it. The game against the challenger begins at once.
		///
		/// - `origin`: the operator that answers for the receipt. A defence that is due is free.
		/// - `receipt`: the receipt's name on chain.
		/// - `outcome`: the result of checking the answer, without a miss.
		///
		/// Emits [`Event::AnswerDefended`].
		#[pallet::call_index(1)]
		pub fn defend(
			origin: OriginFor<T>,
			receipt: H256,
			outcome: EvaluationOutcome,
		) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			Self::do_defend(who, receipt, outcome)?;
			Ok(Pays::No.into())
		}
	}
}
