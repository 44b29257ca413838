//! Proof of data learning: which records a run learned from, as a function of what is public.
//!
//! ```text
//! datasets' roots, records, shares, seed ──> key of the order
//! key, step, sequence, turn ────────────> dataset, record, place          BatchOrder::draw
//! records' texts ───────────────────────> sequences of a batch            BatchOrder::batch
//! step, sequences ──────────────────────> leaf ──> root of an epoch       TrainingLog, TrainingManifest
//! ```
//!
//! Integers and hashes alone: a batch is the same bytes on every machine, so anyone with the records can compute it again, and
//! the log and the manifest of a run are refuted by one batch. docs/training.md has the formulas.

use crate::{
	dataset::{
		DatasetRef, DatasetShare, DatasetTier, Millionths, TrainingManifest, MANIFEST_DATASETS_MAX,
		MANIFEST_EPOCHS_MAX, MILLIONTHS,
	},
	draw::draw_indices,
	model::wire,
};
use alloc::vec::Vec;
use blyan_exact::merkle;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::{bounded::BoundedVec, ConstU32, H256};
use sp_crypto_hashing::blake2_256;

/// Domain separator of the key that an order of batches follows from.
pub const BATCH_ORDER_CONTEXT: &[u8] = b"blyan/batch-order/1";
/// Domain separator of a batch's leaf.
pub const BATCH_LEAF_CONTEXT: &[u8] = b"blyan/batch-leaf/1";
/// Domain separator of the hash of a training log.
pub const TRAINING_LOG_CONTEXT: &[u8] = b"blyan/training-log/1";
/// Domain separator of what a miner signs about a manifest outside of the chain.
pub const MANIFEST_SIGNATURE_CONTEXT: &[u8] = b"blyan/training-manifest/signature/1";
/// Records that one sequence looks at: more are needed only where nearly all of them are held out, or empty.
pub const TURNS_MAX: u32 = 1_024;
/// Bytes of one batch, so that a log cannot ask for more memory than a check should take.
pub const BATCH_BYTES_MAX: u64 = 1 << 24;
/// Share of a run's batches that a check reconstructs where nothing else is said: 1 %.
pub const CHECKED_SHARE: Millionths = 10_000;

/// Shares of the tiers in a balanced mixture: gold, silver, experimental.
const BALANCED: [Millionths; 3] = [600_000, 300_000, 100_000];
/// Part by which expected and measured gain may differ: a tenth of the larger one.
const GAIN_PART: u128 = 10;

/// Rule by which datasets share the samples of a run.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[scale_info(capture_docs = "always")]
pub enum DatasetMix {
	/// 60 % gold, 30 % silver, 10 % experimental. Tiers that are missing leave their part to the others in proportion; the
	/// datasets of a tier have equal shares.
	#[default]
	Balanced,
	/// Gold alone, every dataset alike.
	Gold,
	/// Every dataset alike, whatever its tier.
	DiversityMax,
}

/// Reason why datasets cannot be mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MixError {
	/// There is none.
	Empty,
	/// There are more than [`MANIFEST_DATASETS_MAX`].
	TooMany,
	/// This one is named twice.
	Twice(DatasetRef),
	/// This one is not gold, and the mixture takes gold alone.
	NotGold(DatasetRef),
}

impl DatasetMix {
	/// Returns the shares of these datasets, in ascending order. They add up to the whole, and none is zero.
	///
	/// Shares are rounded down; what is left over goes to the first datasets, a millionth each.
	///
	/// # Errors
	/// [`MixError`].
	pub fn shares(self, datasets: &[(DatasetRef, DatasetTier)]) -> Result<Vec<DatasetShare>, MixError> {
		let mut datasets = datasets.to_vec();
		datasets.sort_by_key(|(dataset, _)| *dataset);
		let count = u32::try_from(datasets.len()).unwrap_or(u32::MAX);
		if count == 0 {
			return Err(MixError::Empty);
		}
		if count > MANIFEST_DATASETS_MAX {
			return Err(MixError::TooMany);
		}
		let twice = datasets.iter().zip(datasets.iter().skip(1)).find(|(one, next)| one.0 == next.0);
		if let Some(((dataset, _), _)) = twice {
			return Err(MixError::Twice(*dataset));
		}
		let not_gold = datasets.iter().find(|(_, tier)| *tier != DatasetTier::Gold);
		if let (Self::Gold, Some((dataset, _))) = (self, not_gold) {
			return Err(MixError::NotGold(*dataset));
		}
		let mut shares: Vec<DatasetShare> = match self {
			Self::Balanced => {
				let of_tier =
					|tier: DatasetTier| datasets.iter().filter(|(_, other)| *other == tier).count() as u64;
				let present: u64 = TIERS
					.iter()
					.zip(BALANCED)
					.filter(|(tier, _)| of_tier(**tier) > 0)
					.map(|(_, share)| u64::from(share))
					.sum();
				let share = |tier: DatasetTier| {
					let [gold, silver, experimental] = BALANCED;
					let part = match tier {
						DatasetTier::Gold => gold,
						DatasetTier::Silver => silver,
						DatasetTier::Experimental => experimental,
					};
					rounded_down(part, present.saturating_mul(of_tier(tier)))
				};
				datasets.iter().map(|(dataset, tier)| entry(*dataset, share(*tier))).collect()
			}
			Self::Gold | Self::DiversityMax => {
				let share = rounded_down(1, count.into());
				datasets.iter().map(|(dataset, _)| entry(*dataset, share)).collect()
			}
		};
		let sum = shares.iter().fold(0u32, |sum, one| sum.saturating_add(one.share));
		let left_over = usize::try_from(MILLIONTHS.saturating_sub(sum)).unwrap_or_default();
		for one in shares.iter_mut().take(left_over) {
			one.share = one.share.saturating_add(1);
		}
		Ok(shares)
	}
}

