//! The command line.

mod accounts;
mod adapter;
mod audit;
mod benchmark;
mod block;
mod dataset;
mod delegation;
mod demo;
mod evolution;
mod governance;
mod holdout;
mod learning;
mod losses;
mod mining;
mod model;
mod operator;
mod paying;
mod serve;
mod tls;
mod training_data;

pub use accounts::{AccountsCommand, AccountsServeArgs};
pub use adapter::{MineOpenArgs, TrainAdapterArgs};
pub use audit::{
	AppealArgs, AuditCommand, ChallengeAnswerArgs, ChallengeArgs, ReplayArgs, ScoreArgs, SourceArgs,
	SpotCheckArgs,
};
pub use benchmark::{
	BenchmarkCommand, BenchmarkCompareArgs, BenchmarkRunArgs, BenchmarkSuiteArgs, SuiteSource,
};
pub use block::{BlockCommand, BlockImportArgs};
pub use dataset::{
	DatasetCommand, DatasetName, DatasetOfferArgs, DatasetOutput, DatasetSources, DatasetVote,
	DatasetVoteArgs, FromCsvArgs, GateArgs, LicenceArgs, OwnDatasetArgs, TableFormat, VoteReason,
};
pub use delegation::{DelegateArgs, DelegationsCommand};
pub use demo::DemoArgs;
pub use evolution::{EvolutionCommand, EvolutionProposeArgs};
pub use governance::{
	EmergencyAction, EmergencyCommand, EmergencyKind, ProposeArgs, ReferendaCommand, Track, Vote, VoteArgs,
};
pub use holdout::{HoldoutCommand, HoldoutKeepArgs};
pub use learning::{
	MineArgs, ReportCopyArgs, SubmitArgs, TrainBaseArgs, TrainCommand, TrainExpertArgs, TrainingArgs,
	UploadArgs, WaitingArgs, WithdrawArgs,
};
pub use losses::LossArgs;
pub use mining::MineRoundsArgs;
pub use model::{
	ChatModel, LocalChatArgs, ModelApplyArgs, ModelCommand, ModelGrowArgs, ModelHoldoutArgs, ModelImportArgs,
	ModelLossesArgs, ModelMeasureArgs, ModelNeedsArgs, ModelRegisterArgs, ModelUpcycleArgs, ModelUsageArgs,
	WeightsArg,
};
pub use operator::{MachineArgs, OperatorCommand, RegisterArgs, SessionKeyArgs};
pub use paying::{
	ApiKeysCommand, BudgetArgs, ConnectArgs, OfferArgs, OfferCommand, PaidServeArgs, ReceiptsCommand,
	SessionCommand,
};
pub use serve::ServeArgs;
pub use tls::TlsServeArgs;
pub use training_data::{
	ChainData, DeclareArgs, ManifestSource, MixName, SignManifestArgs, TrainingData, VerifyManifestArgs,
};

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Trains, submits and uses experts of a model that lives on a chain.
///
/// Start with `blyan demo`: it starts a node and shows the whole loop.
#[derive(Debug, Parser)]
#[command(name = "blyan", version, propagate_version = true)]
pub struct Cli {
	/// Options that every command takes.
	#[command(flatten)]
	pub global: Global,
	/// Command to run.
	#[command(subcommand)]
	pub command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
pub struct Global {
	/// Address of the node.
	#[arg(long, global = true, env = "BLYAN_URL", default_value = "ws://127.0.0.1:9944")]
	pub url: String,

	/// Print JSON, one value a line, and no progress bars.
	#[arg(long, global = true)]
	pub json: bool,

	/// Directory of keys and settings; ~/.local/share/blyan if absent.
	#[arg(long, global = true, env = "BLYAN_HOME", value_name = "DIR")]
	pub home: Option<PathBuf>,

	/// Refuse any network whose genesis hash is another.
	#[arg(long, global = true, value_name = "HASH", value_parser = parse_hash)]
	pub genesis: Option<Hash>,

	/// File whose first line is the key's password; else BLYAN_PASSWORD, else a prompt.
	#[arg(long, global = true, value_name = "FILE")]
	pub password_file: Option<PathBuf>,

