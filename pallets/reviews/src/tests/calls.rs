//! Stories of the calls.

use super::mock::*;
use crate::{Error, Event, Open, Reviewers, Reviews, RosterSize, Step};
use frame_support::{assert_noop, assert_ok, traits::fungible::InspectHold};

#[test]
fn bond_comes_back_when_a_reviewer_leaves() {
	story(3, || {
		assert_eq!(Balances::total_balance_on_hold(&0), BOND);
		assert_ok!(ReviewsPallet::leave(signed(0)));
		assert_eq!(Balances::total_balance_on_hold(&0), 0);
		assert_eq!(RosterSize::<Test>::get(), 2);
		System::assert_last_event(Event::Left { who: 0, bond: BOND }.into());
	});
}

#[test]
fn join_fails_when_the_account_is_a_reviewer_and_leave_when_it_is_none() {
	story(1, || {
		assert_noop!(ReviewsPallet::join(signed(0)), Error::<Test>::AlreadyReviewer);
		assert_noop!(ReviewsPallet::leave(signed(STRANGER)), Error::<Test>::NotReviewer);
	});
}

#[test]
fn leave_fails_when_the_reviewer_has_a_seat() {
	story(5, || {
		let seats = drawn(1);
		assert_noop!(ReviewsPallet::leave(signed(seats[0])), Error::<Test>::HasSeat);
		ReviewsPallet::close(dataset(1));
		assert_ok!(ReviewsPallet::leave(signed(seats[0])));
	});
}

#[test]
fn review_finds_the_share_that_the_majority_refuses_and_pays_who_agreed() {
	story(10, || {
		let seats = played(1, |_| refusing(3));
		assert_eq!(ReviewsPallet::refused(dataset(1)), Some(300_000));
		// Half of ten records: their records are short.
		assert_eq!(Paid::get(), seats.iter().map(|who| (*who, 5)).collect::<Vec<_>>());
		let record = reviewer(seats[0]);
		assert_eq!((record.kept.agreed, record.refused.agreed, record.seats), (7, 3, 0));
		assert!(Open::<Test>::get().is_empty());
		ReviewsPallet::close(dataset(1));
		assert!(!Reviews::<Test>::contains_key(dataset(1)));
	});
}

#[test]
fn pay_is_whole_when_the_record_is_long_enough() {
	story(5, || {
		played(1, |_| refusing(3));
		Paid::set(Vec::new());
		played(2, |_| refusing(3));
		assert!(Paid::get().iter().all(|(_, records)| *records == 10));
	});
}

#[test]
fn review_concludes_without_an_outcome_when_there_are_too_few_reviewers() {
	story(2, || {
		ReviewsPallet::open(dataset(1), &CREATOR, 1_000);
		run(4);
		assert_eq!(review(1).step, Step::Concluded);
		assert_eq!(ReviewsPallet::refused(dataset(1)), None);
	});
}

#[test]
fn all_records_are_read_when_there_are_few() {
	story(5, || {
		ReviewsPallet::open(dataset(1), &CREATOR, 4);
		run(4);
		assert_eq!(review(1).picks.to_vec(), [0, 1, 2, 3]);
	});
}

#[test]
fn no_review_is_opened_when_there_is_no_room_or_it_is_open_already() {
	story(5, || {
		(0..6).for_each(|number| ReviewsPallet::open(dataset(number), &CREATOR, 10));
		ReviewsPallet::open(dataset(0), &CREATOR, 10);
		assert_eq!(Open::<Test>::get().len(), 4);
	});
}

#[test]
fn calls_fail_when_the_step_is_another_one() {
	story(5, || {
		let answers = refusing(0);
		let unknown = ReviewsPallet::advance(signed(STRANGER), dataset(1));
		assert_noop!(unknown, Error::<Test>::ReviewUnknown);
		let seats = drawn(1);
		let early = ReviewsPallet::reveal(signed(seats[0]), dataset(1), answers.clone(), salt(seats[0]));
		assert_noop!(early.map_err(|error| error.error), Error::<Test>::WrongStep);
		let stranger = ReviewsPallet::seal(signed(STRANGER), dataset(1), salt(0));
		assert_noop!(stranger.map_err(|error| error.error), Error::<Test>::NoSeat);
		commit(1, seats[0], &answers);
		let again = ReviewsPallet::seal(signed(seats[0]), dataset(1), salt(0));
		assert_noop!(again.map_err(|error| error.error), Error::<Test>::AlreadySaid);
	});
}

#[test]
fn reviewers_pay_nothing_when_a_vote_ends_before_their_review() {
	story(5, || {
		let seats = drawn(1);
		ReviewsPallet::close(dataset(1));
		for who in seats {
			let record = reviewer(who);
			assert_eq!((record.seats, record.missed), (0, 0));
		}
		assert_eq!(Reviewers::<Test>::iter().count(), 5);
	});
}
