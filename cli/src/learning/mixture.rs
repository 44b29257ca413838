//! Datasets of the chain in folders, mixed.

use crate::{
	args::ChainData,
	failure::{Context, Failure, Kind, Outcome},
	output::Output,
};
use blyan_datasets::{reader::Reader, Document};
use blyan_primitives::{
	BatchOrder, DatasetMix, DatasetRef, DatasetTier, MixError, PlannedDataset, TrainingLog, TURNS_MAX,
};
use blyan_training::{TrainError, TrainingSource};
use rand::RngCore;
use sp_core::H256;

/// Percentage of families that are held out of training, in every dataset.
const HELD_OUT_PERCENT: u8 = blyan_datasets::manifest::HELD_OUT_PERCENT;

/// Name of a dataset in arguments and messages.
pub fn dataset_name(dataset: DatasetRef) -> String {
	format!("{}@{}", dataset.dataset, dataset.version)
}

/// Datasets and their shares.
#[derive(Debug)]
pub struct Mixture {
	mix: DatasetMix,
	datasets: Vec<PlannedDataset>,
	readers: Vec<Reader>,
}

impl Mixture {
	/// Opens datasets whose tiers are known, and gives them their shares.
	pub fn open(output: &Output, mix: DatasetMix, data: &[(ChainData, DatasetTier)]) -> Outcome<Self> {
		let tiers: Vec<(DatasetRef, DatasetTier)> =
			data.iter().map(|(data, tier)| (data.dataset, *tier)).collect();
		let shares = mix.shares(&tiers).map_err(refused)?;
		let mut datasets = Vec::new();
		let mut readers = Vec::new();
		let bar = output.bar("datasets", shares.len() as u64);
		for one in shares {
			let (data, _) = data
				.iter()
				.find(|(data, _)| data.dataset == one.dataset)
				.ok_or_else(|| Failure::new("a share is of no dataset"))?;
			let reader = open(data)?;
			let (root, records) = (H256(reader.root()), reader.records());
			datasets.push(PlannedDataset { dataset: one.dataset, root, records, share: one.share });
			readers.push(reader);
			bar.set(readers.len() as u64);
		}
		Ok(Self { mix, datasets, readers })
	}

	/// Opens the datasets of a log, for a check; returns the first one whose folder holds another root than the log names.
	pub fn of_log(log: &TrainingLog, data: &[ChainData]) -> Outcome<Result<Self, DatasetRef>> {
		let mut readers = Vec::new();
		for one in &log.datasets {
			let Some(data) = data.iter().find(|data| data.dataset == one.dataset) else {
				let name = dataset_name(one.dataset);
				let missing = format!("the run learned from dataset {name}, which is not among the data");
				return Err(Failure::new(missing)
					.kind(Kind::Undecided)
					.next(format!("fetch it and name it, too: --data {name}=DIR")));
			};
			let reader = open(data)?;
			if H256(reader.root()) != one.root || reader.records() != one.records {
				return Ok(Err(one.dataset));
			}
			readers.push(reader);
		}
		Ok(Ok(Self { mix: log.mix, datasets: log.datasets.to_vec(), readers }))
	}

	/// Refuses a folder that holds another root than the chain has for its dataset: no check would ever accept its batches.
	pub fn ensure_roots(&self, roots: &[(DatasetRef, H256)]) -> Outcome<()> {
		let is_other = |one: &&PlannedDataset| {
			roots.iter().any(|(dataset, root)| *dataset == one.dataset && *root != one.root)
		};
		let Some(one) = self.datasets.iter().find(is_other) else { return Ok(()) };
		let DatasetRef { dataset, version } = one.dataset;
		let name = dataset_name(one.dataset);
		Err(Failure::new(format!("the folder of dataset {name} holds another root than the chain names"))
			.kind(Kind::Refused)
			.next(format!("fetch that version: blyan dataset show {dataset}.{version}")))
	}

	/// The rule of the mixture.
	pub fn mix(&self) -> DatasetMix {
		self.mix
	}

	/// The datasets in ascending order, with roots and shares.
	pub fn datasets(&self) -> &[PlannedDataset] {
		&self.datasets
	}

