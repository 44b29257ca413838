//! Deployment files name only files, settings and options that exist.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{binary, workspace};
use std::{collections::BTreeSet, os::unix::fs::PermissionsExt, process::Command};

fn read(path: &str) -> String {
	std::fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Lines of a file without comments, with lines that end in a backslash joined to the next.
fn joined(text: &str) -> Vec<String> {
	let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
	lines.join("\n").replace("\\\n", " ").lines().map(str::to_string).collect()
}

/// Units, by file name without its ending.
fn units() -> Vec<(String, Vec<String>)> {
	let folder = std::fs::read_dir(workspace().join("deploy/systemd")).unwrap();
	let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
	let names: Vec<String> =
		names.filter_map(|name| name.strip_suffix(".service").map(str::to_string)).collect();
	assert!(names.len() >= 4, "{names:?}");
	names
		.into_iter()
		.map(|name| (name.clone(), joined(&read(&format!("deploy/systemd/{name}.service")))))
		.collect()
}

/// Values of a unit's setting.
fn settings<'a>(unit: &'a [String], name: &str) -> Vec<&'a str> {
	unit.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).collect()
}

/// Long options that a program knows.
fn options(program: &str) -> BTreeSet<String> {
	let help = Command::new(binary(program)).arg("--help").output().unwrap();
	let help = String::from_utf8_lossy(&help.stdout).into_owned();
	let words = help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
	words.filter(|word| word.starts_with("--")).map(str::to_string).collect()
}

#[test]
fn units_find_every_setting_in_their_example() {
	for (name, unit) in units() {
		let file = settings(&unit, "EnvironmentFile")[0];
		let example = file.strip_prefix("/etc/blyan/").unwrap_or_else(|| panic!("{name}: {file}"));
		let example = read(&format!("deploy/systemd/{example}.example"));
		let given: BTreeSet<&str> = example
			.lines()
			.filter(|line| !line.starts_with('#'))
			.filter_map(|line| Some(line.split_once('=')?.0))
			.collect();
		let command = settings(&unit, "ExecStart")[0];
		let words = command.split_whitespace().filter_map(|word| word.strip_prefix('$'));
		let used: BTreeSet<&str> = words.map(|word| word.trim_matches(['{', '}'])).collect();
		assert_eq!(used, given, "{name}");
	}
}

#[test]
fn units_and_containers_use_options_that_exist() {
	let (node, relay) = (options("blyan-node"), options("polkadot"));
	assert!(node.contains("--blob-store-limit") && relay.contains("--validator"));
	for (name, unit) in units() {
		let command = settings(&unit, "ExecStart")[0];
		let known = if command.starts_with("/usr/bin/polkadot") { &relay } else { &node };
		ensure_options(&name, command.split_whitespace(), known, &relay);
	}
	let compose = read("deploy/compose.yaml");
	let operator = compose.split("  prometheus:").next().unwrap();
	let arguments = operator.lines().filter_map(|line| line.trim().strip_prefix("- "));
	ensure_options("compose.yaml", arguments, &node, &relay);
}

/// Every option exists: those before two dashes in `known`, those behind them in `relay`.
fn ensure_options<'a>(
	what: &str,
	arguments: impl Iterator<Item = &'a str>,
	mut known: &'a BTreeSet<String>,
	relay: &'a BTreeSet<String>,
) {
	let mut count = 0;
	for argument in arguments {
		let option = argument.split('=').next().unwrap();
		if option == "--" {
			known = relay;
		} else if option.starts_with("--") {
			assert!(known.contains(option), "{what}: there is no option {option}");
			count += 1;
		}
	}
	assert!(count > 3, "{what} has options");
}

#[test]
fn the_container_is_made_of_what_is_there() {
	let lines = joined(&read("deploy/container/Containerfile"));
	let mut copies = 0;
	for line in &lines {
		let words: Vec<&str> = line.split_whitespace().collect();
		if words.first() == Some(&"COPY") && !words.iter().any(|word| word.starts_with("--from")) {
			for source in &words[1..words.len() - 1] {
				assert!(workspace().join(source).exists(), "COPY {source}");
				copies += 1;
			}
		}
	}
	assert!(copies >= 5, "the Containerfile is read");
	let scripts: BTreeSet<&str> = lines
		.iter()
		.flat_map(|line| line.split_whitespace())
		.filter(|word| word.starts_with("scripts/") && *word != "scripts/")
		.collect();
	for script in ["scripts/setup", "scripts/build"] {
		assert!(scripts.contains(script), "{scripts:?}");
		let mode = std::fs::metadata(workspace().join(script)).unwrap().permissions().mode();
		assert_eq!(mode & 0o111, 0o111, "{script} can be run");
	}
	for program in ["blyan-node", "blyan"] {
		assert!(lines.iter().any(|line| line.contains(&format!("/target/release/{program}"))));
		assert!(binary(program).exists());
	}
	// What a build reads is not kept from it.
	for ignored in read(".containerignore").lines().filter(|line| !line.starts_with('#') && !line.is_empty())
	{
		for needed in ["scripts", "models", "node", "Cargo.lock", ".cargo", "rust-toolchain.toml"] {
			assert_ne!(ignored.trim_matches('/'), needed);
		}
	}
}

#[test]
fn what_is_mounted_is_there() {
	let compose = read("deploy/compose.yaml");
	let mounts = compose.lines().filter_map(|line| line.trim().strip_prefix("- ./")?.split(':').next());
	let mounts: Vec<&str> = mounts.filter(|mount| *mount != "network").collect();
	assert!(mounts.len() >= 4, "{mounts:?}");
	for mount in mounts {
		assert!(workspace().join("deploy").join(mount).exists(), "{mount}");
	}
}
