//! Connections: accepted up to a number, served, and ended.

use crate::{
	clients::{Held, Peer},
	gateway::{Gateway, Phase},
	routes,
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
	net::{TcpListener, TcpStream},
	sync::{watch, Semaphore},
	time::{sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;

/// Connections at once; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 512;
/// Bytes of a connection that are read ahead; the headers of a request have no more. With the number of connections this bounds
/// what they hold beside the bodies that are kept.
const BUFFER_BYTES_MAX: usize = 64 << 10;
/// Time within which a client must have sent its request's headers, and after which an idle connection is closed.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(75);
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
	// Connections hear of the end through their receivers, and are over when all of these are dropped.
	let ending = watch::Sender::new(());
	let router = routes::router(gateway.clone());
	tokio::select! {
		() = accept(&listener, &router, &ending) => {}
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
async fn accept(listener: &TcpListener, router: &Router, ending: &watch::Sender<()>) {
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
		let held = Held::new(place, ending.subscribe());
		tokio::spawn(converse(stream, Peer(address.ip()), router.clone(), held, ending.subscribe()));
	}
}

/// Serves one connection to its end, or until its current answer is given once `ending` changes.
async fn converse(
	stream: TcpStream,
	peer: Peer,
	router: Router,
	held: Held,
	mut ending: watch::Receiver<()>,
) {
	// Tokens are sent one by one; without this each would wait for the receipt of the one before.
	if let Err(error) = stream.set_nodelay(true) {
		tracing::debug!("cannot switch Nagle's algorithm off: {error}");
	}
	let mut stream = TimeoutStream::new(stream);
	stream.set_write_timeout(Some(WRITE_TIMEOUT));
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
		.serve_connection(TokioIo::new(Box::pin(stream)), service)
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
