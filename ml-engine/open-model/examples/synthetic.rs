//! Writes a checkpoint of Llama 2 7B's shape with pseudo-random weights, to see what importing one takes:
//! `synthetic bf16 DIR`, `synthetic q4_0 FILE`, `synthetic q8_0 FILE`. The largest takes 13.5 GB of disk.

#[path = "../tests/support/synthetic.rs"]
mod synthetic;

use clap::{Parser, ValueEnum};
use std::{path::PathBuf, time::Instant};
use synthetic::{Groups, Llama, LLAMA_2_7B};

/// Files of a bfloat16 checkpoint.
const SHARDS: usize = 3;

#[derive(Parser)]
struct Arguments {
	/// Encoding of the matrices.
	format: Format,
	/// File or, of bf16, directory to write.
	out: PathBuf,
	/// Layers, of 32 in the original.
	#[arg(long, default_value_t = LLAMA_2_7B.layers)]
	layers: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
	/// Sharded safetensors.
	Bf16,
	/// GGUF.
	#[value(name = "q4_0")]
	Q4_0,
	/// GGUF.
	#[value(name = "q8_0")]
	Q8_0,
}

fn main() -> std::io::Result<()> {
	let Arguments { format, out, layers } = Arguments::parse();
	let shape = Llama { layers, ..LLAMA_2_7B };
	let started = Instant::now();
	let bytes = match format {
		Format::Bf16 => shape.write_safetensors(&out, SHARDS),
		Format::Q4_0 => shape.write_gguf(&out, Groups::Q4_0),
		Format::Q8_0 => shape.write_gguf(&out, Groups::Q8_0),
	}?;
	println!("{bytes} bytes in {:.1?}", started.elapsed());
	Ok(())
}
