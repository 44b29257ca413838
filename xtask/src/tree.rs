//! Source tree as the checks see it: paths relative to its root, and the text of what is text.

use anyhow::{bail, Context, Result};
use std::{
	collections::{BTreeMap, BTreeSet},
	fs,
	path::Path,
	process::Command,
};

/// Endings of files that hold data: their paths count, their bytes are not read.
const DATA: [&str; 6] = [".bin", ".tblk", ".xz", ".ptx", ".png", ".wasm"];

/// Files of a tree. Plain data, so a test builds one in a line.
#[derive(Clone, Default)]
pub struct Tree {
	paths: BTreeSet<String>,
	texts: BTreeMap<String, String>,
}

impl Tree {
	/// Reads what git knows below `root`, and what it does not know yet but would add.
	pub fn read(root: &Path) -> Result<Self> {
		let listed = Command::new("git")
			.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
			.current_dir(root)
			.output()
			.context("cannot run git; install it, the checks ask it which files belong to the tree")?;
		if !listed.status.success() {
			bail!(
				"git cannot list the files of {}: {}; run this in a git checkout",
				root.display(),
				String::from_utf8_lossy(&listed.stderr).trim()
			);
		}
		let mut tree = Self::default();
		for path in
			String::from_utf8(listed.stdout).context("git listed a path that is not UTF-8")?.split('\0')
		{
			// Deleted, but not yet for git; or a link, whose target is listed by itself.
			if path.is_empty() || !fs::symlink_metadata(root.join(path)).is_ok_and(|meta| meta.is_file()) {
				continue;
			}
			tree.paths.insert(path.into());
			if DATA.iter().any(|ending| path.ends_with(ending)) {
				continue;
			}
			let bytes = fs::read(root.join(path)).with_context(|| format!("cannot read {path}"))?;
			if let Ok(text) = String::from_utf8(bytes) {
				tree.insert(path, text);
			}
		}
		Ok(tree)
	}

	/// Adds or replaces a text file.
	pub fn insert(&mut self, path: impl Into<String>, text: impl Into<String>) {
		let path = path.into();
		self.paths.insert(path.clone());
		self.texts.insert(path, text.into());
	}

	/// Text of the file at `path`.
	pub fn text(&self, path: &str) -> Option<&str> {
		self.texts.get(path).map(String::as_str)
	}

	/// All text files with their paths, in order.
	pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
		self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
	}

	/// Paths of all files below the folder `dir`, or of all files where it is empty.
	pub fn below<'a>(&'a self, dir: &'a str) -> impl Iterator<Item = &'a str> {
		self.paths.iter().map(String::as_str).filter(move |path| is_below(path, dir))
	}

	/// Reports whether `path` is a file of the tree, or a folder with one in it.
	pub fn exists(&self, path: &str) -> bool {
		self.paths.contains(path) || self.below(path).next().is_some()
	}
}

/// Reports whether `path` lies below the folder `dir`; everything lies below the empty one.
pub fn is_below(path: &str, dir: &str) -> bool {
	dir.is_empty() || path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
}

/// Folder of `path`, empty for a file at the root.
pub fn folder(path: &str) -> &str {
	path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// `path` as seen from the folder `dir`, with `.` and `..` resolved. `None` where it leaves the tree.
pub fn join(dir: &str, path: &str) -> Option<String> {
	let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
	for part in path.split('/') {
		match part {
			"" | "." => {}
			".." => {
				parts.pop()?;
			}
			part => parts.push(part),
		}
	}
	Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn join_resolves_dots_when_the_path_stays_in_the_tree() {
		assert_eq!(join("docs", "../README.md").as_deref(), Some("README.md"));
		assert_eq!(join("", "docs/./blobs.md").as_deref(), Some("docs/blobs.md"));
		assert_eq!(join("docs", "../../outside"), None);
	}

	#[test]
	fn exists_is_true_for_files_and_their_folders() {
		let mut tree = Tree::default();
		tree.insert("docs/blobs.md", "");
		assert!(tree.exists("docs/blobs.md") && tree.exists("docs"));
		assert!(!tree.exists("doc") && !tree.exists("docs/blobs"));
	}
}
