//! An answer on its way from the engine to a reader, who may be slow.
//!
//! The engine never waits for a reader, and runs ahead of one by [`AHEAD_MAX`] bytes at most: then it parks the generation
//! and goes on when the reader has caught up.

use blyan_engine::{
	decode::GenerationSummary,
	queue::{Demand, GenerationEvent, GenerationHandle},
};
use blyan_primitives::EngineError;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::Notify;

/// Bytes that the engine may be ahead of a reader; one that has but half of them before it has caught up.
const AHEAD_MAX: usize = 256;

/// End of an answer.
pub type End = Result<GenerationSummary, EngineError>;

#[derive(Default)]
struct State {
	bytes: Vec<u8>,
	/// Bytes that were read.
	read: usize,
	end: Option<End>,
	/// Set while the generation is parked or about to be.
	is_parked: bool,
}

impl State {
	fn unread(&self) -> usize {
		self.bytes.len() - self.read
	}
}

#[derive(Default)]
struct Shared {
	state: Mutex<State>,
	changed: Notify,
}

/// The engine's end.
pub struct Writer {
	shared: Arc<Shared>,
}

impl Writer {
	/// Takes an event of the engine; wants no more of them while the reader is behind, and none when there is no reader any
	/// more.
	pub fn take(&mut self, event: GenerationEvent) -> Demand {
		let mut state = self.shared.state.lock();
		match event {
			GenerationEvent::Byte { byte, .. } => state.bytes.push(byte),
			GenerationEvent::Done(summary) => state.end = Some(Ok(summary)),
			GenerationEvent::Failed(error) => state.end = Some(Err(error)),
		}
		state.is_parked = state.end.is_none() && state.unread() >= AHEAD_MAX;
		let is_parked = state.is_parked;
		drop(state);
		self.shared.changed.notify_one();
		match Arc::strong_count(&self.shared) {
			1 => Demand::Nothing,
			_ if is_parked => Demand::Later,
			_ => Demand::More,
		}
	}
}

impl Drop for Writer {
	fn drop(&mut self) {
		// The engine says how each answer ends, unless it is gone.
		self.shared.state.lock().end.get_or_insert(Err(EngineError::Cancelled));
		self.shared.changed.notify_one();
	}
}

/// Next item of an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
	/// A byte.
	Byte(u8),
	/// Nothing: that was all.
	End(End),
}

/// The reader's end. The engine gives the answer up when it is dropped.
pub struct Reader {
	shared: Arc<Shared>,
	generation: Option<GenerationHandle>,
}

impl Reader {
	/// Names the generation, which is resumed when this has caught up, and given up when this is dropped.
	pub fn controls(&mut self, generation: GenerationHandle) {
		self.generation = Some(generation);
	}

	/// Position of the byte that comes next.
	pub fn position(&self) -> u32 {
		self.shared.state.lock().read as u32
	}

	/// Waits for what comes next.
	pub async fn next(&mut self) -> Next {
		loop {
			{
				let mut state = self.shared.state.lock();
				if let Some(&byte) = state.bytes.get(state.read) {
					state.read += 1;
					let has_caught_up = state.is_parked && state.unread() <= AHEAD_MAX / 2;
					state.is_parked &= !has_caught_up;
					drop(state);
					if let (true, Some(generation)) = (has_caught_up, &self.generation) {
						generation.resume();
					}
					return Next::Byte(byte);
				}
				if let Some(end) = state.end.take() {
					return Next::End(end);
				}
			}
			self.shared.changed.notified().await;
		}
	}
}

impl Drop for Reader {
	fn drop(&mut self) {
		if let Some(generation) = &self.generation {
			generation.cancel();
		}
	}
}

/// Both ends of an answer.
pub fn answer() -> (Writer, Reader) {
	let shared = Arc::new(Shared::default());
	(Writer { shared: shared.clone() }, Reader { shared, generation: None })
}

#[cfg(test)]
mod tests {
	use super::*;

	fn byte(index: u32) -> GenerationEvent {
		GenerationEvent::Byte { index, byte: index as u8 }
	}

	fn summary() -> GenerationSummary {
		GenerationSummary { prompt_bytes: 0, prompt_bytes_seen: 0, generated: vec![], operations: 0 }
	}

	#[tokio::test]
	async fn the_engine_is_ahead_of_a_reader_by_a_bound_and_goes_on_when_half_of_that_is_read() {
		let (mut writer, mut reader) = answer();
		for index in 0..AHEAD_MAX as u32 - 1 {
			assert_eq!(writer.take(byte(index)), Demand::More);
		}
		assert_eq!(writer.take(byte(AHEAD_MAX as u32 - 1)), Demand::Later);
		for index in 0..AHEAD_MAX as u32 / 2 {
			assert!(reader.shared.state.lock().is_parked);
			assert_eq!(reader.position(), index);
			assert_eq!(reader.next().await, Next::Byte(index as u8));
		}
		assert!(!reader.shared.state.lock().is_parked, "it was resumed");
		assert_eq!(writer.take(byte(AHEAD_MAX as u32)), Demand::More);
		assert_ne!(writer.take(GenerationEvent::Done(summary())), Demand::Later);
		for index in AHEAD_MAX / 2..=AHEAD_MAX {
			assert_eq!(reader.next().await, Next::Byte(index as u8));
		}
		assert_eq!(reader.next().await, Next::End(Ok(summary())));
	}

	#[tokio::test]
	async fn a_reader_waits_for_what_is_not_there_yet() {
		let (mut writer, mut reader) = answer();
		let reading = tokio::spawn(async move {
			let mut read = Vec::new();
			loop {
				match reader.next().await {
					Next::Byte(byte) => read.push(byte),
					Next::End(end) => return (read, end),
				}
			}
		});
		for index in 0..50 {
			let _ = writer.take(byte(index));
			tokio::task::yield_now().await;
		}
		drop(writer);
		let (read, end) = reading.await.expect("reads");
		assert_eq!((read, end), ((0..50).collect(), Err(EngineError::Cancelled)));
	}

	#[test]
	fn the_engine_breaks_off_when_the_reader_is_gone() {
		let (mut writer, reader) = answer();
		assert_eq!(writer.take(byte(0)), Demand::More);
		drop(reader);
		assert_eq!(writer.take(byte(1)), Demand::Nothing);
	}
}
