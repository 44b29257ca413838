//! A chain with disputes and this pallet, and the words in which the stories are told.

#[cfg(feature = "runtime-benchmarks")]
use super::{Said, World};
use crate as pallet_answers;
use crate::{ChallengeRecordOf, Challenges, Event};
use blyan_exact::definition2::{model::architecture_hash, Architecture};
use blyan_primitives::{
	finding_hash,
	randomness::RelayNumber,
	traits::{
		ArchitectureRegistry, EligibleOperator, ExpertRegistry, OffenceKind, Offences, OperatorSet, Service,
		ServingKeys,
	},
	ArchitectureId, BlockRef, EvaluationOutcome, ExpertHead, ExpertSlot, ModelBody, ModelId, ModelInfo,
	OperatorId, ServingKey, SignedReceipt, VersionIndex,
};
use blyan_support::genesis_hash;
use blyan_support::mocks;
pub(crate) use blyan_support::mocks::{account, AccountId, Barred, Gallows, Slashed, Stopwatch};
use frame_support::{
	parameter_types,
	traits::{ConstU128, ConstU32, Hooks},
	weights::Weight,
};
use sp_core::{sr25519, Pair, H256};
use sp_keyring::Sr25519Keyring;
use sp_runtime::{BuildStorage, DispatchError, DispatchResult, Perbill};
use std::collections::BTreeMap;

pub type Balance = u128;
pub(crate) type Extrinsic = mocks::Extrinsic<Test, RuntimeCall>;
type Block = mocks::Block<Test, RuntimeCall>;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Disputes: pallet_disputes,
		Answers: pallet_answers,
	}
);

blyan_support::configure_chain!(Test, Block, AccountId, with_balances);

pub(crate) const BOND: Balance = 1_000;
pub(crate) const ENDOWMENT: Balance = 1_000_000;
/// Blocks between a commitment and the finding.
pub(crate) const AGE: u32 = 2;
pub(crate) const CLOCK: u32 = 30;
pub(crate) const DEFENCE: u32 = 20;
pub(crate) const LATE: u32 = 40;
pub(crate) const DISPUTE: u32 = 15;
pub(crate) const PERIOD: u32 = 100;
/// Silences of an operator that are offences at a time.
pub(crate) const SILENT: u32 = 2;
/// Challenges against an operator before they cost more.
pub(crate) const STEP: u32 = 2;

pub type Report = (AccountId, OffenceKind, H256, Option<AccountId>);

parameter_types! {
	/// Which operator answers for a serving key.
	pub static Serving: BTreeMap<[u8; 32], AccountId> = BTreeMap::new();
	/// Receipts whose charge was returned.
	pub static Reversed: Vec<H256> = Vec::new();
	pub static Reports: Vec<Report> = Vec::new();
	/// Reports that were taken back.
	pub static Withdrawn: Vec<H256> = Vec::new();
	/// So much is pending that reports are dropped.
	pub static Crowded: bool = false;
	/// Offences are decided at once.
	pub static Decided: bool = false;
	/// Models: generation, body and root.
	pub static Registered: Vec<(u32, ModelBody, H256)> = Vec::new();
	/// Architectures that are registered.
	pub static Records: BTreeMap<ArchitectureId, Architecture> = BTreeMap::new();
	pub const DefendersShare: Perbill = Perbill::from_percent(60);
}

pub struct Keyring;
impl ServingKeys<AccountId> for Keyring {
	fn operator_of(key: &ServingKey) -> Option<AccountId> {
		Serving::get().remove(&key.0)
	}
	fn reversed(receipt: &SignedReceipt, id: H256) {
		assert_eq!(receipt.id(&genesis_hash::<Test>()), id);
		assert!(!Reversed::get().contains(&id) || !Withdrawn::get().is_empty());
		Reversed::mutate(|all| all.push(id));
	}
}

/// The registry of models and architectures.
pub struct Registry;
impl ArchitectureRegistry for Registry {
	fn architecture(id: &ArchitectureId) -> Option<Architecture> {
		Records::get().remove(id)
	}
}
impl ExpertRegistry<AccountId> for Registry {
	fn model(_: ModelId) -> Option<ModelInfo> {
		None
	}
	fn head(_: ExpertSlot) -> Option<ExpertHead> {
		None
	}
	fn body(id: ModelId) -> Option<ModelBody> {
		Registered::get().get(id as usize).map(|(_, body, _)| *body)
	}
	fn generation(id: ModelId) -> Option<u32> {
		Registered::get().get(id as usize).map(|(generation, ..)| *generation)
	}
	fn model_root(id: ModelId) -> Option<H256> {
		Registered::get().get(id as usize).map(|(.., root)| *root)
	}
	fn keep(_: ModelId, _: u32) -> bool {
		unreachable!("answers are checked by those who have the model")
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
		unreachable!("no benchmark promotes here")
	}
}

