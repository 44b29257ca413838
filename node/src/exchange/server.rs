//! Answers what other nodes ask, within limits.

use super::{
	counters::Counter,
	message::{Request, Response},
	params::ExchangeParams,
	throttle::Throttle,
	Exchange, Message,
};
use futures::channel::oneshot;
use parking_lot::Mutex;
use sc_network::{
	config::{IncomingRequest, OutgoingResponse},
	PeerId, ReputationChange,
};
use std::{
	collections::HashMap,
	sync::Arc,
	time::{Duration, Instant},
};

/// Questions of one peer in a second. Nobody who only fetches comes near it.
const QUESTIONS_PER_SECOND: u32 = 2_000;
/// How long an answer may take to leave before its place is given to another.
const SENDING_MAX: Duration = Duration::from_secs(30);
/// What a question costs that is none.
const GIBBERISH: ReputationChange = ReputationChange::new(-(1 << 24), "blobs: not a question");
/// What a question too many costs.
const FLOOD: ReputationChange = ReputationChange::new(-(1 << 20), "blobs: too many questions");

/// Places for answers under way.
#[derive(Debug)]
struct Slots {
	all_max: usize,
	each_max: usize,
	taken: HashMap<PeerId, usize>,
	all: usize,
}

impl Slots {
	fn take(&mut self, peer: PeerId) -> bool {
		let taken = self.taken.get(&peer).copied().unwrap_or_default();
		let is_free = self.all < self.all_max && taken < self.each_max;
		if is_free {
			self.all += 1;
			self.taken.insert(peer, taken + 1);
		}
		is_free
	}

	fn give_back(&mut self, peer: PeerId) {
		self.all = self.all.saturating_sub(1);
		if let Some(taken) = self.taken.get_mut(&peer) {
			*taken -= 1;
			if *taken == 0 {
				self.taken.remove(&peer);
			}
		}
	}
}

/// One of the places; given back when dropped.
struct Slot {
	slots: Arc<Mutex<Slots>>,
	peer: PeerId,
}

impl Drop for Slot {
	fn drop(&mut self) {
		self.slots.lock().give_back(self.peer);
	}
}

/// How many questions each peer asked within the current second.
#[derive(Debug, Default)]
struct Rates {
	second: u64,
	asked: HashMap<PeerId, u32>,
}

impl Rates {
	/// Counts a question; returns whether it was one too many.
	fn is_flood(&mut self, second: u64, peer: PeerId) -> bool {
		if self.second != second {
			self.second = second;
			self.asked.clear();
		}
		let asked = self.asked.entry(peer).or_default();
		*asked += 1;
		*asked > QUESTIONS_PER_SECOND
	}
}

/// Answers questions until there are none any more.
pub struct Server {
	exchange: Arc<Exchange>,
	questions: async_channel::Receiver<IncomingRequest>,
	slots: Arc<Mutex<Slots>>,
	throttle: Arc<Mutex<Throttle>>,
	rates: Rates,
	began: Instant,
}

impl Server {
	/// Answers `questions` from the store of `exchange`.
	pub fn new(
		exchange: Arc<Exchange>,
		questions: async_channel::Receiver<IncomingRequest>,
		params: &ExchangeParams,
	) -> Self {
		let slots = Slots {
			all_max: params.blob_upload_slots.into(),
			each_max: params.blob_upload_slots_per_peer.into(),
			taken: HashMap::new(),
			all: 0,
		};
		let rate = params.blob_upload_rate.map(|kib| kib.saturating_mul(1_024));
		Self {
			exchange,
			questions,
			slots: Arc::new(Mutex::new(slots)),
			throttle: Arc::new(Mutex::new(Throttle::new(rate))),
			rates: Rates::default(),
			began: Instant::now(),
		}
	}

	/// Answers until the network is gone.
	pub async fn run(mut self) {
		while let Ok(IncomingRequest { peer, payload, pending_response }) = self.questions.recv().await {
			if self.rates.is_flood(self.began.elapsed().as_secs(), peer) {
				refuse(pending_response, FLOOD);
				continue;
			}
			match Request::read(&payload) {
				None => refuse(pending_response, GIBBERISH),
				Some(Request::Have(hashes)) => {
					let here = hashes.iter().map(|hash| self.exchange.store.has(hash)).collect();
					let _ = pending_response.send(outgoing(Response::Have(here)));
				}
				Some(Request::Offer(hashes)) => {
					self.exchange.tell(Message::Offered(peer, hashes));
					let _ = pending_response.send(outgoing(Response::Noted));
				}
				Some(Request::Range { hash, from, len }) => {
					if !self.slots.lock().take(peer) {
						self.exchange.counters.turned_away.add(1);
						let _ = pending_response.send(outgoing(Response::Busy));
						continue;
					}
					let slot = Slot { slots: self.slots.clone(), peer };
					let wait = self.throttle.lock().take(self.began.elapsed(), len.into());
					let exchange = self.exchange.clone();
					tokio::spawn(async move {
						if !wait.is_zero() {
							tokio::time::sleep(wait).await;
						}
						let read = tokio::task::spawn_blocking({
							let exchange = exchange.clone();
							move || exchange.store.read_range(&hash, from.into(), len as usize)
						});
						let response = match read.await {
							Ok(Ok(bytes)) if bytes.len() == len as usize => Response::Bytes(bytes),
							_ => Response::Missing,
						};
						send(response, pending_response, &exchange.counters.bytes_out).await;
						drop(slot);
					});
				}
			}
		}
	}
}

/// Sends an answer and waits until it has left.
async fn send(response: Response, to: oneshot::Sender<OutgoingResponse>, sent: &Counter) {
	let bytes = match &response {
		Response::Bytes(bytes) => bytes.len() as u64,
		_ => 0,
	};
	let (feedback, has_left) = oneshot::channel();
	let outgoing = OutgoingResponse { sent_feedback: Some(feedback), ..outgoing(response) };
	if to.send(outgoing).is_ok() && matches!(tokio::time::timeout(SENDING_MAX, has_left).await, Ok(Ok(()))) {
		sent.add(bytes);
	}
}

fn outgoing(response: Response) -> OutgoingResponse {
	OutgoingResponse { result: Ok(response.write()), reputation_changes: Vec::new(), sent_feedback: None }
}

fn refuse(to: oneshot::Sender<OutgoingResponse>, cost: ReputationChange) {
	// Whoever asked may be gone, and does not need to know then.
	let _ =
		to.send(OutgoingResponse { result: Err(()), reputation_changes: vec![cost], sent_feedback: None });
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn slots_are_bounded_for_each_and_for_all() {
		let mut slots = Slots { all_max: 3, each_max: 2, taken: HashMap::new(), all: 0 };
		let [a, b] = [PeerId::random(), PeerId::random()];
		assert!(slots.take(a) && slots.take(a) && !slots.take(a));
		assert!(slots.take(b) && !slots.take(b));
		slots.give_back(a);
		assert!(slots.take(b) && !slots.take(a));
		for peer in [a, b, b] {
			slots.give_back(peer);
		}
		assert!(slots.taken.is_empty() && slots.all == 0);
	}

	#[test]
	fn a_flood_is_noticed_and_ends_with_the_second() {
		let (mut rates, peer) = (Rates::default(), PeerId::random());
		assert!((0..QUESTIONS_PER_SECOND).all(|_| !rates.is_flood(5, peer)));
		assert!(rates.is_flood(5, peer) && !rates.is_flood(5, PeerId::random()));
		assert!(!rates.is_flood(6, peer));
	}
}
