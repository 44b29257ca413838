use super::*;
use blyan_exact::{block::seal, golden, ModelConfig};
use proptest::prelude::*;
use std::io::Write;

fn expert_file() -> (Vec<u8>, BlockShape) {
	let golden = golden::model();
	let file = write_expert(&golden.experts[0], &golden.config).unwrap();
	(file, BlockShape::expert_of(&golden.config))
}

fn error_of(file: Vec<u8>, shape: BlockShape) -> String {
	match TensorBlock::from_bytes(file, shape).and_then(|block| block.verify_all()) {
		Ok(()) => "accepted".into(),
		Err(error) => error.to_string(),
	}
}

#[test]
fn round_trip_through_a_mapped_file() {
	let golden = golden::model();
	let dir = tempfile::tempdir().unwrap();
	let path = dir.path().join("trunk.tblk");
	let file = write_trunk(&golden.trunk, &golden.config).unwrap();
	std::fs::File::create(&path).unwrap().write_all(&file).unwrap();
	let block = TensorBlock::open(&path, BlockShape::Trunk(golden.config)).unwrap();
	assert_eq!(block.to_trunk().unwrap(), golden.trunk);
	assert_eq!(block_ref(&file).tensor_root, block.tensor_root());
	assert_eq!(block_ref(&file).blob.size as usize, file.len());
	let last = block.layout().tiles - 1;
	let leaf = blyan_exact::merkle::leaf(block.tile(last).unwrap().unwrap());
	let proof: Vec<_> = block.tile_proof(last).unwrap().into_iter().map(|hash| hash.0).collect();
	let root = file[64..96].try_into().unwrap();
	assert!(blyan_exact::merkle::verify(&root, block.layout().tiles, last, &leaf, &proof));
}

#[test]
fn sections_are_aligned_and_do_not_overlap() {
	let layout = Layout::new(BlockShape::Trunk(golden::CONFIG)).unwrap();
	let mut end = HEADER_BYTES;
	for section in &layout.sections {
		assert!(section.start >= end && section.start % ALIGNMENT == 0);
		end = section.end;
	}
	assert!(end <= layout.index_offset());
}

#[test]
fn largest_layouts_are_of_modest_size() {
	let config =
		ModelConfig { d_model: 512, d_ff: 2_048, layers: 32, heads: 8, experts: 512, top_k: 2, context: 256 };
	assert!(Layout::new(BlockShape::Trunk(config)).unwrap().file_len() < 18 << 20);
	assert!(Layout::new(BlockShape::expert_of(&config)).unwrap().file_len() < 520 << 10);
}

#[test]
fn rejects_other_lengths() {
	let (file, shape) = expert_file();
	for len in [0, 1, 127, 128, file.len() - 1] {
		let error = error_of(file[..len].to_vec(), shape);
		assert!(error.contains("bytes, a block of this shape has"), "{error}");
	}
	let mut longer = file;
	longer.push(0);
	assert!(error_of(longer, shape).contains("a block of this shape has"));
}

#[test]
fn rejects_a_header_that_lies() {
	let (file, shape) = expert_file();
	let fields = [
		(0, "magic"),
		(8, "kind"),
		(9, "quantisation"),
		(11, "version"),
		(12, "config"),
		(22, "config"),
		(23, "reserved"),
		(24, "section count"),
		(30, "tile size"),
		(32, "payload offset"),
		(47, "payload length"),
		(48, "index offset"),
		(59, "tile count"),
		(63, "reserved"),
	];
	for (at, field) in fields {
		let mut lying = file.clone();
		lying[at] ^= 0xff;
		assert_eq!(error_of(lying, shape), format!("header field `{field}` is not what the shape demands"));
	}
}

#[test]
fn rejects_another_shape() {
	let (file, _) = expert_file();
	let wider = BlockShape::Expert { d_model: 64, d_ff: 192 };
	assert!(error_of(file.clone(), wider).contains("a block of this shape has"));
	let unaligned = BlockShape::Expert { d_model: 65, d_ff: 128 };
	assert!(error_of(file.clone(), unaligned).starts_with("no such shape"));
	let oversized = BlockShape::Expert { d_model: u16::MAX, d_ff: u16::MAX };
	assert!(error_of(file, oversized).starts_with("no such shape"));
}

#[test]
fn rejects_values_that_stand_for_nothing_even_under_a_valid_root() {
	let (file, shape) = expert_file();
	let layout = Layout::new(shape).unwrap();
	let resealed = |at: usize, byte: u8| {
		let mut file = file.clone();
		file[at] = byte;
		seal(&layout, &mut file);
		error_of(file, shape)
	};
	assert_eq!(
		resealed(layout.sections[1].start, 0b1100),
		"section 1 holds a code that is not a ternary weight"
	);
	assert_eq!(resealed(layout.sections[0].start + 5, 1), "scale 0 is not normalised");
	assert_eq!(resealed(layout.sections[0].end, 1), "the padding behind section 0 is not zero");
}

#[test]
fn an_experts_root_does_not_depend_on_the_models_other_numbers() {
	let golden = golden::model();
	let other = ModelConfig { layers: 9, experts: 3, ..golden.config };
	let files = [golden.config, other].map(|config| write_expert(&golden.experts[0], &config).unwrap());
	assert_eq!(files[0], files[1]);
}

#[test]
fn writing_refuses_what_does_not_fit() {
	let golden = golden::model();
	let wider = ModelConfig { d_ff: 192, ..golden.config };
	assert!(matches!(write_expert(&golden.experts[0], &wider), Err(BlockError::Model(_))));
}

proptest! {
	#[test]
	fn round_trip(seed: [u8; 8], d in 1_u16..=3, hidden in 1_u16..=5, layers in 1_u8..=2, experts in 1_u16..=3) {
		let config = ModelConfig {
			d_model: 64 * d, d_ff: 64 * hidden, layers, heads: d as u8, experts, top_k: 1, context: 8,
		};
		let model = golden::random_model(config, &seed);
		let trunk = TensorBlock::from_bytes(write_trunk(&model.trunk, &config).unwrap(), BlockShape::Trunk(config)).unwrap();
		prop_assert_eq!(trunk.to_trunk().unwrap(), model.trunk);
		let expert = write_expert(&model.experts[0], &config).unwrap();
		let expert = TensorBlock::from_bytes(expert, BlockShape::expert_of(&config)).unwrap();
		prop_assert_eq!(&expert.to_expert().unwrap(), &model.experts[0]);
	}

	#[test]
	fn rejects_any_flipped_bit(at in 0_usize..10_000, bit in 0_u8..8) {
		let (mut file, shape) = expert_file();
		let at = at % file.len();
		file[at] ^= 1 << bit;
		prop_assert_ne!(error_of(file, shape), "accepted");
	}

	#[test]
	fn never_panics_on_arbitrary_bytes(mut file in prop::collection::vec(any::<u8>(), 0..400), keep in 0_usize..128) {
		let (good, shape) = expert_file();
		let keep = keep.min(file.len());
		file[..keep].copy_from_slice(&good[..keep]);
		prop_assert!(TensorBlock::from_bytes(file, shape).is_err());
	}
}
