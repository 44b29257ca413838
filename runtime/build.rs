//! Compiles the runtime to WebAssembly beside its native build.

#[cfg(feature = "std")]
fn main() {
	// The genesis model lies outside of this package, so the builder does not watch it by itself.
	println!("cargo:rerun-if-changed=../models/genesis/manifest.json");

	// The builder looks for Cargo.lock above the target folder, which may lie anywhere. Asked for when this runs and not when it
	// is compiled: checkouts in several places may share a target folder.
	if std::env::var_os("WASM_BUILD_WORKSPACE_HINT").is_none() {
		let package =
			std::env::var("CARGO_MANIFEST_DIR").expect("cargo tells build scripts where their package is");
		std::env::set_var("WASM_BUILD_WORKSPACE_HINT", std::path::Path::new(&package).join(".."));
	}

	let builder = substrate_wasm_builder::WasmBuilder::init_with_defaults();
	// The symbol and the decimals are part of the hash that hardware wallets sign.
	#[cfg(feature = "metadata-hash")]
	let builder = builder.enable_metadata_hash("BLY", 12);
	builder.build();
}

#[cfg(not(feature = "std"))]
fn main() {}
