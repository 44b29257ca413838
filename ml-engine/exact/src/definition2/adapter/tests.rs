use super::*;
use crate::definition2::{
	golden::Stream,
	linear::{adapted_linear, linear, output_factor, LOGIT_MAX, RESIDUAL_MAX},
	matrix::{OwnedMatrix, INT4_PEAK_MAX, INT8_PEAK},
	quantise::{quantise, Activations},
	real::Real,
};
use crate::number::shift_round;
use proptest::prelude::*;

const KINDS: [WeightKind; 4] =
	[WeightKind::Ternary, WeightKind::Int8, WeightKind::Int4By32, WeightKind::Int4By64];

fn random_codes(stream: &mut Stream, count: usize) -> Vec<i8> {
	(0..count).map(|_| stream.draw() as i8).collect()
}

fn random_adapter(stream: &mut Stream, rank: u8, [rows, cols]: [usize; 2], shift: u8) -> OwnedAdapter {
	let input = random_codes(stream, usize::from(rank) * cols);
	let output = random_codes(stream, usize::from(rank) * rows);
	OwnedAdapter::new(rank, &input, &output, shift).unwrap()
}

fn random_input(stream: &mut Stream, cols: usize, width: u8) -> Activations {
	let t: Vec<i64> = (0..cols).map(|_| i64::from(stream.within(1 << 20))).collect();
	quantise(&t, 12, width)
}

fn adapted(adapter: &OwnedAdapter, matrix: &OwnedMatrix, input: &Activations, width: u8) -> Vec<i32> {
	let sums = low_rank(&adapter.view().input(), &input.values);
	let correction = adapter.view().correction(&sums);
	adapted_linear(input, width, &matrix.view(), &correction, 12, RESIDUAL_MAX)
}

/// A matrix of 65,536 columns, all weights at the peak of their kind.
fn widest(kind: WeightKind) -> OwnedMatrix {
	let cols = 65_536;
	let (codes, factors, peak) = match kind {
		WeightKind::Ternary => (vec![0; cols / 4], vec![], 1),
		WeightKind::Int8 => (vec![0x80; cols], vec![0xff; 2], INT8_PEAK),
		_ => (vec![0xff; cols / 2], [0xff, 0xc7].repeat(kind.scale_bytes(cols) / 2), INT4_PEAK_MAX),
	};
	let bytes = [codes, factors].concat();
	OwnedMatrix { kind, rows: 1, cols, bytes, scale: Real::from_integer(1), peak }
}

#[test]
fn adapters_hold_at_the_extremes() {
	let (rank, cols) = (RANK_MAX, 65_536);
	let adapter = OwnedAdapter::new(rank, &vec![-128; 64 * cols], &[-128; 64], SHIFT_MAX).unwrap();
	let q = vec![-2_047_i16; cols];
	let sums = low_rank(&adapter.view().input(), &q);
	assert_eq!(sums, [128 * 2_047 * 65_536; 64]);
	assert!(sums.iter().all(|sum| *sum < LOW_RANK_MAX));
	assert_eq!(low_rank_from_bytes(&low_rank_bytes(&sums)), Some(sums.clone()));
	let most = -(64 * 128 * 128 * 2_047 * 65_536) << 12;
	assert_eq!(adapter.view().correction(&sums).of_row(0), most);
	assert_eq!(adapter.view().product(0), vec![1 << 32; cols]);
	// Sums at their bound, which a judge may be shown.
	let ends = [-LOW_RANK_MAX; 64];
	assert_eq!(adapter.view().correction(&ends).of_row(0), 1 << 59);
	for kind in KINDS {
		let matrix = widest(kind);
		assert_eq!(matrix.view().validate(), Ok(()));
		for (sums, sign) in [(sums.as_slice(), -1), (&ends, 1)] {
			for scale in
				[Real::new(u32::MAX, -96).unwrap(), Real::from_integer(1), Real::new(1 << 31, 160).unwrap()]
			{
				let matrix = OwnedMatrix { scale, ..matrix.clone() };
				let input = Activations { values: q.clone(), scale: Real::new(u32::MAX, 12).unwrap() };
				let correction = adapter.view().correction(sums);
				let y = adapted_linear(&input, 12, &matrix.view(), &correction, 16, LOGIT_MAX)[0];
				// The correction is twice what the largest weights come to, so its sign decides.
				let expected = if scale.exponent() > 100 { 0 } else { sign * LOGIT_MAX };
				assert_eq!(y, expected, "{kind:?} {scale:?} {sign}");
			}
		}
		let merged = adapter.view().merge(&matrix.view(), 0);
		assert_eq!(adapter.view().unmerge(kind, 0, &merged), Some(matrix.view().row_integers(0)));
	}
}

