//! A chain with this pallet, fake neighbours that remember, and the words in which the stories are told.

use crate::{self as pallet_holdouts, *};
use blyan_exact::definition2::{golden, Architecture};
use blyan_primitives::{
	chunk_commitment,
	randomness::{Appointed, AppointedRandomness, RelayNumber},
	traits::{ArchitectureRegistry, EligibleOperator, ExpertRegistry, SealedHoldouts},
	ArchitectureId, Attestation, BlobRef, BlockRef, ChunkScore, ExpertHead, ExpertSlot, HoldoutRef, Look,
	ModelBody, ModelConfig, ModelId, ModelInfo, ModelVersion, SealedHoldout, SealingRules, SubmissionId,
	VersionIndex,
};
pub(crate) use blyan_support::mocks::{account, key, key_seed, pair, AccountId, OperatorBook, Slashed};
use blyan_support::{genesis_hash, mocks};
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

pub(crate) type Balance = u128;
pub(crate) type Extrinsic = mocks::Extrinsic<Test, RuntimeCall>;
type Block = mocks::Block<Test, RuntimeCall>;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Holdouts: pallet_holdouts,
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

pub(crate) const MODEL: ModelId = 0;
/// A model of the second definition.
pub(crate) const OPEN_MODEL: ModelId = 1;
pub(crate) const BOND: Balance = 1_000;
pub(crate) const DEPOSIT: Balance = 10;
pub(crate) const ENDOWMENT: Balance = 100_000;
pub(crate) const REVEAL: u32 = 6;
pub(crate) const ATTEST: u32 = 8;
pub(crate) const SUSPENSION: u32 = 100;
pub(crate) const NOTICE: u32 = 20;
pub(crate) const PAUSE: u32 = 30;
/// Cost of a fault at the least bond.
pub(crate) const PENALTY: Balance = 100;
/// The submission of most stories.
pub(crate) const SUBMISSION: SubmissionId = 7;
/// Accounts of the stories. Keepers count up from [`KEEPER`], operators from 1.
pub(crate) const MINER: u32 = 900;
pub(crate) const KEEPER: u32 = 100;

pub(crate) const RULES: SealingRules =
	SealingRules { sequences: 4, sequence_len: 8, loss_min: 1 << 15, loss_max: 5 << 16 };

parameter_types! {
	pub static Looks: u32 = 2;
	pub static MinKeepers: u32 = 3;
	pub static MinAttestations: u32 = 2;
	/// Context of the model of the second definition.
	pub static OpenContext: u32 = 64;
	pub const Penalty: Perbill = Perbill::from_percent(10);
	pub const ReporterShare: Perbill = Perbill::from_percent(50);
}

/// One model of each definition.
pub struct Models;
impl ArchitectureRegistry for Models {
	fn architecture(_: &ArchitectureId) -> Option<Architecture> {
		let (_, architecture) = golden::ARCHITECTURES[0];
		Some(Architecture { context: OpenContext::get(), ..architecture() })
	}
}
impl ExpertRegistry<AccountId> for Models {
	fn model(id: ModelId) -> Option<ModelInfo> {
		let blob = BlobRef { hash: H256([1; 32]), size: 1 };
		let trunk = BlockRef { tensor_root: H256([2; 32]), blob };
		let config =
			ModelConfig { d_model: 64, d_ff: 64, layers: 1, heads: 1, experts: 2, top_k: 1, context: 32 };
		let body = match id {
			MODEL => ModelBody::First { config, trunk },
			OPEN_MODEL => ModelBody::Second { architecture: H256([3; 32]), parts: H256([4; 32]) },
			_ => return None,
		};
		let version = ModelVersion { major: 1, minor: 0, patch: 0 };
		let (parts, heads) = (Vec::new(), Vec::new());
		Some(ModelInfo { id, name: b"test".to_vec(), body, version, generation: 0, parts, heads })
	}
	fn head(_: ExpertSlot) -> Option<ExpertHead> {
		None
	}
	fn keep(_: ModelId, _: u32) -> bool {
		true
	}
	fn release(_: ModelId, _: u32) {}
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
		ExpertSlot { model: MODEL, layer: 0, expert: 0 }
	}
}

/// Seeds come two blocks after they were named.
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

