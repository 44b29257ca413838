//! A real model, so small that every claim about it is computed in a moment, and claims that are true or false on purpose.

use blyan_exact::{
	block::{write_expert, write_trunk},
	golden::{random_expert, random_model, OwnedModel},
	merkle,
	step::{CandidateSlot, Evidence, Place, Prover, Witness},
	trace::Trace,
	tree::{self, Item, SumNode},
	Expert, Hash, Model, ModelConfig,
};
use blyan_primitives::{
	BlobRef, BlockRef, EvaluationJob, EvaluationOutcome, HoldoutRef, JobId, Opening, Query, Statement,
};
use pallet_proof_of_learning::TileProof;
use serde_json::{json, Value};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use std::{collections::HashMap, rc::Rc};

/// The architecture: two blocks in a row, a few slots.
pub const CONFIG: ModelConfig =
	ModelConfig { d_model: 128, d_ff: 64, layers: 1, heads: 2, experts: 3, top_k: 2, context: 8 };
const POSITIONS: u16 = 4;
const SEQUENCES: u32 = 24;

/// The way a claim differs from the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
	/// Not at all.
	None,
	/// In one byte of one output.
	Byte(u64),
	/// The candidate is better on every sequence, and everything else is true.
	Better,
	/// There is no computation behind it.
	Nonsense(u64),
}

/// A job that was computed.
pub struct Computed {
	job: EvaluationJob,
	statement: Statement,
	heads: Vec<Hash>,
	traces: Vec<[Trace; 2]>,
}

/// A claim that can be opened.
pub struct Told {
	computed: Rc<Computed>,
	traces: Vec<[Trace; 2]>,
	items: Vec<Item>,
}

/// The files of the model, of all candidates and of the test sequences.
pub struct Lab {
	trunk: BlockRef,
	model: OwnedModel,
	trunk_file: Vec<u8>,
	heads: Vec<BlockRef>,
	experts: HashMap<H256, (Expert, Vec<u8>)>,
	candidates: HashMap<u64, BlockRef>,
	/// By the root of an expert that was made from another: the file's hash, and the root of what it copies, if it does.
	derived: HashMap<H256, (H256, Option<H256>)>,
	blobs: HashMap<H256, Vec<u8>>,
	sequences: HashMap<H256, Vec<u8>>,
	holdouts: [HoldoutRef; 2],
	computed: HashMap<JobId, Rc<Computed>>,
}

fn block_of(file: &[u8]) -> BlockRef {
	let root: Hash = file[96..128].try_into().expect("a block has a header");
	BlockRef {
		tensor_root: H256(root),
		blob: BlobRef { hash: H256(blake2_256(file)), size: file.len() as u32 },
	}
}

fn holdout(salt: usize) -> (HoldoutRef, Vec<u8>) {
	let bytes: Vec<u8> =
		(0..SEQUENCES as usize * usize::from(POSITIONS)).map(|i| (i * i * 7 % 251 + salt) as u8).collect();
	let root = H256(merkle::root_of(bytes.chunks_exact(POSITIONS.into())));
	let blob = BlobRef { hash: H256(blake2_256(&bytes)), size: bytes.len() as u32 };
	(HoldoutRef { root, blob, sequences: SEQUENCES, sequence_len: POSITIONS }, bytes)
}

impl Lab {
	/// Makes the model.
	pub fn new() -> Self {
		let model = random_model(CONFIG, b"fuzz");
		let trunk_file = write_trunk(&model.trunk, &CONFIG).expect("the shapes fit");
		let mut lab = Self {
			trunk: block_of(&trunk_file),
			trunk_file,
			heads: Vec::new(),
			experts: HashMap::new(),
			candidates: HashMap::new(),
			derived: HashMap::new(),
			blobs: HashMap::new(),
			sequences: HashMap::new(),
			holdouts: [holdout(0).0, holdout(3).0],
			computed: HashMap::new(),
			model,
		};
		for salt in [0, 3] {
			let (reference, bytes) = holdout(salt);
			lab.sequences.insert(reference.root, bytes);
		}
		lab.heads = lab.model.experts.clone().into_iter().map(|expert| lab.keep(expert)).collect();
		lab
	}

