//! A tiny open checkpoint with a tokenizer of letters, and texts that it can learn.

#[path = "../../../../ml-engine/open-model/tests/support/letters.rs"]
mod letters;

use blyan_exact::definition2::{block::part_file, golden};
use blyan_open_model::{
	directory,
	manifest::{Manifest, PartRecord},
	text::{Tokenizer, TokenizerFiles},
	Directory,
};
use serde_json::json;
use std::{fs, path::Path};

/// Letters of a text.
const LETTERS: usize = 500;

/// Returns a byte-level tokenizer of the small letters, the blank and the line feed.
fn tokenizer() -> Tokenizer {
	let json = letters::tokenizer_json('a'..='z');
	let tokenizer = json.as_bytes();
	let files = TokenizerFiles { tokenizer, config: None, generation_config: None, chat_template: None };
	Tokenizer::from_files(files).unwrap()
}

/// Writes a dense model of two layers, as an import would.
pub fn write_model(path: &Path) {
	let (model, tokenizer) = (golden::model(0), tokenizer());
	let directory = Directory::new(path);
	directory.prepare().unwrap();
	directory.write_text(&tokenizer).unwrap();
	let architecture = &model.architecture;
	let parts = directory::parts(architecture).into_iter().zip(model.parts.iter().chain(&model.experts));
	let records: Vec<_> = parts
		.map(|(part, tensors)| {
			let file = part_file(architecture, part, &tensors.view()).unwrap();
			fs::write(directory.part(part), &file).unwrap();
			let root = directory::layout(architecture, part).unwrap().check(&file).unwrap();
			let name = directory::part_name(part);
			(PartRecord { name, bytes: file.len() as u64, root: hex::encode(root) }, root)
		})
		.collect();
	let source = json!({ "name": "letters" });
	let manifest = Manifest::new(architecture, &records, (tokenizer.hash(), Vec::new()), source);
	directory.complete(&manifest).unwrap();
}

/// Draws texts in which a letter mostly follows its neighbour in the alphabet.
pub fn texts(count: usize, seed: u64) -> Vec<String> {
	let mut state = seed;
	let mut below = |end: u64| {
		state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
		(state >> 33) % end
	};
	let text = |_| {
		let mut letter = below(26);
		let mut text = String::new();
		for place in 0..LETTERS {
			text.push(if place % 7 == 6 { ' ' } else { char::from(b'a' + letter as u8) });
			letter = if below(8) > 0 { (letter + 1) % 26 } else { below(26) };
		}
		text
	};
	(0..count).map(text).collect()
}

/// Writes texts, a file each.
pub fn write_texts(path: &Path, count: usize, seed: u64) {
	fs::create_dir_all(path).unwrap();
	for (index, text) in texts(count, seed).into_iter().enumerate() {
		fs::write(path.join(format!("{index}.txt")), text).unwrap();
	}
}
