//! `balance` and `transfer`.

use crate::{
	amount,
	args::{BalanceArgs, SignerArgs, TransferArgs},
	client::{Client, Receipt},
	failure::{Failure, Kind, Outcome},
	keys::{self, Account},
	session::Session,
};
use serde_json::json;
use sp_core::crypto::AccountId32;
use subxt::dynamic::Value;

/// Shows what an account owns.
pub async fn balance(session: &Session, args: BalanceArgs) -> Outcome<()> {
	let account = match &args.account {
		Some(text) => session.keys().resolve(text)?,
		None => match session.keys().resolve(keys::DEFAULT_KEY) {
			Ok(account) => account,
			Err(_) => session.account(&SignerArgs::default())?.id(),
		},
	};
	let client = session.connect().await?;
	let balance = client.balance(&account).await?;
	if (balance.free, balance.held) == (0, 0) {
		// An empty account may be one that the node has not heard of yet.
		let empty = Failure::new(format!("{} has nothing on this chain", keys::address(&account)));
		let failure = client.blame_sync(empty).await;
		if failure.kind == Kind::NotSynced {
			return Err(failure);
		}
	}
	let address = keys::address(&account);
	let value = json!({
		"address": address,
		"free": balance.free.to_string(),
		"held": balance.held.to_string(),
	});
	let text =
		format!("{address}\nfree  {}\nheld  {}", amount::show(balance.free), amount::show(balance.held));
	session.output.result(&value, text);
	Ok(())
}

/// Sends tokens.
pub async fn transfer(session: &Session, args: TransferArgs) -> Outcome<()> {
	let planck = amount::parse(&args.amount)?;
	let to = session.keys().resolve(&args.to)?;
	let (client, account) = session.connect_as(&args.signer).await?;
	let receipt = send(&client, &account, &to, planck).await?;
	let value = json!({
		"from": account.address(),
		"to": keys::address(&to),
		"amount": planck.to_string(),
		"fee": receipt.fee().to_string(),
		"block": receipt.block,
		"hash": receipt.hash,
	});
	let text = format!(
		"sent {} from {} to {} in block {}; fee {}",
		amount::show(planck),
		account.name,
		keys::address(&to),
		receipt.block,
		amount::show(receipt.fee())
	);
	session.output.result(&value, text);
	Ok(())
}

/// Transfers and waits until it is final; the sender's account is kept alive.
pub async fn send(client: &Client, from: &Account, to: &AccountId32, planck: u128) -> Outcome<Receipt> {
	let to = Value::unnamed_variant("Id", [Value::from_bytes(to)]);
	let fields = vec![("dest", to), ("value", Value::u128(planck))];
	client.submit_in_any_order(from, "Balances", "transfer_keep_alive", fields).await
}
