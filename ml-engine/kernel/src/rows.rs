//! Row-wise operators: normalisation, rescaling, attention. Plain loops that compilers vectorise.

use super::{
	attention::{self, Past, Queries},
	versions, Kernel,
};
#[cfg(target_arch = "x86_64")]
use super::{
	norm::{self, Entries, Normalised},
	Path,
};
use blyan_exact::{
	attention::{PROBABILITY_MAX, SCORE_MAX},
	exponential::EXP2_Q30,
	Rescale, RESIDUAL_MAX,
};

// The loops below repeat two functions of the definition instead of calling them: inlined calls keep the
// overflow checks of their own crate, which a build with checks pays for with the vectorisation of the loop.

/// `blyan_exact::number::shift_round`, whose bounds hold here too.
///
/// The shift rounds down, so halves of negative numbers go away from zero if they lose one before it; unless nothing is
/// shifted.
#[inline(always)]
fn shift_round(value: i64, shift: u32) -> i64 {
	let half = (1_i64 << shift) >> 1;
	let one = i64::from(shift > 0);
	(value + half + ((value >> 63) & -one)) >> shift
}

/// `blyan_exact::exponential::exp2_neg`, without branches.
#[inline(always)]
fn exp2_neg(t: u32) -> u32 {
	let whole = t >> 16;
	let index = ((t >> 8) & 0xff) as usize;
	let (high, low) = (EXP2_Q30[index], EXP2_Q30[index + 1]);
	let value = high - (((high - low) * (t & 0xff) + 128) >> 8);
	let shift = whole.min(31);
	let power = (value + ((1 << shift) >> 1)) >> shift;
	if whole >= 31 {
		0
	} else {
		power
	}
}

/// `blyan_exact::number::isqrt` for n >= 2^62, or n < 2^53.
///
/// The square root of the nearest double is off by less than 2^-20, so truncation is off by one at most.
#[inline(always)]
pub(crate) fn isqrt(n: u64) -> u64 {
	let root = ((n as f64).sqrt() as u64).min(u64::from(u32::MAX));
	let root = root - u64::from(root * root > n);
	root + u64::from(n - root * root > 2 * root)
}

/// `blyan_exact::norm::peak_over_rms`, whose bounds hold here too; `root_of_len` is `isqrt(len << 32)`.
#[inline(always)]
pub(crate) fn peak_over_rms(largest: u64, squares: u64, root_of_len: u64) -> u32 {
	let zeros = squares.leading_zeros() & !1;
	let root = isqrt(squares << zeros);
	let numerator = (largest << (zeros / 2)) * root_of_len;
	((2 * numerator + root) / (2 * root)) as u32
}

/// `blyan_exact::attention::QueryFactor`, with the fast square root.
#[derive(Clone, Copy, Debug)]
pub struct QueryFactor {
	pub(crate) factor: u32,
	pub(crate) shift: u32,
}

impl QueryFactor {
	/// log2(e) in Q30.
	const LOG2_E_Q30: u64 = 1_549_082_005;

