//! Records and what is signed. No storage access.

use crate::rules::Ballot;
use alloc::vec::Vec;
use blyan_primitives::{
	randomness::RelayNumber, AuditId, BlockRef, EvaluationOutcome, HoldoutRef, ModelId, Score, Statement,
	Verdict,
};
use blyan_support::commit_reveal::{self, Commitment};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	pallet_prelude::Get, BoundedVec, CloneNoBound, DebugNoBound, EqNoBound, PartialEqNoBound,
};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_core::H256;
use sp_io::hashing::blake2_256;

/// [`AuditRecord`] of a runtime.
pub type AuditRecordOf<T> =
	AuditRecord<<T as frame_system::Config>::AccountId, BlockNumberFor<T>, <T as crate::Config>::MaxSeats>;

/// [`Message`] of a runtime.
pub(crate) type MessageOf<T> = Message<BlockNumberFor<T>>;

/// Domain separator of everything an operator signs here.
pub const AUDIT_CONTEXT: &[u8] = b"blyan/audit/1";

macro_rules! wire {
	($(#[$meta:meta])* pub $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(
			Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
		)]
		#[scale_info(capture_docs = "always")]
		pub $($rest)*
	};
}

wire! {
	/// Job of an audit, so that it can be evaluated later as well: everything by content.
	pub struct PinnedJob {
		/// Statement of the computation that is claimed.
		pub statement: Statement,
		/// The model.
		pub model: ModelId,
		/// Its generation at the draw: the baseline.
		pub generation: u32,
		/// The expert that is tried.
		pub candidate: BlockRef,
		/// Where the sample comes from.
		pub holdout: HoldoutRef,
	}
}

impl PinnedJob {
	/// Sequences in the sample.
	pub fn sample(&self) -> u32 {
		self.statement.items()
	}
}

wire! {
	/// Vote of an auditor.
	pub enum Vote {
		/// "I evaluated the job, and the presented outcome is right."
		Confirm,
		/// "I evaluated the job, and this is its outcome."
		Deny(EvaluationOutcome),
	}
}

impl Vote {
	/// Returns the vote of an auditor that found `own` where `presented` was presented.
	pub fn about(presented: &EvaluationOutcome, own: &EvaluationOutcome) -> Self {
		if own == presented {
			Self::Confirm
		} else {
			Self::Deny(*own)
		}
	}

	/// The seal of this vote: a hash with an unpredictable salt and the auditor's account. Neither can a copied seal be
	/// opened by another operator, nor do equal votes have equal seals.
	pub fn seal(&self, salt: &H256, auditor: &impl Encode) -> H256 {
		blyan_primitives::seal_hash(&H256(blake2_256(&self.encode())), salt, auditor)
	}
}

wire! {
	/// An operator's standing promise: a secret that will throw the coin of the audits it sets.
	pub struct Enrolment<BlockNumber> {
		/// [`crate::rules::commitment`] of the secret.
		pub commitment: H256,
		/// Nonce from which the operator's node finds the secret again; reveals nothing about it.
		pub nonce: H256,
		/// When the commitment was made.
		pub since: BlockNumber,
		/// The first relay-chain block whose seed could not be known then: audits with earlier appointments do not use it.
		pub appointment: RelayNumber,
		/// The audit the operator sets now. One at a time, since opening the secret opens the coin of every audit it is used in.
		pub setting: Option<AuditId>,
	}
}

wire! {
	/// Opening by the setter.
	pub struct Revelation {
		/// The secret behind the commitment.
		pub secret: H256,
		/// The true outcome, according to the setter.
		pub truth: EvaluationOutcome,
	}
}

wire! {
	/// Where an auditor's vote stands.
	pub enum SeatState {
		/// Nothing was said.
		Waiting,
		/// A vote is sealed.
		Sealed(H256),
		/// The vote is open.
		Revealed(Vote),
	}
}

wire! {
	/// An auditor.
	pub struct Seat<AccountId> {
		/// The operator.
		pub operator: AccountId,
		/// Its vote.
		pub state: SeatState,
	}
}

impl<AccountId: PartialEq> commit_reveal::Seat for Seat<AccountId> {
	type Member = AccountId;
	fn member(&self) -> &AccountId {
		&self.operator
	}
	fn commitment(&self) -> Commitment {
		match self.state {
			SeatState::Waiting => Commitment::Waiting,
			SeatState::Sealed(seal) => Commitment::Committed(seal),
			SeatState::Revealed(_) => Commitment::Revealed,
		}
	}
}

