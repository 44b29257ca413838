//! The model that is served: its name, its words, and its limits.

use crate::{error::ApiError, request::Prompt};
use blyan_open_model::{
	text::{Chat, Tokenizer},
	Manifest,
};
use blyan_text::{ChatError, TokenId};
use serde_json::{json, Value};
use std::sync::Arc;

/// Hexadecimal digits of the model root in the fingerprint that every answer carries.
const FINGERPRINT_DIGITS: usize = 16;

/// Model by its description; the weights are the engine's.
#[derive(Debug)]
pub struct ServedModel {
	id: String,
	manifest: Manifest,
	chat: Chat,
	/// Positions that the model takes.
	context: usize,
	/// Tokens that it knows.
	vocabulary: usize,
	/// Seconds since 1970 at which it was loaded.
	created: u64,
}

impl ServedModel {
	/// Describes a model. `id`: the name by which clients ask for it.
	pub fn new(
		id: String,
		manifest: Manifest,
		tokenizer: Arc<Tokenizer>,
		(context, vocabulary): (usize, usize),
		created: u64,
	) -> Result<Self, ChatError> {
		let chat = Chat::new(tokenizer)?;
		Ok(Self { id, manifest, chat, context, vocabulary, created })
	}

	/// Fixes the time that a template may ask for: that at which a request was sent, to encode it again.
	pub fn at(self, unix_seconds: i64) -> Self {
		Self { chat: self.chat.at(unix_seconds), ..self }
	}

	/// Reports whether the template wrote the hour or anything finer into a prompt that was encoded here.
	pub fn has_asked_for_hour(&self) -> bool {
		self.chat.has_asked_for_hour()
	}

	/// Returns the name.
	pub fn id(&self) -> &str {
		&self.id
	}

	/// Returns the tokenizer.
	pub fn tokenizer(&self) -> Arc<Tokenizer> {
		self.chat.tokenizer().clone()
	}

	/// Returns the description that receipts name.
	pub fn manifest(&self) -> &Manifest {
		&self.manifest
	}

	/// Reports whether the checkpoint has no chat template, so that ChatML's is used.
	pub fn has_default_template(&self) -> bool {
		self.chat.is_default_template()
	}

	/// Returns the positions that the model takes.
	pub fn context(&self) -> usize {
		self.context
	}

	/// Returns the fingerprint: equal fingerprints, seeds and requests have equal answers.
	pub fn fingerprint(&self) -> String {
		let root = &self.manifest.model_root;
		format!("fp_{}", root.get(..FINGERPRINT_DIGITS).unwrap_or(root))
	}

	/// Reports whether a client means this model: by its name, or by its root with or without 0x.
	pub fn is_called(&self, name: &str) -> bool {
		name == self.id || name.strip_prefix("0x").unwrap_or(name) == self.manifest.model_root
	}

	/// Returns the description that clients list.
	pub fn description(&self) -> Value {
		json!({
			"id": self.id,
			"object": "model",
			"created": self.created,
			"owned_by": "blyan",
			"model_root": format!("0x{}", self.manifest.model_root),
			"tokenizer": format!("0x{}", self.manifest.tokenizer),
			"context_length": self.context,
		})
	}

	/// Encodes a prompt, and refuses one that the model cannot read.
	pub fn encode(&self, prompt: &Prompt) -> Result<Vec<TokenId>, ApiError> {
		let param = prompt.param();
		let unreadable =
			|error: &dyn std::fmt::Display| ApiError::invalid(param, "invalid_value", error.to_string());
		let ids = match prompt {
			Prompt::Messages(messages) => self.chat.encode(messages).map_err(|error| unreadable(&error))?,
			Prompt::Text(text) => {
				self.chat.tokenizer().encode_document(text).map_err(|error| unreadable(&error))?
			}
			Prompt::Tokens(ids) => ids.clone(),
		};
		if ids.is_empty() {
			return Err(unreadable(&"the prompt has no token: give at least one"));
		}
		if let Some(index) = ids.iter().position(|id| *id as usize >= self.vocabulary) {
			let message = format!("token {} is outside of the vocabulary of {}", ids[index], self.vocabulary);
			return Err(ApiError::invalid(format!("{param}[{index}]"), "invalid_value", message));
		}
		Ok(ids)
	}

	/// Returns the tokens that an answer may have: those asked for, or as many as the context holds.
	pub fn tokens_max(&self, prompt: &Prompt, ids: usize, asked: Option<usize>) -> Result<usize, ApiError> {
		let param = prompt.param();
		// The last token needs no position.
		let Some(room) = (self.context + 1).checked_sub(ids).filter(|room| *room > 0) else {
			return Err(ApiError::context_exceeded(param, ids, None, self.context));
		};
		match asked {
			Some(asked) if asked > room => {
				Err(ApiError::context_exceeded(param, ids, Some(asked), self.context))
			}
			Some(asked) => Ok(asked),
			None => Ok(room),
		}
	}
}
