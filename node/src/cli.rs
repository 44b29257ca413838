//! Command-line interface.

use crate::chain_spec::{self, Extensions};
use clap::{CommandFactory, FromArgMatches};
use sc_cli::{
	CliConfiguration, DatabasePruningMode, DefaultConfigurationValues, ImportParams, KeystoreParams,
	NetworkParams, RpcEndpoint, SharedParams, SubstrateCli,
};
use sc_service::{
	config::{PrometheusConfig, RpcMethods},
	BasePath, ChainSpec, ChainType, Role,
};
use std::path::PathBuf;

/// Milliseconds between two blocks of a development chain, unless `--dev-block-time` says otherwise.
pub const DEV_BLOCK_TIME_MS: u64 = 3_000;

/// Newest final blocks whose bodies a node keeps, unless it is told otherwise: a week of blocks of six seconds.
///
/// A node that was away catches up from its peers' bodies, so they keep more than any usual absence. States are kept for
/// 256 blocks, the SDK's default: the chain, its off-chain workers and a peer's state sync read newer ones only.
pub const BLOCKS_KEPT: u32 = 7 * 24 * 60 * 10;

/// Most memory that the cache of the chain's state takes, in bytes, unless `--trie-cache-size` says otherwise.
///
/// The SDK's default of 1 GiB lets an idle node grow by 100 kB with every block for weeks, and again for the embedded relay
/// chain node. 64 MiB are full after some 1,000 blocks, and a node with them kept the same pace, 20 blocks a second.
/// `scripts/soak` holds memory flat.
const TRIE_CACHE_BYTES: &str = "67108864";

/// Operators whose keys a development node holds, unless it is told otherwise.
pub const DEV_OPERATORS: [&str; 3] = ["//Alice", "//Bob", "//Charlie"];

/// Commands besides running the node.
#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
	/// Manage keys: generate, inspect, insert, sign.
	#[command(subcommand)]
	Key(sc_cli::KeySubcommand),

	/// Write a chain specification: a built-in one (`dev`, `local`) or a file, plain or raw.
	#[command(alias = "build-spec")]
	ExportChainSpec(ExportChainSpecCmd),

	/// Validate blocks of the database again.
	CheckBlock(sc_cli::CheckBlockCmd),

	/// Export blocks.
	ExportBlocks(sc_cli::ExportBlocksCmd),

	/// Export the state of a block as a chain specification.
	ExportState(sc_cli::ExportStateCmd),

	/// Import blocks.
	ImportBlocks(sc_cli::ImportBlocksCmd),

	/// Revert the chain to a previous state.
	Revert(sc_cli::RevertCmd),

	/// Export, import and verify snapshots of the chain's database.
	#[command(subcommand)]
	Snapshot(crate::snapshot::SnapshotCmd),

	/// Remove the chain's database.
	PurgeChain(cumulus_client_cli::PurgeChainCmd),

	/// Export the genesis head of the parachain, as its registration on a relay chain needs it.
	#[command(alias = "export-genesis-state")]
	ExportGenesisHead(cumulus_client_cli::ExportGenesisHeadCommand),

	/// Export the genesis validation code of the parachain.
	ExportGenesisWasm(cumulus_client_cli::ExportGenesisWasmCommand),

	/// Measure: pallets (for their weights), the overhead of blocks and extrinsics, the machine.
	#[command(subcommand)]
	Benchmark(Box<frame_benchmarking_cli::BenchmarkCmd>),
}

/// Writes a chain specification.
#[derive(Debug, Clone, clap::Parser)]
pub struct ExportChainSpecCmd {
	/// `dev`, `local`, or the path of a chain specification.
	#[arg(long, default_value = "local")]
	pub chain: String,

	/// Write the genesis as raw storage.
	#[arg(long)]
	pub raw: bool,

	/// Directory of the genesis model (its `manifest.json` and blocks) instead of the built-in one.
	#[arg(long, value_name = "DIR")]
	pub genesis_model: Option<PathBuf>,

	/// File to write; standard output if absent.
	#[arg(long)]
	pub output: Option<PathBuf>,
}

/// Options of the machine-learning side.
#[derive(Debug, Clone, clap::Args)]
pub struct MlParams {
	/// Directory of the genesis model (its `manifest.json` and blocks) instead of the built-in one.
	///
	/// Its blobs are imported into the blob store on start. Together with `--dev` the new chain's
	/// genesis also names this model; an existing chain keeps the model of its own genesis.
	#[arg(long, value_name = "DIR")]
	pub genesis_model: Option<PathBuf>,

