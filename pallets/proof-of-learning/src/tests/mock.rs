//! A small chain around the pallet: fake neighbours that remember, and a clock.

use super::submissions::submit;
use crate as pallet_learning;
use crate::{DecisionRecordOf, Decisions, EvaluationRecordOf, OpenSubmissions, Phase, SubmissionRecordOf};
use blyan_primitives::{
	randomness::{Appointed, AppointedRandomness, RelayNumber},
	seal_hash,
	traits::{BlobAnnouncements, EligibleOperator, ExpertRegistry, OffenceKind, Offences, Rewards},
	Attestation, BlobRef, BlockRef, DrawId, EvaluationOutcome, ExpertHead, ExpertSlot, HoldoutRef,
	ModelConfig, ModelId, ModelInfo, ModelVersion, OperatorSignature, Score, ScoreReport, ScoreSeal, Subject,
	SubmissionId, Verdict, VersionIndex,
};
use blyan_support::genesis_hash;
use blyan_support::mocks;
pub(crate) use blyan_support::mocks::{
	AccountId, Barred, Eligible, Frozen, Gallows, Keys, OperatorBook, Services, Slashed, Stopwatch,
};
use codec::Encode;
use frame_support::{
	derive_impl, pallet_prelude::TransactionValidityError, parameter_types, traits::Hooks, weights::Weight,
};
use frame_system::EnsureRoot;
use sp_core::{Pair, H256};
use sp_keyring::Sr25519Keyring;
use sp_runtime::{traits::IdentityLookup, BuildStorage, DispatchError, DispatchResult, Perbill};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) type Balance = u128;
pub(crate) type Extrinsic = mocks::Extrinsic<Test, RuntimeCall>;
type Block = mocks::Block<Test, RuntimeCall>;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Learning: pallet_learning,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = Block;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
	type AccountData = pallet_balances::AccountData<Balance>;
}

parameter_types! {
	pub const ExistentialDeposit: Balance = 1;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type Balance = Balance;
	type ExistentialDeposit = ExistentialDeposit;
	type AccountStore = System;
}

pub(crate) const BOND: Balance = 100;
/// What each operator has at stake.
pub(crate) const STAKE: Balance = 100_000;
pub(crate) const ENDOWMENT: Balance = 10_000;
pub(crate) const DELAY: u32 = 2;
/// Blocks for a draw, for seals, for verdicts, and for disputes.
pub(crate) const DRAW: u32 = 10;
/// Blocks in which bytes must be attested.
pub(crate) const BYTES: u32 = 12;
pub(crate) const SEAL: u32 = 8;
/// Blocks after which a commitment expires.
pub(crate) const LIFETIME: u32 = 50;
pub(crate) const REVEAL: u32 = 6;
pub(crate) const CHALLENGE: u32 = 20;
pub(crate) const DAY: u32 = 200;
pub(crate) const SAMPLE: u32 = 8;
pub(crate) const SEQUENCE: u16 = 16;
pub(crate) const GUARD_SEQUENCE: u16 = 8;
pub(crate) const DELTA: u32 = 32;
pub(crate) const ALPHA: u32 = 1_350;
pub(crate) const TOLERANCE: u32 = 656;

parameter_types! {
	pub static CommitteeSize: u32 = 3;
	pub static MinCommittee: u32 = 2;
	/// Most stories have no second committee, no redraws and no fee, and begin where a commitment may be opened.
	pub static SecondCommitteeSize: u32 = 0;
	pub static MaxRedraws: u32 = 0;
	pub static MinAttestations: u32 = 0;
	pub static BytesWindow: u32 = BYTES;
	pub static CommitAge: u32 = 0;
	/// What accepted experts were paid and paid back.
	pub static Refunded: Balance = 0;
	pub const QuorumStake: Perbill = Perbill::from_percent(50);
	pub const StakeAtRisk: Perbill = Perbill::from_percent(50);
	pub const ReporterShare: Perbill = Perbill::from_percent(20);
	/// How many blocks before the current one the randomness could be known.
	pub static RandomnessAge: u32 = 0;
	/// For how many blocks a seed is kept.
	pub static RandomnessKept: u32 = 1_000;
	pub static Heads: BTreeMap<ExpertSlot, ExpertHead> = BTreeMap::new();
	pub static Generation: u32 = 0;
	pub static RefusePromotion: bool = false;
	/// What the heads were at each generation.
	pub static History: BTreeMap<u32, BTreeMap<ExpertSlot, ExpertHead>> = BTreeMap::new();
	/// Generations back that any model can be read; further back only those that are kept.
	pub static Remembered: u32 = 1_000;
	/// Generations that are kept, and how many times.
	pub static Kept: BTreeMap<(ModelId, u32), u32> = BTreeMap::new();
	/// Generations that may be kept at a time.
	pub static MaxKept: usize = 1_000;
	pub static Reported: Vec<(AccountId, OffenceKind, H256)> = Vec::new();
	pub static Payments: Vec<(AccountId, Balance)> = Vec::new();
	pub static KnownBlobs: BTreeSet<H256> = BTreeSet::new();
}

