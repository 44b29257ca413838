//! Facts about a model for those who use it: where it is from, under which licence, and which bytes it is.

use crate::{architecture::Architecture, error::CheckpointError, gguf::Gguf, safetensors::Directory};
use blake2b_simd::Params;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{fs::File, io::Read, path::Path};

/// Bytes that are hashed at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// Files of a directory, besides those of weights, that decide what the model says.
const FILES: [&str; 6] = [
	"README.md",
	"chat_template.jinja",
	"config.json",
	"generation_config.json",
	"tokenizer.json",
	"tokenizer_config.json",
];

/// Length and hashes of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHash {
	/// Name without folders.
	pub name: String,
	/// Length in bytes.
	pub bytes: u64,
	/// SHA-256 in hexadecimal digits, as model hubs list it.
	pub sha256: String,
	/// BLAKE2b of 32 bytes in hexadecimal digits.
	pub blake2b: String,
}

/// Facts about a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
	/// Name by the checkpoint's own account, or that of its file.
	pub name: String,
	/// Description of the decoder.
	pub architecture: Architecture,
	/// Licence by the checkpoint's own account: an identifier of SPDX in most checkpoints.
	pub licence: Option<String>,
	/// Organisation or address that the model is from.
	pub origin: Option<String>,
	/// Models that this one was made from.
	pub base_models: Vec<String>,
	/// Number of weights.
	pub parameters: u64,
	/// Files that the model consists of.
	pub files: Vec<FileHash>,
	/// Template that turns a conversation into text.
	pub chat_template: Option<String>,
	/// Kind of the tokenizer.
	pub tokenizer: String,
}

/// Facts that do not depend on the format.
pub(crate) struct Common {
	/// Description of the decoder.
	pub architecture: Architecture,
	/// Number of weights.
	pub parameters: u64,
	/// Template that turns a conversation into text.
	pub chat_template: Option<String>,
	/// Kind of the tokenizer.
	pub tokenizer: String,
}

impl FileHash {
	/// Hashes a file piece by piece.
	pub fn of(path: &Path) -> Result<Self, CheckpointError> {
		let mut file = File::open(path).map_err(|error| CheckpointError::io(path, error))?;
		let (mut sha256, mut blake2b) = (Sha256::new(), Params::new().hash_length(32).to_state());
		let (mut chunk, mut bytes) = (vec![0; CHUNK_BYTES], 0);
		loop {
			let read = file.read(&mut chunk).map_err(|error| CheckpointError::io(path, error))?;
			if read == 0 {
				break;
			}
			sha256.update(&chunk[..read]);
			blake2b.update(&chunk[..read]);
			bytes += read as u64;
		}
		let (sha256, blake2b) = (hex::encode(sha256.finalize()), blake2b.finalize().to_hex().to_string());
		Ok(Self { name: file_name(path), bytes, sha256, blake2b })
	}
}

fn file_name(path: &Path) -> String {
	path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Facts about a GGUF file.
pub(crate) fn of_gguf(common: Common, path: &Path, file: &Gguf) -> Result<ModelCard, CheckpointError> {
	let text = |key: &str| file.text(key).map(|text| text.map(str::to_owned));
	let mut origin = None;
	for key in ["source.url", "source.huggingface.repository", "repo_url", "url", "organization"] {
		origin = origin.or(text(&format!("general.{key}"))?);
	}
	let mut base_models = Vec::new();
	for index in 0..file.unsigned("general.base_model.count")?.unwrap_or(0) {
		let Some(name) = text(&format!("general.base_model.{index}.name"))? else { break };
		base_models.push(text(&format!("general.base_model.{index}.repo_url"))?.unwrap_or(name));
	}
	Ok(ModelCard {
		name: text("general.name")?.unwrap_or_else(|| file_name(path)),
		architecture: common.architecture,
		licence: text("general.license")?,
		origin,
		base_models,
		parameters: common.parameters,
		files: vec![FileHash::of(path)?],
		chat_template: common.chat_template,
		tokenizer: common.tokenizer,
	})
}

/// Facts about a directory.
pub(crate) fn of_directory(common: Common, directory: &Directory) -> Result<ModelCard, CheckpointError> {
	let readme = directory.text("README.md")?.unwrap_or_default();
	let origin = directory.config().get("_name_or_path").and_then(Value::as_str).map(str::to_owned);
	let mut files = Vec::new();
	let weights = directory.files().map(|(name, _)| name);
	for name in FILES.into_iter().chain(weights) {
		let path = directory.path().join(name);
		if path.exists() {
			files.push(FileHash::of(&path)?);
		}
	}
	let titles = front_matter(&readme, "model_name").into_iter();
	Ok(ModelCard {
		name: titles.chain([file_name(directory.path())]).next().unwrap_or_default(),
		architecture: common.architecture,
		licence: front_matter(&readme, "license").into_iter().next(),
		origin: origin.filter(|origin| !origin.is_empty()),
		base_models: front_matter(&readme, "base_model"),
		parameters: common.parameters,
		files,
		chat_template: common.chat_template,
		tokenizer: common.tokenizer,
	})
}

/// Template of a directory: a file of its own, or part of the tokenizer's configuration.
pub(crate) fn chat_template(directory: &Directory) -> Result<Option<String>, CheckpointError> {
	if let Some(text) = directory.text("chat_template.jinja")? {
		return Ok(Some(text));
	}
	let config = directory.tokenizer_config().and_then(|config| config.get("chat_template"));
	Ok(match config {
		Some(Value::String(text)) => Some(text.clone()),
		Some(Value::Array(named)) => {
			let default =
				named.iter().find(|entry| entry.get("name").and_then(Value::as_str) == Some("default"));
			default.and_then(|entry| entry.get("template")).and_then(Value::as_str).map(str::to_owned)
		}
		_ => None,
	})
}

/// Values of a key in the YAML that opens a README: one after the colon, or a list of lines below.
fn front_matter(readme: &str, key: &str) -> Vec<String> {
	let Some((yaml, _)) = readme.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---")) else {
		return Vec::new();
	};
	let unquoted = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
	let mut lines = yaml.lines().skip_while(|line| !is_key(line, key));
	let Some(first) = lines.next() else { return Vec::new() };
	let value = unquoted(&first[key.len() + 1..]);
	if !value.is_empty() {
		return vec![value];
	}
	lines.map_while(|line| line.trim_start().strip_prefix("- ")).map(unquoted).collect()
}

fn is_key(line: &str, key: &str) -> bool {
	line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn front_matter_gives_single_values_and_lists() {
		let readme = "---\nlicense: apache-2.0\nbase_model:\n- a/b\n- \"c/d\"\nlicense_link: x\n---\n# T\nlicense: no\n";
		assert_eq!(front_matter(readme, "license"), ["apache-2.0"]);
		assert_eq!(front_matter(readme, "base_model"), ["a/b", "c/d"]);
		assert!(front_matter(readme, "model_name").is_empty());
		assert!(front_matter("license: mit\n", "license").is_empty());
	}
}
