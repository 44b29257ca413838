//! Everything that must outlive the process: accounts of sessions, answers that were paid for or signed for, use of API keys.
//!
//! One thread writes. Changes that wait for it go into one transaction, so that many requests at once cost one synchronisation of
//! the disk; a caller is answered when its change is on the disk, and changes are applied in the order in which they were handed over.

use crate::{
	account::Account,
	allowance::Allowance,
	answers::{AnswerName, PaidAnswer},
	kept::{self, KeptAnswer, StoreRoom},
};
use codec::{Decode, DecodeAll, Encode};
use futures::FutureExt;
use nix::sys::statvfs::statvfs;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::{
	future::Future,
	path::{Path, PathBuf},
	sync::{
		atomic::{AtomicBool, AtomicU64, Ordering},
		mpsc, Arc,
	},
	thread::{Builder, JoinHandle},
};
use tokio::sync::oneshot;

/// Accounts by the numbers of their sessions.
const ACCOUNTS: TableDefinition<u64, &[u8]> = TableDefinition::new("accounts/1");
/// Answers by their names.
const ANSWERS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("answers/1");
/// Scores of answers by their names; empty for those that were dropped.
const SCORES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("scores/1");
/// Use of API keys by their identifiers.
const ALLOWANCES: TableDefinition<&str, &[u8]> = TableDefinition::new("allowances/1");
/// Chain that the accounts are of.
const CHAIN: TableDefinition<&str, &[u8]> = TableDefinition::new("chain/1");
/// Name of the genesis hash.
const GENESIS: &str = "genesis";
/// Changes of one transaction.
const BATCH_MAX: usize = 256;

/// Reason why a store cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
	/// The database cannot be opened, read or written.
	#[error("the till's store {0:?}: {1}; see whether another server uses it and whether the disk is full")]
	Database(PathBuf, String),
	/// A record has another shape.
	#[error("the till's store {0:?} holds a record that this version does not read: {1}")]
	Record(PathBuf, String),
	/// The store is of another chain.
	#[error("the till's store {0:?} is of the chain 0x{1}: give this chain a store of its own")]
	OtherChain(PathBuf, String),
	/// The thread has ended.
	#[error("the till's store has failed: see the log, and start the server again")]
	Ended,
}

/// One change.
#[derive(Clone, Debug)]
pub enum Change {
	/// The account of a session.
	Account(u64, Account),
	/// A session that is over and settled.
	CloseAccount(u64),
	/// An answer. It has no scores but those that follow.
	Answer(AnswerName, PaidAnswer),
	/// Scores of an answer; empty if there is no room for them any more.
	Scores(AnswerName, Vec<u8>),
	/// An answer that is not kept any more.
	ForgetAnswer(AnswerName),
	/// Use of an API key.
	Allowance(String, Allowance),
	/// An answer that was signed for, by its receipt's name on chain.
	Keep([u8; 32], Box<KeptAnswer>),
	/// Answers that a key signed before this time, in milliseconds since 1970: none can challenge them any more. Some of them, where they are many.
	ForgetKey([u8; 32], u64),
}

/// Everything that a store held when it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
	/// Accounts by the numbers of their sessions.
	pub accounts: Vec<(u64, Account)>,
	/// Answers, the oldest first.
	pub answers: Vec<(AnswerName, PaidAnswer)>,
	/// Scores of some of these answers; empty if there was no room for them.
	pub scores: Vec<(AnswerName, Vec<u8>)>,
	/// Use of API keys by their identifiers.
	pub allowances: Vec<(String, Allowance)>,
}

type Reply = oneshot::Sender<Result<(), StoreError>>;

/// An open store.
#[derive(Debug)]
pub struct Store {
	changes: Option<mpsc::Sender<(Vec<Change>, Reply)>>,
	thread: Option<JoinHandle<()>>,
	database: Arc<Database>,
	path: PathBuf,
	/// Most bytes that kept answers may take.
	kept_bytes_max: u64,
	fill: Arc<Fill>,
}

