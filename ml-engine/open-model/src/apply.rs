//! Replacement of one expert: what an accepted expert does to a model.

use crate::{
	derive::{derive, DeriveError, Derived, Parent, Progress, Source},
	directory::{at, layout, DirectoryError},
	manifest::Step,
};
use blyan_exact::definition2::{
	block::{claimed_shape, Fault},
	Part,
};
use std::path::{Path, PathBuf};

/// Reason why an expert was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
	/// The layer has no experts.
	#[error("layer {layer} has no experts: {routed}")]
	NoRouter {
		/// Layer asked for.
		layer: u8,
		/// Layers that have some, in words.
		routed: String,
	},
	/// The layer has fewer experts.
	#[error("layer {layer} has experts 0 to {last}, and no expert {expert}")]
	NoExpert {
		/// Layer asked for.
		layer: u8,
		/// Expert asked for.
		expert: u16,
		/// Last expert of the layer.
		last: u16,
	},
	/// The file is a part of another shape.
	#[error("{path} does not fit the experts of layer {layer}: it is a part of another kind, width or rank")]
	OtherShape {
		/// The file.
		path: PathBuf,
		/// Layer asked for.
		layer: u8,
	},
	/// The file is damaged.
	#[error("{path}: {fault}. Get this file again")]
	Damaged {
		/// The file.
		path: PathBuf,
		/// Reason.
		fault: Fault,
	},
	/// The slot has this expert already.
	#[error("expert {expert} of layer {layer} is this one already: its root is 0x{root}")]
	Same {
		/// Layer asked for.
		layer: u8,
		/// Expert asked for.
		expert: u16,
		/// Root of the expert.
		root: String,
	},
	/// The file or the model cannot be read.
	#[error(transparent)]
	Directory(#[from] DirectoryError),
	/// The new model cannot be written.
	#[error(transparent)]
	Derive(#[from] DeriveError),
}

/// Puts the expert in `file` into the place of expert `expert` of layer `layer`, and writes the new model to `out`. Every byte
/// of the expert and of the model is checked.
pub fn apply(
	parent: &Parent,
	(layer, expert): (u8, u16),
	file: &Path,
	out: &Path,
	progress: Progress<'_>,
) -> Result<Derived, ApplyError> {
	let slot = slot(parent, layer, expert)?;
	let layout = layout(parent.architecture(), slot)?;
	let bytes = std::fs::read(file).map_err(at(file))?;
	let path = || file.to_path_buf();
	if claimed_shape(&bytes).is_some_and(|shape| shape != *layout.shape()) {
		return Err(ApplyError::OtherShape { path: path(), layer });
	}
	let root = layout.check(&bytes).map_err(|fault| ApplyError::Damaged { path: path(), fault })?;
	let (from, to) = (parent.record(slot)?.root.clone(), hex::encode(root));
	if from == to {
		return Err(ApplyError::Same { layer, expert, root: to });
	}
	let step = Step::Expert { layer, expert, from, to };
	let source = |part| Ok(if part == slot { Source::Bytes(&bytes, root) } else { Source::Parent });
	Ok(derive(parent, parent.architecture(), step, out, progress, &source)?)
}

/// Returns the part of an expert that the model has.
fn slot(parent: &Parent, layer: u8, expert: u16) -> Result<Part, ApplyError> {
	let architecture = parent.architecture();
	let Some(routing) = architecture.routing(layer) else {
		let layers = (0..architecture.layers.len()).map(|layer| layer as u8);
		let routed: Vec<String> = layers
			.filter(|layer| architecture.routing(*layer).is_some())
			.map(|layer| layer.to_string())
			.collect();
		let routed = match routed.is_empty() {
			true => "the model is dense; make some with `blyan model upcycle`".into(),
			false => format!("choose one of layers {}", routed.join(", ")),
		};
		return Err(ApplyError::NoRouter { layer, routed });
	};
	if expert >= routing.experts {
		return Err(ApplyError::NoExpert { layer, expert, last: routing.experts - 1 });
	}
	Ok(Part::Expert { layer, expert })
}