impl Registry {
	/// Registers a model and returns its number.
	pub(crate) fn register(architecture: &Architecture, root: H256) -> ModelId {
		let id = H256(architecture_hash(architecture));
		Records::mutate(|records| records.insert(id, architecture.clone()));
		let body = ModelBody::Second { architecture: id, parts: H256::zero() };
		Registered::mutate(|all| all.push((0, body, root)));
		Registered::get().len() as ModelId - 1
	}

	/// A model has another root now.
	pub(crate) fn promoted(model: ModelId, root: H256) {
		Registered::mutate(|all| {
			let record = &mut all[model as usize];
			(record.0, record.2) = (record.0 + 1, root);
		});
	}
}

#[cfg(feature = "runtime-benchmarks")]
impl pallet_disputes::BenchmarkHelper for Registry {
	fn register(architecture: &Architecture) {
		Records::mutate(|records| {
			records.insert(H256(architecture_hash(architecture)), architecture.clone())
		});
	}
}

pub struct NoOperators;
impl OperatorSet<AccountId> for NoOperators {
	fn eligible() -> Vec<EligibleOperator<AccountId>> {
		Vec::new()
	}
	fn electorate(_: RelayNumber) -> Option<Vec<EligibleOperator<AccountId>>> {
		None
	}
	fn owner_of(_: &OperatorId) -> Option<AccountId> {
		None
	}
	fn key_of(_: &AccountId) -> Option<OperatorId> {
		None
	}
	fn is_eligible(_: &AccountId) -> bool {
		true
	}
	fn note_service(_: &AccountId, _: Service) {}
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_operators_for_benchmark(_: u32) -> Vec<(AccountId, OperatorId)> {
		Vec::new()
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn most_operators_for_benchmark() -> u32 {
		256
	}
}

pub struct Court;
impl Offences<AccountId> for Court {
	fn report(offender: &AccountId, kind: OffenceKind, evidence: H256, reporter: Option<&AccountId>) {
		// As in `slashing`: what is known counts once, also when it was taken back.
		let is_known = Self::is_reported(offender, kind, evidence) || Withdrawn::get().contains(&evidence);
		if is_known || Crowded::get() {
			return;
		}
		Reports::mutate(|all| all.push((offender.clone(), kind, evidence, reporter.cloned())));
	}
	fn is_reported(offender: &AccountId, kind: OffenceKind, evidence: H256) -> bool {
		Reports::get().iter().any(|known| (&known.0, known.1, known.2) == (offender, kind, evidence))
	}
	fn is_pending(offender: &AccountId, kind: OffenceKind, evidence: H256) -> bool {
		Self::is_reported(offender, kind, evidence) && !Decided::get()
	}
	fn withdraw(offender: &AccountId, kind: OffenceKind, evidence: H256) -> bool {
		let is_pending = Self::is_pending(offender, kind, evidence);
		if is_pending {
			Reports::mutate(|all| all.retain(|known| known.2 != evidence));
			Withdrawn::mutate(|all| all.push(evidence));
		}
		is_pending
	}
}

type Exact = pallet_disputes::Exact<Registry>;

impl pallet_disputes::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type OnSlash = Gallows;
	type Claims = Answers;
	type Operators = NoOperators;
	type Offences = Court;
	type Architectures = Registry;
	type Referee = Exact;
	type BlockCheck = Exact;
	type WorkingTime = Stopwatch<Test>;
	type Bond = ConstU128<BOND>;
	type DefendersShare = DefendersShare;
	type CommitmentAge = ConstU32<AGE>;
	type Clock = ConstU32<CLOCK>;
	type GamesPerClock = ConstU32<16>;
	type DemandWindow = ConstU32<10>;
	type MaxBlobBytes = ConstU32<1_000>;
	type MaxEnded = ConstU32<4>;
	type WeightInfo = ();
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = Registry;
}

impl pallet_answers::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Keys = Keyring;
	type Models = Registry;
	type Games = Disputes;
	type Offences = Court;
	type WorkingTime = Stopwatch<Test>;
	type Bond = ConstU128<BOND>;
	type BondStep = ConstU32<STEP>;
	type MaxSilent = ConstU32<SILENT>;
	type DefenceWindow = ConstU32<DEFENCE>;
	type LateWindow = ConstU32<LATE>;
	type DisputeWindow = ConstU32<DISPUTE>;
	type ReceiptPeriod = ConstU32<PERIOD>;
	type WeightInfo = ();
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = Helper;
}

