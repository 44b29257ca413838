//! Near duplicates: one-permutation MinHash over words, banded, and always verified.
//!
//! Two texts are near duplicates if at least 4/5 of their distinct runs of five words are common (Jaccard), counted exactly. The
//! signature only proposes pairs: 112 bins in 14 bands of 8 rows, so that a pair at 4/5 is proposed with 1-(1-0.8^8)^14 = 92 %
//! (Broder 1997; Li, Owen, Zhang 2012 for one permutation). A text is compared with texts that were kept, so a chain of small
//! steps from A to Z is not one cluster.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Words in a run.
const RUN_WORDS: usize = 5;
/// Bins of a signature.
const BINS: usize = BANDS * ROWS;
/// Bands of a signature.
pub const BANDS: usize = 14;
const ROWS: usize = 8;
/// Near duplicates have at least this part of their runs in common.
const COMMON: (usize, usize) = (4, 5);
/// Bits of a slot that place a document; the others are a tag that spares most comparisons of strangers.
const PLACE_BITS: u32 = 40;
/// Slots of a band: as many as documents twice over, within these limits.
const SLOTS_MIN: u64 = 1 << 8;

/// Keys of a text's bands: texts with one in common are compared.
pub type Bands = [u64; BANDS];

/// Distinct runs of words of a text, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
	hashes: Vec<u64>,
	/// True for JSON, in which a single value may be the difference: only equal runs are duplicates.
	is_exact: bool,
}

impl Runs {
	/// The runs of a text, behind the licence header of a source file.
	pub fn of(text: &str) -> Self {
		let mut words = words(body(text));
		if words.len() < RUN_WORDS {
			words = self::words(text);
		}
		let mut hashes: Vec<u64> = match words.len() < RUN_WORDS {
			true => vec![join(&words)],
			false => words.windows(RUN_WORDS).map(join).collect(),
		};
		hashes.sort_unstable();
		hashes.dedup();
		Self { hashes, is_exact: text.trim_start().starts_with(['{', '[']) }
	}

	/// Reports whether two texts are near duplicates.
	pub fn is_near(&self, other: &Self) -> bool {
		if self.is_exact || other.is_exact {
			return self.hashes == other.hashes;
		}
		let (part, whole) = COMMON;
		// With too different lengths the runs in common cannot be enough.
		let (short, long) =
			(self.hashes.len().min(other.hashes.len()), self.hashes.len().max(other.hashes.len()));
		if short * whole < long * part {
			return false;
		}
		let common = common(&self.hashes, &other.hashes);
		let all = self.hashes.len() + other.hashes.len() - common;
		common * whole >= all * part
	}

	/// Keys of the bands.
	pub fn bands(&self) -> Bands {
		let mut bins = [None::<u32>; BINS];
		for hash in &self.hashes {
			let (high, low) = ((hash >> 32) as usize, *hash as u32);
			if let Some(bin) = bins.get_mut((high * BINS) >> 32) {
				*bin = Some(bin.map_or(low, |least| least.min(low)));
			}
		}
		let dense = densify(&bins);
		let mut bands = [0; BANDS];
		for (index, (key, rows)) in bands.iter_mut().zip(dense.chunks(ROWS)).enumerate() {
			let bytes: Vec<u8> = rows.iter().flat_map(|row| row.to_le_bytes()).collect();
			*key = xxh3_64_with_seed(&bytes, index as u64);
		}
		bands
	}
}

/// Fills empty bins from the next one that is not, and its distance (rotation; Shrivastava and Li 2014).
fn densify(bins: &[Option<u32>; BINS]) -> [u32; BINS] {
	let mut dense = [0; BINS];
	for (index, value) in dense.iter_mut().enumerate() {
		let next = (0..BINS).find_map(|step| {
			let bin = bins.get((index + step) % BINS).copied().flatten()?;
			Some(bin.wrapping_add((step as u32).wrapping_mul(0x9e37_79b1)))
		});
		*value = next.unwrap_or_default();
	}
	dense
}

/// Entries that two sorted lists have in common.
fn common(mut a: &[u64], mut b: &[u64]) -> usize {
	let mut count = 0;
	while let (Some((first, rest)), Some((other, others))) = (a.split_first(), b.split_first()) {
		match first.cmp(other) {
			std::cmp::Ordering::Less => a = rest,
			std::cmp::Ordering::Greater => b = others,
			std::cmp::Ordering::Equal => {
				count += 1;
				(a, b) = (rest, others);
			}
		}
	}
	count
}