	fn keep(&mut self, expert: Expert) -> BlockRef {
		let file = write_expert(&expert, &CONFIG).expect("the shapes fit");
		let block = block_of(&file);
		self.blobs.insert(block.blob.hash, file.clone());
		self.experts.insert(block.tensor_root, (expert, file));
		block
	}

	/// A candidate by its number. Every eighth is no expert.
	pub fn candidate(&mut self, number: u64) -> BlockRef {
		if let Some(block) = self.candidates.get(&number) {
			return *block;
		}
		let seed = number.to_le_bytes();
		let block = if number % 8 == 7 {
			let bytes = seed.repeat(40);
			let hash = H256(blake2_256(&bytes));
			let blob = BlobRef { hash, size: bytes.len() as u32 };
			self.blobs.insert(hash, bytes);
			BlockRef { tensor_root: hash, blob }
		} else {
			self.keep(random_expert(&CONFIG, &seed))
		};
		self.candidates.insert(number, block);
		block
	}

	/// An expert that was trained from another: a tenth of the weights is changed. `None` if that is no expert.
	pub fn trained(&mut self, parent: &BlockRef, number: usize) -> Option<BlockRef> {
		let (mut expert, _) = self.experts.get(&parent.tensor_root)?.clone();
		for matrix in [&mut expert.up, &mut expert.down] {
			// Every row changes in places of its own.
			for (row, weights) in matrix.weights.chunks_exact_mut(matrix.cols).enumerate() {
				for weight in weights.iter_mut().skip((number + row * (1 + number / 10)) % 10).step_by(10) {
					*weight = if *weight == 1 { -1 } else { *weight + 1 };
				}
			}
		}
		Some(self.derive(expert, None))
	}

	/// An expert with one weight changed. `None` if it is none.
	pub fn copy_of(&mut self, original: &BlockRef, number: usize) -> Option<BlockRef> {
		let (mut expert, _) = self.experts.get(&original.tensor_root)?.clone();
		let weight = expert.up.weights.get_mut(number)?;
		*weight = if *weight == 0 { 1 } else { 0 };
		Some(self.derive(expert, Some(original.tensor_root)))
	}

	fn derive(&mut self, expert: Expert, original: Option<H256>) -> BlockRef {
		let experts = self.experts.len();
		let block = self.keep(expert);
		// A change may lead back to what was there.
		if self.experts.len() > experts {
			self.derived.insert(block.tensor_root, (block.blob.hash, original));
		}
		block
	}

	/// The root of the expert that another one is a near copy of.
	pub fn original_of(&self, copy: &BlockRef) -> Option<H256> {
		self.derived.get(&copy.tensor_root)?.1
	}

	/// Forgets all experts that were made from others, so that memory does not grow with the episodes.
	pub fn forget(&mut self) {
		for (root, (hash, _)) in self.derived.drain() {
			self.experts.remove(&root);
			self.blobs.remove(&hash);
		}
	}

	/// A blob's bytes.
	pub fn blob(&self, hash: &H256) -> Option<Vec<u8>> {
		self.blobs.get(hash).cloned()
	}

	/// Test sequences of the model.
	pub fn holdouts(&self) -> [HoldoutRef; 2] {
		self.holdouts
	}

	/// Blocks of the model: trunk and heads.
	pub fn blocks(&self) -> (BlockRef, Vec<BlockRef>) {
		(self.trunk, self.heads.clone())
	}

	/// All that a genesis needs to know.
	pub fn manifest(&self) -> Value {
		json!({
			"name": "tiny",
			"config": CONFIG,
			"version": { "major": 1, "minor": 0, "patch": 0 },
			"trunk": self.trunk,
			"heads": self.heads,
			"holdout": self.holdouts[0],
		})
	}

