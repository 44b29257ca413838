//! The reference against `transformers`, and decoding against the `gguf` package: tests/reference.py wrote tests/golden.
#![allow(missing_docs, clippy::unwrap_used)]

use blyan_checkpoint::{
	gguf::Gguf, reference::Reference, Activation, Checkpoint, Encoding, Family, FeedForward, PairOrder,
	QkNorm, Role, RopeScaling,
};
use std::{
	fs,
	path::{Path, PathBuf},
};

/// Largest difference of a logit, relative to the largest logit. Both sides sum in single precision, in another order.
const TOLERANCE: f32 = 1e-4;
/// The same where activations are rounded to 8 bits: a sum in another order may round to the neighbour.
const TOLERANCE_ROUNDED: f32 = 1e-3;
const VOCABULARY: u32 = 96;

fn golden(name: &str) -> PathBuf {
	Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("tests/golden").join(name)
}

fn tokens() -> Vec<u32> {
	(0..20).map(|i| (37 * i + 11) % VOCABULARY).collect()
}

fn floats(path: &Path) -> Vec<f32> {
	let bytes = fs::read(path).unwrap();
	bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// Largest difference relative to the largest magnitude of what is expected.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
	assert_eq!(found.len(), expected.len());
	let largest = expected.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
	found.iter().zip(expected).fold(0.0_f32, |max, (a, b)| max.max((a - b).abs())) / largest
}

/// Compares the logits of a checkpoint with those of a family, and gives the checkpoint back.
fn assert_equal(path: &Path, family: &str, tolerance: f32) -> Checkpoint {
	let checkpoint = Checkpoint::open(path).unwrap();
	let logits = Reference::new(&checkpoint).logits(&tokens()).unwrap();
	let difference = difference(&logits, &floats(&golden(family).join("logits.f32")));
	println!("{}: {difference:.1e}", path.display());
	assert!(difference <= tolerance, "{}: {difference:e}", path.display());
	checkpoint
}

#[test]
fn logits_equal_those_of_transformers() {
	let families = [
		("llama", Family::Llama),
		("llama3", Family::Llama),
		("mixtral", Family::Mixtral),
		("qwen2", Family::Qwen2),
		("qwen2_moe", Family::Qwen2Moe),
		("qwen3", Family::Qwen3),
		("qwen3_moe", Family::Qwen3Moe),
		("olmoe", Family::Olmoe),
		("bitnet", Family::BitNet),
	];
	for (name, family) in families {
		let checkpoint = assert_equal(&golden(name), name, TOLERANCE);
		assert_eq!(checkpoint.architecture().family, family);
		assert_eq!(checkpoint.architecture().rope.stored_pairs, PairOrder::HalfSplit);
	}
}

#[test]
fn logits_equal_those_of_transformers_when_weights_are_ternary() {
	for name in ["bitnet_packed", "bitnet_divided", "bitnet_master"] {
		let checkpoint = assert_equal(&golden(name), name, TOLERANCE_ROUNDED);
		assert_eq!(checkpoint.architecture().activation_bits, Some(8));
		let weight = checkpoint.weight(Role::Q(1)).unwrap();
		let (mut codes, mut row) = (vec![0; weight.columns()], vec![0.0; weight.columns()]);
		for index in 0..weight.rows() {
			weight.read_ternary(index, &mut codes).unwrap();
			weight.read_row(index, &mut row);
			let scale = weight.ternary_scale().unwrap();
			assert!(row.iter().zip(&codes).all(|(w, code)| *w == f32::from(*code) * scale));
		}
		assert!(checkpoint.weight(Role::Embedding).unwrap().ternary_scale().is_none());
	}
	let packed = Checkpoint::open(&golden("bitnet_packed")).unwrap();
	assert_eq!(packed.weight(Role::Down(0, 0)).unwrap().encoding(), Encoding::Ternary);
}

#[test]
fn both_formats_hold_the_same_model() {
	for name in ["llama", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "olmoe"] {
		let gguf = assert_equal(&golden(name).join("model.gguf"), name, TOLERANCE);
		let directory = Checkpoint::open(&golden(name)).unwrap();
		let mut expected = directory.architecture().clone();
		expected.rope.stored_pairs = gguf.architecture().rope.stored_pairs;
		expected.tokens.adds_bos = gguf.architecture().tokens.adds_bos;
		assert_eq!(*gguf.architecture(), expected, "{name}");
		assert_eq!(gguf.parameters(), directory.parameters());
		// Rows come in one order, whatever the file's.
		for role in directory.roles() {
			let weights = [&gguf, &directory].map(|checkpoint| checkpoint.weight(role).unwrap().to_vec());
			assert_eq!(weights[0], weights[1], "{name} {role:?}");
		}
	}
}

