//! The ladder: an account that looks like a program is asked for work, for more work, and is then put aside for the operator to look at.
//!
//! ```text
//! signs < 40      --> passes
//! signs 40 .. 99  --> a challenge: proof of work, four times as much for each one of a day; solved, ten requests pass, or two from 50 on
//! signs >= 100, the fourth challenge of a day, or fifty requests that ignore one --> quarantine
//! ```
//!
//! It knows no clock, no disk and no network: times come with the requests, so that an attack can be replayed.

use crate::{
	neighbours::Neighbours,
	signals::{Behaviour, Request, Sign},
	sketch::Sketch,
};
use std::{
	collections::{hash_map::Entry, HashMap, VecDeque},
	hash::{DefaultHasher, Hash, Hasher},
	net::IpAddr,
};

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Weight of signs from which on work is asked for.
const CHALLENGE_FROM: u32 = 40;
/// Weight of signs that no amount of work outweighs.
const QUARANTINE_FROM: u32 = 100;
/// Leading zero bits of the first proof of work of a day: some 65,000 hashes, less than a second in a browser.
pub const BITS_MIN: u32 = 16;
/// Bits that each further one has more.
const BITS_STEP: u32 = 2;
/// Challenges of a day; the next one is quarantine.
const CHALLENGES_MAX: usize = 3;
/// Requests that a solved challenge lets pass.
const PASSES: u32 = 10;
/// The same where the signs were of several kinds.
const PASSES_FEW: u32 = 2;
/// Weight of signs of several kinds.
const SEVERAL_FROM: u32 = 50;
/// Requests that ignore an open challenge.
const IGNORED_MAX: u32 = 50;
/// Accounts whose behaviour is known; beyond, those that were silent for a day are forgotten.
const MEMBERS_MAX: usize = 100_000;
/// Time between two looks for such: each goes through all accounts.
const ROOM_MS: u64 = 60_000;

/// A request, as the ladder sees it.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
	/// Account.
	pub account: &'a str,
	/// Address that it came from.
	pub client: IpAddr,
	/// Hash of the headers by which a browser is told from another; `None` where there are none.
	pub device: Option<u64>,
	/// Last words of the prompt.
	pub words: &'a str,
	/// Milliseconds since 1970.
	pub now: u64,
	/// Signs of rate do not count for accounts with a good record.
	pub is_trusted: bool,
}

/// Decision about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
	/// It passes.
	Pass,
	/// It passes once a proof of so many bits is there.
	Challenge {
		/// Leading zero bits.
		bits: u32,
		/// Reports whether it is another challenge than the one before.
		is_new: bool,
	},
	/// The account is put aside.
	Quarantine {
		/// Reasons in words.
		reasons: Vec<&'static str>,
	},
}

#[derive(Clone, Debug, Default)]
struct Member {
	behaviour: Behaviour,
	/// Bits of the open challenge, and the requests that pass once it is solved.
	open: Option<(u32, u32)>,
	ignored: u32,
	passes: u32,
	/// Times of the challenges of a day.
	challenges: VecDeque<u64>,
}

/// The ladder, with what it knows of every account.
#[derive(Clone, Debug, Default)]
pub struct Guard {
	members: HashMap<String, Member>,
	neighbours: Neighbours,
	made_room_at: u64,
}

impl Guard {
	/// Decides about a request.
	pub fn note(&mut self, visit: &Visit<'_>) -> Step {
		self.make_room(visit.now);
		let Visit { account, client, device, words, now, is_trusted } = *visit;
		let member = self.members.entry(account.to_owned()).or_default();
		if let Some((bits, _)) = member.open {
			member.ignored += 1;
			if member.ignored > IGNORED_MAX {
				member.open = None;
				return Step::Quarantine { reasons: vec!["a challenge was ignored over and over"] };
			}
			return Step::Challenge { bits, is_new: false };
		}
		let sketch = Sketch::of(words);
		let mut signs = member.behaviour.note(&Request { now, device, sketch });
		let mut hasher = DefaultHasher::new();
		account.hash(&mut hasher);
		let whole = sketch.map(|sketch| sketch.whole());
		signs.extend(self.neighbours.note(hasher.finish(), client, device, whole, now));
		if is_trusted {
			signs.retain(|sign| sign.layer != crate::signals::Layer::Rate);
		}
		member.step(&signs, now)
	}

	/// Notes that an answer of an account has ended.
	pub fn note_end(&mut self, account: &str, now: u64) {
		if let Some(member) = self.members.get_mut(account) {
			member.behaviour.note_end(now);
		}
	}

	/// Takes a solved challenge away.
	pub fn solve(&mut self, account: &str) {
		if let Some(member) = self.members.get_mut(account) {
			if let Some((_, passes)) = member.open.take() {
				(member.ignored, member.passes) = (0, passes);
				member.behaviour.forget();
			}
		}
	}

