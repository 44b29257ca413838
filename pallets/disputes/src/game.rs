//! The rules of the game, as plain functions over values.
//!
//! Two sides have committed to different results of one computation. Each round both open the node they are at, the
//! first difference among its children is where the next round goes on, and every opening is checked against a hash
//! that the side is bound to already. So a side can only ever be asked for what it has committed to, an opening is
//! either the one right answer or refused, and any account that knows the tree can answer for it.
//!
//! ```text
//!  Items     children of a node of the sum tree      one round a level
//!  Item      both traces' lists of operator roots    one round: the first that differs, all earlier ones agreed
//!  Rows      children of a node over the rows        one round a level
//!  Blocks    hashes of the row's blocks              one round, or one a level where they are more than 16
//!  Block     one witness, computed again             a side that committed to something else is refuted
//! ```
//!
//! Levels with a single node are skipped. A game between "this is no expert" and any score is not descended: the bytes
//! decide it ([`Position::Candidate`]).

use alloc::vec::Vec;
use blyan_exact::{
	blake2_256, definition2,
	step::Place,
	tree::{self, Item, SumNode},
	Hash, Shape,
};
use blyan_primitives::{
	traits::ArchitectureRegistry, Computation, EvaluationOutcome, Opening, PartIndex, Query, Statement,
	TraceIndex, Verdict,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Parts of a verdict: the target sample and the guard sample.
pub const PARTS: PartIndex = 2;
/// Operators of a program that can be played about, at most: 645 under the first definition; a model of 7 billion weights has
/// fewer than 500 under the second.
pub const OPERATORS_MAX: u32 = definition2::step::OPERATORS_MAX as u32;
/// Predicted positions of a sequence that can be played about, at most.
pub const POSITIONS_MAX: u32 = definition2::step::POSITIONS_MAX as u32;

/// One of the two sides of a game.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub enum Side {
	/// The claim that was attacked.
	First,
	/// The claim that was put against it.
	Second,
}

impl Side {
	/// Both, in order.
	pub const BOTH: [Self; 2] = [Self::First, Self::Second];

	/// The opponent.
	pub fn other(self) -> Self {
		match self {
			Self::First => Self::Second,
			Self::Second => Self::First,
		}
	}

	/// What belongs to this side.
	pub fn of<V>(self, pair: &[V; 2]) -> &V {
		let [first, second] = pair;
		match self {
			Self::First => first,
			Self::Second => second,
		}
	}

	/// What belongs to this side, to be changed.
	pub fn of_mut<V>(self, pair: &mut [V; 2]) -> &mut V {
		let [first, second] = pair;
		match self {
			Self::First => first,
			Self::Second => second,
		}
	}
}

/// One operator of one trace of one item.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub struct OperatorPlace {
	/// The item.
	pub item: u32,
	/// Which of its traces.
	pub trace: TraceIndex,
	/// The operator's place in the program.
	pub operator: u16,
}

/// Where a game stands: the node each side is at, which differ.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub enum Position {
	/// One side says that the candidate is no expert, and must show its bytes.
	Candidate {
		/// That side.
		prover: Side,
	},
	/// An inner node of the tree over the items.
	Items {
		/// Its level, at least 1.
		level: u8,
		/// Its place in the level.
		index: u32,
		/// What each side says it is.
		nodes: [SumNode; 2],
	},
	/// A leaf of that tree.
	Item {
		/// The item.
		item: u32,
		/// What each side says it is.
		nodes: [SumNode; 2],
	},
	/// An inner node of the tree over an operator's rows.
	Rows {
		/// The operator.
		at: OperatorPlace,
		/// The node's level, at least 1.
		level: u8,
		/// Its place in the level.
		index: u32,
		/// What each side says it is.
		nodes: [Hash; 2],
	},
	/// A row of up to 16 blocks.
	Blocks {
		/// The operator.
		at: OperatorPlace,
		/// The row.
		row: u32,
		/// What each side says it is.
		nodes: [Hash; 2],
	},
	/// A block: everything in front of its operator is agreed, so it can be computed.
	Block {
		/// The operator.
		at: OperatorPlace,
		/// The row.
		row: u32,
		/// The block of the row.
		block: u32,
		/// What each side says its hash is.
		nodes: [Hash; 2],
	},
	/// An inner node of the tree over the blocks of a row that has more than 16.
	BlockNodes {
		/// The operator.
		at: OperatorPlace,
		/// The row.
		row: u32,
		/// The node's level, at least 1.
		level: u8,
		/// Its place in the level.
		index: u32,
		/// Hashes of it that the sides are bound to.
		nodes: [Hash; 2],
	},
}

