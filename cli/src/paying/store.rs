//! Records of sessions on disk.
//!
//! ```text
//! $BLYAN_HOME/voucher-keys/<public key>.seed        signs vouchers; made before the session is opened
//! $BLYAN_HOME/sessions/<genesis>/<session>.json     the channel: promised, charged, open
//! $BLYAN_HOME/sessions/<genesis>/<session>.receipts.json    every answer with its receipt, for blyan audit replay
//! $BLYAN_HOME/sessions/<genesis>/<session>.lock     held by the one program that pays by it
//! ```
//!
//! A voucher leaves after its amount is synced, so whatever ends the program, the record says at least what was promised.

use super::channel::{Channel, ChannelError, VERSION};
use crate::{
	failure::{Context, Failure, Outcome},
	home::{write_private, Home},
	seed_file,
};
use blyan_primitives::SessionId;
use rand::{rngs::OsRng, RngCore};
use sp_core::{sr25519, Pair, H256};
use std::{
	fs::{self, File},
	path::{Path, PathBuf},
	sync::Arc,
};
use tokio::sync::Mutex;

/// Directory of all sessions below the home directory.
const FOLDER: &str = "sessions";
/// Directory of the keys of vouchers.
const KEYS: &str = "voucher-keys";

/// Sessions of one network.
#[derive(Clone, Debug)]
pub struct ChannelStore {
	home: Home,
	folder: String,
}

impl ChannelStore {
	/// Names the sessions of the network with this genesis hash.
	pub fn new(home: &Home, genesis: [u8; 32]) -> Self {
		Self { home: home.clone(), folder: format!("{FOLDER}/{}", hex::encode(genesis)) }
	}

	/// Finds the network on which a session has a record here, without a node; `None` if there is no such network, or more than one.
	pub fn find(home: &Home, session: SessionId) -> Outcome<Option<Self>> {
		let mut found = None;
		let Ok(entries) = fs::read_dir(home.path(FOLDER)) else { return Ok(None) };
		for entry in entries {
			let Some(name) = entry?.file_name().to_str().map(str::to_owned) else { continue };
			let store = Self { home: home.clone(), folder: format!("{FOLDER}/{name}") };
			if store.path(session, "json").exists() && found.replace(store).is_some() {
				return Ok(None);
			}
		}
		Ok(found)
	}

	fn path(&self, session: SessionId, extension: &str) -> PathBuf {
		self.home.path(&self.folder).join(format!("{session}.{extension}"))
	}

	/// File of a session's answers with their receipts.
	pub fn receipts(&self, session: SessionId) -> PathBuf {
		self.path(session, "receipts.json")
	}

	/// Makes a key for vouchers. It is on disk when this returns, so a session that is opened with it can always be paid by.
	pub fn make_key(&self) -> Outcome<sr25519::Pair> {
		let mut seed = [0; 32];
		OsRng.fill_bytes(&mut seed);
		let made = self.adopt_key(&seed);
		seed.fill(0);
		made
	}

	/// Keeps a key of the user's own for vouchers.
	pub fn adopt_key(&self, seed: &[u8; 32]) -> Outcome<sr25519::Pair> {
		self.home.create_dir(KEYS)?;
		let pair = sr25519::Pair::from_seed(seed);
		let path = self.key_path(&H256(pair.public().0));
		if !path.exists() {
			seed_file::write(&path, seed)?;
		}
		Ok(pair)
	}

	/// Reads the key of vouchers with this public half.
	pub fn key(&self, public: &H256) -> Outcome<sr25519::Pair> {
		seed_file::read(&self.key_path(public)).map_err(|failure| {
			failure.next(
				"vouchers of a session are signed on the machine that opened it: copy its file of voucher-keys/ here, or take the \
				deposit back with: blyan session close",
			)
		})
	}

	/// Reports whether the key of vouchers with this public half is on this machine.
	pub fn has_key(&self, public: &H256) -> bool {
		self.key_path(public).exists()
	}

	fn key_path(&self, public: &H256) -> PathBuf {
		self.home.path(KEYS).join(format!("{}.seed", hex::encode(public.0)))
	}

