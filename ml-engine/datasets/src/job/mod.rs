//! From files to a dataset: a job that may be killed at any moment and goes on to the same bytes.
//!
//! ```text
//! OUT/.job/lock           held while a run works on it
//! OUT/.job/state.json     how far the sources were read; replaced whole, after what it speaks of is on disk
//! OUT/.job/parts/00..3f   texts that passed the filter, by the first bits of their hash
//! OUT/.job/sorted/        what merging sorts; removed as it goes on
//! OUT/blobs/00000.jsonl   documents in the order of their hashes
//! OUT/croissant.json      the same as other tools read it
//! OUT/manifest.json       roots and counts; written last
//! ```
//!
//! 1. **Inventory.** Walk and hash the files; sort them by hash.
//! 2. **Reading.** Rows become texts, texts pass the filter on all threads, and are appended to their part. Every 128 MiB the parts are
//!    synced and the state is replaced; a job that goes on cuts the parts back to the state and reads on from that row.
//! 3. **Pairing.** The keys of all texts are sorted on disk, so texts that may be near each other meet.
//! 4. **Merging.** Part after part is sorted by hash, so equal texts meet; near duplicates are looked for among the documents kept so
//!    far. The order is that of the hashes, so the outcome does not depend on which file came first. A job that is killed here, or while
//!    it pairs, does both again.
//!
//! Memory: a batch of rows (8 MiB, and one row of at most 16 MiB), one blob, and [`Sizes::memory_bytes_max`] for whatever grows with the
//! texts. With less of it more lies on disk; the dataset is the same.

mod blobs;
mod check;
mod merge;
mod neighbours;
mod part;
mod prepare;
mod sort;
mod stage;
mod state;

pub use check::{check, check_sources, documents, read_blob};

use crate::{
	filter::Rules,
	hexadecimal,
	manifest::Manifest,
	source::{
		croissant::{self, DescribedFile},
		inventory::{self, Inventory, Kind},
		Layout, Limits,
	},
	Error, Licence, Tally,
};
use serde::Serialize;
use std::{
	fs::{self, File, TryLockError},
	io::Write,
	path::{Path, PathBuf},
};

/// Options of a job.
#[derive(Clone, Debug, Default)]
pub struct Options {
	/// Licence of texts that name none; that of their folder if absent.
	pub licence: Option<Licence>,
	/// Rules of the filter.
	pub rules: Rules,
	/// Format of all files; by their names if absent.
	pub kind: Option<Kind>,
	/// Fields with the text.
	pub layout: Layout,
	/// Limits on files.
	pub limits: Limits,
	/// Sizes.
	pub sizes: Sizes,
}

/// Sizes of what a job writes and holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
	/// Longest document; a longer text is cut.
	pub document_bytes_max: usize,
	/// Largest blob.
	pub blob_bytes_max: usize,
	/// Bytes of text in all.
	pub dataset_bytes_max: u64,
	/// Bytes of memory for sorting texts and finding near duplicates. Nothing of the dataset depends on it, so an interrupted job may
	/// go on with another.
	#[serde(skip)]
	pub memory_bytes_max: usize,
	/// Bytes of text between two states.
	pub state_bytes: u64,
}

/// Bytes of memory for sorting, if nothing else is said.
pub const MEMORY_BYTES_MAX: usize = 256 << 20;

impl Default for Sizes {
	fn default() -> Self {
		Self {
			document_bytes_max: 64 << 10,
			blob_bytes_max: 32 << 20,
			dataset_bytes_max: u64::MAX,
			memory_bytes_max: MEMORY_BYTES_MAX,
			state_bytes: 128 << 20,
		}
	}
}

/// Stage of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
	/// Files are hashed.
	Hashing,
	/// Files are read and their texts filtered.
	Reading,
	/// Texts that may be near each other are grouped.
	Pairing,
	/// Duplicates are left out and blobs written.
	Merging,
}

