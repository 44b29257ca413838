//! One blob on its way into the store: a file whose holes are filled with pieces that were checked first.

use super::need::{Need, Pieces, Proof};
use blyan_engine::{
	blobs::{BlobError, BlobStore, Partial},
	tiles::TileIndex,
};
use codec::{Decode, Encode};
use parking_lot::Mutex;
use sp_core::H256;
use std::{collections::BTreeSet, ops::Range, sync::OnceLock};

/// Unit of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
	/// The hashes of all tiles, which prove them.
	Index,
	/// A piece, counted from 0.
	Piece(u32),
}

/// Resume state: how far an earlier attempt came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
	/// True if the index is there, or none is needed.
	pub has_index: bool,
	/// Pieces that are to be fetched.
	pub missing: BTreeSet<u32>,
	/// The peer that answers for the bytes that are there, if one does.
	pub source: Option<Vec<u8>>,
}

/// Journal beside a blob that comes from one peer: the peer, as SCALE writes it, and the numbers of the pieces that
/// came, each in four bytes.
struct Note {
	source: Vec<u8>,
	pieces: BTreeSet<u32>,
}

impl Note {
	/// A torn end is a piece that did not come.
	fn read(mut bytes: &[u8]) -> Option<Self> {
		let source = Vec::decode(&mut bytes).ok()?;
		let pieces = bytes.as_chunks().0.iter().map(|number| u32::from_le_bytes(*number)).collect();
		Some(Self { source, pieces })
	}

	fn write(&self) -> Vec<u8> {
		let pieces = self.pieces.iter().flat_map(|piece| piece.to_le_bytes());
		self.source.encode().into_iter().chain(pieces).collect()
	}
}

/// A blob on its way. All methods may be called from many threads.
pub struct Assembly {
	need: Need,
	pieces: Pieces,
	partial: Partial,
	index: OnceLock<TileIndex>,
	/// Pieces that are there beyond those that are hashed, and how many of those there are.
	there: Mutex<(u32, BTreeSet<u32>)>,
}

impl Assembly {
	/// Begins, or goes on where an earlier attempt ended. What of that is right is found out here.
	pub fn open(store: &BlobStore, need: Need) -> Result<(Self, Found), BlobError> {
		let (pieces, size) = (need.pieces(), u64::from(need.blob.size));
		let partial = store.begin_partial(&need.blob.hash, size)?;
		let assembly = Self { need, pieces, partial, index: OnceLock::new(), there: Mutex::default() };
		let found = match (need.proof, assembly.partial.is_fresh()) {
			(Proof::Tiles { .. }, false) => assembly.find_proven_pieces()?,
			(Proof::Tiles { .. }, true) => assembly.nothing(),
			(Proof::Whole, _) => assembly.find_noted_pieces()?,
		};
		for piece in (0..assembly.pieces.count()).filter(|piece| !found.missing.contains(piece)) {
			assembly.hash(piece)?;
		}
		Ok((assembly, found))
	}

	/// Returns the fetch target.
	pub fn need(&self) -> &Need {
		&self.need
	}

	/// Returns the layout of its pieces.
	pub fn pieces(&self) -> &Pieces {
		&self.pieces
	}

	fn nothing(&self) -> Found {
		let has_index = matches!(self.need.proof, Proof::Whole);
		Found { has_index, missing: (0..self.pieces.count()).collect(), source: None }
	}

	/// Bytes prove themselves, so nothing has to be remembered about them.
	fn find_proven_pieces(&self) -> Result<Found, BlobError> {
		let mut found = self.nothing();
		let entries = self.read(self.range(Part::Index))?;
		if !self.accept_index(&entries)? {
			return Ok(found);
		}
		found.has_index = true;
		for piece in 0..self.pieces.count() {
			let bytes = self.read(self.pieces.range(piece))?;
			if self.is_right(piece, &bytes) {
				found.missing.remove(&piece);
			}
		}
		Ok(found)
	}

