//! Time in which no transactions are admitted, as while a migration of many blocks is under way.

use super::*;
use blyan_primitives::traits::Claims;
use blyan_runtime_api::SubmissionOutcome;
use sp_keyring::Sr25519Keyring::{Alice, Bob, Charlie};

/// Six hours in blocks of six seconds, many times each of the windows here.
const SIX_HOURS: u32 = 3_600;

/// Lets six hours pass in blocks that admit nothing, and begins one that does.
fn outage() {
	let began = System::block_number();
	for number in began + 1..=began + SIX_HOURS {
		run_to(number);
		Barred::mutate(|barred| *barred += 1);
	}
	run_to(began + SIX_HOURS + 1);
}

#[test]
fn six_hours_in_which_no_one_can_act_cost_no_operator_anything() {
	ExtBuilder::default().build_and_check(|| {
		MinAttestations::set(2);
		let truth = score(64, 0);
		let submission = submit(1);
		outage();
		for who in [Alice, Bob] {
			attest_as(who, submission, 1).expect("its bytes may still be attested");
		}
		run_to(System::block_number() + DELAY + 1);
		seal_as(Alice, submission, truth).unwrap();
		outage();
		for who in [Bob, Charlie] {
			seal_as(who, submission, truth).expect("there is time to seal");
		}
		outage();
		for who in OPERATORS {
			reveal_as(who, submission, truth).expect("there is time to open what was sealed");
		}
		end_block();
		assert!(matches!(outcome(submission), Some(SubmissionOutcome::Accepted { .. })));
		assert_eq!(Reported::get(), [], "no one hid anything");
	});
}

/// A false acceptance that matures while no one can dispute it would be for ever.
#[test]
fn attack_have_a_decision_mature_while_no_one_can_dispute_it() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		all_report(submission, score(64, 0));
		end_block();
		outage();
		let decided = decision(submission).expect("it waits for those who would dispute it");
		assert!(Learning::may_open(subject(submission)));
		assert!(Learning::settle(signed(miner()), submission).is_err(), "it is not mature");
		let told = Learning::block_at(decided.matures_at);
		run_to(told);
		end_block();
		assert_eq!(decision(submission), None, "it matures in the block that was told");
	});
}

#[test]
fn a_commitment_does_not_expire_while_no_one_can_open_it() {
	ExtBuilder::default().build_and_check(|| {
		commit_as(miner(), slot(0), block(1)).unwrap();
		outage();
		open_as(miner(), slot(0), block(1)).expect("its time stood still");
	});
}
