//! A tiny model made of hashes, and what it must compute: replayed by this crate, the engine and the chain.

use crate::{
	attention::PROBABILITY_MAX,
	config::{ModelConfig, VOCAB},
	forward::Model,
	hash::{blake2_256, Hash},
	linear::{Matrix, LOGIT_MAX, PROJECTION_MAX, RESIDUAL_MAX},
	number::Scale,
	program::{Operator, Program},
	sampling::Sampling,
	step::{compute, Inputs, Place, StepError, Tensors},
	weights::{Expert, Layer, Trunk},
};
use alloc::vec::Vec;
use core::ops::Range;

pub mod copies;

/// An owned model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedModel {
	/// Architecture.
	pub config: ModelConfig,
	/// Everything that is not an expert.
	pub trunk: Trunk,
	/// Experts in row-major order.
	pub experts: Vec<Expert>,
}

impl OwnedModel {
	/// Returns the model as [`Model`] wants it; the generator below makes only valid ones.
	pub fn view(&self) -> Model<'_> {
		match Model::new(self.config, &self.trunk, self.experts.iter().collect()) {
			Ok(model) => model,
			Err(error) => unreachable!("generated models are valid; qed: {error}"),
		}
	}
}

/// Architecture of the golden model.
pub const CONFIG: ModelConfig =
	ModelConfig { d_model: 64, d_ff: 128, layers: 2, heads: 2, experts: 4, top_k: 2, context: 64 };
/// Text the golden values are about.
pub const TEXT: &[u8] = b"fn main() { println!(\"every machine agrees\"); }";

/// Blake2b-256 over the logits (little endian) after each byte of [`TEXT`].
pub const LOGITS_HASH: Hash = include!("../golden/logits_hash.in");
/// Loss of [`TEXT`] in bits, Q16.
pub const LOSS: u64 = include!("../golden/loss.in");
/// The 16 bytes sampled after [`TEXT`] at temperature 1 (Q8: 256), top-p 230, seed of 32 sevens.
pub const SAMPLED: [u8; 16] = include!("../golden/sampled.in");
/// Hash over the bytes that [`choices_hash`] asks for.
pub const CHOICES_HASH: Hash = include!("../golden/choices_hash.in");

/// Root of the trace of [`TEXT`].
pub const TRACE_ROOT: Hash = include!("../golden/trace_root.in");

/// Returns the golden model.
pub fn model() -> OwnedModel {
	random_model(CONFIG, b"golden")
}

/// Generates a model whose every number comes from a hash stream; the configuration must be valid.
///
/// The scales are those of a plausible model, so that attention and routing decide something.
pub fn random_model(config: ModelConfig, seed: &[u8]) -> OwnedModel {
	let mut stream = Stream::new(seed);
	let (d, experts) = (usize::from(config.d_model), usize::from(config.experts));
	let mut layers = Vec::new();
	let embedding = stream.table(VOCAB, d, 38);
	let rotary = stream.angles(usize::from(config.context) * config.head_size() / 2);
	for _ in 0..config.layers {
		layers.push(Layer {
			attn_gain: stream.gains(d),
			wq: stream.ternary(d, d),
			wk: stream.ternary(d, d),
			wv: stream.ternary(d, d),
			wo: stream.ternary(d, d),
			attn_out_gain: stream.gains(d),
			ffn_gain: stream.gains(d),
			router: stream.table(experts, d, 41),
		});
	}
	let final_gain = stream.gains(d);
	let head = stream.table(VOCAB, d, 41);
	let trunk = Trunk { embedding, rotary, layers, final_gain, head };
	let experts = (0..config.slots()).map(|_| stream.expert(&config)).collect();
	OwnedModel { config, trunk, experts }
}

/// Generates one expert from a hash stream, for a slot of any model of this configuration.
pub fn random_expert(config: &ModelConfig, seed: &[u8]) -> Expert {
	Stream::new(seed).expert(config)
}

