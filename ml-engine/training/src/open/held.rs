//! Held-out text, seen from a slot.

use super::{
	network::{Adapters, Network},
	prefix::Prefix,
	sequence::Sequence,
	tokens::Tokens,
};
use crate::{
	ops::{scalar, TrainBackend},
	workers::Workers,
	TrainError,
};
use blyan_open_model::Runner;
use burn::{backend::Autodiff, tensor::Tensor};
use core::f64::consts::LN_2;

/// First number of a held-out sequence.
const HELD_OUT: u64 = 1 << 40;

/// Held-out text: tokens that the expert sees, and the losses of all others, which it cannot change.
pub(crate) struct Held<'a, B: TrainBackend> {
	network: &'a Network<B>,
	/// Of each sequence.
	tokens: Vec<Tokens>,
	/// Losses of tokens that the expert does not see, nats.
	other_losses: f64,
	/// Bytes of the whole text.
	text_bytes: u64,
}

impl<'a, B: TrainBackend> Held<'a, B> {
	/// Puts a text through the exact model.
	pub(crate) fn read(
		prefix: &Prefix<'a, B>,
		runner: &mut Runner,
		sequences: &[Sequence],
	) -> Result<Self, TrainError> {
		let mut held = Self { network: prefix.network, tokens: Vec::new(), other_losses: 0.0, text_bytes: 0 };
		for (number, sequence) in sequences.iter().enumerate().filter(|(_, sequence)| sequence.ids.len() > 1)
		{
			// Apart from the numbers of the text's sequences.
			let seen = prefix.see(runner, sequence, HELD_OUT + number as u64, true)?;
			held.tokens.push(seen.tokens);
			held.other_losses += seen.other_losses;
			held.text_bytes += sequence.text_bytes();
		}
		Ok(held)
	}

	/// Measures bits per byte over all tokens of the text; `None` without a text.
	pub(crate) fn bits(&self, workers: &Workers, latent: &[Tensor<B, 2>]) -> Option<f64> {
		if self.text_bytes == 0 {
			return None;
		}
		let adapters: Adapters<Autodiff<B>> = core::array::from_fn(|i| Tensor::from_inner(latent[i].clone()));
		let losses = workers.map(workers.parts_of(&self.tokens), |part: &[Tokens]| {
			part.iter().map(|tokens| self.loss(tokens, &adapters)).sum::<f64>()
		});
		Some((losses.into_iter().sum::<f64>() + self.other_losses) / self.text_bytes as f64 / LN_2)
	}

	/// Measures the bits of each sequence over the tokens that the expert sees.
	pub(crate) fn bits_of_sequences(&self, workers: &Workers, latent: &[Tensor<B, 2>]) -> Vec<f64> {
		let adapters: Adapters<Autodiff<B>> = core::array::from_fn(|i| Tensor::from_inner(latent[i].clone()));
		let losses = workers.map(workers.parts_of(&self.tokens), |part: &[Tokens]| {
			part.iter().map(|tokens| self.loss(tokens, &adapters) / LN_2).collect::<Vec<_>>()
		});
		losses.concat()
	}

	/// Returns the loss of some tokens, nats.
	fn loss(&self, tokens: &Tokens, adapters: &Adapters<Autodiff<B>>) -> f64 {
		let difference = |piece: Tokens| scalar(self.network.differences(&piece, adapters).sum().inner());
		let differences = self.network.pieces(tokens).into_iter().map(difference).sum::<f64>();
		differences + tokens.losses.iter().map(|loss| f64::from(*loss)).sum::<f64>()
	}
}
