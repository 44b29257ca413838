//! The invariant checks notice what they are for.

use super::*;
use crate::{BusyModels, ClosedRing, Miners, OpenBlobs, OpenRoots, OpenSubmissions, Phase, Queues};
use sp_core::H256;

fn is_noticed_after(damage: impl FnOnce()) -> bool {
	let mut world = ExtBuilder::default().build();
	world.execute_with(|| {
		judge(1, score(0, 0));
		submit_and_draw(2);
		submit(3);
		Learning::do_try_state().unwrap();
		damage();
		Learning::do_try_state().is_err()
	})
}

#[test]
fn damaged_storage_is_noticed() {
	assert!(is_noticed_after(|| Queues::<Test>::remove(0)));
	assert!(is_noticed_after(BusyModels::<Test>::kill));
	assert!(is_noticed_after(|| OpenSubmissions::<Test>::remove(2)));
	assert!(is_noticed_after(|| OpenRoots::<Test>::remove(block(2).tensor_root)));
	assert!(is_noticed_after(|| OpenBlobs::<Test>::insert(H256::zero(), 2)));
	assert!(is_noticed_after(|| Miners::<Test>::mutate(miner(), |miner| miner.open += 1)));
	assert!(is_noticed_after(|| ClosedRing::<Test>::remove(0)));
	assert!(is_noticed_after(|| OpenSubmissions::<Test>::mutate(1, |record| {
		let Some(Phase::Evaluating(evaluation)) = record.as_mut().map(|record| &mut record.phase) else {
			return;
		};
		evaluation.seats[0].operator = miner();
	})));
}
