//! GGUF files that are right, and one for each way of being wrong.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use blyan_checkpoint::{
	gguf::Gguf, Checkpoint, CheckpointError, Encoding, FeedForward, GroupKind, Groups, Role, Tokenizer,
};
use support::{text, File, Random, ARRAY, D, F32, TEXT, U32, VOCABULARY};

fn open(file: &File) -> Result<Checkpoint, CheckpointError> {
	Checkpoint::of_gguf(Gguf::from_bytes(file.bytes())?, "small.gguf".as_ref())
}

/// Asserts that a file is refused by a variant, and that the message has a next step.
macro_rules! assert_refused {
	($file:expr, $pattern:pat $(if $guard:expr)?) => {{
		let error = open(&$file).expect_err("the file is malformed");
		assert!(matches!(&error, $pattern $(if $guard)?), "{error:?}");
		let message = error.to_string();
		assert!(message.contains(';') || message.contains("supported are") || message.contains("expected is"), "{message}");
	}};
}

#[test]
fn open_describes_a_llama() {
	let checkpoint = open(&File::llama()).unwrap();
	let architecture = checkpoint.architecture();
	assert_eq!((architecture.d_model, architecture.layers, architecture.head_size), (32, 1, 8));
	assert_eq!((architecture.heads, architecture.kv_heads), (4, 2));
	assert_eq!(architecture.feed_forward, FeedForward::Dense { hidden: 64 });
	assert_eq!(architecture.norm_eps, 1e-5, "the converter's decimal number");
	assert!(architecture.tied_embedding);
	assert_eq!(architecture.tokens.ends, [2]);
	assert_eq!(checkpoint.parameters(), 48 * 32 + 3 * 32 + 2 * 32 * 32 + 2 * 16 * 32 + 3 * 64 * 32);
	let head = checkpoint.weight(Role::Head).unwrap();
	assert_eq!((head.rows(), head.columns()), (VOCABULARY as usize, D as usize));
	assert!(
		!checkpoint.has(Role::Router(0)) && checkpoint.has(Role::Down(0, 0)) && !checkpoint.has(Role::Q(1))
	);
	let Tokenizer::Gguf(tokenizer) = checkpoint.tokenizer().unwrap() else { panic!("GGUF's tokenizer") };
	assert_eq!((tokenizer.tokens.len(), tokenizer.tokens[7].as_str()), (48, "t7"));
}

#[test]
fn describe_names_file_licence_and_tokenizer() {
	let directory = tempfile::tempdir().unwrap();
	let path = directory.path().join("a.gguf");
	let file = File::llama()
		.text("general.organization", "Somewhere")
		.number("general.base_model.count", 1)
		.text("general.base_model.0.name", "Base")
		.text("general.base_model.0.repo_url", "hub/base")
		.text("tokenizer.ggml.pre", "smollm")
		.text("tokenizer.chat_template", "T");
	std::fs::write(&path, file.bytes()).unwrap();
	let facts = Checkpoint::open(&path).unwrap().describe().unwrap();
	assert_eq!((facts.name.as_str(), facts.licence.as_deref()), ("small", Some("apache-2.0")));
	assert_eq!((facts.origin.as_deref(), facts.chat_template.as_deref()), (Some("Somewhere"), Some("T")));
	assert_eq!((facts.base_models, facts.tokenizer.as_str()), (vec!["hub/base".to_owned()], "gpt2 (smollm)"));
	let [hash] = facts.files.as_slice() else { panic!("one file") };
	assert_eq!((hash.name.as_str(), hash.bytes), ("a.gguf", file.bytes().len() as u64));
	assert_eq!((hash.sha256.len(), hash.blake2b.len()), (64, 64));
}

#[test]
fn weights_are_those_that_were_written() {
	let file = File::llama();
	let written = file.tensors.iter().find(|tensor| tensor.name == "blk.0.ffn_down.weight").unwrap();
	let floats: Vec<f32> =
		written.bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
	let checkpoint = open(&file).unwrap();
	let weight = checkpoint.weight(Role::Down(0, 0)).unwrap();
	assert_eq!(weight.encoding(), Encoding::F32);
	assert_eq!(weight.to_vec(), floats);
	let streamed: Vec<f32> = weight.blocks(5).flat_map(|(_, block)| block).collect();
	assert_eq!(streamed, floats);
	assert!(weight.read_groups(0, &mut Groups::default()).is_none());
	assert!(weight.ternary_scale().is_none());
}

