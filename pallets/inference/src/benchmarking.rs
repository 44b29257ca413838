//! Worst cases of the calls and of the sweep.
//!
//! An operator has as many offers and keys as it may; its account and its payers' exist, so that what is paid is added to a balance.

use crate::{
	account_bytes, serving_key_payload, Balance, Call, Config, Event, Failure, HoldReason, KeyRecord, KeysOf,
	NextRequest, OfferTerms, Offers, Pallet, ProvenKey, RequestTerms, Requests, ServingKeyRecords, Sessions,
	State, ENDPOINT_BYTES_MAX,
};
use alloc::vec;
use blyan_primitives::{
	traits::Servers, AnswerEnd, OfferId, Prices, Quote, Receipt, RequestId, ServingKey, ServingSignature,
	SessionId, SignedReceipt, Voucher, RECEIPT_VERSION,
};
use blyan_support::genesis_hash;
use codec::Encode;
use frame_benchmarking::{account, v2::*};
use frame_support::traits::{
	fungible::{Balanced, Inspect, InspectHold},
	tokens::Precision,
	Get,
};
use frame_system::RawOrigin;
use sp_core::{crypto::KeyTypeId, H256};
use sp_runtime::traits::Saturating;

/// Where the benchmarks keep their keys.
const KEYS: KeyTypeId = KeyTypeId(*b"serv");
/// 0.001 BLY a token read, twice that a token chosen, where a BLY has 12 decimals.
const PRICES: Prices = Prices { input: 1_000_000_000_000, output: 2_000_000_000_000 };
const PROMPT_TOKENS: u32 = 1_000;
const ANSWER_TOKENS: u32 = 1_000;

fn assert_last_event<T: Config>(event: Event<T>) {
	let event: <T as frame_system::Config>::RuntimeEvent = event.into();
	frame_system::Pallet::<T>::assert_last_event(event);
}

fn new_key() -> ServingKey {
	sp_io::crypto::sr25519_generate(KEYS, None)
}

fn sign(key: &ServingKey, payload: &[u8]) -> ServingSignature {
	sp_io::crypto::sr25519_sign(KEYS, key, payload).expect("the key was generated here; qed")
}

fn prove<T: Config>(who: &T::AccountId, key: ServingKey) -> ProvenKey {
	ProvenKey { key, proof: sign(&key, &serving_key_payload(&genesis_hash::<T>(), who)) }
}

/// Money for everything below.
fn endow<T: Config>(who: &T::AccountId) {
	let amount = T::Currency::minimum_balance()
		.saturating_add(T::SessionDepositMin::get())
		.saturating_add(T::QuoteDeposit::get())
		.saturating_mul(1_000)
		.saturating_add(10_000_000_000_000_000);
	let _ = T::Currency::deposit(who, amount, Precision::Exact);
}

fn offer_terms() -> OfferTerms {
	OfferTerms {
		model: None,
		generation: 0,
		model_root: H256::repeat_byte(1),
		prices: PRICES,
		capacity: 1_000,
		context: PROMPT_TOKENS.saturating_add(ANSWER_TOKENS),
		endpoint: vec![b'a'; ENDPOINT_BYTES_MAX as usize].try_into().expect("as long as it may be; qed"),
	}
}

/// An operator with `offers` offers under one key.
fn serving<T: Config>(offers: u32) -> (T::AccountId, ServingKey) {
	let who = T::Servers::ensure_server_for_benchmark();
	endow::<T>(&who);
	let key = new_key();
	for _ in 0..offers {
		let proven = prove::<T>(&who, key);
		Pallet::<T>::do_make_offer(who.clone(), offer_terms(), proven).expect("it may serve; qed");
	}
	(who, key)
}

/// Retired keys in every place that is left: none of them is over.
fn fill_keys<T: Config>(who: &T::AccountId) {
	let later = frame_system::Pallet::<T>::block_number().saturating_add(1_000u32.into());
	for place in KeysOf::<T>::get(who).len() as u32..T::MaxKeys::get().saturating_sub(1) {
		let key = ServingKey::from_raw(sp_io::hashing::blake2_256(&place.encode()));
		let record = KeyRecord { operator: who.clone(), uses: 0, until: Some(later) };
		ServingKeyRecords::<T>::insert(key, record);
		let _ = KeysOf::<T>::try_append(who, key);
	}
}

fn payer<T: Config>() -> T::AccountId {
	let who: T::AccountId = whitelisted_caller();
	endow::<T>(&who);
	who
}

fn terms(offer: OfferId) -> RequestTerms {
	RequestTerms {
		offer,
		prompt: H256::repeat_byte(2),
		prompt_tokens: PROMPT_TOKENS,
		max_answer_tokens: ANSWER_TOKENS,
		seed: 7,
		key: H256::repeat_byte(3),
	}
}

