//! Refusals in the shape of OpenAI's interface.
//!
//! ```json
//! {"error": {"message": "..", "type": "invalid_request_error", "param": "model", "code": "model_not_found"}}
//! ```
//!
//! All four keys are always there. Both official clients try 408, 409, 429 and 5xx again by themselves, after the time in
//! `retry-after`.

use crate::till::Refusal;
use axum::{
	body::Body,
	http::{header, HeaderName, HeaderValue, StatusCode},
	response::{IntoResponse, Response},
};
use serde_json::{json, Value};

/// Type of a refusal that the request is the reason of.
const INVALID_REQUEST: &str = "invalid_request_error";

/// Refusal of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
	/// Status of the answer.
	pub status: StatusCode,
	/// Description, with what to do.
	pub message: String,
	/// Type, by which clients group refusals.
	pub kind: &'static str,
	/// Field of the request that is the reason.
	pub param: Option<String>,
	/// Name of the refusal for programs.
	pub code: Option<&'static str>,
	/// Seconds after which the same request may succeed.
	pub retry_after: Option<u32>,
	/// Numbers for programs, beside the four keys.
	pub details: Option<Value>,
	/// Further headers of the answer.
	pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl From<Refusal> for ApiError {
	fn from(refusal: Refusal) -> Self {
		let Refusal { status, code, kind, message, details, headers, retry_after } = refusal;
		Self { status, message, kind, param: None, code: Some(code), retry_after, details, headers }
	}
}

impl ApiError {
	/// A request that is the reason of its refusal itself.
	pub fn invalid(param: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
		Self {
			status: StatusCode::BAD_REQUEST,
			message: message.into(),
			kind: INVALID_REQUEST,
			param: Some(param.into()),
			code: Some(code),
			retry_after: None,
			details: None,
			headers: Vec::new(),
		}
	}

	/// A request without a field that is the reason.
	pub fn request(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
		Self { status, param: None, ..Self::invalid("", code, message) }
	}

	/// A field of another type.
	pub fn wrong_type(param: impl Into<String>, expected: &str, found: &Value) -> Self {
		let param = param.into();
		let found = type_of(found);
		let message = format!("invalid type for '{param}': expected {expected}, got {found}");
		Self::invalid(param, "invalid_type", message)
	}

	/// A field whose value nothing here computes.
	pub fn unsupported(param: impl Into<String>, message: impl std::fmt::Display) -> Self {
		let param = param.into();
		let message = format!("'{param}' is not supported here: {message}");
		Self::invalid(param, "unsupported_parameter", message)
	}

	/// Another model than the one that is served.
	pub fn no_such_model(name: &str, served: &str) -> Self {
		let message = format!("the model {name:?} is not served here: ask for {served:?}, or see /v1/models");
		Self { status: StatusCode::NOT_FOUND, ..Self::invalid("model", "model_not_found", message) }
	}

	/// A prompt and an answer that are longer than the model's context together.
	pub fn context_exceeded(param: &str, prompt: usize, answer: Option<usize>, context: usize) -> Self {
		let message = match answer {
			None => format!(
				"the prompt has {prompt} tokens and the model's context is {context}: shorten the conversation"
			),
			Some(answer) => format!(
				"the prompt has {prompt} tokens, {answer} more are asked for, and the model's context is {context}: \
				shorten the conversation or ask for fewer tokens"
			),
		};
		Self::invalid(param, "context_length_exceeded", message)
	}

	/// All places are taken.
	pub fn full(places: usize) -> Self {
		Self {
			status: StatusCode::TOO_MANY_REQUESTS,
			message: format!("all {places} places of this server are taken: try again in a second"),
			kind: "rate_limit_error",
			param: None,
			code: Some("rate_limit_exceeded"),
			retry_after: Some(1),
			details: None,
			headers: Vec::new(),
		}
	}

	/// All places are taken that one client may have.
	pub fn client_full(places: usize) -> Self {
		let message = format!(
			"your address has taken the {places} places that one may have: try again when an answer is done"
		);
		Self { message, ..Self::full(places) }
	}

	/// Bodies that are being read have all memory that there is for them.
	pub fn overloaded() -> Self {
		Self {
			status: StatusCode::SERVICE_UNAVAILABLE,
			message: "too many requests arrive at this moment: try again in a second".into(),
			kind: "server_error",
			param: None,
			code: Some("overloaded"),
			retry_after: Some(1),
			details: None,
			headers: Vec::new(),
		}
	}

