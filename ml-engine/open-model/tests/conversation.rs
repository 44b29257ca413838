//! Conversations with a small random model whose tokens are bytes, and with SmolLM2 where BLYAN_SMOLLM2 names its file.
#![allow(clippy::unwrap_used)]

mod support;

use blyan_exact::{
	definition2::{golden, Execution},
	Sampling,
};
use blyan_kernel::Kernel;
use blyan_open_model::{
	conversation::{Answer, Conversation, End, Settings},
	load,
	run::sample,
	Directory, Precision, Runner,
};
use blyan_text::{Chat, FinishReason, Message};
use std::{
	path::PathBuf,
	sync::{atomic::Ordering, Arc},
};
use support::{conversation, say, tokenizer};

/// Question that SmolLM2 answers with a margin. (Without its second half, floats prefer "The" to "L" by 0.08 only.)
const QUESTION: &str = "What is the capital of France, and what is it known for?";

fn settings(tokens_max: usize, temperature: u16) -> Settings {
	let sampling = Sampling { temperature, top_p: 256, seed: [3; 32] };
	Settings { sampling, tokens_max, stop: Vec::new() }
}

#[test]
fn an_answer_is_the_definitions_whatever_the_threads_and_what_was_known() {
	let tokens = |threads, kernel| {
		let mut conversation = conversation(300, threads, kernel);
		let first = say(&mut conversation, "hello", &settings(20, 200));
		let second = say(&mut conversation, "and on", &settings(20, 200));
		assert_eq!(first.prompt_tokens_known, 0);
		assert!(second.prompt_tokens_known > first.prompt_tokens, "{second:?}");
		[first.tokens, second.tokens]
	};
	let expected = tokens(1, Kernel::PORTABLE);
	for kernel in Kernel::available() {
		assert_eq!(tokens(2, kernel), expected, "{kernel}");
	}
	// The same by the definition's own execution.
	let mut architecture = golden::ARCHITECTURES[0].1();
	architecture.context = 300;
	let model = golden::random_model(architecture, b"chat");
	let view = model.view().unwrap();
	let prompt = Chat::new(tokenizer()).unwrap().encode(&[Message::user("hello")]).unwrap();
	let mut execution = Execution::new(&view, 300).unwrap();
	let mut logits = Vec::new();
	for id in &prompt {
		logits = execution.push(*id).unwrap();
	}
	for (index, id) in expected[0].iter().enumerate() {
		assert_eq!(sample(&settings(20, 200).sampling, &logits, (prompt.len() + index) as u64), *id);
		logits = execution.push(*id).unwrap();
	}
}

#[test]
fn an_answer_ends_at_its_limit_at_a_stop_string_and_where_the_context_is_full() {
	let mut talk = conversation(300, 1, Kernel::best());
	let free = say(&mut talk, "a", &settings(30, 0));
	assert_eq!((free.end, free.tokens.len()), (End::Finished(FinishReason::Length), 30));
	// The model's own third character, as a stop string.
	let stop: String = free.text.chars().skip(2).take(1).collect();
	let mut talk = conversation(300, 1, Kernel::best());
	let stopped = say(&mut talk, "a", &Settings { stop: vec![stop.clone()], ..settings(30, 0) });
	assert_eq!(stopped.end, End::Finished(FinishReason::Stop));
	assert!(!stopped.text.contains(&stop) && free.text.starts_with(&stopped.text), "{stopped:?} {free:?}");
	let mut talk = conversation(64, 1, Kernel::best());
	let full = say(&mut talk, "a", &settings(1_000, 0));
	assert_eq!(full.end, End::ContextFull);
	assert_eq!(full.prompt_tokens + full.tokens.len(), 65, "the last token needs no position");
}

#[test]
fn a_long_conversation_says_what_did_not_fit() {
	let mut talk = conversation(128, 2, Kernel::best());
	let first = say(&mut talk, "the first message of this conversation", &settings(10, 0));
	assert_eq!((first.prompt_tokens_cut, first.messages_cut), (0, 0));
	let second = say(&mut talk, "the second message of this conversation", &settings(10, 0));
	assert!(second.messages_cut > 0 && second.prompt_tokens_cut > 0, "{second:?}");
	assert!(second.prompt_tokens <= 118, "{second:?}");
}

#[test]
fn a_cancelled_answer_keeps_what_it_has_said() {
	let mut talk = conversation(300, 2, Kernel::best());
	let cancelled = talk.runner().cancelled().clone();
	talk.push(Message::user("hello"));
	let mut pieces = 0;
	let answer = talk.answer(&settings(100, 0), |_| {
		pieces += 1;
		cancelled.store(pieces == 5, Ordering::Relaxed);
	});
	let answer = answer.unwrap();
	assert_eq!(answer.end, End::Cancelled);
	assert!(answer.tokens.len() < 100, "{answer:?}");
	cancelled.store(false, Ordering::Relaxed);
	assert!(matches!(say(&mut talk, "go on", &settings(5, 0)).end, End::Finished(_)));
}

#[test]
fn smollm2_answers_the_same_to_the_same_seed() {
	let Some(path) = std::env::var_os("BLYAN_SMOLLM2").map(PathBuf::from) else {
		eprintln!("skipped: BLYAN_SMOLLM2 does not name the file SmolLM2-135M-Instruct.Q4_1.gguf");
		return;
	};
	let checkpoint = blyan_checkpoint::Checkpoint::open(&path).unwrap();
	let out = tempfile::tempdir().unwrap();
	let manifest =
		blyan_open_model::import(&checkpoint, Precision::default(), out.path(), &|_, _| {}).unwrap();
	let directory = Directory::new(out.path());
	let architecture = directory.architecture(&manifest).unwrap();
	let weights = Arc::new(load::load(&directory, &manifest, &architecture).unwrap());
	let tokenizer = Arc::new(directory.tokenizer(&manifest).unwrap());
	let answers: Vec<Answer> = [(1, 256), (2, 256), (2, 0)]
		.into_iter()
		.map(|(threads, temperature)| {
			let runner = Runner::new(weights.clone(), Kernel::best(), threads).unwrap();
			let chat = Chat::new(tokenizer.clone()).unwrap();
			let mut talk = Conversation::new(runner, chat, manifest.ends.clone(), None);
			say(&mut talk, QUESTION, &settings(100, temperature))
		})
		.collect();
	assert_eq!(answers[0].tokens, answers[1].tokens);
	assert!(answers[2].text.starts_with("The capital of France is Paris."), "{:?}", answers[2]);
	assert_eq!(answers[2].end, End::Finished(FinishReason::EndToken));
}
