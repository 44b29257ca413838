//! A chain with balances and this pallet, and the words in which the stories are told.

use crate::{
	self as pallet_inference, serving_key_payload, Balance, Endpoint, HoldReason, OfferTerms, ProvenKey,
	RequestTerms, Requests, State,
};
use blyan_primitives::{
	traits::Servers, AnswerEnd, ModelId, OfferId, Prices, Quote, Receipt, RequestId, ServingKey,
	ServingSignature, SessionId, SignedReceipt, Voucher, RECEIPT_VERSION,
};
use blyan_support::mocks::Machine;
pub use blyan_support::mocks::{Barred, Stopwatch};
use frame_support::{
	assert_ok, derive_impl, parameter_types,
	traits::{
		fungible::{Inspect, InspectHold},
		tokens::imbalance::ResolveTo,
		ConstU128, ConstU32, ConstU64, Contains, Hooks,
	},
	weights::Weight,
};
use sp_core::{sr25519, Pair, H256};
use sp_runtime::{
	traits::{Convert, Zero},
	BuildStorage, Perbill,
};
use std::collections::BTreeSet;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Inference: pallet_inference,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlock<Test>;
	type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type AccountStore = System;
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<ED>;
}

/// Existential deposit.
pub const ED: Balance = 10;
/// Least amount on hold for a request that is not captured.
pub const DEPOSIT: Balance = 20;
/// Least deposit of a session.
pub const SESSION_MIN: Balance = 100;
/// Blocks for which a price holds.
pub const QUOTE: u64 = 10;
/// Blocks in which to capture.
pub const CAPTURE: u64 = 20;
/// Blocks in which to capture what was cancelled.
pub const CANCEL: u64 = 5;
/// Blocks in which to dispute.
pub const CHALLENGE: u64 = 30;
/// Blocks for which results are kept.
pub const MEMORY: u64 = 40;
/// Blocks in which to settle what is being closed.
pub const CLOSING: u64 = 15;
/// Blocks for which an operator answers for a key.
pub const KEY_MEMORY: u64 = 50;
/// Open requests of a payer.
pub const REQUESTS_MAX: u32 = 4;
/// Sessions of a payer.
pub const SESSIONS_MAX: u32 = 3;

parameter_types! {
	pub const NetworkShare: Perbill = Perbill::from_percent(1);
	pub const Treasury: u64 = TREASURY;
	/// Operators that may serve.
	pub static Serving: BTreeSet<u64> = [OPERATOR, RIVAL].into();
	/// Registered operators.
	pub static Registered: BTreeSet<u64> = [OPERATOR, RIVAL].into();
	/// Pairs that belong together.
	pub static Related: Option<(u64, u64)> = None;
	/// Receipts under dispute.
	pub static Disputed: BTreeSet<H256> = BTreeSet::new();
	/// Receipts that were proven wrong.
	pub static Refuted: BTreeSet<H256> = BTreeSet::new();
}

/// Operators.
pub struct Operators;
impl Servers<u64> for Operators {
	fn may_serve(who: &u64) -> bool {
		Serving::get().contains(who)
	}
	fn is_registered(who: &u64) -> bool {
		Registered::get().contains(who)
	}
	fn are_related(one: &u64, other: &u64) -> bool {
		one == other || Related::get().is_some_and(|pair| pair == (*one, *other) || pair == (*other, *one))
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_server_for_benchmark() -> u64 {
		OPERATOR
	}
}

/// One registered model, of generation 3.
pub struct Generations;
impl Convert<ModelId, Option<u32>> for Generations {
	fn convert(model: ModelId) -> Option<u32> {
		(model == 0).then_some(3)
	}
}

/// Disputes.
pub struct OpenDisputes;
impl Contains<H256> for OpenDisputes {
	fn contains(receipt: &H256) -> bool {
		Disputed::get().contains(receipt)
	}
}

/// Disputes that are over.
pub struct LostDisputes;
impl Contains<H256> for LostDisputes {
	fn contains(receipt: &H256) -> bool {
		Refuted::get().contains(receipt)
	}
}

impl pallet_inference::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Servers = Operators;
	type Generations = Generations;
	type Disputed = OpenDisputes;
	type Refuted = LostDisputes;
	type WorkingTime = Stopwatch<Test>;
	type NetworkShare = NetworkShare;
	type OnShare = ResolveTo<Treasury, Balances>;
	type QuoteDeposit = ConstU128<DEPOSIT>;
	type SessionDepositMin = ConstU128<SESSION_MIN>;
	type QuoteWindow = ConstU64<QUOTE>;
	type CaptureWindow = ConstU64<CAPTURE>;
	type CancelWindow = ConstU64<CANCEL>;
	type ChallengeWindow = ConstU64<CHALLENGE>;
	type RequestMemory = ConstU64<MEMORY>;
	type SessionClosing = ConstU64<CLOSING>;
	type KeyMemory = ConstU64<KEY_MEMORY>;
	type MaxOffers = ConstU32<3>;
	type MaxKeys = ConstU32<4>;
	type MaxOpenRequests = ConstU32<REQUESTS_MAX>;
	type MaxSessions = ConstU32<SESSIONS_MAX>;
	type WeightInfo = ();
}

