//! A whole network on one machine: a relay chain's validators, and the parachain's collators and operators, each a
//! process with its own folder, keys and ports.
//!
//! Nothing here waits for a time: what is started is ready when both chains finalise.

mod identity;
mod member;
mod place;
mod spec;
#[cfg(target_os = "linux")]
mod wire;

pub use identity::Identity;
pub use member::{Member, Progress, Role};
pub use place::{Place, Ports};
pub use spec::ChainSpecs;
#[cfg(target_os = "linux")]
pub use wire::{Link, Traffic, Wire};

use crate::{binary, tiny_model, Chain};
use std::{
	path::{Path, PathBuf},
	time::{Duration, Instant},
};

/// Time within which a network's parachain must finalise, on a busy machine with two cores.
const START_TIMEOUT: Duration = Duration::from_secs(900);
/// Time limit of anything on the parachain: its blocks come every six seconds and are final some blocks later.
const CHAIN_TIMEOUT: Duration = Duration::from_secs(420);
/// Interval at which the members are asked for their progress.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Validators' names; their keys come from the development phrase.
const VALIDATORS: [&str; 4] = ["Alice", "Bob", "Charlie", "Dave"];
/// Collators' names, which are those of the `local` chain's genesis.
const COLLATORS: [&str; 2] = ["Alice", "Bob"];
/// Operators' names, which are those of the `local` chain's genesis.
const OPERATORS: [&str; 3] = ["Alice", "Bob", "Charlie"];

/// Configuration of a network.
pub struct NetworkConfig {
	/// Where all folders are.
	pub dir: PathBuf,
	/// Directory of the genesis model.
	pub model: PathBuf,
	/// Validators, from two to four. Two tolerate the loss of none, four of one.
	pub validators: usize,
	/// Collators, up to two.
	pub collators: usize,
	/// Operators, up to three. Each holds one operator's key.
	pub operators: usize,
	/// Where the next member runs; it is asked once for each, with its name.
	pub place: Box<dyn FnMut(&str) -> Place + Send>,
}

impl NetworkConfig {
	/// Two validators, two collators and three operators with the tiny model on the loopback interface.
	pub fn new(dir: &Path) -> Self {
		Self {
			dir: dir.to_path_buf(),
			model: tiny_model(),
			validators: 2,
			collators: COLLATORS.len(),
			operators: OPERATORS.len(),
			place: Box::new(|_| Place::on_loopback()),
		}
	}

	/// Starts all members. Returns at once; see [`Network::wait_until_it_runs`].
	///
	/// # Panics
	///
	/// If a number is out of its range or something cannot be started.
	pub fn start(mut self) -> Network {
		assert!((2..=VALIDATORS.len()).contains(&self.validators), "a network has two to four validators");
		let validators = &VALIDATORS[..self.validators];
		let specs = ChainSpecs::write(&self.dir.join("specs"), validators, &self.model);

		let mut seats = Vec::new();
		let mut seat = |role, prefix: &str, name: &'static str| {
			let member = format!("{prefix}-{}", name.to_lowercase());
			// Of the two, parachain nodes are somebody on both networks.
			let number = 2 * seats.len() as u8 + 1;
			let place = (self.place)(&member);
			seats.push(Seat {
				role,
				name,
				member,
				place,
				identity: Identity::new(number),
				relay_identity: Identity::new(number + 1),
			});
		};
		validators.iter().for_each(|name| seat(Role::Validator, "validator", name));
		COLLATORS[..self.collators].iter().for_each(|name| seat(Role::Collator, "collator", name));
		OPERATORS[..self.operators].iter().for_each(|name| seat(Role::Operator, "operator", name));

		let is_validator = |seat: &&Seat| seat.role == Role::Validator;
		let is_collator = |seat: &&Seat| seat.role == Role::Collator;
		let relay_boot: Vec<String> = seats.iter().filter(is_validator).map(Seat::address).collect();
		let para_boot: Vec<String> = seats.iter().filter(is_collator).map(Seat::address).collect();
		let members: Vec<Member> = seats
			.iter()
			.map(|seat| match seat.role {
				Role::Validator => seat.validator(&self.dir, &specs, &relay_boot),
				_ => seat.parachain_node(&self.dir, &specs, &self.model, &relay_boot, &para_boot, &[]),
			})
			.collect();
		members.iter().for_each(Member::start);
		Network { members, specs, dir: self.dir, model: self.model, relay_boot, para_boot }
	}
}

