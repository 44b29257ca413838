//! Idle watcher: training pauses within a step while the machine has other work.
//!
//! Three things count as work: requests and evaluations of the node, if it is on this machine; requests of a `blyan serve`; and
//! processor time of other programs. The load average is not used: it counts the training itself, and is a minute late.

use crate::{client::Client, failure::Outcome, output::Output, paying::upstream::Upstream};
use hyper::header::HeaderMap;
use serde_json::json;
use std::{
	convert::Infallible,
	fs,
	future::Future,
	sync::{Arc, Condvar, Mutex, PoisonError},
	time::{Duration, Instant},
};

/// Interval between two looks at the machine.
const LOOK: Duration = Duration::from_secs(1);
/// Time within which a server must state its load.
const ANSWER: Duration = Duration::from_secs(2);
/// Looks in a row that must find the machine idle before training goes on: a conversation has pauses.
const IDLE_LOOKS: u32 = 5;

/// Gate that a training thread passes after every step.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
	/// The other work, while there is some.
	busy: Mutex<Option<String>>,
	changed: Condvar,
}

impl Gate {
	/// Shuts the gate because of other work, or opens it.
	pub fn set(&self, busy: Option<String>) {
		*self.0.busy.lock().unwrap_or_else(PoisonError::into_inner) = busy;
		self.0.changed.notify_all();
	}

	/// Waits while the gate is shut, and reports that. Returns the time that it took.
	pub fn pass(&self, output: &Output) -> Duration {
		let mut busy = self.0.busy.lock().unwrap_or_else(PoisonError::into_inner);
		let Some(reason) = busy.clone() else { return Duration::ZERO };
		let started = Instant::now();
		output.event("paused", json!({ "reason": reason }), format!("paused     {reason}"));
		while busy.is_some() {
			busy = self.0.changed.wait(busy).unwrap_or_else(PoisonError::into_inner);
		}
		let pause = started.elapsed();
		let text = format!("training   goes on after a pause of {:.0} s", pause.as_secs_f64());
		output.event("continued", json!({ "seconds": pause.as_secs_f64() }), text);
		pause
	}
}

/// Finds out whether this machine has other work.
pub struct Watcher<'a> {
	gate: Gate,
	/// The node, if it is on this machine.
	node: Option<&'a Client>,
	/// A server of an open model.
	server: Upstream,
	processors: Processors,
	/// Part of the processors that others may use, in percent.
	load_max: u64,
	calm: Calm,
}

impl<'a> Watcher<'a> {
	/// Watches the node behind `client`, the server at `serve_url`, and the processors.
	pub fn new(client: &'a Client, serve_url: &str, load_max: u8) -> Outcome<Self> {
		let host = client.url.parse::<hyper::Uri>().ok().and_then(|url| url.host().map(String::from));
		let is_here = host.is_some_and(|host| blyan_loopback::is_loopback(&host));
		Ok(Self {
			gate: Gate::default(),
			node: is_here.then_some(client),
			server: Upstream::new(serve_url)?,
			processors: Processors::default(),
			load_max: load_max.into(),
			calm: Calm::default(),
		})
	}

	/// Returns the gate that this watcher opens and shuts.
	pub fn gate(&self) -> Gate {
		self.gate.clone()
	}

	/// Does `work` while watching the machine. The gate is open when this returns.
	pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
		let gate = self.gate();
		let result = tokio::select! {
			result = work => result,
			never = self.watch() => match never {},
		};
		gate.set(None);
		result
	}

	async fn watch(&mut self) -> Infallible {
		loop {
			let busy = self.look().await;
			let busy = self.calm.next(busy);
			self.gate.set(busy);
			tokio::time::sleep(LOOK).await;
		}
	}

	/// Names the work that the machine has now.
	async fn look(&mut self) -> Option<String> {
		// Every time, so that the next look covers one interval.
		let others = self.processors.look();
		if let Some(node) = self.node {
			if let Ok(Ok(status)) = tokio::time::timeout(ANSWER, node.engine_status()).await {
				let answers = status.generating.saturating_add(status.generations_queued);
				if answers > 0 {
					return Some(format!("the node answers {answers} requests"));
				}
				let jobs =
					status.running.saturating_add(status.queued).saturating_add(status.openings_queued);
				if jobs > 0 {
					return Some(format!("the node has {jobs} evaluations or openings"));
				}
			}
		}
		let asked = tokio::time::timeout(ANSWER, self.server.get("/metrics", HeaderMap::new())).await;
		if let Ok(Ok((200, body))) = asked {
			let requests = requests_of(&String::from_utf8_lossy(&body));
			if requests > 0 {
				return Some(format!("blyan serve has {requests} requests"));
			}
		}
		let percent = others.filter(|percent| *percent > self.load_max)?;
		Some(format!("other programs use {percent} % of the processors"))
	}
}

/// Does `work`, watching the machine if there is a watcher.
pub async fn during<T>(watcher: Option<&mut Watcher<'_>>, work: impl Future<Output = T>) -> T {
	match watcher {
		Some(watcher) => watcher.during(work).await,
		None => work.await,
	}
}

/// Requests that a server computes or lets wait, from its metrics.
fn requests_of(metrics: &str) -> u64 {
	const GAUGES: [&str; 2] = ["blyan_gateway_generations_active", "blyan_gateway_generations_waiting"];
	let counted = metrics.lines().filter_map(|line| {
		let (name, value) = line.split_once(' ')?;
		GAUGES.contains(&name).then(|| value.trim().parse().unwrap_or(0_u64))
	});
	counted.fold(0, u64::saturating_add)
}

