//! `cargo xtask new-pallet`: a pallet that compiles, in the shape that `tidy` demands of every pallet.

use anyhow::{bail, ensure, Context, Result};
use std::{fs, path::Path};

/// Files of the skeleton with their texts. `@name@`, `@snake@`, `@camel@` and `@title@` stand for the name.
const FILES: [(&str, &str); 14] = [
	("Cargo.toml", include_str!("../templates/pallet/Cargo.toml.in")),
	("README.md", include_str!("../templates/pallet/README.md.in")),
	("src/lib.rs", include_str!("../templates/pallet/src/lib.rs.in")),
	("src/benchmarking.rs", include_str!("../templates/pallet/src/benchmarking.rs.in")),
	("src/entries.rs", include_str!("../templates/pallet/src/entries.rs.in")),
	("src/rules.rs", include_str!("../templates/pallet/src/rules.rs.in")),
	("src/try_state.rs", include_str!("../templates/pallet/src/try_state.rs.in")),
	("src/types.rs", include_str!("../templates/pallet/src/types.rs.in")),
	("src/weights.rs", include_str!("../templates/pallet/src/weights.rs.in")),
	("src/tests/mod.rs", include_str!("../templates/pallet/src/tests/mod.rs.in")),
	("src/tests/invariants.rs", include_str!("../templates/pallet/src/tests/invariants.rs.in")),
	("src/tests/mock.rs", include_str!("../templates/pallet/src/tests/mock.rs.in")),
	("src/tests/put_entry.rs", include_str!("../templates/pallet/src/tests/put_entry.rs.in")),
	("src/tests/rules.rs", include_str!("../templates/pallet/src/tests/rules.rs.in")),
];

/// Writes the pallet below `root` and returns what remains to be done, one step a line.
pub fn write(root: &Path, name: &str) -> Result<Vec<String>> {
	let parts: Vec<&str> = name.split('-').collect();
	let is_word = |part: &&str| {
		part.starts_with(|c: char| c.is_ascii_lowercase())
			&& part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
	};
	ensure!(
		parts.iter().all(is_word),
		"{name:?} is not a name of a pallet; take lower-case words joined by hyphens, such as proof-of-storage"
	);
	let dir = root.join("pallets").join(name);
	if dir.exists() {
		bail!("{} exists already; choose another name or remove it", dir.display());
	}
	// Both files are read and understood before the first one is written.
	let manifest = root.join("Cargo.toml");
	let text = fs::read_to_string(&manifest).context("cannot read the workspace's Cargo.toml")?;
	let text = entered(&text, "members = [", &format!("\t\"pallets/{name}\","))?;
	let dependency = format!("pallet-{name} = {{ path = \"pallets/{name}\", default-features = false }}");
	let text = entered(&text, "[workspace.dependencies]", &dependency)?;
	let layers = root.join(crate::tidy::layers::FILE);
	let part =
		format!("\n[parts.\"pallets/{name}\"]\nuses = []\nrefuses = [\"pallet-*\", \"sc-*\", \"burn*\"]\n");
	let layered = fs::read_to_string(&layers).context("cannot read xtask/layers.toml")? + &part;

	for (file, text) in FILES {
		let path = dir.join(file);
		fs::create_dir_all(path.parent().unwrap_or(&dir))?;
		fs::write(&path, filled(text, &parts)).with_context(|| format!("cannot write {}", path.display()))?;
	}
	fs::write(&manifest, text)?;
	fs::write(&layers, layered)?;
	Ok(vec![
		format!("written: pallets/{name}, its lines in Cargo.toml, its part of {}", crate::tidy::layers::FILE),
		format!("next: cargo nextest run -p pallet-{name}, which also enters it in Cargo.lock"),
		format!("next: a row for `pallets/{name}` in the table of ARCHITECTURE.md; cargo xtask tidy asks for it"),
		format!("next: its place in runtime/src/lib.rs, its configuration in runtime/src/configs, and scripts/weights"),
	])
}

/// A template with the name filled in.
fn filled(template: &str, parts: &[&str]) -> String {
	let capital = |part: &&str| part[..1].to_uppercase() + &part[1..];
	let mut title = parts.join(" ");
	title.replace_range(..1, &title[..1].to_uppercase());
	template
		.replace("@name@", &parts.join("-"))
		.replace("@snake@", &parts.join("_"))
		.replace("@camel@", &parts.iter().map(capital).collect::<String>())
		.replace("@title@", &title)
}

