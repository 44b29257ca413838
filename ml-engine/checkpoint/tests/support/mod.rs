//! Files of the tests: GGUF files written field by field, so that each field can be wrong.
#![allow(dead_code)] // every test uses a part of it

use std::collections::BTreeMap;

/// Numbers of GGUF's types of values.
pub const U32: u32 = 4;
/// Number of the type of single-precision values.
pub const F32: u32 = 6;
/// Number of the type of texts.
pub const TEXT: u32 = 8;
/// Number of the type of arrays.
pub const ARRAY: u32 = 9;

/// Width of the small model.
pub const D: u64 = 32;
/// Tokens of the small model.
pub const VOCABULARY: u64 = 48;

/// A tensor to be written.
#[derive(Clone)]
pub struct Tensor {
	/// Name.
	pub name: String,
	/// Dimensions, columns first.
	pub dimensions: Vec<u64>,
	/// Number of the encoding.
	pub kind: u32,
	/// Content.
	pub bytes: Vec<u8>,
	/// Offset in place of the one that follows from the tensors before.
	pub offset: Option<u64>,
}

/// A GGUF file to be written.
#[derive(Clone)]
pub struct File {
	/// First bytes.
	pub magic: [u8; 4],
	/// Version.
	pub version: u32,
	/// Keys, and their values from the type on.
	pub entries: Vec<(String, Vec<u8>)>,
	/// Tensors.
	pub tensors: Vec<Tensor>,
	/// Number of keys in place of the true one.
	pub entry_count: Option<u64>,
	/// Number of tensors in place of the true one.
	pub tensor_count: Option<u64>,
	/// Alignment by which tensors are placed.
	pub alignment: u64,
}

