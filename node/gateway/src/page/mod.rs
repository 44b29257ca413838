//! The chat page: one document, which asks only the server that it came from.

use axum::http::HeaderValue;
use base64::{engine::general_purpose::STANDARD, Engine as _};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// Document with the places of its style and its script.
const DOCUMENT: &str = include_str!("page.html");
/// Style.
const STYLE: &str = include_str!("page.css");
/// Script.
const SCRIPT: &str = include_str!("page.js");

/// Policy for a page in a folder: its own files, WebAssembly among them, this server, and the node that its user names.
pub const FOLDER_POLICY: HeaderValue = HeaderValue::from_static(
	"default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; connect-src 'self' ws: wss:; object-src 'none'; \
	base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Returns the policy for a page in a folder that shows tasks of a service, too, from these sources; `None` where they are malformed.
pub fn folder_policy_with(sources: &str) -> Option<HeaderValue> {
	if sources.contains([';', ',']) {
		return None;
	}
	let policy = format!(
		"default-src 'self'; script-src 'self' 'wasm-unsafe-eval' {sources}; style-src 'self' {sources}; frame-src {sources}; \
		img-src 'self' data:; connect-src 'self' ws: wss: {sources}; object-src 'none'; base-uri 'none'; form-action 'none'; \
		frame-ancestors 'none'"
	);
	HeaderValue::try_from(policy).ok()
}

/// The page as it is sent.
static PAGE: LazyLock<String> =
	LazyLock::new(|| DOCUMENT.replace("/*STYLE*/", STYLE).replace("/*SCRIPT*/", SCRIPT));

/// Policy by which a browser runs this style and this script, asks this server, and does nothing else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
	let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
	let policy = format!(
		"default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; img-src data:; \
		base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		hash(STYLE),
		hash(SCRIPT)
	);
	HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// Returns the page.
pub fn page() -> &'static str {
	&PAGE
}

/// Returns its policy.
pub fn content_security_policy() -> HeaderValue {
	POLICY.clone()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_page_is_whole_and_asks_no_other_host() {
		let page = page();
		assert!(!page.contains("/*STYLE*/") && !page.contains("/*SCRIPT*/"));
		assert!(page.contains(STYLE) && page.contains(SCRIPT));
		for sign in ["http://", "https://", "//cdn", "@import", "innerHTML", "eval(", "onclick"] {
			assert!(!page.contains(sign), "{sign}");
		}
		let policy = content_security_policy();
		let policy = policy.to_str().unwrap();
		assert!(policy.contains("script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
	}
}
