//! From trained matrices to the codes of an adapter.
//!
//! Only the product `B A` of a pair counts, and codes of 8 bits under one power of two hold it best if all ranks are of
//! one size. So the pair is replaced by another of the same product:
//!
//! 1. `B A = U S V` (singular values), `B' = U S^(1/2)`, `A' = S^(1/2) V`: both have the Gram matrix S.
//! 2. An orthogonal R with equal entries on the diagonal of `R^T S R` turns the ranks: `B' R` and `R^T A'`. Plane rotations
//!    find it one entry at a time (Chan and Li, 1983).
//! 3. Of each rank r, row r of the one and column r of the other are divided by numbers whose product is the unit
//!    `M 2^-(U + g) 2^e`, shared so that both reach the same largest code, and rounded.

use crate::TrainError;
use blyan_exact::definition2::{adapter::SHIFT_MAX, OwnedAdapter};
use nalgebra::{DMatrix, DVector};

/// Largest code that is used; -128 is left out.
const CODE_MAX: f64 = 127.0;
/// Iterations of the singular value decomposition: far more than 64 ranks take.
const ITERATIONS_MAX: usize = 10_000;

/// Adapter, rounded.
#[derive(Clone, Debug)]
pub(crate) struct Rounded {
	pub(crate) adapter: OwnedAdapter,
	/// Size of the rounding error as a part of the product (Frobenius norms).
	pub(crate) error: f64,
}

/// Rounds a pair. `first: [rank, columns]`, `second: [rows, rank]`; `unit` is the real value of one unit of the product of
/// codes. `name` is the matrix's, for errors.
pub(crate) fn round(
	rank: usize,
	first: &[f32],
	second: &[f32],
	unit: f64,
	name: &'static str,
) -> Result<Rounded, TrainError> {
	let wide = |values: &[f32]| values.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
	let first = DMatrix::from_row_slice(rank, first.len() / rank, &wide(first));
	let second = DMatrix::from_row_slice(second.len() / rank, rank, &wide(second));
	let refuse = |reason: &str| TrainError::Rounding { matrix: name, reason: reason.into() };
	if first.iter().chain(second.iter()).any(|x| !x.is_finite()) || unit <= 0.0 {
		return Err(refuse("it holds no numbers; lower the learning rate"));
	}
	let (first, second) =
		balance(first, second).ok_or_else(|| refuse("its singular values were not found"))?;
	let largest = (0..rank).map(|r| first.row(r).amax() * second.column(r).amax()).fold(0.0, f64::max);
	if largest == 0.0 {
		return coded(rank, &first, &second, unit, 0, name);
	}
	// The smallest power of two for which no code is cut off.
	let shift = (largest / (CODE_MAX * CODE_MAX * unit)).log2().ceil().max(0.0);
	if shift > f64::from(SHIFT_MAX) {
		return Err(refuse("it has outgrown its matrix; lower the learning rate"));
	}
	let whole = coded(rank, &first, &second, unit, shift as u8, name)?;
	if shift < 1.0 {
		return Ok(whole);
	}
	// One less cuts off a few and halves the steps of all others.
	let finer = coded(rank, &first, &second, unit, shift as u8 - 1, name)?;
	Ok(if finer.error < whole.error { finer } else { whole })
}

/// Returns a pair of the same product whose ranks are of one size.
fn balance(first: DMatrix<f64>, second: DMatrix<f64>) -> Option<(DMatrix<f64>, DMatrix<f64>)> {
	let rank = first.nrows();
	let (left, right) = (second.qr(), first.transpose().qr());
	let core = left.r() * right.r().transpose();
	let svd = core.try_svd(true, true, f64::EPSILON, ITERATIONS_MAX)?;
	let (u, v) = (svd.u?, svd.v_t?);
	let roots = DMatrix::from_diagonal(&svd.singular_values.map(f64::sqrt));
	// Fewer columns than ranks leave ranks of zeros.
	let second = (left.q() * u * &roots).resize_horizontally(rank, 0.0);
	let first = (roots * v * right.q().transpose()).resize_vertically(rank, 0.0);
	let turn = equalising(&svd.singular_values.resize_vertically(rank, 0.0));
	Some((turn.transpose() * first, second * turn))
}

