//! The same chances by formula, for equal weights: draws without replacement are hypergeometric.

use crate::rules::{Rules, Setting, BLY};
use pallet_proof_of_learning::math::two_thirds;

/// Binomial coefficient.
fn choose(n: u32, k: u32) -> f64 {
	if k > n {
		return 0.0;
	}
	(0..k).map(|i| f64::from(n - i) / f64::from(i + 1)).product()
}

/// Chance that exactly `hits` of `drawn` are among the `ours` of `all`.
pub fn hypergeometric(all: u32, ours: u32, drawn: u32, hits: u32) -> f64 {
	if hits > drawn || drawn > all || ours > all {
		return 0.0;
	}
	choose(ours, hits) * choose(all - ours, drawn - hits) / choose(all, drawn)
}

/// Chance that a coalition has all seats of both committees.
pub fn all_seats(rules: &Rules, all: u32, ours: u32) -> f64 {
	hypergeometric(all, ours, rules.first + rules.strangers, rules.first + rules.strangers)
}

/// Chance that a coalition has two thirds of all seats, one of them in the second committee if there is one.
pub fn decisive(rules: &Rules, all: u32, ours: u32) -> f64 {
	let needed = two_thirds(rules.first + rules.strangers);
	let mut chance = 0.0;
	for first in 0..=rules.first.min(ours) {
		for second in 0..=rules.strangers {
			if first + second >= needed && (rules.strangers == 0 || second > 0) {
				chance += hypergeometric(all, ours, rules.first, first)
					* hypergeometric(all - rules.first, ours - first, rules.strangers, second);
			}
		}
	}
	chance
}

/// A coalition that lies if it has the whole first committee: chances, and what a try brings.
#[derive(Clone, Copy, Debug)]
pub struct Lie {
	/// That the first committee is its own.
	pub begun: f64,
	/// That then no stranger contradicts, and the lie stands.
	pub stands: f64,
	/// Gain at stake, in BLY: the reward, and as much again for putting right what was broken.
	pub value: f64,
	/// Loss if a stranger contradicts, in BLY.
	pub loss: f64,
	/// The stake at risk, in BLY.
	pub stake: f64,
	/// Price of a try, in BLY.
	pub price: f64,
	/// Expected gain of a try, in BLY.
	pub gain: f64,
	/// Break-even price of keeping one honest stranger from sealing, from outside the protocol, for a try.
	pub silencing: f64,
}

/// The arithmetic of [`Lie`].
///
/// A lie stands if all strangers are the coalition's, or if those who are not are away and two thirds of all seats remain.
/// Members of the second committee see whether the lie can stand, and sign the truth where it cannot.
pub fn lie(rules: &Rules, setting: &Setting, ours: u32, reports_itself: bool) -> Lie {
	let all = setting.operators as u32;
	let begun = hypergeometric(all, ours, rules.first, rules.first);
	let stands =
		hypergeometric(all - rules.first, ours.saturating_sub(rules.first), rules.strangers, rules.strangers);
	let bly = |amount: u128| amount as f64 / BLY as f64;
	let seats = f64::from(rules.first + rules.strangers);
	let stake = bly(rules.stake) * f64::from(rules.first);
	let largest = bly(rules.learning_base) * f64::from(rules.learning_multiple_max);
	let reward = if rules.reward_is_covered { largest.min(bly(rules.stake) * seats / 2.0) } else { largest };
	let value = 2.0 * reward + 2.0 * seats * bly(rules.seat_reward);
	let kept = if reports_itself { 1.0 - f64::from(rules.reporter_percent) / 100.0 } else { 1.0 };
	let bond = if rules.bond_matures && !rules.refuted_is_judged_again { bly(rules.bond) } else { 0.0 };
	let loss = stake / 2.0 * kept + bond;
	// Those who agreed on a rejection get the fee, and the coalition its share of it.
	let share = f64::from(ours) / f64::from(all);
	let price = bly(rules.transaction) + bly(rules.fee) * (1.0 - share);
	let gain = begun * (stands * value - (1.0 - stands) * loss) - price;
	// With a stranger of its own for the two thirds, it can silence the others.
	let of_strangers =
		|hits| hypergeometric(all - rules.first, ours.saturating_sub(rules.first), rules.strangers, hits);
	let needed = two_thirds(rules.first + rules.strangers).saturating_sub(rules.first).max(1);
	let (mut won, mut silenced) = (0.0, 0.0);
	for hits in needed..=rules.strangers {
		won += of_strangers(hits);
		silenced += of_strangers(hits) * f64::from(rules.strangers - hits);
	}
	let silencing = (begun * (won * value - (1.0 - won) * loss) - price) / (begun * silenced);
	Lie { begun, stands, value, loss, stake, price, gain, silencing }
}

/// The 95 % Wilson interval of a share.
pub fn wilson(hits: u64, trials: u64) -> (f64, f64) {
	let (n, z) = (trials as f64, 1.959_964);
	let p = hits as f64 / n;
	let centre = p + z * z / (2.0 * n);
	let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
	let scale = 1.0 + z * z / n;
	(((centre - half) / scale).max(0.0), (centre + half) / scale)
}

/// Gini coefficient of incomes: 0 where all have the same, near 1 where one has everything.
pub fn gini(incomes: &[f64]) -> f64 {
	let mut sorted: Vec<f64> = incomes.iter().map(|income| income.max(0.0)).collect();
	sorted.sort_by(f64::total_cmp);
	let sum: f64 = sorted.iter().sum();
	if sum == 0.0 {
		return 0.0;
	}
	let n = sorted.len() as f64;
	let ranked: f64 = sorted.iter().enumerate().map(|(rank, income)| (rank as f64 + 1.0) * income).sum();
	2.0 * ranked / (n * sum) - (n + 1.0) / n
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn chances_of_all_numbers_of_seats_add_up_to_one() {
		let sum: f64 = (0..=5).map(|hits| hypergeometric(100, 33, 5, hits)).sum();
		assert!((sum - 1.0).abs() < 1e-12, "{sum}");
		// 33 32 31 30 29 / (100 99 98 97 96).
		assert!((hypergeometric(100, 33, 5, 5) - 0.003_152).abs() < 1e-6);
	}

	#[test]
	fn drawing_eight_is_drawing_five_and_then_three() {
		let rules = Rules::new();
		let apart = hypergeometric(100, 40, 5, 5) * hypergeometric(95, 35, 3, 3);
		assert!((all_seats(&rules, 100, 40) - apart).abs() < 1e-12);
	}

	#[test]
	fn value_at_risk_is_below_the_stake_times_the_chance_of_detection_up_to_a_half() {
		let (rules, setting) = (Rules::new(), Setting::default());
		for ours in [10, 20, 33, 50] {
			let lie = lie(&rules, &setting, ours, true);
			assert!(lie.stands * lie.value < (1.0 - lie.stands) * lie.loss, "{lie:?}");
			assert!(lie.gain < 0.0, "{lie:?}");
		}
		// Under the old rules there is no second committee that could detect anything.
		assert!(super::lie(&Rules::old(), &setting, 20, false).gain > 0.0);
	}

	#[test]
	fn gini_is_zero_for_equals_and_near_one_for_a_winner() {
		assert!(gini(&[3.0; 10]).abs() < 1e-12);
		let mut one = [0.0; 100];
		one[7] = 5.0;
		assert!((gini(&one) - 0.99).abs() < 1e-9);
	}
}