/// Hashes of the words of a text in small letters. Signs of scripts without spaces are words of their own.
fn words(text: &str) -> Vec<u64> {
	let mut words = Vec::with_capacity(text.len() / 5);
	let mut word = String::with_capacity(32);
	for character in text.chars() {
		if character.is_ascii_alphanumeric() {
			word.push(character.to_ascii_lowercase());
			continue;
		}
		let is_letter = !character.is_ascii() && character.is_alphanumeric();
		let is_sign = is_letter && ('\u{2e80}'..='\u{fffff}').contains(&character);
		if is_letter && !is_sign {
			word.extend(character.to_lowercase());
			continue;
		}
		if !word.is_empty() {
			words.push(xxh3_64(word.as_bytes()));
			word.clear();
		}
		if is_sign {
			words.push(u64::from(character).wrapping_mul(0x9e37_79b9_7f4a_7c15));
		}
	}
	if !word.is_empty() {
		words.push(xxh3_64(word.as_bytes()));
	}
	words
}

fn join(words: &[u64]) -> u64 {
	let joined = words.iter().fold(0x51_7c_c1_b7_27_22_0a_95_u64, |hash, word| {
		(hash.rotate_left(23) ^ word).wrapping_mul(0x9fb2_1c65_1e98_df25)
	});
	// The last product leaves the low bits poor; bins are drawn from the high ones and rows from the low.
	(joined ^ (joined >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93) ^ (joined >> 29)
}

/// A text behind the comment at its beginning, if that is about a licence. Two hundred files under one long header are not one.
fn body(text: &str) -> &str {
	const COMMENTS: [&str; 8] = ["//", "/*", "*", "#", "--", ";", "<!--", "%"];
	let (mut at, mut is_licence) = (0, false);
	for line in text.split_inclusive('\n') {
		let trimmed = line.trim();
		if !trimmed.is_empty() && !COMMENTS.iter().any(|comment| trimmed.starts_with(comment)) {
			break;
		}
		let lower = trimmed.to_ascii_lowercase();
		is_licence |=
			["licen", "copyright", "permission is hereby granted"].iter().any(|word| lower.contains(word));
		at += line.len();
	}
	match is_licence {
		true => text.get(at..).unwrap_or(text),
		false => text,
	}
}

/// Documents that were kept, by the keys of their bands, in a table of fixed size.
///
/// A full table forgets the older of two documents in one slot: then a near duplicate may stay, and no distinct text is lost.
pub struct NearIndex {
	slots: Vec<u64>,
	slots_per_band: u64,
}

impl NearIndex {
	/// A table for this many documents, of at most `bytes_max` bytes. Its size depends on nothing else, so every machine
	/// forgets the same.
	pub fn new(documents: u64, bytes_max: u64) -> Self {
		let most = (bytes_max / (8 * BANDS as u64)).max(SLOTS_MIN);
		let most = 1 << most.ilog2();
		let slots_per_band = documents.saturating_mul(2).clamp(SLOTS_MIN, most).next_power_of_two();
		let slots = usize::try_from(slots_per_band).unwrap_or(usize::MAX).saturating_mul(BANDS);
		Self { slots: vec![0; slots], slots_per_band }
	}

	fn slot(&self, band: usize, key: u64) -> usize {
		let within = key & (self.slots_per_band - 1);
		band * (self.slots_per_band as usize) + within as usize
	}

	fn tag(key: u64) -> u64 {
		key >> PLACE_BITS << PLACE_BITS
	}

	/// Places of documents that may be near, the same never twice, in ascending order.
	pub fn candidates(&self, bands: &Bands) -> Vec<u64> {
		let mut places: Vec<u64> = bands
			.iter()
			.enumerate()
			.filter_map(|(band, key)| {
				let entry = self.slots.get(self.slot(band, *key)).copied().unwrap_or_default();
				let place = entry ^ Self::tag(*key);
				// The place of a document is one more than given, so that zero is an empty slot.
				(entry != 0 && place >> PLACE_BITS == 0).then(|| place.checked_sub(1)).flatten()
			})
			.collect();
		places.sort_unstable();
		places.dedup();
		places
	}

	/// Remembers a document at a place of at most 40 bits.
	pub fn insert(&mut self, bands: &Bands, place: u64) {
		debug_assert!((place + 1) >> PLACE_BITS == 0);
		for (band, key) in bands.iter().enumerate() {
			let slot = self.slot(band, *key);
			if let Some(entry) = self.slots.get_mut(slot) {
				*entry = Self::tag(*key) | (place + 1);
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn text(seed: usize, words: usize) -> String {
		(0..words)
			.map(|n| format!("w{} ", xxh3_64(&[seed.to_le_bytes(), n.to_le_bytes()].concat()) % 5_000))
			.collect()
	}

	fn common_bands(a: &str, b: &str) -> usize {
		let (a, b) = (Runs::of(a).bands(), Runs::of(b).bands());
		a.iter().zip(&b).filter(|(a, b)| a == b).count()
	}

	#[test]
	fn texts_that_differ_in_a_word_are_near_and_strangers_are_not() {
		let one = text(1, 300);
		let other = one.replacen("w1", "x1", 1);
		assert!(Runs::of(&one).is_near(&Runs::of(&other)) && common_bands(&one, &other) > 0);
		assert!(!Runs::of(&one).is_near(&Runs::of(&text(2, 300))) && common_bands(&one, &text(2, 300)) == 0);
		assert!(Runs::of("A b, c. D!").is_near(&Runs::of("a  B\nc d")));
	}

	#[test]
	fn most_pairs_at_the_threshold_are_proposed() {
		// 26 of 326 runs differ on either side: 300 of 352 are common, a little more than 4/5.
		let proposed = (0..200).filter(|seed| {
			let shared = text(*seed, 304);
			let (one, other) = (
				format!("{shared}{}", text(seed + 1_000, 26)),
				format!("{shared}{}", text(seed + 2_000, 26)),
			);
			assert!(Runs::of(&one).is_near(&Runs::of(&other)));
			common_bands(&one, &other) > 0
		});
		let count = proposed.count();
		assert!(count >= 170, "{count} of 200");
	}

	#[test]
	fn sources_under_one_header_and_calls_of_one_schema_are_distinct() {
		let header = format!(
			"// Licensed under the Apache License\n{}",
			"// more words of the licence that go on\n".repeat(19)
		);
		let source = |n: usize| format!("{header}fn f{n}() -> u32 {{ {n} + g(a{n}, b) }}\n");
		assert!(!Runs::of(&source(1)).is_near(&Runs::of(&source(2))));
		let call = |city: &str| {
			format!("{{\"name\":\"weather\",\"arguments\":{{\"city\":\"{city}\",\"unit\":\"celsius\",\"days\":3,{}}}}}", text(1, 60))
		};
		assert!(!Runs::of(&call("Oslo")).is_near(&Runs::of(&call("Rome"))));
		assert!(Runs::of(&call("Oslo")).is_near(&Runs::of(&call("Oslo"))));
	}

	#[test]
	fn signs_without_spaces_are_words() {
		let one = "\u{6625}\u{7720}\u{4e0d}\u{89c9}\u{6653}\u{5904}\u{5904}\u{95fb}\u{557c}\u{9e1f}";
		assert_eq!(words(one).len(), 10);
		assert!(!Runs::of(one).is_near(&Runs::of(&one.chars().rev().collect::<String>())));
	}

	#[test]
	fn a_table_finds_what_it_remembers_and_keeps_its_size() {
		let mut index = NearIndex::new(100, 1 << 30);
		let bands = |n: usize| Runs::of(&text(n, 50)).bands();
		(0..100).for_each(|n| index.insert(&bands(n), n as u64));
		assert!((0..100).all(|n| index.candidates(&bands(n)).contains(&(n as u64))));
		assert!(index.candidates(&bands(1_000)).is_empty());
		assert_eq!(NearIndex::new(u64::MAX, 1 << 20).slots.len() * 8, 14 * 8 * 8_192);
	}

	proptest! {
		#[test]
		fn nearness_is_symmetric_and_every_text_is_near_itself(a in "[a-f ]{0,60}", b in "[a-f ]{0,60}") {
			let (a, b) = (Runs::of(&a), Runs::of(&b));
			prop_assert!(a.is_near(&a));
			prop_assert_eq!(a.is_near(&b), b.is_near(&a));
			prop_assert_eq!(common(&a.hashes, &b.hashes), a.hashes.iter().filter(|hash| b.hashes.contains(hash)).count());
		}
	}
}
