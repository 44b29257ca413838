//! Activations of many tokens, in order and in the order in which products read them.

use super::{Kernel, Real};
use std::ops::Range;

/// Tokens of the largest tile; parts of a batch begin at a multiple.
pub const TOKENS: usize = 8;
/// Columns whose activations are added up: the smallest group of weights.
pub(crate) const GROUP: usize = 32;

/// Returns the tokens of the next tile: a power of two.
pub(crate) fn tile_tokens(left: usize) -> usize {
	match left {
		TOKENS.. => TOKENS,
		_ => 1 << left.ilog2(),
	}
}

/// Quantised activations of a batch.
///
/// Besides the rows themselves there are tiles of 8, 4, 2 or 1 tokens, in which four columns of each token follow
/// each other. An entry of more than 8 bits takes two bytes there: with AVX-512 four high halves of 8 bits and then four low
/// ones of 4 bits, `16 high + low`, otherwise four `i16` in the order 0, 2, 1, 3.
#[derive(Clone, Debug)]
pub struct Inputs {
	pub(crate) kernel: Kernel,
	pub(crate) width: usize,
	pub(crate) bits: u32,
	/// `[tokens, width]`
	pub(crate) values: Vec<i16>,
	/// `[tokens]`
	pub(crate) scales: Vec<Real>,
	pub(crate) tiles: Vec<u8>,
	/// Sums of [`GROUP`] columns: by tile, group and token.
	pub(crate) sums: Vec<i32>,
	/// Sums of rows.
	pub(crate) totals: Vec<i32>,
	/// Scratch of quantisation.
	pub(crate) entries: Vec<i64>,
}

impl Default for Inputs {
	fn default() -> Self {
		Self {
			kernel: Kernel::PORTABLE,
			width: 0,
			bits: 8,
			values: Vec::new(),
			scales: Vec::new(),
			tiles: Vec::new(),
			sums: Vec::new(),
			totals: Vec::new(),
			entries: Vec::new(),
		}
	}
}

impl Inputs {
	/// Returns the number of rows.
	pub fn tokens(&self) -> usize {
		self.scales.len()
	}

	/// Returns the entries of a row.
	pub fn width(&self) -> usize {
		self.width
	}

	/// Returns the bits of an entry.
	pub fn bits(&self) -> u32 {
		self.bits
	}

	/// Returns one row.
	pub fn row(&self, token: usize) -> &[i16] {
		&self.values[token * self.width..(token + 1) * self.width]
	}

	/// Returns the scale of one row.
	pub fn scale(&self, token: usize) -> Real {
		self.scales[token]
	}

	/// Takes rows that have been quantised elsewhere.
	///
	/// # Shapes
	/// `values: [tokens, width]`, `scales: [tokens]`.
	pub fn set_rows(&mut self, kernel: Kernel, values: &[i16], scales: &[Real], width: usize, bits: u32) {
		assert_eq!(values.len(), scales.len() * width, "a scale for every row");
		self.reshape(kernel, scales.len(), width, bits);
		self.values.copy_from_slice(values);
		self.scales.copy_from_slice(scales);
		self.arrange();
	}

	/// Copies the rows of some tokens, in that order.
	pub fn gather(&self, tokens: &[u32]) -> Self {
		let mut rows = Self::default();
		rows.reshape(self.kernel, tokens.len(), self.width, self.bits);
		let width = self.width;
		for (row, &token) in tokens.iter().enumerate() {
			rows.values[row * width..(row + 1) * width].copy_from_slice(self.row(token as usize));
			rows.scales[row] = self.scale(token as usize);
		}
		rows.arrange();
		rows
	}

	/// Returns all rows.
	pub fn view(&self) -> InputsView<'_> {
		self.part(0..self.tokens())
	}

	/// Returns some rows: from a multiple of [`TOKENS`] to another, or to the end.
	pub fn part(&self, tokens: Range<usize>) -> InputsView<'_> {
		let ends_whole = tokens.end.is_multiple_of(TOKENS) || tokens.end == self.tokens();
		assert!(tokens.start.is_multiple_of(TOKENS) && ends_whole, "{tokens:?} are not whole tiles");
		InputsView { inputs: self, tokens: (tokens.start, tokens.end) }
	}

	/// Makes room in the memory of earlier rows.
	pub(crate) fn reshape(&mut self, kernel: Kernel, tokens: usize, width: usize, bits: u32) {
		assert!(width.is_multiple_of(GROUP), "{width} columns are not a multiple of {GROUP}");
		assert!((8..=12).contains(&bits), "activations have 8 to 12 bits, not {bits}");
		(self.kernel, self.width, self.bits) = (kernel, width, bits);
		self.values.resize(tokens * width, 0);
		self.scales.resize(tokens, Real::default());
	}

	/// Returns the bytes of an entry in a tile.
	pub(crate) fn entry_bytes(&self) -> usize {
		match self.kernel.0 {
			#[cfg(target_arch = "x86_64")]
			crate::Path::Avx512Vnni if self.bits == 8 => 1,
			_ => 2,
		}
	}

	/// Fills the tiles, once the rows are complete.
	pub(crate) fn arrange(&mut self) {
		let (tokens, width) = (self.tokens(), self.width);
		let bytes = self.entry_bytes();
		self.sums.resize(tokens * width / GROUP, 0);
		self.totals.resize(tokens, 0);
		let is_tiled = match self.kernel.0 {
			#[cfg(target_arch = "x86_64")]
			crate::Path::Avx2 | crate::Path::Avx512Vnni => true,
			_ => false,
		};
		self.tiles.resize(if is_tiled { tokens * width * bytes } else { 0 }, 0);
		let mut token = 0;
		while token < tokens {
			let n = tile_tokens(tokens - token);
			let sums = &mut self.sums[token * width / GROUP..(token + n) * width / GROUP];
			for (t, row) in self.values[token * width..(token + n) * width].chunks_exact(width).enumerate() {
				self.totals[token + t] = add_groups(self.kernel, row, n, &mut sums[t..]);
				if !is_tiled {
					continue;
				}
				let tile = &mut self.tiles[token * width * bytes..(token + n) * width * bytes];
				let tile = &mut tile[4 * bytes * t..];
				match (self.kernel.0, bytes) {
					#[cfg(target_arch = "x86_64")]
					(crate::Path::Avx512Vnni, 1) => place_bytes(self.kernel, row, n, tile),
					#[cfg(target_arch = "x86_64")]
					(crate::Path::Avx512Vnni, _) => place_halves(self.kernel, row, n, tile),
					_ => place_words(self.kernel, row, n, tile),
				}
			}
			token += n;
		}
	}
}

