//! Parties of a computation that was really executed, under either definition: their commitments, and how they open them.

use super::*;
use crate::{game::Side, Ended, Games};
use blyan_exact::{
	definition2,
	step::Place,
	tree::{self, Item, SumNode},
	Hash, Shape, Trace,
};
use blyan_primitives::{BlockWitness, EvaluationOutcome, Opening, Query, Score, Statement, Verdict};
use codec::Encode;
use frame_support::assert_ok;
use sp_core::H256;
use sp_keyring::Sr25519Keyring::{Alice, Bob};

/// Outputs of every operator of one trace.
pub(crate) struct Outputs {
	pub(crate) shapes: Vec<Shape>,
	pub(crate) bytes: Vec<Vec<u8>>,
	pub(crate) roots: Vec<Hash>,
}

impl Outputs {
	pub(crate) fn of_first(trace: &Trace) -> Self {
		let program = trace.program();
		let operators = 0..program.operators();
		Self {
			shapes: operators.clone().map(|operator| program.shape_at(operator).unwrap()).collect(),
			bytes: operators.map(|operator| trace.output(operator).unwrap().to_vec()).collect(),
			roots: trace.operators().to_vec(),
		}
	}

	pub(crate) fn of_second(trace: &definition2::Trace) -> Self {
		let operators = trace.program().operators();
		Self {
			shapes: operators.iter().map(|operator| operator.shape).collect(),
			bytes: (0..operators.len()).map(|operator| trace.output(operator).unwrap().to_vec()).collect(),
			roots: trace.operators().to_vec(),
		}
	}
}

/// One wrong byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lie {
	pub(crate) item: usize,
	pub(crate) trace: usize,
	pub(crate) operator: usize,
	/// Place of the byte in the operator's output.
	pub(crate) at: usize,
	/// Bits of it that are wrong.
	pub(crate) bits: u8,
}

/// Output of the operator that was lied about.
struct Planted {
	lie: Lie,
	bytes: Vec<u8>,
	root: Hash,
}

/// A party that ran a computation, and perhaps changed a byte afterwards.
pub(crate) struct Claim<'a> {
	traces: &'a [[Outputs; 2]],
	planted: Option<Planted>,
	items: Vec<Item>,
	positions: u64,
}

impl<'a> Claim<'a> {
	pub(crate) fn new(statement: &Statement, traces: &'a [[Outputs; 2]], lie: Option<Lie>) -> Self {
		let planted = lie.map(|lie| {
			let outputs = &traces[lie.item][lie.trace];
			let mut bytes = outputs.bytes[lie.operator].clone();
			bytes[lie.at] ^= lie.bits;
			Planted { lie, root: outputs.shapes[lie.operator].root(&bytes), bytes }
		});
		let mut claim = Self { traces, planted, items: Vec::new(), positions: statement.positions().into() };
		let leaf = |item: usize| {
			let last = traces[item][0].roots.len() - 1;
			let loss = |trace| u64::from_le_bytes(claim.output(item, trace, last).try_into().unwrap());
			Item {
				sequence: statement.sequence(item as u32).unwrap(),
				baseline: loss(0),
				candidate: loss(1),
				baseline_trace: tree::trace_root(&claim.roots(item, 0)),
				candidate_trace: tree::trace_root(&claim.roots(item, 1)),
			}
		};
		let items = (0..traces.len()).map(leaf).collect();
		claim.items = items;
		claim
	}

	/// Returns the lie, if it is about this operator.
	fn planted(&self, item: usize, trace: usize, operator: usize) -> Option<&Planted> {
		let place = (item, trace, operator);
		self.planted.as_ref().filter(|Planted { lie, .. }| (lie.item, lie.trace, lie.operator) == place)
	}

	fn output(&self, item: usize, trace: usize, operator: usize) -> &[u8] {
		match self.planted(item, trace, operator) {
			Some(planted) => &planted.bytes,
			None => &self.traces[item][trace].bytes[operator],
		}
	}

	fn roots(&self, item: usize, trace: usize) -> Vec<Hash> {
		let roots = self.traces[item][trace].roots.iter().enumerate();
		roots
			.map(|(operator, root)| self.planted(item, trace, operator).map_or(*root, |planted| planted.root))
			.collect()
	}

