//! A chain with this pallet, fake neighbours that remember, and the words in which the stories are told.

use crate::{self as pallet_evolution, *};
use blyan_exact::definition2::{golden, Architecture, Network};
use blyan_primitives::{
	blocks_root,
	evolution::{
		BenchmarkFinding, BenchmarkOutcome, EpochOutcome, EpochPhase, EvolutionKind, EvolutionMessage,
		ExpertBounds, LineVersion, ModelRecord, Proposal, ProposalId, SuiteChoice, SuiteChoices, SuiteName,
		SuiteOutcome, Tally, TokenizerRef,
	},
	expert_bytes, part_bytes,
	randomness::{Appointed, AppointedRandomness, RelayNumber},
	record_id,
	traits::{
		ArchitectureRegistry, EligibleOperator, ExpertRegistry, ModelLimits, OpenModel, OpenModels,
		OperatorSet, Rewards,
	},
	voting::{self, ElectorateId},
	ArchitectureId, BlobRef, BlockRef, ExpertHead, ExpertSlot, ModelBody, ModelId, ModelInfo, ModelVersion,
	OperatorSignature, Slots, VersionIndex,
};
use blyan_support::mocks;
pub(crate) use blyan_support::mocks::{
	account, key, key_seed, pair, AccountId, OperatorBook, Services, Slashed,
};
use codec::Encode;
use frame_support::{
	derive_impl, parameter_types,
	traits::{ConstU128, ConstU32, Hooks},
	weights::Weight,
};
use frame_system::EnsureRoot;
use sp_core::{Pair, H256};
use sp_io::hashing::blake2_256;
use sp_runtime::{traits::IdentityLookup, BuildStorage, DispatchError, DispatchResult, Perbill};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) type Balance = u128;
pub(crate) type Extrinsic = mocks::Extrinsic<Test, RuntimeCall>;
type Block = mocks::Block<Test, RuntimeCall>;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Evolution: pallet_evolution,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = Block;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
	type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<1>;
	type AccountStore = System;
}

pub(crate) const ENDOWMENT: Balance = 1_000_000;
pub(crate) const DEPOSIT: Balance = 1_000;
pub(crate) const BOND: Balance = 100;
pub(crate) const DEPOSIT_PER_BLOCK: Balance = 10;
pub(crate) const PAY: Balance = 7;
pub(crate) const TASKS: u32 = 100;
/// Operators of most stories.
pub(crate) const OPERATORS: u32 = 9;
/// The proposer of most stories, who owns no operator.
pub(crate) const ALICE: u32 = 1_000;
pub(crate) const BOB: u32 = 1_001;
/// The model that is there at first.
pub(crate) const BASE: ModelId = 0;

parameter_types! {
	pub static EpochLength: u32 = 640;
	pub static Evaluators: u32 = 5;
	pub static MinEvaluators: u32 = 2;
	pub static Paid: Vec<AccountId> = Vec::new();
	/// Operators with a voice.
	pub static Voices: Vec<AccountId> = Vec::new();
	pub static Architectures: BTreeMap<ArchitectureId, Architecture> = BTreeMap::new();
	pub static Registered: Vec<ModelInfo> = Vec::new();
	pub static Kept: Vec<(ModelId, u32)> = Vec::new();
	pub static SlotsMax: u32 = 64;
}

/// The registry of models.
pub struct Zoo;

impl ArchitectureRegistry for Zoo {
	fn architecture(id: &ArchitectureId) -> Option<Architecture> {
		Architectures::get().get(id).cloned()
	}
}

