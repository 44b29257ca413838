//! KV cache: quantised keys and values of earlier positions, and the same as rows of a trace.

use super::recorder::small_integers;
use crate::kernel::{
	attention::{self, keys_len, put_key, put_values, HeadCache, Queries, POSITIONS},
	Kernel,
};
use blyan_exact::ModelConfig;
use rayon::prelude::*;

/// Largest head of any model.
const HEAD_SIZE_MAX: usize = 64;

/// KV cache of one sequence in one layer: head by head, each in the layout of [`attention`](crate::kernel::attention).
#[derive(Clone, Debug)]
pub struct KvCache {
	head_size: usize,
	/// Positions there is room for.
	stride: usize,
	len: usize,
	keys: Vec<i8>,
	maxima: Vec<i32>,
	values: Vec<i8>,
}

/// Part of a [`KvCache`] that belongs to one head.
struct Head<'a> {
	stride: usize,
	keys: &'a mut [i8],
	maxima: &'a mut [i32],
	values: &'a mut [i8],
}

impl Head<'_> {
	/// Quantises and stores positions from `first` on: `keys` and `values` have a row of `size` entries for each. `note`
	/// is called with token, key, its maximum, and value.
	fn put<'a>(
		&mut self,
		kernel: Kernel,
		first: usize,
		rows: impl Iterator<Item = (&'a [i32], &'a [i32])>,
		mut note: impl FnMut(usize, &[i8], i32, &[i8]),
	) {
		let mut quantised_key = [0; HEAD_SIZE_MAX];
		let mut quantised_values = [0; 2 * HEAD_SIZE_MAX];
		// Of the values, whose even positions wait for the odd ones.
		let (mut size, mut begin, mut end) = (0, first, first);
		for (token, (key, value)) in rows.enumerate() {
			size = key.len();
			let quantised_key = &mut quantised_key[..size];
			self.maxima[end] = attention::quantise_head(kernel, key, quantised_key);
			put_key(self.keys, self.stride, end, quantised_key);
			let quantised_value = &mut quantised_values[(end - begin) * size..][..size];
			attention::quantise_values(kernel, value, quantised_value);
			note(token, quantised_key, self.maxima[end], quantised_value);
			end += 1;
			if end.is_multiple_of(2) {
				put_values(self.values, size, begin, &quantised_values[..(end - begin) * size]);
				begin = end;
			}
		}
		if begin < end {
			put_values(self.values, size, begin, &quantised_values[..size]);
		}
	}
}

/// Some neighbouring heads of a [`KvCache`].
pub(super) struct Heads<'a> {
	size: usize,
	stride: usize,
	/// Positions so far.
	first: usize,
	keys: &'a mut [i8],
	maxima: &'a mut [i32],
	values: &'a mut [i8],
}

impl Heads<'_> {
	/// Appends a position and attends from it to all positions.
	///
	/// # Shapes
	/// `queries, keys, values, out: [heads, head_size]`, queries and keys rotated.
	pub(super) fn extend_and_attend(
		self,
		kernel: Kernel,
		[queries, keys, values]: [&[i32]; 3],
		scratch: &mut Vec<i32>,
		out: &mut [i32],
	) {
		let Self { size, stride, first, .. } = self;
		let rows = queries.chunks_exact(size).zip(keys.chunks_exact(size)).zip(values.chunks_exact(size));
		let heads =
			self.keys.chunks_exact_mut(keys_len(stride, size)).zip(self.maxima.chunks_exact_mut(stride));
		let heads = heads.zip(self.values.chunks_exact_mut(size * stride));
		for ((((query, key), value), ((keys, maxima), values)), out) in
			rows.zip(heads).zip(out.chunks_exact_mut(size))
		{
			let mut head = Head { stride, keys, maxima, values };
			head.put(kernel, first, std::iter::once((key, value)), |_, _, _, _| {});
			let mut entries = [0; HEAD_SIZE_MAX];
			let entries = &mut entries[..size];
			let maximum = attention::quantise_head(kernel, query, entries);
			let queries = Queries { entries, maxima: &[maximum], first: first + 1 };
			let cache = HeadCache { keys, maxima, values, stride };
			attention::attend(kernel, queries, cache, scratch, out, size);
		}
	}
}

impl KvCache {
	/// Creates an empty cache with room for `positions`.
	pub fn new(config: &ModelConfig, positions: usize) -> Self {
		let (d, head_size) = (usize::from(config.d_model), config.head_size());
		let stride = positions.next_multiple_of(POSITIONS);
		Self {
			head_size,
			stride,
			len: 0,
			keys: vec![0; usize::from(config.heads) * keys_len(stride, head_size)],
			maxima: vec![0; usize::from(config.heads) * stride],
			values: vec![0; d * stride],
		}
	}

	/// Returns whether it fits models of this shape and as many positions.
	pub(super) fn fits(&self, config: &ModelConfig, positions: usize) -> bool {
		let (size, stride) = (config.head_size(), positions.next_multiple_of(POSITIONS));
		(self.head_size, self.stride) == (size, stride)
			&& self.values.len() == usize::from(config.d_model) * stride
	}

	/// Returns the number of cached positions.
	pub fn len(&self) -> usize {
		self.len
	}

