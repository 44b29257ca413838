//! Decides whom to ask for what, and when. Sans-IO: a state machine that takes events and returns commands, so that a
//! test can play a whole network through it in a moment.
//!
//! ```text
//!              a holder is known     index proven        all pieces here      hash is right
//!   waiting ----------------> opening ------> index ------> pieces ----------> completing ----> done
//!      ^                                        |              |                   |
//!      |            no peer has an index that is proven        |      the hash is wrong: the chain's root and hash
//!      |                                        v              v      name different bytes; trust the hash
//!      +-- no room on disk                   from one peer, who answers for the whole <+
//! ```
//!
//! Pieces that are proven tile by tile come from all peers at once; a peer that sends a wrong one is known at once. Where
//! only the whole proves anything, all of it comes from one peer, so that it is clear who lied when the hash is wrong.
//! A wrong index alone convicts no peer: a submission may name bytes that are not a block, and then no index fits. It
//! does convict once another peer's index is proven.

mod backoff;
mod download;
mod peers;
#[cfg(test)]
mod tests;

pub use backoff::Backoff;
pub use peers::PeerRules;

use super::{
	assembly::{Found, Part},
	message::HASHES_MAX,
	need::Need,
};
use blyan_rpc_api::BlobProgress;
use download::{Choice, Download, Stage};
use peers::Peers;
use rand::{rngs::StdRng, SeedableRng};
use sp_core::H256;
use std::{
	collections::{BTreeMap, BTreeSet},
	time::Duration,
};

/// Time since the node started.
pub type Time = Duration;
/// Names a question until it is answered.
pub type Ticket = u64;
/// Place in the queue: urgent blobs go first, then those wanted earlier.
type Order = (bool, u64);

/// Interval at which the queue is looked through while nothing happens.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Interval at which the holders of a blob are checked for being there still.
const SEARCH_AGAIN: Duration = Duration::from_secs(1);
/// Blobs that the network at large is asked about at once.
const LOOKUPS_MAX: usize = 16;

/// Fault of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
	/// It did not answer in time, or not at all.
	Silence,
	/// It sent bytes that are not what was asked for.
	Lie,
}

/// Question to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
	/// Which of these do you have?
	Have(Vec<H256>),
	/// A part of a blob.
	Part(H256, Part),
}

/// Result of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
	/// For each hash, whether it is there.
	Have(Vec<bool>),
	/// The part came, and is right as far as can be told.
	Right,
	/// Something else came.
	Wrong,
	/// The peer has no such blob.
	Missing,
	/// The peer asks to be left alone for a while.
	Busy,
	/// The peer refused, or is not there.
	Refused,
	/// The peer did not answer in time.
	Stalled,
	/// The part came and could not be written.
	Unwritable,
}

/// Command to the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<P> {
	/// Open the blob's file and say what is in it: [`Scheduler::opened`].
	Open(Need),
	/// Ask, and say what came of it: [`Scheduler::answered`].
	Ask(Ticket, P, Question),
	/// Look for providers: [`Scheduler::holds`].
	Lookup(H256),
	/// Note who answers for a blob from here on.
	SetSource(H256, P),
	/// Verify the whole and move it into the store, and say what came of it: [`Scheduler::completed`].
	Complete(H256),
	/// Close the blob's file and forget what is in it.
	Drop(H256),
	/// Lower a peer's reputation.
	Report(P, Fault),
}

/// Result of completing a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
	/// It is in the store.
	Stored,
	/// It has another hash.
	WrongHash,
	/// It cannot be written.
	Unwritable,
}

/// Bounds and waits.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
	/// Bounds of what is asked of one peer.
	pub peer: PeerRules,
	/// Parts in flight at once, over all peers.
	pub in_flight_max: usize,
	/// Blobs that are fetched at once; the others wait.
	pub downloads_max: usize,
	/// When the last pieces are out for so long, they are asked of a second peer too.
	pub patience: Duration,
	/// Waits before asking all peers again for the holders of a blob.
	pub search: Backoff,
	/// Wait after a blob could not be written.
	pub no_room: Duration,
}

impl Default for Rules {
	fn default() -> Self {
		Self {
			peer: PeerRules::default(),
			in_flight_max: 48,
			downloads_max: 4,
			patience: Duration::from_secs(3),
			search: Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(60) },
			no_room: Duration::from_secs(30),
		}
	}
}

/// A question that waits for its answer.
struct Asked<P> {
	peer: P,
	question: Question,
}