#[test]
fn groups_decode_to_the_same_floats() {
	for (kind, number, bytes) in
		[(GroupKind::Q4_0, 2, 18), (GroupKind::Q4_1, 3, 20), (GroupKind::Q8_0, 8, 34)]
	{
		let mut random = Random(7);
		let mut group = || -> Vec<u8> {
			let mut group: Vec<u8> = (0..bytes).map(|_| random.next() as u8).collect();
			// Scale and minimum are finite.
			group[1] = 0x2c;
			group[3] = if kind == GroupKind::Q4_1 { 0xb0 } else { group[3] };
			group
		};
		let content: Vec<u8> = (0..32 * 2).flat_map(|_| group()).collect();
		let file = File::llama().change("blk.0.ffn_down.weight", |tensor| {
			tensor.kind = number;
			tensor.bytes = content;
		});
		let checkpoint = open(&file).unwrap();
		let weight = checkpoint.weight(Role::Down(0, 0)).unwrap();
		let (mut groups, mut row) = (Groups::default(), vec![0.0; 64]);
		for index in 0..weight.rows() {
			assert_eq!(weight.read_groups(index, &mut groups), Some(kind));
			weight.read_row(index, &mut row);
			assert_eq!((groups.scales.len(), groups.codes.len()), (2, 64));
			for (at, float) in row.iter().enumerate() {
				let (d, code) =
					(half::f16::from_bits(groups.scales[at / 32]).to_f32(), f32::from(groups.codes[at]));
				let expected = match kind {
					GroupKind::Q4_0 => d * (code - 8.0),
					GroupKind::Q4_1 => d * code + half::f16::from_bits(groups.minimums[at / 32]).to_f32(),
					GroupKind::Q8_0 => d * code,
				};
				assert_eq!(*float, expected, "{kind:?} row {index} element {at}");
			}
		}
	}
}

#[test]
fn experts_are_slices_of_a_stack_or_tensors_of_their_own() {
	let routed = |file: File| {
		file.without("blk.0.ffn_gate.weight")
			.without("blk.0.ffn_up.weight")
			.without("blk.0.ffn_down.weight")
			.number("llama.expert_count", 3)
			.number("llama.expert_used_count", 2)
			.floats("blk.0.ffn_gate_inp.weight", &[D, 3])
	};
	let stacked = routed(File::llama())
		.floats("blk.0.ffn_gate_exps.weight", &[D, 64, 3])
		.floats("blk.0.ffn_up_exps.weight", &[D, 64, 3])
		.floats("blk.0.ffn_down_exps.weight", &[64, D, 3]);
	let mut single = routed(File::llama());
	for (part, tensor) in
		["gate", "up", "down"].into_iter().zip(&stacked.tensors[stacked.tensors.len() - 3..])
	{
		for (expert, bytes) in tensor.bytes.chunks_exact(tensor.bytes.len() / 3).enumerate() {
			let name = format!("blk.0.ffn_{part}.{expert}.weight");
			single = single.tensor(&name, &tensor.dimensions[..2], 0, bytes.to_vec());
		}
	}
	let (stacked, single) = (open(&stacked).unwrap(), open(&single).unwrap());
	assert_eq!(stacked.architecture(), single.architecture());
	assert_eq!(stacked.architecture().experts(), Some((2, 3)));
	assert!(stacked.has(Role::Up(0, 2)) && stacked.has(Role::Router(0)));
	assert!(
		!stacked.has(Role::Up(0, 3)) && !stacked.has(Role::Up(1, 0)) && !stacked.has(Role::SharedRouter(0))
	);
	for role in stacked.roles() {
		assert_eq!(stacked.weight(role).unwrap().to_vec(), single.weight(role).unwrap().to_vec(), "{role:?}");
	}
}

#[test]
fn version_2_is_the_same_as_version_3() {
	let second = open(&File { version: 2, ..File::llama() }).unwrap();
	assert_eq!(second.architecture(), open(&File::llama()).unwrap().architecture());
}

