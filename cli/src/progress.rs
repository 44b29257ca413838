//! Progress bars: position, rate, time left. Hidden unless a person watches a terminal.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::time::Duration;

/// A bar that clears itself when dropped, so that an error leaves no half-drawn line.
pub struct Bar(ProgressBar);

impl Bar {
	/// Moves to `position`.
	pub fn set(&self, position: u64) {
		self.0.set_position(position);
	}

	/// Changes the total.
	pub fn set_total(&self, total: u64) {
		self.0.set_length(total);
	}

	/// Text behind the figures, such as the current loss.
	pub fn note(&self, text: impl Into<String>) {
		self.0.set_message(text.into());
	}
}

impl Drop for Bar {
	fn drop(&mut self) {
		self.0.finish_and_clear();
	}
}

fn styled(bars: &MultiProgress, bar: ProgressBar, label: &str, template: &str) -> Bar {
	let bar = bars.add(bar);
	if let Ok(style) = ProgressStyle::with_template(template) {
		bar.set_style(style.progress_chars("=> "));
	}
	bar.set_prefix(label.to_string());
	bar.enable_steady_tick(Duration::from_millis(200));
	Bar(bar)
}

/// Counts steps.
pub fn bar(bars: &MultiProgress, label: &str, total: u64) -> Bar {
	let template = "{prefix:<12} [{bar:30}] {pos}/{len} {per_sec} {eta} left {msg}";
	styled(bars, ProgressBar::new(total), label, template)
}

/// Counts bytes.
pub fn byte_bar(bars: &MultiProgress, label: &str, total: u64) -> Bar {
	let template = "{prefix:<12} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta} left {msg}";
	styled(bars, ProgressBar::new(total), label, template)
}

/// Counts nothing but time.
pub fn spinner(bars: &MultiProgress, label: &str) -> Bar {
	styled(bars, ProgressBar::new_spinner(), label, "{spinner} {prefix} {elapsed} {msg}")
}
