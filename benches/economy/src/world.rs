//! One world: operators, miners, a queue, a purse, and a coalition that plays against the rest.

use crate::{
	dice::Dice,
	rules::{Balance, Rules, Setting, Weighting, BLY, DAY, HOUR},
	strategy::{Act, Play, Strategy},
};
use blyan_primitives::{
	traits::{EligibleOperator, OffenceKind, Service},
	EvaluationOutcome, Measures, Score,
};
use pallet_ledger::{math as ledger, Budget};
use pallet_operators::{price, reputation};
use pallet_proof_of_learning::{
	draw::draw_committee,
	math::{judge, two_thirds, Judgement, Rule},
};
use pallet_slashing::UsualPenalties;
use sp_runtime::{traits::Convert, Permill};
use std::collections::VecDeque;

/// `MeasureStep` of the runtime.
const MEASURE_STEP: Permill = Permill::from_percent(2);
/// Reports after which verified work weighs fully.
const VERIFIED_MAX: u32 = 63;
/// A reward that is worth a theft, in BLY before the cap: 40 deltas.
const THEFT_MEAN: f64 = 0.02;
/// Standard errors above the requirement from which a refused expert is worth a plain copy, and a disguised one.
const COPIED_CERTAINTY: f64 = 1.5;
const DISGUISED_CERTAINTY: f64 = 2.5;
/// Judgements after which a coalition gives up having one submission accepted with lies.
const LIES_MAX: usize = 4;
/// Daily finds of a coalition's own miner, in bits per byte, and in how many slices.
const OWN_MEAN: f64 = 0.02;
const SLICES: u32 = 4;

/// An operator.
#[derive(Clone, Debug)]
pub struct Operator {
	/// True if it belongs to the coalition.
	pub ours: bool,
	stake: Balance,
	measures: Measures,
	verified: u32,
	missed: u32,
	strikes: Vec<u32>,
	out_until: u32,
	weight: u32,
	/// Its income.
	pub income: Balance,
	/// The amount slashed from its stake.
	pub slashed: Balance,
}

/// Kind of submission.
#[derive(Clone, Copy, Debug)]
enum Item {
	/// An honest miner's candidate, by its share of what can still be learnt.
	Honest { miner: usize, share: f64 },
	/// The coalition's, with its true improvement; `None` is garbage.
	Ours { mean: Option<f64>, play: Play, hidden: bool },
}

/// A submission in the queue.
#[derive(Clone, Copy, Debug)]
struct Pending {
	item: Item,
	fee: Balance,
	since: u32,
}

/// End of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
	/// Accepted with this reward. `is_false`: for a score that no machine computes.
	Accepted { reward: Balance, is_false: bool },
	/// Rejected as not good enough; how many standard errors the mean lay above the requirement.
	Rejected { certainty: f64 },
	/// Accepted for a false score, and taken back.
	Refuted,
	/// No two thirds, in no draw.
	NoAgreement,
	/// No verdict at all.
	NoReports,
}

/// Totals of a world.
#[derive(Clone, Debug, Default)]
pub struct Totals {
	/// Net result of the coalition, week by week.
	pub weeks: Vec<i128>,
	/// Which strategy it played in each week.
	pub played: Vec<Strategy>,
	/// Coins minted and not taken back.
	pub minted: Balance,
	/// Emission of the ledger into envelopes in the year.
	pub emitted: Balance,
	/// Taken from honest operators' stakes.
	pub honest_slashed: Balance,
	/// Bonds that honest miners lost.
	pub honest_bonds: Balance,
	/// Rewards that honest miners lost to lies or silence.
	pub honest_missed: Balance,
	/// Honest submissions: made, deferred for the fee or for want of room, judged, accepted.
	pub honest: [u64; 4],
	/// Blocks that honest submissions waited, summed up over those judged.
	pub waited: u64,
	/// Rewards of honest miners.
	pub miners: Vec<f64>,
	/// Submissions of the coalition, and how many of its false scores stood.
	pub tries: u64,
	/// False scores that stood.
	pub stood: u64,
	/// Experts that were taken from honest miners.
	pub stolen: u64,
	/// Evaluations in which the coalition broke a duty, and those in which that cost it stake or seats.
	pub acts: u64,
	/// Acts that were punished.
	pub caught: u64,
	/// Blocks of the first act, and of the first punishment.
	pub first_act: Option<u32>,
	/// Block of the first punishment.
	pub first_caught: Option<u32>,
	/// Slashed part of the coalition's stakes.
	pub ours_slashed: Balance,
	/// Evaluation fees and transactions that the coalition paid.
	pub ours_paid: Balance,
}

