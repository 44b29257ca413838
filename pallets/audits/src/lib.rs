#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
	not(test),
	deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

pub use jobs::{HeadSwap, HoldoutBook, JobSource};
pub use pallet::*;
pub use rewards::AuditRewards;
pub use types::*;
pub use weights::WeightInfo;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod claims;
mod dispatch;
pub mod draw;
mod jobs;
mod messages;
mod refusals;
mod rewards;
pub mod rules;
mod settle;
mod tick;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod types;
pub mod weights;
mod worker;

#[cfg(test)]
mod tests;

/// Target of this pallet's log lines.
pub const LOG_TARGET: &str = "blyan::audits";

/// Secret re-examinations of operators: evaluations whose answer the chain knows already, drawn, answered by commit and reveal, and scored
/// into reputation.
#[frame_support::pallet]
pub mod pallet {
	use super::{jobs::JobSource, rewards::AuditRewards, types::*, weights::WeightInfo, LOG_TARGET};
	use alloc::vec::Vec;
	use blyan_primitives::{
		randomness::{AppointedRandomness, RelayNumber},
		traits::{OffenceKind, Offences, OperatorSet},
		AuditId, EvaluationOutcome, OperatorId, OperatorSignature,
	};
	use frame_support::pallet_prelude::*;
	use frame_system::{offchain::CreateAuthorizedTransaction, pallet_prelude::*};
	use sp_core::H256;
	use sp_runtime::traits::BlockNumberProvider;

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
		/// Amounts of the coin, as the purse names them.
		type Balance: frame_support::traits::tokens::Balance;
		/// Operators, from whom setters and auditors are drawn.
		type Operators: OperatorSet<Self::AccountId>;
		/// Source of the jobs that are evaluated.
		type Jobs: JobSource;
		/// The purse. Nothing is minted here.
		type Rewards: AuditRewards<Self::AccountId, Self::Balance>;
		/// Where nods and broken promises are reported.
		type Offences: Offences<Self::AccountId>;
		/// Randomness by appointment: commitments and audits make one each, and a secret is only used in audits whose
		/// seed was unknown when it was chosen.
		type Randomness: AppointedRandomness;

		/// Blocks of a round. Zero: no audits.
		type AuditPeriod: Get<BlockNumberFor<Self>>;
		/// Seats an operator of average weight gets in a round.
		type SeatsPerRound: Get<u32>;
		/// Auditors of one audit, where that many unrelated operators are eligible. At most `MaxSeats - 1`.
		type Auditors: Get<u32>;
		/// Auditors without whom no audit is opened.
		type MinAuditors: Get<u32>;
		/// Forced errors per million audits.
		type TrapShare: Get<u32>;
		/// Sequences in an audit's sample; a smaller holdout is used whole.
		type AuditSample: Get<u32>;
		/// Blocks a setter has to evaluate the job and present an outcome.
		type PresentWindow: Get<BlockNumberFor<Self>>;
		/// Blocks auditors have to evaluate it and seal their votes.
		type VoteWindow: Get<BlockNumberFor<Self>>;
		/// Blocks setter and auditors have to open what they promised. The longest outage that an honest operator is
		/// forgiven, so rather an hour than a minute.
		type RevealWindow: Get<BlockNumberFor<Self>>;
		/// Blocks in which contradicting claims may be disputed.
		type DisputeWindow: Get<BlockNumberFor<Self>>;
		/// Blocks in which transactions were admitted, counted: the time that phases are in. While a migration bars
		/// transactions no operator can present, vote or reveal.
		type WorkingTime: BlockNumberProvider<BlockNumber = BlockNumberFor<Self>>;

		/// Blocks between two enrolments of an operator that opened none in between.
		#[pallet::constant]
		type EnrolEvery: Get<BlockNumberFor<Self>>;
		/// Most parties of an audit: its setter and its auditors.
		#[pallet::constant]
		type MaxSeats: Get<u32>;
		/// Audits open at a time.
		#[pallet::constant]
		type MaxOpen: Get<u32>;
		/// Audits that may be opened in one block.
		#[pallet::constant]
		type OpensPerBlock: Get<u32>;
		/// Audits whose phase may end in one block without being asked.
		#[pallet::constant]
		type StepsPerBlock: Get<u32>;

