//! Prints the speed of the second definition's products at the shapes of SmolLM2-135M, on one thread.
//!
//! `cargo run --release -p blyan-kernel --example definition2 [int4|int8|ternary|steps [KERNEL]]`

use blyan_exact::definition2::{matrix::INT8_PEAK, Activation, Gain, Matrix, Real, WeightKind};
use blyan_kernel::{
	definition2::{
		angles, attend, linear, loss, quantise_heads, rotate, HeadCache, Inputs, Packed, Queries, Scratch,
	},
	Kernel,
};
use std::{hint::black_box, time::Instant};

/// Rows and columns.
const SHAPES: [(usize, usize); 5] = [(576, 576), (192, 576), (1536, 576), (576, 1536), (49_152, 576)];
const BATCHES: [usize; 4] = [1, 16, 64, 256];
/// Bytes that no cache holds: as many copies of a matrix are multiplied in turn with one token.
const COLD_BYTES: usize = 160 << 20;

fn packed(kind: WeightKind, rows: usize, cols: usize) -> Packed {
	let mut row: Vec<u8> = (0..kind.code_bytes(cols)).map(|i| (i * 37 % 251) as u8 & 0x99).collect();
	row.extend([0x55, 0x24].repeat(kind.scale_bytes(cols) / 2));
	let bytes = row.repeat(rows);
	let peak = if kind == WeightKind::Int8 { INT8_PEAK } else { 1 << 20 };
	let scale = Real::from_integer(1).shifted(-8);
	Packed::pack(&Matrix { kind, rows, cols, bytes: &bytes, scale, peak })
}

/// Returns the fastest of several turns, in seconds.
fn fastest(turns: usize, mut run: impl FnMut()) -> f64 {
	let turn = |run: &mut dyn FnMut()| {
		let start = Instant::now();
		run();
		start.elapsed().as_secs_f64()
	};
	(0..turns).map(|_| turn(&mut run)).fold(f64::INFINITY, f64::min)
}

/// Reads memory as fast as a plain loop can; returns GB/s.
fn read_bandwidth() -> f64 {
	let words = vec![1_u64; COLD_BYTES / 8];
	let seconds = fastest(5, || {
		let mut sums = [0_u64; 32];
		for words in black_box(&words).as_chunks::<32>().0 {
			for (sum, word) in sums.iter_mut().zip(words) {
				*sum ^= word;
			}
		}
		black_box(sums);
	});
	COLD_BYTES as f64 / seconds / 1e9
}

fn measure(kernel: Kernel, matrix: &Packed, tokens: usize, bits: u32) -> f64 {
	let (rows, cols) = (matrix.view().rows(), matrix.view().columns());
	let most = (1 << (bits - 1)) - 1;
	let values: Vec<i16> =
		(0..tokens * cols).map(|i| (i * 7919 % (2 * most + 1)) as i16 - most as i16).collect();
	let mut inputs = Inputs::default();
	inputs.set_rows(kernel, &values, &vec![Real::from_integer(1); tokens], cols, bits);
	let mut out = vec![0; tokens * rows];
	// Turns short enough to fall between two switches to another process.
	let repeats = (30_000_000 / (tokens * rows * cols)).clamp(1, 50);
	let turns = if repeats == 1 { 12 } else { 60 };
	let seconds = fastest(turns, || {
		for _ in 0..repeats {
			linear(kernel, matrix.view(), inputs.view(), 12, 1 << 26, None, &mut out);
		}
	});
	seconds / repeats as f64
}

/// Multiplies many copies of a matrix with one token, so that weights come from memory; returns GB/s.
fn cold(kernel: Kernel, matrix: &Packed, bits: u32) -> f64 {
	let (rows, cols) = (matrix.view().rows(), matrix.view().columns());
	let copies = vec![matrix.clone(); COLD_BYTES.div_ceil(matrix.bytes())];
	let mut inputs = Inputs::default();
	inputs.set_rows(kernel, &vec![77; cols], &[Real::from_integer(1)], cols, bits);
	let mut out = vec![0; rows];
	let seconds = fastest(3, || {
		for matrix in &copies {
			linear(kernel, matrix.view(), inputs.view(), 12, 1 << 26, None, &mut out);
		}
	});
	(copies.len() * matrix.bytes()) as f64 / seconds / 1e9
}