/// Fill of a store, as its thread knows it.
#[derive(Debug, Default)]
struct Fill {
	/// Bytes that kept answers take.
	taken: AtomicU64,
	/// True if the last change could not be written.
	has_failed: AtomicBool,
}

impl Store {
	/// Opens a store of the chain with this genesis hash, or makes one, and returns what it holds. `kept_bytes_max`: room for answers that were
	/// signed for.
	pub fn open(
		path: &Path,
		genesis: &[u8; 32],
		kept_bytes_max: u64,
	) -> Result<(Self, Contents), StoreError> {
		let failed = |error: redb::Error| StoreError::Database(path.into(), error.to_string());
		let database = Arc::new(Database::create(path).map_err(|error| failed(error.into()))?);
		prepare(&database, path, genesis)?;
		let contents = read(&database, path)?;
		let taken = kept::taken(&database).map_err(failed)?;
		let (changes, inbox) = mpsc::channel();
		let fill = Arc::new(Fill { taken: AtomicU64::new(taken), has_failed: AtomicBool::new(false) });
		let mut writer = Writer { database: database.clone(), path: path.into(), taken, fill: fill.clone() };
		let thread = Builder::new().name("till".into()).spawn(move || writer.run(&inbox));
		let thread = thread.map_err(|error| StoreError::Database(path.into(), error.to_string()))?;
		let (changes, thread, path) = (Some(changes), Some(thread), path.to_path_buf());
		Ok((Self { changes, thread, database, path, kept_bytes_max, fill }, contents))
	}

	/// Reads an answer that was signed for, by its receipt's name on chain.
	pub fn kept(&self, name: &[u8; 32]) -> Result<Option<KeptAnswer>, StoreError> {
		kept::find(&self.database, name).map_err(|error| self.failed(&error))
	}

	/// Reads an answer that was signed for, by its identifier at the gateway.
	pub fn kept_by_id(&self, id: &str) -> Result<Option<KeptAnswer>, StoreError> {
		kept::find_by_id(&self.database, id).map_err(|error| self.failed(&error))
	}

	/// Returns the keys that signed the answers which are kept.
	pub fn kept_keys(&self) -> Result<Vec<[u8; 32]>, StoreError> {
		kept::keys(&self.database).map_err(|error| self.failed(&error))
	}

	/// Reports whether an answer is kept that a key signed before this time, in milliseconds since 1970.
	pub fn has_kept_of(&self, key: &[u8; 32], before: u64) -> Result<bool, StoreError> {
		kept::has_of_key(&self.database, key, before).map_err(|error| self.failed(&error))
	}

	/// Returns the room for answers that are signed for. Asks the system for that of the disk.
	pub fn room(&self) -> StoreRoom {
		let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
		let disk = statvfs(folder.unwrap_or(Path::new("."))).ok();
		StoreRoom {
			taken: self.fill.taken.load(Ordering::Relaxed),
			max: self.kept_bytes_max,
			disk: disk.map(|disk| disk.blocks_available().saturating_mul(disk.fragment_size())),
			has_failed: self.fill.has_failed.load(Ordering::Relaxed),
		}
	}

	/// Writes nothing, to find out whether the disk takes it.
	pub fn probe(&self) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
		self.put(vec![Change::ForgetKey([0; 32], 0)])
	}

	fn failed(&self, error: &redb::Error) -> StoreError {
		StoreError::Database(self.path.clone(), error.to_string())
	}

	/// Hands changes over. They are in the queue when this returns, and on the disk when the future does. Without changes there is nothing to wait for.
	pub fn put(&self, changes: Vec<Change>) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
		if changes.is_empty() {
			return async { Ok(()) }.boxed();
		}
		self.queue(changes).boxed()
	}

	/// Waits until whatever was handed over before is on the disk, or has failed to get there; writes nothing itself.
	pub fn caught_up(&self) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
		self.queue(Vec::new())
	}

	fn queue(&self, changes: Vec<Change>) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
		let (reply, replied) = oneshot::channel();
		let sent = self.changes.as_ref().is_some_and(|sender| sender.send((changes, reply)).is_ok());
		async move {
			match sent {
				true => replied.await.unwrap_or(Err(StoreError::Ended)),
				false => Err(StoreError::Ended),
			}
		}
	}
}