	pub(crate) fn verdict(&self) -> Verdict {
		let SumNode { hash, totals } = tree::sum_root(&self.items);
		let target = EvaluationOutcome {
			baseline_loss: totals.baseline,
			candidate_loss: totals.candidate,
			sum_diff: totals.baseline as i64 - totals.candidate as i64,
			sum_diff_sq: totals.squares,
			sequences: self.items.len() as u32,
			bytes: self.items.len() as u64 * self.positions,
			job_root: H256(hash),
		};
		Verdict::Scored(Score { target, guard: None })
	}

	/// Returns the hashes of a row's blocks.
	fn blocks(&self, (item, trace, operator): (u32, u8, u16), row: u32) -> Vec<Hash> {
		let (item, trace, operator) = (item as usize, usize::from(trace), usize::from(operator));
		let shape = self.traces[item][trace].shapes[operator];
		let row = self.output(item, trace, operator).chunks(shape.row_bytes).nth(row as usize);
		shape.block_hashes(row.unwrap())
	}

	/// Opens a place of a descent.
	pub(crate) fn open(&self, query: Query) -> Opening {
		let children = |leaves: &[Hash], level: u8, index: u32| {
			let places = tree::children(leaves.len(), level.into(), index as usize);
			Opening::Hashes(tree::level(leaves, u32::from(level) - 1)[places].to_vec())
		};
		match query {
			Query::Items { level, index } => {
				let leaves: Vec<SumNode> = self.items.iter().map(Item::node).collect();
				let places = tree::children(leaves.len(), level.into(), index as usize);
				Opening::Items(tree::sum_level(&leaves, u32::from(level) - 1)[places].to_vec())
			}
			Query::Item { item } => {
				let at = item as usize;
				let (baseline, candidate) = (self.roots(at, 0), self.roots(at, 1));
				Opening::Item { item: self.items[at], baseline, candidate }
			}
			Query::Rows { item, trace, operator, level, index } => {
				let (at, trace, operator) = (item as usize, usize::from(trace), usize::from(operator));
				let shape = self.traces[at][trace].shapes[operator];
				children(&shape.row_hashes(self.output(at, trace, operator)), level, index)
			}
			Query::Blocks { item, trace, operator, row } => {
				Opening::Hashes(self.blocks((item, trace, operator), row))
			}
			Query::BlockNodes { item, trace, operator, row, level, index } => {
				children(&self.blocks((item, trace, operator), row), level, index)
			}
			Query::Witness { .. } | Query::Candidate | Query::Tile { .. } => {
				unreachable!("no descent leads through {query:?}")
			}
		}
	}
}

/// Outcome of a game.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Played {
	/// Rounds, that of the witness included.
	pub(crate) rounds: u32,
	/// Bytes of the encoded witness.
	pub(crate) bytes: usize,
	/// Sides that fell.
	pub(crate) refuted: [bool; 2],
}

/// Plays a game of two claims on the real pallet, with the definition as referee.
pub(crate) fn play(
	statement: Statement,
	parties: [&Claim<'_>; 2],
	witness: impl Fn(u32, u8, Place) -> BlockWitness,
) -> Played {
	Real::set(Some(statement));
	let [first, second] = parties.map(Claim::verdict);
	claim(SUBJECT, &[(Alice, first), (Bob, second)]);
	let game = confront(Alice, &first, &second);
	let mut rounds = 1;
	while Games::<Test>::get(game).unwrap().position.is_descent() {
		let query = Games::<Test>::get(game).unwrap().position.query();
		for side in Side::BOTH {
			assert_ok!(Disputes::descend(signed(&account(1)), game, side, side.of(&parties).open(query)));
		}
		Disputes::do_try_state().unwrap();
		rounds += 1;
	}
	let Query::Witness { item, trace, operator, row, block } =
		Games::<Test>::get(game).unwrap().position.query()
	else {
		unreachable!("a descent ends at a block")
	};
	let place = Place { operator: operator.into(), row: row as usize, block: block as usize };
	let witness = witness(item, trace, place);
	let bytes = witness.encoded_size();
	assert_ok!(Disputes::execute(signed(&account(1)), game, witness));
	Played { rounds, bytes, refuted: Ended::<Test>::get(game).unwrap().refuted }
}
