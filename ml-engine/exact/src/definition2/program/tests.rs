use super::*;
use crate::{
	definition2::{
		architecture::{FeedForward, LayerShape, Network, Routing},
		golden::{self, smollm2},
	},
	tree,
};
use alloc::vec;
use WeightKind::{Int4By32, Int8};

/// The shape of Qwen2.5-7B, in bytes.
fn qwen() -> Architecture {
	let network = FeedForward { hidden: 18_944, gate: Int8, up: Int8, down: Int8 };
	let layer =
		LayerShape { query: Int8, key: Int8, value: Int8, output: Int8, network: Network::Dense(network) };
	Architecture {
		d_model: 3_584,
		heads: 28,
		kv_heads: 4,
		head_size: 128,
		vocabulary: 152_064,
		context: 32_768,
		biases: true,
		head: Some(Int8),
		layers: vec![layer; 28],
		..smollm2()
	}
}

/// The shape of OLMoE-1B-7B.
fn olmoe() -> Architecture {
	let expert = FeedForward { hidden: 1_024, gate: Int8, up: Int8, down: Int8 };
	let routing = Routing {
		experts: 64,
		top_k: 8,
		normalised: false,
		router: Int8,
		expert,
		shared: None,
		adapter_rank: None,
	};
	let network = Network::Routed(routing);
	let layer = LayerShape { query: Int8, key: Int8, value: Int8, output: Int8, network };
	Architecture {
		d_model: 2_048,
		heads: 16,
		kv_heads: 16,
		head_size: 128,
		vocabulary: 50_304,
		context: 4_096,
		qk_norm: QkNorm::Whole,
		head: Some(Int8),
		layers: vec![layer; 16],
		..smollm2()
	}
}

/// Bytes of inputs and weights that computing one block reads.
fn reads(program: &Program, operator: &Operator) -> usize {
	let architecture = program.architecture();
	let row = |place: usize| program.operator(operator.inputs[place]).unwrap().shape.row_bytes;
	let d = usize::from(architecture.d_model);
	let columns = operator.shape.block_bytes / 4;
	let entry = Head::bytes(architecture.head_size.into());
	match operator.kind {
		Kind::Embed => columns,
		Kind::Norm { .. } => 2 * row(0),
		Kind::Quantise { .. } => row(0),
		Kind::AdapterIn { .. } => row(0) + 64 * 1_024,
		Kind::Linear { .. } | Kind::LinearAdd { .. } | Kind::AdaptedLinear { .. } => {
			let tensors = match operator.tensors[0].0 {
				Source::Part(part) => architecture.tensors(part),
				Source::Chosen { layer, .. } => architecture.tensors(Part::Expert { layer, expert: 0 }),
			};
			let shape = tensors.into_iter().find(|(name, _)| *name == operator.tensors[0].1).unwrap().1;
			let (kind, cols) = match shape {
				crate::definition2::TensorShape::Matrix { kind, cols, .. } => (kind, cols),
				_ => (architecture.embedding, d),
			};
			row(0) + columns * (kind.code_bytes(cols) + kind.scale_bytes(cols) + 8)
		}
		Kind::QueryHeads | Kind::KeyHeads => {
			let one = if architecture.qk_norm == QkNorm::Whole { row(0) } else { 4 * entry };
			one * operator.shape.block_bytes / entry
		}
		Kind::ValueHeads => 4 * operator.shape.block_bytes,
		Kind::Attention => entry + 2 * program.positions() * entry,
		Kind::Hidden { .. } => 3 * row(0),
		Kind::Route { .. } => row(0),
		Kind::Mix { .. } => operator.inputs.len() * operator.shape.block_bytes,
		Kind::LogitPeaks => 4 * CHUNK,
		Kind::LogitSums => 4 * CHUNK + row(1),
		Kind::Loss => row(1) + row(2) + 4 * BLOCK_COLUMNS,
		Kind::Total => program.positions() * row(0),
		Kind::Buckets { round } => 4 * CHUNK + row(1) + if round > 0 { row(2) } else { 0 },
		Kind::Narrow { round } => row(0) + if round > 0 { row(1) } else { 0 },
		Kind::Cut => row(0) + row(1),
		Kind::Best => 4 * CHUNK + row(1) + if operator.inputs.len() > 2 { row(2) } else { 0 },
		Kind::Miss => row(0) + 4 * program.positions(),
	}
}