	/// Let a new key have an empty password.
	#[arg(long, global = true)]
	pub empty_password: bool,
}

/// A 32-byte hash on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

fn parse_hash(text: &str) -> Result<Hash, String> {
	let mut hash = [0u8; 32];
	hex::decode_to_slice(text.trim_start_matches("0x"), &mut hash)
		.map_err(|_| "a hash is 0x and 64 hexadecimal digits".to_string())?;
	Ok(Hash(hash))
}

/// Bytes on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

fn parse_bytes(text: &str) -> Result<Bytes, String> {
	hex::decode(text.strip_prefix("0x").unwrap_or(text))
		.map(Bytes)
		.map_err(|error| format!("bytes are pairs of hexadecimal digits, such as 0xf09fa680 ({error})"))
}

/// Account that signs.
#[derive(Clone, Debug, Default, Args)]
pub struct SignerArgs {
	/// Name of the key that signs; made when "default" is missing.
	#[arg(long, value_name = "NAME", conflicts_with = "suri")]
	pub key: Option<String>,

	/// Secret that signs, for development: //Alice, a phrase or a 0x seed. Others see it in the process list; - reads it from
	/// the standard input.
	#[arg(long, value_name = "SECRET")]
	pub suri: Option<String>,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
	/// Keys, encrypted at rest in the format of polkadot.js.
	#[command(subcommand)]
	Keys(KeysCommand),

	/// Make datasets, offer them to the network, vote on them, and see what they taught.
	#[command(subcommand)]
	Dataset(DatasetCommand),

	/// Keep test sequences sealed until the chain asks for them, and see who does.
	#[command(subcommand)]
	Holdout(HoldoutCommand),

	/// Look into TensorBlock files, check them, and convert them from and to safetensors.
	#[command(subcommand)]
	Block(BlockCommand),

	/// Import open checkpoints (GGUF, safetensors) as exact integer models, and look into them.
	#[command(subcommand)]
	Model(ModelCommand),

	/// Measure open models with benchmarks, exactly, and compare two of them.
	#[command(subcommand)]
	Benchmark(BenchmarkCommand),

	/// Train without submitting.
	#[command(subcommand)]
	Train(TrainCommand),

	/// Train an expert of the network's model, submit it and follow it to the decision.
	///
	/// The trained block is kept below the home directory before it is submitted. Where an earlier run was
	/// interrupted, its block is submitted or uploaded instead of training another.
	Mine(Box<MineArgs>),

	/// Submit an expert that is trained already (a .tblk file).
	///
	/// The block is kept below the home directory first. The same command again goes on where the first one was
	/// interrupted: a submission that is open on chain is only uploaded.
	Submit(SubmitArgs),

	/// Hand a submitted block's bytes to the node; without an argument, those of every open submission that it lacks.
	Upload(UploadArgs),

	/// Take a submission back before its committee is drawn. The bond returns, the day's quota does not.
	Withdraw(WithdrawArgs),

	/// Prove that a submission is a near copy of an earlier one: it earns nothing, and a share of its bond is yours.
	ReportCopy(ReportCopyArgs),

	/// List a model's experts.
	Experts(ModelArgs),

	/// Show the models.
	Models,

	/// List submissions, or follow one.
	Submissions(SubmissionsArgs),

	/// Check what operators and nodes say, and prove it where it is wrong.
	#[command(subcommand)]
	Audit(AuditCommand),

	/// List the operators.
	Operators,

	/// Become an operator, and what an operator does by hand.
	#[command(subcommand)]
	Operator(OperatorCommand),

	/// Back an operator: share its income, less its commission, and its slashes.
	Delegate(DelegateArgs),

	/// Take backing out. It waits for the unbonding period, and can be slashed until it is withdrawn.
	Undelegate(DelegateArgs),

	/// Backings of operators: who takes them, what one has, and what it earns.
	#[command(subcommand)]
	Delegations(DelegationsCommand),

	/// Look at referenda.
	#[command(subcommand)]
	Referenda(ReferendaCommand),

	/// Propose a referendum: a payment, a parameter, an upgrade, or any call.
	Propose(Box<ProposeArgs>),

	/// Vote in a referendum, as an operator.
	Vote(VoteArgs),

	/// Call an emergency, and support what others propose about it.
	#[command(subcommand)]
	Emergency(EmergencyCommand),

	/// Propose architectures, endorse them, and follow what becomes of them.
	#[command(subcommand)]
	Evolution(EvolutionCommand),

	/// Show an account's balance.
	Balance(BalanceArgs),

	/// Send tokens.
	Transfer(TransferArgs),

	/// Generate text with the model on the chain, or talk to a model on this machine.
	Chat(ChatArgs),

