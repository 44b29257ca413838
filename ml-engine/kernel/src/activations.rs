//! Rows of 8-bit activations: the type that every product takes, and the normalisation that fills it.

use super::{
	math::{isqrt, peak_over_rms},
	versions, Kernel,
};
#[cfg(target_arch = "x86_64")]
use super::{
	norm::{self, Entries, Normalised},
	Path,
};

/// Quantised activations of many tokens, in the two orders that the matrix kernels want.
///
/// `values` is row-major. `planes` holds the same rows with every fourth entry together, as ternary weights
/// are packed: plane `j` of a row has the entries `4b + j`. Planes are padded with zeros to 64 bytes.
#[derive(Clone, Debug, Default)]
pub struct ActivationRows {
	/// Entries of a row.
	pub width: usize,
	/// `[tokens, width]`.
	pub values: Vec<i8>,
	/// `[tokens, 4, plane_stride]`.
	pub planes: Vec<i8>,
	/// Sum of each row.
	pub sums: Vec<i32>,
	/// Scale of each row, Q16.
	pub scales: Vec<u32>,
}

impl ActivationRows {
	/// Creates `tokens` rows of zeros.
	pub fn new(tokens: usize, width: usize) -> Self {
		let stride = Self::stride_of(width);
		Self {
			width,
			values: vec![0; tokens * width],
			planes: vec![0; tokens * 4 * stride],
			sums: vec![0; tokens],
			scales: vec![0; tokens],
		}
	}

	fn stride_of(width: usize) -> usize {
		(width / 4).next_multiple_of(64)
	}

	/// Returns the bytes of a plane.
	pub fn plane_stride(&self) -> usize {
		Self::stride_of(self.width)
	}

	/// Returns the number of rows.
	pub fn tokens(&self) -> usize {
		self.scales.len()
	}

	/// Returns one row.
	pub fn row(&self, token: usize) -> &[i8] {
		&self.values[token * self.width..(token + 1) * self.width]
	}

	/// Returns the four planes of one row.
	pub fn row_planes(&self, token: usize) -> &[i8] {
		let len = 4 * self.plane_stride();
		&self.planes[token * len..(token + 1) * len]
	}

	/// Copies the rows of some tokens, in that order.
	pub fn gather(&self, tokens: &[u32]) -> Self {
		let mut rows = Self::new(tokens.len(), self.width);
		let (width, planes) = (self.width, 4 * self.plane_stride());
		for (row, &token) in tokens.iter().enumerate() {
			let token = token as usize;
			rows.values[row * width..(row + 1) * width].copy_from_slice(self.row(token));
			rows.planes[row * planes..(row + 1) * planes].copy_from_slice(self.row_planes(token));
			rows.sums[row] = self.sums[token];
			rows.scales[row] = self.scales[token];
		}
		rows
	}

	/// Appends a row of another batch of the same width.
	pub fn push_row(&mut self, from: &Self, token: usize) {
		self.values.extend_from_slice(from.row(token));
		self.planes.extend_from_slice(from.row_planes(token));
		self.sums.push(from.sums[token]);
		self.scales.push(from.scales[token]);
	}

	/// Forgets all rows and keeps their memory; rows of `width` may follow.
	pub fn clear(&mut self, width: usize) {
		self.width = width;
		self.values.clear();
		self.planes.clear();
		self.sums.clear();
		self.scales.clear();
	}

	/// Makes room for `tokens` rows in the memory of earlier ones. Paddings are zero; everything else is yet to be
	/// written.
	fn reshape(&mut self, tokens: usize, width: usize) {
		let stride = Self::stride_of(width);
		if self.width != width {
			// What were entries may be padding now.
			self.clear(width);
		}
		self.values.resize(tokens * width, 0);
		self.planes.resize(tokens * 4 * stride, 0);
		self.sums.resize(tokens, 0);
		self.scales.resize(tokens, 0);
	}

	/// Runs [`Self::norm_quant`] in the memory of earlier rows; `entries` is scratch.
	pub fn set_norm_quant(&mut self, kernel: Kernel, stream: &[i32], gain: &[i16], entries: &mut Vec<i64>) {
		let width = gain.len();
		self.reshape(stream.len() / width, width);
		#[cfg(target_arch = "x86_64")]
		if self.set_wide(kernel, Entries::Stream(stream), gain, entries) {
			return;
		}
		entries.resize(width, 0);
		for (token, h) in stream.chunks_exact(width).enumerate() {
			multiply(kernel, h, gain, entries);
			self.set(kernel, token, entries);
		}
	}

	/// Runs [`Self::norm_quant_squared_relu`] in the memory of earlier rows; `entries` is scratch.
	pub fn set_norm_quant_squared_relu(
		&mut self,
		kernel: Kernel,
		accumulators: &[i32],
		gain: &[i16],
		entries: &mut Vec<i64>,
	) {
		let width = gain.len();
		self.reshape(accumulators.len() / width, width);
		#[cfg(target_arch = "x86_64")]
		if self.set_wide(kernel, Entries::Hidden(accumulators), gain, entries) {
			return;
		}
		entries.resize(width, 0);
		for (token, acc) in accumulators.chunks_exact(width).enumerate() {
			multiply_squared_relu(kernel, acc, gain, entries);
			self.set(kernel, token, entries);
		}
	}

