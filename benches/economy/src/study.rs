//! The worlds that are played, and what is measured in them.

use crate::{
	closed::{self, wilson},
	dice::Dice,
	rules::{Balance, Rules, Setting, BLY},
	strategy::Strategy,
	world::{registration_bonds, World},
};
use blyan_primitives::traits::EligibleOperator;
use pallet_proof_of_learning::{draw::draw_committee, math::two_thirds};
use std::sync::{
	atomic::{AtomicUsize, Ordering},
	Mutex,
};

/// Shares of the operators, in per cent, that belong to the coalition.
pub const SHARES: [u32; 7] = [10, 20, 30, 33, 40, 50, 60];
/// Draws for each estimated chance.
const DRAWS: u64 = 40_000;
/// Days of a flood: long enough for the queue, short enough for a lunch break.
const FLOOD_DAYS: u32 = 28;
/// A detection time in days: forged statements.
pub const DETECTION_DAYS: f64 = 7.0;

/// Does `work` for each of `jobs` on all cores; results in the order of the jobs.
pub fn in_parallel<J: Sync, R: Send>(jobs: &[J], work: impl Fn(&J) -> R + Sync) -> Vec<R> {
	let next = AtomicUsize::new(0);
	let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::new());
	let cores = std::thread::available_parallelism().map_or(1, usize::from);
	std::thread::scope(|scope| {
		for _ in 0..cores {
			scope.spawn(|| loop {
				let index = next.fetch_add(1, Ordering::Relaxed);
				let Some(job) = jobs.get(index) else { break };
				let result = work(job);
				done.lock().expect("no worker panics").push((index, result));
			});
		}
	});
	let mut done = done.into_inner().expect("no worker panics");
	done.sort_by_key(|(index, _)| *index);
	done.into_iter().map(|(_, result)| result).collect()
}

/// BLY as a number for people.
pub fn bly(amount: Balance) -> f64 {
	amount as f64 / BLY as f64
}

/// A chance by formula and by draws.
#[derive(Clone, Copy, Debug)]
pub struct Chance {
	/// By formula.
	pub closed: f64,
	/// By draws.
	pub drawn: f64,
	/// 95 % Wilson interval of the draws.
	pub interval: (f64, f64),
}

impl Chance {
	fn new(closed: f64, hits: u64, trials: u64) -> Self {
		Self { closed, drawn: hits as f64 / trials as f64, interval: wilson(hits, trials) }
	}

	/// Reports whether formula and draws agree.
	pub fn agrees(&self) -> bool {
		self.interval.0 <= self.closed && self.closed <= self.interval.1
	}
}

/// Chances of a coalition to have its seats, by the pallet's own draw among equals.
#[derive(Clone, Copy, Debug)]
pub struct Seats {
	/// Per cent of the operators.
	pub share: u32,
	/// All of the first committee.
	pub first: Chance,
	/// All of both.
	pub all: Chance,
	/// Two thirds of all seats, a stranger's among them.
	pub decisive: Chance,
}

/// Draws both committees many times.
pub fn seats(rules: &Rules, setting: &Setting, share: u32) -> Seats {
	let all = setting.operators as u32;
	let ours = all * share / 100;
	let mut dice = Dice::new(setting.seed ^ u64::from(share), "seats");
	let candidates: Vec<EligibleOperator<usize>> =
		(0..setting.operators).map(|account| EligibleOperator::independent(account, 500_000)).collect();
	let is_ours = |who: &&usize| **who < ours as usize;
	let needed = two_thirds(rules.first + rules.strangers) as usize;
	let mut hits = [0u64; 3];
	for _ in 0..DRAWS {
		let first = draw_committee(&dice.seed(), candidates.clone(), rules.first, rules.per_owner);
		let rest: Vec<_> =
			candidates.iter().filter(|other| !first.contains(&other.account)).cloned().collect();
		let second = draw_committee(&dice.seed(), rest, rules.strangers, rules.per_owner);
		let (a, b) = (first.iter().filter(is_ours).count(), second.iter().filter(is_ours).count());
		hits[0] += u64::from(a == first.len());
		hits[1] += u64::from(a == first.len() && b == second.len());
		hits[2] += u64::from(a + b >= needed && (second.is_empty() || b > 0));
	}
	let first = closed::hypergeometric(all, ours, rules.first, rules.first);
	Seats {
		share,
		first: Chance::new(first, hits[0], DRAWS),
		all: Chance::new(closed::all_seats(rules, all, ours), hits[1], DRAWS),
		decisive: Chance::new(closed::decisive(rules, all, ours), hits[2], DRAWS),
	}
}

