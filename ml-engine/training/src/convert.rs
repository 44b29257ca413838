//! Conversion between latent weights and the integer model.

use super::{
	quantiser::Format,
	weights::{final_gain_index, layer_indices, parameter_specs, Latent},
	TrainError,
};
use blyan_engine::quantise::{bytes, gains, rotary_table, ternary};
use blyan_exact::{Expert, Layer, Matrix, ModelConfig, Scale, Trunk};
use burn::tensor::{backend::Backend, Tensor, TensorData};
use core::f64::consts::LOG2_E;
use rand::Rng;

/// The tensors of an integer model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExactWeights {
	/// Everything but the experts.
	pub trunk: Trunk,
	/// In row-major order: layer, then expert.
	pub experts: Vec<Expert>,
}

/// Converts a scale to a real number.
fn real(scale: Scale) -> f32 {
	(f64::from(scale.mantissa()) * 0.5f64.powi(i32::from(scale.exponent()))) as f32
}

/// Rounds an expert from its latent tensors `[d_ff, d_model]`, `[1, d_ff]`, `[d_model, d_ff]`.
pub(crate) fn export_expert<B: Backend>(
	config: &ModelConfig,
	latent: &[Tensor<B, 2>],
) -> Result<Expert, TrainError> {
	let (d, f) = (usize::from(config.d_model), usize::from(config.d_ff));
	let [up, gain, down] = core::array::from_fn(|i| values(&latent[i]));
	Ok(Expert { up: ternary(&up, f, d, "up")?, gain: gains(&gain), down: ternary(&down, d, f, "down")? })
}

fn values<B: Backend>(tensor: &Tensor<B, 2>) -> Vec<f32> {
	tensor.to_data().iter::<f32>().collect()
}

/// Rounds latent weights to the integer model they stand for.
pub fn export<B: Backend>(config: &ModelConfig, latent: &Latent<B>) -> Result<ExactWeights, TrainError> {
	config.validate()?;
	let (d, f) = (usize::from(config.d_model), usize::from(config.d_ff));
	let list = latent.tensors.iter().map(values).collect::<Vec<_>>();
	let mut layers = Vec::new();
	let mut experts = Vec::new();
	for layer in 0..usize::from(config.layers) {
		let at = layer_indices(layer);
		let qkv = |i: usize, name| ternary(&list[at.qkv][i * d * d..(i + 1) * d * d], d, d, name);
		layers.push(Layer {
			attn_gain: gains(&list[at.attn_gain]),
			wq: qkv(0, "wq")?,
			wk: qkv(1, "wk")?,
			wv: qkv(2, "wv")?,
			wo: ternary(&list[at.wo], d, d, "wo")?,
			attn_out_gain: gains(&list[at.attn_out_gain]),
			ffn_gain: gains(&list[at.ffn_gain]),
			router: bytes(&list[at.router], usize::from(config.experts), d, LOG2_E, "router")?,
		});
		for expert in 0..usize::from(config.experts) {
			let part = |values: &[f32], len: usize| values[expert * len..(expert + 1) * len].to_vec();
			experts.push(Expert {
				up: ternary(&part(&list[at.up], f * d), f, d, "up")?,
				gain: gains(&part(&list[at.gain], f)),
				down: ternary(&part(&list[at.down], d * f), d, f, "down")?,
			});
		}
	}
	let last = final_gain_index(config);
	let trunk = Trunk {
		embedding: bytes(&list[0], blyan_exact::VOCAB, d, 1.0, "embedding")?,
		rotary: rotary_table(config).chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect(),
		layers,
		final_gain: gains(&list[last]),
		head: bytes(&list[last + 1], blyan_exact::VOCAB, d, LOG2_E, "head")?,
	};
	Ok(ExactWeights { trunk, experts })
}

fn matrix_values(matrix: &Matrix, unit: f64) -> Vec<f32> {
	let scale = (f64::from(real(matrix.scale)) / unit) as f32;
	matrix.weights.iter().map(|w| f32::from(*w) * scale).collect()
}

