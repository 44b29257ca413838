//! Sketches of prompts: enough of a text to tell that another is nearly the same, and not enough to read it.
//!
//! MinHash over the set of its words: the share of equal minima estimates the share of common words. What is kept of a prompt is 17 hashes.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Minima of a sketch.
const MINIMA: usize = 16;
/// Minima that two prompts have in common if they are nearly the same: about three words of five.
const EQUAL_MIN: usize = 10;
/// Words of the shortest prompt that is compared: people say `yes` and `go on` as often as they like.
const WORDS_MIN: usize = 4;
/// Words that are looked at.
const WORDS_MAX: usize = 512;
/// Odd multipliers of the hashes: those of SplitMix64.
const MIXERS: [u64; 2] = [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb];

/// Sketch of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sketch {
	minima: [u64; MINIMA],
	whole: u64,
}

impl Sketch {
	/// Makes the sketch of a prompt; `None` if it is too short to be compared. Case, numbers and what is between words do not count.
	pub fn of(text: &str) -> Option<Self> {
		let (mut minima, mut whole, mut words) = ([u64::MAX; MINIMA], DefaultHasher::new(), 0);
		let split = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
		for word in split.take(WORDS_MAX) {
			let word: String = word
				.chars()
				.map(|letter| if letter.is_numeric() { '0' } else { letter })
				.flat_map(char::to_lowercase)
				.collect();
			word.hash(&mut whole);
			let mut hasher = DefaultHasher::new();
			word.hash(&mut hasher);
			let hash = hasher.finish();
			for (index, minimum) in (1_u64..).zip(&mut minima) {
				*minimum = (*minimum).min(mix(hash ^ index.wrapping_mul(MIXERS[1])));
			}
			words += 1;
		}
		(words >= WORDS_MIN).then(|| Self { minima, whole: whole.finish() })
	}

	/// Reports whether two prompts are nearly the same.
	pub fn resembles(&self, other: &Self) -> bool {
		self.minima.iter().zip(&other.minima).filter(|(one, another)| one == another).count() >= EQUAL_MIN
	}

	/// Returns the hash of all words in their order.
	pub fn whole(&self) -> u64 {
		self.whole
	}
}

fn mix(mut hash: u64) -> u64 {
	for multiplier in MIXERS {
		hash = (hash ^ (hash >> 30)).wrapping_mul(multiplier);
	}
	hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
	use super::*;

	fn sketch(text: &str) -> Sketch {
		Sketch::of(text).unwrap()
	}

	#[test]
	fn a_template_with_another_word_in_it_resembles_itself() {
		let asked = |word: &str| {
			sketch(&format!("Please write a short and cheerful product description for our new {word} today"))
		};
		assert!(asked("kettle").resembles(&asked("lamp")));
		assert_eq!(sketch("Item 17: translate this!").whole(), sketch("item 99, TRANSLATE this").whole());
	}

	#[test]
	fn what_a_person_says_next_does_not_resemble_what_came_before() {
		let said = [
			"How do I keep basil alive in winter on a north window",
			"And how often should I water it then",
			"Could you write that down as a list of five steps",
			"Now something else: why is the sky dark at night",
		]
		.map(sketch);
		for (index, one) in said.iter().enumerate() {
			assert!(said.iter().skip(index + 1).all(|other| !one.resembles(other)));
		}
		assert_eq!(Sketch::of("go on"), None);
		assert_eq!(Sketch::of(" ... "), None);
	}
}