#[test]
fn codes_that_are_no_adapter_are_refused() {
	let of = |rank, input: &[i8], output: &[i8], shift| OwnedAdapter::new(rank, input, output, shift).err();
	assert_eq!(of(2, &[1; 6], &[1; 4], 12), None);
	assert_eq!(of(0, &[1; 6], &[1; 4], 0), Some(AdapterError::Rank(0)));
	assert_eq!(of(65, &[1; 65], &[1; 65], 0), Some(AdapterError::Rank(65)));
	assert_eq!(of(2, &[1; 6], &[1; 4], 13), Some(AdapterError::Shift(13)));
	assert_eq!(of(2, &[1; 5], &[1; 4], 0), Some(AdapterError::Length { codes: 5, rank: 2 }));
	assert_eq!(of(2, &[1; 6], &[], 0), Some(AdapterError::Length { codes: 0, rank: 2 }));
	let (three, two) = (OwnedAdapter::new(3, &[1; 6], &[1; 6], 5), OwnedAdapter::new(2, &[1; 6], &[1; 4], 0));
	let (three, two) = (three.unwrap(), two.unwrap());
	let (input, output) = (three.view().input(), two.view().output());
	assert_eq!(Adapter::new(input, output), None);
	assert_eq!(Adapter::new(input, three.view().output()), Some(three.view()));
	let output = Codes { shift: 1, ..three.view().output() };
	assert_eq!(Adapter::new(input, output), None);
	assert_eq!(Adapter::new(Codes { bytes: &input.bytes[1..], ..input }, three.view().output()), None);
	assert_eq!(Adapter::new(Codes { shift: 13, ..input }, three.view().output()), None);
}

