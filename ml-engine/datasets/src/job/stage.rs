//! Reading: rows of all files, filtered on all threads, appended to parts.

use super::{
	prepare::{prepare, Context, Outcome, Prepared},
	state::{State, PARTS},
	Job, OnProgress, Progress, Stage,
};
use crate::{
	filter::Filter,
	source::{self, inventory::SourceFile, Row, Rows},
	Error,
};
use rayon::prelude::*;
use std::{
	fs::{File, OpenOptions},
	io::{BufWriter, Seek, SeekFrom, Write},
	path::{Path, PathBuf},
};

/// Rows and bytes of text that are worked on at once.
const BATCH_ROWS: usize = 1_024;
const BATCH_BYTES: usize = 8 << 20;
/// Bytes buffered in front of each part.
const BUFFER_BYTES: usize = 64 << 10;

/// Reads on from the state to the end of all files.
pub(super) fn run(job: &Job<'_>, state: &mut State, progress: &mut OnProgress<'_>) -> Result<(), Error> {
	let filter = Filter::new(job.options.rules);
	let mut parts = Parts::open(&job.folder(), &state.lengths)?;
	let total = job.inventory.bytes();
	while let Some(file) = job.inventory.files.get(state.files) {
		let id = file.id();
		let context = Context {
			filter: &filter,
			id: &id,
			licence: job.licence,
			any_licence: job.options.rules.any_licence,
			language: job.inventory.language.as_deref(),
			document_bytes_max: job.options.sizes.document_bytes_max,
		};
		let layout = job.inventory.layout(&job.options.layout);
		let mut rows = source::rows(file, &layout, &job.options.limits)?;
		skip(&mut rows, state.rows)?;
		let (mut read, mut since) = (0_u64, 0_u64);
		loop {
			let batch = next_batch(&mut rows)?;
			if batch.is_empty() {
				break;
			}
			let outcomes: Vec<Outcome> = batch.into_par_iter().map(|row| prepare(row, &context)).collect();
			for outcome in outcomes {
				read += outcome.bytes;
				since += outcome.bytes;
				take(outcome, file, state, &mut parts)?;
			}
			let now = Progress {
				stage: Stage::Reading,
				done: state.bytes + read.min(file.bytes),
				total,
				documents: state.texts,
				left_out: state.tally.counts.left_out_total(),
			};
			let goes_on = progress(&now);
			if since >= job.options.sizes.state_bytes || !goes_on {
				parts.sync(state)?;
				state.write(&job.folder())?;
				since = 0;
			}
			if !goes_on {
				return Err(Error::Interrupted);
			}
		}
		state.files += 1;
		state.rows = 0;
		state.bytes += file.bytes;
		// Small files share a state, so that a million of them are not a million writes.
		parts.unsynced += file.bytes;
		if parts.unsynced >= job.options.sizes.state_bytes {
			parts.sync(state)?;
			state.write(&job.folder())?;
		}
	}
	parts.sync(state)?;
	state.write(&job.folder())
}

/// Passes over rows that an earlier run has read.
fn skip(rows: &mut Rows, count: u64) -> Result<(), Error> {
	for _ in 0..count {
		match rows.next() {
			Some(row) => drop(row?),
			None => break,
		}
	}
	Ok(())
}

fn next_batch(rows: &mut Rows) -> Result<Vec<Row>, Error> {
	let (mut batch, mut bytes) = (Vec::new(), 0);
	while batch.len() < BATCH_ROWS && bytes < BATCH_BYTES {
		let Some(row) = rows.next() else { break };
		let row = row?;
		bytes += row.content.as_ref().map_or(0, |raw| raw.text.len());
		batch.push(row);
	}
	Ok(batch)
}

fn take(outcome: Outcome, file: &SourceFile, state: &mut State, parts: &mut Parts) -> Result<(), Error> {
	state.rows += 1;
	state.tally.counts.read += 1;
	for note in outcome.notes {
		state.tally.counts.note(note);
	}
	for finding in outcome.findings {
		state.tally.counts.find(finding);
	}
	for (reason, piece) in outcome.left_out {
		state.tally.leave_out(reason, || match piece {
			0 | 1 => format!("{}, {}", file.name, outcome.number),
			piece => format!("{}, {}, piece {piece}", file.name, outcome.number),
		});
	}
	for prepared in &outcome.prepared {
		parts.push(prepared)?;
		state.texts += 1;
	}
	Ok(())
}

/// The files of the parts, written behind one another.
struct Parts {
	files: Vec<(PathBuf, BufWriter<File>)>,
	lengths: Vec<u64>,
	unsynced: u64,
}

/// Path of a part.
pub(super) fn part_path(folder: &Path, part: usize) -> PathBuf {
	folder.join(format!("parts/{part:02x}"))
}

impl Parts {
	/// Opens the parts and cuts off what was written behind the state.
	fn open(folder: &Path, lengths: &[u64]) -> Result<Self, Error> {
		let mut files = Vec::with_capacity(PARTS);
		for (part, length) in lengths.iter().enumerate() {
			let path = part_path(folder, part);
			let mut file = OpenOptions::new()
				.write(true)
				.create(true)
				.truncate(false)
				.open(&path)
				.map_err(Error::io(&path))?;
			if file.metadata().map_err(Error::io(&path))?.len() < *length {
				let reason = "it is shorter than the state says; remove the folder and begin again".into();
				return Err(Error::Invalid { path, reason });
			}
			file.set_len(*length).map_err(Error::io(&path))?;
			file.seek(SeekFrom::Start(*length)).map_err(Error::io(&path))?;
			files.push((path, BufWriter::with_capacity(BUFFER_BYTES, file)));
		}
		Ok(Self { files, lengths: lengths.to_vec(), unsynced: 0 })
	}

	fn push(&mut self, text: &Prepared) -> Result<(), Error> {
		let part = usize::from(text.hash[0] >> 2);
		let (Some((path, file)), Some(length)) = (self.files.get_mut(part), self.lengths.get_mut(part))
		else {
			unreachable!("six bits are less than 64; qed")
		};
		let bytes = encode(text);
		file.write_all(&bytes).map_err(Error::io(&*path))?;
		*length += bytes.len() as u64;
		Ok(())
	}

	/// Puts everything on disk and its lengths into the state.
	fn sync(&mut self, state: &mut State) -> Result<(), Error> {
		for (path, file) in &mut self.files {
			file.flush().map_err(Error::io(&*path))?;
			file.get_ref().sync_data().map_err(Error::io(&*path))?;
		}
		state.lengths.clone_from(&self.lengths);
		self.unsynced = 0;
		Ok(())
	}
}

/// Bytes in front of a line: its length, its hash, its bands.
pub(super) const HEAD_BYTES: usize = 4 + 32 + 8 * crate::filter::BANDS;

fn encode(text: &Prepared) -> Vec<u8> {
	let length = u32::try_from(text.line.len()).expect("a document is cut far below 4 GiB; qed");
	let mut bytes = Vec::with_capacity(HEAD_BYTES + text.line.len());
	bytes.extend_from_slice(&length.to_le_bytes());
	bytes.extend_from_slice(&text.hash);
	for key in &text.bands {
		bytes.extend_from_slice(&key.to_le_bytes());
	}
	bytes.extend_from_slice(&text.line);
	bytes
}
