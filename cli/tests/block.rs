//! `blyan block`, as its users run it.
#![allow(clippy::unwrap_used, missing_docs)]

use blyan_engine::block::{block_ref, write_expert, write_trunk};
use blyan_exact::golden;
use serde_json::Value;
use std::{
	path::Path,
	process::{Command, Output},
};

fn blyan(dir: &Path, line: &str) -> Output {
	let home = dir.join("home");
	Command::new(env!("CARGO_BIN_EXE_blyan"))
		.current_dir(dir)
		.args(["--json", "--home"])
		.arg(home)
		.args(line.split_whitespace())
		.output()
		.unwrap()
}

fn answer(dir: &Path, line: &str) -> Value {
	let output = blyan(dir, line);
	assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
	serde_json::from_slice(&output.stdout).unwrap()
}

fn refusal(dir: &Path, line: &str) -> String {
	let output = blyan(dir, line);
	assert_eq!(output.status.code(), Some(1), "{line}");
	let error: Value = serde_json::from_slice(&output.stderr).unwrap();
	assert!(error["next"].is_string(), "{error}");
	error["error"].as_str().unwrap().to_string()
}

#[test]
fn blocks_go_to_safetensors_and_come_back_as_the_same_bytes() {
	let dir = tempfile::tempdir().unwrap();
	let dir = dir.path();
	let golden = golden::model();
	let expert = write_expert(&golden.experts[0], &golden.config).unwrap();
	let trunk = write_trunk(&golden.trunk, &golden.config).unwrap();
	for (name, file, sections) in [("expert", &expert, 4), ("trunk", &trunk, 5 + 8 * 2)] {
		std::fs::write(dir.join(format!("{name}.tblk")), file).unwrap();
		let root = format!("{:?}", block_ref(file).tensor_root);
		let shown = answer(dir, &format!("block inspect {name}.tblk"));
		assert_eq!((&shown["shape"]["kind"], &shown["tensor_root"]), (&name.into(), &root.clone().into()));
		assert_eq!(shown["sections"].as_array().unwrap().len(), sections);
		let verified = answer(dir, &format!("block verify {name}.tblk --root {root}"));
		assert_eq!(verified["valid"], true);
		answer(dir, &format!("block export {name}.tblk --to {name}.safetensors"));
		let imported = answer(dir, &format!("block import {name}.safetensors --to again.tblk"));
		assert_eq!(
			(&imported["tensor_root"], &imported["rounded"]),
			(&root.into(), &Value::Array(Vec::new()))
		);
		assert_eq!(&std::fs::read(dir.join("again.tblk")).unwrap(), file);
	}
	// People read it, too.
	let text = Command::new(env!("CARGO_BIN_EXE_blyan"))
		.args(["block", "inspect"])
		.arg(dir.join("expert.tblk"))
		.output()
		.unwrap();
	let text = String::from_utf8(text.stdout).unwrap();
	assert!(text.contains("expert, d_model 64, d_ff 128") && text.contains("down"), "{text}");
}

#[test]
fn files_that_are_not_what_they_should_be_are_refused_with_a_way_out() {
	let dir = tempfile::tempdir().unwrap();
	let dir = dir.path();
	let golden = golden::model();
	let mut file = write_expert(&golden.experts[0], &golden.config).unwrap();
	std::fs::write(dir.join("good.tblk"), &file).unwrap();
	let other = refusal(dir, &format!("block verify good.tblk --root 0x{}", "11".repeat(32)));
	assert!(other.contains("another one"), "{other}");
	file[300] ^= 1;
	std::fs::write(dir.join("damaged.tblk"), &file).unwrap();
	for command in ["verify damaged.tblk", "export damaged.tblk --to x.safetensors"] {
		let damaged = refusal(dir, &format!("block {command}"));
		assert_eq!(damaged, "damaged.tblk: tile 0 does not match the index");
	}
	assert!(!dir.join("x.safetensors").exists());
	std::fs::write(dir.join("short.tblk"), &file[..500]).unwrap();
	assert!(refusal(dir, "block inspect short.tblk").contains("the file has 500 bytes"));
	std::fs::write(dir.join("text"), "fn main() {}").unwrap();
	assert!(refusal(dir, "block inspect text").contains("not a TensorBlock"));
	assert!(refusal(dir, "block import text --to x.tblk").contains("at most 1048576 are read"));
	assert!(!dir.join("x.tblk").exists());
}