/// A year of one strategy.
#[derive(Clone, Debug)]
pub struct Year {
	/// The strategy played.
	pub strategy: Strategy,
	/// Per cent of the operators.
	pub share: u32,
	/// Gain over honest conduct, BLY a year.
	pub gain: f64,
	/// Half of its 95 % interval, from the weeks.
	pub half: f64,
	/// Losses of the coalition's stakes, BLY.
	pub slashed: f64,
	/// Fees and transactions that it paid, BLY.
	pub paid: f64,
	/// Submissions of its own.
	pub tries: u64,
	/// False scores that stood; experts taken from others.
	pub stood: u64,
	/// Experts taken from others.
	pub stolen: u64,
	/// Evaluations in which it broke a duty, and those that cost it.
	pub acts: u64,
	/// Evaluations that cost it.
	pub caught: u64,
	/// Days from the first act to the first punishment.
	pub detection: Option<f64>,
	/// Coins minted in the year, in per cent of those at its beginning.
	pub inflation: f64,
	/// Losses of honest operators' stakes and honest miners' bonds, BLY.
	pub honest_lost: f64,
	/// Rewards that honest miners missed, BLY.
	pub honest_missed: f64,
	/// Mean income of an honest operator, BLY.
	pub income: f64,
	/// Gini coefficients of honest operators' incomes and of honest miners' rewards.
	pub gini: (f64, f64),
	/// Honest submissions made, deferred, judged, accepted.
	pub honest: [u64; 4],
	/// Days that a rational coalition spent on each of `Strategy::CHOICE` after trying all, in weeks.
	pub weeks: Vec<u32>,
}

fn measure(
	rules: &Rules,
	setting: &Setting,
	strategy: Strategy,
	share: u32,
	baseline: &[i128],
) -> (Year, Vec<i128>) {
	let ours = setting.operators * share as usize / 100;
	let world = World::new(*rules, *setting, strategy, ours, 0).run();
	let totals = &world.totals;
	let differences: Vec<f64> =
		totals.weeks.iter().zip(baseline).map(|(a, b)| (a - b) as f64 / BLY as f64).collect();
	let n = differences.len().max(1) as f64;
	let mean = differences.iter().sum::<f64>() / n;
	let variance = differences.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
	let honest: Vec<f64> = world
		.operators
		.iter()
		.filter(|operator| !operator.ours)
		.map(|operator| bly(operator.income))
		.collect();
	let tried = Strategy::CHOICE.len();
	let weeks = Strategy::CHOICE
		.iter()
		.map(|choice| totals.played.iter().skip(tried).filter(|played| *played == choice).count() as u32)
		.collect();
	let year = Year {
		strategy,
		share,
		gain: mean * n,
		half: 1.96 * (variance * n).sqrt(),
		slashed: bly(totals.ours_slashed),
		paid: bly(totals.ours_paid),
		tries: totals.tries,
		stood: totals.stood,
		stolen: totals.stolen,
		acts: totals.acts,
		caught: totals.caught,
		detection: totals
			.first_act
			.and_then(|act| totals.first_caught.map(|at| f64::from(at.saturating_sub(act)) / 14_400.0)),
		inflation: 100.0 * bly(totals.minted) / bly(setting.issuance),
		honest_lost: bly(totals.honest_slashed + totals.honest_bonds),
		honest_missed: bly(totals.honest_missed),
		income: honest.iter().sum::<f64>() / honest.len().max(1) as f64,
		gini: (closed::gini(&honest), closed::gini(&totals.miners)),
		honest: totals.honest,
		weeks,
	};
	(year, totals.weeks.clone())
}

