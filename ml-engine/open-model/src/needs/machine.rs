//! Rates of a machine: measured here with the kernels that a model runs on, or taken from a data sheet.

use super::sizes::{name, Products};
use crate::run::RunError;
use blyan_exact::definition2::{matrix::INT8_PEAK, Architecture, Matrix, Real, WeightKind};
use blyan_kernel::{
	definition2::{attend, linear, HeadCache, Inputs, Packed, Queries, Scratch},
	hash::hash_all,
	Kernel,
};
use rayon::ThreadPool;
use serde::Serialize;
use std::{
	hint::black_box,
	time::{Duration, Instant},
};

/// Bytes that each thread reads to measure memory: more than caches hold.
const MEMORY_BYTES: usize = 256 << 20;
/// Rows and columns of the matrices that are multiplied: with 8 bits half of a usual second-level cache.
const MATRIX: (usize, usize) = (256, 1_024);
/// Tokens that are read at once where there are many, as many as a thread takes through the layers.
const TOKENS: usize = 32;
/// Positions in the cache while attention is measured.
const POSITIONS: usize = 512;
/// Messages that are hashed at a time, and their bytes: rows of a trace.
const MESSAGES: (usize, usize) = (64, 4_096);
/// Turns of a measurement, of which the fastest counts: whatever else runs only slows a turn down.
const TURNS: usize = 7;
/// Time of a turn, short enough to fall between two switches to another process.
const TURN: Duration = Duration::from_millis(5);

/// Multiply-adds a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
	/// One token at a time.
	pub one: f64,
	/// Many tokens at once.
	pub many: f64,
}

/// Rate of products with one kind of weights.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProductRate {
	/// Storage of the weights.
	pub kind: &'static str,
	/// Bits of the activations.
	pub bits: u8,
	/// Multiply-adds a second.
	pub rate: Rate,
}

/// Rates at which a machine multiplies.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rates {
	/// Measured, with matrices that lie in a cache.
	Measured {
		/// Of every kind that the model has.
		products: Vec<ProductRate>,
		/// Of attention.
		attention: Rate,
	},
	/// Multiply-adds of 8 bits a second, by a data sheet. Activations of more bits take two.
	Peak(f64),
}

/// Machine that a model runs on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Machine {
	/// Instruction set, or what the data sheet is about.
	pub name: String,
	/// Threads; 0 by a data sheet.
	pub threads: usize,
	/// Bytes that are read from memory in a second.
	pub bandwidth: f64,
	/// Multiply-adds.
	pub rates: Rates,
	/// Bytes of rows that are hashed in a second; `None` by a data sheet.
	pub hashing: Option<f64>,
}

impl Machine {
	/// Takes bytes and 8-bit multiply-adds a second from a data sheet.
	pub fn of_data_sheet(name: String, bandwidth: f64, multiplies: f64) -> Self {
		Self { name, threads: 0, bandwidth, rates: Rates::Peak(multiplies), hashing: None }
	}

	/// Measures this machine with so many threads, in a second or two.
	pub fn measure(
		architecture: &Architecture,
		products: &[Products],
		kernel: Kernel,
		threads: usize,
	) -> Result<Self, RunError> {
		let threads = threads.max(1);
		let pool = rayon::ThreadPoolBuilder::new()
			.num_threads(threads)
			.build()
			.map_err(|error| RunError::Threads { threads, reason: error.to_string() })?;
		let mut rates = Vec::<ProductRate>::new();
		for &Products { kind, bits, .. } in products {
			if !rates.iter().any(|known| (known.kind, known.bits) == (name(kind), bits)) {
				let rate = |tokens| product_rate(&pool, kernel, (kind, bits), tokens);
				let rate = Rate { one: rate(1), many: rate(TOKENS) };
				rates.push(ProductRate { kind: name(kind), bits, rate });
			}
		}
		let attention = |tokens| attention_rate(&pool, kernel, architecture, tokens);
		let attention = Rate { one: attention(1), many: attention(TOKENS) };
		Ok(Self {
			name: kernel.to_string(),
			threads,
			bandwidth: bandwidth(&pool),
			rates: Rates::Measured { products: rates, attention },
			hashing: Some(hashing_rate(&pool, kernel)),
		})
	}

	/// Returns the multiply-adds a second of products; zero for a kind that was not measured.
	pub fn product_rate(&self, kind: WeightKind, bits: u8) -> Rate {
		match &self.rates {
			Rates::Peak(peak) => {
				let rate = if bits > 8 { peak / 2.0 } else { *peak };
				Rate { one: rate, many: rate }
			}
			Rates::Measured { products, .. } => {
				let known = products.iter().find(|known| (known.kind, known.bits) == (name(kind), bits));
				known.map_or(Rate { one: 0.0, many: 0.0 }, |known| known.rate)
			}
		}
	}

	/// Returns the multiply-adds a second of attention. Weights of values have 15 bits, so by a data sheet they take two.
	pub fn attention_rate(&self) -> Rate {
		match self.rates {
			Rates::Peak(peak) => Rate { one: peak / 2.0, many: peak / 2.0 },
			Rates::Measured { attention, .. } => attention,
		}
	}
}

