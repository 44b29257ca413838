//! Check of a receipt against the request: are its prompt and its settings those that were sent?
//!
//! A receipt binds an answer to the token ids of a prompt. An operator that leaves out half of a conversation, or answers at another temperature, has a
//! right receipt about another request. So the payer writes down what it sent, and has the model's own template and tokenizer write it again.

use super::check::{AskedRecord, Billed};
use crate::failure::{Failure, Kind, Outcome};
use blyan_gateway::{
	asked::{self, Deviation},
	ServedModel,
};
use blyan_open_model::{text::Tokenizer, Directory, Manifest};
use std::{path::Path, sync::Arc};

/// Seconds by which the time of the answer may differ from that of the request: templates of some models write the date, clocks differ, and an answer
/// that is asked for again by its key is up to a day old.
const CLOCKS: [i64; 4] = [0, -3_600, 3_600, -86_400];

/// Name of the prompt among the parts of a record.
const PROMPT: &str = "prompt";

/// A model's template and tokenizer.
pub struct PromptCheck {
	manifest: Manifest,
	tokenizer: Arc<Tokenizer>,
	/// Context and vocabulary.
	sizes: (usize, usize),
}

impl PromptCheck {
	/// Reads template and tokenizer in the directory of a model; its weights are not loaded.
	pub fn open(dir: &Path) -> Outcome<Self> {
		let directory = Directory::new(dir);
		let manifest = directory.manifest()?;
		let architecture = directory.architecture(&manifest)?;
		let tokenizer = Arc::new(directory.tokenizer(&manifest)?);
		let sizes = (architecture.context as usize, architecture.vocabulary as usize);
		Ok(Self { manifest, tokenizer, sizes })
	}

	/// Returns the tokenizer.
	pub fn tokenizer(&self) -> &Arc<Tokenizer> {
		&self.tokenizer
	}

	/// Root of the model, in hexadecimal digits.
	pub fn model_root(&self) -> &str {
		&self.manifest.model_root
	}

	/// Compares a receipt with its request. Returns what differs, in words; `None` if nothing does.
	///
	/// Where the template writes the time of day, which only the server's clock knows, prompts of another minute say nothing: then it is undecided.
	pub fn difference(&self, billed: &Billed) -> Outcome<Option<String>> {
		let undecided = |failure: Failure| failure.kind(Kind::Undecided);
		let Some(asked) = &billed.asked else {
			return Err(undecided(Failure::new("the file does not say what was asked for"))
				.next("blyan connect and blyan chat write it down with each answer that they pay for"));
		};
		billed.generation.ensure_about(&self.manifest).map_err(|error| undecided(error.into()))?;
		let (mut found, has_asked_for_hour) = self.deviations(asked, billed)?;
		if has_asked_for_hour {
			found.retain(|part| part.field != PROMPT);
			if found.is_empty() {
				return Err(undecided(Failure::new(
					"the model's chat template writes the time of day, so its prompt cannot be told from that of another minute; the settings are \
					those that were sent",
				)));
			}
		}
		let words: Vec<String> = found.iter().map(in_words).collect();
		Ok((!words.is_empty()).then(|| words.join("; ")))
	}

	/// Returns what differs, at the time of the request if it does at all times. Reports besides whether the prompt differs and the template wrote
	/// the time of day into it.
	fn deviations(&self, asked: &AskedRecord, billed: &Billed) -> Outcome<(Vec<Deviation>, bool)> {
		let request = (asked.route.as_str(), asked.body.as_bytes());
		let (mut first, mut has_asked_for_hour) = (None, false);
		for shift in CLOCKS {
			let model = ServedModel::new(
				String::new(),
				self.manifest.clone(),
				self.tokenizer.clone(),
				self.sizes,
				asked.sent_at,
			)?;
			let model = model.at(i64::try_from(asked.sent_at)?.saturating_add(shift));
			let found = asked::deviations(&model, request, asked.index, &billed.generation)
				.map_err(|error| Failure::from(error).kind(Kind::Undecided))?;
			if !found.iter().any(|part| part.field == PROMPT) {
				return Ok((found, false));
			}
			has_asked_for_hour |= model.has_asked_for_hour();
			first.get_or_insert(found);
		}
		Ok((first.unwrap_or_default(), has_asked_for_hour))
	}
}

