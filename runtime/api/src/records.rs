//! Types of the answers to clients.

use crate::{AccountId, Balance, BlockNumber};
use alloc::vec::Vec;
use blyan_primitives::{BlockRef, DrawId, ExpertSlot, HoldoutRef, SubmissionId, Verdict, VersionIndex};
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
#[scale_info(capture_docs = "always")]
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
	/// Better on the target, but it cannot be ruled out that the model is worse elsewhere.
	Regressed {
		/// Mean improvement on the guard sample in bits per byte, Q16; negative means worse.
		improvement: i64,
	},
	/// The score it was decided by was proven wrong, and it could not be judged again.
	Refuted,
	/// Another account submitted the same tensors, or the same bytes, and had committed to them earlier. The fee is gone.
	Preempted,
	/// It is a near copy of another miner's expert. The bond is gone.
	Copied,
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
#[scale_info(capture_docs = "always")]
pub enum ExpiryReason {
	/// Too few eligible operators, no holdout, or no fresh randomness until the draw's window closed.
	NoCommittee,
	/// No member of the committee revealed a verdict; most likely the blob never reached them.
	NoReports,
	/// Too few operators had its bytes in time; they were not uploaded, or reached none.
	BytesMissing,
}

/// Outcome of a submission.
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
pub enum SubmissionOutcome {
	/// It is, or was, the head of its slot.
	Accepted {
		/// Version it became.
		version: VersionIndex,
		/// Mean improvement in bits per byte, Q16.
		improvement: u64,
		/// The miner's reward; on hold until the decision matures.
		#[serde(with = "blyan_primitives::json::decimal")]
		reward: Balance,
	},
	/// It did not join the model.
	Rejected(RejectReason),
	/// No operator could judge it.
	Expired(ExpiryReason),
	/// Its miner took it back before the draw.
	Withdrawn,
}

/// One member of a committee.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub struct CommitteeSeat {
	/// The operator.
	pub operator: AccountId,
	/// True once it has sealed a verdict.
	pub sealed: bool,
	/// Revealed verdict, if any.
	pub verdict: Option<Verdict>,
}

/// Stage of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub enum EvaluationStage {
	/// Members evaluate and seal what they found.
	Sealing,
	/// All have sealed, or had their time; members open their seals.
	Revealing,
	/// The first committee has sealed; the second one is about to be drawn.
	Drawing,
}

/// An evaluation on its way.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub struct ActiveEvaluation {
	/// Present stage.
	pub stage: EvaluationStage,
	/// Names this draw: members sign their seals for it and for no other.
	pub draw: H256,
	/// Seed of the sample.
	pub seed: H256,
	/// Sequences in the sample.
	pub sample: u32,
	/// Where the sample comes from.
	pub holdout: HoldoutRef,
	/// Where the sample comes from that must not get worse.
	pub guard: Option<HoldoutRef>,
	/// Seals are accepted up to and including this block.
	pub seal_deadline: BlockNumber,
	/// Verdicts are accepted up to and including this block.
	pub reveal_deadline: BlockNumber,
	/// Members that have sealed.
	pub sealed: u32,
	/// Members that have revealed.
	pub revealed: u32,
	/// Required mean improvement in bits per byte, Q16.
	pub delta: u32,
	/// Loss of quality on the guard sample that is tolerable, in bits per byte, Q16.
	pub guard_tolerance: u32,
	/// Standard errors by which the requirement must be exceeded, in thousandths, on this attempt.
	pub t_milli: u32,
	/// Members, and what they revealed.
	pub committee: Vec<CommitteeSeat>,
}

