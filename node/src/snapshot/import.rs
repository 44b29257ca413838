//! `snapshot import` and `snapshot verify`.
//!
//! ```text
//!  manifest: hash as told? genesis ours? room on the disk?
//!  archive:  unpacked beside the database, every file and the whole hashed
//!  database: opened there; is it the block, the state, the runtime that the manifest says?
//!  then:     old database aside, new one in its place, two renames
//! ```

use super::{
	archive,
	database::{self, ChainFolder, Facts, Memory},
	manifest::Manifest,
	progress::{say, Progress},
	SnapshotError,
};
use nix::sys::statvfs::statvfs;
use sc_cli::SharedParams;
use sc_service::Configuration;
use serde_json::json;
use sp_core::H256;
use std::{
	fs::{self, File},
	io,
	path::{Path, PathBuf},
	time::{Instant, SystemTime, UNIX_EPOCH},
};

/// Folder of the database's files in an archive.
pub const DATABASE: &str = "database";
/// Folder of the blobs in an archive.
pub const BLOBS: &str = "blobs";
/// Where an import unpacks, below the chain's folder.
const WORKPLACE: &str = "snapshot-import";
/// Bytes that must be left when everything is unpacked.
const SPARE_BYTES: u64 = 64 << 20;

/// Uses a snapshot.
#[derive(Debug, Clone, clap::Parser)]
pub struct ImportCmd {
	/// The archive; its manifest lies beside it.
	#[arg(long, value_name = "FILE")]
	pub from: PathBuf,

	/// The snapshot's hash, from a source you trust. Without it only damage is found, not forgery.
	#[arg(long, value_name = "0xHASH")]
	pub hash: Option<H256>,

	/// Put it in the place of the database that is there, which is kept aside.
	#[arg(long)]
	pub replace: bool,

	/// Directory of the genesis model, if the chain was started with one.
	#[arg(long, value_name = "DIR")]
	pub genesis_model: Option<PathBuf>,

	/// Where the chain is.
	#[clap(flatten)]
	pub shared_params: SharedParams,
}

/// Checks a snapshot.
#[derive(Debug, Clone, clap::Parser)]
pub struct VerifyCmd {
	/// The archive; its manifest lies beside it.
	#[arg(long, value_name = "FILE")]
	pub from: PathBuf,

	/// The snapshot's hash, from a trusted source.
	#[arg(long, value_name = "0xHASH")]
	pub hash: Option<H256>,
}

impl VerifyCmd {
	/// Reads all of it and says what it is.
	pub fn run(&self) -> Result<(), SnapshotError> {
		let began_at = Instant::now();
		let (manifest, hash) = Manifest::read(&self.from, self.hash)?;
		let progress = Progress::bytes("verify", manifest.unpacked_bytes());
		archive::read(&self.from, &manifest.archive, &manifest.files, None, &progress)?;
		drop(progress);
		let seconds = began_at.elapsed().as_secs_f64();
		say(format_args!(
			"📦 {} is whole: block #{} of {}, runtime {}, {seconds:.1} s. Its hash: {hash:?}",
			self.from.display(),
			manifest.finalized.number,
			manifest.chain,
			manifest.spec_version
		));
		println!(
			"{}",
			json!({
				"hash": hash,
				"genesis": manifest.genesis,
				"number": manifest.finalized.number,
				"block": manifest.finalized.hash,
				"seconds": seconds,
			})
		);
		Ok(())
	}
}

impl ImportCmd {
	/// Verifies the snapshot and puts it in place.
	pub fn run(&self, config: &Configuration) -> Result<(), SnapshotError> {
		let began_at = Instant::now();
		let folder = ChainFolder::of(config);
		let (manifest, hash) = Manifest::read(&self.from, self.hash)?;
		let ours = database::genesis_hash(&*config.chain_spec)?;
		if manifest.genesis != ours {
			return Err(SnapshotError::AnotherChain {
				theirs: format!("{:?}", manifest.genesis),
				name: manifest.chain,
				ours: format!("{ours:?}"),
			});
		}
		let is_replaced = database::exists(&folder.database);
		if is_replaced && !self.replace {
			return Err(SnapshotError::DatabaseExists(folder.database));
		}
		if is_replaced {
			drop(database::lock(&folder.database)?);
		}

		fs::create_dir_all(&folder.chain).map_err(SnapshotError::io(&folder.chain))?;
		ensure_room(&folder.chain, &manifest)?;
		let workplace = Workplace::clear(folder.chain.join(WORKPLACE))?;
		let progress = Progress::bytes("import", manifest.unpacked_bytes());
		archive::read(&self.from, &manifest.archive, &manifest.files, Some(&workplace.0), &progress)?;
		drop(progress);

		let unpacked = workplace.0.join(DATABASE);
		ensure_true(&manifest, &database::facts(config, &unpacked)?)?;
		if is_replaced {
			self.carry_over(config, &folder.database, &unpacked);
		}
		let aside = put_in_place(&unpacked, &folder.database)?;
		let blobs = adopt_blobs(&workplace.0.join(BLOBS), &folder.blobs)?;

		let seconds = began_at.elapsed().as_secs_f64();
		say(format_args!(
			"📦 {} is at block #{} now ({blobs} blobs came with it), {seconds:.1} s. Start the node to catch up",
			manifest.chain, manifest.finalized.number
		));
		if let Some(aside) = &aside {
			say(format_args!(
				"The database from before is in {}. Remove it when all is well; to go back, stop the node and move it \
				to {}",
				aside.display(),
				folder.database.display()
			));
		}
		println!(
			"{}",
			json!({
				"hash": hash,
				"number": manifest.finalized.number,
				"block": manifest.finalized.hash,
				"replaced": aside,
				"blobs": blobs,
				"seconds": seconds,
			})
		);
		Ok(())
	}

