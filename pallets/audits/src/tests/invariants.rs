//! The invariant checks notice what they are for.

use super::*;
use crate::{Agenda, AuditRecord, Audits, Enrolments, NextAudit, Phase, Revelation, Round, SeatState, Vote};
use frame_support::BoundedVec;
use sp_core::H256;

fn is_noticed_after(damage: impl FnOnce()) -> bool {
	world().operators(8).build().execute_with(|| {
		open();
		let voting = open();
		present_by_the_coin(voting);
		let contested = open();
		let presented = present_by_the_coin(contested);
		assert_eq!(presented, truth(contested));
		let votes = [Vote::Confirm, Vote::Confirm, Vote::Deny(garbage(contested, 1))];
		vote_all(contested, &votes);
		reveal_all(contested, &votes);
		AuditsPallet::do_try_state().unwrap();
		damage();
		AuditsPallet::do_try_state().is_err()
	})
}

fn change(audit: u64, change: impl FnOnce(&mut crate::AuditRecordOf<Test>)) {
	Audits::<Test>::mutate(audit, |record| change(record.as_mut().unwrap()));
}

#[test]
fn damaged_storage_is_noticed() {
	assert!(is_noticed_after(|| Audits::<Test>::remove(0)));
	assert!(is_noticed_after(Agenda::<Test>::kill));
	assert!(is_noticed_after(|| Agenda::<Test>::mutate(|agenda| agenda[0].1 = 0)));
	assert!(is_noticed_after(|| Agenda::<Test>::mutate(|agenda| agenda[0] = agenda[1])));
	assert!(is_noticed_after(|| NextAudit::<Test>::put(1)));
	assert!(is_noticed_after(|| change(0, |record| record.presented = Some(Default::default()))));
	assert!(is_noticed_after(|| change(0, |record| record.seats[0].state = SeatState::Sealed(H256::zero()))));
	assert!(is_noticed_after(|| change(1, |record| record.presented = None)));
	assert!(is_noticed_after(|| change(1, |record| {
		record.revelation = Some(Revelation { secret: H256::zero(), truth: Default::default() });
	})));
	assert!(is_noticed_after(|| change(1, |record| record.phase = Phase::Revealing { until: 99 })));
	assert!(is_noticed_after(|| change(2, |record| {
		record.seats[2].state = SeatState::Revealed(Vote::Confirm);
	})));
	assert!(is_noticed_after(|| change(2, |record| {
		if let Phase::Contested { refuted, .. } = &mut record.phase {
			*refuted = BoundedVec::truncate_from(vec![H256([9; 32])]);
		}
	})));
	assert!(is_noticed_after(|| change(0, |record| record.seats = BoundedVec::new())));
	assert!(is_noticed_after(|| change(0, |record| record.seats[1] = record.seats[0].clone())));
	assert!(is_noticed_after(|| change(0, |record| record.seats[0].operator = record.setter.clone())));
	assert!(is_noticed_after(|| {
		let AuditRecord { setter, .. } = record(0);
		Enrolments::<Test>::remove(setter);
	}));
	assert!(is_noticed_after(|| {
		let AuditRecord { setter, .. } = record(0);
		Enrolments::<Test>::mutate(setter, |enrolment| enrolment.as_mut().unwrap().setting = Some(1));
	}));
	assert!(is_noticed_after(|| Round::<Test>::mutate(|round| round.drawn = round.target + 1)));
}
