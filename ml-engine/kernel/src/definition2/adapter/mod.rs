//! Products with adapted matrices: a base that experts share, and low-rank matrices of one expert.
//!
//! Accumulators of the base are computed once ([`accumulate`](super::accumulate)) and read by every expert that adapts it.
//! [`adapt`] adds an expert's own share, `(B (A q)) << e`, and rescales.
//!
//! A is multiplied row by row, in the order of the file. Its sums u take up to 35 bits; vectors split them into limbs of 15
//! bits, the last one signed, so that B's codes meet numbers of 16 bits and sums over 64 ranks stay below
//! 2^6 * 2^7 * 2^15 = 2^28.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

use super::{rescale::Rescale, Inputs, Kernel, PackedView, ROWS};
#[cfg(target_arch = "x86_64")]
use crate::Path;
use blyan_exact::definition2::{adapter::Adapter, linear::excess};

/// Largest rank.
pub const RANK_MAX: usize = 64;
/// Bits of a limb.
const LIMB_BITS: u32 = 15;
/// Limbs that hold every sum: 45 bits.
const LIMBS_MAX: usize = 3;
/// Columns whose products fit 32 bits: 2^7 * 2047 * 8192 < 2^31.
const COLUMNS: usize = 8_192;
/// Tokens that are multiplied with a block of rows together.
const TOKENS: usize = 4;
/// Bytes of two columns of a block.
const PAIR: usize = 2 * ROWS;

/// Adapter of one matrix in the order of execution.
///
/// The first matrix keeps its rows. The second lies in blocks of sixteen rows, a block holding one pair of columns after the
/// other: byte 2 r + c of a pair is column c of row r. Rows and columns past the last ones are zeros.
#[derive(Clone, Debug)]
pub struct PackedAdapter {
	rank: usize,
	columns: usize,
	rows: usize,
	shift: u32,
	input: Vec<i8>,
	output: Vec<i8>,
}

impl PackedAdapter {
	/// Packs an adapter.
	pub fn pack(adapter: &Adapter<'_>) -> Self {
		let (input, output) = (adapter.input(), adapter.output());
		let (rank, columns, rows) = (input.rows, input.cols, output.rows);
		assert!((1..=RANK_MAX).contains(&rank), "rank {rank} is between 1 and {RANK_MAX}");
		let block = rank.div_ceil(2) * PAIR;
		let mut packed = vec![0; rows.div_ceil(ROWS) * block];
		for (row, codes) in output.bytes.chunks_exact(rank).enumerate() {
			let place = row / ROWS * block + row % ROWS * 2;
			for (column, &code) in codes.iter().enumerate() {
				packed[place + column / 2 * PAIR + column % 2] = code as i8;
			}
		}
		let input = input.bytes.iter().map(|&code| code as i8).collect();
		Self { rank, columns, rows, shift: adapter.shift().into(), input, output: packed }
	}

	/// Returns the bytes in memory.
	pub fn bytes(&self) -> usize {
		self.input.len() + self.output.len()
	}

	/// Returns the rank.
	pub fn rank(&self) -> usize {
		self.rank
	}

	/// Computes the products of the first matrix with some of the inputs: `low_rank` of the definition. [`adapt`] computes
	/// them by itself; a trace commits to them.
	///
	/// # Shapes
	/// `out: [tokens, rank]`.
	pub fn low_rank(&self, kernel: Kernel, inputs: &Inputs, tokens: &[u32], out: &mut [i64]) {
		assert_eq!(inputs.width, self.columns, "activations fit the columns");
		assert_eq!(out.len(), tokens.len() * self.rank, "a sum for every rank and token");
		for (&token, out) in tokens.iter().zip(out.chunks_exact_mut(self.rank)) {
			project(kernel, &self.input, inputs.row(token as usize), out);
		}
	}

	fn block(&self, index: usize) -> &[i8] {
		let bytes = self.rank.div_ceil(2) * PAIR;
		&self.output[index * bytes..(index + 1) * bytes]
	}
}

/// Base matrix under an adapter: what its accumulators mean.
#[derive(Clone, Copy, Debug)]
pub struct Adapted<'a> {
	/// The base.
	pub base: PackedView<'a>,
	/// Accumulators of all inputs, by [`accumulate`](super::accumulate): `[inputs, rows]`.
	pub sums: &'a [i64],
	/// The expert's matrices.
	pub adapter: &'a PackedAdapter,
}

