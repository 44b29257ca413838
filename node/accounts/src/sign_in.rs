//! Signing in and out: nonces, messages, tokens, and demo accounts that become those of wallets.

use crate::{
	accounts::{account_change, Accounts, Made, State},
	message::{show_time, Message},
	neighbours::block,
	nonces::NONCE_MS,
	record::{AccountRecord, Standing},
	refusal, review,
	session::{random, Tokens, ACCESS_MS, REFRESH_MS},
	sessions::RefreshError,
	store::Change,
	wallet::Wallet,
};
use blyan_gateway::till::{http::StatusCode, Refusal};
use serde_json::{json, Value};
use std::{collections::HashMap, net::IpAddr};

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Accounts; beyond, no demo account is made.
const ACCOUNTS_MAX: usize = 500_000;
/// Accounts; beyond, none is made of a wallet that was never here.
const WALLETS_MAX: usize = 2 * ACCOUNTS_MAX;
/// Demo accounts that one block of addresses makes in a day.
const DEMOS_PER_BLOCK: u32 = 32;
/// Wallets that sign in for the first time from one block of addresses in a day: keys cost nothing, and accounts take memory.
const WALLETS_PER_BLOCK: u32 = 256;
/// Milliseconds that the clock of a wallet's machine may differ.
const SKEW_MS: u64 = 60 * 1_000;
/// Words that people sign.
const STATEMENT: &str = "Sign in to this gateway. It costs nothing and moves nothing.";

/// Wallet that asks to sign in.
#[derive(Clone, Debug)]
pub struct SignInRequest<'a> {
	/// Address.
	pub address: &'a str,
	/// Chain that the wallet is on, as its message names it; for Ethereum `1` if absent.
	pub chain: Option<&'a str>,
	/// Host that the request names.
	pub host: Option<&'a str>,
	/// Client that asks.
	pub client: IpAddr,
}

