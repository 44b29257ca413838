//! Messages of a conversation.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Author of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
	/// The instructions that precede a conversation.
	System,
	/// The person.
	User,
	/// The model.
	Assistant,
}

/// Error of a role that no template knows.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("role {0:?} is not known; use system, user or assistant")]
pub struct UnknownRole(String);

impl Role {
	/// Returns the name that templates use.
	pub fn as_str(self) -> &'static str {
		match self {
			Self::System => "system",
			Self::User => "user",
			Self::Assistant => "assistant",
		}
	}
}

impl fmt::Display for Role {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(self.as_str())
	}
}

impl FromStr for Role {
	type Err = UnknownRole;

	fn from_str(name: &str) -> Result<Self, Self::Err> {
		let roles = [Self::System, Self::User, Self::Assistant];
		roles.into_iter().find(|role| role.as_str() == name).ok_or_else(|| UnknownRole(name.into()))
	}
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
	/// Its author.
	pub role: Role,
	/// Its text.
	pub content: String,
}

impl Message {
	/// Builds the instructions that precede a conversation.
	pub fn system(content: impl Into<String>) -> Self {
		Self { role: Role::System, content: content.into() }
	}

	/// Builds a message of the person.
	pub fn user(content: impl Into<String>) -> Self {
		Self { role: Role::User, content: content.into() }
	}

	/// Builds a message of the model.
	pub fn assistant(content: impl Into<String>) -> Self {
		Self { role: Role::Assistant, content: content.into() }
	}
}
