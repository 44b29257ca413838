//! Checkpoints of any size with pseudo-random weights, written straight to disk: what an import costs does not depend on
//! what the weights mean.
#![allow(dead_code)] // every user needs a part of it

#[path = "letters.rs"]
mod letters;

use serde_json::{json, Map, Value};
use std::{
	fs::{self, File},
	io::{self, BufWriter, Write},
	path::Path,
};

/// Dimensions of a Llama.
#[derive(Clone, Copy, Debug)]
pub struct Llama {
	pub layers: usize,
	pub d_model: usize,
	pub hidden: usize,
	pub heads: usize,
	pub kv_heads: usize,
	pub vocabulary: usize,
	pub context: usize,
}

/// Llama 2 7B, by its config.json.
pub const LLAMA_2_7B: Llama = Llama {
	layers: 32,
	d_model: 4_096,
	hidden: 11_008,
	heads: 32,
	kv_heads: 32,
	vocabulary: 32_000,
	context: 4_096,
};

/// Encoding of the matrices of a GGUF file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Groups {
	/// Groups of 32: an f16 scale, 4-bit codes.
	Q4_0,
	/// Groups of 32: an f16 scale, 8-bit codes.
	Q8_0,
}

impl Groups {
	/// Number in GGUF, and bytes of a group.
	fn number_and_bytes(self) -> (u32, usize) {
		match self {
			Self::Q4_0 => (2, 18),
			Self::Q8_0 => (8, 34),
		}
	}
}

/// A tensor: its name in safetensors, its name in GGUF, rows (0 of a vector) and columns.
struct Tensor {
	hugging_face: String,
	gguf: String,
	rows: usize,
	columns: usize,
}

impl Tensor {
	fn elements(&self) -> usize {
		self.rows.max(1) * self.columns
	}
}

/// Numbers that look random, the same ones each time.
struct Random(u64);

impl Random {
	fn next(&mut self) -> u64 {
		self.0 ^= self.0 << 13;
		self.0 ^= self.0 >> 7;
		self.0 ^= self.0 << 17;
		self.0
	}
}

impl Llama {
	fn tensors(&self) -> Vec<Tensor> {
		let tensor = |hugging_face: &str, gguf: &str, rows, columns| Tensor {
			hugging_face: hugging_face.into(),
			gguf: gguf.into(),
			rows,
			columns,
		};
		let (d, kv) = (self.d_model, self.d_model / self.heads * self.kv_heads);
		let mut tensors = vec![tensor("model.embed_tokens.weight", "token_embd.weight", self.vocabulary, d)];
		for layer in 0..self.layers {
			let of_layer = [
				("input_layernorm", "attn_norm", 0, d),
				("self_attn.q_proj", "attn_q", d, d),
				("self_attn.k_proj", "attn_k", kv, d),
				("self_attn.v_proj", "attn_v", kv, d),
				("self_attn.o_proj", "attn_output", d, d),
				("post_attention_layernorm", "ffn_norm", 0, d),
				("mlp.gate_proj", "ffn_gate", self.hidden, d),
				("mlp.up_proj", "ffn_up", self.hidden, d),
				("mlp.down_proj", "ffn_down", d, self.hidden),
			];
			tensors.extend(of_layer.map(|(hugging_face, gguf, rows, columns)| {
				let hugging_face = format!("model.layers.{layer}.{hugging_face}.weight");
				tensor(&hugging_face, &format!("blk.{layer}.{gguf}.weight"), rows, columns)
			}));
		}
		tensors.push(tensor("model.norm.weight", "output_norm.weight", 0, d));
		tensors.push(tensor("lm_head.weight", "output.weight", self.vocabulary, d));
		tensors
	}