	/// Folds the query's maximum (Q12, at most 2^21) and the head size (2 to 64) into 21 bits.
	pub fn new(maximum: i32, head_size: usize) -> Self {
		let numerator = (u64::from(maximum.unsigned_abs()) * Self::LOG2_E_Q30) << 10;
		// A head size shifted by 32 is below 2^39.
		let denominator = 127 * 127 * isqrt((head_size as u64) << 32);
		let ratio = (2 * numerator + denominator) / (2 * denominator);
		let excess = (64 - ratio.leading_zeros()).saturating_sub(21);
		Self { factor: shift_round(ratio as i64, excess) as u32, shift: 32 - excess }
	}
}

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
	/// Room for `tokens` rows.
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

	/// Bytes of a plane.
	pub fn plane_stride(&self) -> usize {
		Self::stride_of(self.width)
	}

	/// Number of rows.
	pub fn tokens(&self) -> usize {
		self.scales.len()
	}

	/// One row.
	pub fn row(&self, token: usize) -> &[i8] {
		&self.values[token * self.width..(token + 1) * self.width]
	}

	/// The four planes of one row.
	pub fn row_planes(&self, token: usize) -> &[i8] {
		let len = 4 * self.plane_stride();
		&self.planes[token * len..(token + 1) * len]
	}

	/// The rows of some tokens, in that order.
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

	/// Room for `tokens` rows in the memory of earlier ones. Paddings are zero; everything else is yet to be written.
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

	/// [`Self::norm_quant`] in the memory of earlier rows; `entries` is scratch.
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

	/// [`Self::norm_quant_squared_relu`] in the memory of earlier rows; `entries` is scratch.
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

	/// Normalises all rows, where this kernel has that for rows of this length: whether it has.
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

	/// `norm_quant` of the definition for every row of the residual stream.
	pub fn norm_quant(kernel: Kernel, stream: &[i32], gain: &[i16]) -> Self {
		let mut rows = Self::default();
		rows.set_norm_quant(kernel, stream, gain, &mut Vec::new());
		rows
	}

	/// `norm_quant_squared_relu` of the definition for every row of accumulators.
	pub fn norm_quant_squared_relu(kernel: Kernel, accumulators: &[i32], gain: &[i16]) -> Self {
		let mut rows = Self::default();
		rows.set_norm_quant_squared_relu(kernel, accumulators, gain, &mut Vec::new());
		rows
	}
}

versions! {
	/// `out = row * gain`.
	pub fn multiply(row: &[i32], gain: &[i16], out: &mut [i64]) {
		for ((out, &h), &g) in out.iter_mut().zip(row).zip(gain) {
			*out = i64::from(h) * i64::from(g);
		}
	}
}

versions! {
	/// `out = max(row, 0)^2 * gain`.
	pub fn multiply_squared_relu(row: &[i32], gain: &[i16], out: &mut [i64]) {
		for ((out, &acc), &g) in out.iter_mut().zip(row).zip(gain) {
			let positive = i64::from(acc.max(0));
			*out = positive * positive * i64::from(g);
		}
	}
}

