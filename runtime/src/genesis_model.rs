//! The model that a chain starts with, from its manifest.
//!
//! A manifest is the JSON file beside a model's blobs: architecture, roots, holdout and facts about the
//! training. Only what the chain keeps is read here; the blobs themselves are the nodes' business.

use alloc::vec::Vec;
use blyan_primitives::HoldoutRef;
use pallet_experts::GenesisModel;
use serde::Deserialize;
use serde_json::{json, Value};

/// Manifest of the model that is built in.
pub const MANIFEST: &str =
	include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../models/genesis/manifest.json"));

/// The part of a manifest that says what the model is measured on.
#[derive(Deserialize)]
struct Measured {
	holdout: HoldoutRef,
	guard: Option<HoldoutRef>,
}

/// The genesis of the pallets that know models, for one model under number 0.
///
/// Merge it over a preset's patch to replace the built-in model.
pub fn model_patch(manifest_json: &str) -> Result<Value, serde_json::Error> {
	let model: GenesisModel = serde_json::from_str(manifest_json)?;
	let Measured { holdout, guard } = serde_json::from_str(manifest_json)?;
	let guards: Vec<Value> = guard.map(|guard| json!([0, guard])).into_iter().collect();
	Ok(json!({
		"experts": { "models": [serde_json::to_value(&model)?] },
		"proofOfLearning": {
			"holdouts": [[0, serde_json::to_value(holdout)?]],
			"guards": guards,
		},
	}))
}
