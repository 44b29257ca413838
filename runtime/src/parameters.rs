//! Parameters that governance can tune without an upgrade. Each default here holds until it is overridden.

use crate::{
	governance::origins::{EnsureBudgetAdmin, EnsureParameterAdmin, RootOr},
	*,
};
use blyan_primitives::acceptance;
use frame_support::{
	dynamic_params::{dynamic_pallet_params, dynamic_params},
	traits::{EnsureOrigin, EnsureOriginWithArg},
};
use sp_runtime::Perbill;

#[dynamic_params(RuntimeParameters, pallet_parameters::Parameters::<Runtime>)]
pub mod dynamic_params {
	use super::*;

	/// Proof of Learning: how candidates are judged, and what it takes to submit one.
	#[dynamic_pallet_params]
	#[codec(index = 0)]
	pub mod learning {
		/// Least mean improvement that is accepted, bits per byte in Q16: 32 is about 0.0005.
		#[codec(index = 0)]
		pub static Delta: u32 = acceptance::DELTA;
		/// Permitted chance, in millionths and over all attempts together, of accepting from a miner that never improves.
		/// 1,350 is the tail beyond three standard errors.
		#[codec(index = 1)]
		pub static Alpha: u32 = acceptance::ALPHA;
		/// Sequences drawn for one evaluation. Below 256 the tail of skewed differences is heavier than the rule allows for.
		#[codec(index = 2)]
		pub static SampleSize: u32 = 256;
		/// Blocks between a submission and the draw of its committee and sample.
		#[codec(index = 3)]
		pub static Delay: BlockNumber = 2;
		/// Blocks the committee has to evaluate and to seal what it found.
		#[codec(index = 4)]
		pub static SealWindow: BlockNumber = 100;
		/// Operators drawn for one submission, where there are that many.
		#[codec(index = 5)]
		pub static CommitteeSize: u32 = 5;
		/// Operators without whom nothing is drawn. Two thirds of two are both.
		#[codec(index = 6)]
		pub static MinCommittee: u32 = 2;
		/// Leading zero bits of a newcomer's proof of work: a fraction of a second.
		#[codec(index = 7)]
		pub static PowBits: u32 = 16;
		/// Leading zero bits of a trusted miner's proof of work.
		#[codec(index = 8)]
		pub static TrustedPowBits: u32 = 8;
		/// Bond of a submission, lost if its bytes are no expert.
		#[codec(index = 9)]
		pub static Bond: Balance = UNIT;
		/// Submissions a newcomer may make in a day.
		#[codec(index = 10)]
		pub static NewcomerQuota: u32 = 20;
		/// Submissions a trusted miner may make in a day.
		#[codec(index = 11)]
		pub static TrustedQuota: u32 = 200;
		/// Acceptances in a row that make a miner trusted.
		#[codec(index = 12)]
		pub static TrustAfter: u32 = 3;
		/// Failures in a row that make it a newcomer again.
		#[codec(index = 13)]
		pub static DistrustAfter: u32 = 5;
		/// Blocks the committee has to open its seals.
		#[codec(index = 14)]
		pub static RevealWindow: BlockNumber = 20;
		/// Blocks a submission waits at the front of its queue for a draw.
		#[codec(index = 15)]
		pub static DrawWindow: BlockNumber = 100;
		/// Blocks in which a decision may be disputed; rewards wait as long.
		#[codec(index = 16)]
		pub static ChallengeWindow: BlockNumber = HOURS;
		/// Tolerable loss of quality on the guard sample, bits per byte in Q16: 328 is about 0.005. Three standard errors of an
		/// expert trained for two minutes are 0.003 on 256 sequences.
		#[codec(index = 17)]
		pub static GuardTolerance: u32 = acceptance::GUARD_TOLERANCE;
		/// Seats that operators of one owner may have in a committee.
		#[codec(index = 18)]
		pub static MaxSeatsPerOwner: u32 = 1;
		/// Operators of a second committee, drawn from those who are not in the first one after that has sealed. A group with
		/// a third of all weight fills both by itself in 1.5 of 10,000 draws (0.33^8).
		#[codec(index = 19)]
		pub static SecondCommitteeSize: u32 = 3;
		/// Share of all operators' stake that those have together who may judge a submission.
		#[codec(index = 20)]
		pub static QuorumStake: Perbill = Perbill::from_percent(50);
		/// Draws after the first one, where one came to no decision. Below a third of the seats, silence in six draws in a row
		/// earns less with what it keeps out than its seats would have; see docs/economics.md.
		#[codec(index = 21)]
		pub static MaxRedraws: u32 = 5;
		/// Price of an evaluation for its miner in an empty queue. It grows with the square of the queue's length, and pays the
		/// operators who judge.
		#[codec(index = 22)]
		pub static EvaluationFee: Balance = UNIT / 2;
		/// Operators that must have a candidate's bytes before it is queued.
		#[codec(index = 23)]
		pub static MinAttestations: u32 = 2;
		/// Blocks in which they must have them.
		#[codec(index = 24)]
		pub static BytesWindow: BlockNumber = HOURS;
		/// Blocks that a commitment must be old before a submission opens it. Half a minute: to keep the author's
		/// submission out of the chain that long takes every collator, or five full blocks.
		#[codec(index = 25)]
		pub static CommitAge: BlockNumber = 5;
		/// Blocks after which a commitment expires: more than all draws of a submission that the author has to wait for.
		#[codec(index = 26)]
		pub static CommitLifetime: BlockNumber = 4 * HOURS;
		/// Deposit of a commitment, lost if it expires.
		#[codec(index = 27)]
		pub static CommitDeposit: Balance = UNIT / 10;
		/// Loss on the guard sample that all acceptances together may cost a model, bits per byte in Q16: 1,312 is
		/// about 0.02, four times what one of them may. Improvements there pay it back; registering the guard again renews it.
		#[codec(index = 28)]
		pub static GuardBudget: u32 = acceptance::GUARD_BUDGET;
	}

