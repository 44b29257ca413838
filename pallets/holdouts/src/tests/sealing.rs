//! `seal_model`.

use super::mock::*;
use crate::{Error, Event, Sealed};
use blyan_primitives::{SealedHoldout, SealingRules};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::DispatchError;

#[test]
fn a_model_is_sealed_and_made_public_again() {
	check(|| {
		assert_eq!(ask(SUBMISSION), SealedHoldout::Public);
		assert_ok!(Holdouts::seal_model(RuntimeOrigin::root(), MODEL, Some(RULES)));
		assert_eq!(events(), [Event::ModelSealed { model: MODEL, rules: Some(RULES) }]);
		assert_eq!(ask(SUBMISSION), SealedHoldout::Asked);
		assert_eq!(ask(SUBMISSION), SealedHoldout::Waiting);
		assert_ok!(Holdouts::seal_model(RuntimeOrigin::root(), MODEL, None));
		assert_eq!(ask(SUBMISSION), SealedHoldout::Public);
		run(1);
		assert_eq!((phase(SUBMISSION), Sealed::<Test>::get(MODEL)), (None, None));
	});
}

#[test]
fn seal_model_fails_for_others_and_for_rules_that_no_text_meets() {
	check(|| {
		let seal = |model, rules| Holdouts::seal_model(RuntimeOrigin::root(), model, Some(rules));
		assert_noop!(Holdouts::seal_model(signed(1), MODEL, Some(RULES)), DispatchError::BadOrigin);
		assert_noop!(seal(9, RULES), Error::<Test>::ModelUnknown);
		assert_noop!(seal(OPEN_MODEL, RULES), Error::<Test>::DefinitionUnsupported);
		for wrong in [
			SealingRules { sequences: 1, ..RULES },
			SealingRules { sequence_len: 0, ..RULES },
			SealingRules { sequence_len: 33, ..RULES },
			SealingRules { sequences: 9, ..RULES },
			SealingRules { loss_min: RULES.loss_max, ..RULES },
		] {
			assert_noop!(seal(MODEL, wrong), Error::<Test>::RulesMalformed);
		}
	});
}

#[test]
fn a_keeper_that_was_appointed_keeps_its_chunk_when_the_model_becomes_public() {
	check(|| {
		sealed_with(3);
		ask(SUBMISSION);
		let keeper = wait_for_appointment(SUBMISSION);
		assert_ok!(Holdouts::seal_model(RuntimeOrigin::root(), MODEL, None));
		run(1);
		assert_eq!(phase(SUBMISSION), None);
		assert_eq!(crate::Chunks::<Test>::get(MODEL, account(keeper)).len(), 1);
		assert_eq!(Slashed::get(), 0);
	});
}

#[test]
fn chunks_of_another_shape_are_not_appointed() {
	check(|| {
		sealed_with(3);
		let other = SealingRules { sequences: 2, ..RULES };
		assert_ok!(Holdouts::seal_model(RuntimeOrigin::root(), MODEL, Some(other)));
		ask(SUBMISSION);
		run(4);
		assert!(matches!(phase(SUBMISSION), Some(crate::Phase::Starved { .. })));
	});
}
