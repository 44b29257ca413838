//! Everything in front of a slot, computed by the exact engine, once.

use super::{
	draw::draw,
	floats,
	network::{Adapters, Network},
	sequence::Sequence,
	slot::Slot,
	tokens::{Tokens, Widths},
};
use crate::{ops::TrainBackend, TrainError};
use blyan_exact::definition2::loss::loss;
use blyan_open_model::{
	run::{Ends, States},
	Runner,
};
use core::f64::consts::LN_2;
use rand::Rng;
use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};

/// One sequence, seen from a slot.
pub(crate) struct Seen {
	/// Tokens that updates learn from.
	pub(crate) tokens: Tokens,
	/// The parent's loss of all other tokens, nats; zero unless they were asked for.
	pub(crate) other_losses: f64,
}

/// Reader of sequences for one slot.
pub(crate) struct Prefix<'a, B: TrainBackend> {
	pub(crate) slot: &'a Slot,
	pub(crate) network: &'a Network<B>,
	/// Adapter of the parent.
	pub(crate) parent: &'a Adapters<B>,
	pub(crate) widths: Widths,
	pub(crate) seed: u64,
}

impl<B: TrainBackend> Prefix<'_, B> {
	/// Reads one sequence. `number` makes its random numbers; with `all`, the losses of tokens that the expert does not
	/// see are computed too.
	pub(crate) fn see(
		&self,
		runner: &mut Runner,
		sequence: &Sequence,
		number: u64,
		all: bool,
	) -> Result<Seen, TrainError> {
		let (slot, widths, seed) = (self.slot, self.widths, self.seed);
		let (ids, context) = (&sequence.ids, sequence.ids.len().saturating_sub(1));
		let view = View { slot, widths, sequence, seed, number };
		let visit = |states: &States<'_>| view.look(states);
		let finish = |visited: Visited, ends: Ends<'_>| view.finish(visited, ends, all);
		let parts = runner.states(&ids[..context], slot.layer.into(), visit, finish)?;
		let mut seen = Seen { tokens: Tokens::new(widths), other_losses: 0.0 };
		for part in parts {
			seen.tokens.append(part.tokens);
			seen.other_losses += part.other_losses;
		}
		if self.network.takes_sequences() {
			seen.settle();
		}
		self.network.subtract(&mut seen.tokens, self.parent);
		Ok(seen)
	}
}

/// Shared inputs of the runner's threads.
struct View<'a> {
	slot: &'a Slot,
	widths: Widths,
	sequence: &'a Sequence,
	seed: u64,
	number: u64,
}

/// Vectors of some positions behind the slot's layer, and the gate of each position that chose the expert.
struct Visited {
	gates: Vec<Option<u32>>,
	tokens: Tokens,
}

impl Seen {
	/// Moves losses that the expert cannot change to those of other tokens: what is in front of the first token that it
	/// sees, and sequences of which it sees nothing.
	fn settle(&mut self) {
		let first = self.tokens.first_seen();
		for (loss, bytes) in self.tokens.losses.iter_mut().zip(&mut self.tokens.text_bytes).take(first) {
			self.other_losses += f64::from(core::mem::take(loss));
			*bytes = 0.0;
		}
		if first == self.tokens.len() {
			self.tokens = Tokens::new(self.tokens.widths);
		}
	}
}

impl View<'_> {
	/// Keeps what is known behind the slot's layer: of the tokens that chose the expert, or of all where others depend on
	/// them.
	fn look(&self, states: &States<'_>) -> Visited {
		let expert = usize::from(self.slot.expert);
		let gates: Vec<Option<u32>> = states
			.routes
			.iter()
			.map(|route| route.iter().find(|choice| choice.expert == expert).map(|choice| choice.gate))
			.collect();
		let mut tokens = Tokens::new(self.widths);
		for (place, gate) in gates.iter().enumerate() {
			if gate.is_some() || self.takes_sequences() {
				self.vectors(states, place, gate.unwrap_or(0), &mut tokens);
			}
		}
		Visited { gates, tokens }
	}

	/// Adds what is known behind the last layer.
	fn finish(&self, visited: Visited, mut ends: Ends<'_>, all: bool) -> Seen {
		let Visited { gates, tokens } = visited;
		let is_kept = |place: usize| gates[place].is_some() || self.takes_sequences();
		let mut seen = Seen { tokens, other_losses: 0.0 };
		let places = (0..gates.len()).filter(|place| all || is_kept(*place)).collect::<Vec<_>>();
		let first = ends.positions().start;
		ends.logits(&places, |place, logits| {
			let position = first + place;
			let target = self.sequence.ids[position + 1] as usize;
			if is_kept(place) {
				self.sample(position, target, logits, &mut seen.tokens);
			} else {
				seen.other_losses += loss(logits, target) as f64 / 65_536.0 * LN_2;
			}
		});
		seen
	}

	fn takes_sequences(&self) -> bool {
		!self.slot.later.is_empty()
	}

	/// Appends gate, input and stream of a position.
	fn vectors(&self, states: &States<'_>, place: usize, gate: u32, tokens: &mut Tokens) {
		let width = self.widths.d_model;
		tokens.gates.push(gate as f32 / 32_768.0);
		let scale = floats::real(states.inputs.scale(place));
		let entry = |entry: &i16| (f64::from(*entry) * scale) as f32;
		tokens.inputs.extend(states.inputs.row(place).iter().map(entry));
		let stream = &states.stream()[place * width..(place + 1) * width];
		tokens.streams.extend(stream.iter().map(|value| self.slot.stream(*value)));
	}

	/// Appends loss and sample of a position.
	fn sample(&self, position: usize, target: usize, logits: &[i32], tokens: &mut Tokens) {
		let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
		// A stream for each position of each sequence.
		rng.set_stream((self.number << 20) + position as u64);
		let drawn = draw(logits, target, self.widths.sample - 1, rng.gen_range(0.0..1.0));
		tokens.losses.push(-drawn.target_share.max(f32::MIN_POSITIVE).ln());
		tokens.text_bytes.push(self.sequence.bytes[position] as f32);
		tokens.sample.target_shares.push(drawn.target_share);
		tokens.sample.ids.extend(drawn.ids);
		tokens.sample.logits.extend(drawn.logits);
	}
}