/// Returns an orthogonal R for which all entries on the diagonal of `R^T diag(values) R` are equal.
fn equalising(values: &DVector<f64>) -> DMatrix<f64> {
	let count = values.len();
	let mean = values.mean();
	let (mut turn, mut gram) = (DMatrix::<f64>::identity(count, count), DMatrix::from_diagonal(values));
	// Each rotation brings one entry to the mean for good: the others keep adding up to the rest.
	for _ in 1..count {
		let above = (0..count).max_by(|i, j| gram[(*i, *i)].total_cmp(&gram[(*j, *j)]));
		let below = (0..count).min_by(|i, j| gram[(*i, *i)].total_cmp(&gram[(*j, *j)]));
		let (Some(i), Some(j)) = (above, below) else { break };
		let (a, b, c) = (gram[(i, i)] - mean, gram[(j, j)] - mean, gram[(i, j)]);
		if a <= mean * f64::EPSILON || b >= 0.0 {
			break;
		}
		// a + 2 c t + b t^2 = 0 with t the tangent; a > 0 > b, so the root is real. Of the two, the smaller angle.
		let root = (c * c - a * b).sqrt();
		let tangent = if c > 0.0 { a / -(c + root) } else { a / (root - c) };
		let cosine = (1.0 + tangent * tangent).sqrt().recip();
		let (cosine, sine) = (cosine, cosine * tangent);
		let rotate = |matrix: &mut DMatrix<f64>| {
			let (old_i, old_j) = (matrix.column(i).clone_owned(), matrix.column(j).clone_owned());
			matrix.set_column(i, &(&old_i * cosine + &old_j * sine));
			matrix.set_column(j, &(old_j * cosine - old_i * sine));
		};
		rotate(&mut turn);
		rotate(&mut gram);
		gram = gram.transpose();
		rotate(&mut gram);
	}
	turn
}

/// Rounds a balanced pair under one shift.
fn coded(
	rank: usize,
	first: &DMatrix<f64>,
	second: &DMatrix<f64>,
	unit: f64,
	shift: u8,
	name: &'static str,
) -> Result<Rounded, TrainError> {
	let unit = unit * f64::from(shift).exp2();
	let (mut a, mut b) = (first.clone(), second.clone());
	for r in 0..rank {
		let (peak_a, peak_b) = (first.row(r).amax(), second.column(r).amax());
		// Both are divided so that their peaks come to the same code; their divisors' product is the unit.
		let code = (peak_a * peak_b / unit).sqrt();
		let divide = |x: f64, peak: f64| match peak > 0.0 && code > 0.0 {
			true => (x / peak * code).round().clamp(-CODE_MAX, CODE_MAX),
			false => 0.0,
		};
		a.row_mut(r).apply(|x| *x = divide(*x, peak_a));
		b.column_mut(r).apply(|x| *x = divide(*x, peak_b));
	}
	let codes = |matrix: DMatrix<f64>| matrix.transpose().iter().map(|x| *x as i8).collect::<Vec<_>>();
	let error = distance(first, second, &a, &b, unit);
	let refuse = |reason: String| TrainError::Rounding { matrix: name, reason };
	let count = u8::try_from(rank).map_err(|_| refuse(format!("rank {rank} is above 64")))?;
	let adapter = OwnedAdapter::new(count, &codes(a), &codes(b), shift);
	Ok(Rounded { adapter: adapter.map_err(|error| refuse(error.to_string()))?, error })
}

