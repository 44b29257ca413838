//! Products of matrices, and the parts of a forward pass, against f32 and against the machine's limits.

mod products;
mod rivals;
mod roofline;
mod shares;

use crate::Options;
use blyan_engine::kernel::Kernel;
use blyan_exact::ModelConfig;
use serde_json::{json, Value};
use std::{
	error::Error,
	time::{Duration, Instant},
};

/// Numbers without a pattern.
struct Source(u64);

impl Source {
	fn next(&mut self) -> u64 {
		self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
		self.0 >> 24
	}

	/// From `-bound` to `bound`.
	fn within(&mut self, bound: i64) -> i64 {
		(self.next() as i64) % (2 * bound + 1) - bound
	}

	/// Packed codes of `weights` ternary weights.
	fn codes(&mut self, weights: usize) -> Vec<u8> {
		(0..weights / 4).map(|_| (0..4).map(|j| ((self.next() % 3) as u8) << (2 * j)).sum()).collect()
	}
}

/// Seconds of the fastest run: of at least three, and of as many as fit the time.
fn fastest(seconds: f64, body: &mut dyn FnMut()) -> f64 {
	let limit = Duration::from_secs_f64(seconds);
	let began_at = Instant::now();
	let mut fastest = f64::INFINITY;
	for run in 0.. {
		let run_began_at = Instant::now();
		body();
		fastest = fastest.min(run_began_at.elapsed().as_secs_f64());
		if run >= 2 && began_at.elapsed() >= limit {
			break;
		}
	}
	fastest
}

/// The middle of some numbers; infinite if there are none.
fn median(mut numbers: Vec<f64>) -> f64 {
	numbers.sort_by(f64::total_cmp);
	numbers.get(numbers.len() / 2).copied().unwrap_or(f64::INFINITY)
}

/// Three digits are all that a measurement is good for.
fn rounded(number: f64) -> f64 {
	if number == 0.0 || !number.is_finite() {
		return 0.0;
	}
	let digits = 10_f64.powi(2 - number.abs().log10().floor() as i32);
	(number * digits).round() / digits
}

/// Measures and reports.
pub fn measure(options: &Options) -> Result<Value, Box<dyn Error>> {
	let manifest: Value = serde_json::from_slice(&std::fs::read(options.model.join("manifest.json"))?)?;
	let config: ModelConfig = serde_json::from_value(manifest["config"].clone())?;
	let mut numpy = options.python.as_deref().map(rivals::Numpy::start).transpose()?;
	let cases = products::measure(options.seconds, &mut numpy)?;
	let roofs = roofline::place(&cases, options.seconds);
	if let Some(path) = &options.plot {
		roofline::draw(&roofs, path)?;
		eprintln!("roofline drawn to {}", path.display());
	}
	let mut shares = serde_json::Map::new();
	for kernel in Kernel::available() {
		shares.insert(kernel.name().into(), forward_pass(kernel, config, options.seconds / 20.0));
	}
	let widest = forward_pass(Kernel::best(), crate::model::LARGE, options.seconds / 20.0);
	let ratios = products::ratios(&cases);
	Ok(json!({
		"ratios": ratios,
		"numpy": numpy.as_ref().map(|numpy| numpy.version.clone()),
		"products": cases.iter().map(products::Case::report).collect::<Vec<_>>(),
		"roofline": roofs.report(),
		"forward_pass": shares,
		"config": config,
		"forward_pass_of_a_wide_model": widest,
		"wide_config": crate::model::LARGE,
	}))
}

/// Measures each operator's part of a forward pass of such a model.
fn forward_pass(kernel: Kernel, config: ModelConfig, seconds: f64) -> Value {
	let shares = shares::measure(kernel, config, seconds);
	let total: f64 = shares.iter().map(|share| share.nanoseconds).sum();
	let row_wise = shares.iter().filter(|share| share.is_row_wise).map(|share| share.nanoseconds);
	let row_wise = rounded(row_wise.sum::<f64>() / total * 100.0);
	eprintln!(
		"forward pass, d_model {}, {kernel}: {total:.0} ns a token, {row_wise} % attention, normalisation and softmax",
		config.d_model
	);
	let mut operators = serde_json::Map::new();
	for share in shares {
		let percent = share.nanoseconds / total * 100.0;
		eprintln!("  {:38} {:8.0} ns {percent:5.1} %", share.name, share.nanoseconds);
		operators.insert(share.name.into(), json!(rounded(share.nanoseconds)));
	}
	json!({
		"attention_normalisation_softmax_percent": row_wise,
		"nanoseconds_per_token": rounded(total),
		"operators": operators,
	})
}
