//! Signs of a program in what one account does: its rate, its rhythm, its devices, its words.
//!
//! A sign is not a proof. Each has a weight, and [`guard`](crate::guard) adds them up.

use crate::sketch::Sketch;
use std::collections::VecDeque;

/// Milliseconds of an hour.
const HOUR_MS: u64 = 60 * 60 * 1_000;
/// Requests whose times are kept.
const TIMES_MAX: usize = 64;
/// Prompts whose sketches are kept.
const SKETCHES_MAX: usize = 12;
/// Requests of a minute beyond which no person is that fast.
const MINUTE_MAX: usize = 12;
/// Requests of ten minutes, likewise.
const TEN_MINUTES_MAX: usize = 60;
/// Intervals that make a rhythm.
const INTERVALS_MIN: usize = 8;
/// Mean deviation of a rhythm from its mean interval, in percent.
const DEVIATION_MAX: u64 = 12;
/// Milliseconds in which no person has read an answer and written the next question.
const HASTE_MS: u64 = 1_500;
/// Requests that are looked at for haste, and how many of these are hasty.
const HASTES: (usize, usize) = (8, 6);
/// Hours of the last 24 in which an account that never sleeps was there.
const HOURS_MAX: usize = 18;
/// Similar prompts among the last twelve: a sign, and a strong one.
const SIMILAR: (usize, usize) = (7, 10);
/// Devices of a day beyond which they are a sign.
const DEVICES_MAX: usize = 3;

/// Layer that a sign belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
	/// Requests in a time.
	Rate,
	/// Regular intervals, haste, hours without sleep.
	Rhythm,
	/// Programs and languages that the headers name. Advisory: anything can be written there.
	Device,
	/// Prompts that are nearly the same.
	Repetition,
	/// Accounts that belong together.
	Neighbours,
}

/// Sign of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign {
	/// Layer.
	pub layer: Layer,
	/// Weight.
	pub weight: u32,
	/// Description, for the operator and for the person who is asked to wait.
	pub reason: &'static str,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Request {
	/// Milliseconds since 1970.
	pub now: u64,
	/// Hash of the headers by which a browser is told from another; `None` where there are none.
	pub device: Option<u64>,
	/// Sketch of the prompt; `None` if it is too short.
	pub sketch: Option<Sketch>,
}

/// Recent behaviour of one account.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
	times: VecDeque<u64>,
	/// End of the last answer.
	ended_at: Option<u64>,
	hastes: VecDeque<bool>,
	sketches: VecDeque<Sketch>,
	/// Hours in which there was a request, the newest last.
	hours: VecDeque<u64>,
	devices: VecDeque<(u64, u64)>,
}

impl Behaviour {
	/// Returns the time of the last request; 0 if there was none.
	pub fn last(&self) -> u64 {
		self.times.back().copied().unwrap_or_default()
	}

	/// Notes that an answer has ended.
	pub fn note_end(&mut self, now: u64) {
		self.ended_at = Some(now);
	}

	/// Forgets what a solved challenge has settled: further signs need further requests. Hours and devices stay.
	pub fn forget(&mut self) {
		self.times.clear();
		self.hastes.clear();
		self.sketches.clear();
	}

	/// Notes a request, and returns the signs that there are with it.
	pub fn note(&mut self, request: &Request) -> Vec<Sign> {
		let Request { now, device, sketch } = *request;
		push(&mut self.times, now, TIMES_MAX);
		let is_hasty = self.ended_at.take().is_some_and(|ended_at| now.saturating_sub(ended_at) < HASTE_MS);
		push(&mut self.hastes, is_hasty, HASTES.0);
		let hour = now / HOUR_MS;
		if self.hours.back() != Some(&hour) {
			self.hours.push_back(hour);
		}
		self.hours.retain(|seen| seen.saturating_add(24) > hour);
		if let Some(device) = device {
			self.devices.retain(|(seen, at)| *seen != device && at.saturating_add(24 * HOUR_MS) > now);
			push(&mut self.devices, (device, now), DEVICES_MAX * 4);
		}
		let similar = sketch.map_or(0, |sketch| {
			let similar = 1 + self.sketches.iter().filter(|seen| seen.resembles(&sketch)).count();
			push(&mut self.sketches, sketch, SKETCHES_MAX);
			similar
		});
		[self.rate(now), self.rhythm(), self.haste(), self.sleepless(), self.devices(), repetition(similar)]
			.into_iter()
			.flatten()
			.collect()
	}

