//! Upkeep of kept answers: they go when the chain has forgotten the key that signed them.

use crate::{failure::Outcome, node_book::NodeBook, output::Output};
use blyan_till::Cashier;
use sp_core::{crypto::AccountId32, H256};
use std::{future::Future, sync::Arc, time::Duration};

/// Interval at which the chain is asked about former keys, and the room of the store is looked at.
const INTERVAL: Duration = Duration::from_secs(600);

/// Forgets what cannot be challenged any more, and says when something is forgotten that can. Never ends.
pub async fn upkeep(cashier: Arc<Cashier>, book: Arc<NodeBook>, operator: AccountId32, output: Output) {
	let mut dropped = 0;
	loop {
		// A node that is away is asked again the next time.
		drop(forget(&cashier, &book, &operator).await);
		let now = cashier.kept_dropped();
		if now > dropped {
			output.warn(format_args!(
				"THE STORE OF SIGNED ANSWERS IS FULL: the {} oldest were forgotten since the last look. A challenge of one of them cannot be defended, \
				which costs half of the stake. Give it more room with --keep, or replace the serving key (blyan offer change): what a \
				former key signed is forgotten when the chain takes no challenge of it any more",
				now.saturating_sub(dropped)
			));
			dropped = now;
		}
		tokio::time::sleep(INTERVAL).await;
	}
}

async fn forget(cashier: &Arc<Cashier>, book: &NodeBook, operator: &AccountId32) -> Outcome<()> {
	let reader = cashier.clone();
	let former = tokio::task::spawn_blocking(move || reader.former_keys()).await??;
	if former.is_empty() {
		return Ok(());
	}
	let client = book.client().await?;
	client.ensure_synced().await?;
	for key in former {
		if !is_over(client.key_operator(H256(key)), client.challenges_count(operator)).await? {
			continue;
		}
		loop {
			let reader = cashier.clone();
			if !tokio::task::spawn_blocking(move || reader.has_old_answers_of(&key)).await?? {
				break;
			}
			cashier.forget_key(key).await?;
		}
	}
	Ok(())
}

/// Reports whether what a key signed can be forgotten: the chain does not know the key any more, and no challenge stands from before. It does not matter
/// which of the operator's receipts that is about, and challenges are asked for behind the key, which may have been the last block's.
async fn is_over(
	holder: impl Future<Output = Outcome<Option<AccountId32>>>,
	challenges: impl Future<Output = Outcome<u32>>,
) -> Outcome<bool> {
	Ok(holder.await?.is_none() && challenges.await? == 0)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::failure::Failure;
	use std::future::ready;

	#[tokio::test]
	async fn nothing_is_forgotten_while_the_key_is_known_or_a_challenge_from_before_stands() {
		let alice = || Some(AccountId32::new([1; 32]));
		let over = |holder, challenges| is_over(ready(Ok(holder)), ready(Ok(challenges)));
		assert!(over(None, 0).await.unwrap());
		assert!(!over(None, 1).await.unwrap(), "its game needs the answer");
		assert!(!over(alice(), 0).await.unwrap());
		assert!(is_over(ready(Ok(None)), ready(Err(Failure::new("no node")))).await.is_err());
	}
}