/// A member before it is one.
struct Seat {
	role: Role,
	name: &'static str,
	member: String,
	place: Place,
	identity: Identity,
	relay_identity: Identity,
}

impl Seat {
	/// Where peers of its own chain find it.
	fn address(&self) -> String {
		let Place { address, ports, .. } = &self.place;
		format!("/ip4/{address}/tcp/{}/p2p/{}", ports.peers, self.identity.peer_id())
	}

	/// Arguments that both kinds of node take, for one of their chains.
	fn common(&self, spec: &Path, base: &Path, peers: u16, rpc: u16, identity: Identity) -> Vec<String> {
		let address = self.place.address;
		let mut args: Vec<String> = [
			"--chain",
			&text(spec),
			"--base-path",
			&text(base),
			"--node-key",
			&identity.node_key(),
			"--listen-addr",
			&format!("/ip4/{address}/tcp/{peers}"),
			"--public-addr",
			&format!("/ip4/{address}/tcp/{peers}"),
			"--rpc-port",
			&rpc.to_string(),
			"--no-mdns",
			"--no-prometheus",
			"--no-telemetry",
		]
		.map(String::from)
		.to_vec();
		if self.place.namespace.is_some() {
			// The test is another machine. Nobody else can reach that network.
			args.extend(
				["--unsafe-rpc-external", "--rpc-methods", "unsafe", "--rpc-cors", "all"].map(String::from),
			);
		}
		args
	}

	fn validator(&self, dir: &Path, specs: &ChainSpecs, boot: &[String]) -> Member {
		let program = binary("polkadot");
		let workers = program.parent().expect("a program lies in a folder").to_path_buf();
		let base = dir.join(&self.member).join("data");
		let Place { ports, .. } = &self.place;
		let mut args = self.common(&specs.relay, &base, ports.peers, ports.rpc, self.identity);
		args.extend(flags(&[
			&format!("--{}", self.name.to_lowercase()),
			"--validator",
			"--insecure-validator-i-know-what-i-do",
			"--database",
			"paritydb",
			"--no-hardware-benchmarks",
			"--workers-path",
			&text(&workers),
		]));
		args.extend(bootnodes(boot, &self.identity));
		Member::new(&self.member, self.role, self.place.clone(), program, dir, args)
	}

	fn parachain_node(
		&self,
		dir: &Path,
		specs: &ChainSpecs,
		model: &Path,
		relay_boot: &[String],
		para_boot: &[String],
		sync: &[&str],
	) -> Member {
		let base = dir.join(&self.member).join("data");
		let Place { ports, .. } = &self.place;
		let mut args = self.common(&specs.para, &base, ports.peers, ports.rpc, self.identity);
		args.extend(flags(&["--genesis-model", &text(model), "--engine-threads", "1"]));
		match self.role {
			Role::Collator => {
				args.extend(flags(&["--collator", &format!("--{}", self.name.to_lowercase())]));
			}
			_ => args.extend(flags(&["--operator", &format!("//{}", self.name), "--name", &self.member])),
		}
		args.extend(bootnodes(para_boot, &self.identity));
		args.extend(flags(sync));
		args.push("--".into());
		args.extend(self.common(
			&specs.relay,
			&base.join("relay"),
			ports.relay_peers,
			ports.relay_rpc,
			self.relay_identity,
		));
		args.push("--no-hardware-benchmarks".into());
		args.extend(bootnodes(relay_boot, &self.relay_identity));
		args.extend(flags(sync));
		Member::new(&self.member, self.role, self.place.clone(), binary("blyan-node"), dir, args)
	}
}

/// Bootnodes other than oneself, as arguments.
fn bootnodes(addresses: &[String], own: &Identity) -> Vec<String> {
	let own = own.peer_id();
	let others: Vec<String> = addresses.iter().filter(|address| !address.ends_with(&own)).cloned().collect();
	match others.is_empty() {
		true => Vec::new(),
		false => [vec!["--bootnodes".to_string()], others].concat(),
	}
}

