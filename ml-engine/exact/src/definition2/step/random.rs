//! Random blocks of random operators: WebAssembly and native code have to agree about each of them.

use super::{compute, evidence::Inputs, layout_of, read::bound_of, Place, StepError};
use crate::{
	definition2::{
		adapter::LOW_RANK_MAX,
		answer::{Answer, Favourite},
		architecture::{Architecture, WeightKind},
		block::SectionScale,
		golden::{wide, Stream, ARCHITECTURES},
		heads::{Head, STEP_MAX},
		linear::{HEAD_MAX, PROJECTION_MAX},
		loss::CHUNK,
		matrix::{INT4_PEAK_MAX, INT8_PEAK},
		model::GAIN_MAX,
		nucleus::{Cut, Narrowing, ROUNDS},
		program::{Kind, Operator, Program},
		quantise::Activations,
		real::{activation_max, Real},
		routing::GATE_ONE,
		sampling::Sampling,
		tensors::{Name, Part, TensorShape},
	},
	hash::{blake2_256, Hash},
};
use alloc::vec::Vec;
use core::ops::Range;

/// Positions of the programs that blocks are drawn from: three blocks of keys.
const POSITIONS: u32 = 33;

/// Returns the hash over `count` random blocks from number `first` on, which a faster or other build of this definition
/// must come to as well.
///
/// A block is one of any operator of any golden family without adapters, computed from inputs that are random within their
/// bounds. A block that cannot be computed, which there is none of, would count as empty.
pub fn random_blocks(first: u64, count: u32) -> Hash {
	let architectures = ARCHITECTURES.iter().map(|(_, architecture)| architecture());
	let programs = programs(architectures.filter(|architecture| !has_adapters(architecture)), |_| true);
	hash_of(&programs, first, count, |stream| stream.below(programs.len()))
}

/// Returns the same over blocks of the operators that adapters add: of the golden families with adapters, and one in 64 of
/// the widest networks and the largest rank that there may be.
pub fn random_adapter_blocks(first: u64, count: u32) -> Hash {
	let architectures = ARCHITECTURES.iter().map(|(_, architecture)| architecture());
	let is_of_adapters =
		|operator: &Operator| matches!(operator.kind, Kind::AdapterIn { .. } | Kind::AdaptedLinear { .. });
	let architectures = architectures.filter(has_adapters).chain([wide()]);
	let programs = programs(architectures, is_of_adapters);
	hash_of(&programs, first, count, |stream| {
		let last = programs.len().saturating_sub(1);
		if stream.below(64) == 0 {
			last
		} else {
			stream.below(last)
		}
	})
}

/// Returns the same over blocks of the operators that check an answer: of a vocabulary of three chunks, for each kind of settings.
pub fn random_answer_blocks(first: u64, count: u32) -> Hash {
	let architecture = ARCHITECTURES.first().map(|(_, architecture)| architecture());
	let architecture = architecture.map(|architecture| Architecture { vocabulary: 10_000, ..architecture });
	let answers = [(u16::MAX, 230), (300, 256), (0, 256)].map(|(temperature, top_p)| Answer {
		first: 1,
		sampling: Sampling { temperature, top_p, seed: [7; 32] },
	});
	let listed = architecture.iter().flat_map(|architecture| {
		answers.iter().filter_map(|answer| Program::answer_check(architecture, POSITIONS, *answer).ok())
	});
	let is_of_answers = |operator: &Operator| {
		matches!(
			operator.kind,
			Kind::Buckets { .. } | Kind::Narrow { .. } | Kind::Cut | Kind::Best | Kind::Miss | Kind::Total
		)
	};
	let programs: Vec<(Program, Vec<usize>)> =
		listed.map(|program| with_operators(program, is_of_answers)).collect();
	hash_of(&programs, first, count, |stream| stream.below(programs.len()))
}

fn has_adapters(architecture: &Architecture) -> bool {
	let layers = 0..architecture.layers.len();
	let mut routings = layers.filter_map(|layer| architecture.routing(layer as u8));
	routings.any(|routing| routing.adapter_rank.is_some())
}

/// Returns the programs of architectures, each with the operators that blocks are drawn of.
fn programs(
	architectures: impl Iterator<Item = Architecture>,
	is_drawn: impl Fn(&Operator) -> bool,
) -> Vec<(Program, Vec<usize>)> {
	let programs = architectures.filter_map(|architecture| Program::new(&architecture, POSITIONS).ok());
	programs.map(|program| with_operators(program, &is_drawn)).collect()
}

