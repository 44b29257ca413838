//! Receipts of answers: records by which anyone with the model computes an answer again.
//!
//! The newest are kept in memory, and those that were asked for last; those that a till has signed are on its disk as well.
//! A receipt holds prompt and answer, so its identifier
//! is a secret of 128 random bits, which only the answer's reader gets.

use axum::body::Bytes;
use blyan_open_model::GenerationRecord;
use lru::LruCache;
use serde_json::Value;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Format of a record, as `blyan audit replay` reads it.
const FORMAT: &str = "blyan/generation";
/// Version of that format.
const VERSION: u32 = 1;

/// Receipts by identifier.
#[derive(Debug)]
pub struct Receipts {
	kept: Mutex<Kept>,
	count_max: usize,
	bytes_max: usize,
}

#[derive(Debug)]
struct Kept {
	receipts: LruCache<String, Bytes>,
	bytes: usize,
}

impl Receipts {
	/// Makes an empty store of so many receipts at most, which take so many bytes at most.
	pub fn new(count_max: usize, bytes_max: usize) -> Self {
		let kept = Kept { receipts: LruCache::unbounded(), bytes: 0 };
		Self { kept: Mutex::new(kept), count_max, bytes_max }
	}

	/// Keeps a record, and drops those that were not asked for the longest where there is no room.
	/// `signed` is the receipt that the operator signed, if it signs any.
	pub fn put(
		&self,
		id: String,
		record: &GenerationRecord,
		signed: Option<&Value>,
	) -> Result<(), serde_json::Error> {
		let receipt = Bytes::from(line(record, signed)?);
		let mut kept = self.lock();
		kept.bytes += receipt.len();
		if let Some(old) = kept.receipts.put(id, receipt) {
			kept.bytes -= old.len();
		}
		// The newest stays, whatever its size: its reader is about to ask for it.
		while kept.receipts.len() > 1 && (kept.receipts.len() > self.count_max || kept.bytes > self.bytes_max)
		{
			let Some((_, dropped)) = kept.receipts.pop_lru() else { break };
			kept.bytes -= dropped.len();
		}
		Ok(())
	}

	/// Returns a receipt as a line of JSON.
	pub fn get(&self, id: &str) -> Option<Bytes> {
		self.lock().receipts.get(id).cloned()
	}

	/// Returns the number of receipts, and their bytes.
	pub fn size(&self) -> (usize, usize) {
		let kept = self.lock();
		(kept.receipts.len(), kept.bytes)
	}

	fn lock(&self) -> MutexGuard<'_, Kept> {
		// Every change is complete before anything that could panic.
		self.kept.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

/// Writes a record with its format's name, as `GET /v1/receipts/ID` has it. `signed`: the receipt that the operator signed.
pub fn line(record: &GenerationRecord, signed: Option<&Value>) -> Result<String, serde_json::Error> {
	let mut value = serde_json::to_value(record)?;
	if let Value::Object(fields) = &mut value {
		fields.insert("format".into(), FORMAT.into());
		fields.insert("version".into(), VERSION.into());
		if let Some(signed) = signed {
			fields.insert("signed_receipt".into(), signed.clone());
		}
	}
	Ok(format!("{value}\n"))
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_open_model::End;

	fn record(tokens: usize) -> GenerationRecord {
		GenerationRecord {
			model_root: "ab".repeat(32),
			tokenizer: "cd".repeat(32),
			prompt: vec![1; tokens],
			answer: vec![2],
			seed: u64::MAX,
			temperature_q8: 0,
			top_p_q8: 256,
			max_tokens: 1,
			stop: Vec::new(),
			ends: Vec::new(),
			end: End::Cancelled,
			engine: "test".into(),
		}
	}

	#[test]
	fn a_receipt_is_a_record_with_the_name_of_its_format() {
		let receipts = Receipts::new(2, 1 << 20);
		receipts.put("a".into(), &record(3), None).unwrap();
		let mut value: Value = serde_json::from_slice(&receipts.get("a").unwrap()).unwrap();
		let fields = value.as_object_mut().unwrap();
		assert_eq!(fields.remove("format"), Some(FORMAT.into()));
		assert_eq!(fields.remove("version"), Some(VERSION.into()));
		assert_eq!(serde_json::from_value::<GenerationRecord>(value).unwrap(), record(3));
	}

	#[test]
	fn the_one_not_asked_for_the_longest_goes_first() {
		let receipts = Receipts::new(2, 1 << 20);
		for id in ["a", "b"] {
			receipts.put(id.into(), &record(1), None).unwrap();
		}
		assert!(receipts.get("a").is_some());
		receipts.put("c".into(), &record(1), None).unwrap();
		assert!(receipts.get("a").is_some() && receipts.get("b").is_none() && receipts.get("c").is_some());
	}

	#[test]
	fn bytes_are_bounded_and_counted_and_the_newest_stays() {
		let receipts = Receipts::new(100, 4_000);
		for id in 0..50 {
			receipts.put(id.to_string(), &record(200), None).unwrap();
			let (count, bytes) = receipts.size();
			assert!(bytes <= 4_000 && count > 0, "{count} {bytes}");
		}
		receipts.put("large".into(), &record(10_000), None).unwrap();
		assert_eq!(receipts.size().0, 1);
		assert_eq!(receipts.size().1, receipts.get("large").unwrap().len());
	}
}
