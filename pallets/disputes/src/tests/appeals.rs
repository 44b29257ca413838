//! An outvoted operator asks the chain.

use super::*;
use crate::Error;
use blyan_primitives::{traits::Appeals, Verdict};
use frame_support::{assert_noop, assert_ok};
use sp_keyring::Sr25519Keyring::{Alice, Bob, Charlie, Dave};

#[test]
fn an_appeal_plays_against_the_claim_that_prevailed() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		let claims =
			[(Dave, Verdict::Invalid), (Alice, liar.verdict()), (Bob, liar.verdict()), (Charlie, honest())];
		claim(SUBJECT, &claims);
		assert_ok!(Disputes::appeal(&Charlie.to_account_id(), SUBJECT));
		assert_noop!(Disputes::appeal(&Charlie.to_account_id(), SUBJECT), Error::<Test>::AlreadyPlaying);
		assert_noop!(Disputes::appeal(&challenger(), SUBJECT), Error::<Test>::ClaimUnknown);
		play_out(0, [&account(1), &account(2)], [&liar, &Party::honest()]);
		assert_eq!(refuted(0), [true, false]);
		assert_noop!(Disputes::appeal(&Alice.to_account_id(), SUBJECT), Error::<Test>::AlreadyRefuted);
	});
}

#[test]
fn there_is_no_appeal_against_nobody() {
	story(|| {
		all_claim(honest());
		assert_noop!(Disputes::appeal(&Alice.to_account_id(), SUBJECT), Error::<Test>::NoOpponent);
	});
}
