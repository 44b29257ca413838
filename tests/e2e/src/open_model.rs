//! A tiny model of the second definition, an expert that is better than one of its own, and texts to see that on.

use crate::{wait_until, Chain};
use blyan_engine::block::blob_ref;
use blyan_exact::{
	definition2::{
		block::{claimed_root, part_file},
		execution::Execution,
		golden::{self, OwnedModel, Stream},
		loss::loss,
		model::architecture_hash,
		sampling::sample,
		step::sequence_bytes,
		OwnedPart, Part,
	},
	merkle, Sampling,
};
use blyan_primitives::{
	blocks_root, BlobRef, BlockRef, ExpertSlot, HoldoutRef, ModelBody, ModelId, ModelInfo, ModelVersion,
};
use codec::Encode;
use sp_core::H256;

/// Sequences of the holdout, all of which are in every sample.
const SEQUENCES: usize = 128;
/// Predicted positions of a sequence.
const POSITIONS: usize = 24;
/// Candidates among which the best is looked for, each on a few sequences of its own.
const CANDIDATES: u8 = 6;
const TRIED: usize = 12;
/// Standard errors by which the candidate must be better here, more than the chain asks for.
const STANDARD_ERRORS: f64 = 6.0;

/// Slot of the candidate: the last expert of the last layer, which every other layer is in front of.
pub struct OpenModel {
	/// Slot of the candidate in its model.
	pub slot: ExpertSlot,
	/// The candidate's file.
	pub candidate: Vec<u8>,
	/// Holdout on which it is better.
	pub holdout: Vec<u8>,
	/// Every file of the model.
	pub files: Vec<Vec<u8>>,
	record: Vec<u8>,
	parts: Vec<BlockRef>,
	heads: Vec<BlockRef>,
	measure: HoldoutRef,
}

fn block_of(file: &[u8]) -> BlockRef {
	let root = claimed_root(file).expect("a part's file has a header");
	BlockRef { tensor_root: H256(root), blob: blob_ref(file) }
}

/// Draws sequences from the model with the candidate, and returns them with the bits that the candidate saves in each.
///
/// Texts of a model are those that no other model predicts better, on average.
fn texts(model: &OwnedModel, changed: &OwnedModel, count: usize, seed: &[u8]) -> Vec<(Vec<u32>, f64)> {
	let views = [model, changed].map(|model| model.view().expect("golden models are valid"));
	let mut stream = Stream::new(seed);
	let text = |index: usize, first: u32| {
		let mut executions =
			views.each_ref().map(|view| Execution::new(view, POSITIONS as u32).expect("within the context"));
		let key = blyan_exact::blake2_256(&[seed, &(index as u64).to_le_bytes()]);
		let sampling = Sampling { temperature: 256, top_p: 256, seed: key };
		let (mut ids, mut saved) = (vec![first], 0.0);
		for position in 0..POSITIONS {
			let token = ids[position];
			let [baseline, candidate] = executions
				.each_mut()
				.map(|execution| execution.push(token).expect("it is in the vocabulary"));
			let next = sample(&sampling, &candidate, position as u64);
			let bits = |logits: &[i32]| loss(logits, next as usize) as f64 / 65_536.0;
			saved += bits(&baseline) - bits(&candidate);
			ids.push(next);
		}
		(ids, saved)
	};
	let vocabulary = model.architecture.vocabulary as usize;
	(0..count).map(|index| text(index, stream.below(vocabulary) as u32)).collect()
}

/// Returns the mean of what is saved in a sequence, and its standard error.
fn gain(texts: &[(Vec<u32>, f64)]) -> (f64, f64) {
	let count = texts.len() as f64;
	let mean = texts.iter().map(|(_, saved)| saved).sum::<f64>() / count;
	let squares: f64 = texts.iter().map(|(_, saved)| (saved - mean).powi(2)).sum();
	(mean, (squares / (count - 1.0) / count).sqrt())
}

/// Returns the holdout's file, and what the chain is told about it.
fn holdout(vocabulary: u32, sequences: &[Vec<u32>]) -> (Vec<u8>, HoldoutRef) {
	let ids: Vec<Vec<u8>> = sequences.iter().map(|ids| sequence_bytes(ids)).collect();
	let root = merkle::root_of(ids.iter().map(Vec::as_slice));
	let mut file = b"HOLDOUT2".to_vec();
	for number in [sequences.len() as u32, POSITIONS as u32, vocabulary, 0] {
		file.extend(number.to_le_bytes());
	}
	// No tokenizer wrote it: a sequence counts as a byte of text a token.
	file.extend([[0; 32], root].concat());
	file.extend([0; 8]);
	file.extend(ids.concat());
	sequences.iter().for_each(|_| file.extend((POSITIONS as u32).to_le_bytes()));
	let measure = HoldoutRef {
		root: H256(root),
		blob: blob_ref(&file),
		sequences: sequences.len() as u32,
		sequence_len: POSITIONS as u16 + 1,
	};
	(file, measure)
}