	/// Threads that evaluate and serve models. Default: one less than the machine has, at least one.
	#[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
	pub engine_threads: Option<u16>,

	/// Most that the blob store may hold, in MiB.
	#[arg(long, value_name = "MiB", default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(1..))]
	pub blob_store_limit: u32,

	/// Most memory that models may take, those in use included, in MiB. Experts not in use make room.
	#[arg(long, value_name = "MiB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
	pub model_memory: u32,

	/// Most that the parts of one model of the second definition may have, in MiB. Evaluating its experts takes about as much
	/// memory; a larger model is not evaluated here.
	#[arg(long, value_name = "MiB", default_value_t = 2_048, value_parser = clap::value_parser!(u32).range(1..))]
	pub open_model_memory: u32,

	/// Most that experts in the form that runs fastest may take on disk, in MiB. With 0 there are none.
	#[arg(long, value_name = "MiB", default_value_t = 1_024)]
	pub packed_cache: u32,

	/// Secret (phrase, seed or `//Name`) of an operator's session key to keep in the keystore under
	/// key type `blya`. May be repeated. A development node without it holds //Alice, //Bob and //Charlie.
	#[arg(long = "operator", value_name = "SURI")]
	pub operators: Vec<String>,

	/// Keep no operator's key on a development node, so that another node evaluates.
	#[arg(long, conflicts_with = "operators")]
	pub no_dev_operators: bool,

	/// The exchange of blobs with other nodes.
	#[command(flatten)]
	pub exchange: crate::exchange::ExchangeParams,

	/// The page of facts.
	#[command(flatten)]
	pub status: crate::status::StatusParams,
}

impl MlParams {
	/// Secrets of the operators whose keys belong into the keystore.
	pub fn operators(&self, is_dev: bool) -> Vec<String> {
		if self.operators.is_empty() && is_dev && !self.no_dev_operators {
			return DEV_OPERATORS.map(String::from).to_vec();
		}
		self.operators.clone()
	}

	/// Threads for the engine on a machine with `cores` cores.
	pub fn engine_threads(&self, cores: usize) -> usize {
		self.engine_threads.map_or_else(|| cores.saturating_sub(1).max(1), usize::from)
	}

	/// Bound of the parts of an open model, in bytes.
	pub fn open_model_bytes(&self) -> u64 {
		u64::from(self.open_model_memory) << 20
	}

	/// Bound of the models in memory, in bytes.
	pub fn model_memory_bytes(&self) -> u64 {
		u64::from(self.model_memory) << 20
	}

	/// Bound of the packed experts on disk, in bytes; `None` if there shall be none.
	pub fn packed_cache_bytes(&self) -> Option<u64> {
		(self.packed_cache != 0).then(|| u64::from(self.packed_cache) << 20)
	}

	/// Bound of the blob store in bytes.
	pub fn blob_store_bytes(&self) -> u64 {
		u64::from(self.blob_store_limit) << 20
	}
}

/// Block production of a development node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DevSeal {
	/// Whenever a transaction arrives.
	Instant,
	/// Every so many milliseconds.
	Interval(u64),
	/// Never: another node seals, and this one follows it.
	Follow,
}

/// The node's command line.
#[derive(Debug, clap::Parser)]
#[command(
	version,
	propagate_version = true,
	args_conflicts_with_subcommands = true,
	subcommand_negates_reqs = true,
	mut_arg("trie_cache_size", |arg| arg.default_value(TRIE_CACHE_BYTES))
)]
pub struct Cli {
	/// A command instead of running the node.
	#[command(subcommand)]
	pub subcommand: Option<Subcommand>,

	/// Options that all parachain nodes share.
	#[command(flatten)]
	pub run: cumulus_client_cli::RunCmd,

	/// Options of the machine-learning side.
	#[command(flatten)]
	pub ml: MlParams,

	/// Run a development chain with a block every so many milliseconds (`--dev` alone: 3000).
	#[arg(long, value_name = "MS", conflicts_with = "instant_seal", value_parser = clap::value_parser!(u64).range(50..))]
	pub dev_block_time: Option<u64>,

	/// Run a development chain with a block for every transaction, as soon as it arrives.
	#[arg(long)]
	pub instant_seal: bool,

	/// Let other nodes follow this development chain. They are started with `--dev-follow --bootnodes ADDRESS`.
	#[arg(long)]
	pub dev_open: bool,

	/// Follow a development chain that another node seals, instead of sealing one.
	#[arg(long, conflicts_with_all = ["instant_seal", "dev_block_time"])]
	pub dev_follow: bool,