/// Progress of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
	/// The stage.
	pub stage: Stage,
	/// Bytes or, when pairing and merging, texts done.
	pub done: u64,
	/// Bytes or texts there are; 0 while that is not known.
	pub total: u64,
	/// Documents so far.
	pub documents: u64,
	/// Texts left out so far.
	pub left_out: u64,
}

/// Is told the progress; returns false to stop the job, which goes on when it is started again.
pub type OnProgress<'a> = dyn FnMut(&Progress) -> bool + 'a;

/// A dataset that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
	/// The manifest.
	pub manifest: Manifest,
	/// The dataset's id, hexadecimal.
	pub id: String,
	/// Texts left out, with places; for the contributor alone.
	pub tally: Tally,
	/// Where the licence was stated.
	pub licence_from: String,
}

/// Makes a dataset of files and folders, or goes on with one.
///
/// # Errors
///
/// See [`Error`]; [`Error::Interrupted`] if `progress` returned false.
pub fn create(
	paths: &[PathBuf],
	out: &Path,
	options: &Options,
	progress: &mut OnProgress<'_>,
) -> Result<Report, Error> {
	let mut inventory = inventory::take(paths, Some(out), &mut |done| {
		progress(&Progress { stage: Stage::Hashing, done, total: 0, documents: 0, left_out: 0 })
	})?;
	if let Some(kind) = options.kind {
		inventory.files.iter_mut().for_each(|file| file.kind = kind);
	}
	let (licence, licence_from) = licence(&inventory, options)?;
	let job = Job { inventory: &inventory, options, licence: &licence, out };
	let (mut state, _is_alone) = job.begin()?;
	stage::run(&job, &mut state, progress)?;
	let merged = merge::run(&job, &state, progress)?;
	let mut tally = state.tally.clone();
	tally.counts.add(&merged.tally.counts);
	for (reason, place) in merged.tally.first {
		tally.first.entry(reason).or_insert(place);
	}
	let manifest = merged.totals.manifest(tally.counts.clone(), options.rules, licence.as_str());
	// What folders held besides is told to the contributor; the dataset is the same without it.
	tally.counts.add(&inventory.tally.counts);
	for (reason, place) in &inventory.tally.first {
		tally.first.entry(*reason).or_insert_with(|| place.clone());
	}
	if manifest.documents == 0 {
		let left_out = tally.to_string();
		// The state is the last thing that names the job: a run that is killed before goes on, one that is killed behind it leaves a
		// folder that is taken as a new one.
		let blobs = out.join("blobs");
		fs::remove_dir(&blobs).map_err(Error::io(&blobs))?;
		job.end()?;
		fs::remove_dir(out).map_err(Error::io(out))?;
		return Err(Error::Empty(left_out));
	}
	let id = job.finish(&manifest, &merged.files)?;
	Ok(Report { manifest, id, tally, licence_from })
}

/// The licence of texts that name none, and the place that states it.
fn licence(inventory: &Inventory, options: &Options) -> Result<(Licence, String), Error> {
	let mut found: Option<(Licence, String)> =
		options.licence.clone().map(|licence| (licence, "--licence".into()));
	for stated in &inventory.stated {
		match &found {
			None => found = Some((stated.licence.clone(), stated.place.clone())),
			Some((first, one)) if *first != stated.licence && !first.names(&stated.licence) => {
				return Err(Error::LicenceConflict {
					one: one.clone(),
					first: first.as_str().into(),
					other: stated.place.clone(),
					second: stated.licence.as_str().into(),
				});
			}
			Some(_) => {}
		}
	}
	let (licence, place) = found.ok_or(Error::LicenceMissing)?;
	match licence.is_permissive() || options.rules.any_licence {
		true => Ok((licence, place)),
		false => Err(Error::LicenceNotPermissive(licence.as_str().into())),
	}
}