/// What a finished round leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
	/// Where the game goes on.
	pub position: Position,
	/// Roots of the operators in front of the one in question, once it is known which that is.
	pub agreed: Option<Vec<Hash>>,
}

/// Why an opening is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
	/// Nothing is opened here, or something of another kind.
	WrongKind,
	/// The node has another number of children.
	WrongCount,
	/// It does not hash, or add up, to what the side is bound to.
	NotCommitted,
	/// The item is about another sequence than was drawn.
	WrongSequence,
	/// The last operator's output is not the loss that the item claims.
	WrongLoss,
	/// Both sides opened the same.
	NoDifference,
	/// The statement has no such place.
	OutOfBounds,
}

/// What two different verdicts disagree about first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
	/// Whether the candidate is an expert; the side says that it is not.
	Candidate(Side),
	/// A part.
	Part(PartIndex),
}

/// The first difference of two verdicts; `None` if there is none.
pub fn difference(verdicts: [&Verdict; 2]) -> Option<Difference> {
	match verdicts {
		[Verdict::Invalid, Verdict::Scored(_)] => Some(Difference::Candidate(Side::First)),
		[Verdict::Scored(_), Verdict::Invalid] => Some(Difference::Candidate(Side::Second)),
		[first, second] => {
			(0..PARTS).find(|part| first.part(*part) != second.part(*part)).map(Difference::Part)
		}
	}
}

/// Computation that a game is about: a statement, and the program that follows from it.
#[derive(Clone, Debug)]
pub struct Disputed {
	statement: Statement,
	computation: Computation,
}

impl Disputed {
	/// Looks the program of a statement up; `None` if its architecture is not registered, or if it has more operators or
	/// positions than a game holds.
	pub fn new<R: ArchitectureRegistry>(statement: &Statement) -> Option<Self> {
		let computation = statement.computation::<R>()?;
		let fits =
			computation.operators() <= OPERATORS_MAX as usize && computation.positions() <= POSITIONS_MAX;
		fits.then_some(Self { statement: *statement, computation })
	}

	/// Returns the statement.
	pub fn statement(&self) -> &Statement {
		&self.statement
	}

	/// Returns the program.
	pub fn computation(&self) -> &Computation {
		&self.computation
	}

	/// Reports whether an outcome's numbers fit the statement and each other, as far as its tree does not bind them.
	pub fn is_consistent(&self, outcome: &EvaluationOutcome) -> bool {
		let (items, positions) = (self.statement.items(), u64::from(self.computation.positions()));
		let difference = i128::from(outcome.baseline_loss).checked_sub(i128::from(outcome.candidate_loss));
		outcome.sequences == items
			&& Some(outcome.bytes) == u64::from(items).checked_mul(positions)
			&& Some(i128::from(outcome.sum_diff)) == difference
	}

	/// Returns the shape of an operator's output.
	fn shape(&self, operator: u16) -> Result<Shape, Refusal> {
		self.computation.shape_at(operator.into()).ok_or(Refusal::OutOfBounds)
	}

	/// Checks an item: it must be the leaf, about the sequence that was drawn, with traces that its lists hash to and that
	/// end with its losses.
	fn check_item(
		&self,
		item: u32,
		node: &SumNode,
		leaf: &Item,
		[baseline, candidate]: [&[Hash]; 2],
	) -> Result<(), Refusal> {
		let operators = self.computation.operators();
		ensure(baseline.len() == operators && candidate.len() == operators, Refusal::WrongCount)?;
		ensure(leaf.node() == *node, Refusal::NotCommitted)?;
		ensure(self.statement.sequence(item) == Some(leaf.sequence), Refusal::WrongSequence)?;
		let lists = [(baseline, leaf.baseline_trace), (candidate, leaf.candidate_trace)];
		ensure(lists.iter().all(|(list, root)| tree::trace_root(list) == *root), Refusal::NotCommitted)?;
		// The last output is one number, so its root is that number's hash.
		let ends = [(baseline, leaf.baseline), (candidate, leaf.candidate)];
		let is_loss =
			|(list, loss): &(&[Hash], u64)| list.last() == Some(&blake2_256(&[&loss.to_le_bytes()]));
		ensure(ends.iter().all(is_loss), Refusal::WrongLoss)
	}
}

