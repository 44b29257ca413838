//! A real model, a real candidate and the definition as referee: one wrong value anywhere is found and proven.

use super::*;
use crate::{game::Side, Ended, Exact, Games};
use blyan_exact::{
	block::{write_expert, write_trunk},
	golden::{random_expert, random_model, OwnedModel},
	merkle,
	step::{CandidateSlot, Place, Prover, Witness},
	trace::Trace,
	tree::{self, Item, SumNode},
	Expert, Hash, Model, ModelConfig,
};
use blyan_primitives::{EvaluationOutcome, EvaluationStatement, Opening, Query, Score, Statement, Verdict};
use frame_support::assert_ok;
use sp_core::H256;
use sp_keyring::Sr25519Keyring::{Alice, Bob};

const CONFIG: ModelConfig =
	ModelConfig { d_model: 128, d_ff: 64, layers: 1, heads: 2, experts: 3, top_k: 2, context: 24 };
/// Bytes of a sequence: two levels of rows.
const POSITIONS: usize = 17;
const SEQUENCES: u32 = 9;
const SAMPLE: u32 = 3;
/// The expert that the candidate replaces.
const SLOT: (u8, u16) = (0, 1);

/// The model, the candidate and what came out.
struct World {
	trunk: Vec<u8>,
	experts: Vec<Vec<u8>>,
	heads: Vec<Hash>,
	candidate: Vec<u8>,
	candidate_root: Hash,
	holdout: Vec<u8>,
	statement: Statement,
	traces: Vec<[Trace; 2]>,
}

fn root(file: &[u8]) -> Hash {
	file[96..128].try_into().unwrap()
}

impl World {
	fn new() -> Self {
		let owned: OwnedModel = random_model(CONFIG, b"disputes");
		let candidate: Expert = random_expert(&CONFIG, b"candidate");
		let trunk = write_trunk(&owned.trunk, &CONFIG).unwrap();
		let experts: Vec<Vec<u8>> =
			owned.experts.iter().map(|expert| write_expert(expert, &CONFIG).unwrap()).collect();
		let heads: Vec<Hash> = experts.iter().map(|file| root(file)).collect();
		let file = write_expert(&candidate, &CONFIG).unwrap();
		let holdout: Vec<u8> = (0..SEQUENCES as usize * POSITIONS).map(|i| (i * i % 251) as u8).collect();
		let statement = Statement::Evaluation(EvaluationStatement {
			definition: blyan_exact::DEFINITION,
			config: CONFIG,
			model_root: H256(blyan_exact::model_root(&CONFIG, &root(&trunk), &heads)),
			layer: SLOT.0,
			expert: SLOT.1,
			candidate: H256(root(&file)),
			holdout_root: H256(merkle::root_of(holdout.chunks_exact(POSITIONS))),
			holdout_sequences: SEQUENCES,
			sequence_len: POSITIONS as u16,
			seed: H256([5; 32]),
			sample: SAMPLE,
		});
		let mut changed: Vec<&Expert> = owned.experts.iter().collect();
		changed[usize::from(SLOT.1)] = &candidate;
		let before = Model::new(CONFIG, &owned.trunk, owned.experts.iter().collect()).unwrap();
		let after = Model::new(CONFIG, &owned.trunk, changed).unwrap();
		let traces = (0..SAMPLE).map(|item| {
			let sequence = statement.sequence(item).unwrap() as usize;
			let text = &holdout[sequence * POSITIONS..][..POSITIONS];
			[Trace::of(&before, text).unwrap(), Trace::of(&after, text).unwrap()]
		});
		let traces = traces.collect();
		Self {
			trunk,
			experts,
			heads,
			candidate_root: root(&file),
			candidate: file,
			holdout,
			traces,
			statement,
		}
	}

