use super::*;
use crate::{
	block::{write_expert, BlockShape, TensorBlock, TILE_BYTES},
	kernel::{
		activations::ActivationRows,
		ternary::{self, TernaryView},
		Kernel,
	},
	model::ExpertWeights,
};
use blyan_exact::{golden, Hash, ModelConfig};
use proptest::prelude::*;
use sp_core::H256;
use std::{fs, path::PathBuf, sync::Arc};

/// Ternary codes that compress, a little: zeros are twice as frequent as either sign.
fn codes(seed: u64, len: usize) -> Vec<u8> {
	let mut state = seed | 1;
	let mut code = || {
		state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
		[1, 0, 1, 2][(state >> 61) as usize & 3]
	};
	(0..len).map(|_| code() | code() << 2 | code() << 4 | code() << 6).collect()
}

fn activations(tokens: usize, width: usize) -> ActivationRows {
	let stream: Vec<i32> = (0..tokens * width).map(|i| (i * 7_919 % 4_001) as i32 - 2_000).collect();
	ActivationRows::norm_quant(Kernel::PORTABLE, &stream, &vec![256; width])
}

fn streamer(slab_tiles: usize, decoders: usize) -> Streamer {
	let one = StreamConfig::least(decoders);
	let budget_bytes = one + decoders * (slab_tiles - 1) * 4 * TILE_BYTES;
	let streamer = StreamConfig { budget_bytes, decoders }.init().unwrap();
	assert_eq!((streamer.slab_tiles(), streamer.buffer_bytes()), (slab_tiles, budget_bytes));
	streamer
}

struct Matrix {
	_dir: tempfile::TempDir,
	path: PathBuf,
	root: Hash,
	codes: Vec<u8>,
	rows: usize,
	cols: usize,
}

const ALL: [Compression; 3] = [Compression::Stored, Compression::Zstd, Compression::Ternary];

fn matrix(rows: usize, cols: usize, compression: Compression) -> Matrix {
	let dir = tempfile::tempdir().unwrap();
	let path = dir.path().join("matrix");
	let codes = codes(rows as u64, rows * cols / 4);
	let root = TileFile::write(&path, codes.len() as u64, &codes[..], compression).unwrap();
	Matrix { _dir: dir, path, root, codes, rows, cols }
}

impl Matrix {
	fn open(&self) -> Result<StreamedMatrix, StreamError> {
		StreamedMatrix::open(&self.path, self.rows, self.cols, &self.root)
	}

	fn expected(&self, inputs: &ActivationRows) -> Vec<i32> {
		let view = TernaryView { codes: &self.codes, rows: self.rows, cols: self.cols };
		ternary::multiply(Kernel::PORTABLE, view, inputs)
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(12))]

	#[test]
	fn a_streamed_matrix_gives_what_it_gives_in_memory(
		rows in 1_usize..1_200, width in 1_usize..=20, tokens in 1_usize..4, slab_tiles in 1_usize..4, decoders in 1_usize..4,
		compression in prop::sample::select(ALL.to_vec()),
	) {
		let matrix = matrix(rows, 64 * width, compression);
		let inputs = activations(tokens, matrix.cols);
		let streamed = matrix.open().unwrap();
		let mut streamer = streamer(slab_tiles, decoders);
		// Twice: the second pass works with the buffers of the first.
		for _ in 0..2 {
			let found = streamed.multiply(&mut streamer, Kernel::best(), &inputs).unwrap();
			prop_assert_eq!(&found, &matrix.expected(&inputs));
		}
	}

	#[test]
	fn streamed_experts_give_what_they_give_in_memory(
		d in 1_u16..=8, hidden in 1_u16..=32, tokens in 1_usize..4, slab_tiles in 1_usize..3, decoders in 1_usize..3,
		compression in prop::sample::select(ALL.to_vec()), seed: [u8; 4],
	) {
		let config = ModelConfig {
			d_model: 64 * d, d_ff: 64 * hidden, layers: 1, heads: d as u8, experts: 3, top_k: 1, context: 8,
		};
		let dir = tempfile::tempdir().unwrap();
		let inputs = activations(tokens, config.d_model.into());
		let mut expected = Vec::new();
		let mut streamed = Vec::new();
		for index in 0..3 {
			let expert = golden::random_expert(&config, &[&seed[..], &[index]].concat());
			let file = write_expert(&expert, &config).unwrap();
			let block = TensorBlock::from_bytes(file, BlockShape::expert_of(&config)).unwrap();
			let path = dir.path().join(index.to_string());
			TileFile::write_block(&path, &block, compression).unwrap();
			streamed.push(StreamedExpert::open(&path, block.shape(), &block.tensor_root()).unwrap());
			expected.push(ExpertWeights::new(Arc::new(block)).unwrap().steps(Kernel::PORTABLE, &inputs));
		}
		let experts: Vec<_> = streamed.iter().map(|expert| (expert, &inputs)).collect();
		let mut next = 0;
		stream_experts(&mut streamer(slab_tiles, decoders), Kernel::best(), &experts, |index, (hidden, normalised, down)| {
			assert_eq!(index, next);
			next += 1;
			assert_eq!(hidden, expected[index].0);
			assert_eq!(normalised.values, expected[index].1.values);
			assert_eq!(normalised.scales, expected[index].1.scales);
			assert_eq!(down, expected[index].2);
		}).unwrap();
		prop_assert_eq!(next, 3);
	}
}

