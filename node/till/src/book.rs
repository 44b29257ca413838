//! The chain as a till sees it: records of sessions, and the way to settle their vouchers.

use blyan_primitives::serving::{OfferId, Prices, ServingKey, ServingSignature, SessionId, Voucher};
use futures::future::BoxFuture;
use std::{
	collections::HashMap,
	sync::{Arc, Mutex, PoisonError},
	time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// A session as the chain has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
	/// Account that is paid.
	pub operator: [u8; 32],
	/// Offer that it was opened for.
	pub offer: OfferId,
	/// Key that signs its vouchers.
	pub voucher_key: ServingKey,
	/// Prices, which were fixed when it was opened.
	pub prices: Prices,
	/// Planck that were ever put into it, those that are settled included.
	pub deposit: u128,
	/// Amount of the largest voucher that is settled.
	pub settled: u128,
	/// Reports whether its payer has asked for its end.
	pub is_closing: bool,
}

/// Reason why the chain does not answer, or does not take a voucher.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
	/// The node cannot be asked, or does not follow its chain.
	#[error("the chain cannot be read: {0}; see whether the node runs and is in sync")]
	Unreachable(String),
	/// The chain refuses a voucher.
	#[error("the chain refuses the voucher: {0}")]
	Refused(String),
}

/// Sessions on a chain.
pub trait SessionBook: Send + Sync + 'static {
	/// Returns a session; `None` if there is none of that number, or none any more.
	fn session(&self, id: SessionId) -> BoxFuture<'_, Result<Option<SessionRecord>, BookError>>;

	/// Settles a voucher, and returns when the chain has it.
	fn settle(
		&self,
		id: SessionId,
		voucher: Voucher,
		signature: ServingSignature,
	) -> BoxFuture<'_, Result<(), BookError>>;

	/// Returns the number of the best block.
	fn best_block(&self) -> BoxFuture<'_, Result<u32, BookError>>;
}

/// Questions about sessions that are not known, at the same time.
const STRANGERS_MAX: usize = 16;

/// Ages of what is known of the chain.
#[derive(Clone, Copy, Debug)]
pub struct Ages {
	/// Age from which a record is read again before it is used.
	pub fresh: Duration,
	/// Age up to which a record is used while the chain cannot be read. Far below the time that a closing session leaves its
	/// operator, or an answer could be served that cannot be settled any more.
	pub usable: Duration,
}

impl Default for Ages {
	/// Two blocks, and ten.
	fn default() -> Self {
		Self { fresh: Duration::from_secs(12), usable: Duration::from_secs(60) }
	}
}

/// Records with the time at which they were read.
pub struct KnownSessions {
	book: Arc<dyn SessionBook>,
	ages: Ages,
	known: Mutex<HashMap<SessionId, (SessionRecord, Instant)>>,
	/// Places for questions about sessions that are not known.
	strangers: Semaphore,
}

impl KnownSessions {
	/// Makes an empty list.
	pub fn new(book: Arc<dyn SessionBook>, ages: Ages) -> Self {
		Self { book, ages, known: Mutex::default(), strangers: Semaphore::new(STRANGERS_MAX) }
	}

	/// Returns the chain.
	pub fn book(&self) -> &dyn SessionBook {
		self.book.as_ref()
	}

	/// Returns a session by a record that is fresh, or one that is usable if the chain cannot be read.
	pub async fn get(&self, id: SessionId) -> Result<Option<SessionRecord>, BookError> {
		let known = self.lock().get(&id).cloned();
		if let Some((record, read_at)) = &known {
			if read_at.elapsed() < self.ages.fresh {
				return Ok(Some(record.clone()));
			}
		}
		// A number that is made up costs its sender nothing and the node some questions, so they wait for each other and for no one else.
		let _place = match known {
			None => self.strangers.acquire().await.ok(),
			Some(_) => None,
		};
		match (self.read(id).await, known) {
			(Err(error), Some((record, read_at))) if read_at.elapsed() < self.ages.usable => {
				tracing::debug!("session {id} is served by an older record: {error}");
				Ok(Some(record))
			}
			(read, _) => read,
		}
	}

	/// Reads a session from the chain, whatever is known of it.
	pub async fn read(&self, id: SessionId) -> Result<Option<SessionRecord>, BookError> {
		// Taken before the question is put: the answer is at least as new.
		let read_at = Instant::now();
		let read = self.book.session(id).await?;
		let mut known = self.lock();
		match &read {
			Some(record) => drop(known.insert(id, (record.clone(), read_at))),
			None => drop(known.remove(&id)),
		}
		Ok(read)
	}

	/// Forgets a session.
	pub fn forget(&self, id: SessionId) {
		self.lock().remove(&id);
	}

	fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, (SessionRecord, Instant)>> {
		self.known.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use futures::FutureExt;
	use std::sync::atomic::{AtomicUsize, Ordering};

	/// A chain without sessions, which is slow to say so.
	#[derive(Default)]
	struct Slow {
		asked: AtomicUsize,
		most: AtomicUsize,
	}

	impl SessionBook for Slow {
		fn session(&self, _: SessionId) -> BoxFuture<'_, Result<Option<SessionRecord>, BookError>> {
			async move {
				let asked = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
				self.most.fetch_max(asked, Ordering::SeqCst);
				tokio::time::sleep(Duration::from_millis(5)).await;
				self.asked.fetch_sub(1, Ordering::SeqCst);
				Ok(None)
			}
			.boxed()
		}

		fn settle(
			&self,
			_: SessionId,
			_: Voucher,
			_: ServingSignature,
		) -> BoxFuture<'_, Result<(), BookError>> {
			async { Ok(()) }.boxed()
		}

		fn best_block(&self) -> BoxFuture<'_, Result<u32, BookError>> {
			async { Ok(1) }.boxed()
		}
	}

	#[tokio::test]
	async fn sessions_that_are_made_up_do_not_keep_the_node_busy() {
		let chain = Arc::new(Slow::default());
		let known = KnownSessions::new(chain.clone(), Ages::default());
		let asked = futures::future::join_all((0..100).map(|id| known.get(id))).await;
		assert!(asked.iter().all(|found| *found == Ok(None)));
		assert_eq!(chain.most.load(Ordering::SeqCst), STRANGERS_MAX);
	}
}