	/// The reader of a dataset, by its place.
	pub fn reader(&self, dataset: usize) -> Outcome<&Reader> {
		self.readers
			.get(dataset)
			.ok_or_else(|| Failure::new(format!("there is no dataset at place {dataset}")))
	}

	/// The order of batches that follows from a seed.
	pub fn order(&self, seed: u64) -> BatchOrder {
		BatchOrder::new(&self.datasets, seed)
	}

	/// Text of a record; `None` if it is held out.
	fn text(&self, dataset: usize, record: u64) -> Outcome<Option<Vec<u8>>> {
		let document = self.reader(dataset)?.document(record)?;
		Ok(learned(document))
	}

	/// Makes the batch of a step.
	pub fn batch(&self, order: &BatchOrder, step: u64, sequences: u32, length: u32) -> Outcome<Vec<u8>> {
		let mut text = |dataset: usize, record: u64| self.text(dataset, record);
		order.batch(step, sequences, length, &mut text)?.ok_or_else(too_little)
	}

	/// Documents that are held out, evenly from all datasets, up to `count`.
	pub fn held_out(&self, count: usize) -> Outcome<Vec<Document>> {
		let each = count.div_ceil(self.readers.len().max(1));
		let mut documents = Vec::new();
		for reader in &self.readers {
			let mut left = each;
			for number in 0..reader.records() {
				if left == 0 {
					break;
				}
				let document = reader.document(number)?;
				if document.is_held_out(HELD_OUT_PERCENT) {
					documents.push(document);
					left -= 1;
				}
			}
		}
		documents.truncate(count);
		Ok(documents)
	}

	/// The source that a trainer draws from.
	pub fn source(&self, seed: u64) -> MixedSource<'_> {
		MixedSource { mixture: self, order: self.order(seed) }
	}
}

/// Text of a record to learn from; `None` if it is held out.
pub fn learned(document: Document) -> Option<Vec<u8>> {
	(!document.is_held_out(HELD_OUT_PERCENT)).then(|| document.text.into_bytes())
}

fn open(data: &ChainData) -> Outcome<Reader> {
	let next = "name the folder that `blyan dataset create` wrote, or its blobs as fetched";
	Reader::open(&data.folder).context_next(format!("dataset {}", dataset_name(data.dataset)), next)
}

fn refused(error: MixError) -> Failure {
	let failure = |message: String| Failure::new(message).kind(Kind::Refused);
	match error {
		MixError::Empty => failure("no dataset is named".into()).next("name one: --dataset N@V=DIR"),
		MixError::TooMany => {
			failure("more datasets are named than a manifest lists".into()).next("name at most 100")
		}
		MixError::Twice(dataset) => {
			failure(format!("dataset {} is named twice", dataset_name(dataset))).next("name it once")
		}
		MixError::NotGold(dataset) => failure(format!("dataset {} is not gold", dataset_name(dataset)))
			.next("leave it out, or mix with: --mix balanced"),
	}
}

fn too_little() -> Failure {
	Failure::new(format!("{TURNS_MAX} records do not fill one sequence: nearly all are held out or empty"))
		.kind(Kind::Refused)
		.next("name larger datasets, or train on shorter sequences")
}

/// Batches of a mixture, in the order of a seed.
#[derive(Debug)]
pub struct MixedSource<'a> {
	mixture: &'a Mixture,
	order: BatchOrder,
}

impl TrainingSource for MixedSource<'_> {
	fn ensure_holds(&self, tokens: usize) -> Result<(), TrainError> {
		self.draw_batch(0, 1, tokens).map(drop)
	}

	fn draw(
		&self,
		_: &mut dyn RngCore,
		step: u64,
		count: usize,
		tokens: usize,
	) -> Result<Vec<u8>, TrainError> {
		self.draw_batch(step, count, tokens)
	}
}

impl MixedSource<'_> {
	fn draw_batch(&self, step: u64, count: usize, tokens: usize) -> Result<Vec<u8>, TrainError> {
		let failed = |failure: Failure| TrainError::Source(failure.message);
		let number = |of: usize| u32::try_from(of).map_err(|error| failed(error.into()));
		self.mixture.batch(&self.order, step, number(count)?, number(tokens)?).map_err(failed)
	}
}
