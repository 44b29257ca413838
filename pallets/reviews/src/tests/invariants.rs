//! Each invariant notices its breach.

use super::mock::*;
use crate::{Open, Reviewers, RosterSize};
use sp_runtime::TryRuntimeError;

/// Applies a breach to a sound chain and returns what the invariants report.
fn complaint(breach: fn()) -> TryRuntimeError {
	new_ext().execute_with(|| {
		(0..5).for_each(join);
		run(PATIENCE);
		drawn(1);
		breach();
		ReviewsPallet::do_try_state().unwrap_err()
	})
}

fn change(who: u64, how: fn(&mut crate::ReviewerOf<Test>)) {
	Reviewers::<Test>::mutate(who, |record| how(record.as_mut().unwrap()));
}

#[test]
fn invariants_notice_each_breach() {
	let other = TryRuntimeError::Other;
	assert_eq!(complaint(RosterSize::<Test>::kill), other("the roster is miscounted"));
	assert_eq!(complaint(|| change(0, |one| one.place = None)), other("reviewers and roster disagree"));
	assert_eq!(complaint(|| change(0, |one| one.place = Some(4))), other("a reviewer is at another place"));
	assert_eq!(complaint(|| change(0, |one| one.bond = RICHES)), other("a bond is not on hold"));
	let seats = other("the seats of a reviewer are miscounted");
	assert_eq!(complaint(|| change(0, |one| one.seats = 9)), seats);
	assert_eq!(complaint(Open::<Test>::kill), other("open reviews are not those that run"));
}
