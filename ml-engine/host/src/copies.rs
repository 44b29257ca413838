//! Comparisons of experts of either definition, through one host function.
//!
//! A query about adapters of an open model stands behind [`OPEN`], which nodes that know no such query read as a whole one with bytes
//! behind it. They refuse it as malformed, so a runtime that asks runs on them as well: a function of its own would be an import that they lack.

#[cfg(not(substrate_runtime))]
use crate::{decode_whole, MlEngine, JOB_BYTES_MAX};
use alloc::{boxed::Box, vec::Vec};
#[cfg(not(substrate_runtime))]
use blyan_primitives::CopyQuery;
use blyan_primitives::{
	Comparison, CopyFinding, EngineError, OpenComparison, OpenCopyFinding, OpenCopyQuery,
};
use codec::{Decode, Encode};

/// Encoding of a `CopyQuery` without originals, of zeros.
pub(super) const OPEN: [u8; 148] = [0; 148];

/// Answer to a query of either definition. Answers to the first are encoded as a [`Comparison`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Found {
	/// Waits, or is under way.
	#[codec(index = 0)]
	Running,
	/// Like no earlier expert.
	#[codec(index = 1)]
	Distinct,
	/// A near copy.
	#[codec(index = 2)]
	Copy(Box<CopyFinding>),
	/// A near copy of adapters.
	#[codec(index = 3)]
	OpenCopy(Box<OpenCopyFinding>),
}

impl From<Comparison> for Found {
	fn from(comparison: Comparison) -> Self {
		match comparison {
			Comparison::Running => Self::Running,
			Comparison::Distinct => Self::Distinct,
			Comparison::Copy(finding) => Self::Copy(finding),
		}
	}
}

impl From<OpenComparison> for Found {
	fn from(comparison: OpenComparison) -> Self {
		match comparison {
			OpenComparison::Running => Self::Running,
			OpenComparison::Distinct => Self::Distinct,
			OpenComparison::Copy(finding) => Self::OpenCopy(finding),
		}
	}
}

impl Found {
	/// Returns the answer to a query of the first definition.
	pub(super) fn first(self) -> Result<Comparison, EngineError> {
		match self {
			Self::Running => Ok(Comparison::Running),
			Self::Distinct => Ok(Comparison::Distinct),
			Self::Copy(finding) => Ok(Comparison::Copy(finding)),
			Self::OpenCopy(_) => Err(EngineError::Internal),
		}
	}

	/// Returns the answer to a query about adapters.
	pub(super) fn open(self) -> Result<OpenComparison, EngineError> {
		match self {
			Self::Running => Ok(OpenComparison::Running),
			Self::Distinct => Ok(OpenComparison::Distinct),
			Self::OpenCopy(finding) => Ok(OpenComparison::Copy(finding)),
			Self::Copy(_) => Err(EngineError::Internal),
		}
	}
}

/// Returns a query about adapters as it crosses.
pub(super) fn encode_open(query: &OpenCopyQuery) -> Vec<u8> {
	(OPEN, query).encode()
}

/// Asks the engine what came across the boundary.
#[cfg(not(substrate_runtime))]
pub(super) fn find(engine: &dyn MlEngine, query: &[u8]) -> Result<Found, EngineError> {
	if query.len() > JOB_BYTES_MAX {
		return Err(EngineError::JobMalformed);
	}
	match query.strip_prefix(&OPEN) {
		Some(open) if !open.is_empty() => engine.find_open_copy(decode_whole(open)?).map(Found::from),
		_ => engine.find_copy(decode_whole::<CopyQuery>(query)?).map(Found::from),
	}
}
