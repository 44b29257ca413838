//! Real models of the second definition, one a family of checkpoints, with the definition as referee: one wrong byte in any operator is
//! found and proven.

use super::*;
use crate::BlockCheck;
use blyan_exact::{
	definition2::{
		self,
		block::{claimed_root, part_file, Layout},
		golden::{self, random_model, Stream},
		model::model_root,
		step::{prove_tile, sequence_bytes, PartFiles, Prover},
		Activation, Architecture, Bits, FeedForward, LayerShape, Model, Network, OwnedPart, Part, QkNorm,
		Routing, Trace, WeightKind,
	},
	merkle,
	step::Place,
	Hash,
};
use blyan_primitives::{
	BlockWitness, Computation, ExpertShape, Statement, TileEvidence, TokenEvaluationStatement,
};
use sp_core::H256;
use std::collections::BTreeMap;

/// Sequences of a holdout.
const SEQUENCES: u32 = 5;
/// Predicted positions of a sequence: two levels of rows, two blocks of keys.
const POSITIONS: usize = 19;
/// Games of a family at least, so that short programs are played about more than once.
const GAMES_MIN: usize = 48;

/// A model, a candidate for one of its slots if it has any, and the traces of a sample.
struct World {
	name: &'static str,
	architecture: Architecture,
	files: BTreeMap<Part, Vec<u8>>,
	parts: Vec<Hash>,
	experts: Vec<Hash>,
	/// Slot of the candidate, and its file.
	candidate: Option<(Part, Vec<u8>)>,
	holdout: Vec<u32>,
	statement: Statement,
	traces: Vec<[Trace; 2]>,
}

/// Files of a trace: the candidate's in its slot.
struct Files<'a> {
	baseline: &'a BTreeMap<Part, Vec<u8>>,
	candidate: Option<&'a (Part, Vec<u8>)>,
}

impl PartFiles for Files<'_> {
	fn file(&self, part: Part) -> Option<&[u8]> {
		let replaced = self.candidate.filter(|(slot, _)| *slot == part).map(|(_, file)| file);
		replaced.or_else(|| self.baseline.get(&part)).map(Vec::as_slice)
	}
}

fn root_of(file: &[u8]) -> Hash {
	claimed_root(file).unwrap()
}

/// A statement about a model of an architecture, of which only the shape matters.
pub(crate) fn statement_about(architecture: &Architecture, positions: u16) -> TokenEvaluationStatement {
	TokenEvaluationStatement {
		revision: definition2::REVISION,
		architecture: H256(definition2::model::architecture_hash(architecture)),
		model_root: H256::zero(),
		layer: 0,
		expert: 0,
		candidate: H256::zero(),
		holdout_root: H256::zero(),
		holdout_sequences: SEQUENCES,
		sequence_len: positions + 1,
		seed: H256([5; 32]),
		sample: 2,
	}
}

impl World {
	/// Makes the world of a golden family.
	fn of_family(family: usize) -> Self {
		let (name, architecture) = golden::ARCHITECTURES[family];
		Self::new(name, architecture(), POSITIONS)
	}

