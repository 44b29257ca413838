//! A hundred challengers at once.

use super::*;
use crate::{game::Side, Call};
use frame_support::assert_ok;

#[test]
fn a_hundred_sybils_delay_nobody() {
	story(|| {
		// The majority lies. A hundred of its friends challenge it with other lies, before and beside the honest one.
		let liar = Party::lying(Spot::at(0, 500, 40));
		all_claim(liar.verdict());
		let sybils: Vec<_> = (0..100)
			.map(|seed| {
				// Each its own lie, half of them in front of the majority's.
				let spot = Spot { item: seed % 20, row: seed as usize % 18, ..Spot::at(0, seed.into(), 3) };
				let party = Party::telling(&[(spot, seed as u8), (Spot::at(0, 500, 40), 1)]);
				(challenge(&account(seed), &liar.verdict(), &party.verdict()), party)
			})
			.collect();
		let honest_party = Party::honest();
		let game = challenge(&challenger(), &liar.verdict(), &honest_party.verdict());
		// The honest game takes its rounds and not one block more, whatever happens in the others.
		let began = System::block_number();
		loop {
			run_for(1);
			let record = crate::Games::<Test>::get(game).unwrap();
			if record.position.block().is_some() {
				assert_ok!(Disputes::execute(signed(&challenger()), game, witness()));
				break;
			}
			assert_ok!(open(&challenger(), game, Side::Second, &honest_party));
			assert_ok!(open(&account(0), game, Side::First, &liar));
			for (game, party) in sybils.iter().take(10) {
				if crate::Games::<Test>::get(game).unwrap().position.is_descent() {
					assert_ok!(open(&account(1), *game, Side::Second, party));
				}
				if crate::Games::<Test>::get(game).unwrap().owes(Side::First) {
					let record = crate::Games::<Test>::get(game).unwrap();
					if record.position.is_descent() {
						assert_ok!(open(&account(1), *game, Side::First, &liar));
					}
				}
			}
		}
		assert!(System::block_number() - began <= 7);
		assert_eq!(refuted(game), [true, false]);
		assert_eq!(held(&challenger()), 0);
		assert_eq!(book().refuted, [liar.digest()]);
		// The claim fell once, so every other game about it is settled.
		for (game, _) in &sybils {
			assert_ok!(deliver(Call::settle { game: *game }));
		}
		assert_eq!((book().open, Disputes::open_games().len()), (0, 0));
	});
}

#[test]
fn an_honest_claim_outlives_a_hundred_sybils_and_they_pay_for_it() {
	story(|| {
		all_claim(honest());
		let honest_party = Party::honest();
		let before = Balances::total_issuance();
		let games: Vec<_> = (0..100)
			.map(|seed| {
				let spot = Spot { item: seed % 20, row: seed as usize % 18, ..Spot::at(0, seed.into(), 3) };
				let party = Party::telling(&[(spot, seed as u8)]);
				(challenge(&account(seed), &honest(), &party.verdict()), party)
			})
			.collect();
		let defender = sp_keyring::Sr25519Keyring::Alice.to_account_id();
		// Every Sybil makes a first move and goes; the defender answers ten games a block.
		for (game, party) in &games {
			assert_ok!(open(&account(99), *game, Side::Second, party));
		}
		for _round in 0..2 {
			for some in games.chunks(10) {
				run_for(1);
				for (game, _) in some {
					if Disputes::game(*game).unwrap().executing {
						assert_ok!(Disputes::execute(signed(&defender), *game, witness()));
					} else {
						assert_ok!(open(&defender, *game, Side::First, &honest_party));
					}
				}
			}
		}
		run_for(CLOCK);
		for game in Disputes::open_games() {
			assert_ok!(deliver(Call::claim_timeout { game }));
		}
		assert_eq!(book().refuted.len(), 100);
		assert!(!book().refuted.contains(&honest().digest()));
		let earned: Balance =
			OPERATORS.iter().map(|who| Balances::free_balance(who.to_account_id()) - ENDOWMENT).sum();
		// A hundred games cost as much as 676 single ones, and only what single ones would cost is shared among those whose
		// claim it was.
		assert_eq!((earned, Slashed::get()), (100 * BOND * 6 / 10, (676 - 60) * BOND));
		assert_eq!(Balances::total_issuance() + Slashed::get(), before);
	});
}
