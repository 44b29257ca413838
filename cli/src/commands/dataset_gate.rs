//! `dataset check`, `create` and `offer` with `--gate`: advice of the classifiers about the records of a dataset.

use crate::{
	args::GateArgs,
	failure::{Context, Failure, Outcome},
	output::Output,
};
use blyan_datasets::{
	job,
	manifest::{blob_name, Manifest},
};
use blyan_gate::{Figures, Gate, Options, Record};
use std::{fs, path::Path};

/// Advice about a dataset.
pub struct Advice {
	/// Counts.
	pub figures: Figures,
	/// The runtime of the classifiers, and their thresholds, in words.
	pub by: String,
}

/// Looks at all records of a dataset's folder; `None` if that was not asked for.
pub fn look(output: &Output, args: &GateArgs, folder: &Path) -> Outcome<Option<Advice>> {
	if !args.gate {
		return Ok(None);
	}
	let options = Options {
		program: args.gate_program.clone(),
		processes: None,
		quality: args.gate_quality,
		language: args.gate_language,
		toxicity: args.gate_toxicity,
		languages: args.languages.clone(),
	};
	let gate = Gate::start(&options).map_err(Failure::new)?;
	let path = folder.join("manifest.json");
	let bytes = fs::read(&path).context(path.display())?;
	let manifest: Manifest = serde_json::from_slice(&bytes).context(path.display())?;
	let bar = output.bar("classifying", manifest.documents);
	let mut figures = Figures::default();
	for number in 0..manifest.blobs.len() {
		let documents = job::read_blob(folder, number).map_err(Failure::new)?;
		let records: Vec<Record<'_>> = documents
			.iter()
			.map(|document| Record { text: &document.text, language: document.language.as_deref() })
			.collect();
		let judgements = gate.judge(&records).map_err(Failure::new)?;
		for (line, judgement) in (1..).zip(&judgements) {
			figures.add(judgement, || format!("{}, line {line}", blob_name(number)));
		}
		bar.set(figures.records);
	}
	let limits = gate.thresholds();
	let by = format!(
		"by {}, from scores of {}, {} and {} of 1000 on",
		gate.runtime(),
		limits.quality,
		limits.language,
		limits.toxicity
	);
	Ok(Some(Advice { figures, by }))
}

/// The advice in a line, with a line end in front; nothing if there is none.
pub fn line(advice: Option<&Advice>) -> String {
	advice.map_or_else(String::new, |advice| format!("\nadvice: {} ({})", advice.figures, advice.by))
}

/// The counts of an advice, for programs.
pub fn value(advice: Option<&Advice>) -> serde_json::Value {
	advice.map_or(serde_json::Value::Null, |advice| serde_json::to_value(&advice.figures).unwrap_or_default())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn without_the_option_no_program_is_looked_for() {
		let folder = tempfile::tempdir().unwrap();
		let args = GateArgs { gate_program: Some("/nonexistent".into()), ..GateArgs::default() };
		let advice = look(&Output::new(true), &args, folder.path()).unwrap();
		assert_eq!((line(advice.as_ref()), value(advice.as_ref())), (String::new(), serde_json::Value::Null));
		let args = GateArgs { gate: true, ..args };
		let failed = look(&Output::new(true), &args, folder.path()).err().unwrap();
		assert!(failed.message.contains("scripts/build-gate"), "{}", failed.message);
	}
}
