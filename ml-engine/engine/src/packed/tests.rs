use super::*;
use crate::kernel::activations::ActivationRows;
use crate::{block::write_expert, kernel::ternary};
use blyan_exact::{golden, ModelConfig};
use std::os::unix::fs::PermissionsExt;

const CONFIG: ModelConfig =
	ModelConfig { d_model: 128, d_ff: 320, layers: 1, heads: 2, experts: 2, top_k: 1, context: 8 };

fn block(name: &[u8]) -> TensorBlock {
	let file = write_expert(&golden::random_expert(&CONFIG, name), &CONFIG).unwrap();
	TensorBlock::from_bytes(file, BlockShape::expert_of(&CONFIG)).unwrap()
}

fn cache(dir: &Path) -> PackedCache {
	PackedCache::open(dir, Kernel::best(), 1 << 20).unwrap()
}

fn activations(width: usize) -> ActivationRows {
	let stream: Vec<i32> = (0..3 * width).map(|i| (i * 7_919 % 4_001) as i32 - 2_000).collect();
	ActivationRows::norm_quant(Kernel::PORTABLE, &stream, &vec![256; width])
}

fn ensure_equal(expert: &PackedExpert, block: &TensorBlock) {
	let weights = block.to_expert().unwrap();
	assert_eq!(expert.gain(), weights.gain);
	assert_eq!(expert.scale(Part::Up), Some(weights.up.scale));
	assert_eq!(expert.scale(Part::Down), Some(weights.down.scale));
	for (part, section, matrix) in [(Part::Up, 1, &weights.up), (Part::Down, 3, &weights.down)] {
		let inputs = activations(matrix.cols);
		let codes = &block.bytes()[block.layout().sections[section].clone()];
		let view = TernaryView { codes, rows: matrix.rows, cols: matrix.cols };
		for kernel in Kernel::available() {
			let expected = ternary::multiply(Kernel::PORTABLE, view, &inputs);
			let mut found = vec![7; expected.len()];
			packed::multiply_into(kernel, expert.view(part), &inputs, &mut found);
			assert_eq!(found, expected, "{kernel}");
		}
	}
}

#[test]
fn a_packed_expert_is_the_expert_and_survives_a_restart() {
	let dir = tempfile::tempdir().unwrap();
	let block = block(b"one");
	let (shape, root) = (block.shape(), block.tensor_root());
	{
		let cache = cache(dir.path());
		assert!(cache.get(shape, &root).is_none());
		ensure_equal(&cache.put(&block).unwrap().unwrap(), &block);
		assert_eq!(cache.bytes(), packed_bytes(shape));
	}
	let cache = cache(dir.path());
	ensure_equal(&cache.get(shape, &root).unwrap(), &block);
	let mode = fs::metadata(dir.path().join(KEY_FILE)).unwrap().permissions().mode();
	assert_eq!(mode & 0o077, 0, "no other user reads the key");
}

#[test]
fn damage_is_found_and_made_good_from_the_block() {
	let dir = tempfile::tempdir().unwrap();
	let (cache, block) = (cache(dir.path()), block(b"one"));
	let (shape, root) = (block.shape(), block.tensor_root());
	cache.put(&block).unwrap();
	let path = cache.path(&root);
	let good = fs::read(&path).unwrap();
	let places: Vec<usize> = (0..HEADER_BYTES).chain((HEADER_BYTES..good.len()).step_by(997)).collect();
	for at in places {
		let mut bad = good.clone();
		bad[at] ^= 4;
		fs::write(&path, &bad).unwrap();
		assert!(cache.get(shape, &root).is_none(), "byte {at}");
		assert!(!path.exists() && cache.bytes() == 0);
		ensure_equal(&cache.put(&block).unwrap().unwrap(), &block);
	}
	fs::write(&path, &good[..good.len() - 1]).unwrap();
	assert!(cache.get(shape, &root).is_none());
}

#[test]
fn files_of_other_machines_experts_and_layouts_are_refused() {
	let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
	let (ours, theirs) = (cache(here.path()), cache(there.path()));
	let (one, two) = (block(b"one"), block(b"two"));
	let (shape, root) = (one.shape(), one.tensor_root());
	ours.put(&one).unwrap();
	theirs.put(&one).unwrap();
	// Another machine's file is whole, and sealed with another key.
	fs::copy(theirs.path(&root), ours.path(&root)).unwrap();
	assert!(ours.get(shape, &root).is_none());
	// Another expert's file under this one's name.
	ours.put(&one).unwrap();
	ours.put(&two).unwrap();
	fs::copy(ours.path(&two.tensor_root()), ours.path(&root)).unwrap();
	assert!(ours.get(shape, &root).is_none());
	// What was made for another kernel or layout, or never finished, goes when the directory is opened.
	let stale = format!("{root:x}.another.1.packed");
	for name in [&stale, "half.part"] {
		fs::write(here.path().join(name), b"old").unwrap();
	}
	fs::write(here.path().join("notes"), b"not ours").unwrap();
	drop(ours);
	cache(here.path());
	assert!(!here.path().join(stale).exists() && !here.path().join("half.part").exists());
	assert!(here.path().join("notes").exists());
}

#[test]
fn what_was_used_least_makes_room() {
	let dir = tempfile::tempdir().unwrap();
	let blocks = [block(b"one"), block(b"two"), block(b"three")];
	let shape = blocks[0].shape();
	let cache = PackedCache::open(dir.path(), Kernel::best(), 2 * packed_bytes(shape)).unwrap();
	cache.put(&blocks[0]).unwrap();
	cache.put(&blocks[1]).unwrap();
	cache.get(shape, &blocks[0].tensor_root()).unwrap();
	cache.put(&blocks[2]).unwrap();
	assert_eq!(cache.bytes(), 2 * packed_bytes(shape));
	let is_there = blocks.iter().map(|block| cache.get(shape, &block.tensor_root()).is_some());
	assert_eq!(is_there.collect::<Vec<_>>(), [true, false, true]);
	let small = PackedCache::open(dir.path().join("small"), Kernel::best(), 100).unwrap();
	assert!(small.put(&blocks[0]).unwrap().is_none());
}
