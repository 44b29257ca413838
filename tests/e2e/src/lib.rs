//! The world of the end-to-end tests: a real node, the real command line, and a client of the chain.
//!
//! Nothing is linked in from the node or the command line; they are found as files, started as
//! processes, and spoken to over sockets, as a user would. The engine is linked in for those who lie: they must know
//! the truth to bend it.

mod chain;
mod command;
mod lie;
mod metrics;
pub mod network;
mod node;
mod open_model;
mod process;
mod world;

pub use chain::{
	account, parameter, wait_until, wait_within, CallCost, Chain, Event, Submission, COMMITMENT_SALT,
};
pub use command::{Command, Finished, Running, REFUSED, WRONG_NETWORK};
pub use lie::Lie;
pub use metrics::{names_in_query, Metrics};
pub use node::{Node, NodeConfig};
pub use open_model::OpenModel;
pub use world::{no_expert, Expert, Files, World, SLOT};

use std::{
	path::{Path, PathBuf},
	sync::OnceLock,
};

/// A binary of this workspace: `$BLYAN_BIN_DIR/name`, or the one built beside the running test.
///
/// # Panics
///
/// If it is not there, with what to do about it.
pub fn binary(name: &str) -> PathBuf {
	let dir = std::env::var_os("BLYAN_BIN_DIR").map(PathBuf::from).unwrap_or_else(|| {
		let test = std::env::current_exe().expect("a running program has a path");
		let dir = test.parent().expect("a program lies in a directory");
		// Tests lie in target/debug/deps, the binaries they start in target/debug.
		match dir.ends_with("deps") {
			true => dir.parent().expect("deps lies in the profile's directory").to_path_buf(),
			false => dir.to_path_buf(),
		}
	});
	let path = dir.join(name);
	assert!(
		path.is_file(),
		"{} is not there: build it first with `cargo build --workspace --all-targets`, or set BLYAN_BIN_DIR",
		path.display()
	);
	path
}

/// The runtime one release ahead, as small as a transaction takes it.
///
/// # Panics
///
/// If the build did not leave it beside the node.
pub fn next_runtime() -> Vec<u8> {
	let node = binary("blyan-node");
	let path = node.with_file_name("wbuild/blyan-next-runtime/blyan_next_runtime.compressed.wasm");
	std::fs::read(&path).unwrap_or_else(|error| {
		panic!("{}: {error}; build it with `cargo build --workspace --all-targets`", path.display())
	})
}

/// The workspace's root directory: the one that holds the lock file, at or above the package that is tested or, outside
/// of a test, the working directory.
///
/// Asked for when it runs: checkouts that share a target directory share binaries, so what a build knows may be another's.
///
/// # Panics
///
/// If there is none.
pub fn workspace() -> &'static Path {
	static ROOT: OnceLock<PathBuf> = OnceLock::new();
	ROOT.get_or_init(|| {
		let here = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
		let here = here.or_else(|| std::env::current_dir().ok()).unwrap_or_default();
		let root = here.ancestors().find(|dir| dir.join("Cargo.lock").is_file());
		root.unwrap_or_else(|| panic!("{} is not in a checkout; go into one", here.display())).to_path_buf()
	})
}

/// The smallest model the chain accepts, so that a whole evaluation takes a second.
pub fn tiny_model() -> PathBuf {
	workspace().join("models/tiny")
}