/// The world.
pub struct World {
	rules: Rules,
	setting: Setting,
	strategy: Strategy,
	/// The rational coalition's play of this week.
	now_playing: Strategy,
	/// Operators; those of the coalition first.
	pub operators: Vec<Operator>,
	draws: Dice,
	arrivals: Dice,
	luck: Dice,
	clock: u32,
	queue: VecDeque<Pending>,
	gap: f64,
	attempts: Vec<u32>,
	envelopes: pallet_ledger::EnvelopeAmounts,
	ours: i128,
	/// Totals of the year.
	pub totals: Totals,
}

fn signed(amount: Balance) -> i128 {
	i128::try_from(amount).unwrap_or(i128::MAX)
}

/// The measures of an operator that was there, and blameless, for a quarter.
fn veteran() -> Measures {
	let mut measures = reputation::newcomer();
	for _ in 0..90 * 24 {
		reputation::note_heartbeat(&mut measures, 0, MEASURE_STEP);
	}
	for _ in 0..300 {
		reputation::note_service(&mut measures, Service::ReportAgreed, MEASURE_STEP);
	}
	measures
}

impl World {
	/// A world of which `ours` operators are the coalition's, and `newcomers` more that belong to it too.
	pub fn new(rules: Rules, setting: Setting, strategy: Strategy, ours: usize, newcomers: usize) -> Self {
		let veteran = veteran();
		let operator = |ours, measures: &Measures, verified| Operator {
			ours,
			stake: rules.stake,
			measures: *measures,
			verified,
			missed: 0,
			strikes: Vec::new(),
			out_until: 0,
			weight: 0,
			income: 0,
			slashed: 0,
		};
		let mut operators: Vec<_> =
			(0..setting.operators).map(|i| operator(i < ours, &veteran, VERIFIED_MAX)).collect();
		operators.extend((0..newcomers).map(|_| operator(true, &reputation::newcomer(), 0)));
		let mut world = Self {
			rules,
			setting,
			strategy,
			now_playing: strategy,
			operators,
			draws: Dice::new(setting.seed, "draws"),
			arrivals: Dice::new(setting.seed, "arrivals"),
			luck: Dice::new(setting.seed, "luck"),
			clock: 0,
			queue: VecDeque::new(),
			gap: setting.gap.0,
			attempts: vec![rules.newcomer_attempts; setting.miners],
			envelopes: pallet_ledger::EnvelopeAmounts {
				learning: setting.envelopes.0,
				validation: setting.envelopes.1,
				..Default::default()
			},
			ours: 0,
			totals: Totals { miners: vec![0.0; setting.miners], ..Default::default() },
		};
		for who in 0..world.operators.len() {
			world.weigh(who);
		}
		world
	}

	/// Plays all days.
	pub fn run(mut self) -> Self {
		let budget = Budget::default();
		let (learning, validation) = self.setting.envelopes;
		let genesis = if self.rules.genesis_counts { learning + validation } else { 0 };
		let limit = ledger::year_limit(self.setting.issuance, budget.inflation).saturating_sub(genesis);
		let eras = 365 * 24;
		let mut at_week = 0;
		for day in 0..self.setting.days {
			if day % 7 == 0 {
				self.choose(day / 7);
			}
			for _ in 0..24 {
				let emission = ledger::era_emission(limit, eras, self.totals.emitted, Balance::MAX);
				self.totals.emitted += emission;
				if let Some(sum) = self.envelopes.checked_add(&ledger::divide(emission, &budget.shares)) {
					self.envelopes = sum;
				}
				// The treasury's part is paid at once.
				self.mint(pallet_ledger::Envelope::Treasury, Balance::MAX);
			}
			self.heartbeats();
			self.day(day);
			self.gap += self.setting.gap.1;
			if day % 7 == 6 {
				self.totals.weeks.push(self.ours - at_week);
				self.totals.played.push(self.now_playing);
				at_week = self.ours;
			}
		}
		self
	}

	/// The coalition's share of all weight that may be drawn.
	pub fn share(&self) -> f64 {
		let weight = |ours: bool| -> f64 {
			self.operators.iter().filter(|op| !ours || op.ours).map(|op| f64::from(op.weight)).sum()
		};
		weight(true) / weight(false)
	}

