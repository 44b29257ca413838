//! A small chain around the pallet: claims kept in a book, and a clock.

use super::world::*;
use crate as pallet_disputes;
use crate::{game::Side, BlockCheck, Call, Event, GameId, Games, Referee, Word};
use blyan_exact::{
	blake2_256,
	definition2::{model::architecture_hash, Architecture},
	step::{Commitments, Evidence, Place, StepError},
	Hash,
};
use blyan_primitives::{
	traits::{Appeals, ArchitectureRegistry, Claims, Contested, EligibleOperator, OffenceKind, Offences},
	ArchitectureId, BlockRef, BlockWitness, Computation, DrawId, EvaluationJob, ExpertShape, JobOrigin,
	OperatorId, OperatorSignature, PartIndex, Statement, Subject, TileEvidence, Verdict,
};
use blyan_support::genesis_hash;
use blyan_support::mocks;
pub(crate) use blyan_support::mocks::{
	account, AccountId, Barred, Eligible, Gallows, OperatorBook, Slashed, Stopwatch,
};
use frame_support::{
	parameter_types,
	traits::{ConstU128, ConstU32, Hooks},
	weights::Weight,
};
use sp_core::{Pair, H256};
use sp_keyring::Sr25519Keyring;
use sp_runtime::{BuildStorage, DispatchResult, Perbill};
use std::collections::BTreeMap;

pub type Balance = u128;
pub(crate) type Extrinsic = mocks::Extrinsic<Test, RuntimeCall>;
type Block = mocks::Block<Test, RuntimeCall>;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Disputes: pallet_disputes,
	}
);

blyan_support::configure_chain!(Test, Block, AccountId, with_balances);

pub(crate) const BOND: Balance = 1_000;
pub(crate) const ENDOWMENT: Balance = 1_000_000;
/// Blocks between a commitment and the finding.
pub(crate) const AGE: u32 = 1;
pub(crate) const CLOCK: u32 = 30;
pub(crate) const WINDOW: u32 = 10;
pub(crate) const ENDED: u32 = 4;
/// Games that are answered within one clock.
pub(crate) const GAMES: u32 = 16;

/// What is known about a subject.
#[derive(Clone, Default)]
pub struct Book {
	pub(crate) claims: Vec<(AccountId, Verdict)>,
	pub(crate) candidate: Vec<u8>,
	pub(crate) disputable: bool,
	/// Whether the time for new disputes is over.
	pub(crate) closing: bool,
	/// The verdict by which the candidate was taken into the model.
	pub(crate) accepted: Option<H256>,
	pub(crate) open: u32,
	pub(crate) refuted: Vec<H256>,
}

pub type Report = (AccountId, OffenceKind, H256, Option<AccountId>);

parameter_types! {
	pub static Books: BTreeMap<Subject, Book> = BTreeMap::new();
	pub static Reports: Vec<Report> = Vec::new();
	pub static ContestedClaims: Vec<Contested> = Vec::new();
	pub static Appealed: Vec<(AccountId, bool)> = Vec::new();
	/// Offences about claims that are not decided: whose, and about what.
	pub static Pending: Vec<(AccountId, Subject)> = Vec::new();
	/// What the claims of a real model are about; the made-up computation if there is none.
	pub static Real: Option<Statement> = None;
	/// Architectures that are registered.
	pub static Records: BTreeMap<ArchitectureId, Architecture> = BTreeMap::new();
	pub const DefendersShare: Perbill = Perbill::from_percent(60);
}

