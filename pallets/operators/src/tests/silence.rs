//! Stories of three missed heartbeats.

use super::mock::*;
use crate::{Error, Event};
use blyan_primitives::traits::OffenceKind;
use frame_support::{assert_noop, assert_ok, traits::Hooks, weights::Weight};

#[test]
fn report_silence_reports_once_per_spell() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		let report = || Operators::report_silence(signed(BOB), ALICE);
		System::set_block_number(4 * PERIOD - 1);
		assert_noop!(report(), Error::<Test>::NotSilent);
		System::set_block_number(4 * PERIOD);
		assert_ok!(report());
		assert_noop!(report(), Error::<Test>::NotSilent);
		assert_eq!(take_events(), [Event::SilenceReported { who: ALICE, period: 3 }]);

		// Another spell is another offence, with other evidence.
		hear("Alice");
		System::set_block_number(8 * PERIOD - 1);
		assert_noop!(report(), Error::<Test>::NotSilent);
		System::set_block_number(8 * PERIOD);
		assert_ok!(report());
		let [first, second] = Reports::get()[..] else { panic!("two reports were expected") };
		assert_eq!((first.0, first.1, first.3), (ALICE, OffenceKind::HeartbeatsMissed, None));
		assert_ne!(first.2, second.2);
	});
}

#[test]
fn report_silence_fails_when_the_operator_is_leaving_or_unknown() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		assert_ok!(Operators::exit(signed(ALICE)));
		System::set_block_number(9 * PERIOD);
		assert_noop!(Operators::report_silence(signed(BOB), ALICE), Error::<Test>::NotSilent);
		assert_noop!(Operators::report_silence(signed(BOB), CHARLIE), Error::<Test>::NotRegistered);
	});
}

#[test]
fn the_sweep_finds_everybody_in_turn() {
	let world = ExtBuilder::default().operator(ALICE, "Alice").operator(BOB, "Bob").operator(CHARLIE, "C");
	world.build_and_check(|| {
		System::set_block_number(4 * PERIOD - 1);
		hear("Bob");
		System::set_block_number(4 * PERIOD);
		// Two a block.
		Operators::on_idle(0, Weight::MAX);
		assert_eq!(Reports::get().iter().map(|report| report.0).collect::<Vec<_>>(), [ALICE]);
		Operators::on_idle(0, Weight::MAX);
		assert_eq!(Reports::get().iter().map(|report| report.0).collect::<Vec<_>>(), [ALICE, CHARLIE]);
		for _ in 0..9 {
			Operators::on_idle(0, Weight::MAX);
		}
		// The chain itself asks for no share.
		assert!(Reports::get().iter().all(|report| report.3.is_none()));
		assert_eq!(Reports::get().len(), 2);
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
		assert_eq!(Reports::get(), []);
	});
}

/// A call that pays its sender pays the one who copies it from the pool with a higher tip. That three heartbeats are missing is
/// plain to see for everyone, the chain included, so telling it earns nothing.
#[test]
fn attack_copy_a_report_of_silence_from_the_pool() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		System::set_block_number(4 * PERIOD);
		// The copier's tip puts it first.
		assert_ok!(Operators::report_silence(signed(CHARLIE), ALICE));
		assert_noop!(Operators::report_silence(signed(BOB), ALICE), Error::<Test>::NotSilent);
		let [(offender, _, _, reporter)] = Reports::get()[..] else { panic!("one report was expected") };
		assert_eq!((offender, reporter), (ALICE, None));
	});
}
