//! JSON forms of values that JSON itself would damage, for serde's `with`.

/// Integers as decimal strings.
///
/// A JSON number is a double to most clients, exact up to 2^53 only: 10,100 coins and one smallest unit would lose the unit.
pub mod decimal {
	use alloc::string::String;
	use core::{fmt::Display, str::FromStr};
	use serde::{de::Error, Deserialize, Deserializer, Serializer};

	/// Writes the digits.
	pub fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
		serializer.collect_str(value)
	}

	/// Reads the digits.
	pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
	where
		T: FromStr<Err: Display>,
		D: Deserializer<'de>,
	{
		String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
	}
}

/// Bytes that hold UTF-8 as a string. What is not UTF-8 is shown as U+FFFD.
pub mod text {
	use alloc::{string::String, vec::Vec};
	use serde::{Deserialize, Deserializer, Serializer};

	/// Writes the text.
	pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
		serializer.serialize_str(&String::from_utf8_lossy(bytes))
	}

	/// Reads the text.
	pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
		String::deserialize(deserializer).map(String::into_bytes)
	}
}
