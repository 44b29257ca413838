//! Verdicts of operators about submissions, and the bytes they sign.

use crate::{job::EvaluationOutcome, model::wire};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// A submission's number, given out in order.
pub type SubmissionId = u64;

/// Names one draw of one candidate: a hash of everything that its score depends on, and of the committee's seed.
pub type DrawId = H256;

/// Domain separator of the signed payload.
pub const SCORE_CONTEXT: &[u8] = b"blyan/score/2";

/// Domain separator of the signed payload of an attestation.
pub const ATTESTATION_CONTEXT: &[u8] = b"blyan/attestation/1";

/// Domain separator of the signed payload of a seal.
pub const SEAL_CONTEXT: &[u8] = b"blyan/seal/1";

wire! {
	/// Outcome of an evaluation on each of its samples.
	#[derive(Copy, MaxEncodedLen)]
	pub struct Score {
		/// On the sample that decides whether the model got better.
		pub target: EvaluationOutcome,
		/// On the mixed-domain sample that must not get worse; models without a guard holdout have none.
		pub guard: Option<EvaluationOutcome>,
	}
}

/// An operator's finding.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[scale_info(capture_docs = "always")]
// Nearly every verdict is a score, and a box would only move its bytes.
#[allow(clippy::large_enum_variant)]
pub enum Verdict {
	/// The candidate was evaluated.
	Scored(Score),
	/// The candidate's bytes match their hash but are no valid expert for the slot.
	Invalid,
}

impl Verdict {
	/// Blake2b-256 of the encoding: two verdicts agree to the bit iff these are equal.
	pub fn digest(&self) -> H256 {
		H256(sp_crypto_hashing::blake2_256(&self.encode()))
	}
}

wire! {
	/// A verdict on one submission by one member of its committee.
	#[derive(Copy, MaxEncodedLen)]
	pub struct ScoreReport {
		/// The submission.
		pub submission: SubmissionId,
		/// The finding.
		pub verdict: Verdict,
	}
}

impl ScoreReport {
	/// The bytes the operator's session key signs: context, genesis hash of the chain, draw, report.
	///
	/// The genesis hash keeps a report from being replayed on another network. `draw` keeps it from being held against
	/// its maker: a submission that is drawn again, or on a fork, has another sample and so another true verdict.
	pub fn signing_payload(&self, genesis: &H256, draw: &DrawId) -> Vec<u8> {
		(SCORE_CONTEXT, genesis, draw, self).encode()
	}
}

wire! {
	/// Attestation: "I have all bytes of this submission's candidate, and serve them to every peer."
	#[derive(Copy, MaxEncodedLen)]
	pub struct Attestation {
		/// The submission.
		pub submission: SubmissionId,
		/// Hash of the candidate's blob. On a fork the number may mean another candidate.
		pub blob: H256,
	}
}

impl Attestation {
	/// The bytes the operator's session key signs: context, genesis hash of the chain, attestation.
	pub fn signing_payload(&self, genesis: &H256) -> Vec<u8> {
		(ATTESTATION_CONTEXT, genesis, self).encode()
	}
}

wire! {
	/// A promise of a verdict: its hash together with a salt and the member's account.
	#[derive(Copy, MaxEncodedLen)]
	pub struct ScoreSeal {
		/// The submission.
		pub submission: SubmissionId,
		/// [`seal_hash`] of what will be revealed.
		pub seal: H256,
	}
}

impl ScoreSeal {
	/// The bytes the operator's session key signs: context, genesis hash of the chain, draw, seal.
	///
	/// `draw` names one draw of one candidate: a submission can be drawn again, and its number can mean another candidate
	/// on a fork. A seal that could be carried there could not be opened, which costs its maker.
	pub fn signing_payload(&self, genesis: &H256, draw: &H256) -> Vec<u8> {
		(SEAL_CONTEXT, genesis, draw, self).encode()
	}
}

/// Blake2b-256 over a verdict's digest, a salt and the member's account: equal verdicts have different seals, and a
/// seal copied by another operator can never be opened by it.
pub fn seal_hash(digest: &H256, salt: &H256, account: &impl Encode) -> H256 {
	H256(sp_crypto_hashing::blake2_256(&(digest, salt, account).encode()))
}
