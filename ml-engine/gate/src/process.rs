//! The process that runs the files.

use crate::wire::{self, Vector};
use std::{
	io::{self, BufReader, BufWriter},
	path::{Path, PathBuf},
	process::{Child, ChildStdin, ChildStdout, Command, Stdio},
	sync::{
		atomic::{AtomicBool, Ordering},
		mpsc::{self, RecvTimeoutError},
		Arc, Mutex, PoisonError,
	},
	thread,
	time::Duration,
};

/// Name of the program.
const PROGRAM: &str = "blyan-gate";
/// Longest wait for the greeting, or for the scores of a batch. Either takes a second at most on a machine that is not overloaded.
const PATIENCE: Duration = Duration::from_secs(120);

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
	/// The program is stuck.
	#[error(
		"{program} said nothing for {seconds} s and was ended; run the same command again. With ORT_DYLIB_PATH, try without: the built-in runtime needs no library"
	)]
	Silent {
		/// The program.
		program: PathBuf,
		/// Time that it was given.
		seconds: u64,
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

/// Ends a program that keeps its caller waiting: a pipe has no time limit of its own.
struct Watch {
	child: Arc<Mutex<Child>>,
	/// `true` where a wait begins, `false` where it is over.
	waits: mpsc::Sender<bool>,
	/// The program was ended.
	expired: Arc<AtomicBool>,
	patience: Duration,
}

impl Watch {
	fn new(child: Child, patience: Duration) -> Self {
		let (child, expired) = (Arc::new(Mutex::new(child)), Arc::new(AtomicBool::new(false)));
		let (waits, told) = mpsc::channel();
		let (watched, expires) = (child.clone(), expired.clone());
		thread::spawn(move || loop {
			match told.recv() {
				Err(_) => return,
				Ok(false) => continue,
				Ok(true) => {}
			}
			if told.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
				expires.store(true, Ordering::SeqCst);
				end(&watched);
			}
		});
		Self { child, waits, expired, patience }
	}

	/// Notes that a wait for the program begins or is over.
	fn wait(&self, waiting: bool) {
		let _ = self.waits.send(waiting);
	}
}

fn end(child: &Mutex<Child>) {
	let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
}

/// A running program, which is asked one batch after another.
pub(crate) struct Runner {
	program: PathBuf,
	watch: Watch,
	/// `None` behind a failure, and while it is dropped.
	to: Option<BufWriter<ChildStdin>>,
	from: BufReader<ChildStdout>,
	/// The runtime, in its words.
	pub runtime: String,
}

impl Runner {
	/// Starts the program and waits for its greeting.
	pub fn start(program: &Path) -> Result<Self, GateError> {
		Self::start_within(program, PATIENCE)
	}

	fn start_within(program: &Path, patience: Duration) -> Result<Self, GateError> {
		let failed = |source| GateError::NotStarted { program: program.into(), source };
		let mut child =
			Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
		let no_pipe = || failed(io::Error::other("no pipe to it"));
		let to = child.stdin.take().ok_or_else(no_pipe)?;
		let from = child.stdout.take().ok_or_else(no_pipe)?;
		let mut runner = Self {
			program: program.into(),
			watch: Watch::new(child, patience),
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
		self.watch.wait(true);
		let answers = self.exchange(questions, classes);
		self.watch.wait(false);
		if answers.is_err() {
			self.to = None;
		}
		answers
	}

	fn exchange(&mut self, questions: &[Vec<Vector>], classes: &[usize]) -> Result<Vec<Vec<u16>>, GateError> {
		for (number, vectors) in questions.iter().enumerate() {
			let body = wire::question(u8::try_from(number).unwrap_or(u8::MAX), vectors);
			let Some(to) = &mut self.to else { return Err(self.gone()) };
			if wire::write_frame(to, &body).is_err() {
				return Err(self.gone());
			}
		}
		let mut answers = Vec::with_capacity(questions.len());
		for (vectors, classes) in questions.iter().zip(classes) {
			let refused = |reason| GateError::Refused { program: self.program.clone(), reason };
			let body = match wire::read_frame(&mut self.from) {
				Ok(Some(body)) => body,
				_ => return Err(self.gone()),
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
		self.watch.wait(true);
		let frame = wire::read_frame(&mut self.from);
		self.watch.wait(false);
		match frame {
			Ok(Some(body)) => Ok(body),
			_ => Err(self.gone()),
		}
	}

	/// Why nothing more comes from the program.
	fn gone(&self) -> GateError {
		let program = self.program.clone();
		if self.watch.expired.load(Ordering::SeqCst) {
			return GateError::Silent { program, seconds: self.watch.patience.as_secs() };
		}
		GateError::Ended { program }
	}
}

impl Drop for Runner {
	fn drop(&mut self) {
		// The end of its input is the end of the program. Another one may not read it, or may be stuck in its own output, which no one
		// reads any more; nothing is lost with it.
		drop(self.to.take());
		end(&self.watch.child);
		let _ = self.watch.child.lock().unwrap_or_else(PoisonError::into_inner).wait();
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
			watch: Watch::new(child, PATIENCE),
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

	#[test]
	fn attack_a_program_that_says_nothing_is_ended_when_its_time_is_over() {
		// It waits for input and greets no one.
		let silent = Runner::start_within(Path::new("cat"), Duration::from_millis(200)).err().unwrap();
		assert!(matches!(silent, GateError::Silent { .. }), "{silent}");
	}
}
