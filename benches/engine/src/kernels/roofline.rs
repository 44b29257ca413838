//! The machine's limits: how fast one core reads, and how many products it has in it; and how near each case comes.

use super::{fastest, products::Case, rounded};
use blyan_engine::kernel::Kernel;
use plotters::prelude::*;
use serde_json::{json, Value};
use std::{error::Error, hint::black_box, path::Path};

/// More than any cache of one core holds.
const FAR_BYTES: usize = 1 << 28;

/// Limits of one core.
pub struct Roofs {
	/// Bytes a second from memory.
	memory: f64,
	/// Products a second of each kernel that has a limit of its own.
	peaks: Vec<(Kernel, f64)>,
	points: Vec<Point>,
}

/// One case of one kernel.
struct Point {
	kernel: Kernel,
	case: String,
	/// Products a byte.
	intensity: f64,
	/// Products a second.
	speed: f64,
	/// Bytes a second that a buffer of the case's size is read with.
	bandwidth: f64,
	/// Of what the lower of both roofs allows.
	share: f64,
}

/// Bytes a second of reading a buffer of a size again and again.
fn bandwidth(bytes: usize, seconds: f64) -> f64 {
	let buffer: Vec<u64> = (0..bytes as u64 / 8).collect();
	let sum = |buffer: &[u64]| {
		// Eight sums, so that the loop waits for loads alone.
		let mut sums = [0_u64; 32];
		for words in buffer.chunks_exact(32) {
			for (sum, word) in sums.iter_mut().zip(words) {
				*sum ^= word;
			}
		}
		sums
	};
	let repeats = ((1 << 24) / bytes).max(1);
	let seconds = fastest(seconds, &mut || {
		for _ in 0..repeats {
			black_box(sum(black_box(&buffer)));
		}
	});
	(bytes * repeats) as f64 / seconds
}

/// Products a second of a kernel's multiplying instruction with everything in registers.
#[cfg(target_arch = "x86_64")]
fn peak(kernel: Kernel, seconds: f64) -> Option<f64> {
	use std::arch::x86_64::*;
	const ROUNDS: usize = 100_000;
	/// Sums that do not wait for one another.
	const SUMS: usize = 12;

	#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
	fn vnni(x: i32) -> i32 {
		let (codes, x) = (_mm512_set1_epi8(2), _mm512_set1_epi32(x));
		let mut sums = [_mm512_setzero_si512(); SUMS];
		for _ in 0..ROUNDS {
			for sum in &mut sums {
				*sum = _mm512_dpbusd_epi32(*sum, codes, x);
			}
		}
		sums.into_iter().map(|sum| _mm512_reduce_add_epi32(sum)).fold(0, i32::wrapping_add)
	}

	#[target_feature(enable = "avx2")]
	fn avx2(x: i32) -> i32 {
		let (codes, x) = (_mm256_set1_epi8(2), _mm256_set1_epi32(x));
		let mut sums = [_mm256_setzero_si256(); SUMS];
		for _ in 0..ROUNDS {
			for sum in &mut sums {
				// SAFETY: instructions between registers. Written out, because the product would leave the loop.
				unsafe {
					std::arch::asm!(
						"vpmaddubsw {product}, {codes}, {x}",
						"vpaddw {sum}, {sum}, {product}",
						product = out(ymm_reg) _,
						codes = in(ymm_reg) codes,
						x = in(ymm_reg) x,
						sum = inout(ymm_reg) *sum,
						options(nomem, nostack, preserves_flags),
					);
				}
			}
		}
		let sum = sums.into_iter().fold(_mm256_setzero_si256(), |a, b| _mm256_add_epi16(a, b));
		_mm256_extract_epi32::<0>(sum)
	}

	let (width, run): (usize, &dyn Fn(i32) -> i32) = match kernel.name() {
		// SAFETY: the kernel exists, so its instructions do.
		"avx512-vnni" => (64, &|x| unsafe { vnni(x) }),
		// SAFETY: as above.
		"avx2" => (32, &|x| unsafe { avx2(x) }),
		_ => return None,
	};
	let seconds = fastest(seconds, &mut || {
		black_box(run(black_box(0x0102_0304)));
	});
	Some((ROUNDS * SUMS * width) as f64 / seconds)
}

