//! Accounts that belong together: of one address and device, of one block of addresses, with the same words.

use crate::signals::{Layer, Sign};
use std::{
	collections::{HashMap, HashSet},
	hash::Hash,
	net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Time after which the older half of what is known is forgotten: accounts are known for half a day to a day.
const TURN_MS: u64 = 12 * 60 * 60 * 1_000;
/// Groups that are known at a time; further ones are not looked at until the next turn.
const GROUPS_MAX: usize = 100_000;
/// Accounts of a group that are told apart.
const ACCOUNTS_MAX: usize = 64;
/// Accounts of one device at one address: a family, and more than one.
const HOME: (usize, usize) = (3, 8);
/// Accounts of one block of addresses.
const BLOCK: usize = 48;
/// Accounts that send the same words.
const WORDS: usize = 3;

/// Accounts by what they have in common.
#[derive(Clone, Debug)]
struct Groups<K> {
	turned_at: u64,
	now: HashMap<K, HashSet<u64>>,
	before: HashMap<K, HashSet<u64>>,
}

impl<K> Default for Groups<K> {
	fn default() -> Self {
		Self { turned_at: 0, now: HashMap::new(), before: HashMap::new() }
	}
}

impl<K: Hash + Eq> Groups<K> {
	/// Puts an account into a group, and returns how many there are in it.
	fn put(&mut self, key: K, account: u64, now: u64) -> usize {
		if now.saturating_sub(self.turned_at) > TURN_MS {
			(self.turned_at, self.before) = (now, std::mem::take(&mut self.now));
		}
		let before = self.before.get(&key);
		let is_full = self.now.len() >= GROUPS_MAX && !self.now.contains_key(&key);
		let Some(accounts) = (!is_full).then(|| self.now.entry(key).or_default()) else {
			return before.map_or(0, HashSet::len);
		};
		if accounts.len() < ACCOUNTS_MAX {
			accounts.insert(account);
		}
		accounts.len() + before.map_or(0, |before| before.difference(accounts).count())
	}
}

/// Accounts that belong together.
#[derive(Clone, Debug, Default)]
pub struct Neighbours {
	homes: Groups<(IpAddr, u64)>,
	blocks: Groups<IpAddr>,
	words: Groups<u64>,
}

impl Neighbours {
	/// Notes a request of an account, and returns the signs that there are with it. `words`: hash of a prompt that is long enough to be compared.
	pub fn note(
		&mut self,
		account: u64,
		client: IpAddr,
		device: Option<u64>,
		words: Option<u64>,
		now: u64,
	) -> Vec<Sign> {
		let sign = |weight, reason| Sign { layer: Layer::Neighbours, weight, reason };
		let mut signs = Vec::new();
		let home = device.map_or(0, |device| self.homes.put((client, device), account, now));
		if home >= HOME.0 {
			let weight = if home >= HOME.1 { 30 } else { 20 };
			signs.push(sign(weight, "many accounts of one device at one address"));
		}
		if self.blocks.put(block(client), account, now) >= BLOCK {
			signs.push(sign(10, "many accounts of one block of addresses"));
		}
		if words.is_some_and(|words| self.words.put(words, account, now) >= WORDS) {
			signs.push(sign(30, "the same words as other accounts"));
		}
		signs
	}
}

/// Returns the block of addresses of a client: 256 of IPv4, and what a site gets of IPv6.
pub fn block(client: IpAddr) -> IpAddr {
	match client.to_canonical() {
		IpAddr::V4(address) => Ipv4Addr::from(u32::from(address) & (u32::MAX << 8)).into(),
		IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & (u128::MAX << 80)).into(),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn accounts_of_one_device_are_a_sign_and_those_of_one_office_are_none() {
		let client: IpAddr = [192, 0, 2, 1].into();
		let (mut farm, mut office) = (Neighbours::default(), Neighbours::default());
		let (mut found, mut colleagues) = (Vec::new(), Vec::new());
		for account in 0..12 {
			found = farm.note(account, client, Some(7), None, 1);
			colleagues = office.note(account, client, Some(account), None, 1);
		}
		assert_eq!(found.iter().map(|sign| sign.weight).collect::<Vec<_>>(), [30]);
		assert!(colleagues.is_empty());
	}

	#[test]
	fn groups_are_forgotten_after_a_day_and_not_before_half_of_one() {
		let mut groups = Groups::default();
		assert_eq!(groups.put("a", 1, TURN_MS * 2), 1);
		assert_eq!(groups.put("a", 2, TURN_MS * 3 + 1), 2);
		assert_eq!(groups.put("a", 3, TURN_MS * 4 + 2), 2);
		assert_eq!(groups.put("a", 3, TURN_MS * 6), 1);
	}

	#[test]
	fn a_block_is_what_one_customer_gets() {
		assert_eq!(block([192, 0, 2, 77].into()), IpAddr::from([192, 0, 2, 0]));
		assert_eq!(block("2001:db8:1:2::3".parse().unwrap()), "2001:db8:1::".parse::<IpAddr>().unwrap());
	}
}