/// Makes receipts that benchmarks are about.
#[cfg(feature = "runtime-benchmarks")]
pub struct Helper;
#[cfg(feature = "runtime-benchmarks")]
impl crate::BenchmarkHelper<AccountId> for Helper {
	fn signed_receipt() -> (SignedReceipt, ArchitectureId, AccountId) {
		let said = Said::right(&World::all()[0], (256, 200), 1);
		said.serve();
		(said.signed(), said.statement().architecture, operator())
	}
	fn commit(who: &AccountId, hash: H256) {
		use frame_support::traits::fungible::Mutate;
		Balances::set_balance(who, ENDOWMENT);
		commit_early(who, hash);
	}
}

blyan_support::create_authorized_transactions!(Test, RuntimeCall, Extrinsic);

/// The operator of all stories.
pub(crate) fn operator() -> AccountId {
	Sr25519Keyring::Alice.to_account_id()
}

/// Its serving key.
pub(crate) fn serving_pair() -> sr25519::Pair {
	sr25519::Pair::from_seed(&[42; 32])
}

/// The challenger of most stories.
pub(crate) fn challenger() -> AccountId {
	Sr25519Keyring::Ferdie.to_account_id()
}

pub(crate) fn signed(who: &AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(who.clone())
}

/// Commits an account to a finding, as if it had done so long ago.
pub(crate) fn commit_early(who: &AccountId, hash: H256) {
	Disputes::commit(signed(who), hash).unwrap();
	pallet_disputes::Commitments::<Test>::mutate(who, hash, |entry| entry.as_mut().unwrap().0 = 0);
}

/// Commits to a challenge and makes it.
pub(crate) fn challenge(
	who: &AccountId,
	receipt: SignedReceipt,
	outcome: EvaluationOutcome,
) -> DispatchResult {
	let hash = finding_hash(who, "challenge_answer", &(&receipt, &outcome));
	commit_early(who, hash);
	let made = Answers::challenge(signed(who), receipt, outcome);
	if made.is_err() {
		Disputes::withdraw_commitment(signed(who), hash).unwrap();
	}
	made
}

/// The operator defends.
pub(crate) fn defend(receipt: &SignedReceipt, outcome: EvaluationOutcome) -> DispatchResult {
	let id = receipt.id(&genesis_hash::<Test>());
	Answers::defend(signed(&operator()), id, outcome).map(|_| ()).map_err(|error| error.error)
}

pub(crate) fn record(receipt: &SignedReceipt) -> Option<ChallengeRecordOf<Test>> {
	Challenges::<Test>::get(receipt.id(&genesis_hash::<Test>()))
}

pub(crate) fn held(who: &AccountId) -> Balance {
	use frame_support::traits::fungible::InspectHold;
	Balances::total_balance_on_hold(who)
}

/// Money that an account has more than in the beginning, on hold or not.
pub(crate) fn earned(who: &AccountId) -> i128 {
	use frame_support::traits::fungible::Inspect;
	Balances::total_balance(who) as i128 - ENDOWMENT as i128
}

/// Operators that were reported, by whose finding.
pub(crate) fn offenders() -> Vec<(AccountId, Option<AccountId>)> {
	let reports = Reports::get().into_iter();
	let false_scores = reports.filter(|(_, kind, ..)| *kind == OffenceKind::FalseScore);
	false_scores.map(|(offender, _, _, reporter)| (offender, reporter)).collect()
}

/// Ends blocks, each with room for what is due, until block `number` has begun.
pub(crate) fn run_to(number: u32) {
	mocks::run_to::<Test>(number, || {
		Answers::on_idle(System::block_number(), Weight::MAX);
		Disputes::on_idle(System::block_number(), Weight::MAX);
	});
}

pub(crate) fn run_for(blocks: u32) {
	run_to(System::block_number() + blocks);
}

/// Events of this pallet since the block began.
pub(crate) fn events() -> Vec<Event<Test>> {
	System::read_events_for_pallet::<Event<Test>>()
}

pub(crate) fn new_ext() -> sp_io::TestExternalities {
	Reversed::set(Vec::new());
	Reports::set(Vec::new());
	Withdrawn::set(Vec::new());
	Crowded::set(false);
	Decided::set(false);
	Slashed::set(0);
	Barred::set(0);
	Registered::set(Vec::new());
	Records::set(BTreeMap::new());
	Serving::set([(serving_pair().public().0, operator())].into());
	let named = Sr25519Keyring::iter().map(|who| who.to_account_id());
	let balances = named.chain((0..20).map(account)).map(|who| (who, ENDOWMENT)).collect::<Vec<_>>();
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

/// Tells a story and checks the invariants after it.
pub(crate) fn story(tell: impl FnOnce()) {
	new_ext().execute_with(|| {
		tell();
		Answers::do_try_state().unwrap();
	})
}