		/// Weights of the calls and of what happens without being asked.
		type WeightInfo: WeightInfo;
	}

	/// The next audit's number.
	#[pallet::storage]
	pub type NextAudit<T: Config> = StorageValue<_, AuditId, ValueQuery>;

	/// Open audits. At most `MaxOpen`; settling or voiding one removes it. Each has exactly one entry in [`Agenda`].
	// Twox64Concat: the pallet counts the keys up, so nobody can grind them.
	#[pallet::storage]
	pub type Audits<T: Config> = StorageMap<_, Twox64Concat, AuditId, AuditRecordOf<T>>;

	/// When something is due for each open audit: the block after its phase, or the present one if all is said.
	#[pallet::storage]
	pub type Agenda<T: Config> =
		StorageValue<_, BoundedVec<(AuditId, BlockNumberFor<T>), T::MaxOpen>, ValueQuery>;

	/// Commitments of operators. `enrol` and `reveal_setter` replace them; a setter that does not open its own loses
	/// it, and `forget` removes those of operators that are gone.
	// Blake2_128Concat: accounts can be ground.
	#[pallet::storage]
	pub type Enrolments<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, Enrolment<BlockNumberFor<T>>>;

	/// Appointments of the audits that the round owes and that are not open yet, in the order they were made. At most
	/// `MaxOpen`; each leaves when its seed is known, whether or not an audit comes of it.
	#[pallet::storage]
	pub type Appointments<T: Config> = StorageValue<_, BoundedVec<RelayNumber, T::MaxOpen>, ValueQuery>;

	/// The present round.
	#[pallet::storage]
	pub type Round<T: Config> = StorageValue<_, RoundRecord<BlockNumberFor<T>>, ValueQuery>;

	/// Audits that are over and in which an operator is blamed for not having opened what it promised, as they were when they
	/// ended. At most `MaxOpen`; the oldest gives way to the newest.
	// Twox64Concat: the pallet counts the audits.
	#[pallet::storage]
	pub type Overdue<T: Config> = StorageMap<_, Twox64Concat, AuditId, AuditRecordOf<T>>;

	/// The audits in [`Overdue`], the oldest first.
	#[pallet::storage]
	pub type OverdueQueue<T: Config> = StorageValue<_, BoundedVec<AuditId, T::MaxOpen>, ValueQuery>;

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An operator committed to a secret and may set audits from now on.
		Enrolled {
			/// The operator.
			operator: T::AccountId,
			/// The commitment.
			commitment: H256,
		},
		/// The commitment of an account that is not an operator (any more) is gone.
		Forgotten {
			/// The account.
			who: T::AccountId,
		},
		/// An audit began; its setter is to evaluate the job.
		Opened {
			/// The audit.
			audit: AuditId,
			/// Seed of sample and coin.
			seed: H256,
			/// The operator that presents.
			setter: T::AccountId,
			/// The operators that check.
			auditors: Vec<T::AccountId>,
			/// Last block for the presentation.
			until: BlockNumberFor<T>,
		},
		/// The setter presented an outcome; auditors are to check it.
		Presented {
			/// The audit.
			audit: AuditId,
			/// The presented outcome.
			outcome: EvaluationOutcome,
			/// Last block for votes.
			until: BlockNumberFor<T>,
		},
		/// An auditor sealed its vote.
		VoteSealed {
			/// The audit.
			audit: AuditId,
			/// The auditor.
			operator: T::AccountId,
		},
		/// Voting is over; everything that was promised is to be opened.
		RevealBegan {
			/// The audit.
			audit: AuditId,
			/// Last block for it.
			until: BlockNumberFor<T>,
		},
		/// The setter opened its secret.
		SecretRevealed {
			/// The audit.
			audit: AuditId,
			/// The secret.
			secret: H256,
			/// The truth, according to the setter.
			truth: EvaluationOutcome,
		},
		/// An auditor opened its vote.
		VoteRevealed {
			/// The audit.
			audit: AuditId,
			/// The auditor.
			operator: T::AccountId,
			/// The vote.
			vote: Vote,
		},
		/// An auditor agreed to a forced error, or hid its vote on one.
		Nodded {
			/// The audit.
			audit: AuditId,
			/// The auditor.
			operator: T::AccountId,
		},
		/// Claims contradict each other and can be disputed.
		Contested {
			/// The audit.
			audit: AuditId,
			/// Last block in which a dispute may begin.
			until: BlockNumberFor<T>,
		},
		/// An auditor caught a wrong answer and was paid for it.
		ErrorCaught {
			/// The audit.
			audit: AuditId,
			/// The auditor.
			operator: T::AccountId,
			/// Amount that it was paid.
			amount: T::Balance,
		},
		/// A setter or an auditor did its part and was paid for it.
		WorkPaid {
			/// The audit.
			audit: AuditId,
			/// The operator.
			operator: T::AccountId,
			/// Amount that it was paid.
			amount: T::Balance,
		},
		/// An audit ended.
		Settled {
			/// The audit.
			audit: AuditId,
			/// True if the presented outcome was wrong on purpose.
			is_forced: bool,
		},
		/// An audit ended without a result.
		Voided {
			/// The audit.
			audit: AuditId,
			/// Why.
			reason: VoidReason,
		},
		/// An operator broke a rule of this pallet, and `Offences` was told.
		OffenceFound {
			/// The audit.
			audit: AuditId,
			/// The operator.
			operator: T::AccountId,
			/// Kind of its offence.
			kind: OffenceKind,
		},
	}

	#[pallet::error]
	pub enum Error<T> {
		/// The key belongs to no operator. Register it first.
		NotAnOperator,
		/// The named block is in the future, too old, or not younger than the last commitment. Sign again.
		EnrolmentStale,
		/// The last commitment is too young to be replaced without being opened. Wait `EnrolEvery` blocks.
		EnrolledRecently,
		/// The commitment is the present one. Take a new secret.
		CommitmentReused,
		/// There is no open audit of this number.
		AuditUnknown,
		/// The audit is in another phase, or the phase is over.
		WrongPhase,
		/// Only the audit's setter may do this.
		NotTheSetter,
		/// The key belongs to none of the auditors.
		NotAnAuditor,
		/// This was said before.
		AlreadySaid,
		/// The numbers of the outcome contradict each other or the sample.
		OutcomeImplausible,
		/// The secret does not open the setter's commitment.
		SecretMismatch,
		/// Vote and salt do not open the seal.
		SealMismatch,
		/// Nothing is due for this audit yet.
		NothingDue,
		/// The account is an operator's or has no enrolment.
		NothingToForget,
		/// The audit is over, and what is opened does not excuse its maker: a promise that was kept, only late, would.
		NothingExcused,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_idle(_: BlockNumberFor<T>, remaining: Weight) -> Weight {
			Self::tick(Self::now(), remaining)
		}

		fn offchain_worker(now: BlockNumberFor<T>) {
			log::trace!(target: LOG_TARGET, "off-chain worker at block {now:?}");
			Self::work(now);
		}

		fn integrity_test() {
			assert!(T::MaxSeats::get() > 1, "an audit has a setter and at least one auditor");
			assert!(T::MaxOpen::get() > 0, "there is room for one audit");
			assert!(T::OpensPerBlock::get() > 0 && T::StepsPerBlock::get() > 0, "audits begin and end");
			assert!(T::TrapShare::get() <= super::rules::MILLION, "a share is at most the whole");
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Commit to a secret, in order to set audits.
		///
		/// - `origin`: authorised by the signature, so it costs nothing.
		/// - `commitment`: [`crate::rules::commitment`] of the secret. It replaces an earlier one that was never opened.
		/// - `at`: a recent block, so that an old enrolment, whose secret may be known, cannot be sent again.
		/// - `key`, `signature`: by the operator's session key over [`Message::Enrol`].
		///
		/// Emits [`Event::Enrolled`].
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::enrol())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_enrol())]
		#[pallet::authorize(Self::authorize_enrol)]
		pub fn enrol(
			origin: OriginFor<T>,
			commitment: H256,
			at: BlockNumberFor<T>,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_enrol(commitment, at, key)
		}

		/// Present an outcome: the true one, or what the coin asks for.
		///
		/// - `origin`: authorised by the signature.
		/// - `audit`, `outcome`: the audit and what is presented.
		/// - `key`, `signature`: by the setter's session key over [`Message::Present`].
		///
		/// Emits [`Event::Presented`].
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::present())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_present())]
		#[pallet::authorize(Self::authorize_present)]
		pub fn present(
			origin: OriginFor<T>,
			audit: AuditId,
			outcome: EvaluationOutcome,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_present(audit, outcome, key)
		}

		/// Seal a vote on what was presented.
		///
		/// - `origin`: authorised by the signature.
		/// - `audit`, `seal`: the audit and [`Vote::seal`].
		/// - `key`, `signature`: by the auditor's session key over [`Message::Vote`].
		///
		/// Emits [`Event::VoteSealed`].
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::vote())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_vote())]
		#[pallet::authorize(Self::authorize_vote)]
		pub fn vote(
			origin: OriginFor<T>,
			audit: AuditId,
			seal: H256,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_vote(audit, seal, key)
		}

		/// Open the secret that threw the coin, and promise the next one.
		///
		/// - `origin`: authorised by the signature.
		/// - `audit`: the audit.
		/// - `revelation`: the secret, and the true outcome.
		/// - `next`: commitment to the secret of later audits.
		/// - `key`, `signature`: by the setter's session key over [`Message::RevealSetter`].
		///
		/// Emits [`Event::SecretRevealed`].
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::reveal_setter().max(T::WeightInfo::step_reporting()))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_reveal_setter())]
		#[pallet::authorize(Self::authorize_reveal_setter)]
		pub fn reveal_setter(
			origin: OriginFor<T>,
			audit: AuditId,
			revelation: Revelation,
			next: H256,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_reveal_setter(audit, revelation, next, key)
		}

		/// Open a sealed vote.
		///
		/// - `origin`: authorised by the signature.
		/// - `audit`, `vote`, `salt`: the audit and what the seal was made of.
		/// - `key`, `signature`: by the auditor's session key over [`Message::RevealVote`].
		///
		/// Emits [`Event::VoteRevealed`].
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::reveal_vote().max(T::WeightInfo::step_reporting()))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_reveal_vote())]
		#[pallet::authorize(Self::authorize_reveal_vote)]
		pub fn reveal_vote(
			origin: OriginFor<T>,
			audit: AuditId,
			vote: Vote,
			salt: H256,
			key: OperatorId,
			_signature: OperatorSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_reveal_vote(audit, vote, salt, key)
		}

		/// Do now what is due for an audit.
		///
		/// Blocks do this by themselves when they have room left; this call is for when they have not.
		///
		/// - `origin`: anyone, signed. It is work done for the chain, so success is free.
		/// - `audit`: an audit whose phase is over, or in which all is said.
		#[pallet::call_index(5)]
		#[pallet::weight(Pallet::<T>::step_weight())]
		pub fn advance(origin: OriginFor<T>, audit: AuditId) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			Self::do_advance(audit)?;
			Ok(Pays::No.into())
		}

		/// Remove the commitment of an account that is not an operator any more.
		///
		/// - `origin`: anyone, signed. Success is free.
		/// - `who`: an account without a session key that sets no audit now.
		///
		/// Emits [`Event::Forgotten`].
		#[pallet::call_index(6)]
		#[pallet::weight(T::WeightInfo::forget())]
		pub fn forget(origin: OriginFor<T>, who: T::AccountId) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			Self::do_forget(who)?;
			Ok(Pays::No.into())
		}
	}
}
