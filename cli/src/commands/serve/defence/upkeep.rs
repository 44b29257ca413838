//! Upkeep of kept answers: they go when the chain has forgotten the key that signed them, and their room is watched.

use crate::{failure::Outcome, node_book::NodeBook, output::Output};
use blyan_till::{Cashier, StoreRoom};
use serde_json::json;
use sp_core::{crypto::AccountId32, H256};
use std::{future::Future, sync::Arc, time::Duration};

/// Interval at which the chain is asked about former keys, and the room of the store is looked at.
const INTERVAL: Duration = Duration::from_secs(600);

/// Fill of the store of signed answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fill {
	/// There is room.
	Fine,
	/// Four fifths of the room are taken.
	High,
	/// There is no room for an answer of a full context.
	Full,
}

impl Fill {
	/// Reads it off. `answer`: most bytes of one answer.
	fn of(room: &StoreRoom, answer: u64) -> Self {
		let left = room.left();
		// By whichever is less, the bound or the disk.
		let whole = room.taken.saturating_add(left);
		if left < answer {
			return Self::Full;
		}
		match left < whole / 5 {
			true => Self::High,
			false => Self::Fine,
		}
	}
}

/// Forgets what cannot be challenged any more, and says when the room for signed answers comes to its end. `context`: most tokens of an answer with its
/// prompt. Never ends.
pub async fn upkeep(
	cashier: Arc<Cashier>,
	book: Arc<NodeBook>,
	operator: AccountId32,
	context: u32,
	output: Output,
) {
	let answer = blyan_till::kept::bytes_max(context.into());
	let mut known = Fill::Fine;
	loop {
		// A node that is away is asked again the next time, and so is a disk that takes nothing.
		drop(forget(&cashier, &book, &operator).await);
		drop(cashier.probe().await);
		let room = cashier.room();
		let fill = Fill::of(&room, answer);
		if fill != known {
			tell(&output, fill, &room);
			known = fill;
		}
		tokio::time::sleep(INTERVAL).await;
	}
}

/// Says that the fill of the store is another.
fn tell(output: &Output, fill: Fill, room: &StoreRoom) {
	let (taken, max) = (room.taken >> 20, room.max >> 20);
	let disk = room.disk.map_or("an unknown number of".into(), |free| (free >> 20).to_string());
	let way_out = "give it more room with --keep or a larger disk, or replace the serving key (blyan offer change): what a former key signed is \
		forgotten when the chain takes no challenge of it any more";
	let name = match fill {
		Fill::Fine => "fine",
		Fill::High => "high",
		Fill::Full => "full",
	};
	let fields = json!({ "fill": name, "taken": room.taken, "max": room.max, "disk": room.disk, "left": room.left(),
		"has_failed": room.has_failed });
	let text = format!("signed answers take {taken} of {max} MiB, and the disk has {disk} MiB free");
	output.event("store_room", fields, &text);
	match fill {
		Fill::Fine => {}
		Fill::High => output.warn(format_args!("{text}: soon no more paid answers are given; {way_out}")),
		Fill::Full if room.has_failed => output.warn(
			"NO MORE PAID ANSWERS ARE GIVEN: the disk did not take the last change of the till's store. Make room on it, or look for its fault, and start \
			the server again if it does not go on within ten minutes",
		),
		Fill::Full => output.warn(format_args!("NO MORE PAID ANSWERS ARE GIVEN: {text}; {way_out}")),
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
		let holder = client.key_operator(H256(key));
		if !is_over(holder, client.challenges_count(operator), client.is_accused(operator)).await? {
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

/// Reports whether what a key signed can be forgotten: the chain does not know the key any more, no challenge stands from before, and no offence can be
/// appealed. It does not matter which of the operator's receipts that is about, and each is asked for behind the one before, which may have been the last
/// block's.
async fn is_over(
	holder: impl Future<Output = Outcome<Option<AccountId32>>>,
	challenges: impl Future<Output = Outcome<u32>>,
	is_accused: impl Future<Output = Outcome<bool>>,
) -> Outcome<bool> {
	Ok(holder.await?.is_none() && challenges.await? == 0 && !is_accused.await?)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::failure::Failure;
	use std::future::ready;

	#[test]
	fn the_fill_is_read_off_the_bound_and_the_disk_whichever_is_less() {
		let spare = blyan_till::kept::DISK_SPARE;
		let room =
			|taken, free: u64| StoreRoom { taken, max: 100, disk: Some(spare + free), has_failed: false };
		let fill = |taken, free| Fill::of(&room(taken, free), 5);
		assert_eq!([fill(80, 1_000), fill(81, 1_000), fill(96, 1_000)], [Fill::Fine, Fill::High, Fill::Full]);
		assert_eq!([fill(40, 10), fill(46, 10), fill(10, 4)], [Fill::Fine, Fill::High, Fill::Full]);
		assert_eq!(Fill::of(&StoreRoom { has_failed: true, ..room(0, 1_000) }, 5), Fill::Full);
	}

	#[tokio::test]
	async fn nothing_is_forgotten_while_the_key_is_known_or_a_challenge_or_an_offence_from_before_stands() {
		let alice = || Some(AccountId32::new([1; 32]));
		let over = |holder, challenges, is_accused| {
			is_over(ready(Ok(holder)), ready(Ok(challenges)), ready(Ok(is_accused)))
		};
		assert!(over(None, 0, false).await.unwrap());
		assert!(!over(None, 1, false).await.unwrap(), "its game needs the answer");
		assert!(!over(None, 0, true).await.unwrap(), "so does the appeal");
		assert!(!over(alice(), 0, false).await.unwrap());
		let unread = ready(Err(Failure::new("no node")));
		assert!(is_over(ready(Ok(None)), unread, ready(Ok(false))).await.is_err());
	}
}
