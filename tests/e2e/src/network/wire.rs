//! Machines with addresses of their own on one computer, and wires between them that delay, lose and cut.
//!
//! Every machine is a network namespace with one TUN device. The other end of all devices is here: packets are
//! routed in user space, and each direction between two machines has a [`Link`] of its own that can change at any
//! time. That needs root and `/dev/net/tun`, but none of the kernel's traffic control, which small kernels lack
//! (`sch_netem`). The test itself is one more machine, and its wires are always perfect, so that it sees what happens.

use super::place::Place;
use std::{
	cmp::Reverse,
	collections::{BinaryHeap, HashMap},
	fs::File,
	io::{Read, Write},
	net::Ipv4Addr,
	os::fd::AsRawFd,
	path::Path,
	process::Command,
	sync::{
		atomic::{AtomicBool, AtomicU64, Ordering},
		Arc, Condvar, Mutex,
	},
	time::{Duration, Instant},
};

/// Bytes in a packet, as for Ethernet.
const MTU: usize = 1_500;
/// Longest that a packet may wait for its turn on a slow link; more are dropped, as a router's queue would.
const QUEUE_MAX: Duration = Duration::from_millis(500);

/// Prefix of the machines' names; the number of the process that made them follows.
const PREFIX: &str = "blyan-";

/// One direction between two machines.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Link {
	/// Time a packet takes.
	pub delay: Duration,
	/// Share of packets that are lost, in thousandths.
	pub loss_permille: u16,
	/// Bits that pass in a second; `None` for as many as come.
	pub rate_bps: Option<u64>,
	/// Nothing passes.
	pub is_cut: bool,
}

impl Link {
	/// Nothing passes.
	pub const CUT: Self = Self { delay: Duration::ZERO, loss_permille: 0, rate_bps: None, is_cut: true };
}

/// Packets since the wires were laid.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
	/// Packets that arrived.
	pub delivered: u64,
	/// Packets that were lost, cut off, or found a queue full.
	pub dropped: u64,
}

/// The wires between the machines. Dropping it removes the machines.
pub struct Wire {
	shared: Arc<Shared>,
	/// The test's own device.
	device: String,
	prefix: String,
	subnet: [u8; 2],
	machines: u8,
}

#[derive(Default)]
struct Shared {
	ports: Mutex<HashMap<Ipv4Addr, Arc<File>>>,
	links: Mutex<HashMap<(Ipv4Addr, Ipv4Addr), (Link, Instant)>>,
	waiting: Mutex<BinaryHeap<Reverse<Packet>>>,
	arrived: Condvar,
	sequence: AtomicU64,
	delivered: AtomicU64,
	dropped: AtomicU64,
	is_closed: AtomicBool,
}

/// A packet on its way, ordered by when it arrives.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Packet {
	at: Instant,
	sequence: u64,
	to: Ipv4Addr,
	bytes: Vec<u8>,
}

impl Wire {
	/// Checks that this computer can have machines: Linux, root, namespaces and TUN devices.
	///
	/// The error says what is missing.
	pub fn is_possible() -> Result<(), String> {
		// SAFETY: it takes nothing and cannot fail.
		if unsafe { libc::geteuid() } != 0 {
			return Err("network namespaces need root".into());
		}
		if !Path::new("/dev/net/tun").exists() {
			return Err("there is no /dev/net/tun: the kernel lacks TUN devices".into());
		}
		let probe = format!("blyan-probe-{}", std::process::id());
		ip(&["netns", "add", &probe])
			.map_err(|error| format!("network namespaces do not work here: {error}"))?;
		ip(&["netns", "del", &probe])
	}

	/// Connects the test's own machine; the others follow with [`Self::machine`].
	///
	/// # Panics
	///
	/// If that is not possible; see [`Self::is_possible`].
	pub fn new() -> Self {
		remove_orphans();
		let process = std::process::id();
		let shared = Arc::new(Shared::default());
		let device = format!("blyan{process}");
		let mut wire = Self {
			shared: shared.clone(),
			device: device.clone(),
			prefix: format!("{PREFIX}{process}"),
			// Several tests may run at once.
			subnet: [10, 64 + (process % 128) as u8],
			machines: 0,
		};
		std::thread::spawn(move || shared.deliver());
		wire.plug(None, &device);
		wire
	}

	/// A new machine.
	///
	/// # Panics
	///
	/// If there are more than 200 already, or the computer refuses.
	pub fn machine(&mut self) -> Place {
		let namespace = format!("{}-{}", self.prefix, self.machines);
		must(ip(&["netns", "add", &namespace]));
		must(ip(&["-n", &namespace, "link", "set", "lo", "up"]));
		let address = self.plug(Some(&namespace), "wire");
		Place::in_namespace(&namespace, address)
	}

	/// Changes one direction between two machines.
	pub fn set(&self, from: Ipv4Addr, to: Ipv4Addr, link: Link) {
		lock(&self.shared.links).insert((from, to), (link, Instant::now()));
	}

