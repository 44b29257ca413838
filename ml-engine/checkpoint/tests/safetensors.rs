//! Directories of safetensors that are right, and one for each way of being wrong.
#![allow(missing_docs, clippy::unwrap_used)]

use blyan_checkpoint::{
	safetensors::Directory, Checkpoint, CheckpointError, FeedForward, Role, RopeScaling, Tokenizer,
};
use serde_json::{json, Map, Value};
use std::{fs, path::Path};

/// A checkpoint to be written: configuration, header and data.
#[derive(Clone)]
struct Model {
	config: Value,
	header: Map<String, Value>,
	data: Vec<u8>,
}

impl Model {
	/// A Llama of one layer.
	fn llama() -> Self {
		let config = json!({
			"model_type": "llama", "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1,
			"num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 10, "max_position_embeddings": 32,
			"rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": true, "eos_token_id": [2, 3],
			"bos_token_id": 1,
		});
		let mut model = Self { config, header: Map::new(), data: Vec::new() };
		model.add("model.embed_tokens.weight", &[10, 8]);
		model.add("model.norm.weight", &[8]);
		for (name, shape) in [
			("input_layernorm", &[8][..]),
			("post_attention_layernorm", &[8]),
			("self_attn.q_proj", &[8, 8]),
			("self_attn.k_proj", &[4, 8]),
			("self_attn.v_proj", &[4, 8]),
			("self_attn.o_proj", &[8, 8]),
			("mlp.gate_proj", &[12, 8]),
			("mlp.up_proj", &[12, 8]),
			("mlp.down_proj", &[8, 12]),
		] {
			model.add(&format!("model.layers.0.{name}.weight"), shape);
		}
		model
	}

	/// Adds a tensor that counts up.
	fn add(&mut self, name: &str, shape: &[u64]) {
		let start = self.data.len();
		let count = shape.iter().product::<u64>() as u16;
		self.data.extend((0..count).flat_map(|i| f32::from(i).to_le_bytes()));
		let record = json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, self.data.len()] });
		self.header.insert(name.into(), record);
	}

	/// Sets a key of the configuration.
	fn with(mut self, key: &str, value: Value) -> Self {
		self.config[key] = value;
		self
	}

	/// Sets a field of the record of `model.norm.weight`.
	fn record(mut self, field: &str, value: Value) -> Self {
		self.header["model.norm.weight"][field] = value;
		self
	}

	fn weights(&self) -> Vec<u8> {
		file(&serde_json::to_string(&self.header).unwrap(), &self.data)
	}

	fn open(&self) -> Result<Checkpoint, CheckpointError> {
		open(&self.config, self.weights())
	}
}