/// `text` with `line` in its place among the lines of its kind that follow `heading`; they are in order.
fn entered(text: &str, heading: &str, line: &str) -> Result<String> {
	let kind = line.split("pallet").next().unwrap_or_default().to_owned() + "pallet";
	let mut lines: Vec<&str> = text.lines().collect();
	let begin = lines.iter().position(|line| *line == heading);
	let begin =
		begin.with_context(|| format!("Cargo.toml has no line {heading:?}; enter {line:?} by hand"))? + 1;
	let is_end = |line: &str| line.is_empty() || line == "]";
	let end =
		lines[begin..].iter().position(|line| is_end(line)).map_or(lines.len(), |length| begin + length);
	let after = lines[begin..end].iter().rposition(|other| other.starts_with(&kind) && *other < line);
	let before = lines[begin..end].iter().position(|other| other.starts_with(&kind));
	let at = after.map(|at| at + 1).or(before).map_or(end, |at| begin + at);
	lines.insert(at, line);
	Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::tidy::{pallets, House};
	use crate::tree::Tree;

	const MANIFEST: &str = "[workspace]\nmembers = [\n\t\"node\",\n\t\"pallets/audits\",\n\t\"pallets/slashing\",\n\t\"xtask\",\n]\n\n\
		[workspace.dependencies]\n# This project.\npallet-audits = { path = \"pallets/audits\" }\n\n# Others.\ncodec = \"3\"\n";

	fn workspace() -> tempfile::TempDir {
		let root = tempfile::tempdir().unwrap();
		fs::create_dir(root.path().join("xtask")).unwrap();
		fs::write(root.path().join("Cargo.toml"), MANIFEST).unwrap();
		fs::write(root.path().join("xtask/layers.toml"), "[parts.node]\nuses = []\n").unwrap();
		root
	}

	#[test]
	fn write_makes_what_tidy_demands_of_a_pallet() {
		let root = workspace();
		write(root.path(), "proof-of-storage").unwrap();
		let mut tree = Tree::default();
		tree.insert("Cargo.toml", "[workspace]\nmembers = [\"pallets/proof-of-storage\"]\n");
		for (file, _) in FILES {
			let path = format!("pallets/proof-of-storage/{file}");
			tree.insert(&path, fs::read_to_string(root.path().join(&path)).unwrap());
			assert!(!tree.text(&path).unwrap().contains('@'), "{path} has a name left to fill in");
		}
		let house = House::new(tree).unwrap();
		assert_eq!(pallets::check(&house), [""; 0]);
		assert!(pallets::retired(&house).is_empty());
		assert!(crate::tidy::circles::find(&house).is_empty());
	}

	#[test]
	fn write_enters_the_pallet_in_order() {
		let root = workspace();
		write(root.path(), "ledger").unwrap();
		let manifest = fs::read_to_string(root.path().join("Cargo.toml")).unwrap();
		assert!(
			manifest.contains("\t\"pallets/audits\",\n\t\"pallets/ledger\",\n\t\"pallets/slashing\",\n"),
			"{manifest}"
		);
		let second = "pallet-audits = { path = \"pallets/audits\" }\npallet-ledger = { path = \"pallets/ledger\", default-features = false }\n\n";
		assert!(manifest.contains(second), "{manifest}");
		let layers = fs::read_to_string(root.path().join("xtask/layers.toml")).unwrap();
		assert!(layers.ends_with(
			"[parts.\"pallets/ledger\"]\nuses = []\nrefuses = [\"pallet-*\", \"sc-*\", \"burn*\"]\n"
		));
	}

	#[test]
	fn write_fails_when_the_name_is_taken_or_is_not_one() {
		let root = workspace();
		write(root.path(), "ledger").unwrap();
		assert!(write(root.path(), "ledger").unwrap_err().to_string().contains("exists already"));
		for name in ["Ledger", "two words", "", "a--b", "1st"] {
			assert!(write(root.path(), name).unwrap_err().to_string().contains("is not a name"), "{name}");
		}
	}
}