/// Converts an integer model's weights to the floats they stand for, in the order of `parameter_specs`.
pub(crate) fn import<B: Backend>(
	config: &ModelConfig,
	trunk: &Trunk,
	experts: &[&Expert],
	device: &B::Device,
) -> Result<Vec<Tensor<B, 2>>, TrainError> {
	let refuse = |error: blyan_exact::ModelError| TrainError::Convert(error.to_string());
	blyan_exact::Model::new(*config, trunk, experts.to_vec()).map_err(refuse)?;
	let reals = |gains: &[i16]| gains.iter().map(|g| f32::from(*g) / 256.0).collect::<Vec<_>>();
	let mut lists = vec![matrix_values(&trunk.embedding, 1.0)];
	for (layer, experts) in trunk.layers.iter().zip(experts.chunks(usize::from(config.experts))) {
		let all = |part: fn(&Expert) -> Vec<f32>| experts.iter().flat_map(|e| part(e)).collect::<Vec<_>>();
		let qkv = [&layer.wq, &layer.wk, &layer.wv];
		lists.push(reals(&layer.attn_gain));
		lists.push(qkv.iter().flat_map(|w| matrix_values(w, 1.0)).collect());
		lists.push(reals(&layer.attn_out_gain));
		lists.push(matrix_values(&layer.wo, 1.0));
		lists.push(reals(&layer.ffn_gain));
		lists.push(matrix_values(&layer.router, LOG2_E));
		lists.push(all(|expert| matrix_values(&expert.up, 1.0)));
		lists.push(experts.iter().flat_map(|expert| reals(&expert.gain)).collect());
		lists.push(all(|expert| matrix_values(&expert.down, 1.0)));
	}
	lists.push(reals(&trunk.final_gain));
	lists.push(matrix_values(&trunk.head, LOG2_E));
	let specs = parameter_specs(config);
	Ok(lists
		.into_iter()
		.zip(specs)
		.map(|(values, spec)| Tensor::from_data(TensorData::new(values, spec.shape), device))
		.collect())
}

/// Draws latent weights that quantise to exactly this ternary matrix.
///
/// The latent weights a ternary matrix came from are gone. These are drawn again, spread over the intervals
/// that round to the given weights, so that training moves a few weights across a border at once instead
/// of none and then all; their mean magnitude is the old alpha, so nothing changes before the first step.
fn spread(matrix: &Matrix, rng: &mut impl Rng) -> Vec<f32> {
	let alpha = real(matrix.scale);
	let count = matrix.weights.len() as f32;
	let live = matrix.weights.iter().filter(|w| **w != 0).count() as f32;
	// Zeros within 0.45 alpha of zero: 0.225 alpha on average. The others must make up for the mean.
	let mean = (count - 0.225 * (count - live)) / live.max(1.0);
	let mut values = matrix
		.weights
		.iter()
		.map(|w| match w {
			0 => alpha * rng.gen_range(-0.45..0.45),
			w => f32::from(*w) * alpha * rng.gen_range(0.55..(2.0 * mean - 0.55).max(0.56)),
		})
		.collect::<Vec<f32>>();
	// What chance left over, spread over the non-zero weights, whose place beyond 0.55 alpha leaves room.
	let sum = |of_zeros: bool| {
		let chosen = values.iter().zip(&matrix.weights).filter(|(_, w)| (**w == 0) == of_zeros);
		chosen.map(|(value, _)| f64::from(value.abs())).sum::<f64>()
	};
	let wanted = f64::from(alpha) * f64::from(count) - sum(true);
	let correction = (wanted / sum(false).max(1e-30)) as f32;
	for (value, weight) in values.iter_mut().zip(&matrix.weights) {
		if *weight != 0 {
			*value *= correction;
		}
	}
	values
}

/// Draws the latent tensors of one expert: up, gain, down.
pub(crate) fn import_expert<B: Backend>(
	expert: &Expert,
	rng: &mut impl Rng,
	device: &B::Device,
) -> [Tensor<B, 2>; 3] {
	let (f, d) = (expert.up.rows, expert.up.cols);
	let gain = expert.gain.iter().map(|g| f32::from(*g) / 256.0).collect::<Vec<_>>();
	let tensor = |values: Vec<f32>, shape| Tensor::from_data(TensorData::new(values, shape), device);
	[tensor(spread(&expert.up, rng), [f, d]), tensor(gain, [1, f]), tensor(spread(&expert.down, rng), [d, f])]
}

/// Formats of an expert's three parameters.
pub(crate) const EXPERT_FORMATS: [Format; 3] =
	[Format::Ternary { groups: 1 }, Format::Gain, Format::Ternary { groups: 1 }];
