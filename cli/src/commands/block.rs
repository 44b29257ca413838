//! `block`: TensorBlock files, and their way from and to other tools.

use crate::{
	args::{BlockCommand, BlockImportArgs, Hash},
	failure::{Context, Failure, Outcome},
	model_dir::ModelDir,
	output::table,
	session::Session,
};
use blyan_engine::block::{
	self, block_ref,
	safetensors::{self, FILE_BYTES_MAX},
	BlockShape, TensorBlock,
};
use serde_json::{json, Value};
use std::{
	fs::{self, File},
	io::{Read, Write},
	path::Path,
};

/// Runs a command on TensorBlock files. No node is asked.
pub fn run(session: &Session, command: BlockCommand) -> Outcome<()> {
	match command {
		BlockCommand::Inspect { file } => inspect(session, &file),
		BlockCommand::Verify { file, root } => verify(session, &file, root),
		BlockCommand::Export { file, to } => export(session, &file, &to),
		BlockCommand::Import(args) => import(session, args),
	}
}

fn open(path: &Path) -> Outcome<TensorBlock> {
	block::read(path)
		.context_next(path.display(), "a TensorBlock is made by: blyan train, blyan block import")
}

fn shape_value(shape: BlockShape) -> Value {
	match shape {
		BlockShape::Expert { d_model, d_ff } => {
			json!({ "kind": "expert", "d_model": d_model, "d_ff": d_ff })
		}
		BlockShape::Trunk(config) => json!({ "kind": "trunk", "config": config }),
	}
}

fn shape_text(shape: BlockShape) -> String {
	match shape {
		BlockShape::Expert { d_model, d_ff } => format!("expert, d_model {d_model}, d_ff {d_ff}"),
		BlockShape::Trunk(config) => format!(
			"trunk, d_model {}, d_ff {}, {} layers of {} experts, top {}, {} heads, context {}",
			config.d_model,
			config.d_ff,
			config.layers,
			config.experts,
			config.top_k,
			config.heads,
			config.context
		),
	}
}

fn inspect(session: &Session, path: &Path) -> Outcome<()> {
	let block = open(path)?;
	let (layout, reference) = (block.layout(), block_ref(block.bytes()));
	let names = safetensors::section_names(block.shape());
	let sections: Vec<Value> = names
		.iter()
		.zip(&layout.sections)
		.map(|(name, range)| {
			json!({ "name": name, "offset": range.start, "bytes": range.len(), "tiles": [
				layout.tiles_of(range).start, layout.tiles_of(range).end ] })
		})
		.collect();
	let rows: Vec<Vec<String>> = names
		.iter()
		.zip(&layout.sections)
		.map(|(name, range)| {
			let tiles = layout.tiles_of(range);
			let tiles = match tiles.len() {
				1 => tiles.start.to_string(),
				_ => format!("{} to {}", tiles.start, tiles.end - 1),
			};
			vec![name.clone(), range.start.to_string(), range.len().to_string(), tiles]
		})
		.collect();
	let value = json!({
		"shape": shape_value(block.shape()),
		"bytes": block.bytes().len(),
		"tiles": layout.tiles,
		"tensor_root": reference.tensor_root,
		"blob": reference.blob.hash,
		"sections": sections,
	});
	let text = format!(
		"block        {}\nbytes        {}, {} tiles\ntensor root  {:?}\nblob         {:?}\n\n{}\n\n\
		This is what the header says; blyan block verify checks the rest against it.",
		shape_text(block.shape()),
		block.bytes().len(),
		layout.tiles,
		reference.tensor_root,
		reference.blob.hash,
		table(&["section", "offset", "bytes", "tiles"], &rows)
	);
	session.output.result(&value, text);
	Ok(())
}

fn verify(session: &Session, path: &Path, root: Option<Hash>) -> Outcome<()> {
	let block = open(path)?;
	block
		.verify_all()
		.context_next(path.display(), "get the file again: it is damaged, or never was a block")?;
	let reference = block_ref(block.bytes());
	if root.is_some_and(|root| root.0 != reference.tensor_root.0) {
		return Err(Failure::new(format!(
			"{} is a sound block, and another one: its tensor root is {:?}",
			path.display(),
			reference.tensor_root
		))
		.next("ask for the block that has the root you want: blyan experts lists those of a model"));
	}
	let value = json!({
		"valid": true, "shape": shape_value(block.shape()), "tensor_root": reference.tensor_root,
		"blob": reference.blob.hash,
	});
	let text = format!(
		"{} is sound: every tile leads to tensor root {:?}",
		shape_text(block.shape()),
		reference.tensor_root
	);
	session.output.result(&value, text);
	Ok(())
}

fn export(session: &Session, path: &Path, to: &Path) -> Outcome<()> {
	let block = open(path)?;
	let file = safetensors::export(&block)
		.context_next(path.display(), "blyan block verify says which part of it is damaged")?;
	write(to, &file)?;
	let value = json!({ "file": to, "bytes": file.len(), "shape": shape_value(block.shape()) });
	session.output.result(&value, format!("wrote {}: {}", to.display(), shape_text(block.shape())));
	Ok(())
}

fn import(session: &Session, BlockImportArgs { file, to, model }: BlockImportArgs) -> Outcome<()> {
	let expected = match model {
		Some(dir) => Some(BlockShape::expert_of(&ModelDir::open(&dir)?.manifest.config)),
		None => None,
	};
	let imported = safetensors::import(&read(&file)?, expected)
		.context_next(file.display(), "docs/tensorblock.md shows how such a file is made")?;
	let reference = block_ref(&imported.file);
	write(&to, &imported.file)?;
	let value = json!({
		"file": to, "bytes": imported.file.len(), "shape": shape_value(imported.shape),
		"tensor_root": reference.tensor_root, "blob": reference.blob.hash, "rounded": imported.rounded,
	});
	let rounded = match imported.rounded.as_slice() {
		[] => String::new(),
		names => format!("\nrounded      {}", shorten(names)),
	};
	let text = format!(
		"wrote        {}\nblock        {}\ntensor root  {:?}{rounded}",
		to.display(),
		shape_text(imported.shape),
		reference.tensor_root
	);
	session.output.result(&value, text);
	Ok(())
}

fn shorten(names: &[String]) -> String {
	const SHOWN: usize = 6;
	let more = if names.len() > SHOWN { ", .." } else { "" };
	format!("{}{more}", names[..names.len().min(SHOWN)].join(", "))
}

/// A file's bytes, unless it is longer than any that is imported.
fn read(path: &Path) -> Outcome<Vec<u8>> {
	let file = File::open(path).context(path.display())?;
	let len = file.metadata()?.len();
	if len > FILE_BYTES_MAX {
		let error = safetensors::SafetensorsError::TooLarge(len);
		return Err(Failure::new(format!("{}: {error}", path.display()))
			.next("save the tensors of one expert, or of one trunk, in a file of their own"));
	}
	let mut bytes = Vec::new();
	file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).context(path.display())?;
	Ok(bytes)
}

/// Writes a file whole or not at all: under another name first.
fn write(path: &Path, bytes: &[u8]) -> Outcome<()> {
	let mut name = path.file_name().unwrap_or_default().to_os_string();
	name.push(".part");
	let part = path.with_file_name(name);
	let put = || {
		let mut file = File::create(&part)?;
		file.write_all(bytes)?;
		file.sync_all()?;
		fs::rename(&part, path)
	};
	put().inspect_err(|_| drop(fs::remove_file(&part))).context(path.display())
}
