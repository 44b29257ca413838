//! Measures nodes and the chain, and ends in one line of JSON.
//!
//! - memory of an idle node;
//! - what 1,000 submissions weigh, by the chain's own weights;
//! - throughput of blobs between two nodes as a share of a plain copy's.

mod chain;
mod exchange;

use clap::{Parser, Subcommand};
use serde_json::json;
use std::path::PathBuf;

/// Measures nodes and the chain.
#[derive(Debug, Parser)]
struct Options {
	#[command(subcommand)]
	what: Measurement,
}

#[derive(Debug, Subcommand)]
enum Measurement {
	/// Memory of an idle node, and the weight of submissions.
	Node {
		/// Directory of the model that the node runs with.
		#[arg(long, default_value = "models/genesis")]
		model: PathBuf,
	},
	/// Blobs between two nodes, as a share of a plain copy.
	Exchange,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
	let options = Options::parse();
	let runtime = tokio::runtime::Runtime::new()?;
	let report = match options.what {
		Measurement::Node { model } => {
			let (memory, submissions) = runtime.block_on(chain::measure(&model));
			json!({ "node": memory, "submissions": submissions })
		}
		Measurement::Exchange => json!({ "exchange": runtime.block_on(exchange::measure()) }),
	};
	println!("{report}");
	Ok(())
}
