//! Arguments of TLS of a server.

use clap::Args;
use std::path::PathBuf;

/// Options of `serve` for encrypted connections.
#[derive(Debug, Default, Args)]
pub struct TlsServeArgs {
	/// Serve by TLS, with this certificate: a file of PEM, the server's own certificate first and those of its issuers behind it. Both files are read again
	/// when they change, and on SIGHUP.
	#[arg(long, value_name = "FILE", requires = "tls_key")]
	pub tls_cert: Option<PathBuf>,
	/// Private key of the certificate: a file of PEM that not every user of this machine may read.
	#[arg(long, value_name = "FILE", requires = "tls_cert")]
	pub tls_key: Option<PathBuf>,
	/// Send browsers that ask this port without TLS to the one with it; at the same address.
	#[arg(long, value_name = "PORT", requires = "tls_cert")]
	pub tls_redirect: Option<u16>,
}
