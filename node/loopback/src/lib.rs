//! Check that a request to a server on the loopback address names this machine.
//!
//! A page of another site cannot read what such a server answers, unless the site's own name leads to this machine: DNS
//! rebinding. Its requests then carry that name as their host, which is refused here.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use hyper::{header, http::uri::Authority, Request};
use std::net::IpAddr;

/// Reports whether a request names this machine: its target if that has a host, else its only `Host`. Any port is right,
/// because ports are forwarded.
pub fn is_for_this_machine<B>(request: &Request<B>) -> bool {
	if let Some(host) = request.uri().host() {
		return is_loopback(host);
	}
	let mut hosts = request.headers().get_all(header::HOST).iter();
	match (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) {
		(Some(host), None) => host.parse::<Authority>().is_ok_and(|authority| is_loopback(authority.host())),
		_ => false,
	}
}

/// Reports whether a host, without its port, is this machine: `localhost` or a loopback address.
pub fn is_loopback(host: &str) -> bool {
	let address = host.trim_start_matches('[').trim_end_matches(']');
	host.eq_ignore_ascii_case("localhost")
		|| address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
	use super::*;

	fn request(uri: &str, hosts: &[&str]) -> Request<()> {
		let mut request = Request::builder().uri(uri);
		for host in hosts {
			request = request.header(header::HOST, *host);
		}
		request.body(()).unwrap()
	}

	#[test]
	fn names_of_this_machine_are_right_with_any_port() {
		for host in ["localhost", "LOCALHOST:1", "127.0.0.1", "127.8.0.1:9617", "[::1]:9617"] {
			assert!(is_for_this_machine(&request("/", &[host])), "{host}");
		}
	}

	#[test]
	fn other_names_and_two_names_and_none_are_wrong() {
		for hosts in [
			&["evil.example"][..],
			&["127.0.0.1.evil.example"],
			&["10.0.0.1"],
			&["localhost", "localhost"],
			&[],
		] {
			assert!(!is_for_this_machine(&request("/", hosts)), "{hosts:?}");
		}
	}

	#[test]
	fn the_host_of_the_target_comes_before_the_header() {
		assert!(!is_for_this_machine(&request("http://evil.example/", &["localhost"])));
		assert!(is_for_this_machine(&request("http://localhost/", &["evil.example"])));
	}
}
