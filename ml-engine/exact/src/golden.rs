//! A tiny model made of hashes, and what it must compute: replayed by this crate, the engine and the chain.

use crate::{
	attention::PROBABILITY_MAX,
	config::{ModelConfig, VOCAB},
	forward::Model,
	hash::{blake2_256, Hash},
	linear::Matrix,
	number::Scale,
	weights::{Expert, Layer, Trunk},
};
use alloc::vec::Vec;

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
	/// The model as [`Model`] wants it; the generator below makes only valid ones.
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

/// Root of the trace of [`TEXT`].
pub const TRACE_ROOT: Hash = include!("../golden/trace_root.in");

/// The golden model.
pub fn model() -> OwnedModel {
	random_model(CONFIG, b"golden")
}

/// A model whose every number comes from a hash stream; the configuration must be valid.
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

/// One expert from a hash stream, for a slot of any model of this configuration.
pub fn random_expert(config: &ModelConfig, seed: &[u8]) -> Expert {
	Stream::new(seed).expert(config)
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

/// Blake2b-256 over rows of logits, as [`LOGITS_HASH`] is computed.
pub fn logits_hash<'a>(rows: impl IntoIterator<Item = &'a [i32]>) -> Hash {
	let bytes: Vec<u8> = rows.into_iter().flatten().flat_map(|z| z.to_le_bytes()).collect();
	blake2_256(&[&bytes])
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::sampling::Sampling;

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
	fn golden_model_is_not_saturated() {
		let golden = model();
		// Eight bits a byte would be a uniform guess; a random model does worse, but not absurdly so.
		let bits_per_byte = (LOSS >> 16) / TEXT.len() as u64;
		assert!((6..40).contains(&bits_per_byte), "{bits_per_byte}");
		let logits = golden.view().forward(TEXT).unwrap();
		assert!(logits.iter().flatten().all(|z| z.abs() < 1 << 29));
	}
}
