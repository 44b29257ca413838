//! The node as a process: from a configuration to a signal, and to the end in order.
//!
//! The SDK's own runner ends the task manager and takes the asynchronous runtime down right behind it. A task on a thread
//! of its own that is busy at that moment, building a block or looking at the chain, then meets a timer without a
//! runtime: it panics, and the panic hook ends the process with status 1. Here the runtime stays until all tasks have ended.

use futures::{future, pin_mut, FutureExt};
use sc_cli::{build_runtime, print_node_infos, CliConfiguration, Result, Signals, SubstrateCli};
use sc_service::{Configuration, TaskManager};
use std::{
	any::Any,
	future::Future,
	sync::{
		atomic::{AtomicBool, Ordering},
		Once,
	},
	time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// Time within which tasks must end; a task of the node takes milliseconds.
const ENDING_MAX: Duration = Duration::from_secs(30);
/// Interval at which the tasks are checked.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Panic message of tokio's timers when their runtime is gone.
const TIMER_WITHOUT_RUNTIME: &str = "it is being shutdown";

/// True once the node is ending.
static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// A node that does not run yet.
pub struct Process {
	runtime: Runtime,
	signals: Signals,
	config: Configuration,
}

impl Process {
	/// Sets up the runtime, the log and the panic hook, and reads the configuration from the command line.
	pub fn new<C: SubstrateCli>(cli: &C, command: &impl CliConfiguration) -> Result<Self> {
		let runtime = build_runtime()?;
		// As early as possible, and in the runtime's context.
		let signals = runtime.block_on(async { Signals::capture() })?;
		let config = command.create_configuration(cli, runtime.handle().clone())?;
		command.init(&C::support_url(), &C::impl_version(), |_| {})?;
		contain_late_panics();
		print_node_infos::<C>(&config);
		Ok(Self { runtime, signals, config })
	}

	/// Starts the node and runs it until a signal comes or an essential task fails.
	pub fn run<F>(self, start: impl FnOnce(Configuration) -> F) -> Result<()>
	where
		F: Future<Output = Result<TaskManager>>,
	{
		let Self { runtime, signals, config } = self;
		let mut signal = signals.future().fuse();
		let started = {
			let starting = start(config).fuse();
			pin_mut!(starting);
			// Joining a network may take as long as its relay chain does.
			match runtime.block_on(future::select(&mut signal, starting)) {
				future::Either::Left(_) => None,
				future::Either::Right((started, _)) => Some(started),
			}
		};
		let Some(started) = started else {
			IS_ENDING.store(true, Ordering::Relaxed);
			runtime.shutdown_timeout(ENDING_MAX);
			return Ok(());
		};
		let mut tasks = started?;
		let ended = match runtime.block_on(future::select(&mut signal, tasks.future())) {
			future::Either::Left(_) => Ok(()),
			future::Either::Right((ended, _)) => ended,
		};
		end(runtime, tasks, ENDING_MAX);
		Ok(ended?)
	}
}

/// Ends all tasks, waits for them, and takes the runtime down.
fn end(runtime: Runtime, tasks: TaskManager, patience: Duration) {
	IS_ENDING.store(true, Ordering::Relaxed);
	// Tells the tasks, and stops the engine and the RPC servers.
	let registry = tasks.into_task_registry();
	let until = Instant::now() + patience;
	while !registry.running_tasks().is_empty() && Instant::now() < until {
		std::thread::sleep(LOOK_EVERY);
	}
	for (task, count) in registry.running_tasks() {
		log::error!("Task {} of group {} did not end in time ({count} of it)", task.name, task.group);
	}
	runtime.shutdown_timeout(patience);
}

/// Keeps a timer's panic from changing how an ending node ends.
///
/// The relay chain's tasks are in a registry of their own, which cannot be waited for.
fn contain_late_panics() {
	static ONCE: Once = Once::new();
	ONCE.call_once(|| {
		let of_the_node = std::panic::take_hook();
		std::panic::set_hook(Box::new(move |panic| {
			match IS_ENDING.load(Ordering::Relaxed) && is_late_timer(panic.payload()) {
				true => log::debug!("a task met a timer after the end: {panic}"),
				false => {
					if let Some(words) = crate::damage::words_for(panic) {
						eprintln!("\n{words}");
					}
					of_the_node(panic)
				}
			}
		}));
	});
}

fn is_late_timer(payload: &(dyn Any + Send)) -> bool {
	let text = payload.downcast_ref::<&str>().copied();
	let text = text.or(payload.downcast_ref::<String>().map(String::as_str));
	text.is_some_and(|text| text.contains(TIMER_WITHOUT_RUNTIME))
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::{
		panic::{catch_unwind, AssertUnwindSafe},
		sync::{mpsc, Arc},
	};

	/// Says when it is dropped whether that was because of a panic.
	struct Witness(Arc<AtomicBool>, mpsc::Sender<()>);

	impl Drop for Witness {
		fn drop(&mut self) {
			self.0.store(std::thread::panicking(), Ordering::SeqCst);
			let _ = self.1.send(());
		}
	}

	#[test]
	fn a_task_that_is_busy_when_the_node_ends_still_has_its_timers() {
		let runtime = build_runtime().expect("starts");
		let tasks = TaskManager::new(runtime.handle().clone(), None).expect("starts");
		let panicked = Arc::new(AtomicBool::new(false));
		let (started, has_started) = mpsc::channel();
		let (ended, has_ended) = mpsc::channel();
		let witness = Witness(panicked.clone(), ended);
		tasks.spawn_handle().spawn_blocking("busy", None, async move {
			let _witness = witness;
			started.send(()).expect("is awaited");
			// A block is being built, longer than anything else takes to end.
			std::thread::sleep(Duration::from_millis(500));
			loop {
				tokio::time::sleep(Duration::from_millis(1)).await;
			}
		});
		has_started.recv().expect("starts");
		end(runtime, tasks, Duration::from_secs(20));
		has_ended.try_recv().expect("the task has ended before the runtime");
		assert!(!panicked.load(Ordering::SeqCst));
	}

	#[test]
	fn a_task_that_does_not_end_is_left_behind() {
		let runtime = build_runtime().expect("starts");
		let tasks = TaskManager::new(runtime.handle().clone(), None).expect("starts");
		let (release, gate) = mpsc::channel::<()>();
		let (started, has_started) = mpsc::channel();
		tasks.spawn_handle().spawn_blocking("stuck", None, async move {
			started.send(()).expect("is awaited");
			let _ = gate.recv();
		});
		has_started.recv().expect("starts");
		let began = Instant::now();
		end(runtime, tasks, Duration::from_millis(50));
		assert!(began.elapsed() < Duration::from_secs(10));
		drop(release);
	}

	#[test]
	fn a_timer_without_a_runtime_is_told_from_other_panics() {
		let runtime = build_runtime().expect("starts");
		let handle = runtime.handle().clone();
		runtime.shutdown_timeout(Duration::from_secs(10));
		let poll = || {
			let _context = handle.enter();
			futures::executor::block_on(tokio::time::sleep(Duration::from_millis(1)));
		};
		let late = catch_unwind(AssertUnwindSafe(poll)).expect_err("there is no timer any more");
		assert!(is_late_timer(&*late));
		let other = catch_unwind(|| panic!("another")).expect_err("panics");
		assert!(!is_late_timer(&*other));
	}
}
