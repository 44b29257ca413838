//! Vectors: gains of norms, biases, rotary frequencies.

use super::ConvertError;
use blyan_checkpoint::{Role, Rope, RopeScaling, Weight};
use blyan_exact::definition2::Real;
use std::f64::consts::{LOG2_E, PI};

/// Bits that the largest gain of a norm takes.
const GAIN_BITS: i32 = 23;
/// Fraction bits of biases.
const BIAS_FRACTION: i32 = 12;
/// Bound of biases.
const BIAS_MAX: i64 = 1 << 26;

/// Returns log2(e), which the matrices of head and router carry.
pub fn log2_e() -> Real {
	Real::from_f64_bits(LOG2_E.to_bits()).unwrap_or(Real::ZERO)
}

/// Returns `2^exponent`, exactly.
fn power_of_two(exponent: i32) -> f64 {
	libm::ldexp(1.0, exponent)
}

/// Reads a vector, refusing what is not finite.
fn finite(role: Role, weight: &Weight<'_>) -> Result<Vec<f64>, ConvertError> {
	let floats: Vec<f64> = weight.to_vec().into_iter().map(f64::from).collect();
	match floats.iter().all(|x| x.is_finite()) {
		true => Ok(floats),
		false => Err(ConvertError::NotFinite(role)),
	}
}

/// Converts the gain of a norm: integers below 2^23 in magnitude, and the power of two that they are multiples of.
pub fn gain(role: Role, weight: &Weight<'_>) -> Result<(Vec<i32>, Real), ConvertError> {
	let floats = finite(role, weight)?;
	let largest = floats.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
	if largest == 0.0 {
		return Ok((vec![0; floats.len()], Real::ZERO));
	}
	// largest is in [2^(exponent - 1), 2^exponent).
	let (_, exponent) = libm::frexp(largest);
	let unit = power_of_two(exponent - GAIN_BITS);
	let gains = floats.iter().map(|x| libm::round(x / unit) as i32).collect();
	let scale = Real::from_f64_bits(unit.to_bits());
	Ok((gains, scale.ok_or(ConvertError::Scale { role, scale: unit })?))
}

/// Converts a bias of queries, keys or values to Q12.
pub fn bias(role: Role, weight: &Weight<'_>) -> Result<Vec<i32>, ConvertError> {
	let unit = power_of_two(-BIAS_FRACTION);
	finite(role, weight)?
		.into_iter()
		.map(|bias| {
			let integer = libm::round(bias / unit);
			if integer.abs() > BIAS_MAX as f64 {
				return Err(ConvertError::Bias { role, bias });
			}
			Ok(integer as i32)
		})
		.collect()
}

/// Converts the term under a norm's root to Q48.
pub fn eps(eps: f64) -> Result<u64, ConvertError> {
	let integer = libm::round(eps * power_of_two(48));
	if !(0.0..power_of_two(41)).contains(&integer) {
		return Err(ConvertError::Eps(eps));
	}
	Ok(integer as u64)
}

/// Converts the rotary frequencies of a head: one turn is 2^64.
pub fn frequencies(rope: &Rope, head_size: usize) -> Result<Vec<u64>, ConvertError> {
	(0..head_size / 2)
		.map(|pair| {
			let plain = libm::pow(rope.base, -2.0 * pair as f64 / head_size as f64);
			let radians = scaled(&rope.scaling, pair, plain);
			let turns = radians / (2.0 * PI);
			if !(0.0..1.0).contains(&turns) {
				return Err(ConvertError::Frequency(radians));
			}
			// Below 2^64, and a multiple of 2^11 at most where a double has too few bits.
			Ok(libm::round(turns * power_of_two(64)) as u64)
		})
		.collect()
}

/// Returns a frequency in radians a position after the change for a longer context.
fn scaled(scaling: &RopeScaling, pair: usize, frequency: f64) -> f64 {
	match scaling {
		RopeScaling::None => frequency,
		RopeScaling::Linear { factor } => frequency / factor,
		RopeScaling::Divisors(divisors) => frequency / f64::from(divisors[pair]),
		&RopeScaling::Llama3 { factor, low_frequency, high_frequency, original_context } => {
			let wavelength = 2.0 * PI / frequency;
			if wavelength < original_context / high_frequency {
				return frequency;
			}
			if wavelength > original_context / low_frequency {
				return frequency / factor;
			}
			let share = (original_context / wavelength - low_frequency) / (high_frequency - low_frequency);
			(1.0 - share) * frequency / factor + share * frequency
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_checkpoint::PairOrder;

	#[test]
	fn frequencies_follow_those_of_the_checkpoint_for_every_scaling() {
		let llama3 = RopeScaling::Llama3 {
			factor: 8.0,
			low_frequency: 1.0,
			high_frequency: 4.0,
			original_context: 8_192.0,
		};
		let divisors = RopeScaling::Divisors((0..32).map(|i| 1.0 + i as f32 / 4.0).collect());
		for scaling in [RopeScaling::None, RopeScaling::Linear { factor: 4.0 }, llama3, divisors] {
			let rope = Rope { base: 100_000.0, scaling, stored_pairs: PairOrder::HalfSplit };
			let turns = frequencies(&rope, 64).unwrap();
			for (turn, radians) in turns.into_iter().zip(rope.inverse_frequencies(64)) {
				let got = turn as f64 / power_of_two(64) * 2.0 * PI;
				// Doubles, and half a unit of the turn.
				assert!((got - radians).abs() <= 1e-14 * radians + 2e-19, "{got} {radians}");
			}
		}
	}

	#[test]
	fn eps_is_in_q48_and_refused_where_it_does_not_fit() {
		assert_eq!(eps(1e-5).unwrap(), 2_814_749_767);
		assert!(matches!(eps(0.01), Err(ConvertError::Eps(_))));
		assert!(eps(f64::NAN).is_err());
	}
}
