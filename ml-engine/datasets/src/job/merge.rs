//! Merging: parts sorted by hash, duplicates left out, blobs written.

use super::{
	blobs::BlobWriter,
	stage::{part_path, HEAD_BYTES},
	state::{State, PARTS},
	Job, OnProgress, Progress, Stage,
};
use crate::{
	filter::{Bands, NearIndex, Rules, Runs, BANDS},
	hexadecimal,
	manifest::{self, BlobRecord, Clusters, Manifest, HELD_OUT_PERCENT},
	source::croissant::DescribedFile,
	Counts, Document, Error, Reason, Tally,
};
use blyan_exact::Hash;
use std::{
	collections::{BTreeMap, HashMap},
	fs::{self, File},
	io::{BufReader, Read},
	os::unix::fs::FileExt,
	path::{Path, PathBuf},
};

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

/// Merges all parts.
pub(super) fn run(job: &Job<'_>, state: &State, progress: &mut OnProgress<'_>) -> Result<Merged, Error> {
	let blobs = job.out.join("blobs");
	if blobs.exists() {
		fs::remove_dir_all(&blobs).map_err(Error::io(&blobs))?;
	}
	fs::create_dir_all(&blobs).map_err(Error::io(&blobs))?;
	let sizes = job.options.sizes;
	let mut merge = Merge {
		writer: BlobWriter::new(job.out.into(), sizes.blob_bytes_max),
		near: NearIndex::new(state.texts, sizes.near_bytes_max),
		lost: HashMap::new(),
		totals: Totals::default(),
		tally: Tally::default(),
		bytes_max: sizes.dataset_bytes_max,
	};
	let mut done = 0;
	for part in 0..PARTS {
		let part = Part::read(&part_path(&job.folder(), part))?;
		for equal in part.keys.chunk_by(|a, b| a.hash == b.hash) {
			merge.take(&part, equal)?;
			let before = done / PROGRESS_TEXTS;
			done += equal.len() as u64;
			let now = Progress {
				stage: Stage::Merging,
				done,
				total: state.texts,
				documents: merge.totals.documents,
				left_out: state.tally.counts.left_out_total() + merge.tally.counts.left_out_total(),
			};
			if done / PROGRESS_TEXTS > before && !progress(&now) {
				return Err(Error::Interrupted);
			}
		}
	}
	merge.finish()
}

struct Merge {
	writer: BlobWriter,
	near: NearIndex,
	/// Texts that were near a document, by its place.
	lost: HashMap<u64, u64>,
	totals: Totals,
	tally: Tally,
	bytes_max: u64,
}

impl Merge {
	/// Takes texts of one hash: the one with the smallest line stands for all.
	fn take(&mut self, part: &Part, equal: &[Key]) -> Result<(), Error> {
		let mut best: Option<(Vec<u8>, &Key)> = None;
		for key in equal {
			let line = part.line(key)?;
			if best.as_ref().is_none_or(|(least, _)| line < *least) {
				best = Some((line, key));
			}
		}
		let Some((line, key)) = best else { return Ok(()) };
		for _ in 1..equal.len() {
			self.tally.leave_out(Reason::Duplicate, || place(&key.hash));
		}
		let document = parse(&part.path, &line)?;
		let bands = part.bands(key)?;
		if let Some(representative) = self.representative(&document, &bands)? {
			*self.lost.entry(representative).or_default() += 1;
			self.tally.leave_out(Reason::NearDuplicate, || place(&key.hash));
			return Ok(());
		}
		if self.totals.bytes.saturating_add(document.text.len() as u64) > self.bytes_max {
			self.tally.leave_out(Reason::OverLimit, || place(&key.hash));
			return Ok(());
		}
		self.totals.add(&document);
		let at = self.writer.push(&line)?;
		self.near.insert(&bands, at);
		Ok(())
	}

	/// The place of a document that was kept and is near this one.
	fn representative(&self, document: &Document, bands: &Bands) -> Result<Option<u64>, Error> {
		let candidates = self.near.candidates(bands);
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
		self.totals.clusters = Clusters::of(self.lost.into_values());
		Ok(Merged { totals: self.totals, tally: self.tally, files: self.writer.files })
	}
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

/// A text in a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
	hash: Hash,
	offset: u64,
	length: u32,
}

/// A part, with its keys in memory and its texts on disk.
struct Part {
	path: PathBuf,
	file: File,
	keys: Vec<Key>,
}

impl Part {
	/// Reads the keys of a part and sorts them.
	fn read(path: &Path) -> Result<Self, Error> {
		let file = File::open(path).map_err(Error::io(path))?;
		let length = file.metadata().map_err(Error::io(path))?.len();
		let mut reader = BufReader::with_capacity(1 << 20, &file);
		let (mut keys, mut offset) = (Vec::new(), 0);
		let mut head = [0; HEAD_BYTES];
		while offset < length {
			reader.read_exact(&mut head).map_err(Error::io(path))?;
			let (size, rest) = head.split_at(4);
			let size = u32::from_le_bytes(size.try_into().unwrap_or_default());
			let hash = rest.first_chunk::<32>().copied().unwrap_or_default();
			keys.push(Key { hash, offset, length: size });
			reader.seek_relative(size.into()).map_err(Error::io(path))?;
			offset += HEAD_BYTES as u64 + u64::from(size);
		}
		keys.sort_unstable();
		Ok(Self { path: path.into(), file, keys })
	}

	fn line(&self, key: &Key) -> Result<Vec<u8>, Error> {
		let mut line = vec![0; key.length as usize];
		self.file.read_exact_at(&mut line, key.offset + HEAD_BYTES as u64).map_err(Error::io(&self.path))?;
		Ok(line)
	}

	fn bands(&self, key: &Key) -> Result<Bands, Error> {
		let mut bytes = [0; 8 * BANDS];
		self.file.read_exact_at(&mut bytes, key.offset + 36).map_err(Error::io(&self.path))?;
		let mut bands = [0; BANDS];
		for (key, bytes) in bands.iter_mut().zip(bytes.chunks_exact(8)) {
			*key = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
		}
		Ok(bands)
	}
}
