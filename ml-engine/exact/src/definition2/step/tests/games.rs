//! Whole bisections between an honest party and one whose trace has one wrong byte.

use super::*;
use crate::tree;

/// Returns the index of the first difference of two lists of one length.
fn first_difference(a: &[Hash], b: &[Hash]) -> Option<usize> {
	assert_eq!(a.len(), b.len());
	a.iter().zip(b).position(|(a, b)| a != b)
}

/// Descends two trees of arity 16 together: the first leaf that differs, and the rounds that it took.
fn descend(a: &[Hash], b: &[Hash]) -> Option<(usize, u32)> {
	let (mut index, top) = (0, tree::levels(a.len()));
	for level in (1..=top).rev() {
		let opened = tree::children(a.len(), level, index);
		let (a, b) = (tree::level(a, level - 1), tree::level(b, level - 1));
		index = opened.start + first_difference(&a[opened.clone()], &b[opened])?;
	}
	(a[index] != b[index]).then_some((index, top))
}

/// Finds the block on which two traces differ, and the rounds of the game.
pub(super) fn bisect(honest: &Trace, liar: &Trace) -> Option<(Place, u32)> {
	let operator = first_difference(honest.operators(), liar.operators())?;
	let shape = honest.program().operator(operator)?.shape;
	let rows = |trace: &Trace| trace.output(operator).map(|output| shape.row_hashes(output));
	let (row, row_rounds) = descend(&rows(honest)?, &rows(liar)?)?;
	let blocks = |trace: &Trace| trace.row(operator, row).map(|row| shape.block_hashes(row));
	let (block, block_rounds) = descend(&blocks(honest)?, &blocks(liar)?)?;
	Some((Place { operator, row, block }, 1 + row_rounds + block_rounds))
}

/// 800 games, one wrong byte each, a hundred in every family, so that every kind of operator is lied about: the block
/// is found, the witness convinces, and what it comes to is the honest block and not the liar's.
#[test]
fn one_wrong_byte_is_found_and_condemned() {
	let mut kinds = std::collections::BTreeSet::new();
	for world in World::all() {
		let (program, mut stream) = (world.program(), Stream::new(world.name.as_bytes()));
		let prover = world.prover(&world.trace);
		let commitments = prover.commitments();
		for game in 0..100 {
			// Every operator in turn, then any.
			let count = program.operators().len();
			let operator = if game < count { game } else { stream.below(count) };
			let mut liar = world.trace.clone();
			let at = stream.below(world.trace.output(operator).unwrap().len());
			let byte = world.trace.output(operator).unwrap()[at] ^ (1 + stream.below(255) as u8);
			liar.plant(operator, at, byte);
			let (place, rounds) = bisect(&world.trace, &liar).unwrap();
			assert_eq!(place.operator, operator);
			assert!(rounds <= 5, "{rounds}");
			let witness = prover.record(place).unwrap();
			let agreed = &liar.operators()[..operator];
			let hash = execute(program, &commitments, agreed, place, &witness).unwrap();
			let shape = program.operator(operator).unwrap().shape;
			let block =
				|trace: &Trace| shape.block_hashes(trace.row(operator, place.row).unwrap())[place.block];
			assert_eq!(hash, block(&world.trace), "{} {:?}", world.name, program.operator(operator));
			assert_ne!(hash, block(&liar));
			let kind = std::format!("{:?}", program.operator(operator).unwrap().kind);
			kinds.insert(kind.split(' ').next().map(std::string::String::from));
		}
	}
	assert_eq!(kinds.len(), 18, "every kind of operator was lied about");
}
