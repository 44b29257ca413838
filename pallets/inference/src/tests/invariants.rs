//! Each invariant notices its breach, and none is broken by any sequence of calls.

use super::mock::*;
use crate::{
	Keys, KeysOf, Offers, OffersOf, OpenRequests, Receipts, Requests, ServingKeyRecords, SessionCount,
	Sessions, State,
};
use frame_support::assert_ok;
use proptest::prelude::*;
use sp_core::H256;
use sp_runtime::TryRuntimeError;

/// Applies a breach to a sound chain and returns what the invariants report.
fn complaint(breach: impl FnOnce()) -> TryRuntimeError {
	new_ext().execute_with(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		authorised_by(ALICE, offer, 1);
		let captured = authorised_by(ALICE, offer, 2);
		capture(captured, 2);
		session_by(ALICE, offer, 500);
		assert_ok!(Inference::do_try_state());
		breach();
		Inference::do_try_state().unwrap_err()
	})
}

#[test]
fn invariants_notice_each_breach() {
	let breaches: [(fn(), &'static str); 12] = [
		(|| OffersOf::<Test>::remove(OPERATOR), "an offer stands in no list"),
		(|| KeysOf::<Test>::remove(OPERATOR), "a key stands in no list"),
		(
			|| ServingKeyRecords::<Test>::mutate_extant(key(11), |record| record.uses = 2),
			"the uses of a key are miscounted",
		),
		(
			|| Offers::<Test>::mutate_extant(0, |offer| offer.load = 2),
			"the places of an offer are miscounted",
		),
		(|| OpenRequests::<Test>::insert(ALICE, 3), "the open requests are miscounted"),
		(|| Keys::<Test>::insert(BOB, H256::zero(), 0), "a key belongs to no request"),
		(
			|| Requests::<Test>::mutate_extant(0, |request| request.state = State::Pending),
			"a request has no price",
		),
		(
			|| Requests::<Test>::mutate_extant(1, |request| request.receipt = None),
			"a request has a receipt before its time, or none",
		),
		(|| Receipts::<Test>::insert(H256::zero(), 0), "a receipt belongs to no request"),
		(|| SessionCount::<Test>::insert(ALICE, 2), "the sessions are miscounted"),
		(
			|| Sessions::<Test>::mutate_extant(1, |session| session.settled = 1),
			"the holds of sessions do not add up",
		),
		(
			|| Requests::<Test>::mutate_extant(0, |request| request.held = 1),
			"the holds of requests do not add up",
		),
	];
	for (breach, expected) in breaches {
		assert_eq!(complaint(breach), TryRuntimeError::Other(expected));
	}
}

/// One random call: which, by which account, about which number, with which amount.
type Random = (u8, u8, u8, u16);

fn play((call, who, number, amount): Random) {
	let payer = [ALICE, BOB, CAROL][usize::from(who) % 3];
	let operator = [OPERATOR, RIVAL][usize::from(who) % 2];
	let id = u64::from(number % 12);
	let seed = number % 6;
	let _ = match call % 17 {
		0 => Inference::make_offer(signed(operator), offer_terms(), proven(operator, seed_of(operator))),
		1 => Inference::withdraw_offer(signed(operator), u32::from(number % 4)),
		2 => Inference::request(signed(payer), terms(u32::from(number % 4), seed)),
		3 | 4 => Inference::authorise(signed(payer), id),
		5 | 6 => {
			let request = Requests::<Test>::get(id);
			let seed = request.map_or(0, |request| request.terms.seed as u8);
			let chosen = u32::from(amount % 60);
			Inference::capture(signed(operator), id, by(operator, receipt(seed, chosen)))
		}
		7 => Inference::cancel(signed(payer), id),
		8 => Inference::decline(signed(operator), id).map(|_| ()).map_err(|error| error.error),
		9 => Inference::reverse(signed(operator), id).map(|_| ()).map_err(|error| error.error),
		10 => {
			Inference::open_session(signed(payer), u32::from(number % 4), key(seed_of(payer)), amount.into())
		}
		11 => Inference::top_up(signed(payer), id, amount.into()),
		12 => settle(payer, id, amount.into()),
		13 => Inference::close_session(signed(payer), id),
		14 => Inference::finish_session(signed(payer), id).map(|_| ()).map_err(|error| error.error),
		15 => Inference::toggle_privacy(signed(payer)),
		_ => {
			wait(u64::from(amount % 20));
			Ok(())
		}
	};
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(64))]

	#[test]
	fn money_is_conserved_and_states_only_advance_in_any_sequence_of_calls(
		calls in prop::collection::vec(any::<Random>(), 1..120),
	) {
		new_ext().execute_with(|| {
			let issuance = Balances::total_issuance();
			offer_by(OPERATOR, offer_terms());
			let mut last = std::collections::BTreeMap::new();
			for call in calls {
				play(call);
				Inference::do_try_state().unwrap();
				assert_eq!(Balances::total_issuance(), issuance);
				for (id, record) in Requests::<Test>::iter() {
					let before = last.insert(id, record.state).unwrap_or(State::Pending);
					assert!(reaches(before, record.state), "{before:?} {:?}", record.state);
				}
			}
		});
	}
}

/// Reports whether steps lead from one state to the other.
fn reaches(from: State, to: State) -> bool {
	from == to
		|| crate::Action::ALL
			.iter()
			.filter_map(|action| crate::rules::transition(from, *action).ok())
			.any(|next| reaches(next, to))
}
