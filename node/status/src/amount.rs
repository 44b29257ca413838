//! Amounts of BLY for eyes.

/// Decimals of the token.
pub const DECIMALS: usize = 12;
/// One BLY in its smallest unit.
pub const UNIT: u128 = 1_000_000_000_000;

/// Writes "1.5 BLY", without trailing zeros.
pub fn show(planck: u128) -> String {
	let (whole, fraction) = (planck / UNIT, planck % UNIT);
	if fraction == 0 {
		return format!("{whole} BLY");
	}
	let fraction = format!("{fraction:0>DECIMALS$}");
	format!("{whole}.{} BLY", fraction.trim_end_matches('0'))
}

/// Converts to BLY, rounded to what a double holds: for estimates only.
pub fn bly(planck: u128) -> f64 {
	planck as f64 / UNIT as f64
}
