#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod conversation;
pub mod convert;
pub mod directory;
pub mod import;
pub mod load;
pub mod measure;
pub mod run;
pub mod text;

pub use blyan_checkpoint as checkpoint;
pub use conversation::{Answer, Conversation, ConversationError, End, Settings};
pub use convert::{ConvertError, Precision};
pub use directory::{Directory, DirectoryError, Manifest};
pub use import::{import, ImportError};
pub use load::load;
pub use run::{RunError, Runner, Sequence, Weights};
