//! Consequences of wrong answers: disputes, audits, offences.

use crate::{
	governance::{
		bounds::{AtLeast, AtMost, DisputeBondMax, OneMinute, TenMinutes},
		origins::{EnsureJudge, RootOr},
	},
	parameters::{audits, disputes},
	*,
};
use alloc::vec::Vec;
use blyan_primitives::{
	traits::{Claims, ExpertRegistry, OperatorSet},
	BlockRef, EvaluationJob, ExpertShape, HoldoutRef, JobOrigin, ModelId, PartIndex, Refusal, Statement,
	Subject, Verdict,
};
use codec::MaxEncodedLen;
use frame_support::{
	parameter_types,
	traits::{tokens::imbalance::ResolveTo, ConstU32, Contains, Get},
	weights::Weight,
};
use pallet_ledger::Envelope;
use sp_core::H256;
use sp_runtime::Perbill;

/// Claims by what they are about: scores of submissions, answers in audits and answers to users are kept by different pallets.
pub struct AllClaims;

/// Asks the pallet that keeps a subject's claims.
macro_rules! keeper {
	($subject:expr, $call:ident($($argument:expr),*)) => {
		match $subject {
			Subject::Submission(..) => <ProofOfLearning as Claims<AccountId>>::$call($($argument),*),
			Subject::Audit(_) => <Audits as Claims<AccountId>>::$call($($argument),*),
			Subject::Answer(_) => <Answers as Claims<AccountId>>::$call($($argument),*),
		}
	};
}

impl Claims<AccountId> for AllClaims {
	fn statement(subject: Subject, part: PartIndex) -> Option<Statement> {
		keeper!(subject, statement(subject, part))
	}

	fn claims(subject: Subject) -> Vec<(AccountId, Verdict)> {
		keeper!(subject, claims(subject))
	}

	fn candidate(subject: Subject) -> Option<(BlockRef, ExpertShape)> {
		keeper!(subject, candidate(subject))
	}

	fn job(subject: Subject, part: PartIndex) -> Option<EvaluationJob> {
		keeper!(subject, job(subject, part))
	}

	fn disputable() -> Vec<Subject> {
		let mut subjects = <ProofOfLearning as Claims<AccountId>>::disputable();
		subjects.extend(<Audits as Claims<AccountId>>::disputable());
		subjects.extend(<Answers as Claims<AccountId>>::disputable());
		subjects
	}

	fn is_disputable(subject: Subject) -> bool {
		keeper!(subject, is_disputable(subject))
	}

	fn may_open(subject: Subject) -> bool {
		keeper!(subject, may_open(subject))
	}

	fn accepted(subject: Subject) -> Option<H256> {
		keeper!(subject, accepted(subject))
	}

	fn origin(subject: Subject, part: PartIndex) -> Option<JobOrigin> {
		keeper!(subject, origin(subject, part))
	}

	fn job_from(statement: &Statement, origin: &JobOrigin, candidate: &BlockRef) -> Option<EvaluationJob> {
		let model = <Experts as ExpertRegistry<AccountId>>::model_at(origin.model, origin.generation)?;
		statement.job::<Experts>(model, *candidate, origin.holdout)
	}

	fn keep(origin: &JobOrigin) -> bool {
		<Experts as ExpertRegistry<AccountId>>::keep(origin.model, origin.generation)
	}

	fn release(origin: &JobOrigin) {
		<Experts as ExpertRegistry<AccountId>>::release(origin.model, origin.generation);
	}

	fn is_known(subject: Subject) -> bool {
		keeper!(subject, is_known(subject))
	}

	fn missing(subject: Subject) -> Option<Refusal> {
		keeper!(subject, missing(subject))
	}

	fn note_opened(subject: Subject) {
		keeper!(subject, note_opened(subject))
	}

	fn note_closed(subject: Subject) {
		keeper!(subject, note_closed(subject))
	}