	/// Reads the record of a session without holding it; `None` if there is none here.
	pub fn read(&self, session: SessionId) -> Outcome<Option<Channel>> {
		let path = self.path(session, "json");
		match fs::read(&path) {
			Ok(bytes) => parse(&bytes, &path).map(Some),
			Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
			Err(error) => Err(error).context(path.display()),
		}
	}

	/// Lists the sessions with a record here, in order.
	pub fn list(&self) -> Outcome<Vec<Channel>> {
		let mut channels = Vec::new();
		let Ok(entries) = fs::read_dir(self.home.path(&self.folder)) else { return Ok(channels) };
		for entry in entries {
			let name = entry?.file_name();
			let id = name.to_str().and_then(|name| name.strip_suffix(".json")?.parse().ok());
			let channel = id.map(|id| self.read(id)).transpose()?.flatten();
			channels.extend(channel);
		}
		channels.sort_by_key(|channel| channel.session);
		Ok(channels)
	}

	/// Writes the record of a session that was just opened, or recovered.
	pub fn insert(&self, channel: &Channel) -> Outcome<()> {
		self.home.create_dir(&self.folder)?;
		write(&self.path(channel.session, "json"), channel)
	}

	/// Takes a session to pay by it. One program at a time can: two would each promise what the other has promised already.
	pub fn hold(&self, session: SessionId) -> Outcome<HeldChannel> {
		let Some(_) = self.read(session)? else {
			return Err(Failure::new(format!("session {session} has no record here")).next(format!(
				"make it again from the chain and the operator: blyan session recover {session}"
			)));
		};
		let lock_path = self.path(session, "lock");
		let lock = File::options()
			.create(true)
			.truncate(false)
			.write(true)
			.open(&lock_path)
			.context(lock_path.display())?;
		if lock.try_lock().is_err() {
			return Err(Failure::new(format!("another program pays by session {session}"))
				.next("end that blyan connect or blyan chat, or open another session"));
		}
		// What it held may have changed until the lock was there.
		let Some(mut channel) = self.read(session)? else {
			return Err(Failure::new(format!("the record of session {session} has vanished")));
		};
		channel.resume();
		Ok(HeldChannel {
			path: self.path(session, "json"),
			channel: Arc::new(Mutex::new(channel)),
			_lock: lock,
		})
	}
}

fn parse(bytes: &[u8], path: &Path) -> Outcome<Channel> {
	let next = "make it again from the chain and the operator: blyan session recover SESSION";
	let channel: Channel = serde_json::from_slice(bytes).context_next(path.display(), next)?;
	if channel.version != VERSION {
		return Err(Failure::new(format!("{} has version {}", path.display(), channel.version))
			.next(format!("this program reads version {VERSION}; update it")));
	}
	Ok(channel)
}

fn write(path: &Path, channel: &Channel) -> Outcome<()> {
	write_private(path, serde_json::to_string_pretty(channel)?.as_bytes())
}

/// A session that this program pays by.
#[derive(Debug)]
pub struct HeldChannel {
	path: PathBuf,
	channel: Arc<Mutex<Channel>>,
	/// Held as long as the record is.
	_lock: File,
}

/// Reason why a change of a record was not made.
#[derive(Debug)]
pub enum ChangeError {
	/// The amount is refused.
	Refused(ChannelError),
	/// The disk refused: nothing may be promised.
	Disk(Failure),
}

impl HeldChannel {
	/// Returns the record as it is now.
	pub async fn get(&self) -> Channel {
		self.channel.lock().await.clone()
	}