	fn find_noted_pieces(&self) -> Result<Found, BlobError> {
		let mut found = self.nothing();
		if let Some(note) = self.partial.note().and_then(|bytes| Note::read(&bytes)) {
			// Without a torn end, behind which nothing could be added.
			self.partial.set_note(&note.write())?;
			found.missing.retain(|piece| !note.pieces.contains(piece));
			found.source = Some(note.source);
		}
		Ok(found)
	}

	fn read(&self, range: Range<u64>) -> Result<Vec<u8>, BlobError> {
		self.partial.read_at(range.start, (range.end - range.start) as usize)
	}

	/// The bytes of a part within the blob.
	pub fn range(&self, part: Part) -> Range<u64> {
		match (part, &self.pieces) {
			(Part::Piece(piece), pieces) => pieces.range(piece),
			(Part::Index, Pieces::Tiles(layout)) => layout.index_offset() as u64..layout.file_len() as u64,
			(Part::Index, Pieces::Whole(_)) => 0..0,
		}
	}

	/// Checks a part and keeps it if it is right. Where only the whole proves anything, the length is all there is
	/// to check.
	pub fn accept(&self, part: Part, bytes: &[u8]) -> Result<bool, BlobError> {
		let range = self.range(part);
		if bytes.len() as u64 != range.end - range.start {
			return Ok(false);
		}
		let piece = match part {
			Part::Index => return self.accept_index(bytes),
			Part::Piece(piece) => piece,
		};
		if !self.is_right(piece, bytes) {
			return Ok(false);
		}
		self.partial.write_at(range.start, bytes)?;
		if matches!(self.need.proof, Proof::Whole) {
			self.partial.add_to_note(&piece.to_le_bytes())?;
		}
		self.hash(piece)?;
		Ok(true)
	}

	/// Notes that a piece is there, and hashes what is there without a hole before it.
	fn hash(&self, piece: u32) -> Result<(), BlobError> {
		let mut there = self.there.lock();
		let (next, beyond) = &mut *there;
		if piece >= *next {
			beyond.insert(piece);
		}
		while beyond.remove(next) {
			*next += 1;
		}
		let last = next.checked_sub(1);
		drop(there);
		match last {
			Some(last) => self.partial.hash_up_to(self.pieces.range(last).end),
			None => Ok(()),
		}
	}

	fn accept_index(&self, entries: &[u8]) -> Result<bool, BlobError> {
		let Proof::Tiles { shape, tensor_root } = self.need.proof else { return Ok(false) };
		let Ok(index) = TileIndex::prove(shape, &tensor_root, entries) else { return Ok(false) };
		self.partial.write_at(0, &index.header())?;
		self.partial.write_at(self.range(Part::Index).start, entries)?;
		// The same index may be accepted twice; it is the same.
		let _ = self.index.set(index);
		Ok(true)
	}

	fn is_right(&self, piece: u32, bytes: &[u8]) -> bool {
		match (self.pieces.tiles(piece), self.index.get()) {
			(None, _) => true,
			(Some(tiles), Some(index)) => index.check(tiles, bytes).is_ok(),
			(Some(_), None) => false,
		}
	}

	/// Notes who answers for all bytes. To be said before the first of them comes.
	pub fn set_source(&self, source: &[u8]) -> Result<(), BlobError> {
		self.partial.set_note(&source.encode())
	}

	/// Verifies the whole and moves it into the store. `HashMismatch` says that it is not the blob.
	pub fn complete(&self, store: &BlobStore) -> Result<(), BlobError> {
		store.complete_partial(&self.partial)
	}

	/// The blob.
	pub fn blob_hash(&self) -> H256 {
		self.need.blob.hash
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn notes_round_trip_and_a_torn_end_is_a_piece_that_did_not_come() {
		let note = Note { source: b"peer".to_vec(), pieces: [0, 7, 65_536].into() };
		let bytes = note.write();
		for torn in 0..4 {
			let read = Note::read(&bytes[..bytes.len() - torn]).expect("the source is whole");
			assert_eq!(read.source, note.source);
			let expected = if torn == 0 { note.pieces.clone() } else { [0, 7].into() };
			assert_eq!(read.pieces, expected);
		}
		assert!(Note::read(&bytes[..3]).is_none());
	}
}