	fn refuted(subject: Subject, digest: H256) {
		keeper!(subject, refuted(subject, digest))
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_subject_for_benchmark() -> (Subject, EvaluationJob) {
		<ProofOfLearning as Claims<AccountId>>::ensure_subject_for_benchmark()
	}
}

/// Accounts behind claims that can be disputed.
pub struct OpenClaims;

impl Contains<AccountId> for OpenClaims {
	fn contains(who: &AccountId) -> bool {
		// Answers are not bounded in number, and counted by operator.
		let mut subjects = <ProofOfLearning as Claims<AccountId>>::disputable();
		subjects.extend(<Audits as Claims<AccountId>>::disputable());
		let subjects = subjects.into_iter();
		Answers::is_accused(who) || subjects.flat_map(AllClaims::claims).any(|(claimant, _)| claimant == *who)
	}
}

/// Weight of [`OpenClaims`]: each decision, each draw that came to nothing and each audit is read when they are listed, when it is
/// asked whether it can be disputed, and for its claims, the latter two in two places. Its record and a kilobyte of the trie
/// around it are part of the proof. The challenges of answers are a number.
pub struct OpenClaimsWeight;

impl Get<Weight> for OpenClaimsWeight {
	fn get() -> Weight {
		type Record = pallet_proof_of_learning::DecisionRecordOf<Runtime>;
		let decisions: u32 = <Runtime as pallet_proof_of_learning::Config>::MaxMaturing::get();
		let subjects = decisions.saturating_add(<Runtime as pallet_audits::Config>::MaxOpen::get());
		let proof = Record::max_encoded_len().saturating_add(1_024).saturating_mul(subjects as usize);
		<Runtime as frame_system::Config>::DbWeight::get()
			.reads(u64::from(subjects).saturating_mul(5).saturating_add(1))
			.saturating_add(Weight::from_parts(0, proof as u64))
	}
}

#[cfg(feature = "runtime-benchmarks")]
impl pallet_disputes::BenchmarkHelper for AllClaims {
	fn register(architecture: &blyan_exact::definition2::Architecture) {
		let record = architecture.to_bytes();
		let id = blyan_primitives::record_id(&record);
		let record: pallet_experts::ArchitectureRecord =
			record.try_into().expect("a valid architecture has at most 128 layers; qed");
		pallet_experts::Architectures::<Runtime>::insert(id, record);
	}
}

/// Serving keys of benchmarks: every key is the same operator's.
#[cfg(feature = "runtime-benchmarks")]
impl blyan_primitives::traits::ServingKeys<AccountId> for AllClaims {
	fn operator_of(_: &blyan_primitives::ServingKey) -> Option<AccountId> {
		Some(AccountId::from([7; 32]))
	}
	fn reversed(_: &blyan_primitives::SignedReceipt, _: H256) {}
}

#[cfg(feature = "runtime-benchmarks")]
impl pallet_answers::BenchmarkHelper<AccountId> for AllClaims {
	fn signed_receipt() -> (blyan_primitives::SignedReceipt, blyan_primitives::ArchitectureId, AccountId) {
		use blyan_exact::definition2::golden;
		use blyan_primitives::{AnswerEnd, Receipt, SignedReceipt, RECEIPT_VERSION};
		// The longest list of operators among the golden families, and as many ids as its context holds.
		let architecture = (golden::ARCHITECTURES.last().expect("there are families; qed").1)();
		<Self as pallet_disputes::BenchmarkHelper>::register(&architecture);
		let id = blyan_primitives::record_id(&architecture.to_bytes());
		let receipt = Receipt {
			version: RECEIPT_VERSION,
			model_root: H256([1; 32]),
			tokenizer: H256([2; 32]),
			tokens_root: H256([3; 32]),
			prompt_tokens: 8,
			prompt_tokens_seen: 8,
			answer_tokens: architecture.context.saturating_sub(8),
			seed: 1,
			temperature_q8: 256,
			top_p_q8: 230,
			end: AnswerEnd::Length,
			session: 0,
			charged: 0,
		};
		let genesis = System::block_hash(0);
		let key =
			sp_io::crypto::sr25519_generate(sp_core::crypto::key_types::DUMMY, Some(b"//serving".to_vec()));
		let payload = receipt.payload(&genesis);
		let signature = sp_io::crypto::sr25519_sign(sp_core::crypto::key_types::DUMMY, &key, &payload)
			.expect("the key was generated above; qed");
		let signed = SignedReceipt { receipt, key, signature };
		(signed, id, AccountId::from([7; 32]))
	}

