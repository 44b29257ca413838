//! Where everything meets that decides about money: accounts, allowances, answers that were paid for, and leases. In memory, under one
//! lock, so that no two requests spend the same planck; each change goes to the store in the order in which it was made.

use crate::{
	account::{Account, Shortage, Signed},
	allowance::{Allowance, Exhausted},
	answers::{AnswerName, Known, PaidAnswer, PaidAnswers, Payer, ATTEMPTS_MAX},
	kept,
	keys::Budget,
	scores::{PaidScores, Scored},
	store::{Change, Contents, Store, StoreError},
};
use blyan_gateway::till::{Meter, Order, Prices};
use futures::FutureExt;
use std::{
	collections::{HashMap, HashSet},
	future::Future,
	sync::{Mutex, MutexGuard, PoisonError},
};

/// Money that is held for one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
	/// Name of the answer.
	pub name: AnswerName,
	/// Hash of the body.
	pub body: [u8; 32],
	/// Seed.
	pub seed: u64,
	/// Cost by its tokens.
	pub meter: Meter,
	/// Planck that are held.
	pub planck: u128,
	/// Tokens that are held of an allowance.
	pub tokens: u64,
	/// Attempts before this one that the same price pays for.
	pub attempts: u8,
	/// Bytes that are set aside in the store for what is signed.
	pub room: u64,
}

impl Hold {
	/// Attempts to note with the answer: this one counts if it broke off. Those in front of a whole answer stay: each was a whole computation, and their
	/// number bounds how often its dropped scores are computed again.
	pub fn attempts_after(&self, is_whole: bool) -> u8 {
		self.attempts.saturating_add(u8::from(!is_whole))
	}
}

/// Decision about one answer of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
	/// Money is held under this number.
	Hold(u64, Hold),
	/// It was paid for before; with its scores, which are empty if none were wanted.
	Again(PaidAnswer, Vec<u8>),
}

/// Reason why nothing is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
	/// The session does not pay for it. The ceiling is that of what would be computed.
	Short(Shortage, u128),
	/// The API key does not pay for it.
	Exhausted(Exhausted),
	/// The store has no room for what would be signed.
	NoRoom,
	/// The same request is being computed.
	InProgress,
	/// The idempotency key was used for another request.
	OtherRequest,
}

/// Source of the money.
pub enum Funds<'a> {
	/// A session, with a voucher that is checked, and its deposit and settled amount by the chain.
	Session {
		/// Number.
		id: u64,
		/// The voucher.
		signed: Signed,
		/// Planck that were ever put into it.
		deposit: u128,
		/// Planck that are settled.
		settled: u128,
	},
	/// An API key.
	Key {
		/// Identifier.
		id: &'a str,
		/// Limits.
		budget: Budget,
	},
}

/// An order with everything that decides which answers it is about.
pub struct Asked<'a> {
	/// The order.
	pub order: &'a Order,
	/// Prices of the payer.
	pub prices: Prices,
	/// Hash of the idempotency key; `None` without one.
	pub key: Option<[u8; 32]>,
	/// Reports whether the client says that it asks again.
	pub is_retry: bool,
	/// Milliseconds since 1970.
	pub now: u64,
	/// Bytes that are left in the store for answers that are signed for.
	pub room: u64,
}

#[derive(Default)]
struct State {
	accounts: HashMap<u64, Account>,
	allowances: HashMap<String, Allowance>,
	answers: PaidAnswers,
	scores: PaidScores,
	holds: HashMap<u64, Hold>,
	/// Sessions that close or are over: what is computed for them is given up.
	revoked: HashSet<Payer>,
	/// Sessions that the chain does not have, with the time at which that was seen first.
	gone: HashMap<u64, u64>,
	last_hold: u64,
}

/// Holds whose voucher is on its way to the disk. Dropping it gives them back.
struct Pending<'a> {
	desk: &'a Desk,
	numbers: Vec<u64>,
}

impl Drop for Pending<'_> {
	fn drop(&mut self) {
		self.numbers.iter().for_each(|number| self.desk.release(*number));
	}
}

/// The desk.
pub struct Desk {
	state: Mutex<State>,
	store: Store,
}