/// A decision that can still be disputed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub struct DecidedSubmission {
	/// Names the draw that was decided: what disputes are about.
	pub draw: DrawId,
	/// Outcome. An accepted expert is the head already.
	pub outcome: SubmissionOutcome,
	/// When it was decided.
	pub decided_at: BlockNumber,
	/// When rewards are due, unless a dispute is open.
	pub matures_at: BlockNumber,
	/// Disputes that are open.
	pub disputes: u32,
	/// True if the score it was decided by was proven wrong.
	pub refuted: bool,
	/// Hash of the verdict that decided, if one did.
	pub digest: Option<H256>,
	/// The miner's reward on hold.
	#[serde(with = "blyan_primitives::json::decimal")]
	pub held: Balance,
	/// Members, and what they revealed.
	pub committee: Vec<CommitteeSeat>,
}

/// Where a submission stands.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
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
	/// Decided, and open to disputes.
	Decided(DecidedSubmission),
	/// Over.
	Closed {
		/// Outcome.
		outcome: SubmissionOutcome,
		/// When.
		at: BlockNumber,
	},
	/// Its bytes are to be uploaded; it is queued when enough operators have them.
	Announced {
		/// Operators that have attested.
		attested: u32,
		/// Operators that must.
		needed: u32,
		/// Last block for that.
		until: BlockNumber,
	},
}

/// One submission as clients read it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub struct SubmissionInfo {
	/// Its number.
	pub id: SubmissionId,
	/// The account that submitted it.
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

/// Terms on which the chain takes a miner's next submission.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub struct SubmissionTerms {
	/// Held until the decision stands, lost if the bytes are invalid or the expert was accepted for a false score.
	#[serde(with = "blyan_primitives::json::decimal")]
	pub bond: Balance,
	/// Price of an evaluation where nothing waits in front of it; it pays those who judge, and does not come back.
	#[serde(with = "blyan_primitives::json::decimal")]
	pub fee: Balance,
	/// Price at the end of the longest queue.
	#[serde(with = "blyan_primitives::json::decimal")]
	pub fee_max: Balance,
	/// Leading zero bits of the proof of work.
	pub pow_bits: u32,
	/// The proof of work may name any of the last so many blocks.
	pub pow_window: BlockNumber,
	/// True if the miner has earned the larger quota and the lighter proof of work.
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
	/// Permitted chance, over all attempts together, of accepting from a miner that never improves; in millionths.
	pub alpha: u32,
	/// Attempts this miner has made since its last acceptance; the next one has less of alpha.
	pub attempts: u32,
	/// Standard errors by which the next attempt must exceed the requirement, in thousandths.
	pub t_milli: u32,
	/// Loss of quality on the guard sample that is tolerable, in bits per byte, Q16.
	pub guard_tolerance: u32,
	/// Sequences a committee evaluates.
	pub sample: u32,
	/// Blocks that a commitment must be old before a submission can open it.
	pub commit_age: BlockNumber,
	/// Held for a commitment until it is opened; lost if it expires.
	#[serde(with = "blyan_primitives::json::decimal")]
	pub commit_deposit: Balance,
}

