//! Threads that run on what others leave.
//!
//! Pausing between steps is not enough to serve at once: a step of training lasts longer than the first byte of an
//! answer may. A thread of the scheduler's idle class gives its core away the moment any other wants it, and goes
//! on in the middle of its step when none does. This works across processes too, so a trainer beside a node needs
//! no channel to it.

use std::time::Duration;

/// Niceness of evaluation, which puts it behind serving; each step is a tenth less of a contested core.
#[cfg(target_os = "linux")]
const EVALUATION_NICENESS: libc::c_int = 10;

/// Niceness of comparisons of models, which puts them behind evaluation: they have days, evaluations have minutes.
#[cfg(target_os = "linux")]
const BENCHMARK_NICENESS: libc::c_int = 15;

/// Puts the calling thread, and all threads that it starts afterwards, behind serving, but not behind everything:
/// evaluations are due in time.
///
/// Only Linux has a priority for each thread; elsewhere the call does nothing.
pub(super) fn run_behind_serving() {
	#[cfg(target_os = "linux")]
	run_behind(EVALUATION_NICENESS);
}

/// Puts the calling thread, and all threads that it starts afterwards, behind evaluation, on Linux alone.
pub(super) fn run_behind_evaluation() {
	#[cfg(target_os = "linux")]
	run_behind(BENCHMARK_NICENESS);
}

#[cfg(target_os = "linux")]
fn run_behind(niceness: libc::c_int) {
	// SAFETY: takes and returns a number. It fails only for a number below zero.
	unsafe {
		libc::nice(niceness);
	}
}

/// Puts the calling thread, and all threads that it starts afterwards, behind everything else on this machine.
///
/// Only Linux knows this class; elsewhere the call does nothing.
pub fn run_in_background() {
	#[cfg(target_os = "linux")]
	{
		let parameters = libc::sched_param { sched_priority: 0 };
		// SAFETY: zero names the calling thread; the parameters live until the call returns, which only reads them.
		let refused = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &parameters) } != 0;
		if refused {
			log::warn!("cannot run in the background: {}", std::io::Error::last_os_error());
		}
	}
}

/// Returns the processor time of the calling thread. Other systems than Linux return the time since the process first
/// called this, so that a thread which waits for a core seems to have it.
pub(super) fn thread_time() -> Duration {
	#[cfg(target_os = "linux")]
	{
		let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
		// SAFETY: writes to `time` and nowhere else. It does not fail for a clock that exists.
		unsafe {
			libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time);
		}
		Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
	}
	#[cfg(not(target_os = "linux"))]
	{
		static BEGAN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
		BEGAN.get_or_init(std::time::Instant::now).elapsed()
	}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
	use super::*;

	/// Scheduling class of the calling thread.
	fn class() -> libc::c_int {
		// SAFETY: zero names the calling thread; nothing is written.
		unsafe { libc::sched_getscheduler(0) }
	}

	#[test]
	fn what_runs_behind_serving_has_a_lower_priority_and_so_have_its_children() {
		// SAFETY: names the calling thread; nothing is written.
		let niceness = || unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
		let before = niceness();
		let of_child = std::thread::spawn(move || {
			run_behind_serving();
			std::thread::spawn(niceness).join().unwrap()
		});
		assert_eq!(of_child.join().unwrap(), (before + EVALUATION_NICENESS).min(19));
		assert_eq!(niceness(), before);
	}

	#[test]
	fn a_background_thread_and_its_children_are_idle_and_others_are_not() {
		let before = class();
		let (own, child) = std::thread::spawn(|| {
			run_in_background();
			(class(), std::thread::spawn(class).join().unwrap())
		})
		.join()
		.unwrap();
		assert_eq!((own, child), (libc::SCHED_IDLE, libc::SCHED_IDLE));
		assert_eq!(class(), before);
	}
}
