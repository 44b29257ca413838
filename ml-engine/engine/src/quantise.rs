//! Rounding of real weights to the integer model's formats.
//!
//! The trainer and the import of safetensors files share these functions, so floats become the same block on either way.
//! They run once, where a model or an expert is made; the file carries the result.

use blyan_exact::{Matrix, ModelConfig, Scale};

/// Reason why real weights have no integer form.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum QuantiseError {
	/// The scale that the weights need is not one of the format's.
	#[error("the scale {value} of {name} is out of range: a scale is at least 0 and below 4096")]
	Scale {
		/// Name of the tensor.
		name: String,
		/// Scale that its weights need.
		value: f64,
	},
}

fn scale(value: f64, name: &str) -> Result<Scale, QuantiseError> {
	let refused = || QuantiseError::Scale { name: name.into(), value };
	Scale::from_f64_bits(value.to_bits()).ok_or_else(refused)
}

/// Rounds a matrix to -1, 0 and 1 times its mean magnitude (absmean, as BitNet b1.58).
///
/// # Shapes
/// `values: [rows, cols]`.
pub fn ternary(values: &[f32], rows: usize, cols: usize, name: &str) -> Result<Matrix, QuantiseError> {
	let alpha = (values.iter().map(|w| f64::from(w.abs())).sum::<f64>() / values.len() as f64).max(1e-8);
	let inverse = 1.0 / alpha as f32;
	let weights =
		values.iter().map(|w| (w * inverse).clamp(-1.0, 1.0).round_ties_even() as i8).collect::<Vec<_>>();
	Ok(Matrix { rows, cols, weights, scale: scale(alpha, name)? })
}

/// Rounds a matrix to 8 bits, its largest magnitude to 127 (absmax); `unit` turns its natural unit into the integer
/// model's.
///
/// # Shapes
/// `values: [rows, cols]`.
pub fn bytes(
	values: &[f32],
	rows: usize,
	cols: usize,
	unit: f64,
	name: &str,
) -> Result<Matrix, QuantiseError> {
	let step = values.iter().fold(1e-8f32, |max, w| max.max(w.abs())) / 127.0;
	let weights = values.iter().map(|w| (w / step).round_ties_even() as i8).collect::<Vec<_>>();
	Ok(Matrix { rows, cols, weights, scale: scale(f64::from(step) * unit, name)? })
}

/// Rounds gains to Q8.
pub fn gains(values: &[f32]) -> Vec<i16> {
	values.iter().map(|g| (g * 256.0).clamp(-32_767.0, 32_767.0).round_ties_even() as i16).collect()
}

/// Cosine and sine in Q14 for every position and pair of a head, `[context, head_size / 2, 2]`, base
/// 10,000.
///
/// Computed once, when a model is made; the model carries the table, because `cos` differs between machines.
pub fn rotary_table(config: &ModelConfig) -> Vec<i16> {
	let pairs = config.head_size() / 2;
	let mut table = Vec::with_capacity(usize::from(config.context) * pairs * 2);
	for position in 0..config.context {
		for pair in 0..pairs {
			let angle = f64::from(position) * 10_000f64.powf(-(pair as f64) / pairs as f64);
			table.push((angle.cos() * 16_384.0).round() as i16);
			table.push((angle.sin() * 16_384.0).round() as i16);
		}
	}
	table
}
