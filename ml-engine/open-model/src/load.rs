//! From a model's files to weights in execution order.

use crate::{
	directory::{self, Directory, DirectoryError, Manifest},
	run::{Attention, FeedForward, Head, Layer, Linear, Network, Norm, Shape, Weights},
};
use blyan_exact::definition2::{
	self as exact,
	block::{Fault, LoadedPart, PartView},
	model::{PartTensors, View},
	Architecture, Model, Name, Part,
};
use blyan_kernel::definition2::Packed;
use rayon::prelude::*;

/// Loads a model, part by part; every byte is checked against the roots of the manifest.
///
/// Besides the weights, memory holds the pages of as many files as there are threads.
pub fn load(
	directory: &Directory,
	manifest: &Manifest,
	architecture: &Architecture,
) -> Result<Weights, DirectoryError> {
	directory.ensure_model_root(manifest, architecture)?;
	let parts = directory::parts(architecture);
	let roots = manifest.parts.iter().map(|part| Some(part.root.as_str()));
	load_parts(directory, architecture, parts.into_iter().zip(roots).collect())
}

/// Loads parts that no manifest names yet. Each is checked against the root in its own header.
pub fn load_unnamed(directory: &Directory, architecture: &Architecture) -> Result<Weights, DirectoryError> {
	let parts = directory::parts(architecture);
	load_parts(directory, architecture, parts.into_iter().map(|part| (part, None)).collect())
}

fn load_parts(
	directory: &Directory,
	architecture: &Architecture,
	parts: Vec<(Part, Option<&str>)>,
) -> Result<Weights, DirectoryError> {
	let loaded = parts
		.into_par_iter()
		.map(|(part, root)| {
			let file = directory.open(architecture, part)?;
			match root {
				Some(root) => file.ensure_root(root)?,
				None => drop(file.check()?),
			}
			let view = PartView::new(file.layout(), file.bytes()).map_err(|fault| file.fault(fault))?;
			let vectors = LoadedPart::new(view);
			let loaded =
				vectors.tensors().and_then(|tensors| Loader { architecture, tensors: &tensors }.part(part));
			loaded.ok_or_else(|| file.fault(Fault::Length))
		})
		.collect::<Result<Vec<_>, DirectoryError>>()?;
	let assembled = assemble(architecture, loaded.into_iter().map(Some));
	assembled.ok_or_else(|| directory.malformed(&"its parts are not those of its architecture"))
}

/// Arranges a model of the definition for execution. `None` if tensors are missing, which no validated model lacks.
pub fn weights(model: &Model<'_>) -> Option<Weights> {
	let architecture = model.architecture();
	let parts = directory::parts(architecture);
	assemble(
		architecture,
		parts.into_iter().map(|part| Loader { architecture, tensors: model.part(part)? }.part(part)),
	)
}

/// A part in execution order.
enum Loaded {
	Embedding(Packed, Vec<u64>),
	Layer(Box<Layer>),
	Expert(u8, Network),
	Head(Norm, Head),
}

/// Puts parts together. `None` if one is missing.
fn assemble(
	architecture: &Architecture,
	loaded: impl IntoIterator<Item = Option<Loaded>>,
) -> Option<Weights> {
	let (mut embedding, mut head, mut layers) = (None, None, Vec::new());
	for part in loaded {
		match part? {
			Loaded::Embedding(matrix, frequencies) => embedding = Some((matrix, frequencies)),
			Loaded::Layer(layer) => layers.push(*layer),
			Loaded::Head(norm, matrix) => head = Some((norm, matrix)),
			// Experts come behind all layers, in order.
			Loaded::Expert(layer, network) => {
				let layer: &mut Layer = layers.get_mut(usize::from(layer))?;
				let FeedForward::Routed { experts, .. } = &mut layer.feed_forward else { return None };
				experts.push(network);
			}
		}
	}
	let ((embedding, frequencies), (output_norm, head)) = (embedding?, head?);
	let shape = shape(architecture);
	Some(Weights { shape, frequencies, embedding, layers, output_norm, head })
}

