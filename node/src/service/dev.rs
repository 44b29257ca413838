//! A development chain: no relay chain, one node that seals blocks on a timer or on demand, each final at once on it,
//! and as many nodes as like to follow it.

use super::{dev_finality::SealersWord, Backend, Block, Client, Hash, OffchainParts, Pool};
use crate::{
	chain_spec::{Extensions, PARA_ID},
	chain_view::item,
	cli::{DevSeal, MlParams},
	exchange::{self, ExchangeParts},
	hello::HelloProtocol,
};
use codec::Encode;
use cumulus_client_parachain_inherent::MockValidationDataInherentDataProvider;
use cumulus_primitives_core::{
	AbridgedHostConfiguration, CollectCollationInfo, ParaId, RelayParentOffsetApi,
};
use futures::{future, Stream, StreamExt};
use polkadot_primitives::{well_known_keys, AsyncBackingParams, HeadData, UpgradeGoAhead};
use sc_client_api::HeaderBackend;
use sc_consensus::LongestChain;
use sc_consensus_manual_seal::{consensus::aura::AuraConsensusDataProvider, EngineCommand, ManualSealParams};
use sc_network::{
	config::{FullNetworkConfiguration, SyncMode},
	Litep2pNetworkBackend,
};
use sc_network_sync::WarpSyncConfig;
use sc_service::{Configuration, Error, PartialComponents, TaskManager};
use sc_telemetry::Telemetry;
use sc_transaction_pool_api::TransactionPool;
use sp_api::ProvideRuntimeApi;
use sp_consensus_aura::SlotDuration;
use std::{
	pin::Pin,
	sync::Arc,
	time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Milliseconds in a slot of the relay chain that is pretended.
const RELAY_SLOT_MS: u64 = 6_000;

/// Longest time from the pool's notification of a transaction until it offers it to a block.
const POOL_MAX: Duration = Duration::from_millis(200);

/// Seconds by which a development chain starts behind the clock.
///
/// Every block takes a slot of its own, so a chain with fast blocks runs ahead of the clock; two hours keep its
/// timestamps out of the future for a while.
const HEAD_START_SECS: u64 = 2 * 60 * 60;

/// Starts a development node; `open` lets others follow it.
pub fn start(
	mut config: Configuration,
	seal: DevSeal,
	open: bool,
	ml: &MlParams,
) -> Result<TaskManager, Error> {
	if !open && seal != DevSeal::Follow {
		// Two such nodes on one machine have the same genesis and must not take each other's blocks.
		config.network.default_peers_set.in_peers = 0;
		config.network.default_peers_set.out_peers = 0;
	}
	// Who follows has one peer, the sealer. What it says is final is final, so joining fast means warp sync.
	config.network.min_peers_to_start_warp_sync = Some(1);
	if matches!(config.network.sync_mode, SyncMode::LightState { .. }) {
		config.network.sync_mode = SyncMode::Warp;
	}
	if seal != DevSeal::Follow {
		config.network.sync_mode = SyncMode::Full;
	}
	// An operator works in its off-chain worker.
	config.offchain_worker.enabled = true;

	let PartialComponents {
		client,
		backend,
		mut task_manager,
		import_queue,
		keystore_container,
		select_chain: (),
		transaction_pool,
		other: (_, mut telemetry, _),
	} = super::new_partial(&config)?;
	super::settle_sync_mode(&mut config, &client);

	super::insert_operator_keys(&keystore_container.keystore(), &ml.operators(true))?;
	let engine = super::start_engine(&config, ml, &backend, &mut task_manager)?;

	let mut net_config = FullNetworkConfiguration::<_, _, Litep2pNetworkBackend>::new(
		&config.network,
		config.prometheus_registry().cloned(),
	);
	let hello = HelloProtocol::register(&config, client.clone(), &mut net_config);
	let exchange = exchange::install(&config, &client, &mut net_config);
	let (network, system_rpc_tx, tx_handler_controller, sync_service, _) =
		sc_service::build_network(sc_service::BuildNetworkParams {
			config: &config,
			client: client.clone(),
			transaction_pool: transaction_pool.clone(),
			spawn_handle: task_manager.spawn_handle(),
			spawn_essential_handle: task_manager.spawn_essential_handle(),
			import_queue,
			net_config,
			block_announce_validator_builder: None,
			warp_sync_config: Some(WarpSyncConfig::WithProvider(SealersWord::new(client.clone()))),
			block_relay: None,
			metrics: sc_network::NotificationMetrics::new(config.prometheus_registry()),
			gap_sync_body_policy: None,
		})?;
	hello.spawn(network.clone(), &task_manager);
	let exchange = exchange.start(
		&config,
		ExchangeParts {
			client: &client,
			engine: &engine,
			keystore: keystore_container.keystore(),
			network: network.clone(),
			sync: &sync_service,
			task_manager: &task_manager,
			params: &ml.exchange,
		},
	)?;

	super::watches::spawn(&client, &backend, keystore_container.keystore(), false, &task_manager);
	super::spawn_offchain_workers(
		&config,
		&OffchainParts {
			client: &client,
			backend: &backend,
			pool: &transaction_pool,
			keystore: keystore_container.keystore(),
			task_manager: &task_manager,
		},
		network.clone(),
		engine.clone(),
	)?;

	super::start_metrics(&config, &client, keystore_container.keystore(), &exchange, &task_manager)?;
	super::start_status(&config, ml, &client, &engine, &sync_service, &task_manager)?;

	if seal != DevSeal::Follow {
		spawn_authoring(&config, seal, &client, &backend, &transaction_pool, &telemetry, &task_manager)?;
	}

	sc_service::spawn_tasks(sc_service::SpawnTasksParams {
		rpc_builder: super::rpc_builder(client.clone(), transaction_pool.clone(), engine, exchange),
		network,
		client,
		keystore: keystore_container.keystore(),
		task_manager: &mut task_manager,
		transaction_pool,
		backend,
		system_rpc_tx,
		tx_handler_controller,
		sync_service,
		config,
		telemetry: telemetry.as_mut(),
		tracing_execute_block: None,
	})?;
	match seal {
		DevSeal::Instant => log::info!("🛠  Development chain: a block for every transaction"),
		DevSeal::Interval(ms) => log::info!("🛠  Development chain: a block every {ms} ms"),
		DevSeal::Follow => log::info!("🛠  Development chain: following the node that seals it"),
	}
	Ok(task_manager)
}

/// Starts to seal blocks.
fn spawn_authoring(
	config: &Configuration,
	seal: DevSeal,
	client: &Arc<Client>,
	backend: &Arc<Backend>,
	transaction_pool: &Arc<Pool>,
	telemetry: &Option<Telemetry>,
	task_manager: &TaskManager,
) -> Result<(), Error> {
	let slot_duration = sc_consensus_aura::slot_duration(&**client)?;
	let para_id = Extensions::try_get(&*config.chain_spec).map_or(PARA_ID, |extensions| extensions.para_id);
	let proposer = sc_basic_authorship::ProposerFactory::new(
		task_manager.spawn_handle(),
		client.clone(),
		transaction_pool.clone(),
		config.prometheus_registry(),
		telemetry.as_ref().map(|telemetry| telemetry.handle()),
	);
	let authoring = sc_consensus_manual_seal::run_manual_seal(ManualSealParams {
		block_import: client.clone(),
		env: proposer,
		client: client.clone(),
		pool: transaction_pool.clone(),
		select_chain: LongestChain::<Backend, Block>::new(backend.clone()),
		commands_stream: seal_commands(seal, transaction_pool.clone()),
		consensus_data_provider: Some(Box::new(AuraConsensusDataProvider::<Block>::new_with_slot_duration(
			slot_duration,
		))),
		create_inherent_data_providers: inherent_data_providers(
			client.clone(),
			para_id.into(),
			slot_duration,
		)?,
	});
	task_manager.spawn_essential_handle().spawn_blocking("dev-seal", None, authoring);
	Ok(())
}

/// The stream of moments at which a block is sealed and finalised.
fn seal_commands(
	seal: DevSeal,
	pool: Arc<impl TransactionPool<Block = Block, Hash = Hash> + 'static>,
) -> Pin<Box<dyn Stream<Item = EngineCommand<Hash>> + Send>> {
	// Whether a block is empty the sealer asks by counting inherent data, of which there is more than there are inherent
	// extrinsics: it would take a single transaction for none.
	let command = || EngineCommand::SealNewBlock {
		create_empty: true,
		finalize: true,
		parent_hash: None,
		sender: None,
	};
	match seal {
		DevSeal::Follow => futures::stream::pending().boxed(),
		DevSeal::Instant => {
			let notifications = pool.import_notification_stream();
			let commands = notifications.filter_map(move |_| {
				let pool = pool.clone();
				async move { has_ready(&*pool).await.then(command) }
			});
			commands.boxed()
		}
		DevSeal::Interval(ms) => {
			let mut ticks = tokio::time::interval(Duration::from_millis(ms));
			// After a pause (a suspended machine, a slow block) go on at the usual pace instead of catching up.
			ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
			futures::stream::unfold(ticks, move |mut ticks| async move {
				ticks.tick().await;
				Some((command(), ticks))
			})
			.boxed()
		}
	}
}

/// Reports whether the pool has something for a block, now or in a moment: it may notify of a transaction before it offers
/// it. If it has nothing, an earlier block took the transaction along.
async fn has_ready(pool: &impl TransactionPool) -> bool {
	let began_at = Instant::now();
	while pool.status().ready == 0 {
		if began_at.elapsed() >= POOL_MAX {
			return false;
		}
		tokio::time::sleep(POOL_MAX / 20).await;
	}
	true
}

/// The pretended relay chain's slot of block 0: by this machine's clock, and never one that would take the chain's time back.
///
/// A clock that was set back since the chain's last block would make every further one be refused, as older than its parent.
fn first_slot_of(client: &Client, slots_per_block: u32) -> Result<u64, Error> {
	let now = SystemTime::now()
		.duration_since(UNIX_EPOCH)
		.map_err(|_| Error::Other("the clock of this machine is before 1970; set it".into()))?;
	let by_clock = (now.as_millis() as u64).saturating_sub(HEAD_START_SECS * 1_000) / RELAY_SLOT_MS;
	let info = client.info();
	let last =
		item::<u64, Backend>(client, info.best_hash, ["Timestamp", "Now"]).flatten().unwrap_or_default();
	let first = going_on(by_clock, last, info.best_number, slots_per_block);
	if first > by_clock {
		log::warn!(
			"🕰  This machine's clock is {} s behind the one that the chain's last block was made by. The chain goes on from \
			that block's time; set the clock right if it was not meant",
			(first - by_clock).saturating_mul(RELAY_SLOT_MS) / 1_000
		);
	}
	Ok(first)
}

/// The later of the first slot by the clock, and that of a chain whose block `number` was made at `last_ms`.
fn going_on(by_clock: u64, last_ms: u64, number: u32, slots_per_block: u32) -> u64 {
	let since = u64::from(number) * u64::from(slots_per_block);
	by_clock.max((last_ms / RELAY_SLOT_MS).saturating_sub(since))
}

/// Storage entry with the limits of the relay chain that is pretended. The mock's own allow two mebibytes of code, Polkadot three.
fn relay_configuration() -> (Vec<u8>, Vec<u8>) {
	let configuration = AbridgedHostConfiguration {
		max_code_size: 3 << 20,
		max_head_data_size: 1 << 20,
		max_upward_queue_count: 8,
		max_upward_queue_size: 1_024,
		max_upward_message_size: 256,
		max_upward_message_num_per_candidate: 5,
		hrmp_max_message_num_per_candidate: 5,
		validation_upgrade_cooldown: 6,
		validation_upgrade_delay: 6,
		async_backing_params: AsyncBackingParams { allowed_ancestry_len: 0, max_candidate_depth: 0 },
	};
	(well_known_keys::ACTIVE_CONFIG.to_vec(), configuration.encode())
}

/// Makes each block's timestamp and the relay chain's data that it would have been built upon.
fn inherent_data_providers(
	client: Arc<Client>,
	para_id: ParaId,
	slot_duration: SlotDuration,
) -> Result<
	impl Fn(
			Hash,
			(),
		) -> future::Ready<
			Result<
				(sp_timestamp::InherentDataProvider, MockValidationDataInherentDataProvider<()>),
				Box<dyn std::error::Error + Send + Sync>,
			>,
		> + Send
		+ Sync,
	Error,
> {
	let relay_blocks_per_para_block = (slot_duration.as_millis() / RELAY_SLOT_MS).max(1) as u32;
	let first_slot = first_slot_of(&client, relay_blocks_per_para_block)?;

	Ok(move |parent: Hash, ()| {
		let provide = || -> Result<_, Box<dyn std::error::Error + Send + Sync>> {
			let header = client.header(parent)?.ok_or("the parent's header is not in the database")?;
			let number = header.number.saturating_add(1);
			let api = client.runtime_api();
			// A pending runtime upgrade is allowed at once; there is no relay chain to wait for.
			let upgrade = api
				.collect_collation_info(parent, &header)
				.is_ok_and(|info| info.new_validation_code.is_some());
			let relay_parent_offset = api.relay_parent_offset(parent).unwrap_or_default();
			let relay_slot = first_slot + u64::from(number) * u64::from(relay_blocks_per_para_block);
			let validation_data = MockValidationDataInherentDataProvider::<()> {
				current_para_block: number,
				para_id,
				current_para_block_head: Some(HeadData(header.encode())),
				relay_blocks_per_para_block,
				relay_offset: (relay_slot as u32)
					.saturating_sub(relay_blocks_per_para_block.saturating_mul(number)),
				relay_parent_offset,
				para_blocks_per_relay_epoch: 10,
				upgrade_go_ahead: upgrade.then_some(UpgradeGoAhead::GoAhead),
				additional_key_values: Some(vec![relay_configuration()]),
				..Default::default()
			};
			let timestamp = sp_timestamp::InherentDataProvider::new((relay_slot * RELAY_SLOT_MS).into());
			Ok((timestamp, validation_data))
		};
		future::ready(provide())
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_chain_goes_on_from_its_last_block_when_the_clock_was_set_back() {
		let at = |slot: u64| slot * RELAY_SLOT_MS;
		assert_eq!(going_on(1_000, 0, 0, 1), 1_000, "a new chain begins by the clock");
		assert_eq!(
			going_on(1_000, at(1_000 + 50), 50, 1),
			1_000,
			"a chain that starts again at once goes on"
		);
		assert_eq!(going_on(1_100, at(1_000 + 50), 50, 1), 1_100, "time has passed");
		assert_eq!(going_on(400, at(1_000 + 50), 50, 1), 1_000, "the clock was set back");
		assert_eq!(going_on(400, at(1_000 + 4 * 50), 50, 4), 1_000);
		// The next block's slot is later than the last one's in any case.
		for by_clock in [0, 999, 1_000, 1_001] {
			assert!(going_on(by_clock, at(1_050), 50, 1) + 51 > 1_050);
		}
	}
}
