//! The engine's figures for Prometheus, read from the queue on every scrape.

use super::EngineService;
use blyan_engine::{
	model::StoreMetrics,
	queue::{Durations, QueueMetrics, DURATION_BOUNDS},
};
use blyan_rpc_api::EngineStatus;
use std::sync::Arc;
use substrate_prometheus_endpoint::{
	prometheus::{
		core::{Collector, Desc, Describer},
		proto,
	},
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

/// One figure of the models in memory.
#[derive(Clone)]
struct ModelFigure {
	engine: Arc<EngineService>,
	read: fn(&StoreMetrics) -> u64,
}

impl MetricSource for ModelFigure {
	type N = u64;

	fn collect(&self, mut set: impl FnMut(&[&str], u64)) {
		set(&[], (self.read)(&self.engine.model_metrics()));
	}
}

/// Latency of one kind of work, as a histogram whose counts the queue keeps.
#[derive(Clone)]
struct Latency {
	engine: Arc<EngineService>,
	desc: Desc,
	read: fn(&QueueMetrics) -> Durations,
}

impl Collector for Latency {
	fn desc(&self) -> Vec<&Desc> {
		vec![&self.desc]
	}

	fn collect(&self) -> Vec<proto::MetricFamily> {
		let durations = (self.read)(&self.engine.queue_metrics());
		let buckets = DURATION_BOUNDS.iter().zip(durations.at_most).map(|(bound, count)| {
			let mut bucket = proto::Bucket::default();
			bucket.set_upper_bound(*bound);
			bucket.set_cumulative_count(count);
			bucket
		});
		let mut histogram = proto::Histogram::default();
		histogram.set_bucket(buckets.collect());
		histogram.set_sample_count(durations.count);
		histogram.set_sample_sum(durations.sum_seconds);
		let mut metric = proto::Metric::default();
		metric.set_histogram(histogram);
		let mut family = proto::MetricFamily::default();
		family.set_name(self.desc.fq_name.clone());
		family.set_help(self.desc.help.clone());
		family.set_field_type(proto::MetricType::HISTOGRAM);
		family.set_metric(vec![metric]);
		vec![family]
	}
}

/// Registers every figure.
pub fn register_all(registry: &Registry, engine: &Arc<EngineService>) -> Result<(), PrometheusError> {
	type Read = fn(&EngineStatus) -> u64;
	type ReadLatency = fn(&QueueMetrics) -> Durations;
	let gauges: [(&str, &str, Read); 10] = [
		("blyan_engine_jobs_queued", "Evaluation jobs that wait for a worker", |s| s.queued),
		("blyan_engine_jobs_running", "Evaluation jobs being worked on", |s| s.running),
		("blyan_engine_generations_queued", "Generations that wait for a turn", |s| s.generations_queued),
		("blyan_engine_generations_running", "Generations that take turns", |s| s.generating),
		("blyan_engine_generations_parked", "Generations that wait for readers", |s| s.generations_parked),
		("blyan_engine_openings_queued", "Openings for disputes being computed", |s| s.openings_queued),
		("blyan_engine_threads", "Threads of the engine", |s| s.threads as u64),
		("blyan_blob_store_bytes", "Bytes in the blob store", |s| s.store_bytes),
		("blyan_blob_store_limit_bytes", "Most bytes that the blob store may hold", |s| s.store_limit),
		("blyan_blob_store_blobs", "Blobs in the store", |s| s.blobs as u64),
	];
	let counters: [(&str, &str, Read); 8] = [
		("blyan_engine_jobs_done_total", "Evaluation jobs finished", |s| s.done),
		("blyan_engine_jobs_failed_total", "Evaluation jobs that ended without a result", |s| s.failed),
		("blyan_engine_jobs_put_off_total", "Evaluation jobs put off for want of a blob", |s| s.put_off),
		("blyan_engine_sequences_total", "Sequences evaluated", |s| s.evaluated_sequences),
		("blyan_engine_openings_total", "Openings given for disputes", |s| s.openings),
		("blyan_engine_openings_failed_total", "Openings that could not be computed", |s| s.openings_failed),
		("blyan_engine_serving_rested_seconds_total", "Rests of serving for evaluations", |s| {
			s.rested_seconds as u64
		}),
		("blyan_engine_generated_bytes_total", "Bytes generated for clients", |s| s.generated_bytes),
	];
	type ReadModels = fn(&StoreMetrics) -> u64;
	let model_gauges: [(&str, &str, ReadModels); 3] = [
		("blyan_models_bytes", "Bytes of models in memory, those in use included", |m| m.bytes),
		("blyan_models_limit_bytes", "Most bytes of models that may be in memory", |m| m.bytes_max),
		("blyan_models_blocks", "Trunks and experts in memory", |m| m.blocks),
	];
	let model_counters: [(&str, &str, ReadModels); 7] = [
		("blyan_models_hits_total", "Blocks that were asked for and in memory", |m| m.hits),
		("blyan_models_misses_total", "Blocks that were asked for and had to be opened", |m| m.misses),
		("blyan_models_evictions_total", "Blocks that made room for others", |m| m.evictions),
		("blyan_models_refusals_total", "Blocks for which what is in use left no room", |m| m.refusals),
		("blyan_models_prefetches_total", "Experts loaded ahead of their use", |m| m.prefetches),
		("blyan_models_prefetches_used_total", "Of these, such that were used", |m| m.prefetches_used),
		("blyan_models_packed_total", "Experts brought into the form that runs fastest", |m| m.packed),
	];
	for (name, help, read) in model_gauges {
		let figure = ModelFigure { engine: engine.clone(), read };
		register(SourcedGauge::new(&Opts::new(name, help), figure)?, registry)?;
	}
	for (name, help, read) in model_counters {
		let figure = ModelFigure { engine: engine.clone(), read };
		register(SourcedCounter::new(&Opts::new(name, help), figure)?, registry)?;
	}
	let latencies: [(&str, &str, ReadLatency); 3] = [
		("blyan_engine_evaluation_seconds", "How long evaluation jobs ran", |q| q.evaluation_durations),
		("blyan_engine_generation_seconds", "How long generations ran", |q| q.generation_durations),
		("blyan_engine_opening_seconds", "How long it took to compute openings", |q| q.opening_durations),
	];
	for (name, help, read) in gauges {
		let figure = Figure { engine: engine.clone(), read };
		register(SourcedGauge::new(&Opts::new(name, help), figure)?, registry)?;
	}
	for (name, help, read) in counters {
		let figure = Figure { engine: engine.clone(), read };
		register(SourcedCounter::new(&Opts::new(name, help), figure)?, registry)?;
	}
	for (name, help, read) in latencies {
		let desc = Opts::new(name, help).describe()?;
		register(Latency { engine: engine.clone(), desc, read }, registry)?;
	}
	Ok(())
}
