//! A small random model whose tokens are bytes.

use blyan_benchmarks::OpenModel;
use blyan_exact::definition2::golden;
use blyan_open_model::{load, Runner};
use blyan_text::{GgufVocabulary, Tokenizer};
use std::sync::Arc;

/// Token that ends an answer.
pub const END: u32 = 257;

/// A token for each byte, and two control tokens.
pub fn tokenizer() -> Arc<Tokenizer> {
	let is_shown = |byte: u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
	let mut hidden = 256;
	let mut tokens: Vec<String> = (0..=u8::MAX)
		.map(|byte| {
			let code = if is_shown(byte) { u32::from(byte) } else { hidden };
			hidden += u32::from(!is_shown(byte));
			char::from_u32(code).unwrap().to_string()
		})
		.collect();
	tokens.extend(["<|im_start|>".into(), "<|im_end|>".into()]);
	let mut token_types = vec![1; 256];
	token_types.extend([3, 3]);
	let vocabulary = GgufVocabulary {
		model: "gpt2".into(),
		pre: "gpt-2".into(),
		tokens,
		token_types,
		eos: Some(END),
		..GgufVocabulary::default()
	};
	Arc::new(Tokenizer::from_gguf(&vocabulary).unwrap())
}

/// A random model with this context, on so many threads.
pub fn runner(context: u32, threads: usize) -> Runner {
	let mut architecture = golden::ARCHITECTURES[0].1();
	architecture.context = context;
	let model = golden::random_model(architecture, b"benchmarks");
	let weights = load::weights(&model.view().unwrap()).unwrap();
	Runner::on_this_machine(Arc::new(weights), Some(threads)).unwrap()
}

/// The same as a subject.
pub fn model(context: u32, threads: usize) -> OpenModel {
	OpenModel::new(hex::encode([1; 32]), runner(context, threads), tokenizer(), vec![END])
}
