//! Blake2b-256 of many messages at once, one message a lane.
//!
//! A trace hashes tens of kilobytes for every byte of text, in pieces of a few hundred bytes: one at a time they would
//! take longer than the network itself. With AVX-512 eight messages go through the compression function
//! together, written here; elsewhere `blake2b_simd` takes as many as the processor has lanes for.

use super::Kernel;
#[cfg(target_arch = "x86_64")]
use super::Path;
use blake2b_simd::{
	many::{hash_many, update_many, HashManyJob},
	Params, State,
};
use blyan_exact::Hash;

/// Messages whose states are in memory at a time: a few kilobytes, which stay in the first cache.
const JOBS: usize = 32;
/// Bytes of the longest message of [`hash_numbered`]: half a block.
const NUMBERED_BYTES: usize = 64;

/// Appends the digest of every message, in order. Fastest if neighbours are equally long.
pub fn hash_all(kernel: Kernel, messages: &[&[u8]], digests: &mut Vec<Hash>) {
	match kernel.0 {
		#[cfg(target_arch = "x86_64")]
		Path::Avx512Vnni => {
			digests.reserve(messages.len());
			for group in messages.chunks(avx512::LANES) {
				// Lanes without a message repeat the first one; their results are ignored.
				let lanes = std::array::from_fn(|lane| *group.get(lane).unwrap_or(&group[0]));
				// SAFETY: a kernel of this kind exists only where its instructions were detected.
				let hashed = unsafe { avx512::hash::<0>(lanes) };
				digests.extend_from_slice(&hashed[..group.len()]);
			}
		}
		_ => {
			let params = params();
			digests.reserve(messages.len());
			let mut jobs: Vec<HashManyJob<'_>> = Vec::with_capacity(JOBS.min(messages.len()));
			for messages in messages.chunks(JOBS) {
				jobs.clear();
				jobs.extend(messages.iter().map(|message| HashManyJob::new(&params, message)));
				hash_many(&mut jobs);
				digests.extend(jobs.iter().map(|job| digest(job.to_hash())));
			}
		}
	}
}

/// Hashes leaves of a Merkle tree as [`hash_all`] does ([`blyan_exact::merkle::leaf`]), whose bytes stay where they
/// lie.
pub fn hash_leaves(kernel: Kernel, leaves: &[&[u8]], digests: &mut Vec<Hash>) {
	match kernel.0 {
		#[cfg(target_arch = "x86_64")]
		Path::Avx512Vnni => {
			digests.reserve(leaves.len());
			for group in leaves.chunks(avx512::LANES) {
				let lanes = std::array::from_fn(|lane| *group.get(lane).unwrap_or(&group[0]));
				// SAFETY: as above.
				let hashed = unsafe { avx512::hash::<1>(lanes) };
				digests.extend_from_slice(&hashed[..group.len()]);
			}
		}
		_ => {
			let params = params();
			let mut states: Vec<State> = leaves.iter().map(|_| params.to_state()).collect();
			for state in &mut states {
				state.update(&[0]);
			}
			update_many(states.iter_mut().zip(leaves));
			digests.extend(states.iter().map(|state| digest(state.finalize())));
		}
	}
}

/// Appends the digest of `prefix ‖ number` for every number, as words in their order; a number is four bytes, little-endian.
///
/// The prefix is shorter than 61 bytes: all of a message lies in half a block, and most of it is the same in every lane.
pub fn hash_numbered(kernel: Kernel, prefix: &[u8], numbers: &[u32], digests: &mut Vec<[u64; 4]>) {
	assert!(prefix.len() <= NUMBERED_BYTES - size_of::<u32>(), "a message of half a block");
	digests.reserve(numbers.len());
	match kernel.0 {
		#[cfg(target_arch = "x86_64")]
		Path::Avx512Vnni => {
			// SAFETY: as above.
			unsafe { avx512::hash_numbered(prefix, numbers, digests) }
		}
		_ => {
			let len = prefix.len() + size_of::<u32>();
			let (mut messages, mut hashes) = ([[0; NUMBERED_BYTES]; JOBS], Vec::with_capacity(JOBS));
			messages.iter_mut().for_each(|message| message[..prefix.len()].copy_from_slice(prefix));
			for numbers in numbers.chunks(JOBS) {
				for (message, number) in messages.iter_mut().zip(numbers) {
					message[prefix.len()..len].copy_from_slice(&number.to_le_bytes());
				}
				let views = messages.each_ref().map(|message| &message[..len]);
				hashes.clear();
				hash_all(kernel, &views[..numbers.len()], &mut hashes);
				digests.extend(hashes.iter().map(words));
			}
		}
	}
}

