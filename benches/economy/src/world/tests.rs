//! Stories of a few weeks, and of a year.

use super::*;

/// Four weeks.
fn short(seed: u64) -> Setting {
	Setting { days: 28, seed, ..Default::default() }
}

fn net(world: &World) -> i128 {
	world.totals.weeks.iter().sum()
}

fn gain(rules: Rules, strategy: Strategy, ours: usize) -> i128 {
	let play = |strategy| net(&World::new(rules, short(7), strategy, ours, 0).run());
	play(strategy) - play(strategy.baseline())
}

#[test]
fn worlds_of_one_seed_are_equal_and_others_are_not() {
	let play = |seed| {
		let world = World::new(Rules::new(), short(seed), Strategy::Lie, 40, 0).run();
		(world.totals.weeks.clone(), world.totals.minted, world.clock)
	};
	assert_eq!(play(3), play(3));
	assert_ne!(play(3), play(4));
}

#[test]
fn spam_pays_operators_under_the_old_rules_and_costs_them_under_the_new() {
	assert!(gain(Rules::old(), Strategy::SpamForPay, 20) > 0);
	assert!(gain(Rules::new(), Strategy::SpamForPay, 20) < 0);
}

#[test]
fn lies_pay_half_of_the_weight_under_the_old_rules_and_cost_it_under_the_new() {
	assert!(gain(Rules::old(), Strategy::Lie, 50) > signed(1_000 * BLY));
	assert!(gain(Rules::new(), Strategy::Lie, 50) < 0);
}

#[test]
fn hidden_bytes_win_where_members_without_them_are_mute_and_not_where_they_may_contradict_late() {
	let mute = Rules { late_verdicts: false, absent_max: 16, ..Rules::new() };
	assert!(gain(mute, Strategy::HiddenBytes, 33) > 0);
	assert!(gain(Rules::new(), Strategy::HiddenBytes, 33) < 0);
}

#[test]
fn copies_pay_where_they_are_candidates_like_others_and_not_where_they_are_reported() {
	let unreported = Rules { copies_are_reported: false, ..Rules::new() };
	assert!(gain(unreported, Strategy::Copier, 20) > 0);
	assert!(gain(Rules::new(), Strategy::Copier, 20) < 0);
}

#[test]
fn disguised_copies_pay_from_new_accounts_unless_those_begin_with_failures() {
	let year = |rules, strategy| {
		net(&World::new(rules, Setting { seed: 1, ..Default::default() }, strategy, 20, 0).run())
	};
	let gain = |rules| year(rules, Strategy::Disguise) - year(rules, Strategy::Honest);
	assert!(gain(Rules { newcomer_attempts: 0, ..Rules::new() }) > 0);
	assert!(gain(Rules::new()) < 0);
}

#[test]
fn framed_miners_lose_their_bonds_unless_their_experts_are_judged_again() {
	let lost = |rules| {
		let totals = World::new(rules, short(5), Strategy::Frame, 40, 0).run().totals;
		(totals.honest_bonds, totals.honest_missed)
	};
	let at_once = lost(Rules { refuted_is_judged_again: false, ..Rules::new() });
	let again = lost(Rules::new());
	assert!(at_once.0 > 0 && again.0 == 0);
	assert!(again.1 < at_once.1, "{again:?} {at_once:?}");
}

#[test]
fn honest_operators_lose_nothing_whatever_a_third_does() {
	for strategy in Strategy::PLAYED {
		let world = World::new(Rules::new(), short(5), strategy, 33, 0).run();
		assert_eq!((world.totals.honest_slashed, world.totals.honest_bonds), (0, 0), "{strategy:?}");
		assert!(world.operators.iter().all(|operator| operator.ours || operator.slashed == 0));
	}
}

#[test]
fn no_world_mints_more_than_its_envelopes_were_given() {
	for rules in [Rules::old(), Rules::new()] {
		let world = World::new(rules, short(5), Strategy::Lie, 60, 0).run();
		let given = short(5).envelopes;
		assert!(world.totals.minted <= given.0 + given.1 + world.totals.emitted);
	}
}

#[test]
fn registrations_at_once_cost_more_than_one_a_day() {
	let rules = Rules::new();
	assert!(registration_bonds(&rules, 40, 40) > 20 * registration_bonds(&rules, 40, 1));
}
