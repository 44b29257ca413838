//! Routers of upcycled layers: random directions that split what the layer sees into shares of similar size.
//!
//! Rows of plain noise would do badly. Inputs of a feed-forward network have a large mean, and a few entries that are much
//! larger than all others; a row's product with these is nearly the same for every token, and the experts whose rows happen
//! to lie that way get everything. So a row is noise divided by each entry's spread, made orthogonal to the mean, and
//! scaled so that every expert's logits spread alike.

use super::{
	calibration::{self, Rows},
	noise::{Noise, Purpose},
	UpcycleError, Upcycling,
};
use crate::{convert, derive::Parent, target::Section};
use blyan_exact::{definition2::block::SectionScale, Hash};
use std::borrow::Cow;

/// Routers of all upcycled layers, in their order.
pub struct Routers(Vec<(SectionScale, Vec<u8>)>);

impl Routers {
	/// Makes the routers of some layers. They follow from the model and from the number of experts.
	pub fn new(
		parent: &Parent,
		root: &Hash,
		settings: &Upcycling,
		threads: Option<usize>,
	) -> Result<Self, UpcycleError> {
		let inputs = calibration::inputs(parent, root, &settings.layers, threads)?;
		let layers = settings.layers.clone().zip(inputs);
		let router = |(layer, inputs): (u8, Rows)| {
			let rows = rows(root, layer, settings.experts, &inputs);
			convert::router(&rows).ok_or(UpcycleError::Router(layer))
		};
		layers.map(router).collect::<Result<_, _>>().map(Self)
	}

	/// Returns the tensor of a router by its place.
	pub fn section(&self, place: usize) -> Option<Section<'_>> {
		let (scale, bytes) = self.0.get(place)?;
		Some(Section { scale: *scale, bytes: Cow::Borrowed(bytes) })
	}
}

/// Returns the rows of a layer's router, whose logits are natural logarithms with a standard deviation of one.
fn rows(root: &Hash, layer: u8, experts: u16, inputs: &Rows) -> Vec<Vec<f64>> {
	let Moments { mean, spread } = Moments::of(inputs);
	let length = dot(&mean, &mean);
	let row = |expert| {
		let mut noise = Noise::new(root, Purpose::Router, layer, expert);
		let mut row: Vec<f64> = spread.iter().map(|spread| share(f64::from(noise.code()), *spread)).collect();
		let along = share(dot(&row, &mean), length);
		row.iter_mut().zip(&mean).for_each(|(w, mean)| *w -= along * mean);
		let squares = inputs.iter().map(|x| dot(&row, x)).map(|logit| logit * logit);
		let deviation = (squares.sum::<f64>() / inputs.iter().count().max(1) as f64).sqrt();
		row.iter().map(|w| share(*w, deviation)).collect()
	};
	(0..experts).map(row).collect()
}

/// Mean and standard deviation of each entry.
struct Moments {
	mean: Vec<f64>,
	spread: Vec<f64>,
}

impl Moments {
	fn of(inputs: &Rows) -> Self {
		let count = inputs.iter().count().max(1) as f64;
		let mut mean = vec![0.0; inputs.width()];
		for row in inputs.iter() {
			mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / count);
		}
		let mut squares = vec![0.0; inputs.width()];
		for row in inputs.iter() {
			for ((square, x), mean) in squares.iter_mut().zip(row).zip(&mean) {
				*square += (x - mean) * (x - mean) / count;
			}
		}
		Self { mean, spread: squares.into_iter().map(f64::sqrt).collect() }
	}
}

/// Computes a quotient; zero where there is nothing to share by.
fn share(numerator: f64, denominator: f64) -> f64 {
	if denominator > 0.0 {
		numerator / denominator
	} else {
		0.0
	}
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
	a.iter().zip(b).map(|(a, b)| a * b).sum()
}
