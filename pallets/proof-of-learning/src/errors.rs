//! Errors of the calls: the fact in the way, and what to do about it.

use frame_support::pallet_macros::pallet_section;

/// Section of the pallet.
#[pallet_section]
mod errors {
	#[pallet::error]
	pub enum Error<T> {
		/// The registry has no such slot; its model's configuration says which exist.
		SlotUnknown,
		/// The parent is not the head of the slot (any more). Train from the current head.
		ParentNotHead,
		/// The blob is empty or larger than `MaxBlockBytes`, or, for a slot of the second definition, not as long as the architecture says.
		BlobSizeOutOfRange,
		/// These tensors or bytes are part of a model already, or of a submission with an older commitment.
		DuplicateBlock,
		/// As many submissions are open as the chain holds. Try again when some are decided.
		TooManyOpen,
		/// As many of your submissions are open as one miner may have. Wait for a decision.
		TooManyOpenByMiner,
		/// Today's uploads are used up.
		QuotaExceeded {
			/// Blocks until the quota is full again, at most 65,535.
			renews_in: u16,
		},
		/// The proof of work names a block that is too old, or not of this chain. Take a newer one.
		PowBlockUnknown,
		/// The proof of work has too few leading zero bits for this miner. `LearningApi::terms` says how many.
		PowTooWeak,
		/// There is no open submission of this number.
		SubmissionUnknown,
		/// Only the miner of a submission may take it back.
		NotTheMiner,
		/// The committee is drawn; the decision follows without being asked.
		AlreadyDrawn,
		/// Nothing is due for this submission yet.
		NothingDue,
		/// The submission has no committee that could seal or reveal anything.
		NotEvaluating,
		/// The deadline for seals, or for verdicts, has passed.
		WindowClosed,
		/// The key belongs to no member of the committee.
		NotInCommittee,
		/// This member has sealed a verdict; it cannot be replaced.
		AlreadySealed,
		/// Some members may still seal. Reveal when all have, or when the deadline for seals has passed.
		StillSealing,
		/// This member sealed nothing, so there is nothing to reveal.
		NotSealed,
		/// Verdict, salt and account are not what this member sealed.
		SealMismatch,
		/// This member has revealed its verdict.
		AlreadyRevealed,
		/// The numbers of the verdict contradict each other or the samples, or a part is missing or too many.
		ScoreInconsistent,
		/// There is no decision of this number that waits to mature.
		DecisionUnknown,
		/// The decision can still be disputed, or is being disputed.
		NotMature,
		/// The registry has no such model.
		ModelUnknown,
		/// Sequences, their length and the blob's size do not fit together or the model.
		HoldoutMalformed,
		/// The submission waits for no bytes of this hash.
		NothingToAttest,
		/// This operator has attested to these bytes already.
		AlreadyAttested,
		/// The verdict is not the one that stood and can no longer be disputed, or its draw is forgotten. Appeal the offence.
		TooLateToReveal,
		/// The finding is the one that decided, or nothing was decided.
		NothingToObject,
		/// This account has made this commitment already.
		CommitmentKnown,
		/// As many commitments of this account wait to be opened as one may have. Open one, or wait until one expires.
		TooManyCommitments,
		/// This account has no commitment to this block, slot and salt, or it has expired. Call `commit` first.
		CommitmentUnknown,
		/// The commitment is not `CommitAge` blocks old. Submit again when it is.
		CommitmentTooYoung,
		/// A committee evaluates the same block of an account that committed later. Submit again then: your commitment stays.
		DuplicateInEvaluation,
		/// The submission earned nothing, or its decision has matured.
		NothingToTakeBack,
		/// The original is not on record (any more), is for another slot, or the copy's parent is forgotten.
		OriginalUnknown,
		/// The original came, or was committed to, after the copy: the copy may be the original.
		OriginalNotEarlier,
		/// Both experts are one miner's.
		SameMiner,
		/// A tile is not the one of its block that the tensor root names.
		TileUnproven,
		/// The neurons that are said to have moved are not in the tiles, or did not move.
		EvidenceMalformed,
		/// The original changes too few weights of this tile. Take another one.
		SampleTooSmall,
		/// The changes are not alike enough. Trained apart, experts agree as much.
		NotACopy,
		/// The submission was accepted for a false score, and is judged again. Its bond is on hold until then.
		JudgedAgain,
		/// The call is not for these experts: `report_copy` is for the first definition, `report_open_copy` for adapters of the second of
		/// rank four or more that lie in few tiles. Of all others only equal tensors are refused, by `submit`.
		CopiesNotMeasured,
		/// Scores could not be disputed: at this length some witness fits no call, or the program is too long for any. Cut sequences shorter.
		HoldoutNotDisputable,
	}
}
