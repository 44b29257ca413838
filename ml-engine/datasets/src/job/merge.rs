//! Merging: parts sorted by hash, duplicates left out, blobs written.
//!
//! All parts are gone through twice: for the keys of the texts, by which those that may be near each other are grouped, and for the
//! texts. Whatever grows with the texts is sorted on disk.

use super::{
	blobs::BlobWriter,
	neighbours::{Neighbours, Signatures},
	part::{Key, Part},
	sort::Sorter,
	stage::part_path,
	state::{State, PARTS},
	Job, OnProgress, Progress, Stage,
};
use crate::{
	filter::{Rules, Runs},
	hexadecimal,
	manifest::{self, BlobRecord, Clusters, Manifest, HELD_OUT_PERCENT},
	source::croissant::DescribedFile,
	Counts, Document, Error, Reason, Tally,
};
use blyan_exact::Hash;
use std::{collections::BTreeMap, fs, path::Path};

/// Texts between two reports of progress.
const PROGRESS_TEXTS: u64 = 1_024;

/// Sums over the documents that were kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
	pub documents: u64,
	pub bytes: u64,
	pub held_out: u64,
	pub languages: BTreeMap<String, u64>,
	pub licences: BTreeMap<String, u64>,
	pub blobs: Vec<BlobRecord>,
	pub root: String,
	pub clusters: Clusters,
}

impl Totals {
	/// Adds a document.
	pub fn add(&mut self, document: &Document) {
		let bytes = document.text.len() as u64;
		self.documents += 1;
		self.bytes += bytes;
		self.held_out += u64::from(document.is_held_out(HELD_OUT_PERCENT));
		*self.licences.entry(document.license.clone()).or_default() += bytes;
		if let Some(language) = &document.language {
			*self.languages.entry(language.clone()).or_default() += 1;
		}
	}

	/// The manifest.
	pub fn manifest(&self, counts: Counts, rules: Rules, licence: &str) -> Manifest {
		let Self { documents, bytes, held_out, languages, licences, blobs, root, clusters } = self.clone();
		Manifest {
			blobs,
			bytes,
			clusters,
			counts,
			documents,
			format: manifest::FORMAT.into(),
			held_out,
			languages,
			licence: licence.into(),
			licences,
			root,
			rules,
			version: manifest::VERSION,
		}
	}
}

/// Outcome of merging.
pub(super) struct Merged {
	pub totals: Totals,
	pub tally: Tally,
	pub files: Vec<DescribedFile>,
}

/// Parts of the memory for sorting: the keys of a part, and which documents others were near. Grouping has half of it.
const PART_SHARE: usize = 4;
const LOST_SHARE: usize = 16;

/// Merges all parts.
pub(super) fn run(job: &Job<'_>, state: &State, progress: &mut OnProgress<'_>) -> Result<Merged, Error> {
	let blobs = job.out.join("blobs");
	// A run that was killed has left its files, which say nothing: sorting begins again.
	let sorted = job.folder().join("sorted");
	for folder in [&blobs, &sorted] {
		if folder.exists() {
			fs::remove_dir_all(folder).map_err(Error::io(folder))?;
		}
		fs::create_dir_all(folder).map_err(Error::io(folder))?;
	}
	let sizes = job.options.sizes;
	let source = Source { job, state, sorted: &sorted, bytes_max: sizes.memory_bytes_max };
	let near = source.neighbours(progress)?;
	let mut merge = Merge {
		writer: BlobWriter::new(job.out.into(), sizes.blob_bytes_max),
		near,
		texts: 0,
		lost: Sorter::new(&sorted, "lost", sizes.memory_bytes_max / LOST_SHARE),
		totals: Totals::default(),
		tally: Tally::default(),
		bytes_max: sizes.dataset_bytes_max,
	};
	source.merge(&mut merge, progress)?;
	merge.finish()
}

/// The parts, and what going through them takes.
struct Source<'a> {
	job: &'a Job<'a>,
	state: &'a State,
	sorted: &'a Path,
	bytes_max: usize,
}

