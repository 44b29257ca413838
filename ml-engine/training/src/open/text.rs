//! Text to learn from and text to be measured on, as sequences of a model's tokens.
//!
//! Documents are taken in the order of their hashes: which of them a run sees follows from what they say, and neither from
//! their names nor from the order in which they were found.

use super::sequence::Sequence;
use crate::TrainError;
use blyan_engine::dataset::Document;
use blyan_open_model::{evaluate::Holdout, text::Tokenizer, HoldoutWriter};
use std::io::Cursor;

/// Sequences of one document that are measured, at most.
const SAMPLED_OF_DOCUMENT: usize = 4;

/// Cutter of documents.
#[derive(Clone, Copy, Debug)]
pub struct Cutter<'a> {
	/// Tokenizer of the model.
	pub tokenizer: &'a Tokenizer,
	/// Tokens that a sequence predicts.
	pub positions: usize,
}

impl Cutter<'_> {
	/// Cuts documents into sequences to learn from, until they stand for `bytes_max` bytes of text.
	///
	/// # Errors
	/// [`TrainError::Tokenizer`] if a text cannot be tokenised.
	pub fn learn<'d>(
		&self,
		documents: impl IntoIterator<Item = &'d Document>,
		bytes_max: u64,
	) -> Result<Vec<Sequence>, TrainError> {
		let (mut sequences, mut bytes) = (Vec::new(), 0);
		for document in by_hash(documents) {
			if bytes >= bytes_max {
				break;
			}
			let cut = self.cut(document)?;
			bytes += cut.iter().map(Sequence::text_bytes).sum::<u64>();
			sequences.extend(cut);
		}
		Ok(sequences)
	}

	/// Takes up to `count` whole sequences to be measured on, a few of each document.
	///
	/// # Errors
	/// [`TrainError::Tokenizer`] if a text cannot be tokenised.
	pub fn sample<'d>(
		&self,
		documents: impl IntoIterator<Item = &'d Document>,
		count: usize,
	) -> Result<Vec<Sequence>, TrainError> {
		let mut sequences = Vec::new();
		for document in by_hash(documents) {
			let mut whole = self.cut(document)?;
			whole.retain(|sequence| sequence.ids.len() == self.positions + 1);
			let taken = whole.len().min(SAMPLED_OF_DOCUMENT).min(count - sequences.len());
			sequences.extend((0..taken).map(|index| whole[index * whole.len() / taken].clone()));
			if sequences.len() == count {
				break;
			}
		}
		Ok(sequences)
	}

	/// Writes whole sequences as a holdout.
	///
	/// # Errors
	/// [`TrainError::Holdout`] if there are none, or one of another length.
	pub fn holdout(&self, sequences: &[Sequence]) -> Result<Holdout<Vec<u8>>, TrainError> {
		let mut file = Cursor::new(Vec::new());
		// Positions past 32 bits are past those of any holdout, which names the bound.
		let positions = u32::try_from(self.positions).unwrap_or(u32::MAX);
		let mut writer = HoldoutWriter::new(&mut file, self.tokenizer, positions)?;
		for sequence in sequences {
			let bytes = u32::try_from(sequence.text_bytes()).unwrap_or(u32::MAX);
			writer.sequence(&sequence.ids, bytes)?;
		}
		writer.finish()?;
		Ok(Holdout::read(file.into_inner()).map_err(blyan_open_model::evaluate::WriteError::from)?)
	}

	fn cut(&self, document: &Document) -> Result<Vec<Sequence>, TrainError> {
		let ids = self.tokenizer.encode(&document.text)?;
		Ok(Sequence::cut(&ids, self.positions, |id| self.tokenizer.byte_count(&[id])))
	}
}

fn by_hash<'d>(documents: impl IntoIterator<Item = &'d Document>) -> Vec<&'d Document> {
	let mut documents: Vec<&Document> = documents.into_iter().collect();
	documents.sort_by(|a, b| a.hash.cmp(&b.hash));
	documents
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_open_model::text::TokenizerFiles;
	use serde_json::{json, Map, Value};

	/// Returns a byte-level tokenizer of the small letters and the blank.
	fn tokenizer() -> Tokenizer {
		let letters = ('a'..='z').chain(['\u{120}']);
		let vocabulary: Map<String, Value> =
			letters.enumerate().map(|(id, letter)| (letter.to_string(), id.into())).collect();
		let byte_level = json!({
			"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
		});
		let json = json!({
			"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
			"pre_tokenizer": byte_level, "post_processor": null, "decoder": byte_level,
			"model": {
				"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
				"end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
				"vocab": vocabulary, "merges": [],
			},
		});
		Tokenizer::from_files(TokenizerFiles {
			tokenizer: json.to_string().as_bytes(),
			config: None,
			generation_config: None,
			chat_template: None,
		})
		.unwrap()
	}

	fn documents(count: usize) -> Vec<Document> {
		let text = |index: usize| {
			let letter = char::from(b'a' + (index % 26) as u8);
			letter.to_string().repeat(7 + index)
		};
		(0..count)
			.map(|index| Document::new(text(index), format!("{index}"), format!("{index}"), "MIT".into()))
			.collect()
	}

	#[test]
	fn the_same_documents_in_another_order_are_the_same_sequences() {
		let (tokenizer, documents) = (tokenizer(), documents(30));
		let cutter = Cutter { tokenizer: &tokenizer, positions: 6 };
		let reversed = || documents.iter().rev();
		assert_eq!(cutter.learn(&documents, 200).unwrap(), cutter.learn(reversed(), 200).unwrap());
		let sample = cutter.sample(&documents, 20).unwrap();
		assert_eq!(sample, cutter.sample(reversed(), 20).unwrap());
		assert_eq!(sample.len(), 20);
		assert!(sample.iter().all(|sequence| sequence.ids.len() == 7));
		let bytes: u64 = cutter.learn(&documents, 200).unwrap().iter().map(Sequence::text_bytes).sum();
		assert!((200..240).contains(&bytes), "{bytes} bytes end with the document that reaches the limit");
	}

	#[test]
	fn a_holdout_holds_the_sample_and_refuses_sequences_of_another_length() {
		let (tokenizer, documents) = (tokenizer(), documents(12));
		let cutter = Cutter { tokenizer: &tokenizer, positions: 6 };
		let sample = cutter.sample(&documents, 100).unwrap();
		let holdout = cutter.holdout(&sample).unwrap();
		assert_eq!(holdout.sequences() as usize, sample.len());
		assert_eq!(holdout.ids(3).unwrap(), sample[3].ids);
		holdout.ensure_text(&tokenizer).unwrap();
		let short = [Sequence { ids: vec![1, 2], bytes: vec![1] }];
		assert!(matches!(cutter.holdout(&short), Err(TrainError::Holdout(_))));
		let none = cutter.holdout(&[]).unwrap_err().to_string();
		assert!(none.contains("longer texts"), "{none}");
	}
}
