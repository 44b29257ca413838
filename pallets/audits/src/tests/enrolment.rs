//! Committing to a secret.

use super::*;
use crate::{rules, Enrolment, Enrolments, Error, Event, Message};
use frame_support::{assert_noop, assert_ok};
use frame_system::RawOrigin;
use sp_runtime::DispatchError;

fn other(text: &'static str) -> DispatchError {
	DispatchError::Other(text)
}

const STALE: &str = "Transaction is outdated";
const CALL: &str = "Transaction call is not expected";
const BAD_PROOF: &str = "Transaction has a bad signature";
const BAD_SIGNER: &str = "Invalid signing address";

#[test]
fn enrol_commits_an_operator() {
	world().nobody_enrolled().build_and_check(|| {
		enrol(0, 0).unwrap();
		let commitment = rules::commitment(&secret(0, 0));
		let seen = Enrolments::<Test>::get(account(0)).unwrap();
		let nonce = crate::rules::enrolment_nonce(&2u32);
		assert_eq!(seen, Enrolment { commitment, nonce, since: 2, appointment: 2, setting: None });
		assert_eq!(events(), [Event::Enrolled { operator: account(0), commitment }]);
	});
}

#[test]
fn enrol_fails_for_strangers_and_wrong_signatures() {
	world().nobody_enrolled().build_and_check(|| {
		assert_noop!(enrol(50, 0), other(BAD_SIGNER));
		let message = Message::Enrol { commitment: secret(0, 0), at: 2 };
		let forged = call(message, key(0), sign(1, &message));
		assert_noop!(deliver(forged.into()), other(BAD_PROOF));
	});
}

#[test]
fn an_old_enrolment_cannot_be_sent_again() {
	world().nobody_enrolled().build_and_check(|| {
		let message = Message::Enrol { commitment: rules::commitment(&secret(0, 0)), at: 2 };
		let old = call(message, key(0), sign(0, &message));
		assert_ok!(deliver(old.clone().into()));
		run_to(2 + ENROL_EVERY);
		enrol(0, 1).unwrap();
		run_to(2 + 2 * ENROL_EVERY);
		assert_noop!(deliver(old.clone().into()), other(STALE));
		// Not even by an operator that left and came back.
		Enrolments::<Test>::remove(account(0));
		run_to(100);
		assert_noop!(deliver(old.into()), other(STALE));
		let future = Message::Enrol { commitment: secret(0, 0), at: 101 };
		assert_noop!(say(0, future), other(STALE));
	});
}

#[test]
fn a_commitment_is_replaced_by_another_one_after_a_while() {
	world().build_and_check(|| {
		run_to(ENROL_EVERY);
		assert_noop!(enrol(0, 1), other(CALL));
		run_to(1 + ENROL_EVERY);
		assert_noop!(enrol(0, 0), other(CALL));
		assert_ok!(enrol(0, 1));
	});
}

#[test]
fn forget_removes_the_commitments_of_those_who_left() {
	world().build_and_check(|| {
		let audit = open();
		let setter = record(audit).setter;
		let anyone = || RawOrigin::Signed(account(90)).into();
		assert_noop!(AuditsPallet::forget(anyone(), account(50)), Error::<Test>::NothingToForget);
		let bystander = account(auditor(audit, 0));
		assert_noop!(AuditsPallet::forget(anyone(), bystander.clone()), Error::<Test>::NothingToForget);
		Keys::mutate(|keys| keys.retain(|_, owner| *owner != bystander && *owner != setter));
		assert_noop!(AuditsPallet::forget(anyone(), setter), Error::<Test>::NothingToForget);
		assert_ok!(AuditsPallet::forget(anyone(), bystander.clone()));
		assert!(!Enrolments::<Test>::contains_key(bystander));
	});
}
