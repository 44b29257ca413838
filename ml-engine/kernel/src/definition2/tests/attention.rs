use super::*;
use blyan_exact::definition2::{self as definition, attention::Past, HEAD_MAX, PROJECTION_MAX};
use proptest::prelude::*;

/// Keys and values of one head, in the order of the definition.
#[derive(Default)]
struct Positions {
	keys: Vec<i8>,
	key_maxima: Vec<i32>,
	values: Vec<i8>,
	value_maxima: Vec<i32>,
	steps: Vec<i32>,
}

impl Positions {
	fn new(source: &mut Source, size: usize, len: usize, bits: u64) -> Self {
		let mut codes = |len: usize| (0..len).map(|_| source.within(127) as i8).collect::<Vec<i8>>();
		let (keys, values) = (codes(size * len), codes(size * len));
		let mut maxima = |bits| (0..len).map(|_| source.uneven(bits).abs() as i32).collect::<Vec<i32>>();
		let (key_maxima, value_maxima) = (maxima(bits), maxima(bits.min(26)));
		let steps = value_maxima.iter().map(|&maximum| value_step(maximum)).collect();
		Self { keys, key_maxima, values, value_maxima, steps }
	}

	fn past(&self, size: usize, len: usize) -> Past<'_> {
		Past {
			keys: &self.keys[..size * len],
			key_maxima: &self.key_maxima[..len],
			values: &self.values[..size * len],
			value_steps: &self.steps[..len],
		}
	}

	fn cache(&self, size: usize) -> HeadCache {
		let mut cache = HeadCache::new(size);
		let heads = self.keys.chunks_exact(size).zip(self.values.chunks_exact(size));
		for ((key, value), (&k, &v)) in heads.zip(self.key_maxima.iter().zip(&self.value_maxima)) {
			cache.push(key, k, value, v);
		}
		cache
	}

	/// The same in pieces, which begin at these multiples of sixteen positions.
	fn pieces(&self, size: usize, starts: &[usize]) -> Vec<HeadCache> {
		let len = self.key_maxima.len();
		let ends = starts.iter().skip(1).map(|start| (16 * start).min(len)).chain([len]);
		let pieces = starts.iter().map(|start| (16 * start).min(len)).zip(ends);
		let part = |(start, end): (usize, usize)| {
			let mut cache = HeadCache::new(size);
			for at in start..end {
				let head = at * size..(at + 1) * size;
				let (key, value) = (&self.keys[head.clone()], &self.values[head]);
				cache.push(key, self.key_maxima[at], value, self.value_maxima[at]);
			}
			cache
		};
		pieces.filter(|(start, end)| start < end).map(part).collect()
	}
}

/// Compares `tokens` tokens of `group` heads, behind `first - 1` positions, on every kernel.
fn compare(
	source: &mut Source,
	positions: &Positions,
	size: usize,
	group: usize,
	first: usize,
	tokens: usize,
	bits: u64,
) {
	// Two more heads, which belong to other keys, in front.
	let (stride, gap) = ((group + 2) * size, i32::MAX);
	let codes: Vec<i8> = (0..tokens * stride).map(|_| source.within(127) as i8).collect();
	let maxima: Vec<i32> = (0..tokens * (group + 2)).map(|_| source.uneven(bits).abs() as i32).collect();
	let mut expected = vec![gap; tokens * stride];
	for token in 0..tokens {
		let past = positions.past(size, first + token);
		for head in 2..group + 2 {
			let at = token * stride + head * size;
			let maximum = maxima[token * (group + 2) + head];
			expected[at..at + size].copy_from_slice(&definition::attention::attend(
				&codes[at..at + size],
				maximum,
				&past,
			));
		}
	}
	let cache = positions.cache(size);
	for kernel in Kernel::available() {
		let queries = Queries {
			codes: &codes[2 * size..],
			code_stride: stride,
			maxima: &maxima[2..],
			maximum_stride: group + 2,
			group,
			tokens,
			first,
		};
		let (mut scratch, mut out) = (Scratch::default(), vec![gap; tokens * stride]);
		for _ in 0..2 {
			attend(kernel, queries, &cache, &mut scratch, &mut out[2 * size..], stride);
			assert_eq!(out, expected, "{kernel}");
		}
		for starts in [vec![0, 1, 2, 3, 4], vec![0, 4, 8, 12, 16], vec![0, 5], vec![0, 2, 40, 70]] {
			let pieces = positions.pieces(size, &starts);
			let pieces: Vec<&HeadCache> = pieces.iter().collect();
			out.fill(gap);
			attend_pieces(kernel, queries, &pieces, &mut scratch, &mut out[2 * size..], stride);
			assert_eq!(out, expected, "{kernel}, pieces at {starts:?}");
		}
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(256))]

	#[test]
	fn attention_equals_the_definition(
		seed: u64, half in prop_oneof![1_usize..=128, Just(32_usize)], group in 1_usize..=5, first in 1_usize..80, tokens in 1_usize..=12, later in 0_usize..20,
		bits in 4_u64..=27,
	) {
		let mut source = Source(seed);
		let positions = Positions::new(&mut source, 2 * half, first + tokens - 1 + later, bits);
		compare(&mut source, &positions, 2 * half, group, first, tokens, bits);
	}
}

#[test]
fn attention_holds_at_the_extremes() {
	let mut source = Source(9);
	for (size, len) in [(256, 1_100), (64, 1_030), (2, 600)] {
		let mut positions = Positions::new(&mut source, size, len, 20);
		compare(&mut source, &positions, size, 2, len - 2, 3, 20);
		// All alike: every position has the whole weight.
		positions.keys.fill(0);
		positions.values.fill(-127);
		positions.value_maxima.fill(PROJECTION_MAX);
		positions.steps.fill(value_step(PROJECTION_MAX));
		compare(&mut source, &positions, size, 2, len - 2, 3, 27);
		positions.keys.fill(127);
		positions.key_maxima.fill(HEAD_MAX);
		compare(&mut source, &positions, size, 2, len - 2, 3, 27);
		positions.value_maxima.fill(0);
		positions.steps.fill(0);
		compare(&mut source, &positions, size, 1, len, 1, 0);
	}
}

#[test]
fn truncated_cache_forgets_what_followed() {
	let mut source = Source(3);
	let positions = Positions::new(&mut source, 64, 40, 20);
	let other = Positions::new(&mut source, 64, 40, 27);
	let mut cache = positions.cache(64);
	cache.truncate(21);
	for position in 21..40 {
		let head = 64 * position..64 * (position + 1);
		cache.push(
			&other.keys[head.clone()],
			other.key_maxima[position],
			&other.values[head],
			other.value_maxima[position],
		);
	}
	cache.truncate(21);
	assert_eq!(cache.len(), 21);
	let codes: Vec<i8> = (0..64).map(|_| source.within(127) as i8).collect();
	let queries = Queries {
		codes: &codes,
		code_stride: 64,
		maxima: &[1 << 14],
		maximum_stride: 1,
		group: 1,
		tokens: 1,
		first: 21,
	};
	for kernel in Kernel::available() {
		let mut out = vec![0; 64];
		attend(kernel, queries, &cache, &mut Scratch::default(), &mut out, 64);
		assert_eq!(out, definition::attention::attend(&codes, 1 << 14, &positions.past(64, 21)), "{kernel}");
	}
}
