//! Features of a text, in integers: hashed runs of bytes, words and pairs of words.
//!
//! ```text
//! text ──> its first bytes; small letters, one digit, one space ──> hashes (FNV-1a) ──> counts by place ──> 16 x root of the count
//! ```
//!
//! The classifiers were trained on what `train/features.py` computes. `tests/golden.json` has vectors that both have to give.

use crate::wire::Vector;

const BASIS: u32 = 0x811c_9dc5;
const PRIME: u32 = 0x0100_0193;
const GOLDEN: u32 = 0x9e37_79b9;
/// Sixteen times the root of a count, rounded down.
static ROOTS: [u8; 256] = roots();
const WORD: u32 = 16;
const PAIR: u32 = 32;

/// The part of a text that a classifier sees.
#[derive(Clone, Copy)]
pub struct View {
	/// Bytes from the beginning of the text.
	pub bytes_max: usize,
	/// Adds runs of bytes, of the lengths that the classifier sees.
	runs: fn(&[u8], &mut Adder<'_>),
	/// True for words.
	pub words: bool,
	/// True for pairs of words.
	pub pairs: bool,
	/// The vector has two to the power of this many places.
	pub bits: u32,
}

/// Views of the classifiers, in the order of their numbers.
pub static VIEWS: [View; 3] = [
	View { bytes_max: 1_024, runs: runs::<2, 3>, words: false, pairs: true, bits: 12 },
	View { bytes_max: 512, runs: runs::<2, 4>, words: false, pairs: false, bits: 12 },
	View { bytes_max: 1_024, runs: runs::<4, 4>, words: true, pairs: false, bits: 13 },
];

/// Room that is used again from text to text.
#[derive(Default)]
pub struct Room {
	bytes: Vec<u8>,
	/// Counts by place, all zero between two texts.
	counts: Vec<u8>,
	/// Places that were counted, and as many more as there are.
	places: Vec<u16>,
}

/// The vector of a text.
pub fn vector(text: &str, view: &View, room: &mut Room) -> Vector {
	room.counts.resize(room.counts.len().max(1 << view.bits), 0);
	room.places.resize(room.counts.len() + 1, 0);
	plain(text, view.bytes_max, &mut room.bytes);
	let mut add =
		Adder { counts: &mut room.counts, places: &mut room.places, shift: 32 - view.bits, used: 0 };
	(view.runs)(&room.bytes, &mut add);
	if view.words || view.pairs {
		words(&room.bytes, view, &mut add);
	}
	let used = add.used;
	let mut sum = 0_u64;
	let mut entries = Vec::with_capacity(used);
	for place in room.places.iter().take(used) {
		let count = room.counts.get_mut(usize::from(*place)).map(std::mem::take).unwrap_or_default();
		let value = ROOTS[usize::from(count)];
		sum += u64::from(value) * u64::from(value);
		entries.push((*place, value));
	}
	Vector { norm: u32::try_from(sum.isqrt().max(1)).unwrap_or(u32::MAX), entries }
}

/// Adds hashes to counts.
pub struct Adder<'a> {
	counts: &'a mut [u8],
	places: &'a mut [u16],
	shift: u32,
	/// Distinct places so far.
	used: usize,
}

impl Adder<'_> {
	fn add(&mut self, hash: u32, kind: u32) {
		let place = mix(hash, kind) >> self.shift;
		let (Some(count), Some(next)) = (self.counts.get_mut(place as usize), self.places.get_mut(self.used))
		else {
			return;
		};
		// Written in either case, and kept if it is new: half of the places are, and a branch would be guessed wrong as often.
		*next = place as u16;
		self.used += usize::from(*count == 0);
		*count = count.saturating_add(1);
	}
}

/// Adds runs of `SHORTEST` to `LONGEST` bytes from every byte on; the loop within is unrolled for either.
fn runs<const SHORTEST: usize, const LONGEST: usize>(bytes: &[u8], add: &mut Adder<'_>) {
	let mut from = |run: &[u8]| {
		let mut hash = BASIS;
		for (index, byte) in run.iter().enumerate() {
			hash = step(hash, *byte);
			if index + 1 >= SHORTEST {
				add.add(hash, index as u32 + 1);
			}
		}
	};
	for start in 0..bytes.len() {
		let rest = bytes.get(start..).unwrap_or_default();
		match rest.first_chunk::<LONGEST>() {
			Some(run) => from(run.as_slice()),
			None => from(rest),
		}
	}
}

