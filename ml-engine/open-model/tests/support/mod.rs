//! A small random model whose tokens are bytes, to talk to.
#![allow(dead_code)] // every test uses a part of it

use blyan_exact::definition2::golden;
use blyan_kernel::Kernel;
use blyan_open_model::{
	conversation::{Answer, Conversation, Settings},
	load, Runner,
};
use blyan_text::{Chat, GgufVocabulary, Message, Tokenizer};
use std::sync::Arc;

/// Token that ends a turn.
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
pub fn runner(context: u32, threads: usize, kernel: Kernel) -> Runner {
	let mut architecture = golden::ARCHITECTURES[0].1();
	architecture.context = context;
	let model = golden::random_model(architecture, b"chat");
	let weights = load::weights(&model.view().unwrap()).unwrap();
	Runner::new(Arc::new(weights), kernel, threads).unwrap()
}

/// A conversation with that model.
pub fn conversation(context: u32, threads: usize, kernel: Kernel) -> Conversation {
	Conversation::new(runner(context, threads, kernel), Chat::new(tokenizer()).unwrap(), vec![END], None)
}

/// Says something and returns the answer.
pub fn say(conversation: &mut Conversation, text: &str, settings: &Settings) -> Answer {
	conversation.push(Message::user(text));
	let mut shown = String::new();
	let answer = conversation.answer(settings, |text| shown.push_str(text)).unwrap();
	assert_eq!(shown, answer.text);
	answer
}