	/// A rational coalition tries everything once, and then repeats what paid best on average.
	fn choose(&mut self, week: u32) {
		if self.strategy != Strategy::Rational {
			return;
		}
		let choice = Strategy::CHOICE;
		if let Some(untried) = choice.get(week as usize) {
			self.now_playing = *untried;
			return;
		}
		let average = |strategy: Strategy| {
			let earned = self.totals.weeks.iter().zip(&self.totals.played);
			let weeks: Vec<i128> =
				earned.filter(|(_, played)| **played == strategy).map(|(net, _)| *net).collect();
			weeks.iter().sum::<i128>() / (weeks.len() as i128).max(1)
		};
		if let Some(best) = choice.into_iter().max_by_key(|strategy| average(*strategy)) {
			self.now_playing = best;
		}
	}

	/// The weight with which an operator is drawn.
	fn weigh(&mut self, who: usize) {
		let rules = self.rules;
		let operator = &mut self.operators[who];
		let reputation = reputation::reputation(&operator.measures);
		operator.weight = match rules.weighting {
			Weighting::Reputation => reputation,
			Weighting::Standing => {
				let worked = u128::from(operator.verified.min(VERIFIED_MAX)) + 1;
				let weight = u128::from(reputation) * worked * operator.stake / (64 * rules.stake);
				u32::try_from(weight).unwrap_or(u32::MAX).max(1)
			}
		};
	}

	fn heartbeats(&mut self) {
		for who in 0..self.operators.len() {
			let before = self.operators[who].measures;
			for _ in 0..24 {
				let measures = self.operators[who].measures;
				reputation::note_heartbeat(&mut self.operators[who].measures, 0, MEASURE_STEP);
				if measures == self.operators[who].measures {
					break;
				}
			}
			if before != self.operators[who].measures {
				self.weigh(who);
			}
		}
	}

	fn note_service(&mut self, who: usize, service: Service) {
		let operator = &mut self.operators[who];
		reputation::note_service(&mut operator.measures, service, MEASURE_STEP);
		match service {
			Service::ReportAgreed => operator.verified = (operator.verified + 1).min(VERIFIED_MAX),
			Service::SealMissed => operator.missed += 1,
			_ => {}
		}
		if self.rules.misses_max.is_some_and(|most| self.operators[who].missed >= most) {
			self.operators[who].missed = 0;
			self.operators[who].out_until = self.clock + DAY;
			if self.operators[who].ours {
				self.note_caught(0);
			}
		}
		self.weigh(who);
	}

	fn note_act(&mut self) {
		self.totals.acts += 1;
		self.totals.first_act.get_or_insert(self.clock);
	}

	/// `delay`: blocks until it is proven.
	fn note_caught(&mut self, delay: u32) {
		self.totals.caught += 1;
		let at = self.clock + delay;
		self.totals.first_caught.get_or_insert(at);
	}

	/// Takes what an offence costs; the operator tops its stake up, or comes back as another one.
	fn punish(&mut self, who: usize, kind: OffenceKind, reporter: Option<usize>) {
		let penalty = UsualPenalties::convert(kind);
		let (now, memory) = (self.clock, self.rules.strike_days * DAY);
		let strikes_max = self.rules.strikes_max as usize;
		let operator = &mut self.operators[who];
		if penalty.is_strike {
			operator.strikes.retain(|at| at + memory > now);
			operator.strikes.push(now);
		}
		let is_last = penalty.is_strike && operator.strikes.len() >= strikes_max;
		let taken = if is_last { operator.stake } else { penalty.share.mul_floor(operator.stake) };
		operator.slashed += taken;
		reputation::note_offence(&mut operator.measures, kind);
		if is_last {
			// Another account takes its place: a newcomer.
			operator.measures = reputation::newcomer();
			operator.verified = 0;
			operator.strikes.clear();
			operator.out_until = now + HOUR;
		} else if penalty.is_grave {
			operator.out_until = now + DAY;
		}
		let is_ours = operator.ours;
		let reward = ledger::share(taken, self.rules.reporter_percent * 10_000);
		if is_ours {
			self.ours -= signed(taken);
			self.totals.ours_slashed += taken;
			if matches!(self.now_playing, Strategy::LieAndReport) {
				self.ours += signed(reward);
			}
		} else {
			self.totals.honest_slashed += taken;
		}
		if let Some(reporter) = reporter {
			self.operators[reporter].income += reward;
		}
		self.weigh(who);
	}

