//! Processes of a test: started, watched, stopped.

use std::{
	process::{Child, Command},
	time::{Duration, Instant},
};

/// Time within which a process must end after SIGTERM.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// Asks a process to end and waits for that; the error says what it did instead.
///
/// # Panics
///
/// If the process is not ours.
pub fn terminate(child: &mut Child) -> Result<(), String> {
	signal(child.id(), "TERM");
	let asked_at = Instant::now();
	let status = loop {
		if let Some(status) = child.try_wait().expect("the process is our child") {
			break status;
		}
		if asked_at.elapsed() >= STOP_TIMEOUT {
			let _ = child.kill();
			let _ = child.wait();
			return Err("ignores SIGTERM".into());
		}
		std::thread::sleep(Duration::from_millis(50));
	};
	status.success().then_some(()).ok_or_else(|| format!("ended with {status} after SIGTERM"))
}

/// Sends a signal, as in `TERM`.
///
/// # Panics
///
/// If the process is not ours.
pub fn signal(process: u32, signal: &str) {
	let sent = Command::new("kill").args([&format!("-{signal}"), &process.to_string()]).status();
	assert!(sent.is_ok_and(|status| status.success()), "process {process} is not ours to signal");
}

/// The last `count` lines of a log.
pub fn last_lines(log: &str, count: usize) -> String {
	let lines: Vec<&str> = log.lines().collect();
	lines[lines.len().saturating_sub(count)..].join("\n")
}