/// Returns `|B A - unit b a| / |B A|` without forming either product.
fn distance(
	first: &DMatrix<f64>,
	second: &DMatrix<f64>,
	a: &DMatrix<f64>,
	b: &DMatrix<f64>,
	unit: f64,
) -> f64 {
	let inner = |left: &DMatrix<f64>, a: &DMatrix<f64>, right: &DMatrix<f64>, b: &DMatrix<f64>| {
		(left.transpose() * right).component_mul(&(a * b.transpose())).sum()
	};
	let whole = inner(second, first, second, first);
	let mixed = inner(second, first, b, a) * unit;
	let rounded = inner(b, a, b, a) * unit * unit;
	if whole == 0.0 {
		return 0.0;
	}
	((whole - 2.0 * mixed + rounded).max(0.0) / whole).sqrt()
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;
	use rand::Rng;
	use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};

	/// Makes a pair whose ranks differ by powers of `spread`.
	fn pair(rank: usize, columns: usize, rows: usize, spread: f32) -> (Vec<f32>, Vec<f32>) {
		let mut rng = ChaCha8Rng::seed_from_u64(3);
		let mut normal = || (0..12).map(|_| rng.gen_range(-0.5_f32..0.5)).sum::<f32>();
		let first = (0..rank * columns).map(|i| normal() * spread.powi((i / columns) as i32)).collect();
		let second = (0..rows * rank).map(|i| normal() * spread.powi((i % rank) as i32)).collect();
		(first, second)
	}

	/// Forms the product of real matrices, or of codes.
	fn product(rank: usize, first: &[f64], second: &[f64]) -> Vec<f64> {
		let columns = first.len() / rank;
		let row = |row: &[f64]| -> Vec<f64> {
			(0..columns).map(|k| (0..rank).map(|r| row[r] * first[r * columns + k]).sum()).collect()
		};
		second.chunks_exact(rank).flat_map(row).collect()
	}

	/// Returns the relative distance of what the codes stand for.
	fn error_of(rank: usize, first: &[f32], second: &[f32], unit: f64, adapter: &OwnedAdapter) -> f64 {
		let wide = |values: &[f32]| values.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
		let exact = product(rank, &wide(first), &wide(second));
		let view = adapter.view();
		let rows = second.len() / rank;
		let codes = (0..rows).flat_map(|row| view.product(row)).map(|sum| sum as f64 * unit);
		let square = |values: Vec<f64>| values.iter().map(|x| x * x).sum::<f64>().sqrt();
		square(exact.iter().zip(codes).map(|(a, b)| a - b).collect()) / square(exact)
	}

	#[test]
	fn round_loses_two_percent_however_unequal_the_ranks_are() {
		for (rank, spread) in [(1, 1.0), (4, 0.1), (16, 0.5), (16, 1.0), (13, 0.7), (64, 0.9)] {
			let (first, second) = pair(rank, 96, 160, spread);
			let rounded = round(rank, &first, &second, 1e-6, "gate").unwrap();
			let error = error_of(rank, &first, &second, 1e-6, &rounded.adapter);
			assert!((error - rounded.error).abs() < 1e-3, "{error} is not {}", rounded.error);
			// Two roundings to steps of 1/127 of a peak of about 3 deviations, or of 1.4 times that.
			assert!(error < 0.02, "rank {rank}, spread {spread}: {error}");
		}
	}

	#[test]
	fn round_keeps_an_adapter_of_zeros() {
		let (first, second) = (pair(8, 64, 32, 1.0).0, vec![0.0; 32 * 8]);
		let rounded = round(8, &first, &second, 1e-6, "up").unwrap();
		assert!(rounded.adapter.output().bytes.iter().all(|code| *code == 0));
		assert_eq!(rounded.error, 0.0);
	}

	#[test]
	fn round_takes_more_ranks_than_columns() {
		let (first, second) = pair(48, 32, 64, 0.95);
		assert!(round(48, &first, &second, 1e-6, "down").unwrap().error < 0.02);
	}

	#[test]
	fn round_refuses_what_no_codes_hold() {
		let (first, second) = pair(4, 32, 32, 1.0);
		let reason = |first: &[f32], unit| round(4, first, &second, unit, "gate").unwrap_err().to_string();
		assert!(reason(&first, 1e-12).contains("outgrown"));
		assert!(reason(&[f32::NAN; 128], 1e-6).contains("no numbers"));
	}

	proptest! {
		#[test]
		fn equalising_is_orthogonal_and_makes_a_diagonal_of_means(values in prop::collection::vec(0.0_f64..9.0, 1..40)) {
			let values = DVector::from_vec(values);
			let turn = equalising(&values);
			let gram = turn.transpose() * DMatrix::from_diagonal(&values) * &turn;
			for i in 0..values.len() {
				prop_assert!((gram[(i, i)] - values.mean()).abs() < 1e-9);
			}
			let unit = turn.transpose() * &turn - DMatrix::identity(values.len(), values.len());
			prop_assert!(unit.amax() < 1e-9);
		}
	}
}