#[test]
fn rope_divisors_are_a_scaling() {
	let file = File::llama().tensor(
		"rope_freqs.weight",
		&[4],
		0,
		[1.0_f32, 1.0, 2.0, 8.0].map(f32::to_le_bytes).concat(),
	);
	let rope = open(&file).unwrap().architecture().rope.clone();
	let plain = open(&File::llama()).unwrap().architecture().rope.clone();
	let (scaled, plain) = (rope.inverse_frequencies(8), plain.inverse_frequencies(8));
	assert_eq!([scaled[1], scaled[3]], [plain[1], plain[3] / 8.0]);
	assert_refused!(
		File::llama().tensor("rope_freqs.weight", &[1], 0, vec![0; 4]),
		CheckpointError::Shape { tensor, .. } if tensor == "rope_freqs.weight"
	);
}

#[test]
fn open_fails_when_the_file_is_not_gguf() {
	assert_refused!(File { magic: *b"GGML", ..File::llama() }, CheckpointError::NotGguf { found } if found == b"GGML");
	assert!(matches!(Gguf::from_bytes(Vec::new()), Err(CheckpointError::NotGguf { .. })));
	for version in [0, 1, 4, 3_u32.swap_bytes()] {
		assert_refused!(File { version, ..File::llama() }, CheckpointError::Version { found } if *found == version);
	}
}

#[test]
fn open_fails_when_the_file_is_cut_anywhere() {
	let bytes = File::llama().bytes();
	for len in (0..bytes.len()).step_by(7) {
		assert!(Gguf::from_bytes(bytes[..len].to_vec()).is_err(), "{len} bytes of {}", bytes.len());
	}
}

#[test]
fn open_fails_when_a_count_or_length_is_a_lie() {
	for count in [1 << 20, 1 << 40, u64::MAX] {
		assert_refused!(
			File { entry_count: Some(count), ..File::llama() },
			CheckpointError::Count { what: "keys", .. }
		);
		assert_refused!(
			File { tensor_count: Some(count), ..File::llama() },
			CheckpointError::Count { what: "tensors", .. }
		);
		let lie = |kind: u32| [kind.to_le_bytes().as_slice(), &count.to_le_bytes()].concat();
		assert_refused!(
			File::llama().set("a", ARRAY, &lie(TEXT)),
			CheckpointError::Count { what: "texts", .. }
		);
		assert_refused!(File::llama().set("a", ARRAY, &lie(F32)), CheckpointError::Count { .. });
		assert_refused!(
			File::llama().set("a", TEXT, &count.to_le_bytes()),
			CheckpointError::PastTheEnd { .. }
		);
	}
}

#[test]
fn open_fails_when_a_name_occurs_twice() {
	let mut file = File::llama();
	file.entries.push(file.entries[0].clone());
	assert_refused!(file, CheckpointError::DuplicateKey { key } if key == "general.architecture");
	let file = File::llama().floats("output_norm.weight", &[D]);
	assert_refused!(file, CheckpointError::DuplicateTensor { name } if name == "output_norm.weight");
}

#[test]
fn open_fails_when_a_tensor_is_malformed() {
	let q = "blk.0.attn_q.weight";
	let change = |change: fn(&mut support::Tensor)| File::llama().change(q, change);
	assert_refused!(change(|t| t.dimensions[1] = 0), CheckpointError::ZeroDimension { tensor, .. } if tensor == q);
	assert_refused!(change(|t| t.dimensions.clear()), CheckpointError::Dimensions { count: 0, .. });
	assert_refused!(change(|t| t.dimensions = vec![1; 5]), CheckpointError::Dimensions { count: 5, .. });
	assert_refused!(change(|t| t.dimensions = vec![1 << 40; 2]), CheckpointError::Overflow { .. });
	assert_refused!(change(|t| t.dimensions[1] = 1 << 40), CheckpointError::PastTheEnd { .. });
	assert_refused!(change(|t| t.offset = Some(u64::MAX - 31)), CheckpointError::PastTheEnd { .. });
	assert_refused!(change(|t| t.offset = Some(1 << 30)), CheckpointError::PastTheEnd { .. });
	assert_refused!(
		change(|t| t.offset = Some(33)),
		CheckpointError::Misaligned { offset: 33, alignment: 32, .. }
	);
	assert_refused!(change(|t| t.offset = Some(32)), CheckpointError::Overlap { .. });
	assert_refused!(change(|t| t.kind = 10), CheckpointError::UnknownType { kind, .. } if kind == "10");
	assert_refused!(
		change(|t| (t.kind, t.dimensions[0]) = (8, 31)),
		CheckpointError::PartialGroup { columns: 31, .. }
	);
	assert_refused!(change(|t| t.dimensions[1] = 31), CheckpointError::Shape { tensor, .. } if tensor == q);
}

