//! Writes the raw chain specifications of a network on one machine.

use blyan_e2e::network::ChainSpecs;
use clap::Parser;
use std::path::PathBuf;

/// Writes DIR/relay.json, a relay chain with validators //Charlie and //Dave, and DIR/para.json, which it backs and whose
/// collators are //Alice and //Bob.
#[derive(Parser)]
struct Args {
	/// Where to write them.
	#[arg(long, value_name = "DIR")]
	out: PathBuf,

	/// The parachain's genesis model: a folder with manifest.json, such as models/genesis.
	#[arg(long, value_name = "DIR")]
	model: PathBuf,
}

fn main() {
	let Args { out, model } = Args::parse();
	let ChainSpecs { relay, para } = ChainSpecs::write(&out, &["Charlie", "Dave"], &model);
	println!("{}\n{}", relay.display(), para.display());
}