	fn commit(who: &AccountId, hash: H256) {
		use frame_support::traits::fungible::Mutate;
		let _ = Balances::mint_into(who, disputes::Bond::get().saturating_mul(100));
		let deposit = disputes::Bond::get();
		let reason = pallet_disputes::HoldReason::CommitmentDeposit.into();
		<Balances as frame_support::traits::fungible::MutateHold<AccountId>>::hold(&reason, who, deposit)
			.map(|()| pallet_disputes::Commitments::<Runtime>::insert(who, hash, (0, deposit)))
			.expect("the account has a hundred bonds; qed");
		System::set_block_number(1_000);
	}
}

/// Largest candidate that a call can show, in bytes: three fifths of a block's bytes, which an expert of 576 by 1,536 columns in groups of
/// 32 (1.6 MiB) and every adapter of it fit.
pub const MAX_SHOWN_BYTES: u32 = 3 * 1024 * 1024;

impl pallet_disputes::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type OnSlash = ResolveTo<configs::TreasuryAccount, Balances>;
	type Claims = AllClaims;
	type Operators = Operators;
	type Offences = Slashing;
	type Architectures = Experts;
	type Referee = pallet_disputes::Exact<Experts>;
	type BlockCheck = pallet_disputes::Exact<Experts>;
	type WorkingTime = Stopwatch;
	type Bond = AtMost<disputes::Bond, DisputeBondMax>;
	type DefendersShare = disputes::DefendersShare;
	// A minute: ten authors would have to leave the finder's transaction out.
	type CommitmentAge = ConstU32<10>;
	type Clock = AtLeast<disputes::Clock, TenMinutes>;
	// A move a block is enough to be in time, whatever the engine is busy with: a game takes 13 moves at most, and a clock has 600 blocks.
	type GamesPerClock = ConstU32<46>;
	type DemandWindow = AtLeast<disputes::DemandWindow, TenMinutes>;
	type MaxBlobBytes = ConstU32<MAX_SHOWN_BYTES>;
	type MaxEnded = ConstU32<1_024>;
	type WeightInfo = weights::pallet_disputes::WeightInfo<Runtime>;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = AllClaims;
}

parameter_types! {
	/// An engine reads the longest answer that a game can be about within minutes; the rest is for outages.
	pub const DefenceWindow: BlockNumber = 4 * HOURS;
	/// Half of the time for an appeal, so that an offence is never applied while its operator may still defend.
	pub const LateDefenceWindow: BlockNumber = DAYS;
	pub const AnswerDisputeWindow: BlockNumber = HOURS;
	pub const ReceiptPeriod: BlockNumber = DAYS;
}

impl pallet_answers::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	#[cfg(not(feature = "runtime-benchmarks"))]
	type Keys = Inference;
	#[cfg(feature = "runtime-benchmarks")]
	type Keys = AllClaims;
	type Models = Experts;
	type Games = Disputes;
	type Offences = Slashing;
	type WorkingTime = Stopwatch;
	// What a game costs, which takes the bond over.
	type Bond = AtMost<disputes::Bond, DisputeBondMax>;
	type BondStep = ConstU32<4>;
	// Half of what can be pending, which leaves the other half to what is proven.
	type MaxSilent = ConstU32<8>;
	type DefenceWindow = DefenceWindow;
	type LateWindow = LateDefenceWindow;
	type DisputeWindow = AnswerDisputeWindow;
	type ReceiptPeriod = ReceiptPeriod;
	type WeightInfo = weights::pallet_answers::WeightInfo<Runtime>;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = AllClaims;
}

/// Models of the first definition with a holdout, for audits: the others give no job, and a draw that falls on one would be none.
pub struct Holdouts;

/// Models that are looked at before a draw gives up.
const MODELS_TRIED: u32 = 4;

