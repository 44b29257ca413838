//! RMSNorm, and BitNet's rounding of activations.

/// Largest magnitude below which BitNet does not scale.
const MAGNITUDE_MIN: f32 = 1e-5;

/// Divides each row of `weight.len()` elements by its root mean square and multiplies it by `weight`.
pub fn normalise(states: &[f32], weight: &[f32], eps: f64) -> Vec<f32> {
	let mut out = states.to_vec();
	normalise_in_place(&mut out, weight, eps);
	out
}

/// The same in place.
pub fn normalise_in_place(states: &mut [f32], weight: &[f32], eps: f64) {
	for state in states.chunks_exact_mut(weight.len()) {
		let squares = state.iter().map(|x| f64::from(x * x)).sum::<f64>();
		let scale = (squares / state.len() as f64 + eps).sqrt().recip() as f32;
		state.iter_mut().zip(weight).for_each(|(x, w)| *x = *x * scale * w);
	}
}

/// Rounds each row of `width` elements to integers of `bits` bits times a scale, by its largest magnitude.
pub fn quantise(states: &mut [f32], width: usize, bits: u8) {
	let limit = f32::from((1_u16 << (bits - 1)) - 1);
	for state in states.chunks_exact_mut(width) {
		let largest = state.iter().fold(MAGNITUDE_MIN, |max, x| max.max(x.abs()));
		let scale = limit / largest;
		state.iter_mut().for_each(|x| *x = (*x * scale).round_ties_even().clamp(-limit - 1.0, limit) / scale);
	}
}
