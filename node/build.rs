//! Embeds the genesis model, so that the bare binary can start a development chain.

use std::{env, fmt::Write, fs, io, path::PathBuf};

fn main() -> io::Result<()> {
	let manifest_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
	let model = manifest_dir.join("..").join("models").join("genesis");
	println!("cargo:rerun-if-changed={}", model.display());

	let mut files = match fs::read_dir(&model) {
		Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?,
		// A node without an embedded model works with `--genesis-model DIR`.
		Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
		Err(error) => return Err(error),
	};
	files.retain(|path| {
		let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
		name == "manifest.json" || name.ends_with(".tblk") || name.ends_with(".bin")
	});
	files.sort();

	let mut code = String::from("&[\n");
	for path in files {
		println!("cargo:rerun-if-changed={}", path.display());
		let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
		let path = path.canonicalize()?;
		writeln!(code, "\t({name:?}, include_bytes!({:?})),", path.display().to_string())
			.map_err(io::Error::other)?;
	}
	code.push_str("]\n");
	let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
	fs::write(out.join("genesis_model.rs"), code)
}
