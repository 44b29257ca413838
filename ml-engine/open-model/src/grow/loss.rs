//! Exact losses of two models over the same sequences: what a change that keeps no bits is held against.
//!
//! Losses are sums of the integer network, the same on every machine, so two of them are compared without a tolerance. A change is
//! within a bound if the loss on each holdout rises by that share at most, to the last bit.

use crate::{
	evaluate::Holdout,
	run::{RunError, Runner},
};

/// Parts per million.
const MILLION: i128 = 1_000_000;

/// Losses of two models over the same sequences, bits in Q16.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossPair {
	/// Loss of the model as it was.
	pub before: u64,
	/// Loss of the changed model.
	pub after: u64,
}

impl LossPair {
	/// Returns how much the loss fell, as a share of what it was, in parts per million; negative if it rose. Rounded down.
	pub fn gain_ppm(&self) -> i64 {
		loss_gain_ppm(self.before, self.after)
	}

	/// Reports whether the loss rose by `most_ppm` parts per million at most.
	pub fn is_within(&self, most_ppm: u32) -> bool {
		self.gain_ppm() >= -i64::from(most_ppm)
	}
}

/// Returns how much lower the loss `new` is than `old`, as a share of `old` in parts per million: negative where it is higher. From -1,000,000,
/// which stands for any loss of twice as much and more, to 1,000,000. Rounded down, so that rounding hides no loss.
///
/// Both losses are sums over the same sequences, in the same unit.
fn loss_gain_ppm(old: u64, new: u64) -> i64 {
	// Differences of 64-bit numbers times a million stay below 2^85. A loss above none at all is as high as any.
	let gain = ((i128::from(old) - i128::from(new)) * MILLION).div_euclid(i128::from(old.max(1)));
	i64::try_from(gain.clamp(-MILLION, MILLION)).unwrap_or(i64::MIN)
}

/// Reason why a model's loss is not known.
#[derive(Debug, thiserror::Error)]
pub enum LossError {
	/// The holdout has no such sequence.
	#[error("the holdout has {sequences} sequences, none of index {index}: draw again from this holdout")]
	Sequence {
		/// Index that was asked for.
		index: u32,
		/// Number of sequences.
		sequences: u32,
	},
	/// The model cannot read the sequences.
	#[error(transparent)]
	Run(#[from] RunError),
}

/// Returns the loss of a model over some sequences of a holdout, bits in Q16. `progress` gets the number of sequences that are done, and ends
/// the work by an error.
///
/// # Errors
/// Those of reading, of a sequence that is not there, and of `progress`.
pub fn loss<B: AsRef<[u8]>, E: From<LossError>>(
	runner: &mut Runner,
	holdout: &Holdout<B>,
	indices: &[u32],
	mut progress: impl FnMut(usize) -> Result<(), E>,
) -> Result<u64, E> {
	let mut sum = 0_u64;
	for (done, &index) in (1..).zip(indices) {
		let lacking = LossError::Sequence { index, sequences: holdout.sequences() };
		let ids = holdout.ids(index).ok_or(lacking)?;
		let losses = runner.losses(&ids).map_err(LossError::from)?;
		// A token costs less than 2^32, and a holdout has less than 2^31 tokens.
		sum = losses.into_iter().fold(sum, u64::saturating_add);
		progress(done)?;
	}
	Ok(sum)
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn gains_of_losses_are_pinned_by_golden_vectors() {
		let golden = [
			(100, 100, 0),
			(100, 98, 20_000),
			(100, 102, -20_000),
			(1_000_000, 1_020_001, -20_001),
			(3, 4, -333_334),
			(3, 2, 333_333),
			(100, 0, 1_000_000),
			(100, 1_000, -1_000_000),
			(0, 0, 0),
			(0, 1, -1_000_000),
			(u64::MAX, 0, 1_000_000),
			(0, u64::MAX, -1_000_000),
		];
		for (before, after, gain) in golden {
			assert_eq!(LossPair { before, after }.gain_ppm(), gain, "{before} {after}");
		}
	}

	proptest! {
		#[test]
		fn a_loss_is_within_a_bound_exactly_where_its_rise_is(before in 1..1_u64 << 40, after in 0..1_u64 << 40, most in 0..1_000_000_u32) {
			let is_within = i128::from(after) * MILLION <= i128::from(before) * (MILLION + i128::from(most));
			prop_assert_eq!(LossPair { before, after }.is_within(most), is_within);
		}
	}
}
