//! What a registration costs: more after each, and half as much after every half-life. Plain integers.

/// `price` after `elapsed` blocks.
///
/// Halved exactly at every multiple of `half_life`, rounded down; between two of them on a straight line, which lies
/// above the exponential by at most 6.2 % of it. A half-life of zero leaves nothing.
pub fn decayed(price: u128, elapsed: u64, half_life: u64) -> u128 {
	let (Some(halvings), Some(rest)) = (elapsed.checked_div(half_life), elapsed.checked_rem(half_life))
	else {
		return 0;
	};
	let from = u32::try_from(halvings).ok().and_then(|halvings| price.checked_shr(halvings)).unwrap_or(0);
	// `from - from/2` is at most 2^127; divided first, so that the product fits, and the remainder on its own.
	let (rest, half_life) = (u128::from(rest), u128::from(half_life));
	let drop = from.saturating_sub(from >> 1);
	let whole = drop.checked_div(half_life).unwrap_or(0).saturating_mul(rest);
	// Both factors are below 2^64.
	let part =
		drop.checked_rem(half_life).unwrap_or(0).saturating_mul(rest).checked_div(half_life).unwrap_or(0);
	from.saturating_sub(whole).saturating_sub(part)
}

/// `price` after one more registration: times `factor_milli` thousandths, rounded down; stops at the largest number.
pub fn raised(price: u128, factor_milli: u32) -> u128 {
	let factor = u128::from(factor_milli);
	let whole = price.checked_div(1_000).unwrap_or(0).saturating_mul(factor);
	// Below 1,000 * 2^32.
	let part = price.checked_rem(1_000).unwrap_or(0).saturating_mul(factor).checked_div(1_000).unwrap_or(0);
	whole.saturating_add(part)
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn price_of_nothing_decays_to_nothing() {
		assert_eq!(decayed(0, 5, 3), 0);
		assert_eq!(decayed(1_000, 5, 0), 0);
		assert_eq!(decayed(u128::MAX, u64::MAX, 1), 0);
		assert_eq!(decayed(u128::MAX, 0, u64::MAX), u128::MAX);
	}

	proptest! {
		#[test]
		fn decay_is_monotone(price: u128, a: u64, b: u64, half_life in 1u64..) {
			let (soon, late) = (a.min(b), a.max(b));
			prop_assert!(decayed(price, soon, half_life) >= decayed(price, late, half_life));
			prop_assert!(decayed(price, soon, half_life) <= price);
		}

		#[test]
		fn decay_is_monotone_from_block_to_block(price: u128, elapsed in 0u64..10_000, half_life in 1u64..1_000) {
			prop_assert!(decayed(price, elapsed, half_life) >= decayed(price, elapsed + 1, half_life));
		}

		#[test]
		fn decay_halves_exactly_at_multiples(price: u128, halvings in 0u64..140, half_life in 1u64..1 << 50) {
			let expected = price.checked_shr(halvings as u32).unwrap_or(0);
			prop_assert_eq!(decayed(price, halvings * half_life, half_life), expected);
		}

		#[test]
		fn a_dearer_price_stays_dearer(a: u128, b: u128, elapsed: u64, half_life in 1u64..) {
			prop_assert!(decayed(a.max(b), elapsed, half_life).saturating_add(1) >= decayed(a.min(b), elapsed, half_life));
		}

		#[test]
		fn raising_by_two_doubles_and_is_undone_by_a_half_life(price in 0..u128::MAX / 2, half_life in 1u64..) {
			prop_assert_eq!(raised(price, 2_000), price * 2);
			prop_assert_eq!(decayed(raised(price, 2_000), half_life, half_life), price);
		}

		#[test]
		fn raising_never_lowers_and_never_overflows(price: u128, factor in 1_000u32..) {
			prop_assert!(raised(price, factor) >= price);
			prop_assert_eq!(raised(price, 1_000), price);
		}

		#[test]
		fn repeated_raises_are_powers(times in 0u32..60) {
			let price = (0..times).fold(1_000u128, |price, _| raised(price, 2_000));
			prop_assert_eq!(price, 1_000 << times);
		}
	}
}
