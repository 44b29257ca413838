//! Documents from the sources that cargo keeps.

use super::{
	bucket,
	collector::{relative_name, Collected, Collector, Rules, FILE_BYTES_MIN},
	DatasetError, DatasetProgress, Licence, SkipReason,
};
use serde::Deserialize;
use std::{
	fs,
	ops::Range,
	path::{Path, PathBuf},
};

/// Selection from a registry's source folder.
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
	/// Takes files that a program wrote as well.
	pub keep_generated: bool,
}

impl Default for CratesOptions {
	fn default() -> Self {
		Self {
			buckets: 0..256,
			extensions: vec!["rs".into()],
			file_bytes_max: 64 * 1024,
			crate_bytes_max: 256 * 1024,
			bytes_max: u64::MAX,
			keep_generated: false,
		}
	}
}

struct Package {
	folder: PathBuf,
	name: String,
	version: String,
	/// Why it is left out as a whole, and what to say of it.
	license: Result<Licence, (SkipReason, String)>,
	rank: u32,
}

/// Fields read from a manifest.
#[derive(Deserialize)]
struct Manifest {
	package: Option<PackageTable>,
	workspace: Option<WorkspaceTable>,
}

#[derive(Deserialize)]
struct PackageTable {
	name: String,
	version: Option<Inherited>,
	license: Option<Inherited>,
	#[serde(rename = "license-file")]
	license_file: Option<toml::Value>,
}

#[derive(Deserialize)]
struct WorkspaceTable {
	package: Option<WorkspacePackage>,
}

/// Fields that a workspace hands down to its members.
#[derive(Deserialize)]
struct WorkspacePackage {
	version: Option<String>,
	license: Option<String>,
}

/// A value, or `{ workspace = true }`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Inherited {
	Own(String),
	Workspace {
		/// Always true.
		workspace: bool,
	},
}

impl Inherited {
	/// The value; one that is inherited is looked up in the workspace above `folder`.
	fn resolve(self, folder: &Path, get: impl Fn(WorkspacePackage) -> Option<String>) -> Option<String> {
		match self {
			Self::Own(value) => Some(value),
			Self::Workspace { workspace: false } => None,
			Self::Workspace { workspace: true } => folder.ancestors().skip(1).find_map(|folder| {
				let package = manifest(folder).ok()?.workspace?.package?;
				get(package)
			}),
		}
	}
}

fn manifest(folder: &Path) -> Result<Manifest, String> {
	let text = fs::read_to_string(folder.join("Cargo.toml")).map_err(|error| error.to_string())?;
	toml::from_str(&text).map_err(|error| error.message().to_string())
}

/// The crate in `folder`; `None` if there is a workspace and no crate.
fn package(folder: &Path) -> Option<Package> {
	let table = match manifest(folder) {
		Ok(Manifest { package, .. }) => package?,
		Err(error) => {
			// The folder is named like the crate; its version is in the way of the bucket, and of nothing else.
			let name = folder.file_name()?.to_string_lossy().into_owned();
			return Some(Package {
				folder: folder.into(),
				rank: bucket("crate", &name),
				version: String::new(),
				license: Err((SkipReason::ManifestUnreadable, format!("{name}: {error}"))),
				name,
			});
		}
	};
	let PackageTable { name, version, license, license_file } = table;
	let version = version.and_then(|version| version.resolve(folder, |package| package.version));
	let is_inherited = matches!(license, Some(Inherited::Workspace { .. }));
	let license = license.and_then(|license| license.resolve(folder, |package| package.license));
	let license = match license {
		Some(text) => match Licence::parse_lax(&text) {
			Ok(licence) if licence.is_permissive() => Ok(licence),
			Ok(licence) => Err((SkipReason::LicenceNotPermissive, format!("{name}: {}", licence.as_str()))),
			Err(error) => Err((SkipReason::LicenceUnknown, format!("{name}: {error}"))),
		},
		None if is_inherited => Err((
			SkipReason::LicenceMissing,
			format!("{name}: license.workspace = true, and no workspace above it names a licence"),
		)),
		None if license_file.is_some() => Err((SkipReason::LicenceFileOnly, name.clone())),
		None => Err((SkipReason::LicenceMissing, name.clone())),
	};
	let version = version.unwrap_or_else(|| "0.0.0".into());
	Some(Package { folder: folder.into(), rank: bucket("crate", &name), name, version, license })
}

/// Documents from the crates below `root`, as in `$CARGO_HOME/registry/src` or one registry in it.
///
/// Takes files of crates under a permissive licence, `.rs` unless said otherwise, in the order of the hash of the
/// crate's name, then version, then path.
pub fn from_crates(
	root: &Path,
	options: &CratesOptions,
	progress: &mut dyn FnMut(&DatasetProgress),
) -> Result<Collected, DatasetError> {
	let rules = Rules {
		bytes_min: FILE_BYTES_MIN,
		file_bytes_max: options.file_bytes_max,
		keeps_generated: options.keep_generated,
		bytes_max: u64::MAX,
	};
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
		let Package { folder, name, version, license, .. } = package;
		collector.progress.sources += 1;
		if collector.progress.bytes >= options.bytes_max {
			collector.skip(SkipReason::OverLimit, &name);
			continue;
		}
		let license = match license {
			Ok(license) => license,
			Err((reason, what)) => {
				collector.skip(reason, &what);
				continue;
			}
		};
		let mut paths = Vec::new();
		walk(&folder, &mut paths)?;
		paths.retain(|path| {
			let extension = path.extension().and_then(|extension| extension.to_str());
			extension.is_some_and(|extension| options.extensions.iter().any(|wanted| wanted == extension))
		});
		let before = collector.progress.bytes;
		for path in paths {
			let inside = relative_name(path.strip_prefix(&folder).unwrap_or(&path));
			let origin = format!("{name}-{version}/{inside}");
			if collector.progress.bytes - before >= options.crate_bytes_max {
				collector.skip(SkipReason::SourceFull, &origin);
				continue;
			}
			let family = format!("{name}/{inside}");
			collector.take_file(&path, &origin, &family, license.as_str(), &rules)?;
		}
		progress(&collector.progress);
	}
	progress(&collector.progress);
	collector.finish()
}