/// Returns the numbers that every layer shares.
pub fn shape(architecture: &Architecture) -> Shape {
	let routing = (0..architecture.layers.len()).find_map(|layer| architecture.routing(layer as u8));
	Shape {
		d_model: architecture.d_model.into(),
		heads: architecture.heads.into(),
		kv_heads: architecture.kv_heads.into(),
		head_size: architecture.head_size.into(),
		vocabulary: architecture.vocabulary as usize,
		context: architecture.context as usize,
		fraction: architecture.fraction.into(),
		input_bits: architecture.bits.input.into(),
		output_bits: architecture.bits.output.into(),
		hidden_bits: architecture.bits.hidden.into(),
		activation: architecture.activation,
		top_k: routing.map_or(0, |routing| routing.top_k.into()),
		has_normalised_gates: routing.is_some_and(|routing| routing.normalised),
	}
}

/// Reads the tensors of one part.
struct Loader<'a> {
	architecture: &'a Architecture,
	tensors: &'a PartTensors<'a>,
}

impl Loader<'_> {
	fn part(&self, part: Part) -> Option<Loaded> {
		match part {
			Part::Embedding => {
				let View::Frequencies(frequencies) = self.tensors.get(Name::Frequencies)? else {
					return None;
				};
				Some(Loaded::Embedding(self.matrix(Name::Embedding)?, frequencies.to_vec()))
			}
			Part::Layer(layer) => Some(Loaded::Layer(Box::new(self.layer(layer)?))),
			Part::Expert { layer, .. } => Some(Loaded::Expert(layer, self.network()?)),
			Part::Head => {
				let head = match self.tensors.get(Name::Head)? {
					View::Matrix(matrix) => Head::Own(Packed::pack(&matrix)),
					View::Scale(scale) => Head::Tied(scale),
					_ => return None,
				};
				Some(Loaded::Head(self.norm(Name::HeadGain)?, head))
			}
		}
	}

	fn norm(&self, name: Name) -> Option<Norm> {
		let gain = self.tensors.gain(name)?;
		Some(Norm { values: gain.values.to_vec(), scale: gain.scale, eps: self.architecture.eps })
	}

	fn matrix(&self, name: Name) -> Option<Packed> {
		self.tensors.matrix(name).as_ref().map(Packed::pack)
	}

	fn layer(&self, layer: u8) -> Option<Layer> {
		let linear = |matrix, bias| {
			let bias = self.tensors.bias(bias).map(<[i32]>::to_vec);
			Some(Linear { matrix: self.matrix(matrix)?, bias })
		};
		let attention = Attention {
			norm: self.norm(Name::AttentionGain)?,
			query: linear(Name::Query, Name::QueryBias)?,
			key: linear(Name::Key, Name::KeyBias)?,
			value: linear(Name::Value, Name::ValueBias)?,
			query_norm: self.norm(Name::QueryGain),
			key_norm: self.norm(Name::KeyGain),
			sub_norm: self.norm(Name::OutputGain),
			output: self.matrix(Name::Output)?,
		};
		let feed_forward = match self.architecture.layers.get(usize::from(layer))?.network {
			exact::Network::Dense(_) => FeedForward::Dense(self.network()?),
			exact::Network::Routed(routing) => FeedForward::Routed {
				router: self.matrix(Name::Router)?,
				experts: Vec::with_capacity(routing.experts.into()),
				shared: match routing.shared {
					Some(_) => Some(self.network()?),
					None => None,
				},
			},
		};
		Some(Layer { attention, norm: self.norm(Name::FeedForwardGain)?, feed_forward })
	}

	fn network(&self) -> Option<Network> {
		Some(Network {
			gate: self.matrix(Name::Gate)?,
			up: self.matrix(Name::Up)?,
			sub_norm: self.norm(Name::HiddenGain),
			down: self.matrix(Name::Down)?,
		})
	}
}
