//! Errors of the calls: the fact in the way, and what to do about it.

use frame_support::pallet_macros::pallet_section;

/// Section of the pallet.
#[pallet_section]
mod errors {
	#[pallet::error]
	pub enum Error<T> {
		/// The account is an operator already.
		AlreadyRegistered,
		/// The account is no operator; `register` makes it one.
		NotRegistered,
		/// As many operators are registered as the chain has room for; `outbid` displaces the one with the least at stake.
		TooManyOperators,
		/// An operator has this session key, or had it until recently; generate a new one.
		KeyTaken,
		/// The proof is no signature of the session key over the account on this chain.
		ProofInvalid,
		/// A capability bit has no meaning, or none is set.
		CapabilitiesInvalid,
		/// The region is no two capital letters of ISO 3166-1.
		RegionInvalid,
		/// The operator is leaving; it can only withdraw.
		Exiting,
		/// The operator has not called `exit`.
		NotExiting,
		/// The unbonding period is not over.
		StillUnbonding,
		/// The account was banned; nothing lifts that.
		Banned,
		/// The registration bond is higher than what was accepted; it falls with time.
		BondTooHigh,
		/// An offence awaits its decision; try again when it is settled.
		OffencePending,
		/// Another operator committed to this hardware.
		HardwareTaken,
		/// No operator challenges itself.
		OwnHardware,
		/// The operator commits to no hardware; there is nothing to challenge.
		NoHardware,
		/// A hardware challenge is open; it has to be answered or missed first.
		ChallengeOpen,
		/// There is no challenge, or it asks for another component.
		NotChallenged,
		/// The opening does not lead to the committed root.
		OpeningInvalid,
		/// Nothing is due: the appointed seed is not known yet, or the time for the answer is not over.
		NothingDue,
		/// The operator was heard, or its silence was reported, or has not lasted long enough.
		NotSilent,
		/// The operator is not in quarantine.
		NotQuarantined,
		/// The quarantine is not over.
		StillQuarantined,
		/// The stake is below what the capabilities need; `top_up` first, or bid more.
		StakeTooLow,
		/// The capabilities lack what the role is about: `EVALUATE` of an evaluator, `SERVE` of a server, `DISK` of a keeper.
		RoleUnsupported,
		/// The operator names itself as its owner; it belongs to itself without that.
		OwnOwner,
		/// The account belongs to an owner, or did until it was dissolved and the delay is not over.
		HasOwner,
		/// The account owns operators, so it cannot belong to another account.
		OwnsOperators,
		/// The operator has not named the caller as its owner; it calls `declare_owner` first.
		NotDeclared,
		/// The operator has no owner, or the caller is neither the operator nor its owner.
		NotRelated,
		/// The ownership is dissolved already and ends by itself.
		OwnershipEnding,
		/// The operator replaced its session key too often; the oldest are forgotten after the unbonding period.
		TooManyRetiredKeys,
		/// Every operator that may be displaced has nearly as much at stake or more; bid a tenth more than the least.
		BidTooLow,
		/// Something that the operator claimed can still be disputed; try again when that is over.
		ClaimsOpen,
		/// The account is banned for a time; `BannedUntil` says for how long.
		BannedForNow,
	}
}
