//! Everything that must outlive the process: accounts, sessions, histories, the free tokens of the day.
//!
//! One thread writes, and changes are applied in the order in which they were handed over. No caller waits for the disk: what a crash takes back is a
//! sign-in or the count of a free request, and no money.

use crate::{
	record::AccountRecord,
	session::{Session, SessionId},
};
use codec::{Decode, DecodeAll, Encode};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::{
	path::{Path, PathBuf},
	sync::{mpsc, Arc},
	thread::{Builder, JoinHandle},
};

/// Accounts by their names.
const ACCOUNTS: TableDefinition<&str, &[u8]> = TableDefinition::new("accounts/1");
/// Sessions by their names.
const SESSIONS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("sessions/1");
/// Entries of histories by account and number.
const HISTORY: TableDefinition<&str, &[u8]> = TableDefinition::new("history/1");
/// Free tokens: the day and what is used of it.
const FREE: TableDefinition<&str, &[u8]> = TableDefinition::new("free/1");
/// Name of the entry of free tokens.
const TODAY: &str = "today";
/// Changes of one transaction.
const BATCH_MAX: usize = 256;
/// Entries of a history that are kept.
pub const HISTORY_MAX: u64 = 200;

/// Reason why a store cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
	/// The database cannot be opened, read or written.
	#[error(
		"the store of accounts {0:?}: {1}; see whether another server uses it and whether the disk is full"
	)]
	Database(PathBuf, String),
	/// A record has another shape.
	#[error("the store of accounts {0:?} holds a record that this version does not read: {1}")]
	Record(PathBuf, String),
}

/// Request in an account's history. It names the receipt, in which prompt and answer are.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
	/// Name of the receipt.
	pub receipt: String,
	/// Milliseconds since 1970 at which the answer ended.
	pub ended_at: u64,
	/// Tokens of the prompt.
	pub prompt_tokens: u32,
	/// Tokens of the answer that were delivered.
	pub answer_tokens: u32,
	/// Planck charged.
	pub charged: u128,
	/// It was one of the free requests.
	pub is_free: bool,
	/// The answer was taken to its end.
	pub is_whole: bool,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
	/// An account.
	Account(String, Box<AccountRecord>),
	/// An account that is no more, with its history.
	ForgetAccount(String),
	/// A session.
	Session(SessionId, Session),
	/// A session that has ended.
	ForgetSession(SessionId),
	/// Entry of an account's history, with its number. The one that is too old goes.
	Entry(String, u64, Entry),
	/// Free tokens: the day and what is used of it.
	Free(u64, u64),
}

/// Everything that a store held when it was opened, but for histories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
	/// Accounts by their names.
	pub accounts: Vec<(String, AccountRecord)>,
	/// Sessions by their names.
	pub sessions: Vec<(SessionId, Session)>,
	/// Free tokens: the day and what is used of it.
	pub free: (u64, u64),
}

/// Work for the thread: changes, or a caller that waits until all before it are on the disk.
enum Work {
	Changes(Vec<Change>),
	Flush(mpsc::SyncSender<()>),
}

/// An open store.
#[derive(Debug)]
pub struct Store {
	work: Option<mpsc::Sender<Work>>,
	thread: Option<JoinHandle<()>>,
	database: Arc<Database>,
	path: PathBuf,
}

impl Store {
	/// Opens a store, or makes one, and returns what it holds.
	pub fn open(path: &Path) -> Result<(Self, Contents), StoreError> {
		let failed = |error: redb::Error| StoreError::Database(path.into(), error.to_string());
		let database = Arc::new(Database::create(path).map_err(|error| failed(error.into()))?);
		prepare(&database).map_err(failed)?;
		let contents = read(&database, path)?;
		let (work, inbox) = mpsc::channel();
		let (writing, name) = (database.clone(), path.to_path_buf());
		let thread = Builder::new().name("accounts".into()).spawn(move || run(&writing, &name, &inbox));
		let thread = thread.map_err(|error| StoreError::Database(path.into(), error.to_string()))?;
		Ok((Self { work: Some(work), thread: Some(thread), database, path: path.into() }, contents))
	}