/// Decides whom to ask for what, and when.
pub struct Scheduler<P> {
	rules: Rules,
	rng: StdRng,
	peers: Peers<P>,
	downloads: BTreeMap<H256, Download<P>>,
	asked: BTreeMap<Ticket, Asked<P>>,
	next_ticket: Ticket,
	/// Counts the blobs that were wanted: earlier ones go first.
	counter: u64,
	/// Everything that is wanted, in the order in which it is fetched.
	queue: BTreeSet<(Order, H256)>,
	/// The part of it that is not waiting.
	active: BTreeSet<H256>,
	/// When to look through the queue again, unless something happens before.
	queue_at: Time,
	/// When to search again for blobs without a known holder.
	search_at: Time,
	commands: Vec<Command<P>>,
}

impl<P: Copy + Ord> Scheduler<P> {
	/// Returns a scheduler with nothing to fetch and no peers. `seed` makes its random choices.
	pub fn new(rules: Rules, seed: u64) -> Self {
		Self {
			rules,
			rng: StdRng::seed_from_u64(seed),
			peers: Peers::new(),
			downloads: BTreeMap::new(),
			asked: BTreeMap::new(),
			next_ticket: 0,
			counter: 0,
			queue: BTreeSet::new(),
			active: BTreeSet::new(),
			queue_at: Time::ZERO,
			search_at: Time::ZERO,
			commands: Vec::new(),
		}
	}

	/// Wants a blob. An urgent one goes before those that are not.
	pub fn want(&mut self, need: Need, is_urgent: bool, now: Time) {
		let (hash, counter) = (need.blob.hash, self.counter);
		let download = self.downloads.entry(hash).or_insert_with(|| Download::new(need, counter, now));
		let before = download.order();
		if is_urgent && !download.is_urgent {
			download.is_urgent = true;
			// The engine waits: do not sit out an earlier wait.
			download.search_at = now;
		}
		let order = download.order();
		if before != order || counter == order.1 {
			self.queue.remove(&(before, hash));
			self.queue.insert((order, hash));
			self.counter += 1;
			(self.queue_at, self.search_at) = (now, now);
		}
	}

	/// Does not want a blob any more, because it is there or because nothing names it.
	pub fn forget(&mut self, hash: &H256) {
		if let Some(download) = self.remove(hash) {
			if !matches!(download.stage, Stage::Waiting) {
				self.commands.push(Command::Drop(*hash));
			}
		}
	}

	fn remove(&mut self, hash: &H256) -> Option<Download<P>> {
		let download = self.downloads.remove(hash)?;
		self.queue.remove(&(download.order(), *hash));
		self.active.remove(hash);
		Some(download)
	}

	/// Blobs that are wanted.
	pub fn wanted(&self) -> impl Iterator<Item = &H256> {
		self.downloads.keys()
	}

	/// Reports whether nothing is wanted.
	pub fn is_idle(&self) -> bool {
		self.downloads.is_empty() && self.asked.is_empty()
	}

	/// A peer connected.
	pub fn connected(&mut self, peer: P, now: Time) {
		let peer = self.peers.entry(peer, now);
		peer.is_connected = true;
		peer.is_greeted = false;
		self.search_at = now;
	}

	/// Notes that a peer went. The driver answers the questions that were asked of it.
	pub fn disconnected(&mut self, peer: P, now: Time) {
		self.peers.entry(peer, now).is_connected = false;
	}

	/// A peer says that it has blobs, or the network says so of it.
	pub fn holds(&mut self, peer: P, hashes: &[H256], now: Time) {
		let mut is_wanted = false;
		for hash in hashes {
			if let Some(download) = self.downloads.get_mut(hash) {
				download.holders.insert(peer);
				is_wanted = true;
			}
		}
		if is_wanted {
			// It is known from here on, connected or not.
			self.peers.entry(peer, now);
			self.queue_at = now;
		}
	}

	/// Peers that are connected.
	pub fn connected_peers(&self) -> Vec<P> {
		self.peers.iter().filter(|(_, peer)| peer.is_connected).map(|(peer, _)| *peer).collect()
	}

	/// Peers that lied and are not asked.
	pub fn banned(&self, now: Time) -> usize {
		self.peers.iter().filter(|(_, peer)| peer.is_banned(now)).count()
	}

	/// Everything that is on its way, in the order in which it is fetched.
	pub fn progress(&self) -> Vec<BlobProgress> {
		self.queue.iter().filter_map(|(_, hash)| self.downloads.get(hash)).map(Download::progress).collect()
	}

	/// A blob's file is open; `None` if there is no room for it.
	pub fn opened(&mut self, hash: &H256, found: Option<(Found, Option<P>)>, now: Time) {
		let Some(download) = self.downloads.get_mut(hash) else {
			self.commands.push(Command::Drop(*hash));
			return;
		};
		match found {
			Some((found, source)) => download.open(found, source),
			None => download.suspend(now + self.rules.no_room),
		}
	}

