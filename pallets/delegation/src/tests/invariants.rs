//! Whatever is done in whatever order, no planck is lost or made, and each backer gets its share.

use super::mock::*;
use frame_support::assert_ok;
use proptest::prelude::*;

/// Something that happens.
#[derive(Clone, Copy, Debug)]
enum Step {
	Delegate(usize, u128),
	Undelegate(usize, u128),
	Withdraw(usize),
	Claim(usize),
	Earn(u128),
	Slash(u32),
	Wait(u64),
}

const BACKERS: [u64; 3] = [ALICE, BOB, CAROL];
/// Thousandths of a planck, in which the reference counts.
const MILLI: i128 = 1_000;

fn steps(percent_max: u32) -> impl Strategy<Value = Vec<Step>> {
	let step = prop_oneof![
		3 => (0..3usize, UNIT..40 * UNIT).prop_map(|(who, amount)| Step::Delegate(who, amount)),
		2 => (0..3usize, 1..60 * UNIT).prop_map(|(who, amount)| Step::Undelegate(who, amount)),
		1 => (0..3usize).prop_map(Step::Withdraw),
		2 => (0..3usize).prop_map(Step::Claim),
		3 => (0..100_000u128).prop_map(Step::Earn),
		2 => (0..=percent_max).prop_map(Step::Slash),
		2 => (1..UNBONDING).prop_map(Step::Wait),
	];
	proptest::collection::vec(step, 1..24)
}

/// Takes a step as a call would: whole, or not at all.
fn take(step: Step) -> bool {
	let outcome = frame_support::storage::with_storage_layer(|| match step {
		Step::Delegate(who, amount) => delegate(BACKERS[who], amount),
		Step::Undelegate(who, amount) => undelegate(BACKERS[who], amount),
		Step::Withdraw(who) => withdraw(BACKERS[who]),
		Step::Claim(who) => claim(BACKERS[who]),
		Step::Earn(amount) => {
			if amount > 0 {
				earn(OPERATOR, amount);
			}
			Ok(())
		}
		Step::Slash(percent) => {
			slash(OPERATOR, percent);
			Ok(())
		}
		Step::Wait(blocks) => {
			wait(blocks);
			Ok(())
		}
	});
	outcome.is_ok()
}

fn everything() -> u128 {
	BACKERS.into_iter().chain([OPERATOR, RIVAL, TREASURY]).map(wealth).sum()
}

/// Lets every backer leave with what it has.
fn leave() {
	wait(UNBONDING);
	for who in BACKERS {
		let _ = withdraw(who);
		let _ = claim(who);
		let _ = undelegate(who, RICHES);
	}
	wait(UNBONDING);
	for who in BACKERS {
		let _ = withdraw(who);
		let _ = claim(who);
	}
}

/// Amounts that each backer should have, computed backer by backer.
#[derive(Default)]
struct Reference {
	active: [i128; 3],
	unbonding: [i128; 3],
	income: [i128; 3],
}

impl Reference {
	/// Follows a step that was taken. `before` and `after`: coins of the backers' own, unbonding coins and unclaimed income.
	fn follow(&mut self, step: Step, before: &Figures, after: &Figures) {
		match step {
			Step::Delegate(who, amount) => self.active[who] += amount as i128 * MILLI,
			Step::Undelegate(who, _) => {
				let moved = (after.unbonding - before.unbonding) * MILLI;
				self.unbonding[who] += moved;
				self.active[who] -= moved;
			}
			Step::Withdraw(who) => self.unbonding[who] -= (before.unbonding - after.unbonding) * MILLI,
			Step::Claim(who) => self.income[who] -= (before.unclaimed - after.unclaimed) * MILLI,
			Step::Earn(_) => {
				let all: i128 = self.active.iter().sum();
				let aside = (after.unclaimed - before.unclaimed) * MILLI;
				for (income, active) in self.income.iter_mut().zip(self.active) {
					*income += if all > 0 { aside * active / all } else { 0 };
				}
			}
			Step::Slash(percent) => {
				for coins in self.active.iter_mut().chain(&mut self.unbonding) {
					*coins = *coins * (100 - i128::from(percent)) / 100;
				}
			}
			Step::Wait(_) => {}
		}
	}
}

/// Figures of the pool.
struct Figures {
	unbonding: i128,
	unclaimed: i128,
}

fn figures() -> Figures {
	Figures { unbonding: pool().unbonding.coins as i128, unclaimed: pool().unclaimed as i128 }
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(64))]

	#[test]
	fn no_planck_is_lost_or_made(story in steps(100)) {
		ExtBuilder.build().execute_with(|| {
			let mut minted = 0;
			let start = everything();
			for step in story {
				let is_taken = take(step);
				if let (Step::Earn(amount), true) = (step, is_taken) {
					minted += amount;
				}
				Delegation::do_try_state().unwrap();
				assert_eq!(everything(), start + minted, "{step:?}");
			}
			leave();
			Delegation::do_try_state().unwrap();
			assert_eq!(everything(), start + minted);
			assert_eq!(crate::Backings::<Test>::iter().count(), 0);
			assert_eq!(held(crate::HoldReason::Backing, OPERATOR), 0);
			assert_eq!(held(crate::HoldReason::Income, OPERATOR), 0);
		});
	}

	#[test]
	fn each_backer_gets_its_share_and_not_more(story in steps(5)) {
		ExtBuilder.build().execute_with(|| {
			let mut reference = Reference::default();
			for step in story {
				let before = figures();
				if take(step) {
					reference.follow(step, &before, &figures());
				}
				for (place, who) in BACKERS.into_iter().enumerate() {
					let off = backing(who) as i128 * MILLI - reference.active[place];
					assert!(off.abs() <= 100 * MILLI, "{who} has {off} too much behind the operator after {step:?}");
					let off = income(who) as i128 * MILLI - reference.income[place];
					assert!(off.abs() <= 1_000 * MILLI, "{who} has {off} too much income after {step:?}");
				}
			}
			let mut unbonding = reference.unbonding;
			wait(UNBONDING);
			for (place, who) in BACKERS.into_iter().enumerate() {
				let before = figures();
				if withdraw(who).is_ok() {
					unbonding[place] -= (before.unbonding - figures().unbonding) * MILLI;
				}
				let off = unbonding[place];
				assert!(off.abs() <= 100 * MILLI, "{who} got {off} too little back");
			}
		});
	}
}

#[test]
fn the_order_of_claims_is_irrelevant() {
	let orders = [[ALICE, BOB, CAROL], [CAROL, ALICE, BOB], [BOB, CAROL, ALICE]];
	let outcomes = orders.map(|order| {
		ExtBuilder.build().execute_with(|| {
			for (who, amount) in [(ALICE, 7 * UNIT), (BOB, 31 * UNIT + 1), (CAROL, 11 * UNIT + 3)] {
				assert_ok!(delegate(who, amount));
			}
			earn(OPERATOR, 12_345);
			slash(OPERATOR, 7);
			earn(OPERATOR, 54_321);
			for who in order {
				assert_ok!(claim(who));
			}
			[ALICE, BOB, CAROL].map(wealth)
		})
	});
	assert_eq!(outcomes[0], outcomes[1]);
	assert_eq!(outcomes[1], outcomes[2]);
}