/// The tiers in the order of [`BALANCED`].
const TIERS: [DatasetTier; 3] = [DatasetTier::Gold, DatasetTier::Silver, DatasetTier::Experimental];

fn entry(dataset: DatasetRef, share: Millionths) -> DatasetShare {
	DatasetShare { dataset, share }
}

/// `part / whole` in millionths, rounded down.
fn rounded_down(part: u32, whole: u64) -> Millionths {
	let share = u64::from(part).saturating_mul(MILLIONTHS.into()).checked_div(whole).unwrap_or_default();
	Millionths::try_from(share).unwrap_or(MILLIONTHS)
}

wire! {
	/// A dataset of a run: its place in the mixture, and the root that its records are proven against.
	#[derive(Copy, MaxEncodedLen)]
	pub struct PlannedDataset {
		/// The dataset.
		pub dataset: DatasetRef,
		/// Merkle root over its blobs' roots, as it was offered.
		pub root: H256,
		/// Records in all blobs.
		pub records: u64,
		/// Its share of the samples.
		pub share: Millionths,
	}
}

/// One look at one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
	/// Place of the dataset in the list.
	pub dataset: usize,
	/// The record, counted over all blobs of the dataset.
	pub record: u64,
	/// Number that the place in the record follows from.
	pub place: u64,
}

/// Order of the batches of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchOrder {
	key: [u8; 32],
	datasets: Vec<PlannedDataset>,
}

impl BatchOrder {
	/// The order that follows from datasets and seed.
	pub fn new(datasets: &[PlannedDataset], seed: u64) -> Self {
		let key = blake2_256(&(BATCH_ORDER_CONTEXT, datasets, seed).encode());
		Self { key, datasets: datasets.to_vec() }
	}

	/// Draws a record: the `turn`-th that a sequence of a step looks at. `None` if there is nothing to draw from.
	///
	/// Three numbers of 64 bits, little endian, are the first 24 bytes of `blake2_256(key ++ step u64 LE ++ sequence u32 LE ++
	/// turn u32 LE)`. The first, modulo a million, falls into a dataset's share; the second is reduced modulo its records; the
	/// third is the place. The bias is below 2^-23 for a trillion records.
	pub fn draw(&self, step: u64, sequence: u32, turn: u32) -> Option<Draw> {
		let digest = blake2_256(&(self.key, step, sequence, turn).encode());
		let mut words = digest.chunks_exact(8).map(|word| {
			let mut bytes = [0u8; 8];
			bytes.copy_from_slice(word);
			u64::from_le_bytes(bytes)
		});
		let (ticket, record, place) = (words.next()?, words.next()?, words.next()?);
		let mut ticket = u32::try_from(ticket.checked_rem(MILLIONTHS.into())?).ok()?;
		for (dataset, one) in self.datasets.iter().enumerate() {
			match ticket.checked_sub(one.share) {
				Some(rest) => ticket = rest,
				None => return Some(Draw { dataset, record: record.checked_rem(one.records)?, place }),
			}
		}
		None
	}

