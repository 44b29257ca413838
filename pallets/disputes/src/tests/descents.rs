//! From two different roots to one block.

use super::*;
use crate::{
	game::{Disputed, OperatorPlace, Position, Refusal, Side},
	Agreed, Error, Games, Posted,
};
use blyan_primitives::{BlockWitness, Opening, Query};
use frame_support::{assert_noop, assert_ok};
use proptest::prelude::*;
use sp_keyring::Sr25519Keyring::{Alice, Bob};

/// One lie, found: the honest side wins and the block is the one with the lie.
fn is_found(spot: Spot, liar_first: bool) {
	let (honest, liar) = (Party::honest(), Party::lying(spot));
	claim(SUBJECT, &[(Alice, honest.verdict()), (Bob, liar.verdict())]);
	let parties = if liar_first { [&liar, &honest] } else { [&honest, &liar] };
	let [first, second] = parties;
	let game = confront(Alice, &first.verdict(), &second.verdict());
	let mover = account(1);
	for _ in 0..10 {
		let position = Games::<Test>::get(game).unwrap().position;
		if let Position::Block { at, row, block, .. } = position {
			let found = (at.item, at.trace, usize::from(at.operator), row as usize, block as usize);
			assert_eq!(found, (spot.item, spot.trace, spot.operator, spot.row, spot.block));
		}
		if position.block().is_some() {
			break;
		}
		for side in Side::BOTH {
			let party = side.of(&parties);
			assert_ok!(open(&mover, game, side, party));
		}
	}
	assert_eq!(Agreed::<Test>::get(game).unwrap().len(), spot.operator);
	assert_ok!(Disputes::execute(signed(&mover), game, witness()));
	assert_eq!(refuted(game), [liar_first, !liar_first]);
	assert_eq!(book().refuted, [liar.digest()]);
	assert_eq!(offenders(), [(Bob.to_account_id(), Some(Alice.to_account_id()))]);
}

#[test]
fn a_lie_in_any_operator_of_any_trace_of_any_item_is_found() {
	// Every operator of the program, at random depth, from both sides.
	let operators = program().operators();
	for seed in 0..270_u64 {
		let operator = seed as usize % operators;
		let part = u8::from(seed % 5 == 0);
		story(|| is_found(Spot::at(part, seed, operator), seed % 2 == 0));
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(64))]

	/// Of two liars, the one that is wrong at the first difference falls, and both do if both are.
	#[test]
	fn the_first_difference_decides(a: u64, b: u64, same_spot: bool) {
		let (at, other) = (Spot::any(0, a), Spot::any(0, b));
		let other = if same_spot { at } else { other };
		prop_assume!(same_spot || at != other);
		let (first, second) = (Party::telling(&[(at, 1)]), Party::telling(&[(other, 3)]));
		story(|| {
			claim(SUBJECT, &[(Alice, first.verdict()), (Bob, second.verdict())]);
			let game = confront(Alice, &first.verdict(), &second.verdict());
			let mover = account(1);
			play_out(game, [&mover, &mover], [&first, &second]);
			let order = |spot: Spot| (spot.item, spot.trace, spot.operator, spot.row, spot.block);
			let expected = if same_spot { [true, true] } else { [order(at) < order(other), order(other) < order(at)] };
			assert_eq!(refuted(game), expected);
		});
	}

	/// Whatever bytes are posted, the chain takes the one right opening and nothing else.
	#[test]
	fn nothing_but_the_committed_children_is_taken(seed: u64, bit in 0usize..256, rounds in 0usize..5) {
		let spot = Spot::any(0, seed);
		let (honest, liar) = (Party::honest(), Party::lying(spot));
		story(|| {
			claim(SUBJECT, &[(Alice, honest.verdict()), (Bob, liar.verdict())]);
			let game = confront(Alice, &honest.verdict(), &liar.verdict());
			let mover = account(1);
			for _ in 0..rounds {
				if Games::<Test>::get(game).unwrap().position.is_descent() {
					assert_ok!(open(&mover, game, Side::First, &honest));
					assert_ok!(open(&mover, game, Side::Second, &liar));
				}
			}
			let record = Games::<Test>::get(game).unwrap();
			if !record.position.is_descent() {
				return;
			}
			let mut forged = honest.open(0, record.position.query());
			let flip = |hash: &mut [u8; 32]| hash[bit / 8] ^= 1 << (bit % 8);
			match &mut forged {
				Opening::Items(children) => {
					let last = children.len() - 1;
					flip(&mut children[last].hash);
				}
				Opening::Item { candidate, .. } => {
					let at = bit % candidate.len();
					flip(&mut candidate[at]);
				}
				Opening::Hashes(children) => flip(&mut children[0]),
				_ => unreachable!("a descent"),
			}
			assert_noop!(
				Disputes::descend(signed(&mover), game, Side::First, forged),
				Error::<Test>::OpeningNotCommitted
			);
		});
	}
}

