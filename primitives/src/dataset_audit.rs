//! The audit that the runtime asks of the native engine.

use crate::{
	dataset::{AuditFinding, Licence},
	model::{wire, BlobRef},
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

wire! {
	/// Audit of a dataset: "What is in the sample that this draw takes of it?"
	#[derive(MaxEncodedLen)]
	pub struct DatasetAuditJob {
		/// Seed of the sample.
		pub draw: H256,
		/// SPDX expression that was offered.
		pub licence: Licence,
		/// The manifest.
		pub manifest: BlobRef,
		/// Root that the manifest must have.
		pub root: H256,
		/// Records that it must count.
		pub records: u64,
		/// Bytes of its blobs.
		pub bytes: u64,
		/// Its blobs.
		pub blobs: u32,
		/// Bytes of the sample's records at most.
		pub sample_bytes_max: u32,
	}
}

/// Where an audit stands.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, Serialize, Deserialize,
)]
#[scale_info(capture_docs = "always")]
// Nearly every answer is a finding or one byte, and a box would only move its bytes.
#[allow(clippy::large_enum_variant)]
pub enum DatasetAuditStatus {
	/// Waits, or is under way.
	Running,
	/// The sample was examined, or the dataset is not what was offered. Never [`AuditFinding::Unavailable`]: how long to wait
	/// for a blob is for the auditor to say.
	Done(AuditFinding),
}
