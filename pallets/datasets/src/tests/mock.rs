//! A chain with this pallet, fake neighbours that remember, and the words in which the stories are told.

use crate::{self as pallet_datasets, *};
use blyan_primitives::{
	conduct::ConductRules,
	randomness::{Appointed, AppointedRandomness, RelayNumber},
	search_pow,
	traits::EligibleOperator,
	AuditFinding, AuditReport, Ballot, BlobChunk, BlobRef, DatasetAuditMessage, DatasetOffer, DatasetRef,
	DatasetStage, LanguageShare, LicenceFinding, OperatorSignature, PowStamp, SubmissionId,
};
use blyan_support::mocks;
pub(crate) use blyan_support::mocks::{
	account, key, key_seed, pair, AccountId, Eligible, OperatorBook, Services,
};
use codec::Encode;
use frame_support::{
	parameter_types,
	traits::{ConstU32, Get, Hooks},
	weights::Weight,
};
use frame_system::EnsureRoot;
use sp_core::{Pair, H256};
use sp_io::hashing::blake2_256;
use sp_runtime::{BuildStorage, DispatchError, DispatchResult};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) type Extrinsic = mocks::Extrinsic<Test, RuntimeCall>;
type Block = mocks::Block<Test, RuntimeCall>;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		DatasetsPallet: pallet_datasets,
	}
);

blyan_support::configure_chain!(Test, Block, AccountId);

pub(crate) const DAY: u32 = 14_400;
pub(crate) const PENDING_WINDOW: u32 = 600;
pub(crate) const DRAW_WINDOW: u32 = 20;
pub(crate) const SEAL_WINDOW: u32 = 20;
pub(crate) const REVEAL_WINDOW: u32 = 10;
pub(crate) const VOTE_WINDOW: u32 = 100;
pub(crate) const VOTE_EXTENSION: u32 = 50;
pub(crate) const APPEAL_WINDOW: u32 = 200;
pub(crate) const REJECTED_FOR: u32 = 400;
pub(crate) const POW_BITS: u32 = 4;
pub(crate) const PAY: u64 = 10;
/// The contributor of most stories.
pub(crate) const ALICE: u32 = 1_000;
pub(crate) const BOB: u32 = 1_001;
pub(crate) const MINER: u32 = 1_002;

parameter_types! {
	pub static Auditors: u32 = 5;
	pub static MinAuditors: u32 = 3;
	// Beyond the end of every story but those about rescans.
	pub static RescanEvery: u32 = 1_000_000;
	pub static Paid: Vec<AccountId> = Vec::new();
	pub static RefusedByPeople: Option<u32> = None;
	pub static UnderReview: BTreeSet<DatasetRef> = BTreeSet::new();
	pub static Facts: BTreeMap<SubmissionId, SubmissionFacts<AccountId>> = BTreeMap::new();
}

pub struct Rules;
impl Get<ConductRules> for Rules {
	fn get() -> ConductRules {
		ConductRules {
			quotas: [20, 200, 1_000],
			raise_after: 3,
			lower_after: 5,
			day: DAY,
			gap: 50,
			burst: 10,
			burst_window: 600,
			rejected_max: 800_000,
		}
	}
}

pub struct Limits;
impl Get<RejectLimits> for Limits {
	fn get() -> RejectLimits {
		RejectLimits { pii: 10_000, toxicity: 100_000, duplicate_rate: 950_000, malformed: 500_000 }
	}
}
impl Get<TierRules> for Limits {
	fn get() -> TierRules {
		TierRules {
			gold: TierLimits { yes: 750_000, toxicity: 50_000, duplicate_rate: 200_000 },
			silver: TierLimits { yes: 600_000, toxicity: 100_000, duplicate_rate: 400_000 },
			experimental: TierLimits { yes: 500_000, toxicity: 200_000, duplicate_rate: 950_001 },
			rating: 4_000_000,
		}
	}
}

