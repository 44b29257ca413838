//! Tokenizer of a checkpoint, from what its files say.

pub use blyan_text::{Chat, Message, Tokenizer, TokenizerError, TokenizerFiles};

use blyan_checkpoint::{Checkpoint, CheckpointError, GgufTokenizer, Tokenizer as Source};
use blyan_text::GgufVocabulary;

/// Reason why a checkpoint has no tokenizer.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
	/// The checkpoint cannot be read.
	#[error(transparent)]
	Checkpoint(#[from] CheckpointError),
	/// Its tokenizer cannot be taken over.
	#[error("the checkpoint's tokenizer: {0}")]
	Tokenizer(#[from] TokenizerError),
}

/// Builds the tokenizer of a checkpoint, chat template included.
pub fn tokenizer(checkpoint: &Checkpoint) -> Result<Tokenizer, TextError> {
	let template = checkpoint.chat_template();
	let tokenizer = match checkpoint.tokenizer()? {
		Source::Gguf(tokenizer) => {
			let ends = &checkpoint.architecture().tokens.ends;
			Tokenizer::from_gguf(&vocabulary(tokenizer, template, ends))
		}
		Source::Files { tokenizer, config } => Tokenizer::from_files(TokenizerFiles {
			tokenizer: &tokenizer,
			config: config.as_deref(),
			generation_config: None,
			chat_template: template,
		}),
	}?;
	Ok(tokenizer)
}

fn vocabulary(source: GgufTokenizer, template: Option<&str>, ends: &[u32]) -> GgufVocabulary {
	GgufVocabulary {
		// Where the file has none, another end than that of a document.
		eot: source.eot.or_else(|| ends.iter().copied().find(|end| Some(*end) != source.eos)),
		model: source.model,
		pre: source.pre.unwrap_or_default(),
		tokens: source.tokens,
		token_types: source.types,
		merges: source.merges,
		scores: source.scores,
		bos: source.bos,
		eos: source.eos,
		unknown: source.unknown,
		add_bos: source.adds_bos,
		add_space_prefix: source.adds_space_prefix,
		chat_template: template.map(Into::into),
	}
}

/// Returns the tokens that end a turn or a document, by the checkpoint and by its tokenizer.
pub fn ends(checkpoint: &Checkpoint, tokenizer: &Tokenizer) -> Vec<u32> {
	let mut ends = [tokenizer.ends(), &checkpoint.architecture().tokens.ends].concat();
	ends.sort_unstable();
	ends.dedup();
	ends
}
