//! Checks: of a dataset against its manifest, and of files as they would become one.

use super::{blobs::BLOB_BYTES_MAX, create, merge::Totals, OnProgress, Options, Progress, Report, Stage};
use crate::{
	filter::{Filter, RULES_VERSION},
	hexadecimal,
	manifest::{self, blob_name, Manifest},
	record, Document, Error, Licence,
};
use blyan_exact::{blake2_256, merkle, Hash};
use rayon::prelude::*;
use std::{
	fs,
	path::{Path, PathBuf},
};

/// Checks a dataset that was made: every hash, root and figure, the order, and the filter's verdict on every document.
///
/// # Errors
///
/// [`Error::Invalid`] with the first thing that is not as the manifest says.
pub fn check(folder: &Path, progress: &mut OnProgress<'_>) -> Result<Manifest, Error> {
	let path = folder.join("manifest.json");
	let bytes = fs::read(&path).map_err(Error::io(&path))?;
	let refuse = |reason: String| Error::Invalid { path: path.clone(), reason };
	let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
	if manifest.canonical().ok().as_deref() != Some(bytes.as_slice()) {
		return Err(refuse("it is not in its canonical form".into()));
	}
	if (manifest.format.as_str(), manifest.version) != (manifest::FORMAT, manifest::VERSION) {
		return Err(refuse(format!("{} {} is not known to this release", manifest.format, manifest.version)));
	}
	if manifest.rules.version != RULES_VERSION {
		return Err(refuse(format!(
			"it was filtered by rules {}, this release has {RULES_VERSION}: make it again from its sources, or check it with the \
			 release that made it",
			manifest.rules.version
		)));
	}
	let mut checker = Checker {
		filter: Filter::new(manifest.rules),
		any_licence: manifest.rules.any_licence,
		totals: Totals::default(),
		last: None,
		roots: Vec::new(),
	};
	for (number, blob) in manifest.blobs.iter().enumerate() {
		let path = folder.join(blob_name(number));
		let size = fs::metadata(&path).map_err(Error::io(&path))?.len();
		if size != blob.bytes || size > BLOB_BYTES_MAX as u64 {
			let reason = format!("it has {size} bytes, the manifest says {}", blob.bytes);
			return Err(Error::Invalid { path, reason });
		}
		let bytes = fs::read(&path).map_err(Error::io(&path))?;
		if hexadecimal(&blake2_256(&[&bytes])) != blob.hash {
			return Err(Error::Invalid { path, reason: "its hash is not the manifest's".into() });
		}
		let (documents, root) = checker.blob(&path, &bytes)?;
		if (documents, hexadecimal(&root)) != (blob.documents, blob.root.clone()) {
			return Err(Error::Invalid { path, reason: "its root or count is not the manifest's".into() });
		}
		checker.totals.blobs.push(blob.clone());
		let now = Progress {
			stage: Stage::Reading,
			done: (number + 1) as u64,
			total: manifest.blobs.len() as u64,
			documents: checker.totals.documents,
			left_out: 0,
		};
		if !progress(&now) {
			return Err(Error::Interrupted);
		}
	}
	checker.totals.root = manifest::root(&checker.roots);
	checker.totals.clusters = manifest.clusters.clone();
	let found = checker.totals.manifest(manifest.counts.clone(), manifest.rules, &manifest.licence);
	match found == manifest {
		true => Ok(manifest),
		false => Err(refuse("its root or its sums are not those of its blobs".into())),
	}
}

struct Checker {
	filter: Filter,
	any_licence: bool,
	totals: Totals,
	last: Option<String>,
	roots: Vec<Hash>,
}

