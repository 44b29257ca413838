//! Stories of what happens without being asked.

use super::mock::*;
use crate::{NextRequest, OldestRequest, Requests, State, WeightInfo};
use frame_support::{assert_ok, traits::Hooks, weights::Weight};

#[test]
fn sweep_expires_credits_and_forgets() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let (quoted, authorised) = (request_by(ALICE, offer, 1), authorised_by(ALICE, offer, 2));
		let captured = authorised_by(ALICE, offer, 3);
		capture(captured, 3);
		wait(QUOTE);
		assert_eq!(state(quoted), State::Failed);
		wait(CAPTURE - QUOTE);
		assert_eq!(state(authorised), State::Failed);
		wait(CHALLENGE - CAPTURE);
		assert_eq!(state(captured), State::Credited);
		wait(MEMORY + 1);
		assert_eq!(Requests::<Test>::iter_keys().count(), 0);
		assert_eq!(OldestRequest::<Test>::get(), NextRequest::<Test>::get());
	});
}

#[test]
fn sweep_does_nothing_without_weight_and_stays_within_it() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		for number in 0..4 {
			request_by(ALICE, offer, number);
		}
		jump_to(100);
		let base = <() as WeightInfo>::sweep();
		let one = <() as WeightInfo>::sweep_request();
		for (limit, swept) in [(Weight::zero(), 0), (base, 0), (base + one, 1), (base + one + one, 3)] {
			let used = Inference::on_idle(100, limit);
			assert!(used.all_lte(limit));
			let failed =
				Requests::<Test>::iter_values().filter(|record| record.state == State::Failed).count();
			assert_eq!(failed, swept);
		}
	});
}

#[test]
fn sweep_reaches_every_request_however_many_there_are() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		for payer in 1_000..1_020u64 {
			assert_ok!(Balances::transfer_keep_alive(signed(CAROL), payer, 1_000));
			for number in 0..3 {
				request_by(payer, offer, number);
			}
		}
		jump_to(1 + QUOTE);
		wait(8);
		assert!(Requests::<Test>::iter_values().all(|record| record.state == State::Failed));
		jump_to(1 + QUOTE + 8 + MEMORY);
		wait(16);
		assert_eq!(Requests::<Test>::iter_keys().count(), 0);
	});
}
