//! Figures of the server, in the text format of Prometheus.

use crate::{engine::Load, piece::Summary, till::Room};
use prometheus::{
	Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

/// Upper bounds of the histograms, in seconds.
const SECONDS: [f64; 12] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];

/// All figures.
pub struct Metrics {
	registry: Registry,
	requests: IntCounterVec,
	refusals: IntCounterVec,
	generations: IntCounterVec,
	prompt_tokens: IntCounter,
	known_tokens: IntCounter,
	answer_tokens: IntCounter,
	first_token: Histogram,
	duration: Histogram,
	places_taken: IntGauge,
	body_bytes: IntGauge,
	active: IntGauge,
	waiting: IntGauge,
	memory_bytes: IntGauge,
	receipts: IntGauge,
	receipt_bytes: IntGauge,
	signed_bytes: IntGauge,
	signed_bytes_max: IntGauge,
	signed_bytes_left: IntGauge,
}

/// Sizes that are read when the figures are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
	/// Load of the engine.
	pub load: Load,
	/// Places that are taken.
	pub places_taken: usize,
	/// Bytes that are set aside for bodies that are being read.
	pub body_bytes: usize,
	/// Receipts, and their bytes.
	pub receipts: (usize, usize),
	/// Room for answers that are signed for; zeros if none are.
	pub room: Room,
}

impl Metrics {
	/// Registers all figures.
	pub fn new() -> prometheus::Result<Self> {
		let registry = Registry::new();
		let counters = |name: &str, help: &str, labels: &[&str]| {
			let counters = IntCounterVec::new(Opts::new(format!("blyan_gateway_{name}"), help), labels)?;
			registry.register(Box::new(counters.clone()))?;
			prometheus::Result::Ok(counters)
		};
		let counter = |name: &str, help: &str| {
			let counter = IntCounter::new(format!("blyan_gateway_{name}"), help)?;
			registry.register(Box::new(counter.clone()))?;
			prometheus::Result::Ok(counter)
		};
		let gauge = |name: &str, help: &str| {
			let gauge = IntGauge::new(format!("blyan_gateway_{name}"), help)?;
			registry.register(Box::new(gauge.clone()))?;
			prometheus::Result::Ok(gauge)
		};
		let seconds = |name: &str, help: &str| {
			let options = HistogramOpts::new(format!("blyan_gateway_{name}"), help).buckets(SECONDS.to_vec());
			let histogram = Histogram::with_opts(options)?;
			registry.register(Box::new(histogram.clone()))?;
			prometheus::Result::Ok(histogram)
		};
		Ok(Self {
			requests: counters("requests_total", "Requests by route and status", &["route", "status"])?,
			refusals: counters("refusals_total", "Refused requests by code", &["code"])?,
			generations: counters("generations_total", "Generations by the reason of their end", &["end"])?,
			prompt_tokens: counter("prompt_tokens_total", "Tokens of prompts")?,
			known_tokens: counter("prompt_tokens_known_total", "Tokens of prompts that were known")?,
			answer_tokens: counter("answer_tokens_total", "Tokens of answers")?,
			first_token: seconds("first_token_seconds", "Time from a request to its first token")?,
			duration: seconds("generation_seconds", "Time from a request to its last token")?,
			places_taken: gauge("places_taken", "Requests that are computed or wait for it")?,
			body_bytes: gauge("body_bytes", "Bytes set aside for requests that are being read")?,
			active: gauge("generations_active", "Generations that are computed")?,
			waiting: gauge("generations_waiting", "Generations that wait for memory")?,
			memory_bytes: gauge("memory_bytes", "Bytes of keys and values that are set aside")?,
			receipts: gauge("receipts", "Receipts that are kept")?,
			receipt_bytes: gauge("receipt_bytes", "Bytes of the receipts that are kept")?,
			signed_bytes: gauge("signed_answer_bytes", "Bytes of answers that were signed for")?,
			signed_bytes_max: gauge("signed_answer_bytes_max", "Most bytes that these may take")?,
			signed_bytes_left: gauge("signed_answer_bytes_left", "Bytes left for them, by bound and disk")?,
			registry,
		})
	}

	/// Counts an answered request, and the reason if it was refused.
	pub fn note_request(&self, route: &str, status: u16, refusal: Option<&str>) {
		self.requests.with_label_values(&[route, &status.to_string()]).inc();
		if let Some(code) = refusal {
			self.refusals.with_label_values(&[code]).inc();
		}
	}

	/// Counts a generation that is over.
	pub fn note_generation(&self, summary: &Summary) {
		let end = summary.outcome.as_ref().map_or("failed", |end| end.name());
		self.generations.with_label_values(&[end]).inc();
		self.prompt_tokens.inc_by(summary.usage.prompt as u64);
		self.known_tokens.inc_by(summary.usage.known as u64);
		self.answer_tokens.inc_by(summary.usage.answer as u64);
		if let Some(first_token) = summary.first_token {
			self.first_token.observe(first_token.as_secs_f64());
		}
		self.duration.observe(summary.duration.as_secs_f64());
	}

	/// Writes all figures.
	pub fn text(&self, sizes: Sizes) -> prometheus::Result<String> {
		let gauges = [
			(&self.places_taken, sizes.places_taken),
			(&self.body_bytes, sizes.body_bytes),
			(&self.active, sizes.load.active),
			(&self.waiting, sizes.load.waiting),
			(&self.memory_bytes, sizes.load.memory_bytes),
			(&self.receipts, sizes.receipts.0),
			(&self.receipt_bytes, sizes.receipts.1),
		];
		for (gauge, size) in gauges {
			gauge.set(i64::try_from(size).unwrap_or(i64::MAX));
		}
		let Room { taken, max, left } = sizes.room;
		let room =
			[(&self.signed_bytes, taken), (&self.signed_bytes_max, max), (&self.signed_bytes_left, left)];
		for (gauge, bytes) in room {
			gauge.set(i64::try_from(bytes).unwrap_or(i64::MAX));
		}
		let mut text = Vec::new();
		TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
		Ok(String::from_utf8_lossy(&text).into_owned())
	}
}