	/// Hands changes over.
	pub fn put(&self, changes: Vec<Change>) {
		if let (Some(work), false) = (&self.work, changes.is_empty()) {
			// A thread that has ended has said why.
			drop(work.send(Work::Changes(changes)));
		}
	}

	/// Returns an account's history, the newest entry first. Reads the disk, behind everything that was handed over.
	pub fn history(&self, account: &str) -> Result<Vec<Entry>, StoreError> {
		let (sender, receiver) = mpsc::sync_channel(1);
		if self.work.as_ref().is_some_and(|work| work.send(Work::Flush(sender)).is_ok()) {
			// The sender goes with the thread: this ends in any case.
			let _ = receiver.recv();
		}
		let work = || -> Result<Vec<Vec<u8>>, redb::Error> {
			let transaction = self.database.begin_read()?;
			let table = transaction.open_table(HISTORY)?;
			let (from, to) = (format!("{account}/"), format!("{account}0"));
			let mut found = Vec::new();
			for entry in table.range(from.as_str()..to.as_str())? {
				found.push(entry?.1.value().to_vec());
			}
			Ok(found)
		};
		let found = work().map_err(|error| StoreError::Database(self.path.clone(), error.to_string()))?;
		found.iter().rev().map(|bytes| decode(&self.path, bytes)).collect()
	}
}

impl Drop for Store {
	fn drop(&mut self) {
		// The thread ends behind its last change, when no other can come.
		self.work = None;
		if let Some(thread) = self.thread.take() {
			drop(thread.join());
		}
	}
}

/// Returns the key of an entry. Numbers have one length, so that their order is that of the text; `/` is in no account's name.
fn key(account: &str, number: u64) -> String {
	format!("{account}/{number:016x}")
}

fn prepare(database: &Database) -> Result<(), redb::Error> {
	let transaction = database.begin_write()?;
	transaction.open_table(ACCOUNTS)?;
	transaction.open_table(SESSIONS)?;
	transaction.open_table(HISTORY)?;
	transaction.open_table(FREE)?;
	transaction.commit()?;
	Ok(())
}

fn read(database: &Database, path: &Path) -> Result<Contents, StoreError> {
	let work = || -> Result<_, redb::Error> {
		let transaction = database.begin_read()?;
		let (mut accounts, mut sessions) = (Vec::new(), Vec::new());
		for entry in transaction.open_table(ACCOUNTS)?.iter()? {
			let (name, record) = entry?;
			accounts.push((name.value().to_owned(), record.value().to_vec()));
		}
		for entry in transaction.open_table(SESSIONS)?.iter()? {
			let (id, session) = entry?;
			sessions.push((id.value().to_vec(), session.value().to_vec()));
		}
		let free = transaction.open_table(FREE)?.get(TODAY)?.map(|free| free.value().to_vec());
		Ok((accounts, sessions, free))
	};
	let failed = |error: redb::Error| StoreError::Database(path.into(), error.to_string());
	let (accounts, sessions, free) = work().map_err(failed)?;
	let mut contents = Contents::default();
	for (name, record) in accounts {
		contents.accounts.push((name, decode(path, &record)?));
	}
	for (id, session) in sessions {
		contents.sessions.push((decode(path, &id)?, decode(path, &session)?));
	}
	if let Some(free) = free {
		contents.free = decode(path, &free)?;
	}
	Ok(contents)
}

fn decode<T: Decode>(path: &Path, mut bytes: &[u8]) -> Result<T, StoreError> {
	T::decode_all(&mut bytes).map_err(|error| StoreError::Record(path.into(), error.to_string()))
}

