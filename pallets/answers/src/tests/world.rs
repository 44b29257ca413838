//! Real models of the second definition, what they answer, and parties that checked it.

use super::mock::*;
use blyan_exact::{
	blake2_256,
	definition2::{
		block::{claimed_root, part_file},
		execution::Execution,
		golden::{self, random_model, OwnedModel, Stream},
		model::model_root,
		sampling::sample,
		step::{sequence_bytes, Prover},
		Answer, Architecture, OwnedPart, Part, Trace,
	},
	merkle,
	step::Place,
	tree::{self, Item, SumNode},
	Hash, Sampling,
};
use blyan_primitives::{
	AnswerEnd, AnswerStatement, BlockWitness, EvaluationOutcome, Opening, Query, Receipt, SignedReceipt,
	RECEIPT_VERSION,
};
use blyan_support::genesis_hash;
use frame_support::assert_ok;
use pallet_disputes::{game::Side, Ended, GameId};
use sp_core::{Pair, H256};
use std::{collections::BTreeMap, sync::OnceLock};

/// Ids that a model reads.
pub(crate) const READ: usize = 6;
/// Ids that it chooses: with those, two levels of rows and two blocks of keys.
pub(crate) const CHOSEN: usize = 13;
/// Settings of every kind: temperature and top-p.
pub(crate) const SETTINGS: [(u16, u16); 5] = [(0, 256), (256, 256), (256, 200), (400, 250), (900, 1)];

/// A model of a golden family, as files.
pub(crate) struct World {
	pub(crate) name: &'static str,
	pub(crate) architecture: Architecture,
	owned: OwnedModel,
	files: BTreeMap<Part, Vec<u8>>,
	parts: Vec<Hash>,
	experts: Vec<Hash>,
	pub(crate) root: H256,
}

impl World {
	fn new((name, architecture): (&'static str, fn() -> Architecture)) -> Self {
		let architecture = architecture();
		let owned = random_model(architecture.clone(), name.as_bytes());
		let (parts, experts) = (architecture.parts(), architecture.expert_parts().collect::<Vec<Part>>());
		let file = |part: Part, tensors: &OwnedPart| part_file(&architecture, part, &tensors.view()).unwrap();
		let fixed = parts.iter().zip(&owned.parts);
		let files: BTreeMap<Part, Vec<u8>> = fixed
			.chain(experts.iter().zip(&owned.experts))
			.map(|(part, tensors)| (*part, file(*part, tensors)))
			.collect();
		let roots = |list: &[Part]| -> Vec<Hash> {
			list.iter().map(|part| claimed_root(&files[part]).unwrap()).collect()
		};
		let (parts, experts) = (roots(&parts), roots(&experts));
		let root = H256(model_root(&architecture, &parts, &experts));
		Self { name, architecture, owned, files, parts, experts, root }
	}

	/// The worlds of all families.
	pub(crate) fn all() -> &'static [World] {
		static WORLDS: OnceLock<Vec<World>> = OnceLock::new();
		WORLDS.get_or_init(|| golden::ARCHITECTURES.into_iter().map(World::new).collect())
	}
}

/// Ids that a model read and chose, or is said to have chosen, and with which seed and settings.
#[derive(Clone)]
pub(crate) struct Said {
	pub(crate) world: &'static World,
	pub(crate) ids: Vec<u32>,
	pub(crate) seed: u64,
	pub(crate) setting: (u16, u16),
}

impl Said {
	/// Answer of the model to a prompt that follows from the seed.
	pub(crate) fn right(world: &'static World, setting: (u16, u16), seed: u64) -> Self {
		let vocabulary = world.architecture.vocabulary as usize;
		let mut stream = Stream::new(&seed.to_le_bytes());
		let mut said = Self { world, ids: Vec::new(), seed, setting };
		said.ids = (0..READ).map(|_| stream.below(vocabulary) as u32).collect();
		let model = world.owned.view().unwrap();
		let mut execution = Execution::new(&model, (READ + CHOSEN) as u32).unwrap();
		let mut logits = Vec::new();
		for &id in &said.ids {
			logits = execution.push(id).unwrap();
		}
		for _ in 0..CHOSEN {
			let token = sample(&said.sampling(), &logits, said.ids.len() as u64);
			said.ids.push(token);
			logits = execution.push(token).unwrap();
		}
		said
	}

