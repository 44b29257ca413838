#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod choice;
pub mod evaluation;
pub mod extraction;
pub mod generated;
pub mod journal;
pub mod model;
pub mod outcome;
pub mod promotion;
pub mod report;
pub mod sandbox;
pub mod source;
pub mod subject;
pub mod suite;
pub mod task;

pub use evaluation::{evaluate, EvaluationError};
pub use journal::Journal;
pub use model::OpenModel;
pub use outcome::{Outcome, TaskResult};
pub use promotion::Promotion;
pub use report::Report;
pub use sandbox::{Sandbox, Verdict};
pub use source::Format;
pub use subject::{Identity, Subject, SubjectError};
pub use suite::Suite;
pub use task::{Kind, Task};