impl Drop for Store {
	fn drop(&mut self) {
		// The thread ends behind its last change, when no other can come.
		self.changes = None;
		if let Some(thread) = self.thread.take() {
			drop(thread.join());
		}
	}
}

/// Makes the tables, and refuses a store of another chain.
fn prepare(database: &Database, path: &Path, genesis: &[u8; 32]) -> Result<(), StoreError> {
	let work = || -> Result<Option<Vec<u8>>, redb::Error> {
		let transaction = database.begin_write()?;
		transaction.open_table(ACCOUNTS)?;
		transaction.open_table(ANSWERS)?;
		transaction.open_table(SCORES)?;
		transaction.open_table(ALLOWANCES)?;
		kept::prepare(&transaction)?;
		let known = {
			let mut chain = transaction.open_table(CHAIN)?;
			let known = chain.get(GENESIS)?.map(|known| known.value().to_vec());
			if known.is_none() {
				chain.insert(GENESIS, genesis.as_slice())?;
			}
			known
		};
		transaction.commit()?;
		Ok(known)
	};
	match work().map_err(|error| StoreError::Database(path.into(), error.to_string()))? {
		Some(known) if known != genesis => Err(StoreError::OtherChain(path.into(), hex::encode(known))),
		_ => Ok(()),
	}
}

fn read(database: &Database, path: &Path) -> Result<Contents, StoreError> {
	let failed = |error: redb::Error| StoreError::Database(path.into(), error.to_string());
	let work = || -> Result<_, redb::Error> {
		let transaction = database.begin_read()?;
		let mut raw = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
		for entry in transaction.open_table(ACCOUNTS)?.iter()? {
			let (id, account) = entry?;
			raw.0.push((id.value(), account.value().to_vec()));
		}
		for entry in transaction.open_table(ANSWERS)?.iter()? {
			let (name, answer) = entry?;
			raw.1.push((name.value().to_vec(), answer.value().to_vec()));
		}
		for entry in transaction.open_table(ALLOWANCES)?.iter()? {
			let (key, allowance) = entry?;
			raw.2.push((key.value().to_owned(), allowance.value().to_vec()));
		}
		for entry in transaction.open_table(SCORES)?.iter()? {
			let (name, scores) = entry?;
			raw.3.push((name.value().to_vec(), scores.value().to_vec()));
		}
		Ok(raw)
	};
	let (accounts, answers, allowances, scores) = work().map_err(failed)?;
	let mut contents = Contents::default();
	for (id, account) in accounts {
		contents.accounts.push((id, decode(path, &account)?));
	}
	for (name, answer) in answers {
		contents.answers.push((decode(path, &name)?, decode(path, &answer)?));
	}
	contents.answers.sort_by_key(|(_, answer): &(AnswerName, PaidAnswer)| answer.ended_at);
	for (key, allowance) in allowances {
		contents.allowances.push((key, decode(path, &allowance)?));
	}
	for (name, scores) in scores {
		contents.scores.push((decode(path, &name)?, scores));
	}
	Ok(contents)
}

fn decode<T: Decode>(path: &Path, mut bytes: &[u8]) -> Result<T, StoreError> {
	T::decode_all(&mut bytes).map_err(|error| StoreError::Record(path.into(), error.to_string()))
}

/// The thread that writes.
struct Writer {
	database: Arc<Database>,
	path: PathBuf,
	/// Bytes that kept answers take.
	taken: u64,
	fill: Arc<Fill>,
}

