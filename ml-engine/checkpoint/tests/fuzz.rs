//! Fuzz targets: malformed and adversarial checkpoints. `scripts/fuzz` runs these millions of times.
//!
//! The invariant: a file is refused, or every row of every role can be read; nothing panics; and opening it takes no
//! more memory than a small multiple of its length.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use blyan_checkpoint::{gguf::Gguf, safetensors::Directory, Checkpoint, CheckpointError, Groups};
use bolero::{check, TypeGenerator};
use std::{
	alloc::{GlobalAlloc, Layout, System},
	cell::Cell,
	path::Path,
	sync::LazyLock,
};
use support::{File, D};

/// Bytes of memory for each byte of a GGUF file, and for the file as such.
const GGUF_FACTOR: usize = 32;
/// The same for JSON, whose numbers and names become larger things.
const JSON_FACTOR: usize = 160;
const CONSTANT: usize = 16 << 10;

/// The system's allocator, with a count of what this thread holds and its highest value.
struct Counting;

thread_local! {
	static HELD: Cell<isize> = const { Cell::new(0) };
	static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
	HELD.set(HELD.get() + bytes);
	PEAK.set(PEAK.get().max(HELD.get()));
}

// SAFETY: every call is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
	unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
		count(layout.size() as isize);
		// SAFETY: the caller keeps the contract of `alloc`.
		unsafe { System.alloc(layout) }
	}

	unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
		count(-(layout.size() as isize));
		// SAFETY: the caller keeps the contract of `dealloc`.
		unsafe { System.dealloc(pointer, layout) }
	}
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `open` and asserts that it takes no more memory than `limit`.
fn within<T>(limit: usize, open: impl FnOnce() -> T) -> T {
	let before = HELD.get();
	PEAK.set(before);
	let result = open();
	let taken = PEAK.get() - before;
	assert!(taken <= limit as isize, "{taken} bytes of memory, the limit is {limit}");
	result
}

/// Asserts the invariant; returns whether the file was a checkpoint.
fn refused_or_readable(opened: Result<Checkpoint, CheckpointError>) -> bool {
	let Ok(checkpoint) = opened else { return false };
	for role in checkpoint.roles() {
		let weight = checkpoint.weight(role).unwrap();
		let (mut row, mut codes) = (vec![0.0; weight.columns()], vec![0; weight.columns()]);
		let mut groups = Groups::default();
		for index in 0..weight.rows() {
			weight.read_row(index, &mut row);
			weight.read_groups(index, &mut groups);
			weight.read_ternary(index, &mut codes);
		}
	}
	let _ = checkpoint.tokenizer();
	true
}

fn open_gguf(bytes: Vec<u8>) -> Result<Checkpoint, CheckpointError> {
	let limit = GGUF_FACTOR * bytes.len() + CONSTANT;
	within(limit, || Checkpoint::of_gguf(Gguf::from_bytes(bytes)?, "fuzz.gguf".as_ref()))
}

fn open_safetensors(config: &[u8], weights: Vec<u8>) -> Result<Checkpoint, CheckpointError> {
	let limit = JSON_FACTOR * (config.len() + weights.len()) + CONSTANT;
	within(limit, || {
		let files = vec![("model.safetensors".to_owned(), weights)];
		Checkpoint::of_directory(Directory::from_bytes(config, files)?)
	})
}

/// GGUF files that are right: dense, quantised, with experts.
static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
	let quantised = File::llama()
		.change("blk.0.ffn_down.weight", |tensor| (tensor.kind, tensor.bytes) = (3, vec![1; 64 * 20]))
		.change("blk.0.attn_k.weight", |tensor| (tensor.kind, tensor.bytes) = (8, vec![1; 16 * 34]));
	let routed = File::llama()
		.without("blk.0.ffn_gate.weight")
		.without("blk.0.ffn_up.weight")
		.without("blk.0.ffn_down.weight")
		.number("llama.expert_count", 2)
		.number("llama.expert_used_count", 1)
		.floats("blk.0.ffn_gate_inp.weight", &[D, 2])
		.floats("blk.0.ffn_gate_exps.weight", &[D, 64, 2])
		.floats("blk.0.ffn_up_exps.weight", &[D, 64, 2])
		.floats("blk.0.ffn_down_exps.weight", &[64, D, 2]);
	vec![File::llama().bytes(), quantised.bytes(), routed.bytes()]
});

