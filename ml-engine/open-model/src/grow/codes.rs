//! Codes of stored weights, one a number.

use crate::upcycle::noise::Noise;
use blyan_exact::definition2::WeightKind;

/// Weights of one row as they are stored: 0 to 2 of ternary ones, -128 to 127, or 0 to 15.
pub fn unpack(kind: WeightKind, codes: &[u8]) -> Vec<i16> {
	match kind {
		WeightKind::Ternary => {
			let four = |byte: &u8| [*byte, byte >> 2, byte >> 4, byte >> 6].map(|code| i16::from(code & 3));
			codes.iter().flat_map(four).collect()
		}
		WeightKind::Int8 => codes.iter().map(|byte| i16::from(*byte as i8)).collect(),
		WeightKind::Int4By32 | WeightKind::Int4By64 => {
			codes.iter().flat_map(|byte| [byte & 15, byte >> 4].map(i16::from)).collect()
		}
	}
}

/// Writes what [`unpack`] reads. The codes are within [`range`].
pub fn pack(kind: WeightKind, codes: &[i16]) -> Vec<u8> {
	let joined =
		|codes: &[i16], bits: usize| codes.iter().rev().fold(0_u8, |byte, code| (byte << bits) | *code as u8);
	match kind {
		WeightKind::Ternary => codes.chunks(4).map(|four| joined(four, 2)).collect(),
		WeightKind::Int8 => codes.iter().map(|code| *code as u8).collect(),
		WeightKind::Int4By32 | WeightKind::Int4By64 => codes.chunks(2).map(|two| joined(two, 4)).collect(),
	}
}

/// Returns the smallest and the largest code of a kind.
pub fn range(kind: WeightKind) -> (i16, i16) {
	match kind {
		WeightKind::Ternary => (0, 2),
		WeightKind::Int8 => (-128, 127),
		WeightKind::Int4By32 | WeightKind::Int4By64 => (0, 15),
	}
}

/// Returns the bytes of `cols` codes that stand for a weight of zero wherever the factors leave one.
pub fn zeros(kind: WeightKind, cols: usize) -> Vec<u8> {
	let zero = i16::from(kind == WeightKind::Ternary);
	pack(kind, &vec![zero; cols])
}

/// Moves a share of the codes by one step, within the codes of the kind.
pub fn perturb(kind: WeightKind, codes: &mut [i16], share_ppm: u32, noise: &mut Noise) {
	let (low, high) = range(kind);
	for code in codes {
		if noise.below(1_000_000) >= share_ppm {
			continue;
		}
		let step = if noise.byte() & 1 == 0 { 1 } else { -1 };
		let moved = *code + step;
		*code = if (low..=high).contains(&moved) { moved } else { *code - step };
	}
}

/// Splits codes into two of each whose sum is twice the code, so that copies of one unit differ and their sum does not.
pub fn split(kind: WeightKind, codes: &[i16], noise: &mut Noise) -> (Vec<i16>, Vec<i16>) {
	let (low, high) = range(kind);
	// A few per cent of the largest weight.
	let most: i16 = if kind == WeightKind::Int8 { 4 } else { 1 };
	let pair = |code: &i16| {
		let room = (high - code).min(code - low).clamp(0, most);
		let drawn = noise.below(2 * most.unsigned_abs() as u32 + 1) as i16 - most;
		let apart = drawn.clamp(-room, room);
		(code + apart, code - apart)
	};
	codes.iter().map(pair).unzip()
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::upcycle::noise::Purpose;
	use proptest::prelude::*;

	const KINDS: [WeightKind; 4] =
		[WeightKind::Ternary, WeightKind::Int8, WeightKind::Int4By32, WeightKind::Int4By64];

	fn noise(seed: u8) -> Noise {
		Noise::new(&[seed; 32], Purpose::Split, 0, 0)
	}

	fn codes(kind: WeightKind, bytes: &[u8]) -> Vec<i16> {
		let (low, high) = range(kind);
		bytes.iter().map(|byte| low + i16::from(*byte) % (high - low + 1)).collect()
	}

	#[test]
	fn zeros_are_weights_of_zero() {
		assert_eq!(unpack(WeightKind::Ternary, &zeros(WeightKind::Ternary, 8)), [1; 8]);
		assert_eq!(unpack(WeightKind::Int8, &zeros(WeightKind::Int8, 8)), [0; 8]);
		assert_eq!(unpack(WeightKind::Int4By32, &zeros(WeightKind::Int4By32, 8)), [0; 8]);
	}

	proptest! {
		#[test]
		fn codes_survive_their_bytes(bytes in prop::collection::vec(any::<u8>(), 64)) {
			for kind in KINDS {
				let codes = codes(kind, &bytes);
				prop_assert_eq!(unpack(kind, &pack(kind, &codes)), codes);
			}
		}

		#[test]
		fn halves_of_a_split_add_up_and_stay_codes(bytes in prop::collection::vec(any::<u8>(), 64), seed: u8) {
			for kind in KINDS {
				let (low, high) = range(kind);
				let codes = codes(kind, &bytes);
				let (first, second) = split(kind, &codes, &mut noise(seed));
				for ((a, b), code) in first.iter().zip(&second).zip(&codes) {
					prop_assert_eq!(a + b, 2 * code);
					prop_assert!((low..=high).contains(a) && (low..=high).contains(b));
				}
			}
		}

		#[test]
		fn noise_moves_every_code_by_one_step_or_none(
			bytes in prop::collection::vec(any::<u8>(), 64), seed: u8, share in prop::sample::select(vec![0, 500_000, 1_000_000]),
		) {
			for kind in KINDS {
				let (low, high) = range(kind);
				let before = codes(kind, &bytes);
				let mut after = before.clone();
				perturb(kind, &mut after, share, &mut noise(seed));
				let moved = before.iter().zip(&after).filter(|(a, b)| a != b).count();
				prop_assert!(before.iter().zip(&after).all(|(a, b)| a.abs_diff(*b) <= 1));
				prop_assert!(after.iter().all(|code| (low..=high).contains(code)));
				prop_assert!(share != 0 || moved == 0);
				prop_assert!(share != 1_000_000 || moved == 64);
			}
		}
	}
}
