//! Record of a run: its log, the leaves of its batches, its manifest.
//!
//! ```text
//! expert.tblk              the expert
//! expert.json              the report of the run: settings, losses, times
//! expert.manifest          TrainingManifest, SCALE: its hash goes into the submission, and it is declared on the chain
//! expert.log               TrainingLog, SCALE: its hash is in the manifest; give it to those who check
//! expert.leaves            leaves of the batches, 32 bytes each; theirs, too
//! CHECKPOINT.data          data and beginning of the run that the checkpoint is of
//! ```

use super::mixture::Mixture;
use crate::{
	failure::{Context, Failure, Kind, Outcome},
	home::write_private,
};
use blyan_primitives::{batch_leaf, DatasetShare, TrainingLog, TrainingManifest};
use codec::{DecodeAll, Encode};
use serde::{Deserialize, Serialize};
use sp_core::H256;
use std::{
	fs,
	path::{Path, PathBuf},
	time::{SystemTime, UNIX_EPOCH},
};

/// Beginning of a run, kept beside its checkpoint: a resumed run must learn from the same data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStart {
	/// Hash over datasets, roots and shares.
	pub data: H256,
	/// Unix time, in seconds.
	pub started_at: u64,
}

impl RunStart {
	/// The beginning of a run with this checkpoint, now or when it was begun.
	///
	/// Refuses a checkpoint that learned from other data: its batches would be of neither.
	pub fn of(mixture: &Mixture, checkpoint: Option<&Path>) -> Outcome<Self> {
		let data = H256(sp_crypto_hashing::blake2_256(&mixture.datasets().encode()));
		let fresh = Self { data, started_at: now() };
		let Some(checkpoint) = checkpoint else { return Ok(fresh) };
		let path = checkpoint.with_added_extension("data");
		if !checkpoint.exists() {
			write_private(&path, serde_json::to_string(&fresh)?.as_bytes())?;
			return Ok(fresh);
		}
		let other = || {
			Failure::new(format!("{} is of a run on other data", checkpoint.display()))
				.kind(Kind::Refused)
				.next("name the datasets and the mix that it began with, or another --checkpoint")
		};
		let kept: Self =
			fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(other)?;
		match kept.data == data {
			true => Ok(kept),
			false => Err(other()),
		}
	}
}

/// Facts of a run that its log and its manifest are made of.
#[derive(Clone, Copy, Debug)]
pub struct RunFacts {
	/// Seed of the order.
	pub seed: u64,
	/// Sequences of a batch.
	pub sequences: usize,
	/// Bytes of a sequence.
	pub length: usize,
	/// Steps from one new batch to the next.
	pub stride: u64,
	/// Batches that were drawn.
	pub batches: u64,
	/// Seconds that updates took, on this clock.
	pub seconds: f64,
	/// Threads that shared them.
	pub threads: usize,
	/// True if a GPU made the updates.
	pub is_on_gpu: bool,
	/// Held-out loss before and after, bits per byte.
	pub holdout_bits: Option<(f64, f64)>,
}

/// A run that is over: all of its record but the report and the expert.
#[derive(Clone, Debug)]
pub struct RunRecord {
	/// Log; its report is not known yet.
	log: TrainingLog,
	leaves: Vec<H256>,
	cpu_seconds: u32,
	gpu_seconds: u32,
	started_at: u64,
}

impl RunRecord {
	/// Makes the record of a run, with the leaf of each batch that it drew.
	pub fn new(mixture: &Mixture, start: RunStart, facts: &RunFacts) -> Outcome<Self> {
		let gain = |(before, after): (f64, f64)| ((before - after) * 65_536.0).round() as i64;
		let log = TrainingLog {
			mix: mixture.mix(),
			datasets: mixture
				.datasets()
				.to_vec()
				.try_into()
				.map_err(|_| Failure::new("more datasets than a manifest lists"))?,
			seed: facts.seed,
			sequences: u32::try_from(facts.sequences)?,
			length: u32::try_from(facts.length)?,
			stride: u32::try_from(facts.stride)?,
			batches: u32::try_from(facts.batches)?,
			expected_gain: facts.holdout_bits.map(gain),
			report: H256::zero(),
		};
		if !log.is_valid() {
			return Err(Failure::new("the run made no step, or its batches are too large to be checked")
				.kind(Kind::Refused)
				.next("train longer, or with a smaller --batch"));
		}
		let order = log.order();
		let leaf = |batch: u32| -> Outcome<H256> {
			let step = log.step(batch);
			Ok(batch_leaf(step, &mixture.batch(&order, step, log.sequences, log.length)?))
		};
		let leaves = (0..log.batches).map(leaf).collect::<Outcome<Vec<H256>>>()?;
		// A cast saturates, and a run of more than a century is none.
		let seconds = facts.seconds.ceil() as u32;
		let threads = u32::try_from(facts.threads)?;
		let (cpu_seconds, gpu_seconds) = match facts.is_on_gpu {
			true => (seconds, seconds),
			false => (seconds.saturating_mul(threads), 0),
		};
		Ok(Self { log, leaves, cpu_seconds, gpu_seconds, started_at: start.started_at })
	}