	/// A completed blob turned out like this.
	pub fn completed(&mut self, hash: &H256, completion: Completion, now: Time) {
		let Some(download) = self.downloads.get_mut(hash) else { return };
		match completion {
			Completion::Stored => {
				self.remove(hash);
			}
			Completion::WrongHash => {
				self.commands.push(Command::Drop(*hash));
				if let Some(peer) = download.start_over() {
					self.blame(peer, Fault::Lie, now);
				}
			}
			Completion::Unwritable => {
				self.commands.push(Command::Drop(*hash));
				download.suspend(now + self.rules.no_room);
			}
		}
	}

	/// A question was answered, or not.
	pub fn answered(&mut self, ticket: Ticket, answer: Answer, now: Time) {
		let Some(Asked { peer, question }) = self.asked.remove(&ticket) else { return };
		let known = self.peers.entry(peer, now);
		known.in_flight = known.in_flight.saturating_sub(1);
		match (&question, answer) {
			(Question::Have(hashes), Answer::Have(here)) if here.len() == hashes.len() => {
				let held: Vec<_> =
					hashes.iter().zip(here).filter(|(_, here)| *here).map(|(hash, _)| *hash).collect();
				self.holds(peer, &held, now);
			}
			(Question::Part(hash, part), Answer::Right) => {
				known.note_good(&self.rules.peer);
				let guilty = match self.downloads.get_mut(hash) {
					Some(download) => download.received(*part, ticket),
					None => Vec::new(),
				};
				for peer in guilty {
					self.blame(peer, Fault::Lie, now);
				}
			}
			(Question::Part(hash, Part::Index), Answer::Wrong) => {
				if let Some(download) = self.downloads.get_mut(hash) {
					download.returned(Part::Index, ticket);
					download.doubt(peer);
				}
			}
			(_, Answer::Wrong | Answer::Have(_) | Answer::Right) => {
				self.give_back(&question, ticket);
				self.lose_holder(&question, peer);
				self.blame(peer, Fault::Lie, now);
			}
			(_, Answer::Missing) => {
				// It may have made room since it said that it has it. If that happens often, it gets a pause.
				known.note_fault(Fault::Silence, now, &self.rules.peer, &mut self.rng);
				self.give_back(&question, ticket);
				self.lose_holder(&question, peer);
			}
			(_, Answer::Busy) => {
				known.note_busy(now, &mut self.rng);
				self.give_back(&question, ticket);
			}
			(_, Answer::Refused) => {
				// It may know nothing of this protocol, or be gone: no reason to think ill of it.
				known.note_fault(Fault::Silence, now, &self.rules.peer, &mut self.rng);
				self.give_back(&question, ticket);
				self.lose_holder(&question, peer);
			}
			(_, Answer::Stalled) => {
				self.give_back(&question, ticket);
				self.blame(peer, Fault::Silence, now);
			}
			(Question::Part(hash, _), Answer::Unwritable) => {
				self.give_back(&question, ticket);
				if let Some(download) = self.downloads.get_mut(hash) {
					self.commands.push(Command::Drop(*hash));
					download.suspend(now + self.rules.no_room);
				}
			}
			(Question::Have(_), Answer::Unwritable) => {}
		}
	}

	fn give_back(&mut self, question: &Question, ticket: Ticket) {
		if let Question::Part(hash, part) = question {
			if let Some(download) = self.downloads.get_mut(hash) {
				download.returned(*part, ticket);
			}
		}
	}

	/// Removes a holder. If it was lost for a passing reason, a later search finds it again.
	fn lose_holder(&mut self, question: &Question, peer: P) {
		if let Question::Part(hash, _) = question {
			if let Some(download) = self.downloads.get_mut(hash) {
				download.lose_holder(peer);
			}
		}
	}

	fn blame(&mut self, peer: P, fault: Fault, now: Time) {
		let known = self.peers.entry(peer, now);
		// One offence is one offence, however many answers it spoiled.
		if fault == Fault::Lie && known.is_banned(now) {
			return;
		}
		known.note_fault(fault, now, &self.rules.peer, &mut self.rng);
		if fault == Fault::Lie {
			for download in self.downloads.values_mut() {
				download.lose_holder(peer);
			}
		}
		self.commands.push(Command::Report(peer, fault));
	}