	/// Changes all directions between the machines at these addresses.
	pub fn set_among(&self, addresses: &[Ipv4Addr], link: Link) {
		self.set_between(addresses, addresses, link);
	}

	/// Changes both directions between each of the ones and each of the others.
	pub fn set_between(&self, ones: &[Ipv4Addr], others: &[Ipv4Addr], link: Link) {
		for one in ones {
			for other in others.iter().filter(|other| *other != one) {
				self.set(*one, *other, link);
				self.set(*other, *one, link);
			}
		}
	}

	/// Makes all wires perfect again.
	pub fn heal(&self) {
		lock(&self.shared.links).clear();
	}

	/// Returns the counts of packets that passed and did not.
	pub fn traffic(&self) -> Traffic {
		Traffic {
			delivered: self.shared.delivered.load(Ordering::Relaxed),
			dropped: self.shared.dropped.load(Ordering::Relaxed),
		}
	}

	/// Makes a device in a namespace, gives it the next address, and reads its packets from now on.
	fn plug(&mut self, namespace: Option<&str>, device: &str) -> Ipv4Addr {
		self.machines =
			self.machines.checked_add(1).filter(|count| *count <= 200).expect("at most 200 machines");
		let [a, b] = self.subnet;
		let address = Ipv4Addr::new(a, b, 0, self.machines);
		let port = Arc::new(open_device(namespace, device));
		let place: &[&str] = match &namespace {
			Some(namespace) => &["-n", namespace],
			None => &[],
		};
		let run = |args: &[&str]| must(ip(&[place, args].concat()));
		run(&["addr", "add", &format!("{address}/24"), "dev", device]);
		run(&["link", "set", device, "mtu", &MTU.to_string(), "up"]);
		lock(&self.shared.ports).insert(address, port.clone());
		let shared = self.shared.clone();
		std::thread::spawn(move || shared.read(&port));
		address
	}
}

impl Default for Wire {
	fn default() -> Self {
		Self::new()
	}
}

impl Drop for Wire {
	fn drop(&mut self) {
		self.shared.is_closed.store(true, Ordering::Relaxed);
		lock(&self.shared.ports).clear();
		// Devices go with their namespaces, and then their readers end.
		let _ = ip(&["link", "del", &self.device]);
		for machine in 1..self.machines {
			let _ = ip(&["netns", "del", &format!("{}-{machine}", self.prefix)]);
		}
	}
}

impl Shared {
	/// Passes on what one machine sends.
	fn read(&self, port: &File) {
		let mut buffer = [0; MTU];
		loop {
			match (&*port).read(&mut buffer) {
				Ok(length) => self.forward(&buffer[..length]),
				Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
				// The machine is gone.
				Err(_) => return,
			}
		}
	}

	fn forward(&self, bytes: &[u8]) {
		let Some((from, to)) = addresses(bytes) else { return };
		let now = Instant::now();
		let at = match lock(&self.links).get_mut(&(from, to)) {
			None => Some(now),
			Some((link, busy_until)) => link.arrival(now, bytes.len(), busy_until),
		};
		match at {
			None => _ = self.dropped.fetch_add(1, Ordering::Relaxed),
			Some(at) if at <= now => self.hand_over(to, bytes),
			Some(at) => {
				let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
				lock(&self.waiting).push(Reverse(Packet { at, sequence, to, bytes: bytes.to_vec() }));
				self.arrived.notify_one();
			}
		}
	}

	/// Hands over packets when their time has come.
	fn deliver(&self) {
		let mut waiting = lock(&self.waiting);
		while !self.is_closed.load(Ordering::Relaxed) {
			let now = Instant::now();
			match waiting.peek() {
				Some(Reverse(packet)) if packet.at <= now => {
					let Some(Reverse(packet)) = waiting.pop() else { continue };
					drop(waiting);
					self.hand_over(packet.to, &packet.bytes);
					waiting = lock(&self.waiting);
				}
				next => {
					let pause = next.map_or(Duration::from_secs(1), |Reverse(packet)| packet.at - now);
					waiting =
						self.arrived.wait_timeout(waiting, pause).expect("nothing panics with this lock").0;
				}
			}
		}
	}

	fn hand_over(&self, to: Ipv4Addr, bytes: &[u8]) {
		let port = lock(&self.ports).get(&to).cloned();
		let is_delivered = port.is_some_and(|port| (&*port).write(bytes).is_ok());
		let counter = if is_delivered { &self.delivered } else { &self.dropped };
		counter.fetch_add(1, Ordering::Relaxed);
	}
}

impl Link {
	/// When a packet arrives that is sent now; `None` if it never does.
	///
	/// `busy_until` is when the link has sent what it was given before.
	fn arrival(&self, now: Instant, length: usize, busy_until: &mut Instant) -> Option<Instant> {
		if self.is_cut || rand::random::<u16>() % 1_000 < self.loss_permille {
			return None;
		}
		let Some(rate_bps) = self.rate_bps else { return Some(now + self.delay) };
		let begins = now.max(*busy_until);
		if begins - now > QUEUE_MAX {
			return None;
		}
		let micros = length as u64 * 8 * 1_000_000 / rate_bps.max(1);
		*busy_until = begins + Duration::from_micros(micros);
		Some(*busy_until + self.delay)
	}
}

