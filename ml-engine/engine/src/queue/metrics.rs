//! What a queue tells of itself.

/// A snapshot; counters count since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueueMetrics {
	/// Evaluations that wait.
	pub queued: u64,
	/// Evaluations that run: 0 or 1.
	pub running: u64,
	/// Evaluations that gave a result.
	pub done: u64,
	/// Evaluations that ended without one, cancelled ones included.
	pub failed: u64,
	/// Sequences evaluated, baseline and candidate both.
	pub sequences: u64,
	/// Seconds spent evaluating, pauses included.
	pub evaluation_seconds: f64,
	/// `sequences / evaluation_seconds`; zero before the first.
	pub sequences_per_second: f64,
	/// Generations that wait.
	pub generations_queued: u64,
	/// Generations that run.
	pub generating: u64,
	/// Bytes generated.
	pub generated_bytes: u64,
	/// Openings that wait or are being computed.
	pub openings_queued: u64,
	/// Openings given since the start.
	pub openings: u64,
	/// Openings that could not be computed.
	pub openings_failed: u64,
	/// Bytes kept for further openings.
	pub findings_bytes: u64,
	/// Training tasks that wait or run.
	pub trainings: u64,
}
