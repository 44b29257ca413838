//! Shell scripts and lock files of npm.

use crate::tree::{folder, Tree};
use anyhow::{Context, Result};
use std::{
	io::Write,
	process::{Command, Stdio},
};

/// Checks that scripts parse and say what they are for, and that no lock file names a registry host.
pub fn check(tree: &Tree) -> Result<Vec<String>> {
	let mut findings = Vec::new();
	for (path, text) in tree.texts() {
		if is_shell(path, text) {
			findings.extend(syntax_error(text)?.map(|error| format!("{path}: does not parse: {error}")));
			if purpose(text).is_none() {
				findings
					.push(format!("{path}: begins without a comment; say in its first line what it is for"));
			}
		}
		if path.ends_with("package-lock.json") && text.contains("\"resolved\"") {
			findings.push(format!(
				"{path}: names a registry host; run npm install there again (.npmrc keeps them out)"
			));
		}
	}
	Ok(findings)
}

/// Reports whether a file is a shell script.
fn is_shell(path: &str, text: &str) -> bool {
	let first = text.lines().next().unwrap_or_default();
	(first.starts_with("#!") && (first.contains("bash") || first.ends_with("/sh"))) || path == "scripts/env"
}

/// First sentence of a script's comment.
pub fn purpose(text: &str) -> Option<String> {
	let lines = text.lines().skip_while(|line| line.starts_with("#!"));
	let comment: Vec<&str> = lines.map_while(|line| line.strip_prefix("# ")).collect();
	let comment = comment.join(" ");
	let sentence = comment.split(". ").next().unwrap_or_default().trim_end_matches('.');
	(!sentence.is_empty()).then(|| format!("{sentence}."))
}

/// Scripts that people call, with their text.
pub fn entry_points(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
	tree.texts().filter(|(path, text)| folder(path) == "scripts" && text.starts_with("#!"))
}

fn syntax_error(text: &str) -> Result<Option<String>> {
	let mut bash = Command::new("bash")
		.args(["-n", "/dev/stdin"])
		.stdin(Stdio::piped())
		.stdout(Stdio::null())
		.stderr(Stdio::piped())
		.spawn()
		.context("cannot run bash; install it, it checks the scripts")?;
	bash.stdin.take().context("bash takes no input")?.write_all(text.as_bytes())?;
	let output = bash.wait_with_output()?;
	let error = String::from_utf8_lossy(&output.stderr).replace("/dev/stdin: ", "");
	Ok((!output.status.success()).then(|| error.lines().next().unwrap_or("no reason given").to_owned()))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn check_fails_when_a_script_does_not_parse_or_says_nothing() {
		let mut tree = Tree::default();
		tree.insert("scripts/good", "#!/usr/bin/env bash\n# Does good.\ntrue\n");
		tree.insert("scripts/bad", "#!/usr/bin/env bash\n# Does bad.\nif true; then\n");
		tree.insert("scripts/mute", "#!/usr/bin/env bash\ntrue\n");
		let findings = check(&tree).unwrap();
		assert_eq!(findings.len(), 2, "{findings:?}");
		assert!(findings[0].starts_with("scripts/bad: does not parse: line "));
		assert!(findings[1].starts_with("scripts/mute: begins without a comment"));
	}

	#[test]
	fn check_fails_when_a_lock_file_names_a_host() {
		let mut tree = Tree::default();
		tree.insert("js/package-lock.json", "{\"resolved\": \"https://host/x.tgz\"}");
		tree.insert("js/package.json", "{}");
		assert_eq!(check(&tree).unwrap().len(), 1);
	}
}