	/// A party that ran it, and perhaps changed a byte afterwards.
	fn claim(&self, lie: Option<(usize, usize, usize, usize)>) -> Claim<'_> {
		let mut traces = self.traces.clone();
		if let Some((item, trace, operator, at)) = lie {
			let byte = traces[item][trace].output(operator).unwrap()[at];
			traces[item][trace].plant(operator, at, byte ^ 4);
		}
		let items = traces.iter().zip(0..).map(|([before, after], item)| {
			let last = before.program().operators() - 1;
			let loss = |trace: &Trace| u64::from_le_bytes(trace.output(last).unwrap().try_into().unwrap());
			Item {
				sequence: self.statement.sequence(item).unwrap(),
				baseline: loss(before),
				candidate: loss(after),
				baseline_trace: before.root(),
				candidate_trace: after.root(),
			}
		});
		let items = items.collect();
		Claim { world: self, traces, items }
	}

	fn witness(&self, claim: &Claim<'_>, item: u32, trace: u8, place: Place) -> Witness {
		let with = trace == 1;
		let mut experts: Vec<&[u8]> = self.experts.iter().map(Vec::as_slice).collect();
		let slot = CandidateSlot { layer: SLOT.0, expert: SLOT.1, tensor_root: self.candidate_root };
		if with {
			experts[usize::from(SLOT.1)] = &self.candidate;
		}
		let prover = Prover {
			trace: &claim.traces[item as usize][usize::from(trace)],
			trunk: &self.trunk,
			heads: &self.heads,
			experts: &experts,
			candidate: with.then_some(slot),
			holdout: &self.holdout,
			sequence: self.statement.sequence(item).unwrap(),
		};
		assert_eq!(Ok(prover.commitments().unwrap()), self.statement.commitments(item, trace).ok_or(()));
		prover.record(place).unwrap()
	}
}

struct Claim<'a> {
	world: &'a World,
	traces: Vec<[Trace; 2]>,
	items: Vec<Item>,
}

impl Claim<'_> {
	fn verdict(&self) -> Verdict {
		let SumNode { hash, totals } = tree::sum_root(&self.items);
		let target = EvaluationOutcome {
			baseline_loss: totals.baseline,
			candidate_loss: totals.candidate,
			sum_diff: totals.baseline as i64 - totals.candidate as i64,
			sum_diff_sq: totals.squares,
			sequences: SAMPLE,
			bytes: u64::from(SAMPLE) * POSITIONS as u64,
			job_root: H256(hash),
		};
		Verdict::Scored(Score { target, guard: None })
	}

	fn open(&self, query: Query) -> Opening {
		match query {
			Query::Items { level, index } => {
				let leaves: Vec<SumNode> = self.items.iter().map(Item::node).collect();
				let places = tree::children(leaves.len(), level.into(), index as usize);
				Opening::Items(tree::sum_level(&leaves, u32::from(level) - 1)[places].to_vec())
			}
			Query::Item { item } => {
				let [baseline, candidate] = &self.traces[item as usize];
				Opening::Item {
					item: self.items[item as usize],
					baseline: baseline.operators().to_vec(),
					candidate: candidate.operators().to_vec(),
				}
			}
			Query::Rows { item, trace, operator, level, index } => {
				let trace = &self.traces[item as usize][usize::from(trace)];
				let shape = trace.program().shape_at(operator.into()).unwrap();
				let rows = shape.row_hashes(trace.output(operator.into()).unwrap());
				let places = tree::children(rows.len(), level.into(), index as usize);
				Opening::Hashes(tree::level(&rows, u32::from(level) - 1)[places].to_vec())
			}
			Query::Blocks { item, trace, operator, row } => {
				let trace = &self.traces[item as usize][usize::from(trace)];
				let shape = trace.program().shape_at(operator.into()).unwrap();
				Opening::Hashes(shape.block_hashes(trace.row(operator.into(), row as usize).unwrap()))
			}
			Query::Witness { item, trace, operator, row, block } => {
				let place = Place { operator: operator.into(), row: row as usize, block: block as usize };
				Opening::Witness(self.world.witness(self, item, trace, place))
			}
			Query::Candidate => Opening::Candidate(self.world.candidate.clone()),
			Query::Tile { .. } => unreachable!("nobody demands one here"),
		}
	}
}

