//! The invariant checks notice what they are for.

use super::*;
use crate::{
	BusyModels, ClosedRing, Decisions, Maturing, Miners, OpenBlobs, OpenRoots, OpenSubmissions, Phase, Queues,
};
use sp_core::H256;

fn is_noticed_after(damage: impl FnOnce()) -> bool {
	let mut world = ExtBuilder::default().build();
	world.execute_with(|| {
		judge(1, score(0, 0));
		run_to_maturity(0);
		judge(4, score(640, 0));
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
	assert!(is_noticed_after(|| Maturing::<Test>::kill()));
	assert!(is_noticed_after(|| Decisions::<Test>::remove(1)));
	assert!(is_noticed_after(
		|| Decisions::<Test>::mutate(1, |decision| decision.as_mut().unwrap().held -= 1)
	));
	assert!(is_noticed_after(|| Decisions::<Test>::mutate(1, |decision| decision
		.as_mut()
		.unwrap()
		.disputes = 1)));
	assert!(is_noticed_after(|| Decisions::<Test>::mutate(1, |decision| {
		decision.as_mut().unwrap().digest = Some(H256::zero());
	})));
	assert!(is_noticed_after(|| OpenSubmissions::<Test>::mutate(2, |record| {
		let Some(Phase::Evaluating(evaluation)) = record.as_mut().map(|record| &mut record.phase) else {
			return;
		};
		evaluation.seats[0].operator = miner();
	})));
	assert!(is_noticed_after(|| OpenSubmissions::<Test>::mutate(2, |record| {
		let Some(Phase::Evaluating(evaluation)) = record.as_mut().map(|record| &mut record.phase) else {
			return;
		};
		evaluation.seats[0].verdict = Some(score(1, 0));
	})));
}
