//! Connections: accepted up to a number, served, and ended.

use crate::{
	clients::{Held, Peer},
	gateway::{Gateway, Phase},
	routes,
	tls::Tls,
};
use axum::Router;
use hyper::{
	body::Incoming,
	server::conn::http1,
	service::{service_fn, Service},
	Request,
};
use hyper_util::{
	rt::{TokioIo, TokioTimer},
	service::TowerToHyperService,
};
use std::{future::Future, pin::pin, sync::Arc, time::Duration};
use tokio::{
	io::{AsyncRead, AsyncWrite},
	net::{TcpListener, TcpStream},
	sync::{watch, Semaphore},
	time::{sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

/// Connections at once; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 512;
/// Bytes of a connection that are read ahead; the headers of a request have no more. With the number of connections this bounds
/// what they hold beside the bodies that are kept.
const BUFFER_BYTES_MAX: usize = 64 << 10;
/// Time within which a client must have sent its request's headers, and after which an idle connection is closed.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(75);
/// Time within which a client must have agreed on keys.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time after which a reader that takes nothing is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after an error that has nothing to do with one client, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time in which streams that are cancelled send their reason.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves until `shutdown`, and then until all answers have ended or their time is over.
///
/// Behind `shutdown` no connection is accepted. Generations may go on for the time of
/// [`Config::drain`](crate::gateway::Config::drain); then they are cancelled, and their streams end with the reason.
pub async fn serve(listener: TcpListener, gateway: Arc<Gateway>, shutdown: impl Future<Output = ()>) {
	run(listener, None, gateway, shutdown).await;
}

/// As [`serve`], by TLS and nothing else.
pub async fn serve_tls(
	listener: TcpListener,
	tls: Arc<Tls>,
	gateway: Arc<Gateway>,
	shutdown: impl Future<Output = ()>,
) {
	run(listener, Some(tls), gateway, shutdown).await;
}

async fn run(
	listener: TcpListener,
	tls: Option<Arc<Tls>>,
	gateway: Arc<Gateway>,
	shutdown: impl Future<Output = ()>,
) {
	// Connections hear of the end through their receivers, and are over when all of these are dropped.
	let ending = watch::Sender::new(());
	let router = routes::router(gateway.clone());
	tokio::select! {
		() = accept(&listener, tls.as_deref(), &router, &ending) => {}
		() = shutdown => {}
	}
	drop(listener);
	gateway.enter(Phase::Draining);
	ending.send_replace(());
	let mut closed = pin!(ending.closed());
	if timeout(gateway.config().drain, closed.as_mut()).await.is_ok() {
		return;
	}
	gateway.enter(Phase::Stopped);
	if timeout(FLUSH_TIMEOUT, closed).await.is_err() {
		tracing::warn!("some readers did not take the end of their answers");
	}
}

/// Accepts connections for ever.
async fn accept(listener: &TcpListener, tls: Option<&Tls>, router: &Router, ending: &watch::Sender<()>) {
	let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
	loop {
		// The semaphore is never closed.
		let Ok(place) = places.clone().acquire_owned().await else { return };
		let (stream, address) = match listener.accept().await {
			Ok(accepted) => accepted,
			Err(error) => {
				tracing::debug!("cannot accept a connection: {error}");
				sleep(ACCEPT_PAUSE).await;
				continue;
			}
		};
		let connection = Connection {
			peer: Peer(address.ip()),
			router: router.clone(),
			held: Held::new(place, ending.subscribe()),
			ending: ending.subscribe(),
		};
		// Each connection begins with the certificate of that moment.
		tokio::spawn(converse(stream, tls.map(Tls::acceptor), connection));
	}
}

/// A connection that was accepted, beside its bytes.
struct Connection {
	peer: Peer,
	router: Router,
	held: Held,
	ending: watch::Receiver<()>,
}

/// Serves one connection to its end.
async fn converse(stream: TcpStream, tls: Option<TlsAcceptor>, mut connection: Connection) {
	// Tokens are sent one by one; without this each would wait for the receipt of the one before.
	if let Err(error) = stream.set_nodelay(true) {
		tracing::debug!("cannot switch Nagle's algorithm off: {error}");
	}
	let mut stream = TimeoutStream::new(stream);
	stream.set_write_timeout(Some(WRITE_TIMEOUT));
	// Beneath TLS, so that it bounds what is sent encrypted, too.
	let stream = Box::pin(stream);
	let Some(tls) = tls else { return connection.serve(stream).await };
	let agreed = tokio::select! {
		agreed = timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)) => agreed,
		_ = connection.ending.changed() => return,
	};
	match agreed {
		Ok(Ok(stream)) => connection.serve(stream).await,
		Ok(Err(error)) => tracing::trace!("no TLS with {:?}: {error}", connection.peer),
		Err(_) => tracing::trace!("no TLS with {:?} in time", connection.peer),
	}
}

impl Connection {
	/// Serves requests, or until the current answer is given once the server ends.
	async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
		let Self { peer, router, held, mut ending } = self;
		let router = TowerToHyperService::new(router);
		let service = service_fn(move |mut request: Request<Incoming>| {
			request.extensions_mut().insert(peer);
			request.extensions_mut().insert(held.clone());
			router.call(request)
		});
		let mut connection = pin!(http1::Builder::new()
			.timer(TokioTimer::new())
			.header_read_timeout(HEADERS_TIMEOUT)
			.max_buf_size(BUFFER_BYTES_MAX)
			.serve_connection(TokioIo::new(stream), service)
			.with_upgrades());
		let served = tokio::select! {
			served = connection.as_mut() => served,
			_ = ending.changed() => {
				connection.as_mut().graceful_shutdown();
				connection.await
			}
		};
		if let Err(error) = served {
			tracing::trace!("a connection ended: {error}");
		}
	}
}
