//! Reading JSON in two steps.

/// Serialises a type with its derived methods, and reads it by way of a `serde_json::Value`.
///
/// Flattened fields are read from a copy that serde makes, and it cannot make one of a number once any crate of the build asks
/// serde_json for numbers of arbitrary precision. A `Value` can. The type carries `#[serde(remote = "Self")]`.
macro_rules! read_by_value {
	($type:ty) => {
		impl ::serde::Serialize for $type {
			fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
				<$type>::serialize(self, serializer)
			}
		}

		impl<'de> ::serde::Deserialize<'de> for $type {
			fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
				let value = <::serde_json::Value as ::serde::Deserialize>::deserialize(deserializer)?;
				<$type>::deserialize(value).map_err(::serde::de::Error::custom)
			}
		}
	};
}
pub(crate) use read_by_value;
