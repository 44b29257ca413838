//! Openings of an answer are those of the definition, and the chain computes the same block from a witness.

use super::*;
use blyan_exact::{
	definition2::{
		execution::Execution,
		golden,
		sampling::sample,
		step::{execute, Commitments},
		Trace,
	},
	tree, Hash, Sampling,
};
use blyan_open_model::End;
use std::sync::atomic::{AtomicUsize, Ordering};

#[allow(
	dead_code,
	clippy::duplicate_mod,
	reason = "the texts are for mining; other tests have the letters, too"
)]
#[path = "../../../tests/e2e/tests/tiny_open/mod.rs"]
mod tiny_open;

/// Ids that the model reads, and those that it chooses.
const READ: usize = 5;
const CHOSEN: usize = 7;
const SEED: u64 = 3;

fn sampling() -> Sampling {
	Sampling { temperature: 256, top_p: 200, seed: Sampling::key_of(SEED) }
}

/// Record of the model's answer to a prompt.
fn answered(manifest: &Manifest) -> GenerationRecord {
	let owned = golden::model(0);
	let model = owned.view().unwrap();
	let mut execution = Execution::new(&model, (READ + CHOSEN) as u32).unwrap();
	let prompt: Vec<u32> = (1..=READ as u32).collect();
	let (mut answer, mut logits) = (Vec::new(), Vec::new());
	for id in &prompt {
		logits = execution.push(*id).unwrap();
	}
	for place in READ..READ + CHOSEN {
		let token = sample(&sampling(), &logits, place as u64);
		answer.push(token);
		logits = execution.push(token).unwrap();
	}
	GenerationRecord {
		model_root: manifest.model_root.clone(),
		tokenizer: manifest.tokenizer.clone(),
		prompt,
		answer,
		seed: SEED,
		temperature_q8: 256,
		top_p_q8: 200,
		max_tokens: CHOSEN,
		stop: Vec::new(),
		ends: Vec::new(),
		end: End::Cancelled,
		engine: "test".into(),
	}
}

fn world() -> (tempfile::TempDir, Arc<AnswerModel>, GenerationRecord) {
	let dir = tempfile::tempdir().unwrap();
	let path = dir.path().join("model");
	tiny_open::write_model(&path);
	let model = Arc::new(AnswerModel::open(&path, Some(1)).unwrap());
	let record = answered(&model.manifest);
	(dir, model, record)
}

fn trace_of(record: &GenerationRecord) -> Trace {
	let ids = [record.prompt.as_slice(), &record.answer].concat();
	let answer = Answer { first: READ as u32 - 1, sampling: sampling() };
	let owned = golden::model(0);
	let trace = Trace::of_answer(&owned.view().unwrap(), &ids, answer);
	trace.unwrap()
}

#[test]
fn an_outcome_counts_the_tokens_that_the_model_would_not_have_chosen() {
	let (_dir, model, record) = world();
	let referee = AnswerReferee::new(model.clone(), &record, never_wait()).unwrap();
	let right = referee.outcome().unwrap();
	assert_eq!((right.baseline_loss, right.bytes), (0, (READ + CHOSEN - 1) as u64));
	referee.ensure_disputable().unwrap();
	let mut wrong = record.clone();
	*wrong.answer.last_mut().unwrap() ^= 1;
	let wrong = AnswerReferee::new(model.clone(), &wrong, never_wait()).unwrap();
	assert_eq!(wrong.outcome().unwrap().baseline_loss, 1);
	assert_ne!(wrong.tokens_root(), referee.tokens_root());
	let other = GenerationRecord { model_root: "00".repeat(32), ..record.clone() };
	assert!(AnswerReferee::new(model.clone(), &other, never_wait()).is_err());
	let empty = GenerationRecord { answer: Vec::new(), ..record };
	assert!(AnswerReferee::new(model, &empty, never_wait()).is_err());
}

#[test]
fn every_opening_and_the_witness_of_every_operator_are_the_definitions() {
	let (_dir, model, record) = world();
	let referee = AnswerReferee::new(model.clone(), &record, never_wait()).unwrap();
	let trace = trace_of(&record);
	let Opening::Item { baseline, candidate, .. } = referee.open(0, &Query::Item { item: 0 }).unwrap() else {
		panic!("an item was asked for")
	};
	assert_eq!((baseline.as_slice(), candidate.as_slice()), (trace.operators(), trace.operators()));
	let commitments = Commitments {
		model_root: hex::decode(model.root()).unwrap().try_into().unwrap(),
		candidate: None,
		holdout_root: referee.tokens_root().0,
		holdout_sequences: 1,
		sequence: 0,
	};
	for (index, listed) in trace.program().operators().iter().enumerate() {
		let operator = index as u16;
		let rows: Vec<Hash> = listed.shape.row_hashes(trace.output(index).unwrap());
		if rows.len() > 1 {
			let level = tree::levels(rows.len()) as u8;
			let query = Query::Rows { item: 0, trace: 1, operator, level, index: 0 };
			let places = tree::children(rows.len(), level.into(), 0);
			let expected = tree::level(&rows, u32::from(level) - 1)[places].to_vec();
			assert_eq!(referee.open(0, &query).unwrap(), Opening::Hashes(expected), "{:?}", listed.role);
			assert!(referee.place(0, &query).unwrap().name.starts_with("the answer, operator "));
		}
		let (row, block) = (listed.shape.rows - 1, listed.shape.blocks() - 1);
		let (row, block) = (row as u32, block as u32);
		let query = Query::Witness { item: 0, trace: 0, operator, row, block };
		let Opening::Witness(BlockWitness::Second(witness)) = referee.open(0, &query).unwrap() else {
			panic!("a witness was asked for")
		};
		let place = step::Place { operator: index, row: row as usize, block: block as usize };
		let expected = listed.shape.block_hashes(trace.row(index, row as usize).unwrap())[block as usize];
		let found = execute(trace.program(), &commitments, trace.operators(), place, &witness);
		assert_eq!(found, Ok(expected), "{:?}", listed.role);
	}
	assert!(referee.open(0, &Query::Item { item: 1 }).is_err());
	assert!(referee.open(0, &Query::Candidate).is_err());
}

#[test]
fn an_outcome_gives_way_and_an_opening_does_not_since_a_clock_runs() {
	let (_dir, model, record) = world();
	let waits = Arc::new(AtomicUsize::new(0));
	let counted = waits.clone();
	let wait: Wait = Arc::new(move || {
		counted.fetch_add(1, Ordering::SeqCst);
	});
	let referee = AnswerReferee::new(model, &record, wait).unwrap();
	referee.outcome().unwrap();
	let before = waits.swap(0, Ordering::SeqCst);
	assert!(before > 0);
	let last = trace_of(&record).program().operators().len() - 1;
	let query = Query::Witness { item: 0, trace: 0, operator: last as u16, row: 0, block: 0 };
	referee.open(0, &query).unwrap();
	assert_eq!(waits.load(Ordering::SeqCst), 0);
}
