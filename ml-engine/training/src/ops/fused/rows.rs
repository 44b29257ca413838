//! Loops over one row, compiled for every instruction set.

use crate::{optimiser::Stride, quantiser::ROUNDING};

/// Numbers that are summed side by side.
const LANES: usize = 16;
/// Keeps a row of zeros from dividing by zero; far below any square a live row has.
const TINY: f32 = 1e-24;

/// Compiles a function once for every instruction set, and chooses at run time.
macro_rules! vectorised {
	($(#[$meta:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
		$(#[$meta])*
		#[inline]
		pub(crate) fn $name($($arg: $type),*) $(-> $out)? {
			#[inline(always)]
			fn plain($($arg: $type),*) $(-> $out)? $body

			#[cfg(target_arch = "x86_64")]
			#[target_feature(enable = "avx2")]
			fn avx2($($arg: $type),*) $(-> $out)? {
				plain($($arg),*)
			}

			#[cfg(target_arch = "x86_64")]
			#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
			fn avx512($($arg: $type),*) $(-> $out)? {
				plain($($arg),*)
			}

			#[cfg(target_arch = "x86_64")]
			if is_x86_feature_detected!("avx512f")
				&& is_x86_feature_detected!("avx512bw")
				&& is_x86_feature_detected!("avx512dq")
				&& is_x86_feature_detected!("avx512vl")
			{
				// SAFETY: the instructions were detected in the line above.
				return unsafe { avx512($($arg),*) };
			} else if is_x86_feature_detected!("avx2") {
				// SAFETY: as above.
				return unsafe { avx2($($arg),*) };
			}
			plain($($arg),*)
		}
	};
}

#[inline(always)]
fn nearest(x: f32) -> f32 {
	(x + ROUNDING) - ROUNDING
}

/// Adds lanes in one order, whatever the instruction set.
#[inline(always)]
fn total(lanes: [f32; LANES]) -> f32 {
	lanes.iter().sum()
}

#[inline(always)]
fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
	let mut lanes = [0.0f32; LANES];
	let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
	for ((lane, a), b) in lanes.iter_mut().zip(a.remainder()).zip(b.remainder()) {
		*lane = term(*a, *b);
	}
	for (a, b) in a.zip(b) {
		for i in 0..LANES {
			lanes[i] += term(a[i], b[i]);
		}
	}
	total(lanes)
}

/// Returns the largest term; at least `least`.
#[inline(always)]
fn largest(a: &[f32], least: f32, term: impl Fn(f32) -> f32) -> f32 {
	let mut lanes = [least; LANES];
	let a = a.chunks_exact(LANES);
	for (lane, a) in lanes.iter_mut().zip(a.remainder()) {
		*lane = lane.max(term(*a));
	}
	for a in a {
		for i in 0..LANES {
			let value = term(a[i]);
			lanes[i] = if value > lanes[i] { value } else { lanes[i] };
		}
	}
	lanes.iter().fold(least, |max, lane| max.max(*lane))
}

/// Returns e^x for x <= 0, to a relative error of 2e-7; what would be subnormal is e^-87.
#[inline(always)]
fn exp(x: f32) -> f32 {
	const LN2_HIGH: f32 = 0.693_359_4;
	const LN2_LOW: f32 = -2.121_944_4e-4;
	let x = if x > -87.0 { x } else { -87.0 };
	let shifted = x * core::f32::consts::LOG2_E + ROUNDING;
	let whole = shifted - ROUNDING;
	let r = (x - whole * LN2_HIGH) - whole * LN2_LOW;
	let tail = 1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5_040.0));
	let power = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * tail))));
	// The low bits of `shifted` are the integer; moved into the exponent they multiply by 2^whole.
	f32::from_bits(power.to_bits().wrapping_add(shifted.to_bits() << 23))
}

