//! The comparison of two models that evaluators owe: the engine's job, its outcome, and what is sealed and opened.

use crate::{
	job::{JobBody, JobId},
	model::{wire, BlobRef, BlockRef, ModelId},
	score::seal_hash,
};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::{bounded::BoundedVec, ConstU32, H256};

/// Suites that one comparison has at most.
pub const SUITES_MAX: u32 = 8;
/// Tasks of one suite at most.
pub const TASKS_MAX: u32 = 4_096;
/// End tokens of a tokenizer at most.
pub const ENDS_MAX: u32 = 16;
/// Domain separator of what an evaluator signs.
pub const EVOLUTION_CONTEXT: &[u8] = b"blyan/evolution/1";

/// Suites of a comparison, each at most once.
pub type SuiteChoices = BoundedVec<SuiteChoice, ConstU32<SUITES_MAX>>;
/// Tokens that end a turn or a document.
pub type TokenizerEnds = BoundedVec<u32, ConstU32<ENDS_MAX>>;

/// Suite whose tasks follow from a seed (`blyan_benchmarks::generated::Generated`). The numbers never change.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Hash,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[scale_info(capture_docs = "always")]
#[serde(rename_all = "lowercase")]
pub enum SuiteName {
	/// Sums of two numbers of up to three digits.
	Addition,
	/// Products of two numbers of up to two digits.
	Multiplication,
	/// The next word of a repeated pattern.
	Patterns,
	/// The value that stood beside a name.
	Copying,
	/// An expression in `a` and `b` that has the results shown.
	Expressions,
}

impl SuiteName {
	/// Every suite, in the order of the wire.
	pub const ALL: [Self; 5] =
		[Self::Addition, Self::Multiplication, Self::Patterns, Self::Copying, Self::Expressions];

	/// Returns its name on the command line and in reports.
	pub fn name(self) -> &'static str {
		match self {
			Self::Addition => "addition",
			Self::Multiplication => "multiplication",
			Self::Patterns => "patterns",
			Self::Copying => "copying",
			Self::Expressions => "expressions",
		}
	}
}

wire! {
	/// Suite of a comparison.
	#[derive(Copy, MaxEncodedLen)]
	pub struct SuiteChoice {
		/// The suite.
		pub suite: SuiteName,
		/// Its tasks: the first so many of the seed.
		pub tasks: u32,
	}
}

wire! {
	/// Tokenizer that a model reads and writes with.
	#[derive(MaxEncodedLen)]
	pub struct TokenizerRef {
		/// Its file in canonical form (`tokenizer.json` of a model's folder). The blob's hash is Blake2b-256 of these bytes.
		pub blob: BlobRef,
		/// Tokens that end an answer.
		pub ends: TokenizerEnds,
	}
}

wire! {
	/// One side of a comparison, as an engine loads it: all blobs by name.
	pub struct BenchmarkModel {
		/// The model, for logs; the fields below define it.
		pub model: ModelId,
		/// Its generation, for logs.
		pub generation: u32,
		/// Architecture and everything that is not an expert.
		#[serde(flatten)]
		pub body: JobBody,
		/// Its experts in row-major order, one a slot.
		pub heads: Vec<BlockRef>,
	}
}

wire! {
	/// Benchmark job: "How many tasks does each of the two models solve?"
	///
	/// Tasks of a suite are those of `blyan_benchmarks::generated::held_out_seed(entropy)`, so that
	/// `blyan benchmark run --held-out ENTROPY` computes one side again. Two honest engines have equal outcomes.
	pub struct BenchmarkJob {
		/// Version of the definition to compute by: `blyan_exact::definition2::REVISION`. An engine that implements another one refuses
		/// the job.
		pub definition: u32,
		/// Version of the suites and of how they are counted: [`BenchmarkJob::RULES`]. An engine with other rules refuses the job.
		pub rules: u32,
		/// The model that is to be surpassed.
		pub base: BenchmarkModel,
		/// The model that is to surpass it.
		pub candidate: BenchmarkModel,
		/// Tokenizer of both.
		pub tokenizer: TokenizerRef,
		/// Suites, in the order of the outcome.
		pub suites: SuiteChoices,
		/// Hash that did not exist when the candidate was made.
		pub entropy: H256,
	}
}

