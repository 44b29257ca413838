//! Layout of a head's keys and values, in the order of the instructions that multiply them.
//!
//! Four neighbouring entries of a key are multiplied and added at once, and of values, whose weights have 15 bits, two
//! neighbouring positions.
//!
//! ```text
//! keys    [head_size / 4][stride][4]     entries 4j to 4j + 3 of every position, zeros past the last entry
//! values  [stride / 2][head_size][2]     positions 2p and 2p + 1 of every entry
//! ```
//!
//! `stride` is the number of positions there is room for, a multiple of [`POSITIONS`].

/// Positions that are multiplied at once.
pub const POSITIONS: usize = 16;
/// Entries of a key that lie together.
pub const ENTRIES: usize = 4;

/// Returns the index of an entry of a key.
pub fn key_index(stride: usize, position: usize, entry: usize) -> usize {
	(entry / ENTRIES * stride + position) * ENTRIES + entry % ENTRIES
}

/// Returns the bytes that the keys of a head take.
pub fn keys_len(stride: usize, head_size: usize) -> usize {
	head_size.next_multiple_of(ENTRIES) * stride
}

/// Returns the index of an entry of a value.
pub fn value_index(head_size: usize, position: usize, entry: usize) -> usize {
	(position / 2 * head_size + entry) * 2 + position % 2
}

/// Stores a quantised key among those of its head.
pub fn put_key(keys: &mut [i8], stride: usize, position: usize, key: &[i8]) {
	for (group, four) in key.chunks(ENTRIES).enumerate() {
		let at = key_index(stride, position, ENTRIES * group);
		keys[at..at + four.len()].copy_from_slice(four);
	}
}

/// Stores quantised values among those of their head: at an even position and the one behind it, or at one of them.
///
/// # Shapes
/// `new: [1 or 2, head_size]`.
pub fn put_values(values: &mut [i8], head_size: usize, position: usize, new: &[i8]) {
	let at = value_index(head_size, position, 0);
	let (even, odd) = new.split_at(head_size);
	if odd.is_empty() {
		for (entry, &value) in even.iter().enumerate() {
			values[at + 2 * entry] = value;
		}
	} else {
		let pairs = values[at..at + 2 * head_size].as_chunks_mut::<2>().0;
		for ((pair, &even), &odd) in pairs.iter_mut().zip(even).zip(odd) {
			*pair = [even, odd];
		}
	}
}

/// Quantised queries of one head at consecutive positions.
#[derive(Clone, Copy, Debug)]
pub struct Queries<'a> {
	/// `[queries, head_size]`
	pub entries: &'a [i8],
	/// `[queries]`, Q12
	pub maxima: &'a [i32],
	/// Positions that the first of them sees; each sees one more than the one before.
	pub first: usize,
}

impl Queries<'_> {
	pub(crate) fn head_size(&self) -> usize {
		self.entries.len() / self.maxima.len()
	}

	/// Returns the number of positions that the last query sees.
	#[cfg(target_arch = "x86_64")]
	pub(crate) fn positions(&self) -> usize {
		self.first + self.maxima.len() - 1
	}
}

/// KV cache of one head: quantised keys and values of the positions so far.
#[derive(Clone, Copy, Debug)]
pub struct HeadCache<'a> {
	/// As drawn above, [`keys_len`] bytes.
	pub keys: &'a [i8],
	/// `[stride]`, Q12: the keys' maxima. What follows the last position seen is as small.
	pub maxima: &'a [i32],
	/// As drawn above.
	pub values: &'a [i8],
	/// Positions there is room for.
	pub stride: usize,
}