impl pallet_holdouts::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type OnSlash = mocks::Gallows;
	type Models = Models;
	type Operators = OperatorBook;
	type Randomness = Dice;
	type WorkingTime = mocks::Stopwatch<Test>;
	type SealOrigin = EnsureRoot<AccountId>;
	type MinBond = ConstU128<BOND>;
	type ChunkDeposit = ConstU128<DEPOSIT>;
	type Looks = Looks;
	type MinKeepers = MinKeepers;
	type RevealWindow = ConstU32<REVEAL>;
	type AttestWindow = ConstU32<ATTEST>;
	type MinAttestations = MinAttestations;
	type Penalty = Penalty;
	type ReporterShare = ReporterShare;
	type Suspension = ConstU32<SUSPENSION>;
	type Notice = ConstU32<NOTICE>;
	type MaxTries = ConstU32<3>;
	type Pause = ConstU32<PAUSE>;
	type MaxKeepers = ConstU32<12>;
	type MaxChunks = ConstU32<3>;
	type MaxChunkBytes = ConstU32<256>;
	type MaxActive = ConstU32<2>;
	type StepsPerBlock = ConstU32<1>;
	type WeightInfo = ();
}

blyan_support::create_authorized_transactions!(Test, RuntimeCall, Extrinsic);

pub(crate) fn signed(seed: u32) -> RuntimeOrigin {
	RuntimeOrigin::signed(account(seed))
}

/// Sequences that only this number stands for.
pub(crate) fn text(number: u32) -> Vec<u8> {
	(0..RULES.sequences)
		.flat_map(|sequence| (u64::from(number) << 8 | u64::from(sequence)).to_le_bytes())
		.collect()
}

pub(crate) fn name_of(bytes: &[u8]) -> H256 {
	H256(blake2_256(bytes))
}

/// The salt of every chunk.
pub(crate) const SALT: H256 = H256([6; 32]);

pub(crate) fn commitment(keeper: u32, number: u32) -> H256 {
	chunk_commitment(&genesis_hash::<Test>(), &account(keeper), MODEL, &name_of(&text(number)), &SALT)
}

/// Has a keeper commit to the text of this number.
pub(crate) fn commit(keeper: u32, number: u32) -> DispatchResult {
	Holdouts::commit(signed(keeper), MODEL, commitment(keeper, number))
}

/// Announces the report of the text of this number.
pub(crate) fn announce_leak(by: u32, number: u32) -> DispatchResult {
	let notice = leak_notice(&genesis_hash::<Test>(), &account(by), &name_of(&text(number)), &SALT);
	Holdouts::announce_leak(signed(by), Some(notice))
}

/// Gives notice for a chunk, or takes it back.
pub(crate) fn withdraw(keeper: u32, number: u32) -> DispatchResult {
	Holdouts::withdraw(signed(keeper), MODEL, commitment(keeper, number))
}

/// Makes an account a keeper of the text that has its own number.
pub(crate) fn keep(keeper: u32) {
	Holdouts::join(signed(keeper), BOND).unwrap();
	commit(keeper, keeper).unwrap();
}

/// Seals the model, with so many keepers of a text each, and begins a block in which their chunks are old.
pub(crate) fn sealed_with(keepers: u32) {
	Holdouts::seal_model(RuntimeOrigin::root(), MODEL, Some(RULES)).unwrap();
	(0..keepers).for_each(|keeper| keep(KEEPER + keeper));
	run(1);
}

/// Asks for the chunk of a submission whose bytes are fixed since this block.
pub(crate) fn ask(submission: SubmissionId) -> SealedHoldout {
	<Holdouts as SealedHoldouts<AccountId, u32>>::request(
		submission,
		MODEL,
		&account(MINER),
		System::block_number(),
	)
}

/// Digest of every score.
pub(crate) const DIGEST: H256 = H256([5; 32]);

/// Notes a committee's score with a loss of so many bits a byte.
pub(crate) fn measured(submission: SubmissionId, bits: u64, convinces: bool) -> Look {
	// A submission has one score in a block.
	let draw = H256(blake2_256(&(submission, System::block_number()).encode()));
	let score = ChunkScore { draw, digest: DIGEST, baseline_loss: bits << 20, positions: 16, convinces };
	<Holdouts as SealedHoldouts<AccountId, u32>>::note_measured(submission, &score)
}

/// Lets a verdict about every draw that cost a keeper something fall in a dispute.
pub(crate) fn refute(digest: H256) {
	for draw in penalties() {
		<Holdouts as SealedHoldouts<AccountId, u32>>::note_refuted(draw, digest);
	}
}

/// Lets the time pass in which draws can be disputed.
pub(crate) fn end_disputes() {
	for draw in penalties() {
		<Holdouts as SealedHoldouts<AccountId, u32>>::note_undisputed(draw);
	}
}

/// Draws that cost a keeper something, and can be disputed.
pub(crate) fn penalties() -> Vec<H256> {
	HeldPenalties::<Test>::iter_keys().collect()
}

