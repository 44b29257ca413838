//! Computations that were committed to: one truth, and parties that tell it with a few lies.
//!
//! Shapes are those of real programs and hashes those of real trees; only the bytes are made up, since the descent does not
//! care what they mean.

use blyan_exact::{
	blake2_256,
	step::{Evidence, Place, Witness},
	tree::{self, Item, SumNode},
	Hash, ModelConfig, Program, Shape,
};
use blyan_primitives::{
	BlobRef, BlockRef, BlockWitness, EvaluationJob, EvaluationOutcome, HoldoutRef, JobBody, Opening,
	PartIndex, Query, Score, Statement, TileEvidence, Verdict,
};
use sp_core::H256;
use std::{collections::BTreeMap, sync::OnceLock};

pub(crate) const CONFIG: ModelConfig =
	ModelConfig { d_model: 128, d_ff: 256, layers: 2, heads: 2, experts: 4, top_k: 2, context: 32 };
/// Bytes of a sequence: enough rows for two levels.
pub(crate) const POSITIONS: u16 = 18;
/// Sequences of the samples: two levels and one.
pub(crate) const ITEMS: [u32; 2] = [20, 3];
pub(crate) const TILES: u32 = 3;

/// A candidate; the mock takes bytes that begin with "expert" for one.
pub(crate) const EXPERT: &[u8] = b"expert, and a good one";
pub(crate) const NO_EXPERT: &[u8] = b"zeros where an expert should be";

pub(crate) fn candidate(bytes: &[u8]) -> BlockRef {
	let blob = BlobRef { hash: H256(blake2_256(&[bytes])), size: bytes.len() as u32 };
	BlockRef { tensor_root: H256([77; 32]), blob }
}

fn block(seed: u8) -> BlockRef {
	BlockRef { tensor_root: H256([seed; 32]), blob: BlobRef { hash: H256([!seed; 32]), size: 500 } }
}

pub(crate) fn job(part: PartIndex) -> EvaluationJob {
	let sequences = 300;
	let blob = BlobRef { hash: H256([250; 32]), size: sequences * u32::from(POSITIONS) };
	EvaluationJob {
		definition: blyan_exact::DEFINITION,
		model: 0,
		body: JobBody::First { config: CONFIG, trunk: block(1) },
		heads: (0..8).map(|slot| block(10 + slot)).collect(),
		layer: 1,
		expert: 2,
		candidate: candidate(EXPERT),
		holdout: HoldoutRef { root: H256([part; 32]), blob, sequences, sequence_len: POSITIONS },
		seed: H256([part; 32]),
		sample: ITEMS[usize::from(part)],
	}
}

pub(crate) fn statement(part: PartIndex) -> Statement {
	static STATEMENTS: OnceLock<[Statement; 2]> = OnceLock::new();
	STATEMENTS.get_or_init(|| [0, 1].map(|part| job(part).statement().unwrap()))[usize::from(part)]
}

pub(crate) fn program() -> Program {
	Program::new(CONFIG, POSITIONS).unwrap()
}

/// Where in a computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
	pub(crate) part: PartIndex,
	pub(crate) item: u32,
	pub(crate) trace: u8,
	pub(crate) operator: usize,
	pub(crate) row: usize,
	pub(crate) block: usize,
}

impl Spot {
	/// Any spot, by a number.
	pub(crate) fn any(part: PartIndex, seed: u64) -> Self {
		let operators = program().operators() as u64;
		Self::at(part, seed, (seed / 7 % operators) as usize)
	}

	/// Any spot of one operator.
	pub(crate) fn at(part: PartIndex, seed: u64, operator: usize) -> Self {
		let word = |salt: u8| {
			let hash = blake2_256(&[&[salt], &seed.to_le_bytes()]);
			u64::from_le_bytes(hash[..8].try_into().unwrap()) as usize
		};
		let shape = program().shape_at(operator).unwrap();
		Self {
			part,
			item: word(1) as u32 % ITEMS[usize::from(part)],
			trace: word(2) as u8 % 2,
			operator,
			row: word(3) % shape.rows,
			block: word(4) % shape.blocks(),
		}
	}
}

