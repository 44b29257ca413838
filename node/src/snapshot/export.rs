//! `snapshot export`: the database of a node that is stopped, as one file.

use super::{
	archive::Writer,
	database::{self, ChainFolder},
	manifest::{Manifest, FORMAT},
	progress::{say, Progress},
	SnapshotError,
};
use sc_cli::{SharedParams, SubstrateCli};
use sc_service::Configuration;
use serde_json::json;
use std::{
	fs,
	path::{Path, PathBuf},
	time::Instant,
};

/// Ending of an archive's name.
const EXTENSION: &str = "tar.zst";
/// Ending of an archive that is not whole yet.
const UNFINISHED: &str = "part";

/// Writes a snapshot.
#[derive(Debug, Clone, clap::Parser)]
pub struct ExportCmd {
	/// The file to write, or a folder for a file named after the chain and its newest final block.
	#[arg(long, value_name = "FILE|DIR")]
	pub to: PathBuf,

	/// Add the blobs that this node stores, so that who imports it needs no peer to fetch them from.
	#[arg(long)]
	pub with_blobs: bool,

	/// Directory of the genesis model, if the chain was started with one.
	#[arg(long, value_name = "DIR")]
	pub genesis_model: Option<PathBuf>,

	/// Where the chain is.
	#[clap(flatten)]
	pub shared_params: SharedParams,
}

impl ExportCmd {
	/// Writes the snapshot and says what it is: JSON on standard output, a sentence on standard error.
	pub fn run(&self, config: &Configuration) -> Result<(), SnapshotError> {
		let began_at = Instant::now();
		let folder = ChainFolder::of(config);
		let facts = database::facts(config, &folder.database)?;
		let lock = database::lock(&folder.database)?;

		let archive = self.archive_path(config, facts.finalized.number);
		if let Some(existing) =
			[archive.clone(), Manifest::path_for(&archive)].iter().find(|path| path.exists())
		{
			return Err(SnapshotError::FileExists(existing.clone()));
		}
		let sources = self.sources(&folder)?;
		let unfinished = Unfinished(archive.with_added_extension(UNFINISHED));
		let mut writer = Writer::create(&unfinished.0)?;
		let progress = Progress::bytes("export", total_bytes(&sources));
		for (path, name) in sources {
			writer.add(&path, name, &progress)?;
		}
		let (entry, files) = writer.finish(&unfinished.0)?;
		drop((progress, lock));

		let manifest = Manifest {
			format: FORMAT,
			created_by: format!("{} {}", crate::cli::Cli::impl_name(), crate::cli::Cli::impl_version()),
			chain: config.chain_spec.name().into(),
			chain_id: config.chain_spec.id().into(),
			genesis: facts.genesis,
			finalized: facts.finalized,
			state_entries: facts.state_entries,
			spec_version: facts.spec_version,
			database: "paritydb".into(),
			archive: entry,
			files,
		};
		// The manifest comes last but one: an archive without it is no snapshot, and neither is one with another name.
		let hash = manifest.write(&archive)?;
		fs::rename(&unfinished.0, &archive).map_err(SnapshotError::io(&archive))?;

		let seconds = began_at.elapsed().as_secs_f64();
		say(format_args!(
			"📦 Block #{} of {} in {}: {} MiB from {} files, {seconds:.1} s. Its hash, for those who import it: {hash:?}",
			manifest.finalized.number,
			manifest.chain,
			archive.display(),
			manifest.archive.size >> 20,
			manifest.files.len(),
		));
		println!(
			"{}",
			json!({
				"archive": archive,
				"hash": hash,
				"bytes": manifest.archive.size,
				"number": manifest.finalized.number,
				"block": manifest.finalized.hash,
				"seconds": seconds,
			})
		);
		Ok(())
	}

	fn archive_path(&self, config: &Configuration, number: u32) -> PathBuf {
		match self.to.is_dir() {
			true => self.to.join(format!("{}-{number}.{EXTENSION}", config.chain_spec.id())),
			false => self.to.clone(),
		}
	}

	/// Every file that goes in, and its name there.
	fn sources(&self, folder: &ChainFolder) -> Result<Vec<(PathBuf, String)>, SnapshotError> {
		let mut sources: Vec<_> = database::chain_files(&folder.database)?
			.into_iter()
			.map(|name| (folder.database.join(&name), format!("{}/{name}", super::import::DATABASE)))
			.collect();
		if self.with_blobs {
			// A blob is named by its hash; everything else there is unfinished.
			let is_blob = |name: &str| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
			let blobs = database::files(&folder.blobs, is_blob)?;
			sources.extend(
				blobs
					.into_iter()
					.map(|name| (folder.blobs.join(&name), format!("{}/{name}", super::import::BLOBS))),
			);
		}
		Ok(sources)
	}
}

fn total_bytes(sources: &[(PathBuf, String)]) -> u64 {
	let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
	sources.iter().fold(0, |sum, (path, _)| sum.saturating_add(size(path)))
}

/// A file that goes away again unless it got its name.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
	fn drop(&mut self) {
		// It is not there any more if all went well.
		let _ = fs::remove_file(&self.0);
	}
}