impl BenchmarkJob {
	/// Version of the suites' tasks and of how answers are counted. Whatever changes one result changes it.
	pub const RULES: u32 = 1;

	/// The job's identifier: Blake2b-256 of its SCALE encoding.
	pub fn id(&self) -> JobId {
		H256(sp_crypto_hashing::blake2_256(&self.encode()))
	}
}

wire! {
	/// Tasks that a model solved.
	#[derive(Copy, Default, MaxEncodedLen)]
	pub struct Tally {
		/// Right ones.
		pub right: u32,
		/// All of them.
		pub total: u32,
	}
}

wire! {
	/// Results of both models in one suite.
	#[derive(Copy, MaxEncodedLen)]
	pub struct SuiteOutcome {
		/// The suite.
		pub suite: SuiteName,
		/// Tasks that the base solved.
		pub base: Tally,
		/// Tasks that the candidate solved.
		pub candidate: Tally,
		/// Root of the base's report.
		pub base_root: H256,
		/// Root of the candidate's report.
		pub candidate_root: H256,
	}
}

wire! {
	/// The exact result of a benchmark job. Two honest evaluators produce the same bytes.
	#[derive(MaxEncodedLen)]
	pub struct BenchmarkOutcome {
		/// Results, in the order of the job's suites.
		pub suites: BoundedVec<SuiteOutcome, ConstU32<SUITES_MAX>>,
	}
}

impl BenchmarkOutcome {
	/// Reports whether the outcome can be that of a comparison in these suites: each of them, with as many tasks, and no more right
	/// ones than there are.
	pub fn is_about(&self, suites: &[SuiteChoice]) -> bool {
		let fits = |outcome: &SuiteOutcome, choice: &SuiteChoice| {
			let is_plausible = |tally: &Tally| tally.total == choice.tasks && tally.right <= tally.total;
			outcome.suite == choice.suite && is_plausible(&outcome.base) && is_plausible(&outcome.candidate)
		};
		self.suites.len() == suites.len()
			&& self.suites.iter().zip(suites).all(|(outcome, choice)| fits(outcome, choice))
	}
}

/// Where a comparison stands. What ends without an outcome is an `EngineError`: `CandidateInvalid` if the candidate's blobs are no
/// model of its architecture on any machine, `BlobMissing` with a blob that is not here.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, Serialize, Deserialize,
)]
#[scale_info(capture_docs = "always")]
pub enum BenchmarkStatus {
	/// Waits, or is under way.
	Running {
		/// Tasks done so far, of both models together.
		done: u32,
		/// Tasks of both models together.
		total: u32,
	},
	/// Finished.
	Done(BenchmarkOutcome),
}

/// Finding of an evaluator.
#[derive(
	Clone,
	Debug,
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
pub enum BenchmarkFinding {
	/// Both models were measured.
	Measured(BenchmarkOutcome),
	/// A blob could not be had until shortly before the window ended.
	Unavailable,
	/// The candidate's blobs are no model of its architecture, on any machine.
	Malformed,
}

impl BenchmarkFinding {
	/// Hash of the finding about the draw `draw`: a seal of another draw cannot be opened with it.
	pub fn digest(&self, draw: &H256) -> H256 {
		H256(sp_crypto_hashing::blake2_256(&(draw, self).encode()))
	}

	/// The seal of this finding: a hash with an unpredictable salt and the evaluator's account, so that a copied seal cannot be
	/// opened by another operator.
	pub fn seal(&self, draw: &H256, salt: &H256, evaluator: &impl Encode) -> H256 {
		seal_hash(&self.digest(draw), salt, evaluator)
	}
}

