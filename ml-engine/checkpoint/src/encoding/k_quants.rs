//! K-quants of GGUF: groups of 256 with scales that are quantised themselves.

use super::f16_at;

/// Elements of a group.
pub const GROUP: usize = 256;
/// Bytes of a group of Q4_K: scale, minimum, 12 bytes of scales, 128 of codes.
pub const Q4_BYTES: usize = 144;
/// Bytes of a group of Q5_K: Q4_K's, and 32 of highest bits.
pub const Q5_BYTES: usize = 176;
/// Bytes of a group of Q6_K: 128 of low bits, 64 of high bits, 16 scales, a scale of these.
pub const Q6_BYTES: usize = 210;

/// Decodes a group of Q4_K.
pub fn decode_q4(bytes: &[u8], out: &mut [f32]) {
	let (scale, minimum, scales) = (f16_at(bytes, 0), f16_at(bytes, 2), &bytes[4..16]);
	let codes = bytes[16..].chunks_exact(32);
	for (pair, (codes, out)) in codes.zip(out.chunks_exact_mut(64)).enumerate() {
		let (low, high) = out.split_at_mut(32);
		let (s, m) = scale_and_minimum(scales, 2 * pair);
		let (d, least) = (scale * f32::from(s), minimum * f32::from(m));
		low.iter_mut().zip(codes).for_each(|(o, code)| *o = d * f32::from(code & 15) - least);
		let (s, m) = scale_and_minimum(scales, 2 * pair + 1);
		let (d, least) = (scale * f32::from(s), minimum * f32::from(m));
		high.iter_mut().zip(codes).for_each(|(o, code)| *o = d * f32::from(code >> 4) - least);
	}
}

/// Decodes a group of Q5_K.
pub fn decode_q5(bytes: &[u8], out: &mut [f32]) {
	let (scale, minimum, scales) = (f16_at(bytes, 0), f16_at(bytes, 2), &bytes[4..16]);
	let (highest, codes) = (&bytes[16..48], bytes[48..].chunks_exact(32));
	for (pair, (codes, out)) in codes.zip(out.chunks_exact_mut(64)).enumerate() {
		let (low, high) = out.split_at_mut(32);
		let code = |nibble: u8, at: usize, sub: usize| f32::from(nibble | (highest[at] >> sub & 1) << 4);
		let (s, m) = scale_and_minimum(scales, 2 * pair);
		let (d, least) = (scale * f32::from(s), minimum * f32::from(m));
		for (at, o) in low.iter_mut().enumerate() {
			*o = d * code(codes[at] & 15, at, 2 * pair) - least;
		}
		let (s, m) = scale_and_minimum(scales, 2 * pair + 1);
		let (d, least) = (scale * f32::from(s), minimum * f32::from(m));
		for (at, o) in high.iter_mut().enumerate() {
			*o = d * code(codes[at] >> 4, at, 2 * pair + 1) - least;
		}
	}
}

/// Decodes a group of Q6_K.
pub fn decode_q6(bytes: &[u8], out: &mut [f32]) {
	let scale = f16_at(bytes, 208);
	let halves = bytes[..128].chunks_exact(64).zip(bytes[128..192].chunks_exact(32));
	let scaled = bytes[192..208].chunks_exact(8).zip(out.chunks_exact_mut(128));
	for ((low, high), (scales, out)) in halves.zip(scaled) {
		for (at, o) in out.iter_mut().enumerate() {
			// Four quarters of 32: the first two in the low nibbles, the others in the high ones.
			let (quarter, column) = (at / 32, at % 32);
			let byte = low[column + 32 * (quarter % 2)];
			let nibble = if quarter < 2 { byte & 15 } else { byte >> 4 };
			let code = (nibble | (high[column] >> (2 * quarter) & 3) << 4) as i8 - 32;
			*o = scale * f32::from(scales[at / 16] as i8) * f32::from(code);
		}
	}
}

/// Scale and minimum of a sub-group of 32, six bits each in 12 bytes.
fn scale_and_minimum(scales: &[u8], sub: usize) -> (u8, u8) {
	if sub < 4 {
		return (scales[sub] & 63, scales[sub + 4] & 63);
	}
	let scale = scales[sub + 4] & 15 | (scales[sub - 4] >> 6) << 4;
	let minimum = scales[sub + 4] >> 4 | (scales[sub] >> 6) << 4;
	(scale, minimum)
}
