//! TLS of the server: certificate and key in files, which may be replaced while it serves.
//!
//! HTTP/1.1 alone is offered by ALPN. Under HTTP/2 a reader can keep its connection busy and take nothing of an answer, by the window of one stream,
//! so the time after which readers are given up would not hold.

use sha2::{Digest, Sha256};
use std::{
	fs::File,
	io::{self, Read},
	os::unix::fs::PermissionsExt,
	path::{Path, PathBuf},
	sync::{Arc, PoisonError, RwLock},
};
use tokio_rustls::{
	rustls::{
		self,
		crypto::ring::default_provider,
		pki_types::{
			pem::{self, PemObject},
			CertificateDer, PrivateKeyDer,
		},
		ServerConfig,
	},
	TlsAcceptor,
};

/// Protocols that are offered.
const PROTOCOLS: [&[u8]; 1] = [b"http/1.1"];
/// Bytes of a file: chains of certificates have some thousands.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Permissions of users that are neither the key's owner nor of its group.
const OTHERS: u32 = 0o007;

/// Reason why a certificate or key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
	/// A file cannot be read.
	#[error("cannot read {0:?}: {1}; name files of PEM with --tls-cert and --tls-key")]
	File(PathBuf, String),
	/// Every user of the machine may read the key.
	#[error(
		"every user of this machine may read the key {0:?} (mode {1:03o}): chmod 600 {0:?}, and get another key if others have used this machine"
	)]
	OpenKey(PathBuf, u32),
	/// The file holds no certificate.
	#[error(
		"{0:?} holds no certificate: name a file of PEM, the server's own certificate first and those of its issuers behind it"
	)]
	NoCertificate(PathBuf),
	/// The file holds no key.
	#[error("{0:?} holds no private key: name a file of PEM that is not encrypted")]
	NoKey(PathBuf),
	/// A file is not PEM.
	#[error("{0:?} is not PEM: {1}")]
	Pem(PathBuf, String),
	/// Certificate and key do not belong together, or are of an unknown kind.
	#[error(
		"the certificate {0:?} cannot be served with the key {1:?}: {2}; name the key that it was issued for"
	)]
	Pair(PathBuf, PathBuf, String),
}

/// Certificate and key that are served at present.
struct Served {
	config: Arc<ServerConfig>,
	/// Hash of both files.
	hash: [u8; 32],
}

/// Certificate and key of a server.
pub struct Tls {
	certificate: PathBuf,
	key: PathBuf,
	served: RwLock<Served>,
}

impl Tls {
	/// Reads a chain of certificates and its key, both PEM.
	pub fn open(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
		let served = RwLock::new(read(certificate, key)?);
		Ok(Self { certificate: certificate.into(), key: key.into(), served })
	}

	/// Reads the files again, and reports whether they have changed. Connections from now on get what they hold; where they cannot be used, what was
	/// served before stays.
	pub fn reload(&self) -> Result<bool, TlsError> {
		let found = read(&self.certificate, &self.key)?;
		let mut served = self.served.write().unwrap_or_else(PoisonError::into_inner);
		let is_changed = found.hash != served.hash;
		if is_changed {
			*served = found;
		}
		Ok(is_changed)
	}

	/// Returns what accepts a connection.
	pub(crate) fn acceptor(&self) -> TlsAcceptor {
		let served = self.served.read().unwrap_or_else(PoisonError::into_inner);
		TlsAcceptor::from(served.config.clone())
	}
}

fn read(certificate: &Path, key: &Path) -> Result<Served, TlsError> {
	let (chain_pem, _) = read_file(certificate)?;
	let (key_pem, mode) = read_file(key)?;
	if mode & OTHERS != 0 {
		return Err(TlsError::OpenKey(key.into(), mode & 0o777));
	}
	let chain = CertificateDer::pem_slice_iter(&chain_pem).collect::<Result<Vec<_>, _>>();
	let chain = chain.map_err(|error| TlsError::Pem(certificate.into(), error.to_string()))?;
	if chain.is_empty() {
		return Err(TlsError::NoCertificate(certificate.into()));
	}
	let private = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|error| match error {
		pem::Error::NoItemsFound => TlsError::NoKey(key.into()),
		error => TlsError::Pem(key.into(), error.to_string()),
	})?;
	let config = configure(chain, private)
		.map_err(|error| TlsError::Pair(certificate.into(), key.into(), error.to_string()))?;
	let hash = Sha256::new().chain_update(Sha256::digest(&chain_pem)).chain_update(Sha256::digest(&key_pem));
	Ok(Served { config: Arc::new(config), hash: hash.finalize().into() })
}

/// Refuses a key of another certificate.
fn configure(
	chain: Vec<CertificateDer<'static>>,
	key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
	let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
		.with_safe_default_protocol_versions()?
		.with_no_client_auth()
		.with_single_cert(chain, key)?;
	config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
	Ok(config)
}

/// Returns a file with its permissions, which are those of the bytes that were read.
fn read_file(path: &Path) -> Result<(Vec<u8>, u32), TlsError> {
	let read = || -> io::Result<_> {
		let file = File::open(path)?;
		let (mode, mut bytes) = (file.metadata()?.permissions().mode(), Vec::new());
		file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
		Ok((bytes, mode))
	};
	read().map_err(|error| TlsError::File(path.into(), error.to_string()))
}