#[cfg(not(target_arch = "x86_64"))]
fn peak(_: Kernel, _: f64) -> Option<f64> {
	None
}

/// Puts every case under the roofs.
pub fn place(cases: &[Case], seconds: f64) -> Roofs {
	let slice = seconds / 20.0;
	let memory = bandwidth(FAR_BYTES, slice);
	let peaks: Vec<(Kernel, f64)> =
		Kernel::available().into_iter().filter_map(|kernel| Some((kernel, peak(kernel, slice)?))).collect();
	eprintln!("one core reads {:.1} GB/s from memory", memory / 1e9);
	let mut points = Vec::new();
	for (kernel, peak) in &peaks {
		eprintln!("{kernel}: {:.0} G products/s in registers", peak / 1e9);
		for case in cases {
			let Some((_, seconds)) = case.kernels.iter().find(|(of, _)| of == kernel) else { continue };
			let (intensity, speed) = (case.products() / case.bytes(), case.products() / seconds);
			// Weights that are used again lie in a cache: its speed is the roof, not memory's.
			let bandwidth = bandwidth(case.bytes() as usize, slice / 4.0);
			let share = speed / peak.min(intensity * bandwidth);
			let name = format!("{}x{} {}", case.rows, case.cols, case.tokens);
			eprintln!(
				"  {name:15} {intensity:6.1} products/byte  {:5.0} G/s  {:4.0} % of the roof",
				speed / 1e9,
				share * 100.0
			);
			points.push(Point { kernel: *kernel, case: name, intensity, speed, bandwidth, share });
		}
	}
	Roofs { memory, peaks, points }
}

impl Roofs {
	/// As JSON; speeds in billions a second.
	pub fn report(&self) -> Value {
		let giga = |number: f64| rounded(number / 1e9);
		let points: Vec<Value> = self
			.points
			.iter()
			.map(|point| {
				json!({
					"kernel": point.kernel.name(),
					"case": point.case,
					"products_per_byte": rounded(point.intensity),
					"gproducts_per_second": giga(point.speed),
					"cache_gbytes_per_second": giga(point.bandwidth),
					"percent_of_roof": rounded(point.share * 100.0),
				})
			})
			.collect();
		let peaks: serde_json::Map<String, Value> =
			self.peaks.iter().map(|(kernel, peak)| (kernel.name().into(), json!(giga(*peak)))).collect();
		json!({ "memory_gbytes_per_second": giga(self.memory), "peak_gproducts_per_second": peaks, "cases": points })
	}
}

/// Draws roofs and cases, both axes logarithmic.
pub fn draw(roofs: &Roofs, path: &Path) -> Result<(), Box<dyn Error>> {
	let highest = roofs.peaks.iter().map(|(_, peak)| *peak).fold(1e9, f64::max) / 1e9;
	let root = SVGBackend::new(path, (900, 560)).into_drawing_area();
	root.fill(&WHITE)?;
	let mut chart = ChartBuilder::on(&root)
		.caption("Ternary products under the roofs of one core", ("sans-serif", 20))
		.margin(16)
		.x_label_area_size(44)
		.y_label_area_size(64)
		.build_cartesian_2d((1.0_f64..1_000.0).log_scale(), (1.0_f64..2.0 * highest).log_scale())?;
	chart.configure_mesh().x_desc("products a byte").y_desc("billions of products a second").draw()?;
	for (index, (kernel, peak)) in roofs.peaks.iter().enumerate() {
		let colour = Palette99::pick(index).to_rgba();
		let roof = |x: f64| (peak / 1e9).min(x * roofs.memory / 1e9);
		let steps = (0..=300).map(|i| 10_f64.powf(f64::from(i) / 100.0));
		chart
			.draw_series(LineSeries::new(steps.map(|x| (x, roof(x))), colour.stroke_width(2)))?
			.label(format!("{kernel}: registers, and memory"))
			.legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour));
		let points = roofs.points.iter().filter(|point| point.kernel == *kernel);
		for point in points {
			let place = (point.intensity, point.speed / 1e9);
			chart.draw_series([Circle::new(place, 4, colour.filled())])?;
			chart.draw_series([Text::new(point.case.clone(), place, ("sans-serif", 11))])?;
		}
	}
	chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
	root.present()?;
	Ok(())
}
