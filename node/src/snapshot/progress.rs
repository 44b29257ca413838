//! Progress of long work. Hidden unless a person watches a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::{fmt::Display, time::Duration};

/// A bar or a spinner that clears itself when dropped, so that an error leaves no half-drawn line.
pub struct Progress(ProgressBar);

impl Progress {
	/// Counts bytes up to a total.
	pub fn bytes(label: &str, total: u64) -> Self {
		let template = "{prefix:<12} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
		Self::styled(ProgressBar::new(total), label, template)
	}

	/// Counts things whose total is unknown.
	pub fn count(label: &str) -> Self {
		Self::styled(ProgressBar::new_spinner(), label, "{spinner} {prefix} {pos} {elapsed}")
	}

	fn styled(bar: ProgressBar, label: &str, template: &str) -> Self {
		if let Ok(style) = ProgressStyle::with_template(template) {
			bar.set_style(style.progress_chars("=> "));
		}
		bar.set_prefix(label.to_string());
		bar.enable_steady_tick(Duration::from_millis(200));
		Self(bar)
	}

	/// So much more is done.
	pub fn add(&self, amount: u64) {
		self.0.inc(amount);
	}
}

impl Drop for Progress {
	fn drop(&mut self) {
		self.0.finish_and_clear();
	}
}

/// A sentence for people, on standard error; standard output is for programs.
pub fn say(text: impl Display) {
	eprintln!("{text}");
}
