//! Draws on the real runtime: a stranger's calls change nothing for the others.

mod common;

use blyan_primitives::{
	possession_payload,
	traits::{EligibleOperator, OperatorSet},
	OperatorId, OperatorSignature,
};
use blyan_runtime::{
	configs::ProxyType, AccountId, Balances, Operators, Runtime, RuntimeCall, RuntimeOrigin, System, DAYS,
	HOURS, UNIT,
};
use codec::Decode;
use frame_support::{assert_noop, assert_ok, traits::fungible::InspectHold};
use pallet_operators::{Capabilities, OperatorProfile};
use proptest::prelude::*;
use sp_core::Pair;
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie, Dave, Eve, Ferdie};
use sp_runtime::traits::Dispatchable;

/// The operators of the first block.
const HONEST: [Sr25519Keyring; 3] = [Alice, Bob, Charlie];

fn eligible() -> Vec<EligibleOperator<AccountId>> {
	<Operators as OperatorSet<AccountId>>::eligible()
}

/// Returns the operators that the draw sees, but one.
fn eligible_without(stranger: &AccountId) -> Vec<EligibleOperator<AccountId>> {
	eligible().into_iter().filter(|operator| operator.account != *stranger).collect()
}

fn identity(name: &str) -> RuntimeCall {
	let display = pallet_identity::Data::Raw(name.as_bytes().to_vec().try_into().expect("it is short"));
	let info = pallet_identity::legacy::IdentityInfo { display, ..empty_identity() };
	pallet_identity::Call::set_identity { info: Box::new(info) }.into()
}

fn empty_identity<Fields: frame_support::traits::Get<u32>>() -> pallet_identity::legacy::IdentityInfo<Fields>
{
	use pallet_identity::Data::None;
	pallet_identity::legacy::IdentityInfo {
		additional: Default::default(),
		display: None,
		legal: None,
		web: None,
		riot: None,
		email: None,
		pgp_fingerprint: Option::None,
		image: None,
		twitter: None,
	}
}

fn sub(victim: Sr25519Keyring) -> (AccountId, pallet_identity::Data) {
	(victim.to_account_id(), pallet_identity::Data::None)
}

fn profile() -> OperatorProfile {
	OperatorProfile { capabilities: Capabilities::EVALUATE, ..Default::default() }
}

fn proof(who: Sr25519Keyring) -> OperatorSignature {
	who.pair().sign(&possession_payload(&System::block_hash(0), &who.to_account_id())).into()
}

fn register(who: Sr25519Keyring) -> RuntimeCall {
	pallet_operators::Call::register {
		profile: profile(),
		key: OperatorId::from(who.public()),
		proof: proof(who),
		bond_max: 1_000 * UNIT,
	}
	.into()
}

/// Everything that a stranger can say about `victim`, or do that others might take for a relation with it.
fn by_a_stranger(stranger: Sr25519Keyring, victim: Sr25519Keyring, amount: u128) -> Vec<RuntimeCall> {
	let account = victim.to_account_id();
	let others = vec![stranger.to_account_id(), account.clone()];
	vec![
		identity("owner of all"),
		pallet_identity::Call::add_sub { sub: account.clone().into(), data: pallet_identity::Data::None }
			.into(),
		pallet_identity::Call::set_subs { subs: HONEST.map(sub).to_vec() }.into(),
		pallet_identity::Call::rename_sub { sub: account.clone().into(), data: pallet_identity::Data::None }
			.into(),
		pallet_identity::Call::remove_sub { sub: account.clone().into() }.into(),
		pallet_proxy::Call::add_proxy {
			delegate: account.clone().into(),
			proxy_type: ProxyType::Any,
			delay: 0,
		}
		.into(),
		pallet_proxy::Call::create_pure { proxy_type: ProxyType::Any, delay: 0, index: 0 }.into(),
		pallet_multisig::Call::approve_as_multi {
			threshold: 2,
			other_signatories: others.into_iter().skip(1).collect(),
			maybe_timepoint: None,
			call_hash: [7; 32],
			max_weight: Default::default(),
		}
		.into(),
		pallet_balances::Call::transfer_allow_death { dest: account.clone().into(), value: amount }.into(),
		pallet_balances::Call::transfer_keep_alive { dest: account.clone().into(), value: amount }.into(),
		register(stranger),
		pallet_operators::Call::outbid {
			profile: profile(),
			key: OperatorId::from(stranger.public()),
			proof: proof(stranger),
			stake: UNIT + amount,
			bond_max: 1_000 * UNIT,
		}
		.into(),
		pallet_operators::Call::top_up { amount }.into(),
		pallet_operators::Call::exit {}.into(),
		pallet_operators::Call::declare_owner { owner: account.clone() }.into(),
		pallet_operators::Call::accept_operator { operator: account.clone() }.into(),
		pallet_operators::Call::dissolve_ownership { operator: account.clone() }.into(),
		pallet_operators::Call::report_silence { who: account.clone() }.into(),
		pallet_operators::Call::challenge_hardware { who: account.clone() }.into(),
		pallet_operators::Call::settle_hardware { who: account }.into(),
	]
}

