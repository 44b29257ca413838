//! Experts larger than their memory budget, and what their packed form is worth.

use crate::{subject::Subject, Options};
use blyan_engine::{
	block::{write_expert, BlockShape, TensorBlock},
	kernel::{
		activations::ActivationRows,
		packed::{self, PackedView},
		ternary::{self, TernaryView},
		Kernel,
	},
	stream::{stream_experts, Compression, StreamConfig, StreamedExpert, StreamedMatrix, Streamer, TileFile},
};
use blyan_exact::{golden, ModelConfig};
use nix::fcntl::{posix_fadvise, PosixFadviseAdvice};
use serde_json::{json, Value};
use std::{
	error::Error,
	path::Path,
	time::{Duration, Instant},
};

/// Width and height of the large matrix: 16 MiB of codes.
const SIDE: usize = 8_192;
/// Memory of streams, for each thread that decodes: 2.2 MiB, a seventh of the matrix.
const BUDGET_BYTES: usize = 2_304 << 10;
const ALL: [Compression; 3] = [Compression::Stored, Compression::Zstd, Compression::Ternary];
/// Experts back to back: 33 MiB at the bounds of version 1.
const EXPERTS: usize = 64;
/// The widest experts of version 1.
const WIDEST: ModelConfig =
	ModelConfig { d_model: 512, d_ff: 2_048, layers: 1, heads: 8, experts: 64, top_k: 2, context: 64 };

type Outcome<T> = Result<T, Box<dyn Error>>;

fn round(number: f64, digits: i32) -> f64 {
	(number * 10_f64.powi(digits)).round() / 10_f64.powi(digits)
}