vectorised! {
	/// Computes [`super::norm_quant`] of one row; returns one over the root mean square.
	fn normalise(input: &[f32], gain: &[f32], output: &mut [f32]) -> f32 {
		let mean_square = sum(input, gain, |x, g| (x * g) * (x * g)) / input.len() as f32;
		let inverse = 1.0 / (mean_square + TINY).sqrt();
		for ((y, x), g) in output.iter_mut().zip(input).zip(gain) {
			*y = x * g * inverse;
		}
		to_steps(output, 127.0);
		inverse
	}
}

/// Rounds a row to multiples of its largest entry over `steps`.
#[inline(always)]
fn to_steps(row: &mut [f32], steps: f32) {
	let step = largest(row, 0.0, f32::abs) / steps + TINY;
	let inverse = 1.0 / step;
	for x in row {
		*x = nearest(*x * inverse) * step;
	}
}

vectorised! {
	/// Turns the gradient of [`normalise`]'s output into that of its input, and adds that of the gain.
	fn normalise_back(grad: &mut [f32], input: &[f32], gain: &[f32], inverse: f32, gain_grad: &mut [f32]) {
		let mut lanes = [0.0f32; LANES];
		let (gs, xs, gains) =
			(grad.chunks_exact(LANES), input.chunks_exact(LANES), gain.chunks_exact(LANES));
		let rest = gs.remainder().iter().zip(xs.remainder()).zip(gains.remainder());
		for (lane, ((g, x), gain)) in lanes.iter_mut().zip(rest) {
			*lane = g * (x * gain * inverse);
		}
		for ((g, x), gain) in gs.zip(xs).zip(gains) {
			for i in 0..LANES {
				lanes[i] += g[i] * (x[i] * gain[i] * inverse);
			}
		}
		let along = total(lanes) / input.len() as f32;
		for (((g, x), gain), sum) in grad.iter_mut().zip(input).zip(gain).zip(gain_grad) {
			let scaled = (*g - x * gain * inverse * along) * inverse;
			*sum += scaled * x;
			*g = scaled * gain;
		}
	}
}

vectorised! {
	/// Computes `row = max(row, 0)`, and `squares = row^2`.
	fn relu_squared(row: &mut [f32], squares: &mut [f32]) {
		for (x, square) in row.iter_mut().zip(squares) {
			let positive = if *x > 0.0 { *x } else { 0.0 };
			*x = positive;
			*square = positive * positive;
		}
	}
}

vectorised! {
	/// Computes `squares = row^2`.
	fn square(row: &[f32], squares: &mut [f32]) {
		for (x, square) in row.iter().zip(squares) {
			*square = x * x;
		}
	}
}

vectorised! {
	/// Turns the gradient of a square into that of what was squared.
	fn square_back(grad: &mut [f32], row: &[f32]) {
		for (g, x) in grad.iter_mut().zip(row) {
			*g *= x * 2.0;
		}
	}
}

vectorised! {
	/// Computes `row *= factor`.
	fn scale(row: &mut [f32], factor: f32) {
		for x in row {
			*x *= factor;
		}
	}
}

vectorised! {
	/// Computes `sum += row * factor`.
	fn add_scaled(sum: &mut [f32], row: &[f32], factor: f32) {
		for (sum, x) in sum.iter_mut().zip(row) {
			*sum += x * factor;
		}
	}
}

vectorised! {
	/// Returns the sum of products.
	fn dot(a: &[f32], b: &[f32]) -> f32 {
		sum(a, b, |a, b| a * b)
	}
}

vectorised! {
	/// Returns the sum of magnitudes.
	fn magnitude(row: &[f32]) -> f32 {
		sum(row, row, |x, _| x.abs())
	}
}

vectorised! {
	/// Returns the largest magnitude.
	fn peak(row: &[f32]) -> f32 {
		largest(row, 0.0, f32::abs)
	}
}

vectorised! {
	/// Rounds to the nearest multiples of `step` up to `bound` steps away from zero.
	fn round_to_step(row: &[f32], step: f32, bound: f32, output: &mut [f32]) {
		let inverse = 1.0 / step;
		for (y, x) in output.iter_mut().zip(row) {
			*y = nearest((x * inverse).clamp(-bound, bound)) * step;
		}
	}
}

