//! The process that runs the files.

use crate::wire::{self, Vector};
use std::{
	io::{self, BufReader, BufWriter},
	path::{Path, PathBuf},
	process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// Name of the program.
const PROGRAM: &str = "blyan-gate";

/// Why there are no scores.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
	/// The program could not be started.
	#[error(
		"{program} does not start: {source}; build it with `scripts/build-gate`, which puts it beside blyan, or name it in BLYAN_GATE"
	)]
	NotStarted {
		/// The program.
		program: PathBuf,
		/// The cause.
		source: io::Error,
	},
	/// The program is of another release.
	#[error("{program} is of another release; build both of the same sources: scripts/build-gate")]
	OtherVersion {
		/// The program.
		program: PathBuf,
	},
	/// The program ended, or its pipe broke.
	#[error(
		"{program} ended while it was asked; its last words are above. With ORT_DYLIB_PATH, try without: the built-in runtime needs no library"
	)]
	Ended {
		/// The program.
		program: PathBuf,
	},
	/// The program answered with a refusal, or with other scores than were asked for.
	#[error("{program}: {reason}")]
	Refused {
		/// The program.
		program: PathBuf,
		/// Its words.
		reason: String,
	},
	/// The description of the classifiers is not that of this release.
	#[error("models/gate.json is of another release than this program: {0}; train and build them together")]
	Description(String),
}

/// Path of the program: as stated, or `BLYAN_GATE`, or beside this program, or wherever the system finds it.
pub fn program(stated: Option<&Path>) -> PathBuf {
	let named = || std::env::var_os("BLYAN_GATE").filter(|path| !path.is_empty()).map(PathBuf::from);
	let beside = || {
		let path = std::env::current_exe().ok()?.with_file_name(PROGRAM);
		path.is_file().then_some(path)
	};
	stated.map(Path::to_path_buf).or_else(named).or_else(beside).unwrap_or_else(|| PROGRAM.into())
}

/// A running program, which is asked one batch after another.
pub(crate) struct Runner {
	program: PathBuf,
	child: Child,
	/// `None` behind a failure, and while it is dropped.
	to: Option<BufWriter<ChildStdin>>,
	from: BufReader<ChildStdout>,
	/// The runtime, in its words.
	pub runtime: String,
}

impl Runner {
	/// Starts the program and waits for its greeting.
	pub fn start(program: &Path) -> Result<Self, GateError> {
		let failed = |source| GateError::NotStarted { program: program.into(), source };
		let mut child =
			Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
		let no_pipe = || failed(io::Error::other("no pipe to it"));
		let to = child.stdin.take().ok_or_else(no_pipe)?;
		let from = child.stdout.take().ok_or_else(no_pipe)?;
		let mut runner = Self {
			program: program.into(),
			child,
			to: Some(BufWriter::new(to)),
			from: BufReader::new(from),
			runtime: String::new(),
		};
		let greeting = runner.read()?;
		match greeting.split_first() {
			Some((&wire::VERSION, words)) => runner.runtime = String::from_utf8_lossy(words).into_owned(),
			_ => return Err(GateError::OtherVersion { program: program.into() }),
		}
		Ok(runner)
	}

	/// Asks all classifiers about a batch of records; `classes` scores a record of each, in thousandths.
	///
	/// All questions are written before the first answer is read: answers are small, and fit into the pipe. Behind a failure nothing more is
	/// asked: answers that were not read would be taken for those of the next batch.
	pub fn ask(&mut self, questions: &[Vec<Vector>], classes: &[usize]) -> Result<Vec<Vec<u16>>, GateError> {
		let answers = self.exchange(questions, classes);
		if answers.is_err() {
			self.to = None;
		}
		answers
	}

	fn exchange(&mut self, questions: &[Vec<Vector>], classes: &[usize]) -> Result<Vec<Vec<u16>>, GateError> {
		for (number, vectors) in questions.iter().enumerate() {
			let body = wire::question(u8::try_from(number).unwrap_or(u8::MAX), vectors);
			let ended = GateError::Ended { program: self.program.clone() };
			let Some(to) = &mut self.to else { return Err(ended) };
			wire::write_frame(to, &body).map_err(|_| ended)?;
		}
		let mut answers = Vec::with_capacity(questions.len());
		for (vectors, classes) in questions.iter().zip(classes) {
			let refused = |reason| GateError::Refused { program: self.program.clone(), reason };
			let body = match wire::read_frame(&mut self.from) {
				Ok(Some(body)) => body,
				_ => return Err(GateError::Ended { program: self.program.clone() }),
			};
			let scores = wire::read_answer(&body).map_err(refused)?;
			if scores.len() != vectors.len() * classes {
				let reason =
					format!("{} scores for {} records of {classes} classes", scores.len(), vectors.len());
				return Err(refused(reason));
			}
			answers.push(scores);
		}
		Ok(answers)
	}

	fn read(&mut self) -> Result<Vec<u8>, GateError> {
		match wire::read_frame(&mut self.from) {
			Ok(Some(body)) => Ok(body),
			_ => Err(GateError::Ended { program: self.program.clone() }),
		}
	}
}

impl Drop for Runner {
	fn drop(&mut self) {
		// The end of its input is the end of the program. Another one may not read it, or may be stuck in its own output, which no one
		// reads any more; nothing is lost with it.
		drop(self.to.take());
		let _ = self.child.kill();
		let _ = self.child.wait();
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_program_that_is_missing_or_is_another_one_is_named() {
		let missing = Runner::start(Path::new("/nonexistent/blyan-gate")).err().unwrap();
		assert!(
			matches!(missing, GateError::NotStarted { .. })
				&& missing.to_string().contains("scripts/build-gate")
		);
		// It ends without a greeting.
		let other = Runner::start(Path::new("true")).err().unwrap();
		assert!(matches!(other, GateError::Ended { .. }), "{other}");
		assert_eq!(program(Some(Path::new("/a/b"))), Path::new("/a/b"));
	}

	#[test]
	fn answers_behind_a_failure_are_not_taken_for_those_of_the_next_batch() {
		// It answers each question with the question, of which the first is no answer.
		let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
		let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
		let mut runner = Runner {
			program: "cat".into(),
			child,
			to: Some(BufWriter::new(to)),
			from: BufReader::new(from),
			runtime: String::new(),
		};
		let questions = [Vec::new(), Vec::new()];
		let failed = runner.ask(&questions, &[1, 1]).unwrap_err();
		assert!(matches!(failed, GateError::Refused { .. }), "{failed}");
		let ended = runner.ask(&questions, &[1, 1]).unwrap_err();
		assert!(matches!(ended, GateError::Ended { .. }), "{ended}");
	}

	#[test]
	fn attack_a_program_that_writes_without_end_and_reads_nothing_is_left_at_once() {
		let endless = Runner::start(Path::new("yes")).err().unwrap();
		assert!(matches!(endless, GateError::Ended { .. }), "{endless}");
	}
}
