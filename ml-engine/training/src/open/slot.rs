//! Slot of an open model in floats: its expert, the frozen network that the expert stands on, and the head behind.

use super::{
	floats,
	later::{parts_behind, HeadShape, LaterLayer},
};
use crate::{ops::GateFunction, TrainError};
use blyan_exact::{
	definition2::{
		block::{Fault, LoadedPart, PartView},
		real::activation_max,
		Activation, Adapter, Architecture, Matrix, Model, Name, OwnedAdapter, Part, PartTensors, View,
	},
	Hash,
};
use blyan_open_model::{Directory, DirectoryError, Manifest};

/// One projection of the network: the frozen matrix, and its adapter.
#[derive(Clone, Debug)]
pub(crate) struct Projection {
	/// Frozen weights. `[rows, columns]`
	pub(crate) weights: Vec<f32>,
	pub(crate) rows: usize,
	pub(crate) columns: usize,
	/// Real value of one unit of the adapter's product.
	pub(crate) unit: f64,
	/// Adapter of the parent.
	pub(crate) adapter: OwnedAdapter,
}

/// Slot of a model, ready to be trained.
#[derive(Clone, Debug)]
pub struct Slot {
	/// Root of the model.
	pub(crate) model: Hash,
	pub(crate) layer: u8,
	pub(crate) expert: u16,
	pub(crate) rank: u8,
	pub(crate) d_model: usize,
	pub(crate) fraction: u32,
	pub(crate) function: GateFunction,
	pub(crate) eps: f32,
	/// Largest activations in front of the down projection and in front of the head.
	pub(crate) hidden_steps: f32,
	pub(crate) input_steps: f32,
	/// Largest activation in front of attention's output projection.
	pub(crate) output_steps: f32,
	/// Layers behind the slot's.
	pub(crate) later: Vec<LaterLayer>,
	/// Heads of these layers.
	pub(crate) shape: HeadShape,
	/// Gate, up, down.
	pub(crate) projections: [Projection; 3],
	/// Gain of the hidden layer's sub-norm.
	pub(crate) sub_gain: Option<Vec<f32>>,
	/// Gain in front of the head.
	pub(crate) output_gain: Vec<f32>,
	/// Head, with natural logits. `[vocabulary, d_model]`
	pub(crate) head: Vec<f32>,
	pub(crate) vocabulary: usize,
}

impl Slot {
	/// Takes a slot of a validated model with this root.
	///
	/// # Errors
	/// [`TrainError::NoSuchSlot`] or [`TrainError::NoAdapters`] if it cannot be trained.
	pub fn of_model(model: &Model<'_>, root: Hash, layer: u8, expert: u16) -> Result<Self, TrainError> {
		let architecture = model.architecture();
		ensure_trainable(architecture, layer, expert)?;
		let missing = TrainError::NoSuchSlot { layer, expert };
		Self::read(architecture, root, layer, expert, |part| model.part(part)).ok_or(missing)
	}

	/// Reads a slot of the model in a directory; the files that it is made of, those of the layers behind it
	/// included, are checked against their roots.
	///
	/// # Errors
	/// Those of [`Self::of_model`], and [`TrainError::Directory`] if a file is damaged or missing.
	pub fn open(
		directory: &Directory,
		manifest: &Manifest,
		layer: u8,
		expert: u16,
	) -> Result<Self, TrainError> {
		let architecture = directory.architecture(manifest)?;
		ensure_trainable(&architecture, layer, expert)?;
		let mut parts = vec![Part::Layer(layer), Part::Expert { layer, expert }, Part::Embedding, Part::Head];
		parts.extend(parts_behind(&architecture, layer));
		let names = blyan_open_model::directory::parts(&architecture);
		let mut files = Vec::new();
		for &part in &parts {
			let file = directory.open(&architecture, part)?;
			let place = names.iter().position(|name| *name == part);
			let record = place.and_then(|place| manifest.parts.get(place));
			let missing = || directory.malformed(&"it does not list all parts of its architecture");
			file.ensure_root(&record.ok_or_else(missing)?.root)?;
			files.push(file);
		}
		let views = files.iter().map(|file| {
			let view = PartView::new(file.layout(), file.bytes()).map_err(|fault| file.fault(fault))?;
			Ok(LoadedPart::new(view))
		});
		let loaded = views.collect::<Result<Vec<_>, DirectoryError>>()?;
		let tensors = loaded.iter().zip(&files).map(|(part, file)| {
			let damaged = || file.fault(Fault::Length);
			part.tensors().ok_or_else(damaged)
		});
		let tensors = tensors.collect::<Result<Vec<_>, DirectoryError>>()?;
		let mut root = Hash::default();
		hex::decode_to_slice(&manifest.model_root, &mut root).map_err(|error| directory.malformed(&error))?;
		let part = |part| parts.iter().position(|own| *own == part).and_then(|place| tensors.get(place));
		let slot = Self::read(&architecture, root, layer, expert, part);
		slot.ok_or_else(|| directory.malformed(&"its parts are not those of its architecture").into())
	}

