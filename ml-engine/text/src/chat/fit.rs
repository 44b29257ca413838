//! Fits a conversation into a number of tokens.

use super::{
	message::{Message, Role},
	render::Chat,
};
use crate::{error::ChatError, TokenId};
use unicode_segmentation::UnicodeSegmentation;

/// Conversation cut to a number of tokens. What was cut is counted, so that it is never paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fitted {
	/// The prompt.
	pub ids: Vec<TokenId>,
	/// Tokens that the model sees: those of the prompt, and all that may be charged.
	pub prompt_tokens_seen: usize,
	/// Tokens of the whole conversation that the model does not see.
	pub prompt_tokens_cut: usize,
	/// Messages that were left out.
	pub messages_cut: usize,
	/// Characters that the last user message lost at its beginning.
	pub characters_cut: usize,
	/// The messages that the model sees.
	pub messages: Vec<Message>,
}

impl Fitted {
	fn new(ids: Vec<TokenId>, messages: Vec<Message>, whole: &Whole<'_>) -> Self {
		Self {
			prompt_tokens_seen: ids.len(),
			prompt_tokens_cut: whole.tokens.saturating_sub(ids.len()),
			messages_cut: whole.messages.len() - messages.len(),
			characters_cut: 0,
			ids,
			messages,
		}
	}
}

/// Conversation before anything is cut.
struct Whole<'m> {
	messages: &'m [Message],
	tokens: usize,
}

impl Chat {
	/// Encodes as much of a conversation as `budget_tokens` allow, and reports what was cut.
	///
	/// The oldest turns go first, each user message with its answers; the system prompt and what follows the last user
	/// message stay. If that is still too long, the last user message loses its beginning, since the question is usually
	/// at the end. Ollama's server does the same; OpenAI's drops the oldest items if it is asked to truncate, and refuses
	/// otherwise.
	pub fn fit(&self, messages: &[Message], budget_tokens: usize) -> Result<Fitted, ChatError> {
		fit(self, messages, budget_tokens)
	}
}

fn fit(chat: &Chat, messages: &[Message], budget: usize) -> Result<Fitted, ChatError> {
	let ids = chat.encode(messages)?;
	let whole = Whole { messages, tokens: ids.len() };
	if ids.len() <= budget {
		return Ok(Fitted::new(ids, messages.to_vec(), &whole));
	}
	let is_user = |message: &Message| message.role == Role::User;
	let last_user = messages.iter().rposition(is_user).ok_or(ChatError::NoUserMessage)?;
	let system = messages.iter().take_while(|message| message.role == Role::System).count();
	let from = |start: usize| -> Vec<Message> { [&messages[..system], &messages[start..]].concat() };
	// The places where a turn begins, but for the first: nothing would be cut there.
	let starts: Vec<_> = (system + 1..=last_user).filter(|start| is_user(&messages[*start])).collect();
	let first_that_fits =
		smallest(starts.len(), |index| Ok(chat.encode(&from(starts[index]))?.len() <= budget))?;
	if let Some(start) = first_that_fits.map(|index| starts[index]) {
		let messages = from(start);
		return Ok(Fitted::new(chat.encode(&messages)?, messages, &whole));
	}
	cut_head(chat, from(last_user), system, budget, &whole)
}

/// Cuts the beginning of the user message at `index` until the conversation fits.
fn cut_head(
	chat: &Chat,
	mut messages: Vec<Message>,
	index: usize,
	budget: usize,
	whole: &Whole<'_>,
) -> Result<Fitted, ChatError> {
	let content = std::mem::take(&mut messages[index].content);
	let needed = chat.encode(&messages)?.len();
	if needed > budget {
		return Err(ChatError::BudgetTooSmall { needed, budget });
	}
	// What is certainly too long need not be encoded: no token stands for more bytes than the longest.
	let tokenizer = chat.tokenizer();
	let longest = (0..tokenizer.vocabulary_size()).map(|id| tokenizer.bytes(id).len()).max().unwrap_or(1);
	let reach =
		content.len().saturating_sub((budget - needed).saturating_add(1).saturating_mul(longest.max(1)));
	let clusters = content.grapheme_indices(true).map(|(at, _)| at);
	let starts: Vec<_> = clusters.filter(|at| *at >= reach).chain([content.len()]).collect();
	let mut encode_from = |start: usize| {
		messages[index].content = content[start..].to_owned();
		chat.encode(&messages)
	};
	let fits = smallest(starts.len(), |candidate| Ok(encode_from(starts[candidate])?.len() <= budget))?;
	let start = fits.map_or(content.len(), |candidate| starts[candidate]);
	let ids = encode_from(start)?;
	let characters_cut = content[..start].chars().count();
	Ok(Fitted { characters_cut, ..Fitted::new(ids, messages, whole) })
}

/// Finds the smallest of `0..count` that is good by halving; `None` if the last is not. Where good and bad alternate, it
/// finds a good one whose neighbour below is bad.
fn smallest(
	count: usize,
	mut is_good: impl FnMut(usize) -> Result<bool, ChatError>,
) -> Result<Option<usize>, ChatError> {
	let Some(last) = count.checked_sub(1) else { return Ok(None) };
	if !is_good(last)? {
		return Ok(None);
	}
	let (mut below, mut good) = (0, last);
	while below < good {
		let middle = below + (good - below) / 2;
		match is_good(middle)? {
			true => good = middle,
			false => below = middle + 1,
		}
	}
	Ok(Some(good))
}
