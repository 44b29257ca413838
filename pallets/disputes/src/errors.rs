//! Errors of the calls: the fact in the way, and what to do about it.

use frame_support::pallet_macros::pallet_section;

/// Section of the pallet.
#[pallet_section]
mod errors {
	#[pallet::error]
	pub enum Error<T> {
		/// Claims about this subject cannot be disputed (any more, or yet).
		NotDisputable,
		/// No operator claims this digest about the subject.
		ClaimUnknown,
		/// A claim cannot be put against itself.
		SameClaim,
		/// The claim has fallen already; there is nothing left to dispute.
		AlreadyRefuted,
		/// These two claims play already. Anybody may move for either side.
		AlreadyPlaying,
		/// The numbers of the claim contradict each other or the sample.
		ClaimInconsistent,
		/// The subject has no computation of that part that could be played about.
		StatementUnknown,
		/// There is no open game of this number.
		GameUnknown,
		/// This side owes no opening now: it has moved, or something else is asked for.
		NotOwed,
		/// This side's clock ran out. Anybody may claim that.
		ClockRanOut,
		/// The opening is larger than any can be.
		OpeningTooLarge,
		/// The opening is of another kind than what is asked for.
		OpeningOfWrongKind,
		/// The opening has another number of children than the node.
		OpeningOfWrongLength,
		/// The opening does not lead to what the side has committed to.
		OpeningNotCommitted,
		/// The game is not at a block that could be computed.
		NotExecuting,
		/// The witness is larger than `WITNESS_BYTES_MAX`.
		WitnessTooLarge,
		/// The witness ends early, goes on too long, or holds another kind of evidence than is read next.
		WitnessMalformed,
		/// The witness does not lead to what both sides agreed on, or to the roots of the statement.
		WitnessUnproven,
		/// No clock has run out in this game.
		ClockStillRuns,
		/// No claim of this game has fallen elsewhere.
		NothingToSettle,
		/// The subject has no candidate.
		CandidateUnknown,
		/// The bytes are not what the candidate's blob hash names.
		WrongBytes,
		/// These bytes refute no claim that still stands.
		NothingRefuted,
		/// The claim is no score: an operator that claims that there is no expert owes its bytes in a game.
		NotAScore,
		/// The candidate's block has no such tile.
		TileUnknown,
		/// The tile is demanded of this claim already.
		AlreadyDemanded,
		/// This tile of this claim is not demanded.
		DemandUnknown,
		/// The evidence is not that tile of the candidate's block.
		TileUnproven,
		/// The demand's window is open, and the claim stands.
		DemandStillRuns,
		/// The reports are not two different verdicts on one submission.
		NoEquivocation,
		/// A signature is not by this key.
		BadSignature,
		/// The key belongs to no operator.
		KeyUnknown,
		/// No other claim stands against this one.
		NoOpponent,
		/// As many appeals as there can be wait for this game.
		TooManyAppeals,
		/// The chain knows no such draw of this submission, or has forgotten it.
		DrawUnknown,
		/// This offence is on record already; there is nothing to add to it.
		AlreadyReported,
		/// The claims follow another version of the definition than this runtime. They can be neither proven nor refuted:
		/// `settle` and `close_demand` end what is open about them, and bonds return.
		DefinitionChanged,
		/// The operator may not be drawn now, so its word alone demands nothing. Put up a bond: `demand_tile`.
		NotEligible,
		/// So much is pending against this operator that no further offence can be recorded now; try again later.
		TooMuchPending,
		/// This account has committed to this finding already.
		AlreadyCommitted,
		/// This account has not committed to this finding. Call `commit` with `finding_hash` of this call's arguments, and
		/// repeat the call when the commitment is `CommitmentAge` blocks old.
		NotCommitted,
		/// The commitment is younger than `CommitmentAge` blocks. Wait, and do not show the finding before.
		CommitmentTooYoung,
		/// The program has more operators or positions than a game holds, or its architecture is unknown: no claim about it can fall.
		ComputationTooLarge,
		/// Only the candidate's bytes could decide, and they are more than `MaxBlobBytes`. Demand tiles, or challenge with a score.
		CandidateTooLarge,
	}
}
