//! From the command line to a running node, or to one of the other commands.

use crate::{
	chain_spec,
	cli::{Cli, RelayChainCli, Subcommand, BLOCKS_KEPT},
	process::Process,
	service::{self, Block, HostFunctions},
	snapshot::SnapshotCmd,
};
use clap::{parser::ValueSource, CommandFactory, FromArgMatches};
use frame_benchmarking_cli::{BenchmarkCmd, SUBSTRATE_REFERENCE_HARDWARE};
use sc_cli::{Database, LoggerBuilder, OffchainWorkerEnabled, Result, SubstrateCli};
use sc_service::{BlocksPruning, ChainType, Configuration};
use sp_runtime::traits::HashingFor;
use std::io::Write;

/// Runs what the command line asks for.
pub fn run() -> Result<()> {
	let matches = Cli::setup_command(Cli::command()).get_matches();
	let mut cli = Cli::from_arg_matches(&matches).map_err(sc_cli::Error::Cli)?;
	let Some(subcommand) = cli.subcommand.take() else {
		let chooses_blocks = matches.value_source("blocks_pruning") == Some(ValueSource::CommandLine);
		return run_node(cli, chooses_blocks);
	};
	match subcommand {
		Subcommand::Key(cmd) => Ok(cmd.run(&cli)?),
		Subcommand::ExportChainSpec(cmd) => {
			let load = if cmd.raw { chain_spec::load_with_state } else { chain_spec::load };
			let spec = load(&cmd.chain, cmd.genesis_model.as_deref())?;
			let json = sc_service::chain_ops::build_spec(&spec, cmd.raw)?;
			match cmd.output {
				Some(path) => Ok(std::fs::write(path, json)?),
				None => Ok(std::io::stdout().write_all(json.as_bytes())?),
			}
		}
		Subcommand::CheckBlock(mut cmd) => {
			paritydb_only(&mut cmd.import_params.database_params.database)?;
			cli.create_runner(&cmd)?.async_run(|config| {
				let partial = service::new_partial(&config)?;
				Ok((cmd.run(partial.client, partial.import_queue), partial.task_manager))
			})
		}
		Subcommand::ExportBlocks(mut cmd) => {
			paritydb_only(&mut cmd.database_params.database)?;
			cli.create_runner(&cmd)?.async_run(|config| {
				let partial = service::new_partial(&config)?;
				Ok((cmd.run(partial.client, config.database), partial.task_manager))
			})
		}
		Subcommand::ExportState(mut cmd) => {
			paritydb_only(&mut cmd.database_params.database)?;
			cli.create_runner(&cmd)?.async_run(|config| {
				let partial = service::new_partial(&config)?;
				Ok((cmd.run(partial.client, config.chain_spec), partial.task_manager))
			})
		}
		Subcommand::ImportBlocks(mut cmd) => {
			paritydb_only(&mut cmd.import_params.database_params.database)?;
			cli.create_runner(&cmd)?.async_run(|config| {
				let partial = service::new_partial(&config)?;
				Ok((cmd.run(partial.client, partial.import_queue), partial.task_manager))
			})
		}
		Subcommand::Revert(cmd) => cli.create_runner(&cmd)?.async_run(|config| {
			let partial = service::new_partial(&paritydb(config))?;
			Ok((cmd.run(partial.client, partial.backend, None), partial.task_manager))
		}),
		Subcommand::Snapshot(SnapshotCmd::Export(cmd)) => {
			cli.ml.genesis_model = cmd.genesis_model.clone();
			cli.create_runner(&cmd)?.sync_run(|config| Ok(cmd.run(&paritydb(config))?))
		}
		Subcommand::Snapshot(SnapshotCmd::Import(cmd)) => {
			cli.ml.genesis_model = cmd.genesis_model.clone();
			cli.create_runner(&cmd)?.sync_run(|config| Ok(cmd.run(&paritydb(config))?))
		}
		Subcommand::Snapshot(SnapshotCmd::Verify(cmd)) => Ok(cmd.run()?),
		Subcommand::PurgeChain(mut cmd) => {
			paritydb_only(&mut cmd.base.database_params.database)?;
			let runner = cli.create_runner(&cmd)?;
			let is_dev = runner.config().chain_spec.chain_type() == ChainType::Development;
			if is_dev || (cmd.parachain && !cmd.relaychain) {
				return runner.sync_run(|config| cmd.base.run(config.database));
			}
			let relay_cli = RelayChainCli::new(runner.config(), cli.relay_chain_args.iter());
			runner.sync_run(|config| {
				let relay_config = relay_configuration(&relay_cli, &config)?;
				cmd.run(config, relay_config)
			})
		}
		Subcommand::ExportGenesisHead(cmd) => cli.create_runner(&cmd)?.sync_run(|config| {
			let partial = service::new_partial(&paritydb(config))?;
			cmd.run(partial.client)
		}),
		Subcommand::ExportGenesisWasm(cmd) => cli.create_runner(&cmd)?.sync_run(|_| {
			let spec = cli.load_spec(&cmd.shared_params.chain.clone().unwrap_or_default())?;
			cmd.run(&*spec)
		}),
		Subcommand::Benchmark(cmd) => benchmark(&cli, *cmd),
	}
}