fn ensure(holds: bool, refusal: Refusal) -> Result<(), Refusal> {
	if holds {
		Ok(())
	} else {
		Err(refusal)
	}
}

/// The place, and both values, of the first difference.
fn first_difference<V: Copy + PartialEq>(first: &[V], second: &[V]) -> Result<(u32, [V; 2]), Refusal> {
	first
		.iter()
		.zip(second)
		.zip(0u32..)
		.find(|((a, b), _)| a != b)
		.map(|((a, b), at)| (at, [*a, *b]))
		.ok_or(Refusal::NoDifference)
}

/// The place of child number `child` of node `index`, one level down.
fn below(index: u32, child: u32) -> Result<u32, Refusal> {
	index
		.checked_mul(tree::ARITY as u32)
		.and_then(|first| first.checked_add(child))
		.ok_or(Refusal::OutOfBounds)
}

/// Checks the children of a node of a tree over `count` leaves against the hash that a side is bound to.
fn check_children(
	count: usize,
	level: u8,
	index: u32,
	children: &[Hash],
	node: &Hash,
) -> Result<(), Refusal> {
	let places = tree::children(count, u32::from(level), index as usize);
	ensure(children.len() == places.len(), Refusal::WrongCount)?;
	ensure(tree::node(children) == *node, Refusal::NotCommitted)
}

impl Position {
	/// Where a game between two different roots begins.
	pub fn begin(statement: &Statement, nodes: [SumNode; 2]) -> Self {
		match tree::levels(statement.items() as usize) {
			0 => Self::Item { item: 0, nodes },
			// A tree of 2^32 leaves has 8 levels.
			level => Self::Items { level: level as u8, index: 0, nodes },
		}
	}

	/// Where two operators' roots lead to.
	fn enter(disputed: &Disputed, at: OperatorPlace, nodes: [Hash; 2]) -> Result<Self, Refusal> {
		match tree::levels(disputed.shape(at.operator)?.rows) {
			0 => Self::enter_row(disputed, at, 0, nodes),
			// At most 4,096 rows, three levels.
			level => Ok(Self::Rows { at, level: level as u8, index: 0, nodes }),
		}
	}

	/// Where two rows' hashes lead to.
	fn enter_row(
		disputed: &Disputed,
		at: OperatorPlace,
		row: u32,
		nodes: [Hash; 2],
	) -> Result<Self, Refusal> {
		Ok(match tree::levels(disputed.shape(at.operator)?.blocks()) {
			0 => Self::Block { at, row, block: 0, nodes },
			1 => Self::Blocks { at, row, nodes },
			// A row of 2^18 logits in blocks of one has 5 levels.
			level => Self::BlockNodes { at, row, level: level as u8, index: 0, nodes },
		})
	}

	/// What a side that owes a move is asked for.
	pub fn query(&self) -> Query {
		match *self {
			Self::Candidate { .. } => Query::Candidate,
			Self::Items { level, index, .. } => Query::Items { level, index },
			Self::Item { item, .. } => Query::Item { item },
			Self::Rows { at: OperatorPlace { item, trace, operator }, level, index, .. } => {
				Query::Rows { item, trace, operator, level, index }
			}
			Self::Blocks { at: OperatorPlace { item, trace, operator }, row, .. } => {
				Query::Blocks { item, trace, operator, row }
			}
			Self::BlockNodes { at: OperatorPlace { item, trace, operator }, row, level, index, .. } => {
				Query::BlockNodes { item, trace, operator, row, level, index }
			}
			Self::Block { at: OperatorPlace { item, trace, operator }, row, block, .. } => {
				Query::Witness { item, trace, operator, row, block }
			}
		}
	}

	/// Whether both sides open something here.
	pub fn is_descent(&self) -> bool {
		!matches!(self, Self::Candidate { .. } | Self::Block { .. })
	}

	/// Reports whether the clock of `side` runs here as long as it has not moved. At a block both clocks run: the right side
	/// has every reason to show it.
	pub fn is_asked(&self, side: Side) -> bool {
		match self {
			Self::Candidate { prover } => *prover == side,
			_ => true,
		}
	}