	fn set(&mut self, kernel: Kernel, token: usize, entries: &mut [i64]) {
		let (width, stride) = (self.width, self.plane_stride());
		let values = &mut self.values[token * width..(token + 1) * width];
		let planes = &mut self.planes[token * 4 * stride..(token + 1) * 4 * stride];
		(self.scales[token], self.sums[token]) = quantise(kernel, entries, values);
		interleave(kernel, values, planes, stride);
	}

	/// Normalises all rows in wide vectors, if this kernel can for rows of this length; returns whether it can.
	#[cfg(target_arch = "x86_64")]
	fn set_wide(&mut self, kernel: Kernel, rows: Entries<'_>, gain: &[i16], buffer: &mut Vec<i64>) -> bool {
		let (width, stride) = (self.width, self.plane_stride());
		if kernel.0 != Path::Avx512Vnni || !width.is_multiple_of(norm::STEP) {
			return false;
		}
		let (Entries::Stream(entries) | Entries::Hidden(entries)) = rows;
		assert!(gain.len() == width && entries.len() == self.tokens() * width);
		let Self { values, planes, sums, scales, .. } = self;
		// SAFETY: a kernel of this kind exists only where its instructions were detected; lengths were checked, and those of
		// the rows' own buffers follow from the width.
		unsafe { norm::norm_quant(rows, gain, buffer, Normalised { values, planes, stride, scales, sums }) };
		true
	}

	/// Computes `norm_quant` of the definition for every row of the residual stream.
	pub fn norm_quant(kernel: Kernel, stream: &[i32], gain: &[i16]) -> Self {
		let mut rows = Self::default();
		rows.set_norm_quant(kernel, stream, gain, &mut Vec::new());
		rows
	}

	/// Computes `norm_quant_squared_relu` of the definition for every row of accumulators.
	pub fn norm_quant_squared_relu(kernel: Kernel, accumulators: &[i32], gain: &[i16]) -> Self {
		let mut rows = Self::default();
		rows.set_norm_quant_squared_relu(kernel, accumulators, gain, &mut Vec::new());
		rows
	}
}

versions! {
	/// Computes `out = row * gain`.
	pub fn multiply(row: &[i32], gain: &[i16], out: &mut [i64]) {
		for ((out, &h), &g) in out.iter_mut().zip(row).zip(gain) {
			*out = i64::from(h) * i64::from(g);
		}
	}
}

versions! {
	/// Computes `out = max(row, 0)^2 * gain`.
	pub fn multiply_squared_relu(row: &[i32], gain: &[i16], out: &mut [i64]) {
		for ((out, &acc), &g) in out.iter_mut().zip(row).zip(gain) {
			let positive = i64::from(acc.max(0));
			*out = positive * positive * i64::from(g);
		}
	}
}

versions! {
	/// Quantises (absmax) a row of at most 2^47 in magnitude; returns its scale and the sum of its values.
	///
	/// The division of the definition becomes one multiplication: with b = 2m < 2^24 and a <= 127.5 b, the
	/// quotient a / b is the integer part of a * M / 2^55 for M = floor(2^55 / b) + 1, because the error
	/// a / 2^55 stays below 1 / b. The product stays below 2^62 + 2^31.
	pub fn quantise(entries: &mut [i64], values: &mut [i8]) -> (u32, i32) {
		let mut largest = 0_u64;
		for entry in entries.iter() {
			largest = largest.max(entry.unsigned_abs());
		}
		let excess = (64 - largest.leading_zeros()).saturating_sub(22);
		let half = (1_i64 << excess) >> 1;
		let largest = (largest as i64 + half) >> excess;
		if largest == 0 {
			values.fill(0);
			return (0, 0);
		}
		let reciprocal = ((1_u64 << 55) / (2 * largest as u64) + 1) as i64;
		let mut squares = 0_i64;
		let mut sum = 0_i32;
		for (entry, value) in entries.iter().zip(values.iter_mut()) {
			let sign = *entry >> 63;
			let magnitude = (((*entry ^ sign) - sign) + half) >> excess;
			squares += magnitude * magnitude;
			let quotient = ((254 * magnitude + largest) * reciprocal) >> 55;
			let signed = ((quotient ^ sign) - sign) as i32;
			*value = signed as i8;
			sum += signed;
		}
		(peak_over_rms(largest as u64, squares as u64, isqrt((entries.len() as u64) << 32)), sum)
	}
}

versions! {
	/// Sorts a row into its four planes.
	pub fn interleave(values: &[i8], planes: &mut [i8], stride: usize) {
		let quarter = values.len() / 4;
		let (p0, rest) = planes.split_at_mut(stride);
		let (p1, rest) = rest.split_at_mut(stride);
		let (p2, p3) = rest.split_at_mut(stride);
		let (p0, p1, p2, p3) = (&mut p0[..quarter], &mut p1[..quarter], &mut p2[..quarter], &mut p3[..quarter]);
		for (b, four) in values.chunks_exact(4).enumerate() {
			p0[b] = four[0];
			p1[b] = four[1];
			p2[b] = four[2];
			p3[b] = four[3];
		}
	}
}
