//! Interfaces between operators and the coins of others that back them.

use sp_runtime::Perbill;

/// Coins of others behind the stakes of operators, as `operators` sees them. Implemented by `delegation`.
pub trait Backing<AccountId> {
	/// Part of what backs `operator` that counts in draws beside its own stake of `own`: at most [`Backing::most`].
	fn counted(operator: &AccountId, own: u128) -> u128;
	/// Most that may back an own stake of `own`.
	fn most(own: u128) -> u128;
	/// Takes `share` of all that backs `operator`, what is unbonding included. Returns what was taken.
	fn slash(operator: &AccountId, share: Perbill) -> u128;
	/// Shares out an income of `amount` that `operator`, with an own stake of `own`, has just received.
	fn share_income(operator: &AccountId, own: u128, amount: u128);
	/// Gives an operator a backer for a benchmark, so that what is weighed is the worst case.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_backed_for_benchmark(_operator: &AccountId) {}
}

/// No operator is backed.
impl<AccountId> Backing<AccountId> for () {
	fn counted(_: &AccountId, _: u128) -> u128 {
		0
	}
	fn most(_: u128) -> u128 {
		0
	}
	fn slash(_: &AccountId, _: Perbill) -> u128 {
		0
	}
	fn share_income(_: &AccountId, _: u128, _: u128) {}
}

/// Operators, as `delegation` sees them. Implemented by `operators`.
pub trait BackedOperators<AccountId> {
	/// Own stake of an operator that is registered, leaving or not; `None` for any other account.
	fn own_stake(who: &AccountId) -> Option<u128>;
	/// Reports whether `who` may take new backing: it is registered and not leaving.
	fn is_staying(who: &AccountId) -> bool;
	/// Reports whether a grave offence of `who` awaits its decision. Silence is none: one that is silent for good always has another day of
	/// it pending, and those who back it would never be free.
	fn is_accused(who: &AccountId) -> bool;
	/// The backing of `who` became less: it weighs less in draws at once.
	fn note_backing_fell(who: &AccountId);
	/// Makes an operator for a benchmark.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_operator_for_benchmark() -> AccountId;
}
