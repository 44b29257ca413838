//! A parachain node: a full node of the network, or a collator, beside an embedded or remote relay chain node.

use super::{relay_sync, Backend, Block, BlockImport, Client, Hash, OffchainParts, Pool};
use crate::{
	chain_spec::{Extensions, PARA_ID},
	cli::Cli,
	exchange::{self, ExchangeParts},
	hello::HelloProtocol,
};
use codec::Encode;
use cumulus_client_bootnodes::{start_bootnode_tasks, StartBootnodeTasksParams};
use cumulus_client_cli::{CollatorOptions, RelayChainMode};
use cumulus_client_collator::service::CollatorService;
use cumulus_client_consensus_aura::collators::lookahead;
use cumulus_client_service::{
	build_network, build_relay_chain_interface, prepare_node_config, start_relay_chain_tasks,
	BuildNetworkParams, DARecoveryProfile, ParachainTracingExecuteBlock, StartRelayChainTasksParams,
};
use cumulus_primitives_core::{relay_chain::ValidationCode, ParaId};
use cumulus_relay_chain_interface::{OverseerHandle, RelayChainInterface};
use frame_benchmarking_cli::SUBSTRATE_REFERENCE_HARDWARE;
use polkadot_primitives::CollatorPair;
use sc_client_api::HeaderBackend;
use sc_consensus::ImportQueue;
use sc_network::{
	config::{FullNetworkConfiguration, SyncMode},
	service::traits::NetworkService,
	Litep2pNetworkBackend, NetworkBlock, PeerId,
};
use sc_service::{Configuration, Error, TaskManager};
use sc_telemetry::{Telemetry, TelemetryHandle};
use sp_consensus_aura::sr25519::AuthorityPair as AuraPair;
use sp_keystore::KeystorePtr;
use std::{
	path::{Path, PathBuf},
	sync::Arc,
	time::Duration,
};
use substrate_prometheus_endpoint::Registry;

/// Length of the relay chain's slots.
const RELAY_SLOT: Duration = Duration::from_secs(6);
/// Time a collator gives itself to fill a block.
const AUTHORING: Duration = Duration::from_millis(2_000);

