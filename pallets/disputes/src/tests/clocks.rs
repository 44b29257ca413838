//! Time: each side has so much of it for a whole game, and it runs only while it owes a move.

use super::*;
use crate::{game::Side, Call, Error};
use frame_support::{assert_noop, assert_ok};
use sp_keyring::Sr25519Keyring::{Alice, Bob};

fn liar() -> Party {
	Party::lying(Spot::at(0, 12, 3))
}

fn opened() -> u64 {
	claim(SUBJECT, &[(Alice, honest()), (Bob, liar().verdict())]);
	confront(Alice, &honest(), &liar().verdict())
}

#[test]
fn whoever_does_not_move_loses() {
	for late in Side::BOTH {
		story(|| {
			let game = opened();
			let parties = [Party::honest(), liar()];
			assert_ok!(open(&account(1), game, late.other(), late.other().of(&parties)));
			run_for(CLOCK);
			assert_noop!(Disputes::claim_timeout(signed(&account(1)), game), Error::<Test>::ClockStillRuns);
			assert!(deliver(Call::claim_timeout { game }).is_err());
			run_for(1);
			assert_noop!(open(&account(1), game, late, late.of(&parties)), Error::<Test>::ClockRanOut);
			assert_ok!(deliver(Call::claim_timeout { game }));
			assert_eq!(refuted(game), Side::BOTH.map(|side| side == late));
			assert!(deliver(Call::claim_timeout { game }).is_err(), "once");
		});
	}
}

#[test]
fn a_move_in_the_last_block_counts() {
	story(|| {
		let game = opened();
		assert_ok!(open(&account(1), game, Side::First, &Party::honest()));
		run_for(CLOCK);
		assert_ok!(open(&account(2), game, Side::Second, &liar()));
		// Its time is used up, so now it loses in the next block.
		assert_noop!(Disputes::claim_timeout(signed(&account(1)), game), Error::<Test>::ClockStillRuns);
		run_for(1);
		assert_ok!(Disputes::claim_timeout(signed(&account(1)), game));
		assert_eq!(refuted(game), [false, true]);
	});
}

#[test]
fn a_clock_stands_still_while_the_other_side_thinks() {
	story(|| {
		let game = opened();
		assert_ok!(open(&account(1), game, Side::First, &Party::honest()));
		run_for(20);
		assert_ok!(open(&account(2), game, Side::Second, &liar()));
		assert_eq!(Disputes::game(game).unwrap().clocks, [CLOCK, CLOCK - 20]);
		run_for(CLOCK);
		// Ten blocks were left of the one, thirty of the other: the first to run out loses.
		assert_ok!(open(&account(1), game, Side::First, &Party::honest()));
		assert_ok!(Disputes::claim_timeout(signed(&account(1)), game));
		assert_eq!(refuted(game), [false, true]);
	});
}

#[test]
fn of_two_late_sides_the_first_to_run_out_loses() {
	story(|| {
		let game = opened();
		run_for(1);
		assert_ok!(open(&account(1), game, Side::First, &Party::honest()));
		assert_ok!(open(&account(2), game, Side::Second, &liar()));
		assert_ok!(open(&account(2), game, Side::Second, &liar()));
		run_for(2);
		assert_ok!(open(&account(1), game, Side::First, &Party::honest()));
		run_for(100);
		assert_ok!(Disputes::claim_timeout(signed(&account(1)), game));
		assert_eq!(refuted(game), [true, false]);
	});
}

#[test]
fn two_claims_that_nobody_defends_both_fall() {
	story(|| {
		let game = opened();
		run_for(CLOCK + 1);
		assert_ok!(Disputes::claim_timeout(signed(&account(1)), game));
		assert_eq!(refuted(game), [true, true]);
	});
}

/// Or else a challenge would cost an honest claim that is not looked after, and its challenger nothing but a bond.
#[test]
fn a_challenger_who_never_moves_loses_even_if_nobody_answers() {
	story(|| {
		all_claim(honest());
		let game = challenge(&challenger(), &honest(), &liar().verdict());
		run_for(CLOCK + 1);
		assert_ok!(Disputes::claim_timeout(signed(&account(1)), game));
		assert_eq!(refuted(game), [false, true]);
		assert_eq!(Balances::free_balance(challenger()), ENDOWMENT - BOND);
		// Three operators made the claim that stood: they share six tenths, no matter which account moves for it.
		assert_eq!(Slashed::get(), BOND - BOND * 6 / 10);
	});
}

#[test]
fn both_clocks_run_at_the_block() {
	story(|| {
		let game = opened();
		let parties = [Party::honest(), liar()];
		run_for(5);
		assert_ok!(open(&account(1), game, Side::Second, &parties[1]));
		assert_ok!(open(&account(1), game, Side::First, &parties[0]));
		while crate::Games::<Test>::get(game).unwrap().position.is_descent() {
			for side in Side::BOTH {
				run_for(u32::from(side == Side::Second));
				assert_ok!(open(&account(1), game, side, side.of(&parties)));
			}
		}
		let info = Disputes::game(game).unwrap();
		assert_eq!((info.owes, info.executing), ([true, true], true));
		run_for(CLOCK);
		// The truth is welcome as long as nobody has claimed the time.
		assert_ok!(Disputes::execute(signed(&account(1)), game, witness()));
		assert_eq!(refuted(game), [false, true]);
	});
}

/// A pool bans what is invalid, so an early copy of the only bytes that end a game must not be.
#[test]
fn a_call_before_its_time_is_unknown_to_the_pool_rather_than_invalid() {
	use frame_support::{pallet_prelude::TransactionSource, traits::Authorize};
	use sp_runtime::transaction_validity::{TransactionValidityError, UnknownTransaction};
	story(|| {
		let game = opened();
		let (subject, digest, tile) = (SUBJECT, honest().digest(), 0);
		let calls = [
			Call::<Test>::claim_timeout { game },
			Call::claim_timeout { game: game + 1 },
			Call::settle { game },
			Call::close_demand { subject, digest, tile },
		];
		for call in calls {
			let checked = call.authorize(TransactionSource::External).unwrap();
			let unknown = TransactionValidityError::Unknown(UnknownTransaction::CannotLookup);
			assert_eq!(checked.unwrap_err(), unknown);
		}
	});
}