/// Computes the adapted `linear` of the definition for some of the inputs.
///
/// # Shapes
/// `out: [tokens, rows]`.
pub fn adapt(
	kernel: Kernel,
	adapted: Adapted<'_>,
	inputs: &Inputs,
	tokens: &[u32],
	fraction: u32,
	bound: i32,
	out: &mut [i32],
) {
	let Adapted { base, sums, adapter } = adapted;
	let rows = base.rows;
	assert_eq!((adapter.rows, adapter.columns), (rows, base.columns), "the adapter fits its base");
	assert_eq!(inputs.width, base.columns, "activations fit the columns");
	assert_eq!(sums.len(), inputs.tokens() * rows, "an accumulator for every row and token");
	assert_eq!(out.len(), tokens.len() * rows, "an output for every row and token");
	let refinement = base.kind.refinement();
	let before = excess(base.peak, inputs.bits as u8, base.columns);
	let power = fraction as i32 + before as i32 - base.kind.unit();
	let mut products = [[0; RANK_MAX]; TOKENS];
	for (tokens, out) in tokens.chunks(TOKENS).zip(out.chunks_mut(TOKENS * rows)) {
		let mut rescales = [Rescale::new(base.scale, 0, bound); TOKENS];
		let mut bases: [&[i64]; TOKENS] = [&[]; TOKENS];
		for (t, &token) in tokens.iter().enumerate() {
			let token = token as usize;
			let scale = base.scale.times(inputs.scale(token)).shifted(power);
			rescales[t] = Rescale::new(scale, before + refinement, bound);
			bases[t] = &sums[token * rows..(token + 1) * rows];
			project(kernel, &adapter.input, inputs.row(token), &mut products[t][..adapter.rank]);
		}
		let group = Group { adapter, refinement, rescales, bases, tokens: tokens.len() };
		group.run(kernel, &products, out);
	}
}

/// Up to [`TOKENS`] tokens on their way through one adapter.
struct Group<'a> {
	adapter: &'a PackedAdapter,
	refinement: u32,
	rescales: [Rescale; TOKENS],
	/// Accumulators of the base, of each token.
	bases: [&'a [i64]; TOKENS],
	tokens: usize,
}

impl Group<'_> {
	fn run(&self, kernel: Kernel, products: &[[i64; RANK_MAX]; TOKENS], out: &mut [i32]) {
		match kernel.0 {
			// SAFETY: a kernel of this kind exists only where its instructions were detected.
			#[cfg(target_arch = "x86_64")]
			Path::Avx512Vnni => unsafe { avx512::run(self, &Limbs::new(self, products), out) },
			// SAFETY: as above.
			#[cfg(target_arch = "x86_64")]
			Path::Avx2 => unsafe { avx2::run(self, &Limbs::new(self, products), out) },
			_ => self.portable(products, out),
		}
	}

	fn portable(&self, products: &[[i64; RANK_MAX]; TOKENS], out: &mut [i32]) {
		for (t, out) in out.chunks_exact_mut(self.adapter.rows).enumerate() {
			for (index, out) in out.chunks_mut(ROWS).enumerate() {
				let mut shares = [0_i64; ROWS];
				let columns = self.adapter.block(index).as_chunks::<PAIR>().0;
				for (codes, u) in columns.iter().zip(products[t].as_chunks::<2>().0) {
					for (share, [a, b]) in shares.iter_mut().zip(codes.as_chunks::<2>().0) {
						*share += i64::from(*a) * u[0] + i64::from(*b) * u[1];
					}
				}
				self.store(t, index, &shares, out);
			}
		}
	}

	/// Adds the shares of a block to the base's accumulators, and rescales them.
	#[inline(always)]
	fn store(&self, t: usize, index: usize, shares: &[i64; ROWS], out: &mut [i32]) {
		let base = &self.bases[t][index * ROWS..];
		for ((y, &share), &sum) in out.iter_mut().zip(shares).zip(base) {
			*y = self.rescales[t].apply_clamped((sum << self.refinement) + (share << self.adapter.shift));
		}
	}
}

/// Low-rank sums, split for vectors.
#[cfg(target_arch = "x86_64")]
struct Limbs {
	/// Limbs that are not zero for sure.
	count: usize,
	/// By token and limb: pairs of ranks, the first of a pair in the low half.
	pairs: [[[i32; RANK_MAX / 2]; LIMBS_MAX]; TOKENS],
}

#[cfg(target_arch = "x86_64")]
impl Limbs {
	fn new(group: &Group<'_>, products: &[[i64; RANK_MAX]; TOKENS]) -> Self {
		let rank = group.adapter.rank;
		let used = || products[..group.tokens].iter().flat_map(|u| &u[..rank]);
		let count = if used().all(|u| (-(1 << 30)..1 << 30).contains(u)) { 2 } else { LIMBS_MAX };
		let mut pairs = [[[0; RANK_MAX / 2]; LIMBS_MAX]; TOKENS];
		for (pairs, u) in pairs.iter_mut().zip(&products[..group.tokens]) {
			for (limb, pairs) in pairs[..count].iter_mut().enumerate() {
				let half = |u: i64| {
					let rest = u >> (LIMB_BITS as usize * limb);
					(if limb + 1 < count { rest & 0x7fff } else { rest }) as u16
				};
				for (pair, u) in pairs.iter_mut().zip(u[..rank].chunks(2)) {
					let high = u.get(1).map_or(0, |&u| half(u));
					*pair = (u32::from(half(u[0])) | u32::from(high) << 16) as i32;
				}
			}
		}
		Self { count, pairs }
	}
}

crate::versions! {
	/// Multiplies the rows of the first matrix with one token's activations.
	pub fn project(input: &[i8], q: &[i16], out: &mut [i64]) {
		for (row, u) in input.chunks_exact(q.len()).zip(out) {
			*u = 0;
			for (codes, q) in row.chunks(COLUMNS).zip(q.chunks(COLUMNS)) {
				let mut sum = 0_i32;
				for (&code, &q) in codes.iter().zip(q) {
					sum += i32::from(code) * i32::from(q);
				}
				*u += i64::from(sum);
			}
		}
	}
}
