//! Stories of paying rewards, which the neighbours ask for through the trait.

use super::mock::*;
use crate::{
	Balance, Envelope, EnvelopeAmounts, Envelopes, Event, Journal, JournalEntry, JournalHead, JournalRoot,
	Paid,
};
use blyan_primitives::traits::Rewards;
use frame_support::{
	assert_ok,
	traits::{
		fungible::Mutate,
		tokens::{Fortitude, Precision, Preservation},
	},
};
use sp_core::H256;

#[test]
fn pay_learning_mints_in_proportion_to_the_improvement() {
	ExtBuilder::default().build_and_check(|| {
		assert_eq!(Ledger::pay_learning(&BOB, 48, 32, Balance::MAX), 1_500);
		assert_eq!(Balances::free_balance(BOB), 1_500);
		assert_eq!(issuance(), ISSUANCE + 1_500);
		assert_eq!(Envelopes::<Test>::get().learning, 18_500);
		assert_eq!(Paid::<Test>::get().learning, 1_500);
		assert_eq!(
			take_events(),
			[Event::PaidOut { entry: 0, envelope: Envelope::Learning, who: BOB, amount: 1_500 }]
		);
	});
}

#[test]
fn pay_learning_pays_the_largest_multiple_when_the_improvement_is_huge() {
	ExtBuilder::default().build_and_check(|| {
		assert_eq!(Ledger::pay_learning(&BOB, u64::MAX, 1, Balance::MAX), 5_000);
	});
}

#[test]
fn pay_validation_pays_what_is_left_when_the_envelope_runs_dry() {
	ExtBuilder::default()
		.envelopes(EnvelopeAmounts { validation: 130, ..Default::default() })
		.build_and_check(|| {
			assert_eq!(Ledger::pay_validation(&BOB), 100);
			assert_eq!(Ledger::pay_validation(&BOB), 30);
			assert_eq!(Ledger::pay_validation(&BOB), 0);
			assert_eq!(Balances::free_balance(BOB), 130);
			assert_eq!(JournalHead::<Test>::get().entries, 2);
		});
}

#[test]
fn pay_validation_pays_nothing_when_the_account_could_not_live_on_it() {
	ExtBuilder::default().envelopes(EnvelopeAmounts { validation: 9, ..Default::default() }).build_and_check(
		|| {
			assert_eq!(Ledger::pay_validation(&BOB), 0);
			assert_eq!(Envelopes::<Test>::get().validation, 9);
			assert_eq!(JournalHead::<Test>::get(), JournalRoot::default());
			assert_eq!(take_events(), []);
		},
	);
}

#[test]
fn pay_never_exceeds_the_cap_when_balances_were_set_by_force() {
	let mut ext = ExtBuilder::default().build();
	ext.execute_with(|| {
		assert_ok!(Balances::force_set_balance(RuntimeOrigin::root(), ALICE, CAP - 40));
		assert_eq!(Ledger::pay_validation(&ALICE), 40);
		assert_eq!(Ledger::pay_validation(&ALICE), 0);
		assert_eq!(issuance(), CAP);
	});
}

#[test]
fn journal_keeps_the_newest_entries_and_a_root_over_all() {
	ExtBuilder::default().build_and_check(|| {
		let mut root = H256::zero();
		for entry in 0..6u64 {
			System::set_block_number(entry + 10);
			Ledger::pay_validation(&BOB);
			// Spelled out, so that the format cannot change unnoticed.
			let mut bytes = b"blyan/journal/1".to_vec();
			bytes.extend(root.as_bytes());
			bytes.extend((entry + 10).to_le_bytes());
			bytes.push(1);
			bytes.extend(BOB.to_le_bytes());
			bytes.extend(100u128.to_le_bytes());
			root = H256(sp_io::hashing::blake2_256(&bytes));
		}
		assert_eq!(JournalHead::<Test>::get(), JournalRoot { entries: 6, root });
		let mut kept = Journal::<Test>::iter().collect::<Vec<_>>();
		kept.sort_by_key(|(entry, _)| *entry);
		let amount: Balance = 100;
		let expected = [2, 3, 4, 5].map(|entry| {
			(entry, JournalEntry { at: entry + 10, debit: Envelope::Validation, credit: BOB, amount })
		});
		assert_eq!(kept, expected);
	});
}

#[test]
fn a_reward_that_is_taken_back_can_be_paid_again() {
	ExtBuilder::default().build_and_check(|| {
		let before = Envelopes::<Test>::get();
		let paid = Ledger::pay_learning(&BOB, 48, 32, 1_000);
		assert_eq!(paid, 1_000, "no more than the cap");
		let (all, exact, force) = (Preservation::Expendable, Precision::Exact, Fortitude::Force);
		assert_ok!(<Balances as Mutate<_>>::burn_from(&BOB, paid, all, exact, force));
		<Ledger as Rewards<_, _>>::refund_learning(paid);
		assert_eq!(Envelopes::<Test>::get(), before);
		let refunded = Event::EnvelopeRefunded { envelope: Envelope::Learning, amount: paid };
		assert_eq!(take_events().last(), Some(&refunded));
	});
}
