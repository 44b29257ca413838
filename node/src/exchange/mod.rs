//! Block exchange: fetches the blobs that the chain names (the want-list) from peers that have them, and serves others.
//!
//! ```text
//!   new blocks ---> named ----+
//!   the engine's misses ------+--> driver --- questions ---> other nodes' servers
//!   others' offers, the DHT --+     |  ^
//!                                   v  |  what to ask, and of whom
//!                    assembly   scheduler        server <--- others' questions
//!                        |                          |
//!                        +-------> blob store <-----+
//! ```
//!
//! Nothing is fetched that the chain does not name, and nothing is visible in the store before its hash was verified.
//! `docs/blobs.md` tells the protocol and its limits.

mod assembly;
mod counters;
mod driver;
mod message;
mod named;
mod need;
mod params;
mod scheduler;
mod server;
mod throttle;
mod tiers;

pub use params::ExchangeParams;

use crate::{
	ml::EngineService,
	service::{Block, Client, Hash},
};
use blyan_engine::blobs::{BlobError, BlobStore, Tier};
use blyan_rpc_api::{BlobProgress, ExchangeStatus};
use counters::Counters;
use driver::Driver;
use named::Named;
use parking_lot::Mutex;
use sc_network::{
	config::{FullNetworkConfiguration, IncomingRequest},
	service::traits::NetworkService,
	Litep2pNetworkBackend, NetworkBackend, PeerId, ProtocolName,
};
use sc_network_sync::SyncingService;
use sc_service::{Configuration, Error, TaskManager};
use server::Server;
use sp_blockchain::HeaderBackend;
use sp_core::H256;
use sp_keystore::KeystorePtr;
use std::{
	sync::Arc,
	time::{Duration, Instant},
};
use tiers::Tiers;
use tokio::sync::mpsc;

/// Time within which a peer must answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Questions that wait to be answered; more are refused.
const QUESTIONS_MAX: usize = 256;
/// Time for which a full store is taken to stay full.
const NO_ROOM: Duration = Duration::from_secs(5);
/// Offers of peers that wait to be looked at; more are forgotten, which delays a blob and loses none.
const OFFERS_MAX: usize = 256;

/// Message from the rest of the node to the exchange.
#[derive(Debug)]
enum Message {
	/// The engine lacks a blob.
	Missing(H256),
	/// A blob came into the store another way.
	Stored(H256),
}

/// A peer has blobs.
type Offer = (PeerId, Vec<H256>);

/// State that is visible from outside.
#[derive(Debug, Default)]
struct View {
	fetching: Vec<BlobProgress>,
	banned: usize,
	peers: usize,
	/// Absent until the chain was looked at.
	tiers: Option<Tiers>,
}

/// The exchange, for the rest of the node.
pub struct Exchange {
	client: Arc<Client>,
	store: Arc<BlobStore>,
	counters: Counters,
	view: Mutex<View>,
	messages: mpsc::UnboundedSender<Message>,
	offers: mpsc::Sender<Offer>,
	/// When there was no room last, for how many bytes, and how many were pinned.
	no_room: Mutex<Option<(Instant, u64, u64)>>,
}

impl Exchange {
	/// A blob came into the store another way; others hear of it.
	pub fn note_stored(&self, hash: H256) {
		self.tell(Message::Stored(hash));
	}

	/// A peer has blobs. Forgotten if too much of that kind waits.
	fn note_offer(&self, peer: PeerId, hashes: Vec<H256>) {
		if self.offers.try_send((peer, hashes)).is_err() {
			self.counters.offers_dropped.add(1);
		}
	}

	fn tell(&self, message: Message) {
		// The driver ends with the node, and then the message has no use.
		let _ = self.messages.send(message);
	}

	/// Makes room for so many bytes by dropping what the chain cares least about.
	///
	/// Takes many runtime calls, so one without success is not repeated at once.
	pub fn make_room(&self, bytes: u64) -> Result<(), BlobError> {
		let futile = self.no_room.lock().filter(|(at, needed, _)| at.elapsed() < NO_ROOM && bytes >= *needed);
		if let Some((_, _, pinned)) = futile {
			return Err(BlobError::Pinned { size: bytes, pinned, bytes_max: self.store.bytes_max() });
		}
		let made = self.make_room_now(bytes);
		if let Err(BlobError::Pinned { pinned, .. }) = &made {
			*self.no_room.lock() = Some((Instant::now(), bytes, *pinned));
		}
		made
	}