	/// Forgets an account: it is released, or it has become another one.
	pub fn forget(&mut self, account: &str) {
		self.members.remove(account);
	}

	/// Makes an account known by another name, with everything that it did: signing in is no way out.
	pub fn rename(&mut self, from: &str, to: &str) {
		if let Some(member) = self.members.remove(from) {
			match self.members.entry(to.to_owned()) {
				Entry::Vacant(place) => {
					place.insert(member);
				}
				Entry::Occupied(mut known) => {
					let known = known.get_mut();
					known.open = known.open.or(member.open);
					known.challenges.extend(member.challenges);
				}
			}
		}
	}

	fn make_room(&mut self, now: u64) {
		if self.members.len() >= MEMBERS_MAX && self.made_room_at.saturating_add(ROOM_MS) <= now {
			self.made_room_at = now;
			self.members.retain(|_, member| member.behaviour.last().saturating_add(DAY_MS) > now);
		}
	}
}

impl Member {
	fn step(&mut self, signs: &[Sign], now: u64) -> Step {
		let weight: u32 = signs.iter().map(|sign| sign.weight).sum();
		let reasons = || signs.iter().map(|sign| sign.reason).collect();
		if weight >= QUARANTINE_FROM {
			return Step::Quarantine { reasons: reasons() };
		}
		if self.passes > 0 {
			self.passes -= 1;
			return Step::Pass;
		}
		if weight < CHALLENGE_FROM {
			return Step::Pass;
		}
		self.challenges.retain(|at| at.saturating_add(DAY_MS) > now);
		if self.challenges.len() >= CHALLENGES_MAX {
			return Step::Quarantine { reasons: reasons() };
		}
		let bits = BITS_MIN + BITS_STEP * u32::try_from(self.challenges.len()).unwrap_or_default();
		self.challenges.push_back(now);
		let passes = if weight < SEVERAL_FROM { PASSES } else { PASSES_FEW };
		(self.open, self.ignored) = (Some((bits, passes)), 0);
		Step::Challenge { bits, is_new: true }
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn visit(account: &str, now: u64) -> Visit<'_> {
		Visit { account, client: [192, 0, 2, 1].into(), device: None, words: "", now, is_trusted: false }
	}

	#[test]
	fn attack_solve_every_challenge_costs_more_each_time_and_ends_in_quarantine() {
		let (mut guard, mut bits, mut answered) = (Guard::default(), Vec::new(), 0);
		for step in 0..1_000 {
			match guard.note(&visit("bot", step * 30_000)) {
				Step::Pass => answered += 1,
				Step::Challenge { bits: asked, .. } => {
					bits.push(asked);
					guard.solve("bot");
				}
				Step::Quarantine { reasons } => {
					assert_eq!(reasons, ["requests in equal intervals"]);
					assert_eq!(bits, [16, 18, 20]);
					assert!(answered < 100, "{answered}");
					return;
				}
			}
		}
		panic!("no quarantine");
	}

	#[test]
	fn attack_ignore_a_challenge_and_go_on_ends_in_quarantine() {
		let mut guard = Guard::default();
		let last = (0..200)
			.map(|step| guard.note(&visit("bot", step * 30_000)))
			.find(|step| matches!(step, Step::Quarantine { .. }));
		assert!(last.is_some());
	}

	#[test]
	fn attack_sign_in_to_begin_with_a_clean_slate_takes_the_challenge_along() {
		let mut guard = Guard::default();
		let open = (0..20).map(|step| guard.note(&visit("demo", step * 30_000))).last();
		assert!(matches!(open, Some(Step::Challenge { .. })));
		guard.rename("demo", "wallet");
		assert!(matches!(guard.note(&visit("wallet", 900_000)), Step::Challenge { is_new: false, .. }));
		let open = (0..20).map(|step| guard.note(&visit("another demo", step * 30_000))).last();
		assert!(matches!(open, Some(Step::Challenge { .. })));
		assert_eq!(guard.note(&visit("known", 900_000)), Step::Pass);
		guard.rename("another demo", "known");
		assert!(matches!(guard.note(&visit("known", 1_000_000)), Step::Challenge { is_new: false, .. }));
	}

	#[test]
	fn a_good_record_outweighs_speed_alone() {
		let fast = |is_trusted| {
			let mut guard = Guard::default();
			let times = (0..40_u64).map(|step| step * 1_000 + step * step % 7 * 300);
			times
				.map(|now| guard.note(&Visit { is_trusted, ..visit("a", now) }))
				.filter(|step| *step != Step::Pass)
				.count()
		};
		assert!(fast(false) > 0);
		assert_eq!(fast(true), 0);
	}
}