	/// Ledger: what work earns.
	#[dynamic_pallet_params]
	#[codec(index = 1)]
	pub mod ledger {
		/// Reward of an improvement of exactly [`learning::Delta`].
		#[codec(index = 0)]
		pub static LearningBase: Balance = 10 * UNIT;
		/// Largest learning reward, in multiples of [`LearningBase`].
		#[codec(index = 1)]
		pub static LearningMultipleMax: u32 = 100;
		/// Reward of one report that agreed with the decision.
		#[codec(index = 2)]
		pub static ValidationReward: Balance = UNIT;
		/// Reward of one job evaluated for an audit.
		#[codec(index = 3)]
		pub static AuditReward: Balance = MILLIUNIT;
		/// Reward for catching a wrong answer.
		#[codec(index = 4)]
		pub static AuditBounty: Balance = 50 * MILLIUNIT;
		/// Reward of one finding about a dataset that the committee agreed on, from the envelope of data. Five of them are less than
		/// the fees of an offer, so that offering for the sake of auditing does not pay.
		#[codec(index = 5)]
		pub static DatasetAuditReward: Balance = MILLIUNIT / 10;
	}

	/// Serving: what an answer costs.
	#[dynamic_pallet_params]
	#[codec(index = 2)]
	pub mod serving {
		/// Price of one byte, read or generated. A quote: nothing is charged yet.
		#[codec(index = 0)]
		pub static PricePerByte: Balance = 10 * MICROUNIT;
		/// Share of each payment to an operator that goes where transaction fees go. It is what counting up one's own usage costs.
		#[codec(index = 1)]
		pub static NetworkShare: Perbill = Perbill::from_percent(1);
		/// Least amount on hold for a request until it is captured.
		#[codec(index = 2)]
		pub static QuoteDeposit: Balance = MILLIUNIT;
		/// Least deposit of a session: about three times what its entry would cost as a deposit for storage.
		#[codec(index = 3)]
		pub static SessionDepositMin: Balance = UNIT / 10;
		/// Blocks for which a quoted price holds: five minutes.
		#[codec(index = 4)]
		pub static QuoteWindow: BlockNumber = 5 * MINUTES;
		/// Blocks in which an authorised request has to be captured. The longest answers take minutes.
		#[codec(index = 5)]
		pub static CaptureWindow: BlockNumber = HOURS;
		/// Blocks in which an operator may still charge what it delivered of a cancelled request.
		#[codec(index = 6)]
		pub static CancelWindow: BlockNumber = 5 * MINUTES;
		/// Blocks in which a receipt may be disputed; the pay waits as long.
		#[codec(index = 7)]
		pub static ReceiptWindow: BlockNumber = HOURS;
		/// Blocks in which an operator may still settle a session that its payer closes. Longer than an outage that is forgiven.
		#[codec(index = 8)]
		pub static SessionClosing: BlockNumber = 4 * HOURS;
	}

