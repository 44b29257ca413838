//! Peers that speak the protocol of blobs over real sockets, and misuse it. Those that send wrong bytes are in
//! `exchange.rs`: a node whose disk rotted is one.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{wait_until, Chain, NodeConfig, World};
use blyan_primitives::ModelInfo;
use codec::Encode;
use futures::StreamExt;
use litep2p::{
	codec::ProtocolCodec,
	config::ConfigBuilder,
	protocol::{Direction, TransportEvent, TransportService, UserProtocol},
	transport::tcp::config::Config as Tcp,
	types::multiaddr::Multiaddr,
	Litep2p, ProtocolName,
};
use serde_json::Value as Json;
use sp_core::H256;
use std::sync::{
	atomic::{AtomicU32, Ordering},
	Arc,
};
use subxt::rpcs::client::RpcParams;

/// Questions that a peer has open at once.
const AT_ONCE: usize = 64;
/// Largest question.
const QUESTION_BYTES_MAX: usize = 1 << 14;

/// A peer that asks without end.
struct Hostile {
	protocol: ProtocolName,
	node: Multiaddr,
	/// Its questions, in turn.
	questions: Vec<Vec<u8>>,
	/// Keeps the streams of its questions open and reads no answer.
	is_deaf: bool,
	/// Questions that were sent.
	asked: Arc<AtomicU32>,
}

#[async_trait::async_trait]
impl UserProtocol for Hostile {
	fn protocol(&self) -> ProtocolName {
		self.protocol.clone()
	}

	fn codec(&self) -> ProtocolCodec {
		ProtocolCodec::UnsignedVarint(Some(QUESTION_BYTES_MAX))
	}

	async fn run(self: Box<Self>, mut service: TransportService) -> litep2p::Result<()> {
		service.dial_address(self.node.clone()).unwrap();
		let (mut questions, mut unread) = (self.questions.iter().cycle(), Vec::new());
		while let Some(event) = service.next().await {
			match event {
				TransportEvent::ConnectionEstablished { peer, .. } => {
					for _ in 0..AT_ONCE {
						let _ = service.open_substream(peer);
					}
				}
				TransportEvent::SubstreamOpened { peer, direction, mut substream, .. } => {
					if !matches!(direction, Direction::Outbound(_)) {
						continue;
					}
					let question = questions.next().unwrap().clone();
					if substream.send_framed(question.into()).await.is_ok() {
						self.asked.fetch_add(1, Ordering::Relaxed);
					}
					if !self.is_deaf {
						let _ = substream.next().await;
						let _ = service.open_substream(peer);
					} else {
						unread.push(substream);
						if unread.len() < 8 * AT_ONCE {
							let _ = service.open_substream(peer);
						}
					}
				}
				_ => {}
			}
		}
		Ok(())
	}
}

impl Hostile {
	fn start(self) -> Arc<AtomicU32> {
		let asked = self.asked.clone();
		let tcp = Tcp { listen_addresses: Vec::new(), ..Default::default() };
		let config = ConfigBuilder::new().with_tcp(tcp).with_user_protocol(Box::new(self)).build();
		let mut network = Litep2p::new(config).unwrap();
		tokio::spawn(async move { while network.next_event().await.is_some() {} });
		asked
	}
}

fn range(hash: H256, from: u32, len: u32) -> Vec<u8> {
	(1u8, hash, from, len).encode()
}

async fn status(chain: &Chain) -> Json {
	chain.request("blyan_exchangeStatus", RpcParams::new()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_gives_its_model_to_a_newcomer_while_hostile_peers_flood_it_and_read_nothing() {
	let world = World::with_a_large_model(|config| config.operators(&[]).open()).await;
	let chain = &world.chain;
	let model: ModelInfo = chain.runtime_api::<Option<_>>("ModelsApi_model", &0u32.encode()).await.unwrap();
	let trunk = model.trunk().unwrap().blob;
	let addresses = chain.request("system_localListenAddresses", RpcParams::new()).await.unwrap();
	let address = |found: &&str| found.contains("/ip4/127.0.0.1/tcp/") && !found.contains("/ws");
	let address = addresses.as_array().unwrap().iter().filter_map(Json::as_str).find(address).unwrap();
	let hostile = |questions, is_deaf| {
		let protocol = format!("/{}/tile/1", hex::encode(chain.genesis())).into();
		let node = address.parse().unwrap();
		Hostile { protocol, node, questions, is_deaf, asked: Arc::default() }.start()
	};
	let unknown = H256([7; 32]);
	// Pieces that it does not read, and blobs that it does not have.
	let offer = (2u8, vec![unknown, trunk.hash]).encode();
	let deaf = hostile(vec![range(trunk.hash, 0, 1 << 20), range(trunk.hash, 1 << 20, 1 << 20), offer], true);
	// Nothing that is a question, and pieces that are not there.
	let rubbish = vec![
		b"GET / HTTP/1.1".to_vec(),
		Vec::from([0xff; 9_000]),
		range(unknown, 0, 1),
		range(trunk.hash, u32::MAX, u32::MAX),
		(0u8, vec![unknown; 256]).encode(),
	];
	hostile(rubbish, false);
	wait_until("pieces to be turned away", || async {
		let is_busy = status(chain).await["turned_away"].as_u64() > Some(0);
		(is_busy && deaf.load(Ordering::Relaxed) > 100).then_some(())
	})
	.await;

	let spec = world.files.spec(&world.files.path("large"));
	let newcomer = NodeConfig::new(&world.files.path("newcomer"))
		.without_model(&spec)
		.operators(&[])
		.args(&["--blob-prefetch", "always"])
		.following(&world.node)
		.start();
	let fetching = Chain::connect(&newcomer.url()).await;
	wait_until("the trunk", || async { fetching.has_blob(trunk.hash).await.then_some(()) }).await;
	// Its connection stays; its questions are refused from then on.
	let ban = "blobs: malformed question. Banned";
	wait_until("the flood to be banned", || async { world.node.log().contains(ban).then_some(()) }).await;
	let status = status(&fetching).await;
	assert_eq!((&status["bad_pieces"], &status["bans"]), (&0.into(), &0.into()), "{status}");
	assert!(!world.node.log().contains("panicked"));
}
