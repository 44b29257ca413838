//! Length of files and functions.

use super::House;
use std::collections::BTreeMap;

/// Kind of count of [`files`].
pub const FILES: &str = "lines in one file (at most 700)";
/// Kind of count of [`functions`].
pub const FUNCTIONS: &str = "lines in one function (at most 70)";

const FILE_LINES_MAX: usize = 700;
const FUNCTION_LINES_MAX: usize = 70;

/// Reports whether the file is generated, as measured weights are.
fn is_generated(path: &str) -> bool {
	path.contains("/src/weights/") || path.ends_with("/src/weights.rs")
}

/// Rust files that are too long, with their lines.
pub fn files(house: &House) -> BTreeMap<String, usize> {
	let sources = house.facts.keys().filter(|path| !is_generated(path));
	sources
		.map(|path| (path.clone(), house.tree.text(path).unwrap_or_default().lines().count()))
		.filter(|(_, lines)| *lines > FILE_LINES_MAX)
		.collect()
}

/// Functions that are too long, with their lines.
pub fn functions(house: &House) -> BTreeMap<String, usize> {
	let sources = house.facts.iter().filter(|(path, _)| !is_generated(path));
	sources
		.flat_map(|(path, facts)| {
			facts.functions.iter().map(move |(name, lines)| (format!("{path} {name}"), *lines))
		})
		.filter(|(_, lines)| *lines > FUNCTION_LINES_MAX)
		.collect()
}

#[cfg(test)]
mod tests {
	use super::{super::fixture::*, *};

	#[test]
	fn lengths_list_what_is_longer_than_its_limit() {
		let long = format!("fn short() {{}}\nfn long() {{\n{}}}\n", "\tstep();\n".repeat(70));
		let house = house(&[
			("a/Cargo.toml", &manifest("a", "")),
			("a/src/lib.rs", &long),
			("a/src/book.rs", &"// Line.\n".repeat(701)),
			("a/src/weights.rs", &"// Line.\n".repeat(701)),
		]);
		assert_eq!(files(&house), BTreeMap::from([("a/src/book.rs".into(), 701)]));
		assert_eq!(functions(&house), BTreeMap::from([("a/src/lib.rs long".into(), 72)]));
	}
}