impl Desk {
	/// Begins with what a store holds.
	pub fn new(store: Store, contents: Contents) -> Self {
		let mut state = State::default();
		state.accounts.extend(contents.accounts);
		state.allowances.extend(contents.allowances);
		for (name, answer) in contents.answers {
			// Within the bounds of the store that was written under the same bounds, none is forgotten.
			drop(state.answers.put(name, answer));
		}
		for (name, scores) in contents.scores {
			match scores.is_empty() {
				true => state.scores.note_dropped(name),
				false => drop(state.scores.put(name, scores)),
			}
		}
		Self { state: Mutex::new(state), store }
	}

	/// Grants all answers of an order or none. What is granted is durable when the future returns; without a new voucher nothing has to be.
	pub async fn grant(
		&self,
		funds: Funds<'_>,
		asked: Asked<'_>,
	) -> Result<Result<Vec<Granted>, Denied>, StoreError> {
		let (granted, written) = {
			let mut state = self.lock();
			match state.grant(funds, &asked) {
				Ok((granted, None)) => return Ok(Ok(granted)),
				// Into the queue under the lock: the order there is the order here.
				Ok((granted, Some(change))) => (granted, self.store.put(vec![change])),
				Err(denied) => return Ok(Err(denied)),
			}
		};
		// A client may leave while the disk is written: without its lease, nothing else would give the money back.
		let mut pending = Pending { desk: self, numbers: Vec::new() };
		pending.numbers.extend(granted.iter().filter_map(|granted| match granted {
			Granted::Hold(number, _) => Some(*number),
			Granted::Again(..) => None,
		}));
		written.await?;
		pending.numbers.clear();
		Ok(Ok(granted))
	}

	/// Gives held money back.
	pub fn release(&self, number: u64) {
		self.lock().release(number);
	}

	/// Reports whether the answer of a hold is still to be computed.
	pub fn is_live(&self, number: u64) -> bool {
		let state = self.lock();
		state.holds.get(&number).is_some_and(|hold| !state.revoked.contains(&hold.name.payer))
	}

	/// Returns what is held under a number.
	pub fn hold(&self, number: u64) -> Option<Hold> {
		self.lock().holds.get(&number).cloned()
	}

	/// Charges the answer of a hold: so many planck and tokens. `paid` is what is kept of it for a client that asks again; its charge is added to that
	/// of earlier attempts; its scores beside it are empty if none were wanted. `signed`: what is kept because it was signed for, in the same transaction.
	pub fn charge(
		&self,
		number: u64,
		(planck, tokens): (u128, u64),
		paid: (PaidAnswer, Vec<u8>),
		signed: Option<Change>,
		now: u64,
	) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
		let mut state = self.lock();
		let mut changes = state.charge(number, planck, tokens, paid, now);
		changes.extend(signed);
		self.store.put(changes)
	}

	/// Makes a change that concerns no money.
	pub fn put(&self, change: Change) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
		self.store.put(vec![change])
	}

	/// Returns the store, to read what was signed for.
	pub fn store(&self) -> &Store {
		&self.store
	}

	/// Takes a voucher without a request, and returns the account. The future waits for everything that the account tells of: an answer that is
	/// served has its receipt on the disk then, and can be asked for.
	pub fn take(
		&self,
		id: u64,
		signed: Signed,
		settled: u128,
	) -> (Account, impl Future<Output = Result<(), StoreError>> + Send + 'static) {
		let mut state = self.lock();
		let account = state.accounts.entry(id).or_insert_with(|| Account::beginning_at(settled));
		account.note_settled(settled);
		let is_news = account.take(signed);
		let account = account.clone();
		let written = match is_news {
			true => self.store.put(vec![Change::Account(id, account.clone())]).boxed(),
			false => self.store.caught_up().boxed(),
		};
		(account, written)
	}

	/// Returns the account of a session.
	pub fn account(&self, id: u64) -> Option<Account> {
		self.lock().accounts.get(&id).cloned()
	}

	/// Returns the use of an API key.
	pub fn allowance(&self, id: &str) -> Allowance {
		self.lock().allowances.get(id).cloned().unwrap_or_default()
	}

	/// Returns the numbers of all sessions.
	pub fn sessions(&self) -> Vec<u64> {
		self.lock().accounts.keys().copied().collect()
	}

	/// Notes that the chain has taken a voucher.
	pub fn note_settled(
		&self,
		id: u64,
		amount: u128,
	) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
		let mut state = self.lock();
		let mut changes = Vec::new();
		if let Some(account) = state.accounts.get_mut(&id) {
			account.note_settled(amount);
			changes.push(Change::Account(id, account.clone()));
		}
		self.store.put(changes)
	}

	/// Gives up what is computed for a session that closes, so that it is charged in time; what was said before no longer holds if it does
	/// not close after all.
	pub fn set_closing(&self, id: u64, is_closing: bool) {
		let (mut state, payer) = (self.lock(), Payer::Session(id));
		state.gone.remove(&id);
		if is_closing {
			state.revoked.insert(payer);
		} else {
			state.revoked.remove(&payer);
		}
	}

	/// Notes that the chain does not have a session, and gives up what is computed for it. Returns the milliseconds since that was seen first.
	pub fn note_gone(&self, id: u64, now: u64) -> u64 {
		let mut state = self.lock();
		state.revoked.insert(Payer::Session(id));
		let since = *state.gone.entry(id).or_insert(now);
		now.saturating_sub(since)
	}

	/// Forgets a session that the chain does not have any more, once nothing is computed for it. Reports whether it is forgotten.
	pub fn close(&self, id: u64) -> bool {
		let mut state = self.lock();
		let payer = Payer::Session(id);
		if state.holds.values().any(|hold| hold.name.payer == payer) {
			state.revoked.insert(payer);
			return false;
		}
		state.accounts.remove(&id);
		state.gone.remove(&id);
		state.revoked.remove(&payer);
		drop(self.store.put(vec![Change::CloseAccount(id)]));
		true
	}

	fn lock(&self) -> MutexGuard<'_, State> {
		// A change is complete before anything that could panic.
		self.state.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