/// Delays the end of a pause: the machine must be idle for a while.
#[derive(Debug, Default)]
struct Calm {
	reason: Option<String>,
	looks: u32,
}

impl Calm {
	/// Takes a look; returns the reason for a pause.
	fn next(&mut self, busy: Option<String>) -> Option<String> {
		match busy {
			Some(_) => (self.reason, self.looks) = (busy, 0),
			None => {
				self.looks = self.looks.saturating_add(1);
				if self.looks >= IDLE_LOOKS {
					self.reason = None;
				}
			}
		}
		self.reason.clone()
	}
}

/// Ticks of the processors at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticks {
	/// All.
	all: u64,
	/// Those in which something ran.
	busy: u64,
	/// Those in which this process ran.
	own: u64,
}

/// Processor time of other programs between two looks.
#[derive(Debug, Default)]
struct Processors(Option<Ticks>);

impl Processors {
	/// Returns the percent of the processors' time that others took since the last look; `None` at the first one, and where the
	/// system does not tell.
	fn look(&mut self) -> Option<u64> {
		let read = |path: &str| fs::read_to_string(path).ok();
		let (all, busy) = machine_ticks(&read("/proc/stat")?)?;
		let now = Ticks { all, busy, own: own_ticks(&read("/proc/self/stat")?)? };
		let before = self.0.replace(now)?;
		percent_of_others(before, now)
	}
}

fn percent_of_others(before: Ticks, now: Ticks) -> Option<u64> {
	let all = now.all.checked_sub(before.all)?;
	let own = now.own.saturating_sub(before.own);
	let others = now.busy.saturating_sub(before.busy).saturating_sub(own);
	others.saturating_mul(100).checked_div(all)
}

/// Reads all ticks and the busy ones from `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal. Time of guests is
/// in user already.
fn machine_ticks(stat: &str) -> Option<(u64, u64)> {
	let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
	let ticks: Vec<u64> =
		line.split_whitespace().take(8).map(str::parse::<u64>).collect::<Result<_, _>>().ok()?;
	let all = ticks.iter().copied().fold(0, u64::saturating_add);
	let idle = ticks.get(3)?.saturating_add(ticks.get(4).copied().unwrap_or(0));
	Some((all, all.saturating_sub(idle)))
}

/// Reads this process' ticks from `/proc/self/stat`: utime and stime, which come 12th and 13th behind the name in parentheses.
fn own_ticks(stat: &str) -> Option<u64> {
	let (_, fields) = stat.rsplit_once(") ")?;
	let mut fields = fields.split_whitespace().skip(11);
	let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
	Some(user.saturating_add(system))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn processor_time_of_others_is_what_this_process_did_not_take() {
		let stat = "cpu  100 0 50 800 50 0 0 0 7 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
		assert_eq!(machine_ticks(stat), Some((1_000, 150)));
		let own = "42 (a name) with) R 1 2 3 4 5 6 7 8 9 10 30 12 0 0 20 0 1 0 99";
		assert_eq!(own_ticks(own), Some(42));
		let before = Ticks { all: 1_000, busy: 150, own: 40 };
		let now = Ticks { all: 1_400, busy: 500, own: 240 };
		// 350 of 400 ticks were busy, 200 of them here.
		assert_eq!(percent_of_others(before, now), Some(37));
		assert_eq!(percent_of_others(now, now), None, "no time has passed");
		assert_eq!(machine_ticks("intr 1"), None);
		assert_eq!(own_ticks("42 (cut"), None);
	}

	#[test]
	fn requests_are_read_from_the_metrics_of_a_server() {
		let metrics = "# TYPE blyan_gateway_generations_active gauge\nblyan_gateway_generations_active 2\n\
			blyan_gateway_generations_waiting 3\nblyan_gateway_places_taken 9\n";
		assert_eq!(requests_of(metrics), 5);
		assert_eq!(requests_of("<html>not metrics</html>"), 0);
	}

	#[test]
	fn a_pause_ends_when_the_machine_was_idle_for_some_looks() {
		let mut calm = Calm::default();
		assert_eq!(calm.next(None), None, "nothing to wait for");
		let busy = Some("requests".to_string());
		assert_eq!(calm.next(busy.clone()), busy);
		for _ in 1..IDLE_LOOKS {
			assert_eq!(calm.next(None), busy);
		}
		assert_eq!(calm.next(None), None);
	}

	#[test]
	fn a_shut_gate_holds_the_training_thread_until_it_opens() {
		let (gate, output) = (Gate::default(), Output::new(true));
		assert_eq!(gate.pass(&output), Duration::ZERO);
		gate.set(Some("requests".into()));
		let waiting = {
			let (gate, output) = (gate.clone(), output.clone());
			std::thread::spawn(move || gate.pass(&output))
		};
		std::thread::sleep(Duration::from_millis(200));
		assert!(!waiting.is_finished());
		gate.set(None);
		waiting.join().unwrap();
		assert_eq!(gate.pass(&output), Duration::ZERO);
	}

	#[tokio::test]
	async fn work_without_a_watcher_is_done_at_once() {
		assert_eq!(during(None, async { 3 }).await, 3);
	}
}