/// A job's parts that do not change.
struct Job<'a> {
	inventory: &'a Inventory,
	options: &'a Options,
	licence: &'a Licence,
	out: &'a Path,
}

impl Job<'_> {
	fn folder(&self) -> PathBuf {
		self.out.join(".job")
	}

	/// Reads the state of an earlier run, or makes the folder of a new one. Other runs are kept away until the file is dropped.
	fn begin(&self) -> Result<(state::State, File), Error> {
		let fingerprint = state::fingerprint(self)?;
		let folder = self.folder();
		if !folder.exists() && !self.is_new() {
			return Err(Error::NotEmpty { path: self.out.into() });
		}
		fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
		let is_alone = self.lock()?;
		if let Some(state) = state::State::read(&folder)? {
			return match state.fingerprint == fingerprint {
				true => Ok((state, is_alone)),
				false => Err(Error::OtherJob { path: self.out.into() }),
			};
		}
		if !self.is_new() {
			return Err(Error::NotEmpty { path: self.out.into() });
		}
		let parts = folder.join("parts");
		if parts.exists() {
			fs::remove_dir_all(&parts).map_err(Error::io(&parts))?;
		}
		fs::create_dir_all(&parts).map_err(Error::io(&parts))?;
		let state = state::State::new(fingerprint);
		state.write(&folder)?;
		Ok((state, is_alone))
	}

	/// Reports whether the target holds nothing but the folder of a job, and one for blobs without any. Without a state that is a job
	/// that was killed before its first row, or while it cleaned up behind a dataset that was empty.
	fn is_new(&self) -> bool {
		let is_empty = |path: &Path| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
		match fs::read_dir(self.out) {
			Ok(entries) => entries.flatten().all(|entry| {
				let name = entry.file_name();
				name == ".job" || (name == "blobs" && is_empty(&entry.path()))
			}),
			Err(_) => true,
		}
	}

	/// Keeps other runs away: each would remove what the other has written.
	fn lock(&self) -> Result<File, Error> {
		let path = self.folder().join("lock");
		let file = File::create(&path).map_err(Error::io(&path))?;
		match file.try_lock() {
			Ok(()) => Ok(file),
			Err(TryLockError::WouldBlock) => Err(Error::UnderWay { path: self.out.into() }),
			Err(TryLockError::Error(source)) => Err(Error::Io { path, source }),
		}
	}

	/// Writes the descriptions and removes what the job worked with.
	fn finish(&self, manifest: &Manifest, files: &[DescribedFile]) -> Result<String, Error> {
		let bytes = manifest
			.canonical()
			.map_err(|error| Error::Io { path: self.out.into(), source: error.into() })?;
		let id = hexadecimal(&blyan_exact::blake2_256(&[&bytes]));
		let croissant = croissant::write(&manifest.root, self.licence.as_str(), files);
		write_whole(&self.out.join("croissant.json"), croissant.as_bytes())?;
		write_whole(&self.out.join("manifest.json"), &bytes)?;
		self.end()?;
		Ok(id)
	}

	/// Removes the job's folder. The state goes first: parts that are missing behind it would be taken for damage, and a dataset that is
	/// finished would have to be made again.
	fn end(&self) -> Result<(), Error> {
		let folder = self.folder();
		let state = state::path(&folder);
		fs::remove_file(&state).map_err(Error::io(&state))?;
		fs::remove_dir_all(&folder).map_err(Error::io(&folder))
	}
}

/// Writes a file that appears whole or not at all, and is on disk when this returns.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
	let beside = path.with_extension("partial");
	let mut file = File::create(&beside).map_err(Error::io(&beside))?;
	file.write_all(bytes).map_err(Error::io(&beside))?;
	file.sync_all().map_err(Error::io(&beside))?;
	fs::rename(&beside, path).map_err(Error::io(path))?;
	let folder = path.parent().unwrap_or(Path::new("."));
	File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io(folder))
}

#[cfg(test)]
mod tests;
