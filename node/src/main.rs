//! The Blyan node: a parachain collator or full node whose operators evaluate experts natively.
//!
//! The node only assembles services. The rules are the runtime's, the tensors are the engine's, and
//! `ml` and `rpc` are the two places where those worlds meet the client.

mod chain_spec;
mod chain_view;
mod cli;
mod command;
mod damage;
mod exchange;
mod hello;
mod metrics;
mod ml;
mod places;
mod process;
mod rpc;
mod service;
mod snapshot;
mod status;

use std::process::ExitCode;

/// Gives back what compiling the runtime took. The C library's allocator keeps it, an arena for every thread: 320 MB more of an
/// idle node.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
	// Otherwise memory goes back only when a thread allocates again.
	#[cfg(target_os = "linux")]
	if let Err(error) = tikv_jemalloc_ctl::background_thread::write(true) {
		eprintln!("Unused memory is given back late: {error}");
	}
	if let Err(error) = damage::explain_bus_errors() {
		eprintln!("A truncated database ends this process without a sentence: {error}");
	}
	match command::run() {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("Error: {error}");
			ExitCode::FAILURE
		}
	}
}