/// Runs the node until a signal stops it. `chooses_blocks`: whether the command line says which blocks to keep.
fn run_node(mut cli: Cli, chooses_blocks: bool) -> Result<()> {
	cli.settle_pruning()?;
	paritydb_only(&mut cli.run.base.import_params.database_params.database)?;
	// Every node may hold an operator's key, and an operator works in its off-chain worker.
	let offchain = &mut cli.run.base.offchain_worker_params.enabled;
	if matches!(offchain, OffchainWorkerEnabled::WhenAuthority) {
		*offchain = OffchainWorkerEnabled::Always;
	}
	// The dev chain's sealer reports every block at length, and the import is reported anyway.
	cli.run.base.shared_params.log.insert(0, "sc_consensus_manual_seal::rpc=warn".into());
	let process = Process::new(&cli, &cli.run.normalize())?;
	let collator_options = cli.run.collator_options();
	process.run(|mut config| async move {
		let is_dev = config.chain_spec.chain_type() == ChainType::Development;
		if !chooses_blocks && !cli.archive && !is_dev {
			config.blocks_pruning = BlocksPruning::Some(BLOCKS_KEPT);
		}
		let dev_seal = cli.dev_seal(config.chain_spec.chain_type());
		if let Some(seal) = dev_seal {
			return service::dev::start(config, seal, cli.dev_open, &cli.ml).map_err(Into::into);
		}
		let hardware = cli
			.hardware_benchmarks
			.then(|| {
				config.database.path().map(|path| {
					// Only the disk's figure is missing if the folder cannot be made.
					let _ = std::fs::create_dir_all(path);
					sc_sysinfo::gather_hwbench(Some(path), &SUBSTRATE_REFERENCE_HARDWARE)
				})
			})
			.flatten();
		let relay_cli = RelayChainCli::new(&config, cli.relay_chain_args.iter());
		let relay_config = relay_configuration(&relay_cli, &config)?;
		service::parachain::start(config, relay_config, collator_options, hardware, &cli)
			.await
			.map_err(Into::into)
	})
}

/// Measurements. Pallets are measured in any runtime built for it (`--runtime x.wasm`), so the node needs no
/// feature for that.
fn benchmark(cli: &Cli, cmd: BenchmarkCmd) -> Result<()> {
	match cmd {
		BenchmarkCmd::Pallet(cmd) => {
			// It takes long: the log says which benchmark it is at.
			LoggerBuilder::new(cmd.shared_params.log_filters().join(",")).init()?;
			let spec = cmd.shared_params.chain.as_ref().map(|chain| cli.load_spec(chain)).transpose()?;
			cmd.run_with_spec::<HashingFor<Block>, HostFunctions>(spec)
		}
		BenchmarkCmd::Overhead(cmd) => {
			let spec = cmd.shared_params.chain.as_ref().map(|chain| cli.load_spec(chain)).transpose()?;
			cmd.run_with_default_builder_and_spec::<Block, HostFunctions>(spec)
		}
		BenchmarkCmd::Block(cmd) => cli.create_runner(&cmd)?.sync_run(|config| {
			let partial = service::new_partial(&paritydb(config))?;
			cmd.run(partial.client)
		}),
		BenchmarkCmd::Machine(cmd) => {
			cli.create_runner(&cmd)?.sync_run(|config| cmd.run(&config, SUBSTRATE_REFERENCE_HARDWARE.clone()))
		}
		_ => {
			Err("this benchmark is not available here; `pallet`, `overhead`, `block` and `machine` are"
				.into())
		}
	}
}

/// The embedded relay chain node's configuration.
fn relay_configuration(relay_cli: &RelayChainCli, config: &Configuration) -> Result<Configuration> {
	SubstrateCli::create_configuration(relay_cli, relay_cli, config.tokio_handle.clone())
		.map_err(|error| format!("Relay chain arguments (after `--`): {error}").into())
}

/// Chooses ParityDB, and refuses RocksDB, which is no part of this build.
fn paritydb_only(database: &mut Option<Database>) -> Result<()> {
	if matches!(database, Some(Database::RocksDb)) {
		return Err(
			"this node is built without RocksDB; leave `--database` out, or say `--database paritydb`".into(),
		);
	}
	*database = Some(Database::ParityDb);
	Ok(())
}

/// The same, for commands that offer no choice of database.
fn paritydb(mut config: Configuration) -> Configuration {
	let path = config.base_path.config_dir(config.chain_spec.id()).join("paritydb").join("full");
	config.database = sc_service::DatabaseSource::ParityDb { path };
	config
}