	/// The same, but for one token of the answer.
	pub(crate) fn with_wrong_token(mut self, place: usize, shift: u32) -> Self {
		let vocabulary = self.world.architecture.vocabulary;
		let token = &mut self.ids[READ + place % CHOSEN];
		*token = (*token + 1 + shift % (vocabulary - 1)) % vocabulary;
		self
	}

	fn sampling(&self) -> Sampling {
		let (temperature, top_p) = self.setting;
		Sampling { temperature, top_p, seed: Sampling::key_of(self.seed) }
	}

	pub(crate) fn receipt(&self) -> Receipt {
		let leaf = merkle::leaf(&sequence_bytes(&self.ids));
		Receipt {
			version: RECEIPT_VERSION,
			model_root: self.world.root,
			tokenizer: H256([9; 32]),
			tokens_root: H256(merkle::root(&[leaf])),
			prompt_tokens: READ as u32,
			prompt_tokens_seen: READ as u32,
			answer_tokens: (self.ids.len() - READ) as u32,
			seed: self.seed,
			temperature_q8: self.setting.0,
			top_p_q8: self.setting.1,
			end: AnswerEnd::Length,
			session: 3,
			charged: 77,
		}
	}

	/// The receipt, signed by the operator.
	pub(crate) fn signed(&self) -> SignedReceipt {
		sign(self.receipt())
	}

	/// Its statement, which benchmarks name the architecture by.
	#[cfg_attr(not(feature = "runtime-benchmarks"), allow(dead_code))]
	pub(crate) fn statement(&self) -> AnswerStatement {
		let id = blyan_primitives::record_id(&self.world.architecture.to_bytes());
		AnswerStatement::of(&self.receipt(), id)
	}

	/// The check of the answer.
	pub(crate) fn trace(&self) -> Trace {
		let model = self.world.owned.view().unwrap();
		let answer = Answer { first: READ as u32 - 1, sampling: self.sampling() };
		Trace::of_answer(&model, &self.ids, answer).unwrap()
	}

	/// The model is registered, and has been seen.
	pub(crate) fn serve(&self) {
		Registry::register(&self.world.architecture, self.world.root);
		run_for(2);
	}

	/// The honest witness of a block.
	pub(crate) fn witness(&self, trace: &Trace, place: Place) -> BlockWitness {
		let prover = Prover {
			trace,
			files: &self.world.files,
			parts: &self.world.parts,
			experts: &self.world.experts,
			candidate: None,
			holdout: &self.ids,
			sequence: 0,
		};
		BlockWitness::Second(prover.record(place).unwrap())
	}
}

/// Signs a receipt with the operator's serving key.
pub(crate) fn sign(receipt: Receipt) -> SignedReceipt {
	let pair = serving_pair();
	let payload = receipt.payload(&genesis_hash::<Test>());
	SignedReceipt { receipt, key: pair.public(), signature: pair.sign(&payload) }
}

/// A party that checked an answer, and perhaps changed what it found.
#[derive(Clone)]
pub(crate) struct Party {
	traces: [Trace; 2],
}

impl Party {
	pub(crate) fn honest(trace: &Trace) -> Self {
		Self { traces: [trace.clone(), trace.clone()] }
	}

	/// One wrong byte in an operator's output, in one of the two traces, and a count of misses that fits the claim.
	pub(crate) fn lying(
		trace: &Trace,
		which: usize,
		operator: usize,
		at: usize,
		bits: u8,
		misses: u64,
	) -> Self {
		let mut party = Self::honest(trace);
		let byte = trace.output(operator).unwrap()[at] ^ bits;
		party.traces[which].plant(operator, at, byte);
		let last = trace.program().operators().len() - 1;
		for trace in &mut party.traces {
			for (at, byte) in misses.to_le_bytes().into_iter().enumerate() {
				trace.plant(last, at, byte);
			}
		}
		party
	}