fn flags(args: &[&str]) -> Vec<String> {
	args.iter().map(|arg| arg.to_string()).collect()
}

fn text(path: &Path) -> String {
	path.to_str().expect("temporary paths are UTF-8").to_string()
}

/// A running network. Dropping it kills all members.
pub struct Network {
	members: Vec<Member>,
	specs: ChainSpecs,
	dir: PathBuf,
	model: PathBuf,
	relay_boot: Vec<String>,
	para_boot: Vec<String>,
}

impl Network {
	/// All members: validators first, then collators, then operators.
	pub fn members(&self) -> &[Member] {
		&self.members
	}

	/// The members of one role.
	pub fn of(&self, role: Role) -> Vec<&Member> {
		self.members.iter().filter(|member| member.role() == role).collect()
	}

	/// The member of that name, as in `collator-bob`.
	///
	/// # Panics
	///
	/// If there is none.
	pub fn member(&self, name: &str) -> &Member {
		let found = self.members.iter().find(|member| member.name() == name);
		found.unwrap_or_else(|| panic!("the network has no {name}"))
	}

	/// Starts one more operator's node on the loopback interface, which joins both chains by warp sync. It belongs to
	/// the caller that asked for it and not to [`Network::members`].
	pub fn join_by_warp_sync(&self, name: &'static str) -> Member {
		// Beyond every number that a first member can have.
		let number = 2 * (VALIDATORS.len() + COLLATORS.len() + OPERATORS.len()) as u8 + 1;
		let seat = Seat {
			role: Role::Operator,
			name,
			member: format!("operator-{}", name.to_lowercase()),
			place: Place::on_loopback(),
			identity: Identity::new(number),
			relay_identity: Identity::new(number + 1),
		};
		let sync = ["--sync", "warp"];
		let member = seat.parachain_node(
			&self.dir,
			&self.specs,
			&self.model,
			&self.relay_boot,
			&self.para_boot,
			&sync,
		);
		member.start();
		member
	}

	/// The specifications of its chains.
	pub fn specs(&self) -> &ChainSpecs {
		&self.specs
	}

	/// Where its folders are.
	pub fn dir(&self) -> &Path {
		&self.dir
	}

	/// Waits until every parachain node has seen block `number` of the parachain finalised.
	///
	/// # Panics
	///
	/// If that takes too long, or a member ends in the meantime.
	pub async fn wait_for_finalised(&self, number: u64, within: Duration) {
		let began_at = Instant::now();
		let mut waiting: Vec<&Member> =
			self.members.iter().filter(|member| member.role() != Role::Validator).collect();
		while let Some(member) = waiting.first() {
			let progress = member.progress().await;
			if progress.as_ref().is_ok_and(|progress| progress.finalised >= number) {
				waiting.remove(0);
				continue;
			}
			self.ensure_nobody_ended();
			assert!(
				began_at.elapsed() < within,
				"{} has not seen block {number} finalised: {progress:?}\n{}",
				member.name(),
				member.log_end()
			);
			tokio::time::sleep(ASK_EVERY).await;
		}
	}

	/// Waits until both chains run: the relay chain includes the parachain's blocks and finalises them.
	///
	/// # Panics
	///
	/// If that takes too long, or a member ends in the meantime.
	pub async fn wait_until_it_runs(&self) {
		self.wait_for_finalised(1, START_TIMEOUT).await;
	}

	/// A client of one of the parachain nodes.
	pub async fn chain(&self, member: &str) -> Chain {
		Chain::connect(&self.member(member).url()).await.with_patience(CHAIN_TIMEOUT)
	}

	/// Returns the panics in all logs, by member.
	pub fn panics(&self) -> Vec<(String, Vec<String>)> {
		let panics = self.members.iter().map(|member| (member.name().to_string(), member.panics()));
		panics.filter(|(_, panics)| !panics.is_empty()).collect()
	}

	fn ensure_nobody_ended(&self) {
		for member in &self.members {
			if let Some(status) = member.ended() {
				panic!("{} ended with {status}:\n{}", member.name(), member.log_end());
			}
		}
	}
}
