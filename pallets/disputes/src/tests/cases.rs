//! Who was away loses nothing that it can prove when it is back, whatever has been forgotten in the meantime.

use super::*;
use crate::{game::Side, Call, Cases, Demands, Error, Subjects};
use blyan_primitives::traits::{Appeals, Contested};
use frame_support::{assert_noop, assert_ok};
use proptest::prelude::*;
use sp_keyring::Sr25519Keyring::{Alice, Bob, Charlie};

/// A challenger wins against the honest claim of operators that are away; the time for disputes ends with that.
fn lose_by_the_clock(liar: &Party) -> u64 {
	all_claim(honest());
	let game = challenge(&challenger(), &honest(), &liar.verdict());
	assert_ok!(open(&challenger(), game, Side::Second, liar));
	run_for(CLOCK + 1);
	assert_ok!(Disputes::claim_timeout(signed(&account(1)), game));
	assert_eq!(refuted(game), [true, false]);
	game
}

/// The claims were kept for as long as they could be disputed, which was over when the first could fall by the clock. Nothing
/// was left to appeal with then, and half the stake of every honest operator went to the treasury and to the attacker.
#[test]
fn attack_win_by_the_clock_against_operators_that_are_away() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		let lost = lose_by_the_clock(&liar);
		// Six clocks later they are back. Whoever kept the claims has forgotten them.
		forget();
		run_for(5 * CLOCK);
		for who in OPERATORS {
			assert_ok!(Disputes::appeal(&who.to_account_id(), SUBJECT));
		}
		// The attacker's bond waited for this.
		assert_eq!(held(&challenger()), BOND);
		play_out(lost + 1, [&account(1), &account(2)], [&liar, &Party::honest()]);
		assert_eq!(refuted(lost + 1), [true, false]);
		assert_eq!(Appealed::get(), OPERATORS.map(|who| (who.to_account_id(), true)));
		assert_eq!((held(&challenger()), Slashed::get()), (0, BOND));
		// Nothing is left of it.
		assert_eq!(Cases::<Test>::iter().count(), 0);
		run_for(3);
		assert_eq!(Subjects::<Test>::iter().count(), 0);
	});
}

#[test]
fn a_case_lasts_until_the_last_offence_is_decided_and_its_bond_returns_then() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		lose_by_the_clock(&liar);
		forget();
		run_for(3);
		for who in [Alice, Bob] {
			decide(&who.to_account_id(), SUBJECT);
		}
		assert_eq!((Cases::<Test>::get(SUBJECT).unwrap().offences, held(&challenger())), (1, BOND));
		assert_ok!(Disputes::appeal(&Charlie.to_account_id(), SUBJECT));
		// It does not move, and the claim of the challenger stands.
		run_for(CLOCK + 1);
		assert_ok!(Disputes::claim_timeout(signed(&account(1)), 1));
		assert_eq!(Appealed::get(), [(Charlie.to_account_id(), false)]);
		assert_eq!((held(&challenger()), Balances::free_balance(challenger())), (0, ENDOWMENT));
		assert_noop!(Disputes::appeal(&Charlie.to_account_id(), SUBJECT), Error::<Test>::NotDisputable);
	});
}

#[test]
fn an_appeal_holds_up_no_decision_when_its_window_is_over() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		lose_by_the_clock(&liar);
		Books::mutate(|books| books.get_mut(&SUBJECT).unwrap().closing = true);
		assert_ok!(Disputes::appeal(&Alice.to_account_id(), SUBJECT));
		assert_eq!((book().open, Subjects::<Test>::get(SUBJECT)), (0, Some(1)));
		play_out(1, [&account(1), &account(2)], [&liar, &Party::honest()]);
		assert_eq!((book().open, Subjects::<Test>::get(SUBJECT)), (0, Some(0)));
		decide_all();
	});
}

/// A demand took half the stake of operators that were away for ten minutes, and there was no appeal but to a judge.
#[test]
fn attack_demand_a_tile_of_operators_that_are_away() {
	for supplied in [true, false] {
		story(|| {
			all_claim(honest());
			let (subject, digest, tile) = (SUBJECT, honest().digest(), 1);
			assert_ok!(Disputes::demand_tile(signed(&challenger()), subject, digest, tile));
			run_for(WINDOW + 1);
			assert_ok!(deliver(Call::close_demand { subject, digest, tile }));
			assert_eq!(ContestedClaims::get(), [Contested { subject, executed: false }; 3]);
			forget();
			run_for(5 * CLOCK);
			for who in [Alice, Bob] {
				assert_ok!(Disputes::appeal(&who.to_account_id(), subject));
			}
			// It is not closed by what it is about: that the claim has fallen.
			assert!(deliver(Call::close_demand { subject, digest, tile }).is_err());
			if supplied {
				assert_ok!(Disputes::supply_tile(
					signed(&account(1)),
					subject,
					digest,
					tile,
					tile_evidence(tile)
				));
			} else {
				run_for(WINDOW + 1);
				assert_ok!(deliver(Call::close_demand { subject, digest, tile }));
			}
			let ended = [Alice, Bob].map(|who| (who.to_account_id(), supplied));
			assert_eq!((Appealed::get(), Demands::<Test>::iter().count()), (ended.to_vec(), 0));
			// The third one has not appealed.
			assert_eq!(Cases::<Test>::get(subject).map(|case| case.offences), Some(1));
			decide_all();
		});
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(64))]

	/// Block-counted clocks ran while a migration barred every transaction.
	#[test]
	fn attack_let_clocks_run_while_nobody_can_move(barred in prop::collection::vec(any::<bool>(), 1..80)) {
		story(|| {
			let liar = Party::lying(Spot::any(0, 12));
			all_claim(honest());
			let game = challenge(&challenger(), &honest(), &liar.verdict());
			assert_ok!(open(&challenger(), game, Side::Second, &liar));
			let (subject, digest, tile) = (SUBJECT, honest().digest(), 0);
			assert_ok!(Disputes::demand_tile(signed(&challenger()), subject, digest, tile));
			let began = System::block_number();
			for is_barred in &barred {
				run_for(1);
				Barred::mutate(|blocks| *blocks += u32::from(*is_barred));
			}
			let lost = Barred::get();
			let (worked, block) = (System::block_number() - began - lost, System::block_number());
			// Both deadlines have moved by the blocks in which nobody could move, and by no more.
			let out = Disputes::claim_timeout(signed(&account(1)), game).is_ok();
			assert_eq!(out, worked > CLOCK);
			let closed = Disputes::close_demand(signed(&account(1)), subject, digest, tile).is_ok();
			assert_eq!(closed, worked > WINDOW || out);
			// And clients read them in blocks.
			if let Some(info) = Disputes::game(game).filter(|info| info.ended.is_none()) {
				assert_eq!(info.round_began, began + lost);
				assert!(info.round_began + info.clocks[0] >= block);
			}
			if let Some(info) = Disputes::demands(subject).first() {
				assert_eq!(info.until, began + WINDOW + lost);
			}
			decide_all();
		});
	}
}
