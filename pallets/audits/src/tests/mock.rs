//! A small chain around the pallet: fake neighbours that remember, a clock, and operators with keys.

use crate as pallet_audits;
use crate::{
	rules, AuditRecordOf, AuditRewards, Audits, Call, HeadSwap, HoldoutBook, JobSource, Message, PinnedJob,
	Revelation, Vote,
};
use blyan_exact::tree::{sum_root, Item};
use blyan_primitives::{
	draw_indices,
	randomness::{Appointed, AppointedRandomness, RelayNumber},
	traits::{ArchitectureRegistry, EligibleOperator, ExpertRegistry, OffenceKind, Offences, Service},
	ArchitectureId, AuditId, BlobRef, BlockRef, EvaluationJob, EvaluationOutcome, ExpertHead, ExpertSlot,
	HoldoutRef, ModelBody, ModelConfig, ModelId, ModelInfo, ModelVersion, OperatorId, OperatorSignature,
	VersionIndex,
};
use blyan_support::mocks;
pub(crate) use blyan_support::mocks::{
	account, key, key_seed, pair, AccountId, Eligible, Keys, OperatorBook, Services,
};
use codec::Encode;
use frame_support::{
	parameter_types,
	traits::{
		fungible::{Inspect, Mutate},
		ConstU32, Hooks,
	},
	weights::Weight,
};
use sp_core::{Pair, H256};
use sp_io::hashing::blake2_256;
use sp_runtime::{BuildStorage, DispatchError, DispatchResult};

pub(crate) type Balance = u128;
pub(crate) type Extrinsic = mocks::Extrinsic<Test, RuntimeCall>;
type Block = mocks::Block<Test, RuntimeCall>;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		AuditsPallet: pallet_audits,
	}
);

blyan_support::configure_chain!(Test, Block, AccountId, with_balances);

pub(crate) const PAY: Balance = 10;
pub(crate) const BOUNTY: Balance = 500;
pub(crate) const PURSE: Balance = 1_000_000_000;
pub(crate) const WINDOW: u32 = 12;
/// Long enough for an outage and a lost message or two.
pub(crate) const REVEAL_WINDOW: u32 = 40;
pub(crate) const PERIOD: u32 = 20;
pub(crate) const SAMPLE: u32 = 16;
pub(crate) const SEQUENCE: u16 = 64;
pub(crate) const ENROL_EVERY: u32 = 10;

parameter_types! {
	pub static TrapShare: u32 = 20_000;
	pub static AuditPeriod: u32 = PERIOD;
	pub static Auditors: u32 = 3;
	pub static MinAuditors: u32 = 2;
	pub static SeatsPerRound: u32 = 1;
	/// Relay-chain blocks by which appointments are ahead. A block is built on the relay parent with its own number.
	pub static Lead: u32 = 0;
	pub static RandomnessSeed: u64 = 0;
	pub static Generation: u32 = 0;
	/// False if earlier generations of the model can be reconstructed.
	pub static HistoryLost: bool = false;
	pub static Crimes: Vec<(AccountId, OffenceKind, H256)> = Vec::new();
	pub static Envelope: Balance = PURSE;
}

pub(crate) const CONFIG: ModelConfig =
	ModelConfig { d_model: 64, d_ff: 64, layers: 2, heads: 1, experts: 2, top_k: 1, context: 64 };

pub(crate) fn block(seed: u8) -> BlockRef {
	BlockRef { tensor_root: H256([seed; 32]), blob: BlobRef { hash: H256([!seed; 32]), size: 500 } }
}

pub(crate) fn holdout() -> HoldoutRef {
	let blob = BlobRef { hash: H256([250; 32]), size: 100 * u32::from(SEQUENCE) };
	HoldoutRef { root: H256([251; 32]), blob, sequences: 100, sequence_len: SEQUENCE }
}

/// The registry: one model of four slots.
pub struct Experts;
impl ArchitectureRegistry for Experts {
	fn architecture(_: &ArchitectureId) -> Option<blyan_exact::definition2::Architecture> {
		None
	}
}

