//! Growth: a model becomes deeper, wider or longer, or gets more experts or fewer, and goes on from what it has learned.
//!
//! Every operation keeps the model's function wherever the integers allow it, and says so before anything is computed
//! ([`promise()`]); [`compare()`] shows it on random prompts.
//!
//! ```text
//! retire    named experts go, and their rows of the router with them
//! deepen    a copy of a layer whose output projections are zero: adds nothing to the stream
//! widen     hidden units twice, down projections over both halves: the same sums, or twice the sums and half the scale
//! experts   copies right behind their experts, with the same rows in the router
//! top-k     more or fewer experts a token
//! context   longer sequences; frequencies are turns a position and stay
//! ```
//!
//! New parts have weights that training can move: a zero is a matrix of zeros behind inputs that are not, and halves of a split
//! column differ (Net2Net: Chen et al., 2015, <https://arxiv.org/abs/1511.05641>; LEMON: Wang et al., 2023,
//! <https://arxiv.org/abs/2310.07999>; both in integers).

mod codes;
pub mod compare;
pub mod loss;
pub mod plan;
pub mod promise;
mod retire;
mod slot;
mod tensor;

pub use compare::{compare, Comparison};
pub use loss::{loss, LossError, LossPair};
pub use plan::{Growth, GrowthError};
pub use promise::{promise, Promise};
pub use retire::never_chosen;
pub use slot::Slot;

use crate::{
	derive::{derive, DeriveError, Derived, Parent, Progress, Source},
	directory::DirectoryError,
	manifest::Step,
	upcycle::noise::{Noise, Purpose},
};
use blyan_exact::{
	blake2_256,
	definition2::{block::Fault, Name, Part},
	Hash,
};
use plan::{expert_origins, Origin, Plan};
use std::path::Path;
use tensor::Tensor;

/// Domain separator of a growth's random numbers.
const CONTEXT: &[u8] = b"blyan/grow/1";
/// Number that stands for the parts of a layer that are no expert.
const NO_EXPERT: u16 = u16::MAX;

/// Reason why a model did not grow.
#[derive(Debug, thiserror::Error)]
pub enum GrowError {
	/// The settings are refused.
	#[error(transparent)]
	Settings(#[from] GrowthError),
	/// The model cannot be read.
	#[error(transparent)]
	Parent(#[from] DirectoryError),
	/// The new model cannot be written.
	#[error(transparent)]
	Derive(#[from] DeriveError),
}

/// Writes the grown model to `out`. It follows from the parent and the settings alone; parts that stay the same are shared with
/// the parent.
pub fn grow(
	parent: &Parent,
	growth: &Growth,
	out: &Path,
	progress: Progress<'_>,
) -> Result<Derived, GrowError> {
	let plan = growth.plan(parent.architecture())?;
	let work = Work { parent, growth, plan: &plan, key: key(parent, growth)? };
	let step = Step::Grow(growth.clone());
	Ok(derive(parent, &plan.architecture, step, out, progress, &|part| work.source(part))?)
}

/// Returns the key of a growth's random numbers, of a comparison's prompts among them.
pub fn key(parent: &Parent, growth: &Growth) -> Result<Hash, DirectoryError> {
	Ok(blake2_256(&[CONTEXT, &parent.root()?, &growth.seed.to_le_bytes()]))
}

/// Everything that the new parts are made of.
struct Work<'a> {
	parent: &'a Parent,
	growth: &'a Growth,
	plan: &'a Plan,
	key: Hash,
}

/// Change of one part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Change {
	/// It is a copy of an expert, whose codes are moved.
	is_moved: bool,
	/// It adds nothing to the stream.
	is_silent: bool,
	/// Its hidden layer grows.
	is_widened: bool,
	/// Its router gets rows, or loses some.
	is_rerouted: bool,
}

impl<'a> Work<'a> {
	fn source(&self, part: Part) -> Result<Source<'a>, DirectoryError> {
		let (layer, expert) = match part {
			Part::Layer(layer) => (layer, None),
			Part::Expert { layer, expert } => (layer, Some(expert)),
			Part::Embedding | Part::Head => return Ok(Source::Parent),
		};
		let lacks =
			|| self.parent.directory().malformed(&format!("it has nothing for layer {layer} to grow from"));
		let origin = *self.plan.origins.get(usize::from(layer)).ok_or_else(lacks)?;
		let origins = self.expert_origins(origin);
		let (from, copy) = match expert {
			None => (Part::Layer(origin.layer), 0),
			Some(expert) => {
				let (expert, copy) = *origins.get(usize::from(expert)).ok_or_else(lacks)?;
				(Part::Expert { layer: origin.layer, expert }, copy)
			}
		};
		let applies = self.growth.applies_to(origin.layer);
		let change = Change {
			is_moved: copy > 0 && self.growth.noise_ppm > 0,
			is_silent: origin.is_inserted,
			is_widened: applies && self.growth.doublings() > 0,
			is_rerouted: expert.is_none()
				&& (origins.iter().any(|(_, copy)| *copy > 0) || self.growth.retires_from(origin.layer)),
		};
		if change == Change::default() {
			return Ok(Source::Other(from));
		}
		let slot = (layer, expert.unwrap_or(NO_EXPERT));
		let tensors = self.tensors(from, slot, change, &origins)?;
		Ok(Source::Tensors(tensors.into_iter().map(Tensor::into_section).collect()))
	}

