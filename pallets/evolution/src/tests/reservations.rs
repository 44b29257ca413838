//! GPU hours for credits: offers, reservations, claims, and those who lie about them or say nothing.

use super::mock::*;
use crate::{reservations::ABSENCE_CREDITS, *};
use blyan_primitives::{evolution::EpochPhase, Refusal};
use frame_support::{assert_noop, storage::with_storage_layer};
use proptest::prelude::*;
use sp_runtime::DispatchResult;

fn give(who: u32, amount: u32) {
	Credits::<Test>::insert(account(who), amount);
}

fn credits(who: u32) -> u32 {
	Credits::<Test>::get(account(who))
}

fn offer(who: u32, hours: u32, price: u32) -> DispatchResult {
	Evolution::offer_gpus(signed(who), 1, hours, price)
}

fn reserve(who: u32, hours: u32, price_max: u32) -> DispatchResult {
	Evolution::reserve_hours(signed(who), hours, price_max)
}

fn claim(who: u32, hours: u32) -> DispatchResult {
	Evolution::claim_hours(signed(who), hours)
}

fn confirm(who: u32, operator: u32, hours: u32) -> DispatchResult {
	Evolution::confirm_hours(signed(who), account(operator), hours)
}

fn reserved(operator: u32) -> u32 {
	GpuOffers::<Test>::get(account(operator)).unwrap().reserved
}

/// All credits, in balances and in escrow.
fn supply() -> u32 {
	let escrow = GpuOffers::<Test>::iter_values()
		.filter(|offer| offer.state != ReservationState::Settled)
		.map(|offer| offer.escrow());
	Credits::<Test>::iter_values().sum::<u32>() + escrow.sum::<u32>()
}

/// Alice's proposal is tried, she has so many credits, and an operator offers ten hours at two credits, all of which she reserves.
fn reserved_of_two(alice: u32) {
	tried();
	give(ALICE, alice);
	offer(2, 10, 2).unwrap();
	reserve(ALICE, 10, 2).unwrap();
}

#[test]
fn hours_are_reserved_from_the_cheapest_offers_and_paid_when_both_sides_state_them() {
	story(OPERATORS, || {
		tried();
		give(ALICE, 100);
		offer(2, 10, 3).unwrap();
		offer(3, 10, 1).unwrap();
		offer(4, 10, 1).unwrap();
		let [first, second] = if account(3) < account(4) { [3, 4] } else { [4, 3] };
		reserve(ALICE, 12, 3).unwrap();
		assert_eq!([first, second, 2].map(reserved), [10, 2, 0]);
		assert_eq!(credits(ALICE), 88);
		reserve(ALICE, 10, 3).unwrap();
		assert_eq!([first, second, 2].map(reserved), [10, 10, 2]);
		assert_eq!(credits(ALICE), 88 - 8 - 2 * 3);

		claim(first, 10).unwrap();
		claim(second, 4).unwrap();
		assert_eq!(credits(ALICE), 74 + 6, "what is not claimed returns at once");
		claim(2, 2).unwrap();
		for (operator, hours) in [(first, 10), (second, 4), (2, 2)] {
			confirm(ALICE, operator, hours).unwrap();
		}
		run_to(EpochPhase::Rest);
		assert_eq!([ALICE, first, second, 2].map(credits), [80, 10, 4, 6]);
		assert_eq!(GpuOffers::<Test>::count(), 0);
	});
}

#[test]
fn an_offer_is_replaced_until_hours_of_it_are_reserved_and_ends_with_its_epoch() {
	story(OPERATORS, || {
		assert_noop!(offer(2, 10, 2), Error::<Test>::WrongPhase);
		run_to(EpochPhase::Nomination);
		assert_noop!(offer(BOB, 10, 2), Error::<Test>::NotRegistered);
		offer(2, 10, 5).unwrap();
		tried();
		give(ALICE, 100);
		assert_noop!(reserve(ALICE, 10, 4), Error::<Test>::TooFewHours);
		offer(2, 10, 2).unwrap();
		reserve(ALICE, 1, 4).unwrap();
		assert_noop!(offer(2, 10, 1), Error::<Test>::OfferReserved);
		assert_noop!(reserve(ALICE, 10, 4), Error::<Test>::TooFewHours);
		assert_noop!(reserve(ALICE, 0, 4), Error::<Test>::HoursInvalid);
		run_to(EpochPhase::Rest);
		assert_noop!(offer(2, 10, 2), Error::<Test>::WrongPhase);
		assert_noop!(claim(2, 1), Error::<Test>::WrongPhase);
		assert_noop!(confirm(ALICE, 2, 1), Error::<Test>::WrongPhase);
	});
}

#[test]
fn hours_are_claimed_and_confirmed_while_the_candidate_is_measured() {
	story(OPERATORS, || {
		reserved_of_two(20);
		deliver_candidate(ALICE, &target()).unwrap();
		assert_eq!(epoch().phase, EpochPhase::Evaluation);
		assert_noop!(reserve(ALICE, 1, 2), Error::<Test>::WrongPhase);
		claim(2, 10).unwrap();
		confirm(ALICE, 2, 10).unwrap();
		assert_eq!([ALICE, 2].map(credits), [0, 20]);
	});
}

