//! Recorders of what operators compute, in the bytes that a trace commits to.

use super::batch::{Heads, Side};
use blyan_exact::{definition2::routing::choice_bytes, definition2::Activations, routing::Choice};
use blyan_kernel::definition2::{value_step, Inputs};
use std::borrow::Cow;

/// Row of an operator's output on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowPlace {
	/// Place of the operator in the program.
	pub operator: usize,
	/// Model that computed it.
	pub side: Side,
	/// Position.
	pub position: usize,
}

/// Receiver of the outputs of operators in the layouts of [`blyan_exact::definition2::Program`], piece by piece.
///
/// At a position without a row of the candidate, its row is the baseline's.
pub trait Recorder {
	/// False if outputs need not be put into their layouts at all.
	const IS_ACTIVE: bool;

	/// Receives rows of operators of one shape, in the order of `places`.
	fn rows(&mut self, places: &[RowPlace], bytes: &[u8]);

	/// Receives entries of an operator whose rows are heads: `[positions, heads]` of the piece's positions. The candidate's
	/// are there from the first piece on in which any of them differs.
	fn heads(&mut self, operator: usize, baseline: &[u8], candidate: Option<&[u8]>);
}

/// Recorder that ignores everything.
impl Recorder for () {
	const IS_ACTIVE: bool = false;

	#[inline(always)]
	fn rows(&mut self, _: &[RowPlace], _: &[u8]) {}

	#[inline(always)]
	fn heads(&mut self, _: usize, _: &[u8], _: Option<&[u8]>) {}
}

/// Returns integers as a row holds them: little endian, four bytes each.
pub fn integers(values: &[i32]) -> Cow<'_, [u8]> {
	if cfg!(target_endian = "little") {
		Cow::Borrowed(bytemuck::cast_slice(values))
	} else {
		Cow::Owned(values.iter().flat_map(|value| value.to_le_bytes()).collect())
	}
}

/// Returns wide integers as a row holds them.
pub fn wide_integers(values: &[u64]) -> Cow<'_, [u8]> {
	if cfg!(target_endian = "little") {
		Cow::Borrowed(bytemuck::cast_slice(values))
	} else {
		Cow::Owned(values.iter().flat_map(|value| value.to_le_bytes()).collect())
	}
}

/// Appends rows of activations: entries, then mantissa and exponent of the scale.
pub fn push_activations(inputs: &Inputs, bytes: &mut Vec<u8>) {
	bytes.reserve(inputs.tokens() * Activations::bytes(inputs.width()));
	for token in 0..inputs.tokens() {
		push_small_integers(inputs.row(token), bytes);
		bytes.extend_from_slice(&inputs.scale(token).to_bytes());
	}
}

fn push_small_integers(values: &[i16], bytes: &mut Vec<u8>) {
	if cfg!(target_endian = "little") {
		bytes.extend_from_slice(bytemuck::cast_slice(values));
	} else {
		bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
	}
}

/// Scale that stands behind the codes of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadScale {
	/// The largest magnitude: of queries and keys.
	Maximum,
	/// The step: of values.
	Step,
}

/// Returns heads as rows hold them: codes, then the scale.
pub fn heads(heads: &Heads, scale: HeadScale) -> Vec<u8> {
	let size = heads.codes.len() / heads.maxima.len().max(1);
	let mut bytes = Vec::with_capacity(heads.codes.len() + 4 * heads.maxima.len());
	for (codes, &maximum) in heads.codes.chunks_exact(size.max(1)).zip(&heads.maxima) {
		bytes.extend_from_slice(bytemuck::cast_slice(codes));
		let scale = match scale {
			HeadScale::Maximum => maximum,
			HeadScale::Step => value_step(maximum),
		};
		bytes.extend_from_slice(&scale.to_le_bytes());
	}
	bytes
}

/// Returns choices as rows hold them.
pub fn choices(choices: &[Choice]) -> Vec<u8> {
	choice_bytes(choices)
}
