//! Recorders of operator outputs.

use crate::kernel::activations::ActivationRows;
use blyan_exact::Operator;
use std::borrow::Cow;

/// Receiver of the outputs of operators in the layouts of [`blyan_exact::Program`], for a batch of sequences of one length.
///
/// Outputs of one operator come whole, or in several sets of rows before the layer's next whole output.
pub trait Recorder {
	/// False if outputs need not be put into their layouts at all.
	const IS_ACTIVE: bool;

	/// Receives all rows of an operator, sequence after sequence.
	fn whole(&mut self, operator: Operator, bytes: &[u8]);

	/// Receives the rows of an operator that belong to some tokens, counted over all sequences.
	fn some(&mut self, operator: Operator, tokens: &[u32], bytes: &[u8]);
}

/// Recorder that ignores everything.
impl Recorder for () {
	const IS_ACTIVE: bool = false;

	#[inline(always)]
	fn whole(&mut self, _: Operator, _: &[u8]) {}

	#[inline(always)]
	fn some(&mut self, _: Operator, _: &[u32], _: &[u8]) {}
}

/// Returns numbers as a row holds them: little endian, four bytes each.
pub fn integers(values: &[i32]) -> Cow<'_, [u8]> {
	if cfg!(target_endian = "little") {
		// SAFETY: four bytes each, without padding and with a weaker alignment.
		Cow::Borrowed(unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) })
	} else {
		Cow::Owned(values.iter().flat_map(|value| value.to_le_bytes()).collect())
	}
}

/// Returns small numbers as a row holds them.
pub fn small_integers(values: &[i8]) -> &[u8] {
	// SAFETY: one byte each.
	unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) }
}

/// Returns rows of activations, the scale behind each.
pub fn activations(rows: &ActivationRows) -> Vec<u8> {
	let mut bytes = Vec::with_capacity(rows.values.len() + 4 * rows.tokens());
	for (values, scale) in rows.values.chunks_exact(rows.width).zip(&rows.scales) {
		bytes.extend_from_slice(small_integers(values));
		bytes.extend_from_slice(&scale.to_le_bytes());
	}
	bytes
}

/// Records rows of activations whole.
pub fn record_activations<R: Recorder>(recorder: &mut R, operator: Operator, rows: &ActivationRows) {
	if R::IS_ACTIVE {
		recorder.whole(operator, &activations(rows));
	}
}