/// What is right at a spot, by the sequence that the item is about.
pub(crate) fn truth(sequence: u32, trace: u8, place: Place) -> Vec<u8> {
	let Place { operator, row, block } = place;
	let shape = program().shape_at(operator).unwrap();
	let len = shape.block_bytes.min(shape.row_bytes - block * shape.block_bytes);
	let name = [u64::from(sequence), u64::from(trace), operator as u64, row as u64, block as u64];
	let name: Vec<u8> = name.iter().flat_map(|word| word.to_le_bytes()).collect();
	if operator + 1 == program().operators() {
		let loss = u64::from_le_bytes(blake2_256(&[&name])[..8].try_into().unwrap()) >> 40;
		return loss.to_le_bytes().to_vec();
	}
	let mut bytes = Vec::with_capacity(len + 32);
	let mut last = blake2_256(&[&name]);
	while bytes.len() < len {
		bytes.extend_from_slice(&last);
		last[0] = last[0].wrapping_add(1);
		last[1] ^= last[0];
	}
	bytes.truncate(len);
	bytes
}

/// The output of an operator as told with these lies: at each, one byte is another.
fn output(at: Spot, lies: &BTreeMap<Spot, u8>) -> Vec<u8> {
	let shape = program().shape_at(at.operator).unwrap();
	let sequence = statement(at.part).sequence(at.item).unwrap();
	let mut bytes = Vec::new();
	for row in 0..shape.rows {
		for block in 0..shape.blocks() {
			let mut told = truth(sequence, at.trace, Place { operator: at.operator, row, block });
			if let Some(lie) = lies.get(&Spot { row, block, ..at }) {
				let byte = usize::from(*lie) % told.len();
				told[byte] ^= lie | 1;
			}
			bytes.extend(told);
		}
	}
	bytes
}

/// Roots of the outputs of both traces of each item.
type Lists = Vec<[Vec<Hash>; 2]>;

fn true_lists(part: PartIndex) -> &'static Lists {
	static LISTS: [OnceLock<Lists>; 2] = [OnceLock::new(), OnceLock::new()];
	LISTS[usize::from(part)].get_or_init(|| {
		let list = |item, trace| {
			let roots = (0..program().operators()).map(|operator| {
				let shape = program().shape_at(operator).unwrap();
				shape.root(&output(Spot { part, item, trace, operator, row: 0, block: 0 }, &BTreeMap::new()))
			});
			roots.collect::<Vec<Hash>>()
		};
		(0..ITEMS[usize::from(part)]).map(|item| [list(item, 0), list(item, 1)]).collect()
	})
}

/// A party that computed the job, and lied here and there.
#[derive(Clone)]
pub(crate) struct Party {
	lies: BTreeMap<Spot, u8>,
	lists: [Lists; 2],
	items: [Vec<Item>; 2],
}

impl Party {
	pub(crate) fn honest() -> Self {
		Self::telling(&[])
	}

	pub(crate) fn lying(at: Spot) -> Self {
		Self::telling(&[(at, 1)])
	}

	/// Different bytes of lies are different lies.
	pub(crate) fn telling(lies: &[(Spot, u8)]) -> Self {
		let lies: BTreeMap<Spot, u8> = lies.iter().copied().collect();
		let mut lists = [true_lists(0).clone(), true_lists(1).clone()];
		for spot in lies.keys() {
			let shape = program().shape_at(spot.operator).unwrap();
			let list = &mut lists[usize::from(spot.part)][spot.item as usize][usize::from(spot.trace)];
			list[spot.operator] = shape.root(&output(Spot { row: 0, block: 0, ..*spot }, &lies));
		}
		let items = [0, 1].map(|part| {
			let item = |item: u32| {
				let [baseline, candidate] = &lists[usize::from(part)][item as usize];
				let loss = |trace| {
					let operator = program().operators() - 1;
					let at = Spot { part, item, trace, operator, row: 0, block: 0 };
					u64::from_le_bytes(output(at, &lies).try_into().unwrap())
				};
				Item {
					sequence: statement(part).sequence(item).unwrap(),
					baseline: loss(0),
					candidate: loss(1),
					baseline_trace: tree::trace_root(baseline),
					candidate_trace: tree::trace_root(candidate),
				}
			};
			(0..ITEMS[usize::from(part)]).map(item).collect()
		});
		Self { lies, lists, items }
	}