	/// Pays from an envelope what is there.
	fn mint(&mut self, envelope: pallet_ledger::Envelope, amount: Balance) -> Balance {
		let amount = amount.min(self.envelopes.get(envelope));
		if let Some(rest) = self.envelopes.decreased(envelope, amount) {
			self.envelopes = rest;
			self.totals.minted += amount;
			return amount;
		}
		0
	}

	/// One day of arrivals and evaluations.
	fn day(&mut self, day: u32) {
		let (begin, end) = (day * DAY, (day + 1) * DAY);
		let mut arriving: Vec<(u32, Item)> = Vec::new();
		for _ in 0..self.setting.submissions {
			let at = begin + self.arrivals.below(DAY);
			// Zipf's law, by inversion of its continuous form.
			let rank = (self.setting.miners as f64).powf(self.arrivals.uniform()) - 1.0;
			let miner = (rank.max(0.0) as usize).min(self.setting.miners - 1);
			let kind = self.arrivals.uniform();
			let size = self.arrivals.exponential();
			// Half of all candidates improve nothing; one in a hundred is a breakthrough.
			let share = if kind < 0.5 {
				0.0
			} else if kind < 0.99 {
				0.004 * size
			} else {
				0.02 + 0.02 * size
			};
			arriving.push((at, Item::Honest { miner, share }));
		}
		for item in self.attacks() {
			arriving.push((begin + self.luck.below(DAY), item));
		}
		arriving.sort_by_key(|(at, _)| *at);
		let mut arriving = VecDeque::from(arriving);
		self.clock = self.clock.max(begin);
		loop {
			while arriving.front().is_some_and(|(at, _)| *at <= self.clock) {
				if let Some((at, item)) = arriving.pop_front() {
					self.enter(item, at);
				}
			}
			self.keep_full();
			if self.clock >= end {
				break;
			}
			match (self.queue.pop_front(), arriving.front()) {
				(Some(pending), _) => self.process(pending),
				(None, Some((at, _))) => self.clock = *at,
				(None, None) => break,
			}
		}
		// What arrived while the last evaluation of the day ran.
		for (at, item) in arriving {
			self.enter(item, at);
		}
	}

	/// Returns the coalition's submissions of a day.
	fn attacks(&self) -> Vec<Item> {
		let (tries, least) =
			(self.setting.tries, two_thirds(self.rules.first + self.rules.strangers) as usize);
		let garbage = |play, hidden| vec![Item::Ours { mean: None, play, hidden }; tries as usize];
		match self.now_playing {
			Strategy::Lie | Strategy::LieAndReport => garbage(Play::LieWhenAlone, false),
			// It needs two thirds of all seats, the strangers' included.
			Strategy::HiddenBytes => {
				garbage(Play::LieFrom(least.saturating_sub(self.rules.strangers as usize)), true)
			}
			Strategy::SpamForPay => garbage(Play::Truth, false),
			Strategy::Lottery => {
				vec![Item::Ours { mean: Some(0.0), play: Play::Truth, hidden: false }; tries as usize]
			}
			Strategy::Whole => vec![Item::Ours { mean: Some(OWN_MEAN), play: Play::Truth, hidden: false }],
			Strategy::Slices => {
				let mean = Some(OWN_MEAN / f64::from(SLICES));
				vec![Item::Ours { mean, play: Play::Truth, hidden: false }; SLICES as usize]
			}
			_ => Vec::new(),
		}
	}

	/// Fills the queue up, where the strategy is to.
	fn keep_full(&mut self) {
		let (length, hidden, play) = match self.now_playing {
			Strategy::Flood => (64, false, Play::Truth),
			Strategy::Withhold => (16, true, Play::Truth),
			_ => return,
		};
		while self.queue.len() < length {
			let before = self.queue.len();
			self.enter(Item::Ours { mean: None, play, hidden }, self.clock);
			if self.queue.len() == before {
				return;
			}
		}
	}

