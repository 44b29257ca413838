//! Data: datasets, their audits and votes, and what teaches experts.

use crate::{
	configs::TreasuryAccount,
	governance::bounds::{AtLeast, CommitteeMin, OneMinute, TenMinutes},
	parameters::{data, ledger},
	*,
};
use alloc::vec::Vec;
use blyan_primitives::{
	conduct::ConductRules,
	traits::{EligibleOperator, OperatorSet},
	DatasetRef, SubmissionId,
};
use frame_support::{
	parameter_types,
	traits::{ConstU32, Get},
};
use frame_system::EnsureRoot;
use pallet_datasets::{RejectLimits, ReviewLimits, SubmissionFacts, TierLimits, TierRules};
use pallet_ledger::Envelope;
use sp_core::H256;

/// Committees of auditors are drawn as those of scores are: by weight, one seat an owner.
pub struct Committees;

impl pallet_datasets::Sortition<AccountId> for Committees {
	fn draw(
		seed: &H256,
		candidates: Vec<EligibleOperator<AccountId>>,
		count: u32,
		is_present: impl Fn(&AccountId) -> bool,
	) -> Vec<AccountId> {
		pallet_proof_of_learning::draw::draw_present(seed, candidates, count, 1, is_present)
	}
}

/// Submissions as `proof-of-learning` keeps them.
pub struct KnownSubmissions;