impl ExpertRegistry<AccountId> for Experts {
	fn model(id: ModelId) -> Option<ModelInfo> {
		(id == 0).then(|| ModelInfo {
			id,
			name: b"test".to_vec(),
			body: ModelBody::First { config: CONFIG, trunk: block(200) },
			version: ModelVersion { major: 1, minor: 0, patch: 0 },
			generation: Generation::get(),
			parts: Vec::new(),
			heads: heads(Generation::get()),
		})
	}
	fn model_at(id: ModelId, generation: u32) -> Option<ModelInfo> {
		let model = Self::model(id)?;
		if generation == model.generation {
			return Some(model);
		}
		(!HistoryLost::get()).then(|| ModelInfo { generation, heads: heads(generation), ..model })
	}
	fn head(slot: ExpertSlot) -> Option<ExpertHead> {
		let index = usize::from(slot.layer) * 2 + usize::from(slot.expert);
		heads(Generation::get()).get(index).copied()
	}
	fn revert(_: ExpertSlot, _: VersionIndex) -> Result<VersionIndex, DispatchError> {
		Err(DispatchError::Other("audits move no heads"))
	}
	fn keep(_: ModelId, generation: u32) -> bool {
		assert_eq!(generation, Generation::get(), "an audit is about the model as it is");
		count_kept(|kept| kept + 1);
		true
	}
	fn release(_: ModelId, _: u32) {
		count_kept(|kept| kept - 1);
	}
	fn promote(
		_: ExpertSlot,
		_: VersionIndex,
		_: &AccountId,
		_: BlockRef,
	) -> Result<VersionIndex, DispatchError> {
		Err(DispatchError::Other("audits move no heads"))
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_model_for_benchmark() -> ExpertSlot {
		ExpertSlot { model: 0, layer: 0, expert: 0 }
	}
}

/// Every promotion replaces the first slot's expert.
fn heads(generation: u32) -> Vec<ExpertHead> {
	let mut heads: Vec<_> = (100..104).map(|seed| ExpertHead { version: 0, block: block(seed) }).collect();
	heads[0] = ExpertHead { version: generation, block: block(100 - (generation % 50) as u8) };
	heads
}

pub struct Book;
impl HoldoutBook for Book {
	fn pick(_: &H256) -> Option<(ModelId, HoldoutRef)> {
		Some((0, holdout()))
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_holdout_for_benchmark(_: ModelId) {}
}

pub(crate) type Jobs = HeadSwap<AccountId, Experts, Book>;

/// Pays from an envelope, as the ledger does: the only place where coins are minted.
pub struct Purse;
fn pay(who: &AccountId, amount: Balance) -> Balance {
	let amount = amount.min(Envelope::get());
	Envelope::mutate(|envelope| *envelope -= amount);
	Balances::mint_into(who, amount).unwrap();
	amount
}
impl AuditRewards<AccountId, Balance> for Purse {
	fn pay_audit(who: &AccountId) -> Balance {
		pay(who, PAY)
	}
	fn pay_bounty(who: &AccountId) -> Balance {
		pay(who, BOUNTY)
	}
}

pub struct Court;
impl Offences<AccountId> for Court {
	fn report(offender: &AccountId, kind: OffenceKind, evidence: H256, _: Option<&AccountId>) {
		Crimes::mutate(|crimes| crimes.push((offender.clone(), kind, evidence)));
	}
	fn withdraw(offender: &AccountId, kind: OffenceKind, evidence: H256) -> bool {
		Crimes::mutate(|crimes| {
			let before = crimes.len();
			crimes.retain(|known| *known != (offender.clone(), kind, evidence));
			crimes.len() < before
		})
	}
}

pub struct Dice;
impl AppointedRandomness for Dice {
	fn appoint() -> RelayNumber {
		System::block_number() + Lead::get()
	}
	fn seed_of(appointment: RelayNumber, subject: &[u8]) -> Appointed {
		if System::block_number() < appointment {
			return Appointed::Pending;
		}
		Appointed::Seed(H256(blake2_256(&(subject, appointment, RandomnessSeed::get()).encode())))
	}
}

impl pallet_audits::Config for Test {
	type Balance = Balance;
	type Operators = OperatorBook;
	type Jobs = Jobs;
	type Rewards = Purse;
	type Offences = Court;
	type Randomness = Dice;
	type AuditPeriod = AuditPeriod;
	type SeatsPerRound = SeatsPerRound;
	type Auditors = Auditors;
	type MinAuditors = MinAuditors;
	type TrapShare = TrapShare;
	type AuditSample = ConstU32<SAMPLE>;
	type PresentWindow = ConstU32<WINDOW>;
	type VoteWindow = ConstU32<WINDOW>;
	type RevealWindow = ConstU32<REVEAL_WINDOW>;
	type DisputeWindow = ConstU32<WINDOW>;
	type WorkingTime = System;
	type EnrolEvery = ConstU32<ENROL_EVERY>;
	type MaxSeats = ConstU32<5>;
	type MaxOpen = ConstU32<16>;
	type OpensPerBlock = ConstU32<2>;
	type StepsPerBlock = ConstU32<4>;
	type WeightInfo = ();
}

blyan_support::create_authorized_transactions!(Test, RuntimeCall, Extrinsic);

/// Which operator of a story this is.
pub(crate) fn number_of(who: &AccountId) -> u32 {
	(0..100).find(|seed| account(*seed) == *who).unwrap()
}

pub(crate) fn register(who: &AccountId, key: OperatorId) {
	mocks::register(EligibleOperator::independent(who.clone(), 10), key);
}

/// Returns an honest engine's outcome: sequences of a byte model with a small mean difference between experts.
pub(crate) fn truth_of(job: &EvaluationJob) -> EvaluationOutcome {
	let id = job.id();
	let noise = |what: u8, index: u32| {
		let bytes = blake2_256(&(what, id, index).encode());
		let words = bytes.chunks_exact(2).map(|pair| i64::from(u16::from_le_bytes([pair[0], pair[1]])));
		// Twelve of them: about normal, standard deviation 65,536.
		words.take(12).sum::<i64>() - 12 * 32_767
	};
	// Two bits a byte, give or take a fifth; differences of a hundredth of a bit a byte around the pair's mean.
	let len = i64::from(job.holdout.sequence_len);
	let mean = noise(0, 0) * len / 200;
	let items: Vec<Item> = draw_indices(&job.seed, job.holdout.sequences, job.sample)
		.into_iter()
		.map(|sequence| {
			let baseline = (len * 131_072 + noise(1, sequence) * len / 5).max(0);
			let candidate = (baseline - mean - noise(2, sequence) * len / 100).max(0);
			Item {
				sequence,
				baseline: baseline as u64,
				candidate: candidate as u64,
				baseline_trace: blake2_256(&(id, sequence, 0u8).encode()),
				candidate_trace: blake2_256(&(id, sequence, 1u8).encode()),
			}
		})
		.collect();
	let root = sum_root(&items);
	EvaluationOutcome {
		baseline_loss: root.totals.baseline,
		candidate_loss: root.totals.candidate,
		sum_diff: root.totals.baseline as i64 - root.totals.candidate as i64,
		sum_diff_sq: root.totals.squares,
		sequences: items.len() as u32,
		bytes: items.len() as u64 * u64::from(job.holdout.sequence_len),
		job_root: H256(root.hash),
	}
}

pub(crate) fn truth(audit: AuditId) -> EvaluationOutcome {
	truth_of(&Jobs::job(&record(audit).job).unwrap())
}

/// Something else than the truth, by an operator that did not evaluate anything.
pub(crate) fn garbage(audit: AuditId, seed: u8) -> EvaluationOutcome {
	EvaluationOutcome { job_root: H256([seed; 32]), ..truth(audit) }
}

pub(crate) fn record(audit: AuditId) -> AuditRecordOf<Test> {
	Audits::<Test>::get(audit).unwrap()
}

/// The secret an operator of a hand-played story has in its drawer.
pub(crate) fn secret(seed: u32, round: u32) -> H256 {
	H256(blake2_256(&(b"secret", seed, round).encode()))
}

pub(crate) fn salt(seed: u32) -> H256 {
	H256(blake2_256(&(b"salt", seed).encode()))
}

pub(crate) fn sign(seed: u32, message: &Message<u32>) -> OperatorSignature {
	pair(seed).sign(&AuditsPallet::signing_payload(message)).into()
}

pub(crate) fn call(message: Message<u32>, key: OperatorId, signature: OperatorSignature) -> Call<Test> {
	match message {
		Message::Enrol { commitment, at } => Call::enrol { commitment, at, key, signature },
		Message::Present { audit, outcome } => Call::present { audit, outcome, key, signature },
		Message::Vote { audit, seal } => Call::vote { audit, seal, key, signature },
		Message::RevealSetter { audit, revelation, next } => {
			Call::reveal_setter { audit, revelation, next, key, signature }
		}
		Message::RevealVote { audit, vote, salt } => Call::reveal_vote { audit, vote, salt, key, signature },
	}
}

/// Sends a call the way a block's author would: authorise, then dispatch.
pub(crate) fn deliver(call: RuntimeCall) -> DispatchResult {
	mocks::deliver(call)
}

pub(crate) fn say(seed: u32, message: Message<u32>) -> DispatchResult {
	deliver(call(message, key(seed), sign(seed, &message)).into())
}

pub(crate) fn enrol(seed: u32, round: u32) -> DispatchResult {
	let commitment = rules::commitment(&secret(seed, round));
	say(seed, Message::Enrol { commitment, at: System::block_number() })
}

pub(crate) fn present(audit: AuditId, outcome: EvaluationOutcome) -> DispatchResult {
	say(number_of(&record(audit).setter), Message::Present { audit, outcome })
}

/// The setter presents what its coin asks for.
pub(crate) fn present_by_the_coin(audit: AuditId) -> EvaluationOutcome {
	let record = record(audit);
	let secret = secret(number_of(&record.setter), 0);
	let outcome = rules::present(&truth(audit), &secret, &record.seed, record.trap_share);
	present(audit, outcome).unwrap();
	outcome
}

/// The auditor in a place of an audit.
pub(crate) fn auditor(audit: AuditId, place: usize) -> u32 {
	number_of(&record(audit).seats[place].operator)
}

pub(crate) fn seal(audit: AuditId, place: usize, vote: Vote) -> DispatchResult {
	let who = auditor(audit, place);
	let seal = vote.seal(&salt(who), &account(who));
	say(who, Message::Vote { audit, seal })
}

pub(crate) fn reveal(audit: AuditId, place: usize, vote: Vote) -> DispatchResult {
	let who = auditor(audit, place);
	say(who, Message::RevealVote { audit, vote, salt: salt(who) })
}

pub(crate) fn reveal_setter(audit: AuditId, truth: EvaluationOutcome) -> DispatchResult {
	let who = number_of(&record(audit).setter);
	let next = rules::commitment(&secret(who, 1));
	say(who, Message::RevealSetter { audit, revelation: Revelation { secret: secret(who, 0), truth }, next })
}

/// Seals all votes and ends the voting.
pub(crate) fn vote_all(audit: AuditId, votes: &[Vote]) {
	for (place, vote) in votes.iter().enumerate() {
		seal(audit, place, *vote).unwrap();
	}
	end_block();
}

/// Opens everything and settles.
pub(crate) fn reveal_all(audit: AuditId, votes: &[Vote]) {
	reveal_setter(audit, truth(audit)).unwrap();
	for (place, vote) in votes.iter().enumerate() {
		reveal(audit, place, *vote).unwrap();
	}
	end_block();
}

/// Opens an audit, outside of any round.
pub(crate) fn open() -> AuditId {
	let now = System::block_number();
	let seed = H256(blake2_256(&("story", now, RandomnessSeed::get()).encode()));
	AuditsPallet::open_with(now, now, seed).unwrap()
}

pub(crate) fn begin_next() {
	mocks::begin::<Test>(System::block_number() + 1);
}

/// Does a block's work after its transactions.
pub(crate) fn end_block() {
	AuditsPallet::on_idle(System::block_number(), Weight::MAX);
}

pub(crate) fn run_to(number: u32) {
	mocks::run_to::<Test>(number, end_block);
}

pub(crate) fn run_past(until: u32) {
	run_to(until + 1);
	end_block();
}

pub(crate) fn crimes() -> Vec<(u32, OffenceKind)> {
	Crimes::get().into_iter().map(|(who, kind, _)| (number_of(&who), kind)).collect()
}

pub(crate) fn services() -> Vec<(u32, Service)> {
	Services::get().into_iter().map(|(who, service)| (number_of(&who), service)).collect()
}

pub(crate) fn balance(seed: u32) -> Balance {
	Balances::balance(&account(seed))
}

pub(crate) fn events() -> Vec<crate::Event<Test>> {
	System::read_events_for_pallet::<crate::Event<Test>>()
}

pub(crate) struct ExtBuilder {
	operators: u32,
	enrolled: bool,
	rounds: bool,
}

impl Default for ExtBuilder {
	fn default() -> Self {
		Self { operators: 4, enrolled: true, rounds: false }
	}
}

impl ExtBuilder {
	pub(crate) fn operators(mut self, operators: u32) -> Self {
		self.operators = operators;
		self
	}