/// Computes the hash over `count` blocks of random operators with random inputs, from number `first` on.
///
/// Inputs are anything that the definition's bounds allow, extremes among them, whether or not any model would come to
/// them. Two executions of the definition agree iff these hashes do.
pub fn random_blocks(first: u64, count: u32) -> Hash {
	// Head sizes of 48, 32, 16 and 6: some do not divide a block of 64 columns.
	const HEADS: [u8; 4] = [4, 6, 12, 32];
	let mut hash = [0; 32];
	for number in first..first.saturating_add(count.into()) {
		let mut inputs = RandomInputs { state: number, program: None };
		let experts = 1 + 4 * inputs.below(3) as u16;
		let config = ModelConfig {
			d_model: 192,
			d_ff: 64 * (1 + inputs.below(4) as u16),
			layers: 2,
			heads: HEADS[inputs.below(4)],
			experts,
			top_k: experts.min(2) as u8,
			context: 40,
		};
		let Some(program) = Program::new(config, 1 + inputs.below(40) as u16) else { continue };
		inputs.program = Some(program);
		let operator = inputs.below(program.operators());
		let Some(shape) = program.shape_at(operator) else { continue };
		let place = Place { operator, row: inputs.below(shape.rows), block: inputs.below(shape.blocks()) };
		let block = compute(&program, place, &mut inputs).unwrap_or_default();
		hash = blake2_256(&[&hash, &block]);
	}
	hash
}

/// Computes Blake2b-256 over the choices of `choose` from random logits, flat and steep ones, at settings of all kinds.
pub fn choices_hash(mut choose: impl FnMut(Sampling, &[i32], u64) -> u8) -> Hash {
	let mut inputs = RandomInputs { state: 9, program: None };
	let mut choices = Vec::new();
	for temperature in [0, 1, 64, 180, 256, 300, 2_048, u16::MAX] {
		for top_p in [0, 1, 128, 230, 255, 256] {
			for spread in [0, 14, 16, 18, 20, 30] {
				let logits: Vec<i32> = (0..VOCAB).map(|_| inputs.within(1 << spread)).collect();
				let position = inputs.next();
				let sampling = Sampling { temperature, top_p, seed: [spread; 32] };
				choices.push(choose(sampling, &logits, position));
			}
		}
	}
	blake2_256(&[&choices])
}

/// Inputs within the bounds of the definition, from a counter.
struct RandomInputs {
	state: u64,
	program: Option<Program>,
}

impl RandomInputs {
	/// Draws the next number by SplitMix64 (Steele, Lea and Flood, 2014).
	fn next(&mut self) -> u64 {
		self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let mut z = self.state;
		z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		z ^ (z >> 31)
	}

	fn below(&mut self, end: usize) -> usize {
		(self.next() % end.max(1) as u64) as usize
	}

	/// Draws a number between `-bound` and `bound`, one in eight times an end.
	fn within(&mut self, bound: i32) -> i32 {
		let draw = self.next();
		let width = 2 * bound as u64 + 1;
		match draw & 15 {
			0 => bound,
			1 => -bound,
			_ => ((draw >> 4) % width) as i32 - bound,
		}
	}

	fn integers(&mut self, bytes: usize, bound: i32) -> Vec<u8> {
		(0..bytes / 4).flat_map(|_| self.within(bound).to_le_bytes()).collect()
	}

	fn entries(&mut self, count: usize) -> Vec<u8> {
		(0..count).map(|_| self.within(127) as i8 as u8).collect()
	}

