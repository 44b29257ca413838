//! Statistics of what goes into feed-forward networks, over a short text of many kinds.

use super::{
	noise::{Noise, Purpose},
	UpcycleError,
};
use crate::{derive::Parent, load, Runner};
use blyan_exact::{definition2::Real, Hash};
use blyan_text::{TokenId, Tokenizer};
use std::{
	ops::Range,
	sync::{Arc, Mutex, PoisonError},
};

/// Prose, dialogue, lists, mathematics, code and other languages: about a thousand tokens.
const TEXT: &str = include_str!("calibration.txt");
/// Positions of a sequence, at most.
const POSITIONS: usize = 256;
/// Tokens below which a text is no sample of anything.
const TOKENS_MIN: usize = 64;

/// Inputs of one layer's feed-forward network: one normalised row a position, as reals.
pub struct Rows {
	width: usize,
	values: Vec<f64>,
}

impl Rows {
	/// Iterates over the rows.
	pub fn iter(&self) -> impl Iterator<Item = &[f64]> {
		self.values.chunks_exact(self.width)
	}

	/// Returns the width of a row.
	pub fn width(&self) -> usize {
		self.width
	}
}

/// Reads the calibration text with a model, and returns the inputs of some layers, in their order.
pub fn inputs(
	parent: &Parent,
	root: &Hash,
	layers: &Range<u8>,
	threads: Option<usize>,
) -> Result<Vec<Rows>, UpcycleError> {
	let architecture = parent.architecture();
	let ids = ids(parent.tokenizer(), root, architecture.vocabulary);
	let weights = load(parent.directory(), parent.manifest(), architecture)?;
	let mut runner = Runner::on_this_machine(Arc::new(weights), threads)?;
	let width = usize::from(architecture.d_model);
	let empty = || Rows { width, values: vec![0.0; ids.len() * width] };
	let rows: Vec<Mutex<Rows>> = layers.clone().map(|_| Mutex::new(empty())).collect();
	let length = POSITIONS.min(architecture.context as usize);
	for (sequence, ids) in ids.chunks(length).enumerate() {
		// Pieces come in any order, but each has its place.
		runner.observe(ids, &|layer, first, inputs| {
			let Some(rows) = layer.checked_sub(layers.start.into()).and_then(|index| rows.get(index)) else {
				return;
			};
			let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
			let at = (sequence * length + first) * width;
			let places = rows.values[at..].chunks_exact_mut(width);
			for (token, row) in places.take(inputs.tokens()).enumerate() {
				let unit = float(inputs.scale(token));
				row.iter_mut().zip(inputs.row(token)).for_each(|(x, q)| *x = f64::from(*q) * unit);
			}
		})?;
	}
	Ok(rows.into_iter().map(|rows| rows.into_inner().unwrap_or_else(PoisonError::into_inner)).collect())
}

/// Returns the token ids of the text; of a tokenizer that cannot read it, ids that follow from the model's root.
fn ids(tokenizer: &Tokenizer, root: &Hash, vocabulary: u32) -> Vec<TokenId> {
	// A tokenizer of few languages leaves some paragraphs out.
	let paragraphs = TEXT.split_inclusive("\n\n").filter_map(|paragraph| tokenizer.encode(paragraph).ok());
	let ids: Vec<TokenId> = paragraphs.flatten().filter(|id| *id < vocabulary).collect();
	if ids.len() >= TOKENS_MIN {
		return ids;
	}
	let mut noise = Noise::new(root, Purpose::Ids, 0, 0);
	(0..4 * POSITIONS).map(|_| noise.below(vocabulary)).collect()
}

/// Returns a real number as a double, exactly.
fn float(real: Real) -> f64 {
	libm::ldexp(f64::from(real.mantissa()), -i32::from(real.exponent()))
}
