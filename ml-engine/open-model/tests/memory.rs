//! Memory of an import: that of the tensors which are being converted, however many layers a checkpoint has.
#![allow(clippy::unwrap_used)]

#[path = "support/synthetic.rs"]
mod synthetic;

use blyan_checkpoint::Checkpoint;
use blyan_open_model::{import, Precision};
use std::{
	alloc::{GlobalAlloc, Layout, System},
	fs,
	sync::atomic::{AtomicUsize, Ordering::Relaxed},
};
use synthetic::{Groups, Llama};

/// The system's allocator, with a count of what is held and its highest value.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
	unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
		let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
		PEAK.fetch_max(held, Relaxed);
		// SAFETY: the caller keeps the contract of `alloc`.
		unsafe { System.alloc(layout) }
	}

	unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
		HELD.fetch_sub(layout.size(), Relaxed);
		// SAFETY: the caller keeps the contract of `dealloc`.
		unsafe { System.dealloc(pointer, layout) }
	}
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that one import took at its peak, besides what was held before.
#[derive(Clone, Copy, Debug)]
struct Peak {
	/// From the allocator.
	heap: usize,
	/// In the process's resident set, the mapped checkpoint included; `None` where the system does not say.
	resident: Option<usize>,
}

/// Returns a size of this process in bytes.
fn process_bytes(field: &str) -> Option<usize> {
	let status = fs::read_to_string("/proc/self/status").ok()?;
	let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
	Some(line.split_whitespace().next()?.parse::<usize>().ok()? * 1_024)
}

/// Makes the resident set's peak what it is now, and returns it.
fn reset_resident_peak() -> Option<usize> {
	fs::write("/proc/self/clear_refs", "5").ok()?;
	process_bytes("VmRSS")
}

/// Imports a checkpoint of so many layers. On one thread, so that tensors meet each other in the same order every time.
fn import_of(layers: usize, groups: Option<Groups>) -> Peak {
	let shape =
		Llama { layers, d_model: 512, hidden: 1_376, heads: 8, kv_heads: 8, vocabulary: 2_048, context: 256 };
	let directory = tempfile::tempdir().unwrap();
	let path = directory.path().join("checkpoint");
	let written = match groups {
		Some(groups) => shape.write_gguf(&path, groups),
		None => shape.write_safetensors(&path, 3),
	};
	let written = written.unwrap();
	let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
	let (held, resident) = (HELD.load(Relaxed), reset_resident_peak());
	PEAK.store(held, Relaxed);
	let checkpoint = Checkpoint::open(&path).unwrap();
	let out = directory.path().join("model");
	let manifest = pool.install(|| import(&checkpoint, Precision::default(), &out, &|_, _| {})).unwrap();
	assert_eq!(manifest.parts.len(), layers + 2);
	let resident = resident.and_then(|before| Some(process_bytes("VmHWM")? - before));
	let peak = Peak { heap: PEAK.load(Relaxed) - held, resident };
	println!("{layers} layers, {groups:?}: {written} bytes of weights, {peak:?}");
	peak
}

#[test]
fn an_import_takes_no_more_memory_when_a_checkpoint_has_more_layers() {
	for groups in [None, Some(Groups::Q4_0), Some(Groups::Q8_0)] {
		// Threads, tables and the allocator's own memory are there from the first import on.
		import_of(2, groups);
		let (few, many) = (import_of(2, groups), import_of(16, groups));
		let within = |few: usize, many: usize| many <= few + few / 10;
		assert!(within(few.heap, many.heap), "{groups:?}: {few:?} {many:?}");
		if let (Some(few), Some(many)) = (few.resident, many.resident) {
			// The allocator may keep a megabyte more or less.
			assert!(within(few + (1 << 20), many), "{groups:?}: {few} {many}");
		}
	}
}