	/// Checks the opening of `side` here against the hash that it is bound to.
	pub fn check(&self, disputed: &Disputed, side: Side, opening: &Opening) -> Result<(), Refusal> {
		match (self, opening) {
			(Self::Items { level, index, nodes }, Opening::Items(children)) => {
				let items = disputed.statement.items() as usize;
				let places = tree::children(items, u32::from(*level), *index as usize);
				ensure(children.len() == places.len(), Refusal::WrongCount)?;
				ensure(tree::sum_node(children) == *side.of(nodes), Refusal::NotCommitted)
			}
			(Self::Item { item, nodes }, Opening::Item { item: leaf, baseline, candidate }) => {
				disputed.check_item(*item, side.of(nodes), leaf, [baseline, candidate])
			}
			(Self::Rows { at, level, index, nodes }, Opening::Hashes(children)) => {
				let rows = disputed.shape(at.operator)?.rows;
				check_children(rows, *level, *index, children, side.of(nodes))
			}
			(Self::Blocks { at, nodes, .. }, Opening::Hashes(children)) => {
				check_children(disputed.shape(at.operator)?.blocks(), 1, 0, children, side.of(nodes))
			}
			(Self::BlockNodes { at, level, index, nodes, .. }, Opening::Hashes(children)) => {
				let blocks = disputed.shape(at.operator)?.blocks();
				check_children(blocks, *level, *index, children, side.of(nodes))
			}
			_ => Err(Refusal::WrongKind),
		}
	}

	/// Returns the step that two openings lead to, each checked before.
	pub fn advance(&self, disputed: &Disputed, openings: [&Opening; 2]) -> Result<Step, Refusal> {
		let on = |position| Ok(Step { position, agreed: None });
		match (self, openings) {
			(Self::Items { level, index, .. }, [Opening::Items(first), Opening::Items(second)]) => {
				let (child, nodes) = first_difference(first, second)?;
				let index = below(*index, child)?;
				on(match level.saturating_sub(1) {
					0 => Self::Item { item: index, nodes },
					level => Self::Items { level, index, nodes },
				})
			}
			(
				Self::Item { item, .. },
				[Opening::Item { baseline: first, candidate: first_after, .. }, Opening::Item { baseline: second, candidate: second_after, .. }],
			) => {
				let (trace, (first, second)) =
					if first == second { (1, (first_after, second_after)) } else { (0, (first, second)) };
				let (operator, nodes) = first_difference(first, second)?;
				let agreed = first.iter().take(operator as usize).copied().collect();
				// A program has at most 4,096 operators.
				let at = OperatorPlace { item: *item, trace, operator: operator as u16 };
				Ok(Step { position: Self::enter(disputed, at, nodes)?, agreed: Some(agreed) })
			}
			(_, [Opening::Hashes(first), Opening::Hashes(second)]) => {
				on(self.descend(disputed, first_difference(first, second)?)?)
			}
			_ => Err(Refusal::WrongKind),
		}
	}

	/// Returns the position one level down in the trees over rows and blocks.
	fn descend(&self, disputed: &Disputed, (child, nodes): (u32, [Hash; 2])) -> Result<Self, Refusal> {
		match *self {
			Self::Rows { at, level, index, .. } => {
				let index = below(index, child)?;
				match level.saturating_sub(1) {
					0 => Self::enter_row(disputed, at, index, nodes),
					level => Ok(Self::Rows { at, level, index, nodes }),
				}
			}
			Self::Blocks { at, row, .. } => Ok(Self::Block { at, row, block: child, nodes }),
			Self::BlockNodes { at, row, level, index, .. } => {
				let index = below(index, child)?;
				Ok(match level.saturating_sub(1) {
					0 => Self::Block { at, row, block: index, nodes },
					level => Self::BlockNodes { at, row, level, index, nodes },
				})
			}
			_ => Err(Refusal::WrongKind),
		}
	}

	/// Whom a computed block's hash refutes; no side anywhere else.
	pub fn refuted_by(&self, hash: &Hash) -> [bool; 2] {
		match self {
			Self::Block { nodes: [first, second], .. } => [first != hash, second != hash],
			_ => [false, false],
		}
	}

	/// The block in question, once it is known.
	pub fn block(&self) -> Option<(OperatorPlace, Place)> {
		match self {
			Self::Block { at, row, block, .. } => {
				let place =
					Place { operator: at.operator.into(), row: *row as usize, block: *block as usize };
				Some((*at, place))
			}
			_ => None,
		}
	}
}
