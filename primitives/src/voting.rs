//! Votes of operators: the electors that `operators` names, and the electorates that `operator-voting` fixes.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Number of an electorate, counted from zero.
pub type ElectorateId = u32;

/// Operator that may vote, and the account whose voice its vote is.
#[derive(
	Clone,
	Debug,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub struct Elector<AccountId> {
	/// Account of the operator.
	pub operator: AccountId,
	/// Account that the operator belongs to; itself if it has no owner. Operators of one owner have one voice together.
	pub voice: AccountId,
}

/// Operators, as pallets that count votes see them. Implemented by `operators`.
pub trait Voters<AccountId, BlockNumber> {
	/// Operators that may vote in what begins now, ordered by account: registered at least `age` blocks ago or with the chain
	/// itself, neither leaving nor in quarantine for an offence, and with some reputation left.
	///
	/// Being heard is not asked for: an outage that silences operators must not make the others a majority. Nor may a quarantine
	/// that a majority imposes.
	fn electors(age: BlockNumber) -> Vec<Elector<AccountId>>;
	/// Reports whether an operator still answers for its votes: it is registered and not banned.
	fn stands(operator: &AccountId) -> bool;
	/// Makes `count` electors for a benchmark.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_electors_for_benchmark(count: u32) -> Vec<AccountId>;
}

/// Electorates, as pallets with votes of their own see them. Implemented by `operator-voting`.
pub trait Electorates<AccountId> {
	/// Returns the newest electorate and the number of its voices, and keeps it for as long as a poll may take. None before the
	/// first one was taken.
	fn enlist() -> Option<(ElectorateId, u32)>;
	/// Returns the account whose voice `who` has in an electorate; none if it has no voice there, or none any more.
	fn voice(electorate: ElectorateId, who: &AccountId) -> Option<AccountId>;
	/// Makes an electorate of `count` voices for a benchmark and returns the accounts.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_electorate_for_benchmark(count: u32) -> Vec<AccountId>;
}
