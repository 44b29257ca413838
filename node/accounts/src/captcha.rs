//! CAPTCHA, as a step of the ladder: where the operator has configured a service, every challenge of a day behind the first is a task for a person
//! in place of more work.
//!
//! ```text
//! first challenge of a day --> proof of work
//! second and third         --> a task of the service, solved on the page
//! x-blyan-captcha: what the service gave the page
//! ```
//!
//! hCaptcha, Turnstile and reCAPTCHA share the form of the question ("siteverify") and of its answer, which are here; how it is asked is the caller's.
//! A task can be bought from people for a fraction of a cent: it prices requests, as work does, only higher.

use futures::future::BoxFuture;
use serde::Deserialize;

/// Header with what the service gave the page.
pub const CAPTCHA: &str = "x-blyan-captcha";
/// Bytes of that; services give some thousands at most.
pub(crate) const SOLUTION_BYTES_MAX: usize = 8 << 10;
/// Questions to the service at a time.
pub(crate) const QUESTIONS_MAX: usize = 16;

/// Description of the service for pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widget {
	/// Name of the service: `hcaptcha`, `turnstile`, `recaptcha`, or its host.
	pub service: String,
	/// Public key of the site.
	pub site_key: String,
}

/// Reason why nothing is known about a solution.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaptchaError {
	/// The service does not answer.
	#[error("the service of the CAPTCHA cannot be asked: {0}")]
	Unreachable(String),
	/// Its answer is not one.
	#[error(
		"the service of the CAPTCHA answers something else: {0}; see whether --captcha-url is its siteverify"
	)]
	Answer(String),
	/// It does not take the secret.
	#[error("the service of the CAPTCHA does not take the secret: see --captcha-secret")]
	Secret,
}

/// A service that tells people from programs.
pub trait Captcha: Send + Sync {
	/// Returns what pages need to show a task.
	fn widget(&self) -> &Widget;

	/// Asks whether a task was solved on a page of this gateway. The service says so once for each solution.
	fn verify<'a>(&'a self, solution: &'a str) -> BoxFuture<'a, Result<bool, CaptchaError>>;
}

/// Writes the body of a question. The address of the client is left out: the service need not know who asks here.
pub fn question(secret: &str, solution: &str) -> String {
	form_urlencoded::Serializer::new(String::new())
		.append_pair("secret", secret)
		.append_pair("response", solution)
		.finish()
}

/// Reads an answer. A task that was solved on the page of another site was not solved here.
pub fn answer(body: &[u8], domains: &[String]) -> Result<bool, CaptchaError> {
	#[derive(Deserialize)]
	struct Answer {
		success: bool,
		hostname: Option<String>,
		#[serde(default, rename = "error-codes")]
		errors: Vec<String>,
	}
	let answer: Answer =
		serde_json::from_slice(body).map_err(|error| CaptchaError::Answer(error.to_string()))?;
	if answer.errors.iter().any(|error| error.ends_with("-input-secret")) {
		return Err(CaptchaError::Secret);
	}
	let is_here = |host: &str| domains.iter().any(|domain| without_port(domain).eq_ignore_ascii_case(host));
	Ok(answer.success && answer.hostname.as_deref().is_none_or(is_here))
}

fn without_port(domain: &str) -> &str {
	match domain.rsplit_once(':') {
		Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
		_ => domain,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn domains() -> Vec<String> {
		vec!["chat.example:8443".into(), "127.0.0.1".into()]
	}

	#[test]
	fn a_question_is_a_form() {
		assert_eq!(question("a&b", "c d"), "secret=a%26b&response=c+d");
	}

	#[test]
	fn answers_of_the_services_are_read() {
		for (body, solved) in [
			(
				r#"{"success":true,"challenge_ts":"2026-12-01T00:00:00Z","hostname":"chat.example","credit":false}"#,
				true,
			),
			(r#"{"success":true,"hostname":"127.0.0.1","error-codes":[],"action":"","cdata":""}"#, true),
			(r#"{"success":true}"#, true),
			(r#"{"success":false,"error-codes":["timeout-or-duplicate"]}"#, false),
			(r#"{"success":false,"hostname":null}"#, false),
		] {
			assert_eq!(answer(body.as_bytes(), &domains()), Ok(solved), "{body}");
		}
		for body in ["", "<html>", "[]", "{}", r#"{"success":"true"}"#] {
			assert!(matches!(answer(body.as_bytes(), &domains()), Err(CaptchaError::Answer(_))), "{body}");
		}
		for error in ["invalid-input-secret", "missing-input-secret"] {
			let body = format!(r#"{{"success":false,"error-codes":["{error}"]}}"#);
			assert_eq!(answer(body.as_bytes(), &domains()), Err(CaptchaError::Secret));
		}
	}

	#[test]
	fn attack_have_tasks_solved_on_the_page_of_another_site_solves_none_here() {
		for host in ["evil.example", "chat.example.evil.example", ""] {
			let body = format!(r#"{{"success":true,"hostname":"{host}"}}"#);
			assert_eq!(answer(body.as_bytes(), &domains()), Ok(false), "{host}");
		}
	}
}