	/// Serve a model on this machine: OpenAI's interface for programs, and a chat page.
	///
	/// Ctrl-C and SIGTERM end it: answers have a few seconds to end, and each leaves a receipt until then.
	Serve(Box<ServeArgs>),

	/// Accounts of people at a server that runs with --accounts.
	#[command(subcommand)]
	Accounts(AccountsCommand),

	/// Offers of operators to serve models for money.
	#[command(subcommand)]
	Offer(OfferCommand),

	/// Prepaid sessions, by which answers are paid.
	#[command(subcommand)]
	Session(SessionCommand),

	/// Pay for the answers that programs on this machine ask for: a local server with OpenAI's interface.
	Connect(ConnectArgs),

	/// Receipts of paid answers.
	#[command(subcommand)]
	Receipts(ReceiptsCommand),

	/// Start a node and watch its chain improve its own model.
	Demo(DemoArgs),

	/// Show the node and its chain: heads, queue, verdicts, terms, and what a miner can expect to earn.
	Status(StatusArgs),

	/// Networks remembered by the address of their node.
	#[command(subcommand)]
	Network(NetworkCommand),
}

/// Commands on keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
	/// Make a key and show the phrase that restores it.
	New {
		/// Name of the key.
		#[arg(default_value = "default")]
		name: String,
		/// The only network the key may sign for: a genesis hash.
		#[arg(long, value_name = "HASH", value_parser = parse_hash)]
		pin: Option<Hash>,
	},
	/// API keys: what an operator gives to clients of its server.
	#[command(subcommand)]
	Api(ApiKeysCommand),
	/// List the keys.
	List,
	/// Show one key.
	Show {
		/// Name of the key.
		#[arg(default_value = "default")]
		name: String,
	},
	/// Import a key from its phrase (asked for, or --phrase) or from a polkadot.js JSON file.
	Import {
		/// Name of the key.
		name: String,
		/// Phrase, 0x seed or //Name. Visible to others in the process list: leave it out to be asked.
		#[arg(long, value_name = "SECRET", conflicts_with = "json_file")]
		phrase: Option<String>,
		/// Key file exported from polkadot.js.
		#[arg(long, value_name = "FILE")]
		json_file: Option<PathBuf>,
	},
}

/// A model by number.
#[derive(Debug, Args)]
pub struct ModelArgs {
	/// The model.
	#[arg(long, default_value_t = 0)]
	pub model: u32,
}

/// `submissions`.
#[derive(Debug, Args)]
pub struct SubmissionsArgs {
	/// Show one, with its reports.
	pub id: Option<u64>,
	/// Follow it to its decision.
	#[arg(long, requires = "id")]
	pub follow: bool,
	/// Number of the latest to list.
	#[arg(long, default_value_t = 20)]
	pub count: u32,
}

/// `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
	/// Whose terms to show: address, key name or //Name; the default key if there is one, else a newcomer.
	pub account: Option<String>,
}

/// `balance`.
#[derive(Debug, Args)]
pub struct BalanceArgs {
	/// Address, key name or //Name; the default key if absent.
	pub account: Option<String>,
}

/// `transfer`.
#[derive(Debug, Args)]
pub struct TransferArgs {
	/// Address, key name or //Name.
	pub to: String,
	/// Amount, in BLY.
	pub amount: String,
	/// Account that pays.
	#[command(flatten)]
	pub signer: SignerArgs,
}

/// `chat`.
#[derive(Clone, Debug, Args)]
pub struct ChatArgs {
	/// Model to ask: its number on the chain, or the directory of one on this machine (see `blyan model import`).
	#[arg(long, default_value = "0", value_name = "NUMBER|DIR")]
	pub model: ChatModel,
	/// Text to continue, or message to answer; absent: a conversation at the terminal.
	#[arg(long, short, conflicts_with = "prompt_hex")]
	pub prompt: Option<String>,
	/// Bytes to continue, as hexadecimal digits, with or without 0x.
	#[arg(long, value_name = "HEX", value_parser = parse_bytes)]
	pub prompt_hex: Option<Bytes>,
	/// Bytes to generate at most.
	#[arg(long, default_value_t = 200)]
	pub max_bytes: u32,
	/// Randomness; 0 takes the most likely byte every time.
	#[arg(long, default_value_t = 0.7)]
	pub temperature: f32,
	/// Share of the probability mass to choose from, 0 to 1.
	#[arg(long, default_value_t = 0.9)]
	pub top_p: f32,
	/// Seed: equal seeds give equal text.
	#[arg(long)]
	pub seed: Option<u64>,
	/// Add each answer to this file with all that it follows from, for `blyan audit replay`.
	#[arg(long, alias = "record", value_name = "FILE")]
	pub save: Option<PathBuf>,
	/// Options of a chat with a model on this machine.
	#[command(flatten)]
	pub local: LocalChatArgs,
	/// Pay an operator for the answers, out of this session (see `blyan session open`).
	#[arg(long, value_name = "NUMBER", conflicts_with_all = ["model", "prompt_hex"])]
	pub session: Option<u64>,
	/// Compute every paid answer again with the model in this directory.
	#[arg(long, value_name = "DIR", requires = "session")]
	pub verify: Option<PathBuf>,
}