	fn item(&self) -> Item {
		let loss = |trace: &Trace| {
			let last = trace.program().operators().len() - 1;
			u64::from_le_bytes(trace.output(last).unwrap().try_into().unwrap())
		};
		let [first, second] = &self.traces;
		Item {
			sequence: 0,
			baseline: loss(first),
			candidate: loss(second),
			baseline_trace: first.root(),
			candidate_trace: second.root(),
		}
	}

	pub(crate) fn outcome(&self) -> EvaluationOutcome {
		let SumNode { hash, totals } = tree::sum_root(&[self.item()]);
		EvaluationOutcome {
			baseline_loss: totals.baseline,
			candidate_loss: totals.candidate,
			sum_diff: totals.baseline as i64 - totals.candidate as i64,
			sum_diff_sq: totals.squares,
			sequences: 1,
			bytes: self.traces[0].program().positions() as u64,
			job_root: H256(hash),
		}
	}

	/// Opens a place of a descent.
	fn open(&self, query: Query) -> Opening {
		let children = |leaves: &[Hash], level: u8, index: u32| {
			let places = tree::children(leaves.len(), level.into(), index as usize);
			Opening::Hashes(tree::level(leaves, u32::from(level) - 1)[places].to_vec())
		};
		let blocks = |trace: u8, operator: u16, row: u32| {
			let trace = &self.traces[usize::from(trace)];
			let shape = trace.program().operator(operator.into()).unwrap().shape;
			shape.block_hashes(trace.row(operator.into(), row as usize).unwrap())
		};
		match query {
			Query::Item { .. } => {
				let [baseline, candidate] = self.traces.each_ref().map(|trace| trace.operators().to_vec());
				Opening::Item { item: self.item(), baseline, candidate }
			}
			Query::Rows { trace, operator, level, index, .. } => {
				let trace = &self.traces[usize::from(trace)];
				let shape = trace.program().operator(operator.into()).unwrap().shape;
				children(&shape.row_hashes(trace.output(operator.into()).unwrap()), level, index)
			}
			Query::Blocks { trace, operator, row, .. } => Opening::Hashes(blocks(trace, operator, row)),
			Query::BlockNodes { trace, operator, row, level, index, .. } => {
				children(&blocks(trace, operator, row), level, index)
			}
			query => unreachable!("no descent leads through {query:?}"),
		}
	}
}

/// The last game that began.
pub(crate) fn last_game() -> GameId {
	pallet_disputes::NextGame::<Test>::get() - 1
}

/// Plays a game to its end on the real pallet: the operator's claim is the first side. Returns the sides that fell.
pub(crate) fn play(game: GameId, said: &Said, honest: &Trace, parties: [&Party; 2]) -> [bool; 2] {
	let position = || pallet_disputes::Games::<Test>::get(game).unwrap().position;
	while position().is_descent() {
		let query = position().query();
		for side in Side::BOTH {
			assert_ok!(Disputes::descend(signed(&account(1)), game, side, side.of(&parties).open(query)));
		}
	}
	let Query::Witness { operator, row, block, .. } = position().query() else {
		unreachable!("a descent ends at a block")
	};
	let place = Place { operator: operator.into(), row: row as usize, block: block as usize };
	let witness = said.witness(honest, place);
	let bytes = codec::Encode::encoded_size(&witness);
	assert!(bytes <= pallet_disputes::WITNESS_BYTES_MAX as usize, "{bytes} bytes at {place:?}");
	assert_ok!(Disputes::execute(signed(&account(1)), game, witness));
	Ended::<Test>::get(game).unwrap().refuted
}

/// A number that follows from others: the die of seeded games.
pub(crate) fn draw(seed: &[u64], end: usize) -> usize {
	let bytes: Vec<u8> = seed.iter().flat_map(|word| word.to_le_bytes()).collect();
	u64::from_le_bytes(blake2_256(&[&bytes])[..8].try_into().unwrap()) as usize % end.max(1)
}