/// A request of a payer for the first offer, quoted or authorised.
fn requested<T: Config>(is_authorised: bool) -> (T::AccountId, T::AccountId, ServingKey, RequestId) {
	let (operator, key) = serving::<T>(1);
	let payer = payer::<T>();
	Pallet::<T>::do_request(payer.clone(), terms(0)).expect("the offer is open; qed");
	if is_authorised {
		Pallet::<T>::do_authorise(&payer, 0).expect("the payer has the money; qed");
	}
	(payer, operator, key, 0)
}

fn receipt<T: Config>(key: ServingKey) -> SignedReceipt {
	let receipt = Receipt {
		version: RECEIPT_VERSION,
		model_root: H256::repeat_byte(1),
		tokenizer: H256::zero(),
		tokens_root: H256::zero(),
		prompt_tokens: PROMPT_TOKENS,
		prompt_tokens_seen: PROMPT_TOKENS,
		answer_tokens: 10,
		seed: 7,
		temperature_q8: 0,
		top_p_q8: 256,
		end: AnswerEnd::Stop,
		session: 0,
		charged: PRICES.cost(PROMPT_TOKENS, 10).expect("a small number; qed"),
	};
	SignedReceipt { receipt, key, signature: sign(&key, &receipt.payload(&genesis_hash::<T>())) }
}

/// A request that was captured.
fn captured<T: Config>() -> (T::AccountId, RequestId) {
	let (_, operator, key, request) = requested::<T>(true);
	Pallet::<T>::do_capture(&operator, request, &receipt::<T>(key)).expect("the receipt fits; qed");
	(operator, request)
}

/// Makes what a request waits for due.
fn due<T: Config>(request: RequestId) {
	Requests::<T>::mutate_extant(request, |record| record.deadline = Pallet::<T>::now());
}

/// A session of a payer, with the key of its vouchers.
fn opened<T: Config>() -> (T::AccountId, T::AccountId, ServingKey, SessionId) {
	let (operator, _) = serving::<T>(1);
	let (payer, key) = (payer::<T>(), new_key());
	Pallet::<T>::do_open_session(payer.clone(), 0, key, deposit::<T>()).expect("the offer is open; qed");
	(payer, operator, key, 1)
}