/// Commands on remembered networks.
#[derive(Debug, Subcommand)]
pub enum NetworkCommand {
	/// Show the node's network and what is remembered.
	Show,
	/// Remember the node's network: from then on this address must answer with it.
	Pin,
	/// Forget what is remembered for this address.
	Forget,
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::slot::SlotName;
	use clap::CommandFactory;

	fn parse(line: &str) -> Result<Cli, clap::Error> {
		Cli::try_parse_from(std::iter::once("blyan").chain(line.split_whitespace()))
	}

	#[test]
	fn the_definition_is_consistent() {
		Cli::command().debug_assert();
	}

	#[test]
	fn global_options_may_follow_the_command() {
		let cli = parse("transfer //Bob 1.5 --suri //Alice --url ws://x:1 --json").unwrap();
		assert_eq!(cli.global.url, "ws://x:1");
		assert!(cli.global.json);
		let Command::Transfer(args) = cli.command else { panic!("another command") };
		assert_eq!(args.signer.suri.as_deref(), Some("//Alice"));
	}

	#[test]
	fn contradictions_and_nonsense_are_refused() {
		for line in [
			"transfer //Bob 1 --suri //Alice --key default",
			"submissions --follow",
			"chat --prompt-hex 0x1",
			"chat --prompt-hex 00 --prompt a",
			"model measure dir",
			"model measure dir text --positions 0",
			"model needs",
			"model needs config.json --like llama-2-7b",
			"model needs --like llama-2-7b --bandwidth 1000",
			"model needs --like llama-2-7b --bandwidth 0 --multiplies 1",
			"audit challenge",
			"audit challenge 1 --resume 2",
			"audit replay",
			"audit score x.tblk --model-dir m",
			"audit score x.tblk --model-dir m --slot 0.1 --sample 0",
			"audit spot-check --tiles 0",
			"operator register --hardware 0x12",
			"operator register --capabilities telepathy",
			"operator register --region Germany",
			"operator update --no-hardware --capabilities",
			"operator top-up",
			"mine --slot three",
			"mine --submit-anyway",
			"mine --model-dir m --threads 0",
			"upload a.tblk --submission 3",
			"withdraw",
			"balance --genesis 0x12",
			"block export a.tblk",
			"block import a.safetensors",
			"model import a.gguf",
			"model import a.gguf --out m --sequences 4",
			"model upcycle m --out n --experts 8 --top-k 2",
			"model upcycle m --out n --experts 8 --top-k 2 --layers 4..4",
			"model upcycle m --out n --experts 8 --top-k 2 --layers 255",
			"model apply m --out n --layer 3 --expert 5",
			"block verify a.tblk --root 0x12",
			"serve",
			"serve --model m --listen 8000",
			"serve --model m --memory 0",
			"serve --model m --max-requests 0",
			"serve --model m --max-requests-per-client 0",
			"dataset create a.jsonl",
			"dataset create --out d",
			"dataset create a --out d --limit many",
			"dataset create a --out d --gate-quality 700",
			"dataset check d --gate --gate-toxicity 0",
			"dataset check",
			"dataset from-files",
			"dataset from-files a.txt",
			"dataset from-jsonl --licence MIT",
			"dataset offer",
			"dataset vote 7",
			"dataset vote 7 no",
			"dataset vote 7 yes --stars 6",
			"dataset status x",
			"dataset lineage",
			"dataset lineage 7 --submission 3",
			"dataset from-csv a.csv",
			"dataset from-csv a.csv -o b.jsonl --format poem",
			"dataset from-crates --buckets 5",
			"dataset from-crates --buckets 9..9",
			"dataset from-crates --buckets 0..257",
			"keys import a --phrase x --json-file y",
			"",
		] {
			assert!(parse(line).is_err(), "{line}");
		}
	}

