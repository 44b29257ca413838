//! Events: changes of the chain's state, for those who follow it.

use frame_support::pallet_macros::pallet_section;

/// Section of the pallet.
#[pallet_section]
mod events {
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A candidate is on the chain; its bytes may be uploaded to any node now.
		Submitted {
			/// Its number.
			submission: SubmissionId,
			/// Who submitted it.
			miner: T::AccountId,
			/// The slot it is for.
			slot: ExpertSlot,
			/// Version it was trained from.
			parent: VersionIndex,
			/// Its tensors.
			block: BlockRef,
			/// Which attempt since the miner's last acceptance it is, counted from one.
			attempt: u32,
			/// The bond on hold.
			bond: BalanceOf<T>,
			/// What the evaluation costs, on hold too.
			fee: BalanceOf<T>,
		},
		/// The miner took a submission back before its draw.
		Withdrawn {
			/// The submission.
			submission: SubmissionId,
			/// Its miner.
			miner: T::AccountId,
		},
		/// A committee is to score a submission.
		CommitteeDrawn {
			/// The submission.
			submission: SubmissionId,
			/// Its committee.
			committee: Vec<T::AccountId>,
			/// Seed of the sample.
			seed: H256,
			/// Sequences in the sample.
			sample: u32,
			/// Last block that accepts seals.
			seal_deadline: BlockNumberFor<T>,
			/// Last block that accepts verdicts; earlier if all seal early.
			reveal_deadline: BlockNumberFor<T>,
		},
		/// An operator has a candidate's bytes.
		BytesAttested {
			/// The submission.
			submission: SubmissionId,
			/// The operator.
			operator: T::AccountId,
		},
		/// The first committee has sealed, and a second one of operators that are not in it is to score the submission too.
		SecondCommitteeDrawn {
			/// The submission.
			submission: SubmissionId,
			/// The second committee.
			committee: Vec<T::AccountId>,
			/// Last block that accepts its seals.
			seal_deadline: BlockNumberFor<T>,
		},
		/// The committees came to no decision, so the submission keeps its place and is drawn again.
		Redrawn {
			/// The submission.
			submission: SubmissionId,
			/// The draw that came to nothing.
			draw: DrawId,
			/// Which redraw it is, counted from one.
			redraw: u32,
		},
		/// What an evaluation cost its miner went to those who agreed.
		FeePaid {
			/// The submission.
			submission: SubmissionId,
			/// What each was paid.
			each: BalanceOf<T>,
			/// How many.
			members: u32,
		},
		/// A member of the committee sealed what it found.
		ScoreSealed {
			/// The submission.
			submission: SubmissionId,
			/// The member.
			operator: T::AccountId,
			/// The seal.
			seal: H256,
		},
		/// A member of the committee revealed what it had sealed.
		ScoreRevealed {
			/// The submission.
			submission: SubmissionId,
			/// The member.
			operator: T::AccountId,
			/// Its finding.
			verdict: Verdict,
			/// Hash of the finding; equal hashes agree to the bit.
			digest: H256,
		},
		/// A member that could not seal finds another score than the one that decided.
		Objected {
			/// The submission.
			submission: SubmissionId,
			/// The member.
			operator: T::AccountId,
			/// Its finding.
			verdict: Verdict,
			/// Hash of the finding.
			digest: H256,
		},
		/// A member opened its seal after its time, so the offence of not opening it is gone.
		ScoreRevealedLate {
			/// The submission.
			submission: SubmissionId,
			/// The member.
			operator: T::AccountId,
			/// Its finding.
			verdict: Verdict,
			/// Hash of the finding.
			digest: H256,
		},
		/// The candidate is the new head of its slot; the reward waits until the decision matures.
		Accepted {
			/// The submission.
			submission: SubmissionId,
			/// Its miner.
			miner: T::AccountId,
			/// The slot.
			slot: ExpertSlot,
			/// Version of the new head.
			version: VersionIndex,
			/// Mean improvement in bits per byte, Q16.
			improvement: u64,
			/// What the miner was paid, on hold.
			reward: BalanceOf<T>,
		},
		/// A decision stands for good.
		Matured {
			/// The submission.
			submission: SubmissionId,
		},
		/// A matured reward belongs to its miner.
		RewardReleased {
			/// The submission.
			submission: SubmissionId,
			/// Its miner.
			miner: T::AccountId,
			/// What was released.
			amount: BalanceOf<T>,
		},
		/// The verdict that a decision rests on was proven wrong.
		DecisionRefuted {
			/// The submission.
			submission: SubmissionId,
			/// Hash of the verdict.
			digest: H256,
			/// The new head, if an accepted expert was taken back; it may have been replaced before.
			reverted_to: Option<VersionIndex>,
			/// The reward that was taken.
			cancelled: BalanceOf<T>,
		},
		/// A submission whose decision was refuted waits for a fresh draw.
		Returned {
			/// The submission.
			submission: SubmissionId,
			/// Its miner.
			miner: T::AccountId,
		},
		/// The candidate did not join the model.
		Rejected {
			/// The submission.
			submission: SubmissionId,
			/// Its miner.
			miner: T::AccountId,
			/// The slot.
			slot: ExpertSlot,
			/// Why.
			reason: RejectReason,
		},
		/// Nobody could judge the candidate.
		Expired {
			/// The submission.
			submission: SubmissionId,
			/// Its miner.
			miner: T::AccountId,
			/// Why.
			reason: ExpiryReason,
		},
		/// The bond of a submission whose bytes were no expert is gone.
		BondSlashed {
			/// The submission.
			submission: SubmissionId,
			/// Its miner.
			miner: T::AccountId,
			/// What was taken.
			amount: BalanceOf<T>,
		},
		/// A member whose report agreed with the decision, or the keeper of a sealed chunk that it was made on, was paid.
		ValidatorPaid {
			/// The submission.
			submission: SubmissionId,
			/// The member, or keeper.
			operator: T::AccountId,
			/// What it was paid.
			amount: BalanceOf<T>,
		},
		/// A miner's trust level changed.
		TrustChanged {
			/// The miner.
			miner: T::AccountId,
			/// Whether it is trusted from now on.
			trusted: bool,
		},
		/// A model has new test sequences.
		HoldoutRegistered {
			/// The model.
			model: ModelId,
			/// The sequences.
			holdout: HoldoutRef,
		},
		/// A model has new guard sequences.
		GuardRegistered {
			/// The model.
			model: ModelId,
			/// The sequences.
			holdout: HoldoutRef,
		},
		/// A miner committed to a submission.
		Committed {
			/// The miner.
			miner: T::AccountId,
			/// The hash.
			commitment: H256,
			/// The deposit on hold.
			deposit: BalanceOf<T>,
		},
		/// A commitment was not opened in time; its deposit is gone.
		CommitmentExpired {
			/// The miner.
			miner: T::AccountId,
			/// The hash.
			commitment: H256,
			/// The deposit.
			deposit: BalanceOf<T>,
		},
		/// A submission was proven to be a near copy of another miner's expert.
		CopyProven {
			/// The copy.
			submission: SubmissionId,
			/// The expert that it is a copy of.
			original: Original,
			/// Account that proved it.
			reporter: T::AccountId,
			/// Likeness of their changes in thousandths: `blyan_exact::similarity`.
			likeness: u32,
			/// Share of the bond that was paid to the reporter.
			bounty: BalanceOf<T>,
		},
		/// A copy that had been accepted was taken back.
		AcceptanceCancelled {
			/// The submission.
			submission: SubmissionId,
			/// The new head, if the copy still was the head.
			reverted_to: Option<VersionIndex>,
			/// The reward that was taken.
			cancelled: BalanceOf<T>,
		},
	}
}