	/// Writes a directory of bfloat16 weights in so many files, with a tokenizer of the letters of ASCII. Returns the bytes
	/// of the weights.
	pub fn write_safetensors(&self, directory: &Path, shards: usize) -> io::Result<u64> {
		fs::create_dir_all(directory)?;
		let config = json!({
			"model_type": "llama", "hidden_act": "silu", "hidden_size": self.d_model,
			"intermediate_size": self.hidden, "num_hidden_layers": self.layers,
			"num_attention_heads": self.heads, "num_key_value_heads": self.kv_heads,
			"vocab_size": self.vocabulary, "max_position_embeddings": self.context,
			"rms_norm_eps": 1e-5, "tie_word_embeddings": false,
		});
		fs::write(directory.join("config.json"), config.to_string())?;
		fs::write(directory.join("tokenizer.json"), letters::tokenizer_json('!'..='~'))?;
		let tensors = self.tensors();
		let (mut map, mut bytes) = (Map::new(), 0);
		let shards: Vec<&[Tensor]> = tensors.chunks(tensors.len().div_ceil(shards.max(1))).collect();
		for (index, shard) in shards.iter().enumerate() {
			let name = format!("model-{:05}-of-{:05}.safetensors", index + 1, shards.len());
			bytes += write_shard(&directory.join(&name), shard)?;
			map.extend(shard.iter().map(|tensor| (tensor.hugging_face.clone(), name.clone().into())));
		}
		let index = json!({ "metadata": { "total_size": bytes }, "weight_map": map });
		fs::write(directory.join("model.safetensors.index.json"), index.to_string())?;
		Ok(bytes)
	}

	/// Writes a GGUF file whose matrices are groups of 32, with a token for each byte. Returns its bytes.
	pub fn write_gguf(&self, path: &Path, groups: Groups) -> io::Result<u64> {
		let (number, group_bytes) = groups.number_and_bytes();
		let tensors = self.tensors();
		let bytes_of = |tensor: &Tensor| match tensor.rows {
			0 => 4 * tensor.columns,
			_ => tensor.elements() / 32 * group_bytes,
		};
		let mut header = self.gguf_header(tensors.len());
		let mut offset = 0;
		for tensor in &tensors {
			put_text(&mut header, &tensor.gguf);
			let dimensions: Vec<u64> = match tensor.rows {
				0 => vec![tensor.columns as u64],
				rows => vec![tensor.columns as u64, rows as u64],
			};
			header.extend((dimensions.len() as u32).to_le_bytes());
			dimensions.iter().for_each(|dimension| header.extend(dimension.to_le_bytes()));
			header.extend(if tensor.rows == 0 { 0_u32 } else { number }.to_le_bytes());
			header.extend((offset as u64).to_le_bytes());
			offset += bytes_of(tensor).next_multiple_of(32);
		}
		header.resize(header.len().next_multiple_of(32), 0);
		let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
		file.write_all(&header)?;
		let mut random = Random(0x9e37_79b9_7f4a_7c15);
		for tensor in &tensors {
			let bytes = bytes_of(tensor);
			match tensor.rows {
				0 => (0..tensor.columns).try_for_each(|_| file.write_all(&1.0_f32.to_le_bytes()))?,
				_ => (0..bytes / group_bytes)
					.try_for_each(|_| write_group(&mut file, &mut random, group_bytes))?,
			}
			file.write_all(&vec![0; bytes.next_multiple_of(32) - bytes])?;
		}
		file.into_inner()?.sync_all()?;
		Ok((header.len() + offset) as u64)
	}

