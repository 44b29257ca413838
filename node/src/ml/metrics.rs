//! The engine's figures for Prometheus, read from the queue whenever somebody looks.

use super::{EngineService, EngineStatus};
use std::sync::Arc;
use substrate_prometheus_endpoint::{
	register, MetricSource, Opts, PrometheusError, Registry, SourcedCounter, SourcedGauge,
};

/// One figure of the engine.
#[derive(Clone)]
struct Figure {
	engine: Arc<EngineService>,
	read: fn(&EngineStatus) -> u64,
}

impl MetricSource for Figure {
	type N = u64;

	fn collect(&self, mut set: impl FnMut(&[&str], u64)) {
		set(&[], (self.read)(&self.engine.status()));
	}
}

/// Registers every figure.
pub fn register_all(registry: &Registry, engine: &Arc<EngineService>) -> Result<(), PrometheusError> {
	type Read = fn(&EngineStatus) -> u64;
	let gauges: [(&str, &str, Read); 7] = [
		("blyan_engine_jobs_queued", "Evaluation jobs that wait for a worker", |s| s.queued),
		("blyan_engine_jobs_running", "Evaluation jobs being worked on", |s| s.running),
		("blyan_engine_generations_queued", "Generations that wait", |s| s.generations_queued),
		("blyan_engine_generations_running", "Generations under way", |s| s.generating),
		("blyan_engine_openings_queued", "Openings for disputes being computed", |s| s.openings_queued),
		("blyan_engine_threads", "Threads of the engine", |s| s.threads as u64),
		("blyan_blob_store_bytes", "Bytes in the blob store", |s| s.store_bytes),
	];
	let counters: [(&str, &str, Read); 6] = [
		("blyan_engine_jobs_done_total", "Evaluation jobs finished", |s| s.done),
		("blyan_engine_jobs_failed_total", "Evaluation jobs that ended without a result", |s| s.failed),
		("blyan_engine_sequences_total", "Sequences evaluated", |s| s.evaluated_sequences),
		("blyan_engine_openings_total", "Openings given for disputes", |s| s.openings),
		("blyan_engine_openings_failed_total", "Openings that could not be computed", |s| s.openings_failed),
		("blyan_engine_generated_bytes_total", "Bytes generated for clients", |s| s.generated_bytes),
	];
	for (name, help, read) in gauges {
		let figure = Figure { engine: engine.clone(), read };
		register(SourcedGauge::new(&Opts::new(name, help), figure)?, registry)?;
	}
	for (name, help, read) in counters {
		let figure = Figure { engine: engine.clone(), read };
		register(SourcedCounter::new(&Opts::new(name, help), figure)?, registry)?;
	}
	Ok(())
}
