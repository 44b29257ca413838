//! Matrices: 4-bit groups and ternary weights as they are, everything else by rows of 8 bits.

use super::{vector::log2_e, ConvertError, Sink};
use blyan_checkpoint::{Encoding, GroupKind, Groups, Role, Weight};
use blyan_exact::definition2::{block::SectionScale, matrix::INT8_PEAK, real, Real, WeightKind};

/// Largest code of an 8-bit row.
const CODE_MAX: f64 = 127.0;
/// Largest factor of an 8-bit row.
const FACTOR_MAX: f64 = 65_535.0;
/// Bound of a group's step and minimum in units of 2^-24.
const GROUP_MAX: i64 = 1 << 28;
/// Rows that are in memory as floats at a time.
const BLOCK_ROWS: usize = 256;
/// Largest code of 4 bits.
const NIBBLE_MAX: i64 = 15;

/// Returns the kind of weights that a tensor becomes.
pub fn kind(weight: &Weight<'_>) -> WeightKind {
	match weight.encoding() {
		_ if weight.ternary_scale().is_some() => WeightKind::Ternary,
		Encoding::Q4_0 | Encoding::Q4_1 => WeightKind::Int4By32,
		_ => WeightKind::Int8,
	}
}

/// Writes the rows of a matrix as weights of a kind, its own ([`kind`]) or 8 bits, and returns scale and peak.
pub fn write(
	role: Role,
	weight: &Weight<'_>,
	kind: WeightKind,
	out: Sink<'_>,
) -> Result<SectionScale, ConvertError> {
	match kind {
		WeightKind::Ternary => ternary(role, weight, out),
		WeightKind::Int4By32 | WeightKind::Int4By64 => int4(role, weight, out),
		WeightKind::Int8 => int8(role, weight, out),
	}
}

/// Returns the scale that [`write()`] returns, without the rest.
pub fn scale(role: Role, weight: &Weight<'_>, kind: WeightKind) -> Result<Real, ConvertError> {
	match kind {
		WeightKind::Ternary => real(role, weight.ternary_scale().map_or(0.0, f64::from)),
		WeightKind::Int4By32 | WeightKind::Int4By64 => real(role, 1.0),
		WeightKind::Int8 => real(role, unit(&maxima(role, weight)?) * 65_536.0),
	}
}

fn real(role: Role, scale: f64) -> Result<Real, ConvertError> {
	Real::from_f64_bits(scale.to_bits()).ok_or(ConvertError::Scale { role, scale })
}

fn ternary(role: Role, weight: &Weight<'_>, out: Sink<'_>) -> Result<SectionScale, ConvertError> {
	let mut row = vec![0; weight.columns()];
	for index in 0..weight.rows() {
		weight.read_ternary(index, &mut row).ok_or(ConvertError::NotFinite(role))?;
		let four = |four: &[i8; 4]| {
			let code = |at: usize| ((four[at] + 1) as u8) << (2 * at);
			code(0) | code(1) | code(2) | code(3)
		};
		let codes: Vec<u8> = row.as_chunks().0.iter().map(four).collect();
		out(&codes, &[])?;
	}
	Ok(SectionScale { scale: scale(role, weight, WeightKind::Ternary)?, peak: 1 })
}

/// Takes over the groups of Q4_1 (`d * c + m`) and Q4_0 (`d * (c - 8)`).
fn int4(role: Role, weight: &Weight<'_>, out: Sink<'_>) -> Result<SectionScale, ConvertError> {
	let (mut groups, mut scales) = (Groups::default(), Vec::new());
	// A matrix of zeros has a peak, too.
	let mut peak = 1;
	for row in 0..weight.rows() {
		let stored = weight.read_groups(row, &mut groups).ok_or(ConvertError::NotFinite(role))?;
		let pairs = groups.codes.as_chunks::<2>().0;
		let codes: Vec<u8> = pairs.iter().map(|[low, high]| *low as u8 | (*high as u8) << 4).collect();
		scales.clear();
		for (index, &d) in groups.scales.iter().enumerate() {
			let m = match stored {
				GroupKind::Q4_1 => groups.minimums[index],
				_ => times_minus_eight(d),
			};
			peak = peak.max(group_peak(role, d, m)?);
			scales.extend(d.to_le_bytes());
			scales.extend(m.to_le_bytes());
		}
		out(&codes, &scales)?;
	}
	Ok(SectionScale { scale: scale(role, weight, WeightKind::Int4By32)?, peak })
}

/// Returns the largest magnitude of a group's weights in units of 2^-24.
fn group_peak(role: Role, d: u16, m: u16) -> Result<u32, ConvertError> {
	let (Some(step), Some(minimum)) = (real::f16(d), real::f16(m)) else {
		return Err(ConvertError::NotFinite(role));
	};
	if step.abs() >= GROUP_MAX || minimum.abs() >= GROUP_MAX {
		let float = |units: i64| units as f64 / f64::from(1 << 24);
		return Err(ConvertError::Group { role, d: float(step), m: float(minimum) });
	}
	// At most 2^28 * 16 = 2^32; the bounds of stored weights are checked where the part is written.
	let largest = minimum.abs().max((NIBBLE_MAX * step + minimum).abs());
	u32::try_from(largest).ok().filter(|peak| peak >> 31 == 0).ok_or(ConvertError::Group {
		role,
		d: step as f64 / f64::from(1 << 24),
		m: minimum as f64 / f64::from(1 << 24),
	})
}

