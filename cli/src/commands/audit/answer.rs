//! `audit replay` of an answer: the bytes that its model, prompt, seed and settings come to.

use super::{
	sources::{undecided, Sources},
	traces::Traces,
};
use crate::{
	failure::{Context, Failure, Kind, Outcome},
	names,
	output::Output,
	records::{AnswerRecord, PartsRecord},
};
use blyan_engine::{
	decode::{verify, Difference, Windows},
	kernel::Kernel,
	model::{Model, ModelStore},
};
use serde_json::json;
use sp_core::H256;
use std::{sync::Arc, time::Instant};

/// Bytes of blocks that are kept ready: those of any one model.
const CACHE_BYTES_MAX: u64 = 1 << 30;

/// Checks an answer and says whether it is right.
pub async fn replay(
	output: &Output,
	sources: &mut Sources<'_>,
	traces: &Traces,
	record: AnswerRecord,
) -> Outcome<bool> {
	let model = load(sources, &record).await?;
	let (prompt, answer) = (record.prompt.bytes(), record.answer.bytes());
	let sampling = record.sampling();
	let began_at = Instant::now();
	let difference = {
		let (model, prompt, answer) = (model.clone(), prompt.to_vec(), answer.to_vec());
		let check = move || verify(&model, Kernel::best(), &prompt, &answer, sampling);
		let checked = tokio::task::spawn_blocking(check).await?;
		checked
			.map_err(|error| undecided(Failure::new(format!("the model cannot be run here: {error:?}"))))?
	};
	let seconds = began_at.elapsed().as_secs_f64();
	let fields = json!({ "equal": difference.is_none(), "bytes": answer.len(), "seconds": seconds,
		"model_root": record.model.root, "seed": record.seed, "engine": record.engine,
		"difference": difference.map(|Difference { index, expected, found }| {
			json!({ "index": index, "expected_hex": hex::encode([expected]), "found_hex": hex::encode([found]) })
		}) });
	output.event("answer", fields, in_words(&record, difference, seconds));
	if answer.len() < record.max_bytes as usize {
		output.say(format!(
			"short      {} bytes were asked for; what is there is what was checked",
			record.max_bytes
		));
	}
	if traces.is_wanted() && !answer.is_empty() {
		let at = traces.at.or(difference.map(|difference| difference.index)).unwrap_or(answer.len() - 1);
		let sequence = sequence(&model, prompt, answer, at)?;
		if traces.show(output, &[&*model], &sequence)? {
			output.say(format!(
				"           so the logits of byte {at} are the same, and it was chosen by another seed or other settings"
			));
		}
	}
	Ok(difference.is_none())
}

fn in_words(record: &AnswerRecord, difference: Option<Difference>, seconds: f64) -> String {
	let (bytes, root) = (record.answer.bytes().len(), names::short_hash(&record.model.root));
	match difference {
		None => format!(
			"equal      all {bytes} bytes are what model {root} says with seed {} (checked in {seconds:.3} s)",
			record.seed
		),
		Some(Difference { index, expected, found }) => format!(
			"differs    byte {index} of {bytes} is {}, and model {root} says {} with seed {} (checked in {seconds:.3} s)",
			byte(found),
			byte(expected),
			record.seed
		),
	}
}

fn byte(byte: u8) -> String {
	match byte {
		0x21..=0x7e => format!("0x{byte:02x} '{}'", char::from(byte)),
		_ => format!("0x{byte:02x}"),
	}
}

/// Returns the bytes that the model reads before it chooses byte `at` of the answer, followed by that byte.
fn sequence(model: &Model, prompt: &[u8], answer: &[u8], at: usize) -> Outcome<Vec<u8>> {
	let text = [prompt, answer].concat();
	let at_in_text = prompt.len() + at;
	let mut windows = Windows::new(model.config(), prompt.len(), text.len());
	let window = windows.find(|window| window.bytes.contains(&at_in_text)).ok_or_else(|| {
		Failure::new(format!("the answer has {} bytes, so none is byte {at}", answer.len()))
			.kind(Kind::Undecided)
			.next("count them from 0 with --at")
	})?;
	Ok(text[window.start..=at_in_text].to_vec())
}

/// The model with the record's root, from the parts that the record names or a folder has.
async fn load(sources: &mut Sources<'_>, record: &AnswerRecord) -> Outcome<Arc<Model>> {
	let root = record.model.root;
	let folders = sources.dirs.iter().map(|dir| PartsRecord {
		config: dir.manifest.config,
		trunk: dir.manifest.trunk,
		heads: dir.manifest.heads.clone(),
	});
	let known: Vec<PartsRecord> = record.model.parts.iter().cloned().chain(folders).collect();
	let parts = known.iter().find(|parts| parts.root() == root).ok_or_else(|| no_model(root, &known))?;
	let blobs = parts.heads.iter().chain([&parts.trunk]).map(|block| block.blob);
	sources.provide(blobs).await?;
	let models = ModelStore::new(sources.store.clone(), CACHE_BYTES_MAX);
	let model =
		models.load(&parts.config, &parts.trunk, &parts.heads).context("the model").map_err(undecided)?;
	if model.root() != root {
		return Err(no_model(root, &known));
	}
	Ok(model)
}

fn no_model(root: H256, known: &[PartsRecord]) -> Failure {
	let others: Vec<String> = known.iter().map(|parts| format!("{:?}", parts.root())).collect();
	let failure = match others.as_slice() {
		[] => Failure::new(format!("the file does not say where model {root:?} is")),
		others => Failure::new(format!("model {root:?} is not here, but another one: {}", others.join(", "))),
	};
	failure.kind(Kind::Undecided).next(
		"name the folder of that very model with --model-dir; after an expert was promoted it is another model",
	)
}
