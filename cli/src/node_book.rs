//! Sessions on the chain, as the till of a gateway reads and settles them.

use crate::{
	client::{Client, Ground, PaidSession},
	failure::{Failure, Kind, Outcome},
	keys::Account,
};
use blyan_primitives::{OfferId, ServingKey, ServingSignature, SessionId, Voucher};
use blyan_till::book::{BookError, SessionBook, SessionRecord};
use futures::{future::BoxFuture, FutureExt};
use std::sync::Arc;
use subxt::dynamic::Value;
use tokio::sync::Mutex;

/// A node, connected to again whenever it was gone.
pub struct NodeBook {
	url: String,
	genesis: [u8; 32],
	/// Account that signs settlements, and everything else that this server sends.
	account: Account,
	client: Mutex<Option<Arc<Client>>>,
}

impl NodeBook {
	/// Begins with a connected node; settlements are signed by `account`.
	pub fn new(client: Client, account: Account) -> Self {
		let (url, genesis) = (client.url.clone(), client.genesis());
		Self { url, genesis, account, client: Mutex::new(Some(Arc::new(client))) }
	}

	/// Returns the account that signs.
	pub fn account(&self) -> &Account {
		&self.account
	}

	/// Returns the node, and connects to it again if that was lost.
	pub async fn client(&self) -> Outcome<Arc<Client>> {
		let mut held = self.client.lock().await;
		if let Some(client) = held.as_ref() {
			return Ok(client.clone());
		}
		let client = Client::connect(&self.url).await?;
		if client.genesis() != self.genesis {
			// A voucher is signed for one chain.
			return Err(Failure::new(format!("{} is on another chain than before", self.url))
				.kind(Kind::WrongNetwork));
		}
		let client = Arc::new(client);
		*held = Some(client.clone());
		Ok(client)
	}

	/// Drops a connection that gave no answer; the next question connects again.
	pub async fn note<T>(&self, answer: &Outcome<T>) {
		if answer.as_ref().is_err_and(|failure| failure.kind == Kind::Unreachable) {
			*self.client.lock().await = None;
		}
	}

	/// Reads a session. It is there once it is in a block that stays; it is closing as soon as any block says so.
	async fn read(&self, id: SessionId) -> Outcome<Option<SessionRecord>> {
		let client = self.client().await?;
		let read = async {
			client.ensure_synced().await?;
			let lasting = client.paid_session_on(Ground::Finalised, id).await?;
			let newest = client.paid_session_on(Ground::Best, id).await?;
			Ok(combine(lasting, newest))
		}
		.await;
		self.note(&read).await;
		read
	}

	async fn send(&self, id: SessionId, amount: u128, signature: &ServingSignature) -> Outcome<()> {
		let client = self.client().await?;
		let fields = vec![
			("session", Value::u128(id.into())),
			("amount", Value::u128(amount)),
			("signature", Value::from_bytes(signature.0)),
		];
		let sent = client.submit(&self.account, "Inference", "settle", fields).await;
		self.note(&sent).await;
		let Err(failure) = sent else { return Ok(()) };
		// Another settlement may have been faster, or the one that was sent is in a block all the same.
		match client.paid_session_on(Ground::Finalised, id).await {
			Ok(Some(session)) if session.settled >= amount.min(session.deposit) => Ok(()),
			_ => Err(failure),
		}
	}

	/// Reads the prices of an offer, with the key that signs its receipts; `None` if it was withdrawn.
	pub async fn offer(&self, id: OfferId) -> Outcome<Option<crate::client::Offer>> {
		let client = self.client().await?;
		let read = client.find_offer(id).await;
		self.note(&read).await;
		read
	}
}

/// Makes one record of a session as it is in the newest block that stays, and in the newest block.
fn combine(lasting: Option<PaidSession>, newest: Option<PaidSession>) -> Option<SessionRecord> {
	let lasting = lasting?;
	let is_closing =
		newest.as_ref().is_none_or(|newest| newest.closes_at.is_some()) || lasting.closes_at.is_some();
	Some(SessionRecord {
		operator: lasting.operator.into(),
		offer: lasting.offer,
		voucher_key: ServingKey::from_raw(lasting.voucher_key.0),
		prices: lasting.prices,
		deposit: lasting.deposit,
		// What a fork undoes has to be settled again.
		settled: lasting.settled,
		is_closing,
	})
}

fn book_error(failure: Failure) -> BookError {
	match failure.kind {
		Kind::Refused => BookError::Refused(failure.message),
		_ => BookError::Unreachable(failure.message),
	}
}

impl SessionBook for NodeBook {
	fn session(&self, id: SessionId) -> BoxFuture<'_, Result<Option<SessionRecord>, BookError>> {
		async move { self.read(id).await.map_err(book_error) }.boxed()
	}

	fn settle(
		&self,
		id: SessionId,
		voucher: Voucher,
		signature: ServingSignature,
	) -> BoxFuture<'_, Result<(), BookError>> {
		async move { self.send(id, voucher.amount, &signature).await.map_err(book_error) }.boxed()
	}

	fn best_block(&self) -> BoxFuture<'_, Result<u32, BookError>> {
		async move {
			let client = self.client().await.map_err(book_error)?;
			let read = client.best_block().await;
			self.note(&read).await;
			Ok(u32::try_from(read.map_err(book_error)?).unwrap_or(u32::MAX))
		}
		.boxed()
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_primitives::Prices;
	use sp_core::{crypto::AccountId32, H256};

	fn session(deposit: u128, settled: u128, closes_at: Option<u32>) -> Option<PaidSession> {
		let (payer, operator) = (AccountId32::new([1; 32]), AccountId32::new([2; 32]));
		let (voucher_key, prices) = (H256([3; 32]), Prices { input: 1, output: 2 });
		Some(PaidSession {
			id: 7,
			payer,
			operator,
			offer: 3,
			voucher_key,
			prices,
			deposit,
			settled,
			closes_at,
		})
	}

	#[test]
	fn a_session_counts_from_the_block_that_stays_and_closes_with_the_first_that_says_so() {
		assert_eq!(combine(None, session(9, 0, None)), None, "its opening may still be undone");
		let record = combine(session(9, 1, None), session(20, 2, None)).unwrap();
		assert_eq!((record.deposit, record.settled, record.is_closing), (9, 1, false));
		assert!(combine(session(9, 1, None), session(9, 1, Some(5))).unwrap().is_closing);
		assert!(combine(session(9, 1, None), None).unwrap().is_closing, "it is over in the newest block");
	}
}
