//! Errors of the blob store.

use sp_core::H256;
use std::io;

/// Error of the blob store.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
	/// There is no such blob.
	#[error("blob {0:?} is not in the store")]
	Missing(H256),
	/// The bytes on disk did not have the hash; they have been dropped.
	#[error("blob {0:?} was damaged on disk and has been dropped; fetch it again")]
	Corrupt(H256),
	/// The bytes offered do not have the hash they were announced with.
	#[error("the bytes do not have the hash {0:?}")]
	HashMismatch(H256),
	/// The blob is larger than any may be.
	#[error("{size} bytes are more than a blob may have")]
	TooLarge {
		/// Bytes it has.
		size: u64,
	},
	/// The store's own bound is reached.
	#[error("{size} bytes do not fit: {free} of {bytes_max} are free; raise the store's limit")]
	QuotaExceeded {
		/// Bytes asked for.
		size: u64,
		/// Bytes left.
		free: u64,
		/// The bound.
		bytes_max: u64,
	},
	/// Everything that could go has gone, and it is not enough.
	#[error(
		"{size} bytes do not fit: {pinned} of {bytes_max} are taken by blobs that the chain needs now; \
		raise the store's limit"
	)]
	Pinned {
		/// Bytes asked for.
		size: u64,
		/// Bytes that must stay.
		pinned: u64,
		/// The bound.
		bytes_max: u64,
	},
	/// The disk is full.
	#[error("the disk is full")]
	DiskFull,
	/// A chunk lies outside the announced size, or is empty.
	#[error("a chunk of {len} bytes at {offset} does not fit an upload of {total} bytes")]
	ChunkOutOfRange {
		/// Where it starts.
		offset: u64,
		/// Its length.
		len: u64,
		/// Announced size.
		total: u64,
	},
	/// An upload of the same hash was begun with another size.
	#[error("this upload was begun with {begun} bytes, not {announced}")]
	TotalDiffers {
		/// Size it was begun with.
		begun: u64,
		/// Size announced now.
		announced: u64,
	},
	/// A blob that is here has another size.
	#[error("blob {hash:?} is here and has {size} bytes, not {announced}")]
	SizeDiffers {
		/// Its hash.
		hash: H256,
		/// Size it has.
		size: u64,
		/// Size announced now.
		announced: u64,
	},
	/// As many uploads are under way as there may be, and none of them is stalled.
	#[error("{uploads} uploads are under way, and none of them is stalled")]
	UploadsBusy {
		/// Number of uploads.
		uploads: usize,
	},
	/// The directory cannot be read or written.
	#[error("the blob store failed: {0}")]
	Io(io::Error),
}

impl From<io::Error> for BlobError {
	fn from(error: io::Error) -> Self {
		match error.kind() {
			io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
			_ => Self::Io(error),
		}
	}
}