	/// Reads a slot; `part` finds the parts of its model. `None` if one of them lacks a tensor.
	fn read<'a>(
		architecture: &Architecture,
		model: Hash,
		layer: u8,
		expert: u16,
		part: impl Fn(Part) -> Option<&'a PartTensors<'a>>,
	) -> Option<Self> {
		let rank = architecture.routing(layer)?.adapter_rank?;
		let (own, adapters) = (part(Part::Layer(layer))?, part(Part::Expert { layer, expert })?);
		let (embedding, of_head) = (part(Part::Embedding)?, part(Part::Head)?);
		let projection = |name| Projection::read(own.matrix(name)?, adapters.adapter(name)?);
		let head = match of_head.get(Name::Head)? {
			View::Matrix(matrix) => matrix,
			View::Scale(scale) => Matrix { scale, ..embedding.matrix(Name::Embedding)? },
			_ => return None,
		};
		let View::Frequencies(frequencies) = embedding.get(Name::Frequencies)? else { return None };
		let behind = (usize::from(layer) + 1)..architecture.layers.len();
		// At most 128 layers.
		let later = behind.map(|later| LaterLayer::read(architecture, later as u8, &part));
		Some(Self {
			model,
			layer,
			expert,
			rank,
			d_model: architecture.d_model.into(),
			fraction: architecture.fraction.into(),
			function: match architecture.activation {
				Activation::SwiGlu => GateFunction::Silu,
				Activation::SquaredRelu => GateFunction::SquaredRelu,
			},
			eps: (architecture.eps as f64 * (-48.0_f64).exp2()) as f32,
			hidden_steps: activation_max(architecture.bits.hidden).into(),
			input_steps: activation_max(architecture.bits.input).into(),
			output_steps: activation_max(architecture.bits.output).into(),
			later: later.collect::<Option<_>>()?,
			shape: HeadShape {
				heads: architecture.heads.into(),
				kv_heads: architecture.kv_heads.into(),
				head_size: architecture.head_size.into(),
				frequencies: frequencies.to_vec(),
			},
			projections: [projection(Name::Gate)?, projection(Name::Up)?, projection(Name::Down)?],
			sub_gain: own.gain(Name::HiddenGain).map(floats::gain),
			output_gain: floats::gain(of_head.gain(Name::HeadGain)?),
			head: floats::head(&head),
			vocabulary: head.rows,
		})
	}

	/// Returns the real value of a number of the residual stream.
	pub(crate) fn stream(&self, value: i32) -> f32 {
		(f64::from(value) * (-f64::from(self.fraction)).exp2()) as f32
	}

	/// Returns the shapes of an adapter's matrices: first and second of gate, up and down.
	pub(crate) fn shapes(&self) -> [[usize; 2]; 6] {
		let rank = usize::from(self.rank);
		let [gate, up, down] = &self.projections;
		let [a, b, c] = [gate, up, down].map(|of| [[rank, of.columns], [of.rows, rank]]);
		[a[0], a[1], b[0], b[1], c[0], c[1]]
	}
}

impl Projection {
	fn read(matrix: Matrix<'_>, adapter: Adapter<'_>) -> Option<Self> {
		let (input, output) = (adapter.input(), adapter.output());
		let codes = |bytes: &[u8]| bytes.iter().map(|byte| *byte as i8).collect::<Vec<i8>>();
		let rank = u8::try_from(input.rows).ok()?;
		let owned = OwnedAdapter::new(rank, &codes(input.bytes), &codes(output.bytes), adapter.shift());
		Some(Self {
			weights: floats::weights(&matrix),
			rows: matrix.rows,
			columns: matrix.cols,
			unit: floats::adapter_unit(&matrix),
			adapter: owned.ok()?,
		})
	}
}

/// Refuses slots that are absent or hold no adapter.
fn ensure_trainable(architecture: &Architecture, layer: u8, expert: u16) -> Result<(), TrainError> {
	let last = (architecture.layers.len() - 1) as u8;
	let routing = architecture.routing(layer).filter(|routing| expert < routing.experts);
	let missing = match layer <= last && architecture.routing(layer).is_none() {
		true => TrainError::NoAdapters { layer },
		false => TrainError::NoSuchSlot { layer, expert },
	};
	let routing = routing.ok_or(missing)?;
	if routing.adapter_rank.is_none() {
		return Err(TrainError::NoAdapters { layer });
	}
	Ok(())
}
