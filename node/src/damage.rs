//! Words for a node whose files are damaged, or whose disk is full: what happened, and what to do.
//!
//! The database is a set of memory maps. Reading a page that is not in the file any more, or writing one for which the disk
//! has no room, is no error that a program could return: the kernel ends the process by SIGBUS. An error while it is open is a panic
//! of the SDK's, which calls it a bug. Both get a sentence of ours in front.

use nix::sys::signal::{sigaction, SaFlags, SigAction, SigHandler, SigSet, Signal};
use sc_service::Error;
use std::{ffi::c_int, panic::PanicHookInfo, path::Path};

/// The file whose presence makes a folder a database.
const METADATA: &str = "metadata";

/// Way out for a database that cannot be used.
macro_rules! advice {
	() => {
		"If the disk is full, make room and start again: nothing is lost. Else the database is damaged, or of another chain: move the folder \
		`paritydb` of this chain aside and start again. Keys and blobs lie in other folders and stay; the chain comes from other \
		nodes (faster with --sync warp), or from a snapshot (blyan-node snapshot import)."
	};
}

/// Written when a page of a file is missing.
const ON_BUS_ERROR: &str = concat!(
	"\nError: a file of the database is shorter than it was, or there is no room to write to it (SIGBUS). ",
	advice!(),
	"\n"
);
/// Written before the report of a panic that a damaged database or a full disk explains.
const ON_PANIC: &str =
	concat!("Error: the database failed while the node ran; the report below says where. ", advice!());

/// Texts in the SDK's panics that only a database explains which lost entries or returns other bytes than were written.
///
/// A runtime that reads state cannot be given an error, and hashes that the node holds itself are taken as known. None of these texts
/// depends on bytes that peers or clients send.
const TEXTS: [&str; 18] = [
	// sc-client-db: an error of parity-db while it is open.
	"Critical database error",
	// sp-state-machine: an error of the backend below a runtime, and its reasons.
	"Externalities not allowed to fail within runtime",
	"Trie lookup error",
	"TrieDB iteration error",
	"TrieDB iterator seek error",
	"TrieDB iterator next error",
	// trie-db: a node that is not there or is another one; the same as `Debug` writes it.
	"Database missing expected key",
	"IncompleteDatabase(",
	"InvalidStateRoot(",
	"contains invalid hash reference with length",
	// sc-client-db: a header that cannot be decoded; BABE, GRANDPA and slots: their own entries.
	"Error decoding header",
	"DB is corrupted",
	// Blocks that must be there: sc-service and sc-network-sync, cumulus, sc-consensus, BABE, GRANDPA and the relay chain.
	"Genesis block exists",
	"No header for parent block",
	"was fetched from block in db",
	"must exist in db",
	"Header known to exist",
	"all blocks below finalized number must have been imported",
];

/// Writes a sentence before SIGBUS ends the process, which it does as before.
pub fn explain_bus_errors() -> nix::Result<()> {
	// Reset by the kernel when it is called: the access is repeated when the handler returns, and then the signal ends the process.
	let flags = SaFlags::SA_RESETHAND | SaFlags::SA_ONSTACK;
	let action = SigAction::new(SigHandler::Handler(on_bus_error), flags, SigSet::empty());
	// SAFETY: the handler does nothing but write(2), which may be called in a handler, and the process ends behind it.
	unsafe { sigaction(Signal::SIGBUS, &action) }.map(drop)
}

extern "C" fn on_bus_error(_signal: c_int) {
	// Without a standard error there is nothing more to do.
	let _ = nix::unistd::write(std::io::stderr(), ON_BUS_ERROR.as_bytes());
}