#[test]
fn sums_beyond_their_bound_are_refused() {
	assert_eq!(low_rank_from_bytes(&low_rank_bytes(&[LOW_RANK_MAX + 1])), None);
	assert_eq!(low_rank_from_bytes(&low_rank_bytes(&[-LOW_RANK_MAX - 1])), None);
	assert_eq!(low_rank_from_bytes(&low_rank_bytes(&[i64::MIN])), None);
	assert_eq!(low_rank_from_bytes(&[0; 7]), None);
	assert_eq!(low_rank_from_bytes(&low_rank_bytes(&[-LOW_RANK_MAX])), Some([-LOW_RANK_MAX].into()));
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(64))]

	/// An adapter of zeros is not there, whatever its rank, its shift, and which of its matrices has the zeros.
	#[test]
	fn zero_adapters_leave_every_output_as_it_is(
		seed: u64, rank in 1..=RANK_MAX, shift in 0..=SHIFT_MAX, width in 8_u8..=12, is_first: bool,
	) {
		let mut stream = Stream::new(&seed.to_le_bytes());
		for kind in KINDS {
			let matrix = stream.matrix(kind, 5, 192);
			let input = random_input(&mut stream, 192, width);
			let (cols, rows) = (usize::from(rank) * 192, usize::from(rank) * 5);
			let (mut first, mut second) = (random_codes(&mut stream, cols), random_codes(&mut stream, rows));
			if is_first { first.fill(0) } else { second.fill(0) }
			let adapter = OwnedAdapter::new(rank, &first, &second, shift).unwrap();
			let plain = linear(&input, width, &matrix.view(), 12, RESIDUAL_MAX);
			prop_assert_eq!(adapted(&adapter, &matrix, &input, width), plain);
		}
	}

	/// Weights with an adapter in them come to what weights and adapter come to, and taking it out again gives the
	/// weights that there were.
	#[test]
	fn merging_is_exact_and_so_is_unmerging(
		seed: u64, rank in 1..=RANK_MAX, shift in 0..=SHIFT_MAX, width in 8_u8..=12,
	) {
		let mut stream = Stream::new(&seed.to_le_bytes());
		for kind in KINDS {
			let matrix = stream.matrix(kind, 5, 128);
			let adapter = random_adapter(&mut stream, rank, [5, 128], shift);
			let input = random_input(&mut stream, 128, width);
			let (matrix_view, view) = (matrix.view(), adapter.view());
			let sums = low_rank(&view.input(), &input.values);
			let excess = crate::definition2::linear::excess(matrix.peak, width, 128);
			let factor = output_factor(&matrix_view, input.scale, 12, excess);
			let outputs = adapted(&adapter, &matrix, &input, width);
			for (row, y) in outputs.into_iter().enumerate() {
				let merged = view.merge(&matrix_view, row);
				let accumulator: i64 = merged.iter().zip(&input.values).map(|(w, &q)| w * i64::from(q)).sum();
				let base = matrix_view.accumulate(row, &input.values);
				let correction = view.correction(&sums).of_row(row);
				prop_assert_eq!(accumulator, (base << kind.refinement()) + correction);
				let shifted = shift_round(accumulator, excess + kind.refinement()).clamp(-(1 << 31), 1 << 31);
				prop_assert_eq!(factor.apply(shifted, RESIDUAL_MAX), y);
				prop_assert_eq!(view.unmerge(kind, row, &merged), Some(matrix_view.row_integers(row)));
				if kind == WeightKind::Ternary {
					let other: Vec<i64> = merged.iter().map(|weight| weight + 1).collect();
					prop_assert_eq!(view.unmerge(kind, row, &other), None);
				}
				prop_assert_eq!(view.unmerge(kind, row, &merged[1..]), None);
			}
		}
	}

	/// One unit of the output, and 2^-20 of the largest that the row could come to.
	#[test]
	fn adapted_linear_follows_the_reals(seed: u64, rank in 1..=RANK_MAX, width in 8_u8..=12, exponent in 20_i16..60) {
		let mut stream = Stream::new(&seed.to_le_bytes());
		for kind in KINDS {
			let matrix = stream.matrix(kind, 5, 192);
			let adapter = random_adapter(&mut stream, rank, [5, 192], (seed % 13) as u8);
			let scale = Real::new(3 << 30, exponent).unwrap();
			let input = Activations { scale, ..random_input(&mut stream, 192, width) };
			let real = |real: Real| f64::from(real.mantissa()) * (-f64::from(real.exponent())).exp2();
			let refinement = f64::from(kind.refinement()).exp2();
			let unit = real(matrix.scale) * real(scale) * (12.0 - f64::from(kind.unit())).exp2();
			// Accumulators are cut at 2^31 behind their shift.
			let excess = crate::definition2::linear::excess(matrix.peak, width, 192);
			let most = f64::from(excess + 31).exp2() * unit;
			for (row, y) in adapted(&adapter, &matrix, &input, width).into_iter().enumerate() {
				let merged = adapter.view().merge(&matrix.view(), row).into_iter().zip(&input.values);
				let sum = merged.map(|(w, &q)| w as f64 * f64::from(q)).sum::<f64>() * unit / refinement;
				let bound = most.min(f64::from(RESIDUAL_MAX));
				prop_assert!((f64::from(y) - sum.clamp(-bound, bound)).abs() <= 1.0 + most * 1e-6 + unit, "{y} {sum}");
			}
		}
	}
}
