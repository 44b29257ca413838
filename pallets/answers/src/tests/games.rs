//! Games about answers on the real pallets, with the definition as referee: the honest side wins each.

use super::*;
use blyan_support::genesis_hash;
use frame_support::assert_ok;
use std::collections::BTreeSet;

/// Games about a wrong token.
const WRONG_TOKENS: u64 = 320;

/// An operator signs for a token that its model did not choose, at a random place of a random family's answer, at random settings, and defends it with
/// one more lie, in a random operator of either trace.
#[test]
fn a_receipt_for_a_wrong_token_loses() {
	let mut families = BTreeSet::new();
	for game in 0..WRONG_TOKENS {
		let die = |salt: u64, end: usize| draw(&[game, salt], end);
		let world = &World::all()[die(1, World::all().len())];
		let setting = SETTINGS[die(2, SETTINGS.len())];
		let wrong =
			Said::right(world, setting, game).with_wrong_token(die(3, CHOSEN), die(4, 1 << 20) as u32);
		let trace = wrong.trace();
		assert!(trace.loss() >= 1, "{} {setting:?}: {game}", world.name);
		let operator_of_lie = die(5, trace.program().operators().len());
		let at = die(6, trace.output(operator_of_lie).unwrap().len());
		let bits = 1 + die(8, 255) as u8;
		let liar = Party::lying(&trace, die(7, 2), operator_of_lie, at, bits, 0);
		wins_against_operator(&wrong, &Party::honest(&trace), &liar);
		families.insert(world.name);
	}
	assert_eq!(families.len(), World::all().len());
}

/// A challenger that computed the truth wins against whatever the operator defends with.
fn wins_against_operator(said: &Said, honest: &Party, liar: &Party) {
	story(|| {
		said.serve();
		let receipt = said.signed();
		assert_ok!(challenge(&challenger(), receipt, honest.outcome()));
		assert_eq!(held(&challenger()), BOND);
		assert_ok!(defend(&receipt, liar.outcome()));
		let refuted = play(last_game(), said, &said.trace(), [liar, honest]);
		assert_eq!(refuted, [true, false], "{} {:?}", said.world.name, said.setting);
		assert_eq!(offenders(), [(operator(), Some(challenger()))]);
		assert_eq!(Reversed::get(), [receipt.id(&genesis_hash::<Test>())]);
		assert_eq!((held(&challenger()), earned(&challenger())), (0, 0));
		run_for(DISPUTE + 2);
		assert_eq!(record(&receipt), None);
		Disputes::do_try_state().unwrap();
	});
}

/// An operator answers with another seed, or with other settings, than its receipt says.
#[test]
fn a_receipt_for_another_seed_or_setting_loses() {
	let mut games = 0;
	for (family, world) in World::all().iter().enumerate() {
		let answered = Said::right(world, (256, 256), 7);
		for (seed, setting) in [(8, (256, 256)), (7, (0, 256)), (7, (2_000, 256)), (7, (256, 1))] {
			let claimed = Said { seed, setting, ..answered.clone() };
			let trace = claimed.trace();
			// Now and then both come to the same tokens, and then the receipt is right.
			if trace.loss() == 0 {
				continue;
			}
			let best = trace.program().operators().len() - 3;
			let at = draw(&[family as u64, 9], trace.output(best).unwrap().len());
			let liar = Party::lying(&trace, 0, best, at, 1, 0);
			wins_against_operator(&claimed, &Party::honest(&trace), &liar);
			games += 1;
		}
	}
	assert!(games >= 24, "{games}");
}

/// A right answer is challenged by a liar that changed one byte, of every operator of every family, so that a token seems wrong.
#[test]
fn a_challenge_of_a_right_answer_loses_whatever_the_lie() {
	let (mut games, mut kinds) = (0_u64, BTreeSet::new());
	for (family, world) in World::all().iter().enumerate() {
		let said = Said::right(world, SETTINGS[(family + 2) % SETTINGS.len()], family as u64);
		let trace = said.trace();
		assert_eq!(trace.loss(), 0);
		let honest = Party::honest(&trace);
		for operator_of_lie in 0..trace.program().operators().len() {
			let seed = [family as u64, operator_of_lie as u64];
			let at = draw(&[seed[0], seed[1], 1], trace.output(operator_of_lie).unwrap().len());
			let bits = 1 + draw(&[seed[0], seed[1], 2], 255) as u8;
			let liar = Party::lying(&trace, draw(&[seed[0], seed[1], 3], 2), operator_of_lie, at, bits, 1);
			story(|| {
				said.serve();
				let receipt = said.signed();
				assert_ok!(challenge(&challenger(), receipt, liar.outcome()));
				assert_ok!(defend(&receipt, honest.outcome()));
				let refuted = play(last_game(), &said, &trace, [&honest, &liar]);
				assert_eq!(refuted, [false, true], "{} {operator_of_lie}", world.name);
				// The operator is paid for its work, and nothing else happens to it.
				assert_eq!((offenders(), Reversed::get()), (vec![], vec![]));
				assert_eq!(earned(&challenger()), -(BOND as i128));
				assert_eq!(earned(&operator()), 600);
				assert_eq!(Slashed::get(), 400);
				run_for(DISPUTE + 2);
				assert_eq!(record(&receipt), None);
			});
			let kind = format!("{:?}", trace.program().operator(operator_of_lie).unwrap().kind);
			kinds.insert(kind.split(' ').next().unwrap_or_default().to_owned());
			games += 1;
		}
	}
	assert!(games >= 300, "{games}");
	assert_eq!(kinds.len(), 21, "{kinds:?}");
}

/// The list of operators is the longest with a nucleus; a game about it takes as many rounds as the document says.
#[test]
fn a_game_about_an_answer_has_few_rounds() {
	let world = &World::all()[0];
	let said = Said::right(world, (256, 200), 1).with_wrong_token(0, 0);
	let (trace, mut rounds) = (said.trace(), 0);
	let liar = Party::lying(&trace, 0, 0, 0, 1, 0);
	story(|| {
		said.serve();
		let receipt = said.signed();
		assert_ok!(challenge(&challenger(), receipt, Party::honest(&trace).outcome()));
		assert_ok!(defend(&receipt, liar.outcome()));
		System::reset_events();
		play(last_game(), &said, &trace, [&liar, &Party::honest(&trace)]);
		let events = System::events();
		rounds = events
			.iter()
			.filter(|record| {
				matches!(record.event, RuntimeEvent::Disputes(pallet_disputes::Event::Descended { .. }))
			})
			.count();
	});
	// One for the lists, one level of rows, one of blocks; then the witness.
	assert_eq!(rounds, 3);
}