#[test]
fn rejects_any_damage_and_hands_none_of_it_on() {
	for compression in ALL {
		let matrix = matrix(1_100, 1_024, compression);
		let good = fs::read(&matrix.path).unwrap();
		let inputs = activations(1, matrix.cols);
		let expected = matrix.expected(&inputs);
		let index_end = 64 + 36 * matrix.open().unwrap().file().tiles();
		let attempt = |bytes: &[u8]| {
			fs::write(&matrix.path, bytes).unwrap();
			matrix.open().and_then(|streamed| streamed.multiply(&mut streamer(1, 2), Kernel::best(), &inputs))
		};
		for at in (0..400).chain((400..good.len()).step_by(4_999)) {
			let mut bytes = good.clone();
			bytes[at] ^= 0x40;
			// A zstd frame may decode to the same bytes in spite of it; nothing else may come out of it.
			if let Ok(found) = attempt(&bytes) {
				assert_eq!(found, expected, "byte {at}");
				assert!(compression == Compression::Zstd && at >= index_end);
			}
		}
		assert!(attempt(&good[..good.len() - 1]).is_err());
		assert!(attempt(&good[..70]).is_err());
		assert!(attempt(&[]).is_err());
		assert_eq!(attempt(&good).unwrap(), expected);
	}
}

#[test]
fn another_root_or_another_shape_is_refused() {
	let matrix = matrix(100, 1_024, Compression::Ternary);
	let other = StreamedMatrix::open(&matrix.path, matrix.rows, matrix.cols, &[1; 32]);
	assert!(matches!(other, Err(StreamError::Root)));
	let longer = StreamedMatrix::open(&matrix.path, matrix.rows + 1, matrix.cols, &matrix.root);
	assert!(matches!(longer, Err(StreamError::Format("payload length"))));
	let odd = StreamedMatrix::open(&matrix.path, matrix.rows, 60, &matrix.root);
	assert!(matches!(odd, Err(StreamError::Shape { .. })));
	let inputs = activations(1, 512);
	let narrow = matrix.open().unwrap().multiply(&mut streamer(1, 1), Kernel::best(), &inputs);
	assert!(matches!(narrow, Err(StreamError::Shape { .. })));
	let shape = BlockShape::Expert { d_model: 64, d_ff: 64 };
	assert!(StreamedExpert::open(&matrix.path, shape, &H256(matrix.root)).is_err());
}

#[test]
fn a_budget_without_room_for_four_tiles_says_what_would_do() {
	let least = StreamConfig::least(2);
	let refused = StreamConfig { budget_bytes: least - 1, decoders: 2 }.init();
	assert!(matches!(refused, Err(StreamError::Budget { least: said, .. }) if said == least));
	assert!(StreamConfig { budget_bytes: least, decoders: 2 }.init().is_ok());
}

#[test]
fn codes_that_are_no_weights_are_refused_though_the_root_names_them() {
	let dir = tempfile::tempdir().unwrap();
	let path = dir.path().join("matrix");
	let mut codes = codes(3, 64 * 1_024);
	codes[40_000] = 0b1100;
	let root = TileFile::write(&path, codes.len() as u64, &codes[..], Compression::Ternary).unwrap();
	let matrix = StreamedMatrix::open(&path, 1_024, 256, &root).unwrap();
	let found = matrix.multiply(&mut streamer(1, 1), Kernel::best(), &activations(1, 256));
	assert!(matches!(found, Err(StreamError::Block(_))));
}
