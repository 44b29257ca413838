//! Watchdog of the embedded relay chain node while it joins.
//!
//! By warp sync it takes proven headers first and then the state of the newest final block. If that state is refused it
//! goes on without one, can execute no block, and reports so in its log only. The SDK refuses it if the block
//! stands right behind a change of GRANDPA's authorities, which is one block of every session: the header before it is
//! known, the one before that is not, and finality is asked for the way between them. What its database holds then, final
//! headers without a state, keeps it from ever joining: it has to begin with an empty one.

use cumulus_relay_chain_interface::RelayChainInterface;
use sc_network::service::traits::{NetworkService, NetworkStatusProvider};
use sc_service::Error;
use sp_core::storage::well_known_keys::CODE;
use sp_runtime::{generic::BlockId, traits::Header};
use std::{
	io,
	path::{Path, PathBuf},
	time::{Duration, Instant},
};

/// Interval of the checks.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Time without progress after which the node counts as stuck.
const PATIENCE: Duration = Duration::from_secs(45);
/// Bytes a second that say that a state is on its way. Gossip alone is some kilobytes.
const DOWNLOAD_RATE_MIN: u64 = 64 << 10;

/// Observed state of a node that joins.
#[derive(Clone, Copy, Debug)]
struct Sight {
	/// The newest block that it knows to be final.
	finalised: u32,
	/// True if it can execute on top of that.
	has_state: bool,
	/// Bytes that came in since it started.
	received: u64,
}

/// When a node last got on.
#[derive(Debug)]
struct Watch {
	finalised: u32,
	received: u64,
	looked: Instant,
	got_on: Instant,
}

impl Watch {
	fn new(now: Instant) -> Self {
		Self { finalised: 0, received: 0, looked: now, got_on: now }
	}

	/// Reports whether the node is stuck.
	fn is_stuck(&mut self, sight: Sight, now: Instant) -> bool {
		let enough = DOWNLOAD_RATE_MIN * (now - self.looked).as_millis() as u64 / 1_000;
		let downloads = sight.received.saturating_sub(self.received) > enough;
		// At block 0 it looks for peers that prove more.
		if sight.has_state || sight.finalised == 0 || sight.finalised != self.finalised || downloads {
			self.got_on = now;
		}
		(self.finalised, self.received, self.looked) = (sight.finalised, sight.received, now);
		now - self.got_on > PATIENCE
	}
}

/// Beside a database that is of no use, so that the next start knows.
fn mark_of(database: &Path) -> PathBuf {
	database.with_extension("unusable")
}

/// Removes the relay chain's database if it was found to be of no use.
///
/// # Errors
///
/// If it cannot be removed.
pub fn remove_unusable(database: &Path) -> Result<(), Error> {
	let mark = mark_of(database);
	if !mark.exists() {
		return Ok(());
	}
	log::info!(
		"🧹 Removing {}: the relay chain's node could not join with it and starts over",
		database.display()
	);
	let removed = match std::fs::remove_dir_all(database) {
		Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
		// A node that is killed in between finds the mark and goes on.
		_ => std::fs::remove_file(&mark),
	};
	removed.map_err(|error| {
		let (database, mark) = (database.display(), mark.display());
		Error::Other(format!(
			"cannot remove {database}, which is of no use any more: {error}. Remove it and {mark}"
		))
	})
}

/// Polls until the relay chain's node is stuck, then marks its database and returns the error. Never returns for one that
/// has its state.
///
/// `database`: where it is, if it is on this machine.
pub async fn until_stuck(
	relay_chain: &dyn RelayChainInterface,
	network: &dyn NetworkService,
	database: Option<&Path>,
) -> Error {
	let mut watch = Watch::new(Instant::now());
	loop {
		tokio::time::sleep(LOOK_EVERY).await;
		// A node that cannot answer now is asked again.
		let Some(sight) = look(relay_chain, network).await else { continue };
		if sight.has_state && sight.finalised > 0 {
			return std::future::pending().await;
		}
		if watch.is_stuck(sight, Instant::now()) {
			let marked = database.map_or(Ok(()), |database| std::fs::write(mark_of(database), []));
			let advice = match (marked, database) {
				(Err(error), Some(database)) => {
					format!("Remove {} (it could not be marked: {error}) and start again", database.display())
				}
				_ => "Start this node again: it then joins the relay chain from an empty database".into(),
			};
			return Error::Other(format!(
				"the relay chain's node has not got the state of block #{}, the newest that it knows to be final, and \
				 nothing comes any more. {advice}",
				sight.finalised
			));
		}
	}
}

async fn look(relay_chain: &dyn RelayChainInterface, network: &dyn NetworkService) -> Option<Sight> {
	let hash = relay_chain.finalized_block_hash().await.ok()?;
	let header = relay_chain.header(BlockId::Hash(hash)).await.ok()??;
	let has_state = relay_chain.get_storage_by_key(hash, CODE).await.is_ok();
	let received = NetworkStatusProvider::status(network).await.ok()?.total_bytes_inbound;
	Some(Sight { finalised: *header.number(), has_state, received })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
	use super::*;

	/// Looks every five seconds; how many of the looks it took until the node counted as stuck.
	fn looks_until_stuck(sights: impl IntoIterator<Item = Sight>) -> Option<usize> {
		let begin = Instant::now();
		let mut watch = Watch::new(begin);
		sights.into_iter().enumerate().position(|(index, sight)| {
			let now = begin + LOOK_EVERY * (index as u32 + 1);
			watch.is_stuck(sight, now)
		})
	}

	#[test]
	fn a_node_without_state_that_receives_gossip_only_is_stuck_after_a_while() {
		let gossip = (0..100).map(|at| Sight { finalised: 41, has_state: false, received: at * 10_000 });
		assert_eq!(looks_until_stuck(gossip), Some(10));
	}

	#[test]
	fn a_node_that_downloads_a_state_or_looks_for_peers_is_not() {
		let download = (0..100).map(|at| Sight { finalised: 41, has_state: false, received: at << 20 });
		assert_eq!(looks_until_stuck(download), None);
		let alone = (0..100).map(|_| Sight { finalised: 0, has_state: false, received: 0 });
		assert_eq!(looks_until_stuck(alone), None);
		let proofs = (0..100).map(|at| Sight { finalised: at, has_state: false, received: 0 });
		assert_eq!(looks_until_stuck(proofs), None);
	}

	#[test]
	fn only_a_marked_database_is_removed_and_only_once() {
		let dir = tempfile::tempdir().unwrap();
		let database = dir.path().join("paritydb/full");
		let fill = || {
			std::fs::create_dir_all(&database).unwrap();
			std::fs::write(database.join("table"), b"headers").unwrap();
		};
		fill();
		remove_unusable(&database).unwrap();
		assert!(database.join("table").exists());
		std::fs::write(mark_of(&database), []).unwrap();
		remove_unusable(&database).unwrap();
		assert!(!database.exists());
		fill();
		remove_unusable(&database).unwrap();
		assert!(database.join("table").exists());
		// Killed after the database was gone and before the mark was.
		std::fs::remove_dir_all(&database).unwrap();
		std::fs::write(mark_of(&database), []).unwrap();
		remove_unusable(&database).unwrap();
		assert!(!mark_of(&database).exists());
	}

	#[test]
	fn a_node_that_has_its_state_may_wait_as_long_as_it_likes() {
		let synced = (0..100).map(|_| Sight { finalised: 42, has_state: true, received: 0 });
		assert_eq!(looks_until_stuck(synced), None);
	}
}