impl pallet_audits::HoldoutBook for Holdouts {
	fn pick(seed: &H256) -> Option<(ModelId, HoldoutRef)> {
		let count = pallet_experts::ModelCount::<Runtime>::get();
		let first = u32::from_le_bytes(*seed.as_fixed_bytes().first_chunk()?).checked_rem(count)?;
		(0..MODELS_TRIED.min(count)).find_map(|step| {
			let model = first.saturating_add(step).checked_rem(count)?;
			let holdout = pallet_proof_of_learning::Holdouts::<Runtime>::get(model)?;
			<Experts as ExpertRegistry<AccountId>>::config(model).map(|_| (model, holdout))
		})
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_holdout_for_benchmark(model: ModelId) {
		let holdout = HoldoutRef {
			root: H256([1; 32]),
			blob: blyan_primitives::BlobRef { hash: H256([2; 32]), size: 1_024 },
			sequences: 64,
			sequence_len: 16,
		};
		pallet_proof_of_learning::Holdouts::<Runtime>::insert(model, holdout);
	}
}

/// Reward source of audits: the envelope of all validation.
pub struct AuditPurse;

impl pallet_audits::AuditRewards<AccountId, Balance> for AuditPurse {
	fn pay_audit(who: &AccountId) -> Balance {
		let paid = Ledger::reward(Envelope::Validation, who, parameters::ledger::AuditReward::get());
		<Operators as OperatorSet<AccountId>>::note_income(who, paid);
		paid
	}

	fn pay_bounty(who: &AccountId) -> Balance {
		let paid = Ledger::reward(Envelope::Validation, who, parameters::ledger::AuditBounty::get());
		<Operators as OperatorSet<AccountId>>::note_income(who, paid);
		paid
	}
}

parameter_types! {
	pub const EnrolEvery: BlockNumber = 100;
}

impl pallet_audits::Config for Runtime {
	type Balance = Balance;
	type Operators = Operators;
	type Jobs = pallet_audits::HeadSwap<AccountId, Experts, Holdouts>;
	type Rewards = AuditPurse;
	type Offences = Slashing;
	type Randomness = RelayRandomness;
	type AuditPeriod = audits::AuditPeriod;
	type SeatsPerRound = audits::SeatsPerRound;
	type Auditors = audits::Auditors;
	type MinAuditors = audits::MinAuditors;
	type TrapShare = audits::TrapShare;
	type AuditSample = audits::AuditSample;
	type PresentWindow = AtLeast<audits::PresentWindow, OneMinute>;
	type VoteWindow = AtLeast<audits::VoteWindow, OneMinute>;
	type RevealWindow = AtLeast<audits::RevealWindow, OneMinute>;
	type WorkingTime = Stopwatch;
	type DisputeWindow = AtLeast<audits::DisputeWindow, TenMinutes>;
	type EnrolEvery = EnrolEvery;
	type MaxSeats = ConstU32<8>;
	type MaxOpen = ConstU32<256>;
	type OpensPerBlock = ConstU32<4>;
	type StepsPerBlock = ConstU32<8>;
	type WeightInfo = weights::pallet_audits::WeightInfo<Runtime>;
}

parameter_types! {
	pub const ReporterShare: Perbill = Perbill::from_percent(20);
	pub const AppealWindow: BlockNumber = 2 * DAYS;
	pub const JudgementWindow: BlockNumber = 7 * DAYS;
	pub const AppealBond: Balance = UNIT;
	pub const StrikeMemory: BlockNumber = 180 * DAYS;
}

impl pallet_slashing::Config for Runtime {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Stakes = Operators;
	type WorkingTime = Stopwatch;
	type Appeals = Disputes;
	type OnSlash = ResolveTo<configs::TreasuryAccount, Balances>;
	type ReportOrigin = RootOr<EnsureJudge>;
	type JudgeOrigin = RootOr<EnsureJudge>;
	type Penalties = pallet_slashing::UsualPenalties;
	type BlocksPerDay = configs::BlocksPerDay;
	type ReporterShare = ReporterShare;
	type AppealWindow = AppealWindow;
	type JudgementWindow = JudgementWindow;
	type AppealBond = AppealBond;
	type StrikesMax = ConstU32<3>;
	type StrikeMemory = StrikeMemory;
	type MaxPending = ConstU32<16>;
	type MaxClosed = ConstU32<1_024>;
	type WeightInfo = weights::pallet_slashing::WeightInfo<Runtime>;
}