impl OpenModel {
	/// Makes the model of a golden family of experts, as it will be under this number on the chain.
	///
	/// # Panics
	///
	/// If the family is unknown or has no experts, or no candidate is much better.
	pub fn new(family: &str, id: ModelId) -> Self {
		let index = golden::ARCHITECTURES.iter().position(|(name, _)| *name == family);
		let model = golden::model(index.expect("there is such a family"));
		let architecture = &model.architecture;
		let slot = architecture.expert_parts().last().expect("the family has experts");
		let Part::Expert { layer, expert } = slot else { panic!("{slot:?} is an expert") };
		let with = |tensors: OwnedPart| {
			let mut changed = model.clone();
			*changed.experts.last_mut().expect("the family has experts") = tensors;
			changed
		};
		let tried = (0..CANDIDATES).map(|seed| {
			let changed = with(Stream::new(&[b'c', seed]).part(architecture, slot));
			let (mean, error) = gain(&texts(&model, &changed, TRIED, b"tried"));
			// A candidate that no token meets saves nothing.
			(if error > 0.0 { mean / error } else { 0.0 }, changed)
		});
		let (_, changed) =
			tried.max_by(|(one, _), (other, _)| one.total_cmp(other)).expect("there are candidates");
		let texts = texts(&model, &changed, SEQUENCES, b"holdout");
		let (mean, error) = gain(&texts);
		assert!(mean > STANDARD_ERRORS * error, "the candidate saves {mean} bits a sequence, +- {error}");
		let sequences: Vec<Vec<u32>> = texts.into_iter().map(|(ids, _)| ids).collect();
		let (holdout, measure) = holdout(architecture.vocabulary, &sequences);
		let file = |part: Part, tensors: &OwnedPart| {
			part_file(architecture, part, &tensors.view()).expect("golden models are valid")
		};
		let fixed = architecture.parts().into_iter().zip(&model.parts);
		let experts = architecture.expert_parts().zip(&model.experts);
		let files: Vec<Vec<u8>> = fixed.chain(experts).map(|(part, tensors)| file(part, tensors)).collect();
		let mut parts: Vec<BlockRef> = files.iter().map(|file| block_of(file)).collect();
		let heads = parts.split_off(architecture.parts().len());
		let candidate = file(slot, changed.experts.last().expect("the family has experts"));
		let (record, slot) = (architecture.to_bytes(), ExpertSlot { model: id, layer, expert });
		Self { slot, candidate, holdout, files, record, parts, heads, measure }
	}

	/// The chain's reference to the candidate.
	pub fn block(&self) -> BlockRef {
		block_of(&self.candidate)
	}

	/// Everything that a node needs to judge the candidate.
	pub fn blobs(&self) -> impl Iterator<Item = &Vec<u8>> {
		self.files.iter().chain([&self.holdout, &self.candidate])
	}

	/// Has root register the model and its holdout, and gives the node their bytes.
	///
	/// # Panics
	///
	/// If root may not, the model gets another number, or the node does not take the bytes.
	pub async fn register(&self, chain: &Chain) {
		let body = ModelBody::Second {
			architecture: H256(architecture_hash(
				&blyan_exact::definition2::Architecture::from_bytes(&self.record).expect("it is a record"),
			)),
			parts: blocks_root(&self.parts),
		};
		let version = ModelVersion { major: 1, minor: 0, patch: 0 };
		let specification = (b"tiny and open".to_vec(), body, version, version);
		let owner: Option<[u8; 32]> = None;
		let arguments = (specification, &self.record, &self.parts, owner, &self.heads).encode();
		let call = chain.call("Experts", "register_open_model", &arguments).await;
		chain.sudo(&call).await;
		let measured = (self.slot.model, self.measure).encode();
		let call = chain.call("ProofOfLearning", "register_holdout", &measured).await;
		chain.sudo(&call).await;
		let info = self.info(chain).await;
		assert_eq!((info.body, &info.parts), (body, &self.parts), "the chain has the model");
		for bytes in self.files.iter().chain([&self.holdout]) {
			self.give(chain, bytes).await;
		}
	}

	/// Gives the node bytes that the chain names, as soon as it knows that.
	pub async fn give(&self, chain: &Chain, bytes: &[u8]) {
		let BlobRef { hash, .. } = blob_ref(bytes);
		let given = || async {
			match chain.has_blob(hash).await {
				true => Some(()),
				false => chain.upload(hash, bytes).await.ok().map(drop),
			}
		};
		wait_until("the node to take a blob", given).await;
	}

	/// The model as the chain has it now.
	pub async fn info(&self, chain: &Chain) -> ModelInfo {
		let model: Option<ModelInfo> = chain.runtime_api("ModelsApi_model", &self.slot.model.encode()).await;
		model.expect("the model was registered")
	}

	/// Block of the expert that fills the candidate's slot now.
	pub async fn head(&self, chain: &Chain) -> BlockRef {
		// The slot is the last one.
		self.info(chain).await.heads.last().expect("the model has experts").block
	}
}
