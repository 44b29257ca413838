//! Stories of the roots that receipts can be about.

use super::{
	challenge::{right, wrong},
	*,
};
use crate::{Error, Roots};
use blyan_primitives::Receipt;
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;

fn until(root: H256) -> Option<Option<u32>> {
	Roots::<Test>::get(root).map(|record| record.until)
}

/// Attack: a wrong answer just before the model changes.
#[test]
fn a_receipt_can_be_challenged_for_a_period_after_the_model_changed() {
	let (said, trace) = wrong();
	let outcome = Party::honest(trace).outcome();
	story(|| {
		said.serve();
		assert_eq!(until(said.world.root), Some(None));
		Registry::promoted(0, H256([5; 32]));
		run_for(2);
		let end = until(said.world.root).unwrap().unwrap();
		assert_eq!(until(H256([5; 32])), Some(None));
		run_to(end);
		assert_ok!(challenge(&challenger(), said.signed(), outcome));
	});
	story(|| {
		said.serve();
		Registry::promoted(0, H256([5; 32]));
		run_for(2);
		let end = until(said.world.root).unwrap().unwrap();
		run_to(end + 1);
		let receipt = said.signed();
		assert_noop!(
			Answers::challenge(signed(&challenger()), receipt, outcome),
			Error::<Test>::ModelUnknown
		);
		run_for(2);
		assert_eq!(until(said.world.root), None);
	});
}

#[test]
fn a_root_that_a_model_has_again_stays() {
	let (said, trace) = wrong();
	story(|| {
		said.serve();
		Registry::promoted(0, H256([5; 32]));
		run_for(2);
		// What was promoted is taken back.
		Registry::promoted(0, said.world.root);
		run_for(PERIOD + 5);
		assert_eq!(until(said.world.root), Some(None));
		assert_eq!(until(H256([5; 32])), None);
		assert_ok!(challenge(&challenger(), said.signed(), Party::honest(trace).outcome()));
	});
}

#[test]
fn two_models_of_one_root_are_two() {
	let (said, _) = right();
	story(|| {
		said.serve();
		said.serve();
		run_for(4);
		assert_eq!(Roots::<Test>::get(said.world.root).unwrap().models, 2);
		Registry::promoted(0, H256([5; 32]));
		run_for(4);
		assert_eq!(Roots::<Test>::get(said.world.root).unwrap().models, 1);
		assert_eq!(until(said.world.root), Some(None));
	});
}

#[test]
fn a_model_is_unknown_before_it_was_looked_at() {
	let (said, trace) = wrong();
	story(|| {
		let receipt = sign(Receipt { ..said.receipt() });
		let outcome = Party::honest(trace).outcome();
		assert_noop!(
			Answers::challenge(signed(&challenger()), receipt, outcome),
			Error::<Test>::ModelUnknown
		);
		said.serve();
		assert_ok!(challenge(&challenger(), receipt, outcome));
	});
}