/// Pays.
pub const ALICE: u64 = 1;
/// Pays as well.
pub const BOB: u64 = 2;
/// Watches.
pub const CAROL: u64 = 3;
/// Serves.
pub const OPERATOR: u64 = 11;
/// Serves as well.
pub const RIVAL: u64 = 12;
/// Has nothing.
pub const PAUPER: u64 = 99;
pub const TREASURY: u64 = 50;
/// Balance of each.
pub const RICHES: Balance = 100_000;
pub const GENESIS_HASH: H256 = H256::repeat_byte(0x9e);
/// 1 planck a token read, 2 a token chosen.
pub const PRICES: Prices = Prices { input: 1_000, output: 2_000 };
/// Root of the model.
pub const ROOT: H256 = H256::repeat_byte(0xaa);

pub fn signed(who: u64) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

pub fn pair(seed: u8) -> sr25519::Pair {
	sr25519::Pair::from_seed(&[seed; 32])
}

pub fn key(seed: u8) -> ServingKey {
	pair(seed).public()
}

/// Seed of an account's usual key.
pub fn seed_of(who: u64) -> u8 {
	who as u8
}

/// The key of this seed, with the proof for `who`.
pub fn proven(who: u64, seed: u8) -> ProvenKey {
	let pair = pair(seed);
	ProvenKey { key: pair.public(), proof: pair.sign(&serving_key_payload(&GENESIS_HASH, &who)) }
}

pub fn offer_terms() -> OfferTerms {
	OfferTerms {
		model: Some(0),
		generation: 2,
		model_root: ROOT,
		prices: PRICES,
		capacity: 3,
		context: 2_000,
		endpoint: endpoint(b"https://operator.example/v1"),
	}
}

pub fn endpoint(bytes: &[u8]) -> Endpoint {
	bytes.to_vec().try_into().unwrap()
}

/// Makes an offer of `who` with its usual key and returns its number.
pub fn offer_by(who: u64, terms: OfferTerms) -> OfferId {
	let offer = crate::NextOffer::<Test>::get();
	assert_ok!(Inference::make_offer(signed(who), terms, proven(who, seed_of(who))));
	offer
}

/// 100 tokens read and 50 chosen at most: a ceiling of 200.
pub fn terms(offer: OfferId, number: u8) -> RequestTerms {
	RequestTerms {
		offer,
		prompt: H256::repeat_byte(number),
		prompt_tokens: 100,
		max_answer_tokens: 50,
		seed: number.into(),
		key: H256::repeat_byte(number),
	}
}

/// Ceiling of [`terms`].
pub const CEILING: Balance = 200;

/// Makes a request of `payer` and returns its number.
pub fn request_by(payer: u64, offer: OfferId, number: u8) -> RequestId {
	let request = crate::NextRequest::<Test>::get();
	assert_ok!(Inference::request(signed(payer), terms(offer, number)));
	request
}

/// Makes a request of `payer` and authorises it.
pub fn authorised_by(payer: u64, offer: OfferId, number: u8) -> RequestId {
	let request = request_by(payer, offer, number);
	assert_ok!(Inference::authorise(signed(payer), request));
	request
}

/// The honest receipt of a request of which `chosen` tokens were chosen.
pub fn receipt(number: u8, chosen: u32) -> Receipt {
	Receipt {
		version: RECEIPT_VERSION,
		model_root: ROOT,
		tokenizer: H256::repeat_byte(1),
		tokens_root: H256::repeat_byte(number),
		prompt_tokens: 100,
		prompt_tokens_seen: 100,
		answer_tokens: chosen,
		seed: number.into(),
		temperature_q8: 256,
		top_p_q8: 256,
		end: AnswerEnd::EndOfTurn,
		session: 0,
		charged: PRICES.cost(100, chosen).unwrap(),
	}
}

