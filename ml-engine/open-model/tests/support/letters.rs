//! A tokenizer of single letters.

use serde_json::json;

/// The blank and the line feed, as byte-level tokenizers write them.
const BLANKS: [char; 2] = ['\u{120}', '\u{10a}'];

/// Returns the file of a byte-level tokenizer of some letters and the blank and line feed, numbered in this order.
pub fn tokenizer_json(letters: impl Iterator<Item = char>) -> String {
	let letters = letters.chain(BLANKS);
	let vocabulary: serde_json::Map<String, serde_json::Value> =
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
	json.to_string()
}
