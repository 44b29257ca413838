//! Runs the gate's classifiers: vectors of features come in on the standard input, scores in thousandths go out.
//!
//! The runtime is tract, in Rust, which is built in; with `ORT_DYLIB_PATH` it is the ONNX Runtime of that path. Scores of the two, and of
//! two processors, may differ in the last digits: they are advice, and are never hashed or compared across machines.
//!
//! Only the files of this release are run, which are in this program. tract panics where it doesn't know an operator: then this process
//! ends, and the one that asked says so.

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[path = "../../src/wire.rs"]
#[allow(dead_code)]
mod wire;

use ort::{
	environment::Environment,
	session::{builder::GraphOptimizationLevel, Session},
	value::TensorRef,
};
use std::{
	error::Error,
	io::{self, BufReader, BufWriter, Write},
	path::PathBuf,
	process::ExitCode,
};
use wire::{Vector, BATCH};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Classifiers in the order of their numbers: file, inputs.
const FILES: [(&[u8], usize); 3] = [
	(include_bytes!("../../models/quality.onnx"), 1 << 12),
	(include_bytes!("../../models/language.onnx"), 1 << 12),
	(include_bytes!("../../models/toxicity.onnx"), 1 << 13),
];

fn main() -> ExitCode {
	match serve() {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("blyan-gate: {error}");
			ExitCode::FAILURE
		}
	}
}

fn serve() -> Outcome<()> {
	let (environment, words, is_native) = environment()?;
	let mut classifiers = FILES
		.iter()
		.map(|(bytes, inputs)| Classifier::new(&environment, bytes, *inputs, is_native))
		.collect::<Outcome<Vec<_>>>()?;
	let mut from = BufReader::new(io::stdin().lock());
	let mut to = BufWriter::new(io::stdout().lock());
	let greeting = [&[wire::VERSION][..], words.as_bytes()].concat();
	wire::write_frame(&mut to, &greeting)?;
	while let Some(body) = wire::read_frame(&mut from)? {
		let answer = match answer(&mut classifiers, &body) {
			Ok(scores) => wire::answer(&scores),
			Err(error) => [&[wire::REFUSAL][..], error.to_string().as_bytes()].concat(),
		};
		wire::write_frame(&mut to, &answer)?;
	}
	to.flush()?;
	Ok(())
}

/// The runtime, words about it, and whether it is the native one.
fn environment() -> Outcome<(Environment, String, bool)> {
	match std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
		Some(path) => {
			let environment = ort::init_from(PathBuf::from(path))?.build()?;
			Ok((environment, "ONNX Runtime, by ORT_DYLIB_PATH".into(), true))
		}
		None => {
			if !ort::set_api(ort_tract::api()) {
				return Err("another runtime was chosen before".into());
			}
			Ok((ort::init().build()?, "tract".into(), false))
		}
	}
}

fn answer(classifiers: &mut [Classifier], body: &[u8]) -> Outcome<Vec<u16>> {
	let (number, vectors) = wire::read_question(body).ok_or("a question that is none")?;
	let classifier =
		classifiers.get_mut(usize::from(number)).ok_or_else(|| format!("no classifier {number}"))?;
	classifier.scores(&vectors)
}

/// One file, ready to run.
struct Classifier {
	session: Session,
	/// The batch that is filled, all zero between two runs.
	dense: Vec<f32>,
	inputs: usize,
}

impl Classifier {
	fn new(environment: &Environment, file: &[u8], inputs: usize, is_native: bool) -> Outcome<Self> {
		let mut builder = Session::builder(environment)?
			.with_optimization_level(GraphOptimizationLevel::All)
			.map_err(|error| error.to_string())?;
		if is_native {
			// One process a core is what the gate starts.
			builder = builder.with_intra_threads(1).map_err(|error| error.to_string())?;
		}
		let session = builder.commit_from_memory(file)?;
		Ok(Self { session, dense: vec![0.0; BATCH * inputs], inputs })
	}

	/// Scores of at most a batch of vectors, in thousandths.
	fn scores(&mut self, vectors: &[Vector]) -> Outcome<Vec<u16>> {
		if vectors.len() > BATCH {
			return Err(format!("{} records in a question, at most {BATCH} are taken", vectors.len()).into());
		}
		self.fill(vectors, true);
		let scores = self.run(vectors.len());
		self.fill(vectors, false);
		scores
	}

	/// Writes the vectors into the batch, or zeroes where they were.
	fn fill(&mut self, vectors: &[Vector], is_set: bool) {
		for (row, vector) in self.dense.chunks_exact_mut(self.inputs).zip(vectors) {
			let norm = vector.norm.max(1) as f32;
			for (place, value) in &vector.entries {
				if let Some(entry) = row.get_mut(usize::from(*place)) {
					*entry = if is_set { f32::from(*value) / norm } else { 0.0 };
				}
			}
		}
	}

	fn run(&mut self, records: usize) -> Outcome<Vec<u16>> {
		let input = TensorRef::from_array_view(([BATCH, self.inputs], self.dense.as_slice()))?;
		let outputs = self.session.run(ort::inputs![input])?;
		let (_, scores) = outputs[0].try_extract_tensor::<f32>()?;
		let classes = scores.len() / BATCH;
		let scores = scores.get(..records * classes).ok_or("fewer scores than records")?;
		// A number that is none is no score: zero.
		Ok(scores.iter().map(|score| (score.clamp(0.0, 1.0) * 1_000.0).round() as u16).collect())
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	/// One test: a process has one runtime.
	#[test]
	fn each_file_is_loaded_and_tells_a_vector_from_nothing_at_all() {
		let (environment, words, is_native) = environment().unwrap();
		assert!(!words.is_empty());
		let entries = (0..400).map(|place| (place * 7, 16)).collect();
		let some = Vector { norm: 320, entries };
		for ((file, inputs), classes) in FILES.into_iter().zip([1, 22, 1]) {
			let mut classifier = Classifier::new(&environment, file, inputs, is_native).unwrap();
			let vectors = [some.clone(), Vector::default(), some.clone()];
			let scores = classifier.scores(&vectors).unwrap();
			assert_eq!(scores.len(), 3 * classes);
			assert_eq!(scores[..classes], scores[2 * classes..], "the same vector in another row");
			assert_ne!(scores[..classes], scores[classes..2 * classes]);
			assert!(
				classifier.dense.iter().all(|value| *value == 0.0),
				"nothing of a batch is left for the next"
			);
			assert!(classifier.scores(&[]).unwrap().is_empty());
			assert!(classifier.scores(&vec![Vector::default(); BATCH + 1]).is_err());
		}
	}
}
