//! State of a job on disk: the rows it has read.

use super::{write_whole, Job, Sizes};
use crate::{filter::Rules, hexadecimal, source::Layout, Error, Tally};
use blyan_exact::blake2_256;
use serde::{Deserialize, Serialize};
use std::{
	fs,
	path::{Path, PathBuf},
};

/// Parts of the texts by the first six bits of their hash.
pub(super) const PARTS: usize = 64;

/// State of a job after a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
	/// Hash of sources and options.
	pub fingerprint: String,
	/// Files that are read to their end.
	pub files: usize,
	/// Rows read of the next file.
	pub rows: u64,
	/// Bytes of source files that are done, for the progress.
	pub bytes: u64,
	/// Length of each part; what is behind was written by a run that was killed.
	pub lengths: Vec<u64>,
	/// Texts in all parts.
	pub texts: u64,
	/// Counts so far.
	pub tally: Tally,
}

/// Path of the state in a job's folder.
pub(super) fn path(folder: &Path) -> PathBuf {
	folder.join("state.json")
}

impl State {
	/// Nothing is read.
	pub fn new(fingerprint: String) -> Self {
		let tally = Tally::default();
		Self { fingerprint, files: 0, rows: 0, bytes: 0, lengths: vec![0; PARTS], texts: 0, tally }
	}

	/// The state in a job's folder, if there is one.
	pub fn read(folder: &Path) -> Result<Option<Self>, Error> {
		let path = path(folder);
		let bytes = match fs::read(&path) {
			Ok(bytes) => bytes,
			Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
			Err(source) => return Err(Error::Io { path, source }),
		};
		let state: Self = serde_json::from_slice(&bytes).map_err(|error| Error::Invalid {
			path: path.clone(),
			reason: format!("{error}; remove {}", folder.display()),
		})?;
		match state.lengths.len() == PARTS {
			true => Ok(Some(state)),
			false => {
				Err(Error::Invalid { path, reason: "it is of another release; remove the folder".into() })
			}
		}
	}

	/// Replaces the state in a job's folder.
	pub fn write(&self, folder: &Path) -> Result<(), Error> {
		let path = path(folder);
		let bytes = serde_json::to_vec(self)
			.map_err(|error| Error::Io { path: path.clone(), source: error.into() })?;
		write_whole(&path, &bytes)
	}
}

/// Hash of all that decides the bytes of a dataset.
pub(super) fn fingerprint(job: &Job<'_>) -> Result<String, Error> {
	#[derive(Serialize)]
	struct Decides<'a> {
		files: Vec<(String, String)>,
		licence: &'a str,
		language: &'a Option<String>,
		rules: Rules,
		layout: Layout,
		sizes: Sizes,
		limits: String,
	}
	let inventory = job.inventory;
	let decides = Decides {
		files: inventory
			.files
			.iter()
			.map(|file| (hexadecimal(&file.hash), format!("{:?}", file.kind)))
			.collect(),
		licence: job.licence.as_str(),
		language: &inventory.language,
		rules: job.options.rules,
		layout: inventory.layout(&job.options.layout),
		sizes: job.options.sizes,
		limits: format!("{:?}", job.options.limits),
	};
	let bytes = serde_json::to_vec(&decides)
		.map_err(|error| Error::Io { path: job.out.into(), source: error.into() })?;
	Ok(hexadecimal(&blake2_256(&[&bytes])))
}