	/// Disputes: what they cost, and how long they may take.
	#[dynamic_pallet_params]
	#[codec(index = 3)]
	pub mod disputes {
		/// Bond of an outside challenge, and of a demand for a tile.
		#[codec(index = 0)]
		pub static Bond: Balance = 2 * UNIT;
		/// Share of a lost bond that goes to those who made the claim on the other side.
		#[codec(index = 1)]
		pub static DefendersShare: Perbill = Perbill::from_percent(50);
		/// Blocks a side has for all of its moves in one game.
		#[codec(index = 2)]
		pub static Clock: BlockNumber = HOURS;
		/// Blocks in which a demanded tile must be supplied. It costs stake, so it is as long as the other clocks that do.
		#[codec(index = 3)]
		pub static DemandWindow: BlockNumber = HOURS;
	}

	/// Audits: how often operators are checked, and how.
	#[dynamic_pallet_params]
	#[codec(index = 4)]
	pub mod audits {
		/// Blocks of a round. Zero: no audits.
		#[codec(index = 0)]
		pub static AuditPeriod: BlockNumber = HOURS;
		/// Seats an operator of average weight gets in a round.
		#[codec(index = 1)]
		pub static SeatsPerRound: u32 = 3;
		/// Auditors of one audit, where that many unrelated operators are eligible.
		#[codec(index = 2)]
		pub static Auditors: u32 = 3;
		/// Auditors without whom no audit is opened.
		#[codec(index = 3)]
		pub static MinAuditors: u32 = 1;
		/// Forced errors per million audits.
		#[codec(index = 4)]
		pub static TrapShare: u32 = 20_000;
		/// Sequences in an audit's sample.
		#[codec(index = 5)]
		pub static AuditSample: u32 = 16;
		/// Blocks a setter has to evaluate the job and present an outcome.
		#[codec(index = 6)]
		pub static PresentWindow: BlockNumber = 100;
		/// Blocks auditors have to evaluate it and seal their votes.
		#[codec(index = 7)]
		pub static VoteWindow: BlockNumber = 100;
		/// Blocks setter and auditors have to open what they promised: the longest outage that is forgiven.
		#[codec(index = 8)]
		pub static RevealWindow: BlockNumber = HOURS;
		/// Blocks in which contradicting claims may be disputed.
		#[codec(index = 9)]
		pub static DisputeWindow: BlockNumber = HOURS;
	}

