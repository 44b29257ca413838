//! Settlement: vouchers that are earned go to the chain.
//!
//! A session is settled while it goes on when enough has been earned, at once when it closes, and when the server ends. While it goes on only
//! vouchers are settled that do not promise more than was served. What fails is tried again in the next round; vouchers are in the store until the
//! chain does not have the session any more.

use crate::{account::Account, book::SessionRecord, cashier::Cashier};
use blyan_primitives::serving::{ServingSignature, Voucher};
use futures::{future, stream, StreamExt};
use std::{cmp::Reverse, future::Future, pin::pin, sync::atomic::Ordering, time::Duration};
use tokio::time::{sleep, timeout};

/// Time between two rounds, unless a payer's voucher wakes them: about a block.
const ROUND: Duration = Duration::from_secs(6);
/// Pause in front of a round that a voucher has woken, so that vouchers are settled together.
const PAUSE: Duration = Duration::from_secs(1);
/// Rounds between two looks at sessions of which nothing is to be settled.
const IDLE_ROUNDS: u32 = 20;
/// Sessions that are looked at and settled at the same time. A settlement waits for a block that stays: one behind the other, a payer that closes
/// a thousand sessions at once could be settled too late.
const AT_ONCE: usize = 8;
/// Time for which vouchers of a session are kept that the chain does not have: another node, or one that has lost its disk, may know less of it.
const GONE_MS: u64 = 60 * 60 * 1_000;
/// Time that one settlement may take.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(90);

/// Reason of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
	/// The next of many.
	Usual,
	/// One that looks at all sessions.
	Thorough,
	/// The last.
	Last,
}

impl Cashier {
	/// Settles until `shutdown`, and then once more. Runs beside the server and ends behind it.
	pub async fn keep(&self, shutdown: impl Future<Output = ()>) {
		let mut shutdown = pin!(shutdown);
		let mut rounds = 0_u32;
		loop {
			rounds = rounds.wrapping_add(1);
			let round = if rounds % IDLE_ROUNDS == 1 { Round::Thorough } else { Round::Usual };
			self.settle(round).await;
			tokio::select! {
				() = sleep(ROUND) => {}
				() = async { self.due.notified().await; sleep(PAUSE).await; } => {}
				() = shutdown.as_mut() => break,
			}
		}
		self.settle(Round::Last).await;
	}

	/// Goes through all sessions once, and returns the number of vouchers that the chain has taken.
	pub async fn settle(&self, round: Round) -> usize {
		match self.known.book().best_block().await {
			Ok(block) => self.block.store(block, Ordering::Relaxed),
			Err(error) => tracing::debug!("no block is known: {error}"),
		}
		let is_due = |account: &Account| account.unsettled() > 0 || account.held > 0 || round != Round::Usual;
		let accounts = self.desk.sessions().into_iter().filter_map(|id| Some((id, self.desk.account(id)?)));
		let mut due: Vec<(u64, Account)> = accounts.filter(|(_, account)| is_due(account)).collect();
		// The largest first: where time is short, the least is lost.
		due.sort_by_key(|(_, account)| Reverse(account.unsettled()));
		let looked = stream::iter(due).map(|(id, account)| self.look_at(id, account, round));
		looked.buffer_unordered(AT_ONCE).filter(|is_settled| future::ready(*is_settled)).count().await
	}

	/// Looks at one session, and reports whether the chain has taken a voucher of it.
	async fn look_at(&self, id: u64, account: Account, round: Round) -> bool {
		// The chain is asked and not the list of what is known of it: this is what keeps that list young.
		match self.known.read(id).await {
			Ok(Some(record)) => {
				self.desk.set_closing(id, record.is_closing);
				return self.settle_one(id, &account, &record, round).await;
			}
			Ok(None) => self.end(id, &account),
			Err(error) => tracing::debug!("session {id} is not settled in this round: {error}"),
		}
		false
	}

	/// Settles a session if that is due, and reports whether the chain has taken a voucher.
	async fn settle_one(&self, id: u64, account: &Account, record: &SessionRecord, round: Round) -> bool {
		// At the end of a session everything counts, also while an answer is on its way: its reader may take as long as the chain waits,
		// and what it is charged is claimed when it is known.
		let claimed = account.claim(record.is_closing).filter(|claimed| claimed.amount > record.settled);
		let Some(claimed) = claimed else {
			if record.settled > account.settled {
				self.note(id, record.settled).await;
			}
			return false;
		};
		let earned = claimed.amount - record.settled;
		if !record.is_closing && round != Round::Last && earned < self.config().settle_from {
			return false;
		}
		let voucher = Voucher { session: id, amount: claimed.amount };
		let signature = ServingSignature::from_raw(claimed.signature);
		match timeout(SETTLE_TIMEOUT, self.known.book().settle(id, voucher, signature)).await {
			Ok(Ok(())) => {
				tracing::info!("settled {} planck of session {id}", claimed.amount);
				self.note(id, claimed.amount).await;
				true
			}
			Ok(Err(error)) => {
				tracing::warn!("session {id} is not settled, and will be tried again: {error}");
				false
			}
			Err(_) => {
				tracing::warn!("the settlement of session {id} takes too long, and will be tried again");
				false
			}
		}
	}

	async fn note(&self, id: u64, amount: u128) {
		if let Err(error) = self.desk.note_settled(id, amount).await {
			// The chain knows it, and says so in the next round.
			tracing::warn!("the settlement of session {id} is not noted: {error}");
		}
	}

	/// Forgets a session that has ended on the chain.
	fn end(&self, id: u64, account: &Account) {
		let gone = self.desk.note_gone(id, (self.clock)());
		if account.unsettled() > 0 && gone < GONE_MS {
			return;
		}
		if self.desk.close(id) {
			self.known.forget(id);
			if account.unsettled() > 0 {
				tracing::warn!(
					"session {id} has ended with {} planck that were served and not settled",
					account.unsettled()
				);
			}
		}
	}
}