/// Files below `folder` in a fixed order. Symbolic links are not followed.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), DatasetError> {
	let io = |source| DatasetError::Io { path: folder.into(), source };
	let mut entries = fs::read_dir(folder).map_err(io)?.collect::<Result<Vec<_>, _>>().map_err(io)?;
	entries.sort_by_key(std::fs::DirEntry::file_name);
	for entry in entries {
		let kind = entry.file_type().map_err(io)?;
		if kind.is_dir() {
			walk(&entry.path(), found)?;
		} else if kind.is_file() {
			found.push(entry.path());
		}
	}
	Ok(())
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
		let Collected { documents, progress } =
			from_crates(root.path(), &CratesOptions::default(), &mut |p| last = p.clone()).unwrap();
		let mut origins = documents.iter().map(|d| d.origin.as_str()).collect::<Vec<_>>();
		origins.sort_unstable();
		assert_eq!(origins.len(), 3);
		assert!(origins.contains(&"alpha-1.0.0/src/lib.rs"));
		assert!(origins.contains(&"gamma-1.0.0/src/lib.rs"));
		assert!(documents.iter().all(|d| d.license != "GPL-3.0"));
		assert_eq!((last.sources, last.sources_total, last.documents), (3, 3, 3));
		assert_eq!(last, progress);
		let count = |reason| progress.skipped.count(reason);
		assert_eq!(
			[
				count(SkipReason::Duplicate),
				count(SkipReason::Generated),
				count(SkipReason::NotUtf8),
				count(SkipReason::LicenceNotPermissive)
			],
			[1, 2, 2, 1]
		);
	}

	#[test]
	fn from_crates_takes_the_kinds_of_files_it_is_asked_for() {
		let root = registry();
		fs::write(root.path().join("index/gamma-1.0.0/README.md"), "Words about gamma.\n".repeat(20))
			.unwrap();
		let options = CratesOptions { extensions: vec!["md".into()], ..Default::default() };
		let documents = from_crates(root.path(), &options, &mut |_| ()).unwrap().documents;
		assert_eq!(documents.len(), 1);
		assert_eq!(documents[0].family, "gamma/README.md");
	}

	#[test]
	fn from_crates_gives_disjoint_datasets_for_disjoint_buckets() {
		let root = registry();
		let origins = |buckets: Range<u16>| {
			let options = CratesOptions { buckets, ..Default::default() };
			from_crates(root.path(), &options, &mut |_| ())
				.map(|collected| collected.documents.into_iter().map(|d| d.family).collect::<Vec<_>>())
				.unwrap_or_default()
		};
		let split = (bucket("crate", "alpha") & 255) as u16;
		let (low, high) = (origins(0..split), origins(split..256));
		assert!(low.iter().all(|family| !family.starts_with("alpha/")));
		assert!(high.iter().any(|family| family.starts_with("alpha/")));
	}

	#[test]
	fn from_crates_counts_crates_whose_licence_it_cannot_take_and_finds_those_of_workspaces() {
		let root = tempfile::tempdir().unwrap();
		let workspace = "[workspace.package]\nlicense = \"MIT\"\nversion = \"2.0.0\"\n";
		fs::write(root.path().join("Cargo.toml"), workspace).unwrap();
		for (name, license) in [
			("own", "license = 'MIT'"),
			("inherits", "license.workspace = true"),
			("file", "license-file = \"LICENCE\""),
			("none", ""),
			("strange", "license = \"Banana\""),
			("lines", "license = \"\"\"\nMIT OR\nApache-2.0\"\"\""),
			("torn", "license = \"MIT"),
		] {
			let folder = root.path().join("members").join(name);
			fs::create_dir_all(&folder).unwrap();
			let manifest = format!("[package]\nname = \"{name}\"\nversion.workspace = true\n{license}\n");
			fs::write(folder.join("Cargo.toml"), manifest).unwrap();
			fs::write(folder.join("lib.rs"), format!("// {name} says something here\n").repeat(20)).unwrap();
		}
		let Collected { documents, progress } =
			from_crates(&root.path().join("members"), &CratesOptions::default(), &mut |_| ()).unwrap();
		let mut found: Vec<_> = documents.iter().map(|d| (d.origin.as_str(), d.license.as_str())).collect();
		found.sort_unstable();
		assert_eq!(
			found,
			[
				("inherits-2.0.0/lib.rs", "MIT"),
				("lines-2.0.0/lib.rs", "MIT OR Apache-2.0"),
				("own-2.0.0/lib.rs", "MIT")
			]
		);
		for (reason, first) in [
			(SkipReason::LicenceFileOnly, "file"),
			(SkipReason::LicenceMissing, "none"),
			(SkipReason::LicenceUnknown, "strange"),
			(SkipReason::ManifestUnreadable, "torn"),
		] {
			let case = progress.skipped.iter().find(|case| case.0 == reason).unwrap();
			assert!(case.1 == 1 && case.2.starts_with(first), "{case:?}");
		}
	}
}