	/// Draws bytes that an operator's output may have, from the start of a row or a block on.
	fn output_of(&mut self, operator: Operator, bytes: usize) -> Vec<u8> {
		use Operator::*;
		let Some(program) = self.program else { return Vec::new() };
		let config = *program.config();
		match operator {
			AttentionInput(_) | AttentionOutput(_) | MixtureInput(_) | HeadInput | Hidden(..) => {
				let mut row = self.entries(bytes.saturating_sub(4));
				row.extend(((self.next() >> 42) as u32).to_le_bytes());
				row
			}
			Query(_) | Key(_) | Value(_) => self.integers(bytes, PROJECTION_MAX),
			QueryHeads(_) => {
				let mut row = self.entries(config.d_model.into());
				for _ in 0..config.heads {
					row.extend(self.within(1 << 21).abs().to_le_bytes());
				}
				row
			}
			KeyHeads(_) => {
				let entry = config.head_size() + 4;
				let mut row = Vec::new();
				while row.len() < bytes {
					row.extend(self.entries(entry - 4));
					row.extend(self.within(1 << 21).abs().to_le_bytes());
				}
				row
			}
			ValueHeads(_) => self.entries(bytes),
			Attention(_) => self.integers(bytes, 127 * 256),
			RouterLogits(_) | Logits => self.integers(bytes, LOGIT_MAX),
			Route(_) => {
				let mut row = Vec::new();
				for _ in 0..config.top_k {
					row.extend((self.below(config.experts.into()) as u16).to_le_bytes());
					row.extend((self.below(32_769) as u32).to_le_bytes());
				}
				row
			}
			Up(..) => self.integers(bytes, 127 * 512),
			Loss => (0..bytes / 8).flat_map(|_| (self.next() >> 32).to_le_bytes()).collect(),
			Embed | AttentionResidual(_) | Down(..) | Mix(_) | Total => self.integers(bytes, RESIDUAL_MAX),
		}
	}
}

impl Inputs for RandomInputs {
	fn blocks(&mut self, operator: usize, _: usize, blocks: Range<usize>) -> Result<Vec<u8>, StepError> {
		let program = self.program.ok_or(StepError::NoSuchPlace)?;
		let shape = program.shape_at(operator).ok_or(StepError::NoSuchPlace)?;
		let bytes = (blocks.end * shape.block_bytes).min(shape.row_bytes) - blocks.start * shape.block_bytes;
		Ok(self.output_of(program.operator(operator).ok_or(StepError::NoSuchPlace)?, bytes))
	}

	fn output(&mut self, operator: usize) -> Result<Vec<u8>, StepError> {
		let program = self.program.ok_or(StepError::NoSuchPlace)?;
		let shape = program.shape_at(operator).ok_or(StepError::NoSuchPlace)?;
		let operator = program.operator(operator).ok_or(StepError::NoSuchPlace)?;
		Ok(self.output_of(operator, shape.rows * shape.row_bytes))
	}

	/// Any bytes are gains, angles and tables; codes of 3 are replaced, and eight bytes are taken for a scale.
	fn tensor(&mut self, _: Tensors, range: Range<usize>) -> Result<Vec<u8>, StepError> {
		if range.len() == Scale::BYTES {
			return Ok(self.scale_between(20, 62).to_bytes().to_vec());
		}
		let byte = |_| {
			let byte = (self.next() >> 56) as u8;
			if crate::block::holds_no_weight(byte) {
				byte & 0x55
			} else {
				byte
			}
		};
		Ok(range.map(byte).collect())
	}

	fn sequence(&mut self) -> Result<Vec<u8>, StepError> {
		let positions = self.program.map_or(0, |program| program.positions());
		Ok((0..positions).map(|_| (self.next() >> 56) as u8).collect())
	}
}

impl RandomInputs {
	fn scale_between(&mut self, low: u8, high: u8) -> Scale {
		let exponent = low + self.below(usize::from(high - low) + 1) as u8;
		Scale::new(self.next() as u32 | 1 << 31, exponent).unwrap_or_default()
	}
}

/// Bytes of `blake2_256(seed ++ counter)`, one block after another.
struct Stream {
	key: Hash,
	counter: u64,
	block: Vec<u8>,
}

impl Stream {
	fn new(seed: &[u8]) -> Self {
		Self { key: blake2_256(&[b"blyan/golden/1", seed]), counter: 0, block: Vec::new() }
	}

	fn byte(&mut self) -> u8 {
		loop {
			if let Some(byte) = self.block.pop() {
				return byte;
			}
			self.block = blake2_256(&[&self.key, &self.counter.to_le_bytes()]).to_vec();
			self.counter += 1;
		}
	}

