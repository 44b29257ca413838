//! Turns of generations, and those whose readers are behind. No test asserts on time.

use super::*;
use crate::queue::turns::QUANTUM;

/// Bytes that a reader without demand takes.
const AHEAD: u32 = 10;

/// A queue with one serving thread, so that order is observable, and room for so many bytes of KV caches.
fn single(world: &World, cache_bytes_max: usize) -> JobQueue {
	let config = QueueConfig {
		serving_threads: 1,
		cache_bytes_max,
		evaluation_patience: Duration::from_secs(600),
		..small()
	};
	JobQueue::new(config, world.models.clone()).unwrap()
}

/// A sink that wants nothing further from byte `from` on.
fn unread(from: u32) -> (GenerationSink, mpsc::Receiver<GenerationEvent>) {
	let (mut sink, events) = watched();
	let sink = move |event: GenerationEvent| match (&event, sink(event.clone())) {
		(GenerationEvent::Byte { index, .. }, Demand::More) if index + 1 >= from => Demand::Later,
		(_, demand) => demand,
	};
	(Box::new(sink), events)
}

fn answer(events: impl IntoIterator<Item = GenerationEvent>) -> Vec<u8> {
	let mut bytes = Vec::new();
	for event in events {
		match event {
			GenerationEvent::Byte { byte, index } => {
				assert_eq!(index as usize, bytes.len());
				bytes.push(byte);
			}
			GenerationEvent::Done(summary) => assert_eq!(summary.generated, bytes),
			GenerationEvent::Failed(error) => panic!("{error:?}"),
		}
	}
	bytes
}

/// The answer to [`request`] from a queue of its own.
fn undisturbed(world: &World, max_bytes: u32) -> Vec<u8> {
	let (sink, events) = watched();
	let queue = single(world, usize::MAX);
	queue.generate(1, world.parts(), request(max_bytes), sink).unwrap();
	answer(events)
}

#[test]
fn a_generation_whose_reader_is_behind_is_parked_and_others_are_served() {
	let world = World::new();
	let expected = undisturbed(&world, 40);
	for cache_bytes_max in [usize::MAX, 0] {
		let queue = single(&world, cache_bytes_max);
		let (sink, events) = unread(AHEAD);
		let handle = queue.generate(1, world.parts(), request(40), sink).unwrap();
		wait_until(|| queue.metrics().generations_parked == 1);
		let (sink, others) = watched();
		queue.generate(2, world.parts(), request(40), sink).unwrap();
		assert_eq!(answer(others), expected);
		assert_eq!(queue.metrics().generations_parked, 1);
		let mut got: Vec<_> = events.try_iter().collect();
		assert_eq!(got.len(), AHEAD as usize, "nothing is computed for a reader that is behind");
		// Its sink wants one byte at a time from here on.
		for parked in 1..=30 {
			handle.resume();
			wait_until(|| {
				got.extend(events.try_iter());
				got.len() >= (AHEAD + parked) as usize
			});
			wait_until(|| queue.metrics().generating == 0);
		}
		got.extend(events);
		assert_eq!(answer(got), expected);
		assert_eq!(queue.metrics().generations_parked, 0);
		assert_eq!(queue.shared.serving.load(Ordering::Relaxed), 0);
	}
}

#[test]
fn a_parked_generation_ends_when_it_is_given_up_or_the_queue_is_dropped() {
	let world = World::new();
	let queue = single(&world, usize::MAX);
	let (sink, given_up) = unread(AHEAD);
	let handle = queue.generate(1, world.parts(), request(40), sink).unwrap();
	let (sink, dropped) = unread(AHEAD);
	queue.generate(1, world.parts(), request(40), sink).unwrap();
	wait_until(|| queue.metrics().generations_parked == 2);
	assert_eq!(queue.shared.serving.load(Ordering::Relaxed), 0, "evaluations do not wait for them");
	handle.cancel();
	let cancelled = Some(GenerationEvent::Failed(EngineError::Cancelled));
	assert_eq!(given_up.iter().last(), cancelled);
	assert_eq!(queue.metrics().generations_parked, 1);
	handle.resume();
	drop(queue);
	assert_eq!(dropped.iter().last(), cancelled);
}

#[test]
fn a_reader_that_catches_up_before_its_generation_is_parked_is_not_forgotten() {
	let world = World::new();
	let queue = single(&world, usize::MAX);
	let (mut sink, events) = watched();
	let (catch_up, caught_up) = mpsc::channel::<()>();
	let holding: GenerationSink = Box::new(move |event| {
		let is_behind = matches!(event, GenerationEvent::Byte { index: 3, .. });
		let demand = sink(event);
		if is_behind {
			let _ = caught_up.recv();
			return Demand::Later;
		}
		demand
	});
	let handle = queue.generate(1, world.parts(), request(20), holding).unwrap();
	wait_until(|| queue.metrics().generating == 1);
	handle.resume();
	catch_up.send(()).unwrap();
	assert_eq!(answer(events).len(), 20);
}

#[test]
fn a_newcomer_waits_for_one_turn_of_another_client_and_not_for_its_answer() {
	let world = World::new();
	let expected = undisturbed(&world, 200);
	// Without room for caches, every turn reads its window again.
	for cache_bytes_max in [usize::MAX, 0] {
		let queue = single(&world, cache_bytes_max);
		let order = Arc::new(Mutex::new(Vec::new()));
		let noting = |client: u64, held: Option<mpsc::Receiver<()>>| {
			let ((mut sink, events), order) = (watched(), order.clone());
			let sink: GenerationSink = Box::new(move |event| {
				if let GenerationEvent::Byte { index, .. } = &event {
					order.lock().push((client, *index));
					if let (99, Some(held)) = (index, &held) {
						let _ = held.recv();
					}
				}
				sink(event)
			});
			queue.generate(client, world.parts(), request(200), sink).unwrap();
			events
		};
		let (resume, held) = mpsc::channel();
		let first = noting(1, Some(held));
		wait_until(|| order.lock().len() == 100);
		let second = noting(2, None);
		resume.send(()).unwrap();
		for events in [first, second] {
			assert_eq!(answer(events), expected, "turns do not change an answer");
		}
		let order = order.lock();
		let first = order.iter().position(|event| *event == (2, 0)).unwrap();
		assert!(first <= 100 + QUANTUM as usize, "its first byte came after {first} others");
	}
}

#[test]
fn evaluation_has_its_share_while_serving_never_pauses() {
	let world = World::new();
	let queue = single(&world, usize::MAX);
	for client in 0..64 {
		let sink: GenerationSink = Box::new(|_| Demand::More);
		queue.generate(client, world.parts(), request(16 * 1_024), sink).unwrap();
	}
	let id = queue.submit(world.job.clone()).unwrap();
	assert!(matches!(wait(&queue, id), JobStatus::Done(_)));
	assert!(queue.metrics().generating > 0, "it did not wait for serving to end");
}
