//! Documents from the sources that cargo keeps.

use super::{
	bucket,
	files::{walk, Collector},
	license::is_permissive,
	DatasetError, DatasetProgress, Document,
};
use std::{
	fs,
	ops::Range,
	path::{Path, PathBuf},
};

/// What to take from a registry's source folder.
#[derive(Clone, Debug)]
pub struct CratesOptions {
	/// Which crates: each has a bucket from 0 to 255 by the hash of its name, the same on every machine.
	/// Disjoint ranges give datasets without a crate in common.
	pub buckets: Range<u16>,
	/// File name extensions to take.
	pub extensions: Vec<String>,
	/// Larger files are left out.
	pub file_bytes_max: u64,
	/// No more than this from one version of one crate, so that a few giants do not drown the rest.
	pub crate_bytes_max: u64,
	/// No more than this in all; the crates taken are then the first by the hash of their name.
	pub bytes_max: u64,
}

impl Default for CratesOptions {
	fn default() -> Self {
		Self {
			buckets: 0..256,
			extensions: vec!["rs".into()],
			file_bytes_max: 64 * 1024,
			crate_bytes_max: 256 * 1024,
			bytes_max: u64::MAX,
		}
	}
}

struct Package {
	folder: PathBuf,
	name: String,
	version: String,
	license: String,
	rank: u32,
}

/// A string of `[package]` in a manifest that cargo has normalised: one key a line.
fn package_string(manifest: &str, key: &str) -> Option<String> {
	let section = manifest.split("[package]").nth(1)?;
	for line in section.lines().take_while(|line| !line.starts_with('[')) {
		if let Some((name, value)) = line.split_once('=') {
			if name.trim() == key {
				return value.trim().strip_prefix('"')?.strip_suffix('"').map(String::from);
			}
		}
	}
	None
}

/// The crate in `folder`, if its manifest names it and a licence that allows training.
fn package(folder: &Path) -> Option<Package> {
	let manifest = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
	let license = package_string(&manifest, "license").filter(|license| is_permissive(license))?;
	let name = package_string(&manifest, "name")?;
	let version = package_string(&manifest, "version")?;
	let rank = bucket("crate", &name);
	Some(Package { folder: folder.into(), name, version, license, rank })
}

/// Documents from the crates below `root`, as in `$CARGO_HOME/registry/src` or one registry in it.
///
/// Takes files of crates under a permissive licence, `.rs` unless said otherwise, in the order of the hash of the
/// crate's name, then version, then path.
pub fn from_crates(
	root: &Path,
	options: &CratesOptions,
	progress: &mut dyn FnMut(&DatasetProgress),
) -> Result<Vec<Document>, DatasetError> {
	let mut packages = Vec::new();
	for folder in subfolders(root)? {
		if folder.join("Cargo.toml").is_file() {
			packages.extend(package(&folder));
		} else {
			packages.extend(subfolders(&folder)?.iter().filter_map(|folder| package(folder)));
		}
	}
	// The lowest byte of the rank is the bucket.
	packages.retain(|package| options.buckets.contains(&((package.rank & 255) as u16)));
	packages.sort_by(|a, b| (a.rank, &a.name, &a.version).cmp(&(b.rank, &b.name, &b.version)));

	let mut collector = Collector::default();
	collector.progress.sources_total = packages.len();
	for package in packages {
		let mut paths = Vec::new();
		walk(&package.folder, &mut paths)?;
		paths.retain(|path| {
			let extension = path.extension().and_then(|extension| extension.to_str());
			extension.is_some_and(|extension| options.extensions.iter().any(|wanted| wanted == extension))
		});
		let before = collector.progress.bytes;
		for path in paths {
			if collector.progress.bytes - before >= options.crate_bytes_max {
				break;
			}
			let inside = path.strip_prefix(&package.folder).unwrap_or(&path).to_string_lossy().into_owned();
			let origin = format!("{}-{}/{inside}", package.name, package.version);
			let family = format!("{}/{inside}", package.name);
			collector.take(&path, options.file_bytes_max, origin, family, &package.license)?;
		}
		collector.progress.sources += 1;
		progress(&collector.progress);
		if collector.progress.bytes >= options.bytes_max {
			break;
		}
	}
	if collector.documents.is_empty() {
		return Err(DatasetError::Empty(root.into()));
	}
	Ok(collector.documents)
}

