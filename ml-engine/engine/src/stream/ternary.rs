//! Codes of ternary weights in base 3: five to a byte, 1.6 bits each instead of 2.
//!
//! Five bytes of four codes are twenty codes, and those are four bytes of five. Weights that are
//! equally frequent leave a general compressor no more than that, and a table takes these apart. Five bytes that
//! hold something else (a 3, which is no weight; so gains and scales) stand as they are behind all others:
//!
//! ```text
//! four bytes for every five | what does not fill five bytes | index u16, five bytes: as often as needed
//! ```

use blyan_exact::block::holds_no_weight;

/// Bytes of codes that become [`PACKED_BYTES`].
const CODE_BYTES: usize = 5;
/// Bytes in base 3.
const PACKED_BYTES: usize = 4;
const CODES_OF_BYTE: usize = 5;

/// The codes of each byte, two bits each. Bytes from 3^5 on stand for nothing; whatever they become is not what a leaf
/// was made of.
const TABLE: [u64; 256] = {
	let mut table = [0; 256];
	let mut byte = 0;
	while byte < 256 {
		let (mut rest, mut code) = (byte as u64, 0);
		while code < CODES_OF_BYTE {
			table[byte] |= (rest % 3) << (2 * code);
			rest /= 3;
			code += 1;
		}
		byte += 1;
	}
	table
};

/// Bytes of an exception.
const EXCEPTION_BYTES: usize = 2 + CODE_BYTES;

/// Reports whether so many bytes in base 3 may stand for `len` bytes of codes.
pub fn is_length_of(packed: usize, len: usize) -> bool {
	packed.checked_sub(packed_len(len)).is_some_and(|exceptions| exceptions.is_multiple_of(EXCEPTION_BYTES))
}

/// Length of so many bytes of codes in base 3 without exceptions.
fn packed_len(len: usize) -> usize {
	len / CODE_BYTES * PACKED_BYTES + len % CODE_BYTES
}

/// Codes in base 3: at most 2^16 bytes, of which most had better be weights.
pub fn pack(codes: &[u8]) -> Vec<u8> {
	let (fives, rest) = codes.as_chunks::<CODE_BYTES>();
	let mut out = Vec::with_capacity(packed_len(codes.len()));
	let mut exceptions = Vec::new();
	for (index, five) in fives.iter().enumerate() {
		if five.iter().any(|&byte| holds_no_weight(byte)) {
			// There are at most 13,107 groups in a tile.
			exceptions.extend_from_slice(&(index as u16).to_le_bytes());
			exceptions.extend_from_slice(five);
			out.extend_from_slice(&[0; PACKED_BYTES]);
			continue;
		}
		let mut bits = five.iter().rev().fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
		for _ in 0..PACKED_BYTES {
			let codes = (0..CODES_OF_BYTE).rev().map(|code| (bits >> (2 * code) & 3) as u8);
			out.push(codes.fold(0, |byte, code| 3 * byte + code));
			bits >>= 2 * CODES_OF_BYTE;
		}
	}
	out.extend_from_slice(rest);
	out.append(&mut exceptions);
	out
}

/// The codes that were packed; says whether `packed` has the form that it must have.
pub fn unpack(packed: &[u8], codes: &mut [u8]) -> bool {
	let len = codes.len();
	if !is_length_of(packed.len(), len) {
		return false;
	}
	let (packed, exceptions) = packed.split_at(packed_len(len));
	let (fives, rest) = codes.as_chunks_mut::<CODE_BYTES>();
	let (fours, rest_packed) = packed.split_at(fives.len() * PACKED_BYTES);
	for (five, four) in fives.iter_mut().zip(fours.as_chunks::<PACKED_BYTES>().0) {
		let [a, b, c, d] = four.map(|byte| TABLE[usize::from(byte)]);
		let bits = a | b << 10 | c << 20 | d << 30;
		five.copy_from_slice(&bits.to_le_bytes()[..CODE_BYTES]);
	}
	rest.copy_from_slice(rest_packed);
	exceptions.as_chunks::<EXCEPTION_BYTES>().0.iter().all(|exception| {
		let (index, bytes) = exception.split_at(2);
		let five = fives.get_mut(usize::from(u16::from_le_bytes([index[0], index[1]])));
		five.is_some_and(|five| {
			five.copy_from_slice(bytes);
			true
		})
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	proptest! {
		#[test]
		fn round_trip(
			codes in prop::collection::vec(prop::sample::select(vec![0_u8, 1, 2]), 0..400),
			others in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..9),
		) {
			let mut bytes: Vec<u8> =
				codes.as_chunks::<4>().0.iter().map(|four| four.iter().rev().fold(0, |b, c| b << 2 | c)).collect();
			let weights = pack(&bytes);
			prop_assert_eq!(weights.len(), packed_len(bytes.len()));
			let len = bytes.len();
			for (place, other) in others.iter().filter(|_| len != 0) {
				let at = place.index(len);
				bytes[at] = *other;
			}
			let packed = pack(&bytes);
			prop_assert!(is_length_of(packed.len(), bytes.len()));
			let mut unpacked = vec![0xff; bytes.len()];
			prop_assert!(unpack(&packed, &mut unpacked));
			prop_assert_eq!(unpacked, bytes);
		}

		#[test]
		fn never_panics_on_arbitrary_bytes(packed in prop::collection::vec(any::<u8>(), 60..200)) {
			unpack(&packed, &mut [0; 100]);
		}
	}

	#[test]
	fn rejects_an_exception_that_has_no_place() {
		let mut packed = pack(&[0, 0, 0b1100, 0, 0]);
		assert_eq!(packed.len(), PACKED_BYTES + EXCEPTION_BYTES);
		packed[PACKED_BYTES] = 1;
		assert!(!unpack(&packed, &mut [0; 5]));
		assert!(!unpack(&packed[1..], &mut [0; 5]));
	}
}
