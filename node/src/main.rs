//! The Blyan node: a parachain collator or full node whose operators evaluate experts natively.
//!
//! The node only assembles services. The rules are the runtime's, the tensors are the engine's, and
//! `ml` and `rpc` are the two places where those worlds meet the client.

mod chain_spec;
mod cli;
mod command;
mod exchange;
mod hello;
mod metrics;
mod ml;
mod rpc;
mod service;
mod snapshot;

use std::process::ExitCode;

fn main() -> ExitCode {
	match command::run() {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("Error: {error}");
			ExitCode::FAILURE
		}
	}
}
