//! Errors of sources and jobs.

use crate::LicenceError;
use std::{io, path::PathBuf};

/// Why a dataset could not be made or checked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
	/// A file or folder could not be read or written.
	#[error("{path}: {source}")]
	Io {
		/// The file or folder.
		path: PathBuf,
		/// The cause.
		source: io::Error,
	},
	/// There is nothing to read.
	#[error("no file to read in {0}; name files or folders with text in them")]
	NoSource(String),
	/// Nothing passed the filter.
	#[error("no text is left; left out: {0}")]
	Empty(String),
	/// The licence is not an SPDX expression.
	#[error(transparent)]
	Licence(#[from] LicenceError),
	/// Neither the command nor the folder names a licence.
	#[error(
		"no licence is named; say --licence SPDX, or write `license:` into the front matter of README.md"
	)]
	LicenceMissing,
	/// The licence does not let anyone train on the texts.
	#[error("\"{0}\" is not a permissive licence; if you may train on these texts all the same, say --any-licence")]
	LicenceNotPermissive(String),
	/// Two places name different licences.
	#[error("{one} says {first}, {other} says {second}; leave only the right one")]
	LicenceConflict {
		/// The first place.
		one: String,
		/// Its licence.
		first: String,
		/// The second place.
		other: String,
		/// Its licence.
		second: String,
	},
	/// A description of a dataset that cannot be used.
	#[error("{path}: {reason}")]
	Description {
		/// The file.
		path: PathBuf,
		/// Description of the fault, with what to do.
		reason: String,
	},
	/// A file's contents are not those that its description states.
	#[error("{path}: SHA-256 is {have}, its description says {want}; fetch the file again")]
	Checksum {
		/// The file.
		path: PathBuf,
		/// Hash of the file.
		have: String,
		/// Hash in the description.
		want: String,
	},
	/// The sources are not those that the unfinished job began with.
	#[error(
		"{path} holds an unfinished dataset of other sources or options; finish it with those, or remove it"
	)]
	OtherJob {
		/// The folder.
		path: PathBuf,
	},
	/// Another run makes the same dataset.
	#[error("{path} is being made by another run; wait for its end, or name another folder")]
	UnderWay {
		/// The folder.
		path: PathBuf,
	},
	/// The target holds something else.
	#[error("{path} is not empty; name a new folder")]
	NotEmpty {
		/// The folder.
		path: PathBuf,
	},
	/// A finished dataset is not what its manifest says.
	#[error("{path}: {reason}")]
	Invalid {
		/// The file.
		path: PathBuf,
		/// Description of the fault.
		reason: String,
	},
	/// The caller asked to stop; the same call goes on later.
	#[error("interrupted; run the same command again to go on")]
	Interrupted,
}

impl Error {
	/// Returns a function that names the file in an I/O error.
	pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
		let path = path.into();
		move |source| Self::Io { path, source }
	}
}
