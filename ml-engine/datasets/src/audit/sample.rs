//! The draw: which blobs, and which records of them.

use super::{Offer, BLOBS_MAX, SAMPLE_BYTES_MAX};
use crate::{
	document::hash,
	filter::Rules,
	manifest::{self, BlobRecord, Manifest},
	Fault,
};
use blyan_exact::{blake2_256, merkle, Hash};
use std::collections::BTreeSet;

/// Largest manifest: some hundred thousand blobs.
pub const MANIFEST_BYTES_MAX: usize = 32 << 20;
/// Largest blob that is audited, as large as any that a job writes.
const BLOB_BYTES_MAX: u64 = 1 << 26;
/// Bytes of the shortest canonical line: its names, quotes and hash. A manifest that names more records than there is room
/// for is one that wants to be expensive.
const LINE_BYTES_MIN: u64 = 110;
/// Longest record, as a canonical line: a text of 64 KiB of which every byte is escaped, and its fields. A longer one is
/// counted as malformed, unread.
const LINE_BYTES_MAX: usize = 512 << 10;

/// A blob that is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedBlob {
	/// Its number in the manifest.
	pub number: usize,
	/// Its hash.
	pub hash: Hash,
	/// Its bytes.
	pub bytes: u64,
	/// Its records.
	pub records: u64,
	/// Root over its records.
	pub root: Hash,
	/// Bytes of records that are drawn from it at most.
	pub share: usize,
}

/// The blobs of a draw, which an audit needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
	seed: Hash,
	blobs: Vec<PlannedBlob>,
	licence: String,
	rules: Rules,
	records: u64,
	line_bytes_max: usize,
}

impl Plan {
	/// Checks a manifest against the offer, and draws at most `sample_bytes_max` bytes of records, and never more than
	/// [`SAMPLE_BYTES_MAX`].
	///
	/// # Errors
	///
	/// The [`Fault`] of the manifest, for [`super::AuditReport::of_fault`].
	pub fn new(manifest: &[u8], offer: &Offer, seed: Hash, sample_bytes_max: usize) -> Result<Self, Fault> {
		if manifest.len() > MANIFEST_BYTES_MAX {
			return Err(Fault::ManifestTooLarge);
		}
		let (manifest, blobs) = read(manifest)?;
		let bytes: u64 = blobs.iter().map(|blob| blob.bytes).sum();
		let root = crate::hexadecimal(&offer.root);
		let is_offered = manifest.root == root
			&& manifest.licence == offer.licence
			&& (manifest.documents, bytes, blobs.len() as u64)
				== (offer.records, offer.bytes, u64::from(offer.blobs));
		if !is_offered {
			return Err(Fault::OfferDiffers);
		}
		let sample_bytes = sample_bytes_max.min(SAMPLE_BYTES_MAX);
		// So that the first record of a draw always fits.
		let line_bytes_max = LINE_BYTES_MAX.min(sample_bytes / (2 * BLOBS_MAX));
		let (licence, rules) = (manifest.licence, manifest.rules);
		let blobs = draw_blobs(&blobs, &seed, sample_bytes);
		let records = blobs.iter().map(|blob| blob.records).sum();
		Ok(Self { seed, blobs, licence, rules, records, line_bytes_max })
	}

	/// The blobs that are drawn, by their numbers.
	pub fn blobs(&self) -> &[PlannedBlob] {
		&self.blobs
	}

	/// Licence of the dataset.
	pub(super) fn licence(&self) -> &str {
		&self.licence
	}

	/// Rules that the dataset was made by.
	pub(super) fn rules(&self) -> Rules {
		self.rules
	}

	/// Records of the drawn blobs.
	pub(super) fn records(&self) -> u64 {
		self.records
	}

	/// Longest record that is read.
	pub(super) fn line_bytes_max(&self) -> usize {
		self.line_bytes_max
	}