	/// Makes a sequence of `length` bytes of the records that are drawn for it.
	///
	/// A record is its text behind a zero byte. The first one gives a window of the sequence's length whose start is its place,
	/// modulo the number of starts; one that is shorter is followed by the next one's beginning. `text` returns `None` for a
	/// record that is held out, which is passed over.
	///
	/// Returns `None` if [`TURNS_MAX`] records do not fill it.
	///
	/// # Errors
	/// Those of `text`.
	pub fn sequence<E>(
		&self,
		step: u64,
		sequence: u32,
		length: u32,
		text: &mut dyn FnMut(usize, u64) -> Result<Option<Vec<u8>>, E>,
	) -> Result<Option<Vec<u8>>, E> {
		let length = usize::try_from(length).unwrap_or(usize::MAX);
		let mut bytes = Vec::new();
		for turn in 0..TURNS_MAX {
			let Some(draw) = self.draw(step, sequence, turn) else { return Ok(None) };
			let Some(text) = text(draw.dataset, draw.record)? else { continue };
			let missing = length.saturating_sub(bytes.len());
			let start = match bytes.is_empty() {
				true => place_of(draw.place, text.len().saturating_add(1).saturating_sub(missing)),
				false => 0,
			};
			bytes.extend(core::iter::once(0).chain(text).skip(start).take(missing));
			if bytes.len() >= length {
				return Ok(Some(bytes));
			}
		}
		Ok(None)
	}

	/// Makes the sequences of a step, one after another. `None` as for [`Self::sequence`].
	///
	/// # Errors
	/// Those of `text`.
	pub fn batch<E>(
		&self,
		step: u64,
		sequences: u32,
		length: u32,
		text: &mut dyn FnMut(usize, u64) -> Result<Option<Vec<u8>>, E>,
	) -> Result<Option<Vec<u8>>, E> {
		let mut batch = Vec::new();
		for sequence in 0..sequences {
			let Some(bytes) = self.sequence(step, sequence, length, text)? else { return Ok(None) };
			batch.extend(bytes);
		}
		Ok(Some(batch))
	}
}

/// The start of a window that can be moved by `spare` bytes.
fn place_of(place: u64, spare: usize) -> usize {
	let starts = u64::try_from(spare).unwrap_or(u64::MAX).saturating_add(1);
	usize::try_from(place.checked_rem(starts).unwrap_or_default()).unwrap_or_default()
}

/// Leaf of a batch under the root of its epoch.
pub fn batch_leaf(step: u64, batch: &[u8]) -> H256 {
	H256(merkle::leaf(&[BATCH_LEAF_CONTEXT, &step.to_le_bytes(), batch].concat()))
}

wire! {
	/// Log of a run: all that its batches follow from, besides the records. A manifest carries its hash.
	#[derive(MaxEncodedLen)]
	pub struct TrainingLog {
		/// Rule of the mixture.
		pub mix: DatasetMix,
		/// Datasets in ascending order, with their shares.
		pub datasets: BoundedVec<PlannedDataset, ConstU32<MANIFEST_DATASETS_MAX>>,
		/// Seed of the order.
		pub seed: u64,
		/// Sequences of a batch.
		pub sequences: u32,
		/// Bytes of a sequence.
		pub length: u32,
		/// Steps from one new batch to the next; those between repeat earlier batches.
		pub stride: u32,
		/// Batches that were drawn, of steps 0, `stride`, twice `stride` and so on.
		pub batches: u32,
		/// Gain that the miner measured, bits per byte in Q16; positive is better. `None` if it measured none.
		pub expected_gain: Option<i64>,
		/// Hash of the run's report: settings, losses and times, in the miner's words.
		pub report: H256,
	}
}

impl TrainingLog {
	/// The hash that a manifest carries.
	pub fn hash(&self) -> H256 {
		H256(blake2_256(&(TRAINING_LOG_CONTEXT, self).encode()))
	}

	/// Reports whether there are batches that could have been drawn, within the bounds of a check.
	pub fn is_valid(&self) -> bool {
		let total = self.datasets.iter().fold(0u32, |sum, one| sum.saturating_add(one.share));
		let bytes = u64::from(self.sequences).saturating_mul(self.length.into());
		self.datasets.is_sorted_by(|one, next| one.dataset < next.dataset)
			&& self.datasets.iter().all(|one| one.records > 0 && one.share > 0)
			&& total == MILLIONTHS
			&& self.batches > 0
			&& self.stride > 0
			&& (1..=BATCH_BYTES_MAX).contains(&bytes)
	}

	/// Reports whether a manifest is about this run: the same hash, datasets, shares, seed and number of samples.
	pub fn is_of(&self, manifest: &TrainingManifest) -> bool {
		let shares = self.datasets.iter().map(|one| entry(one.dataset, one.share));
		let epochs = self.batches.div_ceil(self.epoch_batches());
		self.hash() == manifest.log
			&& self.seed == manifest.seed
			&& self.samples() == manifest.samples
			&& u32::try_from(manifest.batch_roots.len()).is_ok_and(|roots| roots == epochs)
			&& shares.eq(manifest.datasets.iter().copied())
	}

