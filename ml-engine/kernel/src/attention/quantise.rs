//! Quantisation of queries, keys and values, head by head.

#[cfg(target_arch = "x86_64")]
use crate::{norm, Path};
use crate::{versions, Kernel};

/// Computes [`blyan_exact::attention::quantise_head`] of a head of at most 64 entries, at most 2^22 in magnitude.
pub fn quantise_head(kernel: Kernel, head: &[i32], out: &mut [i8]) -> i32 {
	assert_eq!(head.len(), out.len(), "a head has as many entries before as after");
	#[cfg(target_arch = "x86_64")]
	if kernel.0 == Path::Avx512Vnni {
		// SAFETY: a kernel of this kind exists only where its instructions were detected; both are of that length.
		unsafe {
			match head.len() {
				16 => return norm::quantise_head::<1>(head, out),
				32 => return norm::quantise_head::<2>(head, out),
				48 => return norm::quantise_head::<3>(head, out),
				64 => return norm::quantise_head::<4>(head, out),
				_ => {}
			}
		}
	}
	quantise_any_head(kernel, head, out)
}

versions! {
	/// Computes [`quantise_head`] with the division of `crate::activations::quantise`.
	pub fn quantise_any_head(head: &[i32], out: &mut [i8]) -> i32 {
		let mut largest = 0;
		for &x in head {
			largest = largest.max(x.abs());
		}
		if largest == 0 {
			out.fill(0);
			return 0;
		}
		let reciprocal = ((1_u64 << 55) / (2 * largest as u64) + 1) as i64;
		for (q, &x) in out.iter_mut().zip(head) {
			let sign = x >> 31;
			let magnitude = i64::from((x ^ sign) - sign);
			let quotient = ((254 * magnitude + i64::from(largest)) * reciprocal) >> 55;
			*q = ((quotient as i32 ^ sign) - sign) as i8;
		}
		largest
	}
}

versions! {
	/// Computes [`blyan_exact::attention::quantise_value`] over a row.
	pub fn quantise_values(row: &[i32], out: &mut [i8]) {
		for (q, &v) in out.iter_mut().zip(row) {
			let sign = v >> 31;
			let magnitude = ((v ^ sign) - sign + 64) >> 7;
			*q = ((magnitude.min(127) ^ sign) - sign) as i8;
		}
	}
}