#[test]
fn a_dispute_of_a_small_model_takes_seven_rounds() {
	story(|| {
		// Two levels of items, the lists, two levels of rows, the blocks, the execution.
		let operator = program().operators() - 3;
		let liar = Party::lying(Spot { part: 0, item: 17, trace: 1, operator, row: 17, block: 3 });
		claim(SUBJECT, &[(Alice, honest()), (Bob, liar.verdict())]);
		let game = confront(Bob, &liar.verdict(), &honest());
		let mover = account(1);
		assert_eq!(play_out(game, [&mover, &mover], [&liar, &Party::honest()]), 7);
		assert_eq!(refuted(game), [true, false]);
	});
}

#[test]
fn a_difference_in_the_guard_sample_is_played_there() {
	story(|| {
		let liar = Party::lying(Spot::any(1, 5));
		claim(SUBJECT, &[(Alice, honest()), (Bob, liar.verdict())]);
		let game = confront(Bob, &liar.verdict(), &honest());
		assert_eq!(Disputes::game(game).unwrap().part, 1);
		let mover = account(1);
		play_out(game, [&mover, &mover], [&liar, &Party::honest()]);
		assert_eq!(refuted(game), [true, false]);
	});
}

#[test]
fn an_opening_of_the_other_side_is_refused() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 5));
		claim(SUBJECT, &[(Alice, honest()), (Bob, liar.verdict())]);
		let game = confront(Bob, &honest(), &liar.verdict());
		assert_ok!(open(&account(1), game, Side::First, &Party::honest()));
		// The second side cannot post the same: it is bound to something else.
		assert_noop!(
			open(&account(1), game, Side::Second, &Party::honest()),
			Error::<Test>::OpeningNotCommitted
		);
		assert_noop!(open(&account(1), game, Side::First, &Party::honest()), Error::<Test>::NotOwed);
		assert!(Posted::<Test>::contains_key(game));
		assert_ok!(open(&account(1), game, Side::Second, &liar));
		assert!(!Posted::<Test>::contains_key(game));
	});
}

#[test]
fn openings_of_wrong_kind_or_length_are_refused() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 5));
		claim(SUBJECT, &[(Alice, honest()), (Bob, liar.verdict())]);
		let game = confront(Bob, &honest(), &liar.verdict());
		let send = |opening| Disputes::descend(signed(&account(1)), game, Side::First, opening);
		assert_noop!(send(Opening::Hashes(vec![[0; 32]; 2])), Error::<Test>::OpeningOfWrongKind);
		assert_noop!(send(Opening::Witness(witness())), Error::<Test>::OpeningOfWrongKind);
		let Opening::Items(mut children) = Party::honest().open(0, Query::Items { level: 2, index: 0 })
		else {
			unreachable!("items are opened as items")
		};
		children.push(children[0]);
		assert_noop!(send(Opening::Items(children.clone())), Error::<Test>::OpeningOfWrongLength);
		assert_noop!(send(Opening::Items(Vec::new())), Error::<Test>::OpeningOfWrongLength);
		assert_noop!(send(Opening::Items(vec![Default::default(); 10_000])), Error::<Test>::OpeningTooLarge);
		assert_noop!(Disputes::execute(signed(&account(1)), game, witness()), Error::<Test>::NotExecuting);
		assert_noop!(
			Disputes::descend(signed(&account(1)), 99, Side::First, Opening::Hashes(vec![])),
			Error::<Test>::GameUnknown
		);
	});
}