impl Writer {
	/// Writes changes until no more can come.
	fn run(&mut self, inbox: &mpsc::Receiver<(Vec<Change>, Reply)>) {
		while let Ok(first) = inbox.recv() {
			let mut batch = vec![first];
			batch.extend(inbox.try_iter().take(BATCH_MAX));
			if batch.iter().all(|(changes, _)| changes.is_empty()) {
				// Nothing is written for who only waits.
				for (_, reply) in batch {
					drop(reply.send(Ok(())));
				}
				continue;
			}
			// A transaction that fails takes no room.
			let mut taken = self.taken;
			let written = apply(&self.database, batch.iter().flat_map(|(changes, _)| changes), &mut taken);
			let written = written.map_err(|error| StoreError::Database(self.path.clone(), error.to_string()));
			match &written {
				Ok(()) => {
					self.taken = taken;
					self.fill.taken.store(taken, Ordering::Relaxed);
				}
				Err(error) => tracing::error!("{error}"),
			}
			self.fill.has_failed.store(written.is_err(), Ordering::Relaxed);
			for (_, reply) in batch {
				// A caller that has gone needs no reply; its change is made all the same.
				drop(reply.send(written.clone()));
			}
		}
	}
}

fn apply<'a>(
	database: &Database,
	changes: impl Iterator<Item = &'a Change>,
	taken: &mut u64,
) -> Result<(), redb::Error> {
	let transaction = database.begin_write()?;
	{
		let mut accounts = transaction.open_table(ACCOUNTS)?;
		let mut answers = transaction.open_table(ANSWERS)?;
		let mut scores = transaction.open_table(SCORES)?;
		let mut allowances = transaction.open_table(ALLOWANCES)?;
		for change in changes {
			match change {
				Change::Account(id, account) => drop(accounts.insert(id, account.encode().as_slice())?),
				Change::CloseAccount(id) => drop(accounts.remove(id)?),
				Change::Answer(name, answer) => {
					let name = name.encode();
					drop(answers.insert(name.as_slice(), answer.encode().as_slice())?);
					drop(scores.remove(name.as_slice())?);
				}
				Change::Scores(name, bytes) => {
					drop(scores.insert(name.encode().as_slice(), bytes.as_slice())?);
				}
				Change::ForgetAnswer(name) => {
					let name = name.encode();
					drop(answers.remove(name.as_slice())?);
					drop(scores.remove(name.as_slice())?);
				}
				Change::Allowance(key, allowance) => {
					drop(allowances.insert(key.as_str(), allowance.encode().as_slice())?);
				}
				Change::Keep(name, answer) => kept::put(&transaction, name, answer, taken)?,
				Change::ForgetKey(key, before) => kept::forget_key(&transaction, key, *before, taken)?,
			}
		}
	}
	// Immediate durability is the default: the disk is synchronised before this returns.
	transaction.commit()?;
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{account::Signed, answers::Payer};
	use proptest::prelude::*;
	use std::collections::BTreeMap;

	const GENESIS: [u8; 32] = [1; 32];
	const ROOM: u64 = 1 << 20;

	fn account(amount: u128) -> Account {
		let signed = Signed { amount, signature: [3; 64] };
		Account { served: amount, covered: Some(signed), ..Account::default() }
	}

	fn answer(index: u32, ended_at: u64) -> (AnswerName, PaidAnswer) {
		let name = AnswerName { payer: Payer::Session(1), request: [2; 32], has_key: true, index };
		let (body, receipt) = ([4; 32], vec![5; 242]);
		let answer = PaidAnswer {
			body,
			ended_at,
			seed: 6,
			charged: 7,
			attempts: 0,
			answer: Some(vec![8; 900]),
			receipt,
		};
		(name, answer)
	}

	#[tokio::test]
	async fn who_has_caught_up_reads_all_that_was_put_before() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("till");
		let (store, _) = Store::open(&path, &GENESIS, ROOM).unwrap();
		for round in 1..=20 {
			// Its caller has gone: it is written all the same.
			drop(store.put(vec![Change::Account(round, account(round.into()))]));
			store.caught_up().await.unwrap();
			let contents = read(&store.database, &path).unwrap();
			assert!(contents.accounts.contains(&(round, account(round.into()))), "round {round}");
		}
	}

	#[tokio::test]
	async fn what_is_put_is_there_when_the_store_is_opened_again_even_without_an_orderly_end() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("till.redb");
		let (store, contents) = Store::open(&path, &GENESIS, ROOM).unwrap();
		assert_eq!(contents, Contents::default());
		let (name, paid) = answer(0, 9);
		let changes = vec![Change::Account(7, account(500)), Change::Answer(name.clone(), paid.clone())];
		store.put(changes).await.unwrap();
		// A copy of the file is what a process that dies at this moment leaves behind.
		let copy = dir.path().join("copy.redb");
		std::fs::copy(&path, &copy).unwrap();
		let (_copied, contents) = Store::open(&copy, &GENESIS, ROOM).unwrap();
		assert_eq!(contents.accounts, [(7, account(500))]);
		assert_eq!(contents.answers, [(name, paid)]);
		assert_eq!(store.room().taken, 0);
		drop(store);
		let (_store, contents) = Store::open(&path, &GENESIS, ROOM).unwrap();
		assert_eq!(contents.accounts, [(7, account(500))]);
	}

	#[test]
	fn scores_go_with_their_answer() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("till.redb");
		let (name, paid) = answer(0, 9);
		let scores = || Change::Scores(name.clone(), vec![1, 2]);
		let answered = || Change::Answer(name.clone(), paid.clone());
		let kept = |changes: Vec<Change>| {
			let (store, _) = Store::open(&path, &GENESIS, ROOM).unwrap();
			futures::executor::block_on(store.put(changes)).unwrap();
			drop(store);
			Store::open(&path, &GENESIS, ROOM).unwrap().1.scores
		};
		assert_eq!(kept(vec![answered(), scores()]), [(name.clone(), vec![1, 2])]);
		assert!(kept(vec![answered()]).is_empty(), "the next attempt wanted none");
		assert!(kept(vec![scores(), Change::ForgetAnswer(name.clone())]).is_empty());
	}

	#[test]
	fn a_store_is_of_one_chain_and_of_one_server() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("till.redb");
		let (store, _) = Store::open(&path, &GENESIS, ROOM).unwrap();
		assert!(matches!(Store::open(&path, &GENESIS, ROOM), Err(StoreError::Database(..))), "two servers");
		drop(store);
		assert!(matches!(Store::open(&path, &[2; 32], ROOM), Err(StoreError::OtherChain(..))));
	}

	proptest! {
		#![proptest_config(ProptestConfig::with_cases(24))]
		#[test]
		fn changes_are_applied_in_their_order(changes in prop::collection::vec((0..4_u64, any::<Option<u128>>()), 1..30)) {
			let dir = tempfile::tempdir().unwrap();
			let path = dir.path().join("till.redb");
			let (store, _) = Store::open(&path, &GENESIS, ROOM).unwrap();
			let mut expected = BTreeMap::new();
			let mut waits = Vec::new();
			for (id, amount) in changes {
				let change = match amount {
					Some(amount) => {
						expected.insert(id, account(amount));
						Change::Account(id, account(amount))
					}
					None => {
						expected.remove(&id);
						Change::CloseAccount(id)
					}
				};
				waits.push(store.put(vec![change]));
			}
			let written = futures::executor::block_on(futures::future::join_all(waits));
			prop_assert!(written.iter().all(Result::is_ok));
			drop(store);
			let (_store, contents) = Store::open(&path, &GENESIS, ROOM).unwrap();
			prop_assert_eq!(contents.accounts, expected.into_iter().collect::<Vec<_>>());
		}
	}
}
