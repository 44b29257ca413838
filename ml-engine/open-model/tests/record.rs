//! Records of generations: honest ones are equal, and of every other one it is said where it is not.
#![allow(clippy::unwrap_used)]

mod support;

use blyan_exact::{definition2::Execution, Sampling};
use blyan_kernel::Kernel;
use blyan_open_model::{
	conversation::{Conversation, End, Settings},
	record::{Difference, RecordError},
	run::RunError,
	GenerationRecord, Manifest,
};
use blyan_text::{Chat, FinishReason, StreamError};
use support::{runner, say, tokenizer};

const CONTEXT: u32 = 300;
const SEED: u64 = 7;

fn manifest() -> Manifest {
	Manifest {
		format: "blyan-model/2".into(),
		definition: 2,
		model_root: "ab".repeat(32),
		architecture: String::new(),
		parts: Vec::new(),
		tokenizer: hex::encode(tokenizer().hash()),
		ends: Vec::new(),
		source: serde_json::Value::Null,
		changes: Vec::new(),
	}
}

fn settings(tokens_max: usize, temperature: u16, top_p: u16) -> Settings {
	let sampling = Sampling { temperature, top_p, seed: Sampling::key_of(SEED) };
	Settings { sampling, tokens_max, stop: Vec::new() }
}

/// The record of the second answer of a conversation, so that its prompt is one that was read in two pieces. Answers are ended
/// by `ends` only.
fn record_ended_by(ends: &[u32], settings: &Settings) -> GenerationRecord {
	let chat = Chat::new(tokenizer()).unwrap();
	let mut talk = Conversation::new(runner(CONTEXT, 2, Kernel::best()), chat, ends.to_vec(), None);
	say(&mut talk, "hello", settings);
	let answer = say(&mut talk, "and on", settings);
	let manifest = Manifest { ends: ends.to_vec(), ..manifest() };
	GenerationRecord::new(&manifest, settings, SEED, &answer)
}

/// The same of answers that go on until they are as long as they may be.
fn record(settings: &Settings) -> GenerationRecord {
	record_ended_by(&[], settings)
}

fn difference(record: &GenerationRecord) -> Option<Difference> {
	record.difference(&mut runner(CONTEXT, 2, Kernel::best()), &tokenizer()).unwrap()
}

fn refusal(change: impl FnOnce(&mut GenerationRecord)) -> RecordError {
	let mut record = record(&settings(20, 256, 230));
	change(&mut record);
	record.difference(&mut runner(CONTEXT, 1, Kernel::best()), &tokenizer()).unwrap_err()
}

#[test]
fn an_honest_record_is_equal_on_every_kernel_and_number_of_threads() {
	for (temperature, top_p) in [(0, 256), (200, 256), (256, 230), (2_000, 128)] {
		let record = record(&settings(40, temperature, top_p));
		assert_eq!((record.answer.len(), record.end), (40, End::Finished(FinishReason::Length)));
		record.ensure_about(&manifest()).unwrap();
		for kernel in Kernel::available() {
			for threads in [1, 2, 3] {
				let found = record.difference(&mut runner(CONTEXT, threads, kernel), &tokenizer());
				assert_eq!(found.unwrap(), None, "{temperature} {top_p} {kernel} {threads}");
			}
		}
	}
}

#[test]
fn an_honest_record_of_an_answer_that_its_model_ended_is_equal() {
	// Any byte below 128 ends an answer, so that a random model ends it soon.
	let ends: Vec<u32> = (0..128).collect();
	let record = record_ended_by(&ends, &settings(200, 256, 230));
	assert_eq!(record.end, End::Finished(FinishReason::EndToken));
	assert!(record.answer.last().is_some_and(|last| ends.contains(last)));
	assert_eq!(difference(&record), None);
}

#[test]
fn choices_are_those_of_the_definitions_own_execution() {
	let record = record(&settings(30, 300, 200));
	let mut architecture = blyan_exact::definition2::golden::ARCHITECTURES[0].1();
	architecture.context = CONTEXT;
	let model = blyan_exact::definition2::golden::random_model(architecture, b"chat");
	let view = model.view().unwrap();
	let mut execution = Execution::new(&view, CONTEXT).unwrap();
	let ids = [record.prompt.clone(), record.answer.clone()].concat();
	let sampling = record.sampling();
	let expected: Vec<u32> = (1..)
		.zip(&ids)
		.map(|(position, id)| {
			let logits = execution.push(*id).unwrap();
			blyan_exact::definition2::sampling::sample(&sampling, &logits, position)
		})
		.collect();
	let mut runner = runner(CONTEXT, 2, Kernel::best());
	for first in [0, 1, 33, ids.len() - 1, ids.len(), ids.len() + 1] {
		let choices = runner.choices(&ids, first, &sampling).unwrap();
		assert_eq!(choices, expected[first.min(ids.len())..], "from {first} on");
	}
}

#[test]
fn a_changed_token_is_named_by_its_index_wherever_it_is() {
	let honest = record(&settings(40, 256, 230));
	for index in 0..honest.answer.len() {
		let mut record = honest.clone();
		let expected = record.answer[index];
		let found = (expected + 1) % 256;
		record.answer[index] = found;
		assert_eq!(difference(&record), Some(Difference::Token { index, expected, found }));
	}
}

#[test]
fn a_changed_seed_setting_or_prompt_is_named_by_the_first_token_that_does_not_follow() {
	let honest = record(&settings(40, 256, 230));
	let changes: [(&str, fn(&mut GenerationRecord)); 5] = [
		("seed", |record| record.seed += 1),
		("temperature", |record| record.temperature_q8 = 2_560),
		("temperature of zero", |record| record.temperature_q8 = 0),
		("top-p", |record| record.top_p_q8 = 0),
		("prompt", |record| record.prompt[3] ^= 1),
	];
	for (name, change) in changes {
		let mut record = honest.clone();
		change(&mut record);
		let found = difference(&record);
		assert!(matches!(found, Some(Difference::Token { .. })), "{name}: {found:?}");
	}
}

