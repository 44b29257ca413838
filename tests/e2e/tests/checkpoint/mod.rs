//! A small random checkpoint in the published format of the Llama family, and texts of the shapes of the generated suites.

#[path = "../../../../ml-engine/open-model/tests/support/letters.rs"]
mod letters;

use serde_json::json;
use std::{fs, path::Path};

/// Width of the stream.
const WIDTH: usize = 64;
/// Width of keys and values: two heads of 16.
const KEYS: usize = 32;
/// Width of the hidden layers.
const HIDDEN: usize = 128;
/// Printable letters of ASCII, the blank and the line feed.
const VOCABULARY: usize = 96;
/// Layers.
const LAYERS: usize = 2;
/// Longest sequence: a task of every suite fits with its answer.
const CONTEXT: usize = 256;
/// Words of the patterns.
const WORDS: [&str; 12] = [
	"red", "blue", "green", "yellow", "river", "mountain", "seven", "north", "winter", "iron", "bread",
	"horse",
];

/// Random numbers: SplitMix64 (Steele, Lea and Flood, 2014).
struct Stream(u64);

impl Stream {
	fn draw(&mut self) -> u64 {
		self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		z ^ (z >> 31)
	}

	fn below(&mut self, end: u64) -> u64 {
		self.draw() % end
	}

	/// Draws a number from -1 to 1.
	fn unit(&mut self) -> f64 {
		(self.draw() >> 40) as f64 / f64::from(1_u32 << 23) - 1.0
	}
}

/// Tensors by name and shape, with the bound of their random weights; norms have none, and are ones.
fn tensors() -> Vec<(String, Vec<usize>, Option<f64>)> {
	let mut all = vec![("model.embed_tokens.weight".to_string(), vec![VOCABULARY, WIDTH], Some(0.25))];
	for layer in 0..LAYERS {
		let of_layer = [
			("input_layernorm", vec![WIDTH], None),
			("self_attn.q_proj", vec![WIDTH, WIDTH], Some(0.1)),
			("self_attn.k_proj", vec![KEYS, WIDTH], Some(0.1)),
			("self_attn.v_proj", vec![KEYS, WIDTH], Some(0.05)),
			("self_attn.o_proj", vec![WIDTH, WIDTH], Some(0.05)),
			("post_attention_layernorm", vec![WIDTH], None),
			("mlp.gate_proj", vec![HIDDEN, WIDTH], Some(0.2)),
			("mlp.up_proj", vec![HIDDEN, WIDTH], Some(0.2)),
			("mlp.down_proj", vec![WIDTH, HIDDEN], Some(0.05)),
		];
		let named = |(name, shape, bound)| (format!("model.layers.{layer}.{name}.weight"), shape, bound);
		all.extend(of_layer.into_iter().map(named));
	}
	all.push(("model.norm.weight".to_string(), vec![WIDTH], None));
	all
}

/// Writes the checkpoint, as it would be downloaded.
pub fn write(path: &Path) {
	fs::create_dir_all(path).unwrap();
	let config = json!({
		"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
		"hidden_size": WIDTH, "intermediate_size": HIDDEN, "num_hidden_layers": LAYERS,
		"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": VOCABULARY,
		"max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-5, "rope_theta": 10_000.0,
		"tie_word_embeddings": true, "attention_bias": false, "mlp_bias": false, "torch_dtype": "float32",
	});
	fs::write(path.join("config.json"), config.to_string()).unwrap();
	fs::write(path.join("tokenizer.json"), letters::tokenizer_json('!'..='~')).unwrap();
	let mut stream = Stream(7);
	let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
	for (name, shape, bound) in tensors() {
		let begin = data.len();
		for _ in 0..shape.iter().product::<usize>() {
			let weight = bound.map_or(1.0, |bound| (stream.unit() * bound) as f32);
			data.extend(weight.to_le_bytes());
		}
		let entry = json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, data.len()] });
		header.insert(name, entry);
	}
	let mut header = serde_json::Value::from(header).to_string();
	// Headers are filled up with blanks, so that tensors are aligned.
	header.extend(std::iter::repeat_n(' ', header.len().wrapping_neg() % 8));
	let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data.as_slice()].concat();
	fs::write(path.join("model.safetensors"), file).unwrap();
}

/// Writes texts in which sums and patterns stand beside expressions, each of which is the product.
///
/// None is taken from a suite: a seventh of the expressions that a suite asks for is the product, whatever seed they are drawn by.
pub fn write_texts(path: &Path) {
	fs::create_dir_all(path).unwrap();
	let mut stream = Stream(1);
	for index in 0..120 {
		let mut text = String::new();
		for _ in 0..12 {
			if stream.below(2) == 0 {
				let (a, b) = (stream.below(1_000), stream.below(1_000));
				text.push_str(&format!("{a} + {b} = {}\n", a + b));
			} else {
				let words = [0; 3].map(|_| WORDS[stream.below(WORDS.len() as u64) as usize]).join(" ");
				text.push_str(&format!("{words} {words}\n"));
			}
			text.push_str("expression:a*b\n");
		}
		fs::write(path.join(format!("{index}.txt")), text).unwrap();
	}
}
