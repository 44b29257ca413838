//! One row of a source, as the documents that become of it.

use crate::{
	filter::{Bands, Filter, Runs},
	record::language,
	source::{RawText, Row},
	text_family, Document, Finding, Licence, Note, Reason,
};
use blyan_exact::{blake2_256, Hash};

/// Settings that all rows of a file share.
pub(super) struct Context<'a> {
	/// The filter.
	pub filter: &'a Filter,
	/// The file's name in the dataset: its hash.
	pub id: &'a str,
	/// Licence of rows that name none.
	pub licence: &'a Licence,
	/// True if other licences are taken too.
	pub any_licence: bool,
	/// Language of rows that name none.
	pub language: Option<&'a str>,
	/// Longest document.
	pub document_bytes_max: usize,
}

/// A text that passed the filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prepared {
	/// Hash of the text.
	pub hash: Hash,
	/// Keys for near duplicates.
	pub bands: Bands,
	/// Canonical bytes of the document.
	pub line: Vec<u8>,
}

/// Everything that became of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
	/// Number of the row in its file.
	pub number: u64,
	/// Texts that passed.
	pub prepared: Vec<Prepared>,
	/// Texts that did not, by piece (0 is the whole row).
	pub left_out: Vec<(Reason, usize)>,
	/// Findings in all texts.
	pub findings: Vec<Finding>,
	/// Repairs.
	pub notes: Vec<Note>,
	/// Bytes of text.
	pub bytes: u64,
}

/// Works one row out.
pub(super) fn prepare(row: Row, context: &Context<'_>) -> Outcome {
	let mut outcome = Outcome { number: row.number, notes: row.notes, ..Outcome::default() };
	let raw = match row.content {
		Ok(raw) => raw,
		Err(reason) => {
			outcome.left_out.push((reason, 0));
			return outcome;
		}
	};
	outcome.bytes = raw.text.len() as u64;
	let licence = match licence(&raw, context, &mut outcome.notes) {
		Ok(licence) => licence,
		Err(reason) => {
			outcome.left_out.push((reason, 0));
			return outcome;
		}
	};
	let language = raw.language.as_deref().or(context.language).and_then(language);
	let text = plain(raw.text, &mut outcome.notes);
	let judged = context.filter.judge_whole(&text, raw.beginning.as_deref(), context.document_bytes_max);
	if judged.pieces.is_empty() {
		outcome.left_out.push((Reason::TooShort, 0));
	}
	if judged.pieces.len() > 1 {
		outcome.notes.push(Note::Cut);
	}
	for (index, (piece, verdict)) in judged.pieces.into_iter().enumerate() {
		outcome.findings.extend(verdict.findings);
		if let Some(reason) = verdict.reason {
			outcome.left_out.push((reason, index + 1));
			continue;
		}
		let origin = format!("{}#{}.{}", context.id, row.number, index + 1);
		let mut document = Document::new(piece.into(), origin, text_family(piece), licence.clone());
		document.language = language.clone();
		match document.line() {
			Ok(line) => {
				let hash = blake2_256(&[piece.as_bytes()]);
				outcome.prepared.push(Prepared { hash, bands: Runs::of(piece).bands(), line });
			}
			Err(_) => outcome.left_out.push((Reason::Malformed, index + 1)),
		}
	}
	outcome.findings.extend(judged.across);
	outcome
}

/// The row's own licence, or that of its file.
fn licence(raw: &RawText, context: &Context<'_>, notes: &mut Vec<Note>) -> Result<String, Reason> {
	let Some(own) = &raw.licence else { return Ok(context.licence.as_str().into()) };
	let licence = Licence::parse_described(own).map_err(|_| Reason::LicenceUnknown)?;
	if !licence.is_permissive() && !context.any_licence {
		return Err(Reason::LicenceNotPermissive);
	}
	if licence.as_str() != own {
		notes.push(Note::LicenceSpelling);
	}
	Ok(licence.as_str().into())
}

/// A text without byte order mark and carriage returns, so that it is one document wherever it was edited.
fn plain(text: String, notes: &mut Vec<Note>) -> String {
	let text = match text.strip_prefix('\u{feff}') {
		Some(rest) => {
			notes.push(Note::ByteOrderMark);
			rest.to_string()
		}
		None => text,
	};
	match text.contains("\r\n") {
		true => {
			notes.push(Note::CarriageReturns);
			text.replace("\r\n", "\n")
		}
		false => text,
	}
}
