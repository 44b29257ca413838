//! Compiles the next runtime to WebAssembly, beside the current one and out of the same parts.

#[cfg(feature = "std")]
mod wasm {
	use std::{
		env,
		error::Error,
		fs, io,
		os::unix::fs::symlink,
		path::{Path, PathBuf},
	};

	/// A build that skips the runtime's wasm has no use for the next one's.
	const SKIP_RUNTIME: &str = "SKIP_BLYAN_RUNTIME_WASM_BUILD";
	const SKIP: &str = "SKIP_BLYAN_NEXT_RUNTIME_WASM_BUILD";

	pub fn build() -> Result<(), Box<dyn Error>> {
		println!("cargo:rerun-if-env-changed={SKIP_RUNTIME}");
		if env::var_os(SKIP_RUNTIME).is_some() {
			env::set_var(SKIP, "1");
		}
		// The builder looks for Cargo.lock above the target folder, which may lie anywhere. Asked for when this runs and not
		// when it is compiled: checkouts in several places may share a target folder.
		if env::var_os("WASM_BUILD_WORKSPACE_HINT").is_none() {
			let package = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
			env::set_var("WASM_BUILD_WORKSPACE_HINT", package.join("../../.."));
		}
		// OUT_DIR is PROFILE/build/PACKAGE/out.
		let out = PathBuf::from(env::var("OUT_DIR")?);
		let profile = out.ancestors().nth(3).ok_or("OUT_DIR lies in the target folder")?;
		let builds = profile.join("wbuild");
		share_parts(&builds)?;
		substrate_wasm_builder::WasmBuilder::init_with_defaults().build();
		compress(&builds.join(env!("CARGO_PKG_NAME")).join("blyan_next_runtime.wasm"))
	}

	/// Lets the builder put what it compiles where the current runtime's is. Some 400 crates are the same in both, so
	/// only the runtime itself is compiled again; cargo's own lock keeps the two builds apart.
	fn share_parts(builds: &Path) -> io::Result<()> {
		let own = builds.join(env!("CARGO_PKG_NAME"));
		fs::create_dir_all(builds.join("blyan-runtime/target"))?;
		fs::create_dir_all(&own)?;
		match symlink("../blyan-runtime/target", own.join("target")) {
			Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
			_ => Ok(()),
		}
	}

	/// Leaves beside the wasm what fits into a transaction: `blyan_next_runtime.compressed.wasm`.
	fn compress(wasm: &Path) -> Result<(), Box<dyn Error>> {
		let compressed = wasm.with_extension("compressed.wasm");
		let made_at = |path: &Path| fs::metadata(path).and_then(|file| file.modified());
		// It is not there where its build was skipped, and takes a while to compress where it is.
		let Ok(wasm_at) = made_at(wasm) else { return Ok(()) };
		if made_at(&compressed).is_ok_and(|compressed_at| compressed_at >= wasm_at) {
			return Ok(());
		}
		let limit = sp_maybe_compressed_blob::CODE_BLOB_BOMB_LIMIT;
		let bytes = sp_maybe_compressed_blob::compress_strongly(&fs::read(wasm)?, limit);
		Ok(fs::write(compressed, bytes.ok_or("the runtime is too large to be compressed")?)?)
	}
}

#[cfg(feature = "std")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
	wasm::build()
}

#[cfg(not(feature = "std"))]
fn main() {}
