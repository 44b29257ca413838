//! Prometheus metrics of a node, and the names that a query asks for.

use std::collections::{BTreeMap, BTreeSet};

/// The samples of one scrape.
#[derive(Clone, Debug, Default)]
pub struct Metrics(BTreeMap<String, Vec<(String, f64)>>);

impl Metrics {
	/// Reads the text format.
	///
	/// # Panics
	///
	/// If a line is none of that format.
	pub fn parse(text: &str) -> Self {
		let mut samples = BTreeMap::<String, Vec<(String, f64)>>::new();
		for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
			let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
			let (name, labels) = series.split_once('{').unwrap_or((series, ""));
			let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
			samples.entry(name.into()).or_default().push((labels.trim_end_matches('}').into(), value));
		}
		Self(samples)
	}

	/// Names of all samples; a histogram has three.
	pub fn names(&self) -> BTreeSet<String> {
		self.0.keys().cloned().collect()
	}

	/// The only sample of that name whose labels contain all of `labels`, each written `name="value"`.
	pub fn value(&self, name: &str, labels: &[&str]) -> Option<f64> {
		let fits = |said: &str| labels.iter().all(|label| said.contains(label));
		let mut found = self.0.get(name)?.iter().filter(|(said, _)| fits(said)).map(|(_, value)| *value);
		let value = found.next()?;
		assert!(found.next().is_none(), "{name} {labels:?} is more than one sample");
		Some(value)
	}
}

/// Words of the query language that are neither functions nor metrics.
const WORDS: [&str; 14] = [
	"and",
	"or",
	"unless",
	"by",
	"without",
	"on",
	"ignoring",
	"group_left",
	"group_right",
	"offset",
	"bool",
	"inf",
	"nan",
	"atan2",
];
/// Words that are followed by a list of labels.
const LABEL_LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// The metrics that a query asks for.
pub fn names_in_query(query: &str) -> BTreeSet<String> {
	let mut names = BTreeSet::new();
	let mut rest = query;
	while let Some(first) = rest.chars().next() {
		if first == '"' {
			rest = after(&rest[1..], '"');
		} else if first == '{' {
			rest = after(without_strings(rest), '}');
		} else if first == '[' {
			rest = after(rest, ']');
		} else if first.is_ascii_alphabetic() || first == '_' || first == ':' {
			let end = rest
				.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
				.unwrap_or(rest.len());
			let (word, behind) = rest.split_at(end);
			rest = behind.trim_start();
			if LABEL_LISTS.contains(&word) && rest.starts_with('(') {
				rest = after(rest, ')');
			} else if !rest.starts_with('(') && !WORDS.contains(&word) && !is_aggregation(word, rest) {
				names.insert(word.into());
			}
		} else if first.is_ascii_digit() {
			// A number, with its unit if it is a time.
			rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.');
		} else {
			rest = &rest[first.len_utf8()..];
		}
	}
	names
}

/// `sum by (a) (b)`: an aggregation need not have its parenthesis at once.
fn is_aggregation(word: &str, behind: &str) -> bool {
	["sum", "max", "min", "avg", "count", "topk", "bottomk", "quantile"].contains(&word)
		&& (behind.starts_with("by") || behind.starts_with("without"))
}

fn after(text: &str, end: char) -> &str {
	text.split_once(end).map_or("", |(_, rest)| rest)
}

/// Where the first string of a selector ends, as often as another one follows before its closing brace.
fn without_strings(selector: &str) -> &str {
	let mut rest = selector;
	loop {
		match (rest.find('"'), rest.find('}')) {
			(Some(quote), Some(brace)) if quote < brace => rest = after(&rest[quote + 1..], '"'),
			_ => return rest,
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn queries_ask_for_metrics_and_nothing_else() {
		let query = r#"histogram_quantile(0.9, sum by (instance, le) (rate(a_bucket{job="b}c", x=~".*"}[5m])))
			/ on (job) group_left () max(c:d:e) offset 1h > bool 1e3 and count(ALERTS{a="b"}) or vector(0)"#;
		let names: Vec<String> = names_in_query(query).into_iter().collect();
		assert_eq!(names, ["ALERTS", "a_bucket", "c:d:e"]);
	}

	#[test]
	fn samples_are_found_by_name_and_labels() {
		let metrics = Metrics::parse("# TYPE a gauge\na{x=\"1\",y=\"2\"} 3\na{x=\"2\",y=\"2\"} 4\nb 0.5\n");
		assert_eq!(metrics.value("a", &["x=\"2\""]), Some(4.0));
		assert_eq!(metrics.value("b", &[]), Some(0.5));
		assert_eq!(metrics.value("a", &["x=\"3\""]), None);
		assert_eq!(metrics.names().into_iter().collect::<Vec<_>>(), ["a", "b"]);
	}
}
