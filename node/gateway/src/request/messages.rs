//! Messages of a conversation.

use crate::{error::ApiError, fields::Fields};
use blyan_open_model::text::Message;
use blyan_text::Role;
use serde_json::Value;

/// Messages of one conversation: more than any context holds.
const MESSAGES_MAX: usize = 16_384;

/// Reads the messages of a chat.
pub fn read(value: Value) -> Result<Vec<Message>, ApiError> {
	let list = match value {
		Value::Array(list) => list,
		other => return Err(ApiError::wrong_type("messages", "an array", &other)),
	};
	if list.is_empty() || list.len() > MESSAGES_MAX {
		let message = format!("'messages' has {} entries: give 1 to {MESSAGES_MAX}", list.len());
		return Err(ApiError::invalid("messages", "invalid_value", message));
	}
	list.into_iter().enumerate().map(|(index, value)| message(index, value)).collect()
}

fn message(index: usize, value: Value) -> Result<Message, ApiError> {
	let mut fields = Fields::new(value, &format!("messages[{index}]"))?;
	let role = role(&mut fields)?;
	let content = content(&mut fields)?;
	// An assistant's message may come back as it was sent, with these.
	for field in ["annotations", "tool_calls"] {
		if fields.take(field).is_some_and(|value| value != Value::Array(Vec::new())) {
			return Err(ApiError::unsupported(fields.name(field), "the model reads text only; leave it out"));
		}
	}
	for field in ["audio", "function_call", "name", "refusal"] {
		if fields.take(field).is_some() {
			return Err(ApiError::unsupported(
				fields.name(field),
				"templates of open models do not have it; leave it out",
			));
		}
	}
	fields.finish()?;
	Ok(Message { role, content })
}

fn role(fields: &mut Fields) -> Result<Role, ApiError> {
	let name = fields.required_string("role")?;
	match name.as_str() {
		// The same instructions by their newer name.
		"developer" => Ok(Role::System),
		"function" | "tool" => Err(ApiError::unsupported(
			fields.name("role"),
			format_args!(
				"no tool is called, so {name:?} has no answer to give; use system, user or assistant"
			),
		)),
		name => name.parse().map_err(|error: blyan_text::UnknownRole| {
			let param = fields.name("role");
			let message = format!("invalid value for '{param}': {error}");
			ApiError::invalid(param, "invalid_value", message)
		}),
	}
}

/// Reads a content: a string, or parts that are text.
fn content(fields: &mut Fields) -> Result<String, ApiError> {
	let name = fields.name("content");
	let parts = match fields.require("content")? {
		Value::String(text) => return Ok(text),
		Value::Array(parts) => parts,
		other => return Err(ApiError::wrong_type(name, "a string or an array of parts", &other)),
	};
	let mut text = String::new();
	for (index, part) in parts.into_iter().enumerate() {
		let mut part = Fields::new(part, &format!("{name}[{index}]"))?;
		let kind = part.required_string("type")?;
		if kind != "text" {
			let message = format!("the model reads text, not {kind:?}; use type \"text\"");
			return Err(ApiError::unsupported(part.name("type"), message));
		}
		text.push_str(&part.required_string("text")?);
		part.finish()?;
	}
	Ok(text)
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde_json::json;

	fn one(value: Value) -> Result<Message, ApiError> {
		read(json!([value])).map(|messages| messages[0].clone())
	}

	#[test]
	fn contents_are_strings_or_parts_of_text() {
		let parts = json!({ "role": "user", "content": [{ "type": "text", "text": "é" }, { "type": "text", "text": "b" }] });
		assert_eq!(one(parts).unwrap(), Message::user("éb"));
		let instructions = json!({ "role": "developer", "content": "x" });
		assert_eq!(one(instructions).unwrap(), Message::system("x"));
	}

	#[test]
	fn an_answer_may_come_back_as_it_was_sent() {
		let sent = json!({
			"role": "assistant", "content": "hi", "refusal": null, "annotations": [], "tool_calls": [], "audio": null,
		});
		assert_eq!(one(sent).unwrap(), Message::assistant("hi"));
	}

	#[test]
	fn whatever_is_not_text_of_a_known_role_is_refused_by_its_path() {
		for (value, param) in [
			(json!({ "role": "tool", "content": "1", "tool_call_id": "x" }), "messages[0].role"),
			(json!({ "role": "robot", "content": "1" }), "messages[0].role"),
			(json!({ "content": "1" }), "messages[0].role"),
			(json!({ "role": "user" }), "messages[0].content"),
			(json!({ "role": "user", "content": null }), "messages[0].content"),
			(json!({ "role": "user", "content": 5 }), "messages[0].content"),
			(json!({ "role": "user", "content": ["x"] }), "messages[0].content[0]"),
			(
				json!({ "role": "user", "content": [{ "type": "image_url", "image_url": {} }] }),
				"messages[0].content[0].type",
			),
			(json!({ "role": "user", "content": "x", "name": "Al" }), "messages[0].name"),
			(json!({ "role": "user", "content": "x", "colour": 1 }), "messages[0].colour"),
			(json!("hello"), "messages[0]"),
		] {
			assert_eq!(one(value.clone()).unwrap_err().param.as_deref(), Some(param), "{value}");
		}
		assert_eq!(read(json!([])).unwrap_err().param.as_deref(), Some("messages"));
		assert_eq!(read(json!("x")).unwrap_err().code, Some("invalid_type"));
	}
}