impl State {
	/// Decides about an order; returns the change that has to be durable first.
	fn grant(
		&mut self,
		funds: Funds<'_>,
		asked: &Asked<'_>,
	) -> Result<(Vec<Granted>, Option<Change>), Denied> {
		let payer = match &funds {
			Funds::Session { id, .. } => Payer::Session(*id),
			Funds::Key { id, .. } => Payer::Key((*id).into()),
		};
		let wanted = self.wanted(&payer, asked)?;
		let (planck, tokens) = wanted.iter().fold((0_u128, 0_u64), |sum, granted| match granted {
			Granted::Hold(_, hold) => (sum.0.saturating_add(hold.planck), sum.1.saturating_add(hold.tokens)),
			Granted::Again(..) => sum,
		});
		let is_new = wanted.iter().any(|granted| matches!(granted, Granted::Hold(..)));
		// An answer that was given is kept, so no more are given than there is room for.
		let set_aside = self.holds.values().fold(0_u64, |sum, hold| sum.saturating_add(hold.room));
		let room = wanted.iter().fold(set_aside, |sum, granted| match granted {
			Granted::Hold(_, hold) => sum.saturating_add(hold.room),
			Granted::Again(..) => sum,
		});
		if is_new && room > asked.room {
			return Err(Denied::NoRoom);
		}
		let mut change = None;
		match funds {
			Funds::Session { id, signed, deposit, settled } => {
				let account = self.accounts.entry(id).or_insert_with(|| Account::beginning_at(settled));
				account.note_settled(settled);
				// An answer that was paid for is sent again by any voucher of the session, also by the one that paid for it.
				if is_new
					&& account.hold(signed, planck, deposit).map_err(|short| Denied::Short(short, planck))?
				{
					change = Some(Change::Account(id, account.clone()));
				}
			}
			Funds::Key { id, budget } => {
				let allowance = self.allowances.entry(id.into()).or_default();
				if is_new {
					allowance.hold(&budget, tokens, planck, asked.now).map_err(Denied::Exhausted)?;
				}
			}
		}
		for granted in &wanted {
			if let Granted::Hold(number, hold) = granted {
				self.holds.insert(*number, hold.clone());
			}
		}
		Ok((wanted, change))
	}

