#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod added;
mod chat;
mod definition;
mod error;
mod gguf;
mod hugging_face;
mod pre_tokenizer;
mod prompt;
mod stream;
mod tokenizer;

pub use chat::{Chat, Fitted, Message, Role, UnknownRole};
pub use error::{ChatError, StreamError, TokenizerError};
pub use gguf::GgufVocabulary;
pub use hugging_face::TokenizerFiles;
pub use prompt::Prompt;
pub use stream::{FinishReason, Piece, StreamOptions, TextStream};
pub use tokenizer::{Token, TokenKind, Tokenizer};

/// Index of a token in a model's vocabulary.
pub type TokenId = u32;
