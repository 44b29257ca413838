//! Genesis handshake: detects peers on another chain. Asks bootnodes and reserved nodes, answers every peer.
//!
//! The network's protocols carry the genesis hash in their names, so two nodes on different chains have nothing to say
//! to each other and say nothing: the log only shows no peers. This one protocol has the same name on every chain.
//! Both sides say once which chain they are on; if it is not the same, both logs say how they differ and what to check,
//! and the other node is refused.
//!
//! ```text
//!  node                                   its bootnode or reserved node
//!   |--- Hello {genesis, chain, ...} ------>|  another genesis: warn once, refuse
//!   |<-- Hello {genesis, chain, ...} -------|
//!   another genesis: warn once, refuse
//! ```

use crate::service::{Block, Client, Hash};
use blyan_primitives::ModelId;
use blyan_runtime::Runtime;
use blyan_runtime_api::runtime_decl_for_models_api::ModelsApiV2 as _;
use codec::{Decode, DecodeAll, Encode};
use futures::{future::join_all, StreamExt};
use sc_client_api::HeaderBackend;
use sc_network::{
	config::FullNetworkConfiguration,
	request_responses::{IncomingRequest, OutgoingResponse},
	service::traits::NetworkService,
	IfDisconnected, Litep2pNetworkBackend, NetworkBackend, PeerId, ProtocolName, ReputationChange,
};
use sc_service::{ChainSpec, Configuration, TaskManager};
use sp_api::Core;
use sp_core::H256;
use sp_state_machine::BasicExternalities;
use std::{
	collections::BTreeSet,
	sync::{Arc, OnceLock},
	time::Duration,
};

/// The protocol's name; the same on every chain, which is its point.
const PROTOCOL: &str = "/blyan/hello/1";
/// Most bytes of a hello.
const BYTES_MAX: u64 = 1_024;
/// Most bytes of a chain's name in a hello.
const NAME_BYTES_MAX: usize = 64;
/// Most models in a hello.
const MODELS_MAX: usize = 16;
/// Hellos that wait to be answered; more are dropped.
const QUEUE: usize = 64;
/// Peers on other chains that are remembered, so that each is named once.
const STRANGERS_MAX: usize = 1_024;
/// Time within which an answer must arrive.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Pause before asking a node again that could not be reached: the first, and the longest.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// Reputation cost of being on another chain: the node is not talked to for a while.
const STRANGER: ReputationChange = ReputationChange::new_fatal("another chain");

/// A node's description of the chain it is on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Hello {
	/// Hash of block 0.
	genesis: H256,
	/// The chain's name, UTF-8.
	chain: Vec<u8>,
	/// Version of the runtime at the best block; 0 if there is no state yet.
	spec_version: u32,
	/// Roots of the models that the genesis registers.
	models: Vec<(ModelId, H256)>,
}

impl Hello {
	fn chain(&self) -> String {
		// A stranger's bytes end in our log.
		let name = String::from_utf8_lossy(&self.chain);
		name.chars().filter(|char| !char.is_control()).take(NAME_BYTES_MAX).collect()
	}

	/// Returns the complaint about a node on another chain; `None` if it is on ours.
	fn complaint(&self, theirs: &Self) -> Option<String> {
		if self.genesis == theirs.genesis {
			return None;
		}
		let models = |models: &[(ModelId, H256)]| {
			let list: Vec<_> = models.iter().map(|(id, root)| format!("{id}: {root:?}")).collect();
			if list.is_empty() {
				"none".into()
			} else {
				list.join(", ")
			}
		};
		let (them, us) = (&theirs.models, &self.models);
		let advice = match theirs.chain == self.chain && them != us {
			true => format!(
				"the chains differ by their genesis models (its: {}, ours: {}). Check --genesis-model",
				models(them),
				models(us)
			),
			false => "check --chain, --genesis-model and the address".into(),
		};
		Some(format!(
			"it is on another chain: its genesis is {:?} ({}, runtime {}), ours {:?} ({}, runtime {}); {advice}",
			theirs.genesis,
			theirs.chain(),
			theirs.spec_version,
			self.genesis,
			self.chain(),
			self.spec_version,
		))
	}
}