	/// Magic, version, counts and keys.
	fn gguf_header(&self, tensors: usize) -> Vec<u8> {
		let numbers = [
			("llama.block_count", self.layers),
			("llama.context_length", self.context),
			("llama.embedding_length", self.d_model),
			("llama.feed_forward_length", self.hidden),
			("llama.attention.head_count", self.heads),
			("llama.attention.head_count_kv", self.kv_heads),
			("tokenizer.ggml.eos_token_id", 256),
		];
		let texts = [
			("general.architecture", "llama"),
			("tokenizer.ggml.model", "gpt2"),
			("tokenizer.ggml.pre", "gpt-2"),
		];
		// Numbers, texts, eps, and the lists of tokens, of their types and of merges.
		let entries = numbers.len() + texts.len() + 4;
		let mut out = b"GGUF\x03\0\0\0".to_vec();
		out.extend((tensors as u64).to_le_bytes());
		out.extend((entries as u64).to_le_bytes());
		let key = |out: &mut Vec<u8>, key: &str, kind: u32| {
			put_text(out, key);
			out.extend(kind.to_le_bytes());
		};
		for (name, number) in numbers {
			key(&mut out, name, 4);
			out.extend((number as u32).to_le_bytes());
		}
		for (name, text) in texts {
			key(&mut out, name, 8);
			put_text(&mut out, text);
		}
		key(&mut out, "llama.attention.layer_norm_rms_epsilon", 6);
		out.extend(1e-5_f32.to_le_bytes());
		let list = |out: &mut Vec<u8>, name: &str, kind: u32, count: usize| {
			key(out, name, 9);
			out.extend(kind.to_le_bytes());
			out.extend((count as u64).to_le_bytes());
		};
		list(&mut out, "tokenizer.ggml.tokens", 8, self.vocabulary);
		(0..self.vocabulary).for_each(|token| put_text(&mut out, &token_text(token)));
		list(&mut out, "tokenizer.ggml.token_type", 5, self.vocabulary);
		(0..self.vocabulary).for_each(|token| out.extend(if token < 256 { 1_i32 } else { 3 }.to_le_bytes()));
		list(&mut out, "tokenizer.ggml.merges", 8, 0);
		out
	}
}

/// Returns the byte-level name of a byte, and names for all other tokens.
fn token_text(token: usize) -> String {
	let is_shown = |byte: usize| matches!(byte, 33..=126 | 161..=172 | 174..=255);
	match token {
		0..256 => {
			let hidden = (0..token).filter(|byte| !is_shown(*byte)).count();
			let code = if is_shown(token) { token } else { 256 + hidden };
			char::from_u32(code as u32).unwrap_or_default().into()
		}
		_ => format!("<|{token}|>"),
	}
}

fn put_text(out: &mut Vec<u8>, text: &str) {
	out.extend((text.len() as u64).to_le_bytes());
	out.extend(text.as_bytes());
}

/// Writes one file of safetensors and returns the bytes of its tensors.
fn write_shard(path: &Path, tensors: &[Tensor]) -> io::Result<u64> {
	let (mut header, mut at) = (Map::new(), 0);
	for tensor in tensors {
		let end = at + 2 * tensor.elements();
		let shape =
			if tensor.rows == 0 { json!([tensor.columns]) } else { json!([tensor.rows, tensor.columns]) };
		let record = json!({ "dtype": "BF16", "shape": shape, "data_offsets": [at, end] });
		header.insert(tensor.hugging_face.clone(), record);
		at = end;
	}
	let mut header = Value::Object(header).to_string();
	header += &" ".repeat(header.len().next_multiple_of(8) - header.len());
	let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
	file.write_all(&(header.len() as u64).to_le_bytes())?;
	file.write_all(header.as_bytes())?;
	let mut random = Random(tensors.len() as u64 | 1);
	for tensor in tensors {
		// Norms around one, matrices around 2^-6: bfloat16 is the upper half of a single-precision number.
		let exponent: u64 = if tensor.rows == 0 { 0x3f80 } else { 0x3c80 };
		let (kept, set) = (if tensor.rows == 0 { 0x007f } else { 0x807f }, exponent);
		let four = |pattern: u64| pattern * 0x0001_0001_0001_0001;
		for _ in 0..tensor.elements() / 4 {
			file.write_all(&(random.next() & four(kept) | four(set)).to_le_bytes())?;
		}
	}
	file.into_inner()?.sync_all()?;
	Ok(at as u64)
}

/// Writes a group of 32 codes behind its scale, an f16 around 2^-9.
fn write_group(file: &mut impl Write, random: &mut Random, bytes: usize) -> io::Result<()> {
	let scale = 0x1800 | (random.next() & 0x3ff) as u16;
	file.write_all(&scale.to_le_bytes())?;
	(0..(bytes - 2) / 8).try_for_each(|_| file.write_all(&random.next().to_le_bytes()))
}
