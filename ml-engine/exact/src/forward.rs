//! One forward pass, in plain loops: what every faster path must reproduce to the bit.

use crate::{
	attention::{attend, quantise_head, quantise_value},
	config::{ModelConfig, VOCAB},
	linear::{add_residual, Matrix, PROJECTION_MAX, RESIDUAL_MAX},
	loss::loss,
	norm::{norm_quant, norm_quant_squared_relu, Activations},
	rotary::rotate,
	routing::{mix, route},
	weights::{Expert, Layer, ModelError, Trunk},
};
use alloc::vec::Vec;

/// A validated model, borrowed so that a baseline and a candidate can share tensors.
#[derive(Clone, Debug)]
pub struct Model<'a> {
	config: ModelConfig,
	trunk: &'a Trunk,
	experts: Vec<&'a Expert>,
}

/// Logits of one position: `[256]`, Q16, base-2 units.
pub type Logits = Vec<i32>;

impl Expert {
	/// Computes the output of the expert for one token: `[d_model]`, Q12.
	pub fn apply(&self, input: &Activations) -> Vec<i32> {
		// At most 127 * 512 < 2^16 in magnitude; the scales of input and weights cancel in the next step.
		let hidden = norm_quant_squared_relu(&self.up.accumulate(&input.values), &self.gain);
		self.down.project(&hidden, RESIDUAL_MAX)
	}
}

impl<'a> Model<'a> {
	/// Takes a trunk and its experts in row-major order (layer, then expert), and checks them all.
	pub fn new(config: ModelConfig, trunk: &'a Trunk, experts: Vec<&'a Expert>) -> Result<Self, ModelError> {
		trunk.validate(&config)?;
		if experts.len() != config.slots() as usize {
			return Err(ModelError::ExpertCount);
		}
		for expert in &experts {
			expert.validate(&config)?;
		}
		Ok(Self { config, trunk, experts })
	}

	/// Returns the architecture.
	pub fn config(&self) -> &ModelConfig {
		&self.config
	}

	/// Returns everything that is not an expert.
	pub(crate) fn trunk(&self) -> &'a Trunk {
		self.trunk
	}

	/// Returns the experts of a layer, which the configuration has.
	pub(crate) fn layer_experts(&self, layer: u8) -> &[&'a Expert] {
		let experts = usize::from(self.config.experts);
		&self.experts[usize::from(layer) * experts..(usize::from(layer) + 1) * experts]
	}

	/// Computes the logits after each of `tokens`.
	///
	/// # Shapes
	/// `tokens: [positions]`, output: `[positions]` rows of `[256]`.
	pub fn forward(&self, tokens: &[u8]) -> Result<Vec<Logits>, ModelError> {
		if tokens.is_empty() || tokens.len() > usize::from(self.config.context) {
			return Err(ModelError::SequenceLength);
		}
		let mut stream: Vec<Vec<i32>> =
			tokens.iter().map(|&token| self.trunk.embedding.embed(token)).collect();
		let experts_per_layer = usize::from(self.config.experts);
		for (layer, experts) in self.trunk.layers.iter().zip(self.experts.chunks(experts_per_layer)) {
			self.attention(layer, &mut stream);
			self.mixture(layer, experts, &mut stream);
		}
		Ok(stream.iter().map(|h| self.trunk.head.logits(&norm_quant(h, &self.trunk.final_gain))).collect())
	}

	/// Returns the bits, Q16, that the model needs for `bytes`; token 0 stands before the first.
	pub fn sequence_loss(&self, bytes: &[u8]) -> Result<u64, ModelError> {
		let Some((_, inputs)) = bytes.split_last() else { return Err(ModelError::SequenceLength) };
		let mut tokens = Vec::with_capacity(bytes.len());
		tokens.push(0);
		tokens.extend_from_slice(inputs);
		let logits = self.forward(&tokens)?;
		// 256 losses below 2^32: below 2^40.
		Ok(logits.iter().zip(bytes).map(|(logits, &byte)| loss(logits, byte)).sum())
	}

	/// Adds the attention of one layer over all positions to the stream.
	fn attention(&self, layer: &Layer, stream: &mut [Vec<i32>]) {
		let head_size = self.config.head_size();
		let angles_per_position = head_size / 2;
		let heads: Vec<usize> = (0..usize::from(self.config.heads)).collect();
		let mut past = Past::default();
		for (position, h) in stream.iter_mut().enumerate() {
			let input = norm_quant(h, &layer.attn_gain);
			let angles =
				&self.trunk.rotary[position * angles_per_position..(position + 1) * angles_per_position];
			let project = |matrix: &Matrix| matrix.project(&input, PROJECTION_MAX);
			let (mut query, mut key) = (project(&layer.wq), project(&layer.wk));
			rotate(&mut query, angles);
			rotate(&mut key, angles);
			past.push(&key, &project(&layer.wv), head_size);
			let mut output = Vec::with_capacity(query.len());
			for &head in &heads {
				let range = head * head_size..(head + 1) * head_size;
				let mut quantised = alloc::vec![0; head_size];
				let maximum = quantise_head(&query[range.clone()], &mut quantised);
				let keys: Vec<&[i8]> = past.keys.iter().map(|row| &row[range.clone()]).collect();
				let values: Vec<&[i8]> = past.values.iter().map(|row| &row[range.clone()]).collect();
				let maxima: Vec<i32> = past.key_maxima.iter().map(|row| row[head]).collect();
				output.extend(attend(&quantised, maximum, &keys, &maxima, &values));
			}
			let mixed = norm_quant(&output, &layer.attn_out_gain);
			add_residual(h, &layer.wo.project(&mixed, RESIDUAL_MAX));
		}
	}

	/// Adds router and experts of one layer over all positions to the stream.
	fn mixture(&self, layer: &Layer, experts: &[&Expert], stream: &mut [Vec<i32>]) {
		for h in stream {
			let input = norm_quant(h, &layer.ffn_gain);
			let choices = route(&layer.router.logits(&input), usize::from(self.config.top_k));
			let outputs: Vec<Vec<i32>> =
				choices.iter().map(|choice| experts[choice.expert].apply(&input)).collect();
			mix(h, &choices, &outputs);
		}
	}
}

