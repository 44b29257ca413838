use super::{
	activations::*,
	attention::{
		attend, normalise, probabilities, quantise_head, quantise_values, HeadCache, Queries, QueryFactor,
	},
	math::isqrt,
	rowwise::*,
	*,
};
use blyan_exact::{attention, norm, Rescale, Scale};
use proptest::prelude::*;

/// Numbers from a seed: property tests shrink the seed and the shapes instead of long vectors.
struct Source(u64);

impl Source {
	fn next(&mut self) -> u64 {
		self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
		self.0 >> 24
	}

	fn within(&mut self, bound: i64) -> i64 {
		(self.next() as i64) % (2 * bound + 1) - bound
	}

	/// Mostly moderate numbers, now and then a bound itself.
	fn residual(&mut self) -> i32 {
		let bound = 1_i64 << (self.next() % 23);
		let value = if self.next().is_multiple_of(16) { bound } else { self.within(bound) };
		value as i32
	}
}

fn activations(source: &mut Source, tokens: usize, width: usize) -> ActivationRows {
	let stream: Vec<i32> = (0..tokens * width).map(|_| source.residual()).collect();
	ActivationRows::norm_quant(Kernel::PORTABLE, &stream, &vec![256; width])
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(64))]

	#[test]
	fn ternary_products_equal_the_definition(
		seed: u64,
		rows in 1_usize..=80,
		// One token, and narrow rows, are ways of their own.
		blocks in prop_oneof![1_usize..=3, 1_usize..=12],
		tokens in prop_oneof![Just(1_usize), 1_usize..=70],
	) {
		let mut source = Source(seed);
		let cols = 64 * blocks;
		let weights: Vec<i8> = (0..rows * cols).map(|_| (source.next() % 3) as i8 - 1).collect();
		let codes: Vec<u8> = weights
			.chunks(4)
			.map(|four| four.iter().enumerate().map(|(j, &w)| ((w + 1) as u8) << (2 * j)).sum())
			.collect();
		let inputs = activations(&mut source, tokens, cols);
		let expected: Vec<i32> = (0..tokens)
			.flat_map(|t| weights.chunks(cols).map(|row| blyan_exact::dot(row, inputs.row(t))).collect::<Vec<_>>())
			.collect();
		for kernel in Kernel::available() {
			let view = ternary::TernaryView { codes: &codes, rows, cols };
			let mut products = vec![-1; expected.len()];
			ternary::multiply_into(kernel, view, &inputs, &mut products);
			prop_assert_eq!(&products, &expected, "{}", kernel);
		}
	}

	#[test]
	fn normalisation_equals_the_definition(seed: u64, blocks in 1_usize..9, tokens in 1_usize..4) {
		let mut source = Source(seed);
		let width = 64 * blocks;
		let stream: Vec<i32> = (0..tokens * width).map(|_| source.residual()).collect();
		let accumulators: Vec<i32> = stream.iter().map(|h| h >> 6).collect();
		let gain: Vec<i16> = (0..width).map(|_| source.within(32_768).max(-32_768) as i16).collect();
		for kernel in Kernel::available() {
			let residual = ActivationRows::norm_quant(kernel, &stream, &gain);
			let hidden = ActivationRows::norm_quant_squared_relu(kernel, &accumulators, &gain);
			for token in 0..tokens {
				let range = token * width..(token + 1) * width;
				for (rows, expected) in [
					(&residual, norm::norm_quant(&stream[range.clone()], &gain)),
					(&hidden, norm::norm_quant_squared_relu(&accumulators[range.clone()], &gain)),
				] {
					prop_assert_eq!(rows.row(token), expected.values.as_slice(), "{}", kernel);
					prop_assert_eq!(rows.scales[token], expected.scale, "{}", kernel);
					prop_assert_eq!(rows.sums[token], expected.values.iter().map(|&x| i32::from(x)).sum::<i32>());
					for (i, &x) in expected.values.iter().enumerate() {
						prop_assert_eq!(rows.row_planes(token)[(i % 4) * rows.plane_stride() + i / 4], x);
					}
				}
			}
		}
	}

	#[test]
	fn attention_equals_the_definition(
		seed: u64, half in 1_usize..=32, sixteens in 0_usize..=4, first in 1_usize..40, queries in 1_usize..=20, extra in 0_usize..20,
		top in 0_u32..=21,
	) {
		let mut source = Source(seed);
		// Heads of whole vectors are as frequent as all others.
		let size = if sixteens > 0 { 16 * sixteens } else { 2 * half };
		let positions = first + queries - 1;
		let mut bytes = |len: usize| -> Vec<i8> { (0..len).map(|_| source.within(127) as i8).collect() };
		let (entries, keys, values) = (bytes(size * queries), bytes(size * positions), bytes(size * positions));
		let mut maxima: Vec<i32> = (0..positions).map(|_| source.within(1 << top).abs() as i32).collect();
		let query_maxima: Vec<i32> = (0..queries).map(|_| source.within(1 << 21).abs() as i32).collect();
		let (key_rows, value_rows): (Vec<_>, Vec<_>) = (keys.chunks(size).collect(), values.chunks(size).collect());
		let expected: Vec<Vec<i32>> = (0..queries)
			.map(|n| {
				let (query, len) = (&entries[n * size..(n + 1) * size], first + n);
				attention::attend(query, query_maxima[n], &key_rows[..len], &maxima[..len], &value_rows[..len])
			})
			.collect();
		let stride = (positions + extra).next_multiple_of(super::attention::POSITIONS);
		// What lies past the last position must not matter.
		maxima.resize(stride, 1 << 21);
		let (width, gap) = (size + 3, i32::MAX);
		for kernel in Kernel::available() {
			let mut stored_keys = vec![99; super::attention::keys_len(stride, size)];
			let mut stored_values = vec![99; size * stride];
			for (position, (key, value)) in key_rows.iter().zip(&value_rows).enumerate() {
				for entry in 0..size.next_multiple_of(4) {
					stored_keys[super::attention::key_index(stride, position, entry)] = key.get(entry).copied().unwrap_or(0);
				}
				for entry in 0..size {
					stored_values[super::attention::value_index(size, position, entry)] = value[entry];
				}
			}
			let queries = Queries { entries: &entries, maxima: &query_maxima, first };
			let past = HeadCache { keys: &stored_keys, maxima: &maxima, values: &stored_values, stride };
			let (mut scratch, mut out) = (Vec::new(), vec![gap; query_maxima.len() * width]);
			attend(kernel, queries, past, &mut scratch, &mut out, width);
			for (row, expected) in out.chunks_exact(width).zip(&expected) {
				prop_assert_eq!(&row[..size], expected.as_slice(), "{}", kernel);
				prop_assert!(row[size..].iter().all(|&entry| entry == gap), "{} writes between rows", kernel);
			}
		}
	}

	#[test]
	fn normalisation_of_attention_is_a_rounded_division(total in 32_767_i32..=256 * 32_767, share in -1.0_f64..=1.0) {
		let sum = (share * 127.0 * f64::from(total)) as i32;
		let expected = blyan_exact::number::div_round(i64::from(sum) << 8, i64::from(total)) as i32;
		for kernel in Kernel::available() {
			let mut got = [sum];
			normalise(kernel, &mut got, total);
			prop_assert_eq!(got, [expected], "{}", kernel);
		}
	}

	#[test]
	fn roots_and_factors_equal_the_definition(n in 1_u64 << 62.., root in 1_u64 << 31..1 << 32, len: u16, maximum in 0_i32..=1 << 21, half in 1_usize..=32) {
		for n in [n, root * root, root * root - 1, root * root + 2 * root, u64::MAX, 1 << 62, u64::from(len) << 32] {
			if !(1 << 53..1 << 62).contains(&n) {
				prop_assert_eq!(isqrt(n), blyan_exact::number::isqrt(n), "{}", n);
			}
		}
		let (factor, expected) = (QueryFactor::new(maximum, 2 * half), attention::QueryFactor::new(maximum, 2 * half));
		prop_assert_eq!((factor.factor, factor.shift), (expected.factor(), expected.shift()));
	}

	#[test]
	fn heads_and_values_are_quantised_as_defined(seed: u64, len in 1_usize..=64, top in 0_u32..=21) {
		let mut source = Source(seed);
		let row: Vec<i32> = (0..len).map(|_| source.within(1 << top) as i32).collect();
		let mut expected = vec![0; len];
		let maximum = attention::quantise_head(&row, &mut expected);
		let projections: Vec<i32> = row.iter().map(|x| x >> 2).collect();
		let values: Vec<i8> = projections.iter().map(|&v| attention::quantise_value(v)).collect();
		for kernel in Kernel::available() {
			let mut got = vec![0; len];
			prop_assert_eq!(quantise_head(kernel, &row, &mut got), maximum, "{}", kernel);
			prop_assert_eq!(&got, &expected, "{}", kernel);
			quantise_values(kernel, &projections, &mut got);
			prop_assert_eq!(&got, &values, "{}", kernel);
		}
	}

	#[test]
	fn streams_are_rotated_and_added_as_defined(seed: u64, half in 1_usize..=32, heads in 1_usize..5, gate in 0_u32..=32_768) {
		let mut source = Source(seed);
		let width = 2 * half * heads;
		let mut numbers = |bound: i64| -> Vec<i32> { (0..width).map(|_| source.within(bound) as i32).collect() };
		let (stream, update, other, row) = (numbers(1 << 22), numbers(1 << 22), numbers(1 << 22), numbers(1 << 19));
		let angles: Vec<[i16; 2]> = (0..half).map(|_| [source.next() as i16, source.next() as i16]).collect();
		let (mut rotated, mut added, mut mixed) = (row.clone(), stream.clone(), stream.clone());
		blyan_exact::rotary::rotate(&mut rotated, &angles);
		blyan_exact::add_residual(&mut added, &update);
		let gates = [gate, 32_768 - gate];
		let choices = gates.map(|gate| blyan_exact::routing::Choice { expert: 0, gate });
		blyan_exact::routing::mix(&mut mixed, &choices, &[update.clone(), other.clone()]);
		for kernel in Kernel::available() {
			let (mut got, mut sum, mut mix_of) = (row.clone(), stream.clone(), stream.clone());
			rotate(kernel, &mut got, &angles);
			add(kernel, &mut sum, &update);
			mix(kernel, &mut mix_of, &gates, &[update.clone(), other.clone()].concat());
			prop_assert_eq!((&got, &sum, &mix_of), (&rotated, &added, &mixed), "{}", kernel);
		}
	}

	#[test]
	fn rescaling_and_loss_equal_the_definition(
		seed: u64, mantissa in 1_u32 << 31.., exponent in 20_u8..=62, s in 0_u32..1 << 22, spread in 0_u32..=30, target: u8,
	) {
		let mut source = Source(seed);
		let scale = Rescale::new(Scale::new(mantissa, exponent).unwrap(), s, 12);
		let accumulators: Vec<i32> = (0..100).map(|_| source.within(1 << 23) as i32).collect();
		let expected: Vec<i32> = accumulators.iter().map(|&acc| scale.apply(acc, 1 << 22)).collect();
		let logits: Vec<i32> = (0..256).map(|_| source.within(1 << spread) as i32).collect();
		for kernel in Kernel::available() {
			let mut got = accumulators.clone();
			rescale(kernel, &mut got, scale, 1 << 22);
			prop_assert_eq!(&got, &expected, "{}", kernel);
			prop_assert_eq!(loss(kernel, &logits, target), blyan_exact::loss(&logits, target), "{}", kernel);
		}
	}
}

