//! Fields of a request: each is taken once, with its type, and what is left over is refused by name.
//!
//! `null` stands for the default, as in OpenAI's interface.

use crate::error::ApiError;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// Fields of one object that are still to be read.
#[derive(Debug)]
pub struct Fields {
	rest: Map<String, Value>,
	/// Path of the object in front of its fields' names: empty, or such as `messages[0].`.
	path: String,
}

impl Fields {
	/// Takes an object; `path` is empty for the request itself.
	pub fn new(value: Value, path: &str) -> Result<Self, ApiError> {
		match value {
			Value::Object(rest) if path.is_empty() => Ok(Self { rest, path: String::new() }),
			Value::Object(rest) => Ok(Self { rest, path: format!("{path}.") }),
			other if path.is_empty() => Err(ApiError::wrong_type("body", "an object", &other)),
			other => Err(ApiError::wrong_type(path, "an object", &other)),
		}
	}

	/// Returns a field's name with its path.
	pub fn name(&self, field: &str) -> String {
		format!("{}{field}", self.path)
	}

	/// Takes a field; `None` if it is absent or null.
	pub fn take(&mut self, field: &str) -> Option<Value> {
		self.rest.remove(field).filter(|value| !value.is_null())
	}

	/// Takes a field that must be there.
	pub fn require(&mut self, field: &str) -> Result<Value, ApiError> {
		self.take(field).ok_or_else(|| {
			let name = self.name(field);
			let message = format!("missing required parameter: '{name}'");
			ApiError::invalid(name, "missing_required_parameter", message)
		})
	}

	/// Takes a string that must be there.
	pub fn required_string(&mut self, field: &str) -> Result<String, ApiError> {
		match self.require(field)? {
			Value::String(text) => Ok(text),
			other => Err(ApiError::wrong_type(self.name(field), "a string", &other)),
		}
	}

	/// Takes a boolean.
	pub fn boolean(&mut self, field: &str) -> Result<Option<bool>, ApiError> {
		match self.take(field) {
			None => Ok(None),
			Some(Value::Bool(value)) => Ok(Some(value)),
			Some(other) => Err(ApiError::wrong_type(self.name(field), "a boolean", &other)),
		}
	}

	/// Takes a number within bounds.
	pub fn number(&mut self, field: &str, bounds: RangeInclusive<f64>) -> Result<Option<f64>, ApiError> {
		let Some(value) = self.take(field) else { return Ok(None) };
		let number = value.as_f64().filter(|_| value.is_number());
		let number = number.ok_or_else(|| ApiError::wrong_type(self.name(field), "a number", &value))?;
		if bounds.contains(&number) {
			return Ok(Some(number));
		}
		Err(self.out_of_bounds(field, &number, bounds.start(), bounds.end()))
	}

	/// Takes a whole number within bounds. `2.0` is one as well, since some languages write it so.
	pub fn integer(&mut self, field: &str, bounds: RangeInclusive<u64>) -> Result<Option<u64>, ApiError> {
		let Some(value) = self.take(field) else { return Ok(None) };
		let Some(number) = whole(&value) else {
			return Err(ApiError::wrong_type(self.name(field), "an integer", &value));
		};
		match u64::try_from(number) {
			Ok(number) if bounds.contains(&number) => Ok(Some(number)),
			_ => Err(self.out_of_bounds(field, &number, bounds.start(), bounds.end())),
		}
	}

	/// Refuses a value outside of its bounds.
	pub fn out_of_bounds(
		&self,
		field: &str,
		found: &dyn std::fmt::Display,
		least: &dyn std::fmt::Display,
		most: &dyn std::fmt::Display,
	) -> ApiError {
		let name = self.name(field);
		let message = format!("invalid value for '{name}': expected {least} to {most}, got {found}");
		ApiError::invalid(name, "invalid_value", message)
	}

	/// Refuses every field that was not taken. `null` is a default, of any field.
	pub fn finish(self) -> Result<(), ApiError> {
		match self.rest.iter().find(|(_, value)| !value.is_null()) {
			None => Ok(()),
			Some((field, _)) => {
				let name = self.name(field);
				let message = format!("unknown parameter: '{name}'; leave it out");
				Err(ApiError::invalid(name, "unknown_parameter", message))
			}
		}
	}
}

/// Reads a whole number, also if it is written with a point.
pub fn whole(value: &Value) -> Option<i128> {
	/// Largest power of two below which every whole number is a double of its own.
	const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
	let integer = value.as_u64().map(i128::from).or_else(|| value.as_i64().map(i128::from));
	integer.or_else(|| {
		let number = value.as_f64().filter(|_| value.is_number())?;
		(number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(number as i128)
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;
	use serde_json::json;

	fn fields(value: Value) -> Fields {
		Fields::new(value, "").unwrap()
	}

	#[test]
	fn null_is_the_default_and_an_unknown_field_is_named() {
		let mut given = fields(json!({ "a": null, "b": "x", "c": null, "d": 1 }));
		assert_eq!(given.take("a"), None);
		assert_eq!(given.required_string("b").unwrap(), "x");
		let error = given.finish().unwrap_err();
		assert_eq!((error.param.as_deref(), error.code), (Some("d"), Some("unknown_parameter")));
	}

	#[test]
	fn a_wrong_type_names_the_field_with_its_path() {
		let mut given = Fields::new(json!({ "role": 3 }), "messages[2]").unwrap();
		let error = given.required_string("role").unwrap_err();
		assert_eq!(error.param.as_deref(), Some("messages[2].role"));
		assert!(error.message.contains("expected a string, got a number"), "{error:?}");
		let error = Fields::new(json!([]), "").unwrap_err();
		assert_eq!(error.param.as_deref(), Some("body"));
	}

	#[test]
	fn numbers_are_whole_within_bounds_or_refused() {
		let read = |value: Value| fields(json!({ "n": value })).integer("n", 1..=10);
		assert_eq!(read(json!(10)).unwrap(), Some(10));
		assert_eq!(read(json!(2.0)).unwrap(), Some(2));
		for (value, code) in [
			(json!(0), "invalid_value"),
			(json!(-1), "invalid_value"),
			(json!(11), "invalid_value"),
			(json!(1.5), "invalid_type"),
			(json!("3"), "invalid_type"),
			(json!(true), "invalid_type"),
		] {
			assert_eq!(read(value.clone()).unwrap_err().code, Some(code), "{value}");
		}
	}

	proptest! {
		#[test]
		fn every_integer_of_json_is_read_as_itself(unsigned: u64, signed: i64) {
			prop_assert_eq!(whole(&json!(unsigned)), Some(unsigned.into()));
			prop_assert_eq!(whole(&json!(signed)), Some(signed.into()));
		}
	}
}
