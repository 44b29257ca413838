//! Loss of a checkpoint in single precision, by the reference.
//!
//! ```text
//! cargo run --release --package blyan-checkpoint --example loss -- CHECKPOINT TOKENS
//! ```
//!
//! TOKENS is a JSON file: a list of sequences of token ids. Prints bits of each sequence and of a token.

use blyan_checkpoint::{reference::Reference, Checkpoint};
use std::{error::Error, time::Instant};

fn main() -> Result<(), Box<dyn Error>> {
	let [path, tokens] = std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| {
		"two arguments are needed: a GGUF file or a directory, and a JSON file of sequences of tokens"
	})?;
	let checkpoint = Checkpoint::open(path.as_ref())?;
	println!("{:#?}", checkpoint.architecture());
	println!("{} weights", checkpoint.parameters());
	let sequences: Vec<Vec<u32>> = serde_json::from_slice(&std::fs::read(tokens)?)?;
	let reference = Reference::new(&checkpoint);
	let (mut bits, mut count) = (0.0, 0);
	for (index, sequence) in sequences.iter().enumerate() {
		let start = Instant::now();
		let loss = reference.loss_bits(sequence)?;
		println!("sequence {index}: {} tokens, {loss:.2} bits, {:.1?}", sequence.len(), start.elapsed());
		bits += loss;
		count += sequence.len().saturating_sub(1);
	}
	println!("{bits:.2} bits, {:.4} a token", bits / count as f64);
	Ok(())
}
