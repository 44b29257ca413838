//! Prints how fast this machine evaluates: each kernel's products, and a whole model against the definition.
//!
//! `cargo run -p blyan-engine --example speed [d_model d_ff layers experts threads kernel]`; the last line is JSON.

use blyan_engine::{
	decode::Generator,
	eval::{never_stop, Evaluator},
	kernel::{
		rows::ActivationRows,
		ternary::{multiply, TernaryView},
		Kernel,
	},
	model::Model,
};
use blyan_exact::{golden, ModelConfig, Sampling};
use std::{error::Error, sync::Arc, time::Instant};

/// Seconds of the fastest of several runs.
fn fastest(runs: u32, mut body: impl FnMut()) -> f64 {
	let timed = (0..runs).map(|_| {
		let started = Instant::now();
		body();
		started.elapsed().as_secs_f64()
	});
	timed.fold(f64::INFINITY, f64::min)
}

/// Billions of operations (two a weight) a second.
fn gops(kernel: Kernel, rows: usize, cols: usize, tokens: usize) -> f64 {
	let codes: Vec<u8> = (0..rows * cols / 4).map(|i| [0x24, 0x91, 0x48][i % 3]).collect();
	let stream: Vec<i32> = (0..tokens * cols).map(|i| (i * 7_919 % 8_191) as i32 - 4_095).collect();
	let inputs = ActivationRows::norm_quant(kernel, &stream, &vec![256; cols]);
	let seconds = fastest(20, || {
		std::hint::black_box(multiply(kernel, TernaryView { codes: &codes, rows, cols }, &inputs));
	});
	2.0 * (rows * cols * tokens) as f64 / seconds / 1e9
}

fn main() -> Result<(), Box<dyn Error>> {
	let numbers: Vec<u16> = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
	let number = |index: usize, default: u16| numbers.get(index).copied().unwrap_or(default);
	let config = ModelConfig {
		d_model: number(0, 256),
		d_ff: number(1, 512),
		layers: number(2, 4).try_into()?,
		heads: u8::try_from(number(0, 256) / 32)?,
		experts: number(3, 8),
		top_k: 1,
		context: 256,
	};
	let threads = usize::from(number(4, 1));
	// A sixth number picks one kernel by its place, slowest first.
	let chosen = numbers.get(5).map(|&index| usize::from(index));
	let kernels = Kernel::available().into_iter().enumerate();
	let kernels: Vec<Kernel> =
		kernels.filter(|(index, _)| chosen.is_none_or(|c| c == *index)).map(|(_, k)| k).collect();
	for &kernel in &kernels {
		for (rows, cols) in [(256, 256), (512, 512), (512, 2_048)] {
			let [one, many] = [1, 128].map(|tokens| gops(kernel, rows, cols, tokens));
			println!("{kernel:>12} {rows}x{cols}: {one:7.1} GOPS for 1 token, {many:7.1} for 128");
		}
	}
	let exact = golden::random_model(config, b"speed");
	let model = Arc::new(Model::from_weights(&config, &exact.trunk, &exact.experts)?);
	let text: Vec<u8> = (0..32 * 256_u32).map(|i| ((i * i) >> 5) as u8).collect();
	let sequences: Vec<&[u8]> = text.chunks(256).collect();
	let view = exact.view();
	let definition = 256.0
		/ fastest(1, || {
			let _ = std::hint::black_box(view.sequence_loss(sequences[0]));
		});
	println!("  definition: {definition:9.0} tokens/s");
	let mut fields = vec![format!("\"exact_tokens_per_second\":{definition:.0},\"threads\":{threads}")];
	for &kernel in &kernels {
		let evaluator = Evaluator::new(kernel, threads).map_err(|error| format!("{error:?}"))?;
		let seconds =
			fastest(5, || drop(std::hint::black_box(evaluator.losses(&model, &sequences, &never_stop))));
		let speed = text.len() as f64 / seconds;
		let sampling = Sampling { temperature: 256, top_p: 256, seed: [1; 32] };
		let generation = fastest(3, || {
			let generator = Generator::new(model.clone(), kernel, b"fn ", sampling);
			std::hint::black_box(generator.map(|bytes| bytes.take(128).count()).ok());
		});
		let bytes = 128.0 / generation;
		println!(
			"{kernel:>12}: {speed:9.0} tokens/s evaluated, {:.1} x; {bytes:.0} bytes/s generated",
			speed / definition
		);
		fields.push(format!(
			"\"{kernel}\":{{\"tokens_per_second\":{speed:.0},\"bytes_per_second\":{bytes:.0}}}"
		));
	}
	println!("{{{}}}", fields.join(","));
	Ok(())
}