/// Writes changes until no more can come.
fn run(database: &Database, path: &Path, inbox: &mpsc::Receiver<Work>) {
	while let Ok(first) = inbox.recv() {
		let (mut changes, mut waiting) = (Vec::new(), Vec::new());
		for work in std::iter::once(first).chain(inbox.try_iter().take(BATCH_MAX)) {
			match work {
				Work::Changes(more) => changes.extend(more),
				Work::Flush(sender) => waiting.push(sender),
			}
		}
		if let Err(error) = apply(database, &changes) {
			tracing::error!("the store of accounts {path:?} cannot be written: {error}");
		}
		for sender in waiting {
			let _ = sender.send(());
		}
	}
}

fn apply(database: &Database, changes: &[Change]) -> Result<(), redb::Error> {
	let transaction = database.begin_write()?;
	{
		let mut accounts = transaction.open_table(ACCOUNTS)?;
		let mut sessions = transaction.open_table(SESSIONS)?;
		let mut history = transaction.open_table(HISTORY)?;
		let mut free = transaction.open_table(FREE)?;
		for change in changes {
			match change {
				Change::Account(name, record) => {
					drop(accounts.insert(name.as_str(), record.encode().as_slice())?);
				}
				Change::ForgetAccount(name) => {
					drop(accounts.remove(name.as_str())?);
					let (from, to) = (format!("{name}/"), format!("{name}0"));
					history.retain_in(from.as_str()..to.as_str(), |_, _| false)?;
				}
				Change::Session(id, session) => {
					drop(sessions.insert(id.as_slice(), session.encode().as_slice())?);
				}
				Change::ForgetSession(id) => drop(sessions.remove(id.as_slice())?),
				Change::Entry(name, number, entry) => {
					drop(history.insert(key(name, *number).as_str(), entry.encode().as_slice())?);
					if let Some(old) = number.checked_sub(HISTORY_MAX) {
						drop(history.remove(key(name, old).as_str())?);
					}
				}
				Change::Free(day, used) => drop(free.insert(TODAY, (*day, *used).encode().as_slice())?),
			}
		}
	}
	transaction.commit()?;
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;

	fn entry(number: u64) -> Entry {
		Entry {
			receipt: format!("chatcmpl-{number}"),
			ended_at: number,
			prompt_tokens: 1,
			answer_tokens: 2,
			charged: 3,
			is_free: true,
			is_whole: true,
		}
	}

	#[test]
	fn everything_is_there_when_the_store_is_opened_again() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("accounts.redb");
		let (store, contents) = Store::open(&path).unwrap();
		assert_eq!(contents, Contents::default());
		let record = AccountRecord::new(false, 5);
		let (_, opened) = crate::sessions::Sessions::default().open("alice", 1);
		store.put(vec![Change::Account("alice".into(), Box::new(record.clone())), Change::Free(7, 900)]);
		store.put(opened.clone());
		assert!(matches!(Store::open(&path), Err(StoreError::Database(..))), "two servers");
		drop(store);
		let (_store, contents) = Store::open(&path).unwrap();
		assert_eq!(contents.accounts, [("alice".to_owned(), record)]);
		assert_eq!(contents.free, (7, 900));
		let [(id, session)] = contents.sessions.as_slice() else { panic!("{contents:?}") };
		assert_eq!(opened, [Change::Session(*id, session.clone())]);
	}

	#[test]
	fn a_history_keeps_its_newest_entries_and_goes_with_its_account() {
		let dir = tempfile::tempdir().unwrap();
		let (store, _) = Store::open(&dir.path().join("accounts.redb")).unwrap();
		for number in 0..HISTORY_MAX + 5 {
			store.put(vec![Change::Entry("a".into(), number, entry(number))]);
		}
		store.put(vec![Change::Entry("ab".into(), 0, entry(0))]);
		let history = store.history("a").unwrap();
		assert_eq!(history.len() as u64, HISTORY_MAX);
		assert_eq!((history[0].ended_at, history.last().unwrap().ended_at), (HISTORY_MAX + 4, 5));
		store.put(vec![Change::ForgetAccount("a".into())]);
		assert!(store.history("a").unwrap().is_empty());
		assert_eq!(store.history("ab").unwrap(), [entry(0)]);
	}
}