/// A text after its length.
pub fn text(text: &str) -> Vec<u8> {
	[&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

/// Numbers that look random, the same ones each time.
pub struct Random(pub u64);

impl Random {
	/// The next number.
	pub fn next(&mut self) -> u64 {
		self.0 ^= self.0 << 13;
		self.0 ^= self.0 >> 7;
		self.0 ^= self.0 << 17;
		self.0
	}

	/// A float between -1 and 1.
	pub fn float(&mut self) -> f32 {
		(self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
	}
}

impl File {
	/// A file without content.
	pub fn new() -> Self {
		Self {
			magic: *b"GGUF",
			version: 3,
			entries: Vec::new(),
			tensors: Vec::new(),
			entry_count: None,
			tensor_count: None,
			alignment: 32,
		}
	}

	/// Sets a key to a value of a type.
	pub fn set(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
		self.entries.retain(|(known, _)| known != key);
		self.entries.push((key.into(), [&kind.to_le_bytes(), value].concat()));
		self
	}

	/// Sets a key to a number.
	pub fn number(self, key: &str, value: u32) -> Self {
		self.set(key, U32, &value.to_le_bytes())
	}

	/// Sets a key to a floating-point number.
	pub fn float(self, key: &str, value: f32) -> Self {
		self.set(key, F32, &value.to_le_bytes())
	}

	/// Sets a key to a text.
	pub fn text(self, key: &str, value: &str) -> Self {
		self.set(key, TEXT, &text(value))
	}

	/// Sets a key to a list of texts.
	pub fn texts(self, key: &str, values: &[String]) -> Self {
		let mut bytes = [TEXT.to_le_bytes().as_slice(), &(values.len() as u64).to_le_bytes()].concat();
		values.iter().for_each(|value| bytes.extend(text(value)));
		self.set(key, ARRAY, &bytes)
	}

	/// Leaves a key out.
	pub fn without(mut self, key: &str) -> Self {
		self.entries.retain(|(known, _)| known != key);
		self.tensors.retain(|tensor| tensor.name != key);
		self
	}

	/// Adds a tensor with given bytes.
	pub fn tensor(mut self, name: &str, dimensions: &[u64], kind: u32, bytes: Vec<u8>) -> Self {
		let tensor = Tensor { name: name.into(), dimensions: dimensions.into(), kind, bytes, offset: None };
		self.tensors.push(tensor);
		self
	}

	/// Adds a tensor of random single-precision numbers.
	pub fn floats(self, name: &str, dimensions: &[u64]) -> Self {
		let seed = name
			.bytes()
			.fold(0x9e37_79b9_7f4a_7c15, |hash: u64, b| (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
		let mut random = Random(seed);
		let count = dimensions.iter().product::<u64>();
		let bytes = (0..count).flat_map(|_| random.float().to_le_bytes()).collect();
		self.tensor(name, dimensions, 0, bytes)
	}

	/// The tensor of a name, to be changed.
	pub fn change(mut self, name: &str, change: impl FnOnce(&mut Tensor)) -> Self {
		change(self.tensors.iter_mut().find(|tensor| tensor.name == name).unwrap());
		self
	}

	/// A Llama of one layer whose file is complete.
	pub fn llama() -> Self {
		let tokens: Vec<String> = (0..VOCABULARY).map(|token| format!("t{token}")).collect();
		Self::new()
			.text("general.architecture", "llama")
			.text("general.name", "small")
			.text("general.license", "apache-2.0")
			.number("llama.block_count", 1)
			.number("llama.context_length", 64)
			.number("llama.embedding_length", D as u32)
			.number("llama.feed_forward_length", 64)
			.number("llama.attention.head_count", 4)
			.number("llama.attention.head_count_kv", 2)
			.float("llama.attention.layer_norm_rms_epsilon", 1e-5)
			.float("llama.rope.freq_base", 10_000.0)
			.text("tokenizer.ggml.model", "gpt2")
			.texts("tokenizer.ggml.tokens", &tokens)
			.number("tokenizer.ggml.bos_token_id", 1)
			.number("tokenizer.ggml.eos_token_id", 2)
			.floats("token_embd.weight", &[D, VOCABULARY])
			.floats("output_norm.weight", &[D])
			.floats("blk.0.attn_norm.weight", &[D])
			.floats("blk.0.attn_q.weight", &[D, D])
			.floats("blk.0.attn_k.weight", &[D, D / 2])
			.floats("blk.0.attn_v.weight", &[D, D / 2])
			.floats("blk.0.attn_output.weight", &[D, D])
			.floats("blk.0.ffn_norm.weight", &[D])
			.floats("blk.0.ffn_gate.weight", &[D, 64])
			.floats("blk.0.ffn_up.weight", &[D, 64])
			.floats("blk.0.ffn_down.weight", &[64, D])
	}

	/// The bytes of the file.
	pub fn bytes(&self) -> Vec<u8> {
		let mut out = [self.magic.as_slice(), &self.version.to_le_bytes()].concat();
		out.extend(self.tensor_count.unwrap_or(self.tensors.len() as u64).to_le_bytes());
		out.extend(self.entry_count.unwrap_or(self.entries.len() as u64).to_le_bytes());
		for (key, value) in &self.entries {
			out.extend(text(key));
			out.extend(value);
		}
		let (mut data, mut next) = (BTreeMap::new(), 0);
		for tensor in &self.tensors {
			let offset = tensor.offset.unwrap_or(next);
			let end = offset.saturating_add(tensor.bytes.len() as u64);
			next = end.checked_next_multiple_of(self.alignment).unwrap_or(0);
			out.extend(text(&tensor.name));
			out.extend((tensor.dimensions.len() as u32).to_le_bytes());
			tensor.dimensions.iter().for_each(|d| out.extend(d.to_le_bytes()));
			out.extend(tensor.kind.to_le_bytes());
			out.extend(offset.to_le_bytes());
			data.insert(offset, &tensor.bytes);
		}
		out.resize(out.len().next_multiple_of(self.alignment as usize), 0);
		let start = out.len();
		for (offset, bytes) in data {
			let end = offset.saturating_add((start + bytes.len()) as u64);
			// An offset that is wrong on purpose is not followed.
			if end < 1 << 24 {
				out.resize(out.len().max(end as usize), 0);
				out[start + offset as usize..end as usize].copy_from_slice(bytes);
			}
		}
		out
	}
}