#[test]
fn attack_claim_hours_that_were_not_worked() {
	story(OPERATORS, || {
		reserved_of_two(20);
		assert_noop!(claim(2, 11), Error::<Test>::HoursInvalid);
		claim(2, 10).unwrap();
		// Once it knows what the proposer thinks of it, it cannot claim something else.
		assert_noop!(claim(2, 5), Error::<Test>::AlreadyClaimed);
		confirm(ALICE, 2, 0).unwrap();
		assert_noop!(confirm(ALICE, 2, 10), Error::<Test>::NotClaimed);
		assert_eq!([ALICE, 2].map(credits), [0, 0], "the operator gained nothing by it");
	});
}

#[test]
fn attack_deny_hours_that_were_worked() {
	story(OPERATORS, || {
		reserved_of_two(20);
		// The proposer cannot be the first to name a number, which the operator had to agree to or lose all.
		assert_noop!(confirm(ALICE, 2, 1), Error::<Test>::NotClaimed);
		claim(2, 10).unwrap();
		confirm(ALICE, 2, 1).unwrap();
		assert_eq!(credits(ALICE), 0, "the proposer has nothing back");
		run_to(EpochPhase::Rest);
		assert_eq!(supply(), 0);
	});
}

#[test]
fn attack_say_nothing_instead_of_confirming() {
	story(OPERATORS, || {
		reserved_of_two(20);
		claim(2, 10).unwrap();
		run_to(EpochPhase::Rest);
		assert_eq!([ALICE, 2].map(credits), [0, 0], "silence is as good as a denial");
	});
}

#[test]
fn attack_offer_cheaply_and_never_appear() {
	for (had, left) in [(30, 30 - ABSENCE_CREDITS), (10, 0)] {
		story(OPERATORS, || {
			reserved_of_two(30);
			give(2, had);
			// The next one is taken meanwhile.
			offer(3, 10, 1).unwrap();
			reserve(ALICE, 10, 2).unwrap();
			claim(3, 10).unwrap();
			confirm(ALICE, 3, 10).unwrap();
			run_to(EpochPhase::Rest);
			assert_eq!([ALICE, 2, 3].map(credits), [20, left, 10]);
		});
	}
}

#[test]
fn attack_reserve_at_the_end_so_that_the_operator_has_no_time_to_claim() {
	story(OPERATORS, || {
		tried();
		give(ALICE, 20);
		give(2, 30);
		offer(2, 10, 2).unwrap();
		let notice = Evolution::notice(&epoch());
		while System::block_number() + notice <= epoch().until + 2 {
			run(1);
		}
		reserve(ALICE, 10, 2).unwrap();
		run_to(EpochPhase::Rest);
		assert_eq!([ALICE, 2].map(credits), [20, 30]);
	});
}

#[test]
fn attack_offer_for_nothing_or_for_more_than_there_is() {
	story(OPERATORS, || {
		tried();
		for (gpus, hours, price) in [(1, 10, 0), (1, 0, 1), (0, 10, 1), (8, 7, 1), (1, u32::MAX, 2)] {
			assert_noop!(Evolution::offer_gpus(signed(2), gpus, hours, price), Error::<Test>::OfferInvalid);
			let call = Call::offer_gpus { gpus, hours, price };
			assert_eq!(Evolution::refusal(&call), Some(Refusal::Malformed));
		}
		assert_eq!(Evolution::refusal(&Call::offer_gpus { gpus: 8, hours: 8, price: 1 }), None);
		let call = Call::reserve_hours { hours: 0, price_max: 1 };
		assert_eq!(Evolution::refusal(&call), Some(Refusal::Malformed));
	});
}

#[test]
fn attack_move_credits_between_own_accounts() {
	story(OPERATORS, || {
		run_to(EpochPhase::Nomination);
		give(ALICE, 100);
		assert_noop!(reserve(ALICE, 1, 100), Error::<Test>::WrongPhase);
		tried();
		// One whose proposal is not tried moves none.
		give(BOB, 100);
		assert_noop!(reserve(BOB, 1, 100), Error::<Test>::NotYourProposal);
		// To a declared operator of hers she moves none.
		register_for(10, ALICE);
		offer(10, 2, 40).unwrap();
		assert_noop!(reserve(ALICE, 2, 40), Error::<Test>::TooFewHours);
		// To another one she does: what cheaper strangers offer goes first, and no credit comes into being.
		let before = supply();
		offer(3, 4, 1).unwrap();
		offer(4, 2, 40).unwrap();
		reserve(ALICE, 6, 40).unwrap();
		claim(4, 2).unwrap();
		confirm(ALICE, 4, 2).unwrap();
		assert_eq!([ALICE, 4].map(credits), [100 - 4 - 80, 80]);
		assert_eq!((reserved(3), supply()), (4, before));
	});
}

