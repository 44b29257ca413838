//! Replacement of experts: what an accepted expert does to a model, and how a model catches up with several.

use crate::{
	derive::{derive, DeriveError, Derived, Parent, Progress, Source},
	directory::{at, layout, DirectoryError},
	manifest::{Replaced, Step},
};
use blyan_exact::{
	definition2::{
		block::{claimed_shape, Fault},
		Part,
	},
	Hash,
};
use std::{
	collections::BTreeMap,
	path::{Path, PathBuf},
};

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

/// Expert that is to take a slot: the slot, and the file.
#[derive(Clone, Copy, Debug)]
pub struct Replacement<'a> {
	/// Layer of the expert.
	pub layer: u8,
	/// Index in the layer.
	pub expert: u16,
	/// File of the expert.
	pub file: &'a Path,
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
	apply_all(parent, &[Replacement { layer, expert, file }], out, progress)
}

/// Puts several experts into their slots as [`apply`] does, in one step. Memory holds the bytes of all of them. Of two for one
/// slot the later one counts.
pub fn apply_all(
	parent: &Parent,
	replacements: &[Replacement<'_>],
	out: &Path,
	progress: Progress<'_>,
) -> Result<Derived, ApplyError> {
	let mut experts = BTreeMap::new();
	for replacement in replacements {
		let Read { part, bytes, root, replaced } = read(parent, replacement)?;
		experts.insert(part, (bytes, root, replaced));
	}
	let mut replaced = experts.values().map(|(_, _, replaced)| replaced.clone()).collect::<Vec<_>>();
	let step = match replaced.len() {
		1 => {
			let Replaced { layer, expert, from, to } = replaced.remove(0);
			Step::Expert { layer, expert, from, to }
		}
		_ => Step::Experts(replaced),
	};
	let source = |part: Part| {
		Ok(experts.get(&part).map_or(Source::Parent, |(bytes, root, _)| Source::Bytes(bytes, *root)))
	};
	Ok(derive(parent, parent.architecture(), step, out, progress, &source)?)
}

/// Expert's file, checked against its slot.
struct Read {
	part: Part,
	bytes: Vec<u8>,
	root: Hash,
	replaced: Replaced,
}

fn read(parent: &Parent, replacement: &Replacement<'_>) -> Result<Read, ApplyError> {
	let Replacement { layer, expert, file } = *replacement;
	let part = slot(parent, layer, expert)?;
	let layout = layout(parent.architecture(), part)?;
	let bytes = std::fs::read(file).map_err(at(file))?;
	let path = || file.to_path_buf();
	if claimed_shape(&bytes).is_some_and(|shape| shape != *layout.shape()) {
		return Err(ApplyError::OtherShape { path: path(), layer });
	}
	let root = layout.check(&bytes).map_err(|fault| ApplyError::Damaged { path: path(), fault })?;
	let (from, to) = (parent.record(part)?.root.clone(), hex::encode(root));
	if from == to {
		return Err(ApplyError::Same { layer, expert, root: to });
	}
	Ok(Read { part, bytes, root, replaced: Replaced { layer, expert, from, to } })
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
