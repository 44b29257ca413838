use super::{linear::activations, *};
use blyan_exact::definition2::{
	adapter::{low_rank, OwnedAdapter, SHIFT_MAX},
	linear::adapted_linear,
	real::activation_max,
	Activations, PROJECTION_MAX,
};
use proptest::prelude::*;

/// Inputs of one product and an adapter of its matrix.
struct Case {
	matrix: OwnedMatrix,
	adapter: OwnedAdapter,
	values: Vec<i16>,
	scales: Vec<Real>,
	bits: u32,
}

impl Case {
	fn tokens(&self) -> usize {
		self.scales.len()
	}

	fn expected(&self, tokens: &[u32], bound: i32) -> Vec<i32> {
		let (cols, adapter) = (self.matrix.cols, self.adapter.view());
		let of_token = |&token: &u32| {
			let values = self.values[token as usize * cols..][..cols].to_vec();
			let sums = low_rank(&adapter.input(), &values);
			let input = Activations { values, scale: self.scales[token as usize] };
			let correction = adapter.correction(&sums);
			adapted_linear(&input, self.bits as u8, &self.matrix.view(), &correction, 12, bound)
		};
		tokens.iter().flat_map(of_token).collect()
	}

	fn got(&self, kernel: Kernel, tokens: &[u32], bound: i32) -> Vec<i32> {
		let base = Packed::pack(&self.matrix.view());
		let adapter = PackedAdapter::pack(&self.adapter.view());
		let mut inputs = Inputs::default();
		inputs.set_rows(kernel, &self.values, &self.scales, self.matrix.cols, self.bits);
		let mut products = vec![-1; tokens.len() * adapter.rank()];
		adapter.low_rank(kernel, &inputs, tokens, &mut products);
		let row = |token: u32| &self.values[token as usize * self.matrix.cols..][..self.matrix.cols];
		let expected = tokens.iter().flat_map(|&token| low_rank(&self.adapter.view().input(), row(token)));
		assert_eq!(products, expected.collect::<Vec<i64>>(), "{kernel}");
		let mut sums = vec![-1; self.tokens() * self.matrix.rows];
		accumulate(kernel, base.view(), inputs.view(), &mut sums);
		let mut out = vec![-1; tokens.len() * self.matrix.rows];
		let adapted = Adapted { base: base.view(), sums: &sums, adapter: &adapter };
		adapt(kernel, adapted, &inputs, tokens, 12, bound, &mut out);
		out
	}
}

