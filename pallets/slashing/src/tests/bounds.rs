//! Stories of what is remembered, and for how long.

use super::mock::*;
use crate::{Event, OffenceRecords, PendingOf};
use blyan_primitives::traits::OffenceKind;
use frame_support::assert_ok;

#[test]
fn light_offences_leave_room_for_grave_ones() {
	ExtBuilder.build_and_check(|| {
		for number in 0..PENDING as u8 {
			report(OffenceKind::HeartbeatsMissed, number);
		}
		assert_eq!(PendingOf::<Test>::get(ALICE).len() as u32, PENDING / 2);
		let dropped = Event::ReportDropped {
			offender: ALICE,
			kind: OffenceKind::HeartbeatsMissed,
			evidence: evidence(PENDING as u8 - 1),
		};
		assert_eq!(take_events().last(), Some(&dropped));
		for number in 0..PENDING as u8 {
			report(OffenceKind::Equivocation, number);
		}
		assert_eq!(PendingOf::<Test>::get(ALICE).len() as u32, PENDING);
		// What was dropped can be reported again when there is room.
		wait(WINDOW);
		report(OffenceKind::HeartbeatsMissed, PENDING as u8 - 1);
		assert_eq!(PendingOf::<Test>::get(ALICE).len(), 1);
	});
}

#[test]
fn the_oldest_decision_is_forgotten_first() {
	ExtBuilder.build_and_check(|| {
		let ids: Vec<_> = (0..CLOSED as u8 + 2)
			.map(|number| {
				let id = report(OffenceKind::HeartbeatsMissed, number);
				assert_ok!(Slashing::pardon(root(), id));
				id
			})
			.collect();
		let known: Vec<_> = ids.iter().map(OffenceRecords::<Test>::contains_key).collect();
		assert_eq!(known, [false, false, true, true, true, true, true]);
	});
}
