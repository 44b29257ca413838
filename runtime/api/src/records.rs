//! What the questions are answered with.

use crate::{AccountId, Balance, BlockNumber};
use alloc::vec::Vec;
use blyan_primitives::{BlockRef, ExpertSlot, HoldoutRef, SubmissionId, Verdict, VersionIndex};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Why a submission that was looked at did not join the model.
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
pub enum RejectReason {
	/// The mean improvement does not exceed the required one.
	NotBetter {
		/// Mean improvement in bits per byte, Q16; negative means worse.
		improvement: i64,
	},
	/// Better on average, but not by enough standard errors to rule out luck.
	NotCertain {
		/// Mean improvement in bits per byte, Q16.
		improvement: i64,
	},
	/// The bytes are no valid expert for the slot. The bond is gone.
	Invalid,
	/// No verdict had two thirds of the committee behind it.
	NoAgreement,
	/// Another expert took the slot, or the model changed, in the meantime.
	Stale,
	/// The registry refused the new head.
	NotPromotable,
}

/// Why a submission ended without a verdict.
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
pub enum ExpiryReason {
	/// Too few eligible operators, no holdout, or no fresh randomness until the draw's window closed.
	NoCommittee,
	/// No member of the committee reported; most likely the blob never reached them.
	NoReports,
}

/// How a submission ended.
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
pub enum SubmissionOutcome {
	/// It is, or was, the head of its slot.
	Accepted {
		/// Version it became.
		version: VersionIndex,
		/// Mean improvement in bits per byte, Q16.
		improvement: u64,
		/// What the miner was paid.
		reward: Balance,
	},
	/// It did not join the model.
	Rejected(RejectReason),
	/// Nobody could judge it.
	Expired(ExpiryReason),
	/// Its miner took it back before the draw.
	Withdrawn,
}

/// One member of a committee.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
pub struct CommitteeSeat {
	/// The operator.
	pub operator: AccountId,
	/// What it reported, if it has.
	pub verdict: Option<Verdict>,
}

/// An evaluation on its way.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
pub struct ActiveEvaluation {
	/// Seed of the sample.
	pub seed: H256,
	/// Sequences in the sample.
	pub sample: u32,
	/// Where the sample comes from.
	pub holdout: HoldoutRef,
	/// Reports are accepted up to and including this block.
	pub deadline: BlockNumber,
	/// Required mean improvement in bits per byte, Q16.
	pub delta: u32,
	/// Members and their reports.
	pub committee: Vec<CommitteeSeat>,
}

/// Where a submission stands.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
pub enum SubmissionState {
	/// Waits for its draw.
	Queued {
		/// Submissions to the same model that are served before it.
		ahead: u32,
		/// Earliest block of the draw.
		draw_from: BlockNumber,
	},
	/// A committee is at work.
	Evaluating(ActiveEvaluation),
	/// Over.
	Closed {
		/// How it ended.
		outcome: SubmissionOutcome,
		/// When.
		at: BlockNumber,
	},
}

/// One submission as clients read it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
pub struct SubmissionInfo {
	/// Its number.
	pub id: SubmissionId,
	/// Who submitted it.
	pub miner: AccountId,
	/// The slot it is for.
	pub slot: ExpertSlot,
	/// Version of the head it was trained from.
	pub parent: VersionIndex,
	/// Its tensors.
	pub block: BlockRef,
	/// Hash of the training manifest.
	pub manifest: H256,
	/// When it was submitted.
	pub submitted_at: BlockNumber,
	/// Where it stands.
	pub state: SubmissionState,
}

/// What the chain asks of a miner's next submission.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
pub struct SubmissionTerms {
	/// Held while the submission is open, lost if its bytes are invalid.
	pub bond: Balance,
	/// Leading zero bits of the proof of work.
	pub pow_bits: u32,
	/// The proof of work may name any of the last so many blocks.
	pub pow_window: BlockNumber,
	/// Whether the miner has earned the larger quota and the lighter proof of work.
	pub trusted: bool,
	/// Submissions left today.
	pub quota_left: u32,
	/// Blocks until the quota is full again.
	pub quota_renews_in: BlockNumber,
	/// Submissions this miner may still open before one of its own closes.
	pub open_left: u32,
	/// Largest block in bytes.
	pub block_bytes_max: u32,
	/// Required mean improvement in bits per byte, Q16.
	pub delta: u32,
	/// Standard errors the improvement must clear the requirement by, in thousandths, on a first attempt.
	pub z_milli: u32,
	/// Sequences a committee evaluates.
	pub sample: u32,
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_primitives::{BlobRef, EvaluationOutcome};

	fn info(state: SubmissionState) -> SubmissionInfo {
		SubmissionInfo {
			id: 7,
			miner: AccountId::new([1; 32]),
			slot: ExpertSlot { model: 0, layer: 1, expert: 2 },
			parent: 3,
			block: BlockRef { tensor_root: H256([4; 32]), blob: BlobRef { hash: H256([5; 32]), size: 600 } },
			manifest: H256([6; 32]),
			submitted_at: 8,
			state,
		}
	}

	#[test]
	fn submissions_round_trip_through_json_and_scale() {
		let verdict = Verdict::Scored(EvaluationOutcome { sum_diff_sq: u128::MAX, ..Default::default() });
		let evaluation = ActiveEvaluation {
			seed: H256([1; 32]),
			sample: 64,
			holdout: HoldoutRef {
				root: H256([2; 32]),
				blob: BlobRef { hash: H256([3; 32]), size: 32 },
				sequences: 2,
				sequence_len: 16,
			},
			deadline: 100,
			delta: 32,
			committee: [Some(verdict), Some(Verdict::Invalid), None]
				.map(|verdict| CommitteeSeat { operator: AccountId::new([9; 32]), verdict })
				.to_vec(),
		};
		let accepted = SubmissionOutcome::Accepted { version: 1, improvement: 40, reward: u128::MAX };
		let rejected = SubmissionOutcome::Rejected(RejectReason::NotBetter { improvement: -5 });
		for state in [
			SubmissionState::Queued { ahead: 1, draw_from: 9 },
			SubmissionState::Evaluating(evaluation),
			SubmissionState::Closed { outcome: accepted, at: 10 },
			SubmissionState::Closed { outcome: rejected, at: 11 },
		] {
			let info = info(state);
			let json = serde_json::to_string(&info).unwrap();
			assert_eq!(serde_json::from_str::<SubmissionInfo>(&json).unwrap(), info);
			assert_eq!(SubmissionInfo::decode(&mut &info.encode()[..]).unwrap(), info);
		}
	}

	#[test]
	fn accounts_and_roots_are_text_in_json() {
		let json = serde_json::to_value(info(SubmissionState::Queued { ahead: 0, draw_from: 0 })).unwrap();
		assert_eq!(json["miner"].as_str().unwrap().len(), 48);
		assert!(json["block"]["tensor_root"].as_str().unwrap().starts_with("0x0404"));
	}
}
