//! Each attack of the README, played.

use super::mock::*;
use crate::{Answers, Error, Step};
use frame_support::{
	assert_noop, assert_ok,
	traits::fungible::{Inspect, InspectHold},
};

#[test]
fn attack_sybils_that_join_for_a_known_dataset_are_not_drawn() {
	story(5, || {
		(5..20).for_each(join);
		let seats = drawn(1);
		assert!(!seats.is_empty() && seats.iter().all(|who| *who < 5), "{seats:?}");
	});
}

#[test]
fn attack_always_keep_is_not_paid_and_loses_the_right() {
	story(5, || {
		let of = |who| if who == 0 { refusing(0) } else { refusing(4) };
		for number in 0..2 {
			let seats = played(number, of);
			assert_eq!(seats.len(), 5);
		}
		assert!(Paid::get().iter().all(|(who, _)| *who != 0));
		assert_eq!(reviewer(0).place, None);
		assert_eq!(reviewer(1).place.map(|_| ()), Some(()));
		assert_noop!(ReviewsPallet::leave(signed(0)), Error::<Test>::TooEarly);
		run(PATIENCE);
		assert_ok!(ReviewsPallet::leave(signed(0)));
		assert_eq!(Balances::balance(&0), RICHES);
	});
}

#[test]
fn attack_always_refuse_loses_the_right() {
	story(5, || {
		played(1, |who| if who == 0 { refusing(10) } else { refusing(0) });
		assert_eq!(ReviewsPallet::refused(dataset(1)), Some(0));
		assert_eq!(reviewer(0).place, None);
		assert!(Paid::get().iter().all(|(who, _)| *who != 0));
	});
}

#[test]
fn attack_a_minority_that_keeps_for_the_creator_decides_nothing() {
	story(5, || {
		join(CREATOR);
		run(PATIENCE);
		let seats = played(1, |who| if who < 2 { refusing(0) } else { refusing(8) });
		assert!(!seats.contains(&CREATOR));
		assert_eq!(ReviewsPallet::refused(dataset(1)), Some(800_000));
	});
}

#[test]
fn attack_told_answers_cost_the_bond() {
	story(5, || {
		let (seats, answers) = (drawn(1), refusing(2));
		let (teller, friend) = (seats[0], seats[1]);
		commit(1, teller, &answers);
		let report =
			|by: u64, salt| ReviewsPallet::report_leak(signed(by), dataset(1), teller, answers.clone(), salt);
		assert_noop!(report(teller, salt(teller)), Error::<Test>::OwnLeak);
		assert_noop!(report(friend, salt(friend)), Error::<Test>::SealMismatch);
		let before = Balances::balance(&friend);
		assert_ok!(report(friend, salt(teller)));
		assert_eq!(Balances::balance(&friend), before + BOND / 2);
		assert_eq!(Balances::balance(&TREASURY), RICHES + BOND / 2);
		assert_eq!(Balances::total_balance_on_hold(&teller), 0);
		assert_eq!((reviewer(teller).place, reviewer(teller).bond), (None, 0));
		assert_noop!(report(friend, salt(teller)), Error::<Test>::SealMismatch);
		// The rest are a quorum.
		for who in &seats[1..] {
			commit(1, *who, &answers);
		}
		run(1);
		for who in &seats[1..] {
			tell(1, *who, &answers);
		}
		run(1);
		assert_eq!(ReviewsPallet::refused(dataset(1)), Some(200_000));
		assert!(Paid::get().iter().all(|(who, _)| *who != teller));
	});
}

#[test]
fn attack_silence_decides_nothing_and_costs_the_right() {
	story(5, || {
		for number in 0..3 {
			drawn(number);
			run(30);
			assert_eq!(review(number).step, Step::Concluded);
			assert_eq!(ReviewsPallet::refused(dataset(number)), None);
		}
		assert!((0..5).all(|who| reviewer(who).place.is_none()));
		assert!(Paid::get().is_empty());
	});
}

#[test]
fn attack_seals_that_are_not_opened_decide_nothing() {
	story(5, || {
		let seats = drawn(1);
		seats.iter().for_each(|who| commit(1, *who, &refusing(0)));
		run(1);
		seats[..2].iter().for_each(|who| tell(1, *who, &refusing(0)));
		run(30);
		assert_eq!((review(1).step, ReviewsPallet::refused(dataset(1))), (Step::Concluded, None));
		assert_eq!((reviewer(seats[0]).missed, reviewer(seats[4]).missed), (0, 1));
	});
}

#[test]
fn attack_a_copied_seal_cannot_be_opened() {
	story(5, || {
		let (seats, answers) = (drawn(1), refusing(2));
		let copied = seal_of(1, seats[0], &answers);
		commit(1, seats[0], &answers);
		assert_ok!(ReviewsPallet::seal(signed(seats[1]), dataset(1), copied));
		seats[2..].iter().for_each(|who| commit(1, *who, &answers));
		run(1);
		let opened = ReviewsPallet::reveal(signed(seats[1]), dataset(1), answers.clone(), salt(seats[0]));
		assert_noop!(opened.map_err(|error| error.error), Error::<Test>::SealMismatch);
	});
}

#[test]
fn attack_a_reveal_is_copied_too_late() {
	story(5, || {
		let (seats, answers) = (drawn(1), refusing(2));
		let copier = seats[4];
		seats[..4].iter().for_each(|who| commit(1, *who, &answers));
		run(25);
		tell(1, seats[0], &answers);
		let late = ReviewsPallet::seal(signed(copier), dataset(1), seal_of(1, copier, &answers));
		assert_noop!(late.map_err(|error| error.error), Error::<Test>::WrongStep);
		let unsealed = ReviewsPallet::reveal(signed(copier), dataset(1), answers.clone(), salt(copier));
		assert_noop!(unsealed.map_err(|error| error.error), Error::<Test>::AlreadySaid);
		let short = Answers::default();
		let few = ReviewsPallet::reveal(signed(seats[1]), dataset(1), short, salt(seats[1]));
		assert_noop!(few.map_err(|error| error.error), Error::<Test>::AnswersMiscounted);
	});
}