/// The protocol, registered and not yet running.
pub struct HelloProtocol {
	ours: Ours,
	requests: async_channel::Receiver<IncomingRequest>,
	/// Whom to ask.
	asked: Vec<PeerId>,
}

impl HelloProtocol {
	/// Adds the protocol to a network that is about to be built.
	pub fn register(
		config: &Configuration,
		client: Arc<Client>,
		network: &mut FullNetworkConfiguration<Block, Hash, Litep2pNetworkBackend>,
	) -> Self {
		let (sender, requests) = async_channel::bounded(QUEUE);
		network.add_request_response_protocol(
			<Litep2pNetworkBackend as NetworkBackend<Block, Hash>>::request_response_config(
				PROTOCOL.into(),
				Vec::new(),
				BYTES_MAX,
				BYTES_MAX,
				TIMEOUT,
				Some(sender),
			),
		);
		let known = config.network.boot_nodes.iter().chain(&config.network.default_peers_set.reserved_nodes);
		let asked: BTreeSet<PeerId> = known.map(|node| node.peer_id).collect();
		let spec = config.chain_spec.cloned_box();
		Self {
			ours: Ours { client, spec, models: OnceLock::new() },
			requests,
			asked: asked.into_iter().collect(),
		}
	}

	/// Starts to ask and to answer.
	pub fn spawn(self, network: Arc<dyn NetworkService>, task_manager: &TaskManager) {
		let strangers = parking_lot::Mutex::default();
		let greeter = Arc::new(Greeter { ours: self.ours, network, strangers });
		let answering = {
			let (greeter, requests) = (greeter.clone(), self.requests);
			async move {
				let mut requests = std::pin::pin!(requests);
				while let Some(request) = requests.next().await {
					greeter.answer(request);
				}
			}
		};
		let asking = async move {
			join_all(self.asked.into_iter().map(|peer| greeter.ask(peer))).await;
		};
		// The first hello makes the genesis state, which takes a while.
		let handle = task_manager.spawn_handle();
		handle.spawn_blocking("hello-answers", Some("networking"), answering);
		handle.spawn_blocking("hello-questions", Some("networking"), asking);
	}
}

/// This node's description of itself.
struct Ours {
	client: Arc<Client>,
	spec: Box<dyn ChainSpec>,
	models: OnceLock<Vec<(ModelId, H256)>>,
}

impl Ours {
	fn hello(&self) -> Hello {
		let info = self.client.info();
		let chain = self.spec.name().bytes().take(NAME_BYTES_MAX).collect();
		let version = sp_api::ProvideRuntimeApi::runtime_api(&*self.client).version(info.best_hash);
		let models = self.models.get_or_init(|| genesis_models(&*self.spec)).clone();
		Hello {
			genesis: info.genesis_hash,
			chain,
			spec_version: version.map_or(0, |version| version.spec_version),
			models,
		}
	}
}

/// Roots of the models that a specification's genesis registers; none if it cannot be told.
///
/// Asked of the genesis state and not of the database, which has no such state after warp sync.
fn genesis_models(spec: &dyn ChainSpec) -> Vec<(ModelId, H256)> {
	let Ok(storage) = spec.as_storage_builder().build_storage() else { return Vec::new() };
	BasicExternalities::new(storage).execute_with(|| {
		let models = Runtime::models().into_iter().take(MODELS_MAX);
		models.filter_map(|id| Runtime::model(id).map(|model| (id, model.model_root()))).collect()
	})
}

/// Says hello and remembers who turned out to be a stranger.
struct Greeter {
	ours: Ours,
	network: Arc<dyn NetworkService>,
	strangers: parking_lot::Mutex<BTreeSet<PeerId>>,
}