#[test]
fn open_fails_when_the_alignment_is_none() {
	for alignment in [0, 4, 48, 1 << 21] {
		let file = File::llama().number("general.alignment", alignment);
		assert_refused!(file, CheckpointError::Alignment { .. });
	}
	let file = File { alignment: 64, ..File::llama().number("general.alignment", 64) };
	assert!(open(&file).is_ok());
}

#[test]
fn open_fails_when_a_value_is_malformed() {
	assert_refused!(File::llama().set("a", 13, &[0; 8]), CheckpointError::UnknownValueType { kind: 13, .. });
	let nested = [&ARRAY.to_le_bytes()[..], &1_u64.to_le_bytes(), &U32.to_le_bytes(), &[0; 8]].concat();
	assert_refused!(File::llama().set("a", ARRAY, &nested), CheckpointError::NestedArray { .. });
	let latin = [2_u64.to_le_bytes().as_slice(), &[b'a', 0xe4]].concat();
	assert_refused!(File::llama().set("a", TEXT, &latin), CheckpointError::NotUtf8 { .. });
	assert_refused!(
		File::llama().set("llama.block_count", TEXT, &text("one")),
		CheckpointError::BadValue { key, .. } if key == "llama.block_count"
	);
	assert_refused!(File::llama().number("llama.block_count", 0), CheckpointError::BadValue { .. });
	assert_refused!(
		File::llama().number("llama.attention.head_count_kv", 3),
		CheckpointError::BadValue { .. }
	);
	assert_refused!(File::llama().number("llama.attention.head_count", 5), CheckpointError::BadValue { .. });
	assert_refused!(File::llama().number("llama.attention.head_count", 0), CheckpointError::BadValue { .. });
	assert_refused!(
		File::llama().number("tokenizer.ggml.eos_token_id", 48),
		CheckpointError::Token { token: 48, .. }
	);
	assert_refused!(File::llama().number("llama.vocab_size", 49), CheckpointError::BadValue { .. });
}

#[test]
fn open_fails_when_something_is_missing() {
	for key in ["general.architecture", "llama.block_count", "llama.attention.layer_norm_rms_epsilon"] {
		assert_refused!(File::llama().without(key), CheckpointError::MissingKey { key: missing } if missing == key);
	}
	assert_refused!(File::llama().without("tokenizer.ggml.tokens"), CheckpointError::MissingTokenizer { .. });
	let tensor = "blk.0.attn_k.weight";
	assert_refused!(File::llama().without(tensor), CheckpointError::MissingTensor { name } if name == tensor);
	let checkpoint = open(&File::llama().without("tokenizer.ggml.model")).unwrap();
	assert!(matches!(checkpoint.tokenizer(), Err(CheckpointError::MissingTokenizer { .. })));
}

#[test]
fn open_fails_when_the_model_would_compute_something_else() {
	let file = File::llama().text("general.architecture", "gemma3");
	assert_refused!(file, CheckpointError::UnknownArchitecture { name, .. } if name == "gemma3");
	assert_refused!(File::llama().number("split.count", 2), CheckpointError::Split { count: 2 });
	let file = File::llama().floats("blk.0.attn_q.bias", &[D]);
	assert_refused!(file, CheckpointError::UnexpectedTensor { name, .. } if name == "blk.0.attn_q.bias");
	assert_refused!(
		File::llama().floats("blk.1.attn_q.weight", &[D, D]),
		CheckpointError::UnexpectedTensor { .. }
	);
	for file in [
		File::llama().number("llama.rope.dimension_count", 4),
		File::llama().text("llama.rope.scaling.type", "yarn"),
		File::llama().number("llama.attention.sliding_window", 32),
		File::llama().number("llama.attention.value_length", 16),
		File::llama().float("llama.attention.clamp_kqv", 8.0),
		File::llama().float("llama.logit_scale", 0.5),
	] {
		assert_refused!(file, CheckpointError::Unsupported { .. });
	}
	assert!(
		open(&File::llama().number("llama.attention.sliding_window", 64)).is_ok(),
		"the window never bites"
	);
	assert!(open(&File::llama().number("llama.rope.dimension_count", 8)).is_ok());
}