#[test]
fn kernels_hold_at_the_extremes() {
	let width = 2_048;
	let inputs =
		ActivationRows::norm_quant(Kernel::PORTABLE, &vec![-(1 << 22); width], &vec![i16::MAX; width]);
	for kernel in Kernel::available() {
		let codes = vec![0b1010_1010; 4 * width / 4];
		let view = ternary::TernaryView { codes: &codes, rows: 4, cols: width };
		assert_eq!(ternary::multiply(kernel, view, &inputs), [-127 * 2_048; 4], "{kernel}");
		// The largest sum of weighted values there can be, both ways.
		let mut sums = vec![127 * 256 * 32_767, -127 * 256 * 32_767, 0];
		normalise(kernel, &mut sums, 256 * 32_767);
		assert_eq!(sums, [127 * 256, -127 * 256, 0], "{kernel}");
		let mut far = vec![1 << 30, -(1 << 30)];
		let largest = 1 << 30;
		assert_eq!((probabilities(kernel, &mut far, largest), far), (32_767, vec![32_767, 0]), "{kernel}");
	}
}

/// Sums as large as they get: every activation and every code at its bound, in rows of every length that takes another
/// path, up to the 65,536 columns that a model may be admitted with.
#[test]
fn ternary_products_hold_at_the_extremes() {
	for (cols, tokens) in
		[(64, 7), (192, 1), (256, 6), (1_024, 1), (2_048, 11), (4_160, 1), (65_536, 1), (65_536, 3)]
	{
		for sign in [1, -1] {
			let inputs = ActivationRows::norm_quant(
				Kernel::PORTABLE,
				&vec![sign << 22; tokens * cols],
				&vec![i16::MAX; cols],
			);
			assert_eq!(inputs.row(0)[cols - 1], 127 * sign as i8);
			for code in [0, 1, 2] {
				let rows = 19;
				let codes = vec![0b0101_0101 * code; rows * cols / 4];
				let expected = (i32::from(code) - 1) * sign * 127 * cols as i32;
				for kernel in Kernel::available() {
					let view = ternary::TernaryView { codes: &codes, rows, cols };
					let products = ternary::multiply(kernel, view, &inputs);
					assert_eq!(
						products,
						vec![expected; rows * tokens],
						"{kernel}, {cols} columns, {tokens} tokens"
					);
				}
			}
		}
	}
}

