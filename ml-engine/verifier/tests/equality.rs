//! The verifier says of every answer what `blyan audit replay` says, and refuses a model that was changed.
#![allow(clippy::unwrap_used)]

mod support;

use blyan_exact::{
	definition2::{golden, sampling::sample, Execution},
	merkle, Sampling,
};
use blyan_kernel::Kernel;
use blyan_open_model::{conversation::End as RecordedEnd, load, record, GenerationRecord, Runner};
use blyan_text::FinishReason;
use blyan_verifier::{Check, CheckError, Difference, End, FileError, ModelFiles, RecordError, Step};
use std::sync::Arc;
use support::{files, given, manifest, model::tokenizer, owned, read, record, settings, CONTEXT};

/// Steps of a check until its result.
fn verify(files: &ModelFiles, record: &GenerationRecord) -> Result<Step, CheckError> {
	let loaded = files.load().unwrap();
	let model = loaded.model().unwrap();
	let mut check = Check::new(&model, read(record))?;
	loop {
		match check.step()? {
			Step::More => {}
			end => return Ok(end),
		}
	}
}

/// The result of `blyan audit replay`, in the verifier's words.
fn replayed(record: &GenerationRecord, runner: &mut Runner) -> Step {
	let number = |end: RecordedEnd| match end {
		RecordedEnd::Finished(FinishReason::EndToken) => End::EndToken,
		RecordedEnd::Finished(FinishReason::Stop) => End::Stop,
		RecordedEnd::Finished(FinishReason::Length) => End::Length,
		RecordedEnd::ContextFull => End::Context,
		RecordedEnd::Cancelled => End::Cancelled,
	};
	match record.difference(runner, &tokenizer()).unwrap() {
		None => Step::Equal { is_end_checked: true },
		Some(record::Difference::Token { index, expected, found }) => {
			Step::Differs(Difference::Token { index, expected, found })
		}
		Some(record::Difference::End { tokens, expected, found }) => Step::Differs(Difference::End {
			expected: tokens.zip(expected.map(number)),
			found: number(found),
		}),
	}
}

#[track_caller]
fn agree(record: &GenerationRecord) -> Step {
	let step = verify(&given(&owned()), record).unwrap();
	assert_eq!(step, replayed(record, &mut support::model::runner(CONTEXT, 2, Kernel::best())));
	step
}

#[test]
fn an_honest_answer_is_equal_whatever_its_settings() {
	for (temperature, top_p) in [(0, 256), (200, 256), (256, 230), (256, 0), (2_000, 128)] {
		let record = record(&[], &settings(24, temperature, top_p));
		assert_eq!(agree(&record), Step::Equal { is_end_checked: true }, "{temperature} {top_p}");
	}
}

#[test]
fn a_changed_token_is_found_where_it_is() {
	let honest = record(&[], &settings(24, 256, 230));
	for index in 0..honest.answer.len() {
		let mut record = honest.clone();
		let expected = record.answer[index];
		let found = (expected + 1) % 256;
		record.answer[index] = found;
		assert_eq!(agree(&record), Step::Differs(Difference::Token { index, expected, found }));
	}
	let mut record = honest;
	record.answer[5] = u32::MAX;
	assert!(matches!(agree(&record), Step::Differs(Difference::Token { index: 5, found: u32::MAX, .. })));
}

#[test]
fn a_changed_seed_setting_or_prompt_is_found() {
	let honest = record(&[], &settings(24, 256, 230));
	let changes: [fn(&mut GenerationRecord); 4] = [
		|record| record.seed -= 1,
		|record| record.temperature_q8 = 2_560,
		|record| record.top_p_q8 = 0,
		|record| record.prompt[3] ^= 1,
	];
	for change in changes {
		let mut record = honest.clone();
		change(&mut record);
		assert!(matches!(agree(&record), Step::Differs(Difference::Token { .. })));
	}
}

#[test]
fn ends_are_judged_as_a_replay_judges_them() {
	// Any byte below 128 ends an answer, so that a random model ends it soon.
	let ends: Vec<u32> = (0..128).collect();
	let ended = record(&ends, &settings(200, 256, 230));
	assert_eq!(ended.end, RecordedEnd::Finished(FinishReason::EndToken));
	assert_eq!(agree(&ended), Step::Equal { is_end_checked: true });
	let full = record(&[], &settings(1 << 20, 256, 230));
	assert_eq!(full.end, RecordedEnd::ContextFull);
	assert_eq!(agree(&full), Step::Equal { is_end_checked: true });
	let honest = record(&[], &settings(12, 256, 230));
	let changes: [fn(&mut GenerationRecord); 6] = [
		|record| record.answer.truncate(11),
		|record| record.max_tokens -= 4,
		|record| record.max_tokens = 0,
		|record| record.end = RecordedEnd::ContextFull,
		|record| record.ends = record.answer[6..7].to_vec(),
		|record| record.answer.clear(),
	];
	for change in changes {
		let mut record = honest.clone();
		change(&mut record);
		assert!(matches!(agree(&record), Step::Differs(Difference::End { .. })), "{record:?}");
	}
	let mut cut = honest;
	cut.answer.truncate(4);
	cut.end = RecordedEnd::Cancelled;
	assert_eq!(agree(&cut), Step::Equal { is_end_checked: true });
}