	/// Data: offers of datasets, their audits and votes.
	#[dynamic_pallet_params]
	#[codec(index = 7)]
	pub mod data {
		/// Leading zero bits of an offer's proof of work: a million hashes, a few seconds.
		#[codec(index = 0)]
		pub static PowBits: u32 = 20;
		/// Offers a day of an account that has shown nothing yet.
		#[codec(index = 1)]
		pub static NewbieQuota: u32 = 20;
		/// Offers a day after three successes in a row.
		#[codec(index = 2)]
		pub static TrustedQuota: u32 = 200;
		/// Offers a day after three more.
		#[codec(index = 3)]
		pub static ExpertQuota: u32 = 1_000;
		/// Blocks to name and upload the blobs of an offer.
		#[codec(index = 4)]
		pub static PendingWindow: BlockNumber = DAYS;
		/// Blocks in which a committee is drawn.
		#[codec(index = 5)]
		pub static DrawWindow: BlockNumber = 10 * MINUTES;
		/// Blocks to examine the sample and seal what was found. With the next one, half an hour.
		#[codec(index = 6)]
		pub static SealWindow: BlockNumber = 20 * MINUTES;
		/// Blocks to open the seals.
		#[codec(index = 7)]
		pub static RevealWindow: BlockNumber = 10 * MINUTES;
		/// Auditors of a dataset, where that many unrelated operators are eligible.
		#[codec(index = 8)]
		pub static Auditors: u32 = 5;
		/// Auditors without whom no audit begins. Two thirds of two are both.
		#[codec(index = 9)]
		pub static MinAuditors: u32 = 2;
		/// Blocks of a vote.
		#[codec(index = 10)]
		pub static VoteWindow: BlockNumber = 3 * DAYS;
		/// Blocks by which a vote with little participation is extended.
		#[codec(index = 11)]
		pub static VoteExtension: BlockNumber = DAYS;
		/// Participation, in millionths, below which a vote is extended.
		#[codec(index = 12)]
		pub static ParticipationMin: u32 = 150_000;
		/// Participation, in millionths, without which a vote decides nothing.
		#[codec(index = 13)]
		pub static QuorumMin: u32 = 10_000;
		/// Share of yes for gold, in millionths.
		#[codec(index = 14)]
		pub static GoldShare: u32 = 750_000;
		/// Share of yes for silver, in millionths.
		#[codec(index = 15)]
		pub static SilverShare: u32 = 600_000;
		/// Share of yes for experimental, in millionths.
		#[codec(index = 16)]
		pub static ExperimentalShare: u32 = 500_000;
		/// Share of records with personal data or secrets, in millionths, above which there is no vote.
		#[codec(index = 17)]
		pub static PiiMax: u32 = 10_000;
		/// Share of toxic records, in millionths, above which there is no vote.
		#[codec(index = 18)]
		pub static ToxicityMax: u32 = 100_000;
		/// Share of duplicates, in millionths, above which there is no vote.
		#[codec(index = 19)]
		pub static DuplicatesMax: u32 = 950_000;
		/// Share of records of a form that the filter leaves out, in millionths, above which there is no vote.
		#[codec(index = 20)]
		pub static MalformedMax: u32 = 500_000;
		/// Blocks in which a contributor may appeal a rejection or a quarantine.
		#[codec(index = 21)]
		pub static AppealWindow: BlockNumber = 7 * DAYS;
		/// Blocks for which a rejected dataset, and the refusal of its root, are remembered.
		#[codec(index = 22)]
		pub static RejectedFor: BlockNumber = 30 * DAYS;
		/// Blocks of use after which a dataset is examined again.
		#[codec(index = 23)]
		pub static RescanEvery: BlockNumber = 7 * DAYS;
		/// Bond of those who review records. It comes back.
		#[codec(index = 24)]
		pub static ReviewBond: Balance = 5 * UNIT;
		/// Blocks for which a reviewer has to be one before it is drawn, and for which the bond of one that lost its right stays on hold.
		#[codec(index = 25)]
		pub static ReviewPatience: BlockNumber = 7 * DAYS;
		/// Blocks reviewers have to read records and to seal their answers. With the next one, less than a vote.
		#[codec(index = 26)]
		pub static ReviewSealWindow: BlockNumber = DAYS;
		/// Blocks reviewers have to open their seals.
		#[codec(index = 27)]
		pub static ReviewRevealWindow: BlockNumber = 12 * HOURS;
		/// Reviewers of a dataset, where that many are eligible.
		#[codec(index = 28)]
		pub static ReviewSeats: u32 = 5;
		/// Reviewers without whom there is no review.
		#[codec(index = 29)]
		pub static ReviewSeatsMin: u32 = 3;
		/// Records that a review looks at.
		#[codec(index = 30)]
		pub static ReviewRecords: u32 = 20;
		/// Reward for one record on which a reviewer agreed with the decision, from the envelope of data. All of a review are less than
		/// the fees of an offer, so that offering for the sake of reviewing does not pay.
		#[codec(index = 31)]
		pub static ReviewReward: Balance = MILLIUNIT / 1_000;
		/// Share of agreement, in millionths, below which a reviewer loses its right.
		#[codec(index = 32)]
		pub static ReviewAccuracyMin: u32 = 800_000;
		/// Share of records refused by people, in millionths, up to which a dataset may be gold.
		#[codec(index = 33)]
		pub static RefusedGold: u32 = 50_000;
		/// Share of records refused by people, in millionths, up to which it may be silver.
		#[codec(index = 34)]
		pub static RefusedSilver: u32 = 150_000;
		/// Share of records refused by people, in millionths, beyond which it is rejected.
		#[codec(index = 35)]
		pub static RefusedExperimental: u32 = 400_000;
	}

