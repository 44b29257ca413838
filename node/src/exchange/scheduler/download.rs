//! One blob on its way: who has it, what of it is there, and what to ask next.

use super::{peers::Peers, Order, Ticket, Time};
use crate::exchange::{
	assembly::{Found, Part},
	need::{Need, Proof},
};
use blyan_rpc_api::BlobProgress;
use std::{
	collections::{BTreeMap, BTreeSet},
	time::Duration,
};

/// Where a download stands.
#[derive(Debug)]
pub enum Stage<P> {
	/// For a holder, for its turn, or for room.
	Waiting,
	/// For its file to be opened.
	Opening,
	/// For its index.
	Index {
		/// The question for it, if a peer was asked.
		asked: Option<Ticket>,
		/// Pieces to be fetched then.
		missing: BTreeSet<u32>,
	},
	/// For its pieces.
	Pieces(OpenPieces<P>),
	/// For the whole to be verified.
	Completing,
}

/// Pieces that are not there yet.
#[derive(Debug)]
pub struct OpenPieces<P> {
	/// Those not asked for yet.
	missing: BTreeSet<u32>,
	/// Those asked for: of which peers, and when.
	asked: BTreeMap<u32, Vec<(Ticket, P, Time)>>,
}

impl<P> OpenPieces<P> {
	fn new(missing: BTreeSet<u32>) -> Self {
		Self { missing, asked: BTreeMap::new() }
	}

	/// Reports whether all pieces are there.
	pub fn is_done(&self) -> bool {
		self.missing.is_empty() && self.asked.is_empty()
	}
}

/// Choice of the peer that answers for a whole blob.
#[derive(Debug)]
pub enum Choice<P> {
	/// No change: none is needed, the earlier peer still answers, or none can now.
	Kept,
	/// This peer, from the first byte on.
	Chosen(P),
	/// Another peer than before, so that the file has to be started again.
	StartOver,
}

/// One blob on its way.
#[derive(Debug)]
pub struct Download<P> {
	/// True if the engine waits for it.
	pub is_urgent: bool,
	/// Where it stands.
	pub stage: Stage<P>,
	/// Peers that have it, as far as is known.
	pub holders: BTreeSet<P>,
	/// When to ask around again.
	pub search_at: Time,
	/// Times that all peers were asked.
	pub searches: u32,
	/// Not to be opened before.
	pub open_at: Time,
	need: Need,
	/// Holders whose index was not proven.
	doubted: BTreeSet<P>,
	/// The peer that answers for the whole, where only the whole proves anything.
	source: Option<P>,
	/// True if it has bytes from before a restart, for which no peer can be blamed.
	is_resumed: bool,
	/// True if no peer had a proven index.
	is_doubtful: bool,
	/// True if the root and the hash that the chain names contradict each other.
	is_contradictory: bool,
	number: u64,
}

impl<P: Copy + Ord> Download<P> {
	/// Number `number` of those that were wanted.
	pub fn new(need: Need, number: u64, now: Time) -> Self {
		Self {
			is_urgent: false,
			stage: Stage::Waiting,
			holders: BTreeSet::new(),
			search_at: now,
			searches: 0,
			open_at: Time::ZERO,
			need,
			doubted: BTreeSet::new(),
			source: None,
			is_resumed: false,
			is_doubtful: false,
			is_contradictory: false,
			number,
		}
	}

	/// Returns the fetch target, with the proof that still applies after all that is known by now.
	pub fn need(&self) -> Need {
		match self.is_doubtful || self.is_contradictory {
			true => Need::whole(self.need.blob),
			false => self.need,
		}
	}

	fn is_whole(&self) -> bool {
		matches!(self.need().proof, Proof::Whole)
	}

	/// Returns the place in the queue: urgent blobs go first, then those wanted earlier.
	pub fn order(&self) -> Order {
		(!self.is_urgent, self.number)
	}

	/// Returns the progress.
	pub fn progress(&self) -> BlobProgress {
		let pieces = self.need().pieces().count();
		let open = match &self.stage {
			Stage::Waiting | Stage::Opening => pieces,
			Stage::Index { missing, .. } => missing.len() as u32,
			Stage::Pieces(open) => (open.missing.len() + open.asked.len()) as u32,
			Stage::Completing => 0,
		};
		BlobProgress {
			hash: self.need.blob.hash,
			size: self.need.blob.size,
			pieces,
			received: pieces.saturating_sub(open),
			holders: self.holders.len(),
			urgent: self.is_urgent,
		}
	}

	/// Reports whether a peer that has it may be asked now.
	pub fn has_usable_holder(&self, peers: &Peers<P>, now: Time) -> bool {
		self.holders.iter().any(|peer| peers.get(peer).is_some_and(|peer| peer.is_usable(now)))
	}

	/// The file is open. `source` is who answers for the bytes that are there.
	pub fn open(&mut self, found: Found, source: Option<P>) {
		self.source = source;
		self.is_resumed = source.is_some();
		self.stage = match found.has_index {
			true => Stage::Pieces(OpenPieces::new(found.missing)),
			false => Stage::Index { asked: None, missing: found.missing },
		};
	}

	/// The file cannot be opened or written for now.
	pub fn suspend(&mut self, until: Time) {
		self.stage = Stage::Waiting;
		self.open_at = until;
	}