	fn new(name: &'static str, architecture: Architecture, positions: usize) -> Self {
		let owned = random_model(architecture.clone(), name.as_bytes());
		let (parts, experts) = (architecture.parts(), architecture.expert_parts().collect::<Vec<Part>>());
		let file = |part: Part, tensors: &OwnedPart| part_file(&architecture, part, &tensors.view()).unwrap();
		let fixed = parts.iter().zip(&owned.parts);
		let files: BTreeMap<Part, Vec<u8>> = fixed
			.chain(experts.iter().zip(&owned.experts))
			.map(|(part, tensors)| (*part, file(*part, tensors)))
			.collect();
		let roots = |list: &[Part]| list.iter().map(|part| root_of(&files[part])).collect::<Vec<Hash>>();
		let (part_roots, expert_roots) = (roots(&parts), roots(&experts));
		let mut stream = Stream::new(b"disputes");
		let tensors = experts.get(1).map(|slot| (*slot, stream.part(&architecture, *slot)));
		let candidate = tensors.as_ref().map(|(slot, tensors)| (*slot, file(*slot, tensors)));
		let vocabulary = architecture.vocabulary as usize;
		let ids = SEQUENCES as usize * (positions + 1);
		let holdout: Vec<u32> = (0..ids).map(|_| stream.below(vocabulary) as u32).collect();
		let mut about = statement_about(&architecture, positions as u16);
		about.model_root = H256(model_root(&architecture, &part_roots, &expert_roots));
		about.holdout_root = H256(merkle::root(&leaves(&holdout, positions)));
		if let Some((Part::Expert { layer, expert }, file)) = &candidate {
			(about.layer, about.expert, about.candidate) = (*layer, *expert, H256(root_of(file)));
		}
		let statement = Statement::TokenEvaluation(about);
		let before = owned.view().unwrap();
		let after = tensors.as_ref().map_or_else(
			|| before.clone(),
			|(slot, tensors)| before.with_expert(*slot, tensors.view()).unwrap(),
		);
		let traces = (0..statement.items()).map(|item| {
			let sequence = statement.sequence(item).unwrap() as usize;
			let ids = &holdout[sequence * (positions + 1)..][..positions + 1];
			[&before, &after].map(|model: &Model<'_>| Trace::of(model, ids).unwrap())
		});
		let traces = traces.collect();
		Self {
			name,
			files,
			parts: part_roots,
			experts: expert_roots,
			candidate,
			holdout,
			statement,
			traces,
			architecture,
		}
	}

	/// The honest witness of a block.
	fn witness(&self, item: u32, trace: u8, place: Place) -> BlockWitness {
		let with = trace == 1;
		let commitments = self.statement.commitments(item, trace).unwrap();
		let files = Files { baseline: &self.files, candidate: self.candidate.as_ref().filter(|_| with) };
		let prover = Prover {
			trace: &self.traces[item as usize][usize::from(trace)],
			files: &files,
			parts: &self.parts,
			experts: &self.experts,
			candidate: commitments.candidate,
			holdout: &self.holdout,
			sequence: commitments.sequence,
		};
		assert_eq!(prover.commitments(), commitments);
		BlockWitness::Second(prover.record(place).unwrap())
	}

	/// Plays about every operator in turn, then about any; each side lies in every other game, in either trace. Notes the largest
	/// witness and the most rounds of each kind of operator. Returns the number of games.
	fn play_all(&self, least: usize, figures: &mut BTreeMap<String, (usize, u32)>) -> usize {
		let outputs: Vec<[Outputs; 2]> =
			self.traces.iter().map(|pair| pair.each_ref().map(Outputs::of_second)).collect();
		let program = self.traces[0][0].program();
		let count = program.operators().len();
		let honest = Claim::new(&self.statement, &outputs, None);
		let mut stream = Stream::new(self.name.as_bytes());
		let games = count.max(least);
		for game in 0..games {
			let operator = if game < count { game } else { stream.below(count) };
			let (item, trace) = (stream.below(outputs.len()), stream.below(2));
			// In the highest half of a loss, a claim contradicts itself and falls without a game.
			let bytes = outputs[item][trace].bytes[operator].len();
			let at = stream.below(if operator + 1 == count { bytes / 2 } else { bytes });
			let lie = Lie { item, trace, operator, at, bits: 1 + stream.below(255) as u8 };
			let liar = Claim::new(&self.statement, &outputs, Some(lie));
			let liar_first = game % 2 == 0;
			let parties = if liar_first { [&liar, &honest] } else { [&honest, &liar] };
			story(|| {
				Registry::register(&self.architecture);
				let played =
					play(self.statement, parties, |item, trace, place| self.witness(item, trace, place));
				let listed = &program.operators()[operator];
				assert_eq!(played.refuted, [liar_first, !liar_first], "{} {listed:?} {lie:?}", self.name);
				assert!(played.bytes <= crate::WITNESS_BYTES_MAX as usize, "{listed:?} {played:?}");
				let kind = format!("{:?}", listed.kind);
				let kind = kind.split(' ').next().unwrap_or_default().to_owned();
				let (bytes, rounds) = figures.entry(kind).or_default();
				(*bytes, *rounds) = ((*bytes).max(played.bytes), (*rounds).max(played.rounds));
			});
		}
		games
	}
}

fn leaves(holdout: &[u32], positions: usize) -> Vec<Hash> {
	holdout.chunks_exact(positions + 1).map(|ids| merkle::leaf(&sequence_bytes(ids))).collect()
}

fn report(name: &str, games: usize, figures: &BTreeMap<String, (usize, u32)>) {
	println!("{name}: {games} games, all won by the honest side");
	for (kind, (bytes, rounds)) in figures {
		println!("  {kind:<16} {bytes:>7} bytes of witness, {rounds} rounds");
	}
}

/// Every operator of every golden family: 18 kinds, dense and routed layers, adapters, logits in more than 16 blocks.
#[test]
fn a_wrong_byte_in_any_operator_of_any_family_loses_on_the_real_pallet() {
	let (mut games, mut figures) = (0, BTreeMap::new());
	for family in 0..golden::ARCHITECTURES.len() {
		games += World::of_family(family).play_all(GAMES_MIN, &mut figures);
	}
	report("golden families", games, &figures);
	assert!(games >= 300, "{games}");
	assert_eq!(figures.len(), 18, "{:?}", figures.keys());
	// One round for the two sequences, one for the lists, two levels of rows, two of blocks, the witness.
	let most = figures.values().map(|(_, rounds)| *rounds).max();
	assert_eq!(most, Some(7));
}

/// SmolLM2-135M with adapters behind its last layer, as random weights: its operators, rounds and witnesses are those of the real one.
fn smollm2() -> Architecture {
	let kind = WeightKind::Int4By32;
	let expert = FeedForward { hidden: 1_536, gate: kind, up: kind, down: kind };
	let layer = |network| LayerShape { query: kind, key: kind, value: kind, output: kind, network };
	let routing = Routing {
		experts: 8,
		top_k: 2,
		normalised: true,
		router: WeightKind::Int8,
		expert,
		shared: None,
		adapter_rank: Some(16),
	};
	let mut layers = vec![layer(Network::Dense(expert)); 29];
	layers.push(layer(Network::Routed(routing)));
	Architecture {
		d_model: 576,
		heads: 9,
		kv_heads: 3,
		head_size: 64,
		vocabulary: 49_152,
		context: 8_192,
		fraction: 12,
		eps: 2_814_749_767,
		bits: Bits { input: 10, output: 8, hidden: 12 },
		biases: false,
		qk_norm: QkNorm::None,
		sub_norms: false,
		activation: Activation::SwiGlu,
		embedding: WeightKind::Int8,
		head: None,
		layers,
	}
}

/// Every operator of a model of SmolLM2's shapes, 470 of them.
#[test]
#[ignore = "makes 135 million random weights and plays 470 games: takes minutes"]
fn a_wrong_byte_in_any_operator_of_smollm2_loses_on_the_real_pallet() {
	let mut figures = BTreeMap::new();
	let games = World::new("smollm2", smollm2(), 17).play_all(0, &mut figures);
	report("SmolLM2-135M with adapters", games, &figures);
	assert_eq!(games, 470);
	// One round for the two sequences, one for the lists, two levels of rows, three of blocks, the witness.
	assert_eq!(figures.values().map(|(_, rounds)| *rounds).max(), Some(8));
	let largest = figures.values().map(|(bytes, _)| *bytes).max();
	assert!(largest <= Some(80 * 1_024), "{largest:?}");
}

#[test]
fn the_second_definition_knows_an_expert_and_its_tiles() {
	let family = golden::ARCHITECTURES.iter().position(|(name, _)| *name == "mixtral").unwrap();
	let world = World::of_family(family);
	let (Some((Part::Expert { layer, .. }, file)), architecture) = (&world.candidate, &world.architecture)
	else {
		unreachable!("a routed model has experts")
	};
	story(|| {
		let shape = |architecture| ExpertShape::Second { architecture, layer: *layer };
		let (known, unknown) = (shape(Registry::register(architecture)), shape(H256::zero()));
		let root = H256(root_of(file));
		assert!(Exact::is_valid(file, root, &known));
		assert!(!Exact::is_valid(file, H256([1; 32]), &known));
		assert!(!Exact::is_valid(file, root, &unknown));
		assert!(!Exact::is_valid(file, root, &ExpertShape::First(CONFIG)));
		let head = &world.files[&Part::Head];
		assert!(!Exact::is_valid(head, H256(root_of(head)), &known));
		let mut damaged = file.clone();
		damaged[2_000] ^= 1;
		assert!(!Exact::is_valid(&damaged, root, &known));
		let layout = Layout::of(architecture, Part::Expert { layer: *layer, expert: 0 }).unwrap();
		assert_eq!((Exact::tiles(&known), Exact::tiles(&unknown)), (layout.tiles() as u32, 0));
		let evidence = TileEvidence::Second(prove_tile(&layout, file, 0).unwrap());
		assert!(Exact::is_tile(&evidence, 0, root, &known));
		assert!(!Exact::is_tile(&evidence, 0, H256([1; 32]), &known));
		assert!(!Exact::is_tile(&evidence, 1, root, &known));
		assert!(!Exact::is_tile(&evidence, 0, root, &unknown));
		assert!(!Exact::is_tile(&evidence, 0, root, &ExpertShape::First(CONFIG)));
		assert!(!Exact::is_tile(&tile_evidence(0), 0, root, &known));
	});
}

/// A witness and a program of different definitions have nothing to do with each other.
#[test]
fn a_witness_of_the_other_definition_is_malformed() {
	use crate::Referee;
	use blyan_exact::step::StepError;
	let architecture = golden::ARCHITECTURES[0].1();
	let statement = Statement::TokenEvaluation(statement_about(&architecture, 5));
	let commitments = statement.commitments(0, 0).unwrap();
	let place = Place { operator: 0, row: 0, block: 0 };
	let execute = |computation: &Computation, witness: &BlockWitness| {
		Exact::execute(computation, &commitments, &[], place, witness)
	};
	let second = statement.computation_of(Some(&architecture)).unwrap();
	let malformed = Err(StepError::WitnessMalformed);
	assert_eq!(execute(&second, &witness_of(vec![])), malformed);
	assert_eq!(execute(&Computation::First(program()), &BlockWitness::Second(Default::default())), malformed);
}