/// Adds words and pairs of them.
fn words(bytes: &[u8], view: &View, add: &mut Adder<'_>) {
	let is_word = |byte: &u8| matches!(*byte, b'a'..=b'z' | b'0' | b'\'' | 0x80..);
	let mut last = None;
	for word in bytes.split(|byte| !is_word(byte)).filter(|word| !word.is_empty()) {
		let hash = word.iter().fold(BASIS, |hash, byte| step(hash, *byte));
		if view.words {
			add.add(hash, WORD);
		}
		if let Some(last) = last.filter(|_| view.pairs) {
			add.add((u32::rotate_left(last, 5) ^ hash).wrapping_mul(PRIME), PAIR);
		}
		last = Some(hash);
	}
}

/// Small letters, one digit, one space for many, and one at either end.
fn plain(text: &str, bytes_max: usize, plain: &mut Vec<u8>) {
	plain.clear();
	plain.push(b' ');
	for byte in text.as_bytes().iter().take(bytes_max) {
		let byte = match *byte {
			b'0'..=b'9' => b'0',
			b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => b' ',
			byte => byte.to_ascii_lowercase(),
		};
		if byte != b' ' || plain.last() != Some(&b' ') {
			plain.push(byte);
		}
	}
	if plain.last() != Some(&b' ') {
		plain.push(b' ');
	}
}

const fn roots() -> [u8; 256] {
	let (mut roots, mut count) = ([0; 256], 0);
	while count < 256 {
		roots[count] = (256 * count as u32).isqrt() as u8;
		count += 1;
	}
	roots
}

fn step(hash: u32, byte: u8) -> u32 {
	(hash ^ u32::from(byte)).wrapping_mul(PRIME)
}

fn mix(hash: u32, kind: u32) -> u32 {
	let hash = hash.wrapping_add(kind.wrapping_mul(GOLDEN));
	let hash = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
	hash ^ (hash >> 12)
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;
	use serde_json::Value;

	const NAMES: [&str; 3] = ["quality", "language", "toxicity"];

	#[test]
	fn vectors_are_those_that_the_classifiers_were_trained_on() {
		let golden: Vec<Value> = serde_json::from_str(include_str!("../tests/golden.json")).unwrap();
		assert!(golden.len() >= 10);
		let mut room = Room::default();
		for case in &golden {
			let text = case["text"].as_str().unwrap();
			for (name, view) in NAMES.iter().zip(&VIEWS) {
				let wanted = &case["views"][name];
				let numbers = |name: &str| -> Vec<u64> {
					wanted[name].as_array().unwrap().iter().map(|value| value.as_u64().unwrap()).collect()
				};
				let mut found = vector(text, view, &mut room);
				found.entries.sort_unstable();
				let places: Vec<u64> = found.entries.iter().map(|(place, _)| u64::from(*place)).collect();
				let values: Vec<u64> = found.entries.iter().map(|(_, value)| u64::from(*value)).collect();
				assert_eq!(places, numbers("places"), "{name} of {text:?}");
				assert_eq!(values, numbers("values"), "{name} of {text:?}");
				assert_eq!(u64::from(found.norm), wanted["norm"].as_u64().unwrap(), "{name} of {text:?}");
			}
		}
	}

	proptest! {
		#[test]
		fn any_text_has_a_vector_and_the_room_is_clean_behind_it(text in "\\PC{0,300}") {
			let mut room = Room::default();
			for view in &VIEWS {
				let found = vector(&text, view, &mut room);
				prop_assert!(room.counts.iter().all(|count| *count == 0));
				prop_assert!(found.entries.iter().all(|(place, value)| *place < 1 << view.bits && *value >= 16));
				let mut places: Vec<u16> = found.entries.iter().map(|(place, _)| *place).collect();
				places.sort_unstable();
				places.dedup();
				prop_assert_eq!(places.len(), found.entries.len());
				prop_assert_eq!(&vector(&text, view, &mut room), &found);
			}
		}
	}
}