	fn scale(&mut self, exponent: u8) -> Scale {
		let mantissa = u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte() | 0x80]);
		Scale::new(mantissa, exponent).unwrap_or_default()
	}

	fn table(&mut self, rows: usize, cols: usize, exponent: u8) -> Matrix {
		let scale = self.scale(exponent);
		Matrix { rows, cols, weights: (0..rows * cols).map(|_| self.byte() as i8).collect(), scale }
	}

	fn ternary(&mut self, rows: usize, cols: usize) -> Matrix {
		let scale = self.scale(35);
		Matrix { rows, cols, weights: (0..rows * cols).map(|_| (self.byte() % 3) as i8 - 1).collect(), scale }
	}

	fn gains(&mut self, len: usize) -> Vec<i16> {
		(0..len).map(|_| 128 + i16::from(self.byte())).collect()
	}

	/// Points near the unit circle in Q14; any pair is valid, so no trigonometry is needed.
	fn angles(&mut self, len: usize) -> Vec<[i16; 2]> {
		(0..len)
			.map(|_| {
				let cos = i32::from(self.byte()) * 128 - 16_384;
				let rest = (16_384 * 16_384 - cos * cos).max(0) as u64;
				let sin = crate::number::isqrt(rest).min(u64::from(PROBABILITY_MAX)) as i16;
				[cos as i16, sin]
			})
			.collect()
	}

	fn expert(&mut self, config: &ModelConfig) -> Expert {
		let (d, hidden) = (usize::from(config.d_model), usize::from(config.d_ff));
		Expert { up: self.ternary(hidden, d), gain: self.gains(hidden), down: self.ternary(d, hidden) }
	}
}

/// Computes Blake2b-256 over rows of logits, as [`LOGITS_HASH`] is computed.
pub fn logits_hash<'a>(rows: impl IntoIterator<Item = &'a [i32]>) -> Hash {
	let bytes: Vec<u8> = rows.into_iter().flatten().flat_map(|z| z.to_le_bytes()).collect();
	blake2_256(&[&bytes])
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn golden_values_are_what_the_definition_computes() {
		let golden = model();
		let view = golden.view();
		let logits = view.forward(TEXT).unwrap();
		let mut text = TEXT.to_vec();
		let sampling = Sampling { temperature: 256, top_p: 230, seed: [7; 32] };
		let mut sampled = [0; 16];
		for byte in &mut sampled {
			let logits = view.forward(&text).unwrap();
			*byte = sampling.sample(&logits[text.len() - 1], text.len() as u64);
			text.push(*byte);
		}
		let hash = logits_hash(logits.iter().map(Vec::as_slice));
		let loss = view.sequence_loss(TEXT).unwrap();
		assert_eq!((hash, loss, sampled), (LOGITS_HASH, LOSS, SAMPLED));
	}

	#[test]
	fn golden_choices_are_what_the_definition_makes() {
		let hash = choices_hash(|sampling, logits, position| sampling.sample(logits, position));
		assert_eq!(hash, CHOICES_HASH);
	}

	#[test]
	fn random_blocks_come_to_values() {
		// An operator that failed would add an empty block; sixteen bytes of zeros would be no test.
		for number in 0..2_000 {
			let empty = blake2_256(&[&[0; 32], &[]]);
			assert_ne!(random_blocks(number, 1), empty, "block {number}");
		}
		assert_ne!(random_blocks(0, 10), random_blocks(1, 10));
	}

	#[test]
	fn golden_model_is_not_saturated() {
		let golden = model();
		// Eight bits a byte would be a uniform guess; a random model does worse, but not absurdly so.
		let bits_per_byte = (LOSS >> 16) / TEXT.len() as u64;
		assert!((6..40).contains(&bits_per_byte), "{bits_per_byte}");
		let logits = golden.view().forward(TEXT).unwrap();
		assert!(logits.iter().flatten().all(|z| z.abs() < 1 << 29));
	}
}
