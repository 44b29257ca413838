//! A way back from what was trained, for text that must not get worse.
//!
//! An adapter that learns from one kind of text may forget another. So a run is trained to its end, and then goes back towards the parent until
//! the text that was watched is as good as its tolerance asks. The same updates
//! are made with a guard and without one, a killed run needs nothing kept beside its checkpoint, and nothing is chosen by the held-out text.
//!
//! The way is straight in the products, which are what an adapter adds: where the parent's product is zero, the second matrix alone is scaled. With
//! both matrices on the way, half of it would add a quarter.
//!
//! The sequences that are watched here choose the share. A verdict on the guard must take others.

use super::held::Held;
use crate::{ops::TrainBackend, workers::Workers};
use burn::tensor::Tensor;

/// Parts of the way that are tried.
const SHARES: u32 = 20;
/// Standard errors by which the mean must keep within the tolerance.
const ERRORS: f64 = 3.0;

/// Outcome of watching a guard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guarded {
	/// Share of the way from the parent to what was trained that was kept, from 0 to 1.
	pub share: f64,
	/// Mean loss on the guard of all that was trained, bits a token, and its standard error; positive is worse than the parent.
	pub trained: [f64; 2],
	/// The same of what was kept.
	pub kept: [f64; 2],
}

/// Goes back from `trained` as far as it takes; returns what is left, and how it was found.
///
/// `tolerance` is the loss on the guard, in bits a token, that is allowed; `positions` the predicted tokens of a sequence on average.
pub(crate) fn step_back<B: TrainBackend>(
	held: &Held<'_, B>,
	workers: &Workers,
	parent: &[Tensor<B, 2>],
	trained: &[Tensor<B, 2>],
	positions: f64,
	tolerance: f64,
) -> (Vec<Tensor<B, 2>>, Guarded) {
	let before = held.bits_of_sequences(workers, parent);
	let measure = |latent: &[Tensor<B, 2>]| {
		let after = held.bits_of_sequences(workers, latent);
		let worse = before.iter().zip(&after).map(|(before, after)| (after - before) / positions);
		mean_and_error(&worse.collect::<Vec<_>>())
	};
	let all = measure(trained);
	let mut kept = (trained.to_vec(), Guarded { share: 1.0, trained: all, kept: all });
	for share in (0..SHARES).rev() {
		if is_tolerable(kept.1.kept, tolerance) {
			break;
		}
		let share = f64::from(share) / f64::from(SHARES);
		let latent = if share > 0.0 { part_of_way(parent, trained, share) } else { parent.to_vec() };
		let loss = if share > 0.0 { measure(&latent) } else { [0.0; 2] };
		kept = (latent, Guarded { share, trained: all, kept: loss });
	}
	kept
}

/// Returns what lies at a share of the way from `parent` to `trained`: pairs of matrices, of which the product counts.
fn part_of_way<B: TrainBackend>(
	parent: &[Tensor<B, 2>],
	trained: &[Tensor<B, 2>],
	share: f64,
) -> Vec<Tensor<B, 2>> {
	let between = |parent: &Tensor<B, 2>, trained: &Tensor<B, 2>| {
		parent.clone().mul_scalar(1.0 - share) + trained.clone().mul_scalar(share)
	};
	let pairs = parent.as_chunks().0.iter().zip(trained.as_chunks().0);
	pairs
		.flat_map(|([parent_first, parent_second], [first, second])| {
			let is_zero = parent_second.to_data().iter::<f32>().all(|value| value == 0.0);
			let first = if is_zero { first.clone() } else { between(parent_first, first) };
			[first, between(parent_second, second)]
		})
		.collect()
}

/// Reports whether a loss keeps within the tolerance even if luck had a part in it.
fn is_tolerable([mean, error]: [f64; 2], tolerance: f64) -> bool {
	// Not so if either is not a number.
	mean + ERRORS * error <= tolerance
}

/// Returns the mean and its standard error.
fn mean_and_error(values: &[f64]) -> [f64; 2] {
	let count = values.len().max(1) as f64;
	let mean = values.iter().sum::<f64>() / count;
	let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
	[mean, (squares / (count - 1.0).max(1.0) / count).sqrt()]
}

#[cfg(test)]
mod tests {
	use super::*;
	use burn::tensor::TensorData;
	use burn_flex::Flex;

	/// Half of an adapter that began at zero adds half of what it adds, and not a quarter.
	#[test]
	fn the_way_from_a_zero_adapter_is_straight_in_its_product() {
		let device = Default::default();
		let matrix = |values: [f32; 4]| {
			Tensor::<Flex, 2>::from_data(TensorData::new(values.to_vec(), [2, 2]), &device)
		};
		let product = |pair: &[Tensor<Flex, 2>]| {
			let product = pair[1].clone().matmul(pair[0].clone());
			product.to_data().iter::<f32>().collect::<Vec<_>>()
		};
		let parent = [matrix([0.5, -0.25, 1.0, 2.0]), matrix([0.0; 4])];
		let trained = [matrix([4.0, -2.0, 1.0, 0.5]), matrix([1.0, 2.0, -3.0, 4.0])];
		let half: Vec<f32> = product(&trained).into_iter().map(|value| value / 2.0).collect();
		assert_eq!(product(&part_of_way::<Flex>(&parent, &trained, 0.5)), half);
		// Of another parent both matrices are on the way.
		let other = part_of_way::<Flex>(&[trained[0].clone(), trained[1].clone()], &parent, 0.5);
		assert_eq!(other[0].to_data().iter::<f32>().collect::<Vec<_>>(), [2.25, -1.125, 1.0, 1.25]);
	}

	#[test]
	fn a_mean_has_the_error_of_its_sample() {
		let [mean, error] = mean_and_error(&[1.0, 3.0, 1.0, 3.0]);
		// Variance 4/3 of four values.
		assert_eq!(mean, 2.0);
		assert!((error - (1.0_f64 / 3.0).sqrt()).abs() < 1e-12);
		assert_eq!(mean_and_error(&[2.0]), [2.0, 0.0]);
	}

	#[test]
	fn luck_is_not_taken_for_a_guard_that_holds() {
		assert!(is_tolerable([0.004, 0.0003], 0.005));
		assert!(!is_tolerable([0.004, 0.0004], 0.005));
		assert!(!is_tolerable([f64::NAN, 0.0], 0.005));
		assert!(!is_tolerable([0.0, f64::NAN], 0.005));
	}
}
