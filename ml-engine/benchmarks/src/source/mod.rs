//! Readers of published formats. Texts in front of the choices are those of lm-evaluation-harness 0.4.13.
//!
//! A file that is not of its format is refused with the line; a record that is of the format but has no score is counted by
//! reason ([`Skip`](crate::suite::Skip)). Nothing is left out in silence.

mod arc;
mod gsm8k;
mod hellaswag;
mod human_eval;
mod math;
mod mbpp;
mod mmlu;
mod records;
mod truthful_qa;

use crate::suite::{Generation, Suite, TASKS_MAX};
use std::{
	fs,
	io::Read,
	path::{Path, PathBuf},
};

/// Bytes of a file, at most.
pub const FILE_BYTES_MAX: u64 = 256 << 20;

/// Published format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
	/// MMLU: CSV without a header; question, four choices, letter.
	Mmlu,
	/// HellaSwag: JSON lines.
	HellaSwag,
	/// ARC: JSON lines, of either publication.
	Arc,
	/// TruthfulQA: `mc_task.json`, JSON lines of its multiple choice, or `TruthfulQA.csv`.
	TruthfulQa,
	/// GSM8K: JSON lines.
	Gsm8k,
	/// MATH: JSON lines, or a folder with one file a problem.
	Math,
	/// HumanEval: JSON lines.
	HumanEval,
	/// MBPP: JSON lines.
	Mbpp,
}

/// Reason why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
	/// The file cannot be opened or read.
	#[error("{path}: {source}")]
	Io {
		/// The file.
		path: PathBuf,
		/// Message of the system.
		source: std::io::Error,
	},
	/// The file is too large, or has no end.
	#[error(
		"{path} has more than {bytes_max} bytes, the most that is read of such a file; give a smaller one"
	)]
	FileTooLarge {
		/// The file.
		path: PathBuf,
		/// Bytes that a file has at most.
		bytes_max: u64,
	},
	/// The file is not UTF-8.
	#[error("{path}, line {line}: is not UTF-8")]
	Encoding {
		/// The file.
		path: PathBuf,
		/// Line, from 1.
		line: u64,
	},
	/// A record is not of the format.
	#[error("{path}, line {line}: is not a record of {format}: {reason}")]
	Record {
		/// The file.
		path: PathBuf,
		/// Line, from 1.
		line: u64,
		/// Name of the format.
		format: &'static str,
		/// Message of the reader.
		reason: String,
	},
	/// There are too many records.
	#[error("{path} has more than {TASKS_MAX} records; split it")]
	TooMany {
		/// The file or folder.
		path: PathBuf,
	},
	/// There is no task.
	#[error("{path} has no task of {format}: {skipped} records were left out")]
	NoTask {
		/// The file or folder.
		path: PathBuf,
		/// Name of the format.
		format: &'static str,
		/// Records that are not tasks.
		skipped: u32,
	},
}

/// A record that is not of the format: line and reason.
pub(crate) struct Malformed {
	line: u64,
	reason: String,
}

impl Format {
	/// All formats.
	pub const ALL: [Self; 8] = [
		Self::Mmlu,
		Self::HellaSwag,
		Self::Arc,
		Self::TruthfulQa,
		Self::Gsm8k,
		Self::Math,
		Self::HumanEval,
		Self::Mbpp,
	];

