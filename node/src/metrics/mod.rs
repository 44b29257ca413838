//! Prometheus metrics beside the SDK's own: the chain, and this process.
//!
//! The engine's figures are registered where the engine is started (`ml::metrics`), those of the exchange of blobs where
//! that is. All names are in docs/monitoring.md; the
//! end-to-end tests hold dashboards and alerts against what a running node exports.

mod chain;
mod figures;
mod poll;
mod process;
mod seats;

use crate::{exchange::Exchange, service::Client};
use sp_keystore::KeystorePtr;
use std::sync::Arc;
use substrate_prometheus_endpoint::{PrometheusError, Registry};

pub use figures::Figures;

/// Registers everything and returns the task that keeps the chain's figures fresh.
pub fn start(
	registry: &Registry,
	client: Arc<Client>,
	keystore: KeystorePtr,
	exchange: Arc<Exchange>,
) -> Result<impl std::future::Future<Output = ()> + Send, PrometheusError> {
	process::register(registry)?;
	let figures = Figures::default();
	chain::register(registry, &figures)?;
	Ok(poll::run(client, keystore, exchange, figures))
}
