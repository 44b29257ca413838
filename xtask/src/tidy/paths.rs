//! Paths of somebody's machine, which mean nothing on another.

use crate::tree::Tree;

/// Beginnings of absolute paths that exist on one machine only. In parts, so that this file passes its own check.
const BEGINNINGS: [&str; 4] =
	[concat!("/", "work/"), concat!("/", "home/"), concat!("/", "root/"), concat!("/", "Users/")];

/// Finds them.
pub fn check(tree: &Tree) -> Vec<String> {
	let mut findings = Vec::new();
	// Texts that models learn from and are judged by are what they are.
	for (path, text) in tree.texts().filter(|(path, _)| !path.starts_with("models/")) {
		for (number, line) in text.lines().enumerate() {
			if let Some(found) = BEGINNINGS.iter().find(|beginning| begins_a_path(line, beginning)) {
				findings.push(format!(
					"{path}:{}: a path below {found} exists on one machine only; take it from a variable or an argument",
					number + 1
				));
			}
		}
	}
	findings
}

/// Reports whether `beginning` stands in `line` as the beginning of a path rather than in the middle of one.
fn begins_a_path(line: &str, beginning: &str) -> bool {
	line.match_indices(beginning).any(|(at, _)| {
		let before = line[..at].chars().next_back();
		!before.is_some_and(|before| before.is_alphanumeric() || "._-/}~$".contains(before))
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn check_fails_when_a_path_of_one_machine_is_named() {
		let mut tree = Tree::default();
		let [work, home, ..] = BEGINNINGS;
		tree.insert("docs/a.md", format!("Fine: .{work}x, a{home}b.\nSee {home}me/x.\n"));
		let findings = check(&tree);
		assert_eq!(findings.len(), 1);
		assert!(findings[0].starts_with("docs/a.md:2: "));
	}
}