	/// Returns the commands to carry out now. To be called after every event, and regularly in between.
	pub fn advance(&mut self, now: Time) -> Vec<Command<P>> {
		self.search(now);
		let mut active: Vec<_> = self.active.iter().copied().collect();
		active.sort_by_key(|hash| self.downloads.get(hash).map(Download::order));
		active.iter().for_each(|hash| self.advance_one(hash, now));
		let is_active = |download: &Download<P>| !matches!(download.stage, Stage::Waiting);
		self.active.retain(|hash| self.downloads.get(hash).is_some_and(is_active));
		self.fill(now);
		std::mem::take(&mut self.commands)
	}

	/// Opens what is next.
	fn fill(&mut self, now: Time) {
		if now < self.queue_at {
			return;
		}
		for (_, hash) in &self.queue {
			if self.active.len() >= self.rules.downloads_max {
				return;
			}
			let Some(download) = self.downloads.get_mut(hash) else { continue };
			let is_ready = matches!(download.stage, Stage::Waiting)
				&& now >= download.open_at
				&& download.has_usable_holder(&self.peers, now);
			if is_ready {
				download.stage = Stage::Opening;
				self.active.insert(*hash);
				self.commands.push(Command::Open(download.need()));
			}
		}
		// Nothing more can be opened now, and looking through thousands of blobs takes a while.
		self.queue_at = now + LOOK_AGAIN;
	}

	/// Moves one download on.
	fn advance_one(&mut self, hash: &H256, now: Time) {
		let Self { downloads, peers, .. } = self;
		let Some(download) = downloads.get_mut(hash) else { return };
		match &download.stage {
			Stage::Waiting | Stage::Opening | Stage::Completing => return,
			Stage::Index { .. } => {
				if download.only_doubts_left() {
					self.commands.push(Command::Drop(*hash));
					download.trust_the_hash();
					return;
				}
			}
			Stage::Pieces(pieces) => {
				if pieces.is_done() {
					download.stage = Stage::Completing;
					self.commands.push(Command::Complete(*hash));
					return;
				}
				match download.choose_source(peers, now) {
					Choice::Kept => {}
					Choice::Chosen(source) => self.commands.push(Command::SetSource(*hash, source)),
					Choice::StartOver => {
						self.commands.push(Command::Drop(*hash));
						self.queue_at = now;
						return;
					}
				}
			}
		}
		while self.asked.len() < self.rules.in_flight_max {
			let Some(download) = self.downloads.get_mut(hash) else { break };
			let Some((part, peer)) = download.next_part(&self.peers, now, self.rules.patience) else { break };
			let ticket = self.ask(peer, Question::Part(*hash, part), now);
			if let Some(download) = self.downloads.get_mut(hash) {
				download.note_asked(part, ticket, peer, now);
			}
		}
	}

	fn ask(&mut self, peer: P, question: Question, now: Time) -> Ticket {
		let ticket = self.next_ticket;
		self.next_ticket += 1;
		self.peers.entry(peer, now).in_flight += 1;
		self.commands.push(Command::Ask(ticket, peer, question.clone()));
		self.asked.insert(ticket, Asked { peer, question });
		ticket
	}

	/// Searches for holders: asks all peers about blobs that were never found, newcomers about everything wanted.
	fn search(&mut self, now: Time) {
		if now < self.search_at {
			return;
		}
		let mut due = BTreeSet::new();
		let mut next = now + SEARCH_AGAIN;
		let mut lookups = LOOKUPS_MAX;
		let is_alone = !self.peers.iter().any(|(_, peer)| peer.is_connected);
		for (hash, download) in &mut self.downloads {
			let is_found = download.searches > 0 && download.has_usable_holder(&self.peers, now);
			if now >= download.search_at && !is_found {
				download.searches += 1;
				download.search_at = now + self.rules.search.wait(download.searches, &mut self.rng);
				due.insert(*hash);
				// Connected peers answer sooner than the network at large.
				if lookups > 0 && (is_alone || download.searches > 1) {
					lookups -= 1;
					self.commands.push(Command::Lookup(*hash));
				}
			}
			if !is_found {
				next = next.min(download.search_at);
			}
		}
		self.search_at = next;
		let usable: Vec<(P, bool)> = self
			.peers
			.iter()
			.filter(|(_, peer)| peer.is_connected && peer.is_usable(now))
			.map(|(peer, known)| (*peer, known.is_greeted))
			.collect();
		for (peer, is_greeted) in usable {
			let hashes: Vec<H256> = match is_greeted {
				true => due.iter().copied().collect(),
				false => self.downloads.keys().copied().collect(),
			};
			self.peers.entry(peer, now).is_greeted = true;
			for hashes in hashes.chunks(HASHES_MAX) {
				self.ask(peer, Question::Have(hashes.to_vec()), now);
			}
		}
	}
}