	/// Keep every final block and its state, as explorers and auditors of the past need them.
	///
	/// Without it a node keeps the states of the last 256 final blocks and the bodies of the last week's
	/// (a development chain: of all). An archive executes every block from the first on, so it cannot join by `--sync warp`.
	#[arg(long, conflicts_with_all = ["state_pruning", "blocks_pruning"])]
	pub archive: bool,

	/// Measure the machine on start, as a collator should once.
	#[arg(long)]
	pub hardware_benchmarks: bool,

	/// Arguments for the embedded relay chain node, after `--`.
	#[arg(raw = true)]
	pub relay_chain_args: Vec<String>,
}

impl Cli {
	/// Turns `--archive` into the settings that it stands for. Refuses it together with a sync mode that skips blocks.
	pub fn settle_pruning(&mut self) -> Result<(), String> {
		if !self.archive {
			return Ok(());
		}
		if !matches!(self.run.base.network_params.sync, sc_cli::SyncMode::Full) {
			return Err("an archive has every state, so it has to execute every block: \
				leave out --sync, or leave out --archive"
				.into());
		}
		let pruning = &mut self.run.base.import_params.pruning_params;
		pruning.state_pruning = Some(DatabasePruningMode::ArchiveCanonical);
		pruning.blocks_pruning = DatabasePruningMode::ArchiveCanonical;
		Ok(())
	}

	/// Returns how to seal blocks if this is a development node; `None` for a node of a real network.
	pub fn dev_seal(&self, chain_type: ChainType) -> Option<DevSeal> {
		if self.instant_seal {
			return Some(DevSeal::Instant);
		}
		if self.dev_follow {
			return Some(DevSeal::Follow);
		}
		let is_dev = self.run.base.shared_params.is_dev() || chain_type == ChainType::Development;
		match self.dev_block_time {
			Some(ms) => Some(DevSeal::Interval(ms)),
			None => is_dev.then_some(DevSeal::Interval(DEV_BLOCK_TIME_MS)),
		}
	}
}

impl SubstrateCli for Cli {
	fn impl_name() -> String {
		"Blyan Node".into()
	}

	fn impl_version() -> String {
		env!("CARGO_PKG_VERSION").into()
	}

	fn description() -> String {
		"A parachain that hosts, improves and serves an open Mixture-of-Experts language model.\n\n\
		Start with `blyan-node --dev`. Arguments before `--` go to the parachain node, those after it to \
		the embedded relay chain node."
			.into()
	}

	fn author() -> String {
		env!("CARGO_PKG_AUTHORS").into()
	}

	fn support_url() -> String {
		concat!(env!("CARGO_PKG_REPOSITORY"), "/issues").into()
	}

	fn copyright_start_year() -> i32 {
		2026
	}

	fn executable_name() -> String {
		"blyan-node".into()
	}

	fn load_spec(&self, id: &str) -> Result<Box<dyn ChainSpec>, String> {
		Ok(Box::new(chain_spec::load_with_state(id, self.ml.genesis_model.as_deref())?))
	}
}

/// The command line of the embedded relay chain node.
#[derive(Debug)]
pub struct RelayChainCli {
	/// Arguments after `--`.
	pub base: polkadot_cli::RunCmd,
	/// The relay chain that the parachain's specification names.
	chain_id: Option<String>,
	/// Below the parachain's own base path.
	base_path: PathBuf,
}

impl RelayChainCli {
	/// Parses the arguments after `--` for a parachain node of this configuration.
	pub fn new<'a>(
		para_config: &sc_service::Configuration,
		relay_chain_args: impl Iterator<Item = &'a String>,
	) -> Self {
		let help = color_print::cformat!(
			"The arguments that are passed to the relay chain node.\n\n\
			<bold><underline>RELAY_CHAIN_ARGS:</></>\n{{options}}",
		);
		let matches = polkadot_cli::RunCmd::command()
			.mut_arg("trie_cache_size", |arg| arg.default_value(TRIE_CACHE_BYTES))
			.no_binary_name(true)
			.help_template(help)
			.get_matches_from(relay_chain_args);
		let base = polkadot_cli::RunCmd::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
		let chain_id =
			Extensions::try_get(&*para_config.chain_spec).map(|extensions| extensions.relay_chain.clone());
		Self { base, chain_id, base_path: para_config.base_path.path().join("polkadot") }
	}
}

impl SubstrateCli for RelayChainCli {
	fn impl_name() -> String {
		Cli::impl_name()
	}

	fn impl_version() -> String {
		Cli::impl_version()
	}

	fn description() -> String {
		Cli::description()
	}

