//! Skeleton that all pallets share, so that who knows one finds their way in every other.

use super::House;
use std::collections::BTreeMap;

/// Kind of count of [`retired`].
pub const RETIRED: &str = "file that is named after when it runs";

/// Files that every pallet has.
pub const REQUIRED: [&str; 9] = [
	"Cargo.toml",
	"README.md",
	"src/lib.rs",
	"src/benchmarking.rs",
	"src/tests/mock.rs",
	"src/tests/mod.rs",
	"src/try_state.rs",
	"src/types.rs",
	"src/weights.rs",
];

/// Names that say when code runs or nothing at all, and where it belongs instead.
const RETIRED_NAMES: [(&str, &str); 13] = [
	("answers.rs", "runtime_api.rs"),
	("authorization.rs", "messages.rs"),
	("authorize.rs", "messages.rs"),
	("claims.rs", "traits_impl.rs"),
	("dispatch.rs", "a file for each thing that lives: queue.rs, games.rs"),
	("end.rs", "the file of what ends"),
	("helpers.rs", "the file of what it helps"),
	("math.rs", "rules.rs"),
	("misc.rs", "files named after what is in it"),
	("offchain.rs", "worker.rs"),
	("sweep.rs", "hooks.rs"),
	("tick.rs", "hooks.rs"),
	("utils.rs", "files named after what is in it"),
];

/// Folders of the pallets.
fn pallets(house: &House) -> impl Iterator<Item = &str> {
	let dirs = house.members.iter().map(|member| member.dir.as_str());
	// A crate of what pallets share is none of them.
	dirs.filter(|dir| dir.starts_with("pallets/") && !dir.ends_with("/support"))
}

/// Checks that every pallet has the files of the skeleton, and shows its README as its documentation.
pub fn check(house: &House) -> Vec<String> {
	let mut findings = Vec::new();
	for dir in pallets(house) {
		for file in REQUIRED.iter().filter(|file| !house.tree.exists(&format!("{dir}/{file}"))) {
			findings.push(format!("{dir}: has no {file}; `cargo xtask new-pallet` shows what goes there"));
		}
		let lib = house.tree.text(&format!("{dir}/src/lib.rs")).unwrap_or_default();
		if !lib.contains("#![doc = include_str!(\"../README.md\")]") {
			findings.push(format!(
				"{dir}/src/lib.rs: does not show the README; begin with #![doc = include_str!(\"../README.md\")]"
			));
		}
	}
	findings
}

/// Files of pallets whose names the skeleton has replaced.
pub fn retired(house: &House) -> BTreeMap<String, usize> {
	let mut retired = BTreeMap::new();
	for dir in pallets(house) {
		for (name, _) in RETIRED_NAMES {
			let path = format!("{dir}/src/{name}");
			if house.tree.exists(&path) {
				retired.insert(path, 1);
			}
		}
	}
	retired
}

#[cfg(test)]
mod tests {
	use super::{super::fixture::*, *};

	#[test]
	fn check_fails_when_a_file_of_the_skeleton_is_missing() {
		let house = house(&[
			("pallets/a/Cargo.toml", &manifest("pallet-a", "")),
			("pallets/a/README.md", "# A\n"),
			("pallets/a/src/lib.rs", "//! A.\n"),
			("pallets/a/src/tick.rs", ""),
		]);
		let findings = check(&house);
		assert_eq!(findings.len(), REQUIRED.len() - 3 + 1, "{findings:?}");
		assert!(findings[0].starts_with("pallets/a: has no src/benchmarking.rs"));
		assert!(findings.last().unwrap().contains("does not show the README"));
		assert_eq!(retired(&house), BTreeMap::from([("pallets/a/src/tick.rs".into(), 1)]));
	}
}
