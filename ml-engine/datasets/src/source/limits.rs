//! Limits on files from strangers, and the reader that keeps them while a file is unpacked.

use std::{
	io::{self, Read},
	sync::{
		atomic::{AtomicU64, Ordering},
		Arc,
	},
};

/// Limits on one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
	/// Longest line of JSON lines, or row of a table, in bytes.
	pub row_bytes_max: usize,
	/// Expansion of a compressed file, as a factor. Text reaches 5 to 20, logs 100; a bomb of DEFLATE 1,000.
	pub ratio_max: u64,
	/// Bytes below which expansion does not matter.
	pub ratio_from_bytes: u64,
	/// Largest row group of a Parquet file, unpacked: it, and not the batch, decides the memory of a reader.
	pub row_group_bytes_max: u64,
}

impl Default for Limits {
	fn default() -> Self {
		Self {
			row_bytes_max: 16 << 20,
			ratio_max: 200,
			ratio_from_bytes: 16 << 20,
			row_group_bytes_max: 2 << 30,
		}
	}
}

impl Limits {
	/// Reports whether `expanded` bytes are too many for a file of `packed` bytes.
	pub fn is_bomb(&self, packed: u64, expanded: u64) -> bool {
		expanded > self.ratio_from_bytes && expanded > packed.saturating_mul(self.ratio_max)
	}
}

/// Marks an I/O error as an expansion beyond [`Limits`].
#[derive(Debug, thiserror::Error)]
#[error("the file expands beyond {0} times its size")]
pub(super) struct Expansion(pub u64);

/// Counts the bytes that are read from a file.
pub(super) struct Counted<R> {
	inner: R,
	count: Arc<AtomicU64>,
}

impl<R: Read> Counted<R> {
	/// A reader and its counter.
	pub fn new(inner: R) -> (Self, Arc<AtomicU64>) {
		let count = Arc::new(AtomicU64::new(0));
		(Self { inner, count: count.clone() }, count)
	}
}

impl<R: Read> Read for Counted<R> {
	fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
		let read = self.inner.read(buffer)?;
		self.count.fetch_add(read as u64, Ordering::Relaxed);
		Ok(read)
	}
}

/// Stops an expansion as soon as it passes the limits.
pub(super) struct Guarded<R> {
	inner: R,
	packed: Arc<AtomicU64>,
	expanded: u64,
	limits: Limits,
}

impl<R: Read> Guarded<R> {
	/// Guards a decoder whose input is counted in `packed`.
	pub fn new(inner: R, packed: Arc<AtomicU64>, limits: Limits) -> Self {
		Self { inner, packed, expanded: 0, limits }
	}
}

impl<R: Read> Read for Guarded<R> {
	fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
		let read = self.inner.read(buffer)?;
		self.expanded += read as u64;
		if self.limits.is_bomb(self.packed.load(Ordering::Relaxed), self.expanded) {
			return Err(io::Error::other(Expansion(self.limits.ratio_max)));
		}
		Ok(read)
	}
}

/// Refuses a row that is longer than the limit, for readers that hold a row in memory whatever its length.
pub(super) struct RowGuard<R> {
	inner: R,
	left: usize,
	limit: usize,
}

/// Marks an I/O error as a row beyond the limit.
#[derive(Debug, thiserror::Error)]
#[error("a row is longer than {0} bytes")]
pub(super) struct RowTooLong(pub usize);

impl<R: Read> RowGuard<R> {
	/// Guards rows of at most `limit` bytes, give or take the buffer of the reader above.
	pub fn new(inner: R, limit: usize) -> Self {
		Self { inner, left: limit, limit }
	}

	/// A row is over: the next may be as long again.
	pub fn reset(&mut self) {
		self.left = self.limit;
	}
}

impl<R: Read> Read for RowGuard<R> {
	fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
		if self.left == 0 {
			return Err(io::Error::other(RowTooLong(self.limit)));
		}
		let most = buffer.len().min(self.left);
		let read = self.inner.read(&mut buffer[..most])?;
		self.left -= read;
		Ok(read)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn an_expansion_is_stopped_at_the_limit_and_text_is_not() {
		let limits = Limits { ratio_max: 10, ratio_from_bytes: 1_000, ..Limits::default() };
		assert!(!limits.is_bomb(1, 1_000) && limits.is_bomb(1, 1_001) && !limits.is_bomb(200, 2_000));
		let packed = Arc::new(AtomicU64::new(100));
		let mut guarded = Guarded::new(io::repeat(b'a'), packed, limits);
		let mut bytes = [0; 500];
		assert_eq!(guarded.read(&mut bytes).unwrap() + guarded.read(&mut bytes).unwrap(), 1_000);
		let error = guarded.read(&mut bytes).unwrap_err();
		assert!(error.get_ref().is_some_and(|cause| cause.is::<Expansion>()), "{error}");
	}

	#[test]
	fn a_row_guard_lets_rows_of_the_limit_through() {
		let mut guard = RowGuard::new(io::repeat(b'a'), 8);
		let mut bytes = [0; 8];
		for _ in 0..3 {
			assert_eq!(guard.read(&mut bytes).unwrap(), 8);
			guard.reset();
		}
		assert_eq!(guard.read(&mut bytes).unwrap(), 8);
		assert!(guard.read(&mut bytes).unwrap_err().get_ref().is_some_and(|cause| cause.is::<RowTooLong>()));
	}
}
