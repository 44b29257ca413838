//! Sizes of witnesses: measured on the golden models, computed for open checkpoints.

use super::{super::meter::leaf_size, *};
use crate::definition2::{
	architecture::{Architecture, FeedForward, LayerShape, Network, QkNorm, Routing, WeightKind},
	golden::smollm2,
};

fn dense(kind: WeightKind, hidden: u32) -> LayerShape {
	let network = Network::Dense(FeedForward { hidden, gate: kind, up: kind, down: kind });
	LayerShape { query: kind, key: kind, value: kind, output: kind, network }
}

/// Llama 2 7B.
fn seven(kind: WeightKind) -> Architecture {
	Architecture {
		d_model: 4_096,
		heads: 32,
		kv_heads: 32,
		head_size: 128,
		vocabulary: 32_000,
		context: 4_096,
		embedding: kind,
		head: Some(kind),
		layers: vec![dense(kind, 11_008); 32],
		..smollm2()
	}
}

/// Returns the operator with the largest witness, its bytes, and the most rounds of an operator.
fn worst(architecture: &Architecture, positions: u32) -> (Role, usize, u32) {
	let program = Program::new(architecture, positions).unwrap();
	let sizes = leaf_sizes(&program).unwrap();
	let largest = sizes.iter().max_by_key(|size| size.bytes).unwrap();
	let rounds = 1 + sizes.iter().map(|size| size.rounds).max().unwrap();
	(largest.role, largest.bytes, rounds)
}

/// The meter says what the recorder writes down, but for paths that end early in trees of an odd width.
#[test]
fn computed_sizes_are_those_of_recorded_witnesses() {
	for world in World::all() {
		let (program, prover) = (world.program(), world.prover(&world.trace));
		// The embedding's rows lie in chunks of different lengths, by token.
		for size in leaf_sizes(program).unwrap().into_iter().filter(|size| size.role != Role::Embed) {
			let operator = program.index_of(size.role).unwrap();
			let shape = program.operator(operator).unwrap().shape;
			let row = shape.rows - 1;
			let recorded = |block| prover.record(Place { operator, row, block }).unwrap().bytes();
			let most = (0..shape.blocks()).map(recorded).max().unwrap();
			assert!(most <= size.bytes && size.bytes <= most + 1_024, "{} {size:?} {most}", world.name);
		}
	}
}

#[test]
fn witnesses_of_open_checkpoints_stay_below_256_kib() {
	let (role, bytes, rounds) = worst(&smollm2(), 256);
	assert!(bytes <= 72 * 1024 && rounds <= 6, "{role:?} {bytes} {rounds}");
	for kind in [WeightKind::Int4By32, WeightKind::Int8] {
		let (role, bytes, rounds) = worst(&seven(kind), 256);
		assert!(bytes <= LEAF_MAX && rounds <= 6, "{role:?} {bytes} {rounds}");
	}
	let qwen = Architecture {
		vocabulary: 151_936,
		d_model: 3_584,
		heads: 28,
		kv_heads: 4,
		biases: true,
		layers: vec![dense(WeightKind::Int8, 18_944); 28],
		..seven(WeightKind::Int8)
	};
	let (role, bytes, rounds) = worst(&qwen, 256);
	assert!(bytes <= LEAF_MAX && rounds <= 7, "{role:?} {bytes} {rounds}");
	let expert =
		FeedForward { hidden: 1_024, gate: WeightKind::Int8, up: WeightKind::Int8, down: WeightKind::Int8 };
	let routing = Routing {
		experts: 64,
		top_k: 8,
		normalised: false,
		router: WeightKind::Int8,
		expert,
		shared: None,
		adapter_rank: None,
	};
	let olmoe = LayerShape { network: Network::Routed(routing), ..dense(WeightKind::Int8, 32) };
	let olmoe = Architecture {
		d_model: 2_048,
		heads: 16,
		kv_heads: 16,
		head_size: 128,
		vocabulary: 50_304,
		qk_norm: QkNorm::Whole,
		layers: vec![olmoe; 16],
		..seven(WeightKind::Int8)
	};
	let (role, bytes, rounds) = worst(&olmoe, 256);
	assert!(bytes <= LEAF_MAX && rounds <= 6, "{role:?} {bytes} {rounds}");
}

/// Returns a layer whose experts are adapters of the largest rank.
fn adapted(kind: WeightKind, hidden: u32) -> LayerShape {
	let Network::Dense(expert) = dense(kind, hidden).network else { unreachable!() };
	let routing = Routing {
		experts: 1_024,
		top_k: 1,
		normalised: true,
		router: kind,
		expert,
		shared: None,
		adapter_rank: Some(64),
	};
	LayerShape { network: Network::Routed(routing), ..dense(kind, hidden) }
}

