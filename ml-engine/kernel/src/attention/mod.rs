//! Attention of one head: consecutive queries over the positions that each of them sees.

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
pub(crate) mod exponential;
mod layout;
mod products;
mod quantise;
mod scores;

pub use layout::{
	key_index, keys_len, put_key, put_values, value_index, HeadCache, Queries, ENTRIES, POSITIONS,
};
pub use products::{key_products, weighted_values};
pub use quantise::{quantise_any_head, quantise_head, quantise_values};
pub use scores::{normalise, probabilities, scores, QueryFactor};

use super::Kernel;
#[cfg(target_arch = "x86_64")]
use super::Path;

/// Computes one head of consecutive queries over the positions that each of them sees.
///
/// # Shapes
/// `out: [queries, head_size]`, a row every `width` entries.
pub fn attend(
	kernel: Kernel,
	queries: Queries<'_>,
	past: HeadCache<'_>,
	scratch: &mut Vec<i32>,
	out: &mut [i32],
	width: usize,
) {
	if queries.maxima.is_empty() {
		return;
	}
	#[cfg(target_arch = "x86_64")]
	if attend_at_once(kernel, queries, past, scratch, out, width) {
		return;
	}
	let size = queries.head_size();
	for (n, (query, &maximum)) in queries.entries.chunks_exact(size).zip(queries.maxima).enumerate() {
		let len = queries.first + n;
		let factor = QueryFactor::new(maximum, size);
		scratch.resize(len.next_multiple_of(POSITIONS), 0);
		key_products(kernel, query, past.keys, past.stride, len, scratch);
		let scratch = &mut scratch[..len];
		let largest = scores(kernel, scratch, &past.maxima[..len], factor);
		let total = probabilities(kernel, scratch, largest);
		let out = &mut out[n * width..n * width + size];
		weighted_values(kernel, scratch, past.values, out);
		normalise(kernel, out, total);
	}
}

/// Runs all steps of [`attend`] in one pass, if this kernel has one for heads of this size; returns whether it has.
#[cfg(target_arch = "x86_64")]
fn attend_at_once(
	kernel: Kernel,
	queries: Queries<'_>,
	past: HeadCache<'_>,
	scratch: &mut Vec<i32>,
	out: &mut [i32],
	width: usize,
) -> bool {
	let size = queries.head_size();
	match kernel.0 {
		Path::Avx512Vnni if size.is_multiple_of(16) && size <= avx512::HEAD_SIZE_MAX => {
			let padded = queries.positions().next_multiple_of(POSITIONS);
			scratch.resize(avx512::QUERIES * padded, 0);
			assert!(padded <= past.stride && past.maxima.len() >= padded);
			assert!(past.keys.len() >= size * past.stride && past.values.len() >= size * padded);
			assert!(queries.entries.len() == size * queries.maxima.len());
			assert!(out.len() >= (queries.maxima.len() - 1) * width + size);
			// SAFETY: a kernel of this kind exists only where its instructions were detected; lengths were checked.
			unsafe { avx512::attend(queries, past, scratch, out, width) };
			true
		}
		_ => false,
	}
}