	fn rate(&self, now: u64) -> Option<Sign> {
		let since = |ms: u64| self.times.iter().filter(|at| at.saturating_add(ms) > now).count();
		let is_fast = since(60_000) > MINUTE_MAX || since(600_000) > TEN_MINUTES_MAX;
		let reason = "more requests in a minute or in ten than a person sends";
		is_fast.then_some(Sign { layer: Layer::Rate, weight: 40, reason })
	}

	/// Looks for equal intervals. A person's differ by as much as they last.
	fn rhythm(&self) -> Option<Sign> {
		let times = self.times.iter().rev().take(INTERVALS_MIN + 1);
		let times: Vec<u64> = times.copied().collect();
		let intervals: Vec<u64> = times.windows(2).map(|pair| pair[0].saturating_sub(pair[1])).collect();
		if intervals.len() < INTERVALS_MIN {
			return None;
		}
		let count = intervals.len() as u64;
		let mean = intervals.iter().sum::<u64>() / count;
		let deviation = intervals.iter().map(|interval| interval.abs_diff(mean)).sum::<u64>() / count;
		let is_regular = deviation.saturating_mul(100) <= mean.saturating_mul(DEVIATION_MAX);
		let reason = "requests in equal intervals";
		is_regular.then_some(Sign { layer: Layer::Rhythm, weight: 40, reason })
	}

	fn haste(&self) -> Option<Sign> {
		let hasty = self.hastes.iter().filter(|is_hasty| **is_hasty).count();
		let reason = "the next question before the last answer can have been read";
		(hasty >= HASTES.1).then_some(Sign { layer: Layer::Rhythm, weight: 40, reason })
	}

	fn sleepless(&self) -> Option<Sign> {
		let reason = "requests in nearly every hour of a day";
		(self.hours.len() >= HOURS_MAX).then_some(Sign { layer: Layer::Rhythm, weight: 40, reason })
	}

	fn devices(&self) -> Option<Sign> {
		let reason = "many devices in a day";
		(self.devices.len() > DEVICES_MAX).then_some(Sign { layer: Layer::Device, weight: 10, reason })
	}
}

fn repetition(similar: usize) -> Option<Sign> {
	let weight = match similar {
		similar if similar >= SIMILAR.1 => 40,
		similar if similar >= SIMILAR.0 => 20,
		_ => return None,
	};
	Some(Sign { layer: Layer::Repetition, weight, reason: "nearly the same prompt over and over" })
}

fn push<T>(queue: &mut VecDeque<T>, item: T, len_max: usize) {
	if queue.len() >= len_max {
		queue.pop_front();
	}
	queue.push_back(item);
}

#[cfg(test)]
mod tests {
	use super::*;

	fn reasons(times: impl IntoIterator<Item = u64>) -> Vec<Layer> {
		let mut behaviour = Behaviour::default();
		let mut signs = Vec::new();
		for now in times {
			signs = behaviour.note(&Request { now, device: None, sketch: None });
		}
		signs.into_iter().map(|sign| sign.layer).collect()
	}

	#[test]
	fn a_person_who_thinks_between_questions_shows_no_sign() {
		assert_eq!(
			reasons([0, 21_000, 33_000, 95_000, 99_000, 180_000, 215_000, 400_000, 433_000, 500_000]),
			[]
		);
	}

	#[test]
	fn a_clock_is_told_from_a_person_and_a_flood_from_both() {
		assert_eq!(reasons((0..12).map(|step| step * 40_000 + step % 2 * 900)), [Layer::Rhythm]);
		assert!(reasons((0..14).map(|step| step * step * 300)).contains(&Layer::Rate));
		assert_eq!(
			reasons((0..22).map(|hour| hour * HOUR_MS + hour * 1_234_567 % 3_000_000)),
			[Layer::Rhythm]
		);
	}

	#[test]
	fn haste_counts_from_the_end_of_an_answer_and_is_forgotten_with_a_solved_challenge() {
		let mut behaviour = Behaviour::default();
		let mut signs = Vec::new();
		for step in 0..8 {
			let now = step * 31_000 + step * step * 4_000;
			signs = behaviour.note(&Request { now, device: None, sketch: None });
			behaviour.note_end(now + 31_000 + (2 * step + 1) * 4_000 - 200);
		}
		assert!(signs.iter().any(|sign| sign.layer == Layer::Rhythm));
		behaviour.forget();
		assert!(behaviour.note(&Request { now: 900_000, device: None, sketch: None }).is_empty());
	}
}