	/// Indices of the records that are drawn from a blob, in ascending order, by the lengths of its records.
	///
	/// In an order that the seed decides, up to the first that is too many: to go on with shorter ones would draw those more often.
	pub(super) fn draw(&self, blob: &PlannedBlob, lengths: &[usize]) -> Vec<usize> {
		let number = (blob.number as u64).to_le_bytes();
		let place = |index: usize| blake2_256(&[RECORD, &self.seed, &number, &(index as u64).to_le_bytes()]);
		let mut order: Vec<(Hash, usize, usize)> =
			lengths.iter().enumerate().map(|(index, length)| (place(index), index, *length)).collect();
		order.sort_unstable();
		let mut left = blob.share;
		let fits = |(_, index, length): (Hash, usize, usize)| {
			left = left.checked_sub(length)?;
			Some(index)
		};
		let mut drawn: Vec<usize> = order.into_iter().map_while(fits).collect();
		drawn.sort_unstable();
		drawn
	}
}

/// Separates the draws of blobs from those of records.
const BLOB: &[u8] = b"blyan/dataset-audit/blob/1";
const RECORD: &[u8] = b"blyan/dataset-audit/record/1";

/// A manifest whose sums and roots are right.
fn read(bytes: &[u8]) -> Result<(Manifest, Vec<PlannedBlob>), Fault> {
	let manifest: Manifest = match serde_json::from_slice(bytes) {
		Ok(manifest) => manifest,
		// A later version may have other fields.
		Err(_) => {
			return Err(if is_later(bytes) { Fault::ManifestUnknown } else { Fault::ManifestMalformed })
		}
	};
	if (manifest.format.as_str(), manifest.version) != (manifest::FORMAT, manifest::VERSION) {
		return Err(Fault::ManifestUnknown);
	}
	if manifest.canonical().ok().as_deref() != Some(bytes) {
		return Err(Fault::ManifestMalformed);
	}
	let blobs: Option<Vec<PlannedBlob>> = manifest.blobs.iter().enumerate().map(planned).collect();
	let blobs = blobs.filter(|blobs| !blobs.is_empty()).ok_or(Fault::ManifestMalformed)?;
	let names: BTreeSet<&Hash> = blobs.iter().map(|blob| &blob.hash).collect();
	let records = blobs.iter().try_fold(0_u64, |sum, blob| sum.checked_add(blob.records));
	let roots: Vec<Hash> = blobs.iter().map(|blob| blob.root).collect();
	let is_right = names.len() == blobs.len()
		&& records == Some(manifest.documents)
		&& manifest.root == crate::hexadecimal(&merkle::root(&roots));
	match is_right {
		true => Ok((manifest, blobs)),
		false => Err(Fault::ManifestMalformed),
	}
}

fn is_later(bytes: &[u8]) -> bool {
	let value: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
	value["format"] == manifest::FORMAT && value["version"].as_u64().is_some_and(|version| version > 1)
}

/// A blob's record, if it can be that of a blob.
fn planned((number, record): (usize, &BlobRecord)) -> Option<PlannedBlob> {
	let (hash, root) = (hash(&record.hash)?, hash(&record.root)?);
	let is_possible = (1..=BLOB_BYTES_MAX).contains(&record.bytes)
		&& record.documents > 0
		&& record.documents.checked_mul(LINE_BYTES_MIN).is_some_and(|least| least <= record.bytes);
	let (bytes, records) = (record.bytes, record.documents);
	is_possible.then_some(PlannedBlob { number, hash, bytes, records, root, share: 0 })
}