/// Draws codes: any, small ones, or all at an end.
fn codes(source: &mut Source, count: usize) -> Vec<i8> {
	let spread = source.next() % 3;
	let mut code = || match spread {
		0 => source.next() as i8,
		1 => source.within(3) as i8,
		_ => [-128, 127][source.next() as usize % 2],
	};
	(0..count).map(|_| code()).collect()
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(256))]

	#[test]
	fn adapted_products_equal_the_definition(
		seed: u64, rows in 1_usize..=50, groups in prop_oneof![1_usize..=3, 1_usize..=18],
		tokens in prop_oneof![1_usize..=2, 1_usize..=13], rank in 1_u8..=64, shift in 0..=SHIFT_MAX,
		bits in 8_u32..=12, kind in 0_usize..4,
	) {
		let mut source = Source(seed);
		let kind = KINDS[kind];
		let cols = groups * kind.group().unwrap_or(32);
		let mut matrix = source.matrix(kind, rows, cols);
		let (values, _) = activations(&mut source, tokens, cols, bits);
		let (input, output) = (codes(&mut source, usize::from(rank) * cols), codes(&mut source, rows * usize::from(rank)));
		let adapter = OwnedAdapter::new(rank, &input, &output, shift).unwrap();
		// So that about half of the outputs are clamped.
		let sums = low_rank(&adapter.view().input(), &values[..cols]);
		let added = adapter.view().correction(&sums).of_row(0);
		let probe = ((matrix.view().accumulate(0, &values[..cols]) << kind.refinement()) + added).unsigned_abs();
		let power = 64 - probe.leading_zeros() as i32 - 26 + source.within(8) as i32 - kind.unit() - kind.refinement() as i32 + 12;
		matrix.scale = Real::new(source.next() as u32 | 1 << 31, 0).unwrap().shifted(-31 - power);
		let scales = (0..tokens).map(|_| Real::new(source.next() as u32 | 1 << 31, 31).unwrap()).collect();
		let case = Case { matrix, adapter, values, scales, bits };
		// Some of the tokens, in any order, some of them twice.
		let picked: Vec<u32> = (0..source.next() as usize % 12).map(|_| source.next() as u32 % tokens as u32).collect();
		let expected = case.expected(&picked, PROJECTION_MAX);
		for kernel in Kernel::available() {
			prop_assert_eq!(&case.got(kernel, &picked, PROJECTION_MAX), &expected, "{}", kernel);
		}
	}

	#[test]
	fn an_adapter_of_zeros_is_its_base(
		seed: u64, rows in 1_usize..=40, tokens in 1_usize..=9, rank in 1_u8..=64, bits in 8_u32..=12, kind in 0_usize..4,
	) {
		let mut source = Source(seed);
		let mut matrix = source.matrix(KINDS[kind], rows, 64);
		let (values, _) = activations(&mut source, tokens, 64, bits);
		matrix.scale = source.real(20..50);
		let scales: Vec<Real> = (0..tokens).map(|_| source.real(28..33)).collect();
		let input = codes(&mut source, usize::from(rank) * 64);
		let adapter = OwnedAdapter::new(rank, &input, &vec![0; rows * usize::from(rank)], SHIFT_MAX).unwrap();
		let base = Packed::pack(&matrix.view());
		let case = Case { matrix, adapter, values, scales, bits };
		let all: Vec<u32> = (0..tokens as u32).collect();
		for kernel in Kernel::available() {
			let mut inputs = Inputs::default();
			inputs.set_rows(kernel, &case.values, &case.scales, 64, bits);
			let mut plain = vec![-1; tokens * rows];
			linear(kernel, base.view(), inputs.view(), 12, PROJECTION_MAX, None, &mut plain);
			prop_assert_eq!(&case.got(kernel, &all, PROJECTION_MAX), &plain, "{}", kernel);
		}
	}
}

#[test]
fn adapted_products_hold_at_the_extremes() {
	let (rows, rank, cols) = (18, 64_u8, 65_536);
	for (kind, code, scale) in [
		(WeightKind::Ternary, 0_u8, [0; 4]),
		(WeightKind::Int8, 0x80, [0xff; 4]),
		(WeightKind::Int4By32, 0xff, [0xff, 0xc7, 0xff, 0xc7]),
		(WeightKind::Int4By64, 0xff, [0xff, 0x47, 0xff, 0x47]),
	] {
		let mut row = vec![code; kind.code_bytes(cols)];
		row.extend(scale.iter().cycle().take(kind.scale_bytes(cols)));
		let peak = match kind {
			WeightKind::Ternary => 1,
			WeightKind::Int8 => INT8_PEAK,
			_ => (1 << 31) - 1,
		};
		for (signs, shift, bits) in [(1, SHIFT_MAX, 12), (-1, SHIFT_MAX, 12), (1, 0, 12), (-1, 3, 8)] {
			let most = activation_max(bits) * signs;
			let input = vec![-128; usize::from(rank) * cols];
			let output: Vec<i8> = (0..rows * usize::from(rank)).map(|i| [-128, 127][i / 64 % 2]).collect();
			let case = Case {
				matrix: OwnedMatrix {
					kind,
					rows,
					cols,
					bytes: row.repeat(rows),
					scale: Real::from_integer(1).shifted(-44 + kind.unit()),
					peak,
				},
				adapter: OwnedAdapter::new(rank, &input, &output, shift).unwrap(),
				values: vec![most; cols],
				scales: vec![Real::from_integer(1).shifted(-8)],
				bits: bits.into(),
			};
			let expected = case.expected(&[0], 1 << 30);
			for kernel in Kernel::available() {
				assert_eq!(case.got(kernel, &[0], 1 << 30), expected, "{kernel} {kind:?} {signs} {shift}");
			}
		}
	}
}