#[test]
fn an_answer_that_ends_elsewhere_or_for_another_reason_is_named_by_its_end() {
	let honest = record(&settings(20, 256, 230));
	let length = End::Finished(FinishReason::Length);
	let ends = |change: &dyn Fn(&mut GenerationRecord)| {
		let mut record = honest.clone();
		change(&mut record);
		match difference(&record) {
			Some(Difference::End { tokens, expected, found }) => (tokens, expected, found),
			other => panic!("{other:?}"),
		}
	};
	assert_eq!(ends(&|record| record.answer.truncate(19)), (None, None, length));
	assert_eq!(ends(&|record| record.max_tokens = 21), (None, None, length));
	assert_eq!(ends(&|record| record.max_tokens = 19), (Some(19), Some(length), length));
	let turn = End::Finished(FinishReason::EndToken);
	assert_eq!(ends(&|record| record.end = turn), (Some(20), Some(length), turn));
	let fifth = honest.answer[4];
	let first = honest.answer.iter().position(|id| *id == fifth).unwrap() + 1;
	assert_eq!(ends(&|record| record.ends.push(fifth)), (Some(first), Some(turn), length));
	let stop: String =
		tokenizer().decode(&honest.answer[..8]).chars().filter(char::is_ascii_graphic).take(1).collect();
	assert!(!stop.is_empty(), "a letter among the first tokens");
	let (_, expected, _) = ends(&|record| record.stop.push(stop.clone()));
	assert_eq!(expected, Some(End::Finished(FinishReason::Stop)));
}

#[test]
fn an_answer_that_its_reader_cut_short_is_checked_as_far_as_it_goes() {
	let mut cut = record(&settings(20, 256, 230));
	cut.answer.truncate(7);
	cut.end = End::Cancelled;
	assert_eq!(difference(&cut), None);
	cut.answer[6] ^= 1;
	assert!(matches!(difference(&cut), Some(Difference::Token { index: 6, .. })));
	cut.answer.clear();
	assert_eq!(difference(&cut), None, "nothing was said");
}

#[test]
fn an_answer_that_fills_the_context_ends_there() {
	let settings = settings(1_000, 256, 230);
	let chat = Chat::new(tokenizer()).unwrap();
	let mut talk = Conversation::new(runner(64, 2, Kernel::best()), chat, Vec::new(), None);
	let answer = say(&mut talk, "a", &settings);
	let mut record = GenerationRecord::new(&manifest(), &settings, SEED, &answer);
	let mut runner = runner(64, 2, Kernel::best());
	let mut check = |record: &GenerationRecord| record.difference(&mut runner, &tokenizer()).unwrap();
	assert_eq!((record.end, check(&record)), (End::ContextFull, None));
	let tokens = record.answer.len();
	record.answer.extend([65; 100]);
	let found = check(&record);
	let expected =
		Difference::End { tokens: Some(tokens), expected: Some(End::ContextFull), found: record.end };
	assert_eq!(found, Some(expected));
}

#[test]
fn a_record_of_another_model_or_tokenizer_is_refused_by_name() {
	let mut other = record(&settings(5, 0, 256));
	other.model_root.replace_range(..1, "c");
	let error = other.ensure_about(&manifest()).unwrap_err();
	assert!(matches!(error, RecordError::OtherModel { .. }), "{error}");
	let mut other = record(&settings(5, 0, 256));
	other.tokenizer = "00".repeat(32);
	let error = other.ensure_about(&manifest()).unwrap_err();
	assert!(matches!(error, RecordError::OtherTokenizer { .. }), "{error}");
}

#[test]
fn a_record_that_cannot_be_read_by_the_model_is_refused_and_an_impossible_token_is_a_difference() {
	let error = refusal(|record| record.prompt.clear());
	assert!(matches!(error, RecordError::Prompt(RunError::Empty)), "{error}");
	let error = refusal(|record| record.prompt[0] = 300);
	assert!(matches!(error, RecordError::Prompt(RunError::Token { token: 300, .. })), "{error}");
	let error = refusal(|record| record.prompt = vec![1; 301]);
	assert!(matches!(error, RecordError::Prompt(RunError::Context { positions: 301, .. })), "{error}");
	let error = refusal(|record| record.stop = vec![String::new()]);
	assert!(matches!(error, RecordError::Settings(StreamError::EmptyStop { index: 0 })), "{error}");
	let error = refusal(|record| record.ends.push(u32::MAX));
	assert!(matches!(error, RecordError::Settings(StreamError::UnknownEnd { .. })), "{error}");
	let mut record = record(&settings(20, 256, 230));
	let expected = record.answer[3];
	record.answer[3] = u32::MAX;
	assert_eq!(difference(&record), Some(Difference::Token { index: 3, expected, found: u32::MAX }));
}

#[test]
fn a_record_round_trips_as_json_and_a_truncated_or_altered_one_is_refused() {
	let record = record(&settings(20, 256, 230));
	let json = serde_json::to_string(&record).unwrap();
	assert_eq!(serde_json::from_str::<GenerationRecord>(&json).unwrap(), record);
	let read = |text: &str| serde_json::from_str::<GenerationRecord>(text).unwrap_err().to_string();
	for end in 0..json.len() {
		assert!(read(&json[..end]).contains("EOF"), "{end}");
	}
	assert!(read(&json.replace("\"seed\"", "\"sead\"")).contains("sead"));
	assert!(read(&json.replace("\"length\"", "\"tired\"")).contains("does not name the end of an answer"));
}
