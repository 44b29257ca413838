//! Records that can be checked away from the chain, as files: answers, scores, traces.
//!
//! A file holds JSON objects one behind another, and each says what it is:
//!
//! ```text
//! {"format": "blyan/answer", "version": 1, ...}    a text that a model is said to have generated
//! {"format": "blyan/generation", "version": 1, ..} token ids that a model on this machine has generated
//! {"format": "blyan/score", "version": 1, ...}     what a model and a candidate are said to need for sequences
//! {"format": "blyan/trace", "version": 1, ...}     hashes of every row that one sequence's evaluation came to
//! ```
//!
//! Nothing in a record is believed: what it names is looked up by hash, and what it says is computed again.

mod answer;
mod score;
mod trace;

pub use answer::{AnswerRecord, ModelRecord, PartsRecord, Text};
pub use score::{ItemRecord, ScoreRecord};
pub use trace::TraceRecord;

use crate::failure::{Context, Failure, Kind, Outcome};
use blyan_open_model::GenerationRecord;
use serde::{de::DeserializeOwned, Serialize};
use serde_json::Value;
use std::{fs, path::Path};

/// Version of the formats.
const VERSION: u32 = 1;
/// Largest file that is read: the score of 65,536 sequences, or the traces of some hundred.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// One object of a file.
#[derive(Debug)]
pub enum Record {
	/// A text.
	Answer(Box<AnswerRecord>),
	/// Token ids of a model of an open checkpoint.
	Generation(Box<GenerationRecord>),
	/// Losses.
	Score(Box<ScoreRecord>),
	/// Hashes of rows.
	Trace(Box<TraceRecord>),
}

/// The common beginning of every record.
trait Format: Serialize + DeserializeOwned {
	/// Its name.
	const FORMAT: &'static str;
}

impl Format for GenerationRecord {
	const FORMAT: &'static str = "blyan/generation";
}

/// A record as a line of JSON that says what it is.
fn to_line<T: Format>(record: &T) -> Outcome<String> {
	let mut value = serde_json::to_value(record)?;
	if let Some(object) = value.as_object_mut() {
		object.insert("format".into(), T::FORMAT.into());
		object.insert("version".into(), VERSION.into());
	}
	Ok(format!("{value}\n"))
}

impl Record {
	/// As a line of JSON.
	pub fn to_line(&self) -> Outcome<String> {
		match self {
			Self::Answer(record) => to_line(record.as_ref()),
			Self::Generation(record) => to_line(record.as_ref()),
			Self::Score(record) => to_line(record.as_ref()),
			Self::Trace(record) => to_line(record.as_ref()),
		}
	}

	/// Reads an object that says what it is.
	pub fn from_value(mut value: Value) -> Outcome<Self> {
		let undecided = |message: String| Failure::new(message).kind(Kind::Undecided);
		let Some(object) = value.as_object_mut() else {
			return Err(undecided("it holds no JSON object".into()));
		};
		let format = object.remove("format").unwrap_or_default();
		let version = object.remove("version").unwrap_or_default();
		if version != VERSION {
			return Err(undecided(format!("version {version} of {format} is unknown here"))
				.next(format!("this program reads version {VERSION}; update the older of the two")));
		}
		// Who signed for an answer, and what it cost: `blyan receipts verify` checks that.
		object.remove("signed_receipt");
		object.remove(blyan_till::receipt::ASKED);
		fn from<T: Format>(value: Value) -> Outcome<Box<T>> {
			let read = serde_json::from_value(value).map_err(Failure::from);
			read.context(T::FORMAT).map(Box::new).map_err(|failure| failure.kind(Kind::Undecided))
		}
		match format.as_str() {
			Some(AnswerRecord::FORMAT) => from(value).map(Self::Answer),
			Some(GenerationRecord::FORMAT) => from(value).map(Self::Generation),
			Some(ScoreRecord::FORMAT) => from(value).map(Self::Score),
			Some(TraceRecord::FORMAT) => from(value).map(Self::Trace),
			_ => Err(undecided(format!("{format} is no format that can be checked"))
				.next("name a file written by: blyan chat --save FILE, or blyan audit score --save FILE")),
		}
	}
}

/// Reads all records of a file; at least one.
pub fn read(path: &Path) -> Outcome<Vec<Record>> {
	let next = "name a file written by: blyan chat --save FILE, or blyan audit score --save FILE";
	let undecided = |failure: Failure| failure.kind(Kind::Undecided);
	let size = fs::metadata(path).context_next(path.display(), next).map_err(undecided)?.len();
	if size > FILE_BYTES_MAX {
		return Err(undecided(Failure::new(format!(
			"{} has {size} bytes; at most {FILE_BYTES_MAX} are read",
			path.display()
		))));
	}
	let bytes = fs::read(path).context_next(path.display(), next).map_err(undecided)?;
	let mut records = Vec::new();
	for value in serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>() {
		let value = value.context_next(path.display(), next).map_err(undecided)?;
		records.push(Record::from_value(value).context(path.display())?);
	}
	if records.is_empty() {
		return Err(undecided(Failure::new(format!("{} is empty", path.display())).next(next)));
	}
	Ok(records)
}