versions! {
	/// Absmax quantisation of a row (at most 2^47 in magnitude); returns its scale and the sum of its values.
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

versions! {
	/// [`Rescale::apply`] over a row of accumulators, in place.
	pub fn rescale(accumulators: &mut [i32], rescale: Rescale, bound: i32) {
		let multiplier = i64::from(rescale.multiplier());
		let shift = rescale.shift();
		let bound = i64::from(bound);
		for acc in accumulators {
			*acc = shift_round(i64::from(*acc) * multiplier, shift).clamp(-bound, bound) as i32;
		}
	}
}

versions! {
	/// Turns products into scores in place (`blyan_exact::attention::QueryFactor::score`) and returns the largest.
	pub fn scores(products: &mut [i32], maxima: &[i32], factor: QueryFactor) -> i32 {
		let (multiplier, shift) = (i64::from(factor.factor), factor.shift);
		let mut largest = i32::MIN;
		for (product, &maximum) in products.iter_mut().zip(maxima) {
			let scaled = i64::from(*product) * i64::from(maximum) * multiplier;
			let score = shift_round(scaled, shift).clamp(-SCORE_MAX, SCORE_MAX) as i32;
			*product = score;
			largest = largest.max(score);
		}
		largest
	}
}

versions! {
	/// Turns scores into probabilities in place and returns their sum.
	pub fn probabilities(scores: &mut [i32], largest: i32) -> i32 {
		let mut total = 0_i32;
		for score in scores {
			// At most 2^31.
			let power = exp2_neg(largest.wrapping_sub(*score) as u32);
			let probability = ((power >> 15) as i32).min(PROBABILITY_MAX as i32);
			*score = probability;
			total += probability;
		}
		total
	}
}

/// One head of consecutive queries over the positions that each of them sees.
///
/// # Shapes
/// `out: [queries, head_size]`, a row every `width` entries.
pub fn attend(
	kernel: Kernel,
	queries: Queries<'_>,
	past: Past<'_>,
	scratch: &mut Vec<i32>,
	out: &mut [i32],
	width: usize,
) {
	if queries.maxima.is_empty() {
		return;
	}
	#[cfg(target_arch = "x86_64")]
	if attention::attend(kernel, queries, past, scratch, out, width) {
		return;
	}
	let size = queries.head_size();
	for (n, (query, &maximum)) in queries.entries.chunks_exact(size).zip(queries.maxima).enumerate() {
		let len = queries.first + n;
		let factor = QueryFactor::new(maximum, size);
		scratch.resize(len.next_multiple_of(attention::POSITIONS), 0);
		attention::key_products(kernel, query, past.keys, past.stride, len, scratch);
		let scratch = &mut scratch[..len];
		let largest = scores(kernel, scratch, &past.maxima[..len], factor);
		let total = probabilities(kernel, scratch, largest);
		let out = &mut out[n * width..n * width + size];
		attention::weighted_values(kernel, scratch, past.values, out);
		normalise(kernel, out, total);
	}
}

versions! {
	/// `out = round(out * 256 / total)`, halves away from zero, for 32,767 <= total < 2^23 and |out| <= 127 total.
	///
	/// The quotient is the integer part of n / 2 total for n = 512 |out| + total, below 2^15. The next integer is at
	/// least 1 / 2 total > 2^-24 away from it; half of that is added, and doubles err by less than 2^-36: so an
	/// integer stays one, and nothing below it becomes one.
	pub fn normalise(out: &mut [i32], total: i32) {
		let reciprocal = 0.5 / f64::from(total);
		let half = (f64::from(total) + 0.5) * reciprocal;
		for o in out {
			let quotient = f64::from(*o) * 512.0 * reciprocal + half.copysign(f64::from(*o));
			// SAFETY: below 2^15 in magnitude.
			*o = unsafe { quotient.to_int_unchecked() };
		}
	}
}

versions! {
	/// [`blyan_exact::loss`] over one row of logits.
	pub fn loss(logits: &[i32], target: u8) -> u64 {
		let mut largest = i32::MIN;
		for &z in logits {
			largest = largest.max(z);
		}
		let mut sum = 0_u64;
		for &z in logits {
			sum += u64::from((exp2_neg(largest.wrapping_sub(z) as u32) + 32) >> 6);
		}
		let normaliser = blyan_exact::exponential::log2_q16(sum) - (24 << 16);
		normaliser + u64::from(largest.wrapping_sub(logits[usize::from(target)]) as u32)
	}
}

versions! {
	/// Bytes of a table times its scale, as `blyan_exact::Matrix::embed`.
	pub fn embed(bytes: &[u8], mantissa: i64, shift: u32, out: &mut [i32]) {
		let bound = i64::from(RESIDUAL_MAX);
		for (h, &byte) in out.iter_mut().zip(bytes) {
			*h = shift_round(i64::from(byte as i8) * mantissa, shift).clamp(-bound, bound) as i32;
		}
	}
}

versions! {
	/// [`blyan_exact::add_residual`] over whole streams.
	pub fn add(residual: &mut [i32], update: &[i32]) {
		for (h, &u) in residual.iter_mut().zip(update) {
			*h = (*h + u).clamp(-RESIDUAL_MAX, RESIDUAL_MAX);
		}
	}
}

versions! {
	/// `residual += round(sum of gate * output / 2^15)` for one row, as `blyan_exact::routing::mix`.
	///
	/// # Shapes
	/// `residual: [width]`, `gates: [choices]`, `outputs: [choices, width]`.
	pub fn mix(residual: &mut [i32], gates: &[u32], outputs: &[i32]) {
		let bound = i64::from(RESIDUAL_MAX);
		let (width, half) = (residual.len(), 1 << 14);
		let add = |h: i32, sum: i64| {
			// Halves away from zero, as `shift_round`.
			let rounded = (sum + half + (sum >> 63)) >> 15;
			(i64::from(h) + rounded).clamp(-bound, bound) as i32
		};
		// A token has one or two experts.
		let gate = |choice: usize| i64::from(gates[choice]);
		if let [_, _] = gates {
			let (first, second) = outputs[..2 * width].split_at(width);
			for ((h, &a), &b) in residual.iter_mut().zip(first).zip(second) {
				*h = add(*h, gate(0) * i64::from(a) + gate(1) * i64::from(b));
			}
		} else {
			assert!(gates.len() == 1, "a token has one or two experts");
			for (h, &a) in residual.iter_mut().zip(&outputs[..width]) {
				*h = add(*h, gate(0) * i64::from(a));
			}
		}
	}
}

versions! {
	/// Index of the largest number, the first of several; zero of none.
	pub fn largest(numbers: &[i32]) -> usize {
		let mut largest = i32::MIN;
		for &number in numbers {
			largest = largest.max(number);
		}
		// Sixteen at a time without a branch, and then among those sixteen.
		let is_there = |part: &[i32]| part.iter().fold(0, |found, &number| found | i32::from(number == largest)) != 0;
		let begin = 16 * numbers.chunks(16).take_while(|part| !is_there(part)).count();
		let rest = numbers.get(begin..).unwrap_or(&[]);
		begin + rest.iter().position(|&number| number == largest).unwrap_or(0)
	}
}

/// [`blyan_exact::attention::quantise_head`] of a head of at most 64 entries, at most 2^22 in magnitude.
pub fn quantise_head(kernel: Kernel, head: &[i32], out: &mut [i8]) -> i32 {
	assert_eq!(head.len(), out.len(), "a head has as many entries before as after");
	#[cfg(target_arch = "x86_64")]
	if kernel.0 == Path::Avx512Vnni {
		// SAFETY: a kernel of this kind exists only where its instructions were detected; both are of that length.
		unsafe {
			match head.len() {
				16 => return norm::quantise_head::<1>(head, out),
				32 => return norm::quantise_head::<2>(head, out),
				48 => return norm::quantise_head::<3>(head, out),
				64 => return norm::quantise_head::<4>(head, out),
				_ => {}
			}
		}
	}
	quantise_any_head(kernel, head, out)
}

versions! {
	/// [`quantise_head`] with the division of [`quantise`].
	pub fn quantise_any_head(head: &[i32], out: &mut [i8]) -> i32 {
		let mut largest = 0;
		for &x in head {
			largest = largest.max(x.abs());
		}
		if largest == 0 {
			out.fill(0);
			return 0;
		}
		let reciprocal = ((1_u64 << 55) / (2 * largest as u64) + 1) as i64;
		for (q, &x) in out.iter_mut().zip(head) {
			let sign = x >> 31;
			let magnitude = i64::from((x ^ sign) - sign);
			let quotient = ((254 * magnitude + i64::from(largest)) * reciprocal) >> 55;
			*q = ((quotient as i32 ^ sign) - sign) as i8;
		}
		largest
	}
}

versions! {
	/// [`blyan_exact::rotary::rotate`].
	pub fn rotate(row: &mut [i32], angles: &[[i16; 2]]) {
		for head in row.chunks_exact_mut(2 * angles.len()) {
			for (pair, &[cos, sin]) in head.chunks_exact_mut(2).zip(angles) {
				let (x, y) = (i64::from(pair[0]), i64::from(pair[1]));
				let (cos, sin) = (i64::from(cos), i64::from(sin));
				pair[0] = shift_round(x * cos - y * sin, 14) as i32;
				pair[1] = shift_round(x * sin + y * cos, 14) as i32;
			}
		}
	}
}

versions! {
	/// [`blyan_exact::attention::quantise_value`] over a row.
	pub fn quantise_values(row: &[i32], out: &mut [i8]) {
		for (q, &v) in out.iter_mut().zip(row) {
			let sign = v >> 31;
			let magnitude = ((v ^ sign) - sign + 64) >> 7;
			*q = ((magnitude.min(127) ^ sign) - sign) as i8;
		}
	}
}
