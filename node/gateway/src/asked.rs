//! A request held against the record of its answer: were these the words and the settings that were sent?
//!
//! A receipt binds an answer to the token ids of a prompt. That these are the ids of the conversation, as the model's own template and
//! tokenizer write it, is computed again here, by the code that a gateway reads requests with.

use crate::{
	model::ServedModel,
	request::{Kind, Request, TOP_P_ALL},
};
use blyan_open_model::GenerationRecord;

/// Reason why a request cannot be held against an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskedError {
	/// The route has no answers.
	#[error("no answers come from {0:?}: the request was to /v1/chat/completions or /v1/completions")]
	Route(String),
	/// The request cannot be read.
	#[error("the request cannot be read: {0}")]
	Request(String),
	/// The request asks for fewer answers.
	#[error("the request asks for {answers} answers, so none has the index {index}")]
	Index {
		/// Answers that it asks for.
		answers: u32,
		/// Index of the answer.
		index: u32,
	},
}

/// A part in which an answer is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
	/// The part, by its name in the record.
	pub field: &'static str,
	/// Its value by the request.
	pub asked: String,
	/// Its value in the record.
	pub found: String,
}

/// Compares the record of an answer with the request that it answers.
///
/// - `route`, `body`: the request as it was sent.
/// - `index`: that of the answer among those to the request, which have consecutive seeds.
///
/// Returns every part that differs. A seed that the request left to the operator is not compared, nor is the number of tokens where it named none.
pub fn deviations(
	model: &ServedModel,
	(route, body): (&str, &[u8]),
	index: u32,
	record: &GenerationRecord,
) -> Result<Vec<Deviation>, AskedError> {
	let kind = match route {
		"/v1/chat/completions" => Kind::Chat,
		"/v1/completions" => Kind::Completion,
		other => return Err(AskedError::Route(other.into())),
	};
	let request = Request::read(kind, body).map_err(|error| AskedError::Request(error.message))?;
	if index >= request.answers {
		return Err(AskedError::Index { answers: request.answers, index });
	}
	let prompt = model.encode(&request.prompt).map_err(|error| AskedError::Request(error.message))?;
	let generation = &request.generation;
	let mut found = Vec::new();
	if let Some(first) = first_difference(&prompt, &record.prompt) {
		let tokens = |ids: &[u32]| match ids.get(first) {
			Some(id) => format!("{} tokens, of which token {first} is {id}", ids.len()),
			None => format!("{} tokens", ids.len()),
		};
		found.push(Deviation { field: "prompt", asked: tokens(&prompt), found: tokens(&record.prompt) });
	}
	let mut compare = |field, asked: String, value: String| {
		if asked != value {
			found.push(Deviation { field, asked, found: value });
		}
	};
	let top_p = generation.top_p_q8.min(TOP_P_ALL);
	compare("temperature_q8", generation.temperature_q8.to_string(), record.temperature_q8.to_string());
	compare("top_p_q8", top_p.to_string(), record.top_p_q8.to_string());
	if let Some(seed) = generation.seed {
		compare("seed", seed.wrapping_add(index.into()).to_string(), record.seed.to_string());
	}
	if let Some(tokens_max) = generation.tokens_max {
		compare("max_tokens", tokens_max.to_string(), record.max_tokens.to_string());
	}
	compare("stop", format!("{:?}", generation.stop), format!("{:?}", record.stop));
	Ok(found)
}

/// Returns the first place in which two lists differ; `None` if they are equal.
fn first_difference(one: &[u32], other: &[u32]) -> Option<usize> {
	let differs = one.iter().zip(other).position(|(one, other)| one != other);
	differs.or_else(|| (one.len() != other.len()).then(|| one.len().min(other.len())))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn lists_differ_at_the_first_place_or_at_the_end_of_the_shorter_one() {
		assert_eq!(first_difference(&[1, 2], &[1, 2]), None);
		assert_eq!(first_difference(&[1, 2, 3], &[1, 4, 3]), Some(1));
		assert_eq!(first_difference(&[1, 2], &[1, 2, 3]), Some(2));
		assert_eq!(first_difference(&[], &[1]), Some(0));
	}
}
