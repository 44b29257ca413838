//! The demo's miner: a fresh key with money from //Alice. An operator may not score its own work.

use crate::{
	amount,
	client::Client,
	commands::account::send,
	failure::Outcome,
	home::write_private,
	keys::{self, Account, KeyFile},
	output::Output,
};
use rand::{distributions::Alphanumeric, Rng};
use serde_json::json;
use std::path::Path;

/// Starting balance of the miner, besides the bonds.
const POCKET_MONEY: u128 = 100 * amount::UNIT;

/// Makes a key, keeps it encrypted in `dir`, and has Alice fund it.
pub async fn hire(output: &Output, client: &Client, dir: &Path) -> Outcome<Account> {
	let (pair, phrase) = keys::generate();
	let password: String = rand::thread_rng().sample_iter(&Alphanumeric).take(24).map(char::from).collect();
	let file = KeyFile::encrypt(&pair, "demo-miner", &password)?;
	write_private(&dir.join("miner.json"), serde_json::to_string_pretty(&file)?.as_bytes())?;
	write_private(&dir.join("miner.password"), password.as_bytes())?;
	let miner = Account { name: "demo-miner".into(), ..Account::from_suri(&phrase)? };

	let bond = client.terms(&miner.id()).await?.bond;
	let money = bond.saturating_mul(2).saturating_add(POCKET_MONEY);
	let alice = Account::from_suri("//Alice")?;
	let receipt = send(client, &alice, &miner.id(), money).await?;
	let fields = json!({ "address": miner.address(), "amount": money.to_string(), "block": receipt.block });
	let text = format!(
		"miner      {} with {} from Alice (block {})",
		miner.address(),
		amount::show(money),
		receipt.block
	);
	output.event("miner_funded", fields, text);
	Ok(miner)
}