fn subfolders(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
	let io = |source| DatasetError::Io { path: folder.into(), source };
	let mut folders = Vec::new();
	for entry in fs::read_dir(folder).map_err(io)? {
		let entry = entry.map_err(io)?;
		if entry.file_type().map_err(io)?.is_dir() {
			folders.push(entry.path());
		}
	}
	folders.sort();
	Ok(folders)
}

#[cfg(test)]
mod tests {
	use super::*;

	fn registry() -> tempfile::TempDir {
		let root = tempfile::tempdir().unwrap();
		for (name, license) in [("alpha", "MIT"), ("beta", "GPL-3.0"), ("gamma", "MIT OR Apache-2.0")] {
			let folder = root.path().join(format!("index/{name}-1.0.0/src"));
			fs::create_dir_all(&folder).unwrap();
			let manifest =
				format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nlicense = \"{license}\"\n\n[lib]\nname = \"other\"\n");
			fs::write(folder.join("../Cargo.toml"), manifest).unwrap();
			fs::write(folder.join("lib.rs"), format!("// {name}\n").repeat(20)).unwrap();
			fs::write(folder.join("same.rs"), "fn the_same_in_every_crate() {}\n".repeat(8)).unwrap();
			fs::write(folder.join("made.rs"), "// @generated\n".repeat(20)).unwrap();
			fs::write(folder.join("broken.rs"), [0xffu8; 300]).unwrap();
		}
		root
	}

	#[test]
	fn from_crates_takes_licensed_sources_once() {
		let root = registry();
		let mut last = DatasetProgress::default();
		let documents =
			from_crates(root.path(), &CratesOptions::default(), &mut |p| last = p.clone()).unwrap();
		let mut origins = documents.iter().map(|d| d.origin.as_str()).collect::<Vec<_>>();
		origins.sort_unstable();
		assert_eq!(origins.len(), 3);
		assert!(origins.contains(&"alpha-1.0.0/src/lib.rs"));
		assert!(origins.contains(&"gamma-1.0.0/src/lib.rs"));
		assert!(documents.iter().all(|d| d.license != "GPL-3.0"));
		assert_eq!((last.sources, last.sources_total, last.documents, last.skipped), (2, 2, 3, 5));
	}

	#[test]
	fn from_crates_takes_the_kinds_of_files_it_is_asked_for() {
		let root = registry();
		fs::write(root.path().join("index/gamma-1.0.0/README.md"), "Words about gamma.\n".repeat(20))
			.unwrap();
		let options = CratesOptions { extensions: vec!["md".into()], ..Default::default() };
		let documents = from_crates(root.path(), &options, &mut |_| ()).unwrap();
		assert_eq!(documents.len(), 1);
		assert_eq!(documents[0].family, "gamma/README.md");
	}

	#[test]
	fn from_crates_gives_disjoint_datasets_for_disjoint_buckets() {
		let root = registry();
		let origins = |buckets: Range<u16>| {
			let options = CratesOptions { buckets, ..Default::default() };
			from_crates(root.path(), &options, &mut |_| ())
				.map(|documents| documents.into_iter().map(|d| d.family).collect::<Vec<_>>())
				.unwrap_or_default()
		};
		let split = (bucket("crate", "alpha") & 255) as u16;
		let (low, high) = (origins(0..split), origins(split..256));
		assert!(low.iter().all(|family| !family.starts_with("alpha/")));
		assert!(high.iter().any(|family| family.starts_with("alpha/")));
	}
}
