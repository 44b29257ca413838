//! The likeliest choice, by integers: no float and no order of additions takes part.
//!
//! A loss is a sum of bits in Q16. Per character and per byte, two choices are compared as fractions, by multiplying crosswise in
//! 128 bits, which cannot overflow: a loss has 64 bits and a length fewer. Of equal ones the first counts, as in
//! `numpy.argmax`, and ties are reported: there a comparison in floats may come out either way.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Choices picked by each of the three rules of lm-evaluation-harness: `acc`, `acc_norm` and `acc_bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picked {
	/// Least loss.
	pub sum: usize,
	/// Least loss per Unicode character of the choice.
	pub characters: usize,
	/// Least loss per byte of the choice.
	pub bytes: usize,
	/// True if another choice has the same loss per byte.
	pub is_tied: bool,
}

/// Picks by all rules. `losses` and `choices` are in the same order; the space in front of a choice counts in its loss and not in
/// its length. `None` without a choice.
pub fn pick<T: AsRef<str>>(losses: &[u64], choices: &[T]) -> Option<Picked> {
	let lengths = |length: fn(&str) -> usize| -> Vec<(u64, u64)> {
		losses.iter().zip(choices).map(|(loss, choice)| (*loss, length(choice.as_ref()) as u64)).collect()
	};
	let (sum, _) = least(&lengths(|_| 1))?;
	let (characters, _) = least(&lengths(|text| text.chars().count()))?;
	let (bytes, is_tied) = least(&lengths(str::len))?;
	Some(Picked { sum, characters, bytes, is_tied })
}

/// Returns the place of the least loss per length, the first of equal ones, and reports whether there is another.
fn least(fractions: &[(u64, u64)]) -> Option<(usize, bool)> {
	let (mut place, mut best) = (0, *fractions.first()?);
	let mut is_tied = false;
	for (at, fraction) in fractions.iter().enumerate().skip(1) {
		match compare(*fraction, best) {
			Ordering::Less => (place, best, is_tied) = (at, *fraction, false),
			Ordering::Equal => is_tied = true,
			Ordering::Greater => {}
		}
	}
	Some((place, is_tied))
}

/// Compares `loss / length` with another. A length of zero, which no valid task has, is larger than every other.
pub fn compare((loss, length): (u64, u64), (other_loss, other_length): (u64, u64)) -> Ordering {
	match (length, other_length) {
		(0, 0) => Ordering::Equal,
		(0, _) => Ordering::Greater,
		(_, 0) => Ordering::Less,
		_ => {
			let product = |a: u64, b: u64| u128::from(a) * u128::from(b);
			product(loss, other_length).cmp(&product(other_loss, length))
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn the_three_rules_differ_where_choices_differ_in_length_and_script() {
		// 30 / 3, 36 / 4 characters in 8 bytes, 40 / 5.
		let picked = pick(&[30, 36, 40], &["abc", "éééé", "abcde"]).unwrap();
		assert_eq!(picked, Picked { sum: 0, characters: 2, bytes: 1, is_tied: false });
	}

	#[test]
	fn of_equal_fractions_the_first_counts_and_the_tie_is_reported() {
		let picked = pick(&[4, 2, 6], &["ab", "a", "abc"]).unwrap();
		assert_eq!(picked, Picked { sum: 1, characters: 0, bytes: 0, is_tied: true });
		let none: [&str; 0] = [];
		assert_eq!(pick(&[], &none), None);
	}

	#[test]
	fn the_largest_losses_and_lengths_do_not_overflow() {
		assert_eq!(compare((u64::MAX, u64::MAX), (u64::MAX - 1, u64::MAX)), Ordering::Greater);
		assert_eq!(compare((u64::MAX, 1), (u64::MAX, u64::MAX)), Ordering::Greater);
	}

	proptest! {
		#[test]
		fn the_order_is_total_and_that_of_fractions(
			a in (0..1u64 << 40, 1..5_000u64), b in (0..1u64 << 40, 1..5_000u64), c in (0..1u64 << 40, 1..5_000u64),
		) {
			prop_assert_eq!(compare(a, b), compare(b, a).reverse());
			if compare(a, b).is_le() && compare(b, c).is_le() {
				prop_assert!(compare(a, c).is_le());
			}
			// Whole multiples of a fraction are equal to it.
			prop_assert_eq!(compare((a.0 * 3, a.1 * 3), b), compare(a, b));
			// Whole parts of different size decide.
			if a.0 / a.1 != b.0 / b.1 {
				prop_assert_eq!(compare(a, b), (a.0 / a.1).cmp(&(b.0 / b.1)));
			}
		}

		#[test]
		fn no_other_choice_is_better_than_the_one_picked(losses in prop::collection::vec(0..1_000u64, 2..6), len in 1..9usize) {
			let choices: Vec<String> = (0..losses.len()).map(|at| "é".repeat(1 + at * len % 7)).collect();
			let picked = pick(&losses, &choices).unwrap();
			let of = |at: usize| (losses[at], choices[at].len() as u64);
			for at in 0..losses.len() {
				let order = compare(of(at), of(picked.bytes));
				prop_assert!(order.is_gt() || (order.is_eq() && at >= picked.bytes));
				prop_assert!(losses[picked.sum] < losses[at] || (losses[picked.sum] == losses[at] && picked.sum <= at));
			}
			// All characters have two bytes.
			prop_assert_eq!(picked.characters, picked.bytes);
		}
	}
}