	/// The server ends.
	pub fn shutting_down() -> Self {
		Self {
			status: StatusCode::SERVICE_UNAVAILABLE,
			message: "the server is shutting down: try again when it runs again".into(),
			kind: "server_error",
			param: None,
			code: Some("shutting_down"),
			retry_after: Some(5),
			details: None,
			headers: Vec::new(),
		}
	}

	/// Answers of this server may be wrong, so it gives none.
	pub fn withheld(reason: &str) -> Self {
		Self {
			status: StatusCode::SERVICE_UNAVAILABLE,
			message: format!("this server gives no answers: {reason}; ask another one"),
			kind: "server_error",
			param: None,
			code: Some("withheld"),
			retry_after: None,
			details: None,
			headers: Vec::new(),
		}
	}

	/// The session or key that pays for the answer has ended while it was computed.
	pub fn payment_ended() -> Self {
		let message = "the session or key that pays for this answer has ended: open another one; what was sent is charged";
		Self::request(StatusCode::PAYMENT_REQUIRED, "payment_ended", message)
	}

	/// The model failed.
	pub fn failed(reason: impl std::fmt::Display) -> Self {
		Self {
			status: StatusCode::INTERNAL_SERVER_ERROR,
			message: format!("the answer could not be computed: {reason}"),
			kind: "server_error",
			param: None,
			code: Some("generation_failed"),
			retry_after: None,
			details: None,
			headers: Vec::new(),
		}
	}

	/// Returns the object that clients read.
	pub fn body(&self) -> Value {
		let Self { message, kind, param, code, details, .. } = self;
		let mut body = json!({ "error": { "message": message, "type": kind, "param": param, "code": code } });
		if let (Some(details), Some(Value::Object(error))) = (details, body.get_mut("error")) {
			error.insert("details".into(), details.clone());
		}
		// Beside the error, where programs of other gateways look for the way to credentials.
		let get_key = details.as_ref().and_then(|details| details.get("get_key"));
		if let (Some(get_key), Value::Object(fields)) = (get_key, &mut body) {
			fields.insert("get_key".into(), get_key.clone());
		}
		body
	}
}

impl IntoResponse for ApiError {
	fn into_response(self) -> Response {
		let mut response = Response::new(Body::from(self.body().to_string()));
		*response.status_mut() = self.status;
		let headers = response.headers_mut();
		headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
		if let Some(seconds) = self.retry_after {
			headers.insert(header::RETRY_AFTER, seconds.into());
		}
		headers.extend(self.headers);
		// For the metrics, which count refusals by this name.
		response.extensions_mut().insert(RefusalCode(self.code.unwrap_or("none")));
		response
	}
}

impl IntoResponse for Refusal {
	fn into_response(self) -> Response {
		ApiError::from(self).into_response()
	}
}

/// Name of a refusal, beside its answer.
#[derive(Clone, Copy, Debug)]
pub struct RefusalCode(pub &'static str);

fn type_of(value: &Value) -> &'static str {
	match value {
		Value::Null => "null",
		Value::Bool(_) => "a boolean",
		Value::Number(_) => "a number",
		Value::String(_) => "a string",
		Value::Array(_) => "an array",
		Value::Object(_) => "an object",
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn all_four_keys_are_there_even_if_they_are_null() {
		let body = ApiError::shutting_down().body();
		let mut keys: Vec<&String> = body["error"].as_object().unwrap().keys().collect();
		keys.sort();
		assert_eq!(keys, ["code", "message", "param", "type"]);
		assert_eq!(body["error"]["param"], Value::Null);
	}

	#[test]
	fn a_refusal_that_may_pass_says_when() {
		for (error, status) in [
			(ApiError::full(3), StatusCode::TOO_MANY_REQUESTS),
			(ApiError::client_full(3), StatusCode::TOO_MANY_REQUESTS),
			(ApiError::overloaded(), StatusCode::SERVICE_UNAVAILABLE),
		] {
			let response = error.into_response();
			assert_eq!(response.status(), status);
			assert_eq!(response.headers()[header::RETRY_AFTER], "1");
		}
	}
}
