//! Errors of datasets.

use super::Skipped;
use std::path::PathBuf;

/// Why a dataset could not be built or read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
	/// A file or folder could not be read or written.
	#[error("{path}: {source}")]
	Io {
		/// The file or folder.
		path: PathBuf,
		/// The cause.
		source: std::io::Error,
	},
	/// A line is not a document.
	#[error("{path}, line {line}: {reason}")]
	Line {
		/// The dataset.
		path: PathBuf,
		/// The line, counted from 1.
		line: usize,
		/// Description of the fault.
		reason: String,
	},
	/// There is no usable document in the sources.
	#[error("no usable document{}", left_out(skipped))]
	Empty {
		/// Counts of the texts that were left out.
		skipped: Box<Skipped>,
	},
	/// The held-out text is too short for the sequences asked for.
	#[error("the held-out documents give {have} sequences, {want} are asked for")]
	HoldoutTooSmall {
		/// Sequences there are.
		have: usize,
		/// Sequences asked for.
		want: usize,
	},
	/// Held-out bytes do not match the root they were committed under.
	#[error("the held-out bytes do not match their commitment")]
	HoldoutCorrupt,
	/// An option has a value that cannot work.
	#[error("option {name}: {reason}")]
	Option {
		/// The option.
		name: &'static str,
		/// Description of the fault.
		reason: &'static str,
	},
}

fn left_out(skipped: &Skipped) -> String {
	match skipped.total() {
		0 => ": there is nothing to read".into(),
		_ => format!("; left out: {skipped}"),
	}
}