/// Entries at their bounds in the longest rows there are.
#[test]
fn normalisation_holds_at_the_extremes() {
	let width = 2_048;
	let mut spike = vec![0; width];
	spike[7] = 127 * 512;
	let rows = [vec![0; width], vec![-(1 << 22); width], vec![127 * 512; width], vec![1; width], spike];
	for (row, gain) in
		rows.iter().flat_map(|row| [i16::MIN, -1, 0, 1, i16::MAX].map(|gain| (row, vec![gain; width])))
	{
		let accumulators: Vec<i32> = row.iter().map(|&h| h.min(127 * 512)).collect();
		let expected = [norm::norm_quant(row, &gain), norm::norm_quant_squared_relu(&accumulators, &gain)];
		for kernel in Kernel::available() {
			let got = [
				ActivationRows::norm_quant(kernel, row, &gain),
				ActivationRows::norm_quant_squared_relu(kernel, &accumulators, &gain),
			];
			for (got, expected) in got.iter().zip(&expected) {
				assert_eq!(
					(got.row(0), got.scales[0]),
					(expected.values.as_slice(), expected.scale),
					"{kernel}"
				);
			}
		}
	}
}

#[test]
fn kernels_are_found_by_name() {
	for kernel in Kernel::available() {
		// For scripts/test-neon, which must not pass without the kernel that it is for.
		println!("kernel: {kernel}");
		assert_eq!(Kernel::by_name(kernel.name()), Some(kernel));
	}
	assert_eq!(Kernel::by_name("abacus"), None);
	assert!(Kernel::available().contains(&Kernel::best()));
}
