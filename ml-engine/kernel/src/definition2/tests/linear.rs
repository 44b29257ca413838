use super::*;
use blyan_exact::definition2::{
	self as definition, real::activation_max, Activations, LOGIT_MAX, PROJECTION_MAX,
};
use proptest::prelude::*;

pub(super) fn activations(
	source: &mut Source,
	tokens: usize,
	width: usize,
	bits: u32,
) -> (Vec<i16>, Vec<Real>) {
	let most = i64::from(activation_max(bits as u8));
	let values = (0..tokens * width)
		.map(|_| match source.next() % 8 {
			0 => most as i16,
			1 => -most as i16,
			_ => source.within(most) as i16,
		})
		.collect();
	(values, (0..tokens).map(|_| source.real(10..60)).collect())
}

fn expected(
	matrix: &OwnedMatrix,
	values: &[i16],
	scales: &[Real],
	bits: u32,
	fraction: u32,
	bound: i32,
) -> Vec<i32> {
	let tokens = values.chunks_exact(matrix.cols).zip(scales);
	tokens
		.flat_map(|(values, &scale)| {
			let input = Activations { values: values.to_vec(), scale };
			definition::linear::linear(&input, bits as u8, &matrix.view(), fraction as u8, bound)
		})
		.collect()
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(256))]

	#[test]
	fn products_equal_the_definition(
		seed: u64, rows in 1_usize..=50, groups in prop_oneof![1_usize..=3, 1_usize..=18], tokens in prop_oneof![1_usize..=2, 1_usize..=21],
		bits in 8_u32..=12, kind in 0_usize..4, with_bias: bool,
	) {
		let mut source = Source(seed);
		let kind = KINDS[kind];
		let cols = groups * kind.group().unwrap_or(32);
		// So that about half of the outputs are clamped.
		let mut matrix = source.matrix(kind, rows, cols);
		let (values, scales) = activations(&mut source, tokens, cols, bits);
		let probe = matrix.view().accumulate(0, &values[..cols]).unsigned_abs();
		let shift = 64 - probe.leading_zeros() as i32 - 26 + source.within(8) as i32 - kind.unit() + 12;
		matrix.scale = Real::new(source.next() as u32 | 1 << 31, 0).unwrap().shifted(-31 - shift);
		let scales: Vec<Real> = scales.iter().map(|scale| Real::new(scale.mantissa(), 31).unwrap()).collect();
		let packed = Packed::pack(&matrix.view());
		let mut out = expected(&matrix, &values, &scales, bits, 12, PROJECTION_MAX);
		let bias: Vec<i32> = (0..rows).map(|_| source.uneven(28) as i32).collect();
		if with_bias {
			for row in out.chunks_exact_mut(rows) {
				definition::linear::add(row, &bias, PROJECTION_MAX);
			}
		}
		for kernel in Kernel::available() {
			let mut inputs = Inputs::default();
			inputs.set_rows(kernel, &values, &scales, cols, bits);
			let mut products = vec![-1; tokens * rows];
			let bias = with_bias.then_some(bias.as_slice());
			linear(kernel, packed.view(), inputs.view(), 12, PROJECTION_MAX, bias, &mut products);
			prop_assert_eq!(&products, &out, "{}", kernel);
			// Parts of the rows, and parts of the tokens.
			let (first, token) = (rows / 2 / ROWS * ROWS, tokens / 2 / TOKENS * TOKENS);
			let part = inputs.part(token..tokens);
			let mut products = vec![-1; part.tokens() * (rows - first)];
			let bias = bias.map(|bias| &bias[first..]);
			linear(kernel, packed.view().part(first..rows), part, 12, PROJECTION_MAX, bias, &mut products);
			let expected: Vec<i32> = out[token * rows..].chunks_exact(rows).flat_map(|row| row[first..].to_vec()).collect();
			prop_assert_eq!(&products, &expected, "{}", kernel);
		}
	}

	#[test]
	fn accumulators_equal_the_definition(
		seed: u64, rows in 1_usize..=50, groups in 1_usize..=18, tokens in prop_oneof![1_usize..=2, 1_usize..=21],
		bits in 8_u32..=12, kind in 0_usize..4,
	) {
		let mut source = Source(seed);
		let cols = groups * KINDS[kind].group().unwrap_or(32);
		let matrix = source.matrix(KINDS[kind], rows, cols);
		let (values, scales) = activations(&mut source, tokens, cols, bits);
		let tokens_of = values.chunks_exact(cols);
		let expected: Vec<i64> =
			tokens_of.flat_map(|q| (0..rows).map(|row| matrix.view().accumulate(row, q)).collect::<Vec<_>>()).collect();
		let packed = Packed::pack(&matrix.view());
		for kernel in Kernel::available() {
			let mut inputs = Inputs::default();
			inputs.set_rows(kernel, &values, &scales, cols, bits);
			let mut sums = vec![-1; tokens * rows];
			accumulate(kernel, packed.view(), inputs.view(), &mut sums);
			prop_assert_eq!(&sums, &expected, "{}", kernel);
		}
	}

	#[test]
	fn scales_out_of_range_give_what_the_definition_says(seed: u64, exponent in -512_i16..=512, zero: bool) {
		let mut source = Source(seed);
		for kind in KINDS {
			let mut matrix = source.matrix(kind, 17, 64);
			let (mut values, _) = activations(&mut source, 2, 64, 12);
			values[..64].fill(0);
			if zero {
				matrix.scale = Real::ZERO;
			}
			let scales = [Real::ZERO, Real::new(3 << 30, exponent).unwrap()];
			let out = expected(&matrix, &values, &scales, 12, 16, LOGIT_MAX);
			let packed = Packed::pack(&matrix.view());
			for kernel in Kernel::available() {
				let mut inputs = Inputs::default();
				inputs.set_rows(kernel, &values, &scales, 64, 12);
				let mut products = vec![-1; out.len()];
				linear(kernel, packed.view(), inputs.view(), 16, LOGIT_MAX, None, &mut products);
				prop_assert_eq!(&products, &out, "{} {:?}", kernel, kind);
			}
		}
	}

	#[test]
	fn embeddings_equal_the_definition(seed: u64, rows in 1_usize..=40, kind in 0_usize..4) {
		let mut source = Source(seed);
		let mut matrix = source.matrix(KINDS[kind], rows, 192);
		matrix.scale = source.real(20..45);
		let packed = Packed::pack(&matrix.view());
		let mut out = vec![0; 192];
		for token in 0..rows {
			embed(packed.view(), token, 12, &mut out);
			prop_assert_eq!(&out, &definition::linear::embed(&matrix.view(), token, 12));
		}
	}
}