/// The registry: one model of two slots, numbers 0 and 1, and another of one.
pub struct Experts;

impl Experts {
	fn info(id: ModelId, generation: u32, heads: BTreeMap<ExpertSlot, ExpertHead>) -> Option<ModelInfo> {
		let heads: Vec<_> =
			heads.into_iter().filter(|(slot, _)| slot.model == id).map(|(_, head)| head).collect();
		(!heads.is_empty()).then(|| ModelInfo {
			id,
			name: b"test".to_vec(),
			body: Self::own_body(),
			version: ModelVersion { major: 1, minor: 0, patch: 0 },
			generation,
			parts: Self::own_parts(),
			heads,
		})
	}

	/// Promotes some expert, as if another submission had been accepted.
	pub(crate) fn promote_again(slot: ExpertSlot) {
		let version = Heads::get()[&slot].version + 1;
		Self::replace(slot, ExpertHead { version, block: block(100 + version as u8) });
	}

	fn replace(slot: ExpertSlot, head: ExpertHead) {
		Heads::mutate(|heads| heads.insert(slot, head));
		Generation::mutate(|generation| *generation += 1);
		History::mutate(|history| history.insert(Generation::get(), Heads::get()));
	}
}

impl ExpertRegistry<AccountId> for Experts {
	fn model(id: ModelId) -> Option<ModelInfo> {
		Self::info(id, Generation::get(), Heads::get())
	}
	fn model_at(id: ModelId, generation: u32) -> Option<ModelInfo> {
		let is_recent = Generation::get() - generation <= Remembered::get();
		if !is_recent && !Kept::get().contains_key(&(id, generation)) {
			return None;
		}
		Self::info(id, generation, History::get().remove(&generation)?)
	}
	fn head(slot: ExpertSlot) -> Option<ExpertHead> {
		Heads::get().get(&slot).copied()
	}
	fn version(slot: ExpertSlot, version: VersionIndex) -> Option<(BlockRef, Option<AccountId>)> {
		let heads = History::get().into_values().filter_map(|heads| heads.get(&slot).copied());
		heads.into_iter().find(|head| head.version == version).map(|head| (head.block, None))
	}
	fn promote(
		slot: ExpertSlot,
		parent: VersionIndex,
		_: &AccountId,
		block: BlockRef,
	) -> Result<VersionIndex, DispatchError> {
		if RefusePromotion::get() {
			return Err(DispatchError::Other("refused"));
		}
		let version = parent + 1;
		Self::replace(slot, ExpertHead { version, block });
		Ok(version)
	}
	fn keep(id: ModelId, generation: u32) -> bool {
		Kept::mutate(|kept| {
			let is_known = kept.contains_key(&(id, generation));
			if !is_known && (generation != Generation::get() || kept.len() >= MaxKept::get()) {
				return false;
			}
			*kept.entry((id, generation)).or_default() += 1;
			true
		})
	}
	fn release(id: ModelId, generation: u32) {
		Kept::mutate(|kept| {
			let count = kept.get_mut(&(id, generation)).expect("what is released was kept");
			*count -= 1;
			kept.retain(|_, count| *count > 0);
		});
	}
	fn revert(slot: ExpertSlot, version: VersionIndex) -> Result<VersionIndex, DispatchError> {
		let head = Self::head(slot).filter(|head| head.version == version);
		let head = head.ok_or(DispatchError::Other("not the head"))?;
		let parents =
			History::get().into_values().filter_map(|heads| heads.get(&slot).copied()).collect::<Vec<_>>();
		let parent = parents.into_iter().rfind(|parent| parent.version + 1 == head.version);
		let block = parent.ok_or(DispatchError::Other("forgotten"))?.block;
		Self::replace(slot, ExpertHead { version: version + 1, block });
		Ok(version + 1)
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_model_for_benchmark() -> ExpertSlot {
		slot(0)
	}
}

pub struct Blobs;
impl BlobAnnouncements for Blobs {
	fn announced(hash: &H256) -> Option<u32> {
		KnownBlobs::get().contains(hash).then_some(1)
	}
}

pub struct Court;
impl Offences<AccountId> for Court {
	fn report(offender: &AccountId, kind: OffenceKind, evidence: H256, reporter: Option<&AccountId>) {
		assert_eq!(reporter, None, "the chain itself saw it");
		Reported::mutate(|reported| reported.push((offender.clone(), kind, evidence)));
	}
	fn is_pending(offender: &AccountId, kind: OffenceKind, evidence: H256) -> bool {
		Reported::get().contains(&(offender.clone(), kind, evidence))
	}
	fn withdraw(offender: &AccountId, kind: OffenceKind, evidence: H256) -> bool {
		let known = (offender.clone(), kind, evidence);
		let is_known = Reported::get().contains(&known);
		Reported::mutate(|reported| reported.retain(|other| *other != known));
		is_known
	}
}

pub struct Purse;
impl Rewards<AccountId, Balance> for Purse {
	fn pay_learning(who: &AccountId, improvement: u64, delta: u64, at_most: Balance) -> Balance {
		use frame_support::traits::fungible::Mutate;
		let paid = u128::from(1_000 * improvement / delta).min(at_most);
		Balances::mint_into(who, paid).unwrap();
		Payments::mutate(|payments| payments.push((who.clone(), paid)));
		paid
	}
	fn refund_learning(amount: Balance) {
		Refunded::mutate(|refunded| *refunded += amount);
	}
	fn pay_validation(who: &AccountId) -> Balance {
		Payments::mutate(|payments| payments.push((who.clone(), 5)));
		5
	}
}

pub struct Dice;
impl AppointedRandomness for Dice {
	fn appoint() -> RelayNumber {
		System::block_number()
	}
	/// As many blocks late as `RandomnessAge` says, and forgotten after `RandomnessKept` more.
	fn seed_of(appointment: RelayNumber, subject: &[u8]) -> Appointed {
		let due = appointment + RandomnessAge::get();
		match System::block_number() {
			now if now <= due => Appointed::Pending,
			now if now > due + RandomnessKept::get() => Appointed::Missed,
			_ => Appointed::Seed(H256(sp_io::hashing::blake2_256(&(subject, appointment).encode()))),
		}
	}
}

impl pallet_learning::Config for Test {
	type WorkingTime = Stopwatch<Test>;
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type OnSlash = Gallows;
	type Experts = Experts;
	type KnownBlobs = Blobs;
	type Operators = OperatorBook;
	type Offences = Court;
	type Rewards = Purse;
	type Randomness = Dice;
	type SealedHoldouts = super::sealed::Vault;
	type HoldoutOrigin = EnsureRoot<AccountId>;
	type Delta = frame_support::traits::ConstU32<DELTA>;
	type Alpha = frame_support::traits::ConstU32<ALPHA>;
	type GuardTolerance = frame_support::traits::ConstU32<TOLERANCE>;
	type GuardBudget = frame_support::traits::ConstU32<{ 3 * TOLERANCE }>;
	type SampleSize = frame_support::traits::ConstU32<SAMPLE>;
	type Delay = frame_support::traits::ConstU32<DELAY>;
	type DrawWindow = frame_support::traits::ConstU32<DRAW>;
	type SealWindow = frame_support::traits::ConstU32<SEAL>;
	type RevealWindow = frame_support::traits::ConstU32<REVEAL>;
	type ChallengeWindow = frame_support::traits::ConstU32<CHALLENGE>;
	type CommitteeSize = CommitteeSize;
	type SecondCommitteeSize = SecondCommitteeSize;
	type QuorumStake = QuorumStake;
	type MaxRedraws = MaxRedraws;
	type MinAttestations = MinAttestations;
	type BytesWindow = BytesWindow;
	type StakeAtRisk = StakeAtRisk;
	type ReporterShare = ReporterShare;
	type EvaluationFee = super::EvaluationFee;
	type NewcomerAttempts = super::NewcomerAttempts;
	type CommitAge = CommitAge;
	type CommitLifetime = frame_support::traits::ConstU32<LIFETIME>;
	type CommitDeposit = super::CommitDeposit;
	type MaxSeatsPerOwner = frame_support::traits::ConstU32<1>;
	type MinCommittee = MinCommittee;
	type PowBits = frame_support::traits::ConstU32<6>;
	type TrustedPowBits = frame_support::traits::ConstU32<2>;
	type Bond = frame_support::traits::ConstU128<BOND>;
	type NewcomerQuota = frame_support::traits::ConstU32<4>;
	type TrustedQuota = frame_support::traits::ConstU32<10>;
	type TrustAfter = frame_support::traits::ConstU32<3>;
	type DistrustAfter = frame_support::traits::ConstU32<2>;
	type BlocksPerDay = frame_support::traits::ConstU32<DAY>;
	type PowWindow = frame_support::traits::ConstU32<8>;
	type MaxBlockBytes = super::open_models::MaxBlockBytes;
	type MaxCommittee = frame_support::traits::ConstU32<5>;
	type MaxOpen = frame_support::traits::ConstU32<6>;
	type MaxOpenPerMiner = frame_support::traits::ConstU32<5>;
	type MaxMaturing = frame_support::traits::ConstU32<4>;
	type MaxClosed = frame_support::traits::ConstU32<4>;
	type MaxUploadsPerDay = frame_support::traits::ConstU32<10>;
	type ModelsPerBlock = frame_support::traits::ConstU32<1>;
	type WeightInfo = ();
}

blyan_support::create_authorized_transactions!(Test, RuntimeCall, Extrinsic);

pub(crate) const CONFIG: ModelConfig =
	ModelConfig { d_model: 64, d_ff: 64, layers: 1, heads: 1, experts: 2, top_k: 1, context: 32 };

/// The miner of most stories.
pub(crate) fn miner() -> AccountId {
	Sr25519Keyring::Ferdie.to_account_id()
}

/// The operators of most stories.
pub(crate) const OPERATORS: [Sr25519Keyring; 3] =
	[Sr25519Keyring::Alice, Sr25519Keyring::Bob, Sr25519Keyring::Charlie];

pub(crate) fn signed(who: AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

pub(crate) fn slot(expert: u16) -> ExpertSlot {
	ExpertSlot { model: 0, layer: 0, expert }
}

pub(crate) fn block(seed: u8) -> BlockRef {
	BlockRef { tensor_root: H256([seed; 32]), blob: BlobRef { hash: H256([!seed; 32]), size: 500 } }
}

pub(crate) fn holdout() -> HoldoutRef {
	let blob = BlobRef { hash: H256([250; 32]), size: 100 * u32::from(SEQUENCE) };
	HoldoutRef { root: H256([251; 32]), blob, sequences: 100, sequence_len: SEQUENCE }
}

/// The guard holdout of the worlds that have one.
pub(crate) fn guard() -> HoldoutRef {
	let blob = BlobRef { hash: H256([252; 32]), size: 100 * u32::from(GUARD_SEQUENCE) };
	HoldoutRef { root: H256([253; 32]), blob, sequences: 100, sequence_len: GUARD_SEQUENCE }
}

/// An outcome in which every sequence improves by `per_byte` (bits per byte, Q16), give or take `spread`.
pub(crate) fn measured(per_byte: i64, spread: i64, sequence_len: u16) -> EvaluationOutcome {
	let len = i64::from(sequence_len);
	let differences =
		(0..i64::from(SAMPLE)).map(|i| (per_byte + if i % 2 == 0 { spread } else { -spread }) * len);
	let sum: i64 = differences.clone().sum();
	let baseline = 1u64 << 40;
	EvaluationOutcome {
		baseline_loss: baseline,
		candidate_loss: baseline.checked_add_signed(-sum).unwrap(),
		sum_diff: sum,
		sum_diff_sq: differences.map(|d| u128::from(d.unsigned_abs()).pow(2)).sum(),
		sequences: SAMPLE,
		bytes: u64::from(SAMPLE) * u64::from(sequence_len),
		job_root: H256([9; 32]),
	}
}

/// A score without a guard part.
pub(crate) fn score(per_byte: i64, spread: i64) -> Verdict {
	Verdict::Scored(Score { target: measured(per_byte, spread, SEQUENCE), guard: None })
}

/// A score with a guard part.
pub(crate) fn guarded_score(per_byte: i64, guard_per_byte: i64) -> Verdict {
	Verdict::Scored(Score {
		target: measured(per_byte, 0, SEQUENCE),
		guard: Some(measured(guard_per_byte, 0, GUARD_SEQUENCE)),
	})
}

/// An operator that belongs to nobody else.
pub(crate) fn independent(account: AccountId, weight: u32) -> EligibleOperator<AccountId> {
	EligibleOperator { stake: STAKE, ..EligibleOperator::independent(account, weight) }
}

pub(crate) fn sign(who: Sr25519Keyring, report: &ScoreReport) -> OperatorSignature {
	who.pair().sign(&report.signing_payload(&genesis_hash::<Test>(), &draw_id(report.submission))).into()
}

/// The salt of an operator's seals.
pub(crate) fn salt(who: Sr25519Keyring) -> H256 {
	H256(sp_io::hashing::blake2_256(&("salt", who.to_raw_public()).encode()))
}

/// What an operator seals about a submission.
pub(crate) fn seal(who: Sr25519Keyring, submission: SubmissionId, verdict: Verdict) -> ScoreSeal {
	let seal = seal_hash(&verdict.digest(), &salt(who), &who.to_account_id());
	ScoreSeal { submission, seal }
}

/// Asks the call itself whether it may enter a block.
pub(crate) fn authorise(call: crate::Call<Test>) -> Result<(), TransactionValidityError> {
	mocks::authorise(&RuntimeCall::from(call)).map(|_| ())
}

/// Includes a call the way a block's author would: authorise, then dispatch.
pub(crate) fn include(call: crate::Call<Test>) -> DispatchResult {
	mocks::deliver(RuntimeCall::from(call))
}

/// What claims about a submission are disputed as.
pub(crate) fn subject(submission: SubmissionId) -> Subject {
	Subject::Submission(submission, draw_id(submission))
}

/// The name of a submission's draw; zero before it.
pub(crate) fn draw_id(submission: SubmissionId) -> DrawId {
	if let Some(decision) = crate::Decisions::<Test>::get(submission) {
		return decision.draw();
	}
	let record = OpenSubmissions::<Test>::get(submission);
	let name = |record: SubmissionRecordOf<Test>| match record.phase {
		Phase::Evaluating(drawn) => Some(drawn.terms.draw_id(&record.claim.slot, &record.claim.block)),
		Phase::Announced { .. } | Phase::Queued { .. } => None,
	};
	record.and_then(name).unwrap_or_default()
}

pub(crate) fn commit_call(who: Sr25519Keyring, seal: ScoreSeal) -> crate::Call<Test> {
	let payload = seal.signing_payload(&genesis_hash::<Test>(), &draw_id(seal.submission));
	let signature = who.pair().sign(&payload).into();
	crate::Call::commit_score { seal, key: who.public().into(), signature }
}

pub(crate) fn reveal_call(who: Sr25519Keyring, report: ScoreReport) -> crate::Call<Test> {
	crate::Call::reveal_score {
		report,
		salt: salt(who),
		key: who.public().into(),
		signature: sign(who, &report),
	}
}

/// One operator attests the bytes of block `seed`.
pub(crate) fn attest_as(who: Sr25519Keyring, submission: SubmissionId, seed: u8) -> DispatchResult {
	let attestation = Attestation { submission, blob: block(seed).blob.hash };
	let payload = attestation.signing_payload(&genesis_hash::<Test>());
	let signature = who.pair().sign(&payload).into();
	include(crate::Call::attest_bytes { attestation, key: who.public().into(), signature })
}

/// One operator that could not seal objects to what was accepted.
pub(crate) fn object_as(who: Sr25519Keyring, submission: SubmissionId, verdict: Verdict) -> DispatchResult {
	let draw = draw_id(submission);
	let report = ScoreReport { submission, verdict };
	let signature = who.pair().sign(&report.signing_payload(&genesis_hash::<Test>(), &draw)).into();
	include(crate::Call::object { draw, report, key: who.public().into(), signature })
}

/// One operator opens a seal after its time.
pub(crate) fn reveal_late_as(
	who: Sr25519Keyring,
	draw: DrawId,
	submission: SubmissionId,
	verdict: Verdict,
) -> DispatchResult {
	let report = ScoreReport { submission, verdict };
	let signature = who.pair().sign(&report.signing_payload(&genesis_hash::<Test>(), &draw)).into();
	include(crate::Call::reveal_late { draw, report, salt: salt(who), key: who.public().into(), signature })
}

/// One operator seals.
pub(crate) fn seal_as(who: Sr25519Keyring, submission: SubmissionId, verdict: Verdict) -> DispatchResult {
	include(commit_call(who, seal(who, submission, verdict)))
}

/// One operator reveals.
pub(crate) fn reveal_as(who: Sr25519Keyring, submission: SubmissionId, verdict: Verdict) -> DispatchResult {
	include(reveal_call(who, ScoreReport { submission, verdict }))
}

/// All operators seal, then all reveal.
pub(crate) fn report(submission: SubmissionId, verdicts: [Verdict; 3]) {
	for (who, verdict) in OPERATORS.into_iter().zip(verdicts) {
		seal_as(who, submission, verdict).unwrap();
	}
	for (who, verdict) in OPERATORS.into_iter().zip(verdicts) {
		reveal_as(who, submission, verdict).unwrap();
	}
}

/// All operators find the same.
pub(crate) fn all_report(submission: SubmissionId, verdict: Verdict) {
	report(submission, [verdict; 3]);
}

pub(crate) fn evaluation(submission: SubmissionId) -> Option<EvaluationRecordOf<Test>> {
	match OpenSubmissions::<Test>::get(submission)?.phase {
		Phase::Evaluating(evaluation) => Some(evaluation),
		Phase::Announced { .. } | Phase::Queued { .. } => None,
	}
}

/// Last blocks for seals and for verdicts.
pub(crate) struct Deadlines {
	pub seal: u32,
	pub reveal: u32,
}

pub(crate) fn deadlines(submission: SubmissionId) -> Deadlines {
	let drawn = evaluation(submission).unwrap();
	Deadlines { seal: drawn.seal_deadline, reveal: drawn.reveal_deadline }
}

pub(crate) fn decision(submission: SubmissionId) -> Option<DecisionRecordOf<Test>> {
	Decisions::<Test>::get(submission)
}

/// What was decided, whether it has matured or not.
pub(crate) fn outcome(submission: SubmissionId) -> Option<blyan_runtime_api::SubmissionOutcome> {
	let closed = crate::ClosedSubmissions::<Test>::get(submission).map(|closed| closed.outcome);
	decision(submission).map(|decision| decision.outcome).or(closed)
}

/// Runs until a decision has matured.
pub(crate) fn run_to_maturity(submission: SubmissionId) {
	run_to(decision(submission).unwrap().matures_at);
	end_block();
	assert!(decision(submission).is_none(), "nothing was in the way");
}

/// Ends blocks, each with room for what is due, until block `number` has begun.
pub(crate) fn run_to(number: u32) {
	mocks::run_to::<Test>(number, end_block);
}

/// What a block does after its transactions.
pub(crate) fn end_block() {
	Learning::on_idle(System::block_number(), Weight::MAX);
}

/// Submits block `seed` and runs until its committee is drawn.
pub(crate) fn submit_and_draw(seed: u8) -> SubmissionId {
	let submission = submit(seed);
	run_to(System::block_number() + DELAY + 1);
	assert!(evaluation(submission).is_some(), "the draw was due");
	submission
}

/// One submission's whole life with a unanimous committee.
pub(crate) fn judge(seed: u8, verdict: Verdict) -> blyan_runtime_api::SubmissionOutcome {
	let submission = submit_and_draw(seed);
	all_report(submission, verdict);
	end_block();
	outcome(submission)
		.unwrap_or_else(|| panic!("no decision: {:?}", OpenSubmissions::<Test>::get(submission)))
}

/// Events of this pallet since the block began.
pub(crate) fn events() -> Vec<crate::Event<Test>> {
	System::read_events_for_pallet::<crate::Event<Test>>()
}

pub(crate) struct ExtBuilder {
	operators: Vec<Sr25519Keyring>,
	with_holdout: bool,
	with_guard: bool,
}

impl Default for ExtBuilder {
	fn default() -> Self {
		Self { operators: OPERATORS.to_vec(), with_holdout: true, with_guard: false }
	}
}

impl ExtBuilder {
	pub(crate) fn operators(mut self, operators: &[Sr25519Keyring]) -> Self {
		self.operators = operators.to_vec();
		self
	}

	pub(crate) fn no_holdout(mut self) -> Self {
		self.with_holdout = false;
		self
	}

	pub(crate) fn with_guard(mut self) -> Self {
		self.with_guard = true;
		self
	}

	pub(crate) fn build(self) -> sp_io::TestExternalities {
		Kept::set(BTreeMap::new());
		CommitteeSize::set(3);
		MinCommittee::set(2);
		SecondCommitteeSize::set(0);
		MaxRedraws::set(0);
		MinAttestations::set(0);
		super::EvaluationFee::set(0);
		super::NewcomerAttempts::set(0);
		CommitAge::set(0);
		super::CommitDeposit::set(0);
		super::sealed::forget();
		Refunded::set(0);
		RandomnessAge::set(0);
		RandomnessKept::set(1_000);
		Generation::set(0);
		RefusePromotion::set(false);
		Barred::set(0);
		mocks::forget_operators();
		Reported::set(Vec::new());
		Payments::set(Vec::new());
		Slashed::set(0);
		KnownBlobs::set(BTreeSet::new());
		let head = |seed| ExpertHead { version: 0, block: block(seed) };
		let other_model = ExpertSlot { model: 1, ..slot(0) };
		Heads::set([(slot(0), head(100)), (slot(1), head(101)), (other_model, head(102))].into());
		History::set([(0, Heads::get())].into());
		Eligible::set(self.operators.iter().map(|who| independent(who.to_account_id(), 10)).collect());
		Keys::set(self.operators.iter().map(|who| (who.public().into(), who.to_account_id())).collect());

		let holdouts = if self.with_holdout { vec![(0, holdout()), (1, holdout())] } else { Vec::new() };
		let guards = if self.with_guard { vec![(0, guard())] } else { Vec::new() };
		let balances = Sr25519Keyring::iter().map(|who| (who.to_account_id(), ENDOWMENT)).collect::<Vec<_>>();
		let storage = RuntimeGenesisConfig {
			balances: pallet_balances::GenesisConfig { balances, ..Default::default() },
			learning: pallet_learning::GenesisConfig { holdouts, guards, ..Default::default() },
			..Default::default()
		}
		.build_storage()
		.unwrap();
		let mut ext = sp_io::TestExternalities::new(storage);
		ext.execute_with(|| mocks::begin::<Test>(1));
		ext
	}

	/// Runs a story, then checks every invariant.
	pub(crate) fn build_and_check(self, story: impl FnOnce()) {
		self.build().execute_with(|| {
			story();
			Learning::do_try_state().unwrap();
			assert_eq!(Kept::get(), referred_to());
		});
	}
}

/// Generations that something refers to which is being judged or can be disputed, and how many times.
fn referred_to() -> BTreeMap<(ModelId, u32), u32> {
	let evaluated = crate::OpenSubmissions::<Test>::iter_values().filter_map(|open| match open.phase {
		crate::Phase::Evaluating(evaluation) => Some((open.claim, evaluation.terms)),
		_ => None,
	});
	let decided = crate::Decisions::<Test>::iter_values().map(|decision| (decision.claim, decision.terms));
	let inconclusive = crate::Inconclusive::<Test>::iter_values().map(|record| (record.claim, record.terms));
	let mut expected = BTreeMap::new();
	for (claim, terms) in evaluated.chain(decided).chain(inconclusive) {
		*expected.entry((claim.slot.model, terms.generation)).or_default() += 1;
	}
	expected
}

#[cfg(feature = "runtime-benchmarks")]
pub(crate) fn benchmark_ext() -> sp_io::TestExternalities {
	let mut ext = ExtBuilder::default().operators(&[]).build();
	mocks::Machine::with_engine(()).attach(&mut ext);
	ext
}