crate::versions! {
	/// Adds up groups of a row; returns the sum of all.
	pub fn add_groups(row: &[i16], n: usize, sums: &mut [i32]) -> i32 {
		let mut total = 0;
		for (group, sum) in row.as_chunks::<GROUP>().0.iter().zip(sums.iter_mut().step_by(n)) {
			*sum = group.iter().map(|&q| i32::from(q)).sum();
			total += *sum;
		}
		total
	}
}

crate::versions! {
	/// Places entries of 8 bits.
	pub fn place_bytes(row: &[i16], n: usize, tile: &mut [u8]) {
		for (four, place) in row.as_chunks::<4>().0.iter().zip(tile.chunks_mut(4 * n)) {
			place[..4].copy_from_slice(&four.map(|q| q as u8));
		}
	}
}

crate::versions! {
	/// Places high and low halves.
	pub fn place_halves(row: &[i16], n: usize, tile: &mut [u8]) {
		for (four, place) in row.as_chunks::<4>().0.iter().zip(tile.chunks_mut(8 * n)) {
			place[..4].copy_from_slice(&four.map(|q| (q >> 4) as u8));
			place[4..8].copy_from_slice(&four.map(|q| (q & 15) as u8));
		}
	}
}

crate::versions! {
	/// Places entries of 16 bits, even ones before odd ones.
	pub fn place_words(row: &[i16], n: usize, tile: &mut [u8]) {
		for (&[a, b, c, d], place) in row.as_chunks::<4>().0.iter().zip(tile.chunks_mut(8 * n)) {
			let [[a, e], [b, f], [c, g], [d, h]] = [a, b, c, d].map(i16::to_le_bytes);
			place[..8].copy_from_slice(&[a, e, c, g, b, f, d, h]);
		}
	}
}

/// Some rows of a batch.
#[derive(Clone, Copy, Debug)]
pub struct InputsView<'a> {
	pub(crate) inputs: &'a Inputs,
	tokens: (usize, usize),
}

/// Tokens that are multiplied together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tile<'a> {
	/// Index within the view.
	pub(crate) token: usize,
	pub(crate) tokens: usize,
	pub(crate) entries: &'a [u8],
	/// `[groups, tokens]`
	pub(crate) sums: &'a [i32],
	/// `[tokens]`
	pub(crate) totals: &'a [i32],
}

impl<'a> InputsView<'a> {
	/// Returns the number of rows.
	pub fn tokens(&self) -> usize {
		self.tokens.1 - self.tokens.0
	}

	/// Returns some of these rows, whole tiles as in [`Inputs::part`].
	pub(crate) fn slice(&self, tokens: Range<usize>) -> Self {
		self.inputs.part(self.tokens.0 + tokens.start..self.tokens.0 + tokens.end)
	}

	pub(crate) fn row(&self, token: usize) -> &'a [i16] {
		self.inputs.row(self.tokens.0 + token)
	}

	pub(crate) fn scale(&self, token: usize) -> Real {
		self.inputs.scale(self.tokens.0 + token)
	}

	/// Returns the tiles from one that begins at a token of the view.
	pub(crate) fn tiles(&self, range: Range<usize>) -> impl Iterator<Item = Tile<'a>> + use<'a> {
		let (inputs, first) = (self.inputs, self.tokens.0);
		let (width, bytes) = (inputs.width, inputs.entry_bytes());
		let mut token = range.start;
		std::iter::from_fn(move || {
			let at = first + token;
			let n = tile_tokens((range.end - token).max(1));
			if token >= range.end {
				return None;
			}
			let tile = Tile {
				token,
				tokens: n,
				entries: &inputs.tiles[at * width * bytes..(at + n) * width * bytes],
				sums: &inputs.sums[at * width / GROUP..(at + n) * width / GROUP],
				totals: &inputs.totals[at..at + n],
			};
			token += n;
			Some(tile)
		})
	}
}
