//! Worst cases of the definitions, for benchmarks.

use crate::{game::OperatorPlace, Specimen, Trial};
use alloc::{collections::BTreeMap, vec, vec::Vec};
use blyan_exact::{
	block::{self, write_expert, write_trunk, BlockShape},
	definition2::{
		self,
		block::{claimed_root, part_file, Layout},
		golden::Stream,
		step::prove_tile,
		Activation, Architecture, Bits, FeedForward, LayerShape, Network, Part, QkNorm, Role, Routing, Slot,
		WeightKind,
	},
	golden::{random_expert, random_model},
	step::{Place, Prover},
	trace::Trace,
	Hash, ModelConfig, Operator, Program,
};
use blyan_primitives::{
	BlockWitness, Computation, EvaluationStatement, ExpertShape, Statement, TileEvidence,
	TokenEvaluationStatement,
};
use sp_core::H256;

/// The widest layer of the first definition; one is enough.
const WIDEST: ModelConfig =
	ModelConfig { d_model: 512, d_ff: 2_048, layers: 1, heads: 8, experts: 1, top_k: 1, context: 256 };
/// Columns of the widest hidden layer of the second definition whose gates and ups a witness holds.
const HIDDEN: u32 = 32_000;
/// Positions of the sequence that the hidden layer is about.
const POSITIONS: u16 = 16;

/// Returns the layout of an expert's block under the first definition.
fn first_layout(config: &ModelConfig) -> Option<block::Layout> {
	block::Layout::new(BlockShape::expert_of(config)).ok()
}

/// Returns the file of an expert of the first definition, with its tensor root.
fn expert(config: &ModelConfig) -> (Vec<u8>, Hash) {
	let Ok(file) = write_expert(&random_expert(config, b"benchmark"), config) else {
		unreachable!("generated experts are valid; qed")
	};
	let root = first_layout(config).and_then(|layout| layout.check(&file).ok()).unwrap_or_default();
	(file, root)
}

/// A block of an expert's second matrix: most weights, and three tiles to hold them and their scales.
///
/// The rest was not executed: all outputs in front are zeros, which is as good as anything to compute with.
pub(crate) fn first() -> Trial {
	let owned = random_model(WIDEST, b"benchmark");
	let (Ok(trunk), Some(program)) =
		(write_trunk(&owned.trunk, &WIDEST), Program::new(WIDEST, WIDEST.context))
	else {
		unreachable!("generated models are valid; qed")
	};
	let (expert, root) = expert(&WIDEST);
	let shapes = (0..program.operators()).filter_map(|operator| program.shape_at(operator));
	let outputs = shapes.map(|shape| vec![0; shape.rows.saturating_mul(shape.row_bytes)]).collect();
	let trace = Trace::new(program, outputs, 0);
	let holdout = vec![1; WIDEST.context.into()];
	let operator = program.index_of(Operator::Down(0, 0));
	let shape = program.shape(Operator::Down(0, 0));
	let (row, block) = (shape.rows.saturating_sub(1), shape.blocks().saturating_sub(1));
	let prover = Prover {
		trace: &trace,
		trunk: &trunk,
		heads: &[root],
		experts: &[&expert],
		candidate: None,
		holdout: &holdout,
		sequence: 0,
	};
	let recorded = prover.record(Place { operator, row, block });
	let (Ok(witness), Ok(commitments)) = (recorded, prover.commitments()) else {
		unreachable!("the files were written just now; qed")
	};
	let statement = Statement::Evaluation(EvaluationStatement {
		definition: blyan_exact::DEFINITION,
		config: WIDEST,
		model_root: H256(commitments.model_root),
		layer: 0,
		expert: 0,
		candidate: H256(root),
		holdout_root: H256(commitments.holdout_root),
		holdout_sequences: 1,
		sequence_len: WIDEST.context,
		seed: H256::zero(),
		sample: 1,
	});
	let agreed = trace.operators().iter().take(operator).copied().collect();
	let at = OperatorPlace { item: 0, trace: 0, operator: operator as u16 };
	let witness = BlockWitness::First(witness);
	Trial { statement, architecture: None, at, row: row as u32, block: block as u32, agreed, witness }
}