	/// Notes that a peer was asked for a part.
	pub fn note_asked(&mut self, part: Part, ticket: Ticket, peer: P, now: Time) {
		match (part, &mut self.stage) {
			(Part::Index, Stage::Index { asked, .. }) => *asked = Some(ticket),
			(Part::Piece(piece), Stage::Pieces(open)) => {
				open.missing.remove(&piece);
				open.asked.entry(piece).or_default().push((ticket, peer, now));
			}
			_ => {}
		}
	}

	/// A part came and is right. Returns who is convicted by that.
	pub fn received(&mut self, part: Part, ticket: Ticket) -> Vec<P> {
		match (part, &mut self.stage) {
			(Part::Index, Stage::Index { asked, missing }) if *asked == Some(ticket) => {
				self.stage = Stage::Pieces(OpenPieces::new(std::mem::take(missing)));
				// There is one index for a root, and theirs was another.
				std::mem::take(&mut self.doubted).into_iter().collect()
			}
			(Part::Piece(piece), Stage::Pieces(open)) => {
				let asked = open.asked.get(&piece);
				if asked.is_some_and(|asked| asked.iter().any(|(other, ..)| *other == ticket)) {
					open.asked.remove(&piece);
				}
				Vec::new()
			}
			_ => Vec::new(),
		}
	}

	/// A part did not come, or came wrong.
	pub fn returned(&mut self, part: Part, ticket: Ticket) {
		match (part, &mut self.stage) {
			(Part::Index, Stage::Index { asked, .. }) if *asked == Some(ticket) => *asked = None,
			(Part::Piece(piece), Stage::Pieces(open)) => {
				let Some(asked) = open.asked.get_mut(&piece) else { return };
				asked.retain(|(other, ..)| *other != ticket);
				if asked.is_empty() {
					open.asked.remove(&piece);
					open.missing.insert(piece);
				}
			}
			_ => {}
		}
	}

	/// A peer's index is not proven.
	pub fn doubt(&mut self, peer: P) {
		self.doubted.insert(peer);
	}

	/// A peer does not have it, or cannot be trusted.
	pub fn lose_holder(&mut self, peer: P) {
		self.holders.remove(&peer);
		self.doubted.remove(&peer);
	}

	/// Reports whether there are holders and the index of each of them was wrong.
	pub fn only_doubts_left(&self) -> bool {
		!self.doubted.is_empty() && self.holders.is_subset(&self.doubted)
	}

	/// Gives up on proofs for now: the whole has to come from one peer.
	pub fn trust_the_hash(&mut self) {
		self.is_doubtful = true;
		self.stage = Stage::Waiting;
		self.doubted.clear();
	}

	/// The whole has another hash. Starts again, and returns who is to blame.
	pub fn start_over(&mut self) -> Option<P> {
		self.stage = Stage::Waiting;
		let source = self.source.take();
		if !self.is_whole() {
			// Every tile was proven, so no peer lied: the account that made the chain name both did.
			self.is_contradictory = true;
			return None;
		}
		self.is_doubtful = false;
		let guilty = source.filter(|_| !self.is_resumed);
		if let Some(guilty) = guilty {
			self.lose_holder(guilty);
		}
		guilty
	}

	/// Chooses the peer that answers for the whole, if one has to and none does, or not any more. Bytes of other peers
	/// do not count then.
	pub fn choose_source(&mut self, peers: &Peers<P>, now: Time) -> Choice<P> {
		if !self.is_whole() {
			return Choice::Kept;
		}
		let is_failing = |peer: &P| peers.get(peer).is_none_or(|peer| peer.is_failing());
		if self.source.is_some_and(|source| self.holders.contains(&source) && !is_failing(&source)) {
			return Choice::Kept;
		}
		let usable = |peer: &&P| peers.get(peer).is_some_and(|known| known.is_usable(now));
		let Some(chosen) = self.holders.iter().filter(usable).find(|peer| self.source != Some(**peer)) else {
			return Choice::Kept;
		};
		if self.source.is_some() {
			// What is still on its way from the earlier one must not land among the bytes of the next.
			self.source = None;
			self.stage = Stage::Waiting;
			return Choice::StartOver;
		}
		self.source = Some(*chosen);
		Choice::Chosen(*chosen)
	}

	/// Chooses the next part and the peer to ask for it; `None` if no part is left to ask for, or no peer can be asked.
	pub fn next_part(&self, peers: &Peers<P>, now: Time, patience: Duration) -> Option<(Part, P)> {
		let idlest = |is_eligible: &dyn Fn(&P) -> bool| {
			let able = self.holders.iter().filter(|peer| is_eligible(peer)).filter_map(|peer| {
				let known = peers.get(peer)?;
				known.has_room(now).then_some((known.in_flight, *peer))
			});
			able.min().map(|(_, peer)| peer)
		};
		match &self.stage {
			Stage::Index { asked: None, .. } => {
				idlest(&|peer| !self.doubted.contains(peer)).map(|peer| (Part::Index, peer))
			}
			Stage::Pieces(open) => {
				let is_source = |peer: &P| !self.is_whole() || self.source == Some(*peer);
				if let Some(piece) = open.missing.first() {
					return idlest(&is_source).map(|peer| (Part::Piece(*piece), peer));
				}
				if self.is_whole() {
					return None;
				}
				open.asked.iter().find_map(|(piece, asked)| match asked[..] {
					[(_, slow, since)] if now >= since + patience => {
						idlest(&|peer| *peer != slow).map(|peer| (Part::Piece(*piece), peer))
					}
					_ => None,
				})
			}
			_ => None,
		}
	}
}