fn file(header: &str, data: &[u8]) -> Vec<u8> {
	[&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

fn open(config: &Value, weights: Vec<u8>) -> Result<Checkpoint, CheckpointError> {
	let files = vec![("model.safetensors".to_owned(), weights)];
	Checkpoint::of_directory(Directory::from_bytes(config.to_string().as_bytes(), files)?)
}

macro_rules! assert_refused {
	($opened:expr, $pattern:pat $(if $guard:expr)?) => {{
		let error = $opened.expect_err("the checkpoint is malformed");
		assert!(matches!(&error, $pattern $(if $guard)?), "{error:?}");
	}};
}

#[test]
fn open_describes_a_llama_and_interleaves_its_heads() {
	let checkpoint = Model::llama().open().unwrap();
	let architecture = checkpoint.architecture();
	assert_eq!((architecture.heads, architecture.head_size, architecture.context), (2, 4, 32));
	assert_eq!(architecture.feed_forward, FeedForward::Dense { hidden: 12 });
	assert_eq!(architecture.tokens.ends, [2, 3]);
	assert_eq!(architecture.rope.base, 10_000.0);
	let queries = checkpoint.weight(Role::Q(0)).unwrap().to_vec();
	let first_of_each_row: Vec<f32> = queries.chunks_exact(8).map(|row| row[0] / 8.0).collect();
	assert_eq!(first_of_each_row, [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
	assert_eq!(checkpoint.weight(Role::V(0)).unwrap().to_vec()[8], 8.0, "values are not rotated");
}

#[test]
fn describe_names_files_licence_and_template() {
	let directory = tempfile::tempdir().unwrap();
	let write = |name: &str, bytes: &[u8]| fs::write(directory.path().join(name), bytes).unwrap();
	let model = Model::llama();
	write("config.json", model.config.to_string().as_bytes());
	write("model.safetensors", &model.weights());
	write("generation_config.json", br#"{"eos_token_id": 4}"#);
	let checkpoint = Checkpoint::open(directory.path()).unwrap();
	assert_refused!(checkpoint.describe(), CheckpointError::MissingTokenizer { .. });
	write("README.md", b"---\nlicense: mit\nbase_model: a/b\n---\n# Model\n");
	write("tokenizer.json", b"{}");
	write(
		"tokenizer_config.json",
		br#"{"add_bos_token": true, "chat_template": [{"name": "default", "template": "T"}]}"#,
	);
	let checkpoint = Checkpoint::open(directory.path()).unwrap();
	assert_eq!(checkpoint.architecture().tokens.ends, [2, 3, 4]);
	assert_eq!(checkpoint.architecture().tokens.adds_bos, Some(true));
	assert!(
		matches!(checkpoint.tokenizer().unwrap(), Tokenizer::Files { tokenizer, .. } if tokenizer == b"{}")
	);
	let facts = checkpoint.describe().unwrap();
	assert_eq!((facts.licence.as_deref(), facts.chat_template.as_deref()), (Some("mit"), Some("T")));
	assert_eq!(facts.base_models, ["a/b"]);
	let names: Vec<&str> = facts.files.iter().map(|file| file.name.as_str()).collect();
	let expected = [
		"README.md",
		"config.json",
		"generation_config.json",
		"tokenizer.json",
		"tokenizer_config.json",
		"model.safetensors",
	];
	assert_eq!(names, expected);
	// SHA-256 of "{}".
	let sha256 = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
	assert_eq!((facts.files[3].bytes, facts.files[3].sha256.as_str()), (2, sha256));
	assert_eq!(facts, serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap());
}

#[test]
fn open_fails_when_the_path_holds_no_checkpoint() {
	let directory = tempfile::tempdir().unwrap();
	assert_refused!(Checkpoint::open(directory.path()), CheckpointError::NotACheckpoint { .. });
	assert_refused!(Checkpoint::open(Path::new("/nonexistent")), CheckpointError::Io { .. });
	fs::write(directory.path().join("config.json"), Model::llama().config.to_string()).unwrap();
	assert_refused!(Checkpoint::open(directory.path()), CheckpointError::Io { .. });
	for name in ["../model.safetensors", "/etc/passwd", "", ".hidden", "a\\b"] {
		let index = json!({ "weight_map": { "model.norm.weight": name } });
		fs::write(directory.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
		assert_refused!(Checkpoint::open(directory.path()), CheckpointError::FileName { .. });
	}
	fs::write(directory.path().join("model.safetensors.index.json"), "{}").unwrap();
	assert_refused!(Checkpoint::open(directory.path()), CheckpointError::MissingKey { .. });
	fs::write(directory.path().join("config.json"), "{").unwrap();
	assert_refused!(Checkpoint::open(directory.path()), CheckpointError::Json { .. });
	fs::File::create(directory.path().join("config.json")).unwrap().set_len(65 << 20).unwrap();
	assert_refused!(Checkpoint::open(directory.path()), CheckpointError::FileTooLarge { .. });
}

#[test]
fn open_fails_when_a_header_is_malformed() {
	let model = Model::llama();
	let weights = model.weights();
	for len in (0..weights.len()).step_by(5) {
		assert!(open(&model.config, weights[..len].to_vec()).is_err(), "{len} bytes of {}", weights.len());
	}
	let mut lie = weights.clone();
	lie[..8].copy_from_slice(&u64::MAX.to_le_bytes());
	assert_refused!(open(&model.config, lie), CheckpointError::PastTheEnd { .. });
	assert_refused!(open(&model.config, file("[]", &[])), CheckpointError::Json { .. });
	assert_refused!(open(&model.config, file(r#"{"a": 1}"#, &[])), CheckpointError::UnknownType { .. });
	let twice = r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#;
	assert_refused!(open(&model.config, file(twice, &[0; 2])), CheckpointError::DuplicateTensor { name } if name == "a");
	let metadata = r#"{"__metadata__":{"format":"pt"}}"#;
	assert_refused!(open(&model.config, file(metadata, &[])), CheckpointError::MissingTensor { .. });
}

#[test]
fn open_fails_when_a_tensor_is_malformed() {
	let model = Model::llama;
	let offsets = model().header["model.norm.weight"]["data_offsets"].clone();
	let start = offsets[0].as_u64().unwrap();
	assert_refused!(model().record("shape", json!([8, 0])).open(), CheckpointError::ZeroDimension { .. });
	assert_refused!(model().record("shape", json!([])).open(), CheckpointError::Dimensions { count: 0, .. });
	assert_refused!(model().record("shape", json!([7])).open(), CheckpointError::BadValue { .. });
	assert_refused!(
		model().record("shape", json!([1u64 << 40, 1u64 << 40])).open(),
		CheckpointError::Overflow { .. }
	);
	assert_refused!(model().record("dtype", json!("I64")).open(), CheckpointError::UnknownType { kind, .. } if kind == "I64");
	assert_refused!(model().record("dtype", json!("Q7")).open(), CheckpointError::UnknownType { .. });
	assert_refused!(
		model().record("data_offsets", json!([start - 4, start + 28])).open(),
		CheckpointError::Overlap { .. }
	);
	assert_refused!(
		model().record("data_offsets", json!([start + 32, start])).open(),
		CheckpointError::BadValue { .. }
	);
	for beyond in [1_u64 << 40, u64::MAX - 32] {
		let opened = model().record("data_offsets", json!([beyond, beyond + 32])).open();
		assert_refused!(opened, CheckpointError::PastTheEnd { .. });
	}
	let mut other = model();
	other.add("model.layers.0.self_attn.q_proj.bias", &[8]);
	assert_refused!(other.open(), CheckpointError::UnexpectedTensor { .. });
	let mut missing = model();
	missing.header.remove("model.norm.weight");
	assert_refused!(missing.open(), CheckpointError::MissingTensor { name } if name == "model.norm.weight");
	let wrong = model().with("intermediate_size", json!(16));
	assert_refused!(wrong.open(), CheckpointError::Shape { expected, .. } if *expected == [16, 8]);
	let untied = model().with("tie_word_embeddings", json!(false));
	assert_refused!(untied.open(), CheckpointError::MissingTensor { name } if name == "lm_head.weight");
	let mut passive = model();
	passive.add("lm_head.weight", &[10, 8]);
	passive.add("model.layers.0.self_attn.rotary_emb.inv_freq", &[2]);
	assert!(passive.open().is_ok());
}

#[test]
fn open_fails_when_the_model_would_compute_something_else() {
	let refused = |key: &str, value: Value| {
		let error = Model::llama().with(key, value).open().expect_err("it would");
		assert!(matches!(error, CheckpointError::Unsupported { .. }), "{key}: {error}");
	};
	refused("attention_bias", json!(true));
	refused("mlp_bias", json!(true));
	refused("clip_qkv", json!(8.0));
	refused("decoder_sparse_step", json!(2));
	refused("mlp_only_layers", json!([0]));
	refused("hidden_act", json!("gelu"));
	refused("partial_rotary_factor", json!(0.5));
	refused("rope_scaling", json!({ "rope_type": "yarn", "factor": 4.0 }));
	refused("rope_parameters", json!({ "rope_type": "default", "partial_rotary_factor": 0.25 }));
	refused("quantization_config", json!({ "quant_method": "gptq" }));
	refused("quantization_config", json!({ "quant_method": "bitnet", "use_rms_norm": true }));
	refused("quantization_config", json!({ "quant_method": "bitnet", "modules_to_not_convert": ["o_proj"] }));
	let gemma = Model::llama().with("model_type", json!("gemma3"));
	assert_refused!(gemma.open(), CheckpointError::UnknownArchitecture { name, .. } if name == "gemma3");
}

#[test]
fn windows_are_refused_only_where_they_bite() {
	let mistral =
		|window: Value| Model::llama().with("model_type", json!("mistral")).with("sliding_window", window);
	assert_refused!(mistral(json!(16)).open(), CheckpointError::Unsupported { .. });
	assert!(mistral(json!(32)).open().is_ok(), "as long as the context");
	assert!(mistral(json!(null)).open().is_ok());
	let qwen = |used: bool| mistral(json!(16)).with("use_sliding_window", json!(used));
	assert!(qwen(false).open().is_ok(), "not in use");
	assert_refused!(qwen(true).open(), CheckpointError::Unsupported { .. });
	assert!(qwen(true).with("max_window_layers", json!(1)).open().is_ok(), "behind the last layer");
	let listed = |kind: &str| qwen(true).with("layer_types", json!([kind]));
	assert!(listed("full_attention").open().is_ok());
	assert_refused!(listed("sliding_attention").open(), CheckpointError::Unsupported { .. });
}

#[test]
fn rotary_settings_are_read_in_both_versions() {
	let scaling = json!({
		"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
		"high_freq_factor": 4.0, "original_max_position_embeddings": 16,
	});
	let checkpoint = Model::llama().with("rope_parameters", scaling.clone()).open().unwrap();
	let rope = checkpoint.architecture().rope.clone();
	assert_eq!(rope.base, 500_000.0);
	assert!(matches!(rope.scaling, RopeScaling::Llama3 { factor: 8.0, .. }));
	let before = Model::llama().with("rope_scaling", scaling).with("rope_theta", json!(500000.0));
	assert_eq!(before.open().unwrap().architecture().rope, rope);
	let linear = Model::llama().with("rope_scaling", json!({ "type": "linear", "factor": 2.0 }));
	let frequencies = linear.open().unwrap().architecture().rope.inverse_frequencies(4);
	assert_eq!(frequencies, [0.5, 0.005]);
	for broken in [json!({ "type": "linear" }), json!({ "rope_type": "llama3", "factor": 8.0 })] {
		let opened = Model::llama().with("rope_scaling", broken).open();
		assert_refused!(opened, CheckpointError::MissingKey { .. });
	}
	for base in [0.0, -1.0] {
		assert_refused!(
			Model::llama().with("rope_theta", json!(base)).open(),
			CheckpointError::BadValue { .. }
		);
	}
}

#[test]
fn packed_weights_are_refused_when_a_code_or_a_scale_is_none() {
	let packed = |code: u8, scale: f32| {
		let quantisation = json!({ "quant_method": "bitnet", "linear_class": "autobitlinear" });
		let mut model = Model::llama().with("quantization_config", quantisation);
		let names: Vec<String> = model.header.keys().filter(|name| name.contains("_proj")).cloned().collect();
		for name in names {
			let rows = model.header[&name]["shape"][0].as_u64().unwrap();
			let columns = model.header[&name]["shape"][1].as_u64().unwrap();
			let start = model.data.len();
			model.data.extend(vec![code; (rows / 4 * columns) as usize]);
			let end = model.data.len();
			model.data.extend(scale.to_le_bytes());
			let record = json!({ "dtype": "U8", "shape": [rows / 4, columns], "data_offsets": [start, end] });
			model.header.insert(name.clone(), record);
			let record = json!({ "dtype": "F32", "shape": [1], "data_offsets": [end, end + 4] });
			model.header.insert(format!("{name}_scale"), record);
		}
		model.open()
	};
	let checkpoint = packed(0b10_01_00_10, 0.5).unwrap();
	let weight = checkpoint.weight(Role::V(0)).unwrap();
	// Four rows in one row of bytes, the first in the lowest bits.
	let rows: Vec<f32> = weight.to_vec().chunks_exact(8).map(|row| row[3]).collect();
	assert_eq!(rows, [0.5, -0.5, 0.0, 0.5]);
	assert_refused!(packed(0b11_00_00_00, 0.5), CheckpointError::BadValue { value, .. } if value.contains("code"));
	for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
		assert_refused!(packed(0, scale), CheckpointError::BadValue { key, .. } if key.ends_with("_scale"));
	}
	let plain = Model::llama().with("quantization_config", json!({ "quant_method": "bitnet" }));
	assert_refused!(plain.open(), CheckpointError::UnknownType { .. });
}
