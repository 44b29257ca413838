//! Answers that were signed for, kept for as long as their receipts can be challenged.
//!
//! A receipt carries no time: it can be challenged while its operator answers for the key that signed it, and a model has its root. So age
//! alone forgets nothing here, and neither does want of room: answers go when the chain has forgotten their key ([`forget_key`]), and where there is no
//! room for more, none more are given ([`StoreRoom`]).
//!
//! | table | key | value |
//! |---|---|---|
//! | `kept/1` | the receipt's name on chain | the answer |
//! | `kept-ids/1` | its identifier at the gateway | the name |
//! | `kept-order/1` | milliseconds since 1970, the name | bytes, the key that signed |

use crate::receipt;
use blyan_open_model::GenerationRecord;
use blyan_primitives::serving::SignedReceipt;
use codec::{Decode, DecodeAll, Encode};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

const KEPT: TableDefinition<&[u8; 32], &[u8]> = TableDefinition::new("kept/1");
const IDS: TableDefinition<&str, &[u8; 32]> = TableDefinition::new("kept-ids/1");
const ORDER: TableDefinition<(u64, &[u8; 32]), (u64, &[u8; 32])> = TableDefinition::new("kept-order/1");

/// Bytes of the answers that are kept, if nothing else is configured: some two million of a thousand tokens.
pub const BYTES_MAX: u64 = 16 << 30;
/// Time for which an answer is kept although its key is forgotten, in milliseconds: what the chain says may be a fork's, and payers ask for receipts.
pub const MIN_MS: u64 = 2 * 24 * 60 * 60 * 1_000;
/// Answers that one change forgets at most: everything else that is written waits for it.
const FORGOTTEN_AT_ONCE: usize = 1_000;
/// Bytes that an answer takes beside its line.
const OVERHEAD: u64 = 512;
/// Most bytes of a line without its tokens: settings, stop strings with every byte escaped, and the receipt.
const FRAME_BYTES_MAX: u64 = 16 << 10;
/// Most bytes of a token's number in a line, with its comma.
const TOKEN_BYTES_MAX: u64 = 11;
/// Bytes that stay free on the disk: the database needs some to give room back.
pub const DISK_SPARE: u64 = 256 << 20;

/// Everything that shows how an operator came to an answer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct KeptAnswer {
	/// Milliseconds since 1970 at which it was signed.
	pub ended_at: u64,
	/// Identifier at the gateway, which only the answer's reader knows.
	pub id: String,
	/// The receipt.
	pub signed: SignedReceipt,
	/// Record of the generation with the receipt in it, as `GET /v1/receipts/ID` has it.
	pub line: Vec<u8>,
}

impl KeptAnswer {
	/// Returns the prompt, the choices and the settings; `None` if the line is of another version.
	pub fn record(&self) -> Option<GenerationRecord> {
		let value = serde_json::from_slice(&self.line).ok()?;
		receipt::read(value).ok().map(|(record, _)| record)
	}

	fn size(&self) -> u64 {
		u64::try_from(self.line.len()).unwrap_or(u64::MAX).saturating_add(OVERHEAD)
	}
}

/// Place in the order: milliseconds since 1970, and the name.
type Place = (u64, [u8; 32]);

/// Room for answers that are signed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreRoom {
	/// Bytes that kept answers take.
	pub taken: u64,
	/// Most that they may.
	pub max: u64,
	/// Bytes that are free on the disk; `None` if the system does not say.
	pub disk: Option<u64>,
	/// True if the last change could not be written.
	pub has_failed: bool,
}

impl StoreRoom {
	/// Bytes that further answers may take.
	pub fn left(&self) -> u64 {
		if self.has_failed {
			return 0;
		}
		let disk = self.disk.map_or(u64::MAX, |free| free.saturating_sub(DISK_SPARE));
		self.max.saturating_sub(self.taken).min(disk)
	}
}

/// Returns the most bytes that an answer takes which has so many tokens with its prompt.
pub fn bytes_max(tokens: u64) -> u64 {
	tokens.saturating_mul(TOKEN_BYTES_MAX).saturating_add(FRAME_BYTES_MAX)
}

/// Makes the tables.
pub(crate) fn prepare(transaction: &WriteTransaction) -> Result<(), redb::Error> {
	transaction.open_table(KEPT)?;
	transaction.open_table(IDS)?;
	transaction.open_table(ORDER)?;
	Ok(())
}