impl<AccountId> Seat<AccountId> {
	/// Returns the final ballot, when no more messages can come.
	pub fn ballot(&self) -> Ballot {
		match self.state {
			SeatState::Waiting => Ballot::Absent,
			SeatState::Sealed(_) => Ballot::Hidden,
			SeatState::Revealed(Vote::Confirm) => Ballot::Confirmed,
			SeatState::Revealed(Vote::Deny(own)) => Ballot::Denied(own),
		}
	}
}

/// Where an audit stands. Every phase lasts up to and including its block.
#[derive(
	CloneNoBound,
	DebugNoBound,
	PartialEqNoBound,
	EqNoBound,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
#[scale_info(capture_docs = "always")]
#[scale_info(skip_type_params(MaxSeats))]
pub enum Phase<BlockNumber, MaxSeats>
where
	BlockNumber: Clone + core::fmt::Debug + Eq,
	MaxSeats: Get<u32>,
{
	/// The setter evaluates the job and presents an outcome.
	Presenting {
		/// Last block of the phase.
		until: BlockNumber,
	},
	/// Auditors evaluate the job and seal their votes.
	Voting {
		/// Last block of the phase.
		until: BlockNumber,
	},
	/// Setter and auditors open what they promised, in any order.
	Revealing {
		/// Last block of the phase.
		until: BlockNumber,
	},
	/// Claims contradict each other and can be disputed.
	Contested {
		/// Last block in which a dispute may begin.
		until: BlockNumber,
		/// True if the presented outcome is a forced error.
		is_forced: bool,
		/// Disputes that have not ended. Nothing is paid before they have.
		games: u32,
		/// Digests that were proven wrong.
		refuted: BoundedVec<H256, MaxSeats>,
	},
}

/// An open audit.
#[derive(
	CloneNoBound,
	DebugNoBound,
	PartialEqNoBound,
	EqNoBound,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
#[scale_info(capture_docs = "always")]
#[scale_info(skip_type_params(MaxSeats))]
pub struct AuditRecord<AccountId, BlockNumber, MaxSeats>
where
	AccountId: Clone + core::fmt::Debug + Eq,
	BlockNumber: Clone + core::fmt::Debug + Eq,
	MaxSeats: Get<u32>,
{
	/// Seed of the draw, the sample and the coin; younger than the setter's commitment.
	pub seed: H256,
	/// The job to be evaluated.
	pub job: PinnedJob,
	/// [`crate::rules::RULES`] when the audit was opened.
	pub rules: u8,
	/// Forced errors per million when the audit was opened.
	pub trap_share: u32,
	/// The operator that presents.
	pub setter: AccountId,
	/// The setter's commitment at the draw.
	pub commitment: H256,
	/// The nonce of that commitment.
	pub nonce: H256,
	/// The presented outcome.
	pub presented: Option<EvaluationOutcome>,
	/// The setter's opening.
	pub revelation: Option<Revelation>,
	/// The auditors, in the order they were drawn.
	pub seats: BoundedVec<Seat<AccountId>, MaxSeats>,
	/// Where it stands.
	pub phase: Phase<BlockNumber, MaxSeats>,
}

impl<AccountId, BlockNumber, MaxSeats> AuditRecord<AccountId, BlockNumber, MaxSeats>
where
	AccountId: Clone + core::fmt::Debug + Eq,
	BlockNumber: Clone + core::fmt::Debug + Eq + PartialOrd,
	MaxSeats: Get<u32>,
{
	/// The auditor's seat.
	pub fn seat(&self, operator: &AccountId) -> Option<&Seat<AccountId>> {
		commit_reveal::seat_of(&self.seats, operator)
	}

	/// Last block of the present phase.
	pub fn until(&self) -> &BlockNumber {
		match &self.phase {
			Phase::Presenting { until }
			| Phase::Voting { until }
			| Phase::Revealing { until }
			| Phase::Contested { until, .. } => until,
		}
	}

	/// Reports whether every auditor has sealed its vote.
	pub fn is_sealed(&self) -> bool {
		commit_reveal::is_sealed(&self.seats)
	}

	/// Reports whether every commitment is open.
	pub fn is_open(&self) -> bool {
		self.revelation.is_some() && commit_reveal::is_open(&self.seats)
	}

	/// Reports whether the setter followed its coin, as this revelation shows; also if the rules or the definition have
	/// changed since, so that it cannot be decided any more.
	pub fn is_excused_by(&self, revelation: &Revelation) -> bool {
		if self.rules != crate::rules::RULES || !self.job.statement.is_current() {
			return true;
		}
		let Some(presented) = &self.presented else { return false };
		let Revelation { secret, truth } = revelation;
		let answer = crate::rules::answer(presented, truth, secret, &self.seed, self.trap_share);
		answer != crate::rules::Answer::Defied
	}

	/// Reports whether this vote denies the presented outcome with the setter's truth.
	pub fn is_caught_by(&self, vote: &Vote) -> bool {
		let truth = self.revelation.map(|revelation| revelation.truth);
		matches!(vote, Vote::Deny(own) if Some(*own) == truth)
	}

	/// Returns the bytes that bind a message to this audit of this fork: its seed, and its job or the presented outcome.
	///
	/// A vote that was sealed where another outcome was presented, or under another seed, is not valid here;
	/// otherwise a seal could be carried to a fork on which its owner never sealed anything, and cannot open it. Neither is an
	/// outcome that was presented where the same seed met the model in another state: it would be a false score here.
	pub fn binding(&self) -> H256 {
		H256(match self.presented {
			// Salts of votes are derived from it, so it has to stay what it is.
			Some(_) => blake2_256(&(self.seed, self.presented).encode()),
			None => blake2_256(&(self.seed, self.presented, self.job).encode()),
		})
	}

	/// The claims that contradict or support each other, the setter's first, for an audit that is settled as
	/// `is_forced`. An auditor without a checkable vote is left out, and so are votes that rubber-stamp a forced error:
	/// those are judged already.
	pub fn claims(&self, is_forced: bool) -> Vec<(AccountId, EvaluationOutcome)> {
		let (Some(presented), Some(revelation)) = (self.presented, self.revelation) else {
			return Vec::new();
		};
		let setter = (self.setter.clone(), revelation.truth);
		let auditors = self.seats.iter().filter_map(|seat| {
			match crate::rules::judge(is_forced, &presented, &seat.ballot()) {
				crate::rules::Finding::Claims(own) => Some((seat.operator.clone(), own)),
				_ => None,
			}
		});
		core::iter::once(setter).chain(auditors).collect()
	}
}

