//! Many games at once: they cost the square of their number, and take no claim's time.

use super::*;
use crate::{game::Side, Call, Error, BOND_STEP};
use frame_support::{assert_noop, assert_ok, traits::fungible::Inspect};
use sp_keyring::Sr25519Keyring::{Alice, Bob};

pub(super) fn lies(count: u32) -> Vec<Party> {
	(0..count)
		.map(|seed| {
			let spot = Spot { item: seed % 20, row: seed as usize % 18, ..Spot::at(0, seed.into(), 3) };
			Party::telling(&[(spot, seed as u8)])
		})
		.collect()
}

/// Each game made room for the next one, so the second account of a challenger, which earned half of its bond back, kept
/// another account's reward on hold for ever at little cost.
#[test]
fn attack_keep_a_decision_open_with_two_accounts() {
	story(|| {
		all_claim(honest());
		let (attacker, accomplice) = (account(1), account(2));
		let lies = lies(3);
		let first = challenge(&attacker, &honest(), &lies[0].verdict());
		// The window ends while that game is open. It was opened in time, and is played.
		Books::mutate(|books| books.get_mut(&SUBJECT).unwrap().closing = true);
		let again =
			|liar: &Party| Disputes::challenge(signed(&attacker), SUBJECT, honest().digest(), liar.verdict());
		assert_noop!(again(&lies[1]), Error::<Test>::NotDisputable);
		let demand = Disputes::demand_tile(signed(&attacker), SUBJECT, honest().digest(), 0);
		assert_noop!(demand, Error::<Test>::NotDisputable);
		// The accomplice moves for the claim that is right, and the attacker lets its own clock run out.
		assert_ok!(open(&accomplice, first, Side::First, &Party::honest()));
		run_for(CLOCK);
		assert_noop!(again(&lies[2]), Error::<Test>::NotDisputable);
		assert_eq!(book().open, 1);
		run_for(1);
		assert_ok!(deliver(Call::claim_timeout { game: first }));
		assert_eq!(book().open, 0, "one clock, and it is over");
		let wealth = Balances::total_balance(&attacker) + Balances::total_balance(&accomplice);
		assert_eq!(wealth, 2 * ENDOWMENT - BOND, "nothing comes back for moving against oneself");
	});
}

#[test]
fn attack_open_many_games_and_move_against_oneself() {
	story(|| {
		all_claim(honest());
		let (attacker, accomplice) = (account(1), account(2));
		let before = Balances::total_balance(&attacker) + Balances::total_balance(&accomplice);
		let count = 5 * BOND_STEP;
		let games: Vec<_> =
			lies(count).iter().map(|liar| challenge(&attacker, &honest(), &liar.verdict())).collect();
		// One, two, three, four and five bonds for a step each.
		assert_eq!(held(&attacker), Balance::from(BOND_STEP) * (1 + 2 + 3 + 4 + 5) * BOND);
		for game in &games {
			assert_ok!(open(&accomplice, *game, Side::First, &Party::honest()));
		}
		run_for(CLOCK + 1);
		for game in games {
			assert_ok!(deliver(Call::claim_timeout { game }));
		}
		let after = Balances::total_balance(&attacker) + Balances::total_balance(&accomplice);
		// Forty games cost as much as a hundred and twenty, and nothing comes back to the one who moves.
		assert_eq!(before - after, Balance::from(3 * count) * BOND);
		assert_eq!(book().refuted.len(), count as usize);
		assert_eq!(Disputes::next_bond(SUBJECT), BOND);
	});
}

#[test]
fn the_time_of_a_claim_grows_with_the_games_it_stands_in_and_is_not_taken_back() {
	story(|| {
		all_claim(honest());
		let lies = lies(3 * GAMES);
		let games: Vec<_> = lies
			.iter()
			.enumerate()
			.map(|(who, liar)| challenge(&account(who as u32), &honest(), &liar.verdict()))
			.collect();
		assert_eq!(Disputes::game(games[0]).unwrap().clocks, [3 * CLOCK, CLOCK]);
		for game in &games[1..] {
			assert_ok!(open(&account(99), *game, Side::First, &Party::honest()));
		}
		assert_ok!(open(&account(0), games[0], Side::Second, &lies[0]));
		run_for(CLOCK + 1);
		for game in &games[1..] {
			assert_ok!(deliver(Call::claim_timeout { game: *game }));
		}
		// One game is left, and what was given for all of them is still there.
		assert_noop!(Disputes::claim_timeout(signed(&account(1)), games[0]), Error::<Test>::ClockStillRuns);
		run_for(2 * CLOCK - 1);
		assert_ok!(open(&account(99), games[0], Side::First, &Party::honest()));
		// A move at this pace takes a third of the time that has passed.
		assert_eq!(Disputes::game(games[0]).unwrap().clocks[0], 0);
		assert_ok!(open(&account(99), games[0], Side::First, &Party::honest()));
		run_for(CLOCK + 1);
		assert_ok!(deliver(Call::claim_timeout { game: games[0] }));
		assert!(!book().refuted.contains(&honest().digest()));
	});
}

#[test]
fn claims_of_the_chain_are_confronted_only_in_time() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 12));
		claim(SUBJECT, &[(Alice, honest()), (Bob, liar.verdict())]);
		let game = confront(Alice, &honest(), &liar.verdict());
		Books::mutate(|books| books.get_mut(&SUBJECT).unwrap().closing = true);
		assert_noop!(
			Disputes::do_confront(SUBJECT, honest().digest(), liar.verdict().digest()),
			Error::<Test>::NotDisputable
		);
		play_out(game, [&account(1), &account(2)], [&Party::honest(), &liar]);
		assert_eq!((refuted(game), book().open), ([false, true], 0));
	});
}
