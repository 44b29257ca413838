//! Nonces that were given out and not used: each for one wallet, for two minutes, once.
//!
//! They cost nothing, so they are what a flood is made of. A client has a few of them, and asking for more takes its own oldest away. Where there are too
//! many in all, the block of addresses that holds the most loses its oldest: a flood drowns in itself, and a person who asks for one keeps it.

use crate::{neighbours::block, wallet::Wallet};
use std::{
	collections::{BTreeSet, HashMap, VecDeque},
	net::IpAddr,
};

/// Milliseconds for which a nonce is valid.
pub const NONCE_MS: u64 = 2 * 60 * 1_000;
/// Nonces that are open.
pub const OPEN_MAX: usize = 100_000;
/// Nonces that one block of addresses has open: an office that signs in at once.
const OPEN_PER_BLOCK: usize = 64;

/// A nonce that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
	/// Wallet that it was given to.
	pub wallet: Wallet,
	/// Chain that the wallet is on, as it was asked for.
	pub chain: Option<String>,
	/// Time at which it was given out.
	pub since: u64,
	/// Block of addresses that it was given to.
	pub block: IpAddr,
}

/// Nonces that are open.
#[derive(Debug)]
pub struct Nonces {
	open: HashMap<String, Open>,
	/// Nonces of each block, the oldest first.
	by_block: HashMap<IpAddr, VecDeque<String>>,
	/// Blocks by what they hold.
	by_size: BTreeSet<(usize, IpAddr)>,
	/// All of them, the oldest first; some of them are used.
	by_age: VecDeque<(u64, String)>,
	open_max: usize,
}

impl Default for Nonces {
	fn default() -> Self {
		Self::with_max(OPEN_MAX)
	}
}

impl Nonces {
	fn with_max(open_max: usize) -> Self {
		let (open, by_block) = (HashMap::new(), HashMap::new());
		Self { open, by_block, by_size: BTreeSet::new(), by_age: VecDeque::new(), open_max }
	}

	/// Opens a nonce.
	pub fn open(&mut self, nonce: String, wallet: Wallet, chain: Option<String>, client: IpAddr, now: u64) {
		self.expire(now);
		let block = block(client);
		if self.by_block.get(&block).is_some_and(|held| held.len() >= OPEN_PER_BLOCK) {
			self.drop_oldest(block);
		}
		if self.open.len() >= self.open_max {
			if let Some((_, largest)) = self.by_size.last().copied() {
				self.drop_oldest(largest);
			}
		}
		self.resize(block, |held| held.push_back(nonce.clone()));
		self.by_age.push_back((now, nonce.clone()));
		self.open.insert(nonce, Open { wallet, chain, since: now, block });
	}

	/// Takes a nonce, which is used by that, whatever comes of it.
	pub fn take(&mut self, nonce: &str, now: u64) -> Option<Open> {
		self.expire(now);
		let open = self.open.remove(nonce)?;
		self.resize(open.block, |held| held.retain(|other| other != nonce));
		Some(open)
	}

	fn drop_oldest(&mut self, block: IpAddr) {
		let mut oldest = None;
		self.resize(block, |held| oldest = held.pop_front());
		if let Some(oldest) = oldest {
			self.open.remove(&oldest);
		}
	}

	/// Drops those that are too old. Each is looked at once, and those that were used are gone already.
	fn expire(&mut self, now: u64) {
		while self.by_age.front().is_some_and(|(since, _)| since.saturating_add(NONCE_MS) <= now) {
			let Some((_, nonce)) = self.by_age.pop_front() else { return };
			if let Some(open) = self.open.remove(&nonce) {
				self.resize(open.block, |held| held.retain(|other| *other != nonce));
			}
		}
		// Those that were dropped for others are in the list of ages until their time: a flood must not make it long.
		if self.by_age.len() > self.open_max.saturating_mul(2) {
			let open = &self.open;
			self.by_age.retain(|(_, nonce)| open.contains_key(nonce));
		}
	}

	/// Changes what a block holds, and keeps the order of blocks.
	fn resize(&mut self, block: IpAddr, change: impl FnOnce(&mut VecDeque<String>)) {
		let held = self.by_block.entry(block).or_default();
		self.by_size.remove(&(held.len(), block));
		change(held);
		let len = held.len();
		match len {
			0 => drop(self.by_block.remove(&block)),
			len => drop(self.by_size.insert((len, block))),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	const WALLET: Wallet = Wallet::Ethereum([1; 20]);
	const PERSON: [u8; 4] = [203, 0, 113, 9];

	fn open(nonces: &mut Nonces, nonce: &str, client: [u8; 4], now: u64) {
		nonces.open(nonce.into(), WALLET, None, client.into(), now);
	}

	#[test]
	fn a_nonce_is_good_once_and_for_two_minutes() {
		let mut nonces = Nonces::default();
		open(&mut nonces, "a", PERSON, 5);
		open(&mut nonces, "b", PERSON, 5);
		assert_eq!(nonces.take("a", 5 + NONCE_MS - 1).map(|open| open.wallet), Some(WALLET));
		assert_eq!(nonces.take("a", 6), None);
		assert_eq!(nonces.take("b", 5 + NONCE_MS), None);
		assert!(nonces.by_block.is_empty() && nonces.by_size.is_empty() && nonces.open.is_empty());
	}

	#[test]
	fn attack_lock_people_out_by_asking_for_every_nonce_drowns_in_itself() {
		let mut nonces = Nonces::with_max(1_000);
		open(&mut nonces, "person", PERSON, 0);
		// Of one address, of many in one block, and of a hundred blocks.
		for index in 0..50_000_u32 {
			let [_, _, third, fourth] = (index % 100 * 256 + index % 251).to_be_bytes();
			open(&mut nonces, &format!("flood {index}"), [10, 0, third, fourth], 1);
		}
		assert!(nonces.open.len() <= 1_000 && nonces.by_age.len() <= 2_001);
		open(&mut nonces, "another", [198, 51, 100, 1], 2);
		assert!(nonces.take("person", 3).is_some());
		assert!(nonces.take("another", 3).is_some());
	}

	proptest! {
		#[test]
		fn indices_agree_in_every_order_of_things(
			steps in prop::collection::vec((0..30_u32, 0..6_u8, any::<bool>(), 0..40_000_u64), 0..200),
		) {
			let mut nonces = Nonces::with_max(12);
			let (mut now, mut count) = (0, 0);
			for (number, block, is_take, pause) in steps {
				now += pause;
				match is_take {
					true => drop(nonces.take(&number.to_string(), now)),
					false => {
						count += 1;
						open(&mut nonces, &count.to_string(), [10, 0, block, 1], now);
					}
				}
				prop_assert!(nonces.open.len() <= 12);
				prop_assert_eq!(nonces.by_block.values().map(VecDeque::len).sum::<usize>(), nonces.open.len());
				prop_assert_eq!(nonces.by_size.len(), nonces.by_block.len());
				prop_assert!(nonces.by_size.iter().all(|(len, block)| nonces.by_block[block].len() == *len));
			}
		}
	}
}