/// Starts a full node or, with `--collator`, a collator.
pub async fn start(
	config: Configuration,
	mut relay_config: Configuration,
	collator_options: CollatorOptions,
	hardware: Option<sc_sysinfo::HwBench>,
	cli: &Cli,
) -> Result<TaskManager, Error> {
	let mut config = prepare_node_config(config);
	let is_collator = config.role.is_authority();
	if is_collator && cli.relay_chain_args.iter().all(|arg| !arg.contains("listen-addr")) {
		// A collator's relay chain side has no browsers to talk to.
		relay_config.network.remove_webrtc_addresses();
	}

	let partial = super::new_partial(&config)?;
	let (block_import, mut telemetry, telemetry_worker_handle) = partial.other;
	let (client, backend, pool) = (partial.client, partial.backend, partial.transaction_pool);
	let keystore = partial.keystore_container.keystore();
	let mut task_manager = partial.task_manager;
	super::settle_sync_mode(&mut config, &client);
	let registry = config.prometheus_registry().cloned();
	let para_id = ParaId::from(
		Extensions::try_get(&*config.chain_spec).map_or(PARA_ID, |extensions| extensions.para_id),
	);

	super::insert_operator_keys(&keystore, &cli.ml.operators(false))?;
	let engine = super::start_engine(&config, &cli.ml, &backend, &mut task_manager)?;

	// Another node's database, if the relay chain is asked over RPC, is none of ours.
	let relay_database = match collator_options.relay_chain_mode {
		RelayChainMode::Embedded => relay_config.database.path().map(Path::to_path_buf),
		RelayChainMode::ExternalRpc(_) => None,
	};
	if let Some(database) = &relay_database {
		relay_sync::remove_unusable(database)?;
	}
	let relay_chain_fork_id = relay_config.chain_spec.fork_id().map(ToString::to_string);
	let (relay_chain, collator_key, relay_chain_network, paranode_requests) = build_relay_chain_interface(
		relay_config,
		&config,
		telemetry_worker_handle,
		&mut task_manager,
		collator_options.clone(),
		hardware.clone(),
	)
	.await
	.map_err(|error| Error::Application(Box::new(error)))?;

	let mut net_config =
		FullNetworkConfiguration::<_, _, Litep2pNetworkBackend>::new(&config.network, registry.clone());
	let hello = HelloProtocol::register(&config, client.clone(), &mut net_config);
	let exchange = exchange::install(&config, &client, &mut net_config);
	if config.network.sync_mode == SyncMode::Warp {
		// Nothing else happens until then, not even an RPC server.
		log::info!("⏳ Waiting for the relay chain to sync and to name the newest final block of parachain {para_id}");
	}
	let import_queue_service = partial.import_queue.service();
	let building = build_network(BuildNetworkParams {
		parachain_config: &config,
		net_config,
		client: client.clone(),
		transaction_pool: pool.clone(),
		para_id,
		spawn_handle: task_manager.spawn_handle(),
		spawn_essential_handle: task_manager.spawn_essential_handle(),
		relay_chain_interface: relay_chain.clone(),
		import_queue: partial.import_queue,
		metrics: sc_network::NotificationMetrics::new(registry.as_ref()),
		gap_sync_body_policy: None,
	});
	// With warp sync this waits for the relay chain, and essential tasks are not watched before it is over.
	let (network, system_rpc_tx, tx_handler_controller, sync_service, _) = tokio::select! {
		network = building => network?,
		stuck = relay_sync::until_stuck(&*relay_chain, &*relay_chain_network, relay_database.as_deref()) => {
			return Err(stuck);
		}
	};
	spawn_relay_watch(relay_chain.clone(), relay_chain_network.clone(), relay_database, &task_manager);
	hello.spawn(network.clone(), &task_manager);
	let exchange = exchange.start(
		&config,
		ExchangeParts {
			client: &client,
			engine: &engine,
			keystore: keystore.clone(),
			network: network.clone(),
			sync: &sync_service,
			task_manager: &task_manager,
			params: &cli.ml.exchange,
		},
	)?;

	super::watches::spawn(&client, &backend, keystore.clone(), is_collator, &task_manager);
	super::spawn_offchain_workers(
		&config,
		&OffchainParts {
			client: &client,
			backend: &backend,
			pool: &pool,
			keystore: keystore.clone(),
			task_manager: &task_manager,
		},
		network.clone(),
		engine.clone(),
	)?;

	super::start_metrics(&config, &client, keystore.clone(), &exchange, &task_manager)?;
	super::start_status(&config, &cli.ml, &client, &engine, &sync_service, &task_manager)?;

	let bootnode = BootnodeAddresses::of(&config);
	sc_service::spawn_tasks(sc_service::SpawnTasksParams {
		rpc_builder: super::rpc_builder(client.clone(), pool.clone(), engine, exchange),
		client: client.clone(),
		transaction_pool: pool.clone(),
		task_manager: &mut task_manager,
		config,
		keystore: keystore.clone(),
		backend: backend.clone(),
		network: network.clone(),
		sync_service: sync_service.clone(),
		system_rpc_tx,
		tx_handler_controller,
		telemetry: telemetry.as_mut(),
		tracing_execute_block: Some(Arc::new(ParachainTracingExecuteBlock::new(client.clone()))),
	})?;

	if let Some(hardware) = hardware {
		report_hardware(hardware, is_collator, telemetry.as_ref(), &task_manager);
	}

	let announce_block: Arc<dyn Fn(Hash, Option<Vec<u8>>) + Send + Sync> = {
		let sync_service = sync_service.clone();
		Arc::new(move |hash, data| sync_service.announce_block(hash, data))
	};
	let overseer = relay_chain.overseer_handle().map_err(|error| Error::Application(Box::new(error)))?;
	start_relay_chain_tasks(StartRelayChainTasksParams {
		client: client.clone(),
		announce_block: announce_block.clone(),
		para_id,
		relay_chain_interface: relay_chain.clone(),
		task_manager: &mut task_manager,
		da_recovery_profile: if is_collator {
			DARecoveryProfile::Collator
		} else {
			DARecoveryProfile::FullNode
		},
		import_queue: import_queue_service,
		relay_chain_slot_duration: RELAY_SLOT,
		recovery_handle: Box::new(overseer.clone()),
		sync_service,
		prometheus_registry: registry.as_ref(),
	})?;

	let collator_peer_id = relay_chain_network.local_peer_id();
	start_bootnode_tasks(StartBootnodeTasksParams {
		embedded_dht_bootnode: collator_options.embedded_dht_bootnode,
		dht_bootnode_discovery: collator_options.dht_bootnode_discovery,
		para_id,
		task_manager: &mut task_manager,
		relay_chain_interface: relay_chain.clone(),
		relay_chain_fork_id,
		relay_chain_network,
		request_receiver: paranode_requests,
		parachain_network: network,
		advertise_non_global_ips: bootnode.advertise_non_global_ips,
		parachain_genesis_hash: client.info().genesis_hash.encode(),
		parachain_fork_id: bootnode.fork_id,
		parachain_public_addresses: bootnode.public_addresses,
	});

	log::info!("🪪 Parachain {para_id}, collating: {}", if is_collator { "yes" } else { "no" });
	if is_collator {
		Collation {
			client,
			backend,
			block_import,
			pool,
			relay_chain,
			keystore,
			collator_key: collator_key
				.ok_or_else(|| Error::Other("the relay chain interface gave a collator no key".into()))?,
			collator_peer_id,
			para_id,
			overseer,
			announce_block,
		}
		.spawn(&task_manager, registry.as_ref(), telemetry.as_ref().map(Telemetry::handle));
	}
	Ok(task_manager)
}

