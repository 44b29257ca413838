use super::*;
use proptest::prelude::*;
use std::io::Cursor;

const VOCABULARY: u32 = 500;

fn written(positions: u32, sequences: &[Vec<u32>]) -> (Vec<u8>, Summary) {
	let mut file = Cursor::new(Vec::new());
	let mut writer = HoldoutWriter::of_vocabulary(&mut file, [7; 32], VOCABULARY, positions).unwrap();
	for (index, ids) in sequences.iter().enumerate() {
		writer.sequence(ids, 3 * index as u32).unwrap();
	}
	let summary = writer.finish().unwrap();
	(file.into_inner(), summary)
}

fn example() -> Vec<u8> {
	written(3, &[vec![1, 2, 3, 4], vec![5, 6, 7, 499], vec![0, 0, 9, 8]]).0
}

fn refused(change: impl FnOnce(&mut Vec<u8>)) -> HoldoutError {
	let mut bytes = example();
	change(&mut bytes);
	Holdout::read(bytes).unwrap_err()
}

#[test]
fn the_root_is_what_a_dispute_proves_sequences_against() {
	let holdout = Holdout::read(example()).unwrap();
	let leaves: Vec<Hash> = (0..3)
		.map(|index| {
			let ids = holdout.ids(index).unwrap();
			merkle::leaf(&blyan_exact::definition2::step::sequence_bytes(&ids))
		})
		.collect();
	assert_eq!(holdout.root(), merkle::root(&leaves));
	assert_eq!(holdout.all_ids(), [1, 2, 3, 4, 5, 6, 7, 499, 0, 0, 9, 8]);
	assert_eq!((holdout.ids(3), holdout.text_bytes(3)), (None, None));
}

#[test]
fn malformed_bytes_are_refused_by_name() {
	assert_eq!(Holdout::read(Vec::new()).unwrap_err(), HoldoutError::Magic);
	assert_eq!(refused(|bytes| bytes[0] = 0), HoldoutError::Magic);
	assert_eq!(refused(|bytes| bytes.truncate(50)), HoldoutError::Length { expected: 96, found: 50 });
	assert_eq!(refused(|bytes| bytes.push(0)), HoldoutError::Length { expected: 156, found: 157 });
	assert!(matches!(refused(|bytes| bytes[11] = 1), HoldoutError::Bound { most: SEQUENCES_MAX, .. }));
	assert!(matches!(refused(|bytes| bytes[8] = 0), HoldoutError::Bound { value: 0, .. }));
	assert!(matches!(refused(|bytes| bytes[15] = 1), HoldoutError::Bound { most: POSITIONS_MAX, .. }));
	assert!(matches!(refused(|bytes| bytes[19] = 1), HoldoutError::Bound { most: VOCABULARY_MAX, .. }));
	assert_eq!(refused(|bytes| bytes[90] = 1), HoldoutError::Padding);
	assert_eq!(refused(|bytes| bytes[20] = 1), HoldoutError::Padding);
	assert_eq!(refused(|bytes| bytes[96] = 2), HoldoutError::Root);
	assert_eq!(refused(|bytes| bytes[60] ^= 1), HoldoutError::Root);
	let id = HoldoutError::Id { sequence: 1, id: 500, vocabulary: VOCABULARY };
	assert_eq!(refused(|bytes| bytes[96 + 16 + 12] = 0xf4), id);
}

#[test]
fn an_unfinished_file_is_not_a_holdout() {
	let mut file = Cursor::new(Vec::new());
	let mut writer = HoldoutWriter::of_vocabulary(&mut file, [7; 32], VOCABULARY, 1).unwrap();
	writer.sequence(&[1, 2], 5).unwrap();
	drop(writer);
	assert_eq!(Holdout::read(file.into_inner()).unwrap_err(), HoldoutError::Magic);
}

#[test]
fn a_writer_refuses_what_a_reader_would() {
	let begin = |vocabulary, positions| {
		HoldoutWriter::of_vocabulary(Cursor::new(Vec::new()), [7; 32], vocabulary, positions)
	};
	for (vocabulary, positions) in [(0, 1), (VOCABULARY_MAX + 1, 1), (1, 0), (1, POSITIONS_MAX + 1)] {
		assert!(matches!(begin(vocabulary, positions), Err(WriteError::Holdout(HoldoutError::Bound { .. }))));
	}
	let mut writer = begin(VOCABULARY, 2).unwrap();
	assert!(matches!(writer.sequence(&[1, 2], 0), Err(WriteError::Ids { expected: 3, found: 2 })));
	let outside = writer.sequence(&[1, 2, VOCABULARY], 0);
	assert!(matches!(outside, Err(WriteError::Holdout(HoldoutError::Id { id: VOCABULARY, .. }))));
	assert!(matches!(writer.finish(), Err(WriteError::TooShort(3))));
}

proptest! {
	#[test]
	fn sequences_survive_their_bytes(
		positions in 1_u32..20, count in 1_usize..40, seed: u64, flip: prop::sample::Index, bit in 0_u8..8,
	) {
		let mut stream = blyan_exact::definition2::golden::Stream::new(&seed.to_le_bytes());
		let ids = (0..count).map(|_| (0..=positions).map(|_| stream.below(500) as u32).collect());
		let sequences: Vec<Vec<u32>> = ids.collect();
		let (mut bytes, summary) = written(positions, &sequences);
		let holdout = Holdout::read(bytes.as_slice()).unwrap();
		prop_assert_eq!((holdout.root(), holdout.sequences()), (summary.root, summary.sequences));
		prop_assert_eq!(summary.file_bytes, bytes.len() as u64);
		for (index, ids) in sequences.iter().enumerate() {
			prop_assert_eq!(&holdout.ids(index as u32).unwrap(), ids);
			prop_assert_eq!(holdout.text_bytes(index as u32), Some(3 * index as u32));
		}
		// Only the vocabulary, the tokenizer's hash and the counts are not under the root.
		let at = flip.index(bytes.len());
		let counts = bytes.len() - 4 * count;
		bytes[at] ^= 1 << bit;
		let is_free = (16..20).contains(&at) || (24..56).contains(&at) || at >= counts;
		prop_assert!(is_free || Holdout::read(bytes).is_err());
	}
}