vectorised! {
	/// Rounds a row to multiples of its largest entry over `steps`.
	fn round_to_peak(row: &mut [f32], steps: f32) {
		to_steps(row, steps);
	}
}

vectorised! {
	/// Computes [`super::rms_quant`] of one row; returns one over the root mean square.
	fn rms_quant(input: &[f32], gain: &[f32], eps: f32, steps: f32, output: &mut [f32]) -> f32 {
		let mean_square = sum(input, input, |x, _| x * x) / input.len() as f32;
		let inverse = 1.0 / (mean_square + eps + TINY).sqrt();
		for ((y, x), g) in output.iter_mut().zip(input).zip(gain) {
			*y = x * inverse * g;
		}
		to_steps(output, steps);
		inverse
	}
}

vectorised! {
	/// Turns the gradient of [`rms_quant`]'s output into that of its input.
	fn rms_quant_back(grad: &mut [f32], input: &[f32], gain: &[f32], inverse: f32) {
		for (g, gain) in grad.iter_mut().zip(gain) {
			*g *= gain;
		}
		let along = sum(grad, input, |g, x| g * x) * inverse * inverse / input.len() as f32;
		for (g, x) in grad.iter_mut().zip(input) {
			*g = (*g - x * along) * inverse;
		}
	}
}

/// Returns 1 / (1 + e^-x).
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
	let power = exp(-x.abs());
	let of_magnitude = 1.0 / (1.0 + power);
	if x < 0.0 {
		power * of_magnitude
	} else {
		of_magnitude
	}
}

vectorised! {
	/// Computes `row = row * sigmoid(row) * factors`.
	fn silu_times(row: &mut [f32], factors: &[f32]) {
		for (x, factor) in row.iter_mut().zip(factors) {
			*x = *x * sigmoid(*x) * factor;
		}
	}
}

vectorised! {
	/// Turns gates and ups into their gradients, from that of `gate * sigmoid(gate) * up`.
	fn silu_back(grad: &[f32], gate: &mut [f32], up: &mut [f32]) {
		for ((gate, up), grad) in gate.iter_mut().zip(up).zip(grad) {
			let sigma = sigmoid(*gate);
			let value = *gate * sigma;
			*gate = grad * *up * (sigma + value * (1.0 - sigma));
			*up = grad * value;
		}
	}
}

vectorised! {
	/// Computes `row = max(row, 0)^2 * factors`.
	fn squared_relu_times(row: &mut [f32], factors: &[f32]) {
		for (x, factor) in row.iter_mut().zip(factors) {
			let positive = if *x > 0.0 { *x } else { 0.0 };
			*x = positive * positive * factor;
		}
	}
}

vectorised! {
	/// Turns gates and ups into their gradients, from that of `max(gate, 0)^2 * up`.
	fn squared_relu_back(grad: &[f32], gate: &mut [f32], up: &mut [f32]) {
		for ((gate, up), grad) in gate.iter_mut().zip(up).zip(grad) {
			let positive = if *gate > 0.0 { *gate } else { 0.0 };
			*gate = grad * *up * positive * 2.0;
			*up = grad * positive * positive;
		}
	}
}

vectorised! {
	/// Computes the softmax of a row, in place.
	fn softmax(row: &mut [f32]) {
		let max = largest(row, f32::MIN, |x| x);
		for x in row.iter_mut() {
			*x = exp(*x - max);
		}
		let inverse = 1.0 / sum(row, row, |x, _| x);
		for x in row {
			*x *= inverse;
		}
	}
}

vectorised! {
	/// Turns the gradient of a softmax's output into that of its input.
	fn softmax_back(grad: &mut [f32], output: &[f32]) {
		let along = sum(grad, output, |g, p| g * p);
		for (g, p) in grad.iter_mut().zip(output) {
			*g = (*g - along) * p;
		}
	}
}

