//! Admission of requests: standing, ladder, limits, free tokens; and what becomes of those that are admitted.

use crate::{
	accounts::{account_change, Accounts, State},
	challenge::Challenge,
	free::Exhausted,
	guard::{Step, Visit},
	holds::FreeHold,
	record::{AccountRecord, Level, Standing},
	refusal,
	store::{Change, Entry},
};
use blyan_gateway::till::{Lease, Meter, Order, Permit, Refusal};
use std::sync::Arc;

/// Bit of the numbers of leases that are given here, and not by the till behind.
const OURS: u64 = 1 << 63;
/// Tokens of a free answer.
pub const FREE_ANSWER_MAX: u32 = 1_024;

/// Credentials of a request, as its headers have them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
	/// Access token.
	pub token: &'a str,
	/// Hash of the headers by which a browser is told from another.
	pub device: Option<u64>,
	/// Proof of work.
	pub proof: Option<&'a str>,
}

/// An answer that is over.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
	/// Name of its receipt.
	pub receipt: String,
	/// Tokens of the prompt.
	pub prompt_tokens: u32,
	/// Tokens that were delivered; `None` if there was no answer.
	pub answer_tokens: Option<u32>,
	/// The reader took it to its end.
	pub is_whole: bool,
}

/// Reports whether a lease was given here.
pub(crate) fn is_ours(number: u64) -> bool {
	number & OURS != 0
}

impl Accounts {
	/// Admits a request that is paid for otherwise.
	pub(crate) fn admit_paid(&self, asking: &Asking<'_>, order: &Order) -> Result<(), Refusal> {
		let now = (self.clock)();
		self.keep_up(now);
		let mut state = self.lock();
		let name = self.admit(&mut state, asking, order, now)?;
		for receipt in receipts(order) {
			state.holds.paid.put(receipt, name.clone());
		}
		Ok(())
	}

	/// Admits a request as free ones, one for each answer.
	pub(crate) fn admit_free(
		self: &Arc<Self>,
		asking: &Asking<'_>,
		order: &Order,
	) -> Result<Vec<Permit>, Refusal> {
		let now = (self.clock)();
		self.keep_up(now);
		let mut state = self.lock();
		let state = &mut *state;
		if order.answer_tokens_max > FREE_ANSWER_MAX {
			return Err(refusal::too_long(order.answer_tokens_max, FREE_ANSWER_MAX));
		}
		let name = self.admit(state, asking, order, now)?;
		let tokens =
			|index| u64::from(order.paid_prompt_tokens(index)).saturating_add(order.answer_tokens_max.into());
		let record = state.records.get_mut(&name).ok_or_else(refusal::invalid_session)?;
		let is_demo = record.is_demo;
		record.take_free(order.answers, now).map_err(|reached| refusal::reached(reached, is_demo))?;
		let all = (0..order.answers).map(tokens).fold(0, u64::saturating_add);
		if let Err(exhausted) = state.free.hold(order.client, all, now) {
			(0..order.answers).for_each(|_| record.give_back());
			return Err(refusal::free_tokens(&self.why_none(exhausted, state.free.left(now))));
		}
		let permits = (0..order.answers).map(|index| {
			state.holds.last = state.holds.last.saturating_add(1);
			let number = state.holds.last | OURS;
			let prompt_tokens = order.paid_prompt_tokens(index);
			let (account, client) = (name.clone(), order.client);
			let hold = FreeHold { account, client, tokens: tokens(index), prompt_tokens };
			state.holds.free.insert(number, hold);
			let meter = Meter { prompt_tokens, ..Meter::default() };
			let (accounts, seed) = (self.clone(), order.seed.wrapping_add(index.into()));
			let lease = Lease::new(number, index, seed, meter);
			Permit::Serve(lease.releasing(move || accounts.note_free(number, None)))
		});
		Ok(permits.collect())
	}

	fn why_none(&self, exhausted: Exhausted, left: u64) -> String {
		let per_day = self.config.free_tokens_per_day;
		match exhausted {
			_ if per_day == 0 => "this gateway gives no free answers".into(),
			Exhausted::All => format!(
				"{left} of this gateway's {per_day} free tokens of today are left, and this request may take more"
			),
			Exhausted::Block => "your network has had its share of today's free tokens".into(),
		}
	}

