//! Drawn digits, letters and words.

/// Letters and digits.
pub const ALPHANUMERIC: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// Letters of base64 for URLs.
pub const URL_SAFE: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
/// Capital letters.
pub const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Lower-case hexadecimal.
pub const HEXADECIMAL: &str = "0123456789abcdef";

/// Generator of drawn things (SplitMix64).
pub struct Draw(u64);

impl Draw {
	/// A generator with this seed.
	pub fn new(seed: u64) -> Self {
		Self(seed)
	}

	/// A number below `limit`.
	pub fn below(&mut self, limit: usize) -> usize {
		self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let mut z = self.0;
		z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		((z ^ (z >> 31)) % limit as u64) as usize
	}

	/// A number from `low` to `high`.
	pub fn between(&mut self, low: usize, high: usize) -> usize {
		low + self.below(high - low + 1)
	}

	/// One of several.
	pub fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
		all[self.below(all.len())]
	}

	/// Characters of an alphabet.
	pub fn text(&mut self, alphabet: &str, length: usize) -> String {
		let letters = alphabet.as_bytes();
		(0..length).map(|_| char::from(letters[self.below(letters.len())])).collect()
	}

	/// Decimal digits.
	pub fn digits(&mut self, length: usize) -> String {
		self.text("0123456789", length)
	}

	/// A version of three numbers.
	pub fn version(&mut self) -> String {
		format!("{}.{}.{}", self.below(20), self.below(30), self.below(40))
	}

	/// Another decimal digit than this.
	pub fn other_digit(&mut self, digit: char) -> char {
		let value = digit.to_digit(10).unwrap_or_default() as usize;
		char::from(b'0' + u8::try_from((value + self.between(1, 9)) % 10).unwrap_or_default())
	}
}

/// Digits in groups of these lengths.
pub fn grouped(digits: &str, lengths: &[usize], separator: &str) -> String {
	let mut rest = digits;
	let mut groups = Vec::new();
	for length in lengths {
		let (group, after) = rest.split_at(*length);
		groups.push(group);
		rest = after;
	}
	assert!(rest.is_empty());
	groups.join(separator)
}

/// Values of decimal digits.
pub fn values(digits: &str) -> Vec<u32> {
	digits.chars().filter_map(|digit| digit.to_digit(10)).collect()
}
