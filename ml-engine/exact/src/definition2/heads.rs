//! Queries, keys and values of one token on their way into the attention: norm, rotation, 8 bits by head.

use super::{architecture::QkNorm, model::Gain, norm::normalise, rotary::rotate};
use crate::{attention::quantise_head, number::div_round};
use alloc::{vec, vec::Vec};

/// One head of one token in 8 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
	/// Entries in [-127, 127].
	pub values: Vec<i8>,
	/// Of a query or key, its largest magnitude (Q12, at most 2^27): entries stand for `values / 127 * scale`. Of a
	/// value, one step (Q20, at most 2^34 / 127): entries stand for `values * scale`.
	pub scale: i32,
}

impl Head {
	/// Returns the bytes of a head of `size` entries.
	pub fn bytes(size: usize) -> usize {
		size + 4
	}

	/// Returns entries, then the scale, little endian.
	pub fn to_bytes(&self) -> Vec<u8> {
		self.values.iter().map(|&c| c as u8).chain(self.scale.to_le_bytes()).collect()
	}

	/// Reads what [`Self::to_bytes`] writes; refuses entries of -128 and scales outside of 0 to `bound`.
	pub fn from_bytes(bytes: &[u8], bound: i32) -> Option<Self> {
		let (entries, scale) = bytes.split_last_chunk()?;
		let scale = i32::from_le_bytes(*scale);
		let values: Vec<i8> = entries.iter().map(|&c| c as i8).collect();
		let fits = (0..=bound).contains(&scale) && values.iter().all(|&c| c != i8::MIN);
		fits.then_some(Self { values, scale })
	}
}

/// Largest step of a value's head, Q20.
pub const STEP_MAX: i32 = 135_274_561;

/// Normalises queries or keys of all heads in place: by head, or all of them together.
pub fn normalise_heads(row: &mut [i32], kind: QkNorm, head_size: usize, gain: Gain<'_>, eps: u64) {
	match kind {
		QkNorm::None => (),
		QkNorm::PerHead => row.chunks_exact_mut(head_size).for_each(|head| normalise(head, gain, eps)),
		QkNorm::Whole => normalise(row, gain, eps),
	}
}

/// Rotates one head of a query or key and quantises it. Bound: |head| <= 2^26.
pub fn rotated_head(head: &[i32], frequencies: &[u64], position: u32) -> Head {
	let mut head = head.to_vec();
	rotate(&mut head, frequencies, position);
	let mut values = vec![0; head.len()];
	// 127 * 2^27 < 2^34.
	let scale = quantise_head(&head, &mut values);
	Head { values, scale }
}

/// Quantises one head of a value. Bound: |head| <= 2^26.
pub fn value_head(head: &[i32]) -> Head {
	let mut values = vec![0; head.len()];
	let largest = quantise_head(head, &mut values);
	// At most 2^34 / 127.
	Head { values, scale: div_round(i64::from(largest) << 8, 127) as i32 }
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::definition2::linear::{HEAD_MAX, PROJECTION_MAX};

	#[test]
	fn heads_hold_at_the_extremes() {
		let head = rotated_head(&[PROJECTION_MAX, -PROJECTION_MAX], &[1 << 61], 1);
		assert_eq!(head, Head { values: vec![127, 0], scale: 94_904_320 });
		assert!(head.scale < HEAD_MAX);
		assert_eq!(value_head(&[-PROJECTION_MAX; 4]), Head { values: vec![-127; 4], scale: STEP_MAX });
		assert_eq!(rotated_head(&[0; 4], &[5, 9], 77), Head { values: vec![0; 4], scale: 0 });
		assert_eq!(value_head(&[0; 4]).scale, 0);
	}

	#[test]
	fn heads_survive_their_bytes() {
		let head = value_head(&[5, -7, 0, 900]);
		let bytes = head.to_bytes();
		assert_eq!((bytes.len(), Head::from_bytes(&bytes, STEP_MAX)), (Head::bytes(4), Some(head)));
		assert_eq!(Head::from_bytes(&[128, 0, 0, 0, 0], STEP_MAX), None);
		assert_eq!(Head::from_bytes(&[127, 0, 0, 0, 128], STEP_MAX), None);
		assert_eq!(Head::from_bytes(&[127, 1, 0, 0, 0], 0), None);
	}
}