	fn make_room_now(&self, bytes: u64) -> Result<(), BlobError> {
		let at = self.client.info().best_hash;
		let named =
			Named::at(&self.client, at).map_err(|error| BlobError::Io(std::io::Error::other(error)))?;
		for hash in self.store.partials() {
			if self.tier(&named, at, &hash) == Tier::History {
				self.store.drop_partial(&hash)?;
			}
		}
		let evicted = self.store.make_room(bytes, |hash| self.tier(&named, at, hash))?;
		for hash in &evicted {
			self.counters.evicted.add(1);
			log::info!("📦 Blob {hash:?} made room; the chain does not work with it any more");
		}
		Ok(())
	}

	fn tier(&self, named: &Named, at: Hash, hash: &H256) -> Tier {
		named.tier(&self.client, at, hash)
	}

	/// Reports whether the chain was looked at, so that [`Self::status`] knows tiers.
	pub fn knows_tiers(&self) -> bool {
		self.view.lock().tiers.is_some()
	}

	/// Returns the status, from facts at hand: the runtime is not called.
	pub fn status(&self) -> ExchangeStatus {
		let stored = self.store.hashes().into_iter().map(|hash| (hash, self.store.size(&hash)));
		let stored: Vec<_> = stored.map(|(hash, size)| (hash, size.unwrap_or_default())).collect();
		let view = self.view.lock();
		let [pinned, recent, history] = view.tiers.clone().unwrap_or_default().bytes(stored);
		ExchangeStatus {
			fetching: view.fetching.clone(),
			peers: view.peers,
			peers_banned: view.banned,
			pinned_bytes: pinned,
			recent_bytes: recent,
			history_bytes: history,
			counters: self.counters.read(),
		}
	}
}

/// The protocol's place in a network that does not run yet.
pub struct Installed {
	name: ProtocolName,
	questions: async_channel::Receiver<IncomingRequest>,
}

/// Adds the protocol to a network that is about to be built.
pub fn install(
	config: &Configuration,
	client: &Client,
	network: &mut FullNetworkConfiguration<Block, Hash, Litep2pNetworkBackend>,
) -> Installed {
	let genesis = hex::encode(client.info().genesis_hash);
	let name: ProtocolName = match config.chain_spec.fork_id() {
		Some(fork) => format!("/{genesis}/{fork}/tile/1"),
		None => format!("/{genesis}/tile/1"),
	}
	.into();
	let (sender, questions) = async_channel::bounded(QUESTIONS_MAX);
	let protocol = <Litep2pNetworkBackend as NetworkBackend<Block, Hash>>::request_response_config(
		name.clone(),
		Vec::new(),
		message::REQUEST_BYTES_MAX,
		message::RESPONSE_BYTES_MAX,
		ANSWER_MAX,
		Some(sender),
	);
	network.add_request_response_protocol(protocol);
	Installed { name, questions }
}

/// Parts of the node that the exchange works with.
pub struct ExchangeParts<'a> {
	/// The chain.
	pub client: &'a Arc<Client>,
	/// The engine, which needs blobs, and its store.
	pub engine: &'a Arc<EngineService>,
	/// Says whether this node is an operator's.
	pub keystore: KeystorePtr,
	/// The network that the protocol was added to.
	pub network: Arc<dyn NetworkService>,
	/// Knows who is connected.
	pub sync: &'a Arc<SyncingService<Block>>,
	/// Runs it.
	pub task_manager: &'a TaskManager,
	/// Command-line arguments of the exchange.
	pub params: &'a ExchangeParams,
}

impl Installed {
	/// Starts to fetch and to answer.
	pub fn start(self, config: &Configuration, parts: ExchangeParts<'_>) -> Result<Arc<Exchange>, Error> {
		let (messages, inbox) = mpsc::unbounded_channel();
		let (offers, offered) = mpsc::channel(OFFERS_MAX);
		let exchange = Arc::new(Exchange {
			client: parts.client.clone(),
			store: parts.engine.shared_store(),
			counters: Counters::default(),
			view: Mutex::default(),
			messages,
			offers,
			no_room: Mutex::default(),
		});
		if let Some(registry) = config.prometheus_registry() {
			counters::register_all(registry, &exchange)?;
		}
		let teller = exchange.clone();
		parts.engine.on_missing(move |hash| teller.tell(Message::Missing(hash)));
		let server = Server::new(exchange.clone(), self.questions, parts.params);
		let driver = Driver::new(exchange.clone(), self.name, inbox, offered, &parts);
		let spawn = parts.task_manager.spawn_handle();
		spawn.spawn("blob-server", Some("blobs"), server.run());
		spawn.spawn("blob-fetcher", Some("blobs"), driver.run());
		Ok(exchange)
	}
}
