//! Arguments of those who pay for answers, and of operators who are paid.

use super::SignerArgs;
use clap::{Args, Subcommand};
use std::{net::SocketAddr, path::PathBuf};

/// Offers of operators.
#[derive(Debug, Subcommand)]
pub enum OfferCommand {
	/// Offer to serve a model for money.
	Make {
		/// Terms.
		#[command(flatten)]
		terms: OfferArgs,
		/// The operator.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Change an offer. Open sessions keep their prices.
	Change {
		/// Number of the offer.
		offer: u32,
		/// Terms.
		#[command(flatten)]
		terms: OfferArgs,
		/// The operator.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Take an offer back. Open sessions may still be settled.
	Withdraw {
		/// Number of the offer.
		offer: u32,
		/// The operator.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// List the offers.
	List {
		/// Only those of this operator: address, key name or //Name.
		#[arg(long, value_name = "ACCOUNT")]
		operator: Option<String>,
	},
}

/// Terms of an offer.
#[derive(Debug, Args)]
pub struct OfferArgs {
	/// Directory of the model that is served (see `blyan model import`).
	#[arg(long, value_name = "DIR")]
	pub model: PathBuf,
	/// Number of the model on the chain, if it is registered there.
	#[arg(long, value_name = "NUMBER")]
	pub chain_model: Option<u32>,
	/// Price of 1,000 tokens that the model reads, in BLY.
	#[arg(long, value_name = "AMOUNT")]
	pub input_price: String,
	/// Price of 1,000 tokens that the model writes, in BLY.
	#[arg(long, value_name = "AMOUNT")]
	pub output_price: String,
	/// Address under which payers reach the gateway, such as https://blyan.example.
	#[arg(long, value_name = "URL")]
	pub endpoint: String,
	/// Answers that are computed at once.
	#[arg(long, value_name = "N", default_value_t = 16)]
	pub capacity: u32,
	/// Most tokens of a prompt and its answer; the model's context if absent.
	#[arg(long, value_name = "TOKENS")]
	pub context: Option<u32>,
	/// File of the key that signs receipts; made if it is missing. In the home directory if absent.
	#[arg(long, value_name = "FILE")]
	pub serving_key: Option<PathBuf>,
}

/// Prepaid sessions.
#[derive(Debug, Subcommand)]
pub enum SessionCommand {
	/// Open a session: put a deposit on hold, of which vouchers pay for each answer.
	Open {
		/// Number of the offer (see `blyan offer list`).
		offer: u32,
		/// Amount put on hold, in BLY.
		#[arg(long, value_name = "AMOUNT")]
		deposit: String,
		/// File of a key that signs the vouchers; one is made in the home directory if absent.
		#[arg(long, value_name = "FILE")]
		voucher_key: Option<PathBuf>,
		/// Account that pays.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Add to the deposit of a session.
	TopUp {
		/// Number of the session.
		session: u64,
		/// Amount added, in BLY.
		amount: String,
		/// Account that pays.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Show a session: what is on hold, promised, charged and settled.
	Status {
		/// Number of the session.
		session: u64,
	},
	/// Begin to close a session. The operator has some blocks left to settle.
	Close {
		/// Number of the session.
		session: u64,
		/// Account that pays.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Return the rest of a closing session to its payer, once the operator's time is over.
	Finish {
		/// Number of the session.
		session: u64,
		/// Account that signs; any can.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// End a session at once, as its operator: what is not settled returns to the payer.
	Release {
		/// Number of the session.
		session: u64,
		/// The operator.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// List the sessions with a record on this machine.
	List {
		/// Look through all sessions of the chain, too, for those whose vouchers a key of this machine signs.
		#[arg(long)]
		all: bool,
	},
	/// Make the record of a session again, from the chain and what the operator has in hand.
	Recover {
		/// Number of the session.
		session: u64,
		/// Most that may have been promised, in BLY, where the operator does not show its voucher.
		#[arg(long, value_name = "AMOUNT")]
		promised_max: Option<String>,
	},
}

/// `connect`.
#[derive(Debug, Args)]
pub struct ConnectArgs {
	/// Number of the session that pays; named again, or with commas, for several operators of one model, of which one takes the place of another.
	#[arg(long, value_name = "NUMBER", required = true, value_delimiter = ',')]
	pub session: Vec<u64>,
	/// Address to listen on; port 0 for any that is free. On an address of the network every machine that can connect spends the deposit.
	#[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9000")]
	pub listen: SocketAddr,
	/// Directory of the model, whose template and tokenizer then compare the text that came, and what was asked for, with the receipt.
	#[arg(long, value_name = "DIR")]
	pub model_dir: Option<PathBuf>,
}

/// Receipts in a file.
#[derive(Debug, Subcommand)]
pub enum ReceiptsCommand {
	/// List the receipts of a file, or of a session.
	List {
		/// File, as `blyan connect` writes it; or the number of a session.
		file: String,
	},
	/// Show one receipt with all its fields.
	Show {
		/// File, or the number of a session.
		file: String,
		/// Beginning of the receipt's name; the newest if absent.
		receipt: Option<String>,
	},
	/// Check signatures, and that each receipt is about the answer beside it. Whether the answer is right: `blyan audit replay`.
	Verify {
		/// File, or the number of a session.
		file: String,
		/// Directory of the model, whose template and tokenizer then tell whether the receipt is about the words and settings that were sent.
		#[arg(long, value_name = "DIR")]
		model: Option<PathBuf>,
	},
	/// Ask other gateways what the model answers, and compare. They see prompt and settings, and must answer free of charge.
	SecondOpinion {
		/// File with the answers, as GET /v1/receipts/ID, blyan chat --save or blyan connect writes it.
		file: PathBuf,
		/// Gateway to ask; may be given several times.
		#[arg(long = "gateway", value_name = "URL", required = true)]
		gateways: Vec<String>,
	},
}

/// Keys that an operator gives to clients of its server.
#[derive(Debug, Subcommand)]
pub enum ApiKeysCommand {
	/// Make a key. It is shown once.
	New {
		/// Label by which the operator knows the client.
		label: String,
		/// Budget.
		#[command(flatten)]
		budget: BudgetArgs,
	},
	/// List the keys, which are known by their hashes.
	List,
	/// Take a key back.
	Revoke {
		/// Identifier of the key (see `list`).
		id: String,
	},
}

/// Budget of an API key; without a limit if nothing is named.
#[derive(Debug, Default, Args)]
pub struct BudgetArgs {
	/// Tokens a day, read and written together.
	#[arg(long, value_name = "TOKENS")]
	pub tokens_per_day: Option<u64>,
	/// Amount a day at the server's prices, in BLY.
	#[arg(long, value_name = "AMOUNT")]
	pub spend_per_day: Option<String>,
	/// Requests an hour.
	#[arg(long, value_name = "N")]
	pub requests_per_hour: Option<u32>,
}

/// Options of `serve` for money.
#[derive(Debug, Default, Args)]
pub struct PaidServeArgs {
	/// Serve sessions of this offer, for money (see `blyan offer make`).
	#[arg(long, value_name = "NUMBER")]
	pub offer: Option<u32>,
	/// File of the key that signs receipts; that of the home directory if absent.
	#[arg(long, value_name = "FILE", requires = "offer")]
	pub serving_key: Option<PathBuf>,
	/// Account that signs settlements, which any can, and defences of challenged answers, which the operator or its proxy of type Operator must.
	#[command(flatten)]
	pub signer: SignerArgs,
	/// Room for answers that were signed for, in bytes or with K, M or G for powers of 1,024. Beyond it the oldest are forgotten and cannot be
	/// defended any more.
	#[arg(long, value_name = "BYTES", default_value = "16G", value_parser = super::serve::parse_bytes, requires = "offer")]
	pub keep: u64,
	/// Directory of a model that was served before, whose answers can still be challenged; may be repeated. Loaded when it is needed.
	#[arg(long, value_name = "DIR", requires = "offer")]
	pub also_defend: Vec<PathBuf>,
	/// Settle a session's newest voucher as soon as so much is served and not settled, in BLY.
	#[arg(long, value_name = "AMOUNT", default_value = "0.1", requires = "offer")]
	pub settle_from: String,
	/// Ask for a key of `blyan keys api` of clients without a session.
	#[arg(long)]
	pub api_keys: bool,
}