	/// Submits, if there is room and the miner is ready to pay what it costs.
	fn enter(&mut self, item: Item, since: u32) {
		let fee = self.rules.evaluation_fee(self.queue.len());
		let has_room = self.queue.len() < self.rules.open_max;
		match item {
			Item::Honest { .. } => {
				self.totals.honest[0] += 1;
				if !has_room || fee > self.setting.fee_max {
					self.totals.honest[1] += 1;
					return;
				}
			}
			Item::Ours { hidden, .. } => {
				self.pay_out(self.rules.transaction);
				self.totals.tries += 1;
				let attested = self.rules.attested_permille.unwrap_or(0);
				let vouches = (self.share() * 1_000.0) as u32;
				let is_dear = self.setting.try_fee_max < fee && self.now_playing != Strategy::Flood;
				if !has_room || is_dear || (hidden && vouches < attested) {
					return;
				}
				self.pay_out(fee);
			}
		}
		self.queue.push_back(Pending { item, fee, since });
	}

	fn pay_out(&mut self, amount: Balance) {
		self.ours -= signed(amount);
		self.totals.ours_paid += amount;
	}

	/// Judges what stands first, and what follows from that.
	fn process(&mut self, Pending { item, fee, since }: Pending) {
		match item {
			Item::Ours { mean, play, hidden } => self.process_ours(mean, play, hidden, fee),
			Item::Honest { miner, share } => {
				self.totals.waited += u64::from(self.clock.saturating_sub(since));
				self.totals.honest[2] += 1;
				self.process_honest(miner, share * self.gap, fee);
			}
		}
	}

	fn process_ours(&mut self, mean: Option<f64>, play: Play, hidden: bool, fee: Balance) {
		// What improves the model comes from an account that has done so before.
		let attempt = if mean.is_some_and(|mean| mean > 0.0) { 1 } else { self.first_attempt() };
		match self.judge(mean.unwrap_or(-0.05), attempt, play, hidden, fee) {
			Ending::Accepted { reward, is_false } => {
				self.ours += signed(reward);
				if is_false {
					self.totals.stood += 1;
					// The model is broken now; the expert that mends it is measured truly.
					let fee = self.rules.evaluation_fee(self.queue.len());
					self.pay_out(fee + self.rules.transaction);
					if let Ending::Accepted { reward, .. } = self.evaluate(0.06, 1, Play::Truth, false, fee) {
						self.ours += signed(reward);
					}
				}
			}
			Ending::Refuted if self.loses_bond() => self.ours -= signed(self.rules.bond),
			Ending::NoAgreement if !self.rules.undecided_costs_fee => self.ours += signed(fee),
			_ => {}
		}
	}

	fn process_honest(&mut self, miner: usize, mean: f64, fee: Balance) {
		self.attempts[miner] += 1;
		let attempt = self.attempts[miner];
		let play = match self.now_playing {
			Strategy::SilentTheft if mean >= THEFT_MEAN => Play::SilentFrom(2),
			Strategy::Frame => Play::LieFrom(4),
			Strategy::CopiedSeals => Play::Shut,
			Strategy::Idle => Play::SilentFrom(0),
			_ => Play::Truth,
		};
		match self.judge(mean, attempt, play, false, fee) {
			Ending::Refuted => {
				self.totals.honest_missed += self.worth(mean);
				self.totals.honest_bonds += if self.loses_bond() { self.rules.bond } else { 0 };
			}
			Ending::Accepted { reward, .. } => {
				self.gap = (self.gap - mean).max(0.0);
				self.attempts[miner] = 0;
				self.totals.honest[3] += 1;
				self.totals.miners[miner] += reward as f64 / BLY as f64;
			}
			Ending::Rejected { certainty } => match self.now_playing {
				Strategy::Copier if certainty > COPIED_CERTAINTY => self.copy(miner, mean, false, false),
				Strategy::Disguise if certainty > DISGUISED_CERTAINTY => self.copy(miner, mean, true, false),
				_ => {}
			},
			Ending::NoAgreement | Ending::NoReports if mean >= THEFT_MEAN => {
				self.totals.honest_missed += self.worth(mean);
				if self.now_playing == Strategy::SilentTheft {
					self.copy(miner, mean, self.rules.copies_are_reported, true);
				}
			}
			_ => {}
		}
	}

	/// The attempt as which a new account's first submission is judged.
	fn first_attempt(&self) -> u32 {
		self.rules.newcomer_attempts + 1
	}

