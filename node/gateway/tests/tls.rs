//! TLS: clients that trust the authority, files that cannot be used, files that change, and connections that never agree.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use blyan_gateway::{redirect, Tls, TlsError};
use serde_json::json;
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc};
use support::{chat, read_all, Wanted, World};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::{TcpListener, TcpStream},
};
use tokio_rustls::{
	client::TlsStream,
	rustls::{
		crypto::ring::default_provider,
		pki_types::{pem::PemObject, CertificateDer, ServerName},
		ClientConfig, RootCertStore,
	},
	TlsConnector,
};

const CHAT: &str = "/v1/chat/completions";

/// The authority of `certificates/`, and a folder for what it issues.
struct Authority {
	issued: std::cell::Cell<usize>,
	dir: tempfile::TempDir,
}

impl Authority {
	/// Certificates for `localhost`, with their keys.
	const ISSUED: [(&'static str, &'static str); 2] = [
		(include_str!("certificates/first.pem"), include_str!("certificates/first.key")),
		(include_str!("certificates/second.pem"), include_str!("certificates/second.key")),
	];

	fn new() -> Self {
		Self { issued: Default::default(), dir: tempfile::tempdir().unwrap() }
	}

	fn path(&self, name: &str) -> PathBuf {
		self.dir.path().join(name)
	}

	/// Writes another certificate than the last time, with its key, and returns the certificate.
	fn issue(&self) -> CertificateDer<'static> {
		let (certificate, key) = Self::ISSUED[self.issued.get() % 2];
		self.issued.set(self.issued.get() + 1);
		self.write("cert.pem", certificate, 0o644);
		self.write("key.pem", key, 0o600);
		CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()
	}

	fn write(&self, name: &str, text: &str, mode: u32) {
		fs::write(self.path(name), text).unwrap();
		fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
	}

	fn open(&self) -> Result<Tls, TlsError> {
		Tls::open(&self.path("cert.pem"), &self.path("key.pem"))
	}

	fn error(&self) -> TlsError {
		self.open().err().unwrap()
	}

	/// Connects as a client that trusts this authority and no other, and offers HTTP/2 first.
	async fn connect(&self, world: &World) -> TlsStream<TcpStream> {
		let mut roots = RootCertStore::empty();
		let authority = include_bytes!("certificates/authority.pem");
		roots.add(CertificateDer::from_pem_slice(authority).unwrap()).unwrap();
		let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
			.with_safe_default_protocol_versions()
			.unwrap()
			.with_root_certificates(roots)
			.with_no_client_auth();
		config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
		let stream = TcpStream::connect(world.address).await.unwrap();
		let name = ServerName::try_from("localhost").unwrap();
		TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
	}
}

fn served_certificate(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
	stream.get_ref().1.peer_certificates().unwrap().first().unwrap().clone().into_owned()
}

#[tokio::test]
async fn a_client_that_trusts_the_authority_gets_an_answer_by_tls_and_one_without_tls_gets_none() {
	let authority = Authority::new();
	let certificate = authority.issue();
	let tls = Arc::new(authority.open().unwrap());
	let world = World::with(Wanted { tls: Some(tls), ..Wanted::default() }).await;
	let mut stream = authority.connect(&world).await;
	assert_eq!(served_certificate(&stream), certificate);
	assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]), "HTTP/2 was offered, too");
	let body = chat("a", json!({ "stream": true, "max_tokens": 20 })).to_string();
	let head = "Host: localhost\r\nContent-Type: application/json\r\nConnection: close";
	let request = format!("POST {CHAT} HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
	stream.write_all(request.as_bytes()).await.unwrap();
	let mut answer = String::new();
	stream.read_to_string(&mut answer).await.unwrap();
	assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("[DONE]"), "{answer}");
	assert!(answer.contains("strict-transport-security: max-age="), "{answer}");
	let mut plain = world.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
	let mut bytes = Vec::new();
	// The server may end the connection before it has read all of it.
	drop(plain.read_to_end(&mut bytes).await);
	assert!(!bytes.starts_with(b"HTTP/"), "{bytes:?}");
}

