//! Delegation: operators that take backing, and what an account has behind them.

use crate::{AccountId, Balance, BlockNumber};
use alloc::vec::Vec;
use blyan_primitives::{json::decimal, Millionths};
use codec::{Decode, Encode};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

macro_rules! answer {
	($(#[$meta:meta])* pub $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
		#[scale_info(capture_docs = "always")]
		pub $($rest)*
	};
}

answer! {
	/// A commission that was announced and is not in force yet.
	pub struct CommissionRaise {
		/// The commission, in millionths.
		pub commission: Millionths,
		/// First block from which on it is taken. Later by as many blocks as bar transactions until then.
		pub from: BlockNumber,
	}
}

answer! {
	/// An operator that takes backing, or has some left.
	pub struct PoolInfo {
		/// The operator.
		pub operator: AccountId,
		/// True if it takes new backing now.
		pub open: bool,
		/// Its own stake; 0 if it is not registered any more.
		#[serde(with = "decimal")]
		pub own: Balance,
		/// All that backs it and earns.
		#[serde(with = "decimal")]
		pub backed: Balance,
		/// All that backed it and is on its way out.
		#[serde(with = "decimal")]
		pub unbonding: Balance,
		/// Room for more backing.
		#[serde(with = "decimal")]
		pub room: Balance,
		/// Accounts that back it.
		pub backers: u32,
		/// Part of the backers' income that it keeps, in millionths.
		pub commission: Millionths,
		/// A higher commission that was announced.
		pub raise: Option<CommissionRaise>,
		/// Income of all its backers in the last full period.
		#[serde(with = "decimal")]
		pub last_income: Balance,
		/// Income of all its backers in the current period.
		#[serde(with = "decimal")]
		pub current_income: Balance,
		/// First block of the current period.
		pub period_start: BlockNumber,
		/// Blocks in a period.
		pub period: BlockNumber,
	}
}

answer! {
	/// A part of a backing that is on its way out.
	pub struct UnbondingPart {
		/// Coins that it is worth now.
		#[serde(with = "decimal")]
		pub amount: Balance,
		/// First block in which it can be withdrawn.
		pub ready_at: BlockNumber,
	}
}

answer! {
	/// Backing of one operator by one account.
	pub struct BackingInfo {
		/// The operator.
		pub operator: AccountId,
		/// Coins that it is worth now.
		#[serde(with = "decimal")]
		pub amount: Balance,
		/// Income that can be claimed.
		#[serde(with = "decimal")]
		pub income: Balance,
		/// Parts that are on their way out.
		pub unbonding: Vec<UnbondingPart>,
		/// Deposit that comes back with the last coin.
		#[serde(with = "decimal")]
		pub deposit: Balance,
	}
}

sp_api::decl_runtime_apis! {
	/// Delegation.
	#[api_version(1)]
	pub trait DelegationApi {
		/// Every operator that takes backing or has some left, ordered by account.
		fn pools() -> Vec<PoolInfo>;
		/// One of them.
		fn pool(operator: AccountId) -> Option<PoolInfo>;
		/// Backings of an account, ordered by operator.
		fn backings(backer: AccountId) -> Vec<BackingInfo>;
		/// Income of `amount` more behind an operator in one period, if the last full period repeats itself; `None` if it takes no
		/// backing. No promise: it may be slashed, be silent, or raise its commission.
		fn projected_income(operator: AccountId, amount: Balance) -> Option<Balance>;
	}
}