/// Operators; rounds over operators, rows and blocks; most bytes that computing a block reads, proofs aside.
fn measures(architecture: &Architecture, positions: u32) -> (usize, u32, usize) {
	let program = Program::new(architecture, positions).unwrap();
	let operators = program.operators();
	let deepest = operators.iter().map(|o| tree::levels(o.shape.rows) + tree::levels(o.shape.blocks())).max();
	let most = operators.iter().map(|o| reads(&program, o)).max().unwrap();
	(operators.len(), 1 + deepest.unwrap(), most)
}

/// One round for the list of operators, the rest for the rows and blocks of the widest output.
#[test]
fn a_dispute_over_an_open_checkpoint_stays_small() {
	let measured = [smollm2(), qwen(), olmoe()].map(|architecture| measures(&architecture, 256));
	assert_eq!(measured, [(457, 6, 65_030), (427, 7, 227_328), (743, 6, 69_958)]);
}

#[test]
fn blocks_are_cut_so_that_their_weights_fit() {
	assert_eq!(block_columns(Int8, 576), 64);
	// Widths of 7 * 2^n are common, and a row of bytes has a factor of two more.
	assert_eq!(block_columns(Int8, 3_584), 32);
	assert_eq!(block_columns(Int8, 8_192), 8);
	assert_eq!(block_columns(Int8, 65_536), 1);
	assert_eq!(block_columns(Int4By32, 65_536), 2);
	assert_eq!(block_columns(WeightKind::Ternary, 65_536), 4);
	// A norm over all heads of wide keys reads fewer positions a block.
	let wide = Architecture { head_size: 256, ..olmoe() };
	let program = Program::new(&wide, 64).unwrap();
	let keys = program.operator(program.index_of(Role::KeyHeads(0)).unwrap()).unwrap();
	assert_eq!(keys.shape.block_bytes, 4 * 260);
}

#[test]
fn new_refuses_what_no_model_runs() {
	let architecture = smollm2();
	assert_eq!(Program::new(&architecture, 0), Err(ArchitectureError::Context(0)));
	assert_eq!(Program::new(&architecture, 8_193), Err(ArchitectureError::Context(8_193)));
	let wrong = Architecture { heads: 0, ..architecture };
	assert_eq!(Program::new(&wrong, 8), Err(ArchitectureError::Heads(0)));
}

#[test]
fn operators_read_tensors_that_their_part_has() {
	for (name, architecture) in golden::ARCHITECTURES {
		let architecture = architecture();
		let program = Program::new(&architecture, 5).unwrap();
		let mut read = Vec::new();
		for operator in program.operators() {
			for &(source, tensor) in &operator.tensors {
				let part = match source {
					Source::Part(part) => part,
					Source::Chosen { layer, .. } => {
						let route = program.operator(*operator.inputs.last().unwrap()).unwrap();
						assert_eq!(route.role, Role::Route(layer));
						Part::Expert { layer, expert: 0 }
					}
				};
				assert!(
					architecture.tensors(part).iter().any(|(own, _)| *own == tensor),
					"{name} {part:?} {tensor:?}"
				);
				read.push((part, tensor));
			}
		}
		// And every tensor of a part is read by some operator.
		let first = architecture.expert_parts().filter(|part| matches!(part, Part::Expert { expert: 0, .. }));
		for part in architecture.parts().into_iter().chain(first) {
			for (tensor, _) in architecture.tensors(part) {
				assert!(read.contains(&(part, tensor)), "{name} {part:?} {tensor:?}");
			}
		}
	}
}