	/// No operator has committed to anything yet.
	pub(crate) fn nobody_enrolled(mut self) -> Self {
		self.enrolled = false;
		self
	}

	/// Blocks open audits by themselves.
	pub(crate) fn with_rounds(mut self) -> Self {
		self.rounds = true;
		self
	}

	/// In every story a million forced errors in a million audits, or none.
	pub(crate) fn all_forced(self) -> Self {
		TrapShare::set(rules::MILLION);
		self
	}

	pub(crate) fn build(self) -> sp_io::TestExternalities {
		AuditPeriod::set(if self.rounds { PERIOD } else { 0 });
		Auditors::set(3);
		MinAuditors::set(2);
		SeatsPerRound::set(1);
		Lead::set(0);
		RandomnessSeed::set(0);
		Generation::set(0);
		HistoryLost::set(false);
		mocks::forget_operators();
		Crimes::set(Vec::new());
		Envelope::set(PURSE);
		let balances = (0..100).map(|seed| (account(seed), 1_000)).collect();
		let storage = RuntimeGenesisConfig {
			balances: pallet_balances::GenesisConfig { balances, ..Default::default() },
			..Default::default()
		}
		.build_storage()
		.unwrap();
		let mut ext = sp_io::TestExternalities::new(storage);
		ext.execute_with(|| {
			mocks::begin::<Test>(1);
			for seed in 0..self.operators {
				register(&account(seed), key(seed));
				if self.enrolled {
					enrol(seed, 0).unwrap();
				}
			}
			run_to(2);
		});
		ext
	}

