//! Evolution: what is proposed, what a proposal must at least gain, and what the network measures of two models.
//!
//! A [`BenchmarkJob`] crosses to the node's engine as its SCALE bytes, through `blyan_host::run_benchmark`, which answers with a
//! [`BenchmarkStatus`].

mod benchmark;
mod epoch;
mod proposal;
mod record;

pub use benchmark::{
	BenchmarkFinding, BenchmarkJob, BenchmarkModel, BenchmarkOutcome, BenchmarkStatus, EvolutionMessage,
	SuiteChoice, SuiteChoices, SuiteName, SuiteOutcome, Tally, TokenizerEnds, TokenizerRef, ENDS_MAX,
	EVOLUTION_CONTEXT, SUITES_MAX, TASKS_MAX,
};
pub use blyan_exact::gain::{mean_gain_ppm, suite_gain_ppm, GAIN_MAX_PPM};
pub use epoch::{EpochId, EpochOutcome, EpochPhase, EvaluationStep};
pub use proposal::{
	least_gain_ppm, templates, EvolutionKind, Proposal, ProposalError, ProposalId, Template, DIFFICULTY_MAX,
};
pub use record::{ExpertBounds, LayerBounds, LineVersion, ModelRecord, RECORD_LAYERS_MAX};