/// Sender and receiver of an IPv4 packet.
fn addresses(bytes: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr)> {
	let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?));
	(bytes.first()? >> 4 == 4).then_some((address(12)?, address(16)?))
}

/// A new TUN device in a namespace. It exists as long as the file is open.
fn open_device(namespace: Option<&str>, device: &str) -> File {
	let namespace = namespace.map(|name| {
		File::open(format!("/var/run/netns/{name}")).expect("the namespace was added three lines above")
	});
	let device = device.as_bytes().to_vec();
	// A thread of its own: threads may live in different namespaces, and this one must not stay there.
	let open = move || {
		if let Some(namespace) = namespace {
			// SAFETY: the file is open, and this thread holds nothing that belongs to its namespace.
			let entered = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
			assert_eq!(entered, 0, "no entry: {}", std::io::Error::last_os_error());
		}
		let file =
			File::options().read(true).write(true).open("/dev/net/tun").expect("root may open TUN devices");
		// SAFETY: an `ifreq` is plain numbers, for which zero is a value.
		let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
		for (to, from) in request.ifr_name.iter_mut().zip(&device) {
			*to = *from as libc::c_char;
		}
		request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
		// SAFETY: the request is an `ifreq` whose name ends with a zero byte, as TUNSETIFF reads it.
		let made = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &request) };
		assert_eq!(made, 0, "the TUN device cannot be made: {}", std::io::Error::last_os_error());
		file
	};
	std::thread::spawn(open).join().expect("the device could be made")
}

/// Removes machines whose test was killed before it could.
fn remove_orphans() {
	for entry in std::fs::read_dir("/var/run/netns").into_iter().flatten().flatten() {
		let Some(name) = entry.file_name().to_str().map(String::from) else { continue };
		let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
		if owner.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
			// Another test may have been quicker.
			let _ = ip(&["netns", "del", &name]);
		}
	}
}

/// Runs `ip`; the error is what it said.
fn ip(args: &[&str]) -> Result<(), String> {
	let output = Command::new("ip").args(args).output().map_err(|error| format!("ip: {error}"))?;
	match output.status.success() {
		true => Ok(()),
		false => Err(format!("ip {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim())),
	}
}

fn must(done: Result<(), String>) {
	done.unwrap_or_else(|error| panic!("{error}"));
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
	mutex.lock().expect("nothing panics while it holds this lock")
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn packets_wait_for_each_other_on_a_slow_link_and_are_dropped_when_too_many_wait() {
		let link = Link { delay: Duration::from_millis(10), rate_bps: Some(8_000), ..Link::default() };
		let now = Instant::now();
		let mut busy_until = now;
		// A hundred bytes take a tenth of a second.
		let arrivals: Vec<_> = (0..8).map(|_| link.arrival(now, 100, &mut busy_until)).collect();
		let expected = |ms: u64| Some(now + Duration::from_millis(ms));
		assert_eq!(arrivals[..6], [110, 210, 310, 410, 510, 610].map(expected));
		assert_eq!(arrivals[6..], [None, None]);
	}

	#[test]
	fn a_cut_link_passes_nothing_and_a_perfect_one_everything_at_once() {
		let now = Instant::now();
		assert_eq!(Link::CUT.arrival(now, 100, &mut now.clone()), None);
		assert_eq!(Link::default().arrival(now, 100, &mut now.clone()), Some(now));
	}

	#[test]
	fn addresses_are_read_from_whole_packets_only() {
		let mut packet = [0; 20];
		packet[0] = 0x45;
		packet[12..].copy_from_slice(&[10, 64, 0, 2, 10, 64, 0, 3]);
		let expected = (Ipv4Addr::new(10, 64, 0, 2), Ipv4Addr::new(10, 64, 0, 3));
		assert_eq!(addresses(&packet), Some(expected));
		assert_eq!(addresses(&packet[..19]), None);
		packet[0] = 0x60;
		assert_eq!(addresses(&packet), None, "not IPv4");
	}

	#[test]
	fn machines_reach_each_other_unless_the_wire_is_cut() {
		if let Err(missing) = Wire::is_possible() {
			eprintln!("not tested: {missing}");
			return;
		}
		let mut wire = Wire::new();
		let [one, other] = [wire.machine(), wire.machine()];
		let reaches = || {
			// Nobody listens there, and to be told so is an answer.
			let mut shell = one.command(Path::new("bash"));
			let script = format!("timeout 1 bash -c '</dev/tcp/{}/9' 2>&1 | grep -q refused", other.address);
			shell.args(["-c", &script]).status().expect("bash can be started").success()
		};
		assert!(reaches());
		wire.set(one.address, other.address, Link::CUT);
		assert!(!reaches(), "the way there is cut");
		wire.heal();
		wire.set(other.address, one.address, Link::CUT);
		assert!(!reaches(), "the way back is cut");
		wire.heal();
		assert!(reaches());
	}
}
