//! The closed list of advice.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Advice about one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateFinding {
	/// The text is like texts that were spoiled: shuffled, damaged, stuffed with keywords.
	LowQuality,
	/// The text is of another language than the record says, or than was asked for.
	Language,
	/// The text is like abuse.
	ToxicModel,
}

impl fmt::Display for GateFinding {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::LowQuality => "of low quality",
			Self::Language => "of another language",
			Self::ToxicModel => "toxic by the model",
		})
	}
}