/// Returns the bytes that kept answers take.
pub(crate) fn taken(database: &Database) -> Result<u64, redb::Error> {
	let mut taken = 0_u64;
	for entry in database.begin_read()?.open_table(ORDER)?.iter()? {
		taken = taken.saturating_add(entry?.1.value().0);
	}
	Ok(taken)
}

/// Keeps an answer under its name on chain. It was given, so it is kept, also where an earlier run had more room.
pub(crate) fn put(
	transaction: &WriteTransaction,
	name: &[u8; 32],
	answer: &KeptAnswer,
	taken: &mut u64,
) -> Result<(), redb::Error> {
	replace(transaction, name, taken)?;
	let size = answer.size();
	transaction.open_table(KEPT)?.insert(name, answer.encode().as_slice())?;
	transaction.open_table(IDS)?.insert(answer.id.as_str(), name)?;
	transaction.open_table(ORDER)?.insert((answer.ended_at, name), (size, &answer.signed.key.0))?;
	*taken = taken.saturating_add(size);
	Ok(())
}

/// Forgets answers that a key signed before a time: the oldest [`FORGOTTEN_AT_ONCE`].
pub(crate) fn forget_key(
	transaction: &WriteTransaction,
	key: &[u8; 32],
	before: u64,
	taken: &mut u64,
) -> Result<(), redb::Error> {
	let places = of_key(&transaction.open_table(ORDER)?, key, before, FORGOTTEN_AT_ONCE)?;
	places.iter().try_for_each(|place| remove(transaction, place, taken))
}

/// Returns the places of so many answers at most that a key signed before a time, the oldest first.
fn of_key(
	order: &impl ReadableTable<(u64, &'static [u8; 32]), (u64, &'static [u8; 32])>,
	key: &[u8; 32],
	before: u64,
	count: usize,
) -> Result<Vec<Place>, redb::Error> {
	let mut places = Vec::new();
	for entry in order.iter()? {
		let (place, value) = entry?;
		let (ended_at, name) = place.value();
		if ended_at >= before || places.len() >= count {
			break;
		}
		if value.value().1 == key {
			places.push((ended_at, *name));
		}
	}
	Ok(places)
}

/// Removes the answer of this name, if there is one.
fn replace(transaction: &WriteTransaction, name: &[u8; 32], taken: &mut u64) -> Result<(), redb::Error> {
	let ended_at = {
		let kept = transaction.open_table(KEPT)?;
		let found = kept.get(name)?;
		found.and_then(|bytes| KeptAnswer::decode_all(&mut bytes.value()).ok()).map(|answer| answer.ended_at)
	};
	ended_at.map_or(Ok(()), |ended_at| remove(transaction, &(ended_at, *name), taken))
}

/// Removes the answer in a place. One that this version does not read goes like any other: nothing may stay for ever.
fn remove(
	transaction: &WriteTransaction,
	(ended_at, name): &Place,
	taken: &mut u64,
) -> Result<(), redb::Error> {
	let size = transaction.open_table(ORDER)?.remove((*ended_at, name))?.map(|value| value.value().0);
	*taken = taken.saturating_sub(size.unwrap_or(0));
	let removed = {
		let mut kept = transaction.open_table(KEPT)?;
		let removed = kept.remove(name)?;
		removed.and_then(|bytes| KeptAnswer::decode_all(&mut bytes.value()).ok())
	};
	if let Some(answer) = removed {
		transaction.open_table(IDS)?.remove(answer.id.as_str())?;
	}
	Ok(())
}

/// Reports whether an answer is kept that a key signed before a time.
pub(crate) fn has_of_key(database: &Database, key: &[u8; 32], before: u64) -> Result<bool, redb::Error> {
	Ok(!of_key(&database.begin_read()?.open_table(ORDER)?, key, before, 1)?.is_empty())
}

/// Reads an answer by its receipt's name on chain.
pub(crate) fn find(database: &Database, name: &[u8; 32]) -> Result<Option<KeptAnswer>, redb::Error> {
	let table = database.begin_read()?.open_table(KEPT)?;
	let found = table.get(name)?;
	Ok(found.and_then(|bytes| KeptAnswer::decode_all(&mut bytes.value()).ok()))
}

/// Reads an answer by its identifier at the gateway.
pub(crate) fn find_by_id(database: &Database, id: &str) -> Result<Option<KeptAnswer>, redb::Error> {
	let name = database.begin_read()?.open_table(IDS)?.get(id)?.map(|name| *name.value());
	name.map_or(Ok(None), |name| find(database, &name))
}

