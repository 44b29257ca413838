//! Arguments about the losses of two models, and about slots.

use blyan_open_model::grow::Slot;
use clap::Args;
use std::path::PathBuf;

/// Holdouts on which the losses of two models are compared.
#[derive(Clone, Debug, Default, Args)]
pub struct LossArgs {
	/// Holdout of what the model is for, on which the exact loss of both models is compared: `blyan model holdout` writes one.
	#[arg(long, value_name = "FILE")]
	pub holdout: Option<PathBuf>,
	/// Holdout of everything else.
	#[arg(long, value_name = "FILE", requires = "holdout")]
	pub guard: Option<PathBuf>,
	/// Share by which the loss on either may rise, such as 0.02; more is exit code 4.
	#[arg(long, value_name = "SHARE", requires = "holdout", value_parser = parse_share)]
	pub loss_max: Option<u32>,
}

/// Reads a share between 0 and 1 as parts per million.
pub(super) fn parse_share(text: &str) -> Result<u32, String> {
	match text.parse::<f64>() {
		Ok(share) if (0.0..=1.0).contains(&share) => Ok((share * 1e6).round() as u32),
		_ => Err("a share is a number from 0 to 1, such as 0.01".into()),
	}
}

/// Reads the slot of an expert: LAYER.EXPERT.
pub(super) fn parse_slot(text: &str) -> Result<Slot, String> {
	let read = || {
		let (layer, expert) = text.split_once('.')?;
		Some(Slot { layer: layer.parse().ok()?, expert: expert.parse().ok()? })
	};
	read().ok_or_else(|| format!("{text:?} is no slot: name LAYER.EXPERT, both counted from 0, such as 3.14"))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn slots_are_layer_and_expert() {
		assert_eq!(parse_slot("3.14"), Ok(Slot { layer: 3, expert: 14 }));
		for text in ["3", "3.", ".1", "3.1.4", "256.1", "-1.0", "3.65536"] {
			assert!(parse_slot(text).is_err(), "{text}");
		}
	}
}
