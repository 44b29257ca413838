//! Notation of a slot: `3.5`, or `layer3.expert5`.

use std::{fmt, str::FromStr};

/// A layer and an expert in it, both counted from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotName {
	/// The layer.
	pub layer: u8,
	/// The expert.
	pub expert: u16,
}

impl FromStr for SlotName {
	type Err = String;

	fn from_str(text: &str) -> Result<Self, String> {
		let read = || {
			let (layer, expert) = text.split_once('.')?;
			let layer = layer.strip_prefix("layer").unwrap_or(layer).parse().ok()?;
			let expert = expert.strip_prefix("expert").unwrap_or(expert).parse().ok()?;
			Some(Self { layer, expert })
		};
		read().ok_or_else(|| format!("\"{text}\" names no expert; write LAYER.EXPERT, such as 3.5"))
	}
}

impl fmt::Display for SlotName {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "layer{}.expert{}", self.layer, self.expert)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn round_trip() {
		let slot = SlotName { layer: 3, expert: 5 };
		assert_eq!(slot.to_string().parse(), Ok(slot));
		assert_eq!("3.5".parse(), Ok(slot));
		for text in ["", "3", "3.", ".5", "300.1", "a.b", "3.5.1"] {
			assert!(text.parse::<SlotName>().is_err(), "{text}");
		}
	}
}
