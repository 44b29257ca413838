//! `serve --captcha-url`: the service that tells people from programs, asked by HTTP.

use crate::{
	args::AccountsServeArgs,
	failure::{Failure, Kind, Outcome},
	home::read_private,
	paying::upstream::{read, Upstream},
};
use axum::body::Bytes;
use blyan_accounts::captcha::{answer, question, Captcha, CaptchaError, Widget};
use futures::{future::BoxFuture, FutureExt};
use hyper::{
	header::{HeaderMap, HeaderValue, CONTENT_TYPE},
	http::uri::PathAndQuery,
	Method, Uri,
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::time::timeout;

/// Time within which the service must have answered: a person waits.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Where the tasks of each service come from, as it tells the authors of policies.
const HCAPTCHA: &str = "https://hcaptcha.com https://*.hcaptcha.com";
const TURNSTILE: &str = "https://challenges.cloudflare.com";
const RECAPTCHA: &str = "https://www.google.com/recaptcha/ https://recaptcha.google.com/recaptcha/ https://www.gstatic.com/recaptcha/ https://www.recaptcha.net/recaptcha/";
/// Hosts of services, the names by which pages know them, and the sources of their tasks.
const SERVICES: [(&str, &str, &str); 6] = [
	("api.hcaptcha.com", "hcaptcha", HCAPTCHA),
	("hcaptcha.com", "hcaptcha", HCAPTCHA),
	("challenges.cloudflare.com", "turnstile", TURNSTILE),
	("www.google.com", "recaptcha", RECAPTCHA),
	("google.com", "recaptcha", RECAPTCHA),
	("www.recaptcha.net", "recaptcha", RECAPTCHA),
];

/// A service whose question has the form that hCaptcha, Turnstile and reCAPTCHA share.
pub struct SiteVerify {
	widget: Widget,
	upstream: Upstream,
	path: PathAndQuery,
	secret: String,
	domains: Vec<String>,
}

/// Opens the service that the arguments ask for. `domains`: those that people open this gateway by.
pub fn open(args: &AccountsServeArgs, domains: &[String]) -> Outcome<Option<Arc<dyn Captcha>>> {
	let (Some(url), Some(secret), Some(site_key)) =
		(&args.captcha_url, &args.captcha_secret, &args.captcha_site_key)
	else {
		return Ok(None);
	};
	let service = SiteVerify::new(url, read_secret(secret)?, site_key.clone(), domains.to_vec())?;
	Ok(Some(Arc::new(service)))
}

/// Returns where the tasks of the service come from, which a page has to be allowed; `None` without a service.
pub fn sources(args: &AccountsServeArgs) -> Option<String> {
	let uri: Uri = args.captcha_url.as_deref()?.parse().ok()?;
	let (scheme, host) = (uri.scheme_str()?, uri.host()?);
	let known = SERVICES.iter().find(|(known, ..)| *known == host);
	// A source without a port is the scheme's own port alone.
	let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
	Some(known.map_or_else(|| format!("{scheme}://{host}{port}"), |(.., sources)| (*sources).to_owned()))
}

impl SiteVerify {
	fn new(url: &str, secret: String, site_key: String, domains: Vec<String>) -> Outcome<Self> {
		let refuse =
			|reason: &str| {
				Failure::new(format!("{url:?} is not the address of a CAPTCHA service: {reason}"))
				.kind(Kind::Refused)
				.next("name its siteverify, such as https://challenges.cloudflare.com/turnstile/v0/siteverify")
			};
		let uri: Uri = url.parse().map_err(|_| refuse("it is not a URL"))?;
		let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
			return Err(refuse("it must begin with https:// and name a host"));
		};
		let upstream = Upstream::new(&format!("{scheme}://{authority}"))
			.map_err(|_| refuse("it must begin with https:// and name a host"))?;
		if upstream.is_open() {
			return Err(refuse("the secret would go over the network without encryption"));
		}
		let host = authority.host();
		let known = SERVICES.iter().find(|(known, ..)| *known == host);
		let service = known.map_or(host, |(_, name, _)| *name).to_owned();
		let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
		Ok(Self { widget: Widget { service, site_key }, upstream, path, secret, domains })
	}

	async fn ask(&self, solution: &str) -> Result<bool, CaptchaError> {
		let unreachable = |error: &dyn std::fmt::Display| CaptchaError::Unreachable(error.to_string());
		let mut headers = HeaderMap::new();
		headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
		let body = Bytes::from(question(&self.secret, solution));
		let asked = async {
			let response = self.upstream.send(Method::POST, &self.path, headers, body).await?;
			let status = response.status();
			read(response.into_body()).await.map(|body| (status, body))
		};
		let answered = timeout(TIMEOUT, asked).await.map_err(|_| unreachable(&"it does not answer"))?;
		let (status, body) = answered.map_err(|error| unreachable(&error))?;
		if status.is_server_error() {
			return Err(unreachable(&status));
		}
		answer(&body, &self.domains)
	}
}

