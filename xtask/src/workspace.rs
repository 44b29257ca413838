//! Crates of the workspace and what they depend on, read from the manifests.

use crate::tree::{folder, join, Tree};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// One crate of the workspace.
pub struct Member {
	/// Folder of its manifest, relative to the tree's root.
	pub dir: String,
	/// Parsed manifest.
	pub manifest: Table,
	/// Packages that its code is built with, by name.
	pub uses: BTreeSet<String>,
	/// Packages that only its tests, examples and benches are built with.
	pub tests_use: BTreeSet<String>,
}

impl Member {
	/// Name of the package.
	pub fn name(&self) -> &str {
		self.manifest.get("package").and_then(|package| package.get("name")?.as_str()).unwrap_or_default()
	}

	/// Root files of the library and the programs, as far as they exist.
	pub fn roots(&self, tree: &Tree) -> Vec<String> {
		let target_path = |target: &Value| join(&self.dir, target.get("path")?.as_str()?);
		let bins = self.manifest.get("bin").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
		let mut roots: BTreeSet<String> = bins.iter().filter_map(target_path).collect();
		let lib = self.manifest.get("lib").and_then(target_path);
		roots.insert(lib.unwrap_or_else(|| format!("{}/src/lib.rs", self.dir)));
		roots.insert(format!("{}/src/main.rs", self.dir));
		let bin_dir = format!("{}/src/bin", self.dir);
		roots.extend(tree.below(&bin_dir).filter(|path| folder(path) == bin_dir).map(String::from));
		roots.retain(|path| path.ends_with(".rs") && tree.text(path).is_some());
		roots.into_iter().collect()
	}
}

/// All members of the workspace whose root is the tree's, in the manifest's order.
pub fn members(tree: &Tree) -> Result<Vec<Member>> {
	let root = manifest(tree, "Cargo.toml")?;
	let workspace = root.get("workspace").context("Cargo.toml at the root has no [workspace]")?;
	let shared = table(workspace.get("dependencies"));
	let listed =
		workspace.get("members").and_then(Value::as_array).context("[workspace] lists no members")?;
	listed
		.iter()
		.filter_map(Value::as_str)
		.map(|dir| {
			let manifest = manifest(tree, &format!("{dir}/Cargo.toml"))?;
			let (mut uses, mut tests_use) = (BTreeSet::new(), BTreeSet::new());
			let targets = table(manifest.get("target"));
			for part in targets.values().filter_map(Value::as_table).chain([&manifest]) {
				uses.extend(packages(part, "dependencies", &shared));
				uses.extend(packages(part, "build-dependencies", &shared));
				tests_use.extend(packages(part, "dev-dependencies", &shared));
			}
			Ok(Member { dir: dir.into(), manifest, uses, tests_use })
		})
		.collect()
}

/// Folder of every member by the name of its package.
pub fn dirs_by_name(members: &[Member]) -> BTreeMap<&str, &str> {
	members.iter().map(|member| (member.name(), member.dir.as_str())).collect()
}

/// The member that a file belongs to: the one in the deepest folder above it.
pub fn owner<'a>(members: &'a [Member], path: &str) -> Option<&'a Member> {
	let above = members.iter().filter(|member| crate::tree::is_below(path, &member.dir));
	above.max_by_key(|member| member.dir.len())
}

fn manifest(tree: &Tree, path: &str) -> Result<Table> {
	let text =
		tree.text(path).with_context(|| format!("{path} is missing, but the workspace lists its crate"))?;
	text.parse().with_context(|| format!("{path} is not TOML"))
}

fn table(value: Option<&Value>) -> Table {
	value.and_then(Value::as_table).cloned().unwrap_or_default()
}

/// Names of the packages in one table of dependencies, renames undone.
fn packages(part: &Table, kind: &str, shared: &Table) -> BTreeSet<String> {
	let renamed = |entry: &Value| Some(entry.get("package")?.as_str()?.to_owned());
	table(part.get(kind))
		.iter()
		.map(|(key, entry)| {
			let inherited = shared.get(key).filter(|_| entry.get("workspace").is_some());
			renamed(entry).or_else(|| inherited.and_then(renamed)).unwrap_or_else(|| key.clone())
		})
		.collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn members_resolve_renames_and_targets_when_manifests_use_them() {
		let mut tree = Tree::default();
		tree.insert(
			"Cargo.toml",
			"[workspace]\nmembers = [\"a\"]\n[workspace.dependencies]\ncodec = { package = \"scale\", version = \"1\" }\n",
		);
		tree.insert(
			"a/Cargo.toml",
			"[package]\nname = \"a\"\n[dependencies]\ncodec = { workspace = true }\n[dev-dependencies]\nb = \"1\"\n\
			[target.'cfg(unix)'.dependencies]\nc = { package = \"d\", version = \"1\" }\n",
		);
		tree.insert("a/src/lib.rs", "");
		tree.insert("a/src/bin/tool.rs", "");
		let members = members(&tree).unwrap();
		assert_eq!(members[0].name(), "a");
		assert_eq!(members[0].uses, BTreeSet::from(["d".into(), "scale".into()]));
		assert_eq!(members[0].tests_use, BTreeSet::from(["b".into()]));
		assert_eq!(members[0].roots(&tree), ["a/src/bin/tool.rs", "a/src/lib.rs"]);
		assert_eq!(owner(&members, "a/src/lib.rs").unwrap().dir, "a");
	}

	#[test]
	fn members_fail_when_a_listed_crate_is_missing() {
		let mut tree = Tree::default();
		tree.insert("Cargo.toml", "[workspace]\nmembers = [\"gone\"]\n");
		assert!(members(&tree).err().unwrap().to_string().contains("gone/Cargo.toml is missing"));
	}
}
