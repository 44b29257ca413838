//! Bytes of a stream, cut behind a mark, in whatever parts they come.

/// Collects bytes until a piece of the stream is whole.
#[derive(Debug, Default)]
pub struct Pieces {
	/// Bytes of a piece that has not ended.
	pending: Vec<u8>,
	/// Place in them in front of which no mark begins.
	searched: usize,
}

impl Pieces {
	/// Takes the next bytes and returns the pieces that they end, each with its mark.
	///
	/// No byte is looked at or moved twice, in however small parts a large piece comes, or however small the pieces are.
	pub fn push(&mut self, bytes: &[u8], mark: &[u8]) -> Vec<Vec<u8>> {
		self.pending.extend_from_slice(bytes);
		let (mut pieces, mut begin, mut from) = (Vec::new(), 0, self.searched);
		while let Some(end) = end_of_piece(&self.pending, from, mark) {
			pieces.extend(self.pending.get(begin..end).map(<[u8]>::to_vec));
			(begin, from) = (end, end);
		}
		if begin > 0 {
			self.pending.drain(..begin);
		}
		// A mark may have begun with the last bytes.
		self.searched = self.pending.len().saturating_add(1).saturating_sub(mark.len());
		pieces
	}

	/// Takes bytes of a whole that has no pieces.
	pub fn extend(&mut self, bytes: &[u8]) {
		self.pending.extend_from_slice(bytes);
	}

	/// Bytes behind the last mark.
	pub fn rest(&self) -> &[u8] {
		&self.pending
	}

	/// Bytes behind the last mark that the next ones are looked at with.
	#[cfg(test)]
	pub fn unsearched(&self) -> usize {
		self.pending.len() - self.searched
	}

	/// Forgets the bytes behind the last mark.
	pub fn clear(&mut self) {
		*self = Self::default();
	}
}

/// Place behind the first mark in `bytes` that does not begin in front of `from`.
fn end_of_piece(bytes: &[u8], from: usize, mark: &[u8]) -> Option<usize> {
	let place = bytes.get(from..)?.windows(mark.len()).position(|window| window == mark)?;
	Some(from.saturating_add(place).saturating_add(mark.len()))
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	proptest! {
		#[test]
		fn pieces_are_the_same_in_whatever_parts_they_come(
			stream in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'x')], 0..60),
			size in 1_usize..8,
		) {
			for mark in [b"\n".as_slice(), b"\n\n"] {
				let mut pieces = Pieces::default();
				let mut cut: Vec<_> = stream.chunks(size).flat_map(|part| pieces.push(part, mark)).collect();
				let is_one = |piece: &Vec<u8>| end_of_piece(piece, 0, mark) == Some(piece.len());
				prop_assert!(cut.iter().all(is_one));
				prop_assert_eq!(end_of_piece(pieces.rest(), 0, mark), None);
				cut.push(pieces.rest().to_vec());
				prop_assert_eq!(cut.concat(), stream.clone());
			}
		}
	}
}
