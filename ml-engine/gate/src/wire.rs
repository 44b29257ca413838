//! Frames between the gate and the program that runs its files. Both sides are built with this file.
//!
//! ```text
//! frame     length of the body (u32) | body                               integers are little-endian
//! greeting  version (u8) | words about the runtime
//! question  classifier (u8) | records (u8) | records x vector
//! vector    length of the vector (u32) | entries (u16) | entries x place (u16), value (u8)
//! answer    0 | records x classes x thousandths (u16)
//! refusal   1 | words
//! ```
//!
//! A vector is integers; the runner divides each value by the length. What is in a frame is checked before it is used: the
//! gate and its runner may be of different releases.

use std::io::{self, Read, Write};

/// Version of the frames and of the features.
pub const VERSION: u8 = 1;
/// Records in a question at most: the batch that the files are made for.
pub const BATCH: usize = 64;
/// Bytes of a frame at most.
pub const FRAME_BYTES_MAX: usize = 4 << 20;
/// First byte of an answer.
pub const ANSWER: u8 = 0;
/// First byte of a refusal.
pub const REFUSAL: u8 = 1;

/// A vector of features: only places that are not zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vector {
	/// Length of the vector: each value is divided by it.
	pub norm: u32,
	/// Places and values, each place once.
	pub entries: Vec<(u16, u8)>,
}

/// Writes a frame.
pub fn write_frame(to: &mut impl Write, body: &[u8]) -> io::Result<()> {
	let length = u32::try_from(body.len()).map_err(|_| too_long())?;
	if body.len() > FRAME_BYTES_MAX {
		return Err(too_long());
	}
	to.write_all(&length.to_le_bytes())?;
	to.write_all(body)?;
	to.flush()
}

/// Reads a frame; `None` at the end.
pub fn read_frame(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
	let mut length = [0; 4];
	match from.read_exact(&mut length) {
		Ok(()) => {}
		Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
		Err(error) => return Err(error),
	}
	let length = u32::from_le_bytes(length) as usize;
	if length > FRAME_BYTES_MAX {
		return Err(too_long());
	}
	let mut body = vec![0; length];
	from.read_exact(&mut body)?;
	Ok(Some(body))
}

fn too_long() -> io::Error {
	io::Error::new(io::ErrorKind::InvalidData, "a frame beyond the limit")
}

/// The body of a question.
pub fn question(classifier: u8, vectors: &[Vector]) -> Vec<u8> {
	let entries: usize = vectors.iter().map(|vector| vector.entries.len()).sum();
	let mut body = Vec::with_capacity(2 + 6 * vectors.len() + 3 * entries);
	body.push(classifier);
	body.push(u8::try_from(vectors.len()).unwrap_or(u8::MAX));
	for vector in vectors {
		body.extend_from_slice(&vector.norm.to_le_bytes());
		body.extend_from_slice(&u16::try_from(vector.entries.len()).unwrap_or(u16::MAX).to_le_bytes());
		for (place, value) in &vector.entries {
			let [low, high] = place.to_le_bytes();
			body.extend_from_slice(&[low, high, *value]);
		}
	}
	body
}

/// Reads the body of a question; `None` if it is not one.
pub fn read_question(body: &[u8]) -> Option<(u8, Vec<Vector>)> {
	let (classifier, rest) = body.split_first()?;
	let (count, mut rest) = rest.split_first()?;
	if usize::from(*count) > BATCH {
		return None;
	}
	let mut vectors = Vec::with_capacity(BATCH);
	for _ in 0..*count {
		let (norm, behind) = rest.split_first_chunk::<4>()?;
		let (entries, behind) = behind.split_first_chunk::<2>()?;
		let bytes = 3 * usize::from(u16::from_le_bytes(*entries));
		let (entries, behind) = behind.split_at_checked(bytes)?;
		let entries = entries.chunks_exact(3).filter_map(|entry| match entry {
			[low, high, value] => Some((u16::from_le_bytes([*low, *high]), *value)),
			_ => None,
		});
		vectors.push(Vector { norm: u32::from_le_bytes(*norm), entries: entries.collect() });
		rest = behind;
	}
	rest.is_empty().then_some((*classifier, vectors))
}

/// The body of an answer.
pub fn answer(thousandths: &[u16]) -> Vec<u8> {
	let scores = thousandths.iter().flat_map(|score| score.to_le_bytes());
	std::iter::once(ANSWER).chain(scores).collect()
}

/// Reads the body of an answer.
///
/// # Errors
///
/// The words of a refusal.
pub fn read_answer(body: &[u8]) -> Result<Vec<u16>, String> {
	match body.split_first() {
		Some((&ANSWER, scores)) if scores.len() % 2 == 0 => {
			Ok(scores.chunks_exact(2).map(|score| u16::from_le_bytes([score[0], score[1]])).collect())
		}
		Some((&REFUSAL, words)) => Err(String::from_utf8_lossy(words).into_owned()),
		_ => Err("an answer that is none".into()),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn questions_and_answers_are_read_as_they_were_written() {
		let vectors = vec![
			Vector { norm: 7, entries: vec![(1, 2), (8_191, 255)] },
			Vector { norm: 1, entries: Vec::new() },
		];
		let body = question(2, &vectors);
		assert_eq!(read_question(&body), Some((2, vectors)));
		for length in 0..body.len() {
			assert_eq!(read_question(body.get(..length).unwrap()), None, "{length} bytes");
		}
		assert_eq!(read_question(&[body, vec![0]].concat()), None);
		assert_eq!(read_question(&[0, 65]), None);
		assert_eq!(read_answer(&answer(&[0, 999, 1_000])), Ok(vec![0, 999, 1_000]));
		assert_eq!(read_answer(&[&[REFUSAL][..], b"no such file"].concat()), Err("no such file".into()));
		assert!(read_answer(&[]).is_err() && read_answer(&[ANSWER, 1]).is_err());
	}

	#[test]
	fn a_frame_beyond_the_limit_is_refused_before_room_is_made_for_it() {
		let mut written = Vec::new();
		write_frame(&mut written, b"body").unwrap();
		let mut from = written.as_slice();
		assert_eq!(read_frame(&mut from).unwrap(), Some(b"body".to_vec()));
		assert_eq!(read_frame(&mut from).unwrap(), None);
		assert!(read_frame(&mut u32::MAX.to_le_bytes().as_slice()).is_err());
		assert!(write_frame(&mut written, &vec![0; FRAME_BYTES_MAX + 1]).is_err());
		assert!(read_frame(&mut written.get(..6).unwrap()).is_err(), "a frame that is cut");
	}
}