	/// Judges a submission, and again as often as its acceptance falls, if the rules say so.
	fn judge(&mut self, mean: f64, attempt: u32, play: Play, hidden: bool, fee: Balance) -> Ending {
		let mut ending = self.evaluate(mean, attempt, play, hidden, fee);
		for lies in 1..=LIES_MAX {
			if ending != Ending::Refuted || !self.rules.refuted_is_judged_again {
				break;
			}
			// Bytes that were hidden have come out.
			let play = if lies < LIES_MAX && !hidden { play } else { Play::Truth };
			ending = self.evaluate(mean, attempt, play, false, fee);
		}
		ending
	}

	/// Reports whether an acceptance that fell, and is not judged again, costs its miner the bond.
	fn loses_bond(&self) -> bool {
		self.rules.bond_matures && !self.rules.refuted_is_judged_again
	}

	/// A copy of an honest miner's candidate, by an account of the coalition.
	fn copy(&mut self, miner: usize, mean: f64, is_disguised: bool, is_theft: bool) {
		let fee = self.rules.evaluation_fee(self.queue.len());
		self.pay_out(fee + self.rules.transaction);
		self.totals.tries += 1;
		// The report is due as soon as the bytes are public, so no one has been drawn to judge it: the fee is lost.
		let escapes = is_disguised || self.luck.hits(self.setting.escape);
		if self.rules.copies_are_reported && !escapes {
			self.ours -= signed(self.rules.bond);
			// What a right report costs as a transaction comes back.
			let bounty = ledger::share(self.rules.bond, self.rules.reporter_percent * 10_000);
			self.totals.miners[miner] += bounty as f64 / BLY as f64;
			return;
		}
		let mean = if is_disguised { mean * self.setting.disguised } else { mean };
		if let Ending::Accepted { reward, .. } =
			self.evaluate(mean, self.first_attempt(), Play::Truth, false, fee)
		{
			self.gap = (self.gap - mean).max(0.0);
			self.ours += signed(reward);
			self.totals.stolen += 1;
			if !is_theft {
				self.totals.honest_missed += reward;
			}
		}
	}

	/// The reward of an improvement, without its cap by stakes.
	fn worth(&self, mean: f64) -> Balance {
		let improvement = (mean * 65_536.0) as u64;
		let Rules { learning_base, learning_multiple_max, delta, .. } = self.rules;
		ledger::learning_reward(learning_base, improvement, delta.into(), learning_multiple_max)
	}

	/// Measures a sample of a candidate.
	fn measure(&mut self, mean: f64) -> EvaluationOutcome {
		let n = f64::from(self.rules.sample);
		let scale = 65_536.0 * f64::from(self.setting.sequence_len);
		let mean = mean + self.setting.deviation * self.luck.normal() / n.sqrt();
		let deviation = self.setting.deviation * (1.0 + self.luck.normal() / (2.0 * n).sqrt()).max(0.1);
		let sum = (mean * n * scale).round() as i64;
		let squares = (n * (deviation.powi(2) + mean.powi(2)) * scale * scale).ceil();
		let baseline = 1u64 << 50;
		EvaluationOutcome {
			baseline_loss: baseline,
			candidate_loss: baseline.wrapping_add_signed(sum.wrapping_neg()),
			sum_diff: sum,
			sum_diff_sq: squares as u128,
			sequences: self.rules.sample,
			bytes: u64::from(self.rules.sample) * u64::from(self.setting.sequence_len),
			job_root: Default::default(),
		}
	}

	/// Operators that may be drawn, without those in `without`.
	fn eligible(&self, without: &[usize]) -> Vec<EligibleOperator<usize>> {
		self.operators
			.iter()
			.enumerate()
			.filter(|(account, operator)| operator.out_until <= self.clock && !without.contains(account))
			.map(|(account, operator)| EligibleOperator::independent(account, operator.weight))
			.collect()
	}