	#[test]
	fn payments_that_say_too_little_are_refused() {
		for line in [
			"offer make --model m --input-price 1 --output-price 2",
			"session open 3",
			"session top-up 3",
			"connect",
			"receipts verify",
			"chat --verify m",
			"chat --session 3 --model m",
			"serve --model m --serving-key k",
			"keys api new",
			"keys api revoke",
		] {
			assert!(parse(line).is_err(), "{line}");
		}
	}

	#[test]
	fn votes_and_proposals_that_say_too_little_are_refused() {
		for line in [
			"propose",
			"propose --spend 5",
			"propose --spend 5 --to //Bob --upgrade x.wasm",
			"propose --call 0x0000",
			"propose --set-parameter a --whitelisted",
			"vote 3",
			"vote 3 maybe",
			"emergency propose --kind breach pause",
			"emergency propose --kind fire --why x pause",
			"emergency propose --kind economic-attack --why x lower-rewards 101",
			"emergency propose --kind economic-attack --why x freeze",
			"evolution propose d --base 0 --recipe r --description t",
			"evolution propose d --base 0 --kind sideways --recipe r --description t",
			"evolution endorse",
			"evolution deliver",
			"evolution tokenizer 0",
			"evolution record",
			"evolution record 0 --call",
			"evolution offer-gpus --gpus 8 --hours 100",
			"evolution reserve 24",
			"evolution confirm //Alice",
		] {
			assert!(parse(line).is_err(), "{line}");
		}
	}

	#[test]
	fn a_dataset_is_made_of_any_number_of_paths() {
		let line = "dataset create a.jsonl b --licence MIT --text-field body --out d --limit 5";
		let Command::Dataset(DatasetCommand::Create { sources, out }) = parse(line).unwrap().command else {
			panic!("another command")
		};
		assert_eq!((sources.paths.len(), sources.limit, out), (2, Some(5), "d".into()));
		assert_eq!(sources.text_field.as_deref(), Some("body"));
		assert!(parse("dataset check d").is_ok());
		assert!(parse("dataset check d --gate --gate-quality 700 --languages en,de --memory 64").is_ok());
	}

	#[test]
	fn slots_are_read_in_both_notations() {
		let Command::Mine(args) = parse("mine --slot layer3.expert5 --minutes 0.5").unwrap().command else {
			panic!("another command")
		};
		assert_eq!(args.slot, Some(SlotName { layer: 3, expert: 5 }));
		assert_eq!(args.training.minutes, Some(0.5));
		assert!(
			parse("mine --model 1 --model-dir m --guard a b --limit 4 --submit-anyway --threads 2").is_ok()
		);
	}

	#[test]
	fn layers_are_a_range_without_its_end_or_a_single_one() {
		for (layers, expected) in [("26..30", 26..30), ("0..1", 0..1), ("29", 29..30)] {
			let line = format!("model upcycle m --out n --experts 8 --top-k 2 --layers {layers}");
			let Command::Model(ModelCommand::Upcycle(args)) = parse(&line).unwrap().command else {
				panic!("another command")
			};
			assert_eq!(args.layers, expected);
		}
	}

	#[test]
	fn a_chat_is_with_a_number_on_the_chain_or_a_directory() {
		for (line, expected) in [
			("chat", ChatModel::Chain(0)),
			("chat --model 7", ChatModel::Chain(7)),
			("chat --model smollm2 --stop a --stop b", ChatModel::Directory("smollm2".into())),
			("chat --model ./7", ChatModel::Directory("./7".into())),
		] {
			let Command::Chat(args) = parse(line).unwrap().command else { panic!("another command") };
			assert_eq!(args.model, expected, "{line}");
		}
	}

	#[test]
	fn a_prompt_is_text_whatever_it_begins_with() {
		let Command::Chat(args) = parse("chat --prompt 0xdeadbeef").unwrap().command else {
			panic!("another command")
		};
		assert_eq!((args.prompt.as_deref(), args.prompt_hex), (Some("0xdeadbeef"), None));
		let Command::Chat(args) = parse("chat --prompt-hex 0xf09fa6").unwrap().command else {
			panic!("another command")
		};
		assert_eq!(args.prompt_hex, Some(Bytes(vec![0xf0, 0x9f, 0xa6])));
	}
}