	/// Runs a story, then checks every invariant, and that every coin was paid from the envelope.
	pub(crate) fn build_and_check(self, story: impl FnOnce()) {
		self.build().execute_with(|| {
			let before = Balances::total_issuance();
			story();
			AuditsPallet::do_try_state().unwrap();
			assert_eq!(count_kept(|kept| kept) as usize, crate::Audits::<Test>::iter().count());
			assert_eq!(Balances::total_issuance() - before, PURSE - Envelope::get());
		});
		TrapShare::set(0);
	}
}

/// Nothing is forced unless a story says so.
pub(crate) fn world() -> ExtBuilder {
	TrapShare::set(0);
	ExtBuilder::default()
}

#[cfg(feature = "runtime-benchmarks")]
pub(crate) fn benchmark_ext() -> sp_io::TestExternalities {
	let mut ext = world().operators(0).build();
	mocks::Machine::with_engine(()).attach(&mut ext);
	ext
}

pub(crate) fn is_pinned(pinned: &PinnedJob) -> bool {
	Jobs::job(pinned).is_some_and(|job| job.statement() == Some(pinned.statement))
}

/// Counts what keeps a generation. In storage, since stories roll back.
fn count_kept(change: impl FnOnce(u32) -> u32) -> u32 {
	let kept = change(frame_support::storage::unhashed::get_or_default(b"kept"));
	frame_support::storage::unhashed::put(b"kept", &kept);
	kept
}