	/// Admits a request of an account, and returns its name.
	fn admit(
		&self,
		state: &mut State,
		asking: &Asking<'_>,
		order: &Order,
		now: u64,
	) -> Result<String, Refusal> {
		let name = state.sessions.account(asking.token, now).ok_or_else(refusal::invalid_session)?.to_owned();
		let record = state.records.get_mut(&name).ok_or_else(refusal::invalid_session)?;
		ensure_good(record)?;
		if let (Some(challenge), Some(proof)) = (state.challenges.get(&name), asking.proof) {
			if self.captcha_of(challenge.bits).is_none() && challenge.is_solved_by(proof) {
				state.challenges.remove(&name);
				state.guard.solve(&name);
			}
		}
		let step = state.guard.note(&Visit {
			account: &name,
			client: order.client,
			device: asking.device,
			words: &order.words,
			now,
			is_trusted: record.level() > Level::Newbie,
		});
		let refused = match step {
			Step::Pass => None,
			Step::Challenge { bits, is_new } => {
				record.failures = record.failures.saturating_add(u32::from(is_new));
				if is_new {
					// One that the ladder has forgotten meanwhile asked for less.
					state.challenges.remove(&name);
				}
				let challenge = state.challenges.entry(name.clone()).or_insert_with(|| Challenge::draw(bits));
				Some(match self.captcha_of(challenge.bits) {
					None => refusal::challenge(challenge),
					Some(captcha) => refusal::captcha(captcha.widget()),
				})
			}
			Step::Quarantine { reasons } => {
				record.quarantine(&reasons, now);
				ensure_good(record).err()
			}
		};
		let Some(refused) = refused else {
			let is_demo = record.is_demo;
			record.take(order.answers, now).map_err(|reached| refusal::reached(reached, is_demo))?;
			return Ok(name);
		};
		let is_aside = record.standing != Standing::Good;
		self.store.put(vec![account_change(&name, record)]);
		if is_aside {
			state.challenges.remove(&name);
			state.guard.forget(&name);
			self.write_review(state);
		}
		Err(refused)
	}

	/// Ends a free answer; without one, gives back what was held for it.
	pub(crate) fn note_free(&self, number: u64, answered: Option<&Answered>) {
		let (now, mut state) = ((self.clock)(), self.lock());
		let state = &mut *state;
		let Some(hold) = state.holds.free.remove(&number) else { return };
		let delivered = answered.and_then(|answered| answered.answer_tokens);
		let used = delivered.map_or(0, |tokens| u64::from(hold.prompt_tokens).saturating_add(tokens.into()));
		let (day, of_day) = state.free.settle(hold.client, hold.tokens, used, now);
		let mut changes = vec![Change::Free(day, of_day)];
		if delivered.is_none() {
			if let Some(record) = state.records.get_mut(&hold.account) {
				record.give_back();
			}
		}
		if let Some(answered) = answered {
			changes.extend(note(state, &hold.account, answered, 0, true, now));
		}
		self.store.put(changes);
	}

	/// Ends an answer that was paid for otherwise, if an account had asked for it.
	pub(crate) fn note_paid(&self, answered: &Answered, charged: u128) {
		let (now, mut state) = ((self.clock)(), self.lock());
		let Some(account) = state.holds.paid.pop(&answered.receipt) else { return };
		let changes = note(&mut state, &account, answered, charged, false, now);
		self.store.put(changes);
	}

	/// Forgets that an account had asked for an order, which was refused behind.
	pub(crate) fn forget_paid(&self, order: &Order) {
		let mut state = self.lock();
		for receipt in receipts(order) {
			state.holds.paid.pop(&receipt);
		}
	}
}

/// Returns the names of the receipts of an order.
fn receipts(order: &Order) -> impl Iterator<Item = String> + '_ {
	(0..order.answers).map(move |index| match index {
		0 => order.id.clone(),
		index => format!("{}-{index}", order.id),
	})
}

/// Notes an answer in the record and the history of an account.
fn note(
	state: &mut State,
	account: &str,
	answered: &Answered,
	charged: u128,
	is_free: bool,
	now: u64,
) -> Vec<Change> {
	state.guard.note_end(account, now);
	let Some(record) = state.records.get_mut(account) else { return Vec::new() };
	let mut changes = Vec::new();
	if answered.is_whole {
		record.note_success(now);
	}
	if let Some(answer_tokens) = answered.answer_tokens {
		let Answered { receipt, prompt_tokens, is_whole, .. } = answered.clone();
		let entry =
			Entry { receipt, ended_at: now, prompt_tokens, answer_tokens, charged, is_free, is_whole };
		changes.push(Change::Entry(account.into(), record.entries, entry));
		record.entries = record.entries.saturating_add(1);
	}
	changes.push(account_change(account, record));
	changes
}

fn ensure_good(record: &AccountRecord) -> Result<(), Refusal> {
	match &record.standing {
		Standing::Good => Ok(()),
		Standing::Banned { .. } => Err(refusal::banned()),
		Standing::Quarantined { reasons, appeal, .. } => Err(refusal::quarantined(reasons, appeal.is_some())),
	}
}
