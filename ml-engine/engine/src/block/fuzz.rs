//! Fuzz targets: malformed and adversarial files. `scripts/fuzz` runs these millions of times.
//!
//! The invariant: either the bytes are refused, or everything that is read later is what the root in the header
//! names; the definition ([`Layout::check`]) agrees about every file; and nothing panics.

use super::{
	safetensors, write_expert, write_trunk, BlockShape, Layout, TensorBlock, HEADER_BYTES, TILE_BYTES,
};
use blyan_exact::{block::seal, golden, Hash, ModelConfig};
use bolero::{check, TypeGenerator};
use std::sync::{
	atomic::{AtomicU64, Ordering},
	LazyLock,
};

/// Executions of a target, without those whose generator gave up. Shown by `--nocapture`.
struct Executions(&'static str, AtomicU64);

impl Executions {
	const fn of(target: &'static str) -> Self {
		Self(target, AtomicU64::new(0))
	}

	fn count(&self) {
		self.1.fetch_add(1, Ordering::Relaxed);
	}

	fn report(&self) {
		let executions = self.1.load(Ordering::Relaxed);
		eprintln!("{executions} executions of {}", self.0);
		assert!(executions > 0, "the generator gave nothing");
	}
}

/// A small expert, one of several tiles, and a trunk: shapes and files.
static BLOCKS: LazyLock<Vec<(BlockShape, Vec<u8>)>> = LazyLock::new(|| {
	let small = ModelConfig { d_model: 64, d_ff: 64, layers: 1, heads: 1, experts: 1, top_k: 1, context: 1 };
	let wide = ModelConfig { d_model: 256, d_ff: 1_024, heads: 4, ..small };
	let expert = |config: &ModelConfig| {
		let file = write_expert(&golden::random_expert(config, b"fuzz"), config).unwrap();
		(BlockShape::expert_of(config), file)
	};
	let trunk = write_trunk(&golden::random_model(small, b"fuzz").trunk, &small).unwrap();
	vec![expert(&small), (BlockShape::Trunk(small), trunk), expert(&wide)]
});

/// Safetensors files of the first two.
static EXPORTED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
	let export = |(shape, file): &(BlockShape, Vec<u8>)| {
		safetensors::export(&TensorBlock::from_bytes(file.clone(), *shape).unwrap()).unwrap()
	};
	BLOCKS[..2].iter().map(export).collect()
});

/// Chooses a block of `BLOCKS`: mostly the small ones, which are checked thousands of times while the large one is
/// once.
fn choose(which: u8) -> &'static (BlockShape, Vec<u8>) {
	&BLOCKS[if which == 0 { 2 } else { usize::from(which % 4 == 1) }]
}

/// Mutation of a file.
#[derive(Clone, Debug, TypeGenerator)]
enum Mutation {
	Flip {
		at: u32,
		bit: u8,
	},
	Set {
		at: u32,
		byte: u8,
	},
	/// In the header, where the numbers are.
	Header {
		at: u8,
		byte: u8,
	},
	/// In the index.
	Index {
		at: u16,
		byte: u8,
	},
	Truncate {
		by: u32,
	},
	TruncateABit {
		by: u8,
	},
	Extend {
		by: u16,
		byte: u8,
	},
	Swap {
		a: u32,
		b: u32,
		len: u16,
	},
	Move {
		from: u32,
		to: u32,
		len: u16,
	},
	SwapTiles {
		a: u8,
		b: u8,
	},
	/// A header, index included, that is true of the changed payload.
	Seal,
}

impl Mutation {
	fn apply(&self, file: &mut Vec<u8>, layout: Option<&Layout>) {
		let len = file.len();
		let place = |at: u32| at as usize % len.max(1);
		match *self {
			_ if file.is_empty() => {}
			Self::Flip { at, bit } => file[place(at)] ^= 1 << (bit % 8),
			Self::Set { at, byte } => file[place(at)] = byte,
			Self::Header { at, byte } => file[usize::from(at) % HEADER_BYTES.min(len)] = byte,
			Self::Index { at, byte } => file[len - 1 - usize::from(at) % len.min(512)] = byte,
			Self::Truncate { by } => file.truncate(len - place(by)),
			Self::TruncateABit { by } => file.truncate(len.saturating_sub(usize::from(by))),
			Self::Extend { by, byte } => file.resize(len + usize::from(by), byte),
			Self::Swap { a, b, len: bytes } => {
				for i in 0..usize::from(bytes).min(512) {
					file.swap((place(a) + i) % len, (place(b) + i) % len);
				}
			}
			Self::Move { from, to, len: bytes } => {
				let bytes = usize::from(bytes).min(len - place(from)).min(len - place(to));
				file.copy_within(place(from)..place(from) + bytes, place(to));
			}
			Self::SwapTiles { a, b } => {
				let tiles = (len / TILE_BYTES).max(1);
				let [a, b] = [a, b].map(|tile| HEADER_BYTES + usize::from(tile) % tiles * TILE_BYTES);
				for i in 0..TILE_BYTES.min(len.saturating_sub(a.max(b))) {
					file.swap(a + i, b + i);
				}
			}
			Self::Seal => {
				if let Some(layout) = layout.filter(|layout| layout.file_len() == len) {
					seal(layout, file);
				}
			}
		}
	}
}