impl ExpertRegistry<AccountId> for Zoo {
	fn model(id: ModelId) -> Option<ModelInfo> {
		Registered::get().get(id as usize).cloned()
	}
	fn head(_: ExpertSlot) -> Option<ExpertHead> {
		None
	}
	fn keep(id: ModelId, generation: u32) -> bool {
		Kept::mutate(|kept| kept.push((id, generation)));
		true
	}
	fn release(id: ModelId, generation: u32) {
		Kept::mutate(|kept| {
			let place = kept.iter().position(|one| *one == (id, generation));
			kept.remove(place.expect("what is released was kept"));
		});
	}
	fn revert(_: ExpertSlot, _: VersionIndex) -> Result<VersionIndex, DispatchError> {
		Err(DispatchError::Unavailable)
	}
	fn promote(
		_: ExpertSlot,
		_: VersionIndex,
		_: &AccountId,
		_: BlockRef,
	) -> Result<VersionIndex, DispatchError> {
		Err(DispatchError::Unavailable)
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_model_for_benchmark() -> ExpertSlot {
		found(&base());
		ExpertSlot { model: BASE, layer: 0, expert: 0 }
	}
}

impl OpenModels for Zoo {
	fn limits() -> ModelLimits {
		ModelLimits { slots: SlotsMax::get(), expert_bytes: 1 << 24, part_bytes: 1 << 30 }
	}
	fn register(model: OpenModel) -> Result<ModelId, DispatchError> {
		let OpenModel { name, architecture: record, parts, heads } = model;
		let architecture =
			Architecture::from_bytes(&record).map_err(|_| DispatchError::Other("no architecture"))?;
		let slots = Slots::second(&architecture).count() as usize;
		if (parts.len(), heads.len()) != (architecture.parts().len(), slots) {
			return Err(DispatchError::Other("parts or heads are missing"));
		}
		Architectures::mutate(|all| all.insert(record_id(&record), architecture));
		let id = Registered::get().len() as ModelId;
		let body = ModelBody::Second { architecture: record_id(&record), parts: blocks_root(&parts) };
		let version = ModelVersion { major: 1, minor: 0, patch: 0 };
		let heads = heads.into_iter().map(|block| ExpertHead { version: 0, block }).collect();
		let info = ModelInfo { id, name, body, version, generation: 0, parts, heads };
		Registered::mutate(|all| all.push(info));
		Ok(id)
	}
}

/// Operators whose voices are counted.
pub struct Assembly;

impl voting::Electorates<AccountId> for Assembly {
	fn enlist() -> Option<(ElectorateId, u32)> {
		let voices = Voices::get().len() as u32;
		(voices > 0).then_some((1, voices))
	}
	fn voice(_: ElectorateId, who: &AccountId) -> Option<AccountId> {
		let voice = OperatorBook::belongs_to(who);
		Voices::get().contains(&voice).then_some(voice)
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_electorate_for_benchmark(count: u32) -> Vec<AccountId> {
		let operators = OperatorBook::ensure_operators_for_benchmark(count);
		let accounts: Vec<AccountId> = operators.into_iter().map(|(account, _)| account).collect();
		Voices::set(accounts.clone());
		accounts
	}
}

/// Orders candidates by a hash with the seed; one seat an owner.
pub struct Lots;

impl Sortition<AccountId> for Lots {
	fn draw(
		seed: &H256,
		mut candidates: Vec<EligibleOperator<AccountId>>,
		count: u32,
		is_present: impl Fn(&AccountId) -> bool,
	) -> Vec<AccountId> {
		candidates.sort_by_key(|one| blake2_256(&(seed, &one.account).encode()));
		let mut owners = BTreeSet::new();
		candidates.retain(|one| owners.insert(one.owner.clone()));
		let present = candidates.into_iter().map(|one| one.account).filter(is_present);
		present.take(count as usize).collect()
	}
}

pub struct Envelope;

impl Rewards<AccountId, Balance> for Envelope {
	fn pay_learning(_: &AccountId, _: u64, _: u64, _: Balance) -> Balance {
		0
	}
	fn refund_learning(_: Balance) {}
	fn pay_validation(who: &AccountId) -> Balance {
		Paid::mutate(|paid| paid.push(who.clone()));
		PAY
	}
}

pub struct Dice;

impl AppointedRandomness for Dice {
	fn appoint() -> RelayNumber {
		System::block_number() + 2
	}
	fn seed_of(appointment: RelayNumber, subject: &[u8]) -> Appointed {
		if System::block_number() < appointment {
			return Appointed::Pending;
		}
		Appointed::Seed(H256(blake2_256(&(subject, appointment).encode())))
	}
}

parameter_types! {
	pub const ProposerLoss: Perbill = Perbill::from_percent(50);
	pub const EndorserLoss: Perbill = Perbill::from_percent(10);
}

impl pallet_evolution::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type OnSlash = mocks::Gallows;
	type Models = Zoo;
	type Operators = OperatorBook;
	type Electorates = Assembly;
	type Sortition = Lots;
	type Rewards = Envelope;
	type Randomness = Dice;
	type WorkingTime = System;
	type TokenizerOrigin = EnsureRoot<AccountId>;
	type EpochOrigin = EnsureRoot<AccountId>;
	type EpochLength = EpochLength;
	type WindowMin = ConstU32<10>;
	type TasksMin = ConstU32<TASKS>;
	type TasksMax = ConstU32<1_000>;
	type EndorsementsMin = ConstU32<100_000>;
	type Evaluators = Evaluators;
	type MinEvaluators = MinEvaluators;
	type ProposalDeposit = ConstU128<DEPOSIT>;
	type EndorsementBond = ConstU128<BOND>;
	type DepositPerBlock = ConstU128<DEPOSIT_PER_BLOCK>;
	type ProposerLoss = ProposerLoss;
	type EndorserLoss = EndorserLoss;
	type MaxProposals = ConstU32<4>;
	type MaxSeats = ConstU32<8>;
	type MaxVoices = ConstU32<256>;
	type MaxHeads = ConstU32<64>;
	type MaxHistory = ConstU32<3>;
	type WeightInfo = ();
}

blyan_support::create_authorized_transactions!(Test, RuntimeCall, Extrinsic);

pub(crate) fn signed(seed: u32) -> RuntimeOrigin {
	RuntimeOrigin::signed(account(seed))
}

/// The model of most stories: two layers of eight experts.
pub(crate) fn base() -> Architecture {
	let (_, architecture) = golden::ARCHITECTURES.into_iter().find(|(name, _)| *name == "olmoe").unwrap();
	architecture()
}

/// The base with so many experts a layer.
pub(crate) fn with_experts(experts: u16) -> Architecture {
	let mut architecture = base();
	for layer in &mut architecture.layers {
		if let Network::Routed(routing) = &mut layer.network {
			routing.experts = experts;
		}
	}
	architecture
}

/// The architecture that most stories propose.
pub(crate) fn target() -> Architecture {
	with_experts(16)
}

fn block(seed: &[u8], number: usize, size: Option<u64>) -> BlockRef {
	let hash = |kind: &[u8]| H256(blake2_256(&(seed, kind, number as u64).encode()));
	let size = u32::try_from(size.unwrap()).unwrap();
	BlockRef { tensor_root: hash(b"root"), blob: BlobRef { hash: hash(b"blob"), size } }
}

/// Blocks of a model with an architecture: parts, and experts.
pub(crate) fn blocks(seed: &[u8], architecture: &Architecture) -> (Vec<BlockRef>, Vec<BlockRef>) {
	let parts = architecture.parts().into_iter().enumerate();
	let parts = parts.map(|(number, part)| block(seed, number, part_bytes(architecture, part)));
	let slots = Slots::second(architecture);
	let heads = slots
		.iter()
		.enumerate()
		.map(|(number, (layer, _))| block(seed, 1_000 + number, expert_bytes(architecture, layer)));
	(parts.collect(), heads.collect())
}

/// Registers a model that is there before any epoch, and names its tokenizer.
pub(crate) fn found(architecture: &Architecture) -> ModelId {
	let (parts, heads) = blocks(b"base", architecture);
	let record = architecture.to_bytes();
	let model = OpenModel { name: b"base".to_vec(), architecture: record, parts, heads };
	let id = Zoo::register(model).unwrap();
	Evolution::set_tokenizer(RuntimeOrigin::root(), id, tokenizer()).unwrap();
	id
}

pub(crate) fn tokenizer() -> TokenizerRef {
	let blob = BlobRef { hash: H256([0x70; 32]), size: 1_234 };
	TokenizerRef { blob, ends: vec![2].try_into().unwrap() }
}

/// Adds an operator of an owner, with the owner's voice.
pub(crate) fn register_for(seed: u32, owner: u32) {
	let operator =
		EligibleOperator { owner: account(owner), ..EligibleOperator::independent(account(seed), 10) };
	mocks::register(operator, key(seed));
	Voices::mutate(|voices| {
		if !voices.contains(&account(owner)) {
			voices.push(account(owner));
		}
	});
}

/// The person of a story behind an account.
pub(crate) fn number_of(who: &AccountId) -> u32 {
	(0..2_000).find(|seed| account(*seed) == *who).unwrap()
}

/// A chain in its first block with `operators` operators and the base.
pub(crate) fn new_ext_with(operators: u32) -> sp_io::TestExternalities {
	forget();
	let mut storage = frame_system::GenesisConfig::<Test>::default().build_storage().unwrap();
	let people = (0..operators.max(20)).chain(ALICE..ALICE + 10);
	let balances = people.map(|seed| (account(seed), ENDOWMENT)).collect();
	pallet_balances::GenesisConfig::<Test> { balances, ..Default::default() }
		.assimilate_storage(&mut storage)
		.unwrap();
	let mut ext = sp_io::TestExternalities::new(storage);
	ext.execute_with(|| {
		System::set_block_number(1);
		frame_system::BlockHash::<Test>::insert(0, H256([9; 32]));
		(0..operators).for_each(|seed| register_for(seed, seed));
		found(&base());
		System::reset_events();
	});
	ext
}

/// Begins a world without a past: what neighbours remember outlives the storage.
fn forget() {
	mocks::forget_operators();
	Voices::set(Vec::new());
	Architectures::set(BTreeMap::new());
	Registered::set(Vec::new());
	Kept::set(Vec::new());
	Paid::set(Vec::new());
	Slashed::set(0);
	EpochLength::set(640);
	Evaluators::set(5);
	MinEvaluators::set(2);
	SlotsMax::set(64);
}

#[cfg(feature = "runtime-benchmarks")]
pub(crate) fn new_ext() -> sp_io::TestExternalities {
	forget();
	let storage = frame_system::GenesisConfig::<Test>::default().build_storage().unwrap();
	let mut ext = sp_io::TestExternalities::new(storage);
	mocks::Machine::with_engine(()).attach(&mut ext);
	ext.execute_with(|| System::set_block_number(1));
	ext
}

/// Tells a story and checks the invariants after it.
pub(crate) fn story(operators: u32, story: impl FnOnce()) {
	new_ext_with(operators).execute_with(|| {
		story();
		Evolution::do_try_state().unwrap();
	})
}

/// Lets a block pass, and checks the invariants behind it.
fn pass(room: Weight) {
	let now = System::block_number();
	Evolution::on_idle(now, room);
	Evolution::do_try_state().unwrap();
	System::set_block_number(now + 1);
}

pub(crate) fn run(blocks: u32) {
	(0..blocks).for_each(|_| pass(Weight::from_parts(1_000_000_000_000, 10_000_000)));
}

/// Lets blocks pass that have no room for anything that was not paid for.
pub(crate) fn run_without_room(blocks: u32) {
	(0..blocks).for_each(|_| pass(Weight::from_parts(1_000_000, 1_000)));
}

pub(crate) fn run_until(holds: impl Fn(&EpochRecordOf<Test>) -> bool) {
	for _ in 0..10_000 {
		if Current::<Test>::get().is_some_and(|epoch| holds(&epoch)) {
			return;
		}
		run(1);
	}
	panic!("it never came to that: {:?}", Current::<Test>::get());
}

pub(crate) fn run_to(phase: EpochPhase) {
	run_until(|epoch| epoch.phase == phase);
}

pub(crate) fn epoch() -> EpochRecordOf<Test> {
	Current::<Test>::get().unwrap()
}

pub(crate) fn evaluation() -> EvaluationRecordOf<Test> {
	Evaluation::<Test>::get().unwrap()
}

pub(crate) fn suites() -> SuiteChoices {
	let suites = SuiteName::ALL.map(|suite| SuiteChoice { suite, tasks: TASKS });
	suites.to_vec().try_into().unwrap()
}

pub(crate) fn proposal() -> Proposal {
	Proposal {
		kind: EvolutionKind::ScaleExperts,
		base: BASE,
		difficulty: 2,
		minimum_ppm: 150_000,
		suites: suites(),
		gpu_hours: 24,
		recipe: H256([3; 32]),
		description: H256([4; 32]),
	}
}

/// Record of the base that allows every change of one step, and 4 to 16 experts a layer.
pub(crate) fn model_record() -> ModelRecord {
	let bounds = ExpertBounds { min: 4, max: 16 };
	let version = LineVersion { major: 1, minor: 0 };
	ModelRecord {
		version,
		compatible_from: version,
		compatible_to: LineVersion { major: 2, minor: 0 },
		layers: vec![bounds; base().layers.len()].try_into().unwrap(),
		allow_layer_addition: true,
		allow_expert_multiplication: true,
		allow_dimension_scaling: true,
	}
}

pub(crate) fn record(architecture: &Architecture) -> ArchitectureBytes {
	architecture.to_bytes().try_into().unwrap()
}

/// Proposes an architecture as most stories do, and returns its number.
pub(crate) fn propose(who: u32, architecture: &Architecture) -> Result<ProposalId, DispatchError> {
	let id = NextProposal::<Test>::get();
	Evolution::propose(signed(who), proposal(), record(architecture)).map(|()| id)
}

/// Delivers a candidate with an architecture.
pub(crate) fn deliver_candidate(who: u32, architecture: &Architecture) -> DispatchResult {
	let (parts, heads) = blocks(b"candidate", architecture);
	let (parts, heads) = (parts.try_into().unwrap(), heads.try_into().unwrap());
	Evolution::submit_candidate(signed(who), record(architecture), parts, heads)
}

/// An epoch in which Alice's proposal, endorsed by the operators 0 and 1, is tried.
pub(crate) fn tried() -> ProposalId {
	run_to(EpochPhase::Nomination);
	let id = propose(ALICE, &target()).unwrap();
	for endorser in [0, 1] {
		Evolution::endorse(signed(endorser), id).unwrap();
	}
	run_to(EpochPhase::Training);
	id
}

/// The same, with the candidate delivered. Returns the candidate.
pub(crate) fn delivered() -> ModelId {
	tried();
	deliver_candidate(ALICE, &target()).unwrap();
	epoch().comparison.unwrap().candidate
}

/// Lets blocks pass until a committee is drawn, and returns it.
pub(crate) fn drawn() -> Vec<u32> {
	for _ in 0..20 {
		if !evaluation().seats.is_empty() {
			return evaluation().seats.iter().map(|seat| number_of(&seat.operator)).collect();
		}
		run(1);
	}
	panic!("no committee was drawn: {:?}", evaluation());
}

/// Outcome in which the base solves `base` tasks of every suite, and the candidate `candidate`.
pub(crate) fn outcome(base: u32, candidate: u32) -> BenchmarkOutcome {
	let suites = suites().into_iter().map(|SuiteChoice { suite, tasks }| SuiteOutcome {
		suite,
		base: Tally { right: base, total: tasks },
		candidate: Tally { right: candidate, total: tasks },
		base_root: H256([1; 32]),
		candidate_root: H256([2; 32]),
	});
	BenchmarkOutcome { suites: suites.collect::<Vec<_>>().try_into().unwrap() }
}

pub(crate) fn measured(base: u32, candidate: u32) -> BenchmarkFinding {
	BenchmarkFinding::Measured(outcome(base, candidate))
}

pub(crate) fn salt(seed: u32) -> H256 {
	H256(blake2_256(&(b"salt", seed).encode()))
}

pub(crate) fn call(message: EvolutionMessage, seed: u32) -> Call<Test> {
	let key = key(seed);
	let signature: OperatorSignature = pair(seed).sign(&Evolution::signing_payload(&message)).into();
	match message {
		EvolutionMessage::Seal { epoch, seal } => Call::seal { epoch, seal, key, signature },
		EvolutionMessage::Reveal { epoch, finding, salt } => {
			Call::reveal { epoch, finding, salt, key, signature }
		}
	}
}

/// Sends a call the way a block's author would: authorise, then dispatch.
pub(crate) fn deliver(call: Call<Test>) -> DispatchResult {
	mocks::deliver(RuntimeCall::from(call))
}

pub(crate) fn seal(seed: u32, finding: &BenchmarkFinding) -> DispatchResult {
	let seal = finding.seal(&evaluation().draw, &salt(seed), &account(seed));
	deliver(call(EvolutionMessage::Seal { epoch: epoch().id, seal }, seed))
}

pub(crate) fn reveal(seed: u32, finding: &BenchmarkFinding) -> DispatchResult {
	let message = EvolutionMessage::Reveal { epoch: epoch().id, finding: finding.clone(), salt: salt(seed) };
	deliver(call(message, seed))
}

/// Plays an evaluation in which each evaluator finds what `finding` says of its place. Returns the committee.
pub(crate) fn play(finding: impl Fn(usize) -> BenchmarkFinding) -> Vec<u32> {
	let evaluators = drawn();
	for (place, who) in evaluators.iter().enumerate() {
		seal(*who, &finding(place)).unwrap();
	}
	run(1);
	for (place, who) in evaluators.iter().enumerate() {
		reveal(*who, &finding(place)).unwrap();
	}
	run(1);
	evaluators
}

/// Outcome of an epoch.
pub(crate) fn ended(epoch: u32) -> EpochOutcome {
	History::<Test>::get(epoch).unwrap().outcome
}

/// Money of an account, on hold or not.
pub(crate) fn money(seed: u32) -> Balance {
	use frame_support::traits::fungible::Inspect;
	Balances::total_balance(&account(seed))
}

/// Money of an account that is on hold.
pub(crate) fn held(seed: u32) -> Balance {
	use frame_support::traits::fungible::InspectHold;
	Balances::total_balance_on_hold(&account(seed))
}

/// Deposit for the candidate of most stories.
pub(crate) fn candidate_deposit() -> Balance {
	let (parts, heads) = blocks(b"candidate", &target());
	(parts.len() + heads.len()) as Balance * DEPOSIT_PER_BLOCK
}
