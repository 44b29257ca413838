//! Values of the chain as JSON, whatever their type: the metadata says how to read them.

use serde_json::{json, Map, Value as Json};
use subxt::ext::scale_value::{Composite, Primitive, Value, ValueDef};

/// A value as JSON. Bytes become 0x-hex, numbers above 2^53 decimal strings, variants `{"Name": fields}`.
pub fn to_json<T>(value: &Value<T>) -> Json {
	match &value.value {
		ValueDef::Composite(fields) => fields_to_json(fields),
		ValueDef::Variant(variant) if variant.values.is_empty() => json!(variant.name),
		ValueDef::Variant(variant) => json!({ variant.name.as_str(): fields_to_json(&variant.values) }),
		ValueDef::BitSequence(bits) => json!(bits.iter().collect::<Vec<bool>>()),
		ValueDef::Primitive(primitive) => primitive_to_json(primitive),
	}
}

/// The fields of an event or a struct as JSON.
pub fn fields_to_json<T>(fields: &Composite<T>) -> Json {
	match fields {
		Composite::Named(fields) => Json::Object(
			fields.iter().map(|(name, value)| (name.clone(), to_json(value))).collect::<Map<_, _>>(),
		),
		Composite::Unnamed(values) => {
			if let Some(bytes) = as_bytes(values) {
				return json!(format!("0x{}", hex::encode(bytes)));
			}
			match values.as_slice() {
				// Newtypes are as transparent here as they are in the encoding.
				[inner] => to_json(inner),
				values => Json::Array(values.iter().map(to_json).collect()),
			}
		}
	}
}

/// The number in what [`to_json`] made.
pub fn as_u128(json: &Json) -> Option<u128> {
	json.as_u64().map(u128::from).or_else(|| json.as_str()?.parse().ok())
}

fn as_bytes<T>(values: &[Value<T>]) -> Option<Vec<u8>> {
	// Shorter lists of small numbers are more likely numbers than bytes.
	if values.len() < 4 {
		return None;
	}
	let byte = |value: &Value<T>| match value.value {
		ValueDef::Primitive(Primitive::U128(number)) => u8::try_from(number).ok(),
		_ => None,
	};
	values.iter().map(byte).collect()
}

fn primitive_to_json(primitive: &Primitive) -> Json {
	const EXACT: u128 = 1 << 53;
	match primitive {
		Primitive::Bool(flag) => json!(flag),
		Primitive::Char(letter) => json!(letter),
		Primitive::String(text) => json!(text),
		Primitive::U128(number) if *number <= EXACT => json!(*number as u64),
		Primitive::U128(number) => json!(number.to_string()),
		Primitive::I128(number) => match i64::try_from(*number) {
			Ok(number) if number.unsigned_abs() <= EXACT as u64 => json!(number),
			_ => json!(number.to_string()),
		},
		Primitive::U256(bytes) | Primitive::I256(bytes) => json!(format!("0x{}", hex::encode(bytes))),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn values_become_readable_json() {
		let value = Value::named_composite([
			("hash", Value::from_bytes([0xab; 32])),
			("small", Value::u128(7)),
			("large", Value::u128(u128::MAX)),
			("state", Value::unnamed_variant("Paid", [Value::i128(-1)])),
			("none", Value::unnamed_variant("None", [])),
			("wrapped", Value::unnamed_composite([Value::u128(3)])),
		]);
		let json = to_json(&value);
		assert_eq!(json["hash"], format!("0x{}", "ab".repeat(32)));
		assert_eq!(json["small"], 7);
		assert_eq!(as_u128(&json["large"]), Some(u128::MAX));
		assert_eq!(json["state"]["Paid"], -1);
		assert_eq!(json["none"], "None");
		assert_eq!(json["wrapped"], 3);
	}
}