/// An outcome as a verdict: audits have no guard sample.
pub fn verdict(outcome: EvaluationOutcome) -> Verdict {
	Verdict::Scored(Score { target: outcome, guard: None })
}

wire! {
	/// Everything an operator's session key signs here.
	pub enum Message<BlockNumber> {
		/// See `enrol`.
		Enrol {
			/// The commitment.
			commitment: H256,
			/// A recent block.
			at: BlockNumber,
		},
		/// See `present`.
		Present {
			/// The audit.
			audit: AuditId,
			/// The outcome.
			outcome: EvaluationOutcome,
		},
		/// See `vote`.
		Vote {
			/// The audit.
			audit: AuditId,
			/// The seal.
			seal: H256,
		},
		/// See `reveal_setter`.
		RevealSetter {
			/// The audit.
			audit: AuditId,
			/// Secret and true outcome.
			revelation: Revelation,
			/// The commitment that takes the place of the one opened.
			next: H256,
		},
		/// See `reveal_vote`.
		RevealVote {
			/// The audit.
			audit: AuditId,
			/// The vote.
			vote: Vote,
			/// The salt of its seal.
			salt: H256,
		},
	}
}

impl<BlockNumber> Message<BlockNumber> {
	/// The audit this is about.
	pub fn audit(&self) -> Option<AuditId> {
		match self {
			Self::Enrol { .. } => None,
			Self::Present { audit, .. }
			| Self::Vote { audit, .. }
			| Self::RevealSetter { audit, .. }
			| Self::RevealVote { audit, .. } => Some(*audit),
		}
	}

	/// Which kind of message it is, counted from zero.
	pub fn kind(&self) -> u8 {
		match self {
			Self::Enrol { .. } => 0,
			Self::Present { .. } => 1,
			Self::Vote { .. } => 2,
			Self::RevealSetter { .. } => 3,
			Self::RevealVote { .. } => 4,
		}
	}
}

impl<BlockNumber: Encode> Message<BlockNumber> {
	/// The bytes to sign: context, genesis hash of the chain, [`AuditRecord::binding`] of the audit (zero for an enrolment), message.
	pub fn signing_payload(&self, genesis: &H256, binding: &H256) -> Vec<u8> {
		(AUDIT_CONTEXT, genesis, binding, self).encode()
	}
}

wire! {
	/// Why an audit ended without a result.
	pub enum VoidReason {
		/// The setter presented nothing.
		NothingPresented,
		/// No auditor sealed a vote.
		NoVotes,
		/// The setter did not open its secret.
		NotRevealed,
		/// The setter presented another outcome than its coin asked for.
		CoinDefied,
		/// The rules changed while the audit was open.
		RulesChanged,
	}
}

/// A round: a stretch of `AuditPeriod` blocks over which audits are spread evenly.
#[derive(
	Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub struct RoundRecord<BlockNumber> {
	/// Its first block.
	pub began: BlockNumber,
	/// Audits it should have.
	pub target: u32,
	/// Audits it has had, those included that could not be opened.
	pub drawn: u32,
}
