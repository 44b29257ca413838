//! Answers what other nodes ask, within limits.

use super::{
	counters::Counter,
	message::{Request, Response},
	params::ExchangeParams,
	throttle::Throttle,
	Exchange,
};
use crate::places::{Bounds, Place, Places};
use blyan_engine::blobs::BlobStore;
use futures::channel::oneshot;
use parking_lot::Mutex;
use sc_network::{
	config::{IncomingRequest, OutgoingResponse},
	PeerId, ReputationChange,
};
use sp_core::H256;
use std::{
	collections::HashMap,
	sync::Arc,
	time::{Duration, Instant},
};

/// Questions of one peer in a second. A peer that only fetches stays far below it.
const QUESTIONS_PER_SECOND: u32 = 2_000;
/// Of these, offers. A node offers each blob that it gets, once.
const OFFERS_PER_SECOND: u32 = 100;
/// Longest time that an answer may wait for its turn at `--blob-upload-rate`: its peer does not wait longer than
/// [`ANSWER_MAX`](super::ANSWER_MAX), and asks elsewhere sooner.
const PATIENCE_MAX: Duration = Duration::from_secs(10);
/// Time within which an answer must have left; its place is given to another then.
const SENDING_MAX: Duration = Duration::from_secs(30);
/// Reputation cost of a malformed question.
const MALFORMED: ReputationChange = ReputationChange::new(-(1 << 24), "blobs: malformed question");
/// Reputation cost of a question over the limit.
const FLOOD: ReputationChange = ReputationChange::new(-(1 << 20), "blobs: too many questions");

/// Requests and bytes of each peer within the current second.
#[derive(Debug, Default)]
struct Rates {
	second: u64,
	/// Questions and, of these, offers.
	asked: HashMap<PeerId, (u32, u32)>,
}

impl Rates {
	fn of(&mut self, second: u64, peer: PeerId) -> &mut (u32, u32) {
		if self.second != second {
			self.second = second;
			self.asked.clear();
		}
		self.asked.entry(peer).or_default()
	}

	/// Counts a question; returns whether it was one too many.
	fn is_flood(&mut self, second: u64, peer: PeerId) -> bool {
		let (asked, _) = self.of(second, peer);
		*asked += 1;
		*asked > QUESTIONS_PER_SECOND
	}

	/// Counts an offer; returns whether it was one too many.
	fn is_flood_of_offers(&mut self, second: u64, peer: PeerId) -> bool {
		let (_, offered) = self.of(second, peer);
		*offered += 1;
		*offered > OFFERS_PER_SECOND
	}
}

/// Places for pieces on their way out. A quarter is kept for peers that have few.
fn places(params: &ExchangeParams) -> Bounds {
	let (all, each) = (params.blob_upload_slots.into(), params.blob_upload_slots_per_peer.into());
	Bounds { all, each, kept: all / 4, few: (all / 32).max(1) }
}

/// Decides whether a piece is sent: nothing is taken up by a question for what is not here.
fn admit(
	store: &BlobStore,
	places: &Arc<Places<PeerId>>,
	peer: PeerId,
	(hash, from, len): (&H256, u32, u32),
) -> Result<Place<PeerId>, Response> {
	let end = u64::from(from) + u64::from(len);
	if store.size(hash).is_none_or(|size| end > size) {
		return Err(Response::Missing);
	}
	places.take(peer).map_err(|_| Response::Busy)
}

