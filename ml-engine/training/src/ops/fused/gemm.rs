//! Products of matrices through the `gemm` crate, which the tensor library uses too.

/// A matrix somewhere in a slice.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
	values: &'a [f32],
	rows: usize,
	columns: usize,
	/// Between the beginnings of two rows, and of two columns.
	strides: [usize; 2],
}

impl<'a> Matrix<'a> {
	/// Wraps values that lie row after row.
	pub(super) fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
		Self { values, rows, columns, strides: [columns, 1] }
	}

	/// Returns the first columns.
	pub(super) fn narrow(self, columns: usize) -> Self {
		assert!(columns <= self.columns);
		Self { columns, ..self }
	}

	pub(super) fn transposed(self) -> Self {
		let [row, column] = self.strides;
		Self { rows: self.columns, columns: self.rows, strides: [column, row], ..self }
	}

	fn ensure_inside(&self) {
		if self.rows > 0 && self.columns > 0 {
			let last = (self.rows - 1) * self.strides[0] + (self.columns - 1) * self.strides[1];
			assert!(last < self.values.len(), "a matrix reaches beyond its numbers");
		}
	}
}

/// Computes `out = left * right`, or `out += left * right`. Rows of `out` are `stride` apart.
pub(super) fn multiply(out: &mut [f32], stride: usize, add: bool, left: Matrix<'_>, right: Matrix<'_>) {
	let (rows, columns, depth) = (left.rows, right.columns, left.columns);
	assert_eq!(depth, right.rows, "the inner dimensions differ");
	if rows == 0 || columns == 0 {
		return;
	}
	assert!(columns <= stride && (rows - 1) * stride + columns <= out.len());
	left.ensure_inside();
	right.ensure_inside();
	// SAFETY: all three matrices were found to lie inside their slices, and `out` is borrowed mutably, so it
	// overlaps with neither of the others.
	unsafe {
		gemm::gemm(
			rows,
			columns,
			depth,
			out.as_mut_ptr(),
			1,
			stride as isize,
			add,
			left.values.as_ptr(),
			left.strides[1] as isize,
			left.strides[0] as isize,
			right.values.as_ptr(),
			right.strides[1] as isize,
			right.strides[0] as isize,
			1.0f32,
			1.0f32,
			false,
			false,
			false,
			gemm::Parallelism::None,
		);
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn multiply_is_the_sum_of_products() {
		let left = (0..6).map(|i| i as f32).collect::<Vec<_>>();
		let right = (0..12).map(|i| (i * i % 7) as f32).collect::<Vec<_>>();
		let (a, b) = (Matrix::new(&left, 2, 3), Matrix::new(&right, 3, 4));
		let mut out = vec![1.0f32; 10];
		multiply(&mut out, 5, true, a, b);
		for row in 0..2 {
			for column in 0..4 {
				let sum = (0..3).map(|i| left[row * 3 + i] * right[i * 4 + column]).sum::<f32>();
				assert_eq!(out[row * 5 + column], 1.0 + sum);
			}
			assert_eq!(out[row * 5 + 4], 1.0, "the gap between rows was written to");
		}
		let mut turned = vec![9.0f32; 8];
		multiply(&mut turned, 2, false, b.transposed(), a.transposed());
		for row in 0..2 {
			for column in 0..4 {
				assert_eq!(turned[column * 2 + row], out[row * 5 + column] - 1.0);
			}
		}
	}

	#[test]
	#[should_panic(expected = "beyond its numbers")]
	fn multiply_refuses_a_matrix_that_is_too_large() {
		multiply(&mut [0.0; 4], 2, false, Matrix::new(&[1.0; 3], 2, 2), Matrix::new(&[1.0; 4], 2, 2));
	}
}
