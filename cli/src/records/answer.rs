//! A text that a model is said to have generated, with everything that it follows from.

use super::Format;
use blyan_exact::{ModelConfig, Sampling};
use blyan_primitives::{BlockRef, ModelBody, ModelId, ModelInfo};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sp_core::H256;

/// A model by its root, and where its parts can be had.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecord {
	/// Commitment to its architecture and every weight: the only thing here that decides.
	pub root: H256,
	/// Its number on the chain.
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub id: Option<ModelId>,
	/// Experts that had been promoted in it.
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub generation: Option<u32>,
	/// Its blocks, so that they can be fetched. Without them a folder has to be named.
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub parts: Option<PartsRecord>,
}

/// The blocks of a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartsRecord {
	/// Architecture.
	pub config: ModelConfig,
	/// Everything that is not an expert.
	pub trunk: BlockRef,
	/// Experts in row-major order.
	pub heads: Vec<BlockRef>,
}

impl PartsRecord {
	/// Root of the model that these make.
	pub fn root(&self) -> H256 {
		let heads: Vec<_> = self.heads.iter().map(|head| head.tensor_root.0).collect();
		H256(blyan_exact::model_root(&self.config, &self.trunk.tensor_root.0, &heads))
	}
}

impl ModelRecord {
	/// As a node named it in an answer; `known` is the chain's model of that number, which may have changed since.
	pub fn new(root: H256, known: &ModelInfo) -> Self {
		let is_same = known.model_root() == root;
		let parts = match known.body {
			ModelBody::First { config, trunk } => {
				let heads = known.heads.iter().map(|head| head.block).collect();
				Some(PartsRecord { config, trunk, heads })
			}
			// Answers of the second definition are records of their own.
			ModelBody::Second { .. } => None,
		};
		Self {
			root,
			id: Some(known.id),
			generation: is_same.then_some(known.generation),
			parts: parts.filter(|_| is_same),
		}
	}
}

/// Bytes: `{"text": ".."}` where they are UTF-8, `{"hex": ".."}` where they are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Written {
	Text(String),
	Hex(String),
}

impl Text {
	/// These bytes.
	pub fn new(bytes: &[u8]) -> Self {
		Self(bytes.to_vec())
	}

	/// The bytes.
	pub fn bytes(&self) -> &[u8] {
		&self.0
	}
}

impl Serialize for Text {
	fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
		match std::str::from_utf8(&self.0) {
			Ok(text) => Written::Text(text.into()),
			Err(_) => Written::Hex(hex::encode(&self.0)),
		}
		.serialize(serializer)
	}
}

impl<'de> Deserialize<'de> for Text {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		match Written::deserialize(deserializer)? {
			Written::Text(text) => Ok(Self(text.into_bytes())),
			Written::Hex(digits) => hex::decode(&digits)
				.map(Self)
				.map_err(|error| serde::de::Error::custom(format!("no hexadecimal digits: {error}"))),
		}
	}
}

/// The transcript of a generation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerRecord {
	/// The model that is said to have answered.
	pub model: ModelRecord,
	/// The prompt.
	pub prompt: Text,
	/// Seed of the request; [`Sampling::key_of`] makes the key of the noise of it.
	pub seed: u64,
	/// Temperature, 256 for one.
	pub temperature_q8: u16,
	/// Share of the probability to choose from, 256 for all.
	pub top_p_q8: u16,
	/// The answer.
	pub answer: Text,
	/// Bytes that were asked for.
	pub max_bytes: u32,
	/// Versions of the programs that took part, to explain a difference.
	pub engine: String,
}

impl Format for AnswerRecord {
	const FORMAT: &'static str = "blyan/answer";
}

impl AnswerRecord {
	/// Returns the sampling parameters.
	pub fn sampling(&self) -> Sampling {
		Sampling { temperature: self.temperature_q8, top_p: self.top_p_q8, seed: Sampling::key_of(self.seed) }
	}
}