impl Accounts {
	/// Gives out a nonce, with the words to sign: `POST /wallet/request_nonce`.
	pub fn request_nonce(&self, asked: &SignInRequest<'_>) -> Result<Value, Refusal> {
		let wallet: Wallet = asked.address.parse::<Wallet>().map_err(|error| refusal::address(&error))?;
		let chain = match wallet {
			Wallet::Ethereum(_) => Some(asked.chain.unwrap_or("1")),
			Wallet::Substrate(_) => asked.chain,
		};
		if chain.is_some_and(|chain| chain.is_empty() || chain.len() > 64 || !chain.bytes().all(is_plain)) {
			return Err(refusal::body(
				"chain_id is a number for Ethereum, and such as polkadot:HASH for others",
			));
		}
		let named = self.config.domains.iter().find(|domain| Some(domain.as_str()) == asked.host);
		let Some(domain) = named.or(self.config.domains.first()) else {
			let message = "this gateway knows no domain of its own: the operator names it with --domain";
			return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "sign_in_unavailable", message));
		};
		let (nonce, now) = (hex::encode(random::<16>()), (self.clock)());
		let message = Message {
			domain: domain.clone(),
			wallet,
			statement: Some(STATEMENT.into()),
			uri: format!("{}://{domain}", if self.config.is_secure { "https" } else { "http" }),
			version: if matches!(wallet, Wallet::Ethereum(_)) { "1" } else { "1.0.0" }.into(),
			chain: chain.map(str::to_owned),
			nonce: nonce.clone(),
			issued_at: now,
			expires_at: None,
			not_before: None,
		};
		let text = message.write();
		self.lock().nonces.open(nonce.clone(), wallet, message.chain, asked.client, now);
		Ok(json!({
			"nonce": nonce, "message": text, "expires_in": NONCE_MS / 1_000,
			"expires_at": show_time(now.saturating_add(NONCE_MS)),
		}))
	}

	/// Signs in by a message and its signature: `POST /wallet/authenticate`. `demo`: token of a demo account that goes over to the wallet's.
	pub fn authenticate(&self, text: &str, signature: &str, demo: Option<&str>) -> Result<Value, Refusal> {
		let message = Message::read(text).map_err(|error| refusal::message(&error))?;
		let digits = signature.strip_prefix("0x").unwrap_or(signature);
		let signature = hex::decode(digits).map_err(|_| {
			refusal::body("signature is not hexadecimal: send 0x and the bytes of the signature")
		})?;
		let now = (self.clock)();
		self.keep_up(now);
		let client = self.ensure_for_us(&message, now)?;
		if !message.wallet.has_signed(text, &signature) {
			let wallet = message.wallet;
			return Err(refusal::sign_in(
				"invalid_signature",
				format!(
					"the message is not signed by {wallet}: sign exactly the text that request_nonce gave, with that account"
				),
			));
		}
		let name = message.wallet.to_string();
		let mut state = self.lock();
		let mut changes = Vec::new();
		if !state.records.contains_key(&name) {
			let record = first_sign_in(&mut state, &name, client, now)?;
			state.records.insert(name.clone(), record);
			if state.records.get(&name).is_some_and(|record| record.standing != Standing::Good) {
				self.write_review(&state);
			}
		}
		let demo = demo.and_then(|token| state.sessions.account(token, now).map(str::to_owned));
		if let Some(demo) = demo.filter(|demo| state.records.get(demo).is_some_and(|record| record.is_demo)) {
			changes.extend(self.take_over(&mut state, &demo, &name, now));
		}
		let (tokens, opened) = state.sessions.open(&name, now);
		changes.extend(state.records.get(&name).map(|record| account_change(&name, record)));
		changes.extend(opened);
		self.store.put(changes);
		Ok(signed_in(&name, &tokens))
	}

	/// Refuses a message that was signed for another site, for another wallet's nonce, or at another time. The nonce is used by that. Returns the
	/// block of addresses that it was given to.
	fn ensure_for_us(&self, message: &Message, now: u64) -> Result<IpAddr, Refusal> {
		let Message { domain, wallet, uri, version, chain, nonce, issued_at, expires_at, not_before, .. } =
			message;
		let open = self.lock().nonces.take(nonce, now).ok_or_else(|| {
			refusal::sign_in(
				"nonce_unknown",
				"the nonce was used, is older than two minutes, or is not from here: request another one",
			)
		})?;
		let authority =
			uri.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(rest));
		if !self.config.domains.contains(domain) || authority != Some(domain.as_str()) {
			return Err(refusal::sign_in(
				"wrong_domain",
				format!(
					"the message is for {domain:?} and {uri:?}, which is not this gateway: sign in on its own page"
				),
			));
		}
		let wrong = |what: &str| {
			refusal::sign_in(
				"wrong_message",
				format!("{what} of the message is another than was asked for: request another nonce"),
			)
		};
		let expected = if matches!(wallet, Wallet::Ethereum(_)) { "1" } else { "1.0.0" };
		if *wallet != open.wallet {
			return Err(wrong("the address"));
		}
		if version != expected {
			return Err(wrong("the version"));
		}
		if *chain != open.chain {
			return Err(wrong("the chain"));
		}
		let is_of_now =
			issued_at.saturating_add(SKEW_MS) >= open.since && *issued_at <= now.saturating_add(SKEW_MS);
		let is_valid =
			expires_at.is_none_or(|until| now < until) && not_before.is_none_or(|from| from <= now);
		match is_of_now && is_valid {
			true => Ok(open.block),
			false => Err(wrong("the time")),
		}
	}

	/// Lets a demo account go over to another one, with its history and with what it has used.
	fn take_over(&self, state: &mut State, demo: &str, name: &str, now: u64) -> Vec<Change> {
		let Some(old) = state.records.remove(demo) else { return Vec::new() };
		let mut changes = state.sessions.close_all(demo);
		let history = self.store.history(demo).unwrap_or_else(|error| {
			tracing::error!("the history of {demo} is lost: {error}");
			Vec::new()
		});
		changes.push(Change::ForgetAccount(demo.into()));
		state.guard.rename(demo, name);
		if let Some(challenge) = state.challenges.remove(demo) {
			state.challenges.entry(name.into()).or_insert(challenge);
		}
		let Some(record) = state.records.get_mut(name) else { return changes };
		record.take_over(&old, now);
		if record.standing == Standing::Good {
			record.standing = old.standing;
		}
		for entry in history.into_iter().rev() {
			changes.push(Change::Entry(name.into(), record.entries, entry));
			record.entries = record.entries.saturating_add(1);
		}
		state.holds.rename(demo, name);
		changes
	}

	/// Makes a demo account: `POST /account/demo`.
	pub fn make_demo(&self, client: IpAddr) -> Result<Value, Refusal> {
		let (now, mut state) = ((self.clock)(), self.lock());
		if state.records.len() >= ACCOUNTS_MAX {
			return Err(refusal::too_many_accounts());
		}
		let made = &mut made_today(&mut state, block(client), now).demos;
		if *made >= DEMOS_PER_BLOCK {
			return Err(refusal::too_many_accounts());
		}
		*made += 1;
		let name = format!("demo-{}", hex::encode(random::<16>()));
		let record = AccountRecord::new(true, now);
		let (tokens, opened) = state.sessions.open(&name, now);
		let mut changes = vec![account_change(&name, &record)];
		changes.extend(opened);
		state.records.insert(name.clone(), record);
		self.store.put(changes);
		Ok(signed_in(&name, &tokens))
	}

	/// Gives new tokens for a refresh token: `POST /wallet/refresh`.
	pub fn refresh(&self, token: &str) -> Result<Value, Refusal> {
		let now = (self.clock)();
		let (renewed, changes) = self.lock().sessions.refresh(token, now);
		self.store.put(changes);
		match renewed {
			Ok((tokens, account)) => Ok(signed_in(&account, &tokens)),
			Err(RefreshError::Unknown) => Err(refusal::invalid_session()),
			Err(RefreshError::Reused) => Err(refusal::revoked()),
		}
	}

	/// Ends a session: `POST /wallet/sign_out`.
	pub fn sign_out(&self, token: &str) -> Result<Value, Refusal> {
		let closed = self.lock().sessions.close(token, (self.clock)());
		let closed = closed.ok_or_else(refusal::invalid_session)?;
		self.store.put(vec![closed]);
		Ok(json!({ "object": "session", "is_open": false }))
	}
}

