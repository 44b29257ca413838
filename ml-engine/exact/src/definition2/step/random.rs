//! Random blocks of random operators: WebAssembly and native code have to agree about each of them.

use super::{compute, evidence::Inputs, layout_of, read::bound_of, Place, StepError};
use crate::{
	definition2::{
		architecture::WeightKind,
		block::SectionScale,
		golden::{Stream, ARCHITECTURES},
		heads::{Head, STEP_MAX},
		linear::{HEAD_MAX, PROJECTION_MAX},
		loss::CHUNK,
		matrix::{INT4_PEAK_MAX, INT8_PEAK},
		model::GAIN_MAX,
		program::{Kind, Operator, Program},
		quantise::Activations,
		real::{activation_max, Real},
		routing::GATE_ONE,
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
/// A block is one of any operator of any golden family, computed from inputs that are random within their bounds. A block
/// that cannot be computed, which there is none of, would count as empty.
pub fn random_blocks(first: u64, count: u32) -> Hash {
	let programs =
		ARCHITECTURES.iter().filter_map(|(_, architecture)| Program::new(&architecture(), POSITIONS).ok());
	let programs: Vec<Program> = programs.collect();
	let mut hash = [0; 32];
	for number in first..first.saturating_add(count.into()) {
		let mut stream = Stream::new(&number.to_le_bytes());
		let Some(program) = programs.get(stream.below(programs.len())) else { break };
		let operator = stream.below(program.operators().len());
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
			Kind::LogitSums => {
				let most = (CHUNK as u64) << 30;
				(0..bytes / 8).flat_map(|_| (self.stream.draw() % most).to_le_bytes()).collect()
			}
			Kind::Loss | Kind::Total => {
				(0..bytes / 8).flat_map(|_| (self.stream.draw() >> 32).to_le_bytes()).collect()
			}
			kind => self.integers(bytes / 4, bound_of(kind)),
		}
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
			_ => (0..bytes / 8).flat_map(|_| self.stream.draw().to_le_bytes()).collect(),
		})
	}

	fn scale(&mut self, part: Part, name: Name) -> Result<SectionScale, StepError> {
		let layout = layout_of(self.program, part)?;
		let shape = layout.section(name).ok_or(StepError::NoSuchPlace)?.shape;
		let (unit, peak) = match shape {
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
