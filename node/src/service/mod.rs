//! Assembling the node's services. What both kinds of node share is here; `dev` runs a chain without a relay
//! chain, `parachain` runs a full node or collator beside one.

pub mod dev;
mod dev_finality;
mod fit;
pub mod parachain;
mod relay_sync;
mod session_keys;
mod watches;

use crate::{
	cli::MlParams,
	exchange::Exchange,
	ml::EngineService,
	rpc::{self, Generations, RpcDependencies},
	status,
};
use blyan_host::MlEngineExt;
use blyan_primitives::{hardware_root, operator_key, HardwareComponents, HARDWARE_KEY, MEASUREMENT_KEY};
use blyan_runtime::RuntimeApi;
use codec::{Decode, Encode};
use cumulus_client_consensus_common::ParachainBlockImport;
use futures::FutureExt;
use sc_client_api::{Backend as _, HeaderBackend};
use sc_consensus::DefaultImportQueue;
use sc_executor::{HeapAllocStrategy, WasmExecutor, DEFAULT_HEAP_ALLOC_STRATEGY};
use sc_network::{config::SyncMode, service::traits::NetworkService};
use sc_network_sync::SyncingService;
use sc_service::{
	ChainType, Configuration, Error, PartialComponents, TFullBackend, TFullClient, TaskManager,
};
use sc_telemetry::{Telemetry, TelemetryWorker, TelemetryWorkerHandle};
use sc_transaction_pool::TransactionPoolHandle;
use sc_transaction_pool_api::OffchainTransactionPoolFactory;
use sp_consensus::SyncOracle;
use sp_consensus_aura::sr25519::AuthorityPair as AuraPair;
use sp_core::{
	offchain::{storage::OffchainDb, DbExternalities, StorageKind},
	Pair,
};
use sp_externalities::Extension;
use sp_keystore::KeystorePtr;
use std::sync::Arc;

pub use blyan_runtime::opaque::Block;

/// Functions that the runtime finds on its host: a parachain's, and the door to the engine.
pub type HostFunctions = (cumulus_client_service::ParachainHostFunctions, blyan_host::HostFunctions);
/// Hash of a block.
pub type Hash = <Block as sp_runtime::traits::Block>::Hash;
/// The client, which executes the runtime as WebAssembly only.
pub type Client = TFullClient<Block, RuntimeApi, WasmExecutor<HostFunctions>>;
/// The database.
pub type Backend = TFullBackend<Block>;
/// The transaction pool.
pub type Pool = TransactionPoolHandle<Block, Client>;
/// Block import that keeps the relay chain's opinion of what is best.
pub type BlockImport = ParachainBlockImport<Block, Arc<Client>, Backend>;

/// Parts that every command on a chain needs.
pub type Partial = PartialComponents<
	Client,
	Backend,
	(),
	DefaultImportQueue<Block>,
	Pool,
	(BlockImport, Option<Telemetry>, Option<TelemetryWorkerHandle>),
>;

/// Names a directory in which compiled runtimes are kept, so that a node that starts again need not compile: about ten
/// seconds of a core. For tests and demonstrations; a live node compiles again, because nothing tells it that the files there
/// are what it wrote.
const RUNTIME_CACHE: &str = "BLYAN_RUNTIME_CACHE";

/// Makes the executor of runtimes as the configuration asks for it.
fn executor(config: &Configuration) -> WasmExecutor<HostFunctions> {
	let heap_pages = config
		.executor
		.default_heap_pages
		.map_or(DEFAULT_HEAP_ALLOC_STRATEGY, |pages| HeapAllocStrategy::Static { extra_pages: pages as _ });
	let builder = WasmExecutor::<HostFunctions>::builder()
		.with_execution_method(config.executor.wasm_method)
		.with_max_runtime_instances(config.executor.max_runtime_instances)
		.with_runtime_cache_size(config.executor.runtime_cache_size)
		.with_onchain_heap_alloc_strategy(heap_pages)
		.with_offchain_heap_alloc_strategy(heap_pages);
	match std::env::var_os(RUNTIME_CACHE).filter(|dir| !dir.is_empty()) {
		Some(dir) => builder.with_cache_path(dir).build(),
		None => builder.build(),
	}
}

/// Begins to tell the endpoints that the operator of this node named; none by default.
fn start_telemetry(config: &Configuration) -> Result<Option<(TelemetryWorker, Telemetry)>, Error> {
	let endpoints = config.telemetry_endpoints.clone().filter(|endpoints| !endpoints.is_empty());
	let start = |endpoints| -> Result<_, sc_telemetry::Error> {
		let worker = TelemetryWorker::new(16)?;
		let telemetry = worker.handle().new_telemetry(endpoints);
		Ok((worker, telemetry))
	};
	Ok(endpoints.map(start).transpose()?)
}