	/// Changes the record. The change is on disk when this returns, or was not made. A caller that is dropped meanwhile, as at the end of a
	/// client's connection, leaves a record that is whole: the change is made or it is not, in memory as on disk.
	pub async fn change<T>(
		&self,
		change: impl FnOnce(&mut Channel) -> Result<T, ChannelError>,
	) -> Result<T, ChangeError> {
		let mut held = self.channel.clone().lock_owned().await;
		let mut changed = held.clone();
		let result = change(&mut changed).map_err(ChangeError::Refused)?;
		if changed != *held {
			let path = self.path.clone();
			// The lock goes along: nothing else is written until this is.
			let written = tokio::task::spawn_blocking(move || -> Outcome<()> {
				write(&path, &changed)?;
				*held = changed;
				Ok(())
			});
			let written = written.await.map_err(Failure::from);
			written.and_then(|written| written).map_err(ChangeError::Disk)?;
		}
		Ok(result)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::paying::channel::tests::terms;

	fn store(dir: &Path) -> ChannelStore {
		ChannelStore::new(&Home::find(Some(dir.join("home"))).unwrap(), [9; 32])
	}

	fn channel() -> Channel {
		Channel::new(H256([9; 32]), 7, terms(), u128::MAX)
	}

	#[tokio::test]
	async fn what_is_promised_is_on_disk_before_it_is_known() {
		let dir = tempfile::tempdir().unwrap();
		let store = store(dir.path());
		store.insert(&channel()).unwrap();
		let held = store.hold(7).unwrap();
		let promised = held
			.change(|channel| {
				channel.begin("a", 50)?;
				channel.promise("a", 50)
			})
			.await
			.unwrap();
		// As a killed program leaves it.
		assert_eq!((promised, store.read(7).unwrap().unwrap().promised), (50, 50));
		assert_eq!(store.read(7).unwrap().unwrap().open.len(), 1);
		assert_eq!(store.read(7).unwrap().unwrap().deposit, u128::MAX, "amounts are not rounded");
		let refused = held.change(|channel| channel.promise("a", 51)).await;
		assert!(matches!(refused, Err(ChangeError::Refused(_))));
		assert_eq!(held.get().await, store.read(7).unwrap().unwrap());
		drop(held);
		let resumed = store.hold(7).unwrap().get().await;
		assert_eq!(resumed.open[0].state, crate::paying::channel::OpenState::Left);
	}

	#[tokio::test(flavor = "multi_thread")]
	async fn a_change_that_is_dropped_halfway_leaves_a_record_that_is_whole() {
		let dir = tempfile::tempdir().unwrap();
		let store = store(dir.path());
		store.insert(&channel()).unwrap();
		let held = store.hold(7).unwrap();
		for round in 0..60_u64 {
			let key = round.to_string();
			tokio::select! {
				changed = held.change(|channel| channel.begin(&key, 1)) => assert!(changed.is_ok()),
				() = tokio::time::sleep(std::time::Duration::from_micros(round * 25)) => {}
			}
		}
		held.change(|channel| channel.begin("last", 1)).await.unwrap();
		let record = held.get().await;
		assert_eq!(record, store.read(7).unwrap().unwrap());
		assert_eq!(record.open.last().unwrap().key, "last");
	}

	#[test]
	fn one_program_at_a_time_pays_by_a_session() {
		let dir = tempfile::tempdir().unwrap();
		let store = store(dir.path());
		assert!(store.hold(7).unwrap_err().next.unwrap().contains("session recover 7"));
		store.insert(&channel()).unwrap();
		let held = store.hold(7).unwrap();
		assert!(store.hold(7).unwrap_err().message.contains("another program"));
		drop(held);
		store.hold(7).unwrap();
	}

	#[test]
	fn a_key_is_found_by_its_public_half() {
		let dir = tempfile::tempdir().unwrap();
		let store = store(dir.path());
		let made = store.make_key().unwrap();
		assert_eq!(store.key(&H256(made.public().0)).unwrap().to_raw_vec(), made.to_raw_vec());
		assert!(store.key(&H256([5; 32])).err().unwrap().next.unwrap().contains("voucher-keys"));
	}

	#[test]
	fn sessions_are_listed_in_order_and_a_torn_record_says_what_to_do() {
		let dir = tempfile::tempdir().unwrap();
		let store = store(dir.path());
		for session in [11, 7, 9] {
			store.insert(&Channel { session, ..channel() }).unwrap();
		}
		assert!(ChannelStore::find(&store.home, 9).unwrap().is_some());
		assert!(ChannelStore::find(&store.home, 8).unwrap().is_none());
		let ids: Vec<_> = store.list().unwrap().iter().map(|channel| channel.session).collect();
		assert_eq!(ids, [7, 9, 11]);
		write_private(&store.path(7, "json"), b"{").unwrap();
		assert!(store.read(7).unwrap_err().next.unwrap().contains("session recover"));
	}
}