/// A commitment that has neither been opened nor expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub struct CommitmentInfo {
	/// The hash: `blyan_primitives::commitment_hash`.
	pub commitment: H256,
	/// Block in which it was made.
	pub committed_at: BlockNumber,
	/// First block in which a submission can open it.
	pub opens_at: BlockNumber,
	/// Last block in which a submission can open it.
	pub expires_at: BlockNumber,
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_primitives::{
		BlobRef, EvaluationOutcome, ModelBody, ModelConfig, ModelInfo, ModelVersion, Score,
	};

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
		let target = EvaluationOutcome { sum_diff_sq: u128::MAX, ..Default::default() };
		let verdict = Verdict::Scored(Score { target, guard: Some(EvaluationOutcome::default()) });
		let holdout = HoldoutRef {
			root: H256([2; 32]),
			blob: BlobRef { hash: H256([3; 32]), size: 32 },
			sequences: 2,
			sequence_len: 16,
		};
		let committee = [Some(verdict), Some(Verdict::Invalid), None]
			.map(|verdict| CommitteeSeat { operator: AccountId::new([9; 32]), sealed: true, verdict })
			.to_vec();
		let evaluation = ActiveEvaluation {
			stage: EvaluationStage::Revealing,
			draw: H256([8; 32]),
			seed: H256([1; 32]),
			sample: 64,
			holdout,
			guard: Some(holdout),
			seal_deadline: 100,
			reveal_deadline: 120,
			sealed: 3,
			revealed: 2,
			delta: 32,
			guard_tolerance: 656,
			t_milli: 3_200,
			committee: committee.clone(),
		};
		let accepted = SubmissionOutcome::Accepted { version: 1, improvement: 40, reward: u128::MAX };
		let rejected = SubmissionOutcome::Rejected(RejectReason::NotBetter { improvement: -5 });
		let regressed = SubmissionOutcome::Rejected(RejectReason::Regressed { improvement: i64::MIN });
		let decided = DecidedSubmission {
			draw: H256([7; 32]),
			outcome: accepted,
			decided_at: 121,
			matures_at: 721,
			disputes: 1,
			refuted: false,
			digest: Some(verdict.digest()),
			held: u128::MAX,
			committee,
		};
		for state in [
			SubmissionState::Queued { ahead: 1, draw_from: 9 },
			SubmissionState::Announced { attested: 1, needed: 2, until: 9 },
			SubmissionState::Evaluating(evaluation),
			SubmissionState::Decided(decided),
			SubmissionState::Closed { outcome: accepted, at: 10 },
			SubmissionState::Closed { outcome: rejected, at: 11 },
			SubmissionState::Closed { outcome: regressed, at: 12 },
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

	#[test]
	fn money_and_sums_are_decimal_strings_in_json() {
		let outcome = EvaluationOutcome {
			baseline_loss: u64::MAX,
			candidate_loss: 1 << 53,
			sum_diff: i64::MIN,
			sum_diff_sq: u128::MAX,
			..Default::default()
		};
		let seat = CommitteeSeat {
			operator: AccountId::new([9; 32]),
			sealed: true,
			verdict: Some(Verdict::Scored(Score { target: outcome, guard: None })),
		};
		let decided = DecidedSubmission {
			draw: H256([7; 32]),
			outcome: SubmissionOutcome::Accepted { version: 1, improvement: 40, reward: u128::MAX },
			decided_at: 121,
			matures_at: 721,
			disputes: 0,
			refuted: false,
			digest: None,
			held: 10_100_000_000_000_001,
			committee: vec![seat],
		};
		let json = serde_json::to_value(info(SubmissionState::Decided(decided))).unwrap();
		let state = &json["state"]["Decided"];
		assert_eq!(state["held"], "10100000000000001");
		assert_eq!(state["outcome"]["Accepted"]["reward"], u128::MAX.to_string());
		let target = &state["committee"][0]["verdict"]["Scored"]["target"];
		assert_eq!(target["baseline_loss"], u64::MAX.to_string());
		assert_eq!(target["candidate_loss"], "9007199254740992");
		assert_eq!(target["sum_diff"], i64::MIN.to_string());
		assert_eq!(target["sum_diff_sq"], u128::MAX.to_string());
	}

	#[test]
	fn a_models_name_is_text_in_json() {
		let model = ModelInfo {
			id: 0,
			name: b"Blyan Rust 2.4M".to_vec(),
			body: ModelBody::First {
				config: ModelConfig {
					d_model: 64,
					d_ff: 64,
					layers: 1,
					heads: 1,
					experts: 1,
					top_k: 1,
					context: 8,
				},
				trunk: info(SubmissionState::Queued { ahead: 0, draw_from: 0 }).block,
			},
			version: ModelVersion { major: 1, minor: 0, patch: 0 },
			generation: 0,
			parts: vec![],
			heads: vec![],
		};
		let json = serde_json::to_value(&model).unwrap();
		assert_eq!(json["name"], "Blyan Rust 2.4M");
		assert_eq!(serde_json::from_value::<ModelInfo>(json).unwrap(), model);
		let odd = ModelInfo { name: vec![b'a', 0xff], ..model };
		assert_eq!(serde_json::to_value(&odd).unwrap()["name"], "a\u{fffd}");
	}
}