	fn author() -> String {
		Cli::author()
	}

	fn support_url() -> String {
		Cli::support_url()
	}

	fn copyright_start_year() -> i32 {
		Cli::copyright_start_year()
	}

	fn load_spec(&self, id: &str) -> Result<Box<dyn ChainSpec>, String> {
		polkadot_cli::Cli::from_iter([Self::executable_name()].iter()).load_spec(id)
	}
}

impl DefaultConfigurationValues for RelayChainCli {
	fn p2p_listen_port() -> u16 {
		30334
	}

	fn rpc_listen_port() -> u16 {
		9945
	}

	fn prometheus_listen_port() -> u16 {
		9616
	}
}

impl CliConfiguration<Self> for RelayChainCli {
	fn shared_params(&self) -> &SharedParams {
		self.base.base.shared_params()
	}

	fn import_params(&self) -> Option<&ImportParams> {
		self.base.base.import_params()
	}

	fn network_params(&self) -> Option<&NetworkParams> {
		self.base.base.network_params()
	}

	fn keystore_params(&self) -> Option<&KeystoreParams> {
		self.base.base.keystore_params()
	}

	fn base_path(&self) -> sc_cli::Result<Option<BasePath>> {
		Ok(self.shared_params().base_path()?.or_else(|| Some(self.base_path.clone().into())))
	}

	// RocksDB is not part of this build.
	fn database(&self) -> sc_cli::Result<Option<sc_cli::Database>> {
		Ok(Some(sc_cli::Database::ParityDb))
	}

	fn rpc_addr(&self, default_listen_port: u16) -> sc_cli::Result<Option<Vec<RpcEndpoint>>> {
		self.base.base.rpc_addr(default_listen_port)
	}

	fn prometheus_config(
		&self,
		default_listen_port: u16,
		chain_spec: &Box<dyn ChainSpec>,
	) -> sc_cli::Result<Option<PrometheusConfig>> {
		self.base.base.prometheus_config(default_listen_port, chain_spec)
	}

	fn init<F>(&self, _support_url: &String, _impl_version: &String, _logger_hook: F) -> sc_cli::Result<()>
	where
		F: FnOnce(&mut sc_cli::LoggerBuilder),
	{
		unreachable!("the relay chain's command line is never initialised; qed")
	}

	fn chain_id(&self, is_dev: bool) -> sc_cli::Result<String> {
		let chain_id = self.base.base.chain_id(is_dev)?;
		Ok(if chain_id.is_empty() { self.chain_id.clone().unwrap_or_default() } else { chain_id })
	}

	fn role(&self, is_dev: bool) -> sc_cli::Result<Role> {
		self.base.base.role(is_dev)
	}

	fn transaction_pool(&self, is_dev: bool) -> sc_cli::Result<sc_service::config::TransactionPoolOptions> {
		self.base.base.transaction_pool(is_dev)
	}

	fn trie_cache_maximum_size(&self) -> sc_cli::Result<Option<usize>> {
		self.base.base.trie_cache_maximum_size()
	}

	fn rpc_methods(&self) -> sc_cli::Result<RpcMethods> {
		self.base.base.rpc_methods()
	}

	fn rpc_max_connections(&self) -> sc_cli::Result<u32> {
		self.base.base.rpc_max_connections()
	}

	fn rpc_cors(&self, is_dev: bool) -> sc_cli::Result<Option<Vec<String>>> {
		self.base.base.rpc_cors(is_dev)
	}

	fn default_heap_pages(&self) -> sc_cli::Result<Option<u64>> {
		self.base.base.default_heap_pages()
	}

	fn force_authoring(&self) -> sc_cli::Result<bool> {
		self.base.base.force_authoring()
	}

	fn disable_grandpa(&self) -> sc_cli::Result<bool> {
		self.base.base.disable_grandpa()
	}

	fn max_runtime_instances(&self) -> sc_cli::Result<Option<usize>> {
		self.base.base.max_runtime_instances()
	}

	fn announce_block(&self) -> sc_cli::Result<bool> {
		self.base.base.announce_block()
	}

	fn telemetry_endpoints(
		&self,
		chain_spec: &Box<dyn ChainSpec>,
	) -> sc_cli::Result<Option<sc_telemetry::TelemetryEndpoints>> {
		self.base.base.telemetry_endpoints(chain_spec)
	}

	fn node_name(&self) -> sc_cli::Result<String> {
		self.base.base.node_name()
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use clap::Parser;

	fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
		Cli::try_parse_from(std::iter::once("blyan-node").chain(args.iter().copied()))
	}