/// Asserts the invariant for any bytes under any shape; returns whether they were a valid block.
fn refused_or_true(file: &[u8], shape: BlockShape, original: &[u8]) -> bool {
	let layout = Layout::new(shape);
	let definition = layout.as_ref().is_ok_and(|layout| layout.check(file).is_ok());
	let Ok(block) = TensorBlock::from_bytes(file.to_vec(), shape) else {
		assert!(!definition, "the definition takes what cannot be opened");
		return false;
	};
	let layout = layout.expect("it was opened with it");
	assert!((block.tensor_root().0, block.bytes()) == (file[96..128].try_into().unwrap(), file));
	// The last section first: what is read must not depend on what was read before.
	let mut is_whole = true;
	for section in (0..layout.sections.len()).rev() {
		let read = block.section(section).expect("there is such a section");
		is_whole &= read.is_ok();
		if let Ok(bytes) = read {
			assert_eq!(bytes, &file[layout.sections[section].clone()]);
			assert_named_by_root(&block, &layout, section, original);
		}
	}
	for tile in 0..layout.tiles {
		let read = block.tile(tile).expect("there is such a tile");
		is_whole &= read.is_ok();
		if let Ok(bytes) = read {
			assert_eq!(bytes, &file[layout.tile(tile)]);
		}
	}
	assert!(block.tile(layout.tiles).is_none() && block.section(layout.sections.len()).is_none());
	let verified = block.verify_all();
	assert_eq!(verified.is_ok(), definition, "{verified:?}");
	assert!(is_whole || verified.is_err());
	verified.is_ok()
}

/// Asserts that a section that was read lies in tiles that lead to the tensor root; under the original's root, it is
/// the original's.
fn assert_named_by_root(block: &TensorBlock, layout: &Layout, section: usize, original: &[u8]) {
	let root: Hash = block.tensor_root().0;
	let range = layout.sections[section].clone();
	if original.len() == block.bytes().len() && original[96..128] == root {
		assert_eq!(original[range.clone()], block.bytes()[range]);
		return;
	}
	let tiles: Hash = block.bytes()[64..96].try_into().unwrap();
	for tile in layout.tiles_of(&range) {
		let path: Vec<Hash> = block.tile_proof(tile).unwrap().into_iter().map(|hash| hash.0).collect();
		assert!(layout.proves_tile(&root, tile, &block.bytes()[layout.tile(tile)], &tiles, &path));
	}
}

/// Any shape, within the bounds of the architecture or not.
#[derive(Clone, Debug, TypeGenerator)]
struct AnyShape {
	is_trunk: bool,
	/// True if the numbers are small multiples of what they must be multiples of.
	is_likely: bool,
	widths: [u16; 2],
	layers: u8,
	heads: u8,
	experts: u16,
	top_k: u8,
	context: u16,
}

impl AnyShape {
	fn shape(&self) -> BlockShape {
		let &Self { is_likely, widths: [d_model, d_ff], layers, heads, experts, top_k, context, .. } = self;
		let config = match is_likely {
			true => ModelConfig {
				d_model: 64 * (d_model % 9),
				d_ff: 64 * (d_ff % 34),
				layers: layers % 34,
				heads: heads % 9,
				experts: experts % 514,
				top_k: top_k % 3,
				context: context % 258,
			},
			false => ModelConfig { d_model, d_ff, layers, heads, experts, top_k, context },
		};
		if self.is_trunk {
			BlockShape::Trunk(config)
		} else {
			BlockShape::expert_of(&config)
		}
	}
}