fn median(times: &mut [f64]) -> f64 {
	times.sort_by(f64::total_cmp);
	times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Runs all sides in turns until each has had its time, `before` each of them unmeasured; the median seconds of each.
fn medians<const N: usize>(
	seconds: f64,
	mut before: impl FnMut() -> Outcome<()>,
	mut work: [&mut dyn FnMut() -> Outcome<()>; N],
) -> Outcome<[f64; N]> {
	let (limit, began_at) = (Duration::from_secs_f64(seconds * N as f64), Instant::now());
	let mut times: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
	while times[0].len() < 5 || began_at.elapsed() < limit {
		for (times, work) in times.iter_mut().zip(&mut work) {
			before()?;
			let began_at = Instant::now();
			work()?;
			times.push(began_at.elapsed().as_secs_f64());
		}
	}
	Ok(times.map(|mut times| median(&mut times)))
}

/// Random weights; one in three of each.
fn random_codes(len: usize) -> Vec<u8> {
	let mut state = 1_u64;
	let mut next = || {
		state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
		((state >> 33) % 3) as u8
	};
	(0..len).map(|_| next() | next() << 2 | next() << 4 | next() << 6).collect()
}

fn activations(tokens: usize, width: usize) -> ActivationRows {
	let stream: Vec<i32> = (0..tokens * width).map(|i| (i * 7_919 % 4_001) as i32 - 2_000).collect();
	ActivationRows::norm_quant(Kernel::PORTABLE, &stream, &vec![256; width])
}

/// Has the system forget what it keeps of these files.
fn forget(files: &[&TileFile]) -> Outcome<()> {
	for file in files {
		posix_fadvise(file.file(), 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
	}
	Ok(())
}

/// Reads what a stream reads, in as large pieces, and does nothing with it.
fn read_alone(files: &[&TileFile], slab_tiles: usize, buffer: &mut [u8]) -> Outcome<()> {
	for file in files {
		for start in (0..file.tiles()).step_by(slab_tiles) {
			let len = file.read_stored(start..(start + slab_tiles).min(file.tiles()), buffer)?;
			std::hint::black_box(&buffer[..len]);
		}
	}
	Ok(())
}

/// Reading alone against using what is read, with a cold and a warm cache.
fn compare(
	name: &str,
	files: &[&TileFile],
	slab_tiles: usize,
	seconds: f64,
	mut used: impl FnMut() -> Outcome<()>,
) -> Outcome<Value> {
	let (stored, payload): (u64, u64) =
		files.iter().fold((0, 0), |(s, p), file| (s + file.stored_len(), p + file.payload_len()));
	let mut buffer = vec![0; 16 * blyan_engine::block::TILE_BYTES];
	let mut report = json!({ "stored_bytes": stored, "payload_bytes": payload });
	for (cache, is_cold) in [("cold", true), ("warm", false)] {
		let before = || if is_cold { forget(files) } else { Ok(()) };
		let [alone, streamed] =
			medians(seconds, before, [&mut || read_alone(files, slab_tiles, &mut buffer), &mut || used()])?;
		let gigabytes = |seconds: f64| round(stored as f64 / seconds / 1e9, 2);
		eprintln!(
			"{name}, {cache}: streamed at {:.2} of reading alone ({} of {} GB/s of the file)",
			alone / streamed,
			gigabytes(streamed),
			gigabytes(alone)
		);
		report[cache] = json!({
			"ratio": round(alone / streamed, 3),
			"streamed_gb_per_second": gigabytes(streamed),
			"read_alone_gb_per_second": gigabytes(alone),
			"streamed_weights_gb_per_second": round(payload as f64 / streamed / 1e9, 2),
		});
	}
	Ok(report)
}

/// One matrix of 8192 by 8192.
fn matrix(
	dir: &Path,
	kernel: Kernel,
	compression: Compression,
	decoders: usize,
	seconds: f64,
) -> Outcome<Value> {
	let codes = random_codes(SIDE * SIDE / 4);
	let path = dir.join(format!("matrix-{compression:?}"));
	let root = TileFile::write(&path, codes.len() as u64, &codes[..], compression)?;
	let matrix = StreamedMatrix::open(&path, SIDE, SIDE, &root)?;
	let inputs = activations(1, SIDE);
	let mut streamer = StreamConfig { budget_bytes: decoders * BUDGET_BYTES, decoders }.init()?;
	let expected = ternary::multiply(kernel, TernaryView { codes: &codes, rows: SIDE, cols: SIDE }, &inputs);
	assert_eq!(matrix.multiply(&mut streamer, kernel, &inputs)?, expected, "streaming changes nothing");
	let slab_tiles = streamer.slab_tiles();
	let name = format!("matrix, {compression:?}, {decoders} decoding");
	compare(&name, &[matrix.file()], slab_tiles, seconds, || {
		std::hint::black_box(matrix.multiply(&mut streamer, kernel, &inputs)?);
		Ok(())
	})
}

/// A layer of experts back to back.
fn experts(
	dir: &Path,
	kernel: Kernel,
	compression: Compression,
	decoders: usize,
	seconds: f64,
) -> Outcome<Value> {
	let mut experts = Vec::new();
	for index in 0..EXPERTS {
		// Sixteen different ones, each several times: making them takes longer than measuring.
		let path = dir.join(format!("expert-{compression:?}-{index}"));
		let expert = golden::random_expert(&WIDEST, &[index as u8 % 16]);
		let shape = BlockShape::expert_of(&WIDEST);
		let block = TensorBlock::from_bytes(write_expert(&expert, &WIDEST)?, shape)?;
		if !path.exists() {
			TileFile::write_block(&path, &block, compression)?;
		}
		experts.push(StreamedExpert::open(&path, shape, &block.tensor_root())?);
	}
	let inputs = activations(1, WIDEST.d_model.into());
	let pairs: Vec<_> = experts.iter().map(|expert| (expert, &inputs)).collect();
	let files: Vec<_> = experts.iter().map(StreamedExpert::file).collect();
	let mut streamer: Streamer = StreamConfig { budget_bytes: decoders * BUDGET_BYTES, decoders }.init()?;
	let slab_tiles = streamer.slab_tiles();
	let name = format!("{EXPERTS} experts, {compression:?}, {decoders} decoding");
	compare(&name, &files, slab_tiles, seconds, || {
		stream_experts(&mut streamer, kernel, &pairs, |_, steps| drop(std::hint::black_box(steps)))?;
		Ok(())
	})
}

/// Measures zstd on the experts of a real model, level by level.
fn compression(dir: &Path, model: &Path) -> Outcome<Value> {
	let Subject { config, experts, .. } = Subject::load(model)?;
	let mut report = Vec::new();
	for compression in ALL {
		let (mut stored, mut payload, mut seconds) = (0, 0, 0.0);
		let mut streamer = StreamConfig { budget_bytes: BUDGET_BYTES, decoders: 1 }.init()?;
		for (index, expert) in experts.iter().enumerate() {
			let path = dir.join(format!("model-{compression:?}-{index}"));
			let shape = BlockShape::expert_of(&config);
			let block = TensorBlock::from_bytes(write_expert(expert, &config)?, shape)?;
			TileFile::write_block(&path, &block, compression)?;
			let (file, _) = TileFile::open_block(&path, shape, &block.tensor_root())?;
			(stored, payload) = (stored + file.stored_len(), payload + file.payload_len());
			let mut times = Vec::new();
			for _ in 0..5 {
				let began_at = Instant::now();
				streamer.run(&[&file], |slab| {
					std::hint::black_box(slab.bytes);
					Ok(())
				})?;
				times.push(began_at.elapsed().as_secs_f64());
			}
			seconds += median(&mut times);
		}
		let ratio = stored as f64 / payload as f64;
		eprintln!(
			"model, {compression:?}: {ratio:.3} of its size, {:.2} GB/s of weights",
			payload as f64 / seconds / 1e9
		);
		report.push(json!({
			"compression": format!("{compression:?}"),
			"size": round(ratio, 4),
			"weights_gb_per_second": round(payload as f64 / seconds / 1e9, 2),
		}));
	}
	Ok(report.into())
}

/// Products with rows as they lie in a block, and packed.
fn packed_form(seconds: f64) -> Outcome<Value> {
	let mut report = Vec::new();
	for kernel in Kernel::available() {
		for (rows, cols) in [(256, 1_024), (1_024, 256), (512, 2_048), (2_048, 512), (2_048, 2_048)] {
			let codes = random_codes(rows * cols / 4);
			let view = TernaryView { codes: &codes, rows, cols };
			let mut bytes = vec![0; packed::packed_len(rows, cols)];
			let began_at = Instant::now();
			packed::pack(view, &mut bytes);
			let packing = began_at.elapsed().as_secs_f64();
			let packed = PackedView { codes: &bytes, rows, cols };
			for tokens in [1, 2, 8, 128] {
				let inputs = activations(tokens, cols);
				assert_eq!(
					packed::multiply(kernel, packed, &inputs),
					ternary::multiply(kernel, view, &inputs)
				);
				let repeat = (1_usize << 24).div_ceil(rows * cols * tokens).min(256);
				let [by_row, by_group] = medians(
					seconds / 20.0,
					|| Ok(()),
					[
						&mut || {
							for _ in 0..repeat {
								std::hint::black_box(ternary::multiply(kernel, view, &inputs));
							}
							Ok(())
						},
						&mut || {
							for _ in 0..repeat {
								std::hint::black_box(packed::multiply(kernel, packed, &inputs));
							}
							Ok(())
						},
					],
				)?;
				let operations = (2 * rows * cols * tokens * repeat) as f64;
				let ratio = by_row / by_group;
				let (packed, plain) = (operations / by_group / 1e9, operations / by_row / 1e9);
				eprintln!("{kernel}, {rows} x {cols}, {tokens} tokens: packed {packed:.0} GOP/s, {ratio:.2} times {plain:.0}");
				report.push(json!({
					"kernel": kernel.name(), "rows": rows, "cols": cols, "tokens": tokens, "ratio": round(ratio, 2),
					"packed_gops": round(packed, 1), "rows_gops": round(plain, 1),
					"packing_microseconds": round(packing * 1e6, 1),
				}));
			}
		}
	}
	Ok(report.into())
}

/// Measures and reports.
pub fn measure(options: &Options) -> Result<Value, Box<dyn Error>> {
	let (kernel, seconds) = (Kernel::best(), options.seconds / 5.0);
	// Beside what is built, and not in a file system that may be memory.
	let dir = tempfile::tempdir_in(std::env::current_exe()?.parent().ok_or("this program has no folder")?)?;
	let packed = packed_form(options.seconds)?;
	let compression = compression(dir.path(), &options.model)?;
	let mut streams = Vec::new();
	for compression in ALL {
		for decoders in [1, 2, 3] {
			streams.push(json!({
				"compression": format!("{compression:?}"),
				"decoders": decoders,
				"matrix": matrix(dir.path(), kernel, compression, decoders, seconds)?,
				"experts": experts(dir.path(), kernel, compression, decoders, seconds)?,
			}));
		}
	}
	Ok(json!({
		"streams": streams,
		"compression": compression,
		"packed": packed,
		"budget_bytes_per_decoder": BUDGET_BYTES,
		"kernel": kernel.name(),
	}))
}
