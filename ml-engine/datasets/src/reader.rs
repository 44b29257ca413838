//! Records of a dataset by their number, for those who learn from them, and proofs that a record is in a dataset.
//!
//! ```text
//! number ──> blob, line         by the manifest's counts, blob after blob
//! line ───> leaf ──> root of its blob ──> root of the dataset      the path of a proof; the second step is the manifest
//! ```
//!
//! A folder is checked as it is opened: every blob's hash, count and root. What a record says is read when it is asked for, so
//! memory is four bytes a record.

use crate::{
	document,
	manifest::{self, blob_name, Manifest},
	record, Document, Error,
};
use blyan_exact::{blake2_256, merkle, Hash};
use std::{
	fs::{self, File},
	io::{Read, Seek, SeekFrom},
	path::{Path, PathBuf},
};

/// Largest blob that is read.
const BLOB_BYTES_MAX: u64 = 1 << 26;

/// A dataset in a folder, whose files stay as they are while it is open.
#[derive(Clone, Debug)]
pub struct Reader {
	folder: PathBuf,
	manifest: Manifest,
	root: Hash,
	/// Ends of the lines of each blob, without the line end.
	ends: Vec<Vec<u32>>,
}

/// A record's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
	blob: usize,
	line: usize,
}

impl Reader {
	/// Opens the folder of a dataset.
	///
	/// # Errors
	///
	/// [`Error::Invalid`] with the first thing that is not as the manifest says.
	pub fn open(folder: &Path) -> Result<Self, Error> {
		let path = folder.join("manifest.json");
		let bytes = fs::read(&path).map_err(Error::io(&path))?;
		let manifest =
			read_manifest(&bytes).map_err(|reason| Error::Invalid { path: path.clone(), reason })?;
		let root = document::hash(&manifest.root)
			.ok_or_else(|| Error::Invalid { path, reason: "its root is not a hash".into() })?;
		let mut reader = Self { folder: folder.into(), manifest, root, ends: Vec::new() };
		for number in 0..reader.manifest.blobs.len() {
			let ends = reader.check_blob(number)?;
			reader.ends.push(ends);
		}
		Ok(reader)
	}

	/// The manifest.
	pub fn manifest(&self) -> &Manifest {
		&self.manifest
	}

	/// Merkle root over the blobs' roots.
	pub fn root(&self) -> Hash {
		self.root
	}

	/// The number of records.
	pub fn records(&self) -> u64 {
		self.manifest.documents
	}

	/// Reads a record.
	///
	/// # Errors
	///
	/// [`Error::Invalid`] if there is no such record, or it is not as a job writes it.
	pub fn document(&self, number: u64) -> Result<Document, Error> {
		let line = self.line(number)?;
		record::read(&line).map_err(|reason| self.invalid(number, &reason))
	}

	/// Reads a record's canonical line, without the line end.
	///
	/// # Errors
	///
	/// As [`Self::document`].
	pub fn line(&self, number: u64) -> Result<Vec<u8>, Error> {
		let place = self.place(number)?;
		let ends = &self.ends[place.blob];
		let start = if place.line == 0 { 0 } else { u64::from(ends[place.line - 1]) + 1 };
		let length = u64::from(ends[place.line]).saturating_sub(start);
		let path = self.folder.join(blob_name(place.blob));
		let mut file = File::open(&path).map_err(Error::io(&path))?;
		file.seek(SeekFrom::Start(start)).map_err(Error::io(&path))?;
		// No longer than a blob, which was checked.
		let mut line = vec![0; length as usize];
		file.read_exact(&mut line).map_err(Error::io(&path))?;
		Ok(line)
	}

	/// The siblings from a record's leaf to the root of its blob.
	///
	/// # Errors
	///
	/// As [`Self::document`].
	pub fn path(&self, number: u64) -> Result<Vec<Hash>, Error> {
		let place = self.place(number)?;
		let path = self.folder.join(blob_name(place.blob));
		let bytes = fs::read(&path).map_err(Error::io(&path))?;
		merkle::prove(&leaves(&bytes), place.line).ok_or_else(|| self.invalid(number, "its blob has changed"))
	}

	fn place(&self, number: u64) -> Result<Place, Error> {
		place(&self.manifest, number).ok_or_else(|| self.invalid(number, "there is no such record"))
	}

	fn invalid(&self, number: u64, reason: &str) -> Error {
		Error::Invalid { path: self.folder.clone(), reason: format!("record {number}: {reason}") }
	}

	/// Checks a blob; returns the ends of its lines.
	fn check_blob(&self, number: usize) -> Result<Vec<u32>, Error> {
		let path = self.folder.join(blob_name(number));
		let blob = &self.manifest.blobs[number];
		let size = fs::metadata(&path).map_err(Error::io(&path))?.len();
		let refuse = |reason: &str| Error::Invalid { path: path.clone(), reason: reason.into() };
		if size != blob.bytes || size > BLOB_BYTES_MAX {
			return Err(refuse("it has another size than the manifest says; fetch it again"));
		}
		let bytes = fs::read(&path).map_err(Error::io(&path))?;
		if document::hash(&blob.hash) != Some(blake2_256(&[&bytes])) {
			return Err(refuse("its hash is not the manifest's; fetch it again"));
		}
		let leaves = leaves(&bytes);
		let is_whole = leaves.len() as u64 == blob.documents
			&& document::hash(&blob.root) == Some(merkle::root(&leaves));
		if !is_whole {
			return Err(refuse("its records are not those of the manifest's root"));
		}
		let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
		// Smaller than the largest blob.
		Ok(ends.map(|(at, _)| at as u32).collect())
	}
}

