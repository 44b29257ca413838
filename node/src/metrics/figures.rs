//! A snapshot that one task renews and Prometheus reads.

use parking_lot::RwLock;
use std::sync::Arc;
use substrate_prometheus_endpoint::{
	register, MetricSource, Opts, PrometheusError, Registry, SourcedCounter, SourcedGauge,
};

/// The latest snapshot; none before the first. Clones share it.
pub struct Figures<S>(Arc<RwLock<Option<S>>>);

impl<S> Default for Figures<S> {
	fn default() -> Self {
		Self(Arc::new(RwLock::new(None)))
	}
}

impl<S> Clone for Figures<S> {
	fn clone(&self) -> Self {
		Self(self.0.clone())
	}
}

/// Takes a value with the values of the metric's labels.
pub type Set<'a> = dyn FnMut(&[&str], f64) + 'a;

/// Kind of figure: a counter only ever grows while the node runs, a gauge may fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
	/// It may fall.
	Gauge,
	/// It grows; its name ends in `_total`.
	Counter,
}

/// One metric of a snapshot.
pub struct Figure<S> {
	/// Kind.
	pub kind: Kind,
	/// Name, with its unit last.
	pub name: &'static str,
	/// Its description.
	pub help: &'static str,
	/// Labels.
	pub labels: &'static [&'static str],
	/// Reads it: one value for each combination of labels.
	pub read: fn(&S, &mut Set<'_>),
}

impl<S: Send + Sync + 'static> Figures<S> {
	/// Replaces the snapshot.
	pub fn renew(&self, snapshot: S) {
		*self.0.write() = Some(snapshot);
	}

	/// Looks at the snapshot, if there is one.
	pub fn read<T>(&self, look: impl FnOnce(&S) -> T) -> Option<T> {
		self.0.read().as_ref().map(look)
	}

	/// Registers one metric of the snapshot. It has no samples before the first snapshot, rather than zeros.
	pub fn register(&self, registry: &Registry, figure: &Figure<S>) -> Result<(), PrometheusError> {
		let labels = figure.labels.iter().map(ToString::to_string).collect();
		let opts = Opts::new(figure.name, figure.help).variable_labels(labels);
		let source = Source { figures: self.clone(), read: figure.read };
		match figure.kind {
			Kind::Gauge => register(SourcedGauge::new(&opts, source)?, registry).map(drop),
			Kind::Counter => register(SourcedCounter::new(&opts, source)?, registry).map(drop),
		}
	}
}

struct Source<S> {
	figures: Figures<S>,
	read: fn(&S, &mut Set<'_>),
}

impl<S> Clone for Source<S> {
	fn clone(&self) -> Self {
		Self { figures: self.figures.clone(), read: self.read }
	}
}

impl<S: Send + Sync + 'static> MetricSource for Source<S> {
	type N = f64;

	fn collect(&self, mut set: impl FnMut(&[&str], f64)) {
		self.figures.read(|snapshot| (self.read)(snapshot, &mut set));
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn figures_are_absent_until_the_first_snapshot() {
		let registry = Registry::new();
		let figures = Figures::<u64>::default();
		let figure = Figure {
			kind: Kind::Gauge,
			name: "blyan_test",
			help: "A test",
			labels: &["side"],
			read: |value, set| {
				set(&["left"], *value as f64);
				set(&["right"], 0.5);
			},
		};
		figures.register(&registry, &figure).expect("the name is free");
		let values = || -> Vec<f64> {
			let families = registry.gather();
			families
				.iter()
				.flat_map(|family| family.get_metric())
				.map(|metric| metric.get_gauge().get_value())
				.collect()
		};
		assert!(values().is_empty());
		figures.renew(7);
		assert_eq!(values(), [7.0, 0.5]);
		assert!(figures.register(&registry, &figure).is_err(), "a name is given once");
	}
}
