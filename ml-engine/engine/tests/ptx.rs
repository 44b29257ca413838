//! The committed PTX against its source: in every build, because no build compiles it.
#![allow(missing_docs, clippy::unwrap_used)]

use blyan_exact::blake2_256;

#[test]
fn the_committed_ptx_is_that_of_the_committed_source() {
	let source: [&[u8]; 3] = [
		include_bytes!("../src/cuda/kernels/kernels.cu"),
		include_bytes!("../src/cuda/kernels/matmul.cuh"),
		include_bytes!("../src/cuda/kernels/exact.cuh"),
	];
	let hash: String = blake2_256(&source).iter().map(|byte| format!("{byte:02x}")).collect();
	for ptx in [include_str!("../src/cuda/kernels/sm61.ptx"), include_str!("../src/cuda/kernels/sm80.ptx")] {
		let line = ptx.lines().next().unwrap();
		assert!(line.ends_with(&hash), "run scripts/cuda-ptx and commit what it writes; {line}");
	}
}
