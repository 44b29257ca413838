//! Backings of operators, as the runtime answers.

use super::Client;
use crate::failure::Outcome;
use blyan_runtime_api::delegation::{BackingInfo, PoolInfo};
use sp_core::crypto::AccountId32;

impl Client {
	/// Operators that take backing, or have some left.
	pub async fn pools(&self) -> Outcome<Vec<PoolInfo>> {
		self.ask("DelegationApi", "pools", ()).await
	}

	/// Backings of an account.
	pub async fn backings(&self, backer: &AccountId32) -> Outcome<Vec<BackingInfo>> {
		self.ask("DelegationApi", "backings", backer).await
	}

	/// Income of `amount` more behind an operator in a period like the last one; `None` if it takes no backing.
	pub async fn projected_income(&self, operator: &AccountId32, amount: u128) -> Outcome<Option<u128>> {
		self.ask("DelegationApi", "projected_income", (operator, amount)).await
	}
}
