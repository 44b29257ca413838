//! `audit replay` of a generation: the tokens that its model, prompt, seed and settings come to. No node is asked.

use super::sources::undecided;
use crate::{
	answer_referee::{never_wait, AnswerModel, AnswerReferee},
	failure::{Failure, Kind, Outcome},
	local_model::LocalModel,
	output::Output,
};
use blyan_open_model::{record::Difference, Directory, GenerationRecord};
use serde_json::{json, Value};
use std::{
	path::{Path, PathBuf},
	sync::Arc,
	time::Instant,
};

/// Open models in the folders that were named, loaded when a record asks for them.
pub struct Generations {
	dirs: Vec<PathBuf>,
	/// The one that is loaded: records of a conversation have one model.
	loaded: Option<LocalModel>,
}

impl Generations {
	/// Takes folders, of which some may hold models of another kind.
	pub fn new(dirs: &[PathBuf]) -> Self {
		let dirs = dirs.iter().filter(|dir| Directory::new(dir).is_complete()).cloned().collect();
		Self { dirs, loaded: None }
	}

	/// Checks a record and says whether it is right.
	pub async fn replay(&mut self, output: &Output, record: GenerationRecord) -> Outcome<bool> {
		let model = match self.loaded.take() {
			Some(model) if model.manifest.model_root == record.model_root => model,
			_ => load(self.dir(&record)?).await?,
		};
		let check = move || {
			let mut model = model;
			let began_at = Instant::now();
			let difference = record
				.ensure_about(&model.manifest)
				.and_then(|()| record.difference(&mut model.runner, &model.tokenizer));
			(model, record, difference, began_at.elapsed().as_secs_f64())
		};
		let (model, record, difference, seconds) = tokio::task::spawn_blocking(check).await?;
		let difference = difference.map_err(|error| undecided(error.into()))?;
		let fields = json!({ "equal": difference.is_none(), "tokens": record.answer.len(), "seconds": seconds,
			"model_root": format!("0x{}", record.model_root), "seed": record.seed, "engine": record.engine,
			"difference": difference.as_ref().map(as_json) });
		output.event("generation", fields, in_words(&model, &record, difference.as_ref(), seconds));
		self.loaded = Some(model);
		if record.is_cut_short() {
			output.say("short      its reader cut it short; what is there is what was checked");
		}
		Ok(difference.is_none())
	}

	/// Checks a record down to every number, and returns what a challenge or a defence of its answer claims: how many tokens the model would not
	/// have chosen, and the root over everything on the way.
	pub async fn outcome(&mut self, record: GenerationRecord) -> Outcome<Value> {
		let dir = self.dir(&record)?;
		let model = match self.loaded.take() {
			Some(model) if model.manifest.model_root == record.model_root => model,
			_ => load(dir.clone()).await?,
		};
		let check = move || {
			let outcome = committed(&dir, &model, &record);
			(model, outcome)
		};
		let (model, outcome) = tokio::task::spawn_blocking(check).await?;
		self.loaded = Some(model);
		outcome
	}

	/// Returns the folder of a record's model.
	fn dir(&self, record: &GenerationRecord) -> Outcome<PathBuf> {
		let mut roots = Vec::new();
		for dir in &self.dirs {
			let manifest = Directory::new(dir).manifest().map_err(|error| undecided(error.into()))?;
			if manifest.model_root == record.model_root {
				return Ok(dir.clone());
			}
			roots.push(format!("0x{}", manifest.model_root));
		}
		let wanted = format!("model 0x{} is not here", record.model_root);
		let failure = match roots.as_slice() {
			[] => Failure::new(wanted),
			roots => Failure::new(format!("{wanted}, but another one: {}", roots.join(", "))),
		};
		Err(failure.kind(Kind::Undecided).next(
			"name the directory of that very model with --model-dir; one checkpoint imports to one root, on any machine",
		))
	}
}

/// Computes the outcome of checking a record's answer.
fn committed(dir: &Path, model: &LocalModel, record: &GenerationRecord) -> Outcome<Value> {
	let model = AnswerModel::of(dir, model, None).map_err(undecided)?;
	let referee = AnswerReferee::new(Arc::new(model), record, never_wait()).map_err(undecided)?;
	let outcome = referee.outcome().map_err(undecided)?;
	Ok(json!({ "tokens_root": referee.tokens_root(), "misses": outcome.baseline_loss, "outcome": outcome }))
}

async fn load(dir: PathBuf) -> Outcome<LocalModel> {
	tokio::task::spawn_blocking(move || LocalModel::open(&dir, None)).await?.map_err(undecided)
}

fn as_json(difference: &Difference) -> Value {
	match difference {
		Difference::Token { index, expected, found } => {
			json!({ "index": index, "expected": expected, "found": found })
		}
		Difference::End { tokens, expected, found } => {
			json!({ "tokens": tokens, "expected_end": expected, "found_end": found })
		}
	}
}

fn in_words(
	model: &LocalModel,
	record: &GenerationRecord,
	difference: Option<&Difference>,
	seconds: f64,
) -> String {
	let (tokens, seed) = (record.answer.len(), record.seed);
	let root = record.model_root.get(..8).unwrap_or(&record.model_root);
	let token = |id: u32| format!("{id} {:?}", model.tokenizer.decode(&[id]));
	match difference {
		None => format!(
			"equal      all {tokens} tokens and the end are what model 0x{root}.. says with seed {seed} (checked in {seconds:.3} s)"
		),
		Some(Difference::Token { index, expected, found }) => format!(
			"differs    token {index} of {tokens} is {}, and model 0x{root}.. says {} with seed {seed} (checked in {seconds:.3} s)",
			token(*found),
			token(*expected)
		),
		Some(Difference::End { tokens: Some(right), expected: Some(end), found }) => format!(
			"differs    all of the first {right} tokens are right, behind which the answer ends by its settings ({}): the record has {tokens} \
			and ends for another reason or elsewhere ({})",
			end.name(),
			found.name()
		),
		Some(Difference::End { found, .. }) => format!(
			"differs    all {tokens} tokens are right, and the answer does not end behind them: the record says it does ({})",
			found.name()
		),
	}
}