impl Captcha for SiteVerify {
	fn widget(&self) -> &Widget {
		&self.widget
	}

	fn verify<'a>(&'a self, solution: &'a str) -> BoxFuture<'a, Result<bool, CaptchaError>> {
		self.ask(solution).boxed()
	}
}

/// Reads the secret of a file. Refuses one that other users of the machine can read.
fn read_secret(path: &Path) -> Outcome<String> {
	let shown = path.display();
	let way = "write the secret that the service gave you to a file, chmod 600 it, and name it with --captcha-secret";
	let secret = read_private(path, way)?.trim().to_owned();
	match secret.is_empty() {
		true => Err(Failure::new(format!("{shown} is empty")).kind(Kind::Refused).next(way)),
		false => Ok(secret),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use axum::{routing::post, Router};
	use serde_json::json;
	use std::{fs, os::unix::fs::PermissionsExt};
	use tokio::net::TcpListener;

	/// A service of a test: it takes one secret and one solution, and says from which page that is.
	async fn service(host: &'static str) -> String {
		let verify = move |body: String| async move {
			let answer = match body.as_str() {
				"secret=a+secret&response=solved" => json!({ "success": true, "hostname": host }),
				body if body.starts_with("secret=a+secret&response=") => {
					json!({ "success": false, "error-codes": ["invalid-input-response"] })
				}
				_ => json!({ "success": false, "error-codes": ["invalid-input-secret"] }),
			};
			answer.to_string()
		};
		let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
		let address = listener.local_addr().unwrap();
		let router = Router::new().route("/siteverify", post(verify));
		tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
		format!("http://{address}/siteverify")
	}

	fn asking(url: &str, secret: &str) -> SiteVerify {
		SiteVerify::new(url, secret.into(), "site".into(), vec!["chat.example".into()]).unwrap()
	}

	#[tokio::test]
	async fn a_service_is_asked_with_the_secret_and_believed_about_pages_of_this_gateway() {
		let url = service("chat.example").await;
		let captcha = asking(&url, "a secret");
		assert_eq!(captcha.widget().service, "127.0.0.1");
		assert_eq!(captcha.verify("solved").await, Ok(true));
		assert_eq!(captcha.verify("solved&secret=other").await, Ok(false), "no field can be added");
		assert_eq!(asking(&url, "another").verify("solved").await, Err(CaptchaError::Secret));
		let elsewhere = service("evil.example").await;
		assert_eq!(asking(&elsewhere, "a secret").verify("solved").await, Ok(false));
		let lost = asking(&url.replace("siteverify", "nothing"), "a secret");
		assert!(matches!(lost.verify("solved").await, Err(CaptchaError::Answer(_))));
		let gone = asking("http://127.0.0.1:1/siteverify", "a secret");
		assert!(matches!(gone.verify("solved").await, Err(CaptchaError::Unreachable(_))));
	}

	#[test]
	fn a_page_may_load_the_tasks_of_the_service_that_is_named() {
		let sources = |url: &str| {
			let captcha_url = Some(url.to_owned());
			sources(&AccountsServeArgs { captcha_url, ..AccountsServeArgs::default() })
		};
		let turnstile = sources("https://challenges.cloudflare.com/turnstile/v0/siteverify");
		assert_eq!(turnstile.as_deref(), Some("https://challenges.cloudflare.com"));
		assert_eq!(sources("https://captcha.example/a").as_deref(), Some("https://captcha.example"));
		assert_eq!(sources("https://a.example:8443/b").as_deref(), Some("https://a.example:8443"));
		assert_eq!(sources("http://127.0.0.1:81/b").as_deref(), Some("http://127.0.0.1:81"));
		assert_eq!(super::sources(&AccountsServeArgs::default()), None);
	}

	#[test]
	fn a_secret_never_goes_over_the_network_in_the_open_nor_lies_in_a_file_for_all() {
		let new = |url: &str| SiteVerify::new(url, "s".into(), "k".into(), Vec::new());
		for url in ["http://captcha.example/siteverify", "captcha.example", "/siteverify", "ftp://a/b"] {
			assert!(new(url).is_err(), "{url}");
		}
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("secret");
		assert!(read_secret(&path).is_err());
		fs::write(&path, "a secret\n").unwrap();
		fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
		assert!(read_secret(&path).unwrap_err().next.unwrap().contains("chmod 600"));
		fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
		assert_eq!(read_secret(&path).unwrap(), "a secret");
		fs::write(&path, "\n").unwrap();
		assert!(read_secret(&path).is_err());
	}
}
