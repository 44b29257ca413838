//! The server's state: one model, one engine, and what is shared by all requests.

use crate::{
	access_log::AccessLog,
	body::BodyMemory,
	clients::{ClientPlace, Clients, Peer},
	engine::Engine,
	error::ApiError,
	files::{ModelFiles, PageFolder},
	metrics::{Metrics, Sizes},
	model::ServedModel,
	receipts::Receipts,
	till::{Free, Till},
};
use axum::{http::HeaderValue, Router};
use std::{
	net::IpAddr,
	path::Path,
	sync::{Arc, OnceLock},
	time::Duration,
};
use tokio::sync::{watch, OwnedSemaphorePermit, Semaphore};

/// Receipts that are kept.
const RECEIPTS_MAX: usize = 4_096;
/// Bytes of all receipts that are kept.
const RECEIPTS_BYTES_MAX: usize = 64 << 20;

/// Bytes of all bodies that are being read, if nothing else is configured.
pub const BODY_MEMORY: usize = 64 << 20;

/// Limits and audience.
#[derive(Clone, Debug)]
pub struct Config {
	/// Requests that are computed or wait for it; further ones are refused.
	pub places: usize,
	/// Places that one client may have, by its address; `None` for all of them.
	pub places_per_client: Option<usize>,
	/// Bytes of all bodies that are being read, 4 MiB at least; requests beyond are refused.
	pub body_memory: usize,
	/// Refuses requests that do not name this machine as their host, since only its programs can connect.
	pub is_loopback: bool,
	/// Origins whose pages may ask; `*` for all.
	pub origins: Vec<HeaderValue>,
	/// Time that generations have to end when the server ends.
	pub drain: Duration,
}

/// Phase of the server's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
	/// Requests are taken.
	Serving,
	/// No more requests are taken; those that are computed go on.
	Draining,
	/// Generations are cancelled.
	Stopped,
}

/// Place of a request that is computed or waits for it. It is free when this is dropped.
#[derive(Debug)]
pub struct Place {
	// The first to be given back: a place that is free again is free for its client, too.
	_of_client: Option<ClientPlace>,
	_of_all: OwnedSemaphorePermit,
}

/// State of a server.
pub struct Gateway {
	model: ServedModel,
	engine: Box<dyn Engine>,
	till: Arc<dyn Till>,
	config: Config,
	receipts: Receipts,
	metrics: Metrics,
	places: Arc<Semaphore>,
	clients: Arc<Clients>,
	body_memory: BodyMemory,
	phase: watch::Sender<Phase>,
	/// Reason for which no more answers are given, although the server runs.
	withheld: OnceLock<String>,
	page: Option<PageFolder>,
	model_files: Option<ModelFiles>,
	/// Routes of other parts of the server.
	routes: Option<Router>,
	access_log: Option<AccessLog>,
	/// Proxies of the operator's, whose word about their clients is taken.
	proxies: Vec<IpAddr>,
}

impl Gateway {
	/// Puts a model and its engine together. Nothing is charged; see [`Self::with_till`].
	pub fn new(model: ServedModel, engine: Box<dyn Engine>, mut config: Config) -> prometheus::Result<Self> {
		// A semaphore of more ends the process.
		config.places = config.places.min(Semaphore::MAX_PERMITS);
		let places = Arc::new(Semaphore::new(config.places));
		let (receipts, metrics) = (Receipts::new(RECEIPTS_MAX, RECEIPTS_BYTES_MAX), Metrics::new()?);
		let (clients, body_memory) = (Arc::default(), BodyMemory::new(config.body_memory));
		let (phase, _) = watch::channel(Phase::Serving);
		let till = Arc::new(Free);
		let withheld = OnceLock::new();
		Ok(Self {
			model,
			engine,
			till,
			config,
			receipts,
			metrics,
			places,
			clients,
			body_memory,
			phase,
			withheld,
			page: None,
			model_files: None,
			routes: None,
			access_log: None,
			proxies: Vec::new(),
		})
	}

	/// Lets a till decide which requests are computed, and for what.
	pub fn with_till(self, till: Arc<dyn Till>) -> Self {
		Self { till, ..self }
	}

	/// Serves further routes beside those that were given before, behind the same checks and with the same headers. None of them may be one that is
	/// there already: the server would not start.
	pub fn with_routes(self, routes: Router) -> Self {
		Self { routes: Some(self.routes().merge(routes)), ..self }
	}

	/// Hands a line about every request to an access log.
	pub fn with_access_log(self, log: AccessLog) -> Self {
		Self { access_log: Some(log), ..self }
	}