pub struct Bookkeeper;
impl Claims<AccountId> for Bookkeeper {
	fn statement(subject: Subject, part: PartIndex) -> Option<Statement> {
		if let Some(statement) = Real::get() {
			return (part == 0).then_some(statement);
		}
		(Books::get().contains_key(&subject) && part < 2).then(|| statement(part))
	}
	fn claims(subject: Subject) -> Vec<(AccountId, Verdict)> {
		Books::get().remove(&subject).map(|book| book.claims).unwrap_or_default()
	}
	fn candidate(subject: Subject) -> Option<(BlockRef, ExpertShape)> {
		Books::get().get(&subject).map(|book| (candidate(&book.candidate), ExpertShape::First(CONFIG)))
	}
	fn job(subject: Subject, part: PartIndex) -> Option<EvaluationJob> {
		Books::get().contains_key(&subject).then(|| job(part))
	}
	fn disputable() -> Vec<Subject> {
		Books::get().into_keys().filter(|subject| Self::is_disputable(*subject)).collect()
	}
	fn is_disputable(subject: Subject) -> bool {
		Books::get().get(&subject).is_some_and(|book| book.disputable || book.open > 0)
	}
	fn may_open(subject: Subject) -> bool {
		Books::get().get(&subject).is_some_and(|book| book.disputable && !book.closing)
	}
	fn accepted(subject: Subject) -> Option<H256> {
		Books::get().get(&subject)?.accepted
	}
	fn origin(subject: Subject, part: PartIndex) -> Option<JobOrigin> {
		let book = Books::get().contains_key(&subject);
		book.then(|| JobOrigin { model: 0, generation: 0, holdout: job(part).holdout })
	}
	fn job_from(wanted: &Statement, _: &JobOrigin, _: &BlockRef) -> Option<EvaluationJob> {
		[0, 1].into_iter().find(|part| statement(*part) == *wanted).map(job)
	}
	fn keep(origin: &JobOrigin) -> bool {
		assert_eq!(origin.generation, 0);
		count_kept(|kept| kept + 1);
		true
	}
	fn release(_: &JobOrigin) {
		count_kept(|kept| kept - 1);
	}
	fn is_known(subject: Subject) -> bool {
		Books::get().contains_key(&subject)
	}
	fn note_opened(subject: Subject) {
		Books::mutate(|books| books.get_mut(&subject).expect("it is not forgotten").open += 1);
	}
	fn note_closed(subject: Subject) {
		Books::mutate(|books| books.get_mut(&subject).unwrap().open -= 1);
	}
	fn refuted(subject: Subject, digest: H256) {
		Books::mutate(|books| {
			let Some(book) = books.get_mut(&subject) else { return };
			assert!(!book.refuted.contains(&digest), "a claim falls once");
			book.refuted.push(digest);
		});
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_subject_for_benchmark() -> (Subject, EvaluationJob) {
		claim(SUBJECT, &[(Sr25519Keyring::Alice, honest()), (Sr25519Keyring::Bob, Verdict::Invalid)]);
		(SUBJECT, job(0))
	}
}

pub struct Court;
impl Offences<AccountId> for Court {
	fn report(offender: &AccountId, kind: OffenceKind, evidence: H256, reporter: Option<&AccountId>) {
		Reports::mutate(|all| all.push((offender.clone(), kind, evidence, reporter.cloned())));
	}
	fn is_reported(offender: &AccountId, kind: OffenceKind, evidence: H256) -> bool {
		Reports::get().iter().any(|known| (&known.0, known.1, known.2) == (offender, kind, evidence))
	}
	fn report_claim(
		offender: &AccountId,
		kind: OffenceKind,
		evidence: H256,
		reporter: Option<&AccountId>,
		contested: Contested,
	) {
		Self::report(offender, kind, evidence, reporter);
		ContestedClaims::mutate(|all| all.push(contested));
		if !contested.executed {
			Pending::mutate(|all| all.push((offender.clone(), contested.subject)));
			Disputes::note_offence_opened(contested.subject);
		}
	}
	fn note_appeal_ended(appellant: &AccountId, subject: Subject, cleared: bool) {
		Appealed::mutate(|all| all.push((appellant.clone(), cleared)));
		decide(appellant, subject);
	}
}

/// The offence of an operator about a claim is decided, if there is one.
pub(crate) fn decide(who: &AccountId, subject: Subject) {
	let mut pending = Pending::get();
	if let Some(at) = pending.iter().position(|of| *of == (who.clone(), subject)) {
		pending.remove(at);
		Pending::set(pending);
		Disputes::note_offence_closed(subject);
	}
}

/// All offences are decided.
pub(crate) fn decide_all() {
	for (who, subject) in Pending::get() {
		decide(&who, subject);
	}
}

/// The registry of architectures.
pub struct Registry;
impl ArchitectureRegistry for Registry {
	fn architecture(id: &ArchitectureId) -> Option<Architecture> {
		Records::get().remove(id)
	}
}

impl Registry {
	/// Registers an architecture and returns its identifier.
	pub(crate) fn register(architecture: &Architecture) -> ArchitectureId {
		let id = H256(architecture_hash(architecture));
		Records::mutate(|records| records.insert(id, architecture.clone()));
		id
	}
}

#[cfg(feature = "runtime-benchmarks")]
impl crate::BenchmarkHelper for Registry {
	fn register(architecture: &Architecture) {
		Registry::register(architecture);
	}
}

/// The definitions with this registry.
pub(crate) type Exact = crate::Exact<Registry>;

/// Knows the truth; of a witness it only wants to see that there is one.
pub struct Oracle;
impl Referee for Oracle {
	fn execute(
		computation: &Computation,
		commitments: &Commitments,
		agreed: &[Hash],
		place: Place,
		witness: &BlockWitness,
	) -> Result<Hash, StepError> {
		if Real::get().is_some() {
			return Exact::execute(computation, commitments, agreed, place, witness);
		}
		assert_eq!(*computation, Computation::First(program()));
		assert_eq!(agreed.len(), place.operator);
		let BlockWitness::First(witness) = witness else { return Err(StepError::WitnessMalformed) };
		match witness.0.first() {
			Some(Evidence::Output(bytes)) if bytes == b"inputs" => {}
			Some(Evidence::Output(bytes)) if bytes == b"no tensor" => return Err(StepError::TensorInvalid),
			Some(_) => return Err(StepError::WitnessUnproven),
			None => return Err(StepError::WitnessMalformed),
		}
		let trace = commitments.candidate.is_some().into();
		Ok(blake2_256(&[&truth(commitments.sequence, trace, place)]))
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn first_trial_for_benchmark() -> crate::Trial {
		let at = crate::game::OperatorPlace { item: 0, trace: 0, operator: 1 };
		let (statement, architecture, agreed) = (statement(0), None, vec![[1; 32]]);
		crate::Trial { statement, architecture, at, row: 0, block: 0, agreed, witness: witness() }
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn second_trial_for_benchmark() -> crate::Trial {
		Self::first_trial_for_benchmark()
	}
}

/// Takes what begins with "expert" for one.
pub struct Examiner;
impl BlockCheck for Examiner {
	fn is_valid(bytes: &[u8], _: H256, _: &ExpertShape) -> bool {
		bytes.starts_with(b"expert")
	}
	fn tiles(_: &ExpertShape) -> u32 {
		TILES
	}
	fn is_tile(evidence: &TileEvidence, tile: u32, _: H256, _: &ExpertShape) -> bool {
		*evidence == tile_evidence(tile)
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn first_block_for_benchmark(bytes: u32) -> crate::Specimen<Vec<u8>> {
		let mut blob = EXPERT.to_vec();
		blob.resize(EXPERT.len().max(bytes as usize), 0);
		specimen(blob)
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn second_block_for_benchmark(bytes: u32) -> crate::Specimen<Vec<u8>> {
		Self::first_block_for_benchmark(bytes)
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn evidence_for_benchmark() -> crate::Specimen<TileEvidence> {
		specimen(tile_evidence(0))
	}
}

#[cfg(feature = "runtime-benchmarks")]
fn specimen<Content>(content: Content) -> crate::Specimen<Content> {
	let shape = ExpertShape::First(CONFIG);
	crate::Specimen { content, tensor_root: H256([77; 32]), shape, architecture: None }
}

impl pallet_disputes::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type OnSlash = Gallows;
	type Claims = Bookkeeper;
	type Operators = OperatorBook;
	type Offences = Court;
	type Architectures = Registry;
	type Referee = Oracle;
	type BlockCheck = Examiner;
	type WorkingTime = Stopwatch<Test>;
	type Bond = ConstU128<BOND>;
	type DefendersShare = DefendersShare;
	type CommitmentAge = ConstU32<AGE>;
	type Clock = ConstU32<CLOCK>;
	type GamesPerClock = ConstU32<GAMES>;
	type DemandWindow = ConstU32<WINDOW>;
	type MaxBlobBytes = ConstU32<1_000>;
	type MaxEnded = ConstU32<ENDED>;
	type WeightInfo = ();
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = Registry;
}

blyan_support::create_authorized_transactions!(Test, RuntimeCall, Extrinsic);

/// What most stories are about.
pub(crate) const SUBJECT: Subject = Subject::Submission(7, DRAW);
/// The draw that they are about.
pub(crate) const DRAW: DrawId = H256([7; 32]);
/// The operators of most stories; all have session keys.
pub(crate) const OPERATORS: [Sr25519Keyring; 3] =
	[Sr25519Keyring::Alice, Sr25519Keyring::Bob, Sr25519Keyring::Charlie];

pub(crate) fn honest() -> Verdict {
	Party::honest().verdict()
}

/// The challenger of most stories.
pub(crate) fn challenger() -> AccountId {
	Sr25519Keyring::Ferdie.to_account_id()
}

pub(crate) fn signed(who: &AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(who.clone())
}

/// Who claims what about a subject.
pub(crate) fn claim(subject: Subject, claims: &[(Sr25519Keyring, Verdict)]) {
	let claims = claims.iter().map(|(who, verdict)| (who.to_account_id(), *verdict)).collect();
	let book = Book { claims, candidate: EXPERT.to_vec(), disputable: true, ..Default::default() };
	Books::mutate(|books| books.insert(subject, book));
}

/// All operators claim the same about [`SUBJECT`].
pub(crate) fn all_claim(verdict: Verdict) {
	claim(SUBJECT, &OPERATORS.map(|who| (who, verdict)));
}

/// The candidate of [`SUBJECT`] is of these bytes.
pub(crate) fn set_candidate(bytes: &[u8]) {
	Books::mutate(|books| books.get_mut(&SUBJECT).unwrap().candidate = bytes.to_vec());
}

/// The keeper of [`SUBJECT`] forgets it.
pub(crate) fn forget() {
	Books::mutate(|books| books.remove(&SUBJECT));
}

pub(crate) fn book() -> Book {
	Books::get().remove(&SUBJECT).unwrap()
}

/// Commits an account to a finding, as if it had done so long ago.
pub(crate) fn commit_early(who: &AccountId, call: &str, arguments: &impl codec::Encode) {
	let hash = blyan_primitives::finding_hash(who, call, arguments);
	if Disputes::commit(signed(who), hash).is_ok() {
		crate::Commitments::<Test>::mutate(who, hash, |entry| entry.as_mut().unwrap().0 = 0);
	}
}

/// Commits to a challenge and makes it.
pub(crate) fn challenge_about(
	who: &AccountId,
	subject: Subject,
	against: &Verdict,
	verdict: &Verdict,
) -> DispatchResult {
	let arguments = (subject, against.digest(), verdict);
	commit_early(who, "challenge", &arguments);
	let made = Disputes::challenge(signed(who), subject, against.digest(), *verdict);
	if made.is_err() {
		let hash = blyan_primitives::finding_hash(who, "challenge", &arguments);
		let _ = Disputes::withdraw_commitment(signed(who), hash);
	}
	made
}

/// Opens a challenge and returns its game.
pub(crate) fn challenge(who: &AccountId, against: &Verdict, verdict: &Verdict) -> GameId {
	challenge_about(who, SUBJECT, against, verdict).unwrap();
	crate::NextGame::<Test>::get() - 1
}

/// A session key says something.
pub(crate) fn say(who: Sr25519Keyring, word: Word) -> (OperatorId, OperatorSignature) {
	let payload = word.signing_payload(&genesis_hash::<Test>());
	(who.public().into(), who.pair().sign(&payload).into())
}

/// Sends a call the way a block's author would: authorise, then dispatch.
pub(crate) fn deliver(call: Call<Test>) -> DispatchResult {
	mocks::deliver(RuntimeCall::from(call))
}

/// Lets an operator be drawn.
pub(crate) fn admit(who: Sr25519Keyring) {
	mocks::register(EligibleOperator::independent(who.to_account_id(), 10), who.public().into());
}

/// Two claims on the chain play; returns their game.
pub(crate) fn confront(who: Sr25519Keyring, first: &Verdict, second: &Verdict) -> GameId {
	let (first, second) = (first.digest(), second.digest());
	let (key, signature) = say(who, Word::Confront(SUBJECT, first, second));
	deliver(Call::confront { subject: SUBJECT, first, second, key, signature }).unwrap();
	crate::NextGame::<Test>::get() - 1
}

/// A side is opened by its party.
pub(crate) fn open(who: &AccountId, game: GameId, side: Side, party: &Party) -> DispatchResult {
	let record = Games::<Test>::get(game).unwrap();
	let opening = party.open(record.part, record.position.query());
	Disputes::descend(signed(who), game, side, opening)
}

/// Both parties play until the chain has computed the block; returns the rounds it took, the last one included.
pub(crate) fn play_out(game: GameId, movers: [&AccountId; 2], parties: [&Party; 2]) -> u32 {
	for round in 1.. {
		let record = Games::<Test>::get(game).unwrap();
		if record.position.block().is_some() {
			Disputes::execute(signed(movers[0]), game, witness()).unwrap();
			return round;
		}
		for side in Side::BOTH {
			let (mover, party) = (side.of(&movers), side.of(&parties));
			open(mover, game, side, party).unwrap();
		}
	}
	unreachable!("a descent ends")
}

/// Whose claims fell in a game that is over.
pub(crate) fn refuted(game: GameId) -> [bool; 2] {
	crate::Ended::<Test>::get(game).expect("it is over").refuted
}

pub(crate) fn held(who: &AccountId) -> Balance {
	use frame_support::traits::fungible::InspectHold;
	Balances::total_balance_on_hold(who)
}

pub(crate) fn offenders() -> Vec<(AccountId, Option<AccountId>)> {
	Reports::get()
		.into_iter()
		.filter(|(_, kind, ..)| *kind == OffenceKind::FalseScore)
		.map(|(offender, _, _, reporter)| (offender, reporter))
		.collect()
}

/// Ends blocks, each with room for what is due, until block `number` has begun.
pub(crate) fn run_to(number: u32) {
	mocks::run_to::<Test>(number, || {
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

pub(crate) fn ext() -> sp_io::TestExternalities {
	Books::set(BTreeMap::new());
	Reports::set(Vec::new());
	Slashed::set(0);
	Barred::set(0);
	Pending::set(Vec::new());
	ContestedClaims::set(Vec::new());
	Appealed::set(Vec::new());
	Real::set(None);
	Records::set(BTreeMap::new());
	mocks::forget_operators();
	OPERATORS.into_iter().for_each(admit);
	let named = Sr25519Keyring::iter().map(|who| who.to_account_id());
	let balances = named.chain((0..100).map(account)).map(|who| (who, ENDOWMENT)).collect::<Vec<_>>();
	let storage = RuntimeGenesisConfig {
		balances: pallet_balances::GenesisConfig { balances, ..Default::default() },
		..Default::default()
	}
	.build_storage()
	.unwrap();
	mocks::first_block::<Test>(storage, H256([9; 32]))
}

/// Runs a story, then checks every invariant.
pub(crate) fn story(tell: impl FnOnce()) {
	ext().execute_with(|| {
		tell();
		Disputes::do_try_state().unwrap();
		assert_eq!(count_kept(|kept| kept) as usize, crate::Cases::<Test>::iter().count());
	});
}

#[cfg(feature = "runtime-benchmarks")]
pub(crate) fn benchmark_ext() -> sp_io::TestExternalities {
	let mut world = ext();
	mocks::Machine::with_engine(()).attach(&mut world);
	world
}

/// Counts what keeps a generation. In storage, since stories roll back.
fn count_kept(change: impl FnOnce(u32) -> u32) -> u32 {
	let kept = change(frame_support::storage::unhashed::get_or_default(b"kept"));
	frame_support::storage::unhashed::put(b"kept", &kept);
	kept
}