/// Prints nanoseconds a token of the steps between products.
fn steps(kernel: Kernel) {
	let tokens = 16;
	let row = |len: usize, bits: u32| -> Vec<i32> {
		(0..len).map(|i| (i * 7919 % (1 << bits)) as i32 - (1 << (bits - 1))).collect()
	};
	let time = |name: &str, tokens: usize, run: &mut dyn FnMut()| {
		println!("{kernel:11} {name:32} {:9.0} ns a token", fastest(100, run) / tokens as f64 * 1e9);
	};
	let (stream, gate, up) = (row(tokens * 576, 20), row(tokens * 1536, 17), row(tokens * 1536, 16));
	let gain = vec![1 << 20; 576];
	let gain = Gain { values: &gain, scale: Real::from_integer(1).shifted(-20) };
	let mut inputs = Inputs::default();
	time("norm 576", tokens, &mut || inputs.set_norm(kernel, &stream, 12, gain, 1 << 30, 10));
	let mut inputs = Inputs::default();
	time("SwiGLU 1536", tokens, &mut || {
		inputs.set_hidden(kernel, Activation::SwiGlu, &gate, &up, 1536, None, 12);
	});
	let (mut codes, mut maxima) = (vec![0; tokens * 576], vec![0; tokens * 9]);
	time("quantised heads 576", tokens, &mut || quantise_heads(kernel, &stream, 64, &mut codes, &mut maxima));
	let mut table = Vec::new();
	angles(77, &[123_456_789_123; 32], &mut table);
	let mut rotated = stream[..576].to_vec();
	time("rotation 576", 1, &mut || rotate(kernel, &mut rotated, &table));
	let logits = row(49_152, 21);
	time("loss 49152", 1, &mut || {
		black_box(loss(kernel, &logits, 5));
	});
	for kind in [WeightKind::Int4By32, WeightKind::Int8] {
		let (rows, cols) = (4096, 576);
		let bytes = vec![0x55; rows * kind.row_bytes(cols)];
		let mut matrix = packed(kind, rows, cols);
		let seconds = fastest(20, || matrix.set_rows(0, &bytes));
		println!("{kernel:11} packing {kind:?}: {:.2} GB/s", bytes.len() as f64 / seconds / 1e9);
	}
	for positions in [256, 1024] {
		let mut cache = HeadCache::new(64);
		for i in 0..positions {
			let head: Vec<i8> = (0..64).map(|j| ((i * 31 + j * 17) % 255) as u8 as i8 / 2).collect();
			cache.push(&head, 1 << 14, &head, 1 << 14);
		}
		for tokens in [1, 16] {
			let queries = Queries {
				codes: &codes,
				code_stride: 576,
				maxima: &maxima,
				maximum_stride: 9,
				group: 3,
				tokens,
				first: positions + 1 - tokens,
			};
			let (mut scratch, mut out) = (Scratch::default(), vec![0; tokens * 576]);
			time(&format!("attention 3x64, {positions} keys, {tokens} tokens"), tokens, &mut || {
				attend(kernel, queries, &cache, &mut scratch, &mut out, 576);
			});
		}
	}
}

fn main() {
	let wanted = std::env::args().nth(1);
	let only = std::env::args().nth(2).and_then(|name| Kernel::by_name(&name));
	if wanted.as_deref() == Some("steps") {
		return Kernel::available().into_iter().for_each(steps);
	}
	println!("reading memory in a plain loop: {:.1} GB/s", read_bandwidth());
	for (name, kind, bits) in [
		("int4", WeightKind::Int4By32, 10),
		("int4 8-bit", WeightKind::Int4By32, 8),
		("int8", WeightKind::Int8, 10),
		("ternary", WeightKind::Ternary, 8),
	] {
		if wanted.as_ref().is_some_and(|wanted| !name.contains(wanted.as_str())) {
			continue;
		}
		let shapes = if std::env::args().nth(3).is_some() { &SHAPES[..1] } else { &SHAPES[..] };
		for &(rows, cols) in shapes {
			let matrix = packed(kind, rows, cols);
			let kernels = only.map_or_else(Kernel::available, |kernel| vec![kernel]);
			for kernel in kernels.iter().rev() {
				let gbs = cold(*kernel, &matrix, bits);
				print!("{name:10} {kernel:11} {rows:5} x {cols:4}  cold {gbs:5.1} GB/s  GMAC/s");
				for tokens in BATCHES {
					if *kernel == Kernel::PORTABLE && tokens * rows > 1 << 20 {
						continue;
					}
					let seconds = measure(*kernel, &matrix, tokens, bits);
					print!("  {tokens}: {:6.1}", (tokens * rows * cols) as f64 / seconds / 1e9);
				}
				println!();
			}
		}
	}
}
