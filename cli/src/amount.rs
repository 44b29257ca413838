//! Amounts of BLY: read and written in whole tokens, kept in the smallest unit.

use crate::failure::{Failure, Outcome};
use blyan_status::amount::DECIMALS;

pub use blyan_status::amount::{show, UNIT};

/// Reads "1.5", "1.5 BLY" or "1500000000000 planck".
pub fn parse(text: &str) -> Outcome<u128> {
	let refuse = || {
		Failure::new(format!("\"{text}\" is no amount"))
			.next("write an amount such as 1.5 (BLY, at most 12 decimals) or 1500000000000planck")
	};
	let text = text.trim();
	if let Some(planck) = text.strip_suffix("planck") {
		return planck.trim().parse().map_err(|_| refuse());
	}
	let number = text.strip_suffix("BLY").unwrap_or(text).trim();
	let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
	let is_digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
	if whole.is_empty() || fraction.len() > DECIMALS || !is_digits(whole) || !is_digits(fraction) {
		return Err(refuse());
	}
	let whole: u128 = whole.parse().map_err(|_| refuse())?;
	let fraction: u128 = format!("{fraction:0<DECIMALS$}").parse().map_err(|_| refuse())?;
	whole.checked_mul(UNIT).and_then(|planck| planck.checked_add(fraction)).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn parse_reads_what_show_writes() {
		for planck in [0, 1, UNIT, 3 * UNIT / 2, 123_456_789_012_345, u128::MAX] {
			assert_eq!(parse(&show(planck)).unwrap(), planck);
		}
		assert_eq!(parse("7planck").unwrap(), 7);
		assert_eq!(parse("2").unwrap(), 2 * UNIT);
	}

	#[test]
	fn parse_refuses_what_is_no_amount() {
		for text in ["", ".", ".5", "-1", "1.0000000000001", "1e3", "one", "340282366920938463463374608"] {
			assert!(parse(text).is_err(), "{text}");
		}
	}
}