#[test]
fn attack_reserve_everything_there_is() {
	story(OPERATORS, || {
		tried();
		give(ALICE, 1_000);
		offer(2, 100, 1).unwrap();
		offer(3, 100, 1).unwrap();
		// Twice the 24 hours that its proposal named, over all reservations, and as many as those of one operator.
		assert_noop!(reserve(ALICE, 49, 1), Error::<Test>::TooManyHours);
		reserve(ALICE, 48, 1).unwrap();
		assert_eq!([2, 3].map(reserved), [24, 24]);
		assert_noop!(reserve(ALICE, 1, 1), Error::<Test>::TooManyHours);
	});
}

#[test]
fn attack_offer_all_hours_that_may_be_reserved_and_never_appear() {
	story(OPERATORS, || {
		tried();
		give(ALICE, 100);
		offer(2, 48, 1).unwrap();
		offer(3, 48, 2).unwrap();
		reserve(ALICE, 24, 2).unwrap();
		// The cheapest offer has hours left, but those of others are next.
		assert_noop!(reserve(ALICE, 24, 1), Error::<Test>::TooFewHours);
		reserve(ALICE, 24, 2).unwrap();
		assert_eq!([2, 3].map(reserved), [24, 24]);
		claim(3, 24).unwrap();
		confirm(ALICE, 3, 24).unwrap();
		run_to(EpochPhase::Rest);
		assert_eq!([ALICE, 2, 3].map(credits), [100 - 48, 0, 48]);
	});
}

#[test]
fn attack_reserve_more_than_one_has_credits_for() {
	story(OPERATORS, || {
		tried();
		give(ALICE, 19);
		offer(2, 10, 2).unwrap();
		assert_noop!(reserve(ALICE, 10, 2), Error::<Test>::CreditsMissing);
		reserve(ALICE, 9, 2).unwrap();
		assert_eq!(credits(ALICE), 1);
	});
}

#[test]
fn attack_be_reserved_and_concede_so_that_no_hours_may_be_reserved_of_others() {
	story(OPERATORS, || {
		tried();
		give(ALICE, 144);
		for (operator, price) in [(2, 1), (3, 1), (4, 2), (5, 2)] {
			offer(operator, 24, price).unwrap();
		}
		reserve(ALICE, 48, 2).unwrap();
		for operator in [2, 3] {
			claim(operator, 0).unwrap();
		}
		assert_noop!(confirm(ALICE, 2, 0), Error::<Test>::NotClaimed);
		assert_noop!(offer(2, 24, 1), Error::<Test>::OfferReserved);
		assert_eq!(credits(ALICE), 144);
		reserve(ALICE, 48, 2).unwrap();
		assert_eq!([2, 3, 4, 5].map(reserved), [0, 0, 24, 24]);
	});
}

#[test]
fn attack_come_first_with_many_offers_of_one_hour() {
	story(OPERATORS, || {
		tried();
		give(ALICE, 100);
		(0..9).for_each(|operator| offer(operator, 1, 1).unwrap());
		assert_noop!(reserve(ALICE, 9, 1), Error::<Test>::TooFewHours);
		reserve(ALICE, 8, 1).unwrap();
		reserve(ALICE, 1, 1).unwrap();
		assert_eq!((0..9).map(reserved).sum::<u32>(), 9);
	});
}

#[test]
fn attack_claim_or_confirm_for_another() {
	story(OPERATORS, || {
		reserved_of_two(20);
		assert_noop!(claim(3, 1), Error::<Test>::OfferUnknown);
		offer(3, 10, 3).unwrap();
		assert_noop!(claim(3, 1), Error::<Test>::NothingReserved);
		claim(2, 10).unwrap();
		for other in [BOB, 2] {
			assert_noop!(confirm(other, 2, 10), Error::<Test>::NotYourProposal);
		}
		assert_noop!(confirm(ALICE, 4, 10), Error::<Test>::OfferUnknown);
	});
}

/// One call about hours, whatever comes of it.
fn act(what: u32, choice: u32) {
	let (who, hours) = (choice % OPERATORS, choice / OPERATORS % 30);
	let _ = with_storage_layer(|| match what {
		0 => offer(who, hours, choice % 4),
		1 => reserve(ALICE, hours, 3),
		2 => claim(who, hours),
		3 => confirm(ALICE, who, hours),
		_ => {
			// What the operator claimed.
			let claimed = GpuOffers::<Test>::get(account(who)).map_or(0, |offer| offer.reserved);
			confirm(ALICE, who, claimed)
		}
	});
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(16))]

	#[test]
	fn no_order_of_calls_makes_credits(
		steps in proptest::collection::vec((0u32..5, any::<u16>(), 0u32..20), 1..60),
	) {
		new_ext_with(OPERATORS).execute_with(|| {
			tried();
			(0..OPERATORS).chain([ALICE]).for_each(|who| give(who, 60));
			let mut before = supply();
			for (what, choice, wait) in steps {
				act(what, choice.into());
				Evolution::do_try_state().unwrap();
				run(wait);
				assert!(supply() <= before, "credits came into being");
				before = supply();
			}
			run_to(EpochPhase::Rest);
			assert_eq!(GpuOffers::<Test>::count(), 0);
		});
	}
}
