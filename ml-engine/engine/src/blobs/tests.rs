use super::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};

const ALICE: Uploader = Uploader(1);
const BOB: Uploader = Uploader(2);

fn store(bytes_max: u64) -> (tempfile::TempDir, BlobStore) {
	let dir = tempfile::tempdir().unwrap();
	let store = BlobStore::open(dir.path().join("blobs"), bytes_max).unwrap();
	(dir, store)
}

fn hash_of(bytes: &[u8]) -> H256 {
	H256(blake2_256(&[bytes]))
}

#[test]
fn blobs_survive_a_restart_and_interrupted_writes_do_not() {
	let (dir, store) = store(1_000);
	let hash = store.put(b"kept").unwrap();
	let pending = hash_of(b"never finished");
	store.write_chunk(ALICE, &pending, 14, 0, b"never").unwrap();
	drop(store);
	let store = BlobStore::open(dir.path().join("blobs"), 1_000).unwrap();
	assert_eq!(store.get(&hash).unwrap(), b"kept");
	assert_eq!((store.hashes(), store.used_bytes(), store.size(&hash)), (vec![hash], 4, Some(4)));
	assert_eq!(store.upload_status(ALICE, &pending), UploadStatus { received: 0, complete: false });
	assert_eq!(fs::read_dir(store.dir()).unwrap().count(), 1);
}

#[test]
fn put_twice_counts_once_and_remove_gives_back() {
	let (_dir, store) = store(1_000);
	let hash = store.put(b"once").unwrap();
	assert_eq!(store.put(b"once").unwrap(), hash);
	assert_eq!(store.used_bytes(), 4);
	store.remove(&hash).unwrap();
	store.remove(&hash).unwrap();
	assert_eq!(store.used_bytes(), 0);
	assert!(matches!(store.get(&hash), Err(BlobError::Missing(missing)) if missing == hash));
}

#[test]
fn a_damaged_file_is_dropped_and_reported() {
	let (_dir, store) = store(1_000);
	let hash = store.put(b"good").unwrap();
	fs::write(store.path(&hash), b"evil").unwrap();
	assert!(matches!(store.verified_path(&hash), Err(BlobError::Corrupt(_))));
	assert!(matches!(store.get(&hash), Err(BlobError::Missing(_))));
	assert_eq!(store.used_bytes(), 0);
	store.put(b"good").unwrap();
	assert_eq!(store.get(&hash).unwrap(), b"good");
	fs::remove_file(store.path(&hash)).unwrap();
	assert!(matches!(store.read_range(&hash, 0, 4), Err(BlobError::Missing(_))));
	assert_eq!(store.used_bytes(), 0);
}

#[test]
fn the_quota_covers_blobs_and_promises() {
	let (_dir, store) = store(10);
	store.put(b"12345").unwrap();
	assert!(matches!(
		store.put(b"123456"),
		Err(BlobError::QuotaExceeded { size: 6, free: 5, bytes_max: 10 })
	));
	store.write_chunk(ALICE, &hash_of(b"abcde"), 5, 0, b"a").unwrap();
	assert!(matches!(store.put(b"x"), Err(BlobError::QuotaExceeded { free: 0, .. })));
	assert!(matches!(
		store.write_chunk(ALICE, &hash_of(b"y"), BLOB_BYTES_MAX + 1, 0, b"y"),
		Err(BlobError::TooLarge { .. })
	));
}

#[test]
fn chunks_outside_the_announced_size_are_refused() {
	let (_dir, store) = store(100);
	let hash = hash_of(b"abcd");
	for (offset, bytes) in [(0, &b""[..]), (3, b"de"), (u64::MAX, b"d"), (4, b"d")] {
		assert!(matches!(
			store.write_chunk(ALICE, &hash, 4, offset, bytes),
			Err(BlobError::ChunkOutOfRange { .. })
		));
	}
	store.write_chunk(ALICE, &hash, 4, 0, b"a").unwrap();
	assert!(matches!(
		store.write_chunk(ALICE, &hash, 5, 0, b"a"),
		Err(BlobError::TotalDiffers { begun: 4, announced: 5 })
	));
}

#[test]
fn an_upload_with_the_wrong_bytes_leaves_nothing() {
	let (_dir, store) = store(100);
	let hash = hash_of(b"abcd");
	store.write_chunk(ALICE, &hash, 4, 2, b"cX").unwrap();
	assert!(matches!(store.write_chunk(ALICE, &hash, 4, 0, b"ab"), Err(BlobError::HashMismatch(_))));
	assert_eq!((store.used_bytes(), store.has(&hash)), (0, false));
	assert_eq!(fs::read_dir(store.dir()).unwrap().count(), 0);
	assert!(matches!(store.put_expected(&hash, b"abcX"), Err(BlobError::HashMismatch(_))));
	store.put_expected(&hash, b"abcd").unwrap();
}

#[test]
fn received_is_the_first_missing_byte_whatever_came_before() {
	let (_dir, store) = store(1_000);
	let bytes = b"0123456789";
	let hash = hash_of(bytes);
	let write = |offset: usize, len: usize| {
		store.write_chunk(ALICE, &hash, 10, offset as u64, &bytes[offset..offset + len]).unwrap()
	};
	let at = |received| UploadStatus { received, complete: false };
	assert_eq!(write(9, 1), at(0));
	assert_eq!(write(0, 3), at(3));
	assert_eq!(write(4, 3), at(3));
	assert_eq!(store.upload_status(ALICE, &hash), at(3));
	// A client that goes on where it is told to gets to the end.
	let mut next = 3;
	while next < 10 {
		next = write(next, 2.min(10 - next)).received as usize;
	}
	assert!(store.has(&hash));
}