/// Returns what to say before the report of a panic, if the database is the reason.
pub fn words_for(panic: &PanicHookInfo<'_>) -> Option<&'static str> {
	let payload = panic.payload();
	let text = payload.downcast_ref::<&str>().copied();
	let text = text.or(payload.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
	is_of_database(text, panic.location().map_or("", |location| location.file())).then_some(ON_PANIC)
}

fn is_of_database(text: &str, file: &str) -> bool {
	file.contains("parity-db") || TEXTS.iter().any(|part| text.contains(part))
}

/// Refuses a database with an index that was cut short.
///
/// parity-db 0.4 fills such a file with zeros when it opens it: what was behind the cut would be as if it had never been written, and
/// the node might run for long before it misses any of it.
pub fn ensure_whole(database: Option<&Path>) -> Result<(), Error> {
	let Some(files) = database.and_then(|path| std::fs::read_dir(path).ok()) else { return Ok(()) };
	for file in files.flatten() {
		let name = file.file_name();
		let Some(whole) = name.to_str().and_then(index_bytes) else { continue };
		let bytes = file.metadata().map_or(whole, |metadata| metadata.len());
		// A process that was killed between making the file and sizing it leaves none.
		if bytes > 0 && bytes < whole {
			return Err(Error::Other(format!(
				concat!("{} has {} bytes instead of {}. ", advice!()),
				file.path().display(),
				bytes,
				whole
			)));
		}
	}
	Ok(())
}

/// Bytes of a file `index_CC_BB` of column `CC`: a header of 16 KiB and `2^BB` chunks of 512 bytes (index.rs of parity-db 0.4).
fn index_bytes(name: &str) -> Option<u64> {
	let (_column, bits) = name.strip_prefix("index_")?.split_once('_')?;
	let chunks = 1_u64.checked_shl(bits.parse().ok()?)?;
	chunks.checked_mul(512)?.checked_add(16 << 10)
}

/// Adds what to do to an error about a database that cannot be opened. Other errors stay as they are.
pub fn explain(error: Error, database: Option<&Path>) -> Error {
	let Some(database) = database.filter(|path| path.join(METADATA).exists()) else { return error };
	if !matches!(error, Error::Client(_)) {
		return error;
	}
	let (text, database) = (error.to_string(), database.display());
	if text.contains("file is in use") {
		return Error::Other(format!(
			"{database} is in use: stop the node that runs on it first, or choose another --base-path ({text})"
		));
	}
	Error::Other(format!(concat!("the database in {} cannot be opened: {}. ", advice!()), database, text))
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_blockchain::Error as ChainError;
	use sp_externalities::Externalities;
	use sp_runtime::{traits::BlakeTwo256, StateVersion};
	use sp_state_machine::{create_proof_check_backend, new_in_mem, Ext, OverlayedChanges};
	use std::panic::{catch_unwind, AssertUnwindSafe};

	fn corrupt() -> Error {
		Error::Client(ChainError::Backend("Corruption: Bad metadata".into()))
	}

	#[test]
	fn a_database_that_cannot_be_opened_is_an_error_with_a_way_out() {
		let dir = tempfile::tempdir().expect("a folder");
		let untouched = explain(corrupt(), Some(dir.path())).to_string();
		assert!(!untouched.contains("snapshot"), "there is no database: {untouched}");
		std::fs::write(dir.path().join(METADATA), b"version=").expect("written");
		let said = explain(corrupt(), Some(dir.path())).to_string();
		assert!(
			said.contains("Bad metadata") && said.contains("--sync warp") && said.contains("snapshot import"),
			"{said}"
		);
		let said =
			explain(Error::Client(ChainError::StateDatabase("Invalid metadata".into())), Some(dir.path()));
		assert!(said.to_string().contains("Invalid metadata"), "{said}");
		let used = Error::Client(ChainError::Backend("Database file is in use. (os error 11)".into()));
		let said = explain(used, Some(dir.path())).to_string();
		assert!(said.contains("stop the node that runs on it") && !said.contains("damaged"), "{said}");
		let other = explain(Error::Other("another".into()), Some(dir.path())).to_string();
		assert_eq!(other, "Other: another");
		assert_eq!(explain(Error::Other("another".into()), None).to_string(), "Other: another");
	}

	#[test]
	fn a_database_with_a_shortened_index_is_refused_before_it_is_opened() {
		let dir = tempfile::tempdir().expect("a folder");
		let options = parity_db::Options::with_columns(dir.path(), 1);
		let database = parity_db::Db::open_or_create(&options).expect("opens");
		database.commit([(0, [7; 32], Some(vec![7; 100]))]).expect("is written");
		drop(database);
		let index = std::fs::read_dir(dir.path()).expect("is there").flatten().map(|entry| entry.path());
		let index = index.filter(|path| path.to_string_lossy().contains("index_")).collect::<Vec<_>>();
		let [index] = index.as_slice() else { panic!("one index: {index:?}") };
		ensure_whole(Some(dir.path())).expect("is as parity-db wrote it");

		let file = std::fs::OpenOptions::new().write(true).open(index).expect("opens");
		let whole = file.metadata().expect("is there").len();
		file.set_len(whole - 1).expect("is cut");
		let said = ensure_whole(Some(dir.path())).expect_err("is cut").to_string();
		assert!(said.contains(&whole.to_string()) && said.contains("snapshot import"), "{said}");
		file.set_len(0).expect("is cut");
		ensure_whole(Some(dir.path())).expect("was made and never sized");
		ensure_whole(Some(&dir.path().join("none"))).expect("there is no database yet");
		ensure_whole(None).expect("there is none on disk");
	}

	/// As they are formatted, of the releases in Cargo.lock.
	#[test]
	fn panics_of_the_database_are_told_from_others() {
		let lookup = "Externalities not allowed to fail within runtime: \"Trie lookup error: Database missing expected key: 0x0a\"";
		for text in [
			"Critical database error: Io(Os { code: 28 })",
			lookup,
			"called `Result::unwrap()` on an `Err` value: Execution(\"TrieDB iteration error: Decoding failed for hash 0x0a\")",
			"called `Result::unwrap()` on an `Err` value: TrieError(IncompleteDatabase(0x0a))",
			"called `Result::unwrap()` on an `Err` value: InvalidStateRoot(0x0a)",
			"Encoded node 0x0a contains invalid hash reference with length: 3",
			"db error: Backend(\"Error decoding header\")",
			"Genesis block exists; qed",
			"No header for parent block",
			"given block hash was fetched from block in db; qed",
			"best finalized hash was given by client; finalized headers must exist in db; qed",
			"Header known to exist due to the existence of one of its descendants; qed",
			"begin number is lower than finalized number; all blocks below finalized number must have been imported; qed.",
		] {
			assert!(is_of_database(text, "registry/some-crate-1.0.0/src/lib.rs"), "{text}");
		}
		assert!(is_of_database("index out of bounds", "registry/parity-db-0.4.13/src/index.rs"));
		for text in [
			"index out of bounds",
			"called `Option::unwrap()` on a `None` value",
			"Bad input data provided to validate_transaction: Codec error",
			"failed to decode header",
			"Storage root must match that calculated.",
		] {
			assert!(!is_of_database(text, "node/src/main.rs"), "{text}");
		}
	}

	/// The panic itself, so that a release of the SDK with another text is noticed.
	#[test]
	fn a_runtime_that_reads_a_lost_entry_panics_with_words() {
		let entries = (0_u8..100).map(|key| (vec![key; 40], Some(vec![key; 40]))).collect();
		let whole = new_in_mem::<BlakeTwo256>().update(vec![(None, entries)], StateVersion::V1);
		let root = *whole.root();
		// All that is left of the state is the way to one key.
		let rest = sp_state_machine::prove_read(whole, [vec![7; 40]]).expect("is read");
		let damaged = create_proof_check_backend::<BlakeTwo256>(root, rest).expect("the root is there");
		let mut overlay = OverlayedChanges::default();
		let mut runtime = Ext::new(&mut overlay, &damaged, None);
		assert_eq!(runtime.storage(&[7; 40]), Some(vec![7; 40]));
		let read = catch_unwind(AssertUnwindSafe(|| runtime.storage(&[8; 40])));
		let panic = read.expect_err("the entry is lost");
		let text = panic.downcast_ref::<String>().expect("is formatted");
		assert!(text.contains("Database missing expected key") && is_of_database(text, ""), "{text}");
	}
}