	/// Computes a job; `None` if a file is no expert or not known.
	pub fn compute(&mut self, job: &EvaluationJob) -> Option<Rc<Computed>> {
		let id = job.id();
		if let Some(computed) = self.computed.get(&id) {
			return Some(computed.clone());
		}
		let expert = |block: &BlockRef| self.experts.get(&block.tensor_root).map(|(expert, _)| expert);
		let before: Vec<&Expert> = job.heads.iter().map(expert).collect::<Option<_>>()?;
		let mut after = before.clone();
		let slot = CONFIG.slot_index(job.layer, job.expert)? as usize;
		*after.get_mut(slot)? = expert(&job.candidate)?;
		let bytes = self.sequences.get(&job.holdout.root)?;
		let before = Model::new(CONFIG, &self.model.trunk, before).ok()?;
		let after = Model::new(CONFIG, &self.model.trunk, after).ok()?;
		let statement = job.statement()?;
		let traces = (0..statement.items()).map(|item| {
			let at = statement.sequence(item)? as usize * usize::from(POSITIONS);
			let text = bytes.get(at..)?.get(..usize::from(POSITIONS))?;
			Some([Trace::of(&before, text).ok()?, Trace::of(&after, text).ok()?])
		});
		let traces = traces.collect::<Option<Vec<_>>>()?;
		let heads = job.heads.iter().map(|head| head.tensor_root.0).collect();
		let computed = Rc::new(Computed { job: job.clone(), statement, heads, traces });
		if self.computed.len() > 128 {
			self.computed.clear();
		}
		self.computed.insert(id, computed.clone());
		Some(computed)
	}

	/// The inputs of a block, as an account who claims `told` sees them.
	pub fn witness(&self, told: &Told, item: u32, trace: u8, place: Place) -> Option<Witness> {
		let job = &told.computed.job;
		let file = |block: &BlockRef| self.experts.get(&block.tensor_root).map(|(_, file)| file.as_slice());
		let mut experts: Vec<&[u8]> = job.heads.iter().map(file).collect::<Option<_>>()?;
		let slot =
			CandidateSlot { layer: job.layer, expert: job.expert, tensor_root: job.candidate.tensor_root.0 };
		let with = trace == 1;
		if with {
			let place = CONFIG.slot_index(job.layer, job.expert)? as usize;
			*experts.get_mut(place)? = file(&job.candidate)?;
		}
		let prover = Prover {
			trace: told.traces.get(item as usize)?.get(usize::from(trace))?,
			trunk: &self.trunk_file,
			heads: &told.computed.heads,
			experts: &experts,
			candidate: with.then_some(slot),
			holdout: self.sequences.get(&job.holdout.root)?,
			sequence: told.computed.statement.sequence(item)?,
		};
		prover.record(place).ok()
	}

	/// The only tile of a candidate's block, with its path.
	pub fn tile(&self, candidate: &BlockRef) -> Option<Evidence> {
		let file = self.blobs.get(&candidate.blob.hash)?;
		let payload = file.get(128..file.len().checked_sub(32)?)?.to_vec();
		Some(Evidence::Tile { tiles: merkle::leaf(&payload), bytes: payload, path: Vec::new() })
	}

	/// The same tile as reports of copies carry it.
	pub fn proof(&self, block: &BlockRef) -> Option<TileProof> {
		let Evidence::Tile { tiles, bytes, .. } = self.tile(block)? else { return None };
		Some(TileProof { bytes: bytes.try_into().ok()?, tiles: H256(tiles), path: Default::default() })
	}
}

/// An outcome whose numbers fit a sample, with a root that is nothing's.
pub fn nonsense(sequences: u32, sequence_len: u16, salt: u64) -> EvaluationOutcome {
	let n = u64::from(sequences);
	let gain = salt % 4_096 * 16;
	EvaluationOutcome {
		baseline_loss: 500_000 * n,
		candidate_loss: (500_000 - gain) * n,
		sum_diff: (gain * n) as i64,
		sum_diff_sq: u128::from(gain) * u128::from(gain) * u128::from(n),
		sequences,
		bytes: n * u64::from(sequence_len),
		job_root: H256(blake2_256(&salt.to_le_bytes())),
	}
}