pub(crate) fn close(submission: SubmissionId) {
	<Holdouts as SealedHoldouts<AccountId, u32>>::note_closed(submission);
}

pub(crate) fn keepers_of(submission: SubmissionId) -> Vec<AccountId> {
	<Holdouts as SealedHoldouts<AccountId, u32>>::keepers(submission)
}

pub(crate) fn phase(submission: SubmissionId) -> Option<Phase<AccountId, Balance, u32>> {
	Rounds::<Test>::get(submission).map(|round| round.phase)
}

/// The keeper of a story behind an account.
pub(crate) fn number_of(who: &AccountId) -> u32 {
	(0..1_000).find(|seed| account(*seed) == *who).unwrap()
}

/// The keeper that is to open its chunk.
pub(crate) fn appointed(submission: SubmissionId) -> Option<u32> {
	match phase(submission)? {
		Phase::Revealing { keeper, .. } => Some(number_of(&keeper)),
		_ => None,
	}
}

/// Opens the text of this number.
pub(crate) fn reveal(keeper: u32, submission: SubmissionId, number: u32) -> DispatchResult {
	let bytes = text(number).try_into().unwrap();
	let revealed = Holdouts::reveal(signed(keeper), submission, bytes, SALT);
	revealed.map(|_| ()).map_err(|error| error.error)
}

/// Has an operator attest to these bytes.
pub(crate) fn attest(operator: u32, submission: SubmissionId, number: u32) -> DispatchResult {
	let attestation = Attestation { submission, blob: name_of(&text(number)) };
	let signature = pair(operator).sign(&attestation.signing_payload(&genesis_hash::<Test>())).into();
	deliver(Call::attest { attestation, key: key(operator), signature })
}

/// Includes a call the way a block's author would: authorise, then dispatch.
pub(crate) fn deliver(call: Call<Test>) -> DispatchResult {
	mocks::deliver(RuntimeCall::from(call))
}

/// Runs until a keeper is appointed, and returns it.
pub(crate) fn wait_for_appointment(submission: SubmissionId) -> u32 {
	for _ in 0..PAUSE + 10 {
		if let Some(keeper) = appointed(submission) {
			return keeper;
		}
		run(1);
	}
	panic!("no keeper was appointed: {:?}", phase(submission));
}

/// Has the next keeper open its chunk and operators attest to it. Returns the keeper and the chunk.
pub(crate) fn look(submission: SubmissionId) -> (u32, HoldoutRef) {
	let keeper = wait_for_appointment(submission);
	reveal(keeper, submission, keeper).unwrap();
	attest(1, submission, keeper).unwrap();
	attest(2, submission, keeper).unwrap();
	match ask(submission) {
		SealedHoldout::Ready { holdout, .. } => (keeper, holdout),
		other => panic!("{other:?}"),
	}
}

/// Ends so many blocks.
pub(crate) fn run(blocks: u32) {
	let end = || {
		Holdouts::on_idle(System::block_number(), Weight::MAX);
	};
	mocks::run_to::<Test>(System::block_number() + blocks, end);
}

/// Events of this pallet since the block began.
pub(crate) fn events() -> Vec<Event<Test>> {
	System::read_events_for_pallet::<Event<Test>>()
}

/// A chain in its first block with three operators and accounts with money.
pub(crate) fn new_ext() -> sp_io::TestExternalities {
	Looks::set(2);
	MinKeepers::set(3);
	MinAttestations::set(2);
	OpenContext::set(64);
	Slashed::set(0);
	mocks::Barred::set(0);
	mocks::forget_operators();
	for seed in 1..=3 {
		mocks::register(EligibleOperator::independent(account(seed), 10), key(seed));
	}
	let accounts = (1..=3).chain(KEEPER..KEEPER + 12).chain([MINER]);
	let balances = accounts.map(|seed| (account(seed), ENDOWMENT)).collect();
	let storage = RuntimeGenesisConfig {
		balances: pallet_balances::GenesisConfig { balances, ..Default::default() },
		..Default::default()
	}
	.build_storage()
	.unwrap();
	let mut ext = sp_io::TestExternalities::new(storage);
	ext.execute_with(|| mocks::begin::<Test>(1));
	ext
}

/// Runs a story, then checks every invariant.
pub(crate) fn check(story: impl FnOnce()) {
	new_ext().execute_with(|| {
		story();
		Holdouts::do_try_state().unwrap();
	});
}

#[cfg(feature = "runtime-benchmarks")]
pub(crate) fn benchmark_ext() -> sp_io::TestExternalities {
	let mut ext = new_ext();
	mocks::forget_operators();
	mocks::Machine::with_engine(()).attach(&mut ext);
	ext
}
