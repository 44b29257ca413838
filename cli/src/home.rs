//! The directory that holds keys, pinned networks and the demo.

use crate::failure::{Context, Failure, Outcome};
use std::{
	fs,
	io::{self, Write},
	os::unix::fs::PermissionsExt,
	path::{Path, PathBuf},
};

/// `--home`, `$BLYAN_HOME`, `$XDG_DATA_HOME/blyan` or `~/.local/share/blyan`.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
	/// Finds the directory; `chosen` is `--home` or `$BLYAN_HOME`.
	pub fn find(chosen: Option<PathBuf>) -> Outcome<Self> {
		let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
		chosen
			.or_else(|| var("XDG_DATA_HOME").map(|data| data.join("blyan")))
			.or_else(|| var("HOME").map(|home| home.join(".local/share/blyan")))
			.map(Self)
			.ok_or_else(|| {
				Failure::new("no place for keys: neither BLYAN_HOME nor HOME is set").next("pass --home DIR")
			})
	}

	/// A path below it.
	pub fn path(&self, name: &str) -> PathBuf {
		self.0.join(name)
	}

	/// Creates a directory below it that only its owner can enter.
	pub fn create_dir(&self, name: &str) -> Outcome<PathBuf> {
		let path = self.path(name);
		create_private_dir(&path)?;
		Ok(path)
	}
}

/// Creates a directory, and those above it, with mode 0700 on the last. Their entries are on disk when this returns: a file
/// that is synced in a directory that a power cut takes back is lost all the same.
pub fn create_private_dir(path: &Path) -> Outcome<()> {
	use std::os::unix::fs::PermissionsExt;
	let is_missing = |dir: &&Path| !dir.as_os_str().is_empty() && !dir.exists();
	let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
	fs::create_dir_all(path)
		.and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o700)))
		.and_then(|()| missing.into_iter().try_for_each(sync_entry))
		.context_next(path.display(), "choose another directory with --home DIR")
}

/// Forces a path's entry in its directory to the disk.
fn sync_entry(path: &Path) -> io::Result<()> {
	let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
	fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// A step of writing a file whole; a crash may come before each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
	/// The temporary file is made.
	Create,
	/// The first half of the bytes is written.
	FirstHalf,
	/// The second half is written.
	SecondHalf,
	/// The bytes are forced to the disk.
	Sync,
	/// The temporary file takes its name.
	Rename,
	/// The directory's entry is forced to the disk.
	SyncDirectory,
}

/// Marks the names of temporary files.
const TEMPORARY: &str = ".tmp";

/// Writes a file in one step, readable by its owner only: a crash leaves the old bytes or the new ones.
pub fn write_private(path: &Path, bytes: &[u8]) -> Outcome<()> {
	let temporary = temporary(path);
	write_whole(path, &temporary, bytes, &mut |_| Ok(()))
		.inspect_err(|_| drop(fs::remove_file(&temporary)))
		.context(path.display())
}

/// Bits of a file's mode that let other users at it.
const OTHERS: u32 = 0o077;

/// Reads a file of text that is a secret. Refuses one that other users of the machine can read.
///
/// - `missing`: the way out where it cannot be read.
pub fn read_private(path: &Path, missing: &str) -> Outcome<String> {
	let shown = path.display();
	let mode = fs::metadata(path).context_next(&shown, missing)?.permissions().mode() & 0o777;
	if mode & OTHERS != 0 {
		return Err(Failure::new(format!(
			"{shown} has mode {mode:o}: other users may read the secret in it"
		))
		.next(format!("take that right away: chmod 600 {shown}")));
	}
	fs::read_to_string(path).context_next(&shown, missing)
}

/// A name beside `path` that no reader of the directory takes for it.
fn temporary(path: &Path) -> PathBuf {
	let mut name = path.file_name().unwrap_or_default().to_os_string();
	name.push(format!("{TEMPORARY}{}", std::process::id()));
	path.with_file_name(name)
}

/// Reports whether a name is that of a file that was not written to its end.
pub fn is_temporary(path: &Path) -> bool {
	path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| {
		extension.strip_prefix(&TEMPORARY[1..]).is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_digit()))
	})
}

fn write_whole(
	path: &Path,
	temporary: &Path,
	bytes: &[u8],
	before: &mut dyn FnMut(Step) -> io::Result<()>,
) -> io::Result<()> {
	use std::os::unix::fs::OpenOptionsExt;
	before(Step::Create)?;
	let mut file =
		fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(temporary)?;
	let (first, second) = bytes.split_at(bytes.len() / 2);
	before(Step::FirstHalf)?;
	file.write_all(first)?;
	before(Step::SecondHalf)?;
	file.write_all(second)?;
	before(Step::Sync)?;
	file.sync_all()?;
	before(Step::Rename)?;
	fs::rename(temporary, path)?;
	before(Step::SyncDirectory)?;
	sync_entry(path)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn written_files_are_private() {
		let dir = tempfile::tempdir().unwrap();
		let home = Home::find(Some(dir.path().join("home"))).unwrap();
		let keys = home.create_dir("keys").unwrap();
		let file = keys.join("a.json");
		write_private(&file, b"1").unwrap();
		write_private(&file, b"2").unwrap();
		assert_eq!(fs::read(&file).unwrap(), b"2");
		assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
		assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o700);
	}

	#[test]
	fn directories_are_made_with_all_those_above_them() {
		let dir = tempfile::tempdir().unwrap();
		let deep = dir.path().join("a/b/c");
		create_private_dir(&deep).unwrap();
		create_private_dir(&deep).unwrap();
		assert_eq!(fs::metadata(&deep).unwrap().permissions().mode() & 0o777, 0o700);
		let file = dir.path().join("file");
		fs::write(&file, b"no directory").unwrap();
		let failure = create_private_dir(&file.join("below")).unwrap_err();
		assert!(failure.next.unwrap().contains("--home"));
	}

	#[test]
	fn a_killed_writing_leaves_the_old_file_or_the_new_one_at_every_step() {
		let steps =
			[Step::Create, Step::FirstHalf, Step::SecondHalf, Step::Sync, Step::Rename, Step::SyncDirectory];
		for old in [None, Some(&b"old bytes"[..])] {
			for last in steps {
				let dir = tempfile::tempdir().unwrap();
				let path = dir.path().join("a.tblk");
				if let Some(old) = old {
					write_private(&path, old).unwrap();
				}
				let mut kill = |step| match step == last {
					true => Err(io::Error::other("killed")),
					false => Ok(()),
				};
				assert!(write_whole(&path, &temporary(&path), b"new bytes", &mut kill).is_err());
				let found = fs::read(&path).ok();
				let is_new = found.as_deref() == Some(&b"new bytes"[..]);
				assert!(is_new || found.as_deref() == old, "{last:?}: {found:?}");
				assert_eq!(is_new, last == Step::SyncDirectory, "{last:?}");
				for entry in fs::read_dir(dir.path()).unwrap() {
					let entry = entry.unwrap().path();
					assert!(entry == path || is_temporary(&entry), "{}", entry.display());
				}
				// The next writing is not disturbed by what the killed one left.
				write_private(&path, b"new bytes").unwrap();
				assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
			}
		}
	}
}