#[test]
fn arbitrary_bytes_of_any_shape_are_refused_or_true() {
	static EXECUTIONS: Executions = Executions::of("arbitrary bytes as blocks");
	// The header may be a true one, and may say its own shape.
	check!().with_type::<(AnyShape, Vec<u8>, u8, bool)>().for_each(
		|(shape, bytes, truth, ask_the_header)| {
			EXECUTIONS.count();
			let mut file = bytes.clone();
			let mut shape = shape.shape();
			if *ask_the_header {
				file.splice(
					0..0,
					BLOCKS[usize::from(truth % 3)].1[..HEADER_BYTES.min(usize::from(*truth))].iter().copied(),
				);
				shape = BlockShape::claimed_by(&file).unwrap_or(shape);
			}
			refused_or_true(&file, shape, &[]);
			if let Ok(layout) = Layout::new(shape) {
				// Right up to the length and the header, and wrong about the rest.
				if layout.file_len() < 8_192 {
					file.resize(layout.file_len(), *truth);
					file[..64].copy_from_slice(&layout.descriptor());
					refused_or_true(&file, shape, &[]);
					seal(&layout, &mut file);
					refused_or_true(&file, shape, &[]);
				}
			}
		},
	);
	EXECUTIONS.report();
}

#[test]
fn changed_blocks_are_refused_or_true() {
	static EXECUTIONS: Executions = Executions::of("changed blocks");
	check!().with_type::<(u8, Vec<Mutation>)>().for_each(|(which, mutations)| {
		EXECUTIONS.count();
		let (shape, original) = choose(*which);
		let layout = Layout::new(*shape).unwrap();
		let mut file = original.clone();
		mutations.iter().for_each(|mutation| mutation.apply(&mut file, Some(&layout)));
		let is_valid = refused_or_true(&file, *shape, original);
		assert!(is_valid || file != *original);
		let was_sealed = mutations.iter().any(|mutation| matches!(mutation, Mutation::Seal));
		assert!(!is_valid || was_sealed || file == *original, "a change without a new root was taken");
	});
	EXECUTIONS.report();
}

/// Asserts that an import that succeeds makes a valid block, whose export is imported as the same block.
fn refused_or_a_block(file: &[u8], expected: Option<BlockShape>) {
	let Ok(imported) = safetensors::import(file, expected) else { return };
	let layout = Layout::new(imported.shape).unwrap();
	layout.check(&imported.file).unwrap();
	let block = TensorBlock::from_bytes(imported.file.clone(), imported.shape).unwrap();
	let again = safetensors::import(&safetensors::export(&block).unwrap(), Some(imported.shape)).unwrap();
	assert_eq!(again.file, imported.file);
}

#[test]
fn arbitrary_bytes_are_no_safetensors_or_a_block() {
	static EXECUTIONS: Executions = Executions::of("arbitrary bytes as safetensors");
	check!().with_type::<(AnyShape, bool, Vec<u8>)>().for_each(|(shape, is_expected, bytes)| {
		EXECUTIONS.count();
		refused_or_a_block(bytes, is_expected.then(|| shape.shape()));
		// The same as a header of the right length.
		let file = [&(bytes.len() as u64).to_le_bytes()[..], bytes].concat();
		refused_or_a_block(&file, None);
	});
	EXECUTIONS.report();
}

#[test]
fn changed_safetensors_are_refused_or_a_block() {
	static EXECUTIONS: Executions = Executions::of("changed safetensors");
	check!().with_type::<(bool, Vec<Mutation>, Vec<Digit>)>().for_each(|(is_trunk, mutations, digits)| {
		EXECUTIONS.count();
		let mut file = EXPORTED[usize::from(*is_trunk)].clone();
		digits.iter().for_each(|digit| digit.apply(&mut file));
		mutations.iter().for_each(|mutation| mutation.apply(&mut file, None));
		refused_or_a_block(&file, None);
	});
	EXECUTIONS.report();
}

/// A character of the JSON header.
#[derive(Clone, Debug, TypeGenerator)]
struct Digit {
	at: u16,
	character: u8,
}

impl Digit {
	fn apply(&self, file: &mut [u8]) {
		const LIKELY: &[u8] = b"0123456789,:[]{}\"IFBU\\ ue-.";
		let header =
			file.first_chunk().map_or(0, |len| u64::from_le_bytes(*len) as usize).min(file.len() - 8);
		if header > 0 {
			file[8 + usize::from(self.at) % header] = LIKELY[usize::from(self.character) % LIKELY.len()];
		}
	}
}
