//! Random rows of every operator, and random models, on the GPU and in the definition.
//!
//! Numbers are anything the definition's bounds allow, their ends often among them. Shapes change every thousand rows or
//! so, a dozen times at least, so odd head sizes, single tokens and experts that no token chose come up.

mod matmul;
mod models;
mod rows;

pub use models::{golden_model, random_models, speed, Speed};

use super::{driver::Driver, Device, DeviceError};
use std::time::{Duration, Instant};

/// Most rows of one shape.
const ROUND: usize = 2_048;
/// Shapes that there are at least.
const ROUNDS: usize = 12;

/// Result of a check.
#[derive(Clone, Debug)]
pub struct Verdict {
	/// Name of the check.
	pub name: &'static str,
	/// Rows, or sequences of models, that were compared.
	pub rows: usize,
	/// Time that GPU and definition took together.
	pub took: Duration,
	/// First difference; `None` if they agree.
	pub difference: Option<String>,
}

/// Compares about as many rows of one shape as requested; returns how many it compared, and where they differ.
type Round = fn(&Driver, &mut Source, usize) -> Result<(usize, Option<String>), DeviceError>;

const OPERATORS: [(&str, Round); 11] = [
	("embedding", rows::embed),
	("normalisation", rows::norm_quant),
	("normalisation of the hidden layer", rows::norm_quant_squared_relu),
	("ternary products", matmul::ternary),
	("8-bit products", matmul::table),
	("rotation and heads", rows::split_heads),
	("attention", rows::attend),
	("routing", rows::route),
	("experts", matmul::experts),
	("mixing", rows::mix),
	("loss", rows::loss),
];

/// Checks at least `rows` random rows of every operator, one operator after another; `seed` draws them.
pub fn operators(
	device: &Device,
	rows: usize,
	seed: u64,
) -> impl Iterator<Item = Result<Verdict, DeviceError>> + '_ {
	OPERATORS.iter().map(move |(name, round)| check(device, name, *round, rows, seed))
}

fn check(
	device: &Device,
	name: &'static str,
	round: Round,
	rows: usize,
	seed: u64,
) -> Result<Verdict, DeviceError> {
	let started = Instant::now();
	let mut source = Source(seed);
	let (mut done, mut difference) = (0, None);
	let most = (rows / ROUNDS).clamp(1, ROUND);
	while done < rows && difference.is_none() {
		let count = 1 + source.below(most);
		let (compared, found) = round(device.driver(), &mut source, count.min(rows - done))?;
		done += compared;
		difference = found;
	}
	Ok(Verdict { name, rows: done, took: started.elapsed(), difference })
}

/// Says where two lists of rows first differ.
fn difference<T: PartialEq + std::fmt::Debug>(
	what: &str,
	got: &[T],
	expected: &[T],
	width: usize,
) -> Option<String> {
	if got.len() != expected.len() {
		return Some(format!("{what}: {} entries instead of {}", got.len(), expected.len()));
	}
	let at = got.iter().zip(expected).position(|(got, expected)| got != expected)?;
	let (row, entry) = (at / width, at % width);
	Some(format!("{what}, row {row}, entry {entry} of {width}: {:?} instead of {:?}", got[at], expected[at]))
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Source(u64);

impl Source {
	fn next(&mut self) -> u64 {
		self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let mut z = self.0;
		z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		z ^ (z >> 31)
	}

	fn below(&mut self, end: usize) -> usize {
		(self.next() % end as u64) as usize
	}

	/// Draws a number between `-bound` and `bound`, one in eight times an end.
	fn within(&mut self, bound: i64) -> i64 {
		let draw = self.next();
		match draw & 15 {
			0 => bound,
			1 => -bound,
			_ => ((draw >> 4) % (2 * bound as u64 + 1)) as i64 - bound,
		}
	}

	/// Draws `count` numbers of at most a power of two that is drawn from those up to `bits`.
	fn integers(&mut self, count: usize, bits: u32) -> Vec<i32> {
		let bound = 1 << self.below(bits as usize + 1);
		(0..count).map(|_| self.within(bound) as i32).collect()
	}

	fn bytes(&mut self, count: usize) -> Vec<u8> {
		(0..count).map(|_| (self.next() >> 56) as u8).collect()
	}

	fn activations(&mut self, count: usize) -> Vec<i8> {
		(0..count).map(|_| self.within(127) as i8).collect()
	}

	/// Draws gains: mostly all of their range, sometimes all the same.
	fn gains(&mut self, count: usize) -> Vec<i16> {
		match self.below(8) {
			0 => vec![i16::MIN; count],
			1 => vec![256; count],
			_ => (0..count).map(|_| self.next() as i16).collect(),
		}
	}

	/// Draws a scale: zero now and then.
	fn scale(&mut self) -> blyan_exact::Scale {
		let exponent = 20 + self.below(43) as u8;
		let mantissa = (self.next() as u32) | 1 << 31;
		let scale = if self.below(16) == 0 { None } else { blyan_exact::Scale::new(mantissa, exponent) };
		scale.unwrap_or_default()
	}

	/// Draws a multiple of 64 up to `steps` of them.
	fn width(&mut self, steps: usize) -> usize {
		64 * (1 + self.below(steps))
	}
}