/// Opens the database and makes the parts that every command on a chain needs.
pub fn new_partial(config: &Configuration) -> Result<Partial, Error> {
	let telemetry = start_telemetry(config)?;
	crate::damage::ensure_whole(config.database.path())?;
	let (client, backend, keystore_container, task_manager) =
		sc_service::new_full_parts_record_import::<Block, RuntimeApi, _>(
			config,
			telemetry.as_ref().map(|(_, telemetry)| telemetry.handle()),
			executor(config),
			true,
			Default::default(),
		)
		.map_err(|error| crate::damage::explain(error, config.database.path()))?;
	let client = Arc::new(client);

	let telemetry_worker_handle = telemetry.as_ref().map(|(worker, _)| worker.handle());
	let telemetry = telemetry.map(|(worker, telemetry)| {
		task_manager.spawn_handle().spawn("telemetry", None, worker.run());
		telemetry
	});

	let transaction_pool = Arc::from(
		sc_transaction_pool::Builder::new(
			task_manager.spawn_essential_handle(),
			client.clone(),
			config.role.is_authority().into(),
		)
		.with_options(config.transaction_pool.clone())
		.with_prometheus(config.prometheus_registry())
		.build(),
	);

	let block_import = BlockImport::new(client.clone(), backend.clone());
	let import_queue = if config.chain_spec.chain_type() == ChainType::Development {
		dev_finality::import_queue(client.clone(), &task_manager.spawn_essential_handle(), config)
	} else {
		cumulus_client_consensus_aura::equivocation_import_queue::fully_verifying_import_queue::<
			AuraPair,
			_,
			_,
			_,
			_,
		>(
			client.clone(),
			block_import.clone(),
			|_, _| async { Ok(sp_timestamp::InherentDataProvider::from_system_time()) },
			&task_manager.spawn_essential_handle(),
			config.prometheus_registry(),
			telemetry.as_ref().map(Telemetry::handle),
		)
	};

	Ok(PartialComponents {
		backend,
		client,
		import_queue,
		keystore_container,
		task_manager,
		transaction_pool,
		select_chain: (),
		other: (block_import, telemetry, telemetry_worker_handle),
	})
}

/// Decides once the database is open how the node catches up.
///
/// Only an empty database can be filled by a state that peers send. One that has a state goes on from there, and says so
/// instead of failing or waiting for what it does not need.
fn settle_sync_mode(config: &mut Configuration, client: &Client) {
	let info = client.info();
	if config.network.sync_mode != SyncMode::Full && info.finalized_state.is_some() {
		log::info!("⏩ The database holds the chain up to #{}; going on from there", info.finalized_number);
		config.network.sync_mode = SyncMode::Full;
	}
}

/// Starts the engine, and stops it when the task manager goes.
///
/// What it can do is measured in the background and left where off-chain workers find it.
fn start_engine(
	config: &Configuration,
	ml: &MlParams,
	backend: &Backend,
	task_manager: &mut TaskManager,
) -> Result<Arc<EngineService>, Error> {
	let engine = EngineService::start(config, ml).map_err(|error| Error::Application(Box::new(error)))?;
	let engine = Arc::new(engine);
	if let Some(registry) = config.prometheus_registry() {
		crate::ml::metrics::register_all(registry, &engine)?;
	}
	if let Some(storage) = backend.offchain_storage() {
		note_hardware(OffchainDb::new(storage.clone()));
		engine.measure(move |measurement| {
			let value = measurement.encode();
			OffchainDb::new(storage).local_storage_set(StorageKind::PERSISTENT, MEASUREMENT_KEY, &value);
		});
	}
	task_manager.keep_alive(engine.stop_on_drop());
	Ok(engine)
}

/// Begins to tell Prometheus about the chain, the blobs and the process, if it asks at all.
fn start_metrics(
	config: &Configuration,
	client: &Arc<Client>,
	keystore: KeystorePtr,
	exchange: &Arc<Exchange>,
	task_manager: &TaskManager,
) -> Result<(), Error> {
	if let Some(registry) = config.prometheus_registry() {
		let polling = crate::metrics::start(registry, client.clone(), keystore, exchange.clone())?;
		task_manager.spawn_handle().spawn_blocking("chain-metrics", "metrics", polling);
	}
	Ok(())
}

