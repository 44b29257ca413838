//! Does what the scheduler says: asks peers, writes files, and tells it what came of it.

use super::{
	assembly::{Assembly, Found, Part},
	message::{Request, Response},
	named::Named,
	need::Need,
	params::Prefetch,
	scheduler::{Answer, Command, Completion, Fault, Question, Rules, Scheduler, Ticket, Time},
	tiers::Tiers,
	Exchange, ExchangeParts, Message, Offer,
};
use blyan_engine::blobs::BlobError;
use blyan_primitives::{operator_key, BlobRef};
use blyan_runtime_api::ModelsApi;
use codec::Encode;
use futures::{
	future::BoxFuture,
	stream::{BoxStream, FuturesUnordered},
	FutureExt, StreamExt,
};
use sc_client_api::BlockchainEvents;
use sc_network::{
	request_responses::OutboundFailure, service::traits::NetworkService, DhtEvent, Event as NetworkEvent,
	IfDisconnected, KademliaKey, PeerId, ProtocolName, ReputationChange, RequestFailure,
};
use sc_network_sync::{SyncEvent, SyncEventStream};
use sp_api::ProvideRuntimeApi;
use sp_blockchain::HeaderBackend;
use sp_core::H256;
use sp_keystore::KeystorePtr;
use std::{
	collections::{HashMap, HashSet},
	sync::Arc,
	time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// Interval at which the scheduler is polled while anything is on its way.
const TICK: Duration = Duration::from_millis(100);
/// Interval at which the chain is asked which blobs it names, new blocks or not.
const REFRESH: Duration = Duration::from_secs(15);
/// Peers that hear of a new blob from us. Those that fetch it tell others.
const OFFERED_TO: usize = 32;
/// Blobs that this node is listed for as a provider in the DHT.
const PROVIDED_MAX: usize = 2_000;
/// Begins the DHT's keys of blobs.
const KEY_CONTEXT: &[u8] = b"blyan/blob/";

/// Reputation cost of a timeout.
const SILENCE: ReputationChange = ReputationChange::new(-(1 << 16), "blobs: no answer in time");
/// Reputation cost of invalid data. Three within a minute or two disconnect the peer; a single corrupt blob does not.
const LIE: ReputationChange = ReputationChange::new(-(1 << 29), "blobs: wrong bytes");

/// Result of a task that the driver spawned.
enum Done {
	Answered(Ticket, Answer),
	Opened(H256, Option<(Arc<Assembly>, Found)>),
	Completed(H256, Completion),
	Named(Option<(Named, Tiers)>),
}

/// Fetches blobs until the node ends.
pub struct Driver {
	exchange: Arc<Exchange>,
	protocol: ProtocolName,
	network: Arc<dyn NetworkService>,
	keystore: KeystorePtr,
	prefetch: Prefetch,
	inbox: mpsc::UnboundedReceiver<Message>,
	offers: mpsc::Receiver<Offer>,
	blocks: BoxStream<'static, ()>,
	peers: BoxStream<'static, SyncEvent>,
	dht: BoxStream<'static, NetworkEvent>,
	scheduler: Scheduler<PeerId>,
	assemblies: HashMap<H256, (Arc<Assembly>, Instant)>,
	tasks: FuturesUnordered<BoxFuture<'static, Done>>,
	named: Named,
	/// Blobs that the engine lacks and the chain was not asked about yet.
	missing: HashSet<H256>,
	provided: HashSet<H256>,
	/// True while the chain is being asked; `is_stale` asks for another round afterwards.
	is_refreshing: bool,
	is_stale: bool,
	began: Instant,
	/// When others last saw how things stand.
	shown: Instant,
	/// The blob that was read again last.
	inspected: H256,
}

impl Driver {
	/// Ready to run.
	pub fn new(
		exchange: Arc<Exchange>,
		protocol: ProtocolName,
		inbox: mpsc::UnboundedReceiver<Message>,
		offers: mpsc::Receiver<Offer>,
		parts: &ExchangeParts<'_>,
	) -> Self {
		let blocks = parts.client.import_notification_stream();
		let seed = u64::from_le_bytes(H256::random().0[..8].try_into().unwrap_or_default());
		Self {
			exchange,
			protocol,
			network: parts.network.clone(),
			keystore: parts.keystore.clone(),
			prefetch: parts.params.blob_prefetch,
			inbox,
			offers,
			blocks: blocks.filter_map(|block| async move { block.is_new_best.then_some(()) }).boxed(),
			peers: parts.sync.event_stream("blob-fetcher"),
			dht: parts.network.event_stream("blob-fetcher"),
			scheduler: Scheduler::new(Rules::default(), seed),
			assemblies: HashMap::new(),
			tasks: FuturesUnordered::new(),
			named: Named::default(),
			missing: HashSet::new(),
			provided: HashSet::new(),
			is_refreshing: false,
			is_stale: true,
			began: Instant::now(),
			shown: Instant::now(),
			inspected: H256::zero(),
		}
	}

	fn now(&self) -> Time {
		self.began.elapsed()
	}

	/// Fetches until the node ends.
	pub async fn run(mut self) {
		let mut tick = tokio::time::interval(TICK);
		tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
		let mut refresh = tokio::time::interval(REFRESH);
		loop {
			tokio::select! {
				message = self.inbox.recv() => match message {
					Some(message) => self.on_message(message),
					None => return,
				},
				Some((peer, hashes)) = self.offers.recv() => {
					let now = self.now();
					self.scheduler.holds(peer, &hashes, now);
				}
				Some(done) = self.tasks.next(), if !self.tasks.is_empty() => self.on_done(done),
				Some(()) = self.blocks.next() => self.is_stale = true,
				Some(event) = self.peers.next() => match event {
					SyncEvent::PeerConnected { peer_id, .. } => self.scheduler.connected(peer_id, self.now()),
					SyncEvent::PeerDisconnected(peer) => self.scheduler.disconnected(peer, self.now()),
				},
				event = self.dht.next() => match event {
					Some(event) => self.on_network_event(event),
					// The network is gone, and so is the node.
					None => return,
				},
				_ = refresh.tick() => {
					self.is_stale = true;
					self.inspect();
				}
				_ = tick.tick(), if !self.scheduler.is_idle() => {}
			}
			self.refresh_if_stale();
			let now = self.now();
			self.scheduler.advance(now).into_iter().for_each(|command| self.obey(command));
			self.show();
		}
	}

	/// Lets others see how things stand.
	fn show(&mut self) {
		if self.shown.elapsed() < TICK && !self.scheduler.is_idle() {
			return;
		}
		self.shown = Instant::now();
		let mut view = self.exchange.view.lock();
		view.fetching = self.scheduler.progress();
		view.banned = self.scheduler.banned(self.now());
		view.peers = self.scheduler.connected_peers().len();
	}

	fn on_message(&mut self, message: Message) {
		match message {
			Message::Missing(hash) => match self.named.get(&hash).copied() {
				Some(need) => self.want(need, true),
				None => {
					self.missing.insert(hash);
					self.is_stale = true;
				}
			},
			Message::Stored(hash) => {
				self.scheduler.forget(&hash);
				self.offer(hash);
			}
		}
	}

	fn on_network_event(&mut self, event: NetworkEvent) {
		let NetworkEvent::Dht(DhtEvent::ProvidersFound(key, providers)) = event else { return };
		let now = self.now();
		let wanted = self.scheduler.wanted().copied().find(|hash| key_of(hash).as_ref() == key.as_ref());
		if let Some(hash) = wanted {
			let own = self.network.local_peer_id();
			for peer in providers.into_iter().filter(|peer| *peer != own) {
				self.scheduler.holds(peer, &[hash], now);
			}
		}
	}

	/// Asks the chain what it names, if that may have changed.
	fn refresh_if_stale(&mut self) {
		if !self.is_stale || self.is_refreshing {
			return;
		}
		(self.is_stale, self.is_refreshing) = (false, true);
		let (exchange, now) = (self.exchange.clone(), self.now());
		let ask = tokio::task::spawn_blocking(move || {
			let at = exchange.client.info().best_hash;
			let named = Named::at(&exchange.client, at)?;
			let pinned = named.iter().map(|need| need.blob.hash);
			let known = exchange.view.lock().tiers.clone().unwrap_or_default();
			let tiers =
				known.renewed(now, pinned, exchange.store.hashes(), |hash| exchange.tier(&named, at, hash));
			Ok::<_, sp_api::ApiError>((named, tiers))
		});
		self.tasks.push(
			async move {
				Done::Named(match ask.await {
					Ok(Ok(named)) => Some(named),
					Ok(Err(error)) => {
						log::debug!("the runtime does not say which blobs it needs: {error}");
						None
					}
					Err(_) => None,
				})
			}
			.boxed(),
		);
	}

	fn on_named(&mut self, named: Named) {
		self.named = named;
		for hash in std::mem::take(&mut self.missing) {
			match self.named.get(&hash).copied().or_else(|| self.announced(&hash)) {
				Some(need) => self.want(need, true),
				None => log::debug!("📦 Nothing on chain names the blob {hash:?}; it is not fetched"),
			}
		}
		if self.prefetches() {
			let needs: Vec<Need> = self.named.iter().copied().collect();
			needs.into_iter().for_each(|need| self.want(need, false));
		}
		let wanted: Vec<H256> = self.scheduler.wanted().copied().collect();
		for hash in wanted {
			let is_here = self.exchange.store.has(&hash);
			if is_here || (self.named.get(&hash).is_none() && self.announced(&hash).is_none()) {
				self.scheduler.forget(&hash);
			}
		}
		let wanted: HashSet<H256> = self.scheduler.wanted().copied().collect();
		for hash in self.exchange.store.partials() {
			let is_of_use = wanted.contains(&hash) || self.named.get(&hash).is_some();
			if !is_of_use && self.announced(&hash).is_none() {
				self.drop_partial(&hash);
			}
		}
		self.provide();
	}

	/// Scrubs: reads one of the blobs again that the chain works with, so that bit rot on the disk is found, and the
	/// blob fetched again, before the engine needs it.
	fn inspect(&mut self) {
		if !self.prefetches() {
			return;
		}
		let store = self.exchange.store.clone();
		let mut here: Vec<_> =
			self.named.iter().map(|need| need.blob.hash).filter(|hash| store.has(hash)).collect();
		here.sort_unstable();
		let next = here.iter().find(|hash| **hash > self.inspected).or(here.first()).copied();
		let Some(hash) = next else { return };
		self.inspected = hash;
		// The store drops it and says so if it is damaged, and the next look at the chain finds it missing.
		tokio::task::spawn_blocking(move || store.verified_path(&hash).map(drop));
	}

	/// A blob that the chain only remembers. How its pieces could be proven, it does not say.
	fn announced(&self, hash: &H256) -> Option<Need> {
		let client = &self.exchange.client;
		let size = client.runtime_api().blob_announced(client.info().best_hash, *hash).ok()??;
		Some(Need::whole(BlobRef { hash: *hash, size }))
	}

	fn prefetches(&self) -> bool {
		match self.prefetch {
			Prefetch::Always => true,
			Prefetch::Never => false,
			Prefetch::Operators => !self.keystore.sr25519_public_keys(operator_key::KEY_TYPE).is_empty(),
		}
	}

	fn want(&mut self, need: Need, is_urgent: bool) {
		if !self.exchange.store.has(&need.blob.hash) {
			self.scheduler.want(need, is_urgent, self.began.elapsed());
		}
	}

	/// Lists this node in the DHT for what the chain works with and it has.
	fn provide(&mut self) {
		let store = &self.exchange.store;
		let pinned = self.named.iter().map(|need| need.blob.hash).filter(|hash| store.has(hash));
		let pinned: HashSet<H256> = pinned.take(PROVIDED_MAX).collect();
		for hash in self.provided.difference(&pinned) {
			self.network.stop_providing(key_of(hash));
		}
		for hash in pinned.difference(&self.provided) {
			self.network.start_providing(key_of(hash));
		}
		self.provided = pinned;
	}

	/// Tells others that this node has a blob now.
	fn offer(&self, hash: H256) {
		let request = Request::Offer(vec![hash]).encode();
		for peer in self.scheduler.connected_peers().into_iter().take(OFFERED_TO) {
			let (network, protocol, request) = (self.network.clone(), self.protocol.clone(), request.clone());
			tokio::spawn(async move {
				// A peer that missed the offer asks when it needs the blob.
				let _ = network.request(peer, protocol, request, None, IfDisconnected::ImmediateError).await;
			});
		}
	}

	fn on_done(&mut self, done: Done) {
		let now = self.now();
		match done {
			Done::Answered(ticket, answer) => {
				match answer {
					Answer::Wrong => self.exchange.counters.bad_pieces.add(1),
					Answer::Have(_) | Answer::Right => {}
					_ => self.exchange.counters.failures.add(1),
				}
				self.scheduler.answered(ticket, answer, now);
			}
			Done::Opened(hash, None) => self.scheduler.opened(&hash, None, now),
			Done::Opened(hash, Some((assembly, found))) => {
				let Need { blob, .. } = assembly.need();
				let count = assembly.pieces().count();
				match count as usize - found.missing.len() {
					0 => log::info!("📦 Fetching blob {hash:?} of {} bytes", blob.size),
					here => {
						log::info!("📦 Fetching blob {hash:?} goes on: {here} of {count} pieces are there")
					}
				}
				let source = found.source.as_deref().and_then(|bytes| PeerId::from_bytes(bytes).ok());
				self.assemblies.insert(hash, (assembly, Instant::now()));
				self.scheduler.opened(&hash, Some((found, source)), now);
			}
			Done::Completed(hash, completion) => {
				match completion {
					Completion::Stored => {
						self.exchange.counters.fetched.add(1);
						if let Some((assembly, began)) = self.assemblies.remove(&hash) {
							let (size, seconds) = (assembly.need().blob.size, began.elapsed().as_secs_f64());
							log::info!("📦 Blob {hash:?} of {size} bytes is here after {seconds:.3} s");
						}
						self.offer(hash);
						self.provide();
					}
					Completion::WrongHash => {
						self.exchange.counters.bad_pieces.add(1);
						log::warn!("📦 What was fetched as blob {hash:?} has another hash; starting again");
					}
					Completion::Unwritable => {}
				}
				self.scheduler.completed(&hash, completion, now);
			}
			Done::Named(named) => {
				self.is_refreshing = false;
				if let Some((named, tiers)) = named {
					self.exchange.view.lock().tiers = Some(tiers);
					self.on_named(named);
				}
			}
		}
	}

	fn obey(&mut self, command: Command<PeerId>) {
		match command {
			Command::Open(need) => self.open(need),
			Command::Ask(ticket, peer, question) => self.ask(ticket, peer, question),
			Command::Lookup(hash) => self.network.get_providers(key_of(&hash)),
			Command::SetSource(hash, peer) => {
				if let Some((assembly, _)) = self.assemblies.get(&hash) {
					if let Err(error) = assembly.set_source(&peer.to_bytes()) {
						log::warn!("📦 Cannot note where blob {hash:?} comes from: {error}");
					}
				}
			}
			Command::Complete(hash) => self.complete(hash),
			Command::Drop(hash) => {
				self.assemblies.remove(&hash);
				self.drop_partial(&hash);
			}
			Command::Report(peer, Fault::Silence) => {
				log::debug!("📦 Peer {peer} does not answer");
				self.network.report_peer(peer, SILENCE);
			}
			Command::Report(peer, Fault::Lie) => {
				self.exchange.counters.bans.add(1);
				log::warn!("📦 Peer {peer} sent wrong bytes; it is not asked for blobs for a while");
				self.network.report_peer(peer, LIE);
			}
		}
	}

	fn drop_partial(&self, hash: &H256) {
		if let Err(error) = self.exchange.store.drop_partial(hash) {
			log::warn!("📦 Cannot remove what was fetched of blob {hash:?}: {error}");
		}
	}

	fn open(&mut self, need: Need) {
		let exchange = self.exchange.clone();
		let opened = tokio::task::spawn_blocking(move || {
			let open = || Assembly::open(&exchange.store, need);
			match open() {
				Err(BlobError::QuotaExceeded { .. }) => {
					exchange.make_room(need.blob.size.into())?;
					open()
				}
				opened => opened,
			}
		});
		let hash = need.blob.hash;
		self.tasks.push(
			async move {
				let opened = match opened.await {
					Ok(Ok((assembly, found))) => Some((Arc::new(assembly), found)),
					Ok(Err(error)) => {
						log::warn!("📦 Cannot fetch blob {hash:?}: {error}");
						None
					}
					Err(_) => None,
				};
				Done::Opened(hash, opened)
			}
			.boxed(),
		);
	}

	fn complete(&mut self, hash: H256) {
		let Some((assembly, _)) = self.assemblies.get(&hash) else {
			self.tasks.push(futures::future::ready(Done::Completed(hash, Completion::Unwritable)).boxed());
			return;
		};
		let (assembly, exchange) = (assembly.clone(), self.exchange.clone());
		let completed = tokio::task::spawn_blocking(move || assembly.complete(&exchange.store));
		self.tasks.push(
			async move {
				let completion = match completed.await {
					Ok(Ok(())) => Completion::Stored,
					Ok(Err(BlobError::HashMismatch(_))) => Completion::WrongHash,
					Ok(Err(error)) => {
						log::warn!("📦 Cannot store blob {hash:?}: {error}");
						Completion::Unwritable
					}
					Err(_) => Completion::Unwritable,
				};
				Done::Completed(hash, completion)
			}
			.boxed(),
		);
	}

	fn ask(&mut self, ticket: Ticket, peer: PeerId, question: Question) {
		let (request, target) = match question {
			Question::Have(hashes) => (Request::Have(hashes), None),
			Question::Part(hash, part) => {
				let Some((assembly, _)) = self.assemblies.get(&hash) else {
					let done = Done::Answered(ticket, Answer::Unwritable);
					self.tasks.push(futures::future::ready(done).boxed());
					return;
				};
				let range = assembly.range(part);
				let (from, len) = (range.start as u32, (range.end - range.start) as u32);
				(Request::Range { hash, from, len }, Some((assembly.clone(), part)))
			}
		};
		let (network, protocol, exchange) =
			(self.network.clone(), self.protocol.clone(), self.exchange.clone());
		let task = tokio::spawn(async move {
			let answer =
				network.request(peer, protocol, request.encode(), None, IfDisconnected::TryConnect).await;
			let answer = match answer {
				Ok((bytes, _)) => bytes,
				Err(RequestFailure::Network(OutboundFailure::Timeout)) => return Answer::Stalled,
				Err(_) => return Answer::Refused,
			};
			match (Response::read(answer), target) {
				(Some(Response::Have(here)), None) => Answer::Have(here),
				(Some(Response::Missing), Some(_)) => Answer::Missing,
				(Some(Response::Busy), Some(_)) => Answer::Busy,
				(Some(Response::Bytes(bytes)), Some((assembly, part))) => {
					accept(exchange, assembly, part, bytes).await
				}
				_ => Answer::Wrong,
			}
		});
		self.tasks.push(async move { Done::Answered(ticket, task.await.unwrap_or(Answer::Refused)) }.boxed());
	}
}

/// Checks and writes a part, away from the threads that answer others.
async fn accept(exchange: Arc<Exchange>, assembly: Arc<Assembly>, part: Part, bytes: Vec<u8>) -> Answer {
	let (hash, len) = (assembly.blob_hash(), bytes.len() as u64);
	let accepted = tokio::task::spawn_blocking(move || assembly.accept(part, &bytes)).await;
	match accepted {
		Ok(Ok(true)) => {
			exchange.counters.bytes_in.add(len);
			Answer::Right
		}
		Ok(Ok(false)) => Answer::Wrong,
		Ok(Err(error)) => {
			log::warn!("📦 Cannot write a piece of blob {hash:?}: {error}");
			Answer::Unwritable
		}
		Err(_) => Answer::Unwritable,
	}
}

/// A blob's key in the DHT.
fn key_of(hash: &H256) -> KademliaKey {
	KademliaKey::from([KEY_CONTEXT, hash.as_bytes()].concat())
}