impl Source<'_> {
	fn part(&self, number: usize) -> Result<Part, Error> {
		let path = part_path(&self.job.folder(), number);
		Part::open(&path, self.sorted, self.bytes_max / PART_SHARE)
	}

	/// Groups the distinct texts by the keys that they have in common.
	fn neighbours(&self, progress: &mut OnProgress<'_>) -> Result<Neighbours, Error> {
		let mut signatures = Signatures::new(self.sorted, self.bytes_max / 2);
		let mut done = 0;
		for number in 0..PARTS {
			let mut part = self.part(number)?;
			let mut last = None;
			while let Some(key) = part.next()? {
				if last != Some(key.hash) {
					signatures.push(&part.bands(&key)?)?;
					last = Some(key.hash);
				}
				done += 1;
				self.report(Stage::Pairing, done, None, progress)?;
			}
		}
		signatures.finish()
	}

	/// Merges the texts.
	fn merge(&self, merge: &mut Merge, progress: &mut OnProgress<'_>) -> Result<(), Error> {
		let mut done = 0;
		for number in 0..PARTS {
			let mut part = self.part(number)?;
			let mut equal: Option<Equal> = None;
			while let Some(key) = part.next()? {
				let line = part.line(&key)?;
				match &mut equal {
					Some(equal) if equal.hash == key.hash => equal.add(line),
					_ => {
						if let Some(before) = equal.replace(Equal::new(&key, line)) {
							merge.take(before)?;
						}
					}
				}
				done += 1;
				self.report(Stage::Merging, done, Some(&*merge), progress)?;
			}
			if let Some(last) = equal {
				merge.take(last)?;
			}
		}
		Ok(())
	}

	fn report(
		&self,
		stage: Stage,
		done: u64,
		merge: Option<&Merge>,
		progress: &mut OnProgress<'_>,
	) -> Result<(), Error> {
		let left_out = |merge: &Merge| merge.tally.counts.left_out_total();
		let now = || Progress {
			stage,
			done,
			total: self.state.texts,
			documents: merge.map_or(0, |merge| merge.totals.documents),
			left_out: self.state.tally.counts.left_out_total() + merge.map_or(0, left_out),
		};
		match !done.is_multiple_of(PROGRESS_TEXTS) || progress(&now()) {
			true => Ok(()),
			false => Err(Error::Interrupted),
		}
	}
}

/// Texts of one hash: the smallest line stands for all.
struct Equal {
	hash: Hash,
	line: Vec<u8>,
	copies: u64,
}

impl Equal {
	fn new(key: &Key, line: Vec<u8>) -> Self {
		Self { hash: key.hash, line, copies: 0 }
	}

	fn add(&mut self, line: Vec<u8>) {
		self.copies += 1;
		if line < self.line {
			self.line = line;
		}
	}
}

struct Merge {
	writer: BlobWriter,
	near: Neighbours,
	/// Distinct texts so far.
	texts: u64,
	/// Places of documents that a text was near, as often as one was.
	lost: Sorter<8>,
	totals: Totals,
	tally: Tally,
	bytes_max: u64,
}

impl Merge {
	/// Takes the next distinct text.
	fn take(&mut self, equal: Equal) -> Result<(), Error> {
		for _ in 0..equal.copies {
			self.tally.leave_out(Reason::Duplicate, || place(&equal.hash));
		}
		let groups = self.near.groups(self.texts)?;
		self.texts += 1;
		let document = parse(Path::new("parts"), &equal.line)?;
		if let Some(representative) = self.representative(&document, &groups)? {
			self.lost.push(representative.to_be_bytes())?;
			self.tally.leave_out(Reason::NearDuplicate, || place(&equal.hash));
			return Ok(());
		}
		if self.totals.bytes.saturating_add(document.text.len() as u64) > self.bytes_max {
			self.tally.leave_out(Reason::OverLimit, || place(&equal.hash));
			return Ok(());
		}
		self.totals.add(&document);
		let at = self.writer.push(&equal.line)?;
		self.near.keep(&groups, at)
	}

	/// The place of a document that was kept and is near this one.
	fn representative(&self, document: &Document, groups: &[u64]) -> Result<Option<u64>, Error> {
		let candidates = self.near.candidates(groups)?;
		if candidates.is_empty() {
			return Ok(None);
		}
		let runs = Runs::of(&document.text);
		for candidate in candidates {
			let other = parse(Path::new("blobs"), &self.writer.line(candidate)?)?;
			if runs.is_near(&Runs::of(&other.text)) {
				return Ok(Some(candidate));
			}
		}
		Ok(None)
	}

	fn finish(mut self) -> Result<Merged, Error> {
		self.writer.flush()?;
		self.totals.root = manifest::root(&self.writer.roots);
		self.totals.blobs = self.writer.blobs;
		self.totals.clusters = clusters(self.lost)?;
		Ok(Merged { totals: self.totals, tally: self.tally, files: self.writer.files })
	}
}

/// Clusters by the places of their documents, each as often as it has lost texts.
fn clusters(lost: Sorter<8>) -> Result<Clusters, Error> {
	let mut places = lost.finish()?;
	let (mut clusters, mut open) = (Clusters::default(), None::<([u8; 8], u64)>);
	while let Some(place) = places.next()? {
		match &mut open {
			Some((last, count)) if *last == place => *count += 1,
			_ => {
				if let Some((_, count)) = open.replace((place, 1)) {
					clusters.add(count);
				}
			}
		}
	}
	if let Some((_, count)) = open {
		clusters.add(count);
	}
	Ok(clusters)
}

/// Where a text that was left out here may be found: by its hash.
fn place(hash: &Hash) -> String {
	format!("text {}", &hexadecimal(hash)[..16])
}

fn parse(path: &Path, line: &[u8]) -> Result<Document, Error> {
	serde_json::from_slice(line).map_err(|error| Error::Invalid {
		path: path.into(),
		reason: format!("a document does not parse: {error}"),
	})
}
