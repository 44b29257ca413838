//! Records of a drawn blob: what the manifest says of all of them, and what the filter says of the drawn ones.

use super::sample::PlannedBlob;
use crate::{
	filter::{Bands, Filter, NearIndex, Runs},
	record, Document, Finding, Licence, Reason,
};
use blyan_exact::{blake2_256, merkle, Hash};
use rayon::prelude::*;
use std::collections::HashSet;

/// A blob that is as its manifest says, as lines.
pub(super) struct Blob<'a> {
	/// The records, without line ends.
	pub lines: Vec<&'a [u8]>,
	line_bytes_max: usize,
}

impl<'a> Blob<'a> {
	/// Checks a blob; `None` if it is not as the manifest says.
	pub fn read(planned: &PlannedBlob, bytes: &'a [u8], line_bytes_max: usize) -> Option<Self> {
		let lines: Vec<&[u8]> = bytes.strip_suffix(b"\n")?.split(|byte| *byte == b'\n').collect();
		if (bytes.len() as u64, lines.len() as u64) != (planned.bytes, planned.records) {
			return None;
		}
		let leaves: Vec<Hash> = lines.par_iter().map(|line| merkle::leaf(line)).collect();
		(merkle::root(&leaves) == planned.root).then_some(Self { lines, line_bytes_max })
	}

	/// Lengths of the records, with their line ends. One that is too long to be read takes no room.
	pub fn lengths(&self) -> Vec<usize> {
		let length = |line: &&[u8]| if line.len() > self.line_bytes_max { 0 } else { line.len() + 1 };
		self.lines.iter().map(length).collect()
	}

	/// Reads a record for the comparison with others.
	pub fn see(&self, line: &[u8]) -> Seen {
		if line.len() > self.line_bytes_max {
			return None;
		}
		let document: Document = serde_json::from_slice(line).ok()?;
		let hash = blake2_256(&[document.text.as_bytes()]);
		Some((hash, Runs::of(&document.text).bands(), document.text))
	}

	/// Judges a record.
	pub fn judge(&self, line: &[u8], filter: &Filter) -> Judged {
		let leaf = merkle::leaf(line);
		if line.len() > self.line_bytes_max {
			return Judged { leaf, bytes: 0, document: None };
		}
		let document = record::read(line).ok().map(|document| {
			let verdict = filter.judge(&document.text);
			Judgement {
				text_bytes: document.text.len(),
				is_licensed: Licence::parse(&document.license).is_ok_and(|licence| licence.is_permissive()),
				language: document.language,
				reason: verdict.reason,
				findings: verdict.findings,
			}
		});
		Judged { leaf, bytes: line.len() + 1, document }
	}
}

/// A record as others are compared with it; `None` if there is no text in it.
pub(super) type Seen = Option<(Hash, Bands, String)>;

/// Texts of which others are duplicates, in the order of the records: each is compared with those before it that are none.
pub(super) struct Duplicates {
	near: NearIndex,
	hashes: HashSet<Hash>,
	texts: Vec<String>,
}

impl Duplicates {
	/// None are known yet.
	pub fn new(near: NearIndex) -> Self {
		Self { near, hashes: HashSet::new(), texts: Vec::new() }
	}

	/// Takes the next record; reports whether it is a copy of an earlier one, exact or near.
	pub fn is_one(&mut self, seen: Seen) -> bool {
		let Some((hash, bands, text)) = seen else { return false };
		if !self.hashes.insert(hash) {
			return true;
		}
		let candidates = self.near.candidates(&bands);
		if !candidates.is_empty() {
			let runs = Runs::of(&text);
			let text_at = |place: u64| self.texts.get(usize::try_from(place).ok()?);
			let mut texts = candidates.into_iter().filter_map(text_at);
			if texts.any(|other| runs.is_near(&Runs::of(other))) {
				return true;
			}
		}
		self.near.insert(&bands, self.texts.len() as u64);
		self.texts.push(text);
		false
	}
}

/// Judgement of one drawn record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judged {
	/// Leaf of the record.
	pub leaf: Hash,
	/// Bytes of the line.
	pub bytes: usize,
	/// The record, if it is as a job writes it.
	pub document: Option<Judgement>,
}

/// Judgement of a record that is as a job writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judgement {
	/// Bytes of text.
	pub text_bytes: usize,
	/// Its language, as it says.
	pub language: Option<String>,
	/// True if its own licence is permissive.
	pub is_licensed: bool,
	/// Reason for which the filter leaves it out.
	pub reason: Option<Reason>,
	/// Kinds of findings.
	pub findings: Vec<Finding>,
}