/// Returns the keys that signed the answers which are kept, each once.
pub(crate) fn keys(database: &Database) -> Result<Vec<[u8; 32]>, redb::Error> {
	let mut keys: Vec<[u8; 32]> = Vec::new();
	for entry in database.begin_read()?.open_table(ORDER)?.iter()? {
		let key = *entry?.1.value().1;
		if !keys.contains(&key) {
			keys.push(key);
		}
	}
	Ok(keys)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		receipt::{receipt, to_json, ServingPair},
		store::{Change, Store},
	};
	use blyan_gateway::receipt_line;
	use blyan_open_model::End;
	use proptest::prelude::*;
	use sp_core::H256;
	use std::path::Path;

	const GENESIS: H256 = H256::repeat_byte(7);

	fn record(seed: u64, tokens: usize) -> GenerationRecord {
		GenerationRecord {
			model_root: "ab".repeat(32),
			tokenizer: "cd".repeat(32),
			prompt: vec![1; tokens],
			answer: vec![2, 3],
			seed,
			temperature_q8: 179,
			top_p_q8: 256,
			max_tokens: 9,
			stop: Vec::new(),
			ends: Vec::new(),
			end: End::Cancelled,
			engine: "test".into(),
		}
	}

	/// An answer of this number, signed with a key of this seed at this time, with its name on chain.
	fn signed(number: u64, key: u8, ended_at: u64) -> ([u8; 32], KeptAnswer) {
		let record = record(number, 40);
		let signed = ServingPair::from_seed(&[key; 32], GENESIS).sign(receipt(&record, 40, 5, 70).unwrap());
		let line = receipt_line(&record, Some(&to_json(&signed, &GENESIS))).unwrap().into_bytes();
		(signed.id(&GENESIS).0, KeptAnswer { ended_at, id: format!("chatcmpl-{number}"), signed, line })
	}

	fn open(path: &Path, room: u64) -> Store {
		Store::open(path, &GENESIS.0, room).unwrap().0
	}

	fn put(store: &Store, (name, answer): &([u8; 32], KeptAnswer)) {
		let kept = store.put(vec![Change::Keep(*name, Box::new(answer.clone()))]);
		futures::executor::block_on(kept).unwrap();
	}

	fn key(seed: u8) -> [u8; 32] {
		ServingPair::from_seed(&[seed; 32], GENESIS).public().0
	}

	#[test]
	fn an_answer_that_is_kept_is_there_after_a_kill_by_its_name_and_by_its_identifier() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("till.redb");
		let store = open(&path, BYTES_MAX);
		let answer = signed(1, 9, 100);
		put(&store, &answer);
		// A copy of the file is what a process that dies at this moment leaves behind.
		let copy = dir.path().join("copy.redb");
		std::fs::copy(&path, &copy).unwrap();
		let copied = open(&copy, BYTES_MAX);
		assert_eq!(copied.kept(&answer.0).unwrap(), Some(answer.1.clone()));
		let by_id = copied.kept_by_id("chatcmpl-1").unwrap().unwrap();
		assert_eq!(by_id.record(), Some(record(1, 40)));
		assert_eq!(by_id.signed, answer.1.signed);
		assert_eq!(copied.kept_by_id("chatcmpl-2").unwrap(), None);
		assert_eq!(copied.kept(&[0; 32]).unwrap(), None);
	}

	#[test]
	fn a_former_keys_answers_go_once_they_are_old_and_no_others() {
		let dir = tempfile::tempdir().unwrap();
		let store = open(&dir.path().join("till.redb"), BYTES_MAX);
		let answers = [signed(1, 8, 100), signed(2, 9, 101), signed(3, 8, 102), signed(4, 8, 200)];
		answers.iter().for_each(|answer| put(&store, answer));
		assert_eq!(store.kept_keys().unwrap(), [key(8), key(9)]);
		let forgotten = store.put(vec![Change::ForgetKey(key(8), 200)]);
		futures::executor::block_on(forgotten).unwrap();
		let is_kept = |answer: &([u8; 32], KeptAnswer)| store.kept(&answer.0).unwrap().is_some();
		assert_eq!(answers.each_ref().map(is_kept), [false, true, false, true]);
		assert_eq!(store.kept_by_id("chatcmpl-1").unwrap(), None);
		assert_eq!(store.room().taken, answers[1].1.size() + answers[3].1.size());
	}

	#[test]
	fn many_answers_of_a_former_key_go_in_steps_between_which_others_are_written() {
		let dir = tempfile::tempdir().unwrap();
		let store = open(&dir.path().join("till.redb"), BYTES_MAX);
		let answer = signed(1, 8, 100).1;
		let name = |number: usize| {
			let mut name = [0; 32];
			name[..8].copy_from_slice(&number.to_be_bytes());
			name
		};
		let keep = |number| {
			let answer = KeptAnswer { id: format!("chatcmpl-{number}"), ..answer.clone() };
			Change::Keep(name(number), Box::new(answer))
		};
		futures::executor::block_on(store.put((0..FORGOTTEN_AT_ONCE + 2).map(keep).collect())).unwrap();
		let forget = || futures::executor::block_on(store.put(vec![Change::ForgetKey(key(8), 200)])).unwrap();
		forget();
		assert!(store.kept(&name(FORGOTTEN_AT_ONCE - 1)).unwrap().is_none());
		assert!(store.kept(&name(FORGOTTEN_AT_ONCE)).unwrap().is_some());
		assert!(store.has_kept_of(&key(8), 200).unwrap());
		assert!(!store.has_kept_of(&key(8), 100).unwrap(), "none is so old");
		assert!(!store.has_kept_of(&key(9), 200).unwrap());
		forget();
		assert!(!store.has_kept_of(&key(8), 200).unwrap());
	}

	#[test]
	fn a_record_that_cannot_be_read_goes_like_any_other() {
		let dir = tempfile::tempdir().unwrap();
		let database = Database::create(dir.path().join("till.redb")).unwrap();
		let transaction = database.begin_write().unwrap();
		prepare(&transaction).unwrap();
		let (_, answer) = signed(1, 9, 100);
		let mut taken = 0;
		super::put(&transaction, &[7; 32], &answer, &mut taken).unwrap();
		assert_eq!(taken, answer.size());
		transaction.open_table(KEPT).unwrap().insert(&[7_u8; 32], &[0xff_u8; 9][..]).unwrap();
		super::forget_key(&transaction, &key(9), 200, &mut taken).unwrap();
		assert_eq!(taken, 0);
		assert!(transaction.open_table(KEPT).unwrap().first().unwrap().is_none());
	}

	#[test]
	fn the_room_that_is_left_is_that_of_the_bound_and_of_the_disk() {
		let room = StoreRoom { taken: 70, max: 100, disk: None, has_failed: false };
		assert_eq!(room.left(), 30);
		assert_eq!(StoreRoom { disk: Some(DISK_SPARE + 20), ..room }.left(), 20);
		assert_eq!(StoreRoom { disk: Some(DISK_SPARE - 1), ..room }.left(), 0);
		assert_eq!(StoreRoom { taken: 101, ..room }.left(), 0, "there was more room before a restart");
		assert_eq!(StoreRoom { has_failed: true, ..room }.left(), 0);
	}

	#[test]
	fn no_answer_takes_more_than_was_set_aside_for_it() {
		let mut record = record(u64::MAX, 5_000);
		(record.prompt, record.answer) = (vec![u32::MAX; 5_000], vec![u32::MAX; 5_000]);
		record.stop = vec!["\u{1}".repeat(512); 4];
		let signed = ServingPair::from_seed(&[9; 32], GENESIS)
			.sign(receipt(&record, 5_000, u64::MAX, u128::MAX).unwrap());
		let line = receipt_line(&record, Some(&to_json(&signed, &GENESIS))).unwrap().into_bytes();
		let kept = KeptAnswer { ended_at: 1, id: format!("chatcmpl-{:032x}-8", u128::MAX), signed, line };
		assert!(kept.size() <= bytes_max(10_000), "{} of {}", kept.size(), bytes_max(10_000));
	}

	proptest! {
		#![proptest_config(ProptestConfig::with_cases(16))]
		#[test]
		fn nothing_that_was_signed_is_forgotten_for_want_of_room_also_after_a_restart(
			count in 1..12_usize, room in 1..6_u64, restart in 0..12_usize,
		) {
			let dir = tempfile::tempdir().unwrap();
			let path = dir.path().join("till.redb");
			let size = signed(0, 9, 0).1.size();
			let mut store = open(&path, size * room + size / 2);
			for number in 0..count {
				if number == restart {
					drop(store);
					store = open(&path, size * room + size / 2);
				}
				put(&store, &signed(number as u64, 9, number as u64));
			}
			for number in 0..count {
				prop_assert!(store.kept(&signed(number as u64, 9, 0).0).unwrap().is_some(), "{} of {}", number, count);
			}
			let has_room = store.room().max.saturating_sub(store.room().taken) >= size;
			prop_assert_eq!(has_room, (count as u64) < room);
		}
	}
}
