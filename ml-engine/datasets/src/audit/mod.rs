//! Audit of a dataset by a machine that did not make it.
//!
//! ```text
//! manifest, offer, seed ──> Plan: the blobs that are drawn, at most 4        (these alone have to be fetched)
//! their bytes ───────────> every record: leaf, order, near duplicates        (what the manifest says of the blob)
//!                     └──> drawn records, at most 4 MB: form, licence, filter (what the figures count)
//!                     └──> AuditReport: counts, equal on every machine
//! ```
//!
//! A report follows from the bytes, the seed and the rules of this release alone: not from threads, order of arrival or the machine.
//! Two reports that differ are of two releases, or one of them is wrong; the draw's [`AuditReport::sample_root`] tells of another draw.
//!
//! Records lie in the order of their hashes, so a blob is a random part of a dataset whose maker does not choose hashes. One who does
//! fills a blob with what the filter would refuse; blobs are drawn by their records, so that blob counts for as much as it holds.
//! Of a dataset of more than four blobs only near duplicates within the drawn ones are seen: copies spread over a thousand
//! blobs are found by their maker's own job, or by a longer scan.

mod records;
mod report;
mod sample;

pub use report::{AuditReport, LANGUAGES_MAX};
pub use sample::{Plan, PlannedBlob, MANIFEST_BYTES_MAX};

use crate::{
	filter::{Filter, NearIndex, Rules},
	Fault,
};
use blyan_exact::Hash;
use rayon::prelude::*;
use records::{Blob, Duplicates};

/// Bytes of records in a sample at most.
pub const SAMPLE_BYTES_MAX: usize = 4 << 20;
/// Blobs that a sample is drawn from at most.
pub const BLOBS_MAX: usize = 4;
/// Bytes of memory for the table of near duplicates.
const NEAR_BYTES_MAX: u64 = 256 << 20;
/// Records between two looks at whether the audit has been given up.
const STEP: usize = 1_024;

/// Statement of an offer, which the manifest has to bear out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
	/// Licence, an SPDX expression.
	pub licence: String,
	/// Root over all records.
	pub root: Hash,
	/// Records.
	pub records: u64,
	/// Bytes of all blobs.
	pub bytes: u64,
	/// Blobs.
	pub blobs: u32,
}

/// Why there is no report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
	/// The caller has given up.
	#[error("the audit was given up")]
	Interrupted,
	/// A blob's bytes are not those of its hash: this machine's copy is damaged.
	#[error("blob {0} of the plan is not the bytes of its hash; fetch it again")]
	Damaged(usize),
}

/// Audits the blobs of a plan, given in its order.
///
/// `goes_on` is asked now and then; the audit ends when it answers false.
///
/// # Errors
///
/// [`AuditError`]; a fault of the dataset is a report.
pub fn audit(
	plan: &Plan,
	blobs: &[&[u8]],
	goes_on: &(dyn Fn() -> bool + Sync),
) -> Result<AuditReport, AuditError> {
	let filter = Filter::new(rules(plan.rules()));
	let mut report = AuditReport::new(plan.licence());
	let mut duplicates = Duplicates::new(NearIndex::new(plan.records(), NEAR_BYTES_MAX));
	let mut leaves = Vec::new();
	for (number, planned) in plan.blobs().iter().enumerate() {
		let bytes = blobs.get(number).copied().unwrap_or_default();
		if blyan_exact::blake2_256(&[bytes]) != planned.hash {
			return Err(AuditError::Damaged(number));
		}
		let Some(blob) = Blob::read(planned, bytes, plan.line_bytes_max()) else {
			return Ok(AuditReport::of_fault(Fault::BlobDiffers));
		};
		let drawn = plan.draw(planned, &blob.lengths());
		let mut next = drawn.iter().copied().peekable();
		// In steps, so that an audit that was given up ends soon, and the texts of one step are in memory.
		for (step, lines) in blob.lines.chunks(STEP).enumerate() {
			if !goes_on() {
				return Err(AuditError::Interrupted);
			}
			let first = step * STEP;
			let read: Vec<records::Seen> = lines.par_iter().map(|line| blob.see(line)).collect();
			let wanted = next_in(&mut next, first + lines.len());
			let judged: Vec<records::Judged> = wanted
				.par_iter()
				.filter_map(|index| Some(blob.judge(lines.get(index - first)?, &filter)))
				.collect();
			let mut judged = wanted.iter().zip(judged).peekable();
			for (index, seen) in (first..).zip(read) {
				let is_duplicate = duplicates.is_one(seen);
				if let Some((_, judged)) = judged.next_if(|(wanted, _)| **wanted == index) {
					leaves.push(judged.leaf);
					report.add(&judged, is_duplicate);
				}
			}
		}
	}
	report.close(&leaves);
	Ok(report)
}

/// The rules that a dataset is audited by: its own only where they are a matter of taste.
fn rules(own: Rules) -> Rules {
	Rules { keep_generated: own.keep_generated, ..Rules::default() }
}

/// Takes the indices below `end`.
fn next_in(next: &mut std::iter::Peekable<impl Iterator<Item = usize>>, end: usize) -> Vec<usize> {
	std::iter::from_fn(|| next.next_if(|index| *index < end)).collect()
}

#[cfg(test)]
mod tests;