/// Returns a program with those of its operators that blocks are drawn of.
fn with_operators(program: Program, is_drawn: impl Fn(&Operator) -> bool) -> (Program, Vec<usize>) {
	let operators = program.operators().iter().enumerate();
	let drawn = operators.filter(|(_, operator)| is_drawn(operator)).map(|(index, _)| index).collect();
	(program, drawn)
}

/// Returns the hash over blocks of programs, each of which is drawn by its place.
fn hash_of(
	programs: &[(Program, Vec<usize>)],
	first: u64,
	count: u32,
	draw: impl Fn(&mut Stream) -> usize,
) -> Hash {
	let mut hash = [0; 32];
	for number in first..first.saturating_add(count.into()) {
		let mut stream = Stream::new(&number.to_le_bytes());
		let Some((program, operators)) = programs.get(draw(&mut stream)) else { break };
		let Some(&operator) = operators.get(stream.below(operators.len())) else { break };
		let shape = program.operators()[operator].shape;
		let place = Place { operator, row: stream.below(shape.rows), block: stream.below(shape.blocks()) };
		let block = compute(program, place, &mut RandomInputs { program, stream });
		hash = blake2_256(&[&hash, &block.unwrap_or_default()]);
	}
	hash
}

/// Inputs that are random within their bounds.
struct RandomInputs<'a> {
	program: &'a Program,
	stream: Stream,
}

