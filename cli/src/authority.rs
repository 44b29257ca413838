//! Accounts that act for an operator: its own, and those of its proxies.

use crate::{
	client::{Client, Receipt},
	failure::{Failure, Kind, Outcome},
	keys::{self, Account},
};
use sp_core::crypto::AccountId32;

/// Types of proxies that may defend and appeal.
const PROXY_TYPES: [&str; 2] = ["Any", "Operator"];

/// Way in which the account that signs can act for an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
	/// It is the operator's own.
	Operator,
	/// It is a proxy of the operator's.
	Proxy,
	/// None: moves in games are any account's, defences and appeals are not.
	None,
}

/// Finds out how an account can act for an operator.
pub async fn authority(client: &Client, operator: &AccountId32, account: &AccountId32) -> Outcome<Authority> {
	if operator == account {
		return Ok(Authority::Operator);
	}
	Ok(match client.is_proxy(operator, account, &PROXY_TYPES).await? {
		true => Authority::Proxy,
		false => Authority::None,
	})
}

/// Sends a call in an operator's name.
pub async fn submit_for(
	client: &Client,
	operator: &AccountId32,
	account: &Account,
	call: (&str, &str),
	arguments: &[u8],
) -> Outcome<Receipt> {
	match authority(client, operator, &account.id()).await? {
		Authority::Operator => client.submit_encoded(account, call.0, call.1, arguments).await,
		Authority::Proxy => client.submit_as_proxy(account, operator, call, arguments).await,
		Authority::None => Err(Failure::new(format!(
			"{} is neither the operator {} nor its proxy",
			account.address(),
			keys::address(operator)
		))
		.kind(Kind::Refused)
		.next("sign with the operator's key (--key, --suri), or with that of its proxy of type Operator")),
	}
}
