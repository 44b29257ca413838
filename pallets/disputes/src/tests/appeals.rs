//! An operator asks the chain who was right.

use super::*;
use crate::{game::Side, Error};
use blyan_primitives::{
	traits::{Appeals, Contested},
	Verdict,
};
use frame_support::{assert_noop, assert_ok};
use sp_keyring::Sr25519Keyring::{Alice, Bob, Charlie, Dave};

#[test]
fn an_outvoted_operator_appeals_against_the_claim_that_prevailed() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		let claims =
			[(Dave, Verdict::Invalid), (Alice, liar.verdict()), (Bob, liar.verdict()), (Charlie, honest())];
		claim(SUBJECT, &claims);
		assert_ok!(Disputes::appeal(&Charlie.to_account_id(), SUBJECT));
		assert_noop!(Disputes::appeal(&challenger(), SUBJECT), Error::<Test>::ClaimUnknown);
		play_out(0, [&account(1), &account(2)], [&liar, &Party::honest()]);
		assert_eq!(refuted(0), [true, false]);
		assert_eq!(Appealed::get(), [(Charlie.to_account_id(), true)]);
		// The chain has computed it, so there is nothing left to appeal about.
		assert_eq!(ContestedClaims::get(), [Contested { subject: SUBJECT, executed: true }; 2]);
		assert_noop!(Disputes::appeal(&Alice.to_account_id(), SUBJECT), Error::<Test>::AlreadyRefuted);
	});
}

#[test]
fn all_who_made_a_claim_that_nobody_defended_appeal_together() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		all_claim(honest());
		let lost = challenge(&challenger(), &honest(), &liar.verdict());
		assert_ok!(open(&challenger(), lost, Side::Second, &liar));
		run_for(CLOCK + 1);
		assert_ok!(Disputes::claim_timeout(signed(&account(1)), lost));
		assert_eq!(refuted(lost), [true, false]);
		assert_eq!(ContestedClaims::get(), [Contested { subject: SUBJECT, executed: false }; 3]);
		// They play again, against the claim of a challenger who is not even on the committee.
		for who in [Alice, Bob] {
			assert_ok!(Disputes::appeal(&who.to_account_id(), SUBJECT));
		}
		let game = lost + 1;
		assert_eq!(Disputes::open_games(), [game]);
		assert_noop!(Disputes::settle(signed(&account(1)), game), Error::<Test>::NothingToSettle);
		play_out(game, [&account(1), &account(2)], [&liar, &Party::honest()]);
		assert_eq!(refuted(game), [true, false]);
		assert_eq!(Appealed::get(), [(Alice.to_account_id(), true), (Bob.to_account_id(), true)]);
		// The decision stays reversed: each claim falls once.
		assert_eq!(book().refuted, [honest().digest(), liar.digest()]);
		assert_eq!(offenders().len(), 3);
	});
}

#[test]
fn an_appeal_of_a_liar_proves_it_wrong() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		claim(SUBJECT, &[(Alice, liar.verdict()), (Bob, honest())]);
		let lost = confront(Bob, &liar.verdict(), &honest());
		assert_ok!(open(&account(1), lost, Side::Second, &Party::honest()));
		run_for(CLOCK + 1);
		assert_ok!(Disputes::claim_timeout(signed(&account(1)), lost));
		assert_ok!(Disputes::appeal(&Alice.to_account_id(), SUBJECT));
		play_out(lost + 1, [&account(1), &account(2)], [&Party::honest(), &liar]);
		assert_eq!(refuted(lost + 1), [false, true]);
		assert_eq!(Appealed::get(), [(Alice.to_account_id(), false)]);
		assert_noop!(Disputes::appeal(&Alice.to_account_id(), SUBJECT), Error::<Test>::AlreadyRefuted);
		assert_eq!(offenders().len(), 1);
	});
}

#[test]
fn an_appellant_who_does_not_move_loses_even_if_nobody_answers() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		claim(SUBJECT, &[(Alice, liar.verdict()), (Bob, honest())]);
		assert_ok!(Disputes::appeal(&Alice.to_account_id(), SUBJECT));
		run_for(CLOCK + 1);
		assert_ok!(Disputes::claim_timeout(signed(&account(1)), 0));
		assert_eq!((refuted(0), Appealed::get()), ([false, true], vec![(Alice.to_account_id(), false)]));
	});
}

#[test]
fn an_appeal_joins_the_game_that_its_claim_plays_already() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		claim(SUBJECT, &[(Alice, liar.verdict()), (Bob, honest())]);
		let game = confront(Bob, &honest(), &liar.verdict());
		assert_ok!(Disputes::appeal(&Bob.to_account_id(), SUBJECT));
		assert_ok!(Disputes::appeal(&Alice.to_account_id(), SUBJECT));
		play_out(game, [&account(1), &account(2)], [&Party::honest(), &liar]);
		assert_eq!(Appealed::get(), [(Bob.to_account_id(), true), (Alice.to_account_id(), false)]);
	});
}

#[test]
fn there_is_no_appeal_against_nobody() {
	story(|| {
		all_claim(honest());
		assert_noop!(Disputes::appeal(&Alice.to_account_id(), SUBJECT), Error::<Test>::NoOpponent);
	});
}
