//! Rotary position embedding from a stored table.

use crate::number::shift_round;

/// Fraction bits of the table.
const TABLE_BITS: u32 = 14;

/// Turns the pairs (2i, 2i + 1) of every head of `row` by the angles of one position.
///
/// `angles` holds (cos, sin) in Q14 for each pair of one head. Bounds: |row| <= 2^19 and any `i16` angle,
/// so a sum is at most 2 * 2^19 * 2^15 = 2^35 and an output at most 2^21.
pub fn rotate(row: &mut [i32], angles: &[[i16; 2]]) {
	for head in row.chunks_exact_mut(2 * angles.len()) {
		for (pair, &[cos, sin]) in head.chunks_exact_mut(2).zip(angles) {
			let (x, y) = (i64::from(pair[0]), i64::from(pair[1]));
			let (cos, sin) = (i64::from(cos), i64::from(sin));
			pair[0] = shift_round(x * cos - y * sin, TABLE_BITS) as i32;
			pair[1] = shift_round(x * sin + y * cos, TABLE_BITS) as i32;
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn rotate_turns_each_pair_of_each_head() {
		let mut row = [100, 0, 0, 100, 1, 2, 3, 4];
		rotate(&mut row, &[[0, 1 << 14], [1 << 14, 0]]);
		assert_eq!(row, [0, 100, 0, 100, -2, 1, 3, 4]);
	}

	#[test]
	fn rotate_holds_at_the_extremes() {
		let mut row = [1 << 19, 1 << 19];
		rotate(&mut row, &[[i16::MIN, i16::MIN]]);
		assert_eq!(row, [0, -(1 << 21)]);
		let mut row = [1 << 19, -(1 << 19)];
		rotate(&mut row, &[[i16::MIN, i16::MIN]]);
		assert_eq!(row, [-(1 << 21), 0]);
	}
}
