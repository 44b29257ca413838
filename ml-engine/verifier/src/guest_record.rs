//! Records and results as the host reads and writes them, little endian.
//!
//! ```text
//! record  seed u64 | tokens_max u64 | temperature u16 | top_p u16 | end u8 | has_stops u8 | 0 (2 bytes) |
//!         prompt u32 | answer u32 | ends u32, their numbers of ids, then the ids, u32 each
//! result  0 | index u32 | expected u32 | found u32          a token
//!         1 | tokens u32 | expected u32 | found u32         the end; tokens and expected are 2^32 - 1 where it goes on
//!         each field has 4 bytes
//! ```

use crate::{
	check::Difference,
	record::{AnswerRecord, End},
};
use alloc::vec::Vec;
use blyan_exact::Sampling;

/// Takes fields off the front of a record.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
	fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
		let (field, rest) = self.0.split_first_chunk()?;
		self.0 = rest;
		Some(*field)
	}

	fn u32(&mut self) -> Option<u32> {
		self.take().map(u32::from_le_bytes)
	}

	fn ids(&mut self, count: u32) -> Option<Vec<u32>> {
		let bytes = (count as usize).checked_mul(4)?;
		let (ids, rest) = self.0.split_at_checked(bytes)?;
		self.0 = rest;
		Some(ids.as_chunks().0.iter().map(|id| u32::from_le_bytes(*id)).collect())
	}
}

/// Reads a record; `None` if it is malformed, or has bytes behind it.
pub fn read(bytes: &[u8]) -> Option<AnswerRecord> {
	let mut fields = Fields(bytes);
	let seed = fields.take().map(u64::from_le_bytes)?;
	let tokens_max = fields.take().map(u64::from_le_bytes)?;
	let temperature = fields.take().map(u16::from_le_bytes)?;
	let top_p = fields.take().map(u16::from_le_bytes)?;
	let [end, has_stops, 0, 0] = fields.take()? else { return None };
	let (prompt, answer, ends) = (fields.u32()?, fields.u32()?, fields.u32()?);
	let (prompt, answer, ends) = (fields.ids(prompt)?, fields.ids(answer)?, fields.ids(ends)?);
	let sampling = Sampling { temperature, top_p, seed: Sampling::key_of(seed) };
	let end = *End::ALL.get(usize::from(end))?;
	let record = AnswerRecord { prompt, answer, sampling, tokens_max, ends, end, has_stops: has_stops != 0 };
	fields.0.is_empty().then_some(record)
}

/// Writes a difference.
pub fn write(difference: &Difference) -> Vec<u8> {
	let number = |end: End| End::ALL.iter().position(|other| *other == end).map_or(u32::MAX, |at| at as u32);
	// Answers have at most 2^17 tokens.
	let fields = match *difference {
		Difference::Token { index, expected, found } => [0, index as u32, expected, found],
		Difference::End { expected: Some((tokens, end)), found } => {
			[1, tokens as u32, number(end), number(found)]
		}
		Difference::End { expected: None, found } => [1, u32::MAX, u32::MAX, number(found)],
	};
	fields.iter().flat_map(|field| field.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	fn bytes() -> Vec<u8> {
		let mut bytes = [7u64.to_le_bytes(), 20u64.to_le_bytes()].concat();
		bytes.extend([0, 1, 230, 0, 2, 0, 0, 0]);
		bytes.extend([2u32, 1, 1, 10, 11, 12, 13].into_iter().flat_map(u32::to_le_bytes));
		bytes
	}

	#[test]
	fn a_record_is_read_as_it_was_written() {
		let Some(record) = read(&bytes()) else { panic!("the record is well formed") };
		assert_eq!((record.prompt, record.answer, record.ends), (vec![10, 11], vec![12], vec![13]));
		assert_eq!((record.sampling.temperature, record.sampling.top_p), (256, 230));
		assert_eq!((record.tokens_max, record.end, record.has_stops), (20, End::Length, false));
		assert_eq!(record.sampling.seed, Sampling::key_of(7));
	}

	#[test]
	fn a_record_of_any_other_length_or_end_is_refused() {
		let bytes = bytes();
		for length in 0..bytes.len() {
			assert!(read(&bytes[..length]).is_none(), "{length}");
		}
		assert!(read(&[bytes.as_slice(), &[0]].concat()).is_none());
		let mut other = bytes;
		other[20] = 5;
		assert!(read(&other).is_none());
	}

	#[test]
	fn a_difference_is_four_numbers() {
		let numbers = |difference: Difference| -> Vec<u32> {
			write(&difference).as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
		};
		assert_eq!(
			numbers(Difference::Token { index: 3, expected: 4, found: u32::MAX }),
			[0, 3, 4, u32::MAX]
		);
		let expected = Some((9, End::Context));
		assert_eq!(numbers(Difference::End { expected, found: End::Length }), [1, 9, 3, 2]);
		let none = Difference::End { expected: None, found: End::EndToken };
		assert_eq!(numbers(none), [1, u32::MAX, u32::MAX, 0]);
	}
}
