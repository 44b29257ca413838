//! Architectures of well-known open models, by the `config.json` that their publishers have beside the weights.

use super::{architecture_of, NeedsError, Weights};
use blyan_exact::definition2::Architecture;

/// Well-known open model.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
	/// Name on the command line.
	pub name: &'static str,
	/// Repository that the configuration is from.
	pub source: &'static str,
	/// Storage of its weights, unless another one is asked for.
	pub weights: Weights,
	config: &'static str,
}

/// All presets, smallest first.
pub const PRESETS: [Preset; 5] = [
	Preset {
		name: "smollm2-135m",
		source: "HuggingFaceTB/SmolLM2-135M",
		weights: Weights::Int4,
		config: include_str!("presets/smollm2-135m.json"),
	},
	Preset {
		name: "smollm2-1.7b",
		source: "HuggingFaceTB/SmolLM2-1.7B",
		weights: Weights::Int4,
		config: include_str!("presets/smollm2-1.7b.json"),
	},
	Preset {
		name: "bitnet-2b",
		source: "microsoft/bitnet-b1.58-2B-4T",
		weights: Weights::Ternary,
		config: include_str!("presets/bitnet-2b.json"),
	},
	Preset {
		name: "llama-2-7b",
		source: "meta-llama/Llama-2-7b-hf",
		weights: Weights::Int4,
		config: include_str!("presets/llama-2-7b.json"),
	},
	Preset {
		name: "olmoe-1b-7b",
		source: "allenai/OLMoE-1B-7B-0924",
		weights: Weights::Int4,
		config: include_str!("presets/olmoe-1b-7b.json"),
	},
];

impl Preset {
	/// Finds a preset by its name.
	pub fn find(name: &str) -> Result<&'static Self, NeedsError> {
		PRESETS
			.iter()
			.find(|preset| preset.name == name)
			.ok_or_else(|| NeedsError::UnknownPreset(name.into()))
	}

	/// Returns its architecture with weights of a kind, its own unless another one is given.
	pub fn architecture(&self, weights: Option<Weights>) -> Result<Architecture, NeedsError> {
		architecture_of(self.config.as_bytes(), Some(weights.unwrap_or(self.weights)))
	}
}