/// Runs work on every thread at once; returns how often it was done in a second on all of them together, in the fastest
/// turn. `begin` makes a thread's state.
fn rate<S>(pool: &ThreadPool, begin: impl Fn() -> S + Sync, work: impl Fn(&mut S) + Sync) -> f64 {
	let turns = pool.broadcast(|_| {
		let mut state = begin();
		let mut fastest = 0.0_f64;
		for _ in 0..TURNS {
			let (started, mut count) = (Instant::now(), 0_u32);
			while count == 0 || started.elapsed() < TURN {
				work(&mut state);
				count += 1;
			}
			fastest = fastest.max(f64::from(count) / started.elapsed().as_secs_f64());
		}
		fastest
	});
	turns.into_iter().sum()
}

/// Reads memory in a plain loop; returns bytes a second.
fn bandwidth(pool: &ThreadPool) -> f64 {
	let words = || vec![1_u64; MEMORY_BYTES / size_of::<u64>()];
	let read = |words: &mut Vec<u64>| {
		let mut sums = [0_u64; 32];
		for words in black_box(words.as_slice()).as_chunks::<32>().0 {
			for (sum, word) in sums.iter_mut().zip(words) {
				*sum ^= word;
			}
		}
		black_box(sums);
	};
	rate(pool, words, read) * MEMORY_BYTES as f64
}

/// Multiplies one matrix by some tokens; returns multiply-adds a second.
fn product_rate(pool: &ThreadPool, kernel: Kernel, (kind, bits): (WeightKind, u8), tokens: usize) -> f64 {
	let (rows, cols) = MATRIX;
	let begin = || {
		let mut row: Vec<u8> = (0..kind.code_bytes(cols)).map(|i| (i * 37 % 251) as u8 & 0x55).collect();
		// Halves and factors alike: 2^-6 or so.
		row.extend([0x55, 0x24].repeat(kind.scale_bytes(cols) / 2));
		let peak = if kind == WeightKind::Int8 { INT8_PEAK } else { 1 << 20 };
		let scale = Real::from_integer(1).shifted(-8);
		let bytes = row.repeat(rows);
		let packed = Packed::pack(&Matrix { kind, rows, cols, bytes: &bytes, scale, peak });
		let most = (1 << (bits - 1)) - 1;
		let entry = |i: usize| (i * 7919 % (2 * most + 1)) as i16 - most as i16;
		let values: Vec<i16> = (0..tokens * cols).map(entry).collect();
		let mut inputs = Inputs::default();
		inputs.set_rows(kernel, &values, &vec![Real::from_integer(1); tokens], cols, bits.into());
		(packed, inputs, vec![0; tokens * rows])
	};
	let work = |(packed, inputs, out): &mut (Packed, Inputs, Vec<i32>)| {
		linear(kernel, packed.view(), inputs.view(), 12, 1 << 26, None, out);
	};
	rate(pool, begin, work) * (tokens * rows * cols) as f64
}

/// Attends with the query heads of one key/value head; returns multiply-adds a second.
fn attention_rate(pool: &ThreadPool, kernel: Kernel, architecture: &Architecture, tokens: usize) -> f64 {
	let (size, group) =
		(usize::from(architecture.head_size), usize::from(architecture.heads / architecture.kv_heads));
	let head =
		|i: usize| -> Vec<i8> { (0..size).map(|j| ((i * 31 + j * 17) % 255) as u8 as i8 / 2).collect() };
	let begin = || {
		let mut cache = HeadCache::new(size);
		(0..POSITIONS).for_each(|i| cache.push(&head(i), 1 << 14, &head(i + 7), 1 << 14));
		let codes: Vec<i8> = (0..tokens * group).flat_map(head).collect();
		(cache, codes, vec![1 << 14; tokens * group], Scratch::default(), vec![0; tokens * group * size])
	};
	type State = (HeadCache, Vec<i8>, Vec<i32>, Scratch, Vec<i32>);
	let work = |(cache, codes, maxima, scratch, out): &mut State| {
		let queries = Queries {
			codes,
			code_stride: group * size,
			maxima,
			maximum_stride: group,
			group,
			tokens,
			first: POSITIONS + 1 - tokens,
		};
		attend(kernel, queries, cache, scratch, out, group * size);
	};
	// Positions that each token sees, half a batch less than all on average.
	let seen = tokens * POSITIONS - tokens * (tokens - 1) / 2;
	rate(pool, begin, work) * (2 * group * size * seen) as f64
}

/// Hashes rows of a trace; returns bytes a second.
fn hashing_rate(pool: &ThreadPool, kernel: Kernel) -> f64 {
	let (count, bytes) = MESSAGES;
	let begin = || (vec![vec![7_u8; bytes]; count], Vec::new());
	let work = |(messages, digests): &mut (Vec<Vec<u8>>, Vec<_>)| {
		let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
		digests.clear();
		hash_all(kernel, &messages, digests);
	};
	rate(pool, begin, work) * (count * bytes) as f64
}