/// Every strategy at every share.
pub fn years(rules: &Rules, setting: &Setting) -> Vec<Year> {
	let baselines: Vec<(Strategy, u32)> = [Strategy::Honest, Strategy::Whole]
		.into_iter()
		.flat_map(|s| SHARES.map(|share| (s, share)))
		.collect();
	let played = in_parallel(&baselines, |(strategy, share)| measure(rules, setting, *strategy, *share, &[]));
	let jobs: Vec<(Strategy, u32)> =
		Strategy::PLAYED.into_iter().flat_map(|s| SHARES.map(|share| (s, share))).collect();
	let mut years: Vec<Year> = in_parallel(&jobs, |(strategy, share)| {
		let place = baselines.iter().position(|other| *other == (strategy.baseline(), *share));
		let weeks = place.map_or(&[][..], |place| &played[place].1);
		measure(rules, setting, *strategy, *share, weeks).0
	});
	years.extend(played.into_iter().map(|(year, _)| year).filter(|year| year.strategy == Strategy::Honest));
	years
}

/// Cost of keeping others out.
#[derive(Clone, Debug)]
pub struct Flood {
	/// The strategy.
	pub strategy: Strategy,
	/// Its cost, BLY a day.
	pub cost: f64,
	/// Honest submissions made, and judged, a day.
	pub made: f64,
	/// Judged a day.
	pub judged: f64,
	/// Hours that those which were judged had waited.
	pub waited: f64,
}

/// Floods by a coalition of a tenth.
pub fn floods(rules: &Rules, setting: &Setting) -> Vec<Flood> {
	let days = f64::from(FLOOD_DAYS);
	in_parallel(&[Strategy::Honest, Strategy::Flood, Strategy::Withhold], |strategy| {
		let setting = Setting { days: FLOOD_DAYS, ..*setting };
		let world = World::new(*rules, setting, *strategy, setting.operators / 10, 0).run();
		let totals = &world.totals;
		Flood {
			strategy: *strategy,
			cost: -totals.weeks.iter().sum::<i128>() as f64 / BLY as f64 / days,
			made: totals.honest[0] as f64 / days,
			judged: totals.honest[2] as f64 / days,
			waited: totals.waited as f64 / 600.0 / totals.honest[2].max(1) as f64,
		}
	})
}

/// A crowd of newcomers that takes all free places.
#[derive(Clone, Debug)]
pub struct Sybil {
	/// Newcomers, and what they put up: stakes and the bonds of three registrations a day. All of it comes back.
	pub newcomers: u32,
	/// Stakes, BLY.
	pub stakes: f64,
	/// Bonds, BLY.
	pub bonds: f64,
	/// Share of the weight by days since.
	pub shares: Vec<(u32, f64)>,
}

/// All places that a hundred veterans leave, at once.
pub fn sybil(rules: &Rules, setting: &Setting) -> Sybil {
	let newcomers = 156;
	let shares = in_parallel(&[0u32, 30, 90, 365], |days| {
		let setting = Setting { days: *days, ..*setting };
		(*days, World::new(*rules, setting, Strategy::Honest, 0, newcomers as usize).run().share())
	});
	Sybil {
		newcomers,
		stakes: bly(rules.stake) * f64::from(newcomers),
		bonds: bly(registration_bonds(rules, newcomers, 3)),
		shares,
	}
}

/// Everything about one set of rules.
pub struct Study {
	/// The rules.
	pub rules: Rules,
	/// Chances by share.
	pub seats: Vec<Seats>,
	/// The arithmetic of lies by share: alone, and with a reporter of one's own.
	pub lies: Vec<(u32, closed::Lie, closed::Lie)>,
	/// Years.
	pub years: Vec<Year>,
	/// Floods.
	pub floods: Vec<Flood>,
	/// Sybils.
	pub sybil: Sybil,
}