impl Get<ReviewLimits> for Limits {
	fn get() -> ReviewLimits {
		ReviewLimits { gold: 50_000, silver: 150_000, experimental: 400_000 }
	}
}

/// People that refuse [`RefusedByPeople`], and the datasets that they are reading.
pub struct People;
impl PeoplesReview<AccountId> for People {
	fn open(dataset: DatasetRef, creator: &AccountId, records: u64) {
		assert_eq!((&record(dataset).creator, record(dataset).records), (creator, records));
		UnderReview::mutate(|open| open.insert(dataset));
	}
	fn refused(_: DatasetRef) -> Option<u32> {
		RefusedByPeople::get()
	}
	fn close(dataset: DatasetRef) {
		UnderReview::mutate(|open| open.remove(&dataset));
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

pub struct Learning;
impl Submissions<AccountId> for Learning {
	fn facts(submission: SubmissionId) -> Option<SubmissionFacts<AccountId>> {
		Facts::get().get(&submission).cloned()
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_submission_for_benchmark(facts: SubmissionFacts<AccountId>) -> SubmissionId {
		Facts::mutate(|all| {
			let submission = all.len() as SubmissionId;
			all.insert(submission, facts);
			submission
		})
	}
}

pub struct Envelope;
impl DatasetRewards<AccountId, u64> for Envelope {
	fn pay_dataset_audit(who: &AccountId) -> u64 {
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

impl pallet_datasets::Config for Test {
	type Balance = u64;
	type Operators = OperatorBook;
	type Sortition = Lots;
	type Submissions = Learning;
	type Rewards = Envelope;
	type Review = People;
	type Randomness = Dice;
	type WorkingTime = System;
	type QuarantineOrigin = EnsureRoot<AccountId>;
	type PowBits = ConstU32<POW_BITS>;
	type Conduct = Rules;
	type RejectLimits = Limits;
	type TierRules = Limits;
	type ReviewLimits = Limits;
	type PendingWindow = ConstU32<PENDING_WINDOW>;
	type DrawWindow = ConstU32<DRAW_WINDOW>;
	type SealWindow = ConstU32<SEAL_WINDOW>;
	type RevealWindow = ConstU32<REVEAL_WINDOW>;
	type Auditors = Auditors;
	type MinAuditors = MinAuditors;
	type VoteWindow = ConstU32<VOTE_WINDOW>;
	type VoteExtension = ConstU32<VOTE_EXTENSION>;
	type ParticipationMin = ConstU32<150_000>;
	type QuorumMin = ConstU32<10_000>;
	type AppealWindow = ConstU32<APPEAL_WINDOW>;
	type RejectedFor = ConstU32<REJECTED_FOR>;
	type RescanEvery = RescanEvery;
	type MaxRescans = ConstU32<2>;
	type PowWindow = ConstU32<200>;
	type ElectorateAge = ConstU32<30>;
	type MaxOpen = ConstU32<2_048>;
	type MaxSeats = ConstU32<8>;
	type MaxVoters = ConstU32<256>;
	type MaxDue = ConstU32<128>;
	type StepsPerBlock = ConstU32<8>;
	type WeightInfo = ();
}

blyan_support::create_authorized_transactions!(Test, RuntimeCall, Extrinsic);

pub(crate) fn signed(seed: u32) -> RuntimeOrigin {
	RuntimeOrigin::signed(account(seed))
}

/// Adds an operator that belongs to itself.
pub(crate) fn register(seed: u32) {
	register_for(seed, seed);
}

/// Adds an operator of an owner.
pub(crate) fn register_for(seed: u32, owner: u32) {
	let operator =
		EligibleOperator { owner: account(owner), ..EligibleOperator::independent(account(seed), 10) };
	mocks::register(operator, key(seed));
}

/// The operator of a story behind an account.
pub(crate) fn number_of(who: &AccountId) -> u32 {
	(0..2_000).find(|seed| account(*seed) == *who).unwrap()
}

/// A chain in its first block with `operators` operators.
pub(crate) fn new_ext_with(operators: u32) -> sp_io::TestExternalities {
	let storage = frame_system::GenesisConfig::<Test>::default().build_storage().unwrap();
	let mut ext = mocks::first_block::<Test>(storage, H256([9; 32]));
	ext.execute_with(|| (0..operators).for_each(register));
	ext
}

#[cfg(feature = "runtime-benchmarks")]
pub(crate) fn new_ext() -> sp_io::TestExternalities {
	let mut ext = new_ext_with(0);
	mocks::Machine::with_engine(()).attach(&mut ext);
	ext
}

/// Tells a story and checks the invariants after it.
pub(crate) fn story(operators: u32, story: impl FnOnce()) {
	new_ext_with(operators).execute_with(|| {
		story();
		DatasetsPallet::do_try_state().unwrap();
	})
}

/// Lets blocks pass until `block` is the present one.
pub(crate) fn run_to(block: u32) {
	while System::block_number() < block {
		let now = System::block_number();
		DatasetsPallet::on_idle(now, Weight::from_parts(1_000_000_000, 1_000_000));
		frame_system::BlockHash::<Test>::insert(now, H256(blake2_256(&now.encode())));
		System::set_block_number(now + 1);
	}
}

pub(crate) fn run(blocks: u32) {
	run_to(System::block_number() + blocks);
}

pub(crate) fn blob(seed: u32) -> BlobRef {
	BlobRef { hash: H256(blake2_256(&(b"blob", seed).encode())), size: 1_000 }
}

/// An offer of one blob.
pub(crate) fn offer(seed: u32) -> (DatasetOffer, BlobChunk) {
	let offer = DatasetOffer {
		series: None,
		licence: b"CC0-1.0".to_vec().try_into().unwrap(),
		source: b"https://example.org".to_vec().try_into().unwrap(),
		manifest: BlobRef { hash: H256(blake2_256(&(b"manifest", seed).encode())), size: 500 },
		root: H256(blake2_256(&(b"root", seed).encode())),
		records: 100,
		bytes: 1_000,
		blobs: 1,
	};
	(offer, vec![blob(seed)].try_into().unwrap())
}

pub(crate) fn stamp(who: &AccountId, offer: &DatasetOffer) -> PowStamp<u32> {
	let block = System::block_number() - 1;
	let hash = System::block_hash(block);
	let nonce = search_pow(&who.encode(), &offer.work_subject(), &hash, POW_BITS, 0, 1 << 20).unwrap();
	PowStamp { block, nonce }
}

pub(crate) fn submit(
	who: u32,
	(offer, blobs): (DatasetOffer, BlobChunk),
) -> Result<DatasetRef, DispatchError> {
	let stamp = stamp(&account(who), &offer);
	let dataset = match offer.series {
		None => DatasetRef { dataset: NextDataset::<Test>::get(), version: 0 },
		Some(dataset) => {
			DatasetRef { dataset, version: Series::<Test>::get(dataset).map_or(0, |series| series.versions) }
		}
	};
	DatasetsPallet::offer(signed(who), offer, blobs, stamp)?;
	Ok(dataset)
}

/// A dataset that waits for its committee.
pub(crate) fn audited(who: u32, seed: u32) -> DatasetRef {
	let dataset = submit(who, offer(seed)).unwrap();
	DatasetsPallet::begin_audit(signed(who), dataset).unwrap();
	dataset
}

pub(crate) fn record(dataset: DatasetRef) -> DatasetRecordOf<Test> {
	Datasets::<Test>::get(dataset).unwrap()
}

pub(crate) fn stage(dataset: DatasetRef) -> DatasetStage {
	record(dataset).stage
}

pub(crate) fn audit(dataset: DatasetRef) -> AuditRecordOf<Test> {
	Audits::<Test>::get(dataset).unwrap()
}

/// Lets blocks pass until a committee is drawn, and returns it.
pub(crate) fn drawn(dataset: DatasetRef) -> Vec<u32> {
	for _ in 0..10 {
		if !audit(dataset).seats.is_empty() {
			return audit(dataset).seats.iter().map(|seat| number_of(&seat.operator)).collect();
		}
		run(1);
	}
	panic!("no committee was drawn: {:?}", audit(dataset));
}

pub(crate) fn clean() -> AuditReport {
	AuditReport {
		rules: 1,
		records: 100,
		bytes: 100_000,
		licence: LicenceFinding::Verified,
		copyright_hits: 0,
		pii: 0,
		toxicity: 0,
		duplicate_rate: 10_000,
		malformed: 0,
		languages: [
			LanguageShare { code: *b"en", share: 1_000_000 },
			LanguageShare::default(),
			LanguageShare::default(),
			LanguageShare::default(),
		],
		perplexity_improvement: None,
	}
}

pub(crate) fn salt(seed: u32) -> H256 {
	H256(blake2_256(&(b"salt", seed).encode()))
}

pub(crate) fn call(message: DatasetAuditMessage, seed: u32) -> Call<Test> {
	let key = key(seed);
	let signature: OperatorSignature = pair(seed).sign(&DatasetsPallet::signing_payload(&message)).into();
	match message {
		DatasetAuditMessage::Seal { dataset, seal } => Call::seal { dataset, seal, key, signature },
		DatasetAuditMessage::Reveal { dataset, finding, salt } => {
			Call::reveal { dataset, finding, salt, key, signature }
		}
	}
}

/// Sends a call the way a block's author would: authorise, then dispatch.
pub(crate) fn deliver(call: Call<Test>) -> DispatchResult {
	mocks::deliver(RuntimeCall::from(call))
}

pub(crate) fn seal(dataset: DatasetRef, seed: u32, finding: AuditFinding) -> DispatchResult {
	let seal = finding.seal(&audit(dataset).draw, &salt(seed), &account(seed));
	deliver(call(DatasetAuditMessage::Seal { dataset, seal }, seed))
}

pub(crate) fn reveal(dataset: DatasetRef, seed: u32, finding: AuditFinding) -> DispatchResult {
	deliver(call(DatasetAuditMessage::Reveal { dataset, finding, salt: salt(seed) }, seed))
}

/// Plays an audit in which each auditor finds what `finding` says of its place.
pub(crate) fn play(dataset: DatasetRef, finding: impl Fn(usize) -> AuditFinding) {
	let auditors = drawn(dataset);
	for (place, who) in auditors.iter().enumerate() {
		seal(dataset, *who, finding(place)).unwrap();
	}
	run(1);
	for (place, who) in auditors.iter().enumerate() {
		reveal(dataset, *who, finding(place)).unwrap();
	}
	run(1);
}

/// A dataset whose audit found `report`.
pub(crate) fn reported(who: u32, seed: u32, report: AuditReport) -> DatasetRef {
	let dataset = audited(who, seed);
	play(dataset, |_| AuditFinding::Examined(report));
	dataset
}

pub(crate) fn vote(dataset: DatasetRef, who: u32, ballot: Ballot) -> DispatchResult {
	let proof = DatasetsPallet::voter_proof(dataset, &account(who)).unwrap_or_else(|| {
		// What an outsider would make up.
		blyan_primitives::VoterProof { index: 0, path: Default::default() }
	});
	DatasetsPallet::vote(signed(who), dataset, ballot, proof)
}

pub(crate) const YES: Ballot = Ballot::Yes { stars: Some(5) };

/// An approved dataset.
pub(crate) fn approved(who: u32, seed: u32) -> DatasetRef {
	let dataset = reported(who, seed, clean());
	for voter in 0..Eligible::get().len() as u32 {
		vote(dataset, voter, YES).unwrap();
	}
	run(VOTE_WINDOW + 2);
	assert!(stage(dataset).is_approved(), "{:?}", stage(dataset));
	dataset
}