/// Draws blobs by their records, with replacement: one that is drawn twice gives twice as much. Where there are no more than
/// may be drawn, each gives what it is of the whole.
fn draw_blobs(all: &[PlannedBlob], seed: &Hash, sample_bytes: usize) -> Vec<PlannedBlob> {
	let total: u64 = all.iter().map(|blob| blob.bytes).sum();
	let part = |bytes: u64| {
		let share = (sample_bytes as u128 * u128::from(bytes)).checked_div(total.into());
		usize::try_from(share.unwrap_or_default()).unwrap_or_default()
	};
	let mut blobs = all.to_vec();
	if blobs.len() <= BLOBS_MAX {
		for blob in &mut blobs {
			let whole = usize::try_from(blob.bytes).unwrap_or(usize::MAX);
			blob.share = if total <= sample_bytes as u64 { whole } else { part(blob.bytes) };
		}
		return blobs;
	}
	let ends: Vec<u64> = all
		.iter()
		.scan(0_u64, |sum, blob| {
			*sum += blob.records;
			Some(*sum)
		})
		.collect();
	let records = ends.last().copied().unwrap_or_default();
	for turn in 0..BLOBS_MAX {
		let drawn = blake2_256(&[BLOB, seed, &(turn as u64).to_le_bytes()]);
		let number = u128::from_le_bytes(drawn.first_chunk::<16>().copied().unwrap_or_default());
		let record =
			u64::try_from(number.checked_rem(records.into()).unwrap_or_default()).unwrap_or_default();
		if let Some(blob) = blobs.get_mut(ends.partition_point(|end| *end <= record)) {
			blob.share += sample_bytes / BLOBS_MAX;
		}
	}
	blobs.retain(|blob| blob.share > 0);
	blobs
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn blob(number: usize, records: u64) -> PlannedBlob {
		let hash = blake2_256(&[&number.to_le_bytes()]);
		PlannedBlob { number, hash, bytes: records * 200, records, root: hash, share: 0 }
	}

	#[test]
	fn hashes_are_read_in_one_spelling() {
		let text = "0f".repeat(32);
		assert_eq!(hash(&text), Some([15; 32]));
		for wrong in ["0F".repeat(32), "0f".repeat(31), "0f".repeat(33), "+f".repeat(32), "\u{e9}".repeat(32)]
		{
			assert_eq!(hash(&wrong), None, "{wrong}");
		}
	}

	#[test]
	fn blobs_are_drawn_as_often_as_they_have_records() {
		let all: Vec<PlannedBlob> =
			[1_000, 8_000, 500, 500, 0, 0].into_iter().map(|n| blob(n, n as u64)).collect();
		let all: Vec<PlannedBlob> =
			all.into_iter().enumerate().map(|(number, blob)| PlannedBlob { number, ..blob }).collect();
		let mut shares = [0; 6];
		for seed in 0..200_u64 {
			for blob in draw_blobs(&all, &blake2_256(&[&seed.to_le_bytes()]), SAMPLE_BYTES_MAX) {
				shares[blob.number] += blob.share / (SAMPLE_BYTES_MAX / BLOBS_MAX);
			}
		}
		assert_eq!(shares.iter().sum::<usize>(), 800);
		// 640 are expected, give or take 11.
		assert!((590..690).contains(&shares[1]) && (50..110).contains(&shares[0]), "{shares:?}");
		assert_eq!(shares[4..], [0, 0]);
	}

	proptest! {
		#[test]
		fn shares_are_never_more_than_a_sample(
			records in prop::collection::vec(1_u64..400_000, 1..12),
			seed: [u8; 32],
		) {
			let all: Vec<PlannedBlob> = records.iter().enumerate().map(|(number, n)| blob(number, *n)).collect();
			let drawn = draw_blobs(&all, &seed, SAMPLE_BYTES_MAX);
			prop_assert!(!drawn.is_empty() && drawn.len() <= BLOBS_MAX);
			prop_assert!(drawn.iter().map(|blob| blob.share).sum::<usize>() <= SAMPLE_BYTES_MAX);
			prop_assert!(drawn.is_sorted_by_key(|blob| blob.number));
		}

		#[test]
		fn records_are_drawn_within_the_share_and_by_the_seed(
			lengths in prop::collection::vec(1_usize..2_000, 1..300),
			share in 0_usize..100_000,
			seed: [u8; 32],
		) {
			let of = |seed: Hash| {
				let blob = PlannedBlob { share, ..blob(7, 1) };
				let (blobs, licence, rules) = (Vec::new(), String::new(), Rules::default());
				let plan = Plan { seed, blobs, licence, rules, records: 0, line_bytes_max: LINE_BYTES_MAX };
				plan.draw(&blob, &lengths)
			};
			let drawn = of(seed);
			prop_assert!(drawn.is_sorted() && drawn.iter().all(|index| *index < lengths.len()));
			let bytes: usize = drawn.iter().map(|index| lengths[*index]).sum();
			prop_assert!(bytes <= share);
			prop_assert!(drawn.len() == lengths.len() || bytes + 2_000 > share);
			prop_assert_eq!(&drawn, &of(seed));
			// Half of many records are others under another seed.
			if drawn.len() > 20 && drawn.len() + 20 < lengths.len() {
				let mut other = seed;
				other[0] ^= 1;
				prop_assert_ne!(drawn, of(other));
			}
		}
	}
}