	/// Returns what is to be computed and what is known, with numbers for holds that are not made yet.
	fn wanted(&mut self, payer: &Payer, asked: &Asked<'_>) -> Result<Vec<Granted>, Denied> {
		let Asked { order, prices, key, is_retry, now, .. } = asked;
		let mut wanted = Vec::new();
		for index in 0..order.answers {
			let request = key.unwrap_or(order.body);
			let name = AnswerName { payer: payer.clone(), request, has_key: key.is_some(), index };
			let is_same = key.is_some() || *is_retry;
			let is_held = self.holds.values().any(|hold| hold.name == name);
			if is_same && is_held {
				return Err(Denied::InProgress);
			}
			let (credit, seed, attempts) = match self.answers.find(&name, &order.body, *is_retry, *now) {
				Known::Other => return Err(Denied::OtherRequest),
				Known::Whole(paid) => match self.scores.find(&name) {
					// Computed again, it has the same scores and is charged no more, as often as one that broke off.
					Scored::Dropped if paid.attempts < ATTEMPTS_MAX => {
						(paid.charged, paid.seed, paid.attempts.saturating_add(1))
					}
					Scored::Dropped => (0, paid.seed, 0),
					Scored::Unwanted => {
						wanted.push(Granted::Again(paid, Vec::new()));
						continue;
					}
					Scored::Kept(scores) => {
						wanted.push(Granted::Again(paid, scores));
						continue;
					}
				},
				// What was paid for it counts once: for the attempt that is computed already.
				Known::Broken { credit, seed, attempts } if !is_held => (credit, seed, attempts),
				Known::Broken { .. } | Known::New => (0, order.seed.wrapping_add(index.into()), 0),
			};
			let prompt_tokens = order.paid_prompt_tokens(index);
			let meter = Meter { prices: *prices, prompt_tokens, credit };
			let tokens = u64::from(prompt_tokens).saturating_add(order.answer_tokens_max.into());
			let planck = meter.charge(order.answer_tokens_max);
			self.last_hold += 1;
			// The record of every answer has the prompt in it.
			let room = kept::bytes_max(
				u64::from(order.prompt_tokens).saturating_add(order.answer_tokens_max.into()),
			);
			let hold = Hold { name, body: order.body, seed, meter, planck, tokens, attempts, room };
			wanted.push(Granted::Hold(self.last_hold, hold));
		}
		Ok(wanted)
	}

	fn release(&mut self, number: u64) {
		let Some(hold) = self.holds.remove(&number) else { return };
		match &hold.name.payer {
			Payer::Session(id) => {
				if let Some(account) = self.accounts.get_mut(id) {
					account.release(hold.planck);
				}
			}
			Payer::Key(id) => {
				if let Some(allowance) = self.allowances.get_mut(id) {
					allowance.release(hold.tokens, hold.planck);
				}
			}
		}
	}

	fn charge(
		&mut self,
		number: u64,
		planck: u128,
		tokens: u64,
		(mut paid, scores): (PaidAnswer, Vec<u8>),
		now: u64,
	) -> Vec<Change> {
		let mut changes = Vec::new();
		let Some(hold) = self.holds.remove(&number) else { return changes };
		match &hold.name.payer {
			Payer::Session(id) => {
				if let Some(account) = self.accounts.get_mut(id) {
					account.charge(hold.planck, planck);
					changes.push(Change::Account(*id, account.clone()));
				}
			}
			Payer::Key(id) => {
				if let Some(allowance) = self.allowances.get_mut(id) {
					allowance.release(hold.tokens, hold.planck);
					allowance.charge(tokens.min(hold.tokens), planck.min(hold.planck), now);
					changes.push(Change::Allowance(id.clone(), allowance.clone()));
				}
			}
		}
		paid.charged = hold.meter.credit.saturating_add(planck.min(hold.planck));
		changes.push(Change::Answer(hold.name.clone(), paid.clone()));
		changes.extend(self.keep_scores(&hold.name, scores));
		for forgotten in self.answers.put(hold.name, paid) {
			self.scores.remove(&forgotten);
			changes.push(Change::ForgetAnswer(forgotten));
		}
		changes
	}

	/// Keeps the scores of an answer, apart from the answers: neither drops the other.
	fn keep_scores(&mut self, name: &AnswerName, scores: Vec<u8>) -> Vec<Change> {
		if scores.is_empty() {
			self.scores.remove(name);
			return Vec::new();
		}
		let kept = Change::Scores(name.clone(), scores.clone());
		let dropped = self.scores.put(name.clone(), scores);
		let dropped = dropped.into_iter().map(|name| Change::Scores(name, Vec::new()));
		std::iter::once(kept).chain(dropped).collect()
	}
}

#[cfg(test)]
mod tests;