#[tokio::test]
async fn a_certificate_that_is_replaced_is_served_to_the_next_connection_and_a_broken_one_is_not() {
	let authority = Authority::new();
	let first = authority.issue();
	let tls = Arc::new(authority.open().unwrap());
	let world = World::with(Wanted { tls: Some(tls.clone()), ..Wanted::default() }).await;
	let mut before = authority.connect(&world).await;
	assert_eq!(tls.reload(), Ok(false), "nothing has changed");
	let second = authority.issue();
	assert_eq!(tls.reload(), Ok(true));
	assert_ne!(first, second);
	assert_eq!(served_certificate(&authority.connect(&world).await), second);
	authority.write("key.pem", "no key", 0o600);
	assert_eq!(tls.reload(), Err(TlsError::NoKey(authority.path("key.pem"))));
	assert_eq!(served_certificate(&authority.connect(&world).await), second);
	// A connection from before goes on.
	before.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
	let mut answer = String::new();
	before.read_to_string(&mut answer).await.unwrap();
	assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn files_that_cannot_be_served_are_refused_with_the_reason() {
	let authority = Authority::new();
	assert!(matches!(authority.error(), TlsError::File(..)));
	authority.issue();
	let (certificate, key) = (authority.path("cert.pem"), authority.path("key.pem"));
	fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
	let error = authority.error();
	assert_eq!(error, TlsError::OpenKey(key.clone(), 0o644));
	assert!(error.to_string().contains("mode 644") && error.to_string().contains("chmod 600"), "{error}");
	// A group of programs that renew certificates may read it.
	fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
	assert!(authority.open().is_ok());
	let own = fs::read_to_string(&key).unwrap();
	authority.issue();
	authority.write("key.pem", &own, 0o600);
	assert!(matches!(authority.error(), TlsError::Pair(..)), "a key of another certificate");
	authority.write("cert.pem", &own, 0o644);
	assert_eq!(authority.error(), TlsError::NoCertificate(certificate));
	authority.issue();
	authority.write("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n", 0o600);
	assert!(matches!(authority.error(), TlsError::Pem(path, _) if path == key));
}

#[tokio::test]
async fn attack_connect_and_never_agree_on_keys_keeps_no_server_from_its_end() {
	let authority = Authority::new();
	authority.issue();
	let tls = Arc::new(authority.open().unwrap());
	let world = World::with(Wanted { tls: Some(tls), ..Wanted::default() }).await;
	let mut silent = world.send("").await;
	// One that speaks is answered meanwhile.
	drop(authority.connect(&world).await);
	world.stop().await.unwrap();
	assert_eq!(read_all(&mut silent).await, "");
}

#[tokio::test]
async fn a_browser_without_tls_is_sent_over_and_a_prompt_without_tls_is_refused() {
	let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
	let address = listener.local_addr().unwrap();
	let redirecting = tokio::spawn(redirect(listener, 8_443));
	let ask = |request: &'static str| async move {
		let mut stream = TcpStream::connect(address).await.unwrap();
		stream.write_all(request.as_bytes()).await.unwrap();
		read_all(&mut stream).await
	};
	let page = ask("GET /chat?a=b HTTP/1.1\r\nHost: chat.example:8000\r\n\r\n").await;
	assert!(page.starts_with("HTTP/1.1 301 "), "{page}");
	assert!(page.contains("location: https://chat.example:8443/chat?a=b\r\n"), "{page}");
	let prompt =
		ask("POST /v1/completions HTTP/1.1\r\nHost: chat.example\r\nContent-Length: 0\r\n\r\n").await;
	assert!(prompt.starts_with("HTTP/1.1 403 ") && prompt.contains("tls_required"), "{prompt}");
	redirecting.abort();
}