	/// A submission from its first draw to its decision, all redraws included.
	fn evaluate(&mut self, mean: f64, attempt: u32, play: Play, hidden: bool, fee: Balance) -> Ending {
		let mut absent: Vec<usize> = Vec::new();
		let mut has_verdicts = false;
		// A lie that fell returns the submission to its queue under all rules; three times are enough here.
		for redraw in 0..=self.rules.redraws.max(3) {
			let (seats, strangers_from) = self.play_draw(play, hidden, &absent);
			if seats.len() < self.rules.committee_min {
				return Ending::NoReports;
			}
			let count = |act| seats.iter().filter(|(_, other)| *other == act).count();
			let needed = two_thirds(seats.len() as u32) as usize;
			let strangers = || seats.iter().skip(strangers_from);
			let is_agreed = |act: Act| {
				let by_stranger = strangers().len() == 0 || strangers().any(|(_, other)| *other == act);
				count(act) >= needed && by_stranger
			};
			let agreed = [Act::Lie, Act::Truth].into_iter().find(|act| is_agreed(*act));
			has_verdicts |= count(Act::Lie) + count(Act::Truth) > 0;
			let accuser = seats
				.iter()
				.find(|(who, act)| *act == Act::Truth && !self.operators[*who].ours)
				.map(|(who, _)| *who);
			// Once it is accepted the bytes are demanded, and those who had lacked them compute it too.
			let is_late = || {
				self.rules.late_verdicts
					&& agreed == Some(Act::Lie)
					&& seats.iter().any(|(who, _)| !self.operators[*who].ours)
			};
			let is_refuted = count(Act::Lie) > 0 && (accuser.is_some() || is_late());
			self.note_duties(&seats, agreed, hidden);
			if is_refuted {
				self.punish_liars(&seats, accuser);
			}
			match agreed {
				Some(Act::Lie) if is_refuted => {
					if !self.rules.refunds_envelope {
						// Cancelled, and the treasury's: minted it stays.
						let reward =
							self.rules.learning_base * Balance::from(self.rules.learning_multiple_max);
						self.mint(pallet_ledger::Envelope::Learning, reward);
					}
					return Ending::Refuted;
				}
				Some(Act::Lie) => {
					let improvement =
						u64::from(self.rules.delta) * u64::from(self.rules.learning_multiple_max);
					let reward = self.settle(&seats, Act::Lie, fee, Some(improvement));
					return Ending::Accepted { reward, is_false: true };
				}
				Some(_) => return self.decide(&seats, mean, attempt, fee),
				None if !is_refuted && redraw >= self.rules.redraws => break,
				None => {}
			}
			for (who, act) in &seats {
				if *act == Act::Silent && self.rules.absent_max > 0 {
					if absent.len() == self.rules.absent_max {
						absent.remove(0);
					}
					absent.push(*who);
				}
			}
		}
		if has_verdicts {
			Ending::NoAgreement
		} else {
			Ending::NoReports
		}
	}

	/// Draws both committees and lets their members act. Returns where the second one begins, too.
	fn play_draw(&mut self, play: Play, hidden: bool, absent: &[usize]) -> (Vec<(usize, Act)>, usize) {
		let rules = self.rules;
		let seed = self.draws.seed();
		let first = draw_committee(&seed, self.eligible(absent), rules.first, rules.per_owner);
		let ours = first.iter().filter(|who| self.operators[**who].ours).count();
		let first_act = play.first(ours, first.len());
		let mut seats = self.act(&first, first_act, hidden);
		let strangers_from = seats.len();
		self.pass_time(&seats);
		if rules.strangers > 0 && seats.iter().any(|(_, act)| *act != Act::Silent) {
			let without: Vec<usize> = absent.iter().chain(&first).copied().collect();
			let seed = self.draws.seed();
			let second = draw_committee(&seed, self.eligible(&without), rules.strangers, rules.per_owner);
			let ours = second.iter().filter(|who| self.operators[**who].ours).count();
			let act = play.second(first_act, ours, second.len());
			let late = self.act(&second, act, hidden);
			self.pass_time(&late);
			seats.extend(late);
		}
		self.clock += rules.cycle;
		(seats, strangers_from)
	}

	fn act(&mut self, members: &[usize], ours: Act, hidden: bool) -> Vec<(usize, Act)> {
		let mut acts = Vec::with_capacity(members.len());
		for who in members {
			let is_ours = self.operators[*who].ours;
			// Drawn in any case, so that the stream does not depend on who sits where.
			let is_away = self.luck.hits(self.setting.away);
			let act = if is_ours {
				ours
			} else if hidden || is_away {
				Act::Silent
			} else {
				Act::Truth
			};
			if is_ours && act == Act::Truth {
				self.ours -= signed(self.setting.electricity);
			}
			acts.push((*who, act));
		}
		acts
	}

	/// One missing seal, and the whole window passes.
	fn pass_time(&mut self, seats: &[(usize, Act)]) {
		if seats.iter().any(|(_, act)| *act == Act::Silent) {
			self.clock += self.rules.seal_window;
		}
	}

