//! `serve --tls-cert`: a server with a certificate, which is read again when it changes.

use crate::{
	args::TlsServeArgs,
	failure::{Context, Failure, Kind, Outcome},
	output::Output,
};
use blyan_gateway::{redirect, serve, serve_tls, Gateway, Tls};
use serde_json::json;
use std::{
	future::{pending, Future},
	net::SocketAddr,
	sync::Arc,
	time::Duration,
};
use tokio::{
	net::TcpListener,
	signal::unix::{signal, Signal, SignalKind},
	time::sleep,
};

/// Interval at which the files are read again.
const LOOK: Duration = Duration::from_secs(30);

/// TLS of a server, if it has one.
pub struct Encryption {
	tls: Option<Arc<Tls>>,
	redirect: Option<TcpListener>,
	/// Waited for from the beginning: until then the signal would end the server.
	hangup: Option<Signal>,
}

impl Encryption {
	/// Opens what the arguments ask for.
	pub async fn open(args: &TlsServeArgs, listen: SocketAddr) -> Outcome<Self> {
		let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) else {
			return Ok(Self { tls: None, redirect: None, hangup: None });
		};
		let tls = Tls::open(certificate, key)
			.map_err(|error| Failure::new(error.to_string()).kind(Kind::Refused))?;
		let redirect = match args.tls_redirect {
			None => None,
			Some(port) => {
				let address = SocketAddr::new(listen.ip(), port);
				Some(TcpListener::bind(address).await.context_next(
					format_args!("cannot listen on {address}"),
					"name another port with --tls-redirect",
				)?)
			}
		};
		Ok(Self { tls: Some(Arc::new(tls)), redirect, hangup: signal(SignalKind::hangup()).ok() })
	}

	/// Reports whether there is TLS.
	pub fn is_on(&self) -> bool {
		self.tls.is_some()
	}

	/// Returns the scheme of the server's addresses.
	pub fn scheme(&self) -> &'static str {
		match self.is_on() {
			true => "https",
			false => "http",
		}
	}

	/// Returns the address without TLS that sends browsers over.
	pub fn redirect(&self) -> Option<SocketAddr> {
		self.redirect.as_ref().and_then(|listener| listener.local_addr().ok())
	}

	/// Serves until `end`.
	pub async fn serve(
		self,
		listener: TcpListener,
		gateway: Arc<Gateway>,
		end: impl Future<Output = ()>,
		output: &Output,
	) -> Outcome<()> {
		let Some(tls) = self.tls else {
			serve(listener, gateway, end).await;
			return Ok(());
		};
		let port = listener.local_addr()?.port();
		let mut beside = vec![tokio::spawn(watch(tls.clone(), self.hangup, output.clone()))];
		beside.extend(self.redirect.map(|plain| tokio::spawn(redirect(plain, port))));
		serve_tls(listener, tls, gateway, end).await;
		beside.iter().for_each(tokio::task::JoinHandle::abort);
		Ok(())
	}
}

/// Reads the certificate again when it may have changed. A pair of which one half is replaced first is wrong for a moment only, so one that cannot be used
/// is reported when it is still there at the next look.
async fn watch(tls: Arc<Tls>, mut hangup: Option<Signal>, output: Output) {
	let mut wrong = String::new();
	loop {
		let is_asked = tokio::select! {
			() = hung_up(&mut hangup) => true,
			() = sleep(LOOK) => false,
		};
		let again = tls.clone();
		let read = tokio::task::spawn_blocking(move || again.reload()).await;
		let Ok(read) = read else { continue };
		match read {
			Ok(is_changed) => {
				wrong.clear();
				if is_changed {
					output.event("certificate", json!({}), "another certificate is served from now on");
				}
			}
			Err(error) => {
				let found = error.to_string();
				if is_asked || found == wrong {
					output.warn(format_args!("the certificate from before is still served: {found}"));
				}
				wrong = found;
			}
		}
	}
}

/// Waits for SIGHUP; for ever where it cannot be waited for.
async fn hung_up(hangup: &mut Option<Signal>) {
	match hangup {
		Some(hangup) => {
			if hangup.recv().await.is_none() {
				pending::<()>().await
			}
		}
		None => pending::<()>().await,
	}
}