impl Checker {
	/// Checks one blob; returns its documents and its root.
	fn blob(&mut self, path: &Path, bytes: &[u8]) -> Result<(u64, Hash), Error> {
		let refuse = |line: usize, reason: &str| Error::Invalid {
			path: path.into(),
			reason: format!("line {}: {reason}", line + 1),
		};
		let Some(bytes) = bytes.strip_suffix(b"\n") else {
			return Err(Error::Invalid { path: path.into(), reason: "its last line has no end".into() });
		};
		let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
		let checked: Vec<(Document, Hash)> = lines
			.par_iter()
			.enumerate()
			.map(|(number, line)| {
				let document = self.document(line).map_err(|reason| refuse(number, &reason))?;
				Ok((document, merkle::leaf(line)))
			})
			.collect::<Result<_, Error>>()?;
		for (number, (document, _)) in checked.iter().enumerate() {
			if self.last.as_ref().is_some_and(|last| *last >= document.hash) {
				return Err(refuse(number, "it is not behind the document before, by their hashes"));
			}
			self.last = Some(document.hash.clone());
			self.totals.add(document);
		}
		let root = merkle::root(&checked.iter().map(|(_, leaf)| *leaf).collect::<Vec<_>>());
		self.roots.push(root);
		Ok((checked.len() as u64, root))
	}

	fn document(&self, line: &[u8]) -> Result<Document, String> {
		let document = record::read(line)?;
		let licence = Licence::parse(&document.license).map_err(|error| error.to_string())?;
		if !licence.is_permissive() && !self.any_licence {
			return Err(format!("\"{}\" is not a permissive licence", document.license));
		}
		match self.filter.judge(&document.text).reason {
			Some(reason) => Err(format!("it is left out by the filter: {reason}")),
			None => Ok(document),
		}
	}
}

/// Makes a dataset in a temporary folder and reports what it would be. Needs as much room there as the texts have. `look` is shown the
/// folder before it is removed.
///
/// # Errors
///
/// As [`create`]; a licence that is not stated is no error here.
pub fn check_sources(
	paths: &[PathBuf],
	options: &Options,
	progress: &mut OnProgress<'_>,
	look: impl FnOnce(&Path),
) -> Result<Report, Error> {
	let folder = tempfile::tempdir().map_err(Error::io(std::env::temp_dir()))?;
	let (first, second) = (folder.path().join("first"), folder.path().join("second"));
	let (made, report) = match create(paths, &first, options, progress) {
		Err(Error::LicenceMissing) => {
			let unstated = Licence::parse("LicenseRef-unstated")?;
			let rules = crate::filter::Rules { any_licence: true, ..options.rules };
			let options = Options { licence: Some(unstated), rules, ..options.clone() };
			let report = create(paths, &second, &options, progress)?;
			(second, report)
		}
		made => (first, made?),
	};
	look(&made);
	Ok(report)
}

/// The documents of one blob of a dataset, in their order; nothing of them is checked.
///
/// # Errors
///
/// [`Error::Io`], and [`Error::Invalid`] for a line that is no document.
pub fn read_blob(folder: &Path, number: usize) -> Result<Vec<Document>, Error> {
	let path = folder.join(blob_name(number));
	let bytes = fs::read(&path).map_err(Error::io(&path))?;
	let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
	lines
		.map(|line| {
			serde_json::from_slice(line)
				.map_err(|error| Error::Invalid { path: path.clone(), reason: error.to_string() })
		})
		.collect()
}

/// Documents of files and folders, in memory: made as [`create`] makes them, in a temporary folder.
///
/// # Errors
///
/// As [`create`].
pub fn documents(
	paths: &[PathBuf],
	options: &Options,
	progress: &mut OnProgress<'_>,
) -> Result<(Vec<Document>, Report), Error> {
	let folder = tempfile::tempdir().map_err(Error::io(std::env::temp_dir()))?;
	let made = folder.path().join("made");
	let report = create(paths, &made, options, progress)?;
	let mut documents = Vec::new();
	for number in 0..report.manifest.blobs.len() {
		documents.extend(read_blob(&made, number)?);
	}
	Ok((documents, report))
}
