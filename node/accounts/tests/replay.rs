//! The ladder against a replayed day of programs and people.
#![allow(missing_docs)]

mod attack_set;

/// Seeds of the days. The figures of the README are those of the first.
const SEEDS: [u64; 4] = [1, 2, 3, 4];

#[test]
fn attack_spend_the_free_budget_by_programs_is_stopped_and_people_are_not() {
	for seed in SEEDS {
		let outcome = attack_set::replay(seed, 5);
		outcome.print();
		assert!(outcome.stopped(true) >= 960, "programs of day {seed}: {outcome:?}");
		assert!(outcome.stopped(false) < 50, "people of day {seed}: {outcome:?}");
	}
}
