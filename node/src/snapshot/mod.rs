//! Snapshots: a chain's database as one file that says what it is and proves that it is whole.
//!
//! ```text
//!  chain.tar.zst        the database's files, and blobs if asked for, compressed
//!  chain.tar.zst.json   the manifest: chain, genesis, block, state root, every file's size and hash
//! ```
//!
//! The hash of the manifest stands for all of it: the manifest holds the archive's hash and every file's. The publisher
//! of a snapshot announces that hash; the operator that imports it names it.
//!
//! What belongs to a machine and not to the chain never leaves it: keystore and node key lie elsewhere, and the
//! off-chain workers' memory (salts of seals not yet opened, what identifies the hardware) is left out of the copy.
//!
//! An import changes nothing until everything is verified, and then renames one folder.

mod archive;
mod database;
mod export;
mod import;
mod manifest;
mod progress;

pub use export::ExportCmd;
pub use import::{ImportCmd, VerifyCmd};

use sc_cli::{CliConfiguration, SharedParams};
use std::{
	io,
	path::{Path, PathBuf},
};

/// Makes, checks and uses snapshots.
#[derive(Debug, clap::Subcommand)]
pub enum SnapshotCmd {
	/// Write a snapshot of the chain's database. The node must be stopped.
	Export(ExportCmd),

	/// Put a snapshot in the place of the chain's database. The node must be stopped.
	Import(ImportCmd),

	/// Read a snapshot from end to end and compare it with its manifest. Needs no chain and no node.
	Verify(VerifyCmd),
}

/// Why a snapshot cannot be made or used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
	/// A file cannot be read or written.
	#[error("{0}: {1}")]
	Io(PathBuf, io::Error),
	/// There is no room.
	#[error(
		"not enough room in {dir}: the snapshot needs {needed} MiB there and {available} MiB are free. \
		Nothing was changed; make room, or choose another --base-path"
	)]
	NoRoom {
		/// Where.
		dir: PathBuf,
		/// MiB that are needed.
		needed: u64,
		/// MiB that there are.
		available: u64,
	},
	/// Another process has the database open.
	#[error("{0} is in use: stop the node that runs on it first")]
	InUse(PathBuf),
	/// There is nothing to export.
	#[error("there is no database in {0}; check --base-path and --chain")]
	NoDatabase(PathBuf),
	/// There is a database already.
	#[error(
		"there is a database in {0} already. Say --replace to put the snapshot in its place; it is kept aside"
	)]
	DatabaseExists(PathBuf),
	/// The file to write is there already.
	#[error("{0} exists already; choose another name or remove it")]
	FileExists(PathBuf),
	/// The manifest cannot be understood.
	#[error("{0} is no manifest of a snapshot: {1}")]
	Manifest(PathBuf, serde_json::Error),
	/// A later format.
	#[error("this snapshot has format {0}; this node knows {1}. Use a newer node")]
	Format(u32, u32),
	/// The hash is not the one that was named.
	#[error("the snapshot's hash is {actual}, not {expected}: this is not the snapshot you were told of")]
	AnotherSnapshot {
		/// The hash given with --hash.
		expected: String,
		/// The hash of the manifest.
		actual: String,
	},
	/// The snapshot is of another chain.
	#[error(
		"the snapshot is of another chain: its genesis is {theirs} ({name}), ours {ours}. \
		Check --chain and --genesis-model"
	)]
	AnotherChain {
		/// The snapshot's genesis.
		theirs: String,
		/// The snapshot's chain.
		name: String,
		/// Ours.
		ours: String,
	},
	/// The archive is not what the manifest describes.
	#[error("the archive is damaged or was altered: {0}. Fetch it again")]
	Damaged(String),
	/// The database in the archive is not what the manifest describes.
	#[error("the snapshot's database is not what its manifest says: {0}")]
	Untrue(String),
	/// The database cannot be opened or read.
	#[error("the database cannot be read: {0}")]
	Database(String),
}

impl SnapshotError {
	/// Something that happened to a file.
	fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
		move |error| Self::Io(path.to_path_buf(), error)
	}
}

impl From<SnapshotError> for sc_cli::Error {
	fn from(error: SnapshotError) -> Self {
		Self::Application(Box::new(error))
	}
}

impl From<sp_blockchain::Error> for SnapshotError {
	fn from(error: sp_blockchain::Error) -> Self {
		Self::Database(error.to_string())
	}
}

impl CliConfiguration for ExportCmd {
	fn shared_params(&self) -> &SharedParams {
		&self.shared_params
	}
}

impl CliConfiguration for ImportCmd {
	fn shared_params(&self) -> &SharedParams {
		&self.shared_params
	}
}

#[cfg(test)]
mod tests;
