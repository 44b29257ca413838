//! A day of requests: programs of stated kinds and people of stated kinds, drawn from a seed, and what the ladder makes of them.
//!
//! Both are made up. That the ladder tells them apart says that it does what it was built for, and not how it does against programs
//! that were built against it: `mimic` is one of those, and passes.

use blyan_accounts::guard::{Guard, Step, Visit};
use rand::{rngs::StdRng, Rng, SeedableRng};
use std::{collections::BTreeMap, net::IpAddr};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
/// Words that most sentences have.
const COMMON: [&str; 32] = [
	"the", "a", "of", "to", "and", "in", "is", "it", "you", "that", "for", "on", "with", "as", "this", "how",
	"what", "why", "can", "do", "my", "me", "please", "are", "not", "if", "or", "an", "at", "be", "from",
	"about",
];
const TEMPLATES: [&str; 4] = [
	"Write a short friendly product description of a {} for our shop in english",
	"Is the sentiment of the following review about a {} positive or negative answer with one word",
	"List five surprising facts about the history of the {} and number each of them",
	"Translate the following text about a {} into german and keep its tone exactly as it is",
];

/// Kinds of programs, with how many of them there are in a hundred.
pub const BOTS: [(&str, usize); 8] = [
	("flood", 14),
	("metronome", 14),
	("scraper", 14),
	("hasty", 14),
	("burst", 14),
	("sleepless", 14),
	("farm", 14),
	("mimic", 2),
];
/// Kinds of people, likewise.
pub const PEOPLE: [(&str, usize); 6] =
	[("chatter", 60), ("developer", 12), ("impatient", 10), ("family", 8), ("office", 8), ("night owl", 2)];

/// One account of a day.
struct Actor {
	kind: &'static str,
	is_bot: bool,
	/// Solves challenges, as a browser does by itself and a program may.
	solves: bool,
	client: IpAddr,
	device: u64,
	/// Times of requests, words, and milliseconds of the answers.
	requests: Vec<(u64, String, u64)>,
}

/// Accounts by kind: how many there are, how many were stopped, and how many requests these had answered before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
	/// Accounts.
	pub accounts: usize,
	/// Those that were stopped.
	pub stopped: usize,
	/// Requests of these that were answered before.
	pub answered: usize,
}

/// Result of a day.
#[derive(Debug, Default)]
pub struct Outcome {
	/// Programs and people by kind.
	pub kinds: BTreeMap<(bool, &'static str), Tally>,
}

impl Outcome {
	/// Returns the share that was stopped, of programs or of people, in thousandths.
	pub fn stopped(&self, bots: bool) -> usize {
		let chosen = self.kinds.iter().filter(|((is_bot, _), _)| *is_bot == bots);
		let (stopped, all) =
			chosen.fold((0, 0), |sum, (_, tally)| (sum.0 + tally.stopped, sum.1 + tally.accounts));
		stopped * 1_000 / all.max(1)
	}