/// Number of calls.
const CALLS: usize = 20;

#[test]
fn a_stranger_with_sub_accounts_owns_no_operator() {
	common::development().execute_with(|| {
		// One identity that names every operator as its own. None of them agreed.
		let before = eligible();
		assert_ok!(identity("owner of all").dispatch(RuntimeOrigin::signed(Dave.to_account_id())));
		let claim: RuntimeCall = pallet_identity::Call::set_subs { subs: HONEST.map(sub).to_vec() }.into();
		assert_ok!(claim.dispatch(RuntimeOrigin::signed(Dave.to_account_id())));
		assert_eq!(
			pallet_identity::SuperOf::<Runtime>::get(Alice.to_account_id()).map(|(owner, _)| owner),
			Some(Dave.to_account_id()),
			"the identity says so"
		);
		assert_eq!(eligible(), before, "and no draw believes it");
		assert!(eligible().iter().all(|operator| operator.owner == operator.account));
	});
}

#[test]
fn the_first_operators_evaluate_weigh_alike_and_say_what_they_have_at_stake() {
	common::development().execute_with(|| {
		let eligible = eligible();
		assert_eq!(eligible.len(), HONEST.len(), "a new network draws from its first block on");
		for operator in &eligible {
			let held =
				Balances::balance_on_hold(&pallet_operators::HoldReason::Stake.into(), &operator.account);
			assert_eq!(operator.stake, held);
			assert_eq!(operator.weight, eligible[0].weight);
			assert!(operator.weight > 0);
		}
		for info in Operators::infos() {
			assert!(Capabilities(info.capabilities).contains(Capabilities::EVALUATE));
		}
	});
}

#[test]
fn the_property_tries_every_call_there_is() {
	// All but those that need something first succeed by themselves, so the property is not about refusals.
	common::development().execute_with(|| {
		assert_eq!(by_a_stranger(Dave, Alice, 1).len(), CALLS);
		let succeeded = by_a_stranger(Dave, Alice, UNIT)
			.into_iter()
			.filter(|call| call.clone().dispatch(RuntimeOrigin::signed(Dave.to_account_id())).is_ok())
			.count();
		assert!(succeeded >= 12, "{succeeded} of {CALLS}");
	});
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(24))]

	#[test]
	fn what_strangers_do_leaves_every_other_operator_as_it_was(
		steps in prop::collection::vec((0usize..CALLS, 0usize..3, 0u128..5 * UNIT, 0u32..3), 1..40),
	) {
		for stranger in [Dave, Eve, Ferdie] {
			let account = stranger.to_account_id();
			common::development().execute_with(|| -> Result<(), TestCaseError> {
				for (call, victim, amount, blocks) in &steps {
					System::set_block_number((System::block_number() + blocks).min(HOURS));
					let before = eligible_without(&account);
					let call = by_a_stranger(stranger, HONEST[*victim], *amount).remove(*call);
					// Refused or not: what counts is what is left behind.
					let _ = call.dispatch(RuntimeOrigin::signed(account.clone()));
					prop_assert_eq!(eligible_without(&account), before);
				}
				Ok(())
			})?;
		}
	}
}

/// A coalition may slow the clocks of the game about its own lie with a lot of money. Its members leave in the meantime, and
/// have to wait all the same: a stake that was taken away in time would be a lie for free.
#[test]
fn an_operator_cannot_withdraw_while_a_game_about_its_claim_outlasts_the_unbonding_period() {
	common::development().execute_with(|| {
		let liar = Bob.to_account_id();
		assert_ok!(Operators::exit(RuntimeOrigin::signed(liar.clone())));
		let seat = |operator| pallet_proof_of_learning::Seat { operator, verdict: Some(any()), ..any() };
		let mut decision: pallet_proof_of_learning::DecisionRecordOf<Runtime> = any();
		decision.seats =
			vec![seat(Alice.to_account_id()), seat(liar.clone())].try_into().expect("two of many seats");
		decision.disputes = 1;
		pallet_proof_of_learning::Decisions::<Runtime>::insert(7, decision);

		System::set_block_number(30 * DAYS);
		let withdraw = || Operators::withdraw(RuntimeOrigin::signed(liar.clone()));
		assert_noop!(withdraw(), pallet_operators::Error::<Runtime>::ClaimsOpen);
		// The game ends, and the decision with it.
		pallet_proof_of_learning::Decisions::<Runtime>::remove(7);
		assert_ok!(withdraw());
	});
}

/// The record that zeros spell.
fn any<Record: Decode>() -> Record {
	Record::decode(&mut sp_runtime::traits::TrailingZeroInput::zeroes()).expect("zeros are a record")
}
