//! Rewards of audits.

/// The reward source of audits. It decides how much, and may be empty; nothing is minted anywhere else.
pub trait AuditRewards<AccountId, Balance> {
	/// Pays for one job that was evaluated, by the setter or by an auditor. Returns what was paid.
	fn pay_audit(who: &AccountId) -> Balance;
	/// Pays an auditor that caught a wrong answer. Returns what was paid.
	fn pay_bounty(who: &AccountId) -> Balance;
}

impl<AccountId, Balance: Default> AuditRewards<AccountId, Balance> for () {
	fn pay_audit(_: &AccountId) -> Balance {
		Balance::default()
	}
	fn pay_bounty(_: &AccountId) -> Balance {
		Balance::default()
	}
}
