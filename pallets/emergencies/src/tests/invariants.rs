//! Each invariant notices its breach, and none is breached by what voices do.

use super::mock::*;
use crate::{Action, Active, ActiveRecord, Agenda, Effect, Frozen, Kind, Proposals, ProposedBy, Supporters};
use frame_support::assert_ok;
use proptest::prelude::*;
use sp_runtime::{Permill, TryRuntimeError};

/// Applies a breach to a sound chain with a proposal and a measure, and returns what the invariants report.
fn complaint(breach: fn()) -> TryRuntimeError {
	new_ext().execute_with(|| {
		assert_ok!(decide(Kind::EconomicAttack, freeze([20])));
		assert_ok!(propose(1, Kind::Breach, Action::Pause));
		breach();
		Emergencies::do_try_state().unwrap_err()
	})
}

#[test]
fn invariants_notice_each_breach() {
	let breaches: [(fn(), &str); 10] = [
		(|| ProposedBy::<Test>::insert(1, 7), "a proposal is not its author's"),
		(|| ProposedBy::<Test>::insert(5, 7), "an author has no proposal"),
		(|| Supporters::<Test>::insert(9, accounts([1])), "there are voices for no proposal"),
		(
			|| Supporters::<Test>::insert(1, accounts(1..=7)),
			"a proposal has enough voices and was not enacted",
		),
		(|| Supporters::<Test>::insert(1, accounts([2, 2])), "a voice supports a proposal twice"),
		(|| Active::<Test>::remove(0), "the agenda names no measure"),
		(
			|| Active::<Test>::mutate(0, |active| active.as_mut().unwrap().ends_at = 3),
			"the agenda names another end",
		),
		(Agenda::<Test>::kill, "a measure has no end"),
		(|| Frozen::<Test>::insert(4, 9), "an account is frozen for ever"),
		(|| Frozen::<Test>::insert(4, 0), "an account is frozen by a measure that does not name it"),
	];
	for (breach, expected) in breaches {
		assert_eq!(complaint(breach), TryRuntimeError::Other(expected));
	}
	let without_author = || Proposals::<Test>::remove(1);
	assert_eq!(complaint(without_author), TryRuntimeError::Other("an author has no proposal"));
	let endless = || Active::<Test>::insert(5, ActiveRecord { effect: Effect::Paused, ends_at: 9 });
	assert_eq!(complaint(endless), TryRuntimeError::Other("a measure has no end"));
}

fn action() -> impl Strategy<Value = Action<u64>> {
	prop_oneof![
		Just(Action::Pause),
		prop::collection::vec(18u64..24, 0..4).prop_map(freeze),
		(0u32..100).prop_map(|keep| Action::LowerRewards { keep: Permill::from_percent(keep) }),
		any::<u128>().prop_map(|amount| Action::Mint { amount }),
		(0u32..4).prop_map(|model| Action::Checkpoint { model }),
		Just(Action::Quarantine { operators: accounts([3]) }),
	]
}

#[derive(Clone, Debug)]
enum Step {
	Propose(u64, Kind, Action<u64>),
	Support(u64, u32),
	Close(u32),
	Pause(u64),
	Break(bool),
	Renew(u64),
	Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
	let kind = prop::sample::select(Kind::ALL.to_vec());
	prop_oneof![
		2 => (1u64..12, kind, action()).prop_map(|(who, kind, action)| Step::Propose(who, kind, action)),
		6 => (1u64..12, 0u32..6).prop_map(|(who, proposal)| Step::Support(who, proposal)),
		1 => (0u32..6).prop_map(Step::Close),
		1 => (1u64..20).prop_map(Step::Pause),
		1 => any::<bool>().prop_map(Step::Break),
		1 => (1u64..16).prop_map(Step::Renew),
		1 => (1u64..40).prop_map(Step::Wait),
	]
}

fn take(step: Step) {
	match step {
		Step::Propose(who, kind, action) => drop(propose(who, kind, action)),
		Step::Support(who, proposal) => drop(support(who, proposal)),
		Step::Close(proposal) => drop(Emergencies::close(signed(STRANGER), proposal)),
		Step::Pause(blocks) => {
			let root = RuntimeOrigin::root();
			let _ = Emergencies::pause_call(root, name("Balances"), name("burn"), blocks);
		}
		Step::Break(broken) => Broken::set(broken),
		Step::Renew(voices) => {
			Newest::mutate(|newest| *newest += 1);
			Voices::set(voices);
		}
		Step::Wait(blocks) => {
			Broken::set(false);
			run_to(System::block_number() + blocks)
		}
	}
}

proptest! {
	#[test]
	fn invariants_hold_after_whatever_comes(voices in 1u64..8, steps in prop::collection::vec(step(), 1..60)) {
		new_ext().execute_with(|| {
			Voices::set(voices);
			for step in steps {
				take(step);
				Emergencies::do_try_state().unwrap();
			}
			// Whatever is in effect ends.
			Broken::set(false);
			run_to(System::block_number() + 3 * DAY);
			assert_eq!(Active::<Test>::iter().count() + Frozen::<Test>::iter().count(), 0);
		});
	}
}
