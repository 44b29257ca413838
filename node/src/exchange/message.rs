//! Wire format of the blob exchange: one question, one answer.
//!
//! ```text
//! question  0 | hashes       which of these do you have?
//!           1 | hash | from u32 | len u32
//!                            these bytes of it, please
//!           2 | hashes       I have these now
//! answer    here u8 each | 0 to question 0: a byte a hash, 1 for "here"
//!           bytes | 1        to question 1
//!           2                I do not have it
//!           3                too much at once; later
//!           4                noted
//! ```
//!
//! Hashes come with their compact count, as SCALE writes them; all numbers are little endian. An answer ends with its
//! kind, so that a mebibyte needs not be moved by one byte on either side.

use codec::{Decode, DecodeAll, Encode};
use sp_core::H256;

/// Hashes in one question or offer.
pub const HASHES_MAX: usize = 256;
/// Bytes of a blob in one answer.
pub const RANGE_BYTES_MAX: u32 = 1 << 20;
/// Bytes of a question: its kind, the count of its hashes, and the hashes.
pub const REQUEST_BYTES_MAX: u64 = 1 + 4 + 32 * HASHES_MAX as u64;
/// Bytes of an answer: its kind and what it carries.
pub const RESPONSE_BYTES_MAX: u64 = 1 + RANGE_BYTES_MAX as u64;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Request {
	/// Which of these blobs do you have?
	#[codec(index = 0)]
	Have(Vec<H256>),
	/// Part of a blob.
	#[codec(index = 1)]
	Range {
		/// The blob.
		hash: H256,
		/// Its first byte.
		from: u32,
		/// Number of bytes.
		len: u32,
	},
	/// I have these blobs now.
	#[codec(index = 2)]
	Offer(Vec<H256>),
}

impl Request {
	/// Reads a question; `None` if it is none, or asks for too much.
	pub fn read(bytes: &[u8]) -> Option<Self> {
		if bytes.len() as u64 > REQUEST_BYTES_MAX {
			return None;
		}
		let request = Self::decode_all(&mut &bytes[..]).ok()?;
		let is_modest = match &request {
			Self::Have(hashes) | Self::Offer(hashes) => hashes.len() <= HASHES_MAX,
			Self::Range { from, len, .. } => {
				*len > 0 && *len <= RANGE_BYTES_MAX && from.checked_add(*len).is_some()
			}
		};
		is_modest.then_some(request)
	}
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
	/// For each hash, whether the blob is here.
	Have(Vec<bool>),
	/// The bytes.
	Bytes(Vec<u8>),
	/// The blob is not here.
	Missing,
	/// Too much at once.
	Busy,
	/// Noted.
	Noted,
}

impl Response {
	/// The answer as it goes over the wire.
	pub fn write(self) -> Vec<u8> {
		match self {
			Self::Have(here) => here.into_iter().map(u8::from).chain([0]).collect(),
			Self::Bytes(mut bytes) => {
				bytes.push(1);
				bytes
			}
			Self::Missing => vec![2],
			Self::Busy => vec![3],
			Self::Noted => vec![4],
		}
	}

	/// Reads an answer; `None` if it is none.
	pub fn read(mut bytes: Vec<u8>) -> Option<Self> {
		if bytes.len() as u64 > RESPONSE_BYTES_MAX {
			return None;
		}
		match (bytes.pop()?, bytes.len()) {
			(0, _) => {
				let here = bytes.iter().map(|byte| match byte {
					0 => Some(false),
					1 => Some(true),
					_ => None,
				});
				here.collect::<Option<_>>().map(Self::Have)
			}
			(1, _) => Some(Self::Bytes(bytes)),
			(2, 0) => Some(Self::Missing),
			(3, 0) => Some(Self::Busy),
			(4, 0) => Some(Self::Noted),
			_ => None,
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn questions_round_trip_and_fit_the_limits() {
		let hashes = vec![H256([7; 32]); HASHES_MAX];
		for request in [
			Request::Have(hashes.clone()),
			Request::Offer(vec![]),
			Request::Range { hash: H256([1; 32]), from: 5, len: RANGE_BYTES_MAX },
		] {
			let bytes = request.encode();
			assert!(bytes.len() as u64 <= REQUEST_BYTES_MAX);
			assert_eq!(Request::read(&bytes), Some(request));
		}
	}

	#[test]
	fn rejects_questions_for_too_much() {
		let hash = H256([1; 32]);
		for request in [
			Request::Have(vec![hash; HASHES_MAX + 1]),
			Request::Range { hash, from: 0, len: 0 },
			Request::Range { hash, from: 0, len: RANGE_BYTES_MAX + 1 },
			Request::Range { hash, from: u32::MAX, len: 1 },
		] {
			assert_eq!(Request::read(&request.encode()), None);
		}
		let longer = [Request::Have(vec![hash]).encode(), vec![0]].concat();
		assert_eq!(Request::read(&longer), None);
	}

	#[test]
	fn answers_round_trip_and_fit_the_limits() {
		for response in [
			Response::Have(vec![true, false, true]),
			Response::Bytes(vec![9; RANGE_BYTES_MAX as usize]),
			Response::Bytes(vec![]),
			Response::Missing,
			Response::Busy,
			Response::Noted,
		] {
			let bytes = response.clone().write();
			assert!(bytes.len() as u64 <= RESPONSE_BYTES_MAX);
			assert_eq!(Response::read(bytes), Some(response));
		}
		for wrong in [vec![], vec![2, 0], vec![0, 2], vec![5], vec![1; RESPONSE_BYTES_MAX as usize + 1]] {
			assert_eq!(Response::read(wrong), None);
		}
	}

	proptest! {
		#[test]
		fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
			let _ = Request::read(&bytes);
			let _ = Response::read(bytes);
		}
	}
}
