//! Upcycling: dense layers of a model become routed ones that compute the same, to the bit.
//!
//! Experts are full copies of the layer's feed-forward network, or adapters of it whose product is zero. Either way each
//! returns what the network returned, and gates that add up to one make the mixture the network itself (Komatsuzaki et
//! al., 2022, <https://arxiv.org/abs/2212.05055>, to the bit).

mod adapter;
mod calibration;
pub(crate) mod noise;
pub mod plan;
mod router;

pub use plan::{SettingsError, Upcycling};

use crate::{
	derive::{derive, DeriveError, Derived, Parent, Progress, Source},
	directory::{DirectoryError, PartFile},
	manifest::Step,
	run::RunError,
	target::Section,
};
use blyan_exact::{
	definition2::{Architecture, Name, Part},
	Hash,
};
use router::Routers;
use std::{borrow::Cow, path::Path};

/// Reason why a model was not upcycled.
#[derive(Debug, thiserror::Error)]
pub enum UpcycleError {
	/// The settings are refused.
	#[error(transparent)]
	Settings(#[from] SettingsError),
	/// The model cannot be read.
	#[error(transparent)]
	Parent(#[from] DirectoryError),
	/// The model cannot be executed.
	#[error(transparent)]
	Run(#[from] RunError),
	/// A layer has no router.
	#[error("layer {0} returns numbers that no router can tell apart: upcycle other layers")]
	Router(u8),
	/// The new model cannot be written.
	#[error(transparent)]
	Derive(#[from] DeriveError),
}

/// Makes dense layers of a model routed ones, and writes the new model to `out`. `threads`: all cores if absent.
///
/// The result follows from the parent and the settings alone. Parts of other layers are shared with the parent.
pub fn upcycle(
	parent: &Parent,
	settings: &Upcycling,
	out: &Path,
	threads: Option<usize>,
	progress: Progress<'_>,
) -> Result<Derived, UpcycleError> {
	let architecture = settings.architecture(parent.architecture())?;
	let root = parent.root()?;
	let routers = Routers::new(parent, &root, settings, threads)?;
	let layers = settings.layers.clone().map(|layer| parent.part(Part::Layer(layer)));
	let layers = layers.collect::<Result<Vec<PartFile>, DirectoryError>>()?;
	let work =
		Work { parent, root, settings, architecture: &architecture, routers: &routers, layers: &layers };
	let step = Step::Upcycle(settings.clone());
	Ok(derive(parent, &architecture, step, out, progress, &|part| work.source(part))?)
}

/// Everything that the new parts are made of.
struct Work<'a> {
	parent: &'a Parent,
	/// Root of the parent.
	root: Hash,
	settings: &'a Upcycling,
	architecture: &'a Architecture,
	routers: &'a Routers,
	/// Layers that become routed ones.
	layers: &'a [PartFile],
}

impl<'a> Work<'a> {
	fn source(&self, part: Part) -> Result<Source<'a>, DirectoryError> {
		let (Part::Layer(layer) | Part::Expert { layer, .. }) = part else { return Ok(Source::Parent) };
		if !self.settings.layers.contains(&layer) {
			return Ok(Source::Parent);
		}
		let tensors = self.architecture.tensors(part);
		match part {
			Part::Expert { expert, .. } if self.settings.rank.is_some() => {
				Ok(Source::Tensors(adapter::sections(&self.root, (layer, expert), &tensors)))
			}
			Part::Expert { expert: 1.., .. } => Ok(Source::Twin(Part::Expert { layer, expert: 0 })),
			_ => {
				let sections = tensors.into_iter().map(|(name, _)| self.section(layer, name));
				Ok(Source::Tensors(sections.collect::<Result<_, _>>()?))
			}
		}
	}

	/// Returns a tensor of a new layer or of a copy: all but the router are those of the old layer.
	fn section(&self, layer: u8, name: Name) -> Result<Section<'a>, DirectoryError> {
		let place = usize::from(layer - self.settings.layers.start);
		let section = match name {
			Name::Router => self.routers.section(place),
			_ => self.layers.get(place).and_then(|file| tensor(file, name)),
		};
		section.ok_or_else(|| self.parent.directory().malformed(&format!("layer {layer} has no {name:?}")))
	}
}

/// Borrows a tensor of a file that was checked.
fn tensor(file: &PartFile, name: Name) -> Option<Section<'_>> {
	let range = &file.layout().section(name)?.range;
	let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
	let scale = file.layout().scale(file.bytes(), name)?;
	Some(Section { scale, bytes: Cow::Borrowed(file.bytes().get(range)?) })
}
