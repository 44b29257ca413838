//! A real model, a real candidate and the definition as referee: one wrong value anywhere is found and proven.

use super::*;
use blyan_exact::{
	block::{write_expert, write_trunk},
	golden::{random_expert, random_model, OwnedModel},
	merkle,
	step::{CandidateSlot, Place, Prover},
	trace::Trace,
	Expert, Hash, Model, ModelConfig,
};
use blyan_primitives::{BlockWitness, EvaluationStatement, ExpertShape, Statement, TileEvidence};
use sp_core::H256;

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

	fn witness(&self, item: u32, trace: u8, place: Place) -> BlockWitness {
		let with = trace == 1;
		let mut experts: Vec<&[u8]> = self.experts.iter().map(Vec::as_slice).collect();
		let slot = CandidateSlot { layer: SLOT.0, expert: SLOT.1, tensor_root: self.candidate_root };
		if with {
			experts[usize::from(SLOT.1)] = &self.candidate;
		}
		let prover = Prover {
			trace: &self.traces[item as usize][usize::from(trace)],
			trunk: &self.trunk,
			heads: &self.heads,
			experts: &experts,
			candidate: with.then_some(slot),
			holdout: &self.holdout,
			sequence: self.statement.sequence(item).unwrap(),
		};
		assert_eq!(Ok(prover.commitments().unwrap()), self.statement.commitments(item, trace).ok_or(()));
		BlockWitness::First(prover.record(place).unwrap())
	}
}

/// Every operator of both traces, at random depth, with either side lying.
#[test]
fn a_wrong_value_of_a_real_model_is_proven_wrong_by_computing_it_again() {
	let world = World::new();
	let outputs: Vec<[Outputs; 2]> =
		world.traces.iter().map(|pair| pair.each_ref().map(Outputs::of_first)).collect();
	let honest = Claim::new(&world.statement, &outputs, None);
	let operators = outputs[0][0].roots.len();
	let mut largest = 0;
	for seed in 0..1_000_usize {
		let (operator, trace) = (seed % operators, seed / operators % 2);
		let item = seed * 7 % SAMPLE as usize;
		let at = seed * 2_654_435_761 % outputs[item][trace].bytes[operator].len();
		let lie = Lie { item, trace, operator, at, bits: 4 };
		let liar = Claim::new(&world.statement, &outputs, Some(lie));
		let liar_first = seed % 3 == 0;
		let parties = if liar_first { [&liar, &honest] } else { [&honest, &liar] };
		story(|| {
			let played =
				play(world.statement, parties, |item, trace, place| world.witness(item, trace, place));
			assert_eq!(played.refuted, [liar_first, !liar_first], "operator {operator}");
			largest = largest.max(played.bytes);
		});
	}
	assert!(largest <= crate::WITNESS_BYTES_MAX as usize, "{largest}");
	println!("first definition: 1,000 games, largest witness {largest} bytes");
}

#[test]
fn the_definition_knows_an_expert_and_its_tiles() {
	use crate::BlockCheck;
	use blyan_exact::step::Evidence;
	let world = World::new();
	let (root, shape) = (H256(world.candidate_root), ExpertShape::First(CONFIG));
	let other = |config| ExpertShape::First(config);
	assert!(Exact::is_valid(&world.candidate, root, &shape));
	assert!(!Exact::is_valid(&world.candidate, H256([1; 32]), &shape));
	assert!(!Exact::is_valid(&world.candidate, root, &other(ModelConfig { d_ff: 128, ..CONFIG })));
	assert!(!Exact::is_valid(&world.trunk, H256(self::root(&world.trunk)), &shape));
	let mut damaged = world.candidate.clone();
	damaged[200] ^= 1;
	assert!(!Exact::is_valid(&damaged, root, &shape));
	assert_eq!(Exact::tiles(&shape), 1);
	assert_eq!(Exact::tiles(&other(ModelConfig { d_model: 512, d_ff: 2_048, heads: 8, ..CONFIG })), 9);
	let payload = world.candidate[128..world.candidate.len() - 32].to_vec();
	let tile = |bytes: &[u8]| {
		let (tiles, path) = (merkle::leaf(&payload), vec![]);
		TileEvidence::First(Evidence::Tile { bytes: bytes.to_vec(), tiles, path })
	};
	assert!(Exact::is_tile(&tile(&payload), 0, root, &shape));
	assert!(!Exact::is_tile(&tile(&payload), 1, root, &shape));
	assert!(!Exact::is_tile(&tile(&payload[1..]), 0, root, &shape));
	assert!(!Exact::is_tile(&TileEvidence::First(Evidence::Output(payload.clone())), 0, root, &shape));
}

/// The measured blocks are real and their witnesses large; that of the second definition is of the longest program.
#[cfg(feature = "runtime-benchmarks")]
#[test]
fn the_costliest_blocks_can_be_computed() {
	use crate::{game::Disputed, BlockCheck, Referee};
	use codec::Encode;
	let trials = [Exact::first_trial_for_benchmark(), Exact::second_trial_for_benchmark()];
	let know = |architecture: &Option<blyan_exact::definition2::Architecture>| {
		if let Some(architecture) = architecture {
			Registry::register(architecture);
		}
	};
	for (trial, operators) in trials.into_iter().zip([22, crate::game::OPERATORS_MAX as usize]) {
		story(|| {
			know(&trial.architecture);
			let disputed = Disputed::new::<Registry>(&trial.statement).unwrap();
			let computation = disputed.computation();
			assert_eq!(computation.operators(), operators);
			let commitments = trial.statement.commitments(trial.at.item, trial.at.trace).unwrap();
			let (row, block) = (trial.row as usize, trial.block as usize);
			let place = Place { operator: trial.at.operator.into(), row, block };
			let outcome = Exact::execute(computation, &commitments, &trial.agreed, place, &trial.witness);
			assert!(outcome.is_ok(), "{outcome:?}");
			let bytes = trial.witness.encoded_size();
			assert!((128 * 1024..=256 * 1024).contains(&bytes), "{bytes}");
		});
	}
	let check = |specimen: crate::Specimen<Vec<u8>>, bytes: u32| {
		story(|| {
			know(&specimen.architecture);
			assert!(Exact::is_valid(&specimen.content, specimen.tensor_root, &specimen.shape));
			assert!(bytes == 1 || specimen.content.len() <= bytes as usize);
		});
	};
	for bytes in [1, 100_000, 1 << 20, 3 << 20] {
		check(Exact::first_block_for_benchmark(bytes), bytes);
		check(Exact::second_block_for_benchmark(bytes), bytes);
	}
	story(|| {
		let specimen = Exact::evidence_for_benchmark();
		know(&specimen.architecture);
		assert!(Exact::is_tile(&specimen.content, 0, specimen.tensor_root, &specimen.shape));
		assert!(specimen.content.encoded_size() <= crate::TILE_EVIDENCE_BYTES_MAX as usize);
	});
}