vectorised! {
	/// Turns pairs by their angles, rounds to 1/127 of the largest entry, and multiplies by `factor`.
	///
	/// `cos` has each angle's cosine twice, `sin` its sine negative, then positive.
	fn rotate(row: &[f32], cos: &[f32], sin: &[f32], factor: f32, output: &mut [f32]) {
		let angles = cos.chunks_exact(2).zip(sin.chunks_exact(2));
		for ((y, x), (cos, sin)) in output.chunks_exact_mut(2).zip(row.chunks_exact(2)).zip(angles) {
			y[0] = x[0] * cos[0] + x[1] * sin[0];
			y[1] = x[1] * cos[1] + x[0] * sin[1];
		}
		to_steps(output, 127.0);
		for y in output {
			*y *= factor;
		}
	}
}

vectorised! {
	/// Turns pairs back, and multiplies by `factor`.
	fn rotate_back(row: &[f32], cos: &[f32], sin: &[f32], factor: f32, output: &mut [f32]) {
		let angles = cos.chunks_exact(2).zip(sin.chunks_exact(2));
		for ((y, x), (cos, sin)) in output.chunks_exact_mut(2).zip(row.chunks_exact(2)).zip(angles) {
			y[0] = (x[0] * cos[0] - x[1] * sin[0]) * factor;
			y[1] = (x[1] * cos[1] - x[0] * sin[1]) * factor;
		}
	}
}

vectorised! {
	/// Makes one step of AdamW.
	fn adamw(weights: &mut [f32], first: &mut [f32], second: &mut [f32], grad: &[f32], stride: Stride) {
		let Stride { betas: [beta1, beta2], shrink, rate, unbias, keep } = stride;
		let moments = first.iter_mut().zip(second);
		for ((w, (m, v)), g) in weights.iter_mut().zip(moments).zip(grad) {
			let g = g * shrink;
			*m = *m * beta1 + g * (1.0 - beta1);
			*v = *v * beta2 + g * g * (1.0 - beta2);
			*w = *w * keep - *m * rate / ((*v * unbias).sqrt() + 1e-8);
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn softmax_is_that_of_the_standard_library() {
		let mut row = (0..100).map(|i| (i * i % 97) as f32 * 0.3 - 20.0).collect::<Vec<_>>();
		row[7] = -1e9;
		let max = row.iter().fold(f32::MIN, |max, x| max.max(*x));
		let powers = row.iter().map(|x| f64::from(x - max).exp()).collect::<Vec<_>>();
		let total = powers.iter().sum::<f64>();
		softmax(&mut row);
		for (ours, power) in row.iter().zip(powers) {
			let expected = power / total;
			// e^x to 2e-7, a sum and a product; what is below 1e-30 counts as zero.
			assert!((f64::from(*ours) - expected).abs() <= 1e-6 * expected + 1e-30, "{ours} {expected}");
		}
	}

	#[test]
	fn rotate_back_undoes_a_rotation() {
		let angle = |i: usize| (i / 2) as f32 * 0.7;
		let cos = (0..8).map(|i| angle(i).cos()).collect::<Vec<_>>();
		let sin = (0..8).map(|i| if i % 2 == 0 { -angle(i).sin() } else { angle(i).sin() });
		let sin = sin.collect::<Vec<_>>();
		let row = [0.3f32, -1.0, 0.5, 0.25, 1.0, 0.0, -0.75, 0.1];
		let (mut turned, mut back) = ([0.0f32; 8], [0.0f32; 8]);
		rotate(&row, &cos, &sin, 2.0, &mut turned);
		rotate_back(&turned, &cos, &sin, 0.5, &mut back);
		for (x, y) in row.iter().zip(back) {
			// Half a step of 1/127 of the largest entry, in each of two entries.
			assert!((x - y).abs() < 1.5 / 127.0, "{x} {y}");
		}
	}
}