/// Writes records; an earlier file is replaced.
pub fn write(path: &Path, records: &[Record]) -> Outcome<()> {
	let lines = records.iter().map(Record::to_line).collect::<Outcome<String>>()?;
	fs::write(path, lines).context_next(path.display(), "choose another file")
}

/// Adds a record to the end of a file.
pub fn append(path: &Path, record: &Record) -> Outcome<()> {
	use std::io::Write;
	let mut file = fs::OpenOptions::new()
		.append(true)
		.create(true)
		.open(path)
		.context_next(path.display(), "choose another file")?;
	file.write_all(record.to_line()?.as_bytes()).context(path.display())
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_core::H256;

	fn answer() -> Record {
		Record::Answer(Box::new(AnswerRecord {
			model: ModelRecord { root: H256([1; 32]), id: Some(0), generation: Some(3), parts: None },
			prompt: Text::new(b"fn"),
			seed: u64::MAX,
			temperature_q8: 179,
			top_p_q8: 230,
			answer: Text::new(&[0xff, 0]),
			max_bytes: 2,
			engine: "a test".into(),
		}))
	}

	#[test]
	fn records_round_trip_one_behind_another() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("answers.json");
		append(&path, &answer()).unwrap();
		append(&path, &answer()).unwrap();
		let read_back = read(&path).unwrap();
		assert_eq!(read_back.len(), 2);
		for record in &read_back {
			assert_eq!(record.to_line().unwrap(), answer().to_line().unwrap());
		}
		let Record::Answer(record) = &read_back[0] else { panic!("another record") };
		assert_eq!((record.seed, record.answer.bytes()), (u64::MAX, &[0xff, 0][..]));
		// What is text can be read, what is not is hexadecimal.
		let text = fs::read_to_string(&path).unwrap();
		assert!(text.contains(r#"{"text":"fn"}"#) && text.contains(r#"{"hex":"ff00"}"#), "{text}");
		write(&path, &read_back[..1]).unwrap();
		assert_eq!(read(&path).unwrap().len(), 1);
	}

	#[test]
	fn a_generation_round_trips_and_a_truncated_one_is_undecided() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("generations.json");
		let json = r#"{"model_root": "ab", "tokenizer": "cd", "prompt": [1], "answer": [2, 3], "seed": 18446744073709551615,
			"temperature_q8": 179, "top_p_q8": 230, "max_tokens": 2, "stop": ["x"], "ends": [0], "end": "length",
			"engine": "a test"}"#;
		let record = Record::Generation(serde_json::from_str(json).unwrap());
		append(&path, &record).unwrap();
		append(&path, &answer()).unwrap();
		let read_back = read(&path).unwrap();
		assert_eq!(read_back.len(), 2);
		assert_eq!(read_back[0].to_line().unwrap(), record.to_line().unwrap());
		let line = record.to_line().unwrap();
		fs::write(&path, line.replacen('{', r#"{"signed_receipt": {"scale": "0x00"},"#, 1)).unwrap();
		assert_eq!(
			read(&path).unwrap()[0].to_line().unwrap(),
			line,
			"a paid answer is replayed as any other"
		);
		fs::write(&path, &line[..line.len() / 2]).unwrap();
		let failure = read(&path).unwrap_err();
		assert_eq!(failure.kind, Kind::Undecided);
		assert!(failure.message.contains("EOF"), "{}", failure.message);
		fs::write(&path, line.replace("length", "tired")).unwrap();
		assert!(read(&path).unwrap_err().message.contains("does not name the end of an answer"));
	}

	#[test]
	fn what_cannot_be_read_is_undecided_and_says_why() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("answer.json");
		let line = answer().to_line().unwrap();
		for (text, said) in [
			(String::new(), "is empty"),
			("{".into(), "EOF"),
			("[]".into(), "no JSON object"),
			("{}".into(), "version null"),
			(line.replace("\"version\":1", "\"version\":2"), "version 2"),
			(line.replace("blyan/answer", "blyan/poem"), "blyan/poem"),
			(line.replace("ff00", "ff0"), "hexadecimal"),
			(line.replace("\"seed\"", "\"sead\""), "sead"),
		] {
			fs::write(&path, text).unwrap();
			let failure = read(&path).unwrap_err();
			assert_eq!(failure.kind, Kind::Undecided, "{}", failure.message);
			assert!(failure.message.contains(said), "{}", failure.message);
		}
		assert_eq!(read(&dir.path().join("none")).unwrap_err().kind, Kind::Undecided);
	}
}
