//! From a model's files to weights in execution order.

use crate::{
	directory::{self, Directory, DirectoryError, Manifest},
	run::{
		Attention, ExpertAdapters, Experts, FeedForward, Head, Layer, Linear, Network, Norm, Routed, Shape,
		Weights,
	},
};
use blyan_exact::definition2::{
	self as exact,
	block::{Fault, Layout, LoadedPart, PartView},
	model::{PartTensors, View},
	Architecture, Model, Name, Part,
};
use blyan_kernel::definition2::{Packed, PackedAdapter};
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

/// An expert in execution order.
#[derive(Debug)]
pub enum Expert {
	/// A network of its own.
	Network(Network),
	/// Adapters of its layer's network.
	Adapters(Box<ExpertAdapters>),
}

/// Arranges an expert of a layer for execution, from the file of its part. Its contents are not checked.
pub fn expert(architecture: &Architecture, layer: u8, layout: &Layout, file: &[u8]) -> Result<Expert, Fault> {
	let is_adapter = architecture.routing(layer).is_some_and(|routing| routing.adapter_rank.is_some());
	let vectors = LoadedPart::new(PartView::new(layout, file)?);
	let loaded = vectors.tensors().and_then(|tensors| {
		let loader = Loader { architecture, tensors: &tensors };
		match is_adapter {
			true => loader.adapters().map(|adapters| Expert::Adapters(Box::new(adapters))),
			false => loader.network().map(Expert::Network),
		}
	});
	loaded.ok_or(Fault::Length)
}

/// A part in execution order.
enum Loaded {
	Embedding(Packed, Vec<u64>),
	Layer(Box<Layer>),
	Expert(u8, Network),
	Adapters(u8, Box<ExpertAdapters>),
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
			Loaded::Expert(layer, network) => match &mut routed(&mut layers, layer)?.experts {
				Experts::Networks(networks) => networks.push(network),
				Experts::Adapters { .. } => return None,
			},
			Loaded::Adapters(layer, expert) => match &mut routed(&mut layers, layer)?.experts {
				Experts::Adapters { adapters, .. } => adapters.push(*expert),
				Experts::Networks(_) => return None,
			},
		}
	}
	let ((embedding, frequencies), (output_norm, head)) = (embedding?, head?);
	let shape = shape(architecture);
	Some(Weights { shape, frequencies, embedding, layers, output_norm, head })
}

fn routed(layers: &mut [Layer], layer: u8) -> Option<&mut Routed> {
	match &mut layers.get_mut(usize::from(layer))?.feed_forward {
		FeedForward::Routed(routed) => Some(routed),
		FeedForward::Dense(_) => None,
	}
}

/// Returns the numbers that every layer shares.
pub fn shape(architecture: &Architecture) -> Shape {
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
			Part::Expert { layer, .. } => Some(match self.architecture.routing(layer)?.adapter_rank {
				Some(_) => Loaded::Adapters(layer, Box::new(self.adapters()?)),
				None => Loaded::Expert(layer, self.network()?),
			}),
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
			exact::Network::Routed(routing) => FeedForward::Routed(Routed {
				router: self.matrix(Name::Router)?,
				top_k: routing.top_k.into(),
				has_normalised_gates: routing.normalised,
				experts: match routing.adapter_rank {
					Some(_) => {
						let adapters = Vec::with_capacity(routing.experts.into());
						Experts::Adapters { base: self.network()?, adapters }
					}
					None => Experts::Networks(Vec::with_capacity(routing.experts.into())),
				},
				shared: match routing.shared {
					Some(_) => Some(self.network()?),
					None => None,
				},
			}),
		};
		Some(Layer { attention, norm: self.norm(Name::FeedForwardGain)?, feed_forward })
	}

	fn adapters(&self) -> Option<ExpertAdapters> {
		let adapter = |base| self.tensors.adapter(base).as_ref().map(PackedAdapter::pack);
		Some(ExpertAdapters {
			gate: adapter(Name::Gate)?,
			up: adapter(Name::Up)?,
			down: adapter(Name::Down)?,
		})
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