	/// Seals missed, seals that stay shut.
	fn note_duties(&mut self, seats: &[(usize, Act)], agreed: Option<Act>, hidden: bool) {
		let is_ours = |world: &Self, who: &usize| world.operators[*who].ours;
		if seats.iter().any(|(who, act)| is_ours(self, who) && *act != Act::Truth)
			&& !(hidden && agreed.is_none())
		{
			self.note_act();
		}
		for (who, act) in seats {
			match act {
				Act::Silent if agreed.is_some() => self.note_service(*who, Service::SealMissed),
				Act::Silent => {}
				Act::Shut => {
					self.note_service(*who, Service::RevealMissed);
					let kind = if self.rules.shut_seal_is_false {
						OffenceKind::FalseScore
					} else {
						OffenceKind::RevealMissed
					};
					self.punish(*who, kind, None);
					if self.operators[*who].ours {
						self.note_caught(self.rules.dispute_blocks);
					}
				}
				Act::Truth | Act::Lie => self.operators[*who].missed = 0,
			}
		}
	}

	fn punish_liars(&mut self, seats: &[(usize, Act)], accuser: Option<usize>) {
		// The coalition's own reporter is faster, where it has one.
		let accuser = accuser.filter(|_| self.now_playing != Strategy::LieAndReport);
		for (who, act) in seats {
			if *act == Act::Lie {
				self.punish(*who, OffenceKind::FalseScore, accuser);
			}
		}
		self.note_caught(self.rules.dispute_blocks);
	}

	/// Decides by a true score.
	fn decide(&mut self, seats: &[(usize, Act)], mean: f64, attempt: u32, fee: Balance) -> Ending {
		let outcome = self.measure(mean);
		let rule = Rule {
			delta: self.rules.delta,
			alpha: self.rules.alpha,
			attempt,
			guard_tolerance: 0,
			guard_left: 0,
		};
		let error = self.setting.deviation / f64::from(self.rules.sample).sqrt();
		let score = Score { target: outcome, guard: None };
		match judge(&score, self.setting.sequence_len, 0, &rule) {
			Judgement::Accept(improvement) => {
				let reward = self.settle(seats, Act::Truth, fee, Some(improvement));
				Ending::Accepted { reward, is_false: false }
			}
			Judgement::NotBetter(mean) | Judgement::NotCertain(mean) | Judgement::Regressed(mean) => {
				self.settle(seats, Act::Truth, fee, None);
				let excess = (mean as f64 - f64::from(self.rules.delta)) / 65_536.0;
				Ending::Rejected { certainty: excess / error }
			}
		}
	}

	/// Pays those who agreed, and returns the miner's reward.
	fn settle(
		&mut self,
		seats: &[(usize, Act)],
		agreed: Act,
		fee: Balance,
		improvement: Option<u64>,
	) -> Balance {
		use pallet_ledger::Envelope::{Learning, Validation};
		let members: Vec<usize> =
			seats.iter().filter(|(_, act)| *act == agreed).map(|(who, _)| *who).collect();
		let each = fee / (members.len() as Balance).max(1);
		let is_paid = improvement.is_some() || self.rules.pays_rejections;
		let mut covered: Balance = 0;
		for who in members {
			let minted = if is_paid { self.mint(Validation, self.rules.seat_reward) } else { 0 };
			let operator = &mut self.operators[who];
			operator.income += each + minted;
			covered += operator.stake / 2;
			if operator.ours {
				self.ours += signed(each + minted);
			}
			self.note_service(who, Service::ReportAgreed);
		}
		let Some(improvement) = improvement else { return 0 };
		let Rules { learning_base, learning_multiple_max, delta, .. } = self.rules;
		let reward = ledger::learning_reward(learning_base, improvement, delta.into(), learning_multiple_max);
		self.mint(Learning, if self.rules.reward_is_covered { reward.min(covered) } else { reward })
	}
}

/// Returns the price of registering `count` operators, `per_day` a day: the bonds, all of which come back.
pub fn registration_bonds(rules: &Rules, count: u32, per_day: u32) -> Balance {
	let (base, factor, half_life) = rules.registration;
	let mut current = base;
	let mut sum = 0;
	for done in 0..count {
		if done > 0 && done % per_day.max(1) == 0 {
			current = price::decayed(current, DAY.into(), half_life).max(base);
		}
		sum += current;
		current = price::raised(current, factor);
	}
	sum
}

#[cfg(test)]
mod tests;