/// Directories of tests/golden: configuration and weights.
static DIRECTORIES: LazyLock<Vec<(Vec<u8>, Vec<u8>)>> = LazyLock::new(|| {
	let read = |family: &str| {
		let directory =
			Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("tests/golden").join(family);
		let read = |name: &str| std::fs::read(directory.join(name)).unwrap();
		(read("config.json"), read("model.safetensors"))
	};
	["llama3", "bitnet_packed", "qwen3_moe"].map(read).into()
});

/// Mutation of a file.
#[derive(Clone, Debug, TypeGenerator)]
enum Mutation {
	Flip {
		at: u32,
		bit: u8,
	},
	/// In the directory of the file, where the numbers are.
	Early {
		at: u16,
		byte: u8,
	},
	/// A number of 64 bits in place of another.
	Number {
		at: u16,
		number: u64,
	},
	/// A number that is likely to be at a limit.
	Limit {
		at: u16,
		bit: u8,
		less: bool,
	},
	Truncate {
		by: u32,
	},
	Extend {
		by: u16,
	},
	Move {
		from: u32,
		to: u32,
		len: u16,
	},
	Insert {
		at: u16,
		byte: u8,
	},
	Remove {
		at: u16,
	},
}

impl Mutation {
	fn apply(&self, file: &mut Vec<u8>) {
		let len = file.len();
		let place = |at: u32| at as usize % len.max(1);
		let early = |at: u16| usize::from(at) % 4_096.min(len.max(1));
		let write = |file: &mut Vec<u8>, at: usize, number: u64| {
			let end = (at + 8).min(len);
			file[at..end].copy_from_slice(&number.to_le_bytes()[..end - at]);
		};
		match *self {
			_ if file.is_empty() => {}
			Self::Flip { at, bit } => file[place(at)] ^= 1 << (bit % 8),
			Self::Early { at, byte } => file[early(at)] = byte,
			Self::Number { at, number } => write(file, early(at), number),
			Self::Limit { at, bit, less } => write(file, early(at), (1_u64 << (bit % 64)) - u64::from(less)),
			Self::Truncate { by } => file.truncate(len - place(by)),
			Self::Extend { by } => file.resize(len + usize::from(by), 0),
			Self::Move { from, to, len: bytes } => {
				let bytes = usize::from(bytes).min(len - place(from)).min(len - place(to));
				file.copy_within(place(from)..place(from) + bytes, place(to));
			}
			Self::Insert { at, byte } => file.insert(early(at), byte),
			Self::Remove { at } => {
				file.remove(early(at));
			}
		}
	}
}

#[test]
fn arbitrary_bytes_are_refused_or_readable() {
	check!().with_type::<(bool, Vec<u8>)>().for_each(|(is_marked, bytes)| {
		let mut file = if *is_marked { b"GGUF\x03\0\0\0".to_vec() } else { Vec::new() };
		file.extend(bytes);
		refused_or_readable(open_gguf(file));
		let header = [&(bytes.len() as u64).to_le_bytes(), bytes.as_slice()].concat();
		refused_or_readable(open_safetensors(bytes, header.clone()));
		refused_or_readable(open_safetensors(&DIRECTORIES[0].0, header));
	});
}

#[test]
fn changed_gguf_files_are_refused_or_readable() {
	assert!(
		FILES.iter().all(|file| refused_or_readable(open_gguf(file.clone()))),
		"unchanged files are right"
	);
	check!().with_type::<(u8, Vec<Mutation>)>().for_each(|(which, mutations)| {
		let mut file = FILES[usize::from(*which) % FILES.len()].clone();
		mutations.iter().take(4).for_each(|mutation| mutation.apply(&mut file));
		refused_or_readable(open_gguf(file));
	});
}

#[test]
fn changed_safetensors_are_refused_or_readable() {
	let unchanged = |(config, weights): &(Vec<u8>, Vec<u8>)| open_safetensors(config, weights.clone());
	assert!(
		DIRECTORIES.iter().all(|files| refused_or_readable(unchanged(files))),
		"unchanged files are right"
	);
	check!().with_type::<(u8, Vec<Mutation>, Vec<Mutation>)>().for_each(|(which, of_config, of_weights)| {
		let (mut config, mut weights) = DIRECTORIES[usize::from(*which) % DIRECTORIES.len()].clone();
		// Most changes make JSON malformed, so the configuration is spared half of the time.
		if which % 2 == 0 {
			of_config.iter().take(2).for_each(|mutation| mutation.apply(&mut config));
		}
		of_weights.iter().take(3).for_each(|mutation| mutation.apply(&mut weights));
		refused_or_readable(open_safetensors(&config, weights));
	});
}
