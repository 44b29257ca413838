use super::*;
use blyan_exact::definition2::{
	self as definition,
	architecture::{Activation, QkNorm},
	model::Gain,
	Activations, HEAD_MAX, PROJECTION_MAX,
};
use proptest::prelude::*;

const BITS: [u8; 3] = [8, 10, 12];

impl Source {
	fn row(&mut self, len: usize, bits: u64) -> Vec<i32> {
		// Most rows are far below their bound.
		let bits = self.next() % bits + 1;
		(0..len).map(|_| self.uneven(bits) as i32).collect()
	}

	fn gain(&mut self, len: usize) -> (Vec<i32>, Real) {
		let values = (0..len).map(|_| self.uneven(24).clamp(1 - (1 << 24), (1 << 24) - 1) as i32).collect();
		(values, self.real(30..60))
	}
}

fn assert_rows(kernel: Kernel, inputs: &Inputs, expected: &[Activations]) {
	assert_eq!(inputs.tokens(), expected.len());
	for (token, expected) in expected.iter().enumerate() {
		assert_eq!(inputs.row(token), expected.values, "{kernel}");
		assert_eq!(inputs.scale(token), expected.scale, "{kernel}");
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(256))]

	#[test]
	fn quantised_rows_equal_the_definition(seed: u64, width in 1_usize..=20, tokens in 1_usize..4, bits in 0_usize..3, unit in -17_i32..36) {
		let mut source = Source(seed);
		let width = 32 * width;
		let rows: Vec<i32> = (0..tokens).flat_map(|_| source.row(width, 28)).collect();
		let expected: Vec<_> = rows
			.chunks_exact(width)
			.map(|row| {
				let row: Vec<i64> = row.iter().map(|&x| i64::from(x)).collect();
				definition::quantise::quantise(&row, unit, BITS[bits])
			})
			.collect();
		for kernel in Kernel::available() {
			let mut inputs = Inputs::default();
			inputs.set_quantised(kernel, &rows, width, unit, BITS[bits].into());
			assert_rows(kernel, &inputs, &expected);
		}
	}

	#[test]
	fn normalised_rows_equal_the_definition(seed: u64, width in 1_usize..=20, tokens in 1_usize..4, bits in 0_usize..3, unit in -17_i32..36, eps in 0_u32..41) {
		let mut source = Source(seed);
		let width = 32 * width;
		let rows: Vec<i32> = (0..tokens).flat_map(|_| source.row(width, 28)).collect();
		let (gain, scale) = source.gain(width);
		let gain = Gain { values: &gain, scale };
		let eps = (1 << eps) - 1;
		let expected: Vec<_> =
			rows.chunks_exact(width).map(|row| definition::norm::norm(row, unit, gain, eps, BITS[bits])).collect();
		for kernel in Kernel::available() {
			let mut inputs = Inputs::default();
			inputs.set_norm(kernel, &rows, unit, gain, eps, BITS[bits].into());
			assert_rows(kernel, &inputs, &expected);
		}
	}

	#[test]
	fn hidden_layers_equal_the_definition(
		seed: u64, width in 1_usize..=10, tokens in 1_usize..4, bits in 0_usize..3, squared: bool, with_norm: bool, eps in 0_u32..41,
	) {
		let mut source = Source(seed);
		let width = 32 * width;
		let activation = if squared { Activation::SquaredRelu } else { Activation::SwiGlu };
		let gate: Vec<i32> = (0..tokens).flat_map(|_| source.row(width, 26)).collect();
		let up: Vec<i32> = (0..tokens).flat_map(|_| source.row(width, 26)).collect();
		let (gain, scale) = source.gain(width);
		let gain = with_norm.then_some(Gain { values: &gain, scale });
		let eps = (1 << eps) - 1;
		let expected: Vec<_> = gate
			.chunks_exact(width)
			.zip(up.chunks_exact(width))
			.map(|(gate, up)| definition::gate::hidden(activation, gate, up, gain, eps, BITS[bits]))
			.collect();
		for kernel in Kernel::available() {
			let mut inputs = Inputs::default();
			let norm = gain.map(|gain| (gain, eps));
			inputs.set_hidden(kernel, activation, &gate, &up, width, norm, BITS[bits].into());
			assert_rows(kernel, &inputs, &expected);
		}
	}

	#[test]
	fn normalised_heads_equal_the_definition(seed: u64, half in 1_usize..=64, heads in 1_usize..5, whole: bool, eps in 0_u32..41) {
		let mut source = Source(seed);
		let row = source.row(2 * half * heads, 26);
		let len = if whole { row.len() } else { 2 * half };
		let (gain, scale) = source.gain(len);
		let gain = Gain { values: &gain, scale };
		let kind = if whole { QkNorm::Whole } else { QkNorm::PerHead };
		let mut expected = row.clone();
		definition::heads::normalise_heads(&mut expected, kind, 2 * half, gain, 1 << eps);
		for kernel in Kernel::available() {
			let mut row = row.clone();
			normalise(kernel, &mut row, gain, 1 << eps);
			prop_assert_eq!(&row, &expected, "{}", kernel);
		}
	}

	#[test]
	fn rotated_and_quantised_heads_equal_the_definition(seed: u64, half in 1_usize..=128, heads in 1_usize..5, position in 0_u32..131_072) {
		let mut source = Source(seed);
		let size = 2 * half;
		let row = source.row(size * heads, 26);
		let frequencies: Vec<u64> = (0..half).map(|_| source.next() << (source.next() % 24)).collect();
		let mut table = Vec::new();
		angles(position, &frequencies, &mut table);
		for kernel in Kernel::available() {
			let (mut codes, mut maxima) = (vec![1; row.len()], vec![-1; heads]);
			quantise_heads(kernel, &row, size, &mut codes, &mut maxima);
			for (head, (codes, &maximum)) in row.chunks_exact(size).zip(codes.chunks_exact(size).zip(&maxima)) {
				let expected = definition::heads::value_head(head);
				prop_assert_eq!((codes, value_step(maximum)), (expected.values.as_slice(), expected.scale), "{}", kernel);
			}
			let mut rotated = row.clone();
			rotate(kernel, &mut rotated, &table);
			quantise_heads(kernel, &rotated, size, &mut codes, &mut maxima);
			for (head, (codes, &maximum)) in row.chunks_exact(size).zip(codes.chunks_exact(size).zip(&maxima)) {
				let expected = definition::heads::rotated_head(head, &frequencies, position);
				prop_assert_eq!((codes, maximum), (expected.values.as_slice(), expected.scale), "{}", kernel);
			}
		}
	}

	#[test]
	fn sums_and_mixtures_equal_the_definition(seed: u64, width in 1_usize..100, experts in 1_usize..=16, with_shared: bool) {
		let mut source = Source(seed);
		let stream = source.row(width, 28);
		let logits = source.row(experts, 30);
		let choices = definition::routing::route(&logits, experts, seed.is_multiple_of(2));
		let outputs: Vec<_> = (0..experts).map(|_| source.row(width, 28)).collect();
		let shared = with_shared.then(|| source.row(width, 28));
		let mut expected = stream.clone();
		definition::routing::mix(&mut expected, &choices, &outputs, shared.as_deref());
		let mut sum = stream.clone();
		definition::linear::add(&mut sum, &outputs[0], definition::RESIDUAL_MAX);
		let gates: Vec<u32> = choices.iter().map(|choice| choice.gate).collect();
		let outputs: Vec<&[i32]> = outputs.iter().map(Vec::as_slice).collect();
		for kernel in Kernel::available() {
			let mut mixed = stream.clone();
			mix(kernel, &mut mixed, &gates, &outputs, shared.as_deref());
			prop_assert_eq!(&mixed, &expected, "{}", kernel);
			let mut added = stream.clone();
			add(kernel, &mut added, outputs[0]);
			prop_assert_eq!(&added, &sum, "{}", kernel);
		}
	}

	#[test]
	fn losses_equal_the_definition(seed: u64, vocabulary in prop_oneof![1_usize..100, 1_usize..10_000], bits in 1_u64..=30) {
		let mut source = Source(seed);
		let logits: Vec<i32> = (0..vocabulary).map(|_| source.uneven(bits) as i32).collect();
		let target = source.next() as usize % vocabulary;
		for kernel in Kernel::available() {
			prop_assert_eq!(loss(kernel, &logits, target as u32), definition::loss::loss(&logits, target), "{}", kernel);
			let (mut tops, mut terms) = (Vec::new(), Vec::new());
			peaks(kernel, &logits, &mut tops);
			prop_assert_eq!(&tops, &definition::loss::peaks(&logits), "{}", kernel);
			let largest = logits.iter().copied().max().unwrap();
			sums(kernel, &logits, largest, &mut terms);
			let expected: Vec<u64> =
				logits.chunks(definition::loss::CHUNK).map(|chunk| definition::loss::sum(chunk, largest)).collect();
			prop_assert_eq!(terms, expected, "{}", kernel);
		}
	}
}

