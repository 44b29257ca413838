//! The files that arguments name: walked, hashed, sorted by hash, with what their folders say of them.
//!
//! Hashes and not names decide the order, so the same files give the same dataset wherever they lie and in whatever order
//! they are named.

use super::{
	croissant::{self, Croissant},
	front_matter, licence_file, Layout,
};
use crate::{hexadecimal, Error, Licence, Reason, Tally};
use blyan_exact::{merkle, Hash};
use std::{
	collections::{BTreeMap, BTreeSet},
	fs::{self, File},
	io::{self, Read},
	path::{Path, PathBuf},
};

/// Leaves of a file's hash.
const CHUNK_BYTES: u64 = 1 << 20;

/// Format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
	/// One JSON object a line.
	JsonLines,
	/// Values between separators, one row a line.
	Table {
		/// `,` or a tab.
		separator: u8,
	},
	/// Apache Parquet.
	Parquet,
	/// Text, Markdown, source code.
	Text,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
	/// Where it lies.
	pub path: PathBuf,
	/// Its name below the argument that named it, for the contributor's eyes alone.
	pub name: String,
	/// Its format.
	pub kind: Kind,
	/// Its bytes as it lies on disk.
	pub bytes: u64,
	/// Merkle root over its chunks of 1 MiB; what documents are named after.
	pub hash: Hash,
}

impl SourceFile {
	/// The file's name in a published dataset: the first 16 bytes of its hash.
	pub fn id(&self) -> String {
		hexadecimal(self.hash.get(..16).unwrap_or_default())
	}
}

/// A licence and the place that states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
	/// The place, as in `README.md`.
	pub place: String,
	/// The licence.
	pub licence: Licence,
}

/// All files of a job.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
	/// Files in the order of their hashes, none twice.
	pub files: Vec<SourceFile>,
	/// Licences that folders state, in the order of their places.
	pub stated: Vec<Stated>,
	/// Language that a folder states for all of it.
	pub language: Option<String>,
	/// Field of the text that a description names.
	pub text_field: Option<String>,
	/// Files that are not read, counted.
	pub tally: Tally,
}

impl Inventory {
	/// Bytes of all files.
	pub fn bytes(&self) -> u64 {
		self.files.iter().map(|file| file.bytes).sum()
	}

	/// Fields with the text: the caller's, or else those of a description.
	pub fn layout(&self, asked: &Layout) -> Layout {
		let text_field = asked.text_field.clone().or_else(|| self.text_field.clone());
		Layout { text_field, ..asked.clone() }
	}
}

