//! Stories of `propose`, `support` and `close`.

use super::mock::*;
use crate::{Action, Error, Event, Kind, Proposals, ProposedBy, Supporters};
use frame_support::{assert_noop, assert_ok, dispatch::Pays, BoundedVec};

#[test]
fn proposal_is_enacted_in_the_block_of_the_deciding_voice() {
	build_and_check(|| {
		assert_ok!(propose(1, Kind::Breach, Action::Pause));
		for who in 2..=6 {
			assert_eq!(support(who, 0).unwrap().pays_fee, Pays::No);
		}
		assert_eq!(take_done(), Vec::<String>::new(), "six of ten are fewer than two thirds");
		assert_ok!(support(7, 0));
		assert_eq!(take_done(), ["pause 72"]);
		let ends_at = Some(1 + 3 * DAY);
		System::assert_last_event(Event::Enacted { proposal: 0, kind: Kind::Breach, ends_at }.into());
		assert!(!Proposals::<Test>::contains_key(0) && !ProposedBy::<Test>::contains_key(1));
		assert_noop!(support(8, 0), Error::<Test>::UnknownProposal);
	});
}

#[test]
fn proposal_needs_a_voice_a_reason_and_accounts() {
	build_and_check(|| {
		assert_noop!(propose(STRANGER, Kind::Breach, Action::Pause), Error::<Test>::NotElector);
		let silent = Emergencies::propose(signed(1), Kind::Breach, Action::Pause, BoundedVec::default());
		assert_noop!(silent, Error::<Test>::JustificationMissing);
		assert_noop!(propose(1, Kind::EconomicAttack, freeze([])), Error::<Test>::NoAccounts);
		Voices::set(0);
		assert_noop!(propose(1, Kind::Breach, Action::Pause), Error::<Test>::NotElector);
	});
}

#[test]
fn voice_has_one_open_proposal_and_supports_it_once() {
	build_and_check(|| {
		assert_ok!(propose(1, Kind::Breach, Action::Pause));
		assert_noop!(propose(1, Kind::Breach, Action::Pause), Error::<Test>::ProposalOpen);
		assert_noop!(support(1, 0), Error::<Test>::AlreadySupported);
		// No number of proposals keeps another voice from proposing.
		for who in 2..=10 {
			assert_ok!(propose(who, Kind::Breach, Action::Pause));
		}
	});
}

#[test]
fn proposal_expires_after_a_day() {
	build_and_check(|| {
		assert_ok!(propose(1, Kind::Breach, Action::Pause));
		assert_noop!(Emergencies::close(signed(STRANGER), 0), Error::<Test>::NotExpired);
		run_to(1 + DAY);
		assert_ok!(support(2, 0));
		run_to(2 + DAY);
		assert_noop!(support(3, 0), Error::<Test>::Expired);
		assert_eq!(Emergencies::close(signed(STRANGER), 0).unwrap().pays_fee, Pays::No);
		assert_eq!(Supporters::<Test>::iter().count(), 0);
	});
}

#[test]
fn expired_proposal_gives_way_to_the_next_one_of_its_author() {
	build_and_check(|| {
		assert_ok!(propose(1, Kind::Breach, Action::Pause));
		run_to(2 + DAY);
		assert_ok!(propose(1, Kind::Breach, Action::Pause));
		assert_eq!(Proposals::<Test>::iter_keys().collect::<Vec<_>>(), [1]);
		System::assert_has_event(Event::Closed { proposal: 0 }.into());
	});
}

#[test]
fn operators_that_register_during_a_vote_change_nothing() {
	build_and_check(|| {
		assert_ok!(propose(1, Kind::Breach, Action::Pause));
		// Twelve newcomers make another electorate.
		Newest::set(1);
		Voices::set(22);
		for newcomer in 11..=22 {
			assert_noop!(support(newcomer, 0), Error::<Test>::NotElector);
		}
		assert_eq!(Proposals::<Test>::get(0).unwrap().needed, 7);
	});
}

#[test]
fn banned_operator_supports_nothing() {
	build_and_check(|| {
		assert_ok!(propose(1, Kind::Breach, Action::Pause));
		Fallen::set([2].into());
		assert_noop!(support(2, 0), Error::<Test>::NotElector);
	});
}

#[test]
fn failure_of_the_action_fails_the_deciding_vote_alone() {
	build_and_check(|| {
		assert_ok!(propose(1, Kind::Breach, Action::Pause));
		for who in 2..=6 {
			assert_ok!(support(who, 0));
		}
		Broken::set(true);
		assert_noop!(support(7, 0), sp_runtime::DispatchError::Unavailable);
		Broken::set(false);
		assert_ok!(support(7, 0));
		assert_eq!(take_done(), ["pause 72"]);
	});
}

#[test]
fn calls_that_are_certain_to_fail_are_known_before() {
	use blyan_primitives::{Refusal, FAR};
	build_and_check(|| {
		let justification = || BoundedVec::try_from(b"why".to_vec()).unwrap();
		let refusal = |call: crate::Call<Test>| Emergencies::refusal(&call);
		let call = |kind, action, justification| crate::Call::propose { kind, action, justification };
		assert_eq!(refusal(call(Kind::Breach, Action::Pause, justification())), None);
		for malformed in [
			call(Kind::EconomicAttack, Action::Pause, justification()),
			call(Kind::Breach, Action::Pause, BoundedVec::default()),
			call(Kind::EconomicAttack, freeze([]), justification()),
		] {
			assert_eq!(refusal(malformed), Some(Refusal::Malformed));
		}
		assert_ok!(propose(1, Kind::Breach, Action::Pause));
		assert_eq!(refusal(crate::Call::support { proposal: 0 }), None);
		assert_eq!(refusal(crate::Call::support { proposal: 1 }), None, "it may be made first");
		let far = FAR as u32 + 1;
		assert_eq!(refusal(crate::Call::close { proposal: far }), Some(Refusal::Unknown));
	});
}
