//! Reads of one field after the other, each checked against the end of the file.

use crate::error::CheckpointError;

/// Position in a file.
pub struct Cursor<'a> {
	bytes: &'a [u8],
	at: usize,
}

impl<'a> Cursor<'a> {
	/// A cursor at the start.
	pub fn new(bytes: &'a [u8]) -> Self {
		Self { bytes, at: 0 }
	}

	/// Bytes from the start.
	pub fn position(&self) -> usize {
		self.at
	}

	/// Takes `count` bytes.
	pub fn take(&mut self, count: u64, what: &str) -> Result<&'a [u8], CheckpointError> {
		let rest = &self.bytes[self.at..];
		let taken = usize::try_from(count).ok().and_then(|count| rest.get(..count));
		let Some(taken) = taken else {
			return Err(CheckpointError::PastTheEnd {
				what: what.to_owned(),
				at: self.at as u64,
				needed: count,
				len: self.bytes.len() as u64,
			});
		};
		self.at += taken.len();
		Ok(taken)
	}

	/// Takes a number of 32 bits.
	pub fn u32(&mut self, what: &str) -> Result<u32, CheckpointError> {
		let mut bytes = [0; 4];
		bytes.copy_from_slice(self.take(4, what)?);
		Ok(u32::from_le_bytes(bytes))
	}

	/// Takes a number of 64 bits.
	pub fn u64(&mut self, what: &str) -> Result<u64, CheckpointError> {
		let mut bytes = [0; 8];
		bytes.copy_from_slice(self.take(8, what)?);
		Ok(u64::from_le_bytes(bytes))
	}

	/// Takes a text after its length.
	pub fn text(&mut self, what: &str) -> Result<&'a str, CheckpointError> {
		let len = self.u64(what)?;
		let bytes = self.take(len, what)?;
		std::str::from_utf8(bytes)
			.map_err(|error| CheckpointError::NotUtf8 { what: format!("{what} ({error})") })
	}

	/// Refuses a count of things of at least `bytes_min` bytes each that the rest of the file cannot hold.
	pub fn ensure_count(
		&self,
		what: &'static str,
		count: u64,
		bytes_min: u64,
	) -> Result<(), CheckpointError> {
		let remaining = (self.bytes.len() - self.at) as u64;
		if count > remaining / bytes_min {
			return Err(CheckpointError::Count { what, count, remaining });
		}
		Ok(())
	}
}