	/// Takes the word of these proxies about the addresses of their clients: what they append to `X-Forwarded-For`.
	pub fn with_proxies(self, proxies: Vec<IpAddr>) -> Self {
		Self { proxies: proxies.iter().map(IpAddr::to_canonical).collect(), ..self }
	}

	/// Returns the proxies of the operator's.
	pub(crate) fn proxies(&self) -> &[IpAddr] {
		&self.proxies
	}

	/// Returns the further routes.
	pub(crate) fn routes(&self) -> Router {
		self.routes.clone().unwrap_or_default()
	}

	/// Returns the access log, if there is one.
	pub(crate) fn access_log(&self) -> Option<&AccessLog> {
		self.access_log.as_ref()
	}

	/// Serves the page in a folder in the place of the one that is built in.
	pub fn with_page(self, folder: &Path) -> Self {
		Self { page: Some(PageFolder::new(folder)), ..self }
	}

	/// Lets the page in a folder, if there is one, show what comes from these sources of its policy, such as the tasks of a service that tells people from
	/// programs.
	pub fn with_page_sources(self, sources: &str) -> Self {
		let page = self.page.clone().map(|page| page.with_sources(sources));
		Self { page, ..self }
	}

	/// Hands out the files of the model, which lie in this directory.
	pub fn with_model_files(self, directory: &Path) -> Self {
		Self { model_files: Some(ModelFiles::new(directory)), ..self }
	}

	/// Returns the folder of the page, if it has one.
	pub(crate) fn page(&self) -> Option<&PageFolder> {
		self.page.as_ref()
	}

	/// Returns the files of the model, if they are handed out.
	pub(crate) fn model_files(&self) -> Option<&ModelFiles> {
		self.model_files.as_ref()
	}

	/// Returns the till.
	pub fn till(&self) -> &dyn Till {
		self.till.as_ref()
	}

	/// Returns the model.
	pub fn model(&self) -> &ServedModel {
		&self.model
	}

	/// Returns the engine.
	pub fn engine(&self) -> &dyn Engine {
		self.engine.as_ref()
	}

	/// Returns the limits.
	pub fn config(&self) -> &Config {
		&self.config
	}

	/// Returns the receipts.
	pub fn receipts(&self) -> &Receipts {
		&self.receipts
	}

	/// Returns the figures.
	pub fn metrics(&self) -> &Metrics {
		&self.metrics
	}

	/// Writes the figures of now.
	pub fn metrics_text(&self) -> prometheus::Result<String> {
		self.metrics.text(Sizes {
			load: self.engine.load(),
			places_taken: self.config.places.saturating_sub(self.places.available_permits()),
			body_bytes: self.body_memory.taken(),
			receipts: self.receipts.size(),
			room: self.till.room().unwrap_or_default(),
		})
	}

	/// Returns the memory for bodies.
	pub(crate) fn body_memory(&self) -> &BodyMemory {
		&self.body_memory
	}

	/// Takes a place for a client. Refused if it has all that one may have, or if none is free.
	pub(crate) fn place(&self, peer: Peer) -> Result<Place, ApiError> {
		let of_client = match self.config.places_per_client {
			None => None,
			Some(places_max) => {
				let place = self.clients.place(peer, places_max);
				Some(place.ok_or_else(|| ApiError::client_full(places_max))?)
			}
		};
		match self.places.clone().try_acquire_owned() {
			Ok(of_all) => Ok(Place { _of_client: of_client, _of_all: of_all }),
			Err(_) => Err(ApiError::full(self.config.places)),
		}
	}

	/// Returns the phase, to wait for another one.
	pub fn phase(&self) -> watch::Receiver<Phase> {
		self.phase.subscribe()
	}

	/// Reports whether requests are taken.
	pub fn is_serving(&self) -> bool {
		*self.phase.borrow() == Phase::Serving
	}

	/// Gives no more answers until the server is started again, since they may be wrong. Receipts and everything else are still there.
	pub fn withhold(&self, reason: String) {
		// The first reason stays.
		drop(self.withheld.set(reason));
	}

	/// Refuses a request where none is answered, with the reason.
	pub(crate) fn ensure_serving(&self) -> Result<(), ApiError> {
		if let Some(reason) = self.withheld.get() {
			return Err(ApiError::withheld(reason));
		}
		match self.is_serving() {
			true => Ok(()),
			false => Err(ApiError::shutting_down()),
		}
	}

	/// Enters another phase.
	pub fn enter(&self, phase: Phase) {
		self.phase.send_replace(phase);
	}
}
