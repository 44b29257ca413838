//! All accounts of a gateway: in memory, under one lock; each change goes to the store in the order in which it was made.

use crate::{
	captcha::{Captcha, QUESTIONS_MAX},
	challenge::Challenge,
	config::{system_clock, Clock, Config},
	free::FreeTokens,
	guard::Guard,
	holds::Holds,
	message::show_time,
	nonces::Nonces,
	record::{AccountRecord, Standing},
	refusal,
	review::{self, Decisions, Reviewed},
	session::ACCESS_PREFIX,
	sessions::Sessions,
	store::{Change, Store, StoreError},
};
use blyan_gateway::till::{http::StatusCode, Refusal};
use serde_json::{json, Value};
use std::{
	collections::HashMap,
	net::IpAddr,
	sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Semaphore;

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Time for which an account that is not used and has nothing to lose is kept.
const IDLE_MS: u64 = 30 * DAY_MS;
/// Interval at which the operator's decisions are looked for.
const UPKEEP_MS: u64 = 1_000;
/// Interval at which sessions that are over and accounts that are not used are looked for: each look goes through all of them.
const TIDY_MS: u64 = 60 * 60 * 1_000;
/// Characters of an appeal.
const APPEAL_MAX: usize = 1_000;

/// Everything that is known, under the lock.
pub(crate) struct State {
	pub(crate) records: HashMap<String, AccountRecord>,
	pub(crate) sessions: Sessions,
	pub(crate) guard: Guard,
	pub(crate) challenges: HashMap<String, Challenge>,
	pub(crate) free: FreeTokens,
	pub(crate) holds: Holds,
	pub(crate) nonces: Nonces,
	/// Demo accounts and accounts of wallets that each block of addresses has made this day.
	pub(crate) made: (u64, HashMap<IpAddr, Made>),
	pub(crate) decisions: Decisions,
	upkept_at: u64,
	tidied_at: u64,
}

/// Accounts that a block of addresses has made in a day.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Made {
	pub(crate) demos: u32,
	pub(crate) wallets: u32,
}

/// Accounts of a gateway.
pub struct Accounts {
	pub(crate) config: Config,
	pub(crate) clock: Clock,
	pub(crate) store: Store,
	pub(crate) captcha: Option<Arc<dyn Captcha>>,
	/// Questions to the service of the CAPTCHA.
	pub(crate) questions: Semaphore,
	state: Mutex<State>,
}

impl Accounts {
	/// Opens the accounts that a gateway had before.
	pub fn open(config: Config) -> Result<Self, StoreError> {
		Self::with_clock(config, system_clock())
	}

	/// As [`Self::open`], by another clock.
	pub fn with_clock(config: Config, clock: Clock) -> Result<Self, StoreError> {
		let (store, contents) = Store::open(&config.folder.join("accounts.redb"))?;
		let state = State {
			records: contents.accounts.into_iter().collect(),
			sessions: Sessions::new(contents.sessions),
			guard: Guard::default(),
			challenges: HashMap::new(),
			free: FreeTokens::new(config.free_tokens_per_day, contents.free),
			holds: Holds::default(),
			nonces: Nonces::default(),
			made: (0, HashMap::new()),
			decisions: Decisions::default(),
			upkept_at: 0,
			tidied_at: 0,
		};
		let questions = Semaphore::new(QUESTIONS_MAX);
		Ok(Self { config, clock, store, captcha: None, questions, state: Mutex::new(state) })
	}

	pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
		// A change is complete before anything that could panic.
		self.state.lock().unwrap_or_else(PoisonError::into_inner)
	}

	/// Describes an account to its owner: `GET /account`.
	pub fn describe(&self, token: &str) -> Result<Value, Refusal> {
		let now = (self.clock)();
		self.keep_up(now);
		let mut state = self.lock();
		let name = state.sessions.account(token, now).ok_or_else(refusal::invalid_session)?.to_owned();
		let (per_day, left) = (state.free.per_day(), state.free.left(now));
		let record = state.records.get_mut(&name).ok_or_else(refusal::invalid_session)?;
		let standing = match &record.standing {
			Standing::Good => json!({ "standing": "good" }),
			Standing::Banned { .. } => json!({ "standing": "banned" }),
			Standing::Quarantined { reasons, appeal, .. } => {
				json!({ "standing": "quarantined", "reasons": reasons, "has_appealed": appeal.is_some() })
			}
		};
		let mut value = json!({
			"object": "account", "kind": if record.is_demo { "demo" } else { "wallet" }, "account": name,
			"level": record.level().name(), "free_requests": record.free_limit(), "free_requests_left": record.free_left(now),
			"requests_per_hour": record.level().requests_per_hour(), "requests_left": record.requests_left(now),
			"gateway_free_tokens": per_day, "gateway_free_tokens_left": left,
		});
		if let (Value::Object(fields), Value::Object(more)) = (&mut value, standing) {
			fields.extend(more);
		}
		Ok(value)
	}

	/// Returns the requests of an account, the newest first: `GET /account/history`. Reads the disk.
	pub fn history(&self, token: &str) -> Result<Value, Refusal> {
		let name = self.name(token)?;
		let history = self.store.history(&name).map_err(|error| {
			Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "store_failed", error.to_string())
		})?;
		let entries: Vec<Value> = history
			.iter()
			.map(|entry| {
				json!({
					"receipt": entry.receipt, "ended_at": show_time(entry.ended_at), "prompt_tokens": entry.prompt_tokens,
					"answer_tokens": entry.answer_tokens, "charged": entry.charged.to_string(), "is_free": entry.is_free,
					"is_whole": entry.is_whole,
				})
			})
			.collect();
		Ok(json!({ "object": "list", "account": name, "data": entries }))
	}

	/// Takes the words of an owner whose account is put aside: `POST /account/appeal`.
	pub fn appeal(&self, token: &str, text: &str) -> Result<Value, Refusal> {
		let name = self.name(token)?;
		let mut state = self.lock();
		let record = state.records.get_mut(&name).ok_or_else(refusal::invalid_session)?;
		let Standing::Quarantined { appeal, .. } = &mut record.standing else {
			return Err(refusal::body(
				"this account is not in quarantine: there is nothing to appeal against",
			));
		};
		// Each one writes the operator's list, under the lock: an account that repeats itself would be in everyone's way.
		if appeal.is_some() {
			return Err(refusal::appealed());
		}
		// What an operator's terminal shows must not be able to move its cursor.
		let words: String = text.chars().filter(|letter| !letter.is_control()).take(APPEAL_MAX).collect();
		*appeal = Some(words);
		let change = account_change(&name, record);
		self.store.put(vec![change]);
		self.write_review(&state);
		Ok(json!({ "object": "appeal", "account": name, "has_appealed": true }))
	}

	fn name(&self, token: &str) -> Result<String, Refusal> {
		let state = self.lock();
		state.sessions.account(token, (self.clock)()).map(str::to_owned).ok_or_else(refusal::invalid_session)
	}

	/// Applies what the operator has decided since, and tidies up.
	pub(crate) fn keep_up(&self, now: u64) {
		let mut state = self.lock();
		if now.saturating_sub(state.upkept_at) < UPKEEP_MS {
			return;
		}
		state.upkept_at = now;
		let mut changes = Vec::new();
		if now.saturating_sub(state.tidied_at) >= TIDY_MS {
			state.tidied_at = now;
			changes = tidy(&mut state, now);
		}
		let decisions = state.decisions.read_again(&self.config.folder).unwrap_or_else(|error| {
			tracing::warn!("the decisions about accounts stay as they were: {error}");
			None
		});
		// Of those that are forgotten, some may be in the list.
		let mut is_changed = !changes.is_empty();
		for decision in decisions.unwrap_or_default() {
			let Some(record) = state.records.get_mut(&decision.account) else { continue };
			if review::apply(record, &decision) {
				changes.push(account_change(&decision.account, record));
				state.guard.forget(&decision.account);
				state.challenges.remove(&decision.account);
				is_changed = true;
			}
		}
		self.store.put(changes);
		if is_changed {
			self.write_review(&state);
		}
	}

	/// Writes the list for the operator.
	pub(crate) fn write_review(&self, state: &State) {
		let list: Vec<Reviewed> = review::reviewed(state.records.iter());
		if let Err(error) = review::write_review(&self.config.folder, &list) {
			tracing::error!("the list of accounts that are put aside cannot be written: {error}");
		}
	}
}