/// A receipt signed with the usual key of `who`.
pub fn by(who: u64, receipt: Receipt) -> SignedReceipt {
	let pair = pair(seed_of(who));
	SignedReceipt { receipt, key: pair.public(), signature: pair.sign(&receipt.payload(&GENESIS_HASH)) }
}

/// Charges 140 for the request of this number: 100 read, 20 chosen.
pub fn capture(request: RequestId, number: u8) {
	assert_ok!(Inference::capture(signed(OPERATOR), request, by(OPERATOR, receipt(number, 20))));
}

/// Charge of [`capture`].
pub const CHARGE: Balance = 140;

pub fn quote(payer: u64, offer: OfferId) -> Quote {
	Quote {
		offer,
		payer: crate::account_bytes(&payer),
		prompt: H256::repeat_byte(7),
		prompt_tokens: 100,
		max_answer_tokens: 50,
		prices: Prices { input: 500, output: 1_000 },
		ceiling: 100,
		expires: 20,
	}
}

pub fn sign_quote(who: u64, quote: &Quote) -> ServingSignature {
	pair(seed_of(who)).sign(&quote.payload(&GENESIS_HASH))
}

/// Opens a session of `payer`, with its usual key, and returns its number.
pub fn session_by(payer: u64, offer: OfferId, deposit: Balance) -> SessionId {
	assert_ok!(Inference::open_session(signed(payer), offer, key(seed_of(payer)), deposit));
	crate::NextSession::<Test>::get()
}

/// A voucher, signed with the usual key of `payer`.
pub fn voucher(payer: u64, session: SessionId, amount: Balance) -> ServingSignature {
	pair(seed_of(payer)).sign(&Voucher { session, amount }.payload(&GENESIS_HASH))
}

pub fn settle(payer: u64, session: SessionId, amount: Balance) -> sp_runtime::DispatchResult {
	Inference::settle(signed(OPERATOR), session, amount, voucher(payer, session, amount))
}

pub fn free(who: u64) -> Balance {
	Balances::balance(&who)
}

pub fn held(reason: HoldReason, who: u64) -> Balance {
	Balances::balance_on_hold(&reason.into(), &who)
}

pub fn state(request: RequestId) -> State {
	Requests::<Test>::get(request).unwrap().state
}

/// The network's share of a payment.
pub fn share(amount: Balance) -> Balance {
	NetworkShare::get().mul_ceil(amount)
}

/// Goes to `block`, without idle time.
pub fn jump_to(block: u64) {
	System::set_block_number(block);
}

/// Goes on by `blocks` blocks, with every block's idle time.
pub fn wait(blocks: u64) {
	for _ in 0..blocks {
		System::set_block_number(System::block_number() + 1);
		Inference::on_idle(System::block_number(), Weight::MAX);
	}
}

/// A chain in its first block on which all have money but the pauper.
pub fn new_ext() -> sp_io::TestExternalities {
	let mut balances: Vec<_> =
		[ALICE, BOB, CAROL, OPERATOR, RIVAL].map(|who| (who, RICHES)).into_iter().collect();
	balances.push((TREASURY, 1_000));
	let storage = RuntimeGenesisConfig {
		balances: pallet_balances::GenesisConfig { balances, ..Default::default() },
		..Default::default()
	}
	.build_storage()
	.unwrap();
	let mut ext = sp_io::TestExternalities::new(storage);
	Machine::with_engine(()).attach(&mut ext);
	ext.execute_with(|| {
		Serving::set([OPERATOR, RIVAL].into());
		Registered::set([OPERATOR, RIVAL].into());
		Related::set(None);
		Disputed::set(BTreeSet::new());
		Refuted::set(BTreeSet::new());
		Barred::set(0);
		System::set_block_number(1);
		frame_system::BlockHash::<Test>::insert(u64::zero(), GENESIS_HASH);
	});
	ext
}

/// Tells a story, and checks the invariants and the sum of all money after it.
pub fn build_and_check(story: impl FnOnce()) {
	new_ext().execute_with(|| {
		let issuance = Balances::total_issuance();
		story();
		Inference::do_try_state().unwrap();
		assert_eq!(Balances::total_issuance(), issuance, "nothing is minted or burned here");
	})
}

/// The events of this pallet since the last time they were taken.
pub fn take_events() -> Vec<crate::Event<Test>> {
	let events = System::read_events_for_pallet();
	System::reset_events();
	events
}
