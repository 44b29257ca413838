use super::{
	archive::{self, Writer},
	import::ensure_room,
	manifest::{ArchiveEntry, BlockPoint, FileEntry, Manifest, FORMAT},
	progress::Progress,
	SnapshotError,
};
use sp_core::H256;
use std::{fs, path::Path};

/// Two files of which one is mostly a hole, in an archive.
fn archived(dir: &Path) -> (std::path::PathBuf, ArchiveEntry, Vec<FileEntry>) {
	let path = dir.join("x.tar.zst");
	let progress = Progress::bytes("test", 0);
	let mut holey = vec![0; 300_000];
	holey[200_000] = 7;
	fs::write(dir.join("a"), b"some bytes").expect("writable");
	fs::write(dir.join("b"), &holey).expect("writable");
	let mut writer = Writer::create(&path).expect("writable");
	writer.add(&dir.join("a"), "database/a".into(), &progress).expect("readable");
	writer.add(&dir.join("b"), "database/b".into(), &progress).expect("readable");
	let (entry, files) = writer.finish(&path).expect("writable");
	(path, entry, files)
}

fn read(
	path: &Path,
	entry: &ArchiveEntry,
	files: &[FileEntry],
	target: Option<&Path>,
) -> Result<(), SnapshotError> {
	archive::read(path, entry, files, target, &Progress::bytes("test", 0))
}

#[test]
fn archive_round_trip() {
	let dir = tempfile::tempdir().expect("temporary folder");
	let (path, entry, files) = archived(dir.path());
	read(&path, &entry, &files, None).expect("whole");
	let target = dir.path().join("target");
	read(&path, &entry, &files, Some(&target)).expect("whole");
	for name in ["a", "b"] {
		let unpacked = fs::read(target.join("database").join(name)).expect("unpacked");
		assert_eq!(unpacked, fs::read(dir.path().join(name)).expect("still there"), "{name}");
	}
}

#[test]
fn archive_rejects_every_change() {
	let dir = tempfile::tempdir().expect("temporary folder");
	let (path, entry, files) = archived(dir.path());
	let bytes = fs::read(&path).expect("written");

	fs::write(&path, &bytes[..bytes.len() - 1]).expect("writable");
	let error = read(&path, &entry, &files, None).expect_err("truncated");
	assert!(matches!(&error, SnapshotError::Damaged(why) if why.contains("bytes long")), "{error}");

	for place in [0, bytes.len() / 2, bytes.len() - 1] {
		let mut altered = bytes.clone();
		altered[place] ^= 1;
		fs::write(&path, &altered).expect("writable");
		let error = read(&path, &entry, &files, None).expect_err("altered");
		assert!(matches!(error, SnapshotError::Damaged(_)), "{place}: {error}");
	}
}

#[test]
fn archive_rejects_files_that_the_manifest_does_not_name() {
	let dir = tempfile::tempdir().expect("temporary folder");
	let (path, entry, files) = archived(dir.path());
	let renamed = |name: &str| {
		let mut files = files.clone();
		files[0].path = name.into();
		read(&path, &entry, &files, None)
	};
	assert!(matches!(renamed("database/c"), Err(SnapshotError::Damaged(_))));
	assert!(matches!(read(&path, &entry, &files[..1], None), Err(SnapshotError::Damaged(_))));
	let more = [&files[..], &files[..1]].concat();
	assert!(matches!(read(&path, &entry, &more, None), Err(SnapshotError::Damaged(_))));
}

#[test]
fn archive_rejects_names_that_leave_the_folder() {
	let dir = tempfile::tempdir().expect("temporary folder");
	let path = dir.path().join("x.tar.zst");
	fs::write(dir.path().join("a"), b"bytes").expect("writable");
	// The library refuses to write such a name, so it is put into the header by hand.
	let mut header = tar::Header::new_gnu();
	let name = b"../outside";
	header.as_mut_bytes()[..name.len()].copy_from_slice(name);
	header.set_size(5);
	header.set_mode(0o644);
	header.set_cksum();
	let mut tar = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1).expect("memory"));
	tar.append(&header, &b"bytes"[..]).expect("memory");
	let bytes = tar.into_inner().and_then(zstd::Encoder::finish).expect("memory");
	fs::write(&path, &bytes).expect("writable");
	let hash = |bytes: &[u8]| H256(sp_crypto_hashing::blake2_256(bytes));
	let entry = ArchiveEntry { size: bytes.len() as u64, blake2_256: hash(&bytes) };
	let files = [FileEntry { path: "../outside".into(), size: 5, blake2_256: hash(b"bytes") }];
	let error = read(&path, &entry, &files, Some(&dir.path().join("target"))).expect_err("leaves the folder");
	assert!(matches!(&error, SnapshotError::Damaged(why) if why.contains("plain")), "{error}");
	assert!(!dir.path().join("outside").exists());
}

#[test]
fn manifest_is_read_only_with_the_hash_that_was_told() {
	let dir = tempfile::tempdir().expect("temporary folder");
	let (path, manifest) = described(dir.path());
	let hash = manifest.write(&path).expect("writable");
	assert_eq!(Manifest::read(&path, Some(hash)).expect("as written"), (manifest.clone(), hash));
	let error = Manifest::read(&path, Some(H256::zero())).expect_err("another hash");
	assert!(matches!(error, SnapshotError::AnotherSnapshot { .. }), "{error}");

	let later = Manifest { format: FORMAT + 1, ..manifest };
	later.write(&path).expect("writable");
	assert!(matches!(Manifest::read(&path, None), Err(SnapshotError::Format(..))));
	fs::write(Manifest::path_for(&path), "no JSON").expect("writable");
	assert!(matches!(Manifest::read(&path, None), Err(SnapshotError::Manifest(..))));
}

#[test]
fn import_is_refused_when_the_disk_has_no_room_for_it() {
	let dir = tempfile::tempdir().expect("temporary folder");
	let (_, mut manifest) = described(dir.path());
	ensure_room(dir.path(), &manifest).expect("room for a few bytes");
	manifest.files[0].size = u64::MAX;
	let error = ensure_room(dir.path(), &manifest).expect_err("no disk is that large");
	assert!(matches!(error, SnapshotError::NoRoom { .. }), "{error}");
}

/// An archive and its manifest, which is not written yet.
fn described(dir: &Path) -> (std::path::PathBuf, Manifest) {
	let (path, archive, files) = archived(dir);
	let manifest = Manifest {
		format: FORMAT,
		created_by: "test".into(),
		chain: "Test".into(),
		chain_id: "test".into(),
		genesis: H256::repeat_byte(1),
		finalized: BlockPoint { number: 7, hash: H256::repeat_byte(2), state_root: H256::repeat_byte(3) },
		state_entries: 9,
		spec_version: 1,
		database: "paritydb".into(),
		archive,
		files,
	};
	(path, manifest)
}
