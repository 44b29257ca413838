//! Conversations: a chat template makes a prompt of them, without a message ever becoming a control token.

mod fit;
mod guard;
mod message;
mod render;
mod template;

pub use fit::Fitted;
pub use message::{Message, Role, UnknownRole};
pub use render::Chat;
