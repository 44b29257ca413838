//! Interfaces to the neighbours that the runtime wires.

use alloc::vec::Vec;
use blyan_primitives::{traits::EligibleOperator, DatasetRef, SubmissionId};
use sp_core::H256;

/// Weighted sampling of a committee.
pub trait Sortition<AccountId> {
	/// Draws up to `count` of `candidates` by weight, no two of one owner or one machine. One for which `is_present` does not
	/// hold takes no seat and changes no other.
	fn draw(
		seed: &H256,
		candidates: Vec<EligibleOperator<AccountId>>,
		count: u32,
		is_present: impl Fn(&AccountId) -> bool,
	) -> Vec<AccountId>;
}

/// Facts about a submission that a training manifest is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmissionFacts<AccountId> {
	/// The miner.
	pub miner: AccountId,
	/// Root of the expert's tensors.
	pub expert: H256,
	/// Hash of the training manifest that it carries.
	pub manifest: H256,
}

/// Submissions of experts, as far as they are known.
pub trait Submissions<AccountId> {
	/// The facts about a submission: open, decided or closed not long ago.
	fn facts(submission: SubmissionId) -> Option<SubmissionFacts<AccountId>>;
	/// Makes a submission of `miner` with these facts for a benchmark.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_submission_for_benchmark(facts: SubmissionFacts<AccountId>) -> SubmissionId;
}

/// Reward source of audits of datasets. It decides how much, and may be empty; nothing is minted anywhere else.
pub trait DatasetRewards<AccountId, Balance> {
	/// Pays an auditor for a finding that the committee agreed on. Returns what was paid.
	fn pay_dataset_audit(who: &AccountId) -> Balance;
}

impl<AccountId, Balance: Default> DatasetRewards<AccountId, Balance> for () {
	fn pay_dataset_audit(_: &AccountId) -> Balance {
		Balance::default()
	}
}

/// Review of records by people, beside a vote.
pub trait PeoplesReview<AccountId> {
	/// Appoints a review when a vote opens. There may be no room for one.
	///
	/// - `creator`: the contributor, who reviews nothing of its own.
	/// - `records`: records in the dataset.
	fn open(dataset: DatasetRef, creator: &AccountId, records: u64);
	/// Share of refused records in millionths, if a quorum has decided enough of them.
	fn refused(dataset: DatasetRef) -> Option<u32>;
	/// Forgets the review of a dataset whose vote is over.
	fn close(dataset: DatasetRef);
}

/// A chain without reviewers: votes alone decide.
impl<AccountId> PeoplesReview<AccountId> for () {
	fn open(_: DatasetRef, _: &AccountId, _: u64) {}
	fn refused(_: DatasetRef) -> Option<u32> {
		None
	}
	fn close(_: DatasetRef) {}
}