/// Makes the record of a wallet that was never here, with what the operator has decided about it before.
fn first_sign_in(state: &mut State, name: &str, block: IpAddr, now: u64) -> Result<AccountRecord, Refusal> {
	if state.records.len() >= WALLETS_MAX {
		return Err(refusal::too_many_accounts());
	}
	let made = &mut made_today(state, block, now).wallets;
	if *made >= WALLETS_PER_BLOCK {
		return Err(refusal::too_many_accounts());
	}
	*made += 1;
	let mut record = AccountRecord::new(false, now);
	if let Some(decision) = state.decisions.of(name) {
		review::apply(&mut record, decision);
	}
	Ok(record)
}

/// Returns the accounts that a block of addresses has made this day.
fn made_today(state: &mut State, block: IpAddr, now: u64) -> &mut Made {
	let day = now / DAY_MS;
	if state.made.0 != day {
		state.made = (day, HashMap::new());
	}
	state.made.1.entry(block).or_default()
}

fn signed_in(account: &str, tokens: &Tokens) -> Value {
	json!({
		"object": "session", "account": account, "token_type": "Bearer", "access_token": tokens.access,
		"expires_in": ACCESS_MS / 1_000, "refresh_token": tokens.refresh, "refresh_expires_in": REFRESH_MS / 1_000,
	})
}

fn is_plain(byte: u8) -> bool {
	byte.is_ascii_alphanumeric() || byte == b':' || byte == b'-'
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		review::{decide, Decision, Verdict},
		Config,
	};

	fn accounts(folder: &std::path::Path) -> Accounts {
		let config = Config {
			domains: vec!["chat.example".into()],
			is_secure: true,
			folder: folder.into(),
			free_tokens_per_day: 0,
			requires_account: true,
		};
		Accounts::with_clock(config, std::sync::Arc::new(|| DAY_MS)).unwrap()
	}

	#[test]
	fn attack_sign_in_with_ever_new_wallets_fills_no_memory_from_one_block_of_addresses() {
		let dir = tempfile::tempdir().unwrap();
		let accounts = accounts(dir.path());
		let mut state = accounts.lock();
		let [home, other]: [IpAddr; 2] = [[192, 0, 2, 0].into(), [198, 51, 100, 0].into()];
		for number in 0..WALLETS_PER_BLOCK {
			assert!(first_sign_in(&mut state, &format!("wallet {number}"), home, DAY_MS).is_ok());
		}
		let refused = first_sign_in(&mut state, "one more", home, DAY_MS).unwrap_err();
		assert_eq!(refused.code, "too_many_accounts");
		assert!(first_sign_in(&mut state, "one more", other, DAY_MS).is_ok());
		assert!(first_sign_in(&mut state, "one more", home, 2 * DAY_MS).is_ok());
	}

	#[test]
	fn a_wallet_that_was_banned_before_it_ever_came_is_banned_when_it_comes() {
		let dir = tempfile::tempdir().unwrap();
		let accounts = accounts(dir.path());
		decide(dir.path(), Decision { account: "wallet".into(), verdict: Verdict::Ban, at: 7 }).unwrap();
		accounts.keep_up(DAY_MS);
		let mut state = accounts.lock();
		let home: IpAddr = [192, 0, 2, 0].into();
		let banned = first_sign_in(&mut state, "wallet", home, DAY_MS).unwrap();
		assert_eq!(banned.standing, Standing::Banned { since: 7 });
		let other = first_sign_in(&mut state, "another", home, DAY_MS).unwrap();
		assert_eq!(other.standing, Standing::Good);
	}
}