impl Greeter {
	/// Asks a node until it answers.
	async fn ask(&self, peer: PeerId) {
		let mut pause = PAUSE;
		loop {
			let hello = self.ours.hello().encode();
			let protocol = ProtocolName::from(PROTOCOL);
			let answer = self.network.request(peer, protocol, hello, None, IfDisconnected::TryConnect).await;
			match answer {
				Ok((bytes, _)) => {
					if self.judge(peer, &bytes) {
						self.network.report_peer(peer, STRANGER);
					}
					return;
				}
				Err(failure) => log::debug!("{peer} does not say yet which chain it is on: {failure}"),
			}
			tokio::time::sleep(pause).await;
			pause = (pause * 2).min(PAUSE_MAX);
		}
	}

	/// Answers who asked.
	fn answer(&self, request: IncomingRequest) {
		let IncomingRequest { peer, payload, pending_response } = request;
		let reputation_changes = if self.judge(peer, &payload) { vec![STRANGER] } else { Vec::new() };
		let result = Ok(self.ours.hello().encode());
		// A peer that hung up does not want the answer.
		let _ = pending_response.send(OutgoingResponse { result, reputation_changes, sent_feedback: None });
	}

	/// Reports whether the node that sent this is on another chain, and logs it the first time.
	fn judge(&self, peer: PeerId, said: &[u8]) -> bool {
		let Ok(theirs) = Hello::decode_all(&mut &said[..]) else {
			log::debug!("{peer} says something else than which chain it is on");
			return false;
		};
		let Some(complaint) = self.ours.hello().complaint(&theirs) else { return false };
		let mut strangers = self.strangers.lock();
		if strangers.len() < STRANGERS_MAX && strangers.insert(peer) {
			log::warn!("🚷 Refusing {peer}: {complaint}");
		}
		true
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn hello(genesis: u8, chain: &str, model: u8) -> Hello {
		Hello {
			genesis: H256::repeat_byte(genesis),
			chain: chain.into(),
			spec_version: 1,
			models: vec![(0, H256::repeat_byte(model))],
		}
	}

	#[test]
	fn complaint_is_none_when_the_genesis_is_ours() {
		let newer = Hello { spec_version: 2, ..hello(1, "Blyan", 1) };
		assert_eq!(hello(1, "Blyan", 1).complaint(&newer), None);
	}

	#[test]
	fn complaint_names_both_models_when_they_are_the_difference() {
		let complaint = hello(1, "Blyan", 1).complaint(&hello(2, "Blyan", 2)).expect("another genesis");
		assert!(complaint.contains("--genesis-model") && !complaint.contains("--chain"), "{complaint}");
		assert!(complaint.contains("0x0202") && complaint.contains("0x0101"), "{complaint}");
	}

	#[test]
	fn complaint_sends_to_the_chain_when_its_name_differs() {
		let complaint = hello(1, "Blyan", 1).complaint(&hello(2, "Else", 2)).expect("another genesis");
		assert!(complaint.contains("--chain") && complaint.contains("Else"), "{complaint}");
	}

	#[test]
	fn complaint_shows_no_control_characters_of_a_stranger() {
		let complaint =
			hello(1, "Blyan", 1).complaint(&hello(2, "a\nb\u{1b}[31m", 2)).expect("another genesis");
		assert!(!complaint.chars().any(char::is_control), "{complaint}");
	}

	#[test]
	fn a_hello_fits_its_bound() {
		let longest = Hello {
			chain: vec![b'x'; NAME_BYTES_MAX],
			models: vec![(u32::MAX, H256::repeat_byte(9)); MODELS_MAX],
			..hello(1, "", 1)
		};
		assert!(longest.encoded_size() as u64 <= BYTES_MAX);
	}

	#[test]
	fn genesis_models_are_those_of_the_specification() {
		let spec = crate::chain_spec::load_with_state("dev", None).expect("built in");
		assert_eq!(genesis_models(&spec).len(), 1);
	}
}