	/// The order of the run's batches.
	pub fn order(&self) -> BatchOrder {
		BatchOrder::new(&self.datasets, self.seed)
	}

	/// Sequences of all batches.
	pub fn samples(&self) -> u64 {
		u64::from(self.batches).saturating_mul(self.sequences.into())
	}

	/// The step of a batch.
	pub fn step(&self, batch: u32) -> u64 {
		u64::from(batch).saturating_mul(self.stride.into())
	}

	/// Batches of an epoch: as many as have a sequence for each record, and at least so many that there are no more epochs than
	/// a manifest has room for. The last epoch may be shorter.
	pub fn epoch_batches(&self) -> u32 {
		let records = self.datasets.iter().fold(0u64, |sum, one| sum.saturating_add(one.records));
		let once = records.div_ceil(u64::from(self.sequences.max(1)));
		let once = u32::try_from(once).unwrap_or(u32::MAX);
		once.max(self.batches.div_ceil(MANIFEST_EPOCHS_MAX)).max(1)
	}

	/// The epoch of a batch, its place in it, and the number of batches of that epoch. `None` if there is no such batch.
	pub fn place(&self, batch: u32) -> Option<(u32, u32, u32)> {
		let each = self.epoch_batches();
		if batch >= self.batches {
			return None;
		}
		let epoch = batch.checked_div(each)?;
		let first = epoch.saturating_mul(each);
		let count = self.batches.saturating_sub(first).min(each);
		Some((epoch, batch.saturating_sub(first), count))
	}

	/// The roots over the leaves of all batches, one an epoch.
	pub fn roots(&self, leaves: &[H256]) -> Vec<H256> {
		let each = usize::try_from(self.epoch_batches()).unwrap_or(usize::MAX).max(1);
		leaves.chunks(each).map(|epoch| H256(merkle::root(&hashes(epoch)))).collect()
	}

	/// Siblings from a batch's leaf to the root of its epoch. `None` if there is no such leaf.
	pub fn path(&self, leaves: &[H256], batch: u32) -> Option<Vec<H256>> {
		let (epoch, place, _) = self.place(batch)?;
		let each = usize::try_from(self.epoch_batches()).ok()?.max(1);
		let of_epoch = leaves.chunks(each).nth(usize::try_from(epoch).ok()?)?;
		let path = merkle::prove(&hashes(of_epoch), usize::try_from(place).ok()?)?;
		Some(path.into_iter().map(H256).collect())
	}

	/// Reports whether a path shows that a manifest commits to this leaf for this batch.
	pub fn proves(&self, manifest: &TrainingManifest, batch: u32, leaf: &H256, path: &[H256]) -> bool {
		let Some((epoch, place, count)) = self.place(batch) else { return false };
		let index = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
		let Some(root) = manifest.batch_roots.get(index(epoch)) else { return false };
		merkle::verify(&root.0, index(count), index(place), &leaf.0, &hashes(path))
	}

	/// The batches that a check reconstructs: `share` of all, rounded up, at least one.
	///
	/// `seed` must be one that the miner could not choose when it committed to the manifest: the hash of a later block.
	pub fn checked(&self, seed: &H256, share: Millionths) -> Vec<u32> {
		let all = u64::from(self.batches);
		let count = all.saturating_mul(share.min(MILLIONTHS).into()).div_ceil(MILLIONTHS.into()).max(1);
		draw_indices(seed, self.batches, u32::try_from(count).unwrap_or(u32::MAX))
	}
}

fn hashes(all: &[H256]) -> Vec<[u8; 32]> {
	all.iter().map(|hash| hash.0).collect()
}

/// The bytes that a miner signs about a manifest outside of the chain: context, genesis hash of the chain, hash of the manifest.
pub fn manifest_payload(genesis: &H256, manifest: &TrainingManifest) -> Vec<u8> {
	(MANIFEST_SIGNATURE_CONTEXT, genesis, manifest.hash()).encode()
}

/// Reports whether two gains, in one unit, differ by at most a tenth of the larger one.
pub fn is_gain_consistent(expected: i64, measured: i64) -> bool {
	let difference = i128::from(expected).abs_diff(i128::from(measured));
	let larger = expected.unsigned_abs().max(measured.unsigned_abs());
	difference.saturating_mul(GAIN_PART) <= u128::from(larger)
}

#[cfg(test)]
mod tests;