/// Returns an architecture of layers around 64 columns.
fn small(layers: Vec<LayerShape>) -> Architecture {
	Architecture {
		d_model: 64,
		heads: 2,
		kv_heads: 1,
		head_size: 32,
		vocabulary: 32,
		context: 4_096,
		fraction: 12,
		eps: 1,
		bits: Bits { input: 12, output: 12, hidden: 12 },
		biases: false,
		qk_norm: QkNorm::None,
		sub_norms: false,
		activation: Activation::SwiGlu,
		embedding: WeightKind::Int8,
		head: None,
		layers,
	}
}

fn layer(network: Network) -> LayerShape {
	let kind = WeightKind::Int8;
	LayerShape { query: kind, key: kind, value: kind, output: kind, network }
}

fn network(hidden: u32, kind: WeightKind) -> FeedForward {
	FeedForward { hidden, gate: kind, up: kind, down: kind }
}

fn routed(experts: u16, top_k: u8, expert: FeedForward) -> LayerShape {
	let (router, shared, adapter_rank) = (WeightKind::Int8, None, None);
	layer(Network::Routed(Routing { experts, top_k, normalised: true, router, expert, shared, adapter_rank }))
}

/// Returns an architecture with a program of 4,096 operators: 66 layers of 34, 61 of 30, one of 15 with the widest hidden layer, and 7
/// around them.
pub(crate) fn longest() -> Architecture {
	let expert = network(32, WeightKind::Int8);
	let (long, short) = (vec![routed(5, 5, expert); 66], vec![routed(5, 4, expert); 61]);
	let last = layer(Network::Dense(network(HIDDEN, WeightKind::Ternary)));
	small([long, short, vec![last]].concat())
}

/// Returns a statement about a model of an architecture.
pub(crate) fn statement(architecture: &Architecture, positions: u16, sample: u32) -> Statement {
	Statement::TokenEvaluation(TokenEvaluationStatement {
		revision: definition2::REVISION,
		architecture: H256(definition2::model::architecture_hash(architecture)),
		model_root: H256::zero(),
		layer: 0,
		expert: 0,
		candidate: H256::zero(),
		holdout_root: H256::zero(),
		holdout_sequences: 65_536,
		sequence_len: positions.saturating_add(1),
		seed: H256::zero(),
		sample,
	})
}

/// Draws gates or ups of all sizes, a row after the other.
fn projections(count: usize) -> Vec<u8> {
	let number = |at: u32| {
		// Below 2^26.
		let size = at.wrapping_mul(2_654_435_761).checked_shr(6).unwrap_or_default() as i32;
		if at.is_multiple_of(2) {
			size
		} else {
			size.saturating_neg()
		}
	};
	(0..count as u32).flat_map(|at| number(at).to_le_bytes()).collect()
}