	/// Prints a table.
	pub fn print(&self) {
		println!(
			"{:10} {:10} {:>8} {:>8} {:>22}",
			"", "kind", "accounts", "stopped", "answered before, mean"
		);
		for ((is_bot, kind), Tally { accounts, stopped, answered }) in &self.kinds {
			let who = if *is_bot { "program" } else { "person" };
			println!("{who:10} {kind:10} {accounts:8} {stopped:8} {:22}", answered / stopped.max(&1));
		}
		println!("programs stopped {} in 1,000, people {} in 1,000", self.stopped(true), self.stopped(false));
	}
}

/// Replays a day with so many hundreds of programs and of people.
///
/// A program that solves challenges is stopped when it is in quarantine, any other one at its first challenge. A person counts as stopped at
/// the first challenge, although a browser solves it.
pub fn replay(seed: u64, hundreds: usize) -> Outcome {
	let mut rng = StdRng::seed_from_u64(seed);
	let mut actors = Vec::new();
	for (kinds, is_bot) in [(BOTS.as_slice(), true), (PEOPLE.as_slice(), false)] {
		for (kind, share) in kinds {
			for index in 0..share * hundreds {
				actors.push(actor(&mut rng, kind, is_bot, index));
			}
		}
	}
	let mut events = Vec::new();
	for (index, actor) in actors.iter().enumerate() {
		for (at, words, answer) in &actor.requests {
			events.push((*at, index, words.as_str(), *answer));
		}
	}
	events.sort_unstable();
	let (mut guard, mut ends) = (Guard::default(), BTreeMap::new());
	let mut stopped = vec![false; actors.len()];
	let mut answered = vec![0; actors.len()];
	for (now, index, words, answer) in events {
		let Some(actor) = actors.get(index).filter(|_| !stopped[index]) else { continue };
		let account = format!("{index}");
		if let Some(end) = ends.remove(&index).filter(|end| *end <= now) {
			guard.note_end(&account, end);
		}
		let visit = Visit {
			account: &account,
			client: actor.client,
			device: Some(actor.device),
			words,
			now,
			is_trusted: false,
		};
		match guard.note(&visit) {
			Step::Pass => {
				answered[index] += 1;
				ends.insert(index, now + answer);
			}
			Step::Challenge { .. } if actor.is_bot && actor.solves => guard.solve(&account),
			Step::Challenge { .. } | Step::Quarantine { .. } => stopped[index] = true,
		}
	}
	let mut outcome = Outcome::default();
	for (index, actor) in actors.iter().enumerate() {
		let tally = outcome.kinds.entry((actor.is_bot, actor.kind)).or_default();
		tally.accounts += 1;
		if stopped[index] {
			tally.stopped += 1;
			tally.answered += answered[index];
		}
	}
	outcome
}

fn actor(rng: &mut StdRng, kind: &'static str, is_bot: bool, index: usize) -> Actor {
	let solves = rng.gen_bool(0.5);
	let (mut client, mut device) = (address(rng.gen()), rng.gen());
	// Of those who share an address, each group has one that no other group has.
	let group = |size: usize, base: u32| base + u32::try_from(index / size).unwrap_or_default() * 256;
	match kind {
		"farm" => (client, device) = (address(group(20, 0x0a00_0001)), group(20, 1).into()),
		"family" => (client, device) = (address(group(4, 0x0b00_0001)), (index % 2) as u64),
		"office" => client = address(group(15, 0x0c00_0001)),
		_ => {}
	}
	let requests = match kind {
		"flood" => paced(rng, 200, |rng, _| after(rng, 0, 3 * SECOND)),
		"metronome" => {
			let interval = rng.gen_range(20 * SECOND..90 * SECOND);
			paced(rng, 150, |rng, _| interval + rng.gen_range(0..interval / 20))
		}
		"scraper" => templated(rng, 120, 1),
		"hasty" => paced(rng, 120, |rng, answer| answer + rng.gen_range(200..900)),
		"burst" => bursts(rng),
		"sleepless" => paced(rng, 160, |rng, answer| answer + after(rng, MINUTE, 9 * MINUTE)),
		"farm" => templated(rng, 12, 4),
		"developer" => developing(rng),
		"impatient" => impatient(rng),
		"night owl" => sittings(rng, 6, 3 * HOUR),
		_ => {
			let count = rng.gen_range(1..4);
			sittings(rng, count, 5 * HOUR)
		}
	};
	Actor { kind, is_bot, solves, client, device, requests }
}

fn address(number: u32) -> IpAddr {
	std::net::Ipv4Addr::from(number).into()
}

/// Draws a time that is longer than the shortest and by the mean longer, most often by less.
fn after(rng: &mut StdRng, shortest: u64, mean: u64) -> u64 {
	let share: f64 = rng.gen_range(1e-9..1.0);
	shortest + (-share.ln() * mean as f64) as u64
}

/// Draws a sentence that no other resembles.
fn sentence(rng: &mut StdRng) -> String {
	let words = rng.gen_range(6..20);
	let word = |rng: &mut StdRng| match rng.gen_bool(0.4) {
		true => COMMON[rng.gen_range(0..COMMON.len())].to_owned(),
		false => thing(rng),
	};
	(0..words).map(|_| word(rng)).collect::<Vec<_>>().join(" ")
}

fn thing(rng: &mut StdRng) -> String {
	let syllables = ["ka", "lo", "mi", "tur", "ne", "sav", "pi", "ro", "du", "wen", "gol", "fi"];
	(0..3).map(|_| syllables[rng.gen_range(0..syllables.len())]).collect()
}

fn answer(rng: &mut StdRng) -> u64 {
	rng.gen_range(3 * SECOND..20 * SECOND)
}

/// Requests with other words each, and these times between them.
fn paced(
	rng: &mut StdRng,
	count: usize,
	mut pause: impl FnMut(&mut StdRng, u64) -> u64,
) -> Vec<(u64, String, u64)> {
	let (mut now, mut requests) = (rng.gen_range(0..HOUR), Vec::new());
	for _ in 0..count {
		let answer = answer(rng);
		requests.push((now, sentence(rng), answer));
		now += pause(rng, answer);
	}
	requests
}

/// Requests of a few templates at the pace of a person.
fn templated(rng: &mut StdRng, count: usize, templates: usize) -> Vec<(u64, String, u64)> {
	let first = rng.gen_range(0..TEMPLATES.len());
	let mut requests = paced(rng, count, |rng, answer| answer + after(rng, 5 * SECOND, 40 * SECOND));
	for (_, words, _) in &mut requests {
		let template = TEMPLATES[(first + rng.gen_range(0..templates)) % TEMPLATES.len()];
		let filled = if templates > 1 { "kettle".to_owned() } else { thing(rng) };
		*words = template.replace("{}", &filled);
	}
	requests
}

fn bursts(rng: &mut StdRng) -> Vec<(u64, String, u64)> {
	let (start, mut requests) = (rng.gen_range(0..HOUR), Vec::new());
	for burst in 0..10 {
		for _ in 0..20 {
			let at = start + burst * HOUR + rng.gen_range(0..20 * SECOND);
			requests.push((at, sentence(rng), answer(rng)));
		}
	}
	requests.sort_unstable();
	requests
}

/// Sittings of a person: questions that follow from the answers, some of them short, and time to read.
fn sittings(rng: &mut StdRng, count: usize, apart: u64) -> Vec<(u64, String, u64)> {
	let (mut now, mut requests) = (rng.gen_range(0..6 * HOUR), Vec::new());
	for _ in 0..count {
		for _ in 0..rng.gen_range(3..25) {
			let answer = answer(rng);
			let words = if rng.gen_bool(0.15) { "go on".to_owned() } else { sentence(rng) };
			requests.push((now, words, answer));
			now += answer + if rng.gen_bool(0.05) { 2_500 } else { after(rng, 5 * SECOND, 40 * SECOND) };
		}
		now += after(rng, apart / 4, apart);
	}
	requests
}

/// A program that is being written: the same few prompts, changed a little and tried again.
fn developing(rng: &mut StdRng) -> Vec<(u64, String, u64)> {
	let (mut now, mut requests) = (rng.gen_range(0..8 * HOUR), Vec::new());
	for _ in 0..rng.gen_range(1..3) {
		let mut prompt = sentence(rng);
		for _ in 0..rng.gen_range(5..30) {
			match rng.gen_range(0..10) {
				0..=2 => prompt = sentence(rng),
				3..=6 => prompt = format!("{prompt} {}", thing(rng)),
				_ => {}
			}
			let answer = answer(rng);
			requests.push((now, prompt.clone(), answer));
			now += answer + after(rng, 3 * SECOND, 50 * SECOND);
		}
		now += after(rng, HOUR, 3 * HOUR);
	}
	requests
}

/// A person who asks again what was not answered at once.
fn impatient(rng: &mut StdRng) -> Vec<(u64, String, u64)> {
	let (mut now, mut requests) = (rng.gen_range(0..8 * HOUR), Vec::new());
	for _ in 0..rng.gen_range(4..20) {
		let (words, answer) = (sentence(rng), answer(rng));
		for _ in 0..rng.gen_range(1..4) {
			requests.push((now, words.clone(), answer));
			now += rng.gen_range(3 * SECOND..10 * SECOND);
		}
		now += answer + after(rng, 8 * SECOND, 60 * SECOND);
	}
	requests
}
