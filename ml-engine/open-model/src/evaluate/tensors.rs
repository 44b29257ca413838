//! Tensors that operators read, found in weights that are ready to run.

use super::{candidate::Candidate, error::EvaluateError, jobs::Chosen, plan::Step};
use crate::{
	load::Expert,
	run::{Attention, ExpertAdapters, Experts, FeedForward, Layer, Linear, Network, Norm, Weights},
};
use blyan_exact::definition2::{Name, Part, Source};
use blyan_kernel::definition2::{PackedAdapter, PackedView};

/// Weights of a chosen expert.
#[derive(Clone, Copy)]
pub enum ExpertWeights<'a> {
	/// A network of its own.
	Network(&'a Network),
	/// Adapters of its layer's network.
	Adapters(&'a ExpertAdapters),
}

/// Weights of a model and of the candidate.
#[derive(Clone, Copy)]
pub struct Tensors<'a> {
	/// The model.
	pub weights: &'a Weights,
	/// Candidate for one of its slots.
	pub candidate: Option<&'a Candidate>,
}

impl<'a> Tensors<'a> {
	/// Returns the matrix of a step: its first tensor, of a part of its own.
	pub fn matrix(&self, step: &Step) -> Result<PackedView<'a>, EvaluateError> {
		let of_part = |(part, name)| match (part, name) {
			(Part::Embedding, Name::Embedding) => Some(self.weights.embedding.view()),
			(Part::Head, Name::Head) => Some(self.weights.head()),
			(Part::Layer(layer), name) => layer_matrix(self.layer(layer)?, name),
			_ => None,
		};
		own(step, 0).and_then(of_part).ok_or(EvaluateError::Weights(step.operator.role))
	}

	/// Returns the bias of a step, its second tensor, if it has one.
	pub fn bias(&self, step: &Step) -> Result<Option<&'a [i32]>, EvaluateError> {
		let Some((part, name)) = own(step, 1) else { return Ok(None) };
		let bias = || {
			let Part::Layer(layer) = part else { return None };
			let Attention { query, key, value, .. } = &self.layer(layer)?.attention;
			let linear: &Linear = match name {
				Name::QueryBias => query,
				Name::KeyBias => key,
				Name::ValueBias => value,
				_ => return None,
			};
			linear.bias.as_deref()
		};
		bias().map(Some).ok_or(EvaluateError::Weights(step.operator.role))
	}

	/// Returns the norm of a step: its first tensor, of a part of its own.
	pub fn norm(&self, step: &Step) -> Result<&'a Norm, EvaluateError> {
		let of_part = |(part, name)| match (part, name) {
			(Part::Head, Name::HeadGain) => Some(&self.weights.output_norm),
			(Part::Layer(layer), name) => layer_norm(self.layer(layer)?, name),
			_ => None,
		};
		own(step, 0).and_then(of_part).ok_or(EvaluateError::Weights(step.operator.role))
	}

	/// Returns the weights of a group of jobs.
	pub fn expert(&self, step: &Step, layer: u8, chosen: Chosen) -> Result<ExpertWeights<'a>, EvaluateError> {
		let experts = match self.layer(layer).map(|layer| &layer.feed_forward) {
			Some(FeedForward::Routed(routed)) => &routed.experts,
			_ => return Err(EvaluateError::Weights(step.operator.role)),
		};
		let weights = match (chosen, experts) {
			(Chosen::Candidate, _) => self.candidate.map(|candidate| match candidate.weights() {
				Expert::Network(network) => ExpertWeights::Network(network),
				Expert::Adapters(adapters) => ExpertWeights::Adapters(adapters),
			}),
			(Chosen::Expert(expert), Experts::Networks(networks)) => {
				networks.get(expert).map(ExpertWeights::Network)
			}
			(Chosen::Expert(expert), Experts::Adapters { adapters, .. }) => {
				adapters.get(expert).map(ExpertWeights::Adapters)
			}
		};
		weights.ok_or(EvaluateError::Weights(step.operator.role))
	}

	fn layer(&self, layer: u8) -> Option<&'a Layer> {
		self.weights.layers.get(usize::from(layer))
	}
}

/// Returns a tensor of a part that does not depend on a route.
fn own(step: &Step, place: usize) -> Option<(Part, Name)> {
	match step.tensor(place)? {
		(Source::Part(part), name) => Some((part, name)),
		(Source::Chosen { .. }, _) => None,
	}
}

fn layer_matrix(layer: &Layer, name: Name) -> Option<PackedView<'_>> {
	let Layer { attention, feed_forward, .. } = layer;
	match name {
		Name::Query => Some(attention.query.matrix.view()),
		Name::Key => Some(attention.key.matrix.view()),
		Name::Value => Some(attention.value.matrix.view()),
		Name::Output => Some(attention.output.view()),
		Name::Router => match feed_forward {
			FeedForward::Routed(routed) => Some(routed.router.view()),
			FeedForward::Dense(_) => None,
		},
		name => network_matrix(own_network(layer)?, name),
	}
}

fn layer_norm(layer: &Layer, name: Name) -> Option<&Norm> {
	let Layer { attention, norm, .. } = layer;
	match name {
		Name::AttentionGain => Some(&attention.norm),
		Name::QueryGain => attention.query_norm.as_ref(),
		Name::KeyGain => attention.key_norm.as_ref(),
		Name::OutputGain => attention.sub_norm.as_ref(),
		Name::FeedForwardGain => Some(norm),
		Name::HiddenGain => own_network(layer)?.sub_norm.as_ref(),
		_ => None,
	}
}

/// Returns the network that lies in the layer's own part.
fn own_network(layer: &Layer) -> Option<&Network> {
	match &layer.feed_forward {
		FeedForward::Dense(network) => Some(network),
		FeedForward::Routed(routed) => match &routed.experts {
			Experts::Adapters { base, .. } => Some(base),
			Experts::Networks(_) => routed.shared.as_ref(),
		},
	}
}

/// Returns a matrix of a network.
fn network_matrix(network: &Network, name: Name) -> Option<PackedView<'_>> {
	match name {
		Name::Gate => Some(network.gate.view()),
		Name::Up => Some(network.up.view()),
		Name::Down => Some(network.down.view()),
		_ => None,
	}
}

impl<'a> ExpertWeights<'a> {
	/// Returns a matrix of an expert that is a network of its own.
	pub fn matrix(self, name: Name) -> Option<PackedView<'a>> {
		match self {
			Self::Network(network) => network_matrix(network, name),
			Self::Adapters(_) => None,
		}
	}

	/// Returns the norm of the hidden layer of an expert that is a network of its own.
	pub fn hidden_norm(self) -> Option<&'a Norm> {
		match self {
			Self::Network(network) => network.sub_norm.as_ref(),
			Self::Adapters(_) => None,
		}
	}

	/// Returns the adapter of a matrix, by the matrix's name or that of the adapter's first matrix.
	pub fn adapter(self, name: Name) -> Option<&'a PackedAdapter> {
		let Self::Adapters(adapters) = self else { return None };
		match name {
			Name::Gate | Name::GateIn => Some(&adapters.gate),
			Name::Up | Name::UpIn => Some(&adapters.up),
			Name::Down | Name::DownIn => Some(&adapters.down),
			_ => None,
		}
	}
}