impl RandomInputs<'_> {
	/// Draws a number between `-bound` and `bound`, one in eight times an end.
	fn within(&mut self, bound: i32) -> i32 {
		match self.stream.below(16) {
			0 => bound,
			1 => -bound,
			_ => self.stream.within(bound),
		}
	}

	fn integers(&mut self, count: usize, bound: i32) -> Vec<u8> {
		// Rows of one size in four, so that not every sum is at its clamp.
		let bound = bound >> [0, 6, 12, 18][self.stream.below(4)];
		(0..count).flat_map(|_| self.within(bound).to_le_bytes()).collect()
	}

	/// Draws a sum between the two matrices of an adapter, one in eight times an end.
	fn low_rank_sum(&mut self, shift: usize) -> i64 {
		let bound = LOW_RANK_MAX >> shift;
		match self.stream.below(16) {
			0 => bound,
			1 => -bound,
			_ => (self.stream.draw() % (2 * bound as u64 + 1)) as i64 - bound,
		}
	}

	fn real(&mut self, low: i16, high: i16) -> Real {
		let exponent = low + self.stream.below((high - low) as usize) as i16;
		Real::new(self.stream.draw() as u32 | (1 << 31), exponent).unwrap_or_default()
	}

	fn activations(&mut self, bytes: usize, width: u8) -> Vec<u8> {
		let largest = activation_max(width).into();
		// At most 12 bits.
		let values = (0..(bytes - Activations::bytes(0)) / 2).map(|_| self.within(largest) as i16).collect();
		Activations { values, scale: self.real(20, 50) }.to_bytes()
	}

	fn heads(&mut self, bytes: usize, bound: i32) -> Vec<u8> {
		let entry = Head::bytes(self.program.architecture().head_size.into());
		let shift = self.stream.below(20) as u32;
		let head = |_| {
			let values = (4..entry).map(|_| self.within(127) as i8).collect();
			Head { values, scale: self.within(bound >> shift).abs() }.to_bytes()
		};
		(0..bytes / entry).flat_map(head).collect()
	}

	/// Draws bytes that an operator's output may have, from the start of a row or a block on.
	fn output_of(&mut self, operator: &Operator, bytes: usize) -> Vec<u8> {
		match operator.kind {
			Kind::Norm { width, .. } | Kind::Quantise { width, .. } | Kind::Hidden { width } => {
				self.activations(bytes, width)
			}
			Kind::QueryHeads | Kind::KeyHeads => self.heads(bytes, HEAD_MAX),
			Kind::ValueHeads => self.heads(bytes, STEP_MAX),
			Kind::Route { experts, .. } => {
				let choice = |_| {
					let [a, b] = (self.stream.below(experts.into()) as u16).to_le_bytes();
					let [c, d, e, f] = (self.stream.below(GATE_ONE as usize + 1) as u32).to_le_bytes();
					[a, b, c, d, e, f]
				};
				(0..bytes / 6).flat_map(choice).collect()
			}
			Kind::AdapterIn { .. } => {
				let shift = self.stream.below(20);
				(0..bytes / 8).flat_map(|_| self.low_rank_sum(shift).to_le_bytes()).collect()
			}
			Kind::LogitSums => {
				let most = (CHUNK as u64) << 30;
				(0..bytes / 8).flat_map(|_| (self.stream.draw() % most).to_le_bytes()).collect()
			}
			Kind::Loss | Kind::Total => {
				(0..bytes / 8).flat_map(|_| (self.stream.draw() >> 32).to_le_bytes()).collect()
			}
			Kind::Miss => (0..bytes / 8).flat_map(|_| (self.stream.below(2) as u64).to_le_bytes()).collect(),
			Kind::Buckets { .. } | Kind::Narrow { .. } | Kind::Cut | Kind::Best => {
				self.choices_of(operator, bytes)
			}
			kind => self.integers(bytes / 4, bound_of(kind)),
		}
	}

	/// Draws what an operator of an answer's choices may come to, such that the next one comes to something too.
	fn choices_of(&mut self, operator: &Operator, bytes: usize) -> Vec<u8> {
		let vocabulary = self.program.architecture().vocabulary as usize;
		match operator.kind {
			Kind::Buckets { .. } => {
				// Equal terms of one, as many as there are tokens: 64 buckets reach 2^30.
				let sum = |_| ((self.stream.below(CHUNK) as u64 + 1) << 24).to_le_bytes();
				(0..bytes / 8).flat_map(sum).collect()
			}
			Kind::Narrow { round } => {
				// Behind the last narrowing, gaps whose term is one at the highest temperature.
				let prefix = if round + 2 < ROUNDS { self.stream.below(4) as u32 } else { 0 };
				let before = self.stream.draw() >> 24;
				let needed = before + 1 + (self.stream.draw() >> 34);
				Narrowing { prefix, before, needed }.to_bytes().to_vec()
			}
			Kind::Cut => {
				let gap = (self.stream.draw() >> 34) as u32 >> self.stream.below(30);
				let chunk = self.stream.below(vocabulary.div_ceil(CHUNK)) as u32;
				Cut { gap, chunk, kept: self.stream.below(CHUNK) as u32 + 1 }.to_bytes().to_vec()
			}
			_ => {
				let best = |chunk: usize| {
					let start = chunk * CHUNK;
					let token = start + self.stream.below(CHUNK.min(vocabulary - start));
					Favourite { score: -((self.stream.draw() >> 30) as i64), token: token as u32 }.to_bytes()
				};
				(0..bytes / Favourite::BYTES).flat_map(best).collect()
			}
		}
	}

	/// Draws codes of an adapter, one time in eight the largest there are.
	fn codes(&mut self, bytes: usize) -> Vec<u8> {
		let is_extreme = self.stream.below(8) == 0;
		(0..bytes).map(|_| if is_extreme { 0x80 } else { self.stream.draw() as u8 }).collect()
	}

	/// Draws a stored row.
	fn row(&mut self, kind: WeightKind, cols: usize) -> Vec<u8> {
		let code = |_| {
			let byte = self.stream.draw() as u8;
			// Both bits of a pair are set only in the code 3.
			if kind == WeightKind::Ternary && byte & (byte >> 1) & 0x55 != 0 {
				byte & 0x55
			} else {
				byte
			}
		};
		let mut row: Vec<u8> = (0..kind.code_bytes(cols)).map(code).collect();
		// Any number is a row's factor; halves below 8 are a group's, whose weights then stay below 2^31.
		let exponents = if kind.group().is_some() { 18 } else { 64 };
		for _ in 0..kind.scale_bytes(cols) / 2 {
			let factor = ((self.stream.below(exponents) << 10) | self.stream.below(1_024)) as u16;
			let sign = if kind.group().is_some() { (self.stream.below(2) as u16) << 15 } else { 0 };
			row.extend((factor | sign).to_le_bytes());
		}
		row
	}
}

