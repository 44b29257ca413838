//! Holders behind operators, over the pallets that pay and punish.

mod common;

use blyan_primitives::traits::{OffenceKind, Offences, OperatorSet};
use blyan_runtime::{
	configs::TreasuryAccount, AccountId, Balance, Balances, Delegation, Ledger, Operators, Runtime,
	RuntimeOrigin, Slashing, UNIT,
};
use frame_support::{assert_noop, assert_ok, traits::fungible::Inspect};
use pallet_ledger::Envelope;
use sp_core::H256;
use sp_keyring::Sr25519Keyring::{Alice, Bob, Dave, Eve};

fn wealth(who: &AccountId) -> Balance {
	<Balances as Inspect<AccountId>>::total_balance(who)
}

fn delegate(backer: &AccountId, operator: &AccountId, amount: Balance) -> sp_runtime::DispatchResult {
	Delegation::delegate(RuntimeOrigin::signed(backer.clone()), operator.clone(), amount, 100_000)
}

/// A chain on which Dave has 200 behind the 100 of Alice, for a commission of a tenth.
fn backed(story: impl FnOnce(AccountId, AccountId)) {
	common::development().execute_with(|| {
		let (alice, dave) = (Alice.to_account_id(), Dave.to_account_id());
		assert_ok!(Delegation::set_commission(RuntimeOrigin::signed(alice.clone()), 100_000));
		assert_ok!(delegate(&dave, &alice, 200 * UNIT));
		story(alice, dave);
	});
}

#[test]
fn a_backer_shares_an_operators_reward_and_its_slash_and_no_reporter_has_a_part_in_that() {
	backed(|alice, dave| {
		let eve = Eve.to_account_id();
		let paid = Ledger::reward(Envelope::Validation, &alice, 30 * UNIT);
		<Operators as OperatorSet<AccountId>>::note_income(&alice, paid);
		let income = || Delegation::backing_infos(&dave).first().map(|backing| backing.income);
		// Two thirds, less a tenth.
		assert_eq!(income(), Some(18 * UNIT));
		let before = wealth(&dave);
		assert_ok!(Delegation::claim(RuntimeOrigin::signed(eve.clone()), alice.clone(), dave.clone()));
		assert_eq!((wealth(&dave), income()), (before + 18 * UNIT, Some(0)));

		let evidence = H256::repeat_byte(1);
		<Slashing as Offences<AccountId>>::report(&alice, OffenceKind::FalseScore, evidence, Some(&eve));
		assert_noop!(delegate(&eve, &alice, 10 * UNIT), pallet_delegation::Error::<Runtime>::OffencePending);
		let (reporter, treasury) = (wealth(&eve), wealth(&TreasuryAccount::get()));
		assert_ok!(Slashing::uphold(RuntimeOrigin::root(), 0));
		let pool = Delegation::pool_info(alice).expect("it is still there");
		assert_eq!((pool.own, pool.backed, pool.room), (50 * UNIT, 100 * UNIT, 0));
		// A fifth of what the operator itself lost, and nothing of what the backer did.
		assert_eq!(wealth(&eve) - reporter, 10 * UNIT);
		assert_eq!(wealth(&TreasuryAccount::get()) - treasury, 140 * UNIT);
	});
}

#[test]
fn backing_weighs_from_the_next_heartbeat_on_and_is_no_part_of_the_stake() {
	backed(|alice, _| {
		let seen = || <Operators as OperatorSet<AccountId>>::present(&alice).expect("she is on duty");
		let bob = <Operators as OperatorSet<AccountId>>::present(&Bob.to_account_id()).expect("so is he");
		assert_eq!(seen().weight, bob.weight);
		let key = <Operators as OperatorSet<AccountId>>::key_of(&alice).expect("she is an operator");
		assert_ok!(Operators::do_heartbeat(Operators::period(), &key, Default::default()));
		assert!(seen().weight >= 3 * bob.weight);
		assert_eq!(seen().stake, 100 * UNIT);
	});
}

#[test]
fn clients_find_pools_and_what_they_bring() {
	backed(|alice, dave| {
		let [pool] = &Delegation::pool_infos()[..] else { panic!("there is one pool") };
		assert_eq!((&pool.operator, pool.open, pool.commission, pool.backers), (&alice, true, 100_000, 1));
		assert_eq!(pool.room, 0);
		assert_eq!(Delegation::backing_infos(&dave).len(), 1);
		assert!(Delegation::backing_infos(&alice).is_empty());
		// No period is over, so there is nothing to go by.
		assert_eq!(Delegation::projected_income(alice, 10 * UNIT), Some(0));
		assert_eq!(Delegation::projected_income(dave, 10 * UNIT), None);
	});
}