impl pallet_datasets::Submissions<AccountId> for KnownSubmissions {
	fn facts(submission: SubmissionId) -> Option<SubmissionFacts<AccountId>> {
		use pallet_proof_of_learning::{ClosedSubmissions, Decisions, OpenSubmissions};
		let claim = OpenSubmissions::<Runtime>::get(submission)
			.map(|open| open.claim)
			.or_else(|| Decisions::<Runtime>::get(submission).map(|decision| decision.claim))
			.or_else(|| ClosedSubmissions::<Runtime>::get(submission).map(|closed| closed.claim))?;
		Some(SubmissionFacts {
			miner: claim.miner,
			expert: claim.block.tensor_root,
			manifest: claim.manifest,
		})
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_submission_for_benchmark(facts: SubmissionFacts<AccountId>) -> SubmissionId {
		use pallet_proof_of_learning::{Claim, ClosedRecord, ClosedSubmissions};
		let claim = Claim {
			miner: facts.miner,
			slot: blyan_primitives::ExpertSlot { model: 0, layer: 0, expert: 0 },
			parent: 0,
			block: blyan_primitives::BlockRef {
				tensor_root: facts.expert,
				blob: blyan_primitives::BlobRef { hash: H256([1; 32]), size: 1 },
			},
			manifest: facts.manifest,
			submitted_at: 0,
		};
		let outcome = blyan_runtime_api::SubmissionOutcome::Withdrawn;
		let closed = ClosedRecord { claim, draw: None, digest: None, outcome, closed_at: 0 };
		ClosedSubmissions::<Runtime>::insert(0, closed);
		0
	}
}

/// Reward source of auditors of datasets: the envelope of data.
pub struct DataEnvelope;

impl pallet_datasets::DatasetRewards<AccountId, Balance> for DataEnvelope {
	fn pay_dataset_audit(who: &AccountId) -> Balance {
		let paid = Ledger::reward(Envelope::Data, who, ledger::DatasetAuditReward::get());
		<Operators as OperatorSet<AccountId>>::note_income(who, paid);
		paid
	}
}

/// Quotas, levels and flags of contributors.
pub struct Conduct;

impl Get<ConductRules> for Conduct {
	fn get() -> ConductRules {
		ConductRules {
			quotas: [data::NewbieQuota::get(), data::TrustedQuota::get(), data::ExpertQuota::get()],
			raise_after: 3,
			lower_after: 5,
			day: DAYS,
			gap: 5 * MINUTES,
			burst: 10,
			burst_window: HOURS,
			rejected_max: 800_000,
		}
	}
}

/// Limits of figures: beyond which there is no vote, and those of the tiers.
pub struct QualityLimits;

impl Get<RejectLimits> for QualityLimits {
	fn get() -> RejectLimits {
		RejectLimits {
			pii: data::PiiMax::get(),
			toxicity: data::ToxicityMax::get(),
			duplicate_rate: data::DuplicatesMax::get(),
			malformed: data::MalformedMax::get(),
		}
	}
}

impl Get<TierRules> for QualityLimits {
	fn get() -> TierRules {
		TierRules {
			gold: TierLimits { yes: data::GoldShare::get(), toxicity: 50_000, duplicate_rate: 200_000 },
			silver: TierLimits { yes: data::SilverShare::get(), toxicity: 100_000, duplicate_rate: 400_000 },
			experimental: TierLimits {
				yes: data::ExperimentalShare::get(),
				toxicity: 200_000,
				duplicate_rate: 950_001,
			},
			rating: 4_000_000,
		}
	}
}

impl Get<ReviewLimits> for QualityLimits {
	fn get() -> ReviewLimits {
		ReviewLimits {
			gold: data::RefusedGold::get(),
			silver: data::RefusedSilver::get(),
			experimental: data::RefusedExperimental::get(),
		}
	}
}

/// Reviews by people, as `reviews` keeps them.
pub struct ReviewsByPeople;

impl pallet_datasets::PeoplesReview<AccountId> for ReviewsByPeople {
	fn open(dataset: DatasetRef, creator: &AccountId, records: u64) {
		Reviews::open(dataset, creator, records);
	}
	fn refused(dataset: DatasetRef) -> Option<u32> {
		Reviews::refused(dataset)
	}
	fn close(dataset: DatasetRef) {
		Reviews::close(dataset);
	}
}

impl pallet_reviews::ReviewRewards<AccountId> for DataEnvelope {
	fn pay_review(who: &AccountId, records: u32) -> Balance {
		let amount = data::ReviewReward::get().saturating_mul(records.into());
		Ledger::reward(Envelope::Data, who, amount)
	}
}

/// Rules of reviewers' repute.
pub struct ReviewRepute;

impl Get<pallet_reviews::ReputeRules> for ReviewRepute {
	fn get() -> pallet_reviews::ReputeRules {
		pallet_reviews::ReputeRules {
			accuracy_min: data::ReviewAccuracyMin::get(),
			judged_min: 20,
			judged_max: 400,
			missed_max: 3,
		}
	}
}

parameter_types! {
	/// Seats of a review: as many as the parameter says, within what a review has room for.
	pub ReviewSeats: u32 = data::ReviewSeats::get().clamp(3, pallet_reviews::SEATS_MAX);
	/// Least seats of a review: one or two people would decide alone.
	pub ReviewSeatsMin: u32 = data::ReviewSeatsMin::get().clamp(3, ReviewSeats::get());
	/// Records of a review.
	pub ReviewRecords: u32 = data::ReviewRecords::get().clamp(1, pallet_reviews::RECORDS_MAX);
	/// Bond of a reviewer: never nothing, or it has nothing to lose.
	pub ReviewBond: Balance = data::ReviewBond::get().max(MILLIUNIT);
}

impl pallet_reviews::Config for Runtime {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Treasury = TreasuryAccount;
	type Rewards = DataEnvelope;
	type Randomness = RelayRandomness;
	type WorkingTime = Stopwatch;
	type Bond = ReviewBond;
	type Patience = AtLeast<data::ReviewPatience, TenMinutes>;
	type DrawWindow = data::DrawWindow;
	type SealWindow = AtLeast<data::ReviewSealWindow, TenMinutes>;
	type RevealWindow = AtLeast<data::ReviewRevealWindow, TenMinutes>;
	type Seats = ReviewSeats;
	type MinSeats = ReviewSeatsMin;
	type Records = ReviewRecords;
	type Repute = ReviewRepute;
	type MaxReviews = ConstU32<256>;
	type MaxReviewers = ConstU32<65_536>;
	type StepsPerBlock = ConstU32<4>;
	// Estimates; scripts/weights measures them.
	type WeightInfo = ();
}

parameter_types! {
	pub const PowWindow: BlockNumber = 200;
	pub const ElectorateAge: BlockNumber = HOURS;
}

impl pallet_datasets::Config for Runtime {
	type Balance = Balance;
	type Operators = Operators;
	type Sortition = Committees;
	type Submissions = KnownSubmissions;
	type Rewards = DataEnvelope;
	type Randomness = RelayRandomness;
	type WorkingTime = Stopwatch;
	type QuarantineOrigin = EnsureRoot<AccountId>;
	type PowBits = data::PowBits;
	type Conduct = Conduct;
	type RejectLimits = QualityLimits;
	type TierRules = QualityLimits;
	type ReviewLimits = QualityLimits;
	type Review = ReviewsByPeople;
	type PendingWindow = data::PendingWindow;
	type DrawWindow = data::DrawWindow;
	// An auditor that cannot be in time loses repute, and one alone would decide.
	type SealWindow = AtLeast<data::SealWindow, OneMinute>;
	type RevealWindow = AtLeast<data::RevealWindow, OneMinute>;
	type Auditors = AtLeast<data::Auditors, CommitteeMin>;
	type MinAuditors = AtLeast<data::MinAuditors, CommitteeMin>;
	type VoteWindow = data::VoteWindow;
	type VoteExtension = data::VoteExtension;
	type ParticipationMin = data::ParticipationMin;
	type QuorumMin = data::QuorumMin;
	type AppealWindow = AtLeast<data::AppealWindow, TenMinutes>;
	type RejectedFor = data::RejectedFor;
	// Never without a pause: each rescan is paid for, and takes a committee's time.
	type RescanEvery = AtLeast<data::RescanEvery, TenMinutes>;
	// Some 3,000 a day where each takes the half hour of its windows, beside the audits of offers.
	type MaxRescans = ConstU32<64>;
	type PowWindow = PowWindow;
	type ElectorateAge = ElectorateAge;
	type MaxOpen = ConstU32<4_096>;
	type MaxSeats = ConstU32<8>;
	// As many operators as there may be.
	type MaxVoters = ConstU32<256>;
	type MaxDue = ConstU32<256>;
	type StepsPerBlock = ConstU32<8>;
	type WeightInfo = weights::pallet_datasets::WeightInfo<Runtime>;
}
