//! Codes of the errors that the methods answer with.

/// The request's own values are at fault.
pub const INVALID_PARAMS: i32 = -32_602;
/// The chain announced no such blob.
pub const NOT_ANNOUNCED: i32 = 7_403;
/// The requested object does not exist.
pub const NOT_FOUND: i32 = 7_404;
/// There is no room now; the same request may succeed later.
pub const BUSY: i32 = 7_429;
/// The runtime did not answer.
pub const RUNTIME: i32 = 7_500;
/// The engine or its blob store failed.
pub const ENGINE: i32 = 7_501;