/// A hidden layer at the end of the longest program: two divisions and a power of two for each column, and as many columns as a witness
/// holds.
pub(crate) fn second() -> Trial {
	let architecture = longest();
	let statement = statement(&architecture, POSITIONS, 1);
	let Some(Computation::Second(program)) = statement.computation_of(Some(&architecture)) else {
		unreachable!("the architecture is valid; qed")
	};
	let last = architecture.layers.len().saturating_sub(1) as u8;
	let Some(operator) = program.index_of(Role::Hidden(last, Slot::Dense)) else {
		unreachable!("the last layer is dense; qed")
	};
	let mut agreed: Vec<Hash> = vec![[0; 32]; operator];
	let mut outputs = BTreeMap::new();
	let inputs = program.operator(operator).map(|hidden| hidden.inputs.clone()).unwrap_or_default();
	for input in inputs {
		if let (Some(listed), Some(root)) = (program.operator(input), agreed.get_mut(input)) {
			let shape = listed.shape;
			let entries = shape.rows.saturating_mul(shape.row_bytes).checked_div(4).unwrap_or_default();
			let output = projections(entries);
			*root = shape.root(&output);
			outputs.insert(input, output);
		}
	}
	let trace = definition2::Trace::of_some(program, outputs);
	let files = BTreeMap::<Part, Vec<u8>>::new();
	let holdout = vec![0; usize::from(POSITIONS).saturating_add(1)];
	let prover = definition2::step::Prover {
		trace: &trace,
		files: &files,
		parts: &[],
		experts: &[],
		candidate: None,
		holdout: &holdout,
		sequence: 0,
	};
	let row = POSITIONS.saturating_sub(1);
	let Ok(witness) = prover.record(Place { operator, row: row.into(), block: 0 }) else {
		unreachable!("a hidden layer without a norm reads gates and ups alone; qed")
	};
	let at = OperatorPlace { item: 0, trace: 0, operator: operator as u16 };
	let witness = BlockWitness::Second(witness);
	Trial { statement, architecture: Some(architecture), at, row: row.into(), block: 0, agreed, witness }
}

/// The largest expert of the first definition of at most so many bytes.
pub(crate) fn first_block(bytes: u32) -> Specimen<Vec<u8>> {
	let fits =
		|config: &ModelConfig| first_layout(config).is_some_and(|layout| layout.file_len() <= bytes as usize);
	let widths = (1..=32u16).rev().map(|width| ModelConfig { d_ff: width.saturating_mul(64), ..WIDEST });
	let least = ModelConfig { d_model: 64, d_ff: 64, heads: 1, ..WIDEST };
	let config = widths.into_iter().find(fits).unwrap_or(least);
	let (content, root) = expert(&config);
	Specimen { content, tensor_root: H256(root), shape: ExpertShape::First(config), architecture: None }
}

/// The part that blocks of the second definition are of.
const EXPERT: Part = Part::Expert { layer: 0, expert: 0 };

/// Returns an architecture whose experts have so many hidden columns in groups of 32: most checks for each byte.
fn grouped(hidden: u32) -> Architecture {
	let expert = network(hidden, WeightKind::Int4By32);
	Architecture { d_model: 512, ..small(vec![routed(1, 1, expert)]) }
}

/// The largest expert of the second definition of at most so many bytes.
pub(crate) fn second_block(bytes: u32) -> Specimen<Vec<u8>> {
	let fits = |architecture: &Architecture| {
		Layout::of(architecture, EXPERT).is_some_and(|layout| layout.file_bytes() <= u64::from(bytes))
	};
	let architectures = (1..=128u32).rev().map(|width| grouped(width.saturating_mul(32)));
	let architecture = architectures.into_iter().find(fits).unwrap_or_else(|| grouped(32));
	let tensors = Stream::new(b"benchmark").part(&architecture, EXPERT);
	let Ok(content) = part_file(&architecture, EXPERT, &tensors.view()) else {
		unreachable!("generated experts are valid; qed")
	};
	let id = H256(definition2::model::architecture_hash(&architecture));
	Specimen {
		tensor_root: H256(claimed_root(&content).unwrap_or_default()),
		content,
		shape: ExpertShape::Second { architecture: id, layer: 0 },
		architecture: Some(architecture),
	}
}

/// The first tile of an expert of the second definition of 3 MiB.
pub(crate) fn tile() -> Specimen<TileEvidence> {
	let Specimen { content: file, tensor_root, shape, architecture } = second_block(3 << 20);
	let layout = architecture.as_ref().and_then(|architecture| Layout::of(architecture, EXPERT));
	let Some(evidence) = layout.and_then(|layout| prove_tile(&layout, &file, 0)) else {
		unreachable!("the file was written just now; qed")
	};
	Specimen { content: TileEvidence::Second(evidence), tensor_root, shape, architecture }
}