impl Study {
	/// Plays everything.
	pub fn new(rules: Rules, setting: &Setting) -> Self {
		let lie = |share: u32| {
			let ours = setting.operators as u32 * share / 100;
			(share, closed::lie(&rules, setting, ours, false), closed::lie(&rules, setting, ours, true))
		};
		Self {
			rules,
			seats: in_parallel(&SHARES, |share| seats(&rules, setting, *share)),
			lies: SHARES.map(lie).to_vec(),
			years: years(&rules, setting),
			floods: floods(&rules, setting),
			sybil: sybil(&rules, setting),
		}
	}

	/// The goals, and what was found about each.
	pub fn goals(&self) -> Vec<Goal> {
		vec![self.no_gain(), self.detection(), self.honest_losses(), self.inflation(), self.formulas()]
	}

	fn no_gain(&self) -> Goal {
		let mut wins: Vec<String> = self
			.years
			.iter()
			.filter(|year| year.strategy != Strategy::Honest && year.share * 3 < 100)
			.filter(|year| year.gain - year.half > 0.0)
			.map(|year| format!("{} at {} %: {:+.0} BLY", year.strategy.name(), year.share, year.gain))
			.collect();
		for (share, alone, reported) in &self.lies {
			if share * 3 < 100 && alone.gain.max(reported.gain) > 0.0 {
				wins.push(format!(
					"lie at {share} % by formula: {:+.3} BLY a try",
					alone.gain.max(reported.gain)
				));
			}
		}
		Goal { name: "no strategy below a third of the seats gains", holds: wins.is_empty(), found: wins }
	}

	fn detection(&self) -> Goal {
		let found: Vec<String> = self
			.years
			.iter()
			.filter(|year| year.strategy.breaks_duties() && year.share < 50 && year.acts > 0)
			.filter(|year| {
				year.gain - year.half > 0.0 && year.detection.is_none_or(|days| days > DETECTION_DAYS)
			})
			.map(|year| {
				let days = year.detection.map_or("never".into(), |days| format!("after {days:.1} days"));
				format!("{} at {} %: {} acts, punished {days}", year.strategy.name(), year.share, year.acts)
			})
			.collect();
		Goal {
			name: "no breach of duty that gains, below a half, goes unpunished for more than 7 days",
			holds: found.is_empty(),
			found,
		}
	}

	fn honest_losses(&self) -> Goal {
		let found: Vec<String> = self
			.years
			.iter()
			.filter(|year| year.share < 50 && year.honest_lost > 0.0)
			.map(|year| format!("{} at {} %: {:.1} BLY", year.strategy.name(), year.share, year.honest_lost))
			.collect();
		Goal { name: "honest stakes and bonds lose nothing", holds: found.is_empty(), found }
	}

	fn inflation(&self) -> Goal {
		let found: Vec<String> = self
			.years
			.iter()
			.filter(|year| year.inflation >= 10.0)
			.map(|year| format!("{} at {} %: {:.1} %", year.strategy.name(), year.share, year.inflation))
			.collect();
		Goal { name: "a year mints less than 10 %", holds: found.is_empty(), found }
	}

	/// With 21 intervals of 95 % one miss is expected.
	fn formulas(&self) -> Goal {
		let misses: Vec<String> = self
			.seats
			.iter()
			.flat_map(|s| {
				[("first", s.first, s.share), ("all", s.all, s.share), ("decisive", s.decisive, s.share)]
			})
			.filter(|(_, chance, _)| !chance.agrees())
			.map(|(name, chance, share)| {
				format!("{name} at {share} %: {:.5} against {:.5}", chance.closed, chance.drawn)
			})
			.collect();
		Goal {
			name: "formulas and draws agree (three misses in 21 tolerated)",
			holds: misses.len() <= 3,
			found: misses,
		}
	}
}

/// A goal.
pub struct Goal {
	/// The claim that should hold.
	pub name: &'static str,
	/// True if it does.
	pub holds: bool,
	/// Evidence against it, or facts to be known.
	pub found: Vec<String>,
}