	/// Returns the origins of a layer's experts; none of a dense layer.
	fn expert_origins(&self, origin: Origin) -> Vec<(u16, u16)> {
		let Some(routing) = self.parent.architecture().routing(origin.layer) else { return Vec::new() };
		let added = match self.growth.applies_to(origin.layer) {
			true => self.growth.add_experts.unwrap_or(0),
			false => 0,
		};
		// There are at most 1,024.
		let survivors = self.growth.survivors(origin.layer, routing.experts);
		let origins = expert_origins(survivors.len() as u16, added);
		origins.into_iter().map(|(place, copy)| (survivors[usize::from(place)], copy)).collect()
	}

	fn tensors(
		&self,
		from: Part,
		(layer, expert): (u8, u16),
		change: Change,
		origins: &[(u16, u16)],
	) -> Result<Vec<Tensor>, DirectoryError> {
		let file = self.parent.part(from)?;
		let mut tensors = tensor::read(&file)?;
		let noise = |purpose| Noise::new(&self.key, purpose, layer, expert);
		// Noise comes first: what is to be silent stays silent.
		if change.is_moved {
			let mut noise = noise(Purpose::Copy);
			tensors.iter_mut().for_each(|tensor| tensor.perturb(self.growth.noise_ppm, &mut noise));
		}
		if change.is_silent {
			let ends = [Name::Output, Name::Down, Name::DownOut];
			let silent = tensors.iter_mut().filter(|tensor| ends.contains(&tensor.name));
			silent.for_each(Tensor::silence);
		}
		if change.is_widened {
			let (mut noise, peak) = (noise(Purpose::Split), self.base_peak(from)?);
			let width = self.parent.architecture().bits.hidden;
			for _ in 0..self.growth.doublings() {
				tensor::double_hidden(&mut tensors, peak, width, &mut noise)
					.map_err(|fault| file.fault(fault))?;
			}
		}
		if change.is_rerouted {
			let mut noise = noise(Purpose::Row);
			let routers = tensors.iter_mut().filter(|tensor| tensor.name == Name::Router);
			routers.for_each(|router| router.copy_rows(origins, self.growth.router_noise_ppm, &mut noise));
		}
		Ok(tensors)
	}

	/// Returns the peak of the down projection that an expert's adapters stand on; `None` of every other part.
	fn base_peak(&self, from: Part) -> Result<Option<u32>, DirectoryError> {
		let Part::Expert { layer, .. } = from else { return Ok(None) };
		let routing = self.parent.architecture().routing(layer);
		if routing.is_none_or(|routing| routing.adapter_rank.is_none()) {
			return Ok(None);
		}
		let base = self.parent.directory().open(self.parent.architecture(), Part::Layer(layer))?;
		let scale = base.layout().scale(base.bytes(), Name::Down);
		scale.map(|scale| Some(scale.peak)).ok_or_else(|| base.fault(Fault::Scale(Name::Down)))
	}
}