fn last_loss(trace: &Trace) -> u64 {
	let last = trace.program().operators() - 1;
	let bytes = trace.output(last).expect("it is the last operator");
	u64::from_le_bytes(bytes.try_into().expect("a loss is eight bytes"))
}

impl Computed {
	/// Sequences of the sample, and bytes of each.
	pub fn sample(&self) -> (u32, u16) {
		(self.statement.items(), self.job.holdout.sequence_len)
	}
}

impl Told {
	/// Says what `lie` makes of a computation.
	pub fn of(computed: Rc<Computed>, lie: Lie) -> Self {
		let mut traces = computed.traces.clone();
		match lie {
			Lie::Byte(seed) => {
				let item = seed as usize % traces.len();
				let trace = &mut traces[item][seed as usize / 64 % 2];
				let operator = seed as usize / 128 % trace.program().operators();
				let len = trace.output(operator).map_or(1, <[u8]>::len);
				let at =
					if operator + 1 == trace.program().operators() { 0 } else { (seed >> 32) as usize % len };
				let byte = trace.output(operator).and_then(|output| output.get(at)).copied().unwrap_or(0);
				trace.plant(operator, at, byte ^ 4);
			}
			Lie::Better => {
				for ([before, after], item) in traces.iter_mut().zip(0u64..) {
					let loss = last_loss(before) / 2 + item * 64;
					let last = after.program().operators() - 1;
					for (at, byte) in loss.to_le_bytes().into_iter().enumerate() {
						after.plant(last, at, byte);
					}
				}
			}
			Lie::None | Lie::Nonsense(_) => {}
		}
		let items = traces.iter().zip(0..).map(|([before, after], item)| Item {
			sequence: computed.statement.sequence(item).unwrap_or_default(),
			baseline: last_loss(before),
			candidate: last_loss(after),
			baseline_trace: before.root(),
			candidate_trace: after.root(),
		});
		let items = items.collect();
		Self { computed, traces, items }
	}

	/// The claim itself.
	pub fn outcome(&self) -> EvaluationOutcome {
		let SumNode { hash, totals } = tree::sum_root(&self.items);
		let (sequences, len) = self.computed.sample();
		EvaluationOutcome {
			baseline_loss: totals.baseline,
			candidate_loss: totals.candidate,
			sum_diff: totals.baseline as i64 - totals.candidate as i64,
			sum_diff_sq: totals.squares,
			sequences,
			bytes: u64::from(sequences) * u64::from(len),
			job_root: H256(hash),
		}
	}

	/// All that it is opened with. Witnesses and candidates come from the lab.
	pub fn open(&self, query: Query) -> Option<Opening> {
		Some(match query {
			Query::Items { level, index } => {
				let leaves: Vec<SumNode> = self.items.iter().map(Item::node).collect();
				let places = tree::children(leaves.len(), level.into(), index as usize);
				Opening::Items(tree::sum_level(&leaves, u32::from(level) - 1).get(places)?.to_vec())
			}
			Query::Item { item } => {
				let [baseline, candidate] = self.traces.get(item as usize)?;
				Opening::Item {
					item: *self.items.get(item as usize)?,
					baseline: baseline.operators().to_vec(),
					candidate: candidate.operators().to_vec(),
				}
			}
			Query::Rows { item, trace, operator, level, index } => {
				let trace = self.traces.get(item as usize)?.get(usize::from(trace))?;
				let shape = trace.program().shape_at(operator.into())?;
				let rows = shape.row_hashes(trace.output(operator.into())?);
				let places = tree::children(rows.len(), level.into(), index as usize);
				Opening::Hashes(tree::level(&rows, u32::from(level) - 1).get(places)?.to_vec())
			}
			Query::Blocks { item, trace, operator, row } => {
				let trace = self.traces.get(item as usize)?.get(usize::from(trace))?;
				let shape = trace.program().shape_at(operator.into())?;
				Opening::Hashes(shape.block_hashes(trace.row(operator.into(), row as usize)?))
			}
			// Rows of the first definition have at most 16 blocks.
			Query::BlockNodes { .. } | Query::Witness { .. } | Query::Candidate | Query::Tile { .. } => {
				return None
			}
		})
	}
}
