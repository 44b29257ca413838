//! Models whose numbers lie at their bounds: nothing overflows (the test profile checks arithmetic), and every output
//! stays within what a judge accepts.

use super::*;
use crate::definition2::{
	adapter::low_rank_from_bytes,
	architecture::{Bits, FeedForward, Network, Routing},
	execution::integers,
	heads::{Head, STEP_MAX},
	linear::{HEAD_MAX, LOGIT_MAX, PROJECTION_MAX, RESIDUAL_MAX},
	matrix::INT4_PEAK_MAX,
	model::GAIN_MAX,
	program::{Kind, Operator},
	quantise::Activations,
	routing::choices_from_bytes,
	tensors::Name,
	trace::Trace,
};
use WeightKind::{Int4By32, Int8, Ternary};

/// Scales at the ends of what a file may hold, and a plain one.
fn scale(stream: &mut Stream) -> Real {
	let ends = [
		Real::new(u32::MAX, -96),
		Real::new(1 << 31, 160),
		Real::new(u32::MAX, 31),
		Real::new(1 << 31, 60),
		Some(Real::ZERO),
	];
	ends[stream.below(ends.len())].unwrap()
}

/// Moves every number of a tensor to a bound.
fn exaggerate((name, tensor): &mut (Name, OwnedTensor), stream: &mut Stream) {
	let signed = |stream: &mut Stream, bound: i32| if stream.below(2) == 0 { bound } else { -bound };
	match tensor {
		OwnedTensor::Matrix(matrix) => {
			matrix.scale = scale(stream);
			let (codes, stride) = (matrix.kind.code_bytes(matrix.cols), matrix.kind.row_bytes(matrix.cols));
			let code =
				[[0x00, 0xaa][stream.below(2)], [0x80, 0x7f][stream.below(2)], [0x00, 0xff][stream.below(2)]];
			for row in matrix.bytes.chunks_mut(stride) {
				let (codes, factors) = row.split_at_mut(codes);
				codes.fill(
					code[usize::from(matrix.kind == Int8) + 2 * usize::from(matrix.kind.group().is_some())],
				);
				let end =
					if matrix.kind == Int8 { [0xff, 0xff] } else { [0xff, [0x47, 0xc7][stream.below(2)]] };
				factors.as_chunks_mut().0.fill(end);
			}
			if matrix.kind.group().is_some() {
				matrix.peak = INT4_PEAK_MAX;
			}
		}
		OwnedTensor::Gain(values, real) => {
			*real = scale(stream);
			values.iter_mut().for_each(|v| *v = signed(stream, GAIN_MAX));
		}
		OwnedTensor::Bias(values) => values.iter_mut().for_each(|v| *v = signed(stream, PROJECTION_MAX)),
		OwnedTensor::Frequencies(values) => values.iter_mut().for_each(|v| *v = stream.draw()),
		OwnedTensor::Scale(real) => *real = scale(stream),
		OwnedTensor::Codes(codes) => {
			codes.shift = name.shift_max();
			codes.bytes.fill([0x80, 0x7f][stream.below(2)]);
		}
	}
}

fn ensure_within(operator: &Operator, row: &[u8], size: usize) {
	let within = |bound: i32| integers(row).iter().all(|x| (-bound..=bound).contains(x));
	let heads = |bound| row.chunks(Head::bytes(size)).all(|head| Head::from_bytes(head, bound).is_some());
	let holds = match operator.kind {
		Kind::Embed | Kind::LinearAdd { .. } | Kind::Mix { .. } => within(RESIDUAL_MAX),
		Kind::Norm { width, .. } | Kind::Quantise { width, .. } | Kind::Hidden { width } => {
			Activations::from_bytes(row, width).is_some()
		}
		Kind::Linear { bound, .. } | Kind::AdaptedLinear { bound, .. } => within(bound),
		Kind::AdapterIn { .. } => low_rank_from_bytes(row).is_some(),
		Kind::QueryHeads | Kind::KeyHeads => heads(HEAD_MAX),
		Kind::ValueHeads => heads(STEP_MAX),
		Kind::Attention => within(PROJECTION_MAX),
		Kind::Route { experts, .. } => choices_from_bytes(row, experts).is_some(),
		Kind::LogitPeaks => within(LOGIT_MAX),
		// No answer is checked here.
		Kind::Buckets { .. } | Kind::Narrow { .. } | Kind::Cut | Kind::Best | Kind::Miss => false,
		Kind::LogitSums | Kind::Loss | Kind::Total => true,
	};
	assert!(holds, "{:?}", operator.role);
}

