//! Settings of the accounts of a gateway.

use std::{path::PathBuf, sync::Arc};

/// Clock in milliseconds since 1970, which a test may turn.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Settings.
#[derive(Clone)]
pub struct Config {
	/// Domains that people open this gateway by, with their ports where these are not the scheme's own. A message to sign in that names another one was signed
	/// for another site, and is refused; so there is at least one.
	pub domains: Vec<String>,
	/// Writes `https` in messages to sign in.
	pub is_secure: bool,
	/// Folder of the store, of the list for the operator, and of its decisions.
	pub folder: PathBuf,
	/// Tokens a day, read and written, that the operator gives away; 0 for none. Days are those of UTC.
	pub free_tokens_per_day: u64,
	/// Refuses requests without an account that bring nothing else to pay with: where the till behind takes everyone.
	pub requires_account: bool,
}

/// Returns the clock of this machine.
pub fn system_clock() -> Clock {
	Arc::new(|| {
		let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
		elapsed.map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
	})
}