#[test]
fn divisors_of_a_gguf_file_are_the_scaling_of_llama_3() {
	let gguf = assert_equal(&golden("llama3").join("model.gguf"), "llama3", TOLERANCE);
	assert!(matches!(gguf.architecture().rope.scaling, RopeScaling::Divisors(_)));
	let directory = Checkpoint::open(&golden("llama3")).unwrap();
	let [divided, scaled] =
		[&gguf, &directory].map(|checkpoint| checkpoint.architecture().rope.inverse_frequencies(8));
	assert!(divided.iter().zip(&scaled).all(|(a, b)| (a / b - 1.0).abs() < 1e-6), "{divided:?}, {scaled:?}");
}

#[test]
fn architectures_are_described() {
	let architecture = |name: &str| Checkpoint::open(&golden(name)).unwrap().architecture().clone();
	assert!(architecture("llama").tied_embedding && !architecture("llama3").tied_embedding);
	assert!(matches!(architecture("llama3").rope.scaling, RopeScaling::Llama3 { factor: 8.0, .. }));
	assert!(architecture("qwen2").qkv_biases && architecture("qwen2_moe").qkv_biases);
	assert_eq!(architecture("qwen3").qk_norm, QkNorm::PerHead);
	assert_eq!(architecture("qwen3").head_size, 16, "more than d_model / heads");
	assert_eq!(architecture("olmoe").qk_norm, QkNorm::Whole);
	let bitnet = architecture("bitnet");
	assert!(bitnet.sub_norms && bitnet.activation == Activation::GatedSquaredRelu);
	let experts = |name| match architecture(name).feed_forward {
		FeedForward::Experts { count, top_k, hidden, normalised, shared_hidden } => {
			(count, top_k, hidden, normalised, shared_hidden)
		}
		FeedForward::Dense { .. } => panic!("{name} has experts"),
	};
	assert_eq!(experts("mixtral"), (4, 2, 24, true, 0));
	assert_eq!(experts("qwen2_moe"), (4, 2, 16, false, 32));
	assert_eq!(experts("qwen3_moe"), (4, 2, 16, true, 0));
	assert_eq!(experts("olmoe"), (4, 2, 24, false, 0));
}

#[test]
fn loss_is_the_information_content_by_the_logits() {
	let checkpoint = Checkpoint::open(&golden("llama")).unwrap();
	let logits = floats(&golden("llama").join("logits.f32"));
	let tokens = tokens();
	let rows = logits.chunks_exact(VOCABULARY as usize).zip(&tokens[1..]);
	let expected: f64 = rows
		.map(|(row, target)| {
			let sum: f64 = row.iter().map(|logit| f64::from(*logit).exp()).sum();
			(sum.ln() - f64::from(row[*target as usize])) / std::f64::consts::LN_2
		})
		.sum();
	let loss = Reference::new(&checkpoint).loss_bits(&tokens).unwrap();
	assert!((loss / expected - 1.0).abs() < 1e-4, "{loss} bits, by the logits {expected}");
	assert_eq!(Reference::new(&checkpoint).loss_bits(&tokens[..1]).unwrap(), 0.0);
	assert!(Reference::new(&checkpoint).loss_bits(&[96]).is_err(), "a token outside of the vocabulary");
	assert!(Reference::new(&checkpoint).loss_bits(&[0; 65]).is_err(), "a text longer than the context");
}

#[test]
fn every_encoding_decodes_as_gguf_decodes_it() {
	let file = Gguf::open(&golden("quants.gguf")).unwrap();
	let expected = floats(&golden("quants.f32"));
	let names = ["f32", "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_k", "q5_k", "q6_k"];
	assert_eq!(file.tensors().count(), names.len());
	for (name, expected) in names.into_iter().zip(expected.chunks_exact(4 * 256)) {
		let weight = file.matrix(name, 0).unwrap();
		assert_eq!((weight.rows(), weight.columns()), (4, 256), "{name}");
		let difference = difference(&weight.to_vec(), expected);
		// One rounding more or less per element.
		assert!(difference < 1e-6, "{name}: {difference:e}");
	}
}
