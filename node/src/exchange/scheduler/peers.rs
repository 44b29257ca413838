//! Other nodes as the scheduler knows them: how they did lately, and whether to ask them now.

use super::{Backoff, Fault, Time};
use rand::Rng;
use std::{collections::BTreeMap, time::Duration};

/// Other nodes remembered at most. Beyond that, those that are gone and did no harm are forgotten.
const PEERS_MAX: usize = 1_000;

/// Bounds of what is asked of one peer, and how soon it is asked again.
#[derive(Clone, Copy, Debug)]
pub struct PeerRules {
	/// Parts asked of one peer at once, when it has shown that it can.
	pub window_max: usize,
	/// Waits after a peer did not answer.
	pub silence: Backoff,
	/// Waits after a peer sent wrong bytes.
	pub lie: Backoff,
}

impl Default for PeerRules {
	fn default() -> Self {
		Self {
			window_max: 16,
			silence: Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(120) },
			lie: Backoff { first: Duration::from_secs(15 * 60), longest: Duration::from_secs(24 * 60 * 60) },
		}
	}
}

/// One other node.
#[derive(Debug, Default)]
pub struct Peer {
	/// True if there is a connection for blocks.
	pub is_connected: bool,
	/// True if it was asked about everything since it connected.
	pub is_greeted: bool,
	/// Parts that it was asked for and has not answered.
	pub in_flight: usize,
	/// Parts it may be asked for at once.
	window: usize,
	/// Times in a row that it did not answer.
	silences: u32,
	/// Times that it sent wrong bytes.
	lies: u32,
	/// Not to be asked before.
	not_before: Time,
}

impl Peer {
	/// Reports whether it sent wrong bytes and is not forgiven yet.
	pub fn is_banned(&self, now: Time) -> bool {
		self.lies > 0 && self.not_before > now
	}

	/// Reports whether it may be asked for anything now.
	pub fn is_usable(&self, now: Time) -> bool {
		self.not_before <= now
	}

	/// Reports whether it timed out twice in a row.
	pub fn is_failing(&self) -> bool {
		self.silences > 1
	}

	/// Reports whether it may be asked for one more part now.
	pub fn has_room(&self, now: Time) -> bool {
		self.is_usable(now) && self.in_flight < self.window.max(1)
	}

	/// Notes that it answered as it should. It may be asked for more at once.
	pub fn note_good(&mut self, rules: &PeerRules) {
		self.silences = 0;
		self.window = (self.window.max(1) * 2).min(rules.window_max);
	}

	/// Notes that it is too busy. Not its fault, but it gets a pause.
	pub fn note_busy(&mut self, now: Time, rng: &mut impl Rng) {
		self.window = 1;
		let pause = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(5) };
		self.not_before = self.not_before.max(now + pause.wait(1, rng));
	}

	/// Notes that it did wrong, and for how long it is left alone.
	pub fn note_fault(&mut self, fault: Fault, now: Time, rules: &PeerRules, rng: &mut impl Rng) {
		let wait = match fault {
			Fault::Silence => {
				self.silences += 1;
				rules.silence.wait(self.silences, rng)
			}
			Fault::Lie => {
				self.lies += 1;
				rules.lie.wait(self.lies, rng)
			}
		};
		self.window = 1;
		self.not_before = self.not_before.max(now + wait);
	}
}

/// All other nodes.
#[derive(Debug)]
pub struct Peers<P>(BTreeMap<P, Peer>);

impl<P: Copy + Ord> Peers<P> {
	/// Returns an empty list.
	pub fn new() -> Self {
		Self(BTreeMap::new())
	}

	/// Returns a peer's record.
	pub fn get(&self, peer: &P) -> Option<&Peer> {
		self.0.get(peer)
	}

	/// Returns a peer's record, to change it; a new peer gets an empty one.
	pub fn entry(&mut self, peer: P, now: Time) -> &mut Peer {
		if self.0.len() >= PEERS_MAX && !self.0.contains_key(&peer) {
			self.0.retain(|_, peer| peer.is_connected || peer.in_flight > 0 || peer.is_banned(now));
		}
		self.0.entry(peer).or_default()
	}

	/// Iterates over all peers.
	pub fn iter(&self) -> impl Iterator<Item = (&P, &Peer)> {
		self.0.iter()
	}
}