fn run(model: &OwnedModel, ids: &[u32]) {
	let trace = Trace::of(&model.view().unwrap(), ids).unwrap();
	for (index, operator) in trace.program().operators().iter().enumerate() {
		for row in 0..operator.shape.rows {
			ensure_within(operator, trace.row(index, row).unwrap(), model.architecture.head_size.into());
		}
	}
	// At most 2^31 and a uniform guess over 2^18 each.
	assert!(trace.loss() <= (ids.len() as u64 - 1) * ((1 << 31) + (18 << 16)));
}

#[test]
fn execution_survives_the_largest_numbers() {
	for (family, (name, architecture)) in ARCHITECTURES.iter().enumerate() {
		for seed in 0..24_u8 {
			let mut stream = Stream::new(&[seed, family as u8]);
			let mut model = random_model(architecture(), name.as_bytes());
			model.architecture.eps = [0, (1 << 41) - 1][stream.below(2)];
			model.architecture.fraction = [8, 16][stream.below(2)];
			for tensor in model.parts.iter_mut().chain(&mut model.experts).flat_map(|part| &mut part.0) {
				// Half of the tensors, so that plain ones meet extreme ones.
				if stream.below(2) == 0 {
					exaggerate(tensor, &mut stream);
				}
			}
			run(&model, &[1, 2, 3, 1]);
		}
	}
}

/// The widest heads, hidden layer and vocabulary that a model may have.
#[test]
fn execution_survives_the_largest_shapes() {
	for (kind, seed) in [(Int8, 0), (Int4By32, 1), (Ternary, 2)] {
		let mut architecture = ARCHITECTURES[0].1();
		(architecture.d_model, architecture.heads, architecture.kv_heads) = (32, 256, 1);
		(architecture.head_size, architecture.vocabulary, architecture.context) = (256, 262_144, 131_072);
		architecture.sub_norms = true;
		architecture.layers.truncate(1);
		let network = FeedForward { hidden: 65_536, gate: kind, up: kind, down: kind };
		let layer = &mut architecture.layers[0];
		layer.network = Network::Dense(network);
		(layer.query, layer.output) = (kind, kind);
		let mut stream = Stream::new(&[seed]);
		let mut model = random_model(architecture, b"wide");
		run(&model, &[262_143, 0]);
		model
			.parts
			.iter_mut()
			.flat_map(|part| &mut part.0)
			.for_each(|tensor| exaggerate(tensor, &mut stream));
		run(&model, &[262_143, 0, 5]);
	}
}

/// The largest rank over the widest network, all codes and all weights at their ends.
#[test]
fn execution_survives_the_largest_adapters() {
	for (kind, seed) in [(Int8, 0), (Int4By32, 1), (Ternary, 2)] {
		let mut architecture = ARCHITECTURES[0].1();
		architecture.bits = Bits { input: 12, output: 12, hidden: 12 };
		architecture.layers.truncate(1);
		architecture.layers[0].network = Network::Routed(Routing {
			experts: 1,
			top_k: 1,
			normalised: true,
			router: kind,
			expert: FeedForward { hidden: 65_536, gate: kind, up: kind, down: kind },
			shared: None,
			adapter_rank: Some(64),
		});
		let mut stream = Stream::new(&[seed]);
		let mut model = random_model(architecture, b"wide adapters");
		run(&model, &[7, 0]);
		let parts = model.parts.iter_mut().chain(&mut model.experts);
		parts.flat_map(|part| &mut part.0).for_each(|tensor| exaggerate(tensor, &mut stream));
		run(&model, &[7, 0, 5]);
	}
}
