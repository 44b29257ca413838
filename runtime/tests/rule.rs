//! Tunable parameters, delegates and the brakes.

mod common;

use blyan_runtime::{
	configs::ProxyType,
	parameters::{learning, serving, RuntimeParameters},
	Parameters, Runtime, RuntimeCall, RuntimeOrigin, UNIT,
};
use blyan_runtime_api::runtime_decl_for_learning_api::LearningApiV3;
use blyan_runtime_api::runtime_decl_for_serving_api::ServingApiV2;
use frame_support::{
	assert_noop, assert_ok,
	traits::{Get, InstanceFilter},
};
use sp_keyring::Sr25519Keyring::{Alice, Bob};
use sp_runtime::traits::BadOrigin;

fn delta(value: u32) -> RuntimeParameters {
	RuntimeParameters::Learning(learning::Parameters::Delta(learning::Delta, Some(value)))
}

fn transfer() -> RuntimeCall {
	pallet_balances::Call::transfer_keep_alive { dest: Bob.to_account_id().into(), value: UNIT }.into()
}

#[test]
fn set_parameter_takes_effect_at_once_for_root_alone() {
	common::development().execute_with(|| {
		assert_eq!(Runtime::terms(Alice.to_account_id()).delta, 32);
		let signed = RuntimeOrigin::signed(Alice.to_account_id());
		assert_noop!(Parameters::set_parameter(signed, delta(7)), BadOrigin);
		assert_ok!(Parameters::set_parameter(RuntimeOrigin::root(), delta(7)));
		assert_eq!(Runtime::terms(Alice.to_account_id()).delta, 7);

		let price =
			RuntimeParameters::Serving(serving::Parameters::PricePerByte(serving::PricePerByte, Some(UNIT)));
		assert_ok!(Parameters::set_parameter(RuntimeOrigin::root(), price));
		assert_eq!(Runtime::price_per_byte(), UNIT);
	});
}

#[test]
fn defaults_are_terms_that_a_miner_can_meet() {
	common::development().execute_with(|| {
		let terms = Runtime::terms(Bob.to_account_id());
		assert_eq!(terms.bond, UNIT);
		assert_eq!((terms.trusted, terms.quota_left), (false, 20));
		assert!(terms.pow_bits <= 24, "a stamp takes seconds, not minutes");
		// A trusted miner never meets stricter terms than a newcomer.
		let (newcomer, trusted): (u32, u32) = (learning::PowBits::get(), learning::TrustedPowBits::get());
		assert!(trusted <= newcomer);
	});
}

#[test]
fn commitments_outlive_the_evaluation_that_an_author_may_have_to_wait_for() {
	common::development().execute_with(|| {
		let terms = Runtime::terms(Bob.to_account_id());
		assert!(terms.commit_deposit < terms.bond, "an honest mistake costs little");
		let lifetime: u32 = learning::CommitLifetime::get();
		let (seal, reveal): (u32, u32) = (learning::SealWindow::get(), learning::RevealWindow::get());
		let draw: u32 = learning::DrawWindow::get();
		// Two committees seal in each draw.
		let draws = learning::MaxRedraws::get() + 1;
		assert!(lifetime > terms.commit_age + draws * (draw + 2 * seal + reveal), "{lifetime}");
	});
}

#[test]
fn proxy_of_a_miner_or_an_operator_moves_no_money() {
	let withdraw: RuntimeCall = pallet_proof_of_learning::Call::<Runtime>::withdraw { submission: 0 }.into();
	let exit: RuntimeCall = pallet_operators::Call::<Runtime>::exit {}.into();
	assert!(ProxyType::Miner.filter(&withdraw) && !ProxyType::Miner.filter(&exit));
	assert!(ProxyType::Operator.filter(&exit) && !ProxyType::Operator.filter(&withdraw));
	for narrow in [ProxyType::Miner, ProxyType::Operator, ProxyType::Collator, ProxyType::NonTransfer] {
		assert!(!narrow.filter(&transfer()), "{narrow:?}");
		assert!(!narrow.is_superset(&ProxyType::Any), "{narrow:?}");
		assert!(ProxyType::Any.is_superset(&narrow), "{narrow:?}");
	}
}
