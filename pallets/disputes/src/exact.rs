//! The definition as referee: `blyan_exact` computes blocks and looks at files.

use crate::{BlockCheck, Referee};
use blyan_exact::{
	block::{BlockShape, Layout},
	step::{self, Commitments, Evidence, Place, StepError, Witness},
	Hash, ModelConfig, Program,
};
use sp_core::H256;

/// The definition itself, for runtimes.
pub struct Exact;

fn layout(config: &ModelConfig) -> Option<Layout> {
	Layout::new(BlockShape::expert_of(config)).ok()
}

impl Referee for Exact {
	fn execute(
		program: &Program,
		commitments: &Commitments,
		agreed: &[Hash],
		place: Place,
		witness: &Witness,
	) -> Result<Hash, StepError> {
		step::execute(program, commitments, agreed, place, witness)
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn trial_for_benchmark() -> crate::Trial {
		trial::dearest()
	}
}

impl BlockCheck for Exact {
	fn is_valid(bytes: &[u8], tensor_root: H256, config: &ModelConfig) -> bool {
		layout(config).is_some_and(|layout| layout.check(bytes) == Ok(tensor_root.0))
	}
	fn tiles(config: &ModelConfig) -> u32 {
		// An expert of 512 by 2,048 has nine.
		layout(config).map_or(0, |layout| layout.tiles as u32)
	}
	fn is_tile(evidence: &Evidence, tile: u32, tensor_root: H256, config: &ModelConfig) -> bool {
		let Evidence::Tile { bytes, tiles, path } = evidence else { return false };
		layout(config)
			.is_some_and(|layout| layout.proves_tile(&tensor_root.0, tile as usize, bytes, tiles, path))
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn block_for_benchmark(bytes: u32) -> (alloc::vec::Vec<u8>, H256, ModelConfig) {
		trial::block(bytes)
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn evidence_for_benchmark() -> (Evidence, u32, H256, ModelConfig) {
		trial::tile()
	}
}

/// Worlds for benchmarks.
#[cfg(feature = "runtime-benchmarks")]
mod trial {
	use super::*;
	use crate::{game::OperatorPlace, Trial};
	use alloc::{vec, vec::Vec};
	use blyan_exact::{
		block::{write_expert, write_trunk},
		golden::{random_expert, random_model},
		merkle,
		step::Prover,
		trace::Trace,
		Operator,
	};
	use blyan_primitives::{EvaluationStatement, Statement};

	/// The widest layer there may be; one is enough.
	const WIDEST: ModelConfig =
		ModelConfig { d_model: 512, d_ff: 2_048, layers: 1, heads: 8, experts: 1, top_k: 1, context: 256 };

	/// The file of an expert, with its tensor root.
	fn expert(config: &ModelConfig) -> (Vec<u8>, Hash) {
		let Ok(file) = write_expert(&random_expert(config, b"benchmark"), config) else {
			unreachable!("generated experts are valid; qed")
		};
		let root = layout(config).and_then(|layout| layout.check(&file).ok()).unwrap_or_default();
		(file, root)
	}

	/// A block of an expert's second matrix: most weights, and three tiles to hold them and their scales.
	///
	/// The rest was not executed: all outputs in front are zeros, which is as good as anything to compute with.
	pub(super) fn dearest() -> Trial {
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
		Trial { statement, at, row: row as u32, block: block as u32, agreed, witness }
	}

	/// The largest expert of at most so many bytes.
	pub(super) fn block(bytes: u32) -> (Vec<u8>, H256, ModelConfig) {
		let fits =
			|config: &ModelConfig| layout(config).is_some_and(|layout| layout.file_len() <= bytes as usize);
		let widths = (1..=32u16).rev().map(|width| ModelConfig { d_ff: width.saturating_mul(64), ..WIDEST });
		let least = ModelConfig { d_model: 64, d_ff: 64, heads: 1, ..WIDEST };
		let config = widths.into_iter().find(fits).unwrap_or(least);
		let (file, root) = expert(&config);
		(file, H256(root), config)
	}

	/// The first tile of the widest expert.
	pub(super) fn tile() -> (Evidence, u32, H256, ModelConfig) {
		let (file, root) = expert(&WIDEST);
		let Some(layout) = layout(&WIDEST) else { unreachable!("the configuration is valid; qed") };
		let leaves = layout.leaves(&file);
		let path = merkle::prove(&leaves, 0).unwrap_or_default();
		let bytes = file.get(layout.tile(0)).unwrap_or_default().to_vec();
		(Evidence::Tile { bytes, tiles: merkle::root(&leaves), path }, 0, H256(root), WIDEST)
	}
}
