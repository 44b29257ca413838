//! The parameters of a model under training, as a list.

use super::{ops::TrainBackend, quantiser::Format};
use blyan_exact::ModelConfig;
use burn::tensor::{backend::Backend, Tensor, TensorData};
use rand::Rng;
use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};

/// Parameters before the first layer: the embedding.
const BEFORE_LAYERS: usize = 1;
/// Parameters of one layer, in this order.
const PER_LAYER: usize = 9;

/// One parameter's name, format and shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSpec {
	/// Name, as in `layer2.up`.
	pub name: String,
	/// Storage format in the integer model.
	pub format: Format,
	/// Rows and columns; experts are stacked along the rows.
	pub shape: [usize; 2],
}

/// Places of the parameters of one layer in the list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerIndices {
	pub(crate) attn_gain: usize,
	pub(crate) qkv: usize,
	pub(crate) attn_out_gain: usize,
	pub(crate) wo: usize,
	pub(crate) ffn_gain: usize,
	pub(crate) router: usize,
	pub(crate) up: usize,
	pub(crate) gain: usize,
	pub(crate) down: usize,
}

/// Returns the indices of one layer's parameters.
pub(crate) fn layer_indices(layer: usize) -> LayerIndices {
	let first = BEFORE_LAYERS + layer * PER_LAYER;
	LayerIndices {
		attn_gain: first,
		qkv: first + 1,
		attn_out_gain: first + 2,
		wo: first + 3,
		ffn_gain: first + 4,
		router: first + 5,
		up: first + 6,
		gain: first + 7,
		down: first + 8,
	}
}

/// Returns the index of the last norm's gain; the head follows it.
pub(crate) fn final_gain_index(config: &ModelConfig) -> usize {
	BEFORE_LAYERS + usize::from(config.layers) * PER_LAYER
}

/// Returns the names, formats and shapes of all parameters of a model, in order.
pub fn parameter_specs(config: &ModelConfig) -> Vec<ParameterSpec> {
	let d = usize::from(config.d_model);
	let f = usize::from(config.d_ff);
	let e = usize::from(config.experts);
	let vocabulary = blyan_exact::VOCAB;
	let spec = |name: String, format, shape| ParameterSpec { name, format, shape };
	let mut specs = vec![spec("embedding".into(), Format::I8, [vocabulary, d])];
	for layer in 0..config.layers {
		let name = |part: &str| format!("layer{layer}.{part}");
		specs.extend([
			spec(name("attn_gain"), Format::Gain, [1, d]),
			spec(name("qkv"), Format::Ternary { groups: 3 }, [3 * d, d]),
			spec(name("attn_out_gain"), Format::Gain, [1, d]),
			spec(name("wo"), Format::Ternary { groups: 1 }, [d, d]),
			spec(name("ffn_gain"), Format::Gain, [1, d]),
			spec(name("router"), Format::I8, [e, d]),
			spec(name("up"), Format::Ternary { groups: e }, [e * f, d]),
			spec(name("gain"), Format::Gain, [e, f]),
			spec(name("down"), Format::Ternary { groups: e }, [e * d, f]),
		]);
	}
	specs.push(spec("final_gain".into(), Format::Gain, [1, d]));
	specs.push(spec("head".into(), Format::I8, [vocabulary, d]));
	specs
}

/// Latent weights: what training moves; quantising them gives the model.
#[derive(Clone, Debug)]
pub struct Latent<B: Backend> {
	/// One tensor for each of [`parameter_specs`].
	pub tensors: Vec<Tensor<B, 2>>,
}

impl<B: Backend> Latent<B> {
	/// Draws weights to start from by `seed`.
	///
	/// Uniform with a standard deviation of 1/sqrt(fan-in), halved towards the residual stream with its
	/// depth; the head starts small, so that a new model predicts nearly uniformly.
	pub fn init(config: &ModelConfig, seed: u64, device: &B::Device) -> Self {
		let mut rng = ChaCha8Rng::seed_from_u64(seed);
		let into_residual = (2.0 * f32::from(config.layers)).sqrt().recip();
		let tensors = parameter_specs(config)
			.into_iter()
			.map(|spec| {
				let deviation = match (spec.format, spec.name.as_str()) {
					(Format::Gain, _) => return Tensor::ones(spec.shape, device),
					(_, "embedding") => 0.3,
					(_, "head") => 0.02,
					(_, name) => {
						let unit = (spec.shape[1] as f32).sqrt().recip();
						if name.ends_with("wo") || name.ends_with("down") {
							unit * into_residual
						} else {
							unit
						}
					}
				};
				let bound = deviation * 3f32.sqrt();
				let count = spec.shape[0] * spec.shape[1];
				let values = (0..count).map(|_| rng.gen_range(-bound..bound)).collect::<Vec<f32>>();
				Tensor::from_data(TensorData::new(values, spec.shape), device)
			})
			.collect();
		Self { tensors }
	}

	/// Rounds to the values that the integer model would use.
	pub fn quantised(&self, config: &ModelConfig) -> Vec<Tensor<B, 2>>
	where
		B: TrainBackend,
	{
		quantised(config, &self.tensors)
	}
}

/// Rounds a model's latent weights to the values that the integer model would use.
pub(crate) fn quantised<B: TrainBackend>(config: &ModelConfig, latent: &[Tensor<B, 2>]) -> Vec<Tensor<B, 2>> {
	let specs = parameter_specs(config);
	latent.iter().zip(&specs).map(|(latent, spec)| B::quantise(latent.clone(), spec.format)).collect()
}