/// Leaves of a blob's records.
fn leaves(blob: &[u8]) -> Vec<Hash> {
	let lines = blob.strip_suffix(b"\n").map(|lines| lines.split(|byte| *byte == b'\n'));
	lines.into_iter().flatten().map(merkle::leaf).collect()
}

fn place(manifest: &Manifest, number: u64) -> Option<Place> {
	let mut line = number;
	for (blob, record) in manifest.blobs.iter().enumerate() {
		match line.checked_sub(record.documents) {
			Some(rest) => line = rest,
			None => return Some(Place { blob, line: usize::try_from(line).ok()? }),
		}
	}
	None
}

/// Reads a manifest whose root and number of records are those of its blobs.
///
/// # Errors
///
/// The first thing that is not so.
pub fn read_manifest(bytes: &[u8]) -> Result<Manifest, String> {
	let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
	if manifest.canonical().ok().as_deref() != Some(bytes) {
		return Err("it is not in its canonical form".into());
	}
	if (manifest.format.as_str(), manifest.version) != (manifest::FORMAT, manifest::VERSION) {
		return Err(format!("{} {} is not known to this release", manifest.format, manifest.version));
	}
	let roots: Option<Vec<Hash>> = manifest.blobs.iter().map(|blob| document::hash(&blob.root)).collect();
	let is_root = roots.is_some_and(|roots| manifest::root(&roots) == manifest.root);
	let records = manifest.blobs.iter().try_fold(0u64, |sum, blob| sum.checked_add(blob.documents));
	match is_root && records == Some(manifest.documents) {
		true => Ok(manifest),
		false => Err("its root or its number of records is not that of its blobs".into()),
	}
}

/// Checks that a line is the record of this number; returns what it says.
///
/// The manifest has to be one that [`read_manifest`] has read, of a root that is known from elsewhere.
///
/// # Errors
///
/// The first thing that is not so.
pub fn check_record(
	manifest: &Manifest,
	number: u64,
	line: &[u8],
	path: &[Hash],
) -> Result<Document, String> {
	let place = place(manifest, number).ok_or("there is no such record")?;
	let blob = manifest.blobs.get(place.blob).ok_or("there is no such blob")?;
	let root = document::hash(&blob.root).ok_or("its blob's root is not a hash")?;
	let count = usize::try_from(blob.documents).map_err(|error| error.to_string())?;
	match merkle::verify(&root, count, place.line, &merkle::leaf(line), path) {
		true => record::read(line),
		false => Err("it is not in the dataset at this place".into()),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		job::{create, Options, Sizes},
		Licence,
	};

	/// Makes a dataset of several blobs.
	fn dataset(folder: &Path) -> PathBuf {
		let words = |seed: u64| {
			let word = |n: u64| {
				let hash = blake2_256(&[&seed.to_le_bytes(), &n.to_le_bytes()]);
				hash.iter().take(6).map(|byte| char::from(b'a' + byte % 23)).collect::<String>()
			};
			format!("{}.", (0..60).map(word).collect::<Vec<_>>().join(" "))
		};
		let lines: String =
			(0..40).map(|seed| format!("{}\n", serde_json::json!({ "text": words(seed) }))).collect();
		let source = folder.join("texts.jsonl");
		fs::write(&source, lines).unwrap();
		let options = Options {
			licence: Some(Licence::parse("CC0-1.0").unwrap()),
			sizes: Sizes { blob_bytes_max: 6_000, ..Sizes::default() },
			..Options::default()
		};
		let out = folder.join("dataset");
		create(&[source], &out, &options, &mut |_| true).unwrap();
		out
	}

	#[test]
	fn every_record_is_read_by_its_number_and_proven_at_its_place_alone() {
		let folder = tempfile::tempdir().unwrap();
		let reader = Reader::open(&dataset(folder.path())).unwrap();
		assert!(reader.manifest().blobs.len() > 1 && reader.records() > 10);
		let mut last = None;
		for number in 0..reader.records() {
			let document = reader.document(number).unwrap();
			assert!(last < Some(document.hash.clone()), "blobs are in the order of hashes");
			last = Some(document.hash.clone());
			let (line, path) = (reader.line(number).unwrap(), reader.path(number).unwrap());
			let manifest = read_manifest(&reader.manifest().canonical().unwrap()).unwrap();
			assert_eq!(check_record(&manifest, number, &line, &path).unwrap(), document);
			let other = (number + 1) % reader.records();
			assert!(check_record(&manifest, other, &line, &path).is_err());
			assert!(check_record(&manifest, number, &line[1..], &path).is_err());
		}
		assert!(reader.document(reader.records()).is_err());
	}

	#[test]
	fn a_folder_that_is_not_what_its_manifest_says_is_refused() {
		let folder = tempfile::tempdir().unwrap();
		let out = dataset(folder.path());
		let blob = out.join(blob_name(0));
		let bytes = fs::read(&blob).unwrap();
		let mut changed = bytes.clone();
		let at = changed.len() / 2;
		changed[at] ^= 1;
		fs::write(&blob, &changed).unwrap();
		assert!(Reader::open(&out).unwrap_err().to_string().contains("its hash"));
		fs::write(&blob, &bytes[1..]).unwrap();
		assert!(Reader::open(&out).unwrap_err().to_string().contains("another size"));
		fs::write(&blob, &bytes).unwrap();
		let mut manifest = Reader::open(&out).unwrap().manifest().clone();
		manifest.root = "00".repeat(32);
		fs::write(out.join("manifest.json"), manifest.canonical().unwrap()).unwrap();
		assert!(Reader::open(&out).unwrap_err().to_string().contains("its root"));
	}
}
