//! The rotary table of a new model.

use blyan_exact::ModelConfig;

/// Cosine and sine in Q14 for every position and pair of a head, `[context, head_size / 2, 2]`, base
/// 10,000.
///
/// Computed once, by the trainer; the model carries the table, because `cos` differs between machines.
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
