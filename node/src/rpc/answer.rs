//! An answer on its way from the engine, which never waits, to a reader, who may be slow.
//!
//! The bytes of an answer are few, so they are kept until they are read: the engine is done when it is done, and its place
//! is free for the next.

use crate::places::Place;
use blyan_engine::{
	decode::GenerationSummary,
	queue::{GenerationEvent, GenerationHandle},
};
use blyan_primitives::EngineError;
use parking_lot::Mutex;
use std::{ops::ControlFlow, sync::Arc};
use tokio::sync::Notify;

/// End of an answer.
pub type End = Result<GenerationSummary, EngineError>;

#[derive(Default)]
struct State {
	bytes: Vec<u8>,
	end: Option<End>,
}

#[derive(Default)]
struct Shared {
	state: Mutex<State>,
	changed: Notify,
}

/// The engine's end. Gives its place back when it is dropped.
pub struct Writer {
	shared: Arc<Shared>,
	_place: Place<usize>,
}

impl Writer {
	/// Takes what the engine says; breaks off when there is no reader any more.
	pub fn take(&mut self, event: GenerationEvent) -> ControlFlow<()> {
		let mut state = self.shared.state.lock();
		match event {
			GenerationEvent::Byte { byte, .. } => state.bytes.push(byte),
			GenerationEvent::Done(summary) => state.end = Some(Ok(summary)),
			GenerationEvent::Failed(error) => state.end = Some(Err(error)),
		}
		drop(state);
		self.shared.changed.notify_one();
		match Arc::strong_count(&self.shared) {
			1 => ControlFlow::Break(()),
			_ => ControlFlow::Continue(()),
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
	read: usize,
	generation: Option<GenerationHandle>,
}

impl Reader {
	/// Says what is given up when this is dropped.
	pub fn cancels(&mut self, generation: GenerationHandle) {
		self.generation = Some(generation);
	}

	/// Position of the byte that comes next.
	pub fn position(&self) -> u32 {
		self.read as u32
	}

	/// Waits for what comes next.
	pub async fn next(&mut self) -> Next {
		loop {
			{
				let mut state = self.shared.state.lock();
				if let Some(byte) = state.bytes.get(self.read) {
					self.read += 1;
					return Next::Byte(*byte);
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

/// Both ends of an answer that takes up a place among those that the engine works on.
pub fn answer(place: Place<usize>) -> (Writer, Reader) {
	let shared = Arc::new(Shared::default());
	(Writer { shared: shared.clone(), _place: place }, Reader { shared, read: 0, generation: None })
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::places::{Bounds, Places};

	const ONE: Bounds = Bounds { all: 1, each: 1, kept: 0, few: 1 };

	fn byte(index: u32) -> GenerationEvent {
		GenerationEvent::Byte { index, byte: index as u8 }
	}

	fn summary() -> GenerationSummary {
		GenerationSummary { prompt_bytes: 0, prompt_bytes_seen: 0, generated: vec![], operations: 0 }
	}

	#[tokio::test]
	async fn a_reader_who_comes_late_reads_everything_and_the_place_was_free_long_before() {
		let places = Places::new(ONE);
		let (mut writer, mut reader) = answer(places.take(1).expect("free"));
		for index in 0..4_096 {
			assert!(writer.take(byte(index)).is_continue(), "the engine does not wait");
		}
		assert!(places.take(2).is_err());
		let _ = writer.take(GenerationEvent::Done(summary()));
		drop(writer);
		assert!(places.take(2).is_ok(), "the engine is done");
		for index in 0..4_096 {
			assert_eq!(reader.position(), index);
			assert_eq!(reader.next().await, Next::Byte(index as u8));
		}
		assert_eq!(reader.next().await, Next::End(Ok(summary())));
	}

	#[tokio::test]
	async fn a_reader_waits_for_what_is_not_there_yet() {
		let places = Places::new(ONE);
		let (mut writer, mut reader) = answer(places.take(1).expect("free"));
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
		let places = Places::new(ONE);
		let (mut writer, reader) = answer(places.take(1).expect("free"));
		assert!(writer.take(byte(0)).is_continue());
		drop(reader);
		assert!(writer.take(byte(1)).is_break());
	}
}