#[test]
fn an_upload_of_another_neither_helps_nor_hurts() {
	let (_dir, store) = store(1_000);
	let hash = hash_of(b"abcd");
	store.write_chunk(ALICE, &hash, 4, 0, b"ab").unwrap();
	assert_eq!(store.write_chunk(BOB, &hash, 4, 0, b"XX").unwrap().received, 2);
	assert!(matches!(store.write_chunk(BOB, &hash, 4, 2, b"XX"), Err(BlobError::HashMismatch(_))));
	assert_eq!(store.upload_status(ALICE, &hash).received, 2);
	store.write_chunk(BOB, &hash, 4, 1, b"X").unwrap();
	assert!(store.write_chunk(ALICE, &hash, 4, 2, b"cd").unwrap().complete);
	assert_eq!(store.get(&hash).unwrap(), b"abcd");
	// Nothing is left of Bob's.
	assert_eq!((store.used_bytes(), fs::read_dir(store.dir()).unwrap().count()), (4, 1));
}

#[test]
fn a_blob_that_is_here_is_not_taken_again_and_its_size_is_held_against_the_caller() {
	let (_dir, store) = store(1_000);
	let hash = store.put(b"abcd").unwrap();
	let here = UploadStatus { received: 4, complete: true };
	assert_eq!(store.write_chunk(ALICE, &hash, 4, 2, b"cd").unwrap(), here);
	assert!(matches!(
		store.write_chunk(ALICE, &hash, 5, 0, b"abcde"),
		Err(BlobError::SizeDiffers { size: 4, announced: 5, .. })
	));
}

#[test]
fn an_uploader_with_too_many_uploads_loses_its_own_idlest() {
	let (_dir, store) = store(1_000);
	let began = Instant::now();
	let write = |by, second, byte: u8| {
		let now = began + Duration::from_secs(second);
		store.write_chunk_at(now, by, &hash_of(&[byte, 0]), 2, 0, &[byte]).unwrap();
	};
	write(BOB, 0, 9);
	for byte in 0..=UPLOADS_EACH_MAX as u8 {
		write(ALICE, 1 + u64::from(byte), byte);
	}
	let received = |by, byte: u8| store.upload_status(by, &hash_of(&[byte, 0])).received;
	assert_eq!([0, 1, 2].map(|byte| received(ALICE, byte)), [0, 1, 1]);
	assert_eq!(received(BOB, 9), 1);
}

#[test]
fn a_full_house_gives_way_only_where_an_upload_is_stalled() {
	let (_dir, store) = store(10 << 20);
	let began = Instant::now();
	let size = 1 << 19;
	let hash = |byte: u8| hash_of(&[byte, 0]);
	let write = |by: u64, second: u64, offset: u64, len: usize| {
		let now = began + Duration::from_secs(second);
		let bytes = vec![by as u8; len];
		store.write_chunk_at(now, Uploader(by), &hash(by as u8), size, offset, &bytes)
	};
	for by in 0..UPLOADS_MAX as u64 {
		write(by, 0, 0, 1_000).unwrap();
	}
	assert!(matches!(write(99, 4, 0, 1), Err(BlobError::UploadsBusy { uploads: UPLOADS_MAX })));
	// All but one go on: the silent one goes, and no other.
	for by in 1..UPLOADS_MAX as u64 {
		write(by, 4, 1_000, 300_000).unwrap();
	}
	write(99, 6, 0, 1_000).unwrap();
	assert_eq!(store.upload_status(Uploader(0), &hash(0)).received, 0);
	assert_eq!(store.upload_status(Uploader(1), &hash(1)).received, 301_000);
	assert!(matches!(write(98, 7, 0, 1), Err(BlobError::UploadsBusy { .. })));
	// A byte now and then keeps no place for long.
	for by in 1..UPLOADS_MAX as u64 {
		for second in (8..=32).step_by(4) {
			write(by, second, 301_000 + second, 1).unwrap();
		}
	}
	write(98, 33, 0, 1_000).unwrap();
	write(97, 33, 0, 1_000).unwrap();
	assert_eq!(store.used_bytes(), UPLOADS_MAX as u64 * size);
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(32))]

	#[test]
	fn chunks_in_any_order_make_the_blob(
		bytes in prop::collection::vec(any::<u8>(), 1..2_000), chunk in 1_usize..300, seed: u64,
	) {
		let (_dir, store) = store(10_000);
		let hash = hash_of(&bytes);
		let mut chunks: Vec<(usize, &[u8])> = bytes.chunks(chunk).enumerate().map(|(i, c)| (i * chunk, c)).collect();
		let mut state = seed;
		chunks.sort_by_cached_key(|_| {
			state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
			state >> 33
		});
		let last = chunks.len() - 1;
		for (i, (offset, part)) in chunks.into_iter().enumerate() {
			let status = store.write_chunk(ALICE, &hash, bytes.len() as u64, offset as u64, part).unwrap();
			prop_assert_eq!(status.complete, i == last);
		}
		prop_assert_eq!(store.read_range(&hash, 1, 5_000).unwrap(), &bytes[1..]);
		prop_assert_eq!(&store.get(&hash).unwrap(), &bytes);
		prop_assert!(store.write_chunk(BOB, &hash, bytes.len() as u64, 0, b"x").unwrap().complete);
	}
}
