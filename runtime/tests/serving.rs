//! Paid serving on the whole chain: who may sell, where the money goes, what runs in safe mode.

mod common;

use blyan_primitives::{Prices, ServingKey, Voucher};
use blyan_runtime::{
	configs::TreasuryAccount, parameters::serving, AccountId, Balance, Balances, Inference, Operators,
	Parameters, Runtime, RuntimeCall, RuntimeOrigin, SafeMode, System, HOURS, UNIT,
};
use blyan_runtime_api::runtime_decl_for_serving_api::ServingApiV2;
use frame_support::{
	assert_noop, assert_ok,
	traits::{fungible::Inspect, Contains, Get},
};
use pallet_inference::{serving_key_payload, Call, Error, OfferTerms, ProvenKey};
use pallet_operators::Capabilities;
use sp_core::{sr25519, Pair, H256};
use sp_keyring::Sr25519Keyring::{Alice, Eve};

/// 0.01 and 0.02 BLY per 1,000 tokens.
const PRICES: Prices = Prices { input: UNIT / 100, output: UNIT / 50 };

fn pair(seed: u8) -> sr25519::Pair {
	sr25519::Pair::from_seed(&[seed; 32])
}

fn key(seed: u8) -> ServingKey {
	pair(seed).public()
}

fn operator() -> AccountId {
	Alice.to_account_id()
}

fn payer() -> RuntimeOrigin {
	RuntimeOrigin::signed(Eve.to_account_id())
}

fn make_offer() -> sp_runtime::DispatchResult {
	let payload = serving_key_payload(&System::block_hash(0), &operator());
	let terms = OfferTerms {
		model: Some(0),
		generation: 0,
		model_root: H256::repeat_byte(1),
		prices: PRICES,
		capacity: 4,
		context: 8_192,
		endpoint: b"https://operator.example/v1".to_vec().try_into().expect("it is short"),
	};
	let key = ProvenKey { key: key(1), proof: pair(1).sign(&payload) };
	Inference::make_offer(RuntimeOrigin::signed(operator()), terms, key)
}

/// Gives the operator the capability to serve, and an offer.
fn serve() {
	let capabilities = Capabilities::EVALUATE | Capabilities::SERVE;
	let origin = RuntimeOrigin::signed(operator());
	assert_ok!(Operators::update_capabilities(origin, capabilities, H256::zero()));
	assert_ok!(make_offer());
}

fn settle(amount: Balance) -> sp_runtime::DispatchResult {
	let signature = pair(2).sign(&Voucher { session: 1, amount }.payload(&System::block_hash(0)));
	Inference::settle(RuntimeOrigin::signed(operator()), 1, amount, signature)
}

#[test]
fn offers_need_the_capability_to_serve() {
	common::development().execute_with(|| {
		assert_noop!(make_offer(), Error::<Runtime>::NotServing);
		serve();
		let offers = Runtime::offers(0, 10);
		assert_eq!((offers.len(), Runtime::offer_count()), (1, 1));
		assert!(offers[0].open && offers[0].operator == operator());
		assert_eq!(Runtime::operator_of_key(key(1)), Some(operator()));
		assert_ok!(Operators::exit(RuntimeOrigin::signed(operator())));
		assert!(!Runtime::offer(0).expect("it is still there").open);
	});
}

#[test]
fn payment_reaches_the_operator_and_the_share_goes_where_fees_go() {
	common::development().execute_with(|| {
		serve();
		assert_ok!(Inference::open_session(payer(), 0, key(2), UNIT));
		let pots = || {
			Balances::balance(&TreasuryAccount::get())
				+ Balances::balance(&blyan_runtime::CollatorSelection::account_id())
		};
		let (earned, pots_before, issuance) =
			(Balances::balance(&operator()), pots(), Balances::total_issuance());
		assert_ok!(settle(UNIT / 2));
		let share = UNIT / 200;
		assert_eq!(Balances::balance(&operator()) - earned, UNIT / 2 - share);
		// A hundredth of the share is burned, as of every fee.
		assert_eq!(pots() - pots_before, share - share / 100);
		assert_eq!(issuance - Balances::total_issuance(), share / 100);
		let session = Runtime::session(1).expect("it is open");
		assert_eq!((session.settled, session.deposit, session.prices), (UNIT / 2, UNIT, PRICES));
		let user = Runtime::user(Eve.to_account_id());
		assert_eq!((user.spent, user.interactions, user.sessions), (UNIT / 2, 1, 1));
		assert_eq!(Runtime::usage(0)[0].charged, UNIT / 2);
	});
}