/// Every operator of both traces, at random depth, with either side lying.
#[test]
fn a_wrong_value_of_a_real_model_is_proven_wrong_by_computing_it_again() {
	let world = World::new();
	let honest = world.claim(None);
	let operators = world.traces[0][0].program().operators();
	for seed in 0..1_000_usize {
		let (operator, trace) = (seed % operators, seed / operators % 2);
		let item = seed * 7 % SAMPLE as usize;
		let len = world.traces[item][trace].output(operator).unwrap().len();
		let liar = world.claim(Some((item, trace, operator, seed * 2_654_435_761 % len)));
		let liar_first = seed % 3 == 0;
		story(|| {
			Real::set(Some(world.statement));
			claim(SUBJECT, &[(Alice, honest.verdict()), (Bob, liar.verdict())]);
			let parties = if liar_first { [&liar, &honest] } else { [&honest, &liar] };
			let [first, second] = parties;
			let game = confront(Alice, &first.verdict(), &second.verdict());
			while Games::<Test>::get(game).unwrap().position.is_descent() {
				for side in Side::BOTH {
					let query = Games::<Test>::get(game).unwrap().position.query();
					let opening = side.of(&parties).open(query);
					assert_ok!(Disputes::descend(signed(&account(1)), game, side, opening));
				}
			}
			let query = Games::<Test>::get(game).unwrap().position.query();
			let Opening::Witness(witness) = honest.open(query) else {
				unreachable!("at a block there is nothing else to open")
			};
			assert_ok!(Disputes::execute(signed(&account(1)), game, witness));
			let lost = Ended::<Test>::get(game).unwrap().refuted;
			assert_eq!(lost, [liar_first, !liar_first], "operator {operator}");
		});
	}
}

#[test]
fn the_definition_knows_an_expert_and_its_tiles() {
	use crate::BlockCheck;
	use blyan_exact::step::Evidence;
	let world = World::new();
	let root = H256(world.candidate_root);
	assert!(Exact::is_valid(&world.candidate, root, &CONFIG));
	assert!(!Exact::is_valid(&world.candidate, H256([1; 32]), &CONFIG));
	assert!(!Exact::is_valid(&world.candidate, root, &ModelConfig { d_ff: 128, ..CONFIG }));
	assert!(!Exact::is_valid(&world.trunk, H256(self::root(&world.trunk)), &CONFIG));
	let mut damaged = world.candidate.clone();
	damaged[200] ^= 1;
	assert!(!Exact::is_valid(&damaged, root, &CONFIG));
	assert_eq!(Exact::tiles(&CONFIG), 1);
	assert_eq!(Exact::tiles(&ModelConfig { d_model: 512, d_ff: 2_048, heads: 8, ..CONFIG }), 9);
	let payload = world.candidate[128..world.candidate.len() - 32].to_vec();
	let tile =
		|bytes: &[u8]| Evidence::Tile { bytes: bytes.to_vec(), tiles: merkle::leaf(&payload), path: vec![] };
	assert!(Exact::is_tile(&tile(&payload), 0, root, &CONFIG));
	assert!(!Exact::is_tile(&tile(&payload), 1, root, &CONFIG));
	assert!(!Exact::is_tile(&tile(&payload[1..]), 0, root, &CONFIG));
	assert!(!Exact::is_tile(&Evidence::Output(payload.clone()), 0, root, &CONFIG));
}

/// What a benchmark measures is what a block costs at most, and it is real.
#[cfg(feature = "runtime-benchmarks")]
#[test]
fn the_dearest_block_can_be_computed() {
	use crate::{BlockCheck, Referee};
	use codec::Encode;
	let trial = Exact::trial_for_benchmark();
	let program = trial.statement.program().unwrap();
	let commitments = trial.statement.commitments(trial.at.item, trial.at.trace).unwrap();
	let place =
		Place { operator: trial.at.operator.into(), row: trial.row as usize, block: trial.block as usize };
	assert!(Exact::execute(&program, &commitments, &trial.agreed, place, &trial.witness).is_ok());
	let bytes = trial.witness.encoded_size();
	assert!((128 * 1024..256 * 1024).contains(&bytes), "{bytes}");
	for bytes in [1, 100_000, 1 << 20] {
		let (file, root, config) = Exact::block_for_benchmark(bytes);
		assert!(Exact::is_valid(&file, root, &config));
	}
	let (evidence, tile, root, config) = Exact::evidence_for_benchmark();
	assert!(Exact::is_tile(&evidence, tile, root, &config));
	assert!(evidence.encoded_size() <= crate::TILE_EVIDENCE_BYTES_MAX as usize);
}
