//! Where a process runs: which address it has, and which ports.

use std::{
	net::{Ipv4Addr, TcpListener},
	path::Path,
	process::Command,
	sync::atomic::{AtomicU16, Ordering},
};

/// A place for one process, kept over its restarts.
#[derive(Clone, Debug)]
pub struct Place {
	/// The address under which the others, and the test, reach it.
	pub address: Ipv4Addr,
	/// The network namespace it runs in; `None` for the test's own.
	pub namespace: Option<String>,
	/// Ports of its own.
	pub ports: Ports,
}

/// Ports of one process. A validator needs only the first two.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
	/// Peers of the process's own chain.
	pub peers: u16,
	/// JSON-RPC.
	pub rpc: u16,
	/// Peers of the relay chain node inside a parachain node.
	pub relay_peers: u16,
	/// JSON-RPC of the relay chain node inside a parachain node.
	pub relay_rpc: u16,
}

impl Place {
	/// On the loopback interface, at free ports.
	pub fn on_loopback() -> Self {
		Self {
			address: Ipv4Addr::LOCALHOST,
			namespace: None,
			ports: Ports {
				peers: free_port(),
				rpc: free_port(),
				relay_peers: free_port(),
				relay_rpc: free_port(),
			},
		}
	}

	/// In a network namespace that is reached at `address`, at the usual ports.
	pub fn in_namespace(namespace: &str, address: Ipv4Addr) -> Self {
		Self {
			address,
			namespace: Some(namespace.to_string()),
			ports: Ports { peers: 30333, rpc: 9944, relay_peers: 30334, relay_rpc: 9945 },
		}
	}

	/// A command for `program` at this place. The process that it starts is the program itself.
	pub fn command(&self, program: &Path) -> Command {
		match &self.namespace {
			None => Command::new(program),
			Some(namespace) => {
				let mut command = Command::new("ip");
				command.args(["netns", "exec", namespace]).arg(program);
				command
			}
		}
	}
}

/// Returns a free port, never the same twice.
///
/// It lies below those that outgoing connections get, so that it is still free when its process starts again.
fn free_port() -> u16 {
	const FIRST: u16 = 12_000;
	const COUNT: u16 = 20_000;
	static TAKEN: AtomicU16 = AtomicU16::new(0);
	// Tests in other processes begin elsewhere.
	let start = (std::process::id() % 199) as u16 * 100;
	(0..COUNT)
		.map(|_| FIRST + (start + TAKEN.fetch_add(1, Ordering::Relaxed)) % COUNT)
		.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
		.expect("the loopback interface has a free port")
}
