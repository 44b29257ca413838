//! Stories of users' records and their privacy.

use super::mock::*;
use crate::{Event, HoldReason, Sessions, Users};
use frame_support::assert_ok;

#[test]
fn payments_are_written_down_for_the_payer() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		capture(request, 1);
		wait(CHALLENGE);
		let session = session_by(ALICE, offer, 500);
		assert_ok!(settle(ALICE, session, 60));
		let user = Users::<Test>::get(ALICE);
		assert_eq!((user.spent, user.interactions, user.last), (CHARGE + 60, 2, 1 + CHALLENGE));
	});
}

#[test]
fn private_requests_and_sessions_cost_a_fifth_more() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		take_events();
		assert_ok!(Inference::toggle_privacy(signed(ALICE)));
		assert_eq!(take_events(), [Event::PrivacyToggled { who: ALICE, is_private: true }]);
		authorised_by(ALICE, offer, 1);
		assert_eq!(held(HoldReason::Request, ALICE), CEILING * 120 / 100);
		let session = session_by(ALICE, offer, 500);
		assert_eq!(Sessions::<Test>::get(session).unwrap().prices, PRICES.scaled(120).unwrap());
		assert_ok!(Inference::toggle_privacy(signed(ALICE)));
		assert!(!Users::<Test>::contains_key(ALICE));
		authorised_by(ALICE, offer, 2);
		assert_eq!(held(HoldReason::Request, ALICE), CEILING * 120 / 100 + CEILING);
	});
}
