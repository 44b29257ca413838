//! Command-line arguments of the blob exchange.

/// When a node fetches blobs before its engine asks for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Prefetch {
	/// If it holds an operator's key.
	#[default]
	Operators,
	/// Always.
	Always,
	/// Never: only what the engine asks for.
	Never,
}

/// Options of the exchange of blobs.
#[derive(Clone, Debug, clap::Args)]
pub struct ExchangeParams {
	/// Most that this node sends to others of its blobs, in KiB a second. Default: no limit.
	#[arg(long, value_name = "KiB/s", value_parser = clap::value_parser!(u64).range(1..))]
	pub blob_upload_rate: Option<u64>,

	/// Pieces of blobs that this node sends at once, to all others together.
	#[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
	pub blob_upload_slots: u16,

	/// Pieces of blobs that this node sends at once to one other.
	#[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=1024))]
	pub blob_upload_slots_per_peer: u16,

	/// When to fetch the blobs of models and open submissions before the engine needs them.
	#[arg(long, value_name = "WHEN", value_enum, default_value_t = Prefetch::Operators)]
	pub blob_prefetch: Prefetch,
}
