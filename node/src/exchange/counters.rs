//! Figures of the exchange since the node started.

use super::Exchange;
use blyan_rpc_api::ExchangeFigures;
use std::sync::{
	atomic::{AtomicU64, Ordering},
	Arc,
};
use substrate_prometheus_endpoint::{
	register, MetricSource, Opts, PrometheusError, Registry, SourcedCounter, SourcedGauge,
};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
	/// Adds to it.
	pub fn add(&self, amount: u64) {
		self.0.fetch_add(amount, Ordering::Relaxed);
	}

	/// Returns the count.
	pub fn get(&self) -> u64 {
		self.0.load(Ordering::Relaxed)
	}
}

macro_rules! counters {
	($($(#[$doc:meta])* $name:ident,)*) => {
		/// Everything that is counted.
		#[derive(Debug, Default)]
		pub struct Counters {
			$($(#[$doc])* pub $name: Counter,)*
		}

		impl Counters {
			/// Reads the present values.
			pub fn read(&self) -> ExchangeFigures {
				ExchangeFigures { $($name: self.$name.get(),)* }
			}
		}
	};
}

counters! {
	/// Bytes of blobs received and kept.
	bytes_in,
	/// Bytes of blobs sent.
	bytes_out,
	/// Blobs fetched.
	fetched,
	/// Questions that were not answered, or not with what was asked for.
	failures,
	/// Pieces, indices and whole blobs that were not what the chain names.
	bad_pieces,
	/// Times that a peer was found lying.
	bans,
	/// Pieces that were not sent because too many were asked for.
	turned_away,
	/// Blobs that made room for others.
	evicted,
	/// Offers of peers that were forgotten because too many came at once.
	offers_dropped,
}

/// One figure.
struct Figure {
	exchange: Arc<Exchange>,
	read: fn(&Exchange) -> u64,
}

impl Clone for Figure {
	fn clone(&self) -> Self {
		Self { exchange: self.exchange.clone(), read: self.read }
	}
}

impl MetricSource for Figure {
	type N = u64;

	fn collect(&self, mut set: impl FnMut(&[&str], u64)) {
		set(&[], (self.read)(&self.exchange));
	}
}

/// Registers every figure.
pub fn register_all(registry: &Registry, exchange: &Arc<Exchange>) -> Result<(), PrometheusError> {
	type Read = fn(&Exchange) -> u64;
	let counters: [(&str, &str, Read); 9] = [
		("blyan_exchange_received_bytes_total", "Bytes of blobs received from peers and kept", |e| {
			e.counters.bytes_in.get()
		}),
		("blyan_exchange_sent_bytes_total", "Bytes of blobs sent to peers", |e| e.counters.bytes_out.get()),
		("blyan_exchange_blobs_fetched_total", "Blobs fetched from peers", |e| e.counters.fetched.get()),
		("blyan_exchange_failures_total", "Questions to peers without a useful answer", |e| {
			e.counters.failures.get()
		}),
		("blyan_exchange_bad_pieces_total", "Pieces that are not what the chain names", |e| {
			e.counters.bad_pieces.get()
		}),
		("blyan_exchange_bans_total", "Times that a peer was found lying", |e| e.counters.bans.get()),
		("blyan_exchange_turned_away_total", "Pieces not sent because too many were asked for", |e| {
			e.counters.turned_away.get()
		}),
		("blyan_exchange_evicted_total", "Blobs that made room for others", |e| e.counters.evicted.get()),
		(
			"blyan_exchange_offers_dropped_total",
			"Peers' offers of blobs dropped because too many came",
			|e| e.counters.offers_dropped.get(),
		),
	];
	let gauges: [(&str, &str, Read); 2] = [
		("blyan_exchange_blobs_wanted", "Blobs that this node is fetching", |e| {
			e.view.lock().fetching.len() as u64
		}),
		("blyan_exchange_peers_banned", "Peers that lied and are not asked", |e| e.view.lock().banned as u64),
	];
	for (name, help, read) in counters {
		let figure = Figure { exchange: exchange.clone(), read };
		register(SourcedCounter::new(&Opts::new(name, help), figure)?, registry)?;
	}
	for (name, help, read) in gauges {
		let figure = Figure { exchange: exchange.clone(), read };
		register(SourcedGauge::new(&Opts::new(name, help), figure)?, registry)?;
	}
	Ok(())
}