	/// Evolution: epochs that try the best proposed architecture.
	#[dynamic_pallet_params]
	#[codec(index = 9)]
	pub mod evolution {
		/// Days from an epoch's beginning to that of the next. Zero: no epoch begins.
		#[codec(index = 0)]
		pub static EpochDays: u32 = 28;
		/// Least tasks of a suite. Fewer leave more to luck.
		#[codec(index = 1)]
		pub static TasksMin: u32 = 200;
		/// Most tasks of a suite.
		#[codec(index = 2)]
		pub static TasksMax: u32 = 1_000;
		/// Share of all voices, in millionths, that a proposal needs to be selected.
		#[codec(index = 3)]
		pub static EndorsementsMin: u32 = 100_000;
		/// Evaluators, where that many unrelated operators are eligible.
		#[codec(index = 4)]
		pub static Evaluators: u32 = 5;
		/// Evaluators without whom nothing is measured. More than half of two are both.
		#[codec(index = 5)]
		pub static MinEvaluators: u32 = 2;
		/// Deposit of a proposal.
		#[codec(index = 6)]
		pub static ProposalDeposit: Balance = 100 * UNIT;
		/// Bond of an endorsement.
		#[codec(index = 7)]
		pub static EndorsementBond: Balance = 10 * UNIT;
		/// Share of a deposit that is lost by a candidate that failed, and by a proposal that no voice endorsed.
		#[codec(index = 8)]
		pub static ProposerLoss: Perbill = Perbill::from_percent(50);
		/// Share of a bond that is lost by a candidate that failed.
		#[codec(index = 9)]
		pub static EndorserLoss: Perbill = Perbill::from_percent(10);
	}
}

pub use dynamic_params::{audits, data, disputes, evolution, learning, ledger, serving};

/// Origins that set a parameter: root all of them, a referendum about the budget what rewards are, one about parameters the rest.
///
/// It does not see the value: bounds are the readers', see [`crate::governance::bounds`].
pub struct EnsureAdmin;

impl EnsureOriginWithArg<RuntimeOrigin, RuntimeParametersKey> for EnsureAdmin {
	type Success = ();

	fn try_origin(origin: RuntimeOrigin, key: &RuntimeParametersKey) -> Result<(), RuntimeOrigin> {
		let outcome = match key {
			RuntimeParametersKey::Ledger(_) => RootOr::<EnsureBudgetAdmin>::try_origin(origin),
			_ => RootOr::<EnsureParameterAdmin>::try_origin(origin),
		};
		outcome.map(|_| ())
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn try_successful_origin(_: &RuntimeParametersKey) -> Result<RuntimeOrigin, ()> {
		Ok(RuntimeOrigin::root())
	}
}

#[cfg(feature = "runtime-benchmarks")]
impl Default for RuntimeParameters {
	fn default() -> Self {
		RuntimeParameters::Learning(learning::Parameters::Delta(learning::Delta, Some(32)))
	}
}