/// Ends sessions that are over, and forgets accounts that have none and nothing to lose: demo accounts, to which there is no way back, whatever their
/// standing, and those of wallets with no whole answer, no failure and no verdict. Neither costs anything, so they would pile up.
fn tidy(state: &mut State, now: u64) -> Vec<Change> {
	let mut changes = state.sessions.expire(now);
	let sessions = &state.sessions;
	let is_old = |name: &str, record: &AccountRecord| {
		let is_blank = record.standing == Standing::Good && record.successes == 0 && record.failures == 0;
		(record.is_demo || is_blank) && record.seen_at.saturating_add(IDLE_MS) < now && !sessions.has(name)
	};
	let old = state.records.iter().filter(|(name, record)| is_old(name.as_str(), record));
	let names: Vec<String> = old.map(|(name, _)| name.clone()).collect();
	for name in names {
		state.records.remove(&name);
		state.challenges.remove(&name);
		changes.push(Change::ForgetAccount(name));
	}
	changes
}

/// Returns the change that keeps an account.
pub(crate) fn account_change(name: &str, record: &AccountRecord) -> Change {
	Change::Account(name.into(), Box::new(record.clone()))
}

/// Returns the token of an account from a header `Authorization`; `None` if there is another kind of key in it, or none.
pub fn access_token(authorization: Option<&str>) -> Option<&str> {
	let token = authorization?.strip_prefix("Bearer ")?.trim();
	token.starts_with(ACCESS_PREFIX).then_some(token)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn an_account_that_nothing_depends_on_is_forgotten_once_its_sessions_are_over() {
		let dir = tempfile::tempdir().unwrap();
		let config = Config {
			domains: vec!["chat.example".into()],
			is_secure: true,
			folder: dir.path().into(),
			free_tokens_per_day: 0,
			requires_account: true,
		};
		let accounts = Accounts::with_clock(config, std::sync::Arc::new(|| 0)).unwrap();
		let mut state = accounts.lock();
		let mut earned = AccountRecord::new(false, 0);
		earned.note_success(0);
		let (mut aside, mut no_way_back) = (AccountRecord::new(false, 0), AccountRecord::new(true, 0));
		aside.quarantine(&["signs"], 0);
		no_way_back.quarantine(&["signs"], 0);
		let records = [
			("demo", AccountRecord::new(true, 0)),
			("never asked", AccountRecord::new(false, 0)),
			("signed in", AccountRecord::new(false, 0)),
			("earned", earned),
			("aside", aside),
			("demo aside", no_way_back),
		];
		state.records.extend(records.map(|(name, record)| (name.to_owned(), record)));
		let _ = state.sessions.open("signed in", IDLE_MS);
		assert!(tidy(&mut state, IDLE_MS).is_empty(), "not yet");
		tidy(&mut state, IDLE_MS + 1);
		let mut left: Vec<&str> = state.records.keys().map(String::as_str).collect();
		left.sort_unstable();
		assert_eq!(left, ["aside", "earned", "signed in"]);
		tidy(&mut state, 3 * IDLE_MS);
		assert!(!state.records.contains_key("signed in"), "its session is over");
	}
}