#[test]
fn cost_is_what_the_page_says() {
	common::development().execute_with(|| {
		serve();
		let cost = || Runtime::cost(Eve.to_account_id(), 0, 1_000, 500).expect("there is an offer");
		assert_eq!((cost().ceiling, cost().privacy, cost().free), (UNIT / 50, 0, false));
		assert_ok!(Inference::toggle_privacy(payer()));
		assert_eq!((cost().ceiling, cost().privacy), (UNIT / 50 * 120 / 100, UNIT / 50 * 20 / 100));
		assert_eq!(Runtime::cost(Eve.to_account_id(), 1, 1, 1), None);
	});
}

#[test]
fn safe_mode_lets_payments_end_and_none_begin() {
	common::development().execute_with(|| {
		serve();
		assert_ok!(Inference::open_session(payer(), 0, key(2), UNIT));
		System::set_block_number(HOURS + 1);
		assert_ok!(SafeMode::force_enter(RuntimeOrigin::root()));
		let passes = |call: Call<Runtime>| {
			<Runtime as frame_system::Config>::BaseCallFilter::contains(&RuntimeCall::Inference(call))
		};
		let signature = pair(2).sign(b"any");
		assert!(passes(Call::settle { session: 1, amount: 1, signature }));
		for call in [
			Call::close_session { session: 1 },
			Call::finish_session { session: 1 },
			Call::release_session { session: 1 },
			Call::cancel { request: 0 },
			Call::credit { request: 0 },
			Call::expire { request: 0 },
		] {
			assert!(passes(call.clone()), "{call:?}");
		}
		for call in [
			Call::authorise { request: 0 },
			Call::open_session { offer: 0, voucher_key: key(2), deposit: UNIT },
			Call::top_up { session: 1, amount: UNIT },
		] {
			assert!(!passes(call.clone()), "{call:?}");
		}
	});
}

#[test]
fn windows_agree_with_each_other() {
	common::development().execute_with(|| {
		let (cancel, capture): (u32, u32) = (serving::CancelWindow::get(), serving::CaptureWindow::get());
		assert!(cancel <= capture, "cancelling never gives more time than there was");
		let (window, memory): (u32, u32) =
			(serving::ReceiptWindow::get(), <Runtime as pallet_inference::Config>::RequestMemory::get());
		assert!(window <= memory);
		let stake: u32 = <Runtime as pallet_operators::Config>::UnbondingPeriod::get();
		assert!(
			<Runtime as pallet_inference::Config>::KeyMemory::get() >= stake,
			"keys answer as long as stakes"
		);
	});
}

/// Attack: a referendum that leaves operators no time to settle, or takes what they were promised.
#[test]
fn parameters_leave_time_to_act_and_most_of_the_pay() {
	use blyan_runtime::parameters::{disputes, RuntimeParameters};
	use pallet_inference::Config;
	use serving::Parameters as Serving;
	use sp_runtime::Perbill;
	common::development().execute_with(|| {
		let all = Some(Perbill::one());
		for parameter in [
			Serving::QuoteWindow(serving::QuoteWindow, Some(0)),
			Serving::CaptureWindow(serving::CaptureWindow, Some(0)),
			Serving::CancelWindow(serving::CancelWindow, Some(0)),
			Serving::ReceiptWindow(serving::ReceiptWindow, Some(0)),
			Serving::SessionClosing(serving::SessionClosing, Some(0)),
			Serving::NetworkShare(serving::NetworkShare, all),
		] {
			let parameter = RuntimeParameters::Serving(parameter);
			assert_ok!(Parameters::set_parameter(RuntimeOrigin::root(), parameter));
		}
		// A day of a development chain has 20 blocks.
		let windows: [u32; 5] = [
			<Runtime as Config>::QuoteWindow::get(),
			<Runtime as Config>::CaptureWindow::get(),
			<Runtime as Config>::CancelWindow::get(),
			<Runtime as Config>::ChallengeWindow::get(),
			<Runtime as Config>::SessionClosing::get(),
		];
		assert_eq!(windows, [1; 5]);
		let share: Perbill = <Runtime as Config>::NetworkShare::get();
		assert_eq!(share, Perbill::from_percent(20));
		let bond = disputes::Parameters::Bond(disputes::Bond, Some(Balance::MAX));
		assert_ok!(Parameters::set_parameter(RuntimeOrigin::root(), RuntimeParameters::Disputes(bond)));
		let bonds: [Balance; 2] = [
			<Runtime as pallet_answers::Config>::Bond::get(),
			<Runtime as pallet_disputes::Config>::Bond::get(),
		];
		assert_eq!(bonds, [100 * UNIT; 2]);
	});
}