	/// Keeps what is this machine's own. Losing it costs a seal that cannot be opened, and the import is often made
	/// because the old database is broken; so a failure is said and no more.
	fn carry_over(&self, config: &Configuration, from: &Path, to: &Path) {
		match database::carry_over(config, from, to) {
			Ok(Memory::Kept) => {}
			Ok(Memory::HardwareOnly) => say(
				"⚠️  The snapshot is not of this machine: scores that its operator sealed and has not opened yet \
				cannot be opened any more",
			),
			Err(error) => say(format_args!(
				"⚠️  The old database cannot be read ({error}): scores that its operator sealed and has not opened yet \
				are lost, and the machine's identifier may change"
			)),
		}
	}
}

/// Refuses if the disk has no room for everything, were there no holes in it.
pub(super) fn ensure_room(folder: &Path, manifest: &Manifest) -> Result<(), SnapshotError> {
	let disk =
		statvfs(folder).map_err(|errno| SnapshotError::Io(folder.to_path_buf(), io::Error::from(errno)))?;
	let available = disk.blocks_available().saturating_mul(disk.fragment_size());
	let needed = manifest.unpacked_bytes().saturating_add(SPARE_BYTES);
	match needed <= available {
		true => Ok(()),
		false => Err(SnapshotError::NoRoom {
			dir: folder.to_path_buf(),
			needed: needed >> 20,
			available: available >> 20,
		}),
	}
}

/// Refuses a database that is not the one the manifest describes.
fn ensure_true(manifest: &Manifest, facts: &Facts) -> Result<(), SnapshotError> {
	let claimed = Facts {
		genesis: manifest.genesis,
		finalized: manifest.finalized.clone(),
		state_entries: manifest.state_entries,
		spec_version: manifest.spec_version,
	};
	match claimed == *facts {
		true => Ok(()),
		false => Err(SnapshotError::Untrue(format!("it says {claimed:?}, and there is {facts:?}"))),
	}
}

/// Moves a verified database where the node looks for it. Returns where the one that was there went.
fn put_in_place(new: &Path, place: &Path) -> Result<Option<PathBuf>, SnapshotError> {
	let parent = place.parent().unwrap_or(place);
	fs::create_dir_all(parent).map_err(SnapshotError::io(parent))?;
	let aside = match place.exists() {
		true => {
			let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
			let aside = place.with_added_extension(format!("before-{now}"));
			fs::rename(place, &aside).map_err(SnapshotError::io(&aside))?;
			Some(aside)
		}
		false => None,
	};
	if let Err(error) = fs::rename(new, place) {
		if let Some(aside) = &aside {
			fs::rename(aside, place).map_err(SnapshotError::io(place))?;
		}
		return Err(SnapshotError::Io(place.to_path_buf(), error));
	}
	// A name is on the disk when its folder is.
	let synced = File::open(parent).and_then(|folder| folder.sync_all());
	synced.map_err(SnapshotError::io(parent))?;
	Ok(aside)
}

/// Moves the blobs that are not there yet into the store, and returns how many. The archive's hashes were checked, and a
/// blob is hashed again whenever it is used.
fn adopt_blobs(from: &Path, store: &Path) -> Result<usize, SnapshotError> {
	if !from.is_dir() {
		return Ok(0);
	}
	fs::create_dir_all(store).map_err(SnapshotError::io(store))?;
	let mut adopted = 0;
	for name in database::files(from, |_| true)? {
		let target = store.join(&name);
		if !target.exists() {
			fs::rename(from.join(&name), &target).map_err(SnapshotError::io(&target))?;
			adopted += 1;
		}
	}
	Ok(adopted)
}

/// A folder to work in that goes away again.
struct Workplace(PathBuf);

impl Workplace {
	/// Creates it, empty; removes the remains of an interrupted import.
	fn clear(path: PathBuf) -> Result<Self, SnapshotError> {
		if path.exists() {
			fs::remove_dir_all(&path).map_err(SnapshotError::io(&path))?;
		}
		fs::create_dir_all(&path).map_err(SnapshotError::io(&path))?;
		Ok(Self(path))
	}
}

impl Drop for Workplace {
	fn drop(&mut self) {
		// Left over it costs room until the next import clears it.
		let _ = fs::remove_dir_all(&self.0);
	}
}