/// Begins to serve the page of facts, if the command line asks for it.
fn start_status(
	config: &Configuration,
	ml: &MlParams,
	client: &Arc<Client>,
	engine: &Arc<EngineService>,
	sync: &Arc<SyncingService<Block>>,
	task_manager: &TaskManager,
) -> Result<(), Error> {
	let (engine, sync) = (engine.clone(), sync.clone());
	let node = move || blyan_status::Node {
		release: env!("CARGO_PKG_VERSION").into(),
		peers: Some(sync.num_connected_peers() as u64),
		is_syncing: Some(sync.is_major_syncing()),
		engine: serde_json::to_value(engine.status()).unwrap_or_default(),
		..Default::default()
	};
	if let Some((reading, serving)) = status::start::<_, Backend>(&ml.status, config, client.clone(), node)? {
		let spawn = task_manager.spawn_handle();
		spawn.spawn_blocking("status-reader", "status", reading);
		spawn.spawn("status-server", "status", serving);
	}
	Ok(())
}

/// Leaves what identifies this machine where off-chain workers find it, and says what an operator would register.
fn note_hardware(mut storage: OffchainDb<impl sp_core::offchain::OffchainStorage>) {
	let earlier = storage
		.local_storage_get(StorageKind::PERSISTENT, HARDWARE_KEY)
		.and_then(|bytes| HardwareComponents::decode(&mut &bytes[..]).ok());
	let components = crate::ml::hardware::components(earlier, sp_core::H256::random);
	let root = hardware_root(&components);
	match earlier.map(|earlier| hardware_root(&earlier)) {
		Some(before) if before != root => log::warn!(
			"🔩 This machine changed: its identifier is {root:?} now. Its operator has to say so \
			(operators.updateCapabilities) before a hardware challenge finds out"
		),
		_ => log::info!("🔩 Identifier of this machine, for its operator's registration: {root:?}"),
	}
	storage.local_storage_set(StorageKind::PERSISTENT, HARDWARE_KEY, &components.encode());
}

/// Puts the operators' session keys into the keystore.
fn insert_operator_keys(keystore: &KeystorePtr, operators: &[String]) -> Result<(), Error> {
	for suri in operators {
		// Never repeat the secret itself in a message.
		let pair = sp_core::sr25519::Pair::from_string(suri, None).map_err(|error| {
			Error::Other(format!("an `--operator` is no secret phrase, seed or //Name: {error:?}"))
		})?;
		let public = pair.public();
		keystore.insert(operator_key::KEY_TYPE, suri, public.as_ref()).map_err(|()| {
			Error::Other("the keystore refuses the operator's key; is its folder writable?".into())
		})?;
		log::info!("🔑 Operator key {public} is in the keystore");
	}
	Ok(())
}

/// Runs the off-chain workers, the only callers that reach the engine.
fn spawn_offchain_workers(
	config: &Configuration,
	partial: &OffchainParts<'_>,
	network: Arc<dyn NetworkService>,
	engine: Arc<EngineService>,
) -> Result<(), Error> {
	if !config.offchain_worker.enabled {
		return Ok(());
	}
	let workers = sc_offchain::OffchainWorkers::new(sc_offchain::OffchainWorkerOptions {
		runtime_api_provider: partial.client.clone(),
		keystore: Some(partial.keystore.clone()),
		offchain_db: partial.backend.offchain_storage(),
		transaction_pool: Some(OffchainTransactionPoolFactory::new(partial.pool.clone())),
		network_provider: Arc::new(network),
		is_validator: config.role.is_authority(),
		enable_http_requests: false,
		custom_extensions: move |_| vec![Box::new(MlEngineExt(engine.clone())) as Box<dyn Extension>],
	})?;
	let spawn = partial.task_manager.spawn_handle();
	spawn.clone().spawn(
		"offchain-workers-runner",
		"offchain-work",
		workers.run(partial.client.clone(), spawn).boxed(),
	);
	Ok(())
}

/// Parts that the off-chain workers are built from.
struct OffchainParts<'a> {
	client: &'a Arc<Client>,
	backend: &'a Arc<Backend>,
	pool: &'a Arc<Pool>,
	keystore: KeystorePtr,
	task_manager: &'a TaskManager,
}

/// Builds the RPC extensions for each listener.
fn rpc_builder(
	client: Arc<Client>,
	pool: Arc<Pool>,
	engine: Arc<EngineService>,
	exchange: Arc<Exchange>,
) -> Box<dyn Fn(sc_rpc::SubscriptionTaskExecutor) -> Result<jsonrpsee::RpcModule<()>, Error>> {
	let generations = Arc::new(Generations::default());
	Box::new(move |executor| {
		rpc::create(RpcDependencies {
			client: client.clone(),
			pool: pool.clone(),
			engine: engine.clone(),
			exchange: exchange.clone(),
			executor,
			generations: generations.clone(),
		})
		.map_err(Into::into)
	})
}
