//! The directory that holds keys, pinned networks and the demo.

use crate::failure::{Context, Failure, Outcome};
use std::{
	fs,
	io::Write,
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

/// Creates a directory, and those above it, with mode 0700 on the last.
pub fn create_private_dir(path: &Path) -> Outcome<()> {
	use std::os::unix::fs::PermissionsExt;
	fs::create_dir_all(path)
		.and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o700)))
		.context_next(path.display(), "choose another directory with --home DIR")
}

/// Writes a file in one step, readable by its owner only: a crash leaves the old bytes or the new ones.
pub fn write_private(path: &Path, bytes: &[u8]) -> Outcome<()> {
	use std::os::unix::fs::OpenOptionsExt;
	let temporary = path.with_extension(format!("tmp{}", std::process::id()));
	let write = || {
		let mut file =
			fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
		file.write_all(bytes)?;
		file.sync_all()?;
		fs::rename(&temporary, path)
	};
	write().context(path.display())
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::os::unix::fs::PermissionsExt;

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
}
