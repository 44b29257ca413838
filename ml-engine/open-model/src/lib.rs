#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod apply;
pub mod conversation;
pub mod convert;
pub mod derive;
pub mod directory;
pub mod evaluate;
pub mod grow;
pub mod import;
pub mod load;
pub mod manifest;
pub mod measure;
pub mod needs;
pub mod record;
pub mod run;
pub mod serve;
pub mod target;
pub mod text;
pub mod upcycle;

pub use blyan_checkpoint as checkpoint;
pub use conversation::{Answer, Conversation, ConversationError, End, Settings};
pub use convert::{ConvertError, Precision};
pub use directory::{Directory, DirectoryError, Manifest};
pub use evaluate::{Evaluator, Holdout, HoldoutWriter};
pub use import::{import, ImportError};
pub use load::load;
pub use record::GenerationRecord;
pub use run::{RunError, Runner, Sequence, Weights};
pub use serve::{Limits, ServeError, Server, Service};
