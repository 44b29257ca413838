//! Stories of `pause_call`.

use super::mock::*;
use crate::{Error, Event};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::traits::BadOrigin;

fn pause(origin: RuntimeOrigin, blocks: u64) -> sp_runtime::DispatchResult {
	Emergencies::pause_call(origin, name("Balances"), name("burn"), blocks)
}

#[test]
fn pause_call_ends_by_itself() {
	build_and_check(|| {
		assert_ok!(pause(RuntimeOrigin::root(), 5));
		let event =
			Event::CallPaused { proposal: 0, pallet: name("Balances"), call: name("burn"), ends_at: 6 };
		System::assert_last_event(event.into());
		run_to(5);
		assert_eq!(take_done(), ["stop Balances.burn"]);
		run_to(6);
		assert_eq!(take_done(), ["go Balances.burn"]);
	});
}

#[test]
fn pause_call_is_for_its_origin_and_for_days() {
	build_and_check(|| {
		assert_noop!(pause(signed(1), 5), BadOrigin);
		assert_noop!(pause(RuntimeOrigin::root(), 0), Error::<Test>::PauseLength);
		assert_noop!(pause(RuntimeOrigin::root(), 3 * DAY + 1), Error::<Test>::PauseLength);
		assert_ok!(pause(RuntimeOrigin::root(), 3 * DAY));
	});
}