fn deposit<T: Config>() -> Balance {
	T::SessionDepositMin::get().saturating_add(T::Currency::minimum_balance().saturating_mul(100))
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn make_offer() {
		let (who, _) = serving::<T>(T::MaxOffers::get().saturating_sub(1));
		fill_keys::<T>(&who);
		let (key, offer) = (new_key(), T::MaxOffers::get().saturating_sub(1));
		let proven = prove::<T>(&who, key);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), offer_terms(), proven);

		assert_last_event::<T>(Event::OfferMade { offer, operator: who, key });
	}

	#[benchmark]
	fn change_offer() {
		let (who, _) = serving::<T>(T::MaxOffers::get());
		fill_keys::<T>(&who);
		let key = new_key();
		let proven = prove::<T>(&who, key);

		#[extrinsic_call]
		_(RawOrigin::Signed(who), 0, offer_terms(), Some(proven));

		assert_last_event::<T>(Event::OfferChanged { offer: 0, key });
	}

	#[benchmark]
	fn withdraw_offer() {
		let (who, _) = serving::<T>(T::MaxOffers::get());

		#[extrinsic_call]
		_(RawOrigin::Signed(who), 0);

		assert_last_event::<T>(Event::OfferWithdrawn { offer: 0 });
	}

	// The worst case: every offer goes. The operator is one that never registered.
	#[benchmark]
	fn close_offers() {
		let (server, _) = serving::<T>(T::MaxOffers::get());
		fill_keys::<T>(&server);
		let gone: T::AccountId = account("gone", 0, 0);
		crate::OffersOf::<T>::insert(&gone, crate::OffersOf::<T>::take(&server));
		KeysOf::<T>::insert(&gone, KeysOf::<T>::take(&server));
		let caller: T::AccountId = whitelisted_caller();

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), gone.clone());

		assert!(!crate::OffersOf::<T>::contains_key(&gone));
	}

	#[benchmark]
	fn request() {
		serving::<T>(1);
		let payer = payer::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(payer), terms(0));

		assert_eq!(NextRequest::<T>::get(), 1);
	}

	#[benchmark]
	fn authorise() {
		let (payer, _, _, id) = requested::<T>(false);

		#[extrinsic_call]
		_(RawOrigin::Signed(payer), id);

		assert_eq!(Offers::<T>::get(0).map(|offer| offer.load), Some(1));
	}

	#[benchmark]
	fn authorise_quote() {
		let (_, key) = serving::<T>(1);
		let payer = payer::<T>();
		let quote = Quote {
			offer: 0,
			payer: account_bytes(&payer),
			prompt: H256::zero(),
			prompt_tokens: PROMPT_TOKENS,
			max_answer_tokens: ANSWER_TOKENS,
			prices: PRICES,
			ceiling: PRICES.cost(PROMPT_TOKENS, ANSWER_TOKENS).expect("a small number; qed"),
			expires: u32::MAX,
		};
		let signature = sign(&key, &quote.payload(&genesis_hash::<T>()));

		#[extrinsic_call]
		_(RawOrigin::Signed(payer), quote, signature, 7);

		assert_eq!(Offers::<T>::get(0).map(|offer| offer.load), Some(1));
	}

	#[benchmark]
	fn capture() {
		let (_, operator, key, id) = requested::<T>(true);
		let receipt = receipt::<T>(key);

		#[extrinsic_call]
		_(RawOrigin::Signed(operator), id, receipt);

		assert_eq!(Requests::<T>::get(id).map(|record| record.state), Some(State::Captured));
	}

	#[benchmark]
	fn credit() {
		let (_, id) = captured::<T>();
		due::<T>(id);
		let caller: T::AccountId = account("caller", 0, 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), id);

		assert_eq!(Requests::<T>::get(id).map(|record| record.state), Some(State::Credited));
	}

	// The worst case: a quote, which ends at once.
	#[benchmark]
	fn cancel() {
		let (payer, _, _, id) = requested::<T>(false);

		#[extrinsic_call]
		_(RawOrigin::Signed(payer), id);

		assert_last_event::<T>(Event::RequestFailed { request: id, failure: Failure::Cancelled });
	}

	#[benchmark]
	fn decline() {
		let (_, operator, _, id) = requested::<T>(true);

		#[extrinsic_call]
		_(RawOrigin::Signed(operator), id);

		assert_last_event::<T>(Event::RequestFailed { request: id, failure: Failure::Declined });
	}

	#[benchmark]
	fn reverse() {
		let (operator, id) = captured::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(operator), id);

		assert_eq!(Requests::<T>::get(id).map(|record| record.state), Some(State::Reversed));
	}

	#[benchmark]
	fn expire() {
		let (_, _, _, id) = requested::<T>(true);
		due::<T>(id);
		let caller: T::AccountId = account("caller", 0, 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), id);

		assert_last_event::<T>(Event::RequestFailed { request: id, failure: Failure::TimedOut });
	}

	#[benchmark]
	fn open_session() {
		serving::<T>(1);
		let payer = payer::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(payer), 0, new_key(), deposit::<T>());

		assert!(Sessions::<T>::contains_key(1));
	}

	#[benchmark]
	fn top_up() {
		let (payer, _, _, session) = opened::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(payer), session, 5);

		let deposit = deposit::<T>().saturating_add(5);
		assert_last_event::<T>(Event::SessionToppedUp { session, deposit });
	}

	// The worst case: the voucher is signed as wallets do, so that two signatures are checked.
	#[benchmark]
	fn settle() {
		let (payer, operator, key, session) = opened::<T>();
		let amount = deposit::<T>();
		let payload = Voucher { session, amount }.payload(&genesis_hash::<T>());
		let signature = sign(&key, &blyan_primitives::serving::wrapped(&payload));

		#[extrinsic_call]
		_(RawOrigin::Signed(operator), session, amount, signature);

		let held = T::Currency::balance_on_hold(&HoldReason::Session.into(), &payer);
		assert_eq!(held, 0);
	}

	#[benchmark]
	fn close_session() {
		let (payer, _, _, session) = opened::<T>();
		let until = Pallet::<T>::now().saturating_add(T::SessionClosing::get());

		#[extrinsic_call]
		_(RawOrigin::Signed(payer), session);

		assert_last_event::<T>(Event::SessionClosing { session, until });
	}

	#[benchmark]
	fn finish_session() {
		let (_, _, _, session) = opened::<T>();
		Sessions::<T>::mutate_extant(session, |record| record.closing = Some(Pallet::<T>::now()));
		let caller: T::AccountId = account("caller", 0, 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), session);

		assert!(!Sessions::<T>::contains_key(session));
	}

	#[benchmark]
	fn release_session() {
		let (_, operator, _, session) = opened::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(operator), session);

		assert!(!Sessions::<T>::contains_key(session));
	}

	#[benchmark]
	fn toggle_privacy() {
		let who: T::AccountId = whitelisted_caller();

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()));

		assert_last_event::<T>(Event::PrivacyToggled { who, is_private: true });
	}

	#[benchmark]
	fn sweep() {
		#[block]
		{
			Pallet::<T>::sweep(frame_support::weights::Weight::MAX);
		}

		assert_eq!(NextRequest::<T>::get(), 0);
	}

	// The worst case of one request: it is paid.
	#[benchmark]
	fn sweep_request() {
		let (_, id) = captured::<T>();
		due::<T>(id);

		#[block]
		{
			Pallet::<T>::sweep(frame_support::weights::Weight::MAX);
		}

		assert_eq!(Requests::<T>::get(id).map(|record| record.state), Some(State::Credited));
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::mock::new_ext(), crate::tests::mock::Test);
}
