//! Evaluation of models of the second definition: exact losses of a model and of the same model with a candidate expert, and
//! commitments to every number on the way.
//!
//! A [`Holdout`] has the sequences. An [`Evaluator`] takes each of them through the model's
//! [`Program`](blyan_exact::definition2::Program), the candidate beside the baseline: everything in front of the
//! candidate's slot is computed and hashed once, within its layer only the tokens that are routed to it are computed twice,
//! and behind it whatever depends on them. Losses and traces are those of the definition, to the bit, whatever the
//! instruction set, the threads and the order in which sequences are taken.
//!
//! Results are [`Item`](blyan_exact::tree::Item)s: leaves of the tree that a score commits to ([`blyan_exact::tree`]), one a sequence. Each is handed over
//! as soon as it is there, so a caller that keeps them goes on where it was. [`Opener`] computes again what a dispute
//! asks for. [`AnswerCheck`] does all of that for one answer.

mod adapters;
mod answer;
mod batch;
mod candidate;
mod compare;
mod error;
mod evaluator;
mod experts;
mod heads;
mod holdout;
mod jobs;
mod kept;
mod means;
mod opening;
mod part_files;
mod pass;
mod plan;
mod recorder;
mod roots;
mod tensors;
mod vocabulary;

pub use answer::AnswerCheck;
pub use batch::Side;
pub use candidate::Candidate;
pub use compare::Compared;
pub use error::EvaluateError;
pub use evaluator::{never_stop, outcome, Evaluator, Losses, Outcome, Subject};
pub use holdout::{
	Holdout, HoldoutError, HoldoutWriter, Summary, WriteError, POSITIONS_MAX, SEQUENCES_MAX, VOCABULARY_MAX,
};
pub use means::Checkpoint;
pub use opening::{ModelRoots, Opened, Opener, Traces};
pub use part_files::DirectoryFiles;