	#[test]
	fn dev_seal_follows_the_flags_and_the_chain_type() {
		let seal = |args: &[&str], chain_type| parse(args).expect("valid").dev_seal(chain_type);
		assert_eq!(seal(&["--dev"], ChainType::Development), Some(DevSeal::Interval(3_000)));
		assert_eq!(seal(&["--chain", "x.json"], ChainType::Development), Some(DevSeal::Interval(3_000)));
		assert_eq!(
			seal(&["--dev", "--dev-block-time", "200"], ChainType::Development),
			Some(DevSeal::Interval(200))
		);
		assert_eq!(seal(&["--dev", "--instant-seal"], ChainType::Development), Some(DevSeal::Instant));
		assert_eq!(seal(&["--chain", "local"], ChainType::Local), None);
	}

	#[test]
	fn parsing_refuses_contradictions_and_nonsense() {
		assert!(parse(&["--dev", "--instant-seal", "--dev-block-time", "200"]).is_err());
		assert!(parse(&["--dev", "--dev-block-time", "0"]).is_err());
		assert!(parse(&["--dev", "--engine-threads", "0"]).is_err());
		assert!(parse(&["--dev", "--blob-store-limit", "0"]).is_err());
		assert!(parse(&["--dev", "--operator", "//Dave", "--no-dev-operators"]).is_err());
		assert!(parse(&["--dev", "--status-external"]).is_err(), "there is nothing to open");
	}

	#[test]
	fn archive_keeps_everything_and_refuses_what_would_not() {
		let mut cli = parse(&["--chain", "local", "--archive"]).expect("valid");
		cli.settle_pruning().expect("nothing against it");
		let pruning = &cli.run.base.import_params.pruning_params;
		assert_eq!(pruning.state_pruning, Some(DatabasePruningMode::ArchiveCanonical));
		assert_eq!(pruning.blocks_pruning, DatabasePruningMode::ArchiveCanonical);
		assert!(parse(&["--chain", "local", "--archive", "--state-pruning", "256"]).is_err());
		assert!(parse(&["--chain", "local", "--archive", "--blocks-pruning", "256"]).is_err());
		let mut cli = parse(&["--chain", "local", "--archive", "--sync", "warp"]).expect("parses");
		assert!(cli.settle_pruning().is_err());
	}

	#[test]
	fn operators_default_to_the_well_known_three_on_a_development_node_only() {
		let of = |args: &[&str], is_dev| parse(args).expect("valid").ml.operators(is_dev);
		assert_eq!(of(&["--dev"], true), DEV_OPERATORS);
		assert_eq!(of(&["--chain", "local"], false), Vec::<String>::new());
		assert_eq!(of(&["--dev", "--no-dev-operators"], true), Vec::<String>::new());
		assert_eq!(of(&["--dev", "--operator", "//A", "--operator", "//B"], true), ["//A", "//B"]);
	}

	#[test]
	fn the_state_cache_is_bounded_unless_the_command_line_says_otherwise() {
		let size = |args: &[&str]| parse(args).expect("valid").run.base.import_params.trie_cache_size;
		assert_eq!(size(&["--dev"]), 64 << 20);
		assert_eq!(size(&["--dev", "--trie-cache-size", "1073741824"]), 1 << 30);
	}

	#[test]
	fn engine_threads_leave_one_core_and_never_reach_zero() {
		let ml = |args: &[&str]| parse(args).expect("valid").ml;
		assert_eq!(ml(&["--dev"]).engine_threads(8), 7);
		assert_eq!(ml(&["--dev"]).engine_threads(1), 1);
		assert_eq!(ml(&["--dev", "--engine-threads", "3"]).engine_threads(8), 3);
		assert_eq!(ml(&["--dev", "--blob-store-limit", "2"]).blob_store_bytes(), 2 << 20);
	}

	#[test]
	fn export_chain_spec_reads_its_options() {
		let cli =
			parse(&["export-chain-spec", "--chain", "dev", "--raw", "--output", "x.json"]).expect("valid");
		let Some(Subcommand::ExportChainSpec(cmd)) = cli.subcommand else { panic!("another command") };
		assert_eq!((cmd.chain.as_str(), cmd.raw, cmd.output), ("dev", true, Some("x.json".into())));
	}

	#[test]
	fn relay_chain_arguments_follow_two_dashes() {
		let cli = parse(&["--chain", "local", "--collator", "--", "--chain", "relay.json"]).expect("valid");
		assert!(cli.run.collator);
		assert_eq!(cli.relay_chain_args, ["--chain", "relay.json"]);
	}
}