	fn outcome(&self, part: PartIndex) -> EvaluationOutcome {
		let items = &self.items[usize::from(part)];
		let SumNode { hash, totals } = tree::sum_root(items);
		EvaluationOutcome {
			baseline_loss: totals.baseline,
			candidate_loss: totals.candidate,
			sum_diff: totals.baseline as i64 - totals.candidate as i64,
			sum_diff_sq: totals.squares,
			sequences: items.len() as u32,
			bytes: items.len() as u64 * u64::from(POSITIONS),
			job_root: H256(hash),
		}
	}

	pub(crate) fn verdict(&self) -> Verdict {
		Verdict::Scored(Score { target: self.outcome(0), guard: Some(self.outcome(1)) })
	}

	pub(crate) fn digest(&self) -> H256 {
		self.verdict().digest()
	}

	fn rows(&self, at: Spot) -> (Shape, Vec<u8>) {
		(program().shape_at(at.operator).unwrap(), output(at, &self.lies))
	}

	/// What this party answers.
	pub(crate) fn open(&self, part: PartIndex, query: Query) -> Opening {
		let spot = |item, trace, operator: u16| Spot {
			part,
			item,
			trace,
			operator: operator.into(),
			row: 0,
			block: 0,
		};
		match query {
			Query::Items { level, index } => {
				let leaves: Vec<SumNode> = self.items[usize::from(part)].iter().map(Item::node).collect();
				let places = tree::children(leaves.len(), level.into(), index as usize);
				Opening::Items(tree::sum_level(&leaves, u32::from(level) - 1)[places].to_vec())
			}
			Query::Item { item } => {
				let [baseline, candidate] = self.lists[usize::from(part)][item as usize].clone();
				Opening::Item { item: self.items[usize::from(part)][item as usize], baseline, candidate }
			}
			Query::Rows { item, trace, operator, level, index } => {
				let (shape, bytes) = self.rows(spot(item, trace, operator));
				let places = tree::children(shape.rows, level.into(), index as usize);
				let nodes = tree::level(&shape.row_hashes(&bytes), u32::from(level) - 1);
				Opening::Hashes(nodes[places].to_vec())
			}
			Query::Blocks { item, trace, operator, row } => {
				let (shape, bytes) = self.rows(spot(item, trace, operator));
				let row = bytes.chunks(shape.row_bytes).nth(row as usize).unwrap();
				Opening::Hashes(shape.block_hashes(row))
			}
			Query::BlockNodes { .. } => {
				unreachable!("no row of the first definition has more than 16 blocks")
			}
			Query::Witness { .. } => Opening::Witness(witness()),
			Query::Candidate => Opening::Candidate(NO_EXPERT.to_vec()),
			Query::Tile { tile } => Opening::Witness(BlockWitness::First(Witness(vec![bare_tile(tile)]))),
		}
	}
}

/// What the mock's referee takes for inputs.
pub(crate) fn witness() -> BlockWitness {
	witness_of(vec![Evidence::Output(b"inputs".to_vec())])
}

/// A witness of the first definition.
pub(crate) fn witness_of(evidence: Vec<Evidence>) -> BlockWitness {
	BlockWitness::First(Witness(evidence))
}

/// A tile of the candidate, and its proof.
pub(crate) fn tile_evidence(tile: u32) -> TileEvidence {
	TileEvidence::First(bare_tile(tile))
}

fn bare_tile(tile: u32) -> Evidence {
	Evidence::Tile { bytes: tile.to_le_bytes().to_vec(), tiles: [7; 32], path: Vec::new() }
}
