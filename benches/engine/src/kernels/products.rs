//! Ternary products at three shapes and three batches, in turns with f32.

use super::{fastest, median, rivals, rounded, Source};
use blyan_engine::kernel::{
	activations::ActivationRows,
	ternary::{multiply_into, TernaryView},
	Kernel,
};
use serde_json::{json, Value};
use std::{error::Error, hint::black_box};

/// Outputs and inputs.
const SHAPES: [(usize, usize); 3] = [(512, 512), (1_024, 512), (2_048, 2_048)];
/// Tokens.
const BATCHES: [usize; 3] = [1, 16, 128];
/// Each side's turns.
const TURNS: usize = 5;

/// One shape and batch.
pub struct Case {
	/// Outputs.
	pub rows: usize,
	/// Inputs.
	pub cols: usize,
	/// Tokens.
	pub tokens: usize,
	/// Seconds of each kernel, slowest kind first.
	pub kernels: Vec<(Kernel, f64)>,
	/// Seconds of f32 through the crate `gemm`.
	pub gemm: f64,
	/// Seconds of f32 through numpy, if it was there.
	pub numpy: Option<f64>,
}

impl Case {
	/// Multiplications, each with its addition.
	pub fn products(&self) -> f64 {
		(self.rows * self.cols * self.tokens) as f64
	}

	/// Bytes that have to be moved at least: codes, activations and sums, once each.
	pub fn bytes(&self) -> f64 {
		(self.rows * self.cols / 4 + self.tokens * (self.cols + 4 * self.rows)) as f64
	}

	fn measure(
		(rows, cols): (usize, usize),
		tokens: usize,
		seconds: f64,
		numpy: &mut Option<rivals::Numpy>,
	) -> Result<Self, Box<dyn Error>> {
		let mut source = Source((rows + cols + tokens) as u64);
		let codes = source.codes(rows * cols);
		let stream: Vec<i32> = (0..tokens * cols).map(|_| source.within(1 << 15) as i32).collect();
		let weights = TernaryView { codes: &codes, rows, cols };
		let inputs = ActivationRows::norm_quant(Kernel::best(), &stream, &vec![256; cols]);
		let (mut expected, mut products) = (vec![0; rows * tokens], vec![0; rows * tokens]);
		multiply_into(Kernel::PORTABLE, weights, &inputs, &mut expected);
		let mut float = rivals::Float::new(rows, cols, tokens);
		let mut times = vec![Vec::new(); Kernel::available().len()];
		let (mut gemm, mut other) = (Vec::new(), Vec::new());
		let slice = seconds / (TURNS * SHAPES.len() * BATCHES.len()) as f64;
		for _ in 0..TURNS {
			for (times, kernel) in times.iter_mut().zip(Kernel::available()) {
				// A fast wrong answer is worth nothing.
				multiply_into(kernel, weights, &inputs, &mut products);
				assert_eq!(products, expected, "{kernel} differs");
				times.push(fastest(slice, &mut || {
					multiply_into(kernel, weights, &inputs, black_box(&mut products));
				}));
			}
			gemm.push(fastest(slice, &mut || float.multiply()));
			if let Some(numpy) = numpy {
				other.push(numpy.multiply(rows, cols, tokens, slice)?);
			}
		}
		let kernels = Kernel::available().into_iter().zip(times.into_iter().map(median)).collect();
		let numpy = numpy.is_some().then(|| median(other));
		Ok(Self { rows, cols, tokens, kernels, gemm: median(gemm), numpy })
	}

	/// As JSON.
	pub fn report(&self) -> Value {
		let milliseconds = |seconds: f64| rounded(seconds * 1e3);
		let kernels: serde_json::Map<String, Value> = self
			.kernels
			.iter()
			.map(|(kernel, seconds)| (kernel.name().into(), json!(milliseconds(*seconds))))
			.collect();
		json!({
			"rows": self.rows,
			"cols": self.cols,
			"tokens": self.tokens,
			"milliseconds": kernels,
			"gemm_f32_milliseconds": milliseconds(self.gemm),
			"numpy_f32_milliseconds": self.numpy.map(milliseconds),
		})
	}
}

/// Every case. Numbers are medians over the turns of each turn's fastest run.
pub fn measure(seconds: f64, numpy: &mut Option<rivals::Numpy>) -> Result<Vec<Case>, Box<dyn Error>> {
	let mut cases = Vec::new();
	for shape in SHAPES {
		for tokens in BATCHES {
			let case = Case::measure(shape, tokens, seconds, numpy)?;
			let mut line = format!("{}x{}, {tokens:3} tokens:", case.rows, case.cols);
			for (kernel, seconds) in &case.kernels {
				let speed = case.products() / seconds / 1e9;
				line += &format!("  {kernel} {:.4} ms ({speed:.0} G/s)", seconds * 1e3);
			}
			line += &format!("  gemm f32 {:.4} ms", case.gemm * 1e3);
			if let Some(seconds) = case.numpy {
				line += &format!("  numpy f32 {:.4} ms", seconds * 1e3);
			}
			eprintln!("{line}");
			cases.push(case);
		}
	}
	Ok(cases)
}

/// Returns the speed-up of the best kernel over its rivals, and over AVX2, by case.
pub fn ratios(cases: &[Case]) -> Value {
	let ratios = cases.iter().filter_map(|case| {
		let (best, seconds) = case.kernels.last()?;
		let avx2 = case.kernels.iter().find(|(kernel, _)| kernel.name() == "avx2").map(|(_, avx2)| *avx2);
		Some(json!({
			"rows": case.rows,
			"cols": case.cols,
			"tokens": case.tokens,
			"kernel": best.name(),
			"to_gemm_f32": rounded(case.gemm / seconds),
			"to_numpy_f32": case.numpy.map(|numpy| rounded(numpy / seconds)),
			"to_avx2": avx2.map(|avx2| rounded(avx2 / seconds)),
		}))
	});
	ratios.collect()
}