	/// Returns whether no position is cached.
	pub fn is_empty(&self) -> bool {
		self.len == 0
	}

	/// Returns the bytes of memory that all positions take, whether or not they are in use.
	pub fn bytes(&self) -> usize {
		self.keys.len() + self.values.len() + size_of_val(&self.maxima[..])
	}

	/// Forgets all positions.
	pub fn clear(&mut self) {
		self.len = 0;
	}

	/// Appends positions; with several `threads`, the current pool takes the heads side by side.
	///
	/// # Shapes
	/// `keys, values: [tokens, d_model]`, keys rotated.
	pub(super) fn extend(
		&mut self,
		kernel: Kernel,
		keys: &[i32],
		values: &[i32],
		threads: usize,
		mut head_rows: Option<(&mut HeadRows, usize)>,
	) {
		let (size, stride, first) = (self.head_size, self.stride, self.len);
		let width = self.values.len() / stride;
		let store = |index: usize, mut head: Head<'_>, mut note: Option<(&mut HeadRows, usize)>| {
			let of_head = index * size..(index + 1) * size;
			let rows = keys.chunks_exact(width).zip(values.chunks_exact(width));
			let rows = rows.map(|(key, value)| (&key[of_head.clone()], &value[of_head.clone()]));
			head.put(kernel, first, rows, |token, key, maximum, value| {
				if let Some((rows, sequence)) = &mut note {
					rows.put((*sequence, token), index, key, maximum, value);
				}
			});
		};
		let tokens = keys.len() / width;
		let keys_len = keys_len(stride, size);
		if threads > 1 && tokens > 1 {
			let heads = self.keys.par_chunks_mut(keys_len).zip(self.maxima.par_chunks_mut(stride));
			heads.zip(self.values.par_chunks_mut(size * stride)).enumerate().for_each(
				|(index, ((keys, maxima), values))| store(index, Head { stride, keys, maxima, values }, None),
			);
		} else {
			let heads = self.keys.chunks_exact_mut(keys_len).zip(self.maxima.chunks_exact_mut(stride));
			for (index, ((keys, maxima), values)) in
				heads.zip(self.values.chunks_exact_mut(size * stride)).enumerate()
			{
				let note = head_rows.as_mut().map(|(rows, sequence)| (&mut **rows, *sequence));
				store(index, Head { stride, keys, maxima, values }, note);
			}
		}
		self.len += tokens;
	}

	/// Divides the heads, `count` at a time, among threads that each append one position to theirs and attend from it.
	pub(super) fn shared_heads(&mut self, count: usize) -> impl IndexedParallelIterator<Item = Heads<'_>> {
		let (size, stride, first) = (self.head_size, self.stride, self.len);
		self.len += 1;
		let keys = self.keys.par_chunks_mut(count * keys_len(stride, size));
		let parts = keys.zip(self.maxima.par_chunks_mut(count * stride));
		let parts = parts.zip(self.values.par_chunks_mut(count * size * stride));
		parts.map(move |((keys, maxima), values)| Heads { size, stride, first, keys, maxima, values })
	}

	/// Computes one head of consecutive queries, each over the positions it sees: `out: [queries, head_size]`, a row every
	/// `width` entries.
	pub(super) fn attend(
		&self,
		kernel: Kernel,
		head: usize,
		queries: Queries<'_>,
		scratch: &mut Vec<i32>,
		out: &mut [i32],
		width: usize,
	) {
		let (stride, size) = (self.stride, self.head_size);
		let of_head = |len: usize| head * len..(head + 1) * len;
		let cache = HeadCache {
			keys: &self.keys[of_head(keys_len(stride, size))],
			maxima: &self.maxima[of_head(stride)],
			values: &self.values[of_head(size * stride)],
			stride,
		};
		attention::attend(kernel, queries, cache, scratch, out, width);
	}
}

/// Keys and values of a batch as rows of a trace: one row a head, one entry a position.
pub(super) struct HeadRows {
	heads: usize,
	positions: usize,
	head_size: usize,
	/// All keys, each entry with its maximum behind it.
	pub(super) keys: Vec<u8>,
	/// All values.
	pub(super) values: Vec<u8>,
}

impl HeadRows {
	pub(super) fn new(config: &ModelConfig, sequences: usize, positions: usize) -> Self {
		let (heads, head_size) = (usize::from(config.heads), config.head_size());
		let entries = sequences * heads * positions;
		let (keys, values) = (vec![0; entries * (head_size + 4)], vec![0; entries * head_size]);
		Self { heads, positions, head_size, keys, values }
	}

	/// Writes the entries of a head at a position of a sequence.
	fn put(
		&mut self,
		(sequence, position): (usize, usize),
		head: usize,
		key: &[i8],
		maximum: i32,
		value: &[i8],
	) {
		let entry = (sequence * self.heads + head) * self.positions + position;
		let bytes = self.head_size + 4;
		let (entries, behind) = self.keys[entry * bytes..(entry + 1) * bytes].split_at_mut(self.head_size);
		entries.copy_from_slice(small_integers(key));
		behind.copy_from_slice(&maximum.to_le_bytes());
		self.values[entry * self.head_size..][..self.head_size].copy_from_slice(small_integers(value));
	}
}