/// Returns a digest as words.
fn words(digest: &Hash) -> [u64; 4] {
	std::array::from_fn(|index| {
		let mut word = [0; 8];
		word.copy_from_slice(&digest[8 * index..8 * (index + 1)]);
		u64::from_le_bytes(word)
	})
}

fn params() -> Params {
	let mut params = Params::new();
	params.hash_length(size_of::<Hash>());
	params
}

fn digest(hash: blake2b_simd::Hash) -> Hash {
	let mut digest = [0; 32];
	digest.copy_from_slice(hash.as_bytes());
	digest
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
	use blyan_exact::Hash;
	use std::arch::x86_64::*;

	/// Messages at once.
	pub const LANES: usize = 8;
	/// Bytes of a message that one compression takes in.
	const BLOCK_BYTES: usize = 128;
	const IV: [u64; 8] = [
		0x6a09_e667_f3bc_c908,
		0xbb67_ae85_84ca_a73b,
		0x3c6e_f372_fe94_f82b,
		0xa54f_f53a_5f1d_36f1,
		0x510e_527f_ade6_82d1,
		0x9b05_688c_2b3e_6c1f,
		0x1f83_d9ab_fb41_bd6b,
		0x5be0_cd19_137e_2179,
	];
	/// Digest of 32 bytes, no key, no tree.
	const PARAMETERS: u64 = 0x0101_0020;

	type Vector = __m512i;
	type Words = [u64; LANES];

	fn splat(word: u64) -> Vector {
		from_words([word; LANES])
	}

	fn from_words(words: Words) -> Vector {
		// SAFETY: both are 64 bytes of plain integers.
		unsafe { std::mem::transmute(words) }
	}

	fn to_words(vector: Vector) -> Words {
		// SAFETY: as above.
		unsafe { std::mem::transmute(vector) }
	}

	/// Digests of eight messages, each behind `ZEROS` bytes of zero, less than a block.
	///
	/// # Safety
	/// The processor has AVX-512 F.
	#[target_feature(enable = "avx512f")]
	pub unsafe fn hash<const ZEROS: usize>(messages: [&[u8]; LANES]) -> [Hash; LANES] {
		let blocks = messages.map(|message| (ZEROS + message.len()).div_ceil(BLOCK_BYTES).max(1));
		let mut state = IV.map(splat);
		state[0] = splat(IV[0] ^ PARAMETERS);
		let mut tails = [[0; BLOCK_BYTES]; LANES];
		let mut digests = [[0; 32]; LANES];
		for block in 0..blocks.into_iter().max().unwrap_or(0) {
			let start = block * BLOCK_BYTES;
			let (mut counts, mut last) = ([0; LANES], [0; LANES]);
			let mut lanes = [std::ptr::null(); LANES];
			for (lane, message) in messages.iter().enumerate() {
				// The first block begins with the zeros; all later ones lie in the message, `ZEROS` bytes early.
				let zeros = if block == 0 { ZEROS } else { 0 };
				// A lane that has ended goes on with zeros: its digest has been taken.
				let rest = message.get(start.saturating_sub(ZEROS)..).unwrap_or(&[]);
				lanes[lane] = if zeros == 0 && rest.len() >= BLOCK_BYTES {
					rest.as_ptr()
				} else {
					let kept = rest.len().min(BLOCK_BYTES - zeros);
					tails[lane] = [0; BLOCK_BYTES];
					tails[lane][zeros..zeros + kept].copy_from_slice(&rest[..kept]);
					tails[lane].as_ptr()
				};
				counts[lane] = (start + BLOCK_BYTES).min(ZEROS + message.len()) as u64;
				last[lane] = if block + 1 == blocks[lane] { u64::MAX } else { 0 };
			}
			// SAFETY: every pointer has a whole block behind it, and the instructions are this function's own.
			unsafe {
				let (low, high) = load(lanes);
				compress(&mut state, low, high, from_words(counts), from_words(last));
			}
			if last.iter().any(|&is_last| is_last != 0) {
				let words: [Words; 4] = std::array::from_fn(|i| to_words(state[i]));
				for (lane, digest) in digests.iter_mut().enumerate().filter(|(lane, _)| last[*lane] != 0) {
					for (bytes, word) in digest.chunks_exact_mut(8).zip(&words) {
						bytes.copy_from_slice(&word[lane].to_le_bytes());
					}
				}
			}
		}
		digests
	}

	/// Appends the digests of a prefix with each number behind it, all within 64 bytes.
	///
	/// # Safety
	/// The processor has AVX-512 F.
	#[target_feature(enable = "avx512f")]
	pub unsafe fn hash_numbered(prefix: &[u8], numbers: &[u32], digests: &mut Vec<[u64; 4]>) {
		let mut bytes = [0; BLOCK_BYTES / 2];
		bytes[..prefix.len()].copy_from_slice(prefix);
		let mut template = [splat(0); 8];
		for (word, bytes) in template.iter_mut().zip(bytes.chunks_exact(8)) {
			*word = splat(bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)));
		}
		let (place, bits) = (prefix.len() / 8, 8 * (prefix.len() as u64 % 8));
		let count = splat((prefix.len() + size_of::<u32>()) as u64);
		for group in numbers.chunks(LANES) {
			let mut lanes = [0; LANES];
			lanes.iter_mut().zip(group).for_each(|(lane, number)| *lane = u64::from(*number));
			// A number may begin in one word and end in the next. A shift by 64 leaves nothing.
			let number = from_words(lanes);
			let begin = _mm512_sllv_epi64(number, splat(bits));
			let end = _mm512_srlv_epi64(number, splat(64 - bits));
			let mut low = template;
			for (index, word) in low.iter_mut().enumerate() {
				if index == place {
					*word = _mm512_or_si512(*word, begin);
				} else if index == place + 1 {
					*word = _mm512_or_si512(*word, end);
				}
			}
			let mut state = IV.map(splat);
			state[0] = splat(IV[0] ^ PARAMETERS);
			// SAFETY: as this function's.
			unsafe { compress(&mut state, low, [splat(0); 8], count, splat(u64::MAX)) };
			let words = [to_words(state[0]), to_words(state[1]), to_words(state[2]), to_words(state[3])];
			digests.extend((0..group.len()).map(|lane| words.map(|word| word[lane])));
		}
	}

	/// Transposes rows of eight words to columns.
	///
	/// # Safety
	/// The processor has AVX-512 F.
	#[target_feature(enable = "avx512f")]
	#[inline]
	unsafe fn transpose(r: [Vector; LANES]) -> [Vector; LANES] {
		/// Halves 0 and 2, or 1 and 3, of either operand.
		const EVEN: i32 = 0x88;
		const ODD: i32 = 0xdd;
		let low = [
			_mm512_unpacklo_epi64(r[0], r[1]),
			_mm512_unpacklo_epi64(r[2], r[3]),
			_mm512_unpacklo_epi64(r[4], r[5]),
			_mm512_unpacklo_epi64(r[6], r[7]),
		];
		let high = [
			_mm512_unpackhi_epi64(r[0], r[1]),
			_mm512_unpackhi_epi64(r[2], r[3]),
			_mm512_unpackhi_epi64(r[4], r[5]),
			_mm512_unpackhi_epi64(r[6], r[7]),
		];
		let columns = |t: [Vector; 4]| {
			let (a, b) = (_mm512_shuffle_i64x2::<EVEN>(t[0], t[1]), _mm512_shuffle_i64x2::<EVEN>(t[2], t[3]));
			let (c, d) = (_mm512_shuffle_i64x2::<ODD>(t[0], t[1]), _mm512_shuffle_i64x2::<ODD>(t[2], t[3]));
			[
				_mm512_shuffle_i64x2::<EVEN>(a, b),
				_mm512_shuffle_i64x2::<EVEN>(c, d),
				_mm512_shuffle_i64x2::<ODD>(a, b),
				_mm512_shuffle_i64x2::<ODD>(c, d),
			]
		};
		let ([a, c, e, g], [b, d, f, h]) = (columns(low), columns(high));
		[a, b, c, d, e, f, g, h]
	}

	macro_rules! mix {
		($v:ident, $a:literal, $b:literal, $c:literal, $d:literal, $x:expr, $y:expr) => {
			$v[$a] = _mm512_add_epi64(_mm512_add_epi64($v[$a], $v[$b]), $x);
			$v[$d] = _mm512_ror_epi64::<32>(_mm512_xor_si512($v[$d], $v[$a]));
			$v[$c] = _mm512_add_epi64($v[$c], $v[$d]);
			$v[$b] = _mm512_ror_epi64::<24>(_mm512_xor_si512($v[$b], $v[$c]));
			$v[$a] = _mm512_add_epi64(_mm512_add_epi64($v[$a], $v[$b]), $y);
			$v[$d] = _mm512_ror_epi64::<16>(_mm512_xor_si512($v[$d], $v[$a]));
			$v[$c] = _mm512_add_epi64($v[$c], $v[$d]);
			$v[$b] = _mm512_ror_epi64::<63>(_mm512_xor_si512($v[$b], $v[$c]));
		};
	}

	macro_rules! round {
		($v:ident, $m:ident, $s0:literal, $s1:literal, $s2:literal, $s3:literal, $s4:literal, $s5:literal, $s6:literal,
			$s7:literal, $s8:literal, $s9:literal, $s10:literal, $s11:literal, $s12:literal, $s13:literal, $s14:literal,
			$s15:literal) => {
			mix!($v, 0, 4, 8, 12, $m[$s0], $m[$s1]);
			mix!($v, 1, 5, 9, 13, $m[$s2], $m[$s3]);
			mix!($v, 2, 6, 10, 14, $m[$s4], $m[$s5]);
			mix!($v, 3, 7, 11, 15, $m[$s6], $m[$s7]);
			mix!($v, 0, 5, 10, 15, $m[$s8], $m[$s9]);
			mix!($v, 1, 6, 11, 12, $m[$s10], $m[$s11]);
			mix!($v, 2, 7, 8, 13, $m[$s12], $m[$s13]);
			mix!($v, 3, 4, 9, 14, $m[$s14], $m[$s15]);
		};
	}

	/// Reads a block of every lane: the words of its halves.
	///
	/// # Safety
	/// The processor has AVX-512 F; every pointer has [`BLOCK_BYTES`] readable bytes behind it.
	#[target_feature(enable = "avx512f")]
	#[inline]
	unsafe fn load(lanes: [*const u8; LANES]) -> ([Vector; 8], [Vector; 8]) {
		let (mut low, mut high) = ([splat(0); LANES], [splat(0); LANES]);
		for (lane, block) in lanes.into_iter().enumerate() {
			// SAFETY: a block is twice 64 bytes.
			(low[lane], high[lane]) =
				unsafe { (_mm512_loadu_si512(block.cast()), _mm512_loadu_si512(block.add(64).cast())) };
		}
		// SAFETY: as this function's.
		unsafe { (transpose(low), transpose(high)) }
	}

	/// Runs the compression function of RFC 7693 in every lane.
	///
	/// # Safety
	/// The processor has AVX-512 F.
	#[target_feature(enable = "avx512f")]
	#[inline]
	unsafe fn compress(
		state: &mut [Vector; 8],
		low: [Vector; 8],
		high: [Vector; 8],
		counts: Vector,
		last: Vector,
	) {
		let mut m = [splat(0); 16];
		m[..8].copy_from_slice(&low);
		m[8..].copy_from_slice(&high);
		let mut v = [splat(0); 16];
		v[..8].copy_from_slice(state);
		for (word, &iv) in v[8..].iter_mut().zip(&IV) {
			*word = splat(iv);
		}
		v[12] = _mm512_xor_si512(v[12], counts);
		v[14] = _mm512_xor_si512(v[14], last);
		round!(v, m, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
		round!(v, m, 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
		round!(v, m, 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);
		round!(v, m, 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);
		round!(v, m, 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);
		round!(v, m, 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);
		round!(v, m, 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);
		round!(v, m, 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);
		round!(v, m, 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);
		round!(v, m, 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);
		round!(v, m, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
		round!(v, m, 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
		for (i, word) in state.iter_mut().enumerate() {
			*word = _mm512_xor_si512(*word, _mm512_xor_si512(v[i], v[i + 8]));
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	proptest! {
		#![proptest_config(ProptestConfig::with_cases(64))]

		#[test]
		fn many_messages_hash_as_each_alone(lengths in prop::collection::vec(0_usize..=700, 0..40), equal: bool, seed: u8) {
			let bytes: Vec<u8> = (0..700_usize).map(|i| (i * 131 + usize::from(seed)) as u8).collect();
			let messages: Vec<&[u8]> = lengths
				.iter()
				.enumerate()
				.map(|(i, &len)| {
					let len = if equal { lengths[0] } else { len };
					&bytes[i.min(700 - len)..][..len]
				})
				.collect();
			let expected: Vec<Hash> = messages.iter().map(|message| blyan_exact::blake2_256(&[message])).collect();
			let leaves: Vec<Hash> = messages.iter().map(|message| blyan_exact::merkle::leaf(message)).collect();
			for kernel in Kernel::available() {
				let mut digests = Vec::new();
				hash_all(kernel, &messages, &mut digests);
				prop_assert_eq!(&digests, &expected, "{}", kernel);
				digests.clear();
				hash_leaves(kernel, &messages, &mut digests);
				prop_assert_eq!(&digests, &leaves, "{}", kernel);
			}
		}
	}

	proptest! {
		#[test]
		fn numbered_messages_hash_as_each_alone(
			prefix in prop::collection::vec(any::<u8>(), 0..=60), numbers in prop::collection::vec(any::<u32>(), 0..40),
		) {
			let hash = |number: &u32| words(&blyan_exact::blake2_256(&[&prefix, &number.to_le_bytes()]));
			let expected: Vec<[u64; 4]> = numbers.iter().map(hash).collect();
			for kernel in Kernel::available() {
				let mut digests = Vec::new();
				hash_numbered(kernel, &prefix, &numbers, &mut digests);
				prop_assert_eq!(&digests, &expected, "{}", kernel);
			}
		}
	}

	#[test]
	fn whole_blocks_hash_like_any_other_message() {
		let bytes = [7; 513];
		let messages: Vec<&[u8]> =
			[0, 1, 127, 128, 129, 256, 512, 513].iter().map(|&len| &bytes[..len]).collect();
		for kernel in Kernel::available() {
			let mut digests = Vec::new();
			hash_all(kernel, &messages, &mut digests);
			for (message, digest) in messages.iter().zip(digests) {
				assert_eq!(digest, blyan_exact::blake2_256(&[message]), "{kernel}: {} bytes", message.len());
			}
			let mut digests = Vec::new();
			hash_leaves(kernel, &messages, &mut digests);
			for (message, digest) in messages.iter().zip(digests) {
				assert_eq!(
					digest,
					blyan_exact::merkle::leaf(message),
					"{kernel}: a leaf of {}",
					message.len()
				);
			}
		}
	}
}