#[test]
fn the_end_of_an_answer_with_stop_strings_is_said_to_be_unchecked() {
	let mut record = record(&[], &settings(12, 256, 230));
	record.stop = vec!["\n".into()];
	assert_eq!(verify(&given(&owned()), &record), Ok(Step::Equal { is_end_checked: false }));
	record.answer[3] ^= 1;
	assert!(matches!(
		verify(&given(&owned()), &record),
		Ok(Step::Differs(Difference::Token { index: 3, .. }))
	));
}

#[test]
fn a_prompt_that_cannot_be_read_says_nothing_about_the_answer() {
	let honest = record(&[], &settings(4, 0, 256));
	let refusal = |change: fn(&mut GenerationRecord)| {
		let mut record = honest.clone();
		change(&mut record);
		verify(&given(&owned()), &record).unwrap_err()
	};
	assert_eq!(refusal(|record| record.prompt.clear()), CheckError::Record(RecordError::EmptyPrompt));
	assert_eq!(refusal(|record| record.prompt[0] = 1 << 20), CheckError::Record(RecordError::Token(1 << 20)));
	let long = RecordError::Context { tokens: 301, context: 300 };
	assert_eq!(refusal(|record| record.prompt = vec![1; 301]), CheckError::Record(long));
}

#[test]
fn every_family_of_models_is_checked_alike() {
	for (name, architecture) in golden::ARCHITECTURES {
		let owned = golden::random_model(architecture(), name.as_bytes());
		let view = owned.view().unwrap();
		let mut runner = Runner::new(Arc::new(load::weights(&view).unwrap()), Kernel::best(), 1).unwrap();
		let sampling = Sampling { temperature: 256, top_p: 230, seed: Sampling::key_of(support::SEED) };
		let (mut execution, prompt) = (Execution::new(&view, 20).unwrap(), vec![3, 1, 4, 1, 5]);
		let mut ids = prompt.clone();
		for position in 0..16 {
			let logits = execution.push(ids[position]).unwrap();
			if ids.len() == position + 1 {
				ids.push(sample(&sampling, &logits, ids.len() as u64));
			}
		}
		let mut record = record(&[], &settings(12, 256, 230));
		record.model_root = manifest(&owned, &[]).model_root;
		record.answer = ids.split_off(prompt.len());
		record.prompt = prompt;
		let files = given(&owned);
		assert_eq!(hex::encode(files.model_root().unwrap()), record.model_root, "{name}");
		let equal = Step::Equal { is_end_checked: true };
		assert_eq!((verify(&files, &record), replayed(&record, &mut runner)), (Ok(equal), equal), "{name}");
		record.answer[7] ^= 1;
		assert_eq!(verify(&files, &record), Ok(replayed(&record, &mut runner)), "{name}");
	}
}

#[test]
fn the_root_of_a_model_follows_from_its_files() {
	let model = owned();
	let files = given(&model);
	assert_eq!(hex::encode(files.model_root().unwrap()), manifest(&model, &[]).model_root);
	let record = read(&record(&[], &settings(4, 0, 256)));
	let bytes: Vec<u8> = record.prompt.iter().chain(&record.answer).flat_map(|id| id.to_le_bytes()).collect();
	assert_eq!(record.tokens_root(), merkle::root(&[merkle::leaf(&bytes)]));
}

#[test]
fn a_file_that_was_changed_in_any_place_is_refused() {
	let model = owned();
	let files = files(&model);
	for (index, (_, file)) in files.iter().enumerate() {
		for at in (0..file.len()).step_by(997) {
			let mut given = ModelFiles::new(&model.architecture.to_bytes()).unwrap();
			let mut file = file.clone();
			file[at] ^= 1;
			assert!(matches!(given.put(index, file), Err(FileError::Part(part, _)) if part == index), "{at}");
			assert_eq!(given.model_root(), Err(FileError::Missing(0)));
		}
	}
}

#[test]
fn a_sound_file_of_another_model_leads_to_another_root() {
	let mut other = owned().architecture;
	other.context = CONTEXT;
	let other = golden::random_model(other, b"other");
	let mut mixed = given(&owned());
	let honest = mixed.model_root().unwrap();
	mixed.put(1, files(&other).remove(1).1).unwrap();
	assert_ne!(mixed.model_root().unwrap(), honest);
	assert!(matches!(mixed.put(0, files(&other).remove(1).1), Err(FileError::Part(0, _))));
	assert_eq!(mixed.put(99, Vec::new()), Err(FileError::NoPart(99)));
}