/// Ends the node if its relay chain side makes no progress, so that its supervisor starts it again.
fn spawn_relay_watch(
	relay_chain: Arc<dyn RelayChainInterface>,
	network: Arc<dyn NetworkService>,
	database: Option<PathBuf>,
	task_manager: &TaskManager,
) {
	task_manager.spawn_essential_handle().spawn("relay-chain-watch", None, async move {
		let stuck = relay_sync::until_stuck(&*relay_chain, &*network, database.as_deref()).await;
		log::error!("{stuck}");
	});
}

/// A bootnode's own addresses, taken before the configuration is given away.
struct BootnodeAddresses {
	public_addresses: Vec<sc_network::Multiaddr>,
	fork_id: Option<String>,
	advertise_non_global_ips: bool,
}

impl BootnodeAddresses {
	fn of(config: &Configuration) -> Self {
		Self {
			public_addresses: config.network.public_addresses.clone(),
			fork_id: config.chain_spec.fork_id().map(ToString::to_string),
			advertise_non_global_ips: config.network.allow_non_globals_in_dht,
		}
	}
}

/// Prints what the machine can do and warns a collator whose machine cannot keep up.
fn report_hardware(
	hardware: sc_sysinfo::HwBench,
	is_collator: bool,
	telemetry: Option<&Telemetry>,
	task_manager: &TaskManager,
) {
	sc_sysinfo::print_hwbench(&hardware);
	if is_collator {
		if let Err(error) = SUBSTRATE_REFERENCE_HARDWARE.check_hardware(&hardware, false) {
			log::warn!("⚠️  This machine is slower than a collator's should be: {error}");
		}
	}
	if let Some(telemetry) = telemetry {
		task_manager.spawn_handle().spawn(
			"telemetry_hwbench",
			None,
			sc_sysinfo::initialize_hwbench_telemetry(telemetry.handle(), hardware),
		);
	}
}

/// Parts needed to author blocks.
struct Collation {
	client: Arc<Client>,
	backend: Arc<Backend>,
	block_import: BlockImport,
	pool: Arc<Pool>,
	relay_chain: Arc<dyn RelayChainInterface>,
	keystore: KeystorePtr,
	collator_key: CollatorPair,
	collator_peer_id: PeerId,
	para_id: ParaId,
	overseer: OverseerHandle,
	announce_block: Arc<dyn Fn(Hash, Option<Vec<u8>>) + Send + Sync>,
}

impl Collation {
	/// Runs the lookahead collator, which builds on blocks that the relay chain has not included yet.
	fn spawn(
		self,
		task_manager: &TaskManager,
		registry: Option<&Registry>,
		telemetry: Option<TelemetryHandle>,
	) {
		let proposer = sc_basic_authorship::ProposerFactory::new(
			task_manager.spawn_handle(),
			self.client.clone(),
			self.pool,
			registry,
			telemetry,
		);
		let code_client = self.client.clone();
		let collator = lookahead::run::<Block, AuraPair, _, _, _, _, _, _, _, _>(lookahead::Params {
			// Timestamp, slot and validation data are the collator's own; the runtime asks for no others.
			create_inherent_data_providers: |_, ()| async { Ok(()) },
			block_import: self.block_import,
			para_client: self.client.clone(),
			para_backend: self.backend,
			relay_client: self.relay_chain,
			code_hash_provider: move |block| {
				code_client.code_at(block).ok().map(|code| ValidationCode::from(code).hash())
			},
			keystore: self.keystore,
			collator_key: self.collator_key,
			collator_peer_id: self.collator_peer_id,
			para_id: self.para_id,
			overseer_handle: self.overseer,
			relay_chain_slot_duration: RELAY_SLOT,
			proposer,
			collator_service: CollatorService::new(self.client.clone(), self.announce_block, self.client),
			authoring_duration: AUTHORING,
			reinitialize: false,
			max_pov_percentage: None,
		});
		task_manager.spawn_essential_handle().spawn("aura", None, collator);
	}
}
