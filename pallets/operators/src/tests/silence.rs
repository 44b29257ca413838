//! Stories of missed heartbeats.

use super::mock::*;
use crate::{Error, Event, Silences};
use blyan_primitives::traits::OffenceKind;
use frame_support::{assert_noop, assert_ok, traits::Hooks, weights::Weight};

fn report() -> sp_runtime::DispatchResult {
	Operators::report_silence(signed(BOB), ALICE).map(|_| ()).map_err(|error| error.error)
}

#[test]
fn a_missed_heartbeat_is_a_warning_and_a_day_of_silence_an_offence() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		System::set_block_number(2 * PERIOD - 1);
		assert_noop!(report(), Error::<Test>::NotSilent);
		System::set_block_number(2 * PERIOD);
		assert_ok!(report());
		assert_eq!(take_events(), [Event::HeartbeatMissed { who: ALICE, period: 1 }]);
		assert_eq!(Reports::get(), []);
		assert_noop!(report(), Error::<Test>::NotSilent);

		// Two periods are a day here, from when it was noticed on.
		System::set_block_number(4 * PERIOD - 1);
		assert_noop!(report(), Error::<Test>::NotSilent);
		System::set_block_number(4 * PERIOD);
		assert_ok!(report());
		assert_eq!(take_events(), [Event::SilenceReported { who: ALICE, period: 3 }]);
		assert_noop!(report(), Error::<Test>::NotSilent);
		// Every further day is another offence, with other evidence.
		System::set_block_number(6 * PERIOD);
		assert_ok!(report());
		let [first, second] = Reports::get()[..] else { panic!("two reports were expected") };
		assert_eq!((first.0, first.1, first.3), (ALICE, OffenceKind::HeartbeatsMissed, None));
		assert_ne!(first.2, second.2);
	});
}

#[test]
fn a_heartbeat_ends_the_silence() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		System::set_block_number(2 * PERIOD);
		assert_ok!(report());
		System::set_block_number(4 * PERIOD - 1);
		hear("Alice");
		assert!(!Silences::<Test>::contains_key(ALICE));
		System::set_block_number(4 * PERIOD);
		assert_noop!(report(), Error::<Test>::NotSilent);
		// The next spell begins with a warning again.
		System::set_block_number(8 * PERIOD);
		assert_ok!(report());
		assert_eq!(Reports::get(), []);
	});
}

/// An operator that cannot be heard is not silent.
#[test]
fn a_day_of_silence_is_longer_by_the_blocks_in_which_transactions_were_barred() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		System::set_block_number(2 * PERIOD);
		assert_ok!(report());
		Barred::set(7);
		System::set_block_number(4 * PERIOD + 6);
		assert_noop!(report(), Error::<Test>::NotSilent);
		System::set_block_number(4 * PERIOD + 7);
		assert_ok!(report());
		assert_eq!(Reports::get().len(), 1);
	});
}

#[test]
fn report_silence_fails_when_the_operator_is_leaving_or_unknown() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		System::set_block_number(2 * PERIOD);
		assert_ok!(report());
		assert_ok!(Operators::exit(signed(ALICE)));
		System::set_block_number(9 * PERIOD);
		assert_noop!(report(), Error::<Test>::NotSilent);
		assert_noop!(Operators::report_silence(signed(BOB), CHARLIE), Error::<Test>::NotRegistered);
	});
}

#[test]
fn the_sweep_finds_everybody_in_turn() {
	let world = ExtBuilder::default().operator(ALICE, "Alice").operator(BOB, "Bob").operator(CHARLIE, "C");
	world.build_and_check(|| {
		System::set_block_number(2 * PERIOD - 1);
		hear("Bob");
		System::set_block_number(2 * PERIOD);
		let noticed = || {
			let mut noticed: Vec<_> = Silences::<Test>::iter_keys().collect();
			noticed.sort();
			noticed
		};
		// Two a block.
		Operators::on_idle(0, Weight::MAX);
		assert_eq!(noticed(), [ALICE]);
		Operators::on_idle(0, Weight::MAX);
		assert_eq!(noticed(), [ALICE, CHARLIE]);
		System::set_block_number(4 * PERIOD - 1);
		hear("Bob");
		System::set_block_number(4 * PERIOD);
		for _ in 0..9 {
			Operators::on_idle(0, Weight::MAX);
		}
		// The chain itself asks for no share.
		assert!(Reports::get().iter().all(|report| report.3.is_none()));
		let mut reported: Vec<_> = Reports::get().iter().map(|report| report.0).collect();
		reported.sort();
		assert_eq!(reported, [ALICE, CHARLIE]);
	});
}

#[test]
fn the_sweep_draws_and_settles_hardware_challenges() {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(register(ALICE, "Alice"));
		assert_ok!(Operators::challenge_hardware(signed(BOB), ALICE));
		let run = |block| {
			System::set_block_number(block);
			ThrownAt::set(block - 1);
			Operators::on_idle(block, Weight::MAX);
		};
		(2..=8).for_each(run);
		assert_eq!(Reports::get(), []);
		run(9);
		assert!(matches!(Reports::get()[..], [(ALICE, OffenceKind::HardwareFalse, _, Some(BOB))]));
	});
}

#[test]
fn the_sweep_respects_the_weight_that_is_left() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		System::set_block_number(9 * PERIOD);
		assert_eq!(Operators::on_idle(0, Weight::zero()), Weight::zero());
		assert!(!Silences::<Test>::contains_key(ALICE));
	});
}

/// A call that pays its sender pays the one who copies it from the pool with a higher tip. That heartbeats are missing is
/// plain to see for everyone, the chain included, so telling it earns nothing.
#[test]
fn attack_copy_a_report_of_silence_from_the_pool() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		System::set_block_number(2 * PERIOD);
		assert_ok!(report());
		System::set_block_number(4 * PERIOD);
		// The copier's tip puts it first.
		assert_ok!(Operators::report_silence(signed(CHARLIE), ALICE));
		assert_noop!(report(), Error::<Test>::NotSilent);
		let [(offender, _, _, reporter)] = Reports::get()[..] else { panic!("one report was expected") };
		assert_eq!((offender, reporter), (ALICE, None));
	});
}
