//! Invariants under any order of calls.

use super::mock::*;
use crate::*;
use blyan_primitives::{AuditFinding, AuditReport, Ballot, DatasetReason, DatasetRef};
use proptest::prelude::*;

fn any_finding(choice: u32) -> AuditFinding {
	match choice % 8 {
		0 => AuditFinding::Unavailable,
		1 => AuditFinding::Malformed,
		2 => AuditFinding::Examined(AuditReport { toxicity: 500_000, ..clean() }),
		3 => AuditFinding::Examined(AuditReport { pii: 1, ..clean() }),
		_ => AuditFinding::Examined(clean()),
	}
}

/// One call of some account, whatever comes of it.
fn act(what: u32, choice: u32) {
	let open: Vec<DatasetRef> = Datasets::<Test>::iter_keys().collect();
	let who = ALICE + choice % 3;
	let Some(dataset) = open.get(choice as usize % open.len().max(1)).copied() else {
		let _ = submit(who, offer(choice));
		return;
	};
	let creator = number_of(&record(dataset).creator);
	let _ = match what % 10 {
		0 | 1 => submit(who, offer(choice % 12)).map(|_| ()),
		2 | 3 => DatasetsPallet::begin_audit(signed(creator), dataset),
		4 | 5 => {
			let Some(audit) = Audits::<Test>::get(dataset) else { return };
			for seat in &audit.seats {
				let number = number_of(&seat.operator);
				let finding = any_finding(choice / 7 + number % 2);
				if !(choice + number).is_multiple_of(5) {
					let _ = seal(dataset, number, finding);
					let _ = reveal(dataset, number, finding);
				}
			}
			Ok(())
		}
		6 => {
			for voter in 0..9 {
				let no = Ballot::No { reason: DatasetReason::Quality };
				let ballot = if !(choice + voter).is_multiple_of(3) { YES } else { no };
				let _ = vote(dataset, voter, ballot);
			}
			Ok(())
		}
		7 => DatasetsPallet::withdraw(signed(creator), dataset),
		8 => DatasetsPallet::appeal(signed(creator), dataset),
		_ => DatasetsPallet::quarantine(RuntimeOrigin::root(), dataset, DatasetReason::Safety),
	};
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(24))]

	#[test]
	fn invariants_hold_after_any_calls(
		steps in proptest::collection::vec((0u32..10, any::<u16>(), 0u32..30), 1..80),
	) {
		new_ext_with(14).execute_with(|| {
			for (what, choice, wait) in steps {
				act(what, choice.into());
				run(wait);
				DatasetsPallet::do_try_state().unwrap();
			}
			// In the end nothing waits for ever.
			run(2 * (PENDING_WINDOW + VOTE_WINDOW + VOTE_EXTENSION + APPEAL_WINDOW + REJECTED_FOR));
			DatasetsPallet::do_try_state().unwrap();
			assert_eq!(OpenCount::<Test>::get(), 0);
			assert!(Datasets::<Test>::iter_values().all(|record| record.stage.is_approved()));
		});
	}
}