	/// Returns its name on the command line and in reports.
	pub fn name(self) -> &'static str {
		match self {
			Self::Mmlu => "mmlu",
			Self::HellaSwag => "hellaswag",
			Self::Arc => "arc",
			Self::TruthfulQa => "truthfulqa",
			Self::Gsm8k => "gsm8k",
			Self::Math => "math",
			Self::HumanEval => "humaneval",
			Self::Mbpp => "mbpp",
		}
	}

	/// Returns the format of a name.
	pub fn by_name(name: &str) -> Option<Self> {
		Self::ALL.into_iter().find(|format| format.name() == name)
	}

	/// Reads a file, or every file of a folder in the order of their names, which have one problem each in MATH and one
	/// subject each in MMLU.
	pub fn open(self, path: &Path) -> Result<Suite, SourceError> {
		let mut suite = Suite::new(self.name(), self.generation());
		let io = |source| SourceError::Io { path: path.into(), source };
		if fs::metadata(path).map_err(io)?.is_dir() {
			let entries = fs::read_dir(path).map_err(io)?.map(|entry| Ok(entry.map_err(io)?.path()));
			let mut files = entries.collect::<Result<Vec<_>, _>>()?;
			files.retain(|file| file.extension().is_some_and(|extension| extension == self.extension()));
			files.sort();
			for file in files {
				self.read_file(&file, &mut suite)?;
			}
		} else {
			self.read_file(path, &mut suite)?;
		}
		if suite.tasks.is_empty() {
			let skipped = suite.skipped.values().sum();
			return Err(SourceError::NoTask { path: path.into(), format: self.name(), skipped });
		}
		Ok(suite)
	}

	fn read_file(self, path: &Path, suite: &mut Suite) -> Result<(), SourceError> {
		let text = read_text(path, FILE_BYTES_MAX)?;
		let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
		let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
		self.parse(text, &stem, suite).map_err(|Malformed { line, reason }| SourceError::Record {
			path: path.into(),
			line,
			format: self.name(),
			reason,
		})?;
		match suite.tasks.len() > TASKS_MAX {
			true => Err(SourceError::TooMany { path: path.into() }),
			false => Ok(()),
		}
	}

	/// Adds the tasks of a text. `stem`: name of its file without an ending, for records that have no name.
	pub(crate) fn parse(self, text: &str, stem: &str, suite: &mut Suite) -> Result<(), Malformed> {
		match self {
			Self::Mmlu => mmlu::parse(text, stem, suite),
			Self::HellaSwag => hellaswag::parse(text, stem, suite),
			Self::Arc => arc::parse(text, suite),
			Self::TruthfulQa => truthful_qa::parse(text, stem, suite),
			Self::Gsm8k => gsm8k::parse(text, stem, suite),
			Self::Math => math::parse(text, stem, suite),
			Self::HumanEval => human_eval::parse(text, suite),
			Self::Mbpp => mbpp::parse(text, suite),
		}
	}

	fn extension(self) -> &'static str {
		match self {
			Self::Mmlu => "csv",
			Self::Math | Self::TruthfulQa => "json",
			_ => "jsonl",
		}
	}

	fn generation(self) -> Generation {
		match self {
			Self::Gsm8k => Generation::until(&["Question:", "</s>", "<|im_end|>"], 256),
			Self::Math => Generation::until(&["Problem:", "</s>", "<|im_end|>"], 512),
			Self::HumanEval => Generation::until(&["\nclass", "\ndef", "\n#", "\nif", "\nprint"], 1_024),
			Self::Mbpp => Generation::until(&["[DONE]"], 256),
			Self::Mmlu | Self::HellaSwag | Self::Arc | Self::TruthfulQa => Generation::until(&["\n"], 1),
		}
	}
}

/// Reads a file of at most `bytes_max` bytes. No more is ever read: a device or a pipe has no size that could be asked for.
pub fn read_limited(path: &Path, bytes_max: u64) -> Result<Vec<u8>, SourceError> {
	let io = |source| SourceError::Io { path: path.into(), source };
	let mut bytes = Vec::new();
	let file = fs::File::open(path).map_err(io)?;
	file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
	match bytes.len() as u64 > bytes_max {
		true => Err(SourceError::FileTooLarge { path: path.into(), bytes_max }),
		false => Ok(bytes),
	}
}

/// Reads a text of at most `bytes_max` bytes.
pub fn read_text(path: &Path, bytes_max: u64) -> Result<String, SourceError> {
	String::from_utf8(read_limited(path, bytes_max)?).map_err(|error| {
		let valid = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
		let line = 1 + valid.filter(|byte| **byte == b'\n').count() as u64;
		SourceError::Encoding { path: path.into(), line }
	})
}
