//! Facts about the tokenizer of a checkpoint, as the checkpoint has them.

/// Tokenizer of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub enum Tokenizer {
	/// From the keys of a GGUF file.
	Gguf(GgufTokenizer),
	/// From the files of a directory.
	Files {
		/// Bytes of `tokenizer.json`.
		tokenizer: Vec<u8>,
		/// Bytes of `tokenizer_config.json`, where there is one.
		config: Option<Vec<u8>>,
	},
}

impl Tokenizer {
	/// Name of the kind: GGUF's, or `tokenizer.json`.
	pub fn kind(&self) -> String {
		match self {
			Self::Gguf(tokenizer) => match &tokenizer.pre {
				Some(pre) => format!("{} ({pre})", tokenizer.model),
				None => tokenizer.model.clone(),
			},
			Self::Files { .. } => "tokenizer.json".into(),
		}
	}
}

/// Tokenizer of a GGUF file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GgufTokenizer {
	/// Algorithm: `gpt2` (byte-level BPE), `llama` (SentencePiece), and others.
	pub model: String,
	/// Way of splitting text into words, by llama.cpp's name.
	pub pre: Option<String>,
	/// Text of each token, in the alphabet of the algorithm.
	pub tokens: Vec<String>,
	/// Score of each token, where the algorithm has scores.
	pub scores: Vec<f32>,
	/// Type of each token: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
	pub types: Vec<i32>,
	/// Merges of byte-level BPE, earlier ones first.
	pub merges: Vec<String>,
	/// Token in front of a text.
	pub bos: Option<u32>,
	/// Token after a text.
	pub eos: Option<u32>,
	/// Token after a turn of a conversation, where it is not `eos`.
	pub eot: Option<u32>,
	/// Token in place of what the vocabulary lacks.
	pub unknown: Option<u32>,
	/// Token that fills batches.
	pub padding: Option<u32>,
	/// True if `bos` is put in front.
	pub adds_bos: Option<bool>,
	/// True if `eos` is put behind.
	pub adds_eos: Option<bool>,
	/// True if a space is put in front of the text.
	pub adds_space_prefix: Option<bool>,
}
