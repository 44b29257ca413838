//! Answers under way: what is held for those that are free, and whose those are that are paid for.

use lru::LruCache;
use std::{collections::HashMap, net::IpAddr, num::NonZeroUsize};

/// Answers under way whose accounts are remembered, where another till gives the leases.
const PAID_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(8_191);

/// A free answer under way.
#[derive(Clone, Debug)]
pub(crate) struct FreeHold {
	/// Account that asked.
	pub account: String,
	/// Client that it asked from.
	pub client: IpAddr,
	/// Tokens that are held.
	pub tokens: u64,
	/// Tokens of the prompt that count for it.
	pub prompt_tokens: u32,
}

/// Answers under way.
#[derive(Debug)]
pub(crate) struct Holds {
	/// Number of the last free answer.
	pub last: u64,
	/// Free answers by their numbers.
	pub free: HashMap<u64, FreeHold>,
	/// Accounts by the receipts of answers that are paid for.
	pub paid: LruCache<String, String>,
}

impl Default for Holds {
	fn default() -> Self {
		Self { last: 0, free: HashMap::new(), paid: LruCache::new(PAID_MAX) }
	}
}

impl Holds {
	/// Makes an account known by another name.
	pub(crate) fn rename(&mut self, from: &str, to: &str) {
		let free = self.free.values_mut().map(|hold| &mut hold.account);
		let paid = self.paid.iter_mut().map(|(_, account)| account);
		free.chain(paid).filter(|account| account.as_str() == from).for_each(|account| *account = to.into());
	}
}