/// Every linear operator of the widest rows there are fits, with adapters and without; what does not is the hidden
/// layer of more than 32,000 columns, all of which one number depends on.
#[test]
fn linear_operators_of_the_widest_model_stay_below_256_kib() {
	for kind in [WeightKind::Ternary, WeightKind::Int8, WeightKind::Int4By32, WeightKind::Int4By64] {
		let widest = Architecture {
			d_model: 1_024,
			heads: 256,
			kv_heads: 256,
			head_size: 256,
			vocabulary: 5_000,
			biases: true,
			embedding: kind,
			head: Some(kind),
			layers: vec![dense(kind, 65_536), adapted(kind, 65_536)],
			..smollm2()
		};
		let stream = Architecture {
			d_model: 8_192,
			layers: vec![dense(kind, 64), adapted(kind, 64)],
			..widest.clone()
		};
		let sizes = |architecture| leaf_sizes(&Program::new(architecture, 16).unwrap()).unwrap();
		for size in [sizes(&widest), sizes(&stream)].concat() {
			if let Role::Hidden(..) | Role::AttentionOutput(_) = size.role {
				continue;
			}
			assert!(size.bytes <= LEAF_MAX, "{kind:?} {size:?}");
		}
	}
}

/// An expert of adapters costs a dispute little: the layer's matrix is what the largest witness shows either way.
#[test]
fn adapters_add_a_few_kib_to_the_witness_of_their_matrix() {
	let base = smollm2();
	let Network::Dense(expert) = base.layers[29].network else { unreachable!() };
	let routing = Routing {
		experts: 8,
		top_k: 2,
		normalised: true,
		router: WeightKind::Int8,
		expert,
		shared: None,
		adapter_rank: Some(16),
	};
	let mut upcycled = base.clone();
	upcycled.layers[29].network = Network::Routed(routing);
	let down = |architecture: &Architecture, role| {
		let program = Program::new(architecture, 256).unwrap();
		leaf_size(&program, program.index_of(role).unwrap(), role).unwrap().bytes
	};
	use crate::definition2::program::Slot::{Dense, Rank};
	let (plain, adapted) = (down(&base, Role::Down(29, Dense)), down(&upcycled, Role::Down(29, Rank(1))));
	assert!(adapted <= plain + 8 * 1_024, "{plain} {adapted}");
	let first = down(&upcycled, Role::DownIn(29, Rank(1)));
	assert!(first <= 40 * 1_024, "{first}");
	let (_, bytes, rounds) = worst(&upcycled, 256);
	assert!(bytes <= 80 * 1_024 && rounds <= 6, "{bytes} {rounds}");
}

/// Longest sequences whose attention a witness holds, by head size.
#[test]
fn attention_fits_up_to_the_positions_that_the_document_says() {
	for (head_size, positions) in [(64, 1_904), (128, 960), (256, 480)] {
		let architecture = Architecture { head_size, heads: 32, kv_heads: 32, ..seven(WeightKind::Int8) };
		let bytes = |positions| {
			let program = Program::new(&architecture, positions).unwrap();
			let role = Role::Attention(0);
			leaf_size(&program, program.index_of(role).unwrap(), role).unwrap().bytes
		};
		assert!(bytes(positions) <= LEAF_MAX, "{head_size} {}", bytes(positions));
		assert!(bytes(positions + 32) > LEAF_MAX, "{head_size} {}", bytes(positions + 32));
		let fits = |positions| is_disputable(&Program::new(&architecture, positions).unwrap());
		// Tags and lengths take a few bytes more.
		assert!(fits(positions - 32) && !fits(positions + 32), "{head_size}");
	}
}

/// The quick check says of every golden model, and of a wide one, what all sizes together say.
#[test]
fn a_program_is_disputable_if_every_witness_fits() {
	let wide = |hidden| Architecture {
		d_model: 128,
		heads: 2,
		kv_heads: 2,
		head_size: 64,
		vocabulary: 300,
		layers: vec![dense(WeightKind::Int8, 64), dense(WeightKind::Int4By32, hidden)],
		..smollm2()
	};
	let golden = golden::ARCHITECTURES.iter().map(|(_, architecture)| architecture());
	for architecture in golden.chain([wide(1_024), wide(40_000)]) {
		let program = Program::new(&architecture, 19).unwrap();
		let all = leaf_sizes(&program).unwrap().into_iter().all(|size| size.bytes <= LEAF_MAX);
		assert_eq!(is_disputable(&program), all, "{architecture:?}");
	}
	assert!(!is_disputable(&Program::new(&wide(40_000), 19).unwrap()));
	assert!(is_disputable(&Program::new(&smollm2(), 256).unwrap()));
}

#[test]
fn programs_beyond_the_bounds_of_a_game_are_not_disputable() {
	let long = Architecture { layers: vec![smollm2().layers[0]; 2], context: 8_192, ..smollm2() };
	let of = |positions| is_disputable(&Program::new(&long, positions).unwrap());
	assert!(of(1_024) && !of(POSITIONS_MAX as u32 + 1));
	let shared = golden::ARCHITECTURES.iter().find(|(name, _)| *name == "shared").unwrap().1();
	let of = |layers| {
		let architecture = Architecture { layers: vec![shared.layers[1]; layers], ..shared.clone() };
		let program = Program::new(&architecture, 5).unwrap();
		(program.operators().len() <= OPERATORS_MAX, is_disputable(&program))
	};
	assert_eq!((of(120), of(121)), ((true, true), (false, false)));
}
