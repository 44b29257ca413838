//! This process, from `/proc/self`, under the names that Prometheus' own clients use.

use super::figures::Kind;
use std::{fs, path::Path};
use substrate_prometheus_endpoint::{
	register as add, MetricSource, Opts, PrometheusError, Registry, SourcedCounter, SourcedGauge,
};

/// Ticks of `/proc/PID/stat` in a second: part of Linux' interface to programs, whatever the kernel's own clock is.
const TICKS_PER_SECOND: f64 = 100.0;

/// The kernel's figures of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Process {
	cpu_seconds: f64,
	threads: f64,
	resident_bytes: f64,
	open_files: f64,
	open_files_max: f64,
	read_bytes: f64,
	written_bytes: f64,
}

const FIGURES: [(Kind, &str, &str, fn(&Process) -> f64); 7] = [
	(Kind::Counter, "process_cpu_seconds_total", "Processor time used", |p| p.cpu_seconds),
	(Kind::Gauge, "process_resident_memory_bytes", "Memory in use", |p| p.resident_bytes),
	(Kind::Gauge, "process_threads", "Threads", |p| p.threads),
	(Kind::Gauge, "process_open_fds", "Open file descriptors", |p| p.open_files),
	(Kind::Gauge, "process_max_fds", "File descriptors that may be open", |p| p.open_files_max),
	(Kind::Counter, "process_disk_read_bytes_total", "Bytes read from disks", |p| p.read_bytes),
	(Kind::Counter, "process_disk_written_bytes_total", "Bytes written to disks", |p| p.written_bytes),
];

impl Process {
	/// Reads a process' folder in `/proc`; what cannot be read counts as zero.
	fn read(folder: &Path) -> Self {
		let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
		let (stat, status, io, limits) = (text("stat"), text("status"), text("io"), text("limits"));
		// The name in parentheses may hold spaces; the fields behind it are counted from 3.
		let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
		let ticks = |number: usize| number_of(fields.get(number.saturating_sub(3)).copied());
		Self {
			cpu_seconds: (ticks(14) + ticks(15)) / TICKS_PER_SECOND,
			threads: number(&status, "Threads:"),
			resident_bytes: number(&status, "VmRSS:") * 1_024.0,
			open_files: fs::read_dir(folder.join("fd")).map_or(0.0, |files| files.count() as f64),
			open_files_max: number(&limits, "Max open files"),
			read_bytes: number(&io, "read_bytes:"),
			written_bytes: number(&io, "write_bytes:"),
		}
	}
}

/// The number behind `name` at the beginning of a line.
fn number(text: &str, name: &str) -> f64 {
	let line = text.lines().find_map(|line| line.strip_prefix(name));
	number_of(line.and_then(|line| line.split_whitespace().next()))
}

fn number_of(word: Option<&str>) -> f64 {
	word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

#[derive(Clone)]
struct Source(fn(&Process) -> f64);

impl MetricSource for Source {
	type N = f64;

	fn collect(&self, mut set: impl FnMut(&[&str], f64)) {
		set(&[], (self.0)(&Process::read(Path::new("/proc/self"))));
	}
}

/// Registers every figure, where there is a `/proc`.
pub fn register(registry: &Registry) -> Result<(), PrometheusError> {
	if !Path::new("/proc/self/stat").exists() {
		return Ok(());
	}
	for (kind, name, help, read) in FIGURES {
		let opts = Opts::new(name, help);
		match kind {
			Kind::Gauge => add(SourcedGauge::new(&opts, Source(read))?, registry).map(drop)?,
			Kind::Counter => add(SourcedCounter::new(&opts, Source(read))?, registry).map(drop)?,
		}
	}
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_kernels_files_are_understood() {
		let folder = tempfile::tempdir().expect("a temporary folder");
		let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("writable");
		write("stat", "7 (a (strange) name) S 1 7 7 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 12 0 99 1 1");
		write("status", "Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t12\n");
		write("io", "rchar: 1\nread_bytes: 4096\nwrite_bytes: 8192\n");
		write("limits", "Max open files            1024                 4096                 files     \n");
		fs::create_dir(folder.path().join("fd")).expect("writable");
		write("fd/0", "");
		let expected = Process {
			cpu_seconds: 3.0,
			threads: 12.0,
			resident_bytes: 2_097_152.0,
			open_files: 1.0,
			open_files_max: 1_024.0,
			read_bytes: 4_096.0,
			written_bytes: 8_192.0,
		};
		assert_eq!(Process::read(folder.path()), expected);
	}

	#[test]
	fn this_process_uses_memory() {
		assert!(Process::read(Path::new("/proc/self")).resident_bytes > 0.0);
	}
}
