use super::*;
use proptest::prelude::*;

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
	store.write_chunk(&pending, 14, 0, b"never").unwrap();
	drop(store);
	let store = BlobStore::open(dir.path().join("blobs"), 1_000).unwrap();
	assert_eq!(store.get(&hash).unwrap(), b"kept");
	assert_eq!((store.hashes(), store.used_bytes(), store.size(&hash)), (vec![hash], 4, Some(4)));
	assert_eq!(store.upload_status(&pending), UploadStatus { received: 0, complete: false });
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
	store.write_chunk(&hash_of(b"abcde"), 5, 0, b"a").unwrap();
	assert!(matches!(store.put(b"x"), Err(BlobError::QuotaExceeded { free: 0, .. })));
	assert!(matches!(
		store.write_chunk(&hash_of(b"y"), BLOB_BYTES_MAX + 1, 0, b"y"),
		Err(BlobError::TooLarge { .. })
	));
}

#[test]
fn chunks_outside_the_announced_size_are_refused() {
	let (_dir, store) = store(100);
	let hash = hash_of(b"abcd");
	for (offset, bytes) in [(0, &b""[..]), (3, b"de"), (u64::MAX, b"d"), (4, b"d")] {
		assert!(matches!(store.write_chunk(&hash, 4, offset, bytes), Err(BlobError::ChunkOutOfRange { .. })));
	}
	store.write_chunk(&hash, 4, 0, b"a").unwrap();
	assert!(matches!(
		store.write_chunk(&hash, 5, 0, b"a"),
		Err(BlobError::TotalDiffers { begun: 4, announced: 5 })
	));
}

#[test]
fn an_upload_with_the_wrong_bytes_leaves_nothing() {
	let (_dir, store) = store(100);
	let hash = hash_of(b"abcd");
	store.write_chunk(&hash, 4, 2, b"cX").unwrap();
	assert!(matches!(store.write_chunk(&hash, 4, 0, b"ab"), Err(BlobError::HashMismatch(_))));
	assert_eq!((store.used_bytes(), store.has(&hash)), (0, false));
	assert_eq!(fs::read_dir(store.dir()).unwrap().count(), 0);
	assert!(matches!(store.put_expected(&hash, b"abcX"), Err(BlobError::HashMismatch(_))));
	store.put_expected(&hash, b"abcd").unwrap();
}

#[test]
fn one_upload_too_many_drops_the_idlest() {
	let (_dir, store) = store(1_000);
	let hashes: Vec<H256> = (0..=UPLOADS_MAX as u8).map(|i| hash_of(&[i, 0])).collect();
	for hash in &hashes {
		store.write_chunk(hash, 2, 0, b"a").unwrap();
		// The first stays in use and is never the idlest.
		store.write_chunk(&hashes[0], 2, 0, &[0]).unwrap();
	}
	assert_eq!(store.upload_status(&hashes[0]).received, 1);
	assert_eq!(store.upload_status(&hashes[1]).received, 0);
	assert_eq!(store.upload_status(&hashes[2]).received, 1);
	assert_eq!(store.used_bytes(), 2 * UPLOADS_MAX as u64);
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
			let status = store.write_chunk(&hash, bytes.len() as u64, offset as u64, part).unwrap();
			prop_assert_eq!(status.complete, i == last);
		}
		prop_assert_eq!(store.read_range(&hash, 1, 5_000).unwrap(), &bytes[1..]);
		prop_assert_eq!(store.get(&hash).unwrap(), bytes);
		prop_assert!(store.write_chunk(&hash, 1, 0, b"x").unwrap().complete);
	}
}
