//! Lines of the access log. Where they go is the caller's.

use axum::http::Method;
use std::{fmt, net::IpAddr, time::Duration};

/// Takes the lines of the access log.
pub type AccessLog = Box<dyn Fn(&AccessLine<'_>) + Send + Sync>;

/// A request as the access log has it: by its route and never by its address, in which a prompt may be.
#[derive(Clone, Copy, Debug)]
pub struct AccessLine<'a> {
	/// Client: an address, or a network of 64 bits under IPv6.
	pub client: IpAddr,
	/// Method.
	pub method: &'a Method,
	/// Route, with names in the place of what differs; `other` for what is none.
	pub route: &'a str,
	/// Status of the answer.
	pub status: u16,
	/// Name of the refusal, if it was one.
	pub refusal: Option<&'static str>,
	/// Time until the answer's headers.
	pub duration: Duration,
}

impl fmt::Display for AccessLine<'_> {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let Self { client, method, route, status, refusal, duration } = self;
		let milliseconds = duration.as_millis();
		write!(f, "{client} {method} {route} {status} {} {milliseconds}ms", refusal.unwrap_or("-"))
	}
}
