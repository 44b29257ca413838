//! Probabilities of tokens, in the two shapes of OpenAI's interface.
//!
//! They are those of the network at temperature 1, over the whole vocabulary, whatever the settings of the answer: losses of the definition, which anyone
//! who computes the answer again finds to the bit, as natural logarithms. Tokens that never came to text (the one that ended the answer, those of a
//! stop string) have none.

use crate::engine::Scores;
use blyan_text::{TokenId, Tokenizer};
use serde_json::{json, Map, Value};
use std::f64::consts::LN_2;

/// Units of a loss in one bit.
const ONE_Q16: f64 = 65_536.0;

/// Returns `ln p` of a token by its loss, `-log2 p` (Q16).
fn logprob(loss: u64) -> f64 {
	// Never minus zero, which clients would print.
	0.0 - loss as f64 / ONE_Q16 * LN_2
}

/// Returns the text of a token: a control token's is what its vocabulary calls it, and bytes that are no character are U+FFFD.
fn text(words: &Tokenizer, token: TokenId) -> String {
	match words.token(token) {
		Some(token) if token.bytes.is_empty() => token.content.to_owned(),
		_ => String::from_utf8_lossy(words.bytes(token)).into_owned(),
	}
}

/// Returns the probabilities of some tokens of a chat.
///
/// ```text
/// {"content": [{"token", "logprob", "bytes", "top_logprobs": [{"token", "logprob", "bytes"}, ..]}, ..], "refusal": null}
/// ```
pub fn chat(words: &Tokenizer, scores: &[Scores]) -> Value {
	let entry = |token: TokenId, loss: u64| json!({ "token": text(words, token), "logprob": logprob(loss), "bytes": words.bytes(token) });
	let content: Vec<Value> = scores
		.iter()
		.map(|scores| {
			let best: Vec<Value> = scores.best.iter().map(|(token, loss)| entry(*token, *loss)).collect();
			let mut entry = entry(scores.token, scores.loss);
			if let Value::Object(fields) = &mut entry {
				fields.insert("top_logprobs".into(), best.into());
			}
			entry
		})
		.collect();
	json!({ "content": content, "refusal": null })
}

/// Returns the probabilities of some tokens of a completion, the first of which begins behind `offset` characters of the answer, and the characters
/// behind the last.
///
/// ```text
/// {"tokens": [..], "token_logprobs": [..], "top_logprobs": [{TOKEN: logprob, ..}, ..], "text_offset": [..]}
/// ```
pub fn completion(words: &Tokenizer, scores: &[Scores], mut offset: usize) -> (Value, usize) {
	let (mut tokens, mut logprobs, mut tops, mut offsets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
	for scores in scores {
		let token = text(words, scores.token);
		offsets.push(offset);
		offset += token.chars().count();
		tokens.push(token);
		logprobs.push(logprob(scores.loss));
		let mut top = Map::new();
		for (token, loss) in &scores.best {
			// Different tokens may have one text; the more probable one comes first and stays.
			top.entry(text(words, *token)).or_insert_with(|| logprob(*loss).into());
		}
		// As in OpenAI's interface, the chosen one is among them.
		top.entry(text(words, scores.token)).or_insert_with(|| logprob(scores.loss).into());
		tops.push(Value::Object(top));
	}
	let value =
		json!({ "tokens": tokens, "token_logprobs": logprobs, "top_logprobs": tops, "text_offset": offsets });
	(value, offset)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_loss_in_bits_is_a_natural_logarithm() {
		assert_eq!(logprob(0).to_string(), "0");
		assert!((logprob(1 << 16).exp() - 0.5).abs() < 1e-12);
		assert!((logprob(10 << 16).exp() - 1.0 / 1024.0).abs() < 1e-12);
	}
}