impl Inputs for RandomInputs<'_> {
	fn blocks(&mut self, operator: usize, _: usize, blocks: Range<usize>) -> Result<Vec<u8>, StepError> {
		let operator = self.program.operator(operator).ok_or(StepError::NoSuchPlace)?;
		let shape = operator.shape;
		let bytes = (blocks.end * shape.block_bytes).min(shape.row_bytes) - blocks.start * shape.block_bytes;
		Ok(self.output_of(operator, bytes))
	}

	fn output(&mut self, operator: usize) -> Result<Vec<u8>, StepError> {
		let operator = self.program.operator(operator).ok_or(StepError::NoSuchPlace)?;
		Ok(self.output_of(operator, operator.shape.rows * operator.shape.row_bytes))
	}

	fn tensor(&mut self, part: Part, range: Range<u64>) -> Result<Vec<u8>, StepError> {
		let layout = layout_of(self.program, part)?;
		let holds = |place: &Range<u64>| place.start <= range.start && range.end <= place.end;
		let section = layout.sections().iter().find(|section| holds(&section.range));
		// A golden model's parts are small.
		let bytes = (range.end - range.start) as usize;
		Ok(match section.ok_or(StepError::NoSuchPlace)?.shape {
			TensorShape::Matrix { kind, cols, .. } => {
				(0..bytes / kind.row_bytes(cols)).flat_map(|_| self.row(kind, cols)).collect()
			}
			TensorShape::Gain(_) => self.integers(bytes / 4, GAIN_MAX),
			TensorShape::Bias(_) => self.integers(bytes / 4, PROJECTION_MAX),
			TensorShape::Codes { .. } => self.codes(bytes),
			_ => (0..bytes / 8).flat_map(|_| self.stream.draw().to_le_bytes()).collect(),
		})
	}

	fn scale(&mut self, part: Part, name: Name) -> Result<SectionScale, StepError> {
		let layout = layout_of(self.program, part)?;
		let shape = layout.section(name).ok_or(StepError::NoSuchPlace)?.shape;
		let (unit, peak) = match shape {
			TensorShape::Codes { .. } => {
				let peak = self.stream.below(usize::from(name.shift_max()) + 1) as u32;
				return Ok(SectionScale { peak, ..SectionScale::default() });
			}
			TensorShape::Matrix { kind, .. } => (
				kind.unit() as i16,
				match kind {
					WeightKind::Ternary => 1,
					WeightKind::Int8 => INT8_PEAK,
					WeightKind::Int4By32 | WeightKind::Int4By64 => INT4_PEAK_MAX,
				},
			),
			_ => (0, 0),
		};
		// From much too large to much too small.
		let scale = self.real(8 - unit / 2, 72 - unit);
		Ok(SectionScale { scale, peak })
	}

	fn sequence(&mut self) -> Result<Vec<u32>, StepError> {
		let vocabulary = self.program.architecture().vocabulary as usize;
		Ok((0..self.program.positions() + 1).map(|_| self.stream.below(vocabulary) as u32).collect())
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn random_blocks_come_to_values() {
		// An operator that failed would add an empty block.
		let empty = blake2_256(&[&[0; 32], &[]]);
		for number in 0..3_000 {
			assert_ne!(random_blocks(number, 1), empty, "block {number}");
		}
		assert_ne!(random_blocks(0, 10), random_blocks(1, 10));
		for number in 0..1_000 {
			assert_ne!(random_adapter_blocks(number, 1), empty, "block {number} of adapters");
		}
		assert_ne!(random_adapter_blocks(0, 10), random_adapter_blocks(1, 10));
		for number in 0..1_000 {
			assert_ne!(random_answer_blocks(number, 1), empty, "block {number} of answers");
		}
		assert_ne!(random_answer_blocks(0, 10), random_answer_blocks(1, 10));
	}

	/// Pins what every operator makes of numbers that no plausible model has.
	#[test]
	fn random_blocks_are_the_golden_ones() {
		let [a, b, c, d, ..] = random_blocks(0, 5_000);
		assert_eq!([a, b, c, d], [226, 204, 30, 63]);
	}

	/// Numbers at their bounds alone would be no test: of the blocks, nine in ten are not all the same byte four times.
	#[test]
	fn random_blocks_are_rarely_saturated() {
		let program = Program::new(&ARCHITECTURES[0].1(), POSITIONS).unwrap();
		let mut plain = 0;
		for number in 0_u64..1_000 {
			let mut stream = Stream::new(&number.to_le_bytes());
			let operator = stream.below(program.operators().len());
			let place = Place { operator, row: 0, block: 0 };
			let block = compute(&program, place, &mut RandomInputs { program: &program, stream }).unwrap();
			plain += usize::from(block.len() > 8 && block.chunks(4).all(|four| four == &block[..4]));
		}
		assert!(plain < 100, "{plain}");
	}
}