/// Returns the half that is `-8` times a half. Its own bits are enough: a subnormal one has at most ten.
/// A half too large for that becomes infinite.
fn times_minus_eight(half: u16) -> u16 {
	let (sign, exponent, fraction) = (!half & 0x8000, (half >> 10) & 31, half & 1_023);
	match exponent {
		0 if fraction == 0 => 0,
		// A multiple of 2^-24 below 2^13: shifted until bit 10 is its first, or still subnormal.
		0 => {
			let units = u32::from(fraction) << 3;
			let excess = (32 - units.leading_zeros()).saturating_sub(11);
			let normal = units >= 1_024;
			let exponent = if normal { excess + 1 } else { 0 };
			sign | (exponent << 10) as u16 | ((units >> excess) & 1_023) as u16
		}
		28.. => sign | 31 << 10,
		_ => sign | (exponent + 3) << 10 | fraction,
	}
}

/// Returns the largest magnitude of each row.
fn maxima(role: Role, weight: &Weight<'_>) -> Result<Vec<f64>, ConvertError> {
	let mut maxima = Vec::with_capacity(weight.rows());
	for (_, block) in weight.blocks(BLOCK_ROWS) {
		// A maximum would hide what is not a number.
		if !block.iter().all(|w| w.is_finite()) {
			return Err(ConvertError::NotFinite(role));
		}
		let largest = |row: &[f32]| row.iter().fold(0.0_f32, |largest, w| largest.max(w.abs()));
		maxima.extend(block.chunks_exact(weight.columns()).map(|row| f64::from(largest(row))));
	}
	Ok(maxima)
}

/// Returns the unit of the factors: a row of factor r has steps of r units, and the largest row takes the largest r.
fn unit(maxima: &[f64]) -> f64 {
	maxima.iter().copied().fold(0.0, f64::max) / (CODE_MAX * FACTOR_MAX)
}

/// Rounds to rows of 8 bits whose largest entry is 127: two passes over the floats, a block of rows at a time.
fn int8(role: Role, weight: &Weight<'_>, out: Sink<'_>) -> Result<SectionScale, ConvertError> {
	let maxima = maxima(role, weight)?;
	let unit = unit(&maxima);
	for (range, block) in weight.blocks(BLOCK_ROWS) {
		for (row, &maximum) in block.chunks_exact(weight.columns()).zip(&maxima[range]) {
			let (codes, factor) = int8_row(row.iter().map(|&w| f64::from(w)), maximum, unit);
			out(&codes, &factor)?;
		}
	}
	Ok(SectionScale { scale: real(role, unit * 65_536.0)?, peak: INT8_PEAK })
}

/// Rounds one row; returns its codes and its factor as they are stored.
fn int8_row(row: impl Iterator<Item = f64>, maximum: f64, unit: f64) -> (Vec<u8>, [u8; 2]) {
	let factor = row_factor(maximum, unit);
	let step = factor * unit;
	(row.map(|w| code(w, step) as u8).collect(), (factor as u16).to_le_bytes())
}

/// Rounds the rows of a router to 8 bits, with log2(e) in their scale, so that natural logits become base-2 ones. `None` if a
/// number is not finite, or too large.
pub fn router(rows: &[Vec<f64>]) -> Option<(SectionScale, Vec<u8>)> {
	if !rows.iter().flatten().all(|w| w.is_finite()) {
		return None;
	}
	let largest = |row: &Vec<f64>| row.iter().fold(0.0_f64, |largest, w| largest.max(w.abs()));
	let maxima: Vec<f64> = rows.iter().map(largest).collect();
	let unit = unit(&maxima);
	let scale = Real::from_f64_bits((unit * 65_536.0).to_bits())?.times(log2_e());
	let rows = rows.iter().zip(maxima).map(|(row, maximum)| int8_row(row.iter().copied(), maximum, unit));
	let bytes = rows.flat_map(|(codes, factor)| codes.into_iter().chain(factor)).collect();
	Some((SectionScale { scale, peak: INT8_PEAK }, bytes))
}

/// Returns the least factor whose steps reach the row's maximum; 0 for a row of zeros.
fn row_factor(maximum: f64, unit: f64) -> f64 {
	if maximum == 0.0 {
		return 0.0;
	}
	libm::ceil(maximum / (CODE_MAX * unit)).clamp(1.0, FACTOR_MAX)
}

fn code(weight: f64, step: f64) -> i8 {
	if step == 0.0 {
		return 0;
	}
	libm::round(weight / step).clamp(-CODE_MAX, CODE_MAX) as i8
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn every_half_times_minus_eight_is_exact_unless_it_is_too_large() {
		for half in 0..=u16::MAX {
			let Some(units) = real::f16(half) else { continue };
			match real::f16(times_minus_eight(half)) {
				Some(product) => assert_eq!(product, -8 * units, "{half:#06x}"),
				None => assert!(units.abs() >= 8_192 << 24, "{half:#06x}"),
			}
		}
	}

	#[test]
	fn a_row_reaches_its_maximum_whatever_its_factor() {
		let unit = 1.0 / (CODE_MAX * FACTOR_MAX);
		for maximum in [1.0, 0.5, 0.001, 1e-9] {
			let factor = row_factor(maximum, unit);
			let step = factor * unit;
			assert!(f64::from(code(maximum, step)) * step <= maximum + step, "{maximum}");
			assert!(maximum < 128.0 * step, "{maximum}");
		}
		assert_eq!(row_factor(1.0, unit), FACTOR_MAX);
		assert_eq!(row_factor(0.0, unit), 0.0);
	}
}