/// Walks files and folders. `except` is left out, such as a target below a source.
///
/// `progress` is told the bytes hashed so far; it returns false to stop.
///
/// # Errors
///
/// [`Error::NoSource`] without a file; [`Error::Description`] and [`Error::Checksum`] for folders that contradict themselves.
pub fn take(
	paths: &[PathBuf],
	except: Option<&Path>,
	progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Inventory, Error> {
	let except = except.and_then(|path| fs::canonicalize(path).ok());
	let mut walk = Walk { except, ..Walk::default() };
	for path in paths {
		match fs::metadata(path).map_err(Error::io(path))?.is_dir() {
			true => walk.root(path)?,
			false => {
				let name =
					path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
				walk.found.push((path.clone(), name));
			}
		}
	}
	let Walk { found, mut inventory, checksums, licences, .. } = walk;
	if found.is_empty() {
		let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
		return Err(Error::NoSource(names.join(", ")));
	}
	state_licence_files(&mut inventory, licences)?;
	let mut hashed = 0;
	for (path, name) in found {
		let (hash, bytes) = hash_file(&path, &mut |bytes| progress(hashed + bytes))?;
		hashed += bytes;
		if let Some(want) = checksums.get(&path) {
			croissant::verify(&path, want)?;
		}
		let kind = kind(&name);
		inventory.files.push(SourceFile { path, name, kind, bytes, hash });
	}
	inventory.files.sort_by(|a, b| (a.hash, &a.name).cmp(&(b.hash, &b.name)));
	let mut seen = BTreeSet::new();
	let Inventory { files, tally, .. } = &mut inventory;
	files.retain(|file| {
		let is_new = seen.insert(file.hash);
		if !is_new {
			tally.counts.read += 1;
			tally.leave_out(Reason::Duplicate, || file.name.clone());
		}
		is_new
	});
	Ok(inventory)
}

/// Kind of a file by its name, behind the endings of compression.
fn kind(name: &str) -> Kind {
	let name = name.to_ascii_lowercase();
	let plain = [".gz", ".zst", ".zstd"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
	match plain.rsplit_once('.').map_or("", |(_, extension)| extension) {
		"jsonl" | "ndjson" | "json" => Kind::JsonLines,
		"csv" => Kind::Table { separator: b',' },
		"tsv" | "tab" => Kind::Table { separator: b'\t' },
		"parquet" => Kind::Parquet,
		_ => Kind::Text,
	}
}

/// Merkle root over the chunks of a file, and its length.
fn hash_file(path: &Path, progress: &mut dyn FnMut(u64) -> bool) -> Result<(Hash, u64), Error> {
	let mut file = File::open(path).map_err(Error::io(path))?;
	let (mut leaves, mut chunk, mut bytes) = (Vec::new(), Vec::new(), 0);
	loop {
		chunk.clear();
		let read = file.by_ref().take(CHUNK_BYTES).read_to_end(&mut chunk).map_err(Error::io(path))?;
		if read == 0 {
			return Ok((merkle::root(&leaves), bytes));
		}
		leaves.push(merkle::leaf(&chunk));
		bytes += read as u64;
		if !progress(bytes) {
			return Err(Error::Interrupted);
		}
	}
}

#[derive(Default)]
struct Walk {
	except: Option<PathBuf>,
	/// Folders that a link may lead into.
	homes: Vec<PathBuf>,
	found: Vec<(PathBuf, String)>,
	/// Licence files with their names.
	licences: Vec<(PathBuf, String)>,
	/// SHA-256 of files that a description states.
	checksums: BTreeMap<PathBuf, String>,
	inventory: Inventory,
}

impl Walk {
	fn skip(&mut self, reason: Reason, name: &str) {
		self.inventory.tally.counts.read += 1;
		self.inventory.tally.leave_out(reason, || name.to_string());
	}

	/// A folder that an argument names: it may describe itself.
	fn root(&mut self, folder: &Path) -> Result<(), Error> {
		self.homes = homes(folder).map_err(Error::io(folder))?;
		let mut described = BTreeSet::new();
		let readme = folder.join("README.md");
		if readme.is_file() {
			if let Some(front) = front_matter::read(&readme).map_err(Error::io(&readme))? {
				let front = front.map_err(|reason| Error::Description { path: readme.clone(), reason })?;
				self.state("README.md", &readme, front.licence.as_deref())?;
				self.inventory.language = front.language.or(self.inventory.language.take());
				described.insert(readme);
			}
		}
		if let Some((path, croissant)) = croissant::find(folder)? {
			self.describe(folder, &path, croissant)?;
			described.insert(path);
		}
		self.folder(folder, "", &described)
	}

	fn describe(&mut self, folder: &Path, path: &Path, croissant: Croissant) -> Result<(), Error> {
		self.state("Croissant", path, croissant.licence.as_deref())?;
		for (name, checksum) in croissant.files {
			let file = folder.join(&name);
			if !file.is_file() {
				let reason = format!("it names {name}, which is not in the folder; fetch it first");
				return Err(Error::Description { path: path.into(), reason });
			}
			if let Some(checksum) = checksum {
				self.checksums.insert(file, checksum);
			}
		}
		self.inventory.text_field = croissant.text_field.or(self.inventory.text_field.take());
		Ok(())
	}

	/// Takes a licence that a description names. Names that say nothing leave the matter open.
	fn state(&mut self, place: &str, path: &Path, licence: Option<&str>) -> Result<(), Error> {
		const OPEN: [&str; 4] = ["", "other", "unknown", "unlicensed"];
		let Some(licence) = licence.map(str::trim).filter(|licence| !OPEN.contains(licence)) else {
			return Ok(());
		};
		let licence = Licence::parse_described(licence)
			.map_err(|error| Error::Description { path: path.into(), reason: error.to_string() })?;
		self.inventory.stated.push(Stated { place: place.into(), licence });
		Ok(())
	}

	fn folder(&mut self, folder: &Path, below: &str, described: &BTreeSet<PathBuf>) -> Result<(), Error> {
		let entries = fs::read_dir(folder).map_err(Error::io(folder))?;
		let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(Error::io(folder))?;
		entries.sort_by_key(|entry| entry.file_name());
		for entry in entries {
			let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
			let shown = match below {
				"" => name.clone(),
				below => format!("{below}/{name}"),
			};
			if self.except.is_some() && fs::canonicalize(&path).ok() == self.except {
				continue;
			}
			// Links to files are followed, as caches of downloads have them; links to folders may run in circles.
			let is_link = entry.file_type().map_err(Error::io(&path))?.is_symlink();
			let Ok(metadata) = fs::metadata(&path) else {
				self.skip(Reason::Damaged, &shown);
				continue;
			};
			if name.starts_with('.') || described.contains(&path) || is_description(&name) {
				self.skip(Reason::Metadata, &shown);
			} else if metadata.is_dir() {
				match is_link {
					true => self.skip(Reason::Metadata, &shown),
					false => self.folder(&path, &shown, described)?,
				}
			} else if !metadata.is_file() {
				self.skip(Reason::NotText, &shown);
			} else if is_link && !self.is_at_home(&path) {
				self.skip(Reason::LinkOutside, &shown);
			} else if licence_file::is_named(&name) {
				self.skip(Reason::LicenceFile, &shown);
				self.licences.push((path, shown));
			} else {
				self.found.push((path, shown));
			}
		}
		Ok(())
	}

	fn is_at_home(&self, link: &Path) -> bool {
		fs::canonicalize(link).is_ok_and(|target| self.homes.iter().any(|home| target.starts_with(home)))
	}
}

/// Returns the folders that links in a folder may lead into: itself, and the store of the hub's cache of which it is a snapshot.
///
/// A folder that was downloaded may hold links to anything on this machine, and what is read is published.
fn homes(folder: &Path) -> io::Result<Vec<PathBuf>> {
	let own = fs::canonicalize(folder)?;
	let snapshots = own.ancestors().find(|above| above.file_name().is_some_and(|name| name == "snapshots"));
	let store = snapshots.and_then(Path::parent).map(|cache| cache.join("blobs"));
	Ok([Some(own), store].into_iter().flatten().collect())
}

/// Reports whether a file of this name only describes a dataset, as the libraries of the hub write it.
fn is_description(name: &str) -> bool {
	["dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json", "manifest.json"]
		.contains(&name)
}

/// Takes the licences of licence files. One whose text SPDX does not know leaves the matter open.
fn state_licence_files(inventory: &mut Inventory, files: Vec<(PathBuf, String)>) -> Result<(), Error> {
	let mut detector = licence_file::Detector::default();
	for (path, name) in files {
		let found = detector.detect(&path).map_err(Error::io(&path))?;
		if let Some(licence) = found.and_then(|id| Licence::parse_described(&id).ok()) {
			inventory.stated.push(Stated { place: name, licence });
		}
	}
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;

	fn write(folder: &Path, name: &str, text: &str) {
		let path = folder.join(name);
		fs::create_dir_all(path.parent().unwrap()).unwrap();
		fs::write(path, text).unwrap();
	}

	fn inventory(paths: &[PathBuf]) -> Result<Inventory, Error> {
		take(paths, None, &mut |_| true)
	}

	#[test]
	fn files_are_in_the_order_of_their_hashes_however_they_are_named() {
		let folder = tempfile::tempdir().unwrap();
		for (name, text) in
			[("a.txt", "one"), ("b/c.jsonl.gz", "two"), ("b/d.csv", "three"), ("copy.txt", "one")]
		{
			write(folder.path(), name, text);
		}
		let whole = inventory(&[folder.path().into()]).unwrap();
		let parts = ["b/../copy.txt", "b", "a.txt"].map(|name| folder.path().join(name));
		let in_parts = inventory(&parts).unwrap();
		let hashes = |inventory: &Inventory| inventory.files.iter().map(|file| file.hash).collect::<Vec<_>>();
		assert_eq!(hashes(&whole), hashes(&in_parts));
		assert!(hashes(&whole).is_sorted());
		assert_eq!(whole.tally.counts.left_out_for(Reason::Duplicate), 1);
		assert_eq!(whole.files.len(), 3);
	}

	#[test]
	fn a_folder_states_its_licence_and_its_descriptions_are_not_read_as_text() {
		let folder = tempfile::tempdir().unwrap();
		write(folder.path(), "README.md", "---\nlicense: apache-2.0\nlanguage: de\n---\n# Words\n");
		write(folder.path(), "dataset_infos.json", "{}");
		write(folder.path(), ".git/config", "x");
		write(folder.path(), "data/train.jsonl", "{\"text\":\"a\"}\n");
		let mit = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../LICENSE-MIT");
		fs::copy(mit, folder.path().join("LICENSE")).unwrap();
		let read = inventory(&[folder.path().into()]).unwrap();
		assert_eq!(read.files.len(), 1);
		assert_eq!(read.files[0].name, "data/train.jsonl");
		assert_eq!(read.language.as_deref(), Some("de"));
		let stated: Vec<(&str, &str)> =
			read.stated.iter().map(|stated| (stated.place.as_str(), stated.licence.as_str())).collect();
		assert_eq!(stated, [("README.md", "Apache-2.0"), ("LICENSE", "MIT")]);
		assert_eq!(read.tally.counts.left_out_for(Reason::Metadata), 3);
		assert_eq!(read.tally.counts.left_out_for(Reason::LicenceFile), 1);
	}

	#[test]
	#[cfg(unix)]
	fn links_are_followed_within_a_folder_and_its_cache_and_never_out_of_them() {
		use std::os::unix::fs::symlink;
		let folder = tempfile::tempdir().unwrap();
		write(folder.path(), "private/diary.txt", "what no one else should read");
		write(folder.path(), "blobs/0f3c", "a blob of the cache");
		write(folder.path(), "snapshots/main/own.txt", "a file of the snapshot");
		let snapshot = folder.path().join("snapshots/main");
		symlink("../../blobs/0f3c", snapshot.join("blob.txt")).unwrap();
		symlink("../../private/diary.txt", snapshot.join("stolen.txt")).unwrap();
		symlink(folder.path().join("private/diary.txt"), snapshot.join("LICENSE")).unwrap();
		let read = inventory(&[snapshot]).unwrap();
		let mut names: Vec<&str> = read.files.iter().map(|file| file.name.as_str()).collect();
		names.sort_unstable();
		assert_eq!(names, ["blob.txt", "own.txt"]);
		assert_eq!(read.tally.counts.left_out_for(Reason::LinkOutside), 2);
		assert_eq!(read.tally.counts.left_out_for(Reason::LicenceFile), 0);
	}

	#[test]
	fn a_folder_without_a_file_and_one_that_names_an_unknown_licence_are_refused() {
		let folder = tempfile::tempdir().unwrap();
		assert!(matches!(inventory(&[folder.path().into()]), Err(Error::NoSource(_))));
		write(folder.path(), "README.md", "---\nlicense: banana\n---\n");
		let error = inventory(&[folder.path().into()]).unwrap_err();
		assert!(error.to_string().contains("banana"), "{error}");
	}

	#[test]
	fn kinds_are_told_by_the_name_behind_the_compression() {
		for (name, wanted) in [
			("a.jsonl", Kind::JsonLines),
			("a.JSONL.gz", Kind::JsonLines),
			("a.csv.zst", Kind::Table { separator: b',' }),
			("a.tsv", Kind::Table { separator: b'\t' }),
			("a.parquet", Kind::Parquet),
			("a.md", Kind::Text),
			("Makefile", Kind::Text),
		] {
			assert_eq!(kind(name), wanted, "{name}");
		}
	}
}