/// Keys and values of the positions so far, all heads side by side.
#[derive(Default)]
struct Past {
	keys: Vec<Vec<i8>>,
	key_maxima: Vec<Vec<i32>>,
	values: Vec<Vec<i8>>,
}

impl Past {
	fn push(&mut self, key: &[i32], value: &[i32], head_size: usize) {
		let mut quantised = alloc::vec![0; key.len()];
		let maxima = key
			.chunks(head_size)
			.zip(quantised.chunks_mut(head_size))
			.map(|(head, out)| quantise_head(head, out))
			.collect();
		self.keys.push(quantised);
		self.key_maxima.push(maxima);
		self.values.push(value.iter().map(|&v| quantise_value(v)).collect());
	}
}

/// Returns the index of the largest logit; the lower one of equals.
pub fn argmax(logits: &[i32]) -> u8 {
	debug_assert_eq!(logits.len(), VOCAB);
	let largest = logits.iter().copied().max().unwrap_or(0);
	logits.iter().position(|&z| z == largest).unwrap_or(0) as u8
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::golden;

	#[test]
	fn forward_refuses_sequences_outside_the_context() {
		let golden = golden::model();
		let model = golden.view();
		assert_eq!(model.forward(&[]), Err(ModelError::SequenceLength));
		assert_eq!(model.forward(&[1; 65]), Err(ModelError::SequenceLength));
		assert_eq!(model.sequence_loss(&[]), Err(ModelError::SequenceLength));
	}

	#[test]
	fn forward_is_causal() {
		let golden = golden::model();
		let model = golden.view();
		let long = model.forward(b"the quick brown fox").unwrap();
		let short = model.forward(b"the quick").unwrap();
		assert_eq!(long[..short.len()], short);
		let other = model.forward(b"the quick brown fix").unwrap();
		assert_eq!(long[..17], other[..17]);
		assert_ne!(long[17], other[17]);
	}

	#[test]
	fn new_refuses_a_missing_expert() {
		let golden = golden::model();
		let experts = golden.experts.iter().skip(1).collect();
		assert!(matches!(Model::new(golden.config, &golden.trunk, experts), Err(ModelError::ExpertCount)));
	}

	/// Every weight, gain and angle at its worst: nothing overflows (the test profile checks arithmetic).
	#[test]
	fn forward_survives_the_largest_weights() {
		use crate::number::Scale;
		let config =
			ModelConfig { d_model: 512, d_ff: 2_048, layers: 2, heads: 8, experts: 2, top_k: 2, context: 8 };
		let largest = Scale::new(u32::MAX, 20).unwrap();
		let fill = |rows: usize, cols: usize, weight: i8| Matrix {
			rows,
			cols,
			weights: alloc::vec![weight; rows * cols],
			scale: largest,
		};
		for sign in [1, -1] {
			let layer = Layer {
				attn_gain: alloc::vec![i16::MIN; 512],
				wq: fill(512, 512, sign),
				wk: fill(512, 512, -sign),
				wv: fill(512, 512, sign),
				wo: fill(512, 512, sign),
				attn_out_gain: alloc::vec![i16::MAX; 512],
				ffn_gain: alloc::vec![i16::MIN; 512],
				router: fill(2, 512, i8::MIN),
			};
			let trunk = Trunk {
				embedding: fill(256, 512, i8::MIN),
				rotary: alloc::vec![[i16::MIN, i16::MAX]; 8 * 32],
				layers: alloc::vec![layer; 2],
				final_gain: alloc::vec![i16::MIN; 512],
				head: fill(256, 512, i8::MIN),
			};
			let expert = Expert {
				up: fill(2_048, 512, sign),
				gain: alloc::vec![i16::MIN; 2_048],
				down: fill(512, 2_048, -sign),
			};
			let model = Model::new(config, &trunk, alloc::vec![&expert; 4]).unwrap();
			let loss = model.sequence_loss(&[255; 8]).unwrap();
			// All logits are equal, so every byte costs eight bits.
			assert_eq!(loss, 8 * (8 << 16));
		}
	}
}
