//! A conversation in, token ids out.

use super::{
	guard::{self, Guard},
	message::Message,
	template::Template,
};
use crate::{error::ChatError, prompt::Prompt, tokenizer::Tokenizer, TokenId};
use std::{fmt, sync::Arc};

/// Bytes of all messages together. The longest context of the second definition (131,072 tokens) has about 0.5 MiB of text.
const MESSAGES_BYTES_MAX: usize = 16 << 20;

/// Template of a checkpoint that has none: ChatML.
const DEFAULT_TEMPLATE: &str = "{% if begin %}{{ bos_token }}{% endif %}{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// Tokenizer and template of one model: a conversation in, token ids out.
pub struct Chat {
	tokenizer: Arc<Tokenizer>,
	template: Template,
	guard: Guard,
	is_default_template: bool,
}

impl fmt::Debug for Chat {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let mut out = f.debug_struct("Chat");
		out.field("is_default_template", &self.is_default_template).finish_non_exhaustive()
	}
}

impl Chat {
	/// Takes the checkpoint's own template, or ChatML where it has none.
	pub fn new(tokenizer: Arc<Tokenizer>) -> Result<Self, ChatError> {
		let template = tokenizer.chat_template().map(str::to_owned);
		let is_default_template = template.is_none();
		let chat = Self::with_template(tokenizer, template.as_deref().unwrap_or(DEFAULT_TEMPLATE))?;
		Ok(Self { is_default_template, ..chat })
	}

	/// Takes another template than the checkpoint's. It is Jinja, as in a checkpoint's `chat_template`.
	pub fn with_template(tokenizer: Arc<Tokenizer>, template: &str) -> Result<Self, ChatError> {
		let template = Template::new(template)?;
		let guard = Guard::new(&tokenizer);
		Ok(Self { tokenizer, template, guard, is_default_template: false })
	}

	/// Fixes the time that a template may ask for, in seconds since 1970. Without it that is the time of rendering, in UTC.
	#[must_use]
	pub fn at(mut self, unix_seconds: i64) -> Self {
		self.template.fix_time(unix_seconds);
		self
	}

	/// Reports whether a conversation that was rendered here had the hour or anything finer in it: the same one may come to other words later on
	/// the same day.
	pub fn has_asked_for_hour(&self) -> bool {
		self.template.has_asked_for_hour()
	}

	/// Returns the tokenizer.
	pub fn tokenizer(&self) -> &Arc<Tokenizer> {
		&self.tokenizer
	}

	/// Reports whether ChatML stands in for a template that the checkpoint does not have. Its answers may be worse for it.
	pub fn is_default_template(&self) -> bool {
		self.is_default_template
	}

	/// Renders a conversation. `open_turn`: the prompt ends where the assistant's answer begins.
	pub fn render(&self, messages: &[Message], open_turn: bool) -> Result<Prompt, ChatError> {
		let value = messages.iter().map(|message| message.content.len()).sum();
		if value > MESSAGES_BYTES_MAX {
			return Err(ChatError::TooLarge { what: "conversation", value, limit: MESSAGES_BYTES_MAX });
		}
		let mark = guard::mark(messages, self.template.source());
		let guarded: Vec<_> = messages.iter().map(|message| self.guard.apply(message, mark)).collect();
		let guarded = self.template.render(&guarded, &self.tokenizer, open_turn)?;
		Ok(Prompt::new(guarded, mark))
	}

	/// Encodes a conversation up to where the assistant's answer begins.
	pub fn encode(&self, messages: &[Message]) -> Result<Vec<TokenId>, ChatError> {
		Ok(self.tokenizer.encode_prompt(&self.render(messages, true)?)?)
	}
}