fn in_words(part: &Deviation) -> String {
	format!("{} {} was asked for, and the receipt has {}", part.field, part.asked, part.found)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::paying::{check::tests::billed, tests::letters};
	use blyan_open_model::text::{Chat, Message, TokenizerFiles};
	use serde_json::json;

	/// Ten minutes to midnight, 13 September 2020.
	const SENT_AT: u64 = 1_600_041_000;

	fn check(template: &str) -> PromptCheck {
		let json = letters::tokenizer_json(('a'..='z').chain('0'..='9'));
		let tokenizer = json.as_bytes();
		let files = TokenizerFiles {
			tokenizer,
			config: None,
			generation_config: None,
			chat_template: Some(template),
		};
		let manifest = json!({
			"format": "blyan-model/2", "definition": 2, "model_root": "04".repeat(32), "architecture": "", "parts": [],
			"tokenizer": "05".repeat(32), "ends": [], "source": null,
		});
		PromptCheck {
			manifest: serde_json::from_value(manifest).unwrap(),
			tokenizer: Arc::new(Tokenizer::from_files(files).unwrap()),
			sizes: (100, 100),
		}
	}

	/// An answer to these words, whose prompt was written so many seconds behind the request for "hi".
	fn answered(check: &PromptCheck, words: &str, seconds: i64) -> Billed {
		let chat = Chat::new(check.tokenizer.clone()).unwrap().at(SENT_AT as i64 + seconds);
		let mut billed = billed();
		billed.generation.prompt = chat.encode(&[Message::user(words)]).unwrap();
		let body = json!({
			"model": "m", "messages": [{ "role": "user", "content": "hi" }], "max_tokens": 2, "temperature": 1, "top_p": 1,
		});
		let (route, body) = ("/v1/chat/completions".into(), body.to_string());
		billed.asked = Some(AskedRecord { route, body, index: 0, sent_at: SENT_AT });
		billed
	}

	#[test]
	fn a_prompt_with_the_date_is_compared_across_midnight_and_another_date_is_wrong() {
		let check = check("{{ strftime_now('%d%m%Y') }}{{ messages[0]['content'] }}");
		for seconds in [0, 60, 900, -900] {
			assert_eq!(check.difference(&answered(&check, "hi", seconds)).unwrap(), None, "{seconds}");
		}
		for (words, seconds) in [("ho", 0), ("hi", 5 * 86_400)] {
			let words = check.difference(&answered(&check, words, seconds)).unwrap().unwrap();
			assert!(words.starts_with("prompt "), "{words}");
		}
	}

	#[test]
	fn a_prompt_with_the_minute_is_right_or_undecided_and_its_settings_are_compared_all_the_same() {
		let check = check("{{ strftime_now('%H%M') }}{{ messages[0]['content'] }}");
		assert_eq!(check.difference(&answered(&check, "hi", 0)).unwrap(), None, "the clocks agree");
		for (words, seconds) in [("hi", 60), ("hi", -120), ("ho", 0)] {
			let failure = check.difference(&answered(&check, words, seconds)).unwrap_err();
			assert_eq!(failure.kind, Kind::Undecided, "{}", failure.message);
			assert!(failure.message.contains("the time of day"), "{}", failure.message);
		}
		let mut cold = answered(&check, "hi", 60);
		cold.generation.temperature_q8 = 0;
		let words = check.difference(&cold).unwrap().unwrap();
		assert!(words.starts_with("temperature_q8 ") && !words.contains("prompt"), "{words}");
	}

	#[test]
	fn a_prompt_without_the_time_is_right_or_wrong() {
		let check = check("{{ messages[0]['content'] }}");
		assert_eq!(check.difference(&answered(&check, "hi", 60)).unwrap(), None);
		assert!(check.difference(&answered(&check, "ho", 0)).unwrap().is_some());
	}
}
