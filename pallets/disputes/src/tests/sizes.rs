//! Bounds of a game: the longest program, the longest sequence, the largest candidate that a call can show.

use super::{second::statement_about, *};
use crate::{
	game::{Disputed, OperatorPlace, Position, Refusal, Side, OPERATORS_MAX, POSITIONS_MAX},
	Error, OPENING_BYTES_MAX,
};
use blyan_exact::{
	definition2::{golden, Architecture, Program, Role},
	tree::{self, Item},
	Hash,
};
use blyan_primitives::{Opening, Query, Statement, TokenEvaluationStatement, Verdict};
use codec::Encode;
use frame_support::{assert_noop, assert_ok};
use sp_keyring::Sr25519Keyring::{Alice, Bob, Charlie};

/// The golden architecture of a family.
fn family(name: &str) -> Architecture {
	let found = golden::ARCHITECTURES.iter().find(|(other, _)| *other == name);
	found.map(|(_, architecture)| architecture()).unwrap()
}

fn disputed(about: TokenEvaluationStatement) -> Option<Disputed> {
	Disputed::new::<Registry>(&Statement::TokenEvaluation(about))
}

/// A routed layer with four experts a token and a shared network has 34 operators.
fn of_layers(count: usize) -> Architecture {
	let shared = family("shared");
	Architecture { layers: vec![shared.layers[1]; count], ..shared }
}

#[test]
fn programs_and_sequences_beyond_the_bounds_are_not_played_about() {
	story(|| {
		let (fits, too_many) = (of_layers(120), of_layers(121));
		for (architecture, operators, is_playable) in [(&fits, 4_087, true), (&too_many, 4_121, false)] {
			Registry::register(architecture);
			assert_eq!(Program::new(architecture, 5).unwrap().operators().len(), operators);
			assert_eq!(disputed(statement_about(architecture, 5)).is_some(), is_playable);
		}
		let long = Architecture { context: 8_192, ..family("llama") };
		Registry::register(&long);
		let most = POSITIONS_MAX as u16;
		assert!(disputed(statement_about(&long, most)).is_some());
		assert!(disputed(statement_about(&long, most + 1)).is_none());
		// An architecture that no model was registered with.
		assert!(disputed(statement_about(&family("qwen2"), 5)).is_none());
	});
}

/// Its scores can be neither proven nor refuted: none of them may fall because there is no program to hold it against.
#[test]
fn no_score_of_a_computation_that_is_too_large_falls() {
	story(|| {
		let architecture = of_layers(121);
		Registry::register(&architecture);
		Real::set(Some(Statement::TokenEvaluation(statement_about(&architecture, 5))));
		let liar = Party::lying(Spot::any(0, 5));
		claim(SUBJECT, &[(Alice, honest()), (Bob, liar.verdict()), (Charlie, Verdict::Invalid)]);
		for verdict in [liar.verdict(), Verdict::Invalid] {
			assert_noop!(
				Disputes::challenge(signed(&challenger()), SUBJECT, honest().digest(), verdict),
				Error::<Test>::ComputationTooLarge
			);
		}
		assert_noop!(
			Disputes::do_confront(SUBJECT, honest().digest(), liar.digest()),
			Error::<Test>::ComputationTooLarge
		);
		assert!(book().refuted.is_empty());
	});
}

/// Whichever side has to show more bytes than a call holds would lose by the clock, however right it is.
#[test]
fn no_game_is_played_about_bytes_that_no_call_holds() {
	story(|| {
		let liar = Party::lying(Spot::any(0, 5));
		claim(SUBJECT, &[(Alice, honest()), (Bob, liar.verdict()), (Charlie, Verdict::Invalid)]);
		set_candidate(&[1; 1_001]);
		assert_noop!(
			Disputes::do_confront(SUBJECT, honest().digest(), Verdict::Invalid.digest()),
			Error::<Test>::CandidateTooLarge
		);
		assert_noop!(
			Disputes::challenge(signed(&challenger()), SUBJECT, honest().digest(), Verdict::Invalid),
			Error::<Test>::CandidateTooLarge
		);
		// Two scores play, whatever the candidate's size.
		confront(Alice, &honest(), &liar.verdict());
		set_candidate(&[1; 1_000]);
		assert_ok!(Disputes::do_confront(SUBJECT, honest().digest(), Verdict::Invalid.digest()));
	});
}

#[test]
fn the_largest_opening_is_stored() {
	let list: Vec<Hash> = vec![[7; 32]; OPERATORS_MAX as usize];
	let opening = Opening::Item { item: Item::default(), baseline: list.clone(), candidate: list };
	let bytes = opening.encoded_size();
	assert!((2 * 32 * OPERATORS_MAX as usize..=OPENING_BYTES_MAX as usize).contains(&bytes), "{bytes}");
}

/// The logits of qwen2's golden model have 79 blocks: 5 nodes below the root of a row, 16 blocks below each but the last.
#[test]
fn a_row_of_many_blocks_is_descended_level_by_level() {
	story(|| {
		let architecture = family("qwen2");
		Registry::register(&architecture);
		let disputed = disputed(statement_about(&architecture, 5)).unwrap();
		let operator = Program::new(&architecture, 5).unwrap().index_of(Role::Logits).unwrap();
		let at = OperatorPlace { item: 0, trace: 1, operator: operator as u16 };
		let shape = disputed.computation().shape_at(operator).unwrap();
		assert_eq!(shape.blocks(), 79);
		let honest: Vec<Hash> = (0..79_u8).map(|block| [block; 32]).collect();
		let mut liar = honest.clone();
		liar[70] = [0xff; 32];
		let sides = [&honest, &liar];
		let nodes = sides.map(|blocks| tree::root(blocks));
		let mut position = Position::Rows { at, level: 1, index: 0, nodes: [[1; 32], [2; 32]] };
		let rows = nodes.map(|node| Opening::Hashes(vec![[9; 32], node, [9; 32], [9; 32], [9; 32]]));
		position = position.advance(&disputed, [&rows[0], &rows[1]]).unwrap().position;
		assert_eq!(position, Position::BlockNodes { at, row: 1, level: 2, index: 0, nodes });
		let (item, trace, operator, row) = (0, 1, at.operator, 1);
		for (level, index) in [(2, 0), (1, 4)] {
			assert_eq!(position.query(), Query::BlockNodes { item, trace, operator, row, level, index });
			let openings = sides.map(|blocks| {
				let places = tree::children(79, level.into(), index as usize);
				Opening::Hashes(tree::level(blocks, u32::from(level) - 1)[places].to_vec())
			});
			for side in Side::BOTH {
				assert_eq!(position.check(&disputed, side, side.of(&openings)), Ok(()));
				let other = side.other().of(&openings);
				assert_eq!(position.check(&disputed, side, other), Err(Refusal::NotCommitted));
			}
			let Opening::Hashes(mut short) = openings[0].clone() else { unreachable!() };
			short.pop();
			let short = position.check(&disputed, Side::First, &Opening::Hashes(short));
			assert_eq!(short, Err(Refusal::WrongCount));
			position = position.advance(&disputed, [&openings[0], &openings[1]]).unwrap().position;
		}
		let nodes = [[70; 32], [0xff; 32]];
		assert_eq!(position, Position::Block { at, row: 1, block: 70, nodes });
	});
}