	/// Completes the record with the hash of the report and the root of what was trained, and writes it beside `out`.
	pub fn write(mut self, out: &Path, expert: H256, report: &[u8]) -> Outcome<RunFiles> {
		self.log.report = crate::client::hash(report);
		let shares: Vec<DatasetShare> = self
			.log
			.datasets
			.iter()
			.map(|one| DatasetShare { dataset: one.dataset, share: one.share })
			.collect();
		let too_many = || Failure::new("more datasets or epochs than a manifest lists");
		let manifest = TrainingManifest {
			expert,
			datasets: shares.try_into().map_err(|_| too_many())?,
			seed: self.log.seed,
			samples: self.log.samples(),
			batch_roots: self.log.roots(&self.leaves).try_into().map_err(|_| too_many())?,
			cpu_seconds: self.cpu_seconds,
			gpu_seconds: self.gpu_seconds,
			log: self.log.hash(),
			started_at: self.started_at,
			ended_at: now().max(self.started_at),
		};
		let files = RunFiles::beside(out);
		write_private(&files.leaves, &self.leaves.iter().flat_map(|leaf| leaf.0).collect::<Vec<u8>>())?;
		write_private(&files.log, &self.log.encode())?;
		// Last: a manifest has its log.
		write_private(&files.manifest, &manifest.encode())?;
		Ok(files)
	}
}

/// Files of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFiles {
	/// The manifest.
	pub manifest: PathBuf,
	/// The log.
	pub log: PathBuf,
	/// The leaves.
	pub leaves: PathBuf,
}

impl RunFiles {
	/// The files beside an expert, a log or a manifest.
	pub fn beside(path: &Path) -> Self {
		let of = |extension: &str| path.with_extension(extension);
		Self { manifest: of("manifest"), log: of("log"), leaves: of("leaves") }
	}
}

fn now() -> u64 {
	SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Reads a manifest of datasets.
pub fn read_manifest(path: &Path) -> Outcome<TrainingManifest> {
	let next = "name the .manifest that `blyan train expert --dataset N@V=DIR` wrote";
	let bytes = fs::read(path).context_next(path.display(), next)?;
	decode_manifest(&bytes)
		.ok_or_else(|| Failure::new(format!("{} is not a training manifest", path.display())).next(next))
}

fn decode_manifest(bytes: &[u8]) -> Option<TrainingManifest> {
	TrainingManifest::decode_all(&mut &bytes[..]).ok().filter(TrainingManifest::is_valid)
}

/// The hash that a submission carries for a file: that of the manifest in it, or else of its bytes.
pub fn manifest_hash(bytes: &[u8]) -> H256 {
	decode_manifest(bytes).map_or_else(|| crate::client::hash(bytes), |manifest| manifest.hash())
}

/// Reads the log and the leaves of a run.
pub fn read_log(path: &Path) -> Outcome<(TrainingLog, Vec<H256>)> {
	let missing = |failure: Failure| {
		failure
			.kind(Kind::Undecided)
			.next("ask the miner for the .log and the .leaves of the run, or name them with --log")
	};
	let bytes = fs::read(path).context(path.display()).map_err(missing)?;
	let log = TrainingLog::decode_all(&mut &bytes[..])
		.ok()
		.filter(TrainingLog::is_valid)
		.ok_or_else(|| missing(Failure::new(format!("{} is not the log of a run", path.display()))))?;
	let path = RunFiles::beside(path).leaves;
	let bytes = fs::read(&path).context(path.display()).map_err(missing)?;
	let leaves = bytes.chunks_exact(32).map(H256::from_slice).collect::<Vec<_>>();
	match u32::try_from(leaves.len()).is_ok_and(|count| count == log.batches) {
		true => Ok((log, leaves)),
		false => Err(missing(Failure::new(format!("{} holds other batches than the log", path.display())))),
	}
}
