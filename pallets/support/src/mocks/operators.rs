//! Operators with session keys, as committees are drawn from them.

use blyan_primitives::{
	randomness::RelayNumber,
	traits::{EligibleOperator, OperatorSet, Service},
	OperatorId,
};
use codec::Encode;
use sp_core::{sr25519, Pair, H256};
use sp_io::hashing::blake2_256;
use sp_runtime::AccountId32;
use std::collections::BTreeMap;

mod memory {
	use super::*;

	frame_support::parameter_types! {
		/// Operators that may be drawn now.
		pub static Eligible: Vec<EligibleOperator<AccountId>> = Vec::new();
		/// Electorates, by the appointments that they were taken for.
		pub static Frozen: BTreeMap<RelayNumber, Vec<EligibleOperator<AccountId>>> = BTreeMap::new();
		/// Operators by their session keys.
		pub static Keys: BTreeMap<OperatorId, AccountId> = BTreeMap::new();
		/// Work and omissions of operators, in the order in which it was noted.
		pub static Services: Vec<(AccountId, Service)> = Vec::new();
		/// Payments to operators that were noted for those who back them, in their order.
		pub static Incomes: Vec<(AccountId, u128)> = Vec::new();
	}
}

pub use memory::{Eligible, Frozen, Incomes, Keys, Services};

/// Accounts of operators.
pub type AccountId = AccountId32;

/// The pallet that keeps operators.
pub struct OperatorBook;
impl OperatorSet<AccountId> for OperatorBook {
	fn eligible() -> Vec<EligibleOperator<AccountId>> {
		Eligible::get()
	}
	/// The newest list that was frozen for this appointment or an earlier one; where a story freezes none, that of the moment.
	fn electorate(appointment: RelayNumber) -> Option<Vec<EligibleOperator<AccountId>>> {
		let frozen = Frozen::get();
		if frozen.is_empty() {
			return Some(Eligible::get());
		}
		frozen.range(..=appointment).next_back().map(|(_, electorate)| electorate.clone())
	}
	fn owner_of(key: &OperatorId) -> Option<AccountId> {
		Keys::get().get(key).cloned()
	}
	/// The account that a story declares as owner of an operator which may be drawn.
	fn belongs_to(who: &AccountId) -> AccountId {
		let operator = Eligible::get().into_iter().find(|one| one.account == *who);
		operator.map_or_else(|| who.clone(), |one| one.owner)
	}
	fn key_of(who: &AccountId) -> Option<OperatorId> {
		Keys::get().into_iter().find(|(_, owner)| owner == who).map(|(key, _)| key)
	}
	fn note_service(who: &AccountId, service: Service) {
		Services::mutate(|services| services.push((who.clone(), service)));
	}
	fn note_income(who: &AccountId, amount: u128) {
		Incomes::mutate(|incomes| incomes.push((who.clone(), amount)));
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_operators_for_benchmark(count: u32) -> Vec<(AccountId, OperatorId)> {
		use sp_runtime::RuntimeAppPublic;
		(0..count)
			.map(|seed| {
				let key = OperatorId::generate_pair(Some(key_seed(seed).into_bytes()));
				let owner = AccountId::new(blake2_256(&key.encode()));
				let operator =
					EligibleOperator { stake: 100_000, ..EligibleOperator::independent(owner.clone(), 10) };
				register(operator, key.clone());
				(owner, key)
			})
			.collect()
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn most_operators_for_benchmark() -> u32 {
		256
	}
}

/// Adds an operator with its session key.
pub fn register(operator: EligibleOperator<AccountId>, key: OperatorId) {
	Keys::mutate(|keys| keys.insert(key, operator.account.clone()));
	Eligible::mutate(|eligible| eligible.push(operator));
}

/// Begins a world without operators.
pub fn forget_operators() {
	Eligible::set(Vec::new());
	Frozen::set(BTreeMap::new());
	Keys::set(BTreeMap::new());
	Services::set(Vec::new());
	Incomes::set(Vec::new());
}

/// The account with this number.
pub fn account(seed: u32) -> AccountId {
	AccountId::new(blake2_256(&(b"account", seed).encode()))
}

/// Seed of the session key with this number. No phrase: stretching one takes longer than a whole audit.
pub fn key_seed(seed: u32) -> String {
	format!("{:?}", H256(blake2_256(&(b"key", seed).encode())))
}

/// Pair of the session key with this number.
pub fn pair(seed: u32) -> sr25519::Pair {
	sr25519::Pair::from_string(&key_seed(seed), None).expect("32 bytes in hexadecimal digits are a seed")
}

/// Session key with this number.
pub fn key(seed: u32) -> OperatorId {
	pair(seed).public().into()
}
