//! JSON-RPC errors. Each says what is in the way and what to do about it.

use blyan_engine::{blobs::BlobError, tiles::TileError};
use blyan_rpc_api::code::{BUSY, ENGINE, INVALID_PARAMS, NOT_FOUND, RUNTIME};
use jsonrpsee::types::{ErrorObject, ErrorObjectOwned};

/// An error of the given code.
pub fn error(code: i32, message: impl Into<String>) -> ErrorObjectOwned {
	ErrorObject::owned(code, message, None::<()>)
}

/// The request's own values are at fault.
pub fn invalid(message: impl Into<String>) -> ErrorObjectOwned {
	error(INVALID_PARAMS, message)
}

/// The runtime did not answer.
pub fn runtime(cause: impl std::fmt::Display) -> ErrorObjectOwned {
	error(RUNTIME, format!("the runtime did not answer: {cause}; the node's log may say more"))
}

/// Translates a refusal of the blob store for a client.
pub fn blob(cause: BlobError) -> ErrorObjectOwned {
	let (code, advice) = match &cause {
		BlobError::Missing(_) => (NOT_FOUND, "ask another node"),
		BlobError::Corrupt(_) => (NOT_FOUND, "upload it again, or ask another node"),
		BlobError::HashMismatch(_) => (INVALID_PARAMS, "start again at byte 0 with the right file"),
		BlobError::ChunkOutOfRange { .. }
		| BlobError::TotalDiffers { .. }
		| BlobError::SizeDiffers { .. } => (INVALID_PARAMS, "`offset` and `total` count bytes of the whole blob"),
		BlobError::UploadsBusy { .. } => (BUSY, "try again shortly"),
		BlobError::TooLarge { .. } => (INVALID_PARAMS, "no node takes it"),
		BlobError::QuotaExceeded { .. } | BlobError::Pinned { .. } | BlobError::DiskFull => {
			(BUSY, "ask another node, or give this one more room with --blob-store-limit")
		}
		BlobError::Io(_) => (ENGINE, "the node's log may say more"),
	};
	error(code, format!("{cause}; {advice}"))
}

/// Translates the lack of a tile for a client.
pub fn tile(cause: TileError) -> ErrorObjectOwned {
	match cause {
		TileError::Blob(cause) => blob(cause),
		TileError::NotABlock(_) => {
			error(INVALID_PARAMS, format!("{cause}; `hash` is the blob hash of a trunk or an expert"))
		}
		cause => error(INVALID_PARAMS, cause.to_string()),
	}
}
