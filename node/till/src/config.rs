//! Settings of a till.

use crate::{book::Ages, kept, receipt::ServingPair};
use blyan_primitives::serving::{OfferId, Prices};
use sp_core::H256;
use std::{path::PathBuf, sync::Arc};

/// Clock in milliseconds since 1970, which a test may turn.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Settings.
#[derive(Clone)]
pub struct Config {
	/// Genesis hash of the chain.
	pub genesis: H256,
	/// Account that is paid.
	pub operator: [u8; 32],
	/// Offer that is served; sessions of others are refused. `None` for a server that takes no sessions.
	pub offer: Option<OfferId>,
	/// Prices of the offer. Sessions keep those that they were opened at; keys have these.
	pub prices: Prices,
	/// Key that signs receipts and quotes; `None` if none is signed.
	pub key: Option<ServingPair>,
	/// Database.
	pub store: PathBuf,
	/// File of API keys; `None` for a server that takes none.
	pub api_keys: Option<PathBuf>,
	/// Ages of what is known of the chain.
	pub ages: Ages,
	/// Planck that were served and are not settled, from which on a session is settled while it goes on.
	pub settle_from: u128,
	/// Blocks for which a quote holds.
	pub quote_blocks: u32,
	/// Bytes of answers that were signed for and can be challenged. Where there is no room for more, no more are given.
	pub kept_bytes_max: u64,
}

impl Config {
	/// Blocks of five minutes.
	pub const QUOTE_BLOCKS: u32 = 50;
	/// A tenth of a BLY: a settlement costs a fee or a place in a block, and what is not settled is at the mercy of this machine's disk.
	pub const SETTLE_FROM: u128 = 100_000_000_000;
	/// Room for some two million answers of a thousand tokens.
	pub const KEPT_BYTES_MAX: u64 = kept::BYTES_MAX;
}

/// Returns the clock of this machine.
pub fn system_clock() -> Clock {
	Arc::new(|| {
		let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
		elapsed.map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
	})
}