#[test]
fn rows_hold_at_the_extremes() {
	let wide = vec![-(1 << 28); 65_536];
	let gains = vec![1 - (1 << 24); 65_536];
	for kernel in Kernel::available() {
		for (len, unit) in [(65_536, 36), (8_192, 8), (65_536, -17), (32, 16)] {
			let gain = Gain { values: &gains[..len], scale: Real::from_integer(1) };
			let mut inputs = Inputs::default();
			inputs.set_norm(kernel, &wide[..len], unit, gain, (1 << 41) - 1, 12);
			let expected = definition::norm::norm(&wide[..len], unit, gain, (1 << 41) - 1, 12);
			assert_rows(kernel, &inputs, &[expected]);
		}
		let (gate, up) = (vec![PROJECTION_MAX; 32], vec![-PROJECTION_MAX; 32]);
		for activation in [Activation::SwiGlu, Activation::SquaredRelu] {
			let mut inputs = Inputs::default();
			inputs.set_hidden(kernel, activation, &gate, &up, 32, None, 12);
			assert_rows(kernel, &inputs, &[definition::gate::hidden(activation, &gate, &up, None, 0, 12)]);
		}
		let mut codes = [0; 4];
		let mut maxima = [0];
		quantise_heads(kernel, &[HEAD_MAX, -HEAD_MAX, HEAD_MAX / 2, 0], 4, &mut codes, &mut maxima);
		assert_eq!((codes, maxima), ([127, -127, 64, 0], [HEAD_MAX]));
		// A uniform guess over the largest vocabulary, and the unlikeliest token of two.
		assert_eq!(loss(kernel, &vec![7; 262_144], 262_143), 18 << 16);
		assert_eq!(loss(kernel, &[1 << 30, -(1 << 30)], 1), 1 << 31);
	}
}

/// Sigmoids of every gate whose exponential is not zero, and of many whose is.
#[test]
fn every_sigmoid_equals_the_definition() {
	// A multiple of sixteen, so that vectors take them.
	let gates: Vec<i32> = (-100_000..100_000).chain((0..1008).map(|i| (1 << 26) - i * 66_000)).collect();
	let ups = vec![1 << 12; gates.len()];
	let expected = definition::gate::swiglu(&gates, &ups);
	for kernel in Kernel::available() {
		let mut out = vec![0; gates.len()];
		super::super::hidden::gated(kernel, &gates, &ups, &mut out);
		assert!(out == expected, "{kernel}");
	}
}
