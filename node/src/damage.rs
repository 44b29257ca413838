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
	text.contains("Critical database error") || file.contains("parity-db")
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
	fn panics_of_the_database_are_told_from_others() {
		assert!(is_of_database(
			"Critical database error: Io(Os { code: 28 })",
			"sc-client-db/src/parity_db.rs"
		));
		assert!(is_of_database("index out of bounds", "registry/parity-db-0.4.13/src/index.rs"));
		assert!(!is_of_database("index out of bounds", "node/src/main.rs"));
	}
}