/// Message of an evaluator.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub enum EvolutionMessage {
	/// Seals a finding.
	Seal {
		/// The epoch.
		epoch: super::epoch::EpochId,
		/// [`BenchmarkFinding::seal`].
		seal: H256,
	},
	/// Opens a seal.
	Reveal {
		/// The epoch.
		epoch: super::epoch::EpochId,
		/// The finding.
		finding: BenchmarkFinding,
		/// The salt that was sealed with it.
		salt: H256,
	},
}

impl EvolutionMessage {
	/// The epoch that it is about.
	pub fn epoch(&self) -> super::epoch::EpochId {
		match self {
			Self::Seal { epoch, .. } | Self::Reveal { epoch, .. } => *epoch,
		}
	}

	/// Number of the kind, which tells messages of one evaluator apart.
	pub fn kind(&self) -> u8 {
		match self {
			Self::Seal { .. } => 0,
			Self::Reveal { .. } => 1,
		}
	}

	/// The bytes that the session key signs: context, genesis hash of the chain, draw, message.
	pub fn signing_payload(&self, genesis: &H256, draw: &H256) -> Vec<u8> {
		(EVOLUTION_CONTEXT, genesis, draw, self).encode()
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn outcome(right: u32) -> BenchmarkOutcome {
		let suites = [SuiteName::Addition, SuiteName::Copying].map(|suite| SuiteOutcome {
			suite,
			base: Tally { right: 3, total: 10 },
			candidate: Tally { right, total: 10 },
			base_root: H256([1; 32]),
			candidate_root: H256([2; 32]),
		});
		BenchmarkOutcome { suites: suites.to_vec().try_into().unwrap() }
	}

	fn choices(tasks: u32) -> Vec<SuiteChoice> {
		[SuiteName::Addition, SuiteName::Copying].map(|suite| SuiteChoice { suite, tasks }).to_vec()
	}

	#[test]
	fn an_outcome_is_about_the_suites_it_names_with_all_their_tasks() {
		assert!(outcome(10).is_about(&choices(10)));
		assert!(!outcome(11).is_about(&choices(10)), "more right than there are");
		assert!(!outcome(10).is_about(&choices(11)));
		assert!(!outcome(10).is_about(&choices(10)[..1]));
		let swapped: Vec<SuiteChoice> = choices(10).into_iter().rev().collect();
		assert!(!outcome(10).is_about(&swapped));
	}

	#[test]
	fn a_seal_is_bound_to_finding_draw_salt_and_evaluator() {
		let finding = BenchmarkFinding::Measured(outcome(4));
		let hash = |byte| H256([byte; 32]);
		let seal = finding.seal(&hash(1), &hash(2), &[3u8; 32]);
		assert_ne!(BenchmarkFinding::Measured(outcome(5)).seal(&hash(1), &hash(2), &[3u8; 32]), seal);
		assert_ne!(finding.seal(&hash(9), &hash(2), &[3u8; 32]), seal);
		assert_ne!(finding.seal(&hash(1), &hash(9), &[3u8; 32]), seal);
		assert_ne!(finding.seal(&hash(1), &hash(2), &[9u8; 32]), seal);
	}

	#[test]
	fn the_wire_is_pinned() {
		let choice = SuiteChoice { suite: SuiteName::Expressions, tasks: 0x0403_0201 };
		assert_eq!(choice.encode(), [4, 1, 2, 3, 4]);
		for (number, suite) in SuiteName::ALL.into_iter().enumerate() {
			assert_eq!(suite.encode(), [u8::try_from(number).unwrap()]);
		}
		assert_eq!(outcome(4).encode().len(), 1 + 2 * (1 + 16 + 64));
		assert_eq!(BenchmarkFinding::Unavailable.encode(), [1]);
		assert_eq!(BenchmarkFinding::Malformed.encode(), [2]);
		let status = BenchmarkStatus::Running { done: 1, total: 2 };
		assert_eq!(status.encode(), [0, 1, 0, 0, 0, 2, 0, 0, 0]);
	}
}