/// A party that commits to another sequence than was drawn, or to a loss that is not the last output, has a root but
/// nothing to open it with.
#[test]
fn an_item_about_something_else_cannot_be_opened() {
	let disputed = Disputed::new::<()>(&statement(0)).unwrap();
	let Opening::Item { item, baseline, candidate } = Party::honest().open(0, Query::Item { item: 4 }) else {
		unreachable!("an item is opened as an item")
	};
	let check = |item: blyan_exact::tree::Item, baseline: &[[u8; 32]]| {
		let position = Position::Item { item: 4, nodes: [item.node(), Default::default()] };
		let opening = Opening::Item { item, baseline: baseline.to_vec(), candidate: candidate.clone() };
		position.check(&disputed, Side::First, &opening)
	};
	assert_eq!(check(item, &baseline), Ok(()));
	let elsewhere = blyan_exact::tree::Item { sequence: item.sequence + 1, ..item };
	assert_eq!(check(elsewhere, &baseline), Err(Refusal::WrongSequence));
	let cheaper = blyan_exact::tree::Item { baseline: item.baseline - 1, ..item };
	assert_eq!(check(cheaper, &baseline), Err(Refusal::WrongLoss));
	assert_eq!(check(item, &baseline[1..]), Err(Refusal::WrongCount));
	let longer = [baseline.clone(), vec![[0; 32]]].concat();
	assert_eq!(check(item, &longer), Err(Refusal::WrongCount));
	let swapped = [vec![baseline[1], baseline[0]], baseline[2..].to_vec()].concat();
	assert_eq!(check(item, &swapped), Err(Refusal::NotCommitted));
}

#[test]
fn levels_with_a_single_node_are_skipped() {
	// One sequence: no tree over items. One row of one block: straight to the block.
	let statement = {
		let mut job = job(0);
		job.sample = 1;
		job.statement().unwrap()
	};
	let disputed = Disputed::new::<()>(&statement).unwrap();
	let nodes = [Default::default(), blyan_exact::tree::SumNode { hash: [1; 32], ..Default::default() }];
	assert_eq!(Position::begin(&statement, nodes), Position::Item { item: 0, nodes });
	let Opening::Item { item, mut baseline, candidate } = Party::honest().open(0, Query::Item { item: 0 })
	else {
		unreachable!("an item is opened as an item")
	};
	let honest = Opening::Item { item, baseline: baseline.clone(), candidate: candidate.clone() };
	let last = baseline.len() - 1;
	baseline[last] = [9; 32];
	let other = Opening::Item { item, baseline: baseline.clone(), candidate };
	let step = Position::Item { item: 0, nodes }.advance(&disputed, [&honest, &other]).unwrap();
	let at = OperatorPlace { item: 0, trace: 0, operator: last as u16 };
	assert!(matches!(step.position, Position::Block { at: found, row: 0, block: 0, .. } if found == at));
	assert_eq!(step.agreed.unwrap().len(), last);
	let same = Position::Item { item: 0, nodes }.advance(&disputed, [&honest, &honest]);
	assert_eq!(same, Err(Refusal::NoDifference));
}

#[test]
fn a_witness_that_proves_nothing_changes_nothing() {
	story(|| {
		use blyan_exact::step::Evidence;
		let liar = Party::lying(Spot::any(0, 8));
		claim(SUBJECT, &[(Alice, honest()), (Bob, liar.verdict())]);
		let game = confront(Bob, &honest(), &liar.verdict());
		while Games::<Test>::get(game).unwrap().position.is_descent() {
			assert_ok!(open(&account(1), game, Side::First, &Party::honest()));
			assert_ok!(open(&account(2), game, Side::Second, &liar));
		}
		let show = |evidence| Disputes::execute(signed(&account(1)), game, witness_of(evidence));
		assert_noop!(show(vec![]), Error::<Test>::WitnessMalformed);
		assert_noop!(show(vec![Evidence::Output(vec![1])]), Error::<Test>::WitnessUnproven);
		// One of the other definition is not read at all.
		let other = BlockWitness::Second(Default::default());
		assert_noop!(Disputes::execute(signed(&account(1)), game, other), Error::<Test>::WitnessMalformed);
		let huge = vec![Evidence::Output(vec![0; 256 * 1024])];
		assert_noop!(show(huge), Error::<Test>::WitnessTooLarge);
		assert_noop!(open(&account(1), game, Side::First, &Party::honest()), Error::<Test>::NotOwed);
		// Nobody can score what is no tensor, so here both are wrong.
		assert_ok!(show(vec![Evidence::Output(b"no tensor".to_vec())]));
		assert_eq!(refuted(game), [true, true]);
	});
}