#[test]
fn products_hold_at_the_extremes() {
	for (kind, code, scale, cols) in [
		(WeightKind::Ternary, 0_u8, [0; 4], 65_536),
		(WeightKind::Ternary, 0xaa, [0; 4], 65_536),
		(WeightKind::Int8, 0x80, [0xff; 4], 65_536),
		(WeightKind::Int8, 0x7f, [0xff; 4], 8_192),
		(WeightKind::Int4By32, 0xff, [0xff, 0xc7, 0xff, 0xc7], 65_536),
		(WeightKind::Int4By64, 0xff, [0xff, 0x47, 0xff, 0x47], 65_536),
		(WeightKind::Int4By64, 0, [0xff, 0x47, 0xff, 0xc7], 32_768 + 64),
	] {
		let (rows, tokens) = (18, 3);
		let mut row = vec![code; kind.code_bytes(cols)];
		row.extend(scale.iter().cycle().take(kind.scale_bytes(cols)));
		let bytes = row.repeat(rows);
		let peak = match kind {
			WeightKind::Ternary => 1,
			WeightKind::Int8 => INT8_PEAK,
			_ => (1 << 31) - 1,
		};
		let scale = Real::from_integer(1).shifted(-40 + kind.unit());
		let matrix = OwnedMatrix { kind, rows, cols, bytes, scale, peak };
		assert_eq!(matrix.view().validate(), Ok(()));
		let packed = Packed::pack(&matrix.view());
		for bits in [8, 10, 12] {
			let most = activation_max(bits as u8);
			let values = [
				vec![most; cols],
				vec![-most; cols],
				(0..cols).map(|i| if i % 3 == 0 { -most } else { most }).collect(),
			]
			.concat();
			let scales = vec![Real::from_integer(1).shifted(-8); tokens];
			let out = expected(&matrix, &values, &scales, bits, 12, 1 << 30);
			for kernel in Kernel::available() {
				let mut inputs = Inputs::default();
				inputs.set_rows(kernel, &values, &scales, cols, bits);
				let mut products = vec![-1; out.len()];
				linear(kernel, packed.view(), inputs.view(), 12, 1 << 30, None, &mut products);
				assert_eq!(products, out, "{kernel} {kind:?} {bits}");
			}
		}
	}
}

#[test]
fn matrices_can_be_packed_block_by_block() {
	let mut source = Source(5);
	for kind in KINDS {
		let matrix = source.matrix(kind, 45, 128);
		let view = matrix.view();
		let mut packed = Packed::new(kind, 45, 128, matrix.scale, matrix.peak);
		for first in [0, 32, 16] {
			let part = view.slice(first..(first + 16).min(45)).unwrap();
			packed.set_rows(first, part.bytes);
		}
		let whole = Packed::pack(&view);
		let (mut a, mut b) = (vec![0; 128], vec![1; 128]);
		for token in 0..45 {
			embed(packed.view(), token, 12, &mut a);
			embed(whole.view(), token, 12, &mut b);
			assert_eq!(a, b);
		}
	}
}

#[test]
fn vocabularies_equal_the_definition() {
	let mut source = Source(11);
	for kind in KINDS {
		let (rows, cols, tokens, bits) = (4_200, 64, 75, 10);
		let mut matrix = source.matrix(kind, rows, cols);
		matrix.scale = Real::from_integer(1).shifted(kind.unit() - 24);
		let (values, _) = activations(&mut source, tokens, cols, bits);
		let scales: Vec<Real> = (0..tokens).map(|_| source.real(28..33)).collect();
		let out = expected(&matrix, &values, &scales, bits, 16, LOGIT_MAX);
		let inside = out.iter().filter(|y| (1..LOGIT_MAX).contains(&y.abs())).count();
		assert!(inside > out.len() / 4, "{kind:?}: {inside} outputs are neither zero nor the bound");
		let packed = Packed::pack(&matrix.view());
		for kernel in Kernel::available() {
			let mut inputs = Inputs::default();
			inputs.set_rows(kernel, &values, &scales, cols, bits);
			let mut products = vec![-1; out.len()];
			linear(kernel, packed.view(), inputs.view(), 16, LOGIT_MAX, None, &mut products);
			assert!(products == out, "{kernel} {kind:?}");
		}
	}
}
