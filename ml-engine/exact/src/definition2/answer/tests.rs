use super::*;
use crate::definition2::{golden::Stream, loss::peaks, sampling::sample};
use proptest::prelude::*;

fn answer(temperature: u16, top_p: u16) -> Answer {
	Answer { first: 0, sampling: Sampling { temperature, top_p, seed: [7; 32] } }
}

/// Chooses as the operators do, one after another.
fn choose(answer: &Answer, logits: &[i32], position: u32) -> Option<u32> {
	let Sampling { temperature, top_p, .. } = answer.sampling;
	let largest = peaks(logits).into_iter().max()?;
	let sums = |round, prefix| {
		let chunks = logits.chunks(CHUNK).map(|chunk| buckets(chunk, largest, temperature, round, prefix));
		chunks.collect::<Vec<_>>()
	};
	let found = if answer.has_nucleus() {
		let mut narrowing = narrow(&sums(0, 0), None, top_p)?;
		for round in 1..ROUNDS - 1 {
			narrowing = narrow(&sums(round, narrowing.prefix), Some(&narrowing), top_p)?;
		}
		Some(cut(&sums(ROUNDS - 1, narrowing.prefix), &narrowing, temperature)?)
	} else {
		None
	};
	let chunks = logits.chunks(CHUNK).enumerate();
	let favourites = chunks.flat_map(|(chunk, logits)| {
		best(answer, logits, largest, found.as_ref(), chunk, position).to_bytes()
	});
	chosen(&favourites.collect::<Vec<u8>>(), logits.len() as u32)
}

/// Choices of the operators and of the definition.
fn both(answer: &Answer, logits: &[i32], position: u32) -> [Option<u32>; 2] {
	[choose(answer, logits, position), Some(sample(&answer.sampling, logits, u64::from(position) + 1))]
}

const TEMPERATURES: [u16; 7] = [0, 1, 2, 100, 256, 900, u16::MAX];
const TOP_PS: [u16; 8] = [0, 1, 2, 128, 230, 255, 256, u16::MAX];

#[test]
fn operators_choose_what_sampling_chooses_at_every_setting() {
	let mut stream = Stream::new(b"settings");
	for len in [1, 3, 4_096, 4_097, 9_000] {
		for spread in [0, 4, 16, 20, 30] {
			let logits: Vec<i32> = (0..len).map(|_| stream.within(1 << spread)).collect();
			for temperature in TEMPERATURES {
				for top_p in TOP_PS {
					let [found, expected] = both(&answer(temperature, top_p), &logits, 5);
					assert_eq!(found, expected, "{len} {spread} {temperature} {top_p}");
				}
			}
		}
	}
}

#[test]
fn operators_choose_what_sampling_chooses_at_the_extremes() {
	let mut rows = vec![vec![0; 262_144], vec![-(1 << 30); 262_144], vec![1 << 30; 70_000]];
	rows[1][200_001] = 1 << 30;
	// Equals in two chunks, and a far favourite in front of many equals.
	let mut row = vec![-(3 << 16); 20_000];
	(row[4_095], row[4_096], row[9_000]) = (5, 5, 5);
	rows.push(row);
	for (row, logits) in rows.iter().enumerate() {
		for (temperature, top_p) in
			[(0, 256), (256, 0), (1, 255), (256, 128), (u16::MAX, 255), (u16::MAX, 256)]
		{
			let [found, expected] = both(&answer(temperature, top_p), logits, u32::MAX);
			assert_eq!(found, expected, "row {row} at {temperature} and {top_p}");
		}
	}
}

#[test]
fn favourites_of_another_chunk_or_without_a_score_are_none() {
	let row =
		|favourites: &[Favourite]| -> Vec<u8> { favourites.iter().flat_map(Favourite::to_bytes).collect() };
	let first = Favourite { score: -5, token: 9 };
	assert_eq!(chosen(&row(&[first, Favourite::NONE]), 5_000), Some(9));
	assert_eq!(chosen(&row(&[first, Favourite { score: -5, token: 4_999 }]), 5_000), Some(9));
	assert_eq!(chosen(&row(&[first, Favourite { score: -4, token: 4_999 }]), 5_000), Some(4_999));
	for wrong in [
		Favourite { score: 0, token: 9 },
		Favourite { score: 0, token: 5_000 },
		Favourite { score: GUMBEL_MAX + 1, token: 4_999 },
		Favourite { score: SCORE_MIN - 1, token: 4_999 },
		Favourite { score: i64::MIN, token: 4_999 },
	] {
		assert_eq!(chosen(&row(&[first, wrong]), 5_000), None, "{wrong:?}");
	}
	assert_eq!(chosen(&row(&[Favourite::NONE; 2]), 5_000), None);
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(512))]

	#[test]
	fn operators_choose_what_sampling_chooses(
		seed: u64, len in 1_usize..9_000, spread in 0_u32..=30, temperature: u16, top_p in 0_u16..=257, position: u32,
	) {
		let mut stream = Stream::new(&seed.to_le_bytes());
		let logits: Vec<i32> = (0..len).map(|_| stream.within(1 << spread)).collect();
		let [found, expected] = both(&answer(temperature, top_p), &logits, position);
		prop_assert_eq!(found, expected);
	}

	/// Few different logits: whole chunks are equal, and ids decide.
	#[test]
	fn operators_choose_what_sampling_chooses_among_equals(
		seed: u64, len in 1_usize..14_000, levels in 1_usize..5, temperature in 1_u16..2_000, top_p in 1_u16..256,
	) {
		let mut stream = Stream::new(&seed.to_le_bytes());
		let logits: Vec<i32> = (0..len).map(|_| (stream.below(levels) << 15) as i32).collect();
		let [found, expected] = both(&answer(temperature, top_p), &logits, 3);
		prop_assert_eq!(found, expected);
	}
}