/// Answers questions until there are none any more.
pub struct Server {
	exchange: Arc<Exchange>,
	questions: async_channel::Receiver<IncomingRequest>,
	places: Arc<Places<PeerId>>,
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
		let rate = params.blob_upload_rate.map(|kib| kib.saturating_mul(1_024));
		Self {
			exchange,
			questions,
			places: Places::new(places(params)),
			throttle: Arc::new(Mutex::new(Throttle::new(rate))),
			rates: Rates::default(),
			began: Instant::now(),
		}
	}

	/// Answers until the network is gone.
	pub async fn run(mut self) {
		while let Ok(IncomingRequest { peer, payload, pending_response }) = self.questions.recv().await {
			let second = self.began.elapsed().as_secs();
			if self.rates.is_flood(second, peer) {
				refuse(pending_response, FLOOD);
				continue;
			}
			match Request::read(&payload) {
				None => refuse(pending_response, MALFORMED),
				Some(Request::Have(hashes)) => {
					let here = hashes.iter().map(|hash| self.exchange.store.has(hash)).collect();
					let _ = pending_response.send(outgoing(Response::Have(here)));
				}
				Some(Request::Offer(_)) if self.rates.is_flood_of_offers(second, peer) => {
					self.exchange.counters.offers_dropped.add(1);
					refuse(pending_response, FLOOD);
				}
				Some(Request::Offer(hashes)) => {
					self.exchange.note_offer(peer, hashes);
					let _ = pending_response.send(outgoing(Response::Noted));
				}
				Some(Request::Range { hash, from, len }) => {
					match admit(&self.exchange.store, &self.places, peer, (&hash, from, len)) {
						Ok(place) => self.send_piece(place, peer, (hash, from, len), pending_response),
						Err(response) => {
							if response == Response::Busy {
								self.exchange.counters.turned_away.add(1);
							}
							let _ = pending_response.send(outgoing(response));
						}
					}
				}
			}
		}
	}

	/// Reads a piece and sends it as soon as the rate allows, holding a place until it has left.
	fn send_piece(
		&self,
		place: Place<PeerId>,
		peer: PeerId,
		(hash, from, len): (H256, u32, u32),
		to: oneshot::Sender<OutgoingResponse>,
	) {
		// One who has others waiting leaves half of the line to those who have none.
		let patience = match self.places.held_by(peer) > self.places.bounds().few {
			true => PATIENCE_MAX / 2,
			false => PATIENCE_MAX,
		};
		let (exchange, throttle, began) = (self.exchange.clone(), self.throttle.clone(), self.began);
		tokio::spawn(async move {
			let read = tokio::task::spawn_blocking({
				let exchange = exchange.clone();
				move || exchange.store.read_range(&hash, from.into(), len as usize)
			});
			let response = match read.await {
				Ok(Ok(bytes)) if bytes.len() == len as usize => {
					let wait = throttle.lock().take(began.elapsed(), len.into(), patience);
					match wait {
						Some(wait) => {
							if !wait.is_zero() {
								tokio::time::sleep(wait).await;
							}
							Response::Bytes(bytes)
						}
						None => {
							exchange.counters.turned_away.add(1);
							Response::Busy
						}
					}
				}
				_ => Response::Missing,
			};
			send(response, to, &exchange.counters.bytes_out).await;
			drop(place);
		});
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
	// The peer may be gone, and does not need to know then.
	let _ =
		to.send(OutgoingResponse { result: Err(()), reputation_changes: vec![cost], sent_feedback: None });
}

#[cfg(test)]
mod tests {
	use super::*;

	fn params() -> ExchangeParams {
		ExchangeParams {
			blob_upload_rate: None,
			blob_upload_slots: 64,
			blob_upload_slots_per_peer: 24,
			blob_prefetch: Default::default(),
		}
	}

	fn store() -> (tempfile::TempDir, BlobStore, H256) {
		let dir = tempfile::tempdir().expect("a folder");
		let store = BlobStore::open(dir.path(), 1_000).expect("opens");
		let hash = store.put(b"a blob").expect("stores");
		(dir, store, hash)
	}

	#[test]
	fn questions_for_what_is_not_here_take_no_place() {
		let (_dir, store, hash) = store();
		let places = Places::new(places(&params()));
		let peer = PeerId::random();
		for _ in 0..1_000 {
			for question in [(&H256::zero(), 0, 6), (&hash, 0, 7), (&hash, 6, 1), (&hash, u32::MAX, 1)] {
				assert_eq!(admit(&store, &places, peer, question).expect_err("not here"), Response::Missing);
			}
		}
		assert_eq!(places.held_by(peer), 0);
		assert!(admit(&store, &places, peer, (&hash, 2, 4)).is_ok());
	}

	#[test]
	fn three_peers_that_read_slowly_do_not_shut_out_others() {
		let (_dir, store, hash) = store();
		let places = Places::new(places(&params()));
		let ask = |peer| admit(&store, &places, peer, (&hash, 0, 6));
		let mut stuck = Vec::new();
		for slow in [(); 3].map(|()| PeerId::random()) {
			stuck.extend(std::iter::from_fn(|| ask(slow).ok()));
			assert_eq!(ask(slow).expect_err("has its share"), Response::Busy);
		}
		let others: Vec<_> = (0..10).map(|_| ask(PeerId::random())).collect();
		assert!(others.iter().all(Result::is_ok), "{} places are stuck", stuck.len());
	}

	#[test]
	fn one_place_for_all_is_a_place() {
		let (_dir, store, hash) = store();
		let one = ExchangeParams { blob_upload_slots: 1, blob_upload_slots_per_peer: 1, ..params() };
		let places = Places::new(places(&one));
		let place = admit(&store, &places, PeerId::random(), (&hash, 0, 6));
		assert!(place.is_ok() && admit(&store, &places, PeerId::random(), (&hash, 0, 6)).is_err());
	}

	#[test]
	fn a_flood_of_offers_is_noticed() {
		let (mut rates, peer) = (Rates::default(), PeerId::random());
		assert!((0..OFFERS_PER_SECOND).all(|_| !rates.is_flood_of_offers(5, peer)));
		assert!(rates.is_flood_of_offers(5, peer) && !rates.is_flood(5, peer));
		assert!(!rates.is_flood_of_offers(6, peer));
	}

	#[test]
	fn a_flood_is_noticed_and_ends_with_the_second() {
		let (mut rates, peer) = (Rates::default(), PeerId::random());
		assert!((0..QUESTIONS_PER_SECOND).all(|_| !rates.is_flood(5, peer)));
		assert!(rates.is_flood(5, peer) && !rates.is_flood(5, PeerId::random()));
		assert!(!rates.is_flood(6, peer));
	}
}
