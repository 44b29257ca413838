//! Scores of a file of multiple choice under losses that are hashes, to be held against lm-evaluation-harness: scripts/harness-equal.
//!
//! The loss of a continuation is the first three bytes (little-endian) of BLAKE2b-256 over context, a zero byte and the
//! continuation, in bits of Q16. No model is asked, so only the readers and rules of scoring are compared.

use blyan_benchmarks::{evaluate, subject, Format, Identity, Report, Subject, SubjectError};
use blyan_exact::blake2_256;
use std::{env, error::Error, path::Path};

/// Hashes in the place of a model.
struct Hashes;

impl Subject for Hashes {
	fn identity(&self) -> Identity {
		let none = "00".repeat(32);
		Identity { model_root: none.clone(), tokenizer: none, ends: Vec::new() }
	}

	fn losses(&mut self, context: &str, continuations: &[String]) -> Result<subject::Losses, SubjectError> {
		let loss = |continuation: &String| {
			let [a, b, c, ..] = blake2_256(&[context.as_bytes(), &[0], continuation.as_bytes()]);
			u64::from_le_bytes([a, b, c, 0, 0, 0, 0, 0])
		};
		Ok(subject::Losses { losses: continuations.iter().map(loss).collect(), is_cut: false })
	}

	fn answer(
		&mut self,
		_: &str,
		_: &blyan_benchmarks::suite::Generation,
	) -> Result<subject::Answer, SubjectError> {
		Ok(subject::Answer { text: String::new(), is_cut: false })
	}
}

fn main() -> Result<(), Box<dyn Error>> {
	let arguments: Vec<String> = env::args().skip(1).collect();
	let [format, path] = arguments.as_slice() else {
		return Err("usage: harness FORMAT FILE".into());
	};
	let format = Format::by_name(format).ok_or("no such format")?;
	let suite = format.open(Path::new(path))?;
	let results = evaluate(&suite, &mut Hashes, None, Vec::new(), |_| Ok(()))?;
	let report = Report::new(&suite, Hashes.identity(), results);
	let counts = report.choices.ok_or("the file has no multiple choice")?;
	let line = serde_json::json!({
		"acc": counts.acc, "acc_norm": counts.acc_norm, "acc_bytes": counts.acc_bytes, "ties": counts.ties,
		"standard_error_ppm": report.standard_error_ppm,
	});
	println!("{line}");
	Ok(())
}
