//! Events, and errors of the calls: the fact in the way, and what to do about it.

use frame_support::pallet_macros::pallet_section;

/// Section of the pallet.
#[pallet_section]
mod events {
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An epoch began: proposals are taken.
		EpochOpened {
			/// The epoch.
			epoch: EpochId,
			/// Last moment for proposals and endorsements.
			until: BlockNumberFor<T>,
		},
		/// An architecture was proposed.
		Proposed {
			/// The epoch.
			epoch: EpochId,
			/// Number of the proposal.
			proposal: ProposalId,
			/// The proposer.
			proposer: T::AccountId,
			/// Its feasibility, in millionths.
			feasibility: u32,
		},
		/// A voice endorsed a proposal.
		Endorsed {
			/// The proposal.
			proposal: ProposalId,
			/// The voice.
			voice: T::AccountId,
			/// Voices that endorse it by now.
			endorsements: u32,
		},
		/// A proposal is tried in this epoch.
		Selected {
			/// The epoch.
			epoch: EpochId,
			/// The proposal.
			proposal: ProposalId,
			/// Last moment for its candidate.
			until: BlockNumberFor<T>,
		},
		/// A candidate was delivered and registered.
		CandidateSubmitted {
			/// The epoch.
			epoch: EpochId,
			/// The candidate.
			candidate: ModelId,
			/// Generation of the base that it has to surpass.
			base_generation: u32,
		},
		/// A committee is to be drawn.
		EvaluationAppointed {
			/// The epoch.
			epoch: EpochId,
			/// 0, or 1 if it is drawn again.
			round: u8,
		},
		/// A committee was drawn.
		EvaluationBegan {
			/// The epoch.
			epoch: EpochId,
			/// Names the draw, and is what the tasks follow from.
			draw: H256,
			/// Its evaluators.
			evaluators: Vec<T::AccountId>,
			/// Last moment for seals.
			until: BlockNumberFor<T>,
		},
		/// An evaluator sealed its finding.
		FindingSealed {
			/// The epoch.
			epoch: EpochId,
			/// The evaluator.
			operator: T::AccountId,
		},
		/// Sealing is over; what was sealed is to be opened.
		RevealBegan {
			/// The epoch.
			epoch: EpochId,
			/// Last moment for it.
			until: BlockNumberFor<T>,
		},
		/// An evaluator opened its finding.
		FindingRevealed {
			/// The epoch.
			epoch: EpochId,
			/// The evaluator.
			operator: T::AccountId,
			/// The finding.
			finding: BenchmarkFinding,
		},
		/// An evaluator was paid for a finding that the committee agreed on.
		EvaluatorPaid {
			/// The epoch.
			epoch: EpochId,
			/// The evaluator.
			operator: T::AccountId,
			/// Amount that it was paid.
			amount: BalanceOf<T>,
		},
		/// An evaluator's finding is not the committee's. It is paid nothing.
		FindingDeparted {
			/// The epoch.
			epoch: EpochId,
			/// The evaluator.
			operator: T::AccountId,
		},
		/// An epoch was decided.
		EpochDecided {
			/// The epoch.
			epoch: EpochId,
			/// Its outcome.
			outcome: EpochOutcome,
		},
		/// A model has a successor. The model itself stays served and judged.
		Promoted {
			/// The epoch.
			epoch: EpochId,
			/// The model.
			base: ModelId,
			/// Its successor.
			successor: ModelId,
			/// Mean gain over all suites, in parts per million.
			gain_ppm: i32,
		},
		/// An account earned credits.
		CreditsGranted {
			/// The account.
			who: T::AccountId,
			/// Their number.
			amount: u32,
		},
		/// A deposit or a bond was returned, less what was lost of it.
		BondSettled {
			/// The account.
			who: T::AccountId,
			/// Amount that it got back.
			returned: BalanceOf<T>,
			/// Amount that it lost.
			lost: BalanceOf<T>,
		},
		/// All deposits and bonds of an epoch are settled.
		EpochCleaned {
			/// The epoch.
			epoch: EpochId,
			/// When the next one begins.
			next_at: BlockNumberFor<T>,
		},
		/// A model's tokenizer was named; nodes accept its blob now.
		TokenizerSet {
			/// The model.
			model: ModelId,
			/// The tokenizer.
			tokenizer: TokenizerRef,
		},
		/// A model's record was set, or inherited from its base.
		ModelRecordSet {
			/// The model.
			model: ModelId,
			/// The record.
			record: ModelRecord,
		},
		/// An operator offers GPU hours.
		GpusOffered {
			/// The epoch.
			epoch: EpochId,
			/// The operator.
			operator: T::AccountId,
			/// Its GPUs.
			gpus: u16,
			/// Hours of all of them together.
			hours: u32,
			/// Credits an hour.
			price: u32,
		},
		/// Hours were reserved; their credits are in no balance until they are settled.
		HoursReserved {
			/// The operator.
			operator: T::AccountId,
			/// Hours that were reserved now.
			hours: u32,
			/// Credits an hour.
			price: u32,
		},
		/// An operator claimed hours as worked. The proposer is to confirm them.
		HoursClaimed {
			/// The operator.
			operator: T::AccountId,
			/// The hours.
			hours: u32,
			/// Credits of the hours that it did not claim, which the proposer has back.
			returned: u32,
		},
		/// A claim was confirmed and paid, or it was not and its credits are burned.
		HoursSettled {
			/// The operator.
			operator: T::AccountId,
			/// Credits that it was paid.
			paid: u32,
			/// Credits that were burned.
			burned: u32,
		},
		/// An operator claimed nothing until the end, so the proposer has its credits back.
		HoursUnclaimed {
			/// The operator.
			operator: T::AccountId,
			/// Credits that the proposer has back.
			returned: u32,
			/// Credits that the operator lost.
			lost: u32,
		},
		/// The network's own proposal of the epoch, as it follows from the chain's state. An account that trains it adopts it.
		NetworkProposed {
			/// Number of the proposal.
			proposal: ProposalId,
			/// Record of the target architecture.
			architecture: Vec<u8>,
		},
		/// An account adopted the network's proposal: it made the deposit, and trains and delivers the candidate.
		Adopted {
			/// The proposal.
			proposal: ProposalId,
			/// Its proposer from now on.
			proposer: T::AccountId,
		},
	}
	#[pallet::error]
	pub enum Error<T> {
		/// The epoch is in another phase, or the phase's time is over. `EvolutionApi::epoch` tells when which one is.
		WrongPhase,
		/// The definition has no operators for this kind. Choose another template.
		NotSupported,
		/// The difficulty is below the template's, or above four.
		DifficultyInvalid,
		/// The least gain is below that of the difficulty, or more than 100 %.
		MinimumInvalid,
		/// Name every suite once, with as many tasks as there may be. A missing suite would fail the comparison.
		SuitesInvalid,
		/// There is no such model, or it does not follow the second definition.
		BaseUnknown,
		/// The base's tokenizer was never named, so its answers cannot be computed. A referendum names it.
		TokenizerUnknown,
		/// The target architecture cannot be tried.
		Infeasible {
			/// Why, and what to change.
			reason: Infeasibility,
		},
		/// As many proposals were made as there is room for in this epoch. Propose in the next one.
		TooManyProposals,
		/// There is no such proposal in this epoch.
		ProposalUnknown,
		/// The proposal is another account's.
		NotYourProposal,
		/// The account has no voice among the operators of this epoch. Endorse as an operator or its owner.
		NoVoice,
		/// This voice has endorsed a proposal of this epoch. An endorsement is final.
		AlreadyEndorsed,
		/// A third of all voices endorse the proposal. The others must be left to measure it.
		EndorsedEnough,
		/// An owner of operators cannot endorse its own proposal.
		OwnProposal,
		/// The candidate does not have the architecture that was proposed.
		ArchitectureDiffers,
		/// The key belongs to none of the evaluators.
		NotAnEvaluator,
		/// This was sealed or opened before.
		AlreadySaid,
		/// Finding and salt do not open the seal.
		SealMismatch,
		/// The finding is not about the epoch's suites.
		FindingImplausible,
		/// The model's tokenizer cannot change while an epoch compares it. Wait for its end.
		TokenizerInUse,
		/// The blob is empty, or another length of the same blob is known.
		TokenizerInvalid,
		/// Nothing is due yet.
		NothingDue,
		/// The base's record does not allow the change.
		Forbidden {
			/// Which rule is in the way.
			reason: RecordViolation,
		},
		/// The record does not fit its own model: bounds for each layer that hold its experts, and a range that holds its version.
		RecordInvalid,
		/// The model is the base of a proposal in this epoch. Set its record between clean-up and the next epoch.
		RecordInUse,
		/// An offer names at least one GPU, an hour for each, and a credit an hour; all its credits together fit into 32 bits.
		OfferInvalid,
		/// The account is not an operator that may be drawn now. Register it, or bring it back to duty, first.
		NotRegistered,
		/// Hours of this offer are reserved, so it stands until the epoch is over.
		OfferReserved,
		/// As many operators offer GPUs as there may be. Offer them in the next epoch.
		TooManyOffers,
		/// This operator offers no GPUs in this epoch.
		OfferUnknown,
		/// The number of hours is zero, or more than were reserved.
		HoursInvalid,
		/// At most twice the hours that the proposal names may be reserved for it. Reserve fewer.
		TooManyHours,
		/// The eight cheapest offers up to this price, less those of own operators, have fewer hours. Reserve fewer at a time, or name a higher price.
		TooFewHours,
		/// The account has fewer credits than the hours cost. Reserve fewer, or earn credits by proposing, endorsing and measuring.
		CreditsMissing,
		/// No hours of this offer are reserved.
		NothingReserved,
		/// The operator claimed its hours; a claim is final.
		AlreadyClaimed,
		/// The operator has claimed no hours yet, or they are settled.
		NotClaimed,
		/// The network's proposal of this epoch was filed before.
		AlreadyFiled,
		/// No expert of a base without a successor ever improved, or nothing that follows from it is feasible. Propose something else.
		NothingToPropose,
		/// Another account adopted the network's proposal.
		AlreadyAdopted,
	}
}
